"""What a walk lists at and below each entry of a column, found out for all entries together.

A walk that looked at each thing in a column by itself would take a hundred times as
long as loading it.  Most entries of a column look alike: the same paths below each,
the same types.  An outline holds what is common to all once, and what differs, such
as the sizes of texts, in one list for all entries.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import accumulate, repeat
from typing import Any, Protocol

from pyiron_storage.paths import escape
from pyiron_storage.records.document import Node, Record
from pyiron_storage.records.navigate import NodeInfo

Infos = NodeInfo | list[NodeInfo]
"""The info of all entries, or one for each."""
Identity = tuple[int, int]
"""What is shared: the line that it stands on, and the number of a row there or -1."""


class Outline(Protocol):
    """What there is to list of several things, by their number or key."""

    def enter(self, key: Any, path: str, walk: Walk) -> None:
        """List one of them, which is at a path, and what is below it, or leave that to wait."""


class Walk(Protocol):
    """The walk that lists, as far as outlines and columns know it."""

    record: Record
    paths: list[str]
    infos: list[NodeInfo]
    waiting: list[tuple[Outline, Any, str]]

    def add(self, path: str, found: NodeInfo) -> None:
        """List one thing."""

    def entries(self, outline: Outline, keys: Sequence[Any], paths: Sequence[str]) -> None:
        """List several things that have one outline, or leave them to wait."""

    def outline(self, column: Node, count: int) -> Outline:
        """The outline of a column that must have so many entries."""

    def go_on(self, lines: set[int]) -> None:
        """Note that something goes on on other lines, which nothing else may."""

    def table(self, line: int) -> tuple[Outline, int]:
        """The outline of the rows of a table, and how many there are."""

    def shared(self, identity: Identity, outline: Outline, key: Any, path: str) -> None:
        """List what is referred to: in whole the first time, then as the same as that."""

    def instance_info(self, number: int, count: int) -> NodeInfo:
        """The info of an instance of a class of the record with so many attributes."""

    def like_the_first(self, column: Node) -> Alike:
        """The outline of a column of values, all of which have the info of the first."""


class Alike:
    """Entries below each of which stand the same paths.

    Parameters
    ----------
    below : list of str
        What these paths add to that of an entry; the first is empty, for the entry itself.
    infos : sequence of Infos
        For each of the paths.
    count : int
        The number of entries.
    """

    def __init__(self, below: list[str], infos: Sequence[Infos], count: int) -> None:
        self.below, self.infos, self._count = below, infos, count

    @cached_property
    def rows(self) -> Sequence[tuple[NodeInfo, ...]]:
        """What is listed of each entry."""
        if not any(isinstance(infos, list) for infos in self.infos):
            return [tuple(self.infos)] * self._count  # type: ignore[arg-type]
        columns = [infos if isinstance(infos, list) else repeat(infos, self._count) for infos in self.infos]
        return list(zip(*columns, strict=True))

    def enter(self, key: int, path: str, walk: Walk) -> None:
        walk.paths.extend(map(path.__add__, self.below))
        walk.infos.extend(self.rows[key])

    def chosen(self, keys: list[int]) -> Alike:
        """Some of these entries, each as often as its key comes."""
        infos = [list(map(inner.__getitem__, keys)) if isinstance(inner, list) else inner for inner in self.infos]
        return Alike(self.below, infos, len(keys))

    def prefixed(self, name: str) -> Alike:
        """The same entries, as what stands under a name in something else."""
        return Alike(list(map(name.__add__, self.below)), self.infos, self._count)

    def __add__(self, other: Alike) -> Alike:
        return Alike(self.below + other.below, [*self.infos, *other.infos], self._count)


class Fields:
    """Rows that are not alike in some of their fields: these wait by themselves."""

    def __init__(self, parts: list[tuple[str, Outline]]) -> None:
        self._parts = parts

    def enter(self, key: int, path: str, walk: Walk) -> None:
        for number, (below, outline) in enumerate(self._parts):
            if not isinstance(outline, Alike):
                walk.waiting.extend((rest, key, path + name) for name, rest in reversed(self._parts[number:]))
                return
            outline.enter(key, path + below, walk)


def fields(infos: Infos, columns: Iterable[tuple[str, Outline]], count: int) -> Outline:
    """The outline of rows, of the outlines of their columns; neighbours that are alike are put together."""
    parts: list[tuple[str, Outline]] = [("", Alike([""], [infos], count))]
    for name, outline in columns:
        below, (_, last) = f"/{escape(name)}", parts[-1]
        if not isinstance(outline, Alike):
            parts.append((below, outline))
        elif isinstance(last, Alike):
            parts[-1] = "", last + outline.prefixed(below)
        else:
            parts.append(("", outline.prefixed(below)))
    return parts[0][1] if len(parts) == 1 else Fields(parts)


class Lists:
    """Lists whose entries stand one behind the other in one column."""

    def __init__(self, infos: list[NodeInfo], lengths: list[int], flat: Outline) -> None:
        self._infos, self._lengths, self._flat = infos, lengths, flat
        self._starts = list(accumulate(lengths, initial=0))

    def enter(self, key: int, path: str, walk: Walk) -> None:
        walk.add(path, self._infos[key])
        start, length = self._starts[key], self._lengths[key]
        walk.entries(self._flat, range(start, start + length), list(map(f"{path}/".__add__, map(str, range(length)))))


class Chosen:
    """Entries each of which is one in a column of a few; `where` says which."""

    def __init__(self, where: list[tuple[Outline, int]]) -> None:
        self._where = where

    def enter(self, key: int, path: str, walk: Walk) -> None:
        outline, number = self._where[key]
        outline.enter(number, path, walk)


def lists_of_one_length(info: NodeInfo, length: int, flat: Alike, count: int) -> Alike:
    """The outline of short lists that have the same length."""
    below, infos = [""], list[Infos]([info])
    for number in range(length):
        below.extend(map(f"/{number}".__add__, flat.below))
        infos += [inner[number::length] if isinstance(inner, list) else inner for inner in flat.infos]
    return Alike(below, infos, count)
