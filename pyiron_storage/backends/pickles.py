"""The one-object back-ends ``pickle`` and ``cloudpickle``: the plain format, one file for one object.

`pickle.load` reads what they write; behind the pickle stands a signature.  There is
nothing to browse in such a file: groups and parts are refused.
"""

from __future__ import annotations

import os
import pickle
from contextlib import AbstractContextManager
from pathlib import Path
from types import ModuleType
from typing import Any

from pyiron_storage.arrays.array_handle import ArrayHandle
from pyiron_storage.backends import joblib_files
from pyiron_storage.backends.opening import checked_path, is_durable, is_empty_file, read_only
from pyiron_storage.backends.pickle_metadata import metadata_of, with_metadata
from pyiron_storage.backends.pickle_signature import loads, opened, wants_of, with_signature
from pyiron_storage.errors import (
    CannotImportError,
    DamagedRecordError,
    NoObjectError,
    NotStorableError,
    PathNotFoundError,
    StorageError,
    UnsupportedOperationError,
    UntrustedError,
)
from pyiron_storage.files.locks import TIMEOUT
from pyiron_storage.files.replacing import refuse_read_only, replace_file
from pyiron_storage.model.metadata import Metadata, has_own_metadata, new_metadata
from pyiron_storage.model.storage import GenericStorage
from pyiron_storage.paths import Name
from pyiron_storage.records.navigate import NodeInfo
from pyiron_storage.records.wants import Want
from pyiron_storage.trusting.admission import Trust

NODE = "object"
"""The one name under which an object stands in such a file."""


class PickleStorage(GenericStorage):
    """One object in a pickle file, under the name ``object``.

    Parameters
    ----------
    filename : path-like
        The file.
    mode : {"a", "r", "w", "x"}
        As for `open_storage`.
    cloudpickle_fallback : bool
        Whether `cloudpickle` makes the file where `pickle` alone cannot.
    durability, locking, timeout, trust
        As for `open_storage`; there is nothing to lock in a file that is replaced as a whole.

    Examples
    --------
    >>> with PickleStorage("point.pkl") as storage:
    ...     storage["object"] = {"x": 1}
    >>> import pickle
    >>> pickle.load(open("point.pkl", "rb"))
    {'x': 1}
    """

    _reading_makes_objects = True

    def __init__(
        self,
        filename: Any,
        mode: str = "a",
        *,
        cloudpickle_fallback: bool = True,
        durability: str = "process",
        locking: bool = True,
        timeout: float = TIMEOUT,
        trust: Trust = None,
    ) -> None:
        self._path = checked_path(filename, mode, is_kind=is_pickle, kind="a pickle file")
        self._durable = is_durable(durability)
        self._pending: bytes | None = None
        self._emptied = False
        self._start(
            str(self._path),
            read_only=read_only(mode),
            cloudpickle_fallback=cloudpickle_fallback,
            durability=durability,
            locking=locking,
            timeout=timeout,
            trust=trust,
        )
        if mode == "w":
            self._begin_anew(self._empty)

    @property
    def name(self) -> str:
        return "/"

    def __getitem__(self, name: str) -> Any:
        if name not in self.list_nodes():
            raise KeyError(name)
        options = self._session.options
        if options.get("rename") or options.get("on_missing", "error") != "error":
            raise UnsupportedOperationError(
                f"{self._path}: a pickle file is run by pickle itself, so rename= and on_missing= have no effect. "
                "Load it where its classes are, and save it with the back-end 'hdf5' or 'json'."
            )
        try:
            if self._pending is not None:
                return loads(self._pending, self._session.admission, str(self._path), trusted=True)
            data, trusted = opened(self._path.read_bytes())
            if not trusted and joblib_files.is_of_joblib(data):
                return joblib_files.load(self._path, self._session.admission)
            return loads(data, self._session.admission, str(self._path), trusted=trusted)
        except (ImportError, AttributeError) as error:
            raise CannotImportError(
                f"{self._path}: the pickle needs what cannot be imported: {error}. Install the package that has it."
            ) from error
        except (pickle.UnpicklingError, EOFError, ValueError, IndexError, KeyError, TypeError) as error:
            raise DamagedRecordError(f"{self._path}: the pickle does not load: {error!r}.") from error

    def _prepare(self, path: str, value: Any) -> Any:
        if self._session.options.get("require_versions") or self._session.options.get("forbidden_modules"):
            raise UnsupportedOperationError(
                f"{self._path}: a pickle file says nothing of versions and modules, so require_versions= and "
                "forbidden_modules= cannot be held. Use the back-end 'hdf5' or 'json'."
            )
        if path != NODE:
            raise UnsupportedOperationError(
                f"{self._path}: a pickle file holds one object, under the name {NODE!r}; {path!r} cannot be stored in "
                "it. Use the back-end 'hdf5' or 'json'."
            )
        return with_metadata(self._pickled(value), self._metadata_for(value))

    def _metadata_for(self, value: Any) -> dict[str, Any]:
        """The metadata of an object; nothing where nobody gave any, so that the file is the plain format."""
        given = self._session.options.get("metadata")
        return new_metadata(given, value) if given or has_own_metadata(value) else {}

    @property
    def metadata(self) -> Metadata:
        return Metadata(PickleMetadata(self))

    def _metadata_at(self, path: str) -> Metadata | None:
        return self.metadata

    def _pickled(self, value: Any) -> bytes:
        try:
            return pickle.dumps(value, protocol=5)
        except StorageError:
            raise
        except Exception as error:
            if self._session.options["cloudpickle_fallback"]:
                return _dumps(_cloudpickle(), value, self._path)
            raise _refusal(self._path, value, error) from error

    def _put(self, name: str, prepared: Any) -> None:
        self._set(name, prepared)

    def _set(self, name: str, value: Any) -> None:
        self._pending = value

    def __delitem__(self, name: str) -> None:
        self._empty()

    def _empty(self) -> None:
        self._pending, self._emptied = None, True

    def create_group(self, name: str) -> GenericStorage:
        raise UnsupportedOperationError(
            f"{self._path}: a pickle file holds one object and no groups. Use the back-end 'hdf5' or 'json'."
        )

    def array(self, path: str) -> ArrayHandle:
        raise UnsupportedOperationError(
            f"{self._path}: a pickle file is read and written as a whole, so there are no handles on its arrays. Load "
            f"{NODE!r}, or use the back-end 'hdf5' or 'json'."
        )

    def list_nodes(self) -> list[str]:
        is_there = self._pending is not None or (
            self._path.exists() and not is_empty_file(self._path) and not self._emptied
        )
        return [NODE] if is_there else []

    def list_groups(self) -> list[str]:
        return []

    def _get_path(self, path: str) -> Any:
        name, _, rest = path.partition("/")
        if rest and name == NODE:
            raise UnsupportedOperationError(
                f"{self._path}: a pickle file has no parts that can be read alone, so {path!r} is not to be had. "
                f"Load {NODE!r} as a whole, or use the back-end 'hdf5' or 'json'."
            )
        if path not in self.list_nodes():
            raise PathNotFoundError(f"{self._path}: there is no {path!r}; a pickle file holds one object, {NODE!r}.")
        return super()._get_path(path)

    def _info(self, name: Name) -> NodeInfo:
        size = len(self._pending) if self._pending is not None else self._path.stat().st_size
        return NodeInfo("object", "pickle", size=size)  # what is in it is known to whoever runs it

    def _begin(self) -> None:
        refuse_read_only(self._path)

    def _commit(self) -> None:
        if self._pending is not None:
            data = with_signature(self._pending)
            replace_file(Path(os.path.realpath(self._path)), lambda file: file.write(data), durable=self._durable)
        elif self._emptied:
            self._path.unlink(missing_ok=True)
        self._rollback()

    def _rollback(self) -> None:
        self._pending, self._emptied = None, False

    def _wants(self) -> list[Want]:
        """What the pickle names."""
        if not self.list_nodes():
            return []
        joblib_files.refuse(self._path, self._data())
        return wants_of(self._data())

    def _data(self) -> bytes:
        """The pickle itself, without its signature."""
        return self._pending if self._pending is not None else opened(self._path.read_bytes())[0]

    def _change_metadata(self, metadata: dict[str, Any]) -> None:
        """Put other metadata behind the pickle, which stays as it is, signed or not."""
        if not self.list_nodes():
            raise NoObjectError(f"{self._path}: there is no object yet that metadata could be about.")
        if self._pending is None and not opened(self._path.read_bytes())[1]:
            raise UntrustedError(
                f"{self._path}: the pickle is not signed by a key that is known here, and with its metadata it would "
                "be signed. Look at it and sign it with ps.trust(filename) first."
            )
        self._pending = with_metadata(self._data(), metadata)

    def _approve(self) -> None:
        """Sign the pickle as it is."""
        self._pending = self._data()

    def _reopening(self) -> Any:
        return type(self), (str(self._path.absolute()), "r" if self._session.read_only else "a"), self._session.options

    def _destroy(self) -> None:
        self._path.unlink()


