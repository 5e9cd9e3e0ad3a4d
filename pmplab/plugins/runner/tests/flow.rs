//! Steps, handlers, exits, timeouts.
mod support;

use pmplab_dsl::plan::*;
use pmplab_records::{ERROR_TYPES, EXITS, PHASES};
use pmplab_runner::ports::Event;
use support::*;

fn exits(bench: &Bench) -> Vec<(&'static str, &'static str)> {
    bench
        .rows()
        .tasks
        .iter()
        .map(|row| (EXITS[row.exit as usize], PHASES[row.state as usize]))
        .collect()
}

fn error(row: &pmplab_records::rows::ActionRow) -> &'static str {
    row.error_type
        .map_or("", |index| ERROR_TYPES[index as usize])
}

fn actions(bench: &Bench) -> Vec<u32> {
    bench
        .world
        .borrow()
        .sent
        .iter()
        .map(|sent| sent.action)
        .collect()
}

#[test]
fn the_steps_of_a_task_run_in_order_and_end_done() {
    let mut bench = Bench::new(
        &one(scenario(
            Spawn::AtOnce,
            1,
            vec![act("get", 0), act("post", 1), act("delete", 2)],
        )),
        |_| ok(MS),
    );
    bench.go();
    assert_eq!(actions(&bench), [0, 1, 2]);
    assert_eq!(exits(&bench), [("done", "closing.done")]);
    assert_eq!(bench.rows().tasks[0].attempts, 3);
}

#[test]
fn the_next_action_is_sent_in_the_step_in_which_its_predecessor_ends() {
    let steps = (0..50).map(|i| act(&format!("s{i}"), i)).collect();
    let mut bench = Bench::new(&one(scenario(Spawn::AtOnce, 1, steps)), |_| ok(100_000));
    bench.go();
    let sent = &bench.world.borrow().sent;
    assert!(sent[49].at - sent[0].at < 6 * MS, "no tick in between");
}

#[test]
fn a_fail_ends_the_task_in_error_out() {
    let mut bench = Bench::new(
        &one(scenario(
            Spawn::AtOnce,
            1,
            vec![act("get", 0), act("post", 1)],
        )),
        |_| fail(MS),
    );
    bench.go();
    assert_eq!(actions(&bench), [0]);
    assert_eq!(exits(&bench), [("error_out", "closing.error")]);
    let row = &bench.rows().actions[0];
    assert_eq!(
        (row.event, row.class, error(row)),
        (1, 0, "protocol.http.5xx")
    );
    assert!(row.message.is_some());
}

#[test]
fn handlers_run_innermost_first_and_stop_at_a_goto() {
    let mut first = call(0, 0);
    first.on_error = Some(vec![log("inner", "inner")]);
    let mut s = scenario(
        Spawn::AtOnce,
        1,
        vec![step("get", Head::Call(Box::new(first))), act("post", 1)],
    );
    s.on_error = vec![
        log("outer", "outer"),
        leave("out", Exit::Closing),
        log("never", "never"),
    ];
    let mut bench = Bench::new(&one(s), |_| fail(MS));
    bench.go();
    let logs: Vec<_> = bench
        .rows()
        .changes
        .iter()
        .filter(|row| row.path == "log.error")
        .collect();
    assert_eq!(
        logs.iter()
            .map(|row| row.value.as_str())
            .collect::<Vec<_>>(),
        ["\"inner\"", "\"outer\""]
    );
    assert!(
        logs.iter()
            .all(|row| row.cause == "action.fail" && row.section == 5)
    );
    assert_eq!(exits(&bench), [("done", "closing.done")]);
}

#[test]
fn a_handler_may_call_and_go_on_with_a_later_step() {
    let mut s = scenario(
        Spawn::AtOnce,
        1,
        vec![act("get", 0), act("post", 1), act("delete", 2)],
    );
    s.on_error = vec![act("repair", 3), step("on", Head::Goto(Target::Step(2)))];
    let mut bench = Bench::new(
        &one(s),
        |sent| if sent.action == 0 { fail(MS) } else { ok(MS) },
    );
    bench.go();
    assert_eq!(actions(&bench), [0, 3, 2]);
    assert_eq!(exits(&bench), [("done", "closing.done")]);
}

