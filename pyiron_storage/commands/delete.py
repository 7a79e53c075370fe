"""``pyiron-storage delete``."""

from __future__ import annotations

from typing import Annotated

import typer

from pyiron_storage import api
from pyiron_storage.backends.registry import backends, in_object
from pyiron_storage.command_line import Backend, File, OptionalPath, confirm
from pyiron_storage.looking.describing import printable
from pyiron_storage.model.storage import GenericStorage

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def command(file: File, path: OptionalPath = "", *, yes: Yes = False, backend: Backend = None) -> None:
    """Delete what is at a path, or without one the whole file; a file or a group that holds something after asking."""
    if not yes:
        _ask(file, path, backend)
    api.delete(file, path or None, backend=backend)


def _ask(file: str, path: str, backend: str | None) -> None:
    """Ask whether a whole file, or all in a group, is to go; an object or a value goes without a question."""
    if not path:
        confirm(f"Delete all of {printable(file)}?")
        return
    with backends.find(backend, file).open(file, "r") as storage:
        found = None if storage._reading_makes_objects else storage.get(in_object(storage, path))
        count = len(found) if isinstance(found, GenericStorage) else 0
    if count:
        entries = "1 entry" if count == 1 else f"{count} entries"
        confirm(f"Delete the group {printable(path)} with {entries} from {printable(file)}?")
