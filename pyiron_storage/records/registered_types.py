"""Types that other packages have registered: how each is taken apart, and what puts it together again.

A package that brings rules names itself in the entry point group ``pyiron_storage.rules``,
under the name of the package whose objects they are for.  The entry point is loaded when
the first object of that package is saved, or when a load needs its rule and has admitted
the class; never to look at a file.
"""

from __future__ import annotations

import importlib.metadata
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pyiron_storage.errors import CannotImportError
from pyiron_storage.provenance.distributions import OWN, is_standard

ENTRY_POINTS: Final = "pyiron_storage.rules"
"""The group of the entry points of packages that bring rules."""
_WITHOUT_PACKAGES: Final = frozenset([OWN, "__main__", "numpy"])
"""Top-level modules for which nobody else brings rules."""

Parts = Mapping[str, Any]


@dataclass(frozen=True)
class RegisteredType:
    """One type that was registered; the fields are what `register_type` was given."""

    cls: type | str
    name: str
    version: int
    store: Callable[[Any], Parts | None]
    restore: Callable[[dict[str, Any], int], Any] | None
    create: Callable[[], Any] | None
    fill: Callable[[Any, dict[str, Any], int], None] | None
    show: str

    def is_for(self, cls: type) -> bool:
        """Whether this is the type: by itself, by its full name, or by the name under which its package shows it."""
        if not isinstance(self.cls, str):
            return cls is self.cls
        if f"{cls.__module__}.{cls.__qualname__}" == self.cls:
            return True
        module, _, name = self.cls.rpartition(".")
        if name != cls.__name__ or module.partition(".")[0] != cls.__module__.partition(".")[0]:
            return False
        return module in sys.modules and vars(sys.modules[module]).get(name) is cls


class RegisteredTypes:
    """All registered types, and the entry points that may bring more."""

    def __init__(self) -> None:
        self.by_name: dict[str, RegisteredType] = {}
        self._waiting: dict[str, list[importlib.metadata.EntryPoint]] | None = None

    def look_for(self, package: str) -> None:
        """Load what installed packages bring for a top-level package, once.

        Raises
        ------
        CannotImportError
            If such an entry point cannot be loaded.
        """
        if package in _WITHOUT_PACKAGES or is_standard(package):
            return
        if self._waiting is None:
            self._waiting = defaultdict(list)
            for point in importlib.metadata.entry_points(group=ENTRY_POINTS):
                self._waiting[point.name].append(point)
        for point in self._waiting.pop(package, ()):
            _load(point)


def _load(point: importlib.metadata.EntryPoint) -> None:
    """Import what an entry point names, and call it where it is a function."""
    try:
        found = point.load()
        if callable(found):
            found()
    except Exception as error:
        raise CannotImportError(
            f"The entry point {point.name!r} of the group {ENTRY_POINTS!r}, {point.value!r}, cannot be loaded: "
            f"{type(error).__name__}: {error}. Install the package that has it anew, or take it away.",
            name=point.module,
        ) from error


TYPES: Final = RegisteredTypes()
