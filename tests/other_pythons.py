"""Finds interpreters of other minor versions of Python that have what this package needs.

They are those on the PATH (``python3.12``, ...), those of pyenv, and those that
``PYIRON_STORAGE_PYTHONS`` lists, separated as in PATH.
"""

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pyiron_storage as ps

NEEDS = "import sys, numpy, h5py, h5io, orjson, cloudpickle, packaging; print(*sys.version_info[:2], sep='.')"
HERE = "{}.{}".format(*sys.version_info)
ROOT = Path(ps.__file__).parents[1]


@functools.cache
def others():
    """One interpreter for each other minor version, by that version; empty where there is none."""
    named = os.environ.get("PYIRON_STORAGE_PYTHONS", "").split(os.pathsep)
    on_path = [shutil.which(f"python3.{minor}") for minor in range(11, 20)]
    pyenv = sorted(Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser().glob("versions/3.*/bin/python"))
    found = {}
    for candidate in [*named, *on_path, *pyenv]:
        version = _version(candidate) if candidate else None
        if version not in (None, HERE):
            found.setdefault(version, str(candidate))
    return found


def _version(python):
    try:
        done = subprocess.run([python, "-c", NEEDS], capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def run(python, script, *arguments):
    """Run a script with an interpreter and this package; return what is printed."""
    done = subprocess.run(
        [python, str(script), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout
