"""Shares with their intervals."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Share:
    """`k` of `n`, the share and its two-sided interval; `at_most` is the one-sided bound, of 0 of n about 3 / n. None: n is 0."""

    k: int
    n: int
    value: float | None
    low: float | None
    high: float | None
    at_most: float | None


def share(k: int, n: int, confidence: float = 0.95) -> Share:
    """Return the share of `k` in `n` with Wilson's score interval (JASA 22, 1927) and Clopper and Pearson's upper bound.

    >>> found = share(3, 1000)
    >>> f"{found.low:.2%} to {found.high:.2%}"
    '0.10% to 0.88%'
    """
    from scipy.stats import binomtest

    if n < 1:
        return Share(k, n, None, None, None, None)
    bounds = binomtest(k, n).proportion_ci(confidence, method="wilson")
    most = binomtest(k, n, alternative="less").proportion_ci(confidence, method="exact")
    return Share(k, n, k / n, float(bounds.low), float(bounds.high), float(most.high))
