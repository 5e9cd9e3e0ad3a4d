//! Compensation, registers, responses, alerts, and what the engine keeps in the Workbook.
mod support;

use pmplab_dsl::plan::*;
use pmplab_dsl::workbook::{FLAG, KEPT};
use pmplab_records::PHASES;
use pmplab_runner::engine::Terms;
use support::*;

fn undone(action: u32, undo: u32) -> Step {
    let mut call = call(action, 0);
    call.compensate = Some(Box::new(act(&format!("undo{undo}"), undo)));
    act_as(&format!("do{action}"), call)
}

fn rolling_back() -> Scenario {
    let steps = vec![undone(0, 10), act("plain", 1), undone(2, 12), undone(3, 13)];
    let mut s = scenario(Spawn::AtOnce, 1, steps);
    s.on_error = vec![leave("back", Exit::Rollback)];
    s.inherit = vec![PAIRS];
    s
}

#[test]
fn what_succeeded_is_undone_in_reverse_order() {
    let mut s = rolling_back();
    s.iterations = Some(2);
    let mut bench = Bench::new(
        &one(s),
        |sent| if sent.action == 3 { fail(MS) } else { ok(MS) },
    );
    bench.go();
    assert_eq!(bench.sent(), [0, 1, 2, 3, 12, 10, 0, 1, 2, 3, 12, 10]);
    assert_eq!(bench.exits(), ["rollback"; 2]);
    let state = PHASES[bench.rows().tasks[0].state as usize];
    assert_eq!(state, "closing.rollback");
    assert_eq!(
        bench.run.progress()["leases"]["acquired"],
        2,
        "given back with the task"
    );
}

#[test]
fn a_compensation_that_fails_does_not_keep_the_others_from_running() {
    let mut bench = Bench::new(&one(rolling_back()), |sent| match sent.action {
        3 | 12 => fail(MS),
        _ => ok(MS),
    });
    bench.go();
    assert_eq!(bench.sent(), [0, 1, 2, 3, 12, 10]);
    assert_eq!(bench.exits(), ["rollback"]);
}

#[test]
fn a_task_over_its_time_may_be_rolled_back_and_that_has_its_own_time() {
    let mut s = rolling_back();
    s.task_timeout = Some(SECOND);
    s.on_timeout = vec![leave("back", Exit::Rollback)];
    let mut bench = Bench::new(&one(s), |sent| match sent.action {
        3 => Reply::Hang,
        12 => ok(600 * MS),
        10 => Reply::Hang,
        _ => ok(MS),
    });
    bench.go();
    assert_eq!(bench.sent(), [0, 1, 2, 3, 12, 10]);
    assert_eq!(bench.errors()[3], "timeout.task");
    assert_eq!(bench.errors()[5], "timeout.task");
    assert_eq!(bench.exits(), ["rollback"]);
    assert!(bench.run.progress()["t"].as_u64().unwrap() < 2100 * MS);
}

#[test]
fn a_stop_lets_what_is_undone_be_undone_within_its_grace() {
    for (grace, wanted) in [(SECOND, 2), (50 * MS, 1)] {
        let terms = Terms { grace, ..TERMS };
        let provider = FakeProvider::new(1, None);
        let script = |sent: &Sent| match sent.action {
            3 => fail(MS),
            _ => ok(80 * MS),
        };
        let mut bench = Bench::with(
            &one(rolling_back()),
            script,
            provider,
            terms,
            Rows::default(),
        );
        bench.go_for(260 * MS);
        assert_eq!(bench.sent(), [0, 1, 2, 3, 12]);
        bench.stop(false);
        bench.go();
        let undone = bench.sent().iter().filter(|action| **action >= 10).count();
        assert_eq!(undone, wanted, "{:?}", bench.errors());
    }
}

#[test]
fn each_error_exit_is_an_issue_in_the_register() {
    let mut bench = Bench::new(
        &one(scenario(Spawn::AtOnce, 2, vec![act("get", 0)])),
        |sent| if sent.user == 0 { fail(MS) } else { ok(MS) },
    );
    bench.go();
    let row = bench
        .rows()
        .changes
        .iter()
        .find(|row| row.path == "issues")
        .unwrap();
    assert_eq!(
        (row.section, row.user, row.cause.as_str(), row.node),
        (4, Some(0), "task.error", Some(0))
    );
    for wanted in ["protocol.http.5xx", "error_out", "it was protocol.http.5xx"] {
        assert!(row.value.contains(wanted), "{}", row.value);
    }
    assert_eq!(bench.changes("issues").len(), 1);
}

