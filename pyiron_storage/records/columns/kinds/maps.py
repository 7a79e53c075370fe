"""Columns of dicts whose keys are data: all keys, all values, and how many each dict has."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate, chain, islice, pairwise
from typing import Any, NamedTuple

from pyiron_storage.records.columns.column import (
    Prepared,
    decode_column,
    decode_lengths,
    encode_column,
    encode_lengths,
    entry,
    expanded,
    prepare_column,
)
from pyiron_storage.records.columns.kind import HELD_BY_LIST, ColumnKind
from pyiron_storage.records.decoder import Decoder
from pyiron_storage.records.document import Node, Record
from pyiron_storage.records.encoder import Encoder, Refusal
from pyiron_storage.records.places import key_part


class Maps(NamedTuple):
    """Dicts, taken apart."""

    lengths: list[int]
    keys: list[Any]
    values: list[Any]
    prepared: list[Prepared | None]


class MapColumn(ColumnKind):
    """``{"of":"map","lengths":...,"columns":[keys,values]}``."""

    name = "map"

    def prepare(self, values: list[Any], held: int, encoder: Encoder) -> Maps | None:
        if type(values[0]) is not dict or super().prepare(values, held, encoder) is None:
            return None
        keys, cells = list(chain.from_iterable(values)), list(chain.from_iterable(map(dict.values, values)))
        prepared = [prepare_column(column, HELD_BY_LIST + 1, encoder) for column in (keys, cells)]
        return None if None in prepared else Maps(list(map(len, values)), keys, cells, prepared)

    def encode(self, maps: Maps, held: int, encoder: Encoder) -> dict[str, Node]:
        columns = [encode_column(maps.keys, HELD_BY_LIST + 1, encoder, maps.prepared[0])]
        try:
            columns.append(encode_column(maps.values, HELD_BY_LIST + 1, encoder, maps.prepared[1]))
        except Refusal as refusal:
            index = int(refusal.parts.pop())
            row = next(row for row, end in enumerate(accumulate(maps.lengths)) if index < end)
            refusal.parts += [key_part(encoder.record, encoder.encode(maps.keys[index])), str(row)]
            raise
        return {"of": self.name, "lengths": encode_lengths(maps.lengths, encoder), "columns": columns}

    def decode(self, node: Node, decoder: Decoder) -> list[Any]:
        pairs = zip(*[decode_column(column, decoder) for column in node["columns"]], strict=True)
        return [dict(islice(pairs, length)) for length in decode_lengths(node["lengths"], node["count"], decoder)]

    def expand(self, node: Node, record: Record) -> list[Node]:
        pairs = zip(*[expanded(column, record) for column in node["columns"]], strict=True)
        lengths = decode_lengths(node["lengths"], node["count"], Decoder(record))
        return [_mapping(islice(pairs, length)) for length in lengths]

    def entry(self, node: Node, index: int, record: Record) -> Node:
        lengths = decode_lengths(node["lengths"], node["count"], Decoder(record))
        start, end = next(islice(pairwise(accumulate(lengths, initial=0)), index, None))
        keys, values = node["columns"]
        return _mapping((entry(keys, place, record), entry(values, place, record)) for place in range(start, end))


def _mapping(pairs: Iterable[tuple[Node, Node]]) -> Node:
    pairs = list(pairs)
    if all(type(key) is str and key != "$" for key, _ in pairs):
        return dict(pairs)
    return {"$": "dict", "pairs": list(map(list, pairs))}
