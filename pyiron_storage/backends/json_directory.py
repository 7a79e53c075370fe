"""`JSONStorage`: a storage as a directory of JSON, made for reading and for ``git diff``.

A group is a directory with one indented ``group.json``, which holds the small
values and names the rest.  Each record, each long text and each array is a file
of its own that is never changed, only replaced under a new name; ``group.json`` is
replaced as one step, and that is the commit.  What is no longer named is swept
after a grace period, so that whoever still reads it finds it.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import sys
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson

from pyiron_storage.backends.compressed_files import COMPRESSIONS, is_compressed, read_file, suffix_of, write_new
from pyiron_storage.backends.json_values import array_header, dtype_of, from_json, to_json
from pyiron_storage.backends.npy_files import Npy, write_npy
from pyiron_storage.backends.opening import OpenFile, begins_anew, checked_path, open_file, read_only
from pyiron_storage.backends.replacing import replace_file
from pyiron_storage.compression import COMPRESSED_BYTES, Compression, checked_compression
from pyiron_storage.errors import DamagedRecordError, FileKindError, FormatVersionError
from pyiron_storage.native_array import Array, Box, NativeArray, Shape, resized
from pyiron_storage.paths import Name
from pyiron_storage.records.document import NATIVE_BYTES
from pyiron_storage.records.navigate import NodeInfo
from pyiron_storage.session import Location
from pyiron_storage.storage import GenericStorage

FORMAT: Final = 1
GROUP_FILE: Final = "group.json"
INLINE_BYTES: Final = 1024
"""Text and bytes up to this size stand in ``group.json``."""
GRACE_SECONDS: Final = 60.0
LONGEST_NAME: Final = 100
"""Longer names are cut and end in a digest; file systems end at 255 bytes."""
_OURS: Final = re.compile(r".+-\d+\.(npy|jsonl|txt|bin)(\.gz|\.zst)?|\..+\.new")


class JSONStorage(GenericStorage):
    """A storage in a directory.

    Parameters
    ----------
    filename : path-like
        The directory.
    mode : {"a", "r", "w", "x"}
        As for `open_storage`.
    cloudpickle_fallback : bool
        Whether code that cannot be imported is kept as cloudpickle bytes, or refused.
    compression : str or (str, int), optional
        How the files of arrays, records and long values are compressed: ``"gzip"`` (or
        ``"zlib"``, which is the same), or with the extra ``zstandard`` ``"zstd"``; a level
        behind it, as in ``("zstd", 19)``.

    Examples
    --------
    >>> with JSONStorage("project.jsondir") as storage:
    ...     storage["relax/energy"] = -3.72
    >>> import json
    >>> json.load(open("project.jsondir/relax/group.json"))["nodes"]
    {'energy': -3.72}
    """

    compressions = COMPRESSIONS

    def __init__(
        self, filename: Any, mode: str = "a", *, cloudpickle_fallback: bool = True, compression: Any = None
    ) -> None:
        compression = checked_compression(compression, COMPRESSIONS, "json")
        path = checked_path(filename, mode, is_kind=is_json_directory, kind="a directory with a group.json")
        self._tree = open_file(DirectoryTree, path)
        self._names: Location = ()
        self._start(
            str(path),
            shared=self._tree.shared,
            read_only=read_only(mode),
            cloudpickle_fallback=cloudpickle_fallback,
            compression=compression,
        )
        if begins_anew(mode):
            self._begin_anew(self._tree.clear)

    def _inside(self, name: str) -> JSONStorage:
        group = JSONStorage.__new__(JSONStorage)
        group._tree, group._names = self._tree, (*self._names, str(name))
        return group

    @property
    def name(self) -> str:
        return self._names[-1] if self._names else "/"

    @property
    def _group(self) -> Directory:
        return self._tree.group(self._names)

    def __getitem__(self, name: str) -> Any:
        group = self._group
        return self._inside(name) if name in group.groups else group.read(name)

    def _set(self, name: str, value: Any) -> None:
        self._group.write(str(name), value, self._compression)

    def __delitem__(self, name: str) -> None:
        group = self._group
        if name in group.groups:
            self._tree.forget((*self._names, str(name)))
        group.remove(name)

    def create_group(self, name: str) -> JSONStorage:
        self._tree.make(self._names, str(name))
        return self._inside(name)

    def list_nodes(self) -> list[str]:
        return list(self._group.nodes)

    def list_groups(self) -> list[str]:
        return list(self._group.groups)

    def _has_node(self, name: str) -> bool:
        return name in self._group.nodes

    def _has_group(self, name: str) -> bool:
        return name in self._group.groups

    def _info(self, name: Name) -> NodeInfo:
        node = self._group.nodes[name]
        if type(node) is not dict or node.get("$") != "array":
            return super()._info(name)
        dtype, shape = dtype_of(node, name), tuple(node["shape"])
        return NodeInfo("array", "numpy.ndarray", dtype.str, shape, int(np.prod(shape)) * dtype.itemsize)

    def _read_text(self, name: Name) -> bytes:
        return self._group.read_text(name)

    def _write_text(self, name: Name, text: bytes) -> None:
        self._group.write_text(str(name), text, self._compression)

    def _open_array(self, name: Name) -> NativeArray:
        return DirectoryArray(self._group, str(name), self._compression)

    @property
    def _compression(self) -> Compression | None:
        found: Compression | None = self._session.options["compression"]
        return found

    def _commit(self) -> None:
        self._tree.commit()

    def _rollback(self) -> None:
        self._tree.rollback()

    def _close(self) -> None:
        self._tree.release()

    def _destroy(self) -> None:
        remove(self._tree.path)


def is_json_directory(path: Path) -> bool:
    """Whether a path is a directory that is a storage, or empty."""
    return path.is_dir() and ((path / GROUP_FILE).is_file() or not any(path.iterdir()))


class DirectoryTree(OpenFile):
    """The directories of one storage, each read when it is first used.

    Parameters
    ----------
    path
        The directory of the root.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._groups: dict[Location, Directory] = {}
        self._deleted: list[Directory] = []

    def clear(self) -> None:
        """Begin with an empty root, which takes the place of the old one at the commit."""
        self._groups = {(): Directory(self.path, fresh=True)}

    def group(self, names: Location) -> Directory:
        """Return the directory of a group.

        Raises
        ------
        KeyError
            If it is gone.
        """
        if names not in self._groups:
            above = self.group(names[:-1]) if names else None
            self._groups[names] = Directory(above.path / above.groups[names[-1]] if above else self.path)
        return self._groups[names]

    def make(self, above: Location, name: str) -> None:
        """Make a group, unless it is there."""
        group = self.group(above)
        if name not in group.groups:
            if name in group.nodes:
                group.remove(name)
            group.groups[name] = group.new_directory(name)
            group.dropped.pop(group.groups[name], None)
            group.changed = True
            self._groups[(*above, name)] = Directory(group.path / group.groups[name], fresh=True)

    def forget(self, names: Location) -> None:
        """Drop what is known of a group that is deleted, and of all in it."""
        for known in [known for known in self._groups if known[: len(names)] == names]:
            self._deleted.append(self._groups.pop(known))

    def commit(self) -> None:
        """Replace the ``group.json`` of every changed group, the innermost first; what was dropped long ago goes."""
        changed = [group for _, group in sorted(self._groups.items(), key=lambda item: -len(item[0])) if group.changed]
        for group in changed:
            group.save()
        _undo(self._deleted)
        self._deleted.clear()
        self.note_identity()

    def rollback(self) -> None:
        """Forget what was changed; remove the files that were made for it."""
        _undo([*self._deleted, *self._groups.values()])
        self._deleted.clear()
        self._groups.clear()


