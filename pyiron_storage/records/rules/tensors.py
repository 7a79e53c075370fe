"""Rules for torch: tensors over the storages that they share, sparse, nested and quantized ones, and its own values.

The bytes of each storage are one native array, written once, however many tensors look
at it.  What names no class of others is data and loads from anywhere.  torch is found by
name, and imported when the first tensor is made, not before; only its public interface is used.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
import math
import re
import warnings
import weakref
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from pyiron_storage.errors import DamagedRecordError, InvalidOptionError, StorageWarning
from pyiron_storage.records.decoder import Decoder
from pyiron_storage.records.document import Node
from pyiron_storage.records.encoder import Encoder
from pyiron_storage.records.parts import ArrayParts, ObjectParts, Parts
from pyiron_storage.records.places import Place
from pyiron_storage.records.rule import NO_SHELL, REGISTRY, Rule, Strides, named
from pyiron_storage.records.rules.arrays import ArrayRule, shape_of
from pyiron_storage.records.rules.objects import type_number
from pyiron_storage.records.rules.pieces import Pieces, PiecesRule, by_protocol, given, require, restored

Array = np.ndarray[Any, Any]
_OF_NUMPY: Final = {
    "float16": "<f2",
    "float32": "<f4",
    "float64": "<f8",
    "complex64": "<c8",
    "complex128": "<c16",
    "bool": "|b1",
    "int8": "|i1",
    "uint8": "|u1",
    **{f"{sign}int{8 * size}": f"<{sign or 'i'}{size}" for sign in ("", "u") for size in (2, 4, 8)},
}
"""The dtypes of torch that numpy has too; what has another one is written as unsigned integers of its size."""
_DTYPE: Final = re.compile(r"[a-z][a-z0-9_]{1,30}")


@functools.cache
def library() -> Any:
    """Return the module torch."""
    return importlib.import_module("torch")


def itemsize_of(dtype: str) -> int:
    """The bytes of one element of a dtype, by its name alone.

    Examples
    --------
    >>> itemsize_of("bfloat16"), itemsize_of("float8_e4m3fn"), itemsize_of("bool"), itemsize_of("uint4")
    (2, 1, 1, 1)
    """
    bits = re.search(r"\d+", dtype)
    return max(1, int(bits[0]) // 8) if bits is not None else 1


def element_of(dtype: str) -> str:
    """The dtype of numpy as which the elements are written."""
    size = itemsize_of(dtype)
    return _OF_NUMPY.get(dtype, "|u1" if size == 1 else f"<u{size}")


def _name(value: Any) -> str:
    """The name of a dtype, layout or scheme: ``float32`` of ``torch.float32``."""
    return str(value).removeprefix("torch.")


# -- storages ------------------------------------------------------------------------------

_STORAGES: Final[weakref.WeakKeyDictionary[Any, dict[int, Any]]] = weakref.WeakKeyDictionary()
"""For each encoder the arrays of storages by their addresses; for each decoder the storages by the ids of arrays."""


def _storages_of(coder: Any) -> dict[int, Any]:
    return _STORAGES.setdefault(coder, {})


def _array_at(address: int, size: int, owner: Any) -> Array:
    """The bytes at an address, which an owner keeps alive.

    Not `Tensor.numpy`, which makes the storage one that can no longer be resized.
    """
    if not size:
        return np.empty(0, np.uint8)
    block = (ctypes.c_ubyte * size).from_address(address)
    block.owner = owner  # type: ignore[attr-defined]
    array: Array = np.frombuffer(block, np.uint8)  # type: ignore[call-overload]
    return array


def _array_of(tensor: Any, dtype: str, encoder: Encoder) -> Array:
    """The array of the storage that a tensor looks at: the same for all tensors that do."""
    storage, known = tensor.untyped_storage(), _storages_of(encoder)
    address = storage.data_ptr()
    if address and address in known:
        found: Array = known[address]
        return found
    lying = storage if storage.device.type == "cpu" else storage.cpu()
    array = _array_at(lying.data_ptr(), lying.nbytes(), lying)
    element = np.dtype(element_of(dtype))
    if array.size % element.itemsize == 0:
        array = array.view(element)
    if tensor.is_contiguous() and array.size == tensor.numel() and array.dtype == element:
        array = array.reshape(tuple(tensor.shape))
    encoder.keep((storage, lying, array))
    if address:
        known[address] = array
    return array


def _storage_of(array: Array, decoder: Decoder, device: str) -> Any:
    """The storage over the bytes of an array, one for each array, on the device that is wanted."""
    known = _storages_of(decoder)
    if id(array) not in known:
        flat = array.reshape(-1).view(np.uint8)
        if not flat.flags.writeable:
            flat = _array_at(flat.ctypes.data, flat.size, flat) if _is_private_map(array) else flat.copy()
        storage = library().from_numpy(flat).untyped_storage()
        known[id(array)] = (_moved(storage, device, decoder.map_location), array)  # an id is unique while it lives
    return known[id(array)][0]


def _is_private_map(array: Array) -> bool:
    """Whether an array is a map of ours: pages may be written to, which stays in this process.

    A map that numpy made says its mode; a tensor that is written to there would end the process.
    """
    return isinstance(array, np.memmap) and getattr(array, "mode", None) is None


# -- devices -------------------------------------------------------------------------------


def _moved(storage: Any, device: str, map_location: Any) -> Any:
    """A storage of the CPU on the device that it had, or that `map_location` says, as `torch.load` does."""
    wanted: Any = device
    if callable(map_location):
        moved = map_location(storage, device)
        if moved is not None:
            return moved.untyped_storage() if hasattr(moved, "untyped_storage") else moved
    elif isinstance(map_location, Mapping):
        wanted = map_location.get(device, device)
    elif map_location is not None:
        wanted = map_location
    return storage if str(wanted) == "cpu" else _on_device(storage, wanted, is_asked_for=wanted != device)


def _on_device(storage: Any, wanted: Any, *, is_asked_for: bool) -> Any:
    torch = library()
    try:
        return torch.empty(0, dtype=torch.uint8).set_(storage).to(torch.device(wanted)).untyped_storage()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        if is_asked_for:
            raise InvalidOptionError(f"map_location: a tensor cannot be put on {wanted!r}: {error}") from error
        warnings.warn(
            f"A tensor was stored from the device {wanted!r}, which is not here; it is on the CPU. "
            "Say where with map_location=.",
            StorageWarning,
            stacklevel=2,
        )
        return storage


# -- tensors -------------------------------------------------------------------------------


class TensorRule(ArrayRule):
    """``{"$":"tensor","dtype":"float32","shape":[2],"value":array}``: the array of the storage.

    ``stride`` and ``offset`` where it is not as a contiguous tensor's; ``device``, ``requires_grad``, ``parameter``,
    ``conj`` and ``neg`` where they are not as usual. Without ``value`` on the device ``meta``.
    """

    name = "tensor"
    kind = "array"

    def begin(self, obj: Any) -> Node:
        return {"$": self.name}

    def fill_node(self, obj: Any, node: Node, encoder: Encoder) -> None:
        rule = _special_rule(obj)
        if rule is None:
            _fill_strided(obj, node, encoder)
            return
        node["$"] = rule.name
        rule.fill_node(obj, node, encoder)

    # -- from nodes ----------------------------------------------------------------

    def needs_first(self, node: Node) -> list[Node]:
        return [node.get("value")]

    def shell(self, node: Node, decoder: Decoder) -> Any:
        return NO_SHELL

    def fill(self, shell: Any, node: Node, decoder: Decoder) -> None:
        pass

    def decode(self, node: Node, decoder: Decoder) -> Any:
        return restored("tensor", decoder, _strided, node, decoder)

    # -- from outside --------------------------------------------------------------

    def is_value(self, node: Node) -> bool:
        return True

    def itemsize(self, node: Node) -> int:
        return itemsize_of(str(node["dtype"]))

    def type_name(self, node: Node) -> str:
        return "torch.nn.Parameter" if node.get("parameter") else "torch.Tensor"

    def parts(self, place: Place) -> Parts:
        return Parts()

    def strides(self, place: Place) -> Strides | None:
        node = place.node
        shape = shape_of(node, place.record)
        steps = tuple(node.get("stride", _contiguous(shape)))
        element = element_of(str(node["dtype"]))
        if "value" not in node:  # on the device meta
            return None
        return Strides(place.inner("value"), element, shape, steps, node.get("offset", 0), "stride" not in node)


def _special_rule(obj: Any) -> Rule | None:
    """The rule of a tensor that is more than numbers in strides; None for one that is not."""
    torch = library()
    if vars(obj) or type(obj) not in (torch.Tensor, torch.nn.Parameter):
        return TENSOR_OBJECT
    if obj.is_quantized:
        return QUANTIZED
    if obj.is_nested:
        return NESTED
    return None if obj.layout is torch.strided else SPARSE


def _fill_strided(tensor: Any, node: Node, encoder: Encoder) -> None:
    torch = library()
    is_parameter, requires_grad = type(tensor) is torch.nn.Parameter, tensor.requires_grad
    tensor = tensor.detach()
    conj, neg = tensor.is_conj(), tensor.is_neg()
    if neg and not _can_be_negative(tensor):
        tensor, neg = tensor.resolve_neg(), False
    plain = tensor.conj() if conj else tensor
    dtype, shape = _name(plain.dtype), list(plain.shape)
    node.update({"dtype": dtype, "shape": shape})
    if plain.device.type != "meta":
        array = _array_of(plain, dtype, encoder)
        node["value"] = encoder.encode(array)
    if not plain.is_contiguous():
        node["stride"] = list(plain.stride())
    if plain.storage_offset():
        node["offset"] = plain.storage_offset()
    device = str(plain.device)
    flags = {"requires_grad": requires_grad or None, "parameter": is_parameter or None, "conj": conj or None}
    node.update(given(**flags, neg=neg or None, device=device if device != "cpu" else None))
    if is_parameter:
        node["requires_grad"] = requires_grad


def _can_be_negative(tensor: Any) -> bool:
    """Whether it can be the imaginary part of a conjugate again, which alone gives the bit."""
    return tensor.storage_offset() % 2 == 1 and all(step % 2 == 0 for step in tensor.stride())


def _strided(node: Node, decoder: Decoder) -> Any:
    torch = library()
    shape, dtype = _sizes(node, "shape"), _dtype(node["dtype"])
    stride = _sizes(node, "stride") if "stride" in node else _contiguous(shape)
    offset = node.get("offset", 0)
    require(len(stride) == len(shape) and type(offset) is int and offset >= 0, "shape and stride do not fit")
    if "value" not in node:
        tensor = torch.empty_strided(shape, stride, dtype=dtype, device="meta")
    else:
        tensor = _over(decoder.decode(node["value"]), node, decoder, (dtype, shape, stride, offset))
    if node.get("neg"):
        tensor = _negative(tensor)
    if node.get("conj"):
        tensor = tensor.conj()
    if node.get("parameter"):
        return torch.nn.Parameter(tensor, requires_grad=bool(node.get("requires_grad")))
    return tensor.requires_grad_() if node.get("requires_grad") else tensor


def _over(array: Any, node: Node, decoder: Decoder, layout: tuple[Any, tuple[int, ...], tuple[int, ...], int]) -> Any:
    """The tensor of a layout over the bytes of an array, in which it must lie."""
    dtype, shape, stride, offset = layout
    require(isinstance(array, np.ndarray) and not array.dtype.hasobject, "the value is no array of numbers")
    last = offset + sum((size - 1) * step for size, step in zip(shape, stride, strict=True))
    if math.prod(shape):
        require(all(step >= 0 for step in stride), "a stride is negative")
        require((last + 1) * itemsize_of(str(node["dtype"])) <= array.nbytes, "it does not lie in its storage")
    storage = _storage_of(array, decoder, str(node.get("device", "cpu")))
    return library().empty(0, dtype=dtype, device=storage.device).set_(storage, offset, shape, stride)


def _negative(tensor: Any) -> Any:
    """The same tensor with the bit that says that its numbers count with the other sign."""
    torch = library()
    half = tuple(step // 2 for step in tensor.stride())
    dtype = {torch.float16: torch.complex32, torch.float32: torch.complex64, torch.float64: torch.complex128}
    whole = torch.empty(0, dtype=dtype[tensor.dtype], device=tensor.device)
    whole.set_(tensor.untyped_storage(), tensor.storage_offset() // 2, tuple(tensor.shape), half)
    return whole.conj().imag


def _contiguous(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The strides of a contiguous tensor."""
    strides = [1] * len(shape)
    for axis in range(len(shape) - 2, -1, -1):
        strides[axis] = strides[axis + 1] * max(1, shape[axis + 1])
    return tuple(strides)


