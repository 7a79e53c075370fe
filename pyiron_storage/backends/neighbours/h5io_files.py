"""Reading what h5io wrote: the groups and datasets whose attribute ``TITLE`` says what they hold.

`ps.save` gives native values the same ``TITLE``; what is read here is the rest:
dicts, lists and tuples, objects (``use_state``), JSON (``use_json``), dates,
classes, sparse matrices, and tables of pandas.  h5io itself is only needed for
these tables.
"""

from __future__ import annotations

import ast
import datetime
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import quote_from_bytes, unquote_to_bytes

import h5py
import numpy as np
from h5py import h5a, h5d, h5g, h5o

from pyiron_storage.backends.hdf5_values import read_array
from pyiron_storage.backends.neighbours.foreign_record import ForeignRecord
from pyiron_storage.errors import CannotImportError
from pyiron_storage.records.document import Node

Array = np.ndarray[Any, Any]

SPARSE: Final = ("csc_matrix", "csr_matrix", "csc_array", "csr_array")
TABLES: Final = {"pd_dataframe": "DataFrame", "pd_series": "Series"}
GROUPS: Final = frozenset(["dict", "list", "tuple", "multiarray", *SPARSE, *TABLES])
"""Kinds of groups; any other ``TITLE`` of a group is the ``module.Class`` of an object."""
OBJECTS: Final = frozenset(["json", "datetime", "date", "timezone", "class", "void"])
"""Kinds of datasets that hold what is no native value."""
VARIABLE_LENGTH: Final = 16
"""The size in bytes of an attribute of variable length, in which h5io writes each ``TITLE``, and we none."""
_TEXT: Final = h5py.string_dtype()


# -- recognising -------------------------------------------------------------------


def title_of(node: Any, link: bytes = b".") -> str:
    """The ``TITLE`` that h5io gave to a group or dataset, or to what a link in it leads to; else empty."""
    try:
        if h5a.get_info(node, b"TITLE", obj_name=link).data_size != VARIABLE_LENGTH:
            return ""
    except (KeyError, RuntimeError):  # it has none
        return ""
    attribute, text = h5a.open(node, b"TITLE", obj_name=link), np.empty((), _TEXT)
    if attribute.dtype != _TEXT:
        return ""
    attribute.read(text)
    return bytes(text[()]).decode(errors="replace")


def holds_object(node: Any, link: bytes = b".") -> bool:
    """Whether a group or dataset is an object that h5io wrote, not a group of values or a native value."""
    title = title_of(node, link)
    if not title:
        return False
    if h5o.get_info(node, link).type == h5o.TYPE_GROUP:
        return _names_a_class(title) or (title in GROUPS and _has_members_of(h5o.open(node, link), title))
    return title in OBJECTS and _is_stored_as(title, h5o.open(node, link))


def _has_members_of(group: h5g.GroupID, title: str) -> bool:
    """Whether the members of a group have the names that h5io gives to those of this kind."""
    prefix = {"dict": b"key_", "list": b"idx_", "tuple": b"idx_"}.get(title, b"")
    return all(link.startswith(prefix) for link in h5py.Group(group).id)


def _is_stored_as(title: str, dataset: Any) -> bool:
    """Whether a dataset is stored as h5io stores what has this title: a structure by itself, all else as text."""
    if not isinstance(dataset, h5d.DatasetID) or dataset.shape is None:
        return False
    if title == "void":
        return bool(dataset.shape == () and dataset.dtype.kind == "V")
    return len(dataset.shape) == 1 and bool(dataset.dtype == np.uint8)


def _names_a_class(title: str) -> bool:
    """Whether a ``TITLE`` is ``module.Class``, not words that somebody gave to a group."""
    return "." in title and all(map(str.isidentifier, title.split(".")))


# -- the record ----------------------------------------------------------------------


