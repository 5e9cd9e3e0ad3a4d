"""A run in levels: stretches in which the load stood still, each with what came of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import polars as pl

from pmplab.analysis import latency

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pmplab.analysis.summary import Tables

_SECOND = 1_000_000_000
LEAST_S = 3
"""A level that stood for fewer seconds is left out."""
SETTLING = 0.2
"""The share of a level that is left out at its begin: what went before still shows there."""

SCHEMA = pl.Schema(
    {
        "level": pl.Int64(),
        "begin_s": pl.Int64(),
        "seconds": pl.Int64(),
        "users": pl.Float64(),
        "in_flight": pl.Float64(),
        "rate_per_s": pl.Float64(),
        "error_rate": pl.Float64(),
        "mean_ms": pl.Float64(),
        "p50_ms": pl.Float64(),
        "p95_ms": pl.Float64(),
        "p99_ms": pl.Float64(),
    }
)


def levels(frames: Tables, plan: Mapping[str, Any] | None = None) -> pl.DataFrame:
    """Return one row per level of the run, in time, with the columns of `SCHEMA`.

    Levels are the steps of open load that `plan` raises in stairs; else the stretches of whole seconds in which the users that
    the plan wanted were as many. `users` are those online, on average, of open load those whose action was under way;
    `in_flight` is what the ticks saw of that. `rate_per_s` are successes; times are response times.
    """
    load = frames.load.select("scenario", "shard", "t", "planned", "online", "in_flight").collect()
    if load.is_empty():
        return pl.DataFrame(schema=SCHEMA)
    stairs = _stairs(plan)
    seconds = _seconds(load)
    if stairs is None:
        level = (pl.col("planned") != pl.col("planned").shift(1)).fill_null(value=True).cum_sum()
    else:
        begin, step, steps = stairs
        level = ((pl.col("second") - math.ceil(begin)) / step).floor().cast(pl.Int64)
    stretches = (
        seconds.with_columns(level.alias("level"))
        .filter((pl.col("level") >= 0) & (pl.col("level") < (2**31 if stairs is None else steps)))
        .with_columns(pl.len().over("level").alias("long"), pl.int_range(pl.len()).over("level").alias("into"))
        .filter((pl.col("long") >= LEAST_S) & (pl.col("into") >= (SETTLING * pl.col("long")).ceil()) & (pl.col("online") > 0))
    )
    if stretches.is_empty():
        return pl.DataFrame(schema=SCHEMA)
    time = latency.response().filter(latency.measured())
    ended = (
        frames.actions.with_columns((pl.col("t_end") // _SECOND).alias("second"))
        .join(stretches.lazy().select("second", "level"), on="second")
        .group_by("level")
        .agg(
            (pl.col("event") == "success").sum().alias("good"),
            ((pl.col("event") != "success") & (pl.col("class") == "target")).sum().alias("wrong"),
            pl.len().alias("all"),
            (time.mean() / 1e6).alias("mean_ms"),
            (latency.response().clip(0).sum() / _SECOND).alias("area"),
            *((time.quantile(q, interpolation=latency.INTERPOLATION) / 1e6).alias(f"{n}_ms") for n, q in _QUANTILES.items()),
        )
        .collect()
    )
    return (
        stretches.group_by("level")
        .agg(
            pl.col("second").min().alias("begin_s"),
            pl.len().cast(pl.Int64).alias("seconds"),
            pl.col("online").mean().alias("users"),
            pl.col("in_flight").mean(),
        )
        .join(ended, on="level", how="left")
        .with_columns(
            pl.col("level").cast(pl.Int64),
            (pl.col("good").fill_null(0) / pl.col("seconds")).alias("rate_per_s"),
            (pl.col("wrong") / pl.col("all")).alias("error_rate"),
            # Those who carry arrivals come and go within a tick: how many there were is what their actions say.
            (pl.col("users") if stairs is None else pl.col("area") / pl.col("seconds")).alias("users"),
        )
        .sort("begin_s")
        .select(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items())
    )


_QUANTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}


def _stairs(plan: Mapping[str, Any] | None) -> tuple[float, float, int] | None:
    """Return when the first stairs of the plan begin, how long a step of them takes, both in s, and how many there are."""
    for scenario in (plan or {}).get("scenarios") or ():
        arrival = scenario.get("arrival") or {}
        shape = arrival.get("shape") or {}
        if shape.get("shape") == "stairs" and arrival.get("duration") and shape.get("steps"):
            start = scenario.get("start")
            begin = float(start.get("at") or 0) if isinstance(start, dict) else 0.0
            return begin / _SECOND, float(arrival["duration"]) / float(shape["steps"]) / _SECOND, int(shape["steps"])
    return None


def _seconds(load: pl.DataFrame) -> pl.DataFrame:
    """Average the ticks of each second, and sum scenarios and shards; the last, partial second is left out."""
    return (
        load.with_columns((pl.col("t") // _SECOND).alias("second"))
        .group_by("shard", "scenario", "second")
        .agg(pl.col("planned").last(), pl.col("online").mean(), pl.col("in_flight").mean())
        .group_by("second")
        .agg(pl.col("planned", "online", "in_flight").sum())
        .sort("second")
        .head(-1)
    )
