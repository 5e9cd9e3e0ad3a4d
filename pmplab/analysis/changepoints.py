"""When did it change? Points in a series of runs from which on a figure is another.

E-Divisive (Matteson and James, Journal of the American Statistical Association 109, 2014): the split is sought at which the two
sides differ most in distribution, by energy distance, and kept when permutations of the runs hardly ever differ as much; then
each side is searched in turn. It sees more than means move, and asks for no distribution.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

LEVEL = 0.0125
"""The chance of finding a change in a series that has none: 5 % for the four figures of a scenario together."""
LEAST = 3
"""On either side of a change there are so many runs: one slow run is no change."""
_PERMUTATIONS = 999
_DRAWS = 400
_SEED = 20_140_301


@dataclass(frozen=True, slots=True)
class Point:
    """A change: `at` is the first value of what came after, `low` .. `high` where it lies with 95 % confidence.

    `shift` is the mean of the values up to the next change less that of those since the last one, `shift_low` .. `shift_high` its
    95 % interval; `p` the chance of so large a difference without a change.
    """

    at: int
    low: int
    high: int
    shift: float
    shift_low: float
    shift_high: float
    p: float


def change_points(values: Sequence[float], *, level: float = LEVEL, least: int = LEAST, seed: int = _SEED) -> tuple[Point, ...]:
    """Return the changes of a series, in its order. A series of fewer than two times `least` values has none.

    >>> [point.at for point in change_points([10.0, 10.1, 9.9, 10.0, 10.1, 9.9, 12.0, 12.1, 11.9, 12.0, 12.1, 11.9])]
    [6]
    """
    series = np.asarray(values, float)
    dice = np.random.default_rng(seed)
    found: dict[int, float] = {}
    open_parts = [(0, len(series))]
    while open_parts:
        begin, end = open_parts.pop()
        split, p = _split(series[begin:end], least, dice)
        if split is None or p > level:
            continue
        found[begin + split] = p
        open_parts += [(begin, begin + split), (begin + split, end)]
    edges = [0, *sorted(found), len(series)]
    return tuple(
        _point(series[edges[i - 1] : edges[i + 1]], edges[i] - edges[i - 1], edges[i - 1], found[edges[i]], least, dice)
        for i in range(1, len(edges) - 1)
    )


def _split(part: NDArray[np.float64], least: int, dice: np.random.Generator) -> tuple[int | None, float]:
    """Return the best split and the share of permutations that have one as good."""
    if len(part) < 2 * least or np.ptp(part) == 0:
        return None, 1.0
    best, size = _best(part, least)
    as_good = sum(_best(dice.permutation(part), least)[1] >= size for _ in range(_PERMUTATIONS))
    return best, (as_good + 1) / (_PERMUTATIONS + 1)


def _best(part: NDArray[np.float64], least: int) -> tuple[int, float]:
    """Return the split with the largest scaled energy distance of its sides, and that distance."""
    n = len(part)
    sums = np.abs(part[:, None] - part[None, :]).cumsum(axis=0).cumsum(axis=1)
    left = np.arange(least, n - least + 1)
    right = n - left
    within_left = sums[left - 1, left - 1] / 2
    across = sums[left - 1, n - 1] - 2 * within_left
    within_right = sums[-1, -1] / 2 - within_left - across
    pairs_left, pairs_right = left * (left - 1) / 2, right * (right - 1) / 2
    distance = 2 * across / (left * right) - within_left / pairs_left - within_right / pairs_right
    scaled = distance * left * right / n
    top = int(scaled.argmax())
    return int(left[top]), float(scaled[top])


def _point(part: NDArray[np.float64], split: int, begin: int, p: float, least: int, dice: np.random.Generator) -> Point:
    before, after = part[:split], part[split:]
    # Each side drawn anew from itself: where would the change have been seen?
    places = [
        _best(np.concatenate([dice.choice(before, len(before)), dice.choice(after, len(after))]), least)[0] for _ in range(_DRAWS)
    ]
    low, high = np.quantile(places, [0.025, 0.975], method="nearest")
    shift, reach = _shift(before.tolist(), after.tolist())
    return Point(
        begin + split, begin + min(int(low), split), begin + max(int(high), split), shift, shift - reach, shift + reach, p
    )


def _shift(before: list[float], after: list[float]) -> tuple[float, float]:
    """Return how far the mean moved and how far its 95 % interval reaches (Welch, 1947)."""
    from scipy import stats

    parts = [stdev(side) ** 2 / len(side) for side in (before, after)]
    error = math.sqrt(sum(parts))
    moved = fmean(after) - fmean(before)
    if error == 0:
        return moved, 0.0
    freedom = sum(parts) ** 2 / sum(part**2 / (len(side) - 1) for part, side in zip(parts, (before, after), strict=True))
    return moved, float(stats.t.ppf(0.975, freedom)) * error
