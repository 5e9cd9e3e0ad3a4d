//! A user's life: it comes at its planned instant, runs tasks as long as the plan says, and goes.

use std::collections::VecDeque;
use std::rc::Rc;

use pmplab_dsl::plan::{Exit, Ns, Severity};
use pmplab_dsl::random::Rng;
use pmplab_records::rows::TaskRow;
use serde_json::json;

use crate::clock::signed;
use crate::engine::{Engine, Phase};
use crate::limit::Bucket;
use crate::names::{
    DONE, ERROR, EXIT_DONE, EXIT_ERROR, EXIT_ROLLBACK, EXIT_STOPPED, EXIT_TIMEOUT, ROLLBACK,
    TIMEOUT,
};
use crate::ports::{Ledger, Protocol, Provider};
use crate::program::Scene;
use crate::save::misfit;
use crate::slab::Key;
use crate::state::{Doing, State};
use crate::strand::{NOWHERE, Strand};
use crate::timer::Alarm;
use crate::user::{Ending, Evidence, Kept, Life, Rest, Task, User};

impl<P: Protocol, R: Provider, L: Ledger> Engine<P, R, L> {
    /// A new user of a scenario.
    pub(crate) fn create(&mut self, at: usize, planned: Ns) -> Key {
        let program = Rc::clone(&self.program);
        let (scene, tally, now) = (&program.scenes[at], &mut self.tallies[at], self.clock.now());
        let index = tally.spare.pop().unwrap_or_else(|| {
            tally.next += self.terms.of;
            tally.next - self.terms.of
        });
        tally.online += 1;
        tally.last_spawn = Some(now);
        let number = scene.first_user + index;
        let mut vars = vec![Kept::default(); scene.vars.len()];
        set_defaults(scene, &mut vars, true);
        let task = Task {
            number: 0,
            planned,
            start: now,
            deadline: None,
            vars,
            visits: vec![0; scene.sites],
            attempts: 0,
            main: Strand::default(),
            more: Vec::new(),
            flying: 0,
            then: None,
            late: false,
            rolling: false,
            undo: Vec::new(),
            raised: false,
            responded: Vec::new(),
            sent: false,
            stored: false,
            life: Life::new(now),
            evidence: Evidence::default(),
            trace: VecDeque::new(),
            log: VecDeque::new(),
        };
        let user = User {
            number,
            scene: at,
            planned,
            leaves: scene
                .spawn
                .leaves(index)
                .zip(tally.begin)
                .filter(|_| scene.arrival.is_none())
                .map(|(leaves, begin)| begin.saturating_add(leaves)),
            stop: false,
            leases: scene.inherit.iter().map(|_| None).collect(),
            waiting: None,
            lease_wait: 0,
            iteration: 0,
            rng: Rng::stream(self.terms.seed, number),
            buckets: vec![Bucket::default(); scene.user_limits.len()],
            rest: None,
            task,
        };
        let look = self.next_look(&user);
        let key = self.users.insert(user);
        if let Some(at) = look {
            self.watch.at(at, key);
        }
        key
    }

    pub(crate) fn begin_task(&mut self, key: Key, planned: Ns) {
        let now = self.clock.now();
        let number = self.terms.shard + self.terms.of * self.tasks;
        let Some(user) = self.users.get_mut(key) else {
            return;
        };
        self.tasks += 1;
        self.tallies[user.scene].tasks_started += 1;
        user.iteration += 1;
        user.rest = None;
        let scene = &self.program.scenes[user.scene];
        let task = &mut user.task;
        task.number = number;
        task.planned = planned;
        task.start = now.max(planned);
        task.deadline = scene
            .task_timeout
            .map(|timeout| task.start.saturating_add(timeout));
        for (kept, keep) in task.vars.iter_mut().zip(&scene.keeps) {
            if !keep.user {
                kept.values.clear();
                kept.written = false;
            }
        }
        set_defaults(scene, &mut task.vars, false);
        if let Some(deadline) = task.deadline {
            self.watch.at(deadline, key);
        }
        task.visits.fill(0);
        task.attempts = 0;
        task.main.restart(planned);
        task.main.pc = scene.entry;
        task.main.node = scene.first_node;
        task.more.clear();
        (task.late, task.rolling, task.raised) = (false, false, false);
        task.undo.clear();
        task.responded.clear();
        (task.sent, task.stored) = (false, false);
        task.evidence = Evidence::default();
        task.life = Life::new(task.start);
        let start = task.start;
        task.life
            .turn(State::Planning, start, "task.planned", NOWHERE);
        let running = State::Executing(Doing::RunningAction);
        task.life.turn(running, start, "task.start", NOWHERE);
        task.log.clear();
        task.trace.clear();
        if scene.reads.trace {
            task.trace
                .extend([State::Initiating, State::Planning, running]);
        }
        if !scene.begins.is_empty() {
            self.begin_with(key);
        }
    }

