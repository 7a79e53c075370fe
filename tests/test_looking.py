"""Storages and views show themselves as trees of text and HTML: nothing is imported, only what is shown is read."""

import html.parser
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest

import pyiron_storage as ps

FILES = ["run.h5", "run.jsondir", "run.json"]


class Node:
    def __init__(self, **attributes):
        self.__dict__.update(attributes)


@pytest.fixture
def run():
    shared = [1, {"a": 2}]
    return {
        "energy": -3.72,
        "steps": [1, 2, 3],
        "forces": np.arange(12.0).reshape(4, 3),
        "node": Node(name="relax", cell=(3.6, 3.6)),
        "first": shared,
        "second": shared,
        1: None,
        "table": [{"a": i, "b": str(i)} for i in range(100)],
    }


@pytest.mark.parametrize("filename", FILES)
def test_a_storage_prints_as_a_tree_on_every_back_end(filename, run):
    with ps.open_storage(filename) as storage:
        storage["run"] = run
        storage["notes/text"] = "hello"
        text = str(storage)
    assert text.splitlines()[0] == f"{filename}  {type(storage).__name__}, 2 entries"
    for line in (
        "energy  float  -3.72",
        "steps   list, 3 entries  1, 2, 3",
        "forces  float64 (4, 3), 96 B  0, 1, 2, …",
        "Node, 2 parts",
        "name  str  'relax'",
        "cell  tuple, 2 entries  3.6, 3.6",
        "the same as run/first",
        "~:1     NoneType  None",
        "… 96 more",
        "text  str  'hello'",
    ):
        assert line in text, line
    assert str(ps.browse(filename)) == text


def test_views_and_groups_print_and_their_repr_is_one_line():
    storage = ps.MemoryStorage()
    storage["group/run"] = {"a": [1.5, 2.5]}
    assert str(storage["group"]) == "group  group, 1 entry\n└─ run  dict, 1 entry\n   └─ a  list, 2 entries  1.5, 2.5"
    assert str(storage["group/run"]) == "run  dict, 1 entry\n└─ a  list, 2 entries  1.5, 2.5"
    assert str(storage["group/run/a"]) == "a  list, 2 entries  1.5, 2.5"
    for thing in (storage, storage["group"], storage["group/run"]):
        assert "\n" not in repr(thing)
    view = storage["group/run"]
    del storage["group"]
    assert "gone" in str(view)
    assert view._repr_html_() is None


def test_a_closed_storage_prints_that_it_is():
    with ps.open_storage("closed.h5") as storage:
        storage["a"] = 1
    assert "closed" in str(storage)


def test_interactive_python_shows_trees_and_completes_keys():
    class Printer:
        def text(self, text):
            self.shown = text

    storage = ps.MemoryStorage()
    storage["a~1b"] = {"x/y": 1, 2: 3, "z": 4}
    printer = Printer()
    storage._repr_pretty_(printer, cycle=False)
    assert printer.shown == str(storage)
    for key in storage._ipython_key_completions_():
        view = storage[key]
    assert [view[key] for key in view._ipython_key_completions_()] == [1, 3, 4]
    ps.save({"a": {"b": 1}}, "x.h5")
    assert ps.browse("x.h5")["object"]._ipython_key_completions_() == ["a"]


def test_what_holds_itself_is_shown_once():
    loop = {"name": "loop"}
    loop["self"] = loop
    ps.save(loop, "loop.h5")
    assert "self  dict, 2 entries  the same as object" in str(ps.browse("loop.h5"))


def test_long_things_are_cut_off_and_deep_ones_folded():
    deep = inner = {}
    for _ in range(50):
        inner["below"] = {}
        inner = inner["below"]
    ps.save(
        {"text": "x" * 10**6, "bytes": b"y" * 10**6, "many": {f"k{i}": [i, {}] for i in range(1000)}, "deep": deep},
        "l.h5",
    )
    text = str(ps.browse("l.h5"))
    assert len(text) < 10_000
    assert "… 976 more" in text
    assert ps.browse("l.h5").tree(lines=5).count("\n") < 8
    assert ps.browse("l.h5").tree(depth=1).count("\n") == 1


def test_nothing_in_a_file_reaches_the_terminal_or_the_page_as_it_stands():
    storage = ps.MemoryStorage()
    storage["run"] = {
        "\x1b[31mred": "\x1b]0;title\x07",
        "<script>alert(1)</script>": '<img src=x onerror="alert(2)">',
        "bell\x07": ["\x1b[2J", "</details>"],
        "\u202eright to left": 1,
    }
    storage["<b>node\x1b</b>"] = "&amp;<i>"
    for thing in (storage, storage["run"]):
        text = str(thing)
        assert all(character.isprintable() or character == "\n" for character in text)
        page = thing._repr_html_()
        for tag in ("<script", "<img", "<b>", "<i>", "</details></"):
            assert tag not in page.replace("</ul></details></li>", "").replace("</ul></details></div>", ""), tag
        assert "onerror=&quot;" in page or "onerror=\\&quot;" in page
        Balanced().check(page)


