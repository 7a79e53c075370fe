"""`HDF5File`: the one open HDF5 file behind all handles on it."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
from h5py import h5a, h5f, h5g

from pyiron_storage.arrays.native_array import Array, Shape
from pyiron_storage.backends.hdf5_errors import open_linked
from pyiron_storage.backends.hdf5_names import link_name
from pyiron_storage.backends.neighbours.bagofholding_files import Bag, kind_of_bag
from pyiron_storage.backends.opening import OpenFile, is_empty_file
from pyiron_storage.errors import FileKindError, StorageError
from pyiron_storage.files.interrupts import let_interrupts_wait, never_interrupted, raise_interrupt, uninterrupted
from pyiron_storage.files.locks import TIMEOUT
from pyiron_storage.journal.journaled_file import JournaledFile
from pyiron_storage.journal.recovery import recover
from pyiron_storage.journal.redo import CompleteJournal, journal_path
from pyiron_storage.journal.stamp import SIGNATURE, superblock_place
from pyiron_storage.model.session import Location
from pyiron_storage.records.contents import NATIVE_BYTES

ALIGNMENT: Final = 64
"""Big arrays begin at multiples of so many bytes, so that a memory map of one is as good as an array."""
REPLACED_BYTES: Final = 1 << 18
"""A smaller file is changed in place, though all in it is replaced: that is faster."""


class HDF5File(OpenFile):
    """The open HDF5 file that all handles and groups share; opened when it is first used.

    Parameters
    ----------
    path
        The file.
    locking
        Whether other processes are kept out by locks.
    timeout
        For how many seconds to wait for them at most.
    """

    def __init__(self, path: Path, *, locking: bool = True, timeout: float = TIMEOUT) -> None:
        super().__init__(path, locking=locking, timeout=timeout)
        self._file: JournaledFile | None = None
        self._hdf5: Any = None
        self._writing = False
        self._new_user_block = b""
        self._groups: dict[Location, h5g.GroupID] = {}
        self.listed: dict[Location, dict[str, int]] = {}
        """What each group holds, by location, as far as it was listed: names with their kinds, in order."""
        self.bag: Bag | None = None
        """What reads the file where it is one of bagofholding's; else None."""

    @property
    def is_gone(self) -> bool:
        return False  # which file has the name is looked up at each access

    @property
    def exists(self) -> bool:
        """Whether there is anything to read."""
        return self._hdf5 is not None

    def group(self, names: Location) -> h5g.GroupID:
        """Return the HDF5 group at a location.

        Raises
        ------
        KeyError
            If it is gone.
        """
        if self._hdf5 is None or self._file is None:
            raise KeyError("/")
        raise_interrupt()
        if self._file.failure is not None:
            self._file.raise_failure()
        if names not in self._groups:
            self._groups[names] = self._open_group(names)
        return self._groups[names]

    def _open_group(self, names: Location) -> h5g.GroupID:
        """Open a group step by step: what is gone is told from what cannot be read."""
        group = h5g.open(self._hdf5.id, b"/")
        for name in names:
            link = link_name(name)
            if link not in group:
                raise KeyError(name)
            group = open_linked(group, link, self.path)
            if not isinstance(group, h5g.GroupID):
                raise KeyError(name)
        return group

    def forget(self, names: Location) -> None:
        """Drop the open groups and the lists at and below a location, which is deleted."""
        self.listed.pop(names[:-1], None)
        for known in [known for known in self.listed if known[: len(names)] == names]:
            del self.listed[known]
        for known in [known for known in self._groups if known[: len(names)] == names]:
            del self._groups[known]

    # -- reading -----------------------------------------------------------------------

    @never_interrupted
    def begin_access(self) -> None:
        """Keep commits out while something is read, and see those that were made before.

        Raises
        ------
        LockTimeoutError
            If a commit takes too long.
        """
        if self._file is not None:
            self._file.share()
            if self._file.is_current():
                return
            self._forget_all()
        self._open_to_read()

    @never_interrupted
    def end_access(self) -> None:
        """Let commits in again.

        Raises
        ------
        StorageWriteError
            If the system failed to read.
        """
        if self._file is not None:
            self._file.unshare()
            if self._file.failure is not None:
                failed = self._file
                self._forget_all()
                failed.raise_failure()

    def _open_to_read(self) -> None:
        """Open the file that has the name now, if one has."""
        while self._hdf5 is None and not is_empty_file(self.real_path):
            try:
                self._file = self._journaled()
            except FileNotFoundError:
                return
            if self._file.has_its_name():
                self._open_hdf5(writing=False)
            else:  # it was replaced before it was locked
                self._shut()

    def _journaled(self) -> JournaledFile:
        return JournaledFile(self.real_path, writable=False, timeout=self.patience)

    def checked(self, found: Any) -> Any:
        """Return a group or dataset that was opened, or refuse it: in a file that was cut off, what stood behind it."""
        return found

    def check_below(self, group: Any, link: bytes) -> None:
        """Refuse what a link leads to, as `checked` does, and all that is in it."""

    def _forget_all(self) -> None:
        """Close the file, and forget what was read from it."""
        self._shut()
        self.shared.records.clear()

    # -- writing -----------------------------------------------------------------------

    @uninterrupted
    def begin(self) -> None:
        """Keep other writers out, and open the file for writing.

        Raises
        ------
        LockTimeoutError
            If another process writes for too long; the message names it.
        """
        let_interrupts_wait()
        try:
            self.reserve()
            recover(self.real_path, self.patience)
            if self._file is not None and not self._file.is_current():
                self._forget_all()
            if not self._writing:
                self._shut()
                self._open_to_write()
            assert self._file is not None
            self._file.begin()
        except BaseException:
            self._shut()
            self.give_back()
            raise

    def map(self, offset: int, dtype: np.dtype[Any], shape: Shape) -> Array | None:
        """Map an array that stands in the file as it is; None where that is not possible now."""
        assert self._file is not None
        return self._file.map(offset, dtype, shape)

    def is_to_be_replaced(self, name: str) -> bool:
        """Whether to write a new file rather than change this one, where what has this name is replaced.

        That is so where the file holds nothing else, and where it is faster and the same to
        everybody: no other names, the same owner.
        """
        found = self.real_path.stat() if self.real_path.exists() else None
        if found is None or found.st_size < REPLACED_BYTES or not self._holds_only(link_name(name)):
            return False
        folder = self.real_path.parent.stat()
        group = folder.st_gid if folder.st_mode & stat.S_ISGID else os.getegid()
        return (found.st_nlink, found.st_uid, found.st_gid) == (1, os.geteuid(), group)

    def _holds_only(self, link: bytes) -> bool:
        group = self.group(())
        has_more = h5a.get_num_attrs(group) or self._hdf5.userblock_size
        return self.bag is None and list(h5py.Group(group).id) == [link] and not has_more

    @property
    def user_block(self) -> bytes:
        """What stands before all that is HDF5's, as in files of MATLAB."""
        assert self._file is not None
        self._file.seek(0)
        return self._file.read(self._hdf5.userblock_size)

    def clear(self, user_block: bytes = b"") -> None:
        """Begin a new file, which takes the place of the old one at the commit."""
        self._shut()
        self._new_user_block = user_block
        self._open_to_write(anew=True)

    def _open_to_write(self, *, anew: bool = False) -> None:
        self._file = JournaledFile(self.real_path, writable=True, anew=anew, timeout=self.patience)
        self._open_hdf5(writing=True)

    @uninterrupted
    def commit(self, *, durable: bool, closing: bool = False) -> None:
        """Make all changes since the last commit last.

        Parameters
        ----------
        durable
            Whether to wait until they outlast a power cut.
        closing
            Whether the handle is closed next, so that one commit does for both.

        Raises
        ------
        StorageWriteError
            If the system failed to write; `rollback` comes next.
        """
        assert self._file is not None
        if closing and self._handles == 1:
            self._shut_hdf5()
            self._file.commit(durable=durable)
            return
        h5f.flush(self._hdf5.id)
        self._file.commit(durable=durable)
        self.give_back()

    @uninterrupted
    def rollback(self) -> None:
        """Drop all changes since the last commit.

        Raises
        ------
        StorageWriteError
            If the reason is that the system failed to write.
        """
        failed = self._file
        self._shut()
        self._remove_journal()
        self.give_back()
        if failed is not None:
            failed.raise_failure()

    @uninterrupted
    def close(self) -> None:
        """Close the file; HDF5 then notes its free space in it, unless others are writing."""
        try:
            if self._writing and self._file is not None and self.try_reserve():
                self._note_free_space(self._file)
                self._remove_journal()
        finally:
            self._shut()
            self.give_back_for_good()

    def _remove_journal(self) -> None:
        """Remove the journal, unless a dead process left a commit in it."""
        journal = Path(journal_path(self.real_path))
        if journal.exists() and CompleteJournal.open(str(journal)) is None:
            journal.unlink(missing_ok=True)

    def _note_free_space(self, file: JournaledFile) -> None:
        if self._hdf5 is not None and file.is_current() and CompleteJournal.open(journal_path(self.real_path)) is None:
            file.begin()
            self._shut_hdf5()
            with contextlib.suppress(StorageError):  # some free space is then not used again, nothing else
                file.commit(in_place=True)

    def after_fork(self) -> None:
        super().after_fork()
        self._forget_all()

    # -- opening and closing -------------------------------------------------------------

    def _open_hdf5(self, *, writing: bool) -> None:
        assert self._file is not None
        let_interrupts_wait()
        self._writing = writing
        try:
            self._hdf5 = _open_hdf5(self._file, writing=writing, user_block=self._new_user_block)
            self._new_user_block = b""
            kind = kind_of_bag(self.group(()))
        except (OSError, RuntimeError, KeyError, ValueError) as error:
            self._shut()
            if isinstance(error, StorageError):
                raise
            raise FileKindError(
                f"{self.path}: HDF5 cannot open the file: {error}. It is damaged, or it is no HDF5 file. "
                "ps.check(filename, repair=True) keeps what is whole."
            ) from error
        except BaseException:
            self._shut()
            raise
        self.bag = Bag(str(self.path), kind) if kind else None

    def _shut(self) -> None:
        """Close the file, dropping what was not committed."""
        if self._file is not None:
            self._file.discard()
        self._shut_hdf5()
        if self._file is not None:
            self._file.close()
            self._file = None
        self._writing = False

    def _shut_hdf5(self) -> None:
        self._groups.clear()
        self.listed.clear()
        if self.bag is not None:
            self.bag.close()
            self.bag = None
        if self._hdf5 is not None:
            self._hdf5.close()
            self._hdf5 = None


def _open_hdf5(file: JournaledFile, *, writing: bool, user_block: bytes) -> Any:
    options: dict[str, Any] = {
        "libver": ("v108", "v110"),
        "alignment_threshold": NATIVE_BYTES,
        "alignment_interval": ALIGNMENT,
    }
    if file.is_new:
        options |= {"fs_strategy": "fsm", "fs_persist": True, "fs_threshold": 1, "userblock_size": len(user_block)}
        made = h5py.File(file, "w", track_order=True, **options)
        file.seek(0)
        file.write(user_block)
        return made
    return h5py.File(file, "r+" if writing else "r", **options)


def is_hdf5(path: Path) -> bool:
    """Whether a file is an HDF5 file: whether it has a superblock, at its beginning or behind a user block."""
    with path.open("rb") as file:

        def read(size: int, offset: int) -> bytes:
            file.seek(offset)
            return file.read(size)

        return read(len(SIGNATURE), superblock_place(read, path.stat().st_size)) == SIGNATURE
