"""Runs against a model: nothing is sent, hours take seconds, and the same seed gives the same bytes."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest

import pmplab
from pmplab.errors import BundleError, DiagnosticsError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Pmp

SCRIPT = """\
version: "1.0"
components:
  - {name: http, version: "0.2.1", entry: plugins/http/send.wasm}
actions:
  look: {component: http, call: get, timeout: 500ms, with: {url: "http://127.0.0.1:9/"}, save-as: page}
  order: {component: http, call: post, with: {url: "http://127.0.0.1:9/", body: "{{page.json.id}}"}}
workflows:
  visit:
    steps: [{ref: look}, {ref: order}]
    on-error: [{goto: error_out}]
load:
  scenarios:
    - {name: shop, workflow: visit, user-count: 20, spawn-rate: 10/s, task-duration: 60s}
"""
SIM = """\
servers: {db: {workers: 16, queue: 100}}
default: {latency: 40ms}
calls:
  http.get:
    latency: {lognormal: {p50: 20ms, p99: 90ms}}
    fail: 1%
    timeout: 0.1%
    outputs: {body: '{"id": 7}'}
    server: db
    outages: [{at: 30s, for: 50ms}]
"""


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "script.yaml").write_text(SCRIPT)
    (folder / "sim.yaml").write_text(SIM)
    return folder


def _run(pmp: Pmp, *args: object) -> dict[str, Any]:
    done = pmp("run", *args, "--json", "--quiet")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _records(folder: Path) -> dict[str, str]:
    """Return the digest of every file that holds records, but for what the host measures of itself."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix in {".arrow", ".parquet"}]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _opened(pmp: Pmp, found: dict[str, Any]) -> pmplab.Run:
    return pmplab.open_run(found["run_id"], home=pmp.home)


def test_a_run_is_simulated_in_virtual_time(pmp: Pmp, bundle: Path) -> None:
    found = _run(pmp, bundle, "--simulate", "--seed", 1)
    assert (found["status"], found["simulated"], found["users"]) == ("finished", True, 20)
    assert 60 < found["duration_s"] < 63
    look = found["actions"]["look"]
    assert 18 < look["p50_ms"] < 22
    assert look["p99_ms"] > 70
    assert look["timeout"] > 0
    assert found["actions"]["order"]["p50_ms"] == 40.0
    kinds = {error["type"] for error in found["errors"] if error["action"] == "look"}
    assert {"transport.reset", "transport.connect-refused", "timeout.action"} <= kinds
    run = _opened(pmp, found)
    assert (run.manifest["simulated"], run.manifest["records"], run.manifest["seed"]) == (True, "full", 1)
    assert abs(run.manifest["duration_ns"] / 1e9 - found["duration_s"]) < 0.1
    assert 0 < run.manifest["wall_ns"] <= run.manifest["ended_wall_ns"] - run.manifest["t0_wall_ns"]
    actions = run.frames.actions.collect()
    down = actions.filter(actions["error_type"] == "transport.connect-refused")
    assert down["t_end"].min() >= 30_000_000_000
    assert down["t_intended"].max() <= 30_050_000_000


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(pmp: Pmp, bundle: Path) -> None:
    runs = [_opened(pmp, _run(pmp, bundle, "--simulate", "--seed", seed)) for seed in (5, 5, 6)]
    first, second, third = (_records(run.dir) for run in runs)
    assert len(first) >= 3, first
    assert any(name.endswith(".parquet") for name in first)
    assert first == second
    assert first != third


