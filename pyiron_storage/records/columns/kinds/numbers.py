"""Columns of numbers, as typed bytes; and of what is the same for all."""

from __future__ import annotations

import struct
from array import array
from typing import Any, Final

import numpy as np

from pyiron_storage.arrays.native_array import Array
from pyiron_storage.records.columns.kind import COLUMN_KINDS, ColumnKind
from pyiron_storage.records.columns.outlines import Outline, Walk
from pyiron_storage.records.contents import NATIVE_BYTES
from pyiron_storage.records.decoder import Decoder
from pyiron_storage.records.document import Node, Record, dump
from pyiron_storage.records.dtypes import read_dtype
from pyiron_storage.records.encoder import Encoder
from pyiron_storage.records.places import Place
from pyiron_storage.records.rules.arrays import plain_elements
from pyiron_storage.records.rules.values import PLAIN, float_node, read_float


class ConstantColumn(ColumnKind):
    """``{"of":"constant","value":...}``: None, or what is one and the same for all."""

    name = "constant"
    has_identity = False

    def encode(self, values: list[None], held: int, encoder: Encoder) -> dict[str, Node]:
        return constant(values[0])

    def decode(self, node: Node, decoder: Decoder) -> list[Any]:
        return [decoder.decode(node["value"])] * node["count"]

    def entries(self, node: Node, start: int, stop: int, record: Record) -> list[Node]:
        return [node["value"]] * (stop - start)

    def outline(self, node: Node, walk: Walk) -> Outline | None:
        return walk.like_the_first(node) if type(node["value"]) in PLAIN else None

    def put(self, column: Place, index: int, new: Node) -> bool:
        return dump(new) == dump(column.node["value"])


class NumberColumn(ColumnKind):
    """``{"of":"number","dtype":...,"at":...}`` or ``native``: what `numpy.ndarray.tolist` makes of these bytes."""

    name = "number"
    has_identity = False

    def decode(self, node: Node, decoder: Decoder) -> list[Any]:
        dtype = read_dtype(node["dtype"], decoder.record.place)
        values: list[Any] = np.frombuffer(column_bytes(node, decoder.record), dtype).tolist()
        return values

    def entries(self, node: Node, start: int, stop: int, record: Record) -> list[Node]:
        dtype = read_dtype(node["dtype"], record.place)
        if "native" in node:
            rows = record.kept_rows(node["native"], start, stop)
            numbers = np.frombuffer(np.ascontiguousarray(rows).reshape(-1).view(np.uint8).data, dtype)
        else:
            numbers = np.frombuffer(record.bytes_at(node["at"]), dtype)[start:stop]
        values: list[Node] = numbers.tolist()
        return list(map(float_node, values)) if dtype.kind == "f" and not np.isfinite(numbers).all() else values

    def outline(self, node: Node, walk: Walk) -> Outline:
        return walk.like_the_first(node)

    def put(self, column: Place, index: int, new: Node) -> bool:
        dtype = read_dtype(column.node["dtype"], column.record.place)
        number = read_float(new) if type(new) is dict and new.get("$") == "float" else new
        if type(number) is not _PYTHON_TYPES.get(dtype.kind) or not _holds(dtype, number):
            return False
        column.record.overwrite(column.node, index * dtype.itemsize, np.array(number, dtype).tobytes())
        return True


class FloatColumn(NumberColumn):
    """Numbers of 8 bytes."""

    def prepare(self, values: list[Any], held: int, encoder: Encoder) -> Array | None:
        """In pieces that stay in the processor's cache, of which the types are asked first.

        `struct` would take integers as well, and `marshal`, which tells them apart, would write whatever else is
        among the floats, each time anew where it is there more than once.
        """
        numbers = np.empty(len(values))
        data = numbers.data.cast("B")
        for start in range(0, len(values), AT_A_TIME):
            piece = values[start : start + AT_A_TIME]
            if list(map(type, piece)).count(float) != len(piece):
                return None
            struct.pack_into(f"{len(piece)}d", data, start * numbers.itemsize, *piece)
        return numbers

    def encode(self, values: Array, held: int, encoder: Encoder) -> dict[str, Node]:
        return _numbers(values, encoder)


