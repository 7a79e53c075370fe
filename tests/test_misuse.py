"""Wrong arguments, files and options: each a StorageError that is the fitting built-in and says what to do."""

import collections
import inspect
import os
import traceback
import warnings
from pathlib import Path

import numpy as np
import pytest

import pyiron_storage as ps

FUNCTIONS = {
    "save": lambda **given: ps.save(**{"obj": 1, "filename": "f.h5", **given}),
    "load": lambda **given: ps.load(**{"filename": "f.h5", **given}),
    "delete": lambda **given: ps.delete(**{"filename": "f.h5", "path": "object", **given}),
    "open_storage": lambda **given: ps.open_storage(**{"filename": "f.h5", **given}),
    "browse": lambda **given: ps.browse(**{"filename": "f.h5", **given}),
    "check": lambda **given: ps.check(**{"filename": "f.h5", **given}),
    "compact": lambda **given: ps.compact(**{"filename": "f.h5", **given}),
    "find": lambda **given: ps.find(**{"location": "f.h5", **given}),
    "inspect": lambda **given: ps.inspect(**{"filename": "f.h5", **given}),
    "trust": lambda **given: ps.trust(**{"filename": "f.h5", **given}),
    "versions": lambda **given: ps.versions(**{"filename": "f.h5", **given}),
    "copy": lambda **given: ps.copy(**{"source": "f.h5", "target": "g.h5", **given}),
    "diff": lambda **given: ps.diff(**{"first": "f.h5", "second": "f.h5", **given}),
    "dump": lambda **given: ps.backends.hdf5.dump(**{"obj": 1, "filename": "f.h5", **given}),
    "backend load": lambda **given: ps.backends.hdf5.load(**{"filename": "f.h5", **given}),
    "backend open": lambda **given: ps.backends.hdf5.open(**{"filename": "f.h5", **given}),
}
PUBLIC = {name: getattr(ps, name, None) for name in FUNCTIONS} | {
    "dump": ps.backends.hdf5.dump,
    "backend load": ps.backends.hdf5.load,
    "backend open": ps.backends.hdf5.open,
}
WRONG = {
    "filename": [None, 5, b"f.h5", "", "a\0b.h5", ["f.h5"], True],
    "path": [None, 5, b"object", ["object"]],
    "backend": [5, "hdf", b"hdf5", "HDF5"],
    "mode": [None, "rw", 5, "R", True],
    "durability": [None, "full", True, "Power"],
    "compression": [5, "gzp", ("gzip", 99), ("gzip", "9"), True, b"gzip"],
    "trust": [True, 5, "al", {"ase": 1}, [5], b"all"],
    "versions": [5, "exct", None, True],
    "rename": [5, "a", [1], {1: 2}],
    "on_missing": [None, "rw", True],
    "timeout": ["10", None, -1, float("nan"), True, [1]],
    "progress": ["yes", 5, []],
    "metadata": [5, "a", [1], {1: 2}, {"a": object()}],
    "forbidden_modules": ["a", 5, (1,), None],
    "type": [5, b"list"],
    "where": [5, "a"],
    "after": ["yesterday", 5],
}
WRONG |= dict.fromkeys(["target", "source", "location", "first", "second"], WRONG["filename"])
WRONG |= dict.fromkeys(["before"], WRONG["after"])
SWITCHES = ["locking", "mmap", "verify", "replace", "repair", "sign", "cloudpickle_fallback", "require_versions"]
WRONG |= {option: ["yes", 1, None] for option in SWITCHES}
THROUGH_OPTIONS = [
    "durability",
    "compression",
    "trust",
    "versions",
    "on_missing",
    "locking",
    "timeout",
    "cloudpickle_fallback",
]


def options_of(name):
    """The arguments of a function, with what it hands on to `open_storage`."""
    found = list(inspect.signature(PUBLIC[name]).parameters)
    return [option for option in [*found, *(THROUGH_OPTIONS if "options" in found else [])] if option in WRONG]


