//! The script's own rate limits.
mod support;

use pmplab_dsl::plan::*;
use pmplab_runner::engine::Terms;
use support::*;

fn limit(per: LimitPer, count: u64, burst: u64) -> Limit {
    Limit {
        name: "actions.get".into(),
        per,
        rate: Rate { count, per: SECOND },
        burst,
    }
}

fn limited(limits: Vec<Limit>, users: u64, iterations: u64) -> Plan {
    let mut get = call(0, 0);
    get.limits = (0..limits.len()).collect();
    let mut s = scenario(Spawn::AtOnce, users, vec![act_as("get", get)]);
    s.iterations = Some(iterations);
    let mut plan = one(s);
    plan.limits = limits;
    plan
}

/// Calls a second, from the first slot to the last.
fn rate(bench: &Bench, user: Option<u64>) -> f64 {
    let sent = &bench.world.borrow().sent;
    let times: Vec<Ns> = sent
        .iter()
        .filter(|sent| user.is_none_or(|user| sent.user == user))
        .map(|sent| sent.at)
        .collect();
    let (first, last) = (times.iter().min().unwrap(), times.iter().max().unwrap());
    (times.len() - 1) as f64 / ((last - first) as f64 / 1e9)
}

fn near(found: f64, wanted: f64) {
    assert!(
        (found / wanted - 1.0).abs() < 0.01,
        "{found} is not {wanted}"
    );
}

#[test]
fn each_user_keeps_its_own_rate_and_the_wait_is_no_latency() {
    let mut bench = Bench::new(&limited(vec![limit(LimitPer::User, 70, 1)], 3, 200), |_| {
        ok(2 * MS)
    });
    bench.go();
    for user in 0..3 {
        near(rate(&bench, Some(user)), 70.0);
    }
    let rows = &bench.rows().actions;
    assert!(
        rows.iter()
            .all(|row| row.t_end - row.t_intended < 2_500_000)
    );
    let waits = rows.iter().filter(|row| row.throttle_wait > 0).count();
    assert_eq!(waits, 597, "all but the first of each");
    let row = &rows[300];
    assert!(
        (11_000_000..13_000_000).contains(&row.throttle_wait),
        "{}",
        row.throttle_wait
    );
    assert!(bench.rows().load.iter().any(|row| row.throttled > 0));
    assert!(
        bench
            .rows()
            .tasks
            .iter()
            .skip(3)
            .all(|task| task.throttled > 0)
    );
}

#[test]
fn users_of_a_scenario_share_its_limit_in_their_order() {
    let mut bench = Bench::new(
        &limited(vec![limit(LimitPer::Scenario, 333, 1)], 10, 100),
        |_| ok(MS),
    );
    bench.go();
    near(rate(&bench, None), 333.0);
    let each: Vec<usize> = (0..10)
        .map(|user| {
            bench
                .world
                .borrow()
                .sent
                .iter()
                .filter(|sent| sent.user == user)
                .count()
        })
        .collect();
    assert_eq!(each, [100; 10]);
}

#[test]
fn several_limits_hold_at_once() {
    let limits = vec![
        limit(LimitPer::Global, 500, 1),
        limit(LimitPer::User, 20, 1),
    ];
    let mut bench = Bench::new(&limited(limits.clone(), 10, 40), |_| ok(MS));
    bench.go();
    near(rate(&bench, Some(3)), 20.0);
    let mut bench = Bench::new(&limited(limits, 50, 20), |_| ok(MS));
    bench.go();
    near(rate(&bench, None), 500.0);
}

#[test]
fn a_shard_has_its_part_of_a_global_limit() {
    let terms = Terms {
        shard: 1,
        of: 4,
        ..TERMS
    };
    let plan = limited(vec![limit(LimitPer::Global, 400, 1)], 40, 30);
    let mut bench = Bench::on(&plan, |_| ok(MS), terms);
    bench.go();
    near(rate(&bench, None), 100.0);
}

#[test]
fn a_burst_goes_at_once() {
    let mut bench = Bench::new(
        &limited(vec![limit(LimitPer::Scenario, 10, 5)], 7, 1),
        |_| ok(MS),
    );
    bench.go();
    let times = bench.times();
    assert_eq!(&times[..5], [0; 5]);
    assert_eq!(&times[5..], [100, 200]);
}

#[test]
fn a_limit_of_the_scenario_holds_for_all_its_calls() {
    let mut s = scenario(Spawn::AtOnce, 1, vec![act("a", 0), act("b", 1)]);
    s.iterations = Some(50);
    s.limits = vec![0];
    let mut plan = one(s);
    plan.limits = vec![limit(LimitPer::Scenario, 50, 1)];
    let mut bench = Bench::new(&plan, |_| ok(MS));
    bench.go();
    near(rate(&bench, None), 50.0);
}

#[test]
fn waiting_for_a_lease_stays_latency_under_a_limit() {
    let mut plan = limited(vec![limit(LimitPer::Scenario, 100, 1)], 3, 1);
    plan.scenarios[0].inherit = vec![PAIRS];
    let mut bench = Bench::pooled(&plan, |_| ok(95 * MS), FakeProvider::new(2, None));
    bench.go();
    let row = bench
        .rows()
        .actions
        .iter()
        .find(|row| row.user == 2)
        .unwrap();
    let lease = row.lease_wait;
    assert!((94_000_000..97_000_000).contains(&lease), "{lease}");
    assert!(row.t_end - row.t_intended >= lease + 94_000_000);
}

#[test]
fn a_task_may_run_out_of_time_while_it_is_held_back() {
    let mut plan = limited(vec![limit(LimitPer::Scenario, 1, 1)], 3, 1);
    plan.scenarios[0].task_timeout = Some(500 * MS);
    let mut bench = Bench::new(&plan, |_| ok(MS));
    bench.go();
    let mut exits = bench.exits();
    exits.sort_unstable();
    assert_eq!(exits, ["done", "timeout_out", "timeout_out"]);
}
