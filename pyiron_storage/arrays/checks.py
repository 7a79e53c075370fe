"""Checksums that stand beside a value and tell whether its bytes are those that were written.

A `Check` has one CRC-32 of what the value is (its kind, dtype and shape) and one for
each block of its bytes, so that a part is verified by reading the blocks that it lies
in, and a change of a part renews the sums of these blocks alone.  Where it lies is the
business of the back-end: an attribute of HDF5, a line of ``group.json``.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import orjson

from pyiron_storage.arrays.native_array import Array
from pyiron_storage.errors import DamagedRecordError

BLOCK_BYTES: Final = 1 << 16
"""The bytes that one sum is for, where the value is not too large."""
TEXT_BLOCK_BYTES: Final = 1 << 12
"""The same in text: so many bytes are lost, with the lines that they belong to, where one is damaged."""
MOST_BLOCKS: Final = 1024
"""A value of more blocks than this has larger ones."""
UNKNOWN: Final = 0
"""Stands for the sum of a block that was written in a way that leaves it open."""
VERIFIED_BYTES: Final = 1 << 16
"""Native arrays up to this size are verified whenever they are read."""
RENEWED_SHARE: Final = 16
"""A block is read anew for its sum if what was written is at least this share of all blocks touched."""
RENEWED_BYTES: Final = 1 << 20
"""So many bytes are read anew in any case."""
BESIDE_BYTES: Final = 1 << 22
"""The sums of so many bytes are computed by another thread, while the bytes are written."""

Reader = Callable[[int, int], "bytes | memoryview"]
"""Gives the bytes of a value between two offsets."""


class Check:
    """The checksums of one value.

    Parameters
    ----------
    head
        The CRC-32 of what the value is, see `description`.
    block
        How many bytes one sum is for.
    sums
        One CRC-32 for each block; 0 where it is not known.

    Examples
    --------
    >>> check = Check.of(b'["bytes",[5]]', b"12345")
    >>> check.numbers()
    [2502638492, 65536, 3421846044]
    """

    def __init__(self, head: int, block: int, sums: list[int]) -> None:
        self.head, self.block, self.sums = head, block, sums

    @classmethod
    def of(cls, what: bytes, data: Any, least: int = BLOCK_BYTES) -> Check:
        """The check of a value: of what it is, and of its bytes, in blocks of at least so many."""
        view = memoryview(data)
        block = block_size(len(view), least)
        return cls(zlib.crc32(what), block, [zlib.crc32(view[at : at + block]) for at in range(0, len(view), block)])

    @classmethod
    def from_numbers(cls, numbers: Sequence[int]) -> Check | None:
        """The check that some numbers are; None where they are none."""
        if len(numbers) < 2 or numbers[1] < 1:
            return None
        return cls(int(numbers[0]), int(numbers[1]), [int(number) for number in numbers[2:]])

    def numbers(self) -> list[int]:
        """The numbers that are stored: the head, the size of a block, the sums."""
        return [self.head, self.block, *self.sums]

    def unknown(self, size: int) -> int:
        """How many blocks of a value of some bytes cannot be verified."""
        return self.sums[: -(-size // self.block)].count(UNKNOWN)

    # -- verifying -------------------------------------------------------------

    def verify(self, what: bytes, data: Any, place: str) -> None:
        """Compare a whole value.

        Raises
        ------
        DamagedRecordError
            If it is not the one that was written.
        """
        self.verify_head(what, place)
        self.verify_blocks(0, memoryview(data), place)

    def bad_blocks(self, data: Any) -> list[int]:
        """The numbers of the blocks that are not as they were written."""
        view = memoryview(data)
        starts = range(0, len(view), self.block)
        sums = [*self.sums, *[-1] * len(starts)]
        return [
            number
            for number, at in enumerate(starts)
            if sums[number] not in (zlib.crc32(view[at : at + self.block]), UNKNOWN)
        ]

    def verify_head(self, what: bytes, place: str) -> None:
        """Compare what the value is: its kind, dtype and shape."""
        if zlib.crc32(what) != self.head:
            raise damage(place, f"the value was not {what.decode()} when it was written")

    def verify_blocks(self, first: int, view: memoryview, place: str) -> None:
        """Compare some blocks of a value, from the number `first` on."""
        if len(self.sums) < first + -(-len(view) // self.block):
            raise damage(place, "its checksums are too few")
        for number, at in enumerate(range(0, len(view), self.block), first):
            found = zlib.crc32(view[at : at + self.block])
            if self.sums[number] not in (found, UNKNOWN):
                start = number * self.block
                raise damage(place, f"the bytes from {start} to {start + self.block} do not match their checksum")

    def around(self, start: int, stop: int, size: int) -> tuple[int, int]:
        """The bytes of the blocks in which some bytes lie."""
        return start // self.block * self.block, min(size, -(-stop // self.block) * self.block)

    # -- changing --------------------------------------------------------------

    def renew(self, span: tuple[int, int], size: int, *, written: int, read: Reader) -> None:
        """Compute the sums of the blocks that were changed; they become unknown where that costs too much.

        Parameters
        ----------
        span
            The first byte that was changed, and the one behind the last.
        size
            Of the whole value, in bytes.
        written
            How many bytes were changed between them.
        read
            Reads bytes as they are now.
        """
        start, stop = self.around(*span, size)
        costly = stop - start > max(RENEWED_BYTES, RENEWED_SHARE * written)
        for number in range(start // self.block, -(-stop // self.block)):
            at = number * self.block
            self.sums[number] = UNKNOWN if costly else zlib.crc32(read(at, min(size, at + self.block)))

    def resize(self, what: bytes, old: int, new: int, read: Reader) -> None:
        """Follow a value whose bytes were cut, or made more by zeros at the end."""
        self.head = zlib.crc32(what)
        kept = min(old, new)
        whole, begun = divmod(kept, self.block)
        rest = self.sums[whole] if begun else UNKNOWN
        if rest != UNKNOWN and new < old:
            rest = zlib.crc32(read(whole * self.block, kept))
        del self.sums[whole:]
        zeros = bytes(min(self.block, max(0, new - whole * self.block)))
        if begun:
            added = min(new, (whole + 1) * self.block) - kept
            self.sums.append(UNKNOWN if rest == UNKNOWN else zlib.crc32(zeros[:added], rest))
        while len(self.sums) * self.block < new:
            left = min(self.block, new - len(self.sums) * self.block)
            self.sums.append(zlib.crc32(zeros[:left]) if left < self.block else _sum_of_zeros(self.block))
        while len(self.sums) > MOST_BLOCKS:
            self._widen(new)

    def append(self, what: bytes, old: int, data: memoryview) -> None:
        """Follow a value to which bytes were appended: a CRC goes on where it ended, so nothing is read again.

        Parameters
        ----------
        what
            What the value is now.
        old
            How many bytes it had.
        data
            The bytes behind them.
        """
        self.head = zlib.crc32(what)
        del self.sums[-(-old // self.block) :]  # room in the attribute that no block has yet
        begun = old % self.block
        room = min(len(data), self.block - begun) if begun else 0
        if room and self.sums[-1] != UNKNOWN:
            self.sums[-1] = zlib.crc32(data[:room], self.sums[-1])
        self.sums += [zlib.crc32(data[at : at + self.block]) for at in range(room, len(data), self.block)]
        while len(self.sums) > MOST_BLOCKS:
            self._widen(old + len(data))

    def _widen(self, size: int) -> None:
        """Make blocks of twice the size, from their sums alone."""
        sums = self.sums if len(self.sums) % 2 == 0 else [*self.sums, UNKNOWN]
        pairs = list(zip(sums[::2], sums[1::2], strict=True))
        ends = [min(size, (2 * number + 2) * self.block) for number in range(len(pairs))]
        lengths = [end - (2 * number + 1) * self.block for number, end in enumerate(ends)]
        self.sums = [_joined(*pair, length) for pair, length in zip(pairs, lengths, strict=True)]
        self.block *= 2


def damage(place: str, found: str) -> DamagedRecordError:
    """The error for what is not as it was written."""
    return DamagedRecordError(
        f"{place}: {found}. The file is damaged, or another program changed it. ps.check(filename) lists all that is, "
        "and ps.check(filename, repair=True) keeps what is whole."
    )


def description(kind: Any, shape: Sequence[int], order: str = "C") -> bytes:
    """What a value is, as JSON: ``"text"``, ``"bytes"`` or a dtype, and the shape.

    Examples
    --------
    >>> description("<f8", (10, 3))
    b'["<f8",[10,3]]'
    """
    return orjson.dumps([kind, list(shape), *(["F"] if order == "F" else [])])


def text_description(text: bytes) -> bytes:
    """What a text is: the numbers of its bytes and of its line feeds, so that its lines can be counted on."""
    return description("text", [len(text), text.count(b"\n")])


def block_size(size: int, least: int = BLOCK_BYTES) -> int:
    """How many bytes a sum is for in a value of some size: a power of two."""
    block = least
    while size > block * MOST_BLOCKS:
        block *= 2
    return block


def bytes_of(array: Array) -> memoryview:
    """The bytes of an array that is contiguous, in the order in which they lie."""
    lying = array if array.flags.c_contiguous else array.T
    view: memoryview = lying.reshape(-1).view(np.uint8).data if array.nbytes else memoryview(b"")
    return view


class CheckBeside:
    """The check of a value, computed by another thread where there is much of it: ask for it when it is written."""

    def __init__(self, what: bytes, data: memoryview, least: int = BLOCK_BYTES) -> None:
        self._what, self._data, self._least = what, data, least
        self._check: Check | None = None
        self._thread = threading.Thread(target=self._compute) if len(data) >= BESIDE_BYTES else None
        if self._thread is not None:
            self._thread.start()

    def _compute(self) -> None:
        self._check = Check.of(self._what, self._data, self._least)

    def get(self) -> Check:
        """Return the check, when it is computed."""
        if self._thread is not None:
            self._thread.join()
        if self._check is None:
            self._compute()
        assert self._check is not None
        return self._check


# -- sums ----------------------------------------------------------------------------------


def _joined(first: int, second: int, length: int) -> int:
    """The sum of two blocks behind each other, the second of `length` bytes, or of none: a CRC is linear."""
    if length <= 0 or UNKNOWN in (first, second):
        return first if length <= 0 else UNKNOWN
    zeros = bytes(length)
    return zlib.crc32(zeros, first) ^ zlib.crc32(zeros) ^ second


def _sum_of_zeros(length: int) -> int:
    if length not in _SUMS_OF_ZEROS:
        _SUMS_OF_ZEROS[length] = zlib.crc32(bytes(length))
    return _SUMS_OF_ZEROS[length]


_SUMS_OF_ZEROS: Final[dict[int, int]] = {}
