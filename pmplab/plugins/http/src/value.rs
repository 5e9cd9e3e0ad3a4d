//! Values and outcomes as the contract `pmplab:protocol` has them, without its bindings.

use pmplab_url::Unusable;

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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    Success,
    Fail,
    Timeout,
}

/// Why an action did not succeed: an error type of the closed table, and one sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub kind: &'static str,
    pub message: String,
}

impl Failure {
    pub fn new(kind: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }

    /// A parameter that cannot be used.
    pub fn bad_value(message: impl Into<String>) -> Self {
        Self::new("config.bad-value", message)
    }
}

impl From<Unusable> for Failure {
    fn from(why: Unusable) -> Self {
        Self::bad_value(why.to_string())
    }
}

/// The one terminal event of an action; instants are ns of the monotonic clock.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    pub token: u64,
    pub event: Event,
    pub failure: Option<Failure>,
    pub status: Option<u16>,
    pub t_connect: Option<u64>,
    pub t_start: Option<u64>,
    pub t_first_byte: Option<u64>,
    pub t_end: u64,
    pub bytes_sent: u64,
    pub bytes_received: u64,
    pub outputs: Vec<Value>,
}
