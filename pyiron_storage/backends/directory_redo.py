"""The redo file of a JSON directory: what a transaction over several groups makes of their ``group.json``.

It stands at the root from the moment at which the transaction is committed until
all of it is in place.  Who reads meanwhile, or after the writer has died, takes the
groups from here; who writes next puts them in place first.  It is made for the
groups as they were: beside any others it means nothing.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import orjson

from pyiron_storage.backends.file_names import GROUP_FILE, REDO_FILE
from pyiron_storage.errors import FormatVersionError
from pyiron_storage.files.replacing import replace_file

FORMAT: Final = 1

Directories = tuple[str, ...]
"""The names of the directories that lead from the root to a group."""
Contents = Mapping[Directories, bytes]
"""The new ``group.json`` of groups."""


def write_redo(root: Path, contents: Contents, *, durable: bool) -> Path:
    """Write the redo file, as one step, and return its path; with it the transaction is committed."""
    groups = [
        {"directory": names, "was": _checksum(_current(root, names)), "text": text.decode()}
        for names, text in contents.items()
    ]
    content = {"pyiron_storage": FORMAT, "kind": "redo", "checksum": _checksum(orjson.dumps(groups)), "groups": groups}
    text = orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    replace_file(root / REDO_FILE, lambda file: file.write(text), durable=durable, confirmed=False)
    return root / REDO_FILE


def read_redo(root: Path) -> Contents:
    """Return what is committed and perhaps not in place; nothing where no redo file means anything.

    Raises
    ------
    FormatVersionError
        If a later release has written it.
    """
    try:
        content = orjson.loads((root / REDO_FILE).read_bytes())
    except (FileNotFoundError, orjson.JSONDecodeError):
        return {}
    if type(content) is not dict or content.get("kind") != "redo":
        return {}
    version = content.get("pyiron_storage")
    if version != FORMAT:
        raise FormatVersionError(
            f"{root / REDO_FILE}: format version {version!r} is not known here; {FORMAT} is. Open the storage with a "
            "later release of pyiron_storage."
        )
    groups: list[Any] = content.get("groups", [])
    if _checksum(orjson.dumps(groups)) != content.get("checksum") or not all(_belongs(root, group) for group in groups):
        return {}
    return {tuple(group["directory"]): group["text"].encode() for group in groups}


def _belongs(root: Path, group: Any) -> bool:
    """Whether a group is as it was, or as it is to be."""
    names = group["directory"]
    if any(name in ("", ".", "..") or "/" in name or "\\" in name or "\0" in name for name in names):
        return False
    found = _current(root, names)
    return bool(found == group["text"].encode() or _checksum(found) == group["was"])


def _current(root: Path, names: Directories) -> bytes | None:
    try:
        return root.joinpath(*names, GROUP_FILE).read_bytes()
    except FileNotFoundError:
        return None


def _checksum(text: bytes | None) -> int | None:
    return None if text is None else zlib.crc32(text)
