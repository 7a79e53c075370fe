"""Writers that die or fail at any moment lose nothing that was committed, and leave whole files."""

import errno
import inspect
import os
import subprocess
import sys

import h5py
import numpy as np
import pytest
from interruptions import WRITES, Steps, snapshots

import pyiron_storage as ps

OLD = {"who": "old", "numbers": list(range(500)), "array": np.zeros(20_000)}
NEW = {"who": "new", "numbers": list(range(700)), "array": np.ones(30_000), "more": np.arange(9000)}


FILES = ["f.h5", "f.jsondir", "f.json"]


def write_into_object(file):
    with ps.open_storage(file) as storage, storage.transaction():
        storage["object"] = NEW
        storage["group/beside"] = "new"


def write_several(file):
    with ps.open_storage(file) as storage, storage.transaction():
        storage["object/who"] = "new"
        storage["object/numbers"] = NEW["numbers"]
        storage["object/array"] = NEW["array"]
        storage["object/more"] = NEW["more"]
        storage["group/beside"] = "new"


def write_by_save(file):
    ps.save(NEW, file)


CHANGES = [write_into_object, write_several, write_by_save]
every_change = pytest.mark.parametrize("change", CHANGES)
every_file = pytest.mark.parametrize("name", FILES)


def make_old(file, beside):
    file.parent.mkdir()
    with ps.open_storage(file) as storage:
        storage["rubbish"] = np.full(50_000, 3.0)
        storage["object"] = OLD
        del storage["rubbish"]
        if beside:
            storage["group/beside"] = "old"
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
            assert storage["group/beside"] == found["who"]
            assert (storage["array"] == 7.0).all()
    return found["who"]


def is_made(error):
    """Whether an error says that the change is made nevertheless."""
    return "is committed" in str(error) or "is written" in str(error)


def left(folder):
    """What is in a folder, but for what a dead process had begun and never named."""
    return [name for name in os.listdir(folder) if not name.endswith(".new")]


@every_file
@pytest.mark.parametrize("durability", ["process", "power"])
@every_change
def test_a_process_that_dies_at_any_step_leaves_the_old_or_the_new_state(
    tmp_path, monkeypatch, change, durability, name
):
    beside = change is not write_by_save
    file, copies = tmp_path / "f" / name, tmp_path / "copies"
    make_old(file, beside)
    copies.mkdir()
    for kind in (ps.HDF5Storage, ps.JSONStorage, ps.JSONFileStorage):
        monkeypatch.setitem(inspect.unwrap(kind.__init__).__kwdefaults__, "durability", durability)
    seen = []
    for copy in snapshots(monkeypatch, file.parent, copies, lambda: change(file)):
        seen.append(state(copy / name, beside))
        with ps.open_storage(copy / name) as storage:
            storage["later"] = np.arange(5000)
        assert state(copy / name, beside) in ("new", seen[-1])  # what stood complete in a journal is now there
        with ps.open_storage(copy / name, "r") as storage:
            assert storage["later"][-1] == 4999
        if name == "f.h5":
            with h5py.File(copy / name, "r") as plain:
                assert plain["later"][-1] == 4999
        assert left(copy) == [name]
    assert seen == sorted(seen, key=["old", "new"].index)
    assert {"old", "new"} == set(seen)


@every_file
def test_a_process_that_dies_in_the_first_save_leaves_nothing_or_all(tmp_path, monkeypatch, name):
    folder, copies = tmp_path / "f", tmp_path / "copies"
    folder.mkdir()
    copies.mkdir()
    seen = []
    for copy in snapshots(monkeypatch, folder, copies, lambda: ps.save(OLD, folder / name)):
        seen.append((copy / name).exists())
        assert not seen[-1] or state(copy / name, beside=False) == "old"
        ps.save(NEW, copy / name)
        assert state(copy / name, beside=False) == "new"
        assert os.listdir(copy) == [name]  # what the dead process had begun is gone
    assert seen == sorted(seen)
    assert set(seen) == {False, True}


class Failing:
    """Fails at one step, once or from then on."""

    def __init__(self, number, error, *, for_good):
        self.number, self.error, self.for_good = number, error, for_good

    def __call__(self, count, _):
        if count == self.number or (self.for_good and count > self.number):
            raise type(self.error)(*self.error.args)


