"""The frequencies of times and periods, by the aliases that pandas has for them."""

from __future__ import annotations

from typing import Any

from pyiron_storage.records.rules.pandas_objects.library import library


def alias_of(freq: Any) -> Any:
    """The alias of a frequency where that gives it back, else itself."""
    if freq is None:
        return None
    try:
        same = _offset(freq.freqstr)
    except ValueError:
        return freq
    return freq.freqstr if type(same) is type(freq) and same == freq else freq


def _offset(alias: Any) -> Any:
    return library().tseries.frequencies.to_offset(alias)


def with_frequency(times: Any, freq: Any) -> Any:
    """Give an index or array its frequency, which it had and need not prove: that makes every entry anew."""
    offset = _offset(freq)
    for holder in (times, getattr(times, "array", times)):  # the one until pandas 3.0, the other since
        if hasattr(holder, "_freq"):
            holder._freq = offset
    if getattr(times, "freq", offset) != offset:
        times.freq = offset
    return times


def period_alias(dtype: Any) -> str | None:
    """The alias of the frequency of periods; None where that does not give it back."""
    alias = str(dtype).removeprefix("period[").removesuffix("]")
    return alias if library().PeriodDtype(alias) == dtype else None
