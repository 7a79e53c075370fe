"""The ways to put an object into a file, all with the same five methods."""

from __future__ import annotations

import functools
import pickle
import shutil
from pathlib import Path
from typing import Any

import h5io
import joblib

import pyiron_storage as ps


class Format:
    """Plain pickle, protocol 5; the others override what they do otherwise.

    A part is read and updated as one must where the file has no parts: through the
    whole object.
    """

    title = "pickle"
    suffix = ".pickle"

    def save(self, obj: Any, path: Path) -> None:
        """Save the whole object."""
        with path.open("wb") as file:
            pickle.dump(obj, file, protocol=5)

    def load(self, path: Path) -> Any:
        """Load the whole object."""
        with path.open("rb") as file:
            return pickle.load(file)

    def load_part(self, path: Path, keys: list[str]) -> Any:
        """Load what is at these keys of nested dicts."""
        return functools.reduce(lambda found, key: found[key], keys, self.load(path))

    def update_part(self, path: Path, keys: list[str], value: Any) -> None:
        """Put a value in place of what is at these keys of nested dicts."""
        obj = self.load(path)
        functools.reduce(lambda found, key: found[key], keys[:-1], obj)[keys[-1]] = value
        self.save(obj, path)

    def paths(self, path: Path) -> list[str]:
        """List the paths of all parts."""
        raise NotImplementedError(f"{self.title} has no paths")


class Joblib(Format):
    """joblib, uncompressed."""

    title = "joblib"
    suffix = ".joblib"

    def save(self, obj: Any, path: Path) -> None:
        joblib.dump(obj, path)

    def load(self, path: Path) -> Any:
        return joblib.load(path)


class H5io(Format):
    """h5io, uncompressed, with its options for objects and for what JSON can say."""

    title = "h5io"
    suffix = ".h5"
    options = {"overwrite": True, "use_state": True, "use_json": True, "compression": 0}

    def save(self, obj: Any, path: Path) -> None:
        h5io.write_hdf5(str(path), obj, **self.options)

    def load(self, path: Path) -> Any:
        return h5io.read_hdf5(str(path))

    def load_part(self, path: Path, keys: list[str]) -> Any:
        return h5io.read_hdf5(str(path), title=self._title(keys))

    def update_part(self, path: Path, keys: list[str], value: Any) -> None:
        h5io.write_hdf5(str(path), value, title=self._title(keys), **self.options | {"overwrite": "update"})

    @staticmethod
    def _title(keys: list[str]) -> str:
        return "/".join(["h5io", *(f"key_{key}" for key in keys)])


class HDF5(Format):
    """pyiron_storage, one HDF5 file."""

    title = "pyiron_storage HDF5"
    suffix = ".h5"

    def save(self, obj: Any, path: Path) -> None:
        ps.save(obj, path)

    def load(self, path: Path) -> Any:
        return ps.load(path)

    def load_part(self, path: Path, keys: list[str]) -> Any:
        return ps.load(path, "/".join(keys))

    def update_part(self, path: Path, keys: list[str], value: Any) -> None:
        with ps.open_storage(path) as storage:
            storage["/".join(["object", *keys])] = value

    def paths(self, path: Path) -> list[str]:
        with ps.open_storage(path, "r") as storage:
            return [where for where, _ in storage.walk()]


class JSONDirectory(HDF5):
    """pyiron_storage, a directory of JSON Lines and .npy files."""

    title = "pyiron_storage JSON directory"
    suffix = ".jsondir"


FORMATS: dict[str, type[Format]] = {
    "pickle": Format,
    "joblib": Joblib,
    "h5io": H5io,
    "hdf5": HDF5,
    "json": JSONDirectory,
}


def size(path: Path) -> int:
    """Bytes of a file, or of all files in a directory."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)


def remove(path: Path) -> None:
    """Remove a file or directory, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