fn flagged(flag: Value) -> (Scenario, Monitoring) {
    let steps = vec![
        act("a", 0),
        update("raise", 0, value(flag)),
        act("b", 1),
        update("again", 0, value(Value::Boolean(true))),
        act("c", 2),
    ];
    let mut s = scenario(Spawn::AtOnce, 1, steps);
    s.vars = vec![Variable {
        record: Some((4, "flag".into())),
        ..plain(FLAG, Some(Value::Boolean(false)))
    }];
    let monitoring = Monitoring {
        responses: vec![Response {
            flag: Value::Boolean(true),
            steps: vec![vec![act("respond", 7), log("logged", "responded")]],
        }],
        ..Monitoring::default()
    };
    (s, monitoring)
}

#[test]
fn a_flag_has_its_response_once_before_the_task_goes_on() {
    for (flag, wanted) in [
        (Value::Boolean(true), vec![0, 7, 1, 2]),
        (Value::Text("other".into()), vec![0, 1, 7, 2]),
    ] {
        let (s, monitoring) = flagged(flag);
        let mut plan = one(s);
        plan.monitoring = monitoring;
        let mut bench = Bench::new(&plan, |_| ok(MS));
        bench.go();
        assert_eq!(bench.sent(), wanted);
        assert_eq!(bench.changes("flag").len(), 2);
        assert_eq!(bench.changes("risks").len(), 2);
    }
}

#[test]
fn a_response_may_leave_the_task() {
    let (s, mut monitoring) = flagged(Value::Boolean(true));
    monitoring.responses[0].steps = vec![vec![leave("out", Exit::ErrorOut)]];
    let mut plan = one(s);
    plan.monitoring = monitoring;
    let mut bench = Bench::new(&plan, |_| ok(MS));
    bench.go();
    assert_eq!(bench.sent(), [0]);
    assert_eq!(bench.exits(), ["error_out"]);
}

#[test]
fn a_section_that_is_silent_is_not_written_and_the_others_are() {
    let (s, monitoring) = flagged(Value::Boolean(true));
    let mut plan = one(s);
    plan.monitoring = monitoring;
    plan.workbook.silent = vec![4];
    let mut bench = Bench::new(&plan, |_| ok(MS));
    bench.go();
    assert_eq!(bench.sent(), [0, 7, 1, 2]);
    assert!(bench.rows().changes.iter().all(|row| row.section != 4));
    assert_eq!(bench.changes("log.error"), ["\"responded\""]);
}

#[test]
fn an_alert_fires_when_it_becomes_true() {
    let fails = Source::Workbook("telemetry.counters.fail".into());
    let text = |text: &str| Part::Text(text.into());
    let alert = Alert {
        name: "fails".into(),
        when: is(fails.clone(), Operator::Greater, Value::Integer(3)),
        to: vec![Outlet::Log, Outlet::File, Outlet::Notebook],
        notify: Some("owner".into()),
        message: Template::Mixed(vec![
            Part::Expr(expr(fails)),
            text(" failed in "),
            Part::Expr(expr(Source::Env("scenario".into()))),
        ]),
    };
    let mut s = scenario(Spawn::AtOnce, 1, vec![act("get", 0)]);
    s.iterations = Some(10);
    let mut quiet = scenario(Spawn::AtOnce, 1, vec![act("get", 1)]);
    quiet.name = "quiet".into();
    quiet.iterations = Some(10);
    let mut plan = plan(vec![s, quiet]);
    plan.monitoring.alerts = vec![alert];
    let mut bench = Bench::new(&plan, |sent| {
        if sent.action == 0 {
            fail(26 * MS)
        } else {
            ok(26 * MS)
        }
    });
    bench.go();
    let told = bench.changes("alerts.fails");
    assert_eq!(told.len(), 1, "once, and only where it holds");
    assert!(
        told[0].contains("4 failed in main") && told[0].contains("\"owner\""),
        "{}",
        told[0]
    );
    let row = bench
        .rows()
        .changes
        .iter()
        .find(|row| row.path == "alerts.fails")
        .unwrap();
    assert_eq!(
        (row.section, row.t / 1_000_000, row.cause.as_str()),
        (5, 120, "system.tick")
    );
    assert_eq!(bench.changes("log.warn"), ["\"4 failed in main\""]);
    assert_eq!(bench.rows().alerts.len(), 1);
    assert_eq!(bench.run.progress()["alerts"].as_array().unwrap().len(), 1);
}

