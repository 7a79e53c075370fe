"""`find`: the stored objects in a file or folder that match class, metadata or time."""

from __future__ import annotations

import datetime
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pyiron_storage.backends.opening import missing_file
from pyiron_storage.backends.registry import Backend, backends
from pyiron_storage.errors import FileKindError, InvalidOptionError, StorageError, StorageWarning
from pyiron_storage.model.metadata import Metadata, matches
from pyiron_storage.model.metadata_places import RecordMetadata
from pyiron_storage.model.storage import GenericStorage
from pyiron_storage.option_checks import checked_filename
from pyiron_storage.paths import escape, join
from pyiron_storage.public import public
from pyiron_storage.records.navigate import info
from pyiron_storage.records.rule import qualified_name

Moment = str | datetime.date
_CLASS: Final = type


@dataclass(frozen=True)
class Found:
    """One stored object that `find` has found.

    Attributes
    ----------
    filename : str
        The file.
    path : str
        Where in it.
    type : str
        The class, as ``module.Class``.
    metadata : mapping
        Its metadata, as it was then; that of a group is not among it.

    Examples
    --------
    >>> import pyiron_storage as ps
    >>> ps.save([1], "a.h5", metadata={"project": "Al"})
    >>> (found,) = ps.find("a.h5")
    >>> found.path, found.type, found.metadata["project"]
    ('object', 'list', 'Al')
    """

    filename: str
    path: str
    type: str
    metadata: Mapping[str, Any]


Where = Mapping[str, Any] | Callable[[Found], bool]


@public
def find(
    location: str | os.PathLike[str],
    where: Where | None = None,
    *,
    type: type | str | None = None,  # noqa: A002  what it is called in `NodeInfo`
    after: Moment | None = None,
    before: Moment | None = None,
    backend: str | Backend | None = None,
) -> list[Found]:
    """List the stored objects in a file, or in all files of a folder, that match; no class is imported.

    Parameters
    ----------
    location : path-like
        A file, or a folder, which is searched with all folders in it.
    where : mapping or callable, optional
        Metadata that an object must have: values that are equal, or functions that say
        True of the value. Or a function that says True of the `Found`.
    type : class or str, optional
        The class, or its name, with or without its module.
    after, before : str, datetime or date, optional
        When it was last modified, in ISO 8601; a time without a zone is in UTC.
    backend : str or Backend, optional
        The back-end of a file whose suffix does not say it.

    Returns
    -------
    list of Found
        In the order of the names of the files.

    Warns
    -----
    StorageWarning
        For each file of a folder that is damaged or cannot be read, and for each object of
        which a function in `where` raises; they are left out.

    Raises
    ------
    StorageNotFoundError
        If there is no such file.
    InvalidOptionError
        If what is asked for is not what it can be.

    Examples
    --------
    >>> import pyiron_storage as ps
    >>> ps.save([1.0], "al.h5", metadata={"project": "Al", "cutoff": 400})
    >>> ps.save([2.0], "cu.json", metadata={"project": "Cu", "cutoff": 520})
    >>> [found.filename for found in ps.find(".", {"project": "Cu"})]
    ['cu.json']
    >>> [found.filename for found in ps.find(".", {"cutoff": lambda cutoff: cutoff < 500})]
    ['al.h5']
    """
    name = qualified_name(type) if isinstance(type, _CLASS) else type
    _checked(where, name)
    folder = checked_filename(location)
    if not folder.exists():
        raise missing_file(folder)
    period = _moment(after), _moment(before)
    return [
        found
        for found in _all(folder, backend)
        if _is_of(found, name) and _is_in(found, *period) and _is_where(found, where)
    ]


def _all(location: Path, backend: str | Backend | None) -> Iterator[Found]:
    if backend is not None or not _is_folder(location):
        yield from _in_file(location, backends.find(backend, location))
    else:
        yield from _in_folder(location, ())


def _in_folder(folder: Path, above: tuple[Path, ...]) -> Iterator[Found]:
    """What is in the files of a folder; what cannot be read does not end the search."""
    real = folder.resolve()
    if real in above:  # a link to a folder that it is in
        return
    try:
        inner = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        _leave_out(error)
        return
    for path in inner:
        if _is_folder(path):
            yield from _in_folder(path, (*above, real))
        elif (path.is_file() or path.is_dir()) and (known := backends.known(path)) is not None:
            try:
                yield from _in_file(path, known)
            except FileKindError:
                continue  # another program's file with this suffix
            except (StorageError, OSError) as error:
                _leave_out(error)


def _leave_out(error: Exception) -> None:
    warnings.warn(f"Left out: {error}", StorageWarning, stacklevel=6)


def _is_folder(path: Path) -> bool:
    """Whether a path is a folder of files, not a storage in a folder."""
    return path.is_dir() and not (path / "group.json").is_file()


def _in_file(path: Path, backend: Backend) -> Iterator[Found]:
    with backend.open(path, "r") as storage, storage._session.access:
        yield from list(_in_group(storage, str(path)))


def _in_group(group: GenericStorage, file: str) -> Iterator[Found]:
    if group._reading_makes_objects:  # a pickle file
        yield from (Found(file, name, group.info(name).type, dict(group.metadata)) for name in group.list_nodes())
        return
    for name in group.list_nodes():
        yield Found(file, join((*group._location, name)), group.info(escape(name)).type, {})
    for name in group.list_groups():
        stored = group._stored_object([name])
        if stored is None:
            yield from _in_group(group._child(name), file)
        else:
            metadata = dict(Metadata(RecordMetadata(stored)))
            yield Found(file, join((*group._location, name)), info(stored.place()).type, metadata)


def _is_of(found: Found, name: str | None) -> bool:
    return name is None or found.type == name or found.type.endswith(f".{name}")


def _is_in(found: Found, after: datetime.datetime | None, before: datetime.datetime | None) -> bool:
    if after is None and before is None:
        return True
    modified = found.metadata.get("modified")
    try:
        time = _moment(modified) if isinstance(modified, str) else None
    except InvalidOptionError:  # somebody has put another text there
        time = None
    if time is None:
        return False
    return (after is None or time >= after) and (before is None or time < before)


def _is_where(found: Found, where: Where | None) -> bool:
    if where is None:
        return True
    try:
        return bool(where(found)) if callable(where) else matches(found.metadata, where)
    except Exception as error:  # noqa: BLE001  a function of the user, which the other objects may suit
        message = f"Left out: {found.filename}: {found.path}: where= raised {_CLASS(error).__name__}: {error}"
        warnings.warn(message, StorageWarning, stacklevel=5)
        return False


def _checked(where: Where | None, name: object) -> None:
    """Look whether `where=` and `type=` are what they can be.

    Raises
    ------
    InvalidOptionError
        If not.
    """
    if where is not None and not callable(where) and not isinstance(where, Mapping):
        raise InvalidOptionError(f"where={where!r} is neither a mapping of metadata nor a function of what was found.")
    if name is not None and not isinstance(name, str):
        raise InvalidOptionError(f"type={name!r} is neither a class nor its name.")


def _moment(moment: Moment | None) -> datetime.datetime | None:
    if moment is None:
        return None
    try:
        time = moment if isinstance(moment, datetime.datetime) else datetime.datetime.fromisoformat(str(moment))
    except ValueError as error:
        raise InvalidOptionError(f"{moment!r} is no time as ISO 8601 writes it, such as '2026-05-01'.") from error
    return time if time.tzinfo is not None else time.replace(tzinfo=datetime.UTC)
