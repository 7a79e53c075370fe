"""One group of a JSON directory: its ``group.json`` and the files beside it.

Each record, each long text and each array is a file of its own, which is never
changed but only replaced under a new name, or made longer.
"""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson

from pyiron_storage.arrays.checks import (
    BLOCK_BYTES,
    TEXT_BLOCK_BYTES,
    VERIFIED_BYTES,
    Check,
    CheckBeside,
    bytes_of,
    damage,
)
from pyiron_storage.arrays.memory_layout import in_c_order
from pyiron_storage.arrays.native_array import Array
from pyiron_storage.backends.compressed_files import read_file, suffix_of, write_new
from pyiron_storage.backends.compression import COMPRESSED_BYTES, Compression
from pyiron_storage.backends.file_names import GROUP_FILE, REDO_FILE, directory_name, folded, is_ours
from pyiron_storage.backends.json_checks import (
    check_of,
    damaged_entries,
    described,
    entry_sums,
    hexadecimal,
    verify_entries,
    verify_value,
)
from pyiron_storage.backends.json_values import array_header, flagged, from_json, to_json
from pyiron_storage.backends.new_files import COUNTED, NewFiles
from pyiron_storage.backends.npy_files import Npy, write_npy
from pyiron_storage.errors import DamagedRecordError, FileKindError, FormatVersionError, StorageError
from pyiron_storage.files.replacing import written

FORMAT: Final = 1
INLINE_BYTES: Final = 1024
"""Text and bytes up to this size stand in ``group.json``."""
GRACE_SECONDS: Final = 60.0
"""For how long a file that is not named any more stays for those who read without locks."""
KEPT_FILES: Final = 64
"""How many such files of a group stay at most."""


