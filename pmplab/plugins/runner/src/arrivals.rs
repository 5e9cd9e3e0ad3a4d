//! Who comes when: users on their plan, tasks on their schedule, scenarios one after the other.

use pmplab_dsl::plan::{Ns, Start, WhenFull};

use crate::engine::{Engine, Phase};
use crate::ports::{Ledger, Protocol, Provider};
use crate::slab::Key;
use crate::tally::Tally;
use crate::user::Rest;

impl<P: Protocol, R: Provider, L: Ledger> Engine<P, R, L> {
    /// The next instant that must not be missed: somebody comes, or a wait is over.
    pub(crate) fn next_instant(&self) -> Option<Ns> {
        let comes = self.tallies.iter().filter_map(|tally| tally.next_at);
        comes.chain(self.timers.next()).min()
    }

    /// Lets come who is due, the earliest first, at most so many.
    pub(crate) fn spawn_due(&mut self, most: usize) {
        for _ in 0..most {
            let next = self
                .tallies
                .iter()
                .enumerate()
                .filter_map(|(scene, tally)| Some((tally.next_at?, scene)))
                .min();
            match next {
                Some((planned, scene)) if planned <= self.clock.now() => self.come(scene, planned),
                _ => return,
            }
        }
    }

    fn come(&mut self, at: usize, planned: Ns) {
        if self.program.scenes[at].arrival.is_some() {
            self.tallies[at].schedule(&self.program.scenes[at]);
            self.arrive(at, planned);
            self.dismiss(at);
        } else {
            self.spawn(at, planned);
            self.tallies[at].schedule(&self.program.scenes[at]);
        }
    }

    fn spawn(&mut self, at: usize, planned: Ns) {
        let key = self.create(at, planned);
        self.begin_task(key, planned);
        self.drive(key, 0);
    }

    /// A task arrives: a free user carries it, or a new one, or it waits, or it is dropped.
    fn arrive(&mut self, at: usize, planned: Ns) {
        while let Some(key) = self.tallies[at].idle.pop() {
            let free = self
                .users
                .get(key)
                .is_some_and(|user| user.rest == Some(Rest::Idle) && !user.stop);
            if free {
                self.begin_task(key, planned);
                self.drive(key, 0);
                return;
            }
        }
        let scene = &self.program.scenes[at];
        if self.tallies[at].users() < Tally::share(scene, &self.terms, scene.users) {
            self.spawn(at, planned);
            return;
        }
        let tally = &mut self.tallies[at];
        match scene.arrival.as_ref().map(|arrival| arrival.when_full) {
            Some(WhenFull::Drop) => tally.dropped += 1,
            _ => tally.backlog.push_back(planned),
        }
    }

    /// A user has carried a task: it takes the next that waits, or waits itself. True: it can be driven at once.
    pub(crate) fn next_arrived(&mut self, key: Key, at: usize) -> bool {
        if let Some(planned) = self.tallies[at].backlog.pop_front() {
            self.begin_task(key, planned);
            return true;
        }
        self.rest(key, Rest::Idle);
        self.tallies[at].idle.push(key);
        self.dismiss(at);
        false
    }

    /// Nothing arrives any more: who waits for it goes.
    fn dismiss(&mut self, at: usize) {
        let tally = &mut self.tallies[at];
        if tally.next_at.is_none() && tally.backlog.is_empty() {
            for key in std::mem::take(&mut tally.idle) {
                self.end_user(key);
            }
        }
    }

    /// A user is gone while tasks wait: another comes in its place.
    pub(crate) fn replace_user(&mut self, at: usize) {
        let tally = &mut self.tallies[at];
        if self.phase == Phase::Running
            && tally.closed.is_none()
            && let Some(planned) = tally.backlog.pop_front()
        {
            self.arrive(at, planned);
        }
    }

    /// The scenarios that do not wait for another one.
    pub(crate) fn begin_scenes(&mut self) {
        for at in 0..self.tallies.len() {
            match self.program.scenes[at].start {
                Start::AtOnce => self.begin_scene(at, 0, "system.start"),
                Start::At(time) => self.begin_scene(at, time, "system.start"),
                Start::After(_) => {}
            }
        }
    }

    fn begin_scene(&mut self, at: usize, time: Ns, cause: &'static str) {
        let tally = &mut self.tallies[at];
        tally.begin = Some(time);
        tally.schedule(&self.program.scenes[at]);
        if time <= self.clock.now() {
            self.note_scene(at, "executing", cause);
        } else {
            self.note_scene(at, "planning", cause);
        }
        self.look_if_over(at);
    }

    /// A scenario is over when its last user is gone and none will come: then those begin that wait for it.
    pub(crate) fn look_if_over(&mut self, at: usize) {
        let now = self.clock.now();
        let tally = &mut self.tallies[at];
        if tally.over
            || tally.begin.is_none()
            || tally.users() > 0
            || tally.next_at.is_some()
            || !tally.backlog.is_empty()
        {
            return;
        }
        tally.over = true;
        if tally.closed.is_none() {
            self.note_scene(at, "closing.done", "system.end");
        }
        for next in 0..self.tallies.len() {
            if self.phase == Phase::Running
                && self.program.scenes[next].start == Start::After(at)
                && self.tallies[next].begin.is_none()
                && self.tallies[next].closed.is_none()
            {
                self.begin_scene(next, now, "scenario.end");
            }
        }
    }
}
