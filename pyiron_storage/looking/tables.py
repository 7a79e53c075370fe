"""The first rows of a data frame or another table, read from its columns without the library that it is of."""

from __future__ import annotations

from itertools import islice
from typing import Any, Final, NamedTuple

from pyiron_storage.arrays.native_array import Box
from pyiron_storage.errors import StorageError
from pyiron_storage.looking.branches import Branch
from pyiron_storage.looking.describing import LISTS, READ_BYTES, short_entry, shortened

ROWS: Final = 5
COLUMNS: Final = 12
CELL_WIDTH: Final = 24
UNKNOWN: Final = "…"
"""Stands in a cell whose value cannot be said from the file alone, or in few words."""
MISSING: Final = "-"


class Table(NamedTuple):
    """Some cells of a table, as text.

    Attributes
    ----------
    names : list of str
        What stands above each column; of an index without a name nothing.
    columns : list of list of str
        The cells of each column.
    more : int
        How many columns are left out.
    """

    names: list[str]
    columns: list[list[str]]
    more: int


def first_rows(branch: Branch) -> Table | None:
    """Return the first rows of what is a table; None for anything else, or where it cannot be read."""
    try:
        columns = branch.columns()
        if not columns:
            return None
        shown = columns[:COLUMNS]
        cells = [_padded(first_cells(column, ROWS)) for _, column in shown]
    except (StorageError, LookupError, ValueError, TypeError, AttributeError, OSError, RuntimeError):
        return None  # its line says already that it cannot be read
    length = max(len(column) for column in cells if column is not None) if any(cells) else 0
    return Table(
        [name for name, _ in shown], [column or [UNKNOWN] * length for column in cells], len(columns) - len(shown)
    )


def _padded(cells: list[Any] | None) -> list[str] | None:
    return None if cells is None else [shortened(str(cell), CELL_WIDTH) for cell in cells]


def first_cells(branch: Branch, count: int) -> list[str] | None:
    """The first entries of a column as text; None where these cannot be said.

    Arrays and lists have them. Of what a library makes from pieces these stand in
    ``values``, under a ``mask``, or are given by ``codes`` or a range.
    """
    if branch.info.same_as is not None:
        return None
    if branch.is_array:
        return _of_array(branch, count)
    if branch.info.kind in LISTS:
        return [
            short_entry(child.value()) if child.info.kind == "value" else UNKNOWN for child in branch.children(count)
        ]
    return _of_pieces({child.name: child for child in branch.children()}, count)


def _of_pieces(pieces: dict[str, Branch], count: int) -> list[str] | None:
    if {"codes", "categories"} <= pieces.keys():
        return _of_categories(pieces, count)
    if {"start", "stop", "step"} <= pieces.keys():
        numbers = range(*(pieces[name].value() for name in ("start", "stop", "step")))
        return list(map(str, islice(numbers, count)))
    values = first_cells(pieces["values"], count) if "values" in pieces else None
    mask = first_cells(pieces["mask"], count) if "mask" in pieces else None
    if values is None or mask is None:
        return values
    return [MISSING if missing == "True" else value for value, missing in zip(values, mask, strict=False)]


def _of_array(branch: Branch, count: int) -> list[str] | None:
    array = branch.array()
    if len(array.shape) != 1 or (not array.in_parts and array.nbytes > READ_BYTES):
        return None
    return list(map(short_entry, array.read(Box.rows(0, (min(count, array.shape[0]),)))))


def _of_categories(pieces: dict[str, Branch], count: int) -> list[str] | None:
    codes = [int(code) for code in first_cells(pieces["codes"], count) or []]
    categories = first_cells(pieces["categories"], max(codes, default=-1) + 1)
    if categories is None:
        return None
    return [MISSING if code < 0 else categories[code] for code in codes]
