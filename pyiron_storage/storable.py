"""Classes that put themselves away: `Storable` and its ready-made kinds.

The model and the names are tinybase's.  A class implements ``_store`` and
``_restore``; ``storage["wf"] = workflow`` calls them with a group that is made of
the record itself, so that thousands of nested storables cost microseconds each.
"""

from __future__ import annotations

import base64
import copyreg
import functools
import importlib.metadata
import operator
import pickle
import sys
from abc import ABC, abstractmethod
from typing import Any, Self

from pyiron_storage.errors import NoObjectError, NotStorableError, RestoreError, StorageError
from pyiron_storage.paths import check_name, split
from pyiron_storage.records.decoder import Decoder
from pyiron_storage.records.document import Node
from pyiron_storage.records.encoder import Encoder, Refusal
from pyiron_storage.records.navigate import is_value, parts_of, rule_of
from pyiron_storage.records.parts import ObjectParts, Parts, Place
from pyiron_storage.records.rule import NO_SHELL, REGISTRY, Rule
from pyiron_storage.records.rules.objects import type_number
from pyiron_storage.records.views import DictView, ListView, SetView, TupleView, View, make_view
from pyiron_storage.storage import GenericStorage, Name


class Storable(ABC):
    """Base of classes that know best how to put themselves into a storage.

    A subclass implements `_store` and either `_restore` or, where its objects
    hold each other in a cycle, `_restore_into`.

    Examples
    --------
    >>> import pyiron_storage as ps
    >>> class Cell(ps.Storable):
    ...     def __init__(self, a, b):
    ...         self.a, self.b = a, b
    ...     def _store(self, storage):
    ...         storage["edges"] = [self.a, self.b]
    ...     @classmethod
    ...     def _restore(cls, storage, version):
    ...         return cls(*storage["edges"])
    >>> storage = ps.MemoryStorage()
    >>> storage["cell"] = Cell(3.6, 4.0)
    >>> storage["cell/edges/0"]
    3.6
    >>> storage.load("cell").b
    4.0
    """

    storage_version: str | None = None
    """The version that is written; None stands for the version of the package that has the class."""

    @abstractmethod
    def _store(self, storage: GenericStorage) -> None:
        """Put what this object needs into `storage`, an empty group."""

    @classmethod
    def _restore(cls, storage: GenericStorage, version: str) -> Any:
        """Return an object from what `_store` put into `storage`.

        Parameters
        ----------
        storage : GenericStorage
            ``storage.load(name)`` gives the real thing, whatever it is. Item access
            gives numbers, text, arrays, lists and dicts as they are, and a group for
            another object, whose `to_object` gives it.
        version : str
            What `storage_version` was when the object was stored.
        """
        raise RestoreError(f"{cls.__qualname__} implements neither _restore nor _restore_into.")

    def _restore_into(self, storage: GenericStorage, version: str) -> None:
        """Fill this empty instance; the way to restore objects that hold each other in a cycle."""
        raise RestoreError(f"{type(self).__qualname__} does not implement _restore_into.")

    def store(self, storage: GenericStorage, group_name: str | None = None) -> None:
        """Store this object into a group.

        Parameters
        ----------
        storage : GenericStorage
            The group to write to.
        group_name : str, optional
            Descend into this group first.

        Examples
        --------
        >>> import pyiron_storage as ps
        >>> storage = ps.MemoryStorage()
        >>> ps.ListStorable([1, 2]).store(storage, "numbers")
        >>> storage["numbers"].to_object()
        [1, 2]
        """
        if group_name is not None:
            storage = storage.create_group(group_name)
        self._store_type(storage)
        self._store(storage)

    def _store_type(self, storage: GenericStorage) -> None:
        cls = type(self)
        storage._write_type(cls, self.storage_version or version_of(cls.__module__))

    @classmethod
    def restore(cls, storage: GenericStorage, version: str) -> Any:
        """Restore an object of this class from a group.

        Raises
        ------
        RestoreError
            If `_restore` raises; its error is the cause.
        """
        if not isinstance(storage, (RestoringGroup, RestoringStorage)):
            storage = RestoringStorage(storage)
        if _fills_instances(cls):
            instance = cls.__new__(cls)
            _fill(instance, storage, version)
            return instance
        return _settled(_called(cls, cls._restore, storage, version))


