"""What a kind of column is, and the one registry of kinds.

A kind says how many values of one type are written as one node, and how they come
back: all of them at once, or as the ordinary node of one entry, to be looked at.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterator
from itertools import repeat
from operator import countOf, is_
from typing import TYPE_CHECKING, Any, Final

from pyiron_storage.errors import DamagedRecordError
from pyiron_storage.records.document import Node, Record
from pyiron_storage.records.hooks import inherits, registered_reducer
from pyiron_storage.records.places import Place

if TYPE_CHECKING:
    from pyiron_storage.records.columns.outlines import Outline, Walk
    from pyiron_storage.records.decoder import Decoder
    from pyiron_storage.records.encoder import Encoder


def count_holders(values: list[Any]) -> Iterator[int]:
    """The reference count of each value."""
    return map(sys.getrefcount, values)


HELD_BY_LIST: Final = next(count_holders([object()]))
"""The reference count of a thing that only one list holds."""
_HELD_FOR_EVER: Final = sys.getrefcount(None)
"""From Python 3.12 on that of all immortal objects; before, of None alone."""


def count_alone(values: list[Any], held: int) -> int:
    """How many of the values nothing else holds, where `held` is the reference count of one that nothing else does.

    What is immortal counts among them: `timedelta(0)` or ``b""``, of which Python makes the one object again.
    """
    alone = countOf(count_holders(values), held)
    return alone if alone == len(values) else alone + countOf(count_holders(values), _HELD_FOR_EVER)


def are_alone(values: list[Any], held: int) -> list[bool]:
    """Of each of the values, whether nothing else holds it; as for `count_alone`."""
    return list(map({held, _HELD_FOR_EVER}.__contains__, count_holders(values)))


def are_of_one_type(values: list[Any]) -> bool:
    """Whether all values are of the type of the first: the very same, whatever its metaclass calls equal."""
    cls = type(values[0])
    if countOf(map(type, values), cls) != len(values):
        return False
    return inherits(type(cls), type, "__eq__") or all(map(is_, map(type, values), repeat(cls)))


exhaust: Final = deque[None](maxlen=0).extend
"""Run an iterator to its end, in C."""


class ColumnKind:
    """How many values of one type are one node.

    A subclass sets `name` and overrides `encode`, `decode` and either `entries`, or
    `expand` and `entry`; `put` where one entry can be changed without the others.
    """

    name: str = ""
    """What stands behind ``"of"``."""
    has_identity: bool = True
    """Whether it matters who else holds a value."""

    def prepare(self, values: list[Any], held: int, encoder: Encoder) -> Any:
        """Return what `encode` takes where values, of which the first has a type of this kind, are alike; else None.

        `held` is the reference count of a value that nothing else holds.  A kind that
        finds out whether values are alike by converting them returns them converted.
        """
        if not are_of_one_type(values):
            return None
        if self.has_identity and count_alone(values, held) != len(values):
            return None
        return values

    def encode(self, values: Any, held: int, encoder: Encoder) -> dict[str, Node] | None:
        """Return the fields of the column, ``of`` among them; None where these values do not suit."""
        raise NotImplementedError

    def decode(self, node: Node, decoder: Decoder) -> list[Any]:
        """Return all values."""
        raise NotImplementedError

    def prepare_table(self, values: list[Any]) -> Any:
        """Return what `encode` takes of values that are the rows of a table and may be shared."""
        raise NotImplementedError

    def shells(self, node: Node, decoder: Decoder) -> list[Any]:
        """Return all values before they are filled, where they can be shared or hold each other."""
        raise DamagedRecordError(f"{decoder.record.place}: a table cannot have rows that are {self.name}.")

    def fill(self, shells: list[Any], node: Node, decoder: Decoder) -> None:
        """Put into the shells what the column holds."""

    def entries(self, node: Node, start: int, stop: int, record: Record) -> list[Node]:
        """Return the ordinary nodes of some entries, without making the others."""
        return [self.entry(node, start, record)] if stop - start == 1 else self.expand(node, record)[start:stop]

    def entry(self, node: Node, index: int, record: Record) -> Node:
        """Return the ordinary node of one entry."""
        return self.expand(node, record)[index]

    def expand(self, node: Node, record: Record) -> list[Node]:
        """Return the ordinary nodes that the column stands for."""
        return self.entries(node, 0, node["count"], record)

    def index(self, node: Node, wanted: Node, record: Record) -> int:
        """Return which entry is a text.

        Raises
        ------
        KeyError
            If none is.
        """
        try:
            return self.expand(node, record).index(wanted)
        except ValueError:
            raise KeyError(wanted) from None

    def outline(self, node: Node, walk: Walk) -> Outline | None:
        """Return what a walk lists of the entries, of which there are some; None where it looks at each."""
        return None

    def put(self, column: Place, index: int, new: Node) -> bool:
        """Put an ordinary node in the place of an entry, where that is possible without the others."""
        return False


class ColumnKinds:
    """All kinds of columns: by name for reading, by type for writing."""

    def __init__(self) -> None:
        self.by_name: dict[str, ColumnKind] = {}
        self._exact: dict[type, ColumnKind] = {}
        self._predicates: list[tuple[Callable[[type, Any], bool], ColumnKind]] = []
        self._others: list[ColumnKind] = []

    def add(self, kind: ColumnKind, *types: type, predicate: Callable[[type, Any], bool] | None = None) -> None:
        """Register a kind for exact types, or for what a predicate of the type and one value accepts."""
        self.by_name[kind.name] = kind
        self._exact.update(dict.fromkeys(types, kind))
        if predicate is not None:
            self._predicates.insert(0, (predicate, kind))

    def add_other(self, kind: ColumnKind) -> None:
        """Register a kind that looks at any values for which the kind of their type does not serve."""
        self.by_name[kind.name] = kind
        self._others.append(kind)

    def candidates(self, cls: type, value: Any) -> list[ColumnKind]:
        """The kinds for values of a type, of which one is given."""
        if cls in self._exact and registered_reducer(cls) is None:
            return [self._exact[cls], *self._others]
        return [kind for predicate, kind in self._predicates if predicate(cls, value)] + self._others


COLUMN_KINDS: Final = ColumnKinds()
