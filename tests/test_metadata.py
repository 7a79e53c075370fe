"""What is said about objects and groups: kept, changed and searched without loading anything."""

import datetime
import enum
import getpass
import json
import os
import pickle
import textwrap
import uuid
from pathlib import Path

import h5py
import numpy as np
import pytest
from packages import install, python, write

import pyiron_storage as ps

SUFFIXES = [".h5", ".jsondir", ".json"]


@pytest.fixture(params=SUFFIXES)
def file(request, tmp_path):
    return tmp_path / f"run{request.param}"


def metadata(file, path="object"):
    with ps.open_storage(file, "r") as storage:
        return dict(storage[path].metadata)


def test_metadata_is_kept_and_filled_in(file):
    before = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    ps.save({"a": [1, 2]}, file, metadata={"project": "Al", "steps": [1, {"n": None}], "cutoff": np.float64(1.5)})
    found = metadata(file)
    after = datetime.datetime.now(datetime.UTC)
    assert before <= datetime.datetime.fromisoformat(found["created"]) <= after
    assert found["modified"] == found["created"]
    assert found["creator"] == getpass.getuser()
    assert (found["project"], found["steps"], found["cutoff"]) == ("Al", [1, {"n": None}], 1.5)
    assert ps.load(file) == {"a": [1, 2]}


def test_metadata_is_filled_in_where_none_is_given(file):
    ps.save([1], file)
    assert set(metadata(file)) == {"created", "creator", "modified"}


def test_metadata_is_read_and_changed_without_loading(file, tmp_path):
    write(tmp_path / "site", "cells")
    save = f"from cells import Cell; ps.save([Cell(1.0)], {str(file)!r}, metadata={{'project': 'Al'}})"
    python(save, tmp_path / "site")
    script = f"""
        with ps.open_storage({str(file)!r}) as storage:
            found = storage["object"].metadata
            print(found["project"], "checked" in found)
            found["checked"] = True
            found.update(project="Cu", n=3)
            del found["n"]
            print(sorted(found), len(found))
    """
    lines = python(textwrap.dedent(script)).splitlines()  # without the class
    assert lines == ["Al False", "['checked', 'created', 'creator', 'modified', 'project'] 5"]
    assert metadata(file)["project"] == "Cu"
    assert python(f"print(ps.load({str(file)!r})[0].a)", tmp_path / "site") == "1.0"  # it is still signed


def test_views_of_one_object_see_each_others_changes(file):
    with ps.open_storage(file) as storage:
        storage["a"] = {"b": [1]}
        one, other = storage["a"].metadata, storage["a/b"].metadata
        one["x"] = 1
        assert other["x"] == 1
        with pytest.raises(KeyError), storage.transaction():  # noqa: PT012
            one["x"] = 2
            del one["y"]
        assert dict(one)["x"] == 1


def test_modified_follows_changes_and_created_does_not(file, monkeypatch):
    ps.save({"a": 1}, file)
    created = metadata(file)["created"]
    for module in ("pyiron_storage.model.metadata", "pyiron_storage.records.document"):
        monkeypatch.setattr(f"{module}.now", lambda: "2099-01-01T00:00:00Z")
    with ps.open_storage(file) as storage:
        storage["object"]["a"] = 2
    found = metadata(file)
    assert (found["created"], found["modified"]) == (created, "2099-01-01T00:00:00Z")
    ps.save({"a": 1}, file)
    assert metadata(file)["modified"] != "2099-01-01T00:00:00Z"  # an object that is stored anew


def test_groups_have_metadata(file):
    with ps.open_storage(file) as storage:
        group = storage.create_group("calculations")
        assert dict(group.metadata) == {}
        group.metadata["project"] = "Al"
        storage.metadata["title"] = "all of it"
        group["n"] = 3
    with ps.open_storage(file, "r") as storage:
        assert storage["calculations"].metadata["project"] == "Al"
        assert storage.metadata["title"] == "all of it"
        assert {"created", "creator", "modified"} <= set(storage.metadata)
        assert list(storage) == ["calculations"]
        assert list(storage["calculations"]) == ["n"]
        assert [path for path, _ in storage.walk()] == ["calculations", "calculations/n"]
        with pytest.raises(ps.ReadOnlyError):
            storage.metadata["title"] = "another"


