"""What a task is doing, for how long, on whose account, and what it holds: each as one works it out by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.language.conftest import MODEL, exits, said

if TYPE_CHECKING:
    from tests.language.conftest import Simulate

TIMES = ("waiting_resource", "running_action", "throttled", "blocked")


def test_the_four_things_that_a_task_does_in_executing_are_timed_apart(simulate: Simulate) -> None:
    run = simulate(
        """\
workflows:
  w:
    steps:
      - loop: {count: 3, steps: [{ref: drop, rate-limit: {per-user: 10/s}}]}
      - wait: 50ms
      - ref: post
load: {scenarios: [{name: s, workflow: w, user-count: 2, user: {inherit: [pool]}}]}
""",
        pairs=1,
    )
    tasks = run.frames.tasks.collect().sort("user")
    spent = [[round(row[name] / 1e6) for name in TIMES] for row in tasks.iter_rows(named=True)]
    # Three calls of 10 ms that begin 100 ms apart, a wait, a call of 30 ms. The second user has the pair when the first is gone.
    assert spent == [[0, 60, 180, 50], [290, 60, 180, 50]]
    assert [round(t / 1e6) for t in tasks["t_end"].to_list()] == [290, 580]
    load = run.frames.load.collect()
    assert [load[name].max() for name in TIMES] == [1, 1, 1, 1]


def test_an_event_comes_from_an_action_a_resource_or_the_system(simulate: Simulate) -> None:
    told = "{{workbook.task_id}}: {{event.type}} of {{event.source}}, {{event.error_type}}"
    run = simulate(
        f"""\
  bad: {{component: http, call: post, with: {{url: "http://127.0.0.1:9/"}}}}
  slow: {{component: http, call: post, with: {{url: "http://127.0.0.1:9/"}}}}
workflows:
  failing: {{steps: [{{ref: bad}}], on-error: [{{action: log.error, with: "{told}"}}]}}
  losing: {{steps: [{{ref: slow}}], on-error: [{{action: log.error, with: "{told}"}}]}}
  late: {{timeout: 100ms, steps: [{{ref: slow}}], on-timeout: [{{action: log.error, with: "{told}"}}]}}
  idle: {{timeout: 200ms, steps: [{{wait: 1s}}], on-timeout: [{{action: log.error, with: "{told}"}}]}}
load:
  scenarios:
    - {{name: a, workflow: failing, user-count: 1}}
    - {{name: b, workflow: losing, user-count: 1, user: {{inherit: [pool]}}}}
    - {{name: c, workflow: late, user-count: 1}}
    - {{name: d, workflow: idle, user-count: 1}}
""",
        "--set",
        "resources.pool.provider.leasing={ttl: 1s, auto-renew: false}",
        model="calls: {bad: {latency: 10ms, fail: 100%}, slow: {latency: 3s}}\n",
        pairs=1,
    )
    assert sorted(said(run)) == [
        "T-failing-0: fail of action, transport.reset",
        "T-idle-3: timeout of system, timeout.task",
        "T-late-2: timeout of system, timeout.task",
        "T-losing-1: fail of resource, resource.lease-expired",
    ]


def test_the_workbook_knows_of_each_user_and_task_where_it_stands_and_what_it_holds(simulate: Simulate) -> None:
    where = "{{workbook.user_id}} {{workbook.task_id}} {{workbook.state}}"
    done = "{{workbook.execution.last_action | default('nothing')}}"
    run = simulate(
        """\
workflows:
  w:
    steps:
      - {action: log.info, with: "WHERE DONE"}
      - {ref: get, save-as: page}
      - {action: log.info, with: "WHERE DONE {{workbook.execution.evidence.last_event}}"}
      - {action: log.info, with: "{{workbook.governance.scope_resources}}"}
      - wait: 10ms
      - {ref: post, on-error: [{action: log.info, with: "WHERE DONE"}, {goto: closing.error}]}
load: {scenarios: [{name: s, workflow: w, user-count: 2, iterations: 2, user: {inherit: [pool]}}]}
""".replace("WHERE", where).replace("DONE", done),
        model=MODEL.replace("http.post: {latency: 30ms,", "http.post: {latency: 30ms, fail: 100%,"),
        pairs=2,
    )
    for user in range(2):
        tasks = [user, user + 2]
        pair = f"pool/127.0.0.1:{20_000 + user}"
        assert said(run, user) == [
            line
            for task in tasks
            for line in (
                f"U-0000{user} T-w-{task} executing.running_action nothing",
                f"U-0000{user} T-w-{task} monitoring http.get success",
                f'["{pair}"]',
                f"U-0000{user} T-w-{task} monitoring http.post",
            )
        ]
        for task in tasks:
            entry = run.ledger.entry(user, task)
            assert (entry.state, entry.last_action, entry.attempts) == ("closing.error", "http.post", 2)
            assert entry.scope_resources == [pair]


def test_the_scope_trace_of_a_task_ends_with_the_pair_that_it_holds(simulate: Simulate) -> None:
    run = simulate(
        """\
workflows:
  w:
    steps: [{ref: get}, {action: log.info, with: "{{workbook.scope_trace}}"}]
load: {scenarios: [{name: s, workflow: w, user-count: 2, user: {inherit: [pool]}}]}
""",
        pairs=2,
    )
    assert exits(run) == {"done": 2}
    leases = run.frames.leases.collect()
    for user in range(2):
        pair = f"pool/127.0.0.1:{20_000 + user}"
        assert leases.filter(leases["user"] == user)["resource"].cast(str).to_list() == [pair] * 2
        trace = run.ledger.entry(user, user).scope_trace
        assert trace[1:] == ["HTTP", "s", "w", f"T-w-{user}", pair]
        assert said(run, user) == [str(trace).replace("'", '"').replace(", ", ",")]
