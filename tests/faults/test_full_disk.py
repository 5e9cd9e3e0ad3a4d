"""A run folder on a disk that is too small, with the real child: a small file system of its own in memory."""

from __future__ import annotations

import polars as pl
import pytest

import pmplab
from tests.faults import bundles, servers
from tests.faults.runs import result, table

FULL = "The disk of the run folder is full."


def fill(small) -> None:
    """Leave no room at all."""
    with (small.home / "runs" / "filler").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(1 << 16))
        except OSError:
            pass


@pytest.mark.parametrize("shards", [1, 2])
def test_a_full_disk_ends_the_run_with_a_sentence_and_keeps_what_was_written(small, tmp_path, shards):
    with servers.Server() as server:
        bundle = bundles.write(tmp_path / "bundle", server.url, users=40, rate="1000/s", duration="60s", timeout="10s")
        done = small("run", bundle, "--json", "--shards", shards)
        asked = server.requests
    found = result(done)
    assert (done.returncode, found["status"]) == (1, "failed"), done.stderr
    assert found["message"].startswith(FULL)

    run = pmplab.open_run(found["run_dir"])
    assert (run.status, run.exit_status, run.manifest["stop_reason"]) == ("failed", 1, "disk")
    actions = run.frames.actions.collect()
    assert 0 < actions.height <= asked
    assert set(actions["event"].cast(pl.String)) == {"success"}
    assert actions.select("task", "node", "visit", "attempt").is_unique().all()
    load = table(found, "load")
    assert load.height > 0
    assert load.filter(pl.col("started") != pl.col("finished") + pl.col("in_flight")).is_empty()

    shown = small("show", run.id)
    assert shown.returncode == 0
    assert FULL in shown.stdout
    assert result(small("show", run.id, "--json"))["message"].startswith(FULL)
    assert "failed" in small("runs").stdout


def test_a_disk_that_is_full_before_the_run_is_told_before_anything_is_sent(small, tmp_path):
    fill(small)
    with servers.Server() as server:
        done = small("run", bundles.write(tmp_path / "bundle", server.url, users=1))
        assert server.connections == 0
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "error[PMP-E0810]" in done.stderr
    assert "the run folder cannot be written: No space left on device" in done.stderr
    assert [path.name for path in (small.home / "runs").iterdir()] == ["filler"], "half a run was left behind"
