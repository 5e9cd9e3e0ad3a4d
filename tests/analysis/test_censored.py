"""Timeouts are bounds, not durations."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import CensoredData, ecdf

from pmplab.analysis import censored
from pmplab.analysis.censored import quantiles

from . import rows


def test_a_percentile_that_most_timeouts_hide_is_at_least_the_timeout():
    late = np.arange(100) >= 93
    actions = rows.attempts(np.where(late, 2000, np.arange(100) + 1), **rows.failing(late, "timeout.action", event="timeout"))
    (found,) = censored(rows.run(actions=actions)).nodes
    assert (found.n, found.timeouts) == (100, 7)
    assert [str(one) for one in found.percentiles] == ["50 ms", "90 ms", *[">= 2000 ms"] * 4]


def test_what_is_above_a_short_timeout_is_known_from_those_that_waited_longer():
    bounds = np.full(50, 10)
    known = np.concatenate([np.full(25, 5), np.full(25, 20)])
    assert quantiles(known, bounds, [0.2, 0.5]) == [(5.0, False), (20.0, False)]


def test_nothing_timed_out_is_said_in_words():
    assert censored(rows.run(actions=rows.attempts([1, 2, 3]))).note == "nothing timed out"


@given(
    known=st.lists(st.integers(1, 30), min_size=1, max_size=40),
    bounds=st.lists(st.integers(1, 30), max_size=40),
    q=st.sampled_from([0.1, 0.25, 0.5, 0.9, 0.99]),
)
def test_quantiles_are_those_of_scipys_kaplan_meier(known, bounds, q):
    curve = ecdf(CensoredData(uncensored=known, right=bounds)).sf
    reached = [float(t) for t, left in zip(curve.quantiles, curve.probabilities, strict=True) if left <= 1 - q + 1e-9]
    ((value, bound),) = quantiles(np.sort(known), np.sort(bounds).astype(np.int64), [q])
    if reached:
        assert (value, bound) == (pytest.approx(reached[0]), False)
    else:
        assert bound
        assert value == max([*known, *bounds])
