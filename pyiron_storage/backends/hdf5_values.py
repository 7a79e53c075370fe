"""Native values as HDF5 datasets, with h5io's ``TITLE``, and back.

Nothing has a variable length: text is one fixed-length UTF-8 string, bytes are
opaque.  What a dataset of h5io, tinybase or h5py holds is read too.
"""

from __future__ import annotations

import functools
import math
from typing import Any, Final

import h5py
import numpy as np
from h5py import h5a, h5d, h5g, h5s, h5t

from pyiron_storage.arrays.checks import (
    BLOCK_BYTES,
    TEXT_BLOCK_BYTES,
    UNKNOWN,
    Check,
    CheckBeside,
    block_size,
    bytes_of,
    damage,
    description,
    text_description,
)
from pyiron_storage.arrays.large_memory import filled
from pyiron_storage.arrays.memory_layout import axes_of, in_c_order
from pyiron_storage.arrays.native_array import Array, Box, Shape
from pyiron_storage.backends.compression import COMPRESSED_BYTES, Compression
from pyiron_storage.backends.hdf5_checks import CHECK, verify_array, verify_bytes, write_check
from pyiron_storage.backends.hdf5_filters import (
    COMPACT_BYTES,
    chunk_shape,
    chunked_creation,
    is_compressed,
    plain_creation,
    read_into,
    unlimited,
)
from pyiron_storage.errors import DamagedRecordError
from pyiron_storage.progress import READ, WRITTEN, note
from pyiron_storage.records.dtypes import dtype_node, has_empty_elements

PIECE_BYTES: Final = 2**24
"""A larger array is written in pieces of about this size."""
NUMBERS: Final = {bool: ("int", "?"), int: ("int", "<i8"), float: ("float", "<f8"), complex: ("np_complex128", "<c16")}
"""The TITLE and the dtype of each kind of number; h5io writes bool as an int of dtype bool."""

READ_ONLY: Final = b"READONLY"
"""The attribute of an array that is read-only when it is loaded."""
_FLAG: Final = h5t.py_create(np.dtype(np.uint8))


def native_form(value: Any) -> tuple[str, Array, h5t.TypeID]:
    """The TITLE, the array and the HDF5 type of a native value.

    Raises
    ------
    TypeError
        If HDF5 does not hold it as it is.
    """
    kind = type(value)
    if kind is str:
        return ("unicode", *text_form(_utf8(value)))
    if kind in NUMBERS:
        title, dtype = NUMBERS[kind]
        return title, _number(value, dtype), hdf5_type(np.dtype(dtype))
    if value is None:
        return "None", np.zeros(1, np.bool_), hdf5_type(np.dtype(np.bool_))
    if kind is bytes:
        return ("void", *_bytes_form(value))
    if kind is np.ndarray:
        return "ndarray", in_c_order(value), _array_type(value)
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


def text_form(text: bytes) -> tuple[Array, h5t.TypeID]:
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
    if axes_of(array) is not None:
        raise TypeError("the order of an array whose axes lie otherwise than in C is not kept by HDF5")
    if has_empty_elements(dtype):
        raise TypeError(f"HDF5 has no elements without bytes, as an array of {dtype} has")
    if not simple and not (dtype.names and not dtype.hasobject):
        raise TypeError(f"an array of {dtype} is not stored natively in HDF5")
    kind = hdf5_type(dtype)
    if kind.dtype != dtype or dtype_node(dtype) is None:
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


def fits(dataset: Any, title: str, array: Array, kind: h5t.TypeID, compression: Compression | None) -> bool:
    """Whether a value can be written over a dataset in place."""
    return (
        isinstance(dataset, h5d.DatasetID)
        and dataset.shape == array.shape
        and read_title(dataset) == title
        and dataset.get_type().equal(kind)
        and (compression is None or array.nbytes < COMPRESSED_BYTES or is_compressed(dataset))
    )


def write_dataset(
    group: h5g.GroupID,
    link: bytes,
    title: str,
    array: Array,
    kind: h5t.TypeID,
    *,
    compression: Compression | None = None,
) -> None:
    """Create a dataset with its TITLE, and write into it; one that is compressed can grow later."""
    if compression is not None and array.nbytes >= COMPRESSED_BYTES and not array.ndim:
        # HDF5 compresses no single value, so that its bytes stand in an array
        array, kind = np.frombuffer(array.tobytes(), np.uint8), hdf5_type(np.dtype(np.uint8))
    dataset = new_dataset(group, link, title, shape=array.shape, dtype=array.dtype, kind=kind, compression=compression)
    fill_dataset(dataset, title, array, kind)


def fill_dataset(dataset: Any, title: str, array: Array, kind: h5t.TypeID) -> None:
    """Write a value into a dataset of its shape, and its checksums beside it where HDF5 has none for it."""
    beside = None
    if array.nbytes > COMPACT_BYTES or h5a.exists(dataset, CHECK):
        beside = CheckBeside(_description(title, array), bytes_of(array), block_of(title))
    _write_entries(dataset, array, kind)
    if beside is not None:
        write_check(dataset, beside.get())


