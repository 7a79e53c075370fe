"""Objects of any kind come back, with what they share."""

from __future__ import annotations

import collections
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyiron_storage as ps
from pyiron_storage.model.storage import GenericStorage
from pyiron_storage.testing.conformance.backend import BackendTests
from pyiron_storage.testing.conformance.samples import (
    Node,
    Plain,
    Reducing,
    Settings,
    Slotted,
    Stateful,
    Workflow,
    same,
)


class ObjectTests(BackendTests):
    """Objects of any kind come back, with what they share."""

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
