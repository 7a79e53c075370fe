"""An array as it lies in a storage: looked at and changed in part.

`NativeArray` is what a back-end offers for an array that it holds; `WholeArray`
makes one of any back-end by reading and writing the whole.  A `Box` is the part
of an array that is meant, a `Selection` how a numpy index asks for it.
"""

from __future__ import annotations

import math
import operator
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from pyiron_storage.errors import ArrayIndexError, ArrayShapeError

if TYPE_CHECKING:
    from pyiron_storage.arrays.checks import Check

Array = np.ndarray[Any, Any]
Shape = tuple[int, ...]


class Box(NamedTuple):
    """A part of an array: along each axis where it starts, how many entries it has, and how far they are apart.

    Examples
    --------
    >>> Box((1,), (3,), (2,)).slices
    (slice(1, 6, 2),)
    """

    starts: Shape
    counts: Shape
    steps: Shape

    @classmethod
    def whole(cls, shape: Shape) -> Box:
        """All of an array."""
        return cls((0,) * len(shape), shape, (1,) * len(shape))

    @classmethod
    def rows(cls, start: int, shape: Shape) -> Box:
        """Whole rows, from one on: `shape` is that of the rows.

        Examples
        --------
        >>> Box.rows(5, (2, 3)).slices
        (slice(5, 7, 1), slice(0, 3, 1))
        """
        return cls((start, *(0,) * (len(shape) - 1)), shape, (1,) * len(shape))

    @property
    def slices(self) -> tuple[slice, ...]:
        """The same as an index of numpy."""
        ends = (start + (count - 1) * step + 1 if count else start for start, count, step in zip(*self, strict=True))
        return tuple(map(slice, self.starts, ends, self.steps))

    @property
    def size(self) -> int:
        """The number of entries."""
        return math.prod(self.counts)

    def turned(self, axes: Sequence[int]) -> Box:
        """The same part of the array with its axes in another order."""
        return Box(*(tuple(numbers[axis] for axis in axes) for numbers in self))

    def with_axes(self, shape: Shape) -> Box:
        """The same part of an array with more axes at the end, all of these."""
        return Box(self.starts + (0,) * len(shape), self.counts + shape, self.steps + (1,) * len(shape))

    def pieces(self, itemsize: int, limit: int, multiple: int = 1) -> Iterator[tuple[Box, slice]]:
        """Cut along the first axis into boxes of about `limit` bytes; each with its place in the box.

        All but the last have a multiple of so many rows.
        """
        rows = self.counts[0] if self.counts else 1
        step = max(1, rows * limit // max(1, self.size * itemsize) // multiple) * multiple
        if step >= rows:
            yield self, slice(None)
            return
        for first in range(0, rows, step):
            count = min(step, rows - first)
            start = self.starts[0] + first * self.steps[0]
            yield Box((start, *self.starts[1:]), (count, *self.counts[1:]), self.steps), slice(first, first + count)


@dataclass(frozen=True)
class Selection:
    """What an index asks for: a box, and how the entries in it are shown.

    Attributes
    ----------
    box
        The part that is read or written.
    index
        What turns an array of the shape of the box into what was asked for.
    """

    box: Box
    index: tuple[Any, ...]

    def laid_out(self, values: Array) -> Array:
        """Return values in the shape of the box, as a view.

        Raises
        ------
        ArrayShapeError
            If they do not fit.
        """
        axes = [part for part in self.index if part is not Ellipsis]
        shape = tuple(count for count, part in zip(self.box.counts, axes, strict=True) if part != 0)
        while values.ndim > len(shape) and values.shape[0] == 1:
            values = values[0]
        try:
            spread = np.broadcast_to(values, shape)
        except ValueError:
            raise ArrayShapeError(f"values of shape {values.shape} do not fit into the shape {shape}") from None
        # what numpy shows as one entry, or turned round, is put back as it lies
        return spread[tuple(np.newaxis if part == 0 else part for part in axes)]


def select(key: Any, shape: Shape) -> Selection | None:
    """Return what an index of ints, slices and an ellipsis asks for; None for an index of another kind.

    Raises
    ------
    ArrayIndexError
        If it is outside the array.
    """
    keys = list(key) if type(key) is tuple else [key]
    if not all(part is Ellipsis or type(part) is slice or _is_int(part) for part in keys):
        return None
    if keys.count(Ellipsis) > 1 or len(keys) - keys.count(Ellipsis) > len(shape):
        raise ArrayIndexError(f"the index {key!r} has too many parts for the shape {shape}")
    whole = [slice(None)] * (len(shape) - len(keys) + keys.count(Ellipsis))
    middle = keys.index(Ellipsis) if Ellipsis in keys else len(keys)
    axes = list(map(_along, [*keys[:middle], *whole, *keys[middle + 1 :]], shape))
    start, count, step = (tuple(axis[number] for axis in axes) for number in range(3))
    index = [axis[3] for axis in axes]
    if Ellipsis in keys:  # numpy gives an array then, never a scalar
        index.insert(middle, Ellipsis)
    return Selection(Box(start, count, step), tuple(index))


def _is_int(part: Any) -> bool:
    return hasattr(part, "__index__") and not isinstance(part, (bool, np.bool_, np.ndarray))


def _along(part: Any, length: int) -> tuple[int, int, int, Any]:
    """Start, count, step, and how the entries are shown, along one axis."""
    if type(part) is not slice:
        number = operator.index(part)
        if not -length <= number < length:
            raise ArrayIndexError(f"the index {number} is outside an axis of length {length}")
        return number % length, 1, 1, 0
    entries = range(*part.indices(length))
    if not entries:
        return 0, 0, 1, slice(None)
    if entries.step > 0:
        return entries.start, len(entries), entries.step, slice(None)
    return entries[-1], len(entries), -entries.step, slice(None, None, -1)


class NativeArray(ABC):
    """An array as it lies in a storage.

    Attributes
    ----------
    dtype : numpy.dtype
        The type of the entries.
    shape : tuple of int
        Its shape at the moment.
    chunks : tuple of int or None
        The shape of the pieces in which it is stored, where it is stored in pieces.
    in_parts : bool
        Whether a part can be read and written for less than the whole.
    verify : bool or None
        Whether what is read is compared with its checksums also where the array is large; None where it never is.
    place : str
        File and path, for messages.
    readonly : bool
        Whether the array is read-only when it is loaded; what is read in parts never is.
    """

    dtype: np.dtype[Any]
    shape: Shape
    chunks: Shape | None = None
    in_parts: bool = True
    verify: bool | None = False
    place: str = ""
    readonly: bool = False

    @abstractmethod
    def read(self, box: Box) -> Array:
        """Return a part, in memory of its own."""

    @abstractmethod
    def write(self, box: Box, block: Array) -> None:
        """Put entries of the same dtype, in the shape of the box, in the place of a part."""

    @abstractmethod
    def resize(self, shape: Shape) -> None:
        """Cut, or add zeros; entries keep their index."""

    def append(self, rows: Array) -> None:
        """Add rows of the same dtype at the end of the first axis."""
        length = self.shape[0]
        self.resize((length + len(rows), *self.shape[1:]))
        self.write(Box.rows(length, rows.shape), rows)

    def check(self) -> Check | None:
        """The checksums beside it, where it has any."""
        return None

    def verify_all(self) -> None:
        """Compare all of it with its checksums, where it has any.

        Raises
        ------
        DamagedRecordError
            If it is not as it was written.
        """
        before, self.verify = self.verify, True
        self.read(Box.whole(self.shape))
        self.verify = before

    def map(self) -> Array:
        """Return all of it, as a read-only memory map where that is possible."""
        return self.read(Box.whole(self.shape))

    @property
    def nbytes(self) -> int:
        """The number of bytes of all entries."""
        return math.prod(self.shape) * self.dtype.itemsize


class Values(Protocol):
    """Where a back-end keeps native values by name."""

    def __getitem__(self, name: Any) -> Any: ...
    def _set(self, name: Any, value: Any) -> None: ...


class WholeArray(NativeArray):
    """An array of a back-end that only reads and writes whole values.

    Parameters
    ----------
    group, name
        Where it lies.
    """

    in_parts = False

    def __init__(self, group: Values, name: str) -> None:
        self._group, self._name = group, name
        self._array: Array = group[name]
        self.dtype, self.shape, self.readonly = self._array.dtype, self._array.shape, not self._array.flags.writeable

    def read(self, box: Box) -> Array:
        return self._array[box.slices].copy(order="K")

    def write(self, box: Box, block: Array) -> None:
        changed = self._array.copy("K")
        changed[box.slices] = block
        self._put(changed)

    def resize(self, shape: Shape) -> None:
        self._put(resized(self._array, shape))
        self.shape = shape

    def _put(self, changed: Array) -> None:
        changed.flags.writeable = self._array.flags.writeable
        self._array = changed
        self._group._set(self._name, changed)

    def map(self) -> Array:
        return self._array


def resized(array: Array, shape: Shape) -> Array:
    """Return a copy of another shape: cut, or with zeros added."""
    fortran = array.flags.f_contiguous and not array.flags.c_contiguous
    new: Array = np.zeros(shape, array.dtype, order="F" if fortran else "C")
    common = tuple(map(slice, map(min, shape, array.shape)))
    new[common] = array[common]
    new.flags.writeable = array.flags.writeable
    return new
