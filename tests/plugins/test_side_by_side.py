"""Two components with sockets in one run: neither may wait for the other's answers."""

from __future__ import annotations

import polars as pl
import pytest

from tests.faults import bundles, servers
from tests.faults.runs import assert_books_balance, result, table

SLOW_S = 0.4
# Of a target that answers at once, each user has hundreds of answers in the time of one slow one. Held up until the slow
# one comes, it would have one or two.
MANY = 10


@pytest.fixture(scope="module", params=[(8, 2), (2, 8)], ids=["more slow users", "more fast users"])
def run(request, pmp, tmp_path_factory):
    """A run of slow and of fast users, what it gave, and how many requests each of the two targets saw."""
    slow_users, fast_users = request.param
    with servers.Server(servers.slow(SLOW_S)) as slow, servers.Server() as fast:
        bundle = bundles.write_side_by_side(
            tmp_path_factory.mktemp("beside"),
            bundles.Stream("slow", slow.url, slow_users, duration="3s"),
            bundles.Stream("fast", fast.url, fast_users, duration="3s"),
        )
        found = result(pmp("run", bundle, "--json", "--quiet"))
        return found, {"slow": (slow_users, slow.requests), "fast": (fast_users, fast.requests)}


def test_both_are_the_same_component_under_two_names(run):
    found, _ = run
    assert found["status"] == "finished"
    assert set(table(found, "actions")["component"]) == {"slow", "fast"}


def test_every_action_is_recorded_once_with_its_own_component(run):
    found, seen = run
    rows = table(found, "actions")
    assert set(rows["event"]) == {"success"}
    for name, (users, requests) in seen.items():
        mine = rows.filter(pl.col("component") == name)
        assert set(mine["scenario"]) == {name}
        assert mine.height == requests
        assert mine["user"].n_unique() == users
    assert_books_balance(found)


def test_a_fast_action_never_waits_for_a_slow_one(run):
    found, seen = run
    rows = table(found, "actions")
    slow, fast = (rows.filter(pl.col("component") == name).sort("t_end") for name in ("slow", "fast"))
    ends = fast["t_end"]
    # Slow actions that began when the fast users were gone have nothing beside them.
    beside = slow.filter(pl.col("t_end") < ends.max())
    assert beside.height >= seen["slow"][0], "the two were hardly beside each other"
    during = ends.search_sorted(beside["t_end"]) - ends.search_sorted(beside["t_start"])
    assert during.median() >= MANY * seen["fast"][0]


def test_a_slow_action_is_not_starved_by_the_fast_ones(run):
    found, seen = run
    slow = table(found, "actions").filter(pl.col("component") == "slow")
    # Seven of them fit into the three seconds of a user. A first one that starves ends with the fast users, and is the last.
    assert slow.height >= 2 * seen["slow"][0]
