"""Scripts in which one feature meets another: loads with limits and retries, scenarios that share, rounds that poll."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.language.conftest import MODEL, exits, said, sent

if TYPE_CHECKING:
    from tests.language.conftest import Simulate


def test_a_user_calls_no_faster_than_its_limit_and_hardly_slower(simulate: Simulate) -> None:
    run = simulate(
        """\
workflows: {w: {steps: [{ref: drop, rate-limit: {per-user: 50 req/s}}]}}
load: {scenarios: [{name: s, workflow: w, user-count: 3, spawn-rate: 7/s, task-duration: 10s}]}
""",
        model="calls: {http.delete: {latency: {uniform: [1ms, 15ms]}}}\n",
    )
    rows = run.frames.actions.collect()
    for user in range(3):
        sent = rows.filter(rows["user"] == user)["t_intended"].sort()
        rate = (len(sent) - 1) / (sent[-1] - sent[0]) * 1e9
        assert abs(rate - 50) < 0.5
        # The task of the last call began within the ten seconds, in which there are 500 gaps.
        assert len(sent) == 501
        assert sent.diff().drop_nulls().min() >= 20_000_000


def test_users_of_a_scenario_share_its_limit_and_keep_their_order(simulate: Simulate) -> None:
    run = simulate(
        """\
workflows: {w: {rate-limit: {per-scenario: 20/s}, steps: [{ref: drop}, {ref: get}]}}
load:
  scenarios:
    - {name: a, workflow: w, user-count: 4}
    - {name: b, workflow: w, user-count: 1}
"""
    )
    rows = run.frames.actions.collect().sort("t_intended")
    due = {name: rows.filter(rows["scenario"].cast(str) == name) for name in ("a", "b")}
    # 20 a second, for the users of each scenario together: one every 50 ms, whoever calls.
    assert [round(t / 1e6) for t in due["a"]["t_intended"].to_list()] == list(range(0, 400, 50))
    assert due["a"]["user"].to_list()[:4] == [0, 1, 2, 3]
    assert [round(t / 1e6) for t in due["b"]["t_intended"].to_list()] == [0, 50]


def test_open_arrivals_are_tried_again_without_holding_up_those_after_them(simulate: Simulate) -> None:
    run = simulate(
        """\
workflows:
  w:
    steps: [{ref: post, retry: {limit: 1, delay: 150ms}}]
    on-error: [{action: log.warn, with: "{{env.task_id}} gave up after {{event.error_type}}"}, {goto: error_out}]
load:
  scenarios:
    - {name: s, workflow: w, arrival: {shape: constant, rate: 10/s, duration: 1s, max-users: 5}}
""",
        model="calls: {http.post: {latency: 30ms, fail: 100%, error: protocol.http.5xx}}\n",
    )
    rows = run.frames.actions.collect().sort("t_intended")
    first, again = (rows.filter(rows["attempt"] == attempt) for attempt in (1, 2))
    assert [round(t / 1e6) for t in first["t_intended"].to_list()] == list(range(100, 1001, 100))
    assert [round(t / 1e6) for t in again["t_intended"].to_list()] == list(range(280, 1181, 100))
    assert exits(run) == {"error_out": 10}
    assert sorted(said(run)) == [f"{task} gave up after protocol.http.5xx" for task in range(10)]
    # Each is at it for 210 ms, so that three users are enough.
    assert rows["user"].n_unique() == 3


def test_a_second_scenario_goes_on_with_what_the_first_left_for_all(simulate: Simulate) -> None:
    run = simulate(
        """\
  login:
    component: http
    call: get
    with: {url: "http://127.0.0.1:9/"}
    extract: {rounds: {json: "$.n"}, last: {regex: '(\\d)\\]'}}
    save-as: {var: shared, scope: global}
workflows:
  w:
    steps:
      - {if: "{{env.scenario == 'before'}}", then: [{ref: login}]}
      - {loop: {count: "{{shared.rounds | default(0)}}", steps: [{ref: drop}]}}
      - {action: log.info, with: "{{env.scenario}}: {{shared.last | default('nothing')}}"}
load:
  scenarios:
    - {name: before, workflow: w, user-count: 1}
    - {name: beside, workflow: w, user-count: 1}
    - {name: after, workflow: w, user-count: 2, start-after: before}
