//! Branches, loops, waits, gates, and branches side by side.
mod support;

use pmplab_dsl::plan::*;
use pmplab_runner::engine::Terms;
use support::*;

fn run(steps: Vec<Step>, vars: Vec<Variable>) -> Bench {
    let mut s = scenario(Spawn::AtOnce, 1, steps);
    s.vars = vars;
    Bench::new(&one(s), |_| ok(10 * MS))
}

fn whether(name: &str, cond: Expr, then: Vec<Step>, otherwise: Vec<Step>) -> Step {
    step(
        name,
        Head::If {
            cond,
            then,
            otherwise,
        },
    )
}

fn repeat(name: &str, over: Over, bind: Option<usize>, steps: Vec<Step>) -> Step {
    step(name, Head::Loop(Box::new(Loop { over, bind, steps })))
}

fn parallel(wait: Wait, branches: Vec<Vec<Step>>) -> Step {
    let branch = |(i, steps): (usize, Vec<Step>)| Branch {
        name: format!("b{i}"),
        steps,
    };
    let branches = branches.into_iter().enumerate().map(branch).collect();
    step(
        "parallel",
        Head::Parallel(Box::new(Parallel { wait, branches })),
    )
}

fn gate(cond: Expr, timeout: Option<Ns>) -> Step {
    step("gate", Head::Monitor { cond, timeout })
}

#[test]
fn a_condition_decides_between_two_lists() {
    for (flag, wanted) in [(true, [1, 3]), (false, [2, 3])] {
        let cond = is(get(0), Operator::Equal, Value::Boolean(true));
        let steps = vec![
            whether("if", cond, vec![act("yes", 1)], vec![act("no", 2)]),
            act("after", 3),
        ];
        let mut bench = run(steps, vec![plain("flag", Some(Value::Boolean(flag)))]);
        assert_eq!(bench.go().sent(), wanted);
    }
}

#[test]
fn a_condition_without_a_value_fails_its_step() {
    let cond = is(get(0), Operator::Less, Value::Integer(1));
    let steps = vec![
        whether("if", cond, vec![act("yes", 1)], vec![]),
        act("after", 2),
    ];
    let mut bench = run(steps, vec![plain("nothing", None)]);
    bench.go();
    assert!(bench.sent().is_empty());
    assert_eq!(bench.exits(), ["error_out"]);
    let issue = bench.changes("issues")[0];
    assert!(issue.contains("expression.undefined"), "{issue}");
}

#[test]
fn loops_count_go_over_items_and_hold_as_long_as_a_condition() {
    let body = || vec![act("get", 0), show("round", term(Term::Get(get(0))))];
    let rounds = |over| repeat("loop", over, Some(0), body());
    let items = "[\"a\",{\"n\":1}]";
    let small = is(get(0), Operator::Less, Value::Integer(1));
    for (over, wanted) in [
        (Over::Count(value(Value::Integer(3))), vec!["0", "1", "2"]),
        (Over::Count(value(Value::Integer(0))), vec![]),
        (
            Over::Items(value(Value::Json(items.into()))),
            vec!["a", "{\"n\":1}"],
        ),
        (
            Over::Items(value(Value::Json("{\"k\":7}".into()))),
            vec!["{\"key\":\"k\",\"value\":7}"],
        ),
        (
            Over::While {
                cond: term(Term::Const(Value::Boolean(true))),
                max: 4,
            },
            vec!["0", "1", "2", "3"],
        ),
        (
            Over::While {
                cond: small,
                max: 9,
            },
            vec!["0", "1"],
        ),
    ] {
        let first = Some(Value::Integer(-1));
        let mut bench = run(vec![rounds(over), act("after", 9)], vec![plain("i", first)]);
        bench.go();
        let shown: Vec<String> = bench
            .changes("log.info")
            .iter()
            .map(|text| serde_json::from_str(text).unwrap())
            .collect();
        assert_eq!(shown, wanted);
        assert_eq!(bench.sent().len(), wanted.len() + 1);
        let visits: Vec<u32> = bench.rows().actions.iter().map(|row| row.visit).collect();
        assert_eq!(
            visits.len() as u32,
            visits.iter().max().unwrap() + u32::from(!wanted.is_empty())
        );
    }
}

#[test]
fn loops_nest_and_a_fail_inside_goes_on_behind_its_step_when_it_only_warns() {
    let inner = repeat(
        "inner",
        Over::Count(value(Value::Integer(2))),
        None,
        vec![act("a", 0), act("b", 1)],
    );
    let outer = repeat(
        "outer",
        Over::Count(value(Value::Integer(3))),
        None,
        vec![inner],
    );
    let mut s = scenario(Spawn::AtOnce, 1, vec![outer, act("after", 2)]);
    s.severity = Severity::Warn;
    s.on_error = vec![log("failed", "failed")];
    let mut bench = Bench::new(
        &one(s),
        |sent| if sent.action == 0 { fail(MS) } else { ok(MS) },
    );
    bench.go();
    assert_eq!(bench.sent(), [0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 2]);
    assert_eq!(bench.changes("log.error").len(), 6);
    assert_eq!(bench.exits(), ["done"]);
}

