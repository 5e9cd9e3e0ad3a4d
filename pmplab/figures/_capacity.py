"""How throughput grows with load, and where it stops to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go

from pmplab.analysis.usl import REACH
from pmplab.figures import _look
from pmplab.view import units

if TYPE_CHECKING:
    from pmplab.analysis.capacity import Capacity, Knee
    from pmplab.analysis.usl import Scalability


def capacity(capacity: Capacity) -> go.Figure:
    """Draw what `analysis.capacity` found: levels, the fitted law with its band, the knee, the limit, and response times below.

    The law is drawn as far as it may be asked: to twice the highest concurrency that was measured. Levels of open load are drawn
    over the rate that was offered, beside the line on which all of it would be done.
    """
    limit, levels = capacity.limit, capacity.levels
    opened = not levels.is_empty() and bool(levels["offered_per_s"].is_not_null().all())
    said = f" {units.rate(limit.value)} ({units.rate(limit.low)} to {units.rate(limit.high)})" if limit else ""
    figure = _look.blank(
        f"How much can it take?{said}",
        "tasks offered per second" if opened else "users at once",
        "successes per second",
        subtitle="; ".join(capacity.notes[:1]),
        height=460,
    )
    if levels.is_empty():
        why = capacity.notes[0] if capacity.notes else "the load never stood still"
        return _look.sentence(figure, f"There are no levels of load: {why}.")
    column = "offered_per_s" if opened else "users"
    rows = levels.sort(column).to_dicts()
    places = _look.floats([row[column] for row in rows])
    if opened:
        _draw_offered(figure, float(places.max()))
    elif capacity.law is not None:
        _draw_law(figure, capacity.law)
    figure.add_trace(
        go.Scatter(
            name="measured level",
            x=places,
            y=_look.floats([row["rate_per_s"] for row in rows]),
            error_y={"type": "data", "array": _look.floats([row["rate_margin"] or 0.0 for row in rows]), "thickness": 1},
            mode="markers",
            marker={"size": 9, "color": _look.COLOURS[1]},
            customdata=[_said(row) for row in rows],
            hovertemplate="%{customdata}<extra></extra>",
        )
    )
    _draw_times(figure, rows, column)
    if capacity.knee is not None:
        _draw_knee(figure, capacity.knee, opened=opened)
    if limit is not None:
        figure.add_hline(y=limit.value, line={"color": _look.RED, "dash": "dot", "width": 1.5})
    return _look.with_legend(figure)


def _draw_law(figure: go.Figure, law: Scalability) -> None:
    at, low, high = (list(column) for column in zip(*law.band, strict=True)) if law.band else ([], [], [])
    figure.add_trace(
        go.Scatter(
            name="95 % band of the law",
            x=_look.floats([*at, *reversed(at)]),
            y=_look.floats([*high, *reversed(low)]),
            fill="toself",
            mode="none",
            fillcolor="rgba(27,127,192,0.2)",
            hoverinfo="skip",
        )
    )
    users = np.linspace(0, REACH * law.most_measured, 121)[1:]
    line = _look.line("scalability law", users, np.array([law.rate(float(n)) for n in users]), 0, "dash")
    figure.add_trace(line.update(hovertemplate="the law: %{y:,.4~r}/s with %{x:,.3~r} users<extra></extra>"))


def _draw_offered(figure: go.Figure, most: float) -> None:
    line = _look.line("all that is offered", np.array([0.0, most]), np.array([0.0, most]), 7, "dot")
    figure.add_trace(line.update(mode="lines", hoverinfo="skip"))


def _draw_times(figure: go.Figure, rows: list[dict[str, Any]], column: str) -> None:
    """Draw the response times of the levels below their rates."""
    of = "offered" if column == "offered_per_s" else "users"
    times = []
    for name, number in (("p50", 2), ("p99", 3)):
        known = [(row[column], row[f"{name}_ms"]) for row in rows if row[f"{name}_ms"]]
        times += [ms for _, ms in known]
        x, y = (_look.floats([pair[place] for pair in known]) for place in (0, 1))
        line = _look.line(f"{name} of the response time", x, y, number, yaxis="y2")
        figure.add_trace(line.update(hovertemplate=f"{name} %{{y:,.3~r}} ms with %{{x:,.3~r}} {of}<extra></extra>"))
    figure.update_yaxes(rangemode="tozero", domain=[0.4, 1])
    scale = _look.logarithmic(min(times), max(times)) if times else {}
    figure.update_layout(
        yaxis2=_look.axis(domain=[0, 0.28], anchor="x", title={"text": "ms (log)"}, **scale),
        xaxis={"anchor": "y2", "rangemode": "tozero"},
    )


def _draw_knee(figure: go.Figure, knee: Knee, *, opened: bool) -> None:
    low, high = knee.offered if opened and knee.offered else (knee.low, knee.high)
    unit = "/s" if opened else " users"
    figure.add_vrect(
        x0=low,
        x1=max(high, low * 1.01),
        fillcolor=_look.COLOURS[4],
        opacity=0.25,
        line_width=0,
        annotation={
            "text": f"knee, {low:.4g}{unit}" if low == high else f"knee, {low:.4g} to {high:.4g}{unit}",
            "yanchor": "bottom",
            "y": 1,
        },
    )


def _said(level: dict[str, Any]) -> str:
    errors = units.NONE if level["error_rate"] is None else f"{100 * level['error_rate']:.2g} %"
    times = ", ".join(f"{name} {units.millis(level[f'{name}_ms'])}" for name in ("p50", "p95", "p99"))
    offered = "" if level["offered_per_s"] is None else f"{units.rate(level['offered_per_s'])} offered, "
    stood = f"{offered}{level['users']:.4g} users for {units.span(level['seconds'])}"
    return f"{stood}: {units.rate(level['rate_per_s'])}, {times}, errors {errors}"
