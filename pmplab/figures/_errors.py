"""What went wrong in a run, the most frequent first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import plotly.graph_objects as go

from pmplab import analysis
from pmplab.analysis.names import short_names
from pmplab.figures import _look, _runs
from pmplab.view import columns, units

if TYPE_CHECKING:
    from pathlib import Path

    from pmplab._run import RunLike
    from pmplab.analysis import ErrorKind

_MOST = 12
_CLASSES = {"target": _look.RED, "harness": _look.COLOURS[4], None: _look.GREY}


def errors(run: RunLike, *, home: Path | str | None = None) -> go.Figure:
    """Draw what went wrong as a Pareto chart: a bar per action and type, and a line for the share that those so far make up.

    The colour says whose fault it was: the target's, the harness's, or nobody's, as it was cancelled. Raises RunNotFoundError,
    and UsageError when the records cannot be read.
    """
    with _runs.opened(run, home) as found:
        of = analysis.errors(found.frames)
        figure = _look.blank("What goes wrong?", "attempts that did not succeed", "", subtitle=_runs.about(found))
    total = of.total
    if not total.attempts:
        return _look.sentence(figure, _runs.NOTHING)
    if not of.pareto:
        sure = f", with 95 % confidence fewer than {100 * total.rate.at_most:.2g} % do" if total.rate.at_most else ""
        return _look.sentence(figure, f"All {units.count(total.attempts)} attempts succeeded{sure}.")
    shown = of.pareto[:_MOST]
    names = short_names({kind.node for kind in of.pareto})
    labels = [f"{names[kind.node]}<br>{kind.type}" for kind in shown]
    for class_, colour in _CLASSES.items():
        own = [(label, kind) for label, kind in zip(labels, shown, strict=True) if kind.class_ == class_]
        if own:
            figure.add_trace(
                go.Bar(
                    name=class_ or "cancelled",
                    orientation="h",
                    y=[label for label, _ in own],
                    x=[kind.count for _, kind in own],
                    marker={"color": colour},
                    text=[f"{units.count(kind.count)}" for _, kind in own],
                    textposition="auto",
                    customdata=[_said(kind) for _, kind in own],
                    hovertemplate="%{customdata}<extra></extra>",
                )
            )
    figure.add_trace(
        go.Scatter(
            name="share of all so far",
            xaxis="x2",
            y=labels,
            x=_look.floats([100 * kind.cumulative for kind in shown]),
            mode="lines+markers",
            line={"color": _look.TEXT, "width": 1.5},
            hovertemplate="up to here %{x:.1f} % of what went wrong<extra></extra>",
        )
    )
    wrong = sum(kind.count for kind in of.pareto)
    rest = f"the {_MOST} most frequent of {len(of.pareto)} kinds" if len(of.pareto) > _MOST else ""
    figure.update_layout(
        title={
            "text": f"What goes wrong? {units.count(wrong)} of {units.count(total.attempts)} attempts",
            "subtitle": {"text": _runs.about(found, rest)},
        },
        height=180 + 42 * len(shown),
        margin={"t": 92},
        yaxis={"categoryorder": "array", "categoryarray": labels, "autorange": "reversed", "ticks": ""},
        xaxis2=_look.axis(overlaying="x", side="top", range=[0, 103], dtick=25, ticksuffix=" %", showgrid=False),
        barmode="overlay",
    )
    figure.update_xaxes(rangemode="tozero", selector={"overlaying": None})
    return _look.with_legend(figure)


def _said(kind: ErrorKind) -> str:
    rate = kind.rate
    between = "" if rate.low is None or rate.high is None else f" ({100 * rate.low:.2g} to {100 * rate.high:.2g} %)"
    of = "" if rate.value is None else f", {100 * rate.value:.2g} % of its attempts{between}"
    message = f"<br>{columns.clip(kind.message, 90).replace('<', '&lt;')}" if kind.message else ""
    return f"{kind.type} on {kind.node}: {units.count(kind.count)}{of}{message}"
