"""Damaged files: what comes back is right, or a `StorageError` says that it is not; nothing crashes, hangs or swells.

`damage.py` reads them in a process of its own, with bounds on its memory and its time.
"""

import contextlib
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import zlib
from itertools import chain
from pathlib import Path

import h5py
import numpy as np
import pytest
from damage import contents, make
from test_checks import replace_bytes

import pyiron_storage as ps
from pyiron_storage.backends.file_names import REDO_FILE

KINDS = ["h5", "jsondir", "json"]
PARTS = 4
"""Into how many tests the damages of one kind of file are divided, for those who run them side by side."""


def read_damaged(file, damages, timeout=240):
    """Read a file in each of its damaged states; return what went wrong."""
    code = Path(__file__).parent / "damage.py"
    environment = {**os.environ, "PYTHONPATH": str(Path(ps.__file__).parents[1])}
    with subprocess.Popen(
        [sys.executable, code, file],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    ) as child:
        try:
            out, progress = child.communicate(json.dumps(damages), timeout=timeout)
        except subprocess.TimeoutExpired:
            child.kill()
            out, progress = child.communicate()
            progress += "\nit hangs"
    if child.returncode or progress.endswith("it hangs"):
        number = max((int(line) for line in progress.splitlines() if line.isdigit()), default=0)
        return [f"{damages[number]} ended the process: {child.returncode}, {progress[-500:]}"]
    return [f"{damages[number]}: {what}" for number, *what in map(json.loads, out.splitlines())]


def of_part(damages, part):
    """The damages that one of the tests tries."""
    return damages[part::PARTS]


@pytest.fixture
def file(request, tmp_path):
    """A small storage with a bit of everything, alone in its folder."""
    folder = tmp_path / "alone"
    folder.mkdir()
    file = folder / f"it.{request.param}"
    make(file)
    return file


every_kind = pytest.mark.parametrize("file", KINDS, indirect=True)
every_part = pytest.mark.parametrize("part", range(PARTS))


def flips(file, mask):
    """Every byte changed in turn."""
    return [[[name, "flip", at, mask(at)]] for name, text in contents(file).items() for at in range(len(text))]


@every_kind
def test_the_whole_file_is_read_right(file):
    name = next(iter(contents(file)))
    assert read_damaged(file, [[[name, "flip", 0, 0]]]) == []


@every_part
@every_kind
def test_a_flipped_bit_anywhere_is_noticed(file, part):
    assert read_damaged(file, of_part(flips(file, lambda at: 1 << at * 5 % 8), part)) == []


@every_part
def test_a_flipped_bit_in_the_pages_of_chunks_is_noticed(part, tmp_path):
    folder = tmp_path / "alone"
    folder.mkdir()
    make(folder / "grown.h5")
    (content,) = contents(folder / "grown.h5").values()
    places = [at for at in range(len(content)) if content[at] or at % 16 == 0]
    damages = [[["", "flip", at, mask]] for at in places for mask in (1 << at % 8, 255)]
    assert read_damaged(folder / "grown.h5", of_part(damages, part)) == []


@every_part
@every_kind
def test_a_file_that_is_cut_anywhere_is_noticed(file, part):
    damages = [[[name, "cut", size]] for name, text in contents(file).items() for size in range(len(text))]
    assert read_damaged(file, of_part(damages, part)) == []


def random_damages(file, count, seed):
    """Some bytes, sectors of zeros, and pieces of elsewhere, at random places."""
    chance, texts = random.Random(seed), contents(file)
    damages = []
    for _ in range(count):
        name = chance.choice([name for name, text in texts.items() if text])
        text = texts[name]
        damage = []
        for _ in range(chance.choice([1, 1, 2, 5])):
            at, size = chance.randrange(len(text)), chance.choice([1, 2, 8, 64, 512])
            source = chance.randrange(len(text))
            new = chance.choice([chance.randbytes(size), bytes(size), b"\xff" * size, None])
            copied = [name, "copy", at, source, size]
            damage.append([name, "put", at, new[: len(text) - at].hex()] if new is not None else copied)
        damages.append(damage[-1:])
    return damages


