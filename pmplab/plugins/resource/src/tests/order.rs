use super::{open, pairs, pool, provider};
use crate::model::{Refusal, Spec};
use crate::provider::Provider;
use std::collections::HashSet;

fn with(strategy: &str, count: usize, holders: Option<u32>) -> (Provider, u32) {
    let mut provider = provider();
    let spec = Spec {
        strategy: strategy.into(),
        holders,
        ..pool(&pairs(count))
    };
    let id = provider.open(&spec).unwrap().id;
    (provider, id)
}

/// Entries that holders get one after the other, each giving it back at once.
fn visits(strategy: &str, count: usize, holders: &[u64]) -> Vec<u32> {
    let (mut provider, id) = with(strategy, count, Some(1));
    let visit = |&holder| {
        let lease = provider.allocate(id, holder, 0).unwrap();
        provider.release(lease.id).unwrap();
        lease.entry
    };
    holders.iter().map(visit).collect()
}

#[test]
fn round_robin_goes_on_from_the_entry_given_last() {
    assert_eq!(visits("round-robin", 3, &[0; 7]), [0, 1, 2, 0, 1, 2, 0]);
}

#[test]
fn round_robin_skips_what_is_held() {
    let (mut provider, id) = with("round-robin", 3, Some(1));
    let held: Vec<_> = (0..3)
        .map(|user| provider.allocate(id, user, 0).unwrap())
        .collect();
    provider.release(held[0].id).unwrap();
    provider.release(held[2].id).unwrap();
    assert_eq!(provider.allocate(id, 9, 0).unwrap().entry, 0);
    assert_eq!(provider.allocate(id, 9, 0).unwrap().entry, 2);
    assert_eq!(provider.allocate(id, 9, 0), Err(Refusal::Exhausted));
}

#[test]
fn least_used_gives_what_had_the_fewest_leases_and_ties_by_order() {
    let (mut provider, id) = with("least-used", 3, Some(1));
    let a = provider.allocate(id, 1, 0).unwrap();
    let b = provider.allocate(id, 2, 0).unwrap();
    assert_eq!((a.entry, b.entry), (0, 1));
    provider.release(a.id).unwrap();
    assert_eq!(
        provider.allocate(id, 3, 0).unwrap().entry,
        2,
        "never used comes before used once"
    );
    assert_eq!(provider.allocate(id, 4, 0).unwrap().entry, 0);
    provider.release(b.id).unwrap();
    assert_eq!(provider.allocate(id, 5, 0).unwrap().entry, 1);
}

#[test]
fn random_is_the_same_every_time_and_reaches_every_entry() {
    let draw = || visits("random", 10, &[0; 300]);
    assert_eq!(draw(), draw());
    for entry in 0..10 {
        assert!((10..60).contains(&draw().iter().filter(|&&e| e == entry).count()));
    }
}

/// The first twenty entries that a pool of fifty gives out at random, by its name and `config`.
fn drawn(name: &str, config: &str) -> Vec<u32> {
    let mut provider = provider();
    let spec = Spec {
        name: name.into(),
        strategy: "random".into(),
        config: config.into(),
        ..pool(&pairs(50))
    };
    let id = provider.open(&spec).unwrap().id;
    (0..20)
        .map(|_| provider.allocate(id, 0, 0).unwrap().entry)
        .collect()
}

