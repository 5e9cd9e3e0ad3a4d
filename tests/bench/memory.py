"""Memory of the process of a run: at 1000 and 10 000 users, and over a long run.

python tests/bench/memory.py [--actions 500000]        (the goal speaks of 5 000 000)
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import common
from common import GENERATOR_CORE, Nginx, child_of, pinned, pmp
from common import memory as memory_of

from tests.faults import bundles

MB = 1_000_000


def watch(work: Path, bundle: Path, *, stop_at: int | None = None, nginx: Nginx) -> tuple[dict[str, Any], list[tuple[int, int]]]:
    """Run a bundle and return its result and (requests so far, resident bytes), twice a second. Stop it at `stop_at` requests."""
    home = work / f"home-{bundle.name}"
    (home).mkdir()
    env = os.environ | {"PMPLAB_HOME": str(home)}
    before, seen = nginx.requests(), []
    process = subprocess.Popen(
        pinned(GENERATOR_CORE, pmp("run", bundle, "--json", "--quiet")),
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        pid, _ = child_of(home, 60)
        while process.poll() is None:
            found = memory_of(pid)
            if "rss" in found:
                seen.append((nginx.requests() - before, max(found["rss"], found["hwm"]) if stop_at is None else found["rss"]))
                if stop_at is not None and seen[-1][0] >= stop_at:
                    subprocess.run(pmp("stop"), env=env, check=False, capture_output=True)
                    break
            time.sleep(0.5)
        out, err = process.communicate(timeout=120)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    if not out:
        raise RuntimeError(err)
    return json.loads(out), seen


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--actions", type=int, default=500_000)
    args = parser.parse_args()
    common.raise_file_limit()
    rows, most = [], {}
    with tempfile.TemporaryDirectory(prefix="pmplab-bench-") as name:
        work = Path(name)
        with Nginx(work / "nginx") as nginx:
            for users in (1000, 10_000):
                bundle = bundles.write(
                    work / f"users-{users}", nginx.url, users=users, rate=f"{users // 4}/s", timeout="10s", duration="8s"
                )
                found, seen = watch(work, bundle, nginx=nginx)
                most[users] = max(size for _, size in seen)
                count = sum(action["count"] for action in found["actions"].values())
                rows.append(
                    {"what": f"{users} users", "actions": count, "at_most_mb": most[users] / MB, "growth_mb_per_million": None}
                )
            bundle = bundles.write(work / "long", nginx.url, users=50, rate="1000/s", timeout="10s", duration="3600s")
            _, seen = watch(work, bundle, stop_at=args.actions, nginx=nginx)
    # After a fifth of the run everything that grows only once has grown: segments rotate at 30 s or 64 MB.
    settled = [point for point in seen if point[0] >= args.actions * 0.2]
    quarter = max(1, len(settled) // 4)
    first, last = (sorted(size for _, size in part)[quarter // 2] for part in (settled[:quarter], settled[-quarter:]))
    millions = (settled[-1][0] - settled[0][0]) / 1e6 or 1e-9
    growth = (last - first) / MB / millions
    rows.append(
        {
            "what": f"{args.actions} actions",
            "actions": seen[-1][0],
            "at_most_mb": max(size for _, size in seen) / MB,
            "growth_mb_per_million": growth,
        }
    )
    goals = {
        "1000 users: under 150 MB": most[1000] < 150 * MB,
        "10 000 users: under 400 MB": most[10_000] < 400 * MB,
        "no growth over the run (under 2 MB in all)": (last - first) < 2 * MB,
    }
    common.report("memory", rows, goals)
    return 0


if __name__ == "__main__":
    sys.exit(common.run(main))
