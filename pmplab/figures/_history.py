"""A scenario over the runs of the library."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from pmplab.errors import UsageError
from pmplab.figures import _look
from pmplab.library import Library
from pmplab.view import units

if TYPE_CHECKING:
    import os

    import plotly.graph_objects as go

    from pmplab.library.history import History, Shift

_TICKS = 8
_LINES = {"p50_ms": "p50", "p99_ms": "p99"}
_VERDICTS = {"worse": _look.RED, "better": _look.BLUE}


def history(library: Library | str | os.PathLike[str] | None, scenario: str | None = None) -> go.Figure:
    """Draw p50 and p99 of a scenario over its healthy runs, and a mark where one of its figures changed for good.

    `library` may be the path of a home folder; None is the usual one. `scenario` is a name, or the beginning of a key; None is
    the newest run's. What `Library.history` returned can be had from it with its numbers.
    """
    figure = _look.blank(f"Has {scenario or 'it'} become slower?", "runs, oldest first", "response time (ms)")
    try:
        if isinstance(library, Library):
            found = library.history(scenario)
        else:
            with Library(None if library is None else Path(library)) as opened:
                found = opened.history(scenario)
    except UsageError as error:
        return _look.sentence(figure, f"{error.message[:1].upper()}{error.message[1:]}.")
    if found.frame.is_empty():
        return _look.sentence(figure, f"There is nothing to show: {'; '.join(found.notes) or 'no run was measured'}.")
    return _drawn(figure, found)


def _drawn(figure: go.Figure, found: History) -> go.Figure:
    rows = found.frame.with_row_index("place", 1)
    changed = [change for change in found.changes if change.verdict != "same"]
    says = f"{len(changed)} change{'s' * (len(changed) != 1)}" if changed else "no change beyond the tolerance"
    runs = f"{rows.height} run{'s' * (rows.height != 1)}"
    figure.update_layout(
        title={"text": f"Has {found.scenario} become slower?", "subtitle": {"text": ", ".join([runs, says, *found.notes])}}
    )
    values = []
    for number, (column, label) in enumerate(_LINES.items()):
        known = rows.filter(pl.col(column).is_not_null())
        values += known[column].to_list()
        figure.add_trace(
            _look.line(label, _look.floats(known["place"].cast(pl.Int64)), _look.floats(known[column]), number).update(
                mode="lines+markers",
                customdata=[_said(row, label, row[column]) for row in known.to_dicts()],
                hovertemplate="%{customdata}<extra></extra>",
            )
        )
    places = dict(zip(rows["run_id"].to_list(), rows["place"].to_list(), strict=True))
    for height, change in enumerate(changed[:4]):
        _mark(figure, places[change.run_id] - 0.5, change, height)
    shown = rows.gather_every(max(1, -(-rows.height // _TICKS)))
    figure.update_xaxes(
        tickvals=shown["place"].to_list(),
        ticktext=[f"{instant:%d %b<br>%H:%M}" for instant in shown["started"].to_list()],
        range=[0.5, rows.height + 0.5],
    )
    return _look.with_legend(_look.scaled(figure, values, "response time (ms)"))


def _mark(figure: go.Figure, at: float, change: Shift, height: int) -> None:
    moved = f"{100 * (change.ratio if change.absolute else change.ratio - 1):+.1f} {'pp' if change.absolute else '%'}"
    figure.add_vline(
        x=at,
        line={"color": _VERDICTS.get(change.verdict, _look.GREY), "dash": "dot", "width": 1.5},
        annotation={"text": f"{change.title} {moved}", "yanchor": "top", "y": 1 - 0.07 * height, "xanchor": "left"},
    )


def _said(row: dict[str, Any], label: str, value: float) -> str:
    labels = f"<br>{row['labels']}" if row["labels"] else ""
    errors = "" if row["error_rate"] is None else f", {100 * row['error_rate']:.2g} % errors"
    of = f"{units.count(row['count'])} actions, {units.rate(row['rate_per_s'])}{errors}"
    return f"{row['run_id']}: {label} {units.millis(value)}, {of}{labels}"
