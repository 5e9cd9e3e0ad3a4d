"""Scalability, queues and plans against what is known by hand."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from pmplab.analysis import capacity, queueing, usl
from pmplab.analysis.levels import SCHEMA
from pmplab.analysis.little import law as law_of_little


def law(n: float, lam: float = 100.0, sigma: float = 0.03, kappa: float = 4e-4) -> float:
    return lam * n / (1 + sigma * (n - 1) + kappa * n * (n - 1))


USERS = [1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 80]


def test_a_known_law_is_recovered_without_noise() -> None:
    found = usl.fit(USERS, [law(n) for n in USERS])
    assert found is not None
    assert found.sigma.value == pytest.approx(0.03, rel=1e-4)
    assert found.kappa.value == pytest.approx(4e-4, rel=1e-4)
    assert found.peak_users is not None
    assert found.peak_users.value == pytest.approx(49.24, abs=0.01)
    assert found.r2 == pytest.approx(1)


@pytest.mark.slow
def test_the_intervals_cover_the_truth_as_often_as_they_say() -> None:
    dice = np.random.default_rng(1)
    truth = {"lam": 100.0, "sigma": 0.03, "kappa": 4e-4, "peak_users": 49.24, "peak_rate": law(49.24)}
    hits = dict.fromkeys(truth, 0)
    rounds = 200
    for _ in range(rounds):
        found = usl.fit(USERS, [law(n) * (1 + dice.normal(0, 0.02)) for n in USERS])
        for name, value in truth.items():
            interval = getattr(found, name)
            hits[name] += interval is not None and interval.low <= value <= interval.high
    # 95 % of 200 is 190, with a standard deviation of 3: three of them below.
    assert min(hits.values()) >= 181, hits


def test_one_noisy_curve_with_known_parameters_is_recovered_within_its_intervals() -> None:
    dice = np.random.default_rng(7)
    found = usl.fit(USERS, [law(n) * (1 + dice.normal(0, 0.02)) for n in USERS])
    assert found is not None
    assert found.sigma.low <= 0.03 <= found.sigma.high
    assert found.kappa.low <= 4e-4 <= found.kappa.high
    assert found.sigma.high - found.sigma.low < 0.03
    assert found.kappa.high - found.kappa.low < 4e-4


def test_the_law_is_not_asked_beyond_twice_what_was_measured() -> None:
    found = usl.fit(USERS[:7], [law(n, kappa=0) for n in USERS[:7]])
    assert found is not None
    assert found.peak_users is None
    assert found.ceiling == pytest.approx(100 / 0.03, rel=0.01)
    assert found.rate(48) == pytest.approx(law(48, kappa=0), rel=0.01)
    with pytest.raises(ValueError, match="more than 2 times"):
        found.rate(49)


def test_few_levels_give_no_law() -> None:
    assert usl.fit([1, 2, 3, 4, 5], [1, 2, 3, 4, 5]) is None
    assert usl.fit([1] * 10, [5.0] * 10) is None
    assert usl.fit([], []) is None


def test_erlang_and_queues_have_their_known_values() -> None:
    assert queueing.erlang_c(10, 8) == pytest.approx(0.409, abs=5e-4)
    assert queueing.erlang_b(10, 8) == pytest.approx(0.122, abs=5e-4)
    assert queueing.erlang_c(2, 3) == 1.0
    assert queueing.mm1_response(0.1, 0.9) == pytest.approx(1.0)
    assert queueing.mm1_response(0.1, 1.0) is None
    assert queueing.kingman_wait(0.1, 0.5, 1, 1) == pytest.approx(0.1)
    assert queueing.saturation_users(0.02, 0.05, 0.95) == pytest.approx(50)


def test_littles_law_holds_or_does_not() -> None:
    assert law_of_little(20, 100, 0.1, 0.1) == pytest.approx(1.0)
    assert law_of_little(30, 100, 0.2) == pytest.approx(1.5)
    assert law_of_little(0, 0, 0) is None


def test_instances_for_a_demand() -> None:
    assert queueing.instances(1000, 0.4, 500, 0.7) == 4
    assert queueing.instances(0, 0, 500) == 1
    with pytest.raises(ValueError, match="positive"):
        queueing.instances(10, 0, 0)
    found = capacity.plan(usl.Interval(500, 450, 550), 1000, growth=0.4)
    assert (found.low, found.instances, found.high) == (3, 4, 6)


def frame(users: list[float], rates: list[float], offered: list[float] | None = None) -> pl.DataFrame:
    rows = [
        {
            "level": i, "begin_s": 10 * i, "seconds": 8, "users": n, "in_flight": float(n), "rate_per_s": x, "error_rate": 0.0,
            "mean_ms": 1e3 * n / x, "stay_ms": 1e3 * n / x, "p50_ms": 1e3 * n / x, "p95_ms": 2e3 * n / x, "p99_ms": 3e3 * n / x,
            "rate_margin": 0.02 * x, "offered_per_s": None if offered is None else offered[i],
            "kept_up": None if offered is None else x >= 0.95 * offered[i],
        }
        for i, (n, x) in enumerate(zip(users, rates, strict=True))
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=SCHEMA)


def test_stairs_beyond_saturation_show_the_limit_and_the_knee() -> None:
    found = capacity.capacity(frame([float(n) for n in USERS], [law(n) for n in USERS]))
    assert found.saturated
    assert found.limit is not None
    assert found.limit.value == pytest.approx(law(49.24), rel=1e-3)
    assert found.knee is not None
    assert 4 <= found.knee.low <= found.knee.high <= 40
    assert found.headroom is not None
    assert found.headroom.value == pytest.approx(1 - law(80) / law(49.24), abs=1e-3)
    assert found.headroom.low <= found.headroom.value < found.headroom.high
    assert found.little == pytest.approx([1.0] * len(USERS))
    assert found.notes == ()


def test_open_load_is_saturated_where_less_was_done_than_was_offered_however_many_users_there_are() -> None:
    offered = [50.0 * step for step in range(1, 11)]
    # Capped at 30 users: they are as many on the last three levels, and by users alone nothing lies beyond the best.
    users = [1.0, 2.0, 3.0, 4.0, 5.0, 7.0, 11.0, 30.0, 30.0, 30.0]
    found = capacity.capacity(frame(users, [*offered[:7], 352.0, 351.0, 354.0], offered))
    assert found.saturated
    assert found.limit is not None
    assert found.limit.low < 352.3 < found.limit.high
    assert found.limit.value == pytest.approx(352.3, abs=0.1)
    assert found.knee is not None
    assert found.knee.offered == (350.0, 400.0)
    assert found.headroom is not None
    assert (found.headroom.value, found.headroom.low) == (0, 0)
    assert 0 < found.headroom.high < 0.05


def test_open_load_that_was_all_done_is_not_saturated() -> None:
    offered = [50.0 * step for step in range(1, 8)]
    found = capacity.capacity(frame([1.0, 2.0, 3.0, 4.0, 5.0, 5.0, 5.0], offered, offered))
    assert not found.saturated
    assert found.knee is None


def test_steps_too_short_to_tell_are_counted() -> None:
    stood = frame([1.0, 2.0], [100.0, 190.0], [100.0, 190.0])
    short = pl.DataFrame({"level": [2, 3], "begin_s": [20, 22], "seconds": [2, 2]}, schema_overrides=SCHEMA)
    found = capacity.capacity(pl.concat([stood, short], how="diagonal"))
    assert found.levels.height == 2
    assert "2 steps of the stairs took less than 3 s" in found.notes[0]


def test_the_estimate_of_a_queue_knows_its_workers_and_waits_longer_the_busier_it_is() -> None:
    offered = [50.0 * step for step in range(1, 11)]
    users = [50 * 0.0224 * step for step in range(1, 8)] + [30.0] * 3
    found = capacity.capacity(frame(users, [*offered[:7], 357.0, 357.0, 357.0], offered)).queue
    assert found is not None
    assert found.workers == 8
    stays = dict(found.stays)
    assert stays[0.5] < stays[0.7] < stays[0.9] < stays[0.95]
    each = 8 / 357
    assert stays[0.9] == pytest.approx(1e3 * (each + queueing.erlang_c(8, 7.2) * each / 0.8), rel=1e-6)


def test_what_was_not_measured_is_said_not_guessed() -> None:
    linear = capacity.capacity(frame([1, 2, 3, 4, 5, 6], [100, 200, 300, 400, 500, 600]))
    assert linear.limit is None
    assert linear.knee is None
    assert any("beyond what was measured" in note for note in linear.notes)
    few = capacity.capacity(frame([1, 2], [100, 190]))
    assert few.law is None
    assert "2 levels" in few.notes[0]
    none = capacity.capacity(pl.DataFrame(schema=SCHEMA))
    assert (none.best_rate, none.limit, none.headroom) == (None, None, None)
