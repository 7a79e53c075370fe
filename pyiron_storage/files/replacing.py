"""Replacing a file as one step: write aside, then rename."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import functools
import os
import secrets
import shutil
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeVar, cast

from pyiron_storage.errors import ReadOnlyError, StorageError, StorageWriteError, WriteForbiddenError

COPIED_BYTES: Final = 1 << 22
"""How much is copied at a time where a copy takes the place of a file."""
BIG_BYTES: Final = 1 << 24
"""Files of this size or larger exchange their names."""
_WRITE: Final = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH
_HERE: Final = -100  # AT_FDCWD
_EXCHANGE: Final = 2  # RENAME_EXCHANGE
_Method = TypeVar("_Method", bound=Callable[..., Any])


def replace_file(
    path: Path,
    write: Callable[[BinaryIO], Any],
    *,
    durable: bool = False,
    confirmed: bool = True,
    alone: bool = False,
) -> None:
    """Let `write` write a new file beside `path`, and give it the name only when that is done.

    Parameters
    ----------
    path
        The file.
    write
        Is called with the new file.
    durable
        Whether to wait until the change outlasts a power cut.
    confirmed
        Whether to wait for the name as well; if not, the caller calls `confirm_name`.
    alone
        Whether the caller has the writer's lock, so that what is aside is of a dead process.

    Raises
    ------
    StorageWriteError
        If the system cannot write; the file is as before, unless the message says that it is written.
    """
    aside = free_name_beside(path, alone=alone)
    try:
        with aside.open("xb") as file:
            take_rights(path, file.fileno())
            write(file)
            file.flush()
            _be_newer(file.fileno(), path)
            if durable:
                os.fsync(file.fileno())
        take_name(aside, path, durable=durable)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise error if isinstance(error, StorageError) else system_error(path, error) from error
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    if durable and confirmed:
        confirm_name(path)


def refuse_read_only(path: str | Path) -> None:
    """Refuse to change or replace a file or directory that is marked as read-only, though its folder would allow it.

    The superuser may write to any file; one that has no right to write for anybody was
    marked so by somebody, and is refused to the superuser too.

    Raises
    ------
    ReadOnlyError
        If it is.
    """
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116  at every transaction
    except OSError:  # it is not there, or what opens it says more
        return
    if not mode & _WRITE or not os.access(path, os.W_OK):
        raise ReadOnlyError(
            f"{path} is read-only (mode {stat.S_IMODE(mode):o}), so it is not changed. Make it writable (chmod u+w), "
            "or save to another place."
        )


def take_rights(path: Path, new: int | Path) -> None:
    """Give what is to take the place of a file or directory its owner, mode, ACLs and extended attributes.

    Only root can give files away.  Where the group cannot be kept, the new one may do
    no more than anybody.
    """
    try:
        found = os.stat(path)  # noqa: PTH116
    except FileNotFoundError:
        return
    is_group_kept = _take_owner(found, new)
    mode = stat.S_IMODE(found.st_mode)
    os.chmod(new, mode if is_group_kept else mode & ~stat.S_IRWXG | (mode & stat.S_IRWXO) << 3)  # noqa: PTH101
    for name in os.listxattr(path) if hasattr(os, "listxattr") else ():
        if not name.startswith(("security.", "trusted.")) and (is_group_kept or not name.startswith("system.")):
            with contextlib.suppress(OSError):  # another file system, or it is not ours to set
                os.setxattr(new, name, os.getxattr(path, name))


def _take_owner(found: os.stat_result, new: int | Path) -> bool:
    """Give a new file owner and group of another as far as the system allows it; say whether it has the group."""
    own = os.stat(new)  # noqa: PTH116
    if (own.st_uid, own.st_gid) != (found.st_uid, found.st_gid):
        with contextlib.suppress(PermissionError):
            os.chown(new, -1, found.st_gid)
        with contextlib.suppress(PermissionError):
            os.chown(new, found.st_uid, -1)
    return os.stat(new).st_gid == found.st_gid  # noqa: PTH116


def free_name_beside(path: Path, *, alone: bool) -> Path:
    """Return the name for what is to take the place of a file or directory; what a dead process left there goes.

    Parameters
    ----------
    path
        What is to be replaced.
    alone
        Whether the caller has the writer's lock.  Without it the name is another each
        time, and what a killed process leaves under it stays.
    """
    if not alone:
        return path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
    aside = path.with_name(f".{path.name}.new")
    if aside.is_dir():
        shutil.rmtree(aside)
    else:
        aside.unlink(missing_ok=True)
    return aside


def take_name(aside: Path, path: Path, *, durable: bool) -> None:
    """Give a file the name of another, which goes, as one step.

    Where both are big and the disk need not be waited for, the names are exchanged:
    ext4 writes a file that is renamed over another to the disk at once, which takes
    longer than writing it did.
    """
    if durable or not _are_big(aside, path) or not exchange_names(aside, path):
        os.replace(aside, path)
    else:
        aside.unlink()


def _are_big(*paths: Path) -> bool:
    try:
        return all(path.stat().st_size >= BIG_BYTES for path in paths)
    except FileNotFoundError:
        return False


def exchange_names(one: Path, other: Path) -> bool:
    """Exchange the names of two files as one step; say whether the system could.

    Source: ``renameat2`` with ``RENAME_EXCHANGE`` of Linux (man 2 rename).
    """
    function = getattr(ctypes.CDLL(None), "renameat2", None) if sys.platform == "linux" else None
    return function is not None and function(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0


def confirm_name(path: Path) -> None:
    """Wait until the disk has the new name of a file.

    Raises
    ------
    StorageWriteError
        If the system cannot say so.
    """
    try:
        sync_folder(path.parent)
    except OSError as error:
        raise StorageWriteError(
            f"{path} is written, but the system cannot say that it outlasts a power cut: {error.strerror}. "
            "Save it again to be sure."
        ) from error


def copied_aside(file: int, path: Path, *, alone: bool) -> tuple[Path, int]:
    """Copy a file to one beside it, with the same rights; return its name and a descriptor."""
    aside = free_name_beside(path, alone=alone)
    copy = os.open(aside, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        take_rights(path, copy)
        done = 0
        while piece := os.pread(file, COPIED_BYTES, done):
            write_all(copy, memoryview(piece), done)
            done += len(piece)
    except BaseException:
        os.close(copy)
        aside.unlink(missing_ok=True)
        raise
    return aside, copy


def write_all(file: int, view: memoryview, place: int) -> None:
    """Write bytes at a place, all of them."""
    done = 0
    while done < len(view):
        done += os.pwrite(file, view[done:], place + done)


def _be_newer(file: int, path: Path) -> None:
    """Let no two states of a file have the same time, however fast they follow each other."""
    try:
        before = os.stat(path).st_mtime_ns  # noqa: PTH116
    except FileNotFoundError:
        return
    now = max(time.time_ns(), before + 1)
    os.utime(file, ns=(now, now))


def sync_folder(folder: Path) -> None:
    """Wait until the disk has the names of the files in a folder."""
    sync(folder)


def sync(path: Path) -> None:
    """Wait until the disk has what is in a file or folder."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def written(method: _Method) -> _Method:
    """Let a method of what has a `path` raise `StorageWriteError` where the system fails to write."""

    @functools.wraps(method)
    def checked(self: Any, *arguments: Any, **options: Any) -> Any:
        try:
            return method(self, *arguments, **options)
        except OSError as error:
            raise error if isinstance(error, StorageError) else system_error(self.path, error) from error

    return cast(_Method, checked)


def system_error(path: Path, error: OSError) -> StorageWriteError:
    """The error that says that the system failed to write."""
    what = f"{path}: the system failed: {error.strerror or error}. The file is as it was before this change."
    if isinstance(error, PermissionError):
        return WriteForbiddenError(
            f"{what} Change the rights of the file and its folder, or choose another place, and try again."
        )
    way = "Make room, or choose" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "Choose"
    return StorageWriteError(f"{what} {way} another place, and try again.")
