"""Arrays of every dtype come back as pickle gives them: natively, in objects, in columns, on every back-end."""

import os
import pickle
import subprocess
import sys

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pyiron_storage as ps
from pyiron_storage.records.dtypes import same_dtype

FILES = ["f.h5", "f.jsondir", "f.json", None]


class Element(np.void):
    """A class of elements."""


class Unit(np.ndarray):
    """An array with attributes."""

    def __array_finalize__(self, obj):
        self.unit = getattr(obj, "unit", "none")


class Reduced(np.ndarray):
    """An array that says itself what its state is."""

    def __reduce__(self):
        function, arguments, state = super().__reduce__()
        return function, arguments, (*state, {"kept": self.kept})

    def __setstate__(self, state):
        self.__dict__.update(state[-1])
        super().__setstate__(state[:-1])


def stored(thing, file):
    """What comes back of a thing."""
    if file is None:
        storage = ps.MemoryStorage()
        storage["object"] = thing
        return storage.load("object")
    ps.save(thing, file)
    return ps.load(file)


def opened(file):
    return ps.MemoryStorage() if file is None else ps.open_storage(file)


def filled(dtype, shape=(3, 2), start=0):
    """An array of some dtype with bytes that are all different."""
    dtype = np.dtype(dtype)
    count = int(np.prod(shape)) * dtype.itemsize
    if not count:
        return np.ndarray(shape, dtype)
    return np.ndarray(shape, dtype, bytearray(byte % 100 for byte in range(start, start + count)))


AXES_ARE_LOST = pickle.loads(pickle.dumps(np.zeros((2, 3, 4)).transpose(1, 0, 2), 5)).flags.c_contiguous
"""Whether this numpy's own pickles have no order of axes but those of C and Fortran."""


def is_turned(array):
    return not array.flags.forc


def check(found, expected, original):
    """Compare what came back with what pickle gives; a byte order that pickle turns round is kept."""
    assert type(found) is type(expected)
    if isinstance(expected, list):
        assert len(found) == len(expected)
        for inner in zip(found, expected, original, strict=True):
            check(*inner)
        return
    assert same_dtype(found.dtype, original.dtype)
    assert found.shape == expected.shape
    if found.dtype.names is None and found.dtype.kind not in "VSOT" and expected.dtype != found.dtype:
        expected = expected.astype(found.dtype)
    assert found.tobytes() == expected.tobytes()
    if isinstance(found, np.ndarray) and not (AXES_ARE_LOST and is_turned(original)):
        assert found.flags.writeable == expected.flags.writeable
        if found.nbytes:
            assert found.strides == expected.strides


DTYPES = {
    "aligned": np.dtype([("a", "i1"), ("b", "f8")], align=True),
    "aligned inside": np.dtype([("a", np.dtype([("q", "i1"), ("b", "f8")], align=True), (2,))]),
    "overlapping": np.dtype({"names": ["a", "b"], "formats": ["i4", "i2"], "offsets": [0, 2]}),
    "offsets and titles": np.dtype(
        {"names": ["a", "b"], "formats": ["i4", ">i2"], "offsets": [4, 0], "titles": ["A", None], "itemsize": 20}
    ),
    "titles": np.dtype([(("title", "x"), "f8")]),
    "record": np.dtype((np.record, [("a", "i4")])),
    "class of elements": np.dtype((Element, [("a", "i4")])),
    "opaque of a class": np.dtype((Element, 8)),
    "metadata": np.dtype("f8", metadata={"unit": ["eV"]}),
    "metadata inside": np.dtype([("a", np.dtype("f8", metadata={"unit": 1})), ("b", "i4")]),
    "aligned with metadata": np.dtype([("a", "i1"), ("b", "f8")], align=True, metadata={"unit": 1}),
    "enum of h5py": h5py.enum_dtype({"A": 1}),
    "number with fields": np.dtype(("i4", [("low", "i2"), ("high", "i2")])),
    "subarray": np.dtype([("x", ">f8", (2, 3))]),
    "subarray of none": np.dtype([("x", "f8", (2, 0))]),
    "no fields": np.dtype([]),
    "S0": np.dtype("S0"),
    "U0": np.dtype("U0"),
    "V0": np.dtype("V0"),
    "S0 as a field": np.dtype([("a", "S0"), ("b", "i4")]),
    "V0 as a field": np.dtype([("a", "V0"), ("b", [("c", "U0")])]),
    "a field named O": np.dtype([("O", "i4")]),
    "big-endian": np.dtype(">f8"),
    "big-endian text": np.dtype(">U3"),
    "big-endian dates": np.dtype(">M8[25s]"),
    "opaque": np.dtype("V3"),
}


