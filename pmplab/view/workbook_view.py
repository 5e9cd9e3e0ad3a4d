"""The Workbook of a run as text and as HTML without scripts: the matrix, then each section with its frames."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from pmplab.view import columns, units
from pmplab.view.page import escape, page, pill, scroll, table
from pmplab.workbook.sections import AREAS, GROUPS

if TYPE_CHECKING:
    from pmplab._workbook import Section, Workbook

ROWS = 8
"""Rows of a frame that grows with the run that are shown beside others: the latest."""
FIRST = 24
"""Rows of any other frame that are: the first."""
_CLIP = 60
_INDENT = "    "
_MORE = ("exits", "components", "variables")
"""Frames that are in no section and are shown with them all the same."""


def text(workbook: Workbook, rows: int | None = None) -> str:
    """Return the whole Workbook as text, each frame with its latest `rows` rows."""
    parts = [f"  WORKBOOK  {workbook.run_id}  {workbook.status}"]
    if workbook.note:
        parts.append(f"{_INDENT}{workbook.note}")
    parts.append("  █ PROCESS GROUPS AND KNOWLEDGE AREAS\n\n" + _matrix_text(workbook.cells()))
    names = [one["section"] for one in workbook.sections.iter_rows(named=True)]
    parts += [section_text(workbook.section(name), rows).rstrip("\n") for name in names]
    parts += [_named(name, workbook.frame(name), rows) for name in (*_MORE, *_resources(workbook))]
    return "\n\n".join(parts) + "\n"


def section_text(section: Section, rows: int | None = None) -> str:
    """Return a section as text."""
    facts = section.facts
    head = f"  █ {facts.name.upper()}  {facts.process_group}: {', '.join(facts.areas)}"
    parts = (_named(name, _latest(section, name, rows), rows, latest=section.grows(name)) for name in section)
    return "\n\n".join([head, *parts]) + "\n"


def frame_text(frame: pl.DataFrame, rows: int | None = None, *, latest: bool = True) -> str:
    """Return a frame as text in columns: its latest `rows` rows or its first, all of them by default.

    Columns that hold nothing are left out.
    """
    if frame.is_empty():
        return f"{_INDENT}nothing\n"
    shown, more = _cut(frame, rows, latest=latest)
    cells = [[columns.clip(cell(name, value), _CLIP) for name, value in row.items()] for row in shown.iter_rows(named=True)]
    numeric = [place for place, name in enumerate(shown.columns) if shown.schema[name].is_numeric()]
    lines = columns.lines([[_head(name) for name in shown.columns], *cells], numeric=numeric, indent=_INDENT)
    return "\n".join([*lines, *([f"{_INDENT}{more}"] if more else [])]) + "\n"


def frame_html(name: str, frame: pl.DataFrame, *, latest: bool = False) -> str:
    """Return a frame as a table under its name: the first rows of it, or with `latest` the last few."""
    title = f"<h4>{escape(name)}</h4>"
    if frame.is_empty():
        return f'{title}<div class="dim">nothing</div>'
    shown, more = _cut(frame, ROWS if latest else FIRST, latest=latest)
    dicts = shown.iter_rows(named=True)
    rows = [[escape(columns.clip(cell(key, value), 2 * _CLIP)) for key, value in row.items()] for row in dicts]
    numeric = [place for place, key in enumerate(shown.columns) if shown.schema[key].is_numeric()]
    tail = f'<div class="dim">{more}</div>' if more else ""
    return f"{title}{scroll(table([escape(_head(key)) for key in shown.columns], rows, numeric=numeric))}{tail}"


def html(workbook: Workbook) -> str:
    """Return the whole Workbook for a notebook."""
    head = f'<div class="head"><b>Workbook</b>{pill(workbook.status)}'
    parts = [f"{head}<span>{escape(workbook.run_id)}</span></div>"]
    if workbook.note:
        parts.append(f'<div class="dim">{escape(workbook.note)}</div>')
    parts.append(f"<h4>Process groups and knowledge areas</h4>{_matrix_html(workbook.cells())}")
    parts += [_section(workbook.section(one["section"])) for one in workbook.sections.iter_rows(named=True)]
    rest = [frame_html(name, workbook.frame(name)) for name in (*_MORE, *_resources(workbook))]
    parts.append(_folded("Parts, variables, resources", "", "".join(rest)))
    return page("".join(parts))


def section_html(section: Section) -> str:
    """Return a section for a notebook."""
    facts = section.facts
    about = f"{facts.process_group}: {', '.join(facts.areas)}"
    head = f'<div class="head"><b>{escape(facts.name)}</b><span class="dim">{escape(about)}</span></div>'
    return page(head + _tables(section))


def cell(name: str, value: Any) -> str:
    """Write the value of a column: times with their unit, lists with commas, nothing as `-`."""
    match value:
        case None:
            return units.NONE
        case bool():
            return "yes" if value else "no"
        case datetime():
            return value.isoformat(timespec="milliseconds")
        case list() | pl.Series():
            return ", ".join(str(one) for one in value) or units.NONE
        case float() if name.endswith("_ms"):
            return units.millis(value)
        case float() if name.endswith("_s"):
            return f"{value:+.3f}s" if "variance" in name else f"{value:.3f}s"
        case float() if name in {"share", "probability"}:
            return f"{100 * value:.2f}%"
        case float():
            return f"{value:.6g}"
        case int():
            return units.count(value)
    return str(value)


def _latest(section: Section, name: str, rows: int | None) -> pl.DataFrame:
    """Return the frame of a section, of a long one a little more than is shown, so that one can tell that there is more."""
    return section.frame(name, (rows or ROWS) + 1)


def _resources(workbook: Workbook) -> list[str]:
    return [f"resource.{name}" for name in workbook.resources]


def _named(name: str, frame: pl.DataFrame, rows: int | None, *, latest: bool = False) -> str:
    return f"  {name}\n{frame_text(frame, rows or (ROWS if latest else FIRST), latest=latest)}".rstrip("\n")


def _cut(frame: pl.DataFrame, rows: int | None, *, latest: bool) -> tuple[pl.DataFrame, str]:
    """Return what is shown of a frame, without columns that hold nothing, and what to say of the rest."""
    found = frame if rows is None else frame.tail(rows) if latest else frame.head(rows)
    kept = [name for name in found.columns if found[name].null_count() < found.height]
    more = f"the {'latest' if latest else 'first'} {found.height}; there are more" if found.height < frame.height else ""
    return found.select(kept or found.columns[:1]), more


def _head(name: str) -> str:
    for unit in ("_ms", "_s"):
        if name.endswith(unit):
            return name.removesuffix(unit).replace("_", " ")
    return name.replace("_", " ")


def _tables(section: Section) -> str:
    return "".join(frame_html(name, _latest(section, name, None), latest=section.grows(name)) for name in section)


def _section(section: Section) -> str:
    facts = section.facts
    about = f"{facts.process_group}: {', '.join(facts.areas)}"
    return _folded(facts.name, about, _tables(section))


def _folded(title: str, about: str, inner: str) -> str:
    dim = f' <span class="dim">{escape(about)}</span>' if about else ""
    return f'<details style="margin-top:6px"><summary><b>{escape(title)}</b>{dim}</summary>{inner}</details>'


def _matrix_text(cells: pl.DataFrame) -> str:
    lines = []
    for group in GROUPS:
        own = cells.filter(pl.col("process_group") == group)
        told = own.filter(pl.col("field").is_not_null())
        lines += [[group, row["area"], str(row["field"]), row["value"] or "not known"] for row in told.iter_rows(named=True)]
        for (reason,), rest in own.filter(pl.col("field").is_null()).group_by("reason", maintain_order=True):
            lines.append([group, columns.clip(", ".join(rest["area"]), _CLIP), columns.clip(str(reason), 2 * _CLIP)])
    return "\n".join(columns.lines(lines, indent=_INDENT))


def _matrix_html(cells: pl.DataFrame) -> str:
    rows = []
    for group in GROUPS:
        row = [f"<b>{group}</b>"]
        for one in cells.filter(pl.col("process_group") == group).iter_rows(named=True):
            if one["field"] is None:
                row.append(f'<span class="dim" title="{escape(one["reason"])}">n/a</span>')
            else:
                value = "not known" if one["value"] is None else one["value"]
                row.append(f'<div class="dim">{escape(one["field"])}</div>{escape(value)}')
        rows.append(row)
    reasons = cells.filter(pl.col("reason").is_not_null())
    notes = [
        f"{', '.join(f'{group} {area}' for group, area in rest.select('process_group', 'area').rows())}: {reason}"
        for (reason,), rest in reasons.group_by("reason", maintain_order=True)
    ]
    below = "".join(f"<div>{escape(note)}</div>" for note in notes)
    return f'{scroll(table(["", *AREAS], rows))}<details class="dim"><summary>n/a</summary>{below}</details>'
