//! The Workbook as a store for the host: the values that steps write and expressions read, by path.
mod support;

use std::collections::BTreeMap;

use pmplab_dsl::plan::*;
use pmplab_runner::kv::{Fault, Holder};
use serde_json::{Value as Json, json};
use support::*;

/// A field of the Workbook.
fn field(section: usize, path: &str, name: &str, kind: ValueKind) -> Variable {
    Variable {
        record: Some((section, path.into())),
        kind: Some(kind),
        ..plain(name, None)
    }
}

/// Two users whose task writes `execution.last`, waits, and shows it; their call saves `page`, and `token` for all.
fn bench() -> Bench {
    let saving = |name: &str, action: u32, var: usize| {
        let mut get = call(action, 0);
        get.outputs = vec!["status".into()];
        get.save = Some(save(var, 1));
        act_as(name, get)
    };
    let saved = |name: &str, scope| Variable {
        name: name.into(),
        fields: vec!["status".into()],
        scope,
        ..Variable::default()
    };
    let steps = vec![
        saving("get", 0, 1),
        saving("login", 1, 2),
        update("u", 0, value(Value::Integer(3))),
        wait("w", SECOND),
        show("see", expr(get(0))),
    ];
    let mut s = scenario(Spawn::AtOnce, 2, steps);
    s.vars = vec![
        field(1, "last", "execution.last", ValueKind::Integer),
        saved("page", VarScope::Workbook),
        saved("token", VarScope::Global),
        Variable {
            record: Some((4, "flag".into())),
            ..plain("registers.flag", Some(Value::Boolean(false)))
        },
    ];
    let mut plan = one(s);
    plan.workbook.expose = vec![("state".into(), "timeline.phase".into())];
    plan.monitoring.responses = vec![Response {
        flag: Value::Text("host".into()),
        steps: vec![vec![log("answer", "the host raised it")]],
    }];
    let outputs = vec![Value::Integer(200)];
    Bench::new(&plan, move |_| {
        Reply::After(10 * MS, Event::Success, None, outputs.clone())
    })
}

fn user(number: u64) -> Holder {
    Holder::User(number)
}

fn paths(found: &BTreeMap<String, Json>) -> Vec<&str> {
    found.keys().map(String::as_str).collect()
}

#[test]
fn a_value_is_read_by_its_path_as_expressions_read_it() {
    let mut bench = bench();
    bench.go_for(500 * MS);
    let read = |of: &Holder, path: &str| bench.run.get(of, path).unwrap();
    assert_eq!(read(&user(1), "execution.last"), Some(json!(3)));
    assert_eq!(
        read(&user(1), "state"),
        Some(json!("executing.blocked")),
        "by the name that stands for it"
    );
    assert_eq!(read(&user(1), "user_id"), Some(json!("U-00001")));
    assert_eq!(read(&user(0), "page"), Some(json!({"status": 200})));
    assert_eq!(read(&user(0), "execution.current_action"), None);
    assert_eq!(
        read(&user(0), "execution.action_log"),
        None,
        "it costs more than a counter, and nothing reads it"
    );
    let main = Holder::Scenario("main".into());
    assert_eq!(read(&main, "telemetry.counters.success"), Some(json!(4)));
    assert_eq!(
        read(&Holder::Run, "global.token"),
        Some(json!({"status": 200}))
    );
    assert_eq!(read(&Holder::Run, "governance.approved"), None);
}

#[test]
fn a_section_is_scanned_in_the_order_of_its_paths() {
    let mut bench = bench();
    bench.go_for(500 * MS);
    let main = Holder::Scenario("main".into());
    let found = bench.run.scan(&main, "telemetry.counters").unwrap();
    let counters = ["cancelled", "fail", "success", "timeout"];
    assert_eq!(
        paths(&found),
        counters.map(|name| format!("telemetry.counters.{name}"))
    );
    let found = bench.run.scan(&user(0), "registers").unwrap();
    assert_eq!(found["registers.flag"], json!(false));
    let all = bench.run.scan(&user(0), "").unwrap();
    for path in ["execution.last", "page", "timeline.phase", "user_id"] {
        assert!(all.contains_key(path), "{path}");
    }
    bench
        .run
        .put(&Holder::Run, "governance.gate.b", "true")
        .unwrap();
    bench
        .run
        .put(&Holder::Run, "governance.gate.a", "1")
        .unwrap();
    let found = bench.run.scan(&Holder::Run, "governance.gate").unwrap();
    assert_eq!(paths(&found), ["governance.gate.a", "governance.gate.b"]);
    assert!(bench.run.scan(&Holder::Run, "timeline").unwrap().is_empty());
}

