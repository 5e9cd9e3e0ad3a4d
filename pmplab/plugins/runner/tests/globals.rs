//! Variables of all users: what one scenario saves, another one reads.
mod support;

use pmplab_dsl::plan::*;
use pmplab_records::ERROR_TYPES;
use support::*;

const WRITE: u32 = 0;
const READ: u32 = 1;

fn variable(name: &str, fields: &[&str], scope: VarScope) -> Variable {
    Variable {
        name: name.into(),
        fields: fields.iter().map(|&field| field.to_owned()).collect(),
        scope,
        ..Variable::default()
    }
}

/// Scenario `a`: its call saves `token`, of which it has the fields `body` and `status`.
fn writer(scope: VarScope) -> Scenario {
    let mut login = call(WRITE, 0);
    login.outputs = vec!["body".into(), "status".into()];
    login.save = Some(save(0, 2));
    let mut a = scenario(Spawn::AtOnce, 1, vec![act_as("login", login)]);
    a.vars = vec![variable("token", &["body", "status"], scope)];
    a
}

/// Scenario `b`: its call reads `token.status`, a variable that has another place here, and fewer fields.
fn reader(scope: VarScope) -> Scenario {
    let mut get = call(READ, 0);
    get.with = serde_json::json!([null]);
    let status = Source::Var {
        var: 1,
        field: Some(0),
        path: vec![],
    };
    get.holes = vec![Hole {
        pointer: "/0".into(),
        template: Template::Whole(expr(status)),
    }];
    let mut b = scenario(Spawn::AtOnce, 2, vec![act_as("get", get)]);
    b.name = "b".into();
    b.vars = vec![
        variable("page", &["body"], VarScope::Workbook),
        variable("token", &["status"], scope),
    ];
    b
}

/// Runs both; what the calls of `b` were given, and how the others of them failed.
fn run(start: Start, written: VarScope, read: VarScope) -> (Vec<Value>, Vec<&'static str>) {
    let mut b = reader(read);
    b.start = start;
    let mut bench = Bench::new(&plan(vec![writer(written), b]), |sent| {
        let outputs = if sent.action == WRITE {
            vec![Value::Text("secret".into()), Value::Integer(204)]
        } else {
            vec![]
        };
        Reply::After(MS, pmplab_runner::ports::Event::Success, None, outputs)
    });
    bench.go();
    let world = bench.world.borrow();
    let reads = world.sent.iter().filter(|sent| sent.action == READ);
    let given = reads.flat_map(|sent| sent.params.clone()).collect();
    let rows = bench.rows().actions.iter();
    let failed = rows
        .filter_map(|row| Some(ERROR_TYPES[row.error_type? as usize]))
        .collect();
    (given, failed)
}

#[test]
fn a_value_travels_from_one_scenario_to_the_one_that_starts_after_it() {
    let (given, failed) = run(Start::After(0), VarScope::Global, VarScope::Global);
    assert_eq!(given, [Value::Integer(204), Value::Integer(204)]);
    assert!(failed.is_empty());
}

#[test]
fn who_comes_before_it_is_saved_reads_nothing() {
    let (given, failed) = run(Start::AtOnce, VarScope::Global, VarScope::Global);
    assert!(given.is_empty());
    assert_eq!(failed, ["expression.undefined"; 2]);
}

#[test]
fn nothing_else_travels() {
    use VarScope::{Global, TaskLocal, UserLocal, Workbook};
    for scope in [Workbook, TaskLocal, UserLocal] {
        for (written, read) in [(scope, scope), (scope, Global), (Global, scope)] {
            let (given, failed) = run(Start::After(0), written, read);
            assert!(given.is_empty(), "{written:?} {read:?}");
            assert_eq!(failed, ["expression.undefined"; 2]);
        }
    }
}

/// Scenario `b` has a field that begins with `token.status`, and logs it.
fn beginner(kind: ValueKind) -> Scenario {
    let status = Source::Var {
        var: 0,
        field: Some(0),
        path: vec![],
    };
    let note = Variable {
        begin: Some(Template::Whole(expr(status))),
        kind: Some(kind),
        ..plain("execution.note", Some(Value::Integer(-1)))
    };
    let mut b = scenario(Spawn::AtOnce, 1, vec![show("see", expr(get(1)))]);
    b.name = "b".into();
    b.vars = vec![variable("token", &["status"], VarScope::Global), note];
    b
}

#[test]
fn a_task_begins_with_what_was_saved_by_then_or_with_the_default() {
    for (start, kind, wanted, issues) in [
        (Start::After(0), ValueKind::Integer, "\"204\"", 0),
        (Start::AtOnce, ValueKind::Integer, "\"-1\"", 0),
        (Start::After(0), ValueKind::Text, "\"-1\"", 1),
    ] {
        let mut b = beginner(kind);
        b.start = start;
        let mut bench = Bench::new(&plan(vec![writer(VarScope::Global), b]), |_| {
            let outputs = vec![Value::Text("secret".into()), Value::Integer(204)];
            Reply::After(MS, Event::Success, None, outputs)
        });
        bench.go();
        assert_eq!(bench.changes("log.info"), [wanted]);
        assert_eq!(bench.changes("issues").len(), issues);
    }
}
