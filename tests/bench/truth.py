"""Do our service times agree with the packets? Open load at 2000/s, tcpdump on loopback.

python tests/bench/truth.py [--seconds 6]
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
from statistics import median

import common
from common import GENERATOR_CORE, Nginx, pinned, pmp

from pmplab.workbook.frames import Frames
from tests.bench.packets import lost, services
from tests.faults import bundles

RATE = 2000
MOST_MS = 0.2


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=6)
    args = parser.parse_args()
    common.need("tcpdump")
    common.raise_file_limit()
    with tempfile.TemporaryDirectory(prefix="pmplab-bench-") as name:
        work = Path(name)
        env = os.environ | {"PMPLAB_HOME": str(work / "home")}
        with Nginx(work / "nginx") as nginx:
            bundle = bundles.write(work / "warm", nginx.url, users=1, rate="1000/s", timeout="5s")
            subprocess.run(pmp("run", bundle, "--json", "--quiet"), env=env, check=True, capture_output=True)
            # Users that come at a rate and do one request each: arrivals do not wait for answers.
            bundle = bundles.write(work / "open", nginx.url, users=RATE * args.seconds, rate=f"{RATE}/s", timeout="5s")
            pcap = work / "lo.pcap"
            watch = subprocess.Popen(
                [
                    "tcpdump",
                    "-i",
                    "lo",
                    "-s",
                    "96",
                    "-B",
                    "65536",
                    "--time-stamp-precision=nano",
                    "-U",
                    "-w",
                    pcap,
                    f"tcp port {nginx.port}",
                ],
                stderr=subprocess.PIPE,
                text=True,
            )
            try:
                time.sleep(1)
                done = subprocess.run(
                    pinned(GENERATOR_CORE, pmp("run", bundle, "--json", "--quiet")),
                    env=env,
                    check=True,
                    capture_output=True,
                    text=True,
                )
                time.sleep(1)
            finally:
                watch.terminate()
                said = watch.communicate()[1]
            missed = lost(said)
            if missed is None:
                raise common.MissingError(f"tcpdump did not capture: {said.strip()}")
            seen = services(pcap.read_bytes(), nginx.port)
        actions = Frames(json.loads(done.stdout)["run_dir"]).actions.collect()
    ours = ((actions["t_end"] - actions["t_start"]) / 1e6).median()
    connects = (actions["t_start"] - actions["t_connect"]).drop_nulls() / 1e6
    # From due to the begin of connecting: what a tick would delay.
    late = (actions["t_connect"].fill_null(actions["t_start"]) - actions["t_intended"]) / 1e6
    theirs = median(seen) if seen else float("nan")
    difference = ours - theirs
    complete = missed == 0 and len(seen) == actions.height
    rows = [
        {
            "actions": actions.height,
            "connections_seen": len(seen),
            "packets_missed": missed,
            "service_p50_ms": ours,
            "packets_p50_ms": theirs,
            "difference_ms": difference,
            "connect_p50_ms": connects.median(),
            "dispatch_p50_ms": late.median(),
            "dispatch_p99_ms": late.quantile(0.99),
        }
    ]
    goals = {
        "service p50 and packets' p50 differ by less than 0.2 ms": abs(difference) < MOST_MS if complete else None,
        "a tick (20 ms) never delays a dispatch: p99 under 5 ms": late.quantile(0.99) < 5,
    }
    common.report("truth", rows, goals)
    if not complete:
        unseen = actions.height - len(seen)
        print(f"  tcpdump missed {missed} packets and {unseen} connections: its times prove nothing")
    return 0


if __name__ == "__main__":
    sys.exit(common.run(main))
