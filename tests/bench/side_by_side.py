"""Do two components with sockets move each other's service time? Each alone at an open 500/s, then both in one run.

python tests/bench/side_by_side.py [--seconds 6]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import common
import polars as pl
from common import GENERATOR_CORE, Nginx, pinned, pmp

from pmplab.workbook.frames import Frames
from tests.faults import bundles

RATE = 500
COMPONENTS = ("a", "b")
MOST_MS = 0.2


def measure(work: Path, nginx: Nginx, names: tuple[str, ...], seconds: int) -> dict[str, dict[str, float]]:
    """Run one component or several beside each other; return of each its service time and how late it was asked, in ms."""
    # Users that come at a rate and do one request each: arrivals do not wait for answers.
    streams = [bundles.Stream(name, nginx.url, users=RATE * seconds, rate=f"{RATE}/s", timeout="5s") for name in names]
    bundle = bundles.write_side_by_side(work / "-".join((*names, str(seconds))), *streams)
    done = subprocess.run(
        pinned(GENERATOR_CORE, pmp("run", bundle, "--json", "--quiet")),
        env=os.environ | {"PMPLAB_HOME": str(work / "home")},
        check=True,
        capture_output=True,
        text=True,
    )
    actions = Frames(json.loads(done.stdout)["run_dir"]).actions.collect()
    if actions.filter(pl.col("event") != "success").height or actions.height != RATE * seconds * len(names):
        raise RuntimeError(f"{actions.height} actions of {RATE * seconds * len(names)}, or some failed")
    found = {}
    for name in names:
        mine = actions.filter(pl.col("component").cast(pl.String) == name)
        service = (mine["t_end"] - mine["t_start"]) / 1e6
        # From due to the begin of connecting: what the other component's turn would delay.
        late = (mine["t_connect"].fill_null(mine["t_start"]) - mine["t_intended"]) / 1e6
        found[name] = {
            "service_p50_ms": service.median(),
            "service_p99_ms": service.quantile(0.99),
            "dispatch_p50_ms": late.median(),
            "dispatch_p99_ms": late.quantile(0.99),
        }
    return found


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=6)
    args = parser.parse_args()
    common.raise_file_limit()
    with tempfile.TemporaryDirectory(prefix="pmplab-bench-") as name:
        work = Path(name)
        with Nginx(work / "nginx") as nginx:
            for names in (("a",), ("b",), COMPONENTS):
                measure(work, nginx, names, 1)  # compiles the components
            alone = {name: measure(work, nginx, (name,), args.seconds)[name] for name in COMPONENTS}
            beside = measure(work, nginx, COMPONENTS, args.seconds)
    rows = [
        {"component": name, "beside": "nothing" if found is alone else "the other", **found[name]}
        for name in COMPONENTS
        for found in (alone, beside)
    ]
    moved = [abs(beside[name]["service_p50_ms"] - alone[name]["service_p50_ms"]) for name in COMPONENTS]
    goals = {"two components side by side move each other's p50 by less than 200 us": max(moved) < MOST_MS}
    common.report("side_by_side", rows, goals)
    return 0


if __name__ == "__main__":
    sys.exit(common.run(main))
