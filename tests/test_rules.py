"""Types that are registered: by users, by packages under an entry point, and without their rule."""

import re
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import packages
import pytest

import pyiron_storage as ps
from pyiron_storage.testing import RuleConformance

PAGE = (Path(__file__).parent.parent / "docs" / "rules.md").read_text(encoding="utf-8")
SUFFIXES = [".h5", ".json", ".jsondir"]

CLASSES = """
class Length:
    def __init__(self, value, unit):
        self.value, self.unit = value, unit

class Node:
    pass
"""
RULES = """
import pyiron_storage as ps

def make(parts, version):
    from lengths import Length
    return Length(parts["value"], parts["unit"] if version > 1 else "m")

def create():
    from lengths import Node
    return Node()

def register():
    ps.register_type("lengths.Length", name="lengths.Length", version=2, restore=make,
                     store=lambda it: {"value": it.value, "unit": it.unit} if it.unit else None, show="{value} {unit}")
    ps.register_type("lengths.Node", name="lengths.Node", store=lambda it: dict(vars(it)), create=create,
                     fill=lambda it, parts, version: vars(it).update(parts))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the package ``lengths``, and another one that brings its rules as an entry point."""
    folder = tmp_path_factory.mktemp("installed")
    packages.install(folder, "1.0", "lengths", CLASSES, "lengths")
    packages.install(folder, "1.0", "lengths_storage", RULES, "lengths-storage")
    points = "[pyiron_storage.rules]\nlengths = lengths_storage:register\n"
    (folder / "lengths_storage-1.0.dist-info" / "entry_points.txt").write_text(points)
    return folder


