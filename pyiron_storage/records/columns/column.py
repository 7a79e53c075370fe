"""From a list of values to a column and back.

A column stands for a list of values.  What is not alike is a column of ordinary
nodes.  A thing goes into a column only where nothing else holds it, which its
reference count proves, so that no memo is needed and identity is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from pyiron_storage.errors import DamagedRecordError
from pyiron_storage.records.columns.kind import COLUMN_KINDS, HELD_BY_LIST, ColumnKind
from pyiron_storage.records.decoder import Decoder
from pyiron_storage.records.document import DEEPEST, LEAST, Node, Record
from pyiron_storage.records.encoder import Encoder, Refusal
from pyiron_storage.records.rules.values import all_plain

LONGEST_COLUMN: Final = 2**36
"""No list of Python has more entries; what is said to have more would only take memory."""


def encode_column(values: list[Any], held: int, encoder: Encoder, prepared: Prepared | None = None) -> Node:
    """Return the column of some values, each of which `held` references hold where nothing else does.

    `prepared` is what `prepare_column` gives, where that is known.
    """
    prepared = prepared or prepare_column(values, held, encoder)
    if prepared is not None and encoder.depth < DEEPEST:
        encoder.depth += 1
        try:
            fields = prepared.kind.encode(prepared.values, held, encoder)
        except Refusal as refusal:
            refusal.parts = refusal.parts or ["0"]  # of the class, which the first row has
            raise
        finally:
            encoder.depth -= 1
        if fields is not None:
            return {"$": "column", "count": len(values), **fields}
    return {"$": "column", "count": len(values), "of": "nodes", "items": _nodes(values, encoder)}


def prepare_column(values: list[Any], held: int, encoder: Encoder) -> Prepared | None:
    """Find the kind of column that values are worth, and let it look at them; None where there is none."""
    if len(values) < LEAST:
        return None
    for kind in COLUMN_KINDS.candidates(type(values[0]), values[0]):
        suitable = kind.prepare(values, held, encoder)
        if suitable is not None:
            return Prepared(kind, suitable)
    return None


class Prepared(NamedTuple):
    """Values that a kind of column takes, as its `ColumnKind.prepare` left them."""

    kind: ColumnKind
    values: Any


def _nodes(values: list[Any], encoder: Encoder) -> list[Node]:
    if all_plain(values):
        return list(values)
    nodes: list[Node] = []
    try:
        for value in values:
            nodes.append(encoder.encode(value))  # noqa: PERF401  their number says which one was refused
    except Refusal as refusal:
        refusal.parts.append(str(len(nodes)))
        raise
    return nodes


def encode_columns(cells: Iterable[tuple[str, list[Any]]], encoder: Encoder) -> list[Node]:
    """Return the columns of rows that have equal keys: for each key the cells of all rows.

    The cells must be held by their rows and the given list alone.
    """
    columns = []
    for key, values in cells:
        encoder.hint = key
        with within(key):
            columns.append(encode_column(values, HELD_BY_LIST + 1, encoder))
    return columns


@contextmanager
def within(*parts: str) -> Iterator[None]:
    """Say under which parts of a row, the innermost first, something stands in a column that is refused."""
    try:
        yield
    except Refusal as refusal:
        refusal.parts[-1:-1] = parts  # behind the number of the row, which comes last
        raise


def decode_column(node: Node, decoder: Decoder) -> list[Any]:
    """Return the values of a column."""
    if decoder.stand_ins is not None and decoder.stand_ins.lacks(node):
        return [decoder.decode(entry) for entry in expanded(node, decoder.record)]
    values = column_kind(node, decoder.record).decode(node, decoder)
    if len(values) != node["count"]:
        raise DamagedRecordError(f"{decoder.record.place}: a column of {node['count']} has {len(values)} values.")
    return values


def column_kind(node: Node, record: Record) -> ColumnKind:
    """Return the kind of a column in the record."""
    kind = COLUMN_KINDS.by_name.get(node.get("of")) if type(node.get("of")) is str else None
    if kind is None or type(node.get("count")) is not int or not 0 <= node["count"] <= LONGEST_COLUMN:
        raise DamagedRecordError(f"{record.place}: {str(node)[:80]} is no column that this release knows.")
    return kind


def entry(node: Node, index: int, record: Record) -> Node:
    """Return the ordinary node of one entry of a column, from 0."""
    found = column_kind(node, record).entries(node, index, index + 1, record)
    if len(found) != 1:
        raise DamagedRecordError(f"{record.place}: a column of {node['count']} has no entry {index}.")
    return found[0]


def expanded(node: Node, record: Record) -> list[Node]:
    """Return the ordinary nodes that a column stands for, to be looked at one by one or changed."""
    return column_kind(node, record).expand(node, record)


# -- lengths, which are columns or one number for all -------------------------------------


def encode_lengths(numbers: list[int], encoder: Encoder) -> Node:
    """A column of lengths; one number where all are equal."""
    return numbers[0] if numbers.count(numbers[0]) == len(numbers) else encode_column(numbers, 0, encoder)


def lengths_before(node: Node, stop: int, record: Record) -> list[int]:
    """The lengths of the values before one, without those behind it."""
    return [node] * stop if type(node) is int else column_kind(node, record).entries(node, 0, stop, record)


def decode_lengths(node: Node, count: int, decoder: Decoder) -> list[int]:
    """The lengths of `count` values."""
    return [node] * count if type(node) is int else decode_column(node, decoder)
