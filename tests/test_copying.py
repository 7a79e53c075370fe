"""What is copied is the same, on every pair of back-ends, and no class is needed for it."""

import subprocess
import sys
import tracemalloc

import h5py
import numpy as np
import pytest

import pyiron_storage as ps

FILES = ["a.h5", "a.jsondir", "a.json"]


class Node:
    def __init__(self, **attributes):
        self.__dict__.update(attributes)


def fill(storage):
    shared = [1, 2]
    node = Node(name="relax", outputs={"forces": np.random.default_rng(1).normal(size=(4000, 3)), "f": lambda x: x + 1})
    node.self = node
    storage["nodes/relax"] = {"node": node, "a": shared, "b": shared, 1: "one", "rows": [{"x": i} for i in range(5000)]}
    storage["nodes/energy"] = -3.72
    storage["text"] = "grüße\n"
    storage["nothing"] = None
    storage["big"] = np.arange(60_000.0).reshape(-1, 6)
    storage["fortran"] = np.asfortranarray(np.arange(12.0).reshape(3, 4))
    storage["words"] = np.array(["a", "bc"])
    storage["a~1b"] = b"bytes"
    storage.create_group("empty")


def check(storage):
    relax = storage.load("nodes/relax")
    assert relax["a"] is relax["b"]
    assert relax["node"].self is relax["node"]
    assert relax["node"].outputs["f"](1) == 2
    assert relax[1] == "one"
    assert relax["rows"][4999] == {"x": 4999}
    np.testing.assert_array_equal(relax["node"].outputs["forces"], np.random.default_rng(1).normal(size=(4000, 3)))
    assert storage["nodes/energy"] == -3.72
    assert storage["text"] == "grüße\n"
    assert storage["nothing"] is None
    np.testing.assert_array_equal(storage["big"], np.arange(60_000.0).reshape(-1, 6))
    assert storage.load("fortran").flags.f_contiguous
    assert storage.load("words").tolist() == ["a", "bc"]
    assert storage["a~1b"] == b"bytes"
    assert storage.list_groups().count("empty") == 1
    assert len(storage["empty"]) == 0


@pytest.mark.parametrize("source", FILES)
@pytest.mark.parametrize("target", ["b.h5", "b.jsondir", "b.json"])
def test_a_file_is_copied_to_every_back_end(source, target):
    with ps.open_storage(source) as storage:
        fill(storage)
    told = []
    ps.copy(source, target, progress=lambda done, total: told.append((done, total)))
    with ps.open_storage(target, "r") as storage:
        check(storage)
    assert ps.diff(source, target) == []
    assert told[-1][0] == told[-1][1] > 0
    assert told == sorted(told)


def test_storages_that_are_open_and_in_memory_are_copied():
    memory, other = ps.MemoryStorage(), ps.MemoryStorage()
    fill(memory)
    ps.copy(memory, "m.h5")
    ps.copy("m.h5", other)
    check(other)
    with memory.transaction():
        memory["nodes/relax"]["a"].append(3)  # is not written yet
        ps.copy(memory, "n.h5", "nodes")
    assert ps.load("n.h5", "nodes/relax/a") == [1, 2, 3]


def test_the_document_of_a_record_is_copied_as_it_stands():
    with ps.open_storage("a.h5") as storage:
        fill(storage)
    ps.copy("a.h5", "b.h5")
    ps.copy("b.h5", "c.jsondir")
    ps.copy("c.jsondir", "d.h5")
    with h5py.File("a.h5") as first, h5py.File("d.h5") as last:
        names, found = [], []
        first.visit(names.append)
        last.visit(found.append)
        assert sorted(names) == sorted(found)
        for name in names:
            if isinstance(first[name], h5py.Dataset):
                assert first[name].dtype == last[name].dtype
                assert first[name][()].tobytes() == last[name][()].tobytes()


def test_one_path_is_copied_to_another():
    with ps.open_storage("a.h5") as storage:
        fill(storage)
    ps.copy("a.h5", "b.h5", "nodes/relax")
    ps.copy("a.h5", "b.h5", "nodes/energy", "energies/relax")
    ps.copy("a.h5", "b.h5", "nodes/relax/rows/3/x", "x")
    ps.copy("a.h5", "b.h5", "nodes/relax/node/outputs", "outputs")
    ps.copy("a.h5", "a.h5", "nodes", "again/nodes")
    ps.copy("a.h5", "c.h5", target_path="inside/it")
    with ps.open_storage("b.h5", "r") as storage:
        assert sorted(storage) == ["energies", "nodes", "outputs", "x"]
        assert storage["energies/relax"] == -3.72
        assert storage["x"] == 3
        assert storage["outputs/forces"].shape == (4000, 3)
    assert ps.diff("a.h5", "a.h5", "nodes", "again/nodes") == []
    with ps.open_storage("c.h5", "r") as storage:
        check(storage["inside/it"])
    ps.save({"x": [1, 2]}, "o.h5")
    ps.copy("o.h5", "b.h5", "x", "part")
    assert ps.load("b.h5", "part") == [1, 2]


