"""What all tests share: examples in docstrings and docs run in a folder of their own, and a run can be repeated.

`make test` draws the same random examples each time, so that a change is what makes it
fail; `make stress` draws new ones.
"""

import importlib.util
import os
import tempfile

import pytest
from hypothesis import settings

settings.register_profile("repeatable", derandomize=True)
settings.register_profile("exploring", print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))

if importlib.util.find_spec("typer") is None:  # the extra cli; without it the commands cannot be imported
    collect_ignore_glob = ["pyiron_storage/commands/*", "pyiron_storage/command_line.py"]

_FOLDER = tempfile.TemporaryDirectory(prefix="pyiron_storage-configuration-")
os.environ["XDG_CONFIG_HOME"] = _FOLDER.name  # never the user's own; child processes have it as well
os.environ.pop("PYIRON_STORAGE_KEY", None)


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(request, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", _FOLDER.name)  # and again afterwards
