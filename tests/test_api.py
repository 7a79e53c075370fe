"""save, load, delete, open_storage: what a new user meets first, and what they are told when it fails."""

import json
import os
import pickle
import re
import tempfile
import threading
from pathlib import Path

import numpy as np
import pytest

import pyiron_storage as ps

FILES = ["thing.h5", "thing.hdf5", "thing.HDF", "thing.json", "thing.jsondir"]


@pytest.mark.parametrize("filename", FILES)
def test_the_suffix_says_the_back_end(filename):
    ps.save({"a": [1, 2]}, filename)
    assert ps.load(filename) == {"a": [1, 2]}
    with ps.open_storage(filename, "r") as storage:
        assert storage.list_groups() == ["object"]


@pytest.mark.parametrize("filename", ["thing.pkl", "thing.pickle", "thing.pckl", "thing.cpkl", "thing.cpckl"])
def test_a_pickle_file_is_a_plain_one(filename):
    ps.save({"a": [1, 2]}, filename)
    with open(filename, "rb") as file:
        assert pickle.load(file) == {"a": [1, 2]}
    assert ps.load(filename) == {"a": [1, 2]}
    with pytest.raises(ps.UnsupportedOperationError, match="hdf5"):
        ps.save(1, filename, "other")
    with pytest.raises(ps.UnsupportedOperationError, match="as a whole"):
        ps.load(filename, "object/a")
    with ps.open_storage(filename) as storage, pytest.raises(ps.UnsupportedOperationError, match="no groups"):
        storage.create_group("group")
    with pytest.raises(ps.NotStorableError, match="generator"):
        ps.save((i for i in ""), filename)
    assert ps.load(filename) == {"a": [1, 2]}
    ps.delete(filename)
    assert not os.path.exists(filename)


def test_pickle_falls_back_to_cloudpickle_unless_told_not_to():
    ps.save(lambda: 5, "f.pkl")
    assert ps.load("f.pkl")() == 5
    with pytest.raises(ps.NotStorableError):
        ps.save(lambda: 6, "f.pkl", cloudpickle_fallback=False)
    assert ps.load("f.pkl")() == 5


def test_every_back_end_dumps_and_loads(tmp_path):
    for name in ("hdf5", "json", "jsonfile", "pickle", "cloudpickle"):
        backend = getattr(ps.backends, name)
        backend.dump([1, {"x": 2}], tmp_path / f"file-{name}")
        assert backend.load(tmp_path / f"file-{name}") == [1, {"x": 2}]
    assert {"hdf5", "json", "jsonfile", "memory", "pickle", "cloudpickle"} <= set(dir(ps.backends))
    ps.save(1, "no_suffix", backend="jsonfile")
    assert ps.load("no_suffix", backend=ps.backends.jsonfile) == 1


def test_save_replaces_what_is_at_the_path_and_nothing_else():
    ps.save(1, "f.h5", "a/x")
    ps.save({"big": np.zeros(20_000)}, "f.h5", "a/y")
    ps.save("new", "f.h5", "a/x")
    with ps.open_storage("f.h5", "r") as storage:
        assert storage["a/x"] == "new"
        assert storage["a/y/big"].shape == (20_000,)


def test_a_path_that_is_no_top_level_name_is_looked_up_inside_object():
    ps.save({"nodes": {"relax": 1, "other": 2}}, "wf.h5")
    assert ps.load("wf.h5", "nodes/relax") == ps.load("wf.h5", "object/nodes/relax") == 1
    ps.delete("wf.h5", "nodes/relax")
    assert ps.load("wf.h5") == {"nodes": {"other": 2}}
    ps.save(5, "wf.h5", "nodes")
    assert ps.load("wf.h5", "nodes") == 5


@pytest.mark.parametrize("filename", FILES)
def test_delete_removes_the_file(filename):
    ps.save(1, filename)
    ps.delete(filename)
    assert not os.path.exists(filename)
    with pytest.raises(ps.StorageNotFoundError):
        ps.delete(filename)


