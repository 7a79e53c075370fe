"""From lines back to objects.

A `Decoder` restores what one load asks for, with one memo, so that what was one
object is one object again.  Lines are taken in the order in which pickle would
take them, on a stack of its own, so that a chain of any length comes back; within
a line, which is never deep, it simply recurses.

An object that can exist empty (a list, an instance) is made before what it holds,
so that cycles close.  A tuple or the result of a call cannot: where a cycle comes
back to one that is still being made, it is made there and then, from the parts
that exist by then, exactly as pickle does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, Final

from pyiron_storage.errors import CannotImportError, DamagedRecordError
from pyiron_storage.provenance.loading import DEFAULT, Loading
from pyiron_storage.records.document import DEEPEST, ROOT, Node, Record
from pyiron_storage.records.gate import Gate
from pyiron_storage.records.pause import garbage_collection_paused
from pyiron_storage.records.places import Place
from pyiron_storage.records.raw import StandIns
from pyiron_storage.records.rule import NO_SHELL, REGISTRY, Rule
from pyiron_storage.records.structure import is_parts, slots
from pyiron_storage.records.version_check import VersionCheck
from pyiron_storage.trusting.admission import DATA, Admission

_CONTAINERS: Final = frozenset([list, dict])


class Decoder:
    """Restore objects of one record, each once.

    Parameters
    ----------
    record
        What was stored.
    mmap
        Whether big arrays are to be memory maps where that is possible.
    admission
        Which classes and functions may be imported and called.
    loading
        What is asked beside that.
    is_looking
        Whether values are only looked at: nothing is imported for them, also not what defines their dtype.
    """

    def __init__(
        self,
        record: Record,
        *,
        mmap: bool = False,
        admission: Admission = DATA,
        loading: Loading = DEFAULT,
        is_looking: bool = False,
    ) -> None:
        self.record = record
        self.mmap = mmap
        self.is_looking = is_looking
        self.gate = Gate(record, admission, loading.rename, self._by_value)
        self.stand_ins = StandIns(self) if loading.on_missing == "raw" else None
        """What is given in place of what cannot be imported; None where that is an error."""
        self.map_location = loading.map_location
        """Where tensors are put, as `torch.load` takes it."""
        self._versions = VersionCheck(record, loading.versions)
        self._memo: dict[int, Any] = {}
        self._begun: set[int] = set()
        self._nesting = 0
        self._part_line = 0
        self._parts: dict[int, Any] = {}
        self._kept: list[Node] = []
        self._types: dict[tuple[int, bool], Any] = {}
        self._broken: dict[int, CannotImportError] = {}

    def root(self) -> Any:
        """Return the whole object."""
        return self.line(ROOT)

    # -- nodes ---------------------------------------------------------------

    def decode(self, node: Node) -> Any:
        """Return the object of a node."""
        if self._parts and id(node) in self._parts:
            return self._parts[id(node)]
        if type(node) is list:
            return self._list(node)
        if type(node) is not dict:
            return node
        name = node.get("$")
        return self._dict(node) if name is None else self._by_rule(name, node)

    def _by_rule(self, name: Any, node: dict[str, Node]) -> Any:
        if type(name) is int:
            return self._referred(name)
        if name == "parts":
            return self.decode(self.entries(node))
        return self._rule_of(node).decode(node, self)

    def _list(self, node: list[Node]) -> list[Any]:
        return [self.decode(inner) if type(inner) in (list, dict) else inner for inner in node]

    def _dict(self, node: dict[str, Node]) -> dict[str, Any]:
        return {key: self.decode(inner) if type(inner) in (list, dict) else inner for key, inner in node.items()}

    def _out_of(self, node: Node) -> Any:
        """Return the object of a node that nobody else reads: lists and dicts are the very ones that were parsed."""
        if type(node) is list:
            for index, inner in enumerate(node):
                if type(inner) in _CONTAINERS:
                    node[index] = self._out_of(inner)
            return node
        name = node.get("$")
        if name is None:
            for key, inner in node.items():
                if type(inner) in _CONTAINERS:
                    node[key] = self._out_of(inner)
            return node
        if name == "tuple" and type(node["items"]) is list:
            return tuple(self._out_of(node["items"]))
        return self._by_rule(name, node)

    def at(self, place: Place, path: tuple[str, ...] = ()) -> Any:
        """Return the object at a place, followed: that of a whole line, or of a node inside one.

        `path` leads there in the record, for messages.

        Raises
        ------
        UntrustedError
            If it names what is not admitted; nothing was run then.
        """
        if not self.is_looking:
            self.gate.check(place, path)
        with garbage_collection_paused(), self._versions, self.gate:
            if place.container is self.record.nodes:
                if place.line == ROOT:
                    self.record.expect_all()
                return self._referred(place.line)
            if place.row is not None:
                line, row = place.row
                return self._referred(line)[row]
            if not self._parts:
                self._part_line = place.line
            return self.part(place.node)

    def part(self, node: Node) -> Any:
        """Return the object of a node inside a line, after what it refers to.

        Where what it refers to comes back to the line, it finds this very object in it.
        """
        if self._parts and id(node) in self._parts:
            return self._parts[id(node)]
        shell = self.shell(node) if type(node) in (list, dict) and not self._needs_first(node) else NO_SHELL
        if shell is not NO_SHELL:
            self._parts[id(node)] = shell
            self._kept.append(node)  # an id is only unique while its node lives
        for line in self._new(references_below(self.record, node)):
            self.line(line)
        if shell is NO_SHELL:
            return self.decode(node)
        self.fill(shell, node)
        return shell

    def rule(self, name: Any) -> Rule:
        """Return the rule of this name."""
        try:
            return REGISTRY.by_name[name]
        except (KeyError, TypeError):
            raise DamagedRecordError(
                f"{self.record.place}: the record uses the rule {name!r}, which this release does not know. "
                "A later release, or a package that registers it, may read it."
            ) from None

    def _rule_of(self, node: Node) -> Rule:
        """The rule that makes the object of a node."""
        rule = self.rule(node["$"])
        return rule if self.stand_ins is None else self.stand_ins.instead(rule, node)

    def array(self, entries: Node) -> list[Node]:
        """Return the nodes of an array field, gathered where it goes on on other lines."""
        array: list[Node] = self._expect(list, self.entries(entries))
        return array

    def entries(self, node: Node) -> Node:
        """Return an array or object of nodes, gathered where it goes on on other lines."""
        if not is_parts(node):
            return node
        pieces = [self.entries(self._parsed(line)) for line, _ in node["lines"]]
        if all(type(piece) is list for piece in pieces):
            return list(chain.from_iterable(pieces))
        return {key: inner for piece in pieces for key, inner in self._expect(dict, piece).items()}

    def _expect(self, kind: type, entries: Node) -> Any:
        if type(entries) is not kind:
            raise DamagedRecordError(
                f"{self.record.place}: a {kind.__name__} was expected, and {type(entries).__name__} is in the record."
            )
        return entries

    def type(self, number: Any, *, called: bool = True) -> Any:
        """Return the class or function with this number in the header; `called` where it is more than a value."""
        known = number, called
        if known not in self._types:
            entry = self.record.type_entry(number)
            found = self.gate.find(entry, called=called)
            self._versions.see(number, entry, self.gate.current(entry), found)
            self._types[known] = found
        return self._types[known]

    def _by_value(self, entry: dict[str, Any]) -> Any:
        """The class or function of an entry whose code stands on a line: with all others that are there."""
        line = entry["code"]["$"]
        if line in self._broken:
            raise self._broken[line]
        try:
            return self._referred(line).objects[entry["number"]]
        except CannotImportError as error:
            self._broken[line] = error
            raise
        except (AttributeError, LookupError, TypeError) as error:
            raise DamagedRecordError(f"{self.record.place}: the code of {entry['name']!r} is not there.") from error

    # -- lines ---------------------------------------------------------------

    def line(self, line: int) -> Any:
        """Return the object on a line, and with it everything that it refers to."""
        stack = [self._make(line)] if line not in self._memo else []
        while stack:
            needed = next(stack[-1], None)
            if needed is None:
                stack.pop()
            else:
                stack.append(self._make(needed))
        return self._memo[line]

    def _make(self, line: int) -> Iterator[int]:
        """Make the object on a line; yield, one after the other, the lines that must come before the next step.

        First comes what the shell needs, then the shell, then what is in it,
        then the shell is filled; what has no shell is made in the last step.
        """
        self._begun.add(line)
        node = self.entries(self._parsed(line))
        for inner in self._needs_first(node):
            yield from self._new(references_below(self.record, inner))
        if line in self._memo:  # a cycle through what was needed first has made it
            self._begun.discard(line)
            return
        shell = self.shell(node)
        if shell is not NO_SHELL and self._memo.setdefault(line, shell) is not shell:
            self._begun.discard(line)
            return
        if not self.is_looking:  # for a value alone, which needs nothing that its dtype refers to
            yield from self._new(self.record.references(line))
        if line in self._memo:
            self.fill(self._memo[line], node, owned=line != self._part_line)
        else:
            made = self.decode(node)
            self._memo.setdefault(line, made)  # a cycle may have made it meanwhile
        self._begun.discard(line)

    def _parsed(self, line: int) -> Node:
        """The node of a line: fresh, but for the line in which the part stands that was asked for."""
        return self.record.node(line) if line == self._part_line else self.record.parse(line)

    def _needs_first(self, node: Node) -> list[Node]:
        if self.is_looking:
            return []
        if type(node) is dict and type(node.get("$")) is str and not is_parts(node):
            return self._rule_of(node).needs_first(node)
        return []

    def _new(self, lines: Iterable[int]) -> Iterator[int]:
        return (line for line in lines if line not in self._memo and line not in self._begun)

    def shell(self, node: Node) -> Any:
        """Return the object of a node before it is filled, or `NO_SHELL`."""
        entries = self.entries(node)
        if type(entries) is list:
            return []
        if type(entries) is not dict:
            return entries
        if "$" not in entries:
            return {}
        return NO_SHELL if type(entries["$"]) is int else self._rule_of(entries).shell(entries, self)

    def fill(self, shell: Any, node: Node, *, owned: bool = False) -> None:
        """Put into a shell what its node holds; the object may be made out of a node that is `owned`."""
        entries = self.entries(node)
        if type(entries) is list:
            shell.extend(self._out_of(entries) if owned else self._list(entries))
        elif type(entries) is dict and "$" not in entries:
            shell.update(self._out_of(entries) if owned else self._dict(entries))
        elif type(entries) is dict:
            self._rule_of(entries).fill(shell, entries, self)

    def _referred(self, line: int) -> Any:
        if line in self._memo:
            return self._memo[line]
        if line not in self._begun:
            return self.line(line)
        node = self._parsed(line)
        if type(node) is dict and type(node.get("$")) is str and not is_parts(node):
            self._rule_of(node).close_cycle(line, node, self)
        else:
            self.again(line, node)
        return self._memo[line]

    def again(self, line: int, node: Node) -> None:
        """Make the object of a line that is being made already, from the parts that exist by now."""
        if self._nesting >= DEEPEST:
            raise DamagedRecordError(f"{self.record.place}: line {line} holds itself in a way no object can.")
        self._nesting += 1
        shell = self.shell(node)
        made = self.decode(node) if shell is NO_SHELL else shell
        if self._memo.setdefault(line, made) is shell:
            self.fill(shell, node)
        self._nesting -= 1


def references_below(record: Record, node: Node) -> list[int]:
    """The lines that a node refers to, and that the lines on which it goes on refer to."""
    lines: list[int] = []
    waiting = [node]
    while waiting:
        node = waiting.pop()
        if type(node) is not dict and type(node) is not list:
            continue
        if type(node) is dict and "$" in node:
            if type(node["$"]) is int:
                lines.append(node["$"])
                continue
            parts = [inner for inner in (node, *node.values()) if is_parts(inner)]
            lines.extend(
                reference for inner in parts for line, _ in inner["lines"] for reference in record.references(line)
            )
        waiting.extend(reversed([holder[key] for holder, key in slots(node)]))
    return lines
