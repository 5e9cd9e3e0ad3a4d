"""Risk flags of a run that goes on."""

from __future__ import annotations

from typing import Any

import pytest

from pmplab.analysis.flags import flags

CALM = {"name": "s", "planned": 100, "online": 90, "stop": 0, "offline": 10, "waiting_resource": 0, "dropped": 0}


def said(
    scenario: dict[str, Any] | None = None,
    lately: dict[str, float | None] | None = None,
    leases: dict[str, int] | None = None,
    lag_ms: float | None = 1.0,
    risks: int = 0,
) -> list[tuple[str, str]]:
    progress = {"scenarios": [{**CALM, **(scenario or {})}], "leases": leases or {}}
    found = flags(progress, lately or {"count": 1000, "fail": 1, "timeout": 0}, over_s=5, lag_ms=lag_ms, tick_ms=20, risks=risks)
    return [(one.category, one.said) for one in found]


def test_a_calm_run_has_none() -> None:
    assert said() == []
    assert said(lately={"count": 0, "fail": 0, "timeout": 0}, lag_ms=None) == []


@pytest.mark.parametrize(
    ("changes", "category", "words"),
    [
        ({"lately": {"count": 100, "fail": 4, "timeout": 2}}, "target", "6.0 % of the last 5 s did not succeed"),
        ({"scenario": {"online": 80}}, "harness", "s: 10 users fewer began than planned"),
        ({"scenario": {"waiting_resource": 10}}, "resource", "s: 10 of 90 users wait for a lease"),
        ({"scenario": {"dropped": 3}}, "harness", "s: 3 arrivals found no free user and were dropped"),
        ({"leases": {"expired": 1}}, "resource", "1 lease expired while held"),
        ({"lag_ms": 41.0}, "harness", "the scheduler was up to 41 ms late: what is measured is partly this machine"),
        ({"risks": 2}, "target", "the risk register has 2 entries: retries, or flags of the script"),
    ],
)
def test_what_is_at_risk_is_one_sentence(changes: dict[str, Any], category: str, words: str) -> None:
    assert said(**changes) == [(category, words)]


def test_of_a_few_attempts_no_share_is_told() -> None:
    assert said(lately={"count": 10, "fail": 9, "timeout": 0}) == []