def test_delete_spares_what_is_no_storage(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "cat.jpg").write_text("meow")
    with pytest.raises(ps.FileKindError):
        ps.delete(folder)
    (tmp_path / "notes.h5").write_text("no HDF5")
    with pytest.raises(ps.FileKindError):
        ps.delete("notes.h5")
    assert (folder / "cat.jpg").exists()
    assert (tmp_path / "notes.h5").exists()


@pytest.mark.parametrize("filename", FILES)
def test_what_cannot_be_stored_leaves_the_file_as_it_was(filename, tmp_path):
    lock = threading.Lock()
    with open(os.devnull) as stream:
        for culprit in ((i for i in ""), lock, stream):
            with pytest.raises(ps.NotStorableError, match="object/deep/0"):
                ps.save({"deep": [culprit]}, filename)
            assert not os.path.exists(filename)
        ps.save("old", filename)
        with pytest.raises(TypeError, match=r"_thread\.lock"):
            ps.save([lock], filename)
    assert ps.load(filename) == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == [filename]


def test_an_unknown_suffix_suggests_some():
    for filename in ("data.xyz", "data"):
        with pytest.raises(ps.UnknownBackendError, match=r"\.h5 \.hdf5 \.hdf for hdf5.*\.json for jsonfile"):
            ps.save(1, filename)
    with pytest.raises(ValueError, match="hdf5, json"):
        ps.load("data.h5", backend="hdf6")


@pytest.mark.parametrize("filename", FILES)
def test_a_missing_file_is_named(filename):
    with pytest.raises(FileNotFoundError, match=filename):
        ps.load(filename)
    with pytest.raises(ps.StorageNotFoundError, match="does not exist"):
        ps.save(1, os.path.join("no", "such", filename))


@pytest.mark.parametrize("filename", FILES)
def test_a_missing_path_shows_what_is_there(filename):
    ps.save({"energy": 1.0, "forces": 2}, filename)
    with pytest.raises(ps.PathNotFoundError, match="Did you mean 'energy'") as caught:
        ps.load(filename, "object/energi")
    assert isinstance(caught.value, KeyError)
    assert "'forces'" in str(caught.value)
    assert filename in str(caught.value)


@pytest.mark.parametrize("filename", FILES)
def test_a_file_of_another_kind_is_not_touched(filename, tmp_path):
    for content in (b"something else", b'{"x": 1}', b"\x89HDF\r\n\x1a\n and then nothing"):
        (tmp_path / filename).write_bytes(content)
        for attempt in (lambda: ps.load(filename), lambda: ps.save(1, filename)):
            backend = "json" if filename.endswith("jsondir") else None
            with pytest.raises(ps.FileKindError):
                ps.load(filename, backend=backend) if backend else attempt()
        assert (tmp_path / filename).read_bytes() == content


@pytest.mark.parametrize("suffix", [".h5", ".json", ".pkl", ".cpkl"])
def test_an_empty_file_can_be_saved_into(suffix):
    with tempfile.NamedTemporaryFile(suffix=suffix, dir=".") as file:
        with pytest.raises(ps.FileKindError, match="empty"):
            ps.load(file.name)
        with pytest.raises(ps.StorageExistsError):
            ps.open_storage(file.name, "x")
        with ps.open_storage(file.name) as storage:
            assert list(storage) == []
        assert Path(file.name).read_bytes() == b""
        Path(file.name).chmod(0o640)
        for obj in ({"a": 1}, {"b": [2]}):
            ps.save(obj, file.name)
            assert ps.load(file.name) == obj
        assert Path(file.name).stat().st_mode & 0o777 == 0o640
    Path(f"other{suffix}").touch()
    with ps.open_storage(f"other{suffix}") as storage, ps.open_storage(f"other{suffix}") as second:
        storage["object"] = 1
        assert second["object"] == 1


