//! Open load: the exact instant of every planned arrival, the same on every shard that knows the seed.
//!
//! Instants of a constant rate and of bursts are whole-number arithmetic. Ramps and stairs are solved in floating point and rounded
//! to the nanosecond: their error stays far below one, as long as a run is shorter than a hundred days.

use crate::plan::{Arrival, Ns, Rate, Shape};
use crate::random::Rng;

/// A share of an arrival that rounding may lose.
const SLACK: f64 = 1e-6;

impl Rate {
    /// Events per nanosecond.
    #[must_use]
    pub fn per_ns(self) -> f64 {
        self.count as f64 / self.per as f64
    }

    /// When the `n`-th event (from 1) is due: the first instant by which the rate has made `n`.
    fn instant(self, n: u64) -> Option<Ns> {
        let ns = (u128::from(n) * u128::from(self.per)).checked_div(u128::from(self.count))?;
        let exact = ns * u128::from(self.count) == u128::from(n) * u128::from(self.per);
        Ns::try_from(ns + u128::from(!exact)).ok()
    }
}

impl Shape {
    /// Its instants are the same for every seed.
    #[must_use]
    pub const fn is_regular(&self) -> bool {
        !matches!(self, Self::Poisson { .. } | Self::Uniform { .. })
    }
}

impl Arrival {
    /// When arrival `i` (from 0, over all shards) of a regular shape comes; none: never, or not known without the seed.
    #[must_use]
    pub fn at(&self, i: u64) -> Option<Ns> {
        let end = self.duration;
        let at = match self.shape {
            Shape::Constant { rate } => rate.instant(i.checked_add(1)?)?,
            Shape::Burst { size, every } => {
                let at = i.checked_div(size)?.checked_mul(every)?;
                return Some(at).filter(|at| end.is_none_or(|end| *at < end));
            }
            Shape::Ramp { from, to } => ramp(from.per_ns(), to.per_ns(), end?, i as f64 + 1.0)?,
            Shape::Stairs { from, to, steps } => {
                Stairs::new(from, to, steps, end?).instant(i as f64 + 1.0)?
            }
            Shape::Poisson { .. } | Shape::Uniform { .. } => return None,
        };
        Some(at).filter(|at| end.is_none_or(|end| *at <= end))
    }

    /// How many are planned to have come at `t`; of a random shape, how many are to be expected.
    #[must_use]
    pub fn planned(&self, t: Ns) -> u64 {
        let end = self.duration.unwrap_or(u64::MAX);
        let t = t.min(end);
        let guess = match self.shape {
            Shape::Constant { rate } => {
                let all = u128::from(t) * u128::from(rate.count) / u128::from(rate.per.max(1));
                return u64::try_from(all).unwrap_or(u64::MAX);
            }
            Shape::Burst { size, every } => {
                let last = t.min(end.saturating_sub(1));
                return (last / every.max(1) + 1).saturating_mul(size);
            }
            Shape::Poisson { rate } | Shape::Uniform { rate } => {
                return (rate.per_ns() * t as f64) as u64;
            }
            Shape::Ramp { from, to } => {
                let (from, to, t) = (from.per_ns(), to.per_ns(), t as f64);
                (from + (to - from) * t / end as f64 / 2.0) * t
            }
            Shape::Stairs { from, to, steps } => Stairs::new(from, to, steps, end).made(t as f64),
        };
        // What was rounded away on one side or the other.
        let mut n = guess as u64;
        while n > 0 && self.at(n - 1).is_none_or(|at| at > t) {
            n -= 1;
        }
        while self.at(n).is_some_and(|at| at <= t) {
            n += 1;
        }
        n
    }

    /// All that are planned, or to be expected, when nothing comes after `limit` either; none: without end.
    #[must_use]
    pub fn total(&self, limit: Option<Ns>) -> Option<u64> {
        let end = self.duration.into_iter().chain(limit).min()?;
        Some(self.planned(end))
    }
}

/// When a rate that goes linearly from `a` to `b` in `over` has made `n`.
fn ramp(a: f64, b: f64, over: Ns, n: f64) -> Option<Ns> {
    let over = over as f64;
    if n > (a + b) / 2.0 * over + SLACK {
        return None;
    }
    // Of the two usual forms of the root, the one that subtracts nothing.
    let root = (a * a + 2.0 * (b - a) / over * n).max(0.0).sqrt();
    Some((2.0 * n / (a + root)).min(over).round() as Ns)
}

