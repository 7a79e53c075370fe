"""From the graph of nodes that the encoder makes to the lines of the document.

What is shared and what lies too deep stands on a line of its own, and so does
what is too long; a list or object with very many entries goes on over several
lines (``parts``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from pyiron_storage.records.document import Node, Record, reference
from pyiron_storage.records.long_lines import shorten, shortened_text
from pyiron_storage.records.structure import is_container, slots

NOTHING: Final[Mapping[int, Node]] = MappingProxyType({})
COMPLETE_AT_ONCE: Final = ("tuple", "frozenset", "namedtuple", "slice")
"""Rules whose object cannot exist before its items do."""
MADE_OF_NODES: Final = "registered"
"""The rule whose object cannot exist before its nodes do, whatever is made of them."""


@dataclass
class Marks:
    """What the walk over an object noted of the nodes that it made, by their ids.

    Attributes
    ----------
    shared
        Met again: they stand apart.
    deep
        Too deep for the line: they stand apart.
    through
        Made by a reduction for its one call: they never stand apart for a cycle.
    """

    shared: set[int] = field(default_factory=set)
    deep: set[int] = field(default_factory=set)
    through: set[int] = field(default_factory=set)


def lay_out(
    record: Record, root: Node, marks: Marks, root_line: int | None = None, others: Mapping[int, Node] = NOTHING
) -> Node:
    """Write the nodes below `root` to lines of `record`; return what stands for the root.

    Parameters
    ----------
    record
        Takes the lines.
    root
        A graph of nodes, with cycles where the object has them.
    marks
        Which of the nodes stand apart.
    root_line
        The line of the root where it has one; without it the node is returned,
        to be put into an existing line, or a reference to its line.
    others
        Nodes beside the root, by the lines on which they are going to stand.
    """
    if marks.shared or marks.deep or others:
        return _put_apart(record, root, marks, root_line, others)
    if root_line is None:
        return shorten(record, root)
    record.write_line(root_line, shortened_text(record, root))
    return reference(root_line)


def _put_apart(record: Record, root: Node, marks: Marks, root_line: int | None, others: Mapping[int, Node]) -> Node:
    apart = marks.shared | marks.deep
    lines: dict[int, int] = {id(node): line for line, node in others.items()}
    if root_line is not None:
        lines[id(root)] = root_line
    elif id(root) in apart:
        lines[id(root)] = record.new_line(root)
    result = root
    waiting = deque([root, *others.values()])
    while waiting:
        start = waiting.popleft()
        if id(start) in marks.shared:
            _free_the_cycle(start, apart, marks.through)
        waiting.extend(_refer(record, start, apart, lines))
        if id(start) in lines:
            record.write_line(lines[id(start)], shortened_text(record, start))
        else:
            result = shorten(record, start)
    return reference(lines[id(root)]) if root_line is None and id(root) in lines else result


def _refer(record: Record, start: Node, apart: set[int], lines: dict[int, int]) -> list[Node]:
    """Replace what stands apart below `start` by references; return the nodes that are new among it."""
    new: list[Node] = []
    walk = [start]
    while walk:
        inner: list[Node] = []
        for holder, key in slots(walk.pop()):
            node = holder[key]
            if not is_container(node):
                continue
            if id(node) in apart:
                if id(node) not in lines:
                    lines[id(node)] = record.new_line(node)
                    new.append(node)
                holder[key] = reference(lines[id(node)])
            else:
                inner.append(node)
        walk.extend(reversed(inner))
    return new


def _free_the_cycle(node: Node, apart: set[int], through: set[int]) -> None:
    """Let what a shared tuple or call holds stand apart, so that a cycle through it can be closed.

    The reader makes the list in ``t = ([t],)`` first, empty, which it can only
    where the list has a line of its own.
    """
    walk = [node]
    while walk:
        for inner in _needed_first(walk.pop(), through):
            if is_container(inner) and id(inner) not in apart:
                walk.append(inner)
                if id(inner) not in through and not (type(inner) is dict and inner.get("$") in COMPLETE_AT_ONCE):
                    apart.add(id(inner))


def _needed_first(node: Node, through: set[int]) -> list[Node]:
    return [holder[key] for holder, key in slots(node)] if id(node) in through else needed_first(node)


def needed_first(node: Node) -> list[Node]:
    """The nodes that must be complete before the object of `node` exists."""
    if type(node) is not dict or "$" not in node:
        return []
    if node["$"] == MADE_OF_NODES:
        return list(node.get("nodes", {}).values())
    inner: list[Node] = node.get("items" if node["$"] in COMPLETE_AT_ONCE else "args", [])
    return inner
