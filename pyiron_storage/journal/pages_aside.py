"""The pages of a file that a transaction rewrites, kept aside until it is committed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from pyiron_storage.journal.redo import PAGE, CompleteJournal, Kept, RedoJournal, journal_path

SPILL_BYTES: Final = 64 << 20
"""How much may stay in memory before it goes to the journal."""


class PagesAside:
    """Pages of a file with their new content, in memory or, beyond a bound, in the journal.

    Parameters
    ----------
    path
        The file; its journal is beside it.

    Attributes
    ----------
    pages
        The pages by number.
    journal
        Where pages are that are not in memory; None as long as none is needed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.pages: dict[int, Kept] = {}
        self.journal: RedoJournal | CompleteJournal | None = None
        self._in_memory = 0

    def show(self, journal: CompleteJournal) -> None:
        """Let the pages be those of a journal that was found."""
        self.journal, self.pages = journal, dict(journal.slots)

    def clear(self) -> None:
        """Forget all pages, which are committed."""
        self.pages.clear()
        self._in_memory = 0

    def content(self, page: int) -> bytes | bytearray:
        """The new content of a page."""
        kept = self.pages[page]
        if not isinstance(kept, int):
            return kept
        if isinstance(self.journal, CompleteJournal):
            return self.journal.page(page)
        assert self.journal is not None
        return self.journal.read(kept)

    def between(self, start: int, stop: int) -> list[int]:
        """The numbers of the pages that overlap a stretch of the file."""
        first, last = start // PAGE, (stop + PAGE - 1) // PAGE
        if last - first < len(self.pages):
            return [page for page in range(first, last) if page in self.pages]
        return [page for page in self.pages if first <= page < last]

    def read_over(self, start: int, view: memoryview) -> None:
        """Put the new content over what was read from the file at a place."""
        for page in self.between(start, start + len(view)):
            kept, low = self.content(page), max(start, page * PAGE)
            high = min(start + len(view), page * PAGE + len(kept))
            if high > low:
                view[low - start : high - start] = kept[low - page * PAGE : high - page * PAGE]

    def trimmed(self, size: int) -> dict[int, Kept]:
        """The pages of a file of this size; the last one ends where the file ends."""
        pages = {number: content for number, content in self.pages.items() if number * PAGE < size}
        if size // PAGE in pages:
            pages[size // PAGE] = bytearray(self.content(size // PAGE)[: size % PAGE])
        return pages

    # -- writing -----------------------------------------------------------------

    def write(self, start: int, view: memoryview, file: int, committed: int) -> None:
        """Take new content.

        Parameters
        ----------
        start
            Where it is to stand.
        view
            The content; none of it lies beyond what is committed.
        file, committed
            The descriptor of the file, and its committed size in bytes.
        """
        stop = start + len(view)
        first, last = -(-start // PAGE), stop // PAGE
        if (last - first) * PAGE >= SPILL_BYTES // 4:
            self._write_pieces(start, view[: first * PAGE - start], file, committed)
            self._write_whole(first, view[first * PAGE - start : last * PAGE - start])
            self._write_pieces(last * PAGE, view[last * PAGE - start :], file, committed)
        else:
            self._write_pieces(start, view, file, committed)
        if self._in_memory > SPILL_BYTES:
            self._spill(committed)

    def _write_pieces(self, start: int, view: memoryview, file: int, committed: int) -> None:
        done = 0
        while done < len(view):
            page, offset = divmod(start + done, PAGE)
            length = min(PAGE - offset, len(view) - done)
            self._in_memory_now(page, file, committed)[offset : offset + length] = view[done : done + length]
            done += length

    def _in_memory_now(self, page: int, file: int, committed: int) -> bytearray:
        """A page, to be changed; at first as it was committed."""
        kept = self.pages.get(page)
        if type(kept) is bytearray:
            return kept
        length = min(PAGE, committed - page * PAGE)
        content = bytearray(os.pread(file, length, page * PAGE) if kept is None else self.content(page))
        content.extend(bytes(length - len(content)))
        self.pages[page] = content
        self._in_memory += PAGE
        return content

    def _write_whole(self, first: int, view: memoryview) -> None:
        """Put many whole pages straight into the journal."""
        numbers = range(first, first + len(view) // PAGE)
        self._in_memory -= PAGE * sum(type(self.pages.get(number)) is bytearray for number in numbers)
        self.pages.update(zip(numbers, self.open_journal().keep(view), strict=True))

    def _spill(self, committed: int) -> None:
        """Move what is in memory to the journal, except the pages that HDF5 writes over and over."""
        often = (0, (committed - 1) // PAGE)
        pages = {
            number: kept
            for number, kept in self.pages.items()
            if isinstance(kept, bytearray) and len(kept) == PAGE and number not in often
        }
        self.pages.update(zip(pages, self.open_journal().keep_each(list(pages.values())), strict=True))
        self._in_memory -= PAGE * len(pages)

    # -- the journal -------------------------------------------------------------

    def open_journal(self) -> RedoJournal:
        """The journal, to be written."""
        if isinstance(self.journal, RedoJournal) and self.journal.is_gone:
            self.close()
        if self.journal is None:
            self.journal = RedoJournal(journal_path(self._path))
        assert isinstance(self.journal, RedoJournal)
        return self.journal

    def close(self) -> None:
        """Close the journal."""
        if self.journal is not None:
            self.journal.close()
            self.journal = None
