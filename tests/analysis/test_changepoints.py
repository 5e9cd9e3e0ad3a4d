"""Changes in a series: those that are there are found where they are, and none in noise more often than is stated."""

from __future__ import annotations

import numpy as np
import pytest

from pmplab.analysis.changepoints import LEVEL, change_points


def test_a_shift_is_found_where_it_is_with_its_size_inside_its_interval() -> None:
    dice = np.random.default_rng(4)
    rounds = 12
    near = inside = sized = 0
    for _ in range(rounds):
        series = np.concatenate([dice.normal(0, 0.05, 15), dice.normal(0.18, 0.05, 15)])
        found = change_points(series.tolist())
        near += any(abs(point.at - 15) <= 1 for point in found)
        inside += any(point.low <= 15 <= point.high for point in found)
        sized += any(point.shift_low <= 0.18 <= point.shift_high for point in found)
    assert near >= rounds - 1
    assert inside >= rounds - 2
    assert sized >= rounds - 3


def test_two_shifts_are_both_found() -> None:
    dice = np.random.default_rng(5)
    series = np.concatenate([dice.normal(mean, 0.04, 12) for mean in (0.0, 0.3, 0.1)])
    assert [point.at for point in change_points(series.tolist())] == pytest.approx([12, 24], abs=1)


@pytest.mark.slow
def test_noise_has_a_change_no_more_often_than_is_stated() -> None:
    dice = np.random.default_rng(6)
    rounds = 400
    found = sum(bool(change_points(dice.normal(0, 0.05, 24).tolist())) for _ in range(rounds))
    # 1.25 % of 400 is 5, with a standard deviation of 2.2: three of them above.
    assert found <= LEVEL * rounds + 3 * (rounds * LEVEL) ** 0.5, found


def test_one_slow_run_a_series_that_stands_still_and_a_short_one_have_no_change() -> None:
    dice = np.random.default_rng(7)
    series = dice.normal(0, 0.05, 20)
    series[9] = 1.0
    assert change_points(series.tolist()) == ()
    assert change_points([1.0] * 30) == ()
    assert change_points([1.0, 1.0, 2.0, 2.0, 2.0]) == ()
    assert change_points([]) == ()


def test_a_series_is_judged_the_same_each_time() -> None:
    series = np.random.default_rng(8).normal(0, 1, 40)
    series[20:] += 2
    assert change_points(series.tolist()) == change_points(series.tolist())
