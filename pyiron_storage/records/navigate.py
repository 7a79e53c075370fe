"""Finding the way inside a record, and saying what stands at a place.

Nothing here imports a class or runs stored code.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from pyiron_storage.errors import DamagedRecordError, NotAContainerError
from pyiron_storage.paths import escape, join, not_found
from pyiron_storage.records.document import Node
from pyiron_storage.records.dtypes import dtype_text
from pyiron_storage.records.parts import Parts
from pyiron_storage.records.places import Place
from pyiron_storage.records.rule import REGISTRY, Rule
from pyiron_storage.records.structure import is_parts


@dataclass(frozen=True)
class NodeInfo:
    """What `walk` and `info` say of one thing in a storage.

    Attributes
    ----------
    kind : str
        ``"group"``, ``"value"``, ``"array"``, ``"list"``, ``"dict"``, ``"tuple"``, ``"set"``
        ``"import"`` (a class or function itself) or ``"object"``.
    type : str
        The Python type, ``"module.Class"`` for what is not built in.
    dtype : str or None
        Of an array, a numpy scalar or a native number: its dtype.
    shape : tuple of int or None
        Of an array.
    size : int
        Bytes of a value or an array; the number of parts of anything else.
    same_as : str or None
        The path under which the same shared object was listed first.

    Examples
    --------
    >>> import numpy as np, pyiron_storage as ps
    >>> storage = ps.MemoryStorage()
    >>> storage["forces"] = np.zeros((4, 3))
    >>> storage.info("forces")
    NodeInfo(kind='array', type='numpy.ndarray', dtype='<f8', shape=(4, 3), size=96, same_as=None)
    """

    kind: str
    type: str
    dtype: str | None = None
    shape: tuple[int, ...] | None = None
    size: int = 0
    same_as: str | None = None


def rule_of(place: Place) -> Rule:
    """Return the rule of the node at a place, followed."""
    node = place.node
    steps = 0
    while is_parts(node):
        line = node["lines"][0][0]
        node = place.record.node(line)
        steps += 1
        if steps > len(place.record):
            raise place.record.in_itself(line)
    if type(node) is list:
        return REGISTRY.by_name["list"]
    if type(node) is not dict:
        return REGISTRY.by_name["plain"]
    name = node.get("$", "dict")
    if type(name) is not str or name not in REGISTRY.by_name:
        raise DamagedRecordError(f"{place.record.place}: the rule {name!r} is not known to this release.")
    return REGISTRY.by_name[name]


def parts_of(place: Place) -> Parts:
    """Return what can be named inside the node at a place, followed."""
    return rule_of(place).parts(place)


def find(place: Place, path: Iterable[str], done: Iterable[str] = (), file: str = "") -> Place:
    """Follow a path from a place.

    Raises
    ------
    PathNotFoundError
        If a part is not there.
    """
    done = list(done)
    for part in path:
        place = step(place.follow(), part, done, file)
        done.append(part)
    return place


def step(place: Place, part: str, done: list[str], file: str) -> Place:
    """Return the place of one part inside a place."""
    parts = parts_of(place)
    try:
        return parts.find(part)
    except KeyError:
        names = parts.names()
    if not names and is_value(place):
        raise NotAContainerError(
            f"{file}: {join(done) or 'this'} is a {type_name(place)} and has no parts, so {escape(part)!r} is not "
            "in it."
        )
    raise not_found(part, join(done), names, file)


def is_value(place: Place) -> bool:
    """Whether an item comes back as a value, not as a view."""
    return rule_of(place).is_value(place.node)


def type_name(place: Place) -> str:
    """The type of what stands at a place, as ``module.Class``, from the record alone."""
    rule, node = rule_of(place), place.node
    if type(node) is dict and type(node.get("type")) is int and rule.name != "column":
        name: str = place.record.type_entry(node["type"])["name"]
        return rule.type_shown(node, name.replace(":", "."))
    return rule.type_name(node)


def info(place: Place) -> NodeInfo:
    """Say what stands at a place, followed."""
    rule, node = rule_of(place), place.node
    if not rule.is_value(node):
        kind = "object" if rule.kind == "value" else rule.kind
        shape = tuple(node["shape"]) if rule.kind == "array" else None
        return NodeInfo(kind, type_name(place), "|O" if shape is not None else None, shape, len(parts_of(place)))
    dtype = node.get("dtype") if type(node) is dict else None
    shape = tuple(node["shape"]) if rule.kind == "array" else None
    return NodeInfo(
        rule.kind, type_name(place), None if dtype is None else dtype_text(dtype), shape, _bytes(node, shape)
    )


def _bytes(node: Node, shape: tuple[int, ...] | None) -> int:
    if type(node) is str:
        return len(node.encode())
    if type(node) is not dict:
        return 0 if node is None else 1 if type(node) is bool else 8
    if "at" in node:
        return int(node["at"][1])
    if shape is not None:
        return math.prod(shape) * REGISTRY.by_name[node["$"]].itemsize(node)  # type: ignore[attr-defined, no-any-return]
    return len(node["hex"]) // 2 if "hex" in node else 8


def walk_places(place: Place, path: tuple[str, ...]) -> Iterator[tuple[str, Place, str | None]]:
    """Yield path and place of everything at and below a place, and the path under which it came before."""
    start = join(path)
    seen = {identity(place): start} if place.container is place.record.nodes else {}
    waiting = [(start, place)]
    while waiting:
        where, place = waiting.pop()
        target = place.follow()
        first = seen.setdefault(identity(target), where) if target is not place else where
        yield where, target, None if first == where else first
        if first == where and not is_value(target):
            below = [(f"{where}/{escape(name)}", inner) for name, inner in parts_of(target).places()]
            waiting.extend(reversed(below))


def identity(place: Place) -> tuple[int, tuple[int, int]]:
    """What tells one line, or one row of a table, from another."""
    return id(place.record), place.row or (place.line, -1)


# -- infos: one for all that are equal -----------------------------------------------------


def plain_info(node: Node) -> NodeInfo:
    """The info of a value that stands in the document as it is."""
    if type(node) is str:
        return text_info(len(node) if node.isascii() else len(node.encode()))
    return _OF_PLAIN[type(node)]


@lru_cache(4096)
def text_info(size: int) -> NodeInfo:
    """The info of a text of so many bytes."""
    return NodeInfo("value", "str", size=size)


@lru_cache(4096)
def container_info(name: str, count: int) -> NodeInfo:
    """The info of a list, tuple, dict, set or frozenset."""
    return NodeInfo(REGISTRY.by_name[name].kind, name, size=count)


_OF_PLAIN: Final = {
    cls: NodeInfo("value", cls.__name__, size=size) for cls, size in ((type(None), 0), (bool, 1), (int, 8), (float, 8))
}
