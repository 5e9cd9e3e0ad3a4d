//! The tick: the control clock. It looks after deadlines, leases, gates, alerts and the load table, and delays nothing else.

use pmplab_dsl::plan::{Exit, Ns};
use pmplab_records::rows::{ChangeRow, LoadRow};

use crate::action::WRITE_OFF;
use crate::clock::signed;
use crate::engine::{Engine, Phase};
use crate::names::TIMELINE;
use crate::ports::{Ledger, Protocol, Provider};
use crate::slab::Key;
use crate::tally::Tally;
use crate::user::{Ending, Then, User, Verdict};

/// What a look at a user found to be due.
#[derive(Debug, Clone, Copy)]
enum Due {
    /// The outcome of this strand's action.
    Lost(u32),
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
        self.turns = 0;
        self.expire();
        self.end_scenes();
        self.look_after_users();
        self.look_at_gates();
        self.resume_paused();
        self.look_at_alerts();
        self.load_rows(lag);
    }

    /// `max-duration`: the scenario is over, whoever is still there.
    fn end_scenes(&mut self) {
        for at in 0..self.tallies.len() {
            if self.is_over_time(at) && self.tallies[at].closed.is_none() {
                self.close_scene(at, "scenario.max-duration");
            }
        }
    }

    fn is_over_time(&self, at: usize) -> bool {
        let tally = &self.tallies[at];
        let limit = self.program.scenes[at].max_duration;
        tally
            .begin
            .zip(limit)
            .is_some_and(|(begin, limit)| self.clock.now() >= begin.saturating_add(limit))
    }

    /// No user of the scenario begins anything new.
    pub(crate) fn close_scene(&mut self, at: usize, cause: &str) {
        let tally = &mut self.tallies[at];
        tally.closed = Some(self.clock.now());
        tally.next_at = None;
        tally.dropped += u64::try_from(tally.backlog.len()).unwrap_or(u64::MAX);
        tally.backlog.clear();
        if !tally.over {
            self.note_scene(at, "closing", cause);
        }
        self.look_if_over(at);
    }

    pub(crate) fn note_scene(&mut self, at: usize, state: &str, cause: &str) {
        self.note(&ChangeRow {
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
        let now = self.clock.now();
        let flies = |slot: usize, token: u64| self.flights[slot].contains_key(&token);
        for (tally, airborne) in self.tallies.iter_mut().zip(&mut self.airborne) {
            let oldest = airborne.oldest(flies);
            tally.oldest = oldest.map_or(0, |at| now.saturating_sub(at));
        }
        let due = match self.is_closing() {
            // All that is left is to end, as soon as it can.
            true => self.users.iter().map(|(key, _)| key).collect(),
            false => self.watch.due(now),
        };
        for key in due {
            if let Some(due) = self.users.get(key).and_then(|user| self.look(user)) {
                self.handle(key, due);
            }
            if let Some(at) = self.users.get(key).and_then(|user| self.next_look(user)) {
                self.watch.at(at, key);
            }
        }
    }

    /// Whether some of the users are to begin nothing new.
    fn is_closing(&self) -> bool {
        let closes = |tally: &Tally| tally.closed.is_some() && tally.users() > 0;
        self.phase != Phase::Running || self.tallies.iter().any(closes)
    }

    /// When something of a user may be due; what is due already is looked at in the next tick.
    pub(crate) fn next_look(&self, user: &User) -> Option<Ns> {
        let (scene, task) = (&self.program.scenes[user.scene], &user.task);
        let flights = task.each().filter_map(|strand| strand.flight.as_ref());
        let lost = flights
            .filter_map(|flight| flight.verdict)
            .map(|(_, since)| since.saturating_add(WRITE_OFF))
            .min();
        // What comes then may have deadlines of its own.
        if task.then.is_some() {
            return Some(self.clock.now());
        }
        let begin = self.tallies[user.scene].begin;
        let scene_ends = begin
            .zip(scene.max_duration)
            .map(|(b, limit)| b.saturating_add(limit));
        let user_ends = scene
            .user_deadline
            .map(|limit| user.planned.saturating_add(limit));
        let renew = user
            .leases
            .iter()
            .flatten()
            .filter_map(|held| held.renew)
            .min();
        let stops = user.stop.then(|| self.clock.now());
        [
            lost,
            scene_ends,
            user_ends,
            task.deadline,
            user.leaves,
            renew,
            stops,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn look(&self, user: &User) -> Option<Due> {
        let now = self.clock.now();
        let scene = &self.program.scenes[user.scene];
        let task = &user.task;
        if task.flying > 0 {
            let lost = (0..).zip(task.each()).find(|(_, strand)| {
                strand
                    .flight
                    .as_ref()
                    .is_some_and(|flight| self.is_lost(flight))
            });
            if let Some((at, _)) = lost {
                return Some(Due::Lost(at));
            }
        }
        if task.then.is_some() {
            return None;
        }
        if self.is_over_time(user.scene) {
            return Some(Due::Scenario);
        }
        if scene
            .user_deadline
            .is_some_and(|limit| now >= user.planned.saturating_add(limit))
        {
            return Some(Due::User);
        }
        if task.deadline.is_some_and(|deadline| now >= deadline) {
            return Some(Due::Task);
        }
        let closed = self.tallies[user.scene].closed;
        if (task.flying > 0 || task.rolling)
            && closed.is_some_and(|since| now >= since.saturating_add(self.terms.grace))
        {
            return Some(Due::Grace);
        }
        let leaves = user.leaves.is_some_and(|leaves| now >= leaves);
        if (closed.is_some() || user.stop || leaves || self.phase != Phase::Running)
            && (task.flying == 0 || !user.stop)
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
        let now = self.clock.now();
        match due {
            Due::Lost(at) => self.write_off(key, at),
            Due::Renew(position) => self.renew(key, position),
            Due::Stop => self.stop_user(key),
            Due::Grace => {
                self.give_up_task(key, Verdict::Stopped, Then::End(Ending::Stopped, now));
            }
            Due::Scenario | Due::User => {
                self.tell_to_stop(key);
                let verdict = if matches!(due, Due::User) {
                    Verdict::UserTimeout
                } else {
                    Verdict::ScenarioTimeout
                };
                let ending = Ending::Exit(Exit::TimeoutOut);
                if self.rests(key) {
                    self.end_user(key);
                } else {
                    self.give_up_task(key, verdict, Then::End(ending, now));
                }
            }
            Due::Task => {
                let rolling = self.users.get(key).is_some_and(|user| user.task.rolling);
                let then = if rolling {
                    Then::End(Ending::Exit(Exit::Rollback), now)
                } else {
                    Then::Late
                };
                self.give_up_task(key, Verdict::TaskTimeout, then);
            }
        }
    }

    fn rests(&self, key: Key) -> bool {
        self.users.get(key).is_some_and(|user| user.rest.is_some())
    }

    /// A user that is to end: now, or when what it has in flight is complete and what it did is undone.
    pub(crate) fn stop_user(&mut self, key: Key) {
        self.tell_to_stop(key);
        let Some(user) = self.users.get(key) else {
            return;
        };
        if user.rest.is_some() {
            self.end_user(key);
        } else if user.task.flying == 0 && !user.task.rolling {
            self.conclude(key, Ending::Stopped);
        }
    }

    pub(crate) fn load_rows(&mut self, lag: Ns) {
        let now = self.clock.now();
        for (at, tally) in self.tallies.iter().enumerate() {
            self.ledger.load(&LoadRow {
                scenario: u32::try_from(at).unwrap_or(u32::MAX),
                t: signed(now),
                planned: self.planned(at),
                online: tally.online,
                stop: tally.stop,
                offline: tally.offline,
                started: tally.started,
                finished: tally.finished,
                in_flight: tally.started - tally.finished,
                oldest_in_flight: signed(tally.oldest),
                waiting_resource: tally.waiting,
                running_action: tally.running,
                throttled: tally.throttled,
                blocked: tally
                    .users()
                    .saturating_sub(tally.waiting + tally.running + tally.throttled),
                dropped: tally.dropped,
                tick_lag: signed(lag),
            });
        }
    }

    /// Users of a scenario that the plan wants by now; of open load, as many as there are.
    pub(crate) fn planned(&self, at: usize) -> u64 {
        let (scene, tally) = (&self.program.scenes[at], &self.tallies[at]);
        if scene.arrival.is_some() || tally.begin.is_none_or(|begin| begin > self.clock.now()) {
            return tally.users();
        }
        let planned = scene.spawn.planned(tally.time(self.clock.now()));
        Tally::share(scene, &self.terms, planned)
    }
}