#[test]
fn a_handler_that_fails_gives_way_to_the_one_around_it() {
    let mut first = call(0, 0);
    first.on_error = Some(vec![act("repair", 1), leave("out", Exit::Closing)]);
    let mut s = scenario(
        Spawn::AtOnce,
        1,
        vec![step("get", Head::Call(Box::new(first)))],
    );
    s.on_error = vec![act("outer", 2), leave("out", Exit::Closing)];
    let mut bench = Bench::new(&one(s), |_| fail(MS));
    bench.go();
    assert_eq!(actions(&bench), [0, 1, 2]);
    assert_eq!(exits(&bench), [("error_out", "closing.error")]);
}

#[test]
fn on_error_continue_goes_on() {
    let mut first = call(0, 0);
    first.proceed = true;
    let mut bench = Bench::new(
        &one(scenario(
            Spawn::AtOnce,
            1,
            vec![step("get", Head::Call(Box::new(first))), act("post", 1)],
        )),
        |sent| if sent.action == 0 { fail(MS) } else { ok(MS) },
    );
    bench.go();
    assert_eq!(actions(&bench), [0, 1]);
    assert_eq!(exits(&bench), [("done", "closing.done")]);
}

#[test]
fn the_severity_warn_goes_on_with_the_next_step() {
    let mut s = scenario(Spawn::AtOnce, 1, vec![act("get", 0), act("post", 1)]);
    s.severity = Severity::Warn;
    s.on_error = vec![log("outer", "outer")];
    let mut bench = Bench::new(&one(s), |_| fail(MS));
    bench.go();
    assert_eq!(actions(&bench), [0, 1]);
    assert_eq!(exits(&bench), [("done", "closing.done")]);
}

#[test]
fn the_severity_fatal_stops_the_scenario() {
    let mut s = scenario(
        Spawn::Rate {
            count: 100,
            per: SECOND,
        },
        1000,
        vec![act("get", 0)],
    );
    s.severity = Severity::Fatal;
    s.task_duration = Some(60 * SECOND);
    let mut bench = Bench::new(&one(s), |sent| {
        if sent.user == 50 {
            fail(MS)
        } else {
            ok(30 * MS)
        }
    });
    bench.go();
    let progress = bench.run.progress();
    assert_eq!(progress["stop_reason"], "fatal");
    assert!(progress["t"].as_u64().unwrap() < SECOND);
    assert_eq!(
        exits(&bench)
            .iter()
            .filter(|exit| exit.0 == "error_out")
            .count(),
        1
    );
}

#[test]
fn an_action_that_times_out_leaves_by_timeout_out() {
    let script = |_: &Sent| Reply::After(500 * MS, Event::Timeout, Some("timeout.action"), vec![]);
    let mut bench = Bench::new(
        &one(scenario(
            Spawn::AtOnce,
            1,
            vec![act("get", 0), act("post", 1)],
        )),
        script,
    );
    bench.go();
    assert_eq!(exits(&bench), [("timeout_out", "closing.timeout")]);
    assert_eq!(
        (
            bench.rows().actions[0].event,
            error(&bench.rows().actions[0])
        ),
        (2, "timeout.action")
    );
}

#[test]
fn a_task_over_its_time_is_cancelled_within_a_tick() {
    let mut s = scenario(Spawn::AtOnce, 1, vec![act("get", 0), act("post", 1)]);
    s.task_timeout = Some(5 * SECOND);
    s.on_timeout = vec![log("late", "late"), act("never", 7)];
    let mut bench = Bench::new(&one(s), |sent| {
        if sent.action == 0 {
            ok(SECOND)
        } else {
            Reply::Hang
        }
    });
    bench.go();
    assert_eq!(exits(&bench), [("timeout_out", "closing.timeout")]);
    let row = &bench.rows().actions[1];
    assert_eq!((row.event, error(row)), (2, "timeout.task"));
    let late = row.t_end - 5_000_000_000;
    assert!((0..=21_000_000).contains(&late), "{late}");
    assert!(
        bench
            .rows()
            .changes
            .iter()
            .any(|row| row.path == "log.error" && row.cause == "action.timeout")
    );
}