    /// Fills the variables of a new task that begin with what was saved for all. What has no value leaves the default there.
    fn begin_with(&mut self, key: Key) {
        let program = Rc::clone(&self.program);
        let Some(user) = self.users.get(key) else {
            return;
        };
        let scene = &program.scenes[user.scene];
        for &var in &scene.begins {
            let variable = &scene.vars[var];
            let Some(Ok(value)) = variable
                .begin
                .as_ref()
                .map(|template| self.evaluate(key, 0, template))
            else {
                continue;
            };
            if let Some(message) = misfit(variable, &value) {
                let what = json!({"error_type": "expression.bad-value", "message": message});
                self.issue(key, 0, "task.start", &what);
            } else if let Some(user) = self.users.get_mut(key) {
                user.task.vars[var].values = vec![value];
            }
        }
    }

    /// Writes a task off, and begins the user's next one or lets the user go. True: the next one can be driven at once.
    pub(crate) fn end_task(&mut self, key: Key, ending: Ending, end: Ns) -> bool {
        let program = Rc::clone(&self.program);
        let Some(user) = self.users.get(key) else {
            return false;
        };
        let (at, scene) = (user.scene, &program.scenes[user.scene]);
        let end = end.max(user.task.life.since);
        if let Ending::Exit(exit @ (Exit::ErrorOut | Exit::Rollback)) = ending {
            self.failed_task(key, exit.name());
        }
        self.stop_waiting(key);
        let (state, cause) = match ending {
            Ending::Exit(exit) => (exit, exit.name()),
            Ending::Stopped => (Exit::Closing, "stopped"),
        };
        self.turn(key, State::Closing(state), end, cause, NOWHERE);
        self.write_task(key, ending, end);
        let tally = &mut self.tallies[at];
        tally.tasks_done += 1;
        let fatal = ending == Ending::Exit(Exit::ErrorOut)
            && scene.severity == Severity::Fatal
            && tally.closed.is_none();
        if fatal {
            self.close_scene(at, "task.error_out");
            self.stop_reason.get_or_insert("fatal");
        }
        if ending == Ending::Exit(Exit::Rollback) {
            self.release_leases(key);
        }
        let Some(user) = self.users.get_mut(key) else {
            return false;
        };
        user.task.deadline = None;
        if user.stop || self.phase != Phase::Running || self.tallies[at].closed.is_some() {
            self.end_user(key);
            return false;
        }
        if scene.arrival.is_some() {
            return self.next_arrived(key, at);
        }
        let planned = user.task.planned;
        let (sent, stored) = (user.task.sent, user.task.stored);
        let next = if sent { end } else { self.clock.now() };
        let slot = scene
            .pacing
            .map_or(next, |pacing| next.max(planned.saturating_add(pacing)));
        if !goes_on(scene, user, slot) {
            self.end_user(key);
            return false;
        }
        if slot > self.clock.now() {
            let number = self.timers.set(slot, key, None);
            self.rest(key, Rest::Slot(number, slot));
        } else if sent {
            self.begin_task(key, slot);
            return true;
        } else if stored {
            self.begin_task(key, slot);
            self.ready.push_back((key, 0));
        } else {
            // It took no time: without a pause it would go round for ever.
            self.rest(key, Rest::Tick);
            self.paused.push(key);
        }
        false
    }