AT_A_TIME: Final = 8192


class IntColumn(NumberColumn):
    """The smallest dtype that holds all."""

    def prepare(self, values: list[Any], held: int, encoder: Encoder) -> Array | None:
        if super().prepare(values, held, encoder) is None:
            return None
        try:
            return np.frombuffer(array("q", values), np.int64)
        except OverflowError:
            return None

    def encode(self, wide: Array, held: int, encoder: Encoder) -> dict[str, Node]:
        low, high = int(wide.min()), int(wide.max())
        if low == high:
            return constant(low)
        return _numbers(wide.astype(_smallest(low, high), copy=False), encoder)


def _smallest(low: int, high: int) -> np.dtype[Any]:
    """The smallest dtype that holds two integers, and so those between them.

    By their ranges alone: numpy promotes int8 and uint64 to float64, which holds few of them.
    """
    return next(dtype for dtype in _INTEGERS if holds_integers(dtype, low, high))


_INTEGERS: Final = tuple(map(np.dtype, ("u1", "i1", "u2", "i2", "u4", "i4", "i8")))


def holds_integers(dtype: np.dtype[Any], low: int, high: int) -> bool:
    """Whether integers are in the range of a dtype; before version 2 numpy takes those beyond it modulo the range."""
    limits = np.iinfo(dtype)
    return bool(limits.min <= low and high <= limits.max)


class BoolColumn(NumberColumn):
    """A byte each."""

    def encode(self, values: list[bool], held: int, encoder: Encoder) -> dict[str, Node]:
        if values.count(values[0]) == len(values):
            return constant(values[0])
        return _numbers(np.array(values, np.bool_), encoder)


def constant(value: Node) -> dict[str, Node]:
    """The fields of a column of one value, as often as there are entries."""
    return {"of": "constant", "value": value}


def _numbers(numbers: Array, encoder: Encoder) -> dict[str, Node]:
    return {"of": "number", "dtype": numbers.dtype.str, **stored_bytes(numbers, encoder)}


def stored_bytes(values: Array, encoder: Encoder) -> dict[str, Node]:
    """Add the bytes of a contiguous array to the record; return the field that says where they are."""
    if values.nbytes < NATIVE_BYTES:
        return {"at": encoder.record.add_bytes(values.reshape(-1).view(np.uint8).data if values.size else b"")}
    return {"native": encoder.record.add_array(plain_elements(values), encoder.hint)}


def stored_integers(values: Array, encoder: Encoder) -> Node:
    """Return the column of an array of integers, in the smallest dtype that holds them; one number where all are it."""
    low, high = int(values.min()), int(values.max())
    if low == high:
        return low
    return {"$": "column", "count": len(values), **_numbers(values.astype(_smallest(low, high), copy=False), encoder)}


def column_bytes(node: Node, record: Record, *, keep: bool = False) -> Any:
    """The bytes of a column, in the buffers or in a native array; `keep` it for the next entry."""
    if "native" in node:
        array = record.kept_array(node["native"]) if keep else record.array(node["native"])
        return array.reshape(-1).view(np.uint8).data
    return record.bytes_at(node["at"])


_PYTHON_TYPES: Final = {"b": bool, "i": int, "u": int, "f": float}


def _holds(dtype: np.dtype[Any], number: Any) -> bool:
    """Whether a number stays the same in a dtype for numbers of its type."""
    if dtype.kind == "f":
        return dtype.itemsize == np.dtype(float).itemsize
    return dtype.kind == "b" or holds_integers(dtype, number, number)


COLUMN_KINDS.add(ConstantColumn(), type(None))
COLUMN_KINDS.add(FloatColumn(), float)
COLUMN_KINDS.add(IntColumn(), int)
COLUMN_KINDS.add(BoolColumn(), bool)
