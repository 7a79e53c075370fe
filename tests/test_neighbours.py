"""Files of h5io, tinybase and bagofholding are browsed and loaded, and nothing of them runs before it is loaded."""

import base64
import collections
import datetime
import decimal
import enum
import pickle
import subprocess
import sys

import bagofholding
import h5io
import h5py
import numpy as np
import pytest
from scipy import sparse

import pyiron_storage as ps
from pyiron_storage.backends.neighbours import h5io_files

WEST = datetime.timezone(datetime.timedelta(hours=-5), "west")


class Point:
    """Attributes and nothing else."""

    def __init__(self, **attributes):
        self.__dict__.update(attributes)


class Counted:
    """Says what its state is."""

    def __init__(self, values):
        self.values, self.cache = values, object()

    def __getstate__(self):
        return {"values": self.values}

    def __setstate__(self, state):
        self.__init__(state["values"])


class Missing:
    """One object only, found under its name."""

    def __reduce__(self):
        return "MISSING"


MISSING = Missing()


class Colour(enum.Enum):
    RED = 1


class Stack(list):
    """A list with attributes."""


def same(found, wanted):
    """Whether two things are equal in value and, but for a bool where h5io gives an int, in type."""
    if type(found) is bool and type(wanted) is int:
        return found == wanted
    if type(found) is not type(wanted) and not isinstance(wanted, np.longlong):  # another name of int64
        return False
    if sparse.issparse(wanted):
        return same(found.toarray(), wanted.toarray())
    if isinstance(wanted, np.ndarray):
        alike = found.dtype == wanted.dtype and found.shape == wanted.shape
        return alike and all(map(same, found.ravel().tolist(), wanted.ravel().tolist()))
    if isinstance(wanted, dict):
        return found.keys() == wanted.keys() and all(same(found[key], wanted[key]) for key in wanted)
    if isinstance(wanted, (list, tuple)):
        return len(found) == len(wanted) and all(map(same, found, wanted)) and same_attributes(found, wanted)
    if type(wanted) in (Point, Counted):
        return same_attributes(found, wanted)
    if isinstance(wanted, np.generic):
        return found.dtype == wanted.dtype and repr(found) == repr(wanted)
    return repr(found) == repr(wanted)


def same_attributes(found, wanted):
    found, wanted = getattr(found, "__dict__", {}), getattr(wanted, "__dict__", {})
    return same({**found, "cache": 0}, {**wanted, "cache": 0})


# -- h5io ------------------------------------------------------------------------------

VALUES = {
    "int": 3,
    "bool": True,
    "long": 2**63,
    "float": 1.5,
    "nan": float("nan"),
    "none": None,
    "text": "ä\n",
    "empty text": "",
    "np_int32": np.int32(3),
    "np_bool": np.bool_(1),
    "np_float16": np.float16(0.5),
    "np_longdouble": np.longdouble(3),
    "np_longlong": np.longlong(3),
    "datetime": datetime.datetime(2024, 2, 29, 12, 30, 1, 5),
    "datetime in a zone": datetime.datetime(2024, 2, 29, tzinfo=WEST),
    "date": datetime.date(2024, 2, 29),
    "utc": datetime.UTC,
    "zone": WEST,
    "zone without difference": datetime.timezone(datetime.timedelta(0), "z"),
    "class": dict,
    "own class": Point,
    "void": np.void(b"a\0b"),
    "structure": np.zeros(1, [("a", "i4"), ("b", "f8")])[0],
    "array": np.arange(6.0).reshape(2, 3),
    "bool array": np.array([True, False]),
    "0-d array": np.array(2 + 1j),
    "empty array": np.zeros((0, 3), np.int16),
    "bytes array": np.array([b"ab", b"c"]),
    "structured array": np.zeros(3, [("a", "i4"), ("b", "f8", 2)]),
    "big array": np.arange(20_000),
    "arrays of lengths": np.array([np.zeros((2, 2)), np.ones((3, 2))], dtype=object),
    "list": [1, "a", [2.5, []]],
    "tuple": (1, (), ("a",)),
    "dict": {"b": 1, "a": {"c": {}}, "$": 2, "ä": 3},
    "json alike": {"a": [1, None, {"b": [True, "x"]}], "n": float("inf")},
    "csr_matrix": sparse.csr_matrix(np.eye(3)),
    "csc_array": sparse.csc_array(np.eye(3)[:2]),
    "ellipsis": ...,
    "one only": MISSING,
    "point": Point(a=1, b=[1, 2], c=np.eye(2), d={"x": (1,)}, e=Point(), record="r"),
    "stateless": Point(),
    "counted": Counted([1, 2]),
}
ARRAYS_OF_ONE_LENGTH = np.empty(2, object)
ARRAYS_OF_ONE_LENGTH[:] = [np.arange(3), np.arange(3, 6)]
VALUES["arrays of one length"] = ARRAYS_OF_ONE_LENGTH
WAYS = {"plain": {}, "json": {"use_json": True}, "state": {"use_state": True}}
NEED_STATE = ("ellipsis", "one only", "point", "stateless", "counted")


