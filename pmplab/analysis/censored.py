"""Percentiles that take a timeout for what it is: the answer would have come later, nobody knows when.

Timeouts are right-censored at the time they were waited for. Kaplan and Meier's estimate of the distribution (JASA 53, 1958)
uses them as far as they go: with timeouts of several lengths, what is above a short one is still known from the others.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from pmplab.analysis import kept, latency
from pmplab.analysis.percentiles import QUANTILES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pmplab.analysis.summary import Tables


@dataclass(frozen=True)
class CensoredPercentile:
    """A percentile of the response time, ms; with `at_least` all that is known is that it is not below. None: no samples."""

    name: str
    value_ms: float | None
    at_least: bool

    def __str__(self) -> str:
        """Return it for people: `12.5 ms`, `>= 2000 ms`, `unknown`."""
        if self.value_ms is None:
            return "unknown"
        return f"{'>= ' if self.at_least else ''}{self.value_ms:g} ms"


@dataclass(frozen=True)
class Censored:
    """Percentiles of a node by Kaplan and Meier: of `n` measured attempts `timeouts` are known as bounds only."""

    key: str
    n: int
    timeouts: int
    percentiles: tuple[CensoredPercentile, ...]


@dataclass(frozen=True)
class CensoredLatency:
    """What `censored` found. `note` says why there is nothing."""

    nodes: tuple[Censored, ...]
    note: str | None = None


def censored(frames: Tables, by: str = "node") -> CensoredLatency:
    """Return the percentiles of response time with timeouts as censored, for each value of `by` that has timeouts.

    Where nothing timed out the percentiles are those of `percentiles`: such nodes are left out.
    """
    if kept.windowed(frames):
        return CensoredLatency((), kept.NOT_KEPT)
    actions = kept.table(frames, "actions").filter(latency.measured()).with_columns(timeout=pl.col("event") == "timeout")
    timed_out = actions.filter("timeout").select(pl.col(by).unique()).collect()[by]
    if timed_out.is_empty():
        return CensoredLatency((), "nothing timed out")
    times = (
        actions.filter(pl.col(by).is_in(timed_out.implode()))
        .select(pl.col(by), "timeout", response=latency.response())
        .drop_nulls("response")
        .collect()
    )
    found = []
    for (key,), group in times.partition_by(by, as_dict=True, include_key=False).items():
        known, bounds = (group.filter(pl.col("timeout") == late)["response"].sort().to_numpy() for late in (False, True))
        values = quantiles(known, bounds, list(QUANTILES.values()))
        named = tuple(
            CensoredPercentile(name, value / 1e6, bound) for name, (value, bound) in zip(QUANTILES, values, strict=True)
        )
        found.append(Censored(str(key), group.height, bounds.size, named))
    return CensoredLatency(tuple(sorted(found, key=lambda one: one.key)))


def quantiles(known: NDArray[np.int64], bounds: NDArray[np.int64], wanted: list[float]) -> list[tuple[float, bool]]:
    """Return for each wanted quantile its value and whether it is a lower bound only.

    Parameters
    ----------
    known
        Durations that were measured, any unit, in order.
    bounds
        Durations after which nobody waited any longer: the true ones are longer. In order. Not both arrays may be empty.
    wanted
        Quantiles, each between 0 and 1.

    Notes
    -----
    Between two censored samples every factor (r - 1) / r of the estimate cancels against its neighbour, so that only the places
    of the censored ones are multiplied.
    """
    n = known.size + bounds.size
    # A sample that equals a bound came before it.
    places = np.searchsorted(known, bounds, side="right") + np.arange(bounds.size)
    at_risk = n - places
    with np.errstate(divide="ignore"):
        lifts = np.concatenate([[0.0], np.cumsum(np.log(at_risk / (at_risk - 1)))])
    found = []
    for q in wanted:
        index = _first_at_most(known.size, bounds, known, lifts, n, 1 - q)
        if index is None:
            longest = max(int(bounds[-1]) if bounds.size else 0, int(known[-1]) if known.size else 0)
            found.append((float(longest), True))
        else:
            found.append((float(known[index]), False))
    return found


def _first_at_most(
    size: int, bounds: NDArray[np.int64], known: NDArray[np.int64], lifts: NDArray[np.float64], n: int, share: float
) -> int | None:
    """Return the first measured sample after which at most `share` of all is still to come, by bisection; None: more is."""

    def left(index: int) -> float:
        before = int(np.searchsorted(bounds, known[index], side="left"))
        remaining = n - (index + before) - 1
        return 0.0 if remaining == 0 else math.exp(lifts[before]) * remaining / n

    low, high = 0, size
    while low < high:
        middle = (low + high) // 2
        # Rounding must not decide whether a share that is met exactly is met.
        if left(middle) <= share + 1e-12:
            high = middle
        else:
            low = middle + 1
    return low if low < size else None
