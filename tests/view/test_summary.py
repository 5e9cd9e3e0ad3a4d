from __future__ import annotations

from pathlib import Path

import pytest

from pmplab.view import columns, summary, units, wbs

from . import samples

GOLDEN = Path(__file__).parent / "golden"


def golden(name: str, text: str) -> None:
    """Compare with a file; delete the file to have it written anew."""
    path = GOLDEN / name
    if not path.exists():
        path.write_text(text, encoding="utf-8")
        pytest.fail(f"{name} was written: read it, then run again")
    assert text == path.read_text(encoding="utf-8")


def test_the_summary_reads_as_k6_users_know_it() -> None:
    golden("summary.txt", summary.text(samples.summary(), width=100))


def test_a_run_that_recorded_nothing_still_has_a_summary() -> None:
    found = samples.summary(
        status="failed",
        message="the network\nis down",
        actions={},
        tasks=0,
        tasks_by_exit={},
        errors=[],
        spawn={"planned_s": 5.0, "actual_s": None},
        duration_s=0.0,
    )
    golden("summary-empty.txt", summary.text(found))


def test_the_smallest_summary_is_no_error() -> None:
    text = summary.text({"run_id": "r", "status": "crashed", "run_dir": "/r"})
    assert "r  crashed" in text
    assert "pmp show r" in text


def test_what_was_in_flight_is_said_only_when_something_was() -> None:
    assert "actions_in_flight.........: 7" in summary.text(samples.summary(in_flight=7))
    assert "in_flight" not in summary.text(samples.summary(in_flight=0))


def test_what_was_cancelled_is_neither_a_failure_nor_a_success() -> None:
    cut = {"one": samples.action(count=10, fail=2, timeout=1, cancelled=3)}
    text = summary.text(samples.summary(actions=cut))
    assert "actions_succeeded.........: 40.00%" in text
    assert "actions_failed............: 20.00%" in text
    assert "actions_cancelled.........: 30.00%" in text
    head, row = (line.split() for line in text.splitlines() if line.split()[:1] in (["action"], ["one"]))
    assert dict(zip(head, row, strict=False))["cancelled"] == "3"
    assert "cancelled" not in summary.text(samples.summary())


def test_no_line_but_a_path_is_wider_than_asked() -> None:
    lines = summary.text(samples.summary(), width=100).splitlines()
    assert max(columns.width(line) for line in lines if "20261123" not in line) <= 108


def test_the_wbs_is_a_tree() -> None:
    golden("wbs.txt", wbs.text(samples.wbs()))


def test_the_wbs_in_html_is_escaped() -> None:
    assert "<script" not in wbs.html({**samples.wbs(), "name": "<script>alert(1)</script>"})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0004, "0us"),
        (0.812, "812us"),
        (0.9996, "1.00ms"),
        (1.234, "1.23ms"),
        (99.96, "100ms"),
        (999.6, "1.00s"),
        (65000, "1m05.0s"),
        (None, "-"),
    ],
)
def test_times_have_three_figures_and_the_unit_that_fits(value: float | None, text: str) -> None:
    assert units.millis(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.5, "500ms"), (5, "5s"), (2.5, "2.5s"), (90, "1m30s"), (60.5, "1m00.5s"), (7200, "2h"), (None, "-")]
)
def test_span(value: float | None, text: str) -> None:
    assert units.span(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(5, "5.0s"), (59.96, "1m00.0s"), (69.3, "1m09.3s"), (3599.99, "1h00m"), (7500, "2h05m"), (None, "-")]
)
def test_clock(value: float | None, text: str) -> None:
    assert units.clock(value) == text


def test_a_share_is_never_rounded_to_all_or_none() -> None:
    assert units.share(999_999, 1_000_000) == "99.99%"
    assert units.share(1, 1_000_000) == "0.01%"
    assert units.share(0, 10) == "0.00%"
    assert units.share(10, 10) == "100.00%"
    assert units.share(0, 0) == "-"


def test_wide_characters_take_two_columns() -> None:
    assert columns.lines([["宽", "x"], ["ab", "y"]], indent="") == ["宽  x", "ab  y"]
