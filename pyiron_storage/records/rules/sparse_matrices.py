"""Rules for the matrices and arrays of scipy.sparse.

Each format is written as the arrays that its documentation names: ``data``,
``indices`` and ``indptr``, or ``coords``, or ``offsets``.  What a matrix has beyond
that goes by the pickle protocol, and so do subclasses.  scipy is imported when the
first such matrix is made, not before.
"""

from __future__ import annotations

import functools
import importlib
import itertools
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from pyiron_storage.records.rule import REGISTRY, named
from pyiron_storage.records.rules.pieces import Pieces, PiecesRule, given, require

Array = np.ndarray[Any, Any]

_FORMATS: Final = ("csr", "csc", "bsr", "coo", "dia", "lil", "dok")
_CLASSES: Final = tuple(f"{form}_{kind}" for form in _FORMATS for kind in ("matrix", "array"))
_USUAL: Final = frozenset(["_shape", "maxprint", "dtype", "_dict", "data", "coords", "offsets", "rows"]) | frozenset(
    ["indices", "indptr", "has_canonical_format", "_has_canonical_format", "_has_sorted_indices"]
)
MAXPRINT: Final = 50
"""How many entries a matrix shows where nobody says otherwise."""


def take(matrix: Any) -> Pieces | None:
    """``{"$":"sparse","nodes":{"class":"csr_array","shape":[3,3],...}}``, with the arrays of the format.

    ``sorted`` and ``canonical`` are there where the matrix knows it; ``order`` is that of its attributes
    where it is not the usual one.
    """
    if not vars(matrix).keys() <= _USUAL or vars(matrix).get("maxprint", MAXPRINT) != MAXPRINT:
        return None
    arrays = _TAKE[matrix.format](matrix)
    if arrays is None:
        return None
    order = None if _has_usual_order(matrix) else list(vars(matrix))
    return {"class": type(matrix).__name__, "shape": list(matrix.shape), **given(order=order), **arrays}


def _has_usual_order(matrix: Any) -> bool:
    """Whether the attributes are in the order in which `make` gives them."""
    usual, own = _usual_order(type(matrix).__name__), list(vars(matrix))
    return [name for name in usual if name in own] == [name for name in own if name in usual]


@functools.cache
def _usual_order(name: str) -> list[str]:
    cls = getattr(importlib.import_module("scipy.sparse"), name)
    empty = cls((1, 1))
    pieces = _TAKE[empty.format](empty) or {}
    return list(vars(_MAKE[empty.format](cls, (1, 1), **pieces)))


def make(shape: list[int], order: Sequence[str] = (), **pieces: Any) -> Any:
    """Make a matrix of its pieces, with its attributes in the order that they had."""
    name = pieces.pop("class")
    require(name in _CLASSES, f"{name!r} is no class of scipy.sparse")
    require(all(type(size) is int and size >= 0 for size in shape), f"{shape!r} is no shape")
    cls = getattr(importlib.import_module("scipy.sparse"), name)
    matrix = _MAKE[name[:3]](cls, tuple(shape), **pieces)
    attributes = vars(matrix)
    for attribute in [known for known in order if known in attributes]:
        attributes[attribute] = attributes.pop(attribute)
    return matrix


def _fits(indices: Any, length: int) -> bool:
    """Whether an array numbers some of `length` things; scipy would read beyond the end."""
    is_numbers = isinstance(indices, np.ndarray) and indices.ndim == 1 and indices.dtype.kind in "iu"
    return is_numbers and (indices.size == 0 or (int(indices.min()) >= 0 and int(indices.max()) < length))


# -- compressed: csr, csc, bsr -----------------------------------------------------


def _take_compressed(matrix: Any) -> Pieces:
    known = vars(matrix)
    flags = {"canonical": known.get("_has_canonical_format"), "sorted": known.get("_has_sorted_indices")}
    return {"data": matrix.data, "indices": matrix.indices, "indptr": matrix.indptr, **given(**flags)}


