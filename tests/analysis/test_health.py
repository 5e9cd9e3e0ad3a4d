"""Whether the harness or the target was measured."""

import numpy as np
import pytest

from pmplab.analysis import health

from . import rows

MS = rows.MS


def run(*, took=50.0, late=0.1, lag=0, dropped=0, started_late=0.0, cpu=30.0, n=1000, online=5, scenario="web"):
    due = np.arange(n) * 10.0
    begin = np.rint((due + np.broadcast_to(late, n)) * MS).astype(np.int64)
    ticks = np.arange(500)
    return rows.run(
        actions=rows.attempts(np.full(n, took), due_ms=due, t_start=begin, task=np.arange(n), scenario=scenario),
        tasks=rows.frame(
            "tasks",
            task=np.arange(n),
            scenario=scenario,
            t_planned=np.rint(due * MS).astype(np.int64),
            t_start=np.rint((due + np.broadcast_to(started_late, n)) * MS).astype(np.int64),
        ),
        load=rows.frame("load", t=ticks * 20 * MS, tick_lag=lag, dropped=dropped, online=online, scenario=scenario),
        host=rows.frame("host", t=np.arange(10) * rows.S, cpu_percent=np.broadcast_to(cpu, 10), load1=1.5),
    )


def test_a_run_whose_harness_was_in_time_is_healthy():
    found = health(run(), cpus=2)
    assert (found.verdict, found.reasons, found.remarks) == ("healthy", (), ())
    assert (found.dispatch_p99_ms, found.response_p50_ms, found.dropped_share) == (pytest.approx(0.1), 50, 0)


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ({"late": 6.0}, "1 % of the actions went 6 ms late or more; half of the responses took 50 ms"),
        ({"lag": np.where(np.arange(500) < 10, 30, 0) * MS}, "2.0% of the ticks were late by a whole tick"),
        (
            {"started_late": np.where(np.arange(1000) < 20, 25, 0)},
            "2.0% of the tasks began later than planned by more than a tick",
        ),
        ({"dropped": np.arange(500) // 20}, "2.3% of the arrivals found no user to carry them"),
        ({"cpu": 97.0}, "the generator used 90 % of a core or more in 10 of its seconds"),
    ],
)
def test_a_harness_that_was_late_is_said_to_be_the_limit(how, reason):
    found = health(run(**how))
    assert (found.verdict, found.reasons) == ("harness-limited", (reason,))


@pytest.mark.parametrize(
    "how",
    [
        {"late": 4.9},
        {"lag": np.where(np.arange(500) < 5, 30, 0) * MS},
        {"started_late": np.where(np.arange(1000) < 10, 25, 0)},
        {"dropped": np.arange(500) // 50},
        {"cpu": np.where(np.arange(10) < 2, 97, 20)},
    ],
)
def test_up_to_the_bound_it_is_not(how):
    assert health(run(**how)).verdict == "healthy"


def test_delays_of_the_size_of_a_timer_are_a_remark():
    found = health(run(took=0.5, late=0.3))
    assert found.verdict == "healthy"
    assert found.remarks == ("the target is so fast that the dispatch delay, p99 0.3 ms, is part of what was measured",)


def test_arrivals_that_wait_for_a_busy_user_wait_for_the_target():
    late = {"late": 40.0, "started_late": 40.0, "took": 90.0}
    plan = {"tick": 20 * MS, "scenarios": [{"name": "web", "users": 5, "arrival": {"shape": "constant"}}]}
    assert health(run(**late)).verdict == "harness-limited"
    found = health(run(**late), plan=plan)
    assert found.verdict == "healthy"
    assert found.remarks == ("all users were busy in web: arrivals waited for one, and the wait counts",)
    assert health(run(**late, online=4), plan=plan).verdict == "harness-limited"


def test_in_virtual_time_there_is_nothing_to_judge():
    assert health(run(lag=rows.S), simulated=True).verdict == "not applicable"


def test_of_aggregates_the_rest_is_judged():
    frames = run(lag=rows.S)
    actions = frames.actions.collect()
    found = health(rows.run(windows=rows.aggregated(actions), load=frames.load.collect()))
    assert (found.verdict, found.dispatch_p99_ms) == ("harness-limited", None)
    assert found.remarks == ("dispatch delay not kept: the run recorded aggregates of a second only",)


def test_a_busy_machine_is_a_remark():
    assert health(run(), cpus=1).remarks == ("the machine was busy: load average 1.5 on 1 cores",)


@pytest.mark.parametrize("records", ["actions", "windows"])
def test_what_failed_in_the_harness_is_a_remark(records):
    actions = rows.attempts(np.full(100, 50.0), **rows.failing(np.arange(100) < 5, "expression.undefined", "harness"))
    frames = rows.run(**{records: actions if records == "actions" else rows.aggregated(actions)}, load=run().load.collect())
    found = health(frames)
    assert found.verdict == "healthy"
    assert found.remarks[0] == "5.0% of the attempts failed in the harness: they say nothing of the target"


def test_a_run_that_never_reached_the_target_does_not_say_that_it_kept_aggregates():
    actions = rows.attempts(np.full(10, 1.0), **rows.failing(np.ones(10), "expression.undefined", "harness"))
    found = health(rows.run(actions=actions, load=run().load.collect()))
    assert found.remarks == ("100.0% of the attempts failed in the harness: they say nothing of the target",)
