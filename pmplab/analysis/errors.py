"""What went wrong, how often, and whose fault it was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from pmplab.analysis import kept, latency, windows
from pmplab.analysis.proportion import Share, share

if TYPE_CHECKING:
    from pmplab.analysis.summary import Tables


@dataclass(frozen=True)
class ErrorKind:
    """A type of error on a node.

    `family`: the first word of the type (`timeout`, `transport`, ...). `class_`: `target`, `harness`, or None for what was
    cancelled. `share` of all that went wrong, `cumulative` with those before it. `rate`: of the attempts of the node. `message`:
    the first that was said.
    """

    node: str
    type: str
    family: str
    class_: str | None
    count: int
    share: float
    cumulative: float
    rate: Share
    message: str | None


@dataclass(frozen=True)
class NodeErrors:
    """The errors of a node, or of the whole run. `rate`: target errors of the attempts that say something about the target."""

    key: str
    attempts: int
    rate: Share
    harness: int
    cancelled: int


@dataclass(frozen=True)
class Errors:
    """What went wrong in a run: in all, by node, and by kind, the most frequent first (Pareto)."""

    total: NodeErrors
    nodes: tuple[NodeErrors, ...]
    pareto: tuple[ErrorKind, ...]


def kinds(actions: pl.LazyFrame) -> pl.LazyFrame:
    """Return what went wrong, by `node`, `type` and `class`: `count` and first `message`. The most frequent first."""
    return (
        actions.filter(pl.col("event") != "success")
        .group_by(
            pl.col("node").cast(pl.String),
            pl.col("error_type").cast(pl.String).fill_null("other").alias("type"),
            pl.col("class").cast(pl.String),
        )
        .agg(pl.len().alias("count"), pl.col("message").sort_by("seq").drop_nulls().first())
        .sort("count", "node", "type", descending=[True, False, False])
    )


def errors(frames: Tables) -> Errors:
    """Return the errors of a run. Failures of the harness and what was cancelled stand apart: they are none of the target's."""
    if kept.windowed(frames):
        rows = kept.table(frames, "windows").collect()
        counted = rows.group_by("node").agg(
            pl.col("count", "success").sum(),
            pl.col("count").filter(windows.measured()).sum().alias("measured"),
            pl.col("count").filter(pl.col("class") == "harness").sum().alias("harness"),
        )
        found = windows.errors(rows)
    else:
        actions = kept.table(frames, "actions")
        by_node = actions.group_by("node").agg(
            *latency.counts(),
            latency.measured().sum().alias("measured"),
            (pl.col("class") == "harness").sum().alias("harness"),
        )
        counted, found = pl.collect_all([by_node, kinds(actions)])
    counts = ("count", "success", "measured", "harness")
    table = {str(node): tuple(map(int, row)) for node, *row in counted.select("node", *counts).rows()}
    nodes = tuple(_node(key, *table[key]) for key in sorted(table))
    sums = [sum(row[place] for row in table.values()) for place in range(len(counts))]
    wrong = int(found["count"].sum())
    so_far = 0
    pareto = []
    for row in found.to_dicts():
        so_far += row["count"]
        pareto.append(
            ErrorKind(
                node=row["node"],
                type=row["type"],
                family=row["type"].split(".")[0],
                class_=row["class"],
                count=row["count"],
                share=row["count"] / wrong,
                cumulative=so_far / wrong,
                rate=share(row["count"], table[row["node"]][0]),
                message=row["message"],
            )
        )
    return Errors(_node("all", *sums), nodes, tuple(pareto))


def per_second(frames: Tables) -> pl.DataFrame:
    """Return the attempts that say something about the target, by the second of their end: `second`, `measured`, `bad`.

    Every second from the start of the run to the last end has a row.
    """
    if kept.windowed(frames):
        rows = kept.table(frames, "windows").filter(windows.measured())
        found = rows.group_by((pl.col("t") // 1_000_000_000).alias("second")).agg(
            pl.col("count").sum().alias("measured"), (pl.col("count") - pl.col("success")).sum().alias("bad")
        )
    else:
        rows = kept.table(frames, "actions").filter(latency.measured())
        found = rows.group_by((pl.col("t_end") // 1_000_000_000).alias("second")).agg(
            pl.len().alias("measured"), (pl.col("event") != "success").sum().alias("bad")
        )
    seen = found.drop_nulls("second").cast(pl.Int64).collect()
    last = seen["second"].max()
    every = pl.int_range(0, last + 1 if isinstance(last, int) else 0, eager=True).alias("second")
    return every.to_frame().join(seen, on="second", how="left").fill_null(0).sort("second")


def _node(key: str, count: int, success: int, measured: int, harness: int) -> NodeErrors:
    return NodeErrors(key, count, share(measured - success, measured), harness, count - measured - harness)
