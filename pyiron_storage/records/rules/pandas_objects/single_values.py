"""Single values: moments, durations, periods, intervals, and what stands for a missing one."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyiron_storage.records.decoder import Decoder
from pyiron_storage.records.document import Node
from pyiron_storage.records.encoder import Encoder
from pyiron_storage.records.rule import Rule
from pyiron_storage.records.rules.pandas_objects.frequencies import period_alias
from pyiron_storage.records.rules.pandas_objects.library import library, register
from pyiron_storage.records.rules.pieces import Pieces, PiecesRule, given, restored


class ConstantRule(Rule):
    """``{"$":"nat"}`` and ``{"$":"na"}``, of which there is one each."""

    def __init__(self, name: str, attribute: str) -> None:
        self.name = name
        self._attribute = attribute

    def encode(self, obj: Any, encoder: Encoder) -> Node:
        return {"$": self.name}

    def decode(self, node: Node, decoder: Decoder) -> Any:
        return restored(self.name, decoder, lambda: getattr(library(), self._attribute))


def _take_timestamp(moment: Any) -> Pieces:
    """``{"$":"timestamp","nodes":{"time":"2024-05-01T12:00:00.000","unit":"ms"}}``, in UTC, and ``zone``."""
    return {"time": str(moment.asm8), "unit": moment.unit, **given(zone=moment.tz)}


def _make_timestamp(time: str, unit: Any, zone: Any = None) -> Any:
    moment = library().Timestamp(np.datetime64(time, unit))
    return moment if zone is None else moment.tz_localize("UTC").tz_convert(zone)


def _take_timedelta(duration: Any) -> Pieces:
    """``{"$":"duration","nodes":{"number":1500,"unit":"ms"}}``."""
    return {"number": duration.asm8.astype(np.int64).item(), "unit": duration.unit}


def _make_timedelta(number: int, unit: Any) -> Any:
    return library().Timedelta(np.timedelta64(number, unit))


def _take_period(period: Any) -> Pieces | None:
    """``{"$":"period","nodes":{"ordinal":651,"freq":"M"}}``."""
    freq = period_alias(library().PeriodDtype(period.freq))
    return None if freq is None else {"ordinal": period.ordinal, "freq": freq}


def _make_period(ordinal: int, freq: str) -> Any:
    return library().Period(ordinal=ordinal, freq=freq)


def _take_interval(interval: Any) -> Pieces:
    """``{"$":"interval","nodes":{"left":0,"right":1,"closed":"right"}}``."""
    return {"left": interval.left, "right": interval.right, "closed": interval.closed}


def _make_interval(left: Any, right: Any, closed: str) -> Any:
    return library().Interval(left, right, closed=closed)


register(PiecesRule("timestamp", _take_timestamp, _make_timestamp), "Timestamp")
register(PiecesRule("duration", _take_timedelta, _make_timedelta), "Timedelta")
register(PiecesRule("period", _take_period, _make_period), "Period")
register(PiecesRule("interval", _take_interval, _make_interval), "Interval")
register(ConstantRule("nat", "NaT"), "NaTType")
register(ConstantRule("na", "NA"), "NAType")