def _sizes(node: Node, field: str) -> tuple[int, ...]:
    sizes = node[field]
    require(type(sizes) is list and all(type(size) is int and size >= 0 for size in sizes), f"{sizes!r} is no {field}")
    return tuple(sizes)


def _dtype(name: Any) -> Any:
    found = getattr(library(), name, None) if type(name) is str and _DTYPE.fullmatch(name) else None
    require(isinstance(found, library().dtype), f"this torch has no dtype {name!r}")
    return found


class TensorObjectRule(Rule):
    """``{"$":"tensorobject","nodes":{"data":tensor},"state":{...}}``: has attributes, or a class, ``type``."""

    name = "tensorobject"
    type_names = ("torch.Tensor",)

    def fill_node(self, obj: Any, node: Node, encoder: Encoder) -> None:
        torch, cls = library(), type(obj)
        if not _is_only_attributes(cls):
            by_protocol.fill_node(obj, node, encoder)
            return
        if cls not in (torch.Tensor, torch.nn.Parameter):
            node["type"] = type_number(cls, encoder)
        data = _plain(obj)
        encoder.keep(data)
        node["nodes"] = {"data": encoder.encode(data)}
        node["state"] = encoder.encode(dict(vars(obj)))

    def needs_first(self, node: Node) -> list[Node]:
        return [node["nodes"]]

    def shell(self, node: Node, decoder: Decoder) -> Any:
        data = decoder.decode(node["nodes"])["data"]
        if not isinstance(data, library().Tensor):
            raise DamagedRecordError(f"{decoder.record.place}: a tensor is stored without its data.")
        return data if "type" not in node else data.as_subclass(decoder.type(node["type"]))

    def fill(self, shell: Any, node: Node, decoder: Decoder) -> None:
        state = decoder.decode(node.get("state"))
        if type(state) is not dict:
            raise DamagedRecordError(f"{decoder.record.place}: a tensor is stored without its attributes.")
        vars(shell).update(state)

    def parts(self, place: Place) -> Parts:
        return ObjectParts(place.inner("nodes").follow(), fixed=True)


