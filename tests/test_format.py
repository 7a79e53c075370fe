"""The page `docs/format.md` is true: its examples are what the library writes, and its reader reads any file."""

import ast
import json
import pickle
import re
import shutil
import subprocess
import sys
import types
from itertools import pairwise
from pathlib import Path

import h5io
import h5py
import numpy as np
import pytest

import pyiron_storage as ps
from pyiron_storage.records.columns.kind import COLUMN_KINDS
from pyiron_storage.records.rule import REGISTRY

PAGE = (Path(__file__).parents[1] / "docs" / "format.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```([^\n]*)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
SUFFIXES = [".h5", ".jsondir", ".json"]
EMPTY_HEADER = '{"pyiron_storage":1,"types":[]}'
NO_NAME_IN_A_DOCUMENT = {"plain", "list", "view", "raw", "array subclass", "texts"}
"""Rules whose objects JSON has, or that are written as what they show."""
NO_RULE_IN_THE_REGISTRY = {"parts", "code"}
WITHOUT_EXAMPLE = {"arrow"}
"""Needs pyarrow, which the tests do not install."""
WITHOUT_EXAMPLE |= {"tensor", "tensorobject", "sparsetensor", "nestedtensor", "quantizedtensor", "torch", "torchsize"}
"""Need torch; tests/test_torch.py has examples of them."""
"""Names that stand behind "$" without being a rule of objects."""
RULES_OF_VALUES = {"float", "int", "str", "complex", "bytes", "bytearray", "array", "scalar", "dtype"}
RULES_OF_VALUES |= {"column", "dict", "tuple", "set", "frozenset", "parts"}
"""Rules for which the reader of the page gives the very value."""


COLUMNS_OF_VALUES = {"constant", "number", "text", "complex", "scalar", "bytes", "bytearray", "list", "tuple", "set"}
COLUMNS_OF_VALUES |= {"frozenset", "dict", "map", "array", "mixed", "coded", "nodes"}
"""Kinds of columns for which it does, if it does for what they hold."""


def block(info):
    """The text of the one block with this first line."""
    (text,) = [text for found, text in BLOCKS if found == info]
    return text


def examples():
    """Yield the code, the changes and the lines of each example of the page."""
    code = ""
    for (info, text), (following, shown) in pairwise(BLOCKS):
        if info in ("python example", "python update"):
            assert following == "json", f"no lines are shown for {text}"
            code = text if info == "python example" else code
            changes = text if info == "python update" else ""
            yield pytest.param(code, changes, shown.splitlines(), id=(changes or code).splitlines()[-1])


def table(heading):
    """The rows of the one table with this heading, as lists of the code in their cells."""
    assert PAGE.count(heading + "\n") == 1
    rows = PAGE.partition(heading + "\n")[2].partition("\n\n")[0].splitlines()[1:]
    cells = [re.split(r"(?<!\\)\|", row)[1:-1] for row in rows]
    return [[cell.strip().removeprefix("`").removesuffix("`").replace("\\|", "|") for cell in row] for row in cells]


EXAMPLES = list(examples())
NATIVE = table("| value | TITLE | shape | dtype |")
NATIVE_JSON = table("| value | JSON |")
KEYS = table("| key | part |")
PATHS = table("| object | path | value |")


@pytest.fixture(scope="module")
def example():
    """The module that has the classes of the page."""
    module = types.ModuleType("example")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "example", module)
        exec(block("python module"), module.__dict__)
        yield module


def evaluate(code, module):
    """Run the statements of an example and return the value of the last one."""
    *statements, last = ast.parse(code).body
    exec(compile(ast.Module(statements, []), "page", "exec"), module.__dict__)
    return eval(compile(ast.Expression(last.value), "page", "eval"), module.__dict__)


# -- what is written ---------------------------------------------------------------


def document(file):
    """The document of the object "x" in a file, as lines, without pyiron_storage."""
    if file.is_dir():
        group = json.loads((file / "group.json").read_bytes())["groups"]["x"]
        named = json.loads((file / group / "group.json").read_bytes())["nodes"]["record"]["file"]
        text = (file / group / named).read_bytes()
    elif file.suffix == ".json":
        lines = json.loads(file.read_bytes())["groups"]["x"]["nodes"]["record"]["lines"]
        compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
        return ["" if line is None else compact.encode(line) for line in lines]
    else:
        with h5py.File(file, "r") as hdf5:
            text = hdf5["x/record"][()]
    *lines, end = text.decode().split("\n")
    assert end == ""
    return lines