def _undo(groups: list[Directory]) -> None:
    """Remove the files and directories that were made for groups since the last commit."""
    for group in groups:
        group.undo()
    for group in groups:
        group.undo_directories()


class Directory:
    """One group: the content of its ``group.json`` and the files beside it.

    Parameters
    ----------
    path
        The directory.
    fresh
        Whether it begins empty, whatever is there.
    """

    def __init__(self, path: Path, *, fresh: bool = False) -> None:
        self.path = path
        self.changed = fresh
        self._new_files: list[Path] = []
        self._new_directories: list[Path] = []
        self._lengthened: dict[str, int] = {}
        """The files of arrays that became longer since the last commit, with their lengths before."""
        self.dropped: dict[str, float] = {}
        self.nodes: dict[str, Any] = {}
        self.groups: dict[str, str] = {}
        if not fresh and (path / GROUP_FILE).exists():
            self._load()

    def _load(self) -> None:
        where = self.path / GROUP_FILE
        try:
            content = orjson.loads(where.read_bytes())
            version, self.nodes, self.groups = content["pyiron_storage"], content["nodes"], content["groups"]
            self.dropped = dict(content.get("dropped", {}))
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise FileKindError(f"{where}: the file is not that of a group: {error!r}.") from error
        if type(version) is not int or version > FORMAT:
            raise FormatVersionError(f"{where}: format version {version!r} is not known here; {FORMAT} is.")
        if type(self.nodes) is not dict or type(self.groups) is not dict:
            raise DamagedRecordError(f"{where}: the nodes or groups of the group are damaged.")
        for name in (*self.groups.values(), *self.dropped):
            self._inside(name)

    def _inside(self, name: Any) -> Path:
        """The path of a file or directory beside ``group.json``, never elsewhere."""
        if type(name) is not str or name in ("", ".", "..") or "/" in name or "\\" in name or "\0" in name:
            raise DamagedRecordError(f"{self.path / GROUP_FILE}: {name!r} is no name of a file in this directory.")
        return self.path / name

    # -- nodes -----------------------------------------------------------------------

    def read(self, name: str) -> Any:
        """Return the value of a node."""
        node = self.nodes[name]
        if type(node) is not dict or "file" not in node:
            return from_json(node, f"{self.path}: {name}")
        file = self._inside(node["file"])
        try:
            if node["$"] == "array":
                return Npy.of(file, node).read()
            data = read_file(file)
            return data.decode() if node["$"] == "text" else data
        except (FileNotFoundError, UnicodeDecodeError, ValueError) as error:
            raise DamagedRecordError(f"{file}: the value of {name!r} cannot be read: {error}.") from error

    def read_text(self, name: str) -> bytes:
        """Return the UTF-8 bytes of a text node."""
        node = self.nodes[name]
        if type(node) is dict and node.get("$") == "text":
            return read_file(self._inside(node["file"]))
        if type(node) is not str:
            raise TypeError(f"{self.path}: {name} is no text")
        return node.encode()

    def write(self, name: str, value: Any, compression: Compression | None = None) -> None:
        """Write the value of a node, in ``group.json`` where it is small."""
        if type(value) is np.ndarray:
            packed = compression if value.nbytes >= COMPRESSED_BYTES else None
            header, file = array_header(value), self._new_file(name, "npy" + suffix_of(packed))
            write_new(file, packed, lambda stream: write_npy(stream, value))
            self._put(name, {**header, "file": file.name})
        elif type(value) is bytes and len(value) > INLINE_BYTES:
            file_name = self._write_file(name, "bin", value, compression)
            self._put(name, {"$": "bytes", "size": len(value), "file": file_name})
        elif type(value) is str and len(value) > INLINE_BYTES:
            to_json(value)
            self.write_text(name, value.encode(), compression)
        else:
            self._put(name, to_json(value))

    def write_text(self, name: str, text: bytes, compression: Compression | None = None) -> None:
        """Write a text node to a file of its own; a record ends in ``jsonl``."""
        suffix = "jsonl" if name == "record" else "txt"
        self._put(name, {"$": "text", "file": self._write_file(name, suffix, text, compression)})

    def _put(self, name: str, node: Any) -> None:
        self._drop(self.nodes.pop(name, None))
        self.nodes[name] = node
        self.changed = True

    def remove(self, name: str) -> None:
        """Take a node or group out."""
        if name in self.groups:
            self.dropped[self.groups.pop(name)] = time.time()
        else:
            self._drop(self.nodes.pop(name))
        self.changed = True

    def _drop(self, node: Any) -> None:
        """Note a file that is not named any more, and since when; it stays for the grace period."""
        if type(node) is dict and "file" in node:
            self.dropped[node["file"]] = time.time()

    # -- arrays in part -------------------------------------------------------------------

    def array(self, name: str) -> Npy:
        """The file of an array."""
        node = self.nodes[name]
        return Npy.of(self._inside(node["file"]), node)

    def is_changed(self, name: str) -> bool:
        """Whether an array was changed since the last commit."""
        file = self.nodes[name]["file"]
        return file in self._lengthened or self.path / file in self._new_files

    def may_write(self, name: str, first_row: int) -> bool:
        """Whether rows of an array can be written in its file: nobody else has seen them."""
        file = self.nodes[name]["file"]
        return self.path / file in self._new_files or first_row >= self._lengthened.get(file, sys.maxsize)

    def copy_file(self, name: str) -> None:
        """Let a copy take the place of the file of an array, to be written."""
        node = self.nodes[name]
        copy = self._new_file(name, "npy")
        shutil.copyfile(self._inside(node["file"]), copy)
        self._drop(node)
        self.nodes[name] = {**node, "file": copy.name}
        self.changed = True

    def lengthen(self, name: str, length: int) -> bool:
        """Let the file of an array become longer; give False where it must be written anew."""
        npy, node = self.array(name), self.nodes[name]
        if length < npy.shape[0] or not npy.lengthened(length):
            return False
        self._lengthened.setdefault(node["file"], npy.shape[0])
        self.nodes[name] = {**node, "shape": [length, *npy.shape[1:]]}
        self.changed = True
        return True

    # -- files ------------------------------------------------------------------------

    def _write_file(self, name: str, suffix: str, data: bytes, compression: Compression | None) -> str:
        packed = compression if len(data) >= COMPRESSED_BYTES else None
        file = self._new_file(name, suffix + suffix_of(packed))
        write_new(file, packed, lambda stream: stream.write(data))
        return file.name

    def _new_file(self, name: str, suffix: str) -> Path:
        """A name that no file has had, as far as one can see: the hint and a counter."""
        self._make_directory()
        stem, counter = directory_name(name), 1
        while (file := self.path / f"{stem}-{counter}.{suffix}").exists():
            counter += 1
        self._new_files.append(file)
        return file

    def _make_directory(self) -> None:
        self._new_directories += [path for path in (self.path, *self.path.parents) if not path.exists()]
        self.path.mkdir(parents=True, exist_ok=True)

    def new_directory(self, name: str) -> str:
        """A name for the directory of a group, other than those of its neighbours where case does not count."""
        taken = {known.casefold() for known in self.groups.values()}
        stem = text = directory_name(name)
        counter = 1
        while text.casefold() in taken:
            counter += 1
            text = f"{stem}~{counter}"
        return text

    def save(self) -> None:
        """Replace ``group.json``; this is the commit of the group."""
        self.path.mkdir(parents=True, exist_ok=True)
        content = {"pyiron_storage": FORMAT, "kind": "group", "nodes": self.nodes, "groups": self.groups}
        old = [name for name, since in self.dropped.items() if time.time() - since > GRACE_SECONDS]
        kept = {name: since for name, since in self.dropped.items() if name not in old}
        content |= {"dropped": kept} if kept else {}
        self._note_lengths()
        text = orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        replace_file(self.path / GROUP_FILE, lambda file: file.write(text))
        self.changed = False
        self._new_files.clear()
        self._new_directories.clear()
        self._lengthened.clear()
        self.dropped = kept
        for name in old:
            remove(self._inside(name))

    def _note_lengths(self) -> None:
        for name, node in self.nodes.items():
            if type(node) is dict and node.get("file") in self._lengthened:
                self.array(name).note_length()

    def undo(self) -> None:
        """Remove the files that were made since the last commit."""
        for file in self._new_files:
            file.unlink(missing_ok=True)

    def undo_directories(self) -> None:
        """Remove the directories that were made since the last commit, the innermost first, where they are empty."""
        for path in self._new_directories:
            if path.is_dir() and not any(path.iterdir()):
                path.rmdir()


