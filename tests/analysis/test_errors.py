"""What went wrong, when, and what it costs."""

import numpy as np
import polars as pl
import pytest
from scipy.stats import binomtest

from pmplab.analysis import budget, bursts, errors, first_failure, retries, share
from pmplab.analysis.budget import burn_threshold
from pmplab.analysis.retries import expected_amplification

from . import rows


def test_three_of_a_thousand_is_between_one_and_nine_per_mille():
    found = share(3, 1000)
    assert (f"{found.low:.2%}", f"{found.high:.2%}") == ("0.10%", "0.88%")


def test_none_of_n_is_at_most_three_in_n():
    assert share(0, 1000).at_most == pytest.approx(3 / 1000, rel=0.01)
    assert share(0, 0).value is None


def test_intervals_of_a_share_cover_at_their_rate():
    n, p = 200, 0.03
    k = np.random.default_rng(1).binomial(n, p, 2000)
    bounds = {one: share(one, n) for one in np.unique(k).tolist()}
    assert np.mean([bounds[one].low <= p <= bounds[one].high for one in k.tolist()]) >= 0.94
    assert share(7, n).low == pytest.approx(binomtest(7, n).proportion_ci(method="wilson").low)


@pytest.fixture
def mixed():
    """Return 100 attempts of two nodes: 6 failed at the target, 2 in the harness, 1 was cancelled."""
    kinds = ["protocol.http.5xx"] * 4 + ["timeout.action"] * 2 + ["runtime.trap"] * 2 + ["cancelled.interrupt"]
    classes = ["target"] * 6 + ["harness"] * 2 + [None]
    return rows.attempts(
        np.full(100, 5.0),
        due_ms=np.arange(100) * 100.0,
        node=["web/a/get"] * 50 + ["web/b/get"] * 50,
        error_type=kinds + [None] * 91,
        event=["fail"] * 4 + ["timeout"] * 2 + ["fail"] * 3 + ["success"] * 91,
        message=["boom"] * 9 + [None] * 91,
        **{"class": classes + [None] * 91},
    )


@pytest.mark.parametrize("kept", ["actions", "windows"])
def test_errors_of_the_target_stand_apart_from_those_of_the_harness(mixed, kept):
    found = errors(rows.run(**{kept: mixed if kept == "actions" else rows.aggregated(mixed)}))
    total = found.total
    assert (total.attempts, total.rate.k, total.rate.n, total.harness, total.cancelled) == (100, 6, 97, 2, 1)
    assert [(one.key, one.rate.k) for one in found.nodes] == [("web/a/get", 6), ("web/b/get", 0)]
    assert [(one.type, one.family, one.class_, one.count) for one in found.pareto] == [
        ("protocol.http.5xx", "protocol", "target", 4),
        ("runtime.trap", "runtime", "harness", 2),
        ("timeout.action", "timeout", "target", 2),
        ("cancelled.interrupt", "cancelled", None, 1),
    ]
    assert [round(one.cumulative, 3) for one in found.pareto] == [0.444, 0.667, 0.889, 1]
    assert (found.pareto[0].rate.n, found.pareto[0].message) == (50, "boom")


def failures(which, per_s=100):
    return rows.attempts(np.full(len(which), 1.0), due_ms=np.arange(len(which)) * 1000 / per_s, **rows.failing(which))


def test_random_failures_are_no_bursts():
    rng = np.random.default_rng(1)
    found = [bursts(rows.run(actions=failures(rng.random(6000) < 0.02))) for _ in range(10)]
    assert [one.pattern for one in found].count("random") >= 9
    assert np.mean([one.fano for one in found]) == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("kept", ["actions", "windows"])
def test_an_outage_is_found_with_its_seconds(kept):
    second = np.arange(6000) // 100
    which = np.isin(second, [20, 21]) | (np.random.default_rng(1).random(6000) < 0.002)
    actions = failures(which)
    found = bursts(rows.run(**{kept: actions if kept == "actions" else rows.aggregated(actions)}))
    assert found.pattern == "bursts"
    assert [(one.start_s, one.end_s, one.errors) for one in found.bursts] == [(20, 22, 200)]
    assert found.fano > 50
    assert found.runs_z is None if kept == "windows" else found.runs_z < -50


def test_no_failure_and_few_failures_are_no_pattern():
    assert bursts(rows.run(actions=failures(np.zeros(500)))).pattern == "none"
    assert bursts(rows.run(actions=failures(np.arange(500) < 3))).pattern == "few"
    assert bursts(rows.run(actions=failures(np.ones(500)))).pattern == "random"


def test_burn_thresholds_are_those_of_the_handbook():
    assert [round(burn_threshold(*pair), 1) for pair in ((0.02, 3600), (0.05, 21_600), (0.10, 259_200))] == [14.4, 6, 1]