def comparable(line):
    """A line without what differs from process to process, such as the number of bytes that code has."""
    line = re.sub(r',"(environment|metadata)":\{[^}]*\}', "", line)
    line = re.sub(r'("package":"[^"]*","version":)"[^"]*"', r"\1...", line)
    line = re.sub(r'"python":"CPython [^"]*"', '"python":...', line)
    return re.sub(r'("\$":"code","at":\[\d+,)\d+', r"\1...", line)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(("code", "changes", "shown"), EXAMPLES)
def test_example_is_what_is_written(code, changes, shown, suffix, example, tmp_path):
    file = tmp_path / f"page{suffix}"
    with ps.open_storage(file) as storage:
        storage["x"] = evaluate(code, example)
    with ps.open_storage(file) as storage:
        exec(changes, {"storage": storage})
    lines = document(file)
    if not shown[0].startswith('{"pyiron_storage":'):
        assert comparable(lines.pop(0)) == EMPTY_HEADER
    if shown[-1] == "...":
        shown = shown[:-1]
        assert len(lines) > len(shown)
        del lines[len(shown) :]
    assert list(map(comparable, lines)) == list(map(comparable, shown))


def names_in(node, key):
    """Every name behind "$", or another key, in a node."""
    if isinstance(node, dict):
        found = {node[key]} if isinstance(node.get(key), str) else set()
        return found.union(*(names_in(inner, key) for inner in node.values()))
    return set().union(*(names_in(inner, key) for inner in node)) if isinstance(node, list) else set()


def rules_of(shown, key="$"):
    """Every name behind "$" in some lines."""
    return set().union(*(names_in(json.loads(line), key) for line in shown if line not in ("", "...")))


def columns_of(shown):
    """Every kind of column in some lines."""
    return rules_of([line for line in shown if '"$":"column"' in line], "of")


def test_every_rule_has_an_example_and_a_heading():
    built_in = {name for name, rule in REGISTRY.by_name.items() if type(rule).__module__.startswith("pyiron_storage.")}
    expected = built_in - NO_NAME_IN_A_DOCUMENT | NO_RULE_IN_THE_REGISTRY
    assert rules_of([line for example in EXAMPLES for line in example.values[2]]) == expected - WITHOUT_EXAMPLE
    headings = re.findall(r"^### (.+)$", PAGE, re.MULTILINE)
    assert {name for heading in headings for name in heading.split(", ")} | {"parts"} >= expected


def test_every_kind_of_column_has_an_example_and_is_explained():
    built_in = {
        kind for kind, one in COLUMN_KINDS.by_name.items() if type(one).__module__.startswith("pyiron_storage.")
    }
    assert columns_of([line for example in EXAMPLES for line in example.values[2]]) == built_in
    explained = PAGE.partition("### column\n")[2].partition("```")[0]
    assert {kind for kind in built_in if f"`{kind}`" not in explained} == set()


def test_files_are_what_the_page_shows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("pyiron_storage.model.object_group.environment", lambda: json.loads(block("json environment")))
    monkeypatch.setattr("pyiron_storage.model.object_group.new_metadata", lambda *_: json.loads(block("json metadata")))
    shown = {info.removeprefix("json "): text for info, text in BLOCKS if info.startswith("json wf")}
    for code in [text for info, text in BLOCKS if info == "python files"]:
        exec(code, {"ps": ps, "np": np})
    assert len(shown) == 4
    for file, text in shown.items():
        assert Path(file).read_text(encoding="utf-8") == text


@pytest.mark.parametrize(("code", "title", "shape", "dtype"), NATIVE)
def test_native_node_of_hdf5_is_as_in_the_table(code, title, shape, dtype, example, tmp_path):
    with ps.open_storage(tmp_path / "page.h5") as storage:
        storage["group/node"] = evaluate(code, example)
    with h5py.File(tmp_path / "page.h5") as file:
        node = file["group/node"]
        assert (node.attrs["TITLE"].decode(), str(node.shape)) == (title, shape)
        assert dtype in (node.dtype.str, str(node.dtype))


