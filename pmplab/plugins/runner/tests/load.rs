//! Users come when the plan says, and go when it says.
mod support;

use pmplab_dsl::plan::*;
use pmplab_runner::engine::Terms;
use support::*;

#[test]
fn users_come_at_their_planned_instant_and_not_at_ticks() {
    let spawn = Spawn::Rate {
        count: 200,
        per: SECOND,
    };
    let mut bench = Bench::new(
        &one(scenario(spawn.clone(), 1000, vec![act("get", 0)])),
        |_| ok(3 * MS),
    );
    bench.go();
    let sent = &bench.world.borrow().sent;
    assert_eq!(sent.len(), 1000);
    for (i, sent) in sent.iter().enumerate() {
        let late = sent.at - 5 * SECOND - spawn.at(i as u64).unwrap();
        assert!(late < MS / 4, "user {i} came {late} ns late");
    }
    assert_eq!(sent[999].at / SECOND, 10);
}

#[test]
fn the_intended_time_of_a_first_action_is_its_planned_arrival() {
    let spawn = Spawn::Rate {
        count: 100,
        per: SECOND,
    };
    let mut bench = Bench::new(
        &one(scenario(
            spawn.clone(),
            10,
            vec![act("get", 0), act("post", 1)],
        )),
        |_| ok(2 * MS),
    );
    bench.go();
    let rows = bench.rows();
    for user in 0..10 {
        let of: Vec<_> = rows.actions.iter().filter(|row| row.user == user).collect();
        assert_eq!(of[0].t_intended as u64, spawn.at(user).unwrap());
        assert_eq!(
            of[1].t_intended, of[0].t_end,
            "then it is the end of the predecessor"
        );
    }
}

#[test]
fn a_thousand_users_at_once_all_come() {
    let mut bench = Bench::new(
        &one(scenario(Spawn::AtOnce, 1000, vec![act("get", 0)])),
        |_| ok(50 * MS),
    );
    bench.go();
    assert_eq!(bench.rows().tasks.len(), 1000);
    assert_eq!(bench.world.borrow().ended_users.len(), 1000);
}

#[test]
fn never_more_users_than_the_scenario_allows() {
    let mut bench = Bench::new(
        &one(scenario(
            Spawn::Ramp {
                from: 0,
                to: 1000,
                over: SECOND,
            },
            30,
            vec![act("get", 0)],
        )),
        |_| ok(MS),
    );
    bench.go();
    assert_eq!(bench.rows().tasks.len(), 30);
    assert!(bench.rows().load.iter().all(|row| row.planned <= 30));
}

#[test]
fn a_downward_ramp_stops_the_newest_users() {
    let mut s = scenario(
        Spawn::Ramp {
            from: 10,
            to: 0,
            over: SECOND,
        },
        10,
        vec![act("get", 0)],
    );
    s.task_duration = Some(10 * SECOND);
    let mut bench = Bench::new(&one(s), |_| ok(5 * MS));
    bench.go();
    let mut ends = vec![0; 10];
    for row in &bench.rows().tasks {
        ends[row.user as usize] = row.t_end.max(ends[row.user as usize]);
    }
    assert!(ends.windows(2).all(|pair| pair[0] > pair[1]), "{ends:?}");
    assert!(bench.run.progress()["t"].as_u64().unwrap() < 2 * SECOND);
}

#[test]
fn users_go_round_for_their_task_duration() {
    let mut s = scenario(Spawn::AtOnce, 2, vec![act("get", 0)]);
    s.task_duration = Some(SECOND);
    let mut bench = Bench::new(&one(s), |_| ok(100 * MS));
    bench.go();
    assert_eq!(bench.rows().tasks.len(), 20);
    let last = bench.rows().tasks.iter().map(|row| row.iteration).max();
    assert_eq!(last, Some(10));
}

#[test]
fn users_go_round_so_many_times() {
    let mut s = scenario(Spawn::AtOnce, 2, vec![act("get", 0)]);
    s.iterations = Some(5);
    let mut bench = Bench::new(&one(s), |_| ok(100 * MS));
    bench.go();
    assert_eq!(bench.rows().tasks.len(), 10);
}

#[test]
fn the_load_table_balances_at_every_tick() {
    let mut s = scenario(
        Spawn::Rate {
            count: 300,
            per: SECOND,
        },
        300,
        vec![act("get", 0), act("put", 1)],
    );
    s.task_duration = Some(SECOND);
    let mut bench = Bench::new(&one(s), |sent| {
        if sent.task % 7 == 0 {
            fail(9 * MS)
        } else {
            ok(31 * MS)
        }
    });
    bench.go();
    let rows = bench.rows();
    for row in &rows.load {
        assert_eq!(row.started, row.finished + row.in_flight);
        assert!(row.running_action == row.in_flight);
        assert!(row.online + row.stop + row.offline <= 300);
    }
    let last = rows.load.last().unwrap();
    assert_eq!(
        (last.offline, last.in_flight, last.started),
        (300, 0, rows.actions.len() as u64)
    );
    let mean = rows
        .load
        .windows(2)
        .map(|pair| pair[1].t - pair[0].t)
        .sum::<i64>()
        / (rows.load.len() as i64 - 1);
    assert!(
        (mean - 20_000_000).abs() < 1_000_000,
        "a tick is 20 ms: {mean}"
    );
}

/// Planned instant, user, and how often each user acts.
fn schedule(terms: Terms) -> Vec<(i64, u64, u32)> {
    let one = |name: &str, count, users| {
        let mut s = scenario(
            Spawn::Rate { count, per: SECOND },
            users,
            vec![act("get", 0)],
        );
        s.name = name.into();
        s.iterations = Some(3);
        s
    };
    let plan = plan(vec![one("x", 70, 41), one("y", 33, 29)]);
    let mut bench = Bench::on(&plan, |_| ok(2 * MS), terms);
    bench.go();
    let rows = bench.rows();
    rows.actions
        .iter()
        .zip(&rows.tasks)
        .filter(|(_, task)| task.iteration == 1)
        .map(|(action, task)| (task.t_planned, action.user, task.scenario))
        .collect()
}

#[test]
fn the_schedules_of_two_shards_make_that_of_one() {
    let grace = SECOND;
    let mut whole = schedule(Terms { grace, ..TERMS });
    let mut halves = schedule(Terms {
        shard: 0,
        of: 2,
        seed: 1,
        grace,
    });
    let second = schedule(Terms {
        shard: 1,
        of: 2,
        seed: 1,
        grace,
    });
    assert!(halves.iter().all(|row| row.1 % 2 == 0) && second.iter().all(|row| row.1 % 2 == 1));
    halves.extend(second);
    halves.sort_unstable();
    whole.sort_unstable();
    assert_eq!(whole.len(), 70);
    assert_eq!(whole, halves);
}

#[test]
fn task_numbers_of_shards_do_not_meet() {
    let mut s = scenario(Spawn::AtOnce, 9, vec![act("get", 0)]);
    s.iterations = Some(2);
    let mut numbers = Vec::new();
    for shard in 0..3 {
        let mut bench = Bench::on(
            &one(s.clone()),
            |_| ok(MS),
            Terms {
                shard,
                of: 3,
                seed: 1,
                grace: 0,
            },
        );
        bench.go();
        numbers.extend(bench.rows().tasks.iter().map(|row| row.task));
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (0..18).collect::<Vec<_>>());
}
