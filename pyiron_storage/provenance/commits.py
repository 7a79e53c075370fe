"""The git commit that a file belongs to, and whether the file is as it is in that commit."""

from __future__ import annotations

import functools
import os
import subprocess
from pathlib import Path
from typing import Final, NamedTuple

SECONDS: Final = 10
"""How long git may take."""
OF_ANOTHER_REPOSITORY: Final = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY")
"""What git is told of the repository that a program works on, which is not that of its modules."""


class Commit(NamedTuple):
    """Where a file is in the history of a repository."""

    name: str
    """The hash of the commit that is checked out."""
    is_changed: bool
    """Whether the file differs from the commit, or is not in it."""


@functools.lru_cache(4096)
def commit_of(file: str) -> Commit | None:
    """Return the commit that is checked out where a file is; None outside repositories, and without git.

    It is looked up once per process: what is imported is the file as it was then.
    """
    path = Path(file).resolve()
    if not any((folder / ".git").exists() for folder in path.parents):
        return None
    lines = _status_of(path)
    names = [line.removeprefix("# branch.oid ") for line in lines if line.startswith("# branch.oid ")]
    if not names or names[0].startswith("("):  # a repository without commits
        return None
    is_changed = not path.is_file() or any(not line.startswith("#") for line in lines)  # git is silent about no file
    return Commit(names[0], is_changed)


def _status_of(path: Path) -> list[str]:
    """What git says of a file and of the commit that is checked out; nothing where it does not say."""
    command = ["git", "--literal-pathspecs", "status", "--porcelain=v2", "--branch", "--untracked-files=all"]
    command += ["--ignored", "--", path.name]
    try:
        done = subprocess.run(  # noqa: S603  the file name stands behind "--"
            command,
            cwd=path.parent,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return []  # no git, or one that does not want to say
    return done.stdout.decode("ascii", "replace").splitlines()  # names of branches and files are in any encoding


def _environment() -> dict[str, str]:
    """The environment without what names another repository, as in a hook of git."""
    kept = {name: value for name, value in os.environ.items() if name not in OF_ANOTHER_REPOSITORY}
    return kept | {"GIT_OPTIONAL_LOCKS": "0"}
