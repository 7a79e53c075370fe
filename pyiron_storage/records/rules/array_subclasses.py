"""Subclasses of numpy's array: what their reduction says, and the attributes that it leaves out.

numpy reduces an array of a subclass to its class, shape and elements; what a user has set on it is lost.  It is kept
here under ``slots``, where no class in between says by hooks of its own what its state is.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from pyiron_storage.records.document import Node
from pyiron_storage.records.encoder import Encoder
from pyiron_storage.records.rule import REGISTRY
from pyiron_storage.records.rules.objects import ObjectRule

_HOOKS: Final = ("__reduce__", "__reduce_ex__", "__getstate__", "__setstate__")
_OF_MASKED: Final = (
    "_fill_value",
    "_hardmask",
    "_sharedmask",
    "_isfield",
    "_baseclass",
    "_optinfo",
    "_basedict",
    "_mask",
)
_OF_MAPS: Final = ("_mmap", "filename", "offset", "mode")
_OWN: Final = frozenset([*_OF_MASKED, *_OF_MAPS, "_getitem"])
"""Attributes that numpy's own subclasses set themselves."""


class ArraySubclassRule(ObjectRule):
    """``call`` or whatever the reduction asks for, with the attributes under ``slots``."""

    name = "array subclass"

    def fill_node(self, obj: Any, node: Node, encoder: Encoder) -> None:
        super().fill_node(obj, node, encoder)
        attributes = {name: value for name, value in getattr(obj, "__dict__", {}).items() if name not in _OWN}
        if attributes and node["$"] == "call" and "slots" not in node:
            encoder.keep(attributes)
            node["slots"] = encoder.encode(attributes)


def _leaves_attributes_out(cls: type) -> bool:
    """Whether a class is one of arrays that reduces as numpy has it."""
    return issubclass(cls, np.ndarray) and all(map(_is_of_numpy, (_definer(cls, hook) for hook in _HOOKS)))


def _definer(cls: type, name: str) -> type:
    return next((base for base in cls.__mro__ if name in vars(base)), object)


def _is_of_numpy(cls: type) -> bool:
    return cls.__module__.partition(".")[0] in ("numpy", "builtins")


REGISTRY.add(ArraySubclassRule(), predicate=_leaves_attributes_out)
