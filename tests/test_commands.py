"""The command line does what docs/commands.md says, and every command is there."""

import doctest
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from packages import CELL, install, python, repository, write
from terminals import on_a_terminal

import pyiron_storage as ps
from pyiron_storage.commands import names

PAGE = (Path(ps.__file__).parent.parent / "docs" / "commands.md").read_text()
COMMAND = [sys.executable, "-c", "from pyiron_storage.commands import main; main()"]
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE

try:
    import typer  # noqa: F401
except ImportError:
    has_typer = False
else:
    has_typer = True

with_typer = pytest.mark.skipif(not has_typer, reason="typer is not installed: pip install 'pyiron_storage[cli]'")


def run(*arguments, folders=(), **options):
    path = os.pathsep.join([*map(str, folders), os.environ.get("PYTHONPATH", "")]).strip(os.pathsep)
    environment = os.environ | {"COLUMNS": "200", "PYTHONIOENCODING": "utf-8", "PYTHONPATH": path}
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, env=environment, check=False, **options
    )


@pytest.fixture
def files():
    """The files of the page."""
    examples = doctest.DocTestParser().get_examples(PAGE)
    scope = {"__name__": "__main__"}
    for example in examples:
        exec(example.source, scope)


def test_every_command_is_documented_with_an_example():
    sections = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE))
    for name in names():
        assert f"$ pyiron-storage {name}" in sections[name], name


@with_typer
def test_the_examples_of_the_page_run(files):
    checker, last = doctest.OutputChecker(), 0
    for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL):
        for line, expected in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE):
            if line == "echo $?":
                found = f"{last}\n"
            else:
                program, *arguments = shlex.split(line)
                assert program == "pyiron-storage"
                done = run(*arguments, input="")
                last, found = done.returncode, done.stdout + done.stderr
                if "pyiron-storage:" not in expected and "diff" not in arguments:
                    assert done.returncode == 0, (line, found)
            assert checker.check_output(expected, found, FLAGS), f"$ {line}\n{found}\nexpected\n{expected}"


@with_typer
@pytest.mark.parametrize("name", names())
def test_every_command_has_help(name):
    done = run(name, "--help")
    assert done.returncode == 0
    assert "Usage: pyiron-storage " + name in done.stdout


@with_typer
@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["ls", "nowhere.h5"], 1, "nowhere.h5 does not exist"),
        (["ls", "run.unknown"], 1, "stands for no back-end"),
        (["show", "run.h5", "nowhere"], 1, "there is no 'nowhere'"),
        (["diff", "run.h5", "nowhere.h5"], 2, "nowhere.h5 does not exist"),
        (["diff", "run.h5"], 2, "Missing argument"),
        (["ls"], 2, "Missing argument"),
        (["unknown"], 2, "No such command"),
        (["ls", "run.h5", "--unknown"], 2, "No such option"),
        (["copy", "run.h5", "run.pkl"], 1, "pickle"),
        (["plot", "run.h5", "name"], 1, "'object/name' is a str"),
        (["html", "run.h5", "-o", "nowhere/x.html"], 1, "nowhere/x.html"),
        (["html", "run.h5", "-o", "run.h5"], 1, "run.h5 is a storage"),
        (["plot", "run.h5", "energies", "-o", "run.h5"], 1, "run.h5 is a storage"),
        (["delete", "run.h5"], 1, "say --yes"),
    ],
)
def test_errors_are_messages_on_stderr(files, arguments, code, message):
    done = run(*arguments, input="")
    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert Path("run.h5").exists()


