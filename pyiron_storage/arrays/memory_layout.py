"""How the elements of an array lie in memory, and whether they may be changed: what of it is kept, and what is given.

What pickle gives (protocol 5) is the measure: an array without gaps comes back with its axes in the order in which
they lie, and read-only where it was, any other in C order and writeable.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pyiron_storage.arrays.native_array import Array

Axes = tuple[int, ...]


def axes_of(array: Array) -> Axes | None:
    """The axes in the order in which they lie, the slowest first; None for C order, also of what has gaps.

    Examples
    --------
    >>> axes_of(np.zeros((2, 3, 4)).transpose(1, 0, 2))
    (1, 0, 2)
    """
    flags = array.flags
    if flags.c_contiguous:
        return None
    if flags.f_contiguous:
        return tuple(range(array.ndim))[::-1]
    axes = tuple(sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis])))
    return axes if array.transpose(axes).flags.c_contiguous and has_buffer(array) else None


def in_c_order(array: Array) -> Array:
    """The array itself where it lies in C order, else a copy that does."""
    return array if array.flags.c_contiguous else copied(array)


def copied(array: Array) -> Array:
    """A copy in C order, with all bytes of each element: numpy copies the fields of a structure alone."""
    if array.dtype.names is None or not array.nbytes:
        return array.copy("C")
    copy: Array = np.ndarray(array.shape, array.dtype, bytearray(array.tobytes()))
    return copy


def inverse(axes: Axes) -> Axes:
    """What puts axes back into their order."""
    return tuple(sorted(range(len(axes)), key=axes.__getitem__))


def is_fortran(array: Array) -> bool:
    """Whether the first index runs fastest."""
    return array.flags.f_contiguous and not array.flags.c_contiguous


def has_buffer(array: Array) -> bool:
    """Whether the elements are handed out as bytes: not those of objects and dates, and of no packages."""
    try:
        memoryview(array)  # type: ignore[arg-type]
    except (ValueError, TypeError, BufferError):
        return False
    return array.itemsize > 0


def stays_read_only(array: Array) -> bool:
    """Whether an array is read-only, and is to be so when it comes back."""
    flags = array.flags
    if flags.writeable or not (flags.forc or axes_of(array) is not None) or array.dtype.hasobject:
        return False
    return has_buffer(array) and not was_given(array)


class Given(np.ndarray[Any, Any]):
    """What the arrays that a storage gives are views of."""


def given(array: Array) -> Array:
    """A read-only view of an array; stored again, it is an ordinary array."""
    view: Array = array.view(Given).view(Given).view(np.ndarray)  # numpy leaves one of them out
    view.flags.writeable = False
    return view


def taken_back(array: Array) -> Array:
    """The array that `given` made a read-only view of."""
    while type(array) is not Given:
        if not isinstance(array.base, np.ndarray):
            return array
        array = array.base
    while type(array) is Given and isinstance(array.base, np.ndarray):
        array = array.base
    return array


def was_given(array: Array) -> bool:
    """Whether an array is, or is a part of, one that a storage gave."""
    base = array.base
    while isinstance(base, np.ndarray):
        if type(base) is Given:
            return True
        base = base.base
    return False
