"""Figures of a run of which only aggregates of a second were kept: the table `windows`."""

from __future__ import annotations

from typing import Any

import polars as pl

from pmplab.analysis import latency
from pmplab.workbook.ends import ENDS, of_windows
from pmplab.workbook.histogram import Histogram

_COUNTS = ("count", *ENDS)
_TIMES = {"": "response", "service_": "service"}


def measured() -> pl.Expr:
    """Return whether a row's attempts say something about the target's latency. See `latency.measured`."""
    return pl.col("error_type").is_null() | (pl.col("class") == "target").fill_null(value=False)


def by_action(windows: pl.DataFrame) -> pl.DataFrame:
    """Return counts and figures by node, ms, in the order in which the actions first ended."""
    found = _figures(windows.with_columns(pl.col("node").cast(pl.String)), "node").sort("first", "node")
    return found.drop("bytes_sent", "bytes_received")


def by_second(windows: pl.DataFrame) -> pl.DataFrame:
    """Return the run second by second, with the columns that `seconds` has."""
    found = _figures(windows.with_columns((pl.col("t") // 1_000_000_000).alias("second")), "second").sort("second")
    figures = [f"{name}_ms" for name in latency.QUANTILES]
    return found.select("second", *_COUNTS, "bytes_sent", "bytes_received", *figures, "max_ms")


def errors(windows: pl.DataFrame) -> pl.DataFrame:
    """Return what went wrong: by node, type and class, the count and the first message. The most frequent first."""
    return (
        windows.filter(pl.col("error_type").is_not_null())
        .sort("t")
        .group_by(
            pl.col("node").cast(pl.String),
            pl.col("error_type").cast(pl.String).alias("type"),
            pl.col("class").cast(pl.String),
        )
        .agg(pl.col("count").sum(), pl.col("message").drop_nulls().first())
        .sort("count", "node", "type", descending=[True, False, False])
    )


def moved(windows: pl.DataFrame) -> pl.DataFrame:
    """Return one row with the bytes sent and received."""
    return windows.select(pl.col("bytes_sent", "bytes_received").sum())


def histograms(windows: pl.DataFrame, key: str, kind: str) -> dict[Any, Histogram]:
    """Return the durations of `kind`, `response` or `service`, by the values of the column `key`."""
    found: dict[Any, Histogram] = {}
    for value, pairs, most in windows.select(key, f"{kind}_histogram", f"{kind}_max").iter_rows():
        found.setdefault(value, Histogram()).take(pairs, most)
    return found


def _figures(windows: pl.DataFrame, key: str) -> pl.DataFrame:
    sums = (
        windows.with_columns(of_windows())
        .group_by(key)
        .agg(
            pl.col(*_COUNTS, "bytes_sent", "bytes_received").sum(),
            pl.col("count").filter(measured()).sum().alias("measured"),
            pl.col("t").min().alias("first"),
        )
    )
    known = windows.filter(measured())
    for prefix, kind in _TIMES.items():
        rows = []
        for value, histogram in histograms(known, key, kind).items():
            found = histogram.quantiles(list(latency.QUANTILES.values()))
            named = {
                f"{prefix}{name}_ms": None if v is None else v / 1e6 for name, v in zip(latency.QUANTILES, found, strict=True)
            }
            rows.append({key: value, **named, f"{prefix}max_ms": histogram.max / 1e6 if histogram.total else None})
        names = [f"{prefix}{name}_ms" for name in (*latency.QUANTILES, "max")]
        columns = {key: sums.schema[key], **dict.fromkeys(names, pl.Float64())}
        sums = sums.join(pl.DataFrame(rows, schema=columns), on=key, how="left")
    return sums
