"""The library: runs found, noted, carried and pruned, with torn files and with others writing."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pmplab.errors import LibraryError, RunNotFoundError, UsageError
from pmplab.library import Library, carry
from tests.made_runs import actions, make


def test_every_run_of_the_home_is_in_it(tmp_path: Path) -> None:
    made = [make(tmp_path, number) for number in range(3)]
    with Library(tmp_path) as library:
        assert [e.dir for e in library.entries()] == made[::-1]
        assert library.troubles == []


def test_runs_are_found_by_words_labels_tags_and_notes(tmp_path: Path) -> None:
    one = make(tmp_path, 1, labels={"target": "1.4.2"})
    two = make(tmp_path, 2, labels={"target": "1.5.0"})
    with Library(tmp_path) as library:
        library.tag(two.name, add=["release", "slow "])
        library.note(one.name, "before the new Cache")
        assert [e.dir for e in library.entries("target=1.4")] == [one]
        assert [e.dir for e in library.entries("cache WEB")] == [one]
        assert [e.dir for e in library.entries(tags=["slow", "release"])] == [two]
        assert library.tag(two.name, remove=["slow"]).tags == ("release",)
        assert library.note(one.name, "").note is None


def test_previous_are_the_last_five_healthy_runs_of_the_key(tmp_path: Path) -> None:
    for number in range(7):
        make(tmp_path, number)
    make(tmp_path, 7, key="other")
    make(tmp_path, 8, status="stopped")
    make(tmp_path, 9, simulated=True)
    make(tmp_path, 10, status="crashed")
    last = make(tmp_path, 11)
    with Library(tmp_path) as library:
        found = library.previous(library.entry(last))
        assert [int(e.run_id[-4:], 16) for e in found] == [6, 5, 4, 3, 2]


def test_a_baseline_is_of_healthy_runs_of_one_scenario(tmp_path: Path) -> None:
    good, other, stopped = make(tmp_path, 1), make(tmp_path, 2, key="other"), make(tmp_path, 3, status="stopped")
    old = make(tmp_path, 4, key=None)
    with Library(tmp_path) as library:
        for runs, words in (([good, other], "several"), ([stopped], "stopped"), ([old], "older version"), ([], "made of runs")):
            with pytest.raises(UsageError) as caught:
                library.set_baseline("main", runs)
            assert words in str(caught.value)
        first = library.set_baseline("main", [good])
        assert library.baselines.get("main") == first
        again = library.set_baseline("main", [good, good, make(tmp_path, 5)])
        assert len(again.runs) == 2
        assert [runs for _, runs in again.history] == [first.runs]
        with pytest.raises(UsageError) as caught:
            library.baselines.get("mian")
        assert "did you mean `main`" in str(caught.value)
        for name in ("previous", "../up", ""):
            with pytest.raises(UsageError):
                library.set_baseline(name, [good])
        library.baselines.remove("main")
        assert library.baselines.all() == []


def test_figures_are_computed_once(tmp_path: Path) -> None:
    folder = make(tmp_path, 1)
    with Library(tmp_path) as library:
        found = library.figures(library.entry(folder))
    for part in (folder / "parts" / "actions").iterdir():
        part.unlink()
    with Library(tmp_path) as library:
        assert library.figures(library.entry(folder)) == found
    assert found["web"].count == 400
    assert sorted(found) == ["web", "web/main/get", "web/main/post"]


def test_a_torn_index_is_made_anew_and_said_so(tmp_path: Path) -> None:
    folder = make(tmp_path, 1)
    (tmp_path / "library.sqlite").write_bytes(b"this is no database, but it is long enough to look at " * 100)
    with Library(tmp_path) as library:
        assert library.figures(library.entry(folder))["web"].count == 400
        assert any("damaged" in trouble for trouble in library.troubles)
    with Library(tmp_path) as library:
        library.figures(library.entry(folder))
        assert library.troubles == []


def test_an_index_that_cannot_be_opened_is_done_without(tmp_path: Path) -> None:
    folder = make(tmp_path, 1)
    (tmp_path / "library.sqlite").mkdir()
    with Library(tmp_path) as library:
        assert library.figures(library.entry(folder))["web"].count == 400
        assert len(library.troubles) == 1


def test_torn_notes_and_baselines_do_not_hide_runs(tmp_path: Path) -> None:
    folder = make(tmp_path, 1)
    (folder / "notes.json").write_text('{"tags": ["a"')
    (tmp_path / "baselines").mkdir()
    (tmp_path / "baselines" / "main.json").write_text("torn")
    (tmp_path / "baselines" / "foreign.json").write_text('{"a": 1}')
    (tmp_path / "runs" / "stranger").mkdir()
    with Library(tmp_path) as library:
        assert [e.run_id for e in library.entries()] == [folder.name]
        assert "notes.json" in library.troubles[0]
        assert library.baselines.all() == []
        for name in ("main", "foreign"):
            with pytest.raises(LibraryError):
                library.baselines.get(name)


@pytest.mark.parametrize("frame", ["empty", "broken", "gone"])
def test_runs_without_readable_records_have_no_figures(tmp_path: Path, frame: str) -> None:
    folder = make(tmp_path, 1, frame=actions(random.Random(0), 0))
    part = folder / "parts" / "actions" / "s0-000001.parquet"
    if frame == "broken":
        part.write_bytes(b"PAR1 and then nothing")
    elif frame == "gone":
        part.unlink()
    with Library(tmp_path) as library:
        assert library.figures(library.entry(folder)) == {}
        assert bool(library.troubles) == (frame == "broken")


def test_two_processes_that_note_and_index_at_once_lose_nothing(tmp_path: Path) -> None:
    folder = make(tmp_path, 1)
    code = f"""