def is_misuse(name, option, value):
    return not (option == "path" and value is None and name in ("delete", "versions"))


MISUSES = [
    pytest.param(name, option, value, id=f"{name}-{option}-{number}")
    for name in FUNCTIONS
    for option in options_of(name)
    for number, value in enumerate(WRONG[option])
    if is_misuse(name, option, value)
]


@pytest.fixture(autouse=True)
def file(tmp_path):
    ps.save({"energy": 1.5, 1: "one"}, "f.h5")


def frames_of(caught):
    """The frames of the package that a traceback shows before its message."""
    here = str(Path(ps.__file__).parent)
    return [frame for frame in traceback.extract_tb(caught.tb) if frame.filename.startswith(here)]


@pytest.mark.parametrize(("name", "option", "value"), MISUSES)
def test_a_wrong_argument_is_named(name, option, value):
    before = Path("f.h5").read_bytes()
    with pytest.raises(ps.StorageError) as caught:
        FUNCTIONS[name](**{option: value})
    fitting = (TypeError, ValueError, OSError) if option in ("filename", "location") else (TypeError, ValueError)
    assert isinstance(caught.value, fitting)
    assert "__init__" not in str(caught.value)
    is_of_one_type = option in ("timeout", "locking", "mmap", "mode", "durability", "on_missing")
    if is_of_one_type and not isinstance(value, str | int | float):
        assert isinstance(caught.value, TypeError)
    assert len(frames_of(caught)) <= 2
    assert Path("f.h5").read_bytes() == before
    assert os.listdir() == ["f.h5"]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_typo_in_an_option_names_the_nearest(name):
    option = next(option for option in reversed(options_of(name)) if option not in ("filename", "path"))
    with pytest.raises(ps.OptionTypeError, match=f"Did you mean '{option}'") as caught:
        FUNCTIONS[name](**{option[:-1] + "_": True})
    assert isinstance(caught.value, TypeError)
    assert "__init__" not in str(caught.value)
    assert len(frames_of(caught)) <= 2


@pytest.mark.parametrize("kind", ["h5", "json", "jsondir", "pkl", "cpkl"])
def test_a_typo_in_an_option_names_the_nearest_for_each_back_end(kind):
    with pytest.raises(ps.OptionTypeError, match="Did you mean 'durability'"):
        ps.open_storage(f"g.{kind}", durabilty="power")
    assert not Path(f"g.{kind}").exists()


@pytest.mark.parametrize(
    ("obj", "filename"), [("g.h5", {"a": 1}), ("g.h5", [1]), ("g.json", None), (Path("g.pkl"), 5), ("g.h5", "text")]
)
def test_exchanged_arguments_are_told(obj, filename):
    with pytest.raises(ps.StorageError, match="The object comes first"):
        ps.save(obj, filename)


def test_folders_links_and_files_in_the_wrong_place():
    os.mkdir("folder.h5")
    os.mkdir("plain")
    Path("plain/x").write_text("x")
    with pytest.raises(IsADirectoryError) as caught:
        ps.load("folder.h5", backend="hdf5")
    assert isinstance(caught.value, ps.FileKindError)
    for call in (
        lambda: ps.load("f.h5/inner.h5"),
        lambda: ps.save(1, "f.h5/inner.h5"),
        lambda: ps.load("f.h5", backend="json"),
    ):
        with pytest.raises(NotADirectoryError) as caught:
            call()
        assert isinstance(caught.value, ps.StorageError)
    with pytest.raises(FileNotFoundError, match="folder nowhere does not exist") as caught:
        ps.save(1, "nowhere/x.h5")
    assert isinstance(caught.value, ps.StorageError)
    os.symlink("gone.h5", "link.h5")
    with pytest.raises(ps.StorageNotFoundError, match=r"link to gone\.h5, which does not exist") as caught:
        ps.load("link.h5")
    assert "Beside it" not in str(caught.value)
    with pytest.raises(ps.StorageNotFoundError, match=r"Beside it there is f\.h5"):
        ps.load("f.json")
    with pytest.raises(ps.StorageError) as caught:
        ps.load("a" * 300 + ".h5")
    assert isinstance(caught.value, OSError)


