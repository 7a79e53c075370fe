"""A tree as text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pyiron_storage.looking.branches import Branch
from pyiron_storage.looking.describing import label, printable, shortened
from pyiron_storage.looking.folding import Shown, unfold

DEPTH: Final = 8
LINES: Final = 80
ENTRIES: Final = 24
NAME_WIDTH: Final = 48


def tree(branch: Branch, *, depth: int = DEPTH, lines: int = LINES, entries: int = ENTRIES) -> str:
    """Draw a tree: one line for each thing, long lists folded.

    Parameters
    ----------
    branch : Branch
        Where it begins.
    depth : int
        How many levels below it.
    lines : int
        How many lines in all, about.
    entries : int
        How many lines for one dict or group, or for a list at the root.
    """
    shown = unfold(branch, depth=depth, lines=lines, entries=entries)
    return "\n".join([_line(shown, 0), *_below(shown, "")])


def _below(shown: Shown, indent: str) -> Iterator[str]:
    width = min(24, max((len(_name(child)) for child in shown.children), default=0))
    for child in shown.children:
        is_last = child is shown.children[-1] and not shown.more
        yield f"{indent}{'└─ ' if is_last else '├─ '}{_line(child, width)}"
        yield from _below(child, indent + ("   " if is_last else "│  "))
    if shown.more:
        yield f"{indent}└─ … {shown.more:,} more"


def _line(shown: Shown, width: int) -> str:
    line = f"{_name(shown).ljust(width)}  {label(shown.branch)}"
    return f"{line}  {shown.preview}" if shown.preview else line


def _name(shown: Shown) -> str:
    return shortened(printable(shown.branch.name), NAME_WIDTH)