    pub(crate) fn rest(&mut self, key: Key, rest: Rest) {
        if let Some(user) = self.users.get_mut(key) {
            user.rest = Some(rest);
        }
    }

    fn write_task(&mut self, key: Key, ending: Ending, end: Ns) {
        let Some(user) = self.users.get(key) else {
            return;
        };
        let (exit, state) = match ending {
            Ending::Exit(Exit::Closing) => (EXIT_DONE, DONE),
            Ending::Exit(Exit::TimeoutOut) => (EXIT_TIMEOUT, TIMEOUT),
            Ending::Exit(Exit::ErrorOut) => (EXIT_ERROR, ERROR),
            Ending::Exit(Exit::Rollback) => (EXIT_ROLLBACK, ROLLBACK),
            Ending::Stopped => (EXIT_STOPPED, DONE),
        };
        let entry = self.entry(user, state);
        let task = &user.task;
        let spent = |doing: Doing| signed(task.life.spent[doing as usize]);
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
            waiting_resource: spent(Doing::WaitingResource),
            running_action: spent(Doing::RunningAction),
            throttled: spent(Doing::Throttled),
            blocked: spent(Doing::Blocked),
        });
        self.entries.extend(entry);
    }

    /// Users that were put off until this tick begin their next task. The pause is no latency.
    pub(crate) fn resume_paused(&mut self) {
        let now = self.clock.now();
        for key in std::mem::take(&mut self.paused) {
            let rests = self
                .users
                .get(key)
                .is_some_and(|user| user.rest == Some(Rest::Tick));
            if rests {
                self.begin_task(key, now);
                self.drive(key, 0);
            }
        }
    }

    /// The slot of a user's next task has come.
    pub(crate) fn slot_came(&mut self, alarm: Alarm) {
        let Some(Rest::Slot(number, slot)) = self.users.get(alarm.key).and_then(|user| user.rest)
        else {
            return;
        };
        if number == alarm.number {
            self.begin_task(alarm.key, slot);
            self.drive(alarm.key, 0);
        }
    }

    /// The user is gone.
    pub(crate) fn end_user(&mut self, key: Key) {
        self.stop_waiting(key);
        self.release_leases(key);
        let Some(user) = self.users.remove(key) else {
            return;
        };
        let scene = &self.program.scenes[user.scene];
        for &slot in &scene.slots {
            self.protocols[slot].end_user(user.number);
        }
        let tally = &mut self.tallies[user.scene];
        tally.offline += 1;
        if user.stop {
            tally.stop -= 1;
        } else {
            tally.online -= 1;
        }
        if scene.arrival.is_some() {
            tally.spare.push(user.number - scene.first_user);
            self.replace_user(user.scene);
        }
        self.look_if_over(user.scene);
    }

    /// Tells a user to finish.
    pub(crate) fn tell_to_stop(&mut self, key: Key) {
        let Some(user) = self.users.get_mut(key) else {
            return;
        };
        if !user.stop {
            user.stop = true;
            self.watch.at(self.clock.now(), key);
            let tally = &mut self.tallies[user.scene];
            tally.online -= 1;
            tally.stop += 1;
        }
    }
}

/// What variables hold that nothing has written yet: those of a user, or those of a task.
fn set_defaults(scene: &Scene, vars: &mut [Kept], of_user: bool) {
    for ((kept, keep), var) in vars.iter_mut().zip(&scene.keeps).zip(&scene.vars) {
        if let Some(default) = var.default.as_ref().filter(|_| keep.user == of_user) {
            kept.values.clear();
            kept.values.push(default.clone());
        }
    }
}

/// Whether a user begins another task at `start`.
fn goes_on(scene: &Scene, user: &User, start: Ns) -> bool {
    let more = scene
        .iterations
        .map_or(scene.task_duration.is_some(), |iterations| {
            u64::from(user.iteration) < iterations
        });
    more && scene
        .task_duration
        .is_none_or(|duration| start.saturating_sub(user.planned) < duration)
}
