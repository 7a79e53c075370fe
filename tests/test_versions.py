"""With what something was made is recorded when it is saved, once, and from the file alone it can be read."""

import platform
import re
import subprocess
import sys

import numpy as np
import pytest
from packages import CELL, git, install, python, repository, write

import pyiron_storage as ps
from pyiron_storage.provenance.sources import source_digest

SAVE = "from {module} import Cell; ps.save([Cell(4.05), Cell(3.6)], 'cells.h5')"


def recorded(script, *folders, cwd):
    """What the one object that a script saves as cells.h5 says of its one class."""
    python(script, *folders, cwd=cwd)
    ((found,),) = [one.types for one in ps.versions(cwd / "cells.h5")]
    return found


@pytest.mark.parametrize("suffix", [".h5", ".jsondir", ".json"])
def test_environment_is_recorded(suffix, tmp_path):
    ps.save({"a": [1, 2]}, tmp_path / f"x{suffix}")
    (found,) = ps.versions(tmp_path / f"x{suffix}")
    assert found.path == "object"
    assert found.types == ()
    assert found.environment["python"] == platform.python_version()
    assert found.environment["pyiron_storage"] == ps.__version__
    assert sys.platform in found.environment["platform"]


def test_distribution_and_version_are_recorded(tmp_path):
    install(tmp_path / "site", "1.2.0")
    found = recorded(SAVE.format(module="crystals.cells"), tmp_path / "site", cwd=tmp_path)
    assert found == ps.TypeVersion("crystals.cells.Cell", "crystals", "1.2.0")


def test_distribution_with_another_name_than_its_module_is_found(tmp_path):
    install(tmp_path / "site", "3.4", distribution="Crystal-Tools")
    install(tmp_path / "site", "9.9", module="other", distribution="crystals-of-somebody-else")
    found = recorded(SAVE.format(module="crystals.cells"), tmp_path / "site", cwd=tmp_path)
    assert (found.package, found.version) == ("Crystal-Tools", "3.4")


def test_module_beside_a_distribution_of_its_name_does_not_belong_to_it(tmp_path):
    install(tmp_path / "site", "1.2.0")
    write(tmp_path / "mine", "crystals.cells")
    found = recorded(SAVE.format(module="crystals.cells"), tmp_path / "mine", tmp_path / "site", cwd=tmp_path)
    assert (found.package, found.version) == (None, None)
    assert found.source is not None


def test_version_attribute_is_recorded_where_there_is_no_distribution(tmp_path):
    write(tmp_path, "cells", "__version__ = '0.7'\n" + CELL)
    found = recorded(SAVE.format(module="cells"), tmp_path, cwd=tmp_path)
    assert (found.package, found.version, found.commit) == (None, "0.7", None)


def test_commit_is_recorded(tmp_path):
    commit = repository(tmp_path / "repository")
    found = recorded(SAVE.format(module="cells"), tmp_path / "repository", cwd=tmp_path)
    assert (found.commit, found.changed) == (commit, False)


def test_changed_file_in_a_repository_is_told(tmp_path):
    commit = repository(tmp_path / "repository")
    write(tmp_path / "repository", "unrelated")
    write(tmp_path / "repository", "cells", CELL + "\n# a comment\n")
    found = recorded(SAVE.format(module="cells"), tmp_path / "repository", cwd=tmp_path)
    assert (found.commit, found.changed) == (commit, True)


@pytest.mark.parametrize("ignored", ["", "fresh.py\n"])
def test_file_that_is_in_no_commit_is_told(ignored, tmp_path):
    folder = tmp_path / "repository"
    repository(folder)
    (folder / ".gitignore").write_text(ignored)
    git(folder, "add", ".gitignore")
    git(folder, "commit", "-q", "-m", "what is ignored")
    write(folder, "fresh")
    assert recorded(SAVE.format(module="fresh"), folder, cwd=tmp_path).changed


def test_file_that_is_gone_is_not_said_to_be_as_in_the_commit(tmp_path):
    repository(tmp_path / "repository")
    write(tmp_path / "repository", "fresh")
    script = f"import os; from fresh import Cell; os.remove({str(tmp_path / 'repository' / 'fresh.py')!r})"
    assert recorded(f"{script}; ps.save([Cell(4.05)], 'cells.h5')", tmp_path / "repository", cwd=tmp_path).changed


def test_commit_is_that_of_the_module_where_git_works_on_another_repository(tmp_path, monkeypatch):
    commit = repository(tmp_path / "repository")
    repository(tmp_path / "other", source="")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other" / ".git"))  # as in a hook of git
    monkeypatch.setenv("GIT_WORK_TREE", str(tmp_path / "other"))
    found = recorded(SAVE.format(module="cells"), tmp_path / "repository", cwd=tmp_path)
    assert (found.commit, found.changed) == (commit, False)


