"""Lessons learned: proposed by a run, decided on by people, kept beside the run and found again."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

import pmplab
from pmplab.cli import main
from pmplab.errors import UsageError
from pmplab.library import Library, lessons
from tests.made_runs import actions, make


@pytest.fixture
def run(tmp_path: Path) -> pmplab.Run:
    make(tmp_path, 1, frame=actions(random.Random(1), 500, fail=0.3))
    return pmplab.open_run("latest", home=tmp_path)


def test_lessons_are_proposed_until_somebody_decides(run: pmplab.Run) -> None:
    first, second, *_ = lessons.of(run)
    assert {one.status for one in lessons.of(run)} == {"proposed"}
    lessons.accept(run, first.id)
    lessons.edit(run, second.id[:6], "  call the   provider first ")
    added = lessons.add(run, "warm the cache before the load")
    by_id = {one.id: one for one in lessons.of(run)}
    assert by_id[first.id].status == "accepted"
    assert (by_id[second.id].status, by_id[second.id].recommendation) == ("edited", "call the provider first")
    assert by_id[added.id].situation == "warm the cache before the load"
    lessons.reject(run, first.id)
    frame = run.lessons
    assert dict(frame.select("id", "status").rows())[first.id] == "rejected"
    assert frame.height == len(by_id)


def test_a_lesson_of_a_finding_has_one_id_in_every_run(tmp_path: Path) -> None:
    ids = []
    for number in (1, 2):
        make(tmp_path, number, frame=actions(random.Random(number), 500, fail=0.3))
        ids.append({one.id for one in lessons.of(pmplab.open_run("latest", home=tmp_path))})
    assert ids[0] == ids[1]


def test_decisions_survive_a_new_index_and_travel_with_the_run(run: pmplab.Run, tmp_path: Path) -> None:
    lesson = lessons.edit(run, lessons.of(run)[0].id, "ask for a larger quota")
    (tmp_path / "library.sqlite").unlink(missing_ok=True)
    with Library(tmp_path) as library:
        assert [entry.run_id for entry in library.entries("larger quota")] == [run.id]
        assert library.entries("smaller quota") == []
        assert library.prune(keep=0) == []
    file = tmp_path / "one.pmprun"
    there = tmp_path / "there"
    assert main(["--home", str(tmp_path), "export", run.id, str(file)]) == 0
    assert main(["--home", str(there), "import", str(file)]) == 0
    assert lesson in lessons.of(pmplab.open_run(run.id, home=there))


def test_two_processes_that_decide_at_once_lose_nothing(run: pmplab.Run, tmp_path: Path) -> None:
    code = f"""
import sys, pmplab
from pmplab.library import Library, lessons
run = pmplab.open_run({run.id!r}, home={str(tmp_path)!r})
for number in range(20):
    lessons.add(run, f"{{sys.argv[1]}} {{number}}")
    with Library({str(tmp_path)!r}) as library:
        library.tag(run.id, add=[f"{{sys.argv[1]}}-{{number}}"])
"""
    workers = [subprocess.Popen([sys.executable, "-c", code, name], cwd=Path(__file__).parents[2]) for name in "ab"]
    assert [worker.wait(timeout=120) for worker in workers] == [0, 0]
    with Library(tmp_path) as library:
        entry = library.entry(run.id)
    assert (len(entry.lessons), len(entry.tags)) == (40, 40)


def test_the_report_shows_how_they_stand_and_leaves_out_what_was_rejected(run: pmplab.Run) -> None:
    first, second, *_ = lessons.of(run)
    lessons.reject(run, first.id)
    lessons.edit(run, second.id, "<b>mend</b> it")
    html = pmplab.report(run).html
    assert first.id not in html
    assert "edited" in html
    assert "&lt;b&gt;mend&lt;/b&gt; it" in html


def test_the_command_decides_and_lists(run: pmplab.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lesson = lessons.of(run)[0]

    def pmp(*words: str) -> int:
        return main(["--home", str(tmp_path), "lessons", *words])

    assert pmp() == 0
    assert f"{lesson.id}  proposed" in capsys.readouterr().out
    assert pmp("latest", "--accept", lesson.id, "--add", "be early", "--json") == 0
    found = {one["id"]: one["status"] for one in json.loads(capsys.readouterr().out)}
    assert found[lesson.id] == "accepted"
    assert pmp("latest", "--edit", lesson.id) == 2
    assert pmp("latest", "--edit", lesson.id, "--text", " ") == 2
    assert pmp("latest", "--reject", "L-none") == 2
    assert "has no lesson `L-none`" in capsys.readouterr().err


def test_damaged_decisions_are_done_without(run: pmplab.Run) -> None:
    before = lessons.of(run)
    (run.dir / "notes.json").write_text(json.dumps({"lessons": {"x": {"id": 3}, "y": None}, "tags": ["t"]}))
    assert lessons.of(run) == before
    lessons.accept(run, before[0].id)
    assert json.loads((run.dir / "notes.json").read_text())["tags"] == ["t"]
    (run.dir / "notes.json").write_text(json.dumps({"lessons": ["no", "map"]}))
    assert lessons.accept(run, before[0].id).status == "accepted"
    with pytest.raises(UsageError, match="has no lesson"):
        lessons.accept(run, "nothing")
