"""What is compared between runs: per scenario and per node of the WBS, a handful of figures."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

import polars as pl

from pmplab.analysis import latency, windows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pmplab.analysis.summary import Tables

_NS = 1e9


@dataclass(frozen=True, slots=True)
class Figures:
    """Of a scenario, or of a node of the WBS, in one run.

    `count` attempts, of which `errors` failed or timed out because of the target; response times in ms, none where nothing was
    measured; `rate_per_s` successes per second, from the first that was due to the last that ended.
    """

    count: int
    errors: int
    p50_ms: float | None
    p99_ms: float | None
    rate_per_s: float | None

    @property
    def error_rate(self) -> float | None:
        """The share of attempts that failed or timed out because of the target."""
        return self.errors / self.count if self.count else None

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        return asdict(self)

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Self:
        """Read what `to_json` gave."""
        return cls(**{name: raw[name] for name in ("count", "errors", "p50_ms", "p99_ms", "rate_per_s")})


def figures(frames: Tables, *, records: str = "full", duration_s: float | None = None) -> dict[str, Figures]:
    """Return the figures of every scenario, by name, and of every node, by path (`scenario/workflow/node`).

    `records` is what the run kept: `full`, or `windows`, whose percentiles are within 1/256 and whose last second ends with the
    run, after `duration_s`.
    """
    if records == "windows":
        kept = frames.windows.collect().with_columns(pl.col("node").cast(pl.String))
        whole = kept.with_columns(_scenario().alias("node"))
        return {**_windowed(whole, duration_s), **_windowed(kept, duration_s)}
    by_node = _of(frames.actions, "node")
    by_scenario = _of(frames.actions, "scenario")
    nodes, scenarios = pl.collect_all([by_node, by_scenario])
    return {row.pop("where"): Figures(**row) for row in (*scenarios.to_dicts(), *nodes.to_dicts())}


def _scenario() -> pl.Expr:
    return pl.col("node").str.split("/").list.first()


def _of(actions: pl.LazyFrame, key: str) -> pl.LazyFrame:
    time = pl.col("response")
    # A rate over less than a second says nothing: one action of 20 ms is not 50 a second.
    span = ((pl.col("t_end").max() - pl.col("t_intended").min()) / _NS).clip(1.0)
    good = (pl.col("event") == "success").sum()
    return (
        latency.timed(actions, "response")
        .group_by(key)
        .agg(
            pl.len().cast(pl.Int64).alias("count"),
            ((pl.col("event") != "success") & (pl.col("class") == "target")).sum().cast(pl.Int64).alias("errors"),
            (time.quantile(0.50, interpolation=latency.INTERPOLATION) / 1e6).alias("p50_ms"),
            (time.quantile(0.99, interpolation=latency.INTERPOLATION) / 1e6).alias("p99_ms"),
            pl.when(span > 0).then(good / span).alias("rate_per_s"),
        )
        .select(pl.col(key).cast(pl.String).alias("where"), pl.exclude(key))
        .sort("where")
    )


def _windowed(kept: pl.DataFrame, duration_s: float | None) -> dict[str, Figures]:
    figured = windows.by_action(kept)
    counts = kept.group_by("node").agg(
        pl.col("count").filter(pl.col("error_type").is_not_null() & (pl.col("class") == "target")).sum().alias("errors"),
        pl.col("t").min().alias("first"),
        pl.col("t").max().alias("last"),
    )
    found = {}
    for row in figured.join(counts, on="node", suffix="_window").sort("node").to_dicts():
        end = row["last"] / _NS + 1
        span = max((end if duration_s is None else min(end, duration_s)) - row["first_window"] / _NS, 1.0)
        found[row["node"]] = Figures(row["count"], row["errors"], row["p50_ms"], row["p99_ms"], row["success"] / span)
    return found
