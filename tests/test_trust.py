"""What a file names is run only where it is signed by a known key, or where the user admits it."""

import ast
import builtins
import collections
import json
import os
import pickle
import re
import subprocess
import sys
import tempfile
import textwrap
import threading
from pathlib import Path

import cloudpickle
import numpy as np
import pytest

import pyiron_storage as ps
from pyiron_storage.paths import Name

FILES = ["f.h5", "f.jsondir", "f.json"]


class Harmful:
    """Leaves a mark where its state is set."""

    def __init__(self, text="", beside=None):
        self.text, self.beside = text, beside

    def __setstate__(self, state):
        Path("mark").touch()
        self.__dict__.update(state)


@pytest.fixture(autouse=True)
def own_configuration(tmp_path, monkeypatch):
    become("me", tmp_path, monkeypatch)


def become(who, tmp_path, monkeypatch):
    """From now on, another user with a configuration folder of his own."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "homes" / who))


@pytest.fixture
def another(tmp_path, monkeypatch):
    return lambda who="stranger": become(who, tmp_path, monkeypatch)


def forge(file, types, root, *more, buffers=None, name="object"):
    """Write a record by hand, without a signature."""
    lines = [{"pyiron_storage": 1, "types": types}, root, *more]
    with ps.open_storage(file) as storage, storage.transaction():
        group = storage.create_group(name)
        group._set(Name("record"), "".join(json.dumps(line) + "\n" for line in lines))
        if buffers is not None:
            group._set(Name("buffers"), np.frombuffer(buffers, np.uint8))


def call(number, *args, **more):
    return {"$": "call", "type": number, "args": list(args), **more}


CODE = cloudpickle.dumps(lambda: Path("mark").touch())
TOUCH = "touch mark"
NO_TIME = {"$": "timedelta", "days": 0, "seconds": 0, "microseconds": 0}
TWICE = {"$": "column", "count": 2, "of": "constant", "value": TOUCH}
HOSTILE = {
    "os.system": ([{"name": "os:system"}], {"x": call(0, TOUCH)}, "object/x: os.system"),
    "subprocess.Popen": (
        [{"name": "subprocess:Popen"}],
        {"x": call(0, ["touch", "mark"])},
        "object/x: subprocess.Popen",
    ),
    "builtins.eval": (
        [{"name": "builtins:eval"}],
        {"x": call(0, "open('mark', 'w')")},
        "object/x: builtins.eval",
    ),
    "as an enum": (
        [{"name": "os:system"}],
        {"x": {"$": "enum", "type": 0, "name": "A", "value": TOUCH}},
        "object/x: os.system",
    ),
    "as a function": (
        [{"name": "builtins:list"}, {"name": "os:system"}],
        {"x": {"$": "call", "type": 0, "function": {"$": "import", "type": 1}, "args": [TOUCH]}},
        "object/x/~function: os.system",
    ),
    "as a setter": (
        [{"name": "datetime:timezone"}, {"name": "os:system"}],
        {"x": call(0, NO_TIME, state=TOUCH, setter={"$": "import", "type": 1})},
        "object/x/~setter: os.system",
    ),
    "as a factory": (
        [{"name": "os:getcwd"}],
        {"x": {"$": "defaultdict", "function": {"$": "import", "type": 0}, "pairs": []}},
        "object/x/~function: os.getcwd",
    ),
    "as a zone": (
        [{"name": "os:system"}],
        {"x": {"$": "datetime", "text": "2020-01-01T00:00:00", "zone": call(0, TOUCH)}},
        "object/x/~zone: os.system",
    ),
    "as a key": (
        [{"name": "os:system"}],
        {"x": {"$": "dict", "pairs": [[call(0, TOUCH), 1]]}},
        "object/x/~keys: os.system",
    ),
    "in a column": (
        [{"name": "os:system"}],
        {"x": {"$": "column", "count": 2, "of": "call", "type": 0, "columns": [TWICE]}},
        "object/x/*: os.system",
    ),
    "as a class": ([{"name": "os:system"}], {"x": {"$": "import", "type": 0}}, "object/x: os.system"),
    "on another line": ([{"name": "os:system"}], {"x": {"$": 3}}, "object/x: os.system"),
    "in a long list": (
        [{"name": "os:system"}],
        {"x": {"$": "parts", "lines": [[4, 1]]}},
        "object/x/0: os.system",
    ),
    "a state": (
        [{"name": f"{__name__}:Harmful"}],
        {"x": {"$": "object", "type": 0, "state": {"text": "a"}}},
        f"object/x: {__name__}.Harmful",
    ),
    "as a method": (
        [{"name": "string:Template"}],
        {"x": {"$": "method", "type": 0, "name": "substitute", "value": call(0, TOUCH)}},
        "object/x: string.Template",
    ),
    "code kept by value": (
        [{"name": "numpy:array", "code": {"$": "code", "at": [0, len(CODE)]}}],
        {"x": call(0)},
        "object/x: numpy.array (code kept by value)",
    ),
    "a storable": (
        [{"name": "os:system"}],
        {"x": {"$": "storable", "type": 0, "version": "1", "nodes": {}}},
        "object/x: os.system",
    ),
    "pickled": (
        [{"name": "pyiron_storage.model.ready_made:PickleStorable"}],
        {"x": {"$": "storable", "type": 0, "version": "1", "nodes": {"pickle": "Y29zCnN5c3RlbQo="}}},
        "object/x: pyiron_storage.model.ready_made.PickleStorable",
    ),
    "a harmless value that is called": (
        [{"name": "builtins:list"}],
        {"x": call(0, {"$": "range", "items": [0, 3, 1]})},
        "object/x: builtins.list",
    ),
    "one that is called in another way": (
        [{"name": "builtins:list"}, {"name": "datetime:timezone"}],
        {"x": {"$": "call", "function": {"$": "import", "type": 0}, "args": []}},
        "object/x/~function: builtins.list",
    ),
    "a harmless value with a state": (
        [{"name": "fractions:Fraction"}],
        {"x": {"$": "object", "type": 0, "state": {"a": 1}}},
        "object/x: fractions.Fraction",
    ),
    "a module": ([{"name": "this"}], {"x": {"$": "import", "type": 0}}, "object/x: this"),
}  # fmt: skip
MORE = [call(0, TOUCH), [call(0, TOUCH)]]


@pytest.fixture(params=HOSTILE)
def hostile(request):
    return HOSTILE[request.param]


def refused(load, listed):
    """Nothing is run, and the error lists what would be."""
    with pytest.raises(ps.UntrustedError) as caught:
        load()
    assert not Path("mark").exists()
    assert "this" not in sys.modules
    assert listed in map(str, caught.value.wants)
    assert all(part in str(caught.value) for part in (listed.split(": ")[1].split(" (")[0], "trust=", "ps.trust("))


def each_way(file, listed, trust=None):
    """Each way to load what a file holds."""
    refused(lambda: ps.load(file, trust=trust), listed)
    refused(lambda: ps.load(file, "x", trust=trust), listed)
    refused(lambda: ps.load(file, mmap=True, trust=trust), listed)
    with ps.open_storage(file, "r", trust=trust) as storage:
        for load in (
            lambda: storage.load("object"),
            lambda: storage["object"].to_object(),
            lambda: storage["object"].load("x"),
            lambda: storage["object"] == 1,
            lambda: pickle.dumps(storage["object"]),
        ):
            refused(load, listed)


@pytest.mark.parametrize("suffix", ["h5", "pkl"])
@pytest.mark.parametrize("tried", [None, ["collections.UserDict", "fractions.Fraction"]])
def test_the_list_that_the_error_suggests_admits_the_file(suffix, tried, tmp_path, monkeypatch):
    theirs = [collections.UserDict(a=1), os.path.join, subprocess.Popen, textwrap.TextWrapper(), json.dumps]
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "stranger"))
    ps.save(theirs, tmp_path / f"theirs.{suffix}")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "me"))
    with pytest.raises(ps.UntrustedError) as caught:
        ps.load(tmp_path / f"theirs.{suffix}", trust=tried)
    suggested = ast.literal_eval(re.search(r"trust=(\[.*?\])", str(caught.value))[1])
    assert set(tried or []) <= set(suggested)
    assert ps.load(tmp_path / f"theirs.{suffix}", trust=suggested)[1:3] == theirs[1:3]


@pytest.mark.parametrize("file", FILES)
def test_what_a_stranger_names_is_not_run(file, hostile):
    types, root, listed = hostile
    forge(file, types, {**root, "data": 5}, *MORE, buffers=CODE)
    each_way(file, listed)
    each_way(file, listed, trust="data")
    each_way(file, listed, trust=["numpy", "h5py", "collections"])
    assert ps.load(file, "data") == 5
    with ps.open_storage(file, "r") as storage:
        assert dict(storage.walk())["object/data"].type == "int"
        assert storage["object"].list_nodes()


ROUTES = {
    "copied in the file": lambda s: s.__setitem__("object", s["first"]),
    "put into a dict": lambda s: s.__setitem__("object", {"x": s["first/x"]}),
    "put into what is one's own": lambda s: (
        s.__setitem__("object", {"own": collections.UserDict()}),
        s["object"].__setitem__("x", s["first/x"]),
    ),
    "changed in part": lambda s: (s["first"].__setitem__("data", 6), s.__setitem__("object", s["first"])),
    "added to": lambda s: (
        s["first"].__setitem__("own", collections.UserDict()),
        s.__setitem__("object", s["first"]),
    ),
    "given metadata": lambda s: (
        s["first"].metadata.__setitem__("by", "me"),
        s.__setitem__("object", s["first"]),
    ),
    "copied with its group": lambda s: (
        s.__setitem__("group/object", s["first"]),
        s.__setitem__("copy", s["group"]),
        s.__setitem__("object", s["copy/object"]),
    ),
}


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("route", ROUTES)
def test_no_route_lends_a_stranger_a_signature(file, route, hostile):
    types, root, listed = hostile
    forge(file, types, {**root, "data": 5}, *MORE, buffers=CODE, name="first")
    with ps.open_storage(file) as storage:
        try:
            ROUTES[route](storage)
        except ps.StorageError as error:
            pytest.skip(f"refused: {error}")
    each_way(file, listed)


@pytest.mark.parametrize("other", [*FILES, "memory"])
def test_what_is_copied_to_another_storage_is_not_run(other, hostile):
    types, root, listed = hostile
    forge("first.h5", types, {**root, "data": 5}, *MORE, buffers=CODE)
    target = ps.MemoryStorage() if other == "memory" else ps.open_storage(other)
    with ps.open_storage("first.h5", "r") as source, target:
        target["object"] = source["object"]
        target["part"] = {"x": source["object/x"]}
        refused(lambda: target.load("object"), listed)
        refused(lambda: target.load("part"), listed.replace("object", "part"))
    if other != "memory":
        each_way(other, listed)


REACHING = [
    ("numpy", "numpy.testing:runstring"),
    ("numpy", "numpy.ma.core:builtins.eval"),
    ("numpy", "numpy.testing:assert_"),
    ("h5py", "h5py._hl.files:os.system"),
    ("os", "os:sys.modules"),
    ("collections", "collections:_sys.exit"),
    ("unittest", "unittest.__main__:main"),
    ("json", "json:decoder.scanner.re.compile"),
    ("logging", "logging:os.system"),
    ("tempfile", "tempfile:_shutil.rmtree"),
    ("concurrent", "concurrent.futures.thread:threading.Thread"),
]


@pytest.mark.parametrize(("package", "name"), REACHING)
def test_a_package_admits_the_classes_that_are_defined_in_it_alone(package, name):
    forge("f.h5", [{"name": name}], {"x": call(0, TOUCH)})
    refused(lambda: ps.load("f.h5", trust=[package]), f"object/x: {name.replace(':', '.')}")


def test_a_package_admits_its_classes_and_a_full_name_admits_that():
    ps.save([collections.UserDict({1: 2}), np.ma.masked_array([1, 2], [True, False])], "f.h5")
    with pytest.raises(ps.UntrustedError, match=r"numpy\.ma\.core"):
        ps.load("f.h5", trust=["collections", "numpy"])  # made by a function
    functions = [want.name for want in ps.trust("f.h5", sign=False) if want.name.endswith("_mareconstruct")]
    assert ps.load("f.h5", trust=["collections", "numpy", *functions])[0] == {1: 2}
    assert ps.load("f.h5", "0", trust=["collections.UserDict"]) == {1: 2}
    assert type(ps.load("f.h5", "0", trust="all")) is collections.UserDict


class Thermostat:
    """Keeps a method of itself, as calculators of ASE do."""

    def __init__(self, kelvin):
        self.kelvin, self.read = kelvin, self.reading

    def reading(self):
        return self.kelvin


@pytest.mark.parametrize("file", FILES)
def test_a_method_needs_its_class_and_its_name(file, another):
    ps.save([Thermostat(300.0), [Thermostat(20.0).reading] * 2], file)
    another()
    names = ["test_trust.Thermostat", "test_trust.Thermostat.reading"]
    assert [want.name for want in ps.trust(file, sign=False)] == names
    with pytest.raises(ps.UntrustedError, match=re.escape(f"trust={names}")):
        ps.load(file)
    for one in ["test_trust"], names[:1], names[1:]:
        with pytest.raises(ps.UntrustedError):
            ps.load(file, trust=one)
    thermostat, (one, same) = ps.load(file, trust=names)
    assert thermostat.read() == 300.0
    assert thermostat.read.__self__ is thermostat
    assert one is same
    assert same() == 20.0


METHOD = {"$": "method", "type": 0, "name": "clear", "value": call(0)}


@pytest.mark.parametrize(
    "root",
    [
        call(0, function=METHOD),
        {"$": "call", "function": METHOD, "args": []},
        {"$": "call", "function": {"$": 3}, "args": []},
        call(0, state=1, setter=METHOD),
    ],
)
def test_who_admits_a_class_lets_nobody_call_its_methods(root, tmp_path):
    forge("f.h5", [{"name": "collections:UserDict"}], {"x": root}, METHOD)
    with pytest.raises(ps.UntrustedError, match=r"collections\.UserDict\.clear"):
        ps.load("f.h5", trust=["collections.UserDict"])
    with pytest.raises(ps.UntrustedError, match=r"builtins\.getattr"):
        ps.load("f.h5", trust=["collections.UserDict", "collections.UserDict.clear"])


class Callback:
    """Has methods that a file should not be able to call, and one that calls it."""

    def run(self, *args, **kwargs):
        Path("mark").touch()

    def __call__(self, *args):
        Path("mark").touch()


def holding(**attributes):
    return {"$": "object", "type": 0, "state": attributes}


RUN = {"$": "method", "type": 0, "name": "run", "value": holding()}
BY_THEIR_NAMES = ["test_trust.Callback", "test_trust.Callback.run"]
ITSELF = {"name": "pyiron_storage.backends.neighbours.h5io_files:without_state"}
CALLING = {
    "as a function": [{"$": "call", "function": holding(), "args": ["a"]}],
    "as a function elsewhere": [{"$": "call", "function": {"$": 3}, "args": ["a"]}, holding()],
    "as a setter": [call(1, 1, state="a", setter=holding())],
    "__new__": [{"$": "new", "function": holding(__new__=RUN), "args": ["a"]}],
    "__setstate__": [call(1, {"$": 3}, state="a"), holding(__setstate__=RUN)],
    "extend": [call(1, {"$": 3}, items=["a"]), holding(extend=RUN)],
    "append": [call(1, {"$": 3}, items=["a"]), holding(append=RUN)],
    "items of a state": [{"$": "object", "type": 0, "state": holding(items=RUN)}],
    "items of slots": [{"$": "object", "type": 0, "state": None, "slots": holding(items=RUN)}],
    "keys of arguments": [{"$": "new", "type": 0, "args": [], "kwargs": holding(keys=RUN)}],
}


@pytest.mark.parametrize("route", CALLING)
def test_what_objects_have_as_attributes_is_not_called(route, tmp_path):
    root, *more = CALLING[route]
    forge("f.h5", [{"name": "test_trust:Callback"}, ITSELF], {"x": root}, *more)
    for names in BY_THEIR_NAMES[:1], BY_THEIR_NAMES:
        with pytest.raises((ps.UntrustedError, ps.DamagedRecordError)):
            ps.load("f.h5", trust=names)
        assert not Path("mark").exists()


LOOKED_FOR = {
    "an array of texts": {"$": "strings", "nodes": {"values": holding(__array__=RUN)}},
    "an index": {"$": "index", "nodes": {"values": holding(ndim=1, dtype="O", __array__=RUN)}},
    "intervals": {"$": "intervals", "nodes": {"left": holding(__array__=RUN), "right": 1, "closed": "right"}},
    "a sparse array": {
        "$": "sparse",
        "nodes": {
            "class": "dok_array",
            "shape": [1],
            "data": holding(dtype=1),
            "coords": [holding(tolist=RUN)],
            "plain": 1,
        },
    },
}


@pytest.mark.parametrize("what", LOOKED_FOR)
def test_what_libraries_look_for_on_objects_is_no_method_that_nobody_admits(what, tmp_path):
    forge("f.h5", [{"name": "test_trust:Callback"}], {"x": LOOKED_FOR[what]})
    with pytest.raises(ps.UntrustedError, match=r"test_trust\.Callback\.run") as refused:
        ps.load("f.h5", trust=["test_trust.Callback"])
    assert [want.name for want in refused.value.wants] == ["test_trust.Callback.run"]
    assert not Path("mark").exists()


@pytest.mark.parametrize("name", ["__class__", "__reduce__", "data", "nothing", "register", 5, None])
def test_a_method_is_a_function_of_the_class(name, tmp_path):
    forge("f.h5", [{"name": "collections:UserDict"}], {"x": METHOD | {"name": name}})
    with pytest.raises(ps.DamagedRecordError, match="method"):
        ps.load("f.h5", trust="all")
    with pytest.raises(ps.UntrustedError):
        ps.load("f.h5", trust=["collections.UserDict"])


@pytest.mark.parametrize("trust", ["numpy", "", ["no name"], [5], ["numpy:array"], [""]])
def test_what_trust_cannot_be(trust):
    ps.save(1, "f.h5")
    with pytest.raises(ps.InvalidTrustError, match="trust"):
        ps.load("f.h5", trust=trust)
    with pytest.raises(ValueError, match="trust"):
        ps.open_storage("f.h5", trust=trust)
    with pytest.raises(ps.InvalidTrustError):
        ps.MemoryStorage(trust=trust)


def test_looking_for_a_class_imports_no_module_that_is_not_admitted(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    for module in ("admitted_package", "other_module"):
        Path(f"{module}.py").write_text(f"from pathlib import Path; Path('{module} ran').touch()\nclass Thing: pass\n")
    forge("f.h5", [{"name": "other_module:Thing"}, {"name": "admitted_package:Thing"}], [call(0), call(1)])
    with pytest.raises(ps.UntrustedError):
        ps.load("f.h5", trust=["admitted_package"])
    assert not Path("other_module ran").exists()
    assert type(ps.load("f.h5", "1", trust=["admitted_package"])).__name__ == "Thing"


FAILS = """
import builtins, os
def fail(error):
    builtins.looks_left -= 1
    if builtins.looks_left >= 0:
        raise error("not now")
