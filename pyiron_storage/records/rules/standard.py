"""Rules for what the standard library has: dates, exact numbers, paths, enums, ranges, collections.

Each is written as people write it, so that a file says what it holds; what has
hooks or attributes beyond that goes by the pickle protocol.
"""

from __future__ import annotations

import collections
import datetime
import decimal
import enum
import fractions
import pathlib
import uuid
from typing import Any, ClassVar, Final

from pyiron_storage.records.attribute_parts import FieldParts
from pyiron_storage.records.damage import call
from pyiron_storage.records.decoder import Decoder
from pyiron_storage.records.dict_parts import DictParts
from pyiron_storage.records.document import Node
from pyiron_storage.records.encoder import Encoder
from pyiron_storage.records.hooks import attributes_of, defined, defines, inherits
from pyiron_storage.records.parts import ArrayParts, Parts
from pyiron_storage.records.places import Place
from pyiron_storage.records.rule import REGISTRY, Rule
from pyiron_storage.records.rules.containers import fill_items, fill_pairs
from pyiron_storage.records.rules.objects import ObjectRule, type_number

by_protocol = ObjectRule()


class TextRule(Rule):
    """``{"$":"...","text":"..."}``: what its text alone makes."""

    kind = "value"
    type: ClassVar[type]

    def fill_node(self, obj: Any, node: Node, encoder: Encoder) -> None:
        node["text"] = str(obj)

    def decode(self, node: Node, decoder: Decoder) -> Any:
        return self.type(node["text"])


class DecimalRule(TextRule):
    """``{"$":"decimal","text":"1.10"}``."""

    name = "decimal"
    type = decimal.Decimal


class FractionRule(Rule):
    """``{"$":"fraction","items":[1,3]}``."""

    name = "fraction"
    kind = "value"

    def fill_node(self, obj: fractions.Fraction, node: Node, encoder: Encoder) -> None:
        node["items"] = [encoder.encode(obj.numerator), encoder.encode(obj.denominator)]

    def decode(self, node: Node, decoder: Decoder) -> Any:
        return fractions.Fraction(*map(decoder.decode, decoder.array(node["items"])))


class UUIDRule(TextRule):
    """``{"$":"uuid","text":"..."}``."""

    name = "uuid"
    type = uuid.UUID

    def fill_node(self, obj: uuid.UUID, node: Node, encoder: Encoder) -> None:
        if obj.is_safe is uuid.SafeUUID.unknown:
            super().fill_node(obj, node, encoder)
        else:
            by_protocol.fill_node(obj, node, encoder)


class PathRule(Rule):
    """``{"$":"path","class":"PosixPath","text":"..."}``; a class of pathlib."""

    name = "path"
    kind = "value"
    classes: ClassVar[tuple[type[pathlib.PurePath], ...]] = (
        pathlib.PurePosixPath,
        pathlib.PureWindowsPath,
        pathlib.PosixPath,
        pathlib.WindowsPath,
    )

    def fill_node(self, obj: pathlib.PurePath, node: Node, encoder: Encoder) -> None:
        node.update({"class": type(obj).__name__, "text": encoder.encode(str(obj))})

    def decode(self, node: Node, decoder: Decoder) -> Any:
        cls = next(cls for cls in self.classes if cls.__name__ == node["class"])
        return cls(decoder.decode(node["text"]))

    def type_name(self, node: Node) -> str:
        return f"pathlib.{node['class']}"


class DateRule(TextRule):
    """``{"$":"date","text":"2020-01-02"}``."""

    name = "date"
    type = datetime.date

    def decode(self, node: Node, decoder: Decoder) -> Any:
        return datetime.date.fromisoformat(node["text"])