#[test]
fn a_component_that_ignores_a_cancel_does_not_hang_the_run() {
    let mut s = scenario(Spawn::AtOnce, 3, vec![act("get", 0)]);
    s.task_timeout = Some(SECOND);
    let mut bench = Bench::new(&one(s), |_| Reply::Deaf);
    bench.go();
    assert_eq!(bench.rows().actions.len(), 3);
    assert!(bench.run.progress()["t"].as_u64().unwrap() < 3 * SECOND);
}

#[test]
fn the_users_deadline_ends_a_looping_user() {
    let mut s = scenario(Spawn::AtOnce, 1, vec![act("get", 0)]);
    s.task_duration = Some(120 * SECOND);
    s.user_deadline = Some(2 * SECOND);
    let mut bench = Bench::new(&one(s), |sent| {
        if sent.at > 6 * SECOND {
            Reply::Hang
        } else {
            ok(100 * MS)
        }
    });
    bench.go();
    let row = bench.rows().actions.last().unwrap();
    assert_eq!(error(row), "timeout.user");
    assert_eq!(
        exits(&bench).last(),
        Some(&("timeout_out", "closing.timeout"))
    );
}

#[test]
fn max_duration_ends_all_users_of_the_scenario() {
    let mut s = scenario(
        Spawn::Rate {
            count: 10,
            per: SECOND,
        },
        100,
        vec![act("get", 0)],
    );
    s.task_duration = Some(60 * SECOND);
    s.max_duration = Some(3 * SECOND);
    let mut bench = Bench::new(&one(s), |_| ok(130 * MS));
    bench.go();
    assert!(bench.run.progress()["t"].as_u64().unwrap() <= 3 * SECOND + 50 * MS);
    let cut = exits(&bench)
        .iter()
        .filter(|exit| **exit == ("timeout_out", "closing.timeout"))
        .count();
    assert!((29..=30).contains(&cut), "{cut}");
    assert_eq!(bench.world.borrow().ended_users.len(), cut, "all of them");
}

#[test]
fn saved_values_reach_later_actions_and_are_written_on_a_fail_too() {
    let mut first = call(0, 0);
    first.save = Some(save(0, 2));
    first.outputs = vec!["body".into(), "json".into()];
    first.proceed = true;
    let mut second = call(1, 0);
    second.with = json_holes(2);
    second.holes = vec![
        Hole {
            pointer: "/0".into(),
            template: Template::Mixed(vec![
                Part::Text("<".into()),
                Part::Expr(expr(Source::Var {
                    var: 0,
                    field: Some(0),
                    path: vec![],
                })),
                Part::Text(">".into()),
            ]),
        },
        Hole {
            pointer: "/1".into(),
            template: Template::Whole(expr(Source::Var {
                var: 0,
                field: Some(1),
                path: vec![Segment::Key("id".into()), Segment::Index(1)],
            })),
        },
    ];
    let mut s = scenario(
        Spawn::AtOnce,
        1,
        vec![
            step("get", Head::Call(Box::new(first))),
            step("post", Head::Call(Box::new(second))),
        ],
    );
    s.vars = vec![Variable {
        name: "asset".into(),
        fields: vec!["body".into(), "json".into()],
        ..Variable::default()
    }];
    let outputs = vec![
        Value::Text("hello".into()),
        Value::Json("{\"id\":[1,42]}".into()),
    ];
    let mut bench = Bench::new(&one(s), move |sent| {
        if sent.action == 0 {
            Reply::After(MS, Event::Fail, Some("protocol.http.4xx"), outputs.clone())
        } else {
            ok(MS)
        }
    });
    bench.go();
    assert_eq!(
        bench.world.borrow().sent[1].params,
        [Value::Text("<hello>".into()), Value::Integer(42)]
    );
}

fn json_holes(count: usize) -> serde_json::Value {
    serde_json::Value::Array(vec![serde_json::Value::Null; count])
}