@with_typer
def test_json_is_what_a_program_reads(files):
    ps.save(
        {
            "a": np.array([[1.5, np.nan], [np.inf, 2.0]]),
            "c": 1 + 2j,
            "b": b"\x00\xff",
            "t": (1, {2}),
            "list": [None, True, "ü"],
            "when": np.datetime64("2020-01-01"),
            "f": np.float32(0.5),
            1: "one",
            "class": int,
        },
        "v.h5",
    )
    assert json.loads(run("show", "v.h5", "object", "--json").stdout) == {
        "a": [[1.5, "nan"], ["inf", 2.0]],
        "c": "(1+2j)",
        "b": "00ff",
        "t": [1, [2]],
        "list": [None, True, "ü"],
        "when": "2020-01-01",
        "f": 0.5,
        "~:1": "one",
        "class": {"$": "import", "name": "builtins.int"},
    }
    found = json.loads(run("info", "v.h5", "a", "--json").stdout)
    assert (found["back-end"], found["dtype"], found["shape"]) == ("hdf5", "<f8", [2, 2])
    assert [entry["path"] for entry in json.loads(run("tree", "run.h5", "--json").stdout)][:3] == [
        "",
        "object",
        "object/name",
    ]
    assert json.loads(run("inspect", "run.h5", "--json").stdout)[0]["path"] == "object/shift"
    assert json.loads(run("diff", "run.h5", "run.h5", "--json").stdout) == []


@with_typer
def test_what_a_file_says_does_not_reach_the_terminal_as_it_stands():
    ps.save({"\x1b[31mkey": "\x1b]0;title\x07\nnext line", "list": ["\x1b[2J"]}, "evil.h5")
    for arguments in (["ls", "evil.h5", "object"], ["tree", "evil.h5"], ["show", "evil.h5", "object/\x1b[31mkey"]):
        done = run(*arguments)
        assert done.returncode == 0
        assert all(letter.isprintable() or letter == "\n" for letter in done.stdout), arguments
    assert "next line" in run("show", "evil.h5", "\x1b[31mkey").stdout.splitlines()


@with_typer
def test_a_plot_is_a_png(files):
    pytest.importorskip("matplotlib")
    ps.save({"line": np.sin(np.arange(100_000)), "map": np.eye(2000, 50), "list": [1.0, 2.0, float("nan")] * 5}, "p.h5")
    for path in ("line", "map", "list"):
        done = run("plot", "p.h5", path)
        assert (done.returncode, done.stdout) == (0, f"{path}.png\n"), done.stderr
        assert Path(f"{path}.png").read_bytes().startswith(b"\x89PNG")


IMPATIENT = [sys.executable, "-c", "import pyiron_storage.progress as bar; bar.DELAY_SECONDS = 0.2\n" + COMMAND[-1]]
"""Shows a bar after a fifth of a second, so that the fastest machine does."""


@with_typer
def test_copying_shows_a_bar_on_a_terminal_where_it_lasts_and_nothing_elsewhere():
    numbers = np.random.default_rng(1).integers(0, 1000, 12_000_000)
    with ps.open_storage("big.h5") as storage:
        storage["a"], storage["b"] = numbers, 1
    code, shown = on_a_terminal([*IMPATIENT, "copy", "big.h5", "b.h5", "--compression", "gzip"])
    assert code == 0
    assert re.search(r"copying big\.h5  \[#*\.*\] +\d+ %  \d+ of 96 MB  \d s", shown)
    assert not shown.split("\r")[-1].strip()
    assert on_a_terminal([*COMMAND, "copy", "big.h5::b", "short.h5"]) == (0, "")
    done = run("copy", "big.h5", "quiet.h5", "--compression", "gzip")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@with_typer
def test_files_are_looked_at_where_the_packages_of_their_classes_are_missing():
    from ase.build import bulk

    ps.save(bulk("Al", cubic=True), "atoms.h5")
    missing = [sys.executable, "-c", "import sys; sys.modules['ase'] = None; " + COMMAND[-1]]
    for arguments, expected in (
        (["tree", "atoms.h5"], "ase.atoms.Atoms"),
        (["show", "atoms.h5", "arrays/positions"], "2.025"),
        (["copy", "atoms.h5", "atoms.json"], ""),
        (["diff", "atoms.h5", "atoms.json"], ""),
        (["html", "atoms.h5"], "atoms.h5.html"),
        (["metadata", "atoms.h5"], "creator"),
        (["metadata", "atoms.h5", "--set", "project=Al"], ""),
        (["versions", "atoms.h5"], "ase.atoms.Atoms"),
        (["inspect", "atoms.h5"], ""),
        (["check", "atoms.h5"], "whole"),
        (["compact", "atoms.h5"], "before"),
    ):
        done = subprocess.run([*missing, *arguments], capture_output=True, text=True, check=True)
        assert expected in done.stdout


