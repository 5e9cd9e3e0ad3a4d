"""Milestones of a run: when they were planned, and when they came."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from pmplab.analysis import kept
from pmplab.analysis.spawn import last_spawn, planned_last_spawn
from pmplab.analysis.steady import steady

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pmplab.analysis.summary import Tables

_S = 1e9


@dataclass(frozen=True, slots=True)
class Milestone:
    """A point in the time of a run, s since its start; None: not planned, or it did not come. `variance_s`: actual - planned."""

    name: str
    planned_s: float | None
    actual_s: float | None

    @property
    def variance_s(self) -> float | None:
        """How much later than planned it came, s."""
        return None if self.planned_s is None or self.actual_s is None else self.actual_s - self.planned_s


def milestones(
    frames: Tables, plan: Mapping[str, Any] | None = None, facts: Mapping[str, Any] | None = None
) -> tuple[Milestone, ...]:
    """Return the milestones of a run, in the order in which they usually come. `facts` is its manifest."""
    told = facts or {}
    progress = told.get("progress")
    windowed = kept.windowed(frames)
    table = kept.table(frames, "windows" if windowed else "actions")
    end, wrong = ("t", pl.col("error_type").is_not_null()) if windowed else ("t_end", pl.col("event") != "success")
    first, error, last = table.select(
        pl.col(end).filter(~wrong).min().alias("first"),
        pl.col(end).filter(wrong & (pl.col("class") == "target")).min().alias("error"),
        pl.col(end).max().alias("last"),
    ).collect().row(0)  # fmt: skip
    window = steady(frames)
    broken = [one.get("broken_at_s") for one in told.get("thresholds") or () if not one.get("ok")]
    return (
        Milestone("first response", None, _s(first)),
        Milestone("last user spawned", _s(planned_last_spawn(plan, progress)), _s(last_spawn(progress))),
        Milestone("steady state", None, window.start_s if window.steady else None),
        Milestone("first error", None, _s(error)),
        Milestone("first threshold broken", None, min((float(b) for b in broken if b is not None), default=None)),
        Milestone("peak throughput", None, _peak(table, end)),
        Milestone("last action ended", _ends(plan), _s(last)),
    )


def _s(ns: int | None) -> float | None:
    return None if ns is None else ns / _S


def _peak(table: pl.LazyFrame, end: str) -> float | None:
    """Return the second in which most attempts ended."""
    count = pl.col("count").sum() if end == "t" else pl.len()
    rows = table.group_by((pl.col(end) // 1_000_000_000).alias("second")).agg(count.alias("n")).collect()
    return float(rows.sort("n", "second", descending=[True, False])["second"][0]) if rows.height else None


def _ends(plan: Mapping[str, Any] | None) -> float | None:
    """Return when the plan ends by time, where it does so for all scenarios."""
    ends = [scenario.get("max_duration") for scenario in (plan or {}).get("scenarios") or ()]
    return max(float(end) for end in ends if end is not None) / _S if ends and None not in ends else None