class DirectoryArray(NativeArray):
    """The array of a node: its file is read in part, and written where nobody has seen the rows yet.

    Parameters
    ----------
    directory, name
        Where the node is.
    compression
        For a file that is written anew.
    """

    def __init__(self, directory: Directory, name: str, compression: Compression | None) -> None:
        self._directory, self._name, self._compression = directory, name, compression
        npy = directory.array(name)
        self.dtype, self.shape = npy.dtype, npy.shape
        self.in_parts = not is_compressed(npy.file)

    def read(self, box: Box) -> Array:
        npy = self._directory.array(self._name)
        if box.counts == npy.shape or not self.in_parts:
            whole = npy.read()
            return whole if box.counts == npy.shape else whole[box.slices].copy(order="K")
        return np.array(npy.mapped()[box.slices]) if box.size else np.empty(box.counts, npy.dtype)

    def write(self, box: Box, block: Array) -> None:
        if not block.size:
            return
        if not self.in_parts:
            whole = self._directory.array(self._name).read()
            whole[box.slices] = block
            self._directory.write(self._name, whole, self._compression)
            return
        if not self._directory.may_write(self._name, box.starts[0] if box.starts else 0):
            self._directory.copy_file(self._name)
        self._directory.array(self._name).mapped("r+")[box.slices if box.starts else ...] = block

    def resize(self, shape: Shape) -> None:
        if shape[1:] != self.shape[1:] or not self._directory.lengthen(self._name, shape[0]):
            whole = resized(self._directory.array(self._name).read(), shape)
            self._directory.write(self._name, whole, self._compression)
        self.shape = shape

    def map(self) -> Array:
        npy = self._directory.array(self._name)
        if not self.in_parts or npy.nbytes < NATIVE_BYTES or self._directory.is_changed(self._name):
            return npy.read()
        return npy.mapped()


