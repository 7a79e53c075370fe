"""The rule for exceptions: made without their own ``__init__``, with their notes, their cause and their context.

Pickle calls an exception's class with its ``args``, which are what reached
`BaseException.__init__`: a class with an ``__init__`` of its own takes something else,
and is pickled without a word and not unpickled. Traceback and frames are left out, as
with pickle.
"""

from __future__ import annotations

from typing import Any, Final

from pyiron_storage.records.damage import call
from pyiron_storage.records.decoder import Decoder
from pyiron_storage.records.document import Node
from pyiron_storage.records.encoder import Encoder
from pyiron_storage.records.hooks import has_own_hooks, inherits
from pyiron_storage.records.rule import REGISTRY
from pyiron_storage.records.rules.objects import CallRule, ObjectRule, fill_reduced, not_a_class, reduce, set_slots

by_protocol = ObjectRule()
_HOOKS: Final = ("__reduce_ex__", "__reduce__", "__getstate__", "__setstate__", "__new__")


class ExceptionRule(CallRule):
    """``{"$":"exception","type":n,"args":[...]}``; ``state``, and in ``slots`` cause and context."""

    name = "exception"

    def begin(self, obj: Any) -> Node:
        return {}

    def fill_node(self, obj: BaseException, node: Node, encoder: Encoder) -> None:
        if not inherits(type(obj), built_in_base(type(obj)), *_HOOKS) or has_own_hooks(obj):
            by_protocol.fill_node(obj, node, encoder)
            return
        fill_reduced(obj, node, reduce(obj, encoder), encoder)
        node["$"] = self.name
        related = _related(obj)
        if related:
            node["slots"] = encoder.encode(related)

    def shell(self, node: Node, decoder: Decoder) -> Any:
        cls = decoder.type(node.get("type"))
        if not (isinstance(cls, type) and issubclass(cls, BaseException)):
            raise not_a_class(cls, decoder)
        base: Any = built_in_base(cls)
        arguments = list(map(decoder.decode, decoder.array(node["args"])))
        made = call(base.__new__, cls, *arguments)
        call(base.__init__, made, *arguments)
        return made

    def fill(self, shell: Any, node: Node, decoder: Decoder) -> None:
        super().fill(shell, node, decoder)
        if "slots" in node:
            set_slots(shell, decoder.decode(node["slots"]))


def built_in_base(cls: type) -> type:
    """The nearest class of an exception that is Python's own: it knows what ``args`` mean."""
    return next(base for base in cls.__mro__ if base.__module__ == "builtins")


def _related(obj: BaseException) -> dict[str, Any]:
    """What led to an exception, in the order in which it is set: setting a cause suppresses the context."""
    related: dict[str, Any] = {}
    if obj.__cause__ is not None:
        related["__cause__"] = obj.__cause__
    if obj.__context__ is not None:
        related["__context__"] = obj.__context__
    if obj.__suppress_context__ or obj.__cause__ is not None:
        related["__suppress_context__"] = obj.__suppress_context__
    return related


REGISTRY.add(ExceptionRule(), predicate=lambda cls: issubclass(cls, BaseException))
