"""What a record wants: every class, function and piece of code that it names, and where; nothing is imported.

The walk goes by the structure of nodes alone, so that it misses nothing that a rule
could ask for.  ``*`` in a path stands for any entry of a long list.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from pyiron_storage.errors import DamagedRecordError, StorageError, UntrustedError
from pyiron_storage.paths import ReservedPart, join
from pyiron_storage.records.document import Node, Record
from pyiron_storage.records.places import Place, key_parts
from pyiron_storage.records.signing import Signing
from pyiron_storage.records.structure import COLUMNS, LISTS, OWN, PAIRS, SINGLE, is_column, is_parts, is_reference
from pyiron_storage.trusting.admission import HARMLESS, HARMLESS_CALLS, dotted, is_harmless

Path = tuple[str, ...]

EVERY: Final = "*"
"""Stands for any entry of a column."""
SHOWN: Final = 20
"""So many names are listed in a message, each with one path."""


@dataclass(frozen=True)
class Want:
    """One class, function or piece of code that a file names.

    Attributes
    ----------
    path : str
        Where the object is that needs it.
    name : str
        The class or function, as ``module.name``.
    is_code : bool
        Whether it is kept by value: only what is signed, or ``trust="all"``, lets such code run.
    is_called : bool
        Whether it is called or made an instance of; otherwise it is a value itself.
    method : str
        What of the class it is, where it is a method of it; the name ends with that.

    Examples
    --------
    >>> import collections, pyiron_storage as ps
    >>> ps.save({"names": collections.UserDict()}, "class.h5")
    >>> ps.trust("class.h5", sign=False)[0].name
    class.h5 names:
        object/names: collections.UserDict
    'collections.UserDict'
    """

    path: str
    name: str
    is_code: bool = False
    is_called: bool = True
    method: str = ""

    def __str__(self) -> str:
        return f"{self.path}: {self.name}{' (code kept by value)' if self.is_code else ''}"


def wants(place: Place, path: Iterable[str] = ()) -> Iterator[tuple[Want, int]]:
    """Yield what the node at a place, and all that it refers to, names, with the number of its type.

    Raises
    ------
    DamagedRecordError
        If the record is not as the format says.
    """
    walk = _Walk(place.record)
    if place.row is not None:
        walk.refer(place.row[0], tuple(path), VALUE)
    walk.waiting.append((place.node, tuple(path), VALUE))
    try:
        yield from walk.all()
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        if isinstance(error, StorageError):
            raise
        raise DamagedRecordError(f"{place.record.place}: the record is damaged: {error!r}.") from error


def method_of(want: Want, name: Any) -> Want:
    """What is wanted where a method of a class is."""
    return Want(want.path, f"{want.name}.{name}", want.is_code, method=str(name))


def needs_trust(want: Want, entry: dict[str, Any]) -> bool:
    """Whether what is wanted could run, as it is wanted."""
    name = entry.get("name")
    return want.is_code or want.method != "" or name not in (HARMLESS_CALLS if want.is_called else HARMLESS)


def names_nothing(record: Record) -> bool:
    """Whether nothing that a record names could run."""
    types = record.header["types"]
    if not all(map(is_harmless, types)):
        return False
    if all(entry["name"] in HARMLESS_CALLS for entry in types):
        return True
    return not any(needs_trust(want, record.type_entry(number)) for want, number in wants(Place.root(record)))


Signing.names_nothing = staticmethod(names_nothing)

VALUE: Final = "value"
CALLED: Final = "called"
COLUMN: Final = "column"
"""How a node is met: as a value, as what is called, or as a column whose entries have the path."""


class _Walk:
    """What was found on the way through a record, and what waits."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._seen: set[tuple[int, str]] = set()
        self.waiting: list[tuple[Node, Path, str]] = []
        """Nodes with their paths, and how they are met."""

    def all(self) -> Iterator[tuple[Want, int]]:
        """Yield all that is named."""
        while self.waiting:
            node, path, met = self.waiting.pop()
            if type(node) is list:
                self._push([(inner, (*path, str(index)), VALUE) for index, inner in enumerate(node)])
            elif type(node) is dict and is_reference(node):
                self.refer(node["$"], path, met)
            elif type(node) is dict and is_parts(node):
                self._parts(node, path)
            elif type(node) is dict and "$" not in node:
                self._push([(inner, (*path, key), VALUE) for key, inner in node.items()])
            elif type(node) is dict:
                yield from self._by_rule(node, path, met)

    def refer(self, line: int, path: Path, met: str) -> None:
        """Go on on another line, the first time that it is met in this way."""
        if (line, met) not in self._seen:
            self._seen.add((line, met))
            self.waiting.append((self._record.parse(line), path, met))

    def _parts(self, node: dict[str, Any], path: Path) -> None:
        start = 0
        for line, count in node["lines"]:
            inner = self._record.parse(line) if (line, "parts") not in self._seen else None
            self._seen.add((line, "parts"))
            if type(inner) is list:
                self._push([(entry, (*path, str(start + index)), VALUE) for index, entry in enumerate(inner)])
            else:
                self.waiting.append((inner, path, VALUE))
            start += count

    def _by_rule(self, node: dict[str, Any], path: Path, met: str) -> Iterator[tuple[Want, int]]:
        if is_column(node) and met != COLUMN:
            path = (*path, EVERY)
        if type(node.get("type")) is int:
            entry = self._record.type_entry(node["type"])
            is_called = met == CALLED or node["$"] != "import"
            want = Want(join(path), dotted(str(entry.get("name"))), "code" in entry, is_called)
            yield want, node["type"]
            self._code(entry, path)
            if node["$"] == "method":
                yield method_of(want, node.get("name")), node["type"]
        for field, inner in node.items():
            if field in COLUMNS:
                self._columns(field, inner, node, path)
            elif field in SINGLE:
                is_called = field == "setter" or (field == "function" and node["$"] in ("call", "new"))
                inside = path if field in _IN_PLACE else (*path, ReservedPart(f"~{field}"))
                self.waiting.append((inner, inside, CALLED if is_called else VALUE))
            elif field in PAIRS:
                self._pairs(inner, path)
            elif field == "items" and is_column(node):
                self._push([(item, path, VALUE) for item in self._entries(inner)])
            elif field in LISTS:
                self.waiting.append((inner, path if field == "items" else (*path, ReservedPart(f"~{field}")), VALUE))

    def _code(self, entry: dict[str, Any], path: Path) -> None:
        """Go on in the data that code holds which is kept by value."""
        if is_reference(entry.get("code")):
            self.refer(entry["code"]["$"], (*path, ReservedPart("~code")), VALUE)

    def _columns(self, field: str, inner: Node, node: dict[str, Any], path: Path) -> None:
        """A column stands for what is in the entries of the one that it is in; a flat one for what is in those."""
        names = [*node.get("fields", []), *node.get("keys", [])]
        columns = inner if type(inner) is list else [inner]
        for number, column in enumerate(columns):
            name = (names[number],) if field == "columns" and len(names) == len(columns) else ()
            inside = (*path, EVERY) if field == "flat" or not is_column(node) else (*path, *name)
            self.waiting.append((column, inside, COLUMN))

    def _pairs(self, pairs: Node, path: Path) -> None:
        entries = list(self._entries(pairs))
        parts = key_parts(self._record, (key for key, _ in entries))
        for (key, value), part in zip(entries, parts, strict=True):
            self._push([(key, (*path, ReservedPart("~keys")), VALUE), (value, (*path, part), VALUE)])

    def _entries(self, nodes: Node) -> Iterator[Node]:
        """The entries of an array that may go on on other lines."""
        waiting = [nodes]
        while waiting:
            node = waiting.pop()
            if not is_parts(node):
                yield from node
                continue
            for line, _ in node["lines"][::-1]:
                if (line, "entries") not in self._seen:
                    self._seen.add((line, "entries"))
                    waiting.append(self._record.parse(line))

    def _push(self, nodes: list[tuple[Node, Path, str]]) -> None:
        self.waiting.extend(entry for entry in nodes[::-1] if type(entry[0]) in (list, dict))


