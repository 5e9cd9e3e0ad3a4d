//! An action of the plan: its parameters, and which of them a template fills.

use pmplab_plugin::{ActionSpec, Failure, Refusal, Value};
use serde_json::Value as Json;

/// Parameters by name; `hole` says which submitted value takes their place.
pub struct Action {
    host: Param,
    port: Param,
    text: Param,
    pub outputs: Vec<String>,
    pub timeout: Option<u64>,
}

struct Param {
    value: Json,
    hole: Option<usize>,
}

impl Action {
    /// # Errors
    /// The call is unknown, or a parameter is missing, unknown or of the wrong type.
    pub fn new(spec: ActionSpec) -> Result<Self, Refusal> {
        if spec.call != "say" {
            return Err(Refusal::UnknownCall(spec.call));
        }
        let invalid = |text: String| Refusal::InvalidParameter(text);
        let params: serde_json::Map<String, Json> = serde_json::from_str(&spec.params)
            .map_err(|error| invalid(format!("`with` cannot be read: {error}")))?;
        if let Some(name) = params.keys().find(|name| !["host", "port", "text"].contains(&name.as_str())) {
            return Err(invalid(format!("there is no parameter `{name}`")));
        }
        let param = |name: &str, fits: fn(&Json) -> bool| {
            let hole = spec.holes.iter().position(|hole| hole[1..] == *name);
            match params.get(name) {
                None => Err(invalid(format!("the parameter `{name}` is missing"))),
                Some(value) if hole.is_none() && !fits(value) => {
                    Err(invalid(format!("`{name}` is of the wrong type")))
                }
                Some(value) => Ok(Param { value: value.clone(), hole }),
            }
        };
        Ok(Self {
            host: param("host", Json::is_string)?,
            port: param("port", Json::is_u64)?,
            text: param("text", Json::is_string)?,
            outputs: spec.outputs,
            timeout: spec.timeout,
        })
    }

    /// Where to, and what to say.
    ///
    /// # Errors
    /// What a template filled in is of no use.
    pub fn filled(&self, values: &[Value]) -> Result<(std::net::SocketAddr, String), Failure> {
        let (host, text) = (self.host.text(values), self.text.text(values));
        let host = host.parse().map_err(|_| Failure::bad_value(format!("`{host}` is no IP address")))?;
        let port = self.port.text(values);
        let port = port.parse().map_err(|_| Failure::bad_value(format!("{port} is no port")))?;
        if text.contains('\n') {
            return Err(Failure::bad_value("`text` is more than one line"));
        }
        Ok((std::net::SocketAddr::new(host, port), text))
    }
}

impl Param {
    fn text(&self, values: &[Value]) -> String {
        match self.hole.and_then(|hole| values.get(hole)) {
            Some(Value::Text(text) | Value::Json(text)) => text.clone(),
            Some(Value::Integer(number)) => number.to_string(),
            Some(other) => other.kind().to_owned(),
            None => self.value.as_str().map_or_else(|| self.value.to_string(), str::to_owned),
        }
    }
}
