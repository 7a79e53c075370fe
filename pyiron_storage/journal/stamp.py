"""The stamp behind the content of a file: which commit it is of.

A committed file ends in 32 bytes that are new at every commit.  Whoever has read
the file compares them to see whether it is still the same, and a journal names the
stamp of the file that it belongs to.  They stand behind the end of the content
that HDF5 itself notes, where HDF5 and its tools do not look; a program that changes
the file without this library cuts them off.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from typing import Final

STAMP_BYTES: Final = 32
HEAD_BYTES: Final = 64
"""How much of the beginning of a file `hdf5_end` needs."""
_DONE: Final = b"\x89pyStamp"
_BUSY: Final = b"\x89pyBusy\n"
LARGEST_FILE: Final = 1 << 62
"""What is said to be larger is damaged."""
SIGNATURE: Final = b"\x89HDF\r\n\x1a\n"
"""With which the superblock of an HDF5 file begins."""
LEAST_USER_BLOCK: Final = 512


def new_stamp() -> bytes:
    """A stamp that no other commit has."""
    text = _DONE + os.urandom(16)
    return text + zlib.crc32(text).to_bytes(8, "little")


def busy_stamp(stamp: bytes) -> bytes:
    """The stamp of a file into which changes are being copied; `stamp` is that of the file as it was."""
    return _BUSY + stamp[len(_BUSY) :]


def is_stamp(text: bytes) -> bool:
    """Whether bytes are the stamp of a committed file."""
    return (
        len(text) == STAMP_BYTES and text.startswith(_DONE) and text[24:] == zlib.crc32(text[:24]).to_bytes(8, "little")
    )


def is_busy_stamp(text: bytes) -> bool:
    """Whether bytes say that a commit was begun and not ended."""
    return len(text) == STAMP_BYTES and text.startswith(_BUSY) and is_stamp(_DONE + text[len(_DONE) :])


def stamp_place(end: int) -> int:
    """Where the stamp stands behind content of `end` bytes: aligned, so that no disk writes half of it."""
    return -(-end // STAMP_BYTES) * STAMP_BYTES


def superblock_place(read: Callable[[int, int], bytes], size: int) -> int:
    """Where HDF5's superblock begins: behind a user block of 512 bytes, or of twice, four times, ... as many.

    Source: HDF5 File Format Specification, section II.A.

    Parameters
    ----------
    read
        Gives some bytes of the file from an offset on.
    size
        Of the file, in bytes.

    Returns
    -------
    int
        The offset; 0 where none is found.
    """
    place = 0
    while place < size:
        if read(len(SIGNATURE), place) == SIGNATURE:
            return place
        place = place * 2 or LEAST_USER_BLOCK
    return 0


def hdf5_end(head: bytes) -> int | None:
    """The end of the content that the superblock of an HDF5 file notes, in bytes; None where it is not known.

    Parameters
    ----------
    head
        The first `HEAD_BYTES` of the superblock.
    """
    if len(head) < 48 or not head.startswith(SIGNATURE):
        return None
    version = head[8]
    place, sizes = {0: (40, head[13:15]), 1: (44, head[13:15]), 2: (28, head[9:11]), 3: (28, head[9:11])}.get(
        version, (0, b"")
    )
    end = int.from_bytes(head[place : place + 8], "little")
    return end if sizes == b"\x08\x08" and end < LARGEST_FILE else None
