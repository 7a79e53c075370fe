"""What a tree is made of: each thing that is stored as a `Branch`, here the parts of stored objects.

A branch says what it is and gives the branches below it, the first ones without the
others, so that a tree of a huge file is drawn at once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Final

from pyiron_storage.arrays.native_array import NativeArray
from pyiron_storage.errors import StorageError, UnsupportedOperationError
from pyiron_storage.paths import escape
from pyiron_storage.records.decoder import Decoder
from pyiron_storage.records.dtypes import OBJECTS
from pyiron_storage.records.navigate import NodeInfo, identity, info, parts_of, rule_of
from pyiron_storage.records.places import Place
from pyiron_storage.records.strided_array import array_at

LEAVES: Final = ("value", "array", "unreadable")
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

    def metadata(self) -> dict[str, Any]:
        """The metadata of a stored object or a group; empty for what has none of its own."""
        return {}

    def columns(self) -> list[tuple[str, Branch]]:
        """The columns of a table, each with what stands above it, the index first; empty for what is none."""
        return []

    def template(self) -> str:
        """What is shown of an object, with the names of parts in braces; empty where that is not known."""
        return ""

    @property
    def is_array(self) -> bool:
        """Whether `array` gives something."""
        return self.info.kind == "array" and self.info.dtype != OBJECTS

    @property
    def size(self) -> int:
        """How many branches are below this one."""
        return 0 if self.info.kind in LEAVES and not self._holds_objects else self.info.size

    @property
    def _holds_objects(self) -> bool:
        return self.info.kind == "array" and not self.is_array

    def _refusal(self, what: str) -> StorageError:
        return UnsupportedOperationError(f"{self.path or self.name} is a {self.info.type}, which has no {what}.")


class Part(Branch):
    """A stored object, or a part of one.

    Attributes
    ----------
    place : Place
        Where it stands in the record, followed.
    identity : tuple or None
        Tells it from all else, where it may stand at several places.
    """

    def __init__(self, place: Place, above: str, part: str, seen: Seen) -> None:
        self.place, self._seen = place.follow(), seen
        self.name = escape(part)
        self.path = f"{above}/{self.name}" if above else self.name  # joined from its parts it takes a time of its own
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
        return readable(lambda: Part(place, self.path, name, self._seen), escape(name), f"{self.path}/{escape(name)}")

    def entry(self, index: int) -> Branch:
        """The branch of one entry of a list."""
        below = parts_of(self.place)
        return self.child(str(index), below.find(str(index)))

    def value(self) -> Any:
        return Decoder(self.place.record, is_looking=True).at(self.place)

    def array(self) -> NativeArray:
        return array_at(self.place, self.path)

    def columns(self) -> list[tuple[str, Branch]]:
        columns = rule_of(self.place).columns(self.place) if self.info.same_as is None else []
        return [(title, self.child(name, place)) for title, name, place in columns]

    def template(self) -> str:
        return rule_of(self.place).template(self.place.node)

    def metadata(self) -> dict[str, Any]:
        found = self.place.record.header.get("metadata") if self._is_whole() else None
        return dict(found) if type(found) is dict else {}

    def _is_whole(self) -> bool:
        """Whether this is the stored object, not a part of one."""
        whole = Place.root(self.place.record)
        return whole.container is self.place.container and whole.key == self.place.key


class Unreadable(Branch):
    """What cannot be read: the rest of the file is shown nevertheless."""

    def __init__(self, name: str, path: str, error: Exception) -> None:
        self.name, self.path, self.error = name, path, error
        self.info = NodeInfo("unreadable", type(error).__name__)

    def children(self, count: int | None = None) -> list[Branch]:
        return []


Seen = dict[tuple[int, tuple[int, int]], str]
"""What was come upon, by its identity: the path under which it was."""


def readable(make: Callable[[], Branch], name: str, path: str) -> Branch:
    """The branch that is made, or one that says why there is none: the rest of a file is shown nevertheless."""
    try:
        return make()
    except (StorageError, LookupError, ValueError, TypeError, AttributeError, OSError, RuntimeError) as error:
        return Unreadable(name, path, error)  # a damaged part, whose fields are not what they should be


def _fields(found: NodeInfo) -> tuple[str, str, str | None, tuple[int, ...] | None, int]:
    return found.kind, found.type, found.dtype, found.shape, found.size
