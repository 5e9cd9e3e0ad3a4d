"""The Workbook of a run as frames: every figure is worked out again from the records by other means."""

from __future__ import annotations

import json
from collections import Counter
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

import pmplab
from pmplab import _workbook
from pmplab.analysis import areas, governed, matrix, rollup, sections
from pmplab.analysis.book import Book
from pmplab.errors import UsageError
from pmplab.workbook import ids
from pmplab.workbook.sections import AREAS, GROUPS, SECTIONS, markdown

if TYPE_CHECKING:
    from tests.conftest import Pmp

SCRIPT = """\
version: "1.0"
components:
  - name: http
    version: "0.2.1"
    entry: plugins/http/send.wasm
    metadata:
      {owner: integration, wit: wit/http/world.wit, capabilities: [get, post], transport: tcp, retry: {limit: 2}, guard: network}
  - name: other
    version: "0.2.1"
    entry: plugins/http/send.wasm
    metadata: {owner: search, capabilities: [get]}
  - {name: resource-manager, version: "0.4.0", entry: plugins/resource/manager.wasm, metadata: {owner: platform}}
resources:
  pool:
    type: pair_pool
    provider: {component: resource-manager, calls: {acquire: allocate_pair, release: release_pair}}
    config: {manifest: ./pairs.yaml, parser: {format: csv, fields: [ip, port]}}
actions:
  get:
    component: http
    call: get
    with: {url: "http://{{resource.ip}}:{{resource.port}}/"}
    save-as: {var: asset, persist: {type: file, dir: out, filename: "{{env.user_id}}.json"}}
  post:
    component: http
    call: post
    with: {url: "http://{{resource.ip}}:{{resource.port}}/", body: "{{asset.body}}"}
    retry: {limit: 2, delay: 50ms}
  ask: {component: other, call: get, with: {url: "http://127.0.0.1:9/"}, timeout: 2s}
monitoring:
  alerts: [{name: failing, when: "{{workbook.telemetry.counters.fail > 3}}", to: log, notify: duty}]
  thresholds: ["fail_rate < 1%"]
  responses: [{flag: late, steps: [{action: log.warn}]}]
workflows:
  asset_refresh:
    timeout: 5s
    steps:
      - {ref: get}
      - {ref: post}
      - {wait: 300ms}
      - {if: "{{workbook.user_id == 'U-00001'}}", then: [{update-workbook: {registers.flag: late}}]}
    on-error: [{action: log.error}, {goto: error_out}]
  plain:
    steps: [{ref: ask}]
load:
  scenarios:
    - {name: first, workflow: asset_refresh, user-count: 8, spawn-rate: 20/s, iterations: 6, user: {inherit: [pool]}}
    - {name: second, workflow: plain, user-count: 4, iterations: 2, max-duration: 30s}
"""
MODEL = """\
calls:
  http.get: {latency: 20ms, fail: 5%, outputs: {status: 200, body: '{"n": 3}'}}
  http.post: {latency: {uniform: [5ms, 30ms]}, fail: 40%}
  other.get: {latency: 10ms, outputs: {status: 200}}
"""


@pytest.fixture(scope="module")
def run(pmp: Pmp, tmp_path_factory: pytest.TempPathFactory) -> pmplab.Run:
    folder = tmp_path_factory.mktemp("book")
    (folder / "script.yaml").write_text(SCRIPT)
    (folder / "sim.yaml").write_text(MODEL)
    pairs = "".join(f"    127.0.0.1,{port}\n" for port in range(20000, 20006))
    (folder / "pairs.yaml").write_text(f"pool: |\n{pairs}")
    done = pmp("run", folder, "--simulate", "--seed", 3, "--json", "--quiet")
    assert done.returncode == 99, done.stderr
    return pmplab.open_run(json.loads(done.stdout)["run_id"], home=pmp.home)


def text(frame: pl.LazyFrame) -> pl.DataFrame:
    return frame.with_columns(pl.col(pl.Categorical).cast(pl.String)).collect()


