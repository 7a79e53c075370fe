"""Live views of what is inside a stored object.

A view is a storage and a path: it is resolved at each use, so that two views of
one thing see each other's changes, and a path that is gone is a clear error.
Numbers, text and arrays come out as values, everything else as views; nothing is
imported and no stored code runs before `View.to_object`.  Where something needs
the real thing, as `json.dumps` does, call `to_object()` first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping, MutableSequence, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager
from typing import Any, Protocol

import numpy as np

from pyiron_storage.errors import NotStorableError, PathNotFoundError, ReadOnlyError, ViewAttributeError, ViewError
from pyiron_storage.paths import OtherKey, ReservedPart, join, split
from pyiron_storage.records.decoder import Decoder
from pyiron_storage.records.document import Node, Record
from pyiron_storage.records.encoder import Encoder
from pyiron_storage.records.graft import Graft
from pyiron_storage.records.navigate import NodeInfo, find, info, is_value, parts_of, rule_of, type_name, walk
from pyiron_storage.records.parts import ArrayParts, DictParts, Parts, Place, key_of, key_part
from pyiron_storage.records.rule import REGISTRY, Rule


class RecordSource(Protocol):
    """Where the record of a stored object is got from, at each use."""

    file: str
    """The file, for messages."""
    path: tuple[str, ...]
    """The path of the stored object in the storage."""

    def place(self) -> Place: ...
    def changing(self) -> AbstractContextManager[None]: ...
    def encoder_options(self) -> dict[str, Any]: ...


class View:
    """A live look at a part of a stored object; `to_object` gives the real thing.

    Parameters
    ----------
    source
        Gives the record.
    parts
        The path inside the record.
    decoder
        While an object is being restored: what restores its parts, so that items
        come out as the real things.

    Examples
    --------
    >>> import pyiron_storage as ps
    >>> storage = ps.MemoryStorage()
    >>> storage["run"] = {"steps": [1, 2], "cell": (3.6, 3.6)}
    >>> view = storage["run/steps"]
    >>> view.append(3)
    >>> view, view == [1, 2, 3]
    (<view of list with 3 parts at 'run/steps'; .to_object() gives the real thing>, True)
    >>> storage["run"].to_object()
    {'steps': [1, 2, 3], 'cell': (3.6, 3.6)}
    """

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, source: RecordSource, parts: tuple[str, ...] = (), decoder: Decoder | None = None) -> None:
        self._source = source
        self._path = parts
        self._decoder = decoder

    # -- the thing itself ------------------------------------------------------

    def to_object(self) -> Any:
        """Return the object that is stored here: a copy, with its own memory.

        Raises
        ------
        CannotImportError
            If a class or function that it needs cannot be imported.
        """
        place = self._place()
        return (self._decoder or Decoder(place.record)).at(place)

    def copy(self) -> Any:
        """Return the plain thing, as `to_object` does."""
        return self.to_object()

    def __reduce__(self) -> Any:
        return _the_same, (self.to_object(),)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:  # noqa: FBT001
        return np.array(self.to_object(), dtype=dtype)

    def __eq__(self, other: object) -> bool:
        other = other.to_object() if isinstance(other, View) else other
        return bool(self.to_object() == other)

    # -- what it is ------------------------------------------------------------

    @property
    def name(self) -> str:
        """The last part of the path."""
        return (*self._source.path, *self._path)[-1]

    @property
    def path(self) -> str:
        """The path in the storage."""
        return join((*self._source.path, *self._path))

    def info(self, path: str = "") -> NodeInfo:
        """Say what is here, or at a path below: kind, type, dtype, shape and size."""
        return info(find(self._place(), split(path), self._full_path(), self._source.file).follow())

    def walk(self) -> Iterator[tuple[str, NodeInfo]]:
        """Yield the path and the info of this and of everything below it, importing nothing."""
        return walk(self._place(), self._full_path())

    def list_nodes(self) -> list[str]:
        """The names of the parts that come out as values."""
        return [name for name, place in self._parts().places() if is_value(place.follow())]

    def list_groups(self) -> list[str]:
        """The names of the parts that come out as views."""
        return [name for name, place in self._parts().places() if not is_value(place.follow())]

    def load(self, path: str = "") -> Any:
        """Return the object at a path below this one; the real thing, not a view."""
        found = self._item(split(path)) if path else self
        return found.to_object() if isinstance(found, View) else found

    def __repr__(self) -> str:
        try:
            found = self.info()
        except PathNotFoundError:
            return f"<{type(self).__name__} of {self.path!r}, which is gone>"
        return f"<view of {found.type} with {found.size} parts at {self.path!r}; .to_object() gives the real thing>"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in ("_source", "_path", "_decoder"):
            raise AttributeError(name)
        raise ViewAttributeError(
            f"{self._source.file}: the view of {self.path!r} has no attribute {name!r}. Its parts are items, "
            f"view[{name!r}], and view.to_object() gives the real thing."
        )

    # -- finding and changing ----------------------------------------------------

    def _full_path(self) -> tuple[str, ...]:
        return (*self._source.path, *self._path)

    def _place(self) -> Place:
        return find(self._source.place(), self._path, self._source.path, self._source.file).follow()

    def _has(self, path: list[str]) -> bool:
        try:
            find(self._place(), path, self._full_path(), self._source.file)
        except (KeyError, TypeError):
            return False
        return True

    def _parts(self) -> Parts:
        return parts_of(self._place())

    def _item(self, path: list[str] | tuple[str, ...]) -> Any:
        place = find(self._place(), path, self._full_path(), self._source.file)
        return self._shown(place, tuple(path))

    def _shown(self, place: Place, path: tuple[str, ...]) -> Any:
        """A value for what is a value, else a view."""
        followed = place.follow()
        if self._decoder is not None:
            return self._decoder.at(followed)
        if is_value(followed):
            return Decoder(followed.record).at(followed)
        return make_view(self._source, (*self._path, *path), followed)

    def _put(self, path: list[str], name: str, value: Any, put: Callable[[Parts, Node], None]) -> None:
        """Encode a value for the container at a path and let `put` put it there; `name` is for messages."""
        with self._source.changing():
            place = find(self._place(), path, self._full_path(), self._source.file).follow()
            parts = parts_of(place)
            self._refuse_fixed(parts, place)
            try:
                node = self._encoder(place, [*path, name]).part(value)
            except NotStorableError:
                place.record.drop()
                raise
            put(parts, node)

    def _encoder(self, place: Place, path: list[str] | tuple[str, ...]) -> Encoder:
        where = join((*self._full_path(), *path))
        return Encoder(place.record, where, depth=place.depth, **self._source.encoder_options())

    def _refuse_fixed(self, parts: Parts, place: Place) -> None:
        if parts.fixed:
            raise ReadOnlyError(
                f"{self._source.file}: {self.path or 'this'} is a {type_name(place)}, whose parts cannot be changed in "
                "place. Store a new one: storage[path] = value."
            )

    def _set_path(self, path: list[str] | tuple[str, ...], value: Any) -> None:
        def put(parts: Parts, node: Node) -> None:
            try:
                put_part(parts, path[-1], node)
            except KeyError:
                raise PathNotFoundError(
                    f"{self._source.file}: there is no {path[-1]!r} in {join((*self._full_path(), *path[:-1]))} "
                    "to be replaced, and it cannot be added."
                ) from None

        self._put(list(path[:-1]), path[-1], value, put)

    def _delete_path(self, path: list[str] | tuple[str, ...]) -> None:
        with self._source.changing():
            find(self._place(), path, self._full_path(), self._source.file)
            place = find(self._place(), path[:-1], self._full_path(), self._source.file).follow()
            parts = parts_of(place)
            self._refuse_fixed(parts, place)
            parts.remove(path[-1])

    def _no_operator(self, *_: object) -> Any:
        raise ViewError(
            f"{self._source.file}: {self.path!r} is a view, and this needs the plain thing: use view.to_object()."
        )

    __add__ = __radd__ = __mul__ = __rmul__ = __call__ = _no_operator


def put_part(parts: Parts, part: str, node: Node) -> None:
    """Put a node under a part, which for a dict may be a new key of any kind."""
    if isinstance(parts, DictParts):
        parts.put_key(part, key_of(part), node)
    else:
        parts.put(part, node)


def _the_same(obj: Any) -> Any:
    return obj


class _Keyed(View):
    """What views of dicts and objects share: items by key or path."""

    def _part(self, key: Any) -> str:
        """The part of a path that stands for a key of any type."""
        if type(key) in (str, OtherKey, ReservedPart):
            return str.__str__(key) if type(key) is str else key
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
        if len(path) > 1 or type(key) is str:
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


VIEWS: dict[str, type[View]] = {
    "list": ListView,
    "dict": DictView,
    "tuple": TupleView,
    "array": TupleView,
    "set": SetView,
    "group": ObjectView,
    "object": ObjectView,
    "import": ObjectView,
}
"""The view of each kind."""


def make_view(source: RecordSource, path: tuple[str, ...], place: Place, decoder: Decoder | None = None) -> View:
    """Return the view of what stands at a place."""
    return VIEWS[rule_of(place).kind](source, path, decoder)


class ViewRule(Rule):
    """A view is stored as a copy of what it shows; no class is needed for that."""

    name = "view"

    def encode(self, obj: View, encoder: Encoder) -> Node:
        place = obj._place()
        return Graft(place.record, encoder.record).copy(place)


REGISTRY.add(ViewRule(), predicate=lambda cls: issubclass(cls, View))
