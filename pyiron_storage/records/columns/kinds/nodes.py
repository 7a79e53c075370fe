"""Columns of ordinary nodes, for what is not alike."""

from __future__ import annotations

from typing import Any

import orjson

from pyiron_storage.records.columns.kind import COLUMN_KINDS, ColumnKind
from pyiron_storage.records.decoder import Decoder
from pyiron_storage.records.document import Node, Record, dump
from pyiron_storage.records.parts import ArrayParts
from pyiron_storage.records.places import Place


class NodesColumn(ColumnKind):
    """``{"of":"nodes","items":[...]}``."""

    name = "nodes"

    def decode(self, node: Node, decoder: Decoder) -> list[Any]:
        return [decoder.decode(item) for item in decoder.array(node["items"])]

    def entries(self, node: Node, start: int, stop: int, record: Record) -> list[Node]:
        """Copies: what is changed in one is compared to what stands here when it is put back."""
        parts = ArrayParts(Place(record, 0, node, "items", 0))
        return [orjson.loads(dump(parts.at(index).node)) for index in range(start, stop)]

    def expand(self, node: Node, record: Record) -> list[Node]:
        return list(Decoder(record).array(node["items"]))

    def put(self, column: Place, index: int, new: Node) -> bool:
        ArrayParts(column.inner("items")).at(index).put(new)
        return True


COLUMN_KINDS.add(NodesColumn())
