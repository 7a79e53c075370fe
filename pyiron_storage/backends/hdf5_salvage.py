"""An HDF5 file that was cut off, read for what stands before the cut.

HDF5 does not open a file that is shorter than its superblock says.  Shown with zeros where
the rest was, it opens as far as it finds its way; what reaches behind the cut is refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from h5py import h5d, h5o

from pyiron_storage.backends.hdf5_errors import damaged_file, open_linked
from pyiron_storage.backends.hdf5_file import HDF5File
from pyiron_storage.files.locks import TIMEOUT
from pyiron_storage.journal.journaled_file import JournaledFile


class CutFile(HDF5File):
    """An HDF5 file as long as it was before it was cut off; for one handle, which is not shared."""

    def __init__(self, path: Path, *, locking: bool = True, timeout: float = TIMEOUT) -> None:
        super().__init__(path, locking=locking, timeout=timeout)
        self._handles = 1
        self._end = self.real_path.stat().st_size

    def _journaled(self) -> JournaledFile:
        file = super()._journaled()
        file.stretch()
        return file

    def checked(self, found: Any) -> Any:
        if isinstance(found, h5d.DatasetID) and (last := _last_byte(found)) > self._end:
            raise damaged_file(self.path, EOFError(f"it ends at byte {self._end}, and the data at byte {last}"))
        return found

    def check_below(self, group: Any, link: bytes) -> None:
        found = self.checked(open_linked(group, link, self.path))
        if not isinstance(found, h5d.DatasetID):
            names: list[bytes] = []
            h5o.visit(found, names.append)
            for name in names:
                self.checked(open_linked(found, name, self.path))


def is_cut(path: Path) -> bool:
    """Whether a file is shorter than the superblock says."""
    file = JournaledFile(path, writable=False)
    try:
        return file.stretch()
    finally:
        file.close()


def _last_byte(dataset: Any) -> int:
    """Where the data of a dataset end in the file, as far as they stand in chunks or in one piece."""
    if dataset.get_create_plist().get_layout() == h5d.CHUNKED:
        chunks = map(dataset.get_chunk_info, range(dataset.get_num_chunks()))
        return max((chunk.byte_offset + chunk.size for chunk in chunks), default=0)
    offset = dataset.get_offset()
    return 0 if offset is None else int(offset + dataset.get_storage_size())
