"""`compact`: a file without what it does not need.

Nothing here imports a class or runs stored code.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

from pyiron_storage.backends.registry import Backend
from pyiron_storage.files.access_locks import DirectoryLock
from pyiron_storage.files.locks import TIMEOUT
from pyiron_storage.files.replacing import confirm_name, free_name_beside, take_rights
from pyiron_storage.model.storage import GenericStorage
from pyiron_storage.operations.exclusive import alone, check_unused, remove_aside, storage_class
from pyiron_storage.option_checks import checked_filename
from pyiron_storage.public import public


class Compacted(NamedTuple):
    """The size of a file before and after `compact`, in bytes.

    Examples
    --------
    >>> import pyiron_storage as ps
    >>> ps.Compacted(before=3_000_000, after=1_000_000).after
    1000000
    """

    before: int
    after: int


@public
def compact(
    filename: str | os.PathLike[str],
    *,
    backend: str | Backend | None = None,
    locking: bool = True,
    timeout: float = TIMEOUT,
) -> Compacted:
    """Give back the space in a file that nothing needs any more.

    All is copied as it is, compression and checksums included, into a new file, which then takes
    the name as one step; nothing is imported or run. Of a directory the files go that
    nothing names; other processes may read it meanwhile, if they do so with locks.

    Parameters
    ----------
    filename : path-like
        The file or directory.
    backend : str or Backend, optional
        The back-end where the suffix does not say it.
    locking, timeout
        As for `save`.

    Returns
    -------
    Compacted
        The sizes before and after, in bytes.

    Raises
    ------
    StorageNotFoundError
        If there is no such file.
    StorageInUseError
        If it is open in this process, or in another that writes to it; of a file, also in one that reads it.
    DamagedFileError
        If it cannot be read: `check` says more.

    Examples
    --------
    >>> import numpy as np, pyiron_storage as ps
    >>> ps.save(np.zeros(100_000), "run.h5", "a")
    >>> ps.save(np.zeros(100_000), "run.h5", "b")
    >>> ps.delete("run.h5", "a")
    >>> before, after = ps.compact("run.h5")
    >>> before - after > 700_000
    True
    """
    found = storage_class(backend, filename)
    path = checked_filename(filename)
    found(path, "r", locking=locking, timeout=timeout).close()  # type: ignore[call-arg]  # it is there
    path = Path(os.path.realpath(path))
    with alone(path, locking=locking, timeout=timeout):
        before = _size(path)
        if locking:
            check_unused(path)
        if path.is_dir():
            _compact_in_place(found, path, timeout=timeout, locking=locking)
        else:
            _compact_through_a_copy(found, path, locking=locking)
        return Compacted(before, _size(path))


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.lstat().st_size for file in files if file.is_file())


def _compact_in_place(found: type[GenericStorage], path: Path, *, timeout: float, locking: bool) -> None:
    lock = DirectoryLock(path, timeout)
    try:
        if locking:
            lock.take()
        with found(path, "a", locking=False) as storage, storage.transaction():  # type: ignore[call-arg]
            storage._compact()
    finally:
        lock.close()


def _compact_through_a_copy(found: type[GenericStorage], path: Path, *, locking: bool) -> None:
    aside = free_name_beside(path, alone=locking)
    options: dict[str, Any] = {"durability": "power", "locking": locking}
    try:
        with (
            found(aside, "w", **options) as target,  # type: ignore[call-arg]
            found(path, "r", **options) as source,  # type: ignore[call-arg]
            source._session.access,
            target.transaction(),
        ):
            source._copy_all_to(target)
        take_rights(path, aside)
        os.replace(aside, path)
        confirm_name(path)
    finally:
        remove_aside(aside)
