"""Hooks are looked for where pickle looks for them, and looking for them runs nothing of anybody's."""

import collections
import copyreg
import datetime
import decimal
import enum
import importlib.util
import pathlib
import pickle
import subprocess
import sys
import types
import unittest.mock
import weakref

import numpy as np
import pytest

import pyiron_storage as ps

FILES = ["f.h5", "f.jsondir", "f.json"]
COUNTS = [1, 7, 8, 40]


def back(thing, file="f.json"):
    ps.save(thing, file)
    return ps.load(file)


class Thousandfold:
    """A data descriptor, as unit converters are: it does not give itself on the class."""

    def __set_name__(self, owner, name):
        self.name = f"{name}_"

    def __get__(self, obj, owner):
        return 0.0 if obj is None else obj.__dict__["level_"] / 1000

    def __set__(self, obj, value):
        obj.__dict__["level_"] = value * 1000


class Level:
    level = Thousandfold()

    def __init__(self, level):
        self.level = level
        self.__dict__["level"] = "beside"


class Raising:
    def __get__(self, obj, owner):
        raise RuntimeError("do not look")

    def __set__(self, obj, value):
        raise RuntimeError("do not set")


class Shy:
    shy = Raising()

    def __init__(self, number):
        self.__dict__["shy"] = number


class Deleting:
    def __delete__(self, obj):
        raise RuntimeError


class Deleted:
    deleted = Deleting()

    def __init__(self, number):
        self.__dict__["deleted"] = number


class Watching(type):
    """A metaclass that is asked for nothing, but by the search for examples in docstrings."""

    def __getattr__(cls, name):
        if name in ("__wrapped__", "__slots__"):  # of which the second is asked for by the pickle protocol itself
            raise AttributeError(name)
        raise RuntimeError(f"asked for {name}")


class Watched(metaclass=Watching):
    def __init__(self, number):
        self.number = number


class Forwarding:
    def __init__(self, target):
        self.target = target

    def __getattr__(self, name):
        return getattr(self.target, name)


class Answering:
    """A stub that answers every name."""

    def __init__(self, number):
        self.number = number

    def __getattr__(self, name):
        return lambda *args: {"answer": name}


class Named(collections.namedtuple("Named", "x y")):
    def __getattr__(self, name):
        raise RuntimeError(f"asked for {name}")


class Slotted:
    __slots__ = ("number",)

    def __init__(self, number):
        self.number = number

    def __reduce__(self):
        return Slotted, (self.number,)

    def __getattr__(self, name):
        raise RuntimeError(f"asked for {name}")


class AttrDict(dict):
    __getattr__ = dict.__getitem__


class Refusing(dict):
    def __getattribute__(self, name):
        if name == "__metadata__":
            raise RuntimeError("asked for metadata")
        return super().__getattribute__(name)


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("cls", [Level, Shy, Deleted, Watched, Answering, Slotted])
@pytest.mark.parametrize("file", FILES)
def test_attributes_come_back_where_the_class_has_descriptors_and_hooks(cls, count, file):
    things = [cls(float(i)) for i in range(count)]
    found = back(things, file)
    assert [type(thing) for thing in found] == [cls] * count
    if cls is Slotted:
        assert [thing.number for thing in found] == [thing.number for thing in things]
    else:
        assert [vars(thing) for thing in found] == [vars(thing) for thing in things]
    assert type(back(things[0], file)) is cls


@pytest.mark.parametrize("count", COUNTS)
def test_what_forwards_is_not_asked_while_it_is_empty(count):
    found = back([Forwarding([i]) for i in range(count)])
    assert [thing.target for thing in found] == [[i] for i in range(count)]
    assert [thing.count(0) for thing in found][:2] == [1, 0][:count]
    assert [tuple(row) for row in back([Named(i, [i]) for i in range(count)])] == [(i, [i]) for i in range(count)]


@pytest.mark.parametrize("file", FILES)
def test_no_metadata_are_made_up(file):
    for thing in (Answering(1), AttrDict(a=1), Refusing(a=1), Forwarding({"__metadata__": {}})):
        ps.save(thing, file)
        with ps.open_storage(file, "r") as storage:
            assert "__metadata__" not in storage["object"].metadata
    assert back(AttrDict(a=1), file) == {"a": 1}
    ps.save(AttrDict(a=1), "f.pkl")
    assert ps.load("f.pkl") == {"a": 1}


def test_a_mock_is_refused_as_with_pickle():
    for mock in (unittest.mock.Mock(), unittest.mock.MagicMock()):
        with pytest.raises(pickle.PicklingError):
            pickle.dumps(mock)


