"""What `walk` lists: everything, in order, as `info` says it of each path by itself."""

import time
from dataclasses import replace

import numpy as np
import pytest
from graphs import KINDS, build
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from test_tables import graphs

import pyiron_storage as ps
from benchmarks.workloads import WORKLOADS
from pyiron_storage.paths import join, split

PLANS = st.lists(st.tuples(st.sampled_from(KINDS), st.lists(st.integers(0, 40), max_size=5)), min_size=1, max_size=25)


def stored(thing):
    storage = ps.MemoryStorage()
    storage["it"] = thing
    return storage


def names_inside(storage, path):
    view = storage[path]
    return set(view.list_nodes()) | set(view.list_groups()) if isinstance(view, ps.View) else set()


def has_paths_of_its_own(storage):
    """False where two keys that are instances look the same, so that they share a path."""
    listed = [path for path, _ in storage.walk()]
    return len(set(listed)) == len(listed)


def check(thing):
    """Compare what is listed with what each path and each view says by itself."""
    storage = stored(thing)
    listed = list(storage.walk())
    found = dict(listed)
    assert len(found) == len(listed)
    inside = {path: [] for path in found}
    for path in found:
        *above, name = split(path)
        if above:
            inside[join(above)].append(name)
    for path, info in found.items():
        assert replace(info, same_as=None) == storage.info(path)
        if info.same_as is None:
            assert len(inside[path]) == len(set(inside[path]))
            assert set(inside[path]) == names_inside(storage, path), path
        else:
            assert inside[path] == []
            assert found[info.same_as] == replace(info, same_as=None)
            assert list(found).index(info.same_as) < list(found).index(path)


@settings(max_examples=150, deadline=None)
@given(PLANS)
def test_any_graph_is_listed(plan):
    assume(has_paths_of_its_own(stored(build(plan))))
    check(build(plan))


@settings(max_examples=150, deadline=None)
@given(graphs())
def test_tables_are_listed(graph):
    assume(has_paths_of_its_own(stored(graph)))
    check(graph)


@pytest.mark.parametrize("name", WORKLOADS)
def test_columns_are_listed(name):
    check(WORKLOADS[name].build(min(40, WORKLOADS[name].quick)))


def test_lists_of_any_length_and_shape_in_columns_are_listed():
    check(
        {
            "empty": [[] for _ in range(20)],
            "some empty": [list(range(i % 3)) for i in range(20)],
            "rows in lists": [[{"a": i, "b/c": [i] * (i % 4)} for _ in range(i % 3)] for i in range(30)],
            "alike": [[{"a": i, "~": (i, "é" * (i % 3))} for _ in range(2)] for i in range(30)],
            "line ends": [f"{i}\n" for i in range(100)],
            "not finite": [float("nan"), *map(float, range(100))],
            "mixed": [None, "x", [1], {"a": 1}] * 20,
            "repeated": [[1, 2]] * 40 + [[3]] * 40,
            "arrays": [np.arange(3) for _ in range(20)],
            "wide": {f"k/{i}": [i, {"x": i}] for i in range(100)},
        }
    )


def test_paths_come_in_the_order_of_the_things():
    rows = [{"name": f"n{i}", "values": list(range(i % 3)), "done": True} for i in range(20)]
    expected = ["it"]
    for i, row in enumerate(rows):
        expected += [f"it/{i}", f"it/{i}/name", f"it/{i}/values"]
        expected += [f"it/{i}/values/{j}" for j in row["values"]]
        expected += [f"it/{i}/done"]
    assert [path for path, _ in stored(rows).walk()] == expected


def test_a_list_in_a_column_is_a_list():
    class Row:
        def __init__(self, i):
            self.number = i

    assert stored([Row(i) for i in range(20)]).info("it").type == "list"


def test_keys_that_are_numbers_of_numpy_are_found_by_the_number():
    storage = stored({np.float64(0.5): "half", (1, 2): "pair", np.int64(3): "three"})
    check({np.float64(0.5): "half", (1, 2): "pair", np.int64(3): "three"})
    assert storage["it/~:0.5"] == "half"
    storage["it/~:3"] = "drei"
    assert storage.load("it") == {0.5: "half", (1, 2): "pair", 3: "drei"}


def test_a_change_is_listed():
    storage = stored([{"a": i, "b": "x"} for i in range(20)])
    storage["it/3/b"] = [1, 2]
    found = dict(storage.walk())
    assert found["it/3/b"].size == 2
    assert found["it/3/b/1"].kind == "value"
    assert found["it/4/b"].type == "str"


def test_what_is_far_down_is_listed():
    chain = None
    for i in range(3000):
        chain = [i, chain]
    paths = [path for path, _ in stored(chain).walk()]
    assert len(paths) == 6001
    assert paths[-1] == "it" + "/1" * 3000


def test_listing_costs_little_more_than_loading(tmp_path):
    ps.save([{"a": i, "b": [i, f"n{i}"], "c": (i / 2, None)} for i in range(20_000)], tmp_path / "rows.h5")
    load, listing = [], []
    for _ in range(5):  # in turns, and the best of each: other programs slow both
        start = time.process_time()
        ps.load(tmp_path / "rows.h5")
        load.append(time.process_time() - start)
        with ps.open_storage(tmp_path / "rows.h5", "r") as storage:
            start = time.process_time()
            count = sum(1 for _ in storage.walk())
            listing.append(time.process_time() - start)
    assert count == 20_000 * 8 + 1
    assert min(listing) < 12 * min(load)  # one place and one info for each path took over a second, fifty times as much
