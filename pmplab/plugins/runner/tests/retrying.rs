//! Another attempt, by itself or because a step asks for it.
mod support;

use pmplab_dsl::plan::*;
use support::*;

fn retry(limit: u32, delay: Ns) -> Retry {
    Retry {
        limit,
        delay,
        backoff: Backoff::Constant,
        factor: 2.0,
        max_delay: None,
        jitter: Jitter::None,
        retry_on: vec![],
        budget: None,
    }
}

fn retried(retry: Retry) -> Step {
    let mut get = call(0, 0);
    get.retry = Some(retry);
    act_as("get", get)
}

/// Fails so often, then succeeds.
fn after(times: usize) -> impl FnMut(&Sent) -> Reply {
    let mut left = times;
    move |_| {
        let failing = left > 0;
        left = left.saturating_sub(1);
        if failing { fail(5 * MS) } else { ok(5 * MS) }
    }
}

fn attempts(bench: &Bench) -> Vec<(u32, u32)> {
    let rows = &bench.rows().actions;
    rows.iter().map(|row| (row.visit, row.attempt)).collect()
}

#[test]
fn a_call_that_fails_is_tried_again_after_its_delay() {
    let mut s = scenario(
        Spawn::AtOnce,
        1,
        vec![retried(retry(3, 33 * MS)), act("post", 1)],
    );
    s.iterations = Some(1);
    let mut bench = Bench::new(&one(s), after(2));
    bench.go();
    assert_eq!(bench.sent(), [0, 0, 0, 1]);
    assert_eq!(attempts(&bench), [(1, 1), (1, 2), (1, 3), (1, 1)]);
    let rows = &bench.rows().actions;
    for pair in rows[..3].windows(2) {
        assert_eq!(
            pair[1].t_intended,
            pair[0].t_end + 33_000_000,
            "the delay is no latency"
        );
        assert!(
            pair[1].t_end - pair[1].t_intended < 5_500_000,
            "and no tick in between"
        );
    }
    assert_eq!(bench.exits(), ["done"]);
    assert_eq!(bench.rows().tasks[0].attempts, 4);
    assert_eq!(bench.rows().tasks[0].blocked, 66_000_000);
    assert_eq!(bench.changes("risks").len(), 2);
}

#[test]
fn when_the_attempts_are_used_up_the_handlers_come() {
    let mut get = call(0, 0);
    get.retry = Some(retry(2, MS));
    get.on_error = Some(vec![act("repair", 1), leave("out", Exit::Closing)]);
    let mut bench = Bench::new(
        &one(scenario(Spawn::AtOnce, 1, vec![act_as("get", get)])),
        |sent| if sent.action == 0 { fail(MS) } else { ok(MS) },
    );
    bench.go();
    assert_eq!(bench.sent(), [0, 0, 0, 1]);
    assert_eq!(bench.exits(), ["done"]);
}

#[test]
fn only_what_retry_on_names_is_tried_again() {
    for (pattern, sent) in [
        ("protocol.http.5xx", 3),
        ("transport.*", 1),
        ("fail", 3),
        ("timeout", 1),
    ] {
        let retry = Retry {
            retry_on: vec![pattern.into()],
            ..retry(2, MS)
        };
        let mut bench = Bench::new(
            &one(scenario(Spawn::AtOnce, 1, vec![retried(retry)])),
            |_| fail(MS),
        );
        bench.go();
        assert_eq!(bench.sent().len(), sent, "{pattern}");
    }
}

#[test]
fn a_budget_keeps_retries_a_share_of_first_attempts() {
    let retry = Retry {
        budget: Some(0.1),
        ..retry(5, MS)
    };
    let mut s = scenario(Spawn::AtOnce, 10, vec![retried(retry)]);
    s.iterations = Some(100);
    let mut bench = Bench::new(&one(s), |_| fail(MS));
    bench.go();
    let retries = bench
        .rows()
        .actions
        .iter()
        .filter(|row| row.attempt > 1)
        .count();
    assert!((100..=110).contains(&retries), "{retries}");
}

