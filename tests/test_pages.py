"""The page of a real storage in a browser: it folds and unfolds by a click, and its pictures are there."""

import json
import re
import shutil
import subprocess

import numpy as np
import pytest

import pyiron_storage as ps

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed: apt-get install chromium")

LOOKING = """<script>
const shown = name => [...document.querySelectorAll(".name")].find(found => found.textContent === name);
const isVisible = name => shown(name).checkVisibility();
const click = name => shown(name).closest("summary").click();
const seen = {};
seen.folded = isVisible("innermost");
click("outer"); click("middle");
seen.unfolded = isVisible("innermost");
click("outer");
seen.foldedAgain = isVisible("innermost");
seen.pictures = [...document.images].map(picture => picture.complete && picture.naturalWidth > 1);
seen.lines = [...document.querySelectorAll("svg.line path")].map(path => path.getTotalLength() > 100);
seen.background = getComputedStyle(document.body).backgroundColor;
seen.colour = getComputedStyle(document.body).color;
seen.alerts = window.alerts || 0;
document.body.dataset.seen = JSON.stringify(seen);
</script></body>"""


@pytest.fixture
def page(tmp_path):
    from ase.build import bulk

    numbers = np.linspace(0, 6, 500)
    many = {f"key {i}": {"x": i} for i in range(40)}
    ps.save(
        {
            "atoms": bulk("Al", cubic=True),
            "line": np.sin(numbers),
            "map": np.outer(np.sin(numbers), np.cos(numbers)),
            "list": numbers.tolist(),
            "<script>window.alerts = 1</script>": '<img src=x onerror="window.alerts = 1">',
            "outer": {"middle": {"innermost": 1, **many}, **many},
        },
        "run.h5",
    )
    return ps.browse("run.h5").page()


def opened(tmp_path, page, *options):
    """What the page looks like to somebody who clicks; the script is that of the test, the page has none."""
    assert "<script" not in page
    (tmp_path / "page.html").write_text(page.replace("</body>", LOOKING), encoding="utf-8")
    command = [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    done = subprocess.run(
        [*command, *options, "--dump-dom", f"file://{tmp_path / 'page.html'}"],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return json.loads(re.search(r'data-seen="(.*?)"', done.stdout)[1].replace("&quot;", '"'))


def test_a_page_folds_and_unfolds(tmp_path, page):
    seen = opened(tmp_path, page)
    assert seen["folded"] is False
    assert seen["unfolded"] is True
    assert seen["foldedAgain"] is False
    assert seen["pictures"]
    assert all(seen["pictures"])
    assert len(seen["lines"]) == 2
    assert all(seen["lines"])
    assert seen["alerts"] == 0


def test_a_page_is_light_or_dark_as_the_reader_likes(tmp_path, page):
    def brightness(colour):
        return sum(map(int, re.findall(r"\d+", colour)[:3]))

    for options, is_light in (
        (["--blink-settings=preferredColorScheme=1"], True),
        (["--blink-settings=preferredColorScheme=0"], False),
    ):
        seen = opened(tmp_path, page, *options)
        assert (brightness(seen["background"]) > brightness(seen["colour"])) is is_light
        assert abs(brightness(seen["background"]) - brightness(seen["colour"])) > 400
