"""The parts of a dict: values by keys, which may be any objects."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from pyiron_storage.records.document import Node
from pyiron_storage.records.parts import ArrayParts, ObjectParts, Parts
from pyiron_storage.records.places import NO_KEY, Place, among_the_same, key_of, key_part, key_parts, plain_key
from pyiron_storage.records.structure import is_container


class PairParts(Parts):
    """The values of ``[key, value]`` pairs, by key."""

    fixed = False

    def __init__(self, place: Place) -> None:
        self.pairs = ArrayParts(place)

    def names(self) -> list[str]:
        return list(key_parts(self.pairs.place.record, self._keys()))

    def __len__(self) -> int:
        return len(self.pairs)

    def places(self) -> Iterator[tuple[str, Place]]:
        names = key_parts(self.pairs.place.record, self._keys())
        return ((name, place.inner(1)) for name, place in zip(names, self.pairs.each(), strict=True))

    def key_places(self) -> Iterator[Place]:
        """The place of every key."""
        return (place.inner(0) for place in self.pairs.each())

    def find(self, part: str) -> Place:
        return self.pairs.at(self._index(part)).inner(1)

    def _index(self, part: str) -> int:
        wanted, found = plain_key(part), None
        if wanted is not NO_KEY:  # compared as Python does: 1, 1.0 and True are one key
            found = next((i for i, key in enumerate(self._keys()) if key == wanted and _is_like(key, wanted)), None)
        if found is None:  # numbers of numpy, tuples and others, by what stands for them in a path
            found = self._like(*among_the_same(part))
        if found is None:
            raise KeyError(part)
        return found

    def _like(self, part: str, number: int) -> int | None:
        """The place of the key that a part stands for: the first, second, ... of those that look like it."""
        record = self.pairs.place.record
        others = ((i, key) for i, key in enumerate(self._keys()) if type(key) not in _COMPARED)
        like = (i for i, key in others if key_part(record, key) == part)
        return next(islice(like, number - 1, None), None) if number > 0 else None

    def _keys(self) -> Iterator[Node]:
        return (pair[0] for leaf in self.pairs.leaves() for pair in leaf)

    def put(self, part: str, node: Node) -> None:
        self.find(part).put(node)

    def add(self, key: Node, node: Node) -> None:
        """Add a pair at the end."""
        self.pairs.insert(len(self.pairs), [key, node])

    def remove(self, part: str) -> None:
        self.pairs.delete(self._index(part))


class DictParts(Parts):
    """The values of a dict, by key: of a JSON object or, where keys are no plain text, of pairs."""

    fixed = False

    def __init__(self, place: Place) -> None:
        self.place = place

    def _parts(self) -> ObjectParts | PairParts:
        node = self.place.node
        return PairParts(self.place.inner("pairs")) if "$" in node and "pairs" in node else ObjectParts(self.place)

    def names(self) -> list[str]:
        return self._parts().names()

    def __len__(self) -> int:
        return len(self._parts())

    def places(self) -> Iterator[tuple[str, Place]]:
        return self._parts().places()

    def first(self, count: int) -> list[tuple[str, Place]]:
        return self._parts().first(count)

    def key_places(self) -> Iterator[Place]:
        """The place of every key."""
        parts = self._parts()
        if isinstance(parts, PairParts):
            return parts.key_places()
        return (Place(self.place.record, 0, {name: name}, name, 0) for name in parts.names())

    def find(self, part: str) -> Place:
        return self._parts().find(part)

    def put(self, part: str, node: Node) -> None:
        self.put_key(part, key_of(part), node)

    def put_key(self, part: str, key: Node, node: Node) -> None:
        """Put a value under a key that may be new; `key` is its node."""
        parts = self._parts()
        if isinstance(parts, ObjectParts):
            if type(part) is str and part != "$" and key == part:
                parts.put(part, node)
                return
            parts = self._as_pairs(parts)
        try:
            parts.put(part, node)
        except KeyError:
            parts.add(key, node)

    def _as_pairs(self, parts: ObjectParts) -> PairParts:
        pairs = [[name, place.node] for name, place in parts.places()]
        self.place.put({"$": "dict", "pairs": pairs})
        return PairParts(self.place.inner("pairs"))

    def remove(self, part: str) -> None:
        self._parts().remove(part)


_COMPARED: Final = frozenset([str, int, float, bool])
"""The types of keys that are found by comparing them."""


def _is_like(key: Node, wanted: Any) -> bool:
    """Whether two equal nodes are equal keys: containers of the document are not."""
    return not is_container(key) and isinstance(key, str) == isinstance(wanted, str)
