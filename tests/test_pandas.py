"""pandas objects come back as pickle gives them back, from a form that names nothing inside pandas."""

import contextlib
import datetime
import importlib.util
import json
import pathlib
import pickle
import subprocess
import sys
import tracemalloc
import zoneinfo
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pandas.tseries import offsets

import pyiron_storage as ps
from pyiron_storage.records.decoder import Decoder
from pyiron_storage.records.rules.pandas_objects.frames import WIDE

if importlib.util.find_spec("pyarrow"):
    import pyarrow

MANY = 1000
BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
SUFFIXES = ["memory", ".h5", ".json"]


class Label:
    """A label of a class that pandas does not know."""

    def __init__(self, text):
        self.text = text

    def __eq__(self, other):
        return type(other) is Label and self.text == other.text

    def __hash__(self):
        return hash(self.text)

    def __repr__(self):
        return f"Label({self.text!r})"


class Node:
    """Something that can be an entry of an index before it has any attribute."""


class Named(pd.DataFrame):
    """A frame of a user's class, with an attribute that pandas passes on."""

    _metadata = ["source"]

    @property
    def _constructor(self):
        return Named


class NamedSeries(pd.Series):
    pass


def objects(*items):
    array = np.empty(len(items), object)
    array[:] = items
    return array


def array(*args, **kwargs):
    return pd.arrays.SparseArray(*args, **kwargs)


def with_attrs(obj, **attrs):
    obj.attrs.update(attrs)
    return obj


def hidden_value():
    """A masked array with a value under its mask."""
    numbers = pd.array([1, 2, 3], dtype="Int64")
    numbers[1] = pd.NA
    return numbers


VALUES = {
    "NaT": pd.NaT,
    "NA": pd.NA,
    "Timestamp": pd.Timestamp("2024-05-01 12:00:00.123456789"),
    "Timestamp of seconds": pd.Timestamp("2024-05-01").as_unit("s"),
    "Timestamp of a zone": pd.Timestamp("2024-10-27 00:30", tz="UTC").tz_convert(BERLIN),
    "Timestamp of the second hour": pd.Timestamp("2024-10-27 01:30", tz="UTC").tz_convert(BERLIN),
    "Timestamp of an offset": pd.Timestamp("2024-05-01", tz=datetime.timezone(datetime.timedelta(hours=-3))),
    "Timestamp, first": pd.Timestamp.min,
    "Timestamp, last": pd.Timestamp.max,
    "Timestamp, far away": pd.Timestamp(np.datetime64(-(10**15), "s")),
    "Timedelta": pd.Timedelta(-1, "ns"),
    "Timedelta of seconds": pd.Timedelta(5, "s").as_unit("s"),
    "Timedelta, longest": pd.Timedelta.max,
    "Period": pd.Period("2024-05"),
    "Period of weeks": pd.Period("2024-05-01", freq="W-THU"),
    "Period of three hours": pd.Period("2024-05-01", freq="3h"),
    "Interval": pd.Interval(0, 1),
    "Interval of floats": pd.Interval(np.float32(0.5), 1.5, closed="neither"),
    "Interval of times": pd.Interval(pd.Timestamp("2024-05-01"), pd.Timestamp("2024-05-02"), closed="both"),
}
ARRAYS = {
    "Int64": pd.array([1, None]),
    "Int64, a hidden value": hidden_value(),
    "UInt8": pd.array([1, None], dtype="UInt8"),
    "Int16, nothing missing": pd.array([1, 2], dtype="Int16"),
    "Float32": pd.array([1.5, None], dtype="Float32"),
    "boolean": pd.array([True, None, False]),
    "str": pd.array(["a", None], dtype="str"),
    "string": pd.array(["grün", None, "\ud800"], dtype=pd.StringDtype("python")),
    "str, empty": pd.array([], dtype="str"),
    "str, long": pd.array(["ab"] * 10_000 + [None], dtype="str"),
    "str, many of several lines": pd.array([f"{n}\n\n" for n in range(MANY)], dtype="str"),
    "str, many of all characters": pd.array([f"{n} grün 日本 😀 \n\0\x1e" for n in range(MANY)], dtype="str"),
    "str, many with a surrogate": pd.array(["a"] * MANY + ["\ud800"], dtype=pd.StringDtype("python")),
    "string, many missing": pd.array([None] * MANY + [""], dtype=pd.StringDtype("python")),
    "categorical": pd.Categorical(["a", None], categories=["b", "a"], ordered=True),
    "categorical, empty": pd.Categorical([]),
    "categorical, none of its own": pd.Categorical([None, None]),
    "categorical of intervals": pd.cut([1, 5, 9], 3),
    "categorical of many": pd.Categorical(np.arange(1000)),
    "categorical of objects": pd.Categorical(objects(Label("a"), Label("b"))),
    "datetime": pd.date_range("2024-05-01", periods=2).array,
    "datetime, no freq": pd.DatetimeIndex(["2024-05-01", None]).array,
    "datetime of a zone": pd.date_range("2024-03-30", periods=3, tz=BERLIN).array,
    "timedelta": pd.timedelta_range("1D", periods=2).array,
    "period": pd.PeriodIndex(["2024-05", None], freq="M").array,
    "interval": pd.interval_range(0, 2).array,
    "sparse": array([0, 0, 1, 0]),
    "sparse of floats": array([np.nan, 1.0, np.nan]),
    "sparse in blocks": array([0, 0, 1, 1, 0, 2], kind="block"),
    "sparse of bool": array([True, False], fill_value=True),
    "sparse of objects": array(objects("a", None, [1]), fill_value=None),
    "sparse, empty": array([]),
    "sparse, full": array(np.array([1, 3], "i1"), fill_value=2),
    "numpy": pd.arrays.NumpyExtensionArray(np.array([1, 2])),
    "numpy of objects": pd.arrays.NumpyExtensionArray(objects([1], None)),
}
if importlib.util.find_spec("pyarrow"):
    ARRAYS |= {
        "str of pyarrow": pd.array(["a", None], dtype=pd.StringDtype("pyarrow", na_value=np.nan)),
        "string of pyarrow": pd.array(["grün", None], dtype="string[pyarrow]"),
        "pyarrow of int8": pd.array([1, None], dtype="int8[pyarrow]"),
        "pyarrow of lists": pd.array([[1.5], None, []], dtype=pd.ArrowDtype(pyarrow.list_(pyarrow.float32()))),
        "pyarrow of times": pd.array(
            [pd.Timestamp("2024-05-01", tz=BERLIN)], dtype="timestamp[ns, Europe/Berlin][pyarrow]"
        ),
        "pyarrow of text": pd.array(["a", None] * 50_000, dtype=pd.ArrowDtype(pyarrow.string())),
        "pyarrow, a slice": pd.array(range(10), dtype="int64[pyarrow]")[3:5],
        "pyarrow, empty": pd.array([], dtype="bool[pyarrow]"),
    }
