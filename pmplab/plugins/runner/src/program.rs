//! The plan, compiled for running: indexes instead of names, one flat array of operations per scenario.

use pmplab_dsl::plan::{
    Alert, Arrival, Exit, Limit, Merge, Ns, Severity, Spawn, Start, Value, Variable,
};
use pmplab_records::Dictionaries;

use crate::ops::{NodeOp, Op, Pc, VarOp};
use crate::ports::ActionSpec;
use crate::user::Kept;

/// Everything that does not change while the run goes on.
#[derive(Debug)]
pub struct Program {
    pub name: String,
    pub tick: Ns,
    pub scenes: Vec<Scene>,
    pub resources: Vec<Pool>,
    pub dictionaries: Dictionaries,
    /// What each protocol slot must `prepare`: slot, action id, action.
    pub actions: Vec<(usize, u32, ActionSpec)>,
    pub limits: Vec<Limit>,
    /// Variables that all users of the shard share.
    pub shared: Vec<Shared>,
    pub alerts: Vec<Alert>,
    /// Where the variables are kept that the alerts read.
    pub watched: Vec<VarOp>,
    /// Names that stand for paths of the Workbook.
    pub aliases: Vec<(String, String)>,
    /// Sections whose changes are not written.
    pub silent: [bool; 6],
}

/// A variable of all users.
#[derive(Debug)]
pub struct Shared {
    pub name: String,
    /// Those that any scenario reads.
    pub fields: Vec<String>,
    pub merge: Merge,
    pub default: Option<Value>,
}

impl Shared {
    /// What it holds when the run begins.
    #[must_use]
    pub fn begin(&self) -> Kept {
        Kept {
            values: self.default.clone().into_iter().collect(),
            written: false,
        }
    }
}

/// A resource of the plan.
#[derive(Debug)]
pub struct Pool {
    pub name: String,
    pub kind: String,
    /// Slot of its provider.
    pub slot: usize,
    /// What the provider calls it.
    pub id: u32,
    pub ttl: Option<Ns>,
    pub auto_renew: bool,
    /// Users lease its entries.
    pub leased: bool,
    /// Index of its first key in the dictionary of resources, and how many there are.
    pub base: u32,
    pub keys: u32,
}

/// A scenario.
#[derive(Debug)]
pub struct Scene {
    pub name: String,
    pub workflow: String,
    pub portfolio: String,
    pub spawn: Spawn,
    pub users: u64,
    pub arrival: Option<Arrival>,
    pub pacing: Option<Ns>,
    pub start: Start,
    /// Number of its first user over the whole run.
    pub first_user: u64,
    pub task_duration: Option<Ns>,
    pub iterations: Option<u64>,
    pub max_duration: Option<Ns>,
    pub user_deadline: Option<Ns>,
    pub task_timeout: Option<Ns>,
    pub severity: Severity,
    pub inherit: Vec<usize>,
    pub vars: Vec<Variable>,
    /// By variable.
    pub keeps: Vec<VarOp>,
    /// Variables that begin with something that was saved for all.
    pub begins: Vec<usize>,
    pub error_exit: Exit,
    pub timeout_exit: Exit,
    pub ops: Vec<Op>,
    /// Where the workflow begins; a graph at its entry.
    pub entry: Pc,
    /// Where each of its steps begins.
    pub steps: Vec<Pc>,
    pub nodes: Vec<NodeOp>,
    /// The node at which a graph begins.
    pub first_node: Option<usize>,
    pub on_error: Option<Pc>,
    pub on_timeout: Option<Pc>,
    /// The variable `registers.flag`, and what is done when it takes a value.
    pub flag: Option<usize>,
    pub responses: Vec<(Value, Pc)>,
    /// How many calls it holds: `CallOp::site` is dense below it.
    pub sites: usize,
    /// Protocol slots that it calls.
    pub slots: Vec<usize>,
    /// Limits of which each user, and the scenario, keeps a bucket: indexes into `Program::limits`.
    pub user_limits: Vec<usize>,
    pub scene_limits: Vec<usize>,
    pub reads: Reads,
}

/// What costs more than a counter is kept only where something reads it.
#[derive(Debug, Clone, Copy, Default)]
#[allow(clippy::struct_excessive_bools, reason = "each stands for itself")]
pub struct Reads {
    /// The event that led to a step, and what its call was given.
    pub event: bool,
    pub inputs: bool,
    /// States and calls of the task so far.
    pub trace: bool,
    pub log: bool,
    pub latency: bool,
}

impl Reads {
    /// Whether what a path of the Workbook tells of a task is kept.
    #[must_use]
    pub fn keeps(self, path: &str) -> bool {
        match path {
            "timeline.transition_trace" => self.trace,
            "execution.action_log" => self.log,
            _ => true,
        }
    }
}
