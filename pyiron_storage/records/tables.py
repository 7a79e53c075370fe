"""Numbered tables: instances that are shared or hold each other, as rows that are referred to by number.

A graph of many like objects (nodes of a tree with their parents) cannot stand in
place, for each of them is held by several others.  `look_for_tables` walks over what
some instances lead to, many things at a time, and where all of it is plain data it
gives each instance a row of a table.  A table stands on its own line and is written
in columns; a reference to a row is the line and the number of the row.

Only plain data: then nobody's code runs while the rows are being filled, and it
makes no difference that all of them are filled together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from itertools import chain
from operator import attrgetter, countOf, itemgetter
from typing import Any, Final

import numpy as np

from pyiron_storage.records.document import LEAST
from pyiron_storage.records.encoder import Encoder
from pyiron_storage.records.rule import REGISTRY, Rule
from pyiron_storage.records.rules.values import have_text_keys

_LEAVES: Final = frozenset(
    """
    plain int float str complex bytes bytearray decimal fraction uuid path
    date timedelta range scalar dtype enum import
    """.split()  # noqa: SIM905  to be read
)
"""Rules of what holds nothing else and is made without looking at anything else."""
_attributes: Final = attrgetter("__dict__")


class RowsRule(Rule):
    """A rule that writes tables, and says which instances can be rows."""

    def takes(self, cls: type, obj: Any) -> bool:
        """Whether instances of a class can be rows: they are their ``__dict__`` and nothing else."""
        raise NotImplementedError


def look_for_tables(values: list[Any], rule: RowsRule, encoder: Encoder) -> None:
    """Note that instances were met one by one; look for tables whenever twice as many were met as the last time.

    `rule` says which instances can be rows, and writes the tables.
    """
    encoder.instances += len(values)
    if encoder.instances >= encoder.next_look:
        encoder.next_look = 2 * encoder.instances
        _discover(values, rule, encoder)


def _discover(start: list[Any], rule: RowsRule, encoder: Encoder) -> None:
    """Give the instances that `start` leads to rows of tables, if all of it is plain data."""
    discovery = _Discovery(rule)
    if not discovery.walk(start):
        return
    known = encoder.known_ids()
    for (_, keys), instances in discovery.groups.items():
        are_new = known.isdisjoint(map(id, instances))
        rows = instances if are_new else [instance for instance in instances if id(instance) not in known]
        if len(rows) >= LEAST and keys and have_text_keys(list(map(_attributes, rows)), keys):
            encoder.add_table(rows, rule)


class _Discovery:
    """A walk over everything that some objects lead to, by waves of objects of one type."""

    def __init__(self, rule: RowsRule) -> None:
        self._rule = rule
        self._seen: set[int] = set()
        self._row_classes: dict[type, bool] = {}
        self._leaves: set[type] = set()
        self.groups: dict[tuple[type, tuple[Any, ...]], list[Any]] = defaultdict(list)
        """The instances of each class that have the same attributes in the same order."""

    def walk(self, start: list[Any]) -> bool:
        """Whether all of it is plain data."""
        waiting = [start]
        while waiting:
            values = waiting.pop()
            types = set(map(type, values))
            for cls in types - self._leaves:
                inside = self._inside(cls, values if len(types) == 1 else [v for v in values if type(v) is cls])
                if inside is None:
                    return False
                waiting.extend(inside)
        return True

    def _inside(self, cls: type, values: list[Any]) -> Iterable[list[Any]] | None:
        """What values of one type hold, in one list or several; None where they are no plain data."""
        if self._is_leaf(cls):
            self._leaves.add(cls)
            return ()
        new = self._new(values)
        if not new:
            return ()
        if cls is np.ndarray:
            return None if any(array.dtype.hasobject for array in new) else ()
        return self._inside_containers(cls, new) if id(cls) in _CONTAINERS else self._inside_instances(cls, new)

    def _is_leaf(self, cls: type) -> bool:
        return cls in self._leaves or REGISTRY.find(cls).name in _LEAVES

    def _new(self, values: list[Any]) -> list[Any]:
        """The values that were not met before, each once."""
        if self._seen.issuperset(map(id, values)):
            return []
        new = dict(zip(map(id, values), values, strict=True))
        if not self._seen.isdisjoint(new):
            new = {number: value for number, value in new.items() if number not in self._seen}
        self._seen.update(new)
        return list(new.values())

    def _inside_containers(self, cls: type, values: list[Any]) -> Iterable[list[Any]] | None:
        if cls in (list, tuple):
            return [list(chain.from_iterable(values))]
        if not all(map(self._is_leaf, set(map(type, chain.from_iterable(values))))):
            return None  # they are hashed
        return [list(chain.from_iterable(map(dict.values, values)))] if cls is dict else ()

    def _inside_instances(self, cls: type, values: list[Any]) -> Iterable[list[Any]] | None:
        if not self._is_row_class(cls, values[0]):
            return None
        states = list(map(_attributes, values))
        keys = tuple(states[0])
        if countOf(map(tuple, states), keys) == len(states):
            self.groups[cls, keys].extend(values)
        else:
            for state, instance in zip(states, values, strict=True):
                self.groups[cls, tuple(state)].append(instance)
            keys = ()
        if keys and len(values) >= LEAST:
            return [list(map(itemgetter(key), states)) for key in keys]  # of one type each, most likely
        return [list(chain.from_iterable(map(dict.values, states)))]

    def _is_row_class(self, cls: type, obj: Any) -> bool:
        if cls not in self._row_classes:
            self._row_classes[cls] = self._rule.takes(cls, obj)
        return self._row_classes[cls]


_CONTAINERS: Final = frozenset(
    map(id, (list, tuple, dict, set, frozenset))
)  # a metaclass may have an equality of its own