@pytest.mark.parametrize(("code", "shown"), NATIVE_JSON)
def test_native_node_of_json_is_as_in_the_table(code, shown, example, tmp_path):
    for file, group in [("page.json", "page.json"), ("page.jsondir", "page.jsondir/group.json")]:
        with ps.open_storage(tmp_path / file) as storage:
            storage["node"] = evaluate(code, example)
        assert json.loads((tmp_path / group).read_bytes())["nodes"] == {"node": json.loads(shown)}


# -- paths ---------------------------------------------------------------------------


@pytest.mark.parametrize(("key", "part"), KEYS)
def test_key_is_spelled_in_a_path_as_the_page_says(key, part, example):
    storage = ps.MemoryStorage()
    storage["x"] = {evaluate(key, example): "here", "other": None}
    assert storage[f"x/{part}"] == "here"
    assert f"x/{part}" in [path for path, _ in storage.walk()]


@pytest.mark.parametrize(("code", "path", "value"), PATHS)
def test_path_leads_into_an_object(code, path, value, example):
    storage = ps.MemoryStorage()
    storage["x"] = evaluate(code, example)
    assert storage[f"x/{path}"] == ast.literal_eval(value)


# -- the reader of the page ------------------------------------------------------------

ALONE = """
import json, pickle, sys
for name in ("pyiron_storage", "orjson", "cloudpickle", "h5io"):
    sys.modules[name] = None  # cannot be imported
reader = {"__name__": "reader"}
exec(sys.stdin.buffer.read(), reader)
sys.stdout.buffer.write(pickle.dumps([reader["read"](*wanted) for wanted in json.loads(sys.argv[1])], protocol=5))
"""


def run_reader(wanted):
    """Run the reader of the page in a process in which pyiron_storage cannot be imported."""
    command = [sys.executable, "-I", "-c", ALONE, json.dumps(wanted)]
    return subprocess.run(command, input=block("python reader").encode(), capture_output=True, check=False)


def read_alone(file, names):
    """What the reader of the page gives for some names in a file."""
    done = run_reader([[str(file), *name.split("|")] for name in names])
    assert done.returncode == 0, done.stderr.decode()
    return pickle.loads(done.stdout)


def same(found, expected, above=()):
    """Whether two things are equal to the last bit, in type, order and where they hold themselves."""
    if type(found) is not type(expected):
        return False
    if any(found is one and expected is other for one, other in above):
        return True
    above = (*above, (found, expected))
    if isinstance(expected, (list, tuple)):
        return len(found) == len(expected) and all(same(*pair, above) for pair in zip(found, expected, strict=True))
    if isinstance(expected, dict):
        return same([*found], [*expected], above) and same([*found.values()], [*expected.values()], above)
    if isinstance(expected, np.ndarray):
        return same_array(found, expected)
    if isinstance(expected, np.generic):
        return found.dtype == expected.dtype and found.tobytes() == expected.tobytes()
    return repr(found) == repr(expected) if isinstance(expected, (float, complex)) else found == expected


