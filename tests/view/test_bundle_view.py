from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pmplab.view import bundle_view, diagnostics, load_curve

from . import samples
from .test_summary import golden


def bundle(plan: dict[str, Any], rendered: str = "", severities: tuple[str, ...] = ()) -> Any:
    found = tuple(SimpleNamespace(severity=severity) for severity in severities)
    checked = SimpleNamespace(plan=plan, diagnostics=found, rendered=rendered)
    return SimpleNamespace(name="tri", path=Path("/b/tri"), checked=checked)


def test_a_bundle_as_text() -> None:
    golden("bundle.txt", bundle_view.plain(bundle(samples.plan(), "warning[PMP-W0105]: no `version`\n", ("warning",))))


def test_a_bundle_in_html_has_no_script_and_escapes_what_it_shows() -> None:
    plan = samples.plan(name="<b>&")
    found = bundle_view.mimebundle(bundle(plan))["text/html"]
    assert "<script" not in found
    assert "&lt;b&gt;&amp;" in found
    assert "<svg" in found


@pytest.mark.parametrize(
    ("changes", "points", "words"),
    [
        ({}, [(0, 0), (5, 1000), (6.25, 1000)], "1000 users at 200/s: the last one at 5s, one task each"),
        (
            {
                "spawn": {"shape": "ramp", "from": 0, "to": 1000, "over": 60_000_000_000},
                "users": 500,
                "task_duration": 120_000_000_000,
            },
            [(0, 0), (30, 500), (60, 500), (120, 500)],
            "0 to 1000 users within 1m, at most 500, each for 2m",
        ),
        ({"spawn": {"shape": "at-once"}, "users": 3, "iterations": 4}, [(0, 3), (1, 3)], "3 users at once, 4 tasks each"),
        (
            {"spawn": {"shape": "ramp", "from": 10, "to": 0, "over": 5_000_000_000}, "users": 10, "max_duration": 9_000_000_000},
            [(0, 10), (5, 0), (9, 0)],
            "10 to 0 users within 5s, for 9s",
        ),
    ],
)
def test_planned_load(changes: dict[str, Any], points: list[tuple[float, float]], words: str) -> None:
    (curve,) = load_curve.curves(samples.plan(**changes))
    corners = [point for i, point in enumerate(curve.points) if i == 0 or point != curve.points[i - 1]]
    assert corners == [(pytest.approx(x), pytest.approx(y)) for x, y in points]
    assert curve.words == words
    assert load_curve.text(samples.plan(**changes))


def _rate(count: int) -> dict[str, int]:
    return {"count": count, "per": 1_000_000_000}


@pytest.mark.parametrize(
    ("arrival", "points", "words"),
    [
        (
            {"shape": {"shape": "constant", "rate": _rate(50)}, "duration": 10_000_000_000, "when_full": "queue"},
            [(0, 50), (10, 50)],
            "50 arrivals/s for 10s, at most 1000 users: an arrival that finds none free waits",
        ),
        (
            {"shape": {"shape": "ramp", "from": _rate(100), "to": _rate(400)}, "duration": 6_000_000_000, "when_full": "drop"},
            [(0, 100), (6, 400)],
            "100 to 400 arrivals/s for 6s, at most 1000 users: an arrival that finds none free is dropped",
        ),
        (
            {"shape": {"shape": "stairs", "from": _rate(10), "to": _rate(30), "steps": 3}, "duration": 6_000_000_000},
            [(0, 10), (2, 10), (2, 20), (4, 20), (4, 30), (6, 30)],
            "10 to 30 arrivals/s in 3 steps for 6s, at most 1000 users: an arrival that finds none free waits",
        ),
        (
            {"shape": {"shape": "burst", "size": 50, "every": 250_000_000}, "duration": 2_000_000_000},
            [(0, 200), (2, 200)],
            "50 arrivals at once every 250ms for 2s, at most 1000 users: an arrival that finds none free waits",
        ),
        (
            {"shape": {"shape": "poisson", "rate": {"count": 5, "per": 2_000_000_000}}, "duration": 4_000_000_000},
            [(0, 2.5), (4, 2.5)],
            "2.5 arrivals/s on average, at random for 4s, at most 1000 users: an arrival that finds none free waits",
        ),
    ],
)
def test_open_scenarios_are_drawn_by_their_arrivals(arrival: dict[str, Any], points: list[Any], words: str) -> None:
    (curve,) = load_curve.curves(samples.plan(arrival=arrival))
    assert list(curve.points) == [(pytest.approx(x), pytest.approx(y)) for x, y in points]
    assert (curve.words, curve.unit) == (words, "arrivals/s")
    assert "arrivals/s at most" in load_curve.html(samples.plan(arrival=arrival))


def test_the_curve_between_its_corners() -> None:
    (curve,) = load_curve.curves(samples.plan())
    assert [curve.at(second) for second in (0, 2.5, 5, 99)] == [0, 500, 1000, 1000]


def test_diagnostics_are_counted_and_coloured() -> None:
    assert diagnostics.count(["error", "warning", "error", "info"]) == "2 errors, 1 warning, 1 info"
    assert diagnostics.count([]) == "no diagnostics"
    rendered = "error[PMP-E0102]: unknown key `<b>`\n  --> script.yaml:66:7\n"
    assert "&lt;b&gt;" in diagnostics.html(rendered)
    assert '<b class="bad">error[PMP-E0102]</b>' in diagnostics.html(rendered)
    assert diagnostics.colour(rendered).startswith("\x1b[1;31merror[PMP-E0102]\x1b[0m: ")
