"""The views of sets, with their operators."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from typing import Any

from pyiron_storage.model.views import VIEWS, View, plain
from pyiron_storage.paths import split


class SetView(View, AbstractSet[Any]):
    """A stored set: to be read; store a new one to change it."""

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


VIEWS["set"] = SetView
