"""From the graph of nodes that the encoder makes to the lines of the document.

What is shared and what lies too deep stands on a line of its own, and so does
what is too long; a list or object with very many entries goes on over several
lines (``parts``).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

from pyiron_storage.records.document import LINE_BYTES, Node, Record, dump, reference
from pyiron_storage.records.structure import is_container, is_reference, long_fields, slots

COMPLETE_AT_ONCE: Final = ("tuple", "frozenset", "namedtuple", "slice")
"""Rules whose object cannot exist before its items do."""


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


def lay_out(record: Record, root: Node, marks: Marks, root_line: int | None = None) -> Node:
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
    """
    apart = marks.shared or marks.deep
    root = _put_apart(record, root, marks, root_line) if apart else shorten(record, root)
    if root_line is not None:
        record.replace(root_line, root)
    return root


def _put_apart(record: Record, root: Node, marks: Marks, root_line: int | None) -> Node:
    apart = marks.shared | marks.deep
    lines: dict[int, int] = {}
    if root_line is not None:
        lines[id(root)] = root_line
    elif id(root) in apart:
        lines[id(root)] = record.new_line(root)
    result = root
    waiting = deque([root])
    while waiting:
        start = waiting.popleft()
        if id(start) in marks.shared:
            _free_the_cycle(start, apart, marks.through)
        waiting.extend(_refer(record, start, apart, lines))
        short = shorten(record, start)
        if id(start) in lines:
            record.replace(lines[id(start)], short)
        elif start is root:
            result = short
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
    """The nodes that must be complete before the object of `node` exists."""
    if id(node) in through:
        return [holder[key] for holder, key in slots(node)]
    if type(node) is not dict or "$" not in node:
        return []
    inner: list[Node] = node.get("items" if node["$"] in COMPLETE_AT_ONCE else "args", [])
    return inner


def shorten(record: Record, node: Node) -> Node:
    """Put what is too long below a node on lines of its own; return what stands for the node."""
    if not is_container(node) or len(dump(node)) <= LINE_BYTES:
        return node
    return _shortened(record, node)


def _shortened(record: Record, node: Node) -> Node:
    for holder, key in list(slots(node)):
        child = holder[key]
        if _is_long(child):
            if is_container(child):
                child = _shortened(record, child)
            if _is_long(child, LINE_BYTES // 4):
                child = reference(record.new_line(child))
            holder[key] = child
    for holder, key in long_fields(node):
        holder[key] = _in_parts(record, holder[key])
    return node if type(node) is dict and "$" in node else _in_parts(record, node)


def _is_long(node: Node, limit: int = LINE_BYTES) -> bool:
    if type(node) is str:
        return len(node) > limit
    return is_container(node) and not is_reference(node) and len(dump(node)) > limit


def _in_parts(record: Record, entries: Any) -> Node:
    """Write a long array or object of nodes to several lines, as equal in length as counting gives."""
    length = len(dump(entries))
    if length <= LINE_BYTES or len(entries) < 2:
        return entries
    make, every = (list, entries) if type(entries) is list else (dict, list(entries.items()))
    step = max(1, len(every) * LINE_BYTES // length)
    pieces = [make(every[start : start + step]) for start in range(0, len(every), step)]
    return {"$": "parts", "lines": [[record.new_line(piece), len(piece)] for piece in pieces]}