class Emptied(list):
    def __reduce__(self):
        return Nothing, (), None, iter(()), iter(())


class Nothing:
    """Has neither append nor items."""


def test_no_items_need_no_way_to_take_them():
    assert type(back(Emptied())) is Nothing
    assert [type(thing) for thing in back([Emptied() for _ in range(20)])] == [Nothing] * 20


class FalseState:
    def __getstate__(self):
        return False

    def __setstate__(self, state):
        self.state = state


class Falsy:
    def __reduce__(self):
        return FalseState, (), self.state

    def __init__(self, state):
        self.state = state


@pytest.mark.parametrize("state", [0, False, "", (), {}, 0.0])
def test_a_state_that_is_false_is_given(state):
    for thing in (Falsy(state), [Falsy(state) for _ in range(9)]):
        expected = pickle.loads(pickle.dumps(thing))
        found = back(thing)
        pairs = [(found, expected)] if type(thing) is Falsy else list(zip(found, expected, strict=True))
        assert all(vars(one) == vars(other) for one, other in pairs)


class OfInstances:
    def __init__(self, number):
        self.number = number


@pytest.mark.parametrize("count", COUNTS)
def test_hooks_that_are_set_on_an_instance_count_as_with_pickle(count):
    for name, hook in (
        ("__reduce_ex__", lambda protocol: (OfInstances, ("replaced",))),
        ("__reduce__", lambda: (OfInstances, ("unused",))),
    ):
        things = [OfInstances(i) for i in range(count)]
        for thing in things:
            vars(thing)[name] = hook
        if name == "__reduce__":  # which only a class can override
            for thing in things:
                del vars(thing)[name]
                vars(thing)["__getstate__"] = lambda: {"number": "from the state"}
        expected = pickle.loads(pickle.dumps(things))
        assert [vars(thing) for thing in back(things)] == [vars(thing) for thing in expected]


class Reduced:
    def __init__(self, reduced):
        self.reduced = reduced

    def __reduce_ex__(self, protocol):
        return tuple(part() if getattr(part, "__name__", "") == "<lambda>" else part for part in self.reduced)


@pytest.mark.parametrize(
    "reduced",
    [
        (5, ()),
        (Nothing, []),
        (Nothing, None),
        (Nothing,),
        (Nothing, (), None, None, None, None, None),
        (Nothing, (), {}, None, None, 5),
        (Nothing, (), None, None, lambda: iter([(1, 2, 3)])),
        (copyreg.__newobj__, ()),
        (copyreg.__newobj__, (Nothing,)),
        (copyreg.__newobj_ex__, (Nothing, ())),
        (copyreg.__newobj_ex__, (Nothing, [], {})),
        (copyreg.__newobj_ex__, (Nothing, (), [])),
    ],
)
@pytest.mark.parametrize("count", [1, 9])
@pytest.mark.parametrize("file", FILES)
def test_a_reduction_that_cannot_be_put_together_is_refused_as_with_pickle(reduced, count, file):
    things = [Reduced(reduced) for _ in range(count)]
    with pytest.raises((pickle.PicklingError, TypeError)):
        pickle.dumps(things)
    with pytest.raises(ps.NotStorableError, match="object/0"):
        ps.save(things, file)


@pytest.mark.parametrize("count", [1, 9])
def test_a_class_that_names_another_for_keyword_arguments_gives_that(count):
    things = [Reduced((copyreg.__newobj_ex__, (Nothing, (), {}))) for _ in range(count)]
    assert [type(thing) for thing in pickle.loads(pickle.dumps(things))] == [Nothing] * count
    assert [type(thing) for thing in back(things)] == [Nothing] * count


class AllEqual(type):
    def __eq__(cls, other):
        return True

    def __hash__(cls):
        return 1


class One(metaclass=AllEqual):
    def __init__(self, number):
        self.number = number


class Other(One):
    pass


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("file", FILES)
def test_classes_that_are_equal_are_not_one(count, file):
    things = [One(i) if i % 2 else Other(i) for i in range(count)]
    for stored in (things, [One(i) for i in range(count)]):
        found = back(stored, file)
        assert all(type(a) is type(b) and a.number == b.number for a, b in zip(found, stored, strict=True))


# -- proxies --------------------------------------------------------------------------------


class Target:
    def __init__(self, number):
        self.number = number


class Transparent:
    """Gives for everything what its target has, its class too."""

    def __init__(self, target):
        object.__setattr__(self, "target", target)

    def __getattribute__(self, name):
        return getattr(object.__getattribute__(self, "target"), name)


