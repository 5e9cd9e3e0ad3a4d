"""The universal scalability law: how throughput grows with concurrency, where it peaks, and how surely that is known.

    X(N) = lambda N / (1 + sigma (N - 1) + kappa N (N - 1))

lambda is what one user does alone, sigma the share of work that queues for something, kappa what users cost each other. Source:
Gunther, "Guerrilla Capacity Planning" (2007).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

LEAST_LEVELS = 6
"""Fewer levels of concurrency do not pin three parameters down."""
REACH = 2.0
"""The law is not asked beyond so many times the highest concurrency that was measured."""
_NOTHING = 1e-12
_DRAWS = 200
_BAND = 40
_SEED = 20_070_601


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Scalability:
    """A fitted law: `lam` in actions per second and user, `sigma` and `kappa` without unit.

    `peak_users` and `peak_rate` are where throughput is highest, None when the law has no peak (kappa is 0) or when it lies
    beyond twice the highest concurrency that was measured; `ceiling` is the rate that is approached without a peak. `r2` is the
    share of the variance that the law explains. `band` holds users, and between what rates the law lies there with 95 %
    confidence, as far as it may be asked.
    """

    lam: Interval
    sigma: Interval
    kappa: Interval
    peak_users: Interval | None
    peak_rate: Interval | None
    ceiling: float | None
    r2: float
    most_measured: float
    band: tuple[tuple[float, float, float], ...] = ()

    def rate(self, users: float) -> float:
        """Return the throughput with so many users, per s. Raises ValueError beyond twice what was measured."""
        if users > REACH * self.most_measured:
            message = f"{users:g} users are more than {REACH:g} times the {self.most_measured:g} that were measured"
            raise ValueError(message)
        return float(_law(np.array([users]), self.lam.value, self.sigma.value, self.kappa.value)[0])


def fit(users: Sequence[float], rates: Sequence[float], weights: Sequence[float] | None = None) -> Scalability | None:
    """Fit the law to throughputs, per s, at levels of concurrency. None when there are too few levels or nothing moved.

    `weights` say how much each level counts, such as the seconds it was measured for. Intervals are of 200 residual bootstraps,
    widened for the few levels they are drawn from.
    """
    n, x = np.asarray(users, float), np.asarray(rates, float)
    known = np.isfinite(n) & np.isfinite(x) & (n > 0) & (x > 0)
    w = np.ones_like(n) if weights is None else np.asarray(weights, float)
    n, x, w = n[known], x[known], w[known]
    if len(np.unique(n)) < LEAST_LEVELS:
        return None
    from scipy.stats import t as student

    best = _solved(n, x, w)
    if best is None:
        return None
    fitted = _law(n, *best)
    relative = (x - fitted) / fitted
    # Residuals of a fit are smaller than the noise was, by the parameters that followed it.
    relative = (relative - relative.mean()) * math.sqrt(len(n) / max(len(n) - 3, 1))
    dice = np.random.default_rng(_SEED)
    draws = [best]
    for _ in range(_DRAWS):
        drawn = _solved(n, fitted * (1 + dice.choice(relative, len(n))), w, start=best)
        if drawn is not None:
            draws.append(drawn)
    lam, sigma, kappa = (np.array([draw[i] for draw in draws]) for i in range(3))
    spread = float(((x - x.mean()) ** 2).sum())
    r2 = 1 - float(((x - fitted) ** 2).sum()) / spread if spread > 0 else 0.0
    most = float(n.max())
    # Few levels leave the size of the noise itself in doubt, which a bootstrap does not know of: Student's t does.
    wider = float(student.ppf(0.975, max(len(n) - 3, 1)) / student.ppf(0.975, np.inf))
    peak_users, peak_rate = _peak(best, lam, sigma, kappa, most, wider)
    ceiling = best[0] / best[1] if peak_users is None and best[1] > 0 else None
    return Scalability(
        lam=_interval(best[0], lam, wider),
        sigma=_interval(best[1], sigma, wider),
        kappa=_interval(best[2], kappa, wider),
        peak_users=peak_users,
        peak_rate=peak_rate,
        ceiling=ceiling,
        r2=r2,
        most_measured=most,
        band=_band(best, lam, sigma, kappa, most, wider),
    )


def _law(
    n: NDArray[np.float64],
    lam: float | NDArray[np.float64],
    sigma: float | NDArray[np.float64],
    kappa: float | NDArray[np.float64],
) -> NDArray[np.float64]:
    found: NDArray[np.float64] = lam * n / (1 + sigma * (n - 1) + kappa * n * (n - 1))
    return found


def _solved(
    n: NDArray[np.float64], x: NDArray[np.float64], w: NDArray[np.float64], start: tuple[float, float, float] | None = None
) -> tuple[float, float, float] | None:
    """Least squares of relative deviations: each level counts by its weight, not by its throughput."""
    from scipy.optimize import least_squares

    root = np.sqrt(w / w.mean())

    def off(p: NDArray[np.float64]) -> NDArray[np.float64]:
        found: NDArray[np.float64] = root * (_law(n, p[0], p[1], p[2]) / x - 1)
        return found

    def slopes(p: NDArray[np.float64]) -> NDArray[np.float64]:
        below = 1 + p[1] * (n - 1) + p[2] * n * (n - 1)
        law = root * n / below / x
        return np.stack([law, -p[0] * law * (n - 1) / below, -p[0] * law * n * (n - 1) / below], axis=1)

    first = start or (float((x / n).max()), 0.02, 1e-4)
    try:
        found = least_squares(
            off,
            np.clip(first, [1e-12, 0, 0], [np.inf, 1, 1]),
            jac=slopes,
            bounds=([1e-12, 0, 0], [np.inf, 1, 1]),
            x_scale=[max(first[0], 1e-9), 0.05, 1e-3],
        )
    except ValueError:
        return None
    # At a bound the solver stops short of 0 by as little as it likes.
    lam, sigma, kappa = (float(value) if value > _NOTHING else 0.0 for value in found.x)
    return lam, sigma, kappa


def _peak(
    best: tuple[float, float, float],
    lam: NDArray[np.float64],
    sigma: NDArray[np.float64],
    kappa: NDArray[np.float64],
    most: float,
    wider: float,
) -> tuple[Interval | None, Interval | None]:
    if best[2] <= 0 or best[1] >= 1:
        return None, None
    at = math.sqrt((1 - best[1]) / best[2])
    if at > REACH * most:
        return None, None
    # A draw that has no peak within reach says no more than that.
    there = np.minimum(np.sqrt(np.maximum(1 - sigma, 0) / np.maximum(kappa, 1e-12)), REACH * most)
    highest = _law(there, lam, sigma, kappa)
    rate = float(_law(np.array([at]), *best)[0])
    return _interval(at, there, wider), _interval(rate, highest, wider)


def _band(
    best: tuple[float, float, float],
    lam: NDArray[np.float64],
    sigma: NDArray[np.float64],
    kappa: NDArray[np.float64],
    most: float,
    wider: float,
) -> tuple[tuple[float, float, float], ...]:
    at = np.linspace(0, REACH * most, _BAND + 1)[1:]
    middle = _law(at, *best)
    rates = _law(at, lam[:, None], sigma[:, None], kappa[:, None])
    low, high = (middle + wider * (end - middle) for end in np.quantile(rates, [0.025, 0.975], axis=0))
    bounds = np.clip(np.minimum(low, middle), 0, None), np.maximum(high, middle)
    return tuple(zip(at.tolist(), *(bound.tolist() for bound in bounds), strict=True))


def _interval(value: float, draws: NDArray[np.float64], wider: float) -> Interval:
    low, high = (value + wider * (float(end) - value) for end in np.quantile(draws, [0.025, 0.975]))
    return Interval(value, max(min(low, value), 0.0), max(high, value))