#[test]
fn random_follows_the_seed_of_the_run() {
    let run = |seed: u64| {
        let config =
            format!(r#"{{"pmplab:seed": {seed}, "pmplab:shard": {{"index": 0, "of": 1}}}}"#);
        drawn("ip-port-pool", &config)
    };
    assert_eq!(run(1), run(1));
    let all: HashSet<_> = [0, 1, 2, 3, u64::MAX - 1, u64::MAX].map(run).into();
    assert_eq!(all.len(), 6, "even close seeds give orders of their own");
}

#[test]
fn a_seed_in_the_script_outlives_the_seed_of_the_run() {
    let both = |own, run| {
        drawn(
            "ip-port-pool",
            &format!(r#"{{"seed": {own}, "pmplab:seed": {run}}}"#),
        )
    };
    assert_eq!(both(5, 1), both(5, 2));
    assert_ne!(both(5, 1), both(6, 1));
}

#[test]
fn two_pools_and_two_shards_of_a_run_do_not_draw_alike() {
    let seed = r#"{"pmplab:seed": 9}"#;
    assert_ne!(drawn("one", seed), drawn("two", seed));
    let of_shard = |index: u32| {
        let config =
            format!(r#"{{"pmplab:seed": 9, "pmplab:shard": {{"index": {index}, "of": 2}}}}"#);
        drawn("one", &config)
            .iter()
            .map(|entry| entry / 2)
            .collect::<Vec<_>>()
    };
    assert_ne!(of_shard(0), of_shard(1));
}

#[test]
fn sticky_gives_a_holder_its_entry_again() {
    assert_eq!(
        visits("sticky", 3, &[10, 11, 10, 12, 11, 10]),
        [0, 1, 0, 2, 1, 0]
    );
}

#[test]
fn sticky_gives_another_entry_when_its_own_is_held_and_stays_there() {
    let (mut provider, id) = with("sticky", 2, Some(1));
    let first = provider.allocate(id, 1, 0).unwrap();
    let second = provider.allocate(id, 1, 0).unwrap();
    assert_eq!((first.entry, second.entry), (0, 1));
    provider.release(first.id).unwrap();
    provider.release(second.id).unwrap();
    assert_eq!(provider.allocate(id, 1, 0).unwrap().entry, 1);
    assert_eq!(provider.allocate(id, 2, 0).unwrap().entry, 0);
}

#[test]
fn sticky_without_a_bound_spreads_holders_evenly() {
    let (mut provider, id) = with("sticky", 4, None);
    let entries: Vec<_> = [0, 1, 2, 3, 4, 1]
        .map(|user| provider.allocate(id, user, 0).unwrap().entry)
        .into();
    assert_eq!(entries, [0, 1, 2, 3, 0, 1]);
}

#[test]
fn an_unknown_strategy_is_answered_with_the_likely_one() {
    let problems = open(&Spec {
        strategy: "roundrobin".into(),
        ..pool(&pairs(1))
    })
    .unwrap_err();
    assert_eq!(
        (problems[0].code, problems[0].help.as_deref()),
        ("E0503", Some("did you mean `round-robin`?"))
    );
}

#[test]
fn a_guard_bounds_the_holders_of_each_entry() {
    for strategy in ["round-robin", "least-used", "random", "sticky"] {
        let (mut provider, id) = with(strategy, 2, Some(3));
        let mut given = [0; 2];
        let mut last = 0;
        for user in 0..6 {
            let lease = provider.allocate(id, user, 0).unwrap();
            given[lease.entry as usize] += 1;
            last = lease.id;
        }
        assert_eq!(given, [3, 3], "{strategy}");
        assert_eq!(provider.allocate(id, 6, 0), Err(Refusal::Exhausted));
        provider.release(last).unwrap();
        assert!(provider.allocate(id, 6, 0).is_ok());
        let (mut shared, id) = with(strategy, 2, None);
        assert!((0..100).all(|user| shared.allocate(id, user, 0).is_ok()));
    }
}

#[test]
fn shards_divide_the_entries_and_number_their_leases_apart() {
    for strategy in ["round-robin", "least-used", "random", "sticky"] {
        let (mut entries, mut ids) = (Vec::new(), Vec::new());
        for index in 0..3 {
            let config = format!(r#"{{"pmplab:shard": {{"index": {index}, "of": 3}}}}"#);
            let mut provider = provider();
            let table = provider
                .open(&Spec {
                    strategy: strategy.into(),
                    config,
                    ..pool(&pairs(100))
                })
                .unwrap();
            assert_eq!(table.keys.len(), 100);
            while let Ok(lease) = provider.allocate(table.id, 0, 0) {
                assert_eq!(u64::from(lease.entry) % 3, index);
                assert_eq!(lease.fields[1], (20_000 + lease.entry).to_string());
                entries.push(lease.entry);
                ids.push(lease.id);
            }
            assert_eq!(provider.close().len(), if index == 0 { 34 } else { 33 });
        }
        entries.sort_unstable();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(entries, (0..100).collect::<Vec<_>>(), "{strategy}");
        assert_eq!(ids.len(), 100);
    }
}
