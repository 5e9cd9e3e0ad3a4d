//! Values and outcomes.

use pmplab_net::Failure;

/// A typed value: what fills a hole of an action, and what a call returns.
#[derive(Debug, Clone, PartialEq)]
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

impl Value {
    /// What it is, for messages.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::None => "null",
            Self::Boolean(_) => "a boolean",
            Self::Integer(_) => "an integer",
            Self::Number(_) => "a number",
            Self::Text(_) => "text",
            Self::Bytes(_) => "bytes",
            Self::Json(_) => "a list or map",
        }
    }
}

/// How an action ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    Success,
    Fail,
    Timeout,
}

/// The one terminal event of an action; instants are ns of the monotonic clock.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// What `submit` returned.
    pub token: u64,
    pub event: Event,
    /// None on success.
    pub failure: Option<Failure>,
    /// The protocol's status code, where it has one.
    pub status: Option<i32>,
    /// Connecting began; none when a connection was reused.
    pub t_connect: Option<u64>,
    /// The first byte of the request went to the socket.
    pub t_start: Option<u64>,
    /// The first byte of the answer came.
    pub t_first_byte: Option<u64>,
    pub t_end: u64,
    pub bytes_sent: u64,
    pub bytes_received: u64,
    /// One value for each of the action's outputs, or empty when there was no answer.
    pub outputs: Vec<Value>,
    /// Indexes into `ActionSpec::measures`, and what was measured, in the unit that the section says.
    pub measures: Vec<(u32, f64)>,
}

impl Outcome {
    /// The end of an action of which nothing else is known: no byte went out, none came.
    #[must_use]
    pub const fn bare(token: u64, event: Event, failure: Option<Failure>, t_end: u64) -> Self {
        Self {
            token,
            event,
            failure,
            status: None,
            t_connect: None,
            t_start: None,
            t_first_byte: None,
            t_end,
            bytes_sent: 0,
            bytes_received: 0,
            outputs: Vec::new(),
            measures: Vec::new(),
        }
    }
}
