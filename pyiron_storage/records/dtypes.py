"""dtypes of numpy as JSON: a name, a list of fields, or an object that says more.

A dtype that its own name (``"<f8"``) or the list of fields of numpy's ``.npy`` format gives back is written so, and
a back-end may store arrays of it natively.  An object says the rest: where fields stand that overlap or are aligned,
the class of an element, metadata, and what another package defines, by name and size, so that shape and bytes
stay readable without that package.  Classes and metadata are no JSON: they are `extras`, to which the JSON refers
by number, and which stand as nodes beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from pyiron_storage.errors import DamagedRecordError, StorageError
from pyiron_storage.records.document import Node

DType = np.dtype[Any]
Extra = Callable[[int], Any]
"""Gives one of the extras of a dtype by its number."""

OBJECTS: Final = "|O"
"""The dtype of an array of objects, which are nodes."""
MISSING: Final = "pyiron_storage:missing"
"""The key in the metadata of opaque bytes under which stands what they are of, where its package is missing."""
_SIMPLE: Final = frozenset("biufcmMSUV")
_TITLE: Final = 3
"""Where the title of a field stands."""
_OF_PACKAGE: Final = 2
"""What `numpy.dtype.isbuiltin` is where a package has registered the dtype."""


# -- to JSON -------------------------------------------------------------------


def dtype_node(dtype: DType) -> Node:
    """The name of a dtype, or its fields as numpy's own file format lists them; None where neither gives it back.

    Examples
    --------
    >>> dtype_node(np.dtype("f4")), dtype_node(np.dtype([("n", "<i4"), ("x", "<f8", (2,))]))
    ('<f4', [['n', '<i4'], ['x', '<f8', [2]]])
    """
    if dtype.isbuiltin == 1 and dtype.kind in _SIMPLE:
        return dtype.str
    if not _is_bare(dtype) or dtype.subdtype is not None:
        return None
    if dtype.names is None:
        return dtype.str
    try:
        node = _listed(np.lib.format.dtype_to_descr(dtype))
        return node if same_dtype(dtype_of(node), dtype) else None
    except ValueError:  # fields in an order of their own
        return None


def full_dtype_node(dtype: DType, extras: list[Any]) -> Node:
    """The JSON of any dtype; None where it has none. What it refers to is added to `extras`.

    Examples
    --------
    >>> aligned = np.dtype([("n", "u1"), ("x", "<f8")], align=True)
    >>> full_dtype_node(aligned, [])
    {'fields': [['n', '|u1', 0], ['x', '<f8', 8]], 'size': 16, 'aligned': True}
    """
    plain = dtype_node(dtype)
    if plain is not None:
        return plain
    known = len(extras)
    try:
        node = _node(dtype, extras)
        if same_dtype(dtype_of(node, extras.__getitem__), dtype):
            return node
    except (ValueError, TypeError):  # names or titles that are no text, a dtype that is not made of bytes
        pass
    del extras[known:]
    return None


def has_empty_elements(dtype: DType) -> bool:
    """Whether a dtype, or one in it, has elements of no bytes, which other formats do not know.

    Examples
    --------
    >>> has_empty_elements(np.dtype([("a", "S0"), ("b", "i4")]))
    True
    """
    if dtype.subdtype is not None:
        return not dtype.itemsize or has_empty_elements(dtype.subdtype[0])
    return not dtype.itemsize or any(has_empty_elements(dtype.fields[name][0]) for name in dtype.names or ())  # type: ignore[index]


def same_dtype(first: DType, second: DType) -> bool:
    """Whether two dtypes are equal in all that they have: numpy leaves metadata, alignment and class out."""
    return first is second or (
        first == second
        and first.type is second.type
        and first.isalignedstruct == second.isalignedstruct
        and dict(first.metadata or {}) == dict(second.metadata or {})
        and all(map(same_dtype, _inner(first), _inner(second)))
    )


def _inner(dtype: DType) -> list[DType]:
    fields: Any = dtype.fields or {}
    return [fields[name][0] for name in dtype.names or ()] + ([dtype.subdtype[0]] if dtype.subdtype else [])


def _is_bare(dtype: DType) -> bool:
    """Whether a dtype is what its name or its fields say: numpy's own, without metadata, alignment or a class."""
    if dtype.metadata is not None or dtype.isalignedstruct or dtype.isbuiltin == _OF_PACKAGE or dtype.hasobject:
        return False
    if dtype.kind not in _SIMPLE or (dtype.kind == "V" and dtype.type is not np.void):
        return False
    return (dtype.names is None or dtype.kind == "V") and all(map(_is_bare, _inner(dtype)))


