"""Columns of text as libraries of tables hold it: UTF-8 without anything between the pieces, and the bytes of each.

Such a column is taken from their memory and put into it without a Python string for
each entry.  A list of Python's own text is a column of `text`, see there.
"""

from __future__ import annotations

import io
from typing import Any, Final, NamedTuple

import numpy as np

from pyiron_storage.arrays.native_array import Array
from pyiron_storage.errors import DamagedRecordError
from pyiron_storage.records.columns.column import decode_lengths, lengths_before
from pyiron_storage.records.columns.kind import COLUMN_KINDS, ColumnKind
from pyiron_storage.records.columns.kinds.numbers import column_bytes, stored_bytes, stored_integers
from pyiron_storage.records.columns.outlines import Alike, Outline, Walk
from pyiron_storage.records.decoder import Decoder
from pyiron_storage.records.document import Node, Record
from pyiron_storage.records.dtypes import read_dtype
from pyiron_storage.records.encoder import Encoder
from pyiron_storage.records.navigate import text_info
from pyiron_storage.records.places import Place
from pyiron_storage.records.rule import REGISTRY, Rule

FEWEST: Final = 64
"""Fewer texts are easier to read in the document, as a list."""


class Texts(NamedTuple):
    """Many texts in one piece of memory.

    Attributes
    ----------
    data : numpy.ndarray
        The texts one after the other in UTF-8, as bytes.
    lengths : numpy.ndarray
        How many bytes each of them has, as integers.
    """

    data: Array
    lengths: Array

    def listed(self) -> list[str]:
        """The texts, one by one."""
        return _pieces(str(self.data.data, "utf-8"), self.data, self.lengths)


def joined(texts: list[str]) -> Texts | None:
    """Put texts of Python into one piece of memory; None where one is no valid Unicode."""
    try:
        data = np.frombuffer("\n".join(texts).encode(), np.uint8)
        ends = np.flatnonzero(data == _LINE_END)
        if len(ends) == len(texts) - 1:  # finding the line ends takes half the time of asking each text
            lengths = np.diff(ends, prepend=-1, append=len(data)) - 1
            return Texts(data[data != _LINE_END], lengths)
        pieces = list(map(str.encode, texts))
    except UnicodeEncodeError:
        return None
    return Texts(np.frombuffer(b"".join(pieces), np.uint8), np.fromiter(map(len, pieces), np.int64, len(pieces)))


_LINE_END: Final = ord("\n")


class TextsRule(Rule):
    """Writes the column of texts that are in one piece of memory; a short one as a list. Reading has no part in it."""

    name = "texts"

    def encode(self, obj: Texts, encoder: Encoder) -> Node:
        if len(obj.lengths) < FEWEST:
            return encoder.encode(obj.listed())
        lengths = stored_integers(obj.lengths, encoder)
        data = stored_bytes(np.ascontiguousarray(obj.data), encoder)
        return {"$": "column", "count": len(obj.lengths), "of": "utf8", "lengths": lengths, **data}


class Utf8Column(ColumnKind):
    """``{"of":"utf8","lengths":...,"at":...}`` or ``native``: texts one after the other, and the bytes of each."""

    name = "utf8"
    has_identity = False

    def decode(self, node: Node, decoder: Decoder) -> list[str]:
        return texts_of(node, decoder).listed()

    def entries(self, node: Node, start: int, stop: int, record: Record) -> list[Node]:
        lengths = np.array(lengths_before(node["lengths"], stop, record), np.int64)
        ends = np.cumsum(lengths)
        begin = int(ends[start - 1]) if start else 0
        data = column_bytes(node, record, keep=True)[begin : int(ends[-1]) if stop else 0]
        return list(_pieces(str(data, "utf-8"), np.frombuffer(data, np.uint8), lengths[start:]))

    def outline(self, node: Node, walk: Walk) -> Outline | None:
        lengths = decode_lengths(node["lengths"], node["count"], Decoder(walk.record))
        return Alike([""], [list(map(text_info, lengths))], node["count"])

    def put(self, column: Place, index: int, new: Node) -> bool:
        node, record = column.node, column.record
        lengths = lengths_before(node["lengths"], index + 1, record)
        if type(new) is not str or len(new.encode()) != lengths[index]:
            return False
        record.overwrite(node, sum(lengths[:index]), new.encode())
        return True


def texts_of(node: Node, decoder: Decoder) -> Texts:
    """Return the texts of a column in one piece of memory, of which every part was looked at: it may be handed on.

    Raises
    ------
    DamagedRecordError
        If they are no texts in UTF-8, or their lengths are not those of the bytes.
    """
    data = np.frombuffer(_lying(node, decoder), np.uint8)
    lengths = _lengths(node, decoder)
    fits = len(lengths) == node["count"] and int(lengths.min(initial=0)) >= 0 and int(lengths.sum()) == len(data)
    if not fits or not _are_texts(data, lengths):
        raise DamagedRecordError(f"{decoder.record.place}: a column of {node['count']} texts is not in its bytes.")
    return Texts(data, lengths)


def _lying(node: Node, decoder: Decoder) -> Any:
    """The bytes of a column, of their own memory or mapped."""
    if "native" in node:
        mapped = decoder.record.map_array(node["native"]) if decoder.mmap else decoder.record.array(node["native"])
        return mapped.reshape(-1).view(np.uint8).data
    return bytes(column_bytes(node, decoder.record))  # else all of the buffers would live as long


def _lengths(node: Node, decoder: Decoder) -> Array:
    lengths, record = node["lengths"], decoder.record
    if type(lengths) is int:
        return np.full(node["count"], lengths, np.int64)
    if type(lengths) is dict and lengths.get("of") == "number":
        return np.frombuffer(column_bytes(lengths, record), read_dtype(lengths["dtype"], record.place)).astype(np.int64)
    return np.array(decode_lengths(lengths, node["count"], decoder), np.int64)


def _are_texts(data: Array, lengths: Array) -> bool:
    """Whether bytes are UTF-8 and no text begins in the middle of a character."""
    try:
        if str(data.data, "utf-8").isascii():
            return True
    except UnicodeDecodeError:
        return False
    starts = np.cumsum(lengths)[:-1]
    return not bool(_continues(data[starts[starts < len(data)]]).any())


def _continues(data: Array) -> Array:
    """Of each byte of UTF-8, whether it belongs to the character before it."""
    found: Array = (data & 0xC0) == 0x80
    return found


def _pieces(text: str, data: Array, lengths: Array) -> list[str]:
    """Cut a text into pieces of which the bytes are known."""
    if len(lengths) and "\n" not in text:  # splitting at line ends is faster than anything that knows the lengths
        return str(_between_line_ends(data, lengths).data, "utf-8").split("\n")
    if len(text) != len(data):
        characters = np.cumsum(np.concatenate(([False], ~_continues(data))))
        lengths = np.diff(characters[np.cumsum(lengths)], prepend=0)
    return list(map(io.StringIO(text, newline="").read, lengths.tolist()))


def _between_line_ends(data: Array, lengths: Array) -> Array:
    """The bytes of pieces with line ends between them."""
    whole = np.full(len(data) + len(lengths), _LINE_END, np.uint8)
    is_text = np.ones(len(whole), np.bool_)
    is_text[np.cumsum(lengths) + np.arange(len(lengths))] = False
    whole[is_text] = data
    return whole[:-1]


COLUMN_KINDS.add(Utf8Column())
REGISTRY.add(TextsRule(), Texts)
