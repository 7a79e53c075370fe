"""Many like things as columns: why a list of records costs little more than its bytes.

A column stands for a list of values.  Numbers and text are typed bytes in the
buffers; dicts of the same keys, and instances of one class with the same
attributes, are one column for each key; lists and tuples are their lengths and one
flat column.  What is not alike is a column of ordinary nodes.  A thing goes into a
column only where nothing else holds it, which its reference count proves, so that
no memo is needed and identity is kept.
"""

from __future__ import annotations

import math
import sys
from array import array
from collections.abc import Callable, Sequence
from itertools import chain, islice
from operator import attrgetter, countOf, itemgetter
from typing import Any, Final

import numpy as np

from pyiron_storage.errors import DamagedRecordError
from pyiron_storage.records.decoder import Decoder
from pyiron_storage.records.document import DEEPEST, NATIVE_BYTES, Node, Record
from pyiron_storage.records.encoder import Encoder, Refusal
from pyiron_storage.records.rule import REGISTRY
from pyiron_storage.records.rules.arrays import Array, dtype_node, plain_elements, read_dtype
from pyiron_storage.records.rules.objects import ObjectRule, is_plain, type_number
from pyiron_storage.records.rules.values import all_plain, is_text

LONGEST_CONSTANT: Final = 200
LONGEST_RECORD: Final = 32
LEAST: Final = 8
"""Fewer things than this are written one by one."""


def _count_references(values: Sequence[Any]) -> list[int]:
    return list(map(sys.getrefcount, values))


HELD_BY_LIST: Final = _count_references([object()])[0]
"""The reference count of a thing that only one list holds."""

Handler = Callable[[list[Any], int, Encoder], Node]


# -- from values to columns -------------------------------------------------------------


def is_like(values: list[Any], held: int = HELD_BY_LIST) -> bool:
    """Whether a list is worth a column: of one type that has a column form, and held by nothing else."""
    if len(values) < LEAST or countOf(map(type, values), cls := type(values[0])) != len(values):
        return False
    if cls in _SCALARS:
        return True
    if cls not in _HANDLERS and not _is_row_class(cls, values[0]):
        return False
    return _count_references(values).count(held) == len(values)


def encode_column(values: list[Any], held: int, encoder: Encoder, *, alike: bool | None = None) -> Node:
    """Return the column of some values, each of which `held` references hold where nothing else does.

    `alike` is what `is_like` says of them, where that is known.
    """
    if encoder.depth < DEEPEST and (alike or (alike is None and is_like(values, held))):
        encoder.depth += 1
        try:
            node = _HANDLERS.get(type(values[0]), _instances)(values, held, encoder)
        finally:
            encoder.depth -= 1
        if node is not None:
            return {"$": "column", "count": len(values), **node}
    return {"$": "column", "count": len(values), "of": "nodes", "items": _nodes(values, encoder)}


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


def _constants(values: list[Any], held: int, encoder: Encoder) -> Node:
    """What is the same for all, and true or false for each."""
    if values.count(values[0]) == len(values):
        return {"of": "constant", "value": values[0]}
    return _numbers(np.array(values, np.bool_), encoder)


def _integers(values: list[int], held: int, encoder: Encoder) -> Node:
    """The smallest dtype that holds all."""
    try:
        wide = np.frombuffer(array("q", values), np.int64)
    except OverflowError:
        return None
    low, high = int(wide.min()), int(wide.max())
    if low == high:
        return {"of": "constant", "value": low}
    return _numbers(wide.astype(np.promote_types(*map(np.min_scalar_type, (low, high))), copy=False), encoder)


def _floats(values: list[float], held: int, encoder: Encoder) -> Node:
    return _numbers(np.frombuffer(array("d", values), np.float64), encoder)


def _numbers(numbers: Array, encoder: Encoder) -> dict[str, Node]:
    return {"of": "number", "dtype": numbers.dtype.str, **_stored(numbers, encoder)}


