"""Names of files and directories for names of nodes and groups, which may be any text."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import Final

GROUP_FILE: Final = "group.json"
REDO_FILE: Final = ".redo.json"
"""At the root: a commit of several groups that is not in place yet; no group or node gets this name."""
LONGEST_NAME: Final = 100
"""Longer names are cut and end in a digest; file systems end at 255 bytes."""
_OURS: Final = re.compile(r".+-\d+\.(npy|jsonl|txt|bin)(\.gz|\.zst)?|\..+\.new")


def directory_name(name: str) -> str:
    """The name of the directory or file for a group or node: percent-encoded where a file system would object."""
    text = _FORBIDDEN.sub(_percent, name)
    if not unicodedata.is_normalized("NFC", text):  # where the file system takes it for the composed form
        text = _BEYOND_ASCII.sub(_percent, text)
    if text.upper().partition(".")[0] in _DEVICES or text.startswith(".") or _OURS.fullmatch(text):
        text = _percent(text[0]) + text[1:]
    if text[-1] in ". ":
        text = text[:-1] + _percent(text[-1])
    if text.casefold() == GROUP_FILE:
        text = _percent(text[0]) + text[1:]
    if len(text.encode()) > LONGEST_NAME:
        text = text[:20] + "~" + hashlib.sha256(name.encode()).hexdigest()[:16]
    return text


def folded(name: str) -> str:
    r"""What names have in common that are one name on some file system: their letters, however they are written.

    Examples
    --------
    >>> folded("Gr\u00fcn") == folded("gru\u0308n")
    True
    """
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())


def is_ours(name: str) -> bool:
    """Whether a name is one of those that files of values have, and unfinished ones."""
    return _OURS.fullmatch(name) is not None


def _percent(found: re.Match[str] | str) -> str:
    text = found if isinstance(found, str) else found[0]
    return "".join(f"%{byte:02X}" for byte in text.encode())


_BEYOND_ASCII: Final = re.compile(r"[^\x00-\x7f]+")
_FORBIDDEN: Final = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*%]')
_DEVICES: Final = {"CON", "PRN", "AUX", "NUL", *(f"{port}{n}" for port in ("COM", "LPT") for n in range(1, 10))}
