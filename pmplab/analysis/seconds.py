"""The run second by second."""

from __future__ import annotations

import polars as pl

from pmplab.analysis import latency


def seconds(actions: pl.LazyFrame) -> pl.LazyFrame:
    """Aggregate `actions` by the second in which attempts ended.

    Columns: `second` (from the start of the run), `count`, `success`, `fail`, `timeout`, `cancelled`, `bytes_sent`,
    `bytes_received`, and of the response time `p50_ms`, `p90_ms`, `p95_ms`, `p99_ms`, `max_ms`. Seconds in which nothing ended
    are left out. Sorted.
    """
    return (
        latency.timed(actions, "response")
        .group_by((pl.col("t_end") // 1_000_000_000).alias("second"))
        .agg(
            *latency.counts(),
            pl.col("bytes_sent", "bytes_received").sum(),
            *latency.figures("response"),
        )
        .sort("second")
    )