#[test]
fn a_step_may_ask_for_another_attempt_until_none_is_left() {
    let again = step("again", Head::Goto(Target::Retry));
    let mut get = call(0, 0);
    get.on_error = Some(vec![log("again", "again"), again.clone()]);
    let mut bench = Bench::new(
        &one(scenario(Spawn::AtOnce, 1, vec![act_as("get", get.clone())])),
        |_| fail(MS),
    );
    bench.go();
    assert_eq!(
        attempts(&bench),
        [(1, 1), (1, 2), (1, 3)],
        "two more, where nothing else is said"
    );
    assert_eq!(bench.exits(), ["error_out"]);

    // The handler's own call is not the one that is meant.
    get.on_error = Some(vec![act("repair", 1), again]);
    get.retry = Some(Retry {
        retry_on: vec!["timeout".into()],
        ..retry(1, 20 * MS)
    });
    let mut bench = Bench::new(
        &one(scenario(
            Spawn::AtOnce,
            1,
            vec![act_as("get", get), act("post", 2)],
        )),
        {
            let mut failed = false;
            move |sent| {
                if sent.action == 0 && !std::mem::replace(&mut failed, true) {
                    fail(MS)
                } else {
                    ok(MS)
                }
            }
        },
    );
    bench.go();
    assert_eq!(bench.sent(), [0, 1, 0, 2]);
    let rows = &bench.rows().actions;
    assert_eq!(rows[2].t_intended, rows[1].t_end + 20_000_000);
    assert_eq!(bench.exits(), ["done"]);
}

#[test]
fn an_if_behind_a_call_may_ask_for_another_attempt() {
    let mut get = call(0, 0);
    get.proceed = true;
    get.outputs = vec!["status".into()];
    get.save = Some(save(0, 1));
    let status = Source::Var {
        var: 0,
        field: Some(0),
        path: vec![],
    };
    let steps = vec![
        act_as("get", get),
        step(
            "if",
            Head::If {
                cond: is(status, Operator::Equal, Value::Integer(200)),
                then: vec![act("post", 1)],
                otherwise: vec![step("again", Head::Goto(Target::Retry))],
            },
        ),
    ];
    let mut s = scenario(Spawn::AtOnce, 1, steps);
    s.vars = vec![Variable {
        name: "meta".into(),
        fields: vec!["status".into()],
        ..Variable::default()
    }];
    let mut first = true;
    let mut bench = Bench::new(&one(s), move |_| {
        let status = if std::mem::take(&mut first) { 503 } else { 200 };
        Reply::After(MS, Event::Success, None, vec![Value::Integer(status)])
    });
    bench.go();
    assert_eq!(bench.sent(), [0, 0, 1]);
}

#[test]
fn retries_in_branches_are_each_its_own() {
    let branches = (0..3)
        .map(|i| Branch {
            name: format!("b{i}"),
            steps: vec![retried(retry(2, 10 * MS))],
        })
        .collect();
    let parallel = Parallel {
        wait: Wait::All,
        branches,
    };
    let mut bench = Bench::new(
        &one(scenario(
            Spawn::AtOnce,
            1,
            vec![step("p", Head::Parallel(Box::new(parallel)))],
        )),
        after(3),
    );
    bench.go_for(SECOND);
    assert_eq!(bench.sent().len(), 6);
    assert_eq!(bench.exits(), ["done"]);
}

#[test]
fn retry_left_counts_down() {
    let mut get = call(0, 0);
    get.retry = Some(retry(2, MS));
    get.holes = vec![Hole {
        pointer: "/x".into(),
        template: Template::Whole(expr_of("execution.retry_left")),
    }];
    let mut bench = Bench::new(
        &one(scenario(Spawn::AtOnce, 1, vec![act_as("get", get)])),
        |_| fail(MS),
    );
    bench.go();
    let left: Vec<Value> = bench
        .world
        .borrow()
        .sent
        .iter()
        .map(|sent| sent.params[0].clone())
        .collect();
    assert_eq!(left, [2, 1, 0].map(Value::Integer));
}

fn expr_of(path: &str) -> Expr {
    expr(Source::Workbook(path.into()))
}
