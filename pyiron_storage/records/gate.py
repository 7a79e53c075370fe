"""The gate of a load: nothing that a record names is imported or called but through it.

It is opened by `trust=`, by names that the user admits, or by a signature that holds.
What it refuses is said at once, before anything is made.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from itertools import islice
from types import FunctionType, MappingProxyType, MethodType
from typing import Any, Final

from pyiron_storage.errors import CannotImportError, UntrustedError
from pyiron_storage.paths import split
from pyiron_storage.provenance.distributions import package_of
from pyiron_storage.provenance.renames import renamed
from pyiron_storage.records.document import Record
from pyiron_storage.records.names import import_type, is_admitted, name_in
from pyiron_storage.records.navigate import is_value
from pyiron_storage.records.places import Place
from pyiron_storage.records.signing import SignatureBroken
from pyiron_storage.records.wants import Want, untrusted, wants
from pyiron_storage.trusting.admission import EVERYTHING, HARMLESS_VALUES, Admission, dotted, is_harmless

NO_RENAMES: Final[Mapping[str, str]] = MappingProxyType({})
ANY_ATTRIBUTE: Final = "builtins:getattr"
"""What admits to call any method."""
SHOWN: Final = 3
"""So many paths are named of what cannot be imported."""


class Gate:
    """What may be imported and called while parts of one record are restored.

    As a context it is what happens while they are: where a signature turns out to be
    broken, the error says what the record wants.

    Parameters
    ----------
    record
        The record.
    admission
        What the user admits.
    renames
        Names that have moved: what counts is the name that something has now.
    by_value
        Makes what the record keeps by value on a line of its own.
    """

    def __init__(
        self,
        record: Record,
        admission: Admission,
        renames: Mapping[str, str] = NO_RENAMES,
        by_value: Callable[[dict[str, Any]], Any] | None = None,
    ) -> None:
        self._record, self._admission, self._renames = record, admission, renames
        self._by_value = by_value
        self._checked = False
        self._asked: tuple[Place, tuple[str, ...]] | None = None
        """The place of what is asked for first, and the path that leads to it; None for the whole record."""

    @property
    def is_open(self) -> bool:
        """Whether all of the record may be imported and called, whatever its names are."""
        return self._admission.everything or (self._admission.signed and self._record.signing.trusted)

    def check(self, place: Place, path: tuple[str, ...] = ()) -> None:
        """Look, before something is restored, whether all that it names is admitted.

        Raises
        ------
        UntrustedError
            If not; it lists everything that this place needs and that is not, and nothing else of the record.
        """
        record = self._record
        if self._checked or not (record.grows or record.header["types"]) or _is_data(place):
            return
        self._checked = True
        self._asked = place, path
        if self.is_open:
            record.signing.relied_on |= not self._admission.everything
        elif (record.grows or not all(map(is_harmless, record.header["types"]))) and not self._are_admitted(place):
            raise self._refusal()

    def _admits(self, entry: Any, *, called: bool = True) -> bool:
        return is_admitted(self._record, self.current(entry), self._admission, called=called)

    def current(self, entry: dict[str, Any]) -> dict[str, Any]:
        """An entry of the header under the name that it has now."""
        return renamed(entry, self._renames)

    def _are_admitted(self, place: Place) -> bool:
        found = {(number, want.is_called, want.method) for want, number in wants(place)}
        return all(self._admits_it(number, called=called, method=method) for number, called, method in found)

    def _admits_it(self, number: int, *, called: bool, method: str) -> bool:
        entry = self._record.type_entry(number)
        return self._admits_method(entry, method) if method else self._admits(entry, called=called)

    def _admits_method(self, entry: dict[str, Any], method: str) -> bool:
        """Whether a method is admitted: by its full name, as functions are, for it is one."""
        name = dotted(name_in(self._record, self.current(entry)))
        return self._admission.everything or f"{name}.{method}" in self._admission.names

    def _refusal(self) -> UntrustedError:
        place, path = self._asked or (Place.root(self._record), ())
        found = [
            want
            for want, number in wants(place, (*split(self._record.path), *path))
            if not self._admits_it(number, called=want.is_called, method=want.method)
        ]
        why = "it is not signed by a key that is known here." if self._admission.signed else "trust= does not admit it."
        return untrusted(found, self._record.place, why, self._admission.names)

    def find(self, entry: dict[str, Any], *, called: bool) -> Any:
        """Import an entry of the header.

        Raises
        ------
        UntrustedError
            If it is not admitted.
        CannotImportError
            If it cannot be imported.
        """
        if not self.is_open and not self._admits(entry, called=called):
            raise self._refusal()
        current = self.current(entry)
        try:
            return import_type(self._record, current, EVERYTHING if self.is_open else self._admission, self._by_value)
        except CannotImportError as error:
            raise self._missing(entry, current, error) from error.__cause__

    def check_method(self, number: Any, method: str) -> None:
        """Refuse a method of a type in the header that is not admitted: whatever looks it up on the object may call it.

        Raises
        ------
        UntrustedError
            If it is not admitted.
        """
        if not self.is_open and not self._admits_method(self._record.type_entry(number), method):
            raise self._refusal()

    def _missing(self, entry: dict[str, Any], current: dict[str, Any], error: CannotImportError) -> CannotImportError:
        """The error for what cannot be imported, with where it is wanted, and the ways on."""
        numbers = {number for number, known in enumerate(self._record.header["types"]) if known == entry}
        found = wants(Place.root(self._record), split(self._record.path))
        paths = list(islice((want.path for want, number in found if number in numbers), SHOWN))
        name, version = dotted(str(entry["name"])), entry.get("version")
        package = entry.get("package") or name.partition(".")[0]
        install = f"pip install '{package}{f'=={version}' if version else ''}'"
        saved = _versions(str(entry["name"]).partition(":")[0], package, version) if version else ""
        ways = f"load with rename={{{name!r}: 'the.new.Name'}} if it has moved, or with on_missing='raw', or browse."
        if "code" not in current and "__main__" not in name:
            ways = f"Install the package that has it ({install}), {ways}"
        return CannotImportError(
            f"{error} {', '.join(paths)} needs it.{saved} {ways[0].upper()}{ways[1:]}", name=error.name
        )

    def check_called(self, found: Any, *, is_named: bool) -> None:
        """Refuse to call a class that is harmless as a value alone, a method, or an object.

        Who admits a class admits that objects of it are made, not that they are called. What is
        imported under its own name, `is_named`, is admitted by that.

        Raises
        ------
        UntrustedError
            If it is not admitted.
        """
        if self.is_open:
            return
        if isinstance(found, type):
            name = f"{found.__module__}:{found.__qualname__}"
            if name in HARMLESS_VALUES and not self._admission.admits(name):
                raise self._refusal()
        elif not is_named and not isinstance(found, FunctionType) and not self._admission.admits(ANY_ATTRIBUTE):
            what = getattr(found, "__qualname__", None) if isinstance(found, MethodType) else None
            want = Want(self._record.path, dotted(ANY_ATTRIBUTE))
            why = f"it calls {what or f'an object of {type(found).__qualname__}'}, which trust= does not admit."
            raise untrusted([want], self._record.place, why, self._admission.names)

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> None:
        if isinstance(error, SignatureBroken) and not error.wants:
            raise self._refusal() from error


def _is_data(place: Place) -> bool:
    """Whether what is at a place is a value that needs no class, not even one that its dtype is made with."""
    return is_value(place) and not (type(place.node) is dict and "args" in place.node)


def _versions(module: str, package: str, saved: str) -> str:
    """With which version of a package a module was stored, and which one is here where the package can be imported."""
    is_here = module.partition(".")[0] in sys.modules
    here = package_of(module).version if is_here else None
    return f" It was stored with {package} {saved}{f', and here is {here}' if here not in (None, saved) else ''}."
