"""Reading what bagofholding wrote: files that are an ``H5Bag`` or a ``TrieH5Bag``.

A bag holds one object, taken apart as pickle would: here it is the record of the
stored object ``object``.  The package bagofholding reads the parts, and must be
installed for that; it imports and makes nothing, which the rules of records do.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
from h5py import h5a, h5g

from pyiron_storage.backends.neighbours.foreign_record import ForeignRecord
from pyiron_storage.errors import CannotImportError, DamagedRecordError
from pyiron_storage.records.document import Node

Array = np.ndarray[Any, Any]

OBJECT: Final = "object"
"""The path of the object in every bag, which is also where `ps.save` puts things."""
_VALUES: Final = {
    "Str": "unpack_string",
    "Bool": "unpack_bool",
    "Long": "unpack_long",
    "Float": "unpack_float",
    "Complex": "unpack_complex",
    "Bytes": "unpack_bytes",
    "Bytearray": "unpack_bytearray",
}
_COLLECTIONS: Final = {"Tuple": "tuple", "Set": "set", "FrozenSet": "frozenset"}


def kind_of_bag(root: h5g.GroupID) -> str | None:
    """Which bag a file is, by what is in it; None where it is none."""
    if b"trie_segments" in root and b"trie_parents" in root:
        return "TrieH5Bag"
    return "H5Bag" if h5a.exists(root, b"qualname") and h5a.exists(root, b"libver_str") else None


class Bag:
    """A file that is a bag, as the source of the record of its object.

    Parameters
    ----------
    file
        The path of the file.
    kind
        The class of bagofholding that wrote it.
    """

    writer = "bagofholding"

    def __init__(self, file: str, kind: str) -> None:
        self.file, self.path, self._kind = file, OBJECT, kind
        self._open = ExitStack()
        self._bag: Any = None

    @property
    def bag(self) -> Any:
        """Bagofholding's own bag, open for reading."""
        if self._bag is None:
            self._bag = self._open.enter_context(_open_bag(self.file, self._kind))
        return self._bag

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        self._bag = None
        self._open.close()

    def record(self) -> ForeignRecord:
        """The record of the object in the bag."""
        return ForeignRecord(self, OBJECT)

    def read_array(self, name: str) -> Array:
        return np.asarray(self._dataset(name)[()])  # h5py gives a scalar for an array without axes

    def _dataset(self, path: str) -> h5py.Dataset:
        """The dataset of an array, not read yet."""
        if self._kind == "TrieH5Bag":
            _, number = self.bag._read_trie(path)
            return self.bag.file[f"ndarrays/i{number}"]
        return self.bag.file[path]

    # -- nodes ----------------------------------------------------------------------

    def node(self, record: ForeignRecord, where: str) -> Node:
        content = self._content(where)
        make = _NODES.get(content)
        if make is not None:
            return make(self, record, where)
        if content in _VALUES:
            return record.value(getattr(self.bag, _VALUES[content])(where))
        if content in _COLLECTIONS:
            return {"$": _COLLECTIONS[content], "items": self._items(record, where)}
        raise DamagedRecordError(
            f"{self.file}: {where} is of the kind {content!r}, which is not known. Load it with bagofholding itself."
        )

    def _content(self, path: str) -> str:
        kind: str = self.bag.unpack_metadata(path).content_type
        return kind.rpartition(".")[2]

    def _child(self, record: ForeignRecord, path: str) -> Node:
        """The node of a part: of a value itself, of anything else a reference to its line, as it may be shared."""
        content = self._content(path)
        if content == "Reference":
            return record.line_of(self.bag.unpack_string(path))
        return self.node(record, path) if content in _VALUES or content in _ALONE else record.line_of(path)

    def _followed(self, path: str) -> str:
        """The path of what stands at a path, which may be a reference to it."""
        return str(self.bag.unpack_string(path)) if self._content(path) == "Reference" else path

    def _paths(self, path: str) -> list[str]:
        """The paths of the entries of a list, tuple or set."""
        path = self._followed(path)
        return [f"{path}/i{index}" for index in range(len(self.bag.open_group(path)))]

    def _items(self, record: ForeignRecord, path: str) -> list[Node]:
        return [self._child(record, inner) for inner in self._paths(path)]

    def _none(self, record: ForeignRecord, path: str) -> Node:
        return None

    def _text_dict(self, record: ForeignRecord, path: str) -> Node:
        return record.mapping({key: self._child(record, f"{path}/{key}") for key in sorted(self.bag.open_group(path))})

    def _dict(self, record: ForeignRecord, path: str) -> Node:
        keys, values = (self._items(record, f"{path}/{side}") for side in ("keys", "values"))
        return {"$": "dict", "pairs": [list(pair) for pair in zip(keys, values, strict=True)]}

    def _array(self, record: ForeignRecord, path: str) -> Node:
        return record.array_node(self._dataset(path), path)

    def _global(self, record: ForeignRecord, path: str) -> Node:
        return record.imported(*self._import_name(path))

    def _import_name(self, path: str) -> tuple[str, str]:
        known = self.bag.unpack_metadata(path)
        return (known.module, known.qualname) if known.module else _split(self.bag.unpack_string(path))

    def _union(self, record: ForeignRecord, path: str) -> Node:
        types = self._items(record, path)
        name = record.named("functools", "reduce")
        return {"$": "call", "type": name, "args": [record.imported("operator", "or_"), types]}

    # -- what pickle would take apart --------------------------------------------------

    def _reducible(self, record: ForeignRecord, path: str) -> Node:
        members = self.bag.open_group(path)
        given = [name for name in _OPTIONAL if name in members and self._content(f"{path}/{name}") != "NoneItem"]
        items, pairs = (
            self._iterated(path, name) if name in given else [] for name in ("item_iterator", "kv_iterator")
        )
        if items is None or pairs is None:
            return self._left_to_bagofholding(record, path)
        node = self._made(record, path)
        node.update({name: self._child(record, f"{path}/{name}") for name in ("state", "setter") if name in given})
        if items:
            node["items"] = [self._child(record, item) for item in items]
        if pairs:
            node["pairs"] = [self._items(record, pair) for pair in pairs]
        return node

    def _left_to_bagofholding(self, record: ForeignRecord, path: str) -> Node:
        known = self.bag.unpack_metadata(path)
        shown_as = record.named(known.module or "builtins", known.qualname or "object")
        return record.call(load_from_bag, shown_as, str(Path(self.file).resolve()), self._kind, path)

    def _made(self, record: ForeignRecord, path: str) -> dict[str, Node]:
        """The call that makes the object, or its class where this is all that is called."""
        constructor = f"{path}/constructor"
        name = self._import_name(constructor) if self._content(constructor) == "Global" else None
        arguments = self._paths(f"{path}/args")
        if name == ("copyreg", "__newobj__") and self._content(arguments[0]) == "Global":
            args = [self._child(record, argument) for argument in arguments[1:]]
            return {"$": "new", "type": record.named(*self._import_name(arguments[0])), "args": args}
        node: dict[str, Node] = {"$": "call", "args": [self._child(record, argument) for argument in arguments]}
        known = self.bag.unpack_metadata(path)
        shown_as = (known.module, known.qualname) if known.module else name
        if shown_as is not None:
            node["type"] = record.named(*shown_as)
        if name is None or shown_as != name:
            node["function"] = self._child(record, constructor)
        return node

    def _iterated(self, path: str, name: str) -> list[str] | None:
        """The paths of what an iterator goes over; None where it is not over a list or tuple."""
        path = f"{path}/{name}"
        if self._content(path) != "Reducible" or self._import_name(f"{path}/constructor") != ("builtins", "iter"):
            return None
        over = self._followed(self._paths(f"{path}/args")[0])
        return self._paths(over) if self._content(over) in ("List", "Tuple") else None


