"""Damaged files, read one after the other: `python damage.py FILE`, with the damages on stdin.

Each line of the input is a JSON list of changes to one state of the file: ``[name,
"flip", offset, mask]``, ``[name, "cut", length]``, ``[name, "put", offset, hex]`` or
``[name, "copy", offset, source, size]``, where the name is that of a file in a directory,
or empty.  What comes back must be what was saved, or a `StorageError` must say that it
does not; the rest is written to stdout, a JSON line each.  Where the header of one value
of an HDF5 file is copied over that of another, exactly and whole, the one stands under
both names, as if another program had linked it there: nobody can tell.  Before each
damage its number is written to stderr, so that a crash or a hang has a name.
"""

import contextlib
import json
import resource
import shutil
import sys
from pathlib import Path

import numpy as np

import pyiron_storage as ps

MEMORY = 3 << 30
WHOLE = {
    "number": -3.72,
    "truth": True,
    "text": "some text " * 60,
    "few": np.arange(5),
    "array": np.linspace(0, 1, 100),
    "group/bytes": b"\0\1\2" * 300,
    "object": {
        "name": "relaxation of a crystal",
        "cell": np.eye(3) * 3.6,
        "steps": [{"energy": -3.0 - step / 7, "step": step} for step in range(9)],
        "pair": (1, None),
        1: "one",
    },
}


GROWN = {"grown": np.arange(20.0) / 3, "text": "some text " * 600}
"""What stands in chunks, which HDF5 finds by pages without checksums."""


def expected(file):
    """What a file holds, by its name."""
    return GROWN if file.stem == "grown" else WHOLE


def make(file):
    """Write what is to be damaged."""
    is_grown = file.stem == "grown"
    with ps.open_storage(file, "w", **({"compression": "gzip"} if is_grown else {})) as storage, storage.transaction():
        for path, value in expected(file).items():
            storage[path] = value[:3] if path == "grown" else value
        if is_grown:
            storage.array("grown").append(GROWN["grown"][3:])


def same(one, other):
    """Whether two values are equal, types and arrays included."""
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def contents(file):
    """The content of each file of a storage."""
    paths = sorted(path for path in file.rglob("*") if path.is_file()) if file.is_dir() else [file]
    return {str(path.relative_to(file)) if path != file else "": path.read_bytes() for path in paths}


def changed(content, kind, *how):
    """The content of a damaged file."""
    if kind == "cut":
        return content[: how[0]]
    if kind == "copy":
        offset, source, size = how
        new = content[source : source + size][: len(content) - offset]
        return content[:offset] + new + content[offset + len(new) :]
    offset, what = how
    new = bytes([content[offset] ^ what]) if kind == "flip" else bytes.fromhex(what)
    return content[:offset] + new + content[offset + len(new) :]


def wrong(file, read_on=lambda storage: None, *, may_be_linked=False):
    """What comes back from a file and should not."""
    found = []
    if (file / "it.h5").exists():  # it is the folder of an HDF5 file with its journal
        file /= "it.h5"
    try:
        with ps.open_storage(file, "r") as storage:
            for look in (names, read_on):
                with contextlib.suppress(ps.StorageError):
                    found.append(look(storage))
            for path, value in expected(file).items():
                try:
                    read = storage.load(path)
                except ps.StorageError:
                    continue
                if may_be_linked and any(same(read, other) for other in expected(file).values()):
                    continue
                if not same(read, value):
                    found.append(f"{path} is {read!r:.100}")
    except ps.StorageError:
        pass
    return [text for text in found if text]


def names(storage):
    """What is wrong in the names."""
    groups = {name: set(storage[name]) for name in storage.list_groups() if name == "group"}
    listed = {*storage, *(f"group/{name}" for inner in groups.values() for name in inner)} - {"group"}
    return "" if listed in (set(WHOLE), set(GROWN)) else f"the names are {listed}"


def try_all(file, damages):
    """Damage the file in each way and read it."""
    whole = contents(file)
    for number, damage in enumerate(damages):
        print(number, file=sys.stderr, flush=True)
        for name, *how in damage:
            (file / name if name else file).write_bytes(changed(whole[name], *how))
        try:
            is_copied = file.suffix == ".h5" and any(kind == "copy" for _, kind, *_ in damage)
            for text in wrong(file, may_be_linked=is_copied):
                print(json.dumps([number, text]), flush=True)
        except BaseException as error:
            import traceback

            text = f"{type(error).__name__}: {error}"[:300]
            print(json.dumps([number, text, traceback.format_exc()[-1500:]]), flush=True)
        for other in file.parent.iterdir():
            if other != file:
                shutil.rmtree(other) if other.is_dir() else other.unlink()
        for name, *_ in damage:
            (file / name if name else file).write_bytes(whole[name])


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try_all(Path(sys.argv[1]), json.load(sys.stdin))