def transparent_proxies(target):
    yield weakref.proxy(target)
    yield Transparent(target)
    if importlib.util.find_spec("werkzeug"):
        from werkzeug.local import LocalProxy

        yield LocalProxy(lambda: target)


@pytest.mark.parametrize("count", [1, 8])
def test_a_proxy_is_stored_as_pickle_stores_it(count):
    targets = [Target(i) for i in range(count)]
    for proxies in zip(*map(transparent_proxies, targets), strict=True):
        try:
            expected = pickle.loads(pickle.dumps(list(proxies)))
        except (TypeError, pickle.PicklingError):
            with pytest.raises(ps.NotStorableError):
                ps.save(list(proxies), "f.json")
            continue
        found = back(list(proxies))
        assert [type(thing) for thing in found] == [type(thing) for thing in expected] == [Target] * count
        assert [thing.number for thing in found] == list(range(count))


def test_a_proxy_that_refuses_to_be_pickled_is_refused():
    wrapt = pytest.importorskip("wrapt")
    with pytest.raises(ps.NotStorableError, match="ObjectProxy"):
        ps.save({"a": wrapt.ObjectProxy([1])}, "f.json")


# -- names ---------------------------------------------------------------------------------------


class Lazy(types.ModuleType):
    """A module that must not be asked for anything, as torch's and matplotlib's lazy ones."""

    def __getattr__(self, name):
        raise RuntimeError(f"{self.__name__} was asked for {name}")


@pytest.mark.parametrize(
    "thing",
    [
        datetime.datetime.now,
        decimal.Decimal.from_float,
        str.join,
        "a".join,
        [].append,
        dict.fromkeys,
        len,
        np.sin,
        np.add,
        np.ndarray.sum,
        pathlib.Path.cwd,
        type(None),
        types.MappingProxyType,
        importlib.import_module("zoneinfo").ZoneInfo("Europe/Berlin"),
    ],
    ids=lambda thing: getattr(thing, "__name__", "zone"),
)
def test_no_other_module_is_asked_whose_something_is(thing, monkeypatch):
    monkeypatch.setitem(sys.modules, "a_lazy_module", Lazy("a_lazy_module"))
    found = back([thing])[0]
    if isinstance(thing, types.BuiltinFunctionType) and type(thing.__self__) in (str, list):
        assert (found.__self__, found.__name__) == (thing.__self__, thing.__name__)
    else:
        assert found == thing


def test_a_module_is_asked_for_nothing_that_does_not_stand_in_it(monkeypatch):
    lazy = Lazy("a_lazy_module_of_classes")
    del lazy.__spec__, lazy.__loader__
    monkeypatch.setitem(sys.modules, lazy.__name__, lazy)
    exec("class Kept:\n    pass", vars(lazy))
    assert type(back([vars(lazy)["Kept"]()])[0]) is vars(lazy)["Kept"]


# -- copyreg -------------------------------------------------------------------------------------


@pytest.mark.parametrize("thing", [datetime.timedelta(1), decimal.Decimal("1.5"), collections.deque([1])])
def test_what_is_registered_with_copyreg_goes_before_a_rule(thing, monkeypatch):
    monkeypatch.setitem(copyreg.dispatch_table, type(thing), lambda obj: (str, (f"replaced {obj}",)))
    things = [type(thing)(thing) if type(thing) is collections.deque else thing + 0 * thing for _ in range(20)]
    for stored in (thing, [thing], things, {"a": things}):
        assert back(stored) == pickle.loads(pickle.dumps(stored))


def test_saving_changes_nothing_that_it_looks_at():
    xarray = pytest.importorskip("xarray")
    for made in (xarray.Dataset(), xarray.DataArray([1.0]), xarray.Dataset({"a": ("x", [1, 2])})):
        pickle.dumps(made)  # which makes some of its attributes
        before = pickle.dumps(made)
        found = back(made)
        assert pickle.dumps(made) == before
        assert found.identical(made)


class Lazily:
    """Makes an attribute when it is asked for another, as xarray's objects do."""

    __slots__ = ("made", "never_set", "number")

    def __init__(self, number):
        self.made, self.number = None, number

    def __getattr__(self, name):
        self.made = {}
        raise AttributeError(name)


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("file", FILES)
def test_looking_for_what_is_not_set_makes_nothing(count, file):
    things = [Lazily(i) for i in range(count)]
    for stored in (things, [things[0], 1, "two", *things]):
        found = back(stored, file)
        assert [thing.made for thing in things] == [None] * count
        assert [(thing.made, thing.number) for thing in found if type(thing) is Lazily][-count:] == [
            (None, i) for i in range(count)
        ]


