"""Does the gate judge as it says? Simulated comparisons by seed, and real runs of one scenario against one target.

python tests/bench/judging.py [--count 2000] [--pairs 20]
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import common
import numpy as np

import pmplab
from pmplab.analysis.compare import Compared, compare
from pmplab.analysis.figures import Figures
from pmplab.library import Library
from pmplab.target import TargetProcess
from tests.shop import SCRIPT

A_SIDE = 5
SAMPLES = 4000
SCATTERS = (0.003, 0.01, 0.03, 0.06)
"""How far runs of one thing differ from each other, from a quiet machine to a busy one."""
MOST_WORSE = 0.04
LEAST_FOUND = 0.95
REAL_S = 2


def run_of(dice: np.random.Generator, *, scatter: float = 0.01, p50: float = 1.0, p99: float = 1.0) -> dict[str, Figures]:
    """Return the figures of a run drawn request by request: log-normal times, and each run a little of its own as a whole."""
    times = 50 * p50 * np.exp(dice.normal(0, 0.3, SAMPLES) + dice.normal(0, scatter))
    times[times > np.quantile(times, 0.95)] *= p99
    errors = int(dice.binomial(SAMPLES, 0.002))
    rate = float(1000 * np.exp(dice.normal(0, 0.005)))
    return {"web": Figures(SAMPLES, errors, float(np.quantile(times, 0.5)), float(np.quantile(times, 0.99)), rate)}


def compared(dice: np.random.Generator, scatter: float, **moved: float) -> Compared:
    """Compare five runs with five, the second five moved."""
    before = [run_of(dice, scatter=scatter) for _ in range(A_SIDE)]
    return compare(before, [run_of(dice, scatter=scatter, **moved) for _ in range(A_SIDE)])


def found(count: int, metric: str, seed: int, **moved: float) -> float:
    """Return the share of comparisons that call a figure worse."""
    dice = np.random.default_rng(seed)
    every = (compared(dice, SCATTERS[1], **moved) for _ in range(count))
    return sum(any(c.metric == metric and c.verdict == "worse" for c in one.gate) for one in every) / count


def real(pairs: int) -> Counter[str]:
    """Run one scenario against one target again and again; return what the figures of each run are called beside the five before.

    Whether the harness kept up is printed beside it: the gate itself takes no run that its harness limited.
    """
    verdicts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="pmplab-bench-") as name:
        home, bundle = Path(name) / "home", Path(name) / "shop"
        bundle.mkdir()
        known: list[dict[str, Figures]] = []
        with TargetProcess(delay=0.02, jitter=0.01) as target, Library(home) as library:
            port = target.ports[0]
            (bundle / "script.yaml").write_text(
                SCRIPT.replace("127.0.0.1:20000", f"127.0.0.1:{port}").replace("20s", f"{REAL_S}s")
            )
            for number in range(A_SIDE + pairs):
                run = pmplab.run(bundle, wait=True, home=home)
                entry = library.judged(library.entry(run.dir))
                figures = library.figures(entry)
                if number >= A_SIDE:
                    one = compare(known[-A_SIDE:], [figures])
                    verdicts[one.verdict] += 1
                    verdicts["harness-limited"] += entry.limited
                    moved = ", ".join(f"{c.title} {c.shift:+.1%}" for c in one.gate if c.shift is not None and not c.absolute)
                    print(f"  {run.id}  {one.verdict}  ({moved}){'  ' + entry.unhealthy if entry.unhealthy else ''}", flush=True)
                known.append(figures)
    return verdicts


def main() -> int:
    """Simulate, run, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000, help="comparisons of like with like")
    parser.add_argument("--pairs", type=int, default=20, help="real runs that are compared")
    args = parser.parse_args()
    began = time.monotonic()
    dice = np.random.default_rng(1)
    said = Counter(compared(dice, SCATTERS[number % len(SCATTERS)]).verdict for number in range(args.count))
    worse = said["worse"] / args.count
    slower = found(max(args.count // 5, 1), "p50_ms", 2, p50=1.10)
    tails = found(max(args.count // 5, 1), "p99_ms", 3, p99=1.20)
    rows = [
        {"what": f"like with like, {args.count} times", "called worse": f"{100 * worse:.2f} %", "all": dict(said)},
        {"what": "p50 10 % slower", "called worse": f"{100 * slower:.1f} %", "all": ""},
        {"what": "p99 20 % slower", "called worse": f"{100 * tails:.1f} %", "all": ""},
    ]
    took = time.monotonic() - began
    verdicts = real(args.pairs) if args.pairs else Counter()
    rows.append(
        {
            "what": f"{args.pairs} real runs, each beside the five before",
            "called worse": str(verdicts["worse"]),
            "all": dict(verdicts),
        }
    )
    goals = {
        f"at most {100 * MOST_WORSE:.0f} % of like with like are called worse": worse <= MOST_WORSE,
        "10 % of p50 are found with five runs a side": slower >= LEAST_FOUND,
        "20 % of p99 are found with five runs a side": tails >= LEAST_FOUND,
    }
    common.report("judging", rows, goals)
    print(f"  simulated in {took:.0f} s on {os.cpu_count()} cores")
    return 0


if __name__ == "__main__":
    sys.exit(common.run(main))
