"""Checksums: what is read is what was written, or an error says that it is not."""

import json
import zlib

import h5py
import numpy as np
import pytest

import pyiron_storage as ps

KINDS = ["h5", "jsondir", "json"]
IN_PARTS = ["h5", "jsondir"]
BIG = np.arange(100_000.0)


def replace_bytes(file, old, new):
    """Change bytes in a file, or in the one file of a directory that has them."""
    for path in [file] if file.is_file() else [path for path in file.rglob("*") if path.is_file()]:
        content = path.read_bytes()
        if old in content:
            path.write_bytes(content.replace(old, new))
            return
    raise AssertionError(f"{old!r} is nowhere in {file}")


@pytest.mark.parametrize("kind", IN_PARTS)
@pytest.mark.parametrize(
    ("value", "old", "new"),
    [
        ({"words": ["measure"] * 100, "more": "x" * 600}, b"measure", b"m3asure"),
        ({"cell": np.arange(200.0)}, np.arange(3.0, 9).tobytes(), np.arange(4.0, 10).tobytes()),
        ("text " * 1000, b"text text", b"text next"),
        (b"bytes" * 1000, b"bytesbytes", b"bytesbites"),
        (np.arange(1000), np.arange(3, 9).tobytes(), np.arange(4, 10).tobytes()),
    ],
    ids=["document", "buffers", "text", "bytes", "array"],
)
def test_damage_is_found_when_it_is_read(value, old, new, kind, tmp_path):
    file = tmp_path / f"it.{kind}"
    ps.save(value, file)
    replace_bytes(file, old, new)
    with pytest.raises(ps.DamagedRecordError, match=r"it\.\w+.*checksum.*ps\.check\(filename, repair=True\)"):
        ps.load(file)


@pytest.mark.parametrize("kind", IN_PARTS)
@pytest.mark.parametrize("mmap", [False, True])
@pytest.mark.parametrize("value", [BIG, {"inside": BIG}, list(BIG + 0.5)], ids=["native", "inside", "column"])
def test_damage_of_a_large_array_is_found_where_that_is_asked_for(value, mmap, kind, tmp_path):
    file = tmp_path / f"it.{kind}"
    ps.save(value, file)
    ps.load(file, mmap=mmap, verify=True)
    number = 70_000.5 if isinstance(value, list) else 70_000.0
    replace_bytes(file, np.float64(number).tobytes(), np.float64(70_000.25).tobytes())
    ps.load(file, mmap=mmap)
    with pytest.raises(ps.DamagedRecordError, match="from 524288 to 589824"):
        ps.load(file, mmap=mmap, verify=True)


def test_damage_of_a_json_file_is_found_and_named(tmp_path):
    file = tmp_path / "it.json"
    with ps.open_storage(file) as storage:
        storage["group/energy"] = -3.72
        storage["group/other"] = 1
    replace_bytes(file, b"-3.72", b"-3.73")
    with pytest.raises(ps.DamagedRecordError, match=r"'group/energy' is not as it was written.*delete its line"):
        ps.load(file, "group/other")


def test_a_changed_group_file_is_found_and_taken_without_its_check(tmp_path):
    file = tmp_path / "it.jsondir"
    with ps.open_storage(file) as storage:
        storage["energy"] = -3.72
    replace_bytes(file, b"-3.72", b"-3.73")
    with pytest.raises(ps.DamagedRecordError, match="'energy' is not as it was written"):
        ps.load(file, "energy")
    content = json.loads((file / "group.json").read_text())
    del content["check"]
    (file / "group.json").write_text(json.dumps(content))
    assert ps.load(file, "energy") == -3.73


def test_a_dataset_without_checks_is_taken_as_it_is(tmp_path):
    file = tmp_path / "it.h5"
    ps.save({"text": "x" * 1000, "array": BIG}, file)
    with h5py.File(file, "r+") as hdf5:
        hdf5.visititems(lambda _, node: node.attrs.pop("CHECK", None))
        hdf5["object/arrays/array-1"][3] = -1
    assert ps.load(file, "array", verify=True)[3] == -1


def test_another_dtype_or_shape_is_found(tmp_path):
    file = tmp_path / "it.h5"
    ps.save(np.arange(1000), file)
    with h5py.File(file, "r+") as hdf5:
        check, title = hdf5["object"].attrs["CHECK"], hdf5["object"].attrs["TITLE"]
        del hdf5["object"]
        hdf5["object"] = np.arange(1000).view("<u8").reshape(10, 100)
        hdf5["object"].attrs["CHECK"] = check
        hdf5["object"].attrs.create("TITLE", title, dtype=f"S{len(title)}")
    with pytest.raises(ps.DamagedRecordError, match=r'was not \["<u8",\[10,100\]\]'):
        ps.load(file)