def _is_only_attributes(cls: Any) -> bool:
    """Whether objects of a class of tensors are the tensor and their attributes."""
    torch = library()
    if cls in (torch.Tensor, torch.nn.Parameter):
        return True
    base = torch.Tensor
    hooks = ("__reduce_ex__", "__reduce__", "__setstate__", "__getstate__", "__torch_dispatch__")
    own = [name for name in hooks if _found(cls, name) is not _found(base, name)]
    return not own and not issubclass(cls, torch.nn.Parameter) and not any("__slots__" in vars(c) for c in cls.__mro__)


def _found(cls: type, name: str) -> Any:
    return next((vars(base)[name] for base in cls.__mro__ if name in vars(base)), None)


def _plain(obj: Any) -> Any:
    """The same tensor without attributes, over the same storage."""
    torch = library()
    data = obj.detach()
    if type(obj) is torch.nn.Parameter:
        return torch.nn.Parameter(data, requires_grad=obj.requires_grad)
    plain = data.as_subclass(torch.Tensor)
    return plain.requires_grad_() if obj.requires_grad else plain


# -- what is made of several tensors -------------------------------------------------------


def _take_sparse(tensor: Any) -> Pieces | None:
    """``layout``, ``shape``, ``values``, and ``indices`` or ``compressed`` and ``plain`` indices."""
    torch = library()
    found = tensor.detach()
    pieces = {"layout": _name(found.layout), "shape": list(found.shape), **_kept(tensor)}
    if found.layout is torch.sparse_coo:
        coalesced = found.is_coalesced()
        indices = found.indices() if coalesced else found._indices()  # as its documentation says
        values = found.values() if coalesced else found._values()
        return {**pieces, "indices": indices, "values": values, **given(coalesced=coalesced or None)}
    if found.layout in (torch.sparse_csr, torch.sparse_bsr):
        return {**pieces, "compressed": found.crow_indices(), "plain": found.col_indices(), "values": found.values()}
    if found.layout in (torch.sparse_csc, torch.sparse_bsc):
        return {**pieces, "compressed": found.ccol_indices(), "plain": found.row_indices(), "values": found.values()}
    return None


