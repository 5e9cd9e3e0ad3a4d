//! The run's time. Components read another clock than the host; the two are aligned in the first steps.

use pmplab_dsl::plan::Ns;

/// So many steps compare the clocks before the run's time begins: a `now` that was read long before its step misleads,
/// and the first one often was.
const SAMPLES: u32 = 3;

#[derive(Debug)]
pub struct Clock {
    /// The host's clock at the start of the run; none before it.
    origin: Option<Ns>,
    now: Ns,
    samples: u32,
    /// What each component's clock is ahead of the host's: the least that was seen, as reading takes time.
    ahead: Vec<Option<i128>>,
    /// Time is that of the components, which jump; the host's does not move it.
    simulated: bool,
}

impl Clock {
    #[must_use]
    pub fn new(components: usize) -> Self {
        Self {
            origin: None,
            now: 0,
            samples: 0,
            ahead: vec![None; components],
            simulated: false,
        }
    }

    /// From here on, time goes by when a component says so.
    pub const fn simulate(&mut self) {
        self.simulated = true;
    }

    #[must_use]
    pub const fn is_simulated(&self) -> bool {
        self.simulated
    }

    /// The run's time has begun.
    #[must_use]
    pub const fn runs(&self) -> bool {
        self.origin.is_some()
    }

    /// Notes what a component's clock showed when the host's was said to show `host`.
    pub fn sample(&mut self, component: usize, host: Ns, shown: Ns) {
        let ahead = i128::from(shown) - i128::from(host);
        let least = self.ahead[component].get_or_insert(ahead);
        *least = ahead.min(*least);
    }

    /// Ends a step that took samples. True: that was the last one, and the run's time begins.
    pub fn sampled(&mut self, host: Ns) -> bool {
        self.samples += 1;
        // Clocks that stand still agree at once.
        if self.samples >= SAMPLES || self.simulated {
            self.host(host);
        }
        self.runs()
    }

    /// Takes the host's time.
    pub fn host(&mut self, host: Ns) {
        let origin = *self.origin.get_or_insert(host);
        self.forward(host.saturating_sub(origin));
    }

    /// The host's time for a time of the run.
    #[must_use]
    pub fn to_host(&self, run: Ns) -> Ns {
        self.origin.unwrap_or(0).saturating_add(run)
    }

    fn ahead(&self, component: usize) -> i128 {
        i128::from(self.origin.unwrap_or(0)) + self.ahead[component].unwrap_or(0)
    }

    /// The component's time for a time of the run; never 0, which means "do not wait".
    #[must_use]
    pub fn to_component(&self, component: usize, run: Ns) -> Ns {
        clamp(i128::from(run) + self.ahead(component)).max(1)
    }

    /// The time of the run for a component's.
    #[must_use]
    pub fn run_time(&self, component: usize, shown: Ns) -> Ns {
        clamp(i128::from(shown) - self.ahead(component))
    }

    /// Time goes on, never back.
    pub fn forward(&mut self, run: Ns) {
        self.now = self.now.max(run);
    }

    #[must_use]
    pub const fn now(&self) -> Ns {
        self.now
    }
}

fn clamp(time: i128) -> Ns {
    Ns::try_from(time.max(0)).unwrap_or(Ns::MAX)
}

/// A time as the records have it.
#[must_use]
pub fn signed(time: Ns) -> i64 {
    i64::try_from(time).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_now_that_is_old_does_not_bend_the_clock() {
        let mut clock = Clock::new(1);
        for (host, shown) in [(1_000, 914_000), (15_000, 915_010), (15_050, 915_070)] {
            assert!(!clock.runs());
            clock.sample(0, host, shown);
            clock.sampled(host);
        }
        assert!(clock.runs());
        assert_eq!(
            clock.run_time(0, 915_070),
            10,
            "20 ns went by in reading, 10 of them at the least"
        );
        assert_eq!(clock.to_component(0, 10), 915_070);
        assert_eq!(clock.to_host(10), 15_060);
    }
}
