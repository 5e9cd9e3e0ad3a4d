//! How a task moves on: to its next step, into a handler, out through an exit.

use std::rc::Rc;

use pmplab_dsl::plan::{Exit, Severity, Target};

use crate::engine::{Engine, Phase};
use crate::ports::{Event, Ledger, Protocol, Provider};
use crate::program::{Op, Scene};
use crate::slab::Key;
use crate::user::{Cause, Cursor, Ending, Level, Task, User, Verdict};

impl<P: Protocol, R: Provider, L: Ledger> Engine<P, R, L> {
    /// Moves a user on until something of it is in flight, it waits, or it is gone.
    pub(crate) fn drive(&mut self, key: Key) {
        while let Some(ending) = self.run_task(key) {
            if !self.end_task(key, ending) {
                return;
            }
        }
    }

    /// Ends a task from outside its own steps.
    pub(crate) fn conclude(&mut self, key: Key, ending: Ending) {
        if self.end_task(key, ending) {
            self.drive(key);
        }
    }

    /// Does what needs no waiting. An ending, when the task came to one.
    fn run_task(&mut self, key: Key) -> Option<Ending> {
        let program = Rc::clone(&self.program);
        loop {
            let user = self.users.get_mut(key)?;
            if user.task.flight.is_some() || user.waiting.is_some() {
                return None;
            }
            let scene = &program.scenes[user.scene];
            let Cursor {
                list, at, level, ..
            } = user.task.cursor;
            let Some(item) = scene.lists[list].get(at) else {
                let ended = match level {
                    Level::Main => Some(Ending::Exit(Exit::Closing)),
                    Level::Call(cause) => enter_workflow(scene, &mut user.task, cause),
                    Level::Workflow(cause) => fall_through(scene, &mut user.task, cause),
                };
                if ended.is_some() {
                    return ended;
                }
                continue;
            };
            match &item.op {
                Op::Goto(target) => match go(&mut user.task, target) {
                    Some(exit) => return Some(Ending::Exit(exit)),
                    None => continue,
                },
                Op::Log { .. } => {
                    user.task.cursor.at += 1;
                    self.log(key, list, at);
                }
                Op::Call(call) => {
                    if user.stop
                        || self.phase != Phase::Running
                        || self.tallies[user.scene].closed.is_some()
                    {
                        return Some(Ending::Stopped);
                    }
                    if !self.has_leases(key) {
                        return None;
                    }
                    let user = self.users.get_mut(key)?;
                    user.task.cursor.at += 1;
                    let event = self.submit(key, call, list, at)?;
                    let user = self.users.get_mut(key)?;
                    if let Some(ending) = judge(scene, &mut user.task, list, at, event) {
                        return Some(ending);
                    }
                }
            }
        }
    }

    /// The handler list of a workflow whose task is over its time: what it logs, and its first exit. It calls nothing any more.
    pub(crate) fn timed_out(&mut self, key: Key) -> Option<Ending> {
        let program = Rc::clone(&self.program);
        let user = self.users.get_mut(key)?;
        let scene = &program.scenes[user.scene];
        let Some(list) = scene.on_timeout else {
            return Some(Ending::Exit(scene.timeout_exit));
        };
        user.task.cursor = Cursor {
            list,
            at: 0,
            level: Level::Workflow(Cause::Timeout),
            resume: user.task.cursor.resume,
        };
        for (at, item) in scene.lists[list].iter().enumerate() {
            match &item.op {
                Op::Log { .. } => self.log(key, list, at),
                Op::Goto(Target::Exit(exit)) => return Some(Ending::Exit(*exit)),
                Op::Goto(_) | Op::Call(_) => {}
            }
        }
        Some(Ending::Exit(scene.timeout_exit))
    }

    /// Goes on after an action came back.
    pub(crate) fn settle(
        &mut self,
        key: Key,
        list: usize,
        at: usize,
        event: Event,
        verdict: Option<Verdict>,
    ) {
        let program = Rc::clone(&self.program);
        let Some(user) = self.users.get_mut(key) else {
            return;
        };
        let scene = &program.scenes[user.scene];
        let ending = match verdict {
            None => judge(scene, &mut user.task, list, at, event),
            Some(Verdict::LeaseExpired) => {
                if user.task.cursor.level == Level::Main {
                    user.task.cursor.resume = user.task.cursor.at;
                }
                enter_workflow(scene, &mut user.task, Cause::Fail)
            }
            Some(Verdict::TaskTimeout) => self.timed_out(key),
            Some(Verdict::UserTimeout | Verdict::ScenarioTimeout) => {
                Some(Ending::Exit(Exit::TimeoutOut))
            }
            Some(Verdict::Stopped | Verdict::Interrupted) => Some(Ending::Stopped),
        };
        match ending {
            Some(ending) => self.conclude(key, ending),
            None => self.drive(key),
        }
    }
}

/// Where a task goes after an event of a call.
fn judge(scene: &Scene, task: &mut Task, list: usize, at: usize, event: Event) -> Option<Ending> {
    let Op::Call(call) = &scene.lists[list][at].op else {
        return None;
    };
    let (cause, handler) = match event {
        Event::Success => return None,
        Event::Fail if call.proceed => return None,
        Event::Fail => (Cause::Fail, call.on_error),
        Event::Timeout => (Cause::Timeout, call.on_timeout),
    };
    match task.cursor.level {
        Level::Main => {
            task.cursor.resume = task.cursor.at;
            match handler {
                Some(list) => {
                    task.cursor = Cursor {
                        list,
                        at: 0,
                        level: Level::Call(cause),
                        ..task.cursor
                    };
                    None
                }
                None => enter_workflow(scene, task, cause),
            }
        }
        // A handler that fails gives way to the one around it.
        Level::Call(first) => enter_workflow(scene, task, first),
        Level::Workflow(first) => fall_through(scene, task, first),
    }
}

fn enter_workflow(scene: &Scene, task: &mut Task, cause: Cause) -> Option<Ending> {
    let list = match cause {
        Cause::Fail => scene.on_error,
        Cause::Timeout => scene.on_timeout,
    };
    match list {
        Some(list) => {
            task.cursor = Cursor {
                list,
                at: 0,
                level: Level::Workflow(cause),
                ..task.cursor
            };
            None
        }
        None => fall_through(scene, task, cause),
    }
}

/// No handler said where to go.
fn fall_through(scene: &Scene, task: &mut Task, cause: Cause) -> Option<Ending> {
    match cause {
        Cause::Timeout => Some(Ending::Exit(scene.timeout_exit)),
        Cause::Fail if scene.severity == Severity::Warn => {
            task.cursor = Cursor {
                list: 0,
                at: task.cursor.resume,
                level: Level::Main,
                resume: 0,
            };
            None
        }
        Cause::Fail => Some(Ending::Exit(scene.error_exit)),
    }
}

fn go(task: &mut Task, target: &Target) -> Option<Exit> {
    match target {
        Target::Exit(exit) => Some(*exit),
        Target::Node(_) | Target::Retry => Some(Exit::ErrorOut),
        Target::Step(at) => {
            task.cursor = Cursor {
                at: *at,
                ..Cursor::START
            };
            None
        }
    }
}

impl User {
    /// The state of its task, as `PHASES` has it.
    pub(crate) const fn state(&self) -> &'static str {
        match self.waiting {
            Some(_) => "executing.waiting_resource",
            None => "executing.running_action",
        }
    }
}