def _fills_instances(cls: type[Storable]) -> bool:
    return cls._restore_into is not Storable._restore_into


def _fill(instance: Storable, storage: GenericStorage, version: str) -> None:
    _called(type(instance), instance._restore_into, storage, version)
    _settled(instance)


def _called(cls: type, restore: Any, storage: GenericStorage, version: str) -> Any:
    try:
        return restore(storage, version)
    except StorageError:
        raise
    except Exception as error:
        raise RestoreError(
            f"{storage._session.file}: {storage.path or 'the group'} could not be restored as {cls.__qualname__}: "
            f"{type(error).__name__}: {error}"
        ) from error


def _settled(obj: Any) -> Any:
    """Put the real list or dict where a class kept what `storage[name]` gave: no restored object holds a view."""
    attributes = getattr(obj, "__dict__", {})
    attributes.update({name: _plain(value, set()) for name, value in attributes.items() if type(value) in _MAY_HOLD})
    for slot in copyreg._slotnames(type(obj)):  # type: ignore[attr-defined]
        if type(value := getattr(obj, slot, None)) in _MAY_HOLD:
            setattr(obj, slot, _plain(value, set()))
    return obj


def _plain(value: Any, seen: set[int]) -> Any:
    """A value with the real thing for each view in it, in the same list or dict where it was one."""
    if isinstance(value, View):
        return value.to_object()
    if type(value) not in _MAY_HOLD or id(value) in seen:
        return value
    seen.add(id(value))
    if type(value) is tuple:
        plain = tuple(_plain(inner, seen) for inner in value)
        return value if all(map(operator.is_, plain, value)) else plain
    for key, inner in list(value.items() if type(value) is dict else enumerate(value)):
        if type(inner) in _MAY_HOLD:
            value[key] = _plain(inner, seen)
    return value


_MAY_HOLD = frozenset([list, dict, tuple, ListView, DictView, TupleView, SetView])


@functools.cache
def version_of(module: str) -> str:
    """The version of the package that a module is in: of its distribution, else its ``__version__``, else ``"0"``."""
    package = module.partition(".")[0]
    try:
        return importlib.metadata.version(package)
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return str(getattr(sys.modules.get(package), "__version__", "0"))


# -- the groups that classes store into and restore from ---------------------------


class StoringGroup(GenericStorage):
    """The group of a record that is being made: what is put here becomes nodes of the record."""

    def __init__(self, encoder: Encoder, node: dict[str, Node], name: str) -> None:
        self._encoder, self._node, self._name = encoder, node, name
        self._values: dict[str, Any] = {}

    @property
    def name(self) -> str:
        return self._name

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def _set(self, name: str, value: Any) -> None:
        self._encoder.hint = name
        self._node["nodes"][str(name)] = self._encoder.encode(value)
        self._values[str(name)] = value

    def __setitem__(self, path: str, value: Any) -> None:
        parts = split(path)
        group: StoringGroup = self
        for part in map(check_name, parts[:-1]):
            group = group.create_group(Name(part))
        try:
            group._set(check_name(parts[-1]), value)
        except Refusal as refusal:
            refusal.parts.extend(reversed(parts))
            raise

    def __delitem__(self, name: str) -> None:
        del self._values[name]
        del self._node["nodes"][name]

    def create_group(self, name: str) -> StoringGroup:
        known = self._values.get(str(name))
        if not isinstance(known, StoringGroup):
            node = self._node["nodes"][str(name)] = {"$": "group", "nodes": {}}
            known = self._values[str(name)] = StoringGroup(self._encoder, node, str(name))
        return known

    def list_nodes(self) -> list[str]:
        return [name for name, value in self._values.items() if not isinstance(value, StoringGroup)]

    def list_groups(self) -> list[str]:
        return [name for name, value in self._values.items() if isinstance(value, StoringGroup)]

    def _has_record(self) -> bool:
        return False

    def _write_type(self, cls: type, version: str) -> None:
        self._node.update({"type": type_number(cls, self._encoder), "version": version, "nodes": {}})


