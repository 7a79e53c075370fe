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
from pyiron_storage.arrays.array_handle import ArrayHandle
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
    CompressionTypeError,
    DamagedFileError,
    DamagedRecordError,
    FileKindError,
    FolderError,
    FormatVersionError,
    InterruptedCommitError,
    InvalidFilenameError,
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
    NotAClassError,
    NotAContainerError,
    NotAFolderError,
    NotAnArrayError,
    NotStorableError,
    OptionTypeError,
    PathNotFoundError,
    PathTypeError,
    ReadOnlyError,
    RestoreError,
    SourceChangedWarning,
    SourceMismatchError,
    StorageAttributeError,
    StorageClosedError,
    StorageError,
    StorageExistsError,
    StorageInUseError,
    StorageNotFoundError,
    StoragePermissionError,
    StorageReadError,
    StorageWarning,
    StorageWriteError,
    TransactionError,
    TrustTypeError,
    UnknownBackendError,
    UnknownCompressionError,
    UnsupportedOperationError,
    UntrustedError,
    VersionMismatchError,
    VersionMismatchWarning,
    ViewAttributeError,
    ViewError,
    WriteForbiddenError,
)
from pyiron_storage.model.mapping_views import DictView, ObjectView
from pyiron_storage.model.metadata import Metadata
from pyiron_storage.model.ready_made import HasHDFAdapaterMixin, ListStorable, PickleStorable
from pyiron_storage.model.sequence_views import ListView, TupleView
from pyiron_storage.model.set_views import SetView
from pyiron_storage.model.storable import Storable
from pyiron_storage.model.storage import GenericStorage
from pyiron_storage.model.views import View
from pyiron_storage.operations.approval import trust
from pyiron_storage.operations.inspection import CodePart, inspect
from pyiron_storage.provenance.renames import register_rename
from pyiron_storage.records.navigate import NodeInfo
from pyiron_storage.records.raw import RawObject
from pyiron_storage.records.rules.registered import register_type
from pyiron_storage.records.wants import Want

if TYPE_CHECKING:
    from pyiron_storage.operations.browser import Browser, browse
    from pyiron_storage.operations.checking import CheckReport, Finding, check
    from pyiron_storage.operations.compacting import Compacted, compact
    from pyiron_storage.operations.copying import copy
    from pyiron_storage.operations.differences import Change, diff
    from pyiron_storage.operations.finding import Found, find
    from pyiron_storage.operations.recorded_versions import ObjectVersions, TypeVersion, versions

__version__ = "0.1.0"

_WHEN_USED: Final = {
    "Browser": "pyiron_storage.operations.browser",
    "Change": "pyiron_storage.operations.differences",
    "CheckReport": "pyiron_storage.operations.checking",
    "Compacted": "pyiron_storage.operations.compacting",
    "Finding": "pyiron_storage.operations.checking",
    "browse": "pyiron_storage.operations.browser",
    "check": "pyiron_storage.operations.checking",
    "compact": "pyiron_storage.operations.compacting",
    "copy": "pyiron_storage.operations.copying",
    "ObjectVersions": "pyiron_storage.operations.recorded_versions",
    "TypeVersion": "pyiron_storage.operations.recorded_versions",
    "Found": "pyiron_storage.operations.finding",
    "find": "pyiron_storage.operations.finding",
    "diff": "pyiron_storage.operations.differences",
    "versions": "pyiron_storage.operations.recorded_versions",
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
    "CompressionTypeError",
    "DamagedFileError",
    "DamagedRecordError",
    "DictView",
    "FileKindError",
    "Finding",
    "FolderError",
    "FormatVersionError",
    "Found",
    "GenericStorage",
    "HDF5Storage",
    "HasHDFAdapaterMixin",
    "InterruptedCommitError",
    "InvalidFilenameError",
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
    "NotAClassError",
    "NotAContainerError",
    "NotAFolderError",
    "NotAnArrayError",
    "NotStorableError",
    "ObjectVersions",
    "ObjectView",
    "OptionTypeError",
    "PathNotFoundError",
    "PathTypeError",
    "PickleStorable",
    "PickleStorage",
    "RawObject",
    "ReadOnlyError",
    "RestoreError",
    "SetView",
    "SourceChangedWarning",
    "SourceMismatchError",
    "Storable",
    "StorageAttributeError",
    "StorageClosedError",
    "StorageError",
    "StorageExistsError",
    "StorageInUseError",
    "StorageNotFoundError",
    "StoragePermissionError",
    "StorageReadError",
    "StorageWarning",
    "StorageWriteError",
    "TransactionError",
    "TrustTypeError",
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
    "WriteForbiddenError",
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
    "register_type",
    "save",
    "trust",
    "versions",
]