def _stored(values: Array, encoder: Encoder) -> dict[str, Node]:
    """Where the bytes of a contiguous array are."""
    if values.nbytes < NATIVE_BYTES:
        return {"at": encoder.record.add_bytes(values.reshape(-1).view(np.uint8).data if values.size else b"")}
    return {"native": encoder.record.add_array(plain_elements(values), encoder.hint)}


def _texts(values: list[str], held: int, encoder: Encoder) -> Node:
    """One text, its pieces told apart by line ends, or by their lengths where a piece has a line end itself."""
    if len(values[0]) < LONGEST_CONSTANT and values.count(values[0]) == len(values) and is_text(values[0]):
        return {"of": "constant", "value": values[0]}
    joined = "\n".join(values)
    if not is_text(joined):
        return None
    node: dict[str, Node] = {"of": "text"}
    if joined.count("\n") != len(values) - 1:
        joined = "".join(values)
        node["lengths"] = _whole(list(map(len, values)), encoder)
    return node | _stored(np.frombuffer(joined.encode(), np.uint8), encoder)


def _whole(numbers: list[int], encoder: Encoder) -> Node:
    """A column of lengths; one number where all are equal."""
    return numbers[0] if numbers.count(numbers[0]) == len(numbers) else encode_column(numbers, 0, encoder)


def _dicts(rows: list[dict[Any, Any]], held: int, encoder: Encoder) -> Node:
    keys = tuple(rows[0])
    if list(map(tuple, rows)).count(keys) != len(rows) or set(map(type, keys)) - {str} or not is_text("".join(keys)):
        return None
    return {"of": "dict", "keys": list(keys), "columns": _columns(rows, keys, encoder)}


def _columns(rows: list[dict[Any, Any]], keys: tuple[str, ...], encoder: Encoder) -> list[Node]:
    columns = []
    for key in keys:
        encoder.hint = key
        try:
            columns.append(encode_column(list(map(itemgetter(key), rows)), HELD_BY_LIST + 1, encoder))
        except Refusal as refusal:
            refusal.parts.insert(-1, key)  # behind the number of the row, which comes last
            raise
    return columns


def _is_row_class(cls: type, obj: Any) -> bool:
    """Whether instances of a class are their ``__dict__`` and nothing else, and no rule of their own stores them."""
    return (
        type(REGISTRY.find(cls)) is ObjectRule
        and is_plain(cls, obj)
        and not hasattr(cls, "__setstate__")
        and not any("__slots__" in vars(base) for base in cls.__mro__[:-1])
        and type(getattr(obj, "__dict__", None)) is dict
    )


def _instances(rows: list[Any], held: int, encoder: Encoder) -> Node:
    node = _dicts(list(map(attrgetter("__dict__"), rows)), 0, encoder)
    return None if node is None else node | {"of": "object", "type": type_number(type(rows[0]), encoder)}


def _sequences(rows: list[Any], held: int, encoder: Encoder) -> Node:
    """One flat column with the lengths; or, where rows are like records, one column for each position."""
    lengths = list(map(len, rows))
    flat = list(chain.from_iterable(rows))
    if 0 < lengths[0] <= LONGEST_RECORD and len(set(lengths)) == 1 and len(set(map(type, flat))) > 1:
        return {"of": type(rows[0]).__name__, "columns": _positions(rows, encoder)}
    try:
        column = encode_column(flat, HELD_BY_LIST + 1, encoder)
    except Refusal as refusal:
        refusal.parts[-1:] = _row_and_entry(int(refusal.parts[-1]), lengths)
        raise
    return {"of": type(rows[0]).__name__, "lengths": _whole(lengths, encoder), "flat": column}


def _positions(rows: list[Any], encoder: Encoder) -> list[Node]:
    columns = []
    for position in range(len(rows[0])):
        try:
            columns.append(encode_column(list(map(itemgetter(position), rows)), HELD_BY_LIST + 1, encoder))
        except Refusal as refusal:
            refusal.parts.insert(-1, str(position))
            raise
    return columns


