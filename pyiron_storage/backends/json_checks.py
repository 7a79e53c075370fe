"""Checksums in JSON: of the files that a node names, and of the entries of a file of JSON itself.

They are hexadecimal numbers of eight digits, in one line.  The ``check`` of a node is
for the value in its file; the ``check`` of a ``group.json``, or of a JSON file, has one
number for each entry, so that it can be said which of them are whole.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from pyiron_storage.arrays.checks import Check, damage, description, text_description
from pyiron_storage.errors import DamagedRecordError

Array = np.ndarray[Any, Any]


def hexadecimal(numbers: Iterable[int]) -> str:
    """Numbers as they stand in JSON."""
    return " ".join(f"{number:08x}" for number in numbers)


def check_of(node: dict[str, Any], place: str) -> Check | None:
    """The check in a node; None where there is none.

    Raises
    ------
    DamagedRecordError
        If something else stands there.
    """
    text = node.get("check")
    if text is None:
        return None
    try:
        check = Check.from_numbers([int(number, 16) for number in text.split()])
    except (AttributeError, ValueError):
        check = None
    if check is None:
        raise damage(place, "its check holds no checksums")
    return check


def described(node: dict[str, Any], data: bytes | memoryview) -> bytes:
    """What the value of a node is, for its checksums."""
    if node["$"] == "array":
        return description(node["dtype"], node["shape"], node.get("order", "C"))
    return text_description(bytes(data)) if node["$"] == "text" else description("bytes", [len(data)])


def verify_value(node: dict[str, Any], data: bytes | memoryview, file: Path) -> None:
    """Compare the value in a file with the checksums in its node.

    Raises
    ------
    DamagedRecordError
        If it is not the one that was written.
    """
    check = check_of(node, str(file))
    if check is not None:
        check.verify(described(node, data), data, str(file))


# -- the entries of a file of JSON -----------------------------------------------------


def entry_sum(entry: Any) -> str:
    """The checksum of one entry."""
    return f"{zlib.crc32(orjson.dumps(entry)):08x}"


def entry_sums(entries: Iterable[Any]) -> str:
    """The checksums of entries, in their order, as they stand in the file."""
    return " ".join(map(entry_sum, entries))


def verify_entries(check: Any, entries: list[Any], place: str) -> None:
    """Compare the entries of a file with their checksums; a file without them is not verified.

    Raises
    ------
    DamagedRecordError
        If some are not as they were written.
    """
    if check is None or check == entry_sums(entries):
        return
    others = damaged_entries(check, entries)
    what = f"{others[0][1]!r} is" if others else "some entries are"
    raise changed(place, f"{what} not as it was written")


def damaged_entries(check: Any, entries: Iterable[Any]) -> list[Any]:
    """The entries of a file that are not as they were written; none where it has no checksums."""
    known = set(check.split()) if type(check) is str else None
    return [] if known is None else [entry for entry in entries if entry_sum(entry) not in known]


def changed(place: str, found: str) -> DamagedRecordError:
    """The error for a file of JSON that is not as it was written."""
    return DamagedRecordError(
        f"{damage(place, found)} If you have edited the file and mean it so, delete its line with the key 'check'."
    )