INDICES = {
    "objects": pd.Index([1, "a", None, 2.5, (1, 2)], dtype=object),
    "own objects": pd.Index([Label("a"), Label("b")]),
    "times as objects": pd.Index([pd.Timestamp("2024-05-01"), pd.NaT], dtype=object),
    "lists": pd.Index([[1], [2]]),
    "empty": pd.Index([]),
    "int8": pd.Index(np.arange(3, dtype="i1")),
    "big-endian": pd.Index(np.arange(3, dtype=">i4")),
    "uint64": pd.Index(np.array([2**64 - 1], "u8")),
    "float32": pd.Index(np.array([1, np.nan], "f4")),
    "complex": pd.Index([1j]),
    "bool": pd.Index([True, False]),
    "str": pd.Index(["a", "b", None]),
    "string": pd.Index(["a", None], dtype="string"),
    "Int64": pd.Index([1, None], dtype="Int64"),
    "sparse": pd.Index(array([0, 0, 1])),
    "named by a float": pd.Index([1], name=3.5),
    "named by a tuple": pd.Index([1], name=("a", None)),
    "range": pd.RangeIndex(3, -9, -2, name=("a", 1)),
    "range, long": pd.RangeIndex(2**40),
    "datetime": pd.DatetimeIndex(["2024-05-01", None]),
    "datetime of seconds": pd.DatetimeIndex(["2024-05-01", "2024-05-05"]).as_unit("s"),
    "datetime of hours": pd.date_range("2024-05-01", periods=4, freq="h", name="t"),
    "datetime of a zone": pd.date_range("2024-03-30", periods=4, tz=BERLIN),
    "datetime, UTC": pd.date_range("2024-05-01", periods=2, tz="UTC"),
    "datetime of working days": pd.date_range("2024-05-01", periods=5, freq="B"),
    "datetime, backwards": pd.date_range("2024-05-01", periods=4, freq="-2D"),
    "datetime, empty": pd.date_range("2024-05-01", periods=0, freq="D"),
    "timedelta": pd.to_timedelta([1, 2, None], unit="s"),
    "timedelta of half hours": pd.timedelta_range("1h", periods=3, freq="30min"),
    "period": pd.period_range("2024-01", periods=3, freq="M", name="p"),
    "period of quarters": pd.PeriodIndex(["2024Q1", None], freq="Q-NOV"),
    "period of three days": pd.period_range("2024-01", periods=3, freq="3D"),
    "interval": pd.interval_range(0, 3, closed="both"),
    "interval of floats": pd.IntervalIndex.from_tuples([(0.5, 1), (np.nan, np.nan)]),
    "interval of times": pd.interval_range(pd.Timestamp("2024-05-01", tz=BERLIN), periods=2),
    "categorical": pd.CategoricalIndex(["a", "b", None, "a"]),
    "categorical, ordered": pd.CategoricalIndex([3, 1], categories=[3, 2, 1], ordered=True, name="c"),
    "categorical of times": pd.CategoricalIndex(pd.date_range("2024-05-01", periods=3)),
    "multi": pd.MultiIndex.from_product([["a", "b"], [1, 2]], names=["x", None]),
    "multi of all kinds": pd.MultiIndex.from_arrays(
        [[1, None, 2], pd.date_range("2024", periods=3), pd.Categorical(["u", "v", "u"])], names=[("a",), 2, "c"]
    ),
    "multi, empty": pd.MultiIndex.from_arrays([[], []]),
    "multi, names twice": pd.MultiIndex.from_tuples([(1, "a"), (1, "a")], names=["n", "n"]),
    "multi, levels unused": pd.MultiIndex.from_product([["a", "b", "c"], [1, 2]])[:2],
    "multi, sorted by one": pd.MultiIndex([[1, 2], [3, 4]], [[0, 0, 1], [0, 1, 0]], sortorder=1),
}
SERIES = {
    "numbers": pd.Series([1.5, np.nan], index=["a", "b"], name="energy"),
    "objects": pd.Series([1, "a", None, [1], {"b": 2}, Label("c")], dtype=object, name=("a", 1)),
    "text as objects": pd.Series(["a", "b"], dtype=object),
    "times as objects": pd.Series([pd.Timestamp("2024-05-01"), pd.NaT, pd.NA], dtype=object),
    "bytes": pd.Series([b"a", b"b"]),
    "empty": pd.Series([], dtype="f2"),
    "float16": pd.Series([0.5, 1], dtype="f2"),
    "datetime": pd.Series(pd.date_range("2024-05-01", periods=3)),
    "attrs": with_attrs(pd.Series([1]), source={"file": "a", 1: [2]}),
    "no duplicates": pd.Series([1]).set_flags(allows_duplicate_labels=False),
    "named by an object": pd.Series([1], name=Label("n")),
    "a part of another": pd.Series(np.arange(10.0))[2:9:3],
    **{f"of {name}": pd.Series(values) for name, values in ARRAYS.items()},
}
MIXED = {
    "x": [1.5, np.nan],
    "n": [1, 2],
    "flag": [True, False],
    "text": ["a", None],
    "time": pd.to_datetime(["2024-05-01", None]),
    "zone": pd.date_range("2024-03-30", periods=2, tz=BERLIN),
    "kind": pd.Categorical(["a", "b"]),
    "Int64": pd.array([1, None], dtype="Int64"),
    "any": objects([1], Label("b")),
}
FRAMES = {
    "mixed": pd.DataFrame(MIXED),
    "one block": pd.DataFrame(np.arange(6.0).reshape(3, 2)),
    "Fortran": pd.DataFrame(np.asfortranarray(np.arange(6).reshape(3, 2)), columns=["a", "b"]),
    "empty": pd.DataFrame(),
    "no rows": pd.DataFrame({"a": pd.Series([], dtype="i4"), "b": pd.Series([], dtype="str")}),
    "no columns": pd.DataFrame(index=["a", "b"]),
    "no columns, labels": pd.DataFrame(columns=pd.Index([], dtype="i8", name="n")),
    "labels twice": pd.DataFrame([[1, "a", 2.5]], columns=["a", "b", "a"]),
    "labels of all kinds": pd.DataFrame([range(5)], columns=objects("a", 1, None, (1, "b"), "~index")),
    "labels of times": pd.DataFrame([[1, 2]], columns=pd.date_range("2024-05-01", periods=2)),
    "labels in levels": pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", 1), ("a", 2)])),
    "labels, named": pd.DataFrame([[1]], columns=pd.Index(["a"], name="quantity")),
    "labels are paths": pd.DataFrame([[1, 2, 3]], columns=["a/b", "~a", ""]),
    "index in levels": pd.DataFrame({"a": [1, 2]}, index=pd.MultiIndex.from_tuples([("a", 1), ("a", 2)])),
    "index twice": pd.DataFrame({"a": [1, 2]}, index=["i", "i"]),
    "objects": pd.DataFrame({"a": objects("a", "b"), "b": objects(1, None)}),
    "attrs": with_attrs(pd.DataFrame({"a": [1]}), source="file", options=[1]),
    "no duplicates": pd.DataFrame({"a": [1]}).set_flags(allows_duplicate_labels=False),
    "wide": pd.DataFrame(np.arange(3.0 * WIDE * 2).reshape(3, -1)),
    "wide, of objects": pd.DataFrame(np.full((2, WIDE + 1), "a", object)),
    "wide, of times": pd.DataFrame(np.zeros((2, WIDE + 1), "M8[s]")),
    "wide, mixed": pd.DataFrame({f"c{n}": [n, n + 1] if n % 2 else ["a", "b"] for n in range(WIDE + 20)}),
    "transposed": pd.DataFrame(MIXED).T,
    "a part of another": pd.DataFrame(np.arange(30.0).reshape(6, 5))[[3, 1]][::2],
    "big": pd.DataFrame({"x": np.arange(20_000.0), "text": [f"row {n}" for n in range(20_000)]}),
    "deep inside": pd.DataFrame({"a": objects(pd.DataFrame({"b": [1]}), pd.Series([1]))}),
}
CASES = {
    f"{kind}: {name}": value
    for kind, table in [("value", VALUES), ("array", ARRAYS), ("index", INDICES), ("series", SERIES), ("frame", FRAMES)]
    for name, value in table.items()
}


