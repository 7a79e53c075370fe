"""Rules for the built-in containers.

A list is a JSON array and a dict with text keys a JSON object, without a rule.
``tuple``, ``set``, ``frozenset`` have ``items``; a dict with other keys, or with
the key ``"$"``, has ``pairs``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import isfinite
from sys import getrefcount
from typing import Any, Final

from pyiron_storage.records.decoder import Decoder
from pyiron_storage.records.dict_parts import DictParts
from pyiron_storage.records.document import DEEPEST, LEAST, Node
from pyiron_storage.records.encoder import Encoder, Refusal
from pyiron_storage.records.parts import ArrayParts, Parts
from pyiron_storage.records.places import Place, key_part
from pyiron_storage.records.rule import REGISTRY, Rule
from pyiron_storage.records.rules.values import LARGEST, SMALLEST, all_plain, is_text

_COLLECTIONS = (list, tuple, set, frozenset)


def fill_items(nodes: list[Node], items: Iterable[Any], encoder: Encoder) -> None:
    """Append the nodes of some items."""
    if type(items) in _COLLECTIONS and len(items) > FEW and all_plain(items):  # type: ignore[arg-type]
        nodes.extend(items)
        return
    try:
        for item in items:
            nodes.append(_node(item, encoder))  # noqa: PERF401  their number says which item was refused
    except Refusal as refusal:
        refusal.parts.append(str(len(nodes)))
        raise


def fill_mapping(node: dict[str, Node], items: dict[Any, Any], encoder: Encoder) -> None:
    """Put the nodes of a dict into an empty node: by key, or as pairs where a key is no plain text."""
    if set(map(type, items)) <= {str} and "$" not in items and is_text("".join(items)):
        _fill_object(node, items, encoder)
    else:
        node.update({"$": "dict", "pairs": []})
        fill_pairs(node["pairs"], items.items(), encoder)


def _fill_object(node: dict[str, Node], items: dict[str, Any], encoder: Encoder) -> None:
    if len(items) > FEW and all_plain(items.values()):
        node.update(items)
        return
    key = ""
    try:
        for key in items:  # noqa: PLC0206  a pair would hold the value as well
            value = items[key]
            encoder.hint = key
            node[key] = _node(value, encoder)
    except Refusal as refusal:
        refusal.parts.append(key)
        raise


def _node(value: Any, encoder: Encoder) -> Node:
    """The node of what a container holds, without the memo where nothing else holds it; the commonest types first."""
    cls = type(value)
    if cls is str:
        return value if value.isascii() else encoder.encode(value)
    if cls is int:
        return value if SMALLEST <= value <= LARGEST else encoder.encode(value)
    if cls is float:
        return value if isfinite(value) else encoder.encode(value)
    if value is None or cls is bool:
        return value
    if cls in _SMALL and len(value) < LEAST and getrefcount(value) == _HELD_BY_CONTAINER and encoder.depth < DEEPEST:
        encoder.depth += 1
        try:
            return _SMALL[cls](value, encoder)
        finally:
            encoder.depth -= 1
    return encoder.encode(value)


def _small_list(value: list[Any], encoder: Encoder) -> Node:
    node: list[Node] = []
    fill_items(node, value, encoder)
    return node


def _small_dict(value: dict[Any, Any], encoder: Encoder) -> Node:
    node: dict[str, Node] = {}
    fill_mapping(node, value, encoder)
    return node


def _small_tuple(value: tuple[Any, ...], encoder: Encoder) -> Node:
    return {"$": "tuple", "items": _small_list(value, encoder)}  # type: ignore[arg-type]


_SMALL: Final[dict[type, Callable[[Any, Encoder], Node]]] = {
    list: _small_list,
    dict: _small_dict,
    tuple: _small_tuple,
}


def _references(container: list[Any]) -> list[int]:
    """The reference counts of what a list holds, as `_node` sees them in a loop over the list."""
    counts = []
    for item in container:
        counts.append(_seen(item))  # noqa: PERF401  as in the loop
    return counts


def _seen(value: Any) -> int:
    return getrefcount(value)


_HELD_BY_CONTAINER: Final = _references([[]])[0]
FEW: Final = 8
"""Fewer items than this are looked at one by one."""


def fill_pairs(pairs: list[Node], items: Iterable[tuple[Any, Any]], encoder: Encoder) -> None:
    """Append ``[key, value]`` nodes."""
    key_node: Node = None
    try:
        for key, value in items:
            key_node = None
            key_node = encoder.encode(key)
            pairs.append([key_node, encoder.encode(value)])
    except Refusal as refusal:
        refusal.parts.append(key_part(encoder.record, key_node))
        raise


class ListRule(Rule):
    """A JSON array."""

    name = "list"
    kind = "list"

    def begin(self, obj: Any) -> Node:
        return []

    def fill_node(self, obj: list[Any], node: Node, encoder: Encoder) -> None:
        fill_items(node, obj, encoder)

    def parts(self, place: Place) -> Parts:
        return ArrayParts(place)


class DictRule(Rule):
    """A JSON object, or ``{"$":"dict","pairs":[[key,value],...]}``."""

    name = "dict"
    kind = "dict"

    def begin(self, obj: Any) -> Node:
        return {}

    def fill_node(self, obj: dict[Any, Any], node: Node, encoder: Encoder) -> None:
        fill_mapping(node, obj, encoder)

    def parts(self, place: Place) -> Parts:
        return DictParts(place)

    def shell(self, node: Node, decoder: Decoder) -> dict[Any, Any]:
        return {}

    def fill(self, shell: dict[Any, Any], node: Node, decoder: Decoder) -> None:
        for key, value in decoder.array(node["pairs"]):
            shell[decoder.decode(key)] = decoder.decode(value)


class TupleRule(Rule):
    """``{"$":"tuple","items":[...]}``."""

    name = "tuple"
    kind = "tuple"

    def encode(self, obj: Any, encoder: Encoder) -> Node:
        return encoder.once(obj, self) if obj else {"$": self.name, "items": []}  # there is only one empty tuple

    def begin(self, obj: Any) -> Node:
        return {"$": self.name, "items": []}

    def fill_node(self, obj: tuple[Any, ...], node: Node, encoder: Encoder) -> None:
        fill_items(node["items"], obj, encoder)

    def parts(self, place: Place) -> Parts:
        return ArrayParts(place.inner("items"), fixed=True)

    def decode(self, node: Node, decoder: Decoder) -> Any:
        return tuple(map(decoder.decode, decoder.array(node["items"])))


class FrozensetRule(TupleRule):
    """``{"$":"frozenset","items":[...]}``."""

    name = "frozenset"
    kind = "set"

    def encode(self, obj: Any, encoder: Encoder) -> Node:
        return encoder.once(obj, self)

    def decode(self, node: Node, decoder: Decoder) -> Any:
        return frozenset(map(decoder.decode, decoder.array(node["items"])))


class SetRule(Rule):
    """``{"$":"set","items":[...]}``."""

    name = "set"
    kind = "set"

    def begin(self, obj: Any) -> Node:
        return {"$": self.name, "items": []}

    def fill_node(self, obj: set[Any], node: Node, encoder: Encoder) -> None:
        fill_items(node["items"], obj, encoder)

    def parts(self, place: Place) -> Parts:
        return ArrayParts(place.inner("items"), fixed=True)

    def shell(self, node: Node, decoder: Decoder) -> set[Any]:
        return set()

    def fill(self, shell: set[Any], node: Node, decoder: Decoder) -> None:
        shell.update(list(map(decoder.decode, decoder.array(node["items"]))))


REGISTRY.add(ListRule(), list)
REGISTRY.add(DictRule(), dict)
REGISTRY.add(TupleRule(), tuple)
REGISTRY.add(SetRule(), set)
REGISTRY.add(FrozensetRule(), frozenset)
