"""The shapes of data that are measured: each workload builds its object from one number."""

from __future__ import annotations

import datetime
import enum
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np


@dataclass(frozen=True)
class Workload:
    """A shape of data and how much of it there is.

    Parameters
    ----------
    title : str
        What the tables call it; ``{n}`` stands for its number.
    build : callable
        Makes the object from the number.
    full, quick : int
        The number in a full run and in a quick one.
    needs : str
        The package without which it is skipped.
    tiny : bool
        Whether only the fixed costs count, so that it is left out of the means.
    """

    title: str
    build: Callable[[int], Any]
    full: int
    quick: int
    needs: str = ""
    tiny: bool = False

    def number(self, *, quick: bool) -> int:
        """The number of this run."""
        return self.quick if quick else self.full

    def label(self, *, quick: bool) -> str:
        """The title with the number of this run."""
        return self.title.format(n=self.number(quick=quick))


# -- the classes of what is stored ---------------------------------------------------------


class Sample:
    """A plain instance."""

    def __init__(self, i: int) -> None:
        self.number = i
        self.weight = i / 7
        self.label = f"sample-{i}"
        self.window = [i, i + 5]
        self.parent = None


class Bond:
    """An instance whose attributes are instances."""

    def __init__(self, i: int) -> None:
        self.left = Sample(i)
        self.right = Sample(i + 1)
        self.length = 1 + i / 1000


class Vertex:
    """A node of a graph with shared parts and cycles."""

    def __init__(self, i: int, limits: dict[str, float], table: np.ndarray[Any, Any]) -> None:
        self.number = i
        self.limits = limits
        self.table = table
        self.links: list[Vertex] = []


class Point(NamedTuple):
    """A named tuple."""

    x: float
    y: float
    label: str


@dataclass(frozen=True)
class Frozen:
    """A frozen dataclass."""

    x: float
    count: int
    label: str


@dataclass(slots=True)
class Slotted:
    """A dataclass with slots."""

    x: float
    count: int
    label: str


@dataclass
class Task:
    """A node of a tree with many small parts."""

    name: str
    inputs: dict[str, Any]
    results: list[float]
    cell: np.ndarray[Any, Any]
    children: list[Task] = field(default_factory=list)


class Phase(enum.Enum):
    """An enum."""

    SOLID = "solid"
    LIQUID = "liquid"
    GAS = "gas"


# -- the objects ------------------------------------------------------------------------


def array(n: int) -> Any:
    """One array of n MB."""
    return np.random.default_rng(1).random(n * 125_000)


def arrays(n: int) -> Any:
    """A dict of arrays of 8 kB."""
    generator = np.random.default_rng(2)
    return {f"array-{i}": generator.random(1000) for i in range(n)}


def dicts(n: int) -> Any:
    """Dicts with like keys."""
    return [
        {"id": i, "name": f"row-{i}", "score": i / 3, "tags": [f"a{i % 5}", f"b{i % 3}"], "at": (i / 10, i / 20)}
        for i in range(n)
    ]


def uneven_dicts(n: int) -> Any:
    """Dicts of which one in a thousand has keys of its own."""
    rows = dicts(n)
    for i, row in enumerate(rows[::1000]):
        row.pop("score")
        row[f"remark-{i}"] = "by hand"
    return rows


def nested_lists(n: int) -> Any:
    """Lists of dicts of lists."""
    return [[{"path": [i, j, f"{i}.{j}"], "values": [i / 3, j / 3]} for j in range(1 + i % 3)] for i in range(n)]


