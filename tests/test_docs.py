"""The code on the pages of the documentation runs, and the back-end of the docs passes the conformance suite."""

import doctest
import re
import shutil
import subprocess
from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent / "docs"


def python_blocks(page):
    return re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)


page: dict = {"__name__": __name__}
for block in python_blocks("backends.md"):
    exec(compile(block, "backends.md", "exec"), page)

TestMappingStorage = page["TestMappingStorage"]


def test_the_example_back_end_is_short():
    source = next(block for block in python_blocks("backends.md") if "class MappingStorage" in block)
    body = source[source.index("class MappingStorage") :]
    assert len([line for line in body.splitlines() if line.strip()]) <= 32


# -- commands of other programs ----------------------------------------------------------

LONG_TERM = (DOCS / "long_term.md").read_text(encoding="utf-8")
TOOLS = ["bash", "h5dump", "jq", "od"]
MISSING = [tool for tool in TOOLS if shutil.which(tool) is None]


def commands(page):
    """The commands on a page, each with what it shows."""
    for block in re.findall(r"```console\n(.*?)```", page, re.DOTALL):
        yield from re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)


@pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")
def test_other_programs_read_a_file_as_the_page_on_long_term_storage_says():
    scope = {"__name__": "__main__"}
    made, _, _ = LONG_TERM.partition("## Without Python")
    for example in doctest.DocTestParser().get_examples(made):
        exec(example.source, scope)
    lines, shown = zip(*commands(LONG_TERM), strict=True)
    script = "set -eo pipefail\n" + "\necho '-- next'\n".join(lines)
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    checker = doctest.OutputChecker()
    for line, found, expected in zip(lines, done.stdout.split("-- next\n"), shown, strict=True):
        assert checker.check_output(expected, found, doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE), (line, found)
