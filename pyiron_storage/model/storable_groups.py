"""The groups that a `Storable` is handed: to store itself into, and to be restored from.

`StoringGroup` makes nodes of the record at hand; `RestoringGroup` gives them back;
`RestoringStorage` does so for a group into which an object was stored by hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Final, Self

from pyiron_storage.errors import NotStorableError
from pyiron_storage.model.storage import GenericStorage
from pyiron_storage.model.views import View, make_view
from pyiron_storage.paths import Name, check_name, split
from pyiron_storage.records.decoder import Decoder
from pyiron_storage.records.document import Node, Record
from pyiron_storage.records.encoder import Encoder, Refusal
from pyiron_storage.records.navigate import is_value, parts_of, rule_of
from pyiron_storage.records.places import Place
from pyiron_storage.records.rules.objects import type_number

_NOTHING: Final = nullcontext()
AS_GROUPS = ("object", "group", "import")
"""What comes out as a group with `to_object`, not as the real thing."""


class StoringGroup(GenericStorage):
    """The group of a record that is being made: what is put here becomes nodes of the record."""

    _reading_makes_objects = True

    def __init__(self, encoder: Encoder, node: dict[str, Node], name: str) -> None:
        self._encoder, self._node, self._name = encoder, node, name
        self._values: dict[str, Any] = {}

    @property
    def name(self) -> str:
        return self._name

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def _set(self, name: str, value: Any) -> None:
        self._encoder.hint = name
        self._node["nodes"][str(name)] = self._encoder.encode(value)
        self._values[str(name)] = value

    def __setitem__(self, path: str, value: Any) -> None:
        parts = split(path)
        group: StoringGroup = self
        for part in map(check_name, parts[:-1]):
            group = group.create_group(Name(part))
        try:
            group._set(check_name(parts[-1]), value)
        except Refusal as refusal:
            refusal.parts.extend(reversed(parts))
            raise

    def __delitem__(self, name: str) -> None:
        del self._values[name]
        del self._node["nodes"][name]

    def create_group(self, name: str) -> StoringGroup:
        known = self._values.get(str(name))
        if not isinstance(known, StoringGroup):
            node = self._node["nodes"][str(name)] = {"$": "group", "nodes": {}}
            known = self._values[str(name)] = StoringGroup(self._encoder, node, str(name))
        return known

    @contextmanager
    def transaction(self) -> Iterator[Self]:
        """Nothing of its own: all of the object is stored as one."""
        yield self

    def finish(self) -> None:
        """Write the nodes as pairs where one has the name that marks a rule."""
        for inner in self._values.values():
            if isinstance(inner, StoringGroup):
                inner.finish()
        if "$" in self._node.get("nodes", {}):
            self._node["nodes"] = {"$": "dict", "pairs": [list(pair) for pair in self._node["nodes"].items()]}

    def list_nodes(self) -> list[str]:
        return [name for name, value in self._values.items() if not isinstance(value, StoringGroup)]

    def list_groups(self) -> list[str]:
        return [name for name, value in self._values.items() if isinstance(value, StoringGroup)]

    def _record_text(self) -> None:
        return None

    def _one_change(self) -> AbstractContextManager[Any]:
        return _NOTHING

    def _make_room(self) -> None:
        """It is made for the object."""

    def _check_type(self, cls: type) -> None:
        """Nothing yet: it is looked at when its number is asked for."""

    def _sign_object(self) -> None:
        """Nothing of its own: the record is signed."""

    def _write_type(self, cls: type, version: str) -> None:
        self._node.update({"type": type_number(cls, self._encoder), "version": version, "nodes": {}})


class _Readable(GenericStorage):
    """What the two groups that objects are restored from share: they are only read."""

    _reading_makes_objects = True

    def _set(self, name: str, value: Any) -> None:
        raise NotStorableError(f"{self.path}: an object that is being restored cannot write to its storage.")

    def __delitem__(self, name: str) -> None:
        self._set(name, None)

    def create_group(self, name: str) -> GenericStorage:
        found = self[Name(name)] if self._has_group(name) else None
        if not isinstance(found, GenericStorage):
            self._set(name, None)
        assert isinstance(found, GenericStorage)
        return found

    def _record_text(self) -> None:
        return None

    def _child(self, part: str) -> Any:
        try:
            return self[Name(part)]
        except KeyError:
            raise self._missing(part) from None


class RestoringGroup(_Readable):
    """A group of a record whose object is being restored.

    Values come out as they are, lists and dicts with their real contents, other
    objects as groups with `to_object`.
    """

    def __init__(self, decoder: Decoder, place: Place, name: str) -> None:
        self._decoder, self._place, self._name = decoder, place, name
        self._start(place.record.place)

    @property
    def name(self) -> str:
        return self._name

    def __getitem__(self, name: str) -> Any:
        try:
            place = parts_of(self._place).find(str(name)).follow()
        except KeyError:
            raise KeyError(name) from None
        if is_value(place) or rule_of(place).kind == "value":
            return self._decoder.at(place)
        if rule_of(place).kind in AS_GROUPS:
            return RestoringGroup(self._decoder, place, str(name))
        return make_view(_Here(place, str(name), self._decoder), (), place, self._decoder)

    def list_nodes(self) -> list[str]:
        return [name for name, place in parts_of(self._place).places() if is_value(place.follow())]

    def list_groups(self) -> list[str]:
        return [name for name, place in parts_of(self._place).places() if not is_value(place.follow())]

    def to_object(self) -> Any:
        return self._decoder.at(self._place)


class RestoringStorage(_Readable):
    """A group of a storage into which an object was stored by hand, for restoring it."""

    def __init__(self, group: GenericStorage) -> None:
        self._group = group
        self._own_session = group._session
        self._own_location = group._location

    @property
    def name(self) -> str:
        return self._group.name

    def __getitem__(self, name: str) -> Any:
        found = self._group._child(str(name))
        if isinstance(found, GenericStorage):
            return RestoringStorage(found)
        if not isinstance(found, View):
            return found
        place = found._place()
        if rule_of(place).kind in AS_GROUPS:
            return RestoringGroup(found._source.decoder(place.record), place, str(name))
        return make_view(found._source, (), place, found._source.decoder(place.record))

    def list_nodes(self) -> list[str]:
        return self._group.list_nodes()

    def list_groups(self) -> list[str]:
        return self._group.list_groups()

    def to_object(self) -> Any:
        return self._group.to_object()


class _Here:
    """Gives a view of a part of a record that is being restored its record."""

    def __init__(self, place: Place, name: str, decoder: Decoder) -> None:
        self.file = place.record.place
        self.path: tuple[str, ...] = (name,)
        self._place, self._decoder = place, decoder

    def place(self) -> Place:
        return self._place

    def reading(self) -> AbstractContextManager[None]:
        return nullcontext()

    def changing(self) -> Any:
        raise NotStorableError(f"{self.file}: an object that is being restored cannot write to its storage.")

    def encoder_options(self) -> dict[str, Any]:
        return {}

    def decoder(self, record: Record, *, mmap: bool = False) -> Decoder:
        return self._decoder
