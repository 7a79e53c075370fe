"""Columns of lists and tuples: one flat column with their lengths, or a column for each position."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import chain, islice, repeat
from operator import itemgetter
from typing import Any, Final

from pyiron_storage.records.columns.column import (
    Prepared,
    column_kind,
    decode_column,
    decode_lengths,
    encode_column,
    encode_columns,
    encode_lengths,
    lengths_before,
    prepare_column,
)
from pyiron_storage.records.columns.entries import put_cell
from pyiron_storage.records.columns.kind import COLUMN_KINDS, HELD_BY_LIST, ColumnKind
from pyiron_storage.records.columns.kinds.rows import decode_rows
from pyiron_storage.records.columns.outlines import Alike, Lists, Outline, Walk, fields, lists_of_one_length
from pyiron_storage.records.decoder import Decoder
from pyiron_storage.records.document import Node, Record, dump
from pyiron_storage.records.encoder import Encoder, Refusal
from pyiron_storage.records.navigate import container_info
from pyiron_storage.records.places import Place

LONGEST_RECORD: Final = 32
"""Longer rows are no records with a meaning for each position."""


def _have_positions(lengths: list[int], flat: list[Any]) -> bool:
    """Whether they are records in which each position has its type, as in the first row, which has several."""
    first = list(map(type, flat[: lengths[0]]))
    return len(set(first)) > 1 and _may_be_records(lengths) and first * len(lengths) == list(map(type, flat))


def _may_be_records(lengths: list[int]) -> bool:
    return 0 < lengths[0] <= LONGEST_RECORD and lengths.count(lengths[0]) == len(lengths)


class SequenceColumn(ColumnKind):
    """``{"of":"list","lengths":...,"flat":...}``, or ``columns``, where rows are like records."""

    def __init__(self, make: type[Collection[Any]]) -> None:
        self.name = make.__name__
        self._make: Any = make

    def encode(self, rows: list[Any], held: int, encoder: Encoder) -> dict[str, Node]:
        lengths = list(map(len, rows))
        flat = list(chain.from_iterable(rows))
        prepared = None if _have_positions(lengths, flat) else prepare_column(flat, HELD_BY_LIST + 1, encoder)
        if prepared is None and _may_be_records(lengths) and len(set(map(type, flat))) > 1:
            del flat  # it holds what must be held by its row alone
            cells = ((str(position), list(map(itemgetter(position), rows))) for position in range(lengths[0]))
            return {"of": self.name, "columns": encode_columns(cells, encoder)}
        column = _flat(flat, lengths, encoder, prepared)
        return {"of": self.name, "lengths": encode_lengths(lengths, encoder), "flat": column}

    def decode(self, node: Node, decoder: Decoder) -> list[Any]:
        if "columns" in node:
            return self._made(decode_rows(node, decoder))
        entries = iter(decode_column(node["flat"], decoder))
        if type(node["lengths"]) is int and node["lengths"]:
            return self._made(zip(*[entries] * node["lengths"], strict=True))
        lengths = decode_lengths(node["lengths"], node["count"], decoder)
        return [self._make(islice(entries, length)) for length in lengths]

    def _made(self, rows: Iterable[tuple[Any, ...]]) -> list[Any]:
        return list(rows) if self._make is tuple else list(map(self._make, rows))

    def entries(self, node: Node, start: int, stop: int, record: Record) -> list[Node]:
        lists = list(map(list, self._lists(node, start, stop, record)))
        return lists if self._make is list else [{"$": self.name, "items": items} for items in lists]

    def _lists(self, node: Node, start: int, stop: int, record: Record) -> Iterable[Iterable[Node]]:
        if "columns" in node:
            cells = [column_kind(column, record).entries(column, start, stop, record) for column in node["columns"]]
            return zip(*cells, strict=True)
        begin, lengths = _where(node, start, stop, record)
        flat = column_kind(node["flat"], record).entries(node["flat"], begin, begin + sum(lengths), record)
        entries = iter(flat)
        return [list(islice(entries, length)) for length in lengths]

    def outline(self, node: Node, walk: Walk) -> Outline:
        count = node["count"]
        if "columns" in node:
            columns = [(str(number), walk.outline(column, count)) for number, column in enumerate(node["columns"])]
            return fields(container_info(self.name, len(columns)), columns, count)
        lengths = decode_lengths(node["lengths"], count, Decoder(walk.record))
        flat = walk.outline(node["flat"], sum(lengths))
        if isinstance(flat, Alike) and lengths[0] <= LONGEST_RECORD and lengths.count(lengths[0]) == count:
            return lists_of_one_length(container_info(self.name, lengths[0]), lengths[0], flat, count)
        return Lists(list(map(container_info, repeat(self.name), lengths)), lengths, flat)

    def put(self, column: Place, index: int, new: Node) -> bool:
        node = column.node
        items = (
            new if self._make is list else new.get("items") if type(new) is dict and new.get("$") == "tuple" else None
        )
        (old,) = map(list, self._lists(node, index, index + 1, column.record))
        if type(items) is not list or len(items) != len(old):
            return False
        begin = 0 if "columns" in node else _where(node, index, index + 1, column.record)[0]
        for number, (before, after) in enumerate(zip(old, items, strict=True)):
            if dump(before) != dump(after):
                if "columns" in node:
                    put_cell(column.inner("columns").inner(number), index, after)
                else:
                    put_cell(column.inner("flat"), begin + number, after)
        return True


def _where(node: Node, start: int, stop: int, record: Record) -> tuple[int, list[int]]:
    """Where in the flat column entry `start` begins, and the lengths of the entries before `stop`."""
    if type(node["lengths"]) is int:
        return start * node["lengths"], [node["lengths"]] * (stop - start)
    lengths = lengths_before(node["lengths"], stop, record)
    return sum(lengths[:start]), lengths[start:]


def _flat(flat: list[Any], lengths: list[int], encoder: Encoder, prepared: Prepared | None) -> Node:
    try:
        return encode_column(flat, HELD_BY_LIST + 1, encoder, prepared)
    except Refusal as refusal:
        refusal.parts[-1:] = row_and_entry(int(refusal.parts[-1]), lengths)
        raise


def row_and_entry(index: int, lengths: list[int]) -> list[str]:
    """The parts of a path, the last first, to what stands at an index of the flat column."""
    row = 0
    while index >= lengths[row]:
        index -= lengths[row]
        row += 1
    return [str(index), str(row)]


COLUMN_KINDS.add(SequenceColumn(list), list)
COLUMN_KINDS.add(SequenceColumn(tuple), tuple)