from pmplab.library import Library
for number in range(25):
    with Library({str(tmp_path)!r}) as library:
        entry = library.tag({folder.name!r}, add=[f"{{__import__('sys').argv[1]}}-{{number}}"])
        assert library.figures(entry)["web"].count == 400
        assert not library.troubles, library.troubles
"""
    workers = [subprocess.Popen([sys.executable, "-c", code, name], cwd=Path(__file__).parents[2]) for name in "ab"]
    assert [worker.wait(timeout=60) for worker in workers] == [0, 0]
    with Library(tmp_path) as library:
        assert len(library.entry(folder).tags) == 50


def test_pruning_keeps_baselines_tags_and_the_newest(tmp_path: Path) -> None:
    made = [make(tmp_path, number) for number in range(6)]
    with Library(tmp_path) as library:
        library.set_baseline("main", [made[0]])
        library.tag(made[1], add=["keep"])
        told = library.prune(keep=2, dry=True)
        assert [e.dir for e in told] == [made[3], made[2]]
        assert all(folder.is_dir() for folder in made)
        assert [e.dir for e in library.prune(keep=2)] == [made[3], made[2]]
        assert [folder.is_dir() for folder in made] == [True, True, False, False, True, True]
        assert library.prune(days=1e5, now_ns=time.time_ns()) == []


def test_a_run_travels_in_one_file(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    folder = make(here, 1)
    with Library(here) as library:
        library.tag(folder, add=["far"])
        before = library.figures(library.entry(folder))
        file = carry.write(library.entry(folder), tmp_path / "one.pmprun")
    assert carry.read(file, there) == folder.name
    with Library(there) as library:
        entry = library.entry(folder.name)
        assert entry.tags == ("far",)
        assert library.figures(entry) == before
    with pytest.raises(LibraryError, match="there already"):
        carry.read(file, there)
    assert sorted(p.name for p in (there / "runs").iterdir()) == [folder.name]


def test_what_is_no_exported_run_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    import tarfile

    folder = make(tmp_path / "here", 1)
    with Library(tmp_path / "here") as library:
        good = carry.write(library.entry(folder), tmp_path / "good.pmprun")
    torn = tmp_path / "torn.pmprun"
    torn.write_bytes(good.read_bytes()[:-2000])
    text = tmp_path / "text.pmprun"
    text.write_text("no archive")
    evil = tmp_path / "evil.pmprun"
    with tarfile.open(evil, "w:gz") as archive:
        archive.add(good, "x/../../evil")
    changed = tmp_path / "changed.pmprun"
    with tarfile.open(good) as source, tarfile.open(changed, "w:gz") as archive:
        for member in source.getmembers():
            content = source.extractfile(member)
            if member.name.endswith("script.yaml"):
                archive.add(text, member.name)
            else:
                archive.addfile(member, content)
    home = tmp_path / "there"
    for file in (torn, text, evil, changed, tmp_path / "missing.pmprun"):
        with pytest.raises(LibraryError):
            carry.read(file, home)
    assert list((home / "runs").iterdir()) == []


def test_a_run_that_is_not_there_is_named(tmp_path: Path) -> None:
    make(tmp_path, 1)
    with Library(tmp_path) as library, pytest.raises(RunNotFoundError):
        library.tag("2020", add=["x"])
