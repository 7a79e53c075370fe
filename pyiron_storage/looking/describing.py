"""Saying in a few words what a thing is and what it begins with; fit for any terminal.

All text from a file passes through `printable`, so that no control character of a
name or a value reaches the terminal or the page.
"""

from __future__ import annotations

import re
from typing import Any, Final

import numpy as np

from pyiron_storage.arrays.native_array import Box
from pyiron_storage.errors import StorageError
from pyiron_storage.looking.branches import Branch, Unreadable

FEW: Final = 6
"""So many entries of an array or list are shown."""
WIDTH: Final = 60
"""So many characters of a value are shown."""
LISTS: Final = ("list", "tuple", "set", "array")
"""The kinds whose entries are numbered."""
READ_BYTES: Final = 2**20
"""What has to be read as a whole is read to be shown only up to this size."""


def printable(text: str) -> str:
    """Text without what a terminal would obey."""
    return text if text.isprintable() else repr(text)[1:-1]


def printable_lines(text: str) -> str:
    """Text of several lines without what a terminal would obey."""
    return "\n".join("\t".join(map(printable, line.split("\t"))) for line in text.split("\n"))


def shortened(text: str, width: int = WIDTH) -> str:
    """Text that is cut off where it is too long."""
    return text if len(text) <= width else f"{text[: width - 1]}…"


def byte_size(size: int) -> str:
    """A number of bytes, for people.

    Examples
    --------
    >>> byte_size(96), byte_size(2400), byte_size(3 * 2**30)
    ('96 B', '2.3 KiB', '3.0 GiB')
    """
    amount, unit = float(size), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if amount < 1024 or unit == "TiB":
            break
        amount /= 1024
    return f"{size} B" if unit == "B" else f"{amount:.1f} {unit}"


def counted(number: int, what: str) -> str:
    """A number of things, of which there may be one.

    Examples
    --------
    >>> counted(1, "entry"), counted(2, "entry"), counted(0, "part")
    ('1 entry', '2 entries', '0 parts')
    """
    plural = what[:-1] + "ies" if what.endswith("y") else what + "s"
    return f"{number:,} {what if number == 1 else plural}"


def label(branch: Branch) -> str:
    """Class, dtype, shape and size of a thing."""
    found = branch.info
    if found.kind == "array":
        sort = "" if found.type == "numpy.ndarray" else f"{found.type} of "
        size = f", {byte_size(found.size)}" if branch.is_array else ""
        return printable(f"{sort}{dtype_name(found.dtype)} {found.shape or ()}{size}")
    if found.kind == "value":
        return printable(found.type + (f", {byte_size(found.size)}" if found.size > 2 * WIDTH else ""))
    if found.kind in ("import", "unreadable"):
        return printable(found.type)
    what = "part" if found.kind == "object" else "entry"
    return printable(f"{found.type}, {counted(found.size, what)}")


def dtype_name(dtype: str | None) -> str:
    """The usual name of a dtype; of one with fields these."""
    try:
        found = np.dtype(str(dtype))
    except (TypeError, SyntaxError, ValueError):
        return shortened(str(dtype))
    return found.str if found.kind in "SUV" and found.isbuiltin != _OF_PACKAGE else found.name


_OF_PACKAGE: Final = 2
"""What `numpy.dtype.isbuiltin` is where a package has registered the dtype."""


def preview(branch: Branch, children: list[Branch] | None = None) -> str:
    """What a thing begins with: the value, the first entries of an array or list; empty where there is nothing to say.

    Parameters
    ----------
    branch : Branch
        The thing.
    children : list of Branch, optional
        The first of what is in it, where that is to be shown in one line.
    """
    try:
        if branch.info.same_as is not None:
            return f"the same as {printable(branch.info.same_as)}"
        if isinstance(branch, Unreadable):
            return shortened(printable(str(branch.error)), 3 * WIDTH)
        if branch.info.kind == "value":
            return short_value(branch.value()) if branch.info.size <= READ_BYTES else ""
        if branch.is_array or branch.template():
            return _first_entries(branch) if branch.is_array else _filled(branch)
        return _listed([short_entry(child.value()) for child in children], branch.size) if children else ""
    except (StorageError, LookupError, ValueError, TypeError, AttributeError, OSError, RuntimeError) as error:
        return shortened(printable(f"cannot be read: {error}"), 3 * WIDTH)


def _filled(branch: Branch) -> str:
    """What is shown of an object, with what its parts begin with in their places."""
    parts = {child.name: child for child in branch.children(MOST_PARTS)}

    def part(found: re.Match[str]) -> str:
        child = parts.get(found[1])
        if child is None:
            return found[0]
        is_text = child.info.type == "str" and child.info.size <= WIDTH
        return printable(child.value()) if is_text else preview(child)

    return shortened(printable(_PART.sub(part, branch.template())))


_PART: Final = re.compile(r"\{([^{}]*)\}")
MOST_PARTS: Final = 32
"""So many parts of an object are looked through for those that it is shown by."""


def is_plain_list(branch: Branch, children: list[Branch]) -> bool:
    """Whether a thing is a list, tuple or set of values, so that one line says all."""
    return branch.info.kind in LISTS and all(child.info.kind == "value" for child in children)


def short_value(value: Any, width: int = WIDTH) -> str:
    """A value as Python writes it, cut off where it is long."""
    if isinstance(value, (str, bytes, bytearray)) and len(value) > width:
        text = repr(value[:width])
        return printable(f"{text[: width - 2]}…{text[-1]}")
    if isinstance(value, (float, np.floating)):
        return f"{value:.10g}" if float(f"{value:.10g}") == value else repr(float(value))
    if isinstance(value, np.generic):
        value = value.item() if value.dtype.kind in "biucSU" else str(value)
    return shortened(printable(str(value) if type(value).__module__ == "numpy" else repr(value)), width)


def _first_entries(branch: Branch) -> str:
    array = branch.array()
    if not array.in_parts and array.nbytes > READ_BYTES:
        return ""
    if 0 in array.shape:
        return ""
    shape = array.shape
    counts = (*(1 for _ in shape[:-1]), min(shape[-1], FEW)) if shape else ()
    entries = array.read(Box((0,) * len(shape), counts, (1,) * len(shape))).reshape(-1)
    return _listed([short_entry(entry) for entry in entries], array.nbytes // (array.dtype.itemsize or 1))


def short_entry(entry: Any) -> str:
    """One entry of an array or list, in few characters."""
    if isinstance(entry, (float, np.floating)):
        return f"{entry:.6g}"
    if isinstance(entry, np.complexfloating):
        return f"{entry:.4g}"
    if isinstance(entry, (np.datetime64, np.timedelta64, np.void)):
        return shortened(printable(str(entry)), WIDTH // 2)
    return short_value(entry, WIDTH // 2)


def _listed(entries: list[str], count: int) -> str:
    """Entries in one line, as many as fit."""
    shown: list[str] = []
    for entry in entries:
        if shown and sum(map(len, shown)) + 2 * len(shown) + len(entry) > WIDTH:
            break
        shown.append(entry)
    return ", ".join(shown + ["…"] * (count > len(shown)))
