//! What leaves the engine keeps to the rates of the plan: how much over ten seconds, and when inside a tick.
mod support;

use pmplab_dsl::arrivals::Schedule;
use pmplab_dsl::plan::*;
use pmplab_dsl::random::Rng;
use pmplab_runner::engine::{Phase, Terms};
use support::*;

const LENGTH: Ns = 24 * SECOND;
const TICK: Ns = 20 * MS;
const SEED: u64 = 1;
/// What the target takes for each.
const SERVICE: Ns = 5 * MS;
/// The fake clock moves by 10 us whenever it is looked at, and the host's and the component's differ by as much.
const PROMPT: Ns = 100_000;

const fn per_s(count: u64) -> Rate {
    Rate { count, per: SECOND }
}

fn arrival(shape: Shape) -> Arrival {
    Arrival {
        shape,
        duration: Some(LENGTH),
        when_full: WhenFull::Queue,
    }
}

fn regular() -> Vec<Shape> {
    let (from, to) = (per_s(120), per_s(360));
    vec![
        Shape::Constant { rate: per_s(250) },
        Shape::Constant {
            rate: Rate {
                count: 700,
                per: 3 * SECOND,
            },
        },
        Shape::Ramp { from, to },
        Shape::Ramp { from: to, to: from },
        Shape::Stairs { from, to, steps: 5 },
        Shape::Burst {
            size: 50,
            every: 250 * MS,
        },
    ]
}

fn random() -> [Shape; 2] {
    [
        Shape::Poisson { rate: per_s(250) },
        Shape::Uniform { rate: per_s(250) },
    ]
}

fn open(shape: Shape) -> Plan {
    let mut s = scenario(Spawn::AtOnce, 200, vec![act("get", 0)]);
    s.arrival = Some(arrival(shape));
    one(s)
}

/// When each action was sent, in the run's time, and when it was due; both in order.
struct Found {
    sent: Vec<Ns>,
    due: Vec<Ns>,
}

/// A run by the loop that drives live components.
fn live(plan: &Plan) -> Found {
    let mut bench = Bench::new(plan, |_| ok(SERVICE));
    bench.go();
    found(&bench)
}

/// A run in virtual time, which goes from one instant to the next.
fn simulated(plan: &Plan, seed: u64) -> Found {
    let terms = Terms { seed, ..TERMS };
    let Bench { world, run } = Bench::on(plan, |_| ok(SERVICE), terms);
    let mut bench = Bench {
        world,
        run: run.simulated(),
    };
    while bench.run.phase() != Phase::Finished {
        bench.step();
    }
    found(&bench)
}

fn found(bench: &Bench) -> Found {
    let rows = &bench.rows().actions;
    let mut sent: Vec<Ns> = rows.iter().map(|row| row.t_end as u64 - SERVICE).collect();
    let mut due: Vec<Ns> = rows.iter().map(|row| row.t_intended as u64).collect();
    sent.sort_unstable();
    due.sort_unstable();
    Found { sent, due }
}

/// Arrivals that the shape wants by `t`, by its definition.
fn wanted(shape: &Shape, t: Ns) -> f64 {
    let (t, end) = (t as f64, LENGTH as f64);
    match *shape {
        Shape::Constant { rate } => rate.per_ns() * t,
        Shape::Ramp { from, to } => {
            let (from, to) = (from.per_ns(), to.per_ns());
            t * (from + (from + (to - from) * t / end)) / 2.0
        }
        Shape::Stairs { from, to, steps } => {
            let (from, to, span) = (from.per_ns(), to.per_ns(), end / f64::from(steps));
            let made = |step: u32| {
                let rate = from + (to - from) * f64::from(step) / f64::from(steps - 1);
                rate * (t - f64::from(step) * span).clamp(0.0, span)
            };
            (0..steps).map(made).sum()
        }
        Shape::Burst { size, every } => size as f64 / every as f64 * t,
        Shape::Poisson { .. } | Shape::Uniform { .. } => unreachable!("its seed decides"),
    }
}

fn count(times: &[Ns], from: Ns, to: Ns) -> usize {
    times.partition_point(|at| *at < to) - times.partition_point(|at| *at < from)
}

#[test]
fn over_any_ten_seconds_a_regular_shape_sends_what_it_wants_within_half_a_percent() {
    for shape in regular() {
        let found = live(&open(shape));
        // Between two bursts, so that none is cut.
        for from in (100 * MS..LENGTH - 10 * SECOND).step_by(500 * MS as usize) {
            let to = from + 10 * SECOND;
            let wanted = wanted(&shape, to) - wanted(&shape, from);
            let sent = count(&found.sent, from, to) as f64;
            assert!(
                (sent / wanted - 1.0).abs() <= 0.005,
                "{shape:?} from {from}: {sent} instead of {wanted}"
            );
        }
    }
}

#[test]
fn the_intended_time_of_every_arrival_is_the_instant_of_its_shape() {
    for shape in regular() {
        let found = live(&open(shape));
        let all = wanted(&shape, LENGTH).round();
        assert_eq!(found.due.len() as f64, all, "{shape:?}");
        for (i, due) in found.due.iter().enumerate() {
            let by = match shape {
                Shape::Burst { size, .. } => (i as u64 / size * size) as f64,
                _ => i as f64 + 1.0,
            };
            let off = (wanted(&shape, *due) - by).abs();
            assert!(off < 1e-6, "{shape:?}: arrival {i} is due at {due}");
        }
    }
}

