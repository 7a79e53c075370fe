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
