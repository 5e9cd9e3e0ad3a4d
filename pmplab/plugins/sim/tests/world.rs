//! The model against results that were computed by hand.

use pmplab_dsl::plan::{Dist, Ns};
use pmplab_sim::model::{Model, Outage, ServerModel};
use pmplab_sim::world::{Done, Ending, START, World};

const MS: Ns = 1_000_000;
const SECOND: Ns = 1_000 * MS;

fn model(latency: Dist) -> Model {
    Model {
        seed: 7,
        latency,
        fail: 0.0,
        timeout: 0.0,
        error: "transport.reset".into(),
        server: None,
        outages: vec![],
        status: Some(200),
        received: 0,
        outputs: vec![],
        measures: vec![],
    }
}

fn server(workers: u64, queue: Option<u64>) -> Option<ServerModel> {
    Some(ServerModel {
        name: "db".into(),
        workers,
        queue,
    })
}

fn world(model: Model, timeout: Option<Ns>) -> World {
    let mut world = World::new();
    world.prepare(0, model, timeout);
    world
}

/// All that ends before `until`, each with its end since the start in ms and how it ended.
fn ends(world: &mut World, until: Ns) -> Vec<(u64, Ending)> {
    let (mut all, mut done) = (vec![], vec![]);
    while world.now() < START + until {
        world.advance(START + until, &mut done);
        all.extend(
            done.drain(..)
                .map(|d: Done| ((d.t_end - START) / MS, d.ending)),
        );
    }
    all
}

#[test]
fn time_jumps_to_the_next_completion_or_to_where_it_is_told() {
    let mut world = world(model(Dist::Constant(20 * MS)), None);
    let mut done = vec![];
    let token = world.submit(0);
    assert_eq!(world.advance(START + 5 * MS, &mut done), START + 5 * MS);
    assert!(done.is_empty());
    let second = world.submit(0);
    assert_eq!(world.advance(START + SECOND, &mut done), START + 20 * MS);
    assert_eq!(done.len(), 1);
    assert_eq!((done[0].token, done[0].t_start), (token, START));
    done.clear();
    assert_eq!(world.advance(0, &mut done), START + 20 * MS, "0 stays");
    assert!(done.is_empty());
    assert_eq!(world.advance(START + SECOND, &mut done), START + 25 * MS);
    assert_eq!(done[0].token, second);
    assert!(world.is_idle());
}

#[test]
fn two_workers_serve_in_the_order_of_arrival() {
    let served = Model {
        server: server(2, None),
        ..model(Dist::Constant(10 * MS))
    };
    let mut world = world(served, None);
    for _ in 0..5 {
        world.submit(0);
    }
    let times: Vec<u64> = ends(&mut world, SECOND).into_iter().map(|d| d.0).collect();
    assert_eq!(times, [10, 10, 20, 20, 30]);
}

#[test]
fn a_full_queue_refuses_after_a_millisecond() {
    let served = Model {
        server: server(1, Some(1)),
        ..model(Dist::Constant(10 * MS))
    };
    let mut world = world(served, None);
    for _ in 0..3 {
        world.submit(0);
    }
    let expected = [
        (1, Ending::Full),
        (10, Ending::Success),
        (20, Ending::Success),
    ];
    assert_eq!(ends(&mut world, SECOND), expected);
}

#[test]
fn servers_of_one_name_are_one_server_for_all_calls() {
    let served = Model {
        server: server(1, None),
        ..model(Dist::Constant(10 * MS))
    };
    let mut world = world(served.clone(), None);
    world.prepare(1, served, None);
    world.submit(0);
    world.submit(1);
    let times: Vec<u64> = ends(&mut world, SECOND).into_iter().map(|d| d.0).collect();
    assert_eq!(times, [10, 20]);
}

