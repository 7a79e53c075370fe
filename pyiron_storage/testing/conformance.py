"""The conformance suite: what every back-end must do, through its public interface."""

from __future__ import annotations

import collections
import math
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyiron_storage as ps
from pyiron_storage.model.storage import GenericStorage

NATIVE: dict[str, Any] = {
    "none": None,
    "true": True,
    "int": -5,
    "large int": 2**63 - 1,
    "huge int": 10**40,
    "float": 0.1,
    "minus zero": -0.0,
    "infinity": -math.inf,
    "complex": complex(-0.0, 1.5),
    "text": "héllo ☃\0",
    "line ends": "a\x85b\u2028c\r\nd\ve",
    "surrogate": "a\udc80b",
    "empty text": "",
    "long text": "é" * 5000,
    "bytes": b"a\0\xff\0",
    "empty bytes": b"",
    "long bytes": bytes(range(256)) * 20,
}
ARRAYS: dict[str, Any] = {
    "float": np.linspace(0, 1, 6).reshape(2, 3),
    "zero-dimensional": np.array(1.5),
    "empty": np.empty((0, 3)),
    "big-endian": np.arange(3, dtype=">i4"),
    "half": np.arange(3, dtype="f2"),
    "bool": np.array([True, False]),
    "complex": np.array([1j, -0.0]),
    "Fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "strided": np.arange(10.0)[::2],
    "reversed": np.arange(10)[::-1],
    "text": np.array(["a", "bç"]),
    "bytes": np.array([b"a", b"bc"]),
    "dates": np.array(["2020-01-01", "NaT"], "M8[s]"),
    "structured": np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8", (2,))]),
    "big": np.arange(20_000.0).reshape(100, 200),
    "big text": np.array(["abc", "ü"] * 20_000),
    "big Fortran": np.asfortranarray(np.arange(20_000.0).reshape(100, 200)),
}

KEYS: list[Any] = [
    ...,
    slice(None),
    slice(1, None),
    slice(None, None, -1),
    slice(5, 1, -2),
    slice(3, 3),
    0,
    -1,
    (..., 0),
    (slice(None, None, 2), slice(1, None)),
    (0, slice(None, None, -1)),
    (-1, ..., -1),
    np.int64(1),
    [0, -1],
    (slice(None), [0]),
    (np.newaxis, 0),
]
"""What an array is indexed with; those that do not suit it raise `IndexError`."""

LIST_CHANGES: list[Callable[[Any], Any]] = [
    lambda it: it.append(4),
    lambda it: it.insert(0, "first"),
    lambda it: it.extend([5, 6]),
    lambda it: it.__setitem__(1, "one"),
    lambda it: it.__setitem__(slice(2, 4), ["x", "y", "z"]),
    lambda it: it.__delitem__(0),
    lambda it: it.__delitem__(slice(None, None, 3)),
    lambda it: it.reverse(),
    lambda it: it.pop(),
    lambda it: it.__setitem__(-1, [7]),
    lambda it: it[-1].append(8),
]
NAMES = ["a b", "ä☃", "CON", ".hidden", "x" * 300, "a%2Fb", "record", "100%", "Nodes", "nodes"]
BAD_NAMES = ["", "/", "a//b", ".", "..", "a/..", "nul\0", "~metadata", "~0metadata", "~:1", "\udc80"]


class Plain:
    """An instance with attributes."""

    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)


class Slotted:
    """An instance with slots, one of them unset."""

    __slots__ = ("left", "right")

    def __init__(self, left: Any) -> None:
        self.left = left


class Reducing:
    """An instance that says how it is made."""

    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments

    def __reduce__(self) -> Any:
        return Reducing, self.arguments


class Stateful(Plain):
    """An instance with its own idea of its state."""

    def __getstate__(self) -> Any:
        return "state", dict(self.__dict__)

    def __setstate__(self, state: Any) -> None:
        self.__dict__.update(state[1])


@dataclass
class Settings:
    """A dataclass."""

    cutoff: float = 5.0
    flags: dict[str, Any] = field(default_factory=dict)


class Node(ps.Storable):
    """A storable in a cycle with its workflow."""

    def __init__(self, workflow: Workflow, inputs: dict[str, Any]) -> None:
        self.workflow, self.inputs = workflow, inputs

    def _store(self, storage: GenericStorage) -> None:
        storage["workflow"] = self.workflow
        storage["values/inputs"] = self.inputs

    def _restore_into(self, storage: GenericStorage, version: str) -> None:
        self.workflow = storage["workflow"].to_object()
        self.inputs = storage["values/inputs"]


class Workflow(ps.Storable):
    """A storable that holds others."""

    storage_version = "1.5"

    def __init__(self) -> None:
        self.nodes: list[Node] = []

    def _store(self, storage: GenericStorage) -> None:
        storage["nodes"] = self.nodes

    def _restore_into(self, storage: GenericStorage, version: str) -> None:
        assert version == "1.5"
        self.nodes = storage.load("nodes")