def same_array(found, expected):
    """Whether two arrays are equal to the last bit, their order in memory included."""
    orders = [(array.flags.c_contiguous, array.flags.f_contiguous) for array in (found, expected)]
    if (found.dtype, found.shape) != (expected.dtype, expected.shape) or orders[0] != orders[1]:
        return False
    return same(found.tolist(), expected.tolist()) if found.dtype == object else found.tobytes() == expected.tobytes()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_reader_gives_back_the_examples(suffix, example, tmp_path):
    values = [evaluate(param.values[0], example) for param in EXAMPLES]
    file = tmp_path / f"page{suffix}"
    with ps.open_storage(file) as storage:
        for number, value in enumerate(values):
            storage[f"{number}"] = value
    compared = 0
    for param, found, value in zip(EXAMPLES, read_alone(file, map(str, range(len(values)))), values, strict=True):
        shown = param.values[2]
        if rules_of(shown) <= RULES_OF_VALUES and columns_of(shown) <= COLUMNS_OF_VALUES:
            assert same(found, value), value
            compared += 1
    assert compared > 20


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_reader_gives_back_native_nodes(suffix, example, tmp_path):
    values = [evaluate(code, example) for code, *_ in NATIVE + NATIVE_JSON]
    values += ["long " * 1000, b"long " * 1000, np.arange(4), np.asfortranarray(np.eye(2, 3)), np.array(["Al"])]
    file = tmp_path / f"page{suffix}"
    with ps.open_storage(file) as storage:
        for number, value in enumerate(values):
            storage[f"group/{number}"] = value
    found = read_alone(file, [f"group|{number}" for number in range(len(values))])
    for one, expected in zip(found, values, strict=True):
        assert same(one, expected), expected


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_reader_finds_names_that_a_file_cannot_have(suffix, tmp_path):
    names = ["a/b", "50%", "%2F", "grün", ".hidden", "CON", "x" * 200]
    file = tmp_path / f"page{suffix}"
    with ps.open_storage(file) as storage:
        for name in names:
            storage[f"group/{name.replace('/', '~1')}"] = [name]
    assert read_alone(file, [f"group|{name}" for name in names]) == [[name] for name in names]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("Point(1.5, [2])", {"$": "object", "type": "example:Point", "state": {"x": 1.5, "y": [2]}}),
        (
            'Pair("a", None)',
            {"$": "object", "type": "example:Pair", "state": None, "slots": {"left": "a", "right": None}},
        ),
        ("Settings(a=1)", {"$": "new", "type": "example:Settings", "args": [], "pairs": [("a", 1)]}),
        ("Interval(0, 1)", {"$": "call", "type": "example:Interval", "args": [0, 1]}),
        (
            "Point(1, 2).norm",
            {
                "$": "method",
                "type": "example:Point",
                "name": "norm",
                "value": {"$": "object", "type": "example:Point", "state": {"x": 1, "y": 2}},
            },
        ),
        ("Point", {"$": "import", "type": "example:Point"}),
        ("lambda: 0", {"$": "import", "type": "example:<lambda>"}),
        (
            "Cell([3.6])",
            {
                "$": "storable",
                "type": "example:Cell",
                "version": "2.1",
                "nodes": {"edges": [3.6], "history": {"$": "group", "nodes": {"steps": [1, 2]}}},
            },
        ),
        (
            "[Point(n, n / 2) for n in range(9)]",
            [{"$": "object", "type": "example:Point", "state": {"x": n, "y": n / 2}} for n in range(9)],
        ),
        (
            "[Pair(n, None) for n in range(9)]",
            [
                {"$": "object", "type": "example:Pair", "state": None, "slots": {"left": n, "right": None}}
                for n in range(9)
            ],
        ),
        (
            "[Species(n, 0) for n in range(9)]",
            [
                {"$": "namedtuple", "type": "example:Species", "fields": ["symbol", "charge"], "items": [n, 0]}
                for n in range(9)
            ],
        ),
        (
            "[Interval(n, 0) for n in range(9)]",
            [{"$": "call", "type": "example:Interval", "args": [n, 0]} for n in range(9)],
        ),
        (
            "[Celsius(n) for n in range(9)]",
            [{"$": "new", "type": "example:Celsius", "args": [float(n)]} for n in range(9)],
        ),
        (
            "[datetime.date(2024, 5, 1 + n) for n in range(9)]",
            [{"$": "date", "text": f"2024-05-{n + 1:02}"} for n in range(9)],
        ),
        (
            "[datetime.time(n, tzinfo=datetime.timezone.utc) for n in range(9)]",
            [
                {
                    "$": "time",
                    "text": f"0{n}:00:00",
                    "zone": {
                        "$": "call",
                        "type": "datetime:timezone",
                        "args": [{"$": "timedelta", "days": 0, "seconds": 0, "microseconds": 0}],
                    },
                }
                for n in range(9)
            ],
        ),
        (
            "[datetime.timedelta(n) for n in range(9)]",
            [{"$": "timedelta", "days": n, "seconds": 0, "microseconds": 0} for n in range(9)],
        ),
        ("[decimal.Decimal(n) / 2 for n in range(9)]", [{"$": "decimal", "text": f"{n / 2:g}"} for n in range(9)]),
        (
            "[fractions.Fraction(n, 11) for n in range(1, 10)]",
            [{"$": "fraction", "items": [n, 11]} for n in range(1, 10)],
        ),
        (
            '[pathlib.PurePosixPath(f"a{n}") for n in range(9)]',
            [{"$": "path", "class": "PurePosixPath", "text": f"a{n}"} for n in range(9)],
        ),
        (
            "[uuid.UUID(int=n) for n in range(9)]",
            [{"$": "uuid", "text": f"00000000-0000-0000-0000-00000000000{n}"} for n in range(9)],
        ),
        ('[pickle.PickleBuffer(b"a"), pickle.PickleBuffer(bytearray(b"b"))]', [b"a", bytearray(b"b")]),
    ],
)
def test_reader_shows_objects_without_their_classes(code, expected, example, tmp_path):
    ps.save(evaluate(code, example), tmp_path / "page.h5")
    assert read_alone(tmp_path / "page.h5", ["object"]) == [expected]


