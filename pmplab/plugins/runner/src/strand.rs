//! Where a task stands. A linear task is one strand; branches side by side are one each.

use pmplab_dsl::plan::{Ns, Value};

use crate::ops::Pc;
use crate::ports::Event;
use crate::user::Verdict;

/// No operation, no node.
pub const NOWHERE: u32 = u32::MAX;

/// A line of steps that runs by itself.
#[derive(Debug, Default)]
pub struct Strand {
    pub pc: Pc,
    /// Loops and handlers that it is in, the innermost last.
    pub frames: Vec<Frame>,
    pub hold: Hold,
    pub flight: Option<Flight>,
    /// When its next action became due.
    pub due: Ns,
    /// The last call.
    pub call: Tried,
    /// The call is tried again, it is not entered anew.
    pub again: bool,
    /// How long the script's own limits held its next action back, and how many of them it has passed.
    pub throttle_wait: Ns,
    pub passed: usize,
    /// What led here, where something may ask.
    pub seen: Option<Box<Seen>>,
    /// The event of its graph node, which the route asks for; none: success.
    pub event: Option<Cause>,
    /// The strand that waits for this one as for a branch.
    pub parent: Option<u32>,
    /// It was begun inside a handler or the answer to a risk, and on account of which event.
    pub answers: bool,
    pub began: Option<Cause>,
    /// The node of the graph that it is in.
    pub node: Option<usize>,
}

impl Strand {
    /// Back to the beginning, with what it has allocated.
    pub fn restart(&mut self, due: Ns) {
        let Self {
            pc,
            frames,
            hold,
            flight,
            due: was_due,
            call,
            again,
            throttle_wait,
            passed,
            seen,
            event,
            parent,
            answers,
            began,
            node,
        } = self;
        frames.clear();
        (*pc, *hold, *was_due, *call) = (0, Hold::Nothing, due, Tried::default());
        (*again, *throttle_wait, *passed) = (false, 0, 0);
        (*flight, *seen) = (None, None);
        (*event, *parent, *node) = (None, None, None);
        (*answers, *began) = (false, None);
    }

    /// It is inside a handler or the answer to a risk, here or where it was begun.
    #[must_use]
    pub fn is_answer(&self) -> bool {
        let answers = |frame: &Frame| matches!(frame, Frame::Handler { .. } | Frame::Return(_));
        self.answers || self.frames.iter().any(answers)
    }

    /// The event on account of which it does what it does; none: the workflow has it so.
    #[must_use]
    pub fn cause(&self) -> Option<Cause> {
        self.handler().map(|(_, cause)| cause).or(self.began)
    }

    /// Something of it runs, or will.
    #[must_use]
    pub const fn lives(&self) -> bool {
        !matches!(self.hold, Hold::Free | Hold::Doomed)
    }

    /// Goes into a handler; `resume` is where the workflow goes on if it does.
    pub fn enter(&mut self, level: Level, cause: Cause, resume: Pc, handler: Pc) {
        self.frames.push(Frame::Handler {
            level,
            cause,
            resume,
            of: self.call,
        });
        self.pc = handler;
    }

    /// The handler that it is in, the innermost first.
    #[must_use]
    pub fn handler(&self) -> Option<(Level, Cause)> {
        self.frames.iter().rev().find_map(|frame| match frame {
            Frame::Handler { level, cause, .. } => Some((*level, *cause)),
            Frame::Loop { .. } | Frame::Return(_) => None,
        })
    }
}

/// A call as it was last tried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tried {
    pub pc: Pc,
    /// How many frames there were.
    pub frames: usize,
    /// Attempts in this visit, 0 before any, and which visit it is.
    pub attempt: u32,
    pub visit: u32,
}

/// What a strand waits for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Hold {
    /// It can go on.
    #[default]
    Nothing,
    /// Its action is in flight.
    Flight,
    /// The task has no lease yet.
    Lease,
    /// A timer of this number, at this time.
    Throttle(u64, Ns),
    Sleep(u64, Ns),
    /// Gate: looked at every tick, until then.
    Watch(Ns),
    /// So many of its branches.
    Branches(usize),
    /// The others that lead to this node of the graph; how many have come.
    Join(usize, u32),
    /// Cancelled; the outcome of its action is still to come.
    Doomed,
    /// It is over: the place can be taken.
    Free,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Frame {
    Loop {
        /// The operation.
        at: Pc,
        round: u64,
        /// How many rounds there are; none: as long as its condition holds.
        rounds: Option<u64>,
        items: Vec<Value>,
    },
    Handler {
        level: Level,
        cause: Cause,
        /// Where the workflow goes on if it does.
        resume: Pc,
        /// The call whose event led here.
        of: Tried,
    },
    /// Where to go on after the response to a risk.
    Return(Pc),
}

/// Whose handler it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Call,
    Workflow,
}

/// Why a handler runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    Fail,
    Timeout,
}

impl Cause {
    /// As the change stream names it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fail => "action.fail",
            Self::Timeout => "action.timeout",
        }
    }
}

/// An action in flight.
#[derive(Debug)]
pub struct Flight {
    pub slot: usize,
    pub token: u64,
    /// The operation.
    pub pc: Pc,
    pub submitted: Ns,
    /// The core gave it up: why, and when.
    pub verdict: Option<(Verdict, Ns)>,
    /// What its holes were filled with, where something may ask.
    pub inputs: Option<Box<[Value]>>,
}

/// The event of a step, as `event.*` and the registers tell it.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    pub event: Option<Event>,
    /// Index into `ERROR_TYPES`; none on success.
    pub kind: Option<&'static str>,
    pub message: Option<String>,
    pub status: Option<i32>,
    /// `action`, `resource` or `system`.
    pub source: &'static str,
    /// The operation that it is of.
    pub pc: Pc,
    /// The call's outputs and inputs, where something asks.
    pub outputs: Vec<Value>,
    pub inputs: Option<Box<[Value]>>,
}
