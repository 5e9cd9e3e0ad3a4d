"""Runs of small scripts against a model whose times are constant: every count and time can be worked out by hand."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Protocol

import pytest

import pmplab

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

    from tests.conftest import Pmp

HEAD = """\
version: "1.0"
components:
  - {name: http, version: "0.2.1", entry: plugins/http/send.wasm}
actions:
  get: {component: http, call: get, with: {url: "http://127.0.0.1:9/"}}
  post: {component: http, call: post, with: {url: "http://127.0.0.1:9/"}}
  drop: {component: http, call: delete, with: {url: "http://127.0.0.1:9/"}}
"""
MODEL = """\
calls:
  http.get: {latency: 20ms, outputs: {status: 200, body: '{"n": 3, "items": [7, 8]}', json: {n: 3, items: [7, 8]}}}
  http.post: {latency: 30ms, outputs: {status: 201}}
  http.delete: {latency: 10ms, outputs: {status: 204}}
"""
LOAD = "load: {scenarios: [{name: s, workflow: w, user-count: 2}]}\n"
POOL = """\
  - {name: resource-manager, version: "0.4.0", entry: plugins/resource/manager.wasm}
resources:
  pool:
    type: pair_pool
    provider: {component: resource-manager, calls: {acquire: allocate_pair, release: release_pair}}
    config: {manifest: ./pairs.yaml, parser: {format: csv, fields: [ip, port]}}
"""


class Simulate(Protocol):
    """Runs a script: `rest` follows `HEAD`. With `pairs` it has a resource `pool` of so many."""

    def __call__(self, rest: str, *args: object, model: str = MODEL, pairs: int = 0) -> pmplab.Run: ...


@pytest.fixture
def simulate(pmp: Pmp, tmp_path: Path) -> Simulate:
    """Run a script in simulation and return the run, which must have finished."""

    def run(rest: str, *args: object, model: str = MODEL, pairs: int = 0) -> pmplab.Run:
        head = HEAD.replace("actions:", f"{POOL}actions:") if pairs else HEAD
        (tmp_path / "script.yaml").write_text(head + rest)
        lines = "".join(f"  127.0.0.1,{port}\n" for port in range(20_000, 20_000 + pairs))
        (tmp_path / "pairs.yaml").write_text(f"pool: |\n{lines}")
        (tmp_path / "sim.yaml").write_text(model)
        done = pmp("run", tmp_path, "--simulate", "--seed", 1, "--json", "--quiet", *args)
        assert done.returncode == 0, done.stderr + done.stdout
        found = json.loads(done.stdout)
        assert found["status"] == "finished"
        return pmplab.open_run(found["run_id"], home=pmp.home)

    return run


def sent(run: pmplab.Run, user: int = 0) -> list[tuple[str, str, int, int]]:
    """Return what a user sent: last part of the node, event, and when it was due and complete, in ms."""
    rows: pl.DataFrame = run.frames.actions.collect().sort("shard", "seq")
    return [
        (str(row["node"]).rsplit("/", 1)[-1], str(row["event"]), round(row["t_intended"] / 1e6), round(row["t_end"] / 1e6))
        for row in rows.iter_rows(named=True)
        if row["user"] == user
    ]


def said(run: pmplab.Run, user: int | None = None) -> list[str]:
    """Return what `log.*` steps wrote, of all users or of one."""
    return [
        str(change.value) for change in run.changes() if (change.path or "").startswith("log.") and user in (None, change.user)
    ]


def exits(run: pmplab.Run) -> dict[str, int]:
    """Return how many tasks left through which exit."""
    return dict(run.frames.tasks.collect()["exit"].cast(str).value_counts().iter_rows())
