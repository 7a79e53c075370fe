"""What cannot be imported is kept by value, beside its data; the running program's own classes win."""

import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import pyiron_storage as ps

MAIN = """
import math
import numpy
import pyiron_storage as ps

factor = 3

class Node:
    scale = 2
    def __init__(self, inputs):
        self.inputs = inputs
    def total(self):
        return self.scale * sum(self.inputs["x"]) + math.floor(factor)

def double(x):
    return 2 * x

def make(n):
    def closure(x):
        return x + n
    return closure

{action}
"""


def run(action, **changes):
    code = MAIN.format(action=textwrap.dedent(action))
    for old, new in changes.values():
        code = code.replace(old, new)
    Path("program.py").write_text(code)
    done = subprocess.run([sys.executable, "program.py"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done


SAVE = """
nodes = [Node({"x": [1, i]}) for i in range(20)]
ps.save({"nodes": nodes, "double": double, "again": double, "closure": make(5), "l": lambda x: -x, "type": Node}, FILE)
"""


@pytest.fixture(params=["f.h5", "f.jsondir", "f.json"])
def saved(request):
    run(SAVE.replace("FILE", repr(request.param)))
    return request.param


def test_data_stays_browsable_beside_its_code(saved):
    assert ps.load(saved, "nodes/3/inputs/x") == [1, 3]
    with ps.open_storage(saved) as storage:
        storage["object/nodes/3/inputs/x"].append(100)
        assert storage["object/nodes/3"].info().type == "__main__.Node"
    loaded = ps.load(saved)
    assert loaded["nodes"][3].total() == 2 * 104 + 3
    assert loaded["double"](4) == 8
    assert loaded["double"] is loaded["again"]
    assert loaded["closure"](1) == 6
    assert loaded["l"](1) == -1
    assert {type(node) for node in loaded["nodes"]} == {loaded["type"]}


def test_each_class_or_function_is_kept_once(saved):
    parts = ps.inspect(saved)
    assert {part.name for part in parts} == {
        "__main__.Node", "__main__.double", "__main__.make.<locals>.closure", "__main__.<lambda>"
    }  # fmt: skip
    node = next(part for part in parts if part.name == "__main__.Node")
    assert node.size > 100
    assert "math" in node.modules
    with ps.open_storage(saved, "r") as storage:
        record = storage["object"]._place().record
        assert [entry["name"] for entry in record.header["types"]].count("__main__:Node") == 1
        assert sum("code" in entry for entry in record.header["types"]) == 4
        assert len({entry["code"]["$"] for entry in record.header["types"] if "code" in entry}) == 1  # one pickle


def test_the_running_program_wins(saved):
    load = f"""
    loaded = ps.load({saved!r})
    assert type(loaded["nodes"][0]) is Node and loaded["double"] is double
    print(loaded["nodes"][1].total())
    """
    same = run(load)
    assert same.stdout == "7\n"
    assert "source" not in same.stderr
    changed = run(load, scale=("scale = 2", "scale = 10  # changed"))
    assert changed.stdout == "23\n"
    assert "SourceChangedWarning" in changed.stderr
    assert "__main__.Node has another source" in changed.stderr
    assert "source" not in run(load, comment=("scale = 2", "scale  =  2  # two")).stderr


def test_looking_runs_no_code():
    run("""
    class Evil:
        def __reduce__(self):
            return print, ("code was run",)
    ps.save({"f": lambda x, evil=Evil(): x}, "evil.h5")
    """)
    code = """
import sys, pyiron_storage as ps
assert ps.inspect("evil.h5")[0].path == "object/f"
with ps.open_storage("evil.h5", "r") as storage:
    list(storage.walk())
    repr(storage["object/f"])
assert "cloudpickle" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "code was run" not in done.stdout


def test_local_classes_and_their_instances():
    class Local:
        def __init__(self, x):
            self.x = x

        def twice(self):
            return 2 * self.x

    ps.save([Local(np.arange(3)), Local([1])], "local.h5")
    loaded = ps.load("local.h5")
    assert loaded[0].twice().tolist() == [0, 2, 4]
    assert ps.load("local.h5", "1/x") == [1]


def test_damaged_code_is_an_error_of_ours(tmp_path):
    ps.save({"f": lambda: 1, "x": 5}, "f.jsondir")
    buffers = next((tmp_path / "f.jsondir" / "object").glob("buffers*"))
    data = bytearray(buffers.read_bytes())
    data[130:180] = bytes(50)
    buffers.write_bytes(data)
    assert ps.load("f.jsondir", "x") == 5
    with pytest.raises(ps.StorageError):
        ps.load("f.jsondir")


FILES = ["f.h5", "f.jsondir", "f.json"]


def loaded(obj, file):
    ps.save(obj, file)
    return ps.load(file)


@pytest.mark.parametrize("file", FILES)
def test_code_and_the_data_beside_it_hold_one_thing(file):
    shared = [1]

    def first():
        return shared

    def second(more=shared, *, other=shared):
        return shared, more, other

    data, function, one, two = loaded([shared, lambda: shared, first, second], file)
    assert data == [1]
    data.append(2)
    assert function() is data
    assert one() is data
    assert all(found is data for found in two())
    first.seen = [3]
    box, function = loaded([first.seen, first], file)
    assert function.seen is box


@pytest.mark.parametrize("file", FILES)
def test_code_and_data_that_hold_each_other(file):
    box = {"name": "box"}
    box["function"] = lambda: box
    assert (found := loaded(box, file))["function"]() is found

    class Node:
        all = []

        def __init__(self):
            Node.all.append(self)

    node = Node()
    node.copy = lambda: node
    found = loaded(node, file)
    assert type(found).all[-1] is found
    assert found.copy() is found
    pair = ([],)
    pair[0].append(lambda: pair)
    again = loaded(pair, file)
    assert again[0][0]() is again
    function = box["function"]
    assert (again := loaded(function, file))()["function"] is again


@pytest.mark.parametrize("file", FILES)
def test_what_code_holds_can_be_browsed(file):
    cell = np.eye(3)
    ps.save({"f": lambda: cell, "other": lambda: 1}, file)
    with ps.open_storage(file, "r") as storage:
        assert storage["object/f/cell"].tolist() == np.eye(3).tolist()
        assert "object/f/cell" in [path for path, _ in storage.walk()]
    assert "cell" in str(ps.browse(file))


def test_old_and_new_code_in_one_process_do_not_share():
    class Counter:
        counts = [0]

    ps.save(Counter, "f.h5")
    found = ps.load("f.h5")
    assert found.counts == [0]


def test_what_cannot_be_read_again_is_refused_with_its_path():
    class Broken:
        def __reduce__(self):
            return int, ("no number",)

    class Picky:
        def __init_subclass__(cls, *, needed, **kwargs):
            super().__init_subclass__(**kwargs)

    class Given(Picky, needed=1):
        pass

    with pytest.raises(ps.NotStorableError, match=r"object/a/0.*cannot be read again"):
        ps.save({"a": [Given]}, "f.h5")
    assert not Path("f.h5").exists()


def test_a_class_of_the_program_that_holds_what_cannot_be_stored_is_kept_by_its_name():
    done = run("""
    import threading, warnings
    lock = threading.Lock()
    log = open("log.txt", "w")
    class Worker:
        def __init__(self, n):
            self.n = n
        def work(self):
            with lock:
                log.write("worked")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        ps.save([Worker(i) for i in range(3)], "workers.h5")
    (warning,) = told
    assert issubclass(warning.category, ps.StorageWarning) and "__main__.Worker" in str(warning.message)
    assert warning.filename.endswith("program.py"), warning.filename
    assert [type(found) for found in ps.load("workers.h5")] == [Worker] * 3
    print("kept")
    """)
    assert done.stdout == "kept\n"
    assert ps.load("workers.h5", "1/n") == 1
    with pytest.raises(ps.CannotImportError, match="__main__"):
        ps.load("workers.h5")
    raw = ps.load("workers.h5", on_missing="raw")
    assert [found["n"] for found in raw] == [0, 1, 2]


def test_code_of_raw_objects_is_kept_with_what_it_holds(monkeypatch):
    shared = [1]

    def function():
        return shared

    ps.save([shared, function], "f.h5")
    with monkeypatch.context() as patch:
        patch.setattr("pyiron_storage.records.code.byte_code_version", lambda: "CPython 3.99")
        raw = ps.load("f.h5", on_missing="raw")
        ps.save(raw, "again.h5")
    data, again = ps.load("again.h5", trust="all")
    assert again() is data


def test_copies_keep_what_code_holds():
    shared = [1]
    ps.save({"x": shared, "f": lambda: shared}, "f.h5")
    ps.copy("f.h5", "f.jsondir")
    with ps.open_storage("g.json") as storage, ps.open_storage("f.jsondir", "r") as source:
        storage["part"] = source["object"]
        storage["part/x"].append(2)
        storage["part/later"] = lambda: shared
    with ps.open_storage("g.json", trust="all") as storage:
        found = storage.load("part")
    assert found["f"]() is found["x"]
    assert found["x"] == [1, 2]
    assert found["later"]() == [1]