"""
FAILING = {
    "a module": (f"{FAILS}fail(ImportError)", "os.system"),
    "a name": (f"{FAILS}def __getattr__(name):\n    fail(AttributeError)\n    return os", "late.system"),
}


@pytest.mark.parametrize("file", ["f.h5", "f.pkl"])
@pytest.mark.parametrize("what", FAILING)
@pytest.mark.parametrize("times", [1, 2, 3, 4])
def test_what_fails_when_it_is_looked_at_is_not_taken_unseen(times, what, file, tmp_path, monkeypatch):
    source, name = FAILING[what]
    module = f"fails_{times}_{what[2:]}_{file[2:]}"
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(builtins, "looks_left", times, raising=False)
    Path(f"{module}.py").write_text(source)
    if file == "f.h5":
        forge(file, [{"name": f"{module}:{name}"}], {"x": call(0, TOUCH)})
    else:
        texts = [f"\x8c{chr(len(text))}{text}" for text in (module, name, TOUCH)]
        Path(file).write_bytes("\x80\x04{}{}\x93{}\x85R.".format(*texts).encode("latin1"))
    with pytest.raises((ps.CannotImportError, ps.UntrustedError)):
        ps.load(file, trust=[module])
    assert not Path("mark").exists()


# -- what is signed --------------------------------------------------------------------------


THINGS = {
    "an instance": lambda: Harmful("text"),
    "a list of them": lambda: [Harmful(f"text {n}", n) for n in range(100)],
    "shared ones": lambda: [Harmful("a")] * 3 + [Harmful("b")],
    "beside much": lambda: {"h": Harmful("a"), "much": [f"{n:040}" for n in range(10_000)], "n": np.zeros(50_000)},
    "code": lambda: {"f": lambda: 1},
}


def is_run(load):
    Path("mark").unlink(missing_ok=True)
    try:
        load()
    except ps.UntrustedError:
        return False
    return True


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("thing", THINGS)
def test_what_i_save_i_load_and_others_do_not(file, thing, another):
    ps.save(THINGS[thing](), file)
    assert is_run(lambda: ps.load(file))
    assert not is_run(lambda: ps.load(file, trust="data"))
    another()
    assert not is_run(lambda: ps.load(file))
    assert not Path("mark").exists()
    assert is_run(lambda: ps.load(file, trust="all"))
    ps.trust(file)
    assert is_run(lambda: ps.load(file))
    another("third")
    assert not is_run(lambda: ps.load(file))


@pytest.mark.parametrize("file", FILES)
def test_plain_data_needs_no_key(file, another, tmp_path):
    data = {"a": [1, 2.5, None, "x"], "n": np.arange(20_000), "t": {int: np.float64(2)}, "c": 1j, "s": {1, 2}}
    ps.save(data, file)
    another()
    for trust in (None, "data"):
        loaded = ps.load(file, trust=trust)
        assert loaded["t"] == data["t"]
        assert loaded["n"].sum() == data["n"].sum()
    assert not (tmp_path / "homes").exists()


def change(file, old, new):
    """Change bytes of a file or of the files of a directory, behind the back of the library."""
    path = Path(file)
    changed = 0
    for inner in [path] if path.is_file() else [found for found in path.rglob("*") if found.is_file()]:
        data = inner.read_bytes()
        changed += data.count(old)
        inner.write_bytes(data.replace(old, new))
    assert changed


@pytest.mark.parametrize("file", ["f.h5", "f.jsondir"])
@pytest.mark.parametrize("count", [100, 20_000])
def test_changed_buffers_are_noticed(file, count):
    """Texts of many instances stand in the buffers or, where they are long, in a native array of bytes."""
    ps.save([Harmful(f"harmless text {n:06}") for n in range(count)], file)
    rewrite(file, b"harmless text 000042", b"rm -rf everything!!!")
    refused_or_damaged(lambda: ps.load(file))
    refused_or_damaged(lambda: ps.load(file, "42"))
    with ps.open_storage(file) as storage:
        assert storage["object/42/text"] == "rm -rf everything!!!"
        storage["object/7"]["text"] = "another text of mine"
    refused_or_damaged(lambda: ps.load(file))
    refused_or_damaged(lambda: ps.load(file, "42"))


def rewrite(file, old, new):
    """Change bytes of an array as a program would that has no key: checksums are right, the signature is as it was."""
    with ps.open_storage(file) as storage, storage.transaction():
        group = storage[Name("object")]
        places = [(group, "buffers")] if group._has_node("buffers") else []
        if group._has_group("arrays"):
            arrays = group[Name("arrays")]
            places += [(arrays, name) for name in arrays.list_nodes()]
        changed = 0
        for where, name in places:
            data = where[Name(name)]
            if old in data.tobytes():
                changed += 1
                there = np.frombuffer(data.tobytes().replace(old, new), data.dtype).reshape(data.shape)
                where._set(Name(name), there)
        assert changed == 1
        storage._session.records.clear()


def refused_or_damaged(load):
    with pytest.raises((ps.UntrustedError, ps.DamagedRecordError)):
        load()
    assert not Path("mark").exists()


@pytest.mark.parametrize("file", FILES)
def test_a_signature_is_of_one_record(file, another):
    """Another record's signature, a signature of nothing, one by another key: none of them counts."""
    ps.save(Harmful("a"), file)
    ps.save(Harmful("b"), file, "other")
    with ps.open_storage(file) as storage, storage.transaction():
        storage[Name("object")]._set(Name("signature"), storage[Name("other")][Name("signature")])
        storage._session.records.clear()
    assert not is_run(lambda: ps.load(file))
    assert is_run(lambda: ps.load(file, "other"))
    for text in ("", "{}", "[1]", '{"key":"0","hmac":"0"}', "x" * 5000):
        with ps.open_storage(file) as storage, storage.transaction():
            storage[Name("other")]._set(Name("signature"), text)
            storage._session.records.clear()
        assert not is_run(lambda: ps.load(file, "other"))


