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
