//! Typed values and JSON.

use crate::plan::Value;
use serde_json::Value as Json;

impl Value {
    /// A JSON value as a typed one; null has no value.
    #[must_use]
    pub fn from_json(json: &Json) -> Self {
        match json {
            Json::Null => Self::None,
            Json::Bool(b) => Self::Boolean(*b),
            Json::Number(n) => match (n.as_i64(), n.as_f64()) {
                (Some(i), _) => Self::Integer(i),
                (None, Some(f)) => Self::Number(f),
                _ => Self::Text(n.to_string()),
            },
            Json::String(text) => Self::Text(text.clone()),
            Json::Array(_) | Json::Object(_) => Self::Json(json.to_string()),
        }
    }

    /// The value as JSON. Bytes that are no UTF-8 are replaced, and a number without a JSON form is null.
    #[must_use]
    pub fn to_json(&self) -> Json {
        match self {
            Self::None => Json::Null,
            Self::Boolean(b) => Json::Bool(*b),
            Self::Integer(i) => Json::from(*i),
            Self::Number(n) => Json::from(*n),
            Self::Text(text) => Json::from(text.as_str()),
            Self::Bytes(bytes) => Json::from(String::from_utf8_lossy(bytes)),
            Self::Json(text) => {
                serde_json::from_str(text).unwrap_or_else(|_| Json::from(text.as_str()))
            }
        }
    }
}
