"""`walk`, `info` and errors say what is there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pyiron_storage as ps
from pyiron_storage.model.storage import GenericStorage
from pyiron_storage.testing.conformance.backend import BackendTests
from pyiron_storage.testing.conformance.samples import Plain


class LookingTests(BackendTests):
    """`walk`, `info` and errors say what is there."""

    def test_walk_lists_everything(self, storage: GenericStorage) -> None:
        storage["n"] = np.zeros((2, 3))
        storage["g/o"] = Plain(x=[1, "ab"], a=np.zeros((4,), "f4"))
        found = dict(storage.walk())
        assert list(found) == ["n", "g", "g/o", "g/o/x", "g/o/x/0", "g/o/x/1", "g/o/a"]
        assert (found["n"].kind, found["n"].shape, found["n"].dtype, found["n"].size) == ("array", (2, 3), "<f8", 48)
        assert (found["g"].kind, found["g/o"].kind, found["g/o/x"].kind) == ("group", "object", "list")
        assert found["g/o"].type == f"{Plain.__module__}.Plain"
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