/// Equal spans of constant rates, from one to the other.
struct Stairs {
    from: f64,
    /// What each step adds to the rate.
    rise: f64,
    steps: u32,
    /// Length of one span.
    span: f64,
}

impl Stairs {
    fn new(from: Rate, to: Rate, steps: u32, over: Ns) -> Self {
        let steps = steps.max(1);
        let (from, to) = (from.per_ns(), to.per_ns());
        Self {
            from,
            rise: (to - from) / f64::from(steps.saturating_sub(1).max(1)),
            steps,
            span: over as f64 / f64::from(steps),
        }
    }

    fn rate(&self, step: u32) -> f64 {
        self.from + self.rise * f64::from(step)
    }

    /// Arrivals in the first `steps` spans.
    fn before(&self, steps: u32) -> f64 {
        let k = f64::from(steps);
        self.span * (k * self.from + self.rise * k * (k - 1.0) / 2.0)
    }

    fn made(&self, t: f64) -> f64 {
        let step = ((t / self.span) as u32).min(self.steps - 1);
        self.before(step) + self.rate(step) * (t - f64::from(step) * self.span)
    }

    fn instant(&self, n: f64) -> Option<Ns> {
        if n > self.before(self.steps) + SLACK {
            return None;
        }
        let (mut low, mut high) = (0, self.steps - 1);
        while low < high {
            let middle = u32::midpoint(low, high);
            if self.before(middle + 1) + SLACK >= n {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        let into = ((n - self.before(low)) / self.rate(low)).min(self.span);
        Some((f64::from(low) * self.span + into).round() as Ns)
    }
}

/// The instants of all arrivals in order, counted from the scenario's start. It ends with the arrival's `duration`; without one it
/// goes on for good.
#[derive(Debug, Clone)]
pub struct Schedule {
    arrival: Arrival,
    next: u64,
    /// Of the last arrival of a random shape, not rounded.
    time: f64,
    rng: Rng,
}

impl Schedule {
    /// The seed is looked at by random shapes only; scenarios that are to differ need seeds that differ.
    #[must_use]
    pub fn new(arrival: &Arrival, seed: u64) -> Self {
        Self {
            arrival: arrival.clone(),
            next: 0,
            time: 0.0,
            rng: Rng::new(seed),
        }
    }

    fn drawn(&mut self, gap: f64) -> Option<Ns> {
        let time = self.time + gap;
        let at = time.round() as Ns;
        if self.arrival.duration.is_some_and(|end| at > end) {
            self.time = f64::INFINITY;
            return None;
        }
        self.time = time;
        Some(at)
    }
}

impl Iterator for Schedule {
    type Item = Ns;

    fn next(&mut self) -> Option<Ns> {
        match self.arrival.shape {
            Shape::Poisson { rate } => {
                let gap = self.rng.exponential() / rate.per_ns();
                self.drawn(gap)
            }
            Shape::Uniform { rate } => {
                let gap = 2.0 * self.rng.unit() / rate.per_ns();
                self.drawn(gap)
            }
            _ => {
                let at = self.arrival.at(self.next)?;
                self.next += 1;
                Some(at)
            }
        }
    }
}

impl std::iter::FusedIterator for Schedule {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::WhenFull;

    const MS: Ns = 1_000_000;
    const S: Ns = 1000 * MS;

    const fn per_s(count: u64) -> Rate {
        Rate { count, per: S }
    }

    fn arrival(shape: Shape, seconds: u64) -> Arrival {
        Arrival {
            shape,
            duration: Some(seconds * S),
            when_full: WhenFull::Queue,
        }
    }

    fn regular() -> [Arrival; 8] {
        let rate = per_s(200);
        let thirds = Rate {
            count: 700,
            per: 3 * S,
        };
        let (from, to) = (per_s(200), per_s(800));
        let slow = Rate { count: 0, per: S };
        [
            arrival(Shape::Constant { rate }, 60),
            arrival(Shape::Constant { rate: thirds }, 61),
            arrival(Shape::Ramp { from, to }, 60),
            arrival(Shape::Ramp { from: slow, to }, 60),
            arrival(Shape::Ramp { from: to, to: slow }, 60),
            arrival(Shape::Stairs { from, to, steps: 6 }, 60),
            arrival(
                Shape::Stairs {
                    from: to,
                    to: thirds,
                    steps: 7,
                },
                53,
            ),
            arrival(
                Shape::Burst {
                    size: 50,
                    every: 250 * MS,
                },
                60,
            ),
        ]
    }

    /// The integral of the rate, by the definition of the shape.
    fn integral(arrival: &Arrival, t: f64) -> f64 {
        let end = arrival.duration.unwrap() as f64;
        match arrival.shape {
            Shape::Constant { rate } => rate.per_ns() * t,
            Shape::Ramp { from, to } => {
                let (from, to) = (from.per_ns(), to.per_ns());
                t * (from + (from + (to - from) * t / end)) / 2.0
            }
            Shape::Stairs { from, to, steps } => {
                let (from, to, span) = (from.per_ns(), to.per_ns(), end / f64::from(steps));
                let step = |k: u32| {
                    let rate = from + (to - from) * f64::from(k) / f64::from(steps - 1);
                    rate * (t - f64::from(k) * span).clamp(0.0, span)
                };
                (0..steps).map(step).sum()
            }
            Shape::Burst { size, every } => size as f64 / every as f64 * t,
            _ => unreachable!(),
        }
    }

    fn count(all: &[Ns], from: Ns, to: Ns) -> u64 {
        (all.partition_point(|at| *at <= to) - all.partition_point(|at| *at <= from)) as u64
    }

    #[test]
    fn over_any_ten_seconds_a_regular_shape_keeps_to_half_a_percent() {
        for arrival in regular() {
            let all: Vec<Ns> = Schedule::new(&arrival, 0).collect();
            let end = arrival.duration.unwrap() / S;
            for from in 0..=end - 10 {
                let (a, b) = (from * S, (from + 10) * S);
                let wanted = integral(&arrival, b as f64) - integral(&arrival, a as f64);
                let found = count(&all, a, b) as f64;
                let bunch = if matches!(arrival.shape, Shape::Burst { .. }) {
                    50.0
                } else {
                    1.0
                };
                assert!(
                    (found - wanted).abs() <= (wanted * 0.005).max(bunch),
                    "{arrival:?} from {from} s: {found} instead of {wanted}"
                );
            }
        }
    }

    #[test]
    fn at_every_instant_the_count_is_within_one_of_the_integral() {
        for arrival in regular() {
            if matches!(arrival.shape, Shape::Burst { .. }) {
                continue;
            }
            for k in 0..=97u64 {
                let t = arrival.duration.unwrap() * k / 97;
                let (found, wanted) = (arrival.planned(t) as f64, integral(&arrival, t as f64));
                assert!(
                    (found - wanted).abs() <= 1.01,
                    "{arrival:?} at {t}: {found}, {wanted}"
                );
            }
        }
    }

    #[test]
    fn what_is_planned_by_then_is_what_the_schedule_brings() {
        for arrival in regular() {
            let all: Vec<Ns> = Schedule::new(&arrival, 0).collect();
            assert!(all.is_sorted(), "{arrival:?}");
            for t in (0..=70 * S).step_by(123_456_789) {
                let came = all.partition_point(|at| *at <= t) as u64;
                assert_eq!(arrival.planned(t), came, "{arrival:?} at {t}");
            }
            assert_eq!(arrival.total(None), Some(all.len() as u64), "{arrival:?}");
            assert_eq!(arrival.at(all.len() as u64), None, "{arrival:?}");
        }
    }

    #[test]
    fn instants_are_the_ones_that_a_reader_computes() {
        let [constant, _, ramp, rising, falling, stairs, _, burst] = regular();
        assert_eq!(constant.at(0), Some(5 * MS));
        assert_eq!(constant.at(11_999), Some(60 * S));
        assert_eq!(constant.total(None), Some(12_000));
        assert_eq!(constant.total(Some(S)), Some(200));
        assert_eq!(ramp.total(None), Some(30_000));
        // n = 800/60 t^2 / 2: 24 000 in all, a quarter of them by half the time.
        assert_eq!(rising.at(5_999), Some(30 * S));
        assert_eq!(rising.at(23_999), Some(60 * S));
        assert_eq!(falling.at(23_999), Some(60 * S));
        // 200, 320, 440, ... per second, ten seconds each.
        assert_eq!(stairs.at(1_999), Some(10 * S));
        assert_eq!(stairs.at(2_000), Some(10 * S + 3_125_000));
        assert_eq!(stairs.total(None), Some(30_000));
        let bunch: Vec<_> = [0, 49, 50].map(|i| burst.at(i)).into();
        assert_eq!(bunch, [Some(0), Some(0), Some(250 * MS)]);
        assert_eq!(burst.total(None), Some(12_000));
    }

    #[test]
    fn a_rate_that_divides_nothing_loses_nothing_over_a_month() {
        let rate = Rate {
            count: 7,
            per: 3_600 * S,
        };
        let month = 30 * 24 * 3_600;
        let arrival = arrival(Shape::Constant { rate }, month);
        assert_eq!(arrival.total(None), Some(7 * 30 * 24));
        assert_eq!(arrival.at(7 * 30 * 24 - 1), Some(month * S));
    }

    /// Largest distance between the distribution of the sample and `cdf`, times the root of its size.
    fn kolmogorov_smirnov(mut sample: Vec<f64>, cdf: impl Fn(f64) -> f64) -> f64 {
        sample.sort_unstable_by(f64::total_cmp);
        let n = sample.len() as f64;
        let distance = sample.iter().enumerate().map(|(i, x)| {
            let (p, i) = (cdf(*x), i as f64);
            (p - i / n).abs().max(((i + 1.0) / n - p).abs())
        });
        distance.fold(0.0, f64::max) * n.sqrt()
    }

    fn gaps(shape: Shape, seed: u64) -> Vec<f64> {
        let all: Vec<Ns> = Schedule::new(&arrival(shape, 100), seed).collect();
        assert!(all.is_sorted() && *all.last().unwrap() <= 100 * S);
        let before = std::iter::once(&0).chain(&all);
        before.zip(&all).map(|(a, b)| (b - a) as f64).collect()
    }

    /// A right schedule passes the test at a level of 5 % (bound 1.358, Smirnov 1948) nineteen times of twenty, and never fails it badly.
    fn passes(shape: Shape, cdf: impl Fn(f64) -> f64) {
        let all: Vec<f64> = (0..100)
            .map(|seed| kolmogorov_smirnov(gaps(shape, seed), &cdf))
            .collect();
        let failed = all.iter().filter(|d| **d > 1.358).count();
        assert!(failed <= 11, "{failed} of 100");
        assert!(all.iter().all(|d| *d < 2.226), "{all:?}");
    }

    #[test]
    fn gaps_of_a_poisson_schedule_are_exponential() {
        let mean = S as f64 / 200.0;
        passes(Shape::Poisson { rate: per_s(200) }, |x| {
            1.0 - (-x / mean).exp()
        });
    }

    #[test]
    fn counts_of_a_poisson_schedule_vary_as_much_as_they_should() {
        let all: Vec<Ns> =
            Schedule::new(&arrival(Shape::Poisson { rate: per_s(200) }, 1000), 1).collect();
        let counts: Vec<f64> = (0..1000)
            .map(|s| count(&all, s * S, (s + 1) * S) as f64)
            .collect();
        let mean = counts.iter().sum::<f64>() / 1000.0;
        let variance = counts.iter().map(|c| (c - mean).powi(2)).sum::<f64>() / 999.0;
        assert!((mean - 200.0).abs() < 2.0, "{mean}");
        assert!((variance / mean - 1.0).abs() < 0.2, "{variance} of {mean}");
    }

    #[test]
    fn gaps_of_a_uniform_schedule_are_uniform() {
        let most = 2.0 * S as f64 / 200.0;
        passes(Shape::Uniform { rate: per_s(200) }, |x| x / most);
    }

    #[test]
    fn the_same_seed_gives_the_same_schedule_and_another_one_another() {
        for shape in [
            Shape::Poisson { rate: per_s(50) },
            Shape::Uniform { rate: per_s(50) },
        ] {
            let all = |seed| Schedule::new(&arrival(shape, 10), seed).collect::<Vec<_>>();
            assert_eq!(all(7), all(7));
            assert_ne!(all(7), all(8));
        }
    }

    #[test]
    fn a_schedule_that_has_ended_stays_so() {
        for shape in [
            Shape::Constant { rate: per_s(5) },
            Shape::Poisson { rate: per_s(5) },
        ] {
            let mut schedule = Schedule::new(&arrival(shape, 1), 3);
            schedule.by_ref().for_each(drop);
            assert!((0..10).all(|_| schedule.next().is_none()));
        }
    }

    #[test]
    fn without_a_duration_it_goes_on() {
        for shape in [
            Shape::Constant { rate: per_s(9) },
            Shape::Poisson { rate: per_s(9) },
        ] {
            let arrival = Arrival {
                duration: None,
                ..arrival(shape, 0)
            };
            assert_eq!(Schedule::new(&arrival, 3).take(1000).count(), 1000);
            assert_eq!(arrival.total(None), None);
            assert_eq!(arrival.total(Some(10 * S)), Some(90));
        }
    }
}
