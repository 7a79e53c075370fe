"""The benchmark runs, prints its tables, and would notice what comes back changed."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import pyiron_storage as ps
from benchmarks import tables
from benchmarks.equality import difference
from benchmarks.workloads import WORKLOADS

ROOT = Path(ps.__file__).parent.parent


def test_a_quick_run_prints_every_table(tmp_path):
    command = [sys.executable, "-m", "benchmarks", "--quick", "--workloads", "dicts,graph,irregular", "--repeat", "1"]
    command += ["--formats", "hdf5,json,joblib", "--limit", "30", "--json", str(tmp_path / "all.json")]
    printed = subprocess.check_output(command, text=True, cwd=ROOT)
    for title in ["| save / load / size |", "| load one int beside", "| save us / load us / bytes a row |", "peak"]:
        assert title in printed
    rows = [line for line in printed.splitlines() if line.startswith("| cyclic graph")]
    assert len(rows) == 1
    assert rows[0].count("|") == 6
    assert "- (1)" in rows[0]  # joblib copies the array that the nodes share
    assert "joblib comes back changed: object/1/state" in printed
    found = json.loads((tmp_path / "all.json").read_text())
    assert [measured["label"].split()[-1] for measured in found["whole"]] == ["dicts", "nodes", "objects"]
    for measured in found["whole"] + found["partial"] + found["growth"]:
        for name in ("hdf5", "json"):
            if name in measured["times"]:
                assert measured["times"][name]["note"] == ""  # it was equal
                assert measured["times"][name]["size"] or "update" in measured["times"][name]["seconds"]


@pytest.mark.parametrize("name", [name for name, workload in WORKLOADS.items() if not workload.needs])
def test_what_was_saved_is_equal_to_what_is_built_again(name):
    workload = WORKLOADS[name]
    number = min(workload.quick, 20)
    assert difference(workload.build(number), workload.build(number)) == ""
    if not workload.tiny:
        assert difference(workload.build(number), workload.build(number - 1))


@pytest.mark.parametrize(
    ("saved", "loaded", "where"),
    [
        ([1, 2], [1, 2.0], "object/1 is float, not int"),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, "object has other keys, or in another order"),
        ({"a": [np.zeros(3)]}, {"a": [np.zeros(3, "f4")]}, "object/a/0 has another value"),
        ([[1]] * 2, [[1], [1]], "object/1 is not the object that it was elsewhere"),
        ([[1], [1]], [[1]] * 2, "object/1 is not the object that it was elsewhere"),
        ([float("nan")], [float("nan")], ""),
    ],
)
def test_a_difference_is_told_with_its_path(saved, loaded, where):
    assert difference(saved, loaded) == where


def test_the_tables_are_put_between_the_marks_of_a_page(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# Before\n<!-- benchmark -->\nold\n<!-- /benchmark -->\nafter\n")
    tables.rewrite(page, "| new \\1 |")
    assert page.read_text() == "# Before\n<!-- benchmark -->\n| new \\1 |\n<!-- /benchmark -->\nafter\n"
    page.write_text("# Nothing to replace\n")
    with pytest.raises(ValueError, match="add the two lines"):
        tables.rewrite(page, "new")
