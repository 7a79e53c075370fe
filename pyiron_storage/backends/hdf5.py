"""`HDF5Storage`: a storage in one HDF5 file.

A group is an HDF5 group and a native node a dataset with h5io's ``TITLE``
attribute, so that h5io, h5py and h5dump read it.  Nothing in the file has a
variable length: text is a fixed-length UTF-8 scalar.  What h5io, tinybase and
bagofholding wrote is read by `neighbours`.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
from h5py import h5f, h5g, h5l, h5o, h5p, h5s

from pyiron_storage.backends.hdf5_arrays import HDF5Array
from pyiron_storage.backends.hdf5_filters import COMPRESSIONS
from pyiron_storage.backends.hdf5_names import link_name, plain_name
from pyiron_storage.backends.hdf5_values import (
    fits,
    native_form,
    read_bytes,
    read_title,
    read_value,
    text_form,
    write_dataset,
)
from pyiron_storage.backends.neighbours.bagofholding_files import OBJECT, Bag, kind_of_bag
from pyiron_storage.backends.neighbours.h5io_files import H5ioObject, holds_object, title_of
from pyiron_storage.backends.neighbours.tinybase_files import ready_made_kind
from pyiron_storage.backends.opening import OpenFile, begins_anew, checked_path, open_file, read_only
from pyiron_storage.compression import Compression, checked_compression
from pyiron_storage.errors import DamagedRecordError, FileKindError, ReadOnlyError
from pyiron_storage.journal import JournaledFile
from pyiron_storage.native_array import NativeArray
from pyiron_storage.paths import Name, split
from pyiron_storage.records.document import NATIVE_BYTES, Record
from pyiron_storage.records.navigate import NodeInfo
from pyiron_storage.session import Location
from pyiron_storage.storage import GenericStorage

Array = np.ndarray[Any, Any]

ALIGNMENT: Final = 64
"""Big arrays begin at multiples of so many bytes, so that a memory map of one is as good as an array."""
REPLACED_BYTES: Final = 2**20
"""A file of this size is replaced where all of it is saved anew."""
SIGNATURE: Final = b"\x89HDF\r\n\x1a\n"


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
        self, filename: Any, mode: str = "a", *, cloudpickle_fallback: bool = True, compression: Any = None
    ) -> None:
        compression = checked_compression(compression, COMPRESSIONS, "hdf5")
        path = checked_path(filename, mode, is_kind=is_hdf5, kind="an HDF5 file")
        self._file = open_file(HDF5File, path)
        self._names: Location = ()
        self._replaces = begins_anew(mode)
        self._start(
            str(path),
            shared=self._file.shared,
            read_only=read_only(mode),
            cloudpickle_fallback=cloudpickle_fallback,
            compression=compression,
        )
        if begins_anew(mode):
            self._begin_anew(self._file.clear)

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
        try:
            value = read_value(found, self._where(name))
        except DamagedRecordError:
            if holds_object(found):
                return self._inside(name)
            raise
        return self._inside(name) if type(value) is bytes and holds_object(found) else value

    def _set(self, name: str, value: Any) -> None:
        title, array, kind = native_form(value)
        self._file.listed.pop(self._names, None)
        group, link = self._group(), link_name(name)
        if link in group:
            dataset = self._open(name)
            if fits(dataset, title, array, kind, self._compression):
                dataset.write(h5s.ALL, h5s.ALL, array, kind)
                return
            group.unlink(link)
        write_dataset(group, link, title, array, kind, compression=self._compression)

    def __delitem__(self, name: str) -> None:
        self._open(name)
        self._group().unlink(link_name(name))
        self._file.forget((*self._names, str(name)))

    def create_group(self, name: str) -> HDF5Storage:
        group, link = self._group(), link_name(name)
        if link not in group:
            self._file.listed.pop(self._names, None)
            h5g.create(group, link, gcpl=_group_creation())
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
        if read_title(dataset) not in ("ndarray", None):
            return super()._info(name)
        dtype, shape = dataset.dtype, dataset.shape
        return NodeInfo("array", "numpy.ndarray", dtype.str, shape, int(np.prod(shape)) * dtype.itemsize)

    def _open_array(self, name: Name) -> NativeArray:
        return HDF5Array(self._group(), link_name(name), self._open(name), self._file.map, self._compression)

    @property
    def _compression(self) -> Compression | None:
        found: Compression | None = self._session.options["compression"]
        return found

    # -- the record as bytes -----------------------------------------------------------

    def _read_text(self, name: Name) -> bytes:
        dataset = self._open(name)
        if read_title(dataset) != "unicode":
            raise TypeError(f"{self._where(name)} is no text")
        return read_bytes(dataset)

    def _write_text(self, name: Name, text: bytes) -> None:
        self._file.listed.pop(self._names, None)
        group, link = self._group(), link_name(name)
        if link in group:
            group.unlink(link)
        write_dataset(group, link, "unicode", *text_form(text), compression=self._compression)

    # -- what other libraries wrote ----------------------------------------------------

    def _has_record(self) -> bool:
        return self._file.bag is not None or self._is_of_h5io() or super()._has_record()

    def _open_record(self) -> Record:
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
        names = [name for name in self if title_of(self._group(), link_name(name))]
        return names[0] if len(names) == 1 else None

    def to_object(self) -> Any:
        ready_made = ready_made_kind(self)
        return super().to_object() if ready_made is None else ready_made.restore(self, self[Name("VERSION")])

    def _save(self, path: str, value: Any) -> None:
        """Store a value; in a new file where the old one holds nothing else, so that it does not grow."""
        parts = split(path)
        is_alone = len(parts) == 1 and self._file.is_big and self._file.holds_only(link_name(parts[0]))
        if isinstance(value, GenericStorage) or not is_alone:
            super()._save(path, value)
            return
        prepared = self._prepare(path, value)
        with self._session.transaction():
            self._begin_anew(self._file.clear)
            self._put(Name(parts[0]), prepared)

    # -- transactions --------------------------------------------------------------------

    def _begin(self) -> None:
        self._file.begin()
        if self._file.bag is not None and not self._replaces:
            self._file.rollback()
            raise ReadOnlyError(
                f"{self._file.path} was written by bagofholding and is only read. Save into another file, or open this "
                "one with mode 'w' to replace it."
            )

    def _commit(self) -> None:
        self._file.commit()

    def _rollback(self) -> None:
        self._file.rollback()

    def _close(self) -> None:
        self._file.release()

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
        try:
            is_here = group.links.get_info(link).type == h5l.TYPE_HARD
        except RuntimeError:
            is_here = False
        if not is_here:
            raise KeyError(name)
        return h5o.open(group, link)

    def _where(self, name: str) -> str:
        return f"{self._file.path}: {'/'.join((*self._names, name))}"


class HDF5File(OpenFile):
    """The open HDF5 file that all handles and groups share; opened when it is first used.

    Parameters
    ----------
    path
        The file.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._file: JournaledFile | None = None
        self._hdf5: Any = None
        self._writing = False
        self._groups: dict[Location, h5g.GroupID] = {}
        self.listed: dict[Location, dict[str, int]] = {}
        """What each group holds, by location, as far as it was listed: names with their kinds, in order."""
        self._bag: Bag | None = None

    @property
    def bag(self) -> Bag | None:
        """What reads the file where it is one of bagofholding's; else None."""
        if self._hdf5 is None and self.exists:
            self._open(writing=False)
        return self._bag

    @property
    def exists(self) -> bool:
        """Whether there is anything to read."""
        return self._hdf5 is not None or self.path.exists()

    def group(self, names: Location) -> h5g.GroupID:
        """Return the HDF5 group at a location.

        Raises
        ------
        KeyError
            If it is gone.
        """
        if self._hdf5 is None:
            self._open(writing=False)
        if names not in self._groups:
            found = h5o.open(self._hdf5.id, b"/" + b"/".join(map(link_name, names)))
            if not isinstance(found, h5g.GroupID):
                raise KeyError(names[-1])
            self._groups[names] = found
        return self._groups[names]

    def forget(self, names: Location) -> None:
        """Drop the open groups and the lists at and below a location, which is deleted."""
        self.listed.pop(names[:-1], None)
        for known in [known for known in self.listed if known[: len(names)] == names]:
            del self.listed[known]
        for known in [known for known in self._groups if known[: len(names)] == names]:
            del self._groups[known]

    @property
    def is_big(self) -> bool:
        """Whether the file is so big that replacing it costs nothing beside writing it."""
        return self.path.exists() and self.path.stat().st_size >= REPLACED_BYTES

    def holds_only(self, link: bytes) -> bool:
        """Whether the file is ours and has one link at its top level, this one."""
        return self.bag is None and list(h5py.Group(self.group(())).id) == [link]

    def map(self, offset: int, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Array | None:
        """Map an array that stands in the file as it is; None where that is not possible now."""
        assert self._file is not None
        return self._file.map(offset, dtype, shape)

    def begin(self) -> None:
        """Open the file for writing."""
        if not self._writing:
            self._shut()
            self._open(writing=True)

    def clear(self) -> None:
        """Begin a new file, which takes the place of the old one at the commit."""
        self._shut()
        self._open(writing=True, anew=True)

    def commit(self) -> None:
        """Make all changes since the last commit last."""
        assert self._file is not None
        h5f.flush(self._hdf5.id)
        is_new = self._file.is_new
        self._file.commit()
        if is_new:
            self.note_identity()

    def rollback(self) -> None:
        """Drop all changes since the last commit."""
        if self._file is not None:
            self._file.discard()
            self._shut_hdf5()
            self._file.rollback()
            self._shut()

    def close(self) -> None:
        """Close the file; HDF5 then notes its free space in it."""
        if self._writing and self._file is not None:
            self._shut_hdf5()
            if self._file.changed and not self._file.is_new:
                self._file.commit()
        self._shut()

    def _open(self, *, writing: bool, anew: bool = False) -> None:
        self._file = JournaledFile(self.path, writable=writing, anew=anew)
        try:
            self._hdf5 = _open_hdf5(self._file, writing=writing)
        except OSError as error:
            self._shut()
            raise FileKindError(
                f"{self.path}: HDF5 cannot open the file: {error}. It is damaged, or it is no HDF5 file."
            ) from error
        self._writing = writing
        kind = kind_of_bag(self.group(()))
        self._bag = Bag(str(self.path), kind) if kind else None

    def _shut(self) -> None:
        self._shut_hdf5()
        if self._file is not None:
            self._file.close()
            self._file = None
        self._writing = False

    def _shut_hdf5(self) -> None:
        self._groups.clear()
        self.listed.clear()
        if self._bag is not None:
            self._bag.close()
        if self._hdf5 is not None:
            self._hdf5.close()
            self._hdf5 = None


def _open_hdf5(file: JournaledFile, *, writing: bool) -> Any:
    options = {"libver": ("v108", "v110"), "alignment_threshold": NATIVE_BYTES, "alignment_interval": ALIGNMENT}
    if file.is_new:
        return h5py.File(file, "w", track_order=True, fs_strategy="fsm", fs_persist=True, fs_threshold=1, **options)
    return h5py.File(file, "r+" if writing else "r", **options)


def is_hdf5(path: Path) -> bool:
    """Whether a file is an HDF5 file, by its first bytes."""
    with path.open("rb") as file:
        return file.read(len(SIGNATURE)) == SIGNATURE


def _kind_of(group: h5g.GroupID, link: bytes) -> int:
    """What kind of object a link leads to; a dataset in which h5io put an object is a group here, as any object is."""
    kind: int = h5o.get_info(group, link).type
    return h5o.TYPE_GROUP if kind == h5o.TYPE_DATASET and holds_object(group, link) else kind


@functools.cache
def _group_creation() -> Any:
    creation = h5p.create(h5p.GROUP_CREATE)
    creation.set_link_creation_order(h5p.CRT_ORDER_TRACKED | h5p.CRT_ORDER_INDEXED)
    return creation
