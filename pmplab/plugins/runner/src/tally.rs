//! Counts, kept as things happen so that a snapshot costs nothing.

use pmplab_dsl::plan::{Ns, Spawn};

use crate::engine::Terms;
use crate::ports::Event;
use crate::program::Scene;
use crate::slab::Key;

/// What a scenario has done so far in this shard.
#[derive(Debug, Default)]
pub struct Tally {
    /// The next user, counted from the scenario's first, and when it comes; none: no more come.
    pub next: u64,
    pub next_at: Option<Ns>,
    pub online: u64,
    pub stop: u64,
    pub offline: u64,
    pub tasks_started: u64,
    pub tasks_done: u64,
    pub started: u64,
    pub finished: u64,
    pub success: u64,
    pub fail: u64,
    pub timeout: u64,
    pub waiting: u64,
    pub running: u64,
    pub last_spawn: Option<Ns>,
    /// Age of what has been in flight longest, as of the last tick.
    pub oldest: Ns,
    /// Nothing new begins, since when.
    pub closed: Option<Ns>,
    /// Users in the order in which they came, for a plan that lets the newest go first.
    pub arrivals: Vec<(u64, Key)>,
}

impl Tally {
    #[must_use]
    pub fn new(scene: &Scene, terms: &Terms) -> Self {
        let mut tally = Self {
            next: (terms.shard + terms.of - scene.first_user % terms.of) % terms.of,
            ..Self::default()
        };
        tally.schedule(scene);
        tally
    }

    /// Counts an action that ended.
    pub const fn count(&mut self, event: Event) {
        self.finished += 1;
        match event {
            Event::Success => self.success += 1,
            Event::Fail => self.fail += 1,
            Event::Timeout => self.timeout += 1,
        }
    }

    /// Looks up when the next user comes.
    pub fn schedule(&mut self, scene: &Scene) {
        self.next_at = if self.next < scene.users && self.closed.is_none() {
            scene.spawn.at(self.next)
        } else {
            None
        };
    }

    /// How many of the first `count` users of the scenario are this shard's.
    #[must_use]
    pub fn share(scene: &Scene, terms: &Terms, count: u64) -> u64 {
        let first = (terms.shard + terms.of - scene.first_user % terms.of) % terms.of;
        count
            .min(scene.users)
            .saturating_sub(first)
            .div_ceil(terms.of)
    }

    /// When the plan wants the last user of this shard; none: no user, or never.
    #[must_use]
    pub fn planned_last(scene: &Scene, terms: &Terms) -> Option<Ns> {
        let users = match scene.spawn {
            Spawn::Ramp { from, to, .. } => scene.users.min(from.max(to)),
            _ => scene.users,
        };
        let first = (terms.shard + terms.of - scene.first_user % terms.of) % terms.of;
        let count = users.saturating_sub(first).div_ceil(terms.of);
        scene.spawn.at(first + count.checked_sub(1)? * terms.of)
    }
}

/// Leases so far.
#[derive(Debug, Default, Clone, Copy)]
pub struct LeaseTally {
    pub acquired: u64,
    pub released: u64,
    pub expired: u64,
}

impl LeaseTally {
    #[must_use]
    pub const fn live(&self) -> u64 {
        self.acquired - self.released - self.expired
    }
}
