"""Code that is kept by value does not run with another Python, which byte code would crash; data do.

Where there is no other interpreter, one is made believe: the record says that another one wrote it.
"""

import sys
from pathlib import Path

import other_pythons
import pytest

import pyiron_storage as ps

OTHERS = sorted(other_pythons.others().items()) or [("none", "")]

SAVE = """
import dataclasses, sys
import pyiron_storage as ps

@dataclasses.dataclass
class Point:
    x: float
    y: float = 2.0

    def norm(self):
        return (self.x ** 2 + self.y ** 2) ** 0.5

factory = eval("lambda x: x + 1")  # whose source is nowhere
ps.save({"point": Point(3.0, 4.0), "data": [1, 2, 3], "points": [Point(float(i)) for i in range(20)],
         "function": factory}, sys.argv[1])
"""

LOOK = """
import sys, pytest
import pyiron_storage as ps

file = sys.argv[1]
assert ps.load(file, "data") == [1, 2, 3]
assert ps.load(file, "point/x", trust="all") == 3.0
with ps.open_storage(file, "r") as storage:
    assert storage["object/points/7/x"] == 7.0
    assert len(list(storage.walk())) > 50
for versions in ("ignore", "warn", "exact"):
    with pytest.raises(ps.CannotImportError, match=r"CPython 3\\.\\d+.*CPython 3\\.\\d+"):
        ps.load(file, "function", trust="all", versions=versions)
raw = ps.load(file, trust="all", on_missing="raw")
assert isinstance(raw["function"], ps.RawObject)
ps.save(raw, "again-" + file)
with pytest.raises(ps.CannotImportError, match=r"CPython 3\\.\\d+.*CPython 3\\.\\d+"):
    ps.load("again-" + file, "function", trust="all")
print("looked")
"""


@pytest.mark.parametrize(("version", "python"), OTHERS)
def test_code_of_another_python_is_refused_and_the_data_stay(version, python):
    if not python:
        pytest.skip("there is no other interpreter")
    Path("save.py").write_text(SAVE)
    Path("look.py").write_text(LOOK)
    other_pythons.run(sys.executable, "save.py", "f.h5")
    assert other_pythons.run(python, "look.py", "f.h5") == "looked\n"
    other_pythons.run(python, "save.py", "from.json")
    assert other_pythons.run(sys.executable, "look.py", "from.json") == "looked\n"


def pretend_another_python(folder):
    """Let the record in a JSON directory say that another Python wrote it."""
    group = Path(folder, "object", "group.json")
    group.write_text(group.read_text().replace('"check"', '"unchecked"'))
    (record,) = Path(folder, "object").glob("record*")
    record.write_text(record.read_text().replace(f"CPython {other_pythons.HERE}", "CPython 3.99"))


def test_both_versions_are_named():
    ps.save({"f": eval("lambda x: x + 1"), "data": [1]}, "f.jsondir")
    pretend_another_python("f.jsondir")
    with pytest.raises(ps.CannotImportError, match=rf"CPython 3\.99.*CPython {other_pythons.HERE}"):
        ps.load("f.jsondir", "f", trust="all", versions="exact")
    assert ps.load("f.jsondir", "data") == [1]
    assert isinstance(ps.load("f.jsondir", trust="all", on_missing="raw")["f"], ps.RawObject)
