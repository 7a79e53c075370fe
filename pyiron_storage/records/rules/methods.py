"""The rule for bound methods: an object, and the name of a function in its class.

A method is admitted by its full name, as other functions are: a file puts it where it
likes, and much looks for methods on objects and calls what it finds, as numpy does with
``__array__``.

Methods that are bound to classes, or written in C, are calls of ``getattr``, as pickle
has them; to load these, ``builtins.getattr`` must be admitted, which is much more.
"""

from __future__ import annotations

import types
from typing import Any

from pyiron_storage.errors import DamagedRecordError
from pyiron_storage.records.decoder import Decoder
from pyiron_storage.records.document import Node
from pyiron_storage.records.encoder import Encoder
from pyiron_storage.records.rule import REGISTRY, Rule
from pyiron_storage.records.rules.objects import fill_reduced, reduce, type_number


class MethodRule(Rule):
    """``{"$":"method","type":n,"name":"...","value":node}``: the function ``name`` of the class, bound to ``value``."""

    name = "method"
    kind = "import"

    def fill_node(self, obj: types.MethodType, node: Node, encoder: Encoder) -> None:
        cls = type(obj.__self__)
        if function_of(cls, obj.__func__.__name__) is obj.__func__:
            node.update({"type": type_number(cls, encoder), "name": obj.__func__.__name__})
            node["value"] = encoder.encode(obj.__self__)
        else:
            fill_reduced(obj, node, reduce(obj, encoder), encoder)

    def needs_first(self, node: Node) -> list[Node]:
        return [node["value"]]

    def shell(self, node: Node, decoder: Decoder) -> Any:
        cls = decoder.type(node.get("type"))
        function = function_of(cls, node.get("name"))
        if function is None:
            raise DamagedRecordError(f"{decoder.record.place}: {cls!r} has no method {node.get('name')!r}.")
        decoder.gate.check_method(node.get("type"), node["name"])
        bound_to = decoder.decode(node["value"])
        if type(bound_to) is not cls:
            raise DamagedRecordError(f"{decoder.record.place}: {type(bound_to)!r} is not the class of a method of it.")
        return types.MethodType(function, bound_to)

    def type_shown(self, node: Node, name: str) -> str:
        return f"{name}.{node.get('name')}"


def function_of(cls: type, name: Any) -> types.FunctionType | None:
    """The function that a class, or one that it inherits from, has under a name; not what its metaclass has."""
    found = next((vars(base)[name] for base in cls.__mro__ if name in vars(base)), None) if type(name) is str else None
    return found if isinstance(found, types.FunctionType) else None


REGISTRY.add(MethodRule(), types.MethodType)