def cases():
    for name, value in VALUES.items():
        for way, options in WAYS.items():
            if way == "state" or name not in NEED_STATE:
                yield pytest.param(value, options, id=f"{name}-{way}")


@pytest.mark.parametrize(("value", "options"), list(cases()))
def test_h5io_value_is_loaded_as_h5io_loads_it(value, options):
    h5io.write_hdf5("f.h5", value, **options)
    wanted = h5io.read_hdf5("f.h5")
    assert same(ps.load("f.h5", "h5io", trust="all"), wanted)
    assert same(ps.load("f.h5", trust="all"), wanted)
    with ps.open_storage("f.h5", "r", trust="all") as storage:
        assert list(storage) == ["h5io"]
        assert {path for path, _ in storage.walk()} >= {"h5io"}
        assert storage.info("h5io").kind
        assert same(storage.load("h5io"), wanted)


@pytest.mark.parametrize("use_json", [False, True])
def test_h5io_values_in_each_other(use_json):
    things = {"point": Point(nested=dict(VALUES)), "all": list(VALUES.values()), **VALUES}
    h5io.write_hdf5("f.h5", things, use_state=True, use_json=use_json)
    wanted = h5io.read_hdf5("f.h5")
    assert same(ps.load("f.h5", trust="all"), wanted)
    with ps.open_storage("f.h5", "r", trust="all") as storage:
        for name, value in wanted.items():
            assert same(storage.load("h5io").get(name), value)
            assert same(storage["h5io"].load(name), value)


def test_a_deep_h5io_file_is_loaded():
    value = {"end": 1}
    for _ in range(100):
        value = {"a": value} if len(value) % 2 else [value]
    h5io.write_hdf5("f.h5", value)
    assert ps.load("f.h5", trust="all") == h5io.read_hdf5("f.h5") == value


def write_example():
    cell = Point(edges=np.arange(3.0), big=np.zeros(100_000), when=datetime.date(2024, 2, 29))
    things = {"steps": [1, {"energy": -3.5}], "cell": cell, "settings": {"cutoff": 5.0, "names": ["a", "b"]}}
    h5io.write_hdf5("f.h5", things, title="run/first", use_state=True)
    h5io.write_hdf5("f.h5", {"k": [2, 2]}, title="mesh", use_json=True, overwrite="update")
    h5io.write_hdf5("f.h5", 3, title="number", overwrite="update")
    return things


def test_views_of_an_h5io_file():
    write_example()
    with ps.open_storage("f.h5", "r", trust="all") as storage:
        assert (storage.list_nodes(), storage.list_groups()) == (["number"], ["mesh", "run"])
        assert list(storage["run"]) == ["first"]
        run = storage["run/first"]
        assert isinstance(run, ps.DictView)
        assert sorted(run) == ["cell", "settings", "steps"]
        assert run["steps"] == [1, {"energy": -3.5}]
        assert run["steps"][1:] == [{"energy": -3.5}]
        assert storage["run/first/steps/1/energy"] == -3.5
        assert storage["run/first/settings/names/-1"] == "b"
        assert sorted(run["cell"]) == ["big", "edges", "when"]
        assert run["cell/edges"].tolist() == [0, 1, 2]
        assert run.info("cell").type == f"{__name__}.Point"
        assert run.info("cell/big").shape == (100_000,)
        assert storage["mesh"] == {"k": [2, 2]}
        assert ps.load("f.h5", "run/first/cell", trust="all").edges.tolist() == [0, 1, 2]
        assert "run/first/steps/1/energy" in storage
        assert "run/first/steps/2" not in storage
        with pytest.raises(ps.PathNotFoundError, match="'settings'"):
            storage["run/first/setting"]


