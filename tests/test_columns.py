"""Many like things: what comes back, who is whom, and how parts of them are read and changed."""

import datetime
import math
import pickle

import numpy as np
import pytest
from graphs import ROWS, Point, difference
from hypothesis import given, settings
from hypothesis import strategies as st

import pyiron_storage as ps


class Row:
    def __init__(self, **attributes):
        self.__dict__.update(attributes)


class Holder(ps.Storable):
    stored = 0

    def __init__(self, value):
        self.value = value

    def _store(self, storage):
        Holder.stored += 1
        storage["value"] = self.value

    @classmethod
    def _restore(cls, storage, version):
        return cls(storage["value"])


def back(thing):
    storage = ps.MemoryStorage()
    storage["it"] = thing
    return storage.load("it")


def document(thing):
    storage = ps.MemoryStorage()
    storage["it"] = thing
    return storage["it"]._place().record.text()


SCALARS = st.one_of(
    st.lists(st.integers(), min_size=8, max_size=80),
    st.lists(st.integers(-(2**63), 2**64 - 1), min_size=8, max_size=80),
    st.lists(st.integers(0, 300), min_size=64, max_size=80),
    st.lists(st.floats(), min_size=8, max_size=80),
    st.lists(st.booleans(), min_size=8, max_size=80),
    st.lists(st.text(max_size=4), min_size=8, max_size=80),
    st.lists(st.sampled_from(["a", "a\n", "", "\ud800", "é"]), min_size=64, max_size=80),
    st.lists(st.none() | st.integers(0, 5) | st.just(0.5), min_size=8, max_size=80),
)


def rows(cells):
    """Lists of like things made of cells: dicts, instances, lists, tuples, arrays."""
    keys = st.lists(st.sampled_from(["a", "b", "$", "", "x/y"]), unique=True, max_size=3)
    return st.one_of(
        keys.flatmap(lambda names: many(st.fixed_dictionaries(dict.fromkeys(names, cells)))),
        keys.flatmap(lambda names: many(st.fixed_dictionaries(dict.fromkeys(names, cells)).map(lambda d: Row(**d)))),
        many(st.lists(cells, max_size=3)),
        many(st.tuples(cells, cells)),
        many(st.integers(0, 2).map(lambda n: np.full((2, n), n * 0.5))),
        many(st.one_of(cells, st.dictionaries(st.sampled_from("ab"), cells, max_size=2))),
    )


def many(row):
    return st.lists(row, min_size=8, max_size=12)


CELLS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.binary(max_size=2),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.tuples(inner), st.fixed_dictionaries({"k": inner}), rows(inner)
    ),
    max_leaves=6,
)
TABLES = st.one_of(SCALARS, rows(CELLS), SCALARS.map(lambda values: {f"k{i}": value for i, value in enumerate(values)}))


@settings(max_examples=300, deadline=None)
@given(TABLES)
def test_tables_come_back_as_with_pickle(table):
    assert difference(pickle.loads(pickle.dumps(table)), back(table)) == ""
    assert difference(pickle.loads(pickle.dumps([table, table])), back([table, table])) == ""


@settings(max_examples=100, deadline=None)
@given(TABLES, st.data())
def test_parts_of_tables_are_read_and_changed(table, data):
    storage = ps.MemoryStorage()
    storage["it"] = table
    keys = list(table) if isinstance(table, dict) else range(len(table))
    key = data.draw(st.sampled_from(list(keys)))
    found = storage["it"][key]
    found = found.to_object() if isinstance(found, ps.View) else found
    found = found.copy() if isinstance(found, np.ndarray) else found  # what a view gives is read-only
    assert difference(pickle.loads(pickle.dumps(table[key])), found) == ""
    value = data.draw(CELLS)
    storage["it"][key] = value
    table[key] = value
    if isinstance(table, list):
        storage["it"].append(value)
        table.append(value)
        del storage["it"][0], table[0]
    assert len(storage["it"]) == len(table)
    loaded = storage.load("it")
    for number in list(loaded) if isinstance(loaded, dict) else range(len(loaded)):
        assert difference(pickle.loads(pickle.dumps(table[number])), loaded[number]) == ""


