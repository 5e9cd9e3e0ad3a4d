"""A target that refuses, resets, hangs, closes or talks rubbish: one terminal event per action, and never a hang."""

from __future__ import annotations

import polars as pl
import pytest

from tests.faults import bundles, servers
from tests.faults.runs import assert_books_balance, result, table

USERS = 20


@pytest.mark.parametrize(
    ("answer", "event", "error"),
    [
        (servers.hang, "timeout", "timeout.action"),
        (servers.reset, "fail", "transport.reset"),
        (servers.close_at_once, "fail", "transport.eof"),
        (servers.close_early, "fail", "transport.eof"),
        (servers.rubbish, "fail", "protocol.http.malformed"),
        (servers.broken_chunks, "fail", "protocol.http.malformed"),
        (servers.endless_head, "fail", "protocol.http.malformed"),
        (servers.unavailable, "fail", "protocol.http.5xx"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_each_fault_is_one_event_of_its_own_kind(pmp, tmp_path, answer, event, error):
    with servers.Server(answer) as server:
        found = result(pmp("run", bundles.write(tmp_path, server.url, users=USERS), "--json"))
        assert found["status"] == "finished"
        rows = table(found, "actions")
        assert rows.height == USERS
        assert set(zip(rows["event"], rows["error_type"], strict=True)) == {(event, error)}
        assert set(rows["class"]) == {"target"}
        assert server.requests == USERS
    assert_books_balance(found)
    out = "timeout_out" if event == "timeout" else "error_out"
    assert set(table(found, "tasks")["exit"]) == {out}
    assert found["tasks_by_exit"][out] == USERS


def test_a_refusing_target_is_told_from_a_silent_one(pmp, tmp_path):
    url = f"http://127.0.0.1:{servers.closed_port()}/asset"
    found = result(pmp("run", bundles.write(tmp_path, url, users=USERS), "--json"))
    rows = table(found, "actions")
    assert set(rows["error_type"]) == {"transport.connect-refused"}
    assert rows["t_start"].null_count() == USERS
    assert_books_balance(found)


def test_a_hanging_action_ends_when_its_time_is_up(pmp, tmp_path):
    with servers.Server(servers.hang) as server:
        found = result(pmp("run", bundles.write(tmp_path, server.url, users=USERS, timeout="300ms"), "--json"))
    took = table(found, "actions").select((pl.col("t_end") - pl.col("t_intended")) / 1e6).to_series()
    assert took.min() >= 299
    assert took.max() < 400


def test_a_hanging_task_ends_by_the_task_timeout(pmp, tmp_path):
    with servers.Server(servers.hang) as server:
        bundle = bundles.write(tmp_path, server.url, users=5, timeout="20s", task_timeout="400ms")
        found = result(pmp("run", bundle, "--json"))
    assert set(table(found, "actions")["error_type"]) == {"timeout.task"}
    assert set(table(found, "tasks")["exit"]) == {"timeout_out"}
    assert_books_balance(found)


def test_a_name_that_does_not_exist_fails_by_name_resolution(pmp, tmp_path):
    bundle = bundles.write(tmp_path, "http://no-such-host.invalid/asset", users=3, timeout="15s")
    found = result(pmp("run", bundle, "--json"))
    assert set(table(found, "actions")["error_type"]) == {"transport.dns"}
    assert_books_balance(found)


def test_what_the_server_counted_is_what_we_did(pmp, tmp_path):
    with servers.Server() as server:
        found = result(pmp("run", bundles.write(tmp_path, server.url, users=30, duration="1s", timeout="5s"), "--json"))
        rows = table(found, "actions")
        assert server.requests == rows.height > 30
        # Connections are kept alive: one for each user.
        assert server.connections == 30
        assert rows["t_connect"].null_count() == rows.height - 30
    assert set(rows["event"]) == {"success"}
    assert_books_balance(found)


@pytest.fixture(scope="module")
def mixed(pmp, tmp_path_factory):
    """A run against a target with all faults at once, and what the target counted."""
    from pmplab.target import TargetProcess

    rates = {"error_rate": 0.1, "hang_rate": 0.05, "reset_rate": 0.1, "early_close_rate": 0.1, "rubbish_rate": 0.1}
    with TargetProcess(ports=1, delay=0.005, seed=3, **rates) as target:
        url = f"http://{target.host}:{target.ports[0]}/asset"
        folder = tmp_path_factory.mktemp("mixed")
        found = result(pmp("run", bundles.write(folder, url, users=50, duration="1s", timeout="300ms"), "--json"))
        return found, sum(target.stats()["totals"]["requests"].values())


def test_a_mix_of_faults_leaves_balanced_books(mixed):
    found, seen = mixed
    rows = table(found, "actions")
    assert set(rows["event"]) == {"success", "fail", "timeout"}
    assert 0 < rows.height <= seen
    assert_books_balance(found)


def test_a_mix_of_faults_adds_up_on_both_sides(mixed):
    found, seen = mixed
    assert table(found, "actions").height == seen


def test_two_shards_do_together_what_one_does_alone(pmp, tmp_path):
    with servers.Server() as server:
        bundle = bundles.write(tmp_path, server.url, users=40, rate="100/s", timeout="5s")
        alone = result(pmp("run", bundle, "--json", "--seed", 1))
        split = result(pmp("run", bundle, "--json", "--seed", 1, "--shards", 2))
        assert server.requests == 80
    assert_books_balance(split)

    def schedule(found):
        return table(found, "tasks").select("user", "task", "iteration", "t_planned").sort("task")

    assert schedule(alone).equals(schedule(split))
