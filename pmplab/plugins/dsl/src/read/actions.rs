//! `actions`: calls of components, named or inline.

use super::places::{ACTION, SAVE_AS};
use super::workflows::Handler;
use super::{Ctx, Name, Spanned};
use crate::diag::{Diagnostic, nearest};
use crate::plan::Ns;
use crate::yaml::Node;

/// Names that a variable cannot have.
pub const RESERVED: [&str; 11] = [
    "workbook", "resource", "global", "env", "inputs", "locals", "user", "scenario", "event",
    "error", "tick",
];

#[derive(Debug, Clone)]
pub struct Save {
    pub var: Name,
    /// Readable as `workbook.NAME` too.
    pub workbook: bool,
}

/// What named actions and inline steps have in common.
#[derive(Debug, Clone, Default)]
pub struct Settings<'n> {
    pub with: Option<&'n Node>,
    pub save: Option<Save>,
    pub timeout: Option<Spanned<Ns>>,
    pub on_error: Option<Handler<'n>>,
    pub on_timeout: Option<Handler<'n>>,
    pub max_body: Option<u64>,
}

#[derive(Debug, Clone)]
pub struct ActionDecl<'n> {
    pub name: Name,
    pub component: Option<Name>,
    pub call: Option<Name>,
    pub settings: Settings<'n>,
    pub path: String,
    /// From config.yaml: a library, of which not all must be used.
    pub library: bool,
}

impl Ctx<'_> {
    pub fn actions<'n>(&mut self, node: &'n Node, library: bool) -> Vec<ActionDecl<'n>> {
        if node.is_null() {
            return Vec::new();
        }
        let Some(entries) = node.map() else {
            self.wrong_type(
                node,
                "a map of actions by name",
                "actions",
                Some("actions: {probe: {component: http, call: get}}"),
            );
            return Vec::new();
        };
        let mut all = Vec::with_capacity(entries.len());
        for entry in entries.iter().filter(|e| !e.key.starts_with("x-")) {
            let name = Spanned::new(entry.key.clone(), entry.key_span);
            match self.action(name, &entry.value, library) {
                Some(action) => all.push(action),
                None => {
                    self.damaged.insert("actions");
                }
            }
        }
        all
    }

    fn action<'n>(&mut self, name: Name, node: &'n Node, library: bool) -> Option<ActionDecl<'n>> {
        let path = format!("actions.{}", name.value);
        let fields = self.fields(node, &ACTION, &path)?;
        let component = fields
            .get("component")
            .and_then(|n| self.name(n, &fields.path_of("component")));
        let call = fields
            .get("call")
            .and_then(|n| self.name(n, &fields.path_of("call")));
        if fields.lacks("component") {
            self.missing(
                name.span,
                "component",
                &path,
                "name one of `components`, such as `component: http`",
            );
        }
        // Which calls there are is known once the component is: see `bind`.
        let lacks_call = fields.lacks("call");
        let settings = Settings {
            with: fields.get("with").filter(|n| !n.is_null()),
            save: fields
                .get("save-as")
                .and_then(|n| self.save_as(n, &fields.path_of("save-as"))),
            timeout: fields
                .get("timeout")
                .and_then(|n| self.duration(n, &fields.path_of("timeout"))),
            on_error: fields
                .get("on-error")
                .map(|n| self.handler(n, &fields.path_of("on-error"), true)),
            on_timeout: fields
                .get("on-timeout")
                .map(|n| self.handler(n, &fields.path_of("on-timeout"), false)),
            max_body: fields
                .get("max-body")
                .and_then(|n| self.size(n, &fields.path_of("max-body"))),
        };
        let call = call.or_else(|| lacks_call.then(|| Spanned::new(String::new(), name.span)));
        Some(ActionDecl {
            name,
            component,
            call,
            settings,
            path,
            library,
        })
    }

    pub fn save_as(&mut self, node: &Node, path: &str) -> Option<Save> {
        let (var, workbook) = if node.map().is_some() {
            let fields = self.fields(node, &SAVE_AS, path)?;
            if fields.lacks("var") {
                self.missing(node.span, "var", path, "add `var: NAME`");
            }
            let scope = fields
                .get("scope")
                .and_then(|n| self.save_scope(n, &fields.path_of("scope")));
            (
                self.name(fields.get("var")?, &fields.path_of("var"))?,
                scope != Some("task-local"),
            )
        } else {
            (self.name(node, path)?, true)
        };
        if RESERVED.contains(&var.value.as_str()) {
            let found = Diagnostic::error(
                308,
                var.span,
                format!("`{}` cannot be saved: the name is reserved", var.value),
            );
            self.report(
                found
                    .label("reserved")
                    .at(path)
                    .note(format!("reserved names: {}", RESERVED.join(", "))),
            );
            return None;
        }
        let plain = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
        if !var.value.chars().all(plain)
            || var
                .value
                .starts_with(|c: char| c.is_ascii_digit() || c == '-')
        {
            let found = Diagnostic::error(
                308,
                var.span,
                format!("`{}` cannot be the name of a variable", var.value),
            );
            self.report(found.label("letters, digits, `_` and `-` only").at(path));
            return None;
        }
        Some(Save { var, workbook })
    }

    fn save_scope(&mut self, node: &Node, path: &str) -> Option<&'static str> {
        let scopes = ["workbook", "user-local", "task-local", "global"];
        let text = self.text(node, path)?;
        let Some(scope) = scopes
            .into_iter()
            .find(|s| *s == text.value.replace('_', "-"))
        else {
            let found = Diagnostic::error(
                309,
                node.span,
                format!("there is no scope `{}`", text.value),
            )
            .label("unknown scope");
            self.report(
                found
                    .at(path)
                    .suggest(nearest(&text.value, scopes))
                    .note(format!("allowed here: {}", scopes.join(", "))),
            );
            return None;
        };
        if matches!(scope, "user-local" | "global") {
            self.later(&format!("scope: {scope}"), node.span, path);
        }
        Some(scope)
    }
}
