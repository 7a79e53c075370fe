"""Metadata behind a pickle: its JSON, the length of it in four bytes, the lowest first, and a mark.

`pickle.load` stops at the end of the pickle and does not see it. The signature comes
after it and stands for both.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

MARK: Final = b"\x89pyMeta\n"
LENGTH_BYTES: Final = 4


def with_metadata(data: bytes, metadata: dict[str, Any]) -> bytes:
    """A pickle with other metadata behind it, or with none."""
    pickled = data[: _start(data)]
    if not metadata:
        return pickled
    text = orjson.dumps(metadata)
    return pickled + text + len(text).to_bytes(LENGTH_BYTES, "little") + MARK


def metadata_of(data: bytes) -> dict[str, Any]:
    """The metadata behind a pickle; nothing is run."""
    start = _start(data)
    found: dict[str, Any] = orjson.loads(data[start : -len(MARK) - LENGTH_BYTES]) if start < len(data) else {}
    return found


def _start(data: bytes) -> int:
    """Where the metadata begins: at the end where there is none."""
    if not data.endswith(MARK):
        return len(data)
    end = len(data) - len(MARK) - LENGTH_BYTES
    start = end - int.from_bytes(data[max(0, end) : end + LENGTH_BYTES], "little")
    return start if 0 < start <= end else len(data)
