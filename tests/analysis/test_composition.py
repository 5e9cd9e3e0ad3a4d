"""What a workflow is made of."""

import numpy as np
import pytest

from pmplab.analysis import composition

from . import rows


def tri_phase(n=1000, p=0.1, seed=1):
    """Return the rows of a workflow of three steps, each failing with probability p, after which the task ends."""
    rng = np.random.default_rng(seed)
    fails = rng.random((n, 3)) < p
    reached = np.cumprod(np.column_stack([np.ones(n), ~fails[:, :2]]), axis=1).astype(bool)
    took = rng.uniform(8, 12, (n, 3))
    took[:, 1] = np.where(np.arange(n) % 10 == 0, 200, 5)
    spent = np.where(reached, took, 0)
    begin = np.arange(n) * 100.0
    due = begin[:, None] + np.cumsum(spent, axis=1) - spent
    task, step = np.nonzero(reached)
    actions = rows.attempts(
        took[reached],
        due_ms=due[reached],
        node=[f"web/tri/{('get', 'post', 'delete')[one]}" for one in step],
        task=task,
        scenario="web",
        **rows.failing(fails[reached]),
    )
    failed = (fails & reached).any(axis=1)
    ends = np.rint((begin + spent.sum(axis=1) + 4) * rows.MS).astype(np.int64)
    tasks = rows.frame(
        "tasks",
        task=np.arange(n),
        scenario="web",
        t_start=(begin * rows.MS).astype(np.int64),
        t_end=ends,
        exit=["error_out" if one else "done" for one in failed],
    )
    return rows.run(actions=actions, tasks=tasks), failed.mean()


def test_a_task_fails_when_one_of_its_steps_does():
    frames, failed = tri_phase()
    (found,) = composition(frames).scenarios
    assert found.p_fail == failed
    # Exact, not only near: every failed step here ends its task.
    assert found.p_fail_composed == pytest.approx(failed)
    assert found.p_fail == pytest.approx(1 - 0.9**3, abs=0.04)


def test_time_is_that_of_the_steps_and_waits():
    frames, _ = tri_phase()
    (found,) = composition(frames).scenarios
    assert [one.node for one in found.steps] == ["web/tri/get", "web/tri/post", "web/tri/delete"]
    assert found.waits_ms == pytest.approx(4, abs=1e-3)
    assert sum(one.mean_ms for one in found.steps) + found.waits_ms == pytest.approx(found.mean_ms)
    assert [round(one.reached, 1) for one in found.steps] == [1.0, 0.9, 0.8]


def test_the_critical_step_is_the_one_that_slow_tasks_wait_for():
    frames, _ = tri_phase()
    (found,) = composition(frames).scenarios
    get, post, _delete = found.steps
    assert found.critical == "web/tri/post"
    assert post.slow_share > 0.85
    assert post.slow_share > post.share > get.slow_share


def test_a_step_that_succeeds_when_tried_again_did_not_fail():
    actions = rows.attempts([1, 1, 1], due_ms=[0, 1, 100], task=[0, 0, 1], attempt=[1, 2, 1], **rows.failing([1, 0, 0]))
    tasks = rows.frame("tasks", task=[0, 1], t_end=[5 * rows.MS, 105 * rows.MS], t_start=[0, 100 * rows.MS])
    (found,) = composition(rows.run(actions=actions, tasks=tasks)).scenarios
    assert (found.steps[0].p_fail, found.p_fail, found.p_fail_composed) == (0, 0, 0)