@pytest.mark.parametrize("file", FILES)
def test_renaming_keeps_the_signature(file):
    ps.save(Harmful("a"), file, "first")
    with ps.open_storage(file) as storage:
        storage["group/second"] = storage["first"]
        del storage["first"]
    assert is_run(lambda: ps.load(file, "group/second"))


CHANGES = {
    "a text": lambda v, n: v["x"].__setitem__("text", f"other {n}"),
    "an instance": lambda v, n: v["x"].__setitem__("beside", Harmful(f"new {n}")),
    "a cell": lambda v, n: v["many/17"].__setitem__("text", f"another one of length {n:02}"),
    "a number": lambda v, n: v["many/17"].__setitem__("beside", 50 + n),
    "an entry": lambda v, n: v["much"].append("one more"),
    "what goes": lambda v, n: v.__delitem__(["much", "few"][n]),
    "an array in part": lambda v, n: v.array("n").__setitem__(3, 7 + n),
    "a small array in part": lambda v, n: v.array("few").__setitem__(3, 7 + n),
    "texts in part": lambda v, n: v.array("texts").__setitem__(3, f"new {n}"),
    "more texts": lambda v, n: v.array("texts").append(["a", "b"]),
    "bytes": lambda v, n: v.__setitem__("bytes", bytes(200_000 + n)),
}