def nested(point):
    """An object with something of everything that a file must keep, around a point."""
    shared, ring, deep = [1, "zwei"], ["ring"], []
    ring.append({"again": ring})
    for _ in range(100):
        deep = [deep]
    return {
        "list": [1, -0.0, 2.5, None, True, "grün", "line\nend", "\u2028", "\0", {"a": {}}],
        "tuple": (1, ("two", [3])),
        "sets": [{1, "a", (2, 3)}, frozenset([b"x"]), set()],
        "numbers": [-(3**100), 2**63, 2**64 - 1, -(2**63), float("nan"), float("-inf"), 1e300, 5e-324, 1j],
        "bytes": [bytes(range(256)), bytearray(b"ab"), b"", b"big" * 50_000],
        "surrogate": "a\ud800",
        "int keys": {1: "a", (1, 2): {"b": 1}, None: "c", "1": "d"},
        "$": {"$": 3},
        "shared": [shared, {"again": shared}],
        "ring": ring,
        "point": point,
        "deep": deep,
        "small": np.arange(6, dtype=">f4").reshape(2, 3),
        "big": np.arange(20_000.0).reshape(100, 200),
        "big and Fortran": np.asfortranarray(np.arange(20_000).reshape(100, 200)),
        "big and complex": np.arange(10_000) * 1j,
        "big and bool": np.arange(70_000) % 3 == 0,
        "date": np.array(["2024-05-01", "NaT"], "M8[ns]"),
        "dates": np.arange(10_000).astype("M8[s]").reshape(100, 100),
        "text": np.array([["Al", "grün"], ["", "日本"]]),
        "texts": np.arange(10_000).astype("U5"),
        "texts, Fortran": np.asfortranarray(np.arange(10_000).astype("U5").reshape(100, 100)),
        "structures": [np.ones(count, [("n", "<i4"), ("x", "<f8", (2,)), ("s", "S3")]) for count in (2, 4000)],
        "objects": np.array([["Al", 13], [None, 2**70]], object, order="F"),
        "scalars": [np.float32(0.1), np.int8(-1), np.str_(""), np.datetime64("2024-05-01T12"), np.float64("inf")],
        "irregular": [{f"key {number % 20}": number} for number in range(5_500)],
        "irregular by name": {f"row {number}": {f"key {number % 20}": number} for number in range(5_500)},
        "names": [f"atom {number} of süß" for number in range(5_500)],
        "rows": tuple({"number": number, "x": number / 3} for number in range(5_500)),
        "by name": {f"key {number}": [number] for number in range(5_500)},
        "dtypes": [np.dtype(f"S{number}") for number in range(1, 5_000)],
        "dtypes by name": {f"key {number}": np.dtype(f"S{number}") for number in range(1, 5_000)},
        "tuple of dtypes": tuple(np.dtype(f"U{number}") for number in range(1, 5_000)),
        "mixed": [number if number % 2 else f"text {number}" for number in range(8_000)],
        "mixed by name": {f"key {number}": [number] if number % 2 else None for number in range(5_500)},
        "records": [{"n": n, "x": n / 7, "s": f"süß\n{n}", "l": [n] * (n % 3), "a": np.ones(2) * n} for n in range(99)],
        "pairs": [(n, "x", None) for n in range(50)],
        "optional": [{"n": n} | ({"x": [n]} if n % 3 else {}) for n in range(99)],
        "counts": [{f"key {n + m}": m for m in range(n % 4)} for n in range(99)],
        "sets of many": [{n, -n} for n in range(99)] + [frozenset([n]) for n in range(99)],
        "many bytes": [bytes(n % 3 * 2) for n in range(99)] + [bytearray([n]) for n in range(99)],
        "many scalars": [np.int16(n) for n in range(99)] + [1j * n for n in range(99)],
        "many repeats": ["a", "süß", "a\n"] * 99,
        "many objects": np.array([[n] if n % 2 else f"{n}" for n in range(98)], object).reshape(7, -1),
        "by number": {number: [number] for number in range(5_500)},
    }


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_reader_gives_back_a_nested_object(suffix, example, tmp_path):
    file = tmp_path / f"page{suffix}"
    with ps.open_storage(file) as storage:
        storage["x"] = nested(example.Point(1.5, ["inner"]))
    lines = document(file)
    assert len(lines) > 10
    assert "".join(lines).count('{"$":"parts"') >= 4
    assert max(map(len, lines)) < 100_000
    (found,) = read_alone(file, ["x"])
    expected = nested({"$": "object", "type": "example:Point", "state": {"x": 1.5, "y": ["inner"]}})
    assert {name for name in expected if not same(found.get(name), expected[name])} == set()
    assert [*found] == [*expected]
    assert found["shared"][0] is found["shared"][1]["again"]
    assert found["ring"] is found["ring"][1]["again"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_reader_reads_what_was_changed_in_place(suffix, example, tmp_path):
    file = tmp_path / f"page{suffix}"
    expected = nested({"none": None})
    with ps.open_storage(file) as storage:
        storage["x"] = expected
    expected["names"][3:3] = ["new", "newer"]
    expected["by name"].update({"key 7": "changed", "added": np.arange(3)})
    del expected["by number"][17]
    del expected["shared"], expected["big"]
    with ps.open_storage(file) as storage:
        found = storage["x"]
        found["names"][3:3] = ["new", "newer"]
        found["by name"].update({"key 7": "changed", "added": np.arange(3)})
        del found["by number"][17]
        del found["shared"], found["big"]
    assert "" in document(file)
    (found,) = read_alone(file, ["x"])
    assert {name for name in expected if not same(found.get(name), expected[name])} == set()
    assert [*found] == [*expected]


@pytest.mark.parametrize("suffix", [".h5", ".jsondir"])
def test_reader_reads_what_is_compressed_and_what_became_longer(suffix, example, tmp_path):
    file = tmp_path / f"page{suffix}"
    expected = nested({"none": None})
    with ps.open_storage(file, compression="gzip") as storage:
        storage["x"] = expected
        storage["text"] = "grün " * 3000
        storage["bytes"] = bytes(range(256)) * 100
        storage["grown"] = np.arange(3.0)
        storage.array("grown").append([3, 4])
        storage.array("x/big").append(expected["big"][:2])
        storage["flat"] = np.arange(20_000)
    with ps.open_storage(file) as storage:
        storage["plain"] = np.arange(20_000)
        storage.array("plain").append([-1])
    expected["big"] = np.concatenate([expected["big"], expected["big"][:2]])
    found = read_alone(file, ["x"])[0]
    assert {name for name in expected if not same(found.get(name), expected[name])} == set()
    text, data, grown, flat, plain = read_alone(file, ["text", "bytes", "grown", "flat", "plain"])
    assert (text, data, grown.tolist()) == ("grün " * 3000, bytes(range(256)) * 100, [0, 1, 2, 3, 4])
    assert (flat.shape, plain.shape, plain[-1]) == ((20_000,), (20_001,), -1)


# -- what a reader must refuse -----------------------------------------------------------


def with_lines(file, change):
    """Save an object and change the lines of its record, as a later release or damage would."""
    ps.save([{"a": 1}, b"bytes"], file)
    content = json.loads(file.read_bytes())
    del content["check"]
    change(content["groups"]["object"]["nodes"]["record"]["lines"])
    file.write_text(json.dumps(content))


def put(line, node):
    """A change that puts something on a line."""
    return lambda lines: lines.__setitem__(line - 1, node)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (put(1, {"pyiron_storage": 2, "types": []}), ps.errors.FormatVersionError, "version 2"),
        (put(2, [{"$": "quilt", "columns": []}]), ps.errors.DamagedRecordError, "'quilt'"),
        (put(2, [{"$": "row", "table": {"$": 1}, "row": 7}]), ps.errors.DamagedRecordError, "no row 7"),
        (put(2, [{"$": 7}]), ps.errors.DamagedRecordError, "line 7"),
        (put(2, [{"$": "bytes", "at": [3, 300]}]), ps.errors.DamagedRecordError, r"\[3, 300\]"),
        (put(2, [{"$": "import", "type": 4}]), ps.errors.DamagedRecordError, "type 4"),
        (
            put(2, [{"$": "array", "dtype": "<f8", "shape": [3], "at": [0, 5]}]),
            ps.errors.DamagedRecordError,
            "24 bytes",
        ),
    ],
)
def test_unknown_and_damaged_records_are_refused(change, error, message, tmp_path):
    file = tmp_path / "page.json"
    with_lines(file, change)
    with pytest.raises(error, match=message):
        ps.load(file)


