"""Columns of named tuples: one column for each field."""

from __future__ import annotations

from itertools import repeat
from operator import countOf, itemgetter
from types import FunctionType
from typing import Any

from pyiron_storage.records.columns.column import encode_columns, entry, expanded
from pyiron_storage.records.columns.kind import COLUMN_KINDS, ColumnKind
from pyiron_storage.records.columns.kinds.rows import decode_rows
from pyiron_storage.records.columns.outlines import Outline, Walk, fields
from pyiron_storage.records.damage import call
from pyiron_storage.records.decoder import Decoder
from pyiron_storage.records.document import Node, Record
from pyiron_storage.records.encoder import Encoder
from pyiron_storage.records.hooks import attributes_of, defined, defines, inherits
from pyiron_storage.records.rule import REGISTRY
from pyiron_storage.records.rules.objects import type_number
from pyiron_storage.records.rules.standard import NamedtupleRule, is_plain_namedtuple


class NamedtupleColumn(ColumnKind):
    """``{"of":"namedtuple","type":n,"fields":[...],"columns":[...]}``."""

    name = "namedtuple"

    def prepare(self, values: list[Any], held: int, encoder: Encoder) -> list[Any] | None:
        rows: list[Any] | None = super().prepare(values, held, encoder)
        if rows is None or countOf(map(len, rows), len(rows[0]._fields)) != len(rows):
            return None
        if defines(type(rows[0]), "__dict__") and any(map(attributes_of, rows)):
            return None
        return rows

    def encode(self, rows: list[Any], held: int, encoder: Encoder) -> dict[str, Node]:
        fields = list(rows[0]._fields)
        cells = ((name, list(map(itemgetter(number), rows))) for number, name in enumerate(fields))
        columns = encode_columns(cells, encoder)
        return {"of": self.name, "type": type_number(type(rows[0]), encoder), "fields": fields, "columns": columns}

    def decode(self, node: Node, decoder: Decoder) -> list[Any]:
        cls, rows = decoder.type(node["type"]), decode_rows(node, decoder)
        if _is_generated(cls) and len(cls._fields) == len(node["fields"]):
            return list(map(_TUPLE.__new__, repeat(cls, node["count"]), rows))  # what the generated function does
        return [call(cls.__new__, cls, *row) for row in rows]

    def expand(self, node: Node, record: Record) -> list[Node]:
        columns = [expanded(column, record) for column in node["columns"]]
        rows = zip(*columns, strict=True) if columns else repeat((), node["count"])
        return [_row(node, list(row)) for row in rows]

    def entry(self, node: Node, index: int, record: Record) -> Node:
        return _row(node, [entry(column, index, record) for column in node["columns"]])

    def outline(self, node: Node, walk: Walk) -> Outline:
        (row,) = walk.like_the_first(node).infos
        columns = [walk.outline(column, node["count"]) for column in node["columns"]]
        return fields(row, zip(node["fields"], columns, strict=True), node["count"])


def _row(node: Node, items: list[Node]) -> Node:
    return {"$": "namedtuple", "items": items, "type": node["type"], "fields": list(node["fields"])}


def _is_generated(cls: Any) -> bool:
    """Whether the ``__new__`` of a class is the one that `collections.namedtuple` made."""
    made = defined(cls, "__new__")
    function = made.__func__ if isinstance(made, staticmethod) else made
    return isinstance(function, FunctionType) and str(function.__globals__.get("__name__")).startswith("namedtuple_")


def _is_row_class(cls: Any, row: Any) -> bool:
    return (
        issubclass(cls, tuple)
        and type(REGISTRY.find(cls)) is NamedtupleRule
        and is_plain_namedtuple(cls)
        and inherits(cls, tuple, "__getitem__", "__iter__", "__len__", "__getattribute__")
    )


_TUPLE: Any = tuple

COLUMN_KINDS.add(NamedtupleColumn(), predicate=_is_row_class)
