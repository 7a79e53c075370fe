"""Classes, functions and modules by the name under which they are imported.

A name is ``module:qualified.name``, or ``module`` alone for a module.  What cannot
be imported under its name is kept by value, as cloudpickle bytes.
"""

from __future__ import annotations

import importlib
import pickle
import sys
import types
from functools import reduce
from typing import Any, Final

from pyiron_storage.errors import CannotImportError, DamagedRecordError
from pyiron_storage.records.code import from_value, warn_if_changed
from pyiron_storage.records.document import Record


def name_of(obj: Any, qualified: str | None = None) -> str:
    """Return the name of a class, function or module, whether or not it can be imported."""
    if isinstance(obj, types.ModuleType):
        return obj.__name__
    qualified = qualified or getattr(obj, "__qualname__", None) or obj.__name__
    # pickle's own search: __module__ where there is one, else the module that holds the object
    return f"{pickle.whichmodule(obj, qualified)}:{qualified}"  # type: ignore[attr-defined]


def importable_name(obj: Any, qualified: str | None = None) -> str | None:
    """Return the name under which an import gives this very object, or None.

    What stands in ``__main__`` cannot be imported elsewhere and has no such name.

    Examples
    --------
    >>> import collections
    >>> importable_name(collections.OrderedDict)
    'collections:OrderedDict'
    >>> importable_name(lambda: 0) is None
    True
    """
    for nameless, name in _NAMELESS:
        if obj is nameless:  # a class may have an equality of its own
            return name
    try:
        name = name_of(obj, qualified)
        return name if not name.startswith("__main__") and resolve(name) is obj else None
    except (ImportError, AttributeError):
        return None


_NAMELESS: Final = (
    (types.NoneType, "types:NoneType"),
    (types.EllipsisType, "types:EllipsisType"),
    (types.NotImplementedType, "types:NotImplementedType"),
)
"""Types whose own name does not import them."""


def resolve(name: str) -> Any:
    """Import what a name stands for.

    Raises
    ------
    ImportError, AttributeError
        If there is no such module, or no such name in it.
    """
    module, _, qualified = name.partition(":")
    if module not in sys.modules:
        importlib.import_module(module)
    return reduce(getattr, qualified.split("."), sys.modules[module]) if qualified else sys.modules[module]


def import_type(record: Record, entry: dict[str, Any]) -> Any:
    """Return the class, function or module of an entry of the header.

    One that is kept by value gives way to one of the same name in the running
    ``__main__``.
    """
    name = entry.get("name")
    if type(name) is not str:
        raise DamagedRecordError(f"{record.place}: the record has a type without a name: {entry!r}.")
    if "code" in entry:
        found = _from_main(name)
        if found is None:
            return from_value(record, entry)
        warn_if_changed(record, entry, found)
        return found
    try:
        return resolve(name)
    except (ImportError, AttributeError, ValueError) as error:
        package = name.partition(":")[0].partition(".")[0]
        raise CannotImportError(
            f"{record.place}: the record needs {name!r}, which cannot be imported: {error}. "
            f"Install the package that has it ({package!r}), or read the parts as they are by browsing."
        ) from error


def _from_main(name: str) -> Any:
    module, _, qualified = name.partition(":")
    if module != "__main__" or "<" in qualified:
        return None
    try:
        return resolve(name)
    except AttributeError:
        return None
