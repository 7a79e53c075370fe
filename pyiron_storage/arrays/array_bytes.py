"""The bytes of an array as it lies in C order: which of them a part of it is, and how they are read."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from pyiron_storage.arrays.checks import Reader
from pyiron_storage.arrays.native_array import Array, Box, Shape


def span_of(box: Box, shape: Shape, itemsize: int) -> tuple[int, int]:
    """The first byte of a part of an array in C order, and the one behind its last."""
    first = last = 0
    row = itemsize
    for start, count, step, length in zip(*(axis[::-1] for axis in (*box, shape)), strict=True):
        first += start * row
        last += (start + (count - 1) * step) * row
        row *= length
    return first, last + itemsize


def boxes(first: int, last: int, shape: Shape) -> Iterator[Box]:
    """The parts of an array that together are its entries `first` to `last`, in C order."""
    if not shape:
        yield Box((), (), ())
        return
    row = math.prod(shape[1:])
    while first < last:
        number, rest = divmod(first, row)
        rows = (last - first) // row
        if rest or not rows:
            end = min(last, (number + 1) * row)
            for inner in boxes(rest, rest + end - first, shape[1:]):
                yield Box((number, *inner.starts), (1, *inner.counts), (1, *inner.steps))
            first = end
        else:
            yield Box.whole((rows, *shape[1:]))._replace(starts=(number, *(0,) * (len(shape) - 1)))
            first += rows * row


def reader(read: Callable[[Box], Array], shape: Shape, itemsize: int) -> Reader:
    """Read bytes of an array in C order by reading parts of it; the offsets may lie within entries."""

    def read_bytes(start: int, stop: int) -> bytes:
        first, last = start // itemsize, -(-stop // itemsize)
        data = b"".join(read(box).tobytes() for box in boxes(first, last, shape))
        return data[start - first * itemsize : stop - first * itemsize]

    return read_bytes


def over(read: Reader, start: int, data: memoryview) -> Reader:
    """Read bytes of a value from memory, where those that stand there from an offset on are asked for."""

    def read_bytes(first: int, last: int) -> bytes | memoryview:
        inside = start <= first and last <= start + len(data)
        return data[first - start : last - start] if inside else read(first, last)

    return read_bytes
