"""Memory for arrays that are read: filled piece by piece where they are large.

Large pages make the first touch of memory five times as fast, and so numpy asks for
them.  A virtual machine that must get them from its host first may take ten times
as long instead: 1.5 to 4 s for 1 GB, and 0.45 s with small pages (measured on a
machine that gives free memory back).  So the time of each piece says what the next
one gets.
"""

from __future__ import annotations

import mmap
import time
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from pyiron_storage.arrays.native_array import Array, Box, Shape

LARGE_BYTES: Final = 2**28
"""Smaller arrays are filled at once, in memory of numpy's own."""
PIECE_BYTES: Final = 2**22
SLOW: Final = 1e9
"""Bytes a second; small pages allow about twice as much."""


def filled(shape: Shape, dtype: np.dtype[Any], fill: Callable[[Box, Array], None]) -> Array:
    """Return an array that `fill` has filled: it is given a part, and the memory for it, in C order.

    Parameters
    ----------
    shape, dtype
        Of the array.
    fill
        Called for one or several parts, which together are the whole.
    """
    whole = Box.whole(shape)
    if whole.size * dtype.itemsize < LARGE_BYTES or not hasattr(mmap, "MADV_NOHUGEPAGE"):
        array: Array = np.empty(shape, dtype)
        if array.size:
            fill(whole, array)
        return array
    return _filled_in_pieces(whole, dtype, fill)


def _filled_in_pieces(whole: Box, dtype: np.dtype[Any], fill: Callable[[Box, Array], None]) -> Array:
    memory = mmap.mmap(-1, whole.size * dtype.itemsize, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    array: Array = np.ndarray(whole.counts, dtype, memory)
    large, done = _advise(memory, mmap.MADV_HUGEPAGE, 0), 0
    for box, rows in whole.pieces(dtype.itemsize, PIECE_BYTES):
        start = time.perf_counter()
        fill(box, array[rows])
        done += box.size * dtype.itemsize
        if large and box.size * dtype.itemsize < SLOW * (time.perf_counter() - start):
            large = not _advise(memory, mmap.MADV_NOHUGEPAGE, done)
    return array


def _advise(memory: mmap.mmap, advice: int, start: int) -> bool:
    """Ask for large or small pages from an offset on; say whether the system knows them."""
    begin = -(-start // mmap.PAGESIZE) * mmap.PAGESIZE
    try:
        if begin < len(memory):
            memory.madvise(advice, begin)
    except OSError:
        return False
    return True