class Balanced(html.parser.HTMLParser):
    """Checks that what is opened is closed."""

    VOID = ("img", "meta")

    def check(self, text):
        self.open = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        if tag not in self.VOID and tag != "path":
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag != "path":
            assert self.open.pop() == tag


def test_html_has_pictures_of_numbers_and_no_script():
    numbers = np.linspace(0, 1, 1000)
    ps.save({"line": numbers, "map": np.outer(numbers, numbers), "list": numbers.tolist(), "text": ["a"] * 100}, "p.h5")
    page = ps.browse("p.h5").page()
    assert page.count("<svg") == 2
    assert page.count('src="data:image/png;base64,') == 1
    assert "every 8. entry" in page
    assert "0 … 0.993" in page
    assert "<script" not in page
    Balanced().check(page)


@pytest.mark.parametrize(
    "array",
    [
        np.full(20, np.nan),
        np.array([np.inf, -np.inf, 1e308, -1e308] * 5),
        np.full((5, 5), np.inf),
        np.arange(20) > 5,
        np.arange(20, dtype=complex).reshape(2, 10),
        np.arange(20, dtype=np.float16),
        np.full((4, 5), 2**63, np.uint64),
        np.zeros((0, 5)),
        np.zeros((20, 1)),
        np.zeros((2, 3, 4, 5)),
        np.asfortranarray(np.arange(20.0).reshape(4, 5)),
        np.array(5.0),
        np.array(["a", "bc"] * 5),
        np.array(["2020-01-01"] * 10, "M8[D]"),
        np.zeros(10, [("x", "f8"), ("y", "i4")]),
        np.array([1, "a", None] * 4, object),
        np.longdouble("1.5") * np.arange(10),
    ],
    ids=lambda array: f"{array.dtype}-{array.shape}",
)
@pytest.mark.parametrize("filename", FILES)
def test_any_array_is_shown(filename, array):
    with ps.open_storage(filename) as storage:
        storage["native"] = array
        storage["inside"] = {"array": array}
    found = ps.browse(filename)
    assert str(array.shape) in str(found)
    assert "cannot be read" not in str(found)
    Balanced().check(found.page())


def test_what_is_damaged_does_not_hide_the_rest():
    with ps.open_storage("d.h5") as storage:
        storage["bad"] = {"a": [1, 2]}
        storage["good"] = {"b": 2}
    with h5py.File("d.h5", "r+") as file:
        text = bytes(file["bad/record"][()])
        del file["bad/record"]
        file["bad/record"] = np.bytes_(text[:20] + b"!")
        file["bad/record"].attrs["TITLE"] = np.bytes_("unicode")
    text = str(ps.browse("d.h5"))
    assert "bad   DamagedRecordError" in text
    assert "b  int  2" in text
    assert "trouble" in ps.browse("d.h5").page()


def test_a_pickle_is_not_looked_into_since_that_would_run_it():
    ps.save(Exploding(), "x.pkl")
    with pytest.raises(ps.UnsupportedOperationError, match=r"x\.pkl: a pickle runs code"):
        ps.browse("x.pkl")
    with ps.open_storage("x.pkl") as storage:
        assert "PickleStorage" in str(storage)
        assert storage._repr_html_() is None
        assert [(path, found.type) for path, found in storage.walk()] == [("object", "pickle")]


class Exploding:
    def __reduce__(self):
        return explode, ()


def explode():
    raise AssertionError("a pickle was run")


def test_a_path_that_is_not_there_is_said_at_once():
    ps.save({"a": 1}, "x.h5")
    with pytest.raises(ps.PathNotFoundError, match="nowhere"):
        ps.browse("x.h5", "nowhere")
    with pytest.raises(ps.PathNotFoundError, match="b"):
        ps.browse("x.h5")["b"]
    with pytest.raises(ps.StorageNotFoundError):
        ps.browse("nowhere.h5")
    assert repr(ps.browse("x.h5", "a")) == "a  int  1"


MISSING = """
import sys
sys.modules["ase"] = sys.modules["pandas"] = None
import pyiron_storage as ps
found = ps.browse("atoms.h5")
print(found)
assert "<svg" in found.page()
with ps.open_storage("atoms.h5", "r") as storage:
    print(len(list(storage.walk())), storage["object/atoms/arrays/positions"].shape)
    try:
        storage.load("object")
    except ps.CannotImportError:
        print("cannot be imported")
"""


