"""The entries of what stands in columns, as places and parts: read and changed without the others.

An entry is shown as the ordinary node that it would be anywhere else.  What is
changed in that node is put back into the column: into its bytes where it fits them,
and otherwise the column concerned, and no other, becomes one of ordinary nodes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from pyiron_storage.records.columns.column import column_kind, expanded
from pyiron_storage.records.dict_parts import DictParts, PairParts
from pyiron_storage.records.document import Node
from pyiron_storage.records.long_lines import shorten
from pyiron_storage.records.parts import ArrayParts, ObjectParts
from pyiron_storage.records.places import Place
from pyiron_storage.records.structure import is_column

Opener = Callable[[list[Node]], ArrayParts | None]
"""Puts ordinary nodes in the place of a column; returns where they stand then, None where that is a column again."""


def entry_place(column: Place, index: int, opener: Opener) -> Place:
    """The place of one entry of the column at a place; `opener` is used where an entry no longer fits the column."""
    kind = column_kind(column.node, column.record)
    (node,) = kind.entries(column.node, index, index + 1, column.record)
    place = column.showing(node, "")
    place.on_change = _PutBack(column, index, place, opener)
    return place


def cell_place(column: Place, index: int) -> Place:
    """The place of one entry of a column that has to stay a column."""
    return entry_place(column, index, partial(_open_cells, column))


class _PutBack:
    """Puts the node that shows an entry back into the column, whenever something in it was changed."""

    def __init__(self, column: Place, index: int, shown: Place, opener: Opener) -> None:
        self._column, self._index, self._shown, self._opener = column, index, shown, opener
        self._opened: ArrayParts | None = None

    def __call__(self) -> None:
        column, node = self._column, self._shown.node
        if self._opened is not None:
            self._opened.at(self._index).put(node)
        elif not put_entry(column, self._index, node):
            nodes = expanded(column.node, column.record)
            nodes[self._index] = node
            self._opened = self._opener(nodes)
        column.record.opened.clear()


def put_entry(column: Place, index: int, new: Node) -> bool:
    """Put a node in the place of an entry without the others, where that is possible."""
    return column_kind(column.node, column.record).put(column, index, new)


def put_cell(column: Place, index: int, new: Node) -> None:
    """Put a node in the place of an entry of a column inside another; where it does not fit, this one is opened."""
    if not put_entry(column, index, new):
        nodes = expanded(column.node, column.record)
        nodes[index] = new
        _open_cells(column, nodes)


def _open_cells(column: Place, nodes: list[Node]) -> None:
    """Put a column of ordinary nodes in the place of a column."""
    column.put(shorten(column.record, {"$": "column", "count": len(nodes), "of": "nodes", "items": nodes}))


class ColumnParts(ArrayParts):
    """The entries of a list that stands in a column."""

    def __init__(self, place: Place) -> None:
        self.column = place
        self.fixed = False

    @property
    def place(self) -> Place:  # type: ignore[override]
        """All entries as ordinary nodes, to be looked at; kept until something changes."""
        node, record = self.column.node, self.column.record
        if not is_column(node):
            return self.column
        known = record.opened.get(id(node))
        if known is None:
            known = record.opened[id(node)] = node, expanded(node, record)
        return self.column.showing(known[1], "")

    def __len__(self) -> int:
        node = self.column.node
        if not is_column(node):
            return len(ArrayParts(self.column))
        column_kind(node, self.column.record)  # refuses a count that is none
        return int(node["count"])

    def at(self, index: int) -> Place:
        if not is_column(self.column.node):
            return ArrayParts(self.column).at(index)
        return entry_place(self.column, index, self._open)

    def delete(self, index: int) -> None:
        self._opened().delete(index)

    def insert(self, index: int, new: Node) -> None:
        self._opened().insert(index, new)

    def rewrite(self, nodes: list[Node]) -> None:
        self.column.put(shorten(self.column.record, nodes))

    def _opened(self) -> ArrayParts:
        """The same entries as ordinary nodes of the document."""
        if is_column(self.column.node):
            self._open(self.place.node)
        return ArrayParts(self.column)

    def _open(self, nodes: list[Node]) -> ArrayParts:
        self.rewrite(nodes)
        self.column.record.opened.clear()
        return ArrayParts(self.column)


class ColumnDictParts(DictParts):
    """The values of a dict that stands in two columns, of its keys and of its values."""

    def __init__(self, place: Place) -> None:
        self.place = place

    def _columns(self) -> tuple[Place, Place]:
        columns = self.place.inner("columns")
        return columns.inner(0), columns.inner(1)

    def _parts(self) -> ObjectParts | PairParts:
        return ObjectParts(self.place.showing(self._shown(), "")) if self._is_closed() else super()._parts()

    def _shown(self) -> dict[str, Node]:
        """All of it as ordinary nodes, to be looked at."""
        keys, values = (ColumnParts(column).place.node for column in self._columns())
        return dict(zip(keys, values, strict=True))

    def _is_closed(self) -> bool:
        return "$" in self.place.node and "columns" in self.place.node

    def __len__(self) -> int:
        return len(ColumnParts(self._columns()[0])) if self._is_closed() else super().__len__()

    def find(self, part: str) -> Place:
        if not self._is_closed():
            return super().find(part)
        keys, values = self._columns()
        index = column_kind(keys.node, keys.record).index(keys.node, part, keys.record)
        return cell_place(values, index)

    def first(self, count: int) -> list[tuple[str, Place]]:
        if not self._is_closed():
            return super().first(count)
        keys, values = self._columns()
        names = column_kind(keys.node, keys.record).entries(keys.node, 0, min(count, len(self)), keys.record)
        return [(name, cell_place(values, index)) for index, name in enumerate(names)]

    def put_key(self, part: str, key: Node, node: Node) -> None:
        if self._is_closed() and not self._replace(part, node):
            self._open()
        if not self._is_closed():
            super().put_key(part, key, node)

    def _replace(self, part: str, node: Node) -> bool:
        """Put a value in the place of that of a key, where the key is there."""
        try:
            place = self.find(part)
        except KeyError:
            return False
        place.put(node)
        return True

    def remove(self, part: str) -> None:
        if self._is_closed():
            self._open()
        super().remove(part)

    def _open(self) -> None:
        self.place.put(shorten(self.place.record, self._shown()))
        self.place.record.opened.clear()
