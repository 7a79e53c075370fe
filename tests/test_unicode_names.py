"""Names that differ in Unicode normal form or case alone: file systems that fold these keep them apart, too."""

import json
import unicodedata
from pathlib import Path

import numpy as np
import pytest

import pyiron_storage as ps

NAMES = [
    "gr\u00fcn",
    "gru\u0308n",
    "GR\u00dcN",
    "GRU\u0308N",
    "gr\u00fc\u0308n",
    "\uac00",
    "\u1100\u1161",
    "\u212b",
    "\u00c5",
]


def folded(name):
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())


def test_the_names_are_of_the_kind():
    assert len({folded(name) for name in NAMES}) < len(NAMES) == len(set(NAMES))


@pytest.mark.parametrize("file", ["f.jsondir", "f.json", "f.h5"])
def test_names_that_some_file_systems_take_for_one_stay_apart(file):
    with ps.open_storage(file) as storage:
        for number, name in enumerate(NAMES):
            storage[f"objects/{name}"] = {"number": number}
            storage[f"arrays/{name}"] = np.full(3, number)
    with ps.open_storage(file, "r") as storage:
        assert list(storage["objects"]) == NAMES
        assert [storage[f"objects/{name}/number"] for name in NAMES] == list(range(len(NAMES)))
        assert [storage[f"arrays/{name}"][0] for name in NAMES] == list(range(len(NAMES)))
    for folder in [path for path in Path().rglob("*") if path.is_dir()]:
        names = [folded(path.name) for path in folder.iterdir()]
        assert len(set(names)) == len(names), names


def test_a_directory_that_was_named_before_is_found():
    with ps.open_storage("f.jsondir") as storage:
        storage["gru\u0308n"] = {"number": 1}
    group = Path("f.jsondir/group.json")
    content = json.loads(group.read_text(encoding="utf-8"))
    (name,) = content["groups"].values()
    assert name.isascii()
    Path("f.jsondir", name).rename("f.jsondir/gru\u0308n")
    content["groups"] = {"gru\u0308n": "gru\u0308n"}
    del content["check"]
    group.write_text(json.dumps(content), encoding="utf-8")
    with ps.open_storage("f.jsondir", "r") as storage:
        assert storage["gru\u0308n/number"] == 1
