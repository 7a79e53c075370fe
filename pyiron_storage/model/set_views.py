"""The views of sets, with the operators and methods of sets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from typing import Any, Self

from pyiron_storage.errors import NotStorableError, ReadOnlyError
from pyiron_storage.model.views import VIEWS, View, plain
from pyiron_storage.paths import split
from pyiron_storage.records.parts import ArrayParts


class SetView(View, AbstractSet[Any]):
    """A stored set: what is added or taken out is written; a frozenset is only read.

    Members are compared as real things, so that what names classes must be admitted.
    """

    __eq__ = View.__eq__
    __hash__ = None  # type: ignore[assignment]

    def __contains__(self, value: object) -> bool:
        return value in self.to_object()

    def __iter__(self) -> Iterator[Any]:
        return iter(self.to_object())

    def __len__(self) -> int:
        return len(self._parts())

    def __getitem__(self, path: str) -> Any:
        return self._item(split(path))

    def __setitem__(self, path: str, value: Any) -> None:
        self._set_path(split(path), value)

    def __delitem__(self, path: str) -> None:
        self._delete_path(split(path))

    def __and__(self, other: Any) -> Any:
        return self.to_object() & plain(other)

    def __or__(self, other: Any) -> Any:
        return self.to_object() | plain(other)

    def __sub__(self, other: Any) -> Any:
        return self.to_object() - plain(other)

    def __xor__(self, other: Any) -> Any:
        return self.to_object() ^ plain(other)

    def __le__(self, other: Any) -> bool:
        return bool(self.to_object() <= plain(other))

    def __ge__(self, other: Any) -> bool:
        return bool(self.to_object() >= plain(other))

    def __lt__(self, other: Any) -> bool:
        return bool(self.to_object() < plain(other))

    def __gt__(self, other: Any) -> bool:
        return bool(self.to_object() > plain(other))

    # -- without a change ----------------------------------------------------------

    def union(self, *others: Any) -> Any:
        """A set of what is in this or any of the others."""
        return self.to_object().union(*map(plain, others))

    def intersection(self, *others: Any) -> Any:
        """A set of what is in this and all others."""
        return self.to_object().intersection(*map(plain, others))

    def difference(self, *others: Any) -> Any:
        """A set of what is in this and in none of the others."""
        return self.to_object().difference(*map(plain, others))

    def symmetric_difference(self, other: Any) -> Any:
        """A set of what is in one of the two."""
        return self.to_object().symmetric_difference(plain(other))

    def issubset(self, other: Any) -> bool:
        """Whether all of this is in the other."""
        return bool(self.to_object().issubset(plain(other)))

    def issuperset(self, other: Any) -> bool:
        """Whether all of the other is in this."""
        return bool(self.to_object().issuperset(plain(other)))

    # -- changing ------------------------------------------------------------------

    def add(self, value: Any) -> None:
        """Write a value into the set."""
        self._change(lambda found: found.add(plain(value)))

    def discard(self, value: Any) -> None:
        """Take a value out where it is in the set."""
        self._change(lambda found: found.discard(plain(value)))

    def remove(self, value: Any) -> None:
        """Take a value out; it is a `KeyError` where it is not in the set."""
        self._change(lambda found: found.remove(plain(value)))

    def pop(self) -> Any:
        """Take any value out and return it."""
        return self._change(set.pop)

    def clear(self) -> None:
        """Take all values out."""
        self._change(set.clear)

    def update(self, *others: Any) -> None:
        """Write all values of the others into the set, as one change."""
        self._change(lambda found: found.update(*map(plain, others)))

    def intersection_update(self, *others: Any) -> None:
        """Keep what is in all others."""
        self._change(lambda found: found.intersection_update(*map(plain, others)))

    def difference_update(self, *others: Any) -> None:
        """Take out what is in any of the others."""
        self._change(lambda found: found.difference_update(*map(plain, others)))

    def symmetric_difference_update(self, other: Any) -> None:
        """Keep what is in one of the two."""
        self._change(lambda found: found.symmetric_difference_update(plain(other)))

    def __ior__(self, other: Any) -> Self:
        return self._changed_by(set.__ior__, other)

    def __iand__(self, other: Any) -> Self:
        return self._changed_by(set.__iand__, other)

    def __isub__(self, other: Any) -> Self:
        return self._changed_by(set.__isub__, other)

    def __ixor__(self, other: Any) -> Self:
        return self._changed_by(set.__ixor__, other)

    def _changed_by(self, operator: Callable[[set[Any], Any], Any], other: Any) -> Self:
        other = plain(other)
        if not isinstance(other, AbstractSet):
            return NotImplemented  # type: ignore[no-any-return]
        self._change(lambda found: operator(found, other))
        return self

    def _change(self, change: Callable[[set[Any]], Any]) -> Any:
        """Let `change` work on the real set, and write what it added; what stays keeps its node."""
        with self._source.changing():
            place = self._place()
            if place.node["$"] != "set":
                raise ReadOnlyError(
                    f"{self._source.file}: {self.path or 'this'} is a frozenset, which cannot be changed. Store a new "
                    "one: storage[path] = value."
                )
            entries = ArrayParts(place.inner("items"))
            decoder = self._decoder or self._source.decoder(place.record)
            nodes = {decoder.at(entry.follow()): entry.node for entry in entries.each()}
            found = set(nodes)
            given = change(found)
            encoder = self._encoder(place, [])
            try:
                added = [encoder.part(value) for value in found if value not in nodes]
            except NotStorableError:
                place.record.drop()
                raise
            entries.rewrite([node for value, node in nodes.items() if value in found] + added)
            return given


VIEWS["set"] = SetView
