"""What a file keeps by value: code that could not be imported when it was stored."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from pyiron_storage.backends.registry import Backend, backends
from pyiron_storage.errors import UnsupportedOperationError
from pyiron_storage.model.storage import GenericStorage
from pyiron_storage.public import public
from pyiron_storage.records.code import captured_modules, code_node
from pyiron_storage.records.navigate import walk_places
from pyiron_storage.records.places import Place


@dataclass(frozen=True)
class CodePart:
    """One part of a file that needs code which is kept by value.

    Attributes
    ----------
    path : str
        Where the object is that needs it.
    name : str
        The class or function, as ``module.name``.
    size : int
        Bytes of the code.
    modules : tuple of str
        The modules from which the code imports when it is loaded.

    Examples
    --------
    >>> import pyiron_storage as ps
    >>> ps.save({"f": lambda x: x + 1}, "f.h5")
    >>> ps.inspect("f.h5")[0].path
    'object/f'
    """

    path: str
    name: str
    size: int
    modules: tuple[str, ...]


@public
def inspect(filename: str | os.PathLike[str], *, backend: str | Backend | None = None) -> list[CodePart]:
    """List each part of a file that is kept by value; nothing of it is run or imported.

    Parameters
    ----------
    filename : path-like
        The file or directory.
    backend : str or Backend, optional
        The back-end where the suffix does not say it.

    Returns
    -------
    list of CodePart
        In the order of the file; empty where everything can be imported.

    Raises
    ------
    StorageNotFoundError
        If there is no such file.
    UnsupportedOperationError
        If it is a pickle file, whose code only running it shows.

    Examples
    --------
    >>> import pyiron_storage as ps
    >>> ps.save([1, 2, 3], "plain.h5")
    >>> ps.inspect("plain.h5")
    []
    """
    with backends.find(backend, filename).open(filename, "r") as storage, storage._session.access:
        if storage._reading_makes_objects:
            raise UnsupportedOperationError(
                f"{filename}: a pickle is a program, which keeps code in ways that only running it shows. "
                "ps.trust(filename) lists what it names."
            )
        return list(_code_in(storage))


def _code_in(storage: GenericStorage) -> Iterator[CodePart]:
    for name in storage.list_groups():
        stored = storage._stored_object([name])
        if stored is None:
            yield from _code_in(storage._child(name))
        else:
            place = stored.place()
            for path, target, first in walk_places(place, (*storage._location, name)):
                if first is None:
                    yield from _code_at(path, target)


def _code_at(path: str, place: Place) -> Iterator[CodePart]:
    number = place.node.get("type") if type(place.node) is dict and "$" in place.node else None
    if type(number) is int and "code" in (entry := place.record.type_entry(number)):
        code = place.record.bytes_at(code_node(place.record, entry)["at"])
        yield CodePart(path, entry["name"].replace(":", "."), len(code), tuple(captured_modules(code)))
