"""Who looks at a storage now: readers for the time of one access, or a writer that has it alone.

An `AccessLock` is on the data file itself: readers share it and never see half a
commit, a writer has it alone while it copies its changes into place.  A
`DirectoryLock` is the same for a directory.  A range of a file that somebody maps is
locked as well, so that a commit can see it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pyiron_storage.errors import LockTimeoutError
from pyiron_storage.files.locks import BUSY, let_go_after_fork, try_flock, unsupported, wait_until

_GATE: Final = 1 << 62
"""Where the two bytes stand that are locked, far behind the end of any file."""
_OWNED_BY_OPEN_FILES: Final = hasattr(fcntl, "F_OFD_SETLK")


def _flock(kind: int, start: int, length: int) -> bytes:
    return struct.pack("hhqqi4x", kind, os.SEEK_SET, start, length, 0)


def share_range(file: int, start: int, length: int, path: Path) -> None:
    """Lock bytes of a file so that others can see that they are in use; any number of processes may."""
    try:
        fcntl.fcntl(file, fcntl.F_OFD_SETLK, _flock(fcntl.F_RDLCK, start, length))
    except OSError as error:
        raise unsupported(path, error) from error


def is_range_locked(file: int, start: int, stop: int) -> bool:
    """Whether somebody else has locked any of the bytes between two offsets."""
    asked = _flock(fcntl.F_WRLCK, start, stop - start)
    answer = fcntl.fcntl(file, fcntl.F_OFD_GETLK, asked)
    return bool(struct.unpack_from("h", answer)[0] != fcntl.F_UNLCK)


_ENTER: Final = _flock(fcntl.F_RDLCK, _GATE, 2)
_PASS_GATE: Final = _flock(fcntl.F_UNLCK, _GATE, 1)
_CLOSE_GATE: Final = _flock(fcntl.F_WRLCK, _GATE, 1)
_ALONE: Final = _flock(fcntl.F_WRLCK, _GATE + 1, 1)
_LEAVE: Final = _flock(fcntl.F_UNLCK, _GATE, 2)


class AccessLock:
    """Who looks at a file now: many readers, or one writer that changes it.

    Parameters
    ----------
    file
        The descriptor of the data file.
    path
        The file, for messages.
    timeout
        For how many seconds to wait at most.

    Notes
    -----
    The locks are those of open files (``F_OFD_SETLK``) on two bytes far behind the
    end: a gate, through which readers go, and a room, in which they stay.  A writer
    closes the gate and waits until the room is empty, so that a stream of readers
    does not keep it out.  The whole file is locked as well, shared, as HDF5 locks
    it: programs that would change it without this library are refused.
    """

    def __init__(self, file: int, path: Path, timeout: float) -> None:
        self._file = file
        self._path = path
        self.timeout = timeout
        if not _OWNED_BY_OPEN_FILES:
            raise unsupported(path, OSError(errno.ENOLCK, "this system has no locks of open files"))
        if not wait_until(lambda: try_flock(file, fcntl.LOCK_SH, path), timeout):
            raise LockTimeoutError(
                f"{path} has been open for writing in another program for more than {timeout:g} s, by HDF5's own lock. "
                "Close it there."
            )

    def share(self) -> None:
        """Begin to read."""
        if not self._set(_ENTER):
            self._wait(_ENTER, "a commit")
        self._set(_PASS_GATE)

    def take(self) -> None:
        """Begin to change, when nobody reads any more."""
        try:
            if not self._set(_CLOSE_GATE):
                self._wait(_CLOSE_GATE, "those who begin to read")
            if not self._set(_ALONE):
                self._wait(_ALONE, "those who read")
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Be done with reading or changing."""
        self._set(_LEAVE)

    def _set(self, lock: bytes) -> bool:
        try:
            fcntl.fcntl(self._file, fcntl.F_OFD_SETLK, lock)
        except OSError as error:
            if error.errno in BUSY:
                return False
            raise unsupported(self._path, error) from error
        return True

    def _wait(self, lock: bytes, whom: str) -> None:
        if not wait_until(lambda: self._set(lock), self.timeout):
            raise _kept_busy(self._path, whom, self.timeout)


class DirectoryLock:
    """Who looks at a directory now: many readers, or one writer that changes it.

    Parameters
    ----------
    path
        The directory; as long as there is none, there is nothing to lock.
    timeout
        For how many seconds to wait at most.

    Notes
    -----
    The lock is that of ``flock`` on the directory itself, so that those who may only
    read need no file that they can write.
    """

    def __init__(self, path: Path, timeout: float) -> None:
        self._path = path
        self._timeout = timeout
        self._file = -1
        let_go_after_fork(self)

    def share(self) -> None:
        """Begin to read."""
        self._wait(fcntl.LOCK_SH, "a commit")

    def take(self) -> None:
        """Begin to change, when nobody reads any more."""
        self._wait(fcntl.LOCK_EX, "those who read")

    def try_take(self) -> bool:
        """Begin to change if nobody reads; say whether that is so."""
        return self._try(fcntl.LOCK_EX)

    def release(self) -> None:
        """Be done with reading or changing."""
        if self._file >= 0:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def _wait(self, kind: int, whom: str) -> None:
        if not self._try(kind) and not wait_until(lambda: self._try(kind), self._timeout):
            raise _kept_busy(self._path, whom, self._timeout)

    def _try(self, kind: int) -> bool:
        while True:
            try:
                found = os.stat(self._path)  # noqa: PTH116  at every access
            except FileNotFoundError:
                return True
            if self._file < 0:
                self._file = os.open(self._path, os.O_RDONLY)
                self._inode = os.fstat(self._file).st_ino
            if self._inode == found.st_ino:
                return try_flock(self._file, kind, self._path)
            self.close()  # another directory has the name

    def close(self) -> None:
        """Let go of the directory."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def after_fork(self) -> None:
        """Let go of the parent's descriptor in a forked child, without giving the parent's lock back."""
        self.close()

    def __del__(self) -> None:
        self.close()


def _kept_busy(path: Path, whom: str, timeout: float) -> LockTimeoutError:
    return LockTimeoutError(
        f"{path} has been kept busy by {whom} in another process for more than {timeout:g} s. "
        "Try again, or end the process that hangs."
    )


@contextmanager
def alone(lock: AccessLock | DirectoryLock | None) -> Iterator[None]:
    """Keep readers out, where there are locks at all."""
    if lock is not None:
        lock.take()
    try:
        yield
    finally:
        if lock is not None:
            lock.release()