/// What scenario `main` saves for all is looked at for every scenario.
#[test]
fn an_alert_reads_what_was_saved_for_all() {
    let saved = |name: &str, fields: &[&str]| Variable {
        name: name.into(),
        fields: fields.iter().map(|&field| field.to_owned()).collect(),
        scope: VarScope::Global,
        ..Variable::default()
    };
    let mut login = call(0, 0);
    login.outputs = vec!["body".into(), "status".into()];
    login.save = Some(save(0, 2));
    let steps = vec![act_as("login", login), wait("w", 50 * MS)];
    let mut s = scenario(Spawn::AtOnce, 1, steps);
    s.vars = vec![saved("token", &["body", "status"])];
    let status = Source::Var {
        var: 1,
        field: Some(0),
        path: vec![],
    };
    let whole = Source::Var {
        var: 1,
        field: None,
        path: vec![],
    };
    let mut plan = one(s);
    plan.monitoring.vars = vec![saved("other", &["body"]), saved("token", &["status"])];
    plan.monitoring.alerts = vec![Alert {
        name: "token".into(),
        when: is(status, Operator::Equal, Value::Integer(204)),
        to: vec![Outlet::Log],
        notify: None,
        message: Template::Whole(expr(whole)),
    }];
    let mut bench = Bench::new(&plan, |_| {
        let outputs = vec![Value::Text("secret".into()), Value::Integer(204)];
        Reply::After(50 * MS, Event::Success, None, outputs)
    });
    bench.go();
    assert_eq!(bench.changes("log.warn"), [r#""{\"status\":204}""#]);
}

/// What each path that the engine keeps is after a call that failed, in the handler.
#[test]
fn every_path_that_the_engine_keeps_has_a_value() {
    let mut get = call(0, 0);
    get.on_error = Some(
        KEPT.iter()
            .map(|kept| {
                let name = kept.path;
                let text = Template::Mixed(vec![
                    Part::Text(format!("{name}=")),
                    Part::Expr(expr(Source::Workbook(name.into()))),
                ]);
                step(
                    name,
                    Head::Log {
                        level: "info".into(),
                        message: text,
                    },
                )
            })
            .collect(),
    );
    let mut s = scenario(Spawn::AtOnce, 1, vec![act("first", 1), act_as("get", get)]);
    s.inherit = vec![PAIRS];
    s.task_timeout = Some(9 * SECOND);
    let mut plan = one(s);
    plan.components[0].metadata = serde_json::json!({"owner": "integration"});
    let mut bench = Bench::new(&plan, |sent| {
        if sent.action == 0 {
            fail(20 * MS)
        } else {
            ok(10 * MS)
        }
    });
    bench.go();
    let told: Vec<String> = bench
        .changes("log.info")
        .iter()
        .map(|text| serde_json::from_str(text).unwrap())
        .collect();
    assert_eq!(told.len(), KEPT.len());
    let of = |path: &str| {
        let begin = format!("{path}=");
        told.iter()
            .find_map(|text| text.strip_prefix(&begin))
            .unwrap()
    };
    let none = ["execution.current_action"];
    for kept in KEPT {
        let found = of(kept.path);
        assert_eq!(
            found.contains("no value"),
            none.contains(&kept.path),
            "{}: {found}",
            kept.path
        );
    }
    assert_eq!(of("user_id"), "U-00000");
    assert_eq!(of("timeline.status"), "event");
    assert_eq!(of("timeline.timeout_at"), "9000000000");
    assert_eq!(
        of("timeline.transition_trace"),
        "[\"initiating\",\"planning\",\"executing.running_action\",\"monitoring\",\"executing.running_action\",\"monitoring\"]"
    );
    assert_eq!(
        of("execution.action_log"),
        "[\"a.get success\",\"a.get fail\"]"
    );
    assert_eq!(of("execution.last_action"), "a.get");
    assert_eq!(
        of("execution.evidence.snapshot"),
        "it was protocol.http.5xx"
    );
    let response: f64 = of("execution.evidence.response_ms").parse().unwrap();
    assert!((19.9..20.2).contains(&response), "{response}");
    assert_eq!(
        of("governance.scope_resources"),
        "[\"pairs/127.0.0.1:20000\"]"
    );
    assert!(of("governance.raci").contains("\"accountable\":\"integration\""));
    assert_eq!(of("telemetry.counters.fail"), "1");
    let p50: f64 = of("telemetry.latency_ms.p50").parse().unwrap();
    assert!((9.9..10.2).contains(&p50), "{p50}");
    assert_eq!(of("registers.flag"), "false");
    let messages = KEPT
        .iter()
        .position(|kept| kept.path == "communications.entries");
    assert_eq!(of("communications.entries"), messages.unwrap().to_string());
}

#[test]
fn what_the_engine_has_at_the_end_says_when_each_task_was_to_end() {
    for timeout in [None, Some(700 * MS)] {
        let mut s = scenario(Spawn::AtOnce, 2, vec![act("get", 0)]);
        s.iterations = Some(3);
        s.task_timeout = timeout;
        let mut bench = Bench::new(&one(s), |_| ok(30 * MS));
        bench.go();
        let snapshot: serde_json::Value = serde_json::from_str(&bench.rows().snapshot).unwrap();
        let entries = snapshot["entries"].as_array().unwrap();
        assert_eq!(entries.len(), 6);
        for entry in entries {
            let of = |row: &&pmplab_records::rows::TaskRow| entry["task"] == row.task;
            let row = bench.rows().tasks.iter().find(of).unwrap();
            let wanted = timeout.map(|limit| u64::try_from(row.t_start).unwrap() + limit);
            assert_eq!(entry["timeout_at"], serde_json::json!(wanted));
        }
    }
}
