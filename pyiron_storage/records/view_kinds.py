"""The views of dicts, lists, tuples, sets and objects, with the manners of what they show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping, MutableSequence, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from pyiron_storage.errors import PathNotFoundError
from pyiron_storage.paths import OtherKey, ReservedPart, split
from pyiron_storage.records.decoder import Decoder
from pyiron_storage.records.document import Node, Record
from pyiron_storage.records.encoder import Encoder
from pyiron_storage.records.parts import ArrayParts, DictParts, Parts
from pyiron_storage.records.places import key_part
from pyiron_storage.records.rule import REGISTRY
from pyiron_storage.records.rules.values import is_text
from pyiron_storage.records.views import VIEWS, View


class _Keyed(View):
    """What views of dicts and objects share: items by key or path."""

    def _part(self, key: Any) -> str:
        """The part of a path that stands for a key of any type."""
        if type(key) in (OtherKey, ReservedPart) or (type(key) is str and is_text(key)):
            return key  # type: ignore[no-any-return]
        scratch = Record()
        return key_part(scratch, Encoder(scratch, "the key").part(key))

    def _resolve(self, key: Any) -> list[str]:
        """The way to a key: the exact key where it is there, else the path that it spells."""
        part = self._part(key)
        if type(part) is not str or ("/" not in part and "~" not in part):
            return [part]
        try:
            self._parts().find(part)
        except KeyError:
            return split(part)
        return [part]

    def __getitem__(self, key: Any) -> Any:
        return self._item(self._resolve(key))

    def __setitem__(self, key: Any, value: Any) -> None:
        path = self._resolve(key)
        if len(path) > 1 or type(path[0]) in (str, ReservedPart):
            self._set_path(path, value)
        else:
            self._put([], path[0], value, lambda parts, node: self._put_key(parts, path[0], key, node))

    def _put_key(self, parts: Parts, part: str, key: Any, node: Node) -> None:
        if not isinstance(parts, DictParts):
            self._no_operator()
            return
        parts.put_key(part, self._encoder(self._place(), []).part(key), node)

    def __delitem__(self, key: Any) -> None:
        self._delete_path(self._resolve(key))

    def __contains__(self, key: Any) -> bool:
        return self._has(self._resolve(key))

    def __len__(self) -> int:
        return len(self._parts())

    def _ipython_key_completions_(self) -> list[str]:
        return self._parts().names()


class ObjectView(_Keyed, MutableMapping[str, Any]):
    """A stored object: its attributes by name; what else it has under ``~args``, ``~state``, ``~items``, ``~pairs``."""

    __eq__ = View.__eq__
    __hash__ = None  # type: ignore[assignment]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts().names())


class DictView(_Keyed, MutableMapping[Any, Any]):
    """A stored dict; keys of any type, the exact key before the path that it could be."""

    __eq__ = View.__eq__
    __hash__ = None  # type: ignore[assignment]

    def __iter__(self) -> Iterator[Any]:
        parts = self._parts()
        if not isinstance(parts, DictParts):
            return iter(parts.names())
        record = self._place().record
        decoder = self._decoder or Decoder(record)
        return iter([decoder.part(node) if _is_data(node) else key_part(record, node) for node in parts.key_nodes()])

    def __or__(self, other: Mapping[Any, Any]) -> dict[Any, Any]:
        return self.to_object() | _plain(other)  # type: ignore[no-any-return]

    def __ror__(self, other: Mapping[Any, Any]) -> dict[Any, Any]:
        return _plain(other) | self.to_object()  # type: ignore[no-any-return]

    def __ior__(self, other: Mapping[Any, Any]) -> DictView:
        self.update(other)
        return self


def _is_data(node: Node) -> bool:
    """Whether a key can be made without importing anything."""
    if type(node) is not dict:
        return True
    if node["$"] in ("tuple", "frozenset"):
        return type(node["items"]) is list and all(map(_is_data, node["items"]))
    return type(node["$"]) is str and REGISTRY.by_name[node["$"]].is_value(node)


class _Indexed(View):
    """What views of lists and tuples share: items by number, slice or path."""

    def _array(self) -> ArrayParts:
        parts = self._parts()
        if not isinstance(parts, ArrayParts):
            raise PathNotFoundError(f"{self._source.file}: {self.path!r} is no list any more.")
        return parts

    def __len__(self) -> int:
        return len(self._array())

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, str):
            return self._item(split(index))
        parts = self._array()
        if isinstance(index, slice):
            return [self._shown(parts.at(i), (str(i),)) for i in range(*index.indices(len(parts)))]
        i = self._index(parts, index)
        return self._shown(parts.at(i), (str(i),))

    def _index(self, parts: ArrayParts, index: Any) -> int:
        try:
            return parts.index(str(index.__index__()))
        except KeyError:
            raise IndexError(f"{self.path!r} has {len(parts)} entries, and entry {index} was asked for") from None
        except AttributeError:
            raise TypeError(f"a list is indexed by integers, slices or a path, not {type(index).__name__}") from None

    def __iter__(self) -> Iterator[Any]:
        for name, place in self._array().places():
            yield self._shown(place, (name,))


class ListView(_Indexed, MutableSequence[Any]):
    """A stored list: what is appended, inserted, replaced or removed is written."""

    __eq__ = View.__eq__
    __hash__ = None  # type: ignore[assignment]

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(index, slice):
            changed = list(range(len(self)))
            kept: Any = [_Kept(i) for i in changed]
            kept[index] = list(value)
            self._rearrange(kept)
        elif isinstance(index, str):
            self._set_path(split(index), value)
        else:
            i = self._index(self._array(), index)
            self._put([], str(i), value, lambda parts, node: parts.put(str(i), node))

    def _rearrange(self, wanted: list[Any]) -> None:
        """Replace a slice: take out what goes, then put in what is new."""
        with self._source.changing():
            stay = {item.index for item in wanted if isinstance(item, _Kept)}
            for index in reversed(range(len(self))):
                if index not in stay:
                    del self[index]
            for index, item in enumerate(wanted):
                if not isinstance(item, _Kept):
                    self.insert(index, item)

    def __delitem__(self, index: Any) -> None:
        if isinstance(index, str):
            self._delete_path(split(index))
            return
        with self._source.changing():
            parts = self._array()
            self._refuse_fixed(parts, parts.place)
            chosen = range(*index.indices(len(parts))) if isinstance(index, slice) else [self._index(parts, index)]
            for i in sorted(chosen, reverse=True):
                self._array().delete(i)

    def insert(self, index: int, value: Any) -> None:
        """Write `value` before entry `index`."""

        def put(parts: Parts, node: Node) -> None:
            assert isinstance(parts, ArrayParts)
            i = max(0, index + len(parts)) if index < 0 else min(index, len(parts))
            parts.insert(i, node)

        self._put([], str(index), value, put)


class _Kept:
    """Stands for an entry that stays while a slice is replaced."""

    def __init__(self, index: int) -> None:
        self.index = index


class TupleView(_Indexed, Sequence[Any]):
    """A stored tuple or array of objects: to be read; store a new one to change it."""

    __eq__ = View.__eq__
    __hash__ = None  # type: ignore[assignment]

    def __setitem__(self, index: Any, value: Any) -> None:
        self._set_path(split(index) if isinstance(index, str) else [str(index)], value)

    def __delitem__(self, index: Any) -> None:
        self._delete_path(split(index) if isinstance(index, str) else [str(index)])


class SetView(View, AbstractSet[Any]):
    """A stored set: to be read; store a new one to change it."""

    __eq__ = View.__eq__
    __hash__ = None  # type: ignore[assignment]

    def __contains__(self, value: object) -> bool:
        return value in self.to_object()

    def __iter__(self) -> Iterator[Any]:
        return iter(self.to_object())

    def __len__(self) -> int:
        return len(self._parts())

    def __getitem__(self, path: str) -> Any:
        return self._item(split(path))

    def __setitem__(self, path: str, value: Any) -> None:
        self._set_path(split(path), value)

    def __delitem__(self, path: str) -> None:
        self._delete_path(split(path))

    def __and__(self, other: Any) -> Any:
        return self.to_object() & _plain(other)

    def __or__(self, other: Any) -> Any:
        return self.to_object() | _plain(other)

    def __sub__(self, other: Any) -> Any:
        return self.to_object() - _plain(other)

    def __xor__(self, other: Any) -> Any:
        return self.to_object() ^ _plain(other)

    def __le__(self, other: Any) -> bool:
        return bool(self.to_object() <= _plain(other))

    def __ge__(self, other: Any) -> bool:
        return bool(self.to_object() >= _plain(other))

    def __lt__(self, other: Any) -> bool:
        return bool(self.to_object() < _plain(other))

    def __gt__(self, other: Any) -> bool:
        return bool(self.to_object() > _plain(other))


def _plain(other: Any) -> Any:
    return other.to_object() if isinstance(other, View) else other


VIEWS.update(
    {
        "list": ListView,
        "dict": DictView,
        "tuple": TupleView,
        "array": TupleView,
        "set": SetView,
        "group": ObjectView,
        "object": ObjectView,
        "import": ObjectView,
    }
)