WRAPPED = {
    "list": lambda rows: rows,
    "dict": lambda rows: {f"k{i}": row for i, row in enumerate(rows)},
    "cells": lambda rows: [{"row": row, "i": i} for i, row in enumerate(rows)],
    "lists": lambda rows: [[row, i] for i, row in enumerate(rows)],
    "shared": lambda rows: [rows, rows[2:6]],
}


def make_rows(name, count, shared):
    """Rows of a kind; some hold what is shared, and there may be nothing else that does."""
    return [ROWS[name](i, shared if i % 4 == 1 else i) for i in range(count)]


@pytest.mark.parametrize("wrap", WRAPPED)
@pytest.mark.parametrize("name", ROWS)
def test_like_things_of_each_kind_come_back_as_with_pickle(name, wrap):
    for count in (8, 40, 70, 300):
        thing = WRAPPED[wrap](make_rows(name, count, ["shared"]))
        expected = pickle.loads(pickle.dumps(thing))
        assert difference(expected, back(thing)) == ""


@pytest.mark.parametrize("file", [None, "f.h5", "f.jsondir"])
@pytest.mark.parametrize("name", ROWS)
def test_parts_of_like_things_of_each_kind_are_read_and_changed(name, file):
    rows = make_rows(name, 70, ["shared"])
    with ps.open_storage(file) if file else ps.MemoryStorage() as storage:
        storage["it"] = {"rows": rows, "array": np.array([*rows, None], object)[:-1]}
        for part in ("rows", "array"):
            for i in (0, 1, 33, 69):
                assert difference(pickle.loads(pickle.dumps(rows[i])), storage.load(f"it/{part}/{i}")) == ""
        assert [path for path, _ in storage.walk() if path.count("/") == 2][:70] == [f"it/rows/{i}" for i in range(70)]
        storage["it/rows/33"] = rows[33] = ["changed"]
        storage["it/rows"].append(rows[1])
        del storage["it/rows"][0]
        found = storage.load("it")
    expected = pickle.loads(pickle.dumps([*rows[1:], rows[1]]))
    assert difference(expected[:-1], found["rows"][:-1]) == ""
    assert difference(expected[-1], found["rows"][-1]) == ""
    assert len(found["array"]) == 70


def test_what_something_else_holds_stays_shared():
    shared, rows = [1, 2], [{"n": i, "list": [i]} for i in range(20)]
    for row in rows[3:7]:
        row["list"] = shared
    found = back({"rows": rows, "fourth": rows[4], "shared": shared})
    assert found["fourth"] is found["rows"][4]
    assert found["shared"] is found["rows"][3]["list"] is found["rows"][6]["list"]
    again = [Row(n=i) for i in range(20)]
    again += again[:10]
    found = back(again)
    assert all(found[i] is found[i + 20] for i in range(10))


def test_rows_may_hold_the_list_that_holds_them():
    rows = []
    rows.extend({"n": i, "all": rows} for i in range(20))
    found = back(rows)
    assert all(row["all"] is found for row in found)


def test_classes_that_store_themselves_still_do():
    Holder.stored = 0
    found = back([Holder(i) for i in range(30)])
    assert Holder.stored == 30
    assert [holder.value for holder in found] == list(range(30))


def test_columns_are_small():
    rows = [
        {"id": i, "name": f"name{i}", "x": i * 0.5, "flag": i % 2 == 0, "none": None, "pos": (0.1, i)}
        for i in range(5000)
    ]
    header, columns = document(rows).split(b"\n", 1)
    assert len(columns) < 900
    header, columns = document([Row(number=i, kind="same") for i in range(5000)]).split(b"\n", 1)
    assert len(columns) < 300
    assert len(header) < 500
    assert document([1, 2, 3] * 5).endswith(b"[1,2,3,1,2,3,1,2,3,1,2,3,1,2,3]\n")  # short ones are for reading