def test_saving_again_keeps_the_metadata_of_the_file(file):
    ps.save([1], file)
    with ps.open_storage(file) as storage:
        storage.metadata["title"] = "all of it"
    ps.save([2], file)
    with ps.open_storage(file, "r") as storage:
        assert storage.metadata["title"] == "all of it"
        assert storage.load("object") == [2]


def test_copies_keep_metadata(file, tmp_path):
    ps.save([1], file, "group/object", metadata={"project": "Al"})
    with ps.open_storage(file) as storage:
        storage["group"].metadata["title"] = "first"
        storage["second"] = storage["group"]
    ps.copy(file, tmp_path / "copy.json")
    with ps.open_storage(tmp_path / "copy.json", "r") as storage:
        assert storage["group"].metadata["title"] == storage["second"].metadata["title"] == "first"
        assert storage["group/object"].metadata["project"] == "Al"


class Labelled:
    def __init__(self, own):
        self.__metadata__ = own


class Named:
    __metadata__ = {"kind": "named"}


class Odd:
    @property
    def __metadata__(self):
        return {1, 2}


def test_metadata_of_an_object_itself_is_kept(file):
    for thing, expected in [
        (Labelled({"a": [1]}), {"a": [1]}),
        (Labelled("text"), "text"),
        (Named(), {"kind": "named"}),
    ]:
        ps.save(thing, file, metadata={"project": "Al"})
        assert metadata(file)["__metadata__"] == expected
        assert metadata(file)["project"] == "Al"
    ps.save(Odd(), file)
    assert metadata(file)["__metadata__"] == "{1, 2}"
    ps.save([Named()], file)
    assert "__metadata__" not in metadata(file)


@pytest.mark.parametrize("value", [3, "text", None, np.arange(4), 1 + 2j])
def test_what_a_back_end_stores_natively_has_metadata_where_it_is_asked_for(value, file):
    ps.save(value, file, metadata={"project": "Al"})
    assert np.array_equal(ps.load(file, metadata={"project": "Al"}), value)
    (found,) = ps.find(file)
    assert found.metadata["project"] == "Al"
    ps.save(value, file)
    assert ps.find(file)[0].metadata == {}


def test_metadata_for_all_that_a_handle_stores(file):
    with ps.open_storage(file, metadata={"project": "Al"}) as storage:
        storage["a"], storage["b"] = [1], {"x": 2}
    assert [found.metadata["project"] for found in ps.find(file)] == ["Al", "Al"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"a": {1}},
        {1: 2},
        "text",
        {"a": float("nan")},
        {"a": [1.0, float("inf")]},
        {"a": object()},
        {"a": np.arange(3)},
        {"a": uuid.UUID(int=1)},
        {"a": [enum.Enum("Phase", "SOLID").SOLID]},
        {"a": datetime.time(3)},
        {"a": [np.float64("nan")]},
        {"a": np.timedelta64(3, "ns")},
        {"a": {1: 2}},
        {"a": 2**64},
        {"a": "\ud800"},
        {"\ud800": 1},
    ],
)
def test_metadata_is_plain(wrong, file):
    with pytest.raises(ps.InvalidOptionError, match="metadata"):
        ps.save([1], file, metadata=wrong)
    assert not file.exists()
    with ps.open_storage(file) as storage:
        storage["a"] = [1]
        if isinstance(wrong, dict):
            with pytest.raises(ps.InvalidOptionError):
                storage["a"].metadata.update(wrong)


