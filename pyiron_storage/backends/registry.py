"""The back-ends by name and by suffix: the built-in ones, and those that packages register.

A package registers a back-end in its ``pyproject.toml``::

    [project.entry-points."pyiron_storage.backends"]
    mine = "my_package.storage:MyStorage"

where ``MyStorage(filename, mode="a", **options)`` is a `GenericStorage`, and its
class attribute ``suffixes`` lists the suffixes that mean it.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from pyiron_storage.backends.compression import checked_compression
from pyiron_storage.backends.opening import is_open
from pyiron_storage.errors import (
    OptionTypeError,
    PathNotFoundError,
    StorageInUseError,
    UnknownBackendError,
    UnsupportedOperationError,
)
from pyiron_storage.files.replacing import refuse_read_only
from pyiron_storage.files.system_errors import reading
from pyiron_storage.model.array_sizes import bytes_of_arrays
from pyiron_storage.model.metadata import require
from pyiron_storage.model.options import LOADING, SAVING, take_common
from pyiron_storage.model.storage import GenericStorage
from pyiron_storage.option_checks import check_names, check_values, checked_filename, nearest
from pyiron_storage.paths import join, split
from pyiron_storage.progress import READ, WRITTEN, Progress, expect, progress_of
from pyiron_storage.public import public
from pyiron_storage.trusting.admission import admission

OBJECT: Final = "object"
"""Where an object is put when no path is given."""
ENTRY_POINTS: Final = "pyiron_storage.backends"


@dataclass(frozen=True)
class Backend:
    """A back-end by name: imported when it is first used.

    Attributes
    ----------
    name : str
        As in ``ps.backends.<name>`` and ``backend="<name>"``.
    target : str
        ``module:Class`` of its storage.
    suffixes : tuple of str
        The suffixes of the files that are taken for its own.

    Examples
    --------
    >>> import pyiron_storage as ps
    >>> ps.backends.jsonfile.dump([1, 2], "numbers.json")
    >>> ps.backends.jsonfile.load("numbers.json")
    [1, 2]
    """

    name: str
    target: str
    suffixes: tuple[str, ...] = field(default=())

    @property
    def storage_class(self) -> type[GenericStorage]:
        """The class of its storages."""
        module, _, name = self.target.partition(":")
        try:
            found: type[GenericStorage] = getattr(importlib.import_module(module), name)
        except ImportError as error:
            raise UnknownBackendError(
                f"The back-end {self.name!r} needs a package that is not installed: {error}. "
                f"Try: pip install 'pyiron_storage[{self.name}]'."
            ) from error
        return found

    @public
    def open(self, filename: Any, mode: str = "a", **options: Any) -> GenericStorage:
        """Open a storage of this back-end; see `open_storage`."""
        filename = checked_filename(filename)
        if self.name == "memory":
            raise UnsupportedOperationError("A storage in memory has no file: make one with MemoryStorage().")
        check_names(options, self._options() or options, f"the back-end {self.name!r}")
        check_values(options)
        compression = options.pop("compression", None)
        if compression is not None:
            options["compression"] = checked_compression(compression, self.storage_class.compressions, self.name)
        trust = options.pop("trust", None)
        if trust is not None:
            admission(trust)  # refuses what it cannot be
        common = take_common(options) | {"trust": trust}
        storage = self.storage_class(filename, mode, **options)  # type: ignore[call-arg]
        storage._session.options.update(common)
        return storage

    def _options(self) -> list[str]:
        """The options that a storage of this back-end has; none where it says that it takes any."""
        parameters = inspect.signature(self.storage_class).parameters.values()
        if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
            return []
        return [*[parameter.name for parameter in parameters][2:], "compression", "trust", *SAVING, *LOADING]

    @public
    def dump(
        self,
        obj: Any,
        filename: Any,
        path: str = OBJECT,
        *,
        replace: bool = False,
        durability: str = "power",
        progress: Progress = None,
        **options: Any,
    ) -> None:
        """Save an object with this back-end; see `save` for the keywords."""
        with (
            progress_of(progress, "saving", filename, WRITTEN),
            self.open(filename, "a", durability=durability, **options) as storage,
            storage._session.transaction(),
        ):
            storage._session.closing = True
            if isinstance(obj, np.ndarray):
                expect(WRITTEN, lambda: int(obj.nbytes))
            inside = in_object(storage, path)
            storage._save(inside if inside != path and inside in storage else path, obj, replace=replace)

    @public
    def load(
        self,
        filename: Any,
        path: str = OBJECT,
        *,
        mmap: bool = False,
        verify: bool = False,
        metadata: Mapping[str, Any] | None = None,
        progress: Progress = None,
        **options: Any,
    ) -> Any:
        """Load an object with this back-end; see `load` for the keywords."""
        with (
            progress_of(progress, "loading", filename, READ),
            self.open(filename, "r", **options) as storage,
            storage._session.access,
        ):
            path = in_object(storage, path, loading=True)
            expect(READ, lambda: bytes_of_arrays(storage, path))
            if metadata is not None:
                require(storage._metadata_at(path) or {}, metadata, f"{filename}: {path}")
            found = storage.load(path, mmap=mmap, verify=verify)
            return _kept(found) if isinstance(found, GenericStorage) else found

    @public
    def delete(self, filename: Any, path: str | None = None, *, durability: str = "power", **options: Any) -> None:
        """Delete a part of a file, or the file, with this back-end; see `delete`."""
        if path is None:
            self._delete_file(checked_filename(filename), options)
        else:
            self.open(filename, "r", **options).close()  # it is there
            with self.open(filename, durability=durability, **options) as storage:
                del storage[in_object(storage, path)]

    def _delete_file(self, path: Path, options: dict[str, Any]) -> None:
        if is_open(path):
            raise StorageInUseError(f"{path} is open in this process. Close the storage, then delete the file.")
        with self.open(path, "r", **options) as storage:  # it is there, and it is a storage
            refuse_read_only(path)
            storage._destroy()


def _kept(group: GenericStorage) -> GenericStorage:
    """A copy of a group that stays when the file is closed: of an object whose class is missing."""
    kept = backends.find("memory", "memory").storage_class()
    kept[OBJECT] = group
    found: GenericStorage = kept[OBJECT]
    return found


def in_object(storage: GenericStorage, path: str, *, loading: bool = False) -> str:
    """The path as it is where its first part is a top-level name, else inside ``object``.

    For loading, the one object of a file that h5io wrote is taken for ``object``.
    """
    parts = split(path)
    if not parts or storage._has(parts[0]):
        return path
    if storage._has(OBJECT):
        return join([OBJECT, *parts])
    find = getattr(storage, "_only_object", None)
    only = find() if loading and find else None
    return path if only is None else join([only] if path == OBJECT else [only, *parts])


def at_path(storage: GenericStorage, path: str) -> str:
    """The path where it is found as it stands, else inside ``object``, as `load` does."""
    try:
        return in_object(storage, path, loading=True)
    except PathNotFoundError:
        return path


_BUILT_IN: Final = (
    Backend("hdf5", "pyiron_storage.backends.hdf5:HDF5Storage", (".h5", ".hdf5", ".hdf")),
    Backend("json", "pyiron_storage.backends.json_directory:JSONStorage", (".jsondir",)),
    Backend("jsonfile", "pyiron_storage.backends.json_file:JSONFileStorage", (".json",)),
    Backend("memory", "pyiron_storage.backends.memory:MemoryStorage"),
    Backend("pickle", "pyiron_storage.backends.pickles:PickleStorage", (".pkl", ".pickle", ".pckl")),
    Backend("cloudpickle", "pyiron_storage.backends.pickles:CloudpickleStorage", (".cpkl", ".cpckl")),
)


class Backends:
    """The back-ends that are installed, as attributes and by name.

    Examples
    --------
    >>> import pyiron_storage as ps
    >>> ps.backends.hdf5.suffixes
    ('.h5', '.hdf5', '.hdf')
    >>> "json" in dir(ps.backends)
    True
    """

    def __init__(self) -> None:
        self._known: dict[str, Backend] = {backend.name: backend for backend in _BUILT_IN}
        self._searched = False

    def register(self, name: str, target: str, suffixes: tuple[str, ...] = ()) -> Backend:
        """Make a back-end known in this process.

        Parameters
        ----------
        name : str
            How it is called.
        target : str
            ``module:Class`` of its storage.
        suffixes : tuple of str
            The suffixes of its files, such as ``(".zarr",)``.
        """
        self._known[name] = backend = Backend(name, target, tuple(suffixes))
        return backend

    def _all(self) -> dict[str, Backend]:
        if not self._searched:
            self._searched = True
            for point in importlib.metadata.entry_points(group=ENTRY_POINTS):
                if point.name not in self._known:
                    self.register(point.name, point.value)
        return self._known

    def __dir__(self) -> list[str]:
        return [*self._all(), "register"]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __getattr__(self, name: str) -> Backend:
        if name.startswith("_") or name not in self._all():
            raise AttributeError(f"There is no back-end {name!r}. There are: {', '.join(self._all())}.")
        return self._all()[name]

    def find(self, backend: str | Backend | None, filename: Any) -> Backend:
        """Return the back-end that is asked for, or else the one that a file name means.

        Raises
        ------
        UnknownBackendError
            If there is none; the message lists names and suffixes.
        """
        path = checked_filename(filename)
        if isinstance(backend, Backend):
            return backend
        if backend is not None:
            if not isinstance(backend, str):
                raise OptionTypeError(f"backend= is the name of a back-end: {', '.join(self._all())}; not {backend!r}.")
            if backend in self._all():
                return self._all()[backend]
            raise UnknownBackendError(
                f"There is no back-end {backend!r}.{nearest(backend, self._all())} There are: {', '.join(self._all())}."
            )
        with reading(path):
            is_folder = path.is_dir()
        if is_folder:
            return self._all()["json"]
        known = self.known(path)
        if known is not None:
            return known
        raise UnknownBackendError(self._advice(path))

    def known(self, path: Path) -> Backend | None:
        """The back-end that the suffix of a file means; None where there is none."""
        return next((one for one in self._all().values() if path.suffix.lower() in _suffixes(one)), None)

    def _advice(self, path: Path) -> str:
        suffixes = "; ".join(
            f"{' '.join(known.suffixes)} for {name}" for name, known in self._all().items() if known.suffixes
        )
        found = f"The suffix {path.suffix!r} of {path}" if path.suffix else f"{path} has no suffix, which"
        return f"{found} stands for no back-end. Use one of: {suffixes}; or say backend='hdf5'."


def _suffixes(backend: Backend) -> tuple[str, ...]:
    """The suffixes of a back-end; one that a package registered names them in its class."""
    if backend.suffixes or backend.name in {known.name for known in _BUILT_IN}:
        return backend.suffixes
    return tuple(getattr(backend.storage_class, "suffixes", ()))


backends: Final = Backends()