def test_a_file_is_browsed_without_the_packages_that_made_it():
    import pandas as pd
    from ase.build import bulk

    frame = pd.DataFrame({"x": np.arange(20.0), "name": [f"n{i}" for i in range(20)]})
    ps.save({"atoms": bulk("Al", cubic=True), "frame": frame, "energies": [float(i) for i in range(50)]}, "atoms.h5")
    text = subprocess.run([sys.executable, "-c", MISSING], capture_output=True, text=True, check=True).stdout
    assert "ase.atoms.Atoms, 7 parts" in text
    assert "(4, 3)" in text
    assert "frame     " in text
    assert "cannot be imported" in text


@pytest.mark.parametrize(
    "make",
    [
        lambda i: float(i),
        lambda i: f"text {i}",
        lambda i: f"text\n{i}",
        lambda i: i if i % 3 else str(i),
        lambda i: {"a": i, "b": str(i)},
        lambda i: [i] * (i % 3),
    ],
    ids=["floats", "texts", "lines", "mixed", "dicts", "lists"],
)
def test_a_million_entries_print_at_once(make):
    ps.save([make(i) for i in range(1_000_000)], "big.h5")
    seconds = []
    for _ in range(3):
        with ps.open_storage("big.h5", "r") as storage:
            start = time.process_time()
            assert "1,000,000 entries" in str(storage["object"])
            assert "1,000,000 entries" in storage["object"]._repr_html_()
            seconds.append(time.process_time() - start)
    assert min(seconds) < 0.2  # 0.01 to 0.05 s on a quiet machine; all of it takes a second and more


def test_a_group_with_many_nodes_prints_without_listing_them():
    with ps.open_storage("many.h5") as storage, storage.transaction():
        for number in range(3000):
            storage[f"node{number}"] = number
    with ps.open_storage("many.h5", "r") as storage:
        assert str(storage).splitlines()[0] == "many.h5  HDF5Storage, 3,000 entries"
        assert str(storage).splitlines()[-1] == "└─ … 2,976 more"
        assert len(storage) == 3000


def test_of_a_big_array_only_a_few_numbers_are_read(monkeypatch):
    with ps.open_storage("big.h5", compression="gzip") as storage:
        storage["chunked"] = np.zeros((4000, 500))
        storage["run"] = {"array": np.zeros((4000, 500))}
    with ps.open_storage("big.h5") as storage:
        storage["plain"] = np.zeros((4000, 500))
    from pyiron_storage.backends.hdf5_arrays import HDF5Array

    read, whole = [], HDF5Array.read

    def counting(self, box):
        read.append(box.size)
        return whole(self, box)

    monkeypatch.setattr(HDF5Array, "read", counting)
    assert ps.browse("big.h5").page().count("<img") == 3
    assert 0 < sum(read) < 3 * 5000


@pytest.mark.parametrize("filename", FILES)
def test_html_shows_the_first_rows_of_a_data_frame(filename):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(
        {
            "energy": np.arange(100) / 4,
            "phase": pd.Categorical(["fcc", None, "bcc", "fcc"] * 25),
            "count": pd.array([7, None, 9, 10] * 25, dtype="Int64"),
            "<name>": ["Al", "Ni & Al", "Cu", "Fe"] * 25,
            3: [[i] for i in range(100)],
        },
        index=pd.Index([f"row {i}" for i in range(100)]),
    )
    wide = pd.DataFrame({f"k{i}": [i] for i in range(20)})
    ps.save({"frame": frame, "wide": wide, "none": pd.DataFrame()}, filename)
    look = f"import sys, pyiron_storage; print(pyiron_storage.browse({filename!r}).page())"
    code = f"{look}; assert 'pandas' not in sys.modules"
    page = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    head, *rows = page.split("<table>")[1].split("</table>")[0].split("<tr>")[1:]
    assert head.split("<th>")[1:] == [
        f"{name}</th>" if number < 5 else f"{name}</th></tr>"
        for number, name in enumerate(["", "energy", "phase", "count", "&lt;name&gt;", "3"])
    ]
    cells = [[cell.split("</td>")[0] for cell in row.split("<td>")[1:]] for row in rows]
    assert cells[0] == ["&#x27;row 0&#x27;", "0", "&#x27;fcc&#x27;", "7", "&#x27;Al&#x27;", "…"]
    assert cells[1] == ["&#x27;row 1&#x27;", "0.25", "-", "-", "&#x27;Ni &amp; Al&#x27;", "…"]
    assert len(cells) == 5
    assert "… 9 more</th>" in page  # of 20 columns and the index
    assert "pandas.DataFrame" in page
