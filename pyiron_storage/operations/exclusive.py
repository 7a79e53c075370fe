"""A whole file for oneself: for what puts another file in its place."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pyiron_storage.backends.opening import is_open
from pyiron_storage.backends.registry import Backend, backends
from pyiron_storage.errors import LockTimeoutError, StorageInUseError, UnsupportedOperationError
from pyiron_storage.files.locks import WriterLock, try_flock
from pyiron_storage.files.replacing import refuse_read_only
from pyiron_storage.journal.recovery import recover
from pyiron_storage.model.storage import GenericStorage


def storage_class(backend: str | Backend | None, filename: Any) -> type[GenericStorage]:
    """The class of the storage of a file that is not of one object alone.

    Raises
    ------
    UnsupportedOperationError
        If it is.
    """
    found = backends.find(backend, filename)
    if found.name in ("pickle", "cloudpickle"):
        raise UnsupportedOperationError(
            f"{filename}: a file of the back-end {found.name!r} has no checksums and no gaps; there is nothing to do."
        )
    return found.storage_class


@contextmanager
def alone(path: Path, *, locking: bool, timeout: float) -> Iterator[None]:
    """Keep other writers out, and refuse where the file is open here or, in another process, for writing.

    Raises
    ------
    StorageInUseError
        If it is.
    ReadOnlyError
        If it is marked as read-only.
    """
    path = Path(os.path.realpath(path))
    refuse_read_only(path)
    if is_open(path):
        raise StorageInUseError(f"{path} is open in this process. Close the storage first.")
    lock = WriterLock(path) if locking else None
    try:
        if lock is not None:
            try:
                lock.acquire(timeout)
            except LockTimeoutError as error:
                raise StorageInUseError(str(error)) from error
        if path.is_file():
            recover(path, timeout if locking else None)
        yield
    finally:
        if lock is not None:
            lock.close()


def check_unused(path: Path) -> None:
    """Refuse a file that is open anywhere; those who read it lock it shared.

    Raises
    ------
    StorageInUseError
        If it is.
    """
    file = os.open(path, os.O_RDONLY)
    try:
        if not try_flock(file, fcntl.LOCK_EX, path):
            raise StorageInUseError(f"{path} is open in another process. Close it there first.")
    finally:
        os.close(file)


def remove_aside(path: Path) -> None:
    """Remove what was made to take the place of a file or directory, and was not needed."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
