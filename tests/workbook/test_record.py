"""What a run leaves on record: its parts and how they came up, its entries, and what became of each work package."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import polars as pl
import pytest

import pmplab
from pmplab.workbook import replay, schema

if TYPE_CHECKING:
    from tests.conftest import Pmp

SCRIPT = """\
version: "1.0"
components:
  - name: http
    version: "0.2.1"
    entry: plugins/http/send.wasm
    metadata: {owner: integration, transport: tcp, capabilities: [get, post], tags: [edge]}
  - name: other
    version: "0.2.1"
    entry: plugins/http/send.wasm
    metadata: {capabilities: [get], tags: [edge, inner]}
  - name: resource-manager
    version: "0.4.0"
    entry: plugins/resource/manager.wasm
    metadata: {owner: platform, capabilities: [allocate_pair, release_pair]}
resources:
  pool:
    type: pair_pool
    provider: {component: resource-manager, calls: {acquire: allocate_pair, release: release_pair}}
    config: {manifest: ./pairs.csv, parser: {format: csv, fields: [ip, port]}}
actions:
  get: {component: http, call: get, with: {url: "http://{{resource.ip}}:{{resource.port}}/"}, timeout: 200ms}
  ask: {component: other, call: get, with: {url: "http://127.0.0.1:9/"}}
  post: {component: http, call: post, with: {url: "http://{{resource.ip}}:{{resource.port}}/"}, retry: {limit: 2, delay: 10ms}}
workflows:
  w:
    timeout: 3s
    steps: [{ref: get}, {ref: ask}, {update-workbook: {registers.flag: overload}}, {ref: post}]
    on-error: [{goto: error_out}]
load: {scenarios: [{name: s, workflow: w, user-count: 4, user: {inherit: [pool]}}]}
"""
MODEL = """\
calls:
  http.get: {latency: 20ms}
  other.get: {latency: 10ms}
  http.post: {latency: 30ms, fail: 100%}
