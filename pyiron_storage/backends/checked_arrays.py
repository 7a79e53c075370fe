"""Arrays with checksums, in part: verified when they are read, with sums that follow when they are changed.

Functions for back-ends whose arrays can be read and changed in part.  The sums are for
the bytes of the array as it lies, in C order.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import numpy as np

from pyiron_storage.arrays.array_bytes import over, reader, span_of
from pyiron_storage.arrays.checks import UNKNOWN, Check, bytes_of, description
from pyiron_storage.arrays.native_array import Array, Box, NativeArray, Shape
from pyiron_storage.records.dtypes import dtype_node

PIECE_BYTES: Final = 1 << 24
"""What is read of a large array at a time, to verify it."""

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


def verify_in_pieces(array: NativeArray, check: Check | None, read: ReadBox) -> None:
    """Compare an array with its sums, without having all of it in memory."""
    if check is None:
        return
    check.verify_head(what_is(array), array.place)
    bytes_now = reader(read, array.shape, array.dtype.itemsize)
    step = max(1, PIECE_BYTES // check.block) * check.block
    for start in range(0, array.nbytes, step):
        data = memoryview(bytes_now(start, min(array.nbytes, start + step)))
        check.verify_blocks(start // check.block, data, array.place)


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