def shapes_of(dtype):
    """Arrays of a dtype in every form: orders, flags, columns, scalars."""
    whole, fortran, read_only = filled(dtype), np.asfortranarray(filled(dtype)), filled(dtype)
    read_only.flags.writeable = False
    many = [filled(dtype, start=number) for number in range(20)]
    flagged = [filled(dtype, start=number) for number in range(8)]
    for array in flagged:
        array.flags.writeable = False
    scalars = [filled(dtype, (1,), number)[0] for number in range(9)] if dtype.kind != "U" else []
    turned = filled(dtype, (2, 3, 4)).transpose(1, 0, 2)
    return [
        whole,
        fortran,
        read_only,
        turned,
        [whole],
        [read_only, turned],
        many,
        flagged,
        scalars,
        [filled(dtype, (), number) for number in range(9)],
        filled(dtype, (0, 3)),
        filled(dtype, (5000, 20)),
    ]


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("name", DTYPES)
def test_a_dtype_comes_back(name, file):
    for thing in shapes_of(DTYPES[name]):
        check(stored(thing, file), pickle.loads(pickle.dumps(thing, 5)), thing)
    dtype, *_ = found = stored([DTYPES[name]] * 3, file)
    assert same_dtype(dtype, DTYPES[name])
    assert all(one is dtype for one in found)


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("name", DTYPES)
def test_a_dtype_has_a_handle_is_copied_and_compared(name, file):
    array = filled(DTYPES[name], (9_000, 2))
    with opened(file) as storage:
        storage["inside"], storage["alone"] = [array], array
        for path in ("inside/0", "alone"):
            handle = storage.array(path)
            assert handle.dtype == array.dtype
            assert handle.shape == storage.info(path).shape == array.shape
            assert handle[5:7].tobytes() == array[5:7].tobytes()
            handle[1] = handle[0]
            handle.append(array[:1])
            handle.resize(9_000)
            assert storage.load(path)[1].tobytes() == array[0].tobytes() if array.dtype.names is None else True
        if file is not None:
            assert storage.load("alone", mmap=True).dtype == array.dtype
    if file is not None:
        ps.copy(file, "copy.json")
        assert list(ps.diff(file, "copy.json")) == []
        check(*[ps.open_storage("copy.json").load("alone")] * 2, ps.open_storage(file).load("alone"))


@pytest.mark.parametrize("file", FILES)
def test_dtypes_whose_elements_are_objects(file):
    things = [
        h5py.string_dtype(),
        h5py.ref_dtype,
        h5py.vlen_dtype("f8"),
        np.dtype("O"),
        np.dtype([("a", "O")]),
        np.array(["a", b"b"], h5py.string_dtype()),
        np.array(["a"] * 100, h5py.string_dtype()),
        np.array([("a", 1)], [("s", h5py.string_dtype()), ("e", h5py.enum_dtype({"A": 1}))]),
    ]
    for found, thing in zip(stored(things, file), things, strict=True):
        dtype = thing if isinstance(thing, np.dtype) else thing.dtype
        assert same_dtype(found if isinstance(found, np.dtype) else found.dtype, dtype)
        assert isinstance(thing, np.dtype) or found.tolist() == thing.tolist()


