"""How much more the target had to do because of retries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from pmplab.analysis import kept
from pmplab.workbook.ends import ended

if TYPE_CHECKING:
    from pmplab.analysis.summary import Tables

_LEAST_IN_SECOND = 20
_STORM = 2.0


@dataclass(frozen=True)
class Retries:
    """Attempts of a node per action that was wanted.

    `amplification`: attempts over wanted. `expected`: what the observed failure rate gives with as many retries as were seen, if
    failures are independent: (1 - p^(r+1)) / (1 - p); far less than observed means that retries fail because others do.
    `worst`: in the worst second of at least 20 attempts. `storm`: in that second the most attempts were retries.
    """

    node: str
    wanted: int
    attempts: int
    most: int
    failure_rate: float
    amplification: float
    expected: float
    worst: float | None
    storm: bool


@dataclass(frozen=True)
class RetryAmplification:
    """What `retries` found, by node in alphabetical order. `note` says why there is nothing."""

    nodes: tuple[Retries, ...]
    note: str | None = None


def retries(frames: Tables) -> RetryAmplification:
    """Return the retry amplification of every node of which something was retried."""
    if kept.windowed(frames):
        return RetryAmplification((), kept.NOT_KEPT)
    actions = kept.table(frames, "actions")
    wanted = (pl.col("attempt") == 1).sum().cast(pl.Int64).alias("wanted")
    attempts = pl.len().cast(pl.Int64).alias("attempts")
    failed = (ended("fail") | ended("timeout")).sum().cast(pl.Int64).alias("failed")
    found = actions.group_by("node").agg(attempts, wanted, failed, pl.col("attempt").max().alias("most")).collect()
    retried = found.filter(pl.col("most") > 1)
    if retried.is_empty():
        return RetryAmplification((), kept.NOTHING if found.is_empty() else "nothing was retried")
    worst = (
        actions.filter(pl.col("node").is_in(retried["node"].implode()))
        .group_by("node", second=pl.col("t_end") // 1_000_000_000)
        .agg(attempts, wanted)
        .filter(pl.col("attempts") >= _LEAST_IN_SECOND)
        .group_by("node")
        .agg((pl.col("attempts") / pl.col("wanted").clip(1)).max().alias("worst"))
    )
    rows = retried.join(worst.collect(), on="node", how="left").with_columns(pl.col("node").cast(pl.String)).sort("node")
    return RetryAmplification(tuple(_retries(**row) for row in rows.to_dicts()))


def expected_amplification(p: float, retries: int) -> float:
    """Return the attempts per action if each fails with probability `p` and is tried again at most `retries` times.

    >>> expected_amplification(0.5, 2)
    1.75
    """
    return float(retries + 1) if p >= 1 else (1 - p ** (retries + 1)) / (1 - p)


def _retries(*, node: str, wanted: int, attempts: int, most: int, failed: int, worst: float | None) -> Retries:
    p = failed / attempts
    return Retries(
        node=node,
        wanted=wanted,
        attempts=attempts,
        most=most,
        failure_rate=p,
        amplification=attempts / max(wanted, 1),
        expected=expected_amplification(p, most - 1),
        worst=worst,
        storm=worst is not None and worst >= _STORM,
    )
