"""What HDF5 raises where a file is damaged, as errors of this library.

h5py raises OSError, RuntimeError, KeyError or ValueError, as it comes.  A session asks
at the end of each access and transaction what an error means, so that this is known in
one place.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from h5py import h5d, h5o

from pyiron_storage.errors import DamagedFileError, StorageError


def is_of_hdf5(error: BaseException) -> bool:
    """Whether an error came out of h5py itself, not of what was called with it."""
    if isinstance(error, (StorageError, KeyboardInterrupt)) or error.__traceback__ is None:
        return False
    innermost = error.__traceback__
    while innermost.tb_next is not None:
        innermost = innermost.tb_next
    return innermost.tb_frame.f_code.co_filename.startswith("h5py")


def damaged_file(file: Path, error: BaseException, what: str = "what is asked for") -> DamagedFileError:
    """The error for a file in which HDF5 does not find its way."""
    return DamagedFileError(
        f"{file}: HDF5 cannot read {what}: {error}. The file is damaged. ps.check(filename) lists what is, and "
        "ps.check(filename, repair=True) keeps what is whole."
    )


def open_linked(group: Any, link: bytes, file: Path) -> Any:
    """Open what a link of a group leads to, which is there.

    Raises
    ------
    DamagedFileError
        If it is not.
    """
    try:
        found = h5o.open(group, link)
    except (KeyError, OSError, RuntimeError, ValueError) as error:
        raise damaged_file(file, error, repr(link.decode(errors="replace"))) from error
    if isinstance(found, h5d.DatasetID) and found.get_offset() is None and _lies_elsewhere(found):
        raise DamagedFileError(
            f"{file}: {link.decode(errors='replace')!r} says that its data lie in other files, and a storage reads no "
            "other files. Read it with h5py, and store what it holds."
        )
    return found


def _lies_elsewhere(dataset: Any) -> bool:
    """Whether the data of a dataset are in other files: as raw data, or as parts of their datasets."""
    creation = dataset.get_create_plist()
    return bool(creation.get_layout() == h5d.VIRTUAL or creation.get_external_count())
