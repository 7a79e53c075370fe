"""From an object to nodes: the walk over everything that it holds.

One `Encoder` makes one record, or adds one part to a record.  It gives every
object one node, however often it is met, so that the nodes form the same graph
as the objects, cycles included; `layout` then writes the graph to lines.  What
lies deeper than `DEEPEST` waits in a queue, so that there is no recursion limit.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable
from typing import Any

from pyiron_storage.errors import NotStorableError
from pyiron_storage.paths import escape, join
from pyiron_storage.provenance.origins import NO_REQUIREMENTS, Requirements
from pyiron_storage.records.document import DEEPEST, LEAST, ROOT, Node, Record
from pyiron_storage.records.layout import Marks, lay_out
from pyiron_storage.records.pause import garbage_collection_paused
from pyiron_storage.records.rule import REGISTRY, Rule
from pyiron_storage.records.structure import path_to


class Refusal(NotStorableError):
    """On its way up from an object that cannot be stored, gathering the path."""

    def __init__(self, obj: object, reason: str) -> None:
        super().__init__(reason)
        self.type = f"{type(obj).__module__}.{type(obj).__qualname__}"
        self.reason = reason
        self.parts: list[str] = []


class Encoder:
    """Make the nodes of one object.

    Parameters
    ----------
    record
        Takes types, bytes, arrays and lines.
    path
        Where the object will stand, for messages.
    cloudpickle_fallback
        Whether code that cannot be imported may be kept as cloudpickle bytes.
    requirements
        What is asked of classes and functions.
    depth
        How deep in its line the place is that the object will have.
    """

    def __init__(
        self,
        record: Record,
        path: str = "",
        *,
        cloudpickle_fallback: bool = True,
        requirements: Requirements = NO_REQUIREMENTS,
        depth: int = 0,
    ) -> None:
        self.record = record
        self.path = path
        self.cloudpickle_fallback = cloudpickle_fallback
        self.requirements = requirements
        self.hint = path.rpartition("/")[2]
        """The last name on the way to the object at hand: a name for its arrays."""
        self.depth = depth
        """How deep in its line the object at hand lies."""
        self.plain_classes: dict[type, bool] = {}
        """Whether objects of a class are their attributes and nothing else, for the classes met so far."""
        self.type_numbers: dict[int, int] = {}
        """The numbers in the header of the classes and functions met so far, by id."""
        self.grafts: dict[int, Any] = {}
        """What copies from other records into this one, by the id of the record."""
        self.temporaries: set[int] = set()
        """The ids of objects that a reduction made for this one time, as arguments of its call."""
        self.rows: dict[int, int] = {}
        """Instances that are rows of tables, by id: the number of the table above bit 32, and that of the row."""
        self.in_place: list[list[Any]] = []
        """Instances that were written in columns where they stand."""
        self.instances = 0
        """How many instances were met one by one."""
        self.next_look = LEAST
        """How many it takes until tables are looked for."""
        self.code: Any = None
        """What keeps code by value; made where there is any."""
        self.beside: dict[int, Callable[[], Node]] = {}
        """What makes the nodes that stand on lines of their own beside the object, when all of it has been met."""
        self._tables: list[Node] = []
        self._rules: dict[type, Rule] = {}
        self._nodes: dict[int, Node] = {}
        self._kept: list[object] = []
        self._marks = Marks()
        self._waiting: deque[tuple[Rule, Any, Node, str]] = deque()

    # -- for rules -----------------------------------------------------------

    def encode(self, obj: Any) -> Node:
        """Return the node of an object."""
        cls = type(obj)
        rule = self._rules.get(cls)
        if rule is None:
            rule = self._rules[cls] = REGISTRY.find(cls)
        return rule.encode(obj, self)

    def once(self, obj: Any, rule: Rule) -> Node:
        """Return the one node of an object, filled by its rule now or, where it lies deep, later."""
        node = self._nodes.get(id(obj))
        if node is not None:
            self._marks.shared.add(id(node))
            return node
        node = self._nodes[id(obj)] = rule.begin(obj)
        self._kept.append(obj)  # an id is only unique while its object lives
        if self.depth >= DEEPEST:
            self._marks.deep.add(id(node))
            self._waiting.append((rule, obj, node, self.hint))
            return node
        self.depth += 1
        try:
            rule.fill_node(obj, node, self)
        except BaseException:
            del self._nodes[id(obj)]  # half filled; a class that leaves the object out goes on
            raise
        finally:
            self.depth -= 1
        return node

    def known_ids(self) -> set[int]:
        """The ids of all objects that have a node, stand in a column or are rows of a table."""
        return self._nodes.keys() | self.rows.keys() | {id(obj) for column in self.in_place for obj in column}

    def add_table(self, rows: list[Any], rule: Rule) -> None:
        """Make instances the rows of a table, which is filled by its rule later."""
        self.rows.update(zip(map(id, rows), itertools.count(len(self._tables) << 32)))
        node = rule.begin(rows)
        self._tables.append(node)
        self._marks.shared.add(id(node))
        self._waiting.append((rule, rows, node, self.hint))

    def row(self, number: int) -> Node:
        """Return the node that refers to a row, by its number in `rows`."""
        return {"$": "row", "table": self.table(number >> 32), "row": number & 0xFFFFFFFF}

    def table(self, number: int) -> Node:
        """Return the node of a table."""
        return self._tables[number]

    def shared(self, obj: Any) -> Node:
        """Return the node of an object that is referred to several times: it stands on a line of its own."""
        node = self.encode(obj)
        if id(obj) in self._nodes:
            self._marks.shared.add(id(node))
        return node

    def keep(self, obj: object) -> None:
        """Keep a temporary alive for as long as ids are compared."""
        self._kept.append(obj)

    def require(self, obj: Any, entry: dict[str, Any]) -> None:
        """Refuse a class or function whose entry in the header is not what is asked for.

        Raises
        ------
        NotStorableError
            If it is not.
        """
        reason = self.requirements.refusal(entry["name"], entry)
        if reason is not None:
            raise self.refusal(obj, reason)

    def refusal(self, obj: object, reason: str = "") -> Refusal:
        """Return the exception to raise for an object that cannot be stored."""
        return Refusal(obj, reason)

    # -- for storages --------------------------------------------------------

    def root(self, obj: Any) -> None:
        """Make `obj` the root of the record."""
        self._lay_out(obj, ROOT)

    def part(self, obj: Any) -> Node:
        """Add lines for `obj` to the record and return the node to put in its place."""
        return self._lay_out(obj)

    def _lay_out(self, obj: Any, root_line: int | None = None) -> Node:
        with garbage_collection_paused():
            graph = self._graph(obj)
            self._marks.through = {id(self._nodes[known]) for known in self.temporaries if known in self._nodes}
            others = {line: made() for line, made in self.beside.items()}
            node = lay_out(self.record, graph, self._marks, root_line, others)
            del graph  # very many nodes, gone before garbage is collected again
            self._nodes.clear()
            self.beside.clear()
            self.code = None
            return node

    def _graph(self, obj: Any) -> Node:
        root, node = None, None
        try:
            root = self.encode(obj)
            while self._waiting:
                rule, obj, node, self.hint = self._waiting.popleft()
                self.depth = 1
                rule.fill_node(obj, node, self)
        except Refusal as refusal:
            above = path_to(root, node) if root is not None else []
            raise self._error(refusal, above) from refusal.__cause__
        return root

    def _error(self, refusal: Refusal, above: list[str]) -> NotStorableError:
        path = "/".join(filter(None, [self.path, join(above), "/".join(map(escape, reversed(refusal.parts)))]))
        return NotStorableError(
            f"{path or 'The object'} of type {refusal.type} cannot be stored: {refusal.reason} "
            "Nothing was written. Leave it out, for instance with __getstate__, or store what it is made from."
        )
