"""Classes that have moved are found by their new names; those that are missing come raw, and go back as they were."""

import json
import textwrap

import pytest
from packages import CELL, install, python, write

import pyiron_storage as ps

SAVE = "from crystals.cells import Cell; ps.save({'cells': [Cell(4.05), Cell(3.6)], 'n': 1}, 'cells.h5')"
RENAME = "rename={'crystals.cells.Cell': 'lattices.Box'}"


@pytest.fixture
def saved(tmp_path):
    """Cells saved with crystals 1.2.0."""
    install(tmp_path / "old", "1.2.0")
    python(SAVE, tmp_path / "old", cwd=tmp_path)
    return tmp_path


# -- what has moved ---------------------------------------------------------------------------


def test_class_that_moved_is_found_by_its_new_name(saved):
    write(saved / "new", "lattices", CELL.replace("Cell", "Box"))
    script = f"found = ps.load('cells.h5', {RENAME}); print(type(found['cells'][1]), found['cells'][1].volume())"
    assert python(script, saved / "new", cwd=saved).startswith("<class 'lattices.Box'> 46.65")


@pytest.mark.parametrize(
    "rename",
    ["{'crystals': 'lattices'}", "{'crystals.cells': 'lattices.cells'}", "{'crystals.cells:Cell': 'other:Cell'}"],
)
def test_module_that_moved_takes_what_is_in_it_along(rename, saved):
    write(saved / "new", "lattices.cells")
    write(saved / "new", "other")
    script = f"print(type(ps.load('cells.h5', 'cells/0', rename={rename})).__name__)"
    assert python(script, saved / "new", cwd=saved) == "Cell"


def test_rename_that_lasts(saved):
    write(saved / "new", "lattices", CELL)
    script = """
        ps.register_rename('crystals.cells.Cell', 'crystals.Cell')
        ps.register_rename('crystals.Cell', 'lattices.Cell')
        print(type(ps.load('cells.h5')['cells'][0]))
        with ps.open_storage('cells.h5', 'r') as storage:
            print(type(storage['object/cells/1'].to_object()))
    """
    lines = python(textwrap.dedent(script), saved / "new", cwd=saved).splitlines()
    assert lines == ["<class 'lattices.Cell'>"] * 2


def test_rename_for_one_load_goes_before_one_that_lasts(saved):
    write(saved / "new", "lattices", CELL)
    script = "ps.register_rename('crystals.cells.Cell', 'nowhere.Cell'); print(type(ps.load('cells.h5', 'cells/0', "
    assert "lattices" in python(script + "rename={'crystals.cells.Cell': 'lattices.Cell'})))", saved / "new", cwd=saved)


def test_renames_that_go_round_in_circles_end(saved):
    script = "ps.register_rename('crystals.cells', 'b'); ps.register_rename('b', 'crystals.cells'); ps.load('cells.h5')"
    python("import crystals.cells; " + script, saved / "old", cwd=saved)


def test_renamed_class_must_be_trusted_under_its_new_name(saved):
    write(saved / "new", "lattices", CELL)
    load = "print(type(ps.load('cells.h5', 'cells/0', rename={'crystals.cells.Cell': 'lattices.Cell'}, trust=['%s'])))"
    assert "lattices.Cell" in python(load % "lattices", saved / "new", cwd=saved)
    assert "UntrustedError" in python(load % "crystals", saved / "new", cwd=saved, check=False).stderr


def test_class_of_a_program_that_moved_into_a_module(tmp_path):
    python(f"{CELL}\nps.save([Cell(2.0)], 'cells.h5')", cwd=tmp_path)
    write(tmp_path, "lattices", CELL)
    script = "print(type(ps.load('cells.h5', rename={'__main__.Cell': 'lattices.Cell'})[0]))"
    assert python(script, tmp_path, cwd=tmp_path) == "<class 'lattices.Cell'>"


