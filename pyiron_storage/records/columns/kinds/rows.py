"""Columns of rows: of dicts with the same keys, and of instances of one class with the same attributes."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterable, Iterator
from itertools import repeat
from operator import attrgetter, countOf, itemgetter, setitem
from typing import Any, Final, NamedTuple

from pyiron_storage.records.columns.column import Prepared, column_kind, decode_column, encode_columns
from pyiron_storage.records.columns.entries import put_cell
from pyiron_storage.records.columns.kind import COLUMN_KINDS, ColumnKind, count_holders, exhaust
from pyiron_storage.records.columns.outlines import Outline, Walk, fields
from pyiron_storage.records.damage import call
from pyiron_storage.records.decoder import Decoder
from pyiron_storage.records.document import LEAST, Node, Record, dump
from pyiron_storage.records.encoder import Encoder
from pyiron_storage.records.hooks import defined, defines, inherits
from pyiron_storage.records.navigate import NodeInfo, container_info
from pyiron_storage.records.places import Place
from pyiron_storage.records.rules.instances import is_row_class
from pyiron_storage.records.rules.objects import set_state, type_number
from pyiron_storage.records.rules.values import are_text, have_str_keys, have_text_keys

MOST_IN_DISPLAY: Final = 100


class Rows(NamedTuple):
    """Rows that have the same keys in the same order."""

    values: list[Any]
    states: list[dict[str, Any]]
    keys: tuple[str, ...]


def as_rows(values: list[Any], states: list[dict[Any, Any]]) -> Rows | None:
    """Values whose states are dicts with the same keys, all of them text; None where they are not."""
    keys = tuple(states[0])
    return Rows(values, states, keys) if have_text_keys(states, keys) else None


def prepare_like_dicts(values: list[Any], keys: tuple[Any, ...], held: int) -> Prepared | None:
    """The column of dicts whose keys are equal; None where it is not known that it is one."""
    alone = len(values) >= LEAST and countOf(count_holders(values), held) == len(values)
    return Prepared(DICTS, Rows(values, values, keys)) if alone and are_text(keys) and have_str_keys(values) else None


class DictColumn(ColumnKind):
    """``{"of":"dict","keys":[...],"columns":[...]}``: one column for each key."""

    name = "dict"

    def prepare(self, values: list[Any], held: int, encoder: Encoder) -> Rows | None:
        return None if super().prepare(values, held, encoder) is None else as_rows(values, values)

    def encode(self, rows: Rows, held: int, encoder: Encoder) -> dict[str, Node]:
        cells = ((key, list(map(itemgetter(key), rows.states))) for key in rows.keys)
        return {"of": "dict", "keys": list(rows.keys), "columns": encode_columns(cells, encoder)}

    def decode(self, node: Node, decoder: Decoder) -> list[Any]:
        keys, rows = node["keys"], decode_rows(node, decoder)
        if len(keys) > MOST_IN_DISPLAY:
            return [dict(zip(keys, row, strict=True)) for row in rows]
        return _dict_display(len(keys))(rows, *keys)  # type: ignore[no-any-return]

    def entries(self, node: Node, start: int, stop: int, record: Record) -> list[Node]:
        keys, columns = node["keys"], node["columns"]
        cells = [column_kind(column, record).entries(column, start, stop, record) for column in columns]
        rows = zip(*cells, strict=True) if columns else [()] * (stop - start)
        return [_state(keys, row) for row in rows]

    def outline(self, node: Node, walk: Walk) -> Outline:
        return self._outline(container_info("dict", len(node["keys"])), node, walk)

    def _outline(self, row: NodeInfo, node: Node, walk: Walk) -> Outline:
        columns = [walk.outline(column, node["count"]) for column in node["columns"]]
        return fields(row, zip(node["keys"], columns, strict=True), node["count"])

    def put(self, column: Place, index: int, new: Node) -> bool:
        cells = _cells(new)
        if cells is None or list(cells) != column.node["keys"]:
            return False
        for number, cell in enumerate(cells.values()):
            inner = column.inner("columns").inner(number)
            (old,) = column_kind(inner.node, inner.record).entries(inner.node, index, index + 1, inner.record)
            if dump(old) != dump(cell):
                put_cell(inner, index, cell)
        return True


class InstanceColumn(DictColumn):
    """``{"of":"object","type":n,"keys":[...],"columns":[...]}``: one column for each attribute."""

    name = "object"

    def prepare(self, values: list[Any], held: int, encoder: Encoder) -> Rows | None:
        misses_its_state = defines(type(values[0]), "__setstate__") and not values[0].__dict__
        if misses_its_state or ColumnKind.prepare(self, values, held, encoder) is None:
            return None
        return self.prepare_table(values) if encoder.rows.keys().isdisjoint(map(id, values)) else None

    def prepare_table(self, values: list[Any]) -> Rows | None:
        return as_rows(values, list(map(attrgetter("__dict__"), values)))

    def encode(self, rows: Rows, held: int, encoder: Encoder) -> dict[str, Node]:
        encoder.in_place.append(rows.values)
        fields = super().encode(rows, held, encoder)
        return fields | {"of": "object", "type": type_number(type(rows.values[0]), encoder)}

    def decode(self, node: Node, decoder: Decoder) -> list[Any]:
        rows = self.shells(node, decoder)
        if rows and defines(type(rows[0]), "__setstate__"):
            exhaust(map(set_state, rows, super().decode(node, decoder)))
        else:
            self.fill(rows, node, decoder)
        return rows

    def shells(self, node: Node, decoder: Decoder) -> list[Any]:
        cls = decoder.type(node["type"])
        rows: list[Any] = call(_empty, cls, node["count"])
        return rows

    def fill(self, rows: list[Any], node: Node, decoder: Decoder) -> None:
        for key, values in decode_columns(node, decoder):
            if sets_freely(type(rows[0]), key):
                exhaust(
                    map(_setter(type(rows[0])), rows, repeat(key), values)
                )  # keeps the attributes in their compact form
            else:
                exhaust(map(setitem, map(attrgetter("__dict__"), rows), repeat(key), values))

    def entries(self, node: Node, start: int, stop: int, record: Record) -> list[Node]:
        states = super().entries(node, start, stop, record)
        return [{"$": "object", "type": node["type"], "state": state} for state in states]

    def outline(self, node: Node, walk: Walk) -> Outline:
        return self._outline(walk.instance_info(node["type"], len(node["keys"])), node, walk)

    def put(self, column: Place, index: int, new: Node) -> bool:
        is_like = type(new) is dict and new.keys() == {"$", "type", "state"} and new["type"] == column.node["type"]
        return is_like and super().put(column, index, new["state"])


def _empty(cls: Any, count: int) -> list[Any]:
    return list(map(cls.__new__, repeat(cls, count)))


@functools.cache
def _dict_display(count: int) -> Any:
    """A function that makes dicts of rows and of `count` keys, by the fastest there is: ``{k0: v0, k1: v1, ...}``."""
    numbers = range(count)
    keys, values = "".join(f", k{i}" for i in numbers), "".join(f"v{i}, " for i in numbers)
    display = ", ".join(f"k{i}: v{i}" for i in numbers)
    return eval(f"lambda rows{keys}: [{{{display}}} for {values or '_'} in rows]")  # noqa: S307  of a number alone


def sets_freely(cls: type, attribute: str) -> bool:
    """Whether setting an attribute puts it into the ``__dict__`` and does nothing else."""
    descriptor = type(defined(cls, attribute))
    return not defines(descriptor, "__set__") and not defines(descriptor, "__delete__")


def _setter(cls: type) -> Any:
    """What sets an attribute without the class's own method."""
    return setattr if inherits(cls, object, "__setattr__") else _BASE.__setattr__


