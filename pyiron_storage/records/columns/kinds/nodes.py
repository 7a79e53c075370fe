"""Columns of ordinary nodes, for what is not alike."""

from __future__ import annotations

from typing import Any

from pyiron_storage.records.columns.kind import COLUMN_KINDS, ColumnKind
from pyiron_storage.records.decoder import Decoder
from pyiron_storage.records.document import Node, Record
from pyiron_storage.records.parts import ArrayParts
from pyiron_storage.records.places import Place


class NodesColumn(ColumnKind):
    """``{"of":"nodes","items":[...]}``."""

    name = "nodes"

    def decode(self, node: Node, decoder: Decoder) -> list[Any]:
        return [decoder.decode(item) for item in decoder.array(node["items"])]

    def entries(self, node: Node, start: int, stop: int, record: Record) -> list[Node]:
        items = Place(record, 0, node, "items", 0)
        if stop - start == 1:
            return [ArrayParts(items).at(start).node]
        return list(Decoder(record).array(node["items"]))[start:stop]

    def put(self, column: Place, index: int, new: Node) -> bool:
        ArrayParts(column.inner("items")).at(index).put(new)
        return True


COLUMN_KINDS.add(NodesColumn())
