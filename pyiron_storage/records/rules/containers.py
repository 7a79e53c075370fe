"""Rules for the built-in containers.

A list is a JSON array and a dict with text keys a JSON object, without a rule.
``tuple``, ``set``, ``frozenset`` have ``items``; a dict with other keys, or with
the key ``"$"``, has ``pairs``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pyiron_storage.records.decoder import Decoder
from pyiron_storage.records.document import Node
from pyiron_storage.records.encoder import Encoder, Refusal
from pyiron_storage.records.parts import ArrayParts, DictParts, Parts
from pyiron_storage.records.places import Place, key_part
from pyiron_storage.records.rule import REGISTRY, Rule
from pyiron_storage.records.rules.values import all_plain, is_text

_COLLECTIONS = (list, tuple, set, frozenset)


def fill_items(nodes: list[Node], items: Iterable[Any], encoder: Encoder) -> None:
    """Append the nodes of some items."""
    if type(items) in _COLLECTIONS and all_plain(items):  # type: ignore[arg-type]
        nodes.extend(items)
        return
    encode = encoder.encode
    try:
        for item in items:
            nodes.append(encode(item))  # noqa: PERF401  their number says which item was refused
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
    if all_plain(items.values()):
        node.update(items)
        return
    encode = encoder.encode
    key = ""
    try:
        for key, value in items.items():
            encoder.hint = key
            node[key] = encode(value)
    except Refusal as refusal:
        refusal.parts.append(key)
        raise


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
