"""`DirectoryArray`: an array in a file of a JSON directory that is read, written and made longer in part."""

from __future__ import annotations

import numpy as np

from pyiron_storage.arrays.checks import UNKNOWN, VERIFIED_BYTES, Check, bytes_of
from pyiron_storage.arrays.native_array import Array, Box, NativeArray, Shape, resized
from pyiron_storage.backends.checked_arrays import read_verified, renew, resize, verify_in_pieces
from pyiron_storage.backends.compressed_files import is_compressed
from pyiron_storage.backends.compression import Compression
from pyiron_storage.backends.directory import Directory
from pyiron_storage.backends.json_checks import verify_value
from pyiron_storage.records.contents import NATIVE_BYTES


class DirectoryArray(NativeArray):
    """The array of a node: its file is read in part, and written where nobody has seen the rows yet.

    Parameters
    ----------
    directory, name
        Where the node is.
    compression
        For a file that is written anew.
    """

    def __init__(self, directory: Directory, name: str, compression: Compression | None) -> None:
        self._directory, self._name, self._compression = directory, name, compression
        npy = directory.array(name)
        self.dtype, self.shape, self.place = npy.dtype, npy.shape, str(npy.file)
        self.in_parts = not is_compressed(npy.file)
        self._is_turned = npy.order == "F"
        self.readonly = bool(directory.nodes[name].get("readonly"))

    def read(self, box: Box) -> Array:
        if self.verify is None or (not self.verify and self.nbytes > VERIFIED_BYTES):
            return self._read(box)
        if self._is_turned or not self.in_parts:
            whole: Array = self._directory.read(self._name, verify=True)
            whole.flags.writeable = True
            return whole if box.counts == self.shape else whole[box.slices].copy(order="K")
        return read_verified(self, self._directory.check(self._name), box, self._read)

    def verify_all(self) -> None:
        if self._is_turned or not self.in_parts:
            super().verify_all()
        else:
            verify_in_pieces(self, self.check(), self._read)

    def check(self) -> Check | None:
        return self._directory.check(self._name)

    def _read(self, box: Box) -> Array:
        npy = self._directory.array(self._name)
        if box.counts == npy.shape or not self.in_parts:
            whole = npy.read()
            return whole if box.counts == npy.shape else whole[box.slices].copy(order="K")
        return np.array(npy.mapped()[box.slices]) if box.size else np.empty(box.counts, npy.dtype)

    def write(self, box: Box, block: Array) -> None:
        if not block.size:
            return
        if not self.in_parts:
            whole = self._directory.array(self._name).read()
            whole[box.slices] = block
            whole.flags.writeable = not self.readonly
            self._directory.write(self._name, whole, self._compression)
            return
        if not self._directory.may_write(self._name, box.starts[0] if box.starts else 0):
            self._directory.copy_file(self._name)
        self._directory.write_part(self._name, box.slices if box.starts else ..., block)
        check = self._directory.check(self._name)
        if check is not None:
            if self._is_turned:
                check.sums = [UNKNOWN] * len(check.sums)
            else:
                renew(self, check, box, block, self._read)
            self._directory.note_check(self._name, check)

    def resize(self, shape: Shape) -> None:
        check, old = self._directory.check(self._name), self.shape
        if shape[1:] != self.shape[1:] or not self._directory.lengthen(self._name, shape[0]):
            whole = resized(self._directory.array(self._name).read(), shape)
            whole.flags.writeable = not self.readonly
            self._directory.write(self._name, whole, self._compression)
            check = None
        self.shape = shape
        if check is not None:
            resize(self, check, old, self._read)
            self._directory.note_check(self._name, check)

    def map(self) -> Array:
        npy = self._directory.array(self._name)
        if not self.in_parts or npy.nbytes < NATIVE_BYTES or self._directory.is_changed(self._name):
            return self.read(Box.whole(self.shape))
        found = npy.mapped()
        if self.verify:
            verify_value(self._directory.nodes[self._name], bytes_of(found), npy.file)
        return found
