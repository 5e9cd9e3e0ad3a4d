//! In which process group a call stands.
mod support;

use pmplab_dsl::plan::*;
use pmplab_records::PHASES;
use support::*;

#[test]
fn a_row_says_whether_its_call_is_work_an_answer_or_undoes_something() {
    let mut done = call(0, 0);
    done.compensate = Some(Box::new(act("undo", 3)));
    let mut failing = call(1, 0);
    failing.on_error = Some(vec![act("answer", 2), leave("back", Exit::Rollback)]);
    let steps = vec![act_as("done", done), act_as("failing", failing)];
    let mut bench = Bench::new(&one(scenario(Spawn::AtOnce, 1, steps)), |sent| {
        if sent.action == 1 { fail(MS) } else { ok(MS) }
    });
    bench.go();
    let phases: Vec<&str> = bench
        .rows()
        .actions
        .iter()
        .map(|row| PHASES[row.phase as usize])
        .collect();
    assert_eq!(
        phases,
        [
            "executing.running_action",
            "executing.running_action",
            "monitoring",
            "closing.rollback"
        ]
    );
}

#[test]
fn a_branch_that_a_handler_begins_is_part_of_the_answer() {
    let branch = |name: &str, action| Branch {
        name: name.into(),
        steps: vec![act(name, action), log(&format!("said-{name}"), "answered")],
    };
    let fork = Parallel {
        wait: Wait::All,
        branches: vec![branch("one", 1), branch("two", 2)],
    };
    let mut failing = call(0, 0);
    failing.on_error = Some(vec![step("fork", Head::Parallel(Box::new(fork)))]);
    let steps = vec![act_as("failing", failing)];
    let mut bench = Bench::new(&one(scenario(Spawn::AtOnce, 1, steps)), |sent| {
        if sent.action == 0 { fail(MS) } else { ok(MS) }
    });
    bench.go();
    assert_eq!(bench.sent(), [0, 1, 2]);
    let rows = bench.rows();
    let phases = rows.actions.iter().map(|row| PHASES[row.phase as usize]);
    assert_eq!(
        phases.collect::<Vec<_>>(),
        ["executing.running_action", "monitoring", "monitoring"]
    );
    let logs = rows.changes.iter().filter(|row| row.path == "log.error");
    let causes: Vec<&str> = logs.map(|row| row.cause.as_str()).collect();
    assert_eq!(causes, ["action.fail"; 2]);
}
