"""Handles and memory maps read and change arrays in part."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import pyiron_storage as ps
from pyiron_storage.model.storage import GenericStorage
from pyiron_storage.testing.conformance.backend import BackendTests
from pyiron_storage.testing.conformance.samples import ARRAYS, KEYS, same


class ArrayHandleTests(BackendTests):
    """Handles and memory maps read and change arrays in part."""

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

    def test_an_array_is_extended_by_many_rows(self, storage: GenericStorage, tmp_path: Path) -> None:
        for place in ("native", "object/inside"):
            storage[place] = np.zeros((0, 2))
            handle = storage.array(place)
            handle.extend([])
            handle.extend([step, 2 * step] for step in range(3))
            handle.extend(np.full((2, 2), 7))
            with pytest.raises(ps.ArrayShapeError, match=place):
                handle.extend([1.0, 2.0])  # numbers are no rows, though they could be one
            storage = self.again(storage, tmp_path)
            assert storage[place].tolist() == [[0, 0], [1, 2], [2, 4], [7, 7], [7, 7]]

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
