"""The check of a load: whether the classes and functions that it makes use of are those that were saved.

Only what is imported for the load is looked at.  What differs is refused at once, or
told at the end: once for each package.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Collection
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

from pyiron_storage import errors
from pyiron_storage.errors import (
    SourceChangedWarning,
    SourceMismatchError,
    VersionMismatchError,
    VersionMismatchWarning,
)
from pyiron_storage.paths import split
from pyiron_storage.provenance.comparing import Policy, goes_with
from pyiron_storage.provenance.distributions import is_standard, package_of
from pyiron_storage.provenance.sources import source_digest
from pyiron_storage.records.document import Record
from pyiron_storage.records.names import from_main
from pyiron_storage.records.places import Place
from pyiron_storage.records.wants import wants

SHOWN: Final = 3
"""So many paths are named."""
LOOKED_AT: Final = 10_000
"""So many places in a record are looked at to find them."""


class Difference(NamedTuple):
    """How a class or function differs from the one that was saved."""

    package: str
    name: str
    saved: str | None
    current: str | None
    is_source: bool
    """Whether its source is another, while no version says so."""


class VersionCheck:
    """What a load finds out about versions; as a context, the load.

    Parameters
    ----------
    record
        What is loaded.
    policy
        What becomes of a version that is not the one that was saved.
    """

    def __init__(self, record: Record, policy: Policy) -> None:
        self._record, self._policy = record, policy
        self._found: dict[tuple[str, bool], list[tuple[int, Difference]]] = {}
        self._depth = 0

    def see(self, number: int, entry: dict[str, Any], current: dict[str, Any], found: Any) -> None:
        """Look at what was imported for an entry of the header, under its `current` name.

        Raises
        ------
        VersionMismatchError
            If the policy does not let it be loaded.
        """
        if self._policy == "ignore" or ("version" not in entry and "source" not in entry):
            return
        difference = difference_of(entry, current, found)
        if difference is None:
            return
        is_refused = self._policy == "exact" if difference.is_source else not self._accepts(difference)
        if is_refused:
            raise self._refusal(number, difference)
        if self._policy == "warn" or difference.is_source:
            self._found.setdefault((difference.package, difference.is_source), []).append((number, difference))

    def _accepts(self, difference: Difference) -> bool:
        return goes_with(self._policy, difference.saved, difference.current)

    def __enter__(self) -> None:
        self._depth += 1

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        if not self._depth:
            found, self._found = self._found, {}
            for differences in found.values():
                self._warn(differences)

    def _warn(self, found: list[tuple[int, Difference]]) -> None:
        first = found[0][1]
        paths = self._paths({number for number, _ in found})
        names = sorted({difference.name for _, difference in found})
        kind = SourceChangedWarning if first.is_source else VersionMismatchWarning
        advice = "versions='ignore' says nothing of it, versions='exact' refuses it."
        message = f"{self._what_differs(first, names)} It concerns {_listed(paths)}. {advice}"
        warnings.warn(message, kind, stacklevel=calls_outside())

    def _refusal(self, number: int, difference: Difference) -> VersionMismatchError:
        paths = self._paths({number})
        kind = SourceMismatchError if difference.is_source else VersionMismatchError
        install = f"Install what it was saved with (pip install '{difference.package}=={difference.saved}'), or load"
        advice = "Load" if difference.is_source or difference.saved is None else install
        return kind(
            f"{self._what_differs(difference, [difference.name])} It concerns {_listed(paths)}. {advice} with another "
            "versions=: 'warn' loads whatever the versions are.",
            package=difference.package,
            saved=difference.saved,
            current=difference.current,
            paths=paths,
        )

    def _what_differs(self, difference: Difference, names: list[str]) -> str:
        if difference.is_source:
            return (
                f"{self._record.place}: {', '.join(names)} has another source now than when it was stored, and no "
                "version says so."
            )
        saved, current = difference.saved or "an unknown version", difference.current or "an unknown version"
        return f"{self._record.place}: it was stored with {difference.package} {saved}, and here is {current}."

    def _paths(self, numbers: Collection[int]) -> list[str]:
        """Where in the record something is of these types: the first few."""
        found = islice(wants(Place.root(self._record), split(self._record.path)), LOOKED_AT)
        return list(islice((want.path for want, number in found if number in numbers), SHOWN + 1))


def difference_of(entry: dict[str, Any], current: dict[str, Any], found: Any) -> Difference | None:
    """How what was imported differs from what an entry of the header says of it; None where it does not."""
    name = str(current["name"])
    module = name.partition(":")[0]
    if "code" in entry and from_main(name) is not found:
        return None  # it is the very code that was saved
    package = package_of(module) if "code" not in entry and not is_standard(module) else None
    root = str(entry["name"]).partition(":")[0].partition(".")[0]
    saved_package = entry.get("package") or root
    current_package = package.name or module.partition(".")[0] if package is not None else None
    dotted = name.replace(":", ".")
    if "version" in entry and package is not None and saved_package == current_package:
        saved = str(entry["version"])
        if saved != package.version:
            return Difference(saved_package, dotted, saved, package.version, is_source=False)
    if "source" in entry and name == entry["name"]:
        source = source_digest(found)
        if source is not None and source != entry["source"]:
            return Difference(root, dotted, entry["source"], source, is_source=True)
    return None


def _listed(paths: list[str]) -> str:
    shown = ", ".join(path or "the object" for path in paths[:SHOWN])
    return (shown or "the object") + (" and more" if len(paths) > SHOWN else "")


_OWN_FOLDER: Final = str(Path(errors.__file__).parent)


def calls_outside() -> int:
    """How many calls above the caller of this the first is that this library does not make."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_OWN_FOLDER):
        level, frame = level + 1, frame.f_back
    return level
