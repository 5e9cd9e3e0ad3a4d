"""Whether errors come one by one or in bursts: a random fault or an outage."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import polars as pl

from pmplab.analysis import kept, latency
from pmplab.analysis.errors import per_second

if TYPE_CHECKING:
    from pmplab.analysis.summary import Tables

ALPHA = 0.01
_FEW = 5


@dataclass(frozen=True)
class Burst:
    """Seconds in a row with more errors than chance gives: from `start_s` to before `end_s`."""

    start_s: int
    end_s: int
    errors: int
    attempts: int


@dataclass(frozen=True)
class Bursts:
    """How errors of the target are spread over time.

    `pattern`: `none` without errors, `few` when there are too few to tell, `random`, or `bursts`. `fano`: variance over mean of
    the errors a second, about 1 when they are random. `p`: chance of so uneven a spread if every attempt failed with the same
    probability. `runs_z`: how many standard deviations fewer (negative) or more runs of like outcomes there are than in random
    order; None when it was not kept. `bursts` in the order of time.
    """

    pattern: Literal["none", "few", "random", "bursts"]
    errors: int
    fano: float | None
    p: float | None
    runs_z: float | None
    bursts: tuple[Burst, ...]


def bursts(frames: Tables) -> Bursts:
    """Judge how errors are spread: dispersion over the seconds (chi-squared), and the runs test of Wald and Wolfowitz (1940)."""
    from scipy.stats import chi2

    seconds = per_second(frames)
    bad, measured = int(seconds["bad"].sum()), int(seconds["measured"].sum())
    if bad == 0:
        return Bursts("none", 0, None, None, None, ())
    fano = _float(seconds["bad"].var()) / _float(seconds["bad"].mean()) if seconds.height > 1 else None
    rate = bad / measured
    expected = seconds.filter(pl.col("measured") > 0).with_columns(expected=pl.col("measured") * rate)
    p = None
    if bad < measured and expected.height > 1:
        uneven = expected.select(((pl.col("bad") - pl.col("expected")) ** 2 / (pl.col("expected") * (1 - rate))).sum()).item()
        p = float(chi2.sf(uneven, expected.height - 1))
    z = None if kept.windowed(frames) else _runs(kept.table(frames, "actions"))
    if bad < _FEW:
        return Bursts("few", bad, fano, p, z, ())
    uneven = (p is not None and p < ALPHA) or (z is not None and z < -3)
    return Bursts("bursts" if uneven else "random", bad, fano, p, z, _found(expected) if uneven else ())


def _found(seconds: pl.DataFrame) -> tuple[Burst, ...]:
    loud = seconds.filter((pl.col("bad") >= _FEW) & (pl.col("bad") > pl.col("expected") + 3 * pl.col("expected").sqrt()))
    grouped = (
        loud.with_columns(group=(pl.col("second").diff().fill_null(1) != 1).cum_sum())
        .group_by("group")
        .agg(pl.col("second").min().alias("start"), pl.col("second").max().alias("last"), pl.col("bad", "measured").sum())
        .sort("start")
    )
    return tuple(Burst(start, last + 1, bad, measured) for _, start, last, bad, measured in grouped.rows())


def _runs(actions: pl.LazyFrame) -> float | None:
    """Return the z of the number of runs of like outcomes among the measured attempts, shard by shard as they ended."""
    failed = pl.col("failed")
    order = actions.filter(latency.measured()).select(failed=pl.col("event") != "success")
    row = order.select(
        runs=(failed != failed.shift()).sum() + 1, bad=failed.cast(pl.Int64).sum(), n=pl.len().cast(pl.Int64)
    ).collect()
    runs, bad, n = row.row(0)
    good = n - bad
    if bad == 0 or good == 0:
        return None
    mean = 2 * bad * good / n + 1
    variance = (mean - 1) * (mean - 2) / (n - 1)
    return (runs - mean) / math.sqrt(variance) if variance > 0 else None


def _float(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
