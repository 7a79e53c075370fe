"""Rules for everything that pickle would take apart: instances and what reduces.

``object`` is an instance whose state is its attributes and that has no hooks of
its own; ``new`` and ``call`` are what ``__reduce_ex__`` gives: a class or function,
its arguments, a state, list items and key-value pairs.  ``import`` stands for a
class, function or module itself.  The protocol is that of the pickle module's
documentation and of PEP 307 and PEP 574.
"""

from __future__ import annotations

import copyreg
import operator
import sys
import types
from collections.abc import Iterable
from typing import Any, Final

from pyiron_storage.errors import DamagedRecordError, NotAClassError
from pyiron_storage.paths import ReservedPart
from pyiron_storage.provenance.origins import origin_of
from pyiron_storage.provenance.sources import source_digest
from pyiron_storage.records.attribute_parts import AttributeParts, FieldParts
from pyiron_storage.records.code import PROTOCOL
from pyiron_storage.records.damage import call, calls_what_is_named, new
from pyiron_storage.records.decoder import Decoder
from pyiron_storage.records.document import Node, Record
from pyiron_storage.records.encoder import Encoder, Refusal
from pyiron_storage.records.hooks import (
    answers_for_others,
    attributes_of,
    defines,
    has_own_hooks,
    holds_more_than_slots,
    inherits,
    is_looked_up_plainly,
    method_of,
    slots_of,
)
from pyiron_storage.records.names import importable_name, name_of
from pyiron_storage.records.parts import Parts
from pyiron_storage.records.places import Place
from pyiron_storage.records.rule import REGISTRY, Rule
from pyiron_storage.records.rules.containers import fill_items, fill_mapping, fill_pairs
from pyiron_storage.records.structure import is_reference


class ImportRule(Rule):
    """``{"$":"import","type":n}``: entry ``n`` of the header's types itself."""

    name = "import"
    kind = "import"

    def encode(self, obj: Any, encoder: Encoder) -> Node:
        if type(obj) in copyreg.dispatch_table:  # of a metaclass
            return encoder.once(obj, REGISTRY.by_name["object"])
        return {"$": "import", "type": type_number(obj, encoder)}

    def decode(self, node: Node, decoder: Decoder) -> Any:
        return decoder.type(node.get("type"), called=False)

    def parts(self, place: Place) -> Parts:
        """The data that code holds which is kept by value."""
        entry = place.record.type_entry(place.node["type"])
        if not is_reference(entry.get("code")):
            return Parts()
        code = Place.at_line(place.record, entry["code"]["$"])
        return FieldParts(code) if "fields" in code.node else Parts()


class ObjectRule(Rule):
    """``object``, ``new`` or ``call``, whichever an object's reduction asks for."""

    name = "object"

    def begin(self, obj: Any) -> Node:
        return {}

    def fill_node(self, obj: Any, node: Node, encoder: Encoder) -> None:
        cls = type(obj)
        is_plain_class = encoder.plain_classes.get(cls)
        if is_plain_class is None:
            is_plain_class = encoder.plain_classes[cls] = has_plain_class(obj)
        if is_plain_class and not has_own_hooks(obj):
            node.clear()
            node.update({"$": "object", "type": type_number(cls, encoder)})
            _fill_attributes(obj, node, encoder)
        else:
            fill_reduced(obj, node, reduce(obj, encoder), encoder)

    def parts(self, place: Place) -> Parts:
        return AttributeParts(place)

    def shell(self, node: Node, decoder: Decoder) -> Any:
        cls = decoder.type(node.get("type"))
        if not isinstance(cls, type):
            raise not_a_class(cls, decoder)
        return new(cls)

    def fill(self, shell: Any, node: Node, decoder: Decoder) -> None:
        state = decoder.decode(node.get("state"))
        if "slots" in node:
            state = (state, decoder.decode(node["slots"]))
        if state is not None:
            set_state(shell, state)


