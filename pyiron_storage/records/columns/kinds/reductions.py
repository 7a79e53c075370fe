"""Columns of what reduces alike: one column for each argument of the call, and one for the states.

The objects are made when all arguments are complete, and get their states when all
are made.  An argument or a state is in a column only where nothing else holds it
but the reduction and, which is looked up, an attribute of the object.
"""

from __future__ import annotations

import copyreg
import dataclasses
import types
from collections.abc import Iterable
from contextlib import suppress
from itertools import repeat
from operator import countOf, is_, itemgetter, methodcaller
from typing import Any, Final

from pyiron_storage.paths import ReservedPart
from pyiron_storage.records.code import PROTOCOL
from pyiron_storage.records.columns.column import decode_column, encode_column, entry, expanded, within
from pyiron_storage.records.columns.kind import COLUMN_KINDS, HELD_BY_LIST, ColumnKind, count_holders, exhaust
from pyiron_storage.records.columns.kinds.rows import decode_rows
from pyiron_storage.records.damage import calls_what_is_named
from pyiron_storage.records.decoder import Decoder
from pyiron_storage.records.document import Node, Record
from pyiron_storage.records.encoder import Encoder, Refusal
from pyiron_storage.records.hooks import attributes_of, defined
from pyiron_storage.records.names import importable_name
from pyiron_storage.records.rule import REGISTRY
from pyiron_storage.records.rules.instances import INSTANCES
from pyiron_storage.records.rules.objects import (
    ObjectRule,
    check_reduction,
    fill_reduced,
    is_plain,
    reduce,
    set_state,
    type_number,
)
from pyiron_storage.records.rules.values import have_text_keys


class CallColumn(ColumnKind):
    """``{"of":"call","type":n,"columns":[...]}``, ``states`` where there are any."""

    name = "call"

    def encode(self, rows: list[Any], held: int, encoder: Encoder) -> dict[str, Node] | None:
        reductions = _reductions(rows, encoder)
        if type(reductions[0]) is tuple:
            check_reduction(rows[0], reductions[0], encoder)
        calls = _alike_calls(reductions)
        if calls is None:
            return {"of": "nodes", "items": _one_by_one(rows, reductions, encoder)}
        kind, function, arguments = calls
        attributes = list(map(attributes_of, rows))
        node: dict[str, Node] = {"of": kind, "type": type_number(function, encoder)}
        has_state = reductions[0][2:3] not in ((), (None,))
        node["columns"] = _arguments(arguments, reductions, [] if has_state else attributes, encoder)
        if has_state:
            node["states"] = _states(list(map(itemgetter(2), reductions)), attributes, encoder)
        return node

    def decode(self, node: Node, decoder: Decoder) -> list[Any]:
        made = self._made(decoder.type(node["type"]), decode_rows(node, decoder))
        if "states" in node:
            self._give_states(made, node["states"], decoder)
        return made

    @calls_what_is_named
    def _made(self, function: Any, rows: Iterable[tuple[Any, ...]]) -> list[Any]:
        return [function(*row) for row in rows]

    def _give_states(self, made: list[Any], column: Node, decoder: Decoder) -> None:
        exhaust(map(set_state, made, decode_column(column, decoder)))

    def expand(self, node: Node, record: Record) -> list[Node]:
        columns = [expanded(column, record) for column in node["columns"]]
        rows = list(zip(*columns, strict=True)) if columns else [()] * node["count"]
        states = [{"state": state} for state in expanded(node["states"], record)] if "states" in node else repeat({})
        return [self._node(node, row, state) for row, state in zip(rows, states, strict=False)]

    def entry(self, node: Node, index: int, record: Record) -> Node:
        state = {"state": entry(node["states"], index, record)} if "states" in node else {}
        return self._node(node, [entry(column, index, record) for column in node["columns"]], state)

    def _node(self, node: Node, row: Iterable[Node], state: dict[str, Node]) -> Node:
        return {"$": self.name, "type": node["type"], "args": list(row), **state}


class NewColumn(CallColumn):
    """``{"of":"new","type":n,"columns":[...]}``: the class's ``__new__`` is called."""

    name = "new"

    @calls_what_is_named
    def _made(self, function: Any, rows: Iterable[tuple[Any, ...]]) -> list[Any]:
        return [function.__new__(function, *row) for row in rows]

    def _give_states(self, made: list[Any], column: Node, decoder: Decoder) -> None:
        cls = type(made[0])
        if column["of"] != "list" or "columns" not in column or not takes_fields(cls):
            super()._give_states(made, column, decoder)
            return
        for field, values in zip(dataclasses.fields(cls), column["columns"], strict=False):
            exhaust(map(_BASE.__setattr__, made, repeat(field.name), decode_column(values, decoder)))


def takes_fields(cls: Any) -> bool:
    """Whether the state of a class is the list of its fields: of dataclasses that are frozen and have slots."""
    return defined(cls, "__setstate__") is FrozenAndSlotted.__setstate__  # type: ignore[attr-defined]


@dataclasses.dataclass(frozen=True, slots=True)
class FrozenAndSlotted:
    """Has the functions that all dataclasses of its sort share."""

    field: int


# -- taking apart ------------------------------------------------------------------------


