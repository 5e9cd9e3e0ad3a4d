"""What share of the users was well served: Apdex, throughput and goodput."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from pmplab.analysis import kept, latency, windows

if TYPE_CHECKING:
    from pmplab.analysis.summary import Tables

RATINGS = ((0.94, "excellent"), (0.85, "good"), (0.70, "fair"), (0.50, "poor"), (0.0, "unacceptable"))
_FEW = 100
_NS_PER_MS = 1e6


@dataclass(frozen=True)
class Apdex:
    """The Apdex of a node or scenario for a target time: (satisfied + tolerating / 2) / n (Apdex Alliance, 2007).

    Satisfied were successes within the target, tolerating those within four times it; whatever failed frustrated. `few`: fewer
    than the 100 samples that the Apdex wants.
    """

    key: str
    target_ms: float
    n: int
    satisfied: int
    tolerating: int
    frustrated: int
    score: float
    rating: str
    few: bool


@dataclass(frozen=True)
class Throughput:
    """Attempts a second over `seconds`: all that ended, those that succeeded, and those that did so within the target."""

    per_s: float | None
    successes_per_s: float | None
    goodput_per_s: float | None
    target_ms: float
    seconds: float


def apdex(frames: Tables, target_ms: float, by: str = "node") -> tuple[Apdex, ...]:
    """Return the Apdex by node or scenario over the attempts that say something about the target, by response time."""
    within = _within(frames, by, target_ms)
    return tuple(_apdex(target_ms, **row) for row in within.filter(pl.col("n") > 0).sort("key").to_dicts())


def throughput(frames: Tables, target_ms: float, window: tuple[int, int] | None = None) -> Throughput:
    """Return throughput and goodput over a window, ns, such as `steady(...).window`; without one, up to the last end."""
    if window is None:
        ends = pl.collect_all([kept.table(frames, name).select(pl.col("t_end").max()) for name in ("actions", "tasks")])
        marks = kept.table(frames, "windows").select(pl.col("t").max() + 999_999_999).collect()
        window = (0, max(found.item() or -1 for found in (*ends, marks)) + 1)
    seconds = (window[1] - window[0]) / 1e9
    if seconds <= 0:
        return Throughput(None, None, None, target_ms, 0.0)
    found = _within(kept.cut(frames, *window), "scenario", target_ms).select(pl.exclude("key").sum()).to_dicts()[0]
    return Throughput(found["all"] / seconds, found["success"] / seconds, found["satisfied"] / seconds, target_ms, seconds)


def _within(frames: Tables, by: str, target_ms: float) -> pl.DataFrame:
    """Return by `key`: `all` attempts, `n` that count, `success`, `satisfied` and `tolerating`."""
    limit = target_ms * _NS_PER_MS
    if kept.windowed(frames):
        return _from_windows(kept.table(frames, "windows").collect(), by, limit)
    good = pl.col("event") == "success"
    response = latency.response()
    return (
        kept.table(frames, "actions")
        .group_by(by)
        .agg(
            pl.len().cast(pl.Int64).alias("all"),
            latency.measured().sum().cast(pl.Int64).alias("n"),
            good.sum().cast(pl.Int64).alias("success"),
            (good & (response <= limit)).sum().cast(pl.Int64).alias("satisfied"),
            (good & (response > limit) & (response <= 4 * limit)).sum().cast(pl.Int64).alias("tolerating"),
        )
        .select(pl.col(by).cast(pl.String).alias("key"), pl.exclude(by))
        .collect()
    )


def _from_windows(rows: pl.DataFrame, by: str, limit: float) -> pl.DataFrame:
    rows = rows.with_columns(pl.col(by).cast(pl.String).alias("key"))
    sums = rows.group_by("key").agg(
        pl.col("count").sum().alias("all"), pl.col("count").filter(windows.measured()).sum().alias("n"), pl.col("success").sum()
    )
    found = windows.histograms(rows.filter(pl.col("error_type").is_null()), "key", "response")
    counts = [(key, one.at_most(limit), one.at_most(4 * limit)) for key, one in found.items()]
    columns = {"key": pl.String, "satisfied": pl.Int64, "within": pl.Int64}
    joined = sums.join(pl.DataFrame(counts, schema=columns, orient="row"), on="key", how="left").fill_null(0)
    return joined.with_columns(tolerating=pl.col("within") - pl.col("satisfied")).drop("within")


def _apdex(target_ms: float, *, key: str, n: int, satisfied: int, tolerating: int, **_counts: int) -> Apdex:
    score = (satisfied + tolerating / 2) / n
    rating = next(name for least, name in RATINGS if round(score, 2) >= least)
    return Apdex(key, target_ms, n, satisfied, tolerating, n - satisfied - tolerating, score, rating, n < _FEW)
