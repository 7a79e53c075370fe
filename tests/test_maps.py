"""Memory maps keep their values, whichever process changes the file."""

import os
import subprocess
import sys

import numpy as np
import pytest
from killing import reap, run

import pyiron_storage as ps

FILES = ["f.h5", "f.jsondir"]
SIZE = 50_000
READER = """
import sys, gc, numpy as np, pyiron_storage as ps
for line in sys.stdin:
    try:
        print(repr(eval(line)), flush=True)
    except SyntaxError:
        exec(line)
        gc.collect()
        print(flush=True)
"""


class Reader:
    """Another process that does what it is told, line by line."""

    def __init__(self):
        command = [sys.executable, "-c", READER]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()


@pytest.fixture
def reader():
    reader = Reader()
    yield reader
    reader.process.kill()
    reader.process.communicate()


def inode(file):
    return os.stat(file).st_ino


CHANGES = {
    "entries of a node": lambda storage: storage.array("x").__setitem__(..., -1.0),
    "entries in an object": lambda storage: storage.array("object/alone").__setitem__(slice(None, None, 2), -1.0),
    "one entry": lambda storage: storage.array("x").__setitem__(7, -1.5),
    "an array in an object": lambda storage: storage.__setitem__("object/arrays/0", np.full(SIZE, -1.0)),
    "a node": lambda storage: storage.__setitem__("x", np.full(SIZE, -2.0)),
    "a longer array": lambda storage: storage.array("x").append(np.full(SIZE, -2.0)),
    "free space": lambda storage: storage.__setitem__("other", [np.full(30_000, -3.0 * i) for i in range(9)]),
    "a deleted object": lambda storage: storage.__delitem__("object"),
    "a new object": lambda storage: storage.__setitem__("object", {"arrays": {}, "alone": np.full(3 * SIZE, -4.0)}),
    "all deleted": lambda storage: [storage.__delitem__(name) for name in list(storage)],
    "all anew": lambda storage: storage.__setitem__("object", np.full(12 * SIZE, -5.0)),
}


@pytest.mark.parametrize("durability", ["process", "power"])
@pytest.mark.parametrize("file", FILES)
def test_a_map_keeps_its_values_while_another_process_changes_the_file(file, durability, reader):
    arrays = {str(i): np.full(SIZE, float(i)) for i in range(6)}
    ps.save({"arrays": arrays, "alone": np.arange(1.0 * SIZE)}, file)
    with ps.open_storage(file) as storage:
        storage["x"] = np.arange(1.0 * SIZE)
    reader(f"held = ps.load({file!r}, 'arrays', mmap=True)")
    reader(f"x = ps.load({file!r}, 'x', mmap=True); alone = ps.load({file!r}, 'alone', mmap=True)[-1000:]")
    assert reader("all(isinstance(a, np.memmap) for a in (*held.values(), x))") == "True"
    for what, change in CHANGES.items():
        with ps.open_storage(file, durability=durability) as storage:
            change(storage)
        assert reader("[set(held[str(i)].tolist()) == {i} for i in range(6)]") == str([True] * 6), what
        assert reader(f"x.tolist() == list(range({SIZE}))") == "True", what
        assert reader(f"alone.tolist() == list(range({SIZE} - 1000, {SIZE}))") == "True", what
    assert ps.load(file)[0] == -5
    ps.save(1, file)
    ps.delete(file)
    assert reader("held['5'][-1].tolist() == 5.0") == "True"


