"""What of a tree is shown, and where it is folded: a few lines of each level before many of one."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from pyiron_storage.looking.branches import Branch, Part
from pyiron_storage.looking.describing import FEW, LISTS, is_plain_list, preview


@dataclass
class Shown:
    """A branch that is shown.

    Attributes
    ----------
    branch : Branch
        The branch.
    preview : str
        What it begins with.
    children : list of Shown
        What is shown below it.
    more : int
        How many more are below it.
    further : list of Shown
        The first of these more, each in one line, where they are to be had too.
    numbers : bool
        Whether it is a list of numbers.
    closed : bool
        Whether one line says all, so that nothing is shown below it.
    """

    branch: Branch
    preview: str = ""
    children: list[Shown] = field(default_factory=list)
    more: int = 0
    further: list[Shown] = field(default_factory=list)
    numbers: bool = False
    closed: bool = False


ENTRIES_OF_A_LIST: Final = 4
"""So many entries of a list of lists, dicts or objects are shown: they look alike."""


def unfold(root: Branch, *, depth: int, lines: int, entries: int, further: int = 0) -> Shown:
    """Choose what is shown of a tree.

    Parameters
    ----------
    root : Branch
        Where it begins.
    depth : int
        How many levels below the root at most.
    lines : int
        How many branches in all at most; near ones come before deep ones.
    entries : int
        How many of one dict or group at most, or of the list at the root; others show fewer.
    further : int
        How many of those that are left out are given in all, each in one line, for a page that can unfold them.
    """
    tree = _shown(root)
    waiting, room = deque([(tree, 0)]), lines - 1
    while waiting:
        shown, level = waiting.popleft()
        branch = shown.branch
        if shown.closed or level >= depth or not branch.size:
            continue
        limit = min(entries, ENTRIES_OF_A_LIST) if level and branch.info.kind in LISTS else entries
        count = min(limit, room)
        if branch.size == count + 1 and room > count:
            count += 1  # the line that would tell of one more has room for it
        if count <= 0:
            continue
        wanted = count + further
        found = [_shown(child) for child in branch.children(min(wanted, branch.size))]
        shown.children, shown.further = found[:count], found[count:]
        further -= len(shown.further)
        shown.more = max(0, branch.size - len(shown.children))
        room -= len(shown.children) + bool(shown.more)
        waiting.extend((child, level + 1) for child in shown.children)
    return tree


def _shown(branch: Branch) -> Shown:
    if branch.info.same_as is not None:
        return Shown(branch, preview(branch), closed=True)
    if isinstance(branch, Part) and branch.info.kind in LISTS and branch.size:
        first = branch.children(FEW)
        if is_plain_list(branch, first):
            numbers = {child.info.type for child in first} <= {"int", "float"}
            return Shown(branch, preview(branch, first), closed=True, numbers=numbers and branch.info.kind != "set")
    return Shown(branch, preview(branch))
