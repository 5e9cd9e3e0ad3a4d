"""The change stream: replaying it gives the Workbook that the core had at the end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import pmplab
from pmplab.workbook.replay import replay

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Pmp

SCRIPT = """\
version: "1.0"
components:
  - {name: http, version: "0.2.1", entry: plugins/http/send.wasm}
  - {name: resource-manager, version: "0.4.0", entry: plugins/resource/manager.wasm}
resources:
  pool:
    type: pair_pool
    provider: {component: resource-manager, calls: {acquire: allocate_pair, release: release_pair}}
    config: {manifest: ./pairs.yaml, parser: {format: csv, fields: [ip, port]}}
actions:
  get: {component: http, call: get, with: {url: "http://{{resource.ip}}:{{resource.port}}/"}, save-as: page}
  post: {component: http, call: post, with: {url: "http://{{resource.ip}}:{{resource.port}}/"}}
  drop: {component: http, call: delete, with: {url: "http://127.0.0.1:9/"}, timeout: 2s}
workbook: {sections: {execution: {fields: {rounds: int}, defaults: {rounds: 0}}}}
monitoring:
  alerts: [{name: failing, when: "{{workbook.telemetry.counters.fail > 3}}", to: log}]
workflows:
  mixed:
    timeout: 5s
    steps:
      - loop: {count: 2, steps: [{ref: get}, {update-workbook: {execution.rounds: "{{workbook.execution.rounds + 1}}"}}]}
      - parallel: {wait: any, branches: {a: [{ref: get}], b: [{ref: post}]}}
      - {ref: post, retry: {limit: 2, delay: 50ms}}
    on-error: [{action: log.error}, {goto: error_out}]
  plain:
    steps: [{ref: drop}]
load:
  scenarios:
    - {name: first, workflow: mixed, user-count: 8, spawn-rate: 20/s, iterations: 3, user: {inherit: [pool]}}
    - {name: second, workflow: plain, user-count: 4, iterations: 2}
"""
MODEL = """\
calls:
  http.get: {latency: 20ms, fail: 5%, outputs: {status: 200}}
  http.post: {latency: {uniform: [5ms, 30ms]}, fail: 40%}
  http.delete: {latency: 10ms}
"""
ENDED = ("started", "finished", "success", "fail", "timeout", "cancelled")
COUNTS = (*ENDED, "tasks", "dropped", "online", "stop", "offline", "issues", "risks")


def _run(pmp: Pmp, folder: Path, *args: object) -> pmplab.Run:
    (folder / "script.yaml").write_text(SCRIPT)
    (folder / "sim.yaml").write_text(MODEL)
    pairs = "".join(f"    127.0.0.1,{port}\n" for port in range(20000, 20006))
    (folder / "pairs.yaml").write_text(f"pool: |\n{pairs}")
    done = pmp("run", folder, "--simulate", "--seed", 3, "--json", "--quiet", *args)
    assert done.returncode == 0, done.stderr
    return pmplab.open_run(json.loads(done.stdout)["run_id"], home=pmp.home)


def _snapshots(run: pmplab.Run) -> list[dict[str, Any]]:
    found = [json.loads(path.read_text()) for path in sorted(run.dir.glob("workbook-*.json"))]
    assert found, "the core writes what it has at the end"
    return found


@pytest.mark.parametrize("shards", [1, 2])
def test_replaying_the_changes_gives_the_final_workbook_exactly(pmp: Pmp, tmp_path: Path, shards: int) -> None:
    run = _run(pmp, tmp_path, "--shards", shards)
    stream, ledger, snapshots = list(run.changes()), run.ledger, _snapshots(run)
    assert len(snapshots) == shards
    tables = {change.table for change in stream}
    assert tables == {"actions", "tasks", "load", "leases", "changes"}
    for shard in range(shards):
        assert [change.seq for change in stream if change.shard == shard] == list(range(ledger.seqs[shard] + 1))
    assert len(stream) == sum(run.manifest["rows"].values()) if "rows" in run.manifest else stream
    for name, counts in ledger.counters.items():
        known = [snapshot["scenarios"][name] for snapshot in snapshots]
        for key in (*COUNTS, "first_attempts"):
            assert counts[key] == sum(one[key] for one in known), (name, key)
    assert ledger.counters["first"]["fail"] > 0
    assert ledger.counters["first"]["cancelled"] > 0
    assert ledger.counters["first"]["risks"] > 0
    for key in ("acquired", "released", "expired"):
        assert ledger.leases[key] == sum(one["leases"][key] for one in snapshots), key
    assert not any(ledger.held.values())
    assert {change.path for change in ledger.communications} >= {"alerts.failing"}
    entries = [entry for snapshot in snapshots for entry in snapshot["entries"]]
    assert len(entries) == len(ledger.entries) == 8 * 3 + 4 * 2
    for known in entries:
        entry = ledger.entry(known["user"], known["task"])
        assert (
            entry.scenario,
            entry.iteration,
            entry.attempts,
            entry.state,
            entry.last_action,
            entry.retry_left,
            entry.evidence["last_event"],
            round(entry.evidence["response_ms"] * 1e6),
            sorted(entry.scope_resources),
        ) == (
            known["scenario"],
            known["iteration"],
            known["attempts"],
            known["state"],
            known["last_action"],
            known["retry_left"],
            known["last_event"],
            known["response_ns"],
            sorted(known["scope_resources"]),
        )
        if entry.scenario == "first":
            assert entry.timeout_at == known["timeout_at"] is not None


def test_an_entry_says_when_its_task_or_else_its_action_was_to_end(pmp: Pmp, tmp_path: Path) -> None:
    run = _run(pmp, tmp_path)
    stream = list(run.changes())
    ledger = replay(stream, run.plan)
    starts = {(change.user, change.task): change.row["t_start"] for change in stream if change.table == "tasks"}
    sent = {(change.user, change.task): change.row["t_start"] for change in stream if change.table == "actions"}
    for key, entry in ledger.entries.items():
        limit = 5_000_000_000 if entry.scenario == "first" else 2_000_000_000
        begin = starts[key] if entry.scenario == "first" else sent[key]
        assert entry.timeout_at == begin + limit
    early = next(change for change in stream if change.table == "actions" and change.scenario == "first")
    begun = replay(stream, run.plan, until=early.seq).entries.values()
    assert [entry.timeout_at for entry in begun if entry.scenario == "first"] == [None], (
        "its call has none, and when its task began is known at its end"
    )


def test_every_change_has_a_cause_and_a_node_and_the_stream_stops_anywhere(pmp: Pmp, tmp_path: Path) -> None:
    run = _run(pmp, tmp_path)
    stream = list(run.changes())
    assert all(change.cause for change in stream)
    assert not [change for change in stream if change.node is None and change.scenario is not None]
    nodes = {change.node for change in stream}
    assert nodes >= {"first/mixed", "second/plain", "second/plain/drop"}
    for change in stream:
        if change.table == "actions":
            assert (change.cause, change.node) == (f"action.{change.row['event']}", change.row["node"])
        elif change.table == "tasks":
            assert change.cause == f"task.{change.row['exit']}"
            assert change.node == {"first": "first/mixed", "second": "second/plain"}[change.scenario or ""]
    half = len(stream) // 2
    early = replay(stream, run.plan, until=half)
    assert early.seqs == {0: half}
    rows = [change for change in stream[: half + 1] if change.table == "actions"]
    assert sum(counts["finished"] for counts in early.counters.values()) == len(rows)
    assert replay(stream, run.plan) == run.ledger
