"""Replacing a file as one step: write aside, then rename."""

from __future__ import annotations

import contextlib
import functools
import os
import secrets
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeVar, cast

from pyiron_storage.errors import StorageError, StorageWriteError

COPIED_BYTES: Final = 1 << 22
"""How much is copied at a time where a copy takes the place of a file."""
_Method = TypeVar("_Method", bound=Callable[..., Any])


def replace_file(
    path: Path, write: Callable[[BinaryIO], Any], *, durable: bool = False, confirmed: bool = True
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

    Raises
    ------
    StorageWriteError
        If the system cannot write; the file is as before, unless the message says that it is written.
    """
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
    try:
        with aside.open("xb") as file:
            write(file)
            file.flush()
            _be_newer(file.fileno(), path)
            if durable:
                os.fsync(file.fileno())
        os.replace(aside, path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise system_error(path, error) from error
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    if durable and confirmed:
        confirm_name(path)


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
    return StorageWriteError(
        f"{path}: the system failed: {error.strerror or error}. The file is as it was before this change. "
        "Make room, or choose another place, and try again."
    )
