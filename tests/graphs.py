"""Random graphs of objects of all kinds, and how two of them are compared: for the fuzzer and its second process."""

import collections
import copyreg
import datetime
import decimal
import enum
import json
import pathlib
import pickle
import sys
from dataclasses import dataclass, field
from typing import Any

import numpy as np


class Plain:
    pass


class Slotted:
    __slots__ = ("left", "right")


class SlottedAndDict(Slotted):
    pass


class Stateful:
    """Its state is no dict, and it sees what its parts are when the state comes."""

    def __getstate__(self):
        return [self.parts]

    def __setstate__(self, state):
        (self.parts,) = state
        self.seen = [type(part).__name__ for part in self.parts]


class Falsy:
    def __getstate__(self):
        return 0

    def __setstate__(self, state):
        self.state = state


class Reducing:
    def __init__(self, *parts):
        self.parts = parts

    def __reduce__(self):
        return type(self), self.parts


class ReducingWithState(Reducing):
    def __reduce__(self):
        return type(self), self.parts, self.__dict__


class ReducingWithSetter:
    def __reduce__(self):
        return ReducingWithSetter, (), getattr(self, "state", None), None, None, set_it


def set_it(obj, state):
    obj.state = state


class NewArguments:
    def __new__(cls, *parts, key=None):
        self = super().__new__(cls)
        self.given = parts, key
        return self

    def __getnewargs_ex__(self):
        return self.given[0], {"key": self.given[1]}


class Hashing:
    """Hashes by what it holds, as soon as it holds it."""

    def __init__(self, key):
        self.key = key

    def __hash__(self):
        return hash(self.key)

    def __eq__(self, other):
        return type(other) is Hashing and self.key == other.key

    def __reduce__(self):
        return Hashing, (self.key,)


class Copied:
    pass


copyreg.pickle(Copied, lambda obj: (Copied, (), obj.__dict__))


class MyList(list):
    pass


class MyDict(dict):
    pass


class MySet(set):
    pass


class MyTuple(tuple):
    pass


class MyStr(str):
    pass


class Colour(enum.Enum):
    RED = 1
    BLUE = "blue"


Point = collections.namedtuple("Point", "x y")


@dataclass
class Data:
    x: Any = None
    y: list = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Frozen:
    x: Any


ATOMS = [
    None, True, 0, -1, 2**63, -(2**70), 0.5, float("inf"), -0.0, 1j, "", "text", "a\udc80", "x" * 300, b"", b"bytes",
    Colour.RED, Colour.BLUE, datetime.date(2020, 1, 2), datetime.timedelta(1, 2, 3), decimal.Decimal("1.10"),
    datetime.datetime(2020, 1, 2, 3, 4, 5, 6, datetime.UTC), pathlib.PurePosixPath("/a"), range(1, 5), slice(1, 2),
    len, Plain, np.float32(0.5), np.int64(3), np.dtype("f4"), ..., NotImplemented, frozenset(), (), MyStr("mine"),
]  # fmt: skip

MUTABLE = {
    "list": list, "dict": dict, "set": set, "plain": Plain, "slotted": Slotted, "both": SlottedAndDict,
    "stateful": Stateful, "falsy": Falsy, "setter": ReducingWithSetter, "copied": Copied, "mylist": MyList,
    "mydict": MyDict, "myset": MySet, "data": Data, "deque": collections.deque, "ordered": collections.OrderedDict,
    "default": lambda: collections.defaultdict(list), "objects": lambda: np.empty(3, object),
}  # fmt: skip
FROZEN = ("tuple", "frozenset", "reducing", "reducing_state", "new", "point", "frozen", "mytuple", "array", "bytearray")
HASHABLE = (Plain, Slotted, Frozen, Copied)
KINDS = [*MUTABLE, *FROZEN, "atom"]


def build(plan):
    """Make a graph: each step is a kind and numbers, which say what it holds; mutable things are filled last."""
    made = []
    for kind, numbers in plan:
        made.append(MUTABLE[kind]() if kind in MUTABLE else make(kind, numbers, made or [None]))
    for (kind, numbers), thing in zip(plan, made, strict=True):
        if kind in MUTABLE:
            fill(thing, numbers, made)
    return made[-1]


def make(kind, numbers, made):
    parts = [made[number % len(made)] for number in numbers]
    if kind == "atom":
        return ATOMS[sum(numbers) % len(ATOMS)]
    if kind == "array":
        return np.arange(len(numbers) * 3.0).reshape(-1, 3)
    if kind == "bytearray":
        return bytearray(number % 256 for number in numbers)
    if kind == "frozenset":
        return frozenset(key for key in parts if hashable(key))
    if kind == "point":
        return Point(*[*parts, None, None][:2])
    if kind == "frozen":
        return Frozen(parts)
    if kind == "new":
        return NewArguments(*parts, key=parts[:1])
    if kind == "tuple":
        return tuple(parts)
    return {"mytuple": MyTuple(parts), "reducing": Reducing(*parts), "reducing_state": ReducingWithState(*parts)}[kind]


