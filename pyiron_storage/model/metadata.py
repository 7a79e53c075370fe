"""Metadata: what people and programs say about a stored object or a group, beside what is in it.

It is a small mapping of plain values, which is read and changed without loading
anything.  `created`, `creator` and `modified` are filled in.  That of an object stands
in the header of its record, that of a group in a node of its own.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol

import numpy as np
import orjson

from pyiron_storage.errors import (
    InvalidOptionError,
    MetadataMismatchError,
    OptionTypeError,
    StorageAttributeError,
)
from pyiron_storage.provenance.authorship import authorship, now
from pyiron_storage.public import public
from pyiron_storage.records.hooks import attributes_of, defines

_PLAIN: Final = orjson.OPT_PASSTHROUGH_SUBCLASS | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
OWN = "__metadata__"
"""The attribute in which an object brings metadata of its own, and the key under which it is kept."""


class MetadataSource(Protocol):
    """Where the metadata of one thing is read and written."""

    def read(self) -> dict[str, Any]: ...
    def write(self, metadata: dict[str, Any]) -> None: ...
    def changing(self) -> AbstractContextManager[Any]: ...


class Metadata(MutableMapping[str, Any]):
    """The metadata of a stored object or a group, live: what is changed here is changed in the file.

    Values are None, bool, int, float, str, and lists and dicts of these.

    Parameters
    ----------
    source
        Where it stands.

    Examples
    --------
    >>> import pyiron_storage as ps
    >>> ps.save([1, 2], "run.h5", metadata={"project": "Al"})
    >>> with ps.open_storage("run.h5") as storage:
    ...     storage["object"].metadata["checked"] = True
    ...     metadata = dict(storage["object"].metadata)
    >>> metadata["project"], metadata["checked"], sorted({"created", "modified"} - set(metadata))
    ('Al', True, [])
    """

    def __init__(self, source: MetadataSource) -> None:
        self._source = source

    @public
    def __setattr__(self, name: str, value: Any) -> None:
        if name != "_source":
            raise StorageAttributeError(
                f"An attribute {name!r} of metadata would not be stored. Store it as an entry: metadata[{name!r}] = ..."
            )
        object.__setattr__(self, name, value)

    def _read(self) -> dict[str, Any]:
        found = dict(self._source.read())
        if "created" in found:
            found.setdefault("modified", found["created"])
        return found

    def __getitem__(self, key: str) -> Any:
        return self._read()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())

    @public
    def __setitem__(self, key: str, value: Any) -> None:
        self.update({key: value})

    def __delitem__(self, key: str) -> None:
        with self._source.changing():
            found = self._source.read()
            del found[key]
            self._source.write(found | {"modified": now()})

    @public
    def update(self, other: Any = (), /, **more: Any) -> None:
        """Put in several entries with one change."""
        new = plain_metadata(dict(other, **more))
        with self._source.changing():
            found = self._source.read() or dict(authorship())
            self._source.write(found | {"modified": now()} | new)

    def __repr__(self) -> str:
        return f"<metadata {self._read()!r}>"


def plain_metadata(given: Any) -> dict[str, Any]:
    """Return metadata as it is written.

    Raises
    ------
    InvalidOptionError
        If it is no mapping of text to plain values.
    """
    if not isinstance(given, Mapping):
        raise OptionTypeError(f"metadata= is a dict of names and plain values, not {given!r}.")
    return {_name(key): _plain(key, value) for key, value in given.items()}


def _name(key: Any) -> str:
    if not isinstance(key, str):
        raise InvalidOptionError(f"metadata: the key {key!r} is no text.")
    if not _is_unicode(key):
        raise InvalidOptionError(
            f"metadata: the key {key!r} has half a surrogate pair, which no file can hold as text."
        )
    return str(key)


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _plain(key: str, value: Any) -> Any:
    """Return a value as it is written.

    Raises
    ------
    InvalidOptionError
        If it is nothing plain.
    """
    try:
        value = _converted(value)
        text = orjson.dumps(value, option=_PLAIN)
        json.dumps(value, allow_nan=False)  # orjson writes null for what this refuses
    except (TypeError, RecursionError) as error:
        raise InvalidOptionError(
            f"metadata: {key!r} is {value!r}, and a value is None, a bool, number or text, or a list or dict of these "
            f"({error}). Store the rest as an object."
        ) from error
    except ValueError as error:
        raise InvalidOptionError(
            f"metadata: {key!r} is {value!r}; JSON has no nan and no inf. Write it as text."
        ) from error
    return orjson.loads(text)


def _converted(value: Any) -> Any:
    """A value with numpy's scalars as Python's, and dates and times as ISO 8601 writes them."""
    if type(value) in (list, tuple):
        return [_converted(entry) for entry in value]
    if type(value) is dict:
        return {key: _converted(entry) for key, entry in value.items()}
    if isinstance(value, np.datetime64):
        return str(value)
    if isinstance(value, np.generic) and value.dtype.kind in "biufU":
        return value.item()
    return value.isoformat() if isinstance(value, datetime.date) else value


def new_metadata(given: Mapping[str, Any] | None, obj: Any) -> dict[str, Any]:
    """The metadata of an object that is stored anew: what is filled in, what it brings along, what was given."""
    metadata: dict[str, Any] = dict(authorship())
    if has_own_metadata(obj):
        metadata[OWN] = _own(getattr(obj, OWN))
    return metadata | dict(given or {})


def has_own_metadata(obj: Any) -> bool:
    """Whether an object, or its class, has metadata of its own; one that answers every name has none."""
    return not isinstance(obj, type) and (OWN in attributes_of(obj) or defines(type(obj), OWN))


def _own(value: Any) -> Any:
    """An object's own metadata; as text where it is nothing plain."""
    try:
        return _plain(OWN, dict(value) if isinstance(value, Mapping) else value)
    except InvalidOptionError:
        return str(value)


def matches(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether metadata has what is wanted: equal values, or values of which a function says True."""
    return all(
        key in found and (bool(value(found[key])) if callable(value) else bool(found[key] == _converted(value)))
        for key, value in wanted.items()
    )


def require(found: Mapping[str, Any], wanted: Mapping[str, Any], where: str) -> None:
    """Refuse what does not carry metadata that is asked for.

    Raises
    ------
    MetadataMismatchError
        If an entry is missing or another.
    """
    if not isinstance(wanted, Mapping):
        raise OptionTypeError(f"metadata= is a dict of names with values, or with functions of them, not {wanted!r}.")
    missing = {key: found.get(key) for key in wanted if not matches(found, {key: wanted[key]})}
    if missing:
        listed = ", ".join(f"{key} is {value!r}" if key in found else f"no {key}" for key, value in missing.items())
        raise MetadataMismatchError(
            f"{where}: it does not carry the metadata that is asked for: it has {listed}, and "
            f"{', '.join(f'{key}={wanted[key]!r}' for key in missing)} is wanted."
        )
