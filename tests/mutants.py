"""Documents that contradict the format, looked at in every way there is, by a process of its own.

It reads JSON lines: ``{"file": name, "lines": [...]}`` says into which file which record is to be put. What
is looked at must be a value or a `StorageError`; what is not is the answer. `SAMPLES` are whole things whose
records are changed.
"""

import collections
import contextlib
import datetime
import decimal
import faulthandler
import fractions
import io
import itertools
import json
import pathlib
import resource
import shutil
import sys
import tempfile
import time
import traceback
import uuid
import warnings

import h5py
import numpy as np
import pandas as pd

import pyiron_storage as ps

MEMORY = 3 << 30
SECONDS, HANGS_AFTER = 20, 60
"""How long it may take to look at one record, and when the process ends itself."""


class Plain:
    def __init__(self, **attributes):
        self.__dict__.update(attributes)


class Slotted:
    __slots__ = ("left", "right")


class Stateful(Plain):
    def __setstate__(self, state):
        self.state = state


class Called:
    def __init__(self, *parts):
        self.parts = parts

    def __reduce__(self):
        return type(self), self.parts, self.__dict__


Point = collections.namedtuple("Point", "x y")


class Kept(ps.Storable):
    def __init__(self, value):
        self.value = value

    def _store(self, storage):
        storage["value"] = self.value
        storage["inner/number"] = 3

    @classmethod
    def _restore(cls, storage, version):
        return cls(storage.load("value"))


def _slotted():
    obj = Slotted()
    obj.left, obj.right = [1], 2
    return obj


def _graph():
    nodes = [Plain(number=number, label=f"node {number}") for number in range(12)]
    for before, node in itertools.pairwise(nodes):
        node.before, node.others = before, nodes[:2]
    return nodes


def _cycle():
    shared = [1, 2]
    inner = {"shared": shared, "again": shared}
    inner["self"] = (inner, [inner])
    return inner


SAMPLES = {
    "containers": [{"a": [1, -2.5, None, True], "b": (1, "x"), 3: {4}}, frozenset([1, 2]), {"$": 1}, _cycle()],
    "values": [float("nan"), 2**70, "\ud800", 1 + 2j, b"ab", bytearray(b"cd"), np.float32(1.5), np.str_("x")],
    "standard": [
        decimal.Decimal("1.10"),
        fractions.Fraction(1, 3),
        uuid.UUID(int=5),
        pathlib.PurePosixPath("a/b"),
        datetime.date(2020, 1, 2),
        datetime.datetime(2020, 1, 2, tzinfo=datetime.UTC, fold=1),
        datetime.timedelta(1, 2, 3),
        range(3),
        slice(1, None),
        collections.OrderedDict(a=1),
        collections.defaultdict(list, a=[1]),
        collections.deque([1, 2], 5),
    ],
    "arrays": [
        np.arange(6.0).reshape(2, 3),
        np.asfortranarray(np.arange(6).reshape(2, 3)),
        np.array(["ab", "c"]),
        np.array([1, None, [2]], object),
        np.zeros(2, [("x", "<f8"), ("y", "S3")]),
        np.array(["2020-01-01"], "M8[D]"),
        np.dtype("<i4"),
    ],
    "columns": {
        "numbers": [0.5 * number for number in range(100)],
        "texts": [f"text {number}" for number in range(100)],
        "words": ["yes", "no"] * 50,
        "rows": [{"x": number, "y": f"n{number}", "z": [number, 2]} for number in range(20)],
        "tuples": [(number, str(number)) for number in range(20)],
        "lists": [[number] * (number % 4) for number in range(20)],
        "mixed": [number if number % 2 else str(number) for number in range(20)],
        "bytes": [b"x" * number for number in range(20)],
        "map": {number: number * 2 for number in range(100)},
        "same": [None] * 20,
        "arrays": [np.arange(3.0) + number for number in range(20)],
        "scalars": [np.float64(number) for number in range(20)],
        "dates": [datetime.datetime(2020, 1, 1 + number) for number in range(20)],
        "sets": [{number} for number in range(20)],
        "complex": [complex(number, 1) for number in range(20)],
        "points": [Point(number, str(number)) for number in range(20)],
        "instances": [Plain(x=number, y=[number]) for number in range(20)],
    },
    "objects": [
        Plain(a=1, b=[2]),
        _slotted(),
        Stateful(a=1),
        Called(1, [2]),
        Point(1, 2),
        Kept([1, {"x": 2}]),
        Plain,
        datetime.UTC,
    ],
    "graph": _graph(),
    "long": {"list": [[f"entry {number} " * 9, number, {"x": [number]}] for number in range(300)]},
    "pandas": {
        "frame": pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": pd.Categorical(["u", "v"])}, index=["p", "q"]),
        "series": pd.Series([1.5, 2.5], name="s", index=pd.date_range("2020-01-01", periods=2)),
        "index": pd.MultiIndex.from_product([[1, 2], ["a", "b"]]),
    },
    "native": [np.arange(20_000.0), {"again": np.arange(20_000)}],
}


# -- how a record is put into a file ---------------------------------------------------------


def text_of(lines):
    """The document of some lines: each a node, or JSON that is written as it stands."""
    return "".join(f"{'' if line is None else line if type(line) is Raw else dumped(line)}\n" for line in lines)


class Raw(str):
    """JSON that no parser made."""


def dumped(node):
    return json.dumps(node, separators=(",", ":"))


