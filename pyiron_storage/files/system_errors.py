"""What an error of the system means that comes from the file of a storage, or from a file inside its directory.

Errors of the system that classes raise while their objects are loaded stay what they
are: only those that name the file itself are meant here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyiron_storage.errors import (
    FolderError,
    NotAFolderError,
    StorageError,
    StorageNotFoundError,
    StoragePermissionError,
    StorageReadError,
)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Let an error of the system that comes from a file be a `StorageError`."""
    try:
        yield
    except OSError as error:
        meant = read_meaning(error, str(path))
        if meant is error:
            raise
        raise meant from error


def read_meaning(error: BaseException, file: str) -> BaseException:
    """Return what an error means where it is one of the system about a file or what is in it; else itself."""
    if not isinstance(error, OSError) or isinstance(error, StorageError) or not _is_about(error, file):
        return error
    name, why = os.fsdecode(error.filename), error.strerror
    if isinstance(error, PermissionError):
        return StoragePermissionError(
            f"{name}: this user may not read it: {why}. Ask its owner for the rights to it and to the folders above it."
        )
    if isinstance(error, IsADirectoryError):
        return FolderError(f"{name} is a folder, not a file. Name a file in it, or say backend='json'.")
    if isinstance(error, NotADirectoryError):
        return NotAFolderError(f"{name} cannot be there, for a part of its path is a file, not a folder.")
    if isinstance(error, FileNotFoundError):
        return StorageNotFoundError(f"{name} does not exist any more.")
    return StorageReadError(f"{name}: the system cannot read it: {why}.")


def _is_about(error: OSError, file: str) -> bool:
    if not isinstance(error.filename, str | bytes):
        return False
    named, root = os.path.realpath(os.fsdecode(error.filename)), os.path.realpath(file)
    return named == root or named.startswith(root + os.sep)
