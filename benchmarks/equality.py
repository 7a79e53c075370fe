"""Whether what was loaded is what was saved: types, values, order and sharing."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

import numpy as np

ATOMS = {int, float, complex, str, bytes, bool, type(None)}
Pairs = Iterable[tuple[Any, Any, Any]]


def difference(saved: Any, loaded: Any) -> str:
    """Say where two objects first differ and how; an empty text if they do not."""
    loaded_for: dict[int, int] = {}
    saved_for: dict[int, int] = {}
    alive: list[Any] = []  # the state of an object is made when asked for; its id must not be given to another
    waiting = deque([(saved, loaded, "object")])  # breadth first: the path that is told is short
    while waiting:
        a, b, path = waiting.popleft()
        if a is b:
            continue
        if type(a) is not type(b):
            return f"{path} is {type(b).__name__}, not {type(a).__name__}"
        if _has_identity(a):
            known = id(a) in loaded_for
            if loaded_for.setdefault(id(a), id(b)) != id(b) or saved_for.setdefault(id(b), id(a)) != id(a):
                return f"{path} is not the object that it was elsewhere"
            if known:
                continue
        pairs = _parts(a, b)
        if pairs is None:
            return f"{path} has {'other keys, or in another order' if isinstance(a, dict) else 'another value'}"
        alive.append((a, b))
        waiting.extend((x, y, f"{path}/{name}") for x, y, name in pairs)
    return ""


def _has_identity(found: Any) -> bool:
    """Whether it can be changed, so that one object differs from two equal ones."""
    return isinstance(found, list | dict | np.ndarray) or hasattr(found, "__dict__")


def _parts(a: Any, b: Any) -> Pairs | None:
    """The pairs of parts that are left to compare, or None if the two differ already."""
    if type(a) in ATOMS or isinstance(a, np.generic):
        return () if a == b or (a != a and b != b) else None
    if isinstance(a, np.ndarray):
        return _parts_of_array(a, b)
    if isinstance(a, list | tuple):
        return _parts_of_sequence(a, b)
    if isinstance(a, dict):
        return [(a[key], b[key], key) for key in a] if list(a) == list(b) else None
    if hasattr(a, "equals"):  # a DataFrame
        return () if a.equals(b) and list(a.dtypes) == list(b.dtypes) else None
    return zip(_state(a), _state(b), ["class", "state"], strict=True)


def _parts_of_array(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> Pairs | None:
    if a.dtype != b.dtype or a.shape != b.shape:
        return None
    if a.dtype == object:
        return [(a.tolist(), b.tolist(), "elements")]
    return () if np.array_equal(a, b) else None


def _parts_of_sequence(a: Any, b: Any) -> Pairs | None:
    if len(a) != len(b):
        return None
    if set(map(type, a)) <= ATOMS and a == b and list(map(type, a)) == list(map(type, b)):
        return ()  # in one step, for a million of them
    return zip(a, b, range(len(a)), strict=True)


def _state(found: Any) -> tuple[Any, Any]:
    """What pickle would keep of an object: how to make it, and its attributes."""
    reduced = found.__reduce_ex__(4)
    return reduced[:2], reduced[2:3]
