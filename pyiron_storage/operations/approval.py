"""Listing what a file would run when it is loaded, and signing it."""

from __future__ import annotations

import os
from collections.abc import Iterator

from pyiron_storage.backends.pickles import PickleStorage
from pyiron_storage.backends.registry import Backend, backends
from pyiron_storage.errors import StorageInUseError, UnsupportedOperationError
from pyiron_storage.model.storage import GenericStorage
from pyiron_storage.paths import Name
from pyiron_storage.public import public
from pyiron_storage.records.document import Record
from pyiron_storage.records.places import Place
from pyiron_storage.records.wants import Want, needs_trust, wants


@public
def trust(filename: str | os.PathLike[str], *, backend: str | Backend | None = None, sign: bool = True) -> list[Want]:
    """List every class, function and piece of code that a file names, then sign the file, so that it loads.

    Nothing of it is imported or run.

    Parameters
    ----------
    filename : path-like
        The file or directory.
    backend : str or Backend, optional
        The back-end where the suffix does not say it.
    sign : bool
        False lists only.

    Returns
    -------
    list of Want
        All that is named, in the order of the file; it is printed, too.

    Raises
    ------
    StorageNotFoundError
        If there is no such file.
    KeyFileError
        If the signing key cannot be read.
    StorageInUseError
        If the file was changed while it was listed.
    UnsupportedOperationError
        If it is to be signed, and another library wrote it.

    Examples
    --------
    >>> import collections, pyiron_storage as ps
    >>> ps.save({"names": collections.UserDict({1: "a"})}, "theirs.h5")
    >>> found = ps.trust("theirs.h5", sign=False)
    theirs.h5 names:
        object/names: collections.UserDict
    """
    found = named_in(filename, backend=backend)
    _tell(filename, found)
    if sign and found:
        sign_as_listed(filename, found, backend=backend)
    return found


def named_in(filename: str | os.PathLike[str], *, backend: str | Backend | None = None) -> list[Want]:
    """List what a file names, as `trust` does, printing nothing."""
    with backends.find(backend, filename).open(filename, "r") as storage, storage._session.access:
        return list(_all_in(storage))


def sign_as_listed(
    filename: str | os.PathLike[str], found: list[Want], *, backend: str | Backend | None = None
) -> None:
    """Sign a file that names what was found in it, and nothing else by now.

    Raises
    ------
    StorageInUseError
        If the file was changed meanwhile.
    """
    opened = backends.find(backend, filename)
    with opened.open(filename, durability="power") as storage, storage.transaction():
        if list(_all_in(storage)) != found:
            raise StorageInUseError(f"{filename} was changed meanwhile, so it was not signed. Look at it again.")
        _sign_all(storage)


def _tell(filename: str | os.PathLike[str], found: list[Want]) -> None:
    head = f"{filename} names{':' if found else ' no class, function or code.'}"
    print(head, *[f"    {want}" for want in found], sep="\n")  # noqa: T201  it is what the user is to look at


def _all_in(storage: GenericStorage) -> Iterator[Want]:
    """All that a storage names."""
    if isinstance(storage, PickleStorage):
        yield from storage._wants()
        return
    for group, name in _groups(storage):
        yield from _in_record(group, name) if _is_record(group, name) else _in_group(group[Name(name)])


def _groups(storage: GenericStorage) -> Iterator[tuple[GenericStorage, str]]:
    """Each group and each object, as a name in a group."""
    for name in storage.list_groups():
        yield storage, name
        if not _is_record(storage, name):
            yield from _groups(storage[Name(name)])


def _is_record(group: GenericStorage, name: str) -> bool:
    return group._stored_object([name]) is not None


def _record(group: GenericStorage, name: str) -> Record:
    stored = group._stored_object([name])
    assert stored is not None
    return stored.record()


def _in_record(group: GenericStorage, name: str) -> Iterator[Want]:
    record = _record(group, name)
    if record.grows or record.header["types"]:
        by_name: dict[tuple[str, bool], Want] = {}
        for want, number in wants(Place.root(record), (*group._location, name)):
            if needs_trust(want, record.type_entry(number)):
                by_name.setdefault((want.name, want.is_code), want)
        yield from by_name.values()


def _in_group(group: GenericStorage) -> Iterator[Want]:
    if group._has_node("NAME") and group._has_node("MODULE"):
        yield Want(group.path, f"{group[Name('MODULE')]}.{group[Name('NAME')]}")


def _sign_all(storage: GenericStorage) -> None:
    if isinstance(storage, PickleStorage):
        storage._approve()
        return
    for group, name in _groups(storage):
        if _is_record(group, name):
            _approve(_record(group, name), group)
    for group, name in reversed(list(_groups(storage))):
        if not _is_record(group, name) and group[Name(name)]._has_node("NAME"):
            group[Name(name)]._sign_object()


def _approve(record: Record, group: GenericStorage) -> None:
    if record.grows and list(_in_record(group, record.path.rpartition("/")[2])):
        raise UnsupportedOperationError(
            f"{record.place} was written by another library, whose files are only read, so it cannot be signed. Load "
            "it with trust=, and save what you loaded."
        )
    record.signing.approve()
