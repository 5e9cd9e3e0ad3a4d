//! From the YAML tree to declarations: keys, types and units are checked here, references later.

pub mod actions;
pub mod arrival;
pub mod bundle;
pub mod components;
pub mod dist;
pub mod exits;
pub mod fields;
pub mod graph;
pub mod load;
pub mod monitoring;
pub mod overrides;
pub mod places;
pub mod profiles;
pub mod rate_limit;
pub mod resources;
pub mod retry;
pub mod save_as;
pub mod scalars;
pub mod settings;
pub mod sim;
pub mod steps;
pub mod thresholds;
pub mod workbook;
pub mod workflows;

use crate::api::{Files, Mode, Request};
use crate::diag::{Diagnostic, Severity, Sources, Span};
use std::collections::HashSet;

/// What a check carries through all its parts.
pub struct Ctx<'a> {
    pub req: &'a Request,
    pub files: &'a dyn Files,
    pub sources: Sources,
    pub found: Vec<Diagnostic>,
    /// A reference leads nowhere: there can be no plan, even where that is only a warning.
    pub dangling: bool,
    /// Sections of the script that lost entries to errors, and `save-as`: what is not in them may have been.
    pub damaged: HashSet<&'static str>,
}

impl Ctx<'_> {
    pub fn report(&mut self, found: Diagnostic) {
        self.found.push(found);
    }

    /// A name that is not in its section: a warning while a lone script is being written. Nothing is said when the section
    /// lost entries to errors and there is no `near` name: the cause was reported already.
    pub fn dangle(&mut self, section: &str, near: Option<&str>, mut found: Diagnostic) {
        self.dangling = true;
        if near.is_none() && self.damaged.contains(section) {
            return;
        }
        if self.req.mode == Mode::Draft {
            found.severity = Severity::Warning;
        }
        self.found.push(found);
    }
}

/// A text and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spanned<T> {
    pub value: T,
    pub span: Span,
}

impl<T> Spanned<T> {
    pub const fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }
}

pub type Name = Spanned<String>;
