"""Choices, rounds, branches and handlers: which way a task goes, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.language.conftest import LOAD, MODEL, exits, said, sent

if TYPE_CHECKING:
    from tests.language.conftest import Simulate

ONE = "load: {scenarios: [{name: s, workflow: w, user-count: 1}]}\n"


def test_a_choice_without_an_else_goes_on_behind_it(simulate: Simulate) -> None:
    run = simulate(
        """\
workflows:
  w:
    steps:
      - {ref: get, save-as: page}
      - if: "{{page.status == 200 && page.json.n > 2}}"
        then: [{ref: post}, {if: "{{page.json.n == 4}}", then: [{goto: error_out}]}]
      - {if: "{{page.status == 404}}", then: [{goto: error_out}]}
      - {if: "{{page.json.n == 4}}", then: [{ref: get}], else: [{ref: drop}, {ref: drop}]}
"""
        + LOAD
    )
    assert [end for _, _, _, end in sent(run)] == [20, 50, 60, 70]
    assert exits(run) == {"done": 2}


def test_rounds_end_with_their_count_their_condition_their_list_or_their_limit(simulate: Simulate) -> None:
    run = simulate(
        """\
workbook: {sections: {execution: {fields: {left: int}, defaults: {left: 4}}}}
workflows:
  w:
    steps:
      - loop: {count: 2, as: i, steps: [{action: log.info, with: "count {{i}}"}]}
      - loop:
          while: "{{workbook.execution.left > 1}}"
          max: 10
          steps: [{ref: drop}, {update-workbook: {execution.left: "{{workbook.execution.left - 1}}"}}]
      - {action: log.info, with: "left {{workbook.execution.left}}"}
      - loop: {while: "{{workbook.execution.left > 0}}", max: 2, steps: [{ref: get, save-as: page}]}
      - loop:
          over: "{{page.json.items}}"
          as: item
          steps: [{loop: {count: 2, as: j, steps: [{action: log.info, with: "{{item}} {{j}}"}]}}]
"""
        + ONE
    )
    assert said(run) == ["count 0", "count 1", "left 1", "7 0", "7 1", "8 0", "8 1"]
    assert [(name, end) for name, _, _, end in sent(run)] == [
        ("drop", 10),
        ("drop", 20),
        ("drop", 30),
        ("get", 50),
        ("get", 70),
    ]
    assert exits(run) == {"done": 1}


def test_branches_are_done_when_so_many_of_them_are(simulate: Simulate) -> None:
    run = simulate(
        """\
workflows:
  w:
    steps:
      - loop:
          count: 2
          steps:
            - parallel:
                wait: 2
                branches: {a: [{ref: get}], b: [{ref: post}, {ref: post}], c: [{wait: 15ms}, {ref: drop}]}
      - ref: drop
"""
        + ONE
    )
    # Get is done after 20 ms, the wait with its drop after 25: that is two, and the first post goes on no longer.
    rows = run.frames.actions.collect()
    calls = [(round(row["t_end"] / 1e6), str(row["call"]), str(row["event"])) for row in rows.iter_rows(named=True)]
    assert sorted(calls) == [
        (20, "get", "success"),
        (25, "delete", "success"),
        (25, "post", "fail"),
        (45, "get", "success"),
        (50, "delete", "success"),
        (50, "post", "fail"),
        (60, "delete", "success"),
    ]
    assert set(rows["error_type"].cast(str).drop_nulls()) == {"cancelled.branch"}
    assert exits(run) == {"done": 1}


def test_failures_and_timeouts_are_handled_at_the_action_at_the_node_and_at_the_workflow(simulate: Simulate) -> None:
    def handlers(place: str) -> str:
        said = '{action: log.warn, with: "%s: {{workbook.task_id}} {{event.type}}"}'
        return (
            f"on-error: [{said % place}, {{ref: drop}}, {{goto: closing}}], on-timeout: [{said % place}, {{goto: closing.error}}]"
        )

    flow = "flow: {transitions: [{to: closing.rollback}]}"
    run = simulate(
        f"""\
  bad: {{component: http, call: post, with: {{url: "http://127.0.0.1:9/"}}}}
  slow: {{component: http, call: get, with: {{url: "http://127.0.0.1:9/"}}, timeout: 40ms}}
  bad-own: {{component: http, call: post, with: {{url: "http://127.0.0.1:9/"}}, {handlers("action")}}}
  slow-own: {{component: http, call: get, with: {{url: "http://127.0.0.1:9/"}}, timeout: 40ms, {handlers("action")}}}
workflows:
  a-fail: {{steps: [{{ref: bad-own}}], {handlers("workflow")}}}
  a-late: {{steps: [{{ref: slow-own}}], {handlers("workflow")}}}
  n-fail: {{nodes: {{x: {{ref: bad, controls: {{exec: {{{handlers("node")}}}, {flow}}}}}}}, {handlers("workflow")}}}
  n-late: {{nodes: {{x: {{ref: slow, controls: {{exec: {{{handlers("node")}}}, {flow}}}}}}}, {handlers("workflow")}}}
  w-fail: {{steps: [{{ref: bad}}], {handlers("workflow")}}}
  w-late: {{steps: [{{ref: slow}}], {handlers("workflow")}}}
load:
  scenarios:
"""
        + "".join(
            f"    - {{name: {name}, workflow: {name}, user-count: 1}}\n"
            for name in ("a-fail", "a-late", "n-fail", "n-late", "w-fail", "w-late")
        ),
        model="calls: {http.post: {latency: 30ms, fail: 100%}, http.get: {latency: 1s}, http.delete: {latency: 10ms}}\n",
    )
    assert sorted(said(run)) == [
        "action: T-a-fail-0 fail",
        "action: T-a-late-1 timeout",
        "node: T-n-fail-2 fail",
        "node: T-n-late-3 timeout",
        "workflow: T-w-fail-4 fail",
        "workflow: T-w-late-5 timeout",
    ]
    for user in range(6):
        late = user % 2
        called = [(event, end) for _, event, _, end in sent(run, user)]
        assert called == ([("timeout", 40)] if late else [("fail", 30), ("success", 40)])
    assert exits(run) == {"done": 3, "error_out": 3}


def test_a_handler_without_a_goto_gives_way_to_the_one_around_it(simulate: Simulate) -> None:
    run = simulate(
        """\
  bad: {component: http, call: post, with: {url: "http://127.0.0.1:9/"}, on-error: [{action: log.warn, with: action}]}
workflows:
  w:
    steps: [{ref: get, compensate: drop}, {ref: bad}, {ref: get}]
    on-error: [{action: log.warn, with: workflow}, {goto: closing.rollback}]
"""
        + ONE,
        model=MODEL.replace("http.post: {latency: 30ms,", "http.post: {latency: 30ms, fail: 100%,"),
    )
    assert said(run) == ["action", "workflow"]
    assert [(name, end) for name, _, _, end in sent(run)] == [("get", 20), ("bad", 50), ("compensate", 60)]
    assert exits(run) == {"rollback": 1}