#[test]
fn an_undefined_expression_fails_the_action_without_sending_it() {
    let mut first = call(0, 0);
    first.holes = vec![Hole {
        pointer: "/url".into(),
        template: Template::Whole(expr(Source::Var {
            var: 0,
            field: Some(0),
            path: vec![],
        })),
    }];
    let mut s = scenario(
        Spawn::AtOnce,
        1,
        vec![step("get", Head::Call(Box::new(first)))],
    );
    s.vars = vec![Variable {
        name: "asset".into(),
        fields: vec!["body".into()],
        ..Variable::default()
    }];
    s.task_duration = Some(SECOND);
    let mut bench = Bench::new(&one(s), |_| ok(MS));
    bench.go();
    assert!(bench.world.borrow().sent.is_empty());
    let rows = bench.rows();
    assert!(
        (45..=52).contains(&rows.actions.len()),
        "a task that takes no time is put off to the next tick: {}",
        rows.actions.len()
    );
    assert!(
        rows.actions
            .iter()
            .all(|row| (row.event, row.class, error(row)) == (1, 1, "expression.undefined"))
    );
}

#[test]
fn an_unknown_error_type_is_other() {
    let mut bench = Bench::new(
        &one(scenario(Spawn::AtOnce, 1, vec![act("get", 0)])),
        |_| Reply::After(MS, Event::Fail, Some("martian"), vec![]),
    );
    bench.go();
    assert_eq!(error(&bench.rows().actions[0]), "other");
}

#[test]
fn visits_count_the_entries_of_a_node_in_a_task() {
    let mut s = scenario(Spawn::AtOnce, 1, vec![act("get", 0)]);
    s.iterations = Some(2);
    let mut bench = Bench::new(&one(s), |_| ok(MS));
    bench.go();
    assert_eq!(
        bench
            .rows()
            .actions
            .iter()
            .map(|row| (row.task, row.visit, row.attempt))
            .collect::<Vec<_>>(),
        [(0, 1, 1), (1, 1, 1)]
    );
}

#[test]
fn two_components_in_flight_wake_each_other() {
    let other = step("b", Head::Call(Box::new(call(1, 1))));
    let mut second = scenario(Spawn::AtOnce, 1, vec![other]);
    second.name = "second".into();
    let mut first = scenario(Spawn::AtOnce, 3, vec![act("get", 0)]);
    first.iterations = Some(2);
    second.iterations = Some(40);
    let mut bench = Bench::new(&plan(vec![first, second]), |sent| {
        if sent.slot == 0 {
            ok(15 * MS)
        } else {
            ok(MS / 2)
        }
    });
    bench.go();
    assert_eq!(bench.rows().actions.len(), 46);
    let world = bench.world.borrow();
    assert!(
        world
            .blocked
            .iter()
            .any(|(slot, _, wake)| *slot == 0 && *wake == 1),
        "the busier one blocks and watches the other"
    );
    let b: Vec<_> = bench
        .rows()
        .actions
        .iter()
        .filter(|row| row.component == 1)
        .collect();
    assert!(
        b.iter().all(|row| row.t_end - row.t_intended < 600_000),
        "neither waits for the other"
    );
    assert_eq!(world.released, [0, 1]);
}

/// One user whose actions take `took` by component 1, beside a hundred that wait for component 0.
fn beside_a_crowd(took: Ns, iterations: u64) -> Bench {
    let mut crowd = scenario(Spawn::AtOnce, 100, vec![act("get", 0)]);
    crowd.iterations = Some(2);
    let other = step("b", Head::Call(Box::new(call(1, 1))));
    let mut lone = scenario(Spawn::AtOnce, 1, vec![other]);
    lone.name = "lone".into();
    lone.iterations = Some(iterations);
    let mut bench = Bench::new(&plan(vec![crowd, lone]), move |sent| {
        ok(if sent.slot == 0 { 40 * MS } else { took })
    });
    bench.go();
    bench
}

#[test]
fn a_crowd_is_not_looked_through_for_every_answer_of_another_component() {
    let bench = beside_a_crowd(MS / 2, 60);
    assert_eq!(bench.rows().actions.len(), 260);
    let world = bench.world.borrow();
    let swept = world.swept.iter().filter(|slot| **slot == 0).count();
    assert!(swept <= 45, "{swept} times for 60 answers");
}

#[test]
fn a_crowd_gets_its_turn_while_another_component_always_has_an_answer() {
    let bench = beside_a_crowd(1, 20_000);
    let rows = &bench.rows().actions;
    let last = rows.iter().rposition(|row| row.component == 0).unwrap();
    assert!(
        last < rows.len() * 9 / 10,
        "the crowd was done as row {last} of {}",
        rows.len()
    );
}
