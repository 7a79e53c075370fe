"""`check` and `compact`: what is damaged is listed, what is whole is kept, and only space is given back."""

import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from test_checks import replace_bytes

import pyiron_storage as ps

KINDS = ["h5", "jsondir", "json"]
BIG = np.arange(100_000.0)
NUMBER = np.float64(70_000.0).tobytes()


class Unimportable:
    """Not known to who checks."""


@pytest.fixture
def file(request, tmp_path):
    """A storage with values, groups, and objects."""
    file = tmp_path / f"it.{request.param}"
    with ps.open_storage(file) as storage:
        storage["number"] = -3.72
        storage["words"] = "many words " * 500
        storage["group/inner/array"] = BIG
        storage["group/object"] = {
            "good": [1, 2, {"x": "y" * 3000}],
            "damaged": {"big": BIG + 0.5, "rest": "stays"},
            "cell": np.eye(3),
            "list": ["a" * 5000, "b" * 5000, np.arange(100), "c" * 40_000],
        }
        storage["whole"] = {"inside": np.linspace(0, 1, 50_000), "name": "untouched"}
    return file


every_kind = pytest.mark.parametrize("file", KINDS, indirect=True)
with_files = pytest.mark.parametrize("file", ["h5", "jsondir"], indirect=True)


@every_kind
def test_a_whole_file_is_told_so(file):
    report = ps.check(file)
    assert report
    assert (report.ok, report.findings, report.nodes, report.objects) == (True, [], 3, 2)
    assert "3 values and 2 objects are whole" in str(report)
    assert ps.check(file, repair=True).damaged_file is None


@with_files
def test_damage_of_a_large_array_is_listed_and_the_rest_kept(file):
    replace_bytes(file, NUMBER, bytes(8))
    report = ps.check(file)
    assert not report
    assert [(finding.path, finding.kind) for finding in report.findings] == [("group/inner/array", "damaged")]
    assert "from 524288 to 589824" in str(report)
    report = ps.check(file, repair=True)
    assert report.lost == ["group/inner/array"]
    assert set(report.saved) == {"number", "words", "group/object", "whole"}
    assert report.damaged_file == f"{file}.damaged"
    assert ps.check(file).ok
    assert not ps.check(report.damaged_file, backend="hdf5" if file.is_file() else "json")
    assert ps.load(file, "number") == -3.72
    assert np.array_equal(ps.load(file, "whole/inside"), np.linspace(0, 1, 50_000))
    assert list(ps.open_storage(file, "r")["group"]) == ["inner", "object"]


@with_files
def test_the_whole_entries_of_a_damaged_object_are_kept(file):
    replace_bytes(file, (BIG + 0.5)[50_000:50_100].tobytes(), bytes(800))
    report = ps.check(file, repair=True)
    assert report.lost == ["group/object/damaged/big"]
    kept = ps.load(file, "group/object")
    assert (kept["good"], kept["damaged"]) == ([1, 2, {"x": "y" * 3000}], {"rest": "stays"})
    assert np.array_equal(kept["cell"], np.eye(3))


@with_files
def test_whole_lines_of_a_damaged_document_are_kept(file):
    replace_bytes(file, b"c" * 20_000, b"c" * 10_000 + b"d" + b"c" * 9999)
    report = ps.check(file, repair=True)
    assert report.lost == ["group/object/list/3"]
    kept = ps.load(file, "group/object")["list"]
    assert kept[:2] == ["a" * 5000, "b" * 5000]
    assert kept[3] is None
    assert np.array_equal(kept[2], np.arange(100))


@with_files
def test_a_damaged_value_is_left_out(file):
    replace_bytes(file, b"words many words many", b"words many wards many")
    report = ps.check(file, repair=True)
    assert report.lost == ["words"]
    assert set(ps.open_storage(file, "r")) == {"number", "group", "whole"}


@pytest.mark.parametrize("file", ["json", "jsondir"], indirect=True)
def test_a_damaged_entry_of_a_json_file_is_left_out(file):
    replace_bytes(file, b'"number": -3.72', b'"number": -3.73')
    assert [finding.path for finding in ps.check(file).damaged] == ["number"]
    assert ps.check(file, repair=True).lost == ["number"]
    assert ps.load(file, "whole/name") == "untouched"
    assert ps.check(file).ok


