"""What classes and objects have under a name, looked up without running anything of theirs.

`getattr` and `hasattr` run descriptors, ``__getattr__`` and metaclasses: a unit
converter converts, a proxy forwards, a stub answers every name. Whether a class has
a hook of the pickle protocol is therefore looked up in the classes themselves, in
their order, as the interpreter does for its own special methods. `inspect.getattr_static` does
the same with many cases more, and takes fifty times as long.
"""

from __future__ import annotations

import copyreg
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

_bases: Final[Callable[[type], tuple[type, ...]]] = vars(type)["__mro__"].__get__
_namespace: Final[Callable[[type], dict[str, Any]]] = vars(type)["__dict__"].__get__
_MISSING: Final = object()
_OF_INSTANCES: Final = frozenset(["__reduce_ex__", "__reduce__", "__getstate__"])
"""The hooks that pickle takes from an instance, too, where they are set there."""


def defined(cls: type, name: str, default: Any = None) -> Any:
    """Return what a class, or the first of its bases that does, defines under a name: as it stands there, unbound.

    Examples
    --------
    >>> class Level:
    ...     __slots__ = ("height",)
    >>> type(defined(Level, "height")).__name__, defined(Level, "depth")
    ('member_descriptor', None)
    """
    for base in _bases(cls):
        found = _namespace(base).get(name, _MISSING)
        if found is not _MISSING:
            return found
    return default


def defines(cls: type, name: str) -> bool:
    """Whether a class has anything under a name, be it None: pickle calls that, and fails."""
    return defined(cls, name, _MISSING) is not _MISSING


def inherits(cls: type, base: type, *names: str) -> bool:
    """Whether a class has under all of these names what one of its bases has."""
    return all(defined(cls, name) is defined(base, name) for name in names)


def method_of(obj: Any, name: str) -> Any:
    """Return what the class of an object has under a name, bound to the object; None where it has none."""
    cls = type(obj)
    found = defined(cls, name)
    return found.__get__(obj, cls) if defines(type(found), "__get__") else found


def attributes_of(obj: Any) -> dict[str, Any]:
    """Return the ``__dict__`` of an object itself; an empty dict where it has none."""
    try:
        found = object.__getattribute__(obj, "__dict__")
    except AttributeError:
        return {}
    return found if type(found) is dict else {}


def answers_for_others(cls: type) -> bool:
    """Whether objects of a class are asked by ``__getattr__`` for slots that are not set, too."""
    return defines(cls, "__getattr__") and bool(slot_names(cls))


def slot_names(cls: type) -> list[str]:
    """The names of the slots of a class, as pickle finds them."""
    names: list[str] = copyreg._slotnames(cls)  # type: ignore[attr-defined]
    return names


def slots_of(obj: Any) -> dict[str, Any]:
    """Return what stands in the slots of an object, without those that are not set."""
    cls, slots = type(obj), {}
    for name in slot_names(cls):
        with suppress(AttributeError):
            slots[name] = defined(cls, name).__get__(obj, cls)
    return slots


def holds_more_than_slots(cls: type) -> bool:
    """Whether objects of a class hold something in C beside slots and ``__dict__``, as pickle tells it."""
    words = len(slot_names(cls)) + (cls.__dictoffset__ > 0) + (cls.__weakrefoffset__ > 0)
    return cls.__itemsize__ > 0 or cls.__basicsize__ > object.__basicsize__ + words * struct.calcsize("P")


def is_looked_up_plainly(cls: type) -> bool:
    """Whether its objects show their own attributes and class; proxies show those of something else."""
    return inherits(cls, object, "__getattribute__", "__class__")


def has_own_hooks(obj: Any) -> bool:
    """Whether an object has hooks of the pickle protocol among its attributes."""
    return not _OF_INSTANCES.isdisjoint(attributes_of(obj))


def registered_reducer(cls: type) -> Any:
    """Return the function that somebody registered with `copyreg` for a class; None where nobody did."""
    reducer = copyreg.dispatch_table.get(cls)
    return None if reducer is copyreg.pickle_complex else reducer  # type: ignore[attr-defined]  # of Python itself
