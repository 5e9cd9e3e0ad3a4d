"""How long all analyses of ten million actions take, and how much memory: `python tests/bench/analyses.py [ROWS [FOLDER]]`.

The goal is under 10 s and 2 GB on 2 cores. The rows are made up: three actions, durations that depend on their neighbours, a
burst of failures, timeouts and retries. They lie in parts as the compactor writes them, in FOLDER to be used again.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT))

from pmplab.workbook import compact  # noqa: E402
from pmplab.workbook.schema import tables  # noqa: E402

PART = 500_000
PER_TASK = 3
GAP = 50_000
NODES = [f"assets/refresh/{name}" for name in ("get", "post", "delete")]
ARROW = {"int32": pa.int32(), "int64": pa.int64(), "text": pa.string()}
INDEX = {"dictionary8": pa.int8(), "dictionary32": pa.int32()}


def rows(table: str, n: int, known: dict[str, np.ndarray], words: dict[str, list[str]]) -> pa.Table:
    """Return rows of a table: what is not known is 0, or the first word."""
    found = {}
    for column in tables()[table].columns:
        values = known.get(column.name)
        if column.type == "text":
            found[column.name] = pa.nulls(n, pa.string())
        elif column.type in INDEX:
            index = np.zeros(n, np.int64) if values is None else values
            entries = pa.array(index, INDEX[column.type], mask=index < 0)
            found[column.name] = pa.DictionaryArray.from_arrays(entries, words.get(column.name) or list(column.values or ["one"]))
        else:
            found[column.name] = pa.array(np.zeros(n, np.int64) if values is None else values, ARROW[column.type])
    return pa.table(found)


def save(folder: Path, name: str, number: int, table: pa.Table) -> None:
    """Write a part."""
    path = folder / "parts" / name / f"s0-{number:06}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    with compact._writer(path, table.schema) as writer:
        for at in range(0, table.num_rows, compact.GROUP_ROWS):
            writer.write_table(table.slice(at, compact.GROUP_ROWS))


def write(folder: Path, count: int) -> None:
    """Write the parts of `count` actions at 20 000 a second, with their tasks and load."""
    rng = np.random.default_rng(1)
    kinds = list(tables()["actions"].columns[[c.name for c in tables()["actions"].columns].index("error_type")].values)
    for number, start in enumerate(range(0, count, PART), 1):
        seq = np.arange(start, min(start + PART, count), dtype=np.int64)
        n = len(seq)
        due = seq * GAP + rng.integers(0, 20_000, n)
        slow = 1 + 0.3 * np.sin(seq / 40_000)
        took = (rng.lognormal(14, 0.6, n) * slow).astype(np.int64)
        failed = rng.random(n) < np.where((seq > 0.4 * count) & (seq < 0.41 * count), 0.3, 0.003)
        late = rng.random(n) < 0.001
        took[late] = 1_000_000_000
        known = {
            "seq": seq, "node": seq % len(NODES), "user": rng.integers(0, 2000, n), "task": seq // PER_TASK, "visit": np.ones(n),
            "attempt": 1 + (rng.random(n) < 0.01), "t_intended": due, "t_start": due + 20_000,
            "t_first_byte": due + 20_000 + took // 2,
            "t_end": due + 20_000 + took, "event": np.where(late, 2, np.where(failed, 1, 0)),
            "class": np.where(late | failed, 0, -1),
            "error_type": np.where(late, kinds.index("timeout.action"), np.where(failed, kinds.index("protocol.http.5xx"), -1)),
            "status": np.where(failed, 503, 200), "resource": rng.integers(0, 200, n),
        }  # fmt: skip
        words = {"node": NODES, "resource": [f"pool/{number}" for number in range(200)]}
        save(folder, "actions", number, rows("actions", n, known, words))
        task = np.unique(seq // PER_TASK)
        begin = task * PER_TASK * GAP
        times = {"task": task, "t_planned": begin, "t_start": begin, "t_end": begin + 20_000_000, "user": task % 2000}
        save(folder, "tasks", number, rows("tasks", len(task), times, {}))
    ticks = np.arange(0, count * GAP, 20_000_000)
    level = np.full(len(ticks), 70)
    load = {"t": ticks, "planned": level, "online": level, "in_flight": level}
    save(folder, "load", 1, rows("load", len(ticks), load, {}))


def analyse(folder: Path) -> tuple[dict[str, float], dict[str, float]]:
    """Run every analysis once; return what each took, s, and the CPU time of each."""
    begun = time.perf_counter()
    from pmplab import analysis
    from pmplab.workbook.frames import Frames

    took = {"import": time.perf_counter() - begun}
    start = time.perf_counter()
    frames = analysis.hold(Frames(folder))
    took["hold"] = time.perf_counter() - start
    cpu: dict[str, float] = {}
    seconds = analysis.seconds(frames.actions).collect()
    window = analysis.steady(frames).window
    work = {
        "summary": lambda: analysis.summary(frames),
        "seconds": lambda: analysis.seconds(frames.actions).collect(),
        "percentiles": lambda: analysis.percentiles(frames),
        "percentiles by scenario": lambda: analysis.percentiles(frames, "scenario"),
        "censored": lambda: analysis.censored(frames),
        "phases": lambda: analysis.phases(frames),
        "tail": lambda: analysis.tail(frames),
        "heatmap": lambda: analysis.heatmap(frames),
        "steady": lambda: analysis.steady(frames),
        "drift": lambda: analysis.drift(seconds, frames),
        "errors": lambda: analysis.errors(frames),
        "bursts": lambda: analysis.bursts(frames),
        "budget": lambda: analysis.budget(frames, 0.999),
        "retries": lambda: analysis.retries(frames),
        "first failure": lambda: analysis.first_failure(frames),
        "apdex": lambda: analysis.apdex(frames, 5.0),
        "throughput": lambda: analysis.throughput(frames, 5.0, window),
        "little": lambda: analysis.little(frames, window),
        "adherence": lambda: analysis.adherence(frames),
        "composition": lambda: analysis.composition(frames),
        "fairness": lambda: analysis.fairness(frames),
        "health": lambda: analysis.health(frames),
    }
    for name, one in work.items():
        start, spent = time.perf_counter(), time.process_time()
        one()
        took[name], cpu[name] = time.perf_counter() - start, time.process_time() - spent
    return took, cpu


def main() -> None:
    """Write the rows in a child, so that they are not in the memory that is measured; then analyse them."""
    import os

    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    with tempfile.TemporaryDirectory() as temporary:
        folder = sys.argv[2] if len(sys.argv) > 2 else temporary
        child = os.fork()
        if child == 0:
            if not (Path(folder) / "parts").is_dir():
                write(Path(folder), count)
            os._exit(0)
        os.waitpid(child, 0)
        took, cpu = analyse(Path(folder))
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        each = {name: [round(value, 2), round(cpu.get(name, 0.0), 2)] for name, value in took.items()}
        total = [round(sum(of.values()), 2) for of in (took, cpu)]
        print(json.dumps({"rows": count, "s_and_cpu_s": total, "MiB": round(most), "each": each}))


if __name__ == "__main__":
    main()
