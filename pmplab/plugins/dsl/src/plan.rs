//! The plan: what a checked script means. The parser makes it, the scheduler runs it, nothing else reads the script.

use serde::Serialize;
use serde_json::Value as Json;

/// Nanoseconds, as a duration or since the start of the run.
pub type Ns = u64;

/// A whole checked bundle.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// L0 of the WBS.
    pub program: String,
    /// Version of the language, such as `1.0`.
    pub version: String,
    /// Control clock: spawn and stop, deadlines, lease renewal, snapshots. Never a timestamp, never a dispatch.
    pub tick: Ns,
    pub components: Vec<Component>,
    pub resources: Vec<Resource>,
    pub scenarios: Vec<Scenario>,
    /// Keys of `kv`-like constants readable as `global.*`.
    pub globals: Json,
    pub wbs: WbsNode,
}

/// A declared component.
#[derive(Debug, Clone, Serialize)]
pub struct Component {
    pub name: String,
    pub version: String,
    /// `wasi-component`, `service-adapter` or `native`.
    pub kind: String,
    pub entry: String,
    pub role: Role,
    /// Where the entry was found.
    pub source: EntrySource,
    /// Nothing in the plan calls it: it is neither loaded nor required to exist.
    pub used: bool,
    /// Index of its slot in the composed component (protocol and provider slots are counted apart); none when unused.
    pub slot: Option<u32>,
    /// What the user or the vendored manifest grants: `net`, `files`.
    pub grants: Vec<String>,
    pub capabilities: Vec<String>,
    /// Owner, tags and the rest, as declared.
    pub metadata: Json,
    /// The custom section `pmplab:component`, as found.
    pub section: Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    Protocol,
    Resource,
}

impl Role {
    /// What a component of this role must export.
    #[must_use]
    pub const fn contract(self) -> &'static str {
        match self {
            Self::Protocol => "pmplab:protocol/plugin@0.1.0",
            Self::Resource => "pmplab:resource/provider@0.1.0",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EntrySource {
    Bundle,
    Vendored,
    Missing,
}

/// A declared resource, opened by its provider when the plan is checked.
#[derive(Debug, Clone, Serialize)]
pub struct Resource {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: String,
    /// Index into `Plan::components`.
    pub provider: usize,
    /// Id that the provider gave (`table.id`).
    pub id: u32,
    pub fields: Vec<String>,
    /// Keys of the entries, as the records name them.
    #[serde(skip)]
    pub keys: Vec<String>,
    pub entries: usize,
    pub ttl: Option<Ns>,
    pub auto_renew: bool,
    pub strategy: String,
    /// `exclusive`, `shared` or `shared:N`.
    pub guard: String,
    /// Guard Domain: `metadata.guard`, default by type.
    pub domain: String,
    /// What `provider.calls` binds: role and capability.
    pub calls: Vec<(String, String)>,
    /// Facts from the provider (`sha256`, `size`, ...).
    pub facts: Json,
}

/// A scenario with its own compiled copy of its workflow.
#[derive(Debug, Clone, Serialize)]
pub struct Scenario {
    pub name: String,
    pub workflow: String,
    pub spawn: Spawn,
    /// Users that are ever created.
    pub users: u64,
    /// No new task of a user starts after this, counted from its spawn. None: one task.
    pub task_duration: Option<Ns>,
    /// At most this many tasks per user. With neither this nor `task_duration`: one.
    pub iterations: Option<u64>,
    /// Wall clock of the scenario: at this instant all its users end in `closing.timeout`.
    pub max_duration: Option<Ns>,
    /// `exit.timeout: 150s`: a user's hard deadline, from its spawn.
    pub user_deadline: Option<Ns>,
    /// The workflow's `timeout`: bounds one task.
    pub task_timeout: Option<Ns>,
    pub severity: Severity,
    /// Resources (indexes into `Plan::resources`) of which each user holds one lease while it lives.
    pub inherit: Vec<usize>,
    /// `user.context`.
    pub context: Json,
    /// L1 of the WBS, such as `HTTP`.
    pub portfolio: String,
    /// Names of the variables of a task; `Source::Var` is an index into it.
    pub vars: Vec<Variable>,
    pub steps: Vec<Step>,
    /// Where an event `fail` goes when no handler says otherwise, after `on_error`.
    pub on_error: Vec<Step>,
    pub on_timeout: Vec<Step>,
    pub error_exit: Exit,
    pub timeout_exit: Exit,
}

/// What a failed task does to the scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Stop the scenario.
    Fatal,
    /// End the task.
    Error,
    /// Count it and go on with the next step.
    Warn,
}

/// When users come. User `i` (0-based, over all shards) is planned at `Spawn::at(i)`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "shape")]
pub enum Spawn {
    /// All at 0.
    AtOnce,
    /// `count` users every `per` ns: user i comes at (i + 1) * per / count.
    Rate { count: u64, per: Ns },
    /// Linear from `from` to `to` users in `over`; when `to` < `from`, users leave.
    Ramp { from: u64, to: u64, over: Ns },
}

impl Spawn {
    /// When user `i` is planned to come; none: never.
    #[must_use]
    pub fn at(&self, i: u64) -> Option<Ns> {
        let scale = |n: u64, num: Ns, den: u64| {
            (u128::from(n) * u128::from(num)).div_ceil(u128::from(den)) as Ns
        };
        match *self {
            Self::AtOnce => Some(0),
            Self::Rate { count, per } => Some(scale(i + 1, per, count)),
            Self::Ramp { from, .. } if i < from => Some(0),
            Self::Ramp { from, to, over } if i < to => Some(scale(i + 1 - from, over, to - from)),
            Self::Ramp { .. } => None,
        }
    }