def _row_and_entry(index: int, lengths: list[int]) -> list[str]:
    row = 0
    while index >= lengths[row]:
        index -= lengths[row]
        row += 1
    return [str(index), str(row)]


def _arrays(arrays: list[Array], held: int, encoder: Encoder) -> Node:
    first = arrays[0]
    dtype = dtype_node(first.dtype)
    alike = all(other.shape == first.shape and other.dtype == first.dtype for other in arrays)
    if (
        dtype is None
        or not first.dtype.itemsize
        or not alike
        or first.nbytes >= NATIVE_BYTES
        or not all(a.flags.c_contiguous for a in arrays)
    ):
        return None
    stacked = np.empty((len(arrays), *first.shape), first.dtype)  # np.stack alone would turn the bytes round
    np.stack(arrays, out=stacked)
    return {"of": "array", "dtype": dtype, "shape": list(first.shape), **_stored(stacked, encoder)}


_SCALARS: Final = (int, float, str, bool, type(None))
"""Types without an identity of their own: it does not matter who else holds them."""
_HANDLERS: Final[dict[type, Handler]] = {
    type(None): _constants,
    bool: _constants,
    int: _integers,
    float: _floats,
    str: _texts,
    dict: _dicts,
    list: _sequences,
    tuple: _sequences,
    np.ndarray: _arrays,
}


# -- from columns to values ---------------------------------------------------------------


def decode_column(node: Node, decoder: Decoder) -> list[Any]:
    """Return the values of a column."""
    reader = _READERS.get(node.get("of"))
    if reader is None or type(node.get("count")) is not int:
        raise DamagedRecordError(f"{decoder.record.place}: {str(node)[:80]} is no column that this release knows.")
    values = reader(node, decoder)
    if len(values) != node["count"]:
        raise DamagedRecordError(f"{decoder.record.place}: a column of {node['count']} has {len(values)} values.")
    return values


def _bytes_of(node: Node, record: Record) -> Any:
    """The bytes of a column, in the buffers or in a native array."""
    if "native" in node:
        return record.array(node["native"]).reshape(-1).view(np.uint8).data
    return record.bytes_at(node["at"])


def _read_numbers(node: Node, decoder: Decoder) -> list[Any]:
    dtype = read_dtype(node["dtype"], decoder.record.place)
    values: list[Any] = np.frombuffer(_bytes_of(node, decoder.record), dtype).tolist()
    return values


def _read_texts(node: Node, decoder: Decoder) -> list[str]:
    text = str(_bytes_of(node, decoder.record), "utf-8")
    if "lengths" not in node:
        return text.split("\n")
    pieces, start = [], 0
    for length in _read_lengths(node["lengths"], node["count"], decoder):
        pieces.append(text[start : start + length])
        start += length
    return pieces


def _read_lengths(node: Node, count: int, decoder: Decoder) -> list[int]:
    return [node] * count if type(node) is int else decode_column(node, decoder)


def _read_rows(node: Node, decoder: Decoder) -> list[Any]:
    """The values of each row, in the order of the keys."""
    if not node["columns"]:
        return [()] * node["count"]
    return list(zip(*[decode_column(column, decoder) for column in node["columns"]], strict=True))


def _read_dicts(node: Node, decoder: Decoder) -> list[Any]:
    keys = node["keys"]
    return [dict(zip(keys, row, strict=True)) for row in _read_rows(node, decoder)]


def _read_instances(node: Node, decoder: Decoder) -> list[Any]:
    cls, keys = decoder.type(node["type"]), list(map(sys.intern, node["keys"]))
    made = [cls.__new__(cls) for _ in range(node["count"])]
    for instance, row in zip(made, _read_rows(node, decoder), strict=True):
        instance.__dict__.update(zip(keys, row, strict=True))
    return made


