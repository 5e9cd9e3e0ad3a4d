"""How throughput grows with concurrency, and where it stops to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go

from pmplab.analysis.usl import REACH
from pmplab.figures import _look
from pmplab.view import units

if TYPE_CHECKING:
    from pmplab.analysis.capacity import Capacity
    from pmplab.analysis.usl import Scalability


def capacity(capacity: Capacity) -> go.Figure:
    """Draw what `pmplab.capacity` found: levels, the fitted law, the knee, the limit, and response times below.

    The law is drawn as far as it may be asked: to twice the highest concurrency that was measured.
    """
    limit = capacity.limit
    said = f" {units.rate(limit.value)} ({units.rate(limit.low)} to {units.rate(limit.high)})" if limit else ""
    figure = _look.blank(
        f"How much can it take?{said}",
        "users at once",
        "successes per second",
        subtitle="; ".join(capacity.notes[:1]),
        height=460,
    )
    levels = capacity.levels
    if levels.is_empty():
        why = capacity.notes[0] if capacity.notes else "the load never stood still"
        return _look.sentence(figure, f"There are no levels of load: {why}.")
    if capacity.law is not None:
        _draw_law(figure, capacity.law)
    rows = levels.sort("users").to_dicts()
    figure.add_trace(
        go.Scatter(
            name="measured level",
            x=_look.floats([row["users"] for row in rows]),
            y=_look.floats([row["rate_per_s"] for row in rows]),
            mode="markers",
            marker={"size": 9, "color": _look.COLOURS[1]},
            customdata=[_said(row) for row in rows],
            hovertemplate="%{customdata}<extra></extra>",
        )
    )
    for column, name, number in (("p50_ms", "p50", 2), ("p99_ms", "p99", 3)):
        known = [row for row in rows if row[column] is not None]
        figure.add_trace(
            _look.line(
                f"{name} of the response time",
                _look.floats([row["users"] for row in known]),
                _look.floats([row[column] for row in known]),
                number,
                yaxis="y2",
                hovertemplate=f"{name} %{{y:,.3~r}} ms with %{{x:,.3~r}} users<extra></extra>",
            )
        )
    if capacity.knee is not None:
        knee = capacity.knee
        figure.add_vrect(
            x0=knee.low,
            x1=max(knee.high, knee.low * 1.01),
            fillcolor=_look.COLOURS[4],
            opacity=0.25,
            line_width=0,
            annotation={"text": f"knee, {knee.low:.0f} to {knee.high:.0f} users", "yanchor": "bottom", "y": 1},
        )
    if limit is not None:
        figure.add_hline(y=limit.value, line={"color": _look.RED, "dash": "dot", "width": 1.5})
    times = [row[column] for row in rows for column in ("p50_ms", "p99_ms") if row[column]]
    figure.update_yaxes(rangemode="tozero", domain=[0.4, 1])
    figure.update_layout(
        yaxis2=_look.axis(domain=[0, 0.28], anchor="x", title={"text": "response (ms, log)"}, **_look.logarithmic(*_ends(times))),
        xaxis={"anchor": "y2", "rangemode": "tozero"},
    )
    return _look.with_legend(figure)


def _draw_law(figure: go.Figure, law: Scalability) -> None:
    at, low, high = (list(column) for column in zip(*law.band, strict=True)) if law.band else ([], [], [])
    colour = _look.COLOURS[0]
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
    line.update(line={"color": colour}, hovertemplate="the law: %{y:,.4~r}/s with %{x:,.3~r} users<extra></extra>")
    figure.add_trace(line)


def _ends(values: list[float]) -> tuple[float, float]:
    return (min(values), max(values)) if values else (1.0, 10.0)


def _said(level: dict[str, Any]) -> str:
    errors = units.NONE if level["error_rate"] is None else f"{100 * level['error_rate']:.2g} %"
    times = ", ".join(f"{name} {units.millis(level[f'{name}_ms'])}" for name in ("p50", "p95", "p99"))
    stood = f"{level['users']:.4g} users for {units.span(level['seconds'])}"
    return f"{stood}: {units.rate(level['rate_per_s'])}, {times}, errors {errors}"
