"""Views behave as the lists and dicts that they show, and a write is done as a whole or not at all."""

import collections
import datetime
import importlib
import os
import pickle
import time

import numpy as np
import pytest

import pyiron_storage as ps


class Plain:
    pass


class Slotted:
    __slots__ = ("a", "b")


class Argument:
    def __init__(self, x=None):
        self.x = x

    def __reduce__(self):
        return Argument, (self.x,)


class MyTuple(tuple):
    pass


Point = collections.namedtuple("Point", "x y")


@pytest.fixture
def storage():
    return ps.MemoryStorage()


# -- lists and dicts ---------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        lambda it: it.reverse(),
        lambda it: it.__setitem__(slice(0, 2), [it[1], it[0]]),
        lambda it: it.__setitem__(slice(0, 0), it[1:]),
        lambda it: it.__setitem__(slice(None), [x for x in it if x[0] > 1]),
        lambda it: it.__setitem__(slice(None, None, 2), [["even"], ["even"]]),
        lambda it: it.extend(it),
        lambda it: it.__iadd__(it),
        lambda it: it.clear(),
        lambda it: it.remove([2]),
        lambda it: it.insert(-1, ["new"]),
    ],
)
def test_a_list_changes_as_a_list(storage, change):
    model = [[1], [2], [3], [4]]
    storage["l"] = model
    change(model)
    change(storage["l"])
    assert storage.load("l") == model


def test_pop_gives_the_real_thing(storage):
    storage["l"] = [[1], [2], [3]]
    storage["d"] = {"a": [1], "b": [2], 3: [3]}
    storage["q"] = [1]
    assert storage["l"].pop(0) == [1]
    assert type(storage["l"].pop()) is list
    assert storage["d"].pop("a") == [1]
    assert storage["d"].pop("none", 5) == 5
    assert storage["d"].popitem() == (3, [3])
    assert storage.pop("q") == [1]
    assert (storage.load("l"), storage.load("d"), "q" in storage) == ([[2]], {"b": [2]}, False)


def test_setdefault_gives_what_is_stored(storage):
    storage["d"] = {}
    storage["d"].setdefault("l", []).append(1)
    storage.setdefault("m", []).append(2)
    assert (storage.load("d"), storage.load("m")) == ({"l": [1]}, [2])


def test_update_takes_keys_as_keys(storage):
    storage["d"] = {"a": {}}
    storage["d"].update({"a/b": 1, "http://x": 2}, c=3)
    assert storage.load("d") == {"a": {}, "a/b": 1, "http://x": 2, "c": 3}
    assert dict(storage["d"].items())["a/b"] == 1
    assert list(storage["d"].values())[1:] == [1, 2, 3]
    storage["d"].clear()
    assert storage.load("d") == {}


def test_keys_that_are_equal_are_one_key(storage):
    storage["d"] = {1: "a", "k": "b"}
    for key, value in [(True, "c"), (1.0, "d"), (np.int64(1), "e")]:
        storage["d"][key] = value
        assert storage["d"][1] == value
    storage["d"][np.str_("k")] = "f"
    assert storage.load("d") == {1: "e", "k": "f"}


def test_list_paths_are_plain_numbers(storage):
    storage["l"] = [1, 2]
    for part in (" 1", "+1", "01", "1_0", "\uff10"):
        with pytest.raises(KeyError):
            storage[f"l/{part}"]
    assert storage["l/-1"] == 2


# -- all or nothing -----------------------------------------------------------------


def test_a_refused_slice_leaves_the_list_whole(storage):
    storage["l"] = [1, 2, 3, 4]
    with storage.transaction():
        for change in (
            lambda: storage["l"].__setitem__(slice(1, 3), [5, (i for i in "")]),
            lambda: storage["l"].extend([5, (i for i in "")]),
        ):
            with pytest.raises(ps.NotStorableError):
                change()
    assert storage.load("l") == [1, 2, 3, 4]


class Catching(ps.Storable):
    """Leaves out what is refused, and goes on."""

    def _store(self, storage):
        inner = [2, (i for i in ""), 3]
        outer = [1, inner]
        with pytest.raises(TypeError):
            storage["x"] = outer
        inner.pop(1)
        storage["x"] = outer

    @classmethod
    def _restore(cls, storage, version):
        return storage.load("x")


