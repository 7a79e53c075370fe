"""Lists and dicts of many like things, written as columns; they look and change as any list or dict.

``{"$":"column",...}`` is a list, ``{"$":"dict","columns":[keys,values]}`` a dict.  Before
something inside is changed the columns are opened to ordinary nodes.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat
from typing import Any, Final

from pyiron_storage.errors import DamagedRecordError
from pyiron_storage.records.columns import kinds  # noqa: F401  importing them registers them
from pyiron_storage.records.columns.column import (
    Prepared,
    decode_column,
    encode_column,
    expanded,
    prepare_column,
)
from pyiron_storage.records.columns.kind import HELD_BY_LIST
from pyiron_storage.records.decoder import Decoder
from pyiron_storage.records.document import LEAST, Node
from pyiron_storage.records.encoder import Encoder
from pyiron_storage.records.layout import shorten
from pyiron_storage.records.parts import ArrayParts, DictParts, Parts
from pyiron_storage.records.places import Place
from pyiron_storage.records.rule import REGISTRY, Rule
from pyiron_storage.records.rules.containers import DictRule, ListRule

SCALARS: Final = 64
"""Fewer numbers or texts than this are easier to read in the document."""


class _Closed:
    """Stands for the entries of a node in columns: opened in memory to be looked at, in the record to be changed."""

    def __init__(self, place: Place) -> None:
        self.real = place

    def nodes(self) -> list[Node]:
        """The ordinary nodes of the first column, or the pairs of two."""
        record, node = self.real.record, self.real.node
        known = record.opened.get(id(node))
        if known is None:
            known = record.opened[id(node)] = node, self._open(node)
        return known[1]

    def _open(self, node: Node) -> list[Node]:
        if node["$"] == "column":
            return expanded(node, self.real.record)
        keys, values = (expanded(column, self.real.record) for column in node["columns"])
        return [list(pair) for pair in zip(keys, values, strict=True)]

    def scratch(self, node: Node) -> Place:
        """A place for a node that stands for the real one."""
        return Place(self.real.record, self.real.line, {"": node}, "", self.real.depth, splits=False)

    def replace(self, node: Node) -> None:
        """Put ordinary nodes where the columns were."""
        self.real.put(shorten(self.real.record, node))


class ClosedArrayParts(ArrayParts):
    """The entries of a list that stands in columns."""

    def __init__(self, place: Place) -> None:
        self._closed = _Closed(place)
        self.fixed = False

    @property
    def place(self) -> Place:  # type: ignore[override]
        return self._closed.scratch(self._closed.nodes())

    def __len__(self) -> int:
        count: int = self._closed.real.node["count"]
        return count

    def opened(self) -> Parts:
        self._closed.replace(self._closed.nodes())
        return ArrayParts(self._closed.real)


class ClosedDictParts(DictParts):
    """The entries of a dict that stands in columns."""

    def __init__(self, place: Place) -> None:
        self._closed = _Closed(place)

    @property
    def place(self) -> Place:  # type: ignore[override]
        return self._closed.scratch(dict(self._closed.nodes()))

    def __len__(self) -> int:
        count: int = self._closed.real.node["columns"][0]["count"]
        return count

    def places(self) -> Iterator[tuple[str, Place]]:
        return iter(DictParts(self.place).places())

    def opened(self) -> Parts:
        self._closed.replace(dict(self._closed.nodes()))
        return DictParts(self._closed.real)


def row_place(place: Place, writing: bool) -> Place:  # noqa: FBT001
    """The place of the row of a table that the node at a place stands for; `writing` opens the table."""
    table, row = place.inner("table").follow(), place.node["row"]
    if "items" not in table.node and writing:
        nodes = expanded(table.node["columns"][0], table.record)
        table.put(shorten(table.record, {"$": "table", "items": nodes}))
    entries = ArrayParts(table.inner("items")) if "items" in table.node else ClosedArrayParts(_first_column(table))
    if type(row) is not int or not 0 <= row < len(entries):
        raise DamagedRecordError(f"{place.record.place}: there is no row {row!r} in the table on line {table.line}.")
    found = entries.at(row)
    found.row = table.line, row
    return found


def _first_column(table: Place) -> Place:
    columns = table.inner("columns")
    return columns.inner(0)


class ColumnRule(Rule):
    """``{"$":"column","count":n,"of":"number","dtype":"<i2","at":[offset,length]}``, and other kinds of columns."""

    name = "column"
    kind = "list"

    def __init__(self, prepared: Prepared | None = None) -> None:
        self._prepared = prepared

    def fill_node(self, obj: list[Any], node: Node, encoder: Encoder) -> None:
        node.update(encode_column(obj, HELD_BY_LIST, encoder, self._prepared))

    def parts(self, place: Place) -> Parts:
        return ClosedArrayParts(place)

    def shell(self, node: Node, decoder: Decoder) -> list[Any]:
        return []

    def fill(self, shell: list[Any], node: Node, decoder: Decoder) -> None:
        shell.extend(decode_column(node, decoder))


class LongListRule(ListRule):
    """A JSON array, or a column where the list is long and its entries are alike."""

    def encode(self, obj: list[Any], encoder: Encoder) -> Node:
        if len(obj) < LEAST or (len(obj) < SCALARS and type(obj[0]) in (int, float, str)):
            return encoder.once(obj, self)
        prepared = prepare_column(obj, HELD_BY_LIST, encoder)
        return encoder.once(obj, self if prepared is None else ColumnRule(prepared))


class LongDictRule(DictRule):
    """A JSON object, or two columns where the dict is long and its values are alike."""

    def encode(self, obj: dict[Any, Any], encoder: Encoder) -> Node:
        return encoder.once(obj, self)

    def fill_node(self, obj: dict[Any, Any], node: Node, encoder: Encoder) -> None:
        if len(obj) >= SCALARS:
            keys, values = list(obj), list(obj.values())
            prepared = [prepare_column(column, HELD_BY_LIST + 1, encoder) for column in (values, keys)]
            if None not in prepared and type(keys[0]) is str:
                columns = map(encode_column, (keys, values), repeat(HELD_BY_LIST + 1), repeat(encoder), prepared[::-1])
                node.update({"$": "dict", "columns": list(columns)})
                return
        super().fill_node(obj, node, encoder)

    def parts(self, place: Place) -> Parts:
        return ClosedDictParts(place) if "columns" in place.node and "$" in place.node else DictParts(place)

    def fill(self, shell: dict[Any, Any], node: Node, decoder: Decoder) -> None:
        if "columns" in node:
            keys, values = (decode_column(column, decoder) for column in node["columns"])
            shell.update(zip(keys, values, strict=True))
        else:
            super().fill(shell, node, decoder)


Place.row_place = staticmethod(row_place)
REGISTRY.add(ColumnRule())
REGISTRY.add(LongListRule(), list)
REGISTRY.add(LongDictRule(), dict)
