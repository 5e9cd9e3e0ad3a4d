"""Little's law as a check of the records."""

import numpy as np
import pytest

from pmplab.analysis import little

from . import rows

WINDOW = (10 * rows.S, 50 * rows.S)


@pytest.fixture
def queue():
    """Return arrivals at random, 200 a second for a minute, that stay 100 ms in the mean, and what is in flight at each tick."""
    rng = np.random.default_rng(1)
    due = np.sort(rng.uniform(0, 60_000, 12_000))
    took = rng.exponential(100, 12_000)
    t = np.arange(0, 60_000, 20.0)
    in_flight = np.searchsorted(due, t, side="right") - np.searchsorted(np.sort(due + took), t, side="right")
    return rows.attempts(took, due_ms=due), rows.frame("load", t=(t * rows.MS).astype(np.int64), in_flight=in_flight)


def test_the_law_holds_for_a_queue_that_was_recorded_whole(queue):
    actions, load = queue
    found = little(rows.run(actions=actions, load=load), WINDOW)
    assert found.verdict == "holds"
    assert (found.in_flight, found.per_s, found.stay_ms) == (
        pytest.approx(20, rel=0.1),
        pytest.approx(200, rel=0.05),
        pytest.approx(100, rel=0.05),
    )


def test_lost_records_break_it(queue):
    actions, load = queue
    found = little(rows.run(actions=actions.gather_every(2), load=load), WINDOW)
    assert (found.verdict, found.ratio) == ("broken", pytest.approx(2, rel=0.1))


def test_waiting_for_a_lease_is_not_in_flight(queue):
    actions, load = queue
    waited = actions.with_columns(t_intended=actions["t_intended"] - 5 * rows.S, lease_wait=5 * rows.S)
    assert little(rows.run(actions=waited, load=load), WINDOW).verdict == "holds"


def test_too_little_to_tell_is_no_verdict(queue):
    actions, load = queue
    assert little(rows.run(actions=actions, load=load), (0, rows.S // 10)).note == "the window is too short to tell"
    idle = rows.run(actions=rows.attempts(np.ones(500), due_ms=np.arange(500) * 100.0), load=load.with_columns(in_flight=0))
    found = little(idle, WINDOW)
    assert (found.verdict, found.ratio) == ("unknown", 0)


def test_ticks_that_fall_together_with_arrivals_are_no_finding():
    # One arrival every 20 ms, at the tick, stays 30 ms: 1.5 are in flight in the mean, but each tick sees one before it comes.
    actions = rows.attempts(np.full(3000, 30.0), due_ms=np.arange(3000) * 20.0)
    load = rows.frame("load", t=np.arange(3000) * 20 * rows.MS, in_flight=1)
    found = little(rows.run(actions=actions, load=load), WINDOW)
    assert (found.verdict, found.ratio) == ("unknown", pytest.approx(1 / 1.5, abs=0.01))
    assert found.note == "the difference is less than one attempt in flight: too little to tell"
