"""Signing: HMAC-SHA256 over the digests of a record or a group, with a key of the user."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any, Final

import orjson

from pyiron_storage.trusting.keys import Key

BLOCK_BYTES: Final = 1 << 16
"""The bytes that one digest is for."""


def digest(data: Any) -> bytes:
    """The SHA-256 of some bytes."""
    return hashlib.sha256(data).digest()


def blocks(data: Any) -> bytes:
    """The digests of all blocks of some bytes, one behind the other."""
    view = memoryview(data)
    return b"".join(digest(view[at : at + BLOCK_BYTES]) for at in range(0, len(view), BLOCK_BYTES))


def signed(fields: dict[str, Any], key: Key) -> bytes:
    """The text of a signature: the fields, the name of the key, and the code that proves both."""
    named = {**fields, "key": key.name}
    return orjson.dumps({**named, "hmac": _code(named, key)})


def _code(fields: dict[str, Any], key: Key) -> str:
    return hmac.new(key.secret, orjson.dumps(fields, option=orjson.OPT_SORT_KEYS), "sha256").hexdigest()


def fields_of(text: bytes) -> dict[str, Any]:
    """The fields of a signature, not verified; nothing where it is none."""
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return found if type(found) is dict and type(found.get("key")) is str and type(found.get("hmac")) is str else {}


def is_by(fields: dict[str, Any], key: Key) -> bool:
    """Whether a key made a signature."""
    named = {name: value for name, value in fields.items() if name != "hmac"}
    return hmac.compare_digest(fields["hmac"].encode(), _code(named, key).encode())