# -- what is the same -----------------------------------------------------------------


def check_same(found, expected):
    """Assert that two objects are the same in class, dtype, labels, values and everything that pandas keeps."""
    assert type(found) is type(expected)
    if isinstance(expected, pd.DataFrame):
        check_frame(found, expected)
    elif isinstance(expected, pd.Series):
        check_series(found, expected)
    elif isinstance(expected, pd.Index):
        check_index(found, expected)
    elif isinstance(expected, pd.api.extensions.ExtensionArray):
        check_array(found, expected)
    elif expected is pd.NaT or expected is pd.NA:
        assert found is expected
    else:
        assert (found, repr(found), getattr(found, "unit", 0)) == (
            expected,
            repr(expected),
            getattr(expected, "unit", 0),
        )


def check_frame(found, expected):
    pd.testing.assert_frame_equal(
        found, expected, check_exact=True, check_column_type="exact", check_index_type="exact"
    )
    check_index(found.columns, expected.columns)
    check_common(found, expected)
    for (_, one), (_, other) in zip(found.items(), expected.items(), strict=True):
        check_array(one.array, other.array)


def check_series(found, expected):
    pd.testing.assert_series_equal(found, expected, check_exact=True, check_index_type="exact")
    assert (found.name, type(found.name)) == (expected.name, type(expected.name))
    check_common(found, expected)
    check_array(found.array, expected.array)


