//! Why something did not succeed.

/// An error type of the closed table (`transport.reset`, `protocol.http.5xx`, ...), and one sentence.
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
