"""What all tests share: examples in docstrings and docs run in a folder of their own, and a run can be repeated.

`make test` draws the same random examples each time, so that a change is what makes it
fail; `make stress` draws new ones.
"""

import importlib.util
import os

import pytest
from hypothesis import settings

settings.register_profile("repeatable", derandomize=True)
settings.register_profile("exploring", print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))

if importlib.util.find_spec("typer") is None:  # the extra cli; without it the commands cannot be imported
    collect_ignore_glob = ["pyiron_storage/commands/*", "pyiron_storage/command_line.py"]


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(request, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
