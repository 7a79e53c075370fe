"""``pyiron-storage tree``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from pyiron_storage.command_line import AsJSON, Backend, File, OptionalPath, show, show_json
from pyiron_storage.looking.branches import Branch
from pyiron_storage.looking.text import DEPTH, ENTRIES, LINES, tree
from pyiron_storage.operations.browser import browse

Depth = Annotated[int, typer.Option(help="How many levels.", min=0)]
Lines = Annotated[int, typer.Option(help="How many lines, about.", min=1)]
Entries = Annotated[int, typer.Option(help="How many entries of one dict or group.", min=1)]


def command(
    file: File,
    path: OptionalPath = "",
    *,
    depth: Depth = DEPTH,
    lines: Lines = LINES,
    entries: Entries = ENTRIES,
    backend: Backend = None,
    json: AsJSON = False,
) -> None:
    """Draw what is in a file as a tree, with what values and arrays begin with.

    With --json all of it is listed, down to the depth.
    """
    with browse(file, path, backend=backend).look() as branch:
        if json:
            show_json([{"path": found.path, **asdict(found.info)} for found in _below(branch, depth)])
        else:
            show(tree(branch, depth=depth, lines=lines, entries=entries))


def _below(root: Branch, depth: int) -> list[Branch]:
    found, waiting = [], [(root, 0)]
    while waiting:
        branch, level = waiting.pop()
        found.append(branch)
        if level < depth and branch.info.same_as is None:
            waiting.extend((child, level + 1) for child in reversed(branch.children()))
    return found
