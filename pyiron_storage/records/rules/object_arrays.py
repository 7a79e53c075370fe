"""Arrays of many like objects, written as a column; they look and change as any array of objects."""

from __future__ import annotations

from typing import Final

import numpy as np

from pyiron_storage.arrays.native_array import Array
from pyiron_storage.errors import DamagedRecordError
from pyiron_storage.records.columns.column import column_kind, decode_column, encode_column, prepare_column
from pyiron_storage.records.columns.entries import ColumnParts, cell_place
from pyiron_storage.records.columns.kind import HELD_BY_LIST
from pyiron_storage.records.decoder import Decoder
from pyiron_storage.records.document import Node
from pyiron_storage.records.encoder import Encoder
from pyiron_storage.records.parts import Parts
from pyiron_storage.records.places import Place
from pyiron_storage.records.rule import REGISTRY
from pyiron_storage.records.rules.arrays import ArrayRule, in_order

FEWEST: Final = 64
"""Fewer objects than this are easier to read in the document."""


class LongArrayRule(ArrayRule):
    """An array; of objects that are many and alike with ``columns``, which has one column, in place of ``items``."""

    def fill_items(self, obj: Array, node: Node, encoder: Encoder) -> None:
        if obj.size >= FEWEST:
            objects = in_order(obj).tolist()
            prepared = prepare_column(objects, HELD_BY_LIST + 1, encoder)
            if prepared is not None:
                node["columns"] = [encode_column(objects, HELD_BY_LIST + 1, encoder, prepared)]
                return
        super().fill_items(obj, node, encoder)

    def is_value(self, node: Node) -> bool:
        return "columns" not in node and super().is_value(node)

    def parts(self, place: Place) -> Parts:
        return ObjectParts(place) if "columns" in place.node else super().parts(place)

    def count(self, node: Node, decoder: Decoder) -> int:
        if "columns" not in node:
            return super().count(node, decoder)
        column_kind(node["columns"][0], decoder.record)  # refuses a count that is none
        return int(node["columns"][0]["count"])

    def fill(self, shell: Array, node: Node, decoder: Decoder) -> None:
        if "columns" not in node:
            super().fill(shell, node, decoder)
            return
        objects = decode_column(node["columns"][0], decoder)
        if len(objects) != shell.size:
            raise DamagedRecordError(f"{decoder.record.place}: {len(objects)} objects are no array of {shell.shape}.")
        in_order(shell)[:] = np.fromiter(objects, object, len(objects))


class ObjectParts(ColumnParts):
    """The objects of an array that stand in a column; what is in them can be changed, they cannot be exchanged."""

    def __init__(self, place: Place) -> None:
        super().__init__(place.inner("columns").inner(0))
        self.fixed = True

    def at(self, index: int) -> Place:
        return cell_place(self.column, index)


REGISTRY.add(LongArrayRule(), np.ndarray)
