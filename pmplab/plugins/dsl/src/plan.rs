//! The plan: what a checked script means. The parser makes it, the scheduler runs it, nothing else reads the script.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// Nanoseconds, as a duration or since the start of the run.
pub type Ns = u64;

/// A whole checked bundle.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// L0 of the WBS.
    pub program: String,
    /// Digest of the workflows, actions and load as written: runs of one key are like with like.
    pub key: String,
    /// Version of the language, such as `1.0`.
    pub version: String,
    /// Control clock: spawn and stop, deadlines, lease renewal, snapshots. Never a timestamp, never a dispatch.
    pub tick: Ns,
    pub components: Vec<Component>,
    pub resources: Vec<Resource>,
    pub scenarios: Vec<Scenario>,
    /// Rate limits; `Call::limits` and `Scenario::limits` are indexes into it.
    pub limits: Vec<Limit>,
    pub workbook: Workbook,
    pub monitoring: Monitoring,
    /// Keys of `kv`-like constants readable as `global.*`.
    pub globals: Json,
    pub wbs: WbsNode,
    /// None: the components speak to their targets.
    pub sim: Option<Sim>,
}

/// What answers in place of the targets: the `sim` component fills slot 0, for all protocol components.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Sim {
    /// By `Call::action`: what the component is told of the call under `pmplab:sim`; null for a call that the core makes itself.
    pub models: Vec<Json>,
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
    /// Guard Domains whose leases it may be handed (`metadata.guard`); none: all.
    pub domains: Option<Vec<String>>,
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
    /// Users that are ever created; with `arrival`, the most that there are at a time.
    pub users: u64,
    /// Open load: tasks arrive on a schedule, and users are only who carries them. Then `spawn` is not looked at.
    pub arrival: Option<Arrival>,
    /// A user's tasks start at least this far apart.
    pub pacing: Option<Ns>,
    /// When the scenario's own time begins; its `spawn`, `arrival` and `max_duration` count from there.
    pub start: Start,
    /// Limits that hold for every call of the scenario.
    pub limits: Vec<usize>,
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
    /// A list of steps; empty when the workflow is a graph.
    pub steps: Vec<Step>,
    pub graph: Option<Graph>,
    /// Where an event `fail` goes when no handler says otherwise, after `on_error`.
    pub on_error: Vec<Step>,
    pub on_timeout: Vec<Step>,
    pub error_exit: Exit,
    pub timeout_exit: Exit,
}

/// When a scenario begins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    #[default]
    AtOnce,
    /// So long after the start of the run.
    At(Ns),
    /// When another scenario (index into `Plan::scenarios`) has ended.
    After(usize),
}

/// A schedule on which tasks arrive, whatever the target does.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Arrival {
    pub shape: Shape,
    /// No task arrives after this, counted from the scenario's start. None: until `Scenario::max_duration`.
    pub duration: Option<Ns>,
    pub when_full: WhenFull,
}

/// `count` events every `per` nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Rate {
    pub count: u64,
    pub per: Ns,
}

/// How arrivals are spread over time. Random shapes draw from the run's seed, so that every shard knows the whole schedule.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "shape")]
pub enum Shape {
    /// Arrival i at (i + 1) / rate.
    Constant { rate: Rate },
    /// Linear from one rate to another over the duration.
    Ramp { from: Rate, to: Rate },
    /// `steps` equal spans of constant rates from one to the other.
    Stairs { from: Rate, to: Rate, steps: u32 },
    /// Exponential gaps.
    Poisson { rate: Rate },
    /// Gaps uniform between none and twice the mean.
    Uniform { rate: Rate },
    /// `size` arrivals at once, every `every`: the first at 0, none at the very end.
    Burst { size: u64, every: Ns },
}

/// What becomes of an arrival that finds all users busy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WhenFull {
    /// It waits for one; the wait is part of its response time.
    #[default]
    Queue,
    /// It is counted as dropped.
    Drop,
}

