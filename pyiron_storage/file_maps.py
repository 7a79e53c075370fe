"""Memory maps of parts of files that this process may change later.

A map is private to the process: before the file is written where a map lies, the
map gets copies of the pages in question, so that it keeps the values that it had.
Only the pages that are written over take memory.
"""

from __future__ import annotations

import mmap
import os
import sys
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

FileIdentity = tuple[int, int]
"""Device and inode of a file."""

_MAPS: dict[FileIdentity, WeakKeyDictionary[mmap.mmap, int]] = {}
"""The maps that are in use, by file, each with the offset in the file at which it begins."""
_NO_RESERVE = getattr(mmap, "MAP_NORESERVE", 0x4000 if sys.platform == "linux" else 0)
"""Lets a file be mapped that is longer than the memory."""


def identity_of(file: int) -> FileIdentity:
    """Which file an open descriptor is."""
    found = os.fstat(file)
    return found.st_dev, found.st_ino


def map_array(file: int, offset: int, dtype: np.dtype[Any], shape: tuple[int, ...]) -> np.memmap[Any, Any]:
    """Return a read-only array of what is in a file; it keeps its values for as long as it is used.

    Parameters
    ----------
    file
        An open descriptor; it can be closed afterwards.
    offset
        Where the array begins, in bytes.
    dtype, shape
        Of the array, in C order, with at least one entry.
    """
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    begin = offset // mmap.ALLOCATIONGRANULARITY * mmap.ALLOCATIONGRANULARITY
    pages = mmap.mmap(
        file,
        offset + size - begin,
        flags=mmap.MAP_PRIVATE | _NO_RESERVE,
        prot=mmap.PROT_READ | mmap.PROT_WRITE,
        offset=begin,
    )
    _MAPS.setdefault(identity_of(file), WeakKeyDictionary())[pages] = begin
    array: np.memmap[Any, Any] = np.ndarray.__new__(np.memmap, shape, dtype, buffer=pages, offset=offset - begin)
    array.flags.writeable = False
    return array


def before_writing(file: FileIdentity, start: int, stop: int) -> None:
    """Give the maps of a file copies of the pages between two offsets, which are about to be written."""
    for pages, begin in list(_MAPS.get(file, {}).items()):
        first = max(start - begin, 0) // mmap.PAGESIZE * mmap.PAGESIZE
        last = min(-(-(stop - begin) // mmap.PAGESIZE) * mmap.PAGESIZE, len(pages))
        for low in range(first, last, 2**20):
            high = min(low + 2**20, last)
            pages[low:high] = pages[low:high]


def end_of_maps(file: FileIdentity) -> int:
    """The offset up to which a file is mapped: it must not become shorter."""
    if file in _MAPS and not _MAPS[file]:
        del _MAPS[file]
    return max((begin + len(pages) for pages, begin in _MAPS.get(file, {}).items()), default=0)
