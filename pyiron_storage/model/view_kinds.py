"""The views of dicts, lists, tuples, sets and objects, with the manners of what they show."""

from __future__ import annotations

from collections.abc import (
    Callable,
    ItemsView,
    Iterator,
    Mapping,
    MutableMapping,
    MutableSequence,
    Sequence,
    ValuesView,
)
from collections.abc import Set as AbstractSet
from typing import Any, Final

from pyiron_storage.errors import NotStorableError, PathNotFoundError, ViewError
from pyiron_storage.model.views import VIEWS, View
from pyiron_storage.paths import OtherKey, ReservedPart, escape, split
from pyiron_storage.records.document import Node, Record
from pyiron_storage.records.encoder import Encoder
from pyiron_storage.records.navigate import rule_of
from pyiron_storage.records.parts import ArrayParts, DictParts, PairParts, Parts
from pyiron_storage.records.places import Place, key_part
from pyiron_storage.records.rules.values import is_text
from pyiron_storage.records.uses import in_steps

_MISSING: Final = object()


class _Keyed(View, MutableMapping[Any, Any]):
    """What views of dicts and objects share: items by key or path, and the methods of a mapping.

    Each method does what a dict's does: `pop` gives the real thing, `setdefault`
    what is stored, `update` takes keys as keys and is one change.
    """

    __eq__ = View.__eq__
    __hash__ = None  # type: ignore[assignment]

    def _part(self, key: Any) -> str:
        """The part of a path that stands for a key of any type."""
        if type(key) in (OtherKey, ReservedPart) or (type(key) is str and is_text(key)):
            return key  # type: ignore[no-any-return]
        if isinstance(key, str) and self._has([str.__str__(key)]):
            return str.__str__(key)  # equal to the str that is there, as in a dict
        scratch = Record()
        return key_part(scratch, Encoder(scratch, "the key").part(key))

    def _resolve(self, key: Any) -> list[str]:
        """The way to a key: the exact key where it is there, else the path that it spells."""
        part = self._part(key)
        if type(part) is not str or ("/" not in part and "~" not in part) or self._has([part]):
            return [part]
        return split(part)

    def __getitem__(self, key: Any) -> Any:
        return self._item(self._resolve(key))

    def __setitem__(self, key: Any, value: Any) -> None:
        path = self._resolve(key)
        if len(path) > 1:
            self._set_path(path, value)
        else:
            self._set_key(key, path[0], value)

    def _set_key(self, key: Any, part: str, value: Any) -> None:
        if type(part) is not OtherKey or type(key) is OtherKey:
            self._set_path([part], value)
        else:
            self._put([], part, value, lambda parts, node: self._put_key(parts, part, key, node))

    def _put_key(self, parts: Parts, part: str, key: Any, node: Node) -> None:
        if not isinstance(parts, DictParts):
            raise ViewError(f"{self._source.file}: {self.path!r} is no dict, so {key!r} cannot be a key in it.")
        parts.put_key(part, self._encoder(self._place(), []).part(key), node)

    def __delitem__(self, key: Any) -> None:
        self._delete_path(self._resolve(key))

    def __contains__(self, key: Any) -> bool:
        return self._has(self._resolve(key))

    def __len__(self) -> int:
        return len(self._parts())

    def __iter__(self) -> Iterator[Any]:
        return iter(self._keys())

    def _keys(self) -> list[Any]:
        return [key for key, _, _ in self._entries()]

    def _entries(self) -> Iterator[tuple[Any, str, Place]]:
        """Every key with the part that stands for it and the place of its value."""
        return ((name, name, place) for name, place in self._parts().places())

    def items(self) -> ItemsView[Any, Any]:
        return _Items(self)

    def values(self) -> ValuesView[Any]:
        return _Values(self)

    def pop(self, key: Any, default: Any = _MISSING) -> Any:
        if key not in self and default is not _MISSING:
            return default
        value = self.load_item(key)
        del self[key]
        return value

    def load_item(self, key: Any) -> Any:
        """The real thing under a key."""
        return _plain(self[key])

    def popitem(self) -> tuple[Any, Any]:
        keys = list(self)
        if not keys:
            raise KeyError(f"{self.path!r} is empty")
        return keys[-1], self.pop(keys[-1])

    def setdefault(self, key: Any, default: Any = None) -> Any:
        if key not in self:
            self[key] = default
        return self[key]

    def update(self, other: Any = (), /, **more: Any) -> None:
        new = dict(_plain(other)) | more
        with self._source.changing():
            for key, value in new.items():
                self._set_key(key, self._part(key), value)

    def clear(self) -> None:
        with self._source.changing():
            _, parts = self._opened()
            for name in reversed(parts.names()):
                parts.remove(name)

    def _ipython_key_completions_(self) -> list[str]:
        return [name if type(name) is str else escape(name) for name in self._parts().names()]


class _Items(ItemsView[Any, Any]):
    """Keys with what is stored, in one pass."""

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        view: Any = self._mapping  # type: ignore[attr-defined]
        return in_steps(view, view._entries, lambda entry: (entry[0], view._shown(entry[2], (entry[1],))))


