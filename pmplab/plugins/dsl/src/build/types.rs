//! What is known of values before a run.

use crate::plan::Value;
use std::collections::HashMap;
use std::rc::Rc;

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

/// Outputs of a call with their types, shared by all that make the call.
pub type Outputs = Rc<Vec<(String, Type)>>;

/// Types of the fields of variables, by variable and field.
#[derive(Debug, Clone, Default)]
pub struct Types {
    learnt: HashMap<String, HashMap<String, Type>>,
    /// What calls save under a variable.
    saved: HashMap<String, Vec<Outputs>>,
}

impl Types {
    /// A call saves its outputs under `var`. Where several calls save, a field is what any of them may bring.
    pub fn saved(&mut self, var: &str, outputs: &Outputs) {
        match self.saved.get_mut(var) {
            Some(all) if all.iter().any(|o| Rc::ptr_eq(o, outputs)) => {}
            Some(all) => all.push(outputs.clone()),
            None => {
                self.saved.insert(var.to_owned(), vec![outputs.clone()]);
            }
        }
    }

    pub fn learn(&mut self, var: &str, field: &str, kind: Type) {
        let fields = self.learnt.entry(var.to_owned()).or_default();
        let known = fields.get(field).map_or(kind, |before| before.or(kind));
        fields.insert(field.to_owned(), known);
    }

    pub fn of(&self, var: &str, field: &str) -> Type {
        let learnt = self
            .learnt
            .get(var)
            .and_then(|fields| fields.get(field))
            .copied();
        let saved = self.saved.get(var).into_iter().flatten();
        let named = |all: &Outputs| {
            all.iter()
                .find(|(name, _)| name == field)
                .map(|(_, kind)| *kind)
        };
        let all = learnt.into_iter().chain(saved.filter_map(named));
        all.reduce(Type::or).unwrap_or(Type::Any)
    }
}
