"""Columns of rows: of dicts with the same keys, and of instances of one class with the same attributes."""

from __future__ import annotations

import sys
from operator import attrgetter, itemgetter
from typing import Any

from pyiron_storage.records.columns.column import decode_column, encode_columns, expanded
from pyiron_storage.records.columns.kind import COLUMN_KINDS, ColumnKind
from pyiron_storage.records.decoder import Decoder
from pyiron_storage.records.document import Node, Record
from pyiron_storage.records.encoder import Encoder
from pyiron_storage.records.rule import REGISTRY
from pyiron_storage.records.rules.objects import ObjectRule, is_plain, type_number
from pyiron_storage.records.rules.values import is_text


class DictColumn(ColumnKind):
    """``{"of":"dict","keys":[...],"columns":[...]}``: one column for each key."""

    name = "dict"

    def encode(self, rows: list[dict[Any, Any]], held: int, encoder: Encoder) -> dict[str, Node] | None:
        keys = tuple(rows[0])
        if (
            list(map(tuple, rows)).count(keys) != len(rows)
            or set(map(type, keys)) - {str}
            or not is_text("".join(keys))
        ):
            return None
        cells = ((key, list(map(itemgetter(key), rows))) for key in keys)
        return {"of": "dict", "keys": list(keys), "columns": encode_columns(cells, encoder)}

    def decode(self, node: Node, decoder: Decoder) -> list[Any]:
        keys = node["keys"]
        return [dict(zip(keys, row, strict=True)) for row in decode_rows(node, decoder)]

    def expand(self, node: Node, record: Record) -> list[Node]:
        keys = node["keys"]
        columns = [expanded(column, record) for column in node["columns"]]
        rows = list(zip(*columns, strict=True)) if columns else [()] * node["count"]
        return [_state(keys, row) for row in rows]


class InstanceColumn(DictColumn):
    """``{"of":"object","type":n,"keys":[...],"columns":[...]}``: one column for each attribute."""

    name = "object"

    def encode(self, rows: list[Any], held: int, encoder: Encoder) -> dict[str, Node] | None:
        fields = super().encode(list(map(attrgetter("__dict__"), rows)), 0, encoder)
        return None if fields is None else fields | {"of": "object", "type": type_number(type(rows[0]), encoder)}

    def decode(self, node: Node, decoder: Decoder) -> list[Any]:
        cls, keys = decoder.type(node["type"]), list(map(sys.intern, node["keys"]))
        made = [cls.__new__(cls) for _ in range(node["count"])]
        for instance, row in zip(made, decode_rows(node, decoder), strict=True):
            instance.__dict__.update(zip(keys, row, strict=True))
        return made

    def expand(self, node: Node, record: Record) -> list[Node]:
        return [{"$": "object", "type": node["type"], "state": state} for state in super().expand(node, record)]


def is_row_class(cls: type, obj: Any) -> bool:
    """Whether instances of a class are their ``__dict__`` and nothing else, and no rule of their own stores them."""
    return (
        type(REGISTRY.find(cls)) is ObjectRule
        and is_plain(cls, obj)
        and not hasattr(cls, "__setstate__")
        and not any("__slots__" in vars(base) for base in cls.__mro__[:-1])
        and type(getattr(obj, "__dict__", None)) is dict
    )


def decode_rows(node: Node, decoder: Decoder) -> list[Any]:
    """The cells of each row, in the order of the columns."""
    if not node["columns"]:
        return [()] * node["count"]
    return list(zip(*[decode_column(column, decoder) for column in node["columns"]], strict=True))


def _state(keys: list[str], row: tuple[Node, ...]) -> Node:
    if "$" in keys:
        return {"$": "dict", "pairs": [list(pair) for pair in zip(keys, row, strict=True)]}
    return dict(zip(keys, row, strict=True))


COLUMN_KINDS.add(DictColumn(), dict)
COLUMN_KINDS.add(InstanceColumn(), predicate=is_row_class)
