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

from pyiron_storage.arrays.memory_layout import Axes, axes_of, in_c_order, inverse, is_fortran, stays_read_only
from pyiron_storage.arrays.native_array import Array
from pyiron_storage.errors import DamagedRecordError
from pyiron_storage.records.contents import NATIVE_BYTES
from pyiron_storage.records.decoder import Decoder
from pyiron_storage.records.document import Node, Record
from pyiron_storage.records.dtypes import OBJECTS, Extra, dtype_of, full_dtype_node, read_dtype, same_dtype
from pyiron_storage.records.encoder import Encoder
from pyiron_storage.records.parts import ArrayParts, Parts
from pyiron_storage.records.places import Place
from pyiron_storage.records.rule import REGISTRY, Rule, qualified_name
from pyiron_storage.records.rules.containers import fill_items
from pyiron_storage.records.rules.objects import ObjectRule

MOST_AXES: Final = 64
"""No array of numpy has more; before version 2 it was 32."""


# -- dtypes, with what stands beside them ------------------------------------------------


def put_dtype(dtype: np.dtype[Any], node: dict[str, Node], encoder: Encoder) -> bool:
    """Put a dtype into a node, and under ``args`` what is no JSON of it; give False where it has no JSON."""
    extras: list[Any] = []
    form = full_dtype_node(dtype, extras)
    if form is None:
        return False
    node["dtype"] = form
    if extras:
        node["args"] = list(map(encoder.encode, extras))
        encoder.keep(extras)
    return True


def extra_of(node: dict[str, Node], decoder: Decoder) -> Extra | None:
    """What gives the classes and metadata that the dtype of a node refers to; None where it is only looked at."""
    return None if decoder.is_looking else lambda number: decoder.decode(decoder.array(node["args"])[number])


def node_dtype(node: dict[str, Node], decoder: Decoder) -> np.dtype[Any]:
    """The dtype of a node."""
    return read_dtype(node["dtype"], decoder.record.place, extra_of(node, decoder))


# -- bytes -------------------------------------------------------------------------------


def shape_of(node: dict[str, Node], record: Record) -> tuple[int, ...]:
    """The shape of an array, from its node."""
    shape = node.get("shape")
    if type(shape) is not list or not all(type(n) is int and n >= 0 for n in shape) or len(shape) > MOST_AXES:
        raise DamagedRecordError(f"{record.place}: {shape!r} is no shape of an array.")
    return tuple(shape)


def put_bytes(node: dict[str, Node], array: Array, encoder: Encoder) -> None:
    """Add the bytes of a contiguous array to the record and say in the node where they are."""
    if array.nbytes < NATIVE_BYTES:
        node["at"] = encoder.record.add_bytes(array.reshape(-1).view(np.uint8).data if array.nbytes else b"")
    else:
        node["native"] = encoder.record.add_array(plain_elements(array), encoder.hint)


def plain_elements(array: Array) -> Array:
    """The same bytes as an array of numbers, with one axis more where an element is several."""
    dtype = array.dtype
    if dtype.names is not None or dtype.isbuiltin == _OF_PACKAGE or not dtype.itemsize:
        return array.reshape((*array.shape, 1)).view(np.uint8)
    if dtype.kind in "biufc" and dtype.itemsize <= 16 and dtype not in (np.longdouble, np.clongdouble):
        return array if dtype.metadata is None else array.view(dtype.str)
    if dtype.kind in "mM":
        return array.view(dtype.str[0] + "i8")
    if dtype.kind == "U":
        return array.reshape((*array.shape, 1)).view(dtype.str[0] + "u4")
    return array.reshape((*array.shape, 1)).view(np.uint8)


_OF_PACKAGE: Final = 2
"""What `numpy.dtype.isbuiltin` is where a package has registered the dtype."""


