"""Places in a document: a spot in a line where a node stands; and the keys of dicts as parts of paths."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
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

    A tuple is written as a list, which no key can be. A key that would be long, as objects that
    refer to each other are, is cut: what is left out is ``"\u2026"``. So it is bounded in length and time.
    """
    if type(key) is str:
        return key
    try:
        return OtherKey(dump(Spelling(record, WHOLE).of(key)).decode())
    except TooLong:
        return OtherKey(dump(Spelling(record, CUT, cuts=True).of(key)).decode())


def key_parts(record: Record, keys: Iterable[Node]) -> Iterator[str]:
    """The parts of paths for the keys of one dict, each its own: those that look the same are numbered."""
    counts: dict[str, int] = {}
    for key in keys:
        part = key_part(record, key)
        if type(part) is OtherKey:
            counts[part] = count = counts.get(part, 0) + 1
            yield (
                part
                if count == 1
                else OtherKey(dump({"$": SAME, "number": count, "key": orjson.loads(str(part))}).decode())
            )
        else:
            yield part


def among_the_same(part: str) -> tuple[str, int]:
    """The part of a path without the number that tells it from those that look the same, and that number."""
    value = orjson.loads(str(part)) if type(part) is OtherKey else None
    if type(value) is dict and value.get("$") == SAME and type(value.get("number")) is int and "key" in value:
        return OtherKey(dump(value["key"]).decode()), value["number"]
    return part, 1


def spelled_out(record: Record, node: Node) -> str:
    """All that is in a node and in what it refers to, as text that is equal where that is.

    What is large or refers to itself is told line by line, in the order in which they are
    met: sharing counts there, and the time is that of reading each line once.
    """
    try:
        return dump(Spelling(record, WHOLE).of(node)).decode()
    except TooLong:
        return _line_by_line(record, node)


def _line_by_line(record: Record, node: Node) -> str:
    numbers: dict[int, int] = {}
    spelling = Spelling(record, None, numbers=numbers)
    texts = [dump(spelling.of(node))]
    done = 0
    while done < len(numbers):  # what is spelled out refers to more of them
        for line in list(numbers)[done:]:
            texts.append(dump(spelling.of(record.node(line))))
            done += 1
    return b"\n".join(texts).decode()


WHOLE: Final = 64
"""A key of more nodes than this is cut."""
CUT: Final = 16
"""So many nodes are left of it."""
TEXT_OF_NODE: Final = 64
"""So many characters of a text inside a key count as one node."""
LEFT_OUT: Final = "\u2026"
SAME: Final = "same"


class TooLong(Exception):
    """There is more than may be spelled out."""


class Spelling:
    """Writes nodes with what they refer to in place.

    Parameters
    ----------
    record
        Where the nodes are.
    limit
        How many nodes are written; None for all.
    cuts
        Whether the rest is left out; otherwise it is an error.
    numbers
        Takes the lines that are referred to, with numbers that are written in their place.
    """

    def __init__(
        self, record: Record, limit: int | None, *, cuts: bool = False, numbers: dict[int, int] | None = None
    ) -> None:
        self._record, self._left, self._cuts, self._numbers = record, limit, cuts, numbers

    def of(self, node: Node, above: tuple[int, ...] = ()) -> Node:
        """A node with what it refers to; where it holds itself, how far above that is."""
        if not self._has_room(node):
            return LEFT_OUT
        if type(node) is list:
            return self._each(node, above)
        if type(node) is str and self._cuts:
            return node if len(node) <= TEXT_OF_NODE else node[:TEXT_OF_NODE] + LEFT_OUT
        if type(node) is not dict:
            return node
        if is_reference(node):
            return self._referred(node, above)
        return self._by_rule(node, above)

    def _has_room(self, node: Node) -> bool:
        if self._left is None:
            return True
        self._left -= 1 + (len(node) // TEXT_OF_NODE if type(node) is str and not self._cuts else 0)
        if self._left < 0 and not self._cuts:
            raise TooLong
        return self._left >= 0

    def _each(self, nodes: list[Node], above: tuple[int, ...]) -> list[Node]:
        spelled = []
        for inner in nodes:
            spelled.append(self.of(inner, above))
            if self._left is not None and self._left < 0:
                break
        return spelled

    def _referred(self, node: dict[str, Any], above: tuple[int, ...]) -> Node:
        line = node["$"]
        if self._numbers is not None:
            return {"$": self._numbers.setdefault(line, len(self._numbers))}
        return _above(above, line) if line in above else self.of(self._record.node(line), (*above, line))

    def _by_rule(self, node: dict[str, Node], above: tuple[int, ...]) -> Node:
        if is_row(node) and self._numbers is None:
            return self._row(node, above)
        if node.get("$") == "scalar" and "number" in node:
            return node["number"]  # equal to the number, as in a dict
        spelled = {}
        for field, inner in node.items():
            if field == "type":
                spelled[field] = self._record.type_entry(inner)["name"] if "$" in node else self.of(inner, above)
            elif field == "at" and "$" in node:
                spelled[field] = self._bytes(inner)
            elif self._left is None or self._left >= 0:
                spelled[field] = inner if field == "$" else self.of(inner, above)
        if node.get("$") == "tuple":
            return spelled.get("items", LEFT_OUT)
        if node.get("$") == "frozenset" and type(spelled.get("items")) is list:
            spelled["items"] = sorted(spelled["items"], key=dump)  # their order changes from process to process
        return spelled

    def _row(self, node: dict[str, Any], above: tuple[int, ...]) -> Node:
        """The row of a table that a node stands for, not all of the table."""
        line, row = node["table"]["$"], node["row"]
        identity = -1 - (line << 32) - row  # no line has such a number
        if identity in above:
            return _above(above, identity)
        return self.of(Place(self._record, 0, [node], 0, 0).follow().node, (*above, identity))

    def _bytes(self, at: Any) -> str:
        data = bytes(self._record.bytes_at(at))
        if self._left is not None and not self._cuts and len(data) > TEXT_OF_NODE * self._left // 2:
            raise TooLong
        kept = data[: TEXT_OF_NODE // 2] if self._cuts else data
        return kept.hex() + (LEFT_OUT if len(kept) < len(data) else "")


def _above(above: tuple[int, ...], identity: int) -> Node:
    """What stands where something holds itself: the same in every record."""
    return {"$": "above", "levels": len(above) - above.index(identity)}


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
