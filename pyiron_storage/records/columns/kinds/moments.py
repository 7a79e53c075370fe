"""Columns of dates, times and durations, as integers that count days or microseconds."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from itertools import repeat
from operator import add, attrgetter, is_, sub
from typing import Any, Final

import numpy as np

from pyiron_storage.arrays.native_array import Array
from pyiron_storage.records.columns.kind import COLUMN_KINDS, ColumnKind
from pyiron_storage.records.columns.kinds.numbers import column_bytes, stored_bytes
from pyiron_storage.records.columns.outlines import Outline, Walk
from pyiron_storage.records.decoder import Decoder
from pyiron_storage.records.document import Node, Record
from pyiron_storage.records.encoder import Encoder, Refusal

EPOCH: Final = datetime.datetime(1970, 1, 1)
LONGEST: Final = datetime.timedelta(days=100_000_000)
"""Longer durations have more microseconds than 64 bits hold."""


class MomentColumn(ColumnKind):
    """``{"of":"...","at":...}`` or ``native``: 64-bit integers."""

    dtype: str
    """What numpy calls these integers."""

    def encode(self, values: list[Any], held: int, encoder: Encoder) -> dict[str, Node] | None:
        return {"of": self.name, **stored_bytes(self._count(values), encoder)}

    def _count(self, values: list[Any]) -> Array:
        raise NotImplementedError

    def decode(self, node: Node, decoder: Decoder) -> list[Any]:
        values: list[Any] = self._numbers(node, decoder.record).tolist()
        return values

    def _numbers(self, node: Node, record: Record) -> Array:
        return np.frombuffer(column_bytes(node, record), self.dtype)

    def outline(self, node: Node, walk: Walk) -> Outline:
        return walk.like_the_first(node)

    def expand(self, node: Node, record: Record) -> list[Node]:
        return [self._node(node, value) for value in self._numbers(node, record).tolist()]

    def entry(self, node: Node, index: int, record: Record) -> Node:
        return self._node(node, self._numbers(node, record)[index].item())

    def _node(self, node: Node, value: Any) -> Node:
        return {"$": self.name, "text": value.isoformat()}


class DateColumn(MomentColumn):
    """``{"of":"date","at":...}``: days since 1970-01-01."""

    name = "date"
    dtype = "<M8[D]"

    def _count(self, values: list[datetime.date]) -> Array:
        return _integers(map(datetime.date.toordinal, values), len(values)) - EPOCH.toordinal()


class TimedeltaColumn(MomentColumn):
    """``{"of":"timedelta","at":...}``: microseconds."""

    name = "timedelta"
    dtype = "<m8[us]"

    def prepare(self, values: list[Any], held: int, encoder: Encoder) -> list[Any] | None:
        alike = super().prepare(values, held, encoder)
        return values if alike is not None and min(values) >= -LONGEST and max(values) <= LONGEST else None

    def _count(self, values: list[datetime.timedelta]) -> Array:
        days, seconds, microseconds = (_integers(map(part, values), len(values)) for part in _PARTS)
        return (days * 86_400 + seconds) * 1_000_000 + microseconds

    def _node(self, node: Node, value: datetime.timedelta) -> Node:
        return {"$": self.name, "days": value.days, "seconds": value.seconds, "microseconds": value.microseconds}


class DatetimeColumn(TimedeltaColumn):
    """``{"of":"datetime","at":...}``: microseconds since 1970-01-01T00:00; ``zone`` where they have one."""

    name = "datetime"
    dtype = "<M8[us]"

    def prepare(self, values: list[Any], held: int, encoder: Encoder) -> list[Any] | None:
        if ColumnKind.prepare(self, values, held, encoder) is None or any(map(attrgetter("fold"), values)):
            return None
        zones = map(attrgetter("tzinfo"), values)
        return values if all(map(is_, zones, repeat(values[0].tzinfo))) else None

    def encode(self, values: list[Any], held: int, encoder: Encoder) -> dict[str, Node] | None:
        fields = super().encode(values, held, encoder)
        zone = values[0].tzinfo
        if fields is None or zone is None:
            return fields
        try:
            encoder.encode(zone)  # what is met twice stands apart
        except Refusal as refusal:
            refusal.parts.append("0")
            raise
        return {**fields, "zone": encoder.encode(zone)}

    def _count(self, values: list[Any]) -> Array:
        start = EPOCH.replace(tzinfo=values[0].tzinfo)
        return super()._count(list(map(sub, values, repeat(start))))  # of one zone, so that it does not count

    def decode(self, node: Node, decoder: Decoder) -> list[Any]:
        if "zone" not in node:
            return super().decode(node, decoder)
        start = EPOCH.replace(tzinfo=decoder.decode(node["zone"]))
        return list(map(add, repeat(start), self._numbers(node, decoder.record).view("<m8[us]").tolist()))

    def _node(self, node: Node, value: Any) -> Node:
        fields = MomentColumn._node(self, node, value)
        return {**fields, "zone": dict(node["zone"])} if "zone" in node else fields


class TimeColumn(DatetimeColumn):
    """``{"of":"time","at":...}``: microseconds since midnight; ``zone`` where they have one."""

    name = "time"

    def _count(self, values: list[Any]) -> Array:
        return super()._count(list(map(datetime.datetime.combine, repeat(EPOCH), values)))

    def decode(self, node: Node, decoder: Decoder) -> list[Any]:
        return list(map(datetime.datetime.timetz, super().decode(node, decoder)))

    def _node(self, node: Node, value: Any) -> Node:
        return super()._node(node, value.timetz())


_PARTS: Final = tuple(map(attrgetter, ("days", "seconds", "microseconds")))


def _integers(numbers: Iterator[int], count: int) -> Array:
    return np.fromiter(numbers, np.int64, count)


COLUMN_KINDS.add(DateColumn(), datetime.date)
COLUMN_KINDS.add(TimedeltaColumn(), datetime.timedelta)
COLUMN_KINDS.add(DatetimeColumn(), datetime.datetime)
COLUMN_KINDS.add(TimeColumn(), datetime.time)
