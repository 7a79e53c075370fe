"""Classes that put themselves away: `Storable`.

The model and the names are tinybase's.  A class implements ``_store`` and
``_restore``; ``storage["wf"] = workflow`` calls them with a group that is made of
the record itself, so that thousands of nested storables cost microseconds each.
"""

from __future__ import annotations

import collections
import copyreg
import operator
from abc import ABC, abstractmethod
from typing import Any

from pyiron_storage.errors import NoObjectError, RestoreError, StorageError
from pyiron_storage.model.storable_groups import RestoringGroup, RestoringStorage, StoringGroup
from pyiron_storage.model.storage import GenericStorage
from pyiron_storage.model.stored_by_hand import version_of
from pyiron_storage.model.views import View
from pyiron_storage.public import public
from pyiron_storage.records.decoder import Decoder
from pyiron_storage.records.dict_parts import DictParts
from pyiron_storage.records.document import Node
from pyiron_storage.records.encoder import Encoder
from pyiron_storage.records.hooks import attributes_of
from pyiron_storage.records.parts import Parts
from pyiron_storage.records.places import Place
from pyiron_storage.records.rule import NO_SHELL, REGISTRY, Rule


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

    @public
    def store(self, storage: GenericStorage, group_name: str | None = None) -> None:
        """Store this object into a group, in place of an object that is stored in it; as a whole or not at all.

        Where `_store` raises, or the process dies, all is as it was. Inside a transaction that
        was begun around it, all of that is taken back then, also where the exception is
        caught; ``storage[name] = obj`` changes nothing before `_store` is done, so that a
        transaction around it goes on. (A back-end without transactions keeps what was written.)

        Parameters
        ----------
        storage : GenericStorage
            The group to write to.
        group_name : str, optional
            Descend into this group first.

        Raises
        ------
        StorageExistsError
            If the group holds something else.

        Examples
        --------
        >>> import pyiron_storage as ps
        >>> storage = ps.MemoryStorage()
        >>> ps.ListStorable([1, 2]).store(storage, "numbers")
        >>> storage["numbers"].to_object()
        [1, 2]
        """
        storage._check_type(type(self))
        with storage._one_change():
            if group_name is not None:
                storage = storage.create_group(group_name)
            storage._make_room()
            self._store_type(storage)
            try:
                self._store(storage)
            except StorageError as error:
                error.passed_user_code = True
                raise
            storage._sign_object()

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
    except StorageError as error:
        error.passed_user_code = True
        raise
    except Exception as error:
        raise RestoreError(
            f"{storage._session.file}: {storage.path or 'the group'} could not be restored as {cls.__qualname__}: "
            f"{type(error).__name__}: {error}"
        ) from error


def _settled(obj: Any) -> Any:
    """Put the real list or dict where a class kept what `storage[name]` gave: no restored object holds a view."""
    if isinstance(obj, type):
        return obj
    for name, value in list(attributes_of(obj).items()):
        if isinstance(value, _MAY_HOLD):
            obj.__dict__[name] = _plain(value, set())
    for slot in copyreg._slotnames(type(obj)):  # type: ignore[attr-defined]
        if isinstance(value := getattr(obj, slot, None), _MAY_HOLD):
            setattr(obj, slot, _plain(value, set()))
    return _plain(obj, set())


def _plain(value: Any, seen: set[int]) -> Any:
    """A value with the real thing for each view in it, in the same list or dict where it was one."""
    if isinstance(value, View):
        return value.to_object()
    if not isinstance(value, _MAY_HOLD) or id(value) in seen:
        return value
    seen.add(id(value))
    if isinstance(value, tuple):
        plain = tuple(_plain(inner, seen) for inner in value)
        return value if type(value) is not tuple or all(map(operator.is_, plain, value)) else plain
    for key, inner in list(value.items() if isinstance(value, dict) else enumerate(value)):
        if isinstance(inner, _MAY_HOLD):
            value[key] = _plain(inner, seen)
    return value


_MAY_HOLD = (View, list, dict, tuple, collections.deque)


class StorableRule(Rule):
    """``{"$":"storable","type":n,"version":"...","nodes":{name:node,...}}``."""

    name = "storable"

    def fill_node(self, obj: Storable, node: Node, encoder: Encoder) -> None:
        group = StoringGroup(encoder, node, encoder.hint)
        obj.store(group)
        group.finish()

    def parts(self, place: Place) -> Parts:
        return DictParts(place.inner("nodes").follow())

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

    def close_cycle(self, line: int, node: Node, decoder: Decoder) -> None:
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
        return DictParts(place.inner("nodes").follow())

    def decode(self, node: Node, decoder: Decoder) -> Any:
        raise NoObjectError(
            f"{decoder.record.place}: this is a plain group inside an object; load what is in it by name: "
            f"{', '.join(map(repr, decoder.decode(node['nodes'])))}."
        )


REGISTRY.add(StorableRule(), predicate=lambda cls: issubclass(cls, Storable))
REGISTRY.add(GroupRule())
