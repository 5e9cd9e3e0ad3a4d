"""What creeps."""

import numpy as np
import polars as pl
import pytest

from pmplab.analysis import drift

from . import rows


def seconds(p50, p99=None):
    n = len(p50)
    return pl.DataFrame({"second": np.arange(n), "p50_ms": p50, "p99_ms": p50 if p99 is None else p99})


def by_name(found):
    return {one.metric: one for one in found}


def test_a_slope_is_found_within_its_interval():
    n = 3600
    values = 10 + 5 * np.arange(n) / 3600 + np.random.default_rng(1).normal(0, 1, n)
    found = by_name(drift(seconds(values)))["response p50"]
    assert found.low < 5 < found.high
    assert found.per_hour == pytest.approx(5, abs=0.3)
    assert found.change == pytest.approx(0.4, abs=0.05)
    assert found.drifts


def test_noise_seldom_drifts():
    rng = np.random.default_rng(1)
    found = [by_name(drift(seconds(rng.normal(10, 1, 600))))["response p50"].drifts for _ in range(100)]
    assert np.mean(found) <= 0.03


def test_a_trend_too_small_to_matter_is_no_drift():
    n = 3600
    found = by_name(drift(seconds(100 + np.arange(n) / n)))["response p50"]
    assert (found.p < 0.01, found.drifts) == (True, False)


def test_memory_and_the_wait_for_leases_are_looked_at_too():
    t = np.arange(100) * rows.S
    host = rows.frame("host", t=t, rss=(100 + np.arange(100)) * 2**20)
    leases = rows.frame("leases", t=t, event=["acquire", "release"] * 50, wait=5 * rows.MS)
    found = by_name(drift(seconds(np.full(100, 7.0)), rows.run(host=host, leases=leases)))
    assert found["memory"].drifts
    assert found["memory"].per_hour == pytest.approx(3600, rel=0.01)
    assert (found["lease wait"].per_hour, found["lease wait"].drifts) == (0, False)
    assert (found["response p99"].per_hour, found["response p99"].change) == (0, 0)


def test_too_little_of_it_says_so():
    assert {one.note for one in drift(seconds(np.full(5, 1.0)))} == {"too little of it to tell"}


def test_the_interval_of_a_slope_covers_at_its_rate():
    rng = np.random.default_rng(2)
    covered = []
    for _ in range(80):
        found = by_name(drift(seconds(20 + 3 * np.arange(900) / 3600 + rng.normal(0, 1, 900))))["response p50"]
        covered.append(found.low <= 3 <= found.high)
    assert np.mean(covered) >= 0.88
