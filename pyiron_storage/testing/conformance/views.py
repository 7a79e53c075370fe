"""Views show what is stored, and write what is done to them."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyiron_storage as ps
from pyiron_storage.model.storage import GenericStorage
from pyiron_storage.testing.conformance.backend import BackendTests
from pyiron_storage.testing.conformance.samples import LIST_CHANGES, Plain, Settings, same


class ViewTests(BackendTests):
    """Views show what is stored, and write what is done to them."""

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