def _read_sequences(node: Node, decoder: Decoder) -> list[Any]:
    make: Any = list if node["of"] == "list" else tuple
    if "columns" in node:
        return list(map(make, _read_rows(node, decoder)))
    flat = decode_column(node["flat"], decoder)
    entries = iter(flat)
    if type(node["lengths"]) is int and node["lengths"]:
        return list(map(make, zip(*[entries] * node["lengths"], strict=True)))
    return [make(islice(entries, length)) for length in _read_lengths(node["lengths"], node["count"], decoder)]


def _read_arrays(node: Node, decoder: Decoder) -> list[Any]:
    dtype = read_dtype(node["dtype"], decoder.record.place)
    stacked = np.frombuffer(_bytes_of(node, decoder.record), dtype).reshape(node["count"], *node["shape"])
    return [np.array(one, dtype) for one in stacked]  # each owns its memory


def _read_nodes(node: Node, decoder: Decoder) -> list[Any]:
    return [decoder.decode(item) for item in decoder.array(node["items"])]


_READERS: Final[dict[Any, Callable[[Node, Decoder], list[Any]]]] = {
    "constant": lambda node, decoder: [node["value"]] * node["count"],
    "number": _read_numbers,
    "text": _read_texts,
    "dict": _read_dicts,
    "object": _read_instances,
    "list": _read_sequences,
    "tuple": _read_sequences,
    "array": _read_arrays,
    "nodes": _read_nodes,
}


# -- from columns to ordinary nodes ----------------------------------------------------------


def expanded(node: Node, record: Record) -> list[Node]:
    """Return the ordinary nodes that a column stands for, to be looked at one by one or changed."""
    decoder = Decoder(record)
    if node["of"] == "nodes":
        return list(decoder.array(node["items"]))
    if node["of"] in ("dict", "object"):
        return _expanded_rows(node, record)
    if node["of"] in ("list", "tuple"):
        return _expanded_sequences(node, record, decoder)
    if node["of"] == "array":
        return _expanded_arrays(node, record)
    return [_scalar(value) for value in decode_column(node, decoder)]


def _scalar(value: Any) -> Node:
    return {"$": "float", "text": repr(value)} if type(value) is float and not math.isfinite(value) else value


def _expanded_rows(node: Node, record: Record) -> list[Node]:
    keys = node["keys"]
    columns = [expanded(column, record) for column in node["columns"]]
    rows = list(zip(*columns, strict=True)) if columns else [()] * node["count"]
    states = [_state(keys, row) for row in rows]
    return [{"$": "object", "type": node["type"], "state": state} for state in states] if "type" in node else states


def _state(keys: list[str], row: tuple[Node, ...]) -> Node:
    if "$" in keys:
        return {"$": "dict", "pairs": [list(pair) for pair in zip(keys, row, strict=True)]}
    return dict(zip(keys, row, strict=True))


def _expanded_sequences(node: Node, record: Record, decoder: Decoder) -> list[Node]:
    if "columns" in node:
        lists = list(map(list, zip(*[expanded(column, record) for column in node["columns"]], strict=True)))
    else:
        lists = _expanded_lists(node, record, decoder)
    return lists if node["of"] == "list" else [{"$": "tuple", "items": items} for items in lists]


def _expanded_lists(node: Node, record: Record, decoder: Decoder) -> list[list[Node]]:
    entries = iter(expanded(node["flat"], record))
    return [list(islice(entries, length)) for length in _read_lengths(node["lengths"], node["count"], decoder)]


def _expanded_arrays(node: Node, record: Record) -> list[Node]:
    size = math.prod(node["shape"]) * read_dtype(node["dtype"], record.place).itemsize
    start = node["at"][0] if "at" in node else record.add_bytes(bytes(_bytes_of(node, record)))[0]
    form = {"$": "array", "dtype": node["dtype"], "shape": node["shape"]}
    return [{**form, "at": [start + index * size, size]} for index in range(node["count"])]
