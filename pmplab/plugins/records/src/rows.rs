//! One struct per table: what the scheduler hands over. Times are nanoseconds since the start of the run.

/// The one terminal event of an attempt of an action.
#[derive(Debug, Clone, PartialEq)]
pub struct ActionRow {
    /// Indexes into the dictionaries that were fixed when the plan was made.
    pub scenario: u32,
    pub node: u32,
    pub component: u32,
    pub call: u32,
    pub user: u64,
    pub task: u64,
    pub visit: u32,
    pub attempt: u32,
    pub t_intended: i64,
    pub t_connect: Option<i64>,
    pub t_start: Option<i64>,
    pub t_first_byte: Option<i64>,
    pub t_end: i64,
    pub lease_wait: i64,
    pub throttle_wait: i64,
    /// `success`, `fail`, `timeout`: 0, 1, 2.
    pub event: u8,
    /// `target`, `harness`: 0, 1. Anything else stands for neither, as `class_of` says of what was cancelled; null on disk.
    pub class: u8,
    /// Index into `ERROR_TYPES`; none on success.
    pub error_type: Option<u32>,
    pub status: Option<i32>,
    pub bytes_sent: u64,
    pub bytes_received: u64,
    /// Index into the dictionary of resource keys.
    pub resource: Option<u32>,
    /// Index into `PHASES`.
    pub phase: u32,
    /// One sentence of evidence on anything but success, at most 200 characters.
    pub message: Option<String>,
}

/// Something that a component measured of an attempt.
#[derive(Debug, Clone, PartialEq)]
pub struct MeasureRow {
    /// When the attempt ended.
    pub t: i64,
    /// Index into the dictionary of nodes.
    pub node: u32,
    pub user: u64,
    pub task: u64,
    pub visit: u32,
    pub attempt: u32,
    /// Index into the dictionary of measures.
    pub measure: u32,
    pub value: f64,
}

/// A task that ended: one pass of one user through the workflow.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskRow {
    pub scenario: u32,
    pub user: u64,
    pub task: u64,
    pub iteration: u32,
    pub t_planned: i64,
    pub t_start: i64,
    pub t_end: i64,
    /// Index into `EXITS`.
    pub exit: u32,
    /// Index into `PHASES`.
    pub state: u32,
    pub attempts: u32,
    /// How long it was in each state of executing; together they make `t_end - t_start`.
    pub waiting_resource: i64,
    pub running_action: i64,
    pub throttled: i64,
    pub blocked: i64,
}

/// The load of a scenario at a tick.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadRow {
    pub scenario: u32,
    pub t: i64,
    pub planned: u64,
    pub online: u64,
    pub stop: u64,
    pub offline: u64,
    /// Actions, cumulative.
    pub started: u64,
    pub finished: u64,
    pub in_flight: u64,
    /// Age of the oldest action in flight.
    pub oldest_in_flight: i64,
    pub waiting_resource: u64,
    pub running_action: u64,
    pub throttled: u64,
    pub blocked: u64,
    pub dropped: u64,
    /// How late this tick was.
    pub tick_lag: i64,
}

/// An event in the life of a lease.
#[derive(Debug, Clone, PartialEq)]
pub struct LeaseRow {
    pub t: i64,
    /// Index into `LEASE_EVENTS`: `acquire`, `renew`, `release`, `expire`.
    pub event: u32,
    pub lease: u64,
    pub resource: u32,
    pub user: u64,
    pub task: Option<u64>,
    /// How long the user waited for it, on `acquire`.
    pub wait: i64,
    pub expires: Option<i64>,
}

/// A change of the Workbook that no other table implies.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangeRow {
    pub t: i64,
    /// Index into `SECTIONS`.
    pub section: u32,
    pub user: Option<u64>,
    pub task: Option<u64>,
    /// Dotted path inside the section.
    pub path: String,
    /// The new value as JSON text.
    pub value: String,
    /// Event that caused it, such as `action.fail`, `system.tick`, `resource.acquired`.
    pub cause: String,
    /// WBS node; index into the dictionary of nodes.
    pub node: Option<u32>,
}
