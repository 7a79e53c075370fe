"""A damaged JSON directory, read for what of it is whole.

Where the ``group.json`` of a group is lost, what stands beside it is found by the names of
files and directories.  Its checksums are lost with it, and so are small values; groups below have their own.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from pyiron_storage.backends.directory import Directory, refuse_link
from pyiron_storage.backends.directory_redo import Contents, read_redo
from pyiron_storage.backends.directory_tree import DirectoryTree
from pyiron_storage.backends.file_names import GROUP_FILE, REDO_FILE
from pyiron_storage.backends.npy_files import npy_node
from pyiron_storage.errors import DamagedFileError, FileKindError, StorageError
from pyiron_storage.files.locks import TIMEOUT

_FILE: Final = re.compile(r"(.+)-(\d+)\.(npy|jsonl|txt|bin)(?:\.gz|\.zst)?")


class DamagedTree(DirectoryTree):
    """The directories of one storage, as far as they can be read; for one handle, which is not shared."""

    def __init__(self, path: Path, *, locking: bool = True, timeout: float = TIMEOUT) -> None:
        super().__init__(path, locking=locking, timeout=timeout)
        self._handles = 1

    def lost(self) -> list[str]:
        """What of the whole storage is lost, however its groups are."""
        try:
            read_redo(self.real_path)
        except DamagedFileError:
            return [REDO_FILE]
        return []

    def _read_redo(self) -> Contents:
        try:
            return super()._read_redo()
        except DamagedFileError:
            return {}

    def _directory(self, path: Path, text: bytes | None, *, is_named: bool) -> Directory:
        try:
            return super()._directory(path, text, is_named=True)  # the root, too, is there
        except (FileKindError, DamagedFileError):
            found = Directory(path, text=b'{"pyiron_storage":1,"nodes":{},"groups":{}}')
            found.groups = dict(_groups_in(path))
            nodes, lost = _values_in(path)
            found.nodes = {name: node for name, node in nodes.items() if name not in found.groups}
            found.lost = [GROUP_FILE, *lost]
            return found


def may_be_a_storage(path: Path) -> bool:
    """Whether a directory is a storage, perhaps one whose ``group.json`` is lost."""
    return path.is_dir() and ((path / GROUP_FILE).is_file() or path.suffix == ".jsondir")


def _groups_in(path: Path) -> list[tuple[str, str]]:
    """The groups in a directory, by the names that they most likely had."""
    found = [entry for entry in sorted(path.iterdir()) if entry.is_dir() and not entry.is_symlink()]
    return [(_plain(entry.name), entry.name) for entry in found if not entry.name.startswith(".")]


def _values_in(path: Path) -> tuple[dict[str, Any], list[str]]:
    """The nodes whose values have a file, the newest of each name; and the names of those that cannot be read."""
    newest: dict[str, tuple[int, Path, str]] = {}
    for file in sorted(path.iterdir()):
        match = _FILE.fullmatch(file.name)
        if match is not None and file.is_file():
            found = int(match[2]), file, match[3]
            newest[match[1]] = max(newest.get(match[1], found), found)
    nodes, lost = {}, []
    for stem, (_, file, suffix) in newest.items():
        try:
            nodes[_plain(stem)] = {**_node(file, suffix), "file": file.name}
        except (StorageError, OSError):
            lost.append(_plain(stem))
    return nodes, lost


def _node(file: Path, suffix: str) -> dict[str, Any]:
    """The node of a value, from its file.

    Raises
    ------
    DamagedRecordError
        If it is damaged, as far as that shows.
    """
    refuse_link(file)
    return npy_node(file) if suffix == "npy" else {"$": "bytes" if suffix == "bin" else "text"}


def _plain(name: str) -> str:
    """The name of a group or node, from that of its directory or file."""
    try:
        return unquote(name, errors="strict")
    except UnicodeDecodeError:
        return name
