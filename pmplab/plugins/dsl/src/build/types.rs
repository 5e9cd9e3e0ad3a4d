//! What is known of values before a run.

use super::section::Section;
use crate::plan::Value;
use std::collections::HashMap;

/// The type of an expression, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// Unknown: it is looked at when it is there.
    Any,
    Null,
    Boolean,
    Integer,
    Number,
    Text,
    /// A list or map.
    Json,
}

impl Type {
    /// The type that a component declares, or a field of the Workbook.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "any" | "json" => Self::Any,
            "boolean" | "bool" => Self::Boolean,
            "integer" | "int" => Self::Integer,
            "number" | "float" => Self::Number,
            "text" | "string" | "bytes" => Self::Text,
            "list" | "map" => Self::Json,
            _ => return None,
        })
    }

    pub const fn of(value: &Value) -> Self {
        match value {
            Value::None => Self::Null,
            Value::Boolean(_) => Self::Boolean,
            Value::Integer(_) => Self::Integer,
            Value::Number(_) => Self::Number,
            Value::Text(_) | Value::Bytes(_) => Self::Text,
            Value::Json(_) => Self::Json,
        }
    }

    /// With its article, as messages say it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Any => "a value",
            Self::Null => "null",
            Self::Boolean => "true or false",
            Self::Integer => "a whole number",
            Self::Number => "a number",
            Self::Text => "text",
            Self::Json => "a list or map",
        }
    }

    pub const fn is_number(self) -> bool {
        matches!(self, Self::Integer | Self::Number)
    }

    /// What either of the two is.
    pub const fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Null, one) | (one, Self::Null) => one,
            (Self::Boolean, Self::Boolean) => Self::Boolean,
            (Self::Integer, Self::Integer) => Self::Integer,
            (Self::Text, Self::Text) => Self::Text,
            (Self::Json, Self::Json) => Self::Json,
            (Self::Integer | Self::Number, Self::Integer | Self::Number) => Self::Number,
            _ => Self::Any,
        }
    }
}

/// Types of the fields of variables, by variable and field.
#[derive(Debug, Clone, Default)]
pub struct Types(HashMap<String, HashMap<String, Type>>);

impl Types {
    /// A call saves its outputs under `var`. Where several calls save, a field is what any of them may bring.
    pub fn saved(&mut self, var: &str, section: &Section, call: &str) {
        for output in section.outputs(call).unwrap_or_default() {
            let declared = section.output_type(call, output);
            let kind = declared.and_then(Type::named).unwrap_or(Type::Any);
            self.learn(var, output, kind);
        }
    }

    pub fn learn(&mut self, var: &str, field: &str, kind: Type) {
        let fields = self.0.entry(var.to_owned()).or_default();
        let known = fields.get(field).map_or(kind, |before| before.or(kind));
        fields.insert(field.to_owned(), known);
    }

    pub fn of(&self, var: &str, field: &str) -> Type {
        let known = self.0.get(var).and_then(|fields| fields.get(field));
        known.copied().unwrap_or(Type::Any)
    }
}