#[test]
fn arrivals_inside_a_tick_are_spread_over_it() {
    // Twenty a tick, one in each of its milliseconds.
    let found = live(&open(Shape::Constant { rate: per_s(1000) }));
    let mut places = vec![0_u64; (TICK / MS) as usize];
    for (sent, due) in found.sent.iter().zip(&found.due) {
        assert!(sent.abs_diff(*due) < PROMPT, "{sent}, due {due}");
        places[((sent + MS / 2) % TICK / MS) as usize] += 1;
    }
    assert_eq!(places, [LENGTH / TICK; 20]);
    for shape in random() {
        let found = live(&open(shape));
        let off = found
            .sent
            .iter()
            .zip(&found.due)
            .map(|(s, d)| s.abs_diff(*d));
        assert!(off.max().unwrap() < PROMPT, "{shape:?}");
    }
}

/// What the engine draws for the first scenario.
fn schedule(shape: Shape, seed: u64) -> Vec<Ns> {
    Schedule::new(&arrival(shape), Rng::stream(seed, 0).bits()).collect()
}

#[test]
fn the_schedule_of_a_seed_is_met_to_within_one_arrival() {
    for shape in random() {
        let wanted = schedule(shape, SEED);
        let virtually = simulated(&open(shape), SEED);
        assert_eq!(virtually.due, wanted);
        assert_eq!(virtually.sent, wanted, "no time goes by between");
        let found = live(&open(shape));
        assert_eq!(found.due, wanted);
        for at in (0..LENGTH + SECOND).step_by(TICK as usize / 20) {
            let (sent, wanted) = (count(&found.sent, 0, at), count(&wanted, 0, at));
            assert!(
                sent.abs_diff(wanted) <= 1,
                "{shape:?} by {at}: {sent} of {wanted}"
            );
        }
    }
}

/// Largest distance between the distribution of a sample and that of numbers even over 0 to 1, times the root of its size.
fn kolmogorov_smirnov(mut sample: Vec<f64>) -> f64 {
    sample.sort_unstable_by(f64::total_cmp);
    let n = sample.len() as f64;
    let distances = sample.iter().zip(0_u32..).map(|(x, i)| {
        let below = f64::from(i) / n;
        (x - below).abs().max((below + 1.0 / n - x).abs())
    });
    distances.fold(0.0, f64::max) * n.sqrt()
}

/// Bounds of the statistic at 5 % and at one in ten thousand (Smirnov 1948).
const USUAL: f64 = 1.358;
const NEVER: f64 = 2.226;

#[test]
fn what_poisson_arrivals_send_passes_a_kolmogorov_smirnov_test() {
    let (shape, seeds) = (Shape::Poisson { rate: per_s(250) }, 40);
    let mean = SECOND as f64 / 250.0;
    let (mut gaps_fail, mut times_fail) = (0, 0);
    for seed in 0..seeds {
        let sent = simulated(&open(shape), seed).sent;
        let before = std::iter::once(&0).chain(&sent);
        let gaps = before.zip(&sent).map(|(a, b)| (b - a) as f64);
        let gaps = kolmogorov_smirnov(gaps.map(|gap| 1.0 - (-gap / mean).exp()).collect());
        // Of a Poisson process, given their number, the instants are even over its time.
        let times = sent.iter().map(|at| *at as f64 / LENGTH as f64);
        let times = kolmogorov_smirnov(times.collect());
        assert!(
            gaps < NEVER && times < NEVER,
            "seed {seed}: {gaps}, {times}"
        );
        gaps_fail += u32::from(gaps > USUAL);
        times_fail += u32::from(times > USUAL);
    }
    // Two of forty are to be expected; more than six come once in two hundred times.
    assert!(
        gaps_fail <= 6 && times_fail <= 6,
        "{gaps_fail}, {times_fail}"
    );
}

/// Users that would always call, as fast as a limit lets them.
fn limited(per: LimitPer, count: u64, users: u64) -> Plan {
    let mut get = call(0, 0);
    get.limits = vec![0];
    let mut s = scenario(Spawn::AtOnce, users, vec![act_as("get", get)]);
    s.task_duration = Some(LENGTH);
    let mut plan = one(s);
    plan.limits = vec![Limit {
        name: "actions.get".into(),
        per,
        rate: per_s(count),
        burst: 1,
    }];
    plan
}

#[test]
fn over_any_ten_seconds_a_limit_lets_through_its_rate_within_a_percent() {
    for (per, rate, users) in [
        (LimitPer::User, 50, 3),
        (LimitPer::User, 23, 3),
        (LimitPer::Scenario, 170, 7),
        (LimitPer::Global, 170, 7),
    ] {
        let mut bench = Bench::new(&limited(per, rate, users), |_| ok(SERVICE));
        bench.go();
        let world = bench.world.borrow();
        let holders = if per == LimitPer::User { users } else { 1 };
        for holder in 0..holders {
            let of = world.sent.iter().filter(|s| s.user % holders == holder);
            let sent: Vec<Ns> = of.map(|sent| sent.at).collect();
            for from in (0..LENGTH - 10 * SECOND).step_by(777 * MS as usize) {
                let from = sent[0] + from;
                let found = count(&sent, from, from + 10 * SECOND) as f64;
                let wanted = 10.0 * rate as f64;
                assert!(
                    (found / wanted - 1.0).abs() <= 0.01,
                    "{per:?} {rate}/s: {found} instead of {wanted}"
                );
            }
        }
    }
}
