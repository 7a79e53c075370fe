"""Columns of any mixture of values, as people have them, and where two of them differ in type, bits or identity."""

import collections
import dataclasses
import datetime
import decimal
import enum
import math
import pathlib
import struct
import uuid
import zoneinfo
from fractions import Fraction
from typing import NamedTuple

import numpy as np

COUNTS = (7, 8, 9, 64, 1000)


class Text(str):
    pass


class Whole(int):
    pass


class Real(float):
    pass


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Name(enum.StrEnum):
    A = "a"


class Cell:
    def __init__(self, value, number):
        self.value, self.number = value, number


@dataclasses.dataclass(slots=True)
class Slotted:
    value: object
    number: int


class Pair(NamedTuple):
    value: object
    number: int


def bits(text):
    return struct.unpack(">d", bytes.fromhex(text))[0]


POWERS = [0, 1, 2, 7, 8, 15, 16, 31, 32, 52, 53, 62, 63, 64, 65, 127, 128, 1100]
INTS = [sign * 2**power + near for power in POWERS for near in (-1, 0, 1) for sign in (1, -1)]
FLOATS = [
    *(0.0, -0.0, 1.0, -1.0, 0.1, 2.0**53, 2.0**63, 2.0**64, 1e300, math.inf, -math.inf, math.nan, -math.nan),
    *(5e-324, -5e-324, 2.2250738585072009e-308, 2.2250738585072014e-308, 1.7976931348623157e308),
    *map(bits, ("7ff8000000000001", "fff8dead00000000", "7ff4000000000000")),
]  # fmt: skip
MOMENTS = [
    datetime.datetime(1, 1, 1), datetime.datetime.max, datetime.datetime(2024, 10, 27, 2, 30, fold=1),
    datetime.datetime(2024, 5, 1, 12, 0, 0, 1, datetime.UTC),
    datetime.datetime(2024, 5, 1, 12, tzinfo=datetime.timezone(datetime.timedelta(hours=-3, seconds=1))),
    datetime.datetime(2024, 5, 1, 12, tzinfo=zoneinfo.ZoneInfo("UTC")),
]  # fmt: skip
DURATIONS = [datetime.timedelta(0), datetime.timedelta.max, datetime.timedelta.min, datetime.timedelta(microseconds=-1)]
SCALAR_TYPES = [
    *(np.bool_, np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64, np.longlong),
    *(np.float16, np.float32, np.float64, np.longdouble, np.complex64, np.complex128, np.clongdouble),
]


