"""What is loaded is compared with what was saved: versions, sources, and only of what the load needs."""

import textwrap

import pytest
from packages import CELL, git, install, python, repository, write

import pyiron_storage as ps

SAVE = "from crystals.cells import Cell; ps.save({'cells': [Cell(4.05), Cell(3.6)], 'n': 1}, 'cells.h5')"
LOAD = """
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter('always')
    try:
        found = ps.load('cells.h5', {arguments})
    except ps.StorageError as error:
        print(type(error).__name__, getattr(error, 'package', None), getattr(error, 'saved', None),
              getattr(error, 'current', None), getattr(error, 'paths', None))
        print(error)
for one in caught:
    print(one.category.__name__, one.message)
"""


@pytest.fixture
def old_and_new(tmp_path):
    """Cells saved with crystals 1.2.0, and a folder in which there is another version."""

    def make(version):
        install(tmp_path / "old", "1.2.0")
        python(SAVE, tmp_path / "old", cwd=tmp_path)
        return install(tmp_path / version, version)

    return make


def load(folder, cwd, arguments=""):
    """What a load says: each warning on a line, or the error."""
    return python(LOAD.format(arguments=arguments), folder, cwd=cwd).splitlines()


def test_same_version_says_nothing(old_and_new, tmp_path):
    old_and_new("2.0")
    assert load(tmp_path / "old", tmp_path) == []
    assert load(tmp_path / "old", tmp_path, "versions='exact'") == []


def test_another_version_warns_once_for_each_package(old_and_new, tmp_path):
    folder = old_and_new("2.0")
    (line,) = load(folder, tmp_path)
    assert line.startswith("VersionMismatchWarning")
    assert "crystals 1.2.0" in line
    assert "2.0" in line
    assert "object/cells/0" in line
    assert load(folder, tmp_path, "versions='ignore'") == []
    assert load(folder, tmp_path, "versions='warn'") == [line]


def test_classes_of_one_package_are_one_warning_and_two_packages_two(tmp_path):
    two = CELL + CELL.replace("Cell", "Box")
    for version in ("1.0", "1.1"):
        folder = install(tmp_path / version, version, source=two)
        install(folder, version, module="surfaces", distribution="surfaces", source=CELL)
    save = "import crystals.cells as c, surfaces as s; ps.save([c.Cell(1), c.Box(2), s.Cell(3)], 'cells.h5')"
    python(save, tmp_path / "1.0", cwd=tmp_path)
    lines = load(tmp_path / "1.1", tmp_path)
    assert [line.split()[0] for line in lines] == ["VersionMismatchWarning"] * 2
    assert "object/0, object/1" in lines[0]
    assert "object/2" in lines[1]


@pytest.mark.parametrize(
    ("version", "accepted"), [("1.2.1", True), ("1.10", True), ("2.0", False), ("1.1.9", False), ("1.2.0.dev3", False)]
)
def test_compatible_is_by_release_numbers(version, accepted, old_and_new, tmp_path):
    lines = load(old_and_new(version), tmp_path, "versions='compatible'")
    assert (lines == []) == accepted
    if not accepted:
        assert lines[0].startswith(f"VersionMismatchError crystals 1.2.0 {version} ['object/cells/0'")
        assert "pip install 'crystals==1.2.0'" in lines[1]


def test_exact_refuses_any_other_version(old_and_new, tmp_path):
    lines = load(old_and_new("1.2.1"), tmp_path, "versions='exact'")
    assert lines[0].startswith("VersionMismatchError crystals 1.2.0 1.2.1")


def test_function_decides(old_and_new, tmp_path):
    folder = old_and_new("3.0")
    assert load(folder, tmp_path, "versions=lambda saved, current: (saved, current) == ('1.2.0', '3.0')") == []
    assert "VersionMismatchError" in load(folder, tmp_path, "versions=lambda saved, current: False")[0]


def test_part_is_checked_alone(old_and_new, tmp_path):
    folder = old_and_new("2.0")
    assert load(folder, tmp_path, "'n', versions='exact'") == []
    assert load(folder, tmp_path, "'cells/0/a', versions='exact'") == []
    assert "VersionMismatchError" in load(folder, tmp_path, "'cells/0', versions='exact'")[0]


def test_only_what_a_part_needs_is_imported_and_checked(tmp_path):
    install(tmp_path / "old", "1.0")
    install(tmp_path / "old", "1.0", module="surfaces", distribution="surfaces")
    save = "import crystals.cells as c, surfaces as s; ps.save({'c': c.Cell(1), 's': s.Cell(2)}, 'cells.h5')"
    python(save, tmp_path / "old", cwd=tmp_path)
    install(tmp_path / "new", "1.0")  # and no surfaces
    assert load(tmp_path / "new", tmp_path, "'c', versions='exact'") == []
    assert "CannotImportError" in load(tmp_path / "new", tmp_path)[0]


