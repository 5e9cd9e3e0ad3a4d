"""The report: what it says of a run, and that it is one page without scripts."""

from __future__ import annotations

import json
import random
from pathlib import Path

import polars as pl
import pytest

import pmplab
from pmplab.cli import main
from pmplab.errors import RunNotFoundError, UsageError
from pmplab.library import lessons
from tests.made_runs import actions, make


def test_the_second_run_of_a_scenario_has_its_comparison_without_anyone_asking(tmp_path: Path) -> None:
    make(tmp_path, 1, frame=actions(random.Random(1), 2000))
    make(tmp_path, 2, frame=actions(random.Random(2), 2000, p50_ms=80))
    report = pmplab.report("latest", home=tmp_path)
    assert report.comparison is not None
    assert report.comparison.verdict == "worse"
    assert report.verdict == "failed"
    assert any("worse than previous" in reason for reason in report.reasons)
    assert "Comparison" in report.html


@pytest.mark.parametrize(
    ("facts", "verdict", "words"),
    [
        ({}, "passed", "no threshold"),
        ({"status": "stopped", "message": "stopped by the user"}, "inconclusive", "stopped by the user"),
        ({"status": "crashed"}, "inconclusive", "crashed"),
        ({"thresholds": [{"threshold": "p99 < 1ms", "metric": "p99", "ok": False, "value": 1e8}]}, "failed", "p99 < 1ms"),
        ({"thresholds": [{"threshold": "p99 < 1s", "metric": "p99", "ok": True, "value": 1e8}]}, "passed", "all 1 thresholds"),
    ],
)
def test_the_verdict_has_its_reasons(tmp_path: Path, facts: dict[str, object], verdict: str, words: str) -> None:
    make(tmp_path, 1, frame=actions(random.Random(1), 500), **facts)  # type: ignore[arg-type]
    report = pmplab.report("latest", home=tmp_path)
    assert report.verdict == verdict
    assert any(words in reason for reason in report.reasons)


def test_a_run_without_a_success_failed(tmp_path: Path) -> None:
    make(tmp_path, 1, frame=actions(random.Random(1), 100, fail=1.0))
    report = pmplab.report("latest", home=tmp_path)
    assert (report.verdict, report.reasons) == ("failed", ("not one action succeeded",))


@pytest.mark.parametrize("count", [0, 1, 2])
def test_hardly_any_records_give_a_report_without_a_nan(tmp_path: Path, count: int) -> None:
    make(tmp_path, 1, frame=actions(random.Random(1), count))
    report = pmplab.report("latest", home=tmp_path)
    assert report.verdict == ("passed" if count else "empty")
    shown = report.html + repr(report._repr_mimebundle_()["text/plain"])
    assert "nan" not in shown.lower()


def test_a_column_that_an_older_run_lacks_does_not_matter(tmp_path: Path) -> None:
    frame = actions(random.Random(1), 300).drop("throttle_wait", "message")
    make(tmp_path, 1, frame=frame)
    assert pmplab.report("latest", home=tmp_path).verdict == "passed"


def test_the_page_needs_nothing_else(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    frame = actions(random.Random(1), 500, fail=0.2).with_columns(message=pl.lit(evil))
    make(tmp_path, 1, frame=frame, labels={"x": evil})
    html = pmplab.report("latest", home=tmp_path).html
    assert "<script" not in html
    assert "http://" not in html
    assert "https://" not in html
    assert html.startswith("<!DOCTYPE html>")


def test_the_command_prints_or_writes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(tmp_path, 1, frame=actions(random.Random(1), 500, fail=0.2))

    def pmp(*words: str) -> int:
        return main(["--home", str(tmp_path), "report", *words])

    assert pmp() == 0
    assert "RISKS" in capsys.readouterr().out
    assert pmp("latest", "--out", str(tmp_path / "report.html")) == 0
    assert (tmp_path / "report.html").read_text().startswith("<!DOCTYPE html>")
    capsys.readouterr()
    assert pmp("--json") == 0
    assert json.loads(capsys.readouterr().out)["verdict"] == "passed"
    assert pmp("latest", "--out", str(tmp_path / "no" / "report.html")) == 2
    assert pmp("nowhere") == 2
    assert pmp("latest", "--baseline", "nothing") == 2


def test_errors_are_those_of_users(tmp_path: Path) -> None:
    folder = make(tmp_path, 1)
    (folder / "parts" / "actions" / "s0-000001.parquet").write_bytes(b"PAR1 torn")
    with pytest.raises(UsageError, match="cannot be read"):
        pmplab.report("latest", home=tmp_path)
    with pytest.raises(RunNotFoundError):
        pmplab.report("2020", home=tmp_path)


def test_what_was_learned_stands_in_the_reports_of_later_runs(tmp_path: Path) -> None:
    first = pmplab.open_run(make(tmp_path, 1, frame=actions(random.Random(1), 500)))
    lessons.add(first, "warm the cache <first>")
    dropped = lessons.add(first, "buy more memory")
    lessons.reject(first, dropped.id)
    make(tmp_path, 2, key="other", frame=actions(random.Random(2), 500))
    assert pmplab.report("latest", home=tmp_path).learned == ()
    make(tmp_path, 3, frame=actions(random.Random(3), 500))
    report = pmplab.report("latest", home=tmp_path)
    assert [(run, one.recommendation) for run, one in report.learned] == [(first.id, "warm the cache <first>")]
    assert "warm the cache &lt;first&gt;" in report.html
    assert "LEARNED BEFORE" in repr(report._repr_mimebundle_()["text/plain"])
    assert pmplab.report(first).learned == (), "its own are not from before"
