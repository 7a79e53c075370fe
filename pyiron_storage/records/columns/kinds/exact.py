"""Columns of what a text or two numbers make: exact numbers, paths, UUIDs."""

from __future__ import annotations

import decimal
import fractions
import uuid
from collections.abc import Iterable
from operator import attrgetter, countOf, methodcaller
from typing import Any

from pyiron_storage.records.columns.column import decode_column, encode_column, entry, expanded
from pyiron_storage.records.columns.kind import COLUMN_KINDS, HELD_BY_LIST, ColumnKind
from pyiron_storage.records.decoder import Decoder
from pyiron_storage.records.document import Node, Record
from pyiron_storage.records.encoder import Encoder
from pyiron_storage.records.rules.standard import PathRule


class DecimalColumn(ColumnKind):
    """``{"of":"decimal","columns":[...]}``: a column of their texts."""

    name = "decimal"

    def encode(self, values: list[Any], held: int, encoder: Encoder) -> dict[str, Node] | None:
        return {"of": self.name, "columns": [encode_column(cells, HELD_BY_LIST, encoder) for cells in _cells(values)]}

    def decode(self, node: Node, decoder: Decoder) -> list[Any]:
        return list(map(self._type(node), *[decode_column(column, decoder) for column in node["columns"]]))

    def _type(self, node: Node) -> Any:
        return decimal.Decimal

    def expand(self, node: Node, record: Record) -> list[Node]:
        return [self._node(node, row) for row in zip(*[expanded(c, record) for c in node["columns"]], strict=True)]

    def entry(self, node: Node, index: int, record: Record) -> Node:
        return self._node(node, [entry(column, index, record) for column in node["columns"]])

    def _node(self, node: Node, row: Iterable[Node]) -> Node:
        (text,) = row
        return {"$": self.name, "text": text}


class PathColumn(DecimalColumn):
    """``{"of":"path","class":"PosixPath","columns":[...]}``: a column of their texts."""

    name = "path"

    def encode(self, values: list[Any], held: int, encoder: Encoder) -> dict[str, Node] | None:
        return {"class": type(values[0]).__name__, **(super().encode(values, held, encoder) or {})}

    def _type(self, node: Node) -> Any:
        return next(cls for cls in PathRule.classes if cls.__name__ == node["class"])

    def _node(self, node: Node, row: Iterable[Node]) -> Node:
        return {"class": node["class"], **super()._node(node, row)}


class FractionColumn(DecimalColumn):
    """``{"of":"fraction","columns":[numerators,denominators]}``."""

    name = "fraction"

    def _type(self, node: Node) -> Any:
        return fractions.Fraction

    def _node(self, node: Node, row: Iterable[Node]) -> Node:
        return {"$": self.name, "items": list(row)}


def _cells(values: list[Any]) -> list[list[Any]]:
    if type(values[0]) is fractions.Fraction:
        return [[value.numerator for value in values], [value.denominator for value in values]]
    return [list(map(str, values))]


class UUIDColumn(ColumnKind):
    """``{"of":"uuid","at":...}``: 16 bytes each."""

    name = "uuid"

    def prepare(self, values: list[Any], held: int, encoder: Encoder) -> list[Any] | None:
        alike = super().prepare(values, held, encoder) is not None
        safe = map(attrgetter("is_safe"), values) if alike else ()
        return values if alike and countOf(safe, uuid.SafeUUID.unknown) == len(values) else None

    def encode(self, values: list[Any], held: int, encoder: Encoder) -> dict[str, Node] | None:
        written = b"".join(map(methodcaller("to_bytes", 16, "big"), map(attrgetter("int"), values)))
        return {"of": self.name, "at": encoder.record.add_bytes(written)}

    def decode(self, node: Node, decoder: Decoder) -> list[Any]:
        written = bytes(decoder.record.bytes_at(node["at"]))
        return [uuid.UUID(bytes=written[start : start + 16]) for start in range(0, len(written), 16)]

    def expand(self, node: Node, record: Record) -> list[Node]:
        return [{"$": "uuid", "text": str(value)} for value in self.decode(node, Decoder(record))]

    def entry(self, node: Node, index: int, record: Record) -> Node:
        written = bytes(record.bytes_at(node["at"])[index * 16 : index * 16 + 16])
        return {"$": "uuid", "text": str(uuid.UUID(bytes=written))}


COLUMN_KINDS.add(DecimalColumn(), decimal.Decimal)
COLUMN_KINDS.add(PathColumn(), *PathRule.classes)
COLUMN_KINDS.add(FractionColumn(), fractions.Fraction)
COLUMN_KINDS.add(UUIDColumn(), uuid.UUID)
