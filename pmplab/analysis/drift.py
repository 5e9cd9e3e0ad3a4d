"""Whether something creeps over a long run: latency, memory, the wait for leases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from pmplab.analysis import kept

if TYPE_CHECKING:
    from pmplab.analysis.summary import Tables

_POINTS = 60
_LEAST_POINTS = 10
_S = 1_000_000_000
ALPHA = 0.01


@dataclass(frozen=True)
class Drift:
    """How one figure changed over a run.

    `per_hour` with its 95 % interval `low`, `high`: slope in `unit` an hour. `change`: what that makes over the run, as a share
    of the figure's median; None when that is 0. `p`: chance of such a trend in a series without one. `drifts`: it is no chance,
    and more than 5 % over the run. `note` says why there is no figure.
    """

    metric: str
    unit: str
    per_hour: float | None
    low: float | None
    high: float | None
    change: float | None
    p: float | None
    drifts: bool
    note: str | None = None


def drift(seconds: pl.DataFrame, frames: Tables | None = None) -> tuple[Drift, ...]:
    """Return the drift of p50 and p99 of response time, of memory, and of the wait for leases.

    Parameters
    ----------
    seconds
        The run second by second, as `run.seconds` has it: columns `second`, `p50_ms`, `p99_ms`. Best of its steady window.
    frames
        Its tables, for memory (`host`) and waits (`leases`).

    Notes
    -----
    Slope by Theil and Sen, trend by Mann and Kendall, both of at most 60 medians over equal times: seconds are too much like
    their neighbours to count one by one.
    """
    second = (pl.col("second") * _S).alias("t")
    memory = waits = pl.DataFrame(schema={"t": pl.Int64, "value": pl.Float64})
    if frames is not None:
        host = kept.table(frames, "host").select("t", value=pl.col("rss") / 2**20)
        acquired = kept.table(frames, "leases").filter(pl.col("event") == "acquire").select("t", value=pl.col("wait") / 1e6)
        memory, waits = pl.collect_all([host, acquired])
    return (
        _drift("response p50", "ms", seconds.select(second, value="p50_ms")),
        _drift("response p99", "ms", seconds.select(second, value="p99_ms")),
        _drift("memory", "MiB", memory),
        _drift("lease wait", "ms", waits),
    )


def _drift(metric: str, unit: str, series: pl.DataFrame) -> Drift:
    from scipy.stats import kendalltau, theilslopes

    points = _medians(series.drop_nulls())
    if points.height < _LEAST_POINTS:
        return Drift(metric, unit, None, None, None, None, None, drifts=False, note="too little of it to tell")
    hours, values = points["hour"].to_numpy(), points["value"].to_numpy()
    if points["value"].n_unique() == 1:
        return Drift(metric, unit, 0.0, 0.0, 0.0, 0.0, 1.0, drifts=False)
    slope = theilslopes(values, hours)
    p = float(kendalltau(hours, values).pvalue)
    middle = float(points["value"].median() or 0.0)  # type: ignore[arg-type]
    change = float(slope.slope) * float(hours[-1] - hours[0]) / middle if middle else None
    drifts = p < ALPHA and (abs(change) > 0.05 if change is not None else slope.slope != 0)
    return Drift(metric, unit, float(slope.slope), float(slope.low_slope), float(slope.high_slope), change, p, drifts)


def _medians(series: pl.DataFrame) -> pl.DataFrame:
    """Return medians over at most 60 equal times: `hour` of the middle of each, and `value`."""
    if series.is_empty():
        return pl.DataFrame(schema={"hour": pl.Float64, "value": pl.Float64})
    first, last = int(series["t"].min() or 0), int(series["t"].max() or 0)  # type: ignore[arg-type]
    width = max(-(-(last - first + 1) // _POINTS), _S)
    return (
        series.group_by(((pl.col("t") - first) // width).alias("slice"))
        .agg(pl.col("value").median())
        .sort("slice")
        .select(hour=(first + (pl.col("slice") + 0.5) * width) / (3600 * _S), value="value")
    )
