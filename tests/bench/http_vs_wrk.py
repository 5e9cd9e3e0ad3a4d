"""GET with keep-alive beside wrk, Locust and k6 on the same nginx, in requests per CPU-second of the generator.

All CPU time of all its processes counts, start and summary too; `steady_per_cpu_s` shows the run without them.

python tests/bench/http_vs_wrk.py [--seconds 20] [--no-peers]
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

import common
import polars as pl
from common import Cost, Nginx, pmp, spend

from pmplab.workbook.frames import Frames
from tests.faults import bundles

LOCUST = """\
from locust import FastHttpUser, task


class User(FastHttpUser):
    @task
    def get(self):
        self.client.get("/asset")
"""
K6 = """\
import http from 'k6/http';
export default function () { http.get(__ENV.URL); }
"""


def ours(nginx: Nginx, work: Path, users: int, seconds: int) -> Cost:
    """Run our own: closed load, everything recorded."""
    bundle = bundles.write(
        work / f"bundle-{users}", nginx.url, users=users, rate="100000/s", timeout="10s", duration=f"{seconds}s"
    )
    cost = spend(nginx, pmp("run", bundle, "--json", "--quiet"), seconds=seconds, env={"PMPLAB_HOME": str(work / "home")})
    found = json.loads(cost.output)
    counted = sum(action["count"] for action in found["actions"].values())
    failed = sum(action["fail"] + action["timeout"] for action in found["actions"].values())
    if counted != cost.requests or failed:
        raise RuntimeError(f"the server saw {cost.requests} requests, we recorded {counted}, of which {failed} failed")
    return cost


def steady(cost: Cost) -> float:
    """Return actions per CPU-second of the run's process and its compactors, without the seconds in which it starts and ends."""
    frames = Frames(json.loads(cost.output)["run_dir"])
    host = frames.host.collect().sort("t")
    spent = host["cpu_user"] + host["cpu_sys"] + host["cpu_children"]
    begin, end = host["t"][1], host["t"][-2]
    count = frames.actions.select(pl.col("t_end").is_between(begin, end, closed="right").sum()).collect().item()
    return float(count / ((spent[-2] - spent[1]) / 1e9))


def wrk(nginx: Nginx, users: int, seconds: int) -> Cost:
    """Run wrk with one thread. Its own count of requests: nginx counts those too that it broke off at the end."""
    cost = spend(nginx, ["wrk", "-t1", f"-c{users}", f"-d{seconds}s", nginx.url], seconds=seconds)
    return Cost(int(re.search(r"(\d+) requests in", cost.output)[1]), cost.cpu_s, seconds, cost.output)


def locust(work: Path) -> Path | None:
    """Install Locust into an environment of its own and return its program, or None."""
    folder = work / "locust"
    venv.create(folder, with_pip=True)
    done = subprocess.run(
        [folder / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", "locust"],
        timeout=300,
        check=False,
        capture_output=True,
    )
    return folder / "bin" / "locust" if done.returncode == 0 else None


def k6(work: Path) -> Path | None:
    """Build k6 where Go can, and return its program, or None."""
    found = shutil.which("k6")
    if found or shutil.which("go") is None:
        return Path(found) if found else None
    env = os.environ | {"GOBIN": str(work / "go-bin"), "GOFLAGS": "-buildvcs=false", "GOTOOLCHAIN": "local"}
    try:
        subprocess.run(["go", "install", "go.k6.io/k6@latest"], env=env, timeout=600, check=True, capture_output=True)
    except (subprocess.SubprocessError, OSError):
        return None
    return work / "go-bin" / "k6"


def run_locust(program: Path, nginx: Nginx, work: Path, users: int, seconds: int) -> Cost:
    """Run Locust's faster client in one process."""
    (work / "locustfile.py").write_text(LOCUST)
    command = [program, "--headless", "--only-summary", "-f", work / "locustfile.py", "-H", f"http://127.0.0.1:{nginx.port}"]
    return spend(nginx, [*command, "-u", users, "-r", users, "-t", f"{seconds}s"], seconds=seconds)


def run_k6(program: Path, nginx: Nginx, work: Path, users: int, seconds: int) -> Cost:
    """Run k6 with as many virtual users."""
    (work / "k6.js").write_text(K6)
    command = [program, "run", "--quiet", "--no-usage-report", "--vus", users, "--duration", f"{seconds}s", work / "k6.js"]
    return spend(nginx, command, seconds=seconds, env={"URL": nginx.url, "K6_NO_USAGE_REPORT": "true"})


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--no-peers", action="store_true", help="only wrk")
    args = parser.parse_args()
    common.need("wrk")
    rows, ratios = [], {}
    with tempfile.TemporaryDirectory(prefix="pmplab-bench-") as name:
        work = Path(name)
        others = {} if args.no_peers else {"locust": (locust(work), run_locust), "k6": (k6(work), run_k6)}
        with Nginx(work / "nginx") as nginx:
            ours(nginx, work, 1, 1)  # compiles the components
            for users in (1, 50, 200):
                costs = {"pmplab": ours(nginx, work, users, args.seconds), "wrk": wrk(nginx, users, args.seconds)}
                if users > 1:
                    costs |= {
                        peer: run(program, nginx, work, users, args.seconds)
                        for peer, (program, run) in others.items()
                        if program is not None
                    }
                for peer, cost in costs.items():
                    times = costs["pmplab"].per_cpu_s / cost.per_cpu_s
                    ratios[peer, users] = times
                    rows.append(
                        {
                            "users": users,
                            "generator": peer,
                            "requests": cost.requests,
                            "cpu_s": cost.cpu_s,
                            "per_cpu_s": cost.per_cpu_s,
                            "steady_per_cpu_s": steady(cost) if peer == "pmplab" else None,
                            "per_s": cost.requests / args.seconds,
                            "pmplab_is": times,
                        }
                    )
    one = {row["generator"]: row["per_s"] for row in rows if row["users"] == 1}

    def least(peer: str, goal: float) -> bool | None:
        found = [times for (who, users), times in ratios.items() if who == peer and users > 1]
        return min(found) >= goal if found else None

    goals = {
        "50 and 200 users: at least 0.4 x wrk": least("wrk", 0.4),
        "50 and 200 users: at least 4 x Locust FastHttpUser": least("locust", 4),
        "50 and 200 users: at least 10 x k6": least("k6", 10),
        "1 user: at least 0.8 x wrk's rate": one["pmplab"] >= 0.8 * one["wrk"],
    }
    common.report("http_vs_wrk", rows, goals)
    return 0


if __name__ == "__main__":
    sys.exit(common.run(main))
