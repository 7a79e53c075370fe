"""The redo journal: the pages of a commit, kept beside the file until they all stand in it.

`RedoJournal` is the file ``<name>-journal``.  While a transaction runs it may take
pages that would not fit into memory.  At the commit it takes all of them and is
completed by an index and a header with checksums; from then on the commit is made,
whoever dies.  A journal that is not complete means nothing.

The layout: one page for the header, pages of content, the index.  All of it is
copied in an order that lets a reader see that a commit is under way: the stamp of
the file says so first, the page with the superblock comes last but one, and the
page with the old stamp last.
"""

from __future__ import annotations

import contextlib
import os
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pyiron_storage.files.replacing import sync_folder, write_all
from pyiron_storage.journal.stamp import STAMP_BYTES, busy_stamp

PAGE: Final = 4096
SECTOR: Final = 512
_MAGIC: Final = b"pyRedo\n\x01"
_HEADER: Final = struct.Struct(f"<8sQQQQL{STAMP_BYTES}s")
_ENTRY: Final = struct.Struct("<QQLL")
_VECTORS: Final = 512
"""How many pages are written by one call; the system allows 1,024."""

Kept = bytearray | int
"""A page that is kept aside: in memory, or the number of its slot in the journal."""


@dataclass(frozen=True)
class Change:
    """What a commit does to a file besides changing pages.

    Attributes
    ----------
    stamp, place
        The stamp of the file as it was, and where it stands.
    size
        The size that the file gets, in bytes.
    """

    stamp: bytes
    place: int
    size: int

    @property
    def last_page(self) -> int:
        """The page with the old stamp."""
        return self.place // PAGE


def journal_path(file: Path) -> str:
    """The journal of a file."""
    return f"{file}-journal"


class _Journal:
    """The open file of a journal."""

    file = -1

    @property
    def is_gone(self) -> bool:
        """Whether it was removed: somebody has copied all of it."""
        return os.fstat(self.file).st_nlink == 0

    def close(self) -> None:
        """Close the journal; the file stays, for others may use it."""
        if self.file >= 0:
            os.close(self.file)
            self.file = -1

    def __del__(self) -> None:
        self.close()


