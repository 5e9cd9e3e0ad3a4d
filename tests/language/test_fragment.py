"""The steps of the design draft's section 7, word for word: what becomes of them as the target answers."""

from __future__ import annotations

from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Protocol

import pytest

from tests.language.conftest import LOAD, exits, sent

if TYPE_CHECKING:
    import pmplab
    from tests.language.conftest import Simulate

STEPS = (Path(__file__).parents[1] / "dsl" / "seed" / "section-7-steps.yaml").read_text()


class Fragment(Protocol):
    """Runs the steps against a target that answers a get like this."""

    def __call__(self, get: str) -> pmplab.Run: ...


@pytest.fixture
def fragment(simulate: Simulate) -> Fragment:
    """Run the steps as a workflow of two users with a pair each."""

    def run(get: str) -> pmplab.Run:
        script = f"workflows:\n  w:\n    steps:\n{indent(STEPS, '      ')}{LOAD}"
        model = f"calls:\n  http.get: {get}\n  http.post: {{latency: 30ms, outputs: {{status: 201}}}}\n"
        return simulate(script, model=model, pairs=2)

    return run


def test_a_good_answer_is_followed_by_the_post_of_the_branch(fragment: Fragment) -> None:
    run = fragment("{latency: 5ms, outputs: {status: 200, body: asset}}")
    calls = [(event, begin, end) for _, event, begin, end in sent(run)]
    assert calls == [("success", 0, 5), ("success", 5, 35)]
    assert exits(run) == {"done": 2}


def test_another_answer_is_asked_for_again_within_the_budget_and_the_rate_limit(fragment: Fragment) -> None:
    run = fragment("{latency: 5ms, outputs: {status: 503, body: later}}")
    rows = run.frames.actions.collect().sort("seq")
    mine = rows.filter(rows["user"] == 0)
    assert mine["call"].cast(str).to_list() == ["get"] * 3
    assert mine["attempt"].to_list() == [1, 2, 3]
    # 50 a second: one every 20 ms, of which the call itself took 5.
    assert [round(t / 1e6) for t in mine["t_intended"].to_list()] == [0, 20, 40]
    assert [round(t / 1e6) for t in mine["throttle_wait"].to_list()] == [0, 15, 15]
    assert exits(run) == {"error_out": 2}


def test_no_answer_in_half_a_second_is_a_timeout_and_no_failure(fragment: Fragment) -> None:
    run = fragment("{latency: 2s, outputs: {status: 200, body: asset}}")
    assert [(event, begin, end) for _, event, begin, end in sent(run)] == [("timeout", 0, 500)]
    assert exits(run) == {"timeout_out": 2}
