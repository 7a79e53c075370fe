"""Records made by hand that contradict the format: a value or a `StorageError`, however they are looked at.

`mutants.py` looks at them, in a process of its own, with bounds on its memory and its time.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import mutants
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pyiron_storage as ps
from pyiron_storage.records.columns.kind import COLUMN_KINDS
from pyiron_storage.records.rule import REGISTRY

RULES, COLUMNS = sorted(REGISTRY.by_name), sorted(COLUMN_KINDS.by_name)
HERE = Path(__file__).parent
KINDS = ["json", "json", "jsondir", "h5"]

SIMPLE = [None, True, "", "x", "$", [], {}, [0], [[0]], [[2, 1]], [0, 10**15], [10**12], [-1], ["a", 1]]
SIMPLE += [0, -1, 1, 2, 3, 7, 10**6, 10**12, 10**15, 2**63, -(2**63), 0.5, 1e300]
SIMPLE += [{"$": line} for line in (-1, 0, 1, 2, 3, 4, 10**9)] + [{"$": name} for name in (*RULES, "parts", "nothing")]
SIMPLE += [{"$": "parts", "lines": [[line, 2]]} for line in (2, 3)] + sorted(RULES) + sorted(COLUMNS)
FIELDS = ["$", "at", "native", "items", "pairs", "shape", "dtype", "count", "of", "columns", "state", "type", "lines"]


class Looker:
    """A process that looks at records; another one where it has ended."""

    def __init__(self):
        self.process = None

    def ask(self, file, lines):
        if self.process is None:
            environment = {**os.environ, "PYTHONPATH": f"{HERE.parent}:{HERE}"}
            command = [sys.executable, "-c", "import mutants; mutants.main()"]
            self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115  as long as the process
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self.errors,
                text=True,
                env=environment,
            )
        lines = [{"raw": line} if type(line) is mutants.Raw else line for line in lines]
        print(json.dumps({"file": str(file), "lines": lines}), file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if line:
            return json.loads(line)
        self.end()
        self.errors.seek(0)
        return f"the process ended: {self.errors.read()[-3000:]}"

    def end(self):
        process, self.process = self.process, None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        process.kill()
        return process.wait()


@pytest.fixture(scope="module")
def looker():
    looker = Looker()
    yield looker
    if looker.process is not None:
        looker.end()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A file of each kind for each sample."""
    folder = tmp_path_factory.mktemp("samples")
    for name, sample in mutants.SAMPLES.items():
        for kind in set(KINDS):
            ps.save(sample, folder / f"{name}.{kind}")
    return folder


def spots(lines):
    """Each container of a document with each of its keys."""
    waiting, found = [lines], []
    while waiting:
        container = waiting.pop()
        keys = range(len(container)) if type(container) is list else list(container)
        found += [(container, key) for key in keys]
        waiting += [container[key] for key in keys if type(container[key]) in (list, dict)]
    return found


def change(lines, draw):
    """Change a document in one place."""
    found = (spots(lines[1:]) if draw(st.integers(0, 9)) else []) or spots(lines)
    container, key = found[draw(st.integers(0, len(found) - 1))]
    how = draw(st.sampled_from(["simple", "simple", "simple", "delete", "copy", "twice", "rename"]))
    if how == "delete":
        del container[key]
    elif how == "copy":
        other, its = found[draw(st.integers(0, len(found) - 1))]
        container[key] = json.loads(json.dumps(other[its]))
    elif how == "twice" and type(container) is list:
        container.insert(key, json.loads(json.dumps(container[key])))
    elif how == "rename" and type(container) is dict:
        container[draw(st.sampled_from(FIELDS))] = container.pop(key)
    else:
        container[key] = json.loads(json.dumps(draw(st.sampled_from(SIMPLE))))


def look_at_mutant(looker, files, data, name, kind):
    lines = mutants.lines_of(files / f"{name}.json")
    document = {"lines": lines}
    for _ in range(data.draw(st.integers(1, 3))):
        change(document["lines"], data.draw)
    assert looker.ask(files / f"{name}.{kind}", document["lines"]) == ""


COMMON = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]}


