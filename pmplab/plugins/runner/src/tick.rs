//! The tick: the control clock. It looks after deadlines, leases, downward ramps and the load table, and delays nothing else.

use pmplab_dsl::plan::{Exit, Ns, Spawn};
use pmplab_records::rows::{ChangeRow, LoadRow};

use crate::clock::signed;
use crate::engine::{Engine, Phase};
use crate::names::TIMELINE;
use crate::ports::{Ledger, Protocol, Provider};
use crate::slab::Key;
use crate::tally::Tally;
use crate::user::{Ending, User, Verdict};

/// What a look at a user found to be due.
#[derive(Debug, Clone, Copy)]
enum Due {
    Lost,
    Scenario,
    User,
    Task,
    Stop,
    Grace,
    Renew(usize),
}

impl<P: Protocol, R: Provider, L: Ledger> Engine<P, R, L> {
    pub(crate) fn on_tick(&mut self) {
        let (now, tick) = (self.clock.now(), self.program.tick);
        let lag = now - self.next_tick;
        self.tick = now / tick;
        self.next_tick = (self.tick + 1) * tick;
        self.expire();
        self.end_scenes();
        self.look_after_users();
        self.ramp_down();
        self.resume_paused();
        self.load_rows(lag);
    }

    /// `max-duration`: the scenario is over, whoever is still there.
    fn end_scenes(&mut self) {
        for at in 0..self.tallies.len() {
            let over = self.program.scenes[at]
                .max_duration
                .is_some_and(|limit| self.clock.now() >= limit);
            if over && self.tallies[at].closed.is_none() {
                self.close_scene(at, "scenario.max-duration");
            }
        }
    }

    /// No user of the scenario begins anything new.
    pub(crate) fn close_scene(&mut self, at: usize, cause: &str) {
        let tally = &mut self.tallies[at];
        tally.closed = Some(self.clock.now());
        tally.next_at = None;
        self.note_scene(at, "closing", cause);
    }

    pub(crate) fn note_scene(&mut self, at: usize, state: &str, cause: &str) {
        self.ledger.change(&ChangeRow {
            t: signed(self.clock.now()),
            section: TIMELINE,
            user: None,
            task: None,
            path: format!("scenarios.{}.phase", self.program.scenes[at].name),
            value: serde_json::Value::from(state).to_string(),
            cause: cause.to_owned(),
            node: None,
        });
    }

    fn look_after_users(&mut self) {
        for tally in &mut self.tallies {
            tally.oldest = 0;
        }
        for place in 0..self.users.capacity() {
            let Some((key, user)) = self.users.at(place) else {
                continue;
            };
            if let Some(flight) = &user.task.flight {
                let age = self.clock.now().saturating_sub(flight.submitted);
                let tally = &mut self.tallies[user.scene];
                tally.oldest = tally.oldest.max(age);
            }
            if let Some(due) = self.look(user) {
                self.handle(key, due);
            }
        }
    }

    fn look(&self, user: &User) -> Option<Due> {
        let now = self.clock.now();
        let scene = &self.program.scenes[user.scene];
        let given_up = user
            .task
            .flight
            .as_ref()
            .is_some_and(|flight| flight.verdict.is_some());
        if given_up {
            return user
                .task
                .flight
                .as_ref()
                .filter(|flight| self.is_lost(flight))
                .map(|_| Due::Lost);
        }
        if scene.max_duration.is_some_and(|limit| now >= limit) {
            return Some(Due::Scenario);
        }
        if scene
            .user_deadline
            .is_some_and(|limit| now >= user.planned.saturating_add(limit))
        {
            return Some(Due::User);
        }
        if user.task.deadline.is_some_and(|deadline| now >= deadline) {
            return Some(Due::Task);
        }
        let closed = self.tallies[user.scene].closed;
        if user.task.flight.is_some()
            && closed.is_some_and(|since| now >= since.saturating_add(self.terms.grace))
        {
            return Some(Due::Grace);
        }
        if (closed.is_some() || user.stop || self.phase != Phase::Running)
            && (user.task.flight.is_none() || !user.stop)
        {
            return Some(Due::Stop);
        }
        user.leases
            .iter()
            .position(|lease| {
                lease
                    .as_ref()
                    .and_then(|lease| lease.renew)
                    .is_some_and(|renew| now >= renew)
            })
            .map(Due::Renew)
    }

    fn handle(&mut self, key: Key, due: Due) {
        match due {
            Due::Lost => self.write_off(key),
            Due::Renew(position) => self.renew(key, position),
            Due::Stop => self.stop_user(key),
            Due::Grace => {
                self.give_up(key, Verdict::Stopped);
            }
            Due::Scenario | Due::User => {
                self.tell_to_stop(key);
                let verdict = if matches!(due, Due::User) {
                    Verdict::UserTimeout
                } else {
                    Verdict::ScenarioTimeout
                };
                if !self.give_up(key, verdict) {
                    self.conclude(key, Ending::Exit(Exit::TimeoutOut));
                }
            }
            Due::Task => {
                if !self.give_up(key, Verdict::TaskTimeout)
                    && let Some(ending) = self.timed_out(key)
                {
                    self.conclude(key, ending);
                }
            }
        }
    }

    /// A user that is to end: now, or when what it has in flight is complete.
    pub(crate) fn stop_user(&mut self, key: Key) {
        self.tell_to_stop(key);
        if self
            .users
            .get(key)
            .is_some_and(|user| user.task.flight.is_none())
        {
            self.conclude(key, Ending::Stopped);
        }
    }

    /// A downward ramp: the newest users are told to finish.
    fn ramp_down(&mut self) {
        for at in 0..self.tallies.len() {
            let scene = &self.program.scenes[at];
            if !matches!(scene.spawn, Spawn::Ramp { from, to, .. } if to < from) {
                continue;
            }
            let planned = scene.spawn.planned(self.clock.now());
            while let Some(&(_, key)) = self.tallies[at]
                .arrivals
                .last()
                .filter(|(index, _)| *index >= planned)
            {
                self.tallies[at].arrivals.pop();
                self.stop_user(key);
            }
        }
    }

    pub(crate) fn load_rows(&mut self, lag: Ns) {
        let now = self.clock.now();
        for (at, tally) in self.tallies.iter().enumerate() {
            let scene = &self.program.scenes[at];
            self.ledger.load(&LoadRow {
                scenario: u32::try_from(at).unwrap_or(u32::MAX),
                t: signed(now),
                planned: Tally::share(scene, &self.terms, scene.spawn.planned(now)),
                online: tally.online,
                stop: tally.stop,
                offline: tally.offline,
                started: tally.started,
                finished: tally.finished,
                in_flight: tally.started - tally.finished,
                oldest_in_flight: signed(tally.oldest),
                waiting_resource: tally.waiting,
                running_action: tally.running,
                throttled: 0,
                blocked: (tally.online + tally.stop).saturating_sub(tally.waiting + tally.running),
                dropped: 0,
                tick_lag: signed(lag),
            });
        }
    }
}
