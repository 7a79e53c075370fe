"""Each use of a view is one access to its storage, and each change one transaction.

What a method reads is all of one commit, though other processes write.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from types import FunctionType
from typing import Any, Final

from pyiron_storage.errors import StorageError
from pyiron_storage.public import begin_here, public

READING: Final = frozenset(
    {"to_object", "__array__", "__eq__", "info", "list_nodes", "list_groups", "load", "__repr__", "__len__", "_keys"}
    | {"__getitem__", "__contains__", "load_item", "_ipython_key_completions_"}
    | {"_has", "_shown", "walk", "_find_array"}
)
"""The methods that look at what is stored, of views of all kinds."""
CHANGING: Final = frozenset({"__setitem__", "__delitem__", "pop", "popitem", "setdefault"})
"""The methods that look before they change."""
OPERATORS: Final = frozenset(
    {"__getattr__", "__setattr__", "__iadd__", "__imul__", "__ior__", "__iand__", "__isub__", "__ixor__", "__iter__"}
)
"""The special methods beside these whose errors begin where they were called."""
STEP: Final = 16
"""How many entries are looked at in one access while somebody iterates; they may be large arrays."""


def each_use_is_one(cls: type) -> None:
    """Make each method of a class of views that reads or changes one access or one transaction."""
    for name, method in list(vars(cls).items()):
        if name in READING:
            setattr(cls, name, _reading(method))
        elif name in CHANGING:
            setattr(cls, name, _changing(method))
        elif isinstance(method, FunctionType) and (name[:1] != "_" or name in OPERATORS):
            setattr(cls, name, public(method))


def in_steps(view: Any, entries: Callable[[], Iterable[Any]], show: Callable[[Any], Any]) -> Iterator[Any]:
    """Show one entry of a view after the other, some of them in one access.

    Parameters
    ----------
    view
        The view.
    entries
        Gives all entries; called again where another commit has come between.
    show
        What an entry is for whoever iterates.
    """
    done, record, rest = 0, None, iter(())  # type: tuple[int, Any, Iterator[Any]]
    while True:
        with view._source.reading():
            found = view._place().record
            if found is not record:
                record, rest = found, islice(entries(), done, None)
            shown = [show(entry) for entry in islice(rest, STEP)]
        if not shown:
            return
        done += len(shown)
        yield from shown


def _reading(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def one_access(self: Any, *arguments: Any, **options: Any) -> Any:
        try:
            with self._source.reading():
                return method(self, *arguments, **options)
        except StorageError as error:
            begin_here(error)
            raise

    return one_access


def _changing(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def one_change(self: Any, *arguments: Any, **options: Any) -> Any:
        try:
            with self._source.changing():
                return method(self, *arguments, **options)
        except StorageError as error:
            begin_here(error)
            raise

    return one_change
