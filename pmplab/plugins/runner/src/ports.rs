//! What the scheduler needs from outside, as traits: the slots of the composed component on one side, fakes in tests on the other.

pub use pmplab_dsl::plan::Event;
use pmplab_dsl::plan::{Ns, Value};
use pmplab_records::SinkError;
use pmplab_records::rows::{ActionRow, ChangeRow, LeaseRow, LoadRow, MeasureRow, TaskRow};

/// The one terminal event of an action. Times are those of the component's clock.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    pub token: u64,
    pub event: Event,
    pub error_type: Option<String>,
    pub message: Option<String>,
    pub status: Option<i32>,
    pub t_connect: Option<Ns>,
    pub t_start: Option<Ns>,
    pub t_first_byte: Option<Ns>,
    pub t_end: Ns,
    pub bytes_sent: u64,
    pub bytes_received: u64,
    /// One for each output that was asked for, or empty when there was no answer.
    pub outputs: Vec<Value>,
    /// Indexes into the measures that were asked for, and what was measured.
    pub measures: Vec<(u32, f64)>,
}

/// A lease as an action receives it.
#[derive(Debug, Clone, PartialEq)]
pub struct ActionLease {
    pub id: u64,
    /// Index into `Shape`s of the action.
    pub shape: u32,
    pub fields: Vec<String>,
}

/// An action of the plan, as a component is told of it once.
#[derive(Debug, Clone, PartialEq)]
pub struct ActionSpec {
    pub call: String,
    /// The whole `with` as a JSON object.
    pub params: String,
    /// JSON pointers into it.
    pub holes: Vec<String>,
    pub outputs: Vec<String>,
    pub measures: Vec<String>,
    /// Names of the resources whose leases come along, and of their fields.
    pub resources: Vec<(String, Vec<String>)>,
    pub timeout: Option<Ns>,
    pub max_body: u64,
}

/// What a component says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capabilities {
    pub name: String,
    pub version: String,
    pub calls: Vec<String>,
    /// Types of resource, of a provider.
    pub provides: Vec<String>,
}

/// A protocol component. See `wit/protocol/plugin.wit`.
pub trait Protocol {
    /// What must be watched while another component blocks.
    type Wake;

    /// # Errors
    /// What the component says is wrong.
    fn init(&mut self, resource: &str, files: bool) -> Result<Capabilities, String>;
    /// # Errors
    /// What the component says is wrong with the action.
    fn prepare(&mut self, action: u32, spec: &ActionSpec) -> Result<(), String>;
    fn run_action(
        &mut self,
        task: u64,
        user: u64,
        action: u32,
        params: Vec<Value>,
        leases: Vec<ActionLease>,
    ) -> u64;
    fn cancel(&mut self, token: u64);
    /// Puts the outcomes into `outcomes` and returns the component's clock.
    fn advance(&mut self, until: Ns, wake: Vec<Self::Wake>, outcomes: &mut Vec<Outcome>) -> Ns;
    fn pollables(&mut self) -> Vec<Self::Wake>;
    fn end_user(&mut self, user: u64);
    fn release(&mut self);
}

/// Why a provider refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    Exhausted,
    Expired,
    Other(String),
}

/// A lease as the provider gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted {
    pub id: u64,
    /// Index into `Resource::keys`.
    pub entry: u32,
    pub fields: Vec<String>,
    pub expires: Option<Ns>,
}

/// A file that was opened and checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mounted {
    pub path: String,
    pub size: u64,
    pub sha256: String,
    pub content: Vec<u8>,
}

/// A resource component, after its resources were opened. See `wit/resource/provider.wit`.
pub trait Provider {
    /// # Errors
    /// `Exhausted` when nothing is free now.
    fn acquire(&mut self, resource: u32, holder: u64, now: Ns) -> Result<Granted, Refusal>;
    /// # Errors
    /// When the lease is not live.
    fn release(&mut self, lease: u64, now: Ns) -> Result<(), Refusal>;
    /// # Errors
    /// When the lease is not live.
    fn renew(&mut self, lease: u64, now: Ns) -> Result<Option<Ns>, Refusal>;
    fn expire(&mut self, now: Ns) -> Vec<u64>;
    /// # Errors
    /// When the file is not what it was when the plan was made.
    fn mount(&mut self, resource: u32) -> Result<Mounted, Refusal>;
    /// # Errors
    /// When the store or the key is unknown.
    fn get(&mut self, resource: u32, key: &str) -> Result<Option<String>, Refusal>;
    /// # Errors
    /// When the store is unknown.
    fn put(&mut self, resource: u32, key: &str, value: &str) -> Result<(), Refusal>;
    /// # Errors
    /// When the store is unknown.
    fn delete(&mut self, resource: u32, key: &str) -> Result<bool, Refusal>;
    fn close(&mut self) -> Vec<u64>;
}

/// Where the rows go. They are numbered in the order in which they come.
pub trait Ledger {
    fn action(&mut self, row: &ActionRow);
    /// Follows the row of its action.
    fn measure(&mut self, row: &MeasureRow);
    fn task(&mut self, row: &TaskRow);
    fn load(&mut self, row: &LoadRow);
    fn lease(&mut self, row: &LeaseRow);
    fn change(&mut self, row: &ChangeRow);
    /// Keeps a file beside the records. `name` is relative to the folder of artifacts and does not leave it.
    fn artifact(&mut self, name: &str, bytes: Vec<u8>);
    /// Appends a line to `alerts.jsonl`.
    fn alert(&mut self, line: &str);
    /// Keeps the Workbook as the engine has it at the end, as JSON text.
    fn snapshot(&mut self, text: &str);
    /// Writes what is due.
    ///
    /// # Errors
    /// What could not be written since the last call.
    fn flush(&mut self, now: Ns) -> Result<(), SinkError>;
    /// Lets what waits for the disk go on, once a tick.
    ///
    /// # Errors
    /// What could not be written since the last call.
    fn tick(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
    /// Writes all that is left and ends the segments.
    ///
    /// # Errors
    /// What could not be written since the last call.
    fn close(&mut self) -> Result<(), SinkError>;
}