def test_class_that_moved_into_another_one_has_a_colon_behind_its_module(saved):
    write(saved / "new", "lattices", "class Outer:\n" + textwrap.indent(CELL.replace("Cell", "Box"), "    "))
    script = "print(type(ps.load('cells.h5', rename={'crystals.cells.Cell': 'lattices:Outer.Box'})['cells'][1]))"
    assert python(script, saved / "new", cwd=saved) == "<class 'lattices.Outer.Box'>"


def test_what_is_no_name_is_refused(tmp_path):
    ps.save([1], tmp_path / "x.h5")
    for rename in ({"a b": "c"}, {"a.b": ""}, {"a": 3}, "a", [("a", "b")]):
        with pytest.raises(ps.InvalidOptionError, match="rename"):
            ps.load(tmp_path / "x.h5", rename=rename)
    with pytest.raises(ps.InvalidOptionError, match="rename"):
        ps.register_rename("a.b.", "c")


STORABLE = """
import pyiron_storage as ps

class Cell(ps.Storable):
    {version}
    def __init__(self, a):
        self.a = a

    def _store(self, storage):
        storage["{key}"] = self.a

    @classmethod
    def _restore(cls, storage, version):
        print("restored from", version)
        return cls(storage["edge" if version.startswith("1.") else "a"])
"""


@pytest.mark.parametrize("own", [True, False])
def test_storable_is_told_the_version_that_was_saved(own, tmp_path):
    for version, key in (("1.5", "edge"), ("2.0", "a")):
        source = STORABLE.format(key=key, version=f"storage_version = '{version}'" if own else "")
        install(tmp_path / version, "7" if own else version, source=source)
    save = "from crystals.cells import Cell; ps.save(Cell(3.0), 'cells.h5'); ps.save([Cell(4.0)], 'cells.h5', 'list')"
    python(save, tmp_path / "1.5", cwd=tmp_path)
    load = "print(ps.load('cells.h5', versions='ignore').a, ps.load('cells.h5', 'list', versions='ignore')[0].a)"
    assert python(load, tmp_path / "2.0", cwd=tmp_path).splitlines() == ["restored from 1.5"] * 2 + ["3.0 4.0"]


# -- what is missing ----------------------------------------------------------------------------


def test_error_names_package_version_path_and_the_ways_on(saved):
    done = python("ps.load('cells.h5')", cwd=saved, check=False)
    message = done.stderr.splitlines()[-1]
    for part in ("CannotImportError", "cells.h5", "crystals 1.2.0", "pip install 'crystals==1.2.0'", "object/cells/0"):
        assert part in message
    for way in ("rename={'crystals.cells.Cell'", "on_missing='raw'"):
        assert way in message
    python("try:\n    ps.load('cells.h5')\nexcept ImportError: print('as built in')", cwd=saved)


def test_error_says_which_version_is_here_where_the_package_has_lost_the_class(saved):
    install(saved / "new", "2.0.0", module="crystals.lattices")
    done = python("ps.load('cells.h5', versions='compatible')", saved / "new", cwd=saved, check=False)
    assert "stored with crystals 1.2.0, and here is 2.0.0." in done.stderr.splitlines()[-1]
    install(saved / "same", "1.2.0", module="crystals.lattices")
    done = python("ps.load('cells.h5')", saved / "same", cwd=saved, check=False)
    assert "stored with crystals 1.2.0." in done.stderr.splitlines()[-1]


def test_raw_object_shows_class_version_and_state(saved):
    script = """
        found = ps.load('cells.h5', on_missing='raw')
        raw = found['cells'][0]
        print(raw)
        print(isinstance(raw, ps.RawObject), raw.type_name, raw.package, raw.version, dict(raw), found['n'])
        for change in (lambda: setattr(raw, 'a', 1), lambda: raw.__setitem__('a', 1), lambda: delattr(raw, 'a')):
            try:
                change()
            except ps.ReadOnlyError:
                print('read only')
    """
    assert python(textwrap.dedent(script), cwd=saved).splitlines() == [
        "<RawObject of crystals.cells.Cell (crystals 1.2.0): a, name>",
        "True crystals.cells.Cell crystals 1.2.0 {'a': 4.05, 'name': 'fcc'} 1",
        *["read only"] * 3,
    ]


