"""Whole runs: the real components against the real target on loopback."""

import os
import signal
import time

import polars as pl
import pytest

import pmplab as pmp
from pmplab.demo import prepare
from pmplab.errors import DiagnosticsError


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def home(tmp_path, monkeypatch, cache):
    monkeypatch.setenv("PMPLAB_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "cache").symlink_to(cache)
    return tmp_path / "home"


def finished(run, seconds=60):
    assert run.wait(seconds), run.progress
    return run


def test_a_run_leaves_everything_in_its_folder(home):
    with prepare(ports=50, users=50) as demo:
        run = finished(pmp.run(demo.bundle, set=demo.overrides, seed=7, labels={"team": "x"}))
        stats = demo.target.stats()
    assert (run.status, run.exit_status, run.message) == ("finished", 0, None)
    actions = run.frames.actions.collect()
    assert actions.height == 150
    assert set(actions["event"].cast(pl.String)) == {"success"}
    assert sum(stats["totals"]["requests"].values()) == 150
    manifest = run.manifest
    assert manifest["seed"] == 7
    assert manifest["labels"] == {"team": "x"}
    assert manifest["rows"]["actions"] == 150
    assert manifest["grants"]["http"] == ["net"]
    assert set(manifest["components"]) >= {"runner", "http"}
    assert not list((run.dir / "live").glob("*.arrow"))
    assert (run.dir / "child.log").read_text() == ""
    host = run.frames.host.collect()
    assert host["rss"].max() < 150_000_000, host["rss"].max()


def test_seq_has_no_gap_over_all_tables(home):
    with prepare(ports=20, users=20) as demo:
        run = finished(pmp.run(demo.bundle, set=demo.overrides))
    seqs = []
    for table in ("actions", "measures", "tasks", "load", "leases", "changes"):
        seqs += getattr(run.frames, table).collect()["seq"].to_list()
    assert sorted(seqs) == list(range(len(seqs)))


def test_two_shards_do_together_what_one_does_alone(home):
    with prepare(ports=40, users=40) as demo:
        run = finished(pmp.run(demo.bundle, set=demo.overrides, shards=2))
        assert sum(demo.target.stats()["totals"]["requests"].values()) == 120
    assert run.status == "finished", run.message
    tasks = run.frames.tasks.collect()
    assert sorted(tasks["user"]) == list(range(40)) or sorted(tasks["user"]) == list(range(1, 41))
    assert set(tasks["shard"]) == {0, 1}
    acquired = run.frames.leases.collect().filter(pl.col("event").cast(pl.String) == "acquire")
    assert acquired.height == acquired["resource"].n_unique() == 40


def test_a_drain_ends_with_complete_records(home):
    with prepare(ports=50, users=50, delay=0.2) as demo:
        run = pmp.run(demo.bundle, set=demo.overrides)
        time.sleep(0.4)
        pmp.open_run(run.id).stop()
        finished(run)
        assert (run.status, run.exit_status) == ("stopped", 105)
        served = sum(demo.target.stats()["totals"]["requests"].values())
    assert run.frames.actions.collect().height == served
    leases = run.frames.leases.collect()["event"].cast(pl.String).to_list()
    assert leases.count("acquire") == len([event for event in leases if event in {"release", "expire"}]) > 0


def test_a_second_interrupt_ends_at_once(home):
    with prepare(ports=20, users=20, delay=5.0) as demo:
        run = pmp.run(demo.bundle, set=demo.overrides)
        time.sleep(0.4)
        began = time.monotonic()
        os.kill(run.manifest["pid"], signal.SIGINT)
        time.sleep(0.2)
        os.kill(run.manifest["pid"], signal.SIGINT)
        finished(run)
    assert (run.status, run.exit_status) == ("stopped", 105)
    assert time.monotonic() - began < 4


def test_a_killed_child_leaves_a_crashed_run_with_its_records(home):
    with prepare(ports=50, users=50, delay=0.05) as demo:
        run = pmp.run(demo.bundle, set=(*demo.overrides, "load.scenarios[0].spawn-rate=5/s"))
        time.sleep(1.0)
        os.kill(run.manifest["pid"], signal.SIGKILL)
        assert run.wait(5)
    assert (run.status, run.exit_status) == ("crashed", 1)
    assert pmp.open_run(run.id).status == "crashed"
    assert run.frames.actions.collect().height > 0
    assert run.summary().to_json()["status"] == "crashed"


def test_a_wrong_script_leaves_no_run_and_sends_nothing(home):
    with prepare(ports=5, users=5) as demo:
        with pytest.raises(DiagnosticsError):
            pmp.run(demo.bundle, set=["load.scenarios[0].user-cont=3"])
        assert sum(demo.target.stats()["totals"]["requests"].values()) == 0
    assert pmp.runs() == []
