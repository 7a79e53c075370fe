"""What a rule is, and the one registry of rules.

A rule says how objects of some types are written as a node, how they come back,
and how the node looks from outside.  The name of the rule stands in the node
under ``"$"``.  Rules are kept in one `Registry`: by exact type first, then by
predicates, of which the one that was registered last is asked first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from weakref import WeakKeyDictionary

from pyiron_storage.records.document import Node
from pyiron_storage.records.hooks import registered_reducer
from pyiron_storage.records.parts import Parts
from pyiron_storage.records.places import Place

if TYPE_CHECKING:
    from pyiron_storage.records.decoder import Decoder
    from pyiron_storage.records.encoder import Encoder

NO_SHELL: Final = object()
"""Given by `Rule.shell` where the object cannot exist before its parts do."""


class Strides(NamedTuple):
    """How something looks at an array that stands elsewhere: in elements of a dtype, from an offset, in steps."""

    place: Place
    element: str
    shape: tuple[int, ...]
    steps: tuple[int, ...]
    offset: int
    is_contiguous: bool


class Rule:
    """How objects of some types are stored.

    A subclass sets `name` and `kind` and overrides either `encode` and `decode`
    (for what has no identity of its own), or `fill_node`, `shell` and `fill`.
    """

    name: str = ""
    """What stands behind ``"$"``."""
    kind: str = "object"
    """What a reader sees: value, array, list, dict, tuple, set, group or object."""
    type_names: tuple[str, ...] = ()
    """The types that it is registered for, ``"module.Class"`` for what is not built in; the first is the usual one."""

    # -- from object to node -------------------------------------------------

    def encode(self, obj: Any, encoder: Encoder) -> Node:
        """Return the node of an object; one object has one node."""
        return encoder.once(obj, self)

    def begin(self, obj: Any) -> Node:
        """Return the empty node of an object, to be filled."""
        return {"$": self.name}

    def fill_node(self, obj: Any, node: Node, encoder: Encoder) -> None:
        """Put what the object holds into its node."""
        raise encoder.refusal(obj)

    # -- from node to object -------------------------------------------------

    def shell(self, node: Node, decoder: Decoder) -> Any:
        """Return the object before it is filled, or `NO_SHELL`."""
        return NO_SHELL

    def fill(self, shell: Any, node: Node, decoder: Decoder) -> None:
        """Put into the shell what the node holds."""

    def needs_first(self, node: Node) -> list[Node]:
        """Return the nodes that must be complete before there is a shell."""
        return []

    def decode(self, node: Node, decoder: Decoder) -> Any:
        """Return the object, complete."""
        shell = self.shell(node, decoder)
        self.fill(shell, node, decoder)
        return shell

    def close_cycle(self, line: int, node: Node, decoder: Decoder) -> None:
        """Let the decoder have the object of a line where a cycle comes back to it before it is complete."""
        decoder.again(line, node)

    def lacks(self, node: Node, decoder: Decoder) -> bool:
        """Whether something that makes the object is missing, beside the classes that the node names."""
        return False

    # -- from outside ----------------------------------------------------------

    def is_value(self, node: Node) -> bool:
        """Whether an item of this kind comes back as a value; anything else as a view."""
        return self.kind in ("value", "array")

    def type_name(self, node: Node) -> str:
        """Return the type of what a node stands for, ``"module.Class"``, where the node names no class itself."""
        return self.type_names[0] if self.type_names else self.name

    def type_shown(self, node: Node, name: str) -> str:
        """Return what is shown as the type of a node that names a class or function."""
        return name

    def strides(self, place: Place) -> Strides | None:
        """Return how the node at a place looks at an array; None where it is one itself, or none at all."""
        return None

    def template(self, node: Node) -> str:
        """Return what is shown of the object, with the names of parts in braces; empty where that is not known."""
        return ""

    def parts(self, place: Place) -> Parts:
        """Return what a path can name inside the node at a place."""
        return Parts()

    def columns(self, place: Place) -> list[tuple[str, str, Place]]:
        """Return the columns of what is a table: what stands above each, its name in a path, and its place."""
        return []


class Registry:
    """All rules: by name for reading, by type for writing."""

    def __init__(self) -> None:
        self.by_name: dict[str, Rule] = {}
        self.exact: dict[type, Rule] = {}
        self._predicates: list[tuple[Callable[[type], bool], Rule]] = []
        self._fallback: Rule
        self.before_finding: list[Callable[[type], None]] = []
        """Called with each type whose rule is asked for the first time: they may register rules for it."""
        self._found: WeakKeyDictionary[type, Rule] = WeakKeyDictionary()

    def add(self, rule: Rule, *types: type, predicate: Callable[[type], bool] | None = None) -> Rule:
        """Register a rule for exact types, for the types that a predicate accepts, or both."""
        self.by_name[rule.name] = rule
        rule.type_names = (*rule.type_names, *map(qualified_name, types))
        self._found.clear()
        self.exact.update(dict.fromkeys(types, rule))
        if predicate is not None:
            self._predicates.insert(0, (predicate, rule))
        return rule

    def add_fallback(self, rule: Rule) -> None:
        """Register the rule for everything that no other rule takes."""
        self.by_name[rule.name] = rule
        self._fallback = rule

    def find(self, cls: type) -> Rule:
        """Return the rule for objects of a type."""
        if registered_reducer(cls) is not None:  # as with pickle, this goes before what is known of the class
            return self._fallback
        rule = self.exact.get(cls) or self._found.get(cls)
        if rule is None:
            for prepare in self.before_finding:
                prepare(cls)
            rule = next((rule for predicate, rule in self._predicates if predicate(cls)), self._fallback)
            self._found[cls] = rule
        return rule


def qualified_name(cls: type) -> str:
    """``"module.Class"``; of what is built in the class alone.

    Examples
    --------
    >>> import decimal
    >>> qualified_name(decimal.Decimal), qualified_name(int)
    ('decimal.Decimal', 'int')
    """
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


def named(package: str, *names: str) -> Callable[[type], bool]:
    """Whether a class is one of a package that has one of these names, found without importing it."""
    return lambda cls: cls.__name__ in names and cls.__module__.partition(".")[0] == package


REGISTRY: Final = Registry()