def check_common(found, expected):
    check_index(found.index, expected.index)
    assert (found.attrs, found.flags) == (expected.attrs, expected.flags)


def check_index(found, expected):
    assert type(found) is type(expected)
    pd.testing.assert_index_equal(found, expected, exact=True, check_exact=True)
    assert repr(found) == repr(expected)
    assert [(name, type(name)) for name in found.names] == [(name, type(name)) for name in expected.names]
    assert getattr(found, "freq", None) == getattr(expected, "freq", None)
    if isinstance(expected, pd.MultiIndex):
        assert found.sortorder == expected.sortorder
        for one, other in zip([*found.levels, *found.codes], [*expected.levels, *expected.codes], strict=True):
            check_index(one, other) if isinstance(one, pd.Index) else check_array(one, other)
    elif not isinstance(expected, pd.RangeIndex):
        check_array(found.array, expected.array)


def check_array(found, expected):
    assert (type(found), found.dtype, len(found)) == (type(expected), expected.dtype, len(expected))
    assert repr(found) == repr(expected) or found.dtype == object
    if isinstance(expected, np.ndarray):
        np.testing.assert_array_equal(found, expected)
        return
    pd.testing.assert_extension_array_equal(found, expected, check_exact=True)
    if isinstance(expected, pd.Categorical):
        assert found.codes.dtype == expected.codes.dtype
        check_index(found.categories, expected.categories)
    elif isinstance(expected, (pd.arrays.IntegerArray, pd.arrays.FloatingArray, pd.arrays.BooleanArray)):
        assert found._data.tobytes() == expected._data.tobytes()
    elif isinstance(expected, pd.arrays.SparseArray):
        assert (found.sp_index.equals(expected.sp_index), found.kind) == (True, expected.kind)
        assert type(found.fill_value) is type(expected.fill_value)


def through(suffix, tmp_path, obj):
    """An object that was stored and loaded."""
    if suffix == "memory":
        storage = ps.MemoryStorage()
        storage["x"] = [obj]
        return storage.load("x")[0]
    ps.save([obj], tmp_path / f"it{suffix}")
    return ps.load(tmp_path / f"it{suffix}")[0]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("name", CASES)
def test_comes_back_as_with_pickle(name, suffix, tmp_path):
    expected = pickle.loads(pickle.dumps(CASES[name], protocol=5))
    check_same(through(suffix, tmp_path, CASES[name]), expected)


def document(obj, folder):
    """The lines of the record of an object."""
    ps.save(obj, folder / "it.json")
    return json.loads((folder / "it.json").read_bytes())["groups"]["object"]["nodes"]["record"]["lines"]


@pytest.mark.parametrize("name", CASES)
def test_record_names_nothing_inside_pandas(name, tmp_path):
    header, *_ = document([CASES[name]], tmp_path)
    assert [entry["name"] for entry in header["types"] if entry["name"].startswith("pandas")] == []


ALONE = """
import pickle, sys
sys.path.insert(0, sys.argv[1])
import pyiron_storage as ps
assert "pandas" not in sys.modules
found = ps.load(sys.argv[2])
import test_pandas
expected = pickle.load(open(sys.argv[3], "rb"))
assert list(found) == list(expected) and len(expected) > 100
for name in expected:
    test_pandas.check_same(found[name], expected[name])
"""


def run(code, *arguments):
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("suffix", [".h5", ".json"])
def test_all_come_back_in_a_second_process(suffix, tmp_path):
    ps.save(CASES, tmp_path / f"it{suffix}")
    (tmp_path / "it.pickle").write_bytes(pickle.dumps(CASES, protocol=5))
    run(ALONE, Path(__file__).parent, tmp_path / f"it{suffix}", tmp_path / "it.pickle")


# -- what one object is ------------------------------------------------------------------


def stored(obj):
    storage = ps.MemoryStorage()
    storage["x"] = obj
    return storage


def again(obj):
    return stored(obj).load("x")


