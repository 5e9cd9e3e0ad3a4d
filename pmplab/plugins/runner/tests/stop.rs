//! Ends before the plan is through.
mod support;

use pmplab_dsl::plan::*;
use pmplab_records::{ERROR_TYPES, EXITS};
use pmplab_runner::engine::{Phase, Terms};
use support::*;

fn looping() -> Plan {
    let mut s = scenario(
        Spawn::Rate {
            count: 100,
            per: SECOND,
        },
        1000,
        vec![act("get", 0), act("post", 1)],
    );
    s.task_duration = Some(60 * SECOND);
    s.inherit = vec![PAIRS];
    one(s)
}

#[test]
fn a_drain_lets_finish_what_is_in_flight_and_begins_nothing() {
    let mut bench = Bench::new(&looping(), |_| ok(200 * MS));
    bench.go_for(SECOND);
    let sent = bench.world.borrow().sent.len();
    bench.stop(false);
    assert_eq!(bench.step().phase, Phase::Draining);
    bench.go();
    assert_eq!(bench.world.borrow().sent.len(), sent);
    assert_eq!(bench.rows().actions.len(), sent);
    assert!(bench.rows().actions.iter().all(|row| row.event == 0));
    let progress = bench.run.progress();
    assert_eq!(
        (&progress["stop_reason"], &progress["leases"]["live"]),
        (&"user".into(), &0.into())
    );
    assert!(
        bench
            .rows()
            .tasks
            .iter()
            .any(|row| EXITS[row.exit as usize] == "stopped")
    );
    assert!(bench.rows().closed);
}

#[test]
fn a_drain_ends_with_its_grace_time() {
    let terms = Terms {
        grace: 2 * SECOND,
        ..TERMS
    };
    let mut bench = Bench::on(&looping(), |_| Reply::Hang, terms);
    bench.go_for(SECOND);
    bench.stop(false);
    bench.go();
    let t = bench.run.progress()["t"].as_u64().unwrap();
    assert!((3 * SECOND..3 * SECOND + 100 * MS).contains(&t), "{t}");
    assert!(
        bench
            .rows()
            .actions
            .iter()
            .all(|row| ERROR_TYPES[row.error_type.unwrap() as usize] == "cancelled.user-stop")
    );
}

#[test]
fn a_stop_at_once_cancels_and_is_over() {
    let mut bench = Bench::new(&looping(), |sent| {
        if sent.user % 2 == 0 {
            Reply::Hang
        } else {
            Reply::Deaf
        }
    });
    bench.go_for(SECOND);
    let sent = bench.world.borrow().sent.len();
    bench.stop(true);
    assert_eq!(bench.run.phase(), Phase::Finished);
    let rows = bench.rows();
    assert_eq!(rows.actions.len(), sent);
    assert!(
        rows.actions
            .iter()
            .all(
                |row| ERROR_TYPES[row.error_type.unwrap() as usize] == "cancelled.interrupt"
                    && row.class == 2
            )
    );
    let progress = bench.run.progress();
    let counted = |key: &str| progress["scenarios"][0][key].as_u64();
    assert_eq!(counted("cancelled"), u64::try_from(sent).ok());
    assert_eq!(counted("fail"), Some(0), "the target failed in nothing");
    assert_eq!(
        (
            &progress["stop_reason"],
            &progress["leases"]["live"],
            &progress["scenarios"][0]["in_flight"]
        ),
        (&"interrupt".into(), &0.into(), &0.into())
    );
    assert_eq!(bench.world.borrow().released, [0]);
    assert!(rows.closed);
}

#[test]
fn a_drain_gives_way_to_a_stop_at_once() {
    let mut bench = Bench::new(&looping(), |_| Reply::Hang);
    bench.go_for(SECOND);
    bench.stop(false);
    bench.step();
    bench.stop(true);
    assert_eq!(bench.run.phase(), Phase::Finished);
    assert_eq!(bench.rows().load.last().unwrap().in_flight, 0);
}

#[test]
fn a_full_disk_stops_the_run_with_a_clear_sentence() {
    let rows = Rows {
        full_at: Some(SECOND),
        ..Rows::default()
    };
    let mut bench = Bench::with(
        &looping(),
        |_| ok(10 * MS),
        FakeProvider::new(1000, None),
        Terms { seed: 1, ..TERMS },
        rows,
    );
    bench.go();
    let progress = bench.run.progress();
    assert_eq!(progress["stop_reason"], "disk");
    assert!(
        progress["message"]
            .as_str()
            .unwrap()
            .contains("disk of the run folder is full")
    );
    assert!(progress["t"].as_u64().unwrap() < SECOND + 50 * MS);
    assert_eq!(progress["leases"]["live"], 0);
}

#[test]
fn every_action_that_was_sent_has_one_row() {
    let mut s = scenario(
        Spawn::Rate {
            count: 200,
            per: SECOND,
        },
        200,
        vec![act("get", 0), act("post", 1)],
    );
    s.task_duration = Some(3 * SECOND);
    s.task_timeout = Some(300 * MS);
    s.user_deadline = Some(4 * SECOND);
    let mut n = 0_u64;
    let script = move |_: &Sent| {
        n = n
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        match n >> 60 {
            0 => Reply::Hang,
            1 => fail(20 * MS),
            2 => Reply::Deaf,
            ms => ok(ms * 7 * MS),
        }
    };
    let mut bench = Bench::new(&one(s), script);
    bench.go();
    let rows = bench.rows();
    assert_eq!(rows.actions.len(), bench.world.borrow().sent.len());
    let mut keys: Vec<_> = rows
        .actions
        .iter()
        .map(|row| (row.task, row.node, row.visit, row.attempt))
        .collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), rows.actions.len());
    let attempts: u32 = rows.tasks.iter().map(|row| row.attempts).sum();
    assert_eq!(attempts as usize, rows.actions.len());
}