def test_only_what_is_asked_for_is_read(monkeypatch):
    write_example()
    read = []

    class Watched(h5io_files.H5ioObject):
        def node(self, record, where):
            read.append(where)
            return super().node(record, where)

        def read_array(self, name):
            read.append("array " + name)
            return super().read_array(name)

    monkeypatch.setattr(sys.modules["pyiron_storage.backends.hdf5"], "H5ioObject", Watched)
    assert ps.load("f.h5", "run/first/settings/cutoff", trust="all") == 5.0
    assert read == ["", "key_settings"]
    with ps.open_storage("f.h5", "r", trust="all") as storage:
        assert len(list(storage.walk())) == 20
        assert not [name for name in read if name.startswith("array")]
        assert storage["run/first/cell/edges"].shape == (3,)
    assert read[-1] == "array key_cell/edges"


def test_an_h5io_file_is_browsed_without_its_libraries(tmp_path):
    (tmp_path / "absent.py").write_text("class Thing: pass\nopen('ran', 'w').close()")
    code = """
import sys, absent, h5io, numpy
thing = absent.Thing()
thing.values = [1, numpy.arange(3)]
h5io.write_hdf5("f.h5", {"thing": thing, "class": absent.Thing, "empty": absent.Thing()}, use_state=True)
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
    (tmp_path / "ran").unlink()
    code = """
import sys, pyiron_storage as ps
with ps.open_storage("f.h5", "r", trust="all") as storage:
    print(storage["h5io/thing/values/1"].tolist(), storage.info("h5io/thing").type, len(list(storage.walk())))
    print({"h5io", "bagofholding", "absent", "scipy", "pandas"} & set(sys.modules))
    ps.load("f.h5", "thing", trust="all")
    print("absent" in sys.modules)
