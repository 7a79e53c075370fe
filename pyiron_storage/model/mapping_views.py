"""The views of dicts and objects: their parts by key or path, with the manners of a dict."""

from __future__ import annotations

from collections import Counter
from collections.abc import ItemsView, Iterator, Mapping, MutableMapping, ValuesView
from typing import Any, Final

from pyiron_storage.errors import ViewError
from pyiron_storage.model.views import VIEWS, View, plain
from pyiron_storage.paths import OtherKey, ReservedPart, escape, split
from pyiron_storage.records.dict_parts import DictParts, PairParts
from pyiron_storage.records.document import Node, Record
from pyiron_storage.records.encoder import Encoder
from pyiron_storage.records.navigate import rule_of
from pyiron_storage.records.parts import ArrayParts, Parts
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
        return plain(self[key])

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
        new = dict(plain(other)) | more
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

    def __reversed__(self) -> Iterator[Any]:
        keys: list[Any] = list(self)
        return iter(keys[::-1])

    def __or__(self, other: Mapping[Any, Any]) -> dict[Any, Any]:
        return self.to_object() | plain(other)  # type: ignore[no-any-return]

    def __ror__(self, other: Mapping[Any, Any]) -> dict[Any, Any]:
        return plain(other) | self.to_object()  # type: ignore[no-any-return]

    def __ior__(self, other: Mapping[Any, Any]) -> DictView:
        self.update(other)
        return self


class OrderedDictView(DictView):
    """A stored `OrderedDict`: a dict whose entries can be moved to its ends."""

    def move_to_end(self, key: Any, last: bool = True) -> None:  # noqa: FBT001, FBT002  as in collections
        """Move the entry of a key to the end, or to the beginning."""
        with self._source.changing():
            place, parts = self._opened()
            part = self._part(key)
            self._item([part])  # it is there
            pairs = ArrayParts(place.inner("pairs"))
            nodes = [entry.node for entry in pairs.each()]
            index = next(i for i, name in enumerate(parts.names()) if name == part)
            nodes.insert(len(nodes) if last else 0, nodes.pop(index))
            pairs.rewrite(nodes)

    def popitem(self, last: bool = True) -> tuple[Any, Any]:  # noqa: FBT001, FBT002
        """Take out the last entry, or the first, and return it, the real thing."""
        with self._source.changing():
            keys = list(self)
            if not keys:
                raise KeyError(f"{self.path!r} is empty")
            key = keys[-1 if last else 0]
            return key, self.pop(key)


class CounterView(DictView):
    """A stored `Counter`: what it does not have counts 0, and `update` adds."""

    def __getitem__(self, key: Any) -> Any:
        path = self._resolve(key)
        return self._item(path) if len(path) > 1 or self._has(path) else 0

    def update(self, other: Any = (), /, **more: Any) -> None:
        """Add counts, of a mapping or of things that are counted."""
        self._count(1, other, more)

    def subtract(self, other: Any = (), /, **more: Any) -> None:
        """Take counts away, of a mapping or of things that are counted."""
        self._count(-1, other, more)

    def _count(self, sign: int, other: Any, more: dict[str, Any]) -> None:
        counts: Counter[Any] = Counter()
        counts.update(plain(other))
        counts.update(more)
        with self._source.changing():
            for key, count in counts.items():
                self[key] = self[key] + sign * count

    def most_common(self, n: int | None = None) -> list[tuple[Any, int]]:
        """The keys and their counts, the largest first."""
        found: list[tuple[Any, int]] = self.to_object().most_common(n)
        return found

    def elements(self) -> Iterator[Any]:
        """Each key as often as it counts."""
        found: Iterator[Any] = self.to_object().elements()
        return found

    def total(self) -> Any:
        """The sum of the counts."""
        return self.to_object().total()


def _is_data(place: Place) -> bool:
    """Whether a key can be made without importing anything."""
    node = place.follow().node
    if type(node) is not dict:
        return True
    if node.get("$") in ("tuple", "frozenset"):
        return all(map(_is_data, ArrayParts(place.follow().inner("items")).each()))
    return rule_of(place.follow()).is_value(node)


VIEWS.update(dict=DictView, OrderedDict=OrderedDictView, Counter=CounterView, object=ObjectView, group=ObjectView)
VIEWS["import"] = ObjectView