def test_an_empty_dataset_is_as_it_was():
    xarray = pytest.importorskip("xarray")
    made = xarray.Dataset()
    assert back(made).identical(made)
    made = xarray.Dataset()
    ps.save(made, "f.json")
    assert xarray.Dataset._attrs.__get__(made) is None


# -- exceptions ----------------------------------------------------------------------------------


class Failed(Exception):
    def __init__(self, code, *, detail):
        super().__init__(f"code {code}")
        self.code, self.detail = code, detail


class Gone(OSError):
    def __init__(self, path):
        super().__init__(2, "gone", path)
        self.path = path


class Silent(ValueError):
    def __init__(self, number):
        self.number = number  # without its base's __init__


class Reducing(Exception):
    def __reduce__(self):
        return Reducing, ("reduced",)


EXCEPTIONS = [
    Failed(3, detail=[1]),
    Gone("a path"),
    Silent(5),
    Reducing("x"),
    ValueError(1, "two"),
    KeyError("key"),
    UnicodeDecodeError("utf8", b"x", 0, 1, "bad"),
    ImportError("message", name="name", path="path"),
    FileNotFoundError(2, "not there", "a", "b"),
    StopIteration(5),
    SystemExit(3),
    SyntaxError("message", ("file", 1, 2, "text")),
    ExceptionGroup("group", [ValueError(1), Failed(1, detail=2)]),
]


@pytest.mark.parametrize("exception", EXCEPTIONS, ids=lambda exception: type(exception).__name__)
@pytest.mark.parametrize("file", FILES)
def test_exceptions_come_back_whatever_their_init_takes(exception, file):
    for found in (back(exception, file), back([exception] * 9, file)[3]):
        assert type(found) is type(exception)
        if type(exception) is Reducing:
            assert found.args == ("reduced",)
            continue
        assert str(found) == str(exception)
        assert repr(found.args) == repr(exception.args)
        assert repr(vars(found)) == repr(vars(exception))
        for name in ("errno", "filename", "filename2", "value", "code", "name", "path", "lineno", "reason"):
            assert getattr(found, name, None) == getattr(exception, name, None)


def test_what_led_to_an_exception_is_kept():
    try:
        try:
            raise KeyError("first")
        except KeyError as first:
            first.add_note("a note")
            raise Failed(1, detail=None) from first
    except Failed as error:
        error.itself = error
        error.add_note("another")
        found = back(error)
    assert (type(found.__cause__), found.__cause__.__notes__) == (KeyError, ["a note"])
    assert found.__context__ is found.__cause__
    assert found.__suppress_context__ is True
    assert found.__notes__ == ["another"]
    assert found.itself is found
    assert found.__traceback__ is None
    try:
        try:
            raise KeyError("first")
        except KeyError:
            raise ValueError("second") from None
    except ValueError as error:
        found = back(error)
    assert (repr(found.__context__), found.__cause__, found.__suppress_context__) == ("KeyError('first')", None, True)


# -- enums ---------------------------------------------------------------------------------------


class Odd(enum.Enum):
    NAN = float("nan")
    OBJECT = object()
    LIST = [1]
    NESTED = (float("nan"), 1)
    PLAIN = 3

    @classmethod
    def _missing_(cls, value):
        return cls.PLAIN


class Arrays(enum.Enum):
    ONE = np.arange(3)


Made = enum.Flag("Made", "A B C")


@pytest.mark.parametrize("member", [*Odd, *Arrays, *Made, Made.A | Made.C, Made(0)], ids=str)
@pytest.mark.parametrize("count", [1, 9])
def test_members_of_enums_come_back_whatever_their_value(member, count):
    assert all(found is member or found == member for found in back([member] * count))
    assert all(found is member for found in back([member] * count)) or member not in list(type(member))


def test_flags_and_exceptions_of_a_script_come_back_in_another_process():
    script = """
import enum, pyiron_storage as ps
Made = enum.Flag("Made", "A B")
Kind = enum.Enum("Kind", "X Y")
class Failed(Exception):
    def __init__(self, code, *, detail):
        super().__init__("failed")
        self.code = code
ps.save([Made.A | Made.B, Made.A, Kind.X, Failed(3, detail=1)], "it.h5")
"""
    subprocess.run([sys.executable, "-c", script], check=True)
    look = """
import pyiron_storage as ps
both, one, kind, failed = ps.load("it.h5")
print(both.value, one.name, kind.name, failed.code, failed)
"""
    done = subprocess.run([sys.executable, "-c", look], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["3", "A", "X", "3", "failed"]
