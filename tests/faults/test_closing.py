"""However a run ends, nothing stays leased, there is a report, and the library has one entry of it."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import TYPE_CHECKING

import polars as pl
import pytest

import pmplab
from pmplab.library import Library
from tests.faults import bundles, components, servers
from tests.faults.runs import alive, run_dir_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Pmp

ANYWHERE = "0.0.0.0"
THRESHOLDS = 99
RUN_ACTION = "pmplab:protocol/plugin@0.1.0#run-action"


def closed(pmp: Pmp, run: pmplab.Run, status: str) -> None:
    """It is over, no process of it is left, no lease is held, and report and library have it."""
    assert run.status == status
    assert not alive(json.loads((run.dir / "run.json").read_text())["pid"])
    (domain,) = run.workbook.leases.to_dicts()
    assert domain["acquired"] > 0
    assert domain["live"] == 0
    assert not any(run.workbook.resources["pool"]["held_by"].to_list())
    back = domain["released"] + domain["expired"]
    assert domain["lost"] == domain["acquired"] - back
    if status in {"finished", "stopped"}:
        assert domain["lost"] == 0, "a run that comes to its end gives everything back itself"
    report = pmplab.report(run)
    assert report.summary["status"] == status
    assert report.closing.leases["live"].sum() == 0
    assert "Leases by Guard Domain" in report.html
    assert status in run.workbook.cells().filter(pl.col("field") == "status")["value"].to_list()
    shown = pmp("report", run.id, "--out", run.dir.parent.parent / f"{run.id}.html")
    assert shown.returncode == 0, shown.stderr
    with Library(pmp.home) as library:
        assert [entry.run_id for entry in library.entries() if entry.run_id == run.id] == [run.id]


def write_trapping(folder: Path) -> None:
    """Add a scenario that begins after a second and whose component traps at its first call."""
    (folder / "bad.wasm").write_bytes(components.broken(components.vendored("http"), RUN_ACTION, components.TRAPS))
    script = folder / "script.yaml"
    text = script.read_text(encoding="utf-8")
    text = text.replace("components:\n", 'components:\n  - {name: bad, version: "0.2.1", entry: bad.wasm}\n', 1)
    text = text.replace("workflows:\n", "workflows:\n  broken: {steps: [{ref: break}]}\n", 1)
    text = text.replace("actions:\n", 'actions:\n  break: {component: bad, call: get, with: {url: "http://127.0.0.1:9/"}}\n', 1)
    script.write_text(text + "    - {name: late, workflow: broken, user-count: 1, start-after: 1s}\n", encoding="utf-8")


@pytest.mark.parametrize("way", ["finished", "thresholds", "stopped", "stopped at once", "trapped", "crashed"])
def test_however_it_ends(pmp: Pmp, tmp_path: Path, way: str) -> None:
    name = f"closing-{way.replace(' ', '-')}"
    slow = 4 if way == "stopped at once" else 0.05
    with servers.Server(servers.slow(slow), ANYWHERE) as server:
        duration = "1s" if way in {"finished", "thresholds"} else "60s"
        bundle = bundles.write_leasing(tmp_path, server.port, users=8, duration=duration)
        words = {"thresholds": ("--threshold", "p50 < 1ms"), "trapped": ("--allow", "bad=net")}.get(way, ())
        if way == "trapped":
            write_trapping(tmp_path)
        process = pmp.start("run", bundle, "--json", "--quiet", "--name", name, *words)
        run_dir = run_dir_of(pmp, name)
        server.wait_for_requests(8)
        time.sleep(0.5)
        if way == "stopped":
            process.send_signal(signal.SIGINT)
        elif way == "stopped at once":
            for _ in range(2):
                process.send_signal(signal.SIGINT)
                time.sleep(0.5)
        elif way == "crashed":
            os.kill(json.loads((run_dir / "run.json").read_text())["pid"], signal.SIGKILL)
        process.communicate(timeout=60)
    status = {"thresholds": "finished", "stopped at once": "stopped"}.get(way, way)
    assert process.returncode == {"finished": 0, "thresholds": THRESHOLDS, "crashed": 1, "trapped": 107}.get(way, 105)
    closed(pmp, pmplab.open_run(run_dir), status)
