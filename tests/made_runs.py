"""Runs made from nothing, as a run leaves them on disk: for what looks at many of them."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import polars as pl

from pmplab.workbook.frames import schema
from pmplab.workbook.schema import tables

_DAY = 1_790_000_000 * 10**9
_HOST = {"node": "bench", "cpus": 2, "system": "Linux"}


def actions(
    dice: random.Random, count: int = 400, *, p50_ms: float = 50.0, fail: float = 0.0, scenario: str = "web"
) -> pl.DataFrame:
    """Return attempts of two nodes, one every 10 ms, with log-normal response times around `p50_ms`."""
    rows = []
    for seq in range(count):
        due = seq * 10_000_000
        took = int(p50_ms * 1e6 * dice.lognormvariate(0, 0.2))
        wrong = dice.random() < fail
        rows.append(
            {
                "seq": seq,
                "scenario": scenario,
                "node": f"{scenario}/main/{'get' if seq % 2 else 'post'}",
                "component": "http",
                "call": "get" if seq % 2 else "post",
                "user": seq % 10,
                "task": seq,
                "visit": 1,
                "attempt": 1,
                "t_intended": due,
                "t_start": due + 100_000,
                "t_end": due + took,
                "event": "fail" if wrong else "success",
                "class": "target" if wrong else None,
                "error_type": "http.status" if wrong else None,
            }
        )
    table = tables()["actions"]
    columns = schema(table)
    empty = {column.name: None if column.nullable or not columns[column.name].is_integer() else 0 for column in table.columns}
    return pl.DataFrame([{**empty, **row} for row in rows], schema=columns)


def make(
    home: Path,
    number: int,
    *,
    key: str | None = "k1",
    status: str = "finished",
    frame: pl.DataFrame | None = None,
    script: str = "version: '1.0'\n",
    **facts: Any,
) -> Path:
    """Write the run `number` (they begin a minute apart) and return its folder."""
    run_id = f"20261123T{number // 60:02d}{number % 60:02d}00Z-web-{number:04x}"
    folder = home / "runs" / run_id
    (folder / "parts" / "actions").mkdir(parents=True)
    (folder / "bundle").mkdir()
    (folder / "bundle" / "script.yaml").write_text(script)
    about = {
        "format": 1,
        "run_id": run_id,
        "status": "running",
        "created_wall_ns": _DAY + number * 60 * 10**9,
        "name": None,
        "scenarios": ["web"],
        "users": 10,
        "key": key,
        "bundle": {"name": "web", "digest": "d"},
        "components": {"http": "a" * 64},
        "labels": {},
        "overrides": [],
        "env": [],
        "versions": {"pmplab": "0.1.0"},
        "host": _HOST,
        "simulated": False,
        "records": "full",
        "shards": 1,
        **facts,
    }
    (folder / "run.json").write_text(json.dumps(about))
    dice = random.Random(number)
    (actions(dice) if frame is None else frame).write_parquet(folder / "parts" / "actions" / "s0-000001.parquet")
    if status != "crashed":
        done = {**about, "status": status, "exit": 0, "duration_ns": 4 * 10**9}
        (folder / "manifest.json").write_text(json.dumps(done))
    return folder
