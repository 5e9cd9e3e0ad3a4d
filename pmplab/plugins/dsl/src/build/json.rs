//! YAML to JSON, typed by the core schema.

use crate::yaml::{Kind, Node, Plain, Scalar, plain};
use serde_json::{Map, Number, Value as Json};

/// Templates stay as they are written.
pub fn json(node: &Node) -> Json {
    match &node.kind {
        Kind::Scalar(s) => scalar(s),
        Kind::List(items) => Json::Array(items.iter().map(json).collect()),
        Kind::Map(entries) => entries
            .iter()
            .map(|e| (e.key.clone(), json(&e.value)))
            .collect::<Map<_, _>>()
            .into(),
    }
}

/// An unquoted scalar by its type, a quoted one as text.
pub fn scalar(s: &Scalar) -> Json {
    if !s.plain {
        return Json::String(s.text.clone());
    }
    match plain(&s.text) {
        Plain::Null => Json::Null,
        Plain::Boolean(b) => b.into(),
        Plain::Integer(i) => i.into(),
        Plain::Number(n) => Number::from_f64(n).map_or_else(|| s.text.clone().into(), Json::Number),
        Plain::Text(text) => text.into(),
    }
}
