"""How well users were served."""

import numpy as np
import pytest

from pmplab.analysis import apdex, fairness, throughput

from . import rows


@pytest.fixture
def served():
    """Return 100 attempts: 60 within 100 ms, 20 within 400 ms, 10 slower, 10 that failed fast."""
    took = np.repeat([50.0, 300.0, 900.0, 1.0], [60, 20, 10, 10])
    return rows.attempts(took, due_ms=np.arange(100) * 100.0, **rows.failing(np.arange(100) >= 90))


@pytest.mark.parametrize("kept", ["actions", "windows"])
def test_apdex_counts_the_tolerating_half_and_failures_as_frustrated(served, kept):
    (found,) = apdex(rows.run(**{kept: served if kept == "actions" else rows.aggregated(served)}), 100)
    assert (found.n, found.satisfied, found.tolerating, found.frustrated) == (100, 60, 20, 20)
    assert (found.score, found.rating, found.few) == (0.7, "fair", False)


@pytest.mark.parametrize(("good", "rating"), [(94, "excellent"), (85, "good"), (70, "fair"), (50, "poor"), (49, "unacceptable")])
def test_ratings_begin_at_their_scores(good, rating):
    took = np.where(np.arange(100) < good, 1.0, 1000.0)
    assert apdex(rows.run(actions=rows.attempts(took)), 10)[0].rating == rating


def test_goodput_counts_only_successes_within_the_target(served):
    found = throughput(rows.run(actions=served), 100, (0, 20 * rows.S))
    assert (found.per_s, found.successes_per_s, found.goodput_per_s) == (5, 4.5, 3)


def test_without_a_window_throughput_is_over_the_run(served):
    found = throughput(rows.run(actions=served), 100)
    assert found.seconds == pytest.approx(9.9, abs=0.01)
    assert found.per_s == pytest.approx(100 / found.seconds)
    coarse = throughput(rows.run(windows=rows.aggregated(served)), 100)
    assert (coarse.seconds, coarse.per_s) == (10, 10)


def test_a_window_ends_before_its_end(served):
    coarse = throughput(rows.run(windows=rows.aggregated(served)), 100, (2 * rows.S, 4 * rows.S))
    assert (coarse.per_s, coarse.seconds) == (10, 2)


def test_fairness_is_one_when_all_had_as_many_and_one_in_n_when_one_had_all():
    even = rows.attempts(np.ones(100), user=np.arange(100) % 10, resource=[f"pool/{one % 4}" for one in range(100)])
    users, resources = fairness(rows.run(actions=even))
    assert (users.index, users.n, resources.index, resources.n) == (1, 10, 1, 4)
    uneven = rows.attempts(np.ones(99), user=np.where(np.arange(99) < 96, 0, np.arange(99)))
    users, resources = fairness(rows.run(actions=uneven))
    assert users.index == pytest.approx(99**2 / (4 * (96**2 + 3)))
    assert (users.least, users.most, resources.index) == (1, 96, None)
