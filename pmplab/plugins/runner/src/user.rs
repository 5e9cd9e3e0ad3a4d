//! What lives: users, their tasks, their leases, and what they have in flight.

use std::collections::VecDeque;

use pmplab_dsl::plan::{Exit, Ns, Value};
use pmplab_dsl::random::Rng;

use crate::limit::Bucket;
use crate::names::{MONITORING, ROLLBACK, RUNNING_ACTION};
use crate::ops::Pc;
use crate::ports::Event;
use crate::state::{Doing, State};
use crate::strand::{NOWHERE, Strand};

/// A virtual user, from its spawn until it is offline.
#[derive(Debug)]
pub struct User {
    /// Its number over the whole run and all shards.
    pub number: u64,
    pub scene: usize,
    /// When the plan wanted it.
    pub planned: Ns,
    /// When fewer users are planned, and this one is to finish.
    pub leaves: Option<Ns>,
    /// Told to finish: its last action may end, nothing new begins.
    pub stop: bool,
    /// One for each inherited resource; none: not leased (yet, or any more, or never).
    pub leases: Vec<Option<Held>>,
    /// The inherited resource for which it waits, and since when.
    pub waiting: Option<(usize, Ns)>,
    /// How long it waited for leases since its last action.
    pub lease_wait: Ns,
    pub iteration: u32,
    /// Draws of its own: what others draw does not move them.
    pub rng: Rng,
    /// Of the limits that each user has for itself.
    pub buckets: Vec<Bucket>,
    /// Between two tasks.
    pub rest: Option<Rest>,
    pub task: Task,
}

/// What a user waits for that is in no task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// The next tick: its last task took no time.
    Tick,
    /// The slot that its pacing gives it: number of the timer, and when.
    Slot(u64, Ns),
    /// An arrival.
    Idle,
}

/// A lease that a user holds.
#[derive(Debug)]
pub struct Held {
    pub id: u64,
    /// Index into the dictionary of resource keys.
    pub key: u32,
    pub fields: Vec<String>,
    pub expires: Option<Ns>,
    /// When it is to be renewed; none: never.
    pub renew: Option<Ns>,
}

/// One pass of a user through its workflow.
#[derive(Debug)]
pub struct Task {
    pub number: u64,
    pub planned: Ns,
    pub start: Ns,
    pub deadline: Option<Ns>,
    /// By variable.
    pub vars: Vec<Kept>,
    /// Entries of each call so far.
    pub visits: Vec<u32>,
    pub attempts: u32,
    /// Its one strand, or the first of several.
    pub main: Strand,
    /// Strand n is at n - 1.
    pub more: Vec<Strand>,
    /// How many of its actions are in flight.
    pub flying: u32,
    /// What comes when nothing of it is in flight any more.
    pub then: Option<Then>,
    /// It is over its time: its handler may log and leave, and nothing else.
    pub late: bool,
    /// It undoes what it did.
    pub rolling: bool,
    /// Compensations of the calls that succeeded, in their order.
    pub undo: Vec<Pc>,
    /// The risk flag was written and is still to be looked at.
    pub raised: bool,
    /// Responses that it has had: indexes into `Scene::responses`.
    pub responded: Vec<usize>,
    /// It sent something or waited, so that time goes by in it.
    pub sent: bool,
    /// It called a store.
    pub stored: bool,
    pub life: Life,
    pub evidence: Evidence,
    /// Its last states, and its last calls with their events, where something reads them.
    pub trace: VecDeque<State>,
    pub log: VecDeque<(Pc, Event)>,
}

/// The values of a variable; none: not saved.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Kept {
    /// Of `Variable::fields`.
    pub values: Vec<Value>,
    /// By a step, not by a default.
    pub written: bool,
}

/// Its state, since when, and how it came there.
#[derive(Debug, Clone, Copy)]
pub struct Life {
    pub state: State,
    pub since: Ns,
    /// Time in each of `Doing`, in their order.
    pub spent: [Ns; 4],
    /// The event that led to the state, and the node of its step.
    pub cause: &'static str,
    pub node: u32,
}

impl Life {
    #[must_use]
    pub const fn new(since: Ns) -> Self {
        Self {
            state: State::Initiating,
            since,
            spent: [0; 4],
            cause: "system.spawn",
            node: NOWHERE,
        }
    }

    /// Changes the state at a time. An illegal change is none. Time never goes back, and what is judged is still running.
    pub fn turn(&mut self, next: State, at: Ns, cause: &'static str, node: u32) {
        if self.state == next {
            return;
        }
        let legal = self.state.to(next);
        debug_assert!(legal.is_ok(), "{legal:?}");
        let Ok(next) = legal else { return };
        let doing = match self.state {
            State::Executing(doing) => doing,
            _ => Doing::RunningAction,
        };
        let at = at.max(self.since);
        self.spent[doing as usize] += at - self.since;
        (self.state, self.since, self.cause, self.node) = (next, at, cause, node);
    }
}

