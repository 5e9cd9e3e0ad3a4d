"""What components measured beside the times of an action: how it is spread, and how it went over the time of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from pmplab import analysis
from pmplab.analysis import kept, latency
from pmplab.errors import UsageError, nearest
from pmplab.figures import _look, _runs
from pmplab.view import units

if TYPE_CHECKING:
    from pathlib import Path

    import plotly.graph_objects as go

    from pmplab._run import Run, RunLike

_OVER_TIME = ("p50", "p95")
_MOST_POINTS = 200
_GAP = 0.16


def measure(run: RunLike, name: str, *, home: Path | str | None = None) -> go.Figure:
    """Draw what components measured under a name: above over the time of the run, below by percentile; a line per action.

    Of what is counted, the number per second is drawn above, and below what one action counted. The units are those that the
    component declares. Raises RunNotFoundError, and UsageError when the records cannot be read or nothing is called so.
    """
    with _runs.opened(run, home) as found:
        measured = analysis.measures(found.frames, found.plan)
        own = measured.filter(pl.col("measure") == name)
        figure = _look.blank(name, "time since the start of the run (s)", "", subtitle=_runs.about(found), height=520)
        if measured.is_empty():
            return _look.sentence(figure, "No component measured anything in this run.")
        if own.is_empty():
            known = sorted(set(measured["measure"]))
            near = nearest(name, known)
            hint = f"did you mean `{near[0]}`?" if near else f"measured: {', '.join(known)}"
            raise UsageError(f"nothing measured is called `{name}`", help=hint)
        if _runs.windowed(found):
            return _look.sentence(figure, f"This run kept aggregates only: `{name}` has sums, and no percentiles to draw.")
        first = own.row(0, named=True)
        names, others = _runs.frequent(own.select("node", "count"))
        width = _runs.slices(_runs.length(found), len(names) * len(_OVER_TIME))
        over_time, spread = _over_time(found, name, width), _spread(found, name)
    counted, unit = first["kind"] == "count", first["unit"] or ""
    shown = "" if unit in {"", "1"} else f" ({unit})"
    _two_panels(figure, f"{name} per second" if counted else f"{name}{shown}", f"{name} of an action{shown}")
    labels = ("rate",) if counted else _OVER_TIME
    for number, (node, action) in enumerate(names.items()):
        rows = over_time.filter(pl.col("node") == node)
        for place, label in enumerate(labels):
            values = rows["sum"] / width if counted else rows[label]
            said = "per second" if counted else label
            figure.add_trace(
                _look.line(
                    f"{action} {said}",
                    _look.floats(rows["slice"]),
                    _look.floats(values),
                    number,
                    _look.DASHES[place],
                    legendgroup=node,
                    hovertemplate=f"{action} {said} %{{y:,.3~r}}{'' if counted else ' ' + unit}<extra></extra>",
                )
            )
        q, reached = spread[node]
        figure.add_trace(
            _look.line(
                action,
                q,
                reached,
                number,
                legendgroup=node,
                showlegend=False,
                xaxis="x2",
                yaxis="y2",
                hovertemplate=f"{action}: %{{x:.1f}} % at most %{{y:,.3~r}}{shown}<extra></extra>",
            )
        )
    about = [first["description"] or "", *([f"the {len(names)} most frequent actions"] if others else []), _runs.about(found)]
    total = int(own["count"].sum())
    title = f"{name}: measured {units.count(total)} times"
    figure.update_layout(title={"text": title, "subtitle": {"text": "<br>".join(part for part in about if part)}})
    return _look.with_legend(figure)


def _two_panels(figure: go.Figure, above: str, below: str) -> None:
    figure.update_layout(
        yaxis={"domain": [0.5 + _GAP / 2, 1], "title": {"text": above}, "rangemode": "tozero"},
        xaxis2=_look.axis(anchor="y2", title={"text": "percentile of actions (%)"}),
        yaxis2=_look.axis(anchor="x2", domain=[0, 0.5 - _GAP / 2], title={"text": below}, rangemode="tozero"),
    )


def _rows(run: Run, name: str) -> pl.LazyFrame:
    named = kept.table(run.frames, "measures").with_columns(pl.col("node", "measure").cast(pl.String))
    return named.filter(pl.col("measure") == name)


def _over_time(run: Run, name: str, width: int) -> pl.DataFrame:
    """Return the sum and the quantiles of each node by slice of time, s."""
    whole = (pl.col("t") // _runs.SECOND // width * width).alias("slice")
    quantiles = [pl.col("value").quantile(float(q[1:]) / 100, latency.INTERPOLATION).alias(q) for q in _OVER_TIME]
    slices = _rows(run, name).group_by("node", whole).agg(pl.col("value").sum().alias("sum"), *quantiles)
    return slices.sort("node", "slice").collect()


def _spread(run: Run, name: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return by node percentiles, and the values that they stand for."""
    found = {}
    for (node,), rows in _rows(run, name).select("node", "value").collect().group_by("node"):
        values = np.sort(rows["value"].to_numpy())
        q = np.linspace(0, 100, min(len(values), _MOST_POINTS) + 1)[1:]
        found[str(node)] = (q, values[np.ceil(q / 100 * len(values)).astype(int) - 1])
    return found