_BASE: Any = object


def decode_columns(node: Node, decoder: Decoder) -> Iterator[tuple[str, list[Any]]]:
    """Each key with the cells of all rows."""
    for key, column in zip(node["keys"], node["columns"], strict=True):
        yield sys.intern(key), decode_column(column, decoder)


def decode_rows(node: Node, decoder: Decoder) -> Iterable[tuple[Any, ...]]:
    """The cells of each row, in the order of the columns."""
    if not node["columns"]:
        return [()] * node["count"]
    return zip(*[decode_column(column, decoder) for column in node["columns"]], strict=True)


def _cells(state: Node) -> dict[str, Node] | None:
    """The cells of a row by key, of the node of a dict; None where its keys are not all text."""
    if type(state) is not dict or "$" not in state:
        return state if type(state) is dict else None
    pairs = state.get("pairs")
    if state["$"] != "dict" or type(pairs) is not list or not all(type(key) is str for key, _ in pairs):
        return None
    return dict(pairs)


def _state(keys: list[str], row: tuple[Node, ...]) -> Node:
    if "$" in keys:
        return {"$": "dict", "pairs": [list(pair) for pair in zip(keys, row, strict=True)]}
    return dict(zip(keys, row, strict=True))


DICTS: Final = DictColumn()
COLUMN_KINDS.add(DICTS, dict)
COLUMN_KINDS.add(InstanceColumn(), predicate=is_row_class)
