"""``pyiron-storage copy``."""

from __future__ import annotations

from typing import Annotated

import typer

from pyiron_storage.command_line import Target, file_and_path
from pyiron_storage.operations import copying

Replace = Annotated[bool, typer.Option("--replace", help="Replace what is there already.")]
Compression = Annotated[
    str | None, typer.Option("--compression", metavar="NAME", help="How the copy is compressed, such as gzip.")
]


def command(source: Target, target: Target, *, replace: Replace = False, compression: Compression = None) -> None:
    """Copy a file, or what is at a path in it, to a file of the same or another back-end.

    No class is needed. A bar on a terminal shows how far it is, where that takes over a second.
    """
    (old, path), (new, new_path) = file_and_path(source), file_and_path(target)
    copying.copy(old, new, path, new_path or None, replace=replace, compression=compression)
