"""The array at a place of a record, whatever rule it stands there by; and one that looks at another one in strides."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from pyiron_storage.arrays.native_array import Array, Box, NativeArray, Shape
from pyiron_storage.errors import DamagedRecordError, UnsupportedOperationError
from pyiron_storage.records.array_part import RecordArray
from pyiron_storage.records.decoder import Decoder
from pyiron_storage.records.navigate import rule_of
from pyiron_storage.records.places import Place
from pyiron_storage.records.rule import Strides


def array_at(place: Place, path: str, decoder: Callable[[], Decoder] | None = None) -> NativeArray:
    """The array at a place; `decoder` gives what restores classes that its dtype refers to, see `RecordArray`.

    Raises
    ------
    NotAnArrayError
        If something else stands there, or an array of objects.
    """
    strides = rule_of(place).strides(place)
    return RecordArray(place, path, decoder) if strides is None else StridedArray(strides, path)


class StridedArray(NativeArray):
    """An array that looks at another one: what is read and written is the range of that one in which it lies.

    Parameters
    ----------
    strides
        Which array it looks at, and how.
    path
        The path in the storage, for messages.
    """

    def __init__(self, strides: Strides, path: str) -> None:
        self._whole = RecordArray(strides.place.follow(), path)
        self.dtype, self.shape = np.dtype(strides.element), strides.shape
        self._steps, self._offset, self._path = strides.steps, strides.offset, path
        self._is_whole = (self._whole.dtype, self._whole.shape) == (self.dtype, self.shape) and not self._offset
        self._is_whole &= strides.is_contiguous
        self.chunks = self._whole.chunks if self._is_whole else None
        self._check()

    def _check(self) -> None:
        last = self._offset + sum((size - 1) * step for size, step in zip(self.shape, self._steps, strict=True))
        if math.prod(self.shape) and (last + 1) * self.dtype.itemsize > self._whole.nbytes:
            raise DamagedRecordError(f"{self._path!r} does not lie in the storage that it looks at.")

    def read(self, box: Box) -> Array:
        if self._is_whole:
            return self._whole.read(box)
        return self._view(*self._range(box), box).copy() if box.size else np.empty(box.counts, self.dtype)

    def write(self, box: Box, block: Array) -> None:
        if self._is_whole:
            self._whole.write(box, block)
        elif box.size:
            flat, start, around = self._range(box)
            self._view(flat, start, around, box)[...] = block
            self._whole.write(around, flat.view(self._whole.dtype).reshape(around.counts))

    def _range(self, box: Box) -> tuple[Array, int, Box]:
        """The entries of the other array from the first to the last that a box needs, and where the first is."""
        axes = list(zip(box.starts, box.counts, box.steps, self._steps, strict=True))
        first = self._offset + sum(start * step for start, _, _, step in axes)
        last = first + sum((count - 1) * every * step for _, count, every, step in axes)
        begin, end = first * self.dtype.itemsize, (last + 1) * self.dtype.itemsize
        around = self._rows(begin, end)
        flat = self._whole.read(around).reshape(-1).view(np.uint8)
        row_bytes = math.prod(self._whole.shape[1:]) * self._whole.dtype.itemsize
        return flat, begin - (around.starts[0] * row_bytes if around.starts else 0), around

    def _rows(self, begin: int, end: int) -> Box:
        """The rows of the other array in which some bytes lie."""
        shape = self._whole.shape
        if not shape:
            return Box.whole(shape)
        row = math.prod(shape[1:]) * self._whole.dtype.itemsize
        start, stop = begin // row, -(-end // row)
        whole = Box.whole((stop - start, *shape[1:]))
        return whole._replace(starts=(start, *whole.starts[1:]))

    def _view(self, flat: Array, start: int, _: Box, box: Box) -> Array:
        steps = [step * every * self.dtype.itemsize for step, every in zip(self._steps, box.steps, strict=True)]
        return np.ndarray(box.counts, self.dtype, flat.data, start, steps)

    def map(self) -> Array:
        return self._whole.map() if self._is_whole else super().map()

    def resize(self, shape: Shape) -> None:
        raise UnsupportedOperationError(
            f"{self._path!r} is a tensor, whose storage others may look at: it cannot be resized. Store a new one."
        )

    def append(self, rows: Any) -> None:
        self.resize((self.shape[0] + len(rows), *self.shape[1:]))