def test_what_is_shared_is_shared_again():
    index, labels = pd.Index(["a", "b"]), pd.Index(["x"])
    series, frame = pd.Series([1, 2], index=index), pd.DataFrame({"x": [1, 2]}, index=index)
    frame.columns = labels
    other = pd.DataFrame({"x": [3, 4]}, index=index)
    other.columns = labels
    assert frame.index is other.index is series.index
    assert frame.columns is other.columns
    one, two, three, four, five = again([series, series, frame, other, index])
    assert one is two
    assert one.index is three.index is four.index is five
    assert three.columns is four.columns


def test_array_of_a_series_is_shared_with_the_user():
    numbers, kinds = np.arange(3.0), pd.Categorical(["a", "b", "a"])
    obj = [numbers, pd.Series(numbers, copy=False), kinds, pd.Series(kinds, copy=False)]
    for found in (obj, again(obj)):
        found[0][0] = 7
        found[2][0] = "b"
        assert (found[1].iloc[0], found[3].iloc[0]) == (7, "b")


def test_categories_of_many_columns_are_one():
    dtype = pd.CategoricalDtype([f"category {n}" for n in range(100)])
    frame = pd.DataFrame({name: pd.Categorical.from_codes([0, 1], dtype=dtype) for name in "abc"})
    found = again(frame)
    check_same(found, frame)
    assert found["a"].cat.categories is found["b"].cat.categories is found["c"].cat.categories


def test_objects_in_columns_keep_their_identity():
    item = [1]
    series, frame, found = again(
        [pd.Series([item, item]), pd.DataFrame({"a": objects(item), "b": objects(item)}), item]
    )
    assert all(one is found for one in [*series, frame["a"].iloc[0], frame["b"].iloc[0]])


def test_cycle_through_a_frame():
    node = Node()
    node.frame = pd.DataFrame({"a": [1]}, index=pd.Index([node]))
    node.series = pd.Series([node], name=node)
    node.frame.attrs["node"] = node
    for found in (again(node), again(node.frame).index[0], again([node.series])[0].name):
        assert found.frame.index[0] is found is found.series.iloc[0] is found.series.name
        assert found.frame.attrs["node"] is found
        assert found.frame.to_numpy().tolist() == [[1]]


@pytest.mark.parametrize(
    "make",
    [
        lambda node: pd.Index([node]),
        lambda node: pd.Categorical([node]),
        lambda node: pd.CategoricalIndex([node]),
        lambda node: pd.MultiIndex.from_arrays([[node], [1]]),
        lambda node: pd.Index([(node, 1)], tupleize_cols=False),
    ],
)
def test_cycle_through_an_index(make):
    node = Node()
    node.index = make(node)
    first = lambda index: index[0][0] if type(index[0]) is tuple else index[0]  # noqa: E731
    for found in (again(node.index), again([node.index])[0], again(node).index, again({1: (node.index,)})[1][0]):
        assert first(found).index is found
        assert (type(found), str(found.dtype)) == (type(node.index), str(node.index.dtype))


def test_cycle_through_the_attrs_of_a_frame():
    frame = pd.DataFrame({"a": [1]})
    frame.attrs["itself"] = frame
    for found in again(frame), again([frame.attrs, frame])[1], again([frame, frame.attrs])[0]:
        assert found.attrs["itself"] is found


# -- parts --------------------------------------------------------------------------------


@pytest.fixture
def frame():
    index = pd.date_range("2024-05-01", periods=2, freq="h", name="when")
    return with_attrs(pd.DataFrame(MIXED).set_axis(index), source={"file": "a"})


def test_part_of_a_frame(frame):
    storage = stored({"df": frame})
    np.testing.assert_array_equal(storage["x/df/x"], [1.5, np.nan])
    np.testing.assert_array_equal(storage["x/df/n"], [1, 2])
    assert storage["x/df/time"].dtype == frame["time"].dtype
    assert storage["x/df/text/values"] == ["a", ""]
    assert storage["x/df/text/mask"].tolist() == [False, True]
    assert storage["x/df/kind/codes"].tolist() == [0, 1]
    assert storage["x/df/~attrs/source/file"] == "a"
    assert storage["x/df/~index/freq"] == "h"
    assert storage["x/df/any/0"] == [1]
    assert storage["x/df/~items/1"].tolist() == [1, 2]
    for part, expected in [("~index", frame.index), ("~columns", frame.columns), ("kind", frame["kind"].array)]:
        check_same(storage.load(f"x/df/{part}"), expected)
    check_same(storage.load("x/df"), frame)


def test_parts_of_a_frame_are_its_columns(frame):
    view = stored(frame)["x"]
    assert [str(part) for part in view] == [*MIXED, "~columns", "~index", "~attrs"]
    assert [part in view for part in ("x", "~index", "y", "~values")] == [True, True, False, False]
    assert view["any/0"] == [1]
    assert repr(view).startswith("<view of pandas.DataFrame with 12 parts")
    with pytest.raises(ps.PathNotFoundError, match="'flag'"):
        view["flags"]


