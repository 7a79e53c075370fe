"""A group as a back-end knows it: plain names, native values, and what holds them.

`BackendGroup` says what a back-end implements and what it may do better than the
base does; the layers above add stored objects (`ObjectGroup`) and the manners of a
mapping (`GenericStorage`).
"""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Self, cast

import numpy as np

from pyiron_storage.arrays.checks import Check
from pyiron_storage.arrays.native_array import NativeArray, WholeArray
from pyiron_storage.errors import PathNotFoundError, StorageError, UnsupportedOperationError
from pyiron_storage.model.options import take_common
from pyiron_storage.model.session import Location, Session, Shared
from pyiron_storage.paths import METADATA, SIGNATURE, Name, join
from pyiron_storage.public import begin_here
from pyiron_storage.records.dtypes import shown_dtype
from pyiron_storage.records.navigate import NodeInfo
from pyiron_storage.records.rule import qualified_name


def one_access(method: Callable[..., Any]) -> Callable[..., Any]:
    """Let a method be one access: all that it reads is of one commit."""

    @functools.wraps(method)
    def inside(self: BackendGroup, *arguments: Any, **options: Any) -> Any:
        try:
            with self._session.access:
                return method(self, *arguments, **options)
        except StorageError as error:
            begin_here(error)
            raise

    return inside


def _own_names(native: Callable[..., Any]) -> Callable[..., Any]:
    """Let a back-end's method see plain names only; anything else goes the way of paths."""
    by_path = {"__getitem__": "_get_path", "__delitem__": "_delete_path", "create_group": "_create_path"}

    @functools.wraps(native)
    def method(self: BackendGroup, path: str) -> Any:
        if type(path) is Name:
            with self._session.access:
                return self._adopt(native(self, path))
        try:
            return getattr(self, by_path[native.__name__])(path)
        except StorageError as error:
            begin_here(error)
            raise

    return method


def _own_lists(native: Callable[..., list[str]]) -> Callable[..., list[str]]:
    """Leave what is reserved out of a back-end's list of names."""

    @functools.wraps(native)
    def method(self: BackendGroup) -> list[str]:
        with self._session.access:
            try:
                return [name for name in native(self) if name not in (METADATA, SIGNATURE)]
            except KeyError:
                raise self._gone() from None

    return method


def _making(constructor: Callable[..., None]) -> Callable[..., None]:
    """Let a constructor say while it is at work that it is."""

    @functools.wraps(constructor)
    def make(self: BackendGroup, *arguments: Any, **options: Any) -> None:
        before, self._is_being_made = self._is_being_made, True
        try:
            constructor(self, *arguments, **options)
        finally:
            self._is_being_made = before

    return make


class BackendGroup(ABC):
    """A group of a back-end, with plain names; the root is the storage."""

    _parent: BackendGroup | None = None
    _own_session: Session | None = None
    _own_location: Location | None = None

    _is_being_made = False
    """Whether the constructor is at work, which may give a back-end attributes."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "__init__" in vars(cls):
            type.__setattr__(cls, "__init__", _making(vars(cls)["__init__"]))
        for method in ("__getitem__", "__delitem__", "create_group"):
            if method in vars(cls):
                setattr(cls, method, _own_names(vars(cls)[method]))
        for method in ("list_nodes", "list_groups"):
            if method in vars(cls):
                setattr(cls, method, _own_lists(vars(cls)[method]))

    # -- what a back-end implements ---------------------------------------------

    @abstractmethod
    def __getitem__(self, path: str) -> Any: ...
    @abstractmethod
    def _set(self, name: str, value: Any) -> None: ...
    @abstractmethod
    def __delitem__(self, path: str) -> None: ...
    @abstractmethod
    def create_group(self, path: str) -> Any: ...
    @abstractmethod
    def list_nodes(self) -> list[str]: ...
    @abstractmethod
    def list_groups(self) -> list[str]: ...
    @property
    @abstractmethod
    def name(self) -> str: ...

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

    def _all_names(self) -> list[str]:
        return [*self.list_nodes(), *self.list_groups()]

    def _has_node(self, name: str) -> bool:
        return name in self.list_nodes() or (name in (METADATA, SIGNATURE) and self._has_reserved(Name(name)))

    def _has_reserved(self, name: Name) -> bool:
        """Whether there is a node that no list has."""
        try:
            self[name]
        except KeyError:
            return False
        return True

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

    def _copy_to(self, name: Name, target: Self) -> None:
        """Copy what is under a name, as it is, to a group of another storage of the same back-end."""
        found = self[name]
        if isinstance(found, BackendGroup):
            found._copy_all_to(target.create_group(name))
        else:
            target._set(name, found)

    def _copy_all_to(self, target: Self) -> None:
        """Copy all that is in this group, as it is, to a group of another storage of the same back-end."""
        for name in self._raw_names():
            self._copy_to(Name(name), target)

    def _lost(self) -> list[str]:
        """The names of what stood in this group and is not whole, where that shows when it is opened."""
        return []

    def _compact(self) -> None:
        """Give space back in place; called on the root of a back-end that needs no new file for it."""
        raise UnsupportedOperationError(f"{self._session.file}: this back-end does not compact its files.")

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

    def _reopening(self) -> tuple[Callable[..., BackendGroup], tuple[Any, ...], dict[str, Any]]:
        """How another process opens the same storage: what to call, and with what."""
        raise UnsupportedOperationError(
            f"{self._session.file}: this storage ({type(self).__name__}) cannot be handed to another process. Save "
            "what is in it to a file, and hand that over."
        )

    def __reduce__(self) -> Any:
        self._session.check_open()
        root = self._session.root
        assert isinstance(root, BackendGroup)
        return _reopened, (*root._reopening(), self._location)

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

    def _gone(self) -> PathNotFoundError:
        return PathNotFoundError(f"{self._session.file}: the group {self.path!r} was deleted or replaced.")

    def _adopt(self, found: Any) -> Any:
        """Tell a group that the back-end made which group it is in."""
        if isinstance(found, BackendGroup) and found is not self and found._parent is None:
            found._parent = self
        return found


def _reopened(
    opener: Callable[..., BackendGroup],
    arguments: tuple[Any, ...],
    options: dict[str, Any],
    location: Location,
) -> BackendGroup:
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
        return NodeInfo("array", "numpy.ndarray", shown_dtype(value.dtype), value.shape, value.nbytes)
    if isinstance(value, str):
        return NodeInfo("value", "str", size=len(value.encode("utf-8", "surrogatepass")))
    size = len(value) if isinstance(value, bytes) else 0 if value is None else np.asarray(value).nbytes
    return NodeInfo("value", qualified_name(type(value)), size=size)