@pytest.mark.skipif(not hasattr(getattr(np, "dtypes", None), "StringDType"), reason="numpy 2 has it")
@pytest.mark.parametrize("file", FILES)
def test_text_of_any_length(file):
    kind = np.dtypes.StringDType
    things = [
        np.array(["a", "bç" * 50], kind()),
        np.array(["a", None], kind(na_object=None)),
        kind(na_object=None),
        np.array([["a", np.nan]] * 50, kind(na_object=np.nan, coerce=False)),
        np.zeros((0, 2), kind()),
    ]
    for found, thing in zip(stored(things, file), things, strict=True):
        if isinstance(thing, np.dtype):
            assert found == thing
        else:
            assert (found.dtype, found.shape, repr(found.tolist())) == (thing.dtype, thing.shape, repr(thing.tolist()))
    with opened(file) as storage:
        storage["alone"] = things[0]
        assert storage.load("alone").dtype == kind()


# -- what packages define -----------------------------------------------------------------


def of_packages(ml_dtypes):
    names = "bfloat16 float8_e4m3fn float8_e5m2 int4 uint4 int2 float4_e2m1fn".split()  # noqa: SIM905
    return [np.dtype(getattr(ml_dtypes, name)) for name in names if hasattr(ml_dtypes, name)]


@pytest.mark.parametrize("file", FILES)
def test_dtypes_that_packages_define(file):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    for dtype in of_packages(ml_dtypes):
        for thing in shapes_of(dtype):
            check(stored(thing, file), pickle.loads(pickle.dumps(thing, 5)), thing)
        scalars = [np.ones(1, dtype)[0]] * 2 + [None]
        inside = {
            "scalars": scalars,
            "objects": np.array(scalars, object),
            "dtype": dtype,
            "class": dtype.type,
            "structure": filled([("x", dtype), ("y", ">i4")]),
            "swapped": dtype.newbyteorder(">"),
        }
        found = stored(inside, file)
        assert [type(one) for one in [*found["scalars"], *found["objects"]]] == [dtype.type, dtype.type, type(None)] * 2
        assert (found["dtype"], found["class"], found["swapped"]) == (dtype, dtype.type, dtype.newbyteorder(">"))
        check(found["structure"], inside["structure"], inside["structure"])
        with opened(file) as storage:
            storage["alone"] = array = np.ones((2, 3), dtype)
            storage["inside"] = {
                "array": array,
                "scalar": array[0, 0],
                "column": [np.ones((2, 3), dtype) for _ in range(9)],
            }
            for path in ("alone", "inside/array", "inside/column/3"):
                assert storage[path].dtype == dtype
                assert storage.info(path).dtype == dtype.name
                handle = storage.array(path)
                handle[0, 0] = 0
                handle.append(np.ones((1, 3), dtype))
                assert handle[:, 0].astype(int).tolist() == [0, 1, 1]
            assert type(storage["inside"]["scalar"]) is dtype.type