def test_name_of_a_branch_may_be_in_any_encoding(tmp_path):
    commit = repository(tmp_path / "repository")
    git(tmp_path / "repository", "checkout", "-q", "-b", b"gr\xf6\xdfe")
    assert recorded(SAVE.format(module="cells"), tmp_path / "repository", cwd=tmp_path).commit == commit


def test_nothing_is_recorded_of_what_comes_with_python(tmp_path):
    ps.save([re.compile("a"), platform.uname, list, print], tmp_path / "x.h5")
    (found,) = ps.versions(tmp_path / "x.h5")
    assert found.types
    assert {(one.package, one.version, one.source) for one in found.types} == {(None, None, None)}


def test_source_does_not_depend_on_comments_and_white_space(tmp_path):
    sources = [
        CELL,
        CELL.replace("self.a**3", "self.a ** 3  # cubic").replace("\n\n", "\n\n\n    # more\n\n"),
        CELL.replace("self.a**3", "self.a**2"),
        CELL.replace("self.a**3", "(self\n            .a**3)"),
    ]
    digests = []
    for number, source in enumerate(sources):
        write(tmp_path / str(number), "cells", source)
        digests.append(recorded(SAVE.format(module="cells"), tmp_path / str(number), cwd=tmp_path).source)
    assert digests[0] == digests[1] == digests[3] != digests[2]


def test_source_is_that_of_the_class_and_not_of_another_of_its_name(tmp_path):
    nested = "class Outer:\n    class Cell:\n        size = 2\n" + CELL
    write(tmp_path / "a", "cells", nested)
    write(tmp_path / "b", "cells")
    script = SAVE.format(module="cells")
    found = [recorded(script, tmp_path / folder, cwd=tmp_path).source for folder in "ab"]
    assert found[0] == found[1]


def test_source_is_not_read_of_what_has_none():
    assert source_digest(len) is None
    assert source_digest(np.add) is None


def test_entry_says_which_version_it_is_of_when_a_part_is_added_later(tmp_path):
    install(tmp_path / "old", "1.0")
    install(tmp_path / "new", "2.0")
    python(SAVE.format(module="crystals.cells"), tmp_path / "old", cwd=tmp_path)
    add = "from crystals.cells import Cell\nwith ps.open_storage('cells.h5') as s: s['object'].append(Cell(5.0))"
    python(add, tmp_path / "new", cwd=tmp_path)
    (found,) = ps.versions(tmp_path / "cells.h5")
    assert [one.version for one in found.types] == ["1.0", "2.0"]


def test_copy_of_a_part_keeps_the_version_it_was_made_with(tmp_path):
    install(tmp_path / "old", "1.0")
    python(SAVE.format(module="crystals.cells"), tmp_path / "old", cwd=tmp_path)
    with ps.open_storage(tmp_path / "cells.h5") as storage:
        storage["copy"] = storage["object/0"]
    assert ps.versions(tmp_path / "cells.h5", "copy")[0].types[0].version == "1.0"


def test_saving_many_instances_asks_once(tmp_path, monkeypatch):
    write(tmp_path, "cells_of_many")
    git_was_run = []
    run = subprocess.run
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: git_was_run.append(a) or run(*a, **k))
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / ".git").mkdir()  # looks like a repository
    import cells_of_many

    for number in range(3):
        with ps.open_storage(tmp_path / "x.h5") as storage:
            storage[f"{number}"] = [cells_of_many.Cell(float(n)) for n in range(20)]
    assert len(git_was_run) == 1


# -- what is refused at save -----------------------------------------------------------------


def refused(script, *folders, cwd):
    """What the error says with which a script fails, which must leave no file behind."""
    done = python(script, *folders, cwd=cwd, check=False)
    assert done.returncode != 0
    assert not (cwd / "cells.h5").exists()
    return done.stderr.splitlines()[-1]


REQUIRE = "from cells import Cell; ps.save({'a': [1], 'cells': [Cell(4.0)]}, 'cells.h5', require_versions=True)"


def test_require_versions_refuses_a_module_without_any(tmp_path):
    write(tmp_path, "cells")
    message = refused(REQUIRE, tmp_path, cwd=tmp_path)
    assert "NotStorableError" in message
    assert "object/cells/0" in message
    assert "no version" in message


def test_require_versions_refuses_a_file_that_differs_from_its_commit(tmp_path):
    folder = tmp_path / "repository"
    repository(folder)
    write(folder, "cells", CELL + "x = 1\n")
    assert "differs from it" in refused(REQUIRE, folder, cwd=tmp_path)


