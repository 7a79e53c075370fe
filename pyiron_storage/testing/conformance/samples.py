"""What the conformance suite stores: values, arrays, names and objects, and how two of them are compared."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import pyiron_storage as ps
from pyiron_storage.model.storage import GenericStorage

NATIVE: dict[str, Any] = {
    "none": None,
    "true": True,
    "int": -5,
    "large int": 2**63 - 1,
    "huge int": 10**40,
    "float": 0.1,
    "minus zero": -0.0,
    "infinity": -math.inf,
    "complex": complex(-0.0, 1.5),
    "text": "héllo ☃\0",
    "line ends": "a\x85b\u2028c\r\nd\ve",
    "surrogate": "a\udc80b",
    "empty text": "",
    "long text": "é" * 5000,
    "bytes": b"a\0\xff\0",
    "empty bytes": b"",
    "long bytes": bytes(range(256)) * 20,
}
ARRAYS: dict[str, Any] = {
    "float": np.linspace(0, 1, 6).reshape(2, 3),
    "zero-dimensional": np.array(1.5),
    "empty": np.empty((0, 3)),
    "big-endian": np.arange(3, dtype=">i4"),
    "half": np.arange(3, dtype="f2"),
    "bool": np.array([True, False]),
    "complex": np.array([1j, -0.0]),
    "Fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "strided": np.arange(10.0)[::2],
    "reversed": np.arange(10)[::-1],
    "text": np.array(["a", "bç"]),
    "bytes": np.array([b"a", b"bc"]),
    "dates": np.array(["2020-01-01", "NaT"], "M8[s]"),
    "structured": np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8", (2,))]),
    "big": np.arange(20_000.0).reshape(100, 200),
    "big text": np.array(["abc", "ü"] * 20_000),
    "big Fortran": np.asfortranarray(np.arange(20_000.0).reshape(100, 200)),
}

KEYS: list[Any] = [
    ...,
    slice(None),
    slice(1, None),
    slice(None, None, -1),
    slice(5, 1, -2),
    slice(3, 3),
    0,
    -1,
    (..., 0),
    (slice(None, None, 2), slice(1, None)),
    (0, slice(None, None, -1)),
    (-1, ..., -1),
    np.int64(1),
    [0, -1],
    (slice(None), [0]),
    (np.newaxis, 0),
]
"""What an array is indexed with; those that do not suit it raise `IndexError`."""

LIST_CHANGES: list[Callable[[Any], Any]] = [
    lambda it: it.append(4),
    lambda it: it.insert(0, "first"),
    lambda it: it.extend([5, 6]),
    lambda it: it.__setitem__(1, "one"),
    lambda it: it.__setitem__(slice(2, 4), ["x", "y", "z"]),
    lambda it: it.__delitem__(0),
    lambda it: it.__delitem__(slice(None, None, 3)),
    lambda it: it.reverse(),
    lambda it: it.pop(),
    lambda it: it.__setitem__(-1, [7]),
    lambda it: it[-1].append(8),
]
NAMES = ["a b", "ä☃", "CON", ".hidden", "x" * 300, "a%2Fb", "record", "100%", "Nodes", "nodes"]
BAD_NAMES = ["", "/", "a//b", ".", "..", "a/..", "nul\0", "~metadata", "~0metadata", "~:1", "\udc80"]


class Plain:
    """An instance with attributes."""

    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)


class Slotted:
    """An instance with slots, one of them unset."""

    __slots__ = ("left", "right")

    def __init__(self, left: Any) -> None:
        self.left = left


class Reducing:
    """An instance that says how it is made."""

    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments

    def __reduce__(self) -> Any:
        return Reducing, self.arguments


class Stateful(Plain):
    """An instance with its own idea of its state."""

    def __getstate__(self) -> Any:
        return "state", dict(self.__dict__)

    def __setstate__(self, state: Any) -> None:
        self.__dict__.update(state[1])


@dataclass
class Settings:
    """A dataclass."""

    cutoff: float = 5.0
    flags: dict[str, Any] = field(default_factory=dict)


class Node(ps.Storable):
    """A storable in a cycle with its workflow."""

    def __init__(self, workflow: Workflow, inputs: dict[str, Any]) -> None:
        self.workflow, self.inputs = workflow, inputs

    def _store(self, storage: GenericStorage) -> None:
        storage["workflow"] = self.workflow
        storage["values/inputs"] = self.inputs

    def _restore_into(self, storage: GenericStorage, version: str) -> None:
        self.workflow = storage["workflow"].to_object()
        self.inputs = storage["values/inputs"]


class Workflow(ps.Storable):
    """A storable that holds others."""

    storage_version = "1.5"

    def __init__(self) -> None:
        self.nodes: list[Node] = []

    def _store(self, storage: GenericStorage) -> None:
        storage["nodes"] = self.nodes

    def _restore_into(self, storage: GenericStorage, version: str) -> None:
        assert version == "1.5"
        self.nodes = storage.load("nodes")


def same(left: Any, right: Any) -> bool:
    """Whether two values are equal with the same types, to the bit for numbers."""
    if type(left) is not type(right):
        return False
    if isinstance(left, np.ndarray):
        order = left.flags.f_contiguous and left.ndim > 1
        return (
            left.dtype == right.dtype
            and left.shape == right.shape
            and left.tobytes() == right.tobytes()
            and (not order or bool(right.flags.f_contiguous))
        )
    if isinstance(left, dict):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in left)
    if isinstance(left, (list, tuple)):
        return len(left) == len(right) and all(map(same, left, right))
    return repr(left) == repr(right) if isinstance(left, (float, complex)) else bool(left == right)
