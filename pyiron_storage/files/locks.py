"""Who may write: one writer at a time, held by a lock file beside the storage.

A `WriterLock` is the same for all back-ends.  It tells who holds it, and the
operating system gives it free when that process dies, so a lock file that was left
behind locks nothing.  Who looks at the data meanwhile is the business of
`access_locks`.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import functools
import os
import random
import sys
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from pyiron_storage.errors import LocksUnsupportedError, LockTimeoutError, StorageWriteError, WriteForbiddenError
from pyiron_storage.files.interrupts import raise_interrupt

TIMEOUT: Final = 60.0
"""How long, in seconds, to wait for others when nothing else is asked for."""
HOLDER_BYTES: Final = 256
BUSY: Final = (errno.EAGAIN, errno.EACCES)
"""What the system says where another has the lock."""
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
        let_go_after_fork(self)

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
            is_forbidden = isinstance(error, PermissionError)
            way = "Change the rights of the folder" if is_forbidden else "Make room"
            raise (WriteForbiddenError if is_forbidden else StorageWriteError)(
                f"{self._storage} cannot be written, because its lock file {self._path} cannot be made: "
                f"{error.strerror}. {way}, or copy the storage elsewhere."
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
        if error.errno in BUSY:
            return False
        raise unsupported(storage, error) from error
    return True


def unsupported(storage: Path, error: OSError) -> LocksUnsupportedError:
    """The error for a file system that has no locks."""
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


def let_go_after_fork(lock: Any) -> None:
    """Have the method `after_fork` of a lock called in each forked child."""
    _KNOWN.add(lock)


def _after_fork() -> None:
    for lock in list(_KNOWN):
        lock.after_fork()


os.register_at_fork(after_in_child=_after_fork)
