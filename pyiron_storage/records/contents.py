"""What a record has beside its document: one byte array ``buffers``, and native arrays.

A piece of the buffers or some rows of an array are read by themselves, until so many
were asked for that the whole is better read at once.  What is read is verified, and
what is changed signed anew, by the record's signing.
"""

from __future__ import annotations

import math
import re
from typing import Any, Final

import numpy as np

from pyiron_storage.arrays.native_array import Box, NativeArray
from pyiron_storage.errors import DamagedRecordError
from pyiron_storage.records.record_store import RecordStore
from pyiron_storage.records.seal import around
from pyiron_storage.records.signed_array import SignedArray
from pyiron_storage.records.signing import Signing

NATIVE_BYTES: Final = 65_536
"""An array of this size or larger becomes a native array of the back-end."""
REWRITTEN_BYTES: Final = 16 * 2**20
"""A native column of at most this size that was read is written anew, once, however many of its cells change."""
BUFFER_ALIGNMENT: Final = 16
SLICED_BYTES: Final = 2**20
"""Of buffers of this size or larger, a few pieces are read by themselves."""
PIECE_COST: Final = 65_536
"""What reading a piece by itself costs, in bytes that could be read in that time."""


class Contents:
    """The buffers and native arrays of a record.

    Parameters
    ----------
    store
        Where the record lies; None for one that is being made.
    place
        File and path, for messages.
    """

    signing: Signing
    """Verifies what is read, and follows what is changed; set by the record."""

    def __init__(self, store: RecordStore | None, place: str) -> None:
        self.store = store
        self.place = place
        self.new_arrays: dict[str, np.ndarray[Any, Any]] = {}
        self._buffers: bytearray | memoryview | None = None if store else bytearray()
        self._buffers_changed = False
        self._in_pieces = store is not None
        self._read_in_pieces = 0
        self._kept_arrays: dict[str, np.ndarray[Any, Any]] = {}
        self._rows_read: dict[str, int] = {}
        self._array_names: set[str] | None = None if store else set()
        self._array_counters: dict[str, int] = {}

    @property
    def contents_changed(self) -> bool:
        """Whether bytes or arrays must be written."""
        return self._buffers_changed or bool(self.new_arrays)

    def write_contents(self, store: RecordStore) -> None:
        """Write what changed of them to where the record lies."""
        for name, array in self.new_arrays.items():
            store.write_array(name, array)
        self.new_arrays = {}
        if self._buffers_changed:
            store.write_buffers(np.frombuffer(self._writable_buffers(), np.uint8))
            self._buffers = None
            self._buffers_changed = False

    def copy_contents(self, other: Contents) -> None:
        """Take what another record has, as a copy."""
        self._buffers = bytearray(other._all_bytes())
        self._buffers_changed = bool(self._buffers)
        names = {*other.new_arrays, *(other.store.list_arrays() if other.store is not None else ())}
        self.new_arrays, self._array_names = {name: other.array(name) for name in sorted(names)}, names

    # -- buffers ---------------------------------------------------------------

    def add_bytes(self, data: bytes | memoryview) -> list[int]:
        """Append bytes to the buffers, aligned; return their offset and length in bytes."""
        buffers = self._writable_buffers()
        if self.signing.seal is not None:
            self.signing.touch(len(buffers), len(buffers) + 1, self._read_bytes)
        buffers.extend(bytes(-len(buffers) % BUFFER_ALIGNMENT))
        place = [len(buffers), len(data)]
        buffers.extend(data)
        self._buffers_changed = True
        return place

    def overwrite(self, holder: dict[str, Any], offset: int, data: bytes) -> None:
        """Put other bytes in the place of some that a node names, `offset` bytes behind their beginning."""
        if "native" in holder:
            self._overwrite_native(holder["native"], offset, data)
            return
        self.bytes_at(holder["at"])  # refuses what is not there
        self.put_bytes(holder["at"][0] + offset, data)

    def _overwrite_native(self, name: str, offset: int, data: bytes) -> None:
        kept = self._kept_arrays.get(name)
        if name in self.new_arrays or (kept is not None and kept.nbytes <= REWRITTEN_BYTES):
            array = self.new_arrays[name] = self.kept_array(name)
            array.reshape(-1).view(np.uint8)[offset : offset + len(data)] = np.frombuffer(data, np.uint8)
            return
        lying = self.open_array(name)
        row = lying.nbytes // lying.shape[0] if lying.shape and lying.shape[0] else 0
        if lying.in_parts and row and offset % row == len(data) % row == 0:
            count = (len(data) // row, *lying.shape[1:])
            box = Box.whole(count)._replace(starts=(offset // row, *(0,) * (len(count) - 1)))
            lying.write(box, np.frombuffer(data, lying.dtype).reshape(count))
        else:
            array = self.array(name)
            array.reshape(-1).view(np.uint8)[offset : offset + len(data)] = np.frombuffer(data, np.uint8)
            self.new_arrays[name] = array

    def _writable_buffers(self) -> bytearray:
        if not isinstance(self._buffers, bytearray):
            self._buffers = bytearray(self._all_bytes())
        return self._buffers

    def _all_bytes(self) -> bytearray | memoryview:
        if self._buffers is None:
            assert self.store is not None
            self._buffers = self.store.read_buffers().reshape(-1).view(np.uint8).data
            self.signing.check_size(len(self._buffers))
        return self._buffers

    def _read_bytes(self, start: int, stop: int) -> memoryview:
        """The buffers between two bytes as they are, not verified."""
        lying = self.store.open_buffers() if self._buffers is None and self.store is not None else None
        if lying is None or not lying.in_parts:
            return memoryview(self._all_bytes())[start:stop]
        return lying.read(Box((start,), (stop - start,), (1,))).data

    def _count_bytes(self) -> int:
        """How many bytes the buffers have."""
        lying = self.store.open_buffers() if self._buffers is None and self.store is not None else None
        return len(self._all_bytes()) if lying is None else lying.nbytes

    def bytes_at(self, at: Any) -> memoryview:
        """The bytes of the buffers at ``[offset, length]``."""
        offset, length = at if isinstance(at, list) and len(at) == 2 else (-1, -1)
        piece = self._piece(offset, length)
        if piece is not None:
            return piece
        view = memoryview(self._all_bytes())
        if type(offset) is not int or type(length) is not int or not 0 <= offset <= offset + length <= len(view):
            raise DamagedRecordError(f"{self.place}: bytes {at!r} are asked for of {len(view)} in the buffers.")
        self.signing.check(view, offset, offset + length)
        return view[offset : offset + length]

    def _piece(self, offset: Any, length: Any) -> memoryview | None:
        """Bytes that are read by themselves: where the buffers are long, and little of them was asked for so far."""
        if self._buffers is not None or not self._in_pieces or type(offset) is not int or type(length) is not int:
            return None
        buffers = self.store.open_buffers() if self.store is not None else None
        if buffers is None or not buffers.in_parts or buffers.nbytes < SLICED_BYTES or buffers.dtype != np.uint8:
            return None
        self._read_in_pieces += length + PIECE_COST
        if not 0 <= offset <= offset + length <= buffers.nbytes or self._read_in_pieces > buffers.nbytes // 4:
            return None
        if self.signing.seal is None:
            return buffers.read(Box((offset,), (length,), (1,))).data
        self.signing.check_size(buffers.nbytes)
        start, stop = around(offset, offset + length, buffers.nbytes)
        data = buffers.read(Box((start,), (stop - start,), (1,))).data
        self.signing.check(data, offset, offset + length, first=start, kept=False)
        return data[offset - start : offset - start + length]

    def expect_all(self) -> None:
        """Note that all of the record will be asked for, so that the buffers are best read at once."""
        self._in_pieces = False

    def put_bytes(self, offset: int, data: bytes | memoryview) -> None:
        """Put bytes in the place of as many others in the buffers; written at once, as part of the transaction."""
        at = slice(offset, offset + len(data))
        self.signing.touch(offset, offset + len(data), self._read_bytes)
        buffers = self.store.open_buffers() if self.store is not None and not self._buffers_changed else None
        if buffers is not None and buffers.in_parts:
            buffers.write(Box((offset,), (len(data),), (1,)), np.frombuffer(data, np.uint8))
        else:
            self._buffers_changed = True
        if self._buffers is not None or self._buffers_changed:
            self._writable_buffers()[at] = data

    def close_up(self, used: int) -> memoryview | None:
        """Begin the buffers anew where less than half of their bytes is used; return them as they were."""
        if len(self._all_bytes()) <= 2 * used + 64 * BUFFER_ALIGNMENT:
            return None
        self.signing.check(memoryview(self._all_bytes()), 0, len(self._all_bytes()))
        self.signing.forget_buffers()
        old, self._buffers = memoryview(bytes(self._all_bytes())), bytearray()
        self._buffers_changed = True
        return old

    # -- arrays ----------------------------------------------------------------

    def keep_arrays(self, named: set[str]) -> None:
        """Delete the arrays that are not among the `named` ones."""
        for name in set(self.new_arrays) - named:
            del self.new_arrays[name]
        if self.store:
            for name in set(self.store.list_arrays()) - named:
                self.store.delete_array(name)
                self._kept_arrays.pop(name, None)

    def add_array(self, array: np.ndarray[Any, Any], hint: str) -> str:
        """Take a native array into the record under a name that begins with `hint`."""
        stem = re.sub(r"[^A-Za-z0-9_-]+", "_", hint)[:40].strip("_") or "array"
        if self._array_names is None:
            self._array_names = set(self.store.list_arrays() if self.store else ())
        counter = self._array_counters.get(stem, 0) + 1
        while (name := f"{stem}-{counter}") in self._array_names:
            counter += 1
        self._array_counters[stem] = counter
        self._array_names.add(name)
        self.new_arrays[name] = array
        return name

    def array(self, name: str) -> np.ndarray[Any, Any]:
        """A native array of the record, owned by the caller."""
        if type(name) is not str:
            raise DamagedRecordError(f"{self.place}: {name!r} is no name of an array.")
        if name in self.new_arrays:
            return self.new_arrays[name].copy()
        if self.store is None:
            raise DamagedRecordError(f"{self.place}: array {name!r} is missing.")
        array = self.store.read_array(name)
        self.signing.check_array(name, array)
        return array

    def kept_array(self, name: str) -> np.ndarray[Any, Any]:
        """A native array of the record, read once and kept: for columns whose entries are looked at one by one."""
        if name in self.new_arrays:
            return self.new_arrays[name]
        if name not in self._kept_arrays:
            self._kept_arrays[name] = self.array(name)
        return self._kept_arrays[name]

    def kept_rows(self, name: str, start: int, stop: int) -> np.ndarray[Any, Any]:
        """Some rows of a native array: read by themselves, until so many were that the whole is better kept."""
        if self.store is not None and name not in self.new_arrays and name not in self._kept_arrays:
            lying = self.open_array(name)
            count = max(0, min(stop, lying.shape[0]) - start)
            cost = self._rows_read.get(name, 0) + count * _row_bytes(lying) + PIECE_COST
            self._rows_read[name] = cost
            if lying.in_parts and cost <= lying.nbytes // 4:
                return _read_rows(lying, start, count)
        return self.kept_array(name)[start:stop]

    def map_array(self, name: str) -> np.ndarray[Any, Any]:
        """A native array of the record as a read-only memory map where that is possible, else as `array` gives it."""
        return self.array(name) if self.store is None or name in self.new_arrays else self.open_array(name).map()

    def rows(self, name: str, start: int, stop: int) -> bytes:
        """The bytes of some rows of a native array."""
        if self.store is None or name in self.new_arrays:
            return self.array(name)[start:stop].tobytes()
        return _read_rows(self.open_array(name), start, stop - start).tobytes()

    def open_array(self, name: str) -> NativeArray:
        """A native array of the record where it lies, to be read and changed in part."""
        assert self.store is not None
        self._kept_arrays.pop(name, None)
        if name in self.new_arrays:
            self.store.write_array(name, self.new_arrays.pop(name))
        return self.signing.begin_part(name, self.store.open_array(name))


def _row_bytes(array: NativeArray) -> int:
    return math.prod(array.shape[1:]) * array.dtype.itemsize


def _read_rows(array: NativeArray, start: int, count: int) -> np.ndarray[Any, Any]:
    """Some rows of an array that lies in a storage; where it is signed, they are verified."""
    read = array.read_verified if isinstance(array, SignedArray) else array.read
    whole = Box.whole((count, *array.shape[1:]))
    return read(whole._replace(starts=(start, *whole.starts[1:])))