CHANGES = [
    lambda array: array.__setitem__(3, 5),
    lambda array: array.__setitem__(slice(None, None, 2), 7),
    lambda array: array.__setitem__((slice(2, -1), slice(1, 2)), 8),
    lambda array: array.append(np.full((1, *array.shape[1:]), 9)),
    lambda array: array.append(np.full((5000, *array.shape[1:]), 10)),
    lambda array: array.resize(2 * len(array)),
    lambda array: array.resize(len(array) // 3),
    lambda array: array.__setitem__(Ellipsis, 11),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("path", ["native", "object/inside"])
@pytest.mark.parametrize("counts", [(1,) * 60, (1, 2000, 1, 2731, 1, 2730, 5, 70_000, 1)])
def test_checks_follow_an_array_that_is_appended_to(counts, path, kind, tmp_path):
    file = tmp_path / f"it.{kind}"
    first = np.arange(3.0 * 180).reshape(180, 3)
    ps.save(first if path == "native" else {"inside": first}, file, path.partition("/")[0])
    expected = [first]
    with ps.open_storage(file) as storage:
        for number, count in enumerate(counts):
            expected.append(np.full((count, 3), number + 0.5))
            storage.array(path).append(expected[-1] if count > 1 else expected[-1][0])
    assert ps.check(file).ok
    loaded = ps.load(file, path, verify=True)
    assert np.array_equal(loaded, np.concatenate(expected))
    if kind in IN_PARTS:
        replace_bytes(file, loaded[-1].tobytes(), bytes(24))
        with pytest.raises(ps.DamagedRecordError):
            ps.load(file, path, verify=True)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("path", ["native", "object/inside"])
@pytest.mark.parametrize("rows", [10, 30_000])
def test_checks_follow_an_array_that_is_changed(rows, path, order, kind, tmp_path):
    file = tmp_path / f"it.{kind}"
    array = np.asarray(np.arange(rows * 4.0).reshape(rows, 4), order=order)
    ps.save(array if path == "native" else {"inside": array}, file, path.partition("/")[0])
    expected = array.copy()
    for number, change in enumerate(CHANGES):
        with ps.open_storage(file) as storage:
            change(storage.array(path))
            found = storage.load(path, verify=True)
        assert found.shape[1:] == expected.shape[1:], number
        assert np.array_equal(ps.load(file, path, verify=True), found)


@pytest.mark.parametrize("kind", IN_PARTS)
def test_damage_is_found_in_what_was_changed_in_part(kind, tmp_path):
    file = tmp_path / f"it.{kind}"
    ps.save(np.zeros((30_000, 4)), file, "a")
    with ps.open_storage(file) as storage:
        storage.array("a")[20_000, 2] = 12345.678
        storage.array("a").append([[1, 2, 3, 87654.321]])
    for number in (12345.678, 87654.321):
        kept = file.read_bytes() if file.is_file() else None
        replace_bytes(file, np.float64(number).tobytes(), np.float64(1.0).tobytes())
        with pytest.raises(ps.DamagedRecordError):
            ps.load(file, "a", verify=True)
        if kept is None:
            replace_bytes(file, np.float64(1.0).tobytes(), np.float64(number).tobytes())
        else:
            file.write_bytes(kept)


def test_a_cell_of_long_buffers_is_verified_with_its_block_alone(tmp_path):
    file = tmp_path / "it.h5"
    ps.save([{"a": np.arange(100.0) + row, "b": str(row)} for row in range(3000)], file)
    with ps.open_storage(file) as storage:
        storage["object"][5]["b"] = "changed"
        storage["object"][2000]["a"] = np.zeros(100)
    assert ps.load(file, "2000/a").tolist() == [0] * 100
    assert ps.load(file, "2001/a")[3] == 2004


def test_checks_are_those_that_the_page_describes(tmp_path):
    file = tmp_path / "it.h5"
    ps.save({"array": BIG}, file)
    with h5py.File(file) as hdf5:
        dataset = hdf5["object/arrays/array-1"]
        head, block, *sums = dataset.attrs["CHECK"].tolist()
        data = dataset[()].tobytes()
    assert head == zlib.crc32(b'["<f8",[100000]]')
    assert sums == [zlib.crc32(data[at : at + block]) for at in range(0, len(data), block)]


def test_a_very_large_array_that_grows_gets_larger_blocks(tmp_path):
    with ps.open_storage(tmp_path / "it.h5") as storage:
        storage["a"] = np.ones((10, 1000), "u1")
        array = storage.array("a")
        array.resize(80_000)
        array[70_000] = 3
    with h5py.File(tmp_path / "it.h5") as hdf5:
        assert hdf5["a"].attrs["CHECK"][1] == 2**17
    assert ps.load(tmp_path / "it.h5", "a", verify=True)[70_000, 0] == 3