"""
    )
    assert [(name, end) for name, _, _, end in sent(run, 0)] == [("login", 20), ("drop", 30), ("drop", 40), ("drop", 50)]
    assert sent(run, 1) == []
    for user in (2, 3):
        calls = sent(run, user)
        begin = calls[0][2]
        # It starts when the other is over, which the next tick sees.
        assert 50 <= begin <= 70
        assert [end - begin for _, _, _, end in calls] == [10, 20, 30]
    assert said(run) == ["beside: nothing", "before: 8", "after: 8", "after: 8"]


def test_an_answer_is_polled_for_until_the_target_is_back(simulate: Simulate) -> None:
    run = simulate(
        """\
workbook: {sections: {execution: {fields: {there: bool}, defaults: {there: false}}}}
workflows:
  w:
    steps:
      - loop:
          while: "{{!workbook.execution.there}}"
          max: 10
          steps:
            - {ref: get, save-as: page, on-error: continue}
            - if: "{{page.status | default(0) == 200}}"
              then: [{update-workbook: {execution.there: true}}]
              else: [{wait: 80ms}]
      - {monitor: "{{workbook.execution.there}}"}
      - ref: drop
load: {scenarios: [{name: s, workflow: w, user-count: 1}]}
""",
        model=MODEL.replace("http.get: {", "http.get: {outages: [{at: 0s, for: 250ms}], "),
    )
    gets = [(event, begin) for name, event, begin, _ in sent(run) if name == "get"]
    pause = gets[1][1]
    # Refused until 250 ms are over; then one is answered, and the loop is left.
    assert [event for event, _ in gets] == ["fail"] * (len(gets) - 1) + ["success"]
    assert [begin for _, begin in gets] == [pause * i for i in range(len(gets))]
    assert gets[-2][1] < 250 <= gets[-1][1]
    assert sent(run)[-1][:2] == ("drop", "success")
    assert exits(run) == {"done": 1}


def test_users_of_a_ramp_go_every_other_way_and_undo_what_they_did(simulate: Simulate) -> None:
    run = simulate(
        """\
  book: {component: http, call: get, with: {url: "http://127.0.0.1:9/"}, compensate: drop}
workflows:
  w:
    steps:
      - parallel: {wait: all, branches: {a: [{ref: book}], b: [{wait: 5ms}, {ref: book}]}}
      - {if: "{{env.user_id % 2 == 1}}", then: [{goto: closing.rollback}]}
      - ref: post
load:
  profiles: {up: {start-users: 0, end-users: 4, duration: 1s}}
  scenarios: [{name: s, workflow: w, profile: up}]
"""
    )
    for user in range(4):
        calls = [(name, begin, end) for name, _, begin, end in sent(run, user)]
        came = 250 * (user + 1)
        assert sorted((begin - came, end - came) for _, begin, end in calls[:2]) == [(0, 20), (5, 25)]
        rest = [(name, begin - came, end - came) for name, begin, end in calls[2:]]
        assert rest == ([("compensate", 25, 35), ("compensate", 35, 45)] if user % 2 else [("post", 25, 55)])
    assert exits(run) == {"done": 2, "rollback": 2}


def test_a_graph_takes_its_way_by_event_and_by_value(simulate: Simulate) -> None:
    run = simulate(
        """\
  slow: {component: http, call: post, with: {url: "http://127.0.0.1:9/"}, timeout: 50ms}
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
              - {event: success, when: "{{page.json.n == 4}}", to: error_out}
              - {event: success, when: "{{page.json.items[1] == 8}}", to: push}
              - {to: error_out}
      push:
        ref: slow
        controls: {flow: {transitions: [{event: timeout, to: [clean, rest]}, {to: error_out}]}}
      clean: {loop: {count: 2, steps: [{ref: drop}]}, controls: {flow: {transitions: [{to: last}]}}}
      rest: {wait: 100ms, controls: {flow: {transitions: [{to: last}]}}}
      last: {ref: get, join: all, controls: {flow: {transitions: [{to: closing}]}}}
load: {scenarios: [{name: s, workflow: w, user-count: 2}]}
""",
        model=MODEL.replace("http.post: {latency: 30ms,", "http.post: {latency: 1s,"),
    )
    for user in range(2):
        assert [(event, begin, end) for _, event, begin, end in sent(run, user)] == [
            ("success", 0, 20),
            ("timeout", 20, 70),
            ("success", 70, 80),
            ("success", 80, 90),
            ("success", 170, 190),
        ]
    assert exits(run) == {"done": 2}
