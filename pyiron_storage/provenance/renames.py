"""Classes, functions and modules that have moved: under which name they are found now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pyiron_storage.errors import InvalidOptionError

_REGISTERED: Final[dict[str, str]] = {}


def register_rename(old: str, new: str) -> None:
    """Say, for all that this process loads, that a class, function or module has moved.

    A package that moves a class calls this where it is imported, so that what its users
    have stored still loads.

    Parameters
    ----------
    old, new : str
        The names, as ``"module.Class"``; a module stands for all that is in it. A class that
        is now in another one is ``"module:Outer.Class"``, so that the module is told apart.

    Examples
    --------
    >>> import pyiron_storage as ps
    >>> ps.register_rename("my_package.old_place.Cell", "my_package.cells.Cell")
    """
    _REGISTERED.update(checked_renames({old: new}))


def checked_renames(renames: Mapping[str, str] | None) -> dict[str, str]:
    """Return the old and new names that `rename=` was given, as they stand in messages.

    Raises
    ------
    InvalidOptionError
        If they are no names.
    """
    if renames is not None and not isinstance(renames, Mapping):
        raise InvalidOptionError(f"rename: {renames!r} is no mapping of old names to new ones.")
    names = dict(renames or {})
    for old, new in names.items():
        for name in (old, new):
            if not isinstance(name, str) or not all(part.isidentifier() for part in _dotted(name).split(".")):
                raise InvalidOptionError(
                    f"rename: {name!r} is no name of a class, function or module, such as 'my_package.cells.Cell'."
                )
    return {_dotted(old): new for old, new in names.items()}


def renamed(entry: dict[str, Any], renames: Mapping[str, str]) -> dict[str, Any]:
    """The entry of a class or function under the name that it has now; the entry itself where it has not moved.

    Code that is kept by value gives way to what it is renamed to.

    Examples
    --------
    >>> renamed({"name": "a.b:Outer.Cell"}, {"a.b": "c"})
    {'name': 'c:Outer.Cell'}
    >>> renamed({"name": "a.b:Cell"}, {"a.b.Cell": "c.d.Box"})
    {'name': 'c.d:Box'}
    """
    if not renames and not _REGISTERED:
        return entry
    known = {**_REGISTERED, **renames}
    name, seen = str(entry.get("name")), set[str]()
    while name not in seen and (found := _moved(name, known)) is not None:
        seen.add(name)
        name = found
    if not seen:
        return entry
    return {"name": name, **{field: value for field, value in entry.items() if field in ("package", "version")}}


def _moved(name: str, renames: Mapping[str, str]) -> str | None:
    """The new name, by the rename that says most of the old one."""
    parts = _dotted(name).split(".")
    for count in range(len(parts), 0, -1):
        new = renames.get(".".join(parts[:count]))
        if new is not None:
            return _split(".".join([new, *parts[count:]]), name)
    return None


def _split(new: str, old: str) -> str:
    """Write a new name as ``module:qualified.name``, with as many parts behind the module as the old one has."""
    if ":" in new:
        return new
    qualified = old.partition(":")[2]
    depth = qualified.count(".") + 1 if qualified else 0
    parts = new.split(".")
    depth = min(depth, len(parts) - 1)
    return ".".join(parts[: len(parts) - depth]) + (":" + ".".join(parts[-depth:]) if depth else "")


def _dotted(name: str) -> str:
    return name.replace(":", ".")
