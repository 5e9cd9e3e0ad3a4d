"""Whether the load was what the plan wanted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from pmplab.analysis import kept, latency

if TYPE_CHECKING:
    from pmplab.analysis.summary import Tables


@dataclass(frozen=True)
class Adherence:
    """How far a scenario's load was from its plan.

    `deviation`: area between the curves of planned and actual users, over the planned area; None without a plan of users (open
    load has none of its own). A user that the plan still wants and that has finished is as planned. `planned_user_s`: the planned
    area. `start_p50_ms`, `start_p99_ms`: how late tasks began against when the plan wanted them; None when not kept. `dropped`:
    arrivals that nobody carried, `dropped_share` of all that came.
    """

    scenario: str
    deviation: float | None
    planned_user_s: float
    tasks: int
    start_p50_ms: float | None
    start_p99_ms: float | None
    dropped: int
    dropped_share: float | None


def adherence(frames: Tables) -> tuple[Adherence, ...]:
    """Return the plan adherence of every scenario, in alphabetical order."""
    load = kept.table(frames, "load").sort("shard", "scenario", "t")
    there = pl.col("online") + pl.col("stop")
    actual = pl.max_horizontal(there, pl.min_horizontal("planned", there + pl.col("offline")))
    held = (pl.col("t").shift(-1) - pl.col("t")).over("shard", "scenario") / 1e9
    curves = (
        load.with_columns(held=held, off=(pl.col("planned") - actual).abs())
        .group_by("scenario")
        .agg(
            (pl.col("planned") * pl.col("held")).sum().alias("planned"),
            (pl.col("off") * pl.col("held")).sum().alias("off"),
        )
    )
    dropped = load.group_by("scenario", "shard").agg(pl.col("dropped").max()).group_by("scenario").agg(pl.col("dropped").sum())
    late = pl.col("t_start") - pl.col("t_planned")
    starts = (
        kept.table(frames, "tasks")
        .group_by("scenario")
        .agg(
            pl.len().cast(pl.Int64).alias("tasks"),
            (late.quantile(0.5, latency.INTERPOLATION) / 1e6).alias("start_p50_ms"),
            (late.quantile(0.99, latency.INTERPOLATION) / 1e6).alias("start_p99_ms"),
        )
    )
    ends = kept.table(frames, "ends").group_by("scenario").agg(pl.col("count").sum().alias("ended"))
    parts = [part.with_columns(pl.col("scenario").cast(pl.String)) for part in (curves, dropped, starts, ends)]
    found = parts[0]
    for part in parts[1:]:
        found = found.join(part, on="scenario", how="full", coalesce=True)
    return tuple(_adherence(**row) for row in found.sort("scenario").collect().to_dicts())


def _adherence(
    *,
    scenario: str,
    planned: float | None,
    off: float | None,
    dropped: int | None,
    tasks: int | None,
    ended: int | None,
    start_p50_ms: float | None,
    start_p99_ms: float | None,
) -> Adherence:
    count, lost = int(tasks or ended or 0), int(dropped or 0)
    return Adherence(
        scenario=scenario,
        deviation=(off or 0.0) / planned if planned else None,
        planned_user_s=planned or 0.0,
        tasks=count,
        start_p50_ms=start_p50_ms,
        start_p99_ms=start_p99_ms,
        dropped=lost,
        dropped_share=lost / (count + lost) if count + lost else None,
    )