def task_tree(n: int) -> Any:
    """A tree of dataclasses with eight branches."""
    generator = np.random.default_rng(3)
    tasks = [
        Task(f"task-{i}", {"cutoff": i / 4, "grid": [2, 2, i % 5], "mode": "relax"}, [i / 9, -i / 9], cell)
        for i, cell in enumerate(generator.random((n, 3, 3)))
    ]
    for task in tasks:
        task.cell = task.cell.copy()  # an array of its own, not a view of the one drawn
    for i in range(1, n):
        tasks[(i - 1) // 8].children.append(tasks[i])
    return tasks[0]


def graph(n: int) -> Any:
    """A tree of vertices that share two objects, linked both ways and to the first; flat, for pickle's recursion."""
    limits, table = {"low": 0.5, "high": 2.5}, np.arange(500.0)
    vertices = [Vertex(i, limits, table) for i in range(n)]
    for i in range(1, n):
        parent = vertices[(i - 1) // 2]
        parent.links.append(vertices[i])
        vertices[i].links.append(parent)
        vertices[i].links.append(vertices[0])
    return vertices


def atoms(n: int) -> Any:
    """Crystals of 32 atoms."""
    from ase.build import bulk

    crystals: list[Any] = [bulk("Al", cubic=True, a=4.05 + i / 10_000) * 2 for i in range(n)]
    for i, crystal in enumerate(crystals):
        crystal.rattle(0.02, seed=i)
    return crystals


def frame(n: int) -> Any:
    """A DataFrame with columns of six kinds."""
    import pandas as pd

    generator = np.random.default_rng(4)
    return pd.DataFrame(
        {
            "energy": generator.random(n),
            "force": generator.random(n),
            "step": np.arange(n),
            "label": [f"frame-{i}" for i in range(n)],
            "when": pd.date_range("2024-03-01", periods=n, freq="s"),
            "phase": pd.Categorical(generator.choice(["solid", "liquid", "gas"], n)),
        }
    )


def floats(n: int) -> Any:
    """A list of floats."""
    return np.random.default_rng(5).random(n).tolist()


def ints(n: int) -> Any:
    """A list of ints."""
    return [i * 4099 for i in range(n)]


def strings(n: int) -> Any:
    """A list of short strings."""
    source = random.Random(6)
    return [f"{source.random():.8f}" for _ in range(n)]


def wide_dict(n: int) -> Any:
    """One dict of many keys."""
    return {f"name-{i}": i for i in range(n)}


def nested(n: int) -> Any:
    """Dicts and lists in each other, n levels deep."""
    found: Any = "bottom"
    for i in range(n // 2):
        found = {"level": i, "below": [i, found]}
    return found


def numpy_scalars(n: int) -> Any:
    """A dict of numpy scalars."""
    return {f"value-{i}": np.float64(i / 3) for i in range(n)}


def datetimes(n: int) -> Any:
    """A list of datetimes."""
    start = datetime.datetime(2024, 1, 1)
    return [start + datetime.timedelta(seconds=37 * i, microseconds=i) for i in range(n)]


def object_array(n: int) -> Any:
    """An array of dtype object that holds strings."""
    return np.array(strings(n), dtype=object)


def enums(n: int) -> Any:
    """A list of members of an enum."""
    members = list(Phase)
    return [members[i * i % 3] for i in range(n)]


def irregular(n: int) -> Any:
    """A list of small trees of one to seven containers, hardly two of one shape."""
    source = random.Random(7)
    return [_tree(source, source.randint(1, 7)) for _ in range(n)]


def _tree(source: random.Random, size: int) -> Any:
    """One container that holds size - 1 others, however deep, and up to three leaves."""
    leaves = [source.choice([None, True, source.random(), source.randrange(999), "leaf"]) for _ in range(3)]
    parts: list[Any] = leaves[: source.randrange(4)]
    left = size - 1
    while left:
        branch = source.randint(1, left)
        parts.append(_tree(source, branch))
        left -= branch
    kind = source.choice([list, tuple, dict])
    return kind(parts) if kind is not dict else {f"k{source.randrange(50)}-{i}": part for i, part in enumerate(parts)}


def containers(found: Any) -> int:
    """How many lists, tuples and dicts there are."""
    count, stack = 0, [found]
    while stack:
        part = stack.pop()
        if isinstance(part, list | tuple | dict):
            count += 1
            stack.extend(part.values() if isinstance(part, dict) else part)
    return count


WORKLOADS = {
    "array": Workload("array of {n} MB", array, 100, 10),
    "arrays": Workload("{n:,} arrays of 8 kB", arrays, 1000, 100),
    "dicts": Workload("{n:,} dicts", dicts, 20_000, 2000),
    "instances": Workload("{n:,} instances", lambda n: [Sample(i) for i in range(n)], 20_000, 2000),
    "tree": Workload("tree of {n:,} dataclasses", task_tree, 2000, 200),
    "atoms": Workload("{n:,} ASE atoms", atoms, 500, 50, needs="ase"),
    "frame": Workload("DataFrame, {n:,} rows", frame, 200_000, 20_000, needs="pandas"),
    "floats": Workload("{n:,} floats", floats, 1_000_000, 50_000),
    "ints": Workload("{n:,} ints", ints, 1_000_000, 50_000),
    "strings": Workload("{n:,} strings", strings, 200_000, 20_000),
    "wide": Workload("dict of {n:,} ints", wide_dict, 100_000, 10_000),
    "graph": Workload("cyclic graph of {n:,} nodes", graph, 2000, 200),
    "namedtuples": Workload(
        "{n:,} named tuples", lambda n: [Point(i / 3, i / 7, f"p{i}") for i in range(n)], 20_000, 2000
    ),
    "frozen": Workload(
        "{n:,} frozen dataclasses", lambda n: [Frozen(i / 3, i, f"f{i}") for i in range(n)], 20_000, 2000
    ),
    "slotted": Workload(
        "{n:,} slotted dataclasses", lambda n: [Slotted(i / 3, i, f"s{i}") for i in range(n)], 20_000, 2000
    ),
    "uneven": Workload("{n:,} dicts, keys differ in a few", uneven_dicts, 20_000, 2000),
    "lists": Workload("{n:,} lists of dicts of lists", nested_lists, 20_000, 2000),
    "bonds": Workload("{n:,} instances of instances", lambda n: [Bond(i) for i in range(n)], 20_000, 2000),
    "scalars": Workload("dict of {n:,} numpy scalars", numpy_scalars, 50_000, 5000),
    "datetimes": Workload("{n:,} datetimes", datetimes, 20_000, 2000),
    "objects": Workload("object array of {n:,} strings", object_array, 100_000, 10_000),
    "enums": Workload("{n:,} enums", enums, 10_000, 1000),
    "irregular": Workload("{n:,} irregular small objects", irregular, 20_000, 1000),
    "scalar": Workload("one int", lambda n: n, 42, 42, tiny=True),
    "nested": Workload("nested {n} levels", nested, 200, 200, tiny=True),
}

GROWING = {
    "dicts": dicts,
    "instances": WORKLOADS["instances"].build,
    "arrays of 8 kB": arrays,
    "strings": strings,
}

BESIDE = ("array", "strings", "irregular")
