"""Listing everything in a record: every path, and what stands there, in the order of the things.

What waits to be listed is kept in a list, so that nothing is too deep for it.  The
commonest nodes are told here, columns by their outlines, all others by their rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import repeat
from typing import Any, ClassVar, Final

from pyiron_storage.errors import DamagedRecordError
from pyiron_storage.paths import escape, join
from pyiron_storage.records.columns.column import column_kind, entry, expanded
from pyiron_storage.records.columns.outlines import Alike, Identity, Outline, Walk
from pyiron_storage.records.decoder import Decoder
from pyiron_storage.records.document import Node, Record
from pyiron_storage.records.navigate import (
    NodeInfo,
    container_info,
    info,
    is_value,
    parts_of,
    plain_info,
    type_name,
)
from pyiron_storage.records.places import Place
from pyiron_storage.records.rules.values import PLAIN
from pyiron_storage.records.structure import is_reference, is_row


def walk(place: Place, path: tuple[str, ...]) -> Iterator[tuple[str, NodeInfo]]:
    """Return the path and the info of a place and of everything below it; what is shared is entered once.

    All is found before this returns, as two lists and not as pairs, which the garbage
    collector would look at again and again.
    """
    walk = RecordWalk(place, join(path))
    while walk.waiting:
        outline, key, where = walk.waiting.pop()
        outline.enter(key, where, walk)
    return zip(walk.paths, walk.infos, strict=True)


class RecordWalk:
    """What was found, what waits, and what was shared and listed already."""

    def __init__(self, start: Place, path: str) -> None:
        self.record = start.record
        self.paths: list[str] = []
        self.infos: list[NodeInfo] = []
        self.waiting: list[tuple[Outline, Any, str]] = [(Nodes(start.container, start.line), start.key, path)]
        self._first: dict[Identity, tuple[str, NodeInfo]] = {}
        self._instances: dict[tuple[int, int], NodeInfo] = {}
        self._gone_on: set[int] = set()
        self._tables: dict[int, tuple[Outline, int]] = {}
        if start.container is self.record.nodes and not is_reference(start.node):
            self._first[start.line, -1] = path, info(start)

    def add(self, path: str, found: NodeInfo) -> None:
        """List one thing."""
        self.paths.append(path)
        self.infos.append(found)

    def entries(self, outline: Outline, keys: Sequence[Any], paths: Sequence[str]) -> None:
        """List several things that have one outline, or leave them to wait."""
        if not isinstance(outline, Alike):
            self.waiting.extend(list(zip(repeat(outline), keys, paths))[::-1])
        elif len(outline.below) == 1:
            self.paths.extend(paths)
            self.infos.extend(outline.rows[key][0] for key in keys)
        else:
            for key, path in zip(keys, paths, strict=True):
                outline.enter(key, path, self)

    def shared(self, identity: Identity, outline: Outline, key: Any, path: str) -> None:
        """List what is referred to: in whole the first time, then as the same as that."""
        first = self._first.get(identity)
        if first is not None:
            self.add(path, replace(first[1], same_as=first[0]))
            return
        number = len(self.infos)
        outline.enter(key, path, self)
        self._first[identity] = path, self.infos[number]

    def go_on(self, lines: set[int]) -> None:
        """Note that something goes on on other lines, which nothing else may."""
        if not lines.isdisjoint(self._gone_on):
            raise self.record.in_itself(min(lines & self._gone_on))
        self._gone_on |= lines

    def outline(self, column: Node, count: int) -> Outline:
        """The outline of a column that must have so many entries."""
        kind = column_kind(column, self.record)
        if column["count"] != count:
            raise DamagedRecordError(f"{self.record.place}: a column of {column['count']} entries stands for {count}.")
        found = kind.outline(column, self) if count else None
        return found or Nodes(expanded(column, self.record), 0)

    def instance_info(self, number: int, count: int) -> NodeInfo:
        """The info of an instance of a class of the record with so many attributes."""
        known = self._instances.get((number, count))
        if known is None:
            node: Node = {"$": "object", "type": number}
            name = type_name(Place(self.record, 0, [node], 0, 0))
            known = self._instances[number, count] = NodeInfo("object", name, size=count)
        return known

    def like_the_first(self, column: Node) -> Alike:
        """The outline of a column of values, all of which have the info of the first."""
        first = Place(self.record, 0, [entry(column, 0, self.record)], 0, 0)
        return Alike([""], [info(first)], column["count"])

    def table(self, line: int) -> tuple[Outline, int]:
        """The outline of the rows of a table, and how many there are."""
        if line not in self._tables:
            table = self.record.node(line)
            if "items" in table:
                rows = Decoder(self.record).array(table["items"])
                self._tables[line] = Nodes(rows, line), len(rows)
            else:
                (column,) = table["columns"]
                self._tables[line] = self.outline(column, column["count"]), column["count"]
        return self._tables[line]


class Nodes:
    """Nodes that stand in a list or object of the document, where they are on a certain line."""

    def __init__(self, container: Any, line: int) -> None:
        self._container, self._line = container, line

    def enter(self, key: Any, path: str, walk: Walk) -> None:
        node = self._container[key]
        if type(node) is list:
            walk.add(path, container_info("list", len(node)))
            self._inside(node, range(len(node)), _places(path, len(node)), walk)
        elif is_reference(node):
            self._refer(key, node, path, walk)
        elif type(node) is dict:
            mark = node.get("$")
            tell = self._TELL[mark] if type(mark) is str and mark in self._TELL else Nodes._by_rule
            (tell if "$" in node else Nodes._dict)(self, key, node, path, walk)
        else:
            walk.add(path, plain_info(node))

    def _inside(self, container: Any, keys: Sequence[Any], paths: list[str], walk: Walk) -> None:
        nodes = list(container.values()) if type(container) is dict else container
        if set(map(type, nodes)) <= PLAIN:
            walk.paths.extend(paths)
            walk.infos.extend(map(plain_info, nodes))
        else:
            walk.entries(Nodes(container, self._line), keys, paths)

    def _dict(self, key: Any, node: dict[str, Node], path: str, walk: Walk) -> None:
        walk.add(path, container_info("dict", len(node)))
        self._inside(node, list(node), _paths(path, node), walk)

    def _dict_of_columns(self, key: Any, node: dict[str, Any], path: str, walk: Walk) -> None:
        if "columns" not in node:
            self._by_rule(key, node, path, walk)
            return
        keys, values = node["columns"]
        count = keys["count"]
        walk.add(path, container_info("dict", count))
        walk.entries(walk.outline(values, count), range(count), _paths(path, expanded(keys, walk.record)))

    def _instance(self, key: Any, node: dict[str, Any], path: str, walk: Walk) -> None:
        state = node.get("state")
        if len(node) != len(_INSTANCE) or type(state) is not dict or "$" in state:
            self._by_rule(key, node, path, walk)
            return
        walk.add(path, walk.instance_info(node["type"], len(state)))
        self._inside(state, list(state), _paths(path, state), walk)

    def _column(self, key: Any, node: dict[str, Any], path: str, walk: Walk) -> None:
        count = node["count"]
        walk.add(path, container_info("list", count))
        walk.entries(walk.outline(node, count), range(count), _places(path, count))

    def _refer(self, key: Any, node: dict[str, Any], path: str, walk: Walk) -> None:
        line = line_of(walk.record, node["$"])
        target = Nodes(walk.record.nodes, line)
        if is_row(walk.record.nodes[line]):
            target.enter(line, path, walk)
        else:
            walk.shared((line, -1), target, line, path)

    def _row(self, key: Any, node: dict[str, Any], path: str, walk: Walk) -> None:
        row, line = node["row"], line_of(walk.record, node["table"]["$"])
        outline, count = walk.table(line)
        if type(row) is not int or not 0 <= row < count:
            raise DamagedRecordError(f"{walk.record.place}: there is no row {row!r} in the table on line {line}.")
        walk.shared((line, row), outline, row, path)

    def _by_rule(self, key: Any, node: dict[str, Any], path: str, walk: Walk) -> None:
        place = self._place(key, walk)
        walk.add(path, info(place))
        if not is_value(place):
            places = list(parts_of(place).places())
            kept = walk.record.nodes
            walk.go_on({inner.line for _, inner in places if inner.container is kept.get(inner.line)})
            inside = [
                (Nodes(inner.container, inner.line), inner.key, f"{path}/{escape(name)}") for name, inner in places
            ]
            walk.waiting.extend(reversed(inside))

    def _place(self, key: Any, walk: Walk) -> Place:
        return Place(walk.record, self._line, self._container, key, 0)

    _TELL: ClassVar[dict[Any, Callable[[Nodes, Any, Any, str, Walk], None]]] = {
        "dict": _dict_of_columns,
        "object": _instance,
        "column": _column,
        "row": _row,
    }


_INSTANCE: Final = ("$", "type", "state")
"""The fields of an instance that has attributes and nothing else."""


def line_of(record: Record, line: int) -> int:
    """The line that a reference to a line leads to in the end."""
    while is_reference(node := record.node(line)):
        line = node["$"]
    return line


def _paths(path: str, names: Iterable[str]) -> list[str]:
    """The paths of what stands under some names below a path."""
    names = list(names)
    joined = "".join(names)
    if "/" in joined or "~" in joined:
        names = list(map(escape, names))
    return list(map(f"{path}/".__add__, names))


def _places(path: str, count: int) -> list[str]:
    """The paths of the entries of a list."""
    return list(map(f"{path}/".__add__, map(str, range(count))))