@pytest.mark.parametrize(
    ("change", "message"),
    [(put(1, {"pyiron_storage": 2, "types": []}), "version 2"), (put(2, [{"$": "quilt"}]), "'quilt'")],
)
def test_reader_of_the_page_refuses_what_it_does_not_know(change, message, tmp_path):
    with_lines(tmp_path / "page.json", change)
    done = run_reader([[str(tmp_path / "page.json"), "object"]])
    assert done.returncode != 0
    assert message in done.stderr.decode()


@pytest.mark.parametrize(("suffix", "inner"), [(".json", ""), (".jsondir", "group.json")])
def test_later_versions_of_json_storages_are_refused(suffix, inner, tmp_path):
    file = tmp_path / f"page{suffix}"
    ps.save({"a": 1}, file)
    content = json.loads((file / inner).read_bytes())
    (file / inner).write_text(json.dumps({**content, "pyiron_storage": 2}))
    with pytest.raises(ps.errors.FormatVersionError, match="version 2"):
        ps.load(file)


def test_file_names_that_lead_elsewhere_are_refused(tmp_path):
    file = tmp_path / "page.jsondir"
    ps.save("long " * 1000, file)
    (tmp_path / "secret").write_text("secret")
    content = json.loads((file / "group.json").read_bytes())
    del content["check"]
    content["nodes"]["object"]["file"] = "../secret"
    (file / "group.json").write_text(json.dumps(content))
    with pytest.raises(ps.errors.DamagedRecordError, match="secret"):
        ps.load(file)


