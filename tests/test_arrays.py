"""Arrays in HDF5 files and JSON directories: read and changed in part, mapped, and what they cost."""

import os
import stat
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import h5py
import numpy as np
import pytest

import pyiron_storage as ps

FILES = ["f.h5", "f.jsondir"]


def size_of(name):
    path = Path(name)
    return sum(p.stat().st_size for p in path.rglob("*") if p.is_file()) if path.is_dir() else path.stat().st_size


# -- in part ----------------------------------------------------------------------------


@pytest.mark.parametrize("file", FILES)
def test_a_slice_is_read_without_the_rest(file):
    array = np.arange(5_000_000.0).reshape(1000, 5000)
    ps.save({"native": array, "small": [np.full(1000, i) for i in range(3000)], "mixed": (1, "x")}, file)
    with ps.open_storage(file) as storage:
        storage["alone"] = array
        storage["object/mixed"]  # the document is parsed
        for path in ("object/native", "alone", "object/small/2000"):
            handle = storage.array(path)
            tracemalloc.start()
            found = handle[7:9]
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert peak < 3_000_000
            assert found.tolist() == ([2000, 2000] if "small" in path else array[7:9].tolist())
        assert storage.array("alone")[::100, 17].tolist() == array[::100, 17].tolist()


@pytest.mark.parametrize("file", FILES)
def test_writing_a_slice_does_not_write_the_document(file):
    ps.save(
        {"big": np.zeros(1_000_000), "small": np.zeros(100), "text": ["x" * 50 + str(i) for i in range(5000)]}, file
    )
    with ps.open_storage(file) as storage, storage.transaction():
        big, small = storage.array("object/big"), storage.array("object/small")
        tracemalloc.start()
        for i in range(50):
            big[i * 1000] = small[i] = i
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 2_000_000
    assert ps.load(file, "big")[::1000][:50].tolist() == ps.load(file, "small")[:50].tolist() == list(range(50))


def test_appending_to_hdf5_grows_in_place():
    with ps.open_storage("f.h5") as storage:
        storage["run"] = {"trajectory": np.zeros((1, 10, 3)), "name": "relax"}
        storage["native"] = np.zeros(3, "i4")
        trajectory, native = storage.array("run/trajectory"), storage.array("native")
        for step in range(1, 400):
            trajectory.append(np.full((10, 3), step))
            native.append(step)
        assert native.chunks == (4096,)
        assert trajectory.chunks[1:] == (10, 3)
    size = size_of("f.h5")
    assert size < 3 * 400 * 240 + 200_000
    with h5py.File("f.h5") as file:
        assert file["native"].shape == (402,)
        assert file["native"].attrs["TITLE"] == b"ndarray"
        assert file["run/arrays/trajectory-1"][:, 0, 0].tolist() == list(range(400))
    with ps.open_storage("f.h5") as storage:
        storage.array("run/trajectory").resize(10)
        assert storage.load("run")["trajectory"].shape == (10, 10, 3)


def test_a_million_appended_rows_cost_little_each():
    with ps.open_storage("f.h5") as storage, storage.transaction():
        storage["x"] = np.zeros((0, 3))
        handle = storage.array("x")
        start = time.process_time()
        for _ in range(1000):
            handle.append(np.ones((1000, 3)))
        assert time.process_time() - start < 20  # 1 s on a quiet machine
        assert handle.chunks[0] * 24 > 100_000  # no longer the small chunks with which it began
    assert size_of("f.h5") < 24_000_000 * 1.5
    assert ps.load("f.h5", "x").sum() == 3_000_000


def test_an_array_of_h5py_is_changed_in_place():
    with h5py.File("f.h5", "w") as file:
        file.create_dataset("chunked", data=np.arange(10), chunks=(4,), maxshape=(20,), compression="gzip")
        file["fixed"] = np.arange(3.0)
        file.create_dataset("text", data=["a", "b"])
    with ps.open_storage("f.h5") as storage:
        chunked = storage.array("chunked")
        assert chunked.chunks == (4,)
        chunked[3:5] = -1
        chunked.append([7])
        assert chunked.chunks == (4,)
        chunked.append(np.arange(20))  # more than its maximum
        storage.array("fixed").append([9])
        with pytest.raises(ps.NotAnArrayError):
            storage.array("text")
    with h5py.File("f.h5") as file:
        assert file["chunked"][:12].tolist() == [0, 1, 2, -1, -1, 5, 6, 7, 8, 9, 7, 0]
        assert file["chunked"].compression == "gzip"
        assert file["fixed"][:].tolist() == [0, 1, 2, 9]


