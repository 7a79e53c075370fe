"""pandas itself, imported when the first object of it is made, and what all its rules share."""

from __future__ import annotations

import functools
import importlib
from typing import Any

import numpy as np

from pyiron_storage.arrays.memory_layout import given
from pyiron_storage.records.rule import REGISTRY, Rule, named


@functools.cache
def library() -> Any:
    """Return the module pandas."""
    return importlib.import_module("pandas")


def register(rule: Rule, *names: str) -> None:
    """Register a rule for the classes of pandas that have these names, of which the first is shown."""
    rule.type_names = tuple(map(_public_name, names))
    REGISTRY.add(rule, predicate=named("pandas", *names))


def _public_name(name: str) -> str:
    """Where the public interface of pandas has a class: arrays and the types of NaT and NA in modules of their own."""
    module = "pandas.arrays" if name.endswith("Array") else "pandas.api.typing" if name.endswith("Type") else "pandas"
    return f"{module}.{name}"


def plain_array(array: Any) -> Any:
    """The array of a column or index as it is stored: numpy's own where that says all."""
    kind = type(array).__name__
    of_times = kind in ("DatetimeArray", "TimedeltaArray") and isinstance(array.dtype, np.dtype)
    if kind == "NumpyExtensionArray" or (of_times and getattr(array, "freq", None) is None):
        return unflagged(np.asarray(array))
    return array


def unflagged(array: Any) -> Any:
    """An array as it is stored: pandas hands out read-only views of what it has, which is not so itself."""
    return array if array.flags.writeable else given(array)
