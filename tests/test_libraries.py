"""Objects of real libraries come back, whole and working, in a second process."""

import os
import subprocess
import sys
from pathlib import Path

import libraries
import pytest

import pyiron_storage as ps


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("name", libraries.NAMES)
def test_it_works_after_loading_in_a_second_process(name, tmp_path):
    thing = getattr(libraries, name)()
    files = [tmp_path / "it.h5", tmp_path / "it.jsondir"]
    for file in files:
        ps.save(thing, file)
        assert ps.inspect(file) == []  # everything is data and names, nothing opaque
    here = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, here / "libraries.py", name, *files],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{here.parent}{os.pathsep}{here}"},
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.filterwarnings("default")
def test_parts_of_real_objects_are_browsed():
    ps.save(libraries.trajectory(), "relax.h5")
    assert ps.load("relax.h5", "final/arrays/positions").shape == (4, 3)
    assert ps.load("relax.h5", "images/0").get_chemical_formula() == "Al4"
    ps.save(libraries.workflow_that_ran(), "wf.jsondir")
    with ps.open_storage("wf.jsondir", "r") as storage:
        assert storage["object/macro/double/_label"] == "double"
        assert storage.info("object/macro/double/_inputs").type == "pyiron_workflow.io.Inputs"
