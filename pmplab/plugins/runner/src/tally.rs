//! Counts, kept as things happen so that a snapshot costs nothing.

use std::collections::VecDeque;

use pmplab_dsl::arrivals::Schedule;
use pmplab_dsl::plan::{Ns, Value};
use pmplab_dsl::workbook::FLAG;

use crate::engine::Terms;
use crate::latency::Latency;
use crate::limit::Bucket;
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
    /// Given up by the run itself: neither the target's failure nor a success.
    pub cancelled: u64,
    pub waiting: u64,
    pub running: u64,
    pub throttled: u64,
    /// First attempts and retries of calls: what a retry's budget compares.
    pub first_attempts: u64,
    pub retries: u64,
    /// Response times, where something reads them.
    pub latency: Option<Latency>,
    /// Messages so far, and when the last one went out.
    pub messages: u64,
    pub last_message: Option<Ns>,
    /// Entries of the registers, and the last flag that was raised.
    pub issues: u64,
    pub risks: u64,
    pub flag: Option<Value>,
    /// Arrivals that nobody carried.
    pub dropped: u64,
    /// When its own time begins; none: not yet.
    pub begin: Option<Ns>,
    /// It is over: its last user is gone and none will come.
    pub over: bool,
    /// What is still to arrive, and what waits for a user, oldest first.
    pub arrivals: Option<Arrivals>,
    pub backlog: VecDeque<Ns>,
    /// Numbers of users that are gone: who comes for an arrival may have one again.
    pub spare: Vec<u64>,
    /// Users that wait for an arrival.
    pub idle: Vec<Key>,
    /// Of the limits that its users share.
    pub buckets: Vec<Bucket>,
    pub last_spawn: Option<Ns>,
    /// Age of what has been in flight longest, as of the last tick.
    pub oldest: Ns,
    /// Nothing new begins, since when.
    pub closed: Option<Ns>,
}

impl Tally {
    #[must_use]
    pub fn new(scene: &Scene, terms: &Terms, seed: u64) -> Self {
        Self {
            next: (terms.shard + terms.of - scene.first_user % terms.of) % terms.of,
            arrivals: scene.arrival.as_ref().map(|arrival| Arrivals {
                schedule: Schedule::new(arrival, seed),
                skip: terms.shard,
                every: terms.of,
            }),
            buckets: vec![Bucket::default(); scene.scene_limits.len()],
            latency: scene.reads.latency.then(Latency::default),
            ..Self::default()
        }
    }

    /// What the engine keeps of the scenario, by its path in the Workbook.
    #[must_use]
    pub fn workbook(&self, path: &str) -> Option<Value> {
        let count = match path {
            "telemetry.counters.success" => self.success,
            "telemetry.counters.fail" => self.fail,
            "telemetry.counters.timeout" => self.timeout,
            "telemetry.counters.cancelled" => self.cancelled,
            "registers.entries" => self.issues + self.risks,
            FLAG => return Some(self.flag.clone().unwrap_or(Value::Boolean(false))),
            "communications.entries" => self.messages,
            "communications.last_synced_at" => self.last_message?,
            other => {
                let latency = self.latency.as_ref()?;
                let time = match other.strip_prefix("telemetry.latency_ms.")? {
                    "mean" => latency.mean(),
                    "max" => latency.max(),
                    "p50" => latency.quantile(0.5),
                    "p95" => latency.quantile(0.95),
                    "p99" => latency.quantile(0.99),
                    _ => None,
                };
                return time.map(|time| Value::Number(time / 1e6));
            }
        };
        Some(Value::Integer(i64::try_from(count).unwrap_or(i64::MAX)))
    }

    /// Counts an action that ended.
    pub const fn count(&mut self, event: Event, cancelled: bool) {
        self.finished += 1;
        match event {
            Event::Success => self.success += 1,
            _ if cancelled => self.cancelled += 1,
            Event::Fail => self.fail += 1,
            Event::Timeout => self.timeout += 1,
        }
    }

    /// Looks up when the next user comes, or the next arrival.
    pub fn schedule(&mut self, scene: &Scene) {
        let at = match &mut self.arrivals {
            Some(arrivals) => arrivals.next(),
            None if self.next < scene.users => scene.spawn.at(self.next),
            None => None,
        };
        self.next_at = at
            .zip(self.begin)
            .filter(|_| self.closed.is_none())
            .map(|(at, begin)| begin.saturating_add(at));
    }

    /// Time since its own beginning.
    #[must_use]
    pub fn time(&self, now: Ns) -> Ns {
        self.begin.map_or(0, |begin| now.saturating_sub(begin))
    }

    /// Users that are there.
    #[must_use]
    pub const fn users(&self) -> u64 {
        self.online + self.stop
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
        if scene.arrival.is_some() {
            return None;
        }
        let comers = scene.spawn.comers().unwrap_or(u64::MAX);
        let users = scene.users.min(comers);
        let first = (terms.shard + terms.of - scene.first_user % terms.of) % terms.of;
        let count = users.saturating_sub(first).div_ceil(terms.of);
        scene.spawn.at(first + count.checked_sub(1)? * terms.of)
    }
}

/// A shard's part of a schedule: every n-th arrival.
#[derive(Debug)]
pub struct Arrivals {
    schedule: Schedule,
    /// How many come before the first.
    skip: u64,
    every: u64,
}

impl Iterator for Arrivals {
    type Item = Ns;

    fn next(&mut self) -> Option<Ns> {
        let skip = std::mem::replace(&mut self.skip, self.every.saturating_sub(1));
        self.schedule
            .nth(usize::try_from(skip).unwrap_or(usize::MAX))
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
