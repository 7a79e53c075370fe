"""Lists and dicts of many like things, written as columns; they look and change as any list or dict.

``{"$":"column",...}`` is a list, ``{"$":"dict","columns":[keys,values]}`` a dict.
"""

from __future__ import annotations

from functools import partial
from itertools import repeat
from typing import Any, Final

from pyiron_storage.errors import DamagedRecordError
from pyiron_storage.records.columns import kinds  # noqa: F401  importing them registers them
from pyiron_storage.records.columns.column import (
    Prepared,
    decode_column,
    encode_column,
    prepare_column,
)
from pyiron_storage.records.columns.entries import ColumnDictParts, ColumnParts, entry_place
from pyiron_storage.records.columns.kind import COLUMN_KINDS, HELD_BY_LIST
from pyiron_storage.records.decoder import Decoder
from pyiron_storage.records.dict_parts import DictParts
from pyiron_storage.records.document import LEAST, Node
from pyiron_storage.records.encoder import Encoder
from pyiron_storage.records.long_lines import shorten
from pyiron_storage.records.parts import ArrayParts, Parts
from pyiron_storage.records.places import Place
from pyiron_storage.records.rule import REGISTRY, Rule
from pyiron_storage.records.rules.containers import DictRule, ListRule

SCALARS: Final = 64
"""Fewer numbers or texts than this are easier to read in the document."""


def row_place(place: Place) -> Place:
    """The place of the row of a table that the node at a place stands for."""
    table, row = place.inner("table").follow(), place.node["row"]
    is_open = "items" in table.node
    entries = table.inner("items") if is_open else table.inner("columns").inner(0)
    if type(row) is not int or not 0 <= row < len(ArrayParts(entries) if is_open else ColumnParts(entries)):
        raise DamagedRecordError(f"{place.record.place}: there is no row {row!r} in the table on line {table.line}.")
    found = ArrayParts(entries).at(row) if is_open else entry_place(entries, row, partial(_open_table, table))
    found.row = table.line, row
    return found


def _open_table(table: Place, rows: list[Node]) -> ArrayParts:
    table.put(shorten(table.record, {"$": "table", "items": rows}))
    return ArrayParts(table.inner("items"))


class ColumnRule(Rule):
    """``{"$":"column","count":n,"of":"number","dtype":"<i2","at":[offset,length]}``, and other kinds of columns."""

    name = "column"
    kind = "list"
    type_names = ("list",)

    def __init__(self, prepared: Prepared | None = None) -> None:
        self._prepared = prepared

    def fill_node(self, obj: list[Any], node: Node, encoder: Encoder) -> None:
        node.update(encode_column(obj, HELD_BY_LIST, encoder, self._prepared))

    def parts(self, place: Place) -> Parts:
        return ColumnParts(place)

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
            of_keys = prepared[1]
            if None not in prepared and of_keys is not None and of_keys.kind is _TEXTS and "$" not in obj:
                columns = map(encode_column, (keys, values), repeat(HELD_BY_LIST + 1), repeat(encoder), prepared[::-1])
                node.update({"$": "dict", "columns": list(columns)})
                return
        super().fill_node(obj, node, encoder)

    def parts(self, place: Place) -> Parts:
        return ColumnDictParts(place) if "$" in place.node and "columns" in place.node else DictParts(place)

    def fill(self, shell: dict[Any, Any], node: Node, decoder: Decoder) -> None:
        if "columns" in node:
            keys, values = (decode_column(column, decoder) for column in node["columns"])
            shell.update(zip(keys, values, strict=True))
        else:
            super().fill(shell, node, decoder)


_TEXTS: Final = COLUMN_KINDS.by_name["text"]
"""It takes text alone."""
Place.row_place = staticmethod(row_place)
REGISTRY.add(ColumnRule())
REGISTRY.add(LongListRule(), list)
REGISTRY.add(LongDictRule(), dict)
