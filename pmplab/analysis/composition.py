"""What a workflow's time and failures are made of: its steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from pmplab.analysis import kept, latency

if TYPE_CHECKING:
    from pmplab.analysis.summary import Tables

_SLOW = 0.95


@dataclass(frozen=True)
class Step:
    """A node's part in its workflow, all attempts together.

    `reached`: share of the tasks that came to it. `visits`: per task that came. `p_fail`: of a visit, after its retries.
    `mean_ms`: response time per task, over all tasks; `share` of the mean task; `slow_share`: of the mean task among the slowest
    5 %.
    """

    node: str
    reached: float
    visits: float
    p_fail: float
    mean_ms: float
    share: float | None
    slow_share: float | None


@dataclass(frozen=True)
class Composition:
    """A scenario's tasks as made of their steps, which stand in the order in which they first became due.

    `p_fail`: share of the tasks that did not end through `done`; `p_fail_composed`: what the steps give if they fail
    independently, and every failed step fails its task: 1 - prod(1 - p). `waits_ms`: mean of what is no step: waits of the
    script, its rate limits, and the harness. `critical`: the step with the largest part in the slowest 5 %.
    """

    scenario: str
    tasks: int
    mean_ms: float
    p95_ms: float
    p_fail: float
    p_fail_composed: float
    waits_ms: float
    steps: tuple[Step, ...]
    critical: str | None


@dataclass(frozen=True)
class Compositions:
    """What `composition` found. `note` says why there is nothing."""

    scenarios: tuple[Composition, ...]
    note: str | None = None


def composition(frames: Tables) -> Compositions:
    """Return for each scenario how its steps make up the time and the failures of a task.

    Steps that run side by side count one by one, so that they may add up to more than the task.
    """
    if kept.windowed(frames):
        return Compositions((), kept.NOT_KEPT)
    tasks = kept.table(frames, "tasks")
    took = pl.col("t_end") - pl.col("t_start")
    slow = took >= took.quantile(_SLOW, latency.INTERPOLATION).over("scenario")
    known = tasks.select("scenario", "task", "exit", took=took, slow=slow).collect()
    if known.is_empty():
        return Compositions((), kept.NOTHING)
    totals = known.group_by("scenario").agg(
        pl.len().alias("tasks"),
        pl.col("took").mean().alias("mean"),
        pl.col("took").quantile(_SLOW, latency.INTERPOLATION).alias("p95"),
        (pl.col("exit") != "done").mean().alias("p_fail"),
        pl.col("slow").sum().alias("slow_tasks"),
        pl.col("took").filter("slow").mean().alias("slow_mean"),
    )
    first = pl.col("attempt") == 1
    spent = latency.response().sum().cast(pl.Float64)
    # Read once for both: reading is most of the work.
    columns = ("scenario", "node", "task", "visit", "attempt", "event", "t_intended", "t_end")
    actions = kept.table(frames, "actions").select(columns).collect().lazy()
    whole = actions.group_by("scenario", "node").agg(
        spent.alias("spent"),
        (first & (pl.col("visit") == 1)).sum().alias("reaching"),
        first.sum().alias("visits"),
        (pl.col("event") == "success").sum().alias("success"),
        pl.col("t_intended").min().alias("due"),
    )
    slowest = known.filter("slow")["task"].implode()
    parts = actions.filter(pl.col("task").is_in(slowest)).group_by("scenario", "node").agg(spent.alias("slow_spent"))
    steps = whole.join(parts, on=["scenario", "node"], how="left").sort("due", "node").collect()
    found = []
    for row in totals.with_columns(pl.col("scenario").cast(pl.String)).sort("scenario").to_dicts():
        own = steps.filter(pl.col("scenario") == row["scenario"]).to_dicts()
        found.append(_composition(row, [_step(one, row) for one in own]))
    return Compositions(tuple(found))


def _step(row: dict[str, float], totals: dict[str, float]) -> Step:
    def part(spent: float | None, tasks: float, mean: float | None) -> float | None:
        return (spent or 0.0) / tasks / mean if mean and tasks else None

    return Step(
        node=str(row["node"]),
        reached=row["reaching"] / totals["tasks"],
        visits=row["visits"] / max(row["reaching"], 1),
        p_fail=1 - min(row["success"] / max(row["visits"], 1), 1.0),
        mean_ms=(row["spent"] or 0.0) / totals["tasks"] / 1e6,
        share=part(row["spent"], totals["tasks"], totals["mean"]),
        slow_share=part(row["slow_spent"], totals["slow_tasks"], totals["slow_mean"]),
    )


def _composition(row: dict[str, float], steps: list[Step]) -> Composition:
    passes = 1.0
    for step in steps:
        passes *= (1 - step.p_fail) ** max(step.visits, 1.0)
    mean = (row["mean"] or 0.0) / 1e6
    known = [step for step in steps if step.slow_share]
    return Composition(
        scenario=str(row["scenario"]),
        tasks=int(row["tasks"]),
        mean_ms=mean,
        p95_ms=(row["p95"] or 0.0) / 1e6,
        p_fail=row["p_fail"],
        p_fail_composed=1 - passes,
        waits_ms=max(mean - sum(step.mean_ms for step in steps), 0.0),
        steps=tuple(steps),
        critical=max(known, key=lambda step: step.slow_share or 0.0).node if known else None,
    )
