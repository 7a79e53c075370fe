r"""Paths inside a storage: how they are split, joined and checked.

Parts are joined by ``/``.  Inside a part ``/`` is written ``~1`` and ``~`` is
written ``~0``, as in JSON Pointer (RFC 6901).  A key that is no string is
written as JSON behind ``~:``: ``~:1``, ``~:null``, ``~:[1,2]`` for a tuple.
What an object has beside its attributes stands under reserved names: ``~args``,
``~state``, ``~items``, ``~pairs``.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Final

import orjson

from pyiron_storage.errors import InvalidNameError, PathNotFoundError, PathTypeError

RESERVED: Final = (
    "~args",
    "~kwargs",
    "~state",
    "~index",
    "~columns",
    "~attrs",
    "~values",
    "~items",
    "~pairs",
    "~setter",
)
METADATA: Final = "~metadata"
SIGNATURE: Final = "~signature"
"""The node with the signature of an object that stored itself into a group by hand."""


class OtherKey(str):
    """A part of a path that stands for a key that is no string: its JSON text."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return type(other) is OtherKey and str.__eq__(self, other)

    def __hash__(self) -> int:
        return hash(("~:", str(self)))


class ReservedPart(str):
    """A part of a path that names what an object has beside its attributes."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return type(other) is ReservedPart and str.__eq__(self, other)

    def __hash__(self) -> int:
        return hash(("~", str(self)))


class Name(str):
    """One plain, checked name: what a back-end's own methods are called with."""

    __slots__ = ()


def split(path: str) -> list[str]:
    """Split a path into its parts, unescaped; a leading ``/`` is ignored.

    Examples
    --------
    >>> split("nodes/relax/a~1b")
    ['nodes', 'relax', 'a/b']
    """
    if not isinstance(path, str):
        typed = f" The key {path!r} of a dict is written {'~:' + str(path)!r} in a path." if type(path) is int else ""
        raise PathTypeError(
            f"A path is a str such as 'nodes/relax', but {path!r} of type {type(path).__name__} was given.{typed}"
        )
    if "/" not in path and "~" not in path:
        return [path] if path else []
    inner = path.removeprefix("/")
    return [unescape(part) for part in inner.split("/")] if inner else []


def unescape(part: str) -> str:
    """Turn one escaped part into the key, `OtherKey` or `ReservedPart` that it names."""
    if "~" not in part:
        return part
    if part.startswith("~:"):
        return OtherKey(normal_json(_unescape_text(part[2:])))
    if part in RESERVED:
        return ReservedPart(part)
    return _unescape_text(part)


def _unescape_text(text: str) -> str:
    return text.replace("~1", "/").replace("~0", "~")


def normal_json(text: str) -> str:
    """The one spelling of a JSON text that keys are compared by."""
    try:
        return orjson.dumps(orjson.loads(text)).decode()
    except orjson.JSONDecodeError:
        raise InvalidNameError(
            f"'~:{text}' does not end in JSON. Behind '~:' stands a key that is no str, such as ~:1 or ~:[1,2]."
        ) from None


def escape(part: str) -> str:
    """Write one part as it stands in a path.

    Examples
    --------
    >>> escape("a/b~")
    'a~1b~0'
    """
    if type(part) is ReservedPart:
        return str(part)
    text = part.replace("~", "~0").replace("/", "~1") if "~" in part or "/" in part else str(part)
    return "~:" + text if type(part) is OtherKey else text


def join(parts: Iterable[str]) -> str:
    """Join parts into a path; the inverse of `split`.

    Examples
    --------
    >>> join(["nodes", "a/b"])
    'nodes/a~1b'
    """
    return "/".join(map(escape, parts))


def check_name(name: str) -> str:
    """Give `name` back if a group or node may have it.

    Raises
    ------
    InvalidNameError
        If it is empty, ``.``, ``..``, holds NUL, no valid Unicode, or is reserved.
    """
    if type(name) in (OtherKey, ReservedPart):
        raise InvalidNameError(f"'{escape(name)}' names a part of a stored object; a group or node has a plain name.")
    if name in ("", ".", "..") or "\0" in name or not _is_text(name):
        raise InvalidNameError(
            f"{name!r} cannot name a group or node: a name is text, not empty, not '.' or '..', and without NUL."
        )
    if name in (METADATA, SIGNATURE):
        raise InvalidNameError(f"The name {name!r} is reserved for the {name[1:]} of a group.")
    return name


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_json(part: str) -> bool:
    try:
        return type(part) is str and normal_json(part) == part
    except InvalidNameError:
        return False


def not_found(part: str, within: str, names: Iterable[str], file: str) -> PathNotFoundError:
    """Build the error for a missing part: it lists the names that exist and the closest match."""
    names = [escape(name) for name in names]
    message = f"{file}: there is no {escape(part)!r} in {within or 'the top level'}."
    if _is_json(part) and f"~:{part}" in names:
        return PathNotFoundError(
            f"{message} The key that is there is {part} and no text, which is written '~:{part}' in a path."
        )
    close = difflib.get_close_matches(escape(part), names, n=1)
    if close:
        message += f" Did you mean {close[0]!r}?"
    shown = ", ".join(map(repr, names[:20])) + (", ..." if len(names) > 20 else "")
    return PathNotFoundError(message + (f" It has: {shown}." if names else " It is empty."))
