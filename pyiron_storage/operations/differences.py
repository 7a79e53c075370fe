"""`diff`: what differs between two files, or between what is at a path in each; no class is imported."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from pyiron_storage.arrays.native_array import Array, Box, NativeArray
from pyiron_storage.backends.registry import Backend, at_path, backends
from pyiron_storage.errors import DamagedRecordError
from pyiron_storage.looking.branches import Branch, Part, Unreadable
from pyiron_storage.looking.describing import counted, label, preview, printable, shortened
from pyiron_storage.model.storage import GenericStorage
from pyiron_storage.model.views import View
from pyiron_storage.paths import escape
from pyiron_storage.public import public
from pyiron_storage.records.code import code_node
from pyiron_storage.records.document import Node, dump
from pyiron_storage.records.navigate import parts_of
from pyiron_storage.records.pause import garbage_collection_paused
from pyiron_storage.records.places import Place, spelled_out
from pyiron_storage.records.rules.arrays import plain_elements

PIECE_BYTES: Final = 2**24
"""Of big arrays so many bytes are compared at a time."""
SPELLED_OUT: Final = ("function", "zone", "value")
"""Fields of a node that hold a node which no path leads to."""


@dataclass(frozen=True)
class Change:
    """One thing that differs.

    Attributes
    ----------
    path : str
        Where, from what was compared; empty for that itself.
    kind : str
        ``"added"``, ``"removed"`` or ``"changed"``.
    old, new : str or None
        What is there in the first and in the second, shortened; None where nothing is.
    detail : str
        What is different in it, where `old` and `new` do not say it.

    Examples
    --------
    >>> import pyiron_storage as ps
    >>> first, second = ps.MemoryStorage(), ps.MemoryStorage()
    >>> first["run"], second["run"] = {"steps": 10, "cutoff": 5.0}, {"steps": 12, "name": "b"}
    >>> for change in ps.diff(first, second):
    ...     print(change)
    ~ run/steps  int  10 -> int  12
    - run/cutoff  float  5
    + run/name  str  'b'
    """

    path: str
    kind: str
    old: str | None = None
    new: str | None = None
    detail: str = ""

    def __str__(self) -> str:
        path = printable(self.path) or "."
        if self.kind != "changed":
            return f"{'+' if self.kind == 'added' else '-'} {path}  {self.new if self.old is None else self.old}"
        what = self.old if self.old == self.new else f"{self.old} -> {self.new}"
        return f"~ {path}  {what}{': ' if self.detail else ''}{self.detail}"


Compared = str | os.PathLike[str] | GenericStorage | View


@public
def diff(
    first: Compared,
    second: Compared,
    path: str = "",
    second_path: str | None = None,
    *,
    backend: str | Backend | None = None,
    second_backend: str | Backend | None = None,
    **options: Any,
) -> list[Change]:
    """Say what differs between two files, or between what is at a path in each.

    Values are compared by type and value, arrays entry by entry and in pieces where
    they are big, lists by position, sets as sets, everything else by its parts. Not a
    number equals itself; the order of the keys of a dict does not count. No class is
    imported and no stored code runs.

    Parameters
    ----------
    first, second : path-like, storage or view
        The files, or what is open already. They may be of different back-ends, and the same.
    path : str
        What to compare in both; without it everything.
    second_path : str, optional
        What to compare it to in the second, where that is at another path.
    backend, second_backend : str or Backend, optional
        The back-ends where the suffixes do not say them.
    **options
        ``locking`` and ``timeout``, as for `load`.

    Returns
    -------
    list of Change
        In the order of the first, what was added behind it; empty where nothing differs.

    Raises
    ------
    StorageNotFoundError, PathNotFoundError
        If there is no such file, or nothing at the path.
    DamagedRecordError
        If something cannot be read.

    Examples
    --------
    >>> import numpy as np, pyiron_storage as ps
    >>> ps.save({"energy": -3.72, "forces": np.zeros((4, 3))}, "a.h5")
    >>> ps.save({"energy": -3.73, "forces": np.eye(4, 3)}, "b.json")
    >>> for change in ps.diff("a.h5", "b.json"):
    ...     print(change)
    ~ object/energy  float  -3.72 -> float  -3.73
    ~ object/forces  float64 (4, 3), 96 B: 3 of 12 entries differ, by at most 1
    """
    with ExitStack() as stack:
        old = stack.enter_context(_looking(first, path, backend, options))
        new = stack.enter_context(
            _looking(second, path if second_path is None else second_path, second_backend, options)
        )
        with garbage_collection_paused():
            return list(Comparison().changes(old, new))


def _looking(
    compared: Compared, path: str, backend: str | Backend | None, options: dict[str, Any]
) -> AbstractContextManager[Branch]:
    if isinstance(compared, (GenericStorage, View)):
        return compared._looking(path)
    return _looking_into(compared, path, backends.find(backend, compared), options)


@contextmanager
def _looking_into(
    filename: str | os.PathLike[str], path: str, backend: Backend, options: dict[str, Any]
) -> Iterator[Branch]:
    with backend.open(filename, "r", **options) as storage, storage._looking(at_path(storage, path)) as branch:
        yield branch


class Comparison:
    """Two trees that are compared; what is shared is compared once."""

    def __init__(self) -> None:
        self._compared: set[tuple[Any, Any]] = set()
        self._classes: set[str] = set()

    def changes(self, old: Branch, new: Branch) -> Iterator[Change]:
        """Yield what differs below two branches, and in them."""
        waiting: list[tuple[str, Branch | None, Branch | None]] = [("", old, new)]
        while waiting:
            path, before, after = waiting.pop()
            if before is None or after is None:
                yield _one_sided(path, before, after)
                continue
            for branch in (before, after):
                if isinstance(branch, Unreadable):
                    raise DamagedRecordError(f"{branch.path} cannot be compared: {branch.error}") from branch.error
            different = list(self._here(path, before, after))
            yield from different
            if not different and not self._is_known(before, after):
                waiting.extend(reversed(list(_below(path, before, after))))

    def _here(self, path: str, old: Branch, new: Branch) -> Iterator[Change]:
        """What differs in two things themselves, not in their parts."""
        if _sort(old) != _sort(new):
            yield Change(path, "changed", _described(old), _described(new))
        elif old.info.kind == "value":
            if not _are_equal(old.value(), new.value()):
                yield Change(path, "changed", _described(old), _described(new))
        elif old.is_array:
            yield from _array_change(path, old, new)
        elif isinstance(old, Part) and isinstance(new, Part):
            yield from self._class_change(path, old.place, new.place)
            yield from _own_changes(path, old, new)

    def _is_known(self, old: Branch, new: Branch) -> bool:
        """Whether these two were compared before: both are shared, or hold themselves."""
        if not isinstance(old, Part) or not isinstance(new, Part) or None in (pair := (old.identity, new.identity)):
            return False
        is_known = pair in self._compared
        self._compared.add(pair)
        return is_known

    def _class_change(self, path: str, old: Place, new: Place) -> Iterator[Change]:
        """Classes and functions of one name that are kept by value, with other code."""
        codes = [_code(place) for place in (old, new)]
        if codes[0] != codes[1]:
            name = str((_type_entry(old) or _type_entry(new) or {})["name"]).replace(":", ".")
            if name not in self._classes:
                self._classes.add(name)
                yield Change(path, "changed", name, name, "its code, which is kept beside it, is another")


def _type_entry(place: Place) -> dict[str, Any] | None:
    number = place.node.get("type") if type(place.node) is dict and "$" in place.node else None
    return place.record.type_entry(number) if type(number) is int else None


def _code(place: Place) -> bytes | None:
    entry = _type_entry(place)
    if not entry or "code" not in entry:
        return None
    source = entry.get("source")  # the bytes hold all code of the record, and differ from one pickle to the next
    return source.encode() if source else bytes(place.record.bytes_at(code_node(place.record, entry)["at"]))


def _sort(branch: Branch) -> tuple[Any, ...]:
    """What two things must have in common for their parts to be compared."""
    found = branch.info
    return (
        found.kind,
        "" if found.kind == "group" else found.type,
        found.dtype if branch.is_array else None,
        found.shape,
    )


def _one_sided(path: str, old: Branch | None, new: Branch | None) -> Change:
    if new is not None:
        return Change(path, "added", new=_described(new))
    assert old is not None
    return Change(path, "removed", _described(old))


def _described(branch: Branch) -> str:
    text = preview(branch)
    return f"{label(branch)}  {text}" if text else label(branch)


def _are_equal(old: Any, new: Any) -> bool:
    if type(old) is not type(new):
        return False
    return bool(old == new) or bool(old != old and new != new)  # noqa: PLR0124  not a number


# -- arrays ------------------------------------------------------------------------------


def _array_change(path: str, old: Branch, new: Branch) -> Iterator[Change]:
    before, after = old.array(), new.array()
    different, most = 0, 0.0
    in_parts = before.in_parts and after.in_parts
    limit = PIECE_BYTES if in_parts else max(1, before.nbytes)
    for box, _ in Box.whole(before.shape).pieces(before.dtype.itemsize, limit):
        count, by = _unequal(before, after, box)
        different, most = different + count, max(most, by)
    if different:
        entries = counted(Box.whole(before.shape).size, "entry")
        by_most = f", by at most {most:.4g}" if most else ""
        yield Change(path, "changed", label(old), label(new), f"{different:,} of {entries} differ{by_most}")


def _unequal(before: NativeArray, after: NativeArray, box: Box) -> tuple[int, float]:
    """How many entries of a part differ, and numbers by how much at most."""
    old, new = before.read(box), after.read(box)
    are_different = _are_different(old, new)
    count = int(np.count_nonzero(are_different))
    if not count or before.dtype.kind not in "iufc":
        return count, 0.0
    with np.errstate(all="ignore"):
        wide = np.complex128 if before.dtype.kind == "c" else np.float64
        by = np.abs(old[are_different].astype(wide) - new[are_different].astype(wide))
    return count, float(by[np.isfinite(by)].max(initial=0))


def _are_different(old: Array, new: Array) -> Array:
    """Which entries differ: values are compared, in structures too, and not a number equals itself here."""
    if not old.size or not old.dtype.itemsize:
        return np.zeros(old.shape, bool)
    if old.dtype.names is not None:
        different = np.zeros(old.shape, bool)
        for name in old.dtype.names:
            inner = _are_different(old[name], new[name])
            different |= inner.reshape(*old.shape, -1).any(axis=-1)
        return different
    if old.dtype.kind == "V":  # opaque
        return np.asarray((_bytes_of(old) != _bytes_of(new)).any(axis=-1))
    different = np.asarray(old != new)
    if old.dtype.kind in "fcmM":
        different &= (old == old) | (new == new)  # noqa: PLR0124
    return different


def _bytes_of(array: Array) -> Array:
    return plain_elements(np.ascontiguousarray(array)).reshape(*array.shape, -1)


# -- what has parts ----------------------------------------------------------------------


def _own_changes(path: str, old: Part, new: Part) -> Iterator[Change]:
    """What differs in the fields of two nodes that no path leads to."""
    own = [_own(part) for part in (old, new)]
    for field in dict.fromkeys([*own[0], *own[1]]):
        before, after = own[0].get(field), own[1].get(field)
        if before != after:
            detail = f"{field} {before} -> {after}"
            yield Change(path, "changed", label(old), label(new), shortened(printable(detail), 160))
    if old.info.kind == "set":
        yield from _set_changes(path, old, new)


def _own(part: Part) -> dict[str, Any]:
    node, record = part.place.node, part.place.record
    if type(node) is not dict or "$" not in node or part.info.kind in ("list", "tuple", "dict", "set", "array"):
        return (
            {"maxlen": node["maxlen"]} if type(node) is dict and node.get("$") == "deque" and "maxlen" in node else {}
        )
    if not part.size:
        return {"state": spelled_out(record, node)}
    plain = {
        name: inner for name, inner in node.items() if name not in ("$", "type") and not isinstance(inner, (dict, list))
    }
    return plain | {
        name: spelled_out(record, node[name]) for name in SPELLED_OUT if isinstance(node.get(name), (dict, list))
    }


def _set_changes(path: str, old: Part, new: Part) -> Iterator[Change]:
    entries = [{spelled_out(place.record, place.node): inner for inner, place in _entries(part)} for part in (old, new)]
    for key, branch in entries[0].items():
        if key not in entries[1]:
            yield Change(path, "removed", _described(branch))
    for key, branch in entries[1].items():
        if key not in entries[0]:
            yield Change(path, "added", new=_described(branch))


def _entries(part: Part) -> Iterator[tuple[Branch, Place]]:
    for name, place in parts_of(part.place).places():
        yield part.child(name, place), place


def _below(path: str, old: Branch, new: Branch) -> Iterator[tuple[str, Branch | None, Branch | None]]:
    """The parts of two things by their paths, where they may differ."""
    if old.info.kind == "set":
        return
    if isinstance(old, Part) and isinstance(new, Part):
        yield from _parts_below(path, old, new)
        return
    before, after = ({child.name: child for child in branch.children()} for branch in (old, new))
    for name in {**before, **after}:
        yield _joined(path, name), before.get(name), after.get(name)


def _parts_below(path: str, old: Part, new: Part) -> Iterator[tuple[str, Branch | None, Branch | None]]:
    before, after = (dict(parts_of(part.place).places()) for part in (old, new))
    for name in {**before, **after}:
        first, second = before.get(name), after.get(name)
        if first is None or second is None or not _are_one(first.node, second.node):
            yield (
                _joined(path, escape(name)),
                old.child(name, first) if first is not None else None,
                new.child(name, second) if second is not None else None,
            )


def _are_one(old: Node, new: Node) -> bool:
    """Whether two nodes are the same plain JSON, so that there is nothing to look at."""
    if type(old) is not type(new):
        return False
    if type(old) not in (list, dict):
        return bool(old == new)
    text = dump(old)
    return b'"$"' not in text and text == dump(new)


def _joined(path: str, name: str) -> str:
    return f"{path}/{name}" if path else name