@every_part
@every_kind
def test_random_damage_is_noticed(file, part):
    assert read_damaged(file, random_damages(file, 400, seed=part)) == []


@pytest.mark.stress
@pytest.mark.timeout(1800)
@every_part
@every_kind
def test_much_random_damage_is_noticed(file, part):
    assert read_damaged(file, random_damages(file, 20_000, seed=100 + part), timeout=1700) == []


@pytest.mark.stress
@pytest.mark.timeout(1800)
@every_part
@every_kind
def test_every_bit_that_is_flipped_is_noticed(file, part):
    damages = [damage for bit in range(8) for damage in flips(file, lambda _, bit=bit: 1 << bit)]
    assert read_damaged(file, of_part(damages, part), timeout=1700) == []


# -- what commits leave beside a file ---------------------------------------------------


KILLED = """
import os, sys
import numpy as np
import pyiron_storage as ps
from pyiron_storage.journal import redo

def copy_and_die(*arguments):
    copy(*arguments)
    os._exit(9)

copy, redo._copy = redo._copy, copy_and_die
with ps.open_storage(sys.argv[1]) as storage, storage.transaction():
    storage["number"] = -3.72
    storage["few"] = np.arange(5)
    storage["group/bytes"] = bytes([0, 1, 2]) * 300
"""
"""A writer that dies in the middle of a commit."""


