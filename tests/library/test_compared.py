"""A run beside what is usual: with baselines, with the runs before it, and what else differs."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

import pmplab
from pmplab.cli import main
from pmplab.errors import RunNotFoundError, UsageError
from pmplab.library import Library
from tests.made_runs import actions, make


def run_of(home: Path, number: int, p50_ms: float = 50.0, **facts: object) -> Path:
    return make(home, number, frame=actions(random.Random(number), 2000, p50_ms=p50_ms), **facts)  # type: ignore[arg-type]


@pytest.fixture
def five(tmp_path: Path) -> list[Path]:
    return [run_of(tmp_path, number) for number in range(5)]


def test_the_first_run_has_nothing_to_be_compared_with(tmp_path: Path) -> None:
    found = pmplab.compare(run_of(tmp_path, 1), home=tmp_path)
    assert (found.before, found.verdict, found.exit_status) == ((), "unclear", 0)
    assert "no run yet" in found.notes[0]


def test_a_slower_run_is_worse_than_its_baseline_and_only_in_what_got_slower(tmp_path: Path, five: list[Path]) -> None:
    with Library(tmp_path) as library:
        library.set_baseline("main", five)
    like = pmplab.compare(run_of(tmp_path, 10), home=tmp_path)
    slow = pmplab.compare(run_of(tmp_path, 11, 60.0), home=tmp_path)
    assert (like.name, like.verdict, like.exit_status) == ("main", "unclear", 0)
    assert (slow.verdict, slow.exit_status) == ("worse", 98)
    assert {c.metric for c in slow.gate if c.verdict == "worse"} == {"p50_ms", "p99_ms"}
    assert {c.metric for c in slow.gate if c.verdict == "better"} == set()
    assert "60" in repr(slow._repr_mimebundle_()["text/plain"])


def test_five_runs_a_side_are_judged_together(tmp_path: Path, five: list[Path]) -> None:
    again = [run_of(tmp_path, number) for number in range(10, 15)]
    assert pmplab.compare(again, five, home=tmp_path).verdict == "same"


def test_what_is_compared_with_is_the_baseline_else_the_runs_before(tmp_path: Path, five: list[Path]) -> None:
    last = run_of(tmp_path, 9)
    assert pmplab.compare(last, home=tmp_path).name == "previous"
    assert len(pmplab.compare(last, home=tmp_path).before) == 5
    with Library(tmp_path) as library:
        library.set_baseline("main", five[:2])
    assert pmplab.compare(last, home=tmp_path).name == "main"
    assert pmplab.compare(last, "previous", home=tmp_path).name == "previous"
    assert pmplab.compare(last, five[0], home=tmp_path).before == (five[0].name,)
    with pytest.raises(RunNotFoundError, match="baselines: `main`"):
        pmplab.compare(last, "mein", home=tmp_path)
    with pytest.raises(UsageError):
        pmplab.compare([], home=tmp_path)


def test_runs_of_a_baseline_that_are_gone_are_named_and_done_without(tmp_path: Path, five: list[Path]) -> None:
    import shutil

    with Library(tmp_path) as library:
        library.set_baseline("main", five)
    shutil.rmtree(five[0])
    found = pmplab.compare(run_of(tmp_path, 9), home=tmp_path)
    assert len(found.before) == 4
    assert any(five[0].name in note for note in found.notes)


def test_what_else_differs_is_listed(tmp_path: Path) -> None:
    one = run_of(tmp_path, 1, script="version: '1.0'\nusers: 1\n", labels={"target": "1"}, overrides=[["tick", "10ms"]])
    two = run_of(
        tmp_path, 2, script="version: '1.0'\nusers: 2\n", labels={"target": "2"}, components={"http": "b" * 64}, host={"cpus": 8}
    )
    found = {d.what: d for d in pmplab.compare(two, one, home=tmp_path).differences}
    assert "+users: 2" in (found["script.yaml"].diff or "")
    assert (found["labels target"].before, found["labels target"].after) == ("1", "2")
    assert (found["components http"].before, found["components http"].after) == ("a" * 12, "b" * 12)
    assert (found["set tick"].before, found["set tick"].after) == ("10ms", None)
    assert found["host cpus"].after == "8"
    assert "scenario" not in found


def test_runs_of_other_scenarios_are_compared_when_asked_and_it_is_said(tmp_path: Path) -> None:
    one, two = run_of(tmp_path, 1), run_of(tmp_path, 2, key="other")
    found = pmplab.compare(two, one, home=tmp_path)
    assert found.differences[0].what == "scenario"
    assert any("different scenarios" in note for note in found.notes)


@pytest.mark.parametrize("status", ["stopped", "crashed"])
def test_a_run_that_did_not_finish_is_compared_and_it_is_said(tmp_path: Path, five: list[Path], status: str) -> None:
    found = pmplab.compare(run_of(tmp_path, 9, 80.0, status=status), home=tmp_path)
    assert found.verdict == "worse"
    assert any(status in note for note in found.notes)


def test_what_a_run_did_not_come_to_do_is_not_held_against_it(tmp_path: Path, five: list[Path]) -> None:
    short = make(tmp_path, 9, frame=actions(random.Random(9), 300, p50_ms=50.0), status="stopped")
    found = pmplab.compare(short, home=tmp_path)
    rate = next(change for change in found.gate if change.metric == "rate_per_s")
    assert (rate.verdict, found.verdict) == ("unclear", "unclear")
    assert "stopped" in rate.reason


def test_the_command_answers_with_its_exit_status(tmp_path: Path, five: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    def pmp(*words: str) -> int:
        return main(["--home", str(tmp_path), *words])

    assert pmp("baseline") == 0
    assert "no baselines yet" in capsys.readouterr().out
    assert pmp("baseline", "set", "main", *(folder.name for folder in five)) == 0
    assert pmp("baseline", "show", "main") == 0
    assert "5 runs" in capsys.readouterr().out
    run_of(tmp_path, 9, 60.0)
    assert pmp("compare") == 98
    shown = capsys.readouterr().out
    assert "worse against main (5 runs)" in shown
    assert "+2" in shown
    assert pmp("compare", "latest", "main", "--json") == 98
    assert json.loads(capsys.readouterr().out)["verdict"] == "worse"
    run_of(tmp_path, 10)
    assert pmp("compare", "latest", "previous") == 0
    assert pmp("compare", "latest", "--strict") == 97
    assert pmp("compare", "latest", "mian") == 2
    assert pmp("baseline", "set") == 2
    assert pmp("baseline", "remove", "main") == 0
    assert pmp("prune") == 2
    assert pmp("note", "latest", "a note", "--tag", "t") == 0
    assert pmp("runs", "--tag", "t", "--json") == 0
    captured = capsys.readouterr()
    assert "Traceback" not in captured.out + captured.err


def test_the_list_of_baselines_names_the_scenario_and_the_newest_run(
    tmp_path: Path, five: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    def pmp(*words: str) -> str:
        assert main(["--home", str(tmp_path), *words]) == 0
        return capsys.readouterr().out

    pmp("baseline", "set", "main", five[4].name, five[0].name)
    head, row = pmp("baseline", "list").splitlines()
    assert head.split() == ["baseline", "scenario", "runs", "set", "newest", "run"]
    assert row.split()[:3] == ["main", "web", "2"]
    assert row.split()[-1] == five[4].name
    assert "of scenario web" in pmp("baseline", "show", "main")


def test_a_run_is_not_compared_with_itself(tmp_path: Path, five: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--home", str(tmp_path), "compare", "latest", "latest"]) == 2
    assert "would be compared with itself" in capsys.readouterr().err
    with Library(tmp_path) as library:
        library.set_baseline("own", five[4:])
    with pytest.raises(UsageError, match="but itself"):
        pmplab.compare(five[4], "own", home=tmp_path)


def test_a_run_that_its_harness_limited_says_nothing_of_the_target(
    tmp_path: Path, five: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    limited = run_of(tmp_path, 9, 80.0)
    monkeypatch.setattr("pmplab.library.library._limited", lambda _, entry: "it was late" if entry.dir == limited else None)
    with Library(tmp_path) as library:
        entry = library.judged(library.entry(limited))
        assert (entry.limited, entry.healthy, entry.unhealthy) == (True, False, "its harness was the limit: it was late")
        assert not library.judged(library.entry(five[0])).limited
    found = pmplab.compare(limited, home=tmp_path)
    assert found.verdict == "unclear"
    assert any("its harness limited" in note for note in found.notes)


@pytest.mark.parametrize("rubbish", [b"", b"hello", b"\x1f\x8b\x08rubbish", b"BZh9rubbish", b"PK\x03\x04" + bytes(600)])
def test_rubbish_is_not_imported_and_told_in_a_sentence(
    tmp_path: Path, rubbish: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "rubbish.pmprun"
    file.write_bytes(rubbish)
    assert main(["--home", str(tmp_path), "import", str(file)]) == 2
    told = capsys.readouterr().err
    assert "is no exported run" in told
    assert "method" not in told
    assert len(told.splitlines()) == 1


def test_runs_without_a_success_or_a_record_give_an_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(tmp_path, 1, frame=actions(random.Random(1), 0))
    make(tmp_path, 2, frame=actions(random.Random(1), 50, fail=1.0))
    make(tmp_path, 3, frame=actions(random.Random(1), 1))
    for words in (["compare"], ["compare", "latest", "previous"], ["compare", "--json"]):
        assert main(["--home", str(tmp_path), *words]) in {0, 98}
    shown = capsys.readouterr()
    assert "nan" not in shown.out.lower().replace("dominant", "")


def test_a_load_that_was_set_otherwise_is_not_compared_as_like(tmp_path: Path, five: list[Path]) -> None:
    half = run_of(tmp_path, 9, 80.0, overrides=[["load.scenarios[0].user-count", "5"]])
    assert pmplab.compare(half, home=tmp_path).before == ()
    found = pmplab.compare(half, five, home=tmp_path)
    assert (found.verdict, found.exit_status) == ("unclear", 0)
    assert any("loads, set from outside" in note for note in found.notes)


def test_tries_of_a_search_are_not_what_is_usual(tmp_path: Path, five: list[Path]) -> None:
    run_of(tmp_path, 8, labels={"capacity": "100/s"})
    assert len(pmplab.compare(run_of(tmp_path, 9), home=tmp_path).before) == 5
    assert not any("0008" in run for run in pmplab.compare(tmp_path / "runs" / five[4].name, home=tmp_path).before)


def test_a_target_that_is_down_is_worse_in_throughput(tmp_path: Path, five: list[Path]) -> None:
    down = make(tmp_path, 9, frame=actions(random.Random(9), 2000, fail=1.0))
    found = {change.metric: change.verdict for change in pmplab.compare(down, five, home=tmp_path).gate}
    assert (found["error_rate"], found["rate_per_s"]) == ("worse", "worse")
