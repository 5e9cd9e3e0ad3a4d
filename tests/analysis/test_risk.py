"""Risks, issues, earned value, milestones and lessons of runs that were worked out by hand."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pmplab.analysis.bursts import bursts
from pmplab.analysis.evm import UNBOUNDED, earned_value
from pmplab.analysis.lessons import Lesson, lessons
from pmplab.analysis.milestones import milestones
from pmplab.analysis.risk import band, register
from pmplab.workbook.frames import Frames
from tests.made_runs import actions, make

_S = 10**9
PLAN: dict[str, Any] = {
    "scenarios": [{"name": "web", "users": 10, "spawn": {"shape": "at-once"}, "max_duration": 20 * 10**9}],
    "wbs": {
        "level": "L0",
        "children": [
            {"level": "L5", "node": "web/main/get", "planned": 300, "owner": "ann", "name": "get", "action": "get"},
            {"level": "L5", "node": "web/main/post", "planned": 100, "owner": "bob", "name": "post", "action": "post"},
        ],
    },
}


def frames_of(tmp_path: Path, frame: pl.DataFrame) -> Frames:
    return Frames(make(tmp_path, 1, frame=frame))


@pytest.mark.parametrize(("p", "expected"), [(0.0, 1), (0.01, 1), (0.011, 2), (0.1, 3), (0.2, 4), (0.41, 5), (1.0, 5)])
def test_bands_of_probability(p: float, expected: int) -> None:
    assert band(p) == expected


def test_a_run_without_faults_has_an_empty_register(tmp_path: Path) -> None:
    found = register(frames_of(tmp_path, actions(random.Random(1))), PLAN)
    assert found.risks == ()
    assert found.issues == ()
    assert found.matrix() == [[[] for _ in range(5)] for _ in range(5)]


def test_failures_become_risks_with_owner_trigger_and_score(tmp_path: Path) -> None:
    frame = actions(random.Random(1), 1000, fail=0.1).with_columns(
        pl.when(pl.col("node").cast(pl.String) == "web/main/post")
        .then(pl.lit("success"))
        .otherwise(pl.col("event").cast(pl.String))
        .cast(pl.Categorical)
        .alias("event")
    )
    found = register(frames_of(tmp_path, frame), PLAN)
    (risk,) = found.risks
    assert (risk.id, risk.node, risk.owner, risk.category) == ("R01", "web/main/get", "ann", "target")
    assert risk.probability.n == 500
    assert risk.probability.low is not None
    assert risk.probability.low < 0.1 < (risk.probability.high or 0)
    # Three quarters of the planned work, severity 4: impact 3; about 10 %: band 3.
    assert (risk.band, risk.impact, risk.score, risk.level) == (3, 3, 9, "middle")
    assert risk.trigger == "fail_rate(get) < 1%"
    assert found.matrix()[2][2] == ["R01"]
    (issue,) = found.issues
    assert (issue.kind, issue.node, issue.raised_by) == ("risk", "web/main/get", "R01")
    assert issue.opened_s is not None


def test_broken_thresholds_and_alerts_are_issues(tmp_path: Path) -> None:
    facts = {
        "thresholds": [{"threshold": "p99 < 1s", "ok": False, "broken_at_s": 7}, {"threshold": "max < 9s", "ok": True}],
        "progress": {"alerts": [{"name": "failing", "t": 3 * 10**9, "notify": "ops"}]},
    }
    found = register(frames_of(tmp_path, actions(random.Random(1))), PLAN, facts=facts)
    assert [(i.id, i.kind, i.title, i.opened_s) for i in found.issues] == [
        ("I01", "alert", "failing", 3.0),
        ("I02", "threshold", "p99 < 1s", 7),
    ]


def test_a_heavy_tail_is_a_risk_of_low_severity(tmp_path: Path) -> None:
    frame = actions(random.Random(1), 1000).with_columns(
        t_end=pl.when(pl.col("seq") % 50 == 0).then(pl.col("t_intended") + 10**9).otherwise(pl.col("t_end"))
    )
    titles = [risk.title for risk in register(frames_of(tmp_path, frame), PLAN).risks]
    assert "heavy tail on web/main/post" in titles


def test_earned_value_without_a_baseline_counts_actions(tmp_path: Path) -> None:
    frame = actions(random.Random(1), 400, fail=0.25)
    good = int((frame["event"].cast(pl.String) == "success").sum())
    found = earned_value(frames_of(tmp_path, frame), PLAN)
    assert (found.unit, found.bac, found.ev, found.ac) == ("actions", 400.0, good, 400.0)
    assert found.cpi == pytest.approx(good / 400)
    # Nobody wrote a load table: all is planned from the start.
    assert found.spi == pytest.approx(good / 400)
    assert found.eac == pytest.approx(400 / (good / 400))


def test_earned_value_is_weighed_by_the_times_of_a_baseline(tmp_path: Path) -> None:
    frame = actions(random.Random(1), 400, p50_ms=100.0)
    found = earned_value(frames_of(tmp_path, frame), PLAN, {"web/main/get": 50.0, "web/main/post": 50.0})
    assert found.unit == "user-seconds"
    assert found.ev == pytest.approx(400 * 0.05)
    # Twice as slow as the baseline: half is earned of what is spent.
    assert found.cpi == pytest.approx(0.5, rel=0.05)


@pytest.mark.parametrize(
    ("shape", "shares"),
    [
        ({"shape": "constant", "rate": {"count": 100, "per": _S}}, [0.25, 0.5, 0.75, 1.0]),
        (
            {"shape": "ramp", "from": {"count": 0, "per": _S}, "to": {"count": 200, "per": _S}},
            [1 / 16, 4 / 16, 9 / 16, 1.0],
        ),
        (
            {"shape": "stairs", "from": {"count": 50, "per": _S}, "to": {"count": 150, "per": _S}, "steps": 2},
            [0.125, 0.25, 0.625, 1.0],
        ),
    ],
)
def test_what_arrives_on_a_schedule_is_planned_by_it_whoever_carries_it(tmp_path: Path, shape: Any, shares: list[float]) -> None:
    open_load = {"name": "web", "users": 5000, "arrival": {"shape": shape, "duration": 4 * 10**9}}
    found = earned_value(frames_of(tmp_path, actions(random.Random(1), 400)), {**PLAN, "scenarios": [open_load]})
    assert found.bac == 400.0
    assert found.curve["pv"][:4].to_list() == pytest.approx([400 * share for share in shares])
    assert found.spi == pytest.approx(found.ev / found.curve["pv"][-1])


def test_a_plan_that_bounds_time_has_no_planned_value(tmp_path: Path) -> None:
    plan = {"wbs": {"level": "L5", "node": "web/main/get", "planned": None}}
    found = earned_value(frames_of(tmp_path, actions(random.Random(1))), plan)
    assert (found.pv, found.spi, found.note) == (None, None, UNBOUNDED)
    nothing = earned_value(frames_of(tmp_path / "b", actions(random.Random(1), 0)), PLAN)
    assert (nothing.ev, nothing.spi, nothing.cpi) == (0.0, None, None)


def test_milestones_are_planned_and_actual(tmp_path: Path) -> None:
    facts = {
        "progress": {"scenarios": [{"planned_last_spawn_ns": 5 * 10**9, "actual_last_spawn_ns": 6 * 10**9}]},
        "thresholds": [{"threshold": "x", "ok": False, "broken_at_s": 7}],
    }
    found = {m.name: m for m in milestones(frames_of(tmp_path, actions(random.Random(1))), PLAN, facts)}
    assert found["last user spawned"].variance_s == 1.0
    assert found["first threshold broken"].actual_s == 7
    assert found["first error"].actual_s is None
    assert found["last action ended"].planned_s == 20.0
    empty = milestones(frames_of(tmp_path / "b", actions(random.Random(1), 0)))
    assert all(m.actual_s is None for m in empty)


def test_lessons_are_proposed_only_for_what_was_found(tmp_path: Path) -> None:
    calm = frames_of(tmp_path, actions(random.Random(1)))
    assert lessons(register(calm, PLAN), bursts=bursts(calm)) == ()
    bad = frames_of(tmp_path / "b", actions(random.Random(1), 2000, fail=0.2))
    found = lessons(register(bad, PLAN))
    assert found
    assert {lesson.status for lesson in found} == {"proposed"}
    again = Lesson.of(found[0].edited(status="accepted", recommendation="mend it").to_json())
    assert (again.id, again.status, again.recommendation) == (found[0].id, "accepted", "mend it")
    with pytest.raises(ValueError, match="no status"):
        Lesson.of({**found[0].to_json(), "status": "maybe"})
    # What the evidence says can be asked of the frames.
    wrong = bad.actions.filter(eval(found[0].evidence, {"pl": pl})).collect()
    assert wrong.height > 0
