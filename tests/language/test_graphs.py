"""Graphs of nodes in simulation: which way is taken, what holds a node back, and what gets a task out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.language.conftest import LOAD, MODEL, exits, sent

if TYPE_CHECKING:
    from tests.language.conftest import Simulate

FAILING = MODEL.replace("http.post: {latency: 30ms,", "http.post: {latency: 30ms, fail: 100%,")


def test_nodes_give_the_order_and_saved_values_carry_the_data(simulate: Simulate) -> None:
    run = simulate(
        """\
workflows:
  w:
    entry: init_probe
    nodes:
      post_push:
        action: http.post
        with: {url: "http://127.0.0.1:9/", body: "{{asset.body}}"}
        record-inputs: true
        controls: {flow: {transitions: [{to: closing}]}}
      init_probe: {ref: get, save-as: asset, controls: {flow: {transitions: [{event: success, to: post_push}, {to: error_out}]}}}
"""
        + LOAD
    )
    assert sent(run) == [("init_probe", "success", 0, 20), ("post_push", "success", 20, 50)]
    bodies = [change.value["body"] for change in run.changes() if change.path == "inputs"]
    assert bodies == ['{"n": 3, "items": [7, 8]}'] * 2


def test_the_first_transition_that_fits_event_and_condition_is_taken(simulate: Simulate) -> None:
    run = simulate(
        """\
workflows:
  w:
    entry: look
    nodes:
      look:
        ref: get
        save-as: page
        controls:
          flow:
            transitions:
              - {event: fail, to: error_out}
              - {event: success, when: "{{page.json.n == 4}}", to: error_out}
              - {event: success, when: "{{page.json.n == 3}}", to: order}
              - {to: clean}
      order:
        ref: post
        controls: {flow: {transitions: [{event: success, to: error_out}, {event: fail, to: clean}, {to: timeout_out}]}}
      clean: {ref: drop, controls: {flow: {transitions: [{event: fail, to: error_out}, {to: closing}]}}}
"""
        + LOAD,
        model=FAILING,
    )
    assert sent(run) == [("look", "success", 0, 20), ("order", "fail", 20, 50), ("clean", "success", 50, 60)]
    assert exits(run) == {"done": 2}


def test_a_monitor_node_gates_a_transition_by_telemetry(simulate: Simulate) -> None:
    run = simulate(
        """\
workflows:
  w:
    timeout: 1m
    entry: look
    nodes:
      look: {ref: get, controls: {flow: {transitions: [{event: success, to: gate}, {to: error_out}]}}}
      gate:
        monitor: "{{workbook.telemetry.counters.success < 3}}"
        controls: {flow: {transitions: [{event: success, to: look}, {to: clean}]}}
      clean: {ref: drop, controls: {flow: {transitions: [{to: closing}]}}}
load: {scenarios: [{name: s, workflow: w, user-count: 1}]}
"""
    )
    assert [(name, end) for name, _, _, end in sent(run)] == [("look", 20), ("look", 40), ("look", 60), ("clean", 70)]


def test_a_node_is_limited_timed_retried_and_handled_as_its_controls_say(simulate: Simulate) -> None:
    run = simulate(
        """\
workflows:
  w:
    timeout: 1m
    entry: paced
    nodes:
      paced:
        ref: drop
        controls:
          exec: {rate-limit: {per-user: 10/s}}
          flow: {transitions: [{when: "{{workbook.telemetry.counters.success < 3}}", to: paced}, {to: slow}]}
      slow:
        ref: get
        controls:
          exec: {timeout: 15ms, retry: {limit: 1, delay: 100ms, retry-on: [timeout]}, on-timeout: [{goto: order}]}
          flow: {transitions: [{to: error_out}]}
      order:
        ref: post
        controls:
          exec: {retry: 1, on-error: [{action: log.error}, {goto: timeout_out}]}
          flow: {transitions: [{to: closing}]}
load: {scenarios: [{name: s, workflow: w, user-count: 1}]}
""",
        model=FAILING,
    )
    assert sent(run) == [
        ("paced", "success", 0, 10),
        ("paced", "success", 100, 110),
        ("paced", "success", 200, 210),
        ("slow", "timeout", 210, 225),
        ("slow", "timeout", 325, 340),
        ("order", "fail", 340, 370),
        ("order", "fail", 370, 400),
    ]
    assert exits(run) == {"timeout_out": 1}
    assert any(change.path == "log.error" for change in run.changes())


STEPS = """\
steps:
      - {ref: mark}
      - {ref: get, save-as: page}
      - {if: "{{page.json.n == 4}}", then: [{ref: drop}], else: [{goto: TARGET}]}"""
NODES = """\
entry: first
    nodes:
      first: {ref: mark, controls: {flow: {transitions: [{to: second}]}}}
      second:
        ref: get
        save-as: page
        controls: {flow: {transitions: [{when: "{{page.json.n == 4}}", to: closing}, {to: TARGET}]}}"""


@pytest.mark.parametrize("workflow", [STEPS, NODES], ids=["steps", "nodes"])
@pytest.mark.parametrize("target", ["monitoring.retry", "closing.rollback"])
def test_every_workflow_can_try_again_and_undo(simulate: Simulate, workflow: str, target: str) -> None:
    run = simulate(
        f"""\
  mark: {{component: http, call: post, with: {{url: "http://127.0.0.1:9/"}}, compensate: drop}}
workflows:
  w:
    {workflow.replace("TARGET", target)}
"""
        + LOAD
    )
    ends = [end for *_, end in sent(run)]
    if target == "monitoring.retry":
        assert ends == [30, 50, 70, 90], "an attempt, and two more"
        assert exits(run) == {"error_out": 2}
    else:
        assert ends == [30, 50, 60]
        assert exits(run) == {"rollback": 2}


def test_rows_of_nodes_carry_their_process_group(simulate: Simulate) -> None:
    run = simulate(
        """\
  mark: {component: http, call: get, with: {url: "http://127.0.0.1:9/"}, compensate: drop}
workflows:
  w:
    entry: begin
    nodes:
      begin: {ref: mark, controls: {flow: {transitions: [{to: order}]}}}
      order:
        ref: post
        controls:
          exec: {on-error: [{ref: get}, {goto: closing.rollback}]}
          flow: {transitions: [{to: closing}]}
"""
        + LOAD,
        model=FAILING,
    )
    rows = run.frames.actions.collect().sort("seq")
    phases = {str(node).split("/", 2)[-1]: str(phase) for node, phase in rows.select("node", "phase").iter_rows()}
    assert phases == {
        "begin": "executing.running_action",
        "order": "executing.running_action",
        "order/on-error[0]": "monitoring",
        "begin/compensate": "closing.rollback",
    }
    assert {node: phase.split(".")[0] for node, phase in phases.items()} == {
        leaf["node"].split("/", 2)[-1]: leaf["process_group"] for leaf in _leaves(run.plan["wbs"])
    }


def _leaves(node: dict[str, Any]) -> list[dict[str, Any]]:
    return [leaf for child in node["children"] for leaf in _leaves(child)] if node["children"] else [node]
