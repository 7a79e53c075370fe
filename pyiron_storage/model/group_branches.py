"""Groups of a storage, and what a back-end holds natively in them, as branches of a tree."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pyiron_storage.arrays.native_array import NativeArray
from pyiron_storage.looking.branches import Branch, Part, Seen, readable
from pyiron_storage.model.metadata_places import GroupMetadata
from pyiron_storage.model.views import View, part_at
from pyiron_storage.paths import Name, escape, join, split
from pyiron_storage.records.navigate import NodeInfo

if TYPE_CHECKING:
    from pyiron_storage.model.storage import GenericStorage


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

    def metadata(self) -> dict[str, Any]:
        return GroupMetadata(self._storage).read()

    def child(self, name: str) -> Branch:
        """The branch of one name."""
        path = join((*self._storage._location, name))
        return readable(lambda: self._child(name), escape(name), path)

    def _child(self, name: str) -> Branch:
        if self._storage._has_node(name):
            return Node(self._storage, Name(name))
        stored = self._storage._stored_object([name])
        if stored is not None:
            return Part(stored.place(), join(self._storage._location), name, self._seen)
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


def branch_at(storage: GenericStorage, path: str) -> Branch:
    """The branch of a storage, or of what is at a path in it.

    Raises
    ------
    PathNotFoundError
        If nothing is at the path.
    UnsupportedOperationError
        If looking inside would run stored code.
    """
    session = storage._session
    storage._check_lookable(session.file)
    session.check_open()
    seen: Seen = {}
    parts = split(path)
    if not parts:
        return Group(storage, seen, storage.path or Path(session.file).name)
    group, rest = storage._existing(parts)
    if isinstance(group, View):
        return part_at(group, rest)
    if len(rest) > 1 or type(rest[0]) is not str or not group._has(rest[0]):
        raise group._missing(rest[0])
    return Group(group, seen, "")._child(rest[0])
