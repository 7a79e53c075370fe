"""The errors of pyiron_storage.

Every error is a `StorageError` and, beside that, the built-in exception that
fits, so that ``except KeyError`` and ``except FileNotFoundError`` work as they
do for a dict or a file.  A message names the file and the path in it, what was
found, what was expected, and what to do.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

__all__ = [
    "ArrayIndexError",
    "ArrayShapeError",
    "CannotImportError",
    "CompressionTypeError",
    "DamagedFileError",
    "DamagedRecordError",
    "FileKindError",
    "FolderError",
    "FormatVersionError",
    "InterruptedCommitError",
    "InvalidFilenameError",
    "InvalidNameError",
    "InvalidOptionError",
    "InvalidTrustError",
    "KeyFileError",
    "LockTimeoutError",
    "LocksUnsupportedError",
    "MetadataMismatchError",
    "MissingPackageError",
    "NoKeyWarning",
    "NoObjectError",
    "NotAContainerError",
    "NotAFolderError",
    "NotAnArrayError",
    "NotStorableError",
    "OptionTypeError",
    "PathNotFoundError",
    "PathTypeError",
    "ReadOnlyError",
    "RestoreError",
    "SourceChangedWarning",
    "SourceMismatchError",
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
    "UnknownBackendError",
    "UnknownCompressionError",
    "UnsupportedOperationError",
    "UntrustedError",
    "VersionMismatchError",
    "VersionMismatchWarning",
    "ViewAttributeError",
    "ViewError",
    "WriteForbiddenError",
]


class StorageError(Exception):
    """Base of all errors of pyiron_storage.

    Examples
    --------
    >>> import pyiron_storage as ps
    >>> try:
    ...     ps.load("nowhere.h5")
    ... except ps.StorageError as error:
    ...     print(type(error).__name__)
    StorageNotFoundError
    """

    passed_user_code = False
    """Whether it was raised inside, or passed through, a method of the user, whose place the traceback shows."""

    def __str__(self) -> str:
        # KeyError would show the repr of the message.
        return str(self.args[0]) if self.args else ""


class UnknownBackendError(StorageError, ValueError):
    """No back-end has this name, or none is known for the suffix of a file."""


class StorageInUseError(StorageError, PermissionError):
    """The file is open and cannot be deleted or replaced now."""


class LockTimeoutError(StorageError, TimeoutError):
    """Another process or thread has held the storage for too long; the message names it."""


class LocksUnsupportedError(StorageError, OSError):
    """The file cannot be locked here."""


class StorageWriteError(StorageError, OSError):
    """The system could not write, for instance to a full disk; the message says what became of the change."""


class StorageReadError(StorageError, OSError):
    """The system cannot read a file."""


class StoragePermissionError(StorageError, PermissionError):
    """The system does not let this user read a file or folder."""


class WriteForbiddenError(StorageWriteError, StoragePermissionError):
    """The system does not let this user write to a file or into a folder."""


class InterruptedCommitError(StorageError, OSError):
    """A process died while it copied a commit into the file, and the journal that would end it is lost."""


class StorageNotFoundError(StorageError, FileNotFoundError):
    """The file or directory to read does not exist."""


class StorageExistsError(StorageError, FileExistsError):
    """Mode ``"x"`` was asked for and the file exists already."""


class FileKindError(StorageError, OSError):
    """The file is there, but it is not of the kind that the back-end reads."""


class FolderError(FileKindError, IsADirectoryError):
    """A folder is where a file is meant to be."""


class NotAFolderError(FileKindError, NotADirectoryError):
    """A file is where a folder is meant to be."""


class FormatVersionError(StorageError, ValueError):
    """The file was written in a later version of the format than this one reads."""


class DamagedFileError(StorageError, OSError):
    """A file cannot be read any more where it should be: it is damaged."""


class DamagedRecordError(StorageError, ValueError):
    """What is stored contradicts the format: the file is damaged."""


class PathNotFoundError(StorageError, KeyError):
    """Nothing is stored at this path; the message lists what is there."""


class NotAContainerError(StorageError, TypeError):
    """A path goes on inside something that has no parts, or a group is written over."""


class NotAnArrayError(StorageError, TypeError):
    """A handle on an array was asked for, and something else is at the path."""


class ArrayShapeError(StorageError, ValueError):
    """Values do not have the shape of the part of an array that they are for."""


class ArrayIndexError(StorageError, IndexError):
    """An index is outside the array."""


class UnknownCompressionError(StorageError, ValueError):
    """The back-end does not offer this compression; the message lists what it offers."""


class MissingPackageError(StorageError, ImportError):
    """A package that this needs is not installed; the message names the extra that has it."""


class InvalidNameError(StorageError, ValueError):
    """A group or node cannot have this name."""


class InvalidOptionError(StorageError, ValueError):
    """An option of saving or loading is not what it can be."""


class OptionTypeError(InvalidOptionError, TypeError):
    """An argument is of another type than it can be, or a function has no option of this name."""


class InvalidFilenameError(StorageError, ValueError):
    """What was given as a filename names no file."""


class PathTypeError(InvalidNameError, TypeError):
    """What was given as a path inside a storage is no text."""


class CompressionTypeError(UnknownCompressionError, OptionTypeError):
    """`compression=` is neither a name nor a name and a level."""


class MetadataMismatchError(StorageError, ValueError):
    """What is to be loaded does not carry the metadata that is asked for."""


class NotStorableError(StorageError, TypeError):
    """An object, named by its path and type, cannot be stored."""


class ReadOnlyError(StorageError, PermissionError):
    """The storage was opened for reading, its file is marked as read-only, or the part cannot be changed in place."""


class StorageClosedError(StorageError, ValueError):
    """The storage was closed and is used again."""


class TransactionError(StorageError, RuntimeError):
    """A transaction cannot be begun, or its changes cannot be taken back."""


class UnsupportedOperationError(StorageError, NotImplementedError):
    """The back-end does not offer this, for instance groups in a pickle file."""


class NoObjectError(StorageError, ValueError):
    """`to_object` was called on a group in which no object was stored."""


class CannotImportError(StorageError, ImportError):
    """A class or function that an object needs cannot be imported."""


class NotAClassError(CannotImportError, TypeError):
    """An object is stored whose class is something else now."""


class VersionMismatchError(StorageError, ImportError):
    """A package has another version than when an object was stored, and `versions=` refuses that.

    Attributes
    ----------
    package : str
        The package.
    saved, current : str or None
        Its versions; None where one is not known.
    paths : list of str
        Where the first objects are that it concerns.
    """

    def __init__(
        self,
        message: str = "",
        *,
        package: str = "",
        saved: str | None = None,
        current: str | None = None,
        paths: Iterable[str] = (),
    ) -> None:
        super().__init__(message)
        self.package, self.saved, self.current, self.paths = package, saved, current, list(paths)


class SourceMismatchError(VersionMismatchError):
    """A class or function has another source than when an object was stored, though no version says so.

    `saved` and `current` are digests of the sources.
    """


class UntrustedError(StorageError, PermissionError):
    """What is to be loaded names classes, functions or code that nobody has said may run.

    Attributes
    ----------
    wants : list of Want
        Each of them, with the path of what needs it.

    Examples
    --------
    >>> import collections, pathlib, pyiron_storage as ps
    >>> ps.save({"x": 1, "path": pathlib.PurePath("a")}, "plain.h5")
    >>> ps.load("plain.h5", trust="data")["x"]
    1
    >>> ps.save([collections.UserDict(), 3], "class.h5")
    >>> try:
    ...     ps.load("class.h5", trust="data")
    ... except ps.UntrustedError as error:
    ...     print(error.wants[0])
    object/0: collections.UserDict
    """

    def __init__(self, message: str = "", wants: Iterable[Any] = ()) -> None:
        super().__init__(message)
        self.wants = list(wants)


class InvalidTrustError(StorageError, ValueError):
    """`trust=`, or the names in the configuration, are none that can be admitted."""


class TrustTypeError(InvalidTrustError, OptionTypeError):
    """`trust=` is neither text nor a list of names."""


class KeyFileError(StorageError, OSError):
    """The file of a signing key cannot be read or made, is open to others, or holds no key."""


class RestoreError(StorageError, ValueError):
    """A `Storable` could not be restored; the cause is chained."""


class StorageWarning(UserWarning):
    """Base of the warnings of pyiron_storage."""


class NoKeyWarning(StorageWarning):
    """There is no place for a signing key: what this process signs, another one does not know."""


class VersionMismatchWarning(StorageWarning):
    """A package has another version now than when an object was stored."""


class SourceChangedWarning(StorageWarning):
    """A class or function has another source now than when the object was stored."""


class ViewError(StorageError, TypeError):
    """A view was used where the plain thing is needed; call its `to_object()`."""


class StorageAttributeError(StorageError, AttributeError):
    """An attribute of a storage, a handle or metadata was set, which would not be stored."""


class ViewAttributeError(StorageAttributeError):
    """A view was asked for an attribute of the object that it shows, or one was set."""