def things():
    return {
        "x": Harmful("a"),
        "many": [Harmful(f"one of one thousand {n:04}", n % 100) for n in range(5000)],
        "much": [f"{n:020}" for n in range(20_000)],
        "n": np.arange(20_000.0),
        "few": np.arange(10),
        "texts": np.array([f"text {n}" for n in range(5000)]),
        "bytes": b"abc",
    }


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("change", CHANGES)
def test_what_i_change_in_part_stays_mine_and_what_is_a_strangers_does_not(file, change, another):
    ps.save(things(), file)
    with ps.open_storage(file) as storage:
        CHANGES[change](storage["object"], 0)
    assert in_another_process(file) == "run"
    another()
    with ps.open_storage(file) as storage:
        CHANGES[change](storage["object"], 1)
    assert in_another_process(file) == "refused"
    another("me")
    is_unsigned = change == "an array in part"  # numbers in a native array
    assert in_another_process(file) == ("run" if is_unsigned else "refused")


def in_another_process(file):
    code = f"""
import sys, pyiron_storage as ps
sys.path.insert(0, {str(Path(__file__).parent)!r})
try:
    ps.load({file!r})
    print("run")
except ps.UntrustedError:
    print("refused")
"""
    return subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, check=True).stdout.strip()


def test_an_instance_of_mine_in_data_of_a_stranger_is_signed(another):
    ps.save({"data": [1, 2], "texts": np.array([f"text {n}" for n in range(5000)])}, "f.h5")
    another()
    with ps.open_storage("f.h5") as storage:
        storage["object"]["mine"] = Harmful("a")
    assert in_another_process("f.h5") == "run"


