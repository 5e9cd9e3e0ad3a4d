//! Open load, pacing, scenarios one after the other.
mod support;

use pmplab_dsl::plan::*;
use pmplab_runner::engine::Terms;
use support::*;

fn open(shape: Shape, duration: Ns, users: u64) -> Scenario {
    let mut s = scenario(Spawn::AtOnce, users, vec![act("get", 0)]);
    s.arrival = Some(Arrival {
        shape,
        duration: Some(duration),
        when_full: WhenFull::Queue,
    });
    s
}

fn constant(count: u64) -> Shape {
    Shape::Constant {
        rate: Rate { count, per: SECOND },
    }
}

#[test]
fn tasks_arrive_on_their_schedule_and_not_at_ticks() {
    let mut bench = Bench::new(&one(open(constant(300), SECOND, 100)), |_| ok(30 * MS));
    bench.go();
    let tasks = &bench.rows().tasks;
    assert_eq!(tasks.len(), 300);
    let mut planned: Vec<i64> = tasks.iter().map(|task| task.t_planned).collect();
    planned.sort_unstable();
    for (i, planned) in planned.iter().enumerate() {
        assert_eq!(*planned, ((i as i64 + 1) * 1_000_000_000 + 299) / 300);
    }
    for sent in bench.world.borrow().sent.iter() {
        let late = (sent.at - 5 * SECOND) % (SECOND / 300);
        assert!(late < 100_000, "{late}");
    }
}

#[test]
fn free_users_carry_what_arrives_and_new_ones_come_when_none_is_free() {
    let mut bench = Bench::new(&one(open(constant(100), SECOND, 50)), |_| ok(35 * MS));
    bench.go();
    let mut users: Vec<u64> = bench.rows().tasks.iter().map(|task| task.user).collect();
    users.sort_unstable();
    users.dedup();
    assert_eq!(users.len(), 4, "as many as there are tasks at a time");
    assert_eq!(bench.world.borrow().ended_users.len(), 4);
    let iterations = bench.rows().tasks.iter().map(|task| task.iteration).max();
    assert!(iterations > Some(20));
}

#[test]
fn what_finds_all_users_busy_waits_and_the_wait_is_response_time() {
    let mut bench = Bench::new(&one(open(constant(100), SECOND, 2)), |_| ok(50 * MS));
    bench.go();
    let rows = &bench.rows().actions;
    assert_eq!(rows.len(), 100, "none is lost");
    let longest = rows
        .iter()
        .map(|row| row.t_end - row.t_intended)
        .max()
        .unwrap();
    assert!(
        (1_400_000_000..1_700_000_000).contains(&longest),
        "{longest}"
    );
    assert!(
        bench
            .rows()
            .load
            .iter()
            .all(|row| row.dropped == 0 && row.online <= 2)
    );
    let order: Vec<i64> = rows.iter().map(|row| row.t_intended).collect();
    assert!(order.is_sorted(), "first come, first served");
}

#[test]
fn or_it_is_dropped_and_counted() {
    let mut s = open(constant(100), SECOND, 2);
    if let Some(arrival) = &mut s.arrival {
        arrival.when_full = WhenFull::Drop;
    }
    let mut bench = Bench::new(&one(s), |_| ok(50 * MS));
    bench.go();
    let (tasks, last) = (
        bench.rows().tasks.len() as u64,
        bench.rows().load.last().unwrap(),
    );
    assert_eq!(tasks + last.dropped, 100);
    assert!((30..=42).contains(&tasks), "{tasks}");
    let longest = bench
        .rows()
        .actions
        .iter()
        .map(|row| row.t_end - row.t_intended)
        .max()
        .unwrap();
    assert!(longest < 52_000_000);
}

#[test]
fn shards_share_a_schedule_and_a_seed() {
    let arrivals = |shard, of, shape| {
        let terms = Terms {
            shard,
            of,
            seed: 42,
            grace: SECOND,
        };
        let plan = one(open(shape, SECOND, 40));
        let mut bench = Bench::on(&plan, |_| ok(MS), terms);
        bench.go();
        let tasks = &bench.rows().tasks;
        assert!(
            tasks
                .iter()
                .all(|task| task.user % of == shard && task.task % of == shard)
        );
        tasks.iter().map(|task| task.t_planned).collect::<Vec<_>>()
    };
    let poisson = Shape::Poisson {
        rate: Rate {
            count: 200,
            per: SECOND,
        },
    };
    for shape in [constant(200), poisson] {
        let mut whole = arrivals(0, 1, shape);
        let mut parts: Vec<i64> = (0..3).flat_map(|shard| arrivals(shard, 3, shape)).collect();
        whole.sort_unstable();
        parts.sort_unstable();
        assert!(whole.len() > 150);
        assert_eq!(whole, parts);
    }
}

#[test]
fn an_open_scenario_ends_with_its_max_duration_whatever_waits() {
    let mut s = open(constant(100), 10 * SECOND, 1);
    s.max_duration = Some(SECOND);
    let mut bench = Bench::new(&one(s), |_| ok(300 * MS));
    bench.go();
    assert!(bench.run.progress()["t"].as_u64().unwrap() <= SECOND + 50 * MS);
    let (tasks, dropped) = (
        bench.rows().tasks.len() as u64,
        bench.rows().load.last().unwrap().dropped,
    );
    assert!((99..=101).contains(&(tasks + dropped)), "{tasks} {dropped}");
}

