"""Places in a document: a spot in a line where a node stands; and the keys of dicts as parts of paths."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Final

import orjson

from pyiron_storage.paths import OtherKey
from pyiron_storage.records.document import ROOT, Node, Record, dump
from pyiron_storage.records.structure import is_container, is_reference, is_row

DEEPEST_PLACE: Final = 2048
"""Lines never nest so deeply: no parser would read them."""


class Place:
    """Where a node stands: a container of the document and the key in it."""

    __slots__ = ("container", "depth", "key", "line", "on_change", "record", "row", "splits")
    row_place: ClassVar[Callable[[Place], Place]]
    """Finds the place that a reference to a row of a table leads to; set by the rule of tables."""

    def __init__(self, record: Record, line: int, container: Any, key: Any, depth: int, *, splits: bool = True) -> None:
        self.record, self.line, self.container, self.key, self.depth = record, line, container, key, depth
        self.splits = splits  # whether what stands here may go on on other lines
        self.on_change: Callable[[], None] | None = None  # what is told instead of the line where something changes
        self.row: tuple[int, int] | None = None  # of a table: its line and the number of the row

    @classmethod
    def at_line(cls, record: Record, line: int, depth: int = 0) -> Place:
        """The place of the node that a line consists of."""
        record.node(line)
        if depth > DEEPEST_PLACE:  # a list goes on on a line that it stands on itself
            raise record.in_itself(line)
        return cls(record, line, record.nodes, line, depth)

    @classmethod
    def root(cls, record: Record) -> Place:
        """The place of the whole object, where nothing refers on."""
        return cls.at_line(record, ROOT).follow()

    @property
    def node(self) -> Node:
        return self.container[self.key]

    def put(self, node: Node) -> None:
        """Put another node here."""
        if is_container(self.node):
            self.record.drop()
        self.container[self.key] = node
        self.touch()

    def touch(self) -> None:
        """Note that the node here was changed."""
        if self.on_change is None:
            self.record.touch(self.line)
        else:
            self.on_change()

    def inner(self, key: Any) -> Place:
        """The place of a node inside this one, in the same line."""
        place = Place(self.record, self.line, self.node, key, self.depth + 1, splits=self.splits)
        place.on_change = self.on_change
        return place

    def showing(self, node: Node, key: str) -> Place:
        """A place here for what another node shows of this one; changes inside it are changes of this one."""
        place = Place(self.record, self.line, {key: node}, key, self.depth, splits=False)
        place.on_change = self.on_change
        return place

    def follow(self) -> Place:
        """The place that this one refers to, or this one."""
        place = self
        steps = 0
        while is_reference(place.node):
            place = Place.at_line(place.record, place.node["$"])
            steps += 1
            if steps > len(place.record):
                raise place.record.in_itself(place.line)
        return Place.row_place(place) if is_row(place.node) else place


def key_part(record: Record, key: Node) -> str:
    """The part of a path that stands for a key: text itself, else its JSON with names for types and hex for bytes.

    A tuple is written as a list, which no key can be.
    """
    if type(key) is str:
        return key
    return OtherKey(dump(_spelled_out(record, key, ())).decode())


def _spelled_out(record: Record, node: Node, above: tuple[int, ...]) -> Node:
    """A node with what it refers to in place; a key that holds itself has the number of the line there."""
    if type(node) is list:
        return [_spelled_out(record, inner, above) for inner in node]
    if type(node) is not dict:
        return node
    if is_reference(node):
        line = node["$"]
        return node if line in above else _spelled_out(record, record.node(line), (*above, line))
    return _by_rule(record, node, above)


def _by_rule(record: Record, node: dict[str, Node], above: tuple[int, ...]) -> Node:
    if node.get("$") == "scalar" and "number" in node:
        return node["number"]  # equal to the number, as in a dict
    spelled = {field: _spelled_out(record, inner, above) for field, inner in node.items()}
    if node.get("$") == "tuple":
        return spelled["items"]
    if node.get("$") == "frozenset" and type(spelled["items"]) is list:
        spelled["items"] = sorted(spelled["items"], key=dump)  # their order changes from process to process
    if "type" in node:
        spelled["type"] = record.type_entry(node["type"])["name"]
    if "at" in node:
        spelled["at"] = bytes(record.bytes_at(node["at"])).hex()
    return spelled


NO_KEY: Final = object()


def plain_key(part: str) -> Any:
    """The text or number that a part stands for, else `NO_KEY`."""
    if type(part) is not OtherKey:
        return str(part)
    value = orjson.loads(str(part))
    return value if isinstance(value, (int, float)) else NO_KEY


def key_of(part: str) -> Node:
    """The node of a key, from the part of a path that stands for it.

    Raises
    ------
    KeyError
        If it is a key that a path alone cannot make, such as an enum.
    """
    if type(part) is not OtherKey:
        return str(part)
    return _key_node(orjson.loads(str(part)), part)


def _key_node(value: Any, part: str) -> Node:
    if type(value) is list:
        return {"$": "tuple", "items": [_key_node(item, part) for item in value]}
    if type(value) is dict and value.get("$") not in ("float", "int", "str", "complex"):
        raise KeyError(part)
    return value
