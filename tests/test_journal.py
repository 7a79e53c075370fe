"""The journal of an HDF5 file: replayed, discarded, overlaid; and what it costs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from interruptions import snapshots

import pyiron_storage as ps
from pyiron_storage.journal.journaled_file import JournaledFile
from pyiron_storage.journal.redo import CompleteJournal


def old_and_new(folder):
    """A file, and a change of it that needs a journal."""
    folder.mkdir()
    with ps.open_storage(folder / "f.h5") as storage:
        storage["a"], storage["array"] = 1, np.zeros(1000)

    def change():
        with ps.open_storage(folder / "f.h5") as storage, storage.transaction():
            storage["a"], storage["array"] = 2, np.full(1000, 2.0)

    return change


def value(folder):
    """The number that all in the file agrees on."""
    with ps.open_storage(folder / "f.h5", "r") as storage:
        number = storage["a"]
        assert (storage["array"] == (0 if number == 1 else number)).all()
    return number


@pytest.fixture
def crashed(tmp_path, monkeypatch):
    """Folders as a writer leaves them that dies: before copying, in the middle of it, and after it."""
    change = old_and_new(tmp_path / "original")
    (tmp_path / "copies").mkdir()
    found = {}
    for copy in snapshots(monkeypatch, tmp_path / "original", tmp_path / "copies", change):
        journal = CompleteJournal.open(str(copy / "f.h5-journal"))
        if journal is not None:
            file = os.open(copy / "f.h5", os.O_RDONLY)
            half = journal.is_half_copied(file)
            untouched = os.pread(file, 32, journal.change.place) == journal.change.stamp
            found.setdefault("half" if half else "before" if untouched else "after", copy)
            os.close(file)
    assert found.keys() == {"before", "half", "after"}
    return found


def content(folder):
    return {entry.name: entry.read_bytes() for entry in folder.iterdir()}


@pytest.mark.parametrize(("moment", "expected"), [("before", 1), ("half", 2), ("after", 2)])
def test_a_reader_sees_a_whole_commit_and_writes_nothing(crashed, moment, expected):
    folder = crashed[moment]
    before = content(folder)
    assert value(folder) == expected
    assert content(folder) == before


@pytest.mark.parametrize("moment", ["before", "half", "after"])
def test_a_writer_completes_the_commit(crashed, moment):
    folder = crashed[moment]
    with ps.open_storage(folder / "f.h5") as storage:
        storage["more"] = 1
    assert value(folder) == 2
    assert os.listdir(folder) == ["f.h5"]


@pytest.mark.parametrize("moment", ["before", "half", "after"])
def test_a_reader_notices_what_comes_after_the_crash(crashed, moment):
    folder = crashed[moment]
    reader = JournaledFile(folder / "f.h5", writable=False, timeout=1)
    assert reader.is_current()
    reader.unshare()
    with ps.open_storage(folder / "f.h5") as storage:
        for _ in range(2):
            storage["array"] = np.full(1000, 9.0)
    assert not reader.is_current()
    reader.close()


@pytest.mark.parametrize("moment", ["before", "half", "after"])
def test_a_stale_journal_is_not_replayed_onto_a_restored_copy(tmp_path, crashed, moment):
    old_and_new(tmp_path / "other")
    with ps.open_storage(tmp_path / "other/f.h5") as storage:
        storage["a"], storage["array"] = 7, np.full(1000, 7.0)
    folder = crashed[moment]
    shutil.copy(tmp_path / "other/f.h5", folder / "f.h5")
    assert value(folder) == 7
    with ps.open_storage(folder / "f.h5") as storage:
        storage["more"] = 1
    assert value(folder) == 7
    assert os.listdir(folder) == ["f.h5"]


def test_a_journal_is_not_replayed_onto_an_earlier_state_of_the_same_file(tmp_path, monkeypatch):
    change = old_and_new(tmp_path / "f")
    with ps.open_storage(tmp_path / "f/f.h5") as storage:
        earlier = (tmp_path / "f/f.h5").read_bytes()
        storage["array"] = np.zeros(1000)  # the same bytes, another commit
    (tmp_path / "copies").mkdir()
    for copy in snapshots(monkeypatch, tmp_path / "f", tmp_path / "copies", change):
        if CompleteJournal.open(str(copy / "f.h5-journal")) is not None:
            (copy / "f.h5").write_bytes(earlier)
            with ps.open_storage(copy / "f.h5") as storage:
                storage["more"] = 1
            assert value(copy) == 1


def damaged(journal, stress):
    """The journal cut at every length, and with each of its bytes flipped."""
    whole = journal.read_bytes()
    step = 1 if stress else 999
    yield from (whole[:length] for length in range(0, len(whole), step))
    for place in {*range(0, len(whole), step), *range(0, 100, 3), *range(len(whole) - 100, len(whole), 5)}:
        yield whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :]


@pytest.mark.parametrize("stress", [False, pytest.param(True, marks=pytest.mark.stress)])
@pytest.mark.parametrize("moment", ["before", "half", "after"])
def test_a_damaged_journal_does_no_damage(crashed, moment, stress):
    folder = crashed[moment]
    journal, file = folder / "f.h5-journal", folder / "f.h5"
    original = file.read_bytes()
    outcomes = set()
    for text in damaged(journal, stress):
        journal.write_bytes(text)
        file.write_bytes(original)
        try:
            with ps.open_storage(file) as storage:
                storage["more"] = 1
            outcomes.add(value(folder))
        except ps.InterruptedCommitError:
            outcomes.add("refused")
            assert file.read_bytes() == original
    assert outcomes == {"before": {1, 2}, "half": {2, "refused"}, "after": {2}}[moment]


def test_a_file_in_the_middle_of_a_commit_is_refused_without_its_journal(crashed):
    folder = crashed["half"]
    os.rename(folder / "f.h5-journal", folder / "hidden")
    with pytest.raises(ps.InterruptedCommitError, match=r"f\.h5-journal"):
        value(folder)
    os.rename(folder / "hidden", folder / "f.h5-journal")
    assert value(folder) == 2


def test_what_a_dead_writer_left_behind_the_end_is_cut_off(tmp_path):
    old_and_new(tmp_path / "f")
    file = tmp_path / "f/f.h5"
    size = file.stat().st_size
    with file.open("ab") as end:
        end.write(b"\x89HDF\r\n\x1a\n" * 10_000)
    assert value(tmp_path / "f") == 1
    with ps.open_storage(file) as storage:
        storage["a"] = 1
    assert file.stat().st_size <= size + 512
    assert value(tmp_path / "f") == 1


def test_a_rollback_leaves_the_bytes_as_they_were(tmp_path):
    old_and_new(tmp_path / "f")
    file = tmp_path / "f/f.h5"
    with ps.open_storage(file) as storage:
        before = file.read_bytes()
        with pytest.raises(ZeroDivisionError), storage.transaction():  # noqa: PT012
            storage["array"] = np.ones(1000)
            storage["tail"] = np.ones(100_000)
            1 / 0  # noqa: B018
        assert file.read_bytes() == before


REWRITE = """
import resource, sys, numpy as np, pyiron_storage as ps
count = int(sys.argv[1])
array = np.zeros(count)
with ps.open_storage("f.h5") as storage:
    storage["array"] = array
    array[:] = 1
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    storage["array"] = array
    try:
        with storage.transaction():
            array[:] = 2
            storage["array"] = array
            1 / 0
    except ZeroDivisionError:
        pass
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
    array[:] = 0
    del array
    found = storage["array"]
    assert found[0] == found[count // 2] == found[-1] == 1
"""


@pytest.mark.parametrize("megabytes", [256, pytest.param(1024, marks=pytest.mark.stress)])
def test_rewriting_a_large_array_in_place_takes_little_memory(megabytes):
    code = [sys.executable, "-c", REWRITE, str(megabytes * 131_072)]
    assert int(subprocess.check_output(code)) < 200
    assert os.listdir() == ["f.h5"]


def test_many_small_changes_spill_too(monkeypatch):
    monkeypatch.setattr("pyiron_storage.journal.pages_aside.SPILL_BYTES", 1 << 16)
    with ps.open_storage("f.h5") as storage:
        for i in range(200):
            storage[f"n{i}"] = np.full(1000, i)
        with storage.transaction():
            for i in range(200):
                storage[f"n{i}"] = np.full(1000, -i)
            assert Path("f.h5-journal").stat().st_size > 1_000_000
            assert [storage[f"n{i}"][0] for i in range(200)] == [-i for i in range(200)]
            for i in range(0, 200, 3):
                storage[f"n{i}"] = np.full(1000, i)
        with pytest.raises(ZeroDivisionError), storage.transaction():  # noqa: PT012
            for i in range(200):
                storage[f"n{i}"] = np.full(1000, 1000)
            1 / 0  # noqa: B018
    with ps.open_storage("f.h5", "r") as storage:
        assert all((storage[f"n{i}"] == (i if i % 3 == 0 else -i)).all() for i in range(200))


def test_freed_space_is_not_given_out_twice_after_a_kill(tmp_path):
    code = """
import os, numpy as np, pyiron_storage as ps
storage = ps.open_storage("f.h5")
storage["second"] = np.full(90_000, 2.0)
os.kill(os.getpid(), 9)
"""
    with ps.open_storage("f.h5") as storage:
        storage["first"] = np.full(100_000, 1.0)
        storage["last"] = np.full(1000, 9.0)
        del storage["first"]
    subprocess.run([sys.executable, "-c", code], check=False)
    with ps.open_storage("f.h5") as storage:
        storage["third"] = np.full(90_000, 3.0)
        for name, number in {"second": 2, "third": 3, "last": 9}.items():
            assert (storage[name] == number).all()


def test_the_rights_of_a_file_stay_when_it_is_replaced():
    ps.save(np.zeros(100_000), "f.h5")
    os.chmod("f.h5", 0o640)
    number = os.stat("f.h5").st_ino
    ps.save(np.ones(100_000), "f.h5")
    assert os.stat("f.h5").st_ino != number
    assert os.stat("f.h5").st_mode & 0o777 == 0o640
    os.link("f.h5", "other.h5")
    ps.save(np.full(100_000, 2), "f.h5")
    assert ps.load("other.h5")[0] == 2
    os.symlink("f.h5", "link.h5")
    os.unlink("other.h5")
    ps.save(np.full(100_000, 3), "link.h5")
    assert os.path.islink("link.h5")
    assert ps.load("f.h5")[0] == 3