def run(script, *folders):
    """Run a script in another process, which has these folders."""
    root = str(Path(ps.__file__).parents[1])
    lines = "".join(f"sys.path.insert(0, {str(one)!r})\n" for one in (root, *folders))
    command = [sys.executable, "-c", f"import sys\n{lines}{textwrap.dedent(script)}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


SAVE = """
import numpy as np, pyiron_storage as ps
from lengths import Length, Node
node = Node()
node.me, node.others = node, [node, Length(1.5, "nm")]
ps.save({"a": [Length(float(i), "m") for i in range(9)], "big": Length(np.arange(20000.0), "km"), "node": node,
         "plain": Length(2.5, "")}, %r)
assert "lengths_storage" in sys.modules
"""


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_entry_point_is_loaded_when_objects_of_its_package_are_met(folder, suffix):
    file = f"lengths{suffix}"
    run(SAVE % file, folder)
    shown = run(
        f"""
        import pyiron_storage as ps
        print(ps.browse({file!r}))
        with ps.open_storage({file!r}, "r") as storage:
            assert storage.load("object/big/value")[7] == 7
            assert storage.array("object/big/value")[5:7].tolist() == [5, 6]
            assert ps.load({file!r}, "big/value", mmap=True)[3] == 3
            assert storage.info("object/big").type == "lengths.Length"
        assert not {{"lengths", "lengths_storage"}} & set(sys.modules)
        loaded = ps.load({file!r})
        assert "lengths_storage" in sys.modules
        assert [it.value for it in loaded["a"]] == list(range(9)) and loaded["a"][3].unit == "m"
        node = loaded["node"]
        assert node.me is node and node.others[0] is node and node.others[1].unit == "nm"
        assert loaded["plain"].value == 2.5 and loaded["big"].value[-1] == 19999
        """,
        folder,
    )
    assert "0, 1, 2, 3, 4, 5, … km" in shown
    assert "1.5 nm" in shown


def test_what_is_shown_follows_a_change(folder):
    run(SAVE % "lengths.h5", folder)
    with ps.open_storage("lengths.h5") as storage:
        storage.array("object/big/value")[0] = -1
    assert "-1, 1, 2, 3, 4, 5, … km" in str(ps.browse("lengths.h5"))


def test_a_file_of_a_stranger_loads_no_entry_point(folder, tmp_path):
    run(SAVE % "lengths.h5", folder)
    run(
        f"""
        import os, pyiron_storage as ps
        os.environ["XDG_CONFIG_HOME"] = {str(tmp_path / "somebody")!r}
        for trust in (None, "data", ["collections"]):
            try:
                ps.load("lengths.h5", trust=trust)
            except ps.UntrustedError as error:
                assert {{want.name for want in error.wants}} == {{"lengths.Length", "lengths.Node"}}, error
            else:
                raise SystemExit("it was loaded")
        assert ps.load("lengths.h5", "big/value", trust="data")[1] == 1
        assert not {{"lengths", "lengths_storage"}} & set(sys.modules)
        assert ps.load("lengths.h5", trust=["lengths"])["a"][1].value == 1
        """,
        folder,
    )


WITHOUT_RULE = """
import pyiron_storage as ps
try:
    ps.load("lengths.h5")
except ps.CannotImportError as error:
    assert "'lengths.Length'" in str(error) or "'lengths.Node'" in str(error), error
    assert "register_type" in str(error)
else:
    raise SystemExit("it was loaded")
raw = ps.load("lengths.h5", "a/0", on_missing="raw")
assert raw["value"] == 0.0 and raw.type_name == "lengths.Length", raw
ps.save(ps.load("lengths.h5", on_missing="raw"), "again.h5")
"""


def test_without_its_rule_an_object_is_refused_or_raw(folder, tmp_path):
    run(SAVE % "lengths.h5", folder)
    only_classes = tmp_path / "classes"
    only_classes.mkdir()
    packages.install(only_classes, "1.0", "lengths", CLASSES, "lengths")
    run(WITHOUT_RULE, only_classes)
    run(
        """
        import pyiron_storage as ps
        loaded = ps.load("again.h5")
        assert loaded["a"][3].value == 3.0 and loaded["big"].value[5] == 5
        assert loaded["node"].me is loaded["node"] is loaded["node"].others[0]
        """,
        folder,
    )


def test_a_broken_entry_point_is_named(folder, tmp_path):
    broken = tmp_path / "broken"
    broken.mkdir()
    packages.install(broken, "1.0", "lengths", CLASSES, "lengths")
    packages.install(broken, "1.0", "bad_rules", "raise ValueError('no')", "bad-rules")
    (broken / "bad_rules-1.0.dist-info" / "entry_points.txt").write_text(
        "[pyiron_storage.rules]\nlengths = bad_rules\n"
    )
    run(
        """
        import pyiron_storage as ps
        from lengths import Length
        try:
            ps.save(Length(1, "m"), "bad.h5")
        except ps.CannotImportError as error:
            assert "bad_rules" in str(error) and "no" in str(error)
        else:
            raise SystemExit("it was saved")
        """,
        broken,
    )


# -- in one process ------------------------------------------------------------------------------


class Mass:
    def __init__(self, value):
        self.value = value


def register_mass(version=1, **options):
    options = {"store": lambda it: {"value": it.value}, "restore": lambda parts, _: Mass(parts["value"]), **options}
    ps.register_type(Mass, name="tests.Mass", version=version, **options)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_readers_of_old_versions_stay_and_later_ones_are_refused(suffix):
    register_mass(1)
    ps.save([Mass(1.0)], f"one{suffix}")
    register_mass(
        2, store=lambda it: {"grams": it.value}, restore=lambda parts, v: Mass(next(iter(parts.values())) + v)
    )
    ps.save([Mass(1.0)], f"two{suffix}")
    assert ps.load(f"one{suffix}")[0].value == 2.0
    assert ps.load(f"two{suffix}")[0].value == 3.0
    register_mass(1)
    with pytest.raises(ps.FormatVersionError, match=r"version 2 of the rule 'tests.Mass'.*up to 1"):
        ps.load(f"two{suffix}")
    assert ps.load(f"two{suffix}", "0", on_missing="raw")["grams"] == 1.0


def test_what_is_made_by_create_may_become_what_is_restored_and_back():
    register_mass()
    ps.save(Mass([1]), "restored.h5")
    made = {"create": lambda: Mass(None), "fill": lambda it, parts, _: vars(it).update(parts)}
    register_mass(restore=None, **made)
    ps.save(Mass([1]), "filled.h5")
    assert ps.load("restored.h5").value == ps.load("filled.h5").value == [1]
    register_mass()
    with pytest.raises(ps.DamagedRecordError, match=r"tests[.]Mass"):
        ps.load("filled.h5")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_cycles_close_through_what_can_be_empty_and_others_are_refused(suffix):
    register_mass()
    mass = Mass([])
    mass.value.append({"it": (mass,)})
    ps.save([mass], f"cycle{suffix}")
    loaded = ps.load(f"cycle{suffix}")[0]
    assert loaded.value[0]["it"][0] is loaded
    mass.value = Mass((mass,))
    with pytest.raises(ps.NotStorableError, match=r"create= and fill="):
        ps.save([mass], f"cycle{suffix}")
    assert ps.load(f"cycle{suffix}")[0].value[0]["it"]


def test_parts_that_do_not_fit_are_named():
    register_mass(restore=lambda parts, _: Mass(parts["weight"]))
    ps.save(Mass(1), "mass.h5")
    with pytest.raises(ps.DamagedRecordError, match=r"tests.Mass.*KeyError"):
        ps.load("mass.h5")
    for store in (lambda it: [1], lambda it: {1: 2}, lambda it: {"$": 2}, lambda it: 1 / 0):
        register_mass(store=store)
        with pytest.raises(ps.NotStorableError, match=r"tests.Mass"):
            ps.save([Mass(1)], "mass.h5")


@pytest.mark.parametrize(
    "options",
    [
        {"cls": "Mass"},
        {"cls": 3},
        {"cls": np.ndarray},
        {"cls": "datetime.date"},
        {"name": ""},
        {"name": 3},
        {"version": 0},
        {"version": "1"},
        {"version": True},
        {"show": None},
        {"store": 3},
        {"restore": None},
        {"create": Mass},
        {"name": "tests.Mass", "cls": "another.Mass"},
    ],
)
def test_what_cannot_be_registered_is_refused(options):
    register_mass()
    given = {"cls": Mass, "name": "tests.Other", "store": vars, "restore": Mass, **options}
    with pytest.raises(ps.InvalidOptionError, match="register_type"):
        ps.register_type(given.pop("cls"), **given)


# -- the page, and the suite -----------------------------------------------------------------------

page: dict = {"__name__": "spectra"}


def test_the_example_of_the_page_is_short_and_runs():
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    spectra = type(sys)("spectra")
    sys.modules["spectra"] = spectra
    try:
        for block in blocks:
            exec(compile(block, "rules.md", "exec"), spectra.__dict__)
    finally:
        del sys.modules["spectra"]
    assert len([line for line in blocks[0].splitlines() if line.strip()]) <= 20
    assert issubclass(spectra.TestSpectrum, RuleConformance)


class TestLength(RuleConformance):
    package = "lengths"

    @pytest.fixture(autouse=True)
    def _installed(self, folder, monkeypatch):
        root = str(Path(ps.__file__).parents[1])
        monkeypatch.setenv("PYTHONPATH", f"{folder}:{root}")
        monkeypatch.syspath_prepend(str(folder))
        __import__("lengths_storage").register()

    def samples(self):
        from lengths import Length

        return [Length(4.05, "Å"), Length(np.arange(20_000.0), "nm"), Length([1, 2], "m")]

    def same(self, left, right):
        return left.unit == right.unit and np.array_equal(left.value, right.value)
