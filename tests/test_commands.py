"""The command line does what docs/commands.md says, and every command is there."""

import doctest
import json
import os
import pty
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

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


def run(*arguments, **options):
    environment = os.environ | {"COLUMNS": "200", "PYTHONIOENCODING": "utf-8"}
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
                done = run(*arguments)
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
        (["delete", "run.h5"], 1, "Abort"),
    ],
)
def test_errors_are_messages_on_stderr(files, arguments, code, message):
    done = run(*arguments, input="")
    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    if arguments[0] != "delete":
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


@with_typer
def test_copying_shows_a_bar_on_a_terminal_and_nothing_elsewhere():
    with ps.open_storage("big.h5") as storage:
        storage["a"] = np.zeros((5_000_000,))
    assert run("copy", "big.h5", "quiet.h5").stderr == ""
    master, terminal = pty.openpty()
    done = subprocess.Popen([*COMMAND, "copy", "big.h5", "b.h5"], stderr=terminal, env=os.environ | {"TERM": "xterm"})
    os.close(terminal)
    shown = b""
    while True:
        try:
            piece = os.read(master, 4096)
        except OSError:
            break
        if not piece:
            break
        shown += piece
    os.close(master)
    assert done.wait(60) == 0
    assert b"copying" in shown
    assert b"MB" in shown


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
