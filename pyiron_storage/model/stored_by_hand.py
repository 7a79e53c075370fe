"""An object that stored itself into a group by hand: whether its class may be stored, and what restores it.

Such a group has no header; its nodes ``NAME``, ``MODULE`` and ``VERSION`` say what the
header of a record says, and its signature stands beside them.
"""

from __future__ import annotations

from typing import Any, Final, Protocol

from pyiron_storage.errors import NotStorableError
from pyiron_storage.model.group_signature import Group as SignedGroup
from pyiron_storage.model.group_signature import is_signed
from pyiron_storage.model.options import encoder_options, loading
from pyiron_storage.provenance.distributions import package_of
from pyiron_storage.provenance.origins import NO_REQUIREMENTS, origin_of
from pyiron_storage.records.document import ROOT, Record
from pyiron_storage.records.gate import Gate
from pyiron_storage.records.version_check import VersionCheck

UNKNOWN: Final = "0"
"""The version of a package that has none."""


def version_of(module: str) -> str:
    """The version of the package that a module is in: of its distribution, else its ``__version__``, else ``"0"``."""
    return package_of(module).version or UNKNOWN


class Group(SignedGroup, Protocol):
    """What is asked of a group of a back-end."""

    @property
    def path(self) -> str: ...


def require(group: Group, cls: type) -> None:
    """Refuse a class that may not be stored, as `require_versions` and `forbidden_modules` say.

    Raises
    ------
    NotStorableError
        If it may not be.
    """
    requirements = encoder_options(group._session.options).get("requirements", NO_REQUIREMENTS)
    if requirements is NO_REQUIREMENTS:
        return
    name = f"{cls.__module__}:{cls.__qualname__}"
    reason = requirements.refusal(name, {"name": name, **origin_of(cls, name)})
    if reason is not None:
        where = group.path or "the top level"
        raise NotStorableError(f"{group._session.file}: an object of {name} cannot be stored in {where}: {reason}")


def class_of(group: Group, name: str, version: str) -> Any:
    """The class that stored itself into a group, where it may be imported, as far as its version fits.

    Raises
    ------
    UntrustedError
        If it may not be.
    CannotImportError
        If it is missing.
    VersionMismatchError
        If it is of a version that is not asked for. A class with a `storage_version` of its own is told that
        instead, and one whose package has no version has nothing to compare.
    """
    asked = loading(group._session.options)
    record, entry = _record(group, name), {"name": name, "version": version}
    gate = Gate(record, group._session.admission, asked.rename)
    found = gate.find(entry, called=True)
    has_version = UNKNOWN not in (version, version_of(found.__module__))
    if has_version and not getattr(found, "storage_version", None):
        versions = VersionCheck(record, asked.versions)
        with versions:
            versions.see(0, entry, gate.current(entry), found)
    return found


def _record(group: Group, name: str) -> Record:
    """A record that says what the group says, for messages and for what is asked of a record."""
    record = Record()
    record.place, record.path = f"{group._session.file}: {group.path}", group.path
    record.signing.trusted = is_signed(group)
    record.replace(ROOT, {"$": "storable", "type": record.type_number({"name": name})})
    return record
