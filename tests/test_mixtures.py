"""Mixtures of magnitudes, signs and types in columns: type, bits and identity are those that pickle keeps."""

import datetime
import math
import pickle
import random
import struct

import numpy as np
import pytest
from mixtures import FLOATS, INTS, Cell, Text, draw, exact

import pyiron_storage as ps

FILES = [None, "f.h5", "f.jsondir", "f.json"]


def back(thing, file=None):
    """What a storage, or a file, gives back."""
    if file is not None:
        ps.save(thing, file)
        return ps.load(file)
    storage = ps.MemoryStorage()
    storage["it"] = thing
    return storage.load("it")


def pickled(thing):
    return pickle.loads(pickle.dumps(thing, pickle.HIGHEST_PROTOCOL))


@pytest.mark.parametrize("batch", range(10))
def test_any_mixture_comes_back_as_with_pickle(batch):
    for seed in range(40 * batch, 40 * batch + 40):
        name, thing = draw(random.Random(seed))
        assert exact(pickled(thing), back(thing)) == "", f"seed {seed}: {name}"


@pytest.mark.parametrize("file", FILES[1:])
def test_any_mixture_comes_back_from_a_file(file):
    things = dict(draw(random.Random(seed)) for seed in range(1000, 1060))
    assert exact(pickled(things), back(things, file)) == ""


@pytest.mark.stress
@pytest.mark.timeout(3600)
def test_a_million_values_in_any_mixture():
    generator, count = random.Random(), 0
    while count < 1_000_000:
        seed = generator.getrandbits(64)
        name, thing = draw(random.Random(seed))
        assert exact(pickled(thing), back(thing, random.Random(seed).choice([None] * 9 + FILES[1:]))) == "", (
            f"seed {seed}: {name}"
        )
        count += len(thing)


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize(
    "numbers",
    [
        [-5, 5_000_000_000] * 40,
        [-1] + [2**60 + 1] * 100,
        [-1, 2**63 - 1] * 50,
        [0, 2**63] * 50,
        [-(2**63), 2**64 - 1] * 50,
        [-1, 255] * 50,
        [-129, 127] * 50,
        [True, 1, 1.0, np.int8(1), np.True_] * 20,
        [2**53, 2.0**53, 2**53 + 1] * 30,
        [0.0, -0.0, 0, False] * 30,
        FLOATS * 5,
        INTS * 5,
    ],
    ids=str,
)
def test_numbers_stay_what_they_are_wherever_they_stand(numbers, file):
    thing = {
        "list": numbers,
        "rows": [{"n": number, "i": i} for i, number in enumerate(numbers)],
        "objects": [Cell(number, i) for i, number in enumerate(numbers)],
        "tuples": [(number, i) for i, number in enumerate(numbers)],
        "nested": [[number] * 2 for number in numbers],
        "values": {f"k{i}": number for i, number in enumerate(numbers)},
        "keys": {number: i for i, number in enumerate(numbers)},
        "set": [{number} for number in numbers],
        "objects of an array": np.array([*numbers, None], object)[:-1],
    }
    assert exact(pickled(thing), back(thing, file)) == ""


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("old", [[1, 2, 3], [-1, 300], [0, 70_000], [-(2**40), 2**40], [True, False], [0.5, 1.5]])
def test_a_number_that_a_column_cannot_hold_opens_it(old, file):
    """Before version 2, numpy takes -1 for 255 where bytes without sign are."""
    for new in [-1, 255, 256, -129, 2**31, -(2**31) - 1, 2**32, 2**63, 2**64 - 1, 2**64, True, 0.5, -0.0, *FLOATS[-4:]]:
        with ps.open_storage(file) if file else ps.MemoryStorage() as storage:
            storage["it"] = numbers = old * 40
            storage["rows"] = [{"n": number} for number in numbers]
            storage["it"][5] = new
            storage["rows/5"]["n"] = new
            numbers[5] = new
            assert exact(numbers, storage.load("it")) == ""
            assert exact([{"n": number} for number in numbers], storage.load("rows")) == ""


@pytest.mark.parametrize("file", FILES)
def test_not_a_number_keeps_its_bits(file):
    values = {"nan": math.nan, "-nan": -math.nan, "payload": struct.unpack(">d", bytes.fromhex("7ff8000000000001"))[0]}
    with ps.open_storage(file) if file else ps.MemoryStorage() as storage:
        for name, value in values.items():
            storage[name] = value
            storage[f"complex {name}"] = complex(0.0, value)
            storage[f"in {name}"] = [value]
            storage[f"key {name}"] = {value: 1}
            assert exact(value, storage[name]) == ""
            assert exact(value, storage.load(name)) == ""
            assert exact(complex(0.0, value), storage.load(f"complex {name}")) == ""
            assert exact([value], storage.load(f"in {name}")) == ""
            assert exact(value, storage[f"in {name}"][0]) == ""
            assert exact(value, next(iter(storage.load(f"key {name}")))) == ""


@pytest.mark.parametrize("count", [9, 100])
def test_a_key_that_only_equals_a_text_is_another_key(count):
    rows = [{"a": i, "b": str(i)} for i in range(count)]
    rows[4] = {Text("a"): 4, "b": "4"}
    objects = [Cell(i, i) for i in range(count)]
    objects[4].__dict__ = {"value": 4, Text("number"): 4}
    for things in (rows, objects, [{1: i} if i % 2 else {True: i} for i in range(count)]):
        assert exact(pickled(things), back(things)) == ""
        assert exact(pickled([things, things]), back([things, things])) == ""
        shared = [things, [{"row": row} for row in things]]
        assert exact(pickled(shared), back(shared)) == ""


SHARED = {
    "float64": lambda i: np.float64(i),
    "int8": lambda i: np.int8(i % 100),
    "complex128": lambda i: np.complex128(i),
    "datetime64": lambda i: np.datetime64(i, "s"),
    "str_": lambda i: np.str_(i),
    "void": lambda i: np.void(bytes([i % 256])),
    "structured": lambda i: np.array((i, 0.5), [("n", "i4"), ("x", "f8")])[()],
    "dtype": lambda i: np.dtype([("n", "i4"), (f"x{i % 3}", "f8")]),
    "timedelta": lambda i: datetime.timedelta(i),
}


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("name", SHARED)
@pytest.mark.parametrize("count", [2, 9, 200])
def test_what_stands_twice_is_one(name, count, file):
    make = SHARED[name]
    one = make(0)
    column = [make(i) for i in range(1, count)]
    for things in ([one, one], [one, *column, one], [one] * count, [{"a": one, "b": make(i)} for i in range(count)]):
        assert exact(pickled([things, one]), loaded := back([things, one], file)) == ""
        assert (loaded[0][0]["a"] if isinstance(things[0], dict) else loaded[0][0]) is loaded[1]


def test_a_few_that_are_shared_leave_a_column_compact():
    for make in (np.float64, lambda i: datetime.timedelta(i % 7)):
        values = [make(i) for i in range(1000)]
        values[7] = values[500]
        storage = ps.MemoryStorage()
        storage["it"] = values
        assert len(storage["it"]._place().record.text()) < 2_000
