//! How a strand moves on, from operation to operation, until it waits for something or the task leaves.

use std::collections::VecDeque;
use std::rc::Rc;

use pmplab_dsl::plan::{Exit, Expr, Ns, Target, Template, Value};
use pmplab_dsl::template::{Undefined, holds, render, render_text};
use pmplab_records::rows::ChangeRow;

use crate::clock::signed;
use crate::engine::{Engine, Phase};
use crate::names::COMMUNICATIONS;
use crate::ops::{Code, End};
use crate::ports::{Ledger, Protocol, Provider};
use crate::program::Scene;
use crate::slab::Key;
use crate::state::{Doing, State};
use crate::strand::{Frame, Hold};
use crate::user::{Ending, User};

/// A strand that has done so much without waiting goes on in the next round: others have their turn.
const MOST_OPS: usize = 1000;
/// So many strands go on so between two ticks. What takes no time might go round for ever: the others wait for the tick,
/// with which deadlines come.
const MOST_TURNS: u32 = 20;

impl<P: Protocol, R: Provider, L: Ledger> Engine<P, R, L> {
    /// Moves a strand on, and what it starts, until all of it waits or the user is gone.
    pub(crate) fn drive(&mut self, key: Key, at: u32) {
        self.drive_one(key, at);
        while let Some((key, at)) = self.started.pop_front() {
            self.drive_one(key, at);
        }
    }

    fn drive_one(&mut self, key: Key, at: u32) {
        let mut at = at;
        while let Some(ending) = self.run_strand(key, at) {
            let Some(user) = self.users.get(key) else {
                return;
            };
            // What was sent ends the task when it ends, not when the core hears of it.
            let end = match user.task.strand(at) {
                Some(strand) if user.task.sent => strand.due,
                _ => self.clock.now(),
            };
            if !self.leave(key, ending, end) {
                return;
            }
            at = 0;
        }
    }

    /// Ends a task from outside its own steps.
    pub(crate) fn conclude(&mut self, key: Key, ending: Ending) {
        if self.leave(key, ending, self.clock.now()) {
            self.drive(key, 0);
        }
    }

    /// Does what needs no waiting. An ending, when the task came to one.
    fn run_strand(&mut self, key: Key, at: u32) -> Option<Ending> {
        let program = Rc::clone(&self.program);
        for _ in 0..MOST_OPS {
            let user = self.users.get_mut(key)?;
            if user.rest.is_some() || user.task.then.is_some() {
                return None;
            }
            let scene = &program.scenes[user.scene];
            if user.task.strand(at)?.hold != Hold::Nothing {
                self.park(key, at);
                return None;
            }
            if std::mem::take(&mut user.task.raised) {
                self.respond(key, at, scene);
                continue;
            }
            let ending = self.step_strand(key, at, scene);
            if ending.is_some() {
                return ending;
            }
        }
        self.turns += 1;
        if self.turns <= MOST_TURNS {
            self.ready.push_back((key, at));
        } else {
            // The pause is no latency.
            self.sleep(key, at, self.next_tick.max(self.clock.now() + 1));
            self.park(key, at);
        }
        None
    }

    /// One operation.
    fn step_strand(&mut self, key: Key, at: u32, scene: &Scene) -> Option<Ending> {
        let user = self.users.get_mut(key)?;
        let (late, scene_at) = (user.task.late, user.scene);
        let strand = user.task.strand_mut(at)?;
        let pc = strand.pc;
        let op = &scene.ops[pc as usize];
        match &op.code {
            Code::Call(_) | Code::Wait(_) | Code::Monitor { .. } if late => strand.pc += 1,
            Code::Fork(fork) if late => strand.pc = fork.after,
            Code::Call(call) => {
                if self.is_stopped(key, scene_at) {
                    return Some(Ending::Stopped);
                }
                if !self.has_leases(key) {
                    self.hold(key, at, Hold::Lease);
                    return None;
                }
                if self.is_throttled(key, at, call) {
                    return None;
                }
                let event = self.submit(key, at, call, pc)?;
                return self.judge(key, at, call, event);
            }
            Code::Log { .. } => {
                strand.pc += 1;
                self.log(key, at, pc);
            }
            Code::Goto(target) => return self.goto(key, at, scene, target),
            Code::Jump(to) => strand.pc = *to,
            Code::Unless { cond, to } => match self.holds(key, at, cond) {
                Ok(true) => self.step_on(key, at),
                Ok(false) => {
                    let to = *to;
                    self.users.get_mut(key)?.task.strand_mut(at)?.pc = to;
                }
                Err(undefined) => return self.fail_undefined(key, at, &undefined),
            },
            Code::Loop(_) => return self.enter_loop(key, at, scene, pc),
            Code::Again(to) => return self.next_round(key, at, scene, *to),
            Code::Fork(fork) => return self.fork(key, at, fork),
            Code::Wait(dist) => {
                let time = dist.sample(&mut user.rng);
                let strand = user.task.strand_mut(at)?;
                strand.pc += 1;
                let until = strand.due.saturating_add(time);
                user.task.sent |= time > 0;
                self.sleep(key, at, until);
            }
            Code::Update(writes) => return self.update(key, at, writes, op.node),
            Code::Monitor { cond, timeout } => return self.gate(key, at, cond, *timeout),
            Code::Route(route) => return self.route(key, at, scene, route),
            Code::End(end) => return self.end_list(key, at, scene, *end),
        }
        None
    }