def test_raw_option_changes_nothing_for_what_is_there(saved):
    load = "print(type(ps.load('cells.h5', on_missing='raw')['cells'][0]).__name__)"
    assert python(load, saved / "old", cwd=saved) == "Cell"


def test_option_is_one_of_two(tmp_path):
    ps.save([1], tmp_path / "x.h5")
    with pytest.raises(ps.InvalidOptionError, match="on_missing"):
        ps.load(tmp_path / "x.h5", on_missing="ignore")


THINGS = """
import collections, enum, functools, pyiron_storage as ps
import numpy as np

class Plain:
    def __init__(self, **state): self.__dict__.update(state)
    def method(self): return self

class Slotted:
    __slots__ = ("left", "right", "__dict__")

class Counts(np.ndarray): pass
class Numbers(list): pass
class Named(dict): pass
class Phase(enum.Enum):
    SOLID = "s"
    GAS = "g"
Point = collections.namedtuple("Point", "x y")
Point.__module__ = __name__

class Reduced:
    def __init__(self, *args): self.args = args
    def __reduce__(self): return make, self.args, {"extra": 1}
    def __setstate__(self, state): self.extra = state

def make(*args): return Reduced(*args)

class WithNew:
    def __new__(cls, *, size):
        made = super().__new__(cls)
        made.size = size
        return made
    def __getnewargs_ex__(self): return (), {"size": self.size}

class Away(ps.Storable):
    storage_version = "0.3"
    def __init__(self, value): self.value = value
    def _store(self, storage):
        storage["value"] = self.value
        storage.create_group("more")["list"] = [1, 2]
        storage["$"] = 3
    @classmethod
    def _restore(cls, storage, version):
        assert (storage["more/list"], storage["$"], version) == ([1, 2], 3, "0.3")
        return cls(storage.load("value"))

def things():
    slotted = Slotted()
    slotted.left, slotted.right, slotted.more = 1, [2], 3
    ring = Plain(name="ring")
    ring.self = [ring]
    numbers = Numbers([1, 2, Plain(x=1)])
    numbers.unit = "eV"
    shared = [1, 2]
    array = np.arange(20000.0)
    first = Plain(n=0, next=None)
    graph = [first] + [Plain(n=n, next=first) for n in range(1, 20)]
    return {
        "plain": Plain(x=1.5, y="text", z=[1, {"a": None}], nan=float("nan")),
        "empty": Plain(),
        "slotted": slotted,
        "ring": ring,
        "numbers": numbers,
        "named": Named(a=1, b=Plain(x=2)),
        "phase": [Phase.SOLID, Phase.GAS, Phase.SOLID],
        "point": Point(1, [2]),
        "reduced": Reduced(1, [2]),
        "new": WithNew(size=3),
        "away": Away({"deep": Plain(x=shared)}),
        "class": Plain,
        "function": make,
        "method": [Plain(x=1).method, *[Plain(x=2).method] * 2],
        "default": collections.defaultdict(make, {1: Plain(x=1)}),
        "column": [Plain(x=n, y=n / 2, s=f"n{n}") for n in range(50)],
        "points": [Point(n, n / 2) for n in range(50)],
        "slots": [slot(n) for n in range(50)],
        "calls": [Reduced(n, n) for n in range(50)],
        "mixed": [Plain(x=n) if n % 3 else None for n in range(60)],
        "keys": {Point(1, 2): 3},
        "set": {Phase.SOLID},
        "shared": [shared, shared, Plain(x=shared)],
        "arrays": [Plain(array=array), Plain(array=array)],
        "graph": graph,
        "code": [lambda x: x + 1],
        "partial": functools.partial(make, 1),
        "partials": [functools.partial(make, n) for n in range(20)] + [functools.partial(Plain(x=1).method)],
        "subclass": [np.arange(3 + n).view(Counts) for n in range(10)],
        "known": [collections.OrderedDict(a=1), 1 + 2j, np.float32(1), {1, 2}],
    }

def slot(n):
    made = Slotted()
    made.left, made.right = n, n / 2
    return made

def described(thing, seen):
    if id(thing) in seen:
        return f"<the {seen[id(thing)]}>"
    if isinstance(thing, (int, float, complex, str, type(None), type, type(make), enum.Enum)) and not isinstance(
        thing, (Numbers, Named)
    ):
        return repr(thing) if not callable(thing) else thing.__name__
    seen[id(thing)] = len(seen)
    if isinstance(thing, np.ndarray):
        return [type(thing).__name__, thing.dtype.str, thing.sum().item()]
    parts = [type(thing).__name__]
    if isinstance(thing, functools.partial):
        return [*parts, described(thing.args, seen), thing.func.__name__]
    if isinstance(thing, dict):
        parts += [[described(key, seen), described(value, seen)] for key, value in thing.items()]
    elif isinstance(thing, (list, tuple, set)):
        parts += [described(entry, seen) for entry in thing]
    if isinstance(thing, Slotted):
        parts += [described(thing.left, seen), described(thing.right, seen)]
    if isinstance(thing, (np.generic,)):
        parts += [thing.item()]
    return parts + [described(getattr(thing, "__dict__", None), seen)]
"""
DESCRIBE = "import json; from oddities.things import described; print(json.dumps(described(ps.load({!r}), {{}})))"
BACK = """
found = ps.load({!r}, on_missing='raw')
ps.save(found, {!r})
"""