def test_appending_to_a_directory_adds_to_the_file():
    with ps.open_storage("f.jsondir") as storage:
        storage["x"] = np.zeros((1, 1000))
        handle = storage.array("x")
        for step in range(1, 100):
            handle.append(np.full((1, 1000), step))
        inode = os.stat("f.jsondir/x-1.npy").st_ino
        reader = ps.open_storage("f.jsondir", "r")
        assert reader.array("x").shape == (100, 1000)
        reader.close()
    assert size_of("f.jsondir") < 801_000
    assert np.load("f.jsondir/x-1.npy")[:, 0].tolist() == list(range(100))
    with pytest.raises(ZeroDivisionError), ps.open_storage("f.jsondir") as storage, storage.transaction():  # noqa: PT012
        storage.array("x").append(np.zeros((5, 1000)))
        storage.array("x").append(np.zeros((5, 1000)))
        1 / 0  # noqa: B018
    assert ps.load("f.jsondir", "x").shape == np.load("f.jsondir/x-1.npy").shape == (100, 1000)
    ps.open_storage("f.jsondir").array("x").append(np.ones(1000))
    assert np.load("f.jsondir/x-1.npy").shape == (101, 1000)
    assert os.stat("f.jsondir/x-1.npy").st_ino == inode


def test_a_length_that_was_never_committed_does_no_harm():
    with ps.open_storage("f.jsondir") as storage:
        storage["x"] = np.arange(5.0)
    committed = Path("f.jsondir/group.json").read_bytes()
    with ps.open_storage("f.jsondir") as storage:
        storage.array("x").append(np.arange(1000.0))
    Path("f.jsondir/group.json").write_bytes(committed)  # as if the writer had died just before
    with ps.open_storage("f.jsondir") as storage:
        assert storage["x"].tolist() == storage.array("x")[:].tolist() == [0, 1, 2, 3, 4]
        storage.array("x").append([5])
        assert storage["x"].tolist() == [0, 1, 2, 3, 4, 5]
    assert np.load("f.jsondir/x-1.npy").tolist() == [0, 1, 2, 3, 4, 5]


def test_arrays_of_h5io_and_bagofholding_are_read_in_part():
    import bagofholding
    import h5io

    array = np.arange(20_000.0).reshape(100, 200)
    h5io.write_hdf5("h5io.h5", {"a": array}, title="it")
    bagofholding.H5Bag.save({"a": array}, "bag.h5")
    for file, path in (("h5io.h5", "it/a"), ("bag.h5", "object/a")):
        with ps.open_storage(file) as storage:
            handle = storage.array(path)
            assert handle[3, ::50].tolist() == array[3, ::50].tolist()
            for change in (lambda: handle.__setitem__(0, 1), lambda: handle.append(array[:1])):  # noqa: B023
                with pytest.raises(ps.ReadOnlyError):
                    change()
        assert np.array_equal(ps.load(file, path), array)


def test_a_pickle_file_has_no_handles():
    ps.save(np.arange(3), "f.pkl")
    with ps.open_storage("f.pkl") as storage, pytest.raises(ps.UnsupportedOperationError, match="as a whole"):
        storage.array("object")


def test_a_list_of_rows_is_read_and_written():
    array = np.arange(30_000.0).reshape(300, 100)
    ps.save(array, "f.h5")
    with ps.open_storage("f.h5") as storage:
        handle = storage.array("object")
        assert np.array_equal(handle[[5, 3, 5]], array[[5, 3, 5]])
        assert np.array_equal(handle[array > 29_990], array[array > 29_990])
        handle[[1, 2], 0] = -1
        handle[array > 29_990] = 0
        array[[1, 2], 0] = -1
        array[array > 29_990] = 0
        assert np.array_equal(handle, array)
        handle[...] = 7  # one value for all
        assert (storage["object"] == 7).all()


# -- mapped ----------------------------------------------------------------------------------


