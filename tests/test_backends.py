"""The conformance suite and the state machine over every back-end."""

from pathlib import Path

import pytest
from hypothesis import settings

import pyiron_storage as ps
from pyiron_storage.testing import StorageConformance, storage_machine


class TestHDF5(StorageConformance):
    def open(self, folder: Path, mode: str = "a", **options):
        return ps.HDF5Storage(folder / "storage.h5", mode, **options)


class TestJSONDirectory(StorageConformance):
    def open(self, folder: Path, mode: str = "a", **options):
        return ps.JSONStorage(folder / "storage.jsondir", mode, **options)


class TestJSONFile(StorageConformance):
    def open(self, folder: Path, mode: str = "a", **options):
        return ps.JSONFileStorage(folder / "storage.json", mode, **options)


class TestMemory(StorageConformance):
    persistent = False

    def open(self, folder: Path, mode: str = "a", **options):
        return ps.MemoryStorage(**options)


def machine(open_storage, **options):
    case = storage_machine(open_storage, **options).TestCase
    case.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
    return case


TestHDF5Machine = machine(lambda folder: ps.HDF5Storage(folder / "storage.h5"))
TestJSONDirectoryMachine = machine(lambda folder: ps.JSONStorage(folder / "storage.jsondir"))
TestJSONFileMachine = machine(lambda folder: ps.JSONFileStorage(folder / "storage.json"))
TestMemoryMachine = machine(lambda folder: ps.MemoryStorage(), persistent=False)


@pytest.mark.stress
@pytest.mark.parametrize(
    "open_storage",
    [
        lambda f: ps.HDF5Storage(f / "s.h5"),
        lambda f: ps.JSONStorage(f / "s"),
        lambda f: ps.JSONFileStorage(f / "s.json"),
    ],
)
def test_the_state_machine_at_length(open_storage):
    case = storage_machine(open_storage).TestCase
    case.settings = settings(max_examples=500, stateful_step_count=60, deadline=None)
    case().runTest()


def test_a_new_directory_that_was_rolled_back_leaves_nothing(tmp_path):
    with ps.open_storage("new.jsondir") as storage, pytest.raises(KeyError), storage.transaction():  # noqa: PT012
        storage.create_group("a")["list"] = [1]
        del storage["nothing"]
    assert list(tmp_path.iterdir()) == []
    with ps.open_storage("new.jsondir") as storage:
        storage["a"] = 1