def test_numbers_of_numpy_and_times_become_plain_wherever_they_stand(file):
    time = datetime.datetime(2026, 5, 1, 12, tzinfo=datetime.UTC)
    given = {
        "a": [np.float64(1.5), {"b": np.int8(3)}],
        "c": (time, time.date()),
        "d": np.datetime64("2026-05-01", "ns"),
    }
    ps.save([1], file, metadata=given)
    (found,) = ps.find(file)
    assert found.metadata["a"] == [1.5, {"b": 3}]
    assert found.metadata["c"] == ["2026-05-01T12:00:00+00:00", "2026-05-01"]
    assert found.metadata["d"] == "2026-05-01T00:00:00.000000000"
    assert ps.load(file, metadata=given) == [1]
    assert len(ps.find(file, given)) == 1


def test_load_refuses_what_does_not_carry_it(file):
    ps.save({"a": {"b": 2}}, file, metadata={"project": "Al", "n": 3})
    assert ps.load(file, "a/b", metadata={"project": "Al", "n": lambda n: n > 2}) == 2
    for wanted in ({"project": "Cu"}, {"project": "Al", "reviewed": True}, {"n": lambda n: n > 3}):
        with pytest.raises(ps.MetadataMismatchError, match=next(reversed(wanted))):
            ps.load(file, "a", metadata=wanted)
    with ps.open_storage(file) as storage:
        storage["native"] = 3
    with pytest.raises(ps.MetadataMismatchError, match="no project"):
        ps.load(file, "native", metadata={"project": "Al"})


def test_metadata_never_names_code(file):
    ps.save([1], file, metadata={"$": "call", "type": 0, "x": {"$": 3}})
    assert metadata(file)["x"] == {"$": 3}
    assert ps.load(file, trust="data") == [1]


def test_metadata_is_small(tmp_path):
    ps.save(1, tmp_path / "one.h5")
    assert (tmp_path / "one.h5").stat().st_size <= 8192
    ps.save([1], tmp_path / "one.h5", metadata={"project": "Al"})
    assert (tmp_path / "one.h5").stat().st_size <= 8192


# -- pickle files ----------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".pkl", ".cpkl"])
def test_metadata_stands_behind_a_pickle(suffix, tmp_path):
    file = tmp_path / f"x{suffix}"
    ps.save({"a": 1}, file, metadata={"project": "Al"})
    assert pickle.loads(file.read_bytes()) == {"a": 1} == ps.load(file, metadata={"project": "Al"})
    with ps.open_storage(file) as storage:
        storage.metadata["checked"] = True
    with ps.open_storage(file, "r") as storage:
        assert (storage.metadata["project"], storage.metadata["checked"]) == ("Al", True)
    assert ps.load(file) == {"a": 1}
    with pytest.raises(ps.MetadataMismatchError):
        ps.load(file, metadata={"project": "Cu"})


def test_metadata_does_not_sign_the_pickle_of_a_stranger(tmp_path):
    file = tmp_path / "x.pkl"
    file.write_bytes(pickle.dumps(Named()))
    with ps.open_storage(file) as storage, pytest.raises(ps.UntrustedError):
        storage.metadata["checked"] = True
    with pytest.raises(ps.UntrustedError):
        ps.load(file)


# -- finding ---------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    install(tmp_path / "site", "1.0")
    (tmp_path / "runs" / "deep").mkdir(parents=True)
    script = """
        from crystals.cells import Cell
        ps.save(Cell(4.05), "runs/al.h5", metadata={"project": "Al", "cutoff": 400})
        ps.save(Cell(3.6), "runs/deep/cu.jsondir", metadata={"project": "Cu", "cutoff": 520})
        ps.save([1], "runs/deep/list.json", metadata={"project": "Al"})
        ps.save([2], "runs/al.h5", "group/old", metadata={"created": "2020-01-01T00:00:00Z"})
        ps.save({"x": 1}, "runs/x.pkl", metadata={"project": "Al"})
    """
    python(textwrap.dedent(script), tmp_path / "site", cwd=tmp_path)
    (tmp_path / "runs" / "settings.json").write_text("[1, 2]")
    (tmp_path / "runs" / "notes.txt").write_text("nothing")
    with h5py.File(tmp_path / "runs" / "other.h5", "w") as other:
        other["x"] = 3
    return tmp_path


