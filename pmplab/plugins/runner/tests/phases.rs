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
