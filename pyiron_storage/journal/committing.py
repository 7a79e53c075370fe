"""A commit into a file: in place through the journal, or into a copy that takes the place of the file."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from pyiron_storage.errors import StorageWriteError
from pyiron_storage.files.access_locks import AccessLock, alone
from pyiron_storage.files.file_maps import before_writing, harms_maps, identity_of
from pyiron_storage.files.replacing import copied_aside, write_all
from pyiron_storage.journal.pages_aside import PagesAside
from pyiron_storage.journal.redo import PAGE, Change, RedoJournal, copy_pages, cut, journal_path
from pyiron_storage.journal.stamp import STAMP_BYTES


class Commit:
    """One commit of the pages that are kept aside.

    Parameters
    ----------
    path, file
        The file, and its descriptor.
    lock
        Keeps readers out; None where the file is not locked.
    aside
        The pages.
    change
        What else the commit does.

    Attributes
    ----------
    is_complete
        Whether the journal is complete.
    is_decided
        Whether others may see something of the commit, so that it is not taken back.
    failure
        What went wrong, though the commit is whole.
    """

    def __init__(self, path: Path, file: int, lock: AccessLock | None, aside: PagesAside, change: Change) -> None:
        self._path, self._file, self._lock, self._aside, self._change = path, file, lock, aside, change
        self._pages = aside.trimmed(change.size)
        self.is_complete = self.is_decided = False
        self.failure: BaseException | None = None

    def in_place(self, *, is_cut: bool, durable: bool) -> bool:
        """Change the file; leave it as it is and give False where memory maps of others would change with it.

        Parameters
        ----------
        is_cut
            Whether the file may be longer than it is to be.
        durable
            Whether to wait until the changes outlast a power cut.

        Raises
        ------
        StorageWriteError
            If the commit is made, but not in place.
        """
        if len(self._pages) == 1 and not durable:
            return self._write_one_page(is_cut=is_cut)
        if self._harms_maps():
            return False
        if durable:
            os.fsync(self._file)
        return self._go_through_journal(self._aside.open_journal(), durable=durable)

    def _write_one_page(self, *, is_cut: bool) -> bool:
        """Change one page: the system writes it as a whole or, where the process dies, not at all."""
        with alone(self._lock):
            if self._harms_maps():
                return False
            self.is_decided = True
            self._write_into(self._file)
            if is_cut:
                cut(self._file, self._change.size)
        return True

    def _write_into(self, file: int) -> None:
        for number in self._pages:
            content = memoryview(self._aside.content(number))[: self._change.size - number * PAGE]
            write_all(file, content, number * PAGE)

    def _go_through_journal(self, journal: RedoJournal, *, durable: bool) -> bool:
        self.is_complete = True
        old = os.pread(self._file, PAGE, self._change.last_page * PAGE)
        journal.complete(self._pages, self._change, old, durable=durable)
        with alone(self._lock):
            if self._harms_maps():  # since a moment ago
                journal.withdraw()
                self.is_complete = False
                return False
            self.is_decided = True
            self._twice(lambda: copy_pages(self._file, self._pages, journal.file, self._change, durable=durable))
            with contextlib.suppress(OSError):  # whoever writes next sees that all of it is in place
                journal.forget()  # before others read, for they take a complete journal for that of a dead writer
        return True

    def _twice(self, copy: Callable[[], None]) -> None:
        """Copy the pages, and once more where that failed: the commit is made, so that it is not taken back."""
        try:
            copy()
        except BaseException as error:  # noqa: BLE001  raised when the commit is whole
            try:
                copy()
            except OSError as again:
                if os.pread(self._file, STAMP_BYTES, self._change.place) == self._change.stamp:
                    self.is_decided = False  # nothing was copied at all
                    raise
                raise StorageWriteError(
                    f"{self._path}: the change is committed, in {journal_path(self._path)}, but could not be copied "
                    f"into the file: {again.strerror}. Leave both as they are; opening the file again completes it."
                ) from again
            if not isinstance(error, OSError):
                self.failure = error

    def _harms_maps(self) -> bool:
        """Whether maps of other processes would change; those of this one get copies of what is written over."""
        changes = ((number * PAGE, self._aside.content(number)) for number in self._pages)
        if harms_maps(self._file, changes, self._change.size, locking=self._lock is not None):
            return True
        identity = identity_of(self._file)
        for number in self._pages:
            before_writing(identity, number * PAGE, (number + 1) * PAGE)
        return False

    def into_copy(self) -> tuple[Path, int]:
        """Leave the file to those who map it; return the name and the descriptor of a copy with all changes."""
        aside, copy = copied_aside(self._file, self._path, alone=self._lock is not None)
        try:
            self._write_into(copy)
        except BaseException:
            os.close(copy)
            aside.unlink(missing_ok=True)
            raise
        return aside, copy


def abandon(commit: Commit | None, aside: PagesAside) -> None:
    """Close the journal when changes are dropped; one that is needed to complete a commit stays as it is."""
    if commit is not None and commit.is_complete and not commit.is_decided and isinstance(aside.journal, RedoJournal):
        aside.journal.withdraw()
    aside.close()