def test_a_refusal_that_a_class_catches_leaves_nothing_behind(storage):
    storage["a"] = Catching()
    assert storage.load("a") == [1, [2, 3]]


@pytest.mark.parametrize("value", [datetime.datetime(2020, 1, 1), Point(1, 2), Slotted(), collections.OrderedDict(a=1)])
def test_only_what_has_attributes_is_given_some(storage, value):
    storage["it"] = {"x": value}
    if not isinstance(value, dict):
        with pytest.raises((ps.StorageError, TypeError)):
            storage["it/x"]["year"] = 2
    assert type(storage.load("it")["x"]) is type(value)


def test_an_empty_instance_may_be_given_attributes(storage):
    storage["p"] = Plain()
    storage["p"]["x"] = 1
    assert storage.load("p").x == 1


@pytest.mark.parametrize("name", ["x", "name", "path"])
def test_an_attribute_that_is_set_on_a_view_is_not_lost_without_a_word(storage, name):
    storage["p"] = Plain()
    with pytest.raises(AttributeError, match=rf"view\['{name}'\] = "):
        setattr(storage["p"], name, 1)
    assert vars(storage.load("p")) == {}


def test_closing_inside_a_transaction_is_refused():
    ps.save(1, "f.h5", "a")
    storage = ps.open_storage("f.h5")
    with pytest.raises(ps.TransactionError), storage.transaction():  # noqa: PT012
        storage["a"] = 2
        storage.close()
    storage.close()
    assert ps.load("f.h5", "a") == 1


# -- copies and cycles ----------------------------------------------------------------


def test_a_copied_view_keeps_its_cycles(storage):
    workflow, node = Plain(), Plain()
    workflow.node, node.workflow = node, workflow
    storage["a"] = workflow
    storage["b"] = storage["a"]
    loaded = storage.load("b")
    assert loaded.node.workflow is loaded
    loop = []
    loop.append(loop)
    storage["p"] = {"x": loop}
    storage["q"] = storage["p/x"]
    loaded = storage.load("q")
    assert loaded[0] is loaded
    view = storage["p/x"]
    storage["r"] = [view, view]
    first, second = storage.load("r")
    assert first is second


def test_cycles_through_arguments_close_as_with_pickle(storage):
    inner = []
    argument = Argument(inner)
    inner.append(argument)
    holder = Plain()
    items = MyTuple((holder,))
    holder.items = items
    storage["a"], storage["b"] = argument, items
    assert pickle.loads(pickle.dumps(argument)).x[0] is not None
    loaded = storage.load("a")
    assert loaded.x[0] is loaded
    loaded = storage.load("b")
    assert loaded[0].items is loaded


def test_a_thing_may_be_wrapped_in_itself_again_and_again(storage):
    storage["a"] = {}
    for _ in range(300):
        storage["a"] = {"x": storage["a"]}
    depth, found = 0, storage.load("a")
    while found:
        depth, found = depth + 1, found["x"]
    assert depth == 300


def test_a_group_is_copied_with_all_that_is_in_it(storage):
    storage["g/h/a"] = 1
    storage["g/b"] = {"x": np.arange(3)}
    with ps.open_storage("f.h5") as other:
        other["copy"] = storage["g"]
        assert other["copy/h/a"] == 1
        assert other["copy/b/x"].tolist() == [0, 1, 2]
        del other["copy"]
        other["copy"] = storage["g/h"]
        assert list(other["copy"]) == ["a"]


def test_a_group_that_is_gone_says_so(storage):
    for storage in (storage, ps.open_storage("f.h5"), ps.open_storage("f.jsondir")):  # noqa: B020
        storage["g/a"] = 1
        group = storage["g"]
        del storage["g"]
        storage["g"] = 5
        for use in (
            list,
            len,
            lambda g: "a" in g,
            lambda g: g["a"],
            lambda g: g.create_group("x"),
            lambda g: g.info("a"),
        ):
            with pytest.raises(ps.PathNotFoundError):
                use(group)


