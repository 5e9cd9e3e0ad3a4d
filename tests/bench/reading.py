"""How long it takes to group five million actions by action with four percentiles: `python tests/bench/reading.py [ROWS]`.

The goal is under 2 s on 2 cores. The rows are made up, each its own duration, and lie in parts as the compactor writes them.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from pmplab.analysis import latency, summary
from pmplab.workbook import compact
from pmplab.workbook.frames import Frames
from pmplab.workbook.schema import tables

PART = 500_000
ARROW = {"int32": pa.int32(), "int64": pa.int64(), "text": pa.string()}
INDEX = {"dictionary8": pa.int8(), "dictionary32": pa.int32()}
NODES = [f"assets/refresh/{name}" for name in ("get", "post", "delete")]


def column(kind, name, values, seq, due, took):
    """Return the values of a column."""
    if kind in INDEX:
        words = list(values or (NODES if name == "node" else ["one"]))
        index = seq % 3 if name == "node" else np.zeros_like(seq)
        return pa.DictionaryArray.from_arrays(pa.array(index, INDEX[kind]), pa.array(words))
    if kind == "text":
        return pa.nulls(len(seq), pa.string())
    known = {"seq": seq, "user": seq % 1000, "task": seq // 3, "t_intended": due, "t_start": due + 40_000, "t_end": due + took}
    return pa.array(known.get(name, np.ones_like(seq)), ARROW[kind])


def write(folder: Path, rows: int) -> None:
    """Write parts of `rows` actions in all, at 20 000 a second, durations log-normal."""
    rng = np.random.default_rng(1)
    (folder / "parts" / "actions").mkdir(parents=True)
    for number, start in enumerate(range(0, rows, PART), 1):
        seq = np.arange(start, min(start + PART, rows), dtype=np.int64)
        due = seq * 50_000 + rng.integers(0, 20_000, len(seq))
        took = rng.lognormal(13, 0.6, len(seq)).astype(np.int64)
        columns = {c.name: column(c.type, c.name, c.values, seq, due, took) for c in tables()["actions"].columns}
        table = pa.table(columns)
        with compact._writer(folder / "parts" / "actions" / f"s0-{number:06}.parquet", table.schema) as writer:
            for at in range(0, table.num_rows, compact.GROUP_ROWS):
                writer.write_table(table.slice(at, compact.GROUP_ROWS))


def best(work, times: int = 3) -> float:
    """Return the shortest of some tries, s."""
    tries = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        tries.append(time.perf_counter() - begun)
    return min(tries)


def main() -> int:
    """Measure; exit 1 beyond the goal."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 5_000_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, rows)
        frames = Frames(folder)
        group = best(
            lambda: latency.timed(frames.actions, "response").group_by("node").agg(latency.figures("response")).collect()
        )
        whole = best(lambda: summary(frames), 1)
        size = sum(path.stat().st_size for path in folder.rglob("*.parquet"))
    figures = {
        "rows": rows,
        "group_by_four_percentiles_s": round(group, 3),
        "goal_s": 2.0,
        "summary_s": round(whole, 3),
        "bytes_per_row": round(size / rows, 1),
    }
    print(json.dumps(figures))
    return int(group > 2.0)


if __name__ == "__main__":
    sys.exit(main())
