"""Locks between processes: one writer at a time, and readers that never see half a commit.

A `WriterLock` is a lock file beside the storage, whatever its back-end.  It tells
who holds it, and the operating system gives it free when that process dies, so a
lock file that was left behind locks nothing.  An `AccessLock` is on the data file
itself: readers share it for the time of one access, a writer has it alone while it
copies its changes into place.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import functools
import os
import random
import struct
import sys
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from pyiron_storage.errors import LocksUnsupportedError, LockTimeoutError, StorageWriteError
from pyiron_storage.files.interrupts import raise_interrupt

TIMEOUT: Final = 60.0
"""How long, in seconds, to wait for others when nothing else is asked for."""
HOLDER_BYTES: Final = 256
_BUSY: Final = (errno.EAGAIN, errno.EACCES)
_SHORTEST: Final = 0.00005
_LONGEST: Final = 0.005


def wait_until(succeeds: Callable[[], bool], timeout: float) -> bool:
    """Try again and again, at growing intervals, and say whether it succeeded in `timeout` seconds."""
    pause, end = _SHORTEST, time.monotonic() + timeout
    while not succeeds():
        raise_interrupt()
        if time.monotonic() > end:
            return False
        time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311  so that those who wait do not march in step
        pause = min(2 * pause, _LONGEST)
    return True


def lock_path(storage: Path) -> str:
    """The lock file of a storage."""
    return f"{storage}-lock"


class WriterLock:
    """Who may write: one handle of one process at a time.

    Parameters
    ----------
    storage
        The file or directory that is written; its lock file is beside it.

    Notes
    -----
    The lock file is removed when the last writer closes the storage.  The lock is
    that of ``flock``: it belongs to the open file, so that it does not vanish when
    another descriptor is closed, and it ends with the process.
    """

    def __init__(self, storage: Path) -> None:
        self._storage = storage
        self._path = lock_path(storage)
        self._file = -1
        self.held = False
        _KNOWN.add(self)

    def acquire(self, timeout: float) -> None:
        """Take the lock, waiting for its holder.

        Parameters
        ----------
        timeout
            For how many seconds to wait at most.

        Raises
        ------
        LockTimeoutError
            If another has it for longer; the message names host and process.
        LocksUnsupportedError
            If the file system has no locks.
        """
        if self.try_acquire():
            return
        if not wait_until(self.try_acquire, timeout):
            raise LockTimeoutError(
                f"{self._storage} is being written by {self._holder()}, for more than {timeout:g} s. Wait until that "
                "process has ended its transaction, or end the process; its lock is then taken over."
            )

    def try_acquire(self) -> bool:
        """Take the lock if it is free; say whether it was."""
        if self._file < 0:
            self._file = self._open()
        if not try_flock(self._file, fcntl.LOCK_EX, self._storage):
            return False
        if not self._is_the_file():
            self._drop()
            return self.try_acquire()
        self.held = True
        with contextlib.suppress(OSError):  # it is for messages only, and the disk may be full
            os.pwrite(self._file, _description(os.getpid()), 0)
        return True

    def is_held_by_another(self) -> bool:
        """Whether another handle has the lock now."""
        if self.held:
            return False
        try:
            file = os.open(self._path, os.O_RDONLY)
        except FileNotFoundError:
            return False
        try:
            return not try_flock(file, fcntl.LOCK_SH, self._storage)
        finally:
            os.close(file)

    def _open(self) -> int:
        try:
            return os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise StorageWriteError(
                f"{self._storage} cannot be written, because its lock file {self._path} cannot be made: "
                f"{error.strerror}. Make room or change the rights of the folder, or copy the storage elsewhere."
            ) from error

    def _is_the_file(self) -> bool:
        """Whether the lock file still has its name; a writer that closed may have removed it."""
        return os.fstat(self._file).st_nlink > 0

    def _holder(self) -> str:
        try:
            host, process, command = Path(self._path).read_text().rstrip("\0\n ").split("\n", 2)
        except (OSError, ValueError):
            return "another process"
        return f"process {process} on {host} ({command})"

    def release(self) -> None:
        """Give the lock back."""
        if self.held:
            self.held = False
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Give the lock back for good; the lock file is removed where nobody else uses it."""
        if self._file < 0:
            return
        if self.held or (try_flock(self._file, fcntl.LOCK_EX, self._storage) and self._is_the_file()):
            Path(self._path).unlink(missing_ok=True)
        self._drop()

    def _drop(self) -> None:
        os.close(self._file)
        self._file, self.held = -1, False

    def after_fork(self) -> None:
        """Let go of the parent's lock file in a forked child, without giving the parent's lock back."""
        if self._file >= 0:
            self._drop()

    def __del__(self) -> None:
        if getattr(self, "_file", -1) >= 0:
            self.close()


def try_flock(file: int, kind: int, storage: Path) -> bool:
    """Take a lock of ``flock`` if it is free; say whether it was.

    Raises
    ------
    LocksUnsupportedError
        If the file system has none.
    """
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _BUSY:
            return False
        raise _unsupported(storage, error) from error
    return True


def _unsupported(storage: Path, error: OSError) -> LocksUnsupportedError:
    return LocksUnsupportedError(
        f"{storage} cannot be locked: {error.strerror}. Where the file system has no locks and nobody else uses the "
        "file, open it with locking=False."
    )


@functools.lru_cache(maxsize=1)
def _description(process: int) -> bytes:
    """Host, number and command of this process, always as long."""
    command = " ".join(sys.argv)[:80] or sys.executable
    text = f"{os.uname().nodename}\n{process}\n{command}"
    return text.encode(errors="replace")[:HOLDER_BYTES].ljust(HOLDER_BYTES, b"\0")


_KNOWN: Final[weakref.WeakSet[Any]] = weakref.WeakSet()


def _after_fork() -> None:
    for lock in list(_KNOWN):
        lock.after_fork()


os.register_at_fork(after_in_child=_after_fork)


# -- one access ------------------------------------------------------------------------

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
        raise _unsupported(path, error) from error


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
            raise _unsupported(path, OSError(errno.ENOLCK, "this system has no locks of open files"))
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
            if error.errno in _BUSY:
                return False
            raise _unsupported(self._path, error) from error
        return True

    def _wait(self, lock: bytes, whom: str) -> None:
        if not wait_until(lambda: self._set(lock), self.timeout):
            raise LockTimeoutError(
                f"{self._path} has been kept busy by {whom} in another process for more than {self.timeout:g} s. "
                "Try again, or end the process that hangs."
            )


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
        _KNOWN.add(self)

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
            raise LockTimeoutError(
                f"{self._path} has been kept busy by {whom} in another process for more than {self._timeout:g} s. "
                "Try again, or end the process that hangs."
            )

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
