"""A tree as HTML that folds and unfolds without a script: for notebooks, and as a page of its own."""

from __future__ import annotations

from html import escape
from typing import Final

from pyiron_storage.errors import StorageError
from pyiron_storage.looking.branches import Branch
from pyiron_storage.looking.describing import label, printable, short_value, shortened
from pyiron_storage.looking.folding import Shown, unfold
from pyiron_storage.looking.pictures import COLUMNS, POINTS, ROWS, heat_map, line
from pyiron_storage.looking.sampling import can_be_drawn, sample_array, sample_list
from pyiron_storage.looking.tables import first_rows

DEPTH: Final = 12
LINES: Final = 400
PAGE_LINES: Final = 5000
ENTRIES: Final = 50
FURTHER: Final = 1000
"""So many more entries are there to be unfolded, in all."""
OPEN: Final = 24
"""So many lines are unfolded at the beginning."""
LEAST: Final = 8
"""Fewer numbers than this are read more easily than a picture of them."""

STYLE: Final = """
.pyiron-storage { font: 13px/1.55 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
  --faint: color-mix(in srgb, currentColor 62%, transparent); --rule: color-mix(in srgb, currentColor 16%, transparent);
  --accent: #2f7fd1; --value: color-mix(in srgb, #1c9a6c 78%, currentColor); overflow-x: auto; }
& ul { list-style: none; margin: 0 0 0 .42em; padding: 0 0 0 1.15em; border-left: 1px solid var(--rule); }
& li { margin: 0; padding: 0; }
& summary, & .leaf { display: flex; flex-wrap: wrap; align-items: center; gap: 0 .8em;
  padding: .06em .4em .06em 0; border-radius: 4px; }
& summary { cursor: pointer; list-style: none; }
& summary::-webkit-details-marker { display: none; }
& summary::before { content: ""; flex: none; width: .38em; height: .38em; margin: 0 -.22em 0 .1em;
  border: solid var(--faint); border-width: 0 1.5px 1.5px 0; transform: rotate(-45deg); transition: transform .1s; }
& details[open] > summary::before { transform: rotate(45deg); }
& .leaf { padding-left: .9em; }
& summary:hover, & .leaf:hover { background: color-mix(in srgb, currentColor 7%, transparent); }
& summary:focus-visible { outline: 2px solid var(--accent); outline-offset: -1px; }
& .name { font-weight: 600; overflow-wrap: anywhere; }
& .kind, & .range, & li.more, & .folded > summary { color: var(--faint); font-size: .92em; }
& .value { color: var(--value); overflow-wrap: anywhere; }
& .same { color: var(--accent); }
& .trouble { color: color-mix(in srgb, #d1403a 85%, currentColor); }
& li.more { padding-left: .9em; }
& li.more, & .folded > summary { font-style: italic; }
& .picture { display: inline-flex; align-items: center; gap: .8em; }
& svg.line { flex: none; height: 36px; background: color-mix(in srgb, currentColor 5%, transparent);
  border-radius: 3px; margin: 2px 0; }
& svg.line path { fill: none; stroke: var(--accent); stroke-width: 1.4; stroke-linejoin: round; stroke-linecap: round; }
& table { border-collapse: collapse; margin: .3em 0 .4em .9em; font-size: .92em; color: inherit; }
& th, & td { padding: .1em .8em; text-align: right; border: 0; background: none; white-space: nowrap; }
& th { border-bottom: 1px solid var(--rule); }
& td { color: var(--value); }
& td:first-child, & th { color: var(--faint); font-weight: 600; }
& img.map { flex: none; border-radius: 3px; margin: 2px 0; image-rendering: pixelated; }
""".replace("&", ".pyiron-storage" * 3)
"""The class three times over outranks what JupyterLab says of lists and pictures in all that it renders.

`!important` would do so too, but then no style sheet of the reader could change anything.
"""


def fragment(branch: Branch, *, depth: int = DEPTH, lines: int = LINES, entries: int = ENTRIES) -> str:
    """Return a tree as a piece of HTML with its style, as a notebook shows it.

    Parameters
    ----------
    branch : Branch
        Where it begins.
    depth, lines, entries : int
        As for a tree of text; what is left out is said.
    """
    shown = unfold(branch, depth=depth, lines=lines, entries=entries, further=FURTHER)
    unfolded = _first_opened(shown)
    return f'<div class="pyiron-storage"><style>{STYLE}</style>{_tree(shown, unfolded)}</div>'