def _listed(description: Any) -> Any:
    return list(map(_listed, description)) if isinstance(description, (list, tuple)) else description


def _node(dtype: DType, extras: list[Any]) -> Node:
    metadata = dict(dtype.metadata or {})
    if list(metadata) == [MISSING]:
        missing = metadata[MISSING]
        return {"name": missing.type_name, "size": dtype.itemsize, "extra": _number(missing, extras)}
    if metadata:
        return {"base": _without_metadata(dtype, extras), "metadata": _number(metadata, extras)}
    return _without_metadata(dtype, extras)


def _number(extra: Any, extras: list[Any]) -> int:
    for number, known in enumerate(extras):
        if known is extra:
            return number
    extras.append(extra)
    return len(extras) - 1


def _without_metadata(dtype: DType, extras: list[Any]) -> Node:
    if dtype.names is not None:
        return _structure(dtype, extras)
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return {"base": _node(base, extras), "shape": list(shape)}
    if dtype.isbuiltin == _OF_PACKAGE:
        return _of_package(dtype, extras)
    if dtype.kind == "T":
        missing = {"missing": _number(dtype.na_object, extras)} if hasattr(dtype, "na_object") else {}
        return {"text": "any length", "coerce": dtype.coerce, **missing}  # type: ignore[attr-defined]
    if dtype.kind == "V" and dtype.type is not np.void:
        return {"base": dtype.str, "type": _number(dtype.type, extras)}
    if dtype.kind != "O" and dtype.kind not in _SIMPLE:
        raise ValueError(f"{dtype!r} is not made of bytes")
    return dtype.str


def _structure(dtype: DType, extras: list[Any]) -> Node:
    if dtype.hasobject:
        raise ValueError(f"{dtype!r} holds objects")
    fields: Any = dtype.fields
    node: dict[str, Node] = {"fields": [], "size": dtype.itemsize}
    for name in dtype.names or ():
        inner, offset, *title = fields[name]
        if not all(type(text) is str and text.encode() is not None for text in (name, *title)):
            raise ValueError(f"{title} is no text")
        node["fields"].append([name, _node(inner, extras), offset, *title])
    if dtype.isalignedstruct:
        node["aligned"] = True
    if dtype.kind != "V":  # a number that can be looked at by its fields
        node["type"] = dtype.str
    elif dtype.type is np.record:
        node["type"] = "record"
    elif dtype.type is not np.void:
        node["type"] = _number(dtype.type, extras)
    return node


def _of_package(dtype: DType, extras: list[Any]) -> Node:
    cls = dtype.type
    name = f"{cls.__module__}.{cls.__qualname__}"
    order = {} if dtype.isnative else {"order": "swapped"}
    return {"name": name, "size": dtype.itemsize, "extra": _number(cls, extras), **order}


# -- from JSON -----------------------------------------------------------------


def read_dtype(node: Node, where: str, extra: Extra | None = None) -> DType:
    """Return the dtype of a node, or say that it is damaged.

    Parameters
    ----------
    node
        The JSON.
    where
        File and path, for messages.
    extra
        Gives the extras. Without it nothing is imported: what a package defines is opaque bytes then, and there is
        no metadata.
    """
    try:
        dtype = dtype_of(node, extra)
    except StorageError:
        raise
    except (TypeError, ValueError, SyntaxError, LookupError, AttributeError) as error:
        raise DamagedRecordError(f"{where}: {str(node)[:200]!r} is no dtype: {error}.") from error
    if dtype.hasobject:
        raise DamagedRecordError(f"{where}: the dtype {str(node)[:200]!r} holds objects, which bytes cannot.")
    return dtype


def dtype_of(node: Node, extra: Extra | None = None) -> DType:
    """The inverse of `full_dtype_node`, and without `extra` of `dtype_node`."""
    if type(node) is str:
        return np.dtype(node)
    if type(node) is not dict:
        listed: DType = np.lib.format.descr_to_dtype(_fields(node))
        return listed
    read = next((read for field, read in _READERS.items() if field in node), None)
    if read is None:
        raise ValueError("it is of a kind that is not known here")
    dtype: DType = read(node, extra)
    return dtype


def _read_text(node: dict[str, Node], extra: Extra | None) -> DType:
    missing = {"na_object": extra(node["missing"])} if "missing" in node and extra is not None else {}
    dtype: DType = np.dtypes.StringDType(coerce=bool(node["coerce"]), **missing)
    return dtype


def _read_subarray(node: dict[str, Node], extra: Extra | None) -> DType:
    return np.dtype((dtype_of(node["base"], extra), tuple(node["shape"])))


