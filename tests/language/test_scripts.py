"""Scripts that mix what the language has, in simulation: what comes out is what one works out by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.language.conftest import LOAD, MODEL, exits, sent

if TYPE_CHECKING:
    from tests.language.conftest import Simulate

FAILING = MODEL.replace("http.post: {latency: 30ms,", "http.post: {latency: 30ms, fail: 100%,")


def test_a_loop_with_a_choice_inside_takes_each_way_as_often_as_it_should(simulate: Simulate) -> None:
    run = simulate(
        """\
workflows:
  w:
    steps:
      - loop: {count: 3, as: i, steps: [{if: "{{i == 1}}", then: [{ref: post}], else: [{ref: get}]}]}
      - wait: 100ms
      - ref: drop
"""
        + LOAD
    )
    assert [(name, begin, end) for name, _, begin, end in sent(run)] == [
        ("get", 0, 20),
        ("post", 20, 50),
        ("get", 50, 70),
        ("drop", 170, 180),
    ]
    assert exits(run) == {"done": 2}
    task = run.frames.tasks.collect().row(0, named=True)
    assert (task["running_action"], task["blocked"]) == (80_000_000, 100_000_000)


def test_a_loop_over_a_list_that_a_call_brought_has_a_round_for_each_item(simulate: Simulate) -> None:
    run = simulate(
        """\
workflows:
  w:
    steps:
      - {ref: get, save-as: page}
      - loop: {over: "{{page.json.items}}", as: item, steps: [{action: http.post, with: {url: "http://127.0.0.1:9/{{item}}"}}]}
"""
        + LOAD
    )
    assert [(begin, end) for _, _, begin, end in sent(run)] == [(0, 20), (20, 50), (50, 80)]


def test_branches_run_side_by_side_and_the_slowest_decides(simulate: Simulate) -> None:
    run = simulate(
        """\
workflows:
  w:
    steps:
      - parallel: {wait: all, branches: {a: [{ref: get}, {ref: get}], b: [{ref: post}]}}
      - ref: drop
"""
        + LOAD
    )
    assert sorted((begin, end) for _, _, begin, end in sent(run)) == [(0, 20), (0, 30), (20, 40), (40, 50)]


def test_the_first_branch_decides_and_the_others_are_cancelled(simulate: Simulate) -> None:
    run = simulate(
        """\
workflows:
  w:
    steps:
      - parallel: {wait: any, branches: {a: [{ref: get}], b: [{ref: post}]}}
      - ref: drop
"""
        + LOAD
    )
    rows = run.frames.actions.collect()
    kinds = rows["error_type"].cast(str).drop_nulls().to_list()
    assert kinds == ["cancelled.branch"] * 2
    assert exits(run) == {"done": 2}
    assert max(end for name, _, _, end in sent(run) if name == "drop") == 30


def test_a_retry_waits_longer_each_time_and_then_leaves_in_error(simulate: Simulate) -> None:
    run = simulate(
        """\
workflows:
  w:
    steps: [{ref: get}, {ref: post, retry: {limit: 2, delay: 100ms, backoff: exponential, factor: 2}}, {ref: drop}]
    on-error: [{goto: error_out}]
"""
        + LOAD,
        model=FAILING,
    )
    posts = [(event, begin, end) for name, event, begin, end in sent(run) if name == "post"]
    assert [event for event, _, _ in posts] == ["fail"] * 3
    # 20, then 30 each, and 100 and 200 between them.
    assert [end for _, _, end in posts] == [50, 180, 410]
    assert exits(run) == {"error_out": 2}
    rows = run.frames.actions.collect()
    assert rows.filter(rows["user"] == 0)["attempt"].to_list() == [1, 1, 2, 3]


def test_what_succeeded_is_undone_in_reverse_order(simulate: Simulate) -> None:
    run = simulate(
        """\
  first: {component: http, call: get, with: {url: "http://127.0.0.1:9/1"}, compensate: undo-first}
  second: {component: http, call: get, with: {url: "http://127.0.0.1:9/2"}, compensate: undo-second}
  undo-first: {component: http, call: delete, with: {url: "http://127.0.0.1:9/1"}}
  undo-second: {component: http, call: delete, with: {url: "http://127.0.0.1:9/2"}}
workflows:
  w:
    steps: [{ref: first}, {ref: second}, {ref: post}]
    on-error: [{goto: closing.rollback}]
"""
        + LOAD,
        model=FAILING,
    )
    assert [(begin, end) for _, _, begin, end in sent(run)] == [(0, 20), (20, 40), (40, 70), (70, 80), (80, 90)]
    rows = run.frames.actions.collect()
    nodes = rows.filter(rows["user"] == 0).sort("seq")["node"].cast(str).to_list()
    assert nodes == [f"s/w/{name}" for name in ("first", "second", "post", "second/compensate", "first/compensate")]
    assert exits(run) == {"rollback": 2}


def test_an_answer_that_is_not_as_expected_is_a_failure_of_the_target(simulate: Simulate) -> None:
    run = simulate(
        """\
workflows:
  w:
    steps: [{action: http.get, with: {url: "http://127.0.0.1:9/"}, expect: "{{status == 201}}"}, {ref: post}]
    on-error: [{goto: error_out}]
"""
        + LOAD
    )
    assert [(event, end) for _, event, _, end in sent(run)] == [("fail", 20)]
    assert exits(run) == {"error_out": 2}


def test_what_is_extracted_steers_what_comes_next(simulate: Simulate) -> None:
    run = simulate(
        """\
  list: {component: http, call: get, with: {url: "http://127.0.0.1:9/"}, extract: {n: {json: "$.n"}}, save-as: page}