_OPTIONAL: Final = ("state", "item_iterator", "kv_iterator", "setter")
_ALONE: Final = ("NoneItem", "Global")
_NODES: Final[dict[str, Callable[[Bag, ForeignRecord, str], Node]]] = {
    "NoneItem": Bag._none,
    "Global": Bag._global,
    "Array": Bag._array,
    "List": Bag._items,
    "Dict": Bag._dict,
    "StrKeyDict": Bag._text_dict,
    "Union": Bag._union,
    "Reducible": Bag._reducible,
}


def _split(name: str) -> tuple[str, str]:
    """The module and the name in it, joined by dots in the bag; what begins with a capital is a class, no module."""
    parts = name.replace("builtins.NoneType", "types.NoneType").split(".")  # as in int | None; it is no builtin
    classes = [index for index, part in enumerate(parts[1:], 1) if part[:1].isupper()]
    last = classes[0] if classes else len(parts) - 1
    return ".".join(parts[:last]), ".".join(parts[last:])


def _open_bag(file: str, kind: str) -> Any:
    """A bag of bagofholding, of whatever release: it is only read, and what is unknown in it is an error by itself."""
    try:
        bagofholding = importlib.import_module("bagofholding")
    except ImportError as error:
        raise CannotImportError(
            f"{file} is a bag, which only the package bagofholding reads: {error}. Try: pip install bagofholding."
        ) from error
    accepting = {"validate_bag_info": staticmethod(lambda *_: True)}
    return type(kind, (getattr(bagofholding, kind),), accepting)(file)


def load_from_bag(file: str, kind: str, path: str) -> Any:
    """Let bagofholding make an object whose parts only it can find, when the object is loaded."""
    return _open_bag(file, kind).load(path, version_validator="none")