def hashable(key):
    """Whether a key hashes the same while it is being made: by identity, or as an atom."""
    return isinstance(key, HASHABLE) or any(key is atom for atom in ATOMS if type(atom) is not slice)


def fill(thing, numbers, made):
    parts = [made[number % len(made)] for number in numbers]
    if isinstance(thing, (list, collections.deque)):
        thing.extend(parts)
    elif isinstance(thing, dict):
        keys = [key for key in parts if hashable(key)]
        thing.update(zip(keys, parts, strict=False))
    elif isinstance(thing, set):
        thing.update(key for key in parts if hashable(key))
    elif isinstance(thing, np.ndarray):
        for index, part in enumerate(parts[:3]):
            thing[index] = part
    else:
        fill_attributes(thing, parts)
    if isinstance(thing, (MyList, MyDict, MySet)) and parts:
        thing.extra = parts[0]


def fill_attributes(thing, parts):
    names = {Slotted: ("left", "right"), Stateful: (), Falsy: ("x",), ReducingWithSetter: ()}
    if isinstance(thing, Stateful):
        thing.parts = parts
    if isinstance(thing, ReducingWithSetter) and parts:
        thing.state = parts
    for name, part in zip(names.get(type(thing), ("x", "y", "left", "a b", "$")), parts, strict=False):
        setattr(thing, name, part)


# -- comparing -----------------------------------------------------------------


def difference(left, right):
    """Say where two graphs differ in type, value, order or identity; empty where they do not."""
    pairs, seen, back, kept = [(left, right, "it")], {}, {}, []
    while pairs:
        left, right, path = pairs.pop()
        if type(left) is not type(right):
            return f"{path}: {type(left).__name__} and {type(right).__name__}"
        if is_atom(left):
            if repr(left) != repr(right):
                return f"{path}: {left!r} and {right!r}"
            continue
        if id(left) in seen or id(right) in back:
            if seen.get(id(left)) != id(right):
                return f"{path}: identity of a {type(left).__name__}"
            continue
        seen[id(left)], back[id(right)] = id(right), id(left)
        parts = parts_of(left), parts_of(right)
        kept.append(parts)
        if [key for key, _ in parts[0]] != [key for key, _ in parts[1]]:
            return f"{path}: {type(left).__name__} with {[k for k, _ in parts[0]]} and {[k for k, _ in parts[1]]}"
        pairs.extend((one, other, f"{path}.{key}") for (key, one), (_, other) in zip(parts[0], parts[1], strict=True))
    return ""


def is_atom(thing):
    return isinstance(
        thing,
        (type(None), bool, int, float, complex, str, bytes, enum.Enum, datetime.date, datetime.timedelta,
         decimal.Decimal, pathlib.PurePath, range, slice, type, np.generic, np.dtype, type(len), type(...),
         type(NotImplemented)),
    )  # fmt: skip


def parts_of(thing):
    """What a thing holds, with a name for each: items, then attributes."""
    if isinstance(thing, np.ndarray):
        return [("shape", str((thing.shape, thing.dtype, thing.flags.writeable)))] + list(
            enumerate(thing.ravel().tolist())
        )
    items = []
    if isinstance(thing, dict):
        items = [
            part for i, pair in enumerate(thing.items()) for part in ((f"key{i}", pair[0]), (f"value{i}", pair[1]))
        ]
    elif isinstance(thing, (set, frozenset)):
        items = unordered(thing)
    elif isinstance(thing, (list, tuple, bytearray, collections.deque)):
        items = list(enumerate(thing))
    names = [
        *getattr(thing, "__dict__", ()),
        *(name for name in copyreg._slotnames(type(thing)) if hasattr(thing, name)),
    ]
    return items + [(name, getattr(thing, name)) for name in names if not name.startswith("__")]


def unordered(members):
    """The members of a set, in an order of its own that both sides share as far as values tell."""

    def key(member):
        if is_atom(member):
            return type(member).__name__, repr(member)
        return type(member).__name__, repr(sorted(getattr(member, "__dict__", ())))

    return list(enumerate(sorted(members, key=key))) if len(set(map(key, members))) == len(members) else []


def serve():
    """For each line with two files, say how what pickle loads and what pyiron_storage loads differ."""
    import pyiron_storage

    for line in sys.stdin:
        request = json.loads(line)
        with open(request["pickle"], "rb") as file:
            try:
                expected = pickle.load(file)
            except Exception as error:
                print(json.dumps(f"pickle: {error!r}"), flush=True)
                continue
        try:
            print(json.dumps(difference(expected, pyiron_storage.load(request["storage"]))), flush=True)
        except Exception as error:
            print(json.dumps(f"failed: {type(error).__name__}: {error}"), flush=True)


if __name__ == "__main__":
    # pickle names the module as the test does
    from graphs import serve as serve_as_imported

    serve_as_imported()
