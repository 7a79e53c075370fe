"""The digests that the signature of a record stands for."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any, Final

from pyiron_storage.trusting.signature import BLOCK_BYTES

DIGEST_BYTES: Final = 32
FORMAT: Final = 1
"""The version of what a signature stands for."""


def around(start: int, stop: int, size: int) -> tuple[int, int]:
    """The bytes of the blocks in which some bytes of the buffers lie."""
    return start // BLOCK_BYTES * BLOCK_BYTES, min(size, -(-stop // BLOCK_BYTES) * BLOCK_BYTES)


@dataclass
class Seal:
    """The digests that a signature stands for."""

    text: bytes = b""
    size: int = 0
    """Of the buffers, in bytes."""
    buffers: list[bytes] = field(default_factory=list)
    arrays: dict[str, bytes] = field(default_factory=dict)

    def fields(self) -> dict[str, Any]:
        """What is written."""
        arrays = {name: base64.b64encode(digests).decode() for name, digests in sorted(self.arrays.items())}
        buffers = base64.b64encode(b"".join(self.buffers)).decode()
        return {"signature": FORMAT, "text": self.text.hex(), "size": self.size, "buffers": buffers, "arrays": arrays}

    @classmethod
    def read(cls, fields: dict[str, Any]) -> Seal:
        """The digests of fields that were verified."""
        written = base64.b64decode(fields["buffers"])
        buffers = [written[at : at + DIGEST_BYTES] for at in range(0, len(written), DIGEST_BYTES)]
        arrays = {name: base64.b64decode(digests) for name, digests in fields["arrays"].items()}
        return cls(bytes.fromhex(fields["text"]), fields["size"], buffers, arrays)