def same(left: Any, right: Any) -> bool:
    """Whether two values are equal with the same types, to the bit for numbers."""
    if type(left) is not type(right):
        return False
    if isinstance(left, np.ndarray):
        order = left.flags.f_contiguous and left.ndim > 1
        return (
            left.dtype == right.dtype
            and left.shape == right.shape
            and left.tobytes() == right.tobytes()
            and (not order or bool(right.flags.f_contiguous))
            and bool(right.flags.writeable)
        )
    if isinstance(left, dict):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in left)
    if isinstance(left, (list, tuple)):
        return len(left) == len(right) and all(map(same, left, right))
    return repr(left) == repr(right) if isinstance(left, (float, complex)) else bool(left == right)


class StorageConformance:
    """What every back-end must do; a subclass says how to open one in a folder."""

    persistent = True
    """Whether what was stored is there when the storage is opened again."""
    transactional = True
    """Whether the back-end can take changes back."""

    def open(self, folder: Path, mode: str = "a", **options: Any) -> GenericStorage:
        """Open the storage of the test in a folder."""
        raise ps.StorageError("A test class of a back-end implements open(folder, mode, **options).")

    @pytest.fixture
    def storage(self, tmp_path: Path) -> Any:
        """An empty storage."""
        with self.open(tmp_path) as storage:
            yield storage

    def again(self, storage: GenericStorage, folder: Path) -> GenericStorage:
        """The same storage, closed and opened again where that keeps what it holds."""
        if not self.persistent:
            return storage
        storage.close()
        return self.open(folder)

    # -- values ------------------------------------------------------------------

    @pytest.mark.parametrize("name", NATIVE)
    def test_a_value_comes_back(self, storage: GenericStorage, tmp_path: Path, name: str) -> None:
        storage["value"] = NATIVE[name]
        storage["inside"] = {"value": NATIVE[name], "list": [NATIVE[name]]}
        storage = self.again(storage, tmp_path)
        assert same(storage["value"], NATIVE[name])
        assert same(storage["inside/value"], NATIVE[name])
        assert same(storage["inside/list/0"], NATIVE[name])
        assert same(storage.load("inside"), {"value": NATIVE[name], "list": [NATIVE[name]]})

    @pytest.mark.parametrize("name", ARRAYS)
    def test_an_array_comes_back(self, storage: GenericStorage, tmp_path: Path, name: str) -> None:
        array = ARRAYS[name]
        storage["array"] = array
        storage["inside"] = [array, {"again": array}]
        storage = self.again(storage, tmp_path)
        assert same(storage["array"], array)
        assert same(storage["inside/0"], array)
        loaded = storage.load("inside")
        assert same(loaded[0], array)
        assert loaded[0] is loaded[1]["again"]
        assert loaded[0].base is None or memoryview(loaded[0].base).nbytes == array.nbytes

    def test_arrays_are_copies(self, storage: GenericStorage) -> None:
        array = np.zeros(3)
        storage["array"] = array
        storage["inside"] = {"array": array}
        array[:] = 1
        storage["array"][:] = 2
        assert storage["array"].tolist() == storage["inside/array"].tolist() == [0, 0, 0]

    @pytest.mark.parametrize(
        "name", ["a b", "ä☃", "CON", ".hidden", "x" * 300, "a%2Fb", "record", "100%", "Nodes", "nodes"]
    )
    def test_a_name_may_be_any_text(self, storage: GenericStorage, tmp_path: Path, name: str) -> None:
        storage[name] = 1.5
        storage.create_group("groups").create_group(name)["inner"] = np.arange(2)
        storage = self.again(storage, tmp_path)
        assert storage.list_nodes() == [name]
        assert storage[name] == 1.5
        assert storage["groups"].list_groups() == [name]
        assert storage["groups"][name]["inner"].tolist() == [0, 1]

    @pytest.mark.parametrize(
        "name", ["", "/", "a//b", ".", "..", "a/..", "nul\0", "~metadata", "~0metadata", "~:1", "\udc80"]
    )
    def test_a_bad_name_is_refused(self, storage: GenericStorage, name: str) -> None:
        with pytest.raises(ps.InvalidNameError):
            storage[name] = 1
        assert list(storage) == []

    def test_a_slash_in_a_name_is_escaped(self, storage: GenericStorage, tmp_path: Path) -> None:
        storage["a~1b"] = 1
        storage["a~0"] = {"x/y": {"z~": 5}}
        storage = self.again(storage, tmp_path)
        assert [*storage.list_nodes(), *storage.list_groups()] == ["a/b", "a~"]
        assert sorted(storage) == ["a~0", "a~1b"]
        assert storage["a~1b"] == 1
        assert storage["a~0/x~1y/z~0"] == 5

    # -- groups ------------------------------------------------------------------

    def test_groups_and_nodes_are_listed(self, storage: GenericStorage, tmp_path: Path) -> None:
        storage["number"] = 1
        storage["things"] = [1, 2]
        group = storage.create_group("group")
        group["deep/er"] = "text"
        assert group.name == "group"
        storage = self.again(storage, tmp_path)
        assert storage.list_nodes() == ["number"]
        assert sorted(storage.list_groups()) == ["group", "things"]
        assert sorted(storage.keys()) == ["group", "number", "things"]
        assert len(storage) == 3
        assert "group/deep/er" in storage
        assert "group/deep/other" not in storage
        assert "things/1" in storage
        assert "things/2" not in storage
        assert storage["group"]["deep"]["er"] == "text"
        assert storage["group/deep"].path == "group/deep"

    def test_what_a_storage_lists_can_be_asked_for(self, storage: GenericStorage, tmp_path: Path) -> None:
        storage["a~1b/c"] = 1
        storage["d~1e"] = [2]
        storage["a~0"] = 3
        storage["copies/of~1it"] = storage["a~1b"]
        storage = self.again(storage, tmp_path)
        assert sorted(storage) == ["a~0", "a~1b", "copies", "d~1e"]
        found = dict(storage.items())
        assert found["a~0"] == 3
        assert found["a~1b"]["c"] == 1
        assert found["d~1e"].to_object() == [2]
        assert storage["copies/of~1it/c"] == 1

    def test_an_existing_group_is_returned(self, storage: GenericStorage) -> None:
        storage.create_group("group")["x"] = 1
        assert storage.create_group("group")["x"] == 1
        assert storage.require_group("group/x2").name == "x2"
        storage["object"] = [1]
        for taken in ("object", "group/x"):
            with pytest.raises(ps.NotAContainerError):
                storage.create_group(taken)

    def test_open_descends_and_close_surfaces(self, storage: GenericStorage) -> None:
        inner = storage.open("a").open("b")
        inner["x"] = 1
        assert inner.close().close() is storage
        assert storage["a/b/x"] == 1
        with storage.open("a") as group:
            assert group["b"]["x"] == 1
        assert storage["a/b/x"] == 1

    def test_what_is_deleted_is_gone(self, storage: GenericStorage, tmp_path: Path) -> None:
        for name in ("node", "object", "group/inner", "group/other"):
            storage[name] = {"x": 1} if name == "object" else 1
        view, group = storage["object"], storage["group"]
        for name in ("node", "object", "group/inner", "group"):
            del storage[name]
            assert name not in storage
            with pytest.raises(KeyError):
                storage[name]
            with pytest.raises(KeyError):
                del storage[name]
        with pytest.raises(ps.PathNotFoundError):
            view["x"]
        with pytest.raises(KeyError):
            group["other"]
        assert list(self.again(storage, tmp_path)) == []

    @pytest.mark.parametrize("old", [1, "text", [1, {"a": 2}], np.arange(10.0), np.arange(20_000.0), "group"])
    @pytest.mark.parametrize("new", [2.5, b"bytes", {"b": 1}, np.arange(3), [np.arange(20_000)]])
    def test_what_is_stored_replaces_what_was(
        self, storage: GenericStorage, tmp_path: Path, old: Any, new: Any
    ) -> None:
        if isinstance(old, str) and old == "group":
            storage.create_group("x")["y"] = 1
        else:
            storage["x"] = old
        storage["x"] = new
        storage = self.again(storage, tmp_path)
        assert same(storage.load("x"), new)
        assert list(storage) == ["x"]

    # -- objects -----------------------------------------------------------------

    def test_containers_come_back(self, storage: GenericStorage, tmp_path: Path) -> None:
        thing = {
            "b": 1,
            "a": (1, [2, "x"], {"deep": ()}),
            "set": {1, 2},
            "frozen": frozenset("ab"),
            1: "int key",
            None: "None key",
            (1, "t"): "tuple key",
            "$": "reserved",
            "a/b~": {"~1": 1, "": 2, "\0": 3},
            "long": [{"number": i, "name": f"n{i}"} for i in range(3000)],
            "wide": {f"key{i}": [i] for i in range(3000)},
            "text": "x" * 100_000,
        }
        storage["thing"] = thing
        storage = self.again(storage, tmp_path)
        assert same(storage.load("thing"), thing)
        assert storage["thing/long/2999/name"] == "n2999"
        assert storage["thing/wide/key2999/0"] == 2999
        assert storage['thing/~:[1,"t"]'] == "tuple key"
        assert storage["thing/a~1b~0/~01"] == 1

    def test_instances_come_back(self, storage: GenericStorage, tmp_path: Path) -> None:
        storage["plain"] = Plain(x=1, y=[1], **{"a b": 2})
        storage["slotted"] = Slotted([1])
        storage["reducing"] = Reducing(1, [2])
        storage["stateful"] = Stateful(a=1)
        storage["settings"] = Settings(flags={"x": (1,)})
        storage["counter"] = collections.Counter("aab")
        storage["code"] = [Plain, len, np.sin, math]
        storage = self.again(storage, tmp_path)
        assert vars(storage.load("plain")) == {"x": 1, "y": [1], "a b": 2}
        assert storage.load("slotted").left == [1]
        assert not hasattr(storage.load("slotted"), "right")
        assert storage.load("reducing").arguments == (1, [2])
        assert vars(storage.load("stateful")) == {"a": 1}
        assert storage.load("settings") == Settings(flags={"x": (1,)})
        assert storage.load("counter") == collections.Counter("aab")
        assert storage.load("code") == [Plain, len, np.sin, math]
        assert storage["plain/y/0"] == 1
        assert storage["slotted/left/0"] == 1
        assert storage["reducing/~args/1/0"] == 2

    def test_what_is_one_object_stays_one(self, storage: GenericStorage, tmp_path: Path) -> None:
        shared = [1]
        plain = Plain(shared=shared)
        plain.me = plain  # type: ignore[attr-defined]
        loop: list[Any] = [shared]
        loop.append((1, loop))
        storage["thing"] = {"a": shared, "b": (shared, plain), "loop": loop}
        storage = self.again(storage, tmp_path)
        thing = storage.load("thing")
        assert thing["a"] is thing["b"][0] is thing["b"][1].shared is thing["loop"][0]
        assert thing["b"][1].me is thing["b"][1]
        assert thing["loop"][1][1] is thing["loop"]

    def test_depth_has_no_limit(self, storage: GenericStorage, tmp_path: Path) -> None:
        deep: Any = 1
        for level in range(5000):
            deep = [deep] if level % 2 else {"inner": deep}
        storage["deep"] = deep
        deep = self.again(storage, tmp_path).load("deep")
        for level in reversed(range(5000)):
            deep = deep[0] if level % 2 else deep["inner"]
        assert deep == 1

    def test_storables_store_themselves(self, storage: GenericStorage, tmp_path: Path) -> None:
        workflow = Workflow()
        workflow.nodes = [Node(workflow, {"cutoff": 5.0, "cell": np.eye(3)}), Node(workflow, {})]
        storage["workflow"] = workflow
        workflow.store(storage, "by hand")
        storage = self.again(storage, tmp_path)
        assert storage["workflow/nodes/0/values/inputs/cutoff"] == 5.0
        for name in ("workflow", "by hand"):
            loaded = storage.load(name)
            assert isinstance(loaded, Workflow)
            assert [node.workflow is loaded for node in loaded.nodes][: 2 if name == "workflow" else 0] in (
                [True] * 2,
                [],
            )
            assert same(loaded.nodes[0].inputs, {"cutoff": 5.0, "cell": np.eye(3)})
        node = storage.load("workflow/nodes/1")
        assert node.workflow.nodes[1] is node

    def test_an_object_that_cannot_be_stored_changes_nothing(self, storage: GenericStorage) -> None:
        storage["x"] = {"old": 1}
        for path in ("x", "new", "group/new", "x/old", "x/new"):
            with pytest.raises(ps.NotStorableError) as caught:
                storage[path] = {"fine": 1, "list": [0, (number for number in "")]}
            assert f"{path}/list/1" in str(caught.value)
            assert "generator" in str(caught.value)
        assert storage.load("x") == {"old": 1}
        assert list(storage) == ["x"]

    def test_code_by_value_may_be_refused(self, tmp_path: Path) -> None:
        with self.open(tmp_path, cloudpickle_fallback=False) as storage:
            with pytest.raises(ps.NotStorableError, match="x/call"):
                storage["x"] = {"call": lambda: 1}
            assert list(storage) == []
        with self.open(tmp_path) as storage:
            storage["x"] = {"call": lambda: 1}
            assert storage.load("x")["call"]() == 1

    # -- views ---------------------------------------------------------------------

    def test_a_view_of_a_dict(self, storage: GenericStorage, tmp_path: Path) -> None:
        storage["d"] = {"a": 1, "inner": {"x": 1}, "a/b": 2, "a~b": 3}
        view = storage["d"]
        assert view == {"a": 1, "inner": {"x": 1}, "a/b": 2, "a~b": 3}
        view["b"] = 2
        view["inner"]["y"] = [1]
        view["inner/y"].append(2)
        view[5] = "five"
        del view["a"]
        assert view["a/b"] == 2
        assert view["a~1b"] == 2
        assert view["a~b"] == 3
        assert view.pop("a/b") == 2
        view.update({"c": 3}, d=4)
        assert list(view) == ["inner", "a~b", "b", 5, "c", "d"]
        expected = {"inner": {"x": 1, "y": [1, 2]}, "a~b": 3, "b": 2, 5: "five", "c": 3, "d": 4}
        assert view == expected
        assert view | {"z": 1} == expected | {"z": 1}
        assert pickle.loads(pickle.dumps(view)) == expected
        assert same(self.again(storage, tmp_path).load("d"), expected)

    def test_a_view_of_a_list(self, storage: GenericStorage, tmp_path: Path) -> None:
        model: list[Any] = [1, [2], {"three": 3}]
        storage["l"] = model
        view = storage["l"]
        for change in LIST_CHANGES:
            change(model)
            change(view)
            assert view == model
        assert view[1:] == model[1:]
        assert len(view) == len(model)
        assert np.asarray(view[-1]).tolist() == [7, 8]
        with pytest.raises(IndexError):
            view[100]
        assert same(self.again(storage, tmp_path).load("l"), model)

    def test_a_view_of_an_object(self, storage: GenericStorage, tmp_path: Path) -> None:
        storage["o"] = Plain(x=1, inner=Settings())
        view = storage["o"]
        view["x"] = 2
        view["inner/flags/on"] = True
        view["new"] = {"a": 1}
        with pytest.raises(ps.ViewAttributeError, match="to_object"):
            view.x  # noqa: B018
        assert view.info().type.endswith("Plain")
        loaded = self.again(storage, tmp_path).load("o")
        assert (loaded.x, loaded.inner.flags, loaded.new) == (2, {"on": True}, {"a": 1})

    def test_tuples_and_sets_are_read_only(self, storage: GenericStorage) -> None:
        storage["x"] = {"tuple": (1, [2]), "set": {1}}
        for path in ("x/tuple/0", "x/set/0"):
            with pytest.raises(ps.ReadOnlyError):
                storage[path] = 5
        storage["x/tuple/1"].append(3)
        storage["x/set"] = {2}
        assert storage.load("x") == {"tuple": (1, [2, 3]), "set": {2}}
        assert storage["x/tuple"][1:] == [[2, 3]]
        assert storage["x/set"] | {3} == {2, 3}

    def test_two_views_of_one_thing_agree(self, storage: GenericStorage) -> None:
        shared: list[int] = [1]
        storage["x"] = {"a": shared, "b": shared}
        first, second = storage["x/a"], storage["x"]["b"]
        first.append(2)
        assert second == [1, 2]
        second.append(3)
        assert first == [1, 2, 3]
        assert storage.load("x")["a"] == [1, 2, 3]

    def test_deleting_a_part_breaks_no_reference(self, storage: GenericStorage, tmp_path: Path) -> None:
        inner = np.arange(20_000.0)
        shared = {"array": inner, "list": [1]}
        storage["x"] = {"a": {"holds": shared}, "b": shared, "c": shared["list"]}
        del storage["x/a"]
        storage["x/b"] = None
        storage = self.again(storage, tmp_path)
        assert storage.load("x") == {"b": None, "c": [1]}

    def test_a_view_can_be_stored(self, storage: GenericStorage) -> None:
        storage["a"] = {"x": [1, Plain(y=2), np.arange(20_000)]}
        storage["b"] = storage["a/x"]
        storage["a/copy"] = storage["a/x"]
        storage["a/x"].append("only here")
        assert len(storage.load("b")) == len(storage.load("a/copy")) == 3
        assert storage["b/1/y"] == storage["a/copy/1/y"] == 2
        assert storage["b/2"][-1] == 19_999

    def test_many_updates_of_parts(self, storage: GenericStorage, tmp_path: Path) -> None:
        storage["x"] = {"list": [], "dict": {}, "array": np.zeros(100)}
        with storage.transaction() if self.transactional else storage:
            for i in range(3000 if self.transactional else 30):
                storage["x/list"].append({"i": i})
                storage[f"x/dict/k{i}"] = i
            storage["x/array"] = np.ones(100)
        if self.transactional:
            storage = self.again(storage, tmp_path)
            loaded = storage.load("x")
            assert loaded["list"] == [{"i": i} for i in range(3000)]
            assert loaded["dict"] == {f"k{i}": i for i in range(3000)}
            assert loaded["array"].sum() == 100

    # -- looking ---------------------------------------------------------------------

    def test_walk_lists_everything(self, storage: GenericStorage) -> None:
        storage["n"] = np.zeros((2, 3))
        storage["g/o"] = Plain(x=[1, "ab"], a=np.zeros((4,), "f4"))
        found = dict(storage.walk())
        assert list(found) == ["n", "g", "g/o", "g/o/x", "g/o/x/0", "g/o/x/1", "g/o/a"]
        assert (found["n"].kind, found["n"].shape, found["n"].dtype, found["n"].size) == ("array", (2, 3), "<f8", 48)
        assert (found["g"].kind, found["g/o"].kind, found["g/o/x"].kind) == ("group", "object", "list")
        assert found["g/o"].type == f"{__name__}.Plain"
        assert (found["g/o/a"].shape, found["g/o/a"].dtype, found["g/o/a"].size) == ((4,), "<f4", 16)
        assert found["g/o/x/1"].size == 2
        assert storage.info("g/o/a") == found["g/o/a"]
        assert storage.info("n") == found["n"]

    def test_walk_enters_what_is_shared_once(self, storage: GenericStorage) -> None:
        parent: dict[str, Any] = {"name": "parent"}
        parent["child"] = {"parent": parent, "list": [1]}
        storage["it"] = parent
        found = dict(storage.walk())
        assert list(found) == ["it", "it/name", "it/child", "it/child/parent", "it/child/list", "it/child/list/0"]
        assert found["it/child/parent"].same_as == "it"

    def test_errors_say_what_is_there(self, storage: GenericStorage) -> None:
        storage["nodes/relax"] = {"energy": 1.0}
        with pytest.raises(ps.PathNotFoundError, match="Did you mean 'relax'"):
            storage["nodes/relex"]
        with pytest.raises(KeyError, match="'energy'"):
            storage["nodes/relax/missing"]
        with pytest.raises(TypeError, match="no parts"):
            storage["nodes/relax/energy/unit"]
        assert storage.get("nodes/nothing", 5) == 5
        with pytest.raises(ps.NoObjectError):
            storage["nodes"].to_object()

    # -- arrays in part ------------------------------------------------------------------

    @pytest.mark.parametrize("name", ARRAYS)
    def test_a_handle_reads_what_it_is_asked_for(self, storage: GenericStorage, tmp_path: Path, name: str) -> None:
        array = ARRAYS[name]
        storage["array"] = array
        storage["inside"] = {"deep": [array]}
        storage = self.again(storage, tmp_path)
        handles = [storage.array("array"), storage.array("inside/deep/0"), storage["inside"].array("deep/0")]
        for handle in handles:
            assert (handle.shape, handle.dtype, handle.ndim) == (array.shape, array.dtype, array.ndim)
            assert (handle.size, handle.nbytes) == (array.size, array.nbytes)
            assert same(np.array(handle), np.array(array))
            assert str(array.shape) in repr(handle)
            for key in KEYS:
                try:
                    expected = array[key]
                except IndexError:
                    with pytest.raises(IndexError):
                        handle[key]
                    continue
                found = handle[key]
                assert type(found) is type(expected)
                assert np.shape(found) == np.shape(expected)
                assert np.asarray(found).tobytes() == np.asarray(expected).tobytes()
                assert np.asarray(found).dtype == np.asarray(expected).dtype
        if array.ndim:
            assert len(handles[0]) == len(array)
        else:
            with pytest.raises(TypeError):
                len(handles[0])

    @pytest.mark.parametrize("name", ARRAYS)
    def test_a_handle_writes_in_place(self, storage: GenericStorage, tmp_path: Path, name: str) -> None:
        model = ARRAYS[name].copy(order="K")
        storage["array"] = model
        storage["inside"] = {"before": 1, "array": model, "after": np.arange(5)}
        for key in KEYS:
            try:
                values = model[key][..., ::-1] if model[key].ndim else model.reshape(-1)[0]
            except (IndexError, AttributeError):
                continue
            values = np.array(values)
            storage.array("array")[key] = values
            storage.array("inside/array")[key] = values
            model[key] = values
            assert same(storage["array"], model)
            assert same(storage["inside/array"], model)
        storage = self.again(storage, tmp_path)
        assert same(storage["array"], model)
        assert same(storage.load("inside"), {"before": 1, "array": model, "after": np.arange(5)})

    @pytest.mark.parametrize("name", [name for name in ARRAYS if ARRAYS[name].ndim])
    def test_an_array_becomes_longer_and_shorter(self, storage: GenericStorage, tmp_path: Path, name: str) -> None:
        model = ARRAYS[name].copy(order="K")
        storage["array"] = model
        storage["inside"] = [model, "after"]
        row = model[0].copy() if len(model) else np.ones(model.shape[1:])
        for step in range(5):
            more = np.stack([row] * (step + 1)).astype(model.dtype)
            added = row if step == 0 else more
            for path in ("array", "inside/0"):
                storage.array(path).append(added)
            model = np.concatenate([model, more]).astype(model.dtype)
            storage = self.again(storage, tmp_path)
            for path in ("array", "inside/0"):
                assert storage.array(path).shape == storage.info(path).shape == model.shape
                assert np.array_equal(storage[path], model, equal_nan=model.dtype.kind in "fcM")
                assert storage[path].dtype == model.dtype
        assert storage.load("inside")[1] == "after"
        for length in (2, 7, 0, 1):
            more = np.zeros((7, *model.shape[1:]), model.dtype)
            model = np.concatenate([model, more]).astype(model.dtype)[:length]
            for path in ("array", "inside/0"):
                storage.array(path).resize(length)
                assert same(storage[path].copy("C"), model.copy("C"))
        storage = self.again(storage, tmp_path)
        assert same(storage["array"].copy("C"), model.copy("C"))
        assert same(storage["inside/0"].copy("C"), model.copy("C"))

    def test_a_small_array_grows_big(self, storage: GenericStorage, tmp_path: Path) -> None:
        storage["x"] = {"curve": np.zeros((0, 3)), "other": np.arange(10)}
        with storage.transaction() if self.transactional else storage:
            curve = storage.array("x/curve")
            for step in range(40):
                curve.append(np.full((100, 3), step))
            assert curve.shape == storage["x/curve"].shape == (4000, 3)
        if self.transactional:
            storage = self.again(storage, tmp_path)
            expected = np.repeat(np.arange(40.0), 300).reshape(4000, 3)
            assert same(storage.load("x"), {"curve": expected, "other": np.arange(10)})

    def test_a_handle_is_of_what_is_there_now(self, storage: GenericStorage) -> None:
        shared = np.arange(3)
        storage["x"] = {"a": shared, "b": [shared], "tuple": (shared,)}
        first, second = storage.array("x/a"), storage["x"].array("tuple/0")
        first[0] = 5
        first.append([7, 8])
        assert second[...].tolist() == storage["x/b/0"].tolist() == [5, 1, 2, 7, 8]
        storage["x/a"] = np.zeros(2)
        assert (first.shape, second.shape) == ((2,), (5,))
        storage["x/a"] = "text"
        with pytest.raises(ps.NotAnArrayError, match="x/a"):
            first[0]
        del storage["x"]
        with pytest.raises(ps.PathNotFoundError):
            second[0] = 1
        assert "gone" in repr(second)

    def test_an_array_in_a_column_has_a_handle(self, storage: GenericStorage, tmp_path: Path) -> None:
        rows = [{"name": str(i), "cell": np.full((2, 2), float(i))} for i in range(50)]
        storage["rows"] = rows
        assert storage.array("rows/3/cell")[0].tolist() == [3, 3]
        storage.array("rows/3/cell")[0, 0] = -1
        storage.array("rows/4/cell").append([0, 0])
        storage = self.again(storage, tmp_path)
        loaded = storage.load("rows")
        assert loaded[3]["cell"].tolist() == [[-1, 3], [3, 3]]
        assert loaded[4]["cell"].tolist() == [[4, 4], [4, 4], [0, 0]]
        assert loaded[5]["cell"].tolist() == storage.array("rows/5/cell")[...].tolist() == [[5, 5], [5, 5]]

    def test_a_handle_refuses_what_does_not_fit(self, storage: GenericStorage) -> None:
        for place in ("x", "o/x"):
            storage[place] = np.arange(6, dtype="i2").reshape(2, 3)
            handle = storage.array(place)
            with pytest.raises(ps.ArrayShapeError, match="shape"):
                handle.append(np.zeros((2, 4), "i2"))
            with pytest.raises(ps.ArrayShapeError):
                handle.append(3)
            with pytest.raises(ps.ArrayShapeError):
                handle[0] = [1, 2]
            with pytest.raises(ps.ArrayShapeError):
                handle.resize(-1)
            with pytest.raises(ps.ArrayIndexError):
                handle[2]
            with pytest.raises(IndexError):
                handle[0, 0, 0] = 1
            for values in (0.5, "text", 40_000, np.array([70_000] * 3), None):
                with pytest.raises(ps.NotStorableError, match=place):
                    handle[0] = values
            assert storage[place].tolist() == [[0, 1, 2], [3, 4, 5]]
        storage["text"] = np.array(["ab"])
        with pytest.raises(ps.NotStorableError, match="cut off"):
            storage.array("text")[0] = "abc"
        storage["o/all"] = {"object": np.array([1, "a"], object), "number": 1}
        storage["zero"] = np.array(1.0)
        for path in ("o", "o/all", "o/all/object", "o/all/number", ""):
            with pytest.raises(ps.NotAnArrayError):
                storage.array(path)
        for path in ("nothing", "o/nothing", "o/all/nothing"):
            with pytest.raises(ps.PathNotFoundError):
                storage.array(path)
        with pytest.raises(ps.ArrayShapeError, match="axes"):
            storage.array("zero").append(1)

    def test_changes_of_arrays_are_taken_back(self, storage: GenericStorage, tmp_path: Path) -> None:
        if not self.transactional:
            return
        storage["x"] = np.arange(20_000)
        storage["o"] = {"big": np.arange(20_000), "small": np.arange(3)}
        with pytest.raises(ZeroDivisionError), storage.transaction():  # noqa: PT012
            for path in ("x", "o/big", "o/small"):
                handle = storage.array(path)
                handle[0] = -1
                handle.append([1, 2])
                handle[-1] = -2
                assert handle[0] == -1
                assert storage.load(path, mmap=True)[-1] == -2
            1 / 0  # noqa: B018
        for _ in range(2):
            assert storage["x"].tolist() == storage["o/big"].tolist() == list(range(20_000))
            assert storage.load("o")["small"].tolist() == [0, 1, 2]
            storage.array("x").append(20_000)
            assert storage.array("x")[-2:].tolist() == [19_999, 20_000]
            storage.array("x").resize(20_000)
            storage = self.again(storage, tmp_path)

    def test_mapped_arrays_are_equal_and_keep_their_values(self, storage: GenericStorage, tmp_path: Path) -> None:
        thing = {name: array for name, array in ARRAYS.items() if name.startswith("big")}
        storage["thing"] = thing
        storage["x"] = ARRAYS["big"]
        storage = self.again(storage, tmp_path)
        mapped = storage.load("thing", mmap=True) | {"x": storage.load("x", mmap=True)}
        storage.array("thing/big")[...] = 0
        storage.array("x")[:50] = 0
        storage["thing/big text"] = None
        del storage["thing"]
        storage["other"] = [np.full(30_000, float(i)) for i in range(5)]
        storage["x"] = np.ones(5)
        for name, array in (thing | {"x": ARRAYS["big"]}).items():
            assert np.array_equal(mapped[name], array)
            assert (mapped[name].dtype, mapped[name].shape) == (array.dtype, array.shape)

    # -- transactions, modes -----------------------------------------------------------

    def test_a_transaction_is_all_or_nothing(self, storage: GenericStorage, tmp_path: Path) -> None:
        if not self.transactional:
            with pytest.raises(ps.TransactionError), storage.transaction():
                pass
            return
        storage["a"] = 1
        storage["o"] = {"x": [1, 2], "big": np.zeros(20_000)}
        storage["g/h"] = 1
        with pytest.raises(ZeroDivisionError), storage.transaction():  # noqa: PT012
            storage["a"] = 2
            storage["o/x"].append(3)
            storage["o/big"] = np.ones(20_000)
            storage["o2"] = {"y": 1}
            del storage["g"]
            storage["g/new"] = 1
            assert storage["o/x"] == [1, 2, 3]
            1 / 0  # noqa: B018
        assert sorted(storage) == ["a", "g", "o"]
        storage = self.again(storage, tmp_path)
        assert sorted(storage) == ["a", "g", "o"]
        assert storage["a"] == 1
        assert storage.load("o/x") == [1, 2]
        assert storage["o/big"].sum() == 0
        assert list(storage["g"]) == ["h"]
        with storage.transaction():
            storage["a"] = 3
            with storage.transaction():
                storage["o/x/0"] = 5
        storage = self.again(storage, tmp_path)
        assert (storage["a"], storage.load("o/x")) == (3, [5, 2])

    def test_a_failed_inner_transaction_takes_the_outer_with_it(self, storage: GenericStorage) -> None:
        if not self.transactional:
            return
        storage["a"] = 1
        with pytest.raises(ps.TransactionError), storage.transaction():  # noqa: PT012
            storage["a"] = 2
            with pytest.raises(ZeroDivisionError), storage.transaction():
                1 / 0  # noqa: B018
        assert storage["a"] == 1

    def test_reading_refuses_to_write(self, storage: GenericStorage, tmp_path: Path) -> None:
        if not self.persistent:
            return
        storage["x"] = {"list": [1], "array": np.arange(2)}
        storage["n"] = np.arange(2)
        storage.close()
        with pytest.raises(ps.StorageClosedError):
            storage["x"]
        with self.open(tmp_path, "r") as reader:
            for change in (
                lambda: reader.__setitem__("y", 1),
                lambda: reader["x/list"].append(2),
                lambda: reader.__delitem__("x"),
                lambda: reader.create_group("g"),
                lambda: reader.array("x/array").__setitem__(0, 1),
                lambda: reader.array("n").append(1),
            ):
                with pytest.raises(ps.ReadOnlyError):
                    change()
            assert reader.load("x/list") == [1]
            assert reader["n"].tolist() == reader["x/array"].tolist() == [0, 1]
        with self.open(tmp_path, "w") as anew:
            anew["z"] = 1
            assert list(anew) == ["z"]
        with pytest.raises(ps.StorageExistsError):
            self.open(tmp_path, "x")

    def test_what_another_handle_stored_outlives_it(self, storage: GenericStorage, tmp_path: Path) -> None:
        if not self.persistent:
            return
        storage["x"] = [1]
        with self.open(tmp_path) as other:
            other["x"] = {"array": np.arange(20_000), "small": np.arange(3), "tuple": (1, 2)}
        assert storage["x/array"].shape == (20_000,)
        assert storage.load("x/small").tolist() == [0, 1, 2]
        storage["x"]["more"] = 1
        assert storage.load("x")["tuple"] == (1, 2)