@pytest.mark.parametrize(
    ("columns", "parts"),
    [
        (["a/b", "~a"], ["a~1b", "~0a"]),
        (objects(1, (1, "b")), ["~:1", '~:[1,"b"]']),
        (None, ["~:0", "~:1"]),
        (["a", "a"], ["~items"]),
        (pd.Index([7, 8]), ["~items"]),
        (pd.date_range("2024-05-01", periods=2), ["~items"]),
    ],
)
def test_labels_as_parts(columns, parts):
    storage = stored(pd.DataFrame([[1, 2]], columns=columns))
    found = [path.removeprefix("x/") for path, _ in storage.walk()][1 : 1 + len(parts)]
    assert found == parts
    numbers = [storage[f"x/{part}"][0] for part in parts] if len(parts) == 2 else [n[0] for n in storage["x/~items"]]
    assert numbers == [1, 2]
    assert [storage[f"x/~items/{n}"][0] for n in (0, 1)] == [1, 2]


def test_very_many_labels_are_parts():
    frame = pd.DataFrame({f"column {n}": [n if n % 2 else n / 2] for n in range(MANY)})
    storage = stored(frame)
    assert [storage[f"x/column {n}"].tolist() for n in (0, 1, MANY - 1)] == [[0], [1], [MANY - 1]]
    assert storage["x"].info("column 0").dtype == "<f8"
    check_same(storage.load("x"), frame)


def test_walk_lists_each_column_and_piece_once(frame):
    storage = stored(frame)
    listed = [path for path, _ in storage.walk()]
    assert len(set(listed)) == len(listed)
    assert [path for path in listed if path.count("/") == 1] == [f"x/{part}" for part in map(str, storage["x"])]
    assert all(path in storage for path in listed)


def test_copied_without_pandas_objects(frame):
    source, target = stored({"df": frame}), ps.MemoryStorage()
    target["copy"] = source["x/df"]
    check_same(target.load("copy"), frame)


@pytest.mark.parametrize(
    ("make", "path"),
    [
        (lambda bad: pd.DataFrame({"a": objects(bad)}), "x/a/0"),
        (lambda bad: pd.DataFrame({1: objects(bad)}), "x/~items/0/0"),
        (lambda bad: with_attrs(pd.DataFrame({"a": [1]}), by=bad), "x/~attrs/by"),
        (lambda bad: pd.Series(objects(1, bad)), "x/values/1"),
    ],
)
def test_what_cannot_be_stored_is_named_by_its_path(make, path):
    with pytest.raises(ps.NotStorableError, match=f"^{path} of type"):
        stored(make(n for n in "ab"))


def test_column_named_like_a_reserved_part():
    frame = pd.DataFrame({"~index": [5], "~items": [6]})
    storage = stored(frame)
    assert [storage["x"][name][0] for name in frame] == [5, 6]
    assert [path for path, _ in storage.walk()][1:3] == ["x/~0index", "x/~0items"]
    check_same(storage.load("x"), frame)


def test_parts_of_series_and_arrays():
    storage = stored(
        [pd.Series([1, 2], index=["a", "b"], name="n"), ARRAYS["Int64"], INDICES["multi"], VALUES["Period"]]
    )
    assert storage["x/0/values"].tolist() == [1, 2]
    assert storage["x/0/name"] == "n"
    assert storage["x/0/index/values/values"] == ["a", "b"]
    assert storage["x/1/mask"].tolist() == [False, True]
    assert storage["x/2/codes/1"].tolist() == [0, 1, 0, 1]
    assert storage["x/3/freq"] == "M"


def test_wide_frame_is_one_array():
    frame = pd.DataFrame(np.arange(2.0 * (WIDE + 1)).reshape(2, -1))
    storage = stored(frame)
    np.testing.assert_array_equal(storage["x/~values"], frame.to_numpy())
    assert [str(part) for part in storage["x"]] == ["~columns", "~index", "~values"]


def test_parts_of_a_frame_cannot_be_changed_alone(frame):
    storage = stored(frame)
    for change in (lambda: storage.__setitem__("x/n", 3), lambda: storage.__delitem__("x/n")):
        with pytest.raises(ps.ReadOnlyError, match="Store a new one"):
            change()
    with pytest.raises(ps.ReadOnlyError):
        storage["x/~items"]["0"] = 3
    storage["x/~attrs/source"] = "b"
    assert storage.load("x").attrs == {"source": "b"}


def test_part_is_loaded_alone_and_its_array_is_native(tmp_path):
    frame = pd.DataFrame({"x": np.arange(20_000.0), "kind": pd.Categorical(np.arange(20_000) % 700)})
    ps.save({"df": frame}, tmp_path / "it.h5")
    np.testing.assert_array_equal(ps.load(tmp_path / "it.h5", "df/x"), frame["x"])
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "it.h5") as file:
        names = {name.rpartition("/")[2]: dataset.shape for name, dataset in file["object/arrays"].items()}
    assert names == {"x-1": (20_000,)}


WITHOUT_PANDAS = """
import sys
sys.modules["pandas"] = None  # cannot be imported
import pyiron_storage as ps
with ps.open_storage(sys.argv[1], "r") as storage:
    found = {path: (info.kind, info.dtype) for path, info in storage.walk()}
    assert found["object/frame: mixed/x"] == ("array", "<f8"), found
    assert storage["object/frame: mixed/n"].tolist() == [1, 2]
    assert storage["object/frame: mixed/text/values"] == ["a", ""]
    try:
        storage.load("object/frame: mixed")
    except ps.CannotImportError as error:
        assert "pandas" in str(error) and "Install it" in str(error)
    else:
        raise AssertionError("loaded")
"""