class MomentRule(Rule):
    """``{"$":"datetime","text":"2020-01-02T03:04:05"}`` or ``time``; ``zone`` and ``fold`` where it has them."""

    kind = "value"

    def __init__(self, name: str, cls: Any) -> None:
        self.name = name
        self._type = cls

    def is_value(self, node: Node) -> bool:
        return "zone" not in node  # a zone may be of any class

    def fill_node(self, obj: Any, node: Node, encoder: Encoder) -> None:
        node["text"] = obj.replace(tzinfo=None, fold=0).isoformat()
        if obj.tzinfo is not None:
            node["zone"] = encoder.encode(obj.tzinfo)
        if obj.fold:
            node["fold"] = obj.fold

    def decode(self, node: Node, decoder: Decoder) -> Any:
        zone = decoder.decode(node["zone"]) if "zone" in node else None
        return self._type.fromisoformat(node["text"]).replace(tzinfo=zone, fold=node.get("fold", 0))


class TimedeltaRule(Rule):
    """``{"$":"timedelta","days":1,"seconds":2,"microseconds":3}``."""

    name = "timedelta"
    kind = "value"

    def fill_node(self, obj: datetime.timedelta, node: Node, encoder: Encoder) -> None:
        node.update({"days": obj.days, "seconds": obj.seconds, "microseconds": obj.microseconds})

    def decode(self, node: Node, decoder: Decoder) -> Any:
        return datetime.timedelta(node["days"], node["seconds"], node["microseconds"])


class RangeRule(Rule):
    """``{"$":"range","items":[start,stop,step]}``, and ``slice`` the same."""

    kind = "value"

    def __init__(self, name: str, cls: type) -> None:
        self.name = name
        self._type = cls

    def is_value(self, node: Node) -> bool:
        return self.name == "range"  # a slice may hold anything

    def fill_node(self, obj: Any, node: Node, encoder: Encoder) -> None:
        node["items"] = [encoder.encode(part) for part in (obj.start, obj.stop, obj.step)]

    def decode(self, node: Node, decoder: Decoder) -> Any:
        return self._type(*map(decoder.decode, decoder.array(node["items"])))


class EnumRule(Rule):
    """``{"$":"enum","type":n,"name":"RED","value":1}``: made from the value, as pickle does.

    ``"by":"name"`` where the value does not lead back to the member: it is NaN, an array, an
    object.
    """

    name = "enum"

    def encode(self, obj: enum.Enum, encoder: Encoder) -> Node:
        return encoder.once(obj, self)

    def fill_node(self, obj: enum.Enum, node: Node, encoder: Encoder) -> None:
        if not inherits(type(obj), enum.Enum, "__reduce_ex__"):
            by_protocol.fill_node(obj, node, encoder)
            return
        node.update({"type": type_number(type(obj), encoder), "name": obj.name, "value": encoder.encode(obj._value_)})
        if not _leads_back(obj._value_) and type(obj).__members__.get(str(obj.name)) is obj:
            node["by"] = "name"

    def needs_first(self, node: Node) -> list[Node]:
        return [node["value"]]

    def shell(self, node: Node, decoder: Decoder) -> Any:
        cls = decoder.type(node["type"])
        if node.get("by") == "name" and node["name"] in cls.__members__:
            return cls.__members__[node["name"]]
        return call(cls, decoder.decode(node["value"]))


def _leads_back(value: Any) -> bool:
    """Whether a value is equal to what it is when it is loaded, so that an enum finds its member by it."""
    if type(value) is tuple:
        return all(map(_leads_back, value))
    return type(value) in _COMPARED and value == value  # noqa: PLR0124  nan is not


_COMPARED: Final = frozenset([type(None), bool, int, float, complex, str, bytes])