@every_file
@pytest.mark.parametrize("for_good", [False, True])
@every_change
def test_a_write_that_fails_is_a_clear_error_and_loses_nothing(tmp_path, monkeypatch, change, for_good, name):
    beside = change is not write_by_save
    number, done = 0, False
    while not done:
        number += 1
        file = tmp_path / str(number) / name
        make_old(file, beside)
        error = OSError(errno.ENOSPC, "No space left on device")
        with Steps(monkeypatch, Failing(number, error, for_good=for_good), only=WRITES) as steps:
            try:
                change(file)
                expected = "new"  # what fails after that is of no weight
                message = f"{name}: No space left on device"
            except ps.StorageWriteError as raised:
                message = str(raised)
                expected = "new" if is_made(raised) else "old"
            done = steps.count < number
        assert "No space left on device" in message
        assert name in message
        assert state(file, beside) == expected
        change(file)
        assert state(file, beside) == "new"
        assert os.listdir(file.parent) == [name]
    assert number > 5


@every_file
def test_a_handle_goes_on_after_a_write_that_failed(tmp_path, monkeypatch, name):
    number, done = 0, False
    with ps.open_storage(tmp_path / name) as storage:
        storage["array"], storage["object"], storage["group/number"] = np.zeros(50_000), {"a": [1, 2, 3]}, 0
        view = storage["object"]
        while not done:
            number += 1
            expected, before = storage["object/a"].to_object(), storage["group/number"]
            error = OSError(errno.EIO, "I/O error")
            with Steps(monkeypatch, Failing(number, error, for_good=False), only=WRITES) as steps:
                try:
                    with storage.transaction():
                        storage["array"] = np.full(50_000, number)
                        view["a"].append(number)
                        storage["group/number"] = number
                except ps.StorageWriteError as raised:
                    if is_made(raised):
                        expected.append(number)
                else:
                    expected.append(number)
                done = steps.count < number
            assert view["a"] == expected
            assert storage["group/number"] == (number if expected[-1] == number else before)
            assert storage["array"][0] == expected[-1] or expected == [1, 2, 3]
    assert ps.load(tmp_path / name, "object/a") == expected


@every_file
@every_change
def test_an_interrupt_at_any_step_leaves_the_old_or_the_new_state(tmp_path, monkeypatch, change, name):
    beside = change is not write_by_save
    number, done = 0, False
    while not done:
        number += 1
        file = tmp_path / str(number) / name
        make_old(file, beside)
        with Steps(monkeypatch, Failing(number, KeyboardInterrupt(), for_good=False), only=WRITES) as steps:
            try:
                change(file)
            except KeyboardInterrupt:
                pass
            else:
                assert steps.count < number, "the interrupt was swallowed"
            done = steps.count < number
        state(file, beside)
        change(file)
        assert state(file, beside) == "new"


@every_file
def test_a_full_disk_leaves_the_file_as_it_was(tmp_path, name):
    file = tmp_path / "f" / name
    make_old(file, beside=True)
    size = max(path.stat().st_size for path in (file, *file.rglob("*")))
    code = f"""
import resource, signal, numpy as np, pyiron_storage as ps
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({size + 100_000},) * 2)
storage = ps.open_storage({name!r})
for thing in (np.zeros(100_000), list(range(500_000)), {{"x": np.zeros(100_000)}}):
    try:
        with storage.transaction():
            storage["group/beside"] = "something else"
            storage["big"] = thing
    except ps.StorageWriteError as error:
        print(error)
    storage["small"] = 1
try:
    ps.save(np.zeros(100_000), "new" + {file.suffix!r})
except ps.StorageWriteError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path / "f", text=True, capture_output=True, check=True)
    assert len(done.stdout.splitlines()) == 4, done.stdout
    assert all("File too large" in line or "requested and" in line for line in done.stdout.splitlines())
    assert state(file, beside=True) == "old"
    with ps.open_storage(file, "r") as storage:
        assert "big" not in storage
        assert storage["small"] == 1
    assert os.listdir(file.parent) == [name]


def test_a_big_file_is_replaced_as_one_step(tmp_path):
    """Big files exchange their names; who has the old one open keeps it."""
    ps.save({"array": np.zeros(4_000_000)}, tmp_path / "f.h5")
    with ps.open_storage(tmp_path / "f.h5", "r") as reader:
        assert reader["object/array"].sum() == 0
        mapped = ps.load(tmp_path / "f.h5", mmap=True)["array"]
        ps.save({"array": np.ones(4_000_000)}, tmp_path / "f.h5")
        assert reader["object/array"].sum() == 4_000_000
        assert mapped.sum() == 0
    assert {path.name for path in tmp_path.iterdir()} == {"f.h5"}
