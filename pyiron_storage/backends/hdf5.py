"""`HDF5Storage`: a storage in one HDF5 file.

A group is an HDF5 group and a native node a dataset with h5io's ``TITLE``
attribute, so that h5io, h5py and h5dump read it.  Nothing in the file has a
variable length: text is a fixed-length UTF-8 scalar.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
from h5py import h5a, h5d, h5f, h5g, h5l, h5o, h5p, h5s, h5t

from pyiron_storage.backends.opening import OpenFile, begins_anew, checked_path, open_file, read_only
from pyiron_storage.errors import DamagedRecordError, FileKindError
from pyiron_storage.journal import JournaledFile
from pyiron_storage.records.navigate import NodeInfo
from pyiron_storage.session import Location
from pyiron_storage.storage import GenericStorage, Name

Array = np.ndarray[Any, Any]

COMPACT_BYTES: Final = 512
"""A value up to this size stands in the header of its dataset."""
NUMBERS: Final = {bool: ("int", "?"), int: ("int", "<i8"), float: ("float", "<f8"), complex: ("np_complex128", "<c16")}
"""The TITLE and the dtype of each kind of number; h5io writes bool as an int of dtype bool."""
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

    Examples
    --------
    >>> with HDF5Storage("project.h5") as storage:
    ...     storage["relax/energy"] = -3.72
    >>> import h5io
    >>> h5io.read_hdf5("project.h5", "relax/energy")
    -3.72
    """

    def __init__(self, filename: Any, mode: str = "a", *, cloudpickle_fallback: bool = True) -> None:
        path = checked_path(filename, mode, is_kind=is_hdf5, kind="an HDF5 file")
        self._file = open_file(HDF5File, path)
        self._names: Location = ()
        self._start(
            str(path), shared=self._file.shared, read_only=read_only(mode), cloudpickle_fallback=cloudpickle_fallback
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
        found = self._open(name)
        return self._inside(name) if isinstance(found, h5g.GroupID) else read_value(found, self._where(name))

    def _set(self, name: str, value: Any) -> None:
        title, array, kind = native_form(value)
        group, link = self._group(), link_name(name)
        if link in group:
            dataset = self._open(name)
            if _fits(dataset, title, array, kind):
                dataset.write(h5s.ALL, h5s.ALL, array, kind)
                return
            group.unlink(link)
        write_dataset(group, link, title, array, kind)

    def __delitem__(self, name: str) -> None:
        self._open(name)
        self._group().unlink(link_name(name))
        self._file.forget((*self._names, str(name)))

    def create_group(self, name: str) -> HDF5Storage:
        group, link = self._group(), link_name(name)
        if link not in group:
            h5g.create(group, link, gcpl=_group_creation())
        return self._inside(name)

    def list_nodes(self) -> list[str]:
        return self._names_of(h5o.TYPE_DATASET)

    def list_groups(self) -> list[str]:
        return self._names_of(h5o.TYPE_GROUP)

    def _names_of(self, kind: int) -> list[str]:
        if not self._file.exists:
            return []
        group = self._group()
        links = [link for link in h5py.Group(group).id if group.links.get_info(link).type == h5l.TYPE_HARD]
        return [plain_name(link) for link in links if h5o.get_info(group, link).type == kind]

    def _has_node(self, name: str) -> bool:
        return bool(self._kind(name) == h5o.TYPE_DATASET)

    def _has_group(self, name: str) -> bool:
        return bool(self._kind(name) == h5o.TYPE_GROUP)

    def _kind(self, name: str) -> int | None:
        """What kind of object a name stands for, None where nothing is there; links elsewhere are nothing."""
        if not self._file.exists or "\0" in name:
            return None
        group, link = self._group(), link_name(name)
        if link not in group or group.links.get_info(link).type != h5l.TYPE_HARD:
            return None
        kind: int = h5o.get_info(group, link).type
        return kind

    def _info(self, name: Name) -> NodeInfo:
        dataset = self._open(name)
        if read_title(dataset) not in ("ndarray", None):
            return super()._info(name)
        dtype, shape = dataset.dtype, dataset.shape
        return NodeInfo("array", "numpy.ndarray", dtype.str, shape, int(np.prod(shape)) * dtype.itemsize)

    # -- the record as bytes -----------------------------------------------------------

    def _read_text(self, name: Name) -> bytes:
        dataset = self._open(name)
        if read_title(dataset) != "unicode":
            raise TypeError(f"{self._where(name)} is no text")
        return read_bytes(dataset)

    def _write_text(self, name: Name, text: bytes) -> None:
        group, link = self._group(), link_name(name)
        if link in group:
            group.unlink(link)
        write_dataset(group, link, "unicode", *_text_form(text))

    # -- transactions --------------------------------------------------------------------

    def _begin(self) -> None:
        self._file.begin()

    def _commit(self) -> None:
        self._file.commit()

    def _rollback(self) -> None:
        self._file.rollback()

    def _close(self) -> None:
        self._file.release()

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
            self._groups[names] = h5o.open(self._hdf5.id, b"/" + b"/".join(map(link_name, names)))
        return self._groups[names]

    def forget(self, names: Location) -> None:
        """Drop the open groups at and below a location, which is deleted."""
        for known in [known for known in self._groups if known[: len(names)] == names]:
            del self._groups[known]

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
        self._file.commit()

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

    def _shut(self) -> None:
        self._shut_hdf5()
        if self._file is not None:
            self._file.close()
            self._file = None
        self._writing = False

    def _shut_hdf5(self) -> None:
        self._groups.clear()
        if self._hdf5 is not None:
            self._hdf5.close()
            self._hdf5 = None


def _open_hdf5(file: JournaledFile, *, writing: bool) -> Any:
    if file.is_new:
        return h5py.File(
            file, "w", libver=("v108", "v110"), track_order=True, fs_strategy="fsm", fs_persist=True, fs_threshold=1
        )
    return h5py.File(file, "r+" if writing else "r", libver=("v108", "v110"))


def is_hdf5(path: Path) -> bool:
    """Whether a file is an HDF5 file, by its first bytes."""
    with path.open("rb") as file:
        return file.read(len(SIGNATURE)) == SIGNATURE


# -- names ---------------------------------------------------------------------------


def link_name(name: str) -> bytes:
    """The name of the HDF5 link for a node or group: ``/`` cannot be in one and is written ``%2F``."""
    return name.replace("%", "%25").replace("/", "%2F").encode()


def plain_name(link: bytes) -> str:
    """The name of the node or group behind an HDF5 link."""
    return link.decode("utf-8", "surrogateescape").replace("%2F", "/").replace("%25", "%")


# -- values as datasets -----------------------------------------------------------------


def native_form(value: Any) -> tuple[str, Array, h5t.TypeID]:
    """The TITLE, the array and the HDF5 type of a native value.

    Raises
    ------
    TypeError
        If HDF5 does not hold it as it is.
    """
    kind = type(value)
    if kind is str:
        return ("unicode", *_text_form(_utf8(value)))
    if kind in NUMBERS:
        title, dtype = NUMBERS[kind]
        return title, _number(value, dtype), hdf5_type(np.dtype(dtype))
    if value is None:
        return "None", np.zeros(1, np.bool_), hdf5_type(np.dtype(np.bool_))
    if kind is bytes:
        return ("void", *_bytes_form(value))
    if kind is np.ndarray:
        return "ndarray", np.ascontiguousarray(value).reshape(value.shape), _array_type(value)
    raise TypeError(f"{kind.__name__} is not stored natively in HDF5")


def _utf8(value: str) -> bytes:
    try:
        return value.encode()
    except UnicodeEncodeError:
        raise TypeError("text with lone surrogates is not stored natively in HDF5") from None


def _number(value: Any, dtype: str) -> Array:
    try:
        return np.array([value], dtype)
    except OverflowError:
        raise TypeError("an int beyond 64 bits is not stored natively in HDF5") from None


def _text_form(text: bytes) -> tuple[Array, h5t.TypeID]:
    """One fixed-length string; HDF5 has none of length 0, so that empty text is an empty array of bytes."""
    if not text:
        return np.empty(0, np.uint8), hdf5_type(np.dtype(np.uint8))
    return np.frombuffer(text, f"S{len(text)}").reshape(()), _text_type(len(text))


@functools.lru_cache(maxsize=64)
def _text_type(length: int) -> h5t.TypeID:
    kind = h5t.C_S1.copy()
    kind.set_size(length)
    kind.set_cset(h5t.CSET_UTF8)
    kind.set_strpad(h5t.STR_NULLPAD)
    return kind


def _bytes_form(value: bytes) -> tuple[Array, h5t.TypeID]:
    if not value:
        return np.empty(0, np.uint8), hdf5_type(np.dtype(np.uint8))
    array = np.frombuffer(value, f"V{len(value)}").reshape(())
    return array, h5t.py_create(array.dtype)


def _array_type(array: Array) -> h5t.TypeID:
    dtype = array.dtype
    simple = dtype.kind in "biufc" and dtype.itemsize <= (16 if dtype.kind == "c" else 8)
    if array.flags.f_contiguous and not array.flags.c_contiguous:
        raise TypeError("the order of a Fortran array is not kept by HDF5")
    if not simple and not (dtype.names and not dtype.hasobject):
        raise TypeError(f"an array of {dtype} is not stored natively in HDF5")
    kind = hdf5_type(dtype)
    if kind.dtype != dtype:
        raise TypeError(f"an array of {dtype} does not come back the same from HDF5")
    return kind


@functools.lru_cache(maxsize=256)
def hdf5_type(dtype: np.dtype[Any]) -> h5t.TypeID:
    """The HDF5 type of a dtype.

    Raises
    ------
    TypeError
        If HDF5 has none.
    """
    if dtype.names and any(field[0].kind not in "biufcS" for field in (dtype.fields or {}).values()):
        raise TypeError(f"{dtype} has fields that HDF5 does not hold as they are")
    return h5t.py_create(dtype)


def _fits(dataset: Any, title: str, array: Array, kind: h5t.TypeID) -> bool:
    """Whether a value can be written over a dataset in place."""
    return (
        isinstance(dataset, h5d.DatasetID)
        and dataset.shape == array.shape
        and read_title(dataset) == title
        and dataset.get_type().equal(kind)
    )


def write_dataset(group: h5g.GroupID, link: bytes, title: str, array: Array, kind: h5t.TypeID) -> None:
    """Create a dataset with its TITLE."""
    space = h5s.create_simple(array.shape) if array.ndim else h5s.create(h5s.SCALAR)
    dataset = h5d.create(group, link, kind, space, _creation(compact=array.nbytes <= COMPACT_BYTES))
    if array.size:
        dataset.write(h5s.ALL, h5s.ALL, array, kind)
    text = title.encode()
    attribute = h5a.create(dataset, b"TITLE", _text_type(len(text)), h5s.create(h5s.SCALAR))
    attribute.write(np.frombuffer(text, f"S{len(text)}").reshape(()), _text_type(len(text)))


@functools.cache
def _creation(*, compact: bool) -> Any:
    creation = h5p.create(h5p.DATASET_CREATE)
    creation.set_obj_track_times(False)
    if compact:
        creation.set_layout(h5d.COMPACT)
    return creation


@functools.cache
def _group_creation() -> Any:
    creation = h5p.create(h5p.GROUP_CREATE)
    creation.set_link_creation_order(h5p.CRT_ORDER_TRACKED | h5p.CRT_ORDER_INDEXED)
    return creation


def read_title(dataset: Any) -> str | None:
    """The TITLE of a dataset, None where it has none."""
    try:
        attribute = h5a.open(dataset, b"TITLE")
    except KeyError:
        return None
    kind = attribute.get_type()
    if not isinstance(kind, h5t.TypeStringID):
        return None
    if kind.is_variable_str():  # h5py writes such attributes, and so does h5io with it
        value = h5py.Dataset(dataset).attrs["TITLE"]
        return value.decode() if isinstance(value, bytes) else str(value)
    buffer = np.empty((), f"S{kind.get_size()}")
    attribute.read(buffer, kind)
    return buffer.tobytes().decode()


def read_bytes(dataset: Any) -> bytes:
    """The bytes of a text dataset, whether one string or an array of bytes."""
    kind = dataset.get_type()
    if isinstance(kind, h5t.TypeStringID) and not kind.is_variable_str():
        buffer = np.empty(dataset.shape, f"S{kind.get_size()}")
        dataset.read(h5s.ALL, h5s.ALL, buffer, kind)
        return buffer.tobytes()
    return np.asarray(h5py.Dataset(dataset)[()]).tobytes()


def read_value(dataset: Any, where: str) -> Any:
    """The native value of a dataset, by its TITLE; a dataset without one is an array."""
    title = read_title(dataset)
    if title == "float" and dataset.shape == (1,):  # the commonest, without asking for the dtype
        number = np.empty(1)
        dataset.read(h5s.ALL, h5s.ALL, number)
        return float(number[0])
    if title in ("unicode", "ascii", "str"):
        return read_bytes(dataset).decode()
    if title == "None":
        return None
    array = read_array(dataset)
    if title in ("ndarray", None):
        return array
    try:
        return _single(title, array)
    except (ValueError, TypeError, IndexError, AttributeError) as error:
        raise DamagedRecordError(
            f"{where}: a dataset with TITLE {title!r} and shape {array.shape}: {error}."
        ) from error


def _single(title: str | None, array: Array) -> Any:
    """One value from an array of shape ``(1,)`` or ``()``."""
    if title == "void":
        return array.tobytes()
    first = array.reshape(-1)[0]
    if title == "int":
        return bool(first) if array.dtype == bool else int(first)
    if title == "float":
        return float(first)
    if title == "np_complex128":
        return complex(first)
    if title is not None and title.startswith("np_"):
        return first
    raise ValueError("is of a kind that is not known here")


def read_array(dataset: Any) -> Array:
    """The array in a dataset, in memory of its own."""
    array: Array = np.empty(dataset.shape, dataset.dtype)
    if array.size:
        dataset.read(h5s.ALL, h5s.ALL, array)
    return array
