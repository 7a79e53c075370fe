"""Columns of arrays of one dtype and shape, stacked into one."""

from __future__ import annotations

import math
from functools import partial
from operator import attrgetter, countOf, methodcaller
from typing import Any, Final

import numpy as np

from pyiron_storage.arrays.memory_layout import stays_read_only
from pyiron_storage.arrays.native_array import Array
from pyiron_storage.records.columns.kind import COLUMN_KINDS, ColumnKind, exhaust
from pyiron_storage.records.columns.kinds.numbers import column_bytes, stored_bytes
from pyiron_storage.records.columns.outlines import Outline, Walk
from pyiron_storage.records.contents import NATIVE_BYTES
from pyiron_storage.records.decoder import Decoder
from pyiron_storage.records.document import Node, Record
from pyiron_storage.records.dtypes import full_dtype_node, read_dtype, same_dtype
from pyiron_storage.records.encoder import Encoder
from pyiron_storage.records.places import Place
from pyiron_storage.records.rules.arrays import node_dtype, put_dtype


class ArrayColumn(ColumnKind):
    """``{"of":"array","dtype":...,"shape":[...],"at":...}`` or ``native``."""

    name = "array"

    def prepare(self, values: list[Any], held: int, encoder: Encoder) -> list[Array] | None:
        if super().prepare(values, held, encoder) is None:
            return None
        first = values[0]
        is_small = not first.dtype.hasobject and first.dtype.itemsize > 0 and first.nbytes < NATIVE_BYTES
        return values if is_small and _are_alike(values) and full_dtype_node(first.dtype, []) is not None else None

    def encode(self, arrays: list[Array], held: int, encoder: Encoder) -> dict[str, Node]:
        node: dict[str, Node] = {"of": "array"}
        put_dtype(arrays[0].dtype, node, encoder)
        node["shape"] = list(arrays[0].shape)
        if not arrays[0].flags.writeable:
            node["readonly"] = True
        return {**node, **stored_bytes(_stacked(arrays), encoder)}

    def decode(self, node: Node, decoder: Decoder) -> list[Any]:
        arrays = _apart(column_bytes(node, decoder.record), node_dtype(node, decoder), node["count"], node["shape"])
        if node.get("readonly"):
            exhaust(map(partial(np.ndarray.setflags, write=False), arrays))
        return arrays

    def entries(self, node: Node, start: int, stop: int, record: Record) -> list[Node]:
        size = _bytes_of_one(node, record)
        at = (
            node["at"][0]
            if "at" in node
            else record.add_bytes(record.rows(node["native"], start, stop))[0] - start * size
        )
        form = _form(node)
        return [{**form, "at": [at + index * size, size]} for index in range(start, stop)]

    def outline(self, node: Node, walk: Walk) -> Outline:
        return walk.like_the_first(node)

    def put(self, column: Place, index: int, new: Node) -> bool:
        form = _form(column.node)
        if type(new) is not dict or "at" not in new or {**new, "at": 0} != {**form, "at": 0}:
            return False
        data = bytes(column.record.bytes_at(new["at"]))
        column.record.overwrite(column.node, index * len(data), data)
        return True


def _stacked(arrays: list[Array]) -> Array:
    """Arrays of one form as one."""
    shape, dtype = arrays[0].shape, arrays[0].dtype
    stacked = np.empty((len(arrays), *shape), dtype)  # by itself numpy would turn the bytes round
    if not _is_plain(dtype):  # of which numpy copies the fields, not what is between them
        stacked.reshape(-1).view(np.uint8)[:] = np.frombuffer(b"".join(map(_BYTES, arrays)), np.uint8)
    elif shape:
        np.concatenate(arrays, out=stacked.reshape(-1, *shape[1:]))  # a third of the time of np.stack
    else:
        np.stack(arrays, out=stacked)
    return stacked


def _apart(data: Any, dtype: np.dtype[Any], count: int, shape: list[int]) -> list[Array]:
    """The arrays that were stacked, each with memory of its own."""
    if _is_plain(dtype):
        stacked = np.frombuffer(data, dtype).reshape(count, *shape)
        return list(map(np.ndarray.copy, stacked)) if shape else [np.array(one, dtype) for one in stacked]
    arrays = [np.empty(shape, dtype) for _ in range(count)]
    rows = np.frombuffer(data, np.uint8).reshape(count, -1)
    for array, row in zip(arrays, rows, strict=True):
        array.reshape(-1).view(np.uint8)[:] = row
    return arrays


def _is_plain(dtype: np.dtype[Any]) -> bool:
    """Whether numpy copies all bytes of an element: not those between fields, nor behind a long double."""
    return dtype.names is None and dtype.char not in "gG"


_BYTES: Final = methodcaller("tobytes")


def _form(node: dict[str, Node]) -> dict[str, Node]:
    """The node of one entry, without its bytes."""
    return {"$": "array", **{field: node[field] for field in _FORM if field in node}}


_FORM: Final = ("dtype", "args", "shape", "readonly")


def _bytes_of_one(node: Node, record: Record) -> int:
    return int(math.prod(node["shape"]) * read_dtype(node["dtype"], record.place).itemsize)


def _are_alike(arrays: list[Array]) -> bool:
    first = arrays[0]
    if countOf(map(_SHAPES, arrays), first.shape) != len(arrays):
        return False
    if not all(map(_LIES_AS_USUAL, arrays)) and not all(map(_is_read_only, arrays)):
        return False
    dtypes = {id(dtype): dtype for dtype in map(_DTYPES, arrays)}
    return all(same_dtype(dtype, first.dtype) for dtype in dtypes.values())


def _is_read_only(array: Array) -> bool:
    return array.flags.c_contiguous and stays_read_only(array)


_SHAPES: Final = attrgetter("shape")
_DTYPES: Final = attrgetter("dtype")
_LIES_AS_USUAL: Final = attrgetter("flags.carray")
"""Whether the elements of an array follow each other in C order, and can be changed."""


COLUMN_KINDS.add(ArrayColumn(), np.ndarray)