# -- HDF5 tools ----------------------------------------------------------------------------


def varies(kind):
    """Whether an HDF5 type has a variable length anywhere, or refers to the heap where such things lie."""
    if isinstance(kind, h5py.h5t.TypeStringID):
        return kind.is_variable_str()
    if isinstance(kind, h5py.h5t.TypeCompoundID):
        return any(varies(kind.get_member_type(number)) for number in range(kind.get_nmembers()))
    if isinstance(kind, h5py.h5t.TypeArrayID):
        return varies(kind.get_super())
    return isinstance(kind, (h5py.h5t.TypeVlenID, h5py.h5t.TypeReferenceID))


def what_varies(file):
    """The names of datasets and attributes of variable length, and how many were looked at."""
    found, looked_at = [], 0

    def look(name):
        nonlocal looked_at
        item = h5py.h5o.open(file.id, name)
        kinds = {name: item.get_type()} if isinstance(item, h5py.h5d.DatasetID) else {}
        for number in range(h5py.h5a.get_num_attrs(item)):
            attribute = h5py.h5a.open(item, index=number)
            kinds[name + b"@" + attribute.name] = attribute.get_type()
        found.extend(key.decode() for key, kind in kinds.items() if varies(kind))
        looked_at += len(kinds)

    look(b".")
    h5py.h5o.visit(file.id, look)
    return found, looked_at