#[test]
fn a_goto_leaves_the_loops_that_it_is_in() {
    let out = step("out", Head::Goto(Target::Step(2)));
    let body = vec![act("a", 0), out];
    let steps = vec![
        repeat("loop", Over::Count(value(Value::Integer(5))), None, body),
        act("skipped", 1),
        act("after", 2),
    ];
    assert_eq!(run(steps, vec![]).go().sent(), [0, 2]);
}

#[test]
fn a_cycle_that_takes_no_time_hangs_nothing() {
    let mut s = scenario(
        Spawn::AtOnce,
        1,
        vec![log("a", "a"), step("again", Head::Goto(Target::Step(0)))],
    );
    s.task_timeout = Some(200 * MS);
    let mut other = scenario(Spawn::AtOnce, 1, vec![act("get", 0)]);
    other.name = "other".into();
    other.iterations = Some(10);
    let mut bench = Bench::new(&plan(vec![s, other]), |_| ok(50 * MS));
    bench.go();
    let late = bench.rows().tasks.iter().find(|task| task.scenario == 0);
    assert_eq!(millis(late.unwrap().t_end), 200);
    assert_eq!(
        bench.exits().iter().filter(|exit| **exit == "done").count(),
        10
    );
    let rounds = bench.changes("log.error").len();
    assert!(
        (50_000..150_000).contains(&rounds),
        "as many as a tick allows: {rounds}"
    );
    assert!(bench.run.progress()["t"].as_u64().unwrap() < 550 * MS);
}

#[test]
fn a_long_loop_that_takes_no_time_takes_none() {
    let body = vec![update("u", 0, value(Value::Integer(1)))];
    let steps = vec![
        repeat("l", Over::Count(value(Value::Integer(5000))), None, body),
        act("a", 0),
    ];
    let mut bench = run(
        steps,
        vec![Variable {
            merge: Merge::Sum,
            ..plain("n", None)
        }],
    );
    bench.go();
    assert_eq!(bench.rows().actions[0].t_intended, 0);
    assert_eq!(bench.times(), [0]);
}

#[test]
fn waiting_is_no_latency_and_ends_at_its_own_time() {
    let steps = vec![
        act("a", 0),
        wait("think", 1_234_567),
        act("b", 1),
        wait("hold", 100 * MS),
        wait("again", 50 * MS),
        act("c", 2),
    ];
    let mut bench = run(steps, vec![]);
    bench.go();
    let rows = &bench.rows().actions;
    assert_eq!(rows[1].t_intended, rows[0].t_end + 1_234_567);
    assert_eq!(rows[2].t_intended, rows[1].t_end + 150_000_000);
    for row in rows {
        assert!(
            row.t_end - row.t_intended < 10_500_000,
            "no tick in between: {row:?}"
        );
    }
    let task = &bench.rows().tasks[0];
    assert_eq!(task.blocked, 151_234_567);
    assert!(
        (29_900_000..31_500_000).contains(&task.running_action),
        "{task:?}"
    );
}

#[test]
fn a_loop_of_nothing_but_waits_is_as_long_as_its_waits() {
    let body = vec![wait("w", 300_000)];
    let steps = vec![
        repeat("l", Over::Count(value(Value::Integer(1000))), None, body),
        act("a", 0),
    ];
    let mut bench = run(steps, vec![]);
    bench.go();
    assert_eq!(bench.rows().actions[0].t_intended, 300_000_000);
}

#[test]
fn waits_are_drawn_anew_from_the_seed() {
    let think = step(
        "think",
        Head::Wait {
            time: Dist::Exponential { mean: 20 * MS },
            think: true,
        },
    );
    let intended = |seed: u64| {
        let mut s = scenario(Spawn::AtOnce, 3, vec![think.clone(), act("a", 0)]);
        s.iterations = Some(5);
        let terms = Terms { seed, ..TERMS };
        let provider = FakeProvider::new(1, None);
        let mut bench = Bench::with(&one(s), |_| ok(MS), provider, terms, Rows::default());
        bench.go();
        let rows = &bench.rows().actions;
        let mut times: Vec<_> = rows.iter().map(|row| (row.user, row.t_intended)).collect();
        times.sort_unstable();
        times
    };
    assert_eq!(intended(7), intended(7));
    assert_ne!(intended(7), intended(8));
}

