"""What is whole of a damaged record: the entries of its lists and dicts that nothing damaged belongs to.

Lines, bytes and arrays are known to be good or not; an entry is whole if it, and all
that it refers to, is good.  Nothing here imports a class or runs stored code.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pyiron_storage.errors import StorageError
from pyiron_storage.paths import join
from pyiron_storage.records.document import HEADER, ROOT, Node, Record
from pyiron_storage.records.graft import Graft
from pyiron_storage.records.places import Place
from pyiron_storage.records.structure import is_container, is_parts, is_reference


@dataclass(frozen=True)
class Goodness:
    """What of a record is as it was written.

    Attributes
    ----------
    line : callable
        Whether a line is, by its number.
    piece : callable
        Whether a piece of the buffers is, by its offset and length.
    array : callable
        Whether a native array is, by its name.
    """

    line: Callable[[int], bool]
    piece: Callable[[int, int], bool]
    array: Callable[[str], bool]


@dataclass
class Salvaged:
    """What was kept of a record.

    Attributes
    ----------
    record : Record or None
        A new record with what is whole; None where nothing is.
    lost : list of str
        The paths, from the object on, of what is not; what has no name is counted.
    """

    record: Record | None
    lost: list[str] = field(default_factory=list)


class _Lost(Exception):
    """Nothing below a node is whole."""


def salvage(record: Record, good: Goodness) -> Salvaged:
    """Return what is whole of a record, as a new record.

    Parameters
    ----------
    record
        The record as it is, read without verifying.
    good
        What of it is as it was written.
    """
    if not good.line(HEADER) or not good.line(ROOT):
        return Salvaged(None, [""])
    return _Salvage(record, good).run()


class _Salvage:
    def __init__(self, record: Record, good: Goodness) -> None:
        self._record, self._good = record, good
        self._kept = Record()
        self._graft = Graft(record, self._kept)
        self._lost: list[str] = []
        self._followed: set[int] = set()
        self._bad = self._bad_lines()

    def run(self) -> Salvaged:
        """Keep what is whole."""
        try:
            node = self._keep(Place.root(self._record), ())
        except _Lost:
            return Salvaged(None, [""])
        self._kept.replace(ROOT, node)
        return Salvaged(self._kept, self._lost)

    # -- what is bad ---------------------------------------------------------------

    def _bad_lines(self) -> set[int]:
        """The lines that are not good, and those that refer to them, directly or not."""
        bad, referring = self._bad_alone()
        found: set[int] = set()
        while bad:
            line = bad.pop()
            if line not in found:
                found.add(line)
                bad.extend(referring[line])
        return found

    def _bad_alone(self) -> tuple[list[int], dict[int, list[int]]]:
        """The lines that are not good themselves, and for each line those that refer to it."""
        referring: dict[int, list[int]] = defaultdict(list)
        bad = []
        for line in range(1, len(self._record) + 1):
            try:
                is_good = self._good.line(line) and (line == HEADER or self._is_good_alone(self._record.parse(line)))
                needed = self._record.references(line) + self._record.parts(line) if is_good and line != HEADER else []
            except StorageError:  # an empty line, or one that refers to a line that is missing
                is_good, needed = False, []
            if not is_good:
                bad.append(line)
            for other in needed:
                referring[other].append(line)
        return bad, referring

    def _is_good_alone(self, node: Node) -> bool:
        """Whether the bytes, arrays and types that a node names are good, without what stands on other lines."""
        waiting = [node]
        while waiting:
            inner = waiting.pop()
            if type(inner) is dict:
                if "$" in inner and not self._is_good_node(inner):
                    return False
                waiting.extend(filter(is_container, inner.values()))
            elif type(inner) is list:
                waiting.extend(filter(is_container, inner))
        return True

    def _is_good_node(self, node: dict[str, Any]) -> bool:
        if type(node.get("at")) is list and not self._good.piece(*node["at"]):
            return False
        if type(node.get("native")) is str and not self._good.array(node["native"]):
            return False
        if type(node.get("type")) is int and type(node["$"]) is str:
            code = self._record.type_entry(node["type"]).get("code")
            return code is None or "at" not in code or self._good.piece(*code["at"])
        return True

    def _is_whole(self, node: Node) -> bool:
        """Whether a node is good, with everything that it refers to."""
        waiting, alone = [node], True
        while waiting and alone:
            inner = waiting.pop()
            if is_reference(inner):
                alone = inner["$"] not in self._bad
            elif is_parts(inner):
                alone = not any(line in self._bad for line, _ in inner["lines"])
            elif is_container(inner):
                waiting.extend(inner.values() if type(inner) is dict else inner)
        return alone and self._is_good_alone(node)

    # -- what is kept ----------------------------------------------------------------

    def _keep(self, place: Place, path: tuple[str, ...]) -> Node:
        """Copy what is whole at a place; return its node in the new record."""
        if self._is_whole(place.node) and not (place.container is self._record.nodes and place.line in self._bad):
            return self._graft.copy(place)
        if is_reference(place.node) and self._good.line(place.node["$"]) and place.node["$"] not in self._followed:
            self._followed.add(place.node["$"])
            return self._keep(Place.at_line(self._record, place.node["$"]), path)
        kind = self._kind(place)
        if kind is None:
            raise _Lost
        pieces: list[tuple[str, Node]] = []
        self._gather(place, path, kind, pieces)
        return dict(pieces) if kind is dict else [node for _, node in pieces]

    def _kind(self, place: Place) -> type | None:
        """What a place is a plain one of: a list or a dict."""
        node = place.node
        while is_parts(node):
            good = [line for line, _ in node["lines"] if self._good.line(line)]
            if not good:
                return None
            node = self._record.parse(good[0])
        if type(node) is dict and "$" in node:
            return None
        return type(node) if is_container(node) else None

    def _gather(self, place: Place, path: tuple[str, ...], kind: type, pieces: list[tuple[str, Node]]) -> None:
        """Keep the entries of a list or dict, wherever it goes on."""
        node = place.node
        if is_parts(node):
            for line, count in node["lines"]:
                if self._good.line(line):
                    self._gather(Place.at_line(self._record, line), path, kind, pieces)
                else:
                    self._lost.append(f"{join(path)}: {count} entries")
                    pieces.extend([("", None)] * count if kind is list else [])
            return
        names = node if kind is dict else range(len(node))
        for name in names:
            inner = (*path, str(name if kind is dict else len(pieces)))
            try:
                pieces.append((str(name), self._keep(place.inner(name), inner)))
            except _Lost:
                self._lost.append(join(inner))
                pieces.extend([("", None)] if kind is list else [])
