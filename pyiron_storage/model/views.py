"""Live views of what is inside a stored object.

A view is a storage and a path: it is resolved at each use, so that two views of
one thing see each other's changes, and a path that is gone is a clear error.
Numbers, text and arrays come out as values, everything else as views; nothing is
imported and no stored code runs before `View.to_object`.  Where something needs
the real thing, as `json.dumps` does, call `to_object()` first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from pyiron_storage.arrays.array_handle import ArrayHandle
from pyiron_storage.arrays.memory_layout import given, taken_back, was_given
from pyiron_storage.arrays.native_array import NativeArray
from pyiron_storage.errors import (
    NotStorableError,
    PathNotFoundError,
    ReadOnlyError,
    StorageError,
    ViewAttributeError,
    ViewError,
)
from pyiron_storage.model.metadata import Metadata
from pyiron_storage.model.metadata_places import RecordMetadata
from pyiron_storage.model.shown import Shown
from pyiron_storage.paths import join, split, unescape
from pyiron_storage.records.decoder import Decoder
from pyiron_storage.records.dict_parts import DictParts
from pyiron_storage.records.document import Node, Record
from pyiron_storage.records.encoder import Encoder
from pyiron_storage.records.graft import Graft
from pyiron_storage.records.navigate import NodeInfo, find, info, is_value, parts_of, rule_of, type_name
from pyiron_storage.records.parts import Parts
from pyiron_storage.records.places import Place, key_of
from pyiron_storage.records.rule import REGISTRY, Rule
from pyiron_storage.records.strided_array import array_at
from pyiron_storage.records.uses import each_use_is_one
from pyiron_storage.records.walking import walk

if TYPE_CHECKING:
    from pyiron_storage.looking.branches import Branch


class RecordSource(Protocol):
    """Where the record of a stored object is got from, at each use."""

    file: str
    """The file, for messages."""
    path: tuple[str, ...]
    """The path of the stored object in the storage."""

    def place(self) -> Place: ...
    def reading(self) -> AbstractContextManager[None]: ...
    def changing(self) -> AbstractContextManager[None]: ...
    def encoder_options(self) -> dict[str, Any]: ...
    def decoder(self, record: Record, *, mmap: bool = False) -> Decoder: ...


CHANGING_METHODS: Final = frozenset(
    [
        "append",
        "extend",
        "insert",
        "remove",
        "pop",
        "clear",
        "sort",
        "reverse",
        "add",
        "discard",
        "update",
        "popitem",
        "setdefault",
        "difference_update",
        "intersection_update",
        "symmetric_difference_update",
        "appendleft",
        "extendleft",
        "popleft",
        "rotate",
        "move_to_end",
        "subtract",
    ]
)
"""The methods by which people change lists, dicts, sets and those of `collections`."""
INNER: Final = ("~items", "~pairs", "data")
"""Where a subclass of a list or dict, and `UserList` and `UserDict`, have what they hold."""
_OWN: Final = ("_source", "_path", "_decoder")
"""The attributes of a view itself."""


class View(Shown):
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

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        each_use_is_one(cls)

    def __init__(self, source: RecordSource, parts: tuple[str, ...] = (), decoder: Decoder | None = None) -> None:
        self._source = source
        self._path = parts
        self._decoder = decoder

    # -- the thing itself ------------------------------------------------------

    def to_object(self, *, mmap: bool = False) -> Any:
        """Return the object that is stored here: a copy, with its own memory.

        Parameters
        ----------
        mmap : bool
            Whether big arrays come as read-only memory maps where that is possible.

        Raises
        ------
        CannotImportError
            If a class or function that it needs cannot be imported.
        UntrustedError
            If one is not admitted; see `load`.
        """
        place = self._place()
        return (self._decoder or self._source.decoder(place.record, mmap=mmap)).at(place, self._path)

    def array(self, path: str = "") -> ArrayHandle:
        """Return a handle on the array at a path below this, to read and change it in part; see `ArrayHandle`.

        Raises
        ------
        PathNotFoundError, NotAnArrayError
            If there is nothing at the path, or something else.
        """
        parts = split(path)

        self._find_array(parts)  # it is there
        full = join((*self._full_path(), *parts))
        find = partial(self._find_array, parts)
        return ArrayHandle(find, self._source.reading, self._source.changing, self._source.file, full)

    def _find_array(self, parts: list[str]) -> NativeArray:
        place = find(self._source.place(), (*self._path, *parts), self._source.path, self._source.file)
        where = join((*self._full_path(), *parts))
        return array_at(place.follow(), where, lambda: self._decoder or self._source.decoder(place.record))

    def copy(self) -> Any:
        """Return the plain thing, as `to_object` does."""
        return self.to_object()

    def __reduce__(self) -> Any:
        return _the_same, (self.to_object(),)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:  # noqa: FBT001
        return np.array(self.to_object(), dtype=dtype)

    def __eq__(self, other: object) -> bool:
        plain: Any = other.to_object() if isinstance(other, View) else other
        found = self.to_object()
        return bool(np.array_equal(found, plain) if isinstance(found, np.ndarray) else found == plain)

    # -- what it is ------------------------------------------------------------

    @property
    def metadata(self) -> Metadata:
        """The metadata of the stored object that this is, or is a part of, to be read and changed."""
        return Metadata(RecordMetadata(self._source))

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
        """Return the path and the info of this and of everything below it, one after the other, importing nothing."""
        return walk(self._place(), self._full_path())

    def list_nodes(self) -> list[str]:
        """The names of the parts that come out as values."""
        return [name for name, place in self._parts().places() if is_value(place.follow())]

    def list_groups(self) -> list[str]:
        """The names of the parts that come out as views."""
        return [name for name, place in self._parts().places() if not is_value(place.follow())]

    def load(self, path: str = "", *, mmap: bool = False) -> Any:
        """Return the object at a path below this one; the real thing, not a view. For `mmap` see `to_object`."""
        if mmap and self._decoder is None:
            place = find(self._place(), split(path), self._full_path(), self._source.file).follow()
            return self._source.decoder(place.record, mmap=True).at(place, (*self._path, *split(path)))
        return plain(self._item(split(path)) if path else self)

    def __repr__(self) -> str:
        try:
            found = self.info()
        except PathNotFoundError:
            return f"<{type(self).__name__} of {self.path!r}, which is gone>"
        parts = "1 part" if found.size == 1 else f"{found.size} parts"
        return f"<view of {found.type} with {parts} at {self.path!r}; .to_object() gives the real thing>"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in _OWN:
            raise AttributeError(name)
        raise ViewAttributeError(
            f"{self._source.file}: the view of {self.path!r} has no attribute {name!r}. {self._way_to(name)}"
        )

    def _way_to(self, name: str) -> str:
        """What to do instead of using an attribute that a view does not have."""
        if name not in CHANGING_METHODS:
            return f"Its parts are items, view[{name!r}], and view.to_object() gives the real thing."
        for part in INNER if self._source_is_there() else ():
            inner = self._item([unescape(part)]) if self._has([unescape(part)]) else None
            if isinstance(inner, View) and hasattr(type(inner), name):
                return f"What it holds is view[{part!r}], and view[{part!r}].{name}(...) changes that."
        return (
            f"To change it, take the real thing, obj = view.to_object(), call obj.{name}(...), and store it again: "
            f"storage[{self.path!r}] = obj."
        )

    def _source_is_there(self) -> bool:
        try:
            self._place()
        except StorageError:
            return False
        return True

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in _OWN:
            raise ViewAttributeError(
                f"{self._source.file}: no attribute of the view of {self.path!r} can be set. What is stored is "
                f"changed by its item, view[{name!r}] = ..."
            )
        object.__setattr__(self, name, value)

    # -- finding and changing ----------------------------------------------------

    def _full_path(self) -> tuple[str, ...]:
        return (*self._source.path, *self._path)

    def _whole_record(self) -> Record | None:
        """The record of which this shows all; None where it shows a part, or what another library wrote."""
        place = self._source.place() if not self._path and self._decoder is None else None
        return place.record if place is not None and not place.record.grows else None

    @contextmanager
    def _looking(self, path: str = "") -> Iterator[Branch]:
        with self._source.reading():
            yield part_at(self, split(path))

    def _place(self) -> Place:
        return find(self._source.place(), self._path, self._source.path, self._source.file).follow()

    def _opened(self, path: Sequence[str] = ()) -> tuple[Place, Parts]:
        """The place at a path below, and its parts, to be changed.

        Raises
        ------
        ReadOnlyError
            If its parts cannot be changed in place.
        """
        way = (*self._path, *path)
        place = find(self._source.place(), way, self._source.path, self._source.file).follow()
        parts = parts_of(place)
        self._refuse_fixed(parts, place)
        return place, parts

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
            return unchangeable(value_at(followed, self._source))
        return make_view(self._source, (*self._path, *path), followed)

    def _put(self, path: list[str], name: str, value: Any, put: Callable[[Parts, Node], None]) -> None:
        """Encode a value for the container at a path and let `put` put it there; `name` is for messages."""
        with self._source.changing():
            place, parts = self._opened(path)
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
            self._opened(path[:-1])[1].remove(path[-1])

    def _no_operator(self, *_: object) -> Any:
        raise ViewError(
            f"{self._source.file}: {self.path!r} is a view, and this needs the plain thing: use view.to_object()."
        )

    __add__ = __radd__ = __mul__ = __rmul__ = __call__ = _no_operator


each_use_is_one(View)


def put_part(parts: Parts, part: str, node: Node) -> None:
    """Put a node under a part, which for a dict may be a new key of any kind."""
    if isinstance(parts, DictParts):
        parts.put_key(part, key_of(part), node)
    else:
        parts.put(part, node)


def value_at(place: Place, source: RecordSource) -> Any:
    """The value at a place, for which nothing is imported but the package that defines its dtype, or a tensor."""
    takes_options = type(place.node) is dict and ("args" in place.node or "value" in place.node)
    decoder = source.decoder(place.record) if takes_options else Decoder(place.record)
    return decoder.at(place)


def unchangeable(value: Any) -> Any:
    """An array or structure that a storage gives is a copy, and is read-only: what is written into it would be lost.

    To change it where it is stored there is ``storage.array(path)``; `load` gives one that may be changed.
    """
    if type(value) is np.ndarray:
        return given(value)
    return given(np.asarray(value).reshape(1))[0] if isinstance(value, np.void) and value.dtype.names else value


def plain(thing: Any) -> Any:
    """What a view shows, and an array that a storage gave, as the real thing; anything else as it is."""
    if isinstance(thing, np.void) and isinstance(thing.base, np.ndarray) and was_given(thing.base):
        return taken_back(thing.base)[0]
    if type(thing) is np.ndarray and was_given(thing):
        return taken_back(thing)
    return thing.to_object() if isinstance(thing, View) else thing


def _the_same(obj: Any) -> Any:
    return obj


VIEWS: dict[str, type[View]] = {}
"""The view of each rule or else kind, filled where the views are defined."""


def make_view(source: RecordSource, path: tuple[str, ...], place: Place, decoder: Decoder | None = None) -> View:
    """Return the view of what stands at a place."""
    rule = rule_of(place)
    return (VIEWS.get(rule.name) or VIEWS.get(rule.kind, VIEWS["object"]))(source, path, decoder)


class ViewRule(Rule):
    """A view is stored as a copy of what it shows; no class is needed for that."""

    name = "view"

    def encode(self, obj: View, encoder: Encoder) -> Node:
        place = obj._place()
        graft = encoder.grafts.get(id(place.record))
        if graft is None:
            graft = Graft(place.record, encoder.record, partial(encoder.require, obj))
            encoder.grafts[id(place.record)] = graft
            encoder.keep(place.record)
        return graft.copy(place)


REGISTRY.add(ViewRule(), predicate=lambda cls: issubclass(cls, View))


def part_at(view: View, parts: list[str]) -> Branch:
    """What stands at a path in a view, as a branch of a tree; called as part of an access."""
    from pyiron_storage.looking.branches import Part

    place = find(view._place(), parts, view._full_path(), view._source.file)
    *above, part = (*view._full_path(), *parts)
    return Part(place, join(above), part, {})
