"""Classes that store themselves, as tinybase's do, and what happens in cycles."""

import os
import signal

import numpy as np
import pytest

import pyiron_storage as ps
from pyiron_storage import GenericStorage, ListStorable, PickleStorable, Storable


class Job(Storable):
    """Written against tinybase's interface, with the import line changed."""

    def __init__(self, name, structure, steps, settings):
        self.name, self.structure, self.steps, self.settings = name, structure, steps, settings

    def _store(self, storage):
        storage["name"] = self.name
        storage["structure"] = self.structure
        storage["steps"] = self.steps
        group = storage.create_group("group")
        group["settings"] = self.settings
        with storage.open("more") as more:
            more["forces"] = np.ones((2, 3))

    @classmethod
    def _restore(cls, storage, version):
        assert version == "0"
        assert storage["more/forces"].shape == (2, 3)
        structure = storage["structure"]
        if isinstance(structure, GenericStorage):
            structure = structure.to_object()
        return cls(storage["name"], structure, storage["steps"].to_object(), storage["group"]["settings"])


class Kept(Storable):
    """Keeps what item access gives it."""

    def __init__(self, **parts):
        self.parts = parts

    def _store(self, storage):
        for name, part in self.parts.items():
            storage[name] = part

    @classmethod
    def _restore(cls, storage, version):
        kept = cls()
        kept.list, kept.dict = storage["list"], storage["dict"]
        kept.deep = [{"x": (1, storage["list"])}]
        kept.as_dict, kept.items = dict(storage["dict"]), list(storage["list"])
        return kept


class Structure:
    def __init__(self, cell):
        self.cell = cell

    def __eq__(self, other):
        return (self.cell == other.cell).all()

    __hash__ = None


@pytest.fixture(params=["memory", "f.h5", "f.jsondir", "f.json"])
def storage(request):
    with ps.MemoryStorage() if request.param == "memory" else ps.open_storage(request.param) as storage:
        yield storage


@pytest.mark.parametrize("by_hand", [False, True])
def test_a_class_written_for_tinybase_works(storage, by_hand):
    job = Job("relax", Structure(np.eye(3)), [{"energy": 1.0}, Structure(np.zeros(3))], {"cutoff": 5.0})
    if by_hand:
        job.store(storage, "job")
        assert storage["job"].list_nodes() == ["NAME", "MODULE", "VERSION", "name"]
    else:
        storage["job"] = job
    assert storage["job/name"] == "relax"
    assert storage["job/group/settings/cutoff"] == 5.0
    assert storage["job/structure/cell"].shape == (3, 3)
    loaded = storage["job"].to_object()
    assert (loaded.name, loaded.structure, loaded.settings) == (job.name, job.structure, job.settings)
    assert loaded.steps == job.steps
    assert type(loaded.settings) is dict


@pytest.mark.parametrize("by_hand", [False, True])
def test_a_restored_object_holds_no_view(storage, by_hand):
    kept = Kept(list=[1, [2]], dict={"a": {"b": [1]}})
    if by_hand:
        kept.store(storage, "kept")
    else:
        storage["kept"] = kept
    loaded = storage.load("kept")
    assert type(loaded.list) is list
    assert type(loaded.dict) is dict
    assert type(loaded.as_dict["a"]) is dict
    assert type(loaded.deep[0]["x"][1]) is list
    assert type(loaded.items[1]) is list
    assert (loaded.list, loaded.dict) == ([1, [2]], {"a": {"b": [1]}})


class Holder(Storable):
    def __init__(self, inputs):
        self.inputs = inputs

    def _store(self, storage):
        storage["inputs"] = self.inputs

    @classmethod
    def _restore(cls, storage, version):
        return cls(storage.load("inputs"))


def test_many_shared_storables_keep_their_own_parts(storage):
    holders = [Holder({"n": i}) for i in range(50)]
    storage["x"] = holders + holders
    loaded = storage.load("x")
    assert [holder.inputs for holder in loaded] == [{"n": i} for i in range(50)] * 2
    assert all(first is second for first, second in zip(loaded[:50], loaded[50:], strict=True))


