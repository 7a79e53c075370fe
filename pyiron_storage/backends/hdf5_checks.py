"""The checksums of HDF5 datasets, in the attribute ``CHECK`` beside each.

What HDF5 keeps in the header of an object (names, dtypes, shapes, values up to 512
bytes, these checksums) has checksums of HDF5's own.  A dataset without the attribute
is not verified: it is small, or another program wrote it.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from h5py import h5a, h5s, h5t

from pyiron_storage.arrays.checks import VERIFIED_BYTES, Check, bytes_of, damage, description
from pyiron_storage.arrays.native_array import Array
from pyiron_storage.records.dtypes import dtype_node

CHECK: Final = b"CHECK"
_NUMBER: Final = np.dtype("<u4")
_KIND: Final = h5t.py_create(_NUMBER)


def read_check(dataset: Any, place: str) -> Check | None:
    """The checksums beside a dataset; None where there are none.

    Raises
    ------
    DamagedRecordError
        If something else stands there.
    """
    attribute = _attribute(dataset)
    if attribute is None:
        return None
    numbers = np.empty(attribute.shape, _NUMBER)
    attribute.read(numbers, _KIND)
    check = Check.from_numbers(numbers.reshape(-1).tolist())
    if check is None:
        raise damage(place, "its attribute CHECK holds no checksums")
    return check


def _attribute(dataset: Any) -> Any:
    try:
        return h5a.open(dataset, CHECK)  # asking first whether it is there takes as long again
    except KeyError:
        return None


def write_check(dataset: Any, check: Check) -> None:
    """Put checksums beside a dataset: into the attribute that is there where there is room."""
    numbers = check.numbers()
    attribute = _attribute(dataset)
    if attribute is None or not len(numbers) <= attribute.shape[0] < 2 * len(numbers) + 8:
        room = len(numbers) if attribute is None else len(numbers) + len(numbers) // 2
        if attribute is not None:
            h5a.delete(dataset, CHECK)
        attribute = h5a.create(dataset, CHECK, _KIND, h5s.create_simple((room,)))
    padded = np.zeros(attribute.shape, _NUMBER)
    padded[: len(numbers)] = numbers
    attribute.write(padded, _KIND)


def verify_array(dataset: Any, array: Array, place: str, *, verify: bool | None = False) -> None:
    """Compare an array with the checksums beside it, where it is small or that is asked for."""
    if verify is None or (array.nbytes > VERIFIED_BYTES and not verify):
        return
    check = read_check(dataset, place)
    if check is not None:
        check.verify(description(dtype_node(array.dtype), array.shape), bytes_of(array), place)


def verify_bytes(dataset: Any, what: bytes, data: bytes, place: str) -> None:
    """Compare text or bytes with the checksums beside them."""
    check = read_check(dataset, place)
    if check is not None:
        check.verify(what, data, place)