class CallRule(Rule):
    """``{"$":"call","type":n,"args":[...]}``, and ``state``, ``items``, ``pairs``, ``setter`` where there are any.

    Instead of ``type``, ``function`` is a node of what is called.
    """

    name = "call"

    def parts(self, place: Place) -> Parts:
        return AttributeParts(place)

    def needs_first(self, node: Node) -> list[Node]:
        return [node.get("function"), node["args"], node.get("kwargs")]

    def shell(self, node: Node, decoder: Decoder) -> Any:
        function = called(node["function"], decoder) if "function" in node else decoder.type(node.get("type"))
        return call(function, *map(decoder.decode, decoder.array(node["args"])))

    def fill(self, shell: Any, node: Node, decoder: Decoder) -> None:
        if node.get("items"):
            _extend(shell, [decoder.decode(item) for item in decoder.array(node["items"])])
        for key, value in decoder.array(node.get("pairs", [])):
            call(operator.setitem, shell, decoder.decode(key), decoder.decode(value))
        if "state" in node:
            state = decoder.decode(node["state"])
            if "setter" in node:
                call(called(node["setter"], decoder), shell, state)
            else:
                set_state(shell, state)
        if "slots" in node:  # what the state leaves out
            _set_attributes(shell, decoder.decode(node["slots"]), None)


class NewRule(CallRule):
    """``{"$":"new","type":n,"args":[...]}``: the class's ``__new__`` is called; ``kwargs`` where there are any."""

    name = "new"

    def shell(self, node: Node, decoder: Decoder) -> Any:
        cls = called(node["function"], decoder) if "function" in node else decoder.type(node.get("type"))
        if not isinstance(cls, type):  # what is not has a ``__new__`` of the file's making
            raise not_a_class(cls, decoder)
        arguments, kwargs = map(decoder.decode, decoder.array(node["args"])), decoder.decode(node.get("kwargs", {}))
        return call(cls.__new__, cls, *arguments, **dict(_pairs_of(kwargs, cls)))


def not_a_class(found: Any, decoder: Decoder) -> NotAClassError:
    """The error for what an object is to be made of, where that is no class, or no more."""
    return NotAClassError(
        f"{decoder.record.place}: an object is to be made of what is no class, a {type(found).__qualname__}. "
        "Where its class has another name now, give rename=; on_missing='raw' shows what is stored."
    )


# -- taking apart ------------------------------------------------------------


def is_plain(cls: type, obj: Any) -> bool:
    """Whether objects of a class are their attributes and nothing else, by the pickle protocol's own hooks."""
    return not has_own_hooks(obj) and has_plain_class(obj)


def has_plain_class(obj: Any) -> bool:
    """Whether the class of an object has no hooks of the pickle protocol that say what its objects are."""
    cls = type(obj)
    return (
        inherits(cls, object, "__reduce_ex__", "__reduce__", "__getstate__")
        and is_looked_up_plainly(cls)
        and cls not in copyreg.dispatch_table
        and not defines(cls, "__getnewargs__")
        and not defines(cls, "__getnewargs_ex__")
        and not issubclass(cls, (list, dict))
        and _reduces_plainly(obj)
    )


def _reduces_plainly(obj: Any) -> bool:
    """Whether the default reduction works: it refuses classes in C that do not say what their state is."""
    if answers_for_others(type(obj)):  # which may change what it is asked for: xarray makes attributes
        return not holds_more_than_slots(type(obj))
    try:
        obj.__reduce_ex__(PROTOCOL)
    except TypeError:
        return False
    return True


def _fill_attributes(obj: Any, node: Node, encoder: Encoder) -> None:
    state: Any = (attributes_of(obj) or None, slots_of(obj)) if answers_for_others(type(obj)) else obj.__getstate__()
    if type(state) is tuple:
        state, slots = state
        node["state"] = _attributes(state, encoder) if state is not None else None
        node["slots"] = _attributes(slots, encoder)
    elif state is not None:
        node["state"] = _attributes(state, encoder)
    elif defines(type(obj), "__dict__") and not defines(type(obj), "__setstate__"):
        node["state"] = {}  # says that it may be given attributes


def _attributes(state: dict[Any, Any], encoder: Encoder) -> Node:
    node: dict[str, Node] = {}
    fill_mapping(node, state, encoder)
    return node


def reduce(obj: Any, encoder: Encoder) -> Any:
    """Return what an object reduces to by the pickle protocol: a str, or a tuple of 2 to 6."""
    reducer = copyreg.dispatch_table.get(type(obj))
    try:
        reduced = reducer(obj) if reducer else obj.__reduce_ex__(PROTOCOL)
    except RecursionError:
        raise
    except Exception as error:
        raise encoder.refusal(obj, f"{error}.") from error
    if not isinstance(reduced, str) and not (isinstance(reduced, tuple) and 2 <= len(reduced) <= 6):
        raise encoder.refusal(
            obj, f"its __reduce__ gave {type(reduced).__name__}, neither a str nor a tuple of 2 to 6."
        )
    encoder.keep(reduced)
    return reduced


