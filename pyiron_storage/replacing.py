"""Replacing a file as one step: write aside, then rename."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from pyiron_storage.errors import StorageWriteError


def replace_file(path: Path, write: Callable[[BinaryIO], Any], *, durable: bool = False) -> None:
    """Let `write` write a new file beside `path`, and give it the name only when that is done.

    Parameters
    ----------
    path
        The file.
    write
        Is called with the new file.
    durable
        Whether to wait until the change outlasts a power cut.

    Raises
    ------
    StorageWriteError
        If the system cannot write; the file is as before.
    """
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
    try:
        with aside.open("xb") as file:
            write(file)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(aside, path)
        if durable:
            sync_folder(path.parent)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise system_error(path, error) from error
    except BaseException:
        aside.unlink(missing_ok=True)
        raise


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


def system_error(path: Path, error: OSError) -> StorageWriteError:
    """The error that says that the system failed to write."""
    return StorageWriteError(
        f"{path}: the system failed: {error.strerror or error}. The file is as it was before this change. "
        "Make room, or choose another place, and try again."
    )