def _make_sparse(*, layout: str, shape: list[int], values: Any, requires_grad: bool = False, **pieces: Any) -> Any:
    torch = library()
    require(layout in _SPARSE, f"{layout!r} is no layout of a sparse tensor")
    if layout == "sparse_coo":
        made = torch.sparse_coo_tensor(
            pieces["indices"], values, tuple(shape), is_coalesced=pieces.get("coalesced", False), check_invariants=True
        )
    else:
        made = torch.sparse_compressed_tensor(
            pieces["compressed"],
            pieces["plain"],
            values,
            tuple(shape),
            layout=getattr(torch, layout),
            check_invariants=True,
        )
    return made.requires_grad_() if requires_grad else made


_SPARSE: Final = ("sparse_coo", "sparse_csr", "sparse_csc", "sparse_bsr", "sparse_bsc")


def _kept(tensor: Any) -> Pieces:
    return given(requires_grad=tensor.requires_grad or None)


def _take_nested(tensor: Any) -> Pieces | None:
    """``tensors``, one after the other; of the layout ``jagged`` its ``values`` and ``offsets``."""
    if type(tensor) is not library().Tensor or tensor.layout is not library().strided:
        return None
    return {"tensors": list(tensor.detach().unbind()), **_kept(tensor)}


def _make_nested(tensors: list[Any], *, requires_grad: bool = False) -> Any:
    return library().nested.nested_tensor(tensors, requires_grad=requires_grad)