/// A rate limit: a token bucket, refilled continuously.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Limit {
    /// Where the script declares it, such as `actions.probe-get`.
    pub name: String,
    pub per: LimitPer,
    pub rate: Rate,
    /// Size of the bucket, at least 1.
    pub burst: u64,
}

/// Whose calls share a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LimitPer {
    User,
    Scenario,
    /// The whole run: each of n shards gets an n-th.
    Global,
}

/// A workflow of nodes. Each node's step is followed along its first matching transition.
#[derive(Debug, Clone, Serialize)]
pub struct Graph {
    pub nodes: Vec<GraphNode>,
    /// Index into `nodes`.
    pub entry: usize,
}

#[derive(Debug, Clone, Serialize)]
pub struct GraphNode {
    pub step: Step,
    pub transitions: Vec<Transition>,
    /// Several branches that lead here become one. Without a join each arrival enters the node anew.
    pub join: Option<Wait>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Transition {
    /// The event of the node's step; none: any.
    pub event: Option<Event>,
    pub when: Option<Expr>,
    /// More than one: a fan-out, each on a branch of its own.
    pub to: Vec<Arrow>,
}

/// Where a transition leads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Arrow {
    /// Index into `Graph::nodes`.
    Node(usize),
    Leave(Target),
}

/// How many of several branches must be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wait {
    /// All that were begun.
    All,
    /// The first.
    Any,
    Count(u32),
}

/// The terminal event of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    Success,
    Fail,
    Timeout,
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
    /// Linear pieces from nobody on: each lasts so long and ends at so many users. When `Spawn::leaves(i)` comes, user i goes.
    Stages { stages: Vec<(Ns, u64)> },
}

impl Spawn {
    /// When user `i` is planned to come; none: never.
    #[must_use]
    pub fn at(&self, i: u64) -> Option<Ns> {
        let scale = |n: u64, num: Ns, den: u64| {
            (u128::from(n) * u128::from(num)).div_ceil(u128::from(den)) as Ns
        };
        match *self {
            Self::Stages { ref stages } => crate::stages::at(stages, i),
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
            Self::Stages { ref stages } => crate::stages::planned(stages, t),
            Self::AtOnce => u64::MAX,
            Self::Rate { count, per } => scale(t, count, per),
            Self::Ramp { to, over, .. } if t >= over => to,
            Self::Ramp { from, to, over } if to >= from => from + scale(t, to - from, over),
            Self::Ramp { from, to, over } => from - scale(t, from - to, over),
        }
    }
}

/// A name with a value that changes: what `save-as` writes, a loop's `as`, a field of the Workbook that the script declares.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Variable {
    /// As templates name it; a declared field of the Workbook has its section before it: `registers.flag`.
    pub name: String,
    /// Outputs of it that the scenario reads, in the order in which its values are kept. A variable that is one plain value
    /// (a loop's, a field's) has the one field `value`, and `Source::Var::field` is 0 wherever it is read.
    pub fields: Vec<String>,
    pub scope: VarScope,
    /// What `update-workbook` may write to it, as its field of the Workbook declares; none: anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<ValueKind>,
    /// What it holds when a task (or user, or run, as its scope says) begins.
    pub default: Option<Value>,
    /// What it holds when a task begins, from what was saved for all by then; where that has no value, the default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub begin: Option<Template>,
    /// Its writes go into the change stream: index into the six sections, and the path inside.
    pub record: Option<(usize, String)>,
    pub merge: Merge,
    /// Nodes that write it and nodes that read it: data for whoever asks where a value comes from.
    pub writers: Vec<String>,
    pub readers: Vec<String>,
}

/// The type of a field of the Workbook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ValueKind {
    Boolean,
    Integer,
    Number,
    Text,
    List,
    Map,
}

/// How far a variable can be seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum VarScope {
    /// The entry of this user and task in the Workbook: gone with the task, kept in the records.
    #[default]
    Workbook,
    /// This task alone, and not in the records.
    TaskLocal,
    /// All tasks of this user.
    UserLocal,
    /// All users of this shard.
    Global,
}

