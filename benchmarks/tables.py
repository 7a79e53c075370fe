"""What was measured, as Markdown."""

from __future__ import annotations

import datetime
import os
import platform
import re
import statistics
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pyiron_storage as ps
from benchmarks.formats import FORMATS
from benchmarks.measure import Measured, Times
from benchmarks.memory import Peak

PACKAGES = ("numpy", "h5py", "orjson", "joblib", "h5io", "pandas", "ase")
MARKED = re.compile(r"(<!-- benchmark -->\n).*(<!-- /benchmark -->)", re.DOTALL)


class Notes:
    """Foot notes of a table: each is told once."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def cell(self, name: str, times: Times) -> str:
        """The cell of a format that could not do it."""
        text = f"{FORMATS[name].title} {times.note}"
        if text not in self.texts:
            self.texts.append(text)
        return f"- ({self.texts.index(text) + 1})"

    def lines(self) -> str:
        """The notes, to stand below the table."""
        return "\n".join(f"{number}. {text}" for number, text in enumerate(self.texts, start=1))


def table(header: Sequence[str], rows: Iterable[Sequence[str]], notes: Notes | None = None) -> str:
    """A Markdown table with its foot notes."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    text = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    return f"{text}\n\n{notes.lines()}" if notes and notes.texts else text


def number(value: float) -> str:
    """A number with two or three digits that count."""
    for least, form in ((99.95, ",.0f"), (9.995, ".1f"), (0.0995, ".2f")):
        if value >= least:
            return format(value, form)
    return f"{value:.2g}"


def environment() -> str:
    """When and where it was measured."""
    found = [f"pyiron_storage {ps.__version__}"]
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    today = datetime.datetime.now(tz=datetime.UTC).date()
    return f"Measured on {today} with {cores} cores, Python {platform.python_version()}, {', '.join(found)}."


def cells(measured: Measured, formats: list[str], notes: Notes, cell: Callable[[str, Times], str]) -> list[str]:
    """One cell for each format, or why there is none."""
    return [
        "" if name not in measured.times
        else notes.cell(name, measured.times[name]) if measured.times[name].note
        else cell(name, measured.times[name])
        for name in formats
    ]  # fmt: skip


# -- the tables ---------------------------------------------------------------------------


def whole(found: list[Measured], formats: list[str]) -> str:
    """Save, load and size of whole objects, as ratios to pickle."""
    notes, rows = Notes(), []
    for measured in found:
        base = measured.times["pickle"]

        def cell(name: str, times: Times, base: Times = base) -> str:
            if name == "pickle":
                return f"{number(times.median('save') * 1e3)} / {number(times.median('load') * 1e3)} / {times.size:,}"
            return " / ".join(map(number, ratios(times, base)))

        rows.append([measured.label, *cells(measured, formats, notes, cell)])
    rows += means([measured for measured in found if not measured.tiny], formats)
    header = ["save / load / size", "pickle: ms / ms / bytes", *(FORMATS[name].title for name in formats[1:])]
    return "\n\n".join([table(header, rows, notes), *per_container(found)])


def ratios(times: Times, base: Times) -> tuple[float, float, float]:
    """Save, load and size as ratios to another format."""
    return times.ratio("save", base), times.ratio("load", base), times.size / base.size


def means(found: list[Measured], formats: list[str]) -> list[list[str]]:
    """The rows of geometric means, over what each format can do."""
    if not found:
        return []
    each, together = ["**geometric mean**", ""], ["**save and load together**", ""]
    for name in formats[1:]:
        done = [ratios(m.times[name], m.times["pickle"]) for m in found if not m.times[name].note]
        if not done:
            each, together = [*each, "-"], [*together, "-"]
            continue
        save, load, size = (statistics.geometric_mean(part) for part in zip(*done, strict=True))
        of = f" (of {len(done)})" if len(done) < len(found) else ""
        each.append(f"{number(save)} / {number(load)} / {number(size)}{of}")
        together.append(number((save * load) ** 0.5))
    return [each, together]


def per_container(found: list[Measured]) -> list[str]:
    """What one small container of the irregular trees costs."""
    return [
        "A container of the irregular trees takes, to save and to load: "
        + ", ".join(
            f"{FORMATS[name].title} {times.median('save') / m.rows * 1e6:.2f} and "
            f"{times.median('load') / m.rows * 1e6:.2f} us"
            for name, times in m.times.items()
            if not times.note
        )
        + "."
        for m in found
        if m.rows
    ]


def partial(found: list[Measured], browsed: Measured, formats: list[str]) -> str:
    """Parts in milliseconds, and browsing as a ratio to pickle's load of the whole."""
    notes, rows = Notes(), []
    for step in ("load", "update"):

        def milliseconds(_: str, times: Times, step: str = step) -> str:
            return number(times.median(step) * 1e3)

        for measured in found:
            one = cells(measured, formats, notes, milliseconds)
            rows.append([f"{step} one int beside {measured.label}, ms", *one])
    base = browsed.times["pickle"]

    def cell(name: str, times: Times) -> str:
        if name == "pickle":
            return f"{number(times.median('browse') * 1e3)} ms"
        return f"{number(times.ratio('browse', base))} ({times.size:,} paths)"

    rows.append([f"browse {browsed.label}, beside loading it", *cells(browsed, formats, notes, cell)])
    return table(["", *(FORMATS[name].title for name in formats)], rows, notes)


def growth(found: list[Measured]) -> str:
    """Time and bytes a row, as the rows grow."""
    notes = Notes()
    lines: dict[tuple[str, str], list[str]] = {}
    for measured in found:  # the fewest rows come first
        for name, times in measured.times.items():
            line = lines.setdefault(
                (measured.label, name), [f"{measured.rows:,} {measured.label}, {FORMATS[name].title}"]
            )
            line.append(notes.cell(name, times) if times.note else per_one(times, measured.rows))
    return table(["save us / load us / bytes a row", "x 1", "x 10", "x 100"], lines.values(), notes)


def per_one(times: Times, rows: int) -> str:
    """Microseconds and bytes of one row."""
    save, load = (times.median(step) / rows * 1e6 for step in ("save", "load"))
    return f"{number(save)} / {number(load)} / {number(times.size / rows)}"


def memory(peaks: dict[str, Peak], megabytes: int, again: Measured) -> str:
    """Peak memory, and what it costs to save again."""
    notes, names = Notes(), list(peaks)
    ratio = cells(again, names, notes, lambda _, times: number(times.ratio("again", times, "first")))
    rows = [
        ["peak beyond the arrays on save", *(f"{100 * found.save:.1f} %" for found in peaks.values())],
        ["peak in all on load", *(f"{100 * found.load:.1f} %" for found in peaks.values())],
        [f"save {megabytes:,} MB again, beside the first time", *ratio],
        ["the file grows by, bytes", *cells(again, names, notes, lambda _, times: f"{times.size:,}")],
    ]
    return table(["big arrays", *(FORMATS[name].title for name in names)], rows, notes)


def rewrite(page: Path, text: str) -> None:
    """Put the text between the marks of a page."""
    before = page.read_text(encoding="utf-8")
    if not MARKED.search(before):
        raise ValueError(f"{page} has no <!-- benchmark --> ... <!-- /benchmark -->; add the two lines")
    page.write_text(MARKED.sub(lambda found: f"{found[1]}{text}\n{found[2]}", before), encoding="utf-8")
