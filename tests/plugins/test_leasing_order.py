"""In which order a pool gives out its entries, from the command line down to the provider."""

from __future__ import annotations

import polars as pl
import pytest

from tests.faults import bundles, servers
from tests.faults.runs import result, table

USERS = 20


@pytest.fixture(scope="module")
def order(pmp, tmp_path_factory):
    """A run by strategy and seed: who leased which entry, in the order of the leases of each shard."""
    with servers.Server(host="0.0.0.0") as server:
        # One task each and entries that anybody may share: who comes when is the plan's alone.
        bundle = bundles.write_leasing(tmp_path_factory.mktemp("pool"), server.port, users=USERS, duration=None)

        def order(strategy, seed, *more):
            override = f"resources.pool.provider.leasing.strategy={strategy}"
            found = result(pmp("run", bundle, "--json", "--quiet", "--set", override, "--seed", seed, *more))
            leases = table(found, "leases").filter(pl.col("event") == "acquire").sort("shard", "seq")
            return [tuple(row) for row in leases.select("shard", "user", "resource").rows()]

        yield order


def test_random_leases_follow_the_seed(order):
    first = order("random", 7)
    assert len(first) == USERS
    assert order("random", 7) == first
    assert order("random", 8) != first


def test_random_leases_of_a_split_run_follow_the_seed_too(order):
    first = order("random", 7, "--shards", 2)
    assert len(first) == USERS
    assert order("random", 7, "--shards", 2) == first


def test_the_seed_is_nothing_to_leases_in_turn(order):
    assert order("round-robin", 7) == order("round-robin", 8)