def test_windows_keep_counts_exactly_and_percentiles_within_their_bound(pmp: Pmp, bundle: Path) -> None:
    full = _run(pmp, bundle, "--simulate", "--seed", 5)
    kept = _run(pmp, bundle, "--simulate", "--seed", 5, "--records", "windows")
    bound = kept["percentile_error"]
    assert bound == pytest.approx(0.004, abs=1e-4)
    assert full["percentile_error"] is None
    for name, exact in full["actions"].items():
        row = kept["actions"][name]
        for key, value in exact.items():
            if key.endswith("_ms"):
                assert row[key] == pytest.approx(value, rel=bound), (name, key)
            else:
                assert row[key] == value, (name, key)
    for key in ("users", "tasks", "tasks_by_exit", "bytes"):
        assert kept[key] == full[key], key
    assert {(e["action"], e["type"]): e["count"] for e in kept["errors"]} == {
        (e["action"], e["type"]): e["count"] for e in full["errors"]
    }
    run, whole = _opened(pmp, kept), _opened(pmp, full)
    assert run.frames.actions.collect().is_empty()
    assert run.frames.tasks.collect().is_empty()
    windows = run.frames.windows.collect()
    assert windows["count"].sum() == sum(row["count"] for row in full["actions"].values())
    assert run.seconds.select("second", "count", "fail").equals(whole.seconds.select("second", "count", "fail"))
    assert run.frames.load.collect().height < 70
    assert "within 0.39% of the exact ones" in pmp("show", run.id).stdout


def test_another_model_is_given_on_the_command_line_and_implies_simulation(pmp: Pmp, bundle: Path, tmp_path: Path) -> None:
    model = tmp_path / "slow.yaml"
    model.write_text("default: {latency: 100ms}\n")
    found = _run(pmp, bundle, "--sim", model)
    assert found["actions"]["look"]["p50_ms"] == 100.0
    assert found["actions"]["look"]["max_ms"] == 100.0
    assert "simulated" in pmp("show", found["run_id"]).stdout


def test_what_is_wrong_with_a_model_is_shown_at_its_place(pmp: Pmp, bundle: Path) -> None:
    (bundle / "sim.yaml").write_text("calls:\n  http.gett: {latency: 20ms}\n")
    done = pmp("check", bundle)
    assert done.returncode == 2
    assert "sim.yaml:2:3" in done.stderr + done.stdout
    assert "did you mean `http.get`?" in done.stderr + done.stdout


def test_the_two_examples_of_the_language_run_simulated(pmp: Pmp) -> None:
    from pmplab.demo import bundle_path

    found = _run(pmp, bundle_path("http-tri-phase"), "--simulate")
    assert (found["status"], found["users"], found["leases"]["live"]) == ("finished", 1000, 0)
    assert found["actions"]["probe-get"]["p50_ms"] == 10.0


def test_two_shards_of_a_simulated_run_do_not_draw_alike(pmp: Pmp, bundle: Path) -> None:
    found = _run(pmp, bundle, "--simulate", "--seed", 5, "--shards", 2)
    assert (found["status"], found["users"]) == ("finished", 20)
    actions = _opened(pmp, found).frames.actions.collect()
    looks = actions.filter(actions["node"].cast(str) == "shop/visit/look")
    first, second = (looks.filter(looks["shard"] == shard)["t_end"].head(20).to_list() for shard in (0, 1))
    assert first != second


def test_an_interrupt_drains_a_simulated_run(pmp: Pmp, bundle: Path) -> None:
    process = pmp.start("run", bundle, "--simulate", "--set", "load.scenarios[0].task-duration=20000h", "--quiet", "--json")
    try:
        end = time.monotonic() + 60
        while time.monotonic() < end and not any(run.status == "running" for run in pmplab.runs(home=pmp.home)):
            time.sleep(0.1)
        time.sleep(1.0)
        os.kill(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    assert process.returncode == 105, err
    found = json.loads(out)
    assert (found["status"], found["simulated"]) == ("stopped", True)


def test_in_python_too(bundle: Path, pmp: Pmp) -> None:
    run = pmplab.run(bundle, simulate=True, seed=3, wait=True, home=pmp.home)
    assert run.status == "finished"
    assert run.summary().simulated
    with pytest.raises(UsageError):
        pmplab.run(bundle, simulate=True, records="some", home=pmp.home)
    with pytest.raises(BundleError):
        pmplab.run(bundle, sim=bundle / "none.yaml", home=pmp.home)
    (bundle / "sim.yaml").write_text("call: {}\n")
    with pytest.raises(DiagnosticsError):
        pmplab.run(bundle, simulate=True, home=pmp.home)
