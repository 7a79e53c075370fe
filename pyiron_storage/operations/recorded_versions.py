"""`versions`: with which versions of which packages stored objects were made, from the file alone."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pyiron_storage.backends.registry import Backend, backends, in_object
from pyiron_storage.model.storage import GenericStorage
from pyiron_storage.model.views import View
from pyiron_storage.paths import join, split
from pyiron_storage.public import public


@dataclass(frozen=True)
class TypeVersion:
    """A class, function or module that a stored object names, as it was when the object was stored.

    Attributes
    ----------
    name : str
        As ``module.name``.
    package : str or None
        The installed distribution that it came with.
    version : str or None
        Of the distribution, else the ``__version__`` of the top-level module.
    commit : str or None
        The git commit that was checked out, for modules that no distribution has installed.
    changed : bool
        Whether the file of the module differed from that commit.
    source : str or None
        A digest of the source, for what no distribution has installed.
    by_value : bool
        Whether the code is kept in the file.

    Examples
    --------
    >>> import pyiron_storage as ps
    >>> ps.save([lambda x: x], "f.h5")
    >>> (found,) = ps.versions("f.h5")
    >>> found.types[0].by_value
    True
    """

    name: str
    package: str | None = None
    version: str | None = None
    commit: str | None = None
    changed: bool = False
    source: str | None = None
    by_value: bool = False


@dataclass(frozen=True)
class ObjectVersions:
    """With what one stored object was made.

    Attributes
    ----------
    path : str
        Where the object is.
    environment : mapping of str to str
        The versions of Python and pyiron_storage, and the platform.
    types : tuple of TypeVersion
        The classes, functions and modules that it names.

    Examples
    --------
    >>> import pyiron_storage as ps
    >>> ps.save({"a": 1}, "a.h5")
    >>> [(found.path, sorted(found.environment)) for found in ps.versions("a.h5")]
    [('object', ['platform', 'pyiron_storage', 'python'])]
    """

    path: str
    environment: Mapping[str, str]
    types: tuple[TypeVersion, ...]


@public
def versions(
    filename: str | os.PathLike[str], path: str = "", *, backend: str | Backend | None = None
) -> list[ObjectVersions]:
    """List with which versions the objects in a file were made; nothing is imported.

    Parameters
    ----------
    filename : path-like
        The file or directory.
    path : str
        An object, or a group with objects; without it all of the file.
    backend : str or Backend, optional
        The back-end where the suffix does not say it.

    Returns
    -------
    list of ObjectVersions
        One for each stored object; values that a back-end stores natively have none.

    Examples
    --------
    >>> import decimal, numpy as np, pyiron_storage as ps
    >>> ps.save({"function": np.linalg.norm}, "norm.h5")
    >>> (found,) = ps.versions("norm.h5")
    >>> found.types[0].name, found.types[0].version == np.__version__
    ('numpy.linalg.norm', True)
    """
    with backends.find(backend, filename).open(filename, "r") as storage, storage._session.access:
        return list(_below(storage, split(in_object(storage, path, loading=True)) if path else []))


def _below(storage: GenericStorage, parts: list[str]) -> Iterator[ObjectVersions]:
    found = storage[join(parts)] if parts else storage
    if isinstance(found, View):
        record = found._place().record
        types = tuple(map(_type_version, record.header["types"]))
        yield ObjectVersions(join(found._source.path), dict(record.header.get("environment", {})), types)
    elif isinstance(found, GenericStorage):
        for name in found.list_groups():
            yield from _below(found, [name])


def _type_version(entry: dict[str, object]) -> TypeVersion:
    known = {field: entry[field] for field in ("package", "version", "commit", "changed", "source") if field in entry}
    return TypeVersion(str(entry["name"]).replace(":", "."), by_value="code" in entry, **known)  # type: ignore[arg-type]