def remove(path: Path) -> None:
    """Remove a file, or the directory of a group with what the storage put into it; whatever else is there stays."""
    if not path.is_dir() or path.is_symlink():
        path.unlink(missing_ok=True)
    elif (path / GROUP_FILE).exists():
        group = Directory(path)
        named = [node["file"] for node in group.nodes.values() if type(node) is dict and "file" in node]
        for name in (*named, *group.groups.values(), *group.dropped, GROUP_FILE):
            remove(group.path / name)
        if not any(path.iterdir()):
            path.rmdir()


def directory_name(name: str) -> str:
    """The name of the directory or file for a group or node: percent-encoded where a file system would object."""
    text = _FORBIDDEN.sub(_percent, name)
    if text.upper().partition(".")[0] in _DEVICES or text.startswith(".") or _OURS.fullmatch(text):
        text = _percent(text[0]) + text[1:]
    if text[-1] in ". ":
        text = text[:-1] + _percent(text[-1])
    if text.casefold() == GROUP_FILE:
        text = _percent(text[0]) + text[1:]
    if len(text.encode()) > LONGEST_NAME:
        text = text[:20] + "~" + hashlib.sha256(name.encode()).hexdigest()[:16]
    return text


def _percent(found: re.Match[str] | str) -> str:
    text = found if isinstance(found, str) else found[0]
    return "".join(f"%{byte:02X}" for byte in text.encode())


_FORBIDDEN: Final = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*%]')
_DEVICES: Final = {"CON", "PRN", "AUX", "NUL", *(f"{port}{n}" for port in ("COM", "LPT") for n in range(1, 10))}