@pytest.fixture
def things(tmp_path):
    install(tmp_path / "site", "3.1", module="oddities.things", source=THINGS, distribution="oddities")
    return tmp_path


@pytest.mark.parametrize(("suffix", "other"), [(".h5", ".h5"), (".jsondir", ".json"), (".h5", ".jsondir")])
def test_everything_goes_back_as_it_was(suffix, other, things):
    first, second = f"first{suffix}", f"second{other}"
    save = f"from oddities.things import things; ps.save(things(), {first!r})"
    python(save, things / "site", cwd=things)
    python(BACK.format(first, second), cwd=things)  # without the package
    described = [json.loads(python(DESCRIBE.format(name), things / "site", cwd=things)) for name in (first, second)]
    assert described[1] == described[0]
    assert "3.1" in {one.version for one in ps.versions(things / second)[0].types}


def test_types_and_versions_go_back_as_they_were(things):
    python("from oddities.things import things; ps.save(things(), 'first.h5')", things / "site", cwd=things)
    python(BACK.format("first.h5", "second.h5"), cwd=things)
    before, after = (set(ps.versions(things / name)[0].types) for name in ("first.h5", "second.h5"))
    assert after == before


def test_raw_objects_can_be_put_among_others_pickled_and_copied(saved):
    script = """
        import copy, pickle
        found = ps.load('cells.h5', on_missing='raw')['cells']
        ps.save({'new': [found[0], {'x': found}], 'same': copy.deepcopy(found[0])}, 'new.jsondir')
        again = pickle.loads(pickle.dumps(found))
        print(again[1], dict(again[1]) == dict(found[1]))
        with ps.open_storage('new.jsondir') as storage:
            storage['object/new'].append(again[1])
    """
    assert python(textwrap.dedent(script), cwd=saved).endswith("True")
    script = "f = ps.load('new.jsondir'); print([type(f['new'][0]), f['new'][0] is f['new'][1]['x'][0], f['new'][2].a])"
    assert python(script, saved / "old", cwd=saved) == "[<class 'crystals.cells.Cell'>, True, 3.6]"


def test_raw_does_not_stand_in_for_what_is_not_trusted(saved):
    done = python("ps.load('cells.h5', on_missing='raw', trust='data')", saved / "old", cwd=saved, check=False)
    assert "UntrustedError" in done.stderr


