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

    No class is needed. A bar on a terminal shows how far it is.
    """
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    (old, path), (new, new_path) = file_and_path(source), file_and_path(target)
    console = Console(stderr=True)
    columns = (TextColumn("copying"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("copying", total=None)
        copying.copy(
            old,
            new,
            path,
            new_path or None,
            replace=replace,
            compression=compression,
            on_progress=lambda done, total: progress.update(task, completed=done, total=total),
        )
