//! `exit`/`exits` and targets: where a task leaves, and what that does to its scenario.

use super::places::{ERROR_EXIT, EXITS, TIMEOUT_EXIT};
use super::{Ctx, Spanned};
use crate::diag::{Diagnostic, nearest};
use crate::plan::{Exit, Ns, Severity};
use crate::units;
use crate::yaml::Node;

/// Exits as one place declares them.
#[derive(Debug, Clone, Default)]
pub struct Exits {
    /// `timeout: 150s`.
    pub after: Option<Spanned<Ns>>,
    pub timeout_to: Option<Exit>,
    pub error_to: Option<Exit>,
    pub severity: Option<Severity>,
    /// The keys are there, whatever they say.
    pub timeout: bool,
    pub error: bool,
}

/// Targets that every workflow has.
pub const TARGETS: [&str; 7] = [
    "timeout_out",
    "error_out",
    "closing",
    "closing.timeout",
    "closing.error",
    "closing.rollback",
    "monitoring.retry",
];

/// What a built-in target name means.
pub enum Builtin {
    Exit(Exit),
    /// `monitoring.retry`.
    Retry,
    /// A phase that is over when users run.
    Over,
    None,
}

/// Looks a name up among the built-in targets.
#[must_use]
pub fn builtin(name: &str) -> Builtin {
    match name.replace('-', "_").as_str() {
        "closing" | "closing.done" => Builtin::Exit(Exit::Closing),
        "timeout" | "timeout_out" | "closing.timeout" => Builtin::Exit(Exit::TimeoutOut),
        "error" | "error_out" | "closing.error" => Builtin::Exit(Exit::ErrorOut),
        "closing.rollback" => Builtin::Exit(Exit::Rollback),
        "monitoring.retry" => Builtin::Retry,
        other => match other.split('.').next() {
            Some("initiating" | "planning" | "executing") => Builtin::Over,
            _ => Builtin::None,
        },
    }
}

impl Ctx<'_> {
    pub fn exits(&mut self, node: &Node, path: &str) -> Exits {
        let mut exits = Exits::default();
        let Some(fields) = self.fields(node, &EXITS, path) else {
            return exits;
        };
        if let Some(entry) = fields.entry("timeout") {
            exits.timeout = true;
            self.timeout_exit(&entry.value, &format!("{path}.{}", entry.key), &mut exits);
        }
        if let Some(entry) = fields.entry("error") {
            exits.error = true;
            self.error_exit(&entry.value, &format!("{path}.{}", entry.key), &mut exits);
        }
        exits
    }

    fn timeout_exit(&mut self, node: &Node, path: &str, exits: &mut Exits) {
        if node.map().is_some() {
            let Some(fields) = self.fields(node, &TIMEOUT_EXIT, path) else {
                return;
            };
            exits.after = fields
                .get("after")
                .and_then(|n| self.duration(n, &fields.path_of("after")));
            let to = fields.get("to").or_else(|| fields.get("state"));
            exits.timeout_to = to.and_then(|n| self.exit(n, &fields.path_of("to"), &[]));
            return;
        }
        let Some(text) = self.text(node, path) else {
            return;
        };
        match units::duration(&text.value) {
            Ok(ns) => exits.after = Some(Spanned::new(ns, node.span)),
            Err(_)
                if text
                    .value
                    .trim_start()
                    .starts_with(|c: char| c.is_ascii_digit() || c == '-') =>
            {
                exits.after = self.duration(node, path);
            }
            Err(_) => exits.timeout_to = self.exit(node, path, &[]),
        }
    }

    fn error_exit(&mut self, node: &Node, path: &str, exits: &mut Exits) {
        if node.map().is_some() {
            let Some(fields) = self.fields(node, &ERROR_EXIT, path) else {
                return;
            };
            let to = fields.get("to").or_else(|| fields.get("state"));
            exits.error_to = to.and_then(|n| self.exit(n, &fields.path_of("to"), &[]));
            if let Some(n) = fields.get("severity") {
                let word = self.word(
                    n,
                    &["fatal", "error", "warn"],
                    408,
                    &fields.path_of("severity"),
                );
                exits.severity = word.and_then(severity);
            }
            return;
        }
        let Some(text) = self.text(node, path) else {
            return;
        };
        match severity(&text.value) {
            Some(severity) => exits.severity = Some(severity),
            None => exits.error_to = self.exit(node, path, &["fatal", "error", "warn"]),
        }
    }

    /// An exit by its name; `words` are allowed beside the targets.
    fn exit(&mut self, node: &Node, path: &str, words: &[&'static str]) -> Option<Exit> {
        let text = self.text(node, path)?;
        match builtin(&text.value) {
            Builtin::Exit(exit) => Some(exit),
            Builtin::Retry | Builtin::Over | Builtin::None => {
                let targets: Vec<&str> = words.iter().copied().chain(TARGETS).collect();
                let what = if words.is_empty() {
                    "a target"
                } else {
                    "a severity or target"
                };
                let found =
                    Diagnostic::error(408, node.span, format!("`{}` is not {what}", text.value))
                        .label("unknown");
                let found = found
                    .at(path)
                    .suggest(nearest(&text.value, targets.iter().copied()));
                self.report(found.note(format!("allowed here: {}", targets.join(", "))));
                None
            }
        }
    }
}

/// `error` is a severity here; as a target it means the same exit that an error takes anyway.
fn severity(word: &str) -> Option<Severity> {
    match word {
        "fatal" => Some(Severity::Fatal),
        "error" => Some(Severity::Error),
        "warn" => Some(Severity::Warn),
        _ => None,
    }
}
