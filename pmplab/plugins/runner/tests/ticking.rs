//! The control clock: how often it ticks, how late it was, and who is there at each tick.
mod support;

use pmplab_dsl::plan::*;
use support::*;

fn ticking(tick: Ns) -> Plan {
    let mut plan = one(scenario(Spawn::AtOnce, 1, vec![act("get", 0)]));
    plan.tick = tick;
    plan
}

/// Instants of the load table, in ms.
fn ticks(bench: &Bench) -> Vec<i64> {
    let rows = bench.rows().load.iter();
    rows.map(|row| row.t / 1_000_000).collect()
}

#[test]
fn it_ticks_as_often_as_the_plan_says() {
    for (tick, wanted) in [(20 * MS, 10), (5 * MS, 40), (100 * MS, 2)] {
        let mut bench = Bench::new(&ticking(tick), |_| ok(210 * MS));
        bench.go();
        let found = ticks(&bench);
        let apart = (tick / MS) as i64;
        let whole: Vec<i64> = (1..=wanted).map(|n| n * apart).collect();
        assert!(
            whole.iter().all(|at| found.contains(at)),
            "every {apart} ms: {found:?}"
        );
        assert!(
            found.len() as i64 <= 210 / apart + 2,
            "and no more often: {found:?}"
        );
    }
}

#[test]
fn how_late_a_tick_was_stands_beside_it() {
    let mut bench = Bench::new(&ticking(20 * MS), |_| ok(300 * MS));
    bench.go_for(50 * MS);
    // The host does not come back in time.
    bench.world.borrow_mut().now += 37 * MS;
    bench.go();
    let rows = &bench.rows().load;
    let late: Vec<_> = rows.iter().filter(|row| row.tick_lag > 5_000_000).collect();
    assert_eq!(late.len(), 1, "{:?}", ticks(&bench));
    let late = late[0];
    assert_eq!(
        (late.t - late.tick_lag) % 20_000_000,
        0,
        "since when it was due"
    );
    assert!(
        rows.iter().any(|row| row.tick_lag < 1_000_000),
        "the others were in time"
    );
}

#[test]
fn whoever_came_is_online_stopping_or_gone_at_every_tick() {
    let spawn = Spawn::Rate {
        count: 310,
        per: SECOND,
    };
    let mut s = scenario(spawn.clone(), 300, vec![act("get", 0), act("put", 1)]);
    s.task_duration = Some(SECOND);
    let mut bench = Bench::new(&one(s), |_| ok(31 * MS));
    bench.go_for(1200 * MS);
    bench.stop(false);
    bench.go();
    let rows = &bench.rows().load;
    for row in rows {
        let came = |by: i64| {
            let planned = (0..300).map_while(|i| spawn.at(i));
            planned.take_while(|at| (*at as i64) < by).count() as u64
        };
        // Who is due at the very instant of a tick comes after it.
        let there = row.online + row.stop + row.offline;
        assert!(
            (came(row.t)..=came(row.t + 1)).contains(&there),
            "{there} at {} ns",
            row.t
        );
    }
    assert!(rows.iter().any(|row| row.stop > 0), "some had to finish");
    assert_eq!(rows.last().unwrap().offline, 300);
}

#[test]
fn a_component_that_no_action_keeps_busy_is_looked_after_while_another_is() {
    let tended = |takes: Ns| {
        let steps = vec![act_as("held", call(1, 1)), act("call", 0)];
        let mut bench = Bench::new(&one(scenario(Spawn::AtOnce, 1, steps)), move |sent| {
            ok(if sent.slot == 0 { takes } else { MS })
        });
        bench.go();
        let slots = &bench.world.borrow().tended;
        slots.iter().filter(|slot| **slot == 1).count()
    };
    let (short, long) = (tended(MS), tended(SECOND));
    assert!(long - short >= 45, "{short}, {long}");
}