@pytest.mark.parametrize("file", FILES)
def test_big_arrays_are_mapped(file):
    thing = {
        "big": np.arange(100_000.0).reshape(100, 1000),
        "fortran": np.asfortranarray(np.arange(100_000.0).reshape(100, 1000)),
        "dates": np.arange(20_000).astype("M8[s]"),
        "text": np.array(["abc", "ü"] * 20_000),
        "small": np.arange(3),
        "list": [1, "x"],
    }
    ps.save(thing, file)
    with ps.open_storage(file) as storage:
        storage["alone"] = thing["big"]
        view = storage["object"]
        every = [ps.load(file, mmap=True), storage.load("object", mmap=True), view.to_object(mmap=True)]
        alone = [storage.load("alone", mmap=True), ps.load(file, "big", mmap=True), view.load("big", mmap=True)]
    for loaded in every:
        assert list(loaded) == list(thing)
        assert loaded["list"] == [1, "x"]
        for name in ("big", "fortran", "dates", "text", "small"):
            assert isinstance(loaded[name], np.memmap) == (name != "small")
            assert loaded[name].flags.aligned
            assert np.array_equal(loaded[name], thing[name])
            assert loaded[name].dtype == thing[name].dtype
            assert loaded[name].flags.writeable == (name == "small")
        assert loaded["fortran"].flags.f_contiguous
    for array in alone:
        assert isinstance(array, np.memmap)
        assert np.array_equal(array, thing["big"])
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    del loaded, every, alone, array
    assert type(ps.load(file, "big")) is np.ndarray


def test_what_cannot_be_mapped_is_loaded():
    array = np.arange(20_000.0)
    ps.save(array, "c.h5", compression="gzip")
    ps.save(array, "c.jsondir", compression="gzip")
    ps.save(array, "c.json")
    with ps.open_storage("grown.h5") as storage:
        storage["object"] = array[:-1]
        storage.array("object").append(array[-1])
    for file in ("c.h5", "c.jsondir", "c.json", "grown.h5"):
        loaded = ps.load(file, mmap=True)
        assert type(loaded) is np.ndarray
        assert np.array_equal(loaded, array)


@pytest.mark.parametrize("file", FILES)
def test_a_map_keeps_its_values(file):
    arrays = {str(i): np.full(50_000, float(i)) for i in range(6)}
    ps.save({"arrays": arrays, "alone": np.arange(50_000.0)}, file)
    with ps.open_storage(file) as storage:
        storage["x"] = np.arange(50_000.0)
    mapped = ps.load(file, "arrays", mmap=True) | {"x": ps.load(file, "x", mmap=True)}
    part = ps.load(file, "alone", mmap=True)[49_000:]
    expected = arrays | {"x": np.arange(50_000.0)}
    changes = [
        lambda storage: storage.array("x").__setitem__(..., -1.0),
        lambda storage: storage.array("object/alone").__setitem__(slice(None, None, 2), -1.0),
        lambda storage: storage.__setitem__("object/arrays/0", np.full(50_000, -1.0)),
        lambda storage: storage.__setitem__("x", np.full(50_000, -2.0)),
        lambda storage: storage.array("x").append(np.full(50_000, -2.0)),
        lambda storage: storage.__setitem__("other", [np.full(30_000, -3.0 * i) for i in range(9)]),
        lambda storage: storage.__delitem__("object"),
        lambda storage: storage.__setitem__("object", {"arrays": {}, "alone": np.full(150_000, -4.0)}),
        lambda storage: storage.__delitem__("x"),
        lambda storage: [storage.__delitem__(name) for name in list(storage)],
        lambda storage: storage.__setitem__("object", np.full(600_000, -5.0)),
    ]
    for change in changes:
        with ps.open_storage(file) as storage:
            change(storage)
        for name, array in expected.items():
            assert np.array_equal(mapped[name], array)
    for name, array in expected.items():
        assert np.array_equal(mapped[name], array)
    assert np.array_equal(part, np.arange(49_000.0, 50_000.0))
    ps.save(1, file)
    ps.delete(file)
    assert np.array_equal(mapped["5"], arrays["5"])


def test_what_is_not_committed_is_not_mapped():
    with ps.open_storage("f.h5") as storage:
        storage["x"] = np.arange(20_000.0)
        with storage.transaction():
            storage.array("x")[0] = -1
            assert storage.load("x", mmap=True)[0] == -1
            storage["y"] = np.ones(20_000)
            assert storage.load("y", mmap=True).sum() == 20_000
        assert isinstance(storage.load("x", mmap=True), np.memmap)
        assert storage.load("x", mmap=True)[0] == -1


def test_pandas_takes_mapped_arrays():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"x": np.arange(50_000.0), "n": np.arange(50_000), "t": ["a", "b"] * 25_000})
    ps.save(frame, "f.h5")
    pandas.testing.assert_frame_equal(ps.load("f.h5", mmap=True), frame)


