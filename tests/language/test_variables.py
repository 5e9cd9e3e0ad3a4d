"""Variables and the Workbook in simulation: who sees what, since when, and what of it stands in the records."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pmplab.errors import UsageError
from pmplab.workbook.lineage import Lineage
from tests.language.conftest import LOAD, MODEL, exits, sent

if TYPE_CHECKING:
    from pathlib import Path

    import pmplab
    from tests.language.conftest import Simulate

SEEN = "workbook: {fields: {seen: any}}\n"


def written(run: pmplab.Run, path: str, user: int = 0) -> list[Any]:
    """Return what was written to a path of the Workbook for a user, in order."""
    return [change.value for change in run.changes() if change.table == "changes" and (change.user, change.path) == (user, path)]


def test_globals_come_from_declarations_context_monitoring_and_leases(simulate: Simulate, tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_text("127.0.0.1,20001\n127.0.0.1,20002\n")
    manager = "{name: resource-manager, version: 0.4.0, entry: plugins/resource/manager.wasm, metadata: {owner: platform}}"
    run = simulate(
        SEEN
        + """\
x-globals: {region: eu}
resources:
  pool:
    type: pair_pool
    provider: {component: resource-manager, calls: {acquire: allocate_pair, release: release_pair}}
    config: {manifest: ./pairs.csv, parser: {format: csv, fields: [ip, port]}}
monitoring: {retry: {limit: 3}}
workflows:
  w:
    steps:
      - ref: get
      - update-workbook: {seen: "{{global.region}} {{global.components.resource-manager.metadata.owner}}"}
      - update-workbook: {seen: "{{global.resources.pool.type}} {{global.resources.pool.entries}}"}
      - update-workbook: {seen: "{{global.components.http.version}} {{global.monitoring.retry.limit}}"}
      - update-workbook: {seen: "{{global.greeting}} {{resource.ip}}:{{resource.port}} {{resource.pool.port}}"}
load: {scenarios: [{name: s, workflow: w, user-count: 2, user: {inherit: [pool], context: {greeting: hello}}}]}
""",
        "--set",
        f"components[1]={manager}",
    )
    assert written(run, "seen") == ["eu platform", "pair_pool 2", "0.2.1 3", "hello 127.0.0.1:20001 20001"]
    assert written(run, "seen", user=1)[-1] == "hello 127.0.0.1:20002 20002"


def test_env_tells_when_who_and_in_which_phase(simulate: Simulate) -> None:
    run = simulate(
        SEEN
        + """\
workflows:
  w:
    steps:
      - update-workbook: {seen: "{{env.user_id}} {{env.task_id}} {{env.iteration}} {{env.scenario}} {{env.phase}}"}
      - loop: {count: 50, steps: [{ref: get}]}
      - update-workbook: {seen: "{{env.tick}}"}
load: {tick: 10ms, scenarios: [{name: s, workflow: w, user-count: 2, iterations: 2}]}
"""
    )
    of = {user: written(run, "seen", user) for user in (0, 1)}
    tasks = run.frames.tasks.collect().sort("user", "iteration")
    numbers = tasks["task"].to_list()
    assert [of[user][place] for user in (0, 1) for place in (0, 2)] == [
        f"0 {numbers[0]} 1 s executing",
        f"0 {numbers[1]} 2 s executing",
        f"1 {numbers[2]} 1 s executing",
        f"1 {numbers[3]} 2 s executing",
    ]
    # A second has a hundred ticks, and they go on from task to task.
    first, second = of[0][1], of[0][3]
    assert 98 <= first <= 102
    assert 98 <= second - first <= 102


def test_each_scope_is_seen_by_whom_it_should_be_and_by_nobody_else(simulate: Simulate) -> None:
    saves = ", ".join(
        f"{{ref: get, save-as: {{var: {var}, scope: {scope}}}}}"
        for var, scope in {"a": "workbook", "b": "task-local", "c": "user-local", "d": "global"}.items()
    )
    read = " ".join(f"{{{{{var}.status | default(0)}}}}" for var in "abcd")
    run = simulate(
        SEEN
        + f"""\
workflows:
  w:
    steps:
      - {{if: "{{{{env.user_id == 0 and env.iteration == 1}}}}", then: [{saves}]}}
      - wait: 1s
      - update-workbook: {{seen: "{read}"}}