def test_a_file_that_was_not_written_to_is_untouched(tmp_path):
    for filename in FILES:
        with ps.open_storage(filename) as storage:
            assert list(storage) == []
        assert not (tmp_path / filename).exists()
    ps.save({"a": 1}, "x.h5")
    before = (tmp_path / "x.h5").read_bytes()
    with ps.open_storage("x.h5") as storage:
        assert storage["object/a"] == 1
    assert (tmp_path / "x.h5").read_bytes() == before


@pytest.mark.parametrize("filename", FILES)
def test_each_assignment_is_committed_when_its_line_is_done(filename):
    storage = ps.open_storage(filename)
    for step in range(3):
        storage[f"step{step}"] = {"energy": step}
        assert ps.load(filename, f"step{step}/energy") == step
    storage["step0/energy"] = 10
    assert ps.load(filename, "step0/energy") == 10
    storage.close()


@pytest.mark.parametrize("filename", FILES)
def test_handles_of_one_process_see_each_others_writes(filename):
    with ps.open_storage(filename) as first, ps.open_storage(filename) as second:
        first["a"] = [1]
        view = second["a"]
        first["a"].append(2)
        assert view == [1, 2]
        view.append(3)
        second["b"] = {"x": 1}
        ps.save(5, filename, "b/x")
        assert first.load("a") == [1, 2, 3]
        assert first["b/x"] == 5
    with ps.open_storage(filename) as storage:
        assert storage.load("a") == [1, 2, 3]


@pytest.mark.parametrize("filename", FILES)
def test_modes(filename):
    with pytest.raises(ValueError, match="'a', 'r', 'w', 'x'"):
        ps.open_storage(filename, "rw")
    ps.open_storage(filename, "x").close()
    with pytest.raises(FileExistsError):
        ps.open_storage(filename, "x")
    ps.save(1, filename, "old")
    with ps.open_storage(filename, "w") as storage:
        assert list(storage) == []
        storage["new"] = 1
    with ps.open_storage(filename, "r") as storage:
        assert list(storage) == ["new"]
        with pytest.raises(PermissionError):
            storage["new"] = 2
    with pytest.raises(ValueError, match="closed"):
        storage["new"]


def test_a_view_used_as_the_plain_thing_says_what_to_do():
    storage = ps.MemoryStorage()
    storage["x"] = {"list": [1, 2], "n": 1}
    view = storage["x"]
    with pytest.raises(TypeError, match=r"to_object\(\)"):
        view["list"] + [3]
    with pytest.raises(AttributeError, match=r"to_object\(\)"):
        view.list  # noqa: B018
    with pytest.raises(TypeError):
        json.dumps(view)
    assert json.dumps(view.to_object()) == '{"list": [1, 2], "n": 1}'
    assert view.copy() == dict(view) == {"list": [1, 2], "n": 1}
    with pytest.raises(TypeError):
        hash(view)
    assert "to_object" in repr(view)


def test_a_later_format_is_refused_by_name(tmp_path):
    ps.save({"a": 1}, "f.json")
    text = re.sub(r'  "check".*\n', "", (tmp_path / "f.json").read_text())
    inner = text.rindex('"pyiron_storage": 1')
    (tmp_path / "f.json").write_text(text[:inner] + text[inner:].replace("1", "99", 1))
    with pytest.raises(ps.FormatVersionError, match=r"99.*later release"):
        ps.load("f.json")


def test_a_back_end_can_be_registered():
    ps.backends.register("mine", "pyiron_storage.backends.json_file:JSONFileStorage", (".mine",))
    try:
        ps.save([1], "x.mine")
        assert ps.load("x.mine") == [1]
        assert "mine" in dir(ps.backends)
        ps.backends.register("broken", "no_such_package:Storage", (".broken",))
        with pytest.raises(ps.UnknownBackendError, match="not installed"):
            ps.save([1], "x.broken")
    finally:
        del ps.backends._known["mine"], ps.backends._known["broken"]
