"""What an encoder keeps by value: code that cannot be imported, with the data that it holds as nodes."""

from __future__ import annotations

import warnings
from collections import deque
from typing import Any

from pyiron_storage.errors import StorageWarning
from pyiron_storage.records.code import byte_code_version
from pyiron_storage.records.code_writing import CodePickle
from pyiron_storage.records.document import HEADER, Node
from pyiron_storage.records.encoder import Encoder, Refusal
from pyiron_storage.records.names import from_main
from pyiron_storage.records.version_check import calls_outside


class KeptCode:
    """The functions and classes of one object, on one line of its record.

    They are added one after the other: what one of them holds may name others, which wait.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._pickle = CodePickle(self._hold)
        self._line: int | None = None
        self._names: list[str] = []
        self._items: list[Node] = []
        self._numbers: dict[int, int] = {}
        self._waiting: deque[tuple[Any, dict[str, Any]]] = deque()
        self._adds = False

    @classmethod
    def of(cls, encoder: Encoder) -> KeptCode:
        """What an encoder keeps."""
        if encoder.code is None:
            encoder.code = cls(encoder)
        kept: KeptCode = encoder.code
        return kept

    def add(self, obj: Any, entry: dict[str, Any]) -> None:
        """Keep a function or class, and fill its entry of the header."""
        self._waiting.append((obj, entry))
        if self._adds:
            return
        self._adds = True
        try:
            while self._waiting:
                self._add(*self._waiting.popleft())
        finally:
            self._adds = False

    def _add(self, obj: Any, entry: dict[str, Any]) -> None:
        name = entry["name"]
        try:
            number = self._pickle.add(obj)
        except Refusal:
            raise
        except Exception as error:
            if from_main(name) is not obj:
                raise self._encoder.refusal(
                    obj, f"{name!r} cannot be imported, and cloudpickle refuses it: {error}."
                ) from error
            _warn_of_a_name_alone(name, error)
            return
        try:
            self._pickle.read_again()
        except Exception as error:
            raise self._encoder.refusal(
                obj, f"{name!r} cannot be imported, and its code cannot be read again: {type(error).__name__}: {error}."
            ) from error
        entry |= {"code": {"$": self._its_line()}, "number": number}
        self._encoder.record.touch(HEADER)

    def _its_line(self) -> int:
        if self._line is None:
            self._line = self._encoder.record.new_line(None)
            self._encoder.beside[self._line] = self._node
        return self._line

    def _hold(self, name: str, value: Any) -> int | None:
        """Make a node of what code holds; None where only cloudpickle may know how to store it."""
        known = self._numbers.get(id(value))
        if known is None:
            try:
                node = self._encoder.shared(value)
            except Refusal:
                return None
            self._encoder.keep(value)
            known = self._numbers[id(value)] = len(self._items)
            self._items.append(node)
            self._names.append(name)
        return known

    def _node(self) -> Node:
        node: dict[str, Node] = {"$": "code", "at": self._encoder.record.add_bytes(self._pickle.bytes())}
        node["python"] = byte_code_version()
        return node | ({"fields": self._names, "items": self._items} if self._items else {})


def _warn_of_a_name_alone(name: str, error: Exception) -> None:
    warnings.warn(
        f"{name.replace(':', '.')} is stored as its name alone, for its code cannot be kept: {error}. It loads where "
        "the running program defines it; elsewhere load with on_missing='raw', or define it in a module.",
        StorageWarning,
        stacklevel=calls_outside(),
    )
