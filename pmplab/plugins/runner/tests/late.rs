//! Answers that come when nobody waits for them any more.
mod support;

use pmplab_dsl::plan::*;
use pmplab_records::ERROR_TYPES;
use support::*;

/// A task that is over after a second asks for what takes longer, while another one goes on.
fn late(after: Ns) -> Bench {
    let mut s = scenario(Spawn::AtOnce, 1, vec![act("late", 0)]);
    s.task_timeout = Some(SECOND);
    let mut other = scenario(Spawn::AtOnce, 1, vec![act("other", 1)]);
    other.name = "other".into();
    let mut bench = Bench::new(&plan(vec![s, other]), move |sent| match sent.action {
        0 => Reply::Late(after),
        _ => ok(6 * SECOND),
    });
    bench.go();
    bench
}

#[test]
fn an_answer_that_comes_too_late_is_one_event_and_no_success() {
    for after in [1500 * MS, 4 * SECOND] {
        let bench = late(after);
        let rows = &bench.rows().actions;
        assert_eq!(rows.len(), 2, "one event for each, after {after}");
        let row = &rows[0];
        let kind = row.error_type.map(|at| ERROR_TYPES[at as usize]);
        assert_eq!((row.event, kind), (2, Some("timeout.task")));
        // It is waited for a second more, then given up.
        let end = after.min(2 * SECOND + 20 * MS) as i64;
        assert!(
            (end - 25_000_000..=end + 1_000_000).contains(&row.t_end),
            "{}",
            row.t_end
        );
        assert_eq!(bench.exits(), ["timeout_out", "done"]);
        let last = bench.rows().load.last().unwrap();
        assert_eq!((last.finished, last.in_flight), (1, 0));
    }
}
