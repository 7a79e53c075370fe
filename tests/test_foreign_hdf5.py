"""HDF5 files of other programs: read as a person expects, and left as they are."""

import contextlib

import h5py
import numpy as np
import pytest

import pyiron_storage as ps

TITLES = [
    "int",
    "float",
    "None",
    "unicode",
    "ascii",
    "str",
    "void",
    "np_complex128",
    "np_float32",
    "np_bool",
    "ndarray",
]
TITLES += ["", "json", "datetime", "class", "dict", "list", "A title", "np_", "np_int", "h\u00e9", "\x00"]
ARRAYS = {
    "ints": np.arange(3),
    "int": np.arange(1),
    "none": np.zeros(0),
    "no ints": np.zeros(0, "i8"),
    "floats": np.arange(2.0),
    "scalar": np.array(2.5),
    "bytes": np.arange(3, dtype="u1"),
    "bool": np.ones(1, bool),
    "bools": np.ones(2, bool),
    "complex": np.ones(2, complex),
    "text": np.array([b"ab", b"c"]),
    "table": np.zeros(2, [("a", "i4"), ("b", "f8")]),
    "matrix": np.zeros((1, 1), "f4"),
}


def write_title(dataset, title, how):
    """As PyTables writes a title, as h5py does, or as nothing that is text."""
    if how == "pytables":
        dataset.attrs["CLASS"] = np.bytes_("ARRAY")
        dataset.attrs["TITLE"] = np.bytes_(title.encode()) if title.strip("\x00") else h5py.Empty("S1")
    elif how == "h5py":
        dataset.attrs["TITLE"] = title
    else:
        dataset.attrs["TITLE"] = [1, 2]


@pytest.mark.parametrize("how", ["pytables", "h5py", "numbers"])
@pytest.mark.parametrize("title", TITLES)
def test_a_title_that_says_something_else_means_an_array(title, how):
    with h5py.File("f.h5", "w") as file:
        for name, array in ARRAYS.items():
            file[name] = array
            if how != "h5py" or not is_of_h5io(title, array):
                write_title(file[name], title.replace("\x00", "") if how == "h5py" else title, how)
    with ps.open_storage("f.h5", "r") as storage:
        for name, array in ARRAYS.items():
            for _ in range(3):  # uninitialised memory differs from call to call
                found = storage[name]
                assert type(found) is np.ndarray
                assert found.dtype == array.dtype
                assert np.array_equal(found, array)
            assert storage.info(name).kind == "array"
            assert storage.array(name).shape == array.shape
        assert {path for path, _ in storage.walk()} == set(ARRAYS)
    assert ps.check("f.h5").ok
    ps.copy("f.h5", "g.jsondir")
    with ps.open_storage("g.jsondir", "r") as storage:
        assert all(np.array_equal(storage[name], array) for name, array in ARRAYS.items())
    ps.check("f.h5", repair=True)
    with ps.open_storage("f.h5", "r") as storage:
        assert all(np.array_equal(storage[name], array) for name, array in ARRAYS.items())


def is_of_h5io(title, array):
    """Whether h5io itself writes a title to such an array, which stands for a value then."""
    if title in ("int", "np_int"):
        return array.shape == (1,) and array.dtype.kind in "ib"
    if title in ("None", "np_bool"):
        return array.shape == (1,) and array.dtype.kind in "ib"
    if title in ("unicode", "ascii", "str", "void", "json", "datetime", "class"):
        return array.dtype == np.uint8 or (title == "void" and array.dtype.names is not None)
    return title == "np_"


def test_groups_with_titles_that_are_not_h5ios_are_groups():
    with h5py.File("f.h5", "w") as file:
        for title in ("dict", "list", "tuple", "A.B", "Run 1"):
            group = file.create_group(f"group {title}")
            group.attrs["TITLE"] = np.bytes_(title)
            group["x"] = np.arange(3)
            if title in ("dict", "list", "tuple"):
                other = file.create_group(f"other {title}")
                other.attrs["TITLE"] = title
                other["x"] = np.arange(3)
    with ps.open_storage("f.h5", "r") as storage:
        for name in storage.list_groups():
            assert storage[name]["x"].tolist() == [0, 1, 2]


# -- what other programs put there stays ----------------------------------------------------------


