"""Arrays with checksums, in part: verified when they are read, with sums that follow when they are changed.

Functions for back-ends whose arrays can be read and changed in part.  The sums are for
the bytes of the array as it lies, in C order.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from pyiron_storage.checks import UNKNOWN, Check, Reader, bytes_of, description
from pyiron_storage.native_array import Array, Box, NativeArray, Shape
from pyiron_storage.records.rules.arrays import dtype_node

ReadBox = Callable[[Box], Array]
"""Reads a part of an array, unverified."""


def what_is(array: NativeArray | Array) -> bytes:
    """What an array is, for the head of its check."""
    return description(dtype_node(array.dtype), array.shape)


def read_verified(array: NativeArray, check: Check | None, box: Box, read: ReadBox) -> Array:
    """Read a part of an array, and compare the blocks that it lies in with their sums.

    Raises
    ------
    DamagedRecordError
        If they are not as they were written.
    """
    if check is None or not box.size:
        return read(box)
    if box.counts == array.shape or len(array.shape) != 1:
        whole = read(Box.whole(array.shape))
        check.verify(what_is(array), bytes_of(whole), array.place)
        return whole if box.counts == array.shape else whole[box.slices].copy()
    check.verify_head(what_is(array), array.place)
    span = span_of(box, array.shape, array.dtype.itemsize)
    start, stop = check.around(*span, array.nbytes)
    data = memoryview(reader(read, array.shape, array.dtype.itemsize)(start, stop))
    check.verify_blocks(start // check.block, data, array.place)
    entries: Array = np.frombuffer(data[span[0] - start : span[1] - start], array.dtype)
    return entries[:: box.steps[0]].copy()


def verify_whole(array: NativeArray, check: Check | None, content: Array) -> None:
    """Compare all of an array with its sums."""
    if check is not None:
        check.verify(what_is(array), bytes_of(content), array.place)


def renew(array: NativeArray, check: Check, box: Box, block: Array, read: ReadBox) -> None:
    """Let a check follow a part that was written."""
    start, stop = span_of(box, array.shape, array.dtype.itemsize)
    bytes_now = reader(read, array.shape, array.dtype.itemsize)
    if stop - start == block.nbytes:  # it lies as one
        bytes_now = over(bytes_now, start, bytes_of(block))
    check.renew((start, stop), array.nbytes, written=block.nbytes, read=bytes_now)


def resize(array: NativeArray, check: Check, old: Shape, read: ReadBox) -> None:
    """Let a check follow an array that has another shape now than it had."""
    size = math.prod(old) * array.dtype.itemsize
    bytes_now = reader(read, array.shape, array.dtype.itemsize)
    moved = old[1:] != array.shape[1:] and min(size, array.nbytes) > 0
    check.resize(what_is(array), size, array.nbytes, bytes_now)
    if moved:  # entries lie elsewhere
        check.sums = [UNKNOWN] * len(check.sums)


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
