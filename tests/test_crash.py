"""Writers that die or fail at any moment lose nothing that was committed, and leave whole files."""

import errno
import os
import subprocess
import sys

import h5py
import numpy as np
import pytest
from interruptions import Steps, snapshots

import pyiron_storage as ps

OLD = {"who": "old", "numbers": list(range(500)), "array": np.zeros(20_000)}
NEW = {"who": "new", "numbers": list(range(700)), "array": np.ones(30_000), "more": np.arange(9000)}


def write_into_object(folder):
    with ps.open_storage(folder / "f.h5") as storage, storage.transaction():
        storage["object"] = NEW
        storage["beside"] = "new"


def write_several(folder):
    with ps.open_storage(folder / "f.h5") as storage, storage.transaction():
        storage["object/who"] = "new"
        storage["object/numbers"] = NEW["numbers"]
        storage["object/array"] = NEW["array"]
        storage["object/more"] = NEW["more"]
        storage["beside"] = "new"


def write_by_save(folder):
    ps.save(NEW, folder / "f.h5")


CHANGES = [write_into_object, write_several, write_by_save]


def make_old(folder, beside):
    folder.mkdir()
    with ps.open_storage(folder / "f.h5") as storage:
        storage["rubbish"] = np.full(50_000, 3.0)
        storage["object"] = OLD
        del storage["rubbish"]
        if beside:
            storage["beside"] = "old"
            storage["array"] = np.full(20_000, 7.0)


def state(file, beside):
    """Which of the two states a file is in; anything else is an error."""
    with ps.open_storage(file, "r") as storage:
        found = storage.load("object")
        expected = {"old": OLD, "new": NEW}[found["who"]]
        assert found.keys() == expected.keys()
        assert found["numbers"] == expected["numbers"]
        assert all(np.array_equal(found[name], expected[name]) for name in found.keys() & {"array", "more"})
        if beside:
            assert storage["beside"] == found["who"]
            assert (storage["array"] == 7.0).all()
    return found["who"]


@pytest.mark.parametrize("durability", ["process", "power"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_process_that_dies_at_any_step_leaves_the_old_or_the_new_state(tmp_path, monkeypatch, change, durability):
    beside = change is not write_by_save
    folder, copies = tmp_path / "f", tmp_path / "copies"
    make_old(folder, beside)
    copies.mkdir()
    monkeypatch.setitem(ps.HDF5Storage.__init__.__kwdefaults__, "durability", durability)
    seen = []
    for copy in snapshots(monkeypatch, folder, copies, lambda: change(folder)):
        seen.append(state(copy / "f.h5", beside))
        with ps.open_storage(copy / "f.h5") as storage:
            storage["later"] = np.arange(5000)
        assert state(copy / "f.h5", beside) in ("new", seen[-1])  # what stood complete in a journal is now there
        with h5py.File(copy / "f.h5", "r") as file:
            assert file["later"][-1] == 4999
        assert [name for name in os.listdir(copy) if not name.endswith(".new")] == ["f.h5"]
    assert seen == sorted(seen, key=["old", "new"].index)
    assert {"old", "new"} == set(seen)


class Failing:
    """Fails at one step, once or from then on."""

    def __init__(self, number, error, *, for_good):
        self.number, self.error, self.for_good = number, error, for_good

    def __call__(self, count, _):
        if count == self.number or (self.for_good and count > self.number):
            raise type(self.error)(*self.error.args)


WRITES = ("pwrite", "pwritev", "ftruncate", "replace", "fsync")


@pytest.mark.parametrize("for_good", [False, True])
@pytest.mark.parametrize("change", CHANGES)
def test_a_write_that_fails_is_a_clear_error_and_loses_nothing(tmp_path, monkeypatch, change, for_good):
    beside = change is not write_by_save
    number, done = 0, False
    while not done:
        number += 1
        folder = tmp_path / str(number)
        make_old(folder, beside)
        error = OSError(errno.ENOSPC, "No space left on device")
        with Steps(monkeypatch, Failing(number, error, for_good=for_good), only=WRITES) as steps:
            try:
                change(folder)
                expected = "new"  # what fails after that is of no weight
                message = "f.h5: No space left on device"
            except ps.StorageWriteError as raised:
                message = str(raised)
                expected = "old" if "as it was before" in message else "new"
            done = steps.count < number
        assert "No space left on device" in message
        assert "f.h5" in message
        assert state(folder / "f.h5", beside) == expected
        change(folder)
        assert state(folder / "f.h5", beside) == "new"
        assert sorted(os.listdir(folder)) == ["f.h5"]
    assert number > 5


def test_a_handle_goes_on_after_a_write_that_failed(tmp_path, monkeypatch):
    number, done = 0, False
    with ps.open_storage(tmp_path / "f.h5") as storage:
        storage["array"], storage["object"] = np.zeros(50_000), {"a": [1, 2, 3]}
        view = storage["object"]
        while not done:
            number += 1
            expected = storage["object/a"].to_object()
            with Steps(
                monkeypatch, Failing(number, OSError(errno.EIO, "I/O error"), for_good=False), only=WRITES
            ) as steps:
                try:
                    with storage.transaction():
                        storage["array"] = np.full(50_000, number)
                        view["a"].append(number)
                except ps.StorageWriteError:
                    pass
                else:
                    expected.append(number)
                done = steps.count < number
            assert view["a"] == expected
            assert storage["array"][0] == expected[-1] or expected == [1, 2, 3]
    assert ps.load(tmp_path / "f.h5", "object/a") == expected


@pytest.mark.parametrize("change", CHANGES)
def test_an_interrupt_at_any_step_leaves_the_old_or_the_new_state(tmp_path, monkeypatch, change):
    beside = change is not write_by_save
    number, done = 0, False
    while not done:
        number += 1
        folder = tmp_path / str(number)
        make_old(folder, beside)
        with Steps(monkeypatch, Failing(number, KeyboardInterrupt(), for_good=False), only=WRITES) as steps:
            try:
                change(folder)
            except KeyboardInterrupt:
                pass
            else:
                assert steps.count < number, "the interrupt was swallowed"
            done = steps.count < number
        state(folder / "f.h5", beside)
        change(folder)
        assert state(folder / "f.h5", beside) == "new"


def test_a_full_disk_leaves_the_file_as_it_was(tmp_path):
    make_old(tmp_path / "f", beside=True)
    size = (tmp_path / "f/f.h5").stat().st_size
    code = f"""
import resource, signal, numpy as np, pyiron_storage as ps
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({size + 100_000},) * 2)
storage = ps.open_storage("f.h5")
for thing in (np.zeros(100_000), list(range(500_000)), {{"x": np.zeros(100_000)}}):
    try:
        storage["big"] = thing
    except ps.StorageWriteError as error:
        print(error)
    storage["small"] = 1
try:
    ps.save(np.zeros(100_000), "new.h5")
except ps.StorageWriteError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path / "f", text=True, capture_output=True, check=True)
    assert len(done.stdout.splitlines()) == 4, done.stdout
    assert "File too large" in done.stdout
    assert state(tmp_path / "f/f.h5", beside=True) == "old"
    with ps.open_storage(tmp_path / "f/f.h5", "r") as storage:
        assert "big" not in storage
        assert storage["small"] == 1
    assert os.listdir(tmp_path / "f") == ["f.h5"]
