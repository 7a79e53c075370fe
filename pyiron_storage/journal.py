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

import contextlib
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np

from pyiron_storage.errors import FileKindError, InterruptedCommitError, StorageWriteError
from pyiron_storage.file_maps import before_writing, harms_maps, identity_of, map_array
from pyiron_storage.interrupts import never_interrupted
from pyiron_storage.locks import AccessLock
from pyiron_storage.redo import (
    PAGE,
    Change,
    CompleteJournal,
    Kept,
    RedoJournal,
    copy_pages,
    cut,
    journal_path,
    write_all,
)
from pyiron_storage.replacing import confirm_name, sync_folder, system_error, written
from pyiron_storage.stamp import HEAD_BYTES, STAMP_BYTES, hdf5_end, is_busy_stamp, is_stamp, new_stamp, stamp_place

SPILL_BYTES: Final = 64 << 20
"""How much may stay aside in memory before it goes to the journal."""

COPIED_BYTES: Final = 1 << 22
"""How much is copied at a time where a copy takes the place of a file."""


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
        self._opener = os.getpid()
        self._pages: dict[int, Kept] = {}
        self._in_memory = 0
        self._redo: RedoJournal | None = None
        self._overlay: CompleteJournal | None = None
        self._position = 0
        self._accepting = writable
        self._has_tail = False
        self._is_complete = False
        """Whether the journal of this commit is complete."""
        self._is_decided = False
        """Whether others may see something of this commit, so that it is not taken back."""
        self.failure: BaseException | None = None
        """What went wrong while HDF5 wrote; it is raised when HDF5 is done."""
        self._file = self._open_to_write(anew=anew) if writable else os.open(path, os.O_RDONLY)
        self._identity = identity_of(self._file)
        self._lock = None if timeout is None else AccessLock(self._file, path, timeout)
        if not writable:
            self.share()
            self._find_overlay()
        self._measure(writable=writable)

    @written
    def _open_to_write(self, *, anew: bool) -> int:
        """Open the file, or make a new one under another name."""
        path = self.path
        if not anew and os.path.exists(path):  # noqa: PTH110  what is called often asks the system itself
            return os.open(path, os.O_RDWR)
        self._aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
        file = os.open(self._aside, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        if os.path.exists(path):  # noqa: PTH110
            os.fchmod(file, stat.S_IMODE(path.stat().st_mode))
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
        if self._aside is not None:
            return
        end = hdf5_end(os.pread(self._file, HEAD_BYTES, 0))
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
        self._pages, self._size = dict(journal.slots), journal.change.size
        self._place, self._stamp = journal.change.place, os.pread(self._file, STAMP_BYTES, journal.change.place)

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
        while done < len(view) and (got := os.preadv(self._file, [view[done:]], start + done)):
            done += got
        if done < len(view):
            view[done:] = bytes(len(view) - done)
        if self._pages:
            self._read_aside(start, view)

    def _read_aside(self, start: int, view: memoryview) -> None:
        for page in self._pages_between(start, start + len(view)):
            kept, low = self._content(page), max(start, page * PAGE)
            high = min(start + len(view), page * PAGE + len(kept))
            if high > low:
                view[low - start : high - start] = kept[low - page * PAGE : high - page * PAGE]

    def _pages_between(self, start: int, stop: int) -> list[int]:
        """The numbers of the pages aside that overlap a stretch of the file."""
        first, last = start // PAGE, (stop + PAGE - 1) // PAGE
        if last - first < len(self._pages):
            return [page for page in range(first, last) if page in self._pages]
        return [page for page in self._pages if first <= page < last]

    def _content(self, page: int) -> bytes | bytearray:
        kept = self._pages[page]
        if not isinstance(kept, int):
            return kept
        if self._overlay is not None:
            return self._overlay.page(page)
        assert self._redo is not None
        return self._redo.read(kept)

    def _write(self, start: int, view: memoryview) -> None:
        self._size = max(self._size, start + len(view))
        inside = min(len(view), max(0, self._committed - start))
        if inside:
            self._write_aside(start, view[:inside])
        if inside < len(view):
            self._has_tail = True
            write_all(self._file, view[inside:], start + inside)

    def _write_aside(self, start: int, view: memoryview) -> None:
        stop = start + len(view)
        first, last = -(-start // PAGE), stop // PAGE
        if (last - first) * PAGE >= SPILL_BYTES // 4:
            self._write_pieces(start, view[: first * PAGE - start])
            self._write_whole(first, view[first * PAGE - start : last * PAGE - start])
            self._write_pieces(last * PAGE, view[last * PAGE - start :])
        else:
            self._write_pieces(start, view)
        if self._in_memory > SPILL_BYTES:
            self._spill()

    def _write_pieces(self, start: int, view: memoryview) -> None:
        done = 0
        while done < len(view):
            page, offset = divmod(start + done, PAGE)
            length = min(PAGE - offset, len(view) - done)
            self._page_in_memory(page)[offset : offset + length] = view[done : done + length]
            done += length

    def _page_in_memory(self, page: int) -> bytearray:
        """A page aside, to be changed; at first as it was committed."""
        kept = self._pages.get(page)
        if type(kept) is bytearray:
            return kept
        length = min(PAGE, self._committed - page * PAGE)
        content = bytearray(os.pread(self._file, length, page * PAGE) if kept is None else self._content(page))
        content.extend(bytes(length - len(content)))
        self._pages[page] = content
        self._in_memory += PAGE
        return content

    def _write_whole(self, first: int, view: memoryview) -> None:
        """Put many whole pages straight into the journal."""
        numbers = range(first, first + len(view) // PAGE)
        self._in_memory -= PAGE * sum(type(self._pages.get(number)) is bytearray for number in numbers)
        self._pages.update(zip(numbers, self._journal().keep(view), strict=True))

    def _spill(self) -> None:
        """Move what is aside in memory to the journal, except the pages that HDF5 writes over and over."""
        keep = (0, self._place // PAGE)
        pages = {
            number: kept
            for number, kept in self._pages.items()
            if isinstance(kept, bytearray) and len(kept) == PAGE and number not in keep
        }
        self._pages.update(zip(pages, self._journal().keep_each(list(pages.values())), strict=True))
        self._in_memory -= PAGE * len(pages)

    def _journal(self) -> RedoJournal:
        if self._redo is not None and self._redo.is_gone:
            self._redo.close()
            self._redo = None
        if self._redo is None:
            self._redo = RedoJournal(journal_path(self.path))
        return self._redo

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
        return self.is_new or bool(self._pages) or stamp_place(self._size) != self._place

    def is_current(self) -> bool:
        """Whether the file still has its name and is as it was committed or opened here."""
        try:
            found = os.stat(self.path)  # noqa: PTH116  at every access
        except FileNotFoundError:
            return False
        if found.st_ino != self._opened.st_ino or found.st_dev != self._opened.st_dev:
            return False
        if self._overlay is not None:
            return not self._overlay.is_gone
        if not is_stamp(self._stamp):
            return (found.st_size, found.st_mtime_ns) == (self._opened.st_size, self._opened.st_mtime_ns)
        return os.pread(self._file, STAMP_BYTES, self._place) == self._stamp

    def has_its_name(self) -> bool:
        """Whether the file is still the one that has the name."""
        try:
            found = os.stat(self.path)  # noqa: PTH116  at every opening
        except FileNotFoundError:
            return False
        return (found.st_ino, found.st_dev) == (self._opened.st_ino, self._opened.st_dev)

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
        if self._aside is not None:
            self._name_new(place + STAMP_BYTES, durable=durable)
        else:
            change = Change(self._stamp, self._place, place + STAMP_BYTES)
            if not self._change_in_place(change, durable=durable):
                if in_place:
                    return
                self._go_on_in_a_copy(change)
                self._name_new(change.size, durable=durable)
        self._pages.clear()
        self._in_memory = 0
        self._size, self._place, self._stamp = end, place, stamp
        self._committed = self._original = place + STAMP_BYTES
        self._is_decided = self._accepting = self._has_tail = False

    def _cover_old_stamp(self, place: int) -> None:
        """Write over the old stamp where HDF5 left it standing, so that nobody takes the file for unchanged."""
        if not self.is_new and place != self._place and self._place + STAMP_BYTES <= self._size:
            found = bytearray(STAMP_BYTES)
            self._read(self._place, memoryview(found))
            if found == self._stamp:
                self._write(self._place, memoryview(bytes(STAMP_BYTES)))

    def _name_new(self, size: int, *, durable: bool) -> None:
        assert self._aside is not None
        os.ftruncate(self._file, size)
        if durable:
            os.fsync(self._file)
        self._is_decided = True
        os.replace(self._aside, self.path)
        self._aside = None
        if durable:
            confirm_name(self.path)

    def _change_in_place(self, change: Change, *, durable: bool) -> bool:
        """Change the file; leave it as it is and give False where memory maps of others would change with it."""
        pages = self._trimmed(change.size)
        if len(pages) == 1 and not durable:
            with self._alone():
                if self._harms_maps(pages, change):
                    return False
                self._is_decided = True
                self._write_one_page(pages, change.size)
            return True
        if self._harms_maps(pages, change):
            return False
        if durable:
            os.fsync(self._file)
        journal = self._journal()
        self._is_complete = True
        journal.complete(pages, change, os.pread(self._file, PAGE, change.last_page * PAGE), durable=durable)
        with self._alone():
            if self._harms_maps(pages, change):  # since a moment ago
                journal.withdraw()
                self._is_complete = False
                return False
            self._is_decided = True
            self._copy_twice(lambda: copy_pages(self._file, pages, journal.file, change, durable=durable))
            with contextlib.suppress(OSError):  # whoever writes next sees that all of it is in place
                journal.forget()  # before others read, for they take a complete journal for that of a dead writer
        self._is_complete = False
        return True

    def _harms_maps(self, pages: dict[int, Kept], change: Change) -> bool:
        """Whether maps of other processes would change; those of this one get copies of what is written over."""
        changes = ((number * PAGE, self._content(number)) for number in pages)
        if harms_maps(self._file, changes, change.size, locking=self._lock is not None):
            return True
        for number in pages:
            before_writing(self._identity, number * PAGE, (number + 1) * PAGE)
        return False

    def _go_on_in_a_copy(self, change: Change) -> None:
        """Leave the file to those who map it, and write all changes into a copy, which is to get its name."""
        aside, copy = copied_aside(self._file, self.path)
        try:
            for number in self._trimmed(change.size):
                write_all(copy, memoryview(self._content(number))[: change.size - number * PAGE], number * PAGE)
            lock = None if self._lock is None else AccessLock(copy, self.path, self._lock.timeout)
        except BaseException:
            os.close(copy)
            aside.unlink(missing_ok=True)
            raise
        os.close(self._file)
        self._aside, self._file, self._lock = aside, copy, lock
        self._opened, self._identity = os.fstat(copy), identity_of(copy)

    def _trimmed(self, size: int) -> dict[int, Kept]:
        """The pages aside of a file of this size; the last one ends where the file ends."""
        pages = {number: content for number, content in self._pages.items() if number * PAGE < size}
        if size // PAGE in pages:
            pages[size // PAGE] = bytearray(self._content(size // PAGE)[: size % PAGE])
        return pages

    def _write_one_page(self, pages: dict[int, Kept], size: int) -> None:
        """Commit a change of one page: the system writes it as a whole or, where the process dies, not at all."""
        for number in pages:
            write_all(self._file, memoryview(self._content(number))[: size - number * PAGE], number * PAGE)
        if self._has_tail or size < self._committed:
            cut(self._file, size)

    def _copy_twice(self, copy: Callable[[], None]) -> None:
        """Copy the pages, and once more where that failed: the commit is made, so that it is not taken back."""
        try:
            copy()
        except BaseException as error:  # noqa: BLE001  raised when the commit is whole
            try:
                copy()
            except OSError as again:
                if os.pread(self._file, STAMP_BYTES, self._place) == self._stamp:
                    self._is_decided = False  # nothing was copied at all
                    raise
                raise StorageWriteError(
                    f"{self.path}: the change is committed, in {journal_path(self.path)}, but could not be copied "
                    f"into the file: {again.strerror}. Leave both as they are; opening the file again completes it."
                ) from again
            if not isinstance(error, OSError):
                self.failure = error

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep readers out."""
        if self._lock is not None:
            self._lock.take()
        try:
            yield
        finally:
            self.unshare()

    def discard(self) -> None:
        """Take no changes any more: HDF5 still writes while it closes."""
        self._accepting = False

    def _drop_journal(self) -> None:
        """Close the journal; one that is needed to complete a commit stays as it is."""
        if self._redo is not None:
            if self._is_complete and not self._is_decided:
                self._redo.withdraw()
            self._redo.close()
            self._redo = None

    def close(self) -> None:
        """Close the file, and drop all changes since the last commit; a new one that has none disappears."""
        if os.getpid() == self._opener:
            self._drop_journal()
            if self._aside is not None:
                self._aside.unlink(missing_ok=True)
            elif self._has_tail and not self._is_decided:
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
        if stop > self._committed or self._pages_between(offset, stop):
            return None
        return map_array(self._file, offset, dtype, shape, locked_as=None if self._lock is None else self.path)


# -- after a crash -------------------------------------------------------------------------


def recover(path: Path, timeout: float | None) -> None:
    """End a commit that a dead process left in the journal of a file; drop a journal that belongs to another.

    Only for those who have the writer's lock.
    """
    waiting = journal_path(path)
    journal = CompleteJournal.open(waiting)
    if journal is None:
        return
    if path.exists():
        file = os.open(path, os.O_RDWR)
        lock = None if timeout is None else AccessLock(file, path, timeout)
        try:
            if lock is not None:
                lock.take()
            if journal.belongs_to(file):
                _replay(journal, file, path, locking=lock is not None)
        finally:
            os.close(file)
    journal.close()
    Path(waiting).unlink(missing_ok=True)


def _replay(journal: CompleteJournal, file: int, path: Path, *, locking: bool) -> None:
    """Copy a journal into its file, or into a copy that takes its place where others map what would change."""
    changes = ((number * PAGE, journal.page(number)) for number in journal.slots)
    if not harms_maps(file, changes, journal.change.size, locking=locking):
        for number in journal.slots:
            before_writing(identity_of(file), number * PAGE, (number + 1) * PAGE)
        journal.copy_into(file, durable=True)
        return
    aside, copy = copied_aside(file, path)
    try:
        journal.copy_into(copy, durable=True)
        os.replace(aside, path)
        sync_folder(path.parent)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    finally:
        os.close(copy)


def copied_aside(file: int, path: Path) -> tuple[Path, int]:
    """Copy a file to one beside it, with the same rights; return its name and a descriptor."""
    found = os.fstat(file)
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
    copy = os.open(aside, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with contextlib.suppress(PermissionError):  # only root can give files away
            os.fchown(copy, found.st_uid, found.st_gid)
        os.fchmod(copy, stat.S_IMODE(found.st_mode))
        done = 0
        while piece := os.pread(file, COPIED_BYTES, done):
            write_all(copy, memoryview(piece), done)
            done += len(piece)
    except BaseException:
        os.close(copy)
        aside.unlink(missing_ok=True)
        raise
    return aside, copy
