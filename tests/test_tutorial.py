"""The tutorial runs from the first cell to the last, explains what it does, and leaves nothing behind."""

from pathlib import Path

import pytest

import pyiron_storage as ps

NOTEBOOK = Path(ps.__file__).parents[1] / "examples" / "tutorial.ipynb"

nbformat = pytest.importorskip("nbformat", reason="nbclient is not installed: pip install 'pyiron_storage[test]'")
nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed: pip install 'pyiron_storage[test]'")
pytest.importorskip("ipykernel", reason="ipykernel is not installed: pip install 'pyiron_storage[test]'")


@pytest.fixture
def notebook():
    return nbformat.read(NOTEBOOK, as_version=4)


def files_in(folder):
    return sorted(folder.rglob("*"))


def test_the_tutorial_runs_and_leaves_nothing_behind(notebook, tmp_path, monkeypatch):
    pytest.importorskip("ase", reason="ase is not installed: pip install 'pyiron_storage[demo]'")
    temporary, own = tmp_path / "temporary", tmp_path / "own"
    for folder in (temporary, own):
        folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR"):
        monkeypatch.setenv(name, str(own))  # what a kernel keeps of its own
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    before = files_in(NOTEBOOK.parent)

    client = nbclient.NotebookClient(notebook, timeout=200, resources={"metadata": {"path": str(NOTEBOOK.parent)}})
    client.execute()  # an error, or an assert that is false, in any cell is an error here

    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert files_in(NOTEBOOK.parent) == before
    assert files_in(temporary) == []


def test_each_cell_is_explained_and_committed_without_output(notebook):
    for before, cell in zip([None, *notebook.cells], notebook.cells, strict=False):
        if cell.cell_type == "code":
            assert before.cell_type == "markdown", cell.source
            assert len(cell.source.splitlines()) <= 20, cell.source
            assert (cell.outputs, cell.execution_count) == ([], None)


def test_the_tutorial_links_to_files_that_exist(notebook):
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    links = [part.partition(")")[0] for part in text.split("](")[1:] if not part.startswith("http")]
    assert links
    for link in links:
        assert (NOTEBOOK.parent / link).exists(), link