class _Values(ValuesView[Any]):
    """What is stored, in one pass."""

    def __iter__(self) -> Iterator[Any]:
        view: Any = self._mapping  # type: ignore[attr-defined]
        return (value for _, value in _Items(view))


class ObjectView(_Keyed):
    """A stored object: its attributes by name; what else it has under ``~args``, ``~state``, ``~items``, ``~pairs``."""


class DictView(_Keyed):
    """A stored dict; keys of any type, the exact key before the path that it could be."""

    def _entries(self) -> Iterator[tuple[Any, str, Place]]:
        parts = self._parts()
        if not isinstance(parts, (DictParts, PairParts)):
            yield from super()._entries()
            return
        decoder = self._decoder or self._source.decoder(self._place().record)
        for key, (part, place) in zip(parts.key_places(), parts.places(), strict=True):
            yield (decoder.at(key) if _is_data(key) else part), part, place

    def clear(self) -> None:
        with self._source.changing():
            place, _ = self._opened()
            if "$" in place.node:
                super().clear()
            else:
                place.put({})

    def __or__(self, other: Mapping[Any, Any]) -> dict[Any, Any]:
        return self.to_object() | _plain(other)  # type: ignore[no-any-return]

    def __ror__(self, other: Mapping[Any, Any]) -> dict[Any, Any]:
        return _plain(other) | self.to_object()  # type: ignore[no-any-return]

    def __ior__(self, other: Mapping[Any, Any]) -> DictView:
        self.update(other)
        return self


def _is_data(place: Place) -> bool:
    """Whether a key can be made without importing anything."""
    node = place.follow().node
    if type(node) is not dict:
        return True
    if node["$"] in ("tuple", "frozenset"):
        return all(map(_is_data, ArrayParts(place.follow().inner("items")).each()))
    return rule_of(place.follow()).is_value(node)


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
        return in_steps(self, lambda: self._array().places(), lambda entry: self._shown(entry[1], (entry[0],)))


class ListView(_Indexed, MutableSequence[Any]):
    """A stored list: what is appended, inserted, replaced or removed is written.

    A view is a path: after ``view.insert(0, x)`` the view of entry 0 shows another
    one.  So take the real things first to exchange entries:
    ``view[0], view[1] = view.load("1"), view.load("0")``.
    """

    __eq__ = View.__eq__
    __hash__ = None  # type: ignore[assignment]

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(index, slice):
            with self._source.changing():
                new = self._nodes_of(value)
                self._rearrange(lambda nodes: nodes.__setitem__(index, new))
        elif isinstance(index, str):
            self._set_path(split(index), value)
        else:
            i = self._index(self._array(), index)
            self._put([], str(i), value, lambda parts, node: parts.put(str(i), node))

    def __delitem__(self, index: Any) -> None:
        if isinstance(index, slice):
            self._rearrange(lambda nodes: nodes.__delitem__(index))
        elif isinstance(index, str):
            self._delete_path(split(index))
        else:
            self._delete_path([str(self._index(self._array(), index))])

    def insert(self, index: int, value: Any) -> None:
        """Write `value` before entry `index`."""
        with self._source.changing():
            self._insert(index, self._nodes_of([value]))

    def extend(self, values: Any) -> None:
        """Write all `values` behind the last entry, as one change."""
        with self._source.changing():
            self._insert(len(self), self._nodes_of(values))

    def __iadd__(self, values: Any) -> ListView:  # type: ignore[misc, override]
        self.extend(values)
        return self

    def pop(self, index: int = -1) -> Any:
        """Take out an entry and return it, the real thing."""
        value = _plain(self[index])
        del self[index]
        return value

    def reverse(self) -> None:
        """Turn the order of the entries round."""
        self._rearrange(list.reverse)

    def clear(self) -> None:
        """Take out all entries."""
        self._rearrange(list.clear)

    def _nodes_of(self, values: Any) -> list[Node]:
        """Encode values for this list; nothing is in it yet if one is refused."""
        values = values.to_object() if isinstance(values, View) else list(values)
        place, parts = self._opened()
        start = len(parts)
        try:
            return [self._encoder(place, [str(start + i)]).part(value) for i, value in enumerate(values)]
        except NotStorableError:
            place.record.drop()
            raise

    def _opened_array(self) -> ArrayParts:
        parts = self._opened()[1]
        if not isinstance(parts, ArrayParts):
            raise PathNotFoundError(f"{self._source.file}: {self.path!r} is no list any more.")
        return parts

    def _insert(self, index: int, nodes: list[Node]) -> None:
        parts = self._opened_array()
        start = max(0, index + len(parts)) if index < 0 else min(index, len(parts))
        for i, node in enumerate(nodes, start):
            parts.insert(i, node)

    def _rearrange(self, change: Callable[[list[Node]], Any]) -> None:
        """Let `change` work on the list of all nodes, and write it anew."""
        with self._source.changing():
            parts = self._opened_array()
            nodes = [place.node for place in parts.each()]
            change(nodes)
            parts.rewrite(nodes)


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
