"""How much more the system can take: the levels of a run or of several, what limits them, and what a demand needs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from pmplab.analysis import queueing, usl
from pmplab.analysis.levels import LEAST_S
from pmplab.analysis.little import law as law_of_little

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pmplab.analysis.usl import Interval, Scalability

TARGET = 0.7
"""How busy an instance may be when nothing else is said: beyond it, waiting grows faster than load."""
_SENSITIVITY = 0.2
_BUSY = (0.5, 0.7, 0.9, 0.95)
_TOLERANCE = 0.05


@dataclass(frozen=True, slots=True)
class Knee:
    """Where more load begins to cost more than it brings: `low` and `high` are levels, in users, between which it lies.

    Of open load `offered` are the rates, in tasks per s, of the last level that kept up and of the first that did not. Else it is
    found by the shape of throughput and by its ratio to response time, and `offered` is None.
    """

    low: float
    high: float
    offered: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Queue:
    """An estimate of how long requests stay when one instance is busier or less busy than it was: an M/M/c queue.

    `service_ms` is how long they stayed at the least busy level, `workers` how many it must work on at a time to reach its limit.
    `stays` are pairs of utilisation and the mean time that a request stays, ms.
    """

    service_ms: float
    workers: int
    stays: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Capacity:
    """What the levels say. Rates in successes per second, `users` as concurrency.

    `best_rate` is the highest that was measured, `saturated` whether more load beyond it brought no more: more users, or of open
    load a rate that was offered and not reached. `law` is the fitted scalability, `limit` the rate that one instance can do: what
    was measured of open load that fell behind, else the peak of the law, else the highest measured; `headroom` the share of
    `limit` that the last level left; `little` the ratio of each level's concurrency to what Little's law implies; `queue` an
    estimate. `notes` says what cannot be said, and why.
    """

    levels: pl.DataFrame
    law: Scalability | None
    knee: Knee | None
    best_rate: float | None
    saturated: bool
    limit: Interval | None
    headroom: Interval | None
    little: tuple[float | None, ...]
    queue: Queue | None
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
    by = ["offered_per_s", "users"]
    known = levels.filter((levels["rate_per_s"] > 0) & (levels["users"] > 0)).sort(by, nulls_last=False)
    notes = _left_out(levels)
    if known.height < usl.LEAST_LEVELS:
        notes.append(
            f"{known.height} level{'s' * (known.height != 1)} of load: the scalability law needs {usl.LEAST_LEVELS}; "
            "raise the load in stairs"
        )
    users, rates = known["users"].to_list(), known["rate_per_s"].to_list()
    law = usl.fit(users, rates, known["seconds"].to_list())
    best = max(rates, default=None)
    behind = known.filter(~known["kept_up"].fill_null(value=True))
    opened = known["kept_up"].is_not_null().any()
    saturated = behind.height > 0 if opened else _saturated(users, rates)
    if known.height >= usl.LEAST_LEVELS and (law is None or law.peak_users is None) and not saturated:
        notes.append("throughput still grows with the last level: the limit lies beyond what was measured")
    limit = None
    if behind.height:
        limit = _plateau(known)
    elif law is not None and law.peak_rate is not None:
        limit = law.peak_rate
    elif best is not None and saturated:
        limit = _plateau(known)
    knee = _fell_behind(known) if opened else _knee(users, rates, known["mean_ms"].to_list())
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
    headroom, queue = _headroom(known, limit), _queue(known, limit)
    return Capacity(known, law, knee, best, saturated, limit, headroom, checks, queue, tuple(notes))


def _left_out(levels: pl.DataFrame) -> list[str]:
    short = levels.filter(levels["rate_per_s"].is_null())
    if not short.height:
        return []
    which = f"{short.height} steps" if short.height > 1 else "a step"
    return [
        f"{which} of the stairs took less than {LEAST_S} s and {'are' if short.height > 1 else 'is'} left out: use longer ones"
    ]


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
    return law_of_little(level["in_flight"], ended, (level["stay_ms"] or 0) / 1e3)


def _plateau(known: pl.DataFrame) -> usl.Interval:
    """Return the mean of the levels that are as good as the best, with the interval that their seconds leave."""
    best = max(known["rate_per_s"].to_list())
    level = known.filter(pl.col("rate_per_s") >= (1 - _TOLERANCE) * best)
    if known["kept_up"].is_not_null().any():
        level = level.filter(~pl.col("kept_up")) if not level["kept_up"].all() else level
    share = level["seconds"] / level["seconds"].sum()
    value = float((share * level["rate_per_s"]).sum())
    margin = math.sqrt(float(((share * level["rate_margin"].fill_null(0.0)) ** 2).sum()))
    return usl.Interval(value, value - margin, value + margin)


def _headroom(known: pl.DataFrame, limit: Interval | None) -> Interval | None:
    if limit is None or known.is_empty():
        return None
    last = known.sort("begin_s").row(-1, named=True)
    rate, margin = last["rate_per_s"], last["rate_margin"] or 0.0

    def left(used: float, of: float) -> float:
        return min(max(1 - used / of, 0.0), 1.0) if of > 0 else 0.0

    return usl.Interval(left(rate, limit.value), left(rate + margin, limit.low), left(rate - margin, limit.high))


def _queue(known: pl.DataFrame, limit: Interval | None) -> Queue | None:
    """Return the estimate from the least busy level, None where none was less busy than `TARGET`."""
    if limit is None or known.is_empty():
        return None
    least = known.sort("rate_per_s").row(0, named=True)
    if not least["stay_ms"] or least["rate_per_s"] > TARGET * limit.value:
        return None
    service_s = least["stay_ms"] / 1e3
    workers = max(1, round(limit.value / max(1 - (least["error_rate"] or 0.0), 1e-9) * service_s))
    # As many workers, all of them busy, reach the limit with this service time.
    each = workers / limit.value
    stays = ((rho, queueing.mmc_response(each, workers, rho * limit.value)) for rho in _BUSY)
    return Queue(service_s * 1e3, workers, tuple((rho, stay * 1e3) for rho, stay in stays if stay is not None))


def _fell_behind(known: pl.DataFrame) -> Knee | None:
    """Return the last level of open load that kept up and the first beyond it that did not."""
    behind = known.filter(~pl.col("kept_up"))
    if behind.is_empty():
        return None
    first = behind.row(0, named=True)
    before = known.filter(pl.col("kept_up") & (pl.col("offered_per_s") < first["offered_per_s"]))
    if before.is_empty():
        return None
    last = before.row(-1, named=True)
    ends = sorted((last["users"], first["users"]))
    return Knee(ends[0], ends[1], (last["offered_per_s"], first["offered_per_s"]))


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
