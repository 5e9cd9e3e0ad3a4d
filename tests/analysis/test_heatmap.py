"""Counts over time and latency, and modes."""

import numpy as np
import polars as pl
import pytest

from pmplab.analysis import heatmap
from pmplab.analysis.heatmap import modes

from . import rows


def test_every_measured_attempt_is_in_one_cell_that_holds_it():
    took = np.random.default_rng(1).lognormal(1, 1, 3000)
    found = heatmap(rows.run(actions=rows.attempts(took, due_ms=np.arange(3000) * 100.0)))
    assert found.cells["count"].sum() == 3000
    assert found.cells.unique(["t_s", "low_ms"]).height == found.cells.height
    assert (found.cells["t_s"].n_unique() <= 121, found.slice_s) == (True, 3)
    fastest = found.cells.filter(pl.col("low_ms") == pl.col("low_ms").min())
    assert fastest["low_ms"][0] <= took.min() + 1e-6 <= fastest["high_ms"][0] + 1e-5


@pytest.mark.parametrize("seed", range(8))
def test_one_speed_is_one_mode(seed):
    took = np.random.default_rng(seed).lognormal(2, 0.5, 3000)
    (mode,) = heatmap(rows.run(actions=rows.attempts(took))).modes
    assert mode.at_ms == pytest.approx(np.exp(2), rel=0.35)
    assert mode.share == 1


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng, n: rng.exponential(10, n),
        lambda rng, n: rng.uniform(20, 30, n),
        lambda rng, n: rng.pareto(2, n) + 1,
        lambda rng, n: rng.normal(50, 0.5, n),
    ],
)
def test_no_shape_with_one_hump_has_two_modes(draw):
    rng = np.random.default_rng(1)
    for n in (30, 120, 1000, 50_000):
        levels, counts = np.unique(np.floor(np.log10(draw(rng, n) * rows.MS + 1) * 20).astype(int), return_counts=True)
        assert len(modes(levels, counts)) == 1


def test_a_cache_shows_as_two_modes_with_their_shares():
    rng = np.random.default_rng(1)
    took = np.concatenate([rng.lognormal(0, 0.2, 7000), rng.lognormal(3, 0.2, 3000)])
    fast, slow = heatmap(rows.run(actions=rows.attempts(took))).modes
    assert (fast.at_ms, slow.at_ms) == (pytest.approx(1, rel=0.15), pytest.approx(20, rel=0.15))
    assert (fast.share, slow.share) == (pytest.approx(0.7, abs=0.01), pytest.approx(0.3, abs=0.01))


def test_a_map_of_one_node_leaves_out_the_others():
    actions = rows.attempts([1, 2, 3], node=["a", "a", "b"])
    assert heatmap(rows.run(actions=actions), node="a").cells["count"].sum() == 2


def test_aggregates_give_the_same_picture():
    took = np.random.default_rng(1).lognormal(1, 1, 4000)
    actions = rows.attempts(took, due_ms=np.arange(4000) * 100.0)
    exact, coarse = (heatmap(rows.run(**one)) for one in ({"actions": actions}, {"windows": rows.aggregated(actions)}))
    assert exact.slice_s == coarse.slice_s
    joined = exact.cells.join(coarse.cells, on=["t_s", "low_ms"], how="full", coalesce=True).fill_null(0)
    # What lies at the border of a row may fall to the other side.
    assert (joined["count"] - joined["count_right"]).abs().sum() / 2 < 0.06 * 4000
    assert coarse.cells["count"].sum() == 4000
