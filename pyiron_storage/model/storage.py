"""The storage model: `GenericStorage`, the base of every back-end.

A storage is a group; it has nodes, which hold values, and groups.  A back-end
implements seven methods for plain names and native values, as in tinybase; this
base adds paths, the storing of any object as a record, live views, transactions,
and the manners of a mapping.
"""

from __future__ import annotations

import functools
import inspect
from abc import abstractmethod
from collections.abc import Iterator, Mapping, MutableMapping, Sized
from contextlib import AbstractContextManager, contextmanager
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

import pyiron_storage.records.rules as _rules  # noqa: F401  registers the built-in rules
from pyiron_storage.arrays.array_handle import ArrayHandle
from pyiron_storage.errors import (
    CannotImportError,
    InvalidNameError,
    NoObjectError,
    PathNotFoundError,
    StorageAttributeError,
    StorageError,
    StorageExistsError,
    TransactionError,
)
from pyiron_storage.model.backend_group import one_access
from pyiron_storage.model.group_signature import copy_signature, sign
from pyiron_storage.model.metadata import Metadata
from pyiron_storage.model.metadata_places import GroupMetadata, RecordMetadata
from pyiron_storage.model.object_group import ObjectGroup
from pyiron_storage.model.session import Transaction
from pyiron_storage.model.shown import Shown
from pyiron_storage.model.stored_by_hand import class_of, require
from pyiron_storage.model.views import View, plain
from pyiron_storage.paths import METADATA, Name, check_name, join, split
from pyiron_storage.public import begin_here, public
from pyiron_storage.records.navigate import NodeInfo, info
from pyiron_storage.records.walking import walk

if TYPE_CHECKING:
    from pyiron_storage.looking.branches import Branch


