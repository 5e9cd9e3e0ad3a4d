"""1000 users at 200/s: when does the last one come, and how far is each from its plan? `python tests/bench/spawn.py`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import common
import polars as pl
from common import Nginx, pmp

from pmplab.workbook.frames import Frames
from tests.faults import bundles

TICK_MS = 20


def main() -> int:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="pmplab-bench-") as name:
        work = Path(name)
        with Nginx(work / "nginx") as nginx:
            bundle = bundles.write(work / "bundle", nginx.url, users=1000, rate="200/s", timeout="5s")
            done = subprocess.run(
                pmp("run", bundle, "--json", "--quiet"),
                capture_output=True,
                text=True,
                check=True,
                env=os.environ | {"PMPLAB_HOME": str(work / "home")},
            )
        found = json.loads(done.stdout)
        tasks = Frames(found["run_dir"]).tasks.collect()
    late = (tasks["t_start"] - tasks["t_planned"]) / 1e6
    last_s = tasks["t_start"].max() / 1e9
    rows = [
        {
            "users": tasks.select(pl.col("user").n_unique()).item(),
            "planned_s": tasks["t_planned"].max() / 1e9,
            "last_s": last_s,
            "late_p50_ms": late.median(),
            "late_max_ms": late.max(),
        }
    ]
    goals = {
        "the last of 1000 users comes at 5.0 s, within a tick": abs(last_s - 5.0) <= TICK_MS / 1000,
        "the summary says the same": abs(found["spawn"]["actual_s"] - last_s) < 0.01,
    }
    common.report("spawn", rows, goals)
    return 0


if __name__ == "__main__":
    sys.exit(common.run(main))
