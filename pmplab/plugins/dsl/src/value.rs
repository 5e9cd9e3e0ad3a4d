//! Typed values and JSON.

use crate::plan::{Value, ValueKind};
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

impl ValueKind {
    /// By a name that scripts give it; `any` is none.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "boolean" | "bool" => Self::Boolean,
            "integer" | "int" => Self::Integer,
            "number" | "float" => Self::Number,
            "text" | "string" => Self::Text,
            "list" => Self::List,
            "map" => Self::Map,
            _ => return None,
        })
    }

    /// With its article, as messages say it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Boolean => "true or false",
            Self::Integer => "a whole number",
            Self::Number => "a number",
            Self::Text => "text",
            Self::List => "a list",
            Self::Map => "a map",
        }
    }

    /// Whether a value is of this type. No value is of every type: it clears the field.
    #[must_use]
    pub fn accepts(self, value: &Value) -> bool {
        let begins = |text: &str, with| text.trim_start().starts_with(with);
        match (self, value) {
            (_, Value::None)
            | (Self::Boolean, Value::Boolean(_))
            | (Self::Integer | Self::Number, Value::Integer(_))
            | (Self::Number, Value::Number(_))
            | (Self::Text, Value::Text(_) | Value::Bytes(_)) => true,
            (Self::Integer, Value::Number(n)) => n.fract() == 0.0,
            (Self::List, Value::Json(text)) => begins(text, '['),
            (Self::Map, Value::Json(text)) => begins(text, '{'),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_accepts_its_own_values_and_no_value() {
        let json = |text: &str| Value::Json(text.to_owned());
        let values = [
            Value::Boolean(true),
            Value::Integer(1),
            Value::Number(2.0),
            Value::Number(2.5),
            Value::Text("1".to_owned()),
            json("[1]"),
            json("{}"),
        ];
        for (name, wanted) in [
            ("bool", [true, false, false, false, false, false, false]),
            ("int", [false, true, true, false, false, false, false]),
            ("float", [false, true, true, true, false, false, false]),
            ("string", [false, false, false, false, true, false, false]),
            ("list", [false, false, false, false, false, true, false]),
            ("map", [false, false, false, false, false, false, true]),
        ] {
            let kind = ValueKind::named(name).unwrap();
            assert_eq!(values.each_ref().map(|value| kind.accepts(value)), wanted);
            assert!(kind.accepts(&Value::None));
        }
        assert_eq!(ValueKind::named("any"), None);
    }
}