def check_reduction(obj: Any, reduced: tuple[Any, ...], encoder: Encoder) -> None:
    """Refuse, as pickle does, what could not be put together again, or would come back as of another class.

    Raises
    ------
    NotStorableError
        If what is to be called cannot be, or the arguments are none.
    """
    fault = _fault_of(obj, reduced)
    if fault is not None:
        raise encoder.refusal(obj, f"its __reduce__ gave {fault}.")


def _fault_of(obj: Any, reduced: tuple[Any, ...]) -> str | None:
    function, args = reduced[:2]
    if not callable(function):
        return f"{type(function).__name__} as what is to be called"
    if not isinstance(args, tuple):
        return f"{type(args).__name__} as arguments, not a tuple"
    if len(reduced) == _WITH_SETTER and reduced[5] is not None and not callable(reduced[5]):
        return f"{type(reduced[5]).__name__} as what is to set the state"
    return _fault_of_class(obj, getattr(function, "__name__", ""), args)


_WITH_SETTER: Final = 6


def _fault_of_class(obj: Any, name: str, args: tuple[Any, ...]) -> str | None:
    """Say why a class cannot make an object anew: a proxy, for one, that forgets to forward what its class is."""
    if name == "__newobj__" and not args:
        return "no class that is to be made anew"
    if name == "__newobj__" and obj.__class__ is not args[0]:
        return f"{args[0]!r:.80} as its class, where it says that it is of {obj.__class__!r:.80}"
    if name == "__newobj_ex__" and tuple(map(type, args[1:])) != (tuple, dict):
        return "for __newobj_ex__ something else than a class, a tuple and a dict"
    return None


def fill_reduced(obj: Any, node: Node, reduced: Any, encoder: Encoder) -> None:
    """Put into the node of an object what it reduces to."""
    if isinstance(reduced, str):
        node.clear()
        node.update({"$": "import", "type": type_number(obj, encoder, reduced)})
        return
    check_reduction(obj, reduced, encoder)
    encoder.temporaries.update(_temporaries(reduced))
    function, args, state, items, pairs, setter = (*reduced, None, None, None, None)[:6]
    node.clear()
    _fill_call(node, function, args, encoder)
    if items is not None and (listed := list(items)):  # as with pickle, nothing is appended where there are none
        node["items"] = []
        fill_items(node["items"], listed, encoder)
    if pairs is not None and (paired := list(pairs)):
        if not all(isinstance(pair, tuple) and len(pair) == 2 for pair in paired):
            raise encoder.refusal(obj, "its __reduce__ gave items of a dict that are not tuples of two.")
        node["pairs"] = []
        fill_pairs(node["pairs"], paired, encoder)
    if state is not None:
        _fill_state(node, state, setter, encoder)


def _temporaries(reduced: tuple[Any, ...]) -> list[int]:
    """The ids of the arguments that were made for this reduction: nothing else holds them, nor their tuple."""
    if sys.getrefcount(reduced[1]) > _HELD_BY_ONE:
        return []
    return [id(reduced[1][index]) for index in range(len(reduced[1])) if _references(reduced[1], index) <= _HELD_BY_ONE]


def _references(arguments: tuple[Any, ...], index: int) -> int:
    return sys.getrefcount(arguments[index])


_HELD_BY_ONE: Final = _references(([],), 0)
"""What `sys.getrefcount` says of a thing that only one tuple holds."""


def _fill_call(node: Node, function: Any, args: tuple[Any, ...], encoder: Encoder) -> None:
    kwargs: dict[str, Any] = {}
    if getattr(function, "__name__", "") == "__newobj_ex__":
        function, args, kwargs = args
        node["$"] = "new"
    elif getattr(function, "__name__", "") == "__newobj__":
        function, *args = args  # type: ignore[assignment]
        node["$"] = "new"
    else:
        node["$"] = "call"
    if importable_name(function) is not None or isinstance(function, (type, types.FunctionType)):
        node["type"] = type_number(function, encoder)
    else:
        node["function"] = encoder.encode(function)
    node["args"] = []
    _under("~args", _fill_arguments, node["args"], args, encoder)
    if kwargs:
        node["kwargs"] = encoder.encode(kwargs)


def _fill_arguments(nodes: list[Node], args: Iterable[Any], encoder: Encoder) -> None:
    """Append the nodes of arguments, each by the memo: `Encoder.temporaries` looks some of them up there."""
    try:
        for argument in args:
            nodes.append(encoder.encode(argument))  # noqa: PERF401  their number says which one was refused
    except Refusal as refusal:
        refusal.parts.append(str(len(nodes)))
        raise


