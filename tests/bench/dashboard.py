"""What does the live dashboard cost? An open load of 20 000/s against an nginx, run in a kernel, with and without it.

python tests/bench/dashboard.py [--seconds 15] [--pairs 3]

A client of Jupyter's executes a notebook, which is what a browser is to the kernel. The achieved rate is that of the seconds in
the middle, the CPU time that of the kernel's process alone. How old rows are when a frame first shows them is measured by a cell
that asks for the frame ten times a second, beside the dashboard.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import common
import nbformat
from common import Nginx
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

RATE = 20_000
SCRIPT = """\
version: "1.0"
components:
  - {{name: http, version: "0.2.1", entry: plugins/http/send.wasm}}
actions:
  ask: {{component: http, call: get, timeout: 5s, with: {{url: "{url}"}}}}
workflows:
  visit: {{steps: [{{ref: ask}}]}}
monitoring:
  thresholds: ["p99(ask) < 5s", "fail_rate < 1% for 5s"]
load:
  scenarios:
    - {{name: open, workflow: visit, arrival: {{shape: constant, rate: {rate}/s, duration: {length}s, max-users: 400}}}}
"""
SETUP = """\
%load_ext pmplab
import json, os, time
import polars as pl
def cpu():
    spent = os.times()
    return spent.user + spent.system
"""
MEASURE = """\
begun, spent = time.monotonic(), cpu()
run = %pmp run {bundle} --seed 1 {options}
"""
WAIT = """\
run.wait()
took, spent = time.monotonic() - begun, cpu() - spent
"""
AGE = """\
ages, last, t0 = [], -1, run._session.started["t0_wall_ns"]
while not run.wait(0.1):
    rows = run.frames.actions.filter(pl.col("seq") > last).select("seq", "t_end").collect()
    now = time.time_ns() - t0
    if rows.height:
        last = rows["seq"].max()
        # What compiles at the beginning is none of it.
        ages.append(now - rows.filter(pl.col("t_end") > 2e9)["t_end"])
ages = pl.concat(ages) / 1e6
"""
RESULT = """\
middle = run.frames.actions.select(pl.col("t_end").is_between(3e9, {until}e9).sum()).collect().item()
print(json.dumps({{"per_s": middle / ({until} - 3), "cpu_cores": spent / took}}))
"""
AGES = 'print(json.dumps({"p50": ages.quantile(0.5), "p99": ages.quantile(0.99), "rows": ages.len()}))'


def execute(*sources: str) -> tuple[dict[str, Any], int]:
    """Run cells in a kernel; return what the last one printed, and the bytes of the executed notebook."""
    book = new_notebook(cells=[new_code_cell(source) for source in sources])
    NotebookClient(book, timeout=180, kernel_name="python3").execute()
    found: dict[str, Any] = json.loads(book.cells[-1].outputs[0]["text"])
    return found, len(nbformat.writes(book).encode())


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=15)
    parser.add_argument("--pairs", type=int, default=3)
    args = parser.parse_args()
    common.raise_file_limit()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="pmplab-bench-") as name:
        work, bundle = Path(name), Path(name) / "bundle"
        bundle.mkdir()
        os.environ |= {"PMPLAB_HOME": str(work / "home"), "PYTHONPATH": str(common.ROOT)}
        os.environ.pop("PMPLAB_WAIT", None)
        with Nginx(work / "nginx") as nginx:
            (bundle / "script.yaml").write_text(SCRIPT.format(url=nginx.url, rate=RATE, length=args.seconds), encoding="utf-8")
            result = RESULT.format(until=args.seconds - 1)
            for number in range(args.pairs):
                for view, options in (("none", "--quiet"), ("dashboard", ""))[:: 1 if number % 2 else -1]:
                    cost, size = execute(SETUP, MEASURE.format(bundle=bundle, options=options), WAIT, result)
                    rows.append({"view": view, **cost, "notebook_bytes": size})
            age, _ = execute(SETUP, MEASURE.format(bundle=bundle, options=""), AGE, AGES)
            rows.append({"view": "dashboard and frames", "age_p50_ms": age["p50"], "age_p99_ms": age["p99"]})

    def middle(view: str, figure: str) -> float:
        return statistics.median(row[figure] for row in rows if row["view"] == view)

    ratio = middle("dashboard", "per_s") / middle("none", "per_s")
    columns = ("view", "per_s", "cpu_cores", "notebook_bytes", "age_p50_ms", "age_p99_ms")
    common.report(
        "dashboard",
        [{column: row.get(column) for column in columns} for row in rows],
        {
            f"with the dashboard the rate falls by under 1 % (it is {ratio:.4f} of that without)": ratio > 0.99,
            "the kernel uses under a quarter of a core": middle("dashboard", "cpu_cores") < 0.25,
            "99 % of the rows are in a frame within 500 ms": age["p99"] < 500,
            "the executed notebook is under 500 KB": middle("dashboard", "notebook_bytes") < 500_000,
        },
    )
    return 0


if __name__ == "__main__":
    sys.exit(common.run(main))
