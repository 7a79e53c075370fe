"""Each promise in the docs names the tests that hold it, and they are there."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
CONFORMANCE = TESTS.parent / "pyiron_storage" / "testing"
PROMISES = (TESTS.parent / "docs" / "promises.md").read_text()
SECTIONS = re.findall(r"^## (.+?)\n(.+?)(?=^## |\Z)", PROMISES, re.MULTILINE | re.DOTALL)
NAMED = sorted(set(re.findall(r"`([\w/]+\.py)::(\w+)`", PROMISES)))


@pytest.mark.parametrize(("file", "test"), NAMED)
def test_the_tests_that_are_named_are_there(file, test):
    text = next(folder / file for folder in (TESTS, CONFORMANCE) if (folder / file).exists()).read_text()
    assert re.search(rf"^ *def {test}\(", text, re.MULTILINE)


@pytest.mark.parametrize("section", [text for _, text in SECTIONS], ids=[title for title, _ in SECTIONS])
def test_each_promise_names_a_test_and_each_section_says_what_is_not_promised(section):
    promises = re.findall(r"^- (.+?)(?=\n- |\n\n|\Z)", section, re.MULTILINE | re.DOTALL)
    assert promises
    assert all(re.search(r"`[\w/]+\.py::\w+`", promise) for promise in promises)
    assert "Not promised:" in section
