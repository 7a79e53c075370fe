"""Pickle files that joblib wrote: arrays stand between the opcodes, and all of it may be compressed.

`pickle` cannot read them, and nobody can list what they name without unpickling: their arrays
of objects are pickles of their own.  So joblib reads them, where everything is admitted.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from pyiron_storage.errors import MissingPackageError, UnsupportedOperationError, UntrustedError
from pyiron_storage.records.wants import Want
from pyiron_storage.trusting.admission import Admission

MARK: Final = b"joblib.numpy_pickle"
"""The module of what stands for an array."""
COMPRESSED: Final = (
    b"x\x01",
    b"x^",
    b"x\x9c",
    b"x\xda",
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ",
    b"\x5d\x00\x00",
    b"\x04\x22\x4d\x18",
)
"""How files begin that zlib, gzip, bz2, xz, lzma and lz4 compressed."""
WRAPPER: Final = "joblib.numpy_pickle.NumpyArrayWrapper"


def is_compressed(begin: bytes) -> bool:
    """Whether a file begins as one that joblib compressed."""
    return begin.startswith(COMPRESSED)


def is_of_joblib(data: bytes) -> bool:
    """Whether the content of a pickle file is joblib's."""
    return is_compressed(data) or MARK in data


def load(path: Path, admission: Admission) -> Any:
    """Load an object with joblib.

    Raises
    ------
    UntrustedError
        If not everything is admitted.
    MissingPackageError
        If joblib is not installed.
    """
    if not admission.everything:
        raise UntrustedError(
            f"{path} was written by joblib: a pickle, compressed or with arrays in between, which runs what it says "
            "and has no signature. Nothing of it was run. If you trust where it comes from, load it with trust='all', "
            "and save what you loaded.",
            [Want("object", WRAPPER)],
        )
    try:
        import joblib
    except ImportError as error:
        raise MissingPackageError(
            f"{path} was written by joblib, which is not installed. Install it with pip install joblib."
        ) from error
    return joblib.load(path)


def refuse(path: Path, data: bytes) -> None:
    """Refuse to list or sign what a file of joblib's names.

    Raises
    ------
    UnsupportedOperationError
        If it is one.
    """
    if is_of_joblib(data):
        raise UnsupportedOperationError(
            f"{path} was written by joblib; what it names cannot be listed without running it, so it is not signed. "
            "Load it with trust='all' where you trust it, and save what you loaded."
        )
