"""Percentiles and what is known of them."""

import numpy as np
import pytest

from pmplab.analysis import percentiles
from pmplab.analysis.percentiles import QUANTILES, inflation, least_n, ranks

from . import rows


def only(frames, **options):
    (found,) = percentiles(frames, **options)
    return found


@pytest.mark.parametrize(("n", "q", "pair"), [(1000, 0.95, (936, 964)), (10_000, 0.99, (9880, 9920)), (5, 0.5, None)])
def test_ranks_are_those_of_the_binomial_distribution(n, q, pair):
    assert ranks(n, q) == pair


def test_an_interval_needs_so_many_samples_and_no_fewer():
    needed = {"p50": 6, "p90": 36, "p95": 72, "p99": 368, "p99.9": 3688, "p99.99": 36_887}
    assert {name: least_n(q) for name, q in QUANTILES.items()} == needed
    for name, n in needed.items():
        assert ranks(n, QUANTILES[name]) is not None
        assert ranks(n - 1, QUANTILES[name]) is None


def test_below_that_the_percentile_says_that_n_is_too_small():
    found = only(rows.run(actions=rows.attempts(np.arange(1, 101))))
    assert (found.response["p95"].value_ms, found.response["p95"].low_ms is None) == (95, False)
    assert (found.response["p99"].value_ms, found.response["p99"].low_ms) == (99, None)
    assert found.response["p99"].note == "n too small: 100, 368 needed"
    with pytest.raises(KeyError):
        found.response["p42"]


def test_bounds_are_the_samples_at_the_ranks():
    took = np.random.default_rng(1).permutation(np.arange(1, 1001))
    p95 = only(rows.run(actions=rows.attempts(took))).response["p95"]
    assert (p95.low_ms, p95.high_ms, p95.effective_n) == (936, 964, 1000)


def test_a_frozen_server_shows_the_analytic_percentiles_of_response_time():
    """30 s at 100/s, 5 ms each; frozen for 2 s from second 10 on: p_q = 2 s - (1 - q) 30 s."""
    due = np.arange(3000) * 10.0
    frozen = (due >= 10_000) & (due < 12_000)
    response = np.where(frozen, 12_000 - due, 0) + 5
    # One waits on the wire; the others were not sent before it was over: what a careless client measures.
    sent = np.where(frozen & (due > 10_000), 12_000, due)
    actions = rows.attempts(response, due_ms=due, t_start=(sent * rows.MS).astype(np.int64))
    found = only(rows.run(actions=actions))
    shown = [(found.response[name].value_ms, found.service[name].value_ms) for name in ("p95", "p99", "p99.9")]
    assert shown == [(505, 5), (1705, 5), (1975, 5)]


def test_intervals_of_independent_samples_cover_at_their_rate():
    rng = np.random.default_rng(7)
    samples = np.sort(rng.exponential(size=(4000, 400)), axis=1)
    for q in (0.5, 0.9, 0.99):
        low, high = ranks(400, q)
        truth = -np.log(1 - q)
        covered = np.mean((samples[:, low - 1] <= truth) & (truth <= samples[:, high - 1]))
        assert 0.94 <= covered <= 0.985


def test_intervals_of_samples_that_are_like_their_neighbours_cover_too():
    rng = np.random.default_rng(4)
    runs, n, phi = 150, 4000, 0.9
    noise = rng.normal(size=(runs, n + 200)) * np.sqrt(1 - phi**2)
    values = np.empty_like(noise)
    values[:, 0] = noise[:, 0] / np.sqrt(1 - phi**2)
    for place in range(1, n + 200):
        values[:, place] = phi * values[:, place - 1] + noise[:, place]
    naive = covered = 0
    for one in np.exp(values[:, 200:]) * 10:
        p90 = only(rows.run(actions=rows.attempts(one))).response["p90"]
        truth = 10 * np.exp(1.2815515655446004)
        covered += p90.low_ms <= truth <= p90.high_ms
        low, high = ranks(n, 0.9)
        ordered = np.sort(one)
        naive += ordered[low - 1] <= truth <= ordered[high - 1]
        assert p90.effective_n < n
    assert naive / runs < 0.75
    assert covered / runs >= 0.9


def test_independent_samples_are_seldom_taken_for_dependent():
    rng = np.random.default_rng(5)
    found = [inflation(rng.random(2000) < 0.1) for _ in range(300)]
    assert np.mean(np.array(found) > 1) < 0.09
    assert inflation(np.zeros(1000, bool)) is None


def test_response_and_service_stand_side_by_side_by_node_and_by_scenario():
    node = ["web/a/get"] * 10 + ["web/b/get"] * 20
    actions = rows.attempts(np.full(30, 7.0), t_start=2 * rows.MS, node=node, scenario="web")
    found = percentiles(rows.run(actions=actions))
    assert [(one.key, one.response.n, one.response["p50"].value_ms, one.service["p50"].value_ms) for one in found] == [
        ("web/a/get", 10, 7, 5),
        ("web/b/get", 20, 7, 5),
    ]
    assert [(one.key, one.response.n) for one in percentiles(rows.run(actions=actions), by="scenario")] == [("web", 30)]


def test_a_percentile_beyond_the_timeouts_is_a_lower_bound():
    late = np.arange(100) >= 93
    actions = rows.attempts(np.where(late, 2000, 1), **rows.failing(late, "timeout.action", event="timeout"))
    found = only(rows.run(actions=actions))
    assert [one.name for one in found.response.percentiles if one.at_least] == ["p95", "p99", "p99.9", "p99.99"]
    assert found.timeouts == 7


def test_of_aggregates_percentiles_are_within_the_stated_error_and_counted_alike():
    took = np.random.default_rng(2).lognormal(3, 1, 5000)
    actions = rows.attempts(took, due_ms=np.arange(5000))
    exact, coarse = only(rows.run(actions=actions)), only(rows.run(windows=rows.aggregated(actions)))
    assert coarse.error == 1 / 256
    for one, other in zip(exact.response.percentiles, coarse.response.percentiles, strict=True):
        assert other.value_ms == pytest.approx(one.value_ms, rel=1 / 256)
    assert coarse.response["p99"].low_ms == pytest.approx(exact.response["p99"].low_ms, rel=1 / 100)