class GenericStorage(Shown, ObjectGroup, MutableMapping[str, Any]):
    """A group of a storage: the base class of back-ends.

    A back-end implements `__getitem__`, `_set`, `__delitem__`, `create_group`,
    `list_nodes`, `list_groups` and `name`, for plain names; where it holds a
    resource also `_begin`, `_commit`, `_rollback` and `_close`.  From these every
    back-end gets everything else.

    Examples
    --------
    >>> import pyiron_storage as ps
    >>> storage = ps.MemoryStorage()
    >>> storage["settings"] = {"cutoff": 5.0, "kpoints": [2, 2, 2]}
    >>> storage["settings/cutoff"]
    5.0
    >>> storage["settings"]["kpoints"].append(4)
    >>> storage.load("settings")
    {'cutoff': 5.0, 'kpoints': [2, 2, 2, 4]}
    """

    __hash__ = object.__hash__
    __eq__ = object.__eq__
    compressions: ClassVar[Mapping[str, range | None]] = {}
    """What `compression=` can be, each name with its levels; a back-end that has some takes the option."""
    _opened_from: GenericStorage | None = None

    # -- what a back-end implements ---------------------------------------------

    @abstractmethod
    def __getitem__(self, path: str) -> Any:
        """Return what is at a path: a value, a live view, or a group.

        Parameters
        ----------
        path : str
            Names joined by ``/``, into stored objects too.

        Raises
        ------
        PathNotFoundError
            If nothing is there; the message lists what is.

        Notes
        -----
        A back-end's own method gets one plain name and returns a value or a
        group, or raises `KeyError`.
        """

    @abstractmethod
    def _set(self, name: str, value: Any) -> None:
        """Store a native value under a plain name, over what is there.

        Raises
        ------
        TypeError
            If the back-end does not store values of this type natively; nothing
            may have been written then.
        """

    @abstractmethod
    def __delitem__(self, path: str) -> None:
        """Delete what is at a path: a node, a group with all that is in it, a part of an object."""

    @abstractmethod
    def create_group(self, path: str) -> GenericStorage:
        """Return the group at a path, created where it does not exist.

        Raises
        ------
        NotAContainerError
            If a value or an object is there already.
        InvalidNameError
            If a group cannot have this name.
        """

    @abstractmethod
    def list_nodes(self) -> list[str]:
        """The names of the values in this group."""

    @abstractmethod
    def list_groups(self) -> list[str]:
        """The names of the groups and objects in this group."""

    @property
    @abstractmethod
    def name(self) -> str:
        """The name of this group; the root's is ``"/"``."""

    @classmethod
    def _open_damaged(cls, filename: str, **options: Any) -> tuple[GenericStorage, list[str]]:
        """Open a file to see what of it is whole; return it, and the paths of what was lost on the way."""
        return cls(filename, "r", **options), []  # type: ignore[call-arg]

    def __setattr__(self, name: str, value: Any) -> None:
        if name[:1] != "_" and not self._takes_attribute(name):
            raise StorageAttributeError(
                f"{self._session.file}: an attribute {name!r} of {self.path or 'a storage'!r} would not be stored. "
                f"Store it as an item: storage[{name!r}] = ..."
                + (" Metadata are changed by their entries: storage.metadata[name] = ..." * (name == "metadata"))
            )
        object.__setattr__(self, name, value)

    def _takes_attribute(self, name: str) -> bool:
        """Whether a back-end has an attribute of this name: said in its class, or set in its constructor."""
        said, base = (inspect.getattr_static(cls, name, None) for cls in (type(self), GenericStorage))
        if isinstance(said, property):
            return said.fset is not None
        if said is not None or base is not None:
            return said is not base and not callable(said)
        is_noted = any(name in inspect.get_annotations(cls) for cls in type(self).__mro__)
        return self._is_being_made or name in self.__dict__ or is_noted

    # -- reading -------------------------------------------------------------------

    def get(self, path: str, default: Any = None) -> Any:
        """Return what is at a path, or `default` where nothing is."""
        try:
            return self[path]
        except KeyError:
            return default

    @one_access
    def load(self, path: str = "", *, mmap: bool = False, verify: bool = False) -> Any:
        """Return the object at a path: the real thing, not a view.

        Parameters
        ----------
        path : str
            Names joined by ``/``.
        mmap : bool
            Whether big arrays come as read-only memory maps, where the back-end can; see `load`.
        verify : bool
            Whether large arrays are compared with their checksums too; all else always is.

        Examples
        --------
        >>> import pyiron_storage as ps
        >>> storage = ps.MemoryStorage()
        >>> storage["point"] = 1 + 2j, [3]
        >>> storage.load("point")
        ((1+2j), [3])
        """
        if verify:
            with self._session.shared.verified():
                return self.load(path, mmap=mmap)
        if mmap and path:
            return self._load_mapped(split(path))
        found = self[path] if path else self
        return found.to_object() if isinstance(found, GenericStorage) else plain(found)

    def _load_mapped(self, parts: list[str]) -> Any:
        group, rest = self._existing(parts)
        if isinstance(group, View):
            return group.load(join(rest), mmap=True)
        if len(rest) == 1 and group._has_node(rest[0]):
            is_array = group._info(Name(rest[0])).kind == "array"
            return group._open_array(Name(rest[0])).map() if is_array else group._child(rest[0])
        stored = group._stored_object(rest)
        if stored is None:
            return self.load(join(parts))
        return stored.decoder(stored.record(), mmap=True).at(stored.place())

    @public
    def array(self, path: str) -> ArrayHandle:
        """Return a handle on the array at a path, to read and change it in part.

        Parameters
        ----------
        path : str
            Names joined by ``/``, into stored objects too.

        Raises
        ------
        PathNotFoundError
            If nothing is there.
        NotAnArrayError
            If something else is there.

        Examples
        --------
        >>> import numpy as np, pyiron_storage as ps
        >>> storage = ps.MemoryStorage()
        >>> storage["run"] = {"forces": np.zeros((2, 3))}
        >>> forces = storage.array("run/forces")
        >>> forces[0] = [1, 2, 3]
        >>> forces.append([4, 5, 6])
        >>> storage["run/forces"].tolist()
        [[1.0, 2.0, 3.0], [0.0, 0.0, 0.0], [4.0, 5.0, 6.0]]
        """
        parts = split(path)
        full = join((*self._location, *parts))

        self._find_array(parts, full)  # it is there
        find = functools.partial(self._find_array, parts, full)
        return ArrayHandle(find, lambda: self._session.access, self._session.transaction, self._session.file, full)

    @one_access
    def to_object(self) -> Any:
        """Restore the `Storable` that was stored into this very group by its `store` method.

        Where its class is missing and the storage was opened with ``on_missing="raw"``, this
        very group is given, which shows class, version and state.

        Raises
        ------
        NoObjectError
            If none was.
        """
        try:
            name, module, version = (self[Name(part)] for part in ("NAME", "MODULE", "VERSION"))
        except KeyError:
            raise NoObjectError(
                f"{self._session.file}: {self.path or 'the top level'} is a plain group; no object was stored in it. "
                "Load what is in it by name."
            ) from None
        try:
            return class_of(self, f"{module}:{name}", version).restore(self, version)
        except CannotImportError:
            if self._session.options.get("on_missing") == "raw":
                return self
            raise

    def _one_change(self) -> AbstractContextManager[Any]:
        """All that a `Storable` does while it stores itself by hand is one change, or nothing is changed."""
        return self._session.transaction(explicit=True)

    def _make_room(self) -> None:
        """Empty the group that a `Storable` stores itself into of the object that was stored in it before.

        Raises
        ------
        StorageExistsError
            If something else is in it.
        """
        if self._is_stored_by_hand():
            self.clear()
        elif len(self):
            raise StorageExistsError(
                f"{self._session.file}: {self.path or 'the top level'} is a group with {', '.join(list(self)[:3])} in "
                "it, so no object can be stored into it. Store the object under a name, or clear() the group first."
            )

    def _check_type(self, cls: type) -> None:
        """Refuse the class of a `Storable` that may not be stored, before anything is."""
        require(self, cls)

    def _write_type(self, cls: type, version: str) -> None:
        """Note the class of the `Storable` that stores itself into this group, as tinybase does."""
        self["NAME"], self["MODULE"], self["VERSION"] = cls.__qualname__, cls.__module__, version

    def _sign_object(self) -> None:
        """Sign what a `Storable` stored into this group, so that it can be restored without a question."""
        with self._session.transaction():
            sign(self)

    # -- writing -------------------------------------------------------------------

    def __setitem__(self, path: str, value: Any) -> None:
        """Store any object at a path, in place of a value or object that is there; groups on the way are created.

        Raises
        ------
        NotStorableError
            If the object, or something in it, cannot be stored; nothing is changed then.
        StorageExistsError
            If a group is there that is not empty: delete it first.
        """
        try:
            self._assign(path, value, replace=False)
        except StorageError as error:
            begin_here(error)
            raise

    def _save(self, path: str, value: Any, *, replace: bool = False) -> None:
        """Store what `save` is given: in place of what is at a path, and of nothing else."""
        self._assign(path, value, replace=replace)

    def _assign(self, path: str, value: Any, *, replace: bool) -> None:
        """Store a value at a path; a group that holds something is only written over where `replace` says so."""
        parts = split(path)
        if not parts:
            raise InvalidNameError(f"{self._session.file}: an object is stored under a name; {path!r} names none.")
        with self._session.transaction():
            group, rest = self._existing(parts)
            if not isinstance(group, View):
                for name in rest:
                    check_name(name)
                if not replace and len(rest) == 1:
                    group._refuse_group(rest[0])
            if isinstance(value, GenericStorage):
                self._copy_group(path, value)
                return
            if isinstance(group, View):
                group._set_path(rest, value)
                return
            prepared = group._prepared(join(rest), value)
            for name in rest[:-1]:
                group = group.create_group(Name(name))
            group._put(Name(rest[-1]), prepared)

    def _copy_group(self, path: str, source: GenericStorage) -> None:
        """Store a copy of a group, of this storage or another, with all that is in it; no class is needed."""
        items = list(source.items())
        with self._session.transaction(explicit=True):
            if path in self:
                del self[path]
            group = self.create_group(path)
            for name, value in items:
                group[name] = value
            copy_signature(source, group)
            if source._has_node(METADATA):
                group._set(Name(METADATA), source[Name(METADATA)])

    def require_group(self, path: str) -> GenericStorage:
        """Return the group at a path, created where it does not exist: the same as `create_group`."""
        return self.create_group(path)

    # -- transactions and closing ----------------------------------------------------

    def transaction(self) -> AbstractContextManager[Self]:
        """Make many changes one: all are written at the end, or none where an exception leaves the block.

        Examples
        --------
        >>> import pyiron_storage as ps
        >>> storage = ps.MemoryStorage()
        >>> with storage.transaction():
        ...     storage["a"] = 1
        ...     storage["b"] = 2
        >>> try:
        ...     with storage.transaction():
        ...         storage["a"] = 100
        ...         raise ValueError("changed my mind")
        ... except ValueError:
        ...     storage["a"]
        1
        """
        if type(self._session.root)._rollback is GenericStorage._rollback:
            raise TransactionError(
                f"{self._session.file}: this back-end ({type(self).__name__}) cannot take changes back, so it has no "
                "transactions. Make the changes without one, or use another back-end."
            )
        return Transaction(self._session, self, explicit=True)

    @public
    def open(self, name: str) -> GenericStorage:
        """Descend into a group, created where it does not exist; `close` on it comes back here."""
        group = self.create_group(name)
        group._opened_from = self
        return group

    def close(self) -> GenericStorage:
        """Come back from a group that `open` gave, or close the storage where this is its root."""
        if self._opened_from is not None:
            return self._opened_from
        if self._parent is None:
            self._session.close()
        return self

    def __enter__(self) -> Self:
        self._session.check_open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- a mapping -----------------------------------------------------------------------

    @one_access
    def __iter__(self) -> Iterator[str]:
        """Each name as it stands in a path, so that it can be asked for: ``a~1b`` for the name ``a/b``."""
        return iter(self._escaped_names())

    @one_access
    def __len__(self) -> int:
        return len(self.list_nodes()) + len(self.list_groups())

    @one_access
    def __contains__(self, path: object) -> bool:
        try:
            parts = split(cast(str, path))
            group, rest = self._existing(parts) if parts else (self, [])
        except (TypeError, ValueError):
            return False
        if isinstance(group, View):
            return group._has(rest)
        return len(rest) == 1 and group._has(rest[0])

    @public
    def update(self, other: Any = (), /, **more: Any) -> None:
        """Store several things, all or none."""
        with self._session.transaction(explicit=True):
            super().update(other, **more)

    @public
    def clear(self) -> None:
        """Delete all that is in this group, or nothing of it; what is deleted is not looked at."""
        with self._session.transaction(explicit=True):
            for name in self._all_names():
                self._remove(Name(name))

    @public
    def popitem(self) -> tuple[str, Any]:
        """Delete what was listed last, and return its name and the real thing."""
        with self._session.transaction():
            names = list(self)
            if not names:
                raise PathNotFoundError(f"{self._session.file}: {self.path or 'the top level'} is empty.")
            return names[-1], self.pop(names[-1])

    @public
    def pop(self, path: str, *default: Any) -> Any:
        """Delete what is at a path and return it, the real thing."""
        if default and path not in self:
            return default[0]
        with self._session.transaction():
            value = self.load(path)
            del self[path]
            return value

    @public
    def setdefault(self, path: str, default: Any = None) -> Any:
        """Return what is stored at a path, after storing `default` where nothing is."""
        if path in self:
            return self[path]
        with self._session.transaction():
            if path not in self:
                self[path] = default
            return self[path]

    def _ipython_key_completions_(self) -> list[str]:
        return list(self)

    @property
    def metadata(self) -> Metadata:
        """The metadata of this group, to be read and changed; `storage[path].metadata` is that of an object."""
        return Metadata(GroupMetadata(self))

    def _metadata_at(self, path: str) -> Metadata | None:
        """The metadata of the group or stored object that a path leads to, or into; None for a native value."""
        group, rest = self._existing(split(path)) if path else (self, [])
        if isinstance(group, View):
            return group.metadata
        stored = group._stored_object(rest)
        if stored is not None:
            return Metadata(RecordMetadata(stored))
        found = group._child(rest[0]) if len(rest) == 1 else group if not rest else None
        return found.metadata if isinstance(found, GenericStorage) else None

    @contextmanager
    def _looking(self, path: str = "") -> Iterator[Branch]:
        from pyiron_storage.model.group_branches import branch_at

        with self._session.access:
            yield branch_at(self, path)

    def __repr__(self) -> str:
        state = "closed " if self._session.closed else ""
        return f"<{state}{type(self).__name__} {self._session.file!r}, group {self.path or '/'!r}>"

    # -- looking ------------------------------------------------------------------------

    @one_access
    def info(self, path: str = "") -> NodeInfo:
        """Say what is at a path: kind, type, dtype, shape and size, without loading or importing it."""
        group, rest = self._existing(split(path)) if path else (self, [])
        if isinstance(group, View):
            return group.info(join(rest))
        if rest and not group._has(rest[0]):
            raise group._missing(rest[0])
        if len(rest) == 1 and group._has_node(rest[0]):
            return group._info(Name(rest[0]))
        stored = group._stored_object(rest)
        if stored is not None:
            return info(stored.place())
        return NodeInfo("group", "group", size=len(cast(Sized, group._child(rest[0]) if rest else group)))

    def walk(self) -> Iterator[tuple[str, NodeInfo]]:
        """Yield path and info of everything in this group, however deep; imports nothing.

        Examples
        --------
        >>> import pyiron_storage as ps
        >>> storage = ps.MemoryStorage()
        >>> storage["results"] = {"energy": -3.5, "steps": [1, 2]}
        >>> [(path, found.kind) for path, found in storage.walk()][:3]
        [('results', 'dict'), ('results/energy', 'value'), ('results/steps', 'list')]
        """
        nodes, groups = self._walked()
        yield from nodes
        for name in groups:
            if self._has(name):  # else it was deleted meanwhile
                yield from self._walk_in(name)

    @one_access
    def _walked(self) -> tuple[list[tuple[str, NodeInfo]], list[str]]:
        """The nodes of this group with their infos, and the names of the groups."""
        nodes = [(join((*self._location, name)), self._info(Name(name))) for name in self.list_nodes()]
        return nodes, self.list_groups()

    def _walk_in(self, name: str) -> Iterator[tuple[str, NodeInfo]]:
        """What `walk` lists of a group or stored object, as it is at one time."""
        with self._session.access:
            stored = self._stored_object([name])
            if stored is not None:
                return walk(stored.place(), (*self._location, name))
            found = self._child(name)
            return chain([(found.path, NodeInfo("group", "group", size=len(found)))], found.walk())