/// The last action that ended.
#[derive(Debug, Clone, Copy, Default)]
pub struct Evidence {
    pub event: Option<Event>,
    pub response: Ns,
    /// Its operation.
    pub pc: Option<Pc>,
    pub attempt: u32,
}

/// What becomes of a task whose strands were all cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// It ends, not before this time.
    End(Ending, Ns),
    /// The handler of its timeout.
    Late,
    /// Compensations.
    Undo,
}

impl Task {
    /// What a call of it belongs to: a handler's answers what was judged, and what undoes another is part of the end.
    #[must_use]
    pub fn phase(&self, at: u32) -> u32 {
        match self.strand(at) {
            _ if self.rolling => ROLLBACK,
            Some(strand) if strand.is_answer() => MONITORING,
            _ => RUNNING_ACTION,
        }
    }

    #[must_use]
    pub fn strand(&self, at: u32) -> Option<&Strand> {
        match at {
            0 => Some(&self.main),
            n => self.more.get(n as usize - 1),
        }
    }

    pub fn strand_mut(&mut self, at: u32) -> Option<&mut Strand> {
        match at {
            0 => Some(&mut self.main),
            n => self.more.get_mut(n as usize - 1),
        }
    }

    /// How many strands there are or were; each index below is one.
    #[must_use]
    pub fn strands(&self) -> u32 {
        1 + u32::try_from(self.more.len()).unwrap_or(u32::MAX - 1)
    }

    pub fn each(&self) -> impl Iterator<Item = &Strand> {
        std::iter::once(&self.main).chain(&self.more)
    }
}

/// Why the core gave an action up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    TaskTimeout,
    UserTimeout,
    ScenarioTimeout,
    LeaseExpired,
    /// Enough of the branches beside it are done, or one of them failed.
    Branch,
    /// The grace time of a stop is over.
    Stopped,
    /// Stopped at once.
    Interrupted,
}

impl Verdict {
    /// What stands in the action's row.
    #[must_use]
    pub const fn error_type(self) -> &'static str {
        match self {
            Self::TaskTimeout => "timeout.task",
            Self::UserTimeout => "timeout.user",
            Self::ScenarioTimeout => "timeout.scenario",
            Self::LeaseExpired => "resource.lease-expired",
            Self::Branch => "cancelled.branch",
            Self::Stopped => "cancelled.user-stop",
            Self::Interrupted => "cancelled.interrupt",
        }
    }

    /// Evidence for the row.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::TaskTimeout => "the workflow's timeout came while the action was in flight",
            Self::UserTimeout => "the user's deadline came while the action was in flight",
            Self::ScenarioTimeout => {
                "the scenario's max-duration came while the action was in flight"
            }
            Self::LeaseExpired => "the user's lease expired while the action was in flight",
            Self::Branch => "the branches beside it had decided the step, or the task was over",
            Self::Stopped => "the run was stopped, and the grace time was over",
            Self::Interrupted => "the run was stopped at once",
        }
    }

    #[must_use]
    pub const fn is_timeout(self) -> bool {
        matches!(
            self,
            Self::TaskTimeout | Self::UserTimeout | Self::ScenarioTimeout
        )
    }
}

/// How a task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    Exit(Exit),
    /// The run, the scenario or the plan's downward ramp stopped it between two actions.
    Stopped,
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUNNING: State = State::Executing(Doing::RunningAction);

    /// Turns to each of these, 10 ns apart.
    fn turned(states: &[State]) -> Life {
        let mut life = Life::new(0);
        for (at, state) in (10..).step_by(10).zip(states) {
            life.turn(*state, at, "test", NOWHERE);
        }
        life
    }

    #[test]
    fn a_life_goes_through_the_five_groups_in_their_order() {
        let all = [
            State::Planning,
            RUNNING,
            State::Monitoring,
            State::Executing(Doing::Blocked),
            RUNNING,
            State::Monitoring,
            State::Closing(Exit::Closing),
        ];
        assert_eq!(turned(&[]).state, State::Initiating);
        for (i, state) in all.iter().enumerate() {
            let life = turned(&all[..=i]);
            assert_eq!((life.state, life.since), (*state, 10 * (i as u64 + 1)));
        }
        assert_eq!(turned(&all).spent[Doing::Blocked as usize], 10);
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic = "Illegal"]
    fn a_life_does_not_run_unplanned() {
        turned(&[RUNNING]);
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic = "Illegal"]
    fn a_life_does_not_go_on_when_it_is_closed() {
        turned(&[State::Planning, State::Closing(Exit::ErrorOut), RUNNING]);
    }
}
