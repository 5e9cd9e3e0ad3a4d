"""A scenario over the runs of the library."""

from __future__ import annotations

from typing import TYPE_CHECKING

import plotly.graph_objects as go

from pmplab.figures import _look
from pmplab.library import Library
from pmplab.view import units

if TYPE_CHECKING:
    import os

    from pmplab.analysis.figures import Figures
    from pmplab.library import Entry

_MOST_RUNS = 400
_TICKS = 8


def history(library: Library | str | os.PathLike[str] | None, scenario: str) -> go.Figure:
    """Draw p50 and p99 of a scenario, or of a node of its WBS by path, over the runs that are like its newest one.

    `library` may be the path of a home folder; None is the usual one. Runs that did not finish, or whose harness was the limit,
    are drawn hollow: they say nothing of what is usual.
    """
    from pathlib import Path

    figure = _look.blank(
        f"Has {scenario} become slower?", "runs, oldest first", "response time (ms)", subtitle="", hovermode="closest"
    )
    if isinstance(library, Library):
        runs, left_out = _runs_of(library, scenario)
    else:
        with Library(None if library is None else Path(library)) as opened:
            runs, left_out = _runs_of(opened, scenario)
    if not runs:
        return _look.sentence(figure, f"The library holds no run of {scenario} with figures.")
    others = f"{left_out} run{'s' * (left_out != 1)} of another script or load {'is' if left_out == 1 else 'are'} left out"
    also = f", {others}" if left_out else ""
    figure.update_layout(title={"subtitle": {"text": f"{len(runs)} run{'s' * (len(runs) != 1)}{also}"}})
    for number, (name, label) in enumerate((("p50_ms", "p50"), ("p99_ms", "p99"))):
        points = [(place, entry, found) for place, (entry, found) in enumerate(runs, 1) if getattr(found, name) is not None]
        colour = _look.COLOURS[number]
        figure.add_trace(
            go.Scatter(
                name=label,
                x=[place for place, _, _ in points],
                y=_look.floats([getattr(found, name) for _, _, found in points]),
                mode="lines+markers",
                line={"color": colour, "width": 1.5},
                marker={"size": 8, "color": colour, "symbol": ["circle" if e.healthy else "circle-open" for _, e, _ in points]},
                customdata=[_said(entry, found, label, getattr(found, name)) for _, entry, found in points],
                hovertemplate="%{customdata}<extra></extra>",
            )
        )
    values = [float(v) for trace in figure.data for v in trace.y]
    step = max(1, -(-len(runs) // _TICKS))
    shown = range(1, len(runs) + 1, step)
    figure.update_xaxes(
        tickvals=list(shown), ticktext=[f"{runs[place - 1][0].started:%d %b<br>%H:%M}" for place in shown],
        range=[0.5, len(runs) + 0.5],
    )  # fmt: skip
    return _look.with_legend(_look.scaled(figure, values, "response time (ms)"))


def _runs_of(library: Library, scenario: str) -> tuple[list[tuple[Entry, Figures]], int]:
    """Return the runs like the newest one that has the scenario, oldest first, and how many others have it too."""
    over = (entry for entry in library.entries() if entry.status != "running")
    figured = ((entry, library.figures(entry).get(scenario)) for entry in over)
    found = [(library.judged(entry), own) for entry, own in figured if own is not None and own.p50_ms is not None]
    like = [pair for pair in found if pair[0].like(found[0][0])]
    return list(reversed(like[:_MOST_RUNS])), len(found) - len(like)


def _said(entry: Entry, found: Figures, label: str, value: float) -> str:
    labels = "".join(f"<br>{key} {text}" for key, text in entry.labels.items())
    wrong = f"<br>not counted as usual: {entry.unhealthy}" if entry.unhealthy else ""
    errors = "" if found.error_rate is None else f", {100 * found.error_rate:.2g} % errors"
    of = f"{units.count(found.count)} actions, {units.rate(found.rate_per_s)}{errors}"
    return f"{entry.run_id}: {label} {units.millis(value)}, {of}{labels}{wrong}"