def write_with_h5py(filename):
    with h5py.File(filename, "w", userblock_size=1024) as file:
        file.attrs["Title"] = "h\u00e9llo"
        file.attrs["numbers"] = np.arange(3)
        file.attrs["nothing"] = h5py.Empty("f")
        file.attrs["fixed"] = np.bytes_("abc")
        file.attrs["texts"] = ["a", "bcd"]
        file.create_dataset(
            "g/data", data=np.arange(12.0).reshape(3, 4), chunks=(1, 4), compression="gzip", fillvalue=5
        )
        file["hard"] = file["g/data"]
        file["soft"] = h5py.SoftLink("/g/data")
        file["external"] = h5py.ExternalLink("other.h5", "/x")
        file["dangling"] = h5py.SoftLink("/no")
        file["x"] = np.arange(3)
        file["x"].make_scale("x")
        file["g/data"].dims[0].attach_scale(file["x"])
        file["references"] = np.array([file["x"].ref, file["g"].ref, file["g/data"].ref], h5py.ref_dtype)
        file["regions"] = np.array([file["x"].regionref[1:2], file["g/data"].regionref[0:2, 1:3]], h5py.regionref_dtype)
        file["none"] = np.array([h5py.Reference(), file["x"].ref], h5py.ref_dtype)
        file.attrs["reference"] = file["g"].ref
        file["type"] = np.dtype("i8")
        file.create_dataset("typed", data=[1, 2], dtype=file["type"])
        file["text"] = ["abc", "d"]
        file["null"] = h5py.Empty("i4")
        file["enum"] = np.array([0, 1], h5py.enum_dtype({"A": 0, "B": 1}))
        file["loop"] = file["g"]
        file["g/loop"] = file["g"]
        ragged = file.create_dataset("ragged", (2,), h5py.vlen_dtype("i4"))
        ragged[0], ragged[1] = [1, 2], [3]
        file["odd \u00fc/%2F"] = 1
        deep = file.create_group("deep")
        for level in range(30):
            deep = deep.create_group(f"level {level}")
    with open(filename, "r+b") as stream:
        stream.write(b"MATLAB 7.3 MAT-file")


def see_with_h5py(filename):
    """All that h5py shows of a file, with references by the address-free names of what they lead to."""
    with open(filename, "rb") as stream:
        seen = [stream.read(32)]
    with h5py.File(filename) as file:
        seen += [file.userblock_size, sorted(file.attrs), file.attrs["Title"], list(file.attrs["texts"])]
        seen += [file.attrs["fixed"], file.attrs["numbers"].tolist(), file.attrs["nothing"]]
        seen += [file.attrs.get_id("fixed").get_type().is_variable_str(), file[file.attrs["reference"]] == file["g"]]
        seen += [sorted(file), sorted(file["g"]), file["hard"] == file["g/data"], file["loop"] == file["g"]]
        seen += [file["g/loop"] == file["g"], file["hard"].id.get_create_plist().get_layout(), file["hard"].compression]
        seen += [file.get(name, getlink=True).path for name in ("soft", "external", "dangling")]
        seen += [file.get("external", getlink=True).filename, file["hard"][()].tolist(), file["hard"].fillvalue]
        seen += [file["g/data"].dims[0][0] == file["x"], file["x"].is_scale, file["typed"].id.get_type().committed()]
        pairs = zip(file["references"], ["x", "g", "hard"], strict=True)
        seen += [[file[reference] == file[name] for reference, name in pairs]]
        seen += [bool(file["none"][0]), file[file["none"][1]] == file["x"]]
        seen += [file["g/data"][file["regions"][1]].tolist(), file["x"][file["regions"][0]].tolist()]
        seen += [file["text"][:].tolist(), file["null"].shape, h5py.check_enum_dtype(file["enum"].dtype)]
        seen += [[row.tolist() for row in file["ragged"]], sorted(file["odd \u00fc"])]
    return seen


def test_compact_keeps_all_that_h5py_wrote():
    write_with_h5py("f.h5")
    with ps.open_storage("f.h5") as storage:
        storage["mine"] = {"a": np.arange(100_000.0), "b": [1, 2]}
    before = see_with_h5py("f.h5")
    assert before[1] == 1024
    for _ in range(2):
        ps.compact("f.h5")
        assert see_with_h5py("f.h5") == before
        assert ps.load("f.h5", "mine")["b"] == [1, 2]
    size = ps.compact("f.h5").after
    assert ps.compact("f.h5").after == size


def test_compact_keeps_a_reference_to_nothing_one_to_nothing():
    with h5py.File("f.h5", "w") as file:
        file["x"] = np.arange(3)
        file["reference"] = np.array([file["x"].ref, h5py.Reference()], h5py.ref_dtype)
        file["y"] = 1
        del file["x"]
    ps.compact("f.h5")
    with h5py.File("f.h5") as file:
        assert list(map(bool, file["reference"])) == [False, False]
        assert file["y"][()] == 1


def test_compact_keeps_files_of_netcdf4():
    netCDF4 = pytest.importorskip("netCDF4")
    with netCDF4.Dataset("f.nc", "w") as data:
        data.createDimension("time", None)
        data.createDimension("x", 3)
        time = data.createVariable("time", "f8", ("time",))
        field = data.createGroup("run").createVariable("field", "f4", ("time", "x"), zlib=True)
        time[:] = [0, 1]
        time.units = "s"
        field[:] = np.arange(6).reshape(2, 3)
        data.title = "a run"
    ps.compact("f.nc", backend="hdf5")
    with netCDF4.Dataset("f.nc") as data:
        assert data.title == "a run"
        assert data["time"].units == "s"
        assert data["run/field"].dimensions == ("time", "x")
        assert data["run/field"][:].tolist() == [[0, 1, 2], [3, 4, 5]]
        assert data.dimensions["time"].isunlimited()
    xarray = pytest.importorskip("xarray")
    with xarray.open_dataset("f.nc", group="run") as found:
        assert found["field"].dims == ("time", "x")


