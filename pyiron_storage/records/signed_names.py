"""Which native arrays of a record a signature stands for: those that hold no numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pyiron_storage.records.document import Node, Record


def arrays_without_numbers(record: Record) -> Iterator[str]:
    """The names of the native arrays that hold text, bytes or structures, or that say how a column is put together."""
    for line in sorted(record.reachable()):
        if b'"native":"' in record.raw(line):
            yield from _signed_in(record.parse(line))


def _signed_in(node: Node) -> Iterator[str]:
    waiting: list[tuple[Node, bool]] = [(node, False)]
    while waiting:
        node, is_structure = waiting.pop()
        if type(node) is list:
            waiting.extend((inner, is_structure) for inner in node)
        elif type(node) is dict:
            if "$" in node and type(node.get("native")) is str and (is_structure or not _holds_numbers(node)):
                yield node["native"]
            waiting.extend((inner, field in _STRUCTURE and "$" in node) for field, inner in node.items())


_STRUCTURE: Final = frozenset(["lengths", "rows", "codes"])
"""Fields of columns that say where entries begin and which of them is meant."""
_NUMBERS: Final = frozenset("biufcmM")


def _holds_numbers(node: dict[str, Any]) -> bool:
    """Whether a native array stands for numbers or dates, whatever it is written as."""
    if node.get("of") in ("complex", "date", "datetime", "time", "timedelta"):
        return True
    is_typed = node["$"] == "array" or node.get("of") in ("number", "array", "scalar")
    dtype = node.get("dtype")
    return is_typed and type(dtype) is str and dtype.lstrip("<>|=")[:1] in _NUMBERS