def found(folder, arguments):
    """What `find` gives in a process without the classes: names of files and paths."""
    script = f"import datetime, json; found = ps.find('runs', {arguments})\n"
    script += "print(json.dumps([[one.filename, one.path] for one in found]))"
    return [tuple(one) for one in json.loads(python(script, cwd=folder))]


AL, OLD = ("runs/al.h5", "object"), ("runs/al.h5", "group/old")
CU, LIST, PICKLE = ("runs/deep/cu.jsondir", "object"), ("runs/deep/list.json", "object"), ("runs/x.pkl", "object")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("{'project': 'Al'}", {AL, LIST, PICKLE}),
        ("where={'project': 'Al', 'cutoff': 400}", {AL}),
        ("where={'cutoff': lambda cutoff: cutoff > 450}", {CU}),
        ("where=lambda one: one.path == 'group/old'", {OLD}),
        ("type='crystals.cells.Cell'", {AL, CU}),
        ("type='Cell', where={'project': 'Cu'}", {CU}),
        ("type=list", {OLD, LIST}),
        ("before='2021-01-01'", {OLD}),
        ("after=datetime.datetime(2021, 1, 1)", {AL, CU, LIST, PICKLE}),
        ("type='Nothing'", set()),
    ],
)
def test_find_lists_what_matches(arguments, expected, folder):
    assert set(found(folder, arguments)) == expected


def test_find_looks_at_one_file_too(folder):
    assert {one.path for one in ps.find(folder / "runs" / "al.h5")} == {"object", "group/old"}
    with pytest.raises(ps.StorageNotFoundError):
        ps.find(folder / "runs" / "nothing.h5")
    with pytest.raises(ps.InvalidOptionError, match="ISO 8601"):
        ps.find(folder, after="yesterday")


def test_find_leaves_out_what_is_damaged_and_says_so(folder):
    ps.save({"a": list("text")}, folder / "runs" / "damaged.json")
    text = (folder / "runs" / "damaged.json").read_text()
    (folder / "runs" / "damaged.json").write_text(text.replace('"types"', '"tipes"'))
    with pytest.warns(ps.StorageWarning, match="damaged.json"):
        assert len(ps.find(folder / "runs", {"project": "Al"})) == 3


def test_find_goes_on_where_a_folder_holds_odd_things(folder):
    runs = folder / "runs"
    (runs / "dangling.h5").symlink_to("nowhere")
    (runs / "round").symlink_to(runs)
    os.mkfifo(runs / "pipe.h5")
    (runs / "closed.json").write_text("{}")
    with h5py.File(runs / "nothing.h5", "w") as other:
        other["nothing"] = h5py.Empty("f8")
    ps.save([1], runs / "text.pkl", metadata={"project": "Al", "modified": "yesterday"})
    found = {(Path(one.filename).name, one.type) for one in ps.find(runs, type="NoneType")}
    assert found == {("nothing.h5", "NoneType")}
    assert len(ps.find(runs, {"project": "Al"})) == 4
    assert len(ps.find(runs, {"project": "Al"}, after=datetime.date(2021, 1, 1))) == 3


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_find_leaves_out_what_it_may_not_read(folder):
    (folder / "runs" / "al.h5").chmod(0)
    with pytest.warns(ps.StorageWarning, match=r"al\.h5"):
        assert len(ps.find(folder / "runs", {"project": "Al"})) == 2


def test_find_is_asked_for_what_it_can_be_asked_for(folder):
    for wrong in ({"where": "Al"}, {"where": 3}, {"type": 3}, {"after": 3}):
        with pytest.raises(ps.InvalidOptionError, match=next(iter(wrong)) if "after" not in wrong else "ISO 8601"):
            ps.find(folder, **wrong)
