//! What lives: users, their tasks, their leases, and what they have in flight.

use pmplab_dsl::plan::{Exit, Ns, Value};

/// A virtual user, from its spawn until it is offline.
#[derive(Debug)]
pub struct User {
    /// Its number over the whole run and all shards.
    pub number: u64,
    pub scene: usize,
    /// When the plan wanted it.
    pub planned: Ns,
    /// Told to finish: its last action may end, nothing new begins.
    pub stop: bool,
    /// One for each inherited resource; none: not leased (yet, or any more, or never).
    pub leases: Vec<Option<Held>>,
    /// The inherited resource for which it waits, and since when.
    pub waiting: Option<(usize, Ns)>,
    /// How long it waited for leases since its last action.
    pub lease_wait: Ns,
    pub iteration: u32,
    pub task: Task,
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
    /// When its next action became due.
    pub due: Ns,
    /// Values of `Variable::fields`, by variable; empty: not saved.
    pub vars: Vec<Vec<Value>>,
    /// Entries of each call so far.
    pub visits: Vec<u32>,
    pub attempts: u32,
    pub cursor: Cursor,
    pub flight: Option<Flight>,
    /// It sent something, so that time goes by in it.
    pub sent: bool,
    /// It called a store.
    pub stored: bool,
}

/// Where a task stands.
#[derive(Debug, Clone, Copy)]
pub struct Cursor {
    pub list: usize,
    pub at: usize,
    pub level: Level,
    /// Where the workflow itself goes on.
    pub resume: usize,
}

impl Cursor {
    pub const START: Self = Self {
        list: 0,
        at: 0,
        level: Level::Main,
        resume: 0,
    };
}

/// Whose steps a task is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Main,
    /// A handler of one call.
    Call(Cause),
    /// A handler of the workflow.
    Workflow(Cause),
}

impl Level {
    /// The event that led here, as the change stream names it.
    #[must_use]
    pub const fn event(self) -> &'static str {
        match self {
            Self::Main => "workflow.step",
            Self::Call(Cause::Fail) | Self::Workflow(Cause::Fail) => "action.fail",
            Self::Call(Cause::Timeout) | Self::Workflow(Cause::Timeout) => "action.timeout",
        }
    }
}

/// Why a handler runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    Fail,
    Timeout,
}

/// An action in flight.
#[derive(Debug)]
pub struct Flight {
    pub slot: usize,
    pub token: u64,
    /// Which item of which list it is.
    pub list: usize,
    pub at: usize,
    pub submitted: Ns,
    /// The core gave it up: why, and when.
    pub verdict: Option<(Verdict, Ns)>,
}

/// Why the core gave an action up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    TaskTimeout,
    UserTimeout,
    ScenarioTimeout,
    LeaseExpired,
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
