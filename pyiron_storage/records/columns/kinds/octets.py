"""Columns of bytes: one after the other in the buffers, and how long each is."""

from __future__ import annotations

from itertools import accumulate, pairwise
from operator import countOf
from typing import Any

from pyiron_storage.records.columns.column import decode_lengths, encode_lengths
from pyiron_storage.records.columns.kind import COLUMN_KINDS, ColumnKind, count_alone
from pyiron_storage.records.decoder import Decoder
from pyiron_storage.records.document import Node, Record
from pyiron_storage.records.encoder import Encoder


class BytesColumn(ColumnKind):
    """``{"of":"bytes","lengths":...,"at":...}``, and ``bytearray`` the same."""

    def __init__(self, make: type[bytes] | type[bytearray]) -> None:
        self.name = make.__name__
        self._make = make

    def prepare(self, values: list[Any], held: int, encoder: Encoder) -> list[Any] | None:
        if countOf(map(type, values), self._make) != len(values):
            return None
        if self._make is bytearray or b"" not in values:
            return values if super().prepare(values, held, encoder) is not None else None
        longer = list(filter(None, values))  # there is only one b""
        return values if count_alone(longer, held + 1) == len(longer) else None

    def encode(self, values: list[Any], held: int, encoder: Encoder) -> dict[str, Node] | None:
        lengths = encode_lengths(list(map(len, values)), encoder)
        return {"of": self.name, "lengths": lengths, "at": encoder.record.add_bytes(b"".join(values))}

    def decode(self, node: Node, decoder: Decoder) -> list[Any]:
        written = bytes(decoder.record.bytes_at(node["at"]))
        pieces = [written[start:end] for start, end in self._pieces(node, decoder)]
        return pieces if self._make is bytes else list(map(bytearray, pieces))

    def _pieces(self, node: Node, decoder: Decoder) -> Any:
        return pairwise(accumulate(decode_lengths(node["lengths"], node["count"], decoder), initial=0))

    def expand(self, node: Node, record: Record) -> list[Node]:
        first = node["at"][0]
        pieces = self._pieces(node, Decoder(record))
        return [{"$": self.name, "at": [first + start, end - start]} for start, end in pieces]


COLUMN_KINDS.add(BytesColumn(bytes), bytes)
COLUMN_KINDS.add(BytesColumn(bytearray), bytearray)
