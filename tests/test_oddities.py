"""Keys, names, texts and values that are rare and must come back all the same."""

import fractions
import json

import numpy as np
import pytest

import pyiron_storage as ps


@pytest.fixture(params=["memory", "f.h5", "f.jsondir", "f.json"])
def storage(request):
    with ps.MemoryStorage() if request.param == "memory" else ps.open_storage(request.param) as storage:
        yield storage


def test_keys_that_two_dicts_share_are_reached(storage):
    key = (1, 2)
    storage["x"] = [{key: "a", b"k": 1}, {key: "b", b"k": 2}]
    assert storage["x"][1][key] == "b"
    assert storage["x/1/~:[1,2]"] == "b"
    assert storage["x"][1][b"k"] == 2
    storage["x"][0][key] = "changed"
    assert storage.load("x") == [{key: "changed", b"k": 1}, {key: "b", b"k": 2}]


def test_a_key_with_a_lone_surrogate(storage):
    storage["d"] = {"\ud800": 1}
    assert storage["d"]["\ud800"] == 1
    storage["d"]["\ud801"] = 2
    storage["plain"] = {"a": 1}
    storage["plain"]["\ud802"] = 3
    assert storage.load("d") == {"\ud800": 1, "\ud801": 2}  # noqa: F601
    assert storage.load("plain") == {"a": 1, "\ud802": 3}


@pytest.mark.parametrize("text", ['{"pyiron_storage": hello', '{"pyiron_storage":1,"types":[]}\n[1]\n'])
def test_text_that_looks_like_a_record_stays_text(storage, text):
    storage["g/record"] = text
    storage["other"] = text
    assert storage["g/record"] == storage["other"] == text
    assert storage["g"].list_groups() or storage["g"].list_nodes()


class Dollar(ps.Storable):
    def __init__(self, value):
        self.value = value

    def _store(self, storage):
        storage["$"] = self.value
        storage["group/$"] = self.value

    @classmethod
    def _restore(cls, storage, version):
        assert storage["group"]["$"] == storage["$"]
        return cls(storage["$"])


@pytest.mark.parametrize("value", [5, "parts"])
def test_a_storable_may_use_the_name_that_marks_rules(storage, value):
    storage["x"] = Dollar(value)
    assert storage.load("x").value == value
    assert storage["x/$"] == value


def test_names_that_a_directory_uses_itself(tmp_path):
    with ps.open_storage("f.jsondir") as storage:
        storage["x"] = np.arange(3)
        for name in ("group.json", "x-1.npy", "A", "a", "é", "50%", "a%2Fb"):
            storage[name] = [name]
        storage["group/record-1.jsonl"] = [1]
    with ps.open_storage("f.jsondir", "r") as storage:
        for name in ("group.json", "x-1.npy", "A", "a", "é", "50%", "a%2Fb"):
            assert storage.load(name) == [name]
    folders = json.loads((tmp_path / "f.jsondir" / "group.json").read_text())["groups"]
    assert folders["é"] == "é"
    assert len({folder.casefold() for folder in folders.values()}) == len(folders)


def test_values_at_the_edge(storage):
    values = [type(...), type(None), type(NotImplemented), fractions.Fraction(10**5000, 3), np.void(b""), np.str_("")]
    storage["x"] = values
    loaded = storage.load("x")
    assert loaded[:4] == values[:4]
    assert [type(value) for value in loaded] == [type(value) for value in values]
    assert loaded[5] == ""


def test_a_percent_in_a_link_of_another_tool():
    import h5py

    with h5py.File("f.h5", "w") as file:
        file["50%"] = [1, 2]
    with ps.open_storage("f.h5") as storage:
        assert storage["50%"].tolist() == [1, 2]