def test_a_folder_that_is_not_there_has_nothing_to_find():
    for location in ("nonexistent", "nonexistent.h5"):
        with pytest.raises(ps.StorageNotFoundError, match="does not exist"):
            ps.find(location)


def test_find_names_the_object_of_which_a_function_raises_and_goes_on():
    ps.save([1], "a.h5", metadata={"cutoff": 400})
    ps.save([1], "b.h5", metadata={"cutoff": "high"})
    for where in ({"cutoff": lambda cutoff: cutoff < 500}, lambda found: found.metadata["cutoff"] < 500):
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            assert [found.filename for found in ps.find(".", where)] == ["a.h5"]
        assert any("b.h5: object: where= raised TypeError" in str(one.message) for one in told)
        assert all(one.category is ps.StorageWarning for one in told)
        assert {one.filename for one in told} == {__file__}


def test_a_key_that_is_no_text_is_told_how_it_is_typed():
    for read in (lambda: ps.load("f.h5", "1"), lambda: ps.load("f.h5", "object/1")):
        with pytest.raises(ps.PathNotFoundError, match="is written '~:1'"):
            read()
    with pytest.raises(TypeError, match="written '~:1'"):
        ps.load("f.h5", 1)
    assert ps.load("f.h5", "~:1") == "one"


class Restored(ps.Storable):
    def _store(self, storage):
        storage["x"] = 1

    @classmethod
    def _restore(cls, storage, version):
        return storage["missing"]