def lines_of(file):
    """The lines of the document in a JSON file."""
    return json.loads(file.read_text())["groups"]["object"]["nodes"]["record"]["lines"]


def put(file, lines):
    """Put a document in the place of that of the object in a file, without checksums."""
    if file.is_dir():
        group = json.loads((file / "object" / "group.json").read_text())
        (file / "object" / group["nodes"]["record"]["file"]).write_text(text_of(lines))
        group["nodes"]["record"].pop("check")
        group.pop("check")
        (file / "object" / "group.json").write_text(json.dumps(group))
    elif file.suffix == ".json":
        content = json.loads(file.read_text())
        content.pop("check")
        content["groups"]["object"]["nodes"]["record"] = "LINES"
        inside = ",".join(text or "null" for text in text_of(lines).split("\n")[:-1])
        file.write_text(dumped(content).replace('"LINES"', f'{{"$":"record","lines":[{inside}]}}'))
    else:
        with h5py.File(file, "a") as hdf5:
            attributes = {name: value for name, value in hdf5["object/record"].attrs.items() if name != "CHECK"}
            del hdf5["object/record"]
            hdf5["object/record"] = np.bytes_(text_of(lines).encode())
            hdf5["object/record"].attrs.update(attributes)


# -- looking --------------------------------------------------------------------------------


def look_into(view, depth=0):
    """Look at all of a view, as somebody who browses."""
    if isinstance(view, ps.ArrayHandle) or not isinstance(view, ps.View):
        return
    for look in (
        repr,
        str,
        len,
        lambda view: view.info(),
        lambda view: view.list_nodes(),
        lambda view: view.list_groups(),
    ):
        attempt(look, view)
    attempt(lambda view: view._repr_html_(), view)
    attempt(lambda view: view.to_object(), view)
    if depth < 4:
        attempt(look_into_parts, view, depth)


def look_into_parts(view, depth):
    for number, inner in enumerate(view.values() if isinstance(view, collections.abc.Mapping) else view):
        if number == 8:
            break
        look_into(inner, depth + 1)


def attempt(look, *arguments):
    """A look may find that the record is damaged, and nothing else."""
    try:
        return look(*arguments)
    except ps.StorageError:
        return None
    except TypeError as error:
        if "Point.__new__()" not in str(error):  # what a class itself says of its arguments is its own
            raise
        return None


def browse(file):
    with ps.open_storage(file, "r", trust=["mutants"]) as storage:
        for look in (list, str, browse_metadata, lambda storage: storage.load("object")):
            attempt(look, storage)
        paths = [path for path, _ in attempt(lambda: list(storage.walk())) or []]
        for path in paths[:: 1 + len(paths) // 40]:
            attempt(storage.info, path)
            attempt(storage.load, path)
            array = attempt(storage.array, path)
            if array is not None:
                attempt(lambda array=array: (array[:1] if array.shape else array[()], array[...]))
        look_into(attempt(lambda: storage["object"]))


def browse_metadata(storage):
    view = storage["object"]
    return dict(view.metadata) if isinstance(view, ps.View) else {}


def change(file):
    with ps.open_storage(file) as storage:
        view = storage["object"]
        if isinstance(view, ps.ListView):
            attempt(view.append, 1)
            attempt(view.__delitem__, 0)
        elif isinstance(view, ps.DictView):
            attempt(view.__setitem__, "new", [1])
            attempt(lambda: view.pop(next(iter(view), "new")))


def look_at(file, whole):
    """Look at a file in every way that there is."""
    attempt(browse, file)
    for options in (
        {"trust": "data"},
        {"trust": ["mutants"], "on_missing": "raw", "versions": "ignore"},
        {"mmap": True},
    ):
        attempt(lambda options=options: ps.load(file, **options))
    attempt(ps.find, file)
    attempt(ps.diff, file, whole)
    attempt(ps.inspect, file)
    attempt(ps.versions, file)
    attempt(lambda: ps.trust(file, sign=False))
    attempt(ps.check, file)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for suffix in ("h5", "json"):
            attempt(ps.copy, file, folder / f"copy.{suffix}")
        attempt(lambda: ps.copy(file, folder / "part.json", "object/0", "part"))
        attempt(lambda: ps.copy(file, folder / "part.json", "object/rows", "rows"))
        attempt(change, file)
        attempt(lambda: ps.check(file, repair=True))


def answer(asked):
    """What went wrong with one record."""
    with tempfile.TemporaryDirectory() as folder:
        whole = pathlib.Path(asked["file"])
        file = pathlib.Path(folder) / whole.name
        shutil.copytree(whole, file) if whole.is_dir() else shutil.copy(whole, file)
        put(file, [Raw(line["raw"]) if type(line) is dict and "raw" in line else line for line in asked["lines"]])
        begun = time.process_time()
        faulthandler.dump_traceback_later(HANGS_AFTER, exit=True)
        try:
            look_at(file, whole)
        except BaseException as error:
            frames = traceback.format_exc()
            return f"{type(error).__name__}: {str(error)[:200]}\n{frames[:1500]}\n...\n{frames[-3000:]}"
        finally:
            faulthandler.cancel_dump_traceback_later()
        return f"it takes {time.process_time() - begun:.0f} s" if time.process_time() - begun > SECONDS else ""


def main():
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    warnings.simplefilter("ignore")
    answers = sys.stdout
    with contextlib.redirect_stdout(io.StringIO()):
        for line in sys.stdin:
            print(json.dumps(answer(json.loads(line))), file=answers, flush=True)