def take_bytes(node: dict[str, Node], decoder: Decoder, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Array:
    """Return the array whose bytes the node names: of its own memory, with the shape it was written with."""
    record = decoder.record
    size = math.prod(shape) * dtype.itemsize
    if "native" in node:
        array: Array = record.map_array(node["native"]) if decoder.mmap else record.array(node["native"])
        if array.nbytes != size:
            raise DamagedRecordError(f"{record.place}: array {node['native']!r} has {array.nbytes} bytes, not {size}.")
        return array if same_dtype(array.dtype, dtype) else array.reshape(-1).view(np.uint8).view(dtype).reshape(shape)
    data = record.bytes_at(node["at"])
    if len(data) != size:
        raise DamagedRecordError(f"{record.place}: an array of {size} bytes has {len(data)} in the buffers.")
    array = np.ndarray(shape, dtype)  # where numpy.empty makes elements of one byte out of those of none
    if size:
        array.reshape(-1).view(np.uint8)[:] = data
    return array


class ArrayRule(Rule):
    """``{"$":"array","dtype":...,"shape":[...],"at":...}``, or ``native``.

    ``"order":"F"`` where columns are contiguous, a list of axes where they lie in another order; ``"readonly":true``.
    With ``items`` instead of bytes for an array of objects.
    """

    name = "array"
    kind = "array"

    def fill_node(self, obj: Array, node: Node, encoder: Encoder) -> None:
        if not put_dtype(obj.dtype, node, encoder):
            reduce_rule.fill_node(obj, node, encoder)
            return
        node["shape"] = list(obj.shape)
        if obj.dtype.kind in ELEMENTS_ARE_OBJECTS:
            if is_fortran(obj):
                node["order"] = "F"
            self.fill_items(obj, node, encoder)
            return
        axes = axes_of(obj)
        if axes is not None:
            node["order"] = order_node(axes)
        if not obj.flags.writeable and stays_read_only(obj):
            node["readonly"] = True
        put_bytes(node, in_c_order(obj) if axes is None else obj.transpose(axes), encoder)

    def fill_items(self, obj: Array, node: Node, encoder: Encoder) -> None:
        """Put the objects of an array into its node."""
        node["items"] = []
        fill_items(node["items"], in_order(obj).tolist(), encoder)

    def is_value(self, node: Node) -> bool:
        return "items" not in node

    def itemsize(self, node: Node) -> int:
        """The bytes of one element."""
        return dtype_of(node["dtype"]).itemsize

    def parts(self, place: Place) -> Parts:
        return ArrayParts(place.inner("items"), fixed=True) if "items" in place.node else Parts()

    def needs_first(self, node: Node) -> list[Node]:
        return [node["args"]] if "args" in node else []

    def shell(self, node: Node, decoder: Decoder) -> Array:
        shape = shape_of(node, decoder.record)
        if has_items(node):
            if math.prod(shape) != self.count(node, decoder):
                raise DamagedRecordError(f"{decoder.record.place}: an array of shape {shape} has too few items.")
            return np.empty(shape, _dtype_of_objects(node, decoder), order="F" if node.get("order") == "F" else "C")
        axes = axes_in(node, len(shape), decoder.record)
        lying = shape if axes is None else tuple(shape[axis] for axis in axes)
        array = take_bytes(node, decoder, node_dtype(node, decoder), lying)
        if node.get("readonly"):
            array.flags.writeable = False
        return array if axes is None else array.transpose(inverse(axes))

    def count(self, node: Node, decoder: Decoder) -> int:
        """How many objects an array of objects has."""
        return len(decoder.array(node["items"]))

    def fill(self, shell: Array, node: Node, decoder: Decoder) -> None:
        if has_items(node):
            flat = in_order(shell)
            for index, item in enumerate(decoder.array(node["items"])):
                flat[index] = decoder.decode(item)


ELEMENTS_ARE_OBJECTS: Final = "OT"
"""The kinds of dtypes of which the elements are no bytes: objects, and text of any length."""


def has_items(node: dict[str, Node]) -> bool:
    """Whether the node of an array has its elements as nodes or in columns."""
    return "items" in node or "columns" in node or node["dtype"] == OBJECTS


def _dtype_of_objects(node: dict[str, Node], decoder: Decoder) -> np.dtype[Any]:
    try:
        dtype = dtype_of(node["dtype"], extra_of(node, decoder))
        if dtype.kind in ELEMENTS_ARE_OBJECTS:
            return dtype
    except (TypeError, ValueError, SyntaxError, LookupError, AttributeError) as error:
        raise DamagedRecordError(f"{decoder.record.place}: {node['dtype']!r} is no dtype of objects.") from error
    raise DamagedRecordError(f"{decoder.record.place}: {node['dtype']!r} is no dtype of objects.")


def order_node(axes: Axes) -> Node:
    """The axes of an array as its node has them."""
    return "F" if axes == tuple(range(len(axes)))[::-1] else list(axes)


def axes_in(node: dict[str, Node], count: int, record: Record) -> Axes | None:
    """The axes of an array in the order in which they lie, the slowest first; None for C order."""
    order = node.get("order", "C")
    if order in ("C", "F"):
        return None if order == "C" else tuple(range(count))[::-1]
    if type(order) is not list or not all(type(n) is int for n in order) or sorted(order) != list(range(count)):
        raise DamagedRecordError(f"{record.place}: {order!r} is no order of {count} axes.")
    return tuple(order)


def in_order(array: Array) -> Array:
    """The elements in the order in which they stand: a view where the array is contiguous."""
    return array.ravel("F" if is_fortran(array) else "C")


class ScalarRule(Rule):
    """``{"$":"scalar","dtype":...,"number":...}`` where JSON has the number, else ``hex``: its bytes."""

    name = "scalar"
    kind = "value"

    def encode(self, obj: np.generic, encoder: Encoder) -> Node:
        if type(obj) is not np.bool_:
            return encoder.once(obj, self)
        return {"$": self.name, "dtype": obj.dtype.str, **_content(obj)}  # there are two of bool

    def fill_node(self, obj: np.generic, node: Node, encoder: Encoder) -> None:
        if type(obj) is not obj.dtype.type or not put_dtype(obj.dtype, node, encoder):
            node.clear()
            reduce_rule.fill_node(obj, node, encoder)
        else:
            node.update(_content(obj))

    def needs_first(self, node: Node) -> list[Node]:
        return [node["args"]] if "args" in node else []

    def decode(self, node: Node, decoder: Decoder) -> Any:
        dtype = node_dtype(node, decoder)
        if "number" in node:
            return dtype.type(node["number"]) if dtype.isnative else np.array(node["number"], dtype)[()]
        data = bytes.fromhex(node["hex"])[: dtype.itemsize]
        if dtype.kind in "SU":  # an array would drop NULs at the end
            text = data if dtype.kind == "S" else data.decode(_UTF32[dtype.byteorder], "surrogatepass")
            return dtype.type(text)
        return np.ndarray(1, dtype, bytearray(data))[0] if dtype.itemsize else np.ndarray(1, dtype)[0]

    def type_name(self, node: Node) -> str:
        dtype = node["dtype"]
        return str(dtype["name"]) if type(dtype) is dict and "name" in dtype else qualified_name(dtype_of(dtype).type)


_UTF32: Final = {"<": "utf-32-le", ">": "utf-32-be", "=": f"utf-32-{sys.byteorder[0]}e"}


def scalar_node(obj: Any, form: dict[str, Node]) -> Node:
    """Return the node of a numpy scalar, of which `form` has the dtype."""
    return {"$": "scalar", **form, **_content(obj)}


def _content(obj: Any) -> dict[str, Node]:
    number = obj.item() if obj.dtype.kind in "biuf" and obj.dtype.itemsize <= 8 else None
    if isinstance(number, (int, float)) and math.isfinite(number):
        return {"number": number}
    return {"hex": obj.tobytes().hex()}


class DtypeRule(Rule):
    """``{"$":"dtype","dtype":...}``."""

    name = "dtype"
    kind = "value"
    type_names = ("numpy.dtype",)

    def encode(self, obj: np.dtype[Any], encoder: Encoder) -> Node:
        if obj.isbuiltin == 1 and obj.metadata is None:  # of which there is one
            return {"$": "dtype", "dtype": obj.str} if not obj.hasobject else reduce_rule.encode(obj, encoder)
        return encoder.once(obj, self)

    def fill_node(self, obj: np.dtype[Any], node: Node, encoder: Encoder) -> None:
        if obj.kind in ELEMENTS_ARE_OBJECTS or not put_dtype(obj, node, encoder):
            node.clear()
            reduce_rule.fill_node(obj, node, encoder)

    def needs_first(self, node: Node) -> list[Node]:
        return [node["args"]] if "args" in node else []

    def decode(self, node: Node, decoder: Decoder) -> Any:
        return node_dtype(node, decoder)


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