CALLS = {
    "load": lambda storage: ps.load("f.h5", "nowhere"),
    "no file": lambda storage: ps.load("nowhere.h5"),
    "refused": lambda storage: ps.save([open("f.h5", "rb")], "f.h5"),  # noqa: SIM115
    "item": lambda storage: storage["nowhere/x"],
    "part": lambda storage: storage["object/nowhere/x"],
    "part of a value": lambda storage: storage["object/energy/x"],
    "deleted": lambda storage: storage.__delitem__("nowhere"),
    "group": lambda storage: storage.create_group("object"),
    "stored": lambda storage: storage.__setitem__("x", (i for i in "")),
    "stored nowhere": lambda storage: storage.__setitem__("", 1),
    "storage.load": lambda storage: storage.load("nowhere"),
    "storage.array": lambda storage: storage.array("nowhere"),
    "storage.pop": lambda storage: storage.pop("nowhere"),
    "storage.info": lambda storage: storage.info("nowhere"),
    "storage.update": lambda storage: storage.update({"x": (i for i in "")}),
    "view item": lambda storage: storage["object"]["nowhere"],
    "view attribute": lambda storage: storage["object"].energy,
    "set attribute": lambda storage: setattr(storage["object"], "energy", 1),
    "view set": lambda storage: storage["object"].__setitem__("x", (i for i in "")),
    "view update": lambda storage: storage["object"].update(x=(i for i in "")),
    "view load": lambda storage: storage["object"].load("nowhere"),
    "view deleted": lambda storage: storage["object"].__delitem__("nowhere"),
    "append": lambda storage: storage["object/list"].append(i for i in ""),
    "handle": lambda storage: storage.array("object/array").__setitem__(0, "text"),
    "handle append": lambda storage: storage.array("object/array").append([[1, 2, 3]]),
    "metadata": lambda storage: storage["object"].metadata.update(x=object()),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_traceback_begins_where_the_call_is(name):
    with ps.open_storage("f.h5") as storage:
        storage["object"]["list"], storage["object"]["array"] = [1], np.arange(3)
        with pytest.raises(ps.StorageError) as caught:
            CALLS[name](storage)
    assert len(frames_of(caught)) <= 2
    assert traceback.extract_tb(caught.tb)[-1].name != "raise_"


def test_the_method_of_a_user_stays_in_the_traceback(tmp_path):
    ps.save(Restored(), "r.h5")
    with pytest.raises(ps.PathNotFoundError) as caught:
        ps.load("r.h5")
    assert "_restore" in [frame.name for frame in traceback.extract_tb(caught.tb)]
    assert [frame.name for frame in traceback.extract_tb(caught.tb) if frame.filename == __file__][-1] == "_restore"


def test_errors_of_users_stay_what_they_are():
    class Bad:
        def __reduce__(self):
            raise ZeroDivisionError("mine")

    with pytest.raises(ps.NotStorableError) as caught:
        ps.save([Bad()], "f.h5")
    cause = caught.value.__cause__
    assert cause is None or isinstance(cause, Exception)
    with pytest.raises(FileNotFoundError) as missing:
        ps.save([1], "g.h5", progress=lambda done, total: open("nowhere"))  # noqa: SIM115
    assert not isinstance(missing.value, ps.StorageError)


# -- attributes --------------------------------------------------------------------------


@pytest.fixture(params=["memory", "f.h5", "f.json", "f.jsondir", "f.pkl"])
def storage(request):
    Path("f.h5").unlink()
    with ps.MemoryStorage() if request.param == "memory" else ps.open_storage(request.param) as storage:
        yield storage


def test_an_attribute_that_would_be_lost_is_refused(storage):
    things = [storage, storage.metadata]
    if not isinstance(storage, ps.PickleStorage):
        storage["g/array"] = np.arange(3)
        things += [storage["g"], storage.array("g/array")]
    for thing in things:
        for name in ("foo", "metadata", "name", "path", "keys", "shape"):
            with pytest.raises(ps.StorageAttributeError) as caught:
                setattr(thing, name, 4)
            assert isinstance(caught.value, AttributeError)
        if isinstance(thing, ps.GenericStorage):
            with pytest.raises(AttributeError, match=r"storage\['foo'\] = "):
                thing.foo = 4
        assert not hasattr(thing, "foo")
    with pytest.raises(AttributeError, match=r"metadata\['project'\] = "):
        storage.metadata.project = "Al"


class Own(ps.MemoryStorage):
    """A back-end with attributes of its own."""

    limit: int
    counter = 0

    def __init__(self):
        super().__init__()
        self.filename = "mine"
        self._data = {}

    @property
    def level(self):
        return self._level

    @level.setter
    def level(self, value):
        self._level = value


def test_a_back_end_has_attributes_of_its_own():
    own = Own()
    own.filename = "other"
    own.limit = 3
    own.counter += 1
    own.level = 5
    own._private = 6
    assert (own.filename, own.limit, own.counter, own.level) == ("other", 3, 1, 5)
    with pytest.raises(ps.StorageAttributeError):
        own.fillname = "typo"


def test_a_partial_load_wants_what_it_needs():
    obj = {"data": [collections.UserDict(a=1)], "model": collections.UserList([1]), "text": "x", "ref": None}
    obj["ref"] = [obj["model"]]
    ps.save(obj, "f.h5")
    for path, wanted in {
        "data": [("object/data/0", "collections.UserDict")],
        "ref": [("object/ref/0", "collections.UserList")],
    }.items():
        with pytest.raises(ps.UntrustedError) as caught:
            ps.load("f.h5", path, trust="data")
        assert [(want.path, want.name) for want in caught.value.wants] == wanted
    with pytest.raises(ps.UntrustedError) as caught:
        ps.load("f.h5", trust="data")
    assert {want.name for want in caught.value.wants} == {"collections.UserDict", "collections.UserList"}
    assert ps.load("f.h5", "text", trust="data") == "x"