def test_a_small_change_signs_little_anew(monkeypatch):
    ps.save({"x": Harmful("a"), "arrays": [np.full(5000, float(n)) for n in range(400)]}, "f.h5")
    with ps.open_storage("f.h5") as storage:
        cell = storage.array("object/arrays/200")
        cell[0] = 1.0  # everything that is read once is read
        read = []
        from pyiron_storage.records import signing

        monkeypatch.setattr(
            signing, "digest", lambda data, digest=signing.digest: read.append(len(data)) or digest(data)
        )
        cell[1] = 2.0
        assert 0 < sum(read) <= 4 * signing.BLOCK_BYTES
    assert in_another_process("f.h5") == "run"


@pytest.mark.parametrize("file", FILES)
def test_the_memory_of_a_transaction_that_is_rolled_back_lends_nothing(file, another):
    ps.save(Harmful("theirs"), file, "theirs")
    another()
    ps.save({"mine": Harmful("mine")}, file, "mine")
    with ps.open_storage(file) as storage:
        with pytest.raises(KeyError), storage.transaction():  # noqa: PT012
            storage["mine"]["theirs"] = storage["theirs"]
            raise KeyError
        assert is_run(lambda: storage.load("mine"))
        storage["mine"]["theirs"] = storage["theirs"]
        assert not is_run(lambda: storage.load("mine"))
    assert not is_run(lambda: ps.load(file, "mine"))


