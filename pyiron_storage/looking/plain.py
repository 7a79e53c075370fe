"""What is stored as plain JSON, for programs: without any class, shared things once."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from pyiron_storage.arrays.native_array import Box
from pyiron_storage.errors import DamagedRecordError, UnsupportedOperationError
from pyiron_storage.looking.branches import Branch, Unreadable
from pyiron_storage.looking.describing import shortened

DEEPEST: Final = 200
"""JSON that is nested deeper many programs do not read."""


def plain(branch: Branch, depth: int = 0) -> Any:
    """Return what is at a branch as JSON has it.

    Numbers that JSON lacks are text (``"nan"``, ``"inf"``), and so are dates and other
    values; bytes are text of hexadecimal digits. Arrays, lists, tuples and sets are lists, dicts and
    groups objects by their keys as in a path. An object has its class under ``"$"``, and
    what came before is ``{"$": "same as", "path": ...}``.

    Raises
    ------
    DamagedRecordError
        If something cannot be read.
    UnsupportedOperationError
        If something lies deeper than `DEEPEST` levels below where this began.
    """
    kind = branch.info.kind
    if depth > DEEPEST:
        raise UnsupportedOperationError(
            f"{shortened(branch.path)} lies deeper than {DEEPEST} levels, and many programs do not read such JSON. Ask "
            "for a part of it."
        )
    if isinstance(branch, Unreadable):
        raise DamagedRecordError(f"{branch.path} cannot be read: {branch.error}") from branch.error
    if branch.info.same_as is not None:
        return {"$": "same as", "path": branch.info.same_as}
    if kind == "value":
        return _value(branch.value())
    if branch.is_array:
        array = branch.array()
        return _nested(array.read(Box.whole(array.shape)).tolist())
    if kind == "import":
        return {"$": "import", "name": branch.info.type}
    if kind in ("list", "tuple", "set", "array"):
        return [plain(child, depth + 1) for child in branch.children()]
    parts = {child.name: plain(child, depth + 1) for child in branch.children()}
    return parts if kind in ("dict", "group") else {"$": branch.info.type, **parts}


def _nested(found: Any) -> Any:
    return [_nested(inner) for inner in found] if isinstance(found, (list, tuple)) else _value(found)


def _value(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item() if value.dtype.kind in "biufSU" else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, (bytes, bytearray)):
        return value.hex()
    return value if value is None or isinstance(value, (bool, int)) else str(value)
