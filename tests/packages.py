"""Makes small packages for tests, installed in a version or loose in a folder, and runs scripts with them."""

import os
import subprocess
import sys
from pathlib import Path

import pyiron_storage as ps

ROOT = Path(ps.__file__).parents[1]

CELL = """
class Cell:
    def __init__(self, a, name="fcc"):
        self.a, self.name = a, name

    def volume(self):
        return self.a**3
"""


def write(folder, module, source=CELL):
    """Write a module, ``package.module`` or a top-level one, and what makes its folder a package."""
    *packages, name = module.split(".")
    where = Path(folder)
    for package in packages:
        where = where / package
        where.mkdir(parents=True, exist_ok=True)
        (where / "__init__.py").touch()
    where.mkdir(parents=True, exist_ok=True)
    file = where / f"{name}.py"
    file.write_text(source, encoding="utf-8")
    return file


def install(folder, version, module="crystals.cells", source=CELL, distribution="crystals"):
    """Install a module into a folder as a distribution in a version, as pip does; return the folder."""
    file = write(folder, module, source)
    info = Path(folder) / f"{distribution.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
    files = [file, *(parent / "__init__.py" for parent in file.parents if (parent / "__init__.py").exists())]
    names = [f"{one.relative_to(folder).as_posix()},," for one in files] + [f"{info.name}/METADATA,,"]
    (info / "RECORD").write_text("\n".join(names) + "\n")
    return folder


def git(folder, *arguments):
    """Run git in a folder and return what it prints."""
    command = ["git", "-c", "user.name=A", "-c", "user.email=a@example.org", *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def repository(folder, module="cells", source=CELL):
    """Make a git repository with a committed module; return the name of the commit."""
    write(folder, module, source)
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "a module")
    return git(folder, "rev-parse", "HEAD")


def python(script, *folders, cwd=None, check=True):
    """Run a script in a process of its own, with some folders to import from; return what it prints."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, [*folders, ROOT]))}
    command = [sys.executable, "-c", "import warnings, pyiron_storage as ps\n" + script]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, done.stderr
    return done.stdout.strip() if check else done
