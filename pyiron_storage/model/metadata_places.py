"""Where metadata stands: in the header of a record, or in a node of a group."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Final, Protocol

import orjson

from pyiron_storage.errors import DamagedRecordError
from pyiron_storage.model.session import Session
from pyiron_storage.paths import METADATA, Name
from pyiron_storage.records.document import HEADER
from pyiron_storage.records.places import Place

_NODE: Final = Name(METADATA)


class Source(Protocol):
    """What a view gets its record from."""

    def place(self) -> Place: ...
    def reading(self) -> AbstractContextManager[None]: ...
    def changing(self) -> AbstractContextManager[None]: ...


class Group(Protocol):
    """What is asked of a group of a back-end."""

    @property
    def _session(self) -> Session: ...
    @property
    def path(self) -> str: ...
    def __getitem__(self, name: Name) -> Any: ...
    def _set(self, name: Name, value: Any) -> None: ...
    def _has_node(self, name: str) -> bool: ...


class RecordMetadata:
    """The metadata in the header of a record."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def read(self) -> dict[str, Any]:
        with self._source.reading():
            record = self._source.place().record
            return dict(_expect_dict(record.header.get("metadata", {}), record.place))

    def write(self, metadata: dict[str, Any]) -> None:
        record = self._source.place().record
        record.check_changeable()
        record.header["metadata"] = metadata
        record.touch(HEADER)

    def changing(self) -> AbstractContextManager[None]:
        return self._source.changing()


class GroupMetadata:
    """The metadata in a node of a group: its JSON."""

    def __init__(self, group: Group) -> None:
        self._group = group

    def read(self) -> dict[str, Any]:
        with self._group._session.access:
            if not self._group._has_node(METADATA):
                return {}
            where = f"{self._group._session.file}: {self._group.path or 'the top level'}"
            try:
                found = orjson.loads(self._group[_NODE])
            except orjson.JSONDecodeError as error:
                raise DamagedRecordError(f"{where}: the metadata are no JSON: {error}.") from error
            return _expect_dict(found, where)

    def write(self, metadata: dict[str, Any]) -> None:
        self._group._set(_NODE, orjson.dumps(metadata).decode())

    def changing(self) -> AbstractContextManager[None]:
        return self._group._session.transaction()


def _expect_dict(found: Any, where: str) -> dict[str, Any]:
    if type(found) is not dict:
        raise DamagedRecordError(f"{where}: the metadata are a {type(found).__name__}, and should be a JSON object.")
    return found
