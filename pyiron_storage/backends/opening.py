"""What the back-ends with files share: checking name and mode, and one open file for all handles of a process."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar
from weakref import WeakValueDictionary

from pyiron_storage.errors import FileKindError, StorageExistsError, StorageNotFoundError
from pyiron_storage.session import Shared

MODES: Final = ("a", "r", "w", "x")


def read_only(mode: str) -> bool:
    """Whether a mode only reads."""
    return mode == "r"


def begins_anew(mode: str) -> bool:
    """Whether a mode begins with an empty storage."""
    return mode in ("w", "x")


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


class OpenFile:
    """A file or directory that is open in this process: one for all handles on it.

    Two handles that each kept their own idea of one file would destroy it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.shared = Shared()
        self._handles = 0
        self._identity = _identity(path)

    def note_identity(self) -> None:
        """Note which file it is that has the name now, after it was replaced from here."""
        self._identity = _identity(self.path)

    @property
    def is_gone(self) -> bool:
        """Whether another file has the name by now, or none."""
        return self._identity is not None and self._identity != _identity(self.path)

    def release(self) -> None:
        """Give one handle back; with the last one the file is closed."""
        self._handles -= 1
        if self._handles == 0:
            key = type(self), os.path.realpath(self.path)
            if _OPEN.get(key) is self:
                del _OPEN[key]
            self.close()

    def close(self) -> None:
        """Close the file."""


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file has a name, None where none has it."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def is_open(path: Path) -> bool:
    """Whether there is a handle on a file in this process."""
    return any(known == os.path.realpath(path) and not file.is_gone for (_, known), file in list(_OPEN.items()))


_File = TypeVar("_File", bound=OpenFile)
_OPEN: WeakValueDictionary[tuple[type, str], OpenFile] = WeakValueDictionary()


def open_file(kind: type[_File], path: Path) -> _File:
    """Return the open file of a path, the same for all handles of this process."""
    key = kind, os.path.realpath(path)
    found = _OPEN.get(key)
    if not isinstance(found, kind) or found.is_gone:
        found = _OPEN[key] = kind(path)
    found._handles += 1
    return found
