"""From `pmp run` to the first request, the first time and once the components are compiled. `python tests/bench/startup.py`."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import common
from common import pmp

from tests.faults import bundles, servers

TIMES = 5


def once(bundle: Path, home: Path, server: servers.Server) -> float:
    """Return the time until the request came, s."""
    awaited, begun = server.requests + 1, time.monotonic()
    process = subprocess.Popen(
        pmp("run", bundle, "--json", "--quiet"),
        env=os.environ | {"PMPLAB_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while server.requests < awaited:
            if process.poll() is not None or time.monotonic() - begun > 60:
                raise RuntimeError(f"the run ended with {process.poll()} and no request")
            time.sleep(0.002)
        return time.monotonic() - begun
    finally:
        process.wait()


def main() -> int:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="pmplab-bench-") as name, servers.Server() as server:
        work = Path(name)
        bundle = bundles.write(work / "bundle", server.url, users=1, rate="1000/s")
        cold = [once(bundle, work / f"home-{number}", server) for number in range(2)]
        warm = [once(bundle, work / "home-0", server) for _ in range(TIMES)]
    rows = [
        {"what": what, "median_s": median(times), "max_s": max(times)}
        for what, times in (("the first time", cold), ("compiled", warm))
    ]
    goals = {"compiled: under 1 s": median(warm) < 1, "the first time: under 3 s": median(cold) < 3}
    common.report("startup", rows, goals)
    return 0


if __name__ == "__main__":
    sys.exit(common.run(main))
