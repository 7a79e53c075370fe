"""A native array of a record that is signed, read and changed in part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pyiron_storage.arrays.array_bytes import reader, span_of
from pyiron_storage.arrays.native_array import Box, NativeArray, Shape
from pyiron_storage.records.seal import around
from pyiron_storage.trusting.signature import BLOCK_BYTES

if TYPE_CHECKING:
    from pyiron_storage.records.signing import Signing

Array = np.ndarray[Any, Any]


class SignedArray(NativeArray):
    """An array that is signed: where it is changed, the blocks around are verified first and signed anew."""

    def __init__(self, array: NativeArray, name: str, signing: Signing) -> None:
        self._array, self._name, self._signing = array, name, signing
        self.dtype, self.shape, self.chunks, self.in_parts = array.dtype, array.shape, array.chunks, array.in_parts
        self.place = array.place

    def read(self, box: Box) -> Array:
        return self._array.read(box)

    def read_verified(self, box: Box) -> Array:
        """Return a part, after the blocks in which it lies."""
        if len(self.shape) != 1 or not box.size:
            whole = self._array.read(Box.whole(self.shape))
            self._signing.check_array(self._name, whole)
            return whole[box.slices].copy()
        span = span_of(box, self.shape, self.dtype.itemsize)
        start, stop = around(*span, self.nbytes)
        data = memoryview(self._reader()(start, stop))
        self._signing.check_blocks(self._name, start, data)
        entries: Array = np.frombuffer(data[span[0] - start : span[1] - start], self.dtype)
        return entries[:: box.steps[0]].copy()

    def write(self, box: Box, block: Array) -> None:
        if box.size:
            start, stop = around(*span_of(box, self.shape, self.dtype.itemsize), self.nbytes)
            self._signing.check_blocks(self._name, start, self._reader()(start, stop))
            self._array.write(box, block)
            self._signing.put_blocks(self._name, start, self._reader()(start, stop))

    def resize(self, shape: Shape) -> None:
        old, is_longer_or_shorter = self.nbytes, shape[1:] == self.shape[1:]
        kept = min(old, int(np.prod(shape, dtype=np.int64)) * self.dtype.itemsize) if is_longer_or_shorter else 0
        start = kept // BLOCK_BYTES * BLOCK_BYTES
        checked = start if is_longer_or_shorter else 0
        self._signing.check_blocks(self._name, checked, self._reader()(checked, min(old, checked + BLOCK_BYTES)))
        if not is_longer_or_shorter:
            self._signing.check_array(self._name, self._array.read(Box.whole(self.shape)))
        self._array.resize(shape)
        self.shape = shape
        self._signing.cut_blocks(self._name, start)
        self._signing.put_blocks(self._name, start, self._reader()(start, self.nbytes))

    def map(self) -> Array:
        found = self._array.read(Box.whole(self.shape))  # a map could change after it was verified
        self._signing.check_array(self._name, found)
        return found

    def _reader(self) -> Any:
        return reader(self._array.read, self.shape, self.dtype.itemsize)
