"""Classes, functions and modules by the name under which they are imported.

A name is ``module:qualified.name``, or ``module`` alone for a module.  What cannot
be imported under its name is kept by value, as cloudpickle bytes.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any, Final

from pyiron_storage.errors import CannotImportError, DamagedRecordError
from pyiron_storage.records.code import from_value
from pyiron_storage.records.document import Record
from pyiron_storage.records.structure import is_reference
from pyiron_storage.trusting.admission import Admission, import_name


def name_of(obj: Any, qualified: str | None = None) -> str:
    """Return the name of a class, function or module, whether or not it can be imported."""
    if isinstance(obj, types.ModuleType):
        return obj.__name__
    qualified = qualified or getattr(obj, "__qualname__", None) or obj.__name__
    return f"{_module_of(obj)}:{qualified}"


def _module_of(obj: Any) -> str:
    """The name of the module that a class or function says it is of.

    What says nothing itself is of the module of what it belongs to. `pickle.whichmodule` asks
    every imported module for it instead, which runs code of modules that have nothing to do
    with it: torch raises there, others are imported only then.
    """
    module = getattr(obj, "__module__", None)
    owner = getattr(obj, "__self__", None) if module is None else None
    if module is None and owner is None:
        owner = getattr(obj, "__objclass__", None) or type(obj)
    if isinstance(owner, types.ModuleType):
        return owner.__name__
    if owner is not None:
        module = (owner if isinstance(owner, type) else type(owner)).__module__
    return str(module)


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
        return name if not name.startswith("__main__") and import_name(name) is obj else None
    except (ImportError, AttributeError):
        return None


_NAMELESS: Final = (
    (types.NoneType, "types:NoneType"),
    (types.EllipsisType, "types:EllipsisType"),
    (types.NotImplementedType, "types:NotImplementedType"),
)
"""Types whose own name does not import them."""


def is_admitted(record: Record, entry: dict[str, Any], admission: Admission, *, called: bool) -> bool:
    """Whether an entry of the header may be imported, and `called` where it is more than a value.

    Code that is kept by value may not, but for what stands in the running ``__main__`` under its name.
    """
    name = name_in(record, entry)
    if "code" in entry and from_main(name) is None:
        return admission.everything
    try:
        return admission.admits(name, called=called)
    except (ImportError, AttributeError, ValueError):
        return True  # it is admitted, and cannot be imported


def name_in(record: Record, entry: dict[str, Any]) -> str:
    """The name of an entry of the header."""
    name = entry.get("name")
    if type(name) is not str:
        raise DamagedRecordError(f"{record.place}: the record has a type without a name: {entry!r}.")
    return name


def import_type(
    record: Record, entry: dict[str, Any], admission: Admission, by_value: Callable[[dict[str, Any]], Any] | None = None
) -> Any:
    """Return the class, function or module of an entry of the header, which is admitted.

    One that is kept by value gives way to one of the same name in the running
    ``__main__``; `by_value` makes one whose code stands on a line of the record.
    """
    name = name_in(record, entry)
    if "code" in entry:
        found = from_main(name)
        if found is not None:
            return found
        return by_value(entry) if by_value is not None and is_reference(entry["code"]) else from_value(record, entry)
    try:
        return admission.imported(name)
    except (ImportError, AttributeError, ValueError) as error:
        raise CannotImportError(
            f"{record.place}: the record needs {name!r}, which cannot be imported: {error}.", name=name
        ) from error


def from_main(name: str) -> Any:
    """The class or function of the running ``__main__`` that has a name; None where there is none."""
    module, _, qualified = name.partition(":")
    if module != "__main__" or "<" in qualified:
        return None
    try:
        return import_name(name)
    except AttributeError:
        return None