def test_compact_keeps_files_of_pytables_and_pandas():
    tables = pytest.importorskip("tables")
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1, 2, 3], "b": [0.5, 1.5, 2.5]})
    frame.to_hdf("f.h5", key="frame", format="table", data_columns=True)
    with tables.open_file("f.h5", "a") as file:
        file.create_array("/", "numbers", np.arange(4), title="int")
        file.create_vlarray("/", "ragged", tables.Int32Atom()).append([1, 2, 3])
        file.create_soft_link("/", "soft", "/numbers")
        file.root._v_attrs.note = {"a": 1}
    ps.compact("f.h5")
    pandas.testing.assert_frame_equal(pandas.read_hdf("f.h5", "frame", where="a > 1"), frame[1:])
    with tables.open_file("f.h5") as file:
        assert file.root.numbers.title == "int"
        assert file.root.ragged[0].tolist() == [1, 2, 3]
        assert file.root.soft.dereference().read().tolist() == [0, 1, 2, 3]
        assert file.root._v_attrs.note == {"a": 1}


def test_a_file_with_a_user_block_is_read_changed_and_mapped():
    with h5py.File("f.mat", "w", userblock_size=512) as file:
        file["a"] = np.arange(100_000.0)
        file["b"] = [1, 2]
    with open("f.mat", "r+b") as stream:
        stream.write(b"MATLAB 7.3 MAT-file")
    for _ in range(3):
        with ps.open_storage("f.mat", backend="hdf5") as storage:
            assert storage["b"].tolist() == [1, 2]
            storage["c"] = {"x": np.zeros(20_000), "y": 1}
            storage.array("a")[0] = -1.0
            with contextlib.suppress(RuntimeError), storage.transaction():
                storage["b"] = "lost"
                raise RuntimeError
    assert ps.load("f.mat", "a", backend="hdf5", mmap=True)[[0, -1]].tolist() == [-1.0, 99_999.0]
    assert ps.check("f.mat", backend="hdf5").ok
    ps.save([1], "f.mat", "d", backend="hdf5")
    with h5py.File("f.mat") as file:
        assert (file.userblock_size, sorted(file)) == (512, ["a", "b", "c", "d"])
    with open("f.mat", "rb") as stream:
        assert stream.read(10) == b"MATLAB 7.3"


def test_text_of_fixed_length_and_dates_of_h5py_are_read():
    dates = np.array(["2020-01-02T03:04:05", "NaT"], "M8[us]")
    spans = np.array([1, 2], "m8[ms]")
    with h5py.File("f.h5", "w") as file:
        file.create_dataset("utf-8", data=["h\u00e9llo".encode(), b"b"], dtype=h5py.string_dtype("utf-8", 6))
        file.create_dataset("ascii", data=[b"abc", b"b"], dtype=h5py.string_dtype("ascii", 3))
        file.create_dataset("chunked", data=[b"abc", b"b"], dtype=h5py.string_dtype("utf-8", 3), chunks=(1,))
        file["dates"] = dates.astype(h5py.opaque_dtype(dates.dtype))
        file["spans"] = spans.astype(h5py.opaque_dtype(spans.dtype))
    with ps.open_storage("f.h5", "r") as storage:
        assert storage["utf-8"].tolist() == ["h\u00e9llo".encode(), b"b"]
        assert storage["ascii"].tolist() == storage["chunked"].tolist() == [b"abc", b"b"]
        assert storage.array("utf-8")[1] == b"b"
        for name, expected in (("dates", dates), ("spans", spans)):
            assert storage[name].dtype == expected.dtype
            assert np.array_equal(storage[name].view("i8"), expected.view("i8"))
            assert storage.array(name)[:1].view("i8") == expected[:1].view("i8")
    assert ps.check("f.h5").ok
    assert list(ps.diff("f.h5", "f.h5")) == []
    ps.copy("f.h5", "g.jsondir")
    with ps.open_storage("g.jsondir", "r") as storage:
        assert np.array_equal(storage["dates"].view("i8"), dates.view("i8"))


def test_a_type_that_another_program_named_stays():
    with h5py.File("f.h5", "w") as file:
        file["type"] = np.dtype("i8")
        file.create_dataset("typed", data=[1, 2], dtype=file["type"])
    with ps.open_storage("f.h5") as storage:
        assert storage["typed"].tolist() == [1, 2]
        for value in (5, {"a": 1}, "text", np.arange(3)):
            with pytest.raises(ps.UnsupportedOperationError, match="type"):
                storage["type"] = value
        with pytest.raises(ps.UnsupportedOperationError):
            storage.create_group("type")
        with pytest.raises(ps.StorageError):
            storage["type"]
        with pytest.raises(ps.StorageError):
            storage.load("type")
    report = ps.check("f.h5")
    assert report.ok
    assert ("type", "unreadable") in {(finding.path, finding.kind) for finding in report.findings}
    with h5py.File("f.h5") as file:
        assert isinstance(file["type"], h5py.Datatype)