workflows:
  w:
    steps: [{ref: list}, {loop: {count: "{{page.n}}", steps: [{ref: post}]}}]
"""
        + LOAD
    )
    assert [end for _, _, _, end in sent(run)] == [20, 50, 80, 110]


def test_a_rate_limit_holds_calls_back_and_is_no_response_time(simulate: Simulate) -> None:
    run = simulate(
        """\
workflows:
  w:
    steps: [{loop: {count: 3, steps: [{ref: drop, rate-limit: {per-user: 10/s}}]}}]
"""
        + LOAD
    )
    rows = run.frames.actions.collect()
    rows = rows.filter(rows["user"] == 0).sort("seq")
    assert (rows["t_end"] - rows["t_intended"]).to_list() == [10_000_000] * 3
    assert [round(t / 1e6) for t in rows["t_intended"].to_list()] == [0, 100, 200]
    assert [round(t / 1e6) for t in rows["throttle_wait"].to_list()] == [0, 90, 90]


def test_arrivals_come_on_time_and_those_that_find_nobody_are_dropped(simulate: Simulate) -> None:
    run = simulate(
        """\
workflows: {w: {steps: [{ref: get}, {wait: 80ms}]}}
load:
  scenarios:
    - name: s
      workflow: w
      arrival: {shape: constant, rate: 20/s, duration: 1s, max-users: 1, when-full: drop}
"""
    )
    # One every 50 ms, each takes 100 ms: every other one finds nobody.
    rows = run.frames.actions.collect().sort("seq")
    assert [round(t / 1e6) for t in rows["t_intended"].to_list()] == list(range(50, 1001, 100))
    assert run.frames.load.collect().sort("seq")["dropped"].to_list()[-1] == 20 - rows.height


def test_the_tasks_of_a_user_start_a_pace_apart(simulate: Simulate) -> None:
    run = simulate(
        """\
workflows: {w: {steps: [{ref: get}]}}
load: {scenarios: [{name: s, workflow: w, user-count: 2, iterations: 4, pacing: 250ms}]}
"""
    )
    assert [begin for _, _, begin, _ in sent(run)] == [0, 250, 500, 750]


def test_a_graph_fans_out_and_joins(simulate: Simulate) -> None:
    run = simulate(
        """\
workflows:
  w:
    entry: look
    nodes:
      look: {ref: get, save-as: page, controls: {flow: {transitions: [{event: success, to: [order, watch]}, {to: error_out}]}}}
      order: {ref: post, controls: {flow: {transitions: [{to: clean}]}}}
      watch: {monitor: "{{page.status == 200}}", controls: {flow: {transitions: [{to: clean}]}}}
      clean: {ref: drop, join: all, controls: {flow: {transitions: [{to: closing}]}}}
"""
        + LOAD
    )
    assert sent(run) == [("look", "success", 0, 20), ("order", "success", 20, 50), ("clean", "success", 50, 60)]


def test_fields_of_the_workbook_keep_what_steps_write(simulate: Simulate) -> None:
    run = simulate(
        """\
workbook: {sections: {execution: {fields: {rounds: int}, defaults: {rounds: 0}}}}
workflows:
  w:
    steps:
      - loop: {count: 3, steps: [{update-workbook: {execution.rounds: "{{workbook.execution.rounds + 1}}"}}, {ref: drop}]}
      - {if: "{{workbook.execution.rounds == 3}}", then: [{ref: get}], else: [{goto: error_out}]}
"""
        + LOAD
    )
    assert [end for _, _, _, end in sent(run)] == [10, 20, 30, 50]
    entry = run.ledger.entry(0, 0)
    assert entry.fields["execution.rounds"] == 3


def test_what_a_user_keeps_outlives_its_tasks_and_may_go_to_a_file(simulate: Simulate) -> None:
    run = simulate(
        """\
  login:
    component: http
    call: get
    with: {url: "http://127.0.0.1:9/"}
    extract: {n: {json: "$.n"}}
    save-as: {var: login, scope: user-local, persist: {type: file, dir: out, filename: "{{workbook.user_id}}.json"}}
workflows:
  w:
    steps:
      - {if: "{{env.iteration == 1}}", then: [{ref: login}]}
      - loop: {count: "{{login.n | default(0)}}", steps: [{ref: drop}]}
load: {scenarios: [{name: s, workflow: w, user-count: 2, iterations: 2}]}
"""
    )
    assert [end for _, _, _, end in sent(run)] == [20, 30, 40, 50, 60, 70, 80]
    files = sorted(path.name for path in (run.dir / "artifacts" / "out").iterdir())
    assert files == ["U-00000.json", "U-00001.json"]


def test_a_step_is_jumped_to_and_a_task_over_its_time_leaves_by_its_handler(simulate: Simulate) -> None:
    run = simulate(
        """\
workflows:
  w:
    timeout: 70ms
    steps: [{ref: get}, {if: "{{global.program != ''}}", then: [{goto: last}]}, {ref: post}, {name: last, ref: drop}, {wait: 1s}]
    on-timeout: [{goto: timeout_out}]
"""
        + LOAD
    )
    assert [(name, end) for name, _, _, end in sent(run)] == [("get", 20), ("last", 30)]
    assert exits(run) == {"timeout_out": 2}
