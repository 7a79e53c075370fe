"""What all handles on one open storage share: transactions and parsed records.

A `Session` belongs to the root of a storage.  It counts nested transactions,
keeps each record parsed once, writes changed records back when a transaction
commits, and forgets them when it is rolled back.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from pyiron_storage.errors import ReadOnlyError, StorageClosedError, StorageError, TransactionError
from pyiron_storage.records.document import Record

Location = tuple[str, ...]
"""The names that lead from the root to a group or object."""


class Resource(Protocol):
    """What a session asks of the root of a storage."""

    def _begin(self) -> None: ...
    def _commit(self) -> None: ...
    def _rollback(self) -> None: ...
    def _close(self) -> None: ...


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
    """

    def __init__(self) -> None:
        self.records: dict[Location, Record] = {}
        self.depth = 0
        self.doomed = False


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
    """

    def __init__(
        self,
        root: Resource,
        file: str,
        *,
        shared: Shared | None = None,
        read_only: bool = False,
        options: dict[str, Any] | None = None,
    ) -> None:
        self.root = root
        self.file = file
        self.read_only = read_only
        self.options = dict(options or {})
        self.closed = False
        self._shared = shared or Shared()

    @property
    def records(self) -> dict[Location, Record]:
        """The parsed records, by location."""
        return self._shared.records

    def check_open(self) -> None:
        """Raise where the storage was closed."""
        if self.closed:
            raise StorageClosedError(f"{self.file}: the storage was closed. Open it again with open_storage().")

    @contextmanager
    def transaction(self, *, explicit: bool = False) -> Iterator[None]:
        """Commit what is done inside at the end of the outermost one, or take it all back."""
        self.check_open()
        if self.read_only:
            raise ReadOnlyError(f"{self.file}: the storage was opened for reading. Open it with mode 'a' to change it.")
        shared = self._shared
        if shared.depth == 0:
            shared.doomed = False
            self.root._begin()
        shared.depth += 1
        try:
            yield
        except BaseException as error:
            shared.doomed |= explicit or not isinstance(error, StorageError)
            shared.depth -= 1
            if shared.depth == 0:
                self.rollback()
            raise
        shared.depth -= 1
        if shared.depth == 0:
            self._finish()

    def _finish(self) -> None:
        if self._shared.doomed:
            self.rollback()
            raise TransactionError(
                f"{self.file}: a change inside this transaction failed half-way, so all of it was taken back."
            )
        try:
            for record in list(self.records.values()):
                if record.changed:
                    record.flush()
            self.root._commit()
        except BaseException:
            self.rollback()
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
        if self._shared.depth:
            raise TransactionError(
                f"{self.file}: the storage is closed inside a transaction. End the transaction first."
            )
        if not self.closed:
            self.closed = True
            self.records.clear()  # another handle must not read through this one
            self.root._close()
