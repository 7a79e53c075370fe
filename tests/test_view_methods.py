"""The methods by which people change lists, sets, dicts, deques: they write through, or the error names what does."""

from collections import Counter, OrderedDict, defaultdict, deque

import numpy as np
import pytest

import pyiron_storage as ps


@pytest.fixture(params=["memory", "f.h5", "f.json", "f.jsondir"])
def storage(request):
    with ps.MemoryStorage() if request.param == "memory" else ps.open_storage(request.param) as storage:
        yield storage


def iadd(x):
    x += [9, "a"]
    return "changed"


def imul(x):
    x *= 3


def imul_none(x):
    x *= 0


def in_place(operator):
    return lambda x: getattr(x, operator)({2, 7, "b"}) is x


LIST = [3, "b", 1, [4], 1.5, "a"]
NUMBERS = [5, 3, 8, 1, 9, 2, 7, 6, 4, 0]
DICT = {"a": 1, "b": [2], "c": "x"}
CHANGES = {
    "list": (
        LIST,
        [
            lambda x: x.append([5]),
            lambda x: x.extend([1, 2]),
            lambda x: x.insert(2, "new"),
            lambda x: x.remove("b"),
            lambda x: x.pop(),
            lambda x: x.pop(1),
            lambda x: x.clear(),
            lambda x: x.reverse(),
            lambda x: x.sort(key=str),
            lambda x: x.sort(key=str, reverse=True),
            lambda x: x.__setitem__(slice(1, 3), ["u", "v", "w"]),
            lambda x: x.__delitem__(slice(None, None, 2)),
            lambda x: x.index("b"),
            lambda x: x.count(1),
            iadd,
            imul,
            imul_none,
        ],
    ),
    "numbers": (NUMBERS, [lambda x: x.sort(), lambda x: x.sort(reverse=True), lambda x: x.sort(key=lambda n: n % 3)]),
    "set": (
        {1, 2, "a", (3, 4)},
        [
            lambda x: x.add(5),
            lambda x: x.add(1.0),
            lambda x: x.discard(2),
            lambda x: x.discard("nothing"),
            lambda x: x.remove((3, 4)),
            lambda x: x.clear(),
            lambda x: x.update([7, 8], {"b"}),
            lambda x: x.intersection_update([1, "a"], {1, 5}),
            lambda x: x.difference_update([1], ["a"]),
            lambda x: x.symmetric_difference_update([1, 9]),
            lambda x: x.union([1], [22]),
            lambda x: x.intersection([1]),
            lambda x: x.difference([1]),
            lambda x: x.symmetric_difference([1, 22]),
            lambda x: x.issubset([1]),
            lambda x: x.issuperset([1]),
            lambda x: x.isdisjoint([1]),
            *map(in_place, ["__ior__", "__iand__", "__isub__", "__ixor__"]),
        ],
    ),
    "dict": (
        DICT,
        [
            lambda x: x.update({"a": 5}, d=[1]),
            lambda x: x.setdefault("new", 3),
            lambda x: x.pop("a"),
            lambda x: x.pop("no", "default"),
            lambda x: x.popitem(),
            lambda x: x.clear(),
            lambda x: list(reversed(x)),
            lambda x: x.__ior__({"z": 1}) is x,
        ],
    ),
    "deque": (
        deque([1, "b", [3]]),
        [
            lambda x: x.append(5),
            lambda x: x.appendleft(5),
            lambda x: x.extend([1, 2]),
            lambda x: x.extendleft([1, 2]),
            lambda x: x.pop(),
            lambda x: x.popleft(),
            lambda x: x.rotate(),
            lambda x: x.rotate(-2),
            lambda x: x.insert(1, "i"),
            lambda x: x.remove("b"),
            lambda x: x.reverse(),
            lambda x: x.clear(),
            lambda x: x.__setitem__(0, 7),
            lambda x: x.__delitem__(0),
            iadd,
            imul,
            imul_none,
        ],
    ),
    "deque with maxlen": (
        deque([1, "b", [3]], maxlen=3),
        [
            lambda x: x.append(5),
            lambda x: x.appendleft(5),
            lambda x: x.extend([1, 2]),
            lambda x: x.extendleft([1, 2, 3, 4]),
            lambda x: x.pop(),
            lambda x: x.popleft(),
            lambda x: x.rotate(),
            lambda x: x.remove("b"),
            lambda x: x.reverse(),
            lambda x: x.clear(),
            lambda x: x.__setitem__(0, 7),
            lambda x: x.__delitem__(0),
            lambda x: x.maxlen,
            iadd,
            imul,
        ],
    ),
    "OrderedDict": (
        OrderedDict(DICT),
        [
            lambda x: x.move_to_end("a"),
            lambda x: x.move_to_end("c", last=False),
            lambda x: x.popitem(),
            lambda x: x.popitem(last=False),
            lambda x: x.update(z=1),
            lambda x: x.clear(),
        ],
    ),
    "Counter": (
        Counter("aabc"),
        [
            lambda x: x.update("abz"),
            lambda x: x.update({"a": 5}, b=1),
            lambda x: x.subtract("aab"),
            lambda x: x.__setitem__("q", x["q"] + 1),
            lambda x: x.most_common(1),
            lambda x: x.total(),
            lambda x: sorted(x.elements()),
            lambda x: x.pop("a"),
        ],
    ),
    "defaultdict": (
        defaultdict(list, a=[1]),
        [lambda x: x.update(b=[2]), lambda x: x["a"].append(5), lambda x: x.pop("a")],
    ),
}
CASES = [
    pytest.param(name, number, id=f"{name}-{number}")
    for name, (_, all_) in CHANGES.items()
    for number in range(len(all_))
]