#[test]
fn a_gate_that_is_shut_fails_its_step_and_one_that_is_open_is_passed() {
    for (limit, sent, exit) in [(2, vec![0, 1], "done"), (1, vec![0], "error_out")] {
        let success = Source::Workbook("telemetry.counters.success".into());
        let cond = is(success, Operator::Less, Value::Integer(limit));
        let mut bench = run(vec![act("a", 0), gate(cond, None), act("b", 1)], vec![]);
        bench.go();
        assert_eq!(bench.sent(), sent);
        assert_eq!(bench.exits(), [exit]);
    }
}

#[test]
fn a_gate_with_a_timeout_is_looked_at_every_tick() {
    let opens = || {
        let success = Source::Workbook("telemetry.counters.success".into());
        is(success, Operator::GreaterOrEqual, Value::Integer(1))
    };
    let gated = || vec![gate(opens(), Some(SECOND)), act("late", 1)];
    let first = is(
        Source::Env("user_id".into()),
        Operator::Equal,
        Value::Integer(0),
    );
    let steps = vec![whether("if", first, gated(), vec![act("get", 0)])];
    let s = scenario(Spawn::AtOnce, 2, steps);
    let mut bench = Bench::new(&one(s), |_| ok(105 * MS));
    bench.go();
    assert_eq!(bench.sent(), [0, 1]);
    assert_eq!(bench.times()[1], 120, "at the tick after");
    assert_eq!(bench.rows().actions[1].t_intended / 1_000_000, 120);

    let mut bench = Bench::new(&one(scenario(Spawn::AtOnce, 1, gated())), |_| ok(MS));
    bench.go();
    assert!(bench.sent().is_empty());
    assert_eq!(bench.exits(), ["error_out"]);
    let blocked = bench.rows().tasks[0].blocked;
    assert!(
        (1_000_000_000..1_021_000_000).contains(&blocked),
        "{blocked}"
    );
}

#[test]
fn branches_run_side_by_side_and_all_are_waited_for() {
    let steps = vec![
        parallel(
            Wait::All,
            vec![vec![act("a", 0), act("b", 1)], vec![act("c", 2)], vec![]],
        ),
        act("after", 3),
    ];
    let mut bench = run(steps, vec![]);
    bench.go();
    assert_eq!(bench.sent(), [0, 2, 1, 3]);
    let rows = &bench.rows().actions;
    assert_eq!((rows[0].t_intended, rows[1].t_intended), (0, 0));
    assert_eq!(
        rows[3].t_intended, rows[2].t_end,
        "due when the last branch was done"
    );
    assert_eq!(bench.exits(), ["done"]);
}

#[test]
fn the_first_branch_is_enough_where_any_is_and_the_others_are_cancelled() {
    for (wait, wanted, cancelled) in [(Wait::Any, 10, 2), (Wait::Count(2), 20, 1)] {
        let branches = (0..3).map(|i| vec![act(&format!("b{i}"), i)]).collect();
        let mut s = scenario(
            Spawn::AtOnce,
            1,
            vec![parallel(wait, branches), act("after", 3)],
        );
        s.task_timeout = Some(SECOND);
        let mut bench = Bench::new(&one(s), |sent| match sent.action {
            2 => Reply::Hang,
            n => ok(10 * MS * (u64::from(n % 3) + 1)),
        });
        bench.go();
        assert_eq!(bench.world.borrow().cancelled.len(), cancelled);
        let errors = bench.errors();
        let found = errors
            .iter()
            .filter(|kind| **kind == "cancelled.branch")
            .count();
        assert_eq!(found, cancelled, "{errors:?}");
        let progress = bench.run.progress();
        let counted = |key: &str| progress["scenarios"][0][key].as_u64();
        assert_eq!(counted("cancelled"), u64::try_from(cancelled).ok());
        assert_eq!(counted("fail"), Some(0));
        let after = bench
            .rows()
            .actions
            .iter()
            .find(|row| row.node == 4)
            .unwrap();
        assert_eq!(after.t_intended / 1_000_000, wanted);
        assert_eq!(bench.exits(), ["done"]);
    }
}

#[test]
fn a_cancelled_branch_that_says_nothing_delays_the_end_of_its_task_only() {
    let branches = vec![vec![act("a", 0)], vec![act("b", 1)]];
    let mut bench = Bench::new(
        &one(scenario(
            Spawn::AtOnce,
            1,
            vec![parallel(Wait::Any, branches), act("c", 2)],
        )),
        |sent| {
            if sent.action == 1 {
                Reply::Deaf
            } else {
                ok(MS)
            }
        },
    );
    bench.go();
    assert_eq!(bench.sent(), [0, 1, 2]);
    assert_eq!(bench.times()[2], 1);
    assert!((1..2).contains(&(bench.rows().tasks[0].t_end / 1_000_000_000)));
}