def test_ready_made_storables(storage):
    PickleStorable({1, (2,)}).store(storage, "pickle")
    ListStorable([1, Structure(np.eye(2)), "x"] * 5).store(storage, "list")
    assert storage["pickle"].to_object() == {1, (2,)}
    assert storage["list"].to_object() == [1, Structure(np.eye(2)), "x"] * 5
    storage["again"] = ListStorable([1])
    assert storage.load("again") == [1]


class Parent(Storable):
    def __init__(self):
        self.child = None

    def _store(self, storage):
        storage["child"] = self.child

    @classmethod
    def _restore(cls, storage, version):
        parent = cls()
        parent.child = storage["child"].to_object()
        return parent


class Child(Storable):
    def __init__(self, parent):
        self.parent = parent

    def _store(self, storage):
        storage["parent"] = self.parent

    def _restore_into(self, storage, version):
        self.parent = storage["parent"].to_object()


def test_a_cycle_through_restore_is_an_error_that_names_it(storage):
    parent = Parent()
    parent.child = Child(parent)
    storage["parent"] = parent
    with pytest.raises(ps.RestoreError, match=r"Parent is in a cycle.*_restore_into"):
        storage.load("parent")
    storage["child"] = parent.child
    loaded = storage.load("child")
    assert loaded.parent.child is loaded


def test_a_chain_of_storables_may_be_long(storage):
    first = child = Child(None)
    for _ in range(2000):
        child.parent = Child(None)
        child = child.parent
    child.parent = first
    storage["chain"] = first
    loaded = storage.load("chain")
    length, child = 0, loaded
    while child.parent is not loaded:
        length, child = length + 1, child.parent
    assert length == 2000


class Failing(Storable):
    def _store(self, storage):
        storage["x"] = 1

    @classmethod
    def _restore(cls, storage, version):
        return 1 / storage["missing"]


def test_a_failing_restore_says_which_and_why(storage, monkeypatch):
    storage["failing"] = Failing()
    with pytest.raises(ps.PathNotFoundError, match="'missing'"):
        storage.load("failing")
    monkeypatch.setattr(Failing, "_restore", classmethod(lambda cls, storage, version: 1 / 0))
    with pytest.raises(ValueError, match="Failing: ZeroDivisionError") as caught:
        storage.load("failing")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_a_failing_store_changes_nothing(storage):
    class Broken(Storable):
        def _store(self, storage):
            storage["x"] = 1
            storage["inner/generator"] = (i for i in "")

    storage["broken"] = "old"
    with pytest.raises(ps.NotStorableError, match="broken/inner/generator"):
        storage["broken"] = Broken()
    assert storage["broken"] == "old"


class Versioned(Storable):
    storage_version = "3.1"

    def _store(self, storage):
        pass

    def _restore_into(self, storage, version):
        self.found = version


def test_the_version_is_that_of_the_package_or_ones_own(storage, monkeypatch):
    storage["own"] = Versioned()
    assert storage.load("own").found == "3.1"
    monkeypatch.setattr(Versioned, "storage_version", None)
    storage["package"] = Versioned()
    assert storage.load("package").found == "0"  # of a module that is in no installed package


class Stubborn(Storable):
    """Raises, or kills its process, in the middle of storing itself."""

    def __init__(self, fail, inner=None):
        self.fail, self.inner = fail, inner

    def _store(self, storage):
        storage["first"] = np.arange(20_000)
        storage["group/second"] = {"x": [1, 2]}
        if self.inner is not None:
            self.inner.store(storage, "by_hand")
            storage["inner"] = self.inner
        self.fail()

    @classmethod
    def _restore(cls, storage, version):
        return cls(None)


def fails():
    raise ValueError("half-way")


def dies():
    os.kill(os.getpid(), signal.SIGKILL)


def goes_on():
    pass