def _fill_state(node: Node, state: Any, setter: Any, encoder: Encoder) -> None:
    if type(state) is dict:
        node["state"] = encoder.encode(state)
    else:
        node["state"] = _under("~state", encoder.encode, state)
    if setter is not None:
        node["setter"] = encoder.encode(setter)


def _under(part: str, step: Any, *args: Any) -> Any:
    try:
        return step(*args)
    except Refusal as refusal:
        refusal.parts.append(ReservedPart(part))
        raise


def type_number(obj: Any, encoder: Encoder, qualified: str | None = None) -> int:
    """The number in the header of a class, function or module, which is kept by value where it cannot be imported."""
    known = encoder.type_numbers.get(id(obj))
    if known is not None:
        return known
    name = importable_name(obj, qualified)
    if name is None:
        return _by_value(obj, encoder, qualified)
    entry = {"name": name, **origin_of(obj, name)}
    encoder.require(obj, entry)
    number = encoder.type_numbers[id(obj)] = encoder.record.type_number(entry)
    encoder.keep(obj)
    return number


def _by_value(obj: Any, encoder: Encoder, qualified: str | None) -> int:
    name = name_of(obj, qualified)
    if not encoder.cloudpickle_fallback:
        raise encoder.refusal(
            obj, f"{name!r} cannot be imported under its name, and cloudpickle_fallback=False. Define it in a module."
        )
    from pyiron_storage.records.kept_code import KeptCode  # and cloudpickle with it, where it is used

    source = source_digest(obj)
    entry = {"name": name} | ({"source": source} if source else {})
    encoder.require(obj, entry)
    number = encoder.type_numbers[id(obj)] = encoder.record.new_type(entry)
    encoder.keep(obj)
    try:
        KeptCode.of(encoder).add(obj, entry)
    except BaseException:
        del encoder.type_numbers[id(obj)]
        raise
    return number


# -- putting together ----------------------------------------------------------


def called(node: Node, decoder: Decoder) -> Any:
    """Return the object of a node that is going to be called, which a value need not be admitted for."""
    found = decoder.decode(node)
    decoder.gate.check_called(found, is_named=_is_named(node, decoder.record))
    return found


def _is_named(node: Node, record: Record) -> bool:
    """Whether a node stands for what is imported under its own name."""
    while is_reference(node):
        node = record.node(node["$"])
    return type(node) is dict and node.get("$") == "import"


def set_state(obj: Any, state: Any) -> None:
    """Give an object its state as pickle does: by ``__setstate__``, or to ``__dict__`` and slots.

    Only what classes have counts: the attributes of an object are what a file says,
    and it shall not choose by them what is called.
    """
    if defines(type(obj), "__setstate__"):
        call(method_of(obj, "__setstate__"), state)
        return
    slots = None
    if type(state) is tuple and len(state) == 2:
        state, slots = state
    _set_attributes(obj, state, slots)


@calls_what_is_named
def _set_attributes(obj: Any, state: dict[Any, Any] | None, slots: dict[Any, Any] | None) -> None:
    if state:
        attributes = obj.__dict__
        for key, value in _pairs_of(state, type(obj)):
            attributes[sys.intern(key) if type(key) is str else key] = value
    if slots:
        set_slots(obj, slots)


@calls_what_is_named
def set_slots(obj: Any, slots: Any) -> None:
    """Set attributes of an object by its class, as those that stand in slots are."""
    for key, value in _pairs_of(slots, type(obj)):
        setattr(obj, key, value)


def _pairs_of(state: Any, cls: type) -> Iterable[tuple[Any, Any]]:
    if not isinstance(state, dict):
        raise DamagedRecordError(
            f"An object of {cls.__module__}.{cls.__qualname__} is stored with {type(state).__qualname__} where a dict "
            "of names and values is expected."
        )
    return dict.items(state)


@calls_what_is_named
def _extend(obj: Any, items: list[Any]) -> None:
    extend = method_of(obj, "extend")
    if extend is not None:
        extend(items)
        return
    append = method_of(obj, "append")
    if append is None:
        raise DamagedRecordError(f"Items are stored for {type(obj).__qualname__}, which has neither extend nor append.")
    for item in items:
        append(item)


def _is_import(cls: type) -> bool:
    return issubclass(cls, type)


REGISTRY.add(CallRule())
REGISTRY.add(NewRule())
REGISTRY.add(ImportRule(), types.FunctionType, types.ModuleType, type, predicate=_is_import)
