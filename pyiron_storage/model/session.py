"""What all handles on one open storage share: transactions and parsed records.

A `Session` belongs to the root of a storage.  It counts nested transactions,
keeps each record parsed once, writes changed records back when a transaction
commits, and forgets them when it is rolled back.  All that is read in one access
is of one commit.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Generic, Protocol, TypeVar

from pyiron_storage.errors import LockTimeoutError, ReadOnlyError, StorageClosedError, StorageError, TransactionError
from pyiron_storage.files.interrupts import let_interrupts_wait, never_interrupted, raise_interrupt, uninterrupted
from pyiron_storage.files.locks import TIMEOUT, wait_until
from pyiron_storage.files.system_errors import read_meaning
from pyiron_storage.records.damage import meaning
from pyiron_storage.records.document import Record
from pyiron_storage.trusting.admission import Admission, admission

Location = tuple[str, ...]
"""The names that lead from the root to a group or object."""


TURN_SECONDS: Final = 0.05
"""How long a thread waits for another before it looks whether it was interrupted."""
_Given = TypeVar("_Given")


class Resource(Protocol):
    """What a session asks of the root of a storage."""

    def _begin_access(self) -> None: ...
    def _end_access(self) -> None: ...
    def _begin(self) -> None: ...
    def _commit(self) -> None: ...
    def _rollback(self) -> None: ...
    def _close(self) -> None: ...
    def _understood(self, error: BaseException) -> BaseException: ...


class Shared:
    """What all handles on one file in this process share.

    Attributes
    ----------
    records
        The parsed records, by location.
    depth
        How many transactions are open, one in the other.
    doomed
        Whether the outermost of them can only be rolled back.
    harmless
        The error of something that was to be stored, raised before any of it was: it dooms nothing.
    accesses
        How many accesses are under way, one in the other.
    verifying
        Whether large arrays, too, are compared with their checksums when they are read; None for nothing at all.
    leaving_out
        Whether entries that are not whole are left out, rather than all of a group refused.
    lock
        Held by the thread that transaction or access is of.
    """

    def __init__(self) -> None:
        self.records: dict[Location, Record] = {}
        self.reset()

    def reset(self) -> None:
        """Begin with nothing under way, as in a forked child."""
        self.records.clear()
        self.depth = 0
        self.doomed = False
        self.harmless: BaseException | None = None
        self.accesses = 0
        self.verifying: bool | None = False
        self.leaving_out = False
        self.lock = threading.RLock()

    @contextmanager
    def verified(self) -> Iterator[None]:
        """Verify all that is read inside, unless nothing is to be verified; part of an access."""
        before = self.verifying
        if before is not None:
            self.verifying = True
        try:
            yield
        finally:
            self.verifying = before

    @contextmanager
    def salvaging(self, *, verify: bool | None) -> Iterator[None]:
        """Leave out, inside, what is seen not to be whole, rather than to refuse all; part of an access."""
        before = self.leaving_out, self.verifying
        self.leaving_out, self.verifying = True, verify
        try:
            yield
        finally:
            self.leaving_out, self.verifying = before


class Access:
    """One access to a storage, for ``with``: nothing is committed while it lasts, except by itself."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @never_interrupted
    def __enter__(self) -> None:
        session = self._session
        if session.closed:
            session.check_open()
        shared = session.shared
        if not shared.lock.acquire(blocking=False):
            session.take_turn()
        if not shared.accesses and not shared.depth:
            try:
                session.root._begin_access()
            except BaseException as error:
                shared.lock.release()
                session.raise_understood(error)
                raise
        shared.accesses += 1

    @never_interrupted
    def __exit__(self, kind: object, error: BaseException | None, _: object) -> None:
        try:
            self._end()
        finally:
            self._session.raise_understood(error)
        raise_interrupt()

    def _end(self) -> None:
        shared = self._session.shared
        if not shared.accesses:
            return  # this is a child that was forked meanwhile
        shared.accesses -= 1
        try:
            if not shared.accesses and not shared.depth:
                self._session.root._end_access()
        finally:
            shared.lock.release()


class Transaction(Generic[_Given]):
    """One transaction on a storage, for ``with``; it may stand in another one.

    Parameters
    ----------
    session
        The session.
    given
        What ``with`` gives.
    explicit
        Whether any exception that leaves it dooms those that it stands in.
    """

    def __init__(self, session: Session, given: _Given, *, explicit: bool) -> None:
        self._session, self._given, self._explicit = session, given, explicit

    @never_interrupted
    def __enter__(self) -> _Given:
        session = self._session
        session.check_writable()
        self._lock, self._process = session.take_turn(), os.getpid()
        try:
            if not session.shared.depth:
                session._begin()
            session.shared.depth += 1
        except BaseException as error:
            self._lock.release()
            session.raise_understood(error)
            raise
        try:
            raise_interrupt()
        except KeyboardInterrupt as error:
            self.__exit__(KeyboardInterrupt, error, None)
            raise
        return self._given

    @uninterrupted
    def __exit__(self, kind: object, error: BaseException | None, _: object) -> None:
        is_here = os.getpid() == self._process
        try:
            if error is None and is_here:
                self._session._end()
            elif error is None:
                raise TransactionError(
                    f"{self._session.file}: the transaction belongs to process {self._process}, from which this one "
                    "was forked. Begin one here, or leave this one by an exception."
                )
            elif is_here:
                self._session._fail(error, explicit=self._explicit)
        finally:
            self._lock.release()
        self._session.raise_understood(error)


