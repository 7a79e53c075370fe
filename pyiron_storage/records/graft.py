"""Copying a stored part into another record, without the classes that it needs.

What names code and is not trusted where it comes from takes the trust from where it goes to.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyiron_storage.records.document import Node, Record, reference
from pyiron_storage.records.places import Place
from pyiron_storage.records.structure import COLUMNS, LISTS, PAIRS, SINGLE, is_parts, is_reference


class Graft:
    """Copy nodes from one record to another, with everything that they refer to.

    Parameters
    ----------
    source, target
        Where the nodes come from and where their lines, bytes and arrays go to.
    require
        Refuses, by the entry in the header, a class or function that may not go there.
    """

    def __init__(
        self, source: Record, target: Record, require: Callable[[dict[str, Any]], None] = lambda _: None
    ) -> None:
        self._source, self._target, self._require = source, target, require
        self._lines: dict[int, int] = {}
        self._waiting: list[int] = []
        self._types: dict[int, int] = {}
        self._names_types = False

    def copy(self, place: Place) -> Node:
        """Return a reference to a copy of the node at a place, on a line of its own in the target.

        A copy of one thing is one thing, and a cycle that comes back to it comes back to the copy.
        """
        if place.row is not None:
            line = self._line(place.row[0])
        elif place.container is self._source.nodes:
            line = self._line(place.line)
        else:
            line = self._target.new_line(self._copy(place.node))
        while self._waiting:
            known = self._waiting.pop()
            self._target.replace(self._lines[known], self._copy(self._source.parse(known)))
        if self._names_types and not self._source.signing.trusted:
            self._target.signing.distrust()
        return reference(line) if place.row is None else {"$": "row", "table": reference(line), "row": place.row[1]}

    def _copy(self, node: Node) -> Node:
        if type(node) is list:
            return [self._copy(inner) for inner in node]
        if type(node) is not dict:
            return node
        if is_reference(node):
            return reference(self._line(node["$"]))
        if is_parts(node):
            return {"$": "parts", "lines": [[self._line(line), count] for line, count in node["lines"]]}
        if "$" not in node:
            return {key: self._copy(inner) for key, inner in node.items()}
        return {field: self._field(field, inner) for field, inner in node.items()}

    def _line(self, line: int) -> int:
        if line not in self._lines:
            self._lines[line] = self._target.new_line(None)
            self._waiting.append(line)
        return self._lines[line]

    def _field(self, field: str, value: Any) -> Any:
        if field in (*LISTS, *PAIRS, *SINGLE, *COLUMNS):
            return self._copy(value)
        if field == "type":
            return self._type(value)
        if field == "at":
            return self._target.add_bytes(bytes(self._source.bytes_at(value)))
        if field == "native":
            return self._target.add_array(self._source.array(value), value.rpartition("-")[0])
        return value

    def _type(self, number: int) -> int:
        if number not in self._types:
            entry = dict(self._source.type_entry(number))
            self._require(entry)
            self._names_types = True
            if "code" in entry:
                entry["code"] = self._copy(entry["code"])
            self._types[number] = self._target.type_number(entry)
        return self._types[number]
