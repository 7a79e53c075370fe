"""Columns of instances with ``__slots__``: one column for each slot, and for each attribute in a ``__dict__``.

A dataclass that is frozen and has slots says itself what its state is: the list of its fields.
"""

from __future__ import annotations

import copyreg
import dataclasses
from collections.abc import Iterable
from itertools import repeat
from operator import attrgetter
from typing import Any, Final, NamedTuple

from pyiron_storage.records.columns.column import decode_column, encode_columns, entry, expanded
from pyiron_storage.records.columns.kind import COLUMN_KINDS, ColumnKind, exhaust
from pyiron_storage.records.columns.kinds.reductions import FrozenAndSlotted, NewColumn
from pyiron_storage.records.columns.kinds.rows import DictColumn, InstanceColumn, Rows
from pyiron_storage.records.columns.outlines import Outline, Walk, fields
from pyiron_storage.records.decoder import Decoder
from pyiron_storage.records.document import Node, Record
from pyiron_storage.records.encoder import Encoder
from pyiron_storage.records.hooks import defined, defines, inherits, slot_names, slots_of
from pyiron_storage.records.rule import REGISTRY
from pyiron_storage.records.rules.instances import INSTANCES
from pyiron_storage.records.rules.objects import is_plain, type_number


class Slotted(NamedTuple):
    """Instances, taken apart: the names of their slots, the values in them, and the other attributes."""

    fields: list[str]
    cells: list[list[Any]]
    others: Rows


class SlottedColumn(ColumnKind):
    """``{"of":"slotted","type":n,"fields":[...],"columns":[...]}``, the slots first; ``keys`` of other attributes."""

    name = "slotted"

    def prepare(self, values: list[Any], held: int, encoder: Encoder) -> Slotted | None:
        if super().prepare(values, held, encoder) is None:
            return None
        slots = slot_names(type(values[0]))
        fields = list(slots_of(values[0]))
        unset = [name for name in slots if name not in fields]
        cells = cells_of(values, fields)
        if not cells or (unset and any(map(set(unset).intersection, map(slots_of, values)))):
            return None
        others = _INSTANCES.prepare_table(values) if defines(type(values[0]), "__dict__") else Rows(values, [{}], ())
        return None if others is None else Slotted(fields, cells, others)

    def encode(self, rows: Slotted, held: int, encoder: Encoder) -> dict[str, Node]:
        number = type_number(type(rows.others.values[0]), encoder)
        columns = encode_columns(zip(rows.fields, rows.cells, strict=True), encoder)
        keys = {"keys": list(rows.others.keys)} if rows.others.keys else {}
        columns += _DICTS.encode(rows.others, held, encoder)["columns"]
        return {"of": self.name, "type": number, "fields": rows.fields, **keys, "columns": columns}

    def decode(self, node: Node, decoder: Decoder) -> list[Any]:
        made = _INSTANCES.decode(_others(node), decoder)
        columns = [decode_column(column, decoder) for column in _of_slots(node)]
        if inherits(decoder.type(node["type"]), object, "__setattr__"):
            for name, values in zip(node["fields"], columns, strict=True):
                exhaust(map(setattr, made, repeat(name), values))
        else:  # as pickle does it: row by row, through the class's own method
            for obj, *row in zip(made, *columns, strict=True):
                for name, value in zip(node["fields"], row, strict=True):
                    setattr(obj, name, value)
        return made

    def expand(self, node: Node, record: Record) -> list[Node]:
        others: Iterable[Any] = (
            _INSTANCES.expand(_others(node), record) if "keys" in node else repeat({}, node["count"])
        )
        slots = zip(*[expanded(column, record) for column in _of_slots(node)], strict=True)
        return [_node(node, other.get("state"), row) for other, row in zip(others, slots, strict=True)]

    def entry(self, node: Node, index: int, record: Record) -> Node:
        other = _INSTANCES.entry(_others(node), index, record) if "keys" in node else {}
        return _node(node, other.get("state"), [entry(column, index, record) for column in _of_slots(node)])

    def outline(self, node: Node, walk: Walk) -> Outline:
        (row,) = walk.like_the_first(node).infos
        columns = [walk.outline(column, node["count"]) for column in node["columns"]]
        named = list(zip([*node["fields"], *node.get("keys", [])], columns, strict=True))
        slots = len(node["fields"])
        return fields(row, named[slots:] + named[:slots], node["count"])


def _of_slots(node: Node) -> list[Node]:
    columns: list[Node] = node["columns"]
    return columns[: len(node["fields"])]


def _others(node: Node) -> Node:
    """The column of the attributes that do not stand in slots."""
    return {**node, "keys": node.get("keys", []), "columns": node["columns"][len(node["fields"]) :]}


def _node(node: Node, state: Node, row: Iterable[Node]) -> Node:
    slots = dict(zip(node["fields"], row, strict=True))
    return {"$": "object", "type": node["type"], "state": state, "slots": slots}


class FrozenSlottedColumn(NewColumn):
    """``{"of":"new","type":n,"columns":[],"states":...}``, where the states are lists of fields."""

    def encode(self, rows: list[Any], held: int, encoder: Encoder) -> dict[str, Node] | None:
        names = [field.name for field in dataclasses.fields(rows[0])]
        cells = cells_of(rows, names)
        if not cells:
            return None
        number = type_number(type(rows[0]), encoder)
        columns = encode_columns(zip(names, cells, strict=True), encoder)
        states = {"$": "column", "count": len(rows), "of": "list", "columns": columns}
        return {"of": self.name, "type": number, "columns": [], "states": states}


def cells_of(rows: list[Any], names: list[str]) -> list[list[Any]]:
    """The attributes of these names of all rows; nothing where one lacks one."""
    try:
        return [list(map(attrgetter(name), rows)) for name in names]
    except AttributeError:
        return []


def _is_slotted(cls: Any, row: Any) -> bool:
    return (
        REGISTRY.find(cls) is INSTANCES
        and is_plain(cls, row)
        and not defines(cls, "__setstate__")
        and bool(slot_names(cls))
    )


def _is_frozen_and_slotted(cls: Any, row: Any) -> bool:
    return (
        defined(cls, "__getstate__") is FrozenAndSlotted.__getstate__
        and REGISTRY.find(cls) is INSTANCES
        and inherits(cls, object, "__reduce_ex__", "__reduce__", "__getattribute__")
        and cls not in copyreg.dispatch_table
        and not defines(cls, "__getnewargs__")
        and not defines(cls, "__getnewargs_ex__")
        and not issubclass(cls, (list, dict))
        and defines(cls, "__dataclass_fields__")
    )


_INSTANCES: Final = InstanceColumn()
_DICTS: Final = DictColumn()

COLUMN_KINDS.add(SlottedColumn(), predicate=_is_slotted)
COLUMN_KINDS.add(FrozenSlottedColumn(), predicate=_is_frozen_and_slotted)
