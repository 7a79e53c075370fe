"""Rules for numpy: arrays, scalars, dtypes, and the buffers of other libraries.

A small array stands in ``buffers``, a big one is a native array of the back-end.
What a back-end may not know as an element (text, dates, structures) is written
as what every tool reads: 64-bit integers for dates, code points for text, bytes.
"""

from __future__ import annotations

import math
import pickle
import sys
from typing import Any, Final

import numpy as np

from pyiron_storage.errors import DamagedRecordError
from pyiron_storage.records.contents import NATIVE_BYTES
from pyiron_storage.records.decoder import Decoder
from pyiron_storage.records.document import Node, Record
from pyiron_storage.records.encoder import Encoder
from pyiron_storage.records.parts import ArrayParts, Parts
from pyiron_storage.records.places import Place
from pyiron_storage.records.rule import REGISTRY, Rule, qualified_name
from pyiron_storage.records.rules.containers import fill_items
from pyiron_storage.records.rules.objects import ObjectRule

Array = np.ndarray[Any, Any]
MOST_AXES: Final = 64
"""No array of numpy has more; before version 2 it was 32."""
_SIMPLE: Final = frozenset("biufcmMSUV")


def dtype_node(dtype: np.dtype[Any]) -> Node:
    """The name of a dtype, or its fields as numpy's own file format lists them; None where neither gives it back."""
    if dtype.kind not in _SIMPLE or dtype.hasobject or not _is_bare(dtype):
        return None
    if dtype.names is None and dtype.subdtype is None:
        return dtype.str
    try:
        node = _listed(np.lib.format.dtype_to_descr(dtype))
        return node if _dtype_of(node) == dtype else None
    except ValueError:  # fields in an order of their own
        return None


def _is_bare(dtype: np.dtype[Any]) -> bool:
    """Whether a dtype is its fields alone: no metadata, no alignment, no class such as `numpy.record`."""
    inner = [field[0] for field in (dtype.fields or {}).values()] + ([dtype.subdtype[0]] if dtype.subdtype else [])
    own = dtype.metadata is None and not dtype.isalignedstruct
    return own and (dtype.names is None or dtype.type is np.void) and all(map(_is_bare, inner))


def _listed(description: Any) -> Any:
    return list(map(_listed, description)) if isinstance(description, (list, tuple)) else description


def _dtype_of(node: Node) -> np.dtype[Any]:
    """The inverse of `dtype_node`."""
    return np.dtype(node) if type(node) is str else np.lib.format.descr_to_dtype(_fields(node))


def _fields(node: Any) -> Any:
    if type(node) is not list:
        return node
    if len(node) == 2 and type(node[1]) is list and all(type(n) is int for n in node[1]):  # [dtype, shape]
        return _fields(node[0]), tuple(node[1])
    return [_field(field) for field in node]


def _field(field: list[Any]) -> tuple[Any, ...]:
    name, dtype, *shape = field
    return (tuple(name) if type(name) is list else name, _fields(dtype), *(tuple(size) for size in shape))


def read_dtype(node: Node, where: str) -> np.dtype[Any]:
    """Return the dtype of a node, or say that it is damaged."""
    try:
        dtype = _dtype_of(node)
    except (TypeError, ValueError, SyntaxError) as error:
        raise DamagedRecordError(f"{where}: {node!r} is no dtype: {error}.") from error
    if dtype.hasobject:
        raise DamagedRecordError(f"{where}: the dtype {node!r} holds objects, which bytes cannot.")
    return dtype


def shape_of(node: dict[str, Node], record: Record) -> tuple[int, ...]:
    """The shape of an array, from its node."""
    shape = node.get("shape")
    if type(shape) is not list or not all(type(n) is int and n >= 0 for n in shape) or len(shape) > MOST_AXES:
        raise DamagedRecordError(f"{record.place}: {shape!r} is no shape of an array.")
    return tuple(shape)


def put_bytes(node: dict[str, Node], array: Array, encoder: Encoder) -> None:
    """Add the bytes of a contiguous array to the record and say in the node where they are."""
    if array.nbytes < NATIVE_BYTES:
        node["at"] = encoder.record.add_bytes(array.reshape(-1).view(np.uint8).data if array.size else b"")
    else:
        node["native"] = encoder.record.add_array(plain_elements(array), encoder.hint)