def test_memory_needs_no_key(tmp_path):
    storage = ps.MemoryStorage()
    storage["x"] = {"h": Harmful("a"), "f": lambda: 1}
    with pytest.raises(KeyError), storage.transaction():  # noqa: PT012
        storage["x"]["y"] = 1
        raise KeyError  # what is stored is read anew
    assert storage.load("x")["h"].text == "a"
    assert not (tmp_path / "homes").exists()
    careful = ps.MemoryStorage(trust="data")
    careful["x"] = collections.UserDict()
    with pytest.raises(ps.UntrustedError):
        careful.load("x")


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("anew", [ps.compact, lambda file: ps.check(file, repair=True)])
def test_a_file_that_is_written_anew_keeps_its_signatures_and_gets_none(file, anew, another, hostile):
    types, root, listed = hostile
    ps.save(Harmful("mine"), file, "mine")
    forge(file, types, {**root, "data": 5}, *MORE, buffers=CODE)
    anew(file)
    assert is_run(lambda: ps.load(file, "mine"))
    Path("mark").unlink()
    refused(lambda: ps.load(file, "object"), listed)
    another()
    anew(file)
    assert not is_run(lambda: ps.load(file, "mine"))


# -- the configuration and the keys -----------------------------------------------------------


def test_names_in_the_configuration_are_admitted(another, tmp_path):
    ps.save({"a": collections.UserDict(), "h": Harmful("a")}, "f.h5")
    another()
    folder = tmp_path / "homes" / "stranger" / "pyiron_storage"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text('trust = ["collections"]')
    assert ps.load("f.h5", "a") == {}
    assert not is_run(lambda: ps.load("f.h5", "h"))
    assert not is_run(lambda: ps.load("f.h5", "a", trust="data"))
    for text, mode in (("trust = 5", 0o600), ("trust", 0o600), ('trust = ["os"]', 0o666)):
        os.utime(folder / "config.toml", ns=(0, 0))
        (folder / "config.toml").write_text(text)
        (folder / "config.toml").chmod(mode)
        with pytest.raises(ps.InvalidTrustError, match=r"config\.toml"):
            ps.load("f.h5", "a")


def key_of(tmp_path, who="me"):
    return tmp_path / "homes" / who / "pyiron_storage" / "key"


def test_the_key_is_made_at_first_use_for_its_user_alone(tmp_path):
    ps.save(Harmful(), "f.h5")
    assert key_of(tmp_path).stat().st_mode & 0o777 == 0o600
    assert key_of(tmp_path).parent.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in key_of(tmp_path).parent.iterdir()] == ["key"]


def test_many_processes_make_one_key(tmp_path):
    code = """
import collections, sys, pyiron_storage as ps
sys.stdin.readline()
ps.save(collections.UserDict(), sys.argv[1])
"""
    command = [sys.executable, "-c", code]
    racing = [subprocess.Popen([*command, f"{n}.h5"], stdin=subprocess.PIPE, text=True) for n in range(4)]
    for process in racing:
        process.stdin.write("\n")
        process.stdin.flush()
    for process in racing:
        process.communicate()
        assert process.returncode == 0
    assert [ps.load(f"{n}.h5") for n in range(4)] == [{}] * 4
    assert len(list(key_of(tmp_path).parent.iterdir())) == 1


