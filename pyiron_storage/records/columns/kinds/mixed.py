"""Columns of a few groups of like things: None among numbers, dicts whose keys differ in some rows.

Numbers of numpy, dates and their like are two groups where other things hold some of them: those go on as a column.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from itertools import repeat
from typing import Any, Final, NamedTuple

from pyiron_storage.records.columns.column import (
    Prepared,
    column_kind,
    decode_column,
    encode_column,
    expanded,
    prepare_column,
)
from pyiron_storage.records.columns.entries import put_cell
from pyiron_storage.records.columns.kind import ColumnKind, are_alone, exhaust
from pyiron_storage.records.columns.kinds.rows import prepare_like_dicts
from pyiron_storage.records.columns.outlines import Chosen, Outline, Walk
from pyiron_storage.records.decoder import Decoder
from pyiron_storage.records.document import Node, Record
from pyiron_storage.records.encoder import Encoder, Refusal
from pyiron_storage.records.hooks import attributes_of, slots_of
from pyiron_storage.records.places import Place
from pyiron_storage.records.rule import REGISTRY
from pyiron_storage.records.rules.instances import INSTANCES
from pyiron_storage.records.rules.values import PLAIN

MOST_GROUPS: Final = 16
FEWEST_IN_GROUP: Final = 8
"""On average; with fewer a column would cost more than it saves."""
WORTH_GROUPING: Final = 0.75
"""The share of the values that large groups must hold where there are too many groups."""
PLAIN_LEAST: Final = 64
"""Fewer numbers and texts than this are easier to read as they are."""


class Grouped(NamedTuple):
    """Values by group, and what tells the groups apart."""

    codes: list[int]
    groups: list[list[Any]]
    keys: list[Any]
    are_dicts: bool


class MixedColumn(ColumnKind):
    """``{"of":"mixed","codes":...,"columns":[...]}``: in which column each entry stands, there in their order."""

    name = "mixed"

    def prepare(self, values: list[Any], held: int, encoder: Encoder) -> Grouped | None:
        types = list(map(type, values))
        different = set(types)
        if len(different) > MOST_GROUPS or (len(values) < PLAIN_LEAST and different <= PLAIN):
            return None
        are_dicts = different == {dict}
        if are_dicts:
            keys: list[Any] = list(map(tuple, values))
        elif len(different) == 1 and REGISTRY.find(types[0]).kind == "value":
            keys = are_alone(values, held)
        else:
            keys = _keys(values, types, different, encoder)
        names = _group_names(keys)
        if names is None:
            return None
        numbers = {key: number for number, key in enumerate(names)}
        codes = list(map(numbers.get, keys, repeat(len(names) - 1)))  # what has another key is in the last
        groups: list[list[Any]] = [[] for _ in names]
        exhaust(map(list.append, map(groups.__getitem__, codes), values))
        return Grouped(codes, groups, names, are_dicts)

    def encode(self, grouped: Grouped, held: int, encoder: Encoder) -> dict[str, Node] | None:
        prepared = [
            (prepare_like_dicts(group, keys, held + 1) if grouped.are_dicts and keys is not None else None)
            or prepare_column(group, held + 1, encoder)
            for group, keys in zip(grouped.groups, grouped.keys, strict=True)
        ]
        if not any(prepared):
            grouped.groups.clear()  # they hold the values, which would count as shared
            return None
        _gather(grouped, prepared)
        columns = []
        for number, (group, found) in enumerate(zip(grouped.groups, prepared, strict=True)):
            try:
                columns.append(encode_column(group, held + 1, encoder, found))
            except Refusal as refusal:
                index = int(refusal.parts[-1])
                refusal.parts[-1] = str([i for i, code in enumerate(grouped.codes) if code == number][index])
                raise
        return {"of": "mixed", "codes": encode_column(grouped.codes, 0, encoder), "columns": columns}

    def decode(self, node: Node, decoder: Decoder) -> list[Any]:
        columns = [iter(decode_column(column, decoder)) for column in node["columns"]]
        return list(map(next, map(columns.__getitem__, decode_column(node["codes"], decoder))))

    def entries(self, node: Node, start: int, stop: int, record: Record) -> list[Node]:
        if stop - start == 1:
            codes = column_kind(node["codes"], record).entries(node["codes"], 0, stop, record)
            column = node["columns"][codes[start]]
            number = codes[:start].count(codes[start])
            return column_kind(column, record).entries(column, number, number + 1, record)
        codes = expanded(node["codes"], record)
        every = [column_kind(column, record).entries(column, 0, column["count"], record) for column in node["columns"]]
        columns = list(map(iter, every))
        return [next(columns[code]) for code in codes][start:stop]

    def outline(self, node: Node, walk: Walk) -> Outline:
        numbered = [
            zip(repeat(walk.outline(column, column["count"])), range(column["count"])) for column in node["columns"]
        ]
        return Chosen([next(numbered[code]) for code in decode_column(node["codes"], Decoder(walk.record))])

    def put(self, column: Place, index: int, new: Node) -> bool:
        codes = expanded(column.node["codes"], column.record)
        code = codes[index]
        put_cell(column.inner("columns").inner(code), codes[:index].count(code), new)
        return True


def _group_names(keys: Sequence[Hashable]) -> list[Any] | None:
    """What the groups have in common; None for a last group of all the others; None instead where groups do not pay."""
    counts = Counter(keys)
    if 1 < len(counts) <= min(MOST_GROUPS, len(keys) // FEWEST_IN_GROUP):
        return list(counts)
    large = [key for key, count in counts.most_common(MOST_GROUPS - 1) if count >= FEWEST_IN_GROUP]
    covered = sum(map(counts.__getitem__, large))
    return [*large, None] if len(keys) > covered >= len(keys) * WORTH_GROUPING else None


def _gather(grouped: Grouped, prepared: list[Prepared | None]) -> None:
    """Put the groups for which no column was prepared into one, the last.

    Thus these things are written and made in the order in which they stand, as
    without columns: where they hold each other, what one finds in another while it is
    made depends on it.
    """
    loose = {number for number, found in enumerate(prepared) if found is None}
    if len(loose) < 2:
        return
    kept = [number for number, found in enumerate(prepared) if found is not None]
    numbers = {old: new for new, old in enumerate(kept)} | dict.fromkeys(loose, len(kept))
    groups = list(map(iter, grouped.groups))
    together = [next(groups[code]) for code in grouped.codes if code in loose]
    grouped.groups[:] = [*(grouped.groups[number] for number in kept), together]
    grouped.codes[:] = map(numbers.__getitem__, grouped.codes)
    prepared[:] = [*(prepared[number] for number in kept), None]


def _keys(values: list[Any], types: list[type], different: set[type], encoder: Encoder) -> list[Hashable]:
    """What tells the groups apart: the type, the keys of dicts, the attributes of instances or their table."""
    with_keys = {cls for cls in different if cls is dict or REGISTRY.find(cls) is INSTANCES}
    if not with_keys:
        return list(types)
    rows = map(encoder.rows.get, map(id, values))
    return [
        cls if cls not in with_keys else _key(value) if row is None else row >> 32
        for value, cls, row in zip(values, types, rows, strict=True)
    ]


def _key(value: Any) -> Hashable:
    if type(value) is dict:
        return tuple(value)
    return (
        type(value),
        tuple(attributes_of(value)),
        tuple(slots_of(value)),
    )