def test_a_budget_is_spent_at_the_rate_of_its_failures():
    found = budget(rows.run(actions=failures(np.arange(10_000) % 500 == 0)), 0.999)
    assert (found.n, found.bad, found.allowed) == (10_000, 20, pytest.approx(10))
    assert (found.burn, found.ends_in_days) == (pytest.approx(2), pytest.approx(15))
    assert [one.reached for one in found.alerts] == [False, False, True]
    assert {one.fired_s for one in found.alerts} == {None}


def test_an_alert_fires_when_both_its_windows_burn_too_fast():
    n = 2 * 3600
    bad = np.where((np.arange(n) >= 5000) & (np.arange(n) < 5300), 5, 0)
    windows = rows.frame(
        "windows",
        t=np.arange(n) * rows.S,
        count=10,
        success=10 - bad,
        fail=bad,
        error_type=[("other" if one else None) for one in bad],
        **{"class": [("target" if one else None) for one in bad]},
    )
    alert = budget(rows.run(windows=windows), 0.999).alerts[0]
    # 14.4 times 0.1 % of the 36 000 attempts of an hour are 518.4 bad ones: 104 bad seconds.
    assert alert.fired_s == 5000 + 104
    with pytest.raises(ValueError, match="between 0 and 1"):
        budget(rows.run(), 1.0)


def test_retries_multiply_what_the_target_has_to_do():
    # Every second action fails once and is tried again.
    attempt = np.tile([1, 1, 2], 200)
    which = np.tile([0, 1, 0], 200)
    actions = rows.attempts(np.full(600, 1.0), due_ms=np.arange(600) * 5.0, attempt=attempt, **rows.failing(which))
    (found,) = retries(rows.run(actions=actions)).nodes
    assert (found.wanted, found.attempts, found.most, found.amplification) == (400, 600, 2, 1.5)
    assert found.expected == pytest.approx(1 + 1 / 3)
    assert (found.worst, found.storm) == (pytest.approx(1.5, abs=0.02), False)
    assert (expected_amplification(1, 3), expected_amplification(0.5, 2), expected_amplification(0, 9)) == (4, 1.75, 1)


def test_a_second_of_retries_is_a_storm():
    attempt = np.where(np.arange(1000) < 500, 1, np.arange(1000) % 5 + 1)
    actions = rows.attempts(np.full(1000, 1.0), due_ms=np.arange(1000) * 2.0, attempt=attempt)
    (found,) = retries(rows.run(actions=actions)).nodes
    assert (found.storm, found.worst) == (True, pytest.approx(5, abs=0.1))
    assert retries(rows.run(actions=rows.attempts([1, 2]))).note == "nothing was retried"


def test_what_the_run_gave_up_itself_is_no_first_failure_and_no_cause_of_a_retry():
    cut = rows.failing([True, False], kind="cancelled.branch", klass=None)
    actions = rows.attempts([5, 5], due_ms=[0, 10], **cut)
    assert first_failure(rows.run(actions=actions)) is None
    assert first_failure(rows.run(windows=rows.aggregated(actions))) is None
    real = rows.failing([False, True])
    actions = rows.attempts([5, 5], due_ms=[0, 10], **real)
    assert first_failure(rows.run(actions=actions)) is not None
    assert first_failure(rows.run(windows=rows.aggregated(actions))) is not None


def test_the_first_failure_comes_with_what_preceded_it():
    n = 3000
    which = np.arange(n) >= 2500
    actions = rows.attempts(
        np.where(np.arange(n) > 2300, 50.0, 5.0), due_ms=np.arange(n) * 10.0, user=np.arange(n) % 7, **rows.failing(which)
    )
    ticks = np.arange(0, 30_000, 20) * rows.MS
    load = rows.frame("load", t=ticks, in_flight=ticks // rows.S, online=7)
    found = first_failure(rows.run(actions=actions, load=load))
    assert (found.t_s, found.type, found.class_, found.user) == (25.05, "protocol.http.5xx", "target", 2500 % 7)
    assert found.before["second"].to_list() == list(range(15, 26))
    assert found.before.filter(pl.col("second") == 24)["p50_ms"][0] == 50
    assert found.before.filter(pl.col("second") == 20)["in_flight"][0] == 20
    assert (found.trail.height, set(found.trail["event"])) == (5, {"success"})
    assert first_failure(rows.run(actions=actions.filter(pl.col("event") == "success"))) is None
    coarse = first_failure(rows.run(windows=rows.aggregated(actions)))
    assert (coarse.t_s, coarse.type, coarse.trail.height) == (25, "protocol.http.5xx", 0)
