"""Rules for single values: numbers, text, bytes.

JSON has finite floats, integers and text; what it lacks gets a rule: ``float``
(NaN, infinities), ``int`` (beyond 64 bits), ``str`` (lone surrogates), ``complex``,
``bytes`` and ``bytearray``.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Collection, Iterator, Sequence
from itertools import chain
from operator import countOf
from typing import Any, Final

from pyiron_storage.records.decoder import Decoder
from pyiron_storage.records.document import Node
from pyiron_storage.records.encoder import Encoder
from pyiron_storage.records.rule import REGISTRY, Rule

SMALLEST: Final = -(2**63)
LARGEST: Final = 2**64 - 1
PLAIN: Final = frozenset([type(None), bool, int, float, str])


class PlainRule(Rule):
    """None and bool, which JSON has."""

    name = "plain"
    kind = "value"

    def encode(self, obj: Any, encoder: Encoder) -> Node:
        return obj

    def type_name(self, node: Node) -> str:
        return type(node).__name__


class IntRule(Rule):
    """``{"$":"int","hex":"..."}`` beyond 64 bits."""

    name = "int"
    kind = "value"

    def encode(self, obj: int, encoder: Encoder) -> Node:
        return obj if SMALLEST <= obj <= LARGEST else {"$": "int", "hex": hex(obj)}

    def decode(self, node: Node, decoder: Decoder) -> int:
        return int(node["hex"], 16)


class FloatRule(Rule):
    """``{"$":"float","text":"nan"}``, and ``inf``, ``-inf``; with ``bits`` where not a number has others than usual."""

    name = "float"
    kind = "value"

    def encode(self, obj: float, encoder: Encoder) -> Node:
        return float_node(obj)

    def decode(self, node: Node, decoder: Decoder) -> float:
        return read_float(node)


class StrRule(Rule):
    """``{"$":"str","hex":"..."}``: UTF-8, with the lone surrogates as three bytes each."""

    name = "str"
    kind = "value"

    def encode(self, obj: str, encoder: Encoder) -> Node:
        return obj if is_text(obj) else {"$": "str", "hex": obj.encode("utf-8", "surrogatepass").hex()}

    def decode(self, node: Node, decoder: Decoder) -> str:
        return bytes.fromhex(node["hex"]).decode("utf-8", "surrogatepass")


class ComplexRule(Rule):
    """``{"$":"complex","real":...,"imag":...}``, each a float node."""

    name = "complex"
    kind = "value"

    def encode(self, obj: complex, encoder: Encoder) -> Node:
        return complex_node(obj)

    def decode(self, node: Node, decoder: Decoder) -> complex:
        return complex(decoder.decode(node["real"]), decoder.decode(node["imag"]))


class BytesRule(Rule):
    """``{"$":"bytes","at":[offset,length]}`` in the buffers."""

    name = "bytes"
    kind = "value"

    def fill_node(self, obj: Any, node: Node, encoder: Encoder) -> None:
        node["at"] = encoder.record.add_bytes(obj)

    def decode(self, node: Node, decoder: Decoder) -> bytes:
        return bytes(decoder.record.bytes_at(node["at"]))


class BytearrayRule(BytesRule):
    """``{"$":"bytearray","at":[offset,length]}`` in the buffers."""

    name = "bytearray"

    def shell(self, node: Node, decoder: Decoder) -> bytearray:
        return bytearray(decoder.record.bytes_at(node["at"]))

    def decode(self, node: Node, decoder: Decoder) -> Any:
        return self.shell(node, decoder)


def float_node(value: float) -> Node:
    """The node of a float."""
    if math.isfinite(value):
        return value
    node = {"$": "float", "text": repr(value)}
    bits = _FLOAT.pack(value).hex()
    return {**node, "bits": bits} if math.isnan(value) and bits != _NAN_BITS else node


def read_float(node: Node) -> float:
    """The float of a node that is no JSON number; the inverse of `float_node`."""
    if "bits" not in node:
        return float(node["text"])
    data = bytes.fromhex(node["bits"])
    if len(data) != _FLOAT.size:
        raise ValueError(f"{node['bits']!r} are not the bits of a float")
    value: float = _FLOAT.unpack(data)[0]
    return value


_FLOAT: Final = struct.Struct(">d")
_NAN_BITS: Final = _FLOAT.pack(math.nan).hex()


def complex_node(value: complex) -> Node:
    """The node of a complex number."""
    return {"$": "complex", "real": float_node(value.real), "imag": float_node(value.imag)}


def is_text(value: str) -> bool:
    """Whether a str is valid Unicode, without lone surrogates."""
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def have_text_keys(states: Sequence[dict[Any, Any]], keys: tuple[Any, ...]) -> bool:
    """Whether dicts have the same keys in the same order, all of them valid text and of type `str` itself.

    A key of a class of its own, that equals a text, is another key.
    """
    if not are_text(keys) or countOf(map(len, states), len(keys)) != len(states):
        return False
    return all(
        types.count(str) == len(types) and found == [*keys] * (len(found) // len(keys))
        for found, types in _keys_in_pieces(states)
        if found
    )


def are_text(keys: tuple[Any, ...]) -> bool:
    """Whether all are valid text and of type `str` itself."""
    return not set(map(type, keys)) - {str} and is_text("".join(keys))


def have_str_keys(states: Sequence[dict[Any, Any]]) -> bool:
    """Whether all keys of some dicts are of type `str` itself."""
    return all(types.count(str) == len(types) for _, types in _keys_in_pieces(states))


def _keys_in_pieces(states: Sequence[dict[Any, Any]]) -> Iterator[tuple[list[Any], list[type]]]:
    """The keys of some dicts at a time, and their types."""
    for start in range(0, len(states), AT_A_TIME):
        keys = list(chain.from_iterable(states[start : start + AT_A_TIME]))
        yield keys, list(map(type, keys))


AT_A_TIME: Final = 512
"""So many dicts have keys that stay in the processor's cache."""


def all_plain(values: Collection[Any]) -> bool:
    """Whether every value stands for itself in JSON, found by C loops alone."""
    types = set(map(type, values))
    return (
        types <= PLAIN
        and (float not in types or math.isfinite(_sum_of_floats(values, types)))
        and (int not in types or _fit([value for value in values if type(value) is int]))
        and (str not in types or is_text("".join([value for value in values if type(value) is str])))
    )


def _sum_of_floats(values: Collection[Any], types: set[type]) -> float:
    """The sum, which is NaN or infinite where a value is."""
    return sum(values) if len(types) == 1 else sum([value for value in values if type(value) is float])


def _fit(values: list[int]) -> bool:
    return min(values) >= SMALLEST and max(values) <= LARGEST


REGISTRY.add(PlainRule(), type(None), bool)
REGISTRY.add(IntRule(), int)
REGISTRY.add(FloatRule(), float)
REGISTRY.add(StrRule(), str)
REGISTRY.add(ComplexRule(), complex)
REGISTRY.add(BytesRule(), bytes)
REGISTRY.add(BytearrayRule(), bytearray)
