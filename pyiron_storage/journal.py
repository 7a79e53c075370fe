"""The file under an HDF5 storage: changes stay aside until they are committed.

h5py reads and writes through a Python file object.  `JournaledFile` lets what is
new go straight behind the committed end of the file, and keeps the pages inside
the committed part that HDF5 rewrites in memory, so that a commit makes all
changes together and a rollback drops them.  A new file is made under another
name and gets its own at the first commit.
"""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path
from typing import Any, Final

import numpy as np

from pyiron_storage.file_maps import before_writing, end_of_maps, identity_of, map_array

PAGE: Final = 4096


class JournaledFile:
    """A file object for h5py whose changes are committed or rolled back as one.

    Parameters
    ----------
    path
        The file; it is created where it does not exist and `writable` is true.
    writable
        Whether changes are allowed.
    anew
        Whether a new file is to take the place of the one that is there.
    """

    def __init__(self, path: Path, *, writable: bool, anew: bool = False) -> None:
        self.path = path = Path(os.path.realpath(path))
        self._aside: Path | None = None
        if writable and (anew or not path.exists()):
            self._aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
            self._file = os.open(self._aside, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
            if path.exists():
                os.fchmod(self._file, stat.S_IMODE(path.stat().st_mode))
        else:
            self._file = os.open(path, os.O_RDWR if writable else os.O_RDONLY)
        self._identity = identity_of(self._file)
        self._committed = self._size = os.fstat(self._file).st_size
        self._pages: dict[int, bytearray] = {}
        self._position = 0
        self._discarding = False
        self._opener = os.getpid()

    # -- what h5py calls ---------------------------------------------------------

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a position, in bytes."""
        self._position = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        return self._position

    def tell(self) -> int:
        """The position, in bytes."""
        return self._position

    def read(self, size: int = -1) -> bytes:
        """Read bytes at the position."""
        buffer = bytearray(self._size - self._position if size < 0 else size)
        return bytes(buffer[: self.readinto(buffer)])

    def readinto(self, buffer: bytearray | memoryview) -> int:
        """Read bytes at the position into a buffer; return their number."""
        start, view = self._position, memoryview(buffer).cast("B")
        done = 0
        while done < len(view) and (got := os.preadv(self._file, [view[done:]], start + done)):
            done += got
        for page in self._pages_between(start, start + done):
            kept, low = self._pages[page], max(start, page * PAGE)
            high = min(start + done, page * PAGE + len(kept))
            view[low - start : high - start] = kept[low - page * PAGE : high - page * PAGE]
        self._position += done
        return done

    def write(self, data: bytes | memoryview) -> int:
        """Write bytes at the position: aside where the file is committed, else in place."""
        view, start = memoryview(data).cast("B"), self._position
        self._position += len(view)
        if self._discarding or os.getpid() != self._opener:
            return len(view)
        self._size = max(self._size, self._position)
        inside = min(len(view), max(0, self._committed - start))
        if inside:
            self._write_aside(start, view[:inside])
        self._write_through(view[inside:], start + inside)
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        """Set the size of the file, in bytes."""
        size = self._position if size is None else size
        if not self._discarding and os.getpid() == self._opener:
            self._size = size
            if size >= self._committed:
                self._cut(size)
        return size

    def flush(self) -> None:
        """Do nothing: what is written is made to last by `commit`."""

    # -- what is aside -------------------------------------------------------------

    def _pages_between(self, start: int, stop: int) -> list[int]:
        """The numbers of the pages aside that overlap a stretch of the file."""
        first, last = start // PAGE, (stop + PAGE - 1) // PAGE
        if last - first < len(self._pages):
            return [page for page in range(first, last) if page in self._pages]
        return [page for page in self._pages if first <= page < last]

    def _write_aside(self, start: int, view: memoryview) -> None:
        done = 0
        while done < len(view):
            page, offset = divmod(start + done, PAGE)
            length = min(PAGE - offset, len(view) - done)
            if page not in self._pages:
                self._pages[page] = self._page(page)
            self._pages[page][offset : offset + length] = view[done : done + length]
            done += length

    def _page(self, page: int) -> bytearray:
        """The bytes of a page as they were committed."""
        return bytearray(os.pread(self._file, min(PAGE, self._committed - page * PAGE), page * PAGE))

    # -- what the storage calls ------------------------------------------------------

    @property
    def is_new(self) -> bool:
        """Whether the file has not been committed yet."""
        return self._aside is not None

    @property
    def changed(self) -> bool:
        """Whether there is anything to commit."""
        return bool(self._pages) or self._size != self._committed

    def commit(self) -> None:
        """Make all changes last; a new file gets its name."""
        for page, kept in self._pages.items():
            self._write_through(memoryview(kept), page * PAGE)
        self._pages.clear()
        self._cut(self._size)
        self._committed = self._size
        if self._aside is not None:
            self._aside.replace(self.path)
            self._aside = None

    def discard(self) -> None:
        """Swallow what HDF5 still writes while it closes, before `rollback`."""
        self._discarding = True

    def rollback(self) -> None:
        """Drop all changes since the last commit."""
        self._pages.clear()
        self._size = self._committed
        self._cut(self._size)
        self._discarding = False

    def close(self) -> None:
        """Close the file; a new one that was never committed disappears."""
        os.close(self._file)
        self._file = -1
        if self._aside is not None and os.getpid() == self._opener:
            self._aside.unlink(missing_ok=True)

    def __del__(self) -> None:
        if getattr(self, "_file", -1) >= 0:
            self.close()

    # -- memory maps -------------------------------------------------------------------

    def map(self, offset: int, dtype: np.dtype[Any], shape: tuple[int, ...]) -> np.memmap[Any, Any] | None:
        """Map an array that stands in the file, read-only; None where it is not committed as it is."""
        stop = offset + int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        if stop > self._committed or self._pages_between(offset, stop):
            return None
        return map_array(self._file, offset, dtype, shape)

    def _write_through(self, view: memoryview, position: int) -> None:
        before_writing(self._identity, position, position + len(view))
        _write_all(self._file, view, position)

    def _cut(self, size: int) -> None:
        """Set the length of the file, but leave what is mapped."""
        os.ftruncate(self._file, max(size, end_of_maps(self._identity)))


def _write_all(file: int, view: memoryview, position: int) -> None:
    done = 0
    while done < len(view):
        done += os.pwrite(file, view[done:], position + done)