def _write_entries(dataset: Any, array: Array, kind: h5t.TypeID) -> None:
    """Write an array, a large one in pieces of whole chunks, so that one sees how far it is."""
    if array.nbytes <= PIECE_BYTES or not array.ndim:
        if array.size:
            dataset.write(h5s.ALL, h5s.ALL, array, kind)
        note(WRITTEN, array.nbytes)
        return
    creation = dataset.get_create_plist()
    rows = creation.get_chunk()[0] if creation.get_layout() == h5d.CHUNKED else 1
    for box, part in Box.whole(array.shape).pieces(array.dtype.itemsize, PIECE_BYTES, rows):
        dataset.write(*part_of(dataset, array.shape, box), array[part], kind)
        note(WRITTEN, array[part].nbytes)


def block_of(title: str) -> int:
    """How many bytes of a value one checksum is for at least."""
    return TEXT_BLOCK_BYTES if title == "unicode" else BLOCK_BYTES


def _description(title: str, array: Array) -> bytes:
    if title == "unicode":
        return text_description(array.tobytes())
    if title == "void":
        return description("bytes", [array.nbytes])
    return description(dtype_node(array.dtype), array.shape)


def new_array_dataset(
    group: h5g.GroupID, link: bytes, shape: Shape, dtype: np.dtype[Any], *, compression: Compression | None = None
) -> None:
    """Create the dataset of a large array that is to be written in pieces; its checksums follow each of them."""
    title, _, kind = native_form(np.empty((0,) * len(shape), dtype))
    dataset = new_dataset(group, link, title, shape=shape, dtype=dtype, kind=kind, compression=compression)
    check = Check.of(description(dtype_node(dtype), shape), b"")
    size = math.prod(shape) * dtype.itemsize
    check.block = block_size(size)
    check.sums = [UNKNOWN] * -(-size // check.block)
    write_check(dataset, check)


def new_dataset(
    group: h5g.GroupID,
    link: bytes,
    title: str,
    *,
    shape: Shape,
    dtype: np.dtype[Any],
    kind: h5t.TypeID,
    compression: Compression | None = None,
) -> Any:
    """Create a dataset with its TITLE, to be written to."""
    size = math.prod(shape) * dtype.itemsize
    if compression is not None and size >= COMPRESSED_BYTES:
        creation = chunked_creation(chunk_shape(shape, dtype.itemsize), dtype, compression)
        space = unlimited(shape)
    else:
        creation = plain_creation(compact=size <= COMPACT_BYTES)
        space = h5s.create_simple(shape) if shape else h5s.create(h5s.SCALAR)
    return create_dataset(group, link, title, kind, space=space, creation=creation)


def create_dataset(group: h5g.GroupID, link: bytes, title: str, kind: h5t.TypeID, *, space: Any, creation: Any) -> Any:
    """Create an empty dataset with its TITLE."""
    dataset = h5d.create(group, link, kind, space, creation)
    text = title.encode()
    attribute = h5a.create(dataset, b"TITLE", _text_type(len(text)), h5s.create(h5s.SCALAR))
    attribute.write(np.frombuffer(text, f"S{len(text)}").reshape(()), _text_type(len(text)))
    return dataset


def note_read_only(dataset: Any, *, read_only: bool) -> None:
    """Say beside an array whether it is read-only when it is loaded."""
    if h5a.exists(dataset, READ_ONLY):
        h5a.delete(dataset, READ_ONLY)
    if read_only:
        h5a.create(dataset, READ_ONLY, _FLAG, h5s.create(h5s.SCALAR)).write(np.array(1, np.uint8), _FLAG)


def is_read_only(dataset: Any) -> bool:
    """Whether an array was read-only when it was stored."""
    return bool(h5a.exists(dataset, READ_ONLY))


def read_title(dataset: Any) -> str | None:
    """The kind of value that a dataset is, by its TITLE; None where it is an array that says no kind.

    PyTables and pandas have attributes of that name too, which hold what people wrote: a
    title counts where the dataset is stored as one of its kind is.
    """
    title = _written_title(dataset)
    if title is None or title == "ndarray" or dataset.shape is None:
        return title
    return title if _fits_title(dataset, title) and not h5a.exists(dataset, _OF_PYTABLES) else None


_OF_PYTABLES: Final = b"CLASS"
"""The attribute that PyTables gives to each dataset, and h5io and we to none."""


def _written_title(dataset: Any) -> str | None:
    """The attribute TITLE, where it is one text."""
    try:
        attribute = h5a.open(dataset, b"TITLE")
    except KeyError:
        return None
    kind = attribute.get_type()
    if not isinstance(kind, h5t.TypeStringID) or attribute.shape != ():  # which of an empty one is None
        return None
    if kind.is_variable_str():  # h5py writes such attributes, and so does h5io with it
        value = h5py.Dataset(dataset).attrs["TITLE"]
        return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    buffer = np.zeros((), f"S{kind.get_size()}")
    attribute.read(buffer, kind)
    return buffer.tobytes().decode(errors="replace")


def _fits_title(dataset: Any, title: str) -> bool:
    """Whether a dataset has the type and shape that a value of a kind is stored with."""
    kind = dataset.get_type().get_class()
    if title in _TEXTS:
        return _is_text(dataset)
    if title == "void":
        return (kind in (h5t.OPAQUE, h5t.COMPOUND) and dataset.shape == ()) or _is_bytes(dataset)
    if dataset.shape != (1,):
        return False
    if title in _SINGLE:
        return kind in _SINGLE[title]
    return title.startswith("np_") and _names_dtype(title.removeprefix("np_"), dataset.dtype)


def _names_dtype(name: str, dtype: np.dtype[Any]) -> bool:
    """Whether a name is that of a scalar type of numpy, with this dtype; of structures and text all are alike."""
    try:
        meant = np.dtype(name.removesuffix("_"))
    except TypeError:
        return False
    return meant == dtype or (meant.itemsize == 0 and meant.kind == dtype.kind)


_TEXTS: Final = ("unicode", "ascii", "str")
_SINGLE: Final = {
    "None": (h5t.ENUM, h5t.INTEGER),
    "int": (h5t.INTEGER, h5t.ENUM),
    "float": (h5t.FLOAT,),
    "np_complex128": (h5t.COMPOUND,),
}
"""The HDF5 types in which single values of each kind are stored."""


def _is_text(dataset: Any) -> bool:
    """Whether a dataset is one string of a fixed length, or the bytes of one."""
    kind = dataset.get_type()
    is_string = isinstance(kind, h5t.TypeStringID) and not kind.is_variable_str() and dataset.shape == ()
    return is_string or _is_bytes(dataset)


def _is_bytes(dataset: Any) -> bool:
    return len(dataset.shape) == 1 and bool(dataset.dtype == np.uint8)


def read_bytes(dataset: Any) -> bytes:
    """The bytes of a text dataset, whether one string or an array of bytes."""
    kind = dataset.get_type()
    if isinstance(kind, h5t.TypeStringID) and not kind.is_variable_str():
        buffer = np.empty(dataset.shape, f"S{kind.get_size()}")
        read_into(dataset, buffer, kind=kind)
        return buffer.tobytes()
    if dataset.dtype.hasobject:
        return np.asarray(h5py.Dataset(dataset)[()]).tobytes()
    return read_array(dataset).tobytes()


def read_text(dataset: Any, where: str, *, verify: bool | None = False) -> bytes:
    """The bytes of a text dataset, verified unless `verify` is None."""
    text = read_bytes(dataset)
    if verify is not None:
        verify_bytes(dataset, text_description(text), text, where)
    return text


def read_value(dataset: Any, where: str, *, verify: bool | None = False) -> Any:
    """The native value of a dataset, by its TITLE; a dataset without one is an array.

    Parameters
    ----------
    dataset
        The dataset.
    where
        File and path, for messages.
    verify
        Whether a large array is compared with its checksums too; None for nothing at all.
    """
    if dataset.shape is None:  # HDF5's dataset without any data: other programs write it for nothing
        return None
    title = read_title(dataset)
    if title == "float" and dataset.shape == (1,):  # the commonest, without asking for the dtype
        number = np.empty(1)
        dataset.read(h5s.ALL, h5s.ALL, number)
        return float(number[0])
    if title in ("unicode", "ascii", "str"):
        return _decoded(read_text(dataset, where, verify=verify), where)
    if title == "None":
        return None
    array = read_array(dataset)
    if title in ("ndarray", None):
        verify_array(dataset, array, where, verify=verify)
        if is_read_only(dataset):
            array.flags.writeable = False
        return array
    if title == "void" and verify is not None:
        data = array.tobytes()
        verify_bytes(dataset, description("bytes", [len(data)]), data, where)
    try:
        return _single(title, array)
    except (ValueError, TypeError, IndexError, AttributeError) as error:
        raise DamagedRecordError(
            f"{where}: a dataset with TITLE {title!r} and shape {array.shape}: {error}."
        ) from error


def _decoded(text: bytes, where: str) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise damage(where, f"the text is not UTF-8: {error}") from error


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


def array_dtype(dataset: Any) -> np.dtype[Any]:
    """The dtype of the array in a dataset."""
    dtype: np.dtype[Any] = dataset.dtype
    # h5py names the byte order of the machine, where numpy's own dtypes leave it out
    return dtype if dtype.names or dtype.hasobject else np.dtype(dtype.str)


def read_array(dataset: Any) -> Array:
    """The array in a dataset, in memory of its own."""

    def fill(box: Box, memory: Array) -> None:
        read_into(dataset, memory, *part_of(dataset, shape, box))
        note(READ, memory.nbytes)

    shape = dataset.shape
    return filled(shape, array_dtype(dataset), fill)


def part_of(dataset: Any, shape: Shape, box: Box) -> tuple[Any, Any]:
    """The dataspaces of a part of a dataset: in memory and in the file."""
    if box.counts == shape:
        return h5s.ALL, h5s.ALL
    space = dataset.get_space()
    space.select_hyperslab(box.starts, box.counts, box.steps)
    return h5s.create_simple(box.counts), space
