"""An array inside a record: looked at and changed in part, as `NativeArray`.

What lies in the record are plain elements in C order: numbers for dates, code
points for text, the transposed array where the order is Fortran's.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from pyiron_storage.arrays.memory_layout import inverse
from pyiron_storage.arrays.native_array import Array, Box, NativeArray, Shape, resized
from pyiron_storage.errors import DamagedRecordError, NotAnArrayError
from pyiron_storage.records.contents import NATIVE_BYTES
from pyiron_storage.records.decoder import Decoder
from pyiron_storage.records.document import Node, Record
from pyiron_storage.records.dtypes import read_dtype
from pyiron_storage.records.navigate import rule_of, type_name
from pyiron_storage.records.places import Place
from pyiron_storage.records.rules.arrays import axes_in, extra_of, has_items, plain_elements, shape_of


class RecordArray(NativeArray):
    """The array at a place of a record.

    Parameters
    ----------
    place
        Where its node stands, followed.
    path
        The path in the storage, for messages; its last part is the name of a native array.
    decoder
        Gives what restores the classes that the dtype refers to. Without it nothing is imported, and elements that
        another package defines are opaque bytes.

    Raises
    ------
    NotAnArrayError
        If something else stands there, or an array of objects.
    """

    def __init__(self, place: Place, path: str, decoder: Callable[[], Decoder] | None = None) -> None:
        self._place, self._record, self._node = place, place.record, place.node
        if rule_of(place).name != "array" or has_items(self._node):
            what = "an array of objects" if rule_of(place).name == "array" else f"a {type_name(place)}"
            raise NotAnArrayError(
                f"{place.record.place}: {path!r} is {what}, and a handle is for an array of numbers, text or dates. "
                f"storage[{path!r}] shows what is there."
            )
        extra = extra_of(self._node, decoder()) if decoder is not None and type(self._node["dtype"]) is dict else None
        self.dtype = read_dtype(self._node["dtype"], place.record.place, extra)
        self.shape = shape_of(self._node, self._record)
        self._path = path
        self._axes = axes_in(self._node, len(self.shape), self._record)
        self._element = plain_elements(np.empty(1, self.dtype)) if self.dtype.itemsize else np.empty((1, 0), np.uint8)
        self._stored = self._lying(path)
        if "native" in self._node:
            self.chunks = self._chunks()

    def _lying(self, path: str) -> NativeArray:
        shape = (*self._as_it_lies(self.shape), *self._element.shape[1:])
        if "native" not in self._node:
            return BufferArray(self._place, self._element.dtype, shape, path.rpartition("/")[2])
        stored = self._record.open_array(self._node["native"])
        if stored.shape != shape or stored.dtype != self._element.dtype:
            raise DamagedRecordError(
                f"{self._record.place}: array {self._node['native']!r} is one of {stored.dtype} and shape "
                f"{stored.shape}, not of {self._element.dtype} and shape {shape}."
            )
        return stored

    def _as_it_lies(self, shape: Shape) -> Shape:
        return shape if self._axes is None else tuple(shape[axis] for axis in self._axes)

    def _as_shown(self, shape: Shape) -> Shape:
        return shape if self._axes is None else tuple(shape[axis] for axis in inverse(self._axes))

    def _chunks(self) -> Shape | None:
        chunks = self._stored.chunks
        return None if chunks is None else self._as_shown(chunks[: len(self.shape)])

    def _box(self, box: Box) -> Box:
        return (box if self._axes is None else box.turned(self._axes)).with_axes(self._element.shape[1:])

    def read(self, box: Box) -> Array:
        if not box.size or not self.dtype.itemsize:
            lying = self._as_it_lies(box.counts)
            return self._shown(np.ndarray(lying, self.dtype))  # where numpy.zeros makes elements of a byte out of none
        plain = self._stored.read(self._box(box))
        return self._shown(plain.reshape(-1).view(self.dtype).reshape(self._as_it_lies(box.counts)))

    def _shown(self, lying: Array) -> Array:
        return lying if self._axes is None else lying.transpose(inverse(self._axes))

    def write(self, box: Box, block: Array) -> None:
        self._record.check_changeable()
        if self.dtype.itemsize:
            turned = block if self._axes is None else block.transpose(self._axes)
            lying = np.ascontiguousarray(turned).reshape(self._as_it_lies(box.counts))
            self._stored.write(self._box(box), plain_elements(lying))
            if self._place.on_change is not None:  # it stands in a column, which takes the new entries
                self._place.touch()

    def resize(self, shape: Shape) -> None:
        self._record.check_changeable()
        self._stored.resize((*self._as_it_lies(shape), *self._element.shape[1:]))
        self._note_shape(shape)

    def append(self, rows: Array) -> None:
        shape = (self.shape[0] + len(rows), *self.shape[1:])
        if self._axes is not None or not self.dtype.itemsize:
            self.resize(shape)
            self.write(Box.rows(shape[0] - len(rows), rows.shape), rows)
            return
        self._record.check_changeable()
        self._stored.append(plain_elements(rows))
        self._note_shape(shape)

    def _note_shape(self, shape: Shape) -> None:
        """Write down a new shape; what lay in the buffers may be a native array now."""
        self.shape = shape
        self._node["shape"] = list(shape)
        self._place.touch()
        if isinstance(self._stored, BufferArray):
            self._stored = self._lying(self._path)


class BufferArray(NativeArray):
    """A small array of plain elements in the buffers of a record.

    Parameters
    ----------
    place
        Where the node stands that says where in the buffers it lies.
    dtype, shape
        Of the plain elements, as they lie.
    hint
        The name of a native array that it may become.
    """

    def __init__(self, place: Place, dtype: np.dtype[Any], shape: Shape, hint: str) -> None:
        self._record: Record = place.record
        self._place, self._node, self._hint = place, place.node, hint
        self.dtype, self.shape = dtype, shape

    def read(self, box: Box) -> Array:
        part: Array = self._rows(box)[self._in_rows(box)].copy()
        return part

    def _in_rows(self, box: Box) -> Any:
        """The index of a box in its rows."""
        return (slice(None, None, box.steps[0]), *box.slices[1:]) if box.counts else ...

    def _rows(self, box: Box) -> Array:
        """The rows that a box is in, from its first to its last, read-only."""
        start, count = (box.starts[0], (box.counts[0] - 1) * box.steps[0] + 1) if box.counts else (0, 1)
        bytes_per_row = math.prod(self.shape[1:]) * self.dtype.itemsize
        offset = self._node["at"][0] + start * bytes_per_row
        data = self._record.bytes_at([offset, count * bytes_per_row])
        return np.frombuffer(data, self.dtype).reshape((count, *self.shape[1:]) if box.counts else ())

    def write(self, box: Box, block: Array) -> None:
        if block.size:
            rows = self._rows(box).copy()
            rows[self._in_rows(box)] = block
            start = box.starts[0] * (rows.nbytes // len(rows)) if box.counts else 0
            self._record.put_bytes(self._node["at"][0] + start, rows.reshape(-1).view(np.uint8).data)

    def resize(self, shape: Shape) -> None:
        self._put(resized(self._whole(), shape))

    def append(self, rows: Array) -> None:
        self._put(np.concatenate([self._whole(), rows], dtype=self.dtype))  # numpy would drop a byte order

    def _whole(self) -> Array:
        return self.read(Box.whole(self.shape)) if math.prod(self.shape) else np.empty(self.shape, self.dtype)

    def _put(self, new: Array) -> None:
        """Let another array take the place of this one: in the buffers, or a native one where it is big."""
        node: dict[str, Node] = self._node
        self._record.drop()
        if new.nbytes < NATIVE_BYTES:
            node["at"] = self._record.add_bytes(new.reshape(-1).view(np.uint8).data if new.size else b"")
        else:
            del node["at"]
            node["native"] = self._record.add_array(new, self._hint)
        self._place.touch()
