//! What the Workbook's entry of a task says of who has it in hand, how it stands, and what is left to it.
mod support;

use pmplab_dsl::plan::*;
use pmplab_dsl::workbook::FLAG;
use support::*;

/// Bytes that a snapshot may have, by the docs of the language.
const SNAPSHOT: usize = 2048;

fn kept(path: &str) -> Expr {
    expr(Source::Workbook(path.into()))
}

/// A call that is told what the Workbook holds while it is made.
fn telling(action: u32, component: usize, paths: &[&str]) -> Call {
    let mut call = call(action, component);
    let hole = |(at, path): (usize, &&str)| Hole {
        pointer: format!("/{at}"),
        template: Template::Whole(kept(path)),
    };
    call.holes = paths.iter().enumerate().map(hole).collect();
    call
}

fn told(bench: &Bench) -> Vec<Vec<Value>> {
    let world = bench.world.borrow();
    world.sent.iter().map(|sent| sent.params.clone()).collect()
}

#[test]
fn the_scheduler_has_a_task_in_hand_or_the_adapter_of_its_call() {
    let paths = ["execution.owner", "timeline.status"];
    let mut plan = one(scenario(
        Spawn::AtOnce,
        1,
        vec![
            show("before", kept("execution.owner")),
            act_as("get", telling(0, 0, &paths)),
            show("between", kept("execution.owner")),
            act_as("post", telling(1, 1, &paths)),
        ],
    ));
    plan.components[1].metadata = serde_json::json!({"owner": "integration"});
    let mut bench = Bench::new(&plan, |_| ok(MS));
    bench.go();
    let text = |text: &str| Value::Text(text.into());
    assert_eq!(
        told(&bench),
        [
            [text("scheduler/a-adapter"), text("running")],
            [text("scheduler/b-adapter"), text("running")]
        ]
    );
    assert_eq!(
        bench.changes("log.info"),
        ["\"scheduler\"", "\"scheduler\""]
    );
}

#[test]
fn the_owner_of_a_component_is_accountable_for_its_calls_and_its_adapter_responsible() {
    let mut plan = one(scenario(
        Spawn::AtOnce,
        1,
        vec![act_as("get", telling(0, 0, &["governance.raci"]))],
    ));
    plan.components[0].metadata = serde_json::json!({"owner": "integration"});
    let mut bench = Bench::new(&plan, |_| ok(MS));
    bench.go();
    let sent = told(&bench);
    let [Value::Json(raci)] = &sent[0][..] else {
        panic!("a map: {sent:?}")
    };
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(raci).unwrap(),
        serde_json::json!({"responsible": "scheduler/a-adapter", "accountable": "integration"})
    );
}

#[test]
fn a_deadline_is_an_instant_attempts_are_a_number_and_a_flag_is_what_was_raised() {
    let paths = ["timeline.timeout_at", "execution.retry_left", FLAG];
    let mut get = telling(0, 0, &paths);
    get.retry = Some(Retry {
        limit: 2,
        delay: MS,
        backoff: Backoff::Constant,
        factor: 2.0,
        max_delay: None,
        jitter: Jitter::None,
        retry_on: vec![],
        budget: None,
    });
    let steps = vec![
        act_as("get", get.clone()),
        update("raise", 0, value(Value::Text("overload".into()))),
        act_as("again", get),
    ];
    let mut s = scenario(Spawn::AtOnce, 1, steps);
    s.task_timeout = Some(9 * SECOND);
    s.vars = vec![Variable {
        record: Some((4, "flag".into())),
        ..plain(FLAG, Some(Value::Boolean(false)))
    }];
    let mut bench = Bench::new(&one(s), |_| ok(MS));
    bench.go();
    let at = Value::Integer(9_000_000_000);
    let left = Value::Integer(2);
    assert_eq!(
        told(&bench),
        [
            [at.clone(), left.clone(), Value::Boolean(false)],
            [at, left, Value::Text("overload".into())]
        ]
    );
}

#[test]
fn who_does_not_succeed_keeps_the_event_and_a_snapshot_that_is_cut() {
    let paths = [
        "execution.evidence.last_event",
        "execution.evidence.snapshot",
    ];
    let show_all = || -> Vec<Step> { paths.iter().map(|path| show(path, kept(path))).collect() };
    let mut get = call(0, 0);
    get.on_error = Some(show_all());
    let steps = [vec![act("first", 1)], show_all(), vec![act_as("get", get)]].concat();
    let long: &'static str = Box::leak("ö".repeat(SNAPSHOT).into_boxed_str());
    let mut bench = Bench::new(
        &one(scenario(Spawn::AtOnce, 1, steps)),
        move |sent| match sent.action {
            0 => Reply::After(MS, Event::Fail, Some(long), vec![]),
            _ => ok(MS),
        },
    );
    bench.go();
    let told: Vec<String> = bench
        .changes("log.info")
        .iter()
        .map(|text| serde_json::from_str(text).unwrap())
        .collect();
    assert_eq!(told[0], "success");
    assert!(
        told[1].contains("no value"),
        "a success has none: {}",
        told[1]
    );
    assert_eq!(told[2], "fail");
    assert!(told[3].starts_with("it was öö"), "{}", told[3]);
    assert!((SNAPSHOT - 1..=SNAPSHOT).contains(&told[3].len()));
}
