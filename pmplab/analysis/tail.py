"""Who is in the tail: what the slowest attempts have in common that the others have not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from pmplab.analysis import kept, latency

if TYPE_CHECKING:
    from pmplab.analysis.summary import Tables

DIMENSIONS = ("node", "resource", "user", "status", "slice")
_COLUMNS = {
    "dimension": pl.String,
    "key": pl.String,
    "count": pl.Int64,
    "tail": pl.Int64,
    "lift": pl.Float64,
    "excess": pl.Float64,
    "p": pl.Float64,
}
_SLICES = 60
_TOP = 10
_S = 1_000_000_000


@dataclass(frozen=True, eq=False)
class Tail:
    """The slowest attempts and what they belong to. `note` says why there is nothing.

    `threshold_ms`: response time above which an attempt is in the tail (from which on, if nothing is slower); `n` such there are,
    of `total` measured. `slice_s`: length of a time slice.

    `rows`, at most ten per dimension, those with the most attempts beyond their share first: `dimension`, `key`, `count`, `tail`,
    `lift` (share of the key in the tail over its share in all: 1 is what chance gives), `excess` (attempts in the tail beyond
    that), `p` (chance that any key of the dimension has so many or more when none has to do with it).
    """

    rows: pl.DataFrame
    threshold_ms: float | None
    n: int
    total: int
    slice_s: float
    note: str | None = None


def tail(frames: Tables, share: float = 0.01) -> Tail:
    """Attribute the slowest `share` of the measured attempts to node, resource (pair), user, status and time slice.

    A lift alone says nothing when counts are small: read it with `p`. Keys with no more than their share are left out.
    """
    nothing = pl.DataFrame(schema=_COLUMNS)
    if kept.windowed(frames):
        return Tail(nothing, None, 0, 0, 0.0, kept.NOT_KEPT)
    some = (
        kept.table(frames, "actions")
        .filter(latency.measured())
        .select("node", "resource", "user", "status", "t_intended", response=latency.response())
        .drop_nulls("response")
        .collect()
    )
    total = some.height
    (threshold,) = latency.nearest(some["response"], 1 - share)
    if threshold is None:
        return Tail(nothing, None, 0, 0, 0.0, kept.NOTHING)
    bounds = some.select(first=pl.col("t_intended").min(), last=pl.col("t_intended").max(), most=pl.col("response").max())
    first, last, most = bounds.row(0)
    width = max(1, round((last - first) / _SLICES / _S)) * _S
    # Nothing is slower than what timed out, if that is more than the share.
    slowest = pl.col("response") >= threshold if threshold == most else pl.col("response") > threshold
    slices = (pl.col("t_intended") // width).cast(pl.Int32)
    some = some.select(*DIMENSIONS[:-1], slices.alias("slice"), slowest.alias("tail"))
    few = some.filter("tail").lazy()
    n = int(some["tail"].sum())
    expected = pl.col("count") * (n / total)
    parts = []
    for name in DIMENSIONS:
        known = pl.col(name).is_not_null()
        counts = some.lazy().filter(known).group_by(name).agg(pl.len().cast(pl.Int64).alias("count")).collect()
        tails = few.filter(known).group_by(name).agg(pl.len().cast(pl.Int64).alias("tail")).collect()
        top = (
            tails.join(counts, on=name)
            .filter((pl.col("tail") > expected) & (pl.col("count") < total))
            .with_columns(lift=pl.col("tail") / expected, excess=pl.col("tail") - expected)
            .top_k(_TOP, by="excess")
            .sort("excess", name, descending=[True, False])
        )
        chance = pl.Series("p", _chance(top, counts.height, n, total), pl.Float64)
        start = (
            (pl.col(name).cast(pl.Int64) * width // _S).cast(pl.String) + " s"
            if name == "slice"
            else pl.col(name).cast(pl.String)
        )
        parts.append(top.with_columns(chance).select(pl.lit(name).alias("dimension"), start.alias("key"), *list(_COLUMNS)[2:]))
    return Tail(pl.concat(parts), threshold / 1e6, n, total, width / _S)


def _chance(top: pl.DataFrame, keys: int, n: int, total: int) -> list[float]:
    """Return the chance that any of the keys has so many of the tail: hypergeometric, times the keys (Bonferroni)."""
    from scipy.stats import hypergeom

    if top.is_empty():
        return []
    return [min(keys * float(hypergeom.sf(tail - 1, total, n, count)), 1.0) for tail, count in top.select("tail", "count").rows()]
