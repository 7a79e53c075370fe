"""After a crash: the commit of a dead process is ended, or dropped where it belongs to another file."""

from __future__ import annotations

import os
from pathlib import Path

from pyiron_storage.files.access_locks import AccessLock
from pyiron_storage.files.file_maps import before_writing, harms_maps, identity_of
from pyiron_storage.files.replacing import copied_aside, sync_folder, take_name
from pyiron_storage.journal.redo import PAGE, CompleteJournal, journal_path


def recover(path: Path, timeout: float | None) -> None:
    """End a commit that a dead process left in the journal of a file; drop a journal that belongs to another.

    Only for those who have the writer's lock.
    """
    waiting = journal_path(path)
    journal = CompleteJournal.open(waiting)
    if journal is None:
        return
    if path.exists():
        file = os.open(path, os.O_RDWR)
        lock = None if timeout is None else AccessLock(file, path, timeout)
        try:
            if lock is not None:
                lock.take()
            if journal.belongs_to(file):
                _replay(journal, file, path, locking=lock is not None)
        finally:
            os.close(file)
    journal.close()
    Path(waiting).unlink(missing_ok=True)


def _replay(journal: CompleteJournal, file: int, path: Path, *, locking: bool) -> None:
    """Copy a journal into its file, or into a copy that takes its place where others map what would change."""
    changes = ((number * PAGE, journal.page(number)) for number in journal.slots)
    if not harms_maps(file, changes, journal.change.size, locking=locking):
        for number in journal.slots:
            before_writing(identity_of(file), number * PAGE, (number + 1) * PAGE)
        journal.copy_into(file, durable=True)
        return
    aside, copy = copied_aside(file, path, alone=locking)
    try:
        journal.copy_into(copy, durable=True)
        take_name(aside, path, durable=True)
        sync_folder(path.parent)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    finally:
        os.close(copy)
