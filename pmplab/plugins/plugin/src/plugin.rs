//! The life of a component.

use crate::{Folder, Outcome, Value, Wake};

/// Why a component refuses what it is asked for, before a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// A parameter is missing, unknown or of the wrong type; the text names it.
    InvalidParameter(String),
    /// The component has no such call.
    UnknownCall(String),
    /// The component lacks a grant that it needs.
    Denied(String),
    Other(String),
}

/// A resource whose leases an action receives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    pub name: String,
    /// Names of the fields, in the order in which a lease brings their values.
    pub fields: Vec<String>,
}

/// An action of the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionSpec {
    pub call: String,
    /// The whole `with` as a JSON object; a scalar that a template fills stands there as null.
    pub params: String,
    /// Where the holes are, as JSON pointers (RFC 6901) into `params`; `Submission::params` fills them in this order.
    pub holes: Vec<String>,
    /// Outputs that the run uses, in the order in which outcomes must bring them.
    pub outputs: Vec<String>,
    /// Measures that the run keeps: those that the section names under the call, in its order.
    pub measures: Vec<String>,
    /// Resources whose leases come with each submission.
    pub resources: Vec<Shape>,
    /// ns from submission to completion; the component itself ends the action as a timeout then.
    pub timeout: Option<u64>,
    /// At most so many bytes of one output are kept.
    pub max_body: u64,
}

/// A lease that the user holds while an action runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    pub id: u64,
    /// Index into `ActionSpec::resources`.
    pub shape: u32,
    pub fields: Vec<String>,
}

/// An action to be done.
#[derive(Debug, Clone, PartialEq)]
pub struct Submission {
    pub task: u64,
    pub user: u64,
    /// What `prepare` called it.
    pub action: u32,
    /// What fills its holes.
    pub params: Vec<Value>,
    pub leases: Vec<Lease>,
}

/// A protocol component. All instants are ns of the monotonic clock, `Net::now`.
///
/// `prepare` comes once per action of the plan, then any number of `submit` and `advance`. Each submission ends by exactly one
/// outcome. Only `advance` may block, and only until `until`.
pub trait Plugin: Sized + 'static {
    /// What the component says of itself: the text of its `component.json`.
    const SECTION: &'static str;

    /// A component of which nothing is asked yet. A new one is made when a run begins, and when it has ended.
    fn new() -> Self;

    /// Called once. `resource` is the text of `resource.yaml`, or empty; `files` is the bundle, for who was granted `files`.
    ///
    /// # Errors
    /// The run does not begin.
    fn init(&mut self, resource: &str, files: Option<Folder>) -> Result<(), Refusal> {
        let _ = (resource, files);
        Ok(())
    }

    /// Takes an action of the plan; `id` is dense from 0.
    ///
    /// # Errors
    /// The run does not begin.
    fn prepare(&mut self, id: u32, action: ActionSpec) -> Result<(), Refusal>;

    /// Takes an action to be done and returns at once, with a token that its outcome will carry.
    fn submit(&mut self, submission: Submission) -> u64;

    /// Gives an action up: it ends as `fail`, `cancelled.core`. An unknown token is ignored.
    fn cancel(&mut self, token: u64);

    /// Drives I/O and appends what is complete. Blocks until something is complete, one of `wake` is ready or `until` has come;
    /// with `until` 0 it does not block. Returns the clock, read after the last outcome.
    fn advance(&mut self, until: u64, wake: &[Wake], done: &mut Vec<Outcome>) -> u64;

    /// What another must watch while it blocks on this component's behalf; empty when nothing is in flight.
    fn pollables(&self) -> Vec<Wake>;

    /// The user is gone: what belongs to it may be closed.
    fn end_user(&mut self, user: u64);
}
