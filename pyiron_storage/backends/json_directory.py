"""`JSONStorage`: a storage as a directory of JSON, made for reading and for ``git diff``.

A group is a directory with one indented ``group.json``, which holds the small
values and names the rest.  Each record, each long text and each array is a file
of its own that is only replaced under a new name, or made longer; ``group.json`` is
replaced as one step, and that is the commit of a group.  A transaction over several
groups goes through a redo file.  What is no longer named is swept after a grace
period, so that whoever still reads it finds it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from pyiron_storage.arrays.checks import Check
from pyiron_storage.arrays.native_array import NativeArray
from pyiron_storage.backends.compressed_files import COMPRESSIONS
from pyiron_storage.backends.compression import Compression, checked_compression
from pyiron_storage.backends.directory import Directory, remove
from pyiron_storage.backends.directory_arrays import DirectoryArray
from pyiron_storage.backends.directory_tree import DirectoryTree
from pyiron_storage.backends.file_names import GROUP_FILE
from pyiron_storage.backends.json_values import dtype_of
from pyiron_storage.backends.opening import begins_anew, checked_path, is_durable, open_file, read_only, reopening
from pyiron_storage.files.locks import TIMEOUT
from pyiron_storage.model.session import Location
from pyiron_storage.model.storage import GenericStorage
from pyiron_storage.paths import Name
from pyiron_storage.records.dtypes import shown_dtype
from pyiron_storage.records.navigate import NodeInfo
from pyiron_storage.trusting.admission import Trust


class JSONStorage(GenericStorage):
    """A storage in a directory.

    Parameters
    ----------
    filename : path-like
        The directory.
    mode : {"a", "r", "w", "x"}
        As for `open_storage`.
    cloudpickle_fallback : bool
        Whether code that cannot be imported is kept as cloudpickle bytes, or refused.
    compression : str or (str, int), optional
        How the files of arrays, records and long values are compressed: ``"gzip"`` (or
        ``"zlib"``, which is the same), or with the extra ``zstandard`` ``"zstd"``; a level
        behind it, as in ``("zstd", 19)``.
    durability, locking, timeout, trust
        As for `open_storage`.

    Examples
    --------
    >>> with JSONStorage("project.jsondir") as storage:
    ...     storage["relax/energy"] = -3.72
    >>> import json
    >>> json.load(open("project.jsondir/relax/group.json"))["nodes"]
    {'energy': -3.72}
    """

    compressions = COMPRESSIONS

    def __init__(
        self,
        filename: Any,
        mode: str = "a",
        *,
        cloudpickle_fallback: bool = True,
        compression: Any = None,
        durability: str = "process",
        locking: bool = True,
        timeout: float = TIMEOUT,
        trust: Trust = None,
    ) -> None:
        compression = checked_compression(compression, COMPRESSIONS, "json")
        path = checked_path(filename, mode, is_kind=is_json_directory, kind="a directory with a group.json")
        self._durable = is_durable(durability)
        self._tree = open_file(DirectoryTree, path, locking=locking, timeout=timeout)
        self._names: Location = ()
        self._start(
            str(path),
            shared=self._tree.shared,
            read_only=read_only(mode),
            cloudpickle_fallback=cloudpickle_fallback,
            compression=compression,
            durability=durability,
            locking=locking,
            timeout=timeout,
            trust=trust,
        )
        if begins_anew(mode):
            self._begin_anew(self._tree.clear)

    @classmethod
    def _open_damaged(cls, filename: str, **options: Any) -> tuple[GenericStorage, list[str]]:
        from pyiron_storage.backends.directory_salvage import DamagedTree, may_be_a_storage

        storage = cls.__new__(cls)
        path = checked_path(filename, "r", is_kind=may_be_a_storage, kind="a directory with a group.json")
        storage._tree, storage._names = DamagedTree(path, **options), ()
        storage._start(str(path), shared=storage._tree.shared, read_only=True, compression=None, **options)
        return storage, storage._tree.lost()

    def _inside(self, name: str) -> JSONStorage:
        group = JSONStorage.__new__(JSONStorage)
        group._tree, group._names = self._tree, (*self._names, str(name))
        return group

    @property
    def name(self) -> str:
        return self._names[-1] if self._names else "/"

    @property
    def _group(self) -> Directory:
        return self._tree.group(self._names)

    def __getitem__(self, name: str) -> Any:
        group = self._group
        if name in group.groups:
            return self._inside(name)
        return group.read(name, verify=self._session.shared.verifying)

    def _set(self, name: str, value: Any) -> None:
        self._group.write(str(name), value, self._compression)

    def __delitem__(self, name: str) -> None:
        group = self._group
        if name in group.groups:
            self._tree.forget((*self._names, str(name)))
        group.remove(name)

    def create_group(self, name: str) -> JSONStorage:
        self._tree.make(self._names, str(name))
        return self._inside(name)

    def list_nodes(self) -> list[str]:
        return list(self._group.nodes)

    def list_groups(self) -> list[str]:
        return list(self._group.groups)

    def _has_node(self, name: str) -> bool:
        return name in self._group.nodes

    def _has_group(self, name: str) -> bool:
        return name in self._group.groups

    def _info(self, name: Name) -> NodeInfo:
        node = self._group.nodes[name]
        if type(node) is not dict or node.get("$") != "array":
            return super()._info(name)
        dtype, shape = dtype_of(node, name), tuple(node["shape"])
        return NodeInfo("array", "numpy.ndarray", shown_dtype(dtype), shape, int(np.prod(shape)) * dtype.itemsize)

    def _read_text(self, name: Name) -> bytes:
        return self._group.read_text(name, verify=self._session.shared.verifying)

    def _write_text(self, name: Name, text: bytes) -> None:
        self._group.write_text(str(name), text, self._compression)

    def _raw_names(self) -> list[str]:
        return [*self._group.nodes, *self._group.groups]

    def _lost(self) -> list[str]:
        return self._group.lost

    def _protection(self, name: Name) -> Check | bool:
        node = self._group.nodes[name]
        if type(node) is dict and "file" in node:
            return self._group.check(name) or False
        return self._group.is_checked

    def _copy_to(self, name: Name, target: GenericStorage) -> None:
        assert isinstance(target, JSONStorage)
        if name in self._group.groups:
            super()._copy_to(name, target)
        else:
            self._group.copy_node(str(name), target._group)

    def _compact(self) -> None:
        waiting = [self]
        while waiting:
            group = waiting.pop()
            for path in group._group.left_overs():
                remove(path)
            waiting += [group._inside(name) for name in group._group.groups]

    def _open_array(self, name: Name) -> NativeArray:
        array = DirectoryArray(self._group, str(name), self._compression)
        array.verify = self._session.shared.verifying
        return array

    @property
    def _compression(self) -> Compression | None:
        found: Compression | None = self._session.options["compression"]
        return found

    def _begin_access(self) -> None:
        self._tree.begin_access()

    def _end_access(self) -> None:
        self._tree.end_access()

    def _begin(self) -> None:
        self._tree.begin()

    def _commit(self) -> None:
        self._tree.commit(durable=self._durable)

    def _rollback(self) -> None:
        self._tree.rollback()

    def _close(self) -> None:
        self._tree.release()

    def _reopening(self) -> Any:
        return reopening(JSONStorage, self._tree, self._session)

    def _destroy(self) -> None:
        remove(self._tree.path)


def is_json_directory(path: Path) -> bool:
    """Whether a path is a directory that is a storage, or empty."""
    return path.is_dir() and ((path / GROUP_FILE).is_file() or not any(path.iterdir()))
