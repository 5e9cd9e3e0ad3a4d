"""What latency means, everywhere, as Polars expressions over the `actions` table. All in ns.

Response time = t_end - t_intended: what a user feels, from the instant the action was due. Waiting for a lease is in it,
think time and the script's own rate limits are not. Service time = t_end - t_start: from the first byte sent. Where no byte
was sent, service begins when connecting did, else when the action had its leases.

Percentiles are exact, by the sample at the nearest rank (`interpolation="nearest"`): always a time that was measured, never
a mean of two.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import polars as pl

from pmplab.workbook.ends import ENDS, ended

INTERPOLATION: Literal["nearest"] = "nearest"
QUANTILES = {"p50": 0.50, "p90": 0.90, "p95": 0.95, "p99": 0.99}
ERROR = 1 / 256
"""Percentiles from the histograms of `windows` are within this share of the exact ones."""


def response() -> pl.Expr:
    """Return the response time, ns."""
    return pl.col("t_end") - pl.col("t_intended")


def service() -> pl.Expr:
    """Return the service time, ns."""
    return pl.col("t_end") - pl.coalesce("t_start", "t_connect", pl.col("t_intended") + pl.col("lease_wait"))


def begun() -> pl.Expr:
    """Return the instant at which the protocol began to work on the attempt, ns: it connects, or sends its first byte.

    Where it did neither, that is when the action had its leases.
    """
    return pl.coalesce(pl.min_horizontal("t_connect", "t_start"), pl.col("t_intended") + pl.col("lease_wait"))


def measured() -> pl.Expr:
    """Return whether the attempt says something about the target's latency.

    Successes do, and failures and timeouts of the target. What was cancelled, and what failed in the harness before or beside the
    target, does not.
    """
    return (pl.col("event") == "success") | (pl.col("class") == "target").fill_null(value=False)


def timed(actions: pl.LazyFrame, *kinds: Literal["response", "service"]) -> pl.LazyFrame:
    """Return the actions with `measured`, and with the times asked for, ns, which are null where they are not measured.

    Aggregations of these columns are several times as fast as ones that filter for themselves.
    """
    times = {"response": response, "service": service}
    known = actions.with_columns(measured=measured())
    return known.with_columns(pl.when("measured").then(times[kind]()).alias(kind) for kind in kinds)


def figures(column: str, prefix: str = "") -> list[pl.Expr]:
    """Return the percentiles of `QUANTILES` and the maximum of a column of `timed`, ms: `p50_ms` ... `max_ms` with `prefix`."""
    time = pl.col(column)
    found = [time.quantile(q, interpolation=INTERPOLATION).alias(name) for name, q in QUANTILES.items()]
    return [(figure / 1e6).name.map(lambda name: f"{prefix}{name}_ms") for figure in [*found, time.max().alias("max")]]


def nearest(values: pl.Series, *quantiles: float) -> list[int | None]:
    """Return quantiles of whole numbers, each the sample at the nearest rank; nulls are no samples, and without any it is None.

    Of a column as a whole this is several times as fast as an aggregation, which sorts it for each of them.
    """
    known = values.drop_nulls()
    if known.is_empty():
        return [None for _ in quantiles]
    ranks = [math.floor(q * (len(known) - 1) + 0.5) for q in quantiles]
    ordered = np.partition(known.to_numpy(), ranks)
    return [int(ordered[rank]) for rank in ranks]


def counts() -> list[pl.Expr]:
    """Return the attempts by how they ended, as aggregations `count`, `success`, `fail`, `timeout`, `cancelled`."""
    return [pl.len().cast(pl.Int64).alias("count"), *(ended(end).sum().cast(pl.Int64).alias(end) for end in ENDS)]