def _scalar(random):
    make = random.choice(SCALAR_TYPES)
    kind = np.dtype(make).kind
    with np.errstate(all="ignore"):
        if kind in "iu":
            limits = np.iinfo(make)
            return make(random.choice([limits.min, limits.max, 0, 1, limits.max // 2, random.randint(0, 127)]))
        return make(random.choice(FLOATS)) if kind in "fc" else make(random.choice((0, 1)))


def _bits_of_a_scalar(random):
    """Any bits at all, signalling ones among them."""
    dtype = np.dtype(random.choice(["f2", "f4", "f8", "c8", "c16"]))
    return np.frombuffer(random.randbytes(dtype.itemsize), dtype)[0]


DRAWS = {
    "ints": lambda r: r.choice(INTS),
    "ints of a range": lambda r: r.randint(-(2 ** r.choice(POWERS[:14])), 2 ** r.choice(POWERS[:14])),
    "small": lambda r: r.randint(-3, 3),
    "bools": lambda r: r.random() < 0.5,
    "floats": lambda r: r.choice(FLOATS),
    "whole floats": lambda r: float(r.randint(-5, 5)),
    "any floats": lambda r: struct.unpack("d", r.randbytes(8))[0],
    "complex": lambda r: complex(r.choice(FLOATS), r.choice(FLOATS)),
    "scalars": _scalar,
    "any scalars": _bits_of_a_scalar,
    "float64": lambda r: np.float64(r.choice(FLOATS)),
    "int64": lambda r: np.int64(r.randint(-5, 5)),
    "numpy moments": lambda r: r.choice((np.datetime64, np.timedelta64))(
        r.choice([0, 1, -1, 2**40, "NaT"]), r.choice(["D", "s", "us", "ns", "M"])
    ),
    "numpy text": lambda r: r.choice((np.str_("a"), np.str_("bc"), np.bytes_(b"a"))),
    "decimals": lambda r: decimal.Decimal(r.choice(["-0", "1", "1.10", "1E+400", "NaN", "sNaN", "NaN12", "-Infinity"])),
    "fractions": lambda r: Fraction(r.randint(-(2**70), 2**70), r.randint(1, 9)),
    "texts": lambda r: r.choice(["", "a", "a\n", "ü", "\ud800", "1", "True", "x" * 250, "nan", "$"]),
    "own texts": lambda r: Text(r.choice(["", "a", "1"])),
    "own ints": lambda r: Whole(r.choice(INTS)),
    "own floats": lambda r: Real(r.choice(FLOATS)),
    "members": lambda r: r.choice([Level.LOW, Level.HIGH, Name.A]),
    "bytes": lambda r: r.randbytes(r.randint(0, 3)),
    "bytearrays": lambda r: bytearray(r.randbytes(r.randint(0, 3))),
    "dates": lambda r: datetime.date.fromordinal(r.randint(1, datetime.date.max.toordinal())),
    "datetimes": lambda r: r.choice(MOMENTS).replace(microsecond=r.randint(0, 999_999)),
    "shared datetimes": lambda r: r.choice(MOMENTS),
    "times": lambda r: r.choice(MOMENTS).timetz(),
    "durations": lambda r: datetime.timedelta(microseconds=r.randint(-(2**60), 2**60)),
    "short durations": lambda r: datetime.timedelta(r.randint(-1, 1)),
    "shared durations": lambda r: r.choice(DURATIONS),
    "uuids": lambda r: uuid.UUID(int=r.getrandbits(128)),
    "paths": lambda r: pathlib.PurePosixPath(r.choice(["/a", "b", "."])),
    "None": lambda r: None,
    "tuples": lambda r: tuple(r.choice(INTS) for _ in range(r.randint(0, 2))),
    "lists": lambda r: [r.choice([*INTS, *FLOATS, True, None]) for _ in range(r.randint(0, 2))],
    "maps": lambda r: {r.choice([1, True, 1.0, "a", Text("a")]): r.choice(INTS) for _ in range(r.randint(0, 2))},
    "rows": lambda r: {r.choice(["a", Text("a")]): r.choice(INTS)},
    "arrays": lambda r: np.array([r.choice(FLOATS)]),
}  # fmt: skip
SHARED = 0.05
"""So often what was drawn before comes again, as the same object."""


def values(random, count, sorts):
    """A column: some sorts of values, alike or in a row, at random or one behind the other."""
    drawn = []
    weights = [random.choice((1, 1, 9, 99)) for _ in sorts]
    is_shared = random.random() < 0.3
    for _ in range(count):
        if is_shared and drawn and random.random() < SHARED:
            drawn.append(random.choice(drawn))
        else:
            drawn.append(DRAWS[random.choices(sorts, weights)[0]](random))
    return drawn


WRAPS = {
    "list": lambda column: column,
    "dict rows": lambda column: [{"value": value, "number": i} for i, value in enumerate(column)],
    "dict rows of two": lambda column: [{"value": value, "again": value} for value in column],
    "attributes": lambda column: [Cell(value, i) for i, value in enumerate(column)],
    "slots": lambda column: [Slotted(value, i) for i, value in enumerate(column)],
    "fields": lambda column: [Pair(value, i) for i, value in enumerate(column)],
    "tuples": lambda column: [(i, value) for i, value in enumerate(column)],
    "short tuples": lambda column: [(value,) for value in column],
    "a tuple": tuple,
    "dict values": lambda column: {f"k{i}": value for i, value in enumerate(column)},
    "nested": lambda column: [{"rows": column[i : i + 9], "n": i} for i in range(0, len(column), 3)],
    "maps": lambda column: [{f"k{i % 7}": value, f"l{i % 3}": i} for i, value in enumerate(column)],
    "objects": lambda column: np.fromiter(column, object, len(column)),
    "deque": collections.deque,
}


def draw(random):
    """The name of a mixture and a thing that has it in its columns."""
    sorts = random.sample(sorted(DRAWS), random.choice((1, 1, 2, 2, 3, 4)))
    sorts += ["None"] * (random.random() < 0.3)
    count, wrap = random.choice(COUNTS), random.choice(sorted(WRAPS))
    return f"{wrap} of {count} {sorts}", WRAPS[wrap](values(random, count, sorts))


# -- comparing -----------------------------------------------------------------


REMEMBERED = (
    *(list, dict, bytearray, np.ndarray, collections.deque, Cell, Slotted, Text, Whole, Real, np.generic),
    *(datetime.date, datetime.time, datetime.timedelta, decimal.Decimal, Fraction, pathlib.PurePath, uuid.UUID),
    *(datetime.tzinfo, enum.Enum),
)
"""Of these it is seen who is whom; of numbers, text, bytes and tuples that hold nothing else nobody asks."""


def exact(left, right):
    """Say where two things differ in type, in a bit, or in which parts are the same object."""
    there, back, kept = {}, {}, []
    waiting = [(left, right, "it")]
    while waiting:
        left, right, path = waiting.pop()
        if type(left) is not type(right):
            return f"{path}: {type(left).__name__} {left!r} and {type(right).__name__} {right!r}"
        if isinstance(left, REMEMBERED):
            kept.append((left, right))
            if id(left) in there or id(right) in back:
                if there.get(id(left)) != id(right):
                    return f"{path}: identity of a {type(left).__name__} {left!r}"
                continue
            there[id(left)], back[id(right)] = id(right), id(left)
        parts = [_parts(thing) for thing in (left, right)]
        if parts[0] is None:
            if _bits(left) != _bits(right):
                return f"{path}: {left!r} and {right!r}, {_bits(left)} and {_bits(right)}"
            continue
        kept.append(parts)
        if len(parts[0]) != len(parts[1]):
            return f"{path}: {len(parts[0])} and {len(parts[1])} parts"
        waiting.extend((one, other, f"{path}.{number}") for number, (one, other) in enumerate(zip(*parts, strict=True)))
    return ""


def _parts(thing):
    if isinstance(thing, dict):
        return [part for pair in thing.items() for part in pair]
    if isinstance(thing, np.ndarray):
        return thing.tolist() if thing.dtype == object else None
    if isinstance(thing, (list, tuple, set, collections.deque)):  # sets of one
        return list(thing)
    if isinstance(thing, Cell):
        return [*thing.__dict__, *thing.__dict__.values()]
    return [thing.value, thing.number] if isinstance(thing, Slotted) else None


def _bits(value):
    if isinstance(value, (np.generic, np.ndarray)):
        size = 10 if value.dtype in (np.longdouble, np.clongdouble) else value.dtype.itemsize  # the rest is padding
        data = value.tobytes()
        return value.dtype.str, [data[at : at + size] for at in range(0, len(data), value.dtype.itemsize)][:1]
    if isinstance(value, float):
        return struct.pack("d", value), vars(value) if type(value) is Real else None
    if isinstance(value, complex):
        return struct.pack("dd", value.real, value.imag)
    if isinstance(value, (datetime.datetime, datetime.time)):
        return repr(value), value.fold
    return repr(value)
