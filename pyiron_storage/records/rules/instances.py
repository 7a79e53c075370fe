"""Rules for instances whose state is their attributes, and for the tables in which shared ones stand.

``table`` is a line that holds rows, ``row`` stands for one of them.
"""

from __future__ import annotations

from typing import Any, Final

from pyiron_storage.errors import DamagedRecordError
from pyiron_storage.records.columns.column import Prepared, column_kind, encode_column, expanded
from pyiron_storage.records.columns.kind import COLUMN_KINDS
from pyiron_storage.records.decoder import Decoder
from pyiron_storage.records.document import Node
from pyiron_storage.records.encoder import Encoder
from pyiron_storage.records.hooks import defines, slot_names
from pyiron_storage.records.rule import REGISTRY, Rule
from pyiron_storage.records.rules.objects import ObjectRule, is_plain
from pyiron_storage.records.tables import RowsRule, look_for_tables


class InstanceRule(ObjectRule):
    """``object``, ``new`` or ``call``; or a ``row`` where the instance is one of a table."""

    def encode(self, obj: Any, encoder: Encoder) -> Node:
        if id(obj) not in encoder.rows:
            look_for_tables([obj], TABLE, encoder)
        number = encoder.rows.get(id(obj))
        return encoder.once(obj, self) if number is None else encoder.row(number)


class TableRule(RowsRule):
    """``{"$":"table","columns":[column]}``: rows that are referred to by number; ``items`` where they were changed."""

    name = "table"
    kind = "list"

    def takes(self, cls: type, obj: Any) -> bool:
        return is_row_class(cls, obj) and not defines(cls, "__setstate__")

    def fill_node(self, rows: list[Any], node: Node, encoder: Encoder) -> None:
        kind = COLUMN_KINDS.by_name["object"]
        prepared = Prepared(kind, kind.prepare_table(rows))
        node["columns"] = [encode_column(rows, 0, encoder, prepared)]

    def shell(self, node: Node, decoder: Decoder) -> list[Any]:
        rows = _one_by_one(node, decoder)
        if rows is not None:
            return [decoder.shell(row) for row in rows]
        (column,) = node["columns"]
        return column_kind(column, decoder.record).shells(column, decoder)

    def fill(self, shell: list[Any], node: Node, decoder: Decoder) -> None:
        rows = _one_by_one(node, decoder)
        if rows is not None:
            for made, row in zip(shell, rows, strict=True):
                decoder.fill(made, row)
        else:
            (column,) = node["columns"]
            column_kind(column, decoder.record).fill(shell, column, decoder)


def _one_by_one(node: Node, decoder: Decoder) -> list[Node] | None:
    """The nodes of rows that do not stand in a column, or whose class is missing."""
    if "items" in node:
        return decoder.array(node["items"])
    (column,) = node["columns"]
    is_missing = decoder.stand_ins is not None and decoder.stand_ins.lacks(column)
    return expanded(column, decoder.record) if is_missing else None


class RowRule(Rule):
    """``{"$":"row","table":{"$":line},"row":n}``."""

    name = "row"

    def decode(self, node: Node, decoder: Decoder) -> Any:
        table, row = decoder.decode(node["table"]), node["row"]
        if type(table) is not list or type(row) is not int or not 0 <= row < len(table):
            raise DamagedRecordError(f"{decoder.record.place}: there is no row {row!r} in a table of the record.")
        return table[row]


def is_row_class(cls: type, obj: Any) -> bool:
    """Whether instances of a class are their ``__dict__`` and nothing else, and no rule of their own stores them."""
    return REGISTRY.find(cls) is INSTANCES and is_plain(cls, obj) and not slot_names(cls) and defines(cls, "__dict__")


INSTANCES: Final = InstanceRule()
TABLE: Final = TableRule()
REGISTRY.add_fallback(INSTANCES)
REGISTRY.add(TABLE)
REGISTRY.add(RowRule())
