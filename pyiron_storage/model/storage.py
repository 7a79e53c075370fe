"""The storage model: `GenericStorage`, the base of every back-end.

A storage is a group; it has nodes, which hold values, and groups.  A back-end
implements seven methods for plain names and native values, as in tinybase; this
base adds paths, the storing of any object as a record, live views, transactions,
and the manners of a mapping.
"""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import AbstractContextManager, contextmanager
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self, cast

import numpy as np

import pyiron_storage.records.rules as _rules  # noqa: F401  registers the built-in rules
from pyiron_storage.arrays.array_handle import ArrayHandle
from pyiron_storage.arrays.checks import Check
from pyiron_storage.arrays.native_array import NativeArray, WholeArray
from pyiron_storage.errors import (
    InvalidNameError,
    NoObjectError,
    NotAContainerError,
    NotAnArrayError,
    PathNotFoundError,
    TransactionError,
    UnsupportedOperationError,
)
from pyiron_storage.model.group_signature import copy_signature, is_signed, sign
from pyiron_storage.model.metadata import Metadata, new_metadata
from pyiron_storage.model.metadata_places import GroupMetadata, RecordMetadata
from pyiron_storage.model.options import take_common
from pyiron_storage.model.session import Location, Session, Shared, Transaction
from pyiron_storage.model.shown import Shown
from pyiron_storage.model.stored_object import GroupStore, StoredObject, encoder_options
from pyiron_storage.model.views import View
from pyiron_storage.paths import METADATA, SIGNATURE, Name, check_name, escape, join, not_found, split
from pyiron_storage.provenance.environment import environment
from pyiron_storage.records.array_part import RecordArray
from pyiron_storage.records.document import MAGIC, ROOT, Record
from pyiron_storage.records.encoder import Encoder
from pyiron_storage.records.gate import Gate
from pyiron_storage.records.navigate import NodeInfo, info
from pyiron_storage.records.places import Place
from pyiron_storage.records.rule import qualified_name
from pyiron_storage.records.walking import walk

if TYPE_CHECKING:
    from pyiron_storage.looking.branches import Branch

NATIVE_TYPES: Final = frozenset([type(None), bool, int, float, complex, str, bytes, np.ndarray])
"""What a back-end may store natively, by exact type."""

Array = np.ndarray[Any, Any]


def one_access(method: Callable[..., Any]) -> Callable[..., Any]:
    """Let a method be one access: all that it reads is of one commit."""

    @functools.wraps(method)
    def inside(self: GenericStorage, *arguments: Any, **options: Any) -> Any:
        with self._session.access:
            return method(self, *arguments, **options)

    return inside


def _own_names(native: Callable[..., Any]) -> Callable[..., Any]:
    """Let a back-end's method see plain names only; anything else goes the way of paths."""
    by_path = {"__getitem__": "_get_path", "__delitem__": "_delete_path", "create_group": "_create_path"}

    @functools.wraps(native)
    def method(self: GenericStorage, path: str) -> Any:
        if type(path) is Name:
            with self._session.access:
                return self._adopt(native(self, path))
        return getattr(self, by_path[native.__name__])(path)

    return method


def _own_lists(native: Callable[..., list[str]]) -> Callable[..., list[str]]:
    """Leave what is reserved out of a back-end's list of names."""

    @functools.wraps(native)
    def method(self: GenericStorage) -> list[str]:
        with self._session.access:
            try:
                return [name for name in native(self) if name not in (METADATA, SIGNATURE)]
            except KeyError:
                raise self._gone() from None

    return method


