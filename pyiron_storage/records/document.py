"""The record of one stored object: its lines, its buffers, its arrays.

A `Record` is what `docs/format.md` describes: a JSON Lines document whose lines
refer to each other by number, one byte array ``buffers``, and native arrays.  It
parses a line when it is asked for, notes which lines changed, and writes itself
back; what the lines mean is the business of the rules.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, Protocol

import numpy as np
import orjson

from pyiron_storage.arrays.native_array import Box, NativeArray
from pyiron_storage.errors import DamagedRecordError, FormatVersionError
from pyiron_storage.provenance.authorship import now
from pyiron_storage.records.signing import SignedArray, Signing, around
from pyiron_storage.trusting.admission import HARMLESS_CALLS, is_harmless

Node = Any
"""A JSON value of the document: None, bool, int, float, str, list or dict."""

FORMAT: Final = 1
MAGIC: Final = b'{"pyiron_storage":'
HEADER: Final = 1
ROOT: Final = 2
LINE_BYTES: Final = 32_768
"""A line longer than this is split, so that a part is read without the rest."""
DEEPEST: Final = 40
"""Objects nested deeper than this stand on a line of their own."""
LEAST: Final = 8
"""Fewer things than this are written one by one, not as columns or tables."""
NATIVE_BYTES: Final = 65_536
"""An array of this size or larger becomes a native array of the back-end."""
REWRITTEN_BYTES: Final = 16 * 2**20
"""A native column of at most this size that was read is written anew, once, however many of its cells change."""
BUFFER_ALIGNMENT: Final = 16
SLICED_BYTES: Final = 2**20
"""Of buffers of this size or larger, a few pieces are read by themselves."""
PIECE_COST: Final = 65_536
"""What reading a piece by itself costs, in bytes that could be read in that time."""

_REFERENCE: Final = re.compile(rb'\{"\$":(\d+)\}')
_PARTS: Final = re.compile(rb'\{"\$":"parts","lines":\[((?:\[\d+,\d+\],?)*)\]\}')
_PART: Final = re.compile(rb"\[(\d+),\d+\]")
_NATIVE: Final = re.compile(rb'"native":"([^"]*)"')


_CALLED: Final = re.compile(rb'"\$":"(?:call|new)","function":|"setter":')


class RecordStore(Protocol):
    """Where a record lies: a group of a storage, seen as text, bytes and arrays."""

    place: str
    """File and path, for messages."""
    path: str
    """The path in the storage."""
    in_memory: bool
    """Whether what lies there ends with the process."""

    def read_text(self) -> bytes: ...
    def write_text(self, text: bytes) -> None: ...
    def read_buffers(self) -> np.ndarray[Any, Any]: ...
    def write_buffers(self, buffers: np.ndarray[Any, Any]) -> None: ...
    def open_buffers(self) -> NativeArray | None: ...
    def read_array(self, name: str) -> np.ndarray[Any, Any]: ...
    def open_array(self, name: str) -> NativeArray: ...
    def write_array(self, name: str, array: np.ndarray[Any, Any]) -> None: ...
    def delete_array(self, name: str) -> None: ...
    def list_arrays(self) -> list[str]: ...
    def read_signature(self) -> bytes | None: ...
    def write_signature(self, signature: bytes | None) -> None: ...


def reference(line: int) -> Node:
    """The node that stands for what is on another line."""
    return {"$": line}


def dump(node: Node) -> bytes:
    """One line of the document, without its line end."""
    return orjson.dumps(node)


class Record:
    """One stored object, as lines, buffers and arrays.

    Parameters
    ----------
    store
        Where the record lies; None for one that is being made.
    text
        What lies there as its document, where that was read already.
    """

    grows = False
    """Whether it may name more classes and functions than its header lists so far."""

    def __init__(self, store: RecordStore | None = None, text: bytes | None = None) -> None:
        self.store = store
        self.place = store.place if store else "the new object"
        self.path = store.path if store else ""
        self.signing = Signing(self)
        self.new_arrays: dict[str, np.ndarray[Any, Any]] = {}
        self.nodes: dict[int, Node] = {}
        """The nodes that were parsed and kept, by line."""
        self.opened: dict[int, Any] = {}
        """What stands in columns as ordinary nodes, to be looked at: by the id of the node, with the node."""
        self.line_ends: dict[int, tuple[Node, np.ndarray[Any, Any]]] = {}
        """Where the pieces of a column of text end: by the id of its node, with the node."""
        self._lines: list[bytes] = []
        self._changed: set[int] = set()
        self._free: list[int] = []
        self._text_changed = store is None
        self._buffers: bytearray | memoryview | None = None if store else bytearray()
        self._buffers_changed = False
        self._in_pieces = store is not None
        self._read_in_pieces = 0
        self._garbage = False
        self._type_numbers: dict[bytes, int] | None = None
        self._kept_arrays: dict[str, np.ndarray[Any, Any]] = {}
        self._rows_read: dict[str, int] = {}
        self._array_names: set[str] | None = None if store else set()
        self._array_counters: dict[str, int] = {}
        if store is None:
            self._lines = [b"", b""]
            self.replace(HEADER, {"pyiron_storage": FORMAT, "types": []})
        else:
            self._read(store.read_text() if text is None else text)

    # -- lines -------------------------------------------------------------

    def _read(self, text: bytes) -> None:
        if not text.startswith(MAGIC):
            raise DamagedRecordError(f"{self.place}: the record does not begin with {MAGIC.decode()!r}; it is damaged.")
        self._lines = text.split(b"\n")
        if self._lines[-1]:
            raise DamagedRecordError(f"{self.place}: the last line of the record is cut off.")
        self._lines.pop()
        header = self.node(HEADER)
        found = header["pyiron_storage"]
        if not isinstance(found, int) or found < 1 or not isinstance(header.get("types"), list):
            raise DamagedRecordError(f"{self.place}: the header of the record is damaged.")
        if found > FORMAT:
            raise FormatVersionError(
                f"{self.place}: the record is in format version {found}, and this release reads up to {FORMAT}. "
                "Load it with a later release of pyiron_storage."
            )
        if len(self._lines) < ROOT:
            raise DamagedRecordError(f"{self.place}: the record has a header and no root.")
        self._free = [number for number, line in enumerate(self._lines, 1) if not line]
        self.signing.open(text)

    def __len__(self) -> int:
        return len(self._lines)

    def raw(self, line: int) -> bytes:
        """The bytes of a line, without its line end."""
        if line in self._changed:
            self._lines[line - 1] = dump(self.nodes[line])
            self._changed.discard(line)
        try:
            text = self._lines[line - 1] if line > 0 else b""
        except IndexError:
            text = b""
        if not text:
            raise DamagedRecordError(f"{self.place}: line {line} of the record is referred to and missing.")
        return text

    def parse(self, line: int) -> Node:
        """The node on a line, as a fresh value that the caller may take apart."""
        try:
            return orjson.loads(self.raw(line))
        except orjson.JSONDecodeError as error:
            raise DamagedRecordError(f"{self.place}: line {line} of the record is not JSON: {error}.") from error

    def node(self, line: int) -> Node:
        """The node on a line, kept: what is changed in it and noted by `touch` is written back."""
        if line not in self.nodes:
            self.nodes[line] = self.parse(line)
        return self.nodes[line]

    def replace(self, line: int, node: Node) -> None:
        """Put another node on a line."""
        self.nodes[line] = node
        self.touch(line)

    def touch(self, line: int) -> None:
        """Note that the kept node of a line was changed."""
        self._changed.add(line)
        self._text_changed = True

    def new_line(self, node: Node) -> int:
        """Put a node on a line of its own and return the number of the line."""
        if self._free:
            line = self._free.pop()
        else:
            self._lines.append(b"")
            line = len(self._lines)
        self.replace(line, node)
        return line

    def write_line(self, line: int, text: bytes) -> None:
        """Put another node on a line, as JSON."""
        self._lines[line - 1] = text
        self.nodes.pop(line, None)
        self._changed.discard(line)
        self._text_changed = True

    def references(self, line: int) -> list[int]:
        """The lines that a line and its parts refer to, in their order."""
        texts = map(self.raw, [line, *self.parts(line)])
        return [int(number) for text in texts for number in _REFERENCE.findall(text)]

    def parts(self, line: int) -> list[int]:
        """The lines on which long lists and objects of this line go on, and on which those go on."""
        text = self.raw(line)
        return self._parts(text, (line,)) if b'{"$":"parts",' in text else []

    def _parts(self, text: bytes, above: tuple[int, ...]) -> list[int]:
        found = []
        for lines in _PARTS.findall(text):
            for part in map(int, _PART.findall(lines)):
                if part in above:
                    raise self.in_itself(part)
                inner = self.raw(part)
                found += [part, *(self._parts(inner, (*above, part)) if b'{"$":"parts",' in inner else ())]
        return found

    def in_itself(self, line: int) -> DamagedRecordError:
        """The error for a line that holds itself, or refers to itself, in a way no object can."""
        return DamagedRecordError(f"{self.place}: line {line} of the record holds itself in a way no object can.")

    @property
    def changed(self) -> bool:
        """Whether anything must be written."""
        written = self._text_changed or self._garbage or self._buffers_changed or bool(self.new_arrays)
        return written or self.signing.changed

    # -- header --------------------------------------------------------------

    @property
    def header(self) -> dict[str, Any]:
        header: dict[str, Any] = self.node(HEADER)
        return header

    def type_number(self, entry: dict[str, Any]) -> int:
        """The number of a class or function in the header's list of types, added where it is new."""
        if self._type_numbers is None:
            self._type_numbers = {dump(known): i for i, known in enumerate(self.header["types"])}
        key = dump(entry)
        if key not in self._type_numbers:
            self._type_numbers[key] = len(self.header["types"])
            self.header["types"].append(entry)
            self.touch(HEADER)
        return self._type_numbers[key]

    def type_entry(self, number: Any) -> dict[str, Any]:
        """The entry of a class or function in the header."""
        types = self.header["types"]
        if type(number) is not int or not 0 <= number < len(types):
            raise DamagedRecordError(f"{self.place}: the record names type {number!r} of {len(types)}.")
        entry: dict[str, Any] = types[number]
        return entry

    @property
    def names_code(self) -> bool:
        """Whether a class, function or code is named that is not known to be harmless, in what was written here.

        A type that is harmless as a value is not where it is called: then there are more uses of types than these.
        """
        types = self.header["types"]
        if not all(map(is_harmless, types)):
            return True
        if all(entry["name"] in HARMLESS_CALLS for entry in types):
            return False
        calls = [b'{"$":"call","type":%d,' % n for n, entry in enumerate(types) if entry["name"] in HARMLESS_CALLS]
        lines = [
            self.raw(line) for line in range(ROOT, len(self) + 1) if self._lines[line - 1] or line in self._changed
        ]
        uses = sum(line.count(b'"type":') for line in lines)
        harmless = sum(line.count(use) for use in (b'{"$":"import","type":', *calls) for line in lines)
        return uses != harmless or any(_CALLED.search(line) for line in lines)

    # -- bytes and arrays ------------------------------------------------------

    def add_bytes(self, data: bytes | memoryview) -> list[int]:
        """Append bytes to the buffers, aligned; return their offset and length in bytes."""
        buffers = self._writable_buffers()
        if self.signing.seal is not None:
            self.signing.touch(len(buffers), len(buffers) + 1, self._read_bytes)
        buffers.extend(bytes(-len(buffers) % BUFFER_ALIGNMENT))
        place = [len(buffers), len(data)]
        buffers.extend(data)
        self._buffers_changed = True
        return place

    def overwrite(self, holder: dict[str, Any], offset: int, data: bytes) -> None:
        """Put other bytes in the place of some that a node names, `offset` bytes behind their beginning."""
        if "native" in holder:
            self._overwrite_native(holder["native"], offset, data)
            return
        self.bytes_at(holder["at"])  # refuses what is not there
        self.put_bytes(holder["at"][0] + offset, data)

    def _overwrite_native(self, name: str, offset: int, data: bytes) -> None:
        kept = self._kept_arrays.get(name)
        if name in self.new_arrays or (kept is not None and kept.nbytes <= REWRITTEN_BYTES):
            array = self.new_arrays[name] = self.kept_array(name)
            array.reshape(-1).view(np.uint8)[offset : offset + len(data)] = np.frombuffer(data, np.uint8)
            return
        lying = self.open_array(name)
        row = lying.nbytes // lying.shape[0] if lying.shape and lying.shape[0] else 0
        if lying.in_parts and row and offset % row == len(data) % row == 0:
            count = (len(data) // row, *lying.shape[1:])
            box = Box.whole(count)._replace(starts=(offset // row, *(0,) * (len(count) - 1)))
            lying.write(box, np.frombuffer(data, lying.dtype).reshape(count))
        else:
            array = self.array(name)
            array.reshape(-1).view(np.uint8)[offset : offset + len(data)] = np.frombuffer(data, np.uint8)
            self.new_arrays[name] = array

    def _writable_buffers(self) -> bytearray:
        if not isinstance(self._buffers, bytearray):
            self._buffers = bytearray(self._all_bytes())
        return self._buffers

    def _all_bytes(self) -> bytearray | memoryview:
        if self._buffers is None:
            assert self.store is not None
            self._buffers = self.store.read_buffers().reshape(-1).view(np.uint8).data
            self.signing.check_size(len(self._buffers))
        return self._buffers

    def _read_bytes(self, start: int, stop: int) -> memoryview:
        """The buffers between two bytes as they are, not verified."""
        lying = self.store.open_buffers() if self._buffers is None and self.store is not None else None
        if lying is None or not lying.in_parts:
            return memoryview(self._all_bytes())[start:stop]
        return lying.read(Box((start,), (stop - start,), (1,))).data

    def _count_bytes(self) -> int:
        """How many bytes the buffers have."""
        lying = self.store.open_buffers() if self._buffers is None and self.store is not None else None
        return len(self._all_bytes()) if lying is None else lying.nbytes

    def bytes_at(self, at: Any) -> memoryview:
        """The bytes of the buffers at ``[offset, length]``."""
        offset, length = at if isinstance(at, list) and len(at) == 2 else (-1, -1)
        piece = self._piece(offset, length)
        if piece is not None:
            return piece
        view = memoryview(self._all_bytes())
        if type(offset) is not int or type(length) is not int or not 0 <= offset <= offset + length <= len(view):
            raise DamagedRecordError(f"{self.place}: bytes {at!r} are asked for of {len(view)} in the buffers.")
        self.signing.check(view, offset, offset + length)
        return view[offset : offset + length]

    def _piece(self, offset: Any, length: Any) -> memoryview | None:
        """Bytes that are read by themselves: where the buffers are long, and little of them was asked for so far."""
        if self._buffers is not None or not self._in_pieces or type(offset) is not int or type(length) is not int:
            return None
        buffers = self.store.open_buffers() if self.store is not None else None
        if buffers is None or not buffers.in_parts or buffers.nbytes < SLICED_BYTES or buffers.dtype != np.uint8:
            return None
        self._read_in_pieces += length + PIECE_COST
        if not 0 <= offset <= offset + length <= buffers.nbytes or self._read_in_pieces > buffers.nbytes // 4:
            return None
        if self.signing.seal is None:
            return buffers.read(Box((offset,), (length,), (1,))).data
        self.signing.check_size(buffers.nbytes)
        start, stop = around(offset, offset + length, buffers.nbytes)
        data = buffers.read(Box((start,), (stop - start,), (1,))).data
        self.signing.check(data, offset, offset + length, first=start, kept=False)
        return data[offset - start : offset - start + length]

    def expect_all(self) -> None:
        """Note that all of the record will be asked for, so that the buffers are best read at once."""
        self._in_pieces = False

    def put_bytes(self, offset: int, data: bytes | memoryview) -> None:
        """Put bytes in the place of as many others in the buffers; written at once, as part of the transaction."""
        at = slice(offset, offset + len(data))
        self.signing.touch(offset, offset + len(data), self._read_bytes)
        buffers = self.store.open_buffers() if self.store is not None and not self._buffers_changed else None
        if buffers is not None and buffers.in_parts:
            buffers.write(Box((offset,), (len(data),), (1,)), np.frombuffer(data, np.uint8))
        else:
            self._buffers_changed = True
        if self._buffers is not None or self._buffers_changed:
            self._writable_buffers()[at] = data

    def check_changeable(self) -> None:
        """Raise `ReadOnlyError` where nothing in the record can be changed."""

    def add_array(self, array: np.ndarray[Any, Any], hint: str) -> str:
        """Take a native array into the record under a name that begins with `hint`."""
        stem = re.sub(r"[^A-Za-z0-9_-]+", "_", hint)[:40].strip("_") or "array"
        if self._array_names is None:
            self._array_names = set(self.store.list_arrays() if self.store else ())
        counter = self._array_counters.get(stem, 0) + 1
        while (name := f"{stem}-{counter}") in self._array_names:
            counter += 1
        self._array_counters[stem] = counter
        self._array_names.add(name)
        self.new_arrays[name] = array
        return name

    def array(self, name: str) -> np.ndarray[Any, Any]:
        """A native array of the record, owned by the caller."""
        if name in self.new_arrays:
            return self.new_arrays[name].copy()
        if self.store is None:
            raise DamagedRecordError(f"{self.place}: array {name!r} is missing.")
        array = self.store.read_array(name)
        self.signing.check_array(name, array)
        return array

    def kept_array(self, name: str) -> np.ndarray[Any, Any]:
        """A native array of the record, read once and kept: for columns whose entries are looked at one by one."""
        if name in self.new_arrays:
            return self.new_arrays[name]
        if name not in self._kept_arrays:
            self._kept_arrays[name] = self.array(name)
        return self._kept_arrays[name]

    def kept_rows(self, name: str, start: int, stop: int) -> np.ndarray[Any, Any]:
        """Some rows of a native array: read by themselves, until so many were that the whole is better kept."""
        if self.store is not None and name not in self.new_arrays and name not in self._kept_arrays:
            lying = self.open_array(name)
            whole = Box.whole((max(0, min(stop, lying.shape[0]) - start), *lying.shape[1:]))
            cost = self._rows_read.get(name, 0) + whole.size * lying.dtype.itemsize + PIECE_COST
            self._rows_read[name] = cost
            if lying.in_parts and cost <= lying.nbytes // 4:
                read = lying.read_verified if isinstance(lying, SignedArray) else lying.read
                return read(whole._replace(starts=(start, *whole.starts[1:])))
        return self.kept_array(name)[start:stop]

    def map_array(self, name: str) -> np.ndarray[Any, Any]:
        """A native array of the record as a read-only memory map where that is possible, else as `array` gives it."""
        return self.array(name) if self.store is None or name in self.new_arrays else self.open_array(name).map()

    def rows(self, name: str, start: int, stop: int) -> bytes:
        """The bytes of some rows of a native array."""
        if self.store is None or name in self.new_arrays:
            return self.array(name)[start:stop].tobytes()
        lying = self.open_array(name)
        whole = Box.whole((stop - start, *lying.shape[1:]))
        read = lying.read_verified if isinstance(lying, SignedArray) else lying.read
        return read(whole._replace(starts=(start, *whole.starts[1:]))).tobytes()

    def open_array(self, name: str) -> NativeArray:
        """A native array of the record where it lies, to be read and changed in part."""
        assert self.store is not None
        self._kept_arrays.pop(name, None)
        if name in self.new_arrays:
            self.store.write_array(name, self.new_arrays.pop(name))
        return self.signing.begin_part(name, self.store.open_array(name))

    def copy(self) -> Record:
        """A record with the same content, to be written elsewhere; it keeps its signature."""
        copied = Record()
        copied._lines = self.text().split(b"\n")[:-1]
        copied.nodes, copied._changed, copied._free = {}, set(), list(self._free)
        copied._buffers = bytearray(self._all_bytes())
        copied._buffers_changed, copied._garbage = bool(copied._buffers), self._garbage
        names = {*self.new_arrays, *(self.store.list_arrays() if self.store is not None else ())}
        copied.new_arrays, copied._array_names = {name: self.array(name) for name in sorted(names)}, names
        copied.signing = self.signing.copy(copied)
        return copied

    # -- writing -------------------------------------------------------------

    def drop(self) -> None:
        """Note that something was taken out, so that what nobody refers to is given up on `flush`."""
        self._garbage = True

    def text(self) -> bytes:
        """The whole document."""
        for line in sorted(self._changed):
            self._lines[line - 1] = dump(self.nodes[line])
        self._changed.clear()
        return b"\n".join(self._lines) + b"\n"

    def flush(self, store: RecordStore | None = None) -> None:
        """Write what changed to where the record lies, or all of it to a new place."""
        if store is not None:
            self.store, self.place, self.path = store, store.place, store.path
        assert self.store is not None
        if self._garbage:
            self._collect_garbage()
        if store is None and self._text_changed and "metadata" in self.header:
            self.header["metadata"]["modified"] = now()
            self.touch(HEADER)
        text = self.text() if self._text_changed else None
        self.signing.renew(text, self._count_bytes, self._read_bytes, self.new_arrays)
        for name, array in self.new_arrays.items():
            self.store.write_array(name, array)
        self.new_arrays = {}
        if self._buffers_changed:
            self.store.write_buffers(np.frombuffer(self._writable_buffers(), np.uint8))
            self._buffers = None
            self._buffers_changed = False
        if text is not None:
            self.store.write_text(text)
            self._text_changed = False
        self.signing.write(moved=store is not None)

    def _collect_garbage(self) -> None:
        """Empty the lines that cannot be reached, delete their arrays, and close up the buffers."""
        live = self.reachable()
        for line in range(ROOT + 1, len(self) + 1):
            if line not in live and (self._lines[line - 1] or line in self._changed):
                self.nodes.pop(line, None)
                self._changed.discard(line)
                self._lines[line - 1] = b""
                self._text_changed = True
        while len(self._lines) > ROOT and not self._lines[-1] and len(self._lines) not in self._changed:
            self._lines.pop()
        self._free = [number for number, line in enumerate(self._lines, 1) if not line]
        named = {name.decode() for line in live for name in _NATIVE.findall(self.raw(line))}
        for name in set(self.new_arrays) - named:
            del self.new_arrays[name]
        if self.store:
            for name in set(self.store.list_arrays()) - named:
                self.store.delete_array(name)
                self._kept_arrays.pop(name, None)
        self._close_up_buffers(live)
        self._garbage = False

    def reachable(self) -> set[int]:
        """The lines that the header and the root lead to."""
        live, waiting = {HEADER}, [ROOT]
        while waiting:
            line = waiting.pop()
            if line not in live:
                live.update([line], self.parts(line))
                waiting.extend(self.references(line))
        return live

    def _close_up_buffers(self, live: set[int]) -> None:
        """Write the buffers anew without the bytes that nobody names, when these are more than half."""
        used = sum(self._lengths(live).values())
        if len(self._all_bytes()) <= 2 * used + 64 * BUFFER_ALIGNMENT:
            return
        self.signing.check(memoryview(self._all_bytes()), 0, len(self._all_bytes()))
        self.signing.forget_buffers()
        old, self._buffers = memoryview(bytes(self._all_bytes())), bytearray()
        self._buffers_changed = True
        for line in live:
            node = self.node(line)
            for holder in byte_holders(node):
                offset, length = holder["at"]
                holder["at"] = self.add_bytes(old[offset : offset + length])
                self.touch(line)

    def _lengths(self, live: set[int]) -> dict[tuple[int, int], int]:
        holders = (holder for line in live if b'"at":[' in self.raw(line) for holder in byte_holders(self.parse(line)))
        return {(holder["at"][0], holder["at"][1]): holder["at"][1] for holder in holders}


def byte_holders(node: Node) -> Iterator[dict[str, Any]]:
    """Every node below `node`, itself included, that names bytes of the buffers."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        if type(node) is dict:
            if "$" in node and type(node.get("at")) is list:
                yield node
            waiting.extend(node.values())
        elif type(node) is list:
            waiting.extend(node)