def test_many_rows_with_keys_of_their_own_among_like_rows():
    rows = [{"number": i, "name": f"n{i}", "list": [i % 5]} for i in range(2000)]
    for i in range(0, 2000, 50):
        rows[i] = {f"remark {i}": i, "list": rows[i - 1]["list"] if i else None}
    odd = [Row(**{f"a{i % 30}": i}) if i % 40 == 0 else Row(number=i, half=i / 2) for i in range(2000)]
    loaded_rows, loaded_odd = back([rows, odd])
    assert loaded_rows == rows
    assert [vars(row) for row in loaded_odd] == [vars(row) for row in odd]
    assert loaded_rows[100]["list"] is loaded_rows[99]["list"]
    storage = ps.MemoryStorage()
    storage["it"] = rows
    storage["it/150/remark 150"] = "changed"
    storage["it/151/number"] = 7
    rows[150]["remark 150"], rows[151]["number"] = "changed", 7
    assert storage.load("it") == rows
    assert "it/150/remark 150" in dict(storage.walk())


def test_arrays_in_columns_own_their_memory():
    found = back([np.arange(3.0) + i for i in range(1000)])
    assert all(array.base is None and array.flags.writeable for array in found)


@pytest.mark.parametrize(
    "array",
    [
        np.array(1.5, ">f8"),
        np.arange(3, dtype=">i4"),
        np.array(["2024-05-01"], "M8[s]"),
        np.array(["a"], "U1"),
        np.empty((0, 2)),
        np.zeros(2, "V0"),
        np.array([(1, 2.0)], "i4,f8"),
    ],
)
def test_arrays_of_rare_kinds_in_columns(array):
    for found in back([array.copy() for _ in range(10)]):
        assert type(found) is np.ndarray
        assert (found.dtype, found.shape, found.tobytes()) == (array.dtype, array.shape, array.tobytes())


def test_numbers_keep_every_bit():
    values = [0.0, -0.0, math.inf, -math.inf, 5e-324, 0.1] * 20
    assert list(map(repr, back(values))) == list(map(repr, values))
    assert math.isnan(back([math.nan] * 100)[50])


class Seeing:
    """Sees its parts when it is made, and again in its state."""

    def __init__(self, *parts):
        self.first = parts

    def __setstate__(self, state):
        self.__dict__.update(state)

    @classmethod
    def of(cls, part):
        self = cls.__new__(cls)
        self.parts, self.part = (part,), part
        return self


class SeeingAttributes(Seeing):
    def __reduce__(self):
        return type(self), (self.part,), {"part": self.part}


class SeeingTuple(Seeing):
    def __reduce__(self):
        return type(self), self.parts, {"parts": self.parts}


class SeeingAll(Seeing):
    @classmethod
    def of(cls, part):
        self = super().of(part)
        del self.parts
        return self

    def __reduce__(self):
        return type(self), (self.part,), self.__dict__


@pytest.mark.parametrize("cls", [SeeingAttributes, SeeingTuple, SeeingAll])
def test_what_an_argument_and_a_state_share_stays_one_object(cls):
    rows = [cls.of([i]) for i in range(20)]
    if cls is SeeingTuple:
        for row in rows:
            del row.part
    row = None
    for found in back(rows):
        assert found.first[0] is (found.parts[0] if cls is SeeingTuple else found.part)


def test_keys_of_many_types_stay_keys():
    things = {**{f"k{i}": i for i in range(70)}, **dict.fromkeys(range(70), "n"), **{(i,): [i] for i in range(70)}}
    storage = ps.MemoryStorage()
    storage["it"] = things
    assert storage["it"][(3,)] == [3]
    storage["it/k5"] = None
    assert storage.load("it") == {**things, "k5": None}


def test_a_dollar_among_many_keys_is_a_key():
    things = {f"k{i}": i for i in range(70)} | {"$": 5}
    storage = ps.MemoryStorage()
    storage["it"] = things
    storage["it/k3"] = "changed"
    assert storage.load("it") == {**things, "k3": "changed"}


def test_what_numbers_say_is_one_object_is_one_object():
    days = [datetime.date(2024, 1, day) for day in range(1, 4)]
    found = back({"days": days * 30, "first": days[0], "texts": ["a", "b"] * 300})
    assert found["first"] is found["days"][0] is found["days"][87]
    storage = ps.MemoryStorage()
    storage["it"] = days * 30
    storage["it/5"] = None
    found = storage.load("it")
    assert found[0] is found[87]


