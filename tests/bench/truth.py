"""Do our service times agree with the packets? Open load at 2000/s, tcpdump on loopback.

python tests/bench/truth.py [--seconds 6]
"""

from __future__ import annotations

import argparse
import json
import os
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import common
from common import GENERATOR_CORE, Nginx, pinned, pmp

from pmplab.workbook.frames import Frames
from tests.faults import bundles

RATE = 2000


def services(pcap: Path, port: int) -> list[float]:
    """Return per connection the time from the first byte of the request to the last of the answer, ms, off the packets."""
    data = pcap.read_bytes()
    unit = {0xA1B2C3D4: 1e3, 0xA1B23C4D: 1e6}[struct.unpack_from("<I", data)[0]]
    at, asked, answered = 24, {}, {}
    while at + 16 <= len(data):
        seconds, fraction, kept, whole = struct.unpack_from("<IIII", data, at)
        packet = memoryview(data)[at + 16 : at + 16 + kept]
        at += 16 + kept
        if len(packet) < 54 or packet[12:14] != b"\x08\x00":
            continue
        ip = (packet[14] & 15) * 4
        source, target = struct.unpack_from(">HH", packet, 14 + ip)
        payload = whole - 14 - ip - (packet[14 + ip + 12] >> 4) * 4
        if payload <= 0:
            continue
        now = seconds * 1e3 + fraction / unit
        if target == port:
            asked.setdefault(source, now)
        elif source == port:
            answered[target] = now
    return [answered[key] - begun for key, begun in asked.items() if key in answered]


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
                stderr=subprocess.DEVNULL,
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
                watch.wait()
            seen = services(pcap, nginx.port)
        actions = Frames(json.loads(done.stdout)["run_dir"]).actions.collect()
    ours = ((actions["t_end"] - actions["t_start"]) / 1e6).median()
    connects = (actions["t_start"] - actions["t_connect"]).drop_nulls() / 1e6
    # From due to the begin of connecting: what a tick would delay.
    late = (actions["t_connect"].fill_null(actions["t_start"]) - actions["t_intended"]) / 1e6
    rows = [
        {
            "actions": actions.height,
            "connections_seen": len(seen),
            "service_p50_ms": ours,
            "packets_p50_ms": median(seen),
            "difference_ms": ours - median(seen),
            "connect_p50_ms": connects.median(),
            "dispatch_p50_ms": late.median(),
            "dispatch_p99_ms": late.quantile(0.99),
        }
    ]
    goals = {
        "service p50 less packets' p50 under 0.2 ms": ours - median(seen) < 0.2,
        "a tick (20 ms) never delays a dispatch: p99 under 5 ms": late.quantile(0.99) < 5,
    }
    common.report("truth", rows, goals)
    return 0


if __name__ == "__main__":
    sys.exit(common.run(main))