@pytest.mark.parametrize(("name", "number"), CASES)
@pytest.mark.parametrize("where", ["alone", "in a list of ten", "shared"])
def test_a_method_does_what_it_does_to_the_real_thing(storage, name, number, where):
    import copy

    original, changes = CHANGES[name]
    model, stored = copy.deepcopy(original), copy.deepcopy(original)
    if where == "alone":
        storage["x"] = stored
        path = "x"
    elif where == "shared":
        storage["x"] = {"a": [stored], "b": stored}
        path = "x/b"
    else:
        storage["x"] = [copy.deepcopy(original) for _ in range(10)]
        path = "x/4"
    expected = changes[number](model)
    found = changes[number](storage[path])
    assert (found.to_object() if isinstance(found, ps.View) else found) == expected
    loaded = storage.load(path)
    assert (type(loaded), loaded) == (type(model), model)
    if name in ("list", "dict", "OrderedDict") or "deque" in name:
        assert repr(loaded) == repr(model)
    if where == "shared":
        assert storage.load("x/a/0") == model
    if where == "in a list of ten":
        assert storage.load("x/3") == storage.load("x/5") == original


@pytest.mark.parametrize("cls", [list, dict, set, deque, OrderedDict, Counter, defaultdict])
def test_every_method_is_there_or_the_error_names_a_way(storage, cls):
    storage["x"] = cls(list) if cls is defaultdict else cls()
    view = storage["x"]
    for name in dir(cls):
        if name.startswith("_") or hasattr(view, name):
            continue
        with pytest.raises(ps.ViewAttributeError, match="to_object"):
            getattr(view, name)
    changing = {"append", "extend", "insert", "remove", "pop", "clear", "sort", "reverse", "add", "discard", "update"}
    assert not [name for name in dir(cls) if name in changing and not hasattr(view, name)]


class MyList(list):
    pass


def test_what_cannot_be_changed_names_what_does(storage):
    storage["x"] = {"t": (1, 2), "f": frozenset([1]), "l": MyList([1]), "a": np.array([None, 1], object)}
    for change in (lambda: storage["x/f"].add(2), lambda: storage["x/f"].clear()):
        with pytest.raises(ps.ReadOnlyError, match=r"frozenset.*Store a new one"):
            change()
    with pytest.raises(AttributeError, match=r"storage\['x/t'\] = obj"):
        storage["x/t"].append(3)
    with pytest.raises(AttributeError, match=r"view\['~items'\]\.append"):
        storage["x/l"].append(3)
    storage["x/l"]["~items"].append(3)
    assert storage.load("x/l") == [1, 3]


def test_a_view_is_changed_in_place_by_operators_on_its_item(storage):
    storage["l"], storage["s"], storage["d"] = [1], {1}, {"a": 1}
    storage["l"] += [2]
    storage["s"] |= {2}
    storage["d"] |= {"b": 2}
    storage["l"] *= 2
    assert (storage.load("l"), storage.load("s"), storage.load("d")) == ([1, 2, 1, 2], {1, 2}, {"a": 1, "b": 2})


def test_a_member_that_cannot_be_stored_changes_nothing(storage):
    storage["s"], storage["l"] = {1, 2}, [3, 1, 2]
    with pytest.raises(ps.NotStorableError):
        storage["s"].update([3, (i for i in "")])
    with pytest.raises(KeyError):
        storage["s"].remove(99)
    with pytest.raises(ZeroDivisionError):
        storage["l"].sort(key=lambda n: 1 / (n - 1))
    assert (storage.load("s"), storage.load("l")) == ({1, 2}, [3, 1, 2])
