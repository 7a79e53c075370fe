"""`diff` says what differs, by path, and nothing where nothing does."""

import collections
import datetime
import decimal
import enum
import math

import numpy as np
import pytest

import pyiron_storage as ps


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Node:
    def __init__(self, **attributes):
        self.__dict__.update(attributes)


class Other(Node):
    pass


def differences(first, second):
    storages = ps.MemoryStorage(), ps.MemoryStorage()
    for storage, thing in zip(storages, (first, second), strict=True):
        storage["x"] = thing
    assert ps.diff(storages[0], storages[0]) == []
    return [(change.kind, change.path.removeprefix("x/")) for change in ps.diff(*storages)]


SAME = [
    None,
    math.nan,
    1 + 2j,
    "text",
    b"bytes" * 100,
    [1, "a", None],
    {1: 2, (1, 2): 3},
    {"b", "a"},
    decimal.Decimal("1.5"),
    datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC),
    Colour.RED,
    range(10),
    range(10**20),
    collections.deque([1, 2], maxlen=3),
    collections.OrderedDict(a=1),
    Node(a=1, b=[Node(c=2)]),
    np.array([1.0, np.nan]),
    np.array(["a", "bc"]),
    np.array(["NaT", "2020"], "M8[D]"),
    np.array([(1, 2.0)], [("x", "i4"), ("y", "f8")]),
    np.array([1, "a"], object),
    np.float32(1.5),
    int,
    [{"a": i, "b": str(i)} for i in range(100)],
    [Node(a=i) for i in range(100)],
    [float(i) for i in range(100)],
    {f"key{i}": i for i in range(100)},
    [i if i % 3 else str(i) for i in range(100)],
]


@pytest.mark.parametrize("thing", SAME, ids=lambda thing: type(thing).__name__)
def test_what_is_the_same_does_not_differ(thing):
    assert differences(thing, thing) == []


@pytest.mark.parametrize(
    ("first", "second", "changes"),
    [
        (1, 2, [("changed", "x")]),
        (1, 1.0, [("changed", "x")]),
        (1, True, [("changed", "x")]),
        ("a", "b", [("changed", "x")]),
        (1, [1], [("changed", "x")]),
        ([1, 2, 3], [1, 5, 3], [("changed", "1")]),
        ([1, 2, 3], [1, 2], [("removed", "2")]),
        ([1, 2], (1, 2), [("changed", "x")]),
        ({"a": 1, "b": 2}, {"b": 3, "c": 4}, [("removed", "a"), ("changed", "b"), ("added", "c")]),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, []),
        ({1: 2}, {1: 3}, [("changed", "~:1")]),
        ({"a/b": 1}, {"a/b": 2}, [("changed", "a~1b")]),
        ({1, 2}, {2, 3}, [("removed", "x"), ("added", "x")]),
        ([[1, [2]], {"a": {}}], [[1, [3]], {"a": {"b": 1}}], [("changed", "0/1/0"), ("added", "1/a/b")]),
        (Node(a=1), Node(a=2), [("changed", "a")]),
        (Node(a=1), Other(a=1), [("changed", "x")]),
        (Colour.RED, Colour.BLUE, [("changed", "x")]),
        (range(10**20), range(10**20 + 1), [("changed", "x")]),
        (collections.deque([1], maxlen=3), collections.deque([1], maxlen=4), [("changed", "x")]),
        (int, float, [("changed", "x")]),
        (math.sin, math.cos, [("changed", "x")]),
        (np.zeros(3), np.zeros(4), [("changed", "x")]),
        (np.zeros(3), np.zeros(3, np.float32), [("changed", "x")]),
        (np.array([1, "a"], object), np.array([1, "b"], object), [("changed", "1")]),
        (np.zeros(2, "i4,f8"), np.array([(0, 0.0), (0, 1.0)], "i4,f8"), [("changed", "x")]),
        (
            [{"a": i, "b": str(i)} for i in range(1000)],
            [{"a": i if i != 500 else -1, "b": str(i)} for i in range(1000)],
            [("changed", "500/a")],
        ),
        ({f"k{i}": i for i in range(1000)}, {f"k{i}": i for i in range(1001)}, [("added", "k1000")]),
        ([float(i) for i in range(1000)], [float(i) for i in range(999)] + [0.5], [("changed", "999")]),
        (decimal.Decimal(1), decimal.Decimal(2), [("changed", "x")]),
        (b"a" * 1000, b"a" * 999 + b"b", [("changed", "x")]),
    ],
    ids=lambda thing: type(thing).__name__,
)
def test_what_differs_is_named_by_its_path(first, second, changes):
    assert differences(first, second) == changes


def test_cycles_end_and_what_is_shared_is_compared_once():
    def loop(value):
        shared = {"value": value}
        made = {"a": shared, "b": shared}
        made["self"] = made
        return made

    assert differences(loop(1), loop(1)) == []
    assert differences(loop(1), loop(2)) == [("changed", "a/value")]
    chain = other = None
    for i in range(3000):
        chain, other = [i, chain], [i, other]
    assert differences(chain, other) == []


def test_arrays_say_how_many_entries_differ_and_by_how_much():
    ps.save({"a": np.zeros((3, 4))}, "a.h5")
    ps.save({"a": np.eye(3, 4) * 2}, "b.jsondir")
    (change,) = ps.diff("a.h5", "b.jsondir")
    assert change.detail == "3 of 12 entries differ, by at most 2"
    assert str(change) == "~ object/a  float64 (3, 4), 96 B: 3 of 12 entries differ, by at most 2"


def test_code_that_is_kept_by_value_is_compared():
    def with_function(storage, number):
        scope = {"__name__": "__main__"}
        exec(f"def f(x): return x + {number}", scope)
        storage["f"] = {"f": scope["f"], "g": [scope["f"]]}

    first, second, third = ps.MemoryStorage(), ps.MemoryStorage(), ps.MemoryStorage()
    for storage, number in ((first, 1), (second, 1), (third, 2)):
        with_function(storage, number)
    assert ps.diff(first, second) == []
    (change,) = ps.diff(first, third)
    assert "code" in change.detail


def test_paths_and_back_ends_may_be_different():
    ps.save({"run": {"x": 1}}, "a.h5")
    with ps.open_storage("b.json") as storage:
        storage["other/run"] = {"x": 2}
        (change,) = ps.diff("a.h5", storage, "run", "other/run")
        assert (change.path, change.old, change.new) == ("x", "int  1", "int  2")
        (change,) = ps.diff(storage["other/run"], storage["other"], "", "run/x")
        assert change.path == ""
    with pytest.raises(ps.PathNotFoundError):
        ps.diff("a.h5", "b.json", "nowhere")
    ps.save(1, "p.pkl")
    with pytest.raises(ps.UnsupportedOperationError):
        ps.diff("a.h5", "p.pkl")


def test_what_cannot_be_read_is_not_called_equal():
    with ps.open_storage("d.h5") as storage:
        storage["bad"] = {"a": 1}
    import h5py

    with h5py.File("d.h5", "r+") as file:
        file["bad/record"].write_direct(np.array(bytes(file["bad/record"][()])[:-3] + b"zzz", file["bad/record"].dtype))
    with pytest.raises(ps.DamagedRecordError):
        ps.diff("d.h5", "d.h5")
