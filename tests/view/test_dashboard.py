"""The dashboard of a run that goes on, drawn from made-up values."""

from __future__ import annotations

import json
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import polars as pl
import pytest

from pmplab.analysis.flags import Flag
from pmplab.analysis.thresholds import Judged
from pmplab.view import chart, dashboard, progress
from pmplab.view.dashboard import Alert, Second, Seen, Users
from pmplab.workbook.follow import Wrong

from . import samples

MS = 1e6
SECOND = 1_000_000_000


def seen(**changes: Any) -> Seen:
    found = Seen(
        "r1",
        samples.progress(),
        {"http-bulk": 512.0},
        bundle="http-tri-phase",
        ends={"http-bulk": 10.6},
        seconds=[Second(second, 500 + second, second, 1.0, 4.0, 20.0 + second) for second in range(6)],
        users=[Users(float(t), 200.0 * t, 190.0 * t, 150.0 * t) for t in range(6)],
        lately={"count": 2500, "fail": 3, "timeout": 1, "p50_ms": 0.812, "p95_ms": 4.2, "p99_ms": 25.0},
        actions=[{"node": "http-bulk/w/get", "count": 2310, "fail": 12, "timeout": 0, "p50_ms": 0.8, "max_ms": 31.0}],
        wrong=[Wrong("http-bulk/w/get", "transport.reset", "target", 12, "<b>the peer reset it</b>")],
        flags=[Flag("resource", "3 users wait")],
        alerts=[Alert(3.2, "failing", "http-bulk", "12 failed", "shop-team")],
        thresholds=[
            Judged(
                "p99(get) < 20ms",
                "p99",
                ok=False,
                value=25 * MS,
                bound=20 * MS,
                window=None,
                second=None,
                abort=True,
                measured=True,
            ),
            Judged("rate > 1/s", "rate", ok=True, value=None, bound=1.0, window=None, second=None, abort=False, measured=False),
        ],
    )
    return replace(found, **changes)


class Tags(HTMLParser):
    """Collects the tags, and whether they close in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.all: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self.all.append(tag)
        self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self.all.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_all_that_is_known_is_in_it_and_no_script() -> None:
    html = dashboard.html(seen())
    tags = Tags()
    tags.feed(html)
    assert tags.open == []
    assert "script" not in tags.all
    assert tags.all.count("svg") == 4
    for words in ("running", "5.3s left", "871/1000", "512/s", "812us", "4.20ms", "25.0ms", "0.52%", "http-tri-phase"):
        assert words in html, words
    for words in ("p99(get) &lt; 20ms", "nothing yet", "12 failed", "shop-team", "3 users wait", "transport.reset"):
        assert words in html, words
    assert "&lt;b&gt;the peer reset it" in html


def test_the_text_says_the_same_in_lines() -> None:
    text = dashboard.text(seen())
    assert "response time of the last 5s: p50 812us, p95 4.20ms, p99 25.0ms" in text
    assert text.splitlines()[-3:] == ["threshold broken: p99(get) < 20ms", "alert at 3.2s: 12 failed", "risk: 3 users wait"]


def test_before_the_first_snapshot_and_before_the_first_record() -> None:
    assert dashboard.text(Seen("r1")) == "Run r1: starting"
    assert "compiling and checking" in dashboard.html(Seen("r1"))
    assert "<svg" not in dashboard.html(Seen("r1", samples.progress()))


def test_its_size_does_not_grow_with_the_run() -> None:
    day = [Second(second, 20_000, 3, 1.0, 4.0, 20.0) for second in range(86_400)]
    assert len(dashboard.html(seen(seconds=day))) < 40_000


def test_what_is_left_is_planned_or_told_from_what_is_done() -> None:
    assert seen().left_s == pytest.approx(5.3)
    assert seen(ends={}).left_s == pytest.approx(5.3 * 871 / 129)
    assert seen(ends={}, progress=samples.progress(offline=10)).left_s is None
    assert seen(ends={"http-bulk": 1.0}).left_s == 0


def test_the_ends_that_a_plan_tells() -> None:
    rate = {"shape": "rate", "count": 10, "per": SECOND}
    scenarios = [
        {"name": "closed", "users": 100, "spawn": rate, "task_duration": 20 * SECOND, "start": "at-once"},
        {"name": "bound", "users": 100, "spawn": rate, "task_duration": 20 * SECOND, "max_duration": 15 * SECOND},
        {"name": "open", "arrival": {"duration": 7 * SECOND}, "spawn": {"shape": "at-once"}, "start": {"at": 2 * SECOND}},
        {"name": "then", "users": 1, "spawn": {"shape": "at-once"}, "task_duration": SECOND, "start": {"after": 2}},
        {"name": "unknown", "users": 1, "spawn": {"shape": "at-once"}},
        {"name": "never", "users": 1, "spawn": {"shape": "at-once"}, "task_duration": SECOND, "start": {"after": 4}},
    ]
    assert progress.planned_ends({"scenarios": scenarios}) == {"closed": 30, "bound": 15, "open": 9, "then": 10}
    assert progress.planned_ends(None) == {}


def test_an_open_scenario_is_as_far_as_its_time() -> None:
    open_one = {"name": "open", "users": 50, "offline": 3, "duration_ns": None}
    assert progress.done_share(open_one, 5.0, 10.0) == 0.5
    assert progress.done_share(open_one, 5.0) == 0.06


def test_alerts_are_found_among_the_changes() -> None:
    what = {"t": 2 * SECOND, "alert": "failing", "scenario": "s", "message": "12 failed", "notify": None}
    rows = pl.DataFrame(
        {
            "section": pl.Series(["communications", "communications", "registers"], dtype=pl.Categorical),
            "path": ["log.warn", "alerts.failing", "alerts.x"],
            "value": ['"12 failed"', json.dumps(what), "{}"],
        }
    )
    assert dashboard.alerts_of(rows) == [Alert(2.0, "failing", "s", "12 failed", None)]


def test_thinning_keeps_peaks_or_means_and_the_end() -> None:
    points = [(float(x), 100.0 if x == 317 else None if x < 10 else 1.0) for x in range(1000)]
    peaks = chart.thinned(points, 100)
    assert len(peaks) == 100
    assert max(y for _, y in peaks if y is not None) == 100
    assert peaks[0] == (9.0, None)
    assert peaks[-1][0] == 999
    assert max(y for _, y in chart.thinned(points, 100, mean=True) if y is not None) == pytest.approx(10.9)


@pytest.mark.parametrize(("value", "top"), [(0, 1), (0.3, 0.3), (7, 8), (20_012, 25_000), (1_000, 1_000), (float("inf"), 1)])
def test_scales_end_at_round_numbers(value: float, top: float) -> None:
    assert chart._above(value) == pytest.approx(top)


def test_a_gap_cuts_a_line_and_a_lone_point_is_seen() -> None:
    svg = chart.chart("T", [chart.Line("a", [(0, 1.0), (1, 2.0), (2, None), (3, 4.0)], chart.BLUE)], say=str)
    assert svg.count("<polyline") == 1
    assert svg.count("<circle") == 1
