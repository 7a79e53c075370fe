"""pyiron_storage: as fast and small as pickle, as browsable as HDF5, as safe as a database.

`save` and `load` put any Python object away and bring it back, as a whole or in
part; `open_storage` gives a storage to browse and change; classes that know best
how to store themselves subclass `Storable`.

Examples
--------
>>> import pyiron_storage as ps
>>> ps.save({"energy": -3.72, "cell": [3.6, 3.6, 3.6]}, "crystal.h5")
>>> ps.load("crystal.h5", "energy")
-3.72
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from pyiron_storage import errors
from pyiron_storage.api import delete, load, open_storage, save
from pyiron_storage.approval import trust
from pyiron_storage.array_handle import ArrayHandle
from pyiron_storage.backends.hdf5 import HDF5Storage
from pyiron_storage.backends.json_directory import JSONStorage
from pyiron_storage.backends.json_file import JSONFileStorage
from pyiron_storage.backends.memory import MemoryStorage
from pyiron_storage.backends.pickles import CloudpickleStorage, PickleStorage
from pyiron_storage.backends.registry import backends
from pyiron_storage.errors import (
    ArrayIndexError,
    ArrayShapeError,
    CannotImportError,
    DamagedFileError,
    DamagedRecordError,
    FileKindError,
    FormatVersionError,
    InterruptedCommitError,
    InvalidNameError,
    InvalidOptionError,
    InvalidTrustError,
    KeyFileError,
    LocksUnsupportedError,
    LockTimeoutError,
    MetadataMismatchError,
    MissingPackageError,
    NoKeyWarning,
    NoObjectError,
    NotAContainerError,
    NotAnArrayError,
    NotStorableError,
    PathNotFoundError,
    ReadOnlyError,
    RestoreError,
    SourceChangedWarning,
    SourceMismatchError,
    StorageClosedError,
    StorageError,
    StorageExistsError,
    StorageInUseError,
    StorageNotFoundError,
    StorageWarning,
    StorageWriteError,
    TransactionError,
    UnknownBackendError,
    UnknownCompressionError,
    UnsupportedOperationError,
    UntrustedError,
    VersionMismatchError,
    VersionMismatchWarning,
    ViewAttributeError,
    ViewError,
)
from pyiron_storage.inspection import CodePart, inspect
from pyiron_storage.metadata import Metadata
from pyiron_storage.provenance.renames import register_rename
from pyiron_storage.ready_made import HasHDFAdapaterMixin, ListStorable, PickleStorable
from pyiron_storage.records.navigate import NodeInfo
from pyiron_storage.records.raw import RawObject
from pyiron_storage.records.view_kinds import DictView, ListView, ObjectView, SetView, TupleView
from pyiron_storage.records.views import View
from pyiron_storage.records.wants import Want
from pyiron_storage.storable import Storable
from pyiron_storage.storage import GenericStorage

if TYPE_CHECKING:
    from pyiron_storage.checking import CheckReport, Finding, check
    from pyiron_storage.compacting import Compacted, compact
    from pyiron_storage.copying import copy
    from pyiron_storage.finding import Found, find
    from pyiron_storage.looking.browser import Browser, browse
    from pyiron_storage.looking.differences import Change, diff
    from pyiron_storage.recorded_versions import ObjectVersions, TypeVersion, versions

__version__ = "0.1.0"

_WHEN_USED: Final = {
    "Browser": "pyiron_storage.looking.browser",
    "Change": "pyiron_storage.looking.differences",
    "CheckReport": "pyiron_storage.checking",
    "Compacted": "pyiron_storage.compacting",
    "Finding": "pyiron_storage.checking",
    "browse": "pyiron_storage.looking.browser",
    "check": "pyiron_storage.checking",
    "compact": "pyiron_storage.compacting",
    "copy": "pyiron_storage.copying",
    "ObjectVersions": "pyiron_storage.recorded_versions",
    "TypeVersion": "pyiron_storage.recorded_versions",
    "Found": "pyiron_storage.finding",
    "find": "pyiron_storage.finding",
    "diff": "pyiron_storage.looking.differences",
    "versions": "pyiron_storage.recorded_versions",
}
"""The public names whose modules are imported when they are first asked for."""


def __getattr__(name: str) -> Any:
    if name not in _WHEN_USED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(importlib.import_module(_WHEN_USED[name]), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHEN_USED})


__all__ = [
    "ArrayHandle",
    "ArrayIndexError",
    "ArrayShapeError",
    "Browser",
    "CannotImportError",
    "Change",
    "CheckReport",
    "CloudpickleStorage",
    "CodePart",
    "Compacted",
    "DamagedFileError",
    "DamagedRecordError",
    "DictView",
    "FileKindError",
    "Finding",
    "FormatVersionError",
    "Found",
    "GenericStorage",
    "HDF5Storage",
    "HasHDFAdapaterMixin",
    "InterruptedCommitError",
    "InvalidNameError",
    "InvalidOptionError",
    "InvalidTrustError",
    "JSONFileStorage",
    "JSONStorage",
    "KeyFileError",
    "ListStorable",
    "ListView",
    "LockTimeoutError",
    "LocksUnsupportedError",
    "MemoryStorage",
    "Metadata",
    "MetadataMismatchError",
    "MissingPackageError",
    "NoKeyWarning",
    "NoObjectError",
    "NodeInfo",
    "NotAContainerError",
    "NotAnArrayError",
    "NotStorableError",
    "ObjectVersions",
    "ObjectView",
    "PathNotFoundError",
    "PickleStorable",
    "PickleStorage",
    "RawObject",
    "ReadOnlyError",
    "RestoreError",
    "SetView",
    "SourceChangedWarning",
    "SourceMismatchError",
    "Storable",
    "StorageClosedError",
    "StorageError",
    "StorageExistsError",
    "StorageInUseError",
    "StorageNotFoundError",
    "StorageWarning",
    "StorageWriteError",
    "TransactionError",
    "TupleView",
    "TypeVersion",
    "UnknownBackendError",
    "UnknownCompressionError",
    "UnsupportedOperationError",
    "UntrustedError",
    "VersionMismatchError",
    "VersionMismatchWarning",
    "View",
    "ViewAttributeError",
    "ViewError",
    "Want",
    "backends",
    "browse",
    "check",
    "compact",
    "copy",
    "delete",
    "diff",
    "errors",
    "find",
    "inspect",
    "load",
    "open_storage",
    "register_rename",
    "save",
    "trust",
    "versions",
]
