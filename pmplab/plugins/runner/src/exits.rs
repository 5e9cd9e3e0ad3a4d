//! How a task leaves: what is in flight is cancelled first, and what was done may be undone.

use pmplab_dsl::plan::{Exit, Ns};

use crate::action::WRITE_OFF;
use crate::engine::Engine;
use crate::ports::{Event, Ledger, Protocol, Provider};
use crate::slab::Key;
use crate::strand::{Cause, Frame, Hold, Level, Seen};
use crate::user::{Ending, Task, Then, Verdict};

impl<P: Protocol, R: Provider, L: Ledger> Engine<P, R, L> {
    /// A task comes to an ending. True: the user's next task can be driven at once.
    pub(crate) fn leave(&mut self, key: Key, ending: Ending, end: Ns) -> bool {
        let Some(user) = self.users.get(key) else {
            return false;
        };
        let undoes = ending == Ending::Exit(Exit::Rollback) && !user.task.rolling;
        if user.task.flying == 0 && user.task.more.is_empty() && !undoes {
            return self.end_task(key, ending, end);
        }
        let then = if undoes {
            Then::Undo
        } else {
            Then::End(ending, end)
        };
        self.cancel_all_strands(key, Verdict::Branch);
        self.after_flights(key, then)
    }

    pub(crate) fn cancel_all_strands(&mut self, key: Key, verdict: Verdict) {
        let count = self.users.get(key).map_or(0, |user| user.task.strands());
        for at in 0..count {
            self.cancel(key, at, verdict);
        }
    }

    /// Does what is left to do when nothing of the task is in flight, now or later. True: the next task can be driven at once.
    pub(crate) fn after_flights(&mut self, key: Key, then: Then) -> bool {
        let now = self.clock.now();
        let Some(user) = self.users.get_mut(key) else {
            return false;
        };
        user.task.then = Some(then);
        if user.task.flying > 0 {
            return false;
        }
        user.task.then = None;
        match then {
            Then::End(ending, end) => self.end_task(key, ending, end),
            Then::Late => {
                self.begin_late(key);
                false
            }
            Then::Undo => {
                self.stop_waiting(key);
                if let Some(user) = self.users.get_mut(key) {
                    let due = user.task.each().map(|strand| strand.due).max();
                    let task = &mut user.task;
                    task.more.clear();
                    task.main.restart(due.unwrap_or(now));
                    (task.rolling, task.late) = (true, false);
                    // Undoing has its own time.
                    task.deadline = self.program.scenes[user.scene]
                        .task_timeout
                        .map(|timeout| now.saturating_add(timeout));
                }
                if let Some(ending) = self.undo_next(key) {
                    return self.leave(key, ending, now);
                }
                self.drive(key, 0);
                false
            }
        }
    }

    /// The outcome of what was given up has come.
    pub(crate) fn landed(&mut self, key: Key, end: Ns) {
        let Some(user) = self.users.get_mut(key) else {
            return;
        };
        let Some(mut then) = user.task.then else {
            return;
        };
        if let Then::End(_, at) = &mut then {
            *at = end.max(*at);
        }
        user.task.then = Some(then);
        if user.task.flying == 0 && self.after_flights(key, then) {
            self.drive(key, 0);
        }
    }

    /// Compensations of what succeeded, the last first. An ending, when all is undone.
    pub(crate) fn undo_next(&mut self, key: Key) -> Option<Ending> {
        let task = &mut self.users.get_mut(key)?.task;
        let Some(pc) = task.undo.pop() else {
            return Some(Ending::Exit(Exit::Rollback));
        };
        task.main.frames.clear();
        task.main.hold = Hold::Nothing;
        task.main.node = None;
        task.main.pc = pc;
        None
    }

    /// A task is over its time: its handler may log and leave, and calls nothing any more.
    fn begin_late(&mut self, key: Key) {
        let now = self.clock.now();
        self.stop_waiting(key);
        let Some(user) = self.users.get_mut(key) else {
            return;
        };
        let scene = &self.program.scenes[user.scene];
        let task = &mut user.task;
        let late = timed_out(task);
        task.more.clear();
        task.main.restart(now);
        task.main.seen = Some(late);
        (task.late, task.deadline) = (true, None);
        match scene.on_timeout {
            Some(pc) => {
                task.main.frames.push(Frame::Handler {
                    level: Level::Workflow,
                    cause: Cause::Timeout,
                    resume: pc,
                    of: task.main.call,
                });
                task.main.pc = pc;
                self.drive(key, 0);
            }
            None => {
                let exit = scene.timeout_exit;
                self.conclude(key, Ending::Exit(exit));
            }
        }
    }

    /// A user does not wait for a lease any more.
    pub(crate) fn stop_waiting(&mut self, key: Key) {
        if let Some(user) = self.users.get_mut(key)
            && user.waiting.take().is_some()
        {
            self.tallies[user.scene].waiting -= 1;
        }
    }

    /// Gives up everything of a task at once, and says what comes then.
    pub(crate) fn give_up_task(&mut self, key: Key, verdict: Verdict, then: Then) {
        self.cancel_all_strands(key, verdict);
        if self.after_flights(key, then) {
            self.drive(key, 0);
        }
    }

    /// Gives the action of a strand up; its outcome follows.
    pub(crate) fn give_up(&mut self, key: Key, at: u32, verdict: Verdict, now: Ns) {
        let Some(flight) = self
            .strand_mut(key, at)
            .and_then(|strand| strand.flight.as_mut())
        else {
            return;
        };
        if flight.verdict.is_none() {
            flight.verdict = Some((verdict, now));
            let (slot, token) = (flight.slot, flight.token);
            self.protocols[slot].cancel(token);
            self.watch.at(now.saturating_add(WRITE_OFF), key);
        } else if verdict == Verdict::Interrupted {
            flight.verdict = Some((verdict, now));
        }
    }
}

/// The event of a task that is over its time: that of an action that was cancelled for it, or one of the task alone.
fn timed_out(task: &mut Task) -> Box<Seen> {
    let kind = Some(Verdict::TaskTimeout.error_type());
    let cut = std::iter::once(&mut task.main)
        .chain(&mut task.more)
        .filter_map(|strand| strand.seen.take())
        .find(|seen| seen.kind == kind);
    cut.unwrap_or_else(|| {
        Box::new(Seen {
            event: Some(Event::Timeout),
            kind,
            message: Some("the workflow's timeout came while no action was in flight".to_owned()),
            source: "system",
            pc: task.main.pc,
            ..Seen::default()
        })
    })
}
