//! What the core tells of a call.

use pmplab_dsl::plan::{Dist, Ns, Value};
use serde::Deserialize;

/// Key of an action's `params` under which the model stands. No script can write it: a parameter's name holds no colon.
pub const KEY: &str = "pmplab:sim";
/// An outage with this error does not even refuse.
const SILENCE: &str = "timeout";

/// How one call of the plan answers.
#[derive(Debug, Clone, Deserialize)]
pub struct Model {
    /// Of the run and its shard.
    #[serde(default)]
    pub seed: u64,
    pub latency: Dist,
    /// Shares of 1.
    pub fail: f64,
    pub timeout: f64,
    pub error: String,
    pub server: Option<ServerModel>,
    /// By their begin.
    pub outages: Vec<Outage>,
    /// Of the protocol, on success.
    pub status: Option<i32>,
    /// Bytes of an answer.
    pub received: u64,
    /// In the order in which the core wants them.
    pub outputs: Vec<Value>,
    /// What an answer measures, by the place of its name among those that the core asks for.
    #[serde(default)]
    pub measures: Vec<(u32, f64)>,
}

/// Servers of one name are one server.
#[derive(Debug, Clone, Deserialize)]
pub struct ServerModel {
    pub name: String,
    pub workers: u64,
    pub queue: Option<u64>,
}

/// From, until (since the start of the run), and the error type.
#[derive(Debug, Clone, Deserialize)]
pub struct Outage(pub Ns, pub Ns, pub String);

impl Outage {
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.2 == SILENCE
    }
}

impl Model {
    /// Takes the model out of an action's `params`.
    ///
    /// # Errors
    /// One sentence, when there is none or it cannot be read.
    pub fn of(params: &str) -> Result<Self, String> {
        let mut params: serde_json::Value =
            serde_json::from_str(params).map_err(|error| error.to_string())?;
        let model = params
            .get_mut(KEY)
            .map(serde_json::Value::take)
            .ok_or("the core gave no model")?;
        serde_json::from_value(model).map_err(|error| format!("the model cannot be read: {error}"))
    }

    /// The status that goes with an error of a protocol: `protocol.http.5xx` is 500.
    #[must_use]
    pub fn status_of(error: &str) -> Option<i32> {
        let class = error.strip_prefix("protocol.")?.strip_suffix("xx")?;
        let digit = class.chars().next_back()?.to_digit(10)?;
        i32::try_from(digit * 100).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_read_from_the_parameters() {
        let params = r#"{"url": "x", "pmplab:sim": {"latency": {"lognormal": {"p50": 20, "p99": 90}}, "fail": 0.01,
            "timeout": 0, "error": "transport.reset", "server": {"name": "db", "workers": 8, "queue": null},
            "outages": [[1, 2, "timeout"]], "status": 200, "received": 2, "outputs": [{"integer": 200}, {"text": "ok"}, "none"]}}"#;
        let model = Model::of(params).unwrap();
        assert_eq!(model.latency, Dist::Lognormal { p50: 20, p99: 90 });
        assert_eq!(model.outputs[2], Value::None);
        assert!(model.outages[0].is_silent());
        assert!(Model::of("{}").unwrap_err().contains("no model"));
    }

    #[test]
    fn the_status_follows_the_class_of_a_protocols_error() {
        assert_eq!(Model::status_of("protocol.http.5xx"), Some(500));
        assert_eq!(Model::status_of("protocol.sip.6xx"), Some(600));
        assert_eq!(Model::status_of("protocol.http.malformed"), None);
        assert_eq!(Model::status_of("transport.reset"), None);
    }
}