class GenericStorage(Shown, MutableMapping[str, Any], ABC):
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
    _parent: GenericStorage | None = None
    _opened_from: GenericStorage | None = None
    _own_session: Session | None = None
    _own_location: Location | None = None

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for method in ("__getitem__", "__delitem__", "create_group"):
            if method in vars(cls):
                setattr(cls, method, _own_names(vars(cls)[method]))
        for method in ("list_nodes", "list_groups"):
            if method in vars(cls):
                setattr(cls, method, _own_lists(vars(cls)[method]))

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

    def _begin_access(self) -> None:
        """Keep other processes from committing while something is read; called on the root only, as the next five."""

    def _end_access(self) -> None:
        """Let other processes commit again."""

    def _begin(self) -> None:
        """Prepare for changes."""

    def _commit(self) -> None:
        """Make the changes since `_begin` last."""

    def _rollback(self) -> None:
        """Take back the changes since `_begin`; a back-end that cannot leaves this out."""

    def _close(self) -> None:
        """Give the resource back."""

    def _understood(self, error: BaseException) -> BaseException:
        """Return what an error means, where the library under a back-end raised it; else itself."""
        return error

    def _destroy(self) -> None:
        """Remove the file or directory, and nothing that others put there; called on an open root."""
        raise UnsupportedOperationError(f"{self._session.file}: this back-end does not delete its files.")

    # -- what a back-end may do better -------------------------------------------

    def _has_node(self, name: str) -> bool:
        return name in self.list_nodes()

    def _has_group(self, name: str) -> bool:
        return name in self.list_groups()

    def _first_names(self, count: int) -> tuple[list[str], int]:
        """The first names in this group, and how many there are."""
        names = self._all_names()
        return names[:count], len(names)

    def _read_text(self, name: Name) -> bytes:
        """The UTF-8 bytes of a text node."""
        return cast(str, self[name]).encode()

    def _write_text(self, name: Name, text: bytes) -> None:
        self._set(name, text.decode())

    def _info(self, name: Name) -> NodeInfo:
        """Say what a native node is."""
        return value_info(self[name])

    def _open_array(self, name: Name) -> NativeArray:
        """The array of a native node, to be read and changed in part."""
        return WholeArray(self, name)

    def _new_array(self, name: Name, dtype: np.dtype[Any], shape: tuple[int, ...]) -> NativeArray | None:
        """A new array under a free name, to be written in pieces; None where the back-end only takes whole ones.

        Raises
        ------
        TypeError
            If the back-end does not store such arrays natively.
        """
        return None

    @property
    def _is_foreign(self) -> bool:
        """Whether this group of the back-end is an object that another library stored, in a form of its own."""
        return False

    def _raw_names(self) -> list[str]:
        """The names of all that is in this group, also of what cannot be read or is reserved."""
        return self._all_names()

    def _protection(self, name: Name) -> Check | bool:
        """The checksums of a node; where it has none of its own, whether what it stands in has some."""
        del name
        return False

    def _copy_to(self, name: Name, target: GenericStorage) -> None:
        """Copy what is under a name, as it is, to a group of another storage of the same back-end."""
        found = self[name]
        if isinstance(found, GenericStorage):
            found._copy_all_to(target.create_group(name))
        else:
            target._set(name, found)

    def _copy_all_to(self, target: GenericStorage) -> None:
        """Copy all that is in this group, as it is, to a group of another storage of the same back-end."""
        for name in self._raw_names():
            self._copy_to(Name(name), target)

    @classmethod
    def _open_damaged(cls, filename: str, **options: Any) -> tuple[GenericStorage, list[str]]:
        """Open a file to see what of it is whole; return it, and the paths of what was lost on the way."""
        return cls(filename, "r", **options), []  # type: ignore[call-arg]

    def _lost(self) -> list[str]:
        """The names of what stood in this group and is not whole, where that shows when it is opened."""
        return []

    def _compact(self) -> None:
        """Give space back in place; called on the root of a back-end that needs no new file for it."""
        raise UnsupportedOperationError(f"{self._session.file}: this back-end does not compact its files.")

    def _save(self, path: str, value: Any) -> None:
        """Store what `save` is given: in place of what is at a path, and of nothing else."""
        self[path] = value

    def _start(
        self,
        file: str,
        *,
        shared: Shared | None = None,
        read_only: bool = False,
        in_memory: bool = False,
        **options: Any,
    ) -> None:
        """Say, in the constructor of a root, which file it is and what was asked for."""
        self._own_session = Session(
            self, file, shared=shared, read_only=read_only, options=options, in_memory=in_memory
        )

    def _begin_anew(self, clear: Callable[[], None]) -> None:
        """Let `clear` empty the storage, as a transaction."""
        with self._session.transaction():
            self._session.records.clear()
            clear()

    def _reopening(self) -> tuple[Callable[..., GenericStorage], tuple[Any, ...], dict[str, Any]]:
        """How another process opens the same storage: what to call, and with what."""
        raise UnsupportedOperationError(
            f"{self._session.file}: this storage ({type(self).__name__}) cannot be handed to another process. Save "
            "what is in it to a file, and hand that over."
        )

    def __reduce__(self) -> Any:
        self._session.check_open()
        root = self._session.root
        assert isinstance(root, GenericStorage)
        return _reopened, (*root._reopening(), self._location)

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
        return found.to_object() if isinstance(found, (View, GenericStorage)) else found

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
    def _find_array(self, parts: list[str], full: str) -> NativeArray:
        group, rest = self._existing(parts) if parts else (self, [])
        if isinstance(group, View):
            return group._find_array(rest)
        stored = group._stored_object(rest)
        if stored is not None:
            return RecordArray(stored.place(), full)
        if len(rest) != 1 or not group._has(rest[0]):
            if rest:
                raise group._missing(rest[0])
            raise NotAnArrayError(f"{self._session.file}: {full or 'the top level'} is a group, not an array.")
        found = group.info(escape(rest[0]))
        if found.kind != "array" or "O" in str(found.dtype):
            what = "an array of objects" if found.kind == "array" else f"a {found.type}, not an array"
            raise NotAnArrayError(f"{self._session.file}: {full!r} is {what}; storage[path] shows what is there.")
        return group._open_array(Name(rest[0]))

    def _stored_object(self, parts: list[str]) -> StoredObject | None:
        """The object that is stored as a record under one name of this group."""
        if len(parts) != 1 or type(parts[0]) is not str or not self._has_group(parts[0]):
            return None
        found = StoredObject(self, parts[0])
        return found if found.find() is not None else None

    @one_access
    def to_object(self) -> Any:
        """Restore the `Storable` that was stored into this very group by its `store` method.

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
        return self._type_of(f"{module}:{name}").restore(self, version)

    def _type_of(self, name: str) -> Any:
        """The class that stored itself into this group, where it may be imported."""
        record = Record()
        record.place, record.path = f"{self._session.file}: {self.path}", self.path
        record.signing.trusted = is_signed(self)
        entry = {"name": name}
        record.replace(ROOT, {"$": "storable", "type": record.type_number(entry)})
        return Gate(record, self._session.admission).find(entry, called=True)

    @one_access
    def _get_path(self, path: str) -> Any:
        parts = split(path)
        found: Any = self
        for done, part in enumerate(parts):
            if isinstance(found, View):
                return found._item(parts[done:])
            if not isinstance(found, GenericStorage):
                raise NotAContainerError(
                    f"{self._session.file}: {join(parts[:done])} is a {type(found).__name__} and has no parts, "
                    f"so {join(parts[done:])!r} is not in it."
                )
            found = found._child(part)
        return found

    def _child(self, part: str) -> Any:
        """What one name of this group stands for: a value, a group, or the view of an object."""
        if type(part) is not str:
            raise self._missing(part)
        if (*self._location, part) in self._session.records:
            return StoredObject(self, part).item()
        try:
            found = self[Name(part)]
        except KeyError:
            raise self._missing(part) from None
        if not isinstance(found, GenericStorage):
            return found
        record = found._open_record()
        if record is None:
            return found
        self._session.records[(*self._location, part)] = record
        return StoredObject(self, part).item()

    def _missing(self, part: str) -> PathNotFoundError:
        try:
            names = list(self)
        except PathNotFoundError:
            return self._gone()
        return not_found(part, self.path, names, self._session.file)

    def _gone(self) -> PathNotFoundError:
        return PathNotFoundError(f"{self._session.file}: the group {self.path!r} was deleted or replaced.")

    @one_access
    def _has(self, part: str) -> bool:
        try:
            return type(part) is str and (self._has_node(part) or self._has_group(part))
        except KeyError:
            raise self._gone() from None

    def _record_text(self) -> bytes | None:
        """The document of the object that is stored in this group; None where it is a group that a user made."""
        if not self._has_node("record"):
            return None
        try:
            text = self._read_text(Name("record"))
        except (AttributeError, TypeError):
            return None
        return text if text.startswith(MAGIC) else None

    def _has_record(self) -> bool:
        """Whether this group of the back-end is a stored object, not a group that a user made."""
        return self._record_text() is not None

    def _open_record(self) -> Record | None:
        """The record of the object that is stored in this group of the back-end, if one is."""
        text = self._record_text()
        return None if text is None else Record(GroupStore(self, self._session.file), text)

    def _write_type(self, cls: type, version: str) -> None:
        """Note the class of the `Storable` that stores itself into this group, as tinybase does."""
        self["NAME"], self["MODULE"], self["VERSION"] = cls.__qualname__, cls.__module__, version

    def _sign_object(self) -> None:
        """Sign what a `Storable` stored into this group, so that it can be restored without a question."""
        with self._session.transaction():
            sign(self)

    # -- writing -------------------------------------------------------------------

    def __setitem__(self, path: str, value: Any) -> None:
        """Store any object at a path, in place of what is there; groups on the way are created.

        Raises
        ------
        NotStorableError
            If the object, or something in it, cannot be stored; nothing is changed then.
        """
        parts = split(path)
        if not parts:
            raise InvalidNameError(f"{self._session.file}: an object is stored under a name; {path!r} names none.")
        if isinstance(value, GenericStorage):
            self._copy_group(path, value)
            return
        with self._session.transaction():
            group, rest = self._existing(parts)
            if isinstance(group, View):
                group._set_path(rest, value)
                return
            for name in rest:
                check_name(name)
            prepared = group._prepare(join(rest), value)
            for name in rest[:-1]:
                group = group.create_group(Name(name))
            group._put(Name(rest[-1]), prepared)

    def _copy_group(self, path: str, source: GenericStorage) -> None:
        """Store a copy of a group, of this storage or another, with all that is in it; no class is needed."""
        items = list(source.items())
        with self._session.transaction():
            if path in self:
                del self[path]
            group = self.create_group(path)
            for name, value in items:
                group[name] = value
            copy_signature(source, group)
            if source._has_node(METADATA):
                group._set(Name(METADATA), source[Name(METADATA)])

    def _existing(self, parts: list[str]) -> tuple[GenericStorage | View, list[str]]:
        """How far a path leads before its last part: the last group or view, and what is left of the path."""
        group: GenericStorage = self
        for done, part in enumerate(parts[:-1]):
            if not group._has(part):
                return group, parts[done:]
            found = group._child(part)
            if isinstance(found, View):
                return found, parts[done + 1 :]
            if not isinstance(found, GenericStorage):
                raise NotAContainerError(
                    f"{self._session.file}: {join(parts[: done + 1])} holds a {type(found).__name__}, so nothing can "
                    f"be stored in it. Delete it first, or choose another path."
                )
            group = found
        return group, parts[-1:]

    def _prepare(self, path: str, value: Any) -> Any:
        """What is to be written: the value itself where it may be native, else its record."""
        is_native = type(value) in NATIVE_TYPES and not (type(value) is np.ndarray and value.dtype.hasobject)
        looks_like_a_record = type(value) is str and value.startswith(MAGIC.decode())
        stays_native = is_native and not looks_like_a_record and not self._session.options.get("metadata")
        return value if stays_native else self._encode(path, value)

    def _encode(self, path: str, value: Any) -> Record:
        given = self._session.options.get("metadata")
        if not given and isinstance(value, View) and (whole := value._whole_record()) is not None:
            return whole.copy()
        record = Record()
        record.header.update(environment=environment(), metadata=new_metadata(given, value))
        where = "/".join(filter(None, [self.path, path]))
        Encoder(record, where, **encoder_options(self._session)).root(value)
        return record

    def _put(self, name: Name, prepared: Any) -> None:
        """Write a native value or a record under a name, in place of what is there."""
        if self._has_group(name):
            self._remove(name)
        if not isinstance(prepared, Record):
            try:
                self._set(name, prepared)
                return
            except TypeError:
                prepared = self._encode(name, prepared)
        self._put_record(name, prepared)

    def _put_record(self, name: Name, record: Record) -> None:
        if self._has_node(name):
            del self[name]
        record.flush(GroupStore(self.create_group(name), self._session.file))
        self._session.records[(*self._location, str(name))] = record

    def _remove(self, name: Name) -> None:
        self._session.forget((*self._location, str(name)))
        del self[name]

    def _delete_path(self, path: str) -> None:
        parts = split(path)
        if not parts:
            raise InvalidNameError(f"{self._session.file}: say what to delete; {path!r} names nothing.")
        with self._session.transaction():
            group, rest = self._existing(parts)
            if isinstance(group, View):
                group._delete_path(rest)
                return
            if not group._has(rest[0]) or len(rest) > 1:
                raise group._missing(rest[0])
            group._remove(Name(rest[0]))

    @one_access
    def _create_path(self, path: str) -> GenericStorage:
        group: GenericStorage = self
        parts = split(path)
        for part in parts:
            check_name(part)
        for part in parts:
            if group._has(part):
                found = group._child(part)
                if not isinstance(found, GenericStorage):
                    raise NotAContainerError(
                        f"{self._session.file}: {join([*group._location, part])} holds an object or a value, so it "
                        "cannot be a group. Delete it first, or choose another name."
                    )
                group = found
            else:
                with self._session.transaction():
                    group = group.create_group(Name(part))
        return group

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
        return iter(list(map(escape, self._all_names())))

    def _all_names(self) -> list[str]:
        return [*self.list_nodes(), *self.list_groups()]

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

    def pop(self, path: str, *default: Any) -> Any:
        """Delete what is at a path and return it, the real thing."""
        if default and path not in self:
            return default[0]
        with self._session.transaction():
            value = self.load(path)
            del self[path]
            return value

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
        found = group._child(rest[0]) if rest else group
        if isinstance(found, GenericStorage):
            return NodeInfo("group", "group", size=len(found))
        return info(Place.root(self._session.records[*group._location, rest[0]]))

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
            found = self._child(name)
            if isinstance(found, GenericStorage):
                return chain([(found.path, NodeInfo("group", "group", size=len(found)))], found.walk())
            location = (*self._location, name)
            return walk(Place.root(self._session.records[location]), location)

    # -- where it is -----------------------------------------------------------------------

    @property
    def path(self) -> str:
        """The path of this group from the root, which itself has an empty path."""
        return join(self._location)

    @property
    def _location(self) -> Location:
        if self._own_location is None:
            self._own_location = () if self._parent is None else (*self._parent._location, str(self.name))
        return self._own_location

    @property
    def _session(self) -> Session:
        if self._own_session is None:
            self._own_session = (
                self._parent._session if self._parent is not None else Session(self, type(self).__name__)
            )
        return self._own_session

    def _adopt(self, found: Any) -> Any:
        """Tell a group that the back-end made which group it is in."""
        if isinstance(found, GenericStorage) and found is not self and found._parent is None:
            found._parent = self
        return found


def _reopened(
    opener: Callable[..., GenericStorage],
    arguments: tuple[Any, ...],
    options: dict[str, Any],
    location: Location,
) -> GenericStorage:
    """The storage, or the group of it, that another process pickled."""
    common = take_common(options)
    storage = opener(*arguments, **options)
    storage._session.options.update(common)
    for name in location:
        storage = storage[Name(name)]
    return storage


def value_info(value: Any) -> NodeInfo:
    """Say what a native value is."""
    if isinstance(value, np.ndarray):
        return NodeInfo("array", "numpy.ndarray", value.dtype.str, value.shape, value.nbytes)
    if isinstance(value, str):
        return NodeInfo("value", "str", size=len(value.encode("utf-8", "surrogatepass")))
    size = len(value) if isinstance(value, bytes) else 0 if value is None else np.asarray(value).nbytes
    return NodeInfo("value", qualified_name(type(value)), size=size)