def test_browsing_needs_no_pandas(tmp_path):
    ps.save(CASES, tmp_path / "it.h5")
    run(WITHOUT_PANDAS, tmp_path / "it.h5")


def test_storing_imports_no_pandas():
    store = "import sys, pyiron_storage as ps; ps.MemoryStorage()['x'] = [object, 1j, ps]"
    run(f"{store}; assert not {{'pandas', 'scipy'}} & set(sys.modules)")


# -- what goes by the pickle protocol -------------------------------------------------------


def test_subclasses_keep_their_class_and_attributes():
    frame = Named({"a": [1, 2]})
    frame.source = "file"
    found, series = again([frame, NamedSeries([1, 2])])
    assert (type(found), found.source, type(series)) == (Named, "file", NamedSeries)
    pd.testing.assert_frame_equal(found, frame)
    pd.testing.assert_series_equal(series, NamedSeries([1, 2]))


def test_metadata_of_one_frame():
    frame = pd.DataFrame({"a": [1]})
    frame._metadata = ["source"]
    object.__setattr__(frame, "source", "file")
    assert again(frame).source == "file"


@pytest.mark.parametrize(
    "freq",
    [
        offsets.CustomBusinessDay(holidays=["2024-05-01"]),
        offsets.DateOffset(months=2),
        offsets.BusinessHour(start="10:00"),
        offsets.MonthEnd(normalize=True),
        offsets.FY5253(weekday=3, startingMonth=2),
    ],
)
def test_frequency_without_an_alias(freq):
    index = pd.date_range("2024-05-01", periods=3, freq=freq)
    found = again(index)
    check_same(found, index)
    assert (type(found.freq), found.freq) == (type(freq), freq)


@pytest.mark.parametrize(
    "alias", ["D", "h", "-3h", "ME", "MS", "QE-NOV", "YS-MAR", "W-THU", "B", "SME-10", "250ms", "2ns"]
)
def test_frequency_with_an_alias(alias, tmp_path):
    index = pd.date_range("2024-05-01", periods=3, freq=alias)
    assert document(index, tmp_path)[1]["nodes"]["freq"] == index.freqstr
    check_same(again(index), index)


# -- damage ----------------------------------------------------------------------------------


def pieces(node, path=()):
    """Every place below a node where a piece, a column or what they consist of stands."""
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in inner:
        if "$" not in node or key in ("nodes", "items"):
            yield (*path, key)
            yield from pieces(value, (*path, key))


DAMAGE = [None, -1, 10**6, "x", [], {}, [[1]], {"$": "tuple", "items": []}, {"$": "float", "text": "nan"}]
DAMAGED = ["frame: mixed", "index: multi of all kinds", "series: attrs", "frame: wide", "value: Timestamp of a zone"]
DAMAGED += [f"array: {name}" for name in ARRAYS if not {"long", "many"} & set(name.split())]


def put(nodes, path, value):
    *above, key = path
    for step in above:
        nodes = nodes[step]
    nodes[key] = value


@pytest.mark.parametrize("name", DAMAGED)
def test_damage_gives_an_error_of_the_library_or_an_object(name):
    record = stored([CASES[name]])["x"]._source.record()
    pristine = pickle.dumps([record.node(line) for line in range(2, len(record) + 1)])
    for path in list(pieces(pickle.loads(pristine))):
        for damage in DAMAGE if len(path) > 2 else []:
            nodes = pickle.loads(pristine)
            put(nodes, path, damage)
            for line, node in enumerate(nodes, 2):
                record.replace(line, node)
            with contextlib.suppress(ps.StorageError):
                repr(Decoder(record).root())


def test_codes_beyond_their_categories_are_refused():
    storage = stored(pd.Categorical(["a", "b"]))
    record = storage["x"]._source.record()
    record.node(2)["nodes"]["categories"]["nodes"]["values"]["nodes"]["values"].pop()
    record.touch(2)
    with pytest.raises(ps.DamagedRecordError, match="no categorical can be made"):
        storage.load("x")


# -- text in Arrow's memory ---------------------------------------------------------------

