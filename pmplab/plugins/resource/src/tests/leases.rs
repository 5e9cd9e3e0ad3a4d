use super::{pairs, pool, provider};
use crate::model::{Refusal, Spec};
use crate::provider::Provider;

const TTL: u64 = 120;
const NONE: [u64; 0] = [];

fn leased() -> (Provider, u32) {
    let mut provider = provider();
    let id = provider
        .open(&Spec {
            ttl: Some(TTL),
            ..pool(&pairs(2))
        })
        .unwrap()
        .id;
    (provider, id)
}

#[test]
fn a_lease_brings_the_fields_of_its_entry_and_its_end() {
    let (mut provider, id) = leased();
    let lease = provider.allocate(id, 42, 1000).unwrap();
    assert_eq!(lease.fields, ["127.0.0.1", "20000"]);
    assert_eq!(lease.expires, Some(1000 + TTL));
}

#[test]
fn two_pairs_serve_two_users_and_the_third_waits_for_a_release() {
    let (mut provider, id) = leased();
    let first = provider.allocate(id, 1, 0).unwrap();
    provider.allocate(id, 2, 0).unwrap();
    assert_eq!(provider.allocate(id, 3, 0), Err(Refusal::Exhausted));
    provider.release(first.id).unwrap();
    assert_eq!(provider.allocate(id, 3, 0).unwrap().entry, first.entry);
}

#[test]
fn a_lease_is_given_back_once() {
    let (mut provider, id) = leased();
    let lease = provider.allocate(id, 1, 0).unwrap().id;
    assert_eq!(provider.release(lease), Ok(()));
    assert_eq!(provider.release(lease), Err(Refusal::Expired));
    assert_eq!(
        provider.release(99),
        Err(Refusal::NotFound("lease 99".into()))
    );
}

#[test]
fn a_lease_ends_at_its_ttl_and_its_entry_is_free_again() {
    let (mut provider, id) = leased();
    let a = provider.allocate(id, 1, 0).unwrap().id;
    let b = provider.allocate(id, 2, 5).unwrap().id;
    assert_eq!(provider.expire(TTL - 1), NONE);
    assert_eq!(provider.expire(TTL), [a]);
    assert_eq!(provider.expire(TTL), NONE);
    assert_eq!(provider.release(a), Err(Refusal::Expired));
    assert!(provider.allocate(id, 3, TTL).is_ok());
    assert_eq!(provider.expire(TTL + 5), [b]);
}

#[test]
fn renewing_moves_the_end_and_cannot_bring_back_what_is_over() {
    let (mut provider, id) = leased();
    let lease = provider.allocate(id, 1, 0).unwrap().id;
    assert_eq!(provider.renew(lease, 100), Ok(Some(100 + TTL)));
    assert_eq!(provider.expire(TTL), NONE);
    assert_eq!(provider.renew(lease, 100 + TTL), Err(Refusal::Expired));
    assert_eq!(
        provider.expire(100 + TTL),
        [lease],
        "the tick still hears of it"
    );
    assert_eq!(provider.renew(lease, 100 + TTL), Err(Refusal::Expired));
    assert_eq!(
        provider.renew(77, 0),
        Err(Refusal::NotFound("lease 77".into()))
    );
}

#[test]
fn without_a_ttl_a_lease_never_ends_by_itself() {
    let mut provider = provider();
    let id = provider.open(&pool(&pairs(1))).unwrap().id;
    let lease = provider.allocate(id, 1, 0).unwrap();
    assert_eq!(
        (lease.expires, provider.renew(lease.id, 9)),
        (None, Ok(None))
    );
    assert_eq!(provider.expire(u64::MAX), NONE);
}

#[test]
fn the_end_of_the_run_names_what_was_still_live() {
    let (mut provider, id) = leased();
    let a = provider.allocate(id, 1, 0).unwrap().id;
    let b = provider.allocate(id, 2, 0).unwrap().id;
    provider.release(a).unwrap();
    assert_eq!(provider.close(), [b]);
    assert_eq!(provider.close(), NONE);
    assert_eq!(provider.expire(u64::MAX), NONE);
}

#[test]
fn a_hundred_thousand_entries_are_leased_and_given_back_quickly() {
    let rows: String = (0..100_000)
        .map(|i| format!("10.{}.{}.{},80\n", i >> 16, i >> 8 & 255, i & 255))
        .collect();
    for strategy in ["round-robin", "least-used", "random", "sticky"] {
        let mut provider = provider();
        let spec = Spec {
            strategy: strategy.into(),
            ttl: Some(TTL),
            ..pool(&rows)
        };
        let id = provider.open(&spec).unwrap().id;
        let leases: Vec<u64> = (0..100_000)
            .map(|user| provider.allocate(id, user, 0).unwrap().id)
            .collect();
        assert_eq!(provider.allocate(id, 0, 0), Err(Refusal::Exhausted));
        // With one entry free at a time a linear search would take minutes here.
        for (user, &lease) in leases.iter().enumerate() {
            provider.release(lease).unwrap();
            provider.allocate(id, user as u64, 0).unwrap();
        }
        assert_eq!(provider.expire(TTL).len(), 100_000);
    }
}
