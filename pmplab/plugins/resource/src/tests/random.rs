//! Properties, each over many cases from a seeded generator.

use super::{pairs, pool, provider};
use crate::model::{Manifest, Refusal, Spec};
use std::collections::{HashMap, VecDeque};

struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }
}

#[test]
fn no_entry_ever_has_more_holders_than_its_guard_allows_and_none_is_lost() {
    for seed in 1..=200 {
        let mut dice = Dice(seed * 0x9e37_79b9);
        let (count, limit) = (1 + dice.below(9), 1 + dice.below(3));
        let strategy = dice.pick(&["round-robin", "least-used", "random", "sticky"]);
        let holders = Some(u32::try_from(limit).unwrap());
        let mut provider = provider();
        let spec = Spec {
            strategy: strategy.into(),
            holders,
            ttl: Some(50),
            ..pool(&pairs(count))
        };
        let id = provider.open(&spec).unwrap().id;
        let mut live: HashMap<u64, (u32, u64)> = HashMap::new();
        for now in 0..400 {
            let user = dice.below(12) as u64;
            let some = live.keys().min().copied();
            match dice.below(4) {
                0 | 1 => match provider.allocate(id, user, now) {
                    Ok(lease) => assert!(live.insert(lease.id, (lease.entry, now + 50)).is_none()),
                    Err(refusal) => {
                        assert_eq!(refusal, Refusal::Exhausted);
                        assert_eq!(
                            live.len(),
                            count * limit,
                            "exhausted means that nothing was free"
                        );
                    }
                },
                2 => {
                    if let Some(lease) = some {
                        live.remove(&lease);
                        assert_eq!(provider.release(lease), Ok(()));
                    }
                }
                _ => {
                    if let Some(lease) = some
                        && let Ok(end) = provider.renew(lease, now)
                    {
                        live.get_mut(&lease).unwrap().1 = end.unwrap();
                    }
                }
            }
            for lease in provider.expire(now) {
                assert!(live.remove(&lease).unwrap().1 <= now);
            }
            assert!(live.values().all(|&(_, end)| end > now));
            for entry in 0..count {
                let held = live.values().filter(|(e, _)| *e as usize == entry).count();
                assert!(
                    held <= limit,
                    "{strategy} gave an entry to {held} of {limit}"
                );
            }
        }
        let mut left: Vec<u64> = live.into_keys().collect();
        left.sort_unstable();
        assert_eq!(provider.close(), left);
    }
}

#[test]
fn leases_of_a_full_cycle_differ_by_at_most_one() {
    for strategy in ["round-robin", "least-used"] {
        for count in [1, 7, 64, 65, 4097] {
            let mut provider = provider();
            let id = provider
                .open(&Spec {
                    strategy: strategy.into(),
                    ..pool(&pairs(count))
                })
                .unwrap()
                .id;
            let mut given = vec![0; count];
            let mut held = VecDeque::new();
            for _ in 0..count * 3 + count / 2 {
                if held.len() == count.div_ceil(2) {
                    provider.release(held.pop_front().unwrap()).unwrap();
                }
                let lease = provider.allocate(id, 0, 0).unwrap();
                given[lease.entry as usize] += 1;
                held.push_back(lease.id);
            }
            let (min, max) = (given.iter().min().unwrap(), given.iter().max().unwrap());
            assert!(max - min <= 1, "{strategy} over {count}: {min}..{max}");
        }
    }
}

#[test]
fn no_manifest_whatever_it_holds_ends_in_a_panic_or_a_place_outside_it() {
    const SCRAPS: [&str; 32] = [
        ",",
        "\n",
        "\r\n",
        "\"",
        "\"\"",
        "#",
        "ip",
        "port",
        "ip,port\n",
        "10.0.0.1",
        "80",
        "0",
        " ",
        "\t",
        ":",
        "- ",
        "ip-port-pool",
        "ip-port-pool:",
        " |\n ",
        ">",
        "[",
        "]",
        "{",
        "}",
        "&a",
        "*a",
        "\u{feff}",
        "ж",
        "\u{0}",
        "!!x",
        "---\n",
        "? ",
    ];
    for seed in 1..=20_000 {
        let mut dice = Dice(seed * 0x9e37_79b9);
        let length = dice.below(24);
        let text: String = (0..length).map(|_| dice.pick(&SCRAPS)).collect();
        let lines = text.split('\n').count() + 1;
        let format = dice.pick(&["csv", "yaml"]);
        let kind = dice.pick(&["pair_pool", "pair_pool", "kv_store"]);
        let spec = Spec {
            kind: kind.into(),
            config: format!(r#"{{"parser": {{"format": "{format}"}}}}"#),
            manifest: Some(Manifest {
                text: text.clone(),
                path: "m".into(),
            }),
            ..pool("")
        };
        match provider().open(&spec) {
            Ok(table) => assert!(kind == "kv_store" || !table.keys.is_empty()),
            Err(problems) => {
                assert!(!problems.is_empty());
                for problem in problems {
                    let place = problem
                        .place
                        .expect("every defect of a manifest has a place");
                    assert!(place.line >= 1 && place.column >= 1 && place.width >= 1);
                    assert!(place.line as usize <= lines, "{place:?} in {text:?}");
                }
            }
        }
    }
}