/// What becomes of several writes to one variable.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Merge {
    #[default]
    Last,
    First,
    /// A list of all.
    Append,
    Sum,
    Min,
    Max,
    /// A second write fails its step with `config.merge`.
    Error,
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
    If {
        cond: Expr,
        then: Vec<Step>,
        otherwise: Vec<Step>,
    },
    Loop(Box<Loop>),
    Parallel(Box<Parallel>),
    /// `wait`, `hold` and `think`.
    Wait {
        time: Dist,
        /// A user's thinking is never latency; nor is any other wait of the script's own.
        think: bool,
    },
    /// `update-workbook`: variables (indexes into `Scenario::vars`) and their new values, all read before one is written.
    Update(Vec<(usize, Template)>),
    /// A gate: event `success` when the condition holds, else `fail`. With a timeout it is looked at every tick until then.
    Monitor {
        cond: Expr,
        timeout: Option<Ns>,
    },
}

#[derive(Debug, Clone, Serialize)]
pub struct Loop {
    pub over: Over,
    /// The variable that holds the item, or for the others the round from 0; index into `Scenario::vars`.
    pub bind: Option<usize>,
    pub steps: Vec<Step>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Over {
    /// A whole number, as text or value.
    Count(Template),
    /// As long as `cond` holds, at most `max` rounds. Reaching `max` is no error.
    While { cond: Expr, max: u64 },
    /// The items of a list, or `{key, value}` of a map.
    Items(Template),
}

/// Branches side by side. A branch that fails fails the step; those that still run when enough are done are cancelled.
#[derive(Debug, Clone, Serialize)]
pub struct Parallel {
    pub wait: Wait,
    pub branches: Vec<Branch>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Branch {
    pub name: String,
    pub steps: Vec<Step>,
}

/// A time that is drawn anew at each use, in nanoseconds. Draws come from the run's seed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dist {
    Constant(Ns),
    Uniform {
        min: Ns,
        max: Ns,
    },
    Exponential {
        mean: Ns,
    },
    /// Never below 0.
    Normal {
        mean: Ns,
        sd: Ns,
    },
    Lognormal {
        p50: Ns,
        p99: Ns,
    },
}

/// A call of a component. What it does not say is left out where it is written: a long plan is mostly that.
#[derive(Debug, Clone, Serialize)]
pub struct Call {
    /// Dense over the plan, from 0; what `prepare` and `run-action` take.
    pub action: u32,
    /// Index into `Plan::components`.
    pub component: usize,
    pub call: String,
    /// The action that it is by `ref`, else `component.call`.
    pub name: String,
    /// The `with`; a scalar with a template stands as null.
    pub with: Json,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub holes: Vec<Hole>,
    /// Outputs that the component must bring: all that are saved, extracted from, expected or read of the event.
    pub outputs: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub save: Option<Save>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extract: Vec<Extract>,
    /// Must hold for the event to be `success`, whatever the component says; reads `Source::Output`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expect: Option<Expr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// Limits of this call alone, beside those of the scenario.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<usize>,
    /// What undoes it: run by `closing.rollback` once this call has succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compensate: Option<Box<Step>>,
    /// The rendered `with` goes into the records.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub record_inputs: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Ns>,
    pub max_body: u64,
    /// What comes after a `fail` of this call; none: the workflow's handlers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_error: Option<Vec<Step>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_timeout: Option<Vec<Step>>,
    /// `on-error: continue`, or the very next step is an `if` that reads the saved variable.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub proceed: bool,
}

#[derive(Debug, Clone, Serialize)]
pub struct Save {
    /// Index into `Scenario::vars`.
    pub var: usize,
    /// Where each of `Variable::fields` comes from.
    pub fields: Vec<Origin>,
    pub persist: Option<Persist>,
}

/// Where a field of a saved variable comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// Index into `Call::outputs`.
    Output(usize),
    /// Index into `Call::extract`.
    Extract(usize),
    /// This call does not bring it.
    Nowhere,
}

