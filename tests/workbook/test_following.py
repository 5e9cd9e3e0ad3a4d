"""The change stream of a run that goes on: to a subscriber and to a file, live, without a gap, and exactly the run's."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import pmplab
from pmplab.errors import UsageError
from pmplab.workbook import change_file
from pmplab.workbook.changes import Change, changes
from pmplab.workbook.following import Following
from pmplab.workbook.frames import Frames
from pmplab.workbook.replay import replay
from tests.faults import bundles, servers
from tests.faults.runs import run_dir_of

if TYPE_CHECKING:
    from tests.conftest import Pmp

ANYWHERE = "0.0.0.0"


def test_a_running_run_is_followed_to_a_file_that_replays_to_exactly_its_workbook(pmp: Pmp, tmp_path: Path) -> None:
    file = tmp_path / "changes.jsonl"
    with servers.Server(servers.slow(0.02), ANYWHERE) as server:
        bundle = bundles.write_leasing(tmp_path / "b", server.port, users=12, duration="3s")
        process = pmp.start("run", bundle, "--json", "--quiet", "--shards", 2, "--name", "followed", "--changes", file)
        run = pmplab.open_run(run_dir_of(pmp, "followed"))
        seen: list[Change] = []
        times: list[float] = []
        status: list[str] = []
        for change in run.changes(follow=True):
            seen.append(change)
            times.append(time.monotonic())
            if len(status) < 400:
                status.append(run.status)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert json.loads(out)["status"] == "finished"
    assert {*status} == {"running"}, "changes came while it went on"
    assert times[-1] - times[0] > 1.5
    run = pmplab.open_run(run.dir)
    whole = list(run.changes())
    order = sorted(seen, key=lambda change: (change.shard, change.seq))
    assert order == whole
    assert len(whole) == sum(run.manifest["rows"].values())
    written = list(change_file.read(file))
    assert sorted(written, key=lambda change: (change.shard, change.seq)) == whole
    for shard in (0, 1):
        assert [change.seq for change in written if change.shard == shard] == list(
            range(sum(change.shard == shard for change in whole))
        )
    ledger = run.ledger
    assert replay(written, run.plan) == replay(seen, run.plan) == ledger
    assert sum(counts["finished"] for counts in ledger.counters.values()) > 100
    # Another process, another file, the same lines: by then the run is over.
    again = tmp_path / "again.jsonl"
    assert pmp("changes", run.id, "--out", again).returncode == 0
    assert list(change_file.read(again)) == whole


def test_the_command_follows_one_section_until_the_run_ends(pmp: Pmp, tmp_path: Path) -> None:
    with servers.Server(servers.slow(0.02), ANYWHERE) as server:
        bundle = bundles.write_leasing(tmp_path / "b", server.port, users=5, duration="2s")
        process = pmp.start("run", bundle, "--json", "--quiet", "--name", "section")
        run_dir = run_dir_of(pmp, "section")
        done = pmp("changes", run_dir.name, "--follow", "--section", "execution", "--section", "timeline")
        process.communicate(timeout=60)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    run = pmplab.open_run(run_dir)
    assert {line["section"] for line in lines} == {"execution", "timeline"}
    assert [line["seq"] for line in lines] == [change.seq for change in run.changes("execution", "timeline")]
    assert {"seq", "t", "section", "path", "value", "cause", "node", "user", "task"} <= {*lines[0]}


@pytest.fixture
def rows(write_segment: Any, tmp_path: Path) -> tuple[Any, Path]:
    return write_segment, tmp_path


def test_a_change_waits_for_the_one_before_it(rows: tuple[Any, Path]) -> None:
    write, run_dir = rows
    source = Following(run_dir)
    assert list(source.poll(None)) == []
    write("actions", seqs=[0, 1, 3, 4], end=False)
    assert [change.seq for change in source.poll(None)] == [0, 1]
    assert list(source.poll(None)) == []
    write("load", seqs=[2], end=False)
    assert [(change.seq, change.table) for change in source.poll(None)] == [(2, "load"), (3, "actions"), (4, "actions")]
    write("leases", shard=1, seqs=[1])
    assert list(source.poll(None)) == [], "shard 1 lacks its first"
    write("tasks", shard=1, seqs=[0])
    assert [(change.shard, change.seq) for change in source.poll(None)] == [(1, 0), (1, 1)]


def test_a_row_is_the_same_whether_it_was_followed_or_read_afterwards(recorded: Path) -> None:
    followed = list(Following(recorded).poll(None))
    assert followed
    read = list(changes(Frames(recorded)))
    assert sorted(followed, key=lambda change: (change.shard, change.seq)) == read


def test_lines_hold_all_of_a_change(recorded: Path, tmp_path: Path) -> None:
    known = list(changes(Frames(recorded)))
    file = tmp_path / "lines.jsonl"
    with change_file.opened(file) as out:
        assert change_file.write(known, out) == len(known)
    assert list(change_file.read(file)) == known
    torn = file.read_text()[:-20]
    file.write_text(torn)
    assert list(change_file.read(file)) == known[:-1], "a line that is torn ends it"


def test_aggregates_with_their_histograms_go_to_a_file_and_back(pmp: Pmp, tmp_path: Path) -> None:
    bundle = bundles.write(tmp_path / "b", "http://127.0.0.1:9/", users=3)
    (bundle / "sim.yaml").write_text("calls: {http.get: {latency: 20ms}}\n")
    done = pmp("run", bundle, "--simulate", "--records", "windows", "--json", "--quiet", "--changes", tmp_path / "w.jsonl")
    assert done.returncode == 0, done.stderr
    run = pmplab.open_run(json.loads(done.stdout)["run_id"], home=pmp.home)
    written = list(change_file.read(tmp_path / "w.jsonl"))
    assert {change.table for change in written} >= {"windows", "ends", "load"}
    assert written == list(run.changes())


@pytest.mark.parametrize("content", [None, "", "no json\n", "[]\n", '{"a": 1}\n', '{"table": "rumours"}\n', b"\xff\xfe\n"])
def test_a_file_that_holds_no_changes_is_told_in_one_sentence(tmp_path: Path, content: str | bytes | None) -> None:
    file = tmp_path / "x.jsonl"
    if isinstance(content, bytes):
        file.write_bytes(content)
    elif content is not None:
        file.write_text(content)
    if content == "":
        assert list(change_file.read(file)) == []
        return
    with pytest.raises(UsageError, match=r"cannot be read|no changes"):
        list(change_file.read(file))


def test_a_file_that_cannot_be_written_stops_nothing_that_runs(pmp: Pmp, tmp_path: Path) -> None:
    bundle = bundles.write(tmp_path / "b", "http://127.0.0.1:9/", users=3)
    (bundle / "sim.yaml").write_text("calls: {http.get: {latency: 20ms}}\n")
    before = len(list((pmp.home / "runs").glob("*")))
    done = pmp("run", bundle, "--simulate", "--quiet", "--changes", tmp_path / "no" / "changes.jsonl")
    assert done.returncode == 2
    assert "the changes cannot be written: No such file or directory" in done.stderr
    assert len(list((pmp.home / "runs").glob("*"))) == before, "it is said before anything begins"
    if Path("/dev/full").exists():
        done = pmp("run", bundle, "--simulate", "--quiet", "--changes", "/dev/full")
        assert done.returncode == 0, "the run is fine"
        assert "the changes cannot be written: No space left on device" in done.stderr
        assert "Traceback" not in done.stderr


def test_a_subscriber_may_leave_at_any_time(pmp: Pmp, tmp_path: Path) -> None:
    with servers.Server(servers.slow(0.02), ANYWHERE) as server:
        bundle = bundles.write_leasing(tmp_path / "b", server.port, users=3, duration="1s")
        process = pmp.start("run", bundle, "--json", "--quiet", "--name", "leaving")
        run = pmplab.open_run(run_dir_of(pmp, "leaving"))
        stream = run.changes(follow=True)
        first = next(stream)
        stream.close()  # type: ignore[attr-defined]
        process.communicate(timeout=60)
    assert (first.shard, first.seq) == (0, 0)
    assert not [thread for thread in threading.enumerate() if thread.name == "pmplab-changes"]
