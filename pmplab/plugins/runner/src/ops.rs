//! What a scenario's steps are compiled to: one array of operations, a program counter is an index into it.

use pmplab_dsl::plan::{
    Arrow, Dist, Event, Expr, Extractor, LimitPer, Merge, Ns, Origin, Persist, Retry, Segment,
    Target, Template, Wait,
};
use regex_lite::Regex;
use serde_json::Value as Json;

/// Index into `Scene::ops`.
pub type Pc = u32;

/// An operation, and the WBS node that it belongs to.
#[derive(Debug)]
pub struct Op {
    /// Index into the dictionary of nodes.
    pub node: u32,
    pub code: Code,
}

#[derive(Debug)]
pub enum Code {
    Call(Box<CallOp>),
    Log {
        level: String,
        message: Template,
    },
    Goto(Target),
    Jump(Pc),
    /// Goes on when the condition holds, else elsewhere.
    Unless {
        cond: Expr,
        to: Pc,
    },
    Loop(Box<LoopOp>),
    /// The end of a round: back to its `Loop`.
    Again(Pc),
    Fork(Box<ForkOp>),
    Wait(Dist),
    Update(Vec<(usize, Template)>),
    Monitor {
        cond: Expr,
        timeout: Option<Ns>,
    },
    /// The end of a graph's node: along its first matching transition.
    Route(Box<RouteOp>),
    End(End),
}

/// Where a list of steps ends, and so what comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Workflow,
    /// A handler that did not say where to go gives way to the one around it.
    Handler,
    /// A branch is done.
    Branch,
    /// The response to a risk: back to where it came up.
    Response,
    /// A compensation: the next one.
    Compensation,
}

#[derive(Debug)]
pub struct LoopOp {
    pub over: Rounds,
    pub bind: Option<usize>,
    pub after: Pc,
}

#[derive(Debug)]
pub enum Rounds {
    Count(Template),
    While { cond: Expr, max: u64 },
    Items(Template),
}

#[derive(Debug)]
pub struct ForkOp {
    pub branches: Vec<Pc>,
    /// How many of them must be done.
    pub need: usize,
    pub after: Pc,
}

#[derive(Debug)]
pub struct RouteOp {
    pub arms: Vec<Arm>,
}

#[derive(Debug)]
pub struct Arm {
    pub event: Option<Event>,
    pub when: Option<Expr>,
    pub to: Vec<Arrow>,
}

/// A node of a graph.
#[derive(Debug)]
pub struct NodeOp {
    pub pc: Pc,
    pub route: Pc,
    pub join: Option<Wait>,
    /// Nodes that can be reached from here, itself only when a cycle leads back.
    pub reaches: Vec<bool>,
}

/// A call of a protocol component, or of a store.
#[derive(Debug)]
pub struct CallOp {
    pub action: u32,
    pub to: Callee,
    /// Indexes into the dictionaries.
    pub component: u32,
    pub call: u32,
    /// `http.get`, and who answers for it.
    pub name: String,
    pub owner: String,
    /// `metadata.owner` of its component.
    pub accountable: Option<String>,
    /// Positions in `Scene::inherit` whose leases are of domains that its component may not touch.
    pub barred: Vec<usize>,
    pub site: usize,
    pub holes: Vec<Template>,
    /// The `with`, and where its holes are.
    pub with: Json,
    pub pointers: Vec<String>,
    pub outputs: Vec<String>,
    /// What the component may measure: indexes into the dictionary of measures.
    pub measures: Vec<u32>,
    pub save: Option<SaveOp>,
    pub extract: Vec<ExtractOp>,
    pub expect: Option<Expr>,
    pub retry: Option<Retry>,
    /// The narrowest first.
    pub limits: Vec<LimitRef>,
    pub compensate: Option<Pc>,
    pub record_inputs: bool,
    pub on_error: Option<Pc>,
    pub on_timeout: Option<Pc>,
    pub proceed: bool,
}

#[derive(Debug)]
pub enum Callee {
    Protocol { slot: usize },
    Store(StoreCall),
}

/// A call of a `kv_store`, which the core makes itself.
#[derive(Debug)]
pub struct StoreCall {
    pub verb: Verb,
    /// Index into `Program::resources`.
    pub resource: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Get,
    Put,
    Delete,
}

#[derive(Debug)]
pub struct SaveOp {
    pub var: usize,
    pub fields: Vec<Origin>,
    /// The fields are the outputs, in their order.
    pub whole: bool,
    pub persist: Option<Persist>,
}

#[derive(Debug)]
pub struct ExtractOp {
    pub output: usize,
    pub by: By,
}

#[derive(Debug)]
pub enum By {
    Json(Vec<Segment>),
    Key(String),
    Regex(Regex),
}

impl By {
    /// # Errors
    /// When it is no regular expression.
    pub fn new(by: &Extractor) -> Result<Self, String> {
        Ok(match by {
            Extractor::Json(path) => Self::Json(path.clone()),
            Extractor::Key(key) => Self::Key(key.clone()),
            Extractor::Regex(text) => {
                Self::Regex(Regex::new(text).map_err(|error| error.to_string())?)
            }
        })
    }
}

/// A limit that a call is under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitRef {
    /// Index into `Program::limits`.
    pub limit: usize,
    pub per: LimitPer,
    /// Index into the buckets of the user, of the scenario, or of the run.
    pub bucket: usize,
}

/// Where a variable's values are kept, and what a write does to them.
#[derive(Debug)]
pub struct VarOp {
    pub merge: Merge,
    /// Index into `Program::shared`; none: the task keeps it, or the user.
    pub shared: Option<usize>,
    /// Where its fields are in what is shared.
    pub fields: Vec<usize>,
    /// Outlives the task.
    pub user: bool,
    /// Its writes go into the change stream.
    pub record: Option<(u32, String)>,
    /// It holds one plain value.
    pub plain: bool,
}