@every_part
def test_damage_of_a_journal_is_noticed(part, tmp_path):
    folder = tmp_path / "alone" / "folder"
    folder.mkdir(parents=True)
    make(folder / "it.h5")
    environment = {**os.environ, "PYTHONPATH": str(Path(ps.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", KILLED, folder / "it.h5"], env=environment, check=False)
    assert done.returncode == 9
    journal = "it.h5-journal"
    size = (folder / journal).stat().st_size
    places = [*range(200), *range(200, size, 97)]
    damages = [[[journal, "flip", at, 1 << at % 8]] for at in places] + [[[journal, "cut", at]] for at in places]
    assert read_damaged(folder, of_part(damages, part)) == []


REDO_KILLED = """
import os, sys
import pyiron_storage as ps
from pyiron_storage.backends import directory_tree

count = int(sys.argv[2])

def replace_some_and_die(path, *arguments, **options):
    global count
    if path.name == "group.json":
        if not count:
            os._exit(9)
        count -= 1
    replace(path, *arguments, **options)

replace, directory_tree.replace_file = directory_tree.replace_file, replace_some_and_die
with ps.open_storage(sys.argv[1]) as storage, storage.transaction():
    for path in ("number", "one/number", "two/number"):
        storage[path] = 2
"""
"""A writer that dies when so many groups of a transaction are in place."""


def numbers(file):
    """What a reader finds in three groups of one transaction."""
    with ps.open_storage(file, "r") as storage:
        return [storage[path] for path in ("number", "one/number", "two/number")]


@every_part
@pytest.mark.parametrize("count", [0, 1, 2])
def test_damage_of_a_redo_file_is_noticed(count, part, tmp_path):
    file = tmp_path / "it.jsondir"
    with ps.open_storage(file) as storage, storage.transaction():
        for path in ("number", "one/number", "two/number"):
            storage[path] = 1
    environment = {**os.environ, "PYTHONPATH": str(Path(ps.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", REDO_KILLED, file, str(count)], env=environment, check=False)
    assert done.returncode == 9
    assert numbers(file) == [2, 2, 2]
    redo = file / REDO_FILE
    whole = redo.read_bytes()
    flipped = (whole[:at] + bytes([whole[at] ^ (1 << at % 8)]) + whole[at + 1 :] for at in range(len(whole)))
    for damaged in list(chain(flipped, (whole[:size] for size in range(len(whole)))))[part::PARTS]:
        redo.write_bytes(damaged)
        with contextlib.suppress(ps.StorageError):
            assert numbers(file) in ([1, 1, 1], [2, 2, 2])


# -- large arrays -------------------------------------------------------------------------


def entries_of(path):
    """Where the entries of a large array begin and end in its file."""
    if path.suffix != ".h5":
        return path.stat().st_size // 4, path.stat().st_size
    with h5py.File(path) as hdf5:
        dataset = hdf5["object/arrays/big-1"].id
        if dataset.get_offset() is not None:
            return dataset.get_offset(), dataset.get_offset() + dataset.get_storage_size()
        chunk = dataset.get_chunk_info(0)
        return chunk.byte_offset, chunk.byte_offset + chunk.size


@pytest.mark.parametrize("kind", ["h5", "jsondir"])
@pytest.mark.parametrize("compression", [None, "gzip"])
def test_damage_of_a_large_array_is_noticed_by_check(kind, compression, tmp_path):
    file = tmp_path / f"it.{kind}"
    ps.save({"big": np.arange(50_000)}, file, compression=compression)
    assert ps.check(file).ok
    path = file if file.is_file() else next(file.rglob("*.npy*"))
    whole = path.read_bytes()
    chance = random.Random(1)
    start, stop = entries_of(path)
    noticed = 0
    for _ in range(40):
        at = chance.randrange(start, stop)
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 16]) + whole[at + 1 :])
        noticed += not ps.check(file).ok
        with pytest.raises(ps.StorageError):
            ps.load(file, verify=True)
    assert noticed == 40


# -- a shape of 10^12 ---------------------------------------------------------------------


def with_little_memory(code, folder):
    """Run code in a process that gets little memory; return what it prints."""

    def bound():
        resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))

    environment = {**os.environ, "PYTHONPATH": str(Path(ps.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", f"import pyiron_storage as ps\n{code}"],
        preexec_fn=bound,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout + done.stderr


LOAD = """
try:
    print(ps.load({!r}))
except ps.StorageError as error:
    print('refused', error)
"""


@pytest.mark.parametrize("place", ['"at":[0,8]', '"at":[0,8000000000000]', '"native":"a-1"'])
def test_a_shape_of_a_document_takes_no_memory(place, tmp_path):
    ps.save({"a": np.arange(50.0), "b": np.arange(20_000.0)}, "f.jsondir")
    folder = tmp_path / "f.jsondir" / "object"
    content = json.loads((folder / "group.json").read_text())
    (folder / content["nodes"]["record"]["file"]).write_text(
        f'{{"pyiron_storage":1,"types":[]}}\n{{"$":"array","dtype":"<f8","shape":[1000000000000],{place}}}\n'
    )
    del content["check"], content["nodes"]["record"]["check"]
    (folder / "group.json").write_text(json.dumps(content))
    assert with_little_memory(LOAD.format("f.jsondir"), tmp_path).startswith("refused")


@pytest.mark.parametrize("compression", [None, "gzip", "zstd"])
def test_a_shape_of_an_array_file_takes_no_memory(compression, tmp_path):
    ps.save(np.zeros(50_000), "f.jsondir", compression=compression)
    folder = tmp_path / "f.jsondir"
    content = json.loads((folder / "group.json").read_text())
    content["nodes"]["object"]["shape"] = [10**12]
    del content["check"]
    (folder / "group.json").write_text(json.dumps(content))
    assert with_little_memory(LOAD.format("f.jsondir"), tmp_path).startswith("refused")


@pytest.mark.parametrize("lines", ['{"$":2}', '{"$":"parts","lines":[[2,1]]}', '[{"$":"parts","lines":[[3,1]]}]'])
def test_lines_that_lead_back_to_themselves_are_refused(lines, tmp_path):
    node = json.loads(lines)
    record = {"$": "record", "lines": [{"pyiron_storage": 1, "types": []}, node, node]}
    group = {"nodes": {"record": record}, "groups": {}}
    content = {"pyiron_storage": 1, "kind": "file", "nodes": {}, "groups": {"object": group}}
    (tmp_path / "f.json").write_text(json.dumps(content))
    assert "holds itself" in with_little_memory(LOAD.format("f.json"), tmp_path)


# -- out of the file -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["../secret.txt", "/etc/passwd", "..", "", "a/b", "a\0b", 3, None])
@pytest.mark.parametrize("part", ["nodes", "groups", "dropped"])
def test_names_that_lead_out_of_a_directory_are_refused(part, name, tmp_path):
    file = tmp_path / "f.jsondir"
    with ps.open_storage(file) as storage:
        storage["text"] = "x" * 5000
        storage.create_group("group")
    (tmp_path / "secret.txt").write_text("secret")
    content = json.loads((file / "group.json").read_text())
    del content["check"]
    if part == "nodes":
        content["nodes"]["text"]["file"] = name
    elif part == "groups":
        content["groups"]["group"] = name
    else:
        content["dropped"] = {str(name): 0.0}
    (file / "group.json").write_text(json.dumps(content))
    if part == "dropped" and name in (3, None):
        return
    with pytest.raises(ps.DamagedRecordError):
        ps.load(file, "text" if part == "nodes" else "group/x")
    assert (tmp_path / "secret.txt").exists()


def test_links_out_of_a_directory_are_refused(tmp_path):
    file = tmp_path / "f.jsondir"
    with ps.open_storage(file) as storage:
        storage["text"] = "x" * 5000
        storage["array"] = np.arange(5)
        storage["group/value"] = 1
    (tmp_path / "elsewhere").mkdir()
    for name in ("text-1.txt", "array-1.npy", "group"):
        shutil.move(file / name, tmp_path / "elsewhere" / name)
        (file / name).symlink_to(tmp_path / "elsewhere" / name)
    for path in ("text", "array", "group/value"):
        with pytest.raises(ps.DamagedRecordError, match="is a link"):
            ps.load(file, path)
    with ps.open_storage(file, "r") as storage, pytest.raises(ps.DamagedRecordError, match="is a link"):
        storage.array("array")[:2]
    assert len(ps.check(file).damaged) == 3


def test_links_out_of_an_hdf5_file_are_refused(tmp_path):
    file = tmp_path / "f.h5"
    (tmp_path / "secret").write_bytes(b"secret!!")
    ps.save(np.arange(8), tmp_path / "other.h5", "a")
    with h5py.File(file, "w") as hdf5:
        hdf5.create_dataset("raw", (8,), "u1", external=[(str(tmp_path / "secret"), 0, 8)])
        layout = h5py.VirtualLayout((8,), "i8")
        layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "a", (8,))
        hdf5.create_virtual_dataset("virtual", layout)
        hdf5["linked"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "a")
        hdf5["soft"] = h5py.SoftLink("/raw")
    for name in ("raw", "virtual"):
        with pytest.raises(ps.DamagedFileError, match="other files"):
            ps.load(file, name)
        with ps.open_storage(file, "r") as storage, pytest.raises(ps.DamagedFileError, match="other files"):
            storage.array(name)
    for name in ("linked", "soft"):
        with pytest.raises(ps.PathNotFoundError):
            ps.load(file, name)


def test_a_redo_file_that_leads_elsewhere_means_nothing(tmp_path):
    file = tmp_path / "f.jsondir"
    ps.save(1, file, "a")
    whole = (file / "group.json").read_bytes()
    (tmp_path / "group.json").write_bytes(whole)
    group = {"directory": [".."], "was": None, "text": "{}"}
    checksum = zlib.crc32(json.dumps([group], separators=(",", ":")).encode())
    content = {"pyiron_storage": 1, "kind": "redo", "checksum": checksum, "groups": [group]}
    (file / REDO_FILE).write_text(json.dumps(content))
    ps.save(2, file, "a")
    assert (tmp_path / "group.json").read_bytes() == whole
    assert ps.load(file, "a") == 2


def test_errors_of_hdf5_say_what_to_do(tmp_path):
    file = tmp_path / "f.h5"
    with ps.open_storage(file) as storage:
        storage["group/a"] = 1
    replace_bytes(file, b"TITLE", b"T1TLE")
    with pytest.raises(ps.DamagedFileError, match=r"f\.h5: HDF5 cannot read .*ps\.check\(filename, repair=True\)"):
        ps.load(file, "group/a")
