"""Values, arrays and names come back as they were."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import pyiron_storage as ps
from pyiron_storage.model.storage import GenericStorage
from pyiron_storage.testing.conformance.backend import BackendTests
from pyiron_storage.testing.conformance.samples import ARRAYS, BAD_NAMES, NAMES, NATIVE, same


class ValueTests(BackendTests):
    """Values, arrays and names come back as they were."""

    @pytest.mark.parametrize("name", NATIVE)
    def test_a_value_comes_back(self, storage: GenericStorage, tmp_path: Path, name: str) -> None:
        storage["value"] = NATIVE[name]
        storage["inside"] = {"value": NATIVE[name], "list": [NATIVE[name]]}
        storage = self.again(storage, tmp_path)
        assert same(storage["value"], NATIVE[name])
        assert same(storage["inside/value"], NATIVE[name])
        assert same(storage["inside/list/0"], NATIVE[name])
        assert same(storage.load("inside"), {"value": NATIVE[name], "list": [NATIVE[name]]})

    @pytest.mark.parametrize("name", ARRAYS)
    def test_an_array_comes_back(self, storage: GenericStorage, tmp_path: Path, name: str) -> None:
        array = ARRAYS[name]
        storage["array"] = array
        storage["inside"] = [array, {"again": array}]
        storage = self.again(storage, tmp_path)
        assert same(storage["array"], array)
        assert same(storage["inside/0"], array)
        loaded = storage.load("inside")
        assert same(loaded[0], array)
        assert loaded[0] is loaded[1]["again"]
        assert loaded[0].base is None or memoryview(loaded[0].base).nbytes == array.nbytes

    def test_arrays_are_copies(self, storage: GenericStorage) -> None:
        array = np.zeros(3)
        storage["array"] = array
        storage["inside"] = {"array": array}
        array[:] = 1
        for path in ("array", "inside/array"):
            with pytest.raises(ValueError, match="read-only"):
                storage[path][:] = 2  # it would be lost
            storage.load(path)[:] = 2
        assert storage["array"].tolist() == storage["inside/array"].tolist() == [0, 0, 0]

    @pytest.mark.parametrize("name", NAMES)
    def test_a_name_may_be_any_text(self, storage: GenericStorage, tmp_path: Path, name: str) -> None:
        storage[name] = 1.5
        storage.create_group("groups").create_group(name)["inner"] = np.arange(2)
        storage = self.again(storage, tmp_path)
        assert storage.list_nodes() == [name]
        assert storage[name] == 1.5
        assert storage["groups"].list_groups() == [name]
        assert storage["groups"][name]["inner"].tolist() == [0, 1]

    @pytest.mark.parametrize("name", BAD_NAMES)
    def test_a_bad_name_is_refused(self, storage: GenericStorage, name: str) -> None:
        with pytest.raises(ps.InvalidNameError):
            storage[name] = 1
        assert list(storage) == []

    def test_a_slash_in_a_name_is_escaped(self, storage: GenericStorage, tmp_path: Path) -> None:
        storage["a~1b"] = 1
        storage["a~0"] = {"x/y": {"z~": 5}}
        storage = self.again(storage, tmp_path)
        assert [*storage.list_nodes(), *storage.list_groups()] == ["a/b", "a~"]
        assert sorted(storage) == ["a~0", "a~1b"]
        assert storage["a~1b"] == 1
        assert storage["a~0/x~1y/z~0"] == 5