def test_a_missing_typer_names_the_extra():
    code = "import sys; sys.modules['typer'] = None; " + COMMAND[-1]
    done = subprocess.run([sys.executable, "-c", code, "ls"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "pip install 'pyiron_storage[cli]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_importing_the_package_imports_nothing_of_the_command_line():
    code = """
import sys
import pyiron_storage
package = "pyiron_storage."
heavy = ("typer", "rich", "matplotlib", *(package + name for name in ("looking", "commands", "operations.copying")))
print([name for name in heavy if name in sys.modules])
"""
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


@with_typer
@pytest.mark.parametrize("file", ["m.h5", "m.jsondir", "m.json", "m.pkl"])
def test_metadata_are_changed_all_at_once(file):
    ps.save({"energy": -3.72}, file, metadata={"project": "Al", "old": 1})
    changes = ["cutoff=520", "note=a=b", "list=[1, null]", "nan=NaN", 'text="520"']
    done = run("metadata", file, *(word for change in changes for word in ("--set", change)), "--delete", "old")
    assert done.returncode == 0, done.stderr
    shown = [line for line in done.stdout.splitlines() if not re.match("created|creator|modified", line)]
    assert shown == ["project: Al", "cutoff: 520", "note: a=b", "list: [1, null]", "nan: NaN", 'text: "520"']
    found = json.loads(run("metadata", file, "object", "--json").stdout)
    expected = {"project": "Al", "cutoff": 520, "note": "a=b", "list": [1, None], "nan": "NaN", "text": "520"}
    assert {key: value for key, value in found.items() if key not in ("created", "creator", "modified")} == expected
    done = run("metadata", file, "--set", "more=1", "--delete", "missing")
    assert (done.returncode, done.stdout) == (1, "")
    assert "there is no metadata 'missing'. There is: 'created'" in done.stderr
    assert json.loads(run("metadata", file, "--json").stdout) == found
    assert ps.load(file) == {"energy": -3.72}


@with_typer
def test_metadata_are_of_the_object_the_group_or_the_file_that_is_meant(files):
    with ps.open_storage("groups.h5") as storage:
        storage["nodes/relax"] = {"energy": 1.0}
        storage["nodes/number"] = 1
    for path in ("nodes", "nodes/relax", "/"):
        assert run("metadata", "groups.h5", path, "--set", f"at={path}").returncode == 0
    with ps.open_storage("groups.h5", "r") as storage:
        assert (storage.metadata["at"], storage["nodes"].metadata["at"]) == ("/", "nodes")
        assert storage["nodes/relax"].metadata["at"] == "nodes/relax"
    assert json.loads(run("metadata", "groups.h5", "--json").stdout)["at"] == "/"
    assert json.loads(run("metadata", "run.h5", "/", "--json").stdout) == {}
    assert "creator" in json.loads(run("metadata", "run.h5", "energies", "--json").stdout)
    assert "which has no metadata" in run("metadata", "groups.h5", "nodes/number").stderr


@with_typer
@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["metadata", "nowhere.h5", "--set", "a=1"], 1, "nowhere.h5 does not exist"),
        (["metadata", "run.h5", "nowhere", "--set", "a=1"], 1, "there is no 'nowhere' in object"),
        (["metadata", "run.h5", "--set", "a"], 2, "'a' is not KEY=VALUE"),
        (["metadata", "run.h5", "--set", "a=1", "--set", "b=1e999"], 1, "'b' is inf"),
        (["check", "nowhere.h5"], 2, "nowhere.h5 does not exist"),
        (["check", "nowhere.pkl"], 2, "has no checksums"),
        (["compact", "nowhere.h5"], 1, "nowhere.h5 does not exist"),
    ],
)
def test_a_command_that_cannot_do_what_it_is_told_changes_nothing(files, arguments, code, message):
    before = Path("run.h5").read_bytes()
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert Path("run.h5").read_bytes() == before
    assert not Path("nowhere.h5").exists()


