"""Columns of text: one text, and where its pieces end."""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import Any, Final

import numpy as np

from pyiron_storage.arrays.native_array import Array
from pyiron_storage.errors import DamagedRecordError
from pyiron_storage.records.columns.column import decode_lengths, encode_lengths, lengths_before
from pyiron_storage.records.columns.kind import COLUMN_KINDS, ColumnKind
from pyiron_storage.records.columns.kinds.numbers import column_bytes, constant, stored_bytes
from pyiron_storage.records.columns.kinds.shared import encode_repeated_texts
from pyiron_storage.records.columns.outlines import Alike, Outline, Walk
from pyiron_storage.records.decoder import Decoder
from pyiron_storage.records.document import Node, Record
from pyiron_storage.records.encoder import Encoder
from pyiron_storage.records.navigate import text_info
from pyiron_storage.records.places import Place

LONGEST_CONSTANT: Final = 200


class TextColumn(ColumnKind):
    """``{"of":"text","at":...}`` or ``native``: pieces between line ends; with ``lengths`` where one has a line end."""

    name = "text"
    has_identity = False

    def prepare(self, values: list[Any], held: int, encoder: Encoder) -> tuple[list[str], bytes] | None:
        """The values, and all of them joined by line ends; None where one is no valid Unicode."""
        if super().prepare(values, held, encoder) is None:
            return None
        try:
            return values, "\n".join(values).encode()
        except UnicodeEncodeError:
            return None

    def encode(self, prepared: tuple[list[str], bytes], held: int, encoder: Encoder) -> dict[str, Node]:
        values, joined = prepared
        first = values[0]
        if first == values[-1] and len(first) < LONGEST_CONSTANT and values.count(first) == len(values):
            return constant(first)
        coded = encode_repeated_texts(values, encoder)
        if coded is not None:
            return coded
        node: dict[str, Node] = {"of": "text"}
        if joined.count(b"\n") != len(values) - 1:
            joined = "".join(values).encode()
            node["lengths"] = encode_lengths(list(map(len, values)), encoder)
        return node | stored_bytes(np.frombuffer(joined, np.uint8), encoder)

    def decode(self, node: Node, decoder: Decoder) -> list[str]:
        text = str(column_bytes(node, decoder.record), "utf-8")
        if "lengths" not in node:
            return text.split("\n")
        pieces, start = [], 0
        for length in decode_lengths(node["lengths"], node["count"], decoder):
            pieces.append(text[start : start + length])
            start += length
        return pieces

    def entries(self, node: Node, start: int, stop: int, record: Record) -> list[Node]:
        if "lengths" in node:
            return _by_lengths(node, start, stop, record)
        data = column_bytes(node, record, keep=True)
        begin, end = _where(node, start, stop, record)
        return list(str(data[begin:end], "utf-8").split("\n")) if stop > start else []

    def outline(self, node: Node, walk: Walk) -> Outline | None:
        if "lengths" in node:
            return None
        sizes = np.diff(_line_ends(node, walk.record)) - 1
        if len(sizes) != node["count"]:
            raise DamagedRecordError(f"{walk.record.place}: a column of {node['count']} texts has {len(sizes)}.")
        return Alike([""], [list(map(text_info, sizes.tolist()))], node["count"])

    def index(self, node: Node, wanted: Node, record: Record) -> int:
        if "lengths" in node or type(wanted) is not str or "\n" in wanted:
            return super().index(node, wanted, record)
        data = bytes(column_bytes(node, record, keep=True))
        found = (b"\n" + data + b"\n").find(b"\n" + wanted.encode() + b"\n")
        if found < 0:
            raise KeyError(wanted)
        return data.count(b"\n", 0, found)

    def put(self, column: Place, index: int, new: Node) -> bool:
        node, record = column.node, column.record
        if type(new) is not str or "lengths" in node or "\n" in new:
            return False
        begin, end = _where(node, index, index + 1, record)
        data = new.encode()
        if len(data) != end - begin:
            return False
        record.overwrite(node, begin, data)
        return True


def _by_lengths(node: Node, start: int, stop: int, record: Record) -> list[Node]:
    """Texts of which the numbers of characters are known; those behind them are not decoded."""
    lengths = lengths_before(node["lengths"], stop, record)
    data = column_bytes(node, record, keep=True)
    text = str(data[: LONGEST_CHARACTER * sum(lengths)], "utf-8", "ignore")  # what is cut off is not asked for
    ends = list(accumulate(lengths, initial=0))
    return [text[begin:end] for begin, end in pairwise(ends[start:])]


LONGEST_CHARACTER: Final = 4
"""Bytes of a character in UTF-8 at most."""


def _where(node: Node, start: int, stop: int, record: Record) -> tuple[int, int]:
    """The offsets in bytes at which entry `start` begins and the entry before `stop` ends."""
    ends = _line_ends(node, record)
    return int(ends[start]) + 1, int(ends[stop])


def _line_ends(node: Node, record: Record) -> Array:
    """The offsets of all line ends, one before the first text and one behind the last; kept."""
    known = record.line_ends.get(id(node))
    if known is None:
        data = np.frombuffer(column_bytes(node, record, keep=True), np.uint8)
        ends = np.concatenate(([-1], np.flatnonzero(data == _LINE_END), [len(data)]))
        known = record.line_ends[id(node)] = node, ends
    return known[1]


_LINE_END: Final = ord("\n")
COLUMN_KINDS.add(TextColumn(), str)