def _take_quantized(tensor: Any) -> Pieces | None:
    """``dtype``, ``scheme``, ``values`` as integers, and scale and zero point, ``axis`` where there are several."""
    torch = library()
    scheme = _name(tensor.qscheme())
    pieces = {"dtype": _name(tensor.dtype), "scheme": scheme, "values": tensor.int_repr()}
    if tensor.qscheme() is torch.per_tensor_affine:
        return {**pieces, "scale": tensor.q_scale(), "zero_point": tensor.q_zero_point()}
    if tensor.qscheme() is torch.per_channel_affine:
        scales, points = tensor.q_per_channel_scales(), tensor.q_per_channel_zero_points()
        return {**pieces, "scale": scales, "zero_point": points, "axis": tensor.q_per_channel_axis()}
    return None


def _make_quantized(*, dtype: str, scheme: str, values: Any, scale: Any, zero_point: Any, axis: int = 0) -> Any:
    torch = library()
    zeros = torch.zeros(values.shape, device=values.device)
    if scheme == "per_tensor_affine":
        made = torch.quantize_per_tensor(zeros, scale, zero_point, _dtype(dtype))
    else:
        require(scheme == "per_channel_affine", f"{scheme!r} is no scheme of quantization")
        made = torch.quantize_per_channel(zeros, scale, zero_point, axis, _dtype(dtype))
    values = values.contiguous()
    require(made.untyped_storage().nbytes() == values.nbytes, "the values do not fit the dtype")
    made.untyped_storage().copy_(values.untyped_storage())
    return made


# -- what is no tensor ---------------------------------------------------------------------


class TorchValueRule(Rule):
    """``{"$":"torch","of":"dtype","text":"float32"}``; also ``device``, ``layout``, ``memory_format``, ``qscheme``."""

    name = "torch"
    kind = "value"

    def encode(self, obj: Any, encoder: Encoder) -> Node:
        return {"$": self.name, "of": type(obj).__name__, "text": _name(obj)}

    def decode(self, node: Node, decoder: Decoder) -> Any:
        return restored("value of torch", decoder, _value, node.get("of"), node.get("text"))

    def type_name(self, node: Node) -> str:
        return f"torch.{node.get('of')}"


def _value(of: Any, text: Any) -> Any:
    torch = library()
    require(of in _VALUES and type(text) is str, f"{of!r} is no type of a value")
    if of == "device":
        return torch.device(text)
    found = getattr(torch, text, None) if _DTYPE.fullmatch(text) else None
    require(isinstance(found, getattr(torch, of)), f"{text!r} is no {of}")
    return found


_VALUES: Final = ("dtype", "device", "layout", "memory_format", "qscheme")


class SizeRule(Rule):
    """``{"$":"torchsize","items":[2,3]}``."""

    name = "torchsize"
    kind = "tuple"
    type_names = ("torch.Size",)

    def encode(self, obj: Any, encoder: Encoder) -> Node:
        return {"$": self.name, "items": list(map(int, obj))}

    def decode(self, node: Node, decoder: Decoder) -> Any:
        return restored("size", decoder, library().Size, map(decoder.decode, decoder.array(node["items"])))

    def parts(self, place: Place) -> Parts:
        return ArrayParts(place.inner("items"), fixed=True)


def _is_tensor(cls: type) -> bool:
    return any(base.__name__ == "Tensor" and base.__module__ == "torch" for base in cls.__mro__)


TENSOR_OBJECT: Final = TensorObjectRule()
SPARSE: Final = PiecesRule("sparsetensor", _take_sparse, _make_sparse)
NESTED: Final = PiecesRule("nestedtensor", _take_nested, _make_nested)
QUANTIZED: Final = PiecesRule("quantizedtensor", _take_quantized, _make_quantized)
for _rule in (TENSOR_OBJECT, SPARSE, NESTED, QUANTIZED):
    _rule.type_names = ("torch.Tensor",)
    REGISTRY.add(_rule)
REGISTRY.add(TensorRule(), predicate=_is_tensor)
REGISTRY.add(TorchValueRule(), predicate=named("torch", *_VALUES))
REGISTRY.add(SizeRule(), predicate=named("torch", "Size"))
