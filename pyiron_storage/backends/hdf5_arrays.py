"""`HDF5Array`: an HDF5 dataset as an array that is read, written and made longer in part."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from h5py import h5d, h5g, h5s

from pyiron_storage.arrays.checks import VERIFIED_BYTES, Check, bytes_of
from pyiron_storage.arrays.native_array import Array, Box, NativeArray, Shape
from pyiron_storage.backends.checked_arrays import read_verified, renew, resize, verify_in_pieces, verify_whole, what_is
from pyiron_storage.backends.compression import Compression
from pyiron_storage.backends.hdf5_checks import read_check, write_check
from pyiron_storage.backends.hdf5_filters import (
    COMPACT_BYTES,
    chunked_creation,
    growing_chunk,
    is_outgrown,
    read_into,
    unlimited,
)
from pyiron_storage.backends.hdf5_values import (
    array_dtype,
    create_dataset,
    hdf5_type,
    is_read_only,
    note_read_only,
    part_of,
    read_array,
)
from pyiron_storage.records.contents import NATIVE_BYTES

COPIED_BYTES: Final = 2**24
"""A dataset that becomes one in chunks is copied in pieces of this size."""
_ASIDE: Final = b"\xffgrowing"
"""The link of a dataset until it takes the place of another, within one transaction; no name of a node gives it."""

Mapper = Callable[[int, "np.dtype[Any]", Shape], "Array | None"]


class HDF5Array(NativeArray):
    """The array in a dataset.

    Parameters
    ----------
    group, link
        Where the dataset is.
    dataset
        The dataset itself.
    mapped
        Maps an array at an offset of the file; gives None where it cannot.
    compression
        For a dataset that is made anew because it was stored as one and becomes longer.
    place
        File and path, for messages.
    """

    def __init__(
        self,
        group: h5g.GroupID,
        link: bytes,
        dataset: Any,
        mapped: Mapper,
        compression: Compression | None = None,
        *,
        place: str = "",
    ) -> None:
        self._group, self._link, self._dataset = group, link, dataset
        self._mapped, self._compression, self.place = mapped, compression, place
        self.dtype, self.shape, self.readonly = array_dtype(dataset), dataset.shape, is_read_only(dataset)
        creation = dataset.get_create_plist()
        self._layout = creation.get_layout()
        self.chunks = creation.get_chunk() if self._layout == h5d.CHUNKED else None

    def read(self, box: Box) -> Array:
        if self.verify or (self.verify is False and self.nbytes <= VERIFIED_BYTES):
            return read_verified(self, self.check(), box, self._read)
        return self._read(box)

    def check(self) -> Check | None:
        return read_check(self._dataset, self.place)

    def verify_all(self) -> None:
        verify_in_pieces(self, self.check(), self._read)

    def _read(self, box: Box) -> Array:
        if box.counts == self.shape:
            return read_array(self._dataset)
        array: Array = np.empty(box.counts, self.dtype)
        if array.size:
            read_into(self._dataset, array, *self._spaces(box))
        return array

    def _spaces(self, box: Box) -> tuple[Any, Any]:
        """The dataspaces of a part: in memory and in the file."""
        return part_of(self._dataset, self.shape, box)

    def write(self, box: Box, block: Array) -> None:
        if block.size:
            self._dataset.write(*self._spaces(box), block, hdf5_type(self.dtype))
            check = self.check()
            if check is not None:
                renew(self, check, box, block, self._read)
                write_check(self._dataset, check)

    def resize(self, shape: Shape) -> None:
        check, old = self.check(), self.shape
        if check is None and self.nbytes <= COMPACT_BYTES:  # it stood in the header, which has its own
            whole = Box.whole(self.shape)
            check = Check.of(what_is(self), bytes_of(self._read(whole)))
        self._resize(shape)
        if check is not None:
            resize(self, check, old, self._read)
            write_check(self._dataset, check)

    def append(self, rows: Array) -> None:
        """Add rows in one step where the dataset can grow as it is; its checksums follow without a look at the rest."""
        check, length = self.check(), self.shape[0]
        shape = (length + len(rows), *self.shape[1:])
        if check is None or not self._can_grow_to(shape) or not rows.size:
            super().append(rows)
            return
        old = self.nbytes
        self._dataset.set_extent(shape)
        self.shape = shape
        self._dataset.write(*self._spaces(Box.rows(length, rows.shape)), rows, hdf5_type(self.dtype))
        check.append(what_is(self), old, bytes_of(rows))
        write_check(self._dataset, check)

    def _can_grow_to(self, shape: Shape) -> bool:
        """Whether the dataset can take a shape as it is stored now."""
        return (
            self.chunks is not None
            and self._may_become(shape)
            and not is_outgrown(self.chunks, shape, self.dtype.itemsize)
        )

    def _resize(self, shape: Shape) -> None:
        if not self._can_grow_to(shape):
            self._make_chunked(shape)
        self._dataset.set_extent(shape)
        self.shape = shape

    def _may_become(self, shape: Shape) -> bool:
        limits = self._dataset.get_space().get_simple_extent_dims(maxdims=True)
        return all(limit == h5s.UNLIMITED or length <= limit for length, limit in zip(shape, limits, strict=True))

    def _make_chunked(self, shape: Shape) -> None:
        """Let a dataset in chunks, which can grow, take the place of this one, and begin with its entries."""
        axis = next((axis for axis in range(len(shape)) if shape[axis] != self.shape[axis]), 0)
        chunk = growing_chunk(shape, self.dtype.itemsize, axis)
        creation = self._dataset.get_create_plist() if self.chunks else None
        if creation is not None and creation.get_nfilters():  # keep the filters that it has
            creation.set_chunk(chunk)
        else:
            creation = chunked_creation(chunk, self.dtype, self._compression)
        space = unlimited(self.shape)
        longer = create_dataset(self._group, _ASIDE, "ndarray", hdf5_type(self.dtype), space=space, creation=creation)
        note_read_only(longer, read_only=self.readonly)
        new = HDF5Array(self._group, _ASIDE, longer, self._mapped)
        for box, _ in Box.whole(self.shape).pieces(self.dtype.itemsize, COPIED_BYTES):
            new.write(box, self._read(box))
        self._group.unlink(self._link)
        self._group.move(_ASIDE, self._link)
        self._dataset, self.chunks = longer, chunk

    def map(self) -> Array:
        """Return a memory map where the entries stand in the file one after the other, as they are in memory."""
        is_plain = self._layout == h5d.CONTIGUOUS and self._dataset.get_type().get_size() == self.dtype.itemsize
        offset = self._dataset.get_offset() if is_plain and self.nbytes >= NATIVE_BYTES else None
        found = None if offset is None else self._mapped(offset, self.dtype, self.shape)
        if found is not None and self.verify:
            verify_whole(self, self.check(), found)
        return super().map() if found is None else found