def test_a_damaged_group_of_hdf5_is_left_out(tmp_path):
    file = tmp_path / "it.h5"
    with ps.open_storage(file) as storage:
        storage["first/value"] = 1
        storage["second/value"] = 2
    with h5py.File(file) as hdf5:
        address = h5py.h5o.get_info(hdf5["first"].id).addr
    content = bytearray(file.read_bytes())
    content[address + 8] ^= 255
    file.write_bytes(content)
    with pytest.raises(ps.StorageError):
        ps.load(file, "first/value")
    report = ps.check(file, repair=True)
    assert report.lost == ["first"]
    assert ps.load(file, "second/value") == 2


@pytest.mark.parametrize("file", ["h5", "json"], indirect=True)
def test_a_file_that_cannot_be_opened_is_kept(file):
    file.write_bytes(file.read_bytes()[:1000:2])
    before = file.read_bytes()
    report = ps.check(file, repair=True)
    assert not report
    assert [finding.path for finding in report.findings] == [""]
    assert file.read_bytes() == before
    assert "not repaired" in str(report)


directories = pytest.mark.parametrize("file", ["jsondir"], indirect=True)
damages = pytest.mark.parametrize("is_missing", [False, True])


def damage_group(path, *, is_missing):
    """Let the `group.json` of a group be no JSON, or missing."""
    if is_missing:
        (path / "group.json").unlink()
    else:
        (path / "group.json").write_bytes((path / "group.json").read_bytes()[::2])


@damages
@directories
def test_what_stands_beside_a_lost_group_file_is_kept(file, is_missing):
    damage_group(file, is_missing=is_missing)
    with pytest.raises(ps.StorageError):
        ps.load(file, "number")
    report = ps.check(file, repair=True)
    assert report.lost == ["group.json"]
    assert set(report.saved) == {"words", "group/inner/array", "group/object", "whole"}
    assert ps.load(file, "words") == "many words " * 500
    assert np.array_equal(ps.load(file, "group/inner/array"), BIG)
    assert np.array_equal(ps.load(file, "whole/inside", verify=True), np.linspace(0, 1, 50_000))
    assert "number" not in ps.open_storage(file, "r")
    assert ps.check(file).ok
    assert Path(report.damaged_file).is_dir()


@damages
@directories
def test_an_object_whose_group_file_is_lost_is_kept_without_its_signature(file, is_missing):
    with ps.open_storage(file) as storage:
        storage["strange"] = [Unimportable(), np.arange(20_000), "text"]
    damage_group(file / "strange", is_missing=is_missing)
    with pytest.raises(ps.StorageError):
        ps.load(file, "strange")
    report = ps.check(file, repair=True)
    assert report.lost == ["strange/group.json"]
    assert "strange" in report.saved
    assert ps.load(file, "strange/2") == "text"
    assert np.array_equal(ps.load(file, "strange/1"), np.arange(20_000))
    with pytest.raises(ps.UntrustedError):
        ps.load(file, "strange")


@damages
@directories
def test_a_damaged_file_beside_a_lost_group_file_is_lost(file, is_missing):
    (array,) = (file / "group" / "inner").glob("*.npy")
    array.write_bytes(array.read_bytes()[:-1000])
    damage_group(file / "group" / "inner", is_missing=is_missing)
    report = ps.check(file, repair=True)
    assert report.lost == ["group/inner/group.json", "group/inner/array"]
    assert set(report.saved) == {"number", "words", "group/object", "whole"}


def test_names_are_read_from_those_of_files(tmp_path):
    file = tmp_path / "it.jsondir"
    with ps.open_storage(file) as storage:
        storage["a~1b/one: two"] = np.arange(3)
        storage["a~1b/%"] = "text" * 1000
    (file / "group.json").unlink()
    (file / "a%2Fb" / "group.json").unlink()
    report = ps.check(file, repair=True)
    assert sorted(report.saved) == ["a~1b/%", "a~1b/one: two"]
    assert ps.load(file, "a~1b/one: two").tolist() == [0, 1, 2]


