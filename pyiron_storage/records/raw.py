"""What stands in for objects whose class cannot be imported: `RawObject`.

It holds what is stored of an object, and is stored again as it was: the same class,
version and state.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from pyiron_storage.errors import CannotImportError, ReadOnlyError
from pyiron_storage.records.code import code_node, python_of
from pyiron_storage.records.document import Node
from pyiron_storage.records.encoder import Encoder
from pyiron_storage.records.rule import REGISTRY, Rule
from pyiron_storage.records.structure import LISTS, PAIRS, SINGLE, is_column, is_reference

if TYPE_CHECKING:
    from pyiron_storage.records.decoder import Decoder


CALLS: Final = ("call", "new")
"""The rules that call something with arguments."""
CALLABLE: Final = ("import", "method")
"""The rules whose objects it may want to call, for which nothing can stand in."""


class RawCode:
    """Code that is kept by value and cannot run here: its pickle, and the data that it holds."""

    def __init__(self, node: dict[str, Any]) -> None:
        self.data = b""
        self.node = node
        self.held: list[Any] = []

    def encoded(self, encoder: Encoder) -> Node:
        """What stands for it in the entry of another record: a reference to a line, or all of it as in old files."""
        node = dict(self.node, at=encoder.record.add_bytes(self.data))
        if "items" not in node:
            return node
        line = encoder.record.new_line(None)
        node["items"] = list(map(encoder.shared, self.held))
        encoder.beside[line] = lambda: node
        return {"$": line}


class RawType:
    """A class or function that is missing: its entry in the header of a record.

    Nobody can tell what it is. So a record that it is put into is signed only if it
    came from one that was trusted as a whole, not by the names in it.
    """

    def __init__(self, entry: dict[str, Any], code: RawCode | None, *, trusted: bool) -> None:
        self.entry, self.code, self.trusted = entry, code, trusted

    def number_in(self, encoder: Encoder) -> int:
        """The number of the type in the header of another record."""
        known = encoder.type_numbers.get(id(self))
        if known is None:
            entry = dict(self.entry)
            encoder.require(self, entry)
            known = encoder.type_numbers[id(self)] = encoder.record.new_type(entry)
            encoder.keep(self)
            if self.code is not None:
                entry["code"] = self.code.encoded(encoder)
            if not self.trusted:
                encoder.record.signing.distrust()
        return known


class RawObject:
    """A stored object whose class cannot be imported, read-only: given by ``load(..., on_missing="raw")``.

    Its attributes are items. Stored again, it is what it was.

    Attributes
    ----------
    type_name : str
        The class, as ``module.Class``.
    package, version : str or None
        What the class came with when the object was stored.
    fields : mapping
        All that is stored: ``state``, and for what is made by a call ``args``, ``items``, ...

    Examples
    --------
    >>> import sys, types, pyiron_storage as ps
    >>> module = sys.modules["gone"] = types.ModuleType("gone")
    >>> exec("class Cell: pass", module.__dict__)
    >>> cell = module.Cell()
    >>> cell.a = 4.05
    >>> ps.save({"cell": cell}, "cell.h5")
    >>> del sys.modules["gone"]
    >>> raw = ps.load("cell.h5", "cell", on_missing="raw")
    >>> raw, raw["a"]
    (<RawObject of gone.Cell: a>, 4.05)
    """

    __slots__ = ("__weakref__", "_fields", "_kind", "_type")
    _kind: str
    _type: RawType | None
    _fields: dict[str, Any]

    def __init__(self, kind: str, raw_type: RawType | None, fields: dict[str, Any]) -> None:
        for name, value in (("_kind", kind), ("_type", raw_type), ("_fields", fields)):
            object.__setattr__(self, name, value)

    @property
    def type_name(self) -> str:
        return str(self._type.entry["name"]).replace(":", ".") if self._type is not None else self._kind

    @property
    def package(self) -> str | None:
        return self._type.entry.get("package") if self._type is not None else None

    @property
    def version(self) -> str | None:
        return self._type.entry.get("version") if self._type is not None else None

    @property
    def fields(self) -> Mapping[str, Any]:
        return MappingProxyType(self._fields)

    def _attributes(self) -> dict[Any, Any]:
        parts = [self._fields.get(field) for field in ("state", "slots", "nodes")]
        if "fields" in self._fields:  # of a named tuple
            parts.append(dict(zip(self._fields["fields"], self._fields.get("items", []), strict=False)))
        return {key: value for part in parts if isinstance(part, dict) for key, value in part.items()}

    def __getitem__(self, name: Any) -> Any:
        return self._attributes()[name]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._attributes())

    def __len__(self) -> int:
        return len(self._attributes())

    def keys(self) -> list[Any]:
        """The names of the attributes."""
        return list(self._attributes())

    def __bool__(self) -> bool:
        return True

    def __setattr__(self, name: str, value: Any) -> None:
        raise ReadOnlyError(f"A raw {self.type_name} cannot be changed: its class is missing, and it is kept as it is.")

    def __setitem__(self, name: Any, value: Any) -> None:
        self.__setattr__(str(name), value)

    def __delattr__(self, name: str) -> None:
        self.__setattr__(name, None)

    def __repr__(self) -> str:
        made_with = f" ({self.package or 'version'} {self.version})" if self.version else ""
        names = list(map(str, self))
        shown = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
        return f"<RawObject of {self.type_name}{made_with}{': ' if names else ''}{shown}>"

    def __reduce__(self) -> Any:
        return RawObject, (self._kind, self._type, {}), self._fields

    def __setstate__(self, fields: dict[str, Any]) -> None:
        self._fields.update(fields)


class StandIns:
    """What a load gives in place of what cannot be imported.

    Parameters
    ----------
    decoder
        What restores the rest.
    """

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self._types: dict[int, RawType | None] = {}
        self._known: dict[int, RawType] = {}

    def lacks(self, node: Node) -> bool:
        """Whether a class or function that a node needs cannot be imported, or one that it would be called with."""
        number = node.get("type")
        if type(number) is int and self.missing(number, called=node["$"] != "import") is not None:
            return True
        if any(self._is_missing(node[field]) for field in ("function", "setter") if field in node):
            return True
        if self._decoder.rule(node["$"]).lacks(node, self._decoder):
            return True
        return node["$"] in CALLS and any(map(self._is_missing, self._decoder.array(node.get("args", []))))

    def _is_missing(self, node: Node) -> bool:
        while is_reference(node):
            node = self._decoder.record.node(node["$"])
        return type(node) is dict and node.get("$") in CALLABLE and self.lacks(node)

    def missing(self, number: int, *, called: bool = True) -> RawType | None:
        """What stands for a type that cannot be imported; None for one that can."""
        if number not in self._types:
            try:
                self._decoder.type(number, called=called)
                self._types[number] = None
            except CannotImportError:
                self._types[number] = self._made(number)
                self._hold(number)
        return self._types[number]

    def raw_type(self, number: int) -> RawType:
        """What stands for a type, whether it is missing or only what it would be called with."""
        return self.missing(number) or self._known.setdefault(number, self._made(number))

    def _made(self, number: int) -> RawType:
        entry = deepcopy(self._decoder.record.type_entry(number))
        code = self._code(entry) if "code" in entry else None
        entry.pop("code", None)
        return RawType(entry, code, trusted=self._decoder.gate.is_open)

    def _code(self, entry: dict[str, Any]) -> RawCode:
        record = self._decoder.record
        node = code_node(record, entry)
        code = RawCode({field: inner for field, inner in node.items() if field not in ("at", "items")})
        code.data, code.node["python"] = bytes(record.bytes_at(node["at"])), python_of(record, node)
        if is_reference(entry["code"]):
            code.node["items"] = []
        return code

    def _hold(self, number: int) -> None:
        """Restore what code holds, in which there may be objects of its own classes."""
        raw = self._types[number]
        if raw is not None and raw.code is not None and "items" in raw.code.node:
            node = code_node(self._decoder.record, self._decoder.record.type_entry(number))
            raw.code.held = [self._decoder.decode(item) for item in self._decoder.array(node.get("items", []))]

    def instead(self, rule: Rule, node: Node) -> Rule:
        """The rule that makes the object of a node: its own, or that of raw objects."""
        return RAW if not is_column(node) and self.lacks(node) else rule


class RawRule(Rule):
    """Objects whose class is missing: they are written as they were, by the rule that they were written by."""

    name = "raw"

    # -- from nodes ----------------------------------------------------------------

    def shell(self, node: Node, decoder: Decoder) -> RawObject:
        assert decoder.stand_ins is not None
        number = node.get("type")
        return RawObject(node["$"], decoder.stand_ins.raw_type(number) if type(number) is int else None, {})

    def fill(self, shell: RawObject, node: Node, decoder: Decoder) -> None:
        for field, inner in node.items():
            if field not in ("$", "type"):
                shell._fields[field] = self._decoded(field, inner, decoder)

    def _decoded(self, field: str, inner: Node, decoder: Decoder) -> Any:
        if field in LISTS:
            return [decoder.decode(item) for item in decoder.array(inner)]
        if field in PAIRS:
            return [(decoder.decode(key), decoder.decode(value)) for key, value in decoder.array(inner)]
        if field == "nodes":
            nodes = decoder.entries(inner)
            return {key: self._of_group(one, decoder) for key, one in _pairs(nodes, decoder)}
        return decoder.decode(inner) if field in SINGLE else deepcopy(inner)

    def _of_group(self, node: Node, decoder: Decoder) -> Any:
        if type(node) is not dict or node.get("$") != "group":
            return decoder.decode(node)
        group = RawObject("group", None, {})
        self.fill(group, node, decoder)
        return group

    # -- to nodes ------------------------------------------------------------------

    def begin(self, obj: Any) -> Node:
        return {}

    def fill_node(self, obj: RawObject, node: Node, encoder: Encoder) -> None:
        node["$"] = obj._kind
        if obj._type is not None:
            node["type"] = obj._type.number_in(encoder)
        for field, value in obj._fields.items():
            node[field] = self._encoded(field, value, encoder)

    def _encoded(self, field: str, value: Any, encoder: Encoder) -> Node:
        if field in LISTS:
            return list(map(encoder.encode, value))
        if field in PAIRS:
            return [[encoder.encode(key), encoder.encode(one)] for key, one in value]
        if field == "nodes":
            nodes = {key: encoder.encode(one) for key, one in value.items()}
            return {"$": "dict", "pairs": [list(pair) for pair in nodes.items()]} if "$" in nodes else nodes
        return encoder.encode(value) if field in SINGLE else deepcopy(value)


def _pairs(nodes: Node, decoder: Decoder) -> Iterable[tuple[str, Node]]:
    pairs: Iterable[tuple[str, Node]] = nodes.items()
    return decoder.array(nodes["pairs"]) if "$" in nodes else pairs


RAW: Final = RawRule()
REGISTRY.add(RAW, RawObject)
