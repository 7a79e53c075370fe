"""`DirectoryTree`: the directories of one JSON storage, and how changes of them are committed.

Who reads shares a lock on the root for the time of one access, and a writer has it
alone while it puts a commit in place, so that all that is read in one access is of
one commit.  A commit of one group replaces its ``group.json``.  One of several goes
through the redo file, which also makes those who begin to read wait for a moment, so
that a stream of readers does not keep the writer out.  A new storage is made under
another name and gets its own at the first commit.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

from pyiron_storage.backends.directory import Directory, refuse_link
from pyiron_storage.backends.directory_redo import Contents, read_redo, write_redo
from pyiron_storage.backends.file_names import GROUP_FILE, REDO_FILE
from pyiron_storage.backends.opening import OpenFile, signature
from pyiron_storage.errors import DamagedFileError, LockTimeoutError, StorageWriteError
from pyiron_storage.files.access_locks import DirectoryLock, alone
from pyiron_storage.files.interrupts import never_interrupted, uninterrupted
from pyiron_storage.files.locks import TIMEOUT, wait_until
from pyiron_storage.files.replacing import (
    confirm_name,
    free_name_beside,
    refuse_read_only,
    replace_file,
    take_rights,
    written,
)
from pyiron_storage.model.session import Location

GATE_SECONDS: Final = 1.0
"""How long those who begin to read let a commit go first; then they read it from the redo file."""

Signature = tuple[int, int, int] | None


class DirectoryTree(OpenFile):
    """The directories of one storage, each read when it is first used.

    Parameters
    ----------
    path
        The directory of the root.
    locking
        Whether other processes are kept out by locks.
    timeout
        For how many seconds to wait for them at most.
    """

    def __init__(self, path: Path, *, locking: bool = True, timeout: float = TIMEOUT) -> None:
        super().__init__(path, locking=locking, timeout=timeout)
        self._root = self.real_path
        """Where the groups are: under another name until the first commit of a new storage."""
        self._groups: dict[Location, Directory] = {}
        self._deleted: list[Directory] = []
        self._salvaging = False
        """Whether groups are read without what is not whole in them."""
        self._redo: Contents = {}
        self._state: tuple[Signature, Signature] | None = None
        self._group_file, self._redo_file = (str(self.real_path / name) for name in (GROUP_FILE, REDO_FILE))
        self._lock = DirectoryLock(self.real_path, timeout) if locking else None

    @property
    def is_gone(self) -> bool:
        return False  # the files that are there are looked up at each access

    # -- groups --------------------------------------------------------------------------

    def clear(self) -> None:
        """Begin with an empty root, which takes the place of the old one at the commit."""
        self._groups = {(): Directory(self._root, fresh=True)}

    def group(self, names: Location) -> Directory:
        """Return the directory of a group.

        Raises
        ------
        KeyError
            If it is gone.
        """
        if self._salvaging != self.shared.leaving_out:
            self._salvaging = not self._salvaging
            self._groups.clear()
        if names not in self._groups:
            above = self.group(names[:-1]) if names else None
            path = above.path / above.groups[names[-1]] if above else self._root
            if above:
                refuse_link(path)
            text = self._redo.get(path.relative_to(self._root).parts) if self._redo else None
            self._groups[names] = self._directory(path, text, is_named=above is not None)
        return self._groups[names]

    def _directory(self, path: Path, text: bytes | None, *, is_named: bool) -> Directory:
        """Read a group; one that another names is there."""
        if is_named and text is None and not (path / GROUP_FILE).exists():
            raise DamagedFileError(
                f"{path / GROUP_FILE} is missing. ps.check(directory, repair=True) keeps what is whole beside it."
            )
        return Directory(path, text=text, salvaging=self._salvaging)

    def _read_redo(self) -> Contents:
        return read_redo(self.real_path)

    def make(self, above: Location, name: str) -> None:
        """Make a group, unless it is there."""
        group = self.group(above)
        if name not in group.groups:
            if name in group.nodes:
                group.remove(name)
            group.groups[name] = group.new_directory(name)
            group.dropped.pop(group.groups[name], None)
            group.changed = True
            self._groups[(*above, name)] = Directory(group.path / group.groups[name], fresh=True)

    def forget(self, names: Location) -> None:
        """Drop what is known of a group that is deleted, and of all in it."""
        for known in [known for known in self._groups if known[: len(names)] == names]:
            self._deleted.append(self._groups.pop(known))

    # -- reading -------------------------------------------------------------------------

    @never_interrupted
    def begin_access(self) -> None:
        """Keep commits out while something is read, and see those that were made before.

        Raises
        ------
        LockTimeoutError
            If a commit takes too long.
        """
        if self._lock is not None:
            self._lock.share()
            if self._gives_way():
                self._lock.release()
                wait_until(lambda: not self._gives_way(), GATE_SECONDS)
                self._lock.share()
        try:
            self._refresh()
        except BaseException:
            self.end_access()
            raise

    def _gives_way(self) -> bool:
        """Whether a writer waits with a commit until nobody reads."""
        return os.path.exists(self._redo_file) and self._writer is not None and self._writer.is_held_by_another()  # noqa: PTH110

    @never_interrupted
    def end_access(self) -> None:
        """Let commits in again."""
        if self._lock is not None:
            self._lock.release()

    def _refresh(self) -> None:
        """Forget what was read where another process has written."""
        state = signature(self._group_file), signature(self._redo_file)
        if state != self._state:
            self._forget_all()
            self._redo = self._read_redo() if state[1] else {}
            self._state = state

    def _forget_all(self) -> None:
        self._groups.clear()
        self._deleted.clear()
        self.shared.records.clear()
        self._redo, self._state = {}, None

    # -- writing -------------------------------------------------------------------------

    @uninterrupted
    def begin(self) -> None:
        """Keep other writers out, and end a commit that a dead process left in the redo file.

        Raises
        ------
        LockTimeoutError
            If another process writes for too long; the message names it.
        """
        refuse_read_only(self._group_file)
        self.reserve()
        try:
            if os.path.exists(self._redo_file):  # noqa: PTH110  at every transaction
                self._put_in_place(read_redo(self.real_path), durable=True)
            self._refresh()
            if self._state is not None and self._state[0] is None:
                self._begin_new()
        except BaseException:
            self.give_back()
            raise

    def _begin_new(self) -> None:
        """Make a new storage aside; what dead processes had begun of it goes."""
        self._root = free_name_beside(self.real_path, alone=self._writer is not None)
        self._groups.clear()

    @uninterrupted
    def commit(self, *, durable: bool = False) -> None:
        """Make all changes since the last commit last.

        Parameters
        ----------
        durable
            Whether to wait until they outlast a power cut.

        Raises
        ------
        StorageWriteError
            If the system failed to write; `rollback` comes next.
        """
        changed = [group for _, group in sorted(self._groups.items(), key=lambda item: -len(item[0])) if group.changed]
        if changed:
            self._commit(changed, durable=durable)
        _undo(self._deleted)
        self._deleted.clear()
        self.give_back()

    @written
    def _commit(self, changed: list[Directory], *, durable: bool) -> None:
        for group in changed:
            refuse_read_only(group.path)
            refuse_read_only(group.path / GROUP_FILE)
        contents = {group.path.relative_to(self._root).parts: group.text() for group in changed}
        if durable:
            for group in changed:
                group.new.sync()
        committed = self._make_last(contents, durable=durable)
        for group in changed:
            group.note_commit()
        if durable:
            confirm_name(committed)
        if committed == Path(self._redo_file):
            with contextlib.suppress(LockTimeoutError):  # it is committed; who writes next puts it in place
                self._put_in_place(contents, durable=durable)
        for group in changed:
            group.sweep()
        self._state = signature(self._group_file), signature(self._redo_file)

    def _make_last(self, contents: Contents, *, durable: bool) -> Path:
        """Commit, and return the path of what was written, whose name is to be confirmed."""
        if self._root != self.real_path:
            return self._name_new(contents, durable=durable)
        committed = self._replace_one(contents, durable=durable) if len(contents) == 1 else None
        return committed or write_redo(self.real_path, contents, durable=durable)

    def _name_new(self, contents: Contents, *, durable: bool) -> Path:
        """Give a new storage its name, which is returned; an empty directory may have it."""
        self._replace(contents, durable=durable)
        take_rights(self.real_path, self._root)
        os.rename(self._root, self.real_path)  # noqa: PTH104  tests let it fail
        self._root = self.real_path
        self._groups.clear()
        return self.real_path

    def _replace_one(self, contents: Contents, *, durable: bool) -> Path | None:
        """Replace one ``group.json`` and return its path; None where somebody reads at this moment."""
        if self._lock is not None and not self._lock.try_take():
            return None
        try:
            return self._replace(contents, durable=durable, confirmed=False)
        finally:
            self.end_access()

    def _replace(self, contents: Contents, *, durable: bool, confirmed: bool = True) -> Path:
        """Replace the ``group.json`` of groups, after noting at the root, which all look at, that it is changed."""
        if () not in contents:
            self._touch_root()
        path = self._root
        for names, text in contents.items():
            path = self._root.joinpath(*names, GROUP_FILE)
            replace_file(
                path, partial(_write, text), durable=durable, confirmed=confirmed, alone=self._writer is not None
            )
        return path

    def _touch_root(self) -> None:
        found = os.stat(self._group_file)  # noqa: PTH116
        os.utime(self._group_file, ns=(found.st_atime_ns, max(time.time_ns(), found.st_mtime_ns + 1)))

    def _put_in_place(self, contents: Contents, *, durable: bool) -> None:
        """Replace what the redo file names, and remove it."""
        with alone(self._lock):
            try:
                self._replace(contents, durable=durable)
            except BaseException as error:
                self._put_in_place_again(contents, durable=durable)
                if not isinstance(error, OSError):
                    raise
            with contextlib.suppress(OSError):  # who writes next sees that all of it is in place
                os.unlink(self._redo_file)  # noqa: PTH108
        if durable:
            confirm_name(Path(self._group_file))

    def _put_in_place_again(self, contents: Contents, *, durable: bool) -> None:
        try:
            self._replace(contents, durable=durable)
        except OSError as error:
            self._forget_all()
            raise StorageWriteError(
                f"{self.path}: the change is committed, in {self._redo_file}, but could not be put in place: {error}. "
                "Leave both as they are; the next change completes it."
            ) from error

    @uninterrupted
    def rollback(self) -> None:
        """Forget what was changed; remove the files that were made for it."""
        _undo([*self._deleted, *self._groups.values()])
        if self._root != self.real_path:
            shutil.rmtree(self._root, ignore_errors=True)
            self._root = self.real_path
        self._forget_all()
        self.give_back()

    def close(self) -> None:
        if self._lock is not None:
            self._lock.close()
        self.give_back_for_good()

    def after_fork(self) -> None:
        super().after_fork()
        self._root = self.real_path
        self._forget_all()


def _undo(groups: list[Directory]) -> None:
    """Remove the files and directories that were made for groups since the last commit."""
    for group in groups:
        group.new.undo()
    for group in groups:
        group.new.undo_directories()


def _write(text: bytes, file: BinaryIO) -> None:
    file.write(text)
