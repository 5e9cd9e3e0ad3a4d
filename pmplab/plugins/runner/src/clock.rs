//! The run's time. Zero is the `now` of the first step; components read another clock, aligned with it once.

use pmplab_dsl::plan::Ns;

#[derive(Debug)]
pub struct Clock {
    /// The host's clock at the start of the run; none before the first step.
    origin: Option<Ns>,
    now: Ns,
    /// What each component's clock is ahead of the run's time.
    ahead: Vec<i128>,
}

impl Clock {
    #[must_use]
    pub fn new(components: usize) -> Self {
        Self {
            origin: None,
            now: 0,
            ahead: vec![0; components],
        }
    }

    /// Takes the host's time. True the first time.
    pub fn host(&mut self, host: Ns) -> bool {
        let first = self.origin.is_none();
        let origin = *self.origin.get_or_insert(host);
        self.forward(host.saturating_sub(origin));
        first
    }

    /// The host's time for a time of the run.
    #[must_use]
    pub fn to_host(&self, run: Ns) -> Ns {
        self.origin.unwrap_or(0).saturating_add(run)
    }

    /// Says what a component's clock showed at this very instant.
    pub fn align(&mut self, component: usize, shown: Ns) {
        self.ahead[component] = i128::from(shown) - i128::from(self.now);
    }

    /// The component's time for a time of the run; never 0, which means "do not wait".
    #[must_use]
    pub fn to_component(&self, component: usize, run: Ns) -> Ns {
        clamp(i128::from(run) + self.ahead[component]).max(1)
    }

    /// The time of the run for a component's.
    #[must_use]
    pub fn run_time(&self, component: usize, shown: Ns) -> Ns {
        clamp(i128::from(shown) - self.ahead[component])
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