class _Readable(GenericStorage):
    """What the two groups that objects are restored from share: they are only read."""

    def _set(self, name: str, value: Any) -> None:
        raise NotStorableError(f"{self.path}: an object that is being restored cannot write to its storage.")

    def __delitem__(self, name: str) -> None:
        self._set(name, None)

    def create_group(self, name: str) -> GenericStorage:
        found = self[Name(name)] if self._has_group(name) else None
        if not isinstance(found, GenericStorage):
            self._set(name, None)
        assert isinstance(found, GenericStorage)
        return found

    def _has_record(self) -> bool:
        return False

    def _child(self, part: str) -> Any:
        try:
            return self[Name(part)]
        except KeyError:
            raise self._missing(part) from None


class RestoringGroup(_Readable):
    """A group of a record whose object is being restored.

    Values come out as they are, lists and dicts with their real contents, other
    objects as groups with `to_object`.
    """

    def __init__(self, decoder: Decoder, place: Place, name: str) -> None:
        self._decoder, self._place, self._name = decoder, place, name
        self._start(place.record.place)

    @property
    def name(self) -> str:
        return self._name

    def __getitem__(self, name: str) -> Any:
        place = parts_of(self._place).find(str(name)).follow()
        if is_value(place):
            return self._decoder.at(place)
        if rule_of(place).kind in ("object", "group", "import"):
            return RestoringGroup(self._decoder, place, str(name))
        return make_view(_Here(place, str(name)), (), place, self._decoder)

    def list_nodes(self) -> list[str]:
        return [name for name, place in parts_of(self._place).places() if is_value(place.follow())]

    def list_groups(self) -> list[str]:
        return [name for name, place in parts_of(self._place).places() if not is_value(place.follow())]

    def to_object(self) -> Any:
        return self._decoder.at(self._place)


class RestoringStorage(_Readable):
    """A group of a storage into which an object was stored by hand, for restoring it."""

    def __init__(self, group: GenericStorage) -> None:
        self._group = group
        self._own_session = group._session
        self._own_location = group._location

    @property
    def name(self) -> str:
        return self._group.name

    def __getitem__(self, name: str) -> Any:
        found = self._group._child(str(name))
        if isinstance(found, GenericStorage):
            return RestoringStorage(found)
        if not isinstance(found, View):
            return found
        place = found._place()
        if rule_of(place).kind in ("object", "group", "import"):
            return RestoringGroup(Decoder(place.record), place, str(name))
        return make_view(found._source, (), place, Decoder(place.record))

    def list_nodes(self) -> list[str]:
        return self._group.list_nodes()

    def list_groups(self) -> list[str]:
        return self._group.list_groups()

    def to_object(self) -> Any:
        return self._group.to_object()


class _Here:
    """Gives a view of a part of a record that is being restored its record."""

    def __init__(self, place: Place, name: str) -> None:
        self.file = place.record.place
        self.path: tuple[str, ...] = (name,)
        self._place = place

    def place(self) -> Place:
        return self._place

    def changing(self) -> Any:
        raise NotStorableError(f"{self.file}: an object that is being restored cannot write to its storage.")

    def encoder_options(self) -> dict[str, Any]:
        return {}


# -- how storables stand in records ---------------------------------------------------


class StorableRule(Rule):
    """``{"$":"storable","type":n,"version":"...","nodes":{name:node,...}}``."""

    name = "storable"

    def fill_node(self, obj: Storable, node: Node, encoder: Encoder) -> None:
        obj.store(StoringGroup(encoder, node, encoder.hint))

    def parts(self, place: Place) -> Parts:
        return ObjectParts(place.inner("nodes"))

    def shell(self, node: Node, decoder: Decoder) -> Any:
        cls = decoder.type(node["type"])
        return cls.__new__(cls) if _fills_instances(cls) else NO_SHELL

    def fill(self, shell: Storable, node: Node, decoder: Decoder) -> None:
        _fill(shell, _group(node, decoder), node["version"])

    def decode(self, node: Node, decoder: Decoder) -> Any:
        shell = self.shell(node, decoder)
        if shell is NO_SHELL:
            return decoder.type(node["type"]).restore(_group(node, decoder), node["version"])
        self.fill(shell, node, decoder)
        return shell

    def close_cycle(self, node: Node, decoder: Decoder) -> Any:
        name = decoder.record.type_entry(node["type"])["name"].partition(":")[2]
        raise RestoreError(
            f"{decoder.record.place}: a {name} is in a cycle with itself, and its _restore cannot give it before it is "
            "complete. Implement _restore_into(self, storage, version) instead, which fills an empty instance."
        )