class H5ioObject:
    """One object that h5io wrote, as the source of a record.

    A part is named by its links from the group or dataset of the object,
    percent-encoded and joined by ``/``.

    Parameters
    ----------
    open_root
        Opens the group or dataset of the object, anew at each use.
    file, path
        The file, and the path in the storage.
    title
        The path in the file, as h5io knows it.
    """

    writer = "h5io"

    def __init__(self, open_root: Callable[[], Any], file: str, path: str, title: str) -> None:
        self._open_root, self._title = open_root, title
        self.file, self.path = file, path

    def record(self) -> ForeignRecord:
        return ForeignRecord(self, "")

    def _open(self, where: str) -> Any:
        return h5o.open(self._open_root(), unquote_to_bytes(where) or b".")

    def node(self, record: ForeignRecord, where: str) -> Node:
        found = self._open(where)
        return self._dataset(record, found, where) if isinstance(found, h5d.DatasetID) else self._group(record, where)

    def read_array(self, name: str) -> Array:
        where, _, rows = name.partition("#")
        dataset = self._open(where)
        return np.asarray(h5py.Dataset(dataset)[slice(*map(int, rows.split(":")))]) if rows else read_array(dataset)

    # -- groups -----------------------------------------------------------------------

    def _group(self, record: ForeignRecord, where: str) -> Node:
        group = self._open(where)
        title = title_of(group)
        if title in TABLES:
            return self._table(record, where, TABLES[title])
        if title == "multiarray":
            return self._multiarray(record, where)
        nodes = {_text(link): self._child(record, group, where, link) for link in h5py.Group(group).id}
        return _container(record, title, nodes)

    def _child(self, record: ForeignRecord, group: h5g.GroupID, where: str, link: bytes) -> Node:
        inner = f"{where}/{quote_from_bytes(link)}".removeprefix("/")
        found = h5o.open(group, link)
        return self._dataset(record, found, inner) if isinstance(found, h5d.DatasetID) else record.line_of(inner)

    def _table(self, record: ForeignRecord, where: str, kind: str) -> Node:
        title = f"{self._title}/{unquote_to_bytes(where).decode()}".rstrip("/")
        return record.call(read_table, record.named("pandas", kind), str(Path(self.file).resolve()), title)

    def _multiarray(self, record: ForeignRecord, where: str) -> Node:
        """An array of arrays that differ in their first axis; h5io writes them one behind the other."""
        name = f"{where}/data".removeprefix("/")
        data, ends = self._open(name), read_array(h5o.open(self._open(where), b"index")).tolist()
        bounds = list(zip([0, *ends[:-1]], [*ends[:-1], data.shape[0]], strict=True))
        if len({end - start for start, end in bounds}) == 1:  # numpy makes one array with an axis more of these
            array = read_array(data)
            return record.value(np.array([array[start:end] for start, end in bounds], dtype=object))
        whole = record.array_node(data, "")
        parts = [
            {**whole, "shape": [end - start, *data.shape[1:]], "native": f"{name}#{start}:{end}"}
            for start, end in bounds
        ]
        return {"$": "array", "dtype": "|O", "shape": [len(parts)], "items": parts}

    # -- datasets -----------------------------------------------------------------------

    def _dataset(self, record: ForeignRecord, dataset: h5d.DatasetID, where: str) -> Node:
        title = title_of(dataset)
        if title in ("ndarray", ""):
            node = record.array_node(dataset, where)
            return record.value(np.array(h5py.Dataset(dataset))) if node is None else node
        if title == "class":
            return record.imported(*_split(_text_of(dataset)))
        return record.value(_value(title, dataset))


def _value(title: str, dataset: h5d.DatasetID) -> Any:
    """The value in a dataset that is neither an array nor a class."""
    if title in _READERS:
        return _READERS[title](_text_of(dataset))
    array = read_array(dataset)
    if title in ("int", "float"):
        return array[0].item()
    if title.startswith("np_"):
        return array[0].astype(np.dtype("bool" if title.startswith("np_bool") else title.removeprefix("np_")))
    if title in ("None", "void"):
        return array[()] if title == "void" else None
    raise ValueError(f"a dataset has the TITLE {title!r}")