# -- compressed --------------------------------------------------------------------------------

PLUGINS = ["zstd", "blosc", "blosc2", "lz4", "bzip2", "bitshuffle", ("zstd", 9), ("blosc", 9)]
COMPRESSED = [
    *[("f.h5", how) for how in ["gzip", "zlib", "lzf", ("gzip", 9), *PLUGINS]],
    *[("f.jsondir", how) for how in ["gzip", "zlib", "zstd", ("zlib", 9), ("zstd", 19)]],
]


@pytest.mark.parametrize(("file", "how"), COMPRESSED)
def test_what_is_compressed_is_small_and_works_as_any_other(file, how):
    thing = {
        "big": np.tile(np.arange(1000.0), 100).reshape(100, 1000),
        "fortran": np.asfortranarray(np.tile(np.arange(1000.0), 20).reshape(20, 1000)),
        "text": np.array(["abc", "ü"] * 20_000),
        "arrays": [np.arange(500.0) + i for i in range(30)],
        "words": [f"word {i}" for i in range(20_000)],
        "long": "x" * 100_000,
        "odd": [1, None, {"a": (2, "b")}] * 500,
        "number": 5,
    }
    ps.save(thing, "plain" + Path(file).suffix)
    ps.save(thing, file, compression=how)
    assert size_of(file) < size_of("plain" + Path(file).suffix) / 2
    loaded = ps.load(file)
    for name in ("big", "fortran", "text"):
        assert np.array_equal(loaded[name], thing[name])
    assert np.array_equal(loaded["arrays"], thing["arrays"])
    assert [loaded[name] for name in ("words", "long", "odd", "number")] == [
        thing[name] for name in ("words", "long", "odd", "number")
    ]
    assert ps.load(file, "arrays/7")[3] == 10
    assert ps.load(file, "odd/2/a/1") == "b"
    with ps.open_storage(file, compression=how) as storage:
        storage["native"] = thing["big"]
        assert len(list(storage.walk())) > 1000
        for path in ("object/big", "native"):
            handle = storage.array(path)
            assert handle[5, 2:4].tolist() == [2, 3]
            handle[5, 2:4] = -1
            handle.append(np.ones((2, 1000)))
        storage["object/number"] = 6
        storage["object/words/1"] = "another"
    with ps.open_storage(file) as storage:  # nothing need be said to read or change it
        for path in ("object/big", "native"):
            assert storage[path].shape == (102, 1000)
            assert storage.array(path)[5, :5].tolist() == [0, 1, -1, -1, 4]
        assert (storage["object/number"], storage["object/words/1"]) == (6, "another")
    assert size_of(file) < size_of("plain" + Path(file).suffix)


def test_other_tools_read_what_is_compressed():
    import gzip

    import zstandard

    small = [np.arange(100.0) + i for i in range(100)]
    ps.save({"a": np.arange(20_000.0), "small": tuple(small)}, "f.h5", compression=("gzip", 6))
    with h5py.File("f.h5") as file:
        assert file["object/arrays/a-1"].compression == "gzip"
        assert file["object/arrays/a-1"].compression_opts == 6
        assert file["object/arrays/a-1"][-1] == 19_999
        assert small[7].tobytes() in file["object/buffers"][:].tobytes()
    ps.save({"text": "grün " * 2000}, "d.h5", compression="gzip")
    with h5py.File("d.h5") as file:
        assert file["object/record"][:].tobytes().startswith(b'{"pyiron_storage":1,')
    for how, suffix, unpack in (("zlib", ".gz", gzip.open), ("zstd", ".zst", zstandard.open)):
        folder = f"f{suffix}.jsondir"
        ps.save({"a": np.arange(20_000.0), "text": "grün " * 2000}, folder, compression=how)
        with unpack(f"{folder}/object/record-1.jsonl{suffix}", "rb") as file:
            assert file.read().startswith(b'{"pyiron_storage":1,')
        with unpack(f"{folder}/object/arrays/a-1-1.npy{suffix}", "rb") as file:
            assert np.lib.format.read_array(file)[-1] == 19_999


