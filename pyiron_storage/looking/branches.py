"""What a tree is made of: each group, value, array and part of an object as a `Branch`.

A branch says what it is and gives the branches below it, the first ones without the
others, so that a tree of a huge file is drawn at once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from pyiron_storage.errors import PathNotFoundError, StorageError, UnsupportedOperationError
from pyiron_storage.native_array import NativeArray
from pyiron_storage.paths import Name, escape, join, split
from pyiron_storage.records.array_part import RecordArray
from pyiron_storage.records.decoder import Decoder
from pyiron_storage.records.navigate import NodeInfo, find, identity, info, parts_of
from pyiron_storage.records.places import Place
from pyiron_storage.records.views import View
from pyiron_storage.storage import GenericStorage

LEAVES: Final = ("value", "array", "import", "unreadable")
"""The kinds of what has nothing below it, but for arrays of objects."""


class Branch(ABC):
    """One thing of a storage, to be looked at.

    Attributes
    ----------
    name : str
        The last part of its path, escaped; of the root what it is called.
    path : str
        Its path in the storage.
    info : NodeInfo
        What it is; `same_as` is the path under which it was come upon before.
    """

    name: str
    path: str
    info: NodeInfo

    @abstractmethod
    def children(self, count: int | None = None) -> list[Branch]:
        """The branches below this one, or the first `count` of them."""

    def value(self) -> Any:
        """The value, of the kind ``"value"``."""
        raise self._refusal("value")

    def array(self) -> NativeArray:
        """The array as it lies in the storage, of the kind ``"array"`` where it holds no objects."""
        raise self._refusal("array")

    @property
    def is_array(self) -> bool:
        """Whether `array` gives something."""
        return self.info.kind == "array" and "O" not in str(self.info.dtype)

    @property
    def size(self) -> int:
        """How many branches are below this one."""
        return 0 if self.info.kind in LEAVES and not self._holds_objects else self.info.size

    @property
    def _holds_objects(self) -> bool:
        return self.info.kind == "array" and not self.is_array

    def _refusal(self, what: str) -> StorageError:
        return UnsupportedOperationError(f"{self.path or self.name} is a {self.info.type}, which has no {what}.")


class Group(Branch):
    """A group of a storage."""

    def __init__(self, storage: GenericStorage, seen: Seen, name: str) -> None:
        self._storage, self._seen, self.name, self.path = storage, seen, name, storage.path
        self._first, total = storage._first_names(FIRST)
        self.info = NodeInfo("group", "group" if storage.path else type(storage).__name__, size=total)

    def children(self, count: int | None = None) -> list[Branch]:
        is_enough = count is not None and count <= len(self._first)
        names = self._first if is_enough else self._storage._all_names()
        return [self.child(name) for name in names[:count]]

    def child(self, name: str) -> Branch:
        """The branch of one name."""
        path = join((*self._storage._location, name))
        return _readable(lambda: self._child(name), escape(name), path)

    def _child(self, name: str) -> Branch:
        if self._storage._has_node(name):
            return Node(self._storage, Name(name))
        stored = self._storage._stored_object([name])
        if stored is not None:
            return Part(stored.place(), (*self._storage._location, name), self._seen)
        return Group(self._storage[Name(name)], self._seen, escape(name))


FIRST: Final = 64
"""So many names of a group are looked up to begin with."""


class Node(Branch):
    """A value or an array that a back-end holds natively."""

    def __init__(self, storage: GenericStorage, name: Name) -> None:
        self._storage, self._name = storage, name
        self.name, self.path = escape(str(name)), join((*storage._location, str(name)))
        self.info = storage._info(name)

    def children(self, count: int | None = None) -> list[Branch]:
        return []

    @property
    def size(self) -> int:
        return 0

    def value(self) -> Any:
        return self._storage[self._name]

    def array(self) -> NativeArray:
        return self._storage._open_array(self._name)


class Part(Branch):
    """A stored object, or a part of one.

    Attributes
    ----------
    place : Place
        Where it stands in the record, followed.
    identity : tuple or None
        Tells it from all else, where it may stand at several places.
    """

    def __init__(self, place: Place, parts: tuple[str, ...], seen: Seen) -> None:
        self.place, self._parts, self._seen = place.follow(), parts, seen
        self.name, self.path = escape(parts[-1]), join(parts)
        found = info(self.place)
        is_shared = self.place is not place or place.container is place.record.nodes
        self.identity = identity(self.place) if is_shared else None
        first = seen.setdefault(self.identity, self.path) if self.identity is not None else self.path
        self.info = found if first == self.path else NodeInfo(*_fields(found), same_as=first)

    def children(self, count: int | None = None) -> list[Branch]:
        below = parts_of(self.place)
        found = below.places() if count is None else below.first(count)
        return [self.child(name, inner) for name, inner in found]

    def child(self, name: str, place: Place) -> Branch:
        """The branch of a part that stands at a place."""
        parts = (*self._parts, name)
        return _readable(lambda: Part(place, parts, self._seen), escape(name), join(parts))

    def entry(self, index: int) -> Branch:
        """The branch of one entry of a list."""
        below = parts_of(self.place)
        return self.child(str(index), below.find(str(index)))

    def value(self) -> Any:
        return Decoder(self.place.record).at(self.place)

    def array(self) -> NativeArray:
        return RecordArray(self.place, self.path)


class Unreadable(Branch):
    """What cannot be read: the rest of the file is shown nevertheless."""

    def __init__(self, name: str, path: str, error: Exception) -> None:
        self.name, self.path, self.error = name, path, error
        self.info = NodeInfo("unreadable", type(error).__name__)

    def children(self, count: int | None = None) -> list[Branch]:
        return []


Seen = dict[tuple[int, tuple[int, int]], str]
"""What was come upon, by its identity: the path under which it was."""


def _readable(make: Callable[[], Branch], name: str, path: str) -> Branch:
    try:
        return make()
    except (StorageError, LookupError, ValueError, TypeError, AttributeError, OSError, RuntimeError) as error:
        return Unreadable(name, path, error)  # a damaged part, whose fields are not what they should be


def _fields(found: NodeInfo) -> tuple[str, str, str | None, tuple[int, ...] | None, int]:
    return found.kind, found.type, found.dtype, found.shape, found.size


@contextmanager
def looking_at(thing: Any, path: str = "") -> Iterator[Branch]:
    """Look at a storage or view, or at a path in it, as one access.

    Raises
    ------
    PathNotFoundError
        If nothing is at the path.
    UnsupportedOperationError
        If looking inside would run stored code.
    """
    access = thing._source.reading() if isinstance(thing, View) else thing._session.access
    with access:
        yield _branch(thing, path)


def _branch(thing: Any, path: str) -> Branch:
    if thing._reading_makes_objects:
        raise UnsupportedOperationError(
            f"{thing._session.file}: a pickle runs code when it is read, so one cannot look inside. Load it where you "
            "trust it, and save it with the back-end 'hdf5' or 'json' to browse it."
        )
    seen: Seen = {}
    parts = split(path)
    if isinstance(thing, View):
        return _part(thing, parts, seen)
    thing._session.check_open()
    if not parts:
        return Group(thing, seen, thing.path or Path(thing._session.file).name)
    group, rest = thing._existing(parts)
    if isinstance(group, View):
        return _part(group, rest, seen)
    if len(rest) > 1 or type(rest[0]) is not str or not group._has(rest[0]):
        raise group._missing(rest[0])
    return Group(group, seen, "")._child(rest[0])


def _part(view: View, parts: list[str], seen: Seen) -> Part:
    place = find(view._place(), parts, view._full_path(), view._source.file)
    return Part(place, (*view._full_path(), *parts), seen)


def at_path(storage: GenericStorage, path: str) -> str:
    """The path where it is found as it stands, else inside ``object``, as `load` does."""
    from pyiron_storage.backends.registry import in_object

    try:
        return in_object(storage, path, loading=True)
    except PathNotFoundError:
        return path
