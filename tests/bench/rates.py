"""Do rates hold against a real clock? All shapes of arrivals and a limit per user, side by side for 12 s, against an nginx.

python tests/bench/rates.py

Counted is what went to the sockets in ten of the seconds. The random shapes are held against a simulation of the same bundle
with the same seed: what it sends is the schedule, since no time goes by in it between due and sent.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import common
import polars as pl
from common import GENERATOR_CORE, Nginx, pinned, pmp

from pmplab.workbook.frames import Frames

SECOND = 1_000_000_000
LENGTH_S = 12
# Between two bursts, so that none is cut.
FROM_S, TO_S = 1.1, 11.1
LIMIT, LIMITED = 50, 4
SHAPES = {
    "constant": "rate: 300/s",
    "ramp": "rate: 100/s, to: 400/s",
    "stairs": "rate: 100/s, to: 400/s, steps: 6",
    "burst": "size: 50, every: 250ms",
    "poisson": "rate: 200/s",
    "uniform": "rate: 200/s",
}
RANDOM = ("poisson", "uniform")
SCRIPT = """\
version: "1.0"
components:
  - {{name: http, version: "0.2.1", entry: plugins/http/send.wasm}}
actions:
  ask: {{component: http, call: get, timeout: 5s, with: {{url: "{url}"}}}}
workflows:
  visit: {{steps: [{{ref: ask}}]}}
load:
  scenarios:
"""
OPEN = "    - {{name: {shape}, workflow: visit, arrival: {{shape: {shape}, {keys}, duration: {length}s, max-users: 200}}}}\n"
CLOSED = (
    "    - {{name: limited, workflow: visit, user-count: {users}, spawn-rate: 1000/s, task-duration: {length}s,"
    " rate-limit: {{per-user: {limit} req/s}}}}\n"
)
SIM = "calls:\n  http.get: {latency: 1ms}\n"


def wanted(shape: str, t: float) -> float:
    """Return what a regular shape is to have sent `t` seconds after its start."""
    match shape:
        case "constant":
            return 300 * t
        case "ramp":
            return 100 * t + 300 * t * t / LENGTH_S / 2
        case "stairs":
            span = LENGTH_S / 6
            return sum((100 + 60 * step) * min(max(t - step * span, 0), span) for step in range(6))
        case _:
            return 200 * t


def sent(bundle: Path, home: Path, *options: str) -> pl.DataFrame:
    """Run the bundle and return scenario, user, when each action was due and when its first byte, or its connect, went out."""
    done = subprocess.run(
        pinned(GENERATOR_CORE, pmp("run", bundle, "--seed", 1, "--json", "--quiet", *options)),
        env=os.environ | {"PMPLAB_HOME": str(home)},
        check=False,
        capture_output=True,
        text=True,
        timeout=180,
    )
    if done.returncode != 0:
        raise RuntimeError(f"exit {done.returncode}\n{done.stdout}\n{done.stderr}")
    begun = pl.coalesce("t_connect", "t_start").alias("sent")
    actions = Frames(json.loads(done.stdout)["run_dir"]).actions
    return actions.select(pl.col("scenario").cast(pl.String), "user", pl.col("t_intended").alias("due"), begun).collect()


def within(times: pl.Series) -> int:
    """Return how many of the instants lie in the ten seconds."""
    return int(times.is_between(FROM_S * SECOND, TO_S * SECOND, closed="left").sum())


def row(name: str, actions: pl.DataFrame, want: float) -> dict[str, Any]:
    """Return what was sent of what was wanted, and how late."""
    found = within(actions["sent"])
    late = (actions["sent"] - actions["due"]) / 1e6
    return {
        "load": name,
        "wanted": want,
        "sent": found,
        "off_percent": abs(found / want - 1) * 100,
        "late_p50_ms": late.median(),
        "late_p99_ms": late.quantile(0.99),
    }


def main() -> int:
    """Measure and print."""
    common.raise_file_limit()
    rows: list[dict[str, Any]] = []
    goals: dict[str, bool | None] = {}
    with tempfile.TemporaryDirectory(prefix="pmplab-bench-") as name:
        work, bundle = Path(name), Path(name) / "bundle"
        bundle.mkdir()
        with Nginx(work / "nginx") as nginx:
            scenarios = [OPEN.format(shape=shape, keys=keys, length=LENGTH_S) for shape, keys in SHAPES.items()]
            scenarios.append(CLOSED.format(users=LIMITED, limit=LIMIT, length=LENGTH_S))
            (bundle / "script.yaml").write_text(SCRIPT.format(url=nginx.url) + "".join(scenarios), encoding="utf-8")
            (bundle / "sim.yaml").write_text(SIM, encoding="utf-8")
            real = sent(bundle, work / "home")
        schedule = sent(bundle, work / "home", "--simulate")
    for shape in SHAPES:
        actions = real.filter(pl.col("scenario") == shape)
        planned = schedule.filter(pl.col("scenario") == shape)
        if shape in RANDOM:
            found = row(shape, actions, within(planned["sent"]))
            goals[f"{shape}: due as the seed says, to the nanosecond"] = actions["due"].sort().equals(planned["due"].sort())
            goals[f"{shape}: sent what its schedule wants, within one arrival"] = abs(found["sent"] - found["wanted"]) <= 1
        else:
            found = row(shape, actions, wanted(shape, TO_S) - wanted(shape, FROM_S))
            goals[f"{shape}: within 0.5 % over 10 s"] = found["off_percent"] <= 0.5
        rows.append(found)
    limited = real.filter(pl.col("scenario") == "limited").partition_by("user")
    users = [row(f"user {number}", actions, LIMIT * (TO_S - FROM_S)) for number, actions in enumerate(limited)]
    goals["a limit per user: within 1 % over 10 s"] = len(users) == LIMITED and all(user["off_percent"] <= 1 for user in users)
    common.report("rates", rows + users, goals)
    return 0


if __name__ == "__main__":
    sys.exit(common.run(main))