"""
    run = [sys.executable, "-W", "error", "-c", code]
    output = subprocess.check_output(run, text=True, cwd=tmp_path, env={"PYTHONPATH": ":".join(sys.path)})
    assert output.splitlines() == ["[0, 1, 2] absent.Thing 9", "set()", "True"]
    assert (tmp_path / "ran").exists()


def test_code_in_a_time_zone_does_not_run(tmp_path):
    with h5py.File("f.h5", "w") as file:
        for name, text in {"a": "open('ran', 'w')", "b": "datetime.timezone(open('ran', 'w'))", "c": "("}.items():
            file[name] = np.frombuffer(text.encode(), np.uint8)
            file[name].attrs["TITLE"] = "timezone"
    for name in "abc":
        with pytest.raises(ps.DamagedRecordError, match=r"f.h5: .*h5io"):
            ps.load("f.h5", name, trust="all")
    assert not (tmp_path / "ran").exists()


def test_what_is_not_as_h5io_writes_it_spoils_nothing_else():
    h5io.write_hdf5("f.h5", {"good": [1], "bad": [1], "array": VALUES["arrays of lengths"], "json": "{"})
    with h5py.File("f.h5", "a") as file:
        file["h5io/key_bad"].attrs["TITLE"] = "unheard_of"
        del file["h5io/key_array/index"]
    with ps.open_storage("f.h5", "r", trust="all") as storage:
        assert storage["h5io/good"] == [1]
        for name in ("bad", "array"):
            with pytest.raises(ps.DamagedRecordError, match="h5io"):
                storage[f"h5io/{name}"]


@pytest.mark.parametrize(
    "change",
    [
        lambda storage: storage["h5io"].update(a=2),
        lambda storage: storage["h5io/list"].append({"b": np.zeros(20_000)}),
        lambda storage: storage["h5io"].pop("list"),
        lambda storage: storage.__delitem__("h5io/list/0"),
        lambda storage: storage.__setitem__("h5io/point/new", 1),
        lambda storage: storage.__setitem__("h5io/new", Point(a=1)),
        lambda storage: storage.__setitem__("h5io/point/a", 1),
        lambda storage: storage.__setitem__("json/0", 1),
    ],
)
def test_objects_of_h5io_are_only_read(change):
    h5io.write_hdf5("f.h5", {"list": [1, [2]], "point": Point(a=[])}, use_state=True)
    h5io.write_hdf5("f.h5", [1, 2], title="json", use_json=True, overwrite="update")
    with ps.open_storage("f.h5", trust="all") as storage:
        with pytest.raises(ps.ReadOnlyError, match=r"h5io, .* storage\['(h5io|json)'\] = storage.load"):
            change(storage)
        with storage.transaction():
            with pytest.raises(ps.ReadOnlyError):
                change(storage)
            storage["beside"] = [1]
            assert storage["h5io/list"] == [1, [2]]
        assert storage["h5io/point"].load().__dict__ == {"a": []}
        assert (storage["json"], storage["beside"]) == ([1, 2], [1])
        for name in ("h5io", "json"):
            storage[name] = storage.load(name)
        change(storage)
    assert same(ps.load("f.h5", "beside", trust="all"), [1])


def test_what_h5io_wrote_is_replaced_and_deleted():
    for title in ("a", "b", "c"):
        h5io.write_hdf5("f.h5", {"x": [1]}, title=title, use_json=title != "a", overwrite="update")
    with ps.open_storage("f.h5", trust="all") as storage:
        assert [storage[name] for name in "abc"] == [{"x": [1]}] * 3
        storage["a"], storage["b"] = 1, [2]
        del storage["c"]
        assert (storage["a"], storage["b"], "c" in storage) == (1, [2], False)
    assert (ps.load("f.h5", "a", trust="all"), h5io.read_hdf5("f.h5", "a"), ps.load("f.h5", "b", trust="all")) == (
        1,
        1,
        [2],
    )


def test_h5io_writes_into_a_file_of_ours():
    ps.save({"a": 1}, "f.h5")
    h5io.write_hdf5("f.h5", {"b": [1, 2]}, overwrite="update")
    h5io.write_hdf5("f.h5", [3], title="json", use_json=True, overwrite="update")
    with ps.open_storage("f.h5", trust="all") as storage:
        storage["c"] = 5
        assert sorted(storage.list_groups()) == ["h5io", "json", "object"]
    assert ps.load("f.h5", trust="all") == {"a": 1}
    assert (
        ps.load("f.h5", "h5io", trust="all"),
        ps.load("f.h5", "json", trust="all"),
        ps.load("f.h5", "c", trust="all"),
    ) == ({"b": [1, 2]}, [3], 5)


def test_an_object_of_h5io_is_copied_without_its_class():
    write_example()
    with ps.open_storage("f.h5", "r", trust="all") as storage, ps.open_storage("g.json") as copy:
        copy["run"] = storage["run/first"]
    found = ps.load("g.json", "run", trust="all")
    assert (found["cell"].edges.tolist(), found["steps"]) == ([0, 1, 2], [1, {"energy": -3.5}])


def test_the_one_object_of_h5io_is_found_without_a_path():
    h5io.write_hdf5("f.h5", {"a": {"b": 1}}, title="mine")
    assert ps.load("f.h5", trust="all") == {"a": {"b": 1}}
    assert ps.load("f.h5", "a/b", trust="all") == 1
    with pytest.raises(ps.PathNotFoundError):
        ps.delete("f.h5", "object")
    h5io.write_hdf5("f.h5", 2, title="second", overwrite="update")
    with pytest.raises(ps.PathNotFoundError, match=r"'mine', 'second'|'second', 'mine'"):
        ps.load("f.h5", trust="all")
    ps.save(3, "g.h5", "only")
    with pytest.raises(ps.PathNotFoundError):
        ps.load("g.h5", trust="all")


def test_our_own_bytes_are_not_taken_for_those_of_h5io():
    with ps.open_storage("f.h5", trust="all") as storage:
        storage["bytes"] = b"abc"
        assert storage["bytes"] == b"abc"
        assert storage.list_nodes() == ["bytes"]


def test_a_group_with_another_title_is_a_group():
    with h5py.File("f.h5", "w") as file:
        file["group/data"] = [1]
        file["group"].attrs["TITLE"] = "Results, v. 1.0"
        file.create_group("tables").attrs["TITLE"] = np.bytes_("dict")
    with ps.open_storage("f.h5", "r", trust="all") as storage:
        assert isinstance(storage["group"], ps.GenericStorage)
        assert storage["group/data"].tolist() == [1]
        assert isinstance(storage["tables"], ps.GenericStorage)


def test_a_table_of_pandas_is_left_to_h5io(monkeypatch):
    with h5py.File("f.h5", "w") as file:
        file.create_group("group/table").attrs["TITLE"] = "pd_dataframe"
    with ps.open_storage("f.h5", "r", trust="all") as storage:
        assert storage.info("group/table").type == "pandas.DataFrame"
        monkeypatch.setattr(h5io, "read_hdf5", lambda file, title: (file.rpartition("/")[2], title))
        assert storage.load("group/table") == ("f.h5", "group/table")
        monkeypatch.delattr(h5io, "read_hdf5")
        monkeypatch.setitem(sys.modules, "h5io", None)
        with pytest.raises(ps.CannotImportError, match="pip install h5io pandas tables"):
            storage.load("group/table")


# -- tinybase --------------------------------------------------------------------------


class Job(ps.Storable):
    """As a job of tinybase: values, another storable, and a list of anything."""

    def __init__(self, cutoff, cell, steps, mesh):
        self.cutoff, self.cell, self.steps, self.mesh = cutoff, cell, steps, mesh

    def _store(self, storage):
        raise NotImplementedError

    @classmethod
    def _restore(cls, storage, version):
        assert version == "0.1"
        values = [storage[name] for name in ("cutoff", "mesh")]
        return cls(values[0], storage["cell"].to_object(), storage["steps"].to_object(), values[1])


def write_native(path, value, title=None):
    """Write one value as tinybase does: through h5io, under its path."""
    h5io.write_hdf5("f.h5", value, title=path, overwrite="update", use_json=isinstance(value, (list, dict)))
    if title is not None:
        with h5py.File("f.h5", "a") as file:
            file[path].attrs["TITLE"] = title


def write_storable(path, module, name, **values):
    for node, value in {"NAME": name, "MODULE": module, "VERSION": "0.1", **values}.items():
        write_native(f"{path}/{node}", value)


def write_pickled(path, value, module="pyiron_contrib.tinybase.storage"):
    write_storable(path, module, "PickleStorable", pickle=base64.encodebytes(pickle.dumps(value)).decode())


def write_job():
    write_storable("jobs/relax", __name__, "Job", cutoff=5.0, mesh=[2, {"k": 3}])
    write_pickled("jobs/relax/cell", Point(a=3.6))
    steps = "jobs/relax/steps"
    write_storable(steps, "pyiron_contrib.tinybase.storage", "ListStorable", index_0="first", index_1=np.arange(3))
    write_pickled(f"{steps}/index_10", {1, 2})
    write_native(f"{steps}/index_2", [1, "a"])


def test_an_object_of_tinybase_is_restored():
    write_job()
    with ps.open_storage("f.h5", "r", trust="all") as storage:
        jobs = [
            storage["jobs/relax"].to_object(),
            storage.load("jobs/relax"),
            ps.load("f.h5", "jobs/relax", trust="all"),
        ]
    for job in jobs:
        assert (job.cutoff, job.mesh, job.cell.a) == (5.0, [2, {"k": 3}], 3.6)
        assert type(job.mesh) is list
        assert same(job.steps, ["first", np.arange(3), [1, "a"], {1, 2}])


def test_an_object_of_tinybase_is_browsed(tmp_path):
    write_job()
    code = """