_IN_PLACE: Final = (*OWN, "slots", "value", "table")
"""Fields whose parts have the path of the node itself."""


# -- what is refused ---------------------------------------------------------------------------


def untrusted(found: Iterable[Want], file: str, why: str, admitted: Iterable[str] = ()) -> UntrustedError:
    """The error for what is not admitted: it lists each name once, with the paths where it is wanted.

    `admitted` are the names that are admitted already; together with the others they are a list for `trust=`.
    """
    by_name: dict[tuple[str, bool], list[Want]] = {}
    for want in found:
        by_name.setdefault((want.name, want.is_code), []).append(want)
    lines = [_line(same) for same in by_name.values()]
    listed = "".join(f"\n    {line}" for line in lines[:SHOWN])
    more = f"\n    ... and {len(lines) - SHOWN} more" if len(lines) > SHOWN else ""
    names = sorted({*admitted, *(name for name, is_code in by_name if not is_code)})
    example = ", ".join(map(repr, names)) or "'package'"
    code = any(is_code for _, is_code in by_name)
    return UntrustedError(
        f"{file}: {why} Nothing of it was run. It wants{listed}{more}\n"
        f"If you trust where the file comes from, say what may run: load(..., trust=[{example}]), where the name of a "
        f"package admits its classes, or trust='all'{', which alone admits code kept by value' if code else ''}; "
        "or look at the list that ps.trust(filename) prints and signs with your key, so that it loads from then on.",
        (want for same in by_name.values() for want in same),
    )


def _line(same: list[Want]) -> str:
    paths = ", ".join(want.path for want in same[:3])
    more = f" and {len(same) - 3} more" if len(same) > 3 else ""
    return f"{same[0].name}{', code kept by value,' if same[0].is_code else ''} at {paths}{more}"