def _group(node: Node, decoder: Decoder) -> RestoringGroup:
    return RestoringGroup(decoder, Place(decoder.record, 0, [node], 0, 0), "")


class GroupRule(Rule):
    """``{"$":"group","nodes":{name:node,...}}``: a group that a storable made in its own."""

    name = "group"
    kind = "group"

    def parts(self, place: Place) -> Parts:
        return ObjectParts(place.inner("nodes"))

    def decode(self, node: Node, decoder: Decoder) -> Any:
        raise NoObjectError(
            f"{decoder.record.place}: this is a plain group inside an object; load what is in it by name: "
            f"{', '.join(map(repr, decoder.object(node['nodes'])))}."
        )


REGISTRY.add(StorableRule(), predicate=lambda cls: issubclass(cls, Storable))
REGISTRY.add(GroupRule())


# -- ready-made storables ----------------------------------------------------------------


class PickleStorable(Storable):
    """Keeps any value as pickle bytes in base64 text, as tinybase did.

    Storages store every object by themselves; this is for files that tinybase
    reads too.

    Examples
    --------
    >>> import pyiron_storage as ps
    >>> storage = ps.MemoryStorage()
    >>> ps.PickleStorable({1, 2}).store(storage, "set")
    >>> storage["set"].to_object() == {1, 2}
    True
    """

    def __init__(self, value: Any) -> None:
        self._value = value

    def _store(self, storage: GenericStorage) -> None:
        storage["pickle"] = base64.encodebytes(pickle.dumps(self._value)).decode()

    @classmethod
    def _restore(cls, storage: GenericStorage, version: str) -> Any:
        return pickle.loads(base64.decodebytes(storage["pickle"].encode()))


class ListStorable(Storable):
    """Keeps a list as one node for each entry, ``index_0``, ``index_1``, ..., as tinybase did.

    Examples
    --------
    >>> import pyiron_storage as ps
    >>> storage = ps.MemoryStorage()
    >>> ps.ListStorable(["a", None]).store(storage, "list")
    >>> storage["list/index_0"]
    'a'
    """

    def __init__(self, value: list[Any]) -> None:
        self._value = value

    def _store(self, storage: GenericStorage) -> None:
        for index, value in enumerate(self._value):
            storage[f"index_{index}"] = value

    @classmethod
    def _restore(cls, storage: GenericStorage, version: str) -> Any:
        names = [name for name in storage if name.startswith("index_")]
        return [storage.load(name) for name in sorted(names, key=lambda name: int(name.removeprefix("index_")))]


class HasHDFAdapaterMixin(Storable):
    """Makes a class with pyiron's ``_to_hdf``, ``_from_hdf`` and ``from_hdf_args`` storable.

    Examples
    --------
    >>> import pyiron_storage as ps
    >>> class Cutoff(ps.HasHDFAdapaterMixin):
    ...     def _to_hdf(self, hdf):
    ...         hdf["value"] = self.value
    ...     def _from_hdf(self, hdf, version=None):
    ...         self.value = hdf["value"]
    ...     @classmethod
    ...     def from_hdf_args(cls, hdf):
    ...         return {}
    >>> cutoff, storage = Cutoff(), ps.MemoryStorage()
    >>> cutoff.value = 520.0
    >>> storage["cutoff"] = cutoff
    >>> storage.load("cutoff").value
    520.0
    """

    def _store(self, storage: GenericStorage) -> None:
        self._to_hdf(storage)  # type: ignore[attr-defined]

    @classmethod
    def _restore(cls, storage: GenericStorage, version: str) -> Self:
        obj = cls(**cls.from_hdf_args(storage))  # type: ignore[attr-defined]
        obj._from_hdf(storage, version)  # type: ignore[attr-defined]
        return obj
