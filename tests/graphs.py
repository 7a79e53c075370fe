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
import uuid
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

T = TypeVar("T")


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


@dataclass(slots=True)
class SlottedData:
    x: Any
    y: Any = None


@dataclass(frozen=True, slots=True, eq=False)
class FrozenSlotted:
    x: Any
    y: Any = None


@dataclass(frozen=True, eq=False)
class FrozenWithMore:
    x: Any
    y: Any = None


class Guarded:
    """Sees what is set, and in which order, as pickle sets slots."""

    __slots__ = ("seen", "x", "y")

    def __setattr__(self, name, value):
        object.__setattr__(self, name, value)
        if name != "seen":
            object.__setattr__(self, "seen", [*getattr(self, "seen", []), name])


class Boxed(Generic[T]):
    """Its base has empty slots."""

    def __init__(self, x):
        self.x = x


class Triple(NamedTuple):
    a: Any
    b: Any
    c: Any = None


class OwnNew(Point):
    """Is made by a method of its own."""

    def __new__(cls, x, y):
        self = super().__new__(cls, x, y)
        self.made = True
        return self


class CopiedState:
    """Gives a new dict as its state, and takes it whole."""

    def __init__(self, x, y):
        self.x, self.y = x, y

    def __getstate__(self):
        return {"x": self.x, "y": self.y}

    def __setstate__(self, state):
        self.__dict__ = state


class TakesState:
    """Gives its own attributes as its state."""

    def __setstate__(self, state):
        self.__dict__.update(state)
        self.kept = state


class Level(enum.IntFlag):
    LOW = 1
    HIGH = 2


def slotted(x, y):
    """One slot may stay empty."""
    thing = Slotted()
    thing.left = x
    if y is not None:
        thing.right = y
    return thing


def with_attributes(cls, x, y):
    thing = cls()
    thing.left, thing.extra, thing.x = x, y, 1
    return thing


def guarded(x, y):
    thing = Guarded()
    thing.y, thing.x = y, x
    return thing


def taking(x, y):
    thing = TakesState()
    thing.x, thing.y = x, y
    return thing


DAY = datetime.datetime(2024, 1, 1, 3)
ZONES = [datetime.UTC, datetime.timezone(datetime.timedelta(hours=2))]
ROWS = {
    "point": lambda i, x: Point(i, x),
    "triple": lambda i, x: Triple(f"t{i}", [i], x),
    "own_new": lambda i, x: OwnNew(i, x),
    "frozen": lambda i, x: FrozenWithMore(x, [i]),
    "slotted_data": lambda i, x: SlottedData(i, x),
    "frozen_slotted": lambda i, x: FrozenSlotted(x, (i, x)),
    "slotted": lambda i, x: slotted(x, [i]),
    "slot_missing": lambda i, x: slotted(x, i if i % 5 else None),
    "slots_and_dict": lambda i, x: with_attributes(SlottedAndDict, x, [i]),
    "guarded": lambda i, x: guarded(i, x),
    "boxed": lambda i, x: Boxed([x]),
    "reducing": lambda i, x: Reducing(i, [x]),
    "reducing_state": lambda i, x: ReducingWithState(x, i),
    "reducing_differently": lambda i, x: Reducing(*[x] * (i % 3)),
    "copied_state": lambda i, x: CopiedState([i], x),
    "taking": lambda i, x: taking([i], x),
    "new": lambda i, x: MyTuple((i, x)),
    "celsius": lambda i, x: MyStr(i),
    "dict": lambda i, x: {"a": i, "b": x, "c": [i]},
    "ragged": lambda i, x: {"a": i, **({"b": x} if i % 3 else {}), **({"c": [i]} if i % 4 else {})},
    "map": lambda i, x: {f"k{i + j}": x for j in range(i % 4)},
    "odd_map": lambda i, x: {(i, j): [x] for j in range(i % 3)},
    "set": lambda i, x: {i, (i, "a")},
    "frozenset": lambda i, x: frozenset([i, f"f{i}"]),
    "mixed": lambda i, x: (None, i, f"s{i}", 0.5 * i, [i], x)[i % 6],
    "none_or_text": lambda i, x: f"s{i}" if i % 3 else None,
    "number": lambda i, x: i if i % 2 else i * 0.5,
    "scalar": lambda i, x: np.float32(i / 3),
    "moment": lambda i, x: np.datetime64(i, "s") if i % 7 else np.datetime64("NaT", "s"),
    "units": lambda i, x: np.timedelta64(i, "s" if i % 2 else "ms"),
    "complex": lambda i, x: complex(i, float("nan") if i % 5 == 0 else -0.0),
    "datetime": lambda i, x: DAY + datetime.timedelta(hours=i),
    "aware": lambda i, x: (DAY + datetime.timedelta(microseconds=i)).replace(tzinfo=ZONES[1]),
    "zones": lambda i, x: (DAY + datetime.timedelta(hours=i)).replace(tzinfo=ZONES[i % 2]),
    "folded": lambda i, x: (DAY + datetime.timedelta(hours=i)).replace(fold=i % 2),
    "date": lambda i, x: datetime.date(1 + 30 * i, 2, 3),
    "time": lambda i, x: datetime.time(i % 24, i % 60, 3, 4, tzinfo=ZONES[0] if i < 500 else None),
    "timedelta": lambda i, x: datetime.timedelta(i - 20, 5, 6),
    "long_timedelta": lambda i, x: datetime.timedelta(days=999_999_999 - i),
    "few_dates": lambda i, x: DATES[i % 3],
    "colour": lambda i, x: [Colour.RED, Colour.BLUE][i * i % 3 % 2],
    "flags": lambda i, x: Level(i % 4),
    "path": lambda i, x: pathlib.PurePosixPath(f"/a/b{i}\udc80" if i % 9 == 0 else f"b{i}"),
    "uuid": lambda i, x: uuid.UUID(int=i << 100),
    "decimal": lambda i, x: decimal.Decimal(i) / 8 if i % 9 else decimal.Decimal("NaN12"),
    "fraction": lambda i, x: Fraction(i * 2**70, 7),
    "bytes": lambda i, x: bytes(range(i % 5)) * 2,
    "bytearray": lambda i, x: bytearray(range(i % 5)),
    "repeats": lambda i, x: ["alpha", "beta"][i % 2],
    "array": lambda i, x: np.arange(2.0) + i,
    "objects": lambda i, x: [i, x],
}  # fmt: skip
DATES = [datetime.date(2024, 1, day) for day in (1, 2, 3)]
COUNTS = (8, 12, 40, 70, 300)

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
    "many": list, "many_values": dict,
}  # fmt: skip
FROZEN = (
    "many_objects",
    "tuple",
    "frozenset",
    "reducing",
    "reducing_state",
    "new",
    "point",
    "frozen",
    "mytuple",
    "array",
    "bytearray",
)
HASHABLE = (Plain, Slotted, Frozen, Copied)
KINDS = [*MUTABLE, *FROZEN, "atom", *["many", "many_values", "many_objects"] * 3]