    /// Users planned to be there at `t`, before the cap of `Scenario::users`.
    #[must_use]
    pub fn planned(&self, t: Ns) -> u64 {
        let scale =
            |t: Ns, num: u64, den: Ns| (u128::from(t) * u128::from(num) / u128::from(den)) as u64;
        match *self {
            Self::AtOnce => u64::MAX,
            Self::Rate { count, per } => scale(t, count, per),
            Self::Ramp { to, over, .. } if t >= over => to,
            Self::Ramp { from, to, over } if to >= from => from + scale(t, to - from, over),
            Self::Ramp { from, to, over } => from - scale(t, from - to, over),
        }
    }
}

/// A variable that `save-as` writes.
#[derive(Debug, Clone, Serialize)]
pub struct Variable {
    pub name: String,
    /// Outputs of it that the scenario reads, in the order in which calls that save it bring them.
    pub fields: Vec<String>,
}

/// A step of a workflow or of a handler: one WBS node.
#[derive(Debug, Clone, Serialize)]
pub struct Step {
    /// Path: `scenario/workflow/probe-get`.
    pub node: String,
    pub name: String,
    pub head: Head,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Head {
    Call(Box<Call>),
    /// `log.error` and its kin.
    Log {
        level: String,
        message: Template,
    },
    Goto(Target),
}

/// A call of a component.
#[derive(Debug, Clone, Serialize)]
pub struct Call {
    /// Dense over the plan, from 0; what `prepare` and `run-action` take.
    pub action: u32,
    /// Index into `Plan::components`.
    pub component: usize,
    pub call: String,
    /// The `with`; a scalar with a template stands as null.
    pub with: Json,
    pub holes: Vec<Hole>,
    /// `Variable::fields` of the variable that is saved, else empty.
    pub outputs: Vec<String>,
    /// Index into `Scenario::vars`.
    pub save: Option<usize>,
    pub timeout: Option<Ns>,
    pub max_body: u64,
    /// What comes after a `fail` of this call; none: the workflow's handlers.
    pub on_error: Option<Vec<Step>>,
    pub on_timeout: Option<Vec<Step>>,
    /// `on-error: continue`.
    pub proceed: bool,
}

#[derive(Debug, Clone, Serialize)]
pub struct Hole {
    /// JSON pointer into `Call::with`.
    pub pointer: String,
    pub template: Template,
}

/// Where a `goto` leads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// Index into `Scenario::steps`; only forward in a linear workflow.
    Step(usize),
    Exit(Exit),
}

/// A way out of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    /// Normal end, or `goto: closing`: state `closing.done`.
    Closing,
    /// State `closing.timeout`.
    TimeoutOut,
    /// State `closing.error`.
    ErrorOut,
}

impl Exit {
    /// The final state of the task.
    #[must_use]
    pub const fn state(self) -> &'static str {
        match self {
            Self::Closing => "closing.done",
            Self::TimeoutOut => "closing.timeout",
            Self::ErrorOut => "closing.error",
        }
    }

    /// The name in records and summaries.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closing => "done",
            Self::TimeoutOut => "timeout_out",
            Self::ErrorOut => "error_out",
        }
    }
}

/// A scalar of the script with its `{{ }}` resolved.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Template {
    /// One expression is the whole scalar: its type is kept.
    Whole(Expr),
    /// Text around expressions: the result is text. A single `Part::Text` is a constant.
    Mixed(Vec<Part>),
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    Text(String),
    Expr(Expr),
}

/// `path | default(x)`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Expr {
    pub source: Source,
    pub default: Option<Value>,
    /// As the script has it, for messages.
    pub written: String,
}

/// What a path means in its scenario.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// A saved variable. `field` is an index into `Variable::fields`; none: all of them as a map. `path` goes on inside.
    Var {
        var: usize,
        field: Option<usize>,
        path: Vec<Segment>,
    },
    /// A field of the lease of `Scenario::inherit[inherit]`; `field` is an index into `Resource::fields`.
    Lease { inherit: usize, field: usize },
    /// A field of a `file_blob` (`content`, `path`, `size`, `sha256`); index into `Plan::resources`.
    Blob { resource: usize, field: String },
    /// A key of a `kv_store`; index into `Plan::resources`.
    Kv { resource: usize, key: String },
    /// Known when the plan is made (`global.*`, `user.context`, the host's environment).
    Const(Value),
    /// `env.*` of the scheduler: `tick`, `user_id`, `task_id`, `phase`, `scenario`, `iteration`.
    Env(String),
    /// `workbook.*`: `state`, `user_id`, `task_id`, `owner`, `scope_trace`, `retry_left`, `timeout_at`, `current_action`.
    Workbook(String),
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Segment {
    Key(String),
    Index(usize),
}

/// A typed value, as the contract `pmplab:protocol` has it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Value {
    None,
    Boolean(bool),
    Integer(i64),
    Number(f64),
    Text(String),
    Bytes(Vec<u8>),
    /// A list or map, as JSON text.
    Json(String),
}

/// A node of the WBS.
#[derive(Debug, Clone, Serialize)]
pub struct WbsNode {
    /// `L0` to `L5`.
    pub level: String,
    pub name: String,
    /// Path, as records use it; L0 and L1 have one too.
    pub node: String,
    pub process_group: String,
    /// `component.call` of an action.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<String>,
    /// Names of the resources it uses.
    pub resources: Vec<String>,
    /// Planned instances, where known: users for L4, calls for L5.
    pub planned: Option<u64>,
    /// Who answers for it: `metadata.owner` of its component.
    pub owner: Option<String>,
    pub children: Vec<WbsNode>,
}
