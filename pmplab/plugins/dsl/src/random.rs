//! Random numbers that are the same for the same seed, on every machine.
//!
//! Draws are inlined: this crate is compiled to be small, and who draws for every action is not.

/// SplitMix64 (Steele, Lea, Flood 2014): eight bytes of state, so that each of a million users can have its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rng(u64);

impl Rng {
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A generator of its own for each `id` under one seed: draws of one user do not move another's.
    #[must_use]
    pub const fn stream(seed: u64, id: u64) -> Self {
        Self(mix(seed ^ mix(id.wrapping_add(STEP))))
    }

    /// 64 random bits.
    #[inline]
    pub const fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mix(self.0)
    }

    /// Uniform from 0 up to and without 1, in steps of 2^-53.
    #[inline]
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)
    }

    /// Uniform from 0 up to and without `n`; 0 when `n` is 0.
    #[inline]
    pub const fn below(&mut self, n: u64) -> u64 {
        ((self.bits() as u128 * n as u128) >> 64) as u64
    }

    /// Exponential with mean 1.
    #[inline]
    pub fn exponential(&mut self) -> f64 {
        -libm::log(1.0 - self.unit())
    }

    /// Normal with mean 0 and deviation 1 (Box and Muller 1958). Takes two draws, always.
    #[inline]
    pub fn normal(&mut self) -> f64 {
        // A square root is rounded alike everywhere (IEEE 754), and a machine has an instruction for it.
        let radius = (2.0 * self.exponential()).sqrt();
        radius * libm::cos(core::f64::consts::TAU * self.unit())
    }
}

/// The golden ratio in 64 bits.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

#[inline]
const fn mix(bits: u64) -> u64 {
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_that_of_the_reference_implementation() {
        let mut rng = Rng::new(1_234_567);
        let first: Vec<u64> = (0..5).map(|_| rng.bits()).collect();
        assert_eq!(
            first,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423,
                4_593_380_528_125_082_431,
                16_408_922_859_458_223_821,
            ]
        );
    }

    #[test]
    fn streams_of_one_seed_differ_and_repeat() {
        let draw = |seed, id| Rng::stream(seed, id).bits();
        assert_eq!(draw(7, 3), draw(7, 3));
        let mut all: Vec<u64> = (0..1000)
            .flat_map(|id| [draw(7, id), draw(8, id)])
            .collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 2000);
    }

    #[test]
    fn draws_below_a_number_spread_evenly() {
        let mut rng = Rng::new(1);
        let mut counts = [0u32; 10];
        for _ in 0..100_000 {
            counts[usize::try_from(rng.below(10)).unwrap()] += 1;
        }
        assert!(counts.iter().all(|n| (9_500..10_500).contains(n)));
        assert_eq!(rng.below(0), 0);
    }
}