@with_typer
def test_what_is_damaged_is_told_and_repaired():
    ps.save(np.arange(100_000.0), "d.h5", "big")
    ps.save([1, 2], "d.h5", "list")
    assert (run("check", "d.h5").returncode, json.loads(run("check", "d.h5", "--json").stdout)["ok"]) == (0, True)
    data = bytearray(Path("d.h5").read_bytes())
    place = data.index(np.arange(50_000.0, 50_002.0).tobytes())
    data[place] ^= 1
    Path("d.h5").write_bytes(data)
    done = run("check", "d.h5")
    assert (done.returncode, done.stderr) == (1, "")
    assert "damaged: big: " in done.stdout
    done = run("check", "d.h5", "--repair", "--json")
    report = json.loads(done.stdout)
    assert done.returncode == 1
    assert [(finding["path"], finding["kind"]) for finding in report["findings"]] == [("big", "damaged")]
    assert (report["saved"], report["lost"], Path(report["damaged_file"]).name) == (["list"], ["big"], "d.h5.damaged")
    assert run("check", "d.h5").returncode == 0
    assert ps.load("d.h5", "list") == [1, 2]


@with_typer
@pytest.mark.parametrize("file", ["c.h5", "c.jsondir"])
def test_compacting_says_what_it_gave_back(file):
    for name in "ab":
        ps.save(np.arange(100_000.0), file, name)
    ps.delete(file, "a")
    with ps.open_storage(file) as storage:
        storage["b"] = np.arange(90_000.0)
    sizes = json.loads(run("compact", file, "--json").stdout)
    assert sizes["before"] > sizes["after"] > 720_000
    assert run("compact", file).stdout.startswith(f"{file}: 70")
    np.testing.assert_array_equal(ps.load(file, "b"), np.arange(90_000.0))


NOT_TO_BE_IMPORTED = "raise SystemExit('imported')\n"
SAVE_CELLS = "from {} import Cell; ps.save([Cell(4.05), len], 'cells.h5')"


def states(*folders):
    """What `versions` says of the one class in cells.h5, and which of the two checks it passes."""
    (made,) = json.loads(run("versions", "cells.h5", "--json", folders=folders).stdout)
    (found,) = [one for one in made["types"] if one["name"].endswith("Cell")]
    passed = [
        run("versions", "cells.h5", "--check", policy, folders=folders).returncode for policy in ("compatible", "exact")
    ]
    return found["state"], found["current"], passed


@with_typer
def test_versions_are_compared_with_what_is_installed_and_nothing_is_imported(tmp_path):
    install(tmp_path / "1.2", "1.2")
    python(SAVE_CELLS.format("crystals.cells"), tmp_path / "1.2", cwd=tmp_path)
    for version in ("1.2.0", "1.10", "2.0"):
        install(tmp_path / "now" / version, version, source=NOT_TO_BE_IMPORTED)
    install(tmp_path / "same", "1.2", source=NOT_TO_BE_IMPORTED)
    assert states(tmp_path / "same") == ("same", "1.2", [0, 0])
    assert states(tmp_path / "now" / "1.10") == ("version", "1.10", [0, 1])
    assert states(tmp_path / "now" / "2.0") == ("version", "2.0", [1, 1])
    assert states() == ("missing", None, [1, 1])
    done = run("versions", "cells.h5", "--check", "compatible", folders=[tmp_path / "now" / "2.0"])
    assert (done.returncode, done.stderr) == (1, "")
    shown = [line.split() for line in done.stdout.splitlines()]
    assert shown[0][:2] == ["object:", "python"]
    assert shown[1:] == [
        ["crystals", "1.2", "here", "2.0", "another", "version,", "does", "not", "fit", "crystals.cells.Cell"]
    ]


