"""The signature of an object that stored itself into a group by hand.

It stands for the class, and for all that is in the group when the object was stored,
but for the entries of native arrays of numbers.  What changes a node of the group
directly takes the signature with it.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final, Protocol

import numpy as np
import orjson

from pyiron_storage.model.session import Session
from pyiron_storage.paths import SIGNATURE, Name
from pyiron_storage.trusting.keys import known_key, process_key, signing_key
from pyiron_storage.trusting.signature import fields_of, is_by, signed

_NODE: Final = Name(SIGNATURE)
_NUMBERS: Final = frozenset("biufcmM")


class Group(Protocol):
    """What is asked of a group of a back-end."""

    @property
    def _session(self) -> Session: ...
    def __getitem__(self, name: Name) -> Any: ...
    def _set(self, name: Name, value: Any) -> None: ...
    def list_nodes(self) -> list[str]: ...
    def list_groups(self) -> list[str]: ...


def sign(group: Group) -> None:
    """Sign what is in a group."""
    key = process_key() if group._session.in_memory else signing_key()
    group._set(_NODE, signed({"group": _digest(group)}, key).decode())


def is_signed(group: Group) -> bool:
    """Whether a known key signed all that is in a group."""
    text = _text(group)
    fields = fields_of(text.encode()) if type(text) is str else {}
    if not fields:
        return False
    key = known_key(fields["key"])
    return key is not None and is_by(fields, key) and fields.get("group") == _digest(group)


def copy_signature(source: Group, target: Group) -> None:
    """Let a copy keep the signature of what it was copied from: it holds where all of it is the same."""
    text = _text(source)
    if type(text) is str:
        target._set(_NODE, text)


def _text(group: Group) -> Any:
    """The signature as it is written; None where there is none."""
    try:
        return group[_NODE]
    except KeyError:
        return None


def _digest(group: Group) -> str:
    found = hashlib.sha256()
    _add(group, found, in_record=False)
    return found.hexdigest()


def _add(group: Group, found: Any, *, in_record: bool) -> None:
    nodes = sorted(group.list_nodes())
    in_record = in_record or "record" in nodes
    for name in nodes:
        kind, data = _content(group[Name(name)], whole=in_record)
        found.update(orjson.dumps(["node", name, kind, len(data)]))
        found.update(data)
    for name in sorted(group.list_groups()):
        found.update(orjson.dumps(["group", name]))
        _add(group[Name(name)], found, in_record=in_record)
        found.update(orjson.dumps(["end"]))


def _content(value: Any, *, whole: bool) -> tuple[Any, Any]:
    """What a node is, and its bytes; of an array of numbers its dtype and shape are enough, but in a record."""
    if isinstance(value, np.ndarray):
        form = [str(value.dtype), list(value.shape)]
        return form, value.tobytes() if whole or value.dtype.kind not in _NUMBERS else b""
    if isinstance(value, bytes):
        return "bytes", value
    return type(value).__name__, repr(value).encode("utf-8", "surrogatepass")