    /// No call begins any more. What is undone is undone within the grace time of a stop.
    fn is_stopped(&self, key: Key, scene: usize) -> bool {
        let Some(user) = self.users.get(key) else {
            return true;
        };
        let closed = self.tallies[scene].closed;
        if user.task.rolling {
            let now = self.clock.now();
            return self.abandoned
                || closed.is_some_and(|since| now >= since.saturating_add(self.terms.grace));
        }
        user.stop || self.phase != Phase::Running || closed.is_some()
    }

    /// To the next operation.
    pub(crate) fn step_on(&mut self, key: Key, at: u32) {
        if let Some(strand) = self.strand_mut(key, at) {
            strand.pc += 1;
        }
    }

    pub(crate) fn hold(&mut self, key: Key, at: u32, hold: Hold) {
        if let Some(strand) = self.strand_mut(key, at) {
            strand.hold = hold;
        }
    }

    pub(crate) fn strand_mut(&mut self, key: Key, at: u32) -> Option<&mut crate::strand::Strand> {
        self.users.get_mut(key)?.task.strand_mut(at)
    }

    /// Waits until then, at which its next action is due.
    pub(crate) fn sleep(&mut self, key: Key, at: u32, until: Ns) {
        if until <= self.clock.now() {
            if let Some(strand) = self.strand_mut(key, at) {
                strand.due = until;
            }
            return;
        }
        let number = self.timers.set(until, key, Some(at));
        self.hold(key, at, Hold::Sleep(number, until));
    }

    /// Timers that are due by now.
    pub(crate) fn wake(&mut self) {
        let now = self.clock.now();
        while let Some(alarm) = self.timers.due(now) {
            let Some(user) = self.users.get_mut(alarm.key) else {
                continue;
            };
            let Some(at) = alarm.strand else {
                self.slot_came(alarm);
                continue;
            };
            let Some(strand) = user.task.strand_mut(at) else {
                continue;
            };
            let until = match strand.hold {
                Hold::Sleep(number, until) if number == alarm.number => {
                    strand.due = until;
                    until
                }
                Hold::Throttle(number, until) if number == alarm.number => until,
                _ => continue,
            };
            strand.hold = Hold::Nothing;
            let node = self.program.scenes[user.scene].ops[strand.pc as usize].node;
            let state = State::Executing(Doing::RunningAction);
            self.turn(alarm.key, state, until, "system.timer", node);
            self.drive(alarm.key, at);
        }
    }

    /// Changes the state of a task, and the counts of its scenario.
    pub(crate) fn turn(&mut self, key: Key, state: State, at: Ns, cause: &'static str, node: u32) {
        let Some(user) = self.users.get_mut(key) else {
            return;
        };
        let life = &mut user.task.life;
        let throttled = State::Executing(Doing::Throttled);
        let tally = &mut self.tallies[user.scene];
        if life.state == throttled && state != throttled {
            tally.throttled -= 1;
        } else if state == throttled && life.state != throttled {
            tally.throttled += 1;
        }
        if self.program.scenes[user.scene].reads.trace && life.state != state {
            remember(&mut user.task.trace, state);
        }
        user.task.life.turn(state, at, cause, node);
    }

    /// A strand waits: the task does what the liveliest of its strands does.
    fn park(&mut self, key: Key, at: u32) {
        let Some(user) = self.users.get(key) else {
            return;
        };
        let Some(strand) = user.task.strand(at) else {
            return;
        };
        let doing = if user.task.flying > 0 {
            Doing::RunningAction
        } else if user.waiting.is_some() {
            Doing::WaitingResource
        } else if user
            .task
            .each()
            .any(|strand| matches!(strand.hold, Hold::Throttle(..)))
        {
            Doing::Throttled
        } else {
            Doing::Blocked
        };
        let since = match doing {
            Doing::WaitingResource => self.clock.now(),
            // Its due time is that of the slot by now.
            Doing::Throttled => strand.due.saturating_sub(strand.throttle_wait),
            _ => strand.due,
        };
        let node = self.program.scenes[user.scene].ops[strand.pc as usize].node;
        let cause = match doing {
            Doing::RunningAction => "action.submit",
            Doing::WaitingResource => "resource.exhausted",
            Doing::Throttled => "limit.reached",
            Doing::Blocked => "workflow.wait",
        };
        self.turn(key, State::Executing(doing), since, cause, node);
    }

