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


def opened(tmp_path, page, *options, looking=LOOKING):
    """What the page looks like to somebody who clicks; the script is that of the test, the page has none."""
    (tmp_path / "page.html").write_text(page.replace("</body>", looking), encoding="utf-8")
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
    assert "<script" not in page
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


IN_A_NOTEBOOK = """<script>
const all = what => [...document.querySelectorAll(".pyiron-storage " + what)];
const seen = {};
seen.bullets = all("ul, li, summary").map(found => getComputedStyle(found).listStyleType);
seen.maps = all("img.map").map(found => [found.clientWidth, found.clientHeight]);
seen.lines = all("svg.line").map(found => [found.clientWidth, found.clientHeight]);
const entry = name => all(".name").find(found => found.textContent === name);
const title = text => all("summary").find(found => found.textContent === text);
seen.visible = ["200", "project"].map(name => entry(name).checkVisibility());
title("… 296 more").click(); title("metadata").click();
seen.unfolded = ["200", "project"].map(name => entry(name).checkVisibility());
const style = getComputedStyle(entry("200"));
seen.colours = [style.color, getComputedStyle(document.body).backgroundColor];
document.body.dataset.seen = JSON.stringify(seen);
</script></body>"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_notebook_in_jupyterlab_shows_what_the_page_shows(tmp_path, theme):
    nbconvert = pytest.importorskip("nbconvert")
    ps.save(
        {
            "list": [{"x": i} for i in range(300)],
            "map": np.outer(np.arange(4), np.arange(400)),
            "line": np.arange(99.0),
        },
        "run.h5",
        metadata={"project": "<Al>"},
    )
    output = {"data": {"text/html": ps.browse("run.h5")._repr_html_()}, "output_type": "display_data", "metadata": {}}
    cell = {"cell_type": "code", "source": "", "outputs": [output], "execution_count": 1, "metadata": {}}
    (tmp_path / "it.ipynb").write_text(
        json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 4})
    )
    exporter = nbconvert.HTMLExporter(template_name="lab", theme=theme)  # has the style sheets of JupyterLab
    seen = opened(tmp_path, exporter.from_filename(tmp_path / "it.ipynb")[0], looking=IN_A_NOTEBOOK)
    assert set(seen["bullets"]) == {"none"}
    assert seen["maps"] == [[160, 16]]  # neither stretched nor squeezed
    assert seen["lines"] == [[160, 36]]
    assert seen["visible"] == [False, False]
    assert seen["unfolded"] == [True, True]
    text, ground = (sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in seen["colours"])
    assert (text < ground) is (theme == "light")
    assert abs(text - ground) > 300
