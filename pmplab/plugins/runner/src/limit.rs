//! Rate limits: token buckets that refill continuously, kept as the instant at which the next token is there.

use pmplab_dsl::plan::{Limit, LimitPer, Ns};

/// What a bucket allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    count: u64,
    per: Ns,
    burst: u64,
}

impl Terms {
    /// A limit as one of `shards` keeps it: of what all users share, each has its part.
    #[must_use]
    pub fn new(limit: &Limit, shards: u64) -> Self {
        let parts = match limit.per {
            LimitPer::User => 1,
            LimitPer::Scenario | LimitPer::Global => shards.max(1),
        };
        Self {
            count: limit.rate.count.max(1),
            per: limit.rate.per.saturating_mul(parts),
            burst: (limit.burst / parts).max(1),
        }
    }
}

/// The tokens of one holder. Times are in `count`-ths of a nanosecond, so that nothing is ever rounded away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bucket(u128);

impl Bucket {
    /// Takes a token for `now`, or the next one that comes. Returns when it is there: `now`, or later.
    pub fn take(&mut self, terms: &Terms, now: Ns) -> Ns {
        let count = u128::from(terms.count);
        let room = u128::from(terms.burst - 1) * u128::from(terms.per);
        let slot = self.0.saturating_sub(room).div_ceil(count);
        let at = Ns::try_from(slot).unwrap_or(Ns::MAX).max(now);
        // Less than a nanosecond after the last token's time is at its time.
        let since = u128::from(now) * count;
        let from = if since < self.0 + count {
            self.0
        } else {
            since
        };
        self.0 = from + u128::from(terms.per);
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pmplab_dsl::plan::Rate;

    const SECOND: Ns = 1_000_000_000;

    fn terms(count: u64, burst: u64, per: LimitPer, shards: u64) -> Terms {
        let limit = Limit {
            name: "l".into(),
            per,
            rate: Rate { count, per: SECOND },
            burst,
        };
        Terms::new(&limit, shards)
    }

    /// Tokens of a second for one who always wants the next.
    fn slots(terms: &Terms) -> Vec<Ns> {
        let mut bucket = Bucket::default();
        let mut now = 0;
        std::iter::from_fn(|| {
            now = bucket.take(terms, now);
            (now < SECOND).then_some(now)
        })
        .collect()
    }

    #[test]
    fn tokens_come_evenly_and_none_is_lost() {
        assert_eq!(
            slots(&terms(3, 1, LimitPer::User, 1)),
            [0, 333_333_334, 666_666_667]
        );
        assert_eq!(slots(&terms(7777, 1, LimitPer::User, 1)).len(), 7777);
    }

    #[test]
    fn a_full_bucket_gives_a_burst() {
        let found = slots(&terms(10, 5, LimitPer::Scenario, 1));
        assert_eq!(&found[..5], [0; 5]);
        assert_eq!(found[5], SECOND / 10);
        assert_eq!(found.len(), 14);
    }

    #[test]
    fn a_bucket_does_not_fill_beyond_its_size() {
        let terms = terms(10, 2, LimitPer::User, 1);
        let mut bucket = Bucket::default();
        let later = 100 * SECOND;
        let taken: Vec<Ns> = (0..3).map(|_| bucket.take(&terms, later)).collect();
        assert_eq!(taken, [later, later, later + SECOND / 10]);
    }

    #[test]
    fn each_shard_has_its_part_of_what_all_share() {
        assert_eq!(slots(&terms(100, 1, LimitPer::Global, 4)).len(), 25);
        assert_eq!(slots(&terms(100, 1, LimitPer::User, 4)).len(), 100);
    }
}
