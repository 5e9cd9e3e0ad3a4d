"""The summary: every number from the rows, and nothing but the rows."""

import json
from dataclasses import FrozenInstanceError
from types import SimpleNamespace

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmplab.analysis import recorded_s, seconds, summary
from pmplab.analysis.names import short_names
from pmplab.analysis.spawn import planned_last_spawn
from pmplab.workbook.frames import Frames

MS = 1_000_000
S = 1_000_000_000


@pytest.fixture
def make(tmp_path):
    """Return a function that makes tables of the given rows, whatever a row leaves out being 0 or null."""
    empty = Frames(tmp_path)

    def make(**rows):
        found = {}
        for name in ("actions", "tasks", "load", "leases"):
            schema = empty.table(name).collect_schema()
            filled = [
                {column: row.get(column, _default(column, dtype)) for column, dtype in schema.items()}
                for row in rows.get(name, [])
            ]
            found[name] = pl.LazyFrame(filled, schema=schema)
        return SimpleNamespace(**found)

    return make


def _default(column, dtype):
    if column in {"t_connect", "t_start", "t_first_byte", "error_type", "class", "message", "status"}:
        return None
    return 0 if dtype.is_numeric() else "success" if column == "event" else "one"


def attempt(took_ms, *, event="success", due=0, node="web/refresh/get", **row):
    row.setdefault("class", "target" if event != "success" else None)
    row.setdefault("t_start", due + MS)
    return {"node": node, "event": event, "t_intended": due, "t_end": due + int(took_ms * MS), **row}


def test_a_run_without_rows_has_a_summary(make):
    found = summary(make()).to_json()
    assert found["status"] == "unknown"
    assert (found["users"], found["tasks"], found["actions"], found["errors"]) == (0, 0, {}, [])
    assert found["tasks_by_exit"] == {"done": 0, "timeout_out": 0, "error_out": 0, "rollback": 0, "stopped": 0}
    assert found["spawn"] == {"planned_s": None, "actual_s": None}
    json.dumps(found, allow_nan=False)


def test_what_was_in_flight_is_what_the_last_tick_of_each_scenario_says(make):
    load = [
        {"scenario": "one", "t": S, "seq": 1, "in_flight": 9},
        {"scenario": "one", "t": 2 * S, "seq": 3, "in_flight": 3},
        {"scenario": "two", "t": 2 * S, "seq": 4, "in_flight": 4},
        {"scenario": "one", "t": 2 * S, "seq": 2, "in_flight": 2, "shard": 1},
    ]
    assert summary(make(load=load)).in_flight == 9
    assert summary(make()).in_flight == 0
    assert recorded_s(make(load=load, actions=[attempt(100, due=2 * S)])) == 2.1
    assert recorded_s(make()) is None


def test_percentiles_are_of_response_time_and_service_stands_beside_it(make):
    rows = [attempt(ms, due=S) for ms in range(1, 101)]
    action = summary(make(actions=rows)).actions["get"]
    assert (action.p50_ms, action.p90_ms, action.p95_ms, action.p99_ms, action.max_ms) == (51, 90, 95, 99, 100)
    assert (action.service_p50_ms, action.service_max_ms) == (50, 99)


def test_service_of_an_attempt_that_sent_nothing_begins_when_connecting_did(make):
    rows = [attempt(10, event="fail", t_start=None, t_connect=4 * MS)]
    assert summary(make(actions=rows)).actions["get"].service_p50_ms == 6


def test_service_of_an_attempt_that_never_connected_begins_when_it_had_its_leases(make):
    rows = [attempt(10, event="fail", t_start=None, lease_wait=3 * MS)]
    action = summary(make(actions=rows)).actions["get"]
    assert (action.p50_ms, action.service_p50_ms) == (10, 7)


def test_what_failed_in_the_harness_counts_but_is_no_latency_and_what_was_cancelled_is_no_failure(make):
    rows = [
        attempt(5),
        attempt(900, event="fail", error_type="runtime.trap", **{"class": "harness"}),
        attempt(800, event="fail", error_type="cancelled.interrupt", **{"class": None}),
    ]
    action = summary(make(actions=rows)).actions["get"]
    assert (action.count, action.success, action.fail, action.cancelled, action.max_ms) == (3, 1, 1, 1, 5)
    by_second = seconds(make(actions=rows).actions).collect()
    assert by_second.select(pl.col("fail", "cancelled").sum()).row(0) == (1, 1)


def test_a_percentile_that_is_only_the_timeout_is_marked_as_a_lower_bound(make):
    rows = [attempt(1)] * 93 + [attempt(2000, event="timeout", error_type="timeout.action")] * 7
    action = summary(make(actions=rows)).actions["get"]
    assert action.p95_ms == 2000
    assert action.at_least == ("p95_ms", "p99_ms")


def test_actions_stand_in_the_order_in_which_they_first_became_due(make):
    rows = [attempt(1, due=due, node=f"web/refresh/{name}") for due, name in enumerate(["post", "get", "delete", "post"])]
    assert list(summary(make(actions=rows)).actions) == ["post", "get", "delete"]