def test_many_threads_make_one_key(tmp_path):
    threads = [threading.Thread(target=ps.save, args=(collections.UserDict(), f"{n}.h5")) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [ps.load(f"{n}.h5") for n in range(8)] == [{}] * 8


def test_without_a_place_for_a_key_there_is_one_for_this_process(tmp_path, monkeypatch):
    Path("file").touch()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "file"))
    with pytest.warns(ps.NoKeyWarning, match="PYIRON_STORAGE_KEY"):
        ps.save(Harmful("a"), "f.h5")
    assert is_run(lambda: ps.load("f.h5"))
    assert in_another_process("f.h5") == "refused"


def test_another_file_for_the_key(tmp_path, monkeypatch, another):
    monkeypatch.setenv("PYIRON_STORAGE_KEY", str(tmp_path / "team" / "key"))
    ps.save(Harmful("a"), "f.h5")
    assert not key_of(tmp_path).exists()
    another()
    assert is_run(lambda: ps.load("f.h5"))
    (tmp_path / "team" / "key").chmod(0o640)
    assert in_another_process("f.h5") == "run"
    monkeypatch.delenv("PYIRON_STORAGE_KEY")
    assert not is_run(lambda: ps.load("f.h5"))
    monkeypatch.setenv("PYIRON_STORAGE_KEY", str(tmp_path / "f.h5" / "key"))
    with pytest.raises(ps.KeyFileError, match="PYIRON_STORAGE_KEY"):
        ps.save(Harmful("a"), "g.h5")
    assert not Path("g.h5").exists()


def test_more_keys_to_verify_with(tmp_path, another):
    ps.save(Harmful("a"), "f.h5")
    another()
    assert not is_run(lambda: ps.load("f.h5"))
    folder = key_of(tmp_path, "stranger").parent / "keys"
    folder.mkdir(parents=True)
    (folder / "colleague").write_bytes(key_of(tmp_path).read_bytes())
    (folder / "colleague").chmod(0o600)
    assert is_run(lambda: ps.load("f.h5"))
    with ps.open_storage("f.h5") as storage:
        storage["object"]["text"] = "mine"
    another("me")
    assert not is_run(lambda: ps.load("f.h5"))  # it is signed by who changed it


@pytest.mark.parametrize(
    ("text", "mode", "message"),
    [
        (None, 0o644, "chmod 600"),
        (None, 0o620, "chmod 600"),
        ("", 0o600, "no signing key"),
        ("abc", 0o600, "hexadecimal"),
    ],
)
def test_a_key_file_that_is_none(tmp_path, text, mode, message):
    ps.save(Harmful("a"), "f.h5")
    if text is not None:
        key_of(tmp_path).write_text(text)
    key_of(tmp_path).chmod(mode)
    code = f"""
import sys, collections, pyiron_storage as ps
for step in (lambda: ps.load("f.h5"), lambda: ps.save(collections.UserDict(), "g.h5")):
    try:
        step()
    except ps.KeyFileError as error:
        assert {message!r} in str(error) and "key" in str(error), error
    else:
        sys.exit("no error")
ps.save([1], "data.h5")
assert ps.load("data.h5") == [1]
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    assert not Path("g.h5").exists()


# -- ps.trust -----------------------------------------------------------------------------------


def test_a_key_of_a_home_that_is_nobodys(monkeypatch):
    ps.save(collections.UserDict(), "f.h5")
    monkeypatch.setenv("PYIRON_STORAGE_KEY", "~a-user-that-is-not-there/key")
    for use in lambda: ps.load("f.h5"), lambda: ps.save(collections.UserDict(), "f.h5"):
        with pytest.raises(ps.StorageError, match="PYIRON_STORAGE_KEY"):
            use()


IN_A_CLOSED_FOLDER = """
import os, sys
import pyiron_storage as ps
folder, file = sys.argv[1:]
ps.load(file, trust="all")  # imports what else is needed
os.makedirs(f"{folder}/pyiron_storage")
os.chmod(f"{folder}/pyiron_storage", 0)
if os.getuid() == 0:  # whom nothing is forbidden
    os.setuid(65534)
os.environ["XDG_CONFIG_HOME"] = folder
try:
    ps.load(file)
except ps.UntrustedError:
    print("refused")
