"""What the back-ends with files share: checking name and mode, and one open file for all handles of a process."""

from __future__ import annotations

import atexit
import difflib
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar
from weakref import WeakValueDictionary

from pyiron_storage.errors import (
    FileKindError,
    FolderError,
    NotAFolderError,
    StorageError,
    StorageExistsError,
    StorageNotFoundError,
)
from pyiron_storage.files.locks import TIMEOUT, WriterLock
from pyiron_storage.files.replacing import refuse_read_only
from pyiron_storage.files.system_errors import reading
from pyiron_storage.model.session import Session, Shared
from pyiron_storage.option_checks import check_choice, checked_filename

MODES: Final = ("a", "r", "w", "x")
DURABILITIES: Final = ("process", "power")
"""What a commit outlasts: the death of this process, or a power cut as well."""


def read_only(mode: str) -> bool:
    """Whether a mode only reads."""
    return mode == "r"


def begins_anew(mode: str) -> bool:
    """Whether a mode begins with an empty storage."""
    return mode in ("w", "x")


def is_durable(durability: str) -> bool:
    """Whether a commit is to outlast a power cut.

    Raises
    ------
    InvalidOptionError
        If it is none of `DURABILITIES`.
    """
    check_choice("durability", durability, DURABILITIES)
    return durability == "power"


def checked_path(
    filename: Any, mode: str, *, is_kind: Callable[[Path], bool], kind: str, may_be_empty: bool = True
) -> Path:
    """Return the path of a storage that can be opened in this mode.

    Parameters
    ----------
    filename
        The file or directory.
    mode
        One of `MODES`.
    is_kind
        Whether a file that is there can be one of the back-end.
    kind
        What that is, for messages.
    may_be_empty
        Whether a file without a byte is taken for one that is not there yet, as `tempfile` makes them.

    Raises
    ------
    StorageNotFoundError
        If it is to be read and is not there, or its folder is missing.
    StorageExistsError
        If it must not be there yet.
    FileKindError
        If something else is there.
    """
    check_choice("mode", mode, MODES)
    path = checked_filename(filename)
    with reading(path):
        if path.exists():
            if mode == "x":
                raise StorageExistsError(
                    f"{path} exists already. Open it with mode 'a' to add to it, 'w' to begin anew."
                )
            _check_kind(path, mode, is_kind, kind, may_be_empty=may_be_empty)
        elif mode == "r":
            raise missing_file(path)
        else:
            _check_folder(path)
    return path


def _check_kind(path: Path, mode: str, is_kind: Callable[[Path], bool], kind: str, *, may_be_empty: bool) -> None:
    if may_be_empty and is_empty_file(path):
        if mode == "r":
            raise FileKindError(f"{path} is empty: nothing was saved in it yet.")
    elif path.is_dir() and "directory" not in kind:
        raise FolderError(f"{path} is a folder, not {kind}. Name a file in it, or say backend='json'.")
    elif not path.is_dir() and "directory" in kind:
        raise NotAFolderError(f"{path} is a file, not {kind}. Choose another name, or another backend=.")
    elif not is_kind(path):
        raise FileKindError(f"{path} is there, but it is not {kind}. Choose another name, or another backend=.")


def _check_folder(path: Path) -> None:
    folder = (Path(os.path.realpath(path)) if path.is_symlink() else path).parent
    if folder.exists() and not folder.is_dir():
        raise NotAFolderError(f"{path} cannot be made: {folder} is a file, not a folder.")
    if not folder.is_dir():
        raise StorageNotFoundError(f"{path} cannot be made: the folder {folder} does not exist.")


def is_empty_file(path: Path) -> bool:
    """Whether a file is there in which there is no byte."""
    try:
        found = os.stat(path)  # noqa: PTH116  at every access
    except FileNotFoundError:
        return False
    return stat.S_ISREG(found.st_mode) and not found.st_size


