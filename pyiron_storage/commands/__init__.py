"""The command line: each module of this package is a command of ``pyiron-storage``, by its name.

A module has a function ``command``, whose parameters and docstring typer reads; a
module that is added here is a command without any other change.  ``TROUBLE`` in it is
the exit code of its errors, where that is not 1.
"""

from __future__ import annotations

import importlib
import io
import pkgutil
import sys
from typing import TYPE_CHECKING

from pyiron_storage.errors import MissingPackageError

if TYPE_CHECKING:
    import typer


def application() -> typer.Typer:
    """Return the application with all commands.

    Raises
    ------
    MissingPackageError
        If typer is not installed.
    """
    try:
        import typer

        from pyiron_storage.command_line import program, reporting
    except ModuleNotFoundError as error:
        raise MissingPackageError(
            f"The command line needs the package {error.name!r}, which is not installed. Install it with "
            "pip install 'pyiron_storage[cli]'."
        ) from error
    app = typer.Typer(
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(program)
    for name in names():
        module = importlib.import_module(f"{__name__}.{name}")
        summary = module.command.__doc__.partition("\n")[0]  # else typer cuts it off
        app.command(name, short_help=summary)(reporting(module.command, getattr(module, "TROUBLE", 1)))
    return app


def names() -> list[str]:
    """The names of all commands."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def main() -> None:
    """Run the command that the arguments of the process name."""
    try:
        app = application()
    except MissingPackageError as error:
        raise SystemExit(f"pyiron-storage: {error}") from None
    _show_every_letter()
    app(prog_name="pyiron-storage")


def _show_every_letter() -> None:
    """Let letters that the terminal does not have be shown by their number, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")
