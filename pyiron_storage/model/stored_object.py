"""A stored object: where its record lies in a group of a back-end, and how it is reached.

The record is a group of its own; `GroupStore` reads and writes it there, and
`StoredObject` finds it anew at each use, parsed once for all who look at it.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Final, Protocol

import numpy as np

from pyiron_storage.arrays.memory_layout import given
from pyiron_storage.arrays.native_array import NativeArray
from pyiron_storage.errors import DamagedRecordError, PathNotFoundError
from pyiron_storage.model import options
from pyiron_storage.model.session import Location, Session
from pyiron_storage.model.views import make_view, value_at
from pyiron_storage.paths import Name, join
from pyiron_storage.records.decoder import Decoder
from pyiron_storage.records.document import Record
from pyiron_storage.records.navigate import is_value
from pyiron_storage.records.places import Place

Array = np.ndarray[Any, Any]


class Group(Protocol):
    """What is asked of a group of a back-end: its own methods, with plain names."""

    @property
    def _session(self) -> Session: ...
    @property
    def _location(self) -> Location: ...
    @property
    def path(self) -> str: ...
    def __getitem__(self, name: Name) -> Any: ...
    def __delitem__(self, name: Name) -> None: ...
    def _set(self, name: Name, value: Any) -> None: ...
    def create_group(self, name: Name) -> Any: ...
    def list_nodes(self) -> list[str]: ...
    def _has_group(self, name: str) -> bool: ...
    def _has_node(self, name: str) -> bool: ...
    def _open_array(self, name: Name) -> NativeArray: ...
    def _read_text(self, name: Name) -> bytes: ...
    def _write_text(self, name: Name, text: bytes) -> None: ...


def encoder_options(session: Session) -> dict[str, Any]:
    """The options of a storage that concern the making of records."""
    return options.encoder_options(session.options)


SIGNATURE: Final = Name("signature")
"""The node of the signature of a record."""


class StoredObject:
    """Where the record of one stored object is got from: a group and a name, looked up at each use."""

    def __init__(self, group: Group, name: str) -> None:
        self._group = group
        self._name = Name(name)
        self.file = group._session.file
        self.path = (*group._location, name)

    def record(self) -> Record:
        """Return the record, parsed once for all who look at it.

        Raises
        ------
        PathNotFoundError
            If it is gone.
        """
        record = self.find()
        if record is None:
            raise PathNotFoundError(f"{self.file}: {join(self.path)} is gone; it was deleted or replaced.")
        return record

    def find(self) -> Record | None:
        """Return the record; None where no stored object is under the name."""
        session = self._group._session
        session.check_open()
        if self.path not in session.records:
            record = self._open()
            if record is None:
                return None
            session.records[self.path] = record
        return session.records[self.path]

    def _open(self) -> Record | None:
        try:
            group = self._group[self._name]
        except KeyError:
            return None
        open_record = getattr(group, "_open_record", None)
        return open_record() if open_record is not None else None

    def place(self) -> Place:
        """The place of the stored object in its record."""
        return Place.root(self.record())

    def reading(self) -> AbstractContextManager[None]:
        """Read from the record as one access, or as part of the one that is under way."""
        return self._group._session.access

    def changing(self) -> AbstractContextManager[None]:
        """Change the record as one transaction, or as part of the one that is open."""
        return self._group._session.transaction()

    def encoder_options(self) -> dict[str, Any]:
        return encoder_options(self._group._session)

    def decoder(self, record: Record, *, mmap: bool = False) -> Decoder:
        """What restores parts of the record, as far as the handle admits what they name."""
        session = self._group._session
        return Decoder(record, mmap=mmap, admission=session.admission, loading=options.loading(session.options))

    def item(self) -> Any:
        """The stored object as an item: a value, or a live view."""
        place = self.place()
        return value_at(place, self) if is_value(place) else make_view(self, (), place)


class GroupStore:
    """A group of a back-end as the place where a record lies.

    The text is the node ``record``, the bytes the node ``buffers``, the native
    arrays are the nodes of the group ``arrays``.
    """

    def __init__(self, group: Group, file: str) -> None:
        self._group = group
        self.place = f"{file}: {group.path}"
        self.path = group.path
        self.in_memory = group._session.in_memory

    def read_text(self) -> bytes:
        return self._group._read_text(Name("record"))

    def write_text(self, text: bytes) -> None:
        self._group._write_text(Name("record"), text)

    def read_signature(self) -> bytes | None:
        return self._group._read_text(SIGNATURE) if self._group._has_node(SIGNATURE) else None

    def write_signature(self, signature: bytes | None) -> None:
        if signature is not None:
            self._group._set(SIGNATURE, signature.decode())
        elif self._group._has_node(SIGNATURE):
            del self._group[SIGNATURE]

    def read_buffers(self) -> Array:
        try:
            with self._group._session.shared.verified():
                buffers: Array = _changeable(self._group[Name("buffers")])
        except KeyError:
            return np.empty(0, np.uint8)
        return buffers

    def write_buffers(self, buffers: Array) -> None:
        if buffers.size:
            self._group._set(Name("buffers"), _as_content(buffers))
        elif "buffers" in self._group.list_nodes():
            del self._group[Name("buffers")]

    def open_buffers(self) -> NativeArray | None:
        if not self._group._has_node("buffers"):
            return None
        with self._group._session.shared.verified():
            return self._group._open_array(Name("buffers"))

    def _arrays(self) -> Group | None:
        return self._group[Name("arrays")] if self._group._has_group("arrays") else None

    def read_array(self, name: str) -> Any:
        arrays = self._arrays()
        try:
            return _changeable(arrays[Name(name)]) if arrays is not None else None
        except KeyError:
            raise DamagedRecordError(f"{self.place}: the array {name!r} is missing from the record.") from None

    def open_array(self, name: str) -> NativeArray:
        try:
            arrays: Group = self._group[Name("arrays")]
            return arrays._open_array(Name(name))
        except KeyError:
            raise DamagedRecordError(f"{self.place}: the array {name!r} is missing from the record.") from None

    def write_array(self, name: str, array: Array) -> None:
        arrays = self._arrays()
        if arrays is None:
            arrays = self._group.create_group(Name("arrays"))
        arrays._set(Name(name), _as_content(array))

    def delete_array(self, name: str) -> None:
        arrays = self._arrays()
        if arrays is not None:
            del arrays[Name(name)]

    def list_arrays(self) -> list[str]:
        arrays = self._arrays()
        return arrays.list_nodes() if arrays is not None else []


def _changeable(array: Any) -> Any:
    """The content of a record, in memory that was made for it, of which only the document says what is read-only."""
    if isinstance(array, np.ndarray):
        array.flags.writeable = True
    return array


def _as_content(array: Array) -> Array:
    """An array of which the elements count, not whether they may be changed: that stands in the document."""
    return array if array.flags.writeable else given(array)
