"""The code of one record that is kept by value: one pickle, and beside it the data that the code holds.

What functions and classes hold that is data (what closures and globals refer to,
defaults, attributes) stands in the record as nodes, so that it is one with the data
beside it and can be browsed.  The pickle has gaps there, and says at its end what
fills them.  Functions and classes share one pickle, so that they stay one as well.
"""

from __future__ import annotations

import enum
import inspect
import io
import pickle
import types
from collections.abc import Callable
from typing import Any, Final

import cloudpickle

from pyiron_storage.records.code import PROTOCOL

Hold = Callable[[str, Any], "int | None"]
"""Takes the name and value of what code holds; gives the number of its node, or None where it stays in the pickle."""


class CodePickle:
    """The pickle of code that grows: each function or class is tried when it is added.

    Parameters
    ----------
    hold
        Makes nodes of the data that the code holds.
    """

    def __init__(self, hold: Hold) -> None:
        self._written, self._tried = io.BytesIO(), io.BytesIO()
        self._pickler = _Pickler(self._written, hold)
        self._unpickler = _Anew(self._tried)
        self._objects: list[Any] = []

    def add(self, obj: Any) -> int:
        """Add a function or class and return its number; where that fails, all is as it was before."""
        memo, gaps, start = self._pickler.memo.copy(), len(self._pickler.gaps), self._written.tell()
        try:
            self._pickler.dump(obj)
        except BaseException:
            self._pickler.memo = memo
            del self._pickler.gaps[gaps:]
            self._written.seek(start)
            self._written.truncate()
            raise
        self._objects.append(obj)
        return len(self._objects) - 1

    def read_again(self) -> None:
        """Make what was added last of its bytes, anew; what goes wrong is raised.

        Plain cloudpickle would find the classes that this process has already, and try nothing.
        """
        at = self._tried.tell()
        with self._written.getbuffer() as written:
            self._tried.write(written[at:])
        self._tried.seek(at)
        self._unpickler.load()

    def bytes(self) -> bytes:
        """The pickle, with what fills its gaps at its end."""
        self._pickler.dump((tuple(self._objects), tuple(self._pickler.gaps)))
        return self._written.getvalue()


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    """Leaves gaps where functions and classes hold data."""

    def __init__(self, file: io.BytesIO, hold: Hold) -> None:
        super().__init__(file, protocol=PROTOCOL)
        self._hold = hold
        self.gaps: list[tuple[Any, str, Any, int]] = []

    def reducer_override(self, obj: Any) -> Any:
        reduced = super().reducer_override(obj)
        if type(reduced) is not tuple or len(reduced) != _BY_VALUE:
            return reduced
        make, args, state, items, pairs, setter = reduced
        if type(state) is not tuple or len(state) != 2:  # of another cloudpickle: all stays in the pickle
            return reduced
        if isinstance(obj, types.FunctionType):
            state = self._of_function(obj, *state)
        elif not isinstance(obj, enum.EnumMeta):
            state = (self._gaps_in(obj, "attribute", state[0]), state[1])
        return make, args, state, items, pairs, setter

    def _of_function(self, function: Any, attributes: Any, slots: Any) -> tuple[Any, Any]:
        slots = dict(slots)
        for field, kind in _FIELDS.items():
            if type(slots.get(field)) is dict:
                slots[field] = self._gaps_in(function, kind, slots[field])
        if type(slots.get("__closure__")) is tuple:
            names = function.__code__.co_freevars
            slots["__closure__"] = tuple(map(self._cell, [function] * len(names), range(len(names)), names))
        if type(slots.get("__defaults__")) is tuple:
            slots["__defaults__"] = tuple(
                None if self._is_gap(function, "default", number, f"default {number}", value) else value
                for number, value in enumerate(slots["__defaults__"])
            )
        return self._gaps_in(function, "attribute", attributes), slots

    def _cell(self, function: Any, number: int, name: str) -> Any:
        cell = function.__closure__[number]
        try:
            value = cell.cell_contents
        except ValueError:  # it is empty
            return cell
        return types.CellType() if self._is_gap(function, "cell", number, name, value) else cell

    def _gaps_in(self, owner: Any, kind: str, values: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in values.items() if not self._is_gap(owner, kind, name, name, value)}

    def _is_gap(self, owner: Any, kind: str, key: Any, name: str, value: Any) -> bool:
        """Whether a value stands beside the code, as a node."""
        if not is_data(value) or name.startswith(("__", "_abc_")):
            return False
        number = self._hold(name, value)
        if number is not None:
            self.gaps.append((owner, kind, key, number))
        return number is not None


_BY_VALUE: Final = 6
"""So many things says cloudpickle of what it keeps by value."""
_FIELDS: Final = {"__globals__": "global", "__kwdefaults__": "keyword"}


def is_data(value: Any) -> bool:
    """Whether a value that code holds is data that can be shared: no code, and nothing that is the same everywhere.

    Examples
    --------
    >>> is_data([1]), is_data(1), is_data(len), is_data(property())
    (True, False, False, False)
    """
    cls = type(value)
    if cls in _ALONE or issubclass(cls, (type, types.ModuleType)):
        return False
    return cls in _CONTAINERS or not hasattr(cls, "__get__")


_ALONE: Final = frozenset([type(None), bool, int, float, complex, str, bytes, type(...), type(NotImplemented)]) | {
    types.BuiltinFunctionType,
    types.CodeType,
    types.CellType,
    types.GenericAlias,
    types.UnionType,
}
_CONTAINERS: Final = frozenset([list, dict, set, tuple, frozenset, bytearray])


class _Anew(pickle.Unpickler):
    """Makes classes that were not there before, though cloudpickle knows them by a name of this process."""

    def find_class(self, module: str, name: str) -> Any:
        found = super().find_class(module, name)
        return _untracked(found) if module.partition(".")[0] == "cloudpickle" and callable(found) else found


def _untracked(function: Any) -> Any:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return function
    if _TRACKER not in signature.parameters:
        return function

    def made(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        bound.arguments[_TRACKER] = None
        return function(*bound.args, **bound.kwargs)

    return made


_TRACKER: Final = "class_tracker_id"
