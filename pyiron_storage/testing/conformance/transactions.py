"""Transactions are all or nothing, and modes and other handles are respected."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import pyiron_storage as ps
from pyiron_storage.model.storage import GenericStorage
from pyiron_storage.testing.conformance.backend import BackendTests


class TransactionTests(BackendTests):
    """Transactions are all or nothing, and modes and other handles are respected."""

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