WAYS = {
    "assignment": lambda storage, obj: storage.__setitem__("x", obj),
    "by hand": lambda storage, obj: obj.store(storage, "x"),
    "into its group": lambda storage, obj: obj.store(storage.create_group("x")),
    "update": lambda storage, obj: storage.update({"y": 1, "x": obj}),
    "in a list": lambda storage, obj: storage.__setitem__("x", [1, obj]),
    "part of an object": lambda storage, obj: storage["object"].__setitem__("x", obj),
}
every_way = pytest.mark.parametrize("way", WAYS)
old_ones = pytest.mark.parametrize("old", [None, "by hand", "object"])


def put_old(storage, old):
    storage["object"] = {"x": 1}
    if old == "by hand":
        ListStorable([1, [2]]).store(storage, "x")
    elif old == "object":
        storage["x"] = ListStorable([1, [2]])


def assert_old(storage, old):
    assert sorted(storage) == ["object", "x"] if old else ["object"]
    assert storage.load("object") == {"x": 1}
    if old:
        assert storage.load("x") == [1, [2]]


@every_way
@old_ones
@pytest.mark.parametrize("nested", [False, True])
def test_a_store_that_raises_half_way_changes_nothing(storage, way, old, nested):
    put_old(storage, old)
    if old == "object" and way in ("by hand", "into its group"):
        del storage["x"]
        old = None
    bad = Stubborn(goes_on, Stubborn(fails)) if nested else Stubborn(fails)
    with pytest.raises(ValueError, match="half-way"):
        WAYS[way](storage, bad)
    if way == "into its group" and old is None:
        del storage["x"]
    assert_old(storage, old)
    WAYS[way](storage, Stubborn(goes_on))
    found = storage["object/x"] if way == "part of an object" else storage["x/1" if way == "in a list" else "x"]
    assert found["group/second"] == {"x": [1, 2]}


@every_way
def test_an_outer_transaction_goes_on_or_is_taken_back_as_a_whole(storage, way):
    put_old(storage, "by hand")

    def change():
        with storage.transaction():
            storage["z"] = 1
            with pytest.raises(ValueError, match="half-way"):
                WAYS[way](storage, Stubborn(fails))

    if way in ("assignment", "in a list"):  # nothing was changed when it was refused
        change()
        assert storage["z"] == 1
        del storage["z"]
    else:
        with pytest.raises(ps.TransactionError, match="taken back"):
            change()
    assert_old(storage, "by hand")


@pytest.mark.parametrize("name", ["f.h5", "f.jsondir", "f.json"])
@pytest.mark.parametrize("way", [*WAYS, "save"])
def test_a_process_that_dies_in_a_store_leaves_the_old_object(name, way):
    with ps.open_storage(name) as storage:
        put_old(storage, "by hand")
    child = os.fork()
    if not child:
        if way == "save":
            ps.save(Stubborn(dies), name, "x")
        with ps.open_storage(name) as storage:
            WAYS[way](storage, Stubborn(dies))
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    with ps.open_storage(name) as storage:
        assert_old(storage, "by hand")


@pytest.mark.parametrize("name", ["f.h5", "f.jsondir", "f.json", "f.pkl"])
def test_a_save_whose_store_raises_changes_nothing(name):
    ps.save([1, 2], name)
    with pytest.raises((ValueError, ps.NotStorableError)):
        ps.save(Stubborn(fails) if name != "f.pkl" else Unpicklable(), name)
    assert ps.load(name) == [1, 2]


class Unpicklable:
    def __reduce__(self):
        raise ValueError("half-way")


def test_an_object_is_not_stored_by_hand_into_a_group_with_other_things(storage):
    storage["group/calculation"] = 1
    for target in (storage["group"], storage):
        with pytest.raises(ps.StorageExistsError, match=r"group|top level"):
            Failing().store(target)
    with pytest.raises(ps.StorageExistsError, match="calculation"):
        Failing().store(storage, "group")
    assert storage["group"].list_nodes() == ["calculation"]