import sys, pyiron_storage as ps
with ps.open_storage("f.h5", "r", trust="all") as storage:
    job = storage["jobs/relax"]
    print(sorted(job), job["cutoff"], job["mesh/1/k"], job["steps/index_0"], job["steps/index_2"][1])
    print(len(list(storage.walk())), {"h5io", "test_neighbours"} & set(sys.modules))
    try:
        job.to_object()
    except ps.CannotImportError as error:
        print("test_neighbours" in str(error))
"""
    run = [sys.executable, "-c", code]
    output = subprocess.check_output(run, text=True, env={"PYTHONPATH": ps.__path__[0].rpartition("/")[0]})
    names = ["MODULE", "NAME", "VERSION", "cell", "cutoff", "mesh", "steps"]
    assert output.splitlines() == [f"{names} 5.0 3 first a", "29 set()", "True"]


@pytest.mark.parametrize("title", ["str", "ascii", "unicode"])
def test_text_of_older_releases_of_h5io(title):
    write_storable("a", "tinybase.storage", "ListStorable")
    for node in ("NAME", "MODULE", "VERSION"):
        with h5py.File("f.h5", "a") as file:
            file[f"a/{node}"].attrs["TITLE"] = title
    write_native("a/index_0", "x", title)
    assert ps.load("f.h5", "a", trust="all") == ["x"]


def test_a_plain_group_beside_storables_stays_one():
    write_pickled("a", 1)
    write_native("b/MODULE", ["no name"])
    with ps.open_storage("f.h5", trust="all") as storage, pytest.raises(ps.NoObjectError):
        storage["b"].to_object()


# -- bagofholding ----------------------------------------------------------------------

SHARED = [1, np.arange(3)]
STACK = Stack([1, {"a": 2}])
STACK.label = "s"
BAGGED = {
    "none": None,
    "bool": True,
    "int": -(2**40),
    "long": 2**100,
    "float": 1.5,
    "nan": float("nan"),
    "complex": 1 + 2j,
    "text": "ä",
    "surrogate": "\ud800",
    "bytes": b"a\0",
    "no bytes": b"",
    "bytearray": bytearray(b"ab"),
    "class": Point,
    "function": len,
    "method": np.linalg.norm,
    "union": int | str,
    "list": [1, [2, "x"], []],
    "tuple": (1, (), ("a",)),
    "set": {1},
    "frozenset": frozenset("a"),
    "dict": {"a": {"b": 1}, "$": 2},
    "other keys": {1: "a", (1, "b"): {}, None: [Colour.RED]},
    "array": np.arange(6).reshape(2, 3),
    "big array": np.arange(20_000.0),
    "text array": np.array(["a", "bc"]),
    "object array": np.array([1, "a", None], dtype=object),
    "dates": np.array(["2024-02-29"], "M8[D]"),
    "scalar": np.float32(2),
    "dtype": np.dtype("f4"),
    "enum": Colour.RED,
    "decimal": decimal.Decimal("1.5"),
    "datetime": datetime.datetime(2024, 2, 29, tzinfo=datetime.UTC),
    "range": range(3),
    "slice": slice(1, None),
    "ordered": collections.OrderedDict(b=1, a=[2]),
    "default": collections.defaultdict(list, {"a": [1]}),
    "deque": collections.deque([1]),
    "stack": STACK,
    "point": Point(a=1, b=[Point(c=2)]),
    "counted": Counted([1, 2]),
}
BAGS = [bagofholding.H5Bag, bagofholding.TrieH5Bag]


@pytest.mark.parametrize("bag", BAGS)
def test_what_is_in_a_bag_is_loaded_as_the_bag_loads_it(bag):
    bag.save(BAGGED, "bag.h5")
    wanted, found = bag("bag.h5").load(), ps.load("bag.h5", trust="all")
    assert found.keys() == wanted.keys()
    assert [name for name in wanted if not same(found[name], wanted[name])] == []
    with ps.open_storage("bag.h5", "r", trust="all") as storage:
        assert [name for name in wanted if not same(storage.load(f"object/{name}"), wanted[name])] == []


@pytest.mark.parametrize("bag", BAGS)
@pytest.mark.parametrize("value", [3, "a", None, [1, 2], np.eye(2), np.array(1.5), Point(a=1), (), int | None])
def test_a_bag_may_hold_anything(bag, value):
    bag.save(value, "bag.h5")
    assert same(ps.load("bag.h5", trust="all"), value)
    with ps.open_storage("bag.h5", "r", trust="all") as storage:
        assert (storage.list_nodes(), storage.list_groups()) == ([], ["object"])
        assert next(iter(storage.walk()))[0] == "object"
        assert storage.info("object").kind


@pytest.mark.parametrize("bag", BAGS)
def test_a_bag_is_browsed(bag):
    bag.save({"shared": [SHARED, SHARED], "point": Point(a=[1, 2], b={"c": 3.5}), "n": {1: "one"}}, "bag.h5")
    with ps.open_storage("bag.h5", "r", trust="all") as storage:
        assert list(storage) == ["object"]
        view = storage["object"]
        assert isinstance(view, ps.DictView)
        assert list(view) == ["n", "point", "shared"]
        assert view["point/a"] == [1, 2]
        assert storage["object/point/b/c"] == 3.5
        assert storage["object/n/~:1"] == "one"
        assert storage.info("object/point").type == f"{__name__}.Point"
        assert storage.info("object/shared/0/1").shape == (3,)
        infos = dict(storage.walk())
        assert infos["object/shared/1"].same_as == "object/shared/0"
        shared = storage.load("object/shared")
        assert shared[0] is shared[1]
        with pytest.raises(ps.PathNotFoundError):
            storage["other"]
    assert ps.load("bag.h5", "point/b/c", trust="all") == 3.5


@pytest.mark.parametrize("bag", BAGS)
def test_objects_in_a_bag_hold_each_other(bag):
    parent, child = Point(), Point()
    parent.children, child.parent = [child], parent
    bag.save(parent, "bag.h5")
    found = ps.load("bag.h5", trust="all")
    assert found.children[0].parent is found
    with ps.open_storage("bag.h5", "r", trust="all") as storage:
        assert dict(storage.walk())["object/children/0/parent"].same_as == "object"


def test_a_bag_is_browsed_without_what_is_in_it(tmp_path):
    (tmp_path / "absent.py").write_text("class Thing: pass\nopen('ran', 'w').close()")
    code = """
