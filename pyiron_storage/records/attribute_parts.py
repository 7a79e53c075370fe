"""The parts of what has names of its own: attributes of an object, fields of a named tuple."""

from __future__ import annotations

from typing import Final

from pyiron_storage.paths import ReservedPart
from pyiron_storage.records.dict_parts import DictParts
from pyiron_storage.records.document import Node
from pyiron_storage.records.parts import ArrayParts, Parts
from pyiron_storage.records.places import Place


class FieldParts(Parts):
    """The items of a node by the names that its ``fields`` gives them."""

    def __init__(self, place: Place) -> None:
        self._fields: list[str] = place.node["fields"]
        self._items = ArrayParts(place.inner("items"), fixed=True)

    def names(self) -> list[str]:
        return list(self._fields)

    def find(self, part: str) -> Place:
        if type(part) is not str or part not in self._fields:
            raise KeyError(part)
        return self._items.at(self._fields.index(part))


class AttributeParts(Parts):
    """The attributes of an object, and under reserved names what else it has."""

    fixed = False
    _OTHERS: Final = ("args", "kwargs", "items", "pairs", "setter")

    def __init__(self, place: Place) -> None:
        self.place = place

    def _attributes(self) -> list[DictParts]:
        found = [self.place.inner(field).follow() for field in ("state", "slots") if field in self.place.node]
        return [DictParts(place) for place in found if _is_dict(place.node)]

    def _others(self) -> list[ReservedPart]:
        node = self.place.node
        others = [ReservedPart(f"~{field}") for field in self._OTHERS if node.get(field)]
        if "state" in node and node["state"] is not None and not _is_dict(self.place.inner("state").follow().node):
            others.append(ReservedPart("~state"))
        return others

    def names(self) -> list[str]:
        return [name for parts in self._attributes() for name in parts.names()] + self._others()

    def find(self, part: str) -> Place:
        if type(part) is ReservedPart:
            if part not in self._others():
                raise KeyError(part)
            return self._pairs() if part == ReservedPart("~pairs") else self.place.inner(part[1:])
        for parts in self._attributes():
            try:
                return parts.find(part)
            except KeyError:
                continue
        raise KeyError(part)

    def _pairs(self) -> Place:
        """The pairs of an object, to be looked at as the dict that they are."""
        return self.place.showing({"$": "dict", "pairs": self.place.node["pairs"]}, "~pairs")

    def put(self, part: str, node: Node) -> None:
        for parts in self._attributes()[::-1]:
            if part in parts.names():
                parts.put(part, node)
                return
        if type(part) is ReservedPart:
            self.find(part).put(node)
        else:
            self._add(part, node)

    def _add(self, part: str, node: Node) -> None:
        if "state" not in self.place.node or not _is_dict(self.place.inner("state").follow().node):
            raise KeyError(part)  # whether it may have other attributes only its class can say
        DictParts(self.place.inner("state").follow()).put(part, node)

    def remove(self, part: str) -> None:
        for parts in self._attributes():
            if part in parts.names():
                parts.remove(part)
                return
        raise KeyError(part)


def _is_dict(node: Node) -> bool:
    return type(node) is dict and node.get("$") in (None, "dict")