def missing_file(path: Path) -> StorageError:
    """The error that says that there is no such file, and what there is."""
    if path.is_symlink():
        return StorageNotFoundError(f"{path} is a link to {os.readlink(path)}, which does not exist.")  # noqa: PTH115
    if path.parent.exists() and not path.parent.is_dir():
        return NotAFolderError(f"{path} does not exist, for {path.parent} is a file, not a folder.")
    return StorageNotFoundError(f"{path} does not exist.{_near(path)}")


def _near(path: Path) -> str:
    if not path.parent.is_dir():
        return f" The folder {path.parent} does not exist either."
    try:
        names = [other.name for other in path.parent.iterdir() if other.exists() and not other.name.startswith(".")]
    except OSError:
        return f" What there is in {path.parent} cannot be read."
    beside = sorted(name for name in names if Path(name).stem == path.stem)
    beside = beside or difflib.get_close_matches(path.name, names, n=1)
    return f" Beside it there is {', '.join(beside)}." if beside else " Check the name, or save something there first."


def reopening(
    kind: Callable[..., Any], file: OpenFile, session: Session
) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]:
    """How another process opens the storage that a session is of; never anew."""
    return kind, (str(file.real_path), "r" if session.read_only else "a"), session.options


class OpenFile:
    """A file or directory that is open in this process: one for all handles on it.

    Two handles that each kept their own idea of one file would destroy it.

    Parameters
    ----------
    path
        The file or directory.
    locking
        Whether other processes are kept out by locks, as the first handle says.
    timeout
        For how many seconds to wait for them at most.
    """

    def __init__(self, path: Path, *, locking: bool = True, timeout: float = TIMEOUT) -> None:
        self.path = path
        self.real_path = Path(os.path.realpath(path))
        self.timeout = timeout
        self.shared = Shared()
        self._writer = WriterLock(self.real_path) if locking else None
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
        with _OPENING:
            self._handles -= 1
            if self._handles:
                return
            key = type(self), str(self.real_path)
            if _OPEN.get(key) is self:
                del _OPEN[key]
            self.close()

    def close(self) -> None:
        """Close the file."""

    @property
    def patience(self) -> float | None:
        """For how many seconds to wait for other processes, None where there are no locks."""
        return None if self._writer is None else self.timeout

    def reserve(self) -> None:
        """Keep other writers out.

        Raises
        ------
        LockTimeoutError
            If another process keeps this one out for too long; the message names it.
        ReadOnlyError
            If the file is marked as read-only.
        """
        refuse_read_only(self.real_path)
        if self._writer is not None:
            self._writer.acquire(self.timeout)

    def try_reserve(self) -> bool:
        """Keep other writers out where none is at work; say whether that is so."""
        return self._writer is None or self._writer.try_acquire()

    def give_back(self) -> None:
        """Let other writers in again."""
        if self._writer is not None:
            self._writer.release()

    def give_back_for_good(self) -> None:
        """Let other writers in again, and leave no lock file behind."""
        if self._writer is not None:
            self._writer.close()

    def after_fork(self) -> None:
        """Forget, in a forked child, what the parent was doing with the file."""
        self.shared.reset()


def signature(path: str | Path) -> tuple[int, int, int] | None:
    """What tells one state of a file that is only ever replaced from the next; None where there is no file."""
    try:
        found = os.stat(path)  # noqa: PTH116  at every access
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


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
_OPENING = threading.RLock()


def open_file(kind: type[_File], path: Path, *, locking: bool = True, timeout: float = TIMEOUT) -> _File:
    """Return the open file of a path, the same for all handles of this process."""
    with _OPENING:
        key = kind, os.path.realpath(path)
        found = _OPEN.get(key)
        if not isinstance(found, kind) or found.is_gone:
            found = _OPEN[key] = kind(path, locking=locking, timeout=timeout)
        found._handles += 1
        return found


def _after_fork() -> None:
    global _OPENING  # noqa: PLW0603  another thread of the parent may have held it
    _OPENING = threading.RLock()
    for file in list(_OPEN.values()):
        file.after_fork()


os.register_at_fork(after_in_child=_after_fork)


@atexit.register
def _close_all() -> None:
    """Close what was left open when the program ends, and leave no lock files behind."""
    for file in list(_OPEN.values()):
        file.close()
