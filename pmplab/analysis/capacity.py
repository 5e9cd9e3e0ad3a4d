"""How much more the system can take: the levels of a run or of several, what limits them, and what a demand needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pmplab.analysis import queueing, usl
from pmplab.analysis.little import law as law_of_little

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from pmplab.analysis.usl import Interval, Scalability

TARGET = 0.7
"""How busy an instance may be when nothing else is said: beyond it, waiting grows faster than load."""
_SENSITIVITY = 0.2
_TOLERANCE = 0.05


@dataclass(frozen=True, slots=True)
class Knee:
    """Where more concurrency begins to cost more than it brings: by the shape of throughput and by its ratio to response time.

    `low` and `high` are the levels, in users, between which the two ways of finding it lie.
    """

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Capacity:
    """What the levels say. Rates in successes per second, `users` as concurrency.

    `best_rate` is the highest that was measured, `saturated` whether more users beyond it brought no more; `law` is the fitted
    scalability, `limit` the rate that one instance can do by it or, without it, the highest measured; `headroom` the share of
    `limit` that the last level left; `little` the ratio of each level's concurrency to what Little's law implies. `notes` says
    what cannot be said, and why.
    """

    levels: pl.DataFrame
    law: Scalability | None
    knee: Knee | None
    best_rate: float | None
    saturated: bool
    limit: Interval | None
    headroom: float | None
    little: tuple[float | None, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """How many instances a demand needs, `low` and `high` with the interval of one's capacity and the demand 20 % off."""

    instances: int
    low: int
    high: int
    demand_per_s: float
    growth: float
    unit: Interval
    target: float


def capacity(levels: pl.DataFrame) -> Capacity:
    """Judge the levels of a run, or those of several stacked. An empty frame gives an answer without figures."""
    known = levels.filter((levels["rate_per_s"] > 0) & (levels["users"] > 0)).sort("users")
    notes = []
    if known.height < usl.LEAST_LEVELS:
        notes.append(
            f"{known.height} level{'s' * (known.height != 1)} of load: the scalability law needs {usl.LEAST_LEVELS}; "
            "raise the load in stairs"
        )
    users, rates = known["users"].to_list(), known["rate_per_s"].to_list()
    law = usl.fit(users, rates, known["seconds"].to_list())
    best = max(rates, default=None)
    saturated = _saturated(users, rates)
    if known.height >= usl.LEAST_LEVELS and (law is None or law.peak_users is None) and not saturated:
        notes.append("throughput still grows with the last level: the limit lies beyond what was measured")
    limit = None
    if law is not None and law.peak_rate is not None:
        limit = law.peak_rate
    elif best is not None and saturated:
        limit = usl.Interval(best, best, best)
    last = known.sort("begin_s")["rate_per_s"].to_list()[-1:] if known.height else []
    headroom = 1 - min(last[0] / limit.value, 1.0) if limit is not None and last else None
    knee = _knee(users, rates, known["mean_ms"].to_list())
    if knee is None and known.height >= usl.LEAST_LEVELS:
        notes.append("no knee inside the range that was measured")
    checks = tuple(map(_check, known.to_dicts()))
    # Ticks may fall together with arrivals: an action more or less in flight is no finding.
    rough = (max(_TOLERANCE, 1 / max(level["in_flight"] or 0.0, 1.0)) for level in known.to_dicts())
    broken = sum(check is not None and abs(check - 1) > much for check, much in zip(checks, rough, strict=True))
    if broken:
        notes.append(
            f"Little's law does not hold on {broken} of {len(checks)} levels: they were not steady, or something queued unseen"
        )
    return Capacity(known, law, knee, best, saturated, limit, headroom, checks, tuple(notes))


def plan(unit: Interval, demand_per_s: float, *, growth: float = 0.0, target: float = TARGET) -> Plan:
    """Return how many instances serve `demand_per_s`, grown by the share `growth`, none busier than `target`.

    Raises ValueError when a figure makes no sense.
    """
    count = queueing.instances(demand_per_s, growth, unit.value, target)
    few = queueing.instances(demand_per_s * (1 - _SENSITIVITY), growth, max(unit.high, unit.value), target)
    many = queueing.instances(demand_per_s * (1 + _SENSITIVITY), growth, max(min(unit.low, unit.value), 1e-9), target)
    return Plan(count, few, many, demand_per_s, growth, unit, target)


def _check(level: dict[str, Any]) -> float | None:
    ended = level["rate_per_s"] / max(1 - (level["error_rate"] or 0), 1e-9)
    return law_of_little(level["in_flight"], ended, (level["mean_ms"] or 0) / 1e3)


def _saturated(users: Sequence[float], rates: Sequence[float]) -> bool:
    """Return whether the levels beyond the best brought at least a quarter more users and no more throughput."""
    if not rates:
        return False
    best = max(range(len(rates)), key=lambda i: rates[i])
    beyond = [(u, r) for u, r in zip(users, rates, strict=True) if u >= 1.25 * users[best]]
    # A plateau counts as well: within 2 % of the best with a quarter fewer users.
    before = [r for u, r in zip(users, rates, strict=True) if u <= users[best] / 1.25]
    return bool(beyond) or any(r >= 0.98 * rates[best] for r in before)


def _knee(users: Sequence[float], rates: Sequence[float], times: Sequence[float | None]) -> Knee | None:
    if len(users) < usl.LEAST_LEVELS:
        return None
    found = [at for at in (_kneedle(users, rates), _power(users, rates, times)) if at is not None]
    return Knee(min(found), max(found)) if len(found) == 2 else None


def _kneedle(users: Sequence[float], rates: Sequence[float]) -> float | None:
    """Kneedle (Satopaa et al., 2011) for a concave curve that rises, sensitivity 1."""
    x, y = np.asarray(users), np.maximum.accumulate(np.asarray(rates))
    if x.max() == x.min() or y.max() == y.min():
        return None
    x0, y0 = (x - x.min()) / (x.max() - x.min()), (y - y.min()) / (y.max() - y.min())
    above = y0 - x0
    top = int(above.argmax())
    threshold = above[top] - float(np.diff(x0).mean())
    return float(x[top]) if 0 < top < len(x) - 1 and (above[top:] < threshold).any() else None


def _power(users: Sequence[float], rates: Sequence[float], times: Sequence[float | None]) -> float | None:
    """Return the level with the most throughput per response time (Kleinrock's power), None at the end of the range."""
    powers = [rate / time if time else 0.0 for rate, time in zip(rates, times, strict=True)]
    top = powers.index(max(powers))
    return float(users[top]) if top < len(powers) - 1 else None
