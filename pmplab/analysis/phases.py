"""Where the time of an action went: waiting for a lease, for the harness, connecting, first byte, transfer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from pmplab.analysis import kept, latency

if TYPE_CHECKING:
    from pmplab.analysis.summary import Tables

PHASES = ("lease_wait", "dispatch", "connect", "first_byte", "transfer")
"""In order of time. They add up to the response time; `throttle_wait` comes before it."""
_COLUMNS = {
    "key": pl.String,
    "phase": pl.String,
    "n": pl.Int64,
    "mean_ms": pl.Float64,
    "p50_ms": pl.Float64,
    "p99_ms": pl.Float64,
    "share": pl.Float64,
}
_SHOWN = {"p50": 0.50, "p99": 0.99}


@dataclass(frozen=True, eq=False)
class Phases:
    """Time by phase. `note` says why there is nothing.

    `rows`: one row per key and phase, columns `key`, `phase`, `n` (attempts that had it), `mean_ms` (over all measured attempts
    of the key, so that the means of `PHASES` add up), `p50_ms`, `p99_ms`, `share` (of the response time; of `throttle_wait`,
    which is no part of it, what it would add). Keys in alphabetical order, phases in the order of time.
    """

    rows: pl.DataFrame
    note: str | None = None


def spans() -> dict[str, pl.Expr]:
    """Return the expressions of the phases and of `throttle_wait`, ns.

    What never came about (no connection, no answer) takes no time, and what the attempt waited for when it ended has the rest.
    """
    begun = latency.begun()
    sent = pl.coalesce("t_start", "t_end")
    answered = pl.coalesce("t_first_byte", "t_end")
    return {
        "throttle_wait": pl.col("throttle_wait"),
        "lease_wait": pl.col("lease_wait"),
        "dispatch": begun - pl.col("t_intended") - pl.col("lease_wait"),
        "connect": sent - begun,
        "first_byte": pl.max_horizontal(answered - sent, 0),
        "transfer": pl.col("t_end") - pl.max_horizontal(answered, sent),
    }


def phases(frames: Tables, by: str = "node") -> Phases:
    """Return how long the measured attempts spent in each phase, by node (or another column of words).

    `dispatch` is the time between the instant at which an action could go and the one at which its protocol began: it is the
    harness's, or in an open load the wait for a free user.
    """
    nothing = pl.DataFrame(schema=_COLUMNS)
    if kept.windowed(frames):
        return Phases(nothing, kept.NOT_KEPT)
    found = spans()
    instants = ("t_intended", "t_connect", "t_start", "t_first_byte", "t_end", "lease_wait", "throttle_wait")
    known = kept.table(frames, "actions").select(by, *instants, measured=latency.measured()).collect()
    # What is measured are mostly all: then nothing is copied.
    actions = (known if known["measured"].all() else known.filter("measured")).lazy()
    # Most runs have phases that never took any time: their percentiles need no search.
    idle = actions.select((span == 0).all().alias(name) for name, span in found.items()).collect().row(0, named=True)
    whole = actions.group_by(by).agg(latency.response().sum().alias("whole"))
    lines = [
        _line(actions.select(by, span.alias("time")), by, idle=idle[name]).select(pl.all(), pl.lit(name).alias("phase"))
        for name, span in found.items()
    ]
    totals, *collected = pl.collect_all([whole, *lines])
    rows = pl.concat(collected).join(totals, on=by)
    if rows.is_empty():
        return Phases(nothing, kept.NOTHING)
    order = pl.col("phase").replace_strict({name: place for place, name in enumerate(found)}, return_dtype=pl.Int64)
    share = pl.when(pl.col("whole") > 0).then(pl.col("sum") / pl.col("whole")).otherwise(0.0)
    return Phases(rows.with_columns(pl.col(by).cast(pl.String).alias("key"), share=share).sort("key", order).select(*_COLUMNS))


def _line(times: pl.LazyFrame, by: str, *, idle: bool) -> pl.LazyFrame:
    time = pl.col("time")
    shown = [(time.min() if idle else time.quantile(q, latency.INTERPOLATION)).alias(name) for name, q in _SHOWN.items()]
    return times.group_by(by).agg(
        (time > 0).sum().cast(pl.Int64).alias("n"),
        time.sum().alias("sum"),
        (time.mean() / 1e6).alias("mean_ms"),
        *[(figure / 1e6).name.suffix("_ms") for figure in shown],
    )