def _reductions(rows: list[Any], encoder: Encoder) -> list[Any]:
    with suppress(Exception):  # which comes again below, and is reported with the number of the row
        reducer = copyreg.dispatch_table.get(type(rows[0])) or methodcaller("__reduce_ex__", PROTOCOL)
        found = list(map(reducer, rows))
        if set(map(type, found)) == {tuple} and set(map(len, found)) <= {2, 3, 4, 5, 6}:
            return found
    reductions: list[Any] = []
    try:
        for row in rows:
            reductions.append(reduce(row, encoder))  # noqa: PERF401  their number says which one was refused
    except Refusal as refusal:
        refusal.parts.append(str(len(reductions)))
        raise
    return reductions


def _alike_calls(reductions: list[Any]) -> tuple[str, Any, list[list[Any]]] | None:
    """What all rows call and how, and the cells of each argument; None where these or what follows differ."""
    if countOf(map(type, reductions), tuple) != len(reductions) or not _are_alike(reductions):
        return None
    function, first = reductions[0][:2]
    arguments = [list(map(itemgetter(number), map(itemgetter(1), reductions))) for number in range(len(first))]
    kind = "call"
    if getattr(function, "__name__", "") in ("__newobj__", "__newobj_ex__"):
        if function.__name__ == "__newobj_ex__" or not isinstance(first[0], type):
            return None
        kind, function = "new", first[0]
        if not _all_are(arguments.pop(0), function):
            return None
    if importable_name(function) is None and not isinstance(function, (type, types.FunctionType)):
        return None
    return kind, function, arguments


def _are_alike(reductions: list[tuple[Any, ...]]) -> bool:
    """Whether all have the same function and as many arguments, all or none a state, and nothing else."""
    sizes = set(map(len, reductions))
    if len(sizes) > 1:
        return False
    function, args, *others = (list(map(itemgetter(number), reductions)) for number in range(*sizes))
    if not _all_are(function, function[0]) or set(map(type, args)) != {tuple} or len(set(map(len, args))) > 1:
        return False
    if not all(_all_are(parts, None) for parts in others[1:]):
        return False
    return not others or _all_are(others[0], None) or not any(map(is_, others[0], repeat(None)))


def _all_are(things: list[Any], one: Any) -> bool:
    return all(map(is_, things, repeat(one)))


def _are_attributes(cells: list[Any], attributes: list[dict[str, Any]]) -> bool:
    """Whether each cell is an attribute of its object, the same for all, which so holds it too."""
    first = attributes[0] if attributes else {}
    name = next((name for name, value in first.items() if value is cells[0]), None)
    return name is not None and all(map(is_, cells, map(dict.get, attributes, repeat(name))))


def _arguments(
    arguments: list[list[Any]], reductions: list[Any], attributes: list[dict[str, Any]], encoder: Encoder
) -> list[Node]:
    """The columns of the arguments; an attribute is among them only where no state has it too."""
    tuples = list(map(itemgetter(1), reductions))
    alone = countOf(count_holders(tuples), HELD_BY_LIST + 1) == len(tuples)
    columns = []
    for number, cells in enumerate(arguments):
        held = HELD_BY_LIST + 1 + _are_attributes(cells, attributes) if alone else UNKNOWN
        with within(str(number), ReservedPart("~args")):
            columns.append(encode_column(cells, held, encoder))
    return columns


UNKNOWN: Final = -1
"""For values of which nothing proves who holds them."""


def _states(states: list[Any], attributes: list[dict[str, Any]], encoder: Encoder) -> Node:
    """The column of the states; of dicts that were made for this one time, the cells may be attributes."""
    keys = tuple(states[0]) if type(states[0]) is dict else ()
    if all(map(is_, states, attributes)):
        return encode_column(states, HELD_BY_LIST + 3, encoder)  # by the object, the reduction and both lists
    if not keys or not _are_temporary(states) or not have_text_keys(states, keys):
        with within(*[] if type(states[0]) is dict else [ReservedPart("~state")]):
            return encode_column(states, HELD_BY_LIST + 1, encoder)
    columns = []
    for key in keys:
        cells = list(map(itemgetter(key), states))
        with within(key):
            columns.append(encode_column(cells, HELD_BY_LIST + 1 + _are_attributes(cells, attributes), encoder))
    return {"$": "column", "count": len(states), "of": "dict", "keys": list(keys), "columns": columns}


def _are_temporary(states: list[Any]) -> bool:
    """Whether all are dicts that only a reduction and this list hold."""
    return all(type(state) is dict for state in states) and countOf(count_holders(states), HELD_BY_LIST + 1) == len(
        states
    )


def _one_by_one(rows: list[Any], reductions: list[Any], encoder: Encoder) -> list[Node]:
    """The nodes of objects whose reductions are known."""
    nodes: list[Node] = []
    encoder.keep(reductions)
    try:
        for row, reduced in zip(rows, reductions, strict=True):
            nodes.append(encoder.once(row, _Reduced(reduced)))
    except Refusal as refusal:
        refusal.parts.append(str(len(nodes)))
        raise
    return nodes


class _Reduced(ObjectRule):
    """The rule for one object of which the reduction is known."""

    def __init__(self, reduced: Any) -> None:
        self._reduction = reduced

    def fill_node(self, obj: Any, node: Node, encoder: Encoder) -> None:
        fill_reduced(obj, node, self._reduction, encoder)


def _reduces(cls: type, obj: Any) -> bool:
    return REGISTRY.find(cls) is INSTANCES and not is_plain(cls, obj)


_BASE: Any = object

COLUMN_KINDS.add(CallColumn(), predicate=_reduces)
COLUMN_KINDS.add(NewColumn())
