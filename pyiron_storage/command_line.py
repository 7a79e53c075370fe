"""What the commands share: their arguments, how they print, and how they report errors.

Imported with typer, which the extra ``cli`` installs, by the commands alone.
"""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable
from pathlib import Path as FilePath
from typing import Annotated, Any

import typer

from pyiron_storage.backends.registry import backends
from pyiron_storage.errors import StorageError, StorageExistsError, UnsupportedOperationError
from pyiron_storage.looking.describing import printable_lines
from pyiron_storage.provenance.environment import own_version

File = Annotated[str, typer.Argument(metavar="FILE", help="The file or directory.", show_default=False)]
Target = Annotated[str, typer.Argument(metavar="FILE[::PATH]", help="The file, and a path in it.", show_default=False)]
Path = Annotated[str, typer.Argument(metavar="PATH", help="A path in the file.", show_default=False)]
OptionalPath = Annotated[str, typer.Argument(metavar="PATH", help="A path in the file.", show_default=False)]
AsJSON = Annotated[bool, typer.Option("--json", help="Print JSON, for a program to read.")]
Backend = Annotated[
    str | None, typer.Option("--backend", metavar="NAME", help="The back-end, where the suffix does not say it.")
]
Output = Annotated[
    str | None, typer.Option("--output", "-o", metavar="FILE", help="The file to write.", show_default=False)
]


def _show_version(asked: bool) -> None:  # noqa: FBT001  typer calls it so
    if asked:
        show(f"pyiron-storage {own_version()}")
        leave(0)


Version = Annotated[
    bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
]


def program(*, version: Version = False) -> None:
    """Look into the files of pyiron_storage, compare, copy and change them. No stored code is run."""
    del version  # `_show_version` has seen to it


def file_and_path(target: str) -> tuple[str, str]:
    """Split ``FILE::PATH``.

    Examples
    --------
    >>> file_and_path("run.h5::nodes/relax"), file_and_path("run.h5")
    (('run.h5', 'nodes/relax'), ('run.h5', ''))
    """
    file, _, path = target.partition("::")
    return file, path


def show(text: str) -> None:
    """Print text."""
    typer.echo(text)


def show_lines(text: str) -> None:
    """Print text of several lines without what a terminal would obey."""
    typer.echo(printable_lines(text))


def show_json(content: Any) -> None:
    """Print JSON; in ASCII, so that it is the same JSON wherever it is printed to."""
    typer.echo(json.dumps(content, indent=2, allow_nan=False))


def leave(code: int) -> None:
    """End the command with an exit code."""
    raise typer.Exit(code)


def output_file(asked: str | None, otherwise: str) -> FilePath:
    """The file that a command writes; no storage, which would be lost.

    Raises
    ------
    StorageExistsError
        If a storage is there, by its suffix.
    """
    path = FilePath(asked or otherwise)
    if path.exists() and backends.known(path) is not None:
        raise StorageExistsError(
            f"{path} is a storage, by its suffix, and is not written over. Choose another --output."
        )
    return path


def confirm(question: str) -> None:
    """Ask, and end the command where the answer is no.

    Raises
    ------
    UnsupportedOperationError
        If there is nobody to be asked.
    """
    if not sys.stdin.isatty():
        raise UnsupportedOperationError(
            f"{question} Nobody can be asked, for stdin is no terminal: say --yes. Nothing was done."
        )
    typer.confirm(question, abort=True)


def reporting(command: Callable[..., None], code: int = 1) -> Callable[..., None]:
    """Let a command print the message of an error to stderr, and exit with a code, instead of a traceback."""

    @functools.wraps(command)
    def run(*arguments: Any, **options: Any) -> None:
        try:
            command(*arguments, **options)
        except BrokenPipeError:
            raise  # nobody reads on, which is no error
        except (StorageError, OSError) as error:
            typer.echo(printable_lines(f"pyiron-storage: {error}"), err=True)
            raise typer.Exit(code) from None

    return run