def test_errors_come_most_frequent_first_with_the_first_thing_said(make):
    said = [(3, "late"), (1, "first"), (2, None)]
    rows = [attempt(1, event="fail", error_type="transport.reset", seq=seq, message=message) for seq, message in said]
    rows.append(attempt(1, event="timeout", error_type="timeout.action"))
    found = summary(make(actions=rows)).to_json()["errors"]
    assert found[0] == {"action": "get", "type": "transport.reset", "class": "target", "count": 3, "message": "first"}
    assert [(error["type"], error["count"]) for error in found] == [("transport.reset", 3), ("timeout.action", 1)]


def test_tasks_are_counted_by_exit(make):
    rows = [{"exit": exit_, "task": task} for task, exit_ in enumerate(["done", "done", "timeout_out", "rescued"])]
    found = summary(make(tasks=rows))
    assert found.tasks == 4
    assert found.tasks_by_exit == {"done": 2, "timeout_out": 1, "error_out": 0, "rollback": 0, "stopped": 0, "rescued": 1}


def test_leases_that_were_neither_released_nor_expired_are_live(make):
    events = ["acquire"] * 5 + ["renew"] + ["release"] * 2 + ["expire"]
    found = summary(make(leases=[{"event": event, "lease": i} for i, event in enumerate(events)])).leases
    assert found == {"acquired": 5, "renewed": 1, "released": 2, "expired": 1, "live": 2}


def test_the_last_user_spawned_when_it_first_did_anything(make):
    tables = make(
        actions=[attempt(1, user=1, due=3 * S), attempt(1, user=2, due=5 * S)],
        tasks=[{"user": 1, "t_start": 2 * S}],
        leases=[{"user": 2, "event": "acquire", "t": 5 * S, "wait": S // 2}],
    )
    assert summary(tables).spawn_actual_s == 4.5


def test_users_that_came_but_did_nothing_yet_are_counted_over_shards_and_scenarios(make):
    rows = [
        {"scenario": scenario, "shard": shard, "t": t, "online": online, "offline": gone}
        for scenario, shard, t, online, gone in [("a", 0, 1, 3, 0), ("a", 0, 2, 1, 4), ("a", 1, 2, 5, 0), ("b", 0, 2, 2, 0)]
    ]
    assert summary(make(load=rows)).users == 12


def test_rate_is_attempts_over_the_time_from_the_start_to_the_last_row(make):
    found = summary(make(actions=[attempt(1, due=S)] * 10, load=[{"t": 4 * S}]))
    assert (found.duration_s, found.rate_per_s) == (4.0, 2.5)


def test_facts_come_from_the_manifest_and_before_it_exists_from_the_run(make):
    run = {"run_id": "r1", "status": "running", "name": "n"}
    manifest = {"status": "finished", "bundle": {"name": "b"}, "progress": {"scenarios": [{"planned_last_spawn_ns": 5 * S}]}}
    live, ended = summary(make(), run=run), summary(make(), manifest, run=run)
    assert (live.run_id, live.status) == ("r1", "running")
    assert (ended.run_id, ended.status, ended.bundle, ended.spawn_planned_s) == ("r1", "finished", "b", 5.0)
    assert summary(make(), run=run, status="crashed").status == "crashed"


@pytest.mark.parametrize(
    ("spawn", "users", "instant"),
    [
        ({"shape": "rate", "count": 200, "per": S}, 1000, 5 * S),
        ({"shape": "at-once"}, 10, 0),
        ({"shape": "ramp", "from": 0, "to": 50, "over": 10 * S}, 50, 10 * S),
        ({"shape": "ramp", "from": 50, "to": 0, "over": 10 * S}, 50, 0),
        ({"shape": "rate", "count": 0, "per": S}, 3, None),
        ({"shape": "novel"}, 3, None),
        ({"shape": "rate", "count": 1, "per": S}, 0, None),
    ],
)
def test_the_plan_tells_when_the_last_user_should_come(spawn, users, instant):
    assert planned_last_spawn({"plan": {"scenarios": [{"spawn": spawn, "users": users}]}}, None) == instant


def test_a_summary_cannot_be_changed(make):
    with pytest.raises(FrozenInstanceError):
        summary(make()).users = 3


@given(st.lists(st.text("ab/", min_size=1, max_size=8), unique=True, max_size=8))
def test_short_names_are_ends_of_their_paths_and_no_two_are_equal(nodes):
    found = short_names(nodes)
    assert list(found) == nodes
    assert len(set(found.values())) == len(nodes)
    assert all(node.endswith(name) for node, name in found.items())


def test_seconds_are_those_in_which_attempts_ended(make):
    rows = [attempt(1, due=0), attempt(1500, due=0, event="timeout"), attempt(1, due=S, bytes_sent=7)]
    found = seconds(make(actions=rows).actions).collect()
    assert found["second"].to_list() == [0, 1]
    assert found["count"].to_list() == [1, 2]
    assert found["timeout"].to_list() == [0, 1]
    assert found["bytes_sent"].to_list() == [0, 7]
    assert found["max_ms"].to_list() == [1, 1500]