def build(plan):
    """Make a graph: each step is a kind and numbers, which say what it holds; mutable things are filled last."""
    made = []
    for kind, numbers in plan:
        made.append(MUTABLE[kind]() if kind in MUTABLE else make(kind, numbers, made or [None]))
    for (kind, numbers), thing in zip(plan, made, strict=True):
        if kind in ("many", "many_values"):
            rows = many(numbers, made)
            thing.extend(rows) if kind == "many" else thing.update({f"k{i}": row for i, row in enumerate(rows)})
        elif kind in MUTABLE:
            fill(thing, numbers, made)
    return made[-1]


def make(kind, numbers, made):
    parts = [made[number % len(made)] for number in numbers]
    if kind == "many_objects":
        rows = many(numbers, made)
        array = np.empty(len(rows), object)
        for index, row in enumerate(rows):
            array[index] = row
        return array.reshape(2, -1, order="CF"[len(numbers) % 2])
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


def many(numbers, made):
    """Like rows: what the first number says, as often as the second, around things that are in the graph or not."""
    first, second, *others = [*numbers, 0, 0, 0]
    make_row = [*ROWS.values()][(first + 41 * second) % len(ROWS)]
    count, parts = COUNTS[second % len(COUNTS)], [made[number % len(made)] for number in others]
    rows = [make_row(i, parts[i % len(parts)] if i % 4 == second % 4 else i) for i in range(count)]
    if len(others) % 3 == 1:
        rows[3] = rows[5]  # what is met again
    return rows


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
            if not isinstance(left, REMEMBERED):
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


REMEMBERED = (
    *(datetime.date, datetime.time, datetime.timedelta, datetime.tzinfo),
    *(decimal.Decimal, Fraction, pathlib.PurePath, uuid.UUID),
)
"""Values of which pickle keeps that two are one."""


def is_atom(thing):
    return isinstance(
        thing,
        (type(None), bool, int, float, complex, str, bytes, enum.Enum, datetime.date, datetime.timedelta,
         datetime.time, uuid.UUID, Fraction, decimal.Decimal, pathlib.PurePath, range, slice, type, np.generic,
         np.dtype, type(len), type(...), type(NotImplemented)),
    )  # fmt: skip


def parts_of(thing):
    """What a thing holds, with a name for each: items, then attributes."""
    if isinstance(thing, pathlib.PurePath):
        return []  # its slots are caches, which from Python 3.12 on say how it was made
    if isinstance(thing, np.ndarray):
        return [("shape", str((thing.shape, thing.dtype, thing.flags.writeable)))] + list(
            enumerate(thing.ravel().tolist())
        )
    items = []
    if isinstance(thing, (datetime.datetime, datetime.time)):
        return [("zone", thing.tzinfo)]
    if isinstance(thing, pathlib.PurePath):
        return []  # its slots keep how it was made and what was asked of it, which differs from Python to Python
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
