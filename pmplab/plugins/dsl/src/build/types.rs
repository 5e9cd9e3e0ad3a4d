//! What is known of values before a run.

use super::section::Section;
use crate::plan::{Value, ValueKind};
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

    /// The name of a value's type, lists and maps told apart.
    pub fn named_of(value: &Value) -> &'static str {
        match value {
            Value::Json(text) if text.starts_with('[') => "a list",
            Value::Json(_) => "a map",
            value => Self::of(value).name(),
        }
    }

    /// Whether a value of this type may be what a field of the Workbook holds; if it is not known, that is seen when it is there.
    pub const fn may_be(self, kind: ValueKind) -> bool {
        match self {
            Self::Any | Self::Null => true,
            Self::Boolean => matches!(kind, ValueKind::Boolean),
            Self::Integer | Self::Number => {
                matches!(kind, ValueKind::Integer | ValueKind::Number)
            }
            Self::Text => matches!(kind, ValueKind::Text),
            Self::Json => matches!(kind, ValueKind::List | ValueKind::Map),
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

/// Names of a call's outputs, or of a variable's fields, with their types.
type Fields = Rc<[(String, Type)]>;

/// What the fields of the variables hold.
#[derive(Debug, Clone, Default)]
pub struct Types {
    vars: HashMap<String, Vec<Fields>>,
    /// Outputs by component and call: many variables are saved by one.
    calls: HashMap<usize, HashMap<String, Fields>>,
}

impl Types {
    /// A call of a component saves its outputs under `var`.
    pub fn saved(&mut self, var: &str, component: usize, section: &Section, call: &str) {
        let known = self.calls.entry(component).or_default();
        let outputs = match known.get(call) {
            Some(outputs) => outputs.clone(),
            None => {
                let outputs: Fields = section.typed_outputs(call).unwrap_or_default().into();
                known.insert(call.to_owned(), outputs.clone());
                outputs
            }
        };
        self.add(var, outputs);
    }

    /// `var` has a field of this type.
    pub fn learn(&mut self, var: &str, field: &str, kind: Type) {
        self.add(var, [(field.to_owned(), kind)].into());
    }

    fn add(&mut self, var: &str, fields: Fields) {
        match self.vars.get_mut(var) {
            Some(known) if known.iter().any(|k| Rc::ptr_eq(k, &fields)) => {}
            Some(known) => known.push(fields),
            None => {
                self.vars.insert(var.to_owned(), vec![fields]);
            }
        }
    }

    /// What any of its writers may bring.
    pub fn of(&self, var: &str, field: &str) -> Type {
        let all = self.vars.get(var).into_iter().flatten();
        let found = all
            .flat_map(|fields| fields.iter())
            .filter(|(name, _)| name == field);
        found
            .map(|(_, kind)| *kind)
            .reduce(Type::or)
            .unwrap_or(Type::Any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_what_any_of_its_writers_brings() {
        let mut types = Types::default();
        types.learn("a", "status", Type::Integer);
        assert_eq!(types.of("a", "status"), Type::Integer);
        types.learn("a", "status", Type::Number);
        assert_eq!(types.of("a", "status"), Type::Number);
        types.learn("a", "status", Type::Text);
        assert_eq!(types.of("a", "status"), Type::Any);
        assert_eq!(types.of("a", "body"), Type::Any);
        assert_eq!(types.of("b", "status"), Type::Any);
    }
}
