"""The record of one stored object: its header and lines, with its buffers and arrays.

A `Record` is what `docs/format.md` describes: a JSON Lines document whose lines
refer to each other by number, one byte array ``buffers``, and native arrays (see
`contents`).  It parses a line when it is asked for, notes which lines changed, and
writes itself back; what the lines mean is the business of the rules.
"""

from __future__ import annotations

import re
from typing import Any, Final

import numpy as np
import orjson

from pyiron_storage.errors import DamagedRecordError, FormatVersionError
from pyiron_storage.progress import WRITTEN, expect
from pyiron_storage.provenance.authorship import now
from pyiron_storage.records.contents import Contents
from pyiron_storage.records.garbage import collect
from pyiron_storage.records.record_store import RecordStore
from pyiron_storage.records.signing import Signing
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

_REFERENCE: Final = re.compile(rb'\{"\$":(\d+)\}')
_PARTS: Final = re.compile(rb'\{"\$":"parts","lines":\[((?:\[\d+,\d+\],?)*)\]\}')
_PART: Final = re.compile(rb"\[(\d+),\d+\]")
_CALLED: Final = re.compile(rb'"\$":"(?:call|new)","function":|"setter":')


def reference(line: int) -> Node:
    """The node that stands for what is on another line."""
    return {"$": line}


def dump(node: Node) -> bytes:
    """One line of the document, without its line end."""
    return orjson.dumps(node)


class Record(Contents):
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
        super().__init__(store, store.place if store else "the new object")
        self.path = store.path if store else ""
        self.signing = Signing(self)
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
        self._garbage = False
        self._type_numbers: dict[bytes, int] | None = None
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
        self._check_header(self.node(HEADER))
        if len(self._lines) < ROOT:
            raise DamagedRecordError(f"{self.place}: the record has a header and no root.")
        self._free = [number for number, line in enumerate(self._lines, 1) if not line]
        self.signing.open(text)

    def _check_header(self, header: Node) -> None:
        found = header["pyiron_storage"]
        if not isinstance(found, int) or found < 1 or not isinstance(header.get("types"), list):
            raise DamagedRecordError(f"{self.place}: the header of the record is damaged.")
        if found > FORMAT:
            raise FormatVersionError(
                f"{self.place}: the record is in format version {found}, and this release reads up to {FORMAT}. "
                "Load it with a later release of pyiron_storage."
            )

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

    def check_changeable(self) -> None:
        """Raise `ReadOnlyError` where nothing in the record can be changed."""

    @property
    def changed(self) -> bool:
        """Whether anything must be written."""
        return self._text_changed or self._garbage or self.contents_changed or self.signing.changed

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

    def new_type(self, entry: dict[str, Any]) -> int:
        """Add an entry to the header's list of types that is still going to be filled, and return its number."""
        self.header["types"].append(entry)
        self._type_numbers = None
        self.touch(HEADER)
        return len(self.header["types"]) - 1

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

    # -- writing -------------------------------------------------------------

    def copy(self) -> Record:
        """A record with the same content, to be written elsewhere; it keeps its signature."""
        copied = Record()
        copied._lines = self.text().split(b"\n")[:-1]
        copied.nodes, copied._changed, copied._free = {}, set(), list(self._free)
        copied._garbage = self._garbage
        copied.copy_contents(self)
        copied.signing = self.signing.copy(copied)
        return copied

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
            collect(self)
            self._garbage = False
        if store is None and self._text_changed and "metadata" in self.header:
            self.header["metadata"]["modified"] = now()
            self.touch(HEADER)
        text = self.text() if self._text_changed else None
        self.signing.renew(text, self._count_bytes, self._read_bytes, self.new_arrays)
        self._expect_writing(0 if text is None else len(text))
        self.write_contents(self.store)
        if text is not None:
            self.store.write_text(text)
            self._text_changed = False
        self.signing.write(moved=store is not None)

    def _expect_writing(self, rest: int) -> None:
        """Let who wants to know count what is to be written, with so many bytes beside arrays and buffers."""
        arrays = self.new_arrays
        if self._buffers_changed:
            rest += len(self._all_bytes())
        expect(WRITTEN, lambda: rest + sum(array.nbytes for array in arrays.values()))

    def keep_lines(self, live: set[int]) -> None:
        """Empty the lines that are not among the `live` ones, and take those at the end away."""
        for line in range(ROOT + 1, len(self) + 1):
            if line not in live and (self._lines[line - 1] or line in self._changed):
                self.nodes.pop(line, None)
                self._changed.discard(line)
                self._lines[line - 1] = b""
                self._text_changed = True
        while len(self._lines) > ROOT and not self._lines[-1] and len(self._lines) not in self._changed:
            self._lines.pop()
        self._free = [number for number, line in enumerate(self._lines, 1) if not line]

    def _code_lines(self) -> list[int]:
        """The lines with code that is kept by value, which the header refers to."""
        codes = [
            entry["code"] for entry in self.header["types"] if type(entry) is dict and type(entry.get("code")) is dict
        ]
        return [code["$"] for code in codes if type(code.get("$")) is int]

    def reachable(self) -> set[int]:
        """The lines that the header and the root lead to."""
        live, waiting = {HEADER}, [ROOT, *self._code_lines()]
        while waiting:
            line = waiting.pop()
            if line not in live:
                live.update([line], self.parts(line))
                waiting.extend(self.references(line))
        return live