@with_typer
def test_sources_of_loose_modules_are_compared_and_nothing_is_imported(tmp_path):
    commit = repository(tmp_path / "made", source=CELL)
    python(SAVE_CELLS.format("cells"), tmp_path / "made", cwd=tmp_path)
    write(tmp_path / "same", "cells", NOT_TO_BE_IMPORTED + CELL.replace("self.a**3", "self.a ** 3  # cubic"))
    write(tmp_path / "other", "cells", NOT_TO_BE_IMPORTED + CELL.replace("self.a**3", "self.a**2"))
    write(tmp_path / "without", "cells", NOT_TO_BE_IMPORTED)
    assert states(tmp_path / "same") == ("same", None, [0, 0])
    assert states(tmp_path / "other") == ("source", None, [0, 1])
    assert states(tmp_path / "without") == ("unknown", None, [0, 0])
    assert f"commit {commit[:10]}  here -" in run("versions", "cells.h5", folders=[tmp_path / "other"]).stdout
    write(tmp_path, "cells", NOT_TO_BE_IMPORTED + CELL)
    assert states() == ("same", None, [0, 0])  # in the working directory


@with_typer
def test_version_attributes_are_compared_where_there_is_no_distribution(tmp_path):
    write(tmp_path / "made", "cells", "__version__ = '0.7.1'\n" + CELL)
    python(SAVE_CELLS.format("cells"), tmp_path / "made", cwd=tmp_path)
    for version in ("0.7.1", "0.7.2", "0.8"):
        write(tmp_path / version, "cells", f"__version__ = '{version}'\n" + NOT_TO_BE_IMPORTED + CELL)
    assert states(tmp_path / "0.7.1") == ("same", "0.7.1", [0, 0])
    assert states(tmp_path / "0.7.2") == ("version", "0.7.2", [0, 1])
    assert states(tmp_path / "0.8") == ("version", "0.8", [1, 1])


@with_typer
def test_versions_of_what_says_nothing_of_them(files):
    ps.save(3.5, "n.h5")
    assert run("versions", "n.h5", "--check", "exact").stdout == "n.h5: nothing is recorded\n"
    assert json.loads(run("versions", "n.h5", "--json").stdout) == []
    done = run("versions", "nowhere.h5")
    assert (done.returncode, done.stdout) == (2, "")
    assert "nowhere.h5 does not exist" in done.stderr
    assert "no 'nowhere'" in run("versions", "run.h5", "nowhere").stderr
    assert "'compatible'" in run("versions", "run.h5", "--check", "some").stderr


@with_typer
def test_a_reader_that_stops_reading_is_no_error():
    ps.save({f"key{i}": [i, {"x": i}] for i in range(20_000)}, "big.h5")
    for arguments in (["ls", "big.h5", "object"], ["tree", "big.h5", "--json"], ["show", "big.h5", "object", "--json"]):
        done = subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert done.stdout.readline()
        done.stdout.close()
        assert done.stderr.read() == ""
        done.wait(60)


INTERRUPTED = """
import os, signal
import pyiron_storage.commands.ls as ls
ls.browse = lambda *arguments, **options: os.kill(os.getpid(), signal.SIGINT)
from pyiron_storage.commands import main
main()
"""


