"""Indices, by their values and names."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from pyiron_storage.records.rules.pandas_objects.arrays import are_codes
from pyiron_storage.records.rules.pandas_objects.frequencies import alias_of, with_frequency
from pyiron_storage.records.rules.pandas_objects.library import library, plain_array, register, unflagged
from pyiron_storage.records.rules.pieces import Pieces, PiecesRule, given, require

Array = np.ndarray[Any, Any]


def _take_index(index: Any) -> Pieces:
    """``{"$":"index","nodes":{"values":...}}``; ``name`` and ``freq``. Its values say of which class it is."""
    freq = index.freq if type(index).__name__ in ("DatetimeIndex", "TimedeltaIndex") else None
    array = index.array if freq is None else type(index)(index, freq=None).array
    return {"values": plain_array(array), **given(name=index.name, freq=alias_of(freq))}


def _make_index(values: Any, name: Any = None, freq: Any = None) -> Any:
    require(getattr(values, "ndim", 0) == 1, "the values are no array")
    index = library().Index(values, dtype=values.dtype, name=name, copy=False)
    return index if freq is None else with_frequency(index, freq)


def _take_range(index: Any) -> Pieces:
    """``{"$":"rangeindex","nodes":{"start":0,"stop":3,"step":1}}``, and ``name``."""
    return {"start": index.start, "stop": index.stop, "step": index.step, **given(name=index.name)}


def _make_range(start: int, stop: int, step: int, name: Any = None) -> Any:
    return library().RangeIndex(start, stop, step, name=name)


def _take_levels(index: Any) -> Pieces:
    """``{"$":"multiindex","nodes":{"levels":[...],"codes":[...]}}``; the names are those of the levels."""
    return {
        "levels": list(index.levels),
        "codes": list(map(unflagged, index.codes)),
        **given(sortorder=index.sortorder),
    }


def _make_levels(levels: list[Any], codes: list[Array], sortorder: int | None = None) -> Any:
    pandas = library()
    require(all(isinstance(level, pandas.Index) for level in levels) and len(levels) == len(codes), "a level is none")
    for level, numbers in zip(levels, codes, strict=True):
        require(are_codes(numbers, len(level)) and len(numbers) == len(codes[0]), "the codes do not fit the levels")
    names = [level.name for level in levels]
    return pandas.MultiIndex(levels, codes, sortorder=sortorder, names=names, verify_integrity=False)


_BY_VALUES: Final = (
    "Index",
    "DatetimeIndex",
    "TimedeltaIndex",
    "PeriodIndex",
    "IntervalIndex",
    "CategoricalIndex",
)
register(PiecesRule("index", _take_index, _make_index), *_BY_VALUES)
register(PiecesRule("rangeindex", _take_range, _make_range), "RangeIndex")
register(PiecesRule("multiindex", _take_levels, _make_levels), "MultiIndex")
