"""Numbers of a big array or list for a picture: evenly spaced ones, read by stride and never the whole."""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple

import numpy as np

from pyiron_storage.arrays.native_array import Array, Box, NativeArray, Shape
from pyiron_storage.looking.branches import Branch, Part

CHUNKS: Final = 128
"""So many chunks of an array are read at most, each of which is read as a whole."""
WHOLE_BYTES: Final = 2**20
"""An array that cannot be read in part is read up to this size."""
SLOWLY_READ: Final = 4096
"""A list in which the way to an entry may be long is drawn up to this length."""


class Sample(NamedTuple):
    """Some of the numbers of an array, as floats, with one axis or two.

    Attributes
    ----------
    numbers : numpy.ndarray
        The numbers; what is not finite is NaN.
    steps : tuple of int
        Every how manieth of each of these axes was taken.
    number_of : int
        How many such pictures the array would be.
    """

    numbers: np.ndarray[Any, np.dtype[np.float64]]
    steps: tuple[int, ...]
    number_of: int = 1


def can_be_drawn(array: NativeArray) -> bool:
    """Whether an array holds numbers, at least two, that can be read in part or are few."""
    is_small = array.in_parts or array.nbytes <= WHOLE_BYTES
    return array.dtype.kind in "biufc" and not array.dtype.names and math.prod(array.shape) > 1 and is_small


def sample_array(array: NativeArray, points: int, rows: int, columns: int) -> Sample:
    """Take numbers for a line out of an array with one axis, else those of its first matrix for a heat map.

    Parameters
    ----------
    array : NativeArray
        One that `can_be_drawn`.
    points : int
        How many numbers for a line.
    rows, columns : int
        How many for a heat map.
    """
    wanted = (points,) if len(array.shape) == 1 else (*(1 for _ in array.shape[:-2]), rows, columns)
    counts = _counts(array.shape, wanted, array.chunks)
    steps = tuple(-(-length // count) if count else 1 for length, count in zip(array.shape, counts, strict=True))
    taken = tuple(-(-length // step) for length, step in zip(array.shape, steps, strict=True))
    shown = min(len(array.shape), 2)
    leading = len(array.shape) - shown
    box = Box((0,) * len(array.shape), (1,) * leading + taken[leading:], steps)
    numbers = array.read(box).reshape(taken[leading:])
    return Sample(_finite(numbers), steps[leading:], math.prod(array.shape[:leading]))


def _counts(shape: Shape, wanted: tuple[int, ...], chunks: Shape | None) -> list[int]:
    """How many entries along each axis are taken, so that not too many chunks are read."""
    counts = [min(length, count) for length, count in zip(shape, wanted, strict=True)]
    while chunks is not None and _chunks_read(shape, counts, chunks) > CHUNKS:
        widest = max(range(len(counts)), key=lambda axis: min(counts[axis], -(-shape[axis] // chunks[axis])))
        counts[widest] = -(-counts[widest] // 2)
    return counts


def _chunks_read(shape: Shape, counts: list[int], chunks: Shape) -> int:
    along = (min(count, -(-length // chunk)) for length, count, chunk in zip(shape, counts, chunks, strict=True))
    return math.prod(along)


def sample_list(branch: Branch, points: int) -> Sample | None:
    """Take numbers for a line out of a list; None where not all of them are numbers."""
    if not isinstance(branch, Part) or branch.size < 2:
        return None
    if branch.size > SLOWLY_READ and branch.place.node.get("of") != "number":
        return None
    step = -(-branch.size // points)
    entries = [branch.entry(index) for index in range(0, branch.size, step)]
    if not all(entry.info.type in ("int", "float") for entry in entries):
        return None
    return Sample(_finite(np.array([float(entry.value()) for entry in entries])), (step,))


def _finite(numbers: Array) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Numbers as floats: of complex ones the magnitude, of what is not finite NaN."""
    with np.errstate(all="ignore"):
        plain = np.abs(numbers) if numbers.dtype.kind == "c" else numbers
        floats = plain.astype(np.float64)
    floats[~np.isfinite(floats)] = np.nan
    return floats