def _read_with_class(node: dict[str, Node], extra: Extra | None) -> DType:
    base = dtype_of(node["base"], extra)
    return base if extra is None else np.dtype((_element_class(extra(node["type"])), base.itemsize))


def _read_with_metadata(node: dict[str, Node], extra: Extra | None) -> DType:
    base = dtype_of(node["base"], extra)
    if extra is None:
        return base
    metadata = extra(node["metadata"])
    if not isinstance(metadata, dict):
        raise TypeError(f"metadata are a dict, not {type(metadata).__name__}")
    return np.dtype(base, align=base.isalignedstruct, metadata=dict(metadata))


def _read_structure(node: dict[str, Node], extra: Extra | None) -> DType:
    fields = node["fields"]
    described: Any = {
        "names": [field[0] for field in fields],
        "formats": [dtype_of(field[1], extra) for field in fields],
        "offsets": [field[2] for field in fields],
        "itemsize": node["size"],
    }
    titles = [field[3] if len(field) > _TITLE else None for field in fields]
    if any(title is not None for title in titles):
        described["titles"] = titles
    dtype: DType = np.dtype(described, align=bool(node.get("aligned")))
    kind = node.get("type")
    if kind == "record":
        return np.dtype((np.record, dtype))
    if type(kind) is str:
        return np.dtype((np.dtype(kind), dtype))
    return dtype if kind is None or extra is None else np.dtype((_element_class(extra(kind)), dtype))


def _element_class(cls: Any) -> type:
    if not isinstance(cls, type) or not issubclass(cls, np.void):
        raise TypeError(f"{cls!r} is no class of elements")
    return cls


def _read_of_package(node: dict[str, Node], extra: Extra | None) -> DType:
    size = node["size"]
    if type(size) is not int or size < 0:
        raise ValueError(f"{size!r} is no size")
    opaque: DType = np.dtype((np.void, size))
    if extra is None:
        return opaque
    found = extra(node["extra"])
    if not isinstance(found, type):  # what stands for a class that is missing
        return np.dtype(opaque, metadata={MISSING: found})
    dtype: DType = np.dtype(found)
    if dtype.itemsize != size or dtype.type is not found:
        raise ValueError(
            f"an element of {node['name']} has {dtype.itemsize} bytes here, and {size} where it was stored"
        )
    return dtype.newbyteorder("S") if node.get("order") == "swapped" else dtype


_READERS: Final[dict[str, Callable[[dict[str, Node], Extra | None], DType]]] = {
    "fields": _read_structure,
    "name": _read_of_package,
    "text": _read_text,
    "shape": _read_subarray,
    "metadata": _read_with_metadata,
    "type": _read_with_class,
}
"""How an object is read, by the field that tells it from the others."""


def _fields(node: Any) -> Any:
    if type(node) is not list:
        return node
    if len(node) == 2 and type(node[1]) is list and all(type(n) is int for n in node[1]):  # [dtype, shape]
        return _fields(node[0]), tuple(node[1])
    return [_field(field) for field in node]


def _field(field: list[Any]) -> tuple[Any, ...]:
    name, dtype, *shape = field
    return (tuple(name) if type(name) is list else name, _fields(dtype), *(tuple(size) for size in shape))


# -- for people ----------------------------------------------------------------


def shown_dtype(dtype: DType) -> str:
    """A dtype as people read it: the same for an array in a record and for one that a back-end holds natively.

    Examples
    --------
    >>> shown_dtype(np.dtype([("n", "<i4")]))
    "[['n', '<i4']]"
    """
    node = None if dtype.hasobject else full_dtype_node(dtype, [])
    return dtype.str if node is None else dtype_text(node)


def dtype_text(node: Node) -> str:
    """The JSON of a dtype as people read it.

    Examples
    --------
    >>> dtype_text({"name": "ml_dtypes.bfloat16", "size": 2, "extra": 0})
    'bfloat16'
    >>> dtype_text({"fields": [["n", "|u1", 0], ["x", "<f8", 8]], "size": 16, "aligned": True})
    "[['n', '|u1'], ['x', '<f8']]"
    """
    if type(node) is not dict:
        return str(node)
    if "text" in node:
        return "StringDType"
    if "name" in node:
        return str(node["name"]).rpartition(".")[2]
    if "fields" in node:
        return str([[field[0], dtype_text(field[1])] for field in node["fields"]])
    shape = f" {tuple(node['shape'])}" if "shape" in node else ""
    return dtype_text(node.get("base")) + shape
