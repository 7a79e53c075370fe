"""``pyiron-storage trust``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from pyiron_storage.command_line import AsJSON, Backend, File, confirm, show, show_json
from pyiron_storage.looking.describing import printable
from pyiron_storage.operations.approval import named_in, sign_as_listed

ListOnly = Annotated[bool, typer.Option("--list", help="List only, and sign nothing.")]
Yes = Annotated[bool, typer.Option("--yes", help="Sign without asking.")]


def command(
    file: File, *, list_only: ListOnly = False, yes: Yes = False, backend: Backend = None, json: AsJSON = False
) -> None:
    """List every class, function and code that a file names, then sign it with your key, so that it loads.

    With --json it is listed only, unless --yes is said too.
    """
    found = named_in(file, backend=backend)
    if json:
        show_json([asdict(want) for want in found])
    for want in [] if json else found:
        show(printable(str(want)))
    if found and not list_only and (yes or not json):
        if not yes:
            confirm("May all of this run when the file is loaded? It is signed with your key then.")
        sign_as_listed(file, found, backend=backend)
