"""Which parts of a node are nodes again.

A JSON array or object without ``"$"`` is a list or dict of nodes.  A node with a
rule keeps its children in fields of fixed names, the same for all rules, so that
lines can be laid out, copied and searched without knowing any rule.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from pyiron_storage.paths import ReservedPart
from pyiron_storage.records.document import Node

LISTS: Final = ("args", "items")
"""Fields that hold an array of nodes."""
PAIRS: Final = ("pairs",)
"""Fields that hold an array of ``[key, value]``, both nodes."""
SINGLE: Final = ("nodes", "state", "slots", "kwargs", "function", "setter", "value", "zone", "table")
"""Fields that hold one node."""
COLUMNS: Final = ("columns", "flat", "lengths", "rows", "codes", "values", "states")
"""Fields that hold a column or an array of columns."""
OWN: Final = ("state", "nodes", "items", "pairs")
"""Fields whose parts are reached by their own names in a path."""

Slot = tuple[Node, Any]
"""A container of the document and the key in it under which a node stands."""


def is_container(node: Node) -> bool:
    """Whether a node may have nodes inside."""
    return type(node) is list or type(node) is dict


def is_reference(node: Node) -> bool:
    """Whether a node stands for what is on another line."""
    return type(node) is dict and type(node.get("$")) is int


def is_row(node: Node) -> bool:
    """Whether a node stands for a row of a table."""
    return type(node) is dict and node.get("$") == "row"


def is_column(node: Node) -> bool:
    """Whether a node is a column."""
    return type(node) is dict and node.get("$") == "column"


def is_parts(node: Node) -> bool:
    """Whether a list or object goes on on other lines."""
    return type(node) is dict and node.get("$") == "parts"


def slots(node: Node) -> Iterator[Slot]:
    """Every place directly below a node where a node stands."""
    if type(node) is list:
        yield from ((node, index) for index in range(len(node)))
    elif type(node) is dict and "$" not in node:
        yield from ((node, key) for key in node)
    elif type(node) is dict:
        for field, inner in node.items():
            yield from _field_slots(node, field, inner)


def _field_slots(node: dict[str, Node], field: str, inner: Node) -> Iterator[Slot]:
    if field in SINGLE:
        yield node, field
    elif field in PAIRS and type(inner) is list:
        yield from ((pair, side) for pair in inner for side in (0, 1))
    elif field in LISTS and not is_parts(inner):
        yield from slots(inner)
    elif field in COLUMNS:  # columns are part of their node; what they hold are nodes
        for column in inner if type(inner) is list else [inner]:
            yield from slots(column)


def long_fields(node: Node) -> Iterator[Slot]:
    """Every array and object of a rule's fields that may go on on other lines."""
    if type(node) is dict and "$" in node:
        for field, inner in node.items():
            if field in (*LISTS, *PAIRS) and type(inner) is list:
                yield node, field
            elif field in COLUMNS:
                for column in inner if type(inner) is list else [inner]:
                    yield from long_fields(column)


def path_to(root: Node, wanted: Node) -> list[str]:
    """The parts of the path from one node to another below it; empty where there is none."""
    seen: set[int] = set()
    waiting: list[tuple[Node, tuple[str, ...]]] = [(root, ())]
    while waiting:
        node, path = waiting.pop()
        if node is wanted:
            return list(path)
        if id(node) not in seen:
            seen.add(id(node))
            waiting.extend((holder[key], path + _step(node, holder, key)) for holder, key in slots(node))
    return []


def _step(node: Node, holder: Node, key: object) -> tuple[str, ...]:
    if holder is node:
        return () if key in OWN and "$" in node else (ReservedPart(f"~{key}") if "$" in node else str(key),)
    return (str(key),)
