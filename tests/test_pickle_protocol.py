"""The pickle protocol, rule by rule, and structures of any depth."""

import copyreg
import pickle
import random

import numpy as np
import pytest

import pyiron_storage as ps

EVENTS = []


class Link:
    def __init__(self):
        self.next = None


class Buffered:
    """Gives its bytes out of band."""

    def __init__(self, data):
        self.data = data

    def __reduce_ex__(self, protocol):
        assert protocol == 5
        return Buffered, (pickle.PickleBuffer(self.data),)


class Meta(type):
    pass


class Reduced(type):
    pass


copyreg.pickle(Reduced, lambda cls: (find_class, (cls.__name__,)))


def find_class(name):
    EVENTS.append(name)
    return {"ByReduction": ByReduction}[name]


class WithMeta(metaclass=Meta):
    pass


class ByReduction(metaclass=Reduced):
    pass


class Ordered:
    """Notes what happens to it and what it sees then."""

    def __new__(cls, *args):
        EVENTS.append("new")
        return super().__new__(cls)

    def __init__(self, child=None):
        self.child = child

    def __getstate__(self):
        return {"child": self.child}

    def __setstate__(self, state):
        EVENTS.append(("state", type(getattr(state["child"], "child", "not yet")).__name__))
        self.__dict__.update(state)


class Appending:
    """Has items and pairs, and says in which order they come."""

    def __init__(self):
        self.log = []

    def append(self, item):
        self.log.append(item)

    def __setitem__(self, key, value):
        self.log.append((key, value))

    def __setstate__(self, state):
        self.log.append(("state", state))

    def __reduce__(self):
        return Appending, (), "the state", iter([1, 2]), iter([("a", 3)])


class BuiltIns:
    class MyList(list):
        pass

    class MyDict(dict):
        pass

    class MySet(set):
        pass

    class MyFrozenset(frozenset):
        pass

    class MyTuple(tuple):
        pass

    class MyStr(str):
        pass

    class MyBytes(bytes):
        pass

    class MyBytearray(bytearray):
        pass

    class MyInt(int):
        pass

    class MyFloat(float):
        pass

    class MyComplex(complex):
        pass


@pytest.fixture(params=["memory", "f.h5", "f.jsondir"])
def storage(request):
    with ps.MemoryStorage() if request.param == "memory" else ps.open_storage(request.param) as storage:
        yield storage


def back(storage, thing):
    storage["thing"] = thing
    return storage.load("thing")


@pytest.mark.parametrize("size", [10, 200_000])
@pytest.mark.parametrize("kind", [bytes, bytearray])
def test_buffers_go_out_of_band(storage, size, kind):
    found = back(storage, Buffered(kind(size * b"x")))
    assert type(found.data) is kind
    assert found.data == size * b"x"
    if size > 100_000:  # a native array of its own, not text in the document
        record = storage["thing"]._place().record
        header, *lines = record.text().splitlines()
        assert sum(map(len, lines)) < 150
        assert b"xxx" not in header


@pytest.mark.parametrize("name", [name for name in vars(BuiltIns) if name.startswith("My")])
def test_subclasses_of_built_ins(storage, name):
    cls = getattr(BuiltIns, name)
    content = {"MyStr": "text", "MyInt": 5, "MyFloat": 0.5, "MyComplex": 1j, "MyDict": {"a": 1}}
    thing = cls(content.get(name, b"ab" if "Byte" in name else [1, 2]))
    thing.extra = [1]
    found = back(storage, [thing, thing])
    assert found[0] is found[1]
    assert type(found[0]) is cls
    assert found[0] == thing
    assert found[0].extra == [1]


def test_metaclasses(storage):
    EVENTS.clear()
    found = back(storage, [WithMeta, WithMeta(), ByReduction])
    assert found[0] is WithMeta
    assert type(found[1]) is WithMeta
    assert found[2] is ByReduction
    assert EVENTS == ["ByReduction"]


def test_the_extension_registry_changes_nothing(storage):
    copyreg.add_extension(Link.__module__, "Link", 240)
    try:
        assert type(back(storage, Link())) is Link
    finally:
        copyreg.remove_extension(Link.__module__, "Link", 240)


def test_events_come_in_the_order_of_pickle(storage):
    outer = Ordered(Ordered(Ordered()))
    data = pickle.dumps(outer, protocol=5)
    EVENTS.clear()
    pickle.loads(data)
    expected = list(EVENTS)
    storage["thing"] = outer
    EVENTS.clear()
    storage.load("thing")
    assert expected == EVENTS


def test_items_pairs_and_state_in_order(storage):
    assert back(storage, Appending()).log == pickle.loads(pickle.dumps(Appending())).log


def test_an_odd_reduction_is_refused(storage):
    class Odd:
        def __reduce__(self):
            return [1, 2]

    with pytest.raises(ps.NotStorableError, match=r"thing/1.*Odd.*list"):
        storage["thing"] = [0, Odd()]


@pytest.mark.parametrize("make", [lambda d: [d], lambda d: {"x": d}, lambda d: (d,), lambda d: {1: d}])
def test_nesting_has_no_limit(storage, make):
    depth = 100_000 if isinstance(storage, ps.MemoryStorage) else 10_000
    deep = 1
    for _ in range(depth):
        deep = make(deep)
    found, count = back(storage, deep), 0
    while not isinstance(found, int):
        found = next(iter(found.values())) if isinstance(found, dict) else found[0]
        count += 1
    assert count == depth


def test_a_linked_list_of_100_000(storage):
    first = link = Link()
    for number in range(100_000):
        link.number = number
        link.next = Link()
        link = link.next
    link.next = first
    loaded = link = back(storage, first)
    for number in range(100_000):
        assert link.number == number
        link = link.next
    assert link.next is loaded


@pytest.mark.parametrize("seed", range(5))
def test_graphs_in_any_order_of_linking(storage, seed):
    dice = random.Random(seed)
    links = [Link() for _ in range(2000)]
    for number, link in enumerate(links):
        link.number, link.next = number, [links[dice.randrange(len(links))] for _ in range(3)]
    loaded = back(storage, links)
    assert [[inner.number for inner in link.next] for link in loaded] == [
        [inner.number for inner in link.next] for link in links
    ]
    assert all(loaded[inner.number] is inner for link in loaded for inner in link.next)


def test_arrays_of_objects_in_cycles(storage):
    array = np.empty((2, 2), object)
    array[0, 0], array[1, 1] = array, [array]
    found = back(storage, array)
    assert found[0, 0] is found
    assert found[1, 1][0] is found
