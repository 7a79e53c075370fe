"""Arrays as files in numpy's ``.npy`` format: written, read, mapped and made longer.

How many rows there are is what the caller knows: a file that became longer, and
whose new length was never committed, still holds the rows that it had.
"""

from __future__ import annotations

import ast
import io
import math
import os
import struct
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

import numpy as np

from pyiron_storage.arrays.large_memory import filled
from pyiron_storage.arrays.native_array import Array, Shape
from pyiron_storage.backends.compressed_files import is_compressed, open_file, unpacking
from pyiron_storage.backends.json_values import dtype_of
from pyiron_storage.errors import DamagedRecordError
from pyiron_storage.progress import READ, note
from pyiron_storage.records.dtypes import dtype_node

LONGEST_HEADER: Final = 2**20
READ_BYTES: Final = 2**22
"""What is unpacked at a time."""
MOST_UNPACKED: Final = 50_000
"""No compression makes more bytes of one: Zstandard writes 128 kB of zeros as 4 bytes."""


class Npy(NamedTuple):
    """An array in a file, as the node in ``group.json`` describes it."""

    file: Path
    dtype: np.dtype[Any]
    shape: Shape
    order: str

    @classmethod
    def of(cls, file: Path, node: dict[str, Any]) -> Npy:
        """The array of a node."""
        return cls(file, dtype_of(node, str(file)), tuple(node["shape"]), node.get("order", "C"))

    @property
    def nbytes(self) -> int:
        """The number of bytes of all entries."""
        return math.prod(self.shape) * self.dtype.itemsize

    def begin(self, stream: IO[bytes]) -> int:
        """Read the header of the file; return the offset of the first entry.

        Raises
        ------
        DamagedRecordError
            If it is not the array that the node describes.
        """
        shape, fortran, dtype = header_of(stream, self.file)
        grows = self.order == "C" and len(shape) == len(self.shape) and shape[1:] == self.shape[1:]
        if dtype != self.dtype or not (shape == self.shape or grows) or fortran != (self.order == "F"):
            raise DamagedRecordError(
                f"{self.file}: the array is of {dtype} and shape {shape}, and group.json says {self.dtype} and "
                f"{self.shape}."
            )
        return stream.tell()

    def read(self) -> Array:
        """Return the array, in memory of its own."""
        with open_file(self.file) as stream, unpacking(self.file):
            self.check_size(self.begin(stream))
            lying = filled(
                self.shape[::-1] if self.order == "F" else self.shape,
                self.dtype,
                lambda _, memory: self._read_into(stream, memory),
            )
            return lying.T if self.order == "F" else lying

    def check_size(self, offset: int) -> None:
        """Raise where the file cannot hold so many bytes, before memory is asked for."""
        most = self.file.stat().st_size * (MOST_UNPACKED if is_compressed(self.file) else 1)
        if offset + self.nbytes > most:
            raise DamagedRecordError(
                f"{self.file}: the file has {self.file.stat().st_size} bytes, and an array of {self.dtype} and shape "
                f"{self.shape} takes {offset + self.nbytes}: it ends before the array does."
            )

    def _read_into(self, stream: Any, array: Array) -> None:
        """Read straight into the array."""
        view = array.reshape(-1).view(np.uint8).data if array.nbytes else memoryview(b"")
        step = READ_BYTES if is_compressed(self.file) else len(view)
        done = 0
        while done < len(view):
            got = stream.readinto(view[done : done + step])
            if not got:
                raise DamagedRecordError(f"{self.file}: the file ends before the array does.")
            done += got
            note(READ, got)

    def mapped(self, mode: str = "r") -> np.memmap[Any, Any]:
        """Return the array as a memory map."""
        with self.file.open("rb") as stream:
            offset = self.begin(stream)
            if self.file.stat().st_size < offset + self.nbytes:
                raise DamagedRecordError(f"{self.file}: the file ends before the array does.")
        return np.memmap(self.file, self.dtype, mode, offset, self.shape, self.order)  # type: ignore[call-overload, no-any-return]

    def lengthened(self, length: int) -> bool:
        """Let the file become longer, without its header; give False where that is not possible."""
        if self.order == "F" or not self.nbytes or is_compressed(self.file):
            return False
        with self.file.open("rb") as stream:
            offset = self.begin(stream)
        try:
            if len(self.header(length)) != offset:
                return False
        except ValueError:  # a header of another version
            return False
        size = self.nbytes // self.shape[0] * length
        with self.file.open("r+b") as stream:
            stream.truncate(offset + self.nbytes)  # what a writer that died left behind
            os.posix_fallocate(stream.fileno(), offset + self.nbytes, size - self.nbytes)
        return True

    def header(self, length: int) -> bytes:
        """The beginning of the file for another length of the first axis; numpy leaves space for its digits."""
        stream = io.BytesIO()
        empty = np.lib.stride_tricks.as_strided(
            np.empty(1, self.dtype), (length, *self.shape[1:]), (0,) * len(self.shape)
        )
        description = np.lib.format.header_data_from_array_1_0(empty) | {"fortran_order": False}
        np.lib.format.write_array_header_1_0(stream, description)
        return stream.getvalue()

    def note_length(self) -> None:
        """Write the length into the header of the file."""
        with self.file.open("r+b") as stream:
            stream.write(self.header(self.shape[0]))


def header_of(stream: IO[bytes], file: Path) -> tuple[Shape, bool, np.dtype[Any]]:
    """Shape, order and dtype as a file has them; numpy's own functions refuse names of fields in UTF-8.

    Raises
    ------
    DamagedRecordError
        If it is no file of an array.
    """
    try:
        version, _ = np.lib.format.read_magic(stream)
        (size,) = struct.unpack("<H" if version == 1 else "<I", stream.read(2 if version == 1 else 4))
        text = stream.read(min(size, LONGEST_HEADER)).decode("latin1" if version < 3 else "utf-8")
        found = ast.literal_eval(text)
        return tuple(found["shape"]), bool(found["fortran_order"]), np.lib.format.descr_to_dtype(found["descr"])
    except (ValueError, SyntaxError, TypeError, KeyError, struct.error, MemoryError, RecursionError) as error:
        raise DamagedRecordError(f"{file}: the file is no array: {error}.") from error


def npy_node(file: Path) -> dict[str, Any]:
    """The node of an array, from its file alone.

    Raises
    ------
    DamagedRecordError
        If it is no file of an array, or ends before the array does.
    """
    with open_file(file) as stream, unpacking(file):
        shape, fortran, dtype = header_of(stream, file)
        node = {"$": "array", "dtype": dtype_node(dtype), "shape": list(shape), **({"order": "F"} if fortran else {})}
        Npy.of(file, node).check_size(stream.tell())
    return node


def write_npy(stream: IO[bytes], array: Array) -> None:
    """Write an array, straight from its memory."""
    np.lib.format.write_array(stream, array, allow_pickle=False)