load: {{scenarios: [{{name: s, workflow: w, user-count: 2, iterations: 2}}]}}
"""
    )
    # The task that saved them, another task of its user; two tasks of another user.
    assert written(run, "seen", user=0) == ["200 200 200 200", "0 0 200 200"]
    assert written(run, "seen", user=1) == ["0 0 0 200", "0 0 0 200"]


def test_a_variable_of_the_workbook_is_read_with_and_without_its_name(simulate: Simulate) -> None:
    run = simulate(
        SEEN
        + """\
workflows: {w: {steps: [{ref: get, save-as: asset}, {update-workbook: {seen: "{{asset.json.n}} {{workbook.asset.json.n}}"}}]}}
"""
        + LOAD
    )
    assert written(run, "seen") == ["3 3"]


def test_what_two_branches_save_is_what_the_last_to_end_saved(simulate: Simulate) -> None:
    run = simulate(
        SEEN
        + """\
workflows:
  w:
    steps:
      - parallel: {branches: {slow: [{ref: post, save-as: x}], quick: [{ref: get, save-as: x}]}}
      - update-workbook: {seen: "{{x.status}}"}
"""
        + LOAD
    )
    assert written(run, "seen") == [201]


def test_a_kept_file_never_leaves_the_run_folder(simulate: Simulate) -> None:
    run = simulate(
        """\
  keep:
    component: http
    call: get
    with: {url: "http://127.0.0.1:9/"}
    extract: {name: {json: "$.name"}}
    save-as: {var: page, persist: {type: file, dir: out, filename: "{{page.name}}.json"}}
workflows: {w: {steps: [{ref: keep}, {ref: drop}]}}
"""
        + LOAD,
        model=MODEL.replace('"n": 3,', '"name": "../../escaped",').replace("{n: 3,", "{name: ../../escaped,"),
    )
    assert [name for name, *_ in sent(run)] == ["keep", "drop"], "it is an issue of the task, and the call goes on"
    home = run.dir.parent.parent
    assert not list(home.rglob("*escaped*"))
    assert not list((run.dir / "artifacts").rglob("*.json"))
    [issue] = written(run, "issues")
    assert issue["error_type"] == "config.bad-value"


def test_a_kept_file_holds_all_that_was_saved_whoever_else_reads_it(simulate: Simulate) -> None:
    run = simulate(
        """\
  keep:
    component: http
    call: get
    with: {url: "http://127.0.0.1:9/"}
    save-as: {var: page, persist: {type: file, dir: out, filename: "{{env.user_id}}.json"}}
workflows: {w: {steps: [{ref: keep}]}}
"""
        + LOAD
    )
    files = sorted((run.dir / "artifacts").rglob("*.json"))
    assert len(files) == 2
    kept = json.loads(files[0].read_text())
    assert (kept["status"], kept["json"]) == (200, {"n": 3, "items": [7, 8]})


def test_a_model_by_action_answers_whatever_its_step_is_called(simulate: Simulate) -> None:
    run = simulate(
        "workflows: {w: {steps: [{ref: get, name: first}, {ref: post}]}}\n" + LOAD,
        model=MODEL + "  get: {latency: 70ms, outputs: {status: 200}}\n",
    )
    assert [(name, end) for name, _, _, end in sent(run)] == [("first", 70), ("post", 100)]


def test_the_parameters_of_a_call_stand_in_the_records_where_it_asks_for_that(simulate: Simulate) -> None:
    run = simulate(
        """\
  told:
    component: http
    call: post
    with: {url: "http://127.0.0.1:9/{{env.user_id}}", body: "{{page.body}}"}
    record-inputs: true
workflows: {w: {steps: [{ref: get, save-as: page}, {ref: told}]}}
"""
        + LOAD
    )
    recorded = [change for change in run.changes() if change.path == "inputs"]
    assert [change.value for change in recorded] == [
        {"url": f"http://127.0.0.1:9/{user}", "body": '{"n": 3, "items": [7, 8]}'} for user in (0, 1)
    ]
    assert {change.node for change in recorded} == {"s/w/told"}
    actions = run.frames.actions.collect()
    assert {(change.user, change.task) for change in recorded} == set(actions.select("user", "task").iter_rows())


def test_each_task_begins_with_the_defaults(simulate: Simulate) -> None:
    run = simulate(
        """\
workbook: {defaults: {seen: "none yet"}, sections: {telemetry: {fields: {last: int}, defaults: {last: 7}}}}
workflows:
  w:
    steps:
      - {ref: get, save-as: page}
      - update-workbook: {seen: "{{workbook.seen}}, {{workbook.telemetry.last}}", telemetry.last: "{{page.status}}"}
      - update-workbook: {seen: "{{workbook.telemetry.last}}"}
