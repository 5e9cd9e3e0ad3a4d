//! What a task is doing and for how long, and what the event says that led it elsewhere.
mod support;

use pmplab_dsl::plan::*;
use pmplab_records::rows::TaskRow;
use support::*;

/// Waiting for a lease, running, throttled, blocked, in whole milliseconds.
fn spent(row: &TaskRow) -> [i64; 4] {
    [
        row.waiting_resource,
        row.running_action,
        row.throttled,
        row.blocked,
    ]
    .map(|ns| (ns + 500_000) / 1_000_000)
}

/// So many calls, which each user, or all of them together, may make so often.
fn limited(per: LimitPer, count: u64, calls: u32) -> (Vec<Limit>, Vec<Step>) {
    let limit = Limit {
        name: "l".into(),
        per,
        rate: Rate { count, per: SECOND },
        burst: 1,
    };
    let one = |action| {
        let mut get = call(action, 0);
        get.limits = vec![0];
        act_as(&format!("get{action}"), get)
    };
    (vec![limit], (0..calls).map(one).collect())
}

#[test]
fn the_time_between_two_calls_that_a_limit_holds_apart_is_throttled() {
    let (limits, mut steps) = limited(LimitPer::User, 10, 3);
    steps.push(wait("wait", 30 * MS));
    let mut plan = one(scenario(Spawn::AtOnce, 1, steps));
    plan.limits = limits;
    let mut bench = Bench::new(&plan, |_| ok(10 * MS));
    bench.go();
    assert_eq!(spent(&bench.rows().tasks[0]), [0, 30, 180, 30]);
}

#[test]
fn who_waited_for_a_lease_is_throttled_only_from_then_on() {
    // Both users share the limit. The second has the pair when the first is gone, and then the limit is in its way.
    let (limits, steps) = limited(LimitPer::Global, 10, 1);
    let mut s = scenario(Spawn::AtOnce, 2, steps);
    s.inherit = vec![PAIRS];
    let mut plan = one(s);
    plan.limits = limits;
    let mut bench = Bench::pooled(&plan, |_| ok(40 * MS), FakeProvider::new(1, None));
    bench.go();
    let tasks = &bench.rows().tasks;
    assert_eq!(spent(&tasks[0]), [0, 40, 0, 0]);
    assert_eq!(spent(&tasks[1]), [40, 40, 60, 0]);
}

/// What `event.*` is in a handler that logs it.
fn told() -> Step {
    let part = |name: &str| Part::Expr(expr(Source::Event(vec![Segment::Key(name.into())])));
    let parts = ["type", "source", "error_type"].map(part);
    let [kind, source, error] = parts;
    let blank = || Part::Text(" ".into());
    step(
        "told",
        Head::Log {
            level: "error".into(),
            message: Template::Mixed(vec![kind, blank(), source, blank(), error]),
        },
    )
}

fn said(bench: &Bench) -> Vec<&str> {
    let rows = &bench.rows().changes;
    rows.iter()
        .filter(|row| row.path == "log.error")
        .map(|row| row.value.trim_matches('"'))
        .collect()
}

#[test]
fn a_task_over_its_time_knows_that_the_system_says_so_whatever_it_was_doing() {
    for first in [act("get", 0), wait("wait", 60 * SECOND)] {
        let mut s = scenario(Spawn::AtOnce, 1, vec![first]);
        s.task_timeout = Some(SECOND);
        s.on_timeout = vec![told()];
        let mut bench = Bench::new(&one(s), |_| Reply::Hang);
        bench.go();
        assert_eq!(said(&bench), ["timeout system timeout.task"]);
    }
}

#[test]
fn a_task_over_its_time_tells_of_that_and_not_of_what_failed_before() {
    let mut bad = call(0, 0);
    bad.proceed = true;
    let mut s = scenario(
        Spawn::AtOnce,
        1,
        vec![act_as("bad", bad), wait("wait", 60 * SECOND)],
    );
    s.task_timeout = Some(SECOND);
    s.on_timeout = vec![told()];
    let mut bench = Bench::new(&one(s), |_| fail(MS));
    bench.go();
    assert_eq!(said(&bench), ["timeout system timeout.task"]);
}
