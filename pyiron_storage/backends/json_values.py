"""Native values as JSON, for the two back-ends whose files are JSON.

None, bool, 64-bit int, finite float and text stand for themselves; the rest is an
object whose key ``"$"`` names what it is, with the bytes in base64.
"""

from __future__ import annotations

import base64
import math
from typing import Any

import numpy as np

from pyiron_storage.arrays.memory_layout import axes_of, is_fortran, stays_read_only
from pyiron_storage.arrays.native_array import Array
from pyiron_storage.errors import DamagedRecordError
from pyiron_storage.model.object_group import NATIVE_TYPES
from pyiron_storage.records.dtypes import dtype_node, has_empty_elements, read_dtype
from pyiron_storage.records.rules.values import LARGEST, SMALLEST, float_node, is_text, read_float


def check_native(value: Any) -> None:
    """Raise `TypeError` where a value is none that JSON holds natively, directly or in base64."""
    kind = type(value)
    if kind is np.ndarray:
        array_header(value)
    elif kind is int and not SMALLEST <= value <= LARGEST:
        raise TypeError("an int beyond 64 bits is not stored natively in JSON")
    elif kind is str and not is_text(value):
        raise TypeError("text with lone surrogates is not stored natively in JSON")
    elif kind not in NATIVE_TYPES:
        raise TypeError(f"{kind.__name__} is not stored natively in JSON")


def to_json(value: Any) -> Any:
    """Return the JSON of a native value.

    Raises
    ------
    TypeError
        If it is none.
    """
    check_native(value)
    kind = type(value)
    if kind is float and not math.isfinite(value):
        return float_node(value)
    if kind is complex:
        return {"$": "complex", "real": to_json(value.real), "imag": to_json(value.imag)}
    if kind is bytes:
        return {"$": "bytes", "base64": base64.b64encode(value).decode()}
    if kind is np.ndarray:
        return {
            **array_header(value),
            "base64": base64.b64encode(value.tobytes("F" if is_fortran(value) else "C")).decode(),
        }
    return value


def array_header(array: Array) -> dict[str, Any]:
    """Dtype, shape and order of an array.

    Raises
    ------
    TypeError
        If its bytes alone do not make it.
    """
    dtype = dtype_node(array.dtype)
    if dtype is None or has_empty_elements(array.dtype):
        raise TypeError(f"an array of {array.dtype} is not stored natively")
    axes = axes_of(array)
    if axes is not None and not is_fortran(array):
        raise TypeError("an array whose axes lie in an order of their own is not stored natively")
    order = {} if axes is None else {"order": "F"}
    flag = {"readonly": True} if stays_read_only(array) else {}
    return {"$": "array", "dtype": dtype, "shape": list(array.shape), **order, **flag}


def flagged(array: Array, node: dict[str, Any]) -> Array:
    """The array of a node, read-only where it was when it was stored."""
    if node.get("readonly"):
        array.flags.writeable = False
    return array


def from_json(node: Any, where: str) -> Any:
    """Return the native value of its JSON; the inverse of `to_json`."""
    if type(node) is not dict:
        return node
    try:
        return _READERS[node["$"]](node, where)
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedRecordError(
            f"{where}: {str(node)[:80]} is no value that this release knows: {error!r}."
        ) from error


def _array(node: dict[str, Any], where: str) -> Array:
    data = bytearray(base64.b64decode(node["base64"]))
    dtype, order = dtype_of(node, where), node.get("order", "C")
    if math.prod(node["shape"]) * dtype.itemsize != len(data):
        raise ValueError(f"{len(data)} bytes are not an array of {dtype} and shape {node['shape']}")
    return flagged(np.ndarray(node["shape"], dtype, data, order=order), node)


def dtype_of(node: dict[str, Any], where: str) -> np.dtype[Any]:
    """The dtype that an array's header names."""
    return read_dtype(node["dtype"], where)


_READERS = {
    "float": lambda node, where: read_float(node),
    "complex": lambda node, where: complex(from_json(node["real"], where), from_json(node["imag"], where)),
    "bytes": lambda node, where: base64.b64decode(node["base64"]),
    "array": _array,
}