def page(branch: Branch, title: str, *, depth: int = DEPTH, lines: int = PAGE_LINES, entries: int = ENTRIES) -> str:
    """Return a tree as a page that needs nothing else: no script, no other file."""
    name = escape(printable(title))
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>'
        f'{name}</title><meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="generator" content="pyiron_storage"><style>:root { color-scheme: light dark; } '
        "body { margin: 0 auto; max-width: 76em; padding: 1.6em 1.4em; background: Canvas; color: CanvasText; }"
        "</style></head>\n"
        f"<body>{fragment(branch, depth=depth, lines=lines, entries=entries)}</body></html>\n"
    )


def _first_opened(root: Shown) -> set[int]:
    """The ids of what is unfolded at the beginning: near the root, as long as there is room."""
    opened, level, room = {id(root)}, root.children, OPEN - len(root.children)
    while level:
        below: list[Shown] = []
        for shown in level:
            if shown.children and len(shown.children) <= room:
                opened.add(id(shown))
                room -= len(shown.children)
                below += shown.children
        level = below
    return opened


def _tree(shown: Shown, opened: set[int]) -> str:
    first = _metadata(shown.branch) + _table(shown.branch)
    if not shown.children and not first:
        return f'<div class="leaf">{_line(shown)}</div>'
    below = "".join(f"<li>{_tree(child, opened)}</li>" for child in shown.children)
    is_open = " open" if id(shown) in opened else ""
    return f"<details{is_open}><summary>{_line(shown)}</summary><ul>{first}{below}{_more(shown)}</ul></details>"


def _metadata(branch: Branch) -> str:
    """The metadata of a stored object or group, folded; nothing where it has none."""
    try:
        found = branch.metadata() if branch.info.same_as is None else {}
    except (StorageError, ValueError, TypeError, OSError, RuntimeError):
        return ""  # ps.check says what is wrong with it; the rest is shown
    lines = "".join(
        f'<li><div class="leaf"><span class="name">{escape(shortened(printable(key), 80))}</span>'
        f'<span class="value">{escape(short_value(value))}</span></div></li>'
        for key, value in found.items()
    )
    return f'<li><details class="folded"><summary>metadata</summary><ul>{lines}</ul></details></li>' if lines else ""


def _table(branch: Branch) -> str:
    """The first rows of a data frame."""
    table = first_rows(branch)
    if table is None:
        return ""
    more = [f"… {table.more:,} more"] * bool(table.more)
    head = "".join(f"<th>{escape(printable(name))}</th>" for name in [*table.names, *more])
    rows = "".join(
        f"<tr>{''.join(f'<td>{escape(printable(cell))}</td>' for cell in row)}</tr>"
        for row in zip(*table.columns, strict=False)
    )
    return f"<li><table><tr>{head}</tr>{rows}</table></li>"


def _more(shown: Shown) -> str:
    """What was left out, to be unfolded as far as it is there."""
    if not shown.more:
        return ""
    title = f"… {shown.more:,} more"
    if not shown.further:
        return f'<li class="more">{title}</li>'
    lines = "".join(f'<li><div class="leaf">{_line(child, draw=False)}</div></li>' for child in shown.further)
    left = shown.more - len(shown.further)
    rest = f'<li class="more">… {left:,} more</li>' if left else ""
    return f'<li><details class="folded"><summary>{title}</summary><ul>{lines}{rest}</ul></details></li>'


def _line(shown: Shown, *, draw: bool = True) -> str:
    branch = shown.branch
    name = escape(shortened(printable(branch.name), 80))
    kind = "same" if branch.info.same_as else "trouble" if branch.info.kind == "unreadable" else "value"
    value = f'<span class="{kind}">{escape(shown.preview)}</span>' if shown.preview else ""
    sort = f'<span class="kind">{escape(label(branch))}</span>'
    return f'<span class="name">{name}</span>{sort}{value}{_picture(shown) if draw else ""}'


def _picture(shown: Shown) -> str:
    """The picture of an array or a list of numbers; nothing for anything else, or where it cannot be read."""
    branch = shown.branch
    if branch.info.same_as is not None:
        return ""
    try:
        if shown.numbers and branch.size >= LEAST:
            sample = sample_list(branch, POINTS)
        elif branch.is_array and can_be_drawn(array := branch.array()):
            sample = sample_array(array, POINTS, ROWS, COLUMNS)
        else:
            return ""
    except (StorageError, ValueError, TypeError, OSError, RuntimeError):
        return ""  # the line says already that it cannot be read
    if sample is None or sample.numbers.size < LEAST:
        return ""
    picture = line(sample) if 1 in (sample.numbers.ndim, *sample.numbers.shape) else heat_map(sample)
    return f'<span class="picture">{picture}</span>'
