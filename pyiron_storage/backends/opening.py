"""What the back-ends with files share: checking a file name and a mode before anything is opened."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from pyiron_storage.errors import FileKindError, StorageExistsError, StorageNotFoundError

MODES: Final = ("a", "r", "w", "x")


def read_only(mode: str) -> bool:
    """Whether a mode only reads."""
    return mode == "r"


def checked_path(filename: Any, mode: str, *, is_kind: Callable[[Path], bool], kind: str) -> Path:
    """Return the path of a storage that can be opened in this mode.

    Raises
    ------
    StorageNotFoundError
        If it is to be read and is not there, or its folder is missing.
    StorageExistsError
        If it must not be there yet.
    FileKindError
        If something else is there.
    """
    if mode not in MODES:
        raise ValueError(f"The mode {mode!r} is not one of {', '.join(map(repr, MODES))}.")
    path = Path(os.fspath(filename)).expanduser()
    if path.exists():
        if mode == "x":
            raise StorageExistsError(f"{path} exists already. Open it with mode 'a' to add to it, 'w' to begin anew.")
        if not is_kind(path):
            raise FileKindError(f"{path} is there, but it is not {kind}. Choose another name, or another backend=.")
    elif mode == "r":
        raise StorageNotFoundError(f"{path} does not exist.{_near(path)}")
    elif not path.parent.is_dir():
        raise StorageNotFoundError(f"{path} cannot be made: the folder {path.parent} does not exist.")
    return path


def _near(path: Path) -> str:
    if not path.parent.is_dir():
        return f" The folder {path.parent} does not exist either."
    beside = sorted(other.name for other in path.parent.iterdir() if other.stem == path.stem)
    return f" Beside it there is {', '.join(beside)}." if beside else " Check the name, or save something there first."
