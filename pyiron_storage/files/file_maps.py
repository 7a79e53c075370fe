"""Memory maps of parts of files: they keep their values, whoever changes the file.

Within this process a map is private: before the file is written where a map lies,
the map gets copies of the pages in question.  Only the pages that are written over
take memory.

Other processes cannot do that, so they are told: for as long as a process maps
parts of a file it holds shared locks on those bytes.  Whoever is about to change
such bytes, or to cut them off, asks `harms_maps` first, and lets a new file take
the place of the old one instead, which is then left to those who map it.  Without
locks (``locking=False``) a map is safe from its own process alone.
"""

from __future__ import annotations

import itertools
import mmap
import os
import sys
import weakref
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import numpy as np

from pyiron_storage.files.access_locks import is_range_locked, share_range

FileIdentity = tuple[int, int]
"""Device and inode of a file."""

_NO_RESERVE: Final = getattr(mmap, "MAP_NORESERVE", 0x4000 if sys.platform == "linux" else 0)
"""Lets a file be mapped that is longer than the memory."""


class _FileMaps:
    """What this process maps of one file.

    Attributes
    ----------
    path
        Its name; None where it is not locked.
    anchor
        A descriptor that holds the locks, -1 for none.  It is kept until the last of the maps is gone.
    maps
        The maps by number, each with the offset at which it begins; None for one that is being made.
    parts
        Where the mapped arrays stand, by the same numbers: first byte and number of bytes.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.anchor = -1
        self.maps: dict[int, tuple[weakref.ref[mmap.mmap], int] | None] = {}
        self.parts: dict[int, tuple[int, int]] = {}

    def living(self) -> list[tuple[mmap.mmap, int]]:
        """The maps that are in use."""
        known = [(entry[0](), entry[1]) for entry in list(self.maps.values()) if entry is not None]
        return [(pages, begin) for pages, begin in known if pages is not None]

    def locked_anchor(self, identity: FileIdentity) -> int:
        """A new descriptor that holds all locks; -1 where the file has lost its name, so that nobody changes it."""
        if self.path is None:
            return -1
        try:
            file = os.open(self.path, os.O_RDONLY)
        except FileNotFoundError:
            return -1
        if identity_of(file) != identity:
            os.close(file)
            return -1
        for start, length in list(self.parts.values()):
            share_range(file, start, length, self.path)
        return file


_MAPPED: Final[dict[FileIdentity, _FileMaps]] = {}
_NUMBERS: Final = itertools.count()


def identity_of(file: int) -> FileIdentity:
    """Which file an open descriptor is."""
    found = os.fstat(file)
    return found.st_dev, found.st_ino


def map_array(
    file: int, offset: int, dtype: np.dtype[Any], shape: tuple[int, ...], *, locked_as: Path | None = None
) -> np.memmap[Any, Any]:
    """Return a read-only array of what is in a file; it keeps its values for as long as it is used.

    Parameters
    ----------
    file
        An open descriptor; it can be closed afterwards.
    offset
        Where the array begins, in bytes.
    dtype, shape
        Of the array, in C order, with at least one entry.
    locked_as
        The name of the file, where other processes are to be kept from changing the array.
    """
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    identity, number = identity_of(file), next(_NUMBERS)
    known = _MAPPED.setdefault(identity, _FileMaps(locked_as))
    known.maps[number], known.parts[number] = None, (offset, size)
    try:
        pages, begin = _mapped(file, offset, size)
        if known.anchor < 0:
            known.anchor = known.locked_anchor(identity)
        elif known.path is not None:
            share_range(known.anchor, offset, size, known.path)
    except BaseException:
        _forget(identity, number)
        raise
    known.maps[number] = weakref.ref(pages), begin
    weakref.finalize(pages, _forget, identity, number).atexit = False
    array: np.memmap[Any, Any] = np.ndarray.__new__(np.memmap, shape, dtype, buffer=pages, offset=offset - begin)
    array.flags.writeable = False
    return array


def _mapped(file: int, offset: int, size: int) -> tuple[mmap.mmap, int]:
    begin = offset // mmap.ALLOCATIONGRANULARITY * mmap.ALLOCATIONGRANULARITY
    protection, flags = mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_PRIVATE | _NO_RESERVE
    return mmap.mmap(file, offset + size - begin, flags=flags, prot=protection, offset=begin), begin


def _forget(identity: FileIdentity, number: int) -> None:
    known = _MAPPED[identity]
    del known.maps[number], known.parts[number]
    if not known.maps:
        del _MAPPED[identity]
        if known.anchor >= 0:
            os.close(known.anchor)


# -- before the file is changed --------------------------------------------------------


def before_writing(file: FileIdentity, start: int, stop: int) -> None:
    """Give the maps of this process copies of the pages between two offsets, which are about to be written."""
    if file not in _MAPPED:
        return
    for pages, begin in _MAPPED[file].living():
        first = max(start - begin, 0) // mmap.PAGESIZE * mmap.PAGESIZE
        last = min(-(-(stop - begin) // mmap.PAGESIZE) * mmap.PAGESIZE, len(pages))
        for low in range(first, last, 2**20):
            high = min(low + 2**20, last)
            pages[low:high] = pages[low:high]


def harms_maps(file: int, changes: Iterable[tuple[int, bytes | bytearray]], size: int, *, locking: bool) -> bool:
    """Whether a map would change its values, or lose its end, if a file were changed in place.

    Parameters
    ----------
    file
        An open descriptor.
    changes
        Offsets, and the bytes that are to stand there.
    size
        The size that the file is to get, in bytes.
    locking
        Whether there are locks to ask for the maps of other processes.
    """
    known = _MAPPED.get(identity_of(file))
    if known is not None and any(start + length > size for start, length in list(known.parts.values())):
        return True
    if not locking:
        return False
    asking = known.anchor if known is not None and known.anchor >= 0 else file  # it does not see its own locks
    length = os.fstat(file).st_size
    if not is_range_locked(asking, 0, length):
        return False
    cut_off = size < length and is_range_locked(asking, size, length)
    return cut_off or any(_is_mapped_elsewhere(asking, *change) for change in changes)


def _is_mapped_elsewhere(file: int, start: int, content: bytes | bytearray) -> bool:
    """Whether another process maps bytes that would change."""
    if not is_range_locked(file, start, start + len(content)):
        return False
    found = np.frombuffer(os.pread(file, len(content), start), np.uint8)
    differing = np.flatnonzero(found != np.frombuffer(content, np.uint8)[: len(found)])
    return bool(len(differing)) and is_range_locked(file, start + int(differing[0]), start + int(differing[-1]) + 1)


# -- forked children -------------------------------------------------------------------

_FOR_THE_CHILD: Final[dict[FileIdentity, int]] = {}
"""The locks that a child gets when it is forked, so that it has locks of its own from its first moment on."""


def _before_fork() -> None:
    _FOR_THE_CHILD.update({identity: known.locked_anchor(identity) for identity, known in list(_MAPPED.items())})


def _in_parent() -> None:
    for anchor in _FOR_THE_CHILD.values():
        if anchor >= 0:
            os.close(anchor)
    _FOR_THE_CHILD.clear()


def _in_child() -> None:
    for identity, known in _MAPPED.items():
        if known.anchor >= 0:
            os.close(known.anchor)
        known.anchor = _FOR_THE_CHILD.get(identity, -1)
    _FOR_THE_CHILD.clear()


os.register_at_fork(before=_before_fork, after_in_parent=_in_parent, after_in_child=_in_child)
