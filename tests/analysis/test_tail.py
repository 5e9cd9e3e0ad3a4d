"""Who is in the tail."""

import numpy as np
import polars as pl

from pmplab.analysis import tail

from . import rows


def made(took, **columns):
    return tail(rows.run(actions=rows.attempts(took, **columns)))


def test_a_slow_resource_is_found_with_its_lift():
    n = 10_000
    took = np.random.default_rng(1).uniform(1, 2, n)
    pair = np.arange(n) % 50
    took[(pair == 7) & (np.arange(n) % 100 == 7)] = 100 + np.arange(100)
    found = made(took, resource=[f"pool/{one}" for one in pair], user=np.arange(n) % 11)
    top = found.rows.filter(pl.col("dimension") == "resource").row(0, named=True)
    assert (found.n, found.total, found.threshold_ms < 100) == (100, n, True)
    assert (top["key"], top["count"], top["tail"], top["lift"]) == ("pool/7", 200, 100, 50)
    assert top["p"] < 1e-9
    assert found.rows.filter((pl.col("dimension") == "user") & (pl.col("p") < 0.01)).is_empty()


def test_a_bad_moment_is_found_as_a_slice():
    n = 6000
    took = np.where(np.arange(n) // 50 == 60, 50.0, 1.0)
    found = made(took, due_ms=np.arange(n) * 20.0)
    top = found.rows.filter(pl.col("dimension") == "slice").row(0, named=True)
    assert (found.slice_s, top["key"]) == (2, "60 s")
    assert (top["count"], top["tail"]) == (100, 50)


def test_the_top_has_ten_keys_at_most_and_no_key_that_is_all():
    found = made(np.random.default_rng(1).exponential(size=2000), user=np.arange(2000) % 500)
    assert found.rows.group_by("dimension").len()["len"].max() <= 10
    assert "node" not in found.rows["dimension"].to_list()


def test_equal_times_have_no_tail_of_their_own():
    found = made(np.full(500, 3.0), user=np.arange(500) % 5)
    assert (found.threshold_ms, found.rows.is_empty()) == (3, True)


def test_timeouts_beyond_one_in_a_hundred_are_the_tail_together():
    late = np.arange(1000) % 20 == 0
    found = made(np.where(late, 500.0, 1.0), status=np.where(late, 504, 200))
    assert (found.n, found.threshold_ms) == (50, 500)
    top = found.rows.row(0, named=True)
    assert (top["dimension"], top["key"], top["lift"]) == ("status", "504", 20)