class PickleMetadata:
    """The metadata behind a pickle."""

    def __init__(self, storage: PickleStorage) -> None:
        self._storage = storage

    def read(self) -> dict[str, Any]:
        return metadata_of(self._storage._data()) if self._storage.list_nodes() else {}

    def write(self, metadata: dict[str, Any]) -> None:
        self._storage._change_metadata(metadata)

    def changing(self) -> AbstractContextManager[None]:
        return self._storage._session.transaction()


class CloudpickleStorage(PickleStorage):
    """One object in a file that cloudpickle writes; `pickle.load` reads it too.

    Examples
    --------
    >>> with CloudpickleStorage("double.cpkl") as storage:
    ...     storage["object"] = lambda x: 2 * x
    >>> CloudpickleStorage("double.cpkl", "r")["object"](3)
    6
    """

    def _pickled(self, value: Any) -> bytes:
        return _dumps(_cloudpickle(), value, self._path)


def is_pickle(path: Path) -> bool:
    """Whether a file begins as pickles of protocol 2 and later do, or as what joblib compresses."""
    with path.open("rb") as file:
        begin = file.read(8)
    return begin[:1] == b"\x80" or joblib_files.is_compressed(begin)


def _cloudpickle() -> ModuleType:
    import cloudpickle

    module: ModuleType = cloudpickle
    return module


def _dumps(module: ModuleType, value: Any, path: Path) -> bytes:
    try:
        data: bytes = module.dumps(value, protocol=5)
    except Exception as error:
        raise _refusal(path, value, error) from error
    return data


def _refusal(path: Path, value: Any, error: Exception) -> NotStorableError:
    kind = type(value)
    return NotStorableError(
        f"{path}: the object of type {kind.__module__}.{kind.__qualname__} cannot be pickled: {error}. "
        "Nothing was written."
    )
