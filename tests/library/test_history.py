"""The runs of a scenario over time, and since when they are slower."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from pmplab.cli import main
from pmplab.errors import UsageError
from pmplab.library import Library
from pmplab.view import history_view
from tests.made_runs import actions, make


def run_of(home: Path, number: int, p50_ms: float = 50.0, **facts: object) -> Path:
    # Runs scatter by 2 % or so, as real ones do.
    scatter = random.Random(1000 + number).gauss(1, 0.02)
    return make(home, number, frame=actions(random.Random(number), 400, p50_ms=p50_ms * scatter), **facts)  # type: ignore[arg-type]


@pytest.fixture
def slower_from_ten_on(tmp_path: Path) -> list[str]:
    return [run_of(tmp_path, number, 50.0 if number < 10 else 60.0).name for number in range(18)]


def test_the_run_from_which_on_it_is_slower_is_named_with_when_and_how_much(
    tmp_path: Path, slower_from_ten_on: list[str]
) -> None:
    with Library(tmp_path) as library:
        found = library.history("web")
    assert found.frame["run_id"].to_list() == slower_from_ten_on
    assert found.frame["started"].is_sorted()
    since = {change.metric: change for change in found.changes}
    assert set(since) == {"p50_ms", "p99_ms"}
    p50 = since["p50_ms"]
    assert p50.run_id == slower_from_ten_on[10]
    assert p50.between[0] <= slower_from_ten_on[10] <= p50.between[1]
    assert p50.low < 1.2 < p50.high
    assert p50.ratio == pytest.approx(1.2, abs=0.04)
    assert (p50.verdict, p50.started) == ("worse", found.frame["started"][10])
    assert "p50 x1.2" in history_view.text(found)
    assert "worse, since" in history_view.html(found)


def test_runs_that_are_not_like_the_newest_ones_are_left_out(tmp_path: Path, slower_from_ten_on: list[str]) -> None:
    run_of(tmp_path, 20, status="stopped")
    run_of(tmp_path, 21, labels={"capacity": "10/s"})
    run_of(tmp_path, 5_00, key="older", overrides=[["load.scenarios[0].user-count", "5"]])
    run_of(tmp_path, 6_00)
    with Library(tmp_path) as library:
        found = library.history("web")
    assert len(found.frame) == len(slower_from_ten_on) + 1
    assert "1 run of another script or load is left out" in found.notes


def test_few_runs_say_that_they_are_few_and_an_unknown_scenario_which_there_are(tmp_path: Path) -> None:
    run_of(tmp_path, 1)
    with Library(tmp_path) as library:
        found = library.history()
        assert (len(found.frame), found.changes) == (1, ())
        assert "1 run: a change shows from 6 on" in found.notes
        with pytest.raises(UsageError, match="did you mean `web`"):
            library.history("wep")
    with Library(tmp_path / "none") as library, pytest.raises(UsageError, match="no runs yet"):
        library.history()


def test_the_verb_shows_the_history(tmp_path: Path, slower_from_ten_on: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--home", str(tmp_path), "runs", "--history"]) == 0
    shown = capsys.readouterr().out
    assert "HISTORY  web" in shown
    assert f"since {slower_from_ten_on[10]}" in shown
    assert main(["--home", str(tmp_path), "runs", "--history", "web", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["changes"][0]["run_id"] == slower_from_ten_on[10]
    assert main(["--home", str(tmp_path), "runs", "--history", "wob"]) == 2
    assert main(["--home", str(tmp_path), "runs", "cache", "--history"]) == 2