import absent, bagofholding
thing = absent.Thing()
thing.values = [1, absent.Thing]
bagofholding.H5Bag.save(thing, "bag.h5")
bagofholding.TrieH5Bag.save(thing, "trie.h5")
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
    (tmp_path / "absent.py").unlink()
    (tmp_path / "ran").unlink()
    for file in ("bag.h5", "trie.h5"):
        with ps.open_storage(file, "r", trust="all") as storage:
            assert storage["object/values/0"] == 1
            assert storage.info("object/values/1").type == "absent.Thing"
            assert len(list(storage.walk())) == 4
            with pytest.raises(ps.CannotImportError, match="absent"):
                storage.load("object")


@pytest.mark.parametrize("bag", BAGS)
def test_bags_are_only_read(bag, tmp_path):
    bag.save({"a": [1]}, "bag.h5")
    before = (tmp_path / "bag.h5").read_bytes()
    with ps.open_storage("bag.h5", trust="all") as storage:
        for change in (
            lambda: storage.__setitem__("x", 1),
            lambda: storage.__setitem__("object", [1]),
            lambda: storage.__delitem__("object"),
            lambda: storage["object/a"].append(1),
            lambda: storage.create_group("group"),
            lambda: ps.save(1, "bag.h5", "x"),
            lambda: ps.delete("bag.h5", "a"),
        ):
            with pytest.raises(ps.ReadOnlyError, match=r"bag\.h5 was written by bagofholding"):
                change()
            assert storage["object"] == {"a": [1]}
    assert (tmp_path / "bag.h5").read_bytes() == before
    with ps.open_storage("bag.h5", "w") as storage:
        storage["x"] = 1
    assert ps.load("bag.h5", "x", trust="all") == 1


@pytest.mark.parametrize("bag", BAGS)
def test_a_bag_of_another_release_is_read(bag, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(bag, "get_version", classmethod(lambda cls: "0.0.7"))
        bag.save([1], "bag.h5")
    assert ps.load("bag.h5", trust="all") == [1]


@pytest.mark.parametrize("bag", BAGS)
def test_without_bagofholding_the_error_names_it(bag, monkeypatch):
    bag.save([1], "bag.h5")
    monkeypatch.setitem(sys.modules, "bagofholding", None)
    with ps.open_storage("bag.h5", "r", trust="all") as storage:
        assert list(storage) == ["object"]
        with pytest.raises(ps.CannotImportError, match="pip install bagofholding"):
            storage["object"]
    with pytest.raises(ps.CannotImportError, match="pip install bagofholding"):
        ps.load("bag.h5", trust="all")
