//! YAML 1.2 as a tree in which every key and value knows its place. Scalars stay text until the schema types them.

mod core_schema;
mod load;
mod scan_error;

pub use core_schema::{Plain, plain};
pub use load::{Loaded, load, load_value};

use crate::diag::Span;

#[derive(Debug, Clone)]
pub struct Node {
    pub span: Span,
    pub kind: Kind,
}

#[derive(Debug, Clone)]
pub enum Kind {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

#[derive(Debug, Clone)]
pub struct Scalar {
    pub text: String,
    /// Written without quotes: its type may be other than text.
    pub plain: bool,
}

#[derive(Debug, Clone)]
pub struct Entry {
    pub key: String,
    pub key_span: Span,
    pub value: Node,
}

impl Node {
    #[must_use]
    pub fn scalar(&self) -> Option<&Scalar> {
        if let Kind::Scalar(s) = &self.kind {
            Some(s)
        } else {
            None
        }
    }

    /// The text of a scalar that is not null.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        self.scalar()
            .filter(|_| !self.is_null())
            .map(|s| s.text.as_str())
    }

    #[must_use]
    pub fn is_null(&self) -> bool {
        self.scalar()
            .is_some_and(|s| s.plain && plain(&s.text) == Plain::Null)
    }

    #[must_use]
    pub fn list(&self) -> Option<&[Node]> {
        if let Kind::List(items) = &self.kind {
            Some(items)
        } else {
            None
        }
    }

    #[must_use]
    pub fn map(&self) -> Option<&[Entry]> {
        if let Kind::Map(entries) = &self.kind {
            Some(entries)
        } else {
            None
        }
    }

    /// Value of an exact key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.map()?.iter().find(|e| e.key == key).map(|e| &e.value)
    }

    /// "a list", as messages say it.
    #[must_use]
    pub fn what(&self) -> &'static str {
        match &self.kind {
            Kind::List(items) if items.is_empty() => "an empty list",
            Kind::List(_) => "a list",
            Kind::Map(entries) if entries.is_empty() => "an empty map",
            Kind::Map(_) => "a map",
            Kind::Scalar(_) if self.is_null() => "nothing",
            Kind::Scalar(s)
                if s.plain && matches!(plain(&s.text), Plain::Integer(_) | Plain::Number(_)) =>
            {
                "a number"
            }
            Kind::Scalar(s) if s.plain && matches!(plain(&s.text), Plain::Boolean(_)) => {
                "a boolean"
            }
            Kind::Scalar(s) if s.text.trim().is_empty() => "empty text",
            Kind::Scalar(_) => "text",
        }
    }
}
