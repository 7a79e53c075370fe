"""The rule of types that users and other packages register, and `register_type`, by which they do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from pyiron_storage.errors import CannotImportError, DamagedRecordError, FormatVersionError, InvalidOptionError
from pyiron_storage.records.damage import call
from pyiron_storage.records.decoder import Decoder
from pyiron_storage.records.document import Node
from pyiron_storage.records.encoder import Encoder
from pyiron_storage.records.layout import needed_first
from pyiron_storage.records.parts import ObjectParts, Parts
from pyiron_storage.records.places import Place
from pyiron_storage.records.registered_types import TYPES, RegisteredType
from pyiron_storage.records.rule import NO_SHELL, REGISTRY, Rule, qualified_name
from pyiron_storage.records.rules.objects import type_number
from pyiron_storage.records.rules.pieces import by_protocol, fill_pieces

NODES: Final = "nodes"
"""The field of parts that are complete before there is an object."""
STATE: Final = "state"
"""The field of parts that are put into an object which exists."""


def register_type(
    cls: type | str,
    *,
    name: str,
    version: int = 1,
    store: Callable[[Any], Mapping[str, Any] | None],
    restore: Callable[[dict[str, Any], int], Any] | None = None,
    create: Callable[[], Any] | None = None,
    fill: Callable[[Any, dict[str, Any], int], None] | None = None,
    show: str = "",
) -> None:
    """Say how objects of a type are stored, in place of what pickle would do with them.

    Its parts are browsed, loaded one by one, mapped, checked and signed as anything else.
    `docs/rules.md` has an example, and says how a package brings rules for another one.

    Parameters
    ----------
    cls : type or str
        The type, or its name, ``"module.Class"``, as users import it: then nothing is
        imported until there is such an object. Subclasses are other types.
    name : str
        What the file calls the rule. It stays, wherever class and rule move to.
    version : int
        The version of the parts: 1, and one more each time when they change.
    store : callable
        Takes an object and returns its parts: a mapping of names to anything that can be
        stored, arrays, lists, other registered objects. None leaves an object to pickle's way.
    restore : callable
        Takes the parts, a dict, and the version that they have in the file, and returns the object.
    create, fill : callable
        In place of `restore`, for objects that may be among their own parts: `create` takes
        nothing and returns an empty object, `fill` takes it, the parts and their version.
    show : str
        What is shown of an object that is looked at, with the names of parts in braces, for
        instance ``"{value} {unit}"``. It stands in the file, so that nothing is imported to look.

    Raises
    ------
    InvalidOptionError
        If one of them is not what it can be, or the name is that of another type.

    Examples
    --------
    >>> import pyiron_storage as ps
    >>> class Length:
    ...     def __init__(self, value, unit):
    ...         self.value, self.unit = value, unit
    >>> ps.register_type(
    ...     Length,
    ...     name="docs.Length",
    ...     store=lambda length: {"value": length.value, "unit": length.unit},
    ...     restore=lambda parts, version: Length(parts["value"], parts["unit"]),
    ...     show="{value} {unit}",
    ... )
    >>> ps.save(Length(4.05, "Å"), "length.h5")
    >>> ps.load("length.h5", "value"), ps.load("length.h5").unit
    (4.05, 'Å')
    """
    new = RegisteredType(cls, name, version, store, restore, create, fill, show)
    _check(new)
    TYPES.by_name[name] = new
    REGISTRY.add(RegisteredRule(new), predicate=new.is_for)


def _check(new: RegisteredType) -> None:
    is_name = isinstance(new.cls, str) and all(part.isidentifier() for part in new.cls.split(".")) and "." in new.cls
    if not isinstance(new.cls, type) and not is_name:
        raise InvalidOptionError(f"register_type: {new.cls!r} is no class and no name of one, such as 'module.Class'.")
    if any(new.is_for(cls) for cls in REGISTRY.exact):
        raise InvalidOptionError(f"register_type: {new.cls!r} has a rule of its own, which cannot be replaced.")
    if not isinstance(new.name, str) or not new.name:
        raise InvalidOptionError(f"register_type: name={new.name!r} is no text that a file could call a rule.")
    if type(new.version) is not int or new.version < 1:
        raise InvalidOptionError(f"register_type: version={new.version!r} is no number from 1 on.")
    if not isinstance(new.show, str):
        raise InvalidOptionError(f"register_type: show={new.show!r} is no text such as '{{value}} {{unit}}'.")
    _check_functions(new)
    known = TYPES.by_name.get(new.name)
    if known is not None and _named(known.cls) != _named(new.cls):
        raise InvalidOptionError(f"register_type: {new.name!r} is the rule of {_named(known.cls)}. Take another name.")


def _check_functions(new: RegisteredType) -> None:
    given = {"store": new.store, "restore": new.restore, "create": new.create, "fill": new.fill}
    for what, function in given.items():
        if function is not None and not callable(function):
            raise InvalidOptionError(f"register_type: {what}={function!r} cannot be called.")
    which = {what for what, function in given.items() if function is not None}
    if which not in ({"store", "restore"}, {"store", "create", "fill"}):
        raise InvalidOptionError(
            f"register_type: it was given {', '.join(sorted(which))}, and takes store with restore, "
            "or store with create and fill."
        )


def _named(cls: type | str) -> str:
    return cls if isinstance(cls, str) else qualified_name(cls)


class RegisteredRule(Rule):
    """``{"$":"registered","type":n,"rule":"...","version":1,"nodes":{...}}``, and ``shown``.

    With ``state`` in place of ``nodes`` where the object is made before it is filled.
    """

    name = "registered"

    def __init__(self, registered: RegisteredType | None = None) -> None:
        self._registered = registered

    # -- to nodes ------------------------------------------------------------------

    def fill_node(self, obj: Any, node: Node, encoder: Encoder) -> None:
        registered = self._registered
        assert registered is not None
        parts = _taken(obj, registered, encoder)
        if parts is None:
            by_protocol.fill_node(obj, node, encoder)
            return
        encoder.keep(parts)
        node["type"] = type_number(type(obj), encoder)
        node["rule"], node["version"] = registered.name, registered.version
        if registered.show:
            node["shown"] = registered.show
        field = NODES if registered.create is None else STATE
        node[field] = {}
        fill_pieces(node[field], dict(parts), encoder)
        if field == NODES and _needs(node, node):
            raise encoder.refusal(
                obj, f"it is among its own parts. Register {registered.name!r} with create= and fill=."
            )

    # -- from nodes ----------------------------------------------------------------

    def needs_first(self, node: Node) -> list[Node]:
        return [node[NODES]] if NODES in node else []

    def lacks(self, node: Node, decoder: Decoder) -> bool:
        try:
            _reader(node, decoder)
        except (CannotImportError, FormatVersionError):
            return True
        return False

    def shell(self, node: Node, decoder: Decoder) -> Any:
        registered = _reader(node, decoder)
        if STATE not in node:
            return NO_SHELL
        if registered.create is None:
            raise DamagedRecordError(_not_made_so(node, decoder))
        return call(registered.create)

    def fill(self, shell: Any, node: Node, decoder: Decoder) -> None:
        fill = _reader(node, decoder).fill
        assert fill is not None  # else there is no shell
        _made(node, decoder, fill, shell, _decoded(node, STATE, decoder), node["version"])

    def decode(self, node: Node, decoder: Decoder) -> Any:
        shell = self.shell(node, decoder)
        if shell is not NO_SHELL:
            self.fill(shell, node, decoder)
            return shell
        registered = _reader(node, decoder)
        parts = _decoded(node, NODES, decoder)
        if registered.restore is not None:
            return _made(node, decoder, registered.restore, parts, node["version"])
        if registered.create is None or registered.fill is None:
            raise DamagedRecordError(_not_made_so(node, decoder))
        made = call(registered.create)  # it had restore= when this was written
        _made(node, decoder, registered.fill, made, parts, node["version"])
        return made

    # -- from outside --------------------------------------------------------------

    def parts(self, place: Place) -> Parts:
        field = NODES if NODES in place.node else STATE
        return ObjectParts(place.inner(field).follow(), fixed=True)

    def template(self, node: Node) -> str:
        shown = node.get("shown", "")
        return shown if type(shown) is str else ""


def _taken(obj: Any, registered: RegisteredType, encoder: Encoder) -> Mapping[str, Any] | None:
    """The parts of an object, as its rule gives them."""
    try:
        parts = registered.store(obj)
    except Exception as error:
        raise encoder.refusal(obj, f"the rule {registered.name!r} failed: {type(error).__name__}: {error}.") from error
    if parts is None:
        return None
    if not isinstance(parts, Mapping) or not all(type(name) is str and name != "$" for name in parts):
        raise encoder.refusal(obj, f"the rule {registered.name!r} gave no mapping of names to parts.")
    return parts


def _needs(node: Node, wanted: Node) -> bool:
    """Whether a node must be complete before one can be made that it is itself."""
    seen: set[int] = set()
    waiting = list(needed_first(node))
    while waiting:
        inner = waiting.pop()
        if inner is wanted:
            return True
        if type(inner) is dict and id(inner) not in seen:
            seen.add(id(inner))
            waiting.extend(needed_first(inner))
    return False


def _reader(node: Node, decoder: Decoder) -> RegisteredType:
    """The registered type by which a node is read; its class was admitted before anything is looked for."""
    cls = decoder.type(node.get("type"))
    name, version = node.get("rule"), node.get("version")
    if type(name) is not str or type(version) is not int:
        raise DamagedRecordError(f"{decoder.record.place}: a registered object is stored without rule and version.")
    for package in _packages(cls):
        TYPES.look_for(package)
    found = TYPES.by_name.get(name)
    if found is None or not (isinstance(cls, type) and found.is_for(cls)):
        raise CannotImportError(_missing(name, cls, decoder), name=name)
    if version > found.version:
        raise FormatVersionError(
            f"{decoder.record.place}: it was stored by version {version} of the rule {name!r}, and the one that is "
            f"registered reads up to {found.version}. Install a later release of the package that has it, or load "
            "with on_missing='raw', or browse."
        )
    return found


def _packages(cls: Any) -> Iterator[str]:
    yield str(getattr(cls, "__module__", "")).partition(".")[0]


def _missing(name: str, cls: Any, decoder: Decoder) -> str:
    class_name = qualified_name(cls) if isinstance(cls, type) else repr(cls)
    return (
        f"{decoder.record.place}: a {class_name} was stored by the rule {name!r}, which nobody has registered for it. "
        "Import or install the package that registers it (ps.register_type), load with on_missing='raw', or browse."
    )


def _not_made_so(node: Node, decoder: Decoder) -> str:
    return f"{decoder.record.place}: the rule {node.get('rule')!r} makes no object from what is stored."


def _decoded(node: Node, field: str, decoder: Decoder) -> dict[str, Any]:
    parts = decoder.decode(node.get(field))
    if type(parts) is not dict:
        raise DamagedRecordError(f"{decoder.record.place}: a {node.get('rule')} is stored without its parts.")
    return dict(parts)


def _made(node: Node, decoder: Decoder, function: Callable[..., Any], *args: Any) -> Any:
    """What a function of a rule gives; where it fails, the error says which."""
    try:
        return function(*args)
    except (MemoryError, RecursionError):
        raise
    except Exception as error:
        raise DamagedRecordError(
            f"{decoder.record.place}: the rule {node.get('rule')!r} makes nothing of the parts that are stored in "
            f"version {node.get('version')}: {type(error).__name__}: {error}"
        ) from error


def _look_for_rules(cls: type) -> None:
    TYPES.look_for(str(cls.__module__).partition(".")[0])


REGISTRY.add(RegisteredRule())
REGISTRY.before_finding.append(_look_for_rules)
