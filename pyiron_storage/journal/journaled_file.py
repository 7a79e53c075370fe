"""The file under an HDF5 storage: changes stay aside until they are committed.

h5py reads and writes through a Python file object.  `JournaledFile` lets what is
new go straight behind the committed end of the file, and keeps the pages inside
the committed part that HDF5 rewrites aside, so that a commit makes all changes
together, through a redo journal, and a rollback drops them.  A new file is made
under another name and gets its own at the first commit.

A memory map lies within the committed part, and keeps its values: a commit that
would change what another process maps, or end the file before the end of a map,
changes nothing in place.  It goes into a copy of the file, which gets the name
(see `file_maps`).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from pyiron_storage.errors import FileKindError, InterruptedCommitError, StorageWriteError
from pyiron_storage.files.access_locks import AccessLock
from pyiron_storage.files.file_maps import map_array
from pyiron_storage.files.interrupts import never_interrupted
from pyiron_storage.files.replacing import (
    confirm_name,
    free_name_beside,
    system_error,
    take_name,
    take_rights,
    write_all,
    written,
)
from pyiron_storage.journal.committing import Commit, abandon
from pyiron_storage.journal.pages_aside import PagesAside
from pyiron_storage.journal.redo import Change, CompleteJournal, cut, journal_path
from pyiron_storage.journal.stamp import (
    HEAD_BYTES,
    LARGEST_FILE,
    STAMP_BYTES,
    hdf5_end,
    is_busy_stamp,
    is_stamp,
    new_stamp,
    stamp_place,
    superblock_place,
)


class JournaledFile:
    """A file object for h5py whose changes are committed or rolled back as one.

    Parameters
    ----------
    path
        The file; it is created where it does not exist and `writable` is true.
    writable
        Whether changes are allowed; whoever changes has the writer's lock.
    anew
        Whether a new file is to take the place of the one that is there.
    timeout
        For how many seconds to wait for others at most; None where the file is not locked.

    Raises
    ------
    InterruptedCommitError
        If the file is in the middle of a commit that cannot be ended.
    """

    def __init__(self, path: Path, *, writable: bool, anew: bool = False, timeout: float | None = None) -> None:
        self.path = path
        self._aside: Path | None = None
        self._alone = timeout is not None
        self._opener = os.getpid()
        self._pages = PagesAside(path)
        self._overlay: CompleteJournal | None = None
        self._commit_made: Commit | None = None
        self._position = 0
        self._accepting = writable
        self._has_tail = False
        self.failure: BaseException | None = None
        """What went wrong while HDF5 wrote; it is raised when HDF5 is done."""
        self._file = self._open_to_write(anew=anew) if writable else os.open(path, os.O_RDONLY)
        self._lock = None if timeout is None else AccessLock(self._file, path, timeout)
        if not writable:
            self.share()
            self._find_overlay()
        self._measure(writable=writable)

    @written
    def _open_to_write(self, *, anew: bool) -> int:
        """Open the file, or make a new one under another name."""
        path = self.path
        if not anew and os.path.exists(path) and os.path.getsize(path):  # noqa: PTH110, PTH202  it is called often
            return os.open(path, os.O_RDWR)
        self._aside = free_name_beside(path, alone=self._alone)
        file = os.open(self._aside, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        take_rights(path, file)
        return file

    def _find_overlay(self) -> None:
        """Read through the journal of a dead writer that had copied a part of it into the file."""
        journal = CompleteJournal.open(journal_path(self.path))
        if journal is not None and journal.is_half_copied(self._file):
            self._overlay = journal

    def _measure(self, *, writable: bool) -> None:
        """Find the committed end and the stamp, and cut off what a dead writer left behind them."""
        self._opened = os.fstat(self._file)
        self._original = self._size = self._committed = self._opened.st_size
        self._uncommitted_stamp = False
        self._place, self._stamp = 0, b""
        if self._aside is None:
            self._find_stamp(self._hdf5_end(), writable=writable)

    def _hdf5_end(self) -> int | None:
        """The end of the content that HDF5 knows of."""
        place = superblock_place(lambda size, offset: os.pread(self._file, size, offset), self._original)
        return hdf5_end(os.pread(self._file, HEAD_BYTES, place))

    def _find_stamp(self, end: int | None, *, writable: bool) -> None:
        """Look at the stamp behind the end that HDF5 knows of: whether the file is as a commit left it."""
        self._place = stamp_place(self._size if end is None else end)
        self._stamp = os.pread(self._file, STAMP_BYTES, self._place)
        if self._overlay is not None:
            self._take_overlay(self._overlay)
        elif is_busy_stamp(self._stamp):
            raise InterruptedCommitError(
                f"{self.path}: a commit into the file was interrupted, and its journal {journal_path(self.path)}, "
                "which would end it, is missing or damaged. Bring the journal back, or the file from a copy."
            )
        elif is_stamp(self._stamp) and end is not None:
            self._size, self._committed = end, self._place + STAMP_BYTES
            if writable and self._original > self._committed:
                os.ftruncate(self._file, self._committed)
                self._original = self._committed
        elif writable:
            self._prepare_stamp(end, self._original)

    def _prepare_stamp(self, end: int | None, found: int) -> None:
        """Reserve the place for the stamp of a file that another program wrote."""
        if end is None or end > found:
            raise FileKindError(
                f"{self.path}: the file can be read but not changed here: its superblock is of an unknown kind, "
                "or the file is cut short. Copy what is in it to a new file."
            )
        self._stamp, self._uncommitted_stamp = new_stamp(), True
        self._size, self._committed = end, self._place + STAMP_BYTES

    def _take_overlay(self, journal: CompleteJournal) -> None:
        self._pages.show(journal)
        self._size = journal.change.size
        self._place, self._stamp = journal.change.place, os.pread(self._file, STAMP_BYTES, journal.change.place)

    def stretch(self) -> bool:
        """Show a file that was cut off as long as it was, with zeros at its end; say whether it was."""
        end = self._hdf5_end()
        was_cut = self._overlay is None and end is not None and end > self._original
        if was_cut and end is not None:
            self._size = end
        return was_cut

    # -- what h5py calls ---------------------------------------------------------

    @never_interrupted
    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a position, in bytes."""
        self._position = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        return self._position

    @never_interrupted
    def tell(self) -> int:
        """The position, in bytes."""
        return self._position

    @never_interrupted
    def read(self, size: int = -1) -> bytes:
        """Read bytes at the position."""
        buffer = bytearray(self._size - self._position if size < 0 else size)
        return bytes(buffer[: self.readinto(buffer)])

    @never_interrupted
    def readinto(self, buffer: bytearray | memoryview) -> int:
        """Read bytes at the position into a buffer; return their number."""
        view = memoryview(buffer).cast("B")
        try:
            self._read(self._position, view)
        except BaseException as error:  # noqa: BLE001  it is raised when HDF5 is done
            self._fail(error)
        self._position += len(view)
        return len(view)

    @never_interrupted
    def write(self, data: bytes | memoryview) -> int:
        """Write bytes at the position: aside where the file is committed, else in place."""
        view = memoryview(data).cast("B")
        try:
            if self._may_write():
                self._write(self._position, view)
        except BaseException as error:  # noqa: BLE001  it is raised when HDF5 is done
            self._fail(error)
        self._position += len(view)
        return len(view)

    @never_interrupted
    def truncate(self, size: int | None = None) -> int:
        """Set the size of the file, in bytes."""
        size = self._position if size is None else size
        if self._may_write():
            self._size = size  # the file itself gets it at the commit
        return size

    @never_interrupted
    def flush(self) -> None:
        """Do nothing: what is written is made to last by `commit`."""

    def _may_write(self) -> bool:
        """Whether changes are to be kept: not between transactions, nor after a failure, nor in a forked child."""
        return self._accepting and os.getpid() == self._opener

    def _fail(self, error: BaseException) -> None:
        """Note what went wrong, and take no more changes: HDF5 cannot close a file whose writes fail."""
        self.failure = self.failure or error
        self._accepting = False

    # -- reading and writing -------------------------------------------------------

    def _read(self, start: int, view: memoryview) -> None:
        done = 0
        is_possible = start < LARGEST_FILE  # a damaged file may name any place
        while is_possible and done < len(view) and (got := os.preadv(self._file, [view[done:]], start + done)):
            done += got
        if done < len(view):
            view[done:] = bytes(len(view) - done)
        if self._pages.pages:
            self._pages.read_over(start, view)

    def _write(self, start: int, view: memoryview) -> None:
        self._size = max(self._size, start + len(view))
        inside = min(len(view), max(0, self._committed - start))
        if inside:
            self._pages.write(start, view[:inside], self._file, self._committed)
        if inside < len(view):
            self._has_tail = True
            write_all(self._file, view[inside:], start + inside)

    # -- what the storage calls ------------------------------------------------------

    def share(self) -> None:
        """Keep commits out while something is read."""
        if self._lock is not None:
            self._lock.share()

    def unshare(self) -> None:
        """Let commits in again."""
        if self._lock is not None:
            self._lock.release()

    def begin(self) -> None:
        """Take changes; HDF5 writes at other times too, when a forgotten file is closed."""
        self._accepting = True

    @property
    def is_new(self) -> bool:
        """Whether the file has not been committed yet."""
        return self._aside is not None

    @property
    def changed(self) -> bool:
        """Whether there is anything to commit."""
        return self.is_new or bool(self._pages.pages) or stamp_place(self._size) != self._place

    def is_current(self) -> bool:
        """Whether the file still has its name and is as it was committed or opened here."""
        found = self._named()
        if found is None:
            return False
        if self._overlay is not None:
            return not self._overlay.is_gone
        if not is_stamp(self._stamp):
            return (found.st_size, found.st_mtime_ns) == (self._opened.st_size, self._opened.st_mtime_ns)
        return os.pread(self._file, STAMP_BYTES, self._place) == self._stamp

    def has_its_name(self) -> bool:
        """Whether the file is still the one that has the name."""
        return self._named() is not None

    def _named(self) -> os.stat_result | None:
        """What has the name now; None where that is not this file."""
        try:
            found = os.stat(self.path)  # noqa: PTH116  at every access
        except FileNotFoundError:
            return None
        is_this = found.st_ino == self._opened.st_ino and found.st_dev == self._opened.st_dev
        return found if is_this else None

    def raise_failure(self) -> None:
        """Raise what went wrong while HDF5 wrote.

        Raises
        ------
        StorageWriteError
            If the system could not write.
        """
        if isinstance(self.failure, OSError):
            raise system_error(self.path, self.failure) from self.failure
        if self.failure is not None:
            raise self.failure

    def commit(self, *, durable: bool = False, in_place: bool = False) -> None:
        """Make all changes last; a new file gets its name.

        Parameters
        ----------
        durable
            Whether to wait until they outlast a power cut, or only the death of this process.
        in_place
            Whether to leave the changes out where others map what would change, rather than
            to write a new file.

        Raises
        ------
        StorageWriteError
            If the system cannot write.
        """
        self.raise_failure()
        try:
            if self.changed:
                self._commit(durable=durable, in_place=in_place)
        except StorageWriteError:
            raise
        except OSError as error:
            raise system_error(self.path, error) from error
        self.raise_failure()

    def _commit(self, *, durable: bool, in_place: bool) -> None:
        stamp, place = new_stamp(), stamp_place(self._size)
        end = self._size
        self._write(end, memoryview(bytes(place - end) + stamp))
        self._cover_old_stamp(place)
        if self._uncommitted_stamp:
            write_all(self._file, memoryview(self._stamp), self._place)
            self._uncommitted_stamp = False
        change = Change(self._stamp, self._place, place + STAMP_BYTES)
        if not self.is_new and not self._change_in_place(change, durable=durable):
            if in_place:
                return
            self._go_on_in_a_copy()
        if self.is_new:
            self._name_new(change.size, durable=durable)
        self._pages.clear()
        self._size, self._place, self._stamp = end, place, stamp
        self._committed = self._original = change.size
        self._accepting = self._has_tail = False
        self._commit_made = None

    def _cover_old_stamp(self, place: int) -> None:
        """Write over the old stamp where HDF5 left it standing, so that nobody takes the file for unchanged."""
        if not self.is_new and place != self._place and self._place + STAMP_BYTES <= self._size:
            found = bytearray(STAMP_BYTES)
            self._read(self._place, memoryview(found))
            if found == self._stamp:
                self._write(self._place, memoryview(bytes(STAMP_BYTES)))

    def _change_in_place(self, change: Change, *, durable: bool) -> bool:
        """Change the file; leave it as it is and give False where memory maps of others would change with it."""
        commit = self._commit_made = Commit(self.path, self._file, self._lock, self._pages, change)
        is_cut = self._has_tail or change.size < self._committed
        is_done = commit.in_place(is_cut=is_cut, durable=durable)
        self.failure = self.failure or commit.failure
        return is_done

    def _go_on_in_a_copy(self) -> None:
        """Leave the file to those who map it, and go on in a copy with all changes, which is to get its name."""
        assert self._commit_made is not None
        aside, copy = self._commit_made.into_copy()
        os.close(self._file)
        self._aside, self._file, self._opened = aside, copy, os.fstat(copy)
        if self._lock is not None:
            self._lock = AccessLock(copy, self.path, self._lock.timeout)

    def _name_new(self, size: int, *, durable: bool) -> None:
        assert self._aside is not None
        os.ftruncate(self._file, size)
        if durable:
            os.fsync(self._file)
        take_name(self._aside, self.path, durable=durable)
        self._aside = None
        self._has_tail = False
        if durable:
            confirm_name(self.path)

    def discard(self) -> None:
        """Take no changes any more: HDF5 still writes while it closes."""
        self._accepting = False

    def close(self) -> None:
        """Close the file, and drop all changes since the last commit; a new one that has none disappears."""
        if os.getpid() == self._opener:
            abandon(self._commit_made, self._pages)
            if self._aside is not None:
                self._aside.unlink(missing_ok=True)
            elif self._has_tail and (self._commit_made is None or not self._commit_made.is_decided):
                cut(self._file, self._original)
        os.close(self._file)
        self._file = -1
        if self._overlay is not None:
            self._overlay.close()

    def __del__(self) -> None:
        if getattr(self, "_file", -1) >= 0:
            self.close()

    # -- memory maps -------------------------------------------------------------------

    def map(self, offset: int, dtype: np.dtype[Any], shape: tuple[int, ...]) -> np.memmap[Any, Any] | None:
        """Map an array that stands in the file, read-only; None where it is not committed as it is."""
        stop = offset + int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        if stop > self._committed or self._pages.between(offset, stop):
            return None
        return map_array(self._file, offset, dtype, shape, locked_as=None if self._lock is None else self.path)