class Session:
    """One handle on an open storage: what its root and all its groups share.

    Parameters
    ----------
    root
        The root group, whose ``_begin``, ``_commit``, ``_rollback`` and ``_close`` are called.
    file
        The file or directory, for messages.
    shared
        What other handles on the same file share with this one.
    read_only
        Whether writing is refused.
    options
        Defaults of this storage for storing and loading, such as ``cloudpickle_fallback``.
    in_memory
        Whether what is stored ends with the process.
    """

    def __init__(
        self,
        root: Resource,
        file: str,
        *,
        shared: Shared | None = None,
        read_only: bool = False,
        options: dict[str, Any] | None = None,
        in_memory: bool = False,
    ) -> None:
        if options and options.get("trust") is not None:
            admission(options["trust"])  # refuses what it cannot be
        self.root = root
        self.file = file
        self.read_only = read_only
        self.options = dict(options or {})
        self.in_memory = in_memory
        self.closed = False
        self.closing = False
        """Whether the storage is closed as soon as the transaction that is open has ended."""
        self.shared = shared or Shared()
        self.access = Access(self)
        let_interrupts_wait()

    @property
    def records(self) -> dict[Location, Record]:
        """The parsed records, by location."""
        return self.shared.records

    @property
    def admission(self) -> Admission:
        """What may be imported and called while something is loaded through this handle."""
        return admission(self.options.get("trust"))

    def check_writable(self) -> None:
        """Raise where the storage was closed, or opened for reading."""
        self.check_open()
        if self.read_only:
            raise ReadOnlyError(f"{self.file}: the storage was opened for reading. Open it with mode 'a' to change it.")

    def check_open(self) -> None:
        """Raise where the storage was closed."""
        if self.closed:
            raise StorageClosedError(f"{self.file}: the storage was closed. Open it again with open_storage().")

    def raise_understood(self, error: BaseException | None) -> None:
        """Raise what an error means, of the library under a back-end or of a record; nothing where it means itself."""
        if error is not None and not isinstance(error, StorageError):
            meant = self.root._understood(error)
            meant = meaning(error, self.file) if meant is error else meant
            meant = read_meaning(error, self.file) if meant is error else meant
            if meant is not error:
                raise meant from error

    def transaction(self, *, explicit: bool = False) -> Transaction[None]:
        """Commit what is done inside at the end of the outermost one, or take it all back."""
        return Transaction(self, None, explicit=explicit)

    def take_turn(self) -> threading.RLock:
        """Wait until no other thread of this process uses the storage; the lock is to be released.

        Raises
        ------
        LockTimeoutError
            If one does for too long.
        """
        lock = self.shared.lock
        timeout = self.options.get("timeout", TIMEOUT)
        if not lock.acquire(blocking=False) and not wait_until(lambda: lock.acquire(timeout=TURN_SECONDS), timeout):
            raise LockTimeoutError(
                f"{self.file} is used by another thread of this process for more than {timeout:g} s. Wait until it has "
                "ended its transaction."
            )
        return lock

    def _begin(self) -> None:
        """Begin a transaction; an access that is under way gives way, or two processes could wait for each other."""
        shared = self.shared
        if shared.accesses:
            self.root._end_access()
        try:
            shared.doomed = False
            self.root._begin()
        except BaseException:
            self._continue_access()
            raise

    def _continue_access(self) -> None:
        if self.shared.accesses:
            self.root._begin_access()

    def _fail(self, error: BaseException, *, explicit: bool) -> None:
        """End a transaction that an exception leaves."""
        shared = self.shared
        shared.doomed |= explicit or not (isinstance(error, StorageError) or error is shared.harmless)
        shared.depth -= 1
        if shared.depth == 0:
            shared.harmless = None
            try:
                self.rollback()
            finally:
                self._continue_access()

    def _end(self) -> None:
        """End a transaction; what is read to commit the outermost one is still part of it."""
        if self.shared.depth > 1:
            self.shared.depth -= 1
            return
        try:
            self._finish()
        finally:
            self.shared.depth, self.shared.harmless = 0, None
            self._continue_access()

    def _finish(self) -> None:
        if self.shared.doomed:
            self.rollback()
            raise TransactionError(
                f"{self.file}: a change inside this transaction failed half-way, so all of it was taken back."
            )
        try:
            self.flush()
            self.root._commit()
        except BaseException:
            self.rollback()
            raise

    def flush(self) -> None:
        """Write the records that were changed to where they lie."""
        try:
            for record in list(self.records.values()):
                if record.changed:
                    record.flush()
        except Exception as error:
            self.raise_understood(error)
            raise

    def rollback(self) -> None:
        """Take back everything since the outermost transaction began."""
        self.records.clear()
        self.root._rollback()

    def forget(self, location: Location) -> None:
        """Drop the parsed records at and below a location, which is deleted or replaced."""
        for known in [known for known in self.records if known[: len(location)] == location]:
            del self.records[known]

    def close(self) -> None:
        """Close the storage; a second time does nothing."""
        if self.shared.depth:
            raise TransactionError(
                f"{self.file}: the storage is closed inside a transaction. End the transaction first."
            )
        if not self.closed:
            self.closed = True
            self.records.clear()  # another handle must not read through this one
            self.root._close()
