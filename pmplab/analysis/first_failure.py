"""The first thing that went wrong, and what preceded it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from pmplab.analysis import kept
from pmplab.analysis.seconds import seconds
from pmplab.analysis.windows import by_second
from pmplab.workbook.ends import ended

if TYPE_CHECKING:
    from pmplab.analysis.summary import Tables

_S = 1_000_000_000
_TRAIL = 5
_WINDOW = ("seq", "node", "error_type", "class", "message")
_ATTEMPT = (*_WINDOW, "user", "task", "resource", "status")


@dataclass(frozen=True, eq=False)
class FirstFailure:
    """The first attempt that did not succeed, by the instant of its end, `t_s` (in runs of aggregates: its second).

    `before`: the seconds up to it with the columns of `seconds`, and `online`, `in_flight`, `waiting_resource` as of their end.
    `trail`: the last attempts of the same user before it, `node`, `event`, `t_end`, `response_ms`; empty when not kept.
    """

    t_s: float
    node: str
    type: str
    class_: str | None
    user: int | None
    task: int | None
    resource: str | None
    status: int | None
    message: str | None
    before: pl.DataFrame
    trail: pl.DataFrame


def first_failure(frames: Tables, before_s: int = 10) -> FirstFailure | None:
    """Return the first failure of a run with the `before_s` seconds before it; None: nothing failed.

    What the run itself gave up did not fail.
    """
    aggregates = kept.windowed(frames)
    rows = kept.table(frames, "windows" if aggregates else "actions")
    wrong = pl.col("class").is_not_null() if aggregates else ended("fail") | ended("timeout")
    when = "t" if aggregates else "t_end"
    failed = rows.filter(wrong & pl.col(when).is_not_null())
    at = failed.select(pl.col(when).min()).collect().item()
    if at is None:
        return None
    first = failed.filter(pl.col(when) == at).select(*(_WINDOW if aggregates else _ATTEMPT)).sort("seq").head(1).collect()
    row = first.to_dicts()[0]
    start = max(at // _S - before_s, 0)
    until = pl.col(when).is_between(start * _S, at, closed="left" if aggregates else "both")
    known = rows.filter(until)
    found = by_second(known.collect()) if aggregates else seconds(known).collect()
    trail = pl.DataFrame(schema={"node": pl.String, "event": pl.String, "t_end": pl.Int64, "response_ms": pl.Float64})
    if not aggregates:
        own = rows.filter((pl.col("user") == row["user"]) & (pl.col("t_end") <= at) & (pl.col("seq") != row["seq"]))
        trail = (
            own.sort("t_end")
            .tail(_TRAIL)
            .select(
                pl.col("node", "event").cast(pl.String),
                "t_end",
                response_ms=(pl.col("t_end") - pl.col("t_intended")) / 1e6,
            )
            .collect()
        )
    return FirstFailure(
        t_s=at / _S,
        node=str(row["node"]),
        type=row["error_type"] or "other",
        class_=row["class"],
        user=row.get("user"),
        task=row.get("task"),
        resource=row.get("resource"),
        status=row.get("status"),
        message=row["message"],
        before=found.join(_load(frames, start, at), on="second", how="left", maintain_order="left"),
        trail=trail,
    )


def _load(frames: Tables, start: int, at: int) -> pl.DataFrame:
    """Return the load at the last tick of each second, over all scenarios and shards."""
    figures = ("online", "in_flight", "waiting_resource")
    return (
        kept.table(frames, "load")
        .filter(pl.col("t").is_between(start * _S, at))
        .group_by("shard", "scenario", second=pl.col("t") // _S)
        .agg(pl.col(*figures).sort_by("t").last())
        .group_by("second")
        .agg(pl.col(*figures).sum())
        .collect()
    )
