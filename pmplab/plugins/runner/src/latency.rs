//! Response times of a scenario, counted in buckets narrower than a hundredth of themselves.

use pmplab_dsl::plan::Ns;

/// Bits of a time that a bucket tells apart: 128 buckets to each doubling.
const BITS: u32 = 7;

/// How many times fell into which bucket. It grows to the longest time that it has seen, at most 60 kB.
#[derive(Debug, Default, Clone)]
pub struct Latency {
    buckets: Vec<u64>,
    count: u64,
    sum: u128,
    max: Ns,
}

/// The bucket of a time.
fn bucket(time: Ns) -> usize {
    let shift = (Ns::BITS - time.leading_zeros()).saturating_sub(BITS + 1);
    ((shift as usize) << BITS) + (time >> shift) as usize
}

/// The middle of a bucket.
fn middle(bucket: usize) -> f64 {
    let shift = (bucket >> BITS).saturating_sub(1);
    let least = ((bucket - (shift << BITS)) as f64) * (shift as f64).exp2();
    least + ((shift as f64).exp2() - 1.0) / 2.0
}

impl Latency {
    pub fn add(&mut self, time: Ns) {
        let at = bucket(time);
        if self.buckets.len() <= at {
            self.buckets.resize(at + 1, 0);
        }
        self.buckets[at] += 1;
        self.count += 1;
        self.sum += u128::from(time);
        self.max = self.max.max(time);
    }

    /// The time that a share of all stay below; none without any.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let rank = ((self.count as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        let at = self.buckets.iter().position(|count| {
            seen += count;
            seen >= rank
        })?;
        Some(middle(at).min(self.max as f64))
    }

    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum as f64 / self.count as f64)
    }

    #[must_use]
    pub fn max(&self) -> Option<f64> {
        (self.count > 0).then_some(self.max as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_a_hundredth() {
        let mut latency = Latency::default();
        for i in 1..=100_000 {
            latency.add(i * 1_000);
        }
        for (share, wanted) in [
            (0.5, 50_000_000.0),
            (0.95, 95_000_000.0),
            (0.99, 99_000_000.0),
        ] {
            let found = latency.quantile(share).unwrap();
            assert!((found / wanted - 1.0f64).abs() < 0.01, "{share}: {found}");
        }
        assert_eq!(latency.max(), Some(1e8));
        assert_eq!(latency.mean(), Some(50_000_500.0));
    }

    #[test]
    fn short_times_are_exact_and_long_ones_take_little_room() {
        let mut latency = Latency::default();
        assert_eq!((latency.quantile(0.5), latency.mean()), (None, None));
        latency.add(0);
        assert_eq!(latency.quantile(1.0), Some(0.0));
        latency.add(255);
        assert_eq!(latency.quantile(1.0), Some(255.0));
        latency.add(Ns::MAX);
        assert!(latency.buckets.len() < 8_000);
    }
}
