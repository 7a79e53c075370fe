"""The code on the pages of the documentation runs, and the back-end of the docs passes the conformance suite."""

import re
from pathlib import Path

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
