"""A file that is marked as read-only stays as it is, and what is replaced keeps its rights, owner and attributes."""

import contextlib
import os
import stat
from pathlib import Path

import numpy as np
import pytest

import pyiron_storage as ps

FILES = ["f.h5", "f.json", "f.jsondir", "f.pkl", "f.cpkl"]
every_file = pytest.mark.parametrize("name", FILES)
BIG = {"array": np.arange(200_000.0), "list": [1, 2]}


def marked(name):
    """Take the right to write from everything in a storage."""
    paths = [Path(name), *Path(name).rglob("*")]
    for path in paths:
        path.chmod(path.stat().st_mode & ~0o222)
    return paths


def content(paths):
    return [(path, path.stat().st_mode, path.read_bytes() if path.is_file() else None) for path in paths]


def every_change(name):
    yield lambda: ps.save([3], name)
    yield lambda: ps.save(BIG, name, replace=True)
    yield lambda: ps.delete(name)
    yield lambda: ps.open_storage(name, "w")
    yield lambda: ps.trust(name)
    with ps.open_storage(name) as storage:
        yield lambda: storage.__setitem__("object", 1)
        yield lambda: storage.__delitem__("object")
        if "pkl" not in name:
            yield lambda: storage["object"].__setitem__("more", 1)
            yield lambda: storage["object"].metadata.__setitem__("a", 1)
            yield lambda: storage.array("object/array").append(1.0)
            yield lambda: ps.ListStorable([1]).store(storage, "by_hand")
            yield lambda: ps.copy(name, name, "object", "copy")
        assert storage.load("object").keys() == {*BIG, "code"}
    if "pkl" not in name:
        yield lambda: ps.compact(name)


@every_file
def test_a_file_that_is_read_only_is_not_changed(name):
    ps.save({**BIG, "code": lambda: 1}, name)
    before = content(marked(name))
    for change in every_change(name):
        with pytest.raises(ps.ReadOnlyError, match=r"read-only.*chmod") as caught:
            change()
        assert isinstance(caught.value, PermissionError)
        assert content([path for path, _, _ in before]) == before
    assert ps.load(name)["list"] == [1, 2]


@pytest.mark.parametrize("name", ["f.h5", "f.json", "f.jsondir"])
def test_a_file_that_is_read_only_is_not_repaired(name):
    ps.save(BIG, name)
    ps.save("other", name, "other")
    file = next(Path(name).glob("object/arrays/*.npy")) if name == "f.jsondir" else Path(name)
    data = bytearray(file.read_bytes())
    place = data.index(np.arange(1000.0, 1010).tobytes()) if name != "f.json" else data.index(b"other") + 1
    data[place] ^= 1
    file.write_bytes(data)
    marked(name)
    assert not ps.check(name).ok
    with pytest.raises(ps.ReadOnlyError):
        ps.check(name, repair=True)


def test_a_group_that_is_read_only_stays_with_all_beside_it():
    with ps.open_storage("f.jsondir") as storage:
        storage["a/x"] = storage["b/x"] = 1
        Path("f.jsondir/b/group.json").chmod(0o444)
        with pytest.raises(ps.ReadOnlyError, match=r"b/group\.json"), storage.transaction():
            storage["a/x"] = storage["b/x"] = 2
        assert (storage["a/x"], storage["b/x"]) == (1, 1)
        storage["a/x"] = 3
    with ps.open_storage("f.jsondir", "r") as storage:
        assert (storage["a/x"], storage["b/x"]) == (3, 1)


def rights(path):
    found = os.stat(path)
    names = os.listxattr(path) if hasattr(os, "listxattr") else []
    return stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid, {name: os.getxattr(path, name) for name in names}


def files_of(name):
    return [Path(name), Path(name) / "group.json"] if name == "f.jsondir" else [Path(name)]


@every_file
def test_what_is_replaced_keeps_mode_owner_and_attributes(name):
    ps.save(BIG, name)
    for path in files_of(name):
        path.chmod(0o2751 if path.is_dir() else 0o640)
        with contextlib.suppress(OSError):
            os.setxattr(path, "user.project", b"Al")
        if os.geteuid() == 0:
            os.chown(path, 1234, 2345)
    before = [rights(path) for path in files_of(name)]
    ps.save({**BIG, "more": [1]}, name)
    assert [rights(path) for path in files_of(name)] == before
    ps.save([1], name)
    if "pkl" not in name:
        ps.save(BIG, name, "other")
        ps.delete(name, "other")
        ps.compact(name)
        with ps.open_storage(name, "w") as storage:
            storage["object"] = [2]
    assert [rights(path) for path in files_of(name)] == before


@pytest.mark.parametrize("name", ["f.h5", "f.json", "f.pkl"])
def test_what_a_link_leads_to_is_replaced_not_the_link(name):
    os.mkdir("there")
    real = Path("there") / name
    os.symlink(real, name)
    for obj in ([1], BIG, {**BIG, "more": 1}):  # at first nothing is there
        ps.save(obj, name)
        assert Path(name).is_symlink()
        assert repr(ps.load(real)) == repr(obj)
    if name != "f.pkl":
        ps.compact(name)
        assert Path(name).is_symlink()
    real.chmod(0o444)
    with pytest.raises(ps.ReadOnlyError):
        ps.save([1], name)
    assert sorted(os.listdir("there")) == [name]


def as_another(call):
    """Call in a child without the rights of root; return what it says."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.setgid(65534)
        os.setuid(65534)
        try:
            call()
            told = "nothing was raised"
        except BaseException as error:
            kinds = " ".join(kind.__name__ for kind in type(error).__mro__)
            told = f"{kinds}: {error}"
        os.write(write, told.encode())
        os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    with open(read, "rb") as file:
        return file.read().decode()


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@as_root
@every_file
def test_what_another_user_may_not_read_or_write_is_told_so(name, tmp_path):
    for folder in [tmp_path, *tmp_path.parents][:-2]:
        folder.chmod(folder.stat().st_mode | 0o055)
    ps.save(BIG, name)
    for path in (Path(name), *Path(name).rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)
    told = as_another(lambda: ps.load(name))
    assert " StorageError" in told
    assert " PermissionError" in told
    assert "may not read" in told
    for change in (lambda: ps.save([1], name), lambda: ps.save([1], f"new-{name}")):
        told = as_another(change)
        assert " StorageError" in told
        assert " PermissionError" in told
        assert "Make room" not in told


@as_root
def test_a_group_that_cannot_be_kept_lends_no_rights(tmp_path):
    for folder in [tmp_path, *tmp_path.parents][:-2]:
        folder.chmod(folder.stat().st_mode | 0o055)
    ps.save([1], "f.json")
    os.chown("f.json", 0, 4321)
    Path("f.json").chmod(0o676)
    tmp_path.chmod(0o777)
    os.environ["XDG_CONFIG_HOME"] = str(tmp_path)
    assert as_another(lambda: ps.save([2], "f.json")) == "nothing was raised"
    mode, owner, group, _ = rights("f.json")
    assert (oct(mode), owner, group) == (oct(0o666), 65534, 65534)