#[test]
fn a_branch_that_fails_fails_its_step() {
    let branches = vec![vec![act("a", 0)], vec![act("b", 1), act("never", 2)]];
    let mut s = scenario(
        Spawn::AtOnce,
        1,
        vec![parallel(Wait::All, branches), act("after", 3)],
    );
    s.on_error = vec![act("repair", 4), leave("out", Exit::Closing)];
    let mut bench = Bench::new(&one(s), |sent| match sent.action {
        0 => fail(5 * MS),
        1 => Reply::Hang,
        _ => ok(MS),
    });
    bench.go();
    assert_eq!(bench.sent(), [0, 1, 4]);
    assert_eq!(bench.errors()[0], "protocol.http.5xx");
    assert!(bench.errors().contains(&"cancelled.branch"));
    assert_eq!(bench.exits(), ["done"]);
}

#[test]
fn a_branch_may_mend_its_own_fail() {
    let mut a = call(0, 0);
    a.on_error = Some(vec![act("repair", 5)]);
    a.proceed = true;
    let branches = vec![vec![act_as("a", a), act("then", 1)], vec![act("b", 2)]];
    let mut s = scenario(
        Spawn::AtOnce,
        1,
        vec![parallel(Wait::All, branches), act("after", 3)],
    );
    s.severity = Severity::Error;
    let mut bench = Bench::new(&one(s), |sent| {
        if sent.action == 0 {
            fail(MS)
        } else {
            ok(2 * MS)
        }
    });
    bench.go();
    assert_eq!(bench.sent(), [0, 2, 1, 3]);
}

#[test]
fn branches_nest_and_a_task_over_its_time_cancels_them_all() {
    let deep = parallel(Wait::All, vec![vec![act("a", 0)], vec![act("b", 1)]]);
    let steps = vec![parallel(
        Wait::All,
        vec![vec![deep], vec![act("c", 2)], vec![wait("w", 9 * SECOND)]],
    )];
    let mut s = scenario(Spawn::AtOnce, 1, steps);
    s.task_timeout = Some(SECOND);
    s.on_timeout = vec![
        log("late", "late"),
        act("never", 3),
        leave("out", Exit::TimeoutOut),
    ];
    let mut bench = Bench::new(&one(s), |_| Reply::Hang);
    bench.go();
    assert_eq!(bench.sent(), [2, 0, 1]);
    assert_eq!(bench.errors(), ["timeout.task"; 3]);
    assert_eq!(bench.changes("log.error"), ["\"late\""]);
    assert_eq!(bench.exits(), ["timeout_out"]);
}

#[test]
fn an_exit_in_a_branch_is_the_tasks() {
    let branches = vec![
        vec![act("a", 0), leave("out", Exit::ErrorOut)],
        vec![act("b", 1)],
    ];
    let mut bench = Bench::new(
        &one(scenario(
            Spawn::AtOnce,
            1,
            vec![parallel(Wait::All, branches), act("c", 2)],
        )),
        |sent| {
            if sent.action == 1 {
                Reply::Hang
            } else {
                ok(MS)
            }
        },
    );
    bench.go();
    assert_eq!(bench.sent(), [0, 1]);
    assert_eq!(bench.exits(), ["error_out"]);
}

#[test]
fn branches_wait_for_one_lease_together() {
    let branches = vec![vec![act("a", 0)], vec![act("b", 1)]];
    let mut s = scenario(Spawn::AtOnce, 3, vec![parallel(Wait::All, branches)]);
    s.inherit = vec![PAIRS];
    let provider = FakeProvider::new(1, None);
    let mut bench = Bench::pooled(&one(s), |_| ok(50 * MS), provider);
    bench.go();
    assert_eq!(bench.sent().len(), 6);
    let waited: Vec<i64> = bench
        .rows()
        .tasks
        .iter()
        .map(|task| task.waiting_resource / 1_000_000)
        .collect();
    assert_eq!(waited, [0, 50, 100]);
}

#[test]
fn a_stop_ends_branches_and_sleepers() {
    let branches = vec![vec![act("a", 0)], vec![wait("w", 60 * SECOND), act("b", 1)]];
    let mut s = scenario(
        Spawn::AtOnce,
        10,
        vec![parallel(Wait::All, branches), act("c", 2)],
    );
    s.task_duration = Some(60 * SECOND);
    let mut bench = Bench::new(&one(s), |_| ok(200 * MS));
    bench.go_for(100 * MS);
    bench.stop(false);
    bench.go();
    assert!(bench.run.progress()["t"].as_u64().unwrap() < 300 * MS);
    assert_eq!(bench.exits(), ["stopped"; 10]);
    assert!(bench.errors().iter().all(|kind| kind.is_empty()));
}
