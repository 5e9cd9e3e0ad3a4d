"""A log-linear histogram of durations: bounded memory, merged by adding, relative error below 1/256.

Each power of two is cut into 128 equal buckets, as HDR histograms do (hdrhistogram.org); what is below 128 ns is exact.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

_BITS = 7
_WIDTH = 1 << _BITS
_MOST = (1 << 45) - 1  # nearly ten hours in ns


def buckets(durations: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the bucket of each duration, ns. Negative ones count as 0, ones beyond nearly ten hours as that."""
    clipped = np.clip(durations, 0, _MOST)
    # frexp is exact here: below 2**53 every integer is a double.
    exponent = np.maximum(np.frexp(clipped.astype(np.float64))[1] - 1 - _BITS, 0).astype(np.int64)
    return np.where(clipped < _WIDTH, clipped, exponent * _WIDTH + (clipped >> exponent))


def middle(bucket: int) -> float:
    """Return the middle of the durations that fall into a bucket, ns."""
    if bucket < 2 * _WIDTH:
        return float(bucket)
    exponent = bucket // _WIDTH - 1
    return float((bucket - exponent * _WIDTH) << exponent) + ((1 << exponent) - 1) / 2


class Histogram:
    """Counts by bucket, only where there are any."""

    def __init__(self) -> None:
        self._settled: Counter[int] = Counter()
        # Pairs as they were taken: adding up thousands of them at once is far faster than one by one.
        self._taken: list[NDArray[np.uint32]] = []
        self.total = 0
        self.max = 0

    def add(self, durations: NDArray[np.int64]) -> None:
        """Count durations, ns."""
        if durations.size:
            found, counts = np.unique(buckets(durations), return_counts=True)
            self._settled.update(dict(zip(found.tolist(), counts.tolist(), strict=True)))
            self.total += int(durations.size)
            self.max = max(self.max, int(durations.max()))

    def take(self, pairs: bytes, most: int) -> None:
        """Count what a histogram of the table `windows` has counted; `most` is the longest of its durations, ns."""
        found = np.frombuffer(pairs, dtype="<u4").reshape(-1, 2)
        if found.size:
            self._taken.append(found)
            self.total += int(found[:, 1].sum())
            self.max = max(self.max, most)

    def merge(self, other: Histogram) -> None:
        """Count what another has counted."""
        self._settled.update(other.counts)
        self.total += other.total
        self.max = max(self.max, other.max)

    @property
    def counts(self) -> Mapping[int, int]:
        """Counts by bucket."""
        if self._taken:
            pairs = np.concatenate(self._taken)
            self._taken.clear()
            found, places = np.unique(pairs[:, 0], return_inverse=True)
            sums = np.bincount(places, weights=pairs[:, 1])
            self._settled.update(dict(zip(found.tolist(), sums.astype(np.int64).tolist(), strict=True)))
        return self._settled

    def quantiles(self, wanted: Sequence[float]) -> list[float | None]:
        """Return the durations, ns, at the nearest rank of each wanted quantile; none when nothing was counted."""
        if not self.total:
            return [None] * len(wanted)
        counts = self.counts
        keys = sorted(counts)
        ends = np.cumsum([counts[key] for key in keys])
        places = np.searchsorted(ends, [int(q * (self.total - 1) + 0.5) for q in wanted], side="right")
        return [min(middle(keys[place]), float(self.max)) for place in places.tolist()]

    def at_most(self, duration: float) -> int:
        """Return how many of the durations are at most this, ns: exact but for those in its own bucket."""
        return sum(count for bucket, count in self.counts.items() if middle(bucket) <= duration)