def test_an_entry_has_exactly_the_ten_fields_of_the_draft(run: pmplab.Run) -> None:
    ledger = run.ledger
    (user, task), known = next(one for one in ledger.entries.items() if one[1].scenario == "first")
    entry = run.workbook.entry(ids.user_id(user), f"T-asset-refresh-{task}")
    assert [*entry] == [
        "user_id", "task_id", "state", "owner", "current_action", "retry_left", "timeout_at", "scope_trace", "evidence",
    ]  # fmt: skip
    assert [*entry["evidence"]] == ["last_event", "response_ms"]
    assert (entry["user_id"], entry["task_id"]) == (f"U-{user:05}", f"T-asset-refresh-{task}")
    assert entry["scope_trace"][1:5] == ["HTTP", "first", "asset_refresh", f"T-asset-refresh-{task}"]
    assert entry["scope_trace"][5:] == known.scope_resources
    assert (entry["state"], entry["owner"], entry["current_action"]) == (known.state, "scheduler", None)
    assert entry["retry_left"] == known.retry_left
    assert entry["evidence"] == {name: known.evidence[name] for name in ("last_event", "response_ms")}
    begin = run.manifest["t0_wall_ns"]
    until = pl.Series([entry["timeout_at"]]).str.to_datetime(time_zone="UTC").dt.epoch("ms").item()
    assert abs(until - (begin + (known.timeout_at or 0)) / 1e6) < 1.5
    assert run.workbook.entry(user, task) == entry, "numbers say the same"
    latest = max(t for u, t in ledger.entries if u == user)
    assert run.workbook.entry(user)["task_id"] == f"T-asset-refresh-{latest}"


