"""A group that holds objects: paths are followed through groups and into records, and records are put under names."""

from __future__ import annotations

from typing import Any, ClassVar, Final, Self

import numpy as np

from pyiron_storage.arrays.native_array import NativeArray
from pyiron_storage.errors import (
    InvalidNameError,
    NotAContainerError,
    NotAnArrayError,
    PathNotFoundError,
    StorageError,
    StorageExistsError,
)
from pyiron_storage.model.backend_group import BackendGroup, one_access
from pyiron_storage.model.metadata import new_metadata
from pyiron_storage.model.stored_object import GroupStore, StoredObject, encoder_options
from pyiron_storage.model.views import View, unchangeable
from pyiron_storage.paths import METADATA, Name, check_name, escape, join, not_found, split
from pyiron_storage.provenance.environment import environment
from pyiron_storage.records.document import MAGIC, Record
from pyiron_storage.records.dtypes import OBJECTS
from pyiron_storage.records.encoder import Encoder
from pyiron_storage.records.strided_array import array_at

NATIVE_TYPES: Final = frozenset([type(None), bool, int, float, complex, str, bytes, np.ndarray])
"""What a back-end may store natively, by exact type."""


SHOWN_NAMES: Final = 3
"""So many names of a group are said where it is not written over."""


class ObjectGroup(BackendGroup):
    """What a path leads to, and how anything is put under a name."""

    _reading_makes_objects: ClassVar[bool]

    def _existing(self, parts: list[str]) -> tuple[Self | View, list[str]]:
        """How far a path leads before its last part: the last group or view, and what is left of the path."""
        group: Any = self
        for done, part in enumerate(parts[:-1]):
            if not group._has(part):
                return group, parts[done:]
            found = group._child(part)
            if isinstance(found, View):
                return found, parts[done + 1 :]
            if not isinstance(found, ObjectGroup):
                raise NotAContainerError(
                    f"{self._session.file}: {join(parts[: done + 1])} holds a {type(found).__name__}, so nothing can "
                    f"be stored in it. Delete it first, or choose another path."
                )
            group = found
        return group, parts[-1:]

    def _child(self, part: str) -> Any:
        """What one name of this group stands for: a value, a group, or the view of an object."""
        if type(part) is not str:
            raise self._missing(part)
        if (*self._location, part) in self._session.records:
            return StoredObject(self, part).item()
        try:
            found = self[Name(part)]
        except KeyError:
            raise self._missing(part) from None
        if not isinstance(found, ObjectGroup):
            return found
        record = found._open_record()
        if record is None:
            return found
        self._session.records[(*self._location, part)] = record
        return StoredObject(self, part).item()

    def _stored_object(self, parts: list[str]) -> StoredObject | None:
        """The object that is stored as a record under one name of this group."""
        if len(parts) != 1 or type(parts[0]) is not str or not self._has_group(parts[0]):
            return None
        found = StoredObject(self, parts[0])
        return found if found.find() is not None else None

    def _missing(self, part: str) -> PathNotFoundError:
        try:
            names = self._escaped_names()
        except PathNotFoundError:
            return self._gone()
        return not_found(part, self.path, names, self._session.file)

    @one_access
    def _has(self, part: str) -> bool:
        try:
            return type(part) is str and (self._has_node(part) or self._has_group(part))
        except KeyError:
            raise self._gone() from None

    def _record_text(self) -> bytes | None:
        """The document of the object that is stored in this group; None where it is a group that a user made."""
        if not self._has_node("record"):
            return None
        try:
            text = self._read_text(Name("record"))
        except (AttributeError, TypeError):
            return None
        return text if text.startswith(MAGIC) else None

    def _has_record(self) -> bool:
        """Whether this group of the back-end is a stored object, not a group that a user made."""
        return self._record_text() is not None

    def _open_record(self) -> Record | None:
        """The record of the object that is stored in this group of the back-end, if one is."""
        text = self._record_text()
        return None if text is None else Record(GroupStore(self, self._session.file), text)

    # -- what may be written over -----------------------------------------------------

    def _refuse_group(self, name: str) -> None:
        """Refuse to write over a group that somebody made and put something into; an object is replaced.

        Raises
        ------
        StorageExistsError
            If one has the name.
        """
        if not self._has_group(name) or (*self._location, name) in self._session.records:
            return
        group = self[Name(name)]
        if group._holds_object():
            return
        first, count = group._first_names(SHOWN_NAMES)
        if not count and not group._has_node(METADATA):
            return
        what = f"a group of {count} ({', '.join(map(escape, first))}{', ...' if count > len(first) else ''})"
        raise StorageExistsError(
            f"{self._session.file}: {group.path!r} is {what if count else 'a group with metadata'}, and would be lost. "
            f"Choose another path, delete it first (del storage[{group.path!r}], or ps.delete), or say "
            "save(..., replace=True)."
        )

    def _holds_object(self) -> bool:
        """Whether this group of the back-end is an object, stored as a record, by hand or by another library."""
        if self._is_foreign or self._is_stored_by_hand():
            return True
        if not self._has_node("record"):
            return False
        try:
            with self._session.access:  # the library under a back-end has errors of its own
                return self._has_record()
        except StorageError:  # a damaged document is no group of calculations
            return True

    def _is_stored_by_hand(self) -> bool:
        """Whether an object stored itself into this very group."""
        return self._has_node("NAME") and self._has_node("MODULE")

    # -- writing ------------------------------------------------------------------------

    def _prepared(self, path: str, value: Any) -> Any:
        """What is to be written; where that fails nothing has changed, so that a transaction around it goes on."""
        try:
            return self._prepare(path, value)
        except Exception as error:
            self._session.shared.harmless = error
            raise

    def _prepare(self, path: str, value: Any) -> Any:
        """What is to be written: the value itself where it may be native, else its record."""
        is_native = type(value) in NATIVE_TYPES and not (type(value) is np.ndarray and value.dtype.hasobject)
        looks_like_a_record = type(value) is str and value.startswith(MAGIC.decode())
        stays_native = is_native and not looks_like_a_record and not self._session.options.get("metadata")
        return value if stays_native else self._encode(path, value)

    def _encode(self, path: str, value: Any) -> Record:
        given, options = self._session.options.get("metadata"), encoder_options(self._session)
        stays = not given and "requirements" not in options
        if stays and isinstance(value, View) and (whole := value._whole_record()) is not None:
            return whole.copy()
        record = Record()
        record.header.update(environment=environment(), metadata=new_metadata(given, value))
        where = "/".join(filter(None, [self.path, path]))
        Encoder(record, where, **options).root(value)
        return record

    def _put(self, name: Name, prepared: Any) -> None:
        """Write a native value or a record under a name, in place of what is there."""
        if self._has_group(name):
            self._remove(name)
        if not isinstance(prepared, Record):
            try:
                self._set(name, prepared)
                return
            except TypeError:
                prepared = self._encode(name, prepared)
        self._put_record(name, prepared)

    def _put_record(self, name: Name, record: Record) -> None:
        if self._has_node(name):
            del self[name]
        record.flush(GroupStore(self.create_group(name), self._session.file))
        self._session.records[(*self._location, str(name))] = record

    def _remove(self, name: Name) -> None:
        self._session.forget((*self._location, str(name)))
        del self[name]

    @one_access
    def _escaped_names(self) -> list[str]:
        """All names of this group, each as it stands in a path: ``a~1b`` for the name ``a/b``."""
        return list(map(escape, self._all_names()))

    @one_access
    def _find_array(self, parts: list[str], full: str) -> NativeArray:
        group, rest = self._existing(parts) if parts else (self, [])
        if isinstance(group, View):
            return group._find_array(rest)
        native = group._native_array(Name(rest[0]), full) if len(rest) == 1 and type(rest[0]) is str else None
        if native is not None:
            return native
        stored = group._stored_object(rest)
        if stored is not None:
            return array_at(stored.place(), full, lambda: stored.decoder(stored.record()))
        if rest and not (len(rest) == 1 and group._has(rest[0])):
            raise group._missing(rest[0])
        raise NotAnArrayError(f"{self._session.file}: {full or 'the top level'} is a group, not an array.")

    def _native_array(self, name: Name, full: str) -> NativeArray | None:
        """The array of a native node, refused where the node holds something else; None where there is no node."""
        if not self._has_node(name):
            return None
        found = self._info(name)
        if found.kind != "array" or found.dtype == OBJECTS:
            what = "an array of objects" if found.kind == "array" else f"a {found.type}, not an array"
            raise NotAnArrayError(f"{self._session.file}: {full!r} is {what}; storage[path] shows what is there.")
        return self._open_array(name)

    @one_access
    def _get_path(self, path: str) -> Any:
        parts = split(path)
        found: Any = self
        for done, part in enumerate(parts):
            if isinstance(found, View):
                return found._item(parts[done:])
            if not isinstance(found, ObjectGroup):
                raise NotAContainerError(
                    f"{self._session.file}: {join(parts[:done])} is a {type(found).__name__} and has no parts, "
                    f"so {join(parts[done:])!r} is not in it."
                )
            found = found._child(part)
        return found if self._reading_makes_objects else unchangeable(found)

    def _delete_path(self, path: str) -> None:
        parts = split(path)
        if not parts:
            raise InvalidNameError(f"{self._session.file}: say what to delete; {path!r} names nothing.")
        with self._session.transaction():
            group, rest = self._existing(parts)
            if isinstance(group, View):
                group._delete_path(rest)
                return
            if not group._has(rest[0]) or len(rest) > 1:
                raise group._missing(rest[0])
            group._remove(Name(rest[0]))

    @one_access
    def _create_path(self, path: str) -> ObjectGroup:
        group: ObjectGroup = self
        parts = split(path)
        for part in parts:
            check_name(part)
        for part in parts:
            if group._has(part):
                found = group._child(part)
                if not isinstance(found, ObjectGroup):
                    raise NotAContainerError(
                        f"{self._session.file}: {join([*group._location, part])} holds an object or a value, so it "
                        "cannot be a group. Delete it first, or choose another name."
                    )
                group = found
            else:
                with self._session.transaction():
                    group = group.create_group(Name(part))
        return group
