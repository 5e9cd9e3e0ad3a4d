"""Percentiles with their confidence intervals, response and service time side by side.

The interval of a percentile is a pair of order statistics whose ranks are binomial quantiles (Hahn and Meeker, Statistical
Intervals, 5.2): no distribution is assumed. Ranks assume independent samples, and requests of one run are not: what is slow now
is slow a moment later. So the ranks are taken for as many independent samples as vary as much as the batch means of
"is above the percentile" do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from pmplab.analysis import kept, latency, windows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from pmplab.analysis.summary import Tables
    from pmplab.workbook.histogram import Histogram

QUANTILES = {**latency.QUANTILES, "p99.9": 0.999, "p99.99": 0.9999}
CONFIDENCE = 0.95
_MOST_BATCHES = 50
_LEAST_BATCHES = 10
_LEAST_IN_BATCH = 5


@dataclass(frozen=True)
class Percentile:
    """A percentile, ms, and between what bounds the true one lies with the stated confidence.

    `note` says why there are no bounds. `at_least`: so many attempts timed out that the value is the timeout, a lower bound.
    `effective_n`: as many independent samples would know as much.
    """

    name: str
    value_ms: float | None
    low_ms: float | None
    high_ms: float | None
    effective_n: int
    at_least: bool = False
    note: str | None = None


@dataclass(frozen=True)
class Distribution:
    """Percentiles of `n` measured attempts."""

    n: int
    percentiles: tuple[Percentile, ...]
    max_ms: float | None

    def __getitem__(self, name: str) -> Percentile:
        """Return the percentile of that name, such as `p99`; KeyError if there is none."""
        for percentile in self.percentiles:
            if percentile.name == name:
                return percentile
        raise KeyError(name)


@dataclass(frozen=True)
class NodePercentiles:
    """Percentiles of a node or scenario, `key`. `error`: share within which they are exact, when only histograms were kept."""

    key: str
    response: Distribution
    service: Distribution
    timeouts: int
    error: float | None = None


def percentiles(frames: Tables, by: str = "node", confidence: float = CONFIDENCE) -> tuple[NodePercentiles, ...]:
    """Return the percentiles of `QUANTILES` of response and service time over the measured attempts.

    Parameters
    ----------
    frames
        Tables of a run; of one with `--records windows` the histograms are read.
    by
        Column to group by: `node` or `scenario`, or another of words.
    confidence
        Of the intervals.

    Returns
    -------
    tuple
        One entry per value of `by`, in alphabetical order. A value of which nothing was measured is left out.
    """
    if kept.windowed(frames):
        return _from_histograms(kept.table(frames, "windows").collect(), by, confidence)
    times = (
        kept.table(frames, "actions")
        .filter(latency.measured())
        .select(
            pl.col(by).cast(pl.Categorical),
            response=latency.response(),
            service=latency.service(),
            timeout=(pl.col("event") == "timeout"),
        )
        .collect()
    )
    found = []
    for key, group in _groups(times, by):
        timeouts = int(group["timeout"].sum())
        response, service = (_distribution(group[kind].drop_nulls(), timeouts, confidence) for kind in ("response", "service"))
        found.append(NodePercentiles(str(key), response, service, timeouts))
    return tuple(sorted(found, key=lambda one: one.key))


def ranks(n: int, q: float, confidence: float = CONFIDENCE) -> tuple[int, int] | None:
    """Return the ranks, from 1, of the order statistics that bound the quantile `q` of `n` samples; None: n is too small.

    >>> ranks(1000, 0.95)
    (936, 964)
    """
    from scipy.stats import binom

    if n < 1:
        return None
    tail = (1 - confidence) / 2
    low, high = int(binom.ppf(tail, n, q)), int(binom.ppf(1 - tail, n, q)) + 1
    return (low, high) if low >= 1 and high <= n else None


def least_n(q: float, confidence: float = CONFIDENCE) -> int:
    """Return how many samples a two-sided interval of the quantile `q` needs.

    >>> [least_n(q) for q in (0.5, 0.9, 0.99, 0.9999)]
    [6, 36, 368, 36887]
    """
    return math.ceil(math.log((1 - confidence) / 2) / math.log(max(q, 1 - q)))


def inflation(above: NDArray[np.bool_]) -> float | None:
    """Return by how much more the share of True varies than if samples were independent; 1.0 when no more than by chance.

    `above`: one value per sample, in the order of time. The variance of batch means over that of independent samples (Law,
    Simulation Modeling and Analysis, 9.5.3). None: too few of one kind to tell.
    """
    from scipy.stats import chi2

    n = above.size
    high = int(np.count_nonzero(above))
    batches = min(_MOST_BATCHES, high // _LEAST_IN_BATCH, (n - high) // _LEAST_IN_BATCH)
    if batches < _LEAST_BATCHES:
        return None
    size = n // batches
    # One batch after the other: along an axis NumPy would widen every value first, which takes twenty times as long.
    sums = np.array([np.count_nonzero(above[start : start + size]) for start in range(0, batches * size, size)])
    share = float(sums.mean()) / size
    expected = size * share * (1 - share)
    ratio = float(sums.var(ddof=1)) / expected if expected else 1.0
    chance = float(chi2.ppf(0.95, batches - 1)) / (batches - 1)
    return ratio if ratio > chance else 1.0


def _groups(times: pl.DataFrame, by: str) -> Iterator[tuple[Any, pl.DataFrame]]:
    if times[by].n_unique() == 1:  # no copy of the whole
        yield times[by][0], times
        return
    for (key,), group in times.partition_by(by, as_dict=True, include_key=False).items():
        yield key, group


def _distribution(times: pl.Series, timeouts: int, confidence: float) -> Distribution:
    ordered = times.sort()
    unordered = times.to_numpy()

    def at(rank: int) -> float:
        return float(ordered[rank])

    def spread(value: float) -> float | None:
        return inflation(unordered > value)

    return _figures(len(ordered), at, spread, timeouts, confidence)


def _figures(
    n: int, at: Callable[[int], float], spread: Callable[[float], float | None], timeouts: int, confidence: float
) -> Distribution:
    """`at` gives the value, ns, at a rank from 0; `spread` the inflation of the share above a value."""
    if n == 0:
        return Distribution(0, tuple(Percentile(name, None, None, None, 0, note="no samples") for name in QUANTILES), None)
    found = []
    factor: float | None = None
    for name, q in QUANTILES.items():
        value = at(math.floor(q * (n - 1) + 0.5))
        # A tail too thin to be judged is taken to be as clustered as the one below it.
        seen = spread(value)
        factor = factor if seen is None else seen
        effective = max(1, int(n / max(factor or 1.0, 1.0)))
        pair = ranks(effective, q, confidence)
        note = None if pair else _too_small(n, effective, least_n(q, confidence))
        low = pair and at(max(pair[0] * n // effective, 1) - 1) / 1e6
        high = pair and at(min(-(-pair[1] * n // effective), n) - 1) / 1e6
        found.append(Percentile(name, value / 1e6, low, high, effective, timeouts / n > 1 - q, note))
    return Distribution(n, tuple(found), at(n - 1) / 1e6)


def _too_small(n: int, effective: int, needed: int) -> str:
    many = f"n too small: {n}" if effective == n else f"n too small: {n} that count as {effective}, since neighbours are alike"
    return f"{many}, {needed} needed"


def _from_histograms(rows: pl.DataFrame, by: str, confidence: float) -> tuple[NodePercentiles, ...]:
    known = rows.filter(windows.measured()).with_columns(pl.col(by).cast(pl.String))
    timeouts: dict[str, int] = dict(known.group_by(by).agg(pl.col("timeout").sum()).rows())
    kinds = [windows.histograms(known, by, kind) for kind in ("response", "service")]
    found = []
    for key in sorted(timeouts):
        response, service = (_of_histogram(kind[key], timeouts[key], confidence) for kind in kinds)
        found.append(NodePercentiles(key, response, service, timeouts[key], latency.ERROR))
    return tuple(found)


def _of_histogram(histogram: Histogram, timeouts: int, confidence: float) -> Distribution:
    n = histogram.total

    def at(rank: int) -> float:
        return _known(histogram.quantiles([rank / (n - 1) if n > 1 else 0.0]))

    return _figures(n, at, lambda _value: None, timeouts, confidence)


def _known(values: Sequence[float | None]) -> float:
    return float(values[0] or 0.0)