def test_a_package_that_is_missing(tmp_path):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    array = np.arange(6).astype(ml_dtypes.bfloat16)
    thing = {
        "array": array,
        "scalar": array[1],
        "structure": np.zeros(2, [("x", array.dtype)]),
        "dtype": array.dtype,
        "column": list(array) * 3,
        "arrays": [array[:2].copy() for _ in range(9)],
    }
    ps.save(thing, "f.h5")
    code = """
import sys
sys.modules["ml_dtypes"] = None
import numpy as np, pyiron_storage as ps
assert "bfloat16 (6,)" in str(ps.browse("f.h5"))
with ps.open_storage("f.h5") as storage:
    assert dict(storage.walk())["object/array"].shape == (6,)
assert list(ps.diff("f.h5", "f.h5")) == []
ps.copy("f.h5", "copy.json")
for path in ("array", "scalar", "structure", "dtype", "column", "arrays"):
    try:
        ps.load("f.h5", path)
    except ps.CannotImportError as error:
        assert "pip install 'ml_dtypes" in str(error), error
    else:
        raise AssertionError(path)
raw = ps.load("f.h5", on_missing="raw")
assert raw["array"].dtype.itemsize == 2 and raw["array"].shape == (6,), raw["array"]
print(raw["array"].tobytes().hex(), raw["array"].dtype.metadata["pyiron_storage:missing"].type_name)
ps.save(raw, "again.h5")
"""
    subprocess.run(
        [sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    )
    for file in ("again.h5", "copy.json"):
        found = ps.load(file)
        for name in ("array", "structure"):
            check(found[name], thing[name], thing[name])
        assert found["dtype"] == array.dtype
        assert list(map(type, found["column"])) == [ml_dtypes.bfloat16] * 18
        assert [one.dtype for one in found["arrays"]] == [array.dtype] * 9


def test_a_dtype_names_no_code_that_nobody_admits():
    ps.save([np.zeros(2, DTYPES["class of elements"])], "f.json")
    with ps.open_storage("f.json", trust=()) as storage:
        with pytest.raises(ps.UntrustedError, match="Element"):
            storage["object/0"]
        assert storage.info("object/0").shape == (2,)


# -- flags and orders ---------------------------------------------------------------------


@pytest.mark.parametrize("file", FILES)
def test_what_a_storage_gives_is_read_only_and_what_is_loaded_is_not(file):
    with opened(file) as storage:
        storage["d"] = {
            "x": np.zeros(3),
            "rows": [np.full(2, float(i)) for i in range(20)],
            "v": np.zeros(1, "i4,f8")[0],
        }
        storage["alone"], storage["fortran"] = np.arange(4.0), np.zeros((2, 2), order="F")
        given = [
            storage["d"]["x"],
            storage["d/x"],
            storage["alone"],
            storage["fortran"],
            storage["d/rows"][3],
            next(iter(storage["d/rows"])),
            dict(storage["d"].items())["x"],
            dict(storage.items())["alone"],
            storage.get("alone"),
        ]
        for array in given:
            assert type(array) is np.ndarray
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 1
        with pytest.raises(ValueError, match="read-only"):
            storage["d"]["v"]["f0"] = 1
        storage["again"], storage["inside"] = storage["alone"], [storage["fortran"][1:]]
        loaded = [
            storage.load("again"),
            storage.load("inside")[0],
            storage.load("d/x"),
            storage["d"].to_object()["x"],
            storage["d"].load("x"),
            storage["d/rows"].pop(),
            storage["d"].pop("x"),
            storage.pop("alone"),
        ]
        for array in loaded:
            array[0] = 1
        storage.load("d/v")["f0"] = 1


@pytest.mark.parametrize("file", FILES)
def test_the_flag_stays_where_an_array_changes(file):
    array = np.arange(3.0)
    array.flags.writeable = False
    with opened(file) as storage:
        storage["x"], storage["o"] = array, [array]
        for path in ("x", "o/0"):
            handle = storage.array(path)
            handle[0] = 7
            handle.append([5])
            assert handle[:].flags.writeable
            found = storage.load(path)
            assert (found.tolist(), found.flags.writeable) == ([7, 1, 2, 5], False)
        storage["x"] = np.ones(4)
        assert storage.load("x").flags.writeable
        storage["x"] = big = np.arange(3_000_000.0)
        big.flags.writeable = False
        storage["big"] = big
    if file is not None:
        for target in ("copy.h5", "copy.jsondir", "copy.json"):
            ps.copy(file, target)
            with ps.open_storage(target) as copy:
                assert [copy.load(path).flags.writeable for path in ("x", "big", "o/0")] == [True, False, False]


def test_an_object_restored_by_hand_has_arrays_of_its_own():
    class Cell(ps.Storable):
        def __init__(self, edges):
            self.edges = edges

        def _store(self, storage):
            storage["edges"] = self.edges

        @classmethod
        def _restore(cls, storage, version):
            return cls(storage["edges"])

    with ps.open_storage("f.h5", trust="all") as storage:
        Cell(np.zeros(3)).store(storage.create_group("cell"))
        group = storage["cell"]
        assert Cell.restore(group, group["VERSION"]).edges.flags.writeable
        storage["object"] = Cell(np.zeros(3))
        assert storage.load("object").edges.flags.writeable


@pytest.mark.parametrize("file", FILES)
def test_strided_arrays_come_back_in_the_order_that_pickle_gives(file):
    array = np.asfortranarray(np.arange(24.0).reshape(2, 3, 4))
    for thing in (array[:, ::2], array[::-1], np.broadcast_to(np.arange(3), (4, 3)), array.T[1:, :, :1]):
        check(stored(thing, file), pickle.loads(pickle.dumps(thing, 5)), thing)


# -- subclasses and identity --------------------------------------------------------------


@pytest.mark.parametrize("file", FILES)
def test_attributes_of_subclasses_are_kept(file):
    records = np.zeros(2, "i4,f8").view(np.recarray)
    masked = np.ma.masked_array([1, 2], [0, 1])
    matrix, unit, reduced = np.ones((1, 2)).view(np.matrix), np.arange(3.0).view(Unit), np.arange(3.0).view(Reduced)
    np.arange(4.0).tofile("numbers")
    mapped = np.memmap("numbers", "f8", "r", shape=4)
    reduced.kept, unit.unit = 1, "m"
    things = [records, masked, matrix, unit, mapped]
    for thing in things:
        thing.note = [1]
    unit.itself = unit
    found = stored([*things, reduced, unit], file)
    for new, old in zip(found, [*things, reduced, unit], strict=True):
        assert type(new) is type(old)
        assert np.array_equal(np.asarray(new), np.asarray(old))
    assert [one.note for one in found[:5]] == [[1]] * 5
    assert (found[3].unit, found[5].kept) == ("m", 1)
    assert found[3].itself is found[3] is found[6]


@pytest.mark.parametrize("file", FILES)
def test_a_structure_that_is_held_twice_is_one(file):
    void = np.zeros(1, "i4,f8")[0]
    found = stored([void, {"same": void}, np.void(b"abc")], file)
    assert found[0] is found[1]["same"]
    assert found[2] == np.void(b"abc")


# -- handles and diff ---------------------------------------------------------------------


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("path", ["alone", "inside/x"])
def test_handles_take_what_numpy_takes(file, path):
    structure = np.dtype([("c1", "i4"), ("c2", "f8"), ("t", "S3")])
    with opened(file) as storage:
        storage["inside"] = {}
        storage[path] = model = np.zeros(3, structure)
        handle = storage.array(path)
        for target in (model, handle):
            target[0] = (4, 5.0, b"a")
            target["c1"] = [7, 8, 9]
            target["c2"] = 1
            target[1:] = [(1, 2, b"x"), (3, 4, b"y")]
            target[[True, False, True]] = (6, 6, b"q")
            target[["c1", "c2"]] = model[["c1", "c2"]]
        handle.append((4, 5.0, b"z"))
        handle.append([(4, 5.0, b"z")])
        model = np.concatenate([model, np.array([(4, 5.0, b"z")] * 2, structure)])
        assert handle[:].tolist() == model.tolist()
        assert handle["c1"].tolist() == model["c1"].tolist()
        for key in ("no", (0, "c1"), 99, [99], 1.5, (None,) * 5 + (0,) * 5):
            with pytest.raises(ps.ArrayIndexError):
                handle[key]
            with pytest.raises(ps.ArrayIndexError):
                handle[key] = (1, 2.0, b"")
        for values in ("text", (1, 2), object(), [1, 2, "x"]):
            with pytest.raises(ps.StorageError):
                handle[0] = values
        assert handle[:].tolist() == model.tolist()
        storage[path] = np.zeros(())
        handle[None] = 3
        handle[..., None] = handle[None] + 1
        assert (handle[()], handle[None].shape) == (4, (1,))
        storage[path] = np.zeros((2, 3))
        handle[[0, 1], [0, 1]] = 7
        handle[:, None, 1] = 9
        handle[np.ix_([0], [1, 2])] = 2
        assert handle[:].tolist() == [[7, 2, 2], [0, 9, 0]]


@pytest.mark.parametrize("file", ["a.h5", "a.jsondir", "a.json"])
def test_structures_are_compared_by_value(file):
    structure = np.dtype([("a", "f8"), ("b", "f4", (2,)), ("c", [("d", "M8[s]")])])
    for empty in (np.zeros(0, structure), np.zeros((0, 3), structure), np.ndarray(3, "V0"), np.zeros(0, "V3")):
        for thing in (empty, [empty]):
            ps.save(thing, file)
            ps.save(thing, "b.json")
            assert list(ps.diff(file, "b.json")) == []
    old, new = np.zeros(2, structure), np.zeros(2, structure)
    old["a"], new["a"] = [np.nan, -0.0], np.array([0xFFF8000000000001, 0], "u8").view("f8")
    old["c"]["d"] = new["c"]["d"] = "NaT"
    ps.save([old], file)
    ps.save([new], "b.json")
    assert list(ps.diff(file, "b.json")) == []
    new["b"][1, 1] = 1
    ps.save([new], "b.json")
    assert [change.detail for change in ps.diff(file, "b.json")] == ["1 of 2 entries differ"]


# -- random ones --------------------------------------------------------------------------

SIMPLE = st.sampled_from(
    "? i1 u2 <i4 >i8 <f2 >f4 f8 c8 >c16 S0 S3 U0 >U2 V0 V5 <M8[s] >M8[25us] m8 <m8[D]".split()  # noqa: SIM905
).map(np.dtype)
METADATA = st.none() | st.dictionaries(st.sampled_from(["a", "unit"]), st.integers(0, 3) | st.just("eV"), min_size=1)
FIELDS = st.sampled_from(["a", "b", "O", "ü", "size", "name"])


@st.composite
def structures(draw, inner):
    names = draw(st.lists(FIELDS, unique=True, max_size=3))
    formats = [draw(inner) for _ in names]
    formats = [
        np.dtype((form, draw(st.sampled_from([(2,), (1, 2)])))) if form.itemsize and draw(st.booleans()) else form
        for form in formats
    ]
    kind = draw(st.sampled_from(["plain", "aligned", "offsets"]))
    if kind != "offsets":
        return np.dtype(list(zip(names, formats, strict=True)), align=kind == "aligned")
    offsets = [draw(st.integers(0, 6)) for _ in names]
    size = max([offset + form.itemsize for offset, form in zip(offsets, formats, strict=True)], default=0)
    form = {"names": names, "formats": formats, "offsets": offsets, "itemsize": size + draw(st.integers(0, 3))}
    if draw(st.booleans()):
        form["titles"] = [f"title of {name}" for name in names]
    return np.dtype(form)


@st.composite
def dtypes(draw):
    dtype = draw(st.recursive(SIMPLE, structures, max_leaves=4))
    metadata = draw(METADATA)
    if dtype.names is not None and draw(st.booleans()):
        dtype = np.dtype((np.record, dtype))
    elif metadata is not None:
        dtype = np.dtype(dtype, align=dtype.isalignedstruct, metadata=metadata)
    return dtype


@st.composite
def arrays(draw):
    dtype, shape = draw(dtypes()), tuple(draw(st.lists(st.integers(0, 3), max_size=3)))
    array = filled(dtype, shape, draw(st.integers(0, 9)))
    if dtype.itemsize:
        array = array.transpose(draw(st.permutations(range(len(shape)))))
    if draw(st.integers(0, 4)) == 0:
        array = array[(slice(None, None, draw(st.sampled_from([2, -1]))), ...) if array.ndim else ...]
    array.flags.writeable = draw(st.booleans())
    return array


def random_arrays_come_back(array, file):
    for thing in (array, [array], [array[...] for _ in range(8)], [array.copy() for _ in range(20)]):
        for one in thing if type(thing) is list else [thing]:
            one.flags.writeable = array.flags.writeable
        check(stored(thing, file), pickle.loads(pickle.dumps(thing, 5)), thing)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(arrays(), st.sampled_from(FILES))
def test_random_arrays_come_back(array, file):
    random_arrays_come_back(array, file)


@pytest.mark.stress
@settings(max_examples=3000, deadline=None, suppress_health_check=list(HealthCheck))
@given(arrays(), st.sampled_from(FILES))
def test_many_random_arrays_come_back(array, file):
    random_arrays_come_back(array, file)
