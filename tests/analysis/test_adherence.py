"""Whether the load was what the plan wanted."""

import numpy as np
import pytest

from pmplab.analysis import adherence

from . import rows


def load(**columns):
    n = len(columns["t_s"])
    t = np.asarray(columns.pop("t_s")) * rows.S
    return rows.frame("load", t=t, seq=np.arange(n), **columns)


def only(**tables):
    (found,) = adherence(rows.run(**tables))
    return found


def test_the_area_between_the_curves_over_the_planned_area():
    t = np.arange(101)
    found = only(load=load(t_s=t, planned=10, online=np.where(t < 50, 8, 10)))
    assert (found.deviation, found.planned_user_s) == (pytest.approx(0.1), 1000)


def test_a_user_that_has_finished_is_as_planned_and_one_too_many_is_not():
    t = np.arange(11)
    assert only(load=load(t_s=t, planned=10, online=4, stop=1, offline=5)).deviation == 0
    assert only(load=load(t_s=t, planned=10, online=12, offline=30)).deviation == pytest.approx(0.2)


def test_shards_add_up():
    one = load(t_s=np.arange(11), planned=10, online=9)
    both = rows.run(load=one.vstack(one.with_columns(shard=one["shard"] + 1, online=one["online"] + 1)))
    (found,) = adherence(both)
    assert (found.planned_user_s, found.deviation) == (200, pytest.approx(0.05))


def test_arrivals_are_judged_by_how_late_they_began_and_how_many_were_dropped():
    tasks = rows.frame("tasks", t_planned=np.arange(90) * rows.S, t_start=np.arange(90) * rows.S + 3 * rows.MS)
    found = only(tasks=tasks, load=load(t_s=np.arange(90), dropped=np.arange(90) // 8))
    assert (found.start_p50_ms, found.start_p99_ms, found.tasks) == (3, 3, 90)
    assert (found.dropped, found.dropped_share) == (11, pytest.approx(11 / 101))
    assert found.deviation is None


def test_of_aggregates_the_tasks_are_counted():
    found = only(ends=rows.frame("ends", count=[30, 20]))
    assert (found.tasks, found.start_p50_ms) == (50, None)
