"""Many like things: what comes back, who is whom, and how parts of them are read and changed."""

import math
import pickle

import numpy as np
import pytest
from graphs import difference
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
    assert len(document(rows)) < 1000
    assert len(document([Row(number=i, kind="same") for i in range(5000)])) < 500
    assert document([1, 2, 3] * 5).endswith(b"[1,2,3,1,2,3,1,2,3,1,2,3,1,2,3]\n")  # short ones are for reading


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
