"""The parts of what stands at a place: entries of a list and keys of an object of the document.

`Parts` are what can be reached by a name.  They read, put, insert and remove nodes
in the line where these stand, wherever a long list goes on, and note that line as
changed; nothing else is parsed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from pyiron_storage.records.document import Node, Record, dump
from pyiron_storage.records.long_lines import shorten
from pyiron_storage.records.places import Place
from pyiron_storage.records.structure import is_container, is_parts

LONGEST: Final = 1024
"""Entries of one line that grow beyond this by insertion are split over two."""


class Parts:
    """What is inside a node and can be named in a path; this base has nothing."""

    fixed = True
    """Whether parts can be neither put nor removed."""

    def names(self) -> list[str]:
        """The parts, as they stand in a path before escaping."""
        return []

    def __len__(self) -> int:
        return len(self.names())

    def find(self, part: str) -> Place:
        """Return where a part stands.

        Raises
        ------
        KeyError
            If there is none of this name.
        """
        raise KeyError(part)

    def places(self) -> Iterator[tuple[str, Place]]:
        """Every part with its place."""
        return ((name, self.find(name)) for name in self.names())

    def first(self, count: int) -> list[tuple[str, Place]]:
        """The first parts with their places; the others are not looked at where that can be."""
        return list(islice(self.places(), count))

    def put(self, part: str, node: Node) -> None:
        """Put a node in the place of a part, or add it."""
        raise KeyError(part)

    def remove(self, part: str) -> None:
        """Take a part out."""
        raise KeyError(part)


class ArrayParts(Parts):
    """The entries of an array, by number."""

    def __init__(self, place: Place, *, fixed: bool = False) -> None:
        self.place = place
        self.fixed = fixed

    def names(self) -> list[str]:
        return list(map(str, range(len(self))))

    def __len__(self) -> int:
        node = self.place.node
        return sum(count for _, count in node["lines"]) if is_parts(node) else len(node)

    def find(self, part: str) -> Place:
        return self.at(self.index(part))

    def index(self, part: str) -> int:
        """The number that a part stands for, counted from the end where it is negative."""
        if not _INDEX.fullmatch(part):
            raise KeyError(part)
        index, length = int(part), len(self)
        if not -length <= index < length:
            raise KeyError(part)
        return index % length

    def at(self, index: int) -> Place:
        """Return the place of entry `index`, from 0 to the length less one."""
        node = self.place.node
        if not is_parts(node):
            return self.place.inner(index)
        inner, _, index = self._part(index)
        return inner.at(index)

    def places(self) -> Iterator[tuple[str, Place]]:
        return ((str(index), place) for index, place in enumerate(self.each()))

    def first(self, count: int) -> list[tuple[str, Place]]:
        return [(str(index), self.at(index)) for index in range(min(count, len(self)))]

    def each(self) -> Iterator[Place]:
        """The place of every entry in turn."""
        node = self.place.node
        if not is_parts(node):
            yield from map(self.place.inner, range(len(node)))
            return
        for line, _ in node["lines"]:
            yield from ArrayParts(self._line(line)).each()

    def put(self, part: str, node: Node) -> None:
        self.find(part).put(node)

    def remove(self, part: str) -> None:
        self.delete(self.index(part))

    def delete(self, index: int) -> None:
        """Take entry `index` out."""
        node = self.place.node
        if is_parts(node):
            inner, entry, index = self._part(index)
            inner.delete(index)
            entry[1] -= 1
        else:
            if is_container(node[index]):
                self.place.record.drop()
            del node[index]
        self.place.touch()

    def insert(self, index: int, new: Node) -> None:
        """Put a new entry before entry `index`."""
        node = self.place.node
        if is_parts(node):
            self._insert_into_line(node["lines"], index, new)
        else:
            node.insert(index, new)
            if len(node) > LONGEST and self.place.splits:
                self.place.container[self.place.key] = split_entries(self.place.record, node)
        self.place.touch()

    def _insert_into_line(self, entries: list[list[int]], index: int, new: Node) -> None:
        """Put a new entry into one of the lines, and make it two where it becomes too long."""
        inner, entry, index = self._part(index)
        entry[1] += 1
        if is_parts(inner.place.node):
            inner.insert(index, new)
            return
        inner.place.node.insert(index, new)
        inner.place.touch()
        if entry[1] > LONGEST:
            self._split(entries, entry, inner.place)

    def _split(self, entries: list[list[int]], entry: list[int], place: Place) -> None:
        """Move the second half of a line to a new one behind it."""
        nodes, half = place.node, len(place.node) // 2
        line = place.record.new_line(nodes[half:])
        entries.insert(entries.index(entry) + 1, [line, len(nodes) - half])
        del nodes[half:]
        place.touch()
        entry[1] = half

    def rewrite(self, nodes: list[Node]) -> None:
        """Put these nodes in the place of all entries."""
        self.place.put(shorten(self.place.record, nodes) if self.place.splits else nodes)

    def leaves(self) -> Iterator[list[Node]]:
        """The lists of nodes that the entries are spread over."""
        node = self.place.node
        if not is_parts(node):
            yield node
            return
        for line, _ in node["lines"]:
            yield from ArrayParts(self._line(line)).leaves()

    def _part(self, index: int) -> tuple[ArrayParts, list[int], int]:
        """The line that holds entry `index`, its ``[line, count]``, and the index there."""
        entries = self.place.node["lines"]
        for entry in entries:
            if index < entry[1] or (entry is entries[-1] and index == entry[1]):
                break
            index -= entry[1]
        return ArrayParts(self._line(entry[0])), entry, index

    def _line(self, line: int) -> Place:
        return Place.at_line(self.place.record, line, self.place.depth)


_INDEX: Final = re.compile(r"0|-?[1-9][0-9]*")


class ObjectParts(Parts):
    """The entries of an object, by their keys."""

    def __init__(self, place: Place, *, fixed: bool = False) -> None:
        self.place = place
        self.fixed = fixed

    def names(self) -> list[str]:
        return [name for entries in self._each() for name in entries.node]

    def __len__(self) -> int:
        node = self.place.node
        return sum(count for _, count in node["lines"]) if is_parts(node) else len(node)

    def places(self) -> Iterator[tuple[str, Place]]:
        return ((name, entries.inner(name)) for entries in self._each() for name in entries.node)

    def _each(self) -> Iterator[Place]:
        """The place of every JSON object that the entries are spread over."""
        node = self.place.node
        if not is_parts(node):
            yield self.place
            return
        for line, _ in node["lines"]:
            yield from ObjectParts(Place.at_line(self.place.record, line, self.place.depth))._each()

    def find(self, part: str) -> Place:
        place = self._holder(part, self.place) if type(part) is str else None
        if place is None:
            raise KeyError(part)
        return place.inner(part)

    def _holder(self, part: str, place: Place) -> Place | None:
        """The place of the JSON object that has the key; a line whose bytes lack it is not parsed."""
        node = place.node
        if not is_parts(node):
            return place if part in node else None
        wanted = dump(part) + b":"
        for line, _ in node["lines"]:
            text = place.record.raw(line)
            if wanted in text or b'{"$":"parts"' in text:
                inner = self._holder(part, Place.at_line(place.record, line, place.depth))
                if inner is not None:
                    return inner
        return None

    def put(self, part: str, node: Node) -> None:
        place = self._holder(part, self.place)
        if place is not None:
            place.inner(part).put(node)
        else:
            self._add(part, node)

    def _add(self, part: str, new: Node) -> None:
        node = self.place.node
        if is_parts(node):
            entry = node["lines"][-1]
            ObjectParts(Place.at_line(self.place.record, entry[0], self.place.depth))._add(part, new)
            entry[1] += 1
        else:
            node[part] = new
            if len(node) > LONGEST:
                self.place.container[self.place.key] = split_entries(self.place.record, node)
        self.place.touch()

    def remove(self, part: str) -> None:
        self.find(part)
        self._remove(part)

    def _remove(self, part: str) -> None:
        node = self.place.node
        if is_parts(node):
            for entry in node["lines"]:
                inner = ObjectParts(Place.at_line(self.place.record, entry[0], self.place.depth))
                if inner._holder(part, inner.place) is not None:
                    inner._remove(part)
                    entry[1] -= 1
                    break
        elif is_container(node.pop(part)):
            self.place.record.drop()
        self.place.touch()


def split_entries(record: Record, entries: Any) -> Node:
    """Spread a list or object over two lines."""
    make, every = (list, entries) if type(entries) is list else (dict, list(entries.items()))
    half = len(every) // 2
    pieces = [make(every[:half]), make(every[half:])]
    return {"$": "parts", "lines": [[record.new_line(piece), len(piece)] for piece in pieces]}
