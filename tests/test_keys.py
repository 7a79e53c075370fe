"""Keys of dicts that are objects: their names in paths are short, quickly found, and each leads to its own value."""

import subprocess
import sys
import types

import pytest

import pyiron_storage as ps

FILES = ["f.h5", "f.jsondir", "f.json"]


@pytest.fixture
def classes():
    """Ten classes that can be imported, of which no two objects are equal."""
    module = sys.modules["key_classes"] = types.ModuleType("key_classes")
    for i in range(10):
        cls = type(f"Key{i}", (), {"__module__": "key_classes"})
        setattr(module, cls.__name__, cls)
    yield [vars(module)[f"Key{i}"] for i in range(10)]
    del sys.modules["key_classes"]


def knowing_all(classes):
    """An object of each class; each has a list of all."""
    objects = [cls() for cls in classes]
    for obj in objects:
        obj.all = list(objects)
    return objects


@pytest.mark.parametrize("file", FILES)
def test_keys_that_refer_to_each_other_take_no_time_to_look_at(file, classes):
    # spelled out they are more than 10! nodes
    ps.save({key: number for number, key in enumerate(knowing_all(classes))}, file)
    with ps.open_storage(file, "r") as storage:
        paths = [path for path, _ in storage.walk()]
        assert len(set(paths)) == 11
        assert max(map(len, paths)) < 1500
        assert [storage[path] for path in paths[1:]] == list(range(10))
        assert len(storage["object"].keys()) == 10
    assert "Key9" in ps.browse(file).page()
    assert list(ps.diff(file, file)) == []
    assert len(ps.load(file, trust=["key_classes"])) == 10


@pytest.mark.parametrize("count", [5, 12])
@pytest.mark.parametrize("file", FILES)
def test_keys_that_look_the_same_have_paths_of_their_own(file, count, classes):
    ps.save({classes[0](): [number] for number in range(count)}, file)
    with ps.open_storage(file) as storage:
        paths = [path for path, found in storage.walk() if found.kind == "list"]
        assert len(set(paths)) == count
        assert [storage[path][0] for path in paths] == list(range(count))
        storage[f"{paths[3]}/0"] = 300
        del storage[paths[1]]
    assert [value[0] for value in ps.load(file, trust="all").values()] == [0, 2, 300, *range(4, count)]


def test_the_second_of_two_that_look_the_same_is_typed(classes):
    ps.save({classes[0](): "first", classes[0](): "second"}, "f.json")
    key = '{"$":"object","type":"key_classes:Key0","state":{}}'
    assert ps.load("f.json", f"~:{key}") == "first"
    assert ps.load("f.json", f'~:{{"$":"same","number":2,"key":{key}}}') == "second"
    with pytest.raises(ps.PathNotFoundError):
        ps.load("f.json", f'~:{{"$":"same","number":3,"key":{key}}}')


def test_long_keys_are_cut_and_stay_apart():
    long = {(*range(500), last): last for last in "abc"} | {b"x" * 10_000: "bytes", ("y" * 10_000,): "text"}
    ps.save(long, "f.h5")
    with ps.open_storage("f.h5", "r") as storage:
        paths = [path for path, _ in storage.walk()][1:]
        assert max(map(len, paths)) < 1500
        assert [storage[path] for path in paths] == list(long.values())
        assert storage["object"][(*range(500), "a")] == "a"


def test_differences_of_long_members_are_found():
    base = [tuple(range(200)), frozenset(range(100))]
    ps.save({"set": {base[0]}, "key": {base[1]: 1}}, "a.h5")
    ps.save({"set": {(*base[0][:-1], -1)}, "key": {base[1]: 1}}, "b.h5")
    assert {change.path.split("/")[0] for change in ps.diff("a.h5", "b.h5")} == {"object"}
    assert list(ps.diff("a.h5", "a.h5")) == []


def test_a_figure_is_looked_at():
    pytest.importorskip("matplotlib").use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots()
    axes.plot([1, 2, 3], [1, 4, 9])
    ps.save(figure, "figure.h5")
    pyplot.close(figure)
    code = """
import pyiron_storage as ps
with ps.open_storage("figure.h5", "r") as storage:
    paths = [path for path, _ in storage.walk()]
assert len(paths) == len(set(paths)) > 1000, len(paths)
assert max(map(len, paths)) < 2000
ps.browse("figure.h5").page()
assert list(ps.diff("figure.h5", "figure.h5")) == []
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300)


def test_what_lies_deep_is_looked_at_in_a_time_like_its_paths():
    deep = None
    for number in range(1500):
        deep = {"below": deep, "number": (number,)}
    ps.save(deep, "deep.h5")
    calls = count_calls(lambda: list(ps.diff("deep.h5", "deep.h5")) + ps.inspect("deep.h5"))
    assert calls < 1500 * 1000  # each level once, not the way to it each time


def count_calls(action):
    """How many calls of Python functions an action takes."""
    calls = 0

    def count(frame, event, argument):
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        action()
    finally:
        sys.setprofile(None)
    return calls


@pytest.mark.parametrize("file", FILES)
def test_what_is_shared_many_times_is_looked_at_once(file):
    shared = [1.5]
    for _ in range(40):
        shared = [shared, {"left": shared}]
    ps.save(shared, file)
    with ps.open_storage(file, "r") as storage:
        assert len(list(storage.walk())) < 400
        repr(storage["object"])
    assert len(ps.browse(file).page()) < 1_000_000
    assert list(ps.diff(file, file)) == []
    assert ps.inspect(file) == []