class Odd(datetime.tzinfo):
    def __reduce__(self):
        raise TypeError("no")


@pytest.mark.parametrize(
    ("make", "path"),
    [
        (lambda bad: [Point(i, bad if i == 40 else [i]) for i in range(70)], "40/y/0"),
        (lambda bad: [{"a": i, "b": bad if i == 40 else [i]} if i % 3 else {"a": i} for i in range(70)], "40/b/0"),
        (lambda bad: [[None, bad if i == 40 else [i]][i % 2 == 0] for i in range(70)], "40/0"),
        (lambda bad: [{f"k{i}": bad if i == 40 else [i]} for i in range(70)], "40/k40/0"),
        (lambda bad: [frozenset([i, bad[0] if i == 40 else "a"]) for i in range(70)], "40/"),
        (lambda bad: [ROWS["frozen_slotted"](bad if i == 40 else [i], i) for i in range(70)], "40/"),
        (lambda bad: [ROWS["slotted"](i, bad if i == 40 else [i]) for i in range(70)], "40/left/0"),
        (lambda bad: [ROWS["reducing"](i, bad if i == 40 else [i]) for i in range(70)], "40/~args/1/0/0"),
        (lambda bad: [ROWS["copied_state"](i, bad if i == 40 else [i]) for i in range(70)], "40/y/0"),
        (lambda bad: np.array([*[[i] for i in range(70)], bad, None], object)[:71], "70/0"),
    ],
)
def test_a_refusal_in_a_column_says_where(make, path):
    with pytest.raises(ps.NotStorableError, match=rf"it/{path}.*of type builtins\.generator"):
        ps.MemoryStorage()["it"] = make([(i for i in "")])


def test_a_refused_zone_and_a_refused_class_are_those_of_the_first_row():
    zone = Odd()
    with pytest.raises(ps.NotStorableError, match=r"it/0/0/t of type .*Odd"):
        ps.MemoryStorage()["it"] = [[{"t": datetime.datetime(2024, 1, 1 + i, tzinfo=zone)}] for i in range(9)]

    class Local:
        pass

    with pytest.raises(ps.NotStorableError, match=r"it/0/0"):
        ps.MemoryStorage(cloudpickle_fallback=False)["it"] = [[Local()] for _ in range(9)]


def test_a_refusal_in_a_column_names_the_row_and_the_key():
    rows = [{"a": [[i], 1], "b": i} for i in range(20)]
    rows[7]["a"][0] = [(i for i in "")]
    with pytest.raises(ps.NotStorableError, match=r"it/7/a/0/0 of type builtins\.generator"):
        ps.MemoryStorage()["it"] = rows


def test_walk_goes_through_columns():
    storage = ps.MemoryStorage()
    storage["it"] = [Row(x=i, pos=[i, 0.5]) for i in range(20)]
    found = dict(storage.walk())
    assert found["it/3"].type.endswith("Row")
    assert found["it/3/pos/1"].kind == "value"
    assert len(found) == 1 + 20 * 5
    assert storage["it/19/pos/0"] == 19


def test_columns_of_big_data_are_native_arrays_and_go_with_their_list():
    with ps.open_storage("f.h5") as storage:
        storage["it"] = {"numbers": list(range(100_000)), "keep": [0.5] * 100}
        assert len(storage["it"]._place().record.store.list_arrays()) == 1
        storage["it/numbers"].append("no number")
        assert storage["it/numbers"][-2:] == [99_999, "no number"]
        storage["it/numbers"] = None
        assert storage["it"]._place().record.store.list_arrays() == []
        assert storage.load("it/keep") == [0.5] * 100


def test_a_copy_of_columns_needs_no_class():
    storage = ps.MemoryStorage()
    storage["it"] = [Row(x=i, deep=[{"y": [i] * 3}]) for i in range(20)]
    with ps.open_storage("f.h5") as other:
        other["copy"] = storage["it"]
        other["row"] = storage["it/5"]
    assert [row.deep[0]["y"][2] for row in ps.load("f.h5", "copy")] == list(range(20))
    assert ps.load("f.h5", "row").x == 5
