"""HDF5 files of other programs: read as a person expects, and left as they are."""

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
