"""`HDF5Storage`: a storage in one HDF5 file.

A group is an HDF5 group and a native node a dataset with h5io's ``TITLE``
attribute, so that h5io, h5py and h5dump read it.  Nothing in the file has a
variable length: text is a fixed-length UTF-8 scalar.  What h5io, tinybase and
bagofholding wrote is read by `neighbours`.
"""

from __future__ import annotations

import functools
from typing import Any, Final

import h5py
import numpy as np
from h5py import h5, h5a, h5d, h5g, h5l, h5o, h5p, h5t

from pyiron_storage.arrays.checks import Check
from pyiron_storage.arrays.memory_layout import stays_read_only
from pyiron_storage.arrays.native_array import NativeArray, Shape
from pyiron_storage.backends.compression import Compression, checked_compression
from pyiron_storage.backends.hdf5_arrays import HDF5Array
from pyiron_storage.backends.hdf5_checks import read_check
from pyiron_storage.backends.hdf5_errors import damaged_file, is_of_hdf5, open_linked
from pyiron_storage.backends.hdf5_file import HDF5File, is_hdf5
from pyiron_storage.backends.hdf5_filters import COMPRESSIONS
from pyiron_storage.backends.hdf5_names import link_name, plain_name
from pyiron_storage.backends.hdf5_values import (
    fill_dataset,
    fits,
    native_form,
    new_array_dataset,
    note_read_only,
    read_text,
    read_title,
    read_value,
    text_form,
    write_dataset,
)
from pyiron_storage.backends.hdf5_whole_copy import attribute_names, copy_attribute, copy_whole
from pyiron_storage.backends.neighbours.bagofholding_files import OBJECT
from pyiron_storage.backends.neighbours.h5io_files import H5ioObject, holds_object, title_of
from pyiron_storage.backends.neighbours.tinybase_files import ready_made_kind
from pyiron_storage.backends.opening import begins_anew, checked_path, is_durable, open_file, read_only, reopening
from pyiron_storage.errors import DamagedRecordError, ReadOnlyError, UnsupportedOperationError
from pyiron_storage.files.locks import TIMEOUT
from pyiron_storage.model.backend_group import one_access
from pyiron_storage.model.session import Location
from pyiron_storage.model.storage import GenericStorage
from pyiron_storage.model.stored_by_hand import UNKNOWN, class_of
from pyiron_storage.paths import METADATA, Name, split
from pyiron_storage.records.document import Record
from pyiron_storage.records.dtypes import shown_dtype
from pyiron_storage.records.navigate import NodeInfo
from pyiron_storage.trusting.admission import Trust

Array = np.ndarray[Any, Any]
LISTED: Final = 1000
"""Of a group with more in it the first names are read without the others."""


