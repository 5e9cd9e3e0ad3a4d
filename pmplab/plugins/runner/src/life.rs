//! A user's life: it comes at its planned instant, runs tasks as long as the plan says, and goes.

use std::rc::Rc;

use pmplab_dsl::plan::{Exit, Ns, Severity, Spawn};
use pmplab_records::rows::TaskRow;

use crate::clock::signed;
use crate::engine::{Engine, Phase};
use crate::names::{DONE, ERROR, EXIT_DONE, EXIT_ERROR, EXIT_STOPPED, EXIT_TIMEOUT, TIMEOUT};
use crate::ports::{Ledger, Protocol, Provider};
use crate::program::Scene;
use crate::slab::Key;
use crate::user::{Cursor, Ending, Task, User};

impl<P: Protocol, R: Provider, L: Ledger> Engine<P, R, L> {
    /// When the next user comes.
    pub(crate) fn next_arrival(&self) -> Option<Ns> {
        self.tallies.iter().filter_map(|tally| tally.next_at).min()
    }

    /// Lets the users come that are due, the earliest first, at most so many.
    pub(crate) fn spawn_due(&mut self, most: usize) {
        for _ in 0..most {
            let next = self
                .tallies
                .iter()
                .enumerate()
                .filter_map(|(scene, tally)| Some((tally.next_at?, scene)))
                .min();
            match next {
                Some((planned, scene)) if planned <= self.clock.now() => self.spawn(scene, planned),
                _ => return,
            }
        }
    }

    fn spawn(&mut self, at: usize, planned: Ns) {
        let program = Rc::clone(&self.program);
        let (scene, tally, now) = (&program.scenes[at], &mut self.tallies[at], self.clock.now());
        let index = tally.next;
        tally.next += self.terms.of;
        tally.schedule(scene);
        tally.online += 1;
        tally.last_spawn = Some(now);
        let task = Task {
            number: 0,
            planned,
            start: now,
            deadline: None,
            due: planned,
            vars: vec![Vec::new(); scene.vars.len()],
            visits: vec![0; scene.sites],
            attempts: 0,
            cursor: Cursor::START,
            flight: None,
            sent: false,
            stored: false,
        };
        let user = User {
            number: scene.first_user + index,
            scene: at,
            planned,
            stop: false,
            leases: scene.inherit.iter().map(|_| None).collect(),
            waiting: None,
            lease_wait: 0,
            iteration: 0,
            task,
        };
        let key = self.users.insert(user);
        if matches!(scene.spawn, Spawn::Ramp { from, to, .. } if to < from) {
            self.tallies[at].arrivals.push((index, key));
        }
        self.begin_task(key, planned);
        self.drive(key);
    }

    fn begin_task(&mut self, key: Key, planned: Ns) {
        let now = self.clock.now();
        let number = self.terms.shard + self.terms.of * self.tasks;
        let Some(user) = self.users.get_mut(key) else {
            return;
        };
        self.tasks += 1;
        self.tallies[user.scene].tasks_started += 1;
        user.iteration += 1;
        let task = &mut user.task;
        task.number = number;
        task.planned = planned;
        task.start = now.max(planned);
        task.deadline = self.program.scenes[user.scene]
            .task_timeout
            .map(|timeout| now.saturating_add(timeout));
        task.due = planned;
        task.vars.iter_mut().for_each(Vec::clear);
        task.visits.fill(0);
        task.attempts = 0;
        task.cursor = Cursor::START;
        (task.sent, task.stored) = (false, false);
    }

    /// Writes a task off, and begins the user's next one or lets the user go. True: the next one can be driven at once.
    pub(crate) fn end_task(&mut self, key: Key, ending: Ending) -> bool {
        let now = self.clock.now();
        let program = Rc::clone(&self.program);
        let Some(user) = self.users.get_mut(key) else {
            return false;
        };
        let scene = &program.scenes[user.scene];
        let tally = &mut self.tallies[user.scene];
        if user.waiting.take().is_some() {
            tally.waiting -= 1;
        }
        let task = &user.task;
        // What was sent ends the task when it ends, not when the core hears of it.
        let end = if task.sent {
            task.due.max(task.start)
        } else {
            now.max(task.start)
        };
        let (exit, state) = match ending {
            Ending::Exit(Exit::Closing) => (EXIT_DONE, DONE),
            Ending::Exit(Exit::TimeoutOut) => (EXIT_TIMEOUT, TIMEOUT),
            Ending::Exit(Exit::ErrorOut | Exit::Rollback) => (EXIT_ERROR, ERROR),
            Ending::Stopped => (EXIT_STOPPED, DONE),
        };
        self.ledger.task(&TaskRow {
            scenario: u32::try_from(user.scene).unwrap_or(u32::MAX),
            user: user.number,
            task: task.number,
            iteration: user.iteration,
            t_planned: signed(task.planned),
            t_start: signed(task.start),
            t_end: signed(end),
            exit,
            state,
            attempts: task.attempts,
        });
        tally.tasks_done += 1;
        let fatal = ending == Ending::Exit(Exit::ErrorOut)
            && scene.severity == Severity::Fatal
            && tally.closed.is_none();
        let (at, pace) = (user.scene, (task.sent, task.stored));
        if fatal {
            self.close_scene(at, "task.error_out");
            self.stop_reason.get_or_insert("fatal");
        }
        let Some(user) = self.users.get(key) else {
            return false;
        };
        if user.stop
            || self.phase != Phase::Running
            || self.tallies[at].closed.is_some()
            || !goes_on(scene, user, end)
        {
            self.end_user(key);
            return false;
        }
        self.begin_task(key, if pace.0 { end } else { now });
        match pace {
            (true, _) => {}
            (false, true) => self.ready.push_back(key),
            // It took no time: without a pause it would go round for ever.
            (false, false) => self.paused.push(key),
        }
        pace.0
    }

    /// Users that were put off until this tick begin their next task. The pause is no latency.
    pub(crate) fn resume_paused(&mut self) {
        let now = self.clock.now();
        for key in std::mem::take(&mut self.paused) {
            if let Some(user) = self.users.get_mut(key) {
                let task = &mut user.task;
                (task.planned, task.start, task.due) = (now, now, now);
                self.drive(key);
            }
        }
    }

    /// The user is gone.
    pub(crate) fn end_user(&mut self, key: Key) {
        self.release_leases(key);
        let Some(user) = self.users.remove(key) else {
            return;
        };
        for &slot in &self.program.scenes[user.scene].slots {
            self.protocols[slot].end_user(user.number);
        }
        let tally = &mut self.tallies[user.scene];
        tally.offline += 1;
        if user.stop {
            tally.stop -= 1;
        } else {
            tally.online -= 1;
        }
    }

    /// Tells a user to finish.
    pub(crate) fn tell_to_stop(&mut self, key: Key) {
        let Some(user) = self.users.get_mut(key) else {
            return;
        };
        if !user.stop {
            user.stop = true;
            let tally = &mut self.tallies[user.scene];
            tally.online -= 1;
            tally.stop += 1;
        }
    }
}

/// Whether a user whose task ended at `end` begins another.
fn goes_on(scene: &Scene, user: &User, end: Ns) -> bool {
    let more = scene
        .iterations
        .map_or(scene.task_duration.is_some(), |iterations| {
            u64::from(user.iteration) < iterations
        });
    more && scene
        .task_duration
        .is_none_or(|duration| end.saturating_sub(user.planned) < duration)
}
