"""Where the steady window lies."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmplab.analysis import cut, percentiles, steady
from pmplab.analysis.steady import mser5, warm_up

from . import rows


def load(rates, took, width_s=1.0):
    """Return attempts at so many a slice, which take so long there, ms."""
    due = np.concatenate([(at + np.arange(n) / n) * width_s * 1000 for at, n in enumerate(rates)])
    return rows.attempts(np.repeat(took, rates), due_ms=due)


def test_a_warm_up_of_latency_is_cut_off():
    rng = np.random.default_rng(1)
    took = np.where(np.arange(120) < 20, 50.0 - 2 * np.arange(120), 10.0) + rng.normal(0, 0.3, 120)
    found = steady(rows.run(actions=load(np.full(120, 50), took)))
    assert found.steady
    assert 15 <= found.start_s <= 25
    assert found.cut == (f"the first {found.start_s:g} s: p50 of response time was still changing",)
    assert found.window == (found.start_s * rows.S, found.end_s * rows.S)


def test_ramp_and_run_down_of_throughput_are_cut_off():
    rates = np.concatenate([np.arange(1, 31) * 3, np.full(120, 90), np.arange(20, 0, -1) * 4])
    found = steady(rows.run(actions=load(rates, np.full(rates.size, 5.0))))
    assert 25 <= found.start_s <= 35
    assert 145 <= found.end_s <= 160
    assert [one.split(":")[1] for one in found.cut] == [" throughput was still changing", " throughput was falling"]


def test_a_ramp_without_an_end_is_never_steady_and_the_window_is_the_run():
    rates = np.arange(1, 121) * 3
    found = steady(rows.run(actions=load(rates, np.full(120, 5.0))))
    assert (found.steady, found.start_s, found.end_s) == (False, 0, 120)
    assert found.reason == "throughput never became steady"


def test_a_short_run_is_looked_at_in_tenths_of_a_second():
    took = np.where(np.arange(100) < 10, 40.0, 10.0) + np.random.default_rng(1).normal(0, 0.2, 100)
    found = steady(rows.run(actions=load(np.full(100, 20), took, 0.1)))
    assert found.steady
    assert 0.9 <= found.start_s <= 1.6


def test_a_very_short_run_is_too_short_to_tell():
    found = steady(rows.run(actions=load([20] * 20, [5.0] * 20, 0.1)))
    assert (found.steady, found.reason) == (False, "too short to tell: 2 s, 3 s needed")


def test_a_stall_in_the_middle_is_no_warm_up():
    rates = np.full(120, 50)
    rates[70:72] = 1
    found = steady(rows.run(actions=load(rates, np.full(120, 5.0))))
    assert found.start_s <= 5 or not found.steady


@given(st.integers(30, 300), st.integers(0, 2**32 - 1))
def test_warm_up_is_never_half_of_a_series_or_more(n, seed):
    series = np.random.default_rng(seed).normal(size=n)
    assert all(found is None or 0 <= found < n / 2 for found in (mser5(series), warm_up(series)))


def test_white_noise_is_mostly_left_whole():
    rng = np.random.default_rng(1)
    cuts = [warm_up(rng.normal(10, 1, size=300)) for _ in range(200)]
    assert np.mean([one is not None and one <= 10 for one in cuts]) > 0.85
    assert warm_up(np.ones(100)) == 0


def test_other_analyses_can_look_at_the_window_only():
    actions = rows.attempts([100, 1, 1, 100], due_ms=[0, 1000, 1500, 5000])
    frames = cut(rows.run(actions=actions), rows.S, 2 * rows.S)
    (found,) = percentiles(frames)
    assert (found.response.n, found.response.max_ms) == (2, pytest.approx(1))


def test_aggregates_have_a_steady_window_too():
    took = np.where(np.arange(120) < 20, 40.0, 10.0)
    actions = load(np.full(120, 10), took)
    assert 15 <= steady(rows.run(windows=rows.aggregated(actions))).start_s <= 25