#[test]
fn who_gives_up_in_the_queue_leaves_it_and_who_is_served_keeps_its_worker() {
    let served = Model {
        server: server(1, None),
        ..model(Dist::Constant(30 * MS))
    };
    let mut world = world(served.clone(), Some(20 * MS));
    world.prepare(1, served, None);
    world.submit(0); // times out at 20 while it is served until 30
    world.submit(0); // times out at 20 in the queue
    world.submit(1); // is next at 30
    let expected = [
        (20, Ending::TimedOut),
        (20, Ending::TimedOut),
        (60, Ending::Success),
    ];
    assert_eq!(ends(&mut world, SECOND), expected);
}

#[test]
fn an_outage_refuses_what_arrives_in_it() {
    let down = Outage(10 * MS, 20 * MS, "transport.connect-refused".into());
    let silent = Outage(30 * MS, 40 * MS, "timeout".into());
    let broken = Model {
        outages: vec![down, silent],
        ..model(Dist::Constant(5 * MS))
    };
    let mut world = world(broken, Some(100 * MS));
    let mut found = vec![];
    for at in [0, 10, 19, 20, 35, 45] {
        found.extend(ends(&mut world, at * MS));
        world.submit(0);
    }
    found.extend(ends(&mut world, SECOND));
    let expected = [
        (5, Ending::Success),
        (11, Ending::Outage(0)),
        (20, Ending::Outage(0)),
        (25, Ending::Success),
        (50, Ending::Success),
        (135, Ending::TimedOut),
    ];
    assert_eq!(found, expected);
}

#[test]
fn shares_are_met_and_draws_follow_the_seed() {
    let run = |seed: u64| {
        let shared = Model {
            seed,
            fail: 0.1,
            timeout: 0.02,
            ..model(Dist::Lognormal {
                p50: 20 * MS,
                p99: 90 * MS,
            })
        };
        let mut world = world(shared, Some(SECOND));
        for _ in 0..20_000 {
            world.submit(0);
        }
        ends(&mut world, 2 * SECOND)
    };
    let found = run(1);
    assert_eq!(found, run(1));
    assert_ne!(found, run(2));
    let share = |ending| found.iter().filter(|d| d.1 == ending).count() as f64 / 20_000.0;
    assert!((share(Ending::Failed) - 0.1).abs() < 0.007);
    assert!((share(Ending::TimedOut) - 0.02).abs() < 0.004);
    let mut times: Vec<u64> = found
        .iter()
        .filter(|d| d.1 == Ending::Success)
        .map(|d| d.0)
        .collect();
    times.sort_unstable();
    let at = |q: f64| times[(times.len() as f64 * q) as usize];
    assert!((19..=21).contains(&at(0.5)), "{}", at(0.5));
    assert!((84..=97).contains(&at(0.99)), "{}", at(0.99));
}

#[test]
fn what_is_cancelled_is_told_at_once_and_a_stale_token_means_nothing() {
    let mut world = world(model(Dist::Constant(10 * MS)), None);
    let mut done = vec![];
    let token = world.submit(0);
    world.cancel(token);
    world.cancel(token);
    assert_eq!(world.advance(0, &mut done), START);
    assert_eq!(done.len(), 1);
    assert_eq!(done[0].ending, Ending::Cancelled);
    assert!(ends(&mut world, SECOND).is_empty());
}

/// M/M/1 at half load: the mean time in the system is 1 / (mu - lambda).
#[test]
fn the_queue_follows_the_formula() {
    let mean = 10 * MS;
    let served = Model {
        server: server(1, None),
        ..model(Dist::Exponential { mean })
    };
    let mut world = world(served, None);
    let mut arrivals = pmplab_dsl::random::Rng::new(3);
    let (mut done, mut total, mut count) = (vec![], 0.0, 0.0);
    let mut next = START;
    for _ in 0..200_000 {
        next += Dist::Exponential { mean: 2 * mean }.sample(&mut arrivals);
        while world.now() < next {
            world.advance(next, &mut done);
            for ended in done.drain(..) {
                total += (ended.t_end - ended.t_start) as f64;
                count += 1.0;
            }
        }
        world.submit(0);
    }
    let found = total / count / MS as f64;
    assert!((found - 20.0).abs() < 0.5, "{found} ms");
}