def test_a_folder_that_is_no_storage_is_left_alone(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    ps.save([1], folder / "it.jsondir")
    assert not ps.check(folder, repair=True).ok
    assert ps.load(folder / "it.jsondir") == [1]
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a_damaged_redo_file_is_listed_and_the_groups_taken_as_they_are(tmp_path):
    file = tmp_path / "it.jsondir"
    with ps.open_storage(file) as storage:
        storage["one/number"] = 1
    (file / ".redo.json").write_text("{")
    with pytest.raises(ps.DamagedFileError, match=r"redo file is damaged.*ps\.check\(directory, repair=True\)"):
        ps.load(file, "one/number")
    report = ps.check(file, repair=True)
    assert (report.lost, report.saved) == ([".redo.json"], ["one/number"])
    assert ps.load(file, "one/number") == 1
    assert "not repaired" not in str(ps.check(file))


def test_the_report_names_the_file_as_it_was_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ps.save("words " * 500, "it.h5", "words")
    ps.save([1.5], "it.h5", "rest")
    replace_bytes(Path("it.h5"), b"words words", b"words wards")
    assert str(ps.check("it.h5", repair=True)).startswith("it.h5: 1 of ")


def test_what_has_no_checksums_is_listed_and_no_damage(tmp_path):
    file = tmp_path / "it.h5"
    with h5py.File(file, "w") as hdf5:
        hdf5["foreign"] = BIG
    report = ps.check(file)
    assert report.ok
    assert [(finding.path, finding.kind) for finding in report.findings] == [("foreign", "unverified")]


@with_files
def test_what_was_written_in_columns_is_listed_as_unverified(file):
    with ps.open_storage(file) as storage:
        storage["wide"] = np.zeros((40, 100_000))
        storage.array("wide")[:, 5] = 1
    (finding,) = ps.check(file).findings
    assert (finding.path, finding.kind) == ("wide", "unverified")
    assert "have no checksum" in finding.message


@every_kind
def test_nothing_is_imported_to_check_repair_or_compact(file, tmp_path):
    with ps.open_storage(file) as storage:
        storage["strange"] = [Unimportable() for _ in range(3)]
    code = f"import pyiron_storage as ps; assert ps.check({str(file)!r}, repair=True).ok; ps.compact({str(file)!r})"
    subprocess.run(
        [sys.executable, "-c", code], check=True, cwd=tmp_path, env={"PYTHONPATH": str(Path(ps.__file__).parents[1])}
    )
    assert type(ps.load(file, "strange")[2]) is Unimportable


# -- compact ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_compact_gives_space_back_and_keeps_all(kind, tmp_path):
    file = tmp_path / f"it.{kind}"
    options = {} if kind == "json" else {"compression": "gzip"}
    with ps.open_storage(file, **options) as storage:
        for number in range(5):
            storage[f"array{number}"] = np.random.default_rng(number).random(50_000)
        storage["group/object"] = {"big": BIG, "text": "x" * 5000, "self": [1]}
        storage["kept"] = np.zeros(100_000)
        storage.array("kept").append([1.0])
        for number in range(5):
            del storage[f"array{number}"]
    before, after = ps.compact(file)
    if kind != "json":
        assert before > 1_500_000
        assert after < 250_000
    assert ps.check(file).ok
    assert not ps.check(file).findings
    found = ps.load(file, "group/object", verify=True)
    assert np.array_equal(found["big"], BIG)
    assert found["text"] == "x" * 5000
    assert ps.load(file, "kept")[-1] == 1
    assert [path.name for path in tmp_path.iterdir()] == [file.name]
    with ps.open_storage(file) as storage:
        storage.array("kept").append([2.0])
    assert ps.load(file, "kept", verify=True)[-1] == 2


@every_kind
def test_a_file_in_use_here_is_not_replaced(file):
    with ps.open_storage(file, "r"), pytest.raises(ps.StorageInUseError, match="open in this process"):
        ps.compact(file)


def test_a_file_in_use_elsewhere_is_not_replaced(tmp_path):
    file = tmp_path / "it.h5"
    ps.save(BIG, file)
    code = f"import h5py; file = h5py.File({str(file)!r}); print(1, flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        with pytest.raises(ps.StorageInUseError, match="another process"):
            ps.compact(file)
        other.communicate(b"\n")
    ps.compact(file)


def test_a_file_that_another_process_writes_is_not_replaced(tmp_path):
    file = tmp_path / "it.jsondir"
    ps.save(BIG, file)
    code = f"""if True:
        import pyiron_storage as ps
        with ps.open_storage({str(file)!r}) as storage, storage.transaction():
            storage["a"] = 1
            print(1, flush=True)
            input()"""
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        with pytest.raises(ps.StorageInUseError, match=f"process {other.pid}"):
            ps.compact(file, timeout=0.2)
        other.communicate(b"\n")


READER = """if True:
    import numpy as np, pyiron_storage as ps
    with ps.open_storage("it.jsondir", "r") as storage:
        view, handle = storage["object"], storage.array("object/big")
        mapped, entries = storage.load("object/big", mmap=True), iter(view["texts"])
        seen = [next(entries)]
        print(type(mapped).__name__, flush=True)
        input()
        seen += entries
        assert seen == ["x" * 4000 + str(number) for number in range(40)]
        assert np.array_equal(mapped, np.arange(100_000.0)) and np.array_equal(handle[:], mapped)
        assert view["changed"] == 5 and np.array_equal(storage.load("object", verify=True)["big"], mapped)
        assert len(list(storage.walk())) > 40
    print("fine")
"""


def test_who_reads_a_directory_does_not_notice_that_it_is_compacted(tmp_path):
    texts = ["x" * 4000 + str(number) for number in range(40)]
    file = tmp_path / "it.jsondir"
    with ps.open_storage(file) as storage:
        storage["object"] = {"big": BIG, "texts": texts, "changed": 0}
        storage["gone"] = BIG
        for number in range(5):
            storage["object/changed"] = number + 1
        mapped = storage.load("gone", mmap=True)
        del storage["gone"]
    environment = {**os.environ, "PYTHONPATH": str(Path(ps.__file__).parents[1])}
    with subprocess.Popen(
        [sys.executable, "-c", READER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=environment,
    ) as reader:
        assert reader.stdout.readline() == "memmap\n"
        before, after = ps.compact(file)
        out, errors = reader.communicate("\n", timeout=60)
    assert (out, errors) == ("fine\n", "")
    assert before - after > BIG.nbytes
    assert np.array_equal(mapped, BIG)


def test_there_must_be_a_file(tmp_path):
    for function in (ps.check, ps.compact):
        with pytest.raises(ps.StorageNotFoundError):
            function(tmp_path / "nothing.h5")


def test_attributes_and_foreign_data_stay(tmp_path):
    file = tmp_path / "it.h5"
    with h5py.File(file, "w") as hdf5:
        hdf5.attrs["author"] = "somebody"
        hdf5["a"] = np.arange(5)
        hdf5["a"].attrs["unit"] = "eV"
    ps.compact(file)
    with h5py.File(file) as hdf5:
        assert (hdf5.attrs["author"], hdf5["a"].attrs["unit"]) == ("somebody", "eV")


CUT = {
    "early": np.arange(20_000.0),
    "words": "many words " * 500,
    "group/object": {"big": np.arange(30_000), "list": ["x" * 40_000, 2, {"y": 3}], "number": 1},
    "group/grown": np.arange(40_000.0),
    "plain": 5,
    "late": np.linspace(0, 1, 20_000),
}


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_what_stands_before_the_cut_of_an_hdf5_file_is_kept(tmp_path, compression):
    file = tmp_path / "it.h5"
    with ps.open_storage(file, compression=compression) as storage:
        for path, value in CUT.items():
            storage[path] = value
    with h5py.File(file, "r") as hdf5:
        late = hdf5["late"].id
        start = late.get_offset() if compression is None else late.get_chunk_info(0).byte_offset
    file.write_bytes(file.read_bytes()[: start + 1000])
    with pytest.raises(ps.StorageError):
        ps.load(file, "early")
    report = ps.check(file, repair=True)
    assert report.lost == ["", "late"]
    assert set(report.saved) == CUT.keys() - {"late"}
    assert ps.check(file).ok
    assert all(_same(ps.load(file, path), CUT[path]) for path in report.saved)


def test_what_is_kept_of_a_file_that_was_cut_anywhere_is_right(tmp_path):
    whole = tmp_path / "whole.h5"
    with ps.open_storage(whole) as storage, storage.transaction():
        for path, value in CUT.items():
            storage[path] = value
    with h5py.File(whole, "a") as hdf5:
        hdf5["foreign"] = np.arange(5000)
    content = whole.read_bytes()
    for part in range(1, 60):
        file = tmp_path / f"cut-{part}.h5"
        file.write_bytes(content[: len(content) * part // 60])
        report = ps.check(file, repair=True)
        assert not report.ok
        for path in report.saved:
            if not any(lost == path or lost.startswith(f"{path}/") for lost in report.lost):
                assert _same(ps.load(file, path), {**CUT, "foreign": np.arange(5000)}[path])
        assert not report.saved or ps.check(file).ok


def _same(one, other):
    if isinstance(other, dict):
        return list(one) == list(other) and all(map(_same, one.values(), other.values()))
    return np.array_equal(one, other) if isinstance(other, np.ndarray) else one == other


# -- what cannot be read here --------------------------------------------------------------

REPAIR_WITHOUT = """
import sys
sys.modules["hdf5plugin"] = sys.modules["zstandard"] = None  # as if they were not installed
import pyiron_storage as ps
report = ps.check(sys.argv[1], repair=True)
print(report.ok, sorted({finding.kind for finding in report.findings}), report.damaged_file)
print(ps.check(sys.argv[1]).lost)
"""


@pytest.mark.parametrize("kind", ["h5", "jsondir"])
def test_what_a_missing_package_would_read_is_not_damaged_and_is_kept(kind, tmp_path):
    pytest.importorskip("hdf5plugin")
    pytest.importorskip("zstandard")
    file = tmp_path / f"f.{kind}"
    values = {"big": np.arange(100_000.0), "text": ["a" * 50 + str(i) for i in range(5000)], "small": 1}
    ps.save(values, file, compression="zstd", metadata={"project": "Al"})
    ps.save(np.arange(50_000), file, "array", compression="zstd")
    with ps.open_storage(file) as storage:
        storage["plain"] = 5
    for damage in (False, True):
        if damage:  # something else in the file is, so that it is repaired
            with ps.open_storage(file) as storage:
                storage["bad"] = np.arange(5000) + 77
            _change_bytes(file, (np.arange(5000) + 77).tobytes()[800:816])
        done = subprocess.run(
            [sys.executable, "-c", REPAIR_WITHOUT, str(file)], capture_output=True, text=True, check=True
        )
        first, second = done.stdout.splitlines()
        assert first.startswith(f"{not damage} ")
        assert "'unreadable'" in first
        assert ("damaged" in first) is damage
        assert second == "[]"
        found = ps.load(file)
        assert found["text"] == values["text"]
        assert np.array_equal(found["big"], values["big"])
        assert np.array_equal(ps.load(file, "array"), np.arange(50_000))
        with ps.open_storage(file, "r") as storage:
            assert storage["object"].metadata["project"] == "Al"
            assert storage["plain"] == 5
    assert ps.check(file).ok


def _change_bytes(file, old):
    for path in [file] if file.is_file() else [path for path in file.rglob("*") if path.is_file()]:
        content = path.read_bytes()
        if old in content:
            path.write_bytes(content.replace(old, bytes(len(old))))
            return
    raise AssertionError("the bytes are not there")


@pytest.mark.parametrize("kind", ["h5", "jsondir", "json"])
def test_a_record_of_a_later_release_is_kept(kind, tmp_path, monkeypatch):
    file = tmp_path / f"f.{kind}"
    with monkeypatch.context() as later:
        later.setattr("pyiron_storage.records.document.FORMAT", 99)
        ps.save([1, {"a": 2}], file, "later")
    with ps.open_storage(file) as storage:
        storage["plain"] = 5
        storage["bad"] = np.arange(5000) + 77
    if kind != "json":
        _change_bytes(file, (np.arange(5000) + 77).tobytes()[800:816])
    report = ps.check(file, repair=True)
    assert ("later", "unreadable") in {(finding.path, finding.kind) for finding in report.findings}
    assert report.ok is (kind == "json")
    with ps.open_storage(file, "r") as storage:
        assert storage["plain"] == 5
        with pytest.raises(ps.FormatVersionError):
            storage.load("later")
    with monkeypatch.context() as later:
        later.setattr("pyiron_storage.records.document.FORMAT", 99)
        assert ps.load(file, "later") == [1, {"a": 2}]