def test_pairs_of_a_dict_subclass_may_grow(storage):
    class Mine(dict):
        pass

    storage["a"] = Mine(a=1)
    with storage.transaction():
        for i in range(3000):
            storage["a"]["~pairs"][f"k{i}"] = i
    assert len(storage["a/~pairs"]) == 3001
    assert len(storage["a"]._place().record.text()) < 200_000


# -- files ---------------------------------------------------------------------------


def test_only_ones_own_files_are_swept_and_deleted(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.import_module("pyiron_storage.backends.directory"), "GRACE_SECONDS", 0.01)
    folder = tmp_path / "s.jsondir"
    with ps.open_storage(folder) as storage:
        storage["x"] = np.arange(3)
        storage["group/y"] = np.arange(3)
        (folder / "notes-1.txt").write_text("mine")
        ps.save([1], folder / "other.jsondir")
        time.sleep(0.02)
        storage["x"] = np.arange(4)
        del storage["group"]
        time.sleep(0.02)
        storage["z"] = 2
        assert sorted(os.listdir(folder)) == ["group.json", "notes-1.txt", "other.jsondir", "x-2.npy"]
    ps.delete(folder)
    assert sorted(os.listdir(folder)) == ["notes-1.txt", "other.jsondir"]
    assert ps.load(folder / "other.jsondir") == [1]


def test_deleting_from_a_pickle_file_is_rolled_back():
    ps.save([1], "p.pkl")
    with pytest.raises(ZeroDivisionError), ps.open_storage("p.pkl") as storage, storage.transaction():  # noqa: PT012
        del storage["object"]
        assert "object" not in storage
        1 / 0  # noqa: B018
    assert ps.load("p.pkl") == [1]


@pytest.mark.parametrize("filename", ["f.h5", "f.json", "f.jsondir"])
def test_a_file_that_is_open_is_not_deleted(filename):
    storage = ps.open_storage(filename)
    storage["x"] = 1
    with pytest.raises(ps.StorageInUseError, match="Close"):
        ps.delete(filename)
    storage.close()
    ps.delete(filename)


def test_a_file_that_was_replaced_from_outside_is_opened_anew():
    ps.save(1, "f.h5", "old")
    storage = ps.open_storage("f.h5")
    assert storage["old"] == 1
    os.remove("f.h5")
    ps.save(2, "f.h5", "new")
    with ps.open_storage("f.h5") as other:
        assert list(other) == ["new"]
    storage.close()
    assert ps.load("f.h5", "new") == 2


def test_what_is_no_storage_is_not_deleted_or_overwritten(tmp_path):
    (tmp_path / "precious.txt").write_text("text")
    with pytest.raises(ps.FileKindError):
        ps.delete("precious.txt", backend="pickle")
    (tmp_path / "package.json").write_text('{"name": "mine"}')
    with pytest.raises(ps.FileKindError):
        ps.open_storage("package.json", "w")
    assert (tmp_path / "package.json").read_text() == '{"name": "mine"}'


def test_save_goes_where_load_looks():
    ps.save({"nodes": {"relax": 1, "other": 2}}, "f.h5")
    ps.save(9, "f.h5", "nodes/relax")
    assert ps.load("f.h5") == {"nodes": {"relax": 9, "other": 2}}


def test_storing_by_hand_replaces_what_was_stored_by_hand(storage):
    ps.ListStorable([1, 2, 3]).store(storage, "l")
    ps.ListStorable([9]).store(storage, "l")
    assert storage["l"].to_object() == [9]


# -- size ----------------------------------------------------------------------------


@pytest.mark.timeout(60)
def test_nothing_here_is_quadratic(storage):
    storage["l"], storage["d"], storage["n"] = [], {}, {}
    with storage.transaction():
        for i in range(30_000):
            storage["l"].append(i)
    storage["d"].update({f"k{i}": i for i in range(10_000)})
    storage["n"].update({i: i for i in range(3000)})
    assert len(dict(storage["d"].items())) == 10_000
    assert len(dict(storage["n"].items())) == 3000
    assert storage["l"][29_999] == 29_999
    with ps.open_storage("f.h5") as file:
        file["arrays"] = {f"a{i}": np.zeros(10_000) for i in range(500)}
        assert len(file["arrays"]) == 500