@with_typer
def test_ctrl_c_ends_a_command_without_a_traceback(files):
    done = subprocess.run([sys.executable, "-c", INTERRUPTED, "ls", "run.h5"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (130, "")
    assert "Traceback" not in done.stderr


@with_typer
def test_errors_show_what_a_file_says_as_it_may_be_shown():
    ps.save({"\x1b[31mkey\x07": 1}, "evil.h5")
    for arguments in (["show", "evil.h5", "\x1b[0mk"], ["ls", "\x1b[2J.h5"], ["plot", "evil.h5", "\x1b[31mkey\x07"]):
        done = run(*arguments)
        assert done.returncode == 1
        assert all(letter.isprintable() or letter == "\n" for letter in done.stderr), done.stderr


@with_typer
def test_json_is_the_same_wherever_it_goes():
    text = "grüße \ud800 \u2028"
    ps.save({"text": text, "\udfffkey": 1}, "s.h5")
    for encoding in ("utf-8", "ascii"):
        environment = os.environ | {"PYTHONIOENCODING": encoding}
        for arguments in (["show", "s.h5", "text"], ["show", "s.h5", "object"], ["ls", "s.h5", "object"]):
            done = subprocess.run([*COMMAND, *arguments, "--json"], capture_output=True, env=environment, check=True)
            found = json.loads(done.stdout)
            assert arguments[-1] != "text" or found == text


@with_typer
@pytest.mark.parametrize("encoding", ["latin-1", "cp437", "ascii"])
def test_a_terminal_that_cannot_show_all_letters_shows_the_others(encoding):
    ps.save({"größe": "☃ snow", "名": [1, 2]}, "u.h5")
    environment = os.environ | {"PYTHONIOENCODING": encoding}
    for arguments, code in ((["tree", "u.h5"], 0), (["show", "u.h5", "größe"], 0), (["show", "u.h5", "☃"], 1)):
        done = subprocess.run([*COMMAND, *arguments], capture_output=True, env=environment, check=False)
        assert done.returncode == code
        assert b"Traceback" not in done.stderr
        assert b"snow" in done.stdout or code


@with_typer
def test_what_is_too_deep_for_json_is_refused():
    deep = []
    for _ in range(5000):
        deep = [deep]
    ps.save({"deep": deep, "flat": [[1]]}, "deep.h5")
    done = run("show", "deep.h5", "deep", "--json")
    assert (done.returncode, done.stdout) == (1, "")
    assert "lies deeper than 200 levels" in done.stderr
    assert len(done.stderr) < 500
    assert json.loads(run("show", "deep.h5", "flat", "--json").stdout) == [[1]]
    assert len(json.loads(run("tree", "deep.h5", "--json", "--depth", "10000").stdout)) > 5000


@with_typer
def test_the_code_in_a_pickle_is_not_said_to_be_none():
    ps.save(lambda x: x, "f.cpkl")
    done = run("inspect", "f.cpkl", "--json")
    assert (done.returncode, done.stdout) == (1, "")
    assert "a pickle is a program" in done.stderr


@with_typer
def test_the_program_says_its_version_and_all_its_commands():
    assert run("--version").stdout == f"pyiron-storage {ps.__version__}\n"
    shown = run("--help").stdout
    assert [name for name in names() if f"\n  {name} " not in shown] == []
    assert "..." not in shown.partition("Commands:")[2]  # what a command does is not cut off


@with_typer
def test_nothing_is_coloured(files):
    environment = os.environ | {"FORCE_COLOR": "1", "TERM": "xterm-256color"}
    for arguments in (["tree", "run.h5"], ["ls", "nowhere.h5"], ["ls"], ["--help"], ["versions", "run.h5"]):
        done = subprocess.run([*COMMAND, *arguments], capture_output=True, env=environment, check=False)
        assert b"\x1b" not in done.stdout + done.stderr


@with_typer
@pytest.mark.parametrize("file", ["c.h5", "c.jsondir", "c.json"])
def test_a_group_is_only_deleted_after_asking(file):
    with ps.open_storage(file) as storage:
        storage["calc/run_0"], storage["calc/run_1"], storage["value"], storage["object"] = {"e": 1}, 2, 3, {"a": 1}
        storage.create_group("empty")
    for arguments, question in ([("calc",), "the group calc with 2 entries"], [(), "all of"]):
        done = run("delete", file, *arguments, input="y\n")
        assert (done.returncode, done.stdout) == (1, "")
        assert question in done.stderr
        assert "stdin is no terminal: say --yes" in done.stderr
    code, shown = on_a_terminal([*COMMAND, "delete", file, "calc"], typed="n\n")
    assert code == 1
    assert "Delete the group calc with 2 entries" in shown
    with ps.open_storage(file, "r") as storage:
        assert storage.load("calc/run_0") == {"e": 1}
    for name in ("value", "object", "empty", "calc/run_1"):  # no group with something in it
        assert run("delete", file, name).returncode == 0
    assert on_a_terminal([*COMMAND, "delete", file, "calc"], typed="y\n")[0] == 0
    with ps.open_storage(file) as storage:
        assert list(storage) == []
        storage["calc/run_0"] = 1
    assert run("delete", file, "calc", "-y").returncode == 0
    assert run("delete", file, "--yes").returncode == 0
    assert not Path(file).exists()