@pytest.mark.parametrize(
    ("who", "words"),
    [
        (("U-99999",), "no entry `U-99999`"),
        (("U-00001", "T-plain-9999"), "no entry `U-00001 T-plain-9999`"),
        (("somebody", 1), "no entry `somebody 1`"),
        (("U-00001", "T-other-9"), "no entry"),
    ],
)
def test_who_is_not_there_is_said_in_one_sentence(run: pmplab.Run, who: tuple[Any, ...], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        run.workbook.entry(*who)


def test_the_matrix_has_a_figure_or_a_reason_in_each_of_its_fifty_cells(run: pmplab.Run) -> None:
    cells = run.workbook.cells()
    assert cells.select("process_group", "area").rows() == [(group, area) for group in GROUPS for area in AREAS]
    told = cells.filter(pl.col("field").is_not_null())
    none = cells.filter(pl.col("field").is_null())
    assert none["reason"].str.starts_with("not applicable: ").all()
    assert told["reason"].null_count() == told.height
    assert none.height == len(matrix.REASONS) == 8
    # Everything that this run did has a value; its cost has no baseline, and nothing was broken while it ran.
    assert told.filter(pl.col("value").is_null()).is_empty()
    value = {(row["process_group"], row["area"]): row["value"] for row in told.iter_rows(named=True)}
    actions = text(run.frames.actions)
    assert value["planning", "scope"] == "104"
    assert value["executing", "scope"] == str(actions.height)
    assert value["executing", "quality"] == str(int((actions["event"] == "success").sum()))
    assert value["executing", "integration"] == str(text(run.frames.tasks).height)
    assert value["executing", "resource"] == str(run.ledger.leases["acquired"])
    assert value["monitoring", "integration"] == str(sum(run.manifest["rows"].values()))
    assert value["monitoring", "scope"] == "holds"
    assert value["closing", "integration"] == "finished"
    assert value["closing", "resource"] == "0"
    assert value["closing", "quality"] == "1"
    wide = run.workbook.matrix()
    assert wide.columns == ["process_group", *AREAS]
    assert wide["process_group"].to_list() == list(GROUPS)
    assert wide.null_count().sum_horizontal().item() == 0


@pytest.mark.parametrize("area", AREAS)
def test_each_knowledge_area_has_a_field_that_changes_in_a_run(run: pmplab.Run, area: str) -> None:
    frame = run.workbook.area(area)
    assert frame["second"].to_list() == list(range(frame.height))
    assert frame.height >= 3
    moving = [name for name in frame.columns[1:] if frame[name].drop_nulls().n_unique() > 1]
    assert moving, frame


def test_what_moves_in_an_area_is_what_the_records_say(run: pmplab.Run) -> None:
    actions, changes = text(run.frames.actions), text(run.frames.changes)
    workbook = run.workbook
    last = {area: workbook.area(area).row(-1, named=True) for area in AREAS}
    assert last["scope"]["calls_ended"] == actions.height
    assert last["cost"]["busy_s"] == pytest.approx((actions["t_end"] - actions["t_intended"]).sum() / 1e9)
    assert {name: last["quality"][name] for name in ("success", "fail")} == {
        name: int((actions["event"] == name).sum()) for name in ("success", "fail")
    }
    assert last["resource"] == {"second": last["resource"]["second"], "leases_held": 0, "leases_taken": 8}
    assert last["risk"]["entries"] == changes.filter(pl.col("section") == "registers").height
    assert last["procurement"]["other"] == last["stakeholder"]["search"] == int((actions["component"] == "other").sum())
    assert last["stakeholder"]["integration"] == int((actions["component"] == "http").sum())
    early = workbook.area("scope").row(0, named=True)["calls_ended"]
    assert early == actions.filter(pl.col("t_end") < 1_000_000_000).height


def test_the_time_line_has_phases_milestones_and_tasks_with_their_variance(run: pmplab.Run) -> None:
    timeline = run.workbook.timeline
    phases = {(row["scenario"], row["phase"]): row for row in timeline["phases"].iter_rows(named=True)}
    assert {*phases} == {(name, phase) for name in ("first", "second") for phase in ("executing", "closing.done")}
    second = phases["second", "executing"]
    ends = text(run.frames.tasks).filter(pl.col("scenario") == "second")["t_end"].max()
    assert second["end_s"] == pytest.approx(ends / 1e9, abs=0.03)  # type: ignore[operator]
    assert (second["planned_start_s"], second["start_variance_s"], second["planned_end_s"]) == (0.0, 0.0, 30.0)
    assert second["end_variance_s"] == pytest.approx(second["end_s"] - 30)
    milestones = {row["milestone"]: row for row in timeline["milestones"].iter_rows(named=True)}
    assert milestones["last user spawned"]["planned_s"] == 0.4
    assert milestones["last user spawned"]["variance_s"] == pytest.approx(0, abs=0.02)
    rows = {row["task_id"]: row for row in timeline["tasks"].iter_rows(named=True)}
    tasks = text(run.frames.tasks)
    assert len(rows) == tasks.height
    for row in tasks.iter_rows(named=True):
        workflow = "asset-refresh" if row["scenario"] == "first" else "plain"
        shown = rows[f"T-{workflow}-{row['task']}"]
        assert (shown["exit"], shown["phase"]) == (row["exit"], row["state"])
        assert shown["start_s"] == pytest.approx(row["t_start"] / 1e9)
        assert shown["start_variance_s"] == pytest.approx((row["t_start"] - row["t_planned"]) / 1e9)
        assert shown["transition_trace"][-1] == row["state"]
        spent = sum(shown[f"{name}_s"] for name in ("waiting_resource", "running_action", "throttled", "blocked"))
        assert spent == pytest.approx(shown["end_s"] - shown["start_s"])


def test_the_execution_agrees_with_the_ledger_on_every_task(run: pmplab.Run) -> None:
    execution = run.workbook.execution
    found = {(row["user_id"], row["task_id"]): row for row in execution["tasks"].iter_rows(named=True)}
    ledger, log = run.ledger, {}
    for change in run.changes("execution"):
        if change.table == "actions":
            log.setdefault((change.user, change.task), []).append(f"http.{change.row['call']} {change.row['event']}")
    assert len(found) == len(ledger.entries)
    for (user, task), entry in ledger.entries.items():
        row = found[ids.user_id(user), str(entry.scope_trace[4])]
        assert (row["state"], row["owner"], row["current_action"]) == (entry.state, entry.owner, None)
        assert (row["last_action"], row["attempts"], row["retry_left"]) == (entry.last_action, entry.attempts, entry.retry_left)
        assert row["last_event"] == entry.evidence["last_event"]
        assert row["response_ms"] == pytest.approx(entry.evidence["response_ms"])
        assert row["snapshot"] == entry.evidence.get("snapshot")
        if entry.scenario == "first":
            assert row["action_log"] == log[user, task][-16:]
    work = {row["call"]: row for row in execution["work"].iter_rows(named=True)}
    assert (work["http.post"]["owner"], work["http.post"]["accountable"]) == ("scheduler/http-adapter", "integration")
    assert work["http.post"]["retries_allowed"] == 2
    assert work["http.post"]["busy_s"] > 0


def test_the_governance_has_scope_duties_and_constraints(run: pmplab.Run) -> None:
    governance = run.workbook.governance
    program = run.plan["program"] if run.plan else ""
    scopes = {row["node"]: row["scope"] for row in governance["scope"].iter_rows(named=True)}
    assert scopes["first/asset_refresh/get"] == [program, "HTTP", "first", "asset_refresh", "task", "get"]
    bounds = {(row["kind"], row["on"]): row for row in governance["constraints"].iter_rows(named=True)}
    assert bounds["task timeout", "first/asset_refresh"]["limit"] == "5 s"
    assert bounds["task timeout", "first/asset_refresh"]["held"] is True
    assert bounds["action timeout", "second/plain/ask"]["limit"] == "2 s"
    assert bounds["max duration", "second"]["limit"] == "30 s"
    assert bounds["threshold", "fail_rate < 1%"]["held"] is False
    assert bounds["guard domain", "network"]["held"] is True
    people = {row["stakeholder"]: row for row in governance["stakeholders"].iter_rows(named=True)}
    assert {name: row["role"] for name, row in people.items()} == {
        "integration": "owner", "search": "owner", "platform": "owner", "duty": "notified",
    }  # fmt: skip
    actions = text(run.frames.actions)
    wrong = actions.filter((pl.col("component") == "http") & (pl.col("event") != "success") & (pl.col("class") == "target"))
    assert people["integration"]["wrong"] == wrong.height > 0
    assert people["duty"]["told"] == 1


def test_each_node_has_exactly_one_who_is_accountable_and_somebody_responsible(run: pmplab.Run) -> None:
    duties = run.workbook.raci
    assert duties["node"].to_list() == run.wbs["node"].to_list()
    assert duties["accountable"].null_count() == 0
    assert (duties["responsible"].list.len() >= 1).all()
    found = {row["node"]: row for row in duties.iter_rows(named=True)}
    assert found["first/asset_refresh/get"]["accountable"] == "integration"
    assert found["first/asset_refresh/get"]["responsible"] == ["scheduler/http-adapter"]
    assert found["second/plain/ask"]["accountable"] == "search"
    assert found["first"]["responsible"] == ["scheduler"]
    assert found["first"]["informed"] == ["duty"]
    root = duties.row(0, named=True)
    assert {root["accountable"], *root["consulted"]} == {"integration", "search"}


def test_a_node_whose_component_names_no_owner_falls_to_the_program() -> None:
    tree = {"level": "L5", "name": "get", "node": "s/w/get", "call": "http.get", "owner": None, "children": []}
    for level, node in (("L4", "s/w#task"), ("L3", "s/w"), ("L2", "s")):
        tree = {"level": level, "name": node, "node": node, "owner": None, "children": [tree]}
    duties = sections.raci.raci(Book(None, {"program": "mine", "wbs": tree}))  # type: ignore[arg-type]
    assert duties["accountable"].to_list() == ["mine"] * 4
    assert duties["responsible"].to_list()[-1] == ["scheduler/http-adapter"]


def test_counters_add_up_and_latency_is_what_was_measured(run: pmplab.Run) -> None:
    telemetry = run.workbook.telemetry
    actions = text(run.frames.actions)
    counters = {row["scenario"]: row for row in telemetry["counters"].iter_rows(named=True)}
    snapshot = json.loads((run.dir / "workbook-0.json").read_text())["scenarios"]
    for name, row in counters.items():
        own = actions.filter(pl.col("scenario") == name)
        assert row["success"] + row["fail"] + row["timeout"] == row["ended"] == row["finished"] == own.height
        assert (row["finished"], row["success"], row["tasks"]) == tuple(
            snapshot[name][k] for k in ("finished", "success", "tasks")
        )
        assert row["adds_up"] is True
    times = {(row["scenario"], row["node"]): row for row in telemetry["latency"].iter_rows(named=True)}
    for (name, node), row in times.items():
        own = actions.filter((pl.col("scenario") == name) & ((pl.col("node") == node) if node else True))
        took = sorted(
            (own.filter((pl.col("event") == "success") | (pl.col("class") == "target")))
            .select(pl.col("t_end") - pl.col("t_intended"))
            .to_series()
        )
        assert row["max_ms"] == pytest.approx(took[-1] / 1e6)
        assert row["mean_ms"] == pytest.approx(sum(took) / len(took) / 1e6)
        assert took[len(took) // 2 - 1] <= round(row["p50_ms"] * 1e6) <= took[len(took) // 2]


def test_counters_that_do_not_add_up_are_told() -> None:
    from tests.analysis import rows

    actions = rows.attempts([5.0, 6.0], scenario="web", node="web/refresh/get")
    load = rows.frame("load", t=[0], scenario="web", started=[3], finished=[3])
    book = Book(rows.run(actions=actions, load=load), {}, {"status": "finished"})
    assert sections.counters(book)["adds_up"].to_list() == [False], "the scheduler counted one more than there are rows"
    assert sections.counters(Book(book.frames, {}, {"status": "crashed"}))["adds_up"].to_list() == [True]


def test_the_registers_have_risks_issues_flags_and_responses(run: pmplab.Run) -> None:
    registers = run.workbook.registers
    changes = text(run.frames.changes).filter(pl.col("section") == "registers")
    entries = registers["entries"]
    assert entries.height == changes.height
    assert Counter(entries["kind"]) == Counter(changes["path"])
    flags = entries.filter(pl.col("kind") == "flag")
    assert {*flags["user_id"]} == {"U-00001"}
    assert {*flags["response"]} == {"log"}
    risks = registers["risks"]
    assert risks.filter(pl.col("node") == "first/asset_refresh/post")["flag"].all()
    assert risks["response"].null_count() == risks.filter(pl.col("category") == "target")["owner"].null_count() == 0
    issues = registers["issues"]
    assert {"risk", "threshold"} <= {*issues["kind"]}


def test_the_communications_say_what_was_told_to_whom_and_when(run: pmplab.Run) -> None:
    communications = run.workbook.communications
    log = communications["log"]
    known = text(run.frames.changes).filter((pl.col("section") == "communications") & (pl.col("path") != "artifacts"))
    assert log.height == known.height
    (alert,) = log.filter(pl.col("channel") == "alerts.failing").to_dicts()
    assert (alert["to"], alert["scenario"]) == ("duty", "first")
    assert alert["message"].startswith("failing: ")
    error = log.filter(pl.col("channel") == "log.error").row(0, named=True)
    assert error["message"] == "error in first/asset_refresh"
    assert error["user_id"].startswith("U-0000")
    synced = {row["to"]: row for row in communications["synced"].iter_rows(named=True)}
    assert synced["log"]["messages"] == log.filter(pl.col("to") == "log").height
    assert synced["log"]["last_synced_s"] == log.filter(pl.col("to") == "log")["t_s"].max()
    begin = run.manifest["t0_wall_ns"]
    assert abs(synced["duty"]["last_synced_at"].timestamp() - (begin / 1e9 + alert["t_s"])) < 0.002


def test_sections_map_to_groups_and_areas_as_the_documentation_says(run: pmplab.Run) -> None:
    assert [section.name for section in SECTIONS] == [
        "timeline", "execution", "governance", "telemetry", "registers", "communications",
    ]  # fmt: skip
    assert {section.process_group for section in SECTIONS} <= {*GROUPS}
    mapped = {area for section in SECTIONS for area in section.areas}
    assert mapped == {*AREAS}, "every area is recorded somewhere"
    readme = (_workbook_root() / "README.md").read_text(encoding="utf-8")
    assert markdown() in readme
    listed = {row["section"]: row for row in run.workbook.sections.iter_rows(named=True)}
    for section in SECTIONS:
        assert listed[section.name]["process_group"] == section.process_group
        assert listed[section.name]["areas"] == list(section.areas)
        assert listed[section.name]["frames"] == list(sections.TABLES[section.name]) == list(run.workbook.section(section.name))
    said = {change.section for change in run.changes()}
    assert said == {*listed}, "the change stream knows the same six"


def _workbook_root() -> Any:
    from pathlib import Path

    return Path(_workbook.__file__).parents[1]


def test_children_sum_to_their_parent_in_calls_attempts_and_time(run: pmplab.Run) -> None:
    found = {row["node"]: row for row in run.workbook.rollup().iter_rows(named=True)}
    assert all(row["holds"] for row in found.values())
    actions = text(run.frames.actions)
    root = found[run.plan["program"]] if run.plan else {}
    assert (root["planned"], root["attempts"]) == (8 * 6 * 2 + 4 * 2, actions.height)
    assert root["busy_s"] == pytest.approx((actions["t_end"] - actions["t_intended"]).sum() / 1e9)
    assert found["first"]["attempts"] == actions.filter(pl.col("scenario") == "first").height
    assert found["first"]["attempts_below"] == found["first"]["attempts"]
    assert found["first/asset_refresh#task"]["planned_below"] == 96


def test_an_attempt_that_is_nowhere_in_the_wbs_breaks_the_rule(run: pmplab.Run) -> None:
    rows = text(run.frames.actions).sort("scenario", "seq")
    node = pl.when(pl.int_range(pl.len()) == 0).then(pl.lit("first/asset_refresh/ghost")).otherwise("node")
    lost = SimpleNamespace(actions=rows.with_columns(node.alias("node")).lazy())
    found = {row["node"]: row for row in rollup.rollup(Book(lost, run.plan or {}, {})).iter_rows(named=True)}  # type: ignore[arg-type]
    task = found["first/asset_refresh#task"]
    assert (task["holds"], task["attempts"]) == (False, task["attempts_below"] + 1)
    assert found["second"]["holds"] is True
    told = matrix.cells(Book(lost, run.plan or {}, {"status": "finished"}))  # type: ignore[arg-type]
    assert "broken at first/asset_refresh#task" in told["value"].to_list()


def test_leases_stand_by_guard_domain_and_none_is_used_outside(run: pmplab.Run) -> None:
    (row,) = run.workbook.leases.to_dicts()
    leases = text(run.frames.leases)
    counts = Counter(leases["event"])
    assert (row["domain"], row["resources"], row["entries"]) == ("network", ["pool"], 6)
    assert (row["acquired"], row["released"], row["live"], row["lost"]) == (counts["acquire"], counts["release"], 0, 0)
    assert row["waited"] == leases.filter((pl.col("event") == "acquire") & (pl.col("wait") > 0)).height == 2
    assert row["uses"] == int(text(run.frames.actions)["resource"].is_not_null().sum()) > 0
    assert row["outside"] == 0
    assert row["may_touch"] == ["http", "other", "resource-manager"]


def test_a_use_outside_its_domain_is_counted(run: pmplab.Run) -> None:
    plan = json.loads(json.dumps(run.plan))
    plan["components"][0]["domains"] = ["data"]
    (row,) = governed.leases(Book(run.frames, plan, run.manifest)).to_dicts()
    assert row["outside"] == row["uses"] > 0
    assert row["may_touch"] == ["other", "resource-manager"]
    bounds = sections.constraints(Book(run.frames, plan, run.manifest))
    assert bounds.filter(pl.col("kind") == "guard domain")["held"].to_list() == [False]


def test_a_resource_is_a_table_with_its_fields_and_leases(run: pmplab.Run) -> None:
    resources = run.workbook.resources
    assert list(resources) == ["pool"]
    pool = resources["pool"]
    assert {*pool["port"]} == {str(port) for port in range(20000, 20006)}
    assert {*pool["ip"]} == {"127.0.0.1"}
    leases = text(run.frames.leases)
    taken = Counter(leases.filter(pl.col("event") == "acquire")["resource"])
    held = leases.group_by("lease", "resource").agg(
        pl.col("t").filter(pl.col("event") == "release").first() - pl.col("t").filter(pl.col("event") == "acquire").first()
    )
    for row in pool.iter_rows(named=True):
        key = f"pool/{row['entry']}"
        assert row["leased"] == taken[key]
        assert row["held_s"] == pytest.approx(held.filter(pl.col("resource") == key)["t"].sum() / 1e9)
        assert row["held_by"] == []
    assert pool["waits"].sum() == 2
    with pytest.raises(UsageError, match="no resource `pol`"):
        resources["pol"]


def test_a_key_of_an_address_of_version_6_is_split_where_it_should() -> None:
    assert governed._values("[::1]:8080", 2) == ["::1", "8080"]
    assert governed._values("127.0.0.1:80", 3) == ["127.0.0.1", "80", None]


def test_components_are_listed_with_what_is_known_of_them(run: pmplab.Run) -> None:
    parts = {row["component"]: row for row in run.workbook.components.iter_rows(named=True)}
    http = parts["http"]
    assert (http["owner"], http["wit"], http["transport"]) == ("integration", "wit/http/world.wit", "tcp")
    assert http["capabilities"] == ["get", "post"]
    assert json.loads(http["retry"]) == {"limit": 2}
    assert http["domains"] == ["network"]
    assert http["attempts"] == int((text(run.frames.actions)["component"] == "http").sum())
    assert parts["resource-manager"]["initialised"] == parts["resource-manager"]["version"] == "0.4.0"
    assert parts["resource-manager"]["wit"].startswith("pmplab:resource")


def test_the_procurement_view_has_version_digest_owner_and_source(run: pmplab.Run) -> None:
    from pmplab.host.manifest import vendored

    parts = {row["component"]: row for row in run.workbook.procurement.iter_rows(named=True)}
    assert parts["resource-manager"]["digest"] == vendored().named("resource").sha256
    assert parts["runner"]["digest"] == vendored().named("runner").sha256
    assert (parts["resource-manager"]["owner"], parts["resource-manager"]["source"]) == ("platform", "vendored")
    assert parts["http"]["version"] == "0.2.1"
    assert parts["http"]["digest"] is None, "a model stood in for it"
    assert parts["sim"]["digest"] == vendored().named("sim").sha256


def test_variables_have_their_writers_and_readers(run: pmplab.Run) -> None:
    (asset,) = run.workbook.lineage("asset")
    assert (asset.writers, asset.readers) == (("first/asset_refresh/get",), ("first/asset_refresh/post",))
    row = run.workbook.variables.filter(pl.col("variable") == "asset").row(0, named=True)
    assert (row["writers"], row["readers"]) == (list(asset.writers), list(asset.readers))


def test_files_that_were_kept_are_listed_and_there(run: pmplab.Run) -> None:
    files = run.workbook.files
    there = {str(path.relative_to(run.dir)): path.stat().st_size for path in (run.dir / "artifacts").rglob("*.json")}
    assert dict(files.select("path", "bytes").rows()) == there
    assert len(there) == 8
    saved = text(run.frames.changes).filter(pl.col("path") == "artifacts").height
    assert files["writes"].sum() == saved > 8
    report = pmplab.report(run)
    assert all(path in report.html for path in there)
    assert "FILES KEPT" in report._repr_mimebundle_()["text/plain"]


def test_the_report_counts_tasks_by_exit_and_leases_by_domain(run: pmplab.Run) -> None:
    report = pmplab.report(run)
    tasks = text(run.frames.tasks)
    counted = {(s, e): n for s, e, n in report.closing.exits.select("scenario", "exit", "tasks").rows()}
    assert counted == Counter(tasks.select("scenario", "exit").rows())
    assert {exit_ for _, exit_ in counted} == {"done", "error_out"}
    assert "Tasks by exit" in report.html
    assert "Leases by Guard Domain" in report.html
    said = report._repr_mimebundle_()["text/plain"]
    assert "network: 8 leases taken, 8 given back, 0 expired; 0 of" in said


def test_every_frame_goes_to_pandas(run: pmplab.Run) -> None:
    workbook = run.workbook
    assert len(workbook.names) == len({*workbook.names}) > 40
    for name in workbook.names:
        frame = workbook.to_pandas(name)
        assert list(frame.columns) == workbook.frame(name).columns, name
    assert len(workbook.timeline.to_pandas("tasks")) == text(run.frames.tasks).height


@pytest.mark.parametrize("name", ["nothing", "timeline", "timeline.nothing", "area.weather", "resource.nothing", "."])
def test_a_frame_that_is_not_there_is_said_in_one_sentence(run: pmplab.Run, name: str) -> None:
    with pytest.raises(UsageError, match="no frame"):
        run.workbook.frame(name)


def test_long_frames_can_be_cut_to_the_latest(run: pmplab.Run) -> None:
    for section, name in (("timeline", "tasks"), ("execution", "tasks"), ("registers", "entries"), ("communications", "log")):
        whole, cut = run.workbook.section(section)[name], run.workbook.section(section).frame(name, 5)
        assert cut.height == 5
        assert cut.columns == whole.columns
        assert {*cut.select(pl.exclude(pl.List)).rows()} <= {*whole.select(pl.exclude(pl.List)).rows()}


def test_it_shows_itself_as_text_and_as_html_without_scripts(run: pmplab.Run) -> None:
    shown = run.workbook._repr_mimebundle_()
    for section in SECTIONS:
        assert section.name.upper() in shown["text/plain"]
        assert f"<b>{section.name}</b>" in shown["text/html"]
    assert "<script" not in shown["text/html"]
    assert "overflow-x:auto" in shown["text/html"]
    assert "nan" not in shown["text/plain"].lower().replace("governance", "")
    one = run.workbook.timeline._repr_mimebundle_()
    assert "milestones" in one["text/plain"]
    assert "<script" not in one["text/html"]


def test_areas_and_their_fields_are_documented() -> None:
    assert areas.area.__doc__ is not None
    assert all(f"`{area}`" in areas.area.__doc__ for area in AREAS)
