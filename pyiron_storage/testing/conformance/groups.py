"""Groups and nodes: listed, opened, replaced, deleted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyiron_storage as ps
from pyiron_storage.model.storage import GenericStorage
from pyiron_storage.testing.conformance.backend import BackendTests
from pyiron_storage.testing.conformance.samples import same


class GroupTests(BackendTests):
    """Groups and nodes: listed, opened, replaced, deleted."""

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

    @pytest.mark.parametrize("new", [2, [3], {"a": 1}, np.arange(20_000), "a group"])
    def test_a_group_that_holds_something_is_not_written_over(
        self, storage: GenericStorage, tmp_path: Path, new: Any
    ) -> None:
        for n in range(5):
            storage[f"calculations/run_{n}"] = {"energy": n}
        storage["calculations/parameters/cutoff"] = 520
        storage["empty"] = storage["a/group"] = 1
        del storage["empty"], storage["a/group"]
        storage.create_group("empty")
        new = storage["a"] if isinstance(new, str) else new
        for path in ("calculations", "calculations/parameters"):
            for change in (storage.__setitem__, lambda path, value: storage.update({"new": 1, path: value})):
                with pytest.raises(ps.StorageExistsError, match="del storage"):
                    change(path, new)
        assert storage.setdefault("calculations", new).list_groups()
        storage = self.again(storage, tmp_path)
        if self.transactional:
            assert "new" not in storage
        assert len(storage["calculations"]) == 6
        assert storage["calculations/run_4/energy"] == 4
        storage["calculations/run_4"] = new if not isinstance(new, GenericStorage) else 1  # an object is replaced
        storage["empty"] = 1  # and so is an empty group
        storage["empty"] = 2
        del storage["calculations"]
        storage["calculations"] = 3
        assert self.again(storage, tmp_path)["calculations"] == 3

    def test_a_group_with_metadata_is_not_written_over(self, storage: GenericStorage, tmp_path: Path) -> None:
        storage.create_group("project").metadata["owner"] = "me"
        with pytest.raises(ps.StorageExistsError, match="metadata"):
            storage["project"] = 3
        assert dict(self.again(storage, tmp_path)["project"].metadata)["owner"] == "me"

    def test_what_would_be_lost_is_not_taken_for_an_object(self, storage: GenericStorage, tmp_path: Path) -> None:
        storage["a/record"] = 1
        storage["b/record"] = "no document"
        storage["c/NAME"] = "x"
        for name in "abc":
            with pytest.raises(ps.StorageExistsError):
                storage[name] = 1
        ps.ListStorable([1, 2]).store(storage, "by_hand")
        storage = self.again(storage, tmp_path)
        storage["by_hand"] = 1
        assert sorted(self.again(storage, tmp_path)) == ["a", "b", "by_hand", "c"]

    def test_a_group_is_cleared_without_looking_at_it(self, storage: GenericStorage, tmp_path: Path) -> None:
        storage["g/a"], storage["g/b"], storage["g/c/d"] = 1, {"x": [1]}, 2
        storage["g"].metadata["kept"] = True
        storage["g"].clear()
        assert list(storage["g"]) == []
        storage["g/x"] = {"y": [1]}
        assert storage["g"].popitem() == ("x", {"y": [1]})
        with pytest.raises(KeyError, match="empty"):
            storage["g"].popitem()
        assert self.again(storage, tmp_path)["g"].metadata["kept"] is True

    @pytest.mark.parametrize("old", [1, "text", [1, {"a": 2}], np.arange(10.0), np.arange(20_000.0), "group"])
    @pytest.mark.parametrize("new", [2.5, b"bytes", {"b": 1}, np.arange(3), [np.arange(20_000)]])
    def test_what_is_stored_replaces_what_was(
        self, storage: GenericStorage, tmp_path: Path, old: Any, new: Any
    ) -> None:
        if isinstance(old, str) and old == "group":
            storage.create_group("x")
        else:
            storage["x"] = old
        storage["x"] = new
        storage = self.again(storage, tmp_path)
        assert same(storage.load("x"), new)
        assert list(storage) == ["x"]
