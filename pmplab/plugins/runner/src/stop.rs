//! The ways in which a run ends before its plan is through.

use std::collections::HashMap;

use pmplab_dsl::plan::Ns;

use crate::engine::{Engine, Phase};
use crate::ports::{Ledger, Protocol, Provider};
use crate::slab::Key;
use crate::user::{Ending, Then, Verdict};

impl<P: Protocol, R: Provider, L: Ledger> Engine<P, R, L> {
    /// Drains the run, or with `at_once` cancels what is in flight and ends it.
    pub fn stop(&mut self, host: Ns, at_once: bool) {
        if self.phase == Phase::Finished {
            return;
        }
        self.clock.host(host);
        self.stop_reason
            .get_or_insert(if at_once { "interrupt" } else { "user" });
        if at_once {
            self.abandon();
            self.finish();
        } else if self.phase == Phase::Running {
            self.phase = Phase::Draining;
            self.close_all("run.stop");
            self.stop_users();
        }
    }

    /// Cancels everything and takes what comes of it; what does not come is written off.
    pub(crate) fn abandon(&mut self) {
        self.phase = Phase::Draining;
        self.abandoned = true;
        self.close_all("run.stop-at-once");
        self.interrupt_users();
        for slot in 0..self.flights.len() {
            if !self.flights[slot].is_empty() {
                self.advance(slot, 0, Vec::new());
            }
        }
        let left: Vec<(Key, u32)> = self
            .flights
            .iter()
            .flat_map(HashMap::values)
            .copied()
            .collect();
        for (key, at) in left {
            self.write_off(key, at);
        }
        self.stop_users();
        self.phase = Phase::Finished;
    }

    fn interrupt_users(&mut self) {
        let then = Then::End(Ending::Stopped, self.clock.now());
        for place in 0..self.users.capacity() {
            if let Some((key, user)) = self.users.at(place)
                && user.rest.is_none()
            {
                self.give_up_task(key, Verdict::Interrupted, then);
            }
        }
    }

    fn close_all(&mut self, cause: &str) {
        for at in 0..self.tallies.len() {
            if self.tallies[at].closed.is_none() {
                self.close_scene(at, cause);
            }
        }
    }

    fn stop_users(&mut self) {
        for place in 0..self.users.capacity() {
            if let Some((key, _)) = self.users.at(place) {
                self.stop_user(key);
            }
        }
    }
}