#[test]
fn who_takes_the_place_of_a_user_whose_time_is_over_carries_what_waits() {
    let mut s = open(constant(50), SECOND, 2);
    s.user_deadline = Some(300 * MS);
    let mut bench = Bench::new(&one(s), |_| ok(40 * MS));
    bench.go();
    let done = bench.exits().iter().filter(|exit| **exit == "done").count();
    assert!(bench.rows().tasks.len() == 50 && done >= 40, "{done}");
    assert!(bench.rows().tasks.iter().all(|task| task.user < 2));
}

#[test]
fn pacing_starts_a_users_tasks_so_far_apart() {
    let mut s = scenario(Spawn::AtOnce, 2, vec![act("get", 0), act("post", 1)]);
    s.iterations = Some(5);
    s.pacing = Some(100 * MS);
    let mut bench = Bench::new(&one(s), |sent| {
        // One is late, and the slots after it follow it.
        if sent.task == 2 {
            ok(90 * MS)
        } else {
            ok(10 * MS)
        }
    });
    bench.go();
    let starts = |user| -> Vec<i64> {
        let tasks = bench.rows().tasks.iter().filter(|task| task.user == user);
        tasks.map(|task| millis(task.t_planned)).collect()
    };
    let late = if starts(0).last() > starts(1).last() {
        0
    } else {
        1
    };
    assert_eq!(starts(1 - late), [0, 100, 200, 300, 400]);
    assert_eq!(starts(late), [0, 100, 280, 380, 480]);
    let first = bench.rows().actions.iter().filter(|row| row.node == 0);
    assert!(
        first
            .clone()
            .all(|row| row.t_end - row.t_intended < 91_000_000)
    );
    assert!(first.count() == 10);
}

#[test]
fn no_task_begins_when_its_slot_is_after_the_task_duration() {
    let mut s = scenario(Spawn::AtOnce, 1, vec![act("get", 0)]);
    s.task_duration = Some(250 * MS);
    s.pacing = Some(100 * MS);
    let mut bench = Bench::new(&one(s), |_| ok(10 * MS));
    bench.go();
    assert_eq!(bench.rows().tasks.len(), 3);
    assert!(
        bench.run.progress()["t"].as_u64().unwrap() < 230 * MS,
        "and nobody waits for it"
    );
}

#[test]
fn who_rests_between_tasks_can_be_stopped() {
    let mut s = scenario(Spawn::AtOnce, 5, vec![act("get", 0)]);
    s.iterations = Some(10);
    s.pacing = Some(60 * SECOND);
    let mut bench = Bench::new(&one(s), |_| ok(10 * MS));
    bench.go_for(200 * MS);
    bench.stop(false);
    bench.go();
    assert_eq!(
        bench.exits(),
        ["done"; 5],
        "no row for a task that did not begin"
    );
    assert!(bench.run.progress()["t"].as_u64().unwrap() < 300 * MS);
}

#[test]
fn scenarios_begin_at_their_time_or_after_one_another() {
    let one_of = |name: &str, start| {
        let mut s = scenario(
            Spawn::Rate {
                count: 10,
                per: SECOND,
            },
            3,
            vec![act("get", 0)],
        );
        s.name = name.into();
        s.start = start;
        s.max_duration = Some(SECOND);
        s
    };
    let scenarios = vec![
        one_of("first", Start::AtOnce),
        one_of("late", Start::At(2 * SECOND)),
        one_of("then", Start::After(0)),
        one_of("last", Start::After(2)),
    ];
    let mut bench = Bench::new(&plan(scenarios), |_| ok(50 * MS));
    bench.go();
    let planned = |scenario| -> Vec<i64> {
        let tasks = bench
            .rows()
            .tasks
            .iter()
            .filter(|task| task.scenario == scenario);
        tasks.map(|task| millis(task.t_planned)).collect()
    };
    assert_eq!(planned(0), [100, 200, 300]);
    assert_eq!(
        planned(1),
        [2100, 2200, 2300],
        "its duration counts from its own start"
    );
    assert_eq!(planned(2), [450, 550, 650]);
    assert_eq!(planned(3), [800, 900, 1000]);
    assert_eq!(bench.exits(), ["done"; 12]);
    let phases = bench.changes("scenarios.then.phase");
    assert_eq!(phases, ["\"executing\"", "\"closing.done\""]);
}

#[test]
fn a_scenario_that_waits_for_one_without_users_here_begins_at_once() {
    let mut first = scenario(Spawn::AtOnce, 1, vec![act("get", 0)]);
    first.name = "first".into();
    let mut then = scenario(Spawn::AtOnce, 4, vec![act("get", 0)]);
    then.start = Start::After(0);
    let terms = Terms {
        shard: 2,
        of: 3,
        ..TERMS
    };
    let plan = plan(vec![first, then]);
    let mut bench = Bench::on(&plan, |_| ok(MS), terms);
    bench.go();
    assert_eq!(bench.rows().tasks.len(), 1);
}

#[test]
fn a_stopped_run_begins_no_other_scenario() {
    let mut first = scenario(Spawn::AtOnce, 1, vec![act("get", 0)]);
    first.name = "first".into();
    let mut then = scenario(Spawn::AtOnce, 1, vec![act("get", 0)]);
    then.start = Start::After(0);
    let mut bench = Bench::new(&plan(vec![first, then]), |_| ok(500 * MS));
    bench.go_for(100 * MS);
    bench.stop(false);
    bench.go();
    assert_eq!(bench.rows().tasks.len(), 1);
}