class PairsRule(Rule):
    """``{"$":"OrderedDict","pairs":[[key,value],...]}``, ``Counter``, and ``defaultdict`` with its ``function``."""

    kind = "dict"

    def __init__(self, cls: Any) -> None:
        self.name = cls.__name__
        self._type = cls

    def fill_node(self, obj: Any, node: Node, encoder: Encoder) -> None:
        if attributes_of(obj):
            by_protocol.fill_node(obj, node, encoder)
            return
        if self._type is collections.defaultdict:
            node["function"] = encoder.encode(obj.default_factory)
        node["pairs"] = []
        fill_pairs(node["pairs"], obj.items(), encoder)

    def parts(self, place: Place) -> Parts:
        return DictParts(place)

    def needs_first(self, node: Node) -> list[Node]:
        return [node["function"]] if "function" in node else []

    def shell(self, node: Node, decoder: Decoder) -> Any:
        return self._type(decoder.decode(node["function"])) if "function" in node else self._type()

    def fill(self, shell: Any, node: Node, decoder: Decoder) -> None:
        for key, value in decoder.array(node["pairs"]):
            shell[decoder.decode(key)] = decoder.decode(value)


class DequeRule(Rule):
    """``{"$":"deque","items":[...],"maxlen":null}``."""

    name = "deque"
    kind = "list"

    def fill_node(self, obj: collections.deque[Any], node: Node, encoder: Encoder) -> None:
        node.update({"items": [], "maxlen": obj.maxlen})
        fill_items(node["items"], list(obj), encoder)

    def parts(self, place: Place) -> Parts:
        return ArrayParts(place.inner("items"), fixed=place.node["maxlen"] is not None)

    def shell(self, node: Node, decoder: Decoder) -> Any:
        return collections.deque(maxlen=node["maxlen"])

    def fill(self, shell: Any, node: Node, decoder: Decoder) -> None:
        shell.extend([decoder.decode(item) for item in decoder.array(node["items"])])


class NamedtupleRule(Rule):
    """``{"$":"namedtuple","type":n,"fields":["x","y"],"items":[1,2]}``."""

    name = "namedtuple"

    def begin(self, obj: Any) -> Node:
        return {"$": self.name, "items": []}

    def fill_node(self, obj: Any, node: Node, encoder: Encoder) -> None:
        if not is_plain_namedtuple(type(obj)) or attributes_of(obj):
            by_protocol.fill_node(obj, node, encoder)
            return
        node.update({"type": type_number(type(obj), encoder), "fields": list(obj._fields)})
        fill_items(node["items"], list(obj), encoder)

    def parts(self, place: Place) -> Parts:
        return FieldParts(place)

    def decode(self, node: Node, decoder: Decoder) -> Any:
        cls = decoder.type(node["type"])
        return call(cls.__new__, cls, *map(decoder.decode, decoder.array(node["items"])))


def _is_namedtuple(cls: type) -> bool:
    return issubclass(cls, tuple) and isinstance(defined(cls, "_fields"), tuple)


def is_plain_namedtuple(cls: Any) -> bool:
    """Whether a class is made from its items alone, without hooks of its own."""
    return (
        inherits(cls, tuple, "__reduce_ex__", "__reduce__", "__getstate__")
        and getattr(defined(cls, "__getnewargs__"), "__module__", "") == "collections"
        and not defines(cls, "__getnewargs_ex__")
        and not defines(cls, "__setstate__")
    )


REGISTRY.add(DecimalRule(), decimal.Decimal)
REGISTRY.add(FractionRule(), fractions.Fraction)
REGISTRY.add(UUIDRule(), uuid.UUID)
REGISTRY.add(PathRule(), *PathRule.classes)
REGISTRY.add(DateRule(), datetime.date)
REGISTRY.add(MomentRule("datetime", datetime.datetime), datetime.datetime)
REGISTRY.add(MomentRule("time", datetime.time), datetime.time)
REGISTRY.add(TimedeltaRule(), datetime.timedelta)
REGISTRY.add(RangeRule("range", range), range)
REGISTRY.add(RangeRule("slice", slice), slice)
REGISTRY.add(EnumRule(), predicate=lambda cls: issubclass(cls, enum.Enum))
for _cls in (collections.OrderedDict, collections.Counter, collections.defaultdict):
    REGISTRY.add(PairsRule(_cls), _cls)
REGISTRY.add(DequeRule(), collections.deque)
REGISTRY.add(NamedtupleRule(), predicate=_is_namedtuple)
