"""``pyiron-storage delete``."""

from __future__ import annotations

from typing import Annotated

import typer

from pyiron_storage import api
from pyiron_storage.command_line import Backend, File, OptionalPath, confirm

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before a whole file is deleted.")]


def command(file: File, path: OptionalPath = "", *, yes: Yes = False, backend: Backend = None) -> None:
    """Delete what is at a path, or without a path the whole file, after asking."""
    if not path and not yes:
        confirm(f"Delete all of {file}?")
    api.delete(file, path or None, backend=backend)
