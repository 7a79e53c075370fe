"""Columns of ordinary nodes, for what is not alike."""

from __future__ import annotations

from typing import Any

from pyiron_storage.records.columns.kind import COLUMN_KINDS, ColumnKind
from pyiron_storage.records.decoder import Decoder
from pyiron_storage.records.document import Node, Record


class NodesColumn(ColumnKind):
    """``{"of":"nodes","items":[...]}``."""

    name = "nodes"

    def decode(self, node: Node, decoder: Decoder) -> list[Any]:
        return [decoder.decode(item) for item in decoder.array(node["items"])]

    def expand(self, node: Node, record: Record) -> list[Node]:
        return list(Decoder(record).array(node["items"]))


COLUMN_KINDS.add(NodesColumn())