@pytest.mark.parametrize("name", mutants.SAMPLES)
@settings(max_examples=15, **COMMON)
@given(data=st.data(), kind=st.sampled_from(KINDS))
def test_a_record_that_contradicts_the_format_is_told_so(looker, files, name, data, kind):
    look_at_mutant(looker, files, data, name, kind)


@pytest.mark.stress
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", mutants.SAMPLES)
@settings(max_examples=2_000, **COMMON)
@given(data=st.data(), kind=st.sampled_from(KINDS))
def test_many_records_that_contradict_the_format_are_told_so(looker, files, name, data, kind):
    look_at_mutant(looker, files, data, name, kind)


HEADER = {"pyiron_storage": 1, "types": [], "metadata": {}}
DEEP = 1_000_000
HAND_MADE = {
    "deep": [HEADER, mutants.Raw("[" * DEEP + "]" * DEEP)],
    "a long way": [HEADER, *({"$": line + 3} for line in range(DEEP // 10)), [1]],
    "itself": [HEADER, {"$": "tuple", "items": [{"$": 2}]}],
    "parts of itself": [HEADER, [1, {"$": "parts", "lines": [[2, 2]]}]],
    "a large shape": [HEADER, {"$": "array", "dtype": "<f8", "shape": [10**12], "at": [0, 8 * 10**12]}],
    "many objects": [HEADER, {"$": "array", "dtype": "|O", "shape": [10**6, 10**6], "items": []}],
    "a far end": [HEADER, {"$": "bytes", "at": [10**15, 10**15]}],
    "a long constant": [HEADER, {"$": "column", "count": 10**12, "of": "constant", "value": 1}],
    "long lists": [HEADER, {"$": "column", "count": 10**12, "of": "list", "lengths": 0, "flat": []}],
    "a missing line": [HEADER, [{"$": 10**9}]],
    "metadata": [{**HEADER, "metadata": [1, 2]}, [1]],
    "a dict as a key": [HEADER, [{"$": "dict", "pairs": [[{"a": 1}, 1]]}]],
    "no types": [{"pyiron_storage": 1, "types": {"a": 1}}, [1]],
}


@pytest.mark.parametrize("kind", ["json", "jsondir", "h5"])
@pytest.mark.parametrize("name", HAND_MADE)
def test_a_record_made_by_hand_is_refused_without_a_crash(looker, files, name, kind):
    assert looker.ask(files / f"values.{kind}", HAND_MADE[name]) == ""


def test_what_is_missing_in_a_record_is_named_with_its_file(tmp_path, files):
    lines = mutants.lines_of(files / "standard.json")
    del lines[1][0]["text"]
    shutil.copy(files / "standard.json", tmp_path)
    mutants.put(tmp_path / "standard.json", lines)
    with pytest.raises(ps.DamagedRecordError, match=r"standard\.json: object: .* KeyError: 'text'") as caught:
        ps.load(tmp_path / "standard.json")
    assert isinstance(caught.value.__cause__, KeyError)


class Refusing:
    """An error of its own is no damage of a record."""

    def __setstate__(self, state):
        raise KeyError("mine")


class Arguments:
    def __new__(cls, *given):
        return super().__new__(cls)

    def __reduce__(self):
        return Arguments, (1, 2)

    def __init__(self, *given):
        if len(given) == 2:
            raise TypeError("two are too many")


class Unhashable:
    hashed = True

    def __hash__(self):
        if not Unhashable.hashed:
            raise ValueError("not now")
        return 1

    def __reduce__(self):
        return Unhashable, ()


@pytest.mark.parametrize(
    ("obj", "error", "text"),
    [
        (Refusing(), KeyError, "mine"),
        ([Refusing() for _ in range(20)], KeyError, "mine"),
        (Arguments(), TypeError, "two are too many"),
        ({Unhashable(): 1}, ValueError, "not now"),
    ],
)
def test_an_error_of_a_class_that_is_loaded_stays_what_it_is(obj, error, text, tmp_path, monkeypatch):
    for item in obj if type(obj) is list else [obj]:
        vars(item).update(state=1) if type(item) is Refusing else None
    ps.save(obj, tmp_path / "it.json")
    monkeypatch.setattr(Unhashable, "hashed", False)
    with pytest.raises(error, match=text) as caught:
        ps.load(tmp_path / "it.json")
    assert not isinstance(caught.value, ps.StorageError)