TEXTS = {
    "unique": [f"atom-{i}" for i in range(3000)],
    "few": ["fcc", "bcc", "h\u00e9p"] * 1000,
    "one": ["same"] * 3000,
    "missing": [None if i % 7 == 0 else f"x{i}" for i in range(3000)],
    "few and missing": ["fcc", None, ""] * 1000,
    "all missing": [None] * 3000,
    "line ends": [f"a\n{i}" if i % 100 == 0 else f"b{i}" for i in range(3000)],
    "empty": [""] * 2999 + ["x"],
    "unicode": [f"\u00fc\U0001f600{i}" for i in range(3000)],
    "at first few": ["a"] * 300 + [f"x{i}" for i in range(2700)],
    "NUL": [f"a\0{i}" for i in range(3000)],
    "short": ["a", "b"],
    "of one length": ["fcc", "h\u00e9"] * 40,
    "returns": ["a\r\nb", "\r", "", "\u2028x"] * 40,
    "none": [],
}


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("missing", [np.nan, pd.NA])
@pytest.mark.parametrize("file", ["f.h5", "f.jsondir", "f.json"])
def test_text_that_arrow_holds_is_written_as_any_text(name, missing, file):
    pytest.importorskip("pyarrow")
    arrow = pd.array(TEXTS[name], dtype=pd.StringDtype("pyarrow", na_value=missing))
    python = pd.array(TEXTS[name], dtype=pd.StringDtype("python", na_value=missing))
    for array in (arrow, arrow[::2], arrow[5:], pd.concat([pd.Series(arrow)] * 2).array):
        ps.save({"series": pd.Series(array), "index": pd.Index(array), "frame": pd.DataFrame({"a": array})}, file)
        found = ps.load(file)
        for part in (found["series"].array, found["index"].array, found["frame"]["a"].array):
            assert type(part) is type(array)
            assert part.dtype == array.dtype
            pd.testing.assert_extension_array_equal(part, array)
    ps.save(arrow, "arrow.jsondir")
    ps.save(python, "python.jsondir")
    of_arrow, of_python = (
        [path.read_bytes() for path in sorted(pathlib.Path(where).rglob("*.npy"))]
        for where in ("arrow.jsondir", "python.jsondir")
    )
    assert of_arrow == of_python  # the same bytes, whoever held them


WITHOUT_PYARROW = """
import sys
sys.modules["pyarrow"] = None
import pandas as pd, pyiron_storage as ps
texts = {texts!r}
array = pd.array(texts, dtype="str")
assert array.dtype.storage == "python"
ps.save(array, "python.jsondir")
for file in ("arrow.jsondir", "arrow.h5"):
    loaded = ps.load(file)
    assert loaded.dtype == array.dtype and loaded.equals(array), loaded
assert ps.load("of NA.h5").dtype == pd.StringDtype("python")
"""


@pytest.mark.parametrize("name", TEXTS)
def test_text_is_the_same_file_with_and_without_pyarrow(name, tmp_path, monkeypatch):
    pytest.importorskip("pyarrow")
    monkeypatch.chdir(tmp_path)
    array = pd.array(TEXTS[name], dtype="str")
    assert array.dtype.storage == "pyarrow"
    ps.save(array, "arrow.jsondir")
    ps.save(array, "arrow.h5")
    ps.save(pd.array(TEXTS[name], dtype="string[pyarrow]"), "of NA.h5")
    subprocess.run([sys.executable, "-c", WITHOUT_PYARROW.format(texts=TEXTS[name])], check=True)
    of_arrow, of_python = (
        [path.read_bytes().partition(b"\n")[2] for path in sorted(Path(where).rglob("record-*.jsonl"))]
        for where in ("arrow.jsondir", "python.jsondir")
    )
    assert of_arrow == of_python
    loaded = ps.load("python.jsondir")
    assert loaded.dtype.storage == "pyarrow"
    pd.testing.assert_extension_array_equal(loaded, array)


def test_what_keeps_text_is_kept_where_it_is_not_the_usual():
    for dtype in (pd.StringDtype("python", na_value=np.nan), pd.StringDtype("python"), pd.StringDtype()):
        assert again(pd.array(["a", None], dtype=dtype)).dtype.storage == dtype.storage


@pytest.mark.parametrize("missing", [np.nan, pd.NA])
def test_one_text_of_many_is_read_changed_and_found(missing):
    texts = [f"\u00fcatom {n % 13}" for n in range(200)]
    storage = stored(pd.Series(texts, dtype=pd.StringDtype("python", na_value=missing)))
    values = storage["x/values/values"]
    assert values[77] == texts[77]
    assert values[190:] == texts[190:]
    assert storage["x/values/values/3"] == texts[3]
    values[5] = "\u00fcATOM 5"
    texts[5] = "\u00fcATOM 5"
    assert values[4:7] == texts[4:7]
    values[6] = texts[6] = "longer than it was"
    assert storage.load("x").tolist() == texts
    assert sum(path.startswith("x/values/values/") for path, _ in storage.walk()) == 200


def test_bytes_that_are_no_text_are_refused():
    for damage in ({"lengths": 3}, {"lengths": -2}, {"at": [0, 199]}, {"at": [1, 200]}, {"count": 99}):
        storage = stored(pd.array(["\u00e9"] * 100 + ["a"], dtype=pd.StringDtype("python", na_value=np.nan)))
        record = storage["x"]._source.record()
        record.node(2)["nodes"]["values"].update(damage)
        record.touch(2)
        with pytest.raises(ps.DamagedRecordError):
            storage.load("x")


def test_text_of_arrow_costs_no_string_for_each_entry():
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"a": pd.array([f"atom-{i}" for i in range(50_000)], dtype="str")})
    for work in (lambda: ps.save(frame, "f.h5"), lambda: ps.load("f.h5")):
        work()
        tracemalloc.start()
        work()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 50_000 * 40  # bytes; a str of Python has 60
