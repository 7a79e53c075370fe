"""Columns of sets: one column with the members of all, and how many each has."""

from __future__ import annotations

from itertools import chain
from typing import Any

from pyiron_storage.records.columns.column import encode_column, encode_lengths
from pyiron_storage.records.columns.kind import COLUMN_KINDS, HELD_BY_LIST
from pyiron_storage.records.columns.kinds.sequences import SequenceColumn, row_and_entry
from pyiron_storage.records.document import Node
from pyiron_storage.records.encoder import Encoder, Refusal


class SetColumn(SequenceColumn):
    """``{"of":"set","lengths":...,"flat":...}``, and ``frozenset`` the same."""

    def encode(self, rows: list[Any], held: int, encoder: Encoder) -> dict[str, Node]:
        lengths = list(map(len, rows))
        try:
            flat = encode_column(list(chain.from_iterable(rows)), HELD_BY_LIST + 1, encoder)
        except Refusal as refusal:
            refusal.parts[-1:] = row_and_entry(int(refusal.parts[-1]), lengths)
            raise
        return {"of": self.name, "lengths": encode_lengths(lengths, encoder), "flat": flat}


COLUMN_KINDS.add(SetColumn(set), set)
COLUMN_KINDS.add(SetColumn(frozenset), frozenset)