class Directory:
    """One group: the content of its ``group.json`` and the files beside it.

    Parameters
    ----------
    path
        The directory.
    fresh
        Whether it begins empty, whatever is there.
    text
        The content of ``group.json`` where that is not in place yet.
    salvaging
        Whether to leave out what is not whole, rather than to refuse it.
    """

    def __init__(self, path: Path, *, fresh: bool = False, text: bytes | None = None, salvaging: bool = False) -> None:
        self.path = path
        self.lost: list[str] = []
        """The names of what was left out."""
        self.is_checked = False
        """Whether ``group.json`` has checksums."""
        self.changed = fresh
        self.new = NewFiles(path)
        """What was made since the last commit."""
        self.dropped: dict[str, float] = {}
        self.nodes: dict[str, Any] = {}
        self.groups: dict[str, str] = {}
        self._old: list[str] = []
        """What is to be swept after the commit."""
        if text is None and (path / GROUP_FILE).exists():
            text = (path / GROUP_FILE).read_bytes()
        if fresh and text is not None:
            self._drop_all(text)
        elif text is not None:
            self._load(text, salvaging=salvaging)

    def _drop_all(self, text: bytes) -> None:
        """Begin anew: what was there goes when nobody reads it any more."""
        try:
            self._load(text)
        except StorageError:  # what a damaged group held is not known
            self.dropped = {}
        self.dropped |= dict.fromkeys([*self._files(), *self.groups.values()], time.time())
        self.nodes, self.groups = {}, {}

    def _load(self, text: bytes, *, salvaging: bool = False) -> None:
        check = self._parse(text)
        if salvaging:
            self._leave_out(check)
        else:
            verify_entries(check, self._entries(), str(self.path / GROUP_FILE))
        for name in (*self.groups.values(), *self.dropped):
            self._inside(name)

    def _parse(self, text: bytes) -> Any:
        """Take the content of ``group.json``, and return its check; None where it has none."""
        where = self.path / GROUP_FILE
        try:
            content = orjson.loads(text)
            version, self.nodes, self.groups = content["pyiron_storage"], content["nodes"], content["groups"]
            self.dropped = dict(content.get("dropped", {}))
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            raise FileKindError(
                f"{where}: the file is not that of a group: {error!r}. It is damaged, or it is another program's. "
                "ps.check(directory, repair=True) keeps what is whole beside it."
            ) from error
        if type(version) is not int or version > FORMAT:
            raise FormatVersionError(f"{where}: format version {version!r} is not known here; {FORMAT} is.")
        if type(self.nodes) is not dict or type(self.groups) is not dict:
            raise DamagedRecordError(f"{where}: the nodes or groups of the group are damaged.")
        self.is_checked = "check" in content
        return content.get("check")

    def _leave_out(self, check: Any) -> None:
        """Leave out the entries that are not as they were written."""
        parts = {"nodes": self.nodes, "groups": self.groups, "dropped": self.dropped}
        for part, name, node in damaged_entries(check, self._entries()):
            del parts[part][name]
            self.lost += [name] if part != "dropped" else []
            del node

    def _entries(self) -> list[Any]:
        """What the check of ``group.json`` is for."""
        parts = {"nodes": self.nodes, "groups": self.groups, "dropped": self.dropped}
        return [[part, name, node] for part, entries in parts.items() for name, node in entries.items()]

    def _inside(self, name: Any) -> Path:
        """The path of a file or directory beside ``group.json``, never elsewhere."""
        if type(name) is not str or name in ("", ".", "..") or "/" in name or "\\" in name or "\0" in name:
            raise DamagedRecordError(f"{self.path / GROUP_FILE}: {name!r} is no name of a file in this directory.")
        return self.path / name

    def _file(self, node: dict[str, Any]) -> Path:
        """The file of a node, which is no link to elsewhere."""
        file = self._inside(node["file"])
        refuse_link(file)
        return file

    # -- nodes -----------------------------------------------------------------------

    def read(self, name: str, *, verify: bool | None = False) -> Any:
        """Return the value of a node; for `verify` see `NativeArray`."""
        node = self.nodes[name]
        if type(node) is not dict or "file" not in node:
            return from_json(node, f"{self.path}: {name}")
        file = self._file(node)
        try:
            if node["$"] == "array":
                array = flagged(Npy.of(file, node).read(), node)
                if verify or (verify is False and array.nbytes <= VERIFIED_BYTES):
                    verify_value(node, bytes_of(array), file)
                return array
            data = read_file(file)
            if verify is not None:
                verify_value(node, data, file)
            return data.decode() if node["$"] == "text" else data
        except DamagedRecordError:
            raise
        except (FileNotFoundError, UnicodeDecodeError, ValueError) as error:
            raise DamagedRecordError(f"{file}: the value of {name!r} cannot be read: {error}.") from error

    def read_text(self, name: str, *, verify: bool | None = False) -> bytes:
        """Return the UTF-8 bytes of a text node, verified unless `verify` is None."""
        node = self.nodes[name]
        if type(node) is dict and node.get("$") == "text":
            file = self._file(node)
            try:
                data = read_file(file)
            except FileNotFoundError as error:
                raise damage(str(file), f"the file of {name!r} is missing") from error
            if verify is not None:
                verify_value(node, data, file)
            return data
        if type(node) is not str:
            raise TypeError(f"{self.path}: {name} is no text")
        return node.encode()

    @written
    def write(self, name: str, value: Any, compression: Compression | None = None) -> None:
        """Write the value of a node, in ``group.json`` where it is small."""
        if type(value) is np.ndarray:
            packed = compression if value.nbytes >= COMPRESSED_BYTES else None
            header, file = array_header(value), self._new_file(name, "npy" + suffix_of(packed))
            lying = value if value.flags.forc else in_c_order(value)
            check = CheckBeside(described(header, b""), bytes_of(lying))
            write_new(file, packed, lambda stream: write_npy(stream, lying))
            self._put(name, {**header, "file": file.name, "check": hexadecimal(check.get().numbers())})
        elif type(value) is bytes and len(value) > INLINE_BYTES:
            node = {"$": "bytes", "size": len(value)}
            self._put(name, node | self._write_file(name, "bin", value, compression, described(node, value)))
        elif type(value) is str and len(value) > INLINE_BYTES:
            to_json(value)
            self.write_text(name, value.encode(), compression)
        else:
            self._put(name, to_json(value))

    @written
    def write_text(self, name: str, text: bytes, compression: Compression | None = None) -> None:
        """Write a text node to a file of its own; a record ends in ``jsonl``."""
        suffix = "jsonl" if name == "record" else "txt"
        node = {"$": "text"}
        self._put(name, node | self._write_file(name, suffix, text, compression, described(node, text)))

    def _put(self, name: str, node: Any) -> None:
        self._drop(self.nodes.pop(name, None))
        self.nodes[name] = node
        self.changed = True

    def remove(self, name: str) -> None:
        """Take a node or group out."""
        if name in self.groups:
            self._note_dropped(self.groups.pop(name))
        else:
            self._drop(self.nodes.pop(name))
        self.changed = True

    def _drop(self, node: Any) -> None:
        """Note a file that is not named any more, and since when; it stays for the grace period."""
        if type(node) is dict and "file" in node:
            self._note_dropped(node["file"])

    def _note_dropped(self, name: str) -> None:
        self.dropped.pop(name, None)
        self.dropped[name] = time.time()

    # -- arrays in part -------------------------------------------------------------------

    def array(self, name: str) -> Npy:
        """The file of an array."""
        node = self.nodes[name]
        return Npy.of(self._file(node), node)

    def check(self, name: str) -> Check | None:
        """The checksums of an array."""
        return check_of(self.nodes[name], f"{self.path}: {name}")

    def note_check(self, name: str, check: Check) -> None:
        """Put other checksums in the place of those of an array."""
        self.nodes[name] = {**self.nodes[name], "check": hexadecimal(check.numbers())}
        self.changed = True

    @written
    def copy_node(self, name: str, target: Directory) -> None:
        """Copy a node, with its file as it is, to another directory."""
        node = self.nodes[name]
        if type(node) is dict and "file" in node:
            file = self._file(node)
            copy = target._new_file(name, COUNTED.sub("", file.name))
            shutil.copyfile(file, copy)
            node = {**node, "file": copy.name}
        target._put(name, node)

    def left_overs(self) -> list[Path]:
        """Files and directories that this storage made here and does not name any more."""
        kept = {*self._files(), *self.groups.values()}
        ours = [entry for entry in self.path.iterdir() if entry.name in self.dropped or is_ours(entry.name)]
        return [entry for entry in ours if entry.name not in kept]

    def is_changed(self, name: str) -> bool:
        """Whether an array was changed since the last commit."""
        file = self.nodes[name]["file"]
        return file in self.new.lengthened or self.path / file in self.new.files

    def may_write(self, name: str, first_row: int) -> bool:
        """Whether rows of an array can be written in its file: nobody else has seen them."""
        file = self.nodes[name]["file"]
        return self.path / file in self.new.files or first_row >= self.new.lengthened.get(file, sys.maxsize)

    @written
    def copy_file(self, name: str) -> None:
        """Let a copy take the place of the file of an array, to be written."""
        node = self.nodes[name]
        copy = self._new_file(name, "npy")
        shutil.copyfile(self._file(node), copy)
        self._drop(node)
        self.nodes[name] = {**node, "file": copy.name}
        self.changed = True

    @written
    def write_part(self, name: str, part: Any, block: Array) -> None:
        """Write entries of an array into its file; see `may_write`."""
        self.array(name).mapped("r+")[part] = block

    @written
    def lengthen(self, name: str, length: int) -> bool:
        """Let the file of an array become longer; give False where it must be written anew."""
        npy, node = self.array(name), self.nodes[name]
        if length < npy.shape[0] or not npy.lengthened(length):
            return False
        self.new.lengthened.setdefault(node["file"], npy.shape[0])
        self.nodes[name] = {**node, "shape": [length, *npy.shape[1:]]}
        self.changed = True
        return True

    # -- files ------------------------------------------------------------------------

    def _write_file(
        self, name: str, suffix: str, data: bytes, compression: Compression | None, what: bytes
    ) -> dict[str, Any]:
        """Write bytes to a file of their own; return its name and check, for the node."""
        packed = compression if len(data) >= COMPRESSED_BYTES else None
        file = self._new_file(name, suffix + suffix_of(packed))
        least = TEXT_BLOCK_BYTES if suffix in ("jsonl", "txt") else BLOCK_BYTES
        write_new(file, packed, lambda stream: stream.write(data))
        return {"file": file.name, "check": hexadecimal(Check.of(what, data, least).numbers())}

    def _new_file(self, name: str, suffix: str) -> Path:
        return self.new.make(name, suffix, lambda: [*self._files(), *self.dropped])

    def _files(self) -> list[str]:
        """The files that nodes name."""
        return [node["file"] for node in self.nodes.values() if type(node) is dict and "file" in node]

    def new_directory(self, name: str) -> str:
        """A name for the directory of a group that no neighbour has, in any case and normal form."""
        taken = {folded(known) for known in self.groups.values()}
        stem = text = directory_name(name)
        counter = 1
        while folded(text) in taken:
            counter += 1
            text = f"{stem}~{counter}"
        return text

    @written
    def text(self) -> bytes:
        """The new content of ``group.json``; with it the group is committed."""
        self.new.make_directory()
        self._note_lengths()
        now, newest = time.time(), list(self.dropped)[-KEPT_FILES:]
        kept = {name: self.dropped[name] for name in newest if now - self.dropped[name] <= GRACE_SECONDS}
        self._old = [name for name in self.dropped if name not in kept]
        self.dropped = kept
        content: dict[str, Any] = {"pyiron_storage": FORMAT, "kind": "group", "check": entry_sums(self._entries())}
        content |= {"nodes": self.nodes, "groups": self.groups}
        content |= {"dropped": self.dropped} if self.dropped else {}
        return orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)

    def note_commit(self) -> None:
        """Note that ``group.json`` is committed: what was made for it stays."""
        self.changed = False
        self.new.note_commit()

    def sweep(self) -> None:
        """Remove what has not been named for longer than the grace period."""
        for name in self._old:
            remove(self._inside(name))
        self._old.clear()

    def _note_lengths(self) -> None:
        for name, node in self.nodes.items():
            if type(node) is dict and node.get("file") in self.new.lengthened:
                self.array(name).note_length()


def refuse_link(path: Path) -> None:
    """Raise where a file or directory of a storage is a link, which might lead anywhere."""
    if path.is_symlink():
        raise DamagedRecordError(
            f"{path} is a link, and a storage reads nothing outside its directory. Put what it leads to in its place."
        )


def remove(path: Path) -> None:
    """Remove a file, or the directory of a group with what the storage put into it; whatever else is there stays."""
    if not path.is_dir() or path.is_symlink():
        path.unlink(missing_ok=True)
    elif (path / GROUP_FILE).exists():
        group = Directory(path)
        for name in (*group._files(), *group.groups.values(), *group.dropped, REDO_FILE, GROUP_FILE):
            remove(group.path / name)
        if not any(path.iterdir()):
            path.rmdir()