@pytest.mark.parametrize(
    ("file", "package", "how"), [("f.h5", "hdf5plugin", "zstd"), ("f.jsondir", "zstandard", "zstd")]
)
def test_a_missing_package_is_named(file, package, how, monkeypatch):
    ps.save([1, 2], file)
    with monkeypatch.context() as without:
        without.setitem(sys.modules, package, None)
        with pytest.raises(ps.MissingPackageError, match=rf"pyiron_storage\[{package}\]"):
            ps.save(np.arange(10_000), file, compression=how)
    assert ps.load(file) == [1, 2]
    ps.save(np.arange(10_000), file, compression=how)
    code = f"import sys; sys.modules[{package!r}] = None; import pyiron_storage as ps; ps.load({file!r})"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert f"pyiron_storage[{package}]" in found.stderr
    code = f"import pyiron_storage as ps; print(ps.load({file!r}).sum())"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "49995000"


@pytest.mark.parametrize("file", ["f.h5", "f.jsondir", "f.json", "f.pkl", "f.cpkl"])
@pytest.mark.parametrize("how", ["rar", ("gzip", 99), ("gzip", "9"), ("lzf", 1), 5, ("gzip", 1, 2)])
def test_an_unknown_compression_is_refused(file, how):
    with pytest.raises(ValueError, match="compression="):
        ps.save(1, file, compression=how)
    with pytest.raises(ps.UnknownCompressionError):
        ps.open_storage(file, compression=how)
    assert not Path(file).exists()


@pytest.mark.parametrize("file", ["f.json", "f.pkl", "f.cpkl"])
def test_a_backend_without_compression_says_so(file):
    with pytest.raises(ps.UnknownCompressionError, match="does not compress"):
        ps.save(1, file, compression="gzip")


# -- what it costs -------------------------------------------------------------------------------

MEASURE = """
import resource, sys
import numpy as np, pyiron_storage as ps
from pyiron_storage.backends import hdf5, json_directory
file, size, step = sys.argv[1], int(sys.argv[2]), sys.argv[3]
ps.save(np.ones(10), "warm" + file)
ps.load("warm" + file, mmap=True)
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
if step == "save":
    array = np.ones(size // 8)
    before = peak()
    ps.save({"array": array, "text": "x"}, file)
elif step == "load":
    before = peak()
    array = ps.load(file)["array"]
elif step == "slice":
    before = peak()
    with ps.open_storage(file) as storage:
        storage.array("object/array")[5:10] = 5
print(peak() - before)
"""


def peak_memory(file, size, step):
    command = [sys.executable, "-c", MEASURE, file, str(size), step]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout) / size


@pytest.mark.parametrize("file", FILES)
def test_memory_beside_the_arrays(file):
    assert peak_memory(file, 50_000_000, "save") <= 0.1  # 5 % of 200 MB in the long tests
    assert peak_memory(file, 50_000_000, "load") <= 1.15
    assert peak_memory(file, 50_000_000, "slice") <= 0.1


@pytest.mark.stress
@pytest.mark.parametrize("file", FILES)
def test_memory_beside_big_arrays(file):
    assert peak_memory(file, 200_000_000, "save") <= 0.05
    assert peak_memory(file, 200_000_000, "load") <= 1.05
    assert peak_memory(file, 200_000_000, "slice") <= 0.05


def test_saving_again_does_not_let_the_file_grow():
    array = np.random.default_rng(0).random(2_000_000)
    taken = []
    for _ in range(5):
        start = time.perf_counter()
        ps.save(array, "f.h5")
        taken.append(time.perf_counter() - start)
    assert size_of("f.h5") < array.nbytes + 10_000
    assert sorted(taken[1:])[1] < 10 * taken[0] + 0.1  # 1.3 on a quiet machine
    ps.save({"a": array}, "f.h5")
    ps.save("text", "f.h5", "other")
    for _ in range(3):
        ps.save({"a": array}, "f.h5")
        assert ps.load("f.h5", "other") == "text"
    assert size_of("f.h5") < 2.1 * array.nbytes


def test_saving_again_keeps_what_the_file_is():
    big = np.zeros(200_000)
    ps.save([1, big], "real.h5")
    os.chmod("real.h5", 0o640)
    os.symlink("real.h5", "link.h5")
    ps.save([2, big], "link.h5")
    assert os.path.islink("link.h5")
    assert stat.S_IMODE(os.stat("real.h5").st_mode) == 0o640
    assert ps.load("real.h5", "0") == 2
    with ps.open_storage("real.h5") as storage:
        view = storage["object"]
        ps.save({"new": view}, "real.h5")  # what is saved may come from the very file
        assert storage["object/new/0"] == 2
        with pytest.raises(ps.NotStorableError):
            ps.save((i for i in ""), "real.h5")
        assert ps.load("real.h5", "new/0") == 2
        assert storage["object/new/1"].shape == (200_000,)