load: {scenarios: [{name: s, workflow: w, user-count: 1, iterations: 2}]}
"""
    )
    assert written(run, "seen") == ["none yet, 7", 200] * 2


def test_a_path_and_its_alias_are_one_wherever_they_stand(simulate: Simulate) -> None:
    run = simulate(
        """\
workbook:
  sections: {telemetry: {fields: {last_http_status: int}}}
  fields: {seen: any}
  expose: {last: telemetry.last_http_status, state: timeline.phase}
workflows:
  w:
    steps:
      - update-workbook: {seen: "{{workbook.last}} {{workbook.telemetry.last_http_status}} {{last}}"}
      - {ref: get, save-as: page}
      - update-workbook: {last: "{{page.status}}"}
      - update-workbook: {seen: "{{workbook.telemetry.last_http_status}}"}
      - update-workbook: {telemetry.last_http_status: 404}
      - update-workbook: {seen: "{{workbook.last}} {{workbook.state == workbook.timeline.phase}}"}
load: {scenarios: [{name: s, workflow: w, user-count: 1, user: {context: {last: 5}}}]}
"""
    )
    assert written(run, "seen") == ["5 5 5", 200, "404 true"]
    entry = run.ledger.entry(0, 0)
    assert entry.fields["telemetry.last_http_status"] == 404


def test_counters_of_the_scenario_are_readable_while_it_runs(simulate: Simulate) -> None:
    run = simulate(
        """\
workflows:
  w:
    steps:
      - loop: {while: "{{workbook.telemetry.counters.success < 3}}", max: 10, steps: [{ref: get}]}
load: {scenarios: [{name: s, workflow: w, user-count: 1, iterations: 2}]}
"""
    )
    assert [end for *_, end in sent(run)] == [20, 40, 60]
    assert exits(run) == {"done": 2}


def test_writers_and_readers_of_a_variable_are_listed(simulate: Simulate) -> None:
    run = simulate(
        """\
workflows:
  w:
    steps:
      - {ref: get, save-as: page}
      - loop:
          count: "{{page.json.n}}"
          steps: [{action: http.post, name: told, with: {url: "http://127.0.0.1:9/", body: "{{page.body}}"}}]
"""
        + LOAD
    )
    assert run.lineage("page") == (Lineage("s", "page", "workbook", ("s/w/get",), ("s/w/steps[1]", "s/w/told")),)
    with pytest.raises(UsageError) as caught:
        run.lineage("pgae")
    assert caught.value.help == "did you mean `page`?"


def test_a_section_that_is_not_persisted_leaves_the_others_as_they_are(simulate: Simulate) -> None:
    run = simulate(
        """\
workbook: {fields: {seen: any}, sections: {telemetry: {fields: {last: int}, persist: false}, governance: {fields: {team: text}}}}
workflows:
  w:
    steps:
      - ref: get
      - update-workbook: {telemetry.last: 200, governance.team: blue}
      - update-workbook: {seen: "{{workbook.telemetry.last}} {{workbook.governance.team}}"}
"""
        + LOAD
    )
    assert written(run, "seen") == ["200 blue"], "what is not persisted is there all the same"
    assert (written(run, "last"), written(run, "team")) == ([], ["blue"])
    assert {change.section for change in run.changes("governance", "telemetry")} == {"governance", "telemetry"}
    with pytest.raises(UsageError, match="no section `quality`"):
        run.changes("quality")


@pytest.mark.parametrize(("flag", "ends"), [("overload", [60, 90]), ("true", [70]), ("other", [80])])
def test_a_risk_flag_runs_the_response_that_is_declared_for_it(simulate: Simulate, flag: str, ends: list[int]) -> None:
    run = simulate(
        f"""\
monitoring:
  responses:
    overload: [{{ref: drop}}]
    true: [{{ref: get}}, {{goto: closing}}]
workflows: {{w: {{steps: [{{ref: get}}, {{ref: post}}, {{update-workbook: {{risk_flag: {flag}}}}}, {{ref: post}}]}}}}
"""
        + LOAD
    )
    # The response comes before the task goes on with its last step, if it lets it.
    assert [end for *_, end in sent(run)][2:] == ends
    [risk] = written(run, "risks")
    assert risk["flag"] == (True if flag == "true" else flag)
