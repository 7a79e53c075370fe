"""`ForeignRecord`: the record of an object that another library wrote, made while it is read.

The lines that `docs/format.md` describes are not in the file: each is made when
it is asked for, from what stands in the file in its place.  So a part is loaded
without reading the rest, and no class is imported before an object is made.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Protocol

import numpy as np

from pyiron_storage.arrays.native_array import Box, NativeArray, Shape
from pyiron_storage.errors import DamagedRecordError, ReadOnlyError, StorageError
from pyiron_storage.records.document import ROOT, Node, Record, reference
from pyiron_storage.records.dtypes import dtype_node
from pyiron_storage.records.encoder import Encoder
from pyiron_storage.records.rules.values import is_text

Array = np.ndarray[Any, Any]


class Source(Protocol):
    """Where the lines of a foreign record come from: a part of a file in another format."""

    writer: str
    """The library that wrote it."""
    file: str
    """The file."""
    path: str
    """The path of the object in the storage."""

    def node(self, record: ForeignRecord, where: Any) -> Node:
        """The node of what stands somewhere in the file."""

    def read_array(self, name: str) -> Array:
        """The array that a node names as ``native``."""


class ForeignRecord(Record):
    """A record whose lines are made from a file of another library; it cannot be changed, and is not signed.

    Parameters
    ----------
    source
        Makes the nodes and reads the arrays.
    root
        Where the source finds the whole object.
    """

    grows = True

    def __init__(self, source: Source, root: Hashable) -> None:
        self._source = source
        self._root = root
        self._begin()

    def _begin(self) -> None:
        """Start, or start anew, with nothing made yet."""
        self._making = True
        super().__init__()
        self.place, self.path = f"{self._source.file}: {self._source.path}", self._source.path
        self.signing.trusted = False
        self._line_of: dict[Hashable, int] = {self._root: ROOT}
        self._unmade: dict[int, Hashable] = {ROOT: self._root}
        self._settle()

    # -- for sources ---------------------------------------------------------------

    def line_of(self, where: Hashable) -> Node:
        """Return a reference to the line of what stands somewhere; the same one each time."""
        if where not in self._line_of:
            self._line_of[where] = line = self.new_line(None)
            self._unmade[line] = where
        return reference(self._line_of[where])

    def value(self, obj: Any) -> Node:
        """Return the node of a value that was read."""
        return Encoder(self, self.place).part(obj)

    def mapping(self, nodes: dict[str, Node]) -> Node:
        """Return the node of a dict with these nodes."""
        if "$" not in nodes and is_text("".join(nodes)):
            return nodes
        return {"$": "dict", "pairs": [[self.value(key), node] for key, node in nodes.items()]}

    def named(self, module: str, name: str) -> int:
        """Return the number of a class or function of a module, which is not imported for this."""
        return self.type_number({"name": f"{module}:{name}"})

    def imported(self, module: str, name: str) -> Node:
        """Return the node of a class or function itself."""
        return {"$": "import", "type": self.named(module, name)}

    def call(self, function: Any, shown_as: int, *args: Node) -> Node:
        """Return the node of what one of our own functions makes; `shown_as` is the type that a reader sees."""
        made_by = self.imported(function.__module__, function.__qualname__)
        return {"$": "call", "type": shown_as, "function": made_by, "args": list(args)}

    def array_node(self, dataset: Any, name: str) -> Node:
        """Return the node of an array that is read when it is asked for; None for one that holds objects."""
        dtype = dtype_node(np.dtype(dataset.dtype.str) if dataset.dtype.names is None else dataset.dtype)
        return dtype and {"$": "array", "dtype": dtype, "shape": list(dataset.shape), "native": name}

    # -- lines that are made when they are asked for ---------------------------------

    def raw(self, line: int) -> bytes:
        if line in self._unmade:
            self._make(line)
        return super().raw(line)

    def _make(self, line: int) -> None:
        self._making = True
        try:
            self.replace(line, self._source.node(self, self._unmade[line]))
        except StorageError:
            raise
        except (AttributeError, LookupError, OSError, RuntimeError, SyntaxError, TypeError, ValueError) as error:
            raise DamagedRecordError(
                f"{self.place}: {self._unmade[line]!r} is not as {self._source.writer} writes it: {error}."
            ) from error
        finally:
            self._settle()
        del self._unmade[line]

    def _settle(self) -> None:
        """Keep what was made as bytes alone, so that nothing which is done to a node stays."""
        for line in sorted(self._changed):
            super().raw(line)
            del self.nodes[line]
        self._making = False

    def array(self, name: str) -> Array:
        return super().array(name) if name in self.new_arrays else self._source.read_array(name)

    def open_array(self, name: str) -> NativeArray:
        return LoadedArray(self.array(name), self.check_changeable)

    # -- nothing is written ------------------------------------------------------------

    @property
    def changed(self) -> bool:
        return False

    def touch(self, line: int) -> None:
        self._check_making()
        super().touch(line)

    def drop(self) -> None:
        self._check_making()

    def check_changeable(self) -> None:
        self._making = False
        self._check_making()

    def _check_making(self) -> None:
        if not self._making:
            self._begin()  # the attempt may have changed nodes before it came here
            path = self._source.path
            raise ReadOnlyError(
                f"{self.place} was written by {self._source.writer}, whose objects are only read. Save it anew before "
                f"you change it: storage[{path!r}] = storage.load({path!r})."
            )


class LoadedArray(NativeArray):
    """An array of a foreign record, read as a whole; `refuse` raises where it is to be changed."""

    in_parts = False

    def __init__(self, array: Array, refuse: Callable[[], None]) -> None:
        self._array, self._refuse = array, refuse
        self.dtype, self.shape = array.dtype, array.shape

    def read(self, box: Box) -> Array:
        return self._array[box.slices].copy()

    def write(self, box: Box, block: Array) -> None:
        self._refuse()

    def resize(self, shape: Shape) -> None:
        self._refuse()