def write_everything(file, module):
    """Write all that the page has, change some of it, and store by hand."""
    with ps.open_storage(file) as storage:
        for number, (code, *_) in enumerate(NATIVE):
            storage[f"native/{number}"] = evaluate(code, module)
        for number, (code, changes, _) in enumerate(example.values for example in EXAMPLES):
            storage["x"] = storage[f"example {number}"] = evaluate(code, module)
            exec(changes, {"storage": storage})
        storage["nested"] = nested(module.Point(0, 0))
        storage["nested/big"] = "now a text"
        storage["nested"]["names"].append(np.array(["Al"]))
        module.Cell([1.0]).store(storage, "by hand")
        del storage["native/0"]
        storage["native/1"] = "was a bool"
    ps.save("replaced", file, "native/2")


def test_nothing_in_an_hdf5_file_has_a_variable_length(example, tmp_path):
    write_everything(tmp_path / "page.h5", example)
    with h5py.File(tmp_path / "page.h5") as file:
        found, looked_at = what_varies(file)
    assert found == []
    assert looked_at > 100


def test_what_has_a_variable_length_would_be_found(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["text"] = "text"
        file["fixed"] = np.array(b"text")
        file.create_dataset("group/lists", 1, [("inner", h5py.vlen_dtype(np.int32), (2,))])
        file["group"].attrs["TITLE"] = "text"
        file.attrs["TITLE"] = "text"
        file.attrs["fixed"] = np.bytes_(b"text")
        assert sorted(what_varies(file)[0]) == [".@TITLE", "group/lists", "group@TITLE", "text"]


def test_no_dataset_is_chunked_or_filtered(example, tmp_path):
    write_everything(tmp_path / "page.h5", example)
    with h5py.File(tmp_path / "page.h5") as file:
        datasets = []
        file.visititems(lambda name, item: datasets.append(item) if isinstance(item, h5py.Dataset) else None)
        assert len(datasets) > 50
        assert [dataset.name for dataset in datasets if dataset.chunks or dataset.compression] == []


@pytest.mark.parametrize("code", [code for code, *_ in NATIVE if code != 'b""'])
def test_native_nodes_are_read_by_h5io(code, example, tmp_path):
    value = evaluate(code, example)
    with ps.open_storage(tmp_path / "page.h5") as storage:
        storage["group/node"] = value
    found = h5io.read_hdf5(tmp_path / "page.h5", title="group/node")
    if isinstance(value, bytes):
        assert bytes(found) == value
    elif isinstance(value, np.ndarray):
        assert same(found, value)
    else:
        assert found == value
        assert isinstance(found, int if isinstance(value, bool) else type(value))


def h5dump(*arguments):
    tool = shutil.which("h5dump")
    if tool is None:
        pytest.skip("h5dump is not installed; it comes with the tools of HDF5")
    return subprocess.run([tool, *map(str, arguments)], capture_output=True, text=True, check=True).stdout


def test_h5dump_shows_the_record_as_text(tmp_path):
    ps.save({"energy": -3.72, "species": ["Al", "O"], "same": (1, 2)}, tmp_path / "wf.h5")
    shown = h5dump("-d", "/object/record", tmp_path / "wf.h5")
    assert EMPTY_HEADER.removesuffix("}") in shown
    assert '{"energy":-3.72,"species":["Al","O"],"same":{"$":"tuple","items":[1,2]}}' in shown
    assert "H5T_CSET_UTF8" in shown
    assert "H5T_STR_NULLPAD" in shown
    assert "H5T_VARIABLE" not in shown


def test_h5dump_writes_the_record_to_a_file(tmp_path):
    ps.save({"name": "grün"}, tmp_path / "wf.h5")
    h5dump("-d", "/object/record", "-b", "-o", tmp_path / "record.jsonl", tmp_path / "wf.h5")
    header, *lines = (tmp_path / "record.jsonl").read_text(encoding="utf-8").split("\n")
    assert [comparable(header), *lines] == [EMPTY_HEADER, '{"name":"grün"}', ""]