def _text_of(dataset: h5d.DatasetID) -> str:
    return read_array(dataset).tobytes().decode()


def _text(link: bytes) -> str:
    return link.decode("utf-8", "surrogateescape")


def _container(record: ForeignRecord, title: str, nodes: dict[str, Node]) -> Node:
    """The node of a group whose members have these nodes."""
    if title == "dict":
        return record.mapping({name.removeprefix("key_"): node for name, node in nodes.items()})
    if title in ("list", "tuple"):
        items = list(_numbered(nodes))
        return items if title == "list" else {"$": "tuple", "items": items}
    if title in SPARSE:
        data = {"$": "tuple", "items": [nodes[name] for name in ("data", "indices", "indptr")]}
        return {"$": "call", "type": record.named("scipy.sparse", title), "args": [data, nodes.get("shape")]}
    return _instance(record, title, nodes)


def _numbered(nodes: dict[str, Node]) -> Iterator[Node]:
    """The entries of a list, up to the first number that is missing, as h5io reads it."""
    index = 0
    while (name := f"idx_{index}") in nodes:
        yield nodes[name]
        index += 1


def _split(path: str) -> tuple[str, str]:
    """The module and the name of a class, as h5io joins them."""
    module, _, name = path.rpartition(".")
    return module, name


def _instance(record: ForeignRecord, title: str, state: dict[str, Node]) -> Node:
    if not _names_a_class(title):
        raise ValueError(f"a group has the TITLE {title!r}")
    module, name = _split(title)
    cls = record.named(module, name)
    if not state:  # only the import says whether it is a class or, as for Ellipsis, the object itself
        return record.call(without_state, cls, record.imported(module, name))
    return {"$": "object", "type": cls, "state": record.mapping(state)}


def _timezone(text: str) -> datetime.timezone:
    """The time zone of its repr: ``datetime.timezone(datetime.timedelta(seconds=3600), 'name')``, or ``.utc``."""
    if text == "datetime.timezone.utc":
        return datetime.UTC
    delta, *name = _call_of("datetime.timezone", ast.parse(text, mode="eval").body).args
    difference = _call_of("datetime.timedelta", delta)
    parts = {part.arg or "": ast.literal_eval(part.value) for part in difference.keywords}  # none for timedelta(0)
    return datetime.timezone(datetime.timedelta(**parts), *(str(ast.literal_eval(part)) for part in name))


def _call_of(function: str, written: ast.expr) -> ast.Call:
    if not isinstance(written, ast.Call) or ast.unparse(written.func) != function:
        raise ValueError(f"{ast.unparse(written)} is no {function}")
    return written


_READERS: Final[dict[str, Callable[[str], Any]]] = {
    "unicode": str,
    "ascii": str,
    "str": str,
    "json": json.loads,
    "datetime": datetime.datetime.fromisoformat,
    "date": datetime.date.fromisoformat,
    "timezone": _timezone,
}


# -- what runs when an object is loaded ------------------------------------------------


def without_state(found: Any) -> Any:
    """Return an object that was stored without a state: an instance of a class, or what was imported itself."""
    if not isinstance(found, type):
        return found
    made: Any = cast(Any, found).__new__(found)
    if hasattr(made, "__setstate__"):
        made.__setstate__({})
    return made


def read_table(file: str, title: str) -> Any:
    """Let h5io, and pandas with PyTables, read a table that only they can."""
    try:
        import h5io

        return h5io.read_hdf5(file, title)
    except ImportError as error:
        raise CannotImportError(
            f"{file}: {title} is a table that pandas wrote with PyTables: {error}. Try: pip install h5io pandas tables."
        ) from error
