"""Columns of numpy scalars of one dtype, and of complex numbers, as their bytes."""

from __future__ import annotations

from operator import attrgetter, countOf
from typing import Any, Final

import numpy as np

from pyiron_storage.arrays.native_array import Array
from pyiron_storage.records.columns.kind import COLUMN_KINDS, ColumnKind
from pyiron_storage.records.columns.kinds.numbers import column_bytes, stored_bytes
from pyiron_storage.records.columns.outlines import Outline, Walk
from pyiron_storage.records.decoder import Decoder
from pyiron_storage.records.document import Node, Record
from pyiron_storage.records.dtypes import full_dtype_node, read_dtype
from pyiron_storage.records.encoder import Encoder
from pyiron_storage.records.rule import REGISTRY
from pyiron_storage.records.rules.arrays import ScalarRule, node_dtype, put_dtype, scalar_node
from pyiron_storage.records.rules.values import complex_node

_KINDS: Final = "biufcmM"
"""Of which the bytes are all there is: no text that may end in NUL, nothing that others may change."""

_OF_PACKAGE: Final = 2
"""What `numpy.dtype.isbuiltin` is where a package has registered the dtype."""


class ScalarColumn(ColumnKind):
    """``{"of":"scalar","dtype":...,"at":...}`` or ``native``."""

    name = "scalar"

    def prepare(self, values: list[Any], held: int, encoder: Encoder) -> list[Any] | None:
        if type(values[0]) is np.bool_:  # of which there are two objects
            return values if countOf(map(type, values), np.bool_) == len(values) else None
        scalars: list[Any] | None = super().prepare(values, held, encoder)
        if scalars is None or scalars[0].dtype.kind not in "mM":
            return scalars
        return scalars if len(set(map(attrgetter("dtype"), scalars))) == 1 else None  # they differ in their units

    def encode(self, scalars: list[Any], held: int, encoder: Encoder) -> dict[str, Node] | None:
        dtype = scalars[0].dtype
        node: dict[str, Node] = {"of": self.name}
        put_dtype(dtype, node, encoder)
        return {**node, **stored_bytes(_array(scalars, dtype), encoder)}

    def decode(self, node: Node, decoder: Decoder) -> list[Any]:
        return list(np.frombuffer(column_bytes(node, decoder.record), node_dtype(node, decoder)))

    def _numbers(self, node: Node, record: Record) -> tuple[Array, dict[str, Node]]:
        """The scalars, of which nothing is imported, and the fields that their nodes have in common."""
        form = {field: node[field] for field in ("dtype", "args") if field in node}
        return np.frombuffer(column_bytes(node, record), read_dtype(node["dtype"], record.place)), form

    def outline(self, node: Node, walk: Walk) -> Outline:
        return walk.like_the_first(node)

    def expand(self, node: Node, record: Record) -> list[Node]:
        numbers, form = self._numbers(node, record)
        return [scalar_node(scalar, form) for scalar in numbers]

    def entry(self, node: Node, index: int, record: Record) -> Node:
        numbers, form = self._numbers(node, record)
        return scalar_node(numbers[index], form)


class ComplexColumn(ColumnKind):
    """``{"of":"complex","at":...}`` or ``native``: two floats each."""

    name = "complex"
    has_identity = False

    def encode(self, values: list[complex], held: int, encoder: Encoder) -> dict[str, Node]:
        return {"of": self.name, **stored_bytes(_array(values, np.dtype("<c16")), encoder)}

    def decode(self, node: Node, decoder: Decoder) -> list[Any]:
        values: list[Any] = np.frombuffer(column_bytes(node, decoder.record), "<c16").tolist()
        return values

    def expand(self, node: Node, record: Record) -> list[Node]:
        return list(map(complex_node, self.decode(node, Decoder(record))))

    def entry(self, node: Node, index: int, record: Record) -> Node:
        return complex_node(np.frombuffer(column_bytes(node, record), "<c16")[index].item())


def _array(values: list[Any], dtype: np.dtype[Any]) -> Array:
    return np.fromiter(values, dtype, len(values))


def _is_scalar(cls: type, value: Any) -> bool:
    return (
        issubclass(cls, np.generic)
        and type(REGISTRY.find(cls)) is ScalarRule
        and (value.dtype.kind in _KINDS or value.dtype.isbuiltin == _OF_PACKAGE)
        and cls is value.dtype.type
        and full_dtype_node(value.dtype, []) is not None
    )


COLUMN_KINDS.add(ScalarColumn(), predicate=_is_scalar)
COLUMN_KINDS.add(ComplexColumn(), complex)