def plain_elements(array: Array) -> Array:
    """The same bytes as an array of numbers, with one axis more where an element is several."""
    kind = array.dtype.kind
    if kind in "biufc" and array.dtype.itemsize <= 16 and array.dtype not in (np.longdouble, np.clongdouble):
        return array
    if kind in "mM":
        return array.view(array.dtype.str[0] + "i8")
    if kind == "U" and array.dtype.itemsize:
        return array.reshape((*array.shape, 1)).view(array.dtype.str[0] + "u4")
    return array.reshape((*array.shape, 1)).view(np.uint8)


def take_bytes(node: dict[str, Node], decoder: Decoder, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Array:
    """Return the array whose bytes the node names: of its own memory, with the shape it was written with."""
    record = decoder.record
    size = math.prod(shape) * dtype.itemsize
    if "native" in node:
        array = record.map_array(node["native"]) if decoder.mmap else record.array(node["native"])
        if array.nbytes != size:
            raise DamagedRecordError(f"{record.place}: array {node['native']!r} has {array.nbytes} bytes, not {size}.")
        return array if array.dtype == dtype else array.reshape(-1).view(np.uint8).view(dtype).reshape(shape)
    data = record.bytes_at(node["at"])
    if len(data) != size:
        raise DamagedRecordError(f"{record.place}: an array of {size} bytes has {len(data)} in the buffers.")
    array = np.empty(shape, dtype)
    if size:
        array.reshape(-1).view(np.uint8)[:] = data
    return array


class ArrayRule(Rule):
    """``{"$":"array","dtype":...,"shape":[...],"at":...}``, or ``native``.

    ``"order":"F"`` where columns are contiguous. With ``items`` instead of bytes for an array of objects.
    """

    name = "array"
    kind = "array"

    def fill_node(self, obj: Array, node: Node, encoder: Encoder) -> None:
        dtype = "|O" if obj.dtype == object else dtype_node(obj.dtype)
        if dtype is None:
            reduce_rule.fill_node(obj, node, encoder)
            return
        node.update({"dtype": dtype, "shape": list(obj.shape)})
        fortran = is_fortran(obj)
        if fortran:
            node["order"] = "F"
        if obj.dtype == object:
            node["items"] = []
            fill_items(node["items"], in_order(obj).tolist(), encoder)
        else:
            put_bytes(node, obj.T if fortran else np.ascontiguousarray(obj).reshape(obj.shape), encoder)

    def is_value(self, node: Node) -> bool:
        return "items" not in node

    def itemsize(self, node: Node) -> int:
        """The bytes of one element."""
        return _dtype_of(node["dtype"]).itemsize

    def parts(self, place: Place) -> Parts:
        return ArrayParts(place.inner("items"), fixed=True) if "items" in place.node else Parts()

    def shell(self, node: Node, decoder: Decoder) -> Array:
        shape = shape_of(node, decoder.record)
        fortran = node.get("order") == "F"
        if node["dtype"] == "|O":
            if math.prod(shape) != self.count(node, decoder):
                raise DamagedRecordError(f"{decoder.record.place}: an array of shape {shape} has too few items.")
            return np.empty(shape, object, order="F" if fortran else "C")
        array = take_bytes(
            node, decoder, read_dtype(node["dtype"], decoder.record.place), shape[::-1] if fortran else shape
        )
        return array.T if fortran else array

    def count(self, node: Node, decoder: Decoder) -> int:
        """How many objects an array of objects has."""
        return len(decoder.array(node["items"]))

    def fill(self, shell: Array, node: Node, decoder: Decoder) -> None:
        if node["dtype"] == "|O":
            flat = in_order(shell)
            for index, item in enumerate(decoder.array(node["items"])):
                flat[index] = decoder.decode(item)


def is_fortran(array: Array) -> bool:
    """Whether the elements stand in Fortran order."""
    return array.flags.f_contiguous and not array.flags.c_contiguous


def in_order(array: Array) -> Array:
    """The elements in the order in which they stand: a view where the array is contiguous."""
    return array.ravel("F" if is_fortran(array) else "C")


class ScalarRule(Rule):
    """``{"$":"scalar","dtype":...,"number":...}`` where JSON has the number, else ``hex``: its bytes."""

    name = "scalar"
    kind = "value"

    def encode(self, obj: np.generic, encoder: Encoder) -> Node:
        dtype = dtype_node(obj.dtype)
        if dtype is None or type(obj) is not obj.dtype.type:
            return reduce_rule.encode(obj, encoder)
        return scalar_node(obj, dtype) if type(obj) is np.bool_ else encoder.once(obj, self)  # there are two of bool

    def fill_node(self, obj: np.generic, node: Node, encoder: Encoder) -> None:
        node.update(scalar_node(obj, dtype_node(obj.dtype)))

    def decode(self, node: Node, decoder: Decoder) -> Any:
        dtype = read_dtype(node["dtype"], decoder.record.place)
        if "number" in node:
            return dtype.type(node["number"]) if dtype.isnative else np.array(node["number"], dtype)[()]
        data = bytes.fromhex(node["hex"])[: dtype.itemsize]
        if dtype.kind in "SU":  # an array would drop NULs at the end
            return np.bytes_(data) if dtype.kind == "S" else np.str_(data.decode(_UTF32[dtype.byteorder]))
        return np.frombuffer(data, dtype, 1).copy()[0] if dtype.itemsize else np.zeros(1, dtype)[0]

    def type_name(self, node: Node) -> str:
        return qualified_name(_dtype_of(node["dtype"]).type)


_UTF32: Final = {"<": "utf-32-le", ">": "utf-32-be", "=": f"utf-32-{sys.byteorder[0]}e"}


def scalar_node(obj: Any, dtype: Node) -> Node:
    """Return the node of a numpy scalar, of which `dtype` is the node of its dtype."""
    number = obj.item() if obj.dtype.kind in "biuf" and obj.dtype.itemsize <= 8 else None
    if number is not None and math.isfinite(number):
        return {"$": "scalar", "dtype": dtype, "number": number}
    return {"$": "scalar", "dtype": dtype, "hex": obj.tobytes().hex()}


class DtypeRule(Rule):
    """``{"$":"dtype","dtype":...}``."""

    name = "dtype"
    kind = "value"
    type_names = ("numpy.dtype",)

    def encode(self, obj: np.dtype[Any], encoder: Encoder) -> Node:
        return reduce_rule.encode(obj, encoder) if dtype_node(obj) is None else encoder.once(obj, self)

    def fill_node(self, obj: np.dtype[Any], node: Node, encoder: Encoder) -> None:
        node["dtype"] = dtype_node(obj)

    def decode(self, node: Node, decoder: Decoder) -> Any:
        return read_dtype(node["dtype"], decoder.record.place)


class BufferRule(Rule):
    """``{"$":"buffer","at":...}`` or ``native``: a `pickle.PickleBuffer`; ``"readonly":true`` comes back as bytes."""

    name = "buffer"
    kind = "value"

    def fill_node(self, obj: pickle.PickleBuffer, node: Node, encoder: Encoder) -> None:
        data = obj.raw()
        node["length"] = data.nbytes
        node["readonly"] = data.readonly
        put_bytes(node, np.frombuffer(data, np.uint8), encoder)

    def shell(self, node: Node, decoder: Decoder) -> Any:
        if type(node.get("length")) is not int:
            raise DamagedRecordError(f"{decoder.record.place}: a buffer has no length.")
        array = take_bytes(node, decoder, np.dtype(np.uint8), (node["length"],))
        return array.tobytes() if node.get("readonly") else bytearray(array.data)

    def decode(self, node: Node, decoder: Decoder) -> Any:
        return self.shell(node, decoder)


reduce_rule = ObjectRule()
REGISTRY.add(ArrayRule(), np.ndarray)
REGISTRY.add(ScalarRule(), predicate=lambda cls: issubclass(cls, np.generic))
REGISTRY.add(DtypeRule(), predicate=lambda cls: issubclass(cls, np.dtype))
REGISTRY.add(BufferRule(), pickle.PickleBuffer)
