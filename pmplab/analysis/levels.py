"""A run in levels: stretches in which the load stood still, each with what came of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from pmplab.analysis import kept, latency

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pmplab.analysis.summary import Tables

_SECOND = 1_000_000_000
LEAST_S = 3
"""A level that stood for fewer seconds says nothing."""
SETTLING = 0.2
"""The share of a level that is left out at its begin: what went before still shows there."""
BEHIND = 0.05
"""A level of open load fell behind when this share of what was offered was not done."""
_SURE = 1.96

SCHEMA = pl.Schema(
    {
        "level": pl.Int64(),
        "begin_s": pl.Int64(),
        "seconds": pl.Int64(),
        "users": pl.Float64(),
        "in_flight": pl.Float64(),
        "offered_per_s": pl.Float64(),
        "achieved_per_s": pl.Float64(),
        "kept_up": pl.Boolean(),
        "rate_per_s": pl.Float64(),
        "rate_margin": pl.Float64(),
        "error_rate": pl.Float64(),
        "mean_ms": pl.Float64(),
        "stay_ms": pl.Float64(),
        "p50_ms": pl.Float64(),
        "p95_ms": pl.Float64(),
        "p99_ms": pl.Float64(),
    }
)
_QUANTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}


@dataclass(frozen=True, slots=True)
class _Offer:
    """The open load of a scenario: when it begins and how long a step of it takes, s, and the rate of each step, tasks per s.

    `chance` says whether so many arrive on average only.
    """

    scenario: str
    begin: float
    step: float
    rates: tuple[float, ...]
    chance: bool


def levels(frames: Tables, plan: Mapping[str, Any] | None = None) -> pl.DataFrame:
    """Return one row per level of the run, in time, with the columns of `SCHEMA`.

    Levels are the steps of open load that `plan` offers, at one rate or in stairs; else the stretches of whole seconds in which
    the users that the plan wanted were as many. `users` are those online, on average, of open load the actions under way;
    `in_flight` is what the ticks saw of that. Of open load `offered_per_s` are the tasks that arrived, `achieved_per_s` those
    that ended, and `kept_up` says whether these are as many. `rate_per_s` are successes, known to `rate_margin` either way with
    95 % confidence by how they differ from second to second. Times are response times, but `stay_ms`: how long an attempt was
    under way, on average.

    A step of open load that stood for fewer than `LEAST_S` seconds has no figures.
    """
    load = kept.table(frames, "load").select("scenario", "shard", "t", "planned", "online", "in_flight").collect()
    if load.is_empty() or kept.windowed(frames):
        return pl.DataFrame(schema=SCHEMA)
    offer = _offer(plan)
    seconds = _seconds(load)
    if offer is None:
        level = (pl.col("planned") != pl.col("planned").shift(1)).fill_null(value=True).cum_sum()
    else:
        level = ((pl.col("second") - math.ceil(offer.begin)) / offer.step).floor()
    stretches = (
        seconds.with_columns(level.cast(pl.Int64).alias("level"))
        .filter((pl.col("level") >= 0) & (pl.col("level") < (2**31 if offer is None else len(offer.rates))))
        .with_columns(pl.len().over("level").alias("long"), pl.int_range(pl.len()).over("level").alias("into"))
    )
    settled = (pl.col("into") >= (SETTLING * pl.col("long")).ceil()) & (pl.col("online") > 0)
    stood = stretches.filter((pl.col("long") >= LEAST_S) & settled)
    short = stretches.filter(pl.col("long") < LEAST_S) if offer is not None else stretches.clear()
    found = _figured(frames, stood)
    if offer is not None:
        found = _with_offer(found, kept.table(frames, "tasks"), offer)
    passed = short.group_by("level").agg(pl.col("second").min().alias("begin_s"), pl.len().alias("seconds"))
    return (
        pl.concat([found, passed], how="diagonal_relaxed")
        .sort("begin_s")
        .select((pl.col(name) if name in found.columns else pl.lit(None).alias(name)).cast(SCHEMA[name]) for name in SCHEMA)
    )


def _figured(frames: Tables, stood: pl.DataFrame) -> pl.DataFrame:
    time, stay = pl.col("response"), pl.col("stay")
    actions = (
        latency.timed(kept.table(frames, "actions"), "response")
        .select(
            "response",
            (pl.col("t_end") // _SECOND).alias("second"),
            (pl.col("t_end") - latency.begun()).clip(0).alias("stay"),
            (pl.col("event") == "success").alias("good"),
            ((pl.col("event") != "success") & (pl.col("class") == "target")).alias("wrong"),
        )
        .join(stood.lazy().select("second", "level"), on="second")
        .collect()
        .lazy()
    )
    ended = actions.group_by("level").agg(
        pl.col("good", "wrong").sum(),
        pl.len().alias("all"),
        (time.mean() / 1e6).alias("mean_ms"),
        (stay.mean() / 1e6).alias("stay_ms"),
        (stay.sum() / _SECOND).alias("area"),
        *((time.quantile(q, interpolation=latency.INTERPOLATION) / 1e6).alias(f"{n}_ms") for n, q in _QUANTILES.items()),
    )
    every = actions.group_by("level", "second").agg(pl.col("good").sum().alias("each"))
    figures, each = pl.collect_all([ended, every])
    scatter = (
        stood.select("level", "second")
        .join(each, on=["level", "second"], how="left")
        .group_by("level")
        .agg((_SURE * pl.col("each").fill_null(0).std() / pl.len().sqrt()).alias("rate_margin"))
    )
    return (
        stood.group_by("level")
        .agg(
            pl.col("second").min().alias("begin_s"),
            pl.len().alias("seconds"),
            pl.col("online").mean().alias("users"),
            pl.col("in_flight").mean(),
        )
        .join(figures, on="level", how="left")
        .join(scatter, on="level", how="left")
        .with_columns(
            (pl.col("good").fill_null(0) / pl.col("seconds")).alias("rate_per_s"),
            (pl.col("wrong") / pl.col("all")).alias("error_rate"),
        )
    )


def _with_offer(found: pl.DataFrame, tasks: pl.LazyFrame, offer: _Offer) -> pl.DataFrame:
    """Add what was offered at each level and what of it was done. Who carries arrivals comes and goes: actions say how many."""
    mine = tasks.filter(pl.col("scenario").cast(pl.String) == offer.scenario)
    ends = mine.select(
        (pl.col("t_end") // _SECOND).alias("second"), (pl.col("t_end") - pl.col("t_start")).alias("took")
    ).collect()
    early = ends.head(max(ends.height // 10, 1))["took"].median()
    took = float(early) / _SECOND if isinstance(early, (int, float)) else 0.0
    rows = []
    for row in found.iter_rows(named=True):
        begin, end = row["begin_s"], row["begin_s"] + row["seconds"]
        rate, before = offer.rates[row["level"]], offer.rates[max(row["level"] - 1, 0)]
        # What ends in a level arrived as long ago as a task takes: at its begin that is the level before.
        since = begin - (offer.begin + row["level"] * offer.step)
        due = rate - (rate - before) * min(max((took - since) / row["seconds"], 0.0), 1.0)
        done = ends.filter(pl.col("second").is_between(begin, end, closed="left")).height / row["seconds"]
        missing = max(BEHIND * due, 2 / row["seconds"], 3 * math.sqrt(due / row["seconds"]) if offer.chance else 0.0)
        rows.append({"level": row["level"], "offered_per_s": rate, "achieved_per_s": done, "kept_up": done >= due - missing})
    columns = {"level": pl.Int64(), "offered_per_s": pl.Float64(), "achieved_per_s": pl.Float64(), "kept_up": pl.Boolean()}
    return found.join(pl.DataFrame(rows, schema=columns), on="level", how="left").with_columns(
        (pl.col("area") / pl.col("seconds")).alias("users")
    )


def _offer(plan: Mapping[str, Any] | None) -> _Offer | None:
    """Return the first open load of the plan whose rate is known: in stairs, or one rate for all of its time."""
    for scenario in (plan or {}).get("scenarios") or ():
        arrival = scenario.get("arrival") or {}
        shape = arrival.get("shape") or {}
        if not arrival.get("duration"):
            continue
        if shape.get("shape") == "stairs" and shape.get("steps"):
            first, last, steps = per_s(shape["from"]), per_s(shape["to"]), int(shape["steps"])
            rates = tuple(first + (last - first) * step / max(steps - 1, 1) for step in range(steps))
        elif shape.get("rate"):
            rates = (per_s(shape["rate"]),)
        else:
            continue
        start = scenario.get("start")
        begin = float(start.get("at") or 0) if isinstance(start, dict) else 0.0
        step = float(arrival["duration"]) / len(rates) / _SECOND
        return _Offer(str(scenario["name"]), begin / _SECOND, step, rates, chance=shape.get("shape") == "poisson")
    return None


def per_s(rate: Mapping[str, Any]) -> float:
    """Return a rate of the plan as a number per second."""
    return float(rate["count"]) * _SECOND / float(rate["per"])


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