class HDF5Storage(GenericStorage):
    """A storage in an HDF5 file.

    Parameters
    ----------
    filename : path-like
        The file.
    mode : {"a", "r", "w", "x"}
        ``"a"`` reads and writes and creates the file at the first write, ``"r"``
        reads, ``"w"`` begins with an empty file, ``"x"`` wants that there is none yet.
    cloudpickle_fallback : bool
        Whether code that cannot be imported is kept as cloudpickle bytes, or refused.
    compression : str or (str, int), optional
        How arrays and documents are compressed: ``"gzip"``, ``"lzf"``, or with the extra
        ``hdf5plugin`` ``"zstd"``, ``"blosc"``, ``"blosc2"``, ``"lz4"``, ``"bzip2"``,
        ``"bitshuffle"``; a level behind it, as in ``("gzip", 9)``.
    durability, locking, timeout, trust
        As for `open_storage`.

    Examples
    --------
    >>> with HDF5Storage("project.h5") as storage:
    ...     storage["relax/energy"] = -3.72
    >>> import h5io
    >>> h5io.read_hdf5("project.h5", "relax/energy")
    -3.72
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
        compression = checked_compression(compression, COMPRESSIONS, "hdf5")
        path = checked_path(filename, mode, is_kind=is_hdf5, kind="an HDF5 file")
        self._durable = is_durable(durability)
        self._file = open_file(HDF5File, path, locking=locking, timeout=timeout)
        self._names: Location = ()
        self._replaces = begins_anew(mode)
        self._start(
            str(path),
            shared=self._file.shared,
            read_only=read_only(mode),
            cloudpickle_fallback=cloudpickle_fallback,
            compression=compression,
            durability=durability,
            locking=locking,
            timeout=timeout,
            trust=trust,
        )
        if begins_anew(mode):
            self._begin_anew(self._file.clear)

    @classmethod
    def _open_damaged(cls, filename: str, **options: Any) -> tuple[GenericStorage, list[str]]:
        from pyiron_storage.backends.hdf5_salvage import CutFile, is_cut

        path = checked_path(filename, "r", is_kind=is_hdf5, kind="an HDF5 file")
        if not is_cut(path):
            return super()._open_damaged(filename, **options)
        storage = cls.__new__(cls)
        storage._file, storage._names = CutFile(path, **options), ()
        storage._start(str(path), shared=storage._file.shared, read_only=True, compression=None, **options)
        return storage, [""]

    def _inside(self, name: str) -> HDF5Storage:
        group = HDF5Storage.__new__(HDF5Storage)
        group._file, group._names = self._file, (*self._names, str(name))
        return group

    @property
    def name(self) -> str:
        return self._names[-1] if self._names else "/"

    # -- nodes and groups ----------------------------------------------------------

    def __getitem__(self, name: str) -> Any:
        if self._file.bag is not None and name == OBJECT:
            return self._inside(name)
        found = self._open(name)
        if isinstance(found, h5g.GroupID):
            return self._inside(name)
        self._check_is_no_type(found, name)
        try:
            value = read_value(found, self._where(name), verify=self._session.shared.verifying)
        except DamagedRecordError:
            if holds_object(found):
                return self._inside(name)
            raise
        is_bytes = type(value) is bytes or (type(value) is np.ndarray and value.dtype == np.uint8)
        return self._inside(name) if is_bytes and holds_object(found) else value

    def _set(self, name: str, value: Any) -> None:
        title, array, kind = native_form(value)
        self._file.listed.pop(self._names, None)
        group, link = self._group(), link_name(name)
        if link in group:
            dataset = self._open(name)
            self._check_is_no_type(dataset, name)
            if fits(dataset, title, array, kind, self._compression):
                fill_dataset(dataset, title, array, kind)
                if title == "ndarray":
                    note_read_only(dataset, read_only=stays_read_only(value))
                return
            group.unlink(link)
        write_dataset(group, link, title, array, kind, compression=self._compression)
        if title == "ndarray" and stays_read_only(value):
            note_read_only(self._open(name), read_only=True)

    def __delitem__(self, name: str) -> None:
        self._open(name)
        self._group().unlink(link_name(name))
        self._file.forget((*self._names, str(name)))

    def create_group(self, name: str) -> HDF5Storage:
        group, link = self._group(), link_name(name)
        if link not in group:
            self._file.listed.pop(self._names, None)
            h5g.create(group, link, gcpl=_group_creation())
        else:
            self._check_is_no_type(self._open(name), name)
        return self._inside(name)

    def list_nodes(self) -> list[str]:
        return self._names_of(h5o.TYPE_DATASET)

    def list_groups(self) -> list[str]:
        return self._names_of(h5o.TYPE_GROUP)

    def _names_of(self, kind: int) -> list[str]:
        if not self._file.exists:
            return []
        if self._file.bag is not None:
            return [OBJECT] if kind == h5o.TYPE_GROUP else []
        listed = self._file.listed.get(self._names)
        if listed is None:
            group = self._group()
            links = [link for link in h5py.Group(group).id if group.links.get_info(link).type == h5l.TYPE_HARD]
            listed = self._file.listed[self._names] = {plain_name(link): _kind_of(group, link) for link in links}
        return [name for name, found in listed.items() if found == kind]

    def _first_names(self, count: int) -> tuple[list[str], int]:
        if not self._file.exists or self._file.bag is not None or self._names in self._file.listed:
            return super()._first_names(count)
        group = self._group()
        total = group.get_num_objs()
        if total <= LISTED:
            return super()._first_names(count)
        found: list[str] = []

        def take(link: bytes) -> bool | None:
            found.extend([plain_name(link)] if group.links.get_info(link).type == h5l.TYPE_HARD else [])
            return True if len(found) > count else None

        tracked = group.get_create_plist().get_link_creation_order() & h5p.CRT_ORDER_INDEXED
        group.links.iterate(take, idx_type=h5.INDEX_CRT_ORDER if tracked else h5.INDEX_NAME)
        return [name for name in found if name != METADATA][:count], total

    def _has_node(self, name: str) -> bool:
        return bool(self._kind(name) == h5o.TYPE_DATASET)

    def _has_group(self, name: str) -> bool:
        return bool(self._kind(name) == h5o.TYPE_GROUP)

    def _kind(self, name: str) -> int | None:
        """What kind of object a name stands for, None where nothing is there; links elsewhere are nothing."""
        if not self._file.exists or "\0" in name:
            return None
        if self._file.bag is not None:
            return h5o.TYPE_GROUP if name == OBJECT else None
        group, link = self._group(), link_name(name)
        if link not in group or group.links.get_info(link).type != h5l.TYPE_HARD:
            return None
        return _kind_of(group, link)

    def _info(self, name: Name) -> NodeInfo:
        dataset = self._open(name)
        if not _holds_array(dataset):
            return super()._info(name)
        dtype, shape = dataset.dtype, dataset.shape
        return NodeInfo("array", "numpy.ndarray", shown_dtype(dtype), shape, int(np.prod(shape)) * dtype.itemsize)

    def _raw_names(self) -> list[str]:
        group = self._group()
        return [plain_name(link) for link in h5py.Group(group).id if group.links.get_info(link).type == h5l.TYPE_HARD]

    def _protection(self, name: Name) -> Check | bool:
        dataset = self._open(name)
        layout = dataset.get_create_plist().get_layout()
        return read_check(dataset, self._where(name)) or bool(layout == h5d.COMPACT)

    def _copy_to(self, name: Name, target: GenericStorage) -> None:
        assert isinstance(target, HDF5Storage)
        target._file.listed.pop(target._names, None)
        self._file.check_below(self._group(), link_name(name))
        h5o.copy(self._group(), link_name(name), target._group(), link_name(name))

    def _copy_all_to(self, target: GenericStorage) -> None:
        assert isinstance(target, HDF5Storage)
        if self._file.bag is None and not self._names and not target._names:
            target._begin_anew(functools.partial(target._file.clear, self._file.user_block))
            copy_whole(self._group(), target._group())
            return
        super()._copy_all_to(target)
        for name in attribute_names(self._group()):
            copy_attribute(h5a.open(self._group(), name), target._group(), name)

    def _native_array(self, name: Name, full: str) -> NativeArray | None:
        """Open the dataset once, without asking first what it is: handles come here at each use."""
        try:
            found = self._open(name)
        except KeyError:
            return None
        if isinstance(found, h5d.DatasetID) and _holds_array(found) and not found.dtype.hasobject:
            return self._array_of(found, name)
        return super()._native_array(name, full)

    def _open_array(self, name: Name) -> NativeArray:
        return self._array_of(self._open(name), name)

    def _array_of(self, dataset: Any, name: Name) -> NativeArray:
        array = HDF5Array(
            self._group(), link_name(name), dataset, self._file.map, self._compression, place=self._where(name)
        )
        array.verify = self._session.shared.verifying
        return array

    def _new_array(self, name: Name, dtype: np.dtype[Any], shape: Shape) -> NativeArray | None:
        self._file.listed.pop(self._names, None)
        new_array_dataset(self._group(), link_name(name), shape, dtype, compression=self._compression)
        return self._open_array(name)

    @property
    def _is_foreign(self) -> bool:
        return self._file.bag is not None or self._is_of_h5io()

    @property
    def _compression(self) -> Compression | None:
        found: Compression | None = self._session.options["compression"]
        return found

    # -- the record as bytes -----------------------------------------------------------

    def _read_text(self, name: Name) -> bytes:
        dataset = self._open(name)
        if read_title(dataset) != "unicode":
            raise TypeError(f"{self._where(name)} is no text")
        return read_text(dataset, self._where(name), verify=self._session.shared.verifying)

    def _write_text(self, name: Name, text: bytes) -> None:
        self._file.listed.pop(self._names, None)
        group, link = self._group(), link_name(name)
        if link in group:
            group.unlink(link)
        write_dataset(group, link, "unicode", *text_form(text), compression=self._compression)

    # -- what other libraries wrote ----------------------------------------------------

    def _has_record(self) -> bool:
        return self._is_foreign or super()._has_record()

    def _open_record(self) -> Record | None:
        if self._file.bag is not None:
            return self._file.bag.record()
        if self._is_of_h5io():
            title = b"/".join(map(link_name, self._names)).decode()
            return H5ioObject(self._open_itself, str(self._file.path), self.path, title).record()
        return super()._open_record()

    def _is_of_h5io(self) -> bool:
        return bool(self._names) and holds_object(self._file.group(self._names[:-1]), link_name(self._names[-1]))

    def _open_itself(self) -> Any:
        """Return this group, or the dataset in which h5io put a whole object."""
        return h5o.open(self._file.group(self._names[:-1]), link_name(self._names[-1]))

    def _only_object(self) -> str | None:
        """The one thing at the top level that h5io wrote; None where there are none or several."""
        names = [name for name in self._all_names() if title_of(self._group(), link_name(name))]
        return names[0] if len(names) == 1 else None

    @one_access
    def to_object(self) -> Any:
        ready_made = ready_made_kind(self)
        if ready_made is None:
            return super().to_object()
        cls = class_of(self, f"{ready_made.__module__}:{ready_made.__qualname__}", UNKNOWN)
        return cls.restore(self, self[Name("VERSION")])

    def _save(self, path: str, value: Any, *, replace: bool = False) -> None:
        """Store a value; in a new file where the old one holds nothing else: it needs no journal and has no gaps."""
        parts = split(path)
        with self._session.transaction():
            if isinstance(value, GenericStorage) or len(parts) != 1 or not self._file.is_to_be_replaced(parts[0]):
                super()._save(path, value, replace=replace)
                return
            if not replace:
                self._refuse_group(parts[0])
            prepared = self._prepared(path, value)
            self._begin_anew(self._file.clear)
            self._put(Name(parts[0]), prepared)

    # -- transactions --------------------------------------------------------------------

    def _begin_access(self) -> None:
        self._file.begin_access()

    def _end_access(self) -> None:
        self._file.end_access()

    def _begin(self) -> None:
        self._file.begin()
        if self._file.bag is not None and not self._replaces:
            self._file.rollback()
            raise ReadOnlyError(
                f"{self._file.path} was written by bagofholding and is only read. Save into another file, or open this "
                "one with mode 'w' to replace it."
            )

    def _commit(self) -> None:
        self._file.commit(durable=self._durable, closing=self._session.closing)

    def _rollback(self) -> None:
        self._file.rollback()

    def _close(self) -> None:
        self._file.release()

    def _reopening(self) -> Any:
        return reopening(HDF5Storage, self._file, self._session)

    def _understood(self, error: BaseException) -> BaseException:
        return damaged_file(self._file.path, error) if is_of_hdf5(error) else error

    def _destroy(self) -> None:
        self._file.path.unlink()

    # -- HDF5 ------------------------------------------------------------------------------

    def _group(self) -> h5g.GroupID:
        return self._file.group(self._names)

    def _open(self, name: str) -> Any:
        """The dataset or group of a name; links to elsewhere are nothing."""
        if not self._file.exists:
            raise KeyError(name)
        group, link = self._group(), link_name(name)
        if link not in group or group.links.get_info(link).type != h5l.TYPE_HARD:
            raise KeyError(name)
        return self._file.checked(open_linked(group, link, self._file.path))

    def _check_is_no_type(self, found: Any, name: str) -> None:
        """Refuse a type that another program put into the file under a name, for its datasets to be of.

        Raises
        ------
        UnsupportedOperationError
            If it is one.
        """
        if isinstance(found, h5t.TypeID):
            raise UnsupportedOperationError(
                f"{self._where(name)} is a type of HDF5 that datasets of the file may be of, not a value. h5py reads "
                "it and deletes it; choose another name."
            )

    def _where(self, name: str) -> str:
        return f"{self._file.path}: {'/'.join((*self._names, name))}"


def _holds_array(dataset: Any) -> bool:
    """Whether a dataset is an array, not a single value or a text."""
    return dataset.shape is not None and read_title(dataset) in ("ndarray", None)


def _kind_of(group: h5g.GroupID, link: bytes) -> int:
    """What kind of object a link leads to; a dataset in which h5io put an object is a group here, as any object is."""
    kind: int = h5o.get_info(group, link).type
    return h5o.TYPE_GROUP if kind == h5o.TYPE_DATASET and holds_object(group, link) else kind


@functools.cache
def _group_creation() -> Any:
    creation = h5p.create(h5p.GROUP_CREATE)
    creation.set_link_creation_order(h5p.CRT_ORDER_TRACKED | h5p.CRT_ORDER_INDEXED)
    return creation
