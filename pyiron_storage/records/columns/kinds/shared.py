"""Columns of what others hold as well: rows of a table, and few things that come again and again."""

from __future__ import annotations

import enum
from itertools import repeat
from operator import countOf
from typing import Any, Final

import numpy as np

from pyiron_storage.records.columns.column import column_kind, decode_column, encode_column, expanded, prepare_column
from pyiron_storage.records.columns.kind import COLUMN_KINDS, ColumnKind, count_holders
from pyiron_storage.records.columns.kinds.numbers import constant
from pyiron_storage.records.columns.outlines import Alike, Chosen, Outline, Walk
from pyiron_storage.records.decoder import Decoder
from pyiron_storage.records.document import Node, Record
from pyiron_storage.records.encoder import Encoder, Refusal
from pyiron_storage.records.rule import REGISTRY
from pyiron_storage.records.rules.instances import INSTANCES, TABLE
from pyiron_storage.records.rules.standard import EnumRule
from pyiron_storage.records.rules.values import PLAIN
from pyiron_storage.records.tables import look_for_tables


class RowColumn(ColumnKind):
    """``{"of":"row","table":{"$":line},"rows":...}``: the numbers of rows of one table."""

    name = "row"

    def prepare(self, values: list[Any], held: int, encoder: Encoder) -> list[int] | None:
        if REGISTRY.find(type(values[0])) is not INSTANCES:
            return None
        if id(values[0]) not in encoder.rows:
            look_for_tables(values, TABLE, encoder)
        numbers = list(map(encoder.rows.get, map(id, values), repeat(-1)))
        return numbers if min(numbers) >= 0 and min(numbers) >> 32 == max(numbers) >> 32 else None

    def encode(self, numbers: list[int], held: int, encoder: Encoder) -> dict[str, Node]:
        rows = (np.array(numbers, np.int64) & 0xFFFFFFFF).tolist()
        return {"of": "row", "table": encoder.table(numbers[0] >> 32), "rows": encode_column(rows, 0, encoder)}

    def decode(self, node: Node, decoder: Decoder) -> list[Any]:
        table = decoder.decode(node["table"])
        return list(map(table.__getitem__, decode_column(node["rows"], decoder)))

    def entries(self, node: Node, start: int, stop: int, record: Record) -> list[Node]:
        rows = column_kind(node["rows"], record).entries(node["rows"], start, stop, record)
        return [{"$": "row", "table": node["table"], "row": row} for row in rows]


class RepeatedColumn(ColumnKind):
    """``{"of":"repeated","values":...,"codes":...}``: the different things, and which of them each entry is."""

    name = "repeated"

    def prepare(self, values: list[Any], held: int, encoder: Encoder) -> tuple[list[int], dict[int, Any]] | None:
        if set(map(type, values)) <= PLAIN or _are_held_once(values, held):
            return None
        if 2 * len(set(map(id, values))) > len(values):
            return None
        numbers = list(map(id, values))
        return numbers, dict(zip(numbers, values, strict=True))

    def encode(self, prepared: tuple[list[int], dict[int, Any]], held: int, encoder: Encoder) -> dict[str, Node]:
        numbers, different = prepared
        values = list(different.values())
        column = _shared_column(values, numbers, encoder)
        if len(values) == 1:
            return constant(column["items"][0])
        codes = dict(zip(different, range(len(different)), strict=True))
        return {
            "of": "repeated",
            "values": column,
            "codes": encode_column(list(map(codes.__getitem__, numbers)), 0, encoder),
        }

    def decode(self, node: Node, decoder: Decoder) -> list[Any]:
        values = decode_column(node["values"], decoder)
        return list(map(values.__getitem__, decode_column(node["codes"], decoder)))

    def entries(self, node: Node, start: int, stop: int, record: Record) -> list[Node]:
        values = expanded(node["values"], record)
        return [values[code] for code in column_kind(node["codes"], record).entries(node["codes"], start, stop, record)]

    def outline(self, node: Node, walk: Walk) -> Outline:
        codes = decode_column(node["codes"], Decoder(walk.record))
        values = walk.outline(node["values"], node["values"]["count"])
        if isinstance(values, Alike):
            return values.chosen(codes)
        return Chosen(list(zip(repeat(values), codes)))


class EnumColumn(RepeatedColumn):
    """Members of an enum: each is one object, however often it comes."""

    def prepare(self, values: list[Any], held: int, encoder: Encoder) -> tuple[list[int], dict[int, Any]] | None:
        if ColumnKind.prepare(self, values, held, encoder) is None:
            return None
        numbers = list(map(id, values))
        return numbers, dict(zip(numbers, values, strict=True))

    has_identity = False


def encode_repeated_texts(texts: list[str], encoder: Encoder) -> dict[str, Node] | None:
    """Return the fields of a column of texts where few stand many times, else None."""
    if len(texts) < SAMPLE or len(set(texts[:SAMPLE])) > SAMPLE // 8:
        return None
    different = list(dict.fromkeys(texts))
    if len(different) > len(texts) // 8:
        return None
    codes = dict(zip(different, range(len(different)), strict=True))
    column = encode_column(different, 0, encoder)
    return {"of": "repeated", "values": column, "codes": encode_column(list(map(codes.__getitem__, texts)), 0, encoder)}


SAMPLE: Final = 256
"""So many texts are looked at before all are."""


def _are_held_once(values: list[Any], held: int) -> bool:
    """Whether a sample of the values says that nothing else holds them, so that none comes again."""
    sample = values[:: len(values) // SAMPLE + 1]
    return countOf(count_holders(sample), held + 1) == len(sample)


def _shared_column(values: list[Any], numbers: list[int], encoder: Encoder) -> Node:
    """The column of different things, each of which is referred to several times."""
    prepared = prepare_column(values, 0, encoder)
    if prepared is not None:
        return encode_column(values, 0, encoder, prepared)
    nodes: list[Node] = []
    try:
        for value in values:
            nodes.append(encoder.shared(value))  # noqa: PERF401  their number says which one was refused
    except Refusal as refusal:
        refusal.parts.append(str(numbers.index(id(values[len(nodes)]))))
        raise
    return {"$": "column", "count": len(values), "of": "nodes", "items": nodes}


def _is_member(cls: type, value: Any) -> bool:
    return issubclass(cls, enum.Enum) and type(REGISTRY.find(cls)) is EnumRule


COLUMN_KINDS.add(EnumColumn(), predicate=_is_member)