#[test]
fn what_is_put_is_what_the_next_step_reads_and_a_change_with_its_cause() {
    let mut bench = bench();
    bench.go_for(500 * MS);
    bench.run.put(&user(1), "execution.last", "7").unwrap();
    bench
        .run
        .put(&Holder::Run, "governance.approved", "{\"by\": \"duty\"}")
        .unwrap();
    assert_eq!(
        bench.run.get(&user(1), "execution.last"),
        Ok(Some(json!(7)))
    );
    assert_eq!(
        bench.run.get(&user(0), "execution.last"),
        Ok(Some(json!(3))),
        "each task has its own"
    );
    bench.go();
    assert_eq!(bench.changes("log.info"), ["\"3\"", "\"7\""]);
    let put: Vec<_> = bench
        .rows()
        .changes
        .iter()
        .filter(|row| row.cause == "host.put")
        .map(|row| (row.section, row.user, row.path.as_str(), row.value.as_str()))
        .collect();
    assert_eq!(
        put,
        [
            (1, Some(1), "last", "7"),
            (2, None, "approved", "{\"by\":\"duty\"}")
        ]
    );
    let end: Json = serde_json::from_str(&bench.rows().snapshot).unwrap();
    assert_eq!(end["kept"], json!({"governance.approved": {"by": "duty"}}));
}

#[test]
fn a_flag_that_the_host_raises_is_answered_before_the_task_goes_on() {
    let mut bench = bench();
    bench.go_for(500 * MS);
    bench
        .run
        .put(&user(0), "registers.flag", "\"host\"")
        .unwrap();
    bench.go();
    assert_eq!(bench.changes("log.error"), ["\"the host raised it\""]);
}

#[test]
fn what_cannot_be_is_refused_and_nothing_is_written() {
    let mut bench = bench();
    bench.go_for(500 * MS);
    let main = Holder::Scenario("main".into());
    let changes = bench.rows().changes.len();
    type Case = fn(String) -> Fault;
    let cases: [(&Holder, &str, &str, Case); 15] = [
        (&Holder::Run, "approved", "1", Fault::UnknownPath),
        (&Holder::Run, "other.approved", "1", Fault::UnknownPath),
        (&Holder::Run, "governance.a..b", "1", Fault::UnknownPath),
        (&user(0), "execution.lst", "1", Fault::UnknownPath),
        (&user(9), "execution.last", "1", Fault::UnknownHolder),
        (
            &Holder::Scenario("x".into()),
            "telemetry.a",
            "1",
            Fault::UnknownHolder,
        ),
        (&main, "telemetry.counters.fail", "1", Fault::ReadOnly),
        (&user(0), "timeline.phase", "1", Fault::ReadOnly),
        (&user(0), "page", "1", Fault::ReadOnly),
        (&Holder::Run, "global.token", "1", Fault::ReadOnly),
        (&Holder::Run, "communications.note", "1", Fault::ReadOnly),
        (&Holder::Run, "registers.risks", "1", Fault::ReadOnly),
        (
            &Holder::Run,
            "timeline.scenarios.main",
            "1",
            Fault::ReadOnly,
        ),
        (&user(0), "execution.last", "\"x\"", Fault::BadValue),
        (&Holder::Run, "governance.approved", "no", Fault::BadValue),
    ];
    for (of, path, value, case) in cases {
        let fault = bench.run.put(of, path, value).unwrap_err();
        let kind = std::mem::discriminant(&case(String::new()));
        assert_eq!(std::mem::discriminant(&fault), kind, "{path}: {fault:?}");
    }
    assert_eq!(bench.rows().changes.len(), changes);
    assert!(bench.run.get(&user(0), "execution.lst").is_err());
    assert!(bench.run.scan(&main, "telmetry").is_err());
    bench.go();
    let late = bench.run.put(&Holder::Run, "governance.approved", "1");
    assert_eq!(late, Err(Fault::ReadOnly("the run is over".into())));
    assert!(bench.run.get(&main, "telemetry.counters.success").is_ok());
}

#[test]
fn the_run_keeps_a_bounded_number_of_values() {
    let mut bench = bench();
    let mut put = |path: String| bench.run.put(&Holder::Run, &path, "1");
    for i in 0..10_000 {
        put(format!("governance.n{i}")).unwrap();
    }
    assert!(matches!(put("governance.one".into()), Err(Fault::Full(_))));
    put("governance.n0".into()).unwrap();
}