class RedoJournal(_Journal):
    """A journal that is being written.

    Parameters
    ----------
    path
        The journal; what is there is overwritten.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o666)
        self._slots = 1
        self._checksums: dict[int, int] = {}

    def keep(self, pages: memoryview) -> range:
        """Write whole pages; return their slots."""
        count = len(pages) // PAGE
        slots = range(self._slots, self._slots + count)
        write_all(self.file, pages, self._slots * PAGE)
        starts = range(0, count * PAGE, PAGE)
        self._checksums.update(zip(slots, (zlib.crc32(pages[at : at + PAGE]) for at in starts), strict=True))
        self._slots += count
        return slots

    def keep_each(self, pages: list[bytearray]) -> range:
        """Write pages that stand apart in memory; return their slots."""
        slots = range(self._slots, self._slots + len(pages))
        for at in range(0, len(pages), _VECTORS):
            _write_vector(self.file, pages[at : at + _VECTORS], slots[at] * PAGE)
        self._checksums.update(zip(slots, map(zlib.crc32, pages), strict=True))
        self._slots += len(pages)
        return slots

    def read(self, slot: int) -> bytearray:
        """The content of a slot."""
        return bytearray(os.pread(self.file, PAGE, slot * PAGE))

    def complete(self, pages: Mapping[int, Kept], change: Change, old: bytes, *, durable: bool) -> None:
        """Write what is still in memory, the index and the header: the commit is made.

        Parameters
        ----------
        pages
            All pages of the commit, by number; none reaches beyond the new end of the file.
        change
            What else the commit does.
        old
            The page with the old stamp, as it is in the file.
        durable
            Whether it is to outlast a power cut.
        """
        entries, in_memory = self._entries(pages)
        place = self._slots + len(in_memory)
        entries.append(_ENTRY.pack(change.last_page, place, len(old), zlib.crc32(old)))
        index = b"".join(entries)
        checksum = zlib.crc32(index)
        header = _HEADER.pack(
            _MAGIC, change.size, change.place, len(entries), (place + 1) * PAGE, checksum, change.stamp
        )
        self._write([header + zlib.crc32(header).to_bytes(4, "little"), *in_memory, _padded(old), index])
        if durable:
            os.fsync(self.file)
            sync_folder(Path(self.path).parent)

    def _entries(self, pages: Mapping[int, Kept]) -> tuple[list[bytes], list[Any]]:
        """The index of some pages, and those that are still in memory, which get the next slots."""
        entries: list[bytes] = []
        in_memory: list[Any] = []
        for number in sorted(pages):
            kept = pages[number]
            if isinstance(kept, int):
                entries.append(_ENTRY.pack(number, kept, PAGE, self._checksums[kept]))
            else:
                entries.append(_ENTRY.pack(number, self._slots + len(in_memory), len(kept), zlib.crc32(kept)))
                in_memory.append(_padded(kept))
        return entries, in_memory

    def _write(self, rest: list[Any]) -> None:
        """Write the header and, behind what is there already, the rest: by one call where all is in memory."""
        if self._slots == 1 and len(rest) < _VECTORS:
            rest[0] = _padded(rest[0])
            _write_vector(self.file, rest, 0)
            return
        for at in range(1, len(rest), _VECTORS):
            _write_vector(self.file, rest[at : at + _VECTORS], (self._slots + at - 1) * PAGE)
        write_all(self.file, memoryview(rest[0]), 0)

    def forget(self) -> None:
        """Let the journal mean nothing, and keep it for the next commit."""
        if self._slots > 1:
            os.ftruncate(self.file, 0)
        write_all(self.file, memoryview(bytes(_HEADER.size + 4)), 0)
        self._slots = 1
        self._checksums.clear()

    def withdraw(self) -> None:
        """Let a complete journal of which nothing was copied mean nothing."""
        try:
            self.forget()
        except OSError:
            Path(self.path).unlink(missing_ok=True)


class CompleteJournal(_Journal):
    """A complete journal that was found beside a file.

    Parameters
    ----------
    file
        Its descriptor, which is closed with this object.
    change, slots, lengths, old
        As in `RedoJournal.complete`; the lengths of the pages in bytes.
    """

    def __init__(self, file: int, change: Change, slots: dict[int, int], lengths: dict[int, int], old: bytes) -> None:
        self.file = file
        self.change = change
        self.slots = slots
        self._lengths = lengths
        self._old = old

    @classmethod
    def open(cls, path: str) -> CompleteJournal | None:
        """Return the journal at a path; None where there is none that is complete."""
        try:
            file = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            return None
        found = _read(file)
        if found is None:
            os.close(file)
            return None
        return cls(file, *found)

    def page(self, number: int) -> bytes:
        """The new content of a page."""
        return os.pread(self.file, self._lengths[number], self.slots[number] * PAGE)

    def is_half_copied(self, file: int) -> bool:
        """Whether a part of it was copied into the file, and not all."""
        if os.pread(file, STAMP_BYTES, self.change.place) == self.change.stamp or not self.belongs_to(file):
            return False
        return not all(self._stands_in(file, number) for number in self.slots)

    def belongs_to(self, file: int) -> bool:
        """Whether it was made for the file as this one is: before, in the middle of, or after copying.

        A file in the middle has the stamp that says so, or all pages but the last are as they are to
        be, and the last is in each of its sectors as it was or as it is to be.
        """
        found = os.pread(file, STAMP_BYTES, self.change.place)
        if found in (self.change.stamp, busy_stamp(self.change.stamp)):
            return True
        last = self.change.last_page
        others = (number for number in self.slots if number != last)
        return all(self._stands_in(file, number) for number in others) and self._is_mixed(file, last)

    def _stands_in(self, file: int, number: int) -> bool:
        return os.pread(file, self._lengths[number], number * PAGE) == self.page(number)

    def _is_mixed(self, file: int, number: int) -> bool:
        if number not in self.slots:  # the file ends before it
            return True
        new, old = self.page(number), self._old
        there = os.pread(file, len(new), number * PAGE)
        sectors = (slice(at, at + SECTOR) for at in range(0, len(new), SECTOR))
        return all(there[sector] in (new[sector], old[: len(new)][sector]) for sector in sectors)

    def copy_into(self, file: int, *, durable: bool) -> None:
        """Copy all pages into the file."""
        short: dict[int, Kept] = {
            number: bytearray(self.page(number)) for number in self.slots if self._lengths[number] < PAGE
        }
        copy_pages(file, {**self.slots, **short}, self.file, self.change, durable=durable)


def _read(file: int) -> tuple[Change, dict[int, int], dict[int, int], bytes] | None:
    """What a journal says; None where it is not complete."""
    head = os.pread(file, _HEADER.size + 4, 0)
    if len(head) < _HEADER.size + 4 or head[-4:] != zlib.crc32(head[:-4]).to_bytes(4, "little"):
        return None
    magic, size, place, count, index_place, checksum, stamp = _HEADER.unpack(head[:-4])
    index = os.pread(file, min(count * _ENTRY.size, os.fstat(file).st_size), index_place)
    if magic != _MAGIC or len(index) != count * _ENTRY.size or zlib.crc32(index) != checksum:
        return None
    entries = list(_ENTRY.iter_unpack(index))
    if not all(_is_whole(file, *entry) for entry in entries):
        return None
    *pages, old = entries
    change = Change(stamp, place, size)
    slots = {number: slot for number, slot, _, _ in pages}
    lengths = {number: length for number, _, length, _ in pages}
    return change, slots, lengths, os.pread(file, old[2], old[1] * PAGE)


def _is_whole(file: int, _: int, slot: int, length: int, checksum: int) -> bool:
    content = os.pread(file, length, slot * PAGE)
    return len(content) == length and zlib.crc32(content) == checksum


def _padded(page: bytes | bytearray) -> bytes | bytearray:
    return page if len(page) == PAGE else page.ljust(PAGE, b"\0")


# -- copying -----------------------------------------------------------------------------


def copy_pages(file: int, pages: Mapping[int, Kept], journal: int, change: Change, *, durable: bool) -> None:
    """Copy the pages of a commit into a file, so that it shows until the end that they are not all there.

    Parameters
    ----------
    file, journal
        Descriptors; the pages that are not in memory are in the journal.
    pages
        The pages by number.
    change
        What else the commit does.
    durable
        Whether to wait until the disk has them.
    """
    last = [number for number in dict.fromkeys([0, change.last_page]) if number in pages]
    first = sorted(number for number in pages if number not in last)
    write_all(file, memoryview(busy_stamp(change.stamp)), change.place)
    _copy(file, first, pages, journal)
    if durable:
        os.fsync(file)
    for number in last:
        _copy(file, [number], pages, journal)
    cut(file, change.size)
    if durable:
        os.fsync(file)


def _copy(file: int, numbers: list[int], pages: Mapping[int, Kept], journal: int) -> None:
    for start, contents in _stretches(numbers, pages, journal):
        _write_vector(file, contents, start * PAGE)


def _stretches(numbers: Iterable[int], pages: Mapping[int, Kept], journal: int) -> Iterator[tuple[int, list[Any]]]:
    """Pages that follow each other, as far as one call writes them: the first number and the contents."""
    start, contents = -1, list[Any]()
    for number in numbers:
        if contents and (number != start + len(contents) or len(contents) == _VECTORS):
            yield start, contents
            contents = []
        if not contents:
            start = number
        kept = pages[number]
        contents.append(os.pread(journal, PAGE, kept * PAGE) if isinstance(kept, int) else kept)
    if contents:
        yield start, contents


def cut(file: int, size: int) -> None:
    """Let a file end where its content ends; if that fails, whoever writes next does it."""
    with contextlib.suppress(OSError):
        if os.fstat(file).st_size > size:
            os.ftruncate(file, size)


def _write_vector(file: int, contents: list[Any], place: int) -> None:
    """Write pages behind each other."""
    done = os.pwritev(file, contents, place)
    if done < sum(map(len, contents)):
        write_all(file, memoryview(b"".join(contents))[done:], place + done)