"""


@pytest.mark.skipif(os.name != "posix", reason="modes are of POSIX")
def test_a_folder_of_keys_that_may_not_be_searched_has_none(another):
    with tempfile.TemporaryDirectory() as folder:  # which others may be let into
        Path(folder).chmod(0o755)
        file = Path(folder, "f.h5")
        ps.save(collections.UserDict(), file)
        done = subprocess.run(
            [sys.executable, "-c", IN_A_CLOSED_FOLDER, f"{folder}/closed", file],
            capture_output=True,
            text=True,
            check=False,
        )
        Path(folder, "closed", "pyiron_storage").chmod(0o700)
    assert done.stdout == "refused\n", done.stderr


@pytest.mark.parametrize("file", [*FILES, "f.pkl"])
def test_trust_lists_and_then_signs(file, another, capsys):
    ps.save({"a": [Harmful("a")], "data": [1, 2], "u": collections.UserDict()}, file)
    another()
    listed = ps.trust(file, sign=False)
    assert f"{__name__}.Harmful" in {want.name for want in listed}
    assert all(str(want) in capsys.readouterr().out for want in listed[:1])
    assert not is_run(lambda: ps.load(file))
    assert ps.trust(file) == listed
    assert is_run(lambda: ps.load(file))


def test_trust_of_what_names_nothing(capsys, tmp_path):
    ps.save([1], "f.h5")
    before = Path("f.h5").read_bytes()
    assert ps.trust("f.h5") == []
    assert "names no class" in capsys.readouterr().out
    assert Path("f.h5").read_bytes() == before
    with pytest.raises(ps.StorageNotFoundError):
        ps.trust("nowhere.h5")
    assert not Path("nowhere.h5").exists()


def test_a_file_of_another_library_cannot_be_signed():
    import h5io

    h5io.write_hdf5("f.h5", collections.UserDict({"a": 1}), use_state=True)
    assert ps.trust("f.h5", sign=False)
    with pytest.raises(ps.UnsupportedOperationError, match="trust="):
        ps.trust("f.h5")


class CallsList(list):
    def __reduce__(self):
        return list, (tuple(self),)


@pytest.mark.parametrize("file", FILES)
def test_what_is_mine_and_calls_something_harmless_is_signed(file, another):
    ps.save({"x": CallsList([1, 2]), "type": list}, file)
    assert ps.load(file) == {"x": [1, 2], "type": list}
    another()
    assert not is_run(lambda: ps.load(file))
    assert ps.load(file, "type") is list
    with ps.open_storage(file) as storage:
        storage["copy"] = {"x": storage["object/x"], "mine": collections.UserDict()}
    assert not is_run(lambda: ps.load(file, "copy"))


# -- pickles --------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", ["f.pkl", "f.cpkl"])
def test_a_pickle_runs_what_is_signed_or_admitted(file, another):
    ps.save([collections.UserDict({1: 2}), {"a": (1, 2.5)}], file)
    assert pickle.loads(Path(file).read_bytes())[0] == {1: 2}
    assert ps.load(file)[0] == {1: 2}
    with pytest.raises(ps.UntrustedError):
        ps.load(file, trust="data")
    another()
    with pytest.raises(ps.UntrustedError) as caught:
        ps.load(file)
    assert "object: collections.UserDict" in map(str, caught.value.wants)
    Path(file).write_bytes(pickle.dumps({"a": (1, 2.5)}))
    assert ps.load(file, trust="data") == {"a": (1, 2.5)}


class Runs:
    def __init__(self, function, *args):
        self.reduced = function, args

    def __reduce__(self):
        return self.reduced


@pytest.mark.parametrize("protocol", range(2, 6))
def test_a_pickle_of_a_stranger_is_not_run(protocol):
    for hostile in (Runs(os.system, TOUCH), Runs(subprocess.Popen, ["touch", "mark"]), Runs(eval, "open('mark', 'w')")):
        data = pickle.dumps([1, hostile], protocol)
        for trust in (None, "data", ["numpy", "collections"]):
            Path("f.pkl").write_bytes(data)
            refused(
                lambda trust=trust: ps.load("f.pkl", trust=trust), f"object: {ps.trust('f.pkl', sign=False)[0].name}"
            )
        ps.save([1], "f.pkl")
        Path("f.pkl").write_bytes(data + Path("f.pkl").read_bytes()[len(pickle.dumps([1], 5)) :])
        refused(lambda: ps.load("f.pkl"), f"object: {ps.trust('f.pkl', sign=False)[0].name}")


# -- storables --------------------------------------------------------------------------------------


class Cell(ps.Storable):
    def __init__(self, edges):
        self.edges = edges

    def _store(self, storage):
        storage["edges"] = self.edges
        storage["more"] = {"edges": self.edges}

    @classmethod
    def _restore(cls, storage, version):
        Path("mark").touch()
        return cls([*storage["edges"], *storage["more"]["edges"]])


@pytest.mark.parametrize("file", FILES)
def test_an_object_that_was_stored_by_hand(file, another):
    with ps.open_storage(file) as storage:
        Cell([1, 2]).store(storage, "cell")
        storage["copy"] = storage["cell"]
        assert list(storage["copy"]) == list(storage["cell"])
    for name in ("cell", "copy"):
        assert is_run(lambda name=name: ps.load(file, name))
        with pytest.raises(ps.UntrustedError):
            ps.load(file, name, trust="data")
    with ps.open_storage(file) as storage:
        storage["cell/edges"] = [5]
    assert not is_run(lambda: ps.load(file, "cell"))
    another()
    Path("mark").unlink(missing_ok=True)
    refused(lambda: ps.load(file, "copy"), f"copy: {__name__}.Cell")
    refused(lambda: ps.load(file, "copy", trust=["os"]), f"copy: {__name__}.Cell")
    assert ps.load(file, "copy", trust=[__name__]).edges == [1, 2, 1, 2]
    ps.trust(file)
    assert ps.load(file, "cell").edges == [5, 1, 2]


def test_a_group_that_names_anything():
    for name, module in (("system", "os"), ("getcwd", "os"), ("s", "this")):
        with ps.open_storage("f.h5", "w") as storage:
            storage["x/NAME"], storage["x/MODULE"], storage["x/VERSION"] = name, module, "1"
        refused(lambda: ps.load("f.h5", "x"), f"x: {module}.{name}")
        refused(lambda: ps.load("f.h5", "x", trust=["numpy"]), f"x: {module}.{name}")
