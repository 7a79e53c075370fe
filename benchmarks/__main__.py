"""Measure and print: ``python -m benchmarks --help``."""

from __future__ import annotations

import argparse
import dataclasses
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import measure, memory, tables
from benchmarks.formats import FORMATS
from benchmarks.workloads import WORKLOADS

README = Path(__file__).parent.parent / "README.md"
HOW = """\
To files, without fsync, with the garbage collector on; each number is the median of {repeat} repeats, in each of which
every format has its turn. What is loaded is compared with what was saved; a format's mean is over what it can do,
without the rows of one int and of nested levels."""


def names_among(known: dict[str, Any]) -> Callable[[str], list[str]]:
    """Read a list of names, of those that are known."""

    def read(text: str) -> list[str]:
        names = text.split(",")
        if unknown := [name for name in names if name not in known]:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)} unknown; there are {', '.join(known)}")
        return names

    return read


def arguments() -> argparse.Namespace:
    """What the user wants."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--workloads", type=names_among(WORKLOADS), default=list(WORKLOADS), metavar="A,B")
    parser.add_argument("--formats", type=names_among(FORMATS), default=list(FORMATS), metavar="A,B")
    parser.add_argument("--tables", type=names_among(TABLES), default=list(TABLES), metavar="A,B")
    parser.add_argument("--repeat", type=int, help="turns of each format (5, with --quick 2)")
    parser.add_argument("--limit", type=float, help="seconds for one step (3, with --quick 0.3)")
    parser.add_argument("--quick", action="store_true", help="small objects")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all times to this file")
    parser.add_argument("--readme", action="store_true", help="put the tables into README.md")
    return parser.parse_args()


def whole(wanted: argparse.Namespace, settings: measure.Settings) -> tuple[str, Any]:
    """Whole objects."""
    found = list(measure.whole(wanted.workloads, settings))
    return tables.whole(found, settings.formats), found


def partial(_: argparse.Namespace, settings: measure.Settings) -> tuple[str, Any]:
    """Parts of objects."""
    found, browsed = list(measure.partial(settings)), measure.browse(settings)
    return tables.partial(found, browsed, settings.formats), [*found, browsed]


def growth(_: argparse.Namespace, settings: measure.Settings) -> tuple[str, Any]:
    """How it grows."""
    found = list(measure.growth(settings))
    return tables.growth(found), found


def peak(_: argparse.Namespace, settings: measure.Settings) -> tuple[str, Any]:
    """Memory, and saving again."""
    peaks = dict(memory.peaks(settings))
    megabytes, again = memory.save_again(settings)
    return tables.memory(peaks, megabytes, again), [*peaks.items(), again]


TABLES = {"whole": whole, "partial": partial, "growth": growth, "memory": peak}


def main() -> None:
    """Measure, print, and write what was asked for."""
    wanted = arguments()
    formats = ["pickle", *(name for name in wanted.formats if name != "pickle")]
    repeat = wanted.repeat or (2 if wanted.quick else 5)
    limit = wanted.limit or (0.3 if wanted.quick else 3.0)
    texts, records = [f"{tables.environment()}\n{HOW.format(repeat=repeat)}"], {}
    print(texts[0])
    with tempfile.TemporaryDirectory() as folder:
        settings = measure.Settings(formats, repeat, wanted.quick, limit, Path(folder))
        for name in wanted.tables:
            text, records[name] = TABLES[name](wanted, settings)
            texts.append(text)
            print(f"\n{text}", flush=True)
    if wanted.json:
        wanted.json.write_text(json.dumps({"where": texts[0], **records}, default=dataclasses.asdict, indent=1))
    if wanted.readme:
        tables.rewrite(README, "\n\n".join(texts))


if __name__ == "__main__":
    main()
