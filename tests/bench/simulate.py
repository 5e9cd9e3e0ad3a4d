"""Simulation: an hour of 100 000 users with aggregates of a second, and how fast every record can be kept.

python tests/bench/simulate.py [--users 100000] [--hours 1] [--repeat 1]

One core is all there is: for the run, for what rewrites its segments, and for the command that the user typed. `wall_s` is that
command from its start to its end, `run_s` the simulation alone, `child_cpu_s` the CPU time of the process that simulates, and
`at_most_mb` its largest resident memory. Of repetitions the fastest counts: a busy machine makes none faster.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import common
from common import GENERATOR_CORE, child_of, pinned, pmp
from common import cpu_s as cpu_of
from common import memory as memory_of

GB = 1_000_000_000
SCRIPT = """\
version: "1.0"
components:
  - {{name: http, version: "0.2.1", entry: plugins/http/send.wasm}}
actions:
  ask: {{component: http, call: get, with: {{url: "http://127.0.0.1:9/"}}}}
workflows:
  visit: {{steps: [{{ref: ask}}]}}
load:
  scenarios:
    - {{name: crowd, workflow: visit, user-count: {users}, spawn-rate: {rate}/s, pacing: 10s, task-duration: {seconds}s}}
"""
SIM = """\
calls:
  http.get: {latency: {lognormal: {p50: 20ms, p99: 90ms}}, fail: 0.1%, server: {workers: 1000}}
"""


def simulate(work: Path, *, users: int, seconds: int, records: str) -> dict[str, Any]:
    """Simulate on one core and return the summary with what it cost: CPU and wall clock of all its processes, most memory."""
    bundle, home = work / f"{records}-{users}", work / "home"
    bundle.mkdir(exist_ok=True)
    # The last run is taken for this one otherwise.
    shutil.rmtree(home / "runs", ignore_errors=True)
    home.mkdir(exist_ok=True)
    (bundle / "script.yaml").write_text(SCRIPT.format(users=users, rate=users // 10, seconds=seconds), encoding="utf-8")
    (bundle / "sim.yaml").write_text(SIM, encoding="utf-8")
    command = pinned(GENERATOR_CORE, pmp("run", bundle, "--simulate", "--seed", 1, "--records", records, "--json", "--quiet"))
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    process = subprocess.Popen(
        command, env=os.environ | {"PMPLAB_HOME": str(home)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    most, spent = 0, 0.0

    def watch() -> None:
        nonlocal most, spent
        pid, _ = child_of(home, 120)
        while process.poll() is None:
            most, spent = max(most, memory_of(pid).get("hwm", 0)), cpu_of(pid) or spent
            time.sleep(0.1)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        out, err = process.communicate(timeout=900)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    watcher.join(5)
    wall, after = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode != 0:
        raise RuntimeError(f"exit {process.returncode}\n{out}\n{err}")
    found: dict[str, Any] = json.loads(out)
    run = json.loads((Path(found["run_dir"]) / "manifest.json").read_text(encoding="utf-8"))
    actions = sum(action["count"] for action in found["actions"].values())
    return {
        "records": records,
        "users": users,
        "actions": actions,
        "run_s": run["wall_ns"] / 1e9,
        "wall_s": wall,
        "cpu_s": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "child_cpu_s": spent,
        "per_s": actions / (run["wall_ns"] / 1e9),
        "at_most_mb": most / 1e6,
    }


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--repeat", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pmplab-bench-") as name:
        work = Path(name)
        # Compiling the components once is not what is measured.
        simulate(work, users=100, seconds=10, records="windows")
        kept, every = (
            min(
                (simulate(work, users=args.users, seconds=seconds, records=records) for _ in range(args.repeat)),
                key=lambda row: row["wall_s"],
            )
            for records, seconds in (("windows", int(args.hours * 3600)), ("full", max(30, int(args.hours * 300))))
        )
    whole = args.users == 100_000 and args.hours == 1.0
    goals = {
        "an hour of 100 000 users, 36 million actions, windows: under 60 s": kept["wall_s"] < 60 if whole else None,
        "the same: under 1 GB": kept["at_most_mb"] * 1e6 < GB if whole else None,
        "every record: at least 300 000 actions/s": every["per_s"] >= 300_000,
    }
    common.report("simulate", [kept, every], goals)
    return 0


if __name__ == "__main__":
    sys.exit(common.run(main))
