"""Columns of numbers, as typed bytes; and of what is the same for all."""

from __future__ import annotations

import math
from array import array
from typing import Any

import numpy as np

from pyiron_storage.records.columns.kind import COLUMN_KINDS, ColumnKind
from pyiron_storage.records.decoder import Decoder
from pyiron_storage.records.document import NATIVE_BYTES, Node, Record
from pyiron_storage.records.encoder import Encoder
from pyiron_storage.records.rules.arrays import Array, plain_elements, read_dtype


class ConstantColumn(ColumnKind):
    """``{"of":"constant","value":...}``: None, or what is the same for all."""

    name = "constant"
    has_identity = False

    def encode(self, values: list[None], held: int, encoder: Encoder) -> dict[str, Node]:
        return constant(values[0])

    def decode(self, node: Node, decoder: Decoder) -> list[Any]:
        return [node["value"]] * node["count"]

    def expand(self, node: Node, record: Record) -> list[Node]:
        return [node["value"]] * node["count"]


class NumberColumn(ColumnKind):
    """``{"of":"number","dtype":...,"at":...}`` or ``native``: what `numpy.ndarray.tolist` makes of these bytes."""

    name = "number"
    has_identity = False

    def decode(self, node: Node, decoder: Decoder) -> list[Any]:
        dtype = read_dtype(node["dtype"], decoder.record.place)
        values: list[Any] = np.frombuffer(column_bytes(node, decoder.record), dtype).tolist()
        return values

    def expand(self, node: Node, record: Record) -> list[Node]:
        return list(map(_plain, self.decode(node, Decoder(record))))


class FloatColumn(NumberColumn):
    """Numbers of 8 bytes."""

    def encode(self, values: list[float], held: int, encoder: Encoder) -> dict[str, Node]:
        return _numbers(np.frombuffer(array("d", values), np.float64), encoder)


class IntColumn(NumberColumn):
    """The smallest dtype that holds all."""

    def encode(self, values: list[int], held: int, encoder: Encoder) -> dict[str, Node] | None:
        try:
            wide = np.frombuffer(array("q", values), np.int64)
        except OverflowError:
            return None
        low, high = int(wide.min()), int(wide.max())
        if low == high:
            return constant(low)
        return _numbers(wide.astype(np.promote_types(*map(np.min_scalar_type, (low, high))), copy=False), encoder)


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


def column_bytes(node: Node, record: Record) -> Any:
    """The bytes of a column, in the buffers or in a native array."""
    if "native" in node:
        return record.array(node["native"]).reshape(-1).view(np.uint8).data
    return record.bytes_at(node["at"])


def _plain(value: Any) -> Node:
    return {"$": "float", "text": repr(value)} if type(value) is float and not math.isfinite(value) else value


COLUMN_KINDS.add(ConstantColumn(), type(None))
COLUMN_KINDS.add(FloatColumn(), float)
COLUMN_KINDS.add(IntColumn(), int)
COLUMN_KINDS.add(BoolColumn(), bool)