def test_raw_objects_of_a_stranger_do_not_become_signed(saved, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(saved / "somebody-else"))
    python("ps.save(ps.load('cells.h5', on_missing='raw', trust=['crystals']), 'mine.h5')", cwd=saved)
    load = "print(ps.load('mine.h5'{})['cells'][0].a)"
    assert "UntrustedError" in python(load.format(""), saved / "old", cwd=saved, check=False).stderr
    assert python(load.format(", trust=['crystals']"), saved / "old", cwd=saved) == "4.05"


def test_raw_objects_of_ones_own_stay_signed(saved):
    python("ps.save(ps.load('cells.h5', on_missing='raw'), 'mine.h5')", cwd=saved)
    assert python("print(ps.load('mine.h5')['cells'][0].a)", saved / "old", cwd=saved) == "4.05"


def test_looking_needs_no_package(saved):
    script = """
        with ps.open_storage('cells.h5', 'r') as storage:
            print(storage['object/cells/0/a'], [path for path, _ in storage.walk()][-1])
            print(storage)
        ps.copy('cells.h5', 'copy.jsondir')
        print(ps.diff('cells.h5', 'copy.jsondir'), ps.versions('copy.jsondir')[0].types[0].version)
    """
    out = python(textwrap.dedent(script), cwd=saved)
    assert out.startswith("4.05 object/n")
    assert out.endswith("[] 1.2.0")


@pytest.mark.parametrize("options", [{"rename": {"a": "b"}}, {"on_missing": "raw"}])
def test_pickle_files_say_that_they_cannot(options, tmp_path):
    ps.save([1], tmp_path / "x.pkl")
    with pytest.raises(ps.UnsupportedOperationError, match="pickle"):
        ps.load(tmp_path / "x.pkl", **options)
    assert ps.load(tmp_path / "x.pkl", versions="exact") == [1]


# -- what stored itself into a group ----------------------------------------------------------------


@pytest.fixture
def by_hand(tmp_path):
    """A cell of crystals 1.5 that stored itself into the group ``cell`` of ``cells.h5``, in a folder."""
    source = STORABLE.format(key="edge", version="")
    install(tmp_path / "old", "1.5", source=source)
    save = (
        "from crystals.cells import Cell\nwith ps.open_storage('cells.h5') as storage: Cell(3.0).store(storage, 'cell')"
    )
    python(save, tmp_path / "old", cwd=tmp_path)
    return tmp_path


def test_object_in_a_group_is_found_by_its_new_name(by_hand):
    install(by_hand / "new", "1.5", module="lattices", source=STORABLE.format(key="edge", version=""))
    rename = "rename={'crystals.cells.Cell': 'lattices.Cell'}"
    assert "3.0" in python(f"print(ps.load('cells.h5', 'cell', {rename}).a)", by_hand / "new", cwd=by_hand)


@pytest.mark.parametrize(("own", "versions"), [("", "exact"), ("", "compatible"), ("storage_version = '2'", "exact")])
def test_object_in_a_group_is_compared_by_its_version(own, versions, by_hand):
    install(by_hand / "new", "2.0", source=STORABLE.format(key="a", version=own))
    done = python(
        f"print(ps.load('cells.h5', 'cell', versions={versions!r}).a)", by_hand / "new", cwd=by_hand, check=False
    )
    if own:  # it knows what to do with versions
        assert done.stdout.splitlines()[-1] == "3.0"
    else:
        assert "VersionMismatchError" in done.stderr
        assert "crystals 1.5, and here is 2.0" in done.stderr


def test_object_in_a_group_that_is_missing_is_given_as_the_group(by_hand):
    script = (
        "found = ps.load('cells.h5', 'cell', on_missing='raw')\nprint(found['NAME'], found['edge'])\n"
        "with ps.open_storage('copy.json') as storage: storage['again'] = found"
    )
    assert python(script, cwd=by_hand) == "Cell 3.0"
    again = "print(ps.load('copy.json', 'again').a)"
    assert python(again, by_hand / "old", cwd=by_hand).splitlines() == ["restored from 1.5", "3.0"]