/// A file under the run folder that keeps a saved value.
#[derive(Debug, Clone, Serialize)]
pub struct Persist {
    /// Relative, without `..`.
    pub dir: String,
    /// Checked again when it is rendered: it must stay in `dir`.
    pub filename: Template,
}

/// A value taken out of an answer.
#[derive(Debug, Clone, Serialize)]
pub struct Extract {
    pub name: String,
    /// Index into `Call::outputs`.
    pub output: usize,
    pub by: Extractor,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Extractor {
    /// A path such as `$.items[0].id`.
    Json(Vec<Segment>),
    /// Key of a map output: a header, in lower case.
    Key(String),
    /// The first group of a regular expression, or the whole match without one.
    Regex(String),
}

/// When a call that did not succeed is tried again.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Retry {
    /// Attempts after the first.
    pub limit: u32,
    pub delay: Ns,
    pub backoff: Backoff,
    pub factor: f64,
    pub max_delay: Option<Ns>,
    pub jitter: Jitter,
    /// Events or error types, `*` at the end stands for any rest; empty: everything but success.
    pub retry_on: Vec<String>,
    /// Retries may be at most this share of the scenario's first attempts, with a small allowance at the start.
    pub budget: Option<f64>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Backoff {
    #[default]
    Constant,
    /// delay x attempt.
    Linear,
    /// delay x factor ^ (attempt - 1).
    Exponential,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Jitter {
    #[default]
    None,
    /// Uniform between 0 and the delay.
    Full,
    /// Uniform between half the delay and the delay.
    Equal,
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
    /// Index into `Scenario::steps`.
    Step(usize),
    /// Index into `Graph::nodes`.
    Node(usize),
    Exit(Exit),
    /// `monitoring.retry`: the call whose event led here is tried again while its budget lasts, then `error_out`.
    Retry,
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
    /// Compensations of what succeeded, in reverse order; state `closing.rollback`.
    Rollback,
}

impl Exit {
    /// The final state of the task.
    #[must_use]
    pub const fn state(self) -> &'static str {
        match self {
            Self::Closing => "closing.done",
            Self::TimeoutOut => "closing.timeout",
            Self::ErrorOut => "closing.error",
            Self::Rollback => "closing.rollback",
        }
    }

    /// The name in records and summaries.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closing => "done",
            Self::TimeoutOut => "timeout_out",
            Self::ErrorOut => "error_out",
            Self::Rollback => "rollback",
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

/// What stands between `{{` and `}}`. Its size is bounded when it is parsed, and it holds no loop: evaluating it is too.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Expr {
    pub term: Term,
    /// As the script has it, for messages.
    pub written: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Term {
    /// Also all that is known when the plan is made.
    Const(Value),
    Get(Source),
    /// `a | default(b)`: b when a has no value.
    Default(Box<Term>, Box<Term>),
    Not(Box<Term>),
    Negate(Box<Term>),
    Binary(Operator, Box<Term>, Box<Term>),
    /// `a | filter`.
    Filter(Filter, Box<Term>),
}

impl Term {
    /// Shows every source that it reads.
    pub fn each_source(&self, see: &mut dyn FnMut(&Source)) {
        match self {
            Self::Const(_) => {}
            Self::Get(source) => see(source),
            Self::Not(a) | Self::Negate(a) | Self::Filter(_, a) => a.each_source(see),
            Self::Default(a, b) | Self::Binary(_, a, b) => {
                a.each_source(see);
                b.each_source(see);
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    /// `a in b`: an item of a list, a key of a map, a part of a text.
    In,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Filter {
    /// Of a text, list or map.
    Length,
    Lower,
    Upper,
    Trim,
    /// To a whole number.
    Int,
    /// To a number.
    Number,
    Text,
    /// To JSON text.
    Json,
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
    /// `env.*` of the scheduler: `tick`, `user_id`, `task_id`, `phase`, `scenario`, `iteration`.
    Env(String),
    /// What the engine itself keeps, by its full path in the sections: `timeline.phase`, `execution.owner`,
    /// `telemetry.counters.success`, ... The aliases of the script and the flat names are resolved before.
    Workbook(String),
    /// An item of a list that the engine keeps: `governance.scope_resources[0]`.
    Item { of: String, index: usize },
    /// `event.*` of the step that led here: `type`, `status`, `error_type`, `message`, `source`, or `payload.OUTPUT` and inside.
    Event(Vec<Segment>),
    /// An output of the call that is judged, in its `expect`: index into `Call::outputs`.
    Output { output: usize, path: Vec<Segment> },
    /// `inputs.*`: the rendered `with` of the call that is judged, or that led here.
    Input(Vec<Segment>),
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Segment {
    Key(String),
    Index(usize),
}

/// A typed value, as the contract `pmplab:protocol` has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    /// Names from the program down to it: what it is a part of.
    pub scope: Vec<String>,
    pub risk: Risk,
    /// `component.call` of an action.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<String>,
    /// Name of the action that it is by `ref`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// Names of the resources it uses.
    pub resources: Vec<String>,
    /// Planned instances, where known: users for L4, calls for L5.
    pub planned: Option<u64>,
    /// Who answers for it: `metadata.owner` of its component.
    pub owner: Option<String>,
    pub children: Vec<WbsNode>,
}

/// What the plan itself holds against a node's going wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Risk {
    /// The longest that it may take: a call, a task, a scenario.
    pub timeout: Option<Ns>,
    /// Attempts that may follow the first.
    pub retries: u32,
    /// Something answers to its failure: handlers, what undoes it, or `on-error: continue`.
    pub handled: bool,
    /// What a failure in it does to its scenario.
    pub severity: Option<Severity>,
}

/// What the script says of the Workbook's sections.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Workbook {
    /// Sections whose changes are not written to the run folder: indexes into the six.
    pub silent: Vec<usize>,
    /// Names that stand for paths: `state` for `timeline.phase`.
    pub expose: Vec<(String, String)>,
}

/// What the run watches by itself. Its conditions see no task: only `global.*`, `env.*` and the `telemetry` and `registers` of
/// the scenarios.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Monitoring {
    pub alerts: Vec<Alert>,
    /// Variables of all users that the alerts read: their `Source::Var` are indexes into it.
    pub vars: Vec<Variable>,
    /// By risk flag.
    pub responses: Vec<Response>,
    /// As written, such as `p95(http.get) < 300ms`; judged from the records.
    pub thresholds: Vec<Threshold>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Alert {
    pub name: String,
    /// Looked at every tick, for each scenario; it fires when it becomes true.
    pub when: Expr,
    pub to: Vec<Outlet>,
    /// Whom it concerns.
    pub notify: Option<String>,
    pub message: Template,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outlet {
    Log,
    /// `alerts.jsonl` in the run folder.
    File,
    Notebook,
}

/// What is done when `registers.flag` of a task takes a value: the steps run once for that task before it goes on.
#[derive(Debug, Clone, Serialize)]
pub struct Response {
    /// `true`, or the flag's name.
    pub flag: Value,
    /// By scenario, compiled in its scope.
    pub steps: Vec<Vec<Step>>,
}

/// `metric(selector) operator bound [for WINDOW][, abort]`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Threshold {
    pub written: String,
    /// `p50`, `p99.9`, `avg`, `min`, `max`, `count`, `fail_rate`, `timeout_rate`, `error_rate`, `rate`.
    pub metric: String,
    /// An action, a `component.call`, a scenario; none: everything.
    pub of: Option<String>,
    pub operator: Operator,
    /// Nanoseconds for times, a share of 1 for rates of events, per second for `rate`, else a number.
    pub bound: f64,
    /// It must hold in every stretch of this length; none: over the whole run.
    pub window: Option<Ns>,
    /// The run ends when it does not hold.
    pub abort: bool,
}