def _make_compressed(
    cls: Any, shape: tuple[int, ...], *, data: Array, indices: Array, indptr: Array, **flags: bool
) -> Any:
    blocks = {"blocksize": data.shape[1:]} if cls.__name__.startswith("bsr") else {}
    matrix = cls(shape, **blocks)
    length = shape[0] if cls.__name__.startswith("csc") else shape[-1]
    require(_fits(indices, length // data.shape[2] if blocks else length), "the indices do not fit the shape")
    require(len(data) == len(indices) and data.ndim == (3 if blocks else 1), "the data do not fit the indices")
    require(_fits(indptr, len(indices) + 1) and len(indptr) == len(matrix.indptr), "indptr does not fit")
    require(indptr[0] == 0 and bool((indptr[1:] >= indptr[:-1]).all()), "indptr is not in order")
    for name, array in {"indices": indices, "indptr": indptr, "data": data}.items():  # scipy's own order
        vars(matrix).pop(name, None)
        setattr(matrix, name, array)
    if "canonical" in flags:
        matrix.has_canonical_format = flags["canonical"]
    if "sorted" in flags:
        matrix.has_sorted_indices = flags["sorted"]
    return matrix


# -- the others --------------------------------------------------------------------


def _take_coordinates(matrix: Any) -> Pieces:
    canonical = True if matrix.has_canonical_format else None
    return {"data": matrix.data, "coords": list(matrix.coords), **given(canonical=canonical)}


def _make_coordinates(
    cls: Any, shape: tuple[int, ...], *, data: Array, coords: list[Array], canonical: bool = False
) -> Any:
    matrix = cls(shape)
    require(len(coords) == len(shape) and all(map(_fits, coords, shape)), "the coordinates do not fit the shape")
    require(data.ndim == 1 and all(len(axis) == len(data) for axis in coords), "the data do not fit the coordinates")
    matrix.data, matrix.coords, matrix.has_canonical_format = data, tuple(coords), canonical
    return matrix


def _take_diagonals(matrix: Any) -> Pieces:
    return {"data": matrix.data, "offsets": matrix.offsets}


def _make_diagonals(cls: Any, shape: tuple[int, ...], *, data: Array, offsets: Array) -> Any:
    matrix = cls(shape)
    require(data.ndim == 2 and offsets.shape == data.shape[:1] and offsets.dtype.kind == "i", "the offsets do not fit")
    matrix.data, matrix.offsets = data, offsets
    return matrix


def _take_lists(matrix: Any) -> Pieces:
    return {"data": matrix.data, "rows": matrix.rows, "dtype": matrix.dtype}


def _make_lists(cls: Any, shape: tuple[int, ...], *, data: Array, rows: Array, dtype: Any) -> Any:
    matrix = cls(shape, dtype=dtype)
    require(rows.shape == data.shape == matrix.rows.shape and rows.dtype == data.dtype == object, "rows do not fit")
    require({list}.issuperset(map(type, [*rows, *data])), "a row is no list")
    require(list(map(len, rows)) == list(map(len, data)), "the data do not fit the rows")
    require(_fits(_flat(rows, np.int64), shape[-1]) and _flat(data, matrix.dtype).ndim == 1, "the entries do not fit")
    matrix.data, matrix.rows = data, rows
    return matrix


def _flat(lists: Array, dtype: Any) -> Array:
    return np.fromiter(itertools.chain.from_iterable(lists), dtype)


def _take_keys(matrix: Any) -> Pieces | None:
    """The keys as an array for each axis, where all of them are of one type, and all values of the dtype."""
    entries = vars(matrix).get("_dict")
    if type(entries) is not dict:
        return None
    axes = _axes(entries, len(matrix.shape))
    types = {kind for axis in axes for kind in set(map(type, axis))}
    if len(types) > 1 or not {matrix.dtype.type}.issuperset(map(type, entries.values())):
        return {"entries": entries, "dtype": matrix.dtype}
    plain = int in types or None
    dtype = types.pop() if types and not plain else np.int64
    coords: list[Array] = [np.fromiter(axis, dtype, len(axis)) for axis in axes]
    return {"data": np.fromiter(entries.values(), matrix.dtype, len(entries)), "coords": coords, **given(plain=plain)}


def _axes(entries: dict[Any, Any], count: int) -> list[Any]:
    """The numbers in the keys, for each axis; of one axis, the keys are numbers themselves."""
    if count == 1:
        return [list(entries)]
    return list(zip(*entries, strict=True)) or [()] * count


def _make_keys(cls: Any, shape: tuple[int, ...], *, dtype: Any = None, entries: Any = None, **pieces: Any) -> Any:
    if entries is None:
        dtype, entries = pieces["data"].dtype, _entries(**pieces)
    matrix = cls(shape, dtype=dtype)
    require(type(entries) is dict, "the entries are no dict")
    coords = [np.fromiter(axis, np.int64) for axis in _axes(entries, len(shape))]
    require(len(coords) == len(shape) and all(map(_fits, coords, shape)), "the keys do not fit the shape")
    matrix._dict = entries
    return matrix


def _entries(*, data: Array, coords: list[Array], plain: bool = False) -> dict[Any, Any]:
    axes = [axis.tolist() if plain else list(axis) for axis in coords]
    keys = axes[0] if len(axes) == 1 else zip(*axes, strict=True)
    return dict(zip(keys, data, strict=True))


_TAKE: Final[dict[str, Callable[[Any], Pieces | None]]] = {
    **dict.fromkeys(("csr", "csc", "bsr"), _take_compressed),
    "coo": _take_coordinates,
    "dia": _take_diagonals,
    "lil": _take_lists,
    "dok": _take_keys,
}
_MAKE: Final[dict[str, Callable[..., Any]]] = {
    **dict.fromkeys(("csr", "csc", "bsr"), _make_compressed),
    "coo": _make_coordinates,
    "dia": _make_diagonals,
    "lil": _make_lists,
    "dok": _make_keys,
}
REGISTRY.add(PiecesRule("sparse", take, make), predicate=named("scipy", *_CLASSES))