def test_only_what_would_change_a_map_costs_a_new_file(reader):
    with ps.open_storage("f.h5") as storage:
        storage["mapped"], storage["other"], storage["list"] = np.zeros(SIZE), np.zeros(SIZE), [1]
        reader("held = ps.load('f.h5', 'mapped', mmap=True)")
        found = inode("f.h5")
        storage["other"] = np.ones(SIZE)
        storage["list"].append(2)
        storage["new"] = np.ones(SIZE)
        storage["mapped"] = np.zeros(SIZE)  # the same values
        assert inode("f.h5") == found
        storage.array("mapped")[17] = 1
        assert inode("f.h5") != found
        found = inode("f.h5")
        storage.array("mapped")[17] = 2
        assert inode("f.h5") == found
        assert reader("held.sum()") == repr(np.float64(0))
        reader("held = ps.load('f.h5', 'mapped', mmap=True)")
        reader("del held")
        storage.array("mapped")[17] = 3
        assert inode("f.h5") == found
    assert ps.load("f.h5", "mapped").sum() == 3
    assert os.listdir() == ["f.h5"]


def test_closing_a_file_that_others_map_does_not_copy_it(reader):
    storage = ps.open_storage("f.h5")
    storage["first"], storage["last"] = np.zeros(SIZE), np.ones(SIZE)
    reader("held = ps.load('f.h5', 'last', mmap=True)")
    found = inode("f.h5")
    storage.close()
    assert inode("f.h5") == found
    assert reader("held.sum()") == repr(np.float64(SIZE))


def test_a_commit_that_another_process_completes_leaves_maps_alone(reader):
    with ps.open_storage("f.h5") as storage:
        storage["x"], storage["y"] = np.zeros(SIZE), np.zeros(SIZE)
    dies = """
import os, numpy as np, pyiron_storage as ps, pyiron_storage.journal.committing as committing
committing.copy_pages = lambda *_, **__: os._exit(0)  # dies when the journal is complete
storage = ps.open_storage("f.h5")
storage["x"] = np.ones(50_000)
"""
    subprocess.run([sys.executable, "-c", dies], check=True)
    assert os.path.exists("f.h5-journal")
    reader("held = ps.load('f.h5', 'x', mmap=True)")
    assert reader("held.sum()") == repr(np.float64(0))
    with ps.open_storage("f.h5") as storage:
        storage["y"] = np.ones(SIZE)
        assert storage["x"].sum() == storage["y"].sum() == SIZE
    assert reader("held.sum()") == repr(np.float64(0))
    assert os.listdir() == ["f.h5"]


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_map_keeps_its_values_in_a_forked_child():
    with ps.open_storage("f.h5") as storage:
        storage["x"] = np.zeros(SIZE)
        held = storage.load("x", mmap=True)
        go, tell = os.pipe()

        def look():
            os.read(go, 1)
            assert held.sum() == 0

        child = run(look)
        storage["x"] = np.ones(SIZE)
        os.write(tell, b"x")
        reap(child)
        assert held.sum() == 0
        assert storage["x"].sum() == SIZE


def test_without_locks_a_map_is_safe_from_its_own_process():
    with ps.open_storage("f.h5", locking=False) as storage:
        storage["x"] = np.zeros(SIZE)
        held = storage.load("x", mmap=True)
        storage["x"] = np.ones(SIZE)
        del storage["x"]
        storage["y"] = np.ones(SIZE)
        assert isinstance(held, np.memmap)
        assert held.sum() == 0


@pytest.mark.parametrize("file", FILES)
def test_a_handle_on_an_array_shows_what_another_process_writes(file, reader):
    with ps.open_storage(file) as storage:
        storage["x"], storage["object"] = np.zeros(SIZE), {"big": np.zeros(SIZE), "small": np.zeros(5)}
        handles = [storage.array(path) for path in ("x", "object/big", "object/small")]
        for number in range(1, 4):
            reader(f"storage = ps.open_storage({file!r})")
            for path in ("x", "object/big", "object/small"):
                reader(f"storage.array({path!r})[3] = {number}")
            reader("storage.array('x').append(7)")
            assert [handle[3] for handle in handles] == [number] * 3
            assert handles[0].shape == (SIZE + number,)
            handles[0][4] = number
            assert reader("storage['x'][4]") == repr(np.float64(number))
            reader("storage.close()")
