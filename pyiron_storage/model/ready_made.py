"""Ready-made kinds of `Storable`, with tinybase's names."""

from __future__ import annotations

import base64
import pickle
from typing import Any, Self

from pyiron_storage.model.storable import Storable
from pyiron_storage.model.storage import GenericStorage


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