"""
GROUPS = {"initiating", "planning", "executing", "monitoring", "closing"}


@pytest.fixture(scope="module")
def run(pmp: Pmp, tmp_path_factory: pytest.TempPathFactory) -> pmplab.Run:
    """Four users: each gets, asks, raises a risk, posts three times in vain, and leaves in error."""
    folder = tmp_path_factory.mktemp("bundle")
    (folder / "script.yaml").write_text(SCRIPT)
    (folder / "sim.yaml").write_text(MODEL)
    (folder / "pairs.csv").write_text("".join(f"127.0.0.1,{port}\n" for port in range(20000, 20004)))
    done = pmp("run", folder, "--simulate", "--seed", 1, "--json", "--quiet")
    assert done.returncode == 0, done.stderr
    return pmplab.open_run(json.loads(done.stdout)["run_id"], home=pmp.home)


def test_version_components_and_resources_stand_in_the_plan_and_what_was_loaded_beside_them(run: pmplab.Run) -> None:
    plan = run.plan
    assert plan is not None
    assert plan["version"] == "1.0"
    assert {one["name"]: one["version"] for one in plan["components"]} == {
        "http": "0.2.1",
        "other": "0.2.1",
        "resource-manager": "0.4.0",
    }
    (pool,) = plan["resources"]
    assert (pool["name"], pool["type"], pool["fields"], pool["entries"]) == ("pool", "pair_pool", ["ip", "port"], 4)
    assert all(len(digest) == 64 for digest in run.manifest["components"].values())


def test_what_the_script_says_of_a_component_is_kept(run: pmplab.Run) -> None:
    assert run.plan is not None
    http, _, manager = (one["metadata"] for one in run.plan["components"])
    assert (http["transport"], http["owner"], manager["owner"]) == ("tcp", "integration", "platform")


def test_components_come_up_providers_first_and_the_log_says_what_they_can(run: pmplab.Run) -> None:
    log = run.initialised
    assert [one["component"] for one in log] == ["resource-manager", "http"], "the other way round in the script"
    assert log[0]["version"] == "0.4.0"
    assert {"allocate_pair", "release_pair", "mount_file"} <= set(log[0]["capabilities"])
    assert set(log[0]["provides"]) == {"pair_pool", "file_blob", "kv_store"}
    assert log[1]["capabilities"]


def test_a_row_of_an_action_names_component_version_and_capability(run: pmplab.Run) -> None:
    rows = run.frames.actions.with_columns(pl.col(pl.Categorical).cast(pl.String)).collect()
    calls = {("http", "get"), ("http", "post"), ("other", "get")}
    assert set(rows.select("component", "version", "call").iter_rows()) == {(name, "0.2.1", call) for name, call in calls}


def test_every_phase_is_one_of_the_five_groups_and_has_one_of_five_words(run: pmplab.Run) -> None:
    seen = {*run.frames.actions.collect()["phase"].cast(pl.String), *run.frames.tasks.collect()["state"].cast(pl.String)}
    assert seen
    assert {phase.split(".")[0] for phase in seen} <= GROUPS
    (known,) = (column.values for column in schema.tables()["tasks"].columns if column.name == "state")
    assert known is not None
    assert {phase: replay.status(phase) for phase in known} == {
        "initiating": "idle",
        "planning": "idle",
        "executing.running_action": "running",
        "executing.waiting_resource": "wait",
        "executing.throttled": "wait",
        "executing.blocked": "wait",
        "monitoring": "event",
        "closing.done": "idle",
        "closing.timeout": "error",
        "closing.error": "error",
        "closing.rollback": "error",
    }


def test_an_entry_has_owner_status_flag_deadline_and_what_is_left(run: pmplab.Run) -> None:
    entries = run.ledger.entries
    assert len(entries) == 4
    for entry in entries.values():
        assert (entry.owner, entry.state, entry.status) == ("scheduler", "closing.error", "error")
        assert entry.risk_flag == "overload"
        assert entry.timeout_at == 3_000_000_000, "its workflow's three seconds, from the start of the run"
        assert entry.retry_left == 0
    early = next(change for change in run.changes() if change.table == "actions" and change.row["call"] == "get")
    entry = replay.replay(run.changes(), run.plan, until=early.seq).entry(early.user or 0, early.task or 0)
    assert (entry.status, entry.risk_flag, entry.timeout_at) != ("error", "overload", 3_000_000_000)
    assert entry.risk_flag is False
    assert "snapshot" not in entry.evidence, "it succeeded"


def test_what_did_not_succeed_keeps_its_last_event_and_a_short_snapshot(run: pmplab.Run) -> None:
    for entry in run.ledger.entries.values():
        assert entry.evidence["last_event"] == "fail"
        assert entry.evidence["response_ms"] == 30
        assert 0 < len(entry.evidence["snapshot"]) <= 200


def test_each_work_package_has_scope_resources_and_risk_and_what_became_of_it(run: pmplab.Run) -> None:
    found = {row["node"]: row for row in run.wbs.iter_rows(named=True)}
    program = run.plan["program"] if run.plan else ""
    assert [row["level"] for row in found.values()] == ["L0", "L1", "L2", "L3", "L4", "L5", "L5", "L5", "L1"]
    assert all(row["scope"] for row in found.values())
    assert [row["node"] for row in found.values() if row["resources"] != ["pool"]] == ["s/w/ask", f"{program}/OTHER"]
    get, post, task, scenario = (found[node] for node in ("s/w/get", "s/w/post", "s/w#task", "s"))
    assert post["scope"] == [program, "HTTP", "s", "w", "task", "post"]
    assert (get["timeout_ns"], get["retries"], post["retries"]) == (200_000_000, 0, 2)
    assert (task["timeout_ns"], task["handled"], task["severity"]) == (3_000_000_000, True, "error")
    assert scenario["severity"] == "error"
    assert (get["planned"], get["attempts"], get["success"], get["mean_ms"], get["max_ms"]) == (4, 4, 4, 20, 20)
    assert (post["attempts"], post["fail"], post["mean_ms"]) == (12, 12, 30)
    for node in (scenario, task, found[program]):
        assert (node["attempts"], node["success"], node["fail"], node["timeout"], node["max_ms"]) == (20, 8, 12, 0, 30)


def test_a_tag_of_a_component_filters_what_is_reported(run: pmplab.Run, pmp: Pmp) -> None:
    edge, inner = run.summary(tag="edge"), run.summary(tag="inner")
    assert list(edge.actions) == list(run.summary().actions) == ["get", "ask", "post"]
    assert list(inner.actions) == ["ask"]
    assert inner.actions["ask"].count == 4
    shown = json.loads(pmp("show", run.id, "--tag", "inner", "--json").stdout)
    assert list(shown["actions"]) == ["ask"]
    unknown = pmp("show", run.id, "--tag", "iner")
    assert unknown.returncode == 2
    assert "no component has the tag `iner`" in unknown.stderr
    assert "edge, inner" in unknown.stderr