def test_package_that_has_no_version_any_more_is_told(old_and_new, tmp_path):
    old_and_new("2.0")
    write(tmp_path / "loose", "crystals.cells")
    assert "None" in load(tmp_path / "loose", tmp_path, "versions='compatible'")[0]
    (line,) = load(tmp_path / "loose", tmp_path)
    assert "unknown version" in line


def test_option_can_be_said_for_a_handle(old_and_new, tmp_path):
    script = """
        with ps.open_storage('cells.h5', 'r', versions='exact') as storage:
            print(storage['object/cells/0/a'])
            for load in (lambda: storage.load('object'), storage['object/cells/1'].to_object):
                try:
                    load()
                except ps.VersionMismatchError as error:
                    print('refused')
    """
    assert python(textwrap.dedent(script), old_and_new("2.0"), cwd=tmp_path).split() == ["4.05", "refused", "refused"]


def test_unknown_policy_is_refused(tmp_path):
    ps.save([1], tmp_path / "x.h5")
    with pytest.raises(ps.InvalidOptionError, match="versions="):
        ps.load(tmp_path / "x.h5", versions="strict")


# -- sources ---------------------------------------------------------------------------------

CHANGED = CELL.replace("self.a**3", "self.a**3 / 4")


@pytest.fixture(params=["loose", "committed", "versioned"])
def loose(request, tmp_path):
    """Cells saved with a module that no distribution has installed, and its folder."""
    folder = tmp_path / "mine"
    start = "__version__ = '1.0'\n" if request.param == "versioned" else ""
    (repository if request.param == "committed" else write)(folder, "crystals.cells", CELL)
    (folder / "crystals" / "__init__.py").write_text(start)
    python(SAVE, folder, cwd=tmp_path)
    return folder


def test_changed_source_warns_and_is_told_apart_from_a_version(loose, tmp_path):
    assert load(loose, tmp_path, "versions='exact'") == []
    write(loose, "crystals.cells", CHANGED)
    (line,) = load(loose, tmp_path)
    assert line.startswith("SourceChangedWarning")
    assert "crystals.cells.Cell has another source" in line
    assert load(loose, tmp_path, "versions='compatible'") == [line]
    assert load(loose, tmp_path, "versions='ignore'") == []
    assert load(loose, tmp_path, "versions='exact'")[0].startswith("SourceMismatchError crystals")


def test_comment_or_another_commit_is_no_change(loose, tmp_path):
    write(loose, "crystals.cells", "# a comment\n" + CELL.replace("self.a**3", "self.a ** 3") + "\n\nelse_where = 3\n")
    if (loose / ".git").exists():
        git(loose, "commit", "-aqm", "another")
    assert load(loose, tmp_path, "versions='exact'") == []


def test_class_that_was_loose_and_is_installed_now_is_compared_by_its_source(tmp_path):
    write(tmp_path / "mine", "crystals.cells")
    python(SAVE, tmp_path / "mine", cwd=tmp_path)
    assert load(install(tmp_path / "same", "1.0"), tmp_path, "versions='exact'") == []
    install(tmp_path / "other", "1.0", source=CHANGED)
    assert "SourceMismatchError" in load(tmp_path / "other", tmp_path, "versions='exact'")[0]


def test_class_of_the_running_program_is_compared_by_its_source(tmp_path):
    (tmp_path / "program.py").write_text(f"import pyiron_storage as ps\n{CELL}\nps.save([Cell(1)], 'cells.h5')\n")
    changed = f"import sys, pyiron_storage as ps\n{CHANGED}\n(cell,) = ps.load('cells.h5', versions=sys.argv[1])\n"
    changed += "print(cell.volume())"
    (tmp_path / "changed.py").write_text(changed)
    python("import subprocess, sys; subprocess.run([sys.executable, 'program.py'], check=True)", cwd=tmp_path)
    for policy, expected in [("ignore", ["0.25"]), ("warn", ["0.25", "SourceChangedWarning"])]:
        command = (
            f"import subprocess, sys; d = subprocess.run([sys.executable, 'changed.py', {policy!r}], text=True,"
            "stdout=subprocess.PIPE, stderr=subprocess.STDOUT); print(d.stdout)"
        )
        out = python(command, cwd=tmp_path)
        assert all(word in out for word in expected)
        assert ("SourceChangedWarning" in out) == (policy == "warn")