def test_require_versions_takes_a_commit_a_version_and_what_comes_with_python(tmp_path):
    repository(tmp_path / "repository")
    python(REQUIRE, tmp_path / "repository", cwd=tmp_path)
    install(tmp_path / "site", "1.0", module="cells", distribution="cells")
    python(REQUIRE, tmp_path / "site", cwd=tmp_path)
    ps.save([re.compile("a"), np.linalg.norm], tmp_path / "x.h5", require_versions=True)


def test_forbidden_modules_refuse_what_is_in_or_below_them(tmp_path):
    install(tmp_path, "1.0")
    script = (
        "from crystals.cells import Cell; ps.save({'cells': [Cell(4.0)]}, 'cells.h5', forbidden_modules=('crystals',))"
    )
    message = refused(script, tmp_path, cwd=tmp_path)
    assert "object/cells/0" in message
    assert "'crystals'" in message
    python(script.replace("('crystals',)", "('crystal', 'crystals.other')"), tmp_path, cwd=tmp_path)


def test_forbidden_main_refuses_what_only_this_program_has(tmp_path):
    script = CELL + "\nps.save([Cell(1.0)], 'cells.h5', forbidden_modules=('__main__',))"
    assert "'__main__:Cell' is in '__main__'" in refused(script, cwd=tmp_path)
    python(script.replace(", forbidden_modules=('__main__',)", ""), cwd=tmp_path)


def test_what_is_required_can_be_said_for_a_handle(tmp_path):
    with ps.open_storage(tmp_path / "x.h5", forbidden_modules=["re"]) as storage:
        storage["list"] = [1]
        with pytest.raises(ps.NotStorableError, match="forbidden_modules"):
            storage["pattern"] = re.compile("a")
        with pytest.raises(ps.NotStorableError, match="forbidden_modules"):
            storage["list"].append(re.compile("a"))
        assert list(storage) == ["list"]
        assert storage.load("list") == [1]


def test_names_of_modules_are_checked(tmp_path):
    for wrong in ("__main__", 3, (3,)):
        with pytest.raises(ps.InvalidOptionError):
            ps.save([1], tmp_path / "x.h5", forbidden_modules=wrong)
    assert not (tmp_path / "x.h5").exists()


def test_pickle_file_cannot_hold_what_is_required(tmp_path):
    with pytest.raises(ps.UnsupportedOperationError, match="require_versions"):
        ps.save([1], tmp_path / "x.pkl", require_versions=True)
    assert not (tmp_path / "x.pkl").exists()


BY_HAND = """
import pyiron_storage as ps

class Cell(ps.Storable):
    def __init__(self, a):
        self.a = a

    def _store(self, storage):
        storage["a"] = self.a

    @classmethod
    def _restore(cls, storage, version):
        return cls(storage["a"])
"""


@pytest.mark.parametrize("stored", ["part", "whole", "raw"])
@pytest.mark.parametrize("asked", [{"require_versions": True}, {"forbidden_modules": ("loose",)}])
def test_what_is_copied_as_it_stands_is_asked_for_its_versions_too(stored, asked, tmp_path):
    write(tmp_path / "there", "loose.cells")
    save = "from loose.cells import Cell; ps.save([Cell(1.0)], 'a.h5', 'cells')"
    python(save, tmp_path / "there", cwd=tmp_path)
    with ps.open_storage(tmp_path / "a.h5") as storage:
        raw = ps.load(tmp_path / "a.h5", "cells", on_missing="raw", trust="all")[0]
        value = {"raw": raw, "part": storage["cells/0"], "whole": storage["cells"]}[stored]
        with pytest.raises(ps.NotStorableError, match="loose"):
            ps.save({"copied": value}, tmp_path / "b.h5", **asked)
        with pytest.raises(ps.NotStorableError, match="loose"):
            ps.save(value, tmp_path / "b.h5", **asked)


@pytest.mark.parametrize("asked", [{"require_versions": True}, {"forbidden_modules": ("loose",)}])
def test_what_stores_itself_into_a_group_is_asked_for_its_versions_too(asked, tmp_path):
    write(tmp_path, "loose.cells", BY_HAND)
    script = (
        f"from loose.cells import Cell\nwith ps.open_storage('a.h5', **{asked!r}) as storage:\n"
        "    try: Cell(1.0).store(storage, 'cell')\n    except ps.NotStorableError as error: print(error)\n"
        "    print(list(storage))"
    )
    *error, names = python(script, tmp_path, cwd=tmp_path).splitlines()
    assert "loose.cells:Cell" in error[0]
    assert names == "[]"
