"""What was kept of a run."""

import numpy as np
import polars as pl
from polars.testing import assert_frame_equal

from pmplab.analysis.errors import errors
from pmplab.analysis.kept import cut, hold, table, windowed
from pmplab.analysis.percentiles import percentiles
from pmplab.analysis.phases import phases
from pmplab.workbook.frames import Frames

from . import rows


def test_a_table_that_lacks_columns_has_them_as_null():
    old = rows.run(actions=rows.attempts([1, 2]).drop("t_connect", "resource"))
    found = table(old, "actions").collect()
    assert set(found.columns) == set(rows.frame("actions").columns)
    assert found["t_connect"].null_count() == 2
    assert found.schema["resource"] == pl.Categorical


def test_a_run_that_is_held_is_the_same_run():
    rng = np.random.default_rng(1)
    actions = rows.attempts(rng.exponential(5, 500), due_ms=np.arange(500) * 9.0, **rows.failing(rng.random(500) < 0.1))
    frames = rows.run(actions=actions, load=rows.frame("load", t=[0, 1]))
    held = hold(frames)
    assert_frame_equal(held.actions.collect(), actions, check_column_order=False)
    assert percentiles(held) == percentiles(frames)
    assert errors(held) == errors(frames)
    assert_frame_equal(phases(held).rows, phases(frames).rows)
    assert held.load.collect().height == 2


def test_a_run_too_large_to_be_held_stays_where_it_is(tmp_path):
    frames = rows.run(actions=rows.attempts([1, 2, 3]))
    assert "HCONCAT" not in hold(frames, most=2).actions.explain()
    assert "HCONCAT" in hold(frames, most=3).actions.explain()
    assert hold(Frames(tmp_path)).actions.collect().is_empty()


def test_a_cut_has_what_ended_in_it_and_the_load_of_it():
    s = rows.S
    frames = rows.run(
        actions=rows.attempts([500, 500, 500], due_ms=[0, 1000, 2500]),
        load=rows.frame("load", t=[0, s, 2 * s]),
        windows=rows.frame("windows", t=[0, s, 2 * s]),
    )
    found = cut(frames, s, 2 * s)
    assert [len(getattr(found, name).collect()) for name in ("actions", "load", "windows", "tasks")] == [1, 1, 1, 0]
    assert windowed(frames)
    assert not windowed(rows.run())
