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
from pyiron_storage.errors import DamagedFileError, FormatVersionError
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
    """Return what is committed and perhaps not in place; nothing where there is no redo file for these groups.

    Raises
    ------
    FormatVersionError
        If a later release has written it.
    DamagedFileError
        If it is damaged: some of the groups may be in place, and others not.
    """
    try:
        content = orjson.loads((root / REDO_FILE).read_bytes())
    except FileNotFoundError:
        return {}
    except orjson.JSONDecodeError as error:
        raise _damage(root, str(error)) from error
    if type(content) is not dict or content.get("kind") != "redo":
        raise _damage(root, "it is none")
    version = content.get("pyiron_storage")
    if version != FORMAT:
        raise FormatVersionError(
            f"{root / REDO_FILE}: format version {version!r} is not known here; {FORMAT} is. Open the storage with a "
            "later release of pyiron_storage."
        )
    groups = content.get("groups")
    if type(groups) is not list or _checksum(orjson.dumps(groups)) != content.get("checksum"):
        raise _damage(root, "its checksum is another")
    if not all(_belongs(root, group) for group in groups):
        return {}
    return {tuple(group["directory"]): group["text"].encode() for group in groups}


def _damage(root: Path, what: str) -> DamagedFileError:
    return DamagedFileError(
        f"{root / REDO_FILE}: the redo file is damaged: {what}. A process died while it put a commit of several groups "
        "in place, so that some may be as before it and some as after. ps.check(directory, repair=True) takes all of "
        "them as they are, and keeps the directory as it was beside that."
    )


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
