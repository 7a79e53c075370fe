"""From the graph of nodes that the encoder makes to the lines of the document.

What is shared and what lies too deep stands on a line of its own, and so does
what is too long; a list or object with very many entries goes on over several
lines (``parts``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
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
    if marks.shared or marks.deep:
        return _put_apart(record, root, marks, root_line)
    if root_line is None:
        return shorten(record, root)
    _write(record, root_line, root)
    return reference(root_line)


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
        if id(start) in lines:
            _write(record, lines[id(start)], start)
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
    """The nodes that must be complete before the object of `node` exists."""
    if id(node) in through:
        return [holder[key] for holder, key in slots(node)]
    if type(node) is not dict or "$" not in node:
        return []
    inner: list[Node] = node.get("items" if node["$"] in COMPLETE_AT_ONCE else "args", [])
    return inner


def _write(record: Record, line: int, node: Node) -> None:
    """Write a node to a line, and what is too long below it to lines of its own."""
    text = dump(node)
    record.write_line(line, text if len(text) <= LINE_BYTES else dump(_shortened(record, node)))


def shorten(record: Record, node: Node) -> Node:
    """Put what is too long below a node on lines of its own; return what stands for the node."""
    if not is_container(node) or len(dump(node)) <= LINE_BYTES:
        return node
    return _shortened(record, node)


def _shortened(record: Record, node: Node) -> Node:
    if type(node) is not dict or "$" not in node:
        return _entries(record, node)
    for holder, key in list(slots(node)):
        holder[key] = _apart(record, holder[key])
    for holder, key in long_fields(node):
        holder[key] = _in_parts(record, holder[key])
    return node


def _apart(record: Record, child: Node) -> Node:
    """Put a child that is long on a line of its own."""
    if not _is_long(child):
        return child
    if is_container(child):
        child = _shortened(record, child)
    return reference(_new_line(record, child)) if _is_long(child, LINE_BYTES // 4) else child


def _new_line(record: Record, node: Node) -> int:
    line = record.new_line(None)
    record.write_line(line, dump(node))
    return line


def _is_long(node: Node, limit: int = LINE_BYTES) -> bool:
    if type(node) is str:
        return len(node) > limit
    return is_container(node) and not is_reference(node) and len(dump(node)) > limit


def _entries(record: Record, entries: Any) -> Node:
    """Shorten a long array or object of nodes: first its entries, where few of them are long, then itself."""
    pieces = list(_pieces(entries, PIECE))
    long = [piece for piece in pieces if len(dump(piece)) > LINE_BYTES]
    for piece in long:
        for key in range(len(piece)) if type(piece) is list else piece:
            piece[key] = _apart(record, piece[key])
    if long:
        entries = _joined(pieces)
    return _in_parts(record, entries)


def _in_parts(record: Record, entries: Any) -> Node:
    """Write a long array or object of nodes to several lines, as equal in length as counting gives."""
    length = len(dump(entries))
    if length <= LINE_BYTES or len(entries) < 2:
        return entries
    step = max(1, len(entries) * LINE_BYTES // length)
    return {"$": "parts", "lines": [[_new_line(record, piece), len(piece)] for piece in _pieces(entries, step)]}


PIECE: Final = 64
"""So many entries are measured together."""


def _pieces(entries: Any, step: int) -> Iterator[Any]:
    """An array or object cut into some of `step` entries each."""
    make, every = (list, entries) if type(entries) is list else (dict, list(entries.items()))
    return (make(every[start : start + step]) for start in range(0, len(every), step))


def _joined(pieces: list[Any]) -> Any:
    if type(pieces[0]) is list:
        return list(chain.from_iterable(pieces))
    return {key: node for piece in pieces for key, node in piece.items()}