    /// The value of a template.
    pub(crate) fn evaluate(
        &self,
        key: Key,
        at: u32,
        template: &Template,
    ) -> Result<Value, Undefined> {
        let user = self.users.get(key).ok_or_else(gone)?;
        render(template, &self.scope(user, at, None))
    }

    /// Whether a condition holds.
    pub(crate) fn holds(&self, key: Key, at: u32, cond: &Expr) -> Result<bool, Undefined> {
        let user = self.users.get(key).ok_or_else(gone)?;
        holds(cond, &self.scope(user, at, None))
    }

    /// Follows a `goto`.
    fn goto(&mut self, key: Key, at: u32, scene: &Scene, target: &Target) -> Option<Ending> {
        let user = self.users.get_mut(key)?;
        let late = user.task.late;
        match target {
            Target::Exit(exit) => return self.exit(key, at, *exit),
            Target::Step(_) | Target::Node(_) | Target::Retry if late => self.step_on(key, at),
            Target::Step(step) => {
                let pc = *scene.steps.get(*step)?;
                self.only(key, at);
                let main = &mut self.users.get_mut(key)?.task.main;
                main.frames.clear();
                main.pc = pc;
            }
            Target::Node(node) => return self.enter_node(key, at, scene, *node),
            Target::Retry => return self.retry_call(key, at, scene),
        }
        None
    }

    /// A strand comes to an exit. In a graph the others still have their way to go; anywhere else it is the task's.
    pub(crate) fn exit(&mut self, key: Key, at: u32, exit: Exit) -> Option<Ending> {
        let user = self.users.get_mut(key)?;
        let strand = user.task.strand_mut(at)?;
        if exit != Exit::Closing || strand.node.is_none() || strand.parent.is_some() {
            return Some(Ending::Exit(exit));
        }
        strand.hold = Hold::Free;
        if user.task.each().any(crate::strand::Strand::lives) {
            self.look_at_joins(key);
            return None;
        }
        Some(Ending::Exit(exit))
    }

    /// The end of a list of steps.
    fn end_list(&mut self, key: Key, at: u32, scene: &Scene, end: End) -> Option<Ending> {
        let strand = self.strand_mut(key, at)?;
        match end {
            End::Workflow => self.exit(key, at, Exit::Closing),
            End::Branch => self.branch_done(key, at),
            End::Compensation => self.undo_next(key),
            End::Handler => self.handled(key, at, scene),
            End::Response => {
                while let Some(frame) = strand.frames.pop() {
                    if let Frame::Return(pc) = frame {
                        strand.pc = pc;
                        return None;
                    }
                }
                self.exit(key, at, Exit::Closing)
            }
        }
    }

    /// Writes what a `log.*` step says.
    fn log(&mut self, key: Key, at: u32, pc: u32) {
        let Some(user) = self.users.get(key) else {
            return;
        };
        let op = &self.program.scenes[user.scene].ops[pc as usize];
        let Code::Log { level, message } = &op.code else {
            return;
        };
        let mut text = String::new();
        if let Err(undefined) = render_text(message, &self.scope(user, at, None), &mut text) {
            text = format!("{text}({undefined})");
        }
        let row = ChangeRow {
            t: signed(self.clock.now()),
            section: COMMUNICATIONS,
            user: Some(user.number),
            task: Some(user.task.number),
            path: format!("log.{level}"),
            value: serde_json::Value::from(text).to_string(),
            cause: cause_of(user, at).to_owned(),
            node: Some(op.node),
        };
        let scene = user.scene;
        self.tell(scene, &row);
    }
}

/// Keeps the last sixteen.
pub fn remember<T>(list: &mut VecDeque<T>, one: T) {
    if list.len() >= 16 {
        list.pop_front();
    }
    list.push_back(one);
}

/// Nobody is there to ask for.
const fn gone() -> Undefined {
    Undefined {
        expression: String::new(),
        why: None,
    }
}

/// The event on account of which a strand does what it does.
pub fn cause_of(user: &User, at: u32) -> &'static str {
    user.task
        .strand(at)
        .and_then(crate::strand::Strand::cause)
        .map_or("workflow.step", crate::strand::Cause::name)
}
