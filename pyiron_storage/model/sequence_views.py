"""The views of lists, tuples and arrays of objects: their entries by number, slice or path."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, MutableSequence, Sequence
from typing import Any

from pyiron_storage.errors import NotStorableError, PathNotFoundError
from pyiron_storage.model.views import VIEWS, View, plain
from pyiron_storage.paths import split
from pyiron_storage.records.document import Node
from pyiron_storage.records.parts import ArrayParts, Parts
from pyiron_storage.records.places import Place
from pyiron_storage.records.uses import in_steps


class _Indexed(View):
    """What views of lists and tuples share: items by number, slice or path."""

    def _array(self) -> ArrayParts:
        return self._entries(self._parts())

    def _entries(self, parts: Parts) -> ArrayParts:
        if not isinstance(parts, ArrayParts):
            raise PathNotFoundError(f"{self._source.file}: {self.path!r} is no list any more.")
        return parts

    def __len__(self) -> int:
        return len(self._array())

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, str):
            return self._item(split(index))
        parts = self._array()
        if isinstance(index, slice):
            return [self._shown(parts.at(i), (str(i),)) for i in range(*index.indices(len(parts)))]
        i = self._index(parts, index)
        return self._shown(parts.at(i), (str(i),))

    def _index(self, parts: ArrayParts, index: Any) -> int:
        try:
            return parts.index(str(index.__index__()))
        except KeyError:
            raise IndexError(f"{self.path!r} has {len(parts)} entries, and entry {index} was asked for") from None
        except AttributeError:
            raise TypeError(f"a list is indexed by integers, slices or a path, not {type(index).__name__}") from None

    def __iter__(self) -> Iterator[Any]:
        return in_steps(self, lambda: self._array().places(), lambda entry: self._shown(entry[1], (entry[0],)))


class ListView(_Indexed, MutableSequence[Any]):
    """A stored list: what is appended, inserted, replaced or removed is written.

    A view is a path: after ``view.insert(0, x)`` the view of entry 0 shows another
    one.  So take the real things first to exchange entries:
    ``view[0], view[1] = view.load("1"), view.load("0")``.
    """

    __eq__ = View.__eq__
    __hash__ = None  # type: ignore[assignment]

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(index, slice):
            with self._source.changing():
                new = self._nodes_of(value)
                self._rearrange(lambda nodes: nodes.__setitem__(index, new))
        elif isinstance(index, str):
            self._set_path(split(index), value)
        else:
            i = self._index(self._array(), index)
            self._put([], str(i), value, lambda parts, node: parts.put(str(i), node))

    def __delitem__(self, index: Any) -> None:
        if isinstance(index, slice):
            self._rearrange(lambda nodes: nodes.__delitem__(index))
        elif isinstance(index, str):
            self._delete_path(split(index))
        else:
            self._delete_path([str(self._index(self._array(), index))])

    def insert(self, index: int, value: Any) -> None:
        """Write `value` before entry `index`."""
        with self._source.changing():
            self._insert(index, self._nodes_of([value]))

    def extend(self, values: Any) -> None:
        """Write all `values` behind the last entry, as one change."""
        with self._source.changing():
            self._insert(len(self), self._nodes_of(values))

    def __iadd__(self, values: Any) -> ListView:  # type: ignore[misc, override]
        self.extend(values)
        return self

    def pop(self, index: int = -1) -> Any:
        """Take out an entry and return it, the real thing."""
        value = plain(self[index])
        del self[index]
        return value

    def reverse(self) -> None:
        """Turn the order of the entries round."""
        self._rearrange(list.reverse)

    def clear(self) -> None:
        """Take out all entries."""
        self._rearrange(list.clear)

    def sort(self, *, key: Callable[[Any], Any] | None = None, reverse: bool = False) -> None:
        """Put the entries in order, as a list does: compared as real things, or by `key` of these."""
        with self._source.changing():
            values = self.to_object()
            keys = list(map(key, values)) if key is not None else values
            order = sorted(range(len(values)), key=keys.__getitem__, reverse=reverse)
            self._rearrange(lambda nodes: nodes.__setitem__(slice(None), [nodes[index] for index in order]))

    def __imul__(self, count: int) -> ListView:  # type: ignore[misc, override]
        with self._source.changing():
            values = list(self.to_object())
            if count <= 0:
                self.clear()
            else:
                self.extend(values * (count - 1))
        return self

    def _nodes_of(self, values: Any) -> list[Node]:
        """Encode values for this list; nothing is in it yet if one is refused."""
        values = values.to_object() if isinstance(values, View) else list(values)
        place, parts = self._opened()
        start = len(parts)
        try:
            return [self._encoder(place, [str(start + i)]).part(value) for i, value in enumerate(values)]
        except NotStorableError:
            place.record.drop()
            raise

    def _insert(self, index: int, nodes: list[Node]) -> None:
        parts = self._entries(self._opened()[1])
        start = max(0, index + len(parts)) if index < 0 else min(index, len(parts))
        for i, node in enumerate(nodes, start):
            parts.insert(i, node)

    def _rearrange(self, change: Callable[[list[Node]], Any]) -> None:
        """Let `change` work on the list of all nodes, and write it anew."""
        with self._source.changing():
            parts = self._entries(self._opened()[1])
            nodes = [place.node for place in parts.each()]
            change(nodes)
            parts.rewrite(nodes)


class DequeView(ListView):
    """A stored deque: as a list, at both ends; what is too much for its `maxlen` leaves it at the other end."""

    __eq__ = View.__eq__
    __hash__ = None

    @property
    def maxlen(self) -> int | None:
        """How many entries there are at most; None for any number."""
        with self._source.reading():
            found: int | None = self._place().node["maxlen"]
            return found

    def append(self, value: Any) -> None:
        """Write a value behind the last entry."""
        self.extend([value])

    def appendleft(self, value: Any) -> None:
        """Write a value before the first entry."""
        self.extendleft([value])

    def extend(self, values: Any) -> None:
        """Write all values behind the last entry, as one change."""
        with self._source.changing():
            if self.maxlen is None:
                super().extend(values)
            else:
                self._turn(lambda nodes, new: nodes.extend(new), values)

    def extendleft(self, values: Any) -> None:
        """Write one value after the other before the first entry, as one change."""
        self._turn(lambda nodes, new: nodes.extendleft(new), values)

    def insert(self, index: int, value: Any) -> None:
        """Write a value before an entry; an `IndexError` where there are as many as `maxlen`."""
        self._turn(lambda nodes, new: nodes.insert(index, new[0]), [value])

    def popleft(self) -> Any:
        """Take out the first entry and return it, the real thing."""
        return self.pop(0)

    def rotate(self, count: int = 1) -> None:
        """Move so many entries from the end to the beginning."""
        self._turn(lambda nodes, _: nodes.rotate(count), ())

    def __imul__(self, count: int) -> ListView:  # type: ignore[misc, override]
        self._turn(
            lambda nodes, new: nodes.extend(new) if count > 0 else nodes.clear(), list(self.to_object()) * (count - 1)
        )
        return self

    def _turn(self, change: Callable[[deque[Node], list[Node]], Any], values: Any) -> None:
        """Let `change` work on the deque of all nodes, with those of new values, and write it anew."""
        with self._source.changing():
            new = self._nodes_of(values)
            place, parts = self._opened()
            nodes = deque((entry.node for entry in self._entries(parts).each()), place.node["maxlen"])
            change(nodes, new)
            self._entries(parts).rewrite(list(nodes))

    def _refuse_fixed(self, parts: Parts, place: Place) -> None:
        """Also where it has a `maxlen`, which is looked at here, entries are put and taken out."""


class TupleView(_Indexed, Sequence[Any]):
    """A stored tuple or array of objects: to be read; store a new one to change it."""

    __eq__ = View.__eq__
    __hash__ = None  # type: ignore[assignment]

    def __setitem__(self, index: Any, value: Any) -> None:
        self._set_path(split(index) if isinstance(index, str) else [str(index)], value)

    def __delitem__(self, index: Any) -> None:
        self._delete_path(split(index) if isinstance(index, str) else [str(index)])


VIEWS.update(list=ListView, deque=DequeView, tuple=TupleView, array=TupleView)
