"""What all tests of a back-end need: how a storage is opened, and what it can do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import pyiron_storage as ps
from pyiron_storage.model.storage import GenericStorage


class BackendTests:
    """Tests of one back-end; a subclass says how to open one in a folder."""

    persistent = True
    """Whether what was stored is there when the storage is opened again."""
    transactional = True
    """Whether the back-end can take changes back."""

    def open(self, folder: Path, mode: str = "a", **options: Any) -> GenericStorage:
        """Open the storage of the test in a folder."""
        raise ps.StorageError("A test class of a back-end implements open(folder, mode, **options).")

    @pytest.fixture
    def storage(self, tmp_path: Path) -> Any:
        """An empty storage."""
        with self.open(tmp_path) as storage:
            yield storage

    def again(self, storage: GenericStorage, folder: Path) -> GenericStorage:
        """The same storage, closed and opened again where that keeps what it holds."""
        if not self.persistent:
            return storage
        storage.close()
        return self.open(folder)
