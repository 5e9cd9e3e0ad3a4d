"""Ctrl-C, `pmp stop`, a second Ctrl-C, and kill -9."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time

import polars as pl
import pytest

from tests.conftest import Pmp
from tests.faults import bundles, servers
from tests.faults.runs import alive, assert_books_balance, children_of, result, run_dir_of, table

INTERRUPTED = 105
# All of 127.0.0.0/8 answers, so that the pairs of a pool can differ.
ANYWHERE = "0.0.0.0"


def start(pmp, folder, port, name, users=20):
    return pmp.start("run", bundles.write_leasing(folder, port, users=users), "--json", "--quiet", "--name", name)


def finish(process, seconds=30):
    out, err = process.communicate(timeout=seconds)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


@pytest.mark.parametrize("way", ["ctrl-c", "pmp stop", "sigterm to the child"])
def test_a_stop_drains_and_gives_all_back(pmp, tmp_path, way):
    name = way.replace(" ", "-")
    with servers.Server(servers.slow(0.3), ANYWHERE) as server:
        process = start(pmp, tmp_path, server.port, name)
        run_dir = run_dir_of(pmp, name)
        server.wait_for_requests(30)
        begun = time.monotonic()
        if way == "ctrl-c":
            process.send_signal(signal.SIGINT)
        elif way == "pmp stop":
            assert pmp("stop", run_dir.name).returncode == 0
        else:
            os.kill(json.loads((run_dir / "run.json").read_text())["pid"], signal.SIGTERM)
        done = finish(process)
        assert time.monotonic() - begun < 10
        found = result(done)
        asked = server.requests
    assert done.returncode == INTERRUPTED
    assert found["status"] == "stopped"
    rows = table(found, "actions")
    # What was in flight came to its own end: nothing was cut off, and the server agrees.
    assert set(rows["event"]) == {"success"}
    assert rows.height == asked
    assert found["leases"] == found["leases"] | {"acquired": 20, "released": 20, "live": 0}
    assert_books_balance(found)


@pytest.mark.parametrize("after", [0.1, 0.5, 1.0])
def test_an_interrupt_before_the_run_has_begun_means_that_nothing_is_sent(tmp_path, after):
    cold = Pmp(tmp_path / "home")
    with servers.Server(servers.slow(0.3), ANYWHERE) as server:
        process = start(cold, tmp_path, server.port, "early")
        time.sleep(after)
        early = server.requests == 0
        process.send_signal(signal.SIGINT)
        done = finish(process, 60)
        sent = server.requests
    assert "Traceback" not in done.stderr
    assert done.returncode == INTERRUPTED or (after < 0.5 and done.returncode == -signal.SIGINT)
    assert sent == 0 or not early


def test_a_second_ctrl_c_ends_at_once_and_keeps_what_was_written(pmp, tmp_path):
    with servers.Server(servers.slow(8), ANYWHERE) as server:
        process = start(pmp, tmp_path, server.port, "twice")
        server.wait_for_requests(20)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        time.sleep(1)
        assert process.poll() is None, "it should wait for what is in flight"
        begun = time.monotonic()
        process.send_signal(signal.SIGINT)
        done = finish(process)
        assert time.monotonic() - begun < 5
    assert done.returncode == INTERRUPTED
    found = result(done)
    assert found["status"] == "stopped"
    assert table(found, "load").height > 0
    assert table(found, "leases").filter(pl.col("event") == "acquire").height == 20


def test_a_hanging_target_does_not_keep_a_stopped_run_alive(pmp, tmp_path):
    with servers.Server(servers.hang, ANYWHERE) as server:
        bundle = bundles.write_leasing(tmp_path, server.port, timeout="50s")
        process = pmp.start("run", bundle, "--json", "--quiet", "--grace", "500ms")
        server.wait_for_requests(20)
        begun = time.monotonic()
        process.send_signal(signal.SIGINT)
        done = finish(process)
        assert time.monotonic() - begun < 8
    assert done.returncode == INTERRUPTED
    found = result(done)
    assert all(error.startswith("cancelled.") for error in table(found, "actions")["error_type"])
    assert_books_balance(found)


def test_a_killed_child_is_a_crashed_run_that_can_be_read(pmp, tmp_path):
    with servers.Server(servers.slow(0.05), ANYWHERE) as server:
        process = start(pmp, tmp_path, server.port, "killed")
        run_dir = run_dir_of(pmp, "killed")
        server.wait_for_requests(100)
        answered = server.requests - 20
        time.sleep(0.6)
        os.kill(json.loads((run_dir / "run.json").read_text())["pid"], signal.SIGKILL)
        done = finish(process)
        assert server.requests > answered
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    shown = result(pmp("show", run_dir.name, "--json"))
    assert shown["status"] == "crashed"
    rows = table(shown, "actions")
    assert rows.height >= answered, "records older than 250 ms must be there"
    assert set(rows["event"]) == {"success"}
    # What was in flight is what the users had begun and the server had not answered.
    assert 0 < shown["in_flight"] <= 20
    assert f"actions_in_flight.........: {shown['in_flight']}" in pmp("show", run_dir.name).stdout
    listed = next(one for one in json.loads(pmp("runs", "--json").stdout) if one["run_id"] == run_dir.name)
    assert listed["duration_s"] == shown["duration_s"] > 0.5
    row = next(line for line in pmp("runs").stdout.splitlines() if run_dir.name in line)
    assert "crashed" in row
    assert f" {shown['duration_s']:.1f}s " in row


def test_when_pmp_itself_is_killed_its_child_drains_and_ends(pmp, tmp_path):
    with servers.Server(servers.slow(0.1), ANYWHERE) as server:
        process = start(pmp, tmp_path, server.port, "orphan")
        run_dir = run_dir_of(pmp, "orphan")
        server.wait_for_requests(20)
        child = json.loads((run_dir / "run.json").read_text())["pid"]
        assert child in children_of(process.pid)
        process.kill()
        process.communicate()
        end = time.monotonic() + 15
        while alive(child):
            assert time.monotonic() < end, "the child outlived its parent"
            time.sleep(0.05)
    shown = result(pmp("show", run_dir.name, "--json"))
    assert shown["status"] == "stopped"
    assert_books_balance(shown)