def test_what_is_there_is_replaced_only_when_asked_for():
    ps.save({"x": 1}, "a.h5")
    ps.save({"x": 2}, "b.h5")
    with ps.open_storage("b.h5") as storage:
        storage["other"] = 3
    with pytest.raises(ps.StorageExistsError, match=r"b\.h5: there is something at 'object' already"):
        ps.copy("a.h5", "b.h5")
    with pytest.raises(ps.StorageExistsError):
        ps.copy("a.h5", "b.h5", "object/x", "object")
    assert ps.load("b.h5") == {"x": 2}
    ps.copy("a.h5", "b.h5", replace=True)
    assert ps.load("b.h5") == {"x": 1}
    assert ps.load("b.h5", "other") == 3
    ps.copy("a.h5", "b.h5", "object/x", "object/x", replace=True)


def test_a_copy_is_whole_or_not_at_all(monkeypatch):
    with ps.open_storage("a.h5") as storage:
        storage["a"], storage["b"] = 1, np.zeros(10)
    ps.save({"x": 2}, "b.h5")

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ps.copy("a.h5", "b.h5", progress=stop)
    with ps.open_storage("b.h5", "r") as storage:
        assert list(storage) == ["object"]


def test_nothing_is_copied_into_itself():
    ps.save({"x": {"y": 1}}, "a.h5")
    for paths in (("", None), ("object", "object"), ("object", "object/x/z"), ("object/x", "object"), ("", "copy")):
        with pytest.raises((ps.UnsupportedOperationError, ps.StorageExistsError)):
            ps.copy("a.h5", "a.h5", *paths)
    assert ps.load("a.h5") == {"x": {"y": 1}}


def test_what_is_missing_is_said_and_makes_no_file(tmp_path):
    ps.save({"x": 1}, "a.h5")
    with pytest.raises(ps.PathNotFoundError, match="nowhere"):
        ps.copy("a.h5", "b.h5", "nowhere")
    with pytest.raises(ps.StorageNotFoundError):
        ps.copy("nowhere.h5", "b.h5")
    assert not (tmp_path / "b.h5").exists()
    ps.save({"x": 1}, "a.pkl")
    for files in (("a.pkl", "b.h5"), ("a.h5", "b.pkl")):
        with pytest.raises(ps.UnsupportedOperationError, match="pickle"):
            ps.copy(*files)


def test_files_of_h5io_are_copied():
    import h5io

    h5io.write_hdf5("h.h5", {"x": [1, 2, 3], "y": np.arange(5)}, title="old", overwrite=True)
    ps.copy("h.h5", "n.json")
    found = ps.load("n.json", "old")
    assert found["x"] == [1, 2, 3]
    assert found["y"].tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("compression", [None, "gzip"])
@pytest.mark.parametrize("target", ["b.h5", "b.jsondir"])
def test_a_big_array_is_copied_in_pieces(target, compression):
    with ps.open_storage("a.h5", compression=compression) as storage:
        storage["native"] = np.tile(np.arange(1000.0), (12_000, 1))  # 96 MB
    told = []
    tracemalloc.start()
    ps.copy("a.h5", target, progress=lambda done, total: told.append(done), durability="process")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64e6
    assert told[-1] == 96_000_000
    assert len(told) > 3 or target == "b.jsondir"
    assert ps.diff("a.h5", target) == []
    assert ps.load(target, "native", verify=True).shape == (12_000, 1000)  # its checksums were copied with it
    ps.copy(target, "c.h5", compression="gzip")
    assert ps.load("c.h5", "native", verify=True).shape == (12_000, 1000)
    with h5py.File("c.h5") as file:
        assert (file["native"].attrs["CHECK"][2:] != 0).all()  # none is left open
    assert ps.diff(target, "c.h5") == []


MISSING = """
import sys
sys.modules["ase"] = None
import pyiron_storage as ps
ps.copy("atoms.h5", "atoms.jsondir")
ps.copy("atoms.h5", "positions.h5", "initial/arrays/positions", "positions")
print(ps.diff("atoms.h5", "atoms.jsondir"))
for change in ps.diff("atoms.h5", "atoms.h5", "initial", "final"):
    print(change)
"""


def test_no_class_is_needed_to_copy_and_to_compare():
    from ase.build import bulk

    first = bulk("Al", cubic=True)
    last = first.copy()
    last.positions[1, 2] += 0.5
    last.info["converged"] = True
    ps.save({"initial": first, "final": last}, "atoms.h5")
    text = subprocess.run([sys.executable, "-c", MISSING], capture_output=True, text=True, check=True).stdout
    assert text.splitlines() == [
        "[]",
        "~ arrays/positions  float64 (4, 3), 96 B: 1 of 12 entries differ, by at most 0.5",
        "+ info/converged  bool  True",
    ]
    assert ps.load("atoms.jsondir")["final"] == last
    assert ps.load("positions.h5", "positions").tolist() == first.positions.tolist()
