//! `monitoring`: exits for everybody, what the run watches, and what is done about it.

use super::exits::Exits;
use super::places::{ALERT, MONITORING, RESPONSE};
use super::thresholds::ThresholdDecl;
use super::workflows::Handler;
use super::{Ctx, Name, Spanned};
use crate::diag::{Diagnostic, Span};
use crate::plan::{Outlet, Retry, Value};
use crate::yaml::{Node, Plain, plain};
use std::collections::HashMap;

#[derive(Debug, Clone, Default)]
pub struct MonitoringDecl<'n> {
    pub exits: Exits,
    /// For every call of which nothing nearer says otherwise.
    pub retry: Option<Retry>,
    pub thresholds: Vec<ThresholdDecl>,
    pub alerts: Vec<AlertDecl<'n>>,
    pub responses: Vec<ResponseDecl<'n>>,
}

#[derive(Debug, Clone)]
pub struct AlertDecl<'n> {
    pub name: String,
    pub when: &'n Node,
    pub to: Vec<Outlet>,
    pub notify: Option<String>,
    pub message: Option<&'n Node>,
    pub path: String,
}

/// What is done when a task raises a flag.
#[derive(Debug, Clone)]
pub struct ResponseDecl<'n> {
    /// `true`, or the flag's name.
    pub flag: Value,
    pub span: Span,
    pub steps: Handler<'n>,
}

impl Ctx<'_> {
    pub fn monitoring<'n>(&mut self, node: &'n Node) -> MonitoringDecl<'n> {
        let mut decl = MonitoringDecl::default();
        let Some(fields) = self.fields(node, &MONITORING, "monitoring") else {
            return decl;
        };
        if let Some(node) = fields.get("exits") {
            decl.exits = self.exits(node, "monitoring.exits");
        }
        if let Some(node) = fields.get("retry").filter(|n| !n.is_null()) {
            decl.retry = self.retry(node, "monitoring.retry");
        }
        if let Some(node) = fields.get("thresholds").filter(|n| !n.is_null()) {
            decl.thresholds = self.thresholds(node, "monitoring.thresholds");
        }
        if let Some(node) = fields.get("alerts").filter(|n| !n.is_null()) {
            decl.alerts = self.alerts(node);
        }
        if let Some(node) = fields.get("responses").filter(|n| !n.is_null()) {
            decl.responses = self.responses(node);
        }
        decl
    }

    fn alerts<'n>(&mut self, node: &'n Node) -> Vec<AlertDecl<'n>> {
        let path = "monitoring.alerts";
        let Some(items) = node.list() else {
            let example =
                "alerts: [{when: \"{{workbook.telemetry.counters.fail > 100}}\", to: log}]";
            self.wrong_type(node, "a list", path, Some(example));
            return Vec::new();
        };
        let mut seen: HashMap<String, Span> = HashMap::new();
        let mut all = Vec::with_capacity(items.len());
        for (i, item) in items.iter().enumerate() {
            all.extend(self.alert(item, i, format!("{path}[{i}]"), &mut seen));
        }
        all
    }

    fn alert<'n>(
        &mut self,
        node: &'n Node,
        nth: usize,
        path: String,
        seen: &mut HashMap<String, Span>,
    ) -> Option<AlertDecl<'n>> {
        let fields = self.fields(node, &ALERT, &path)?;
        if fields.lacks("when") {
            let example = "add `when: \"{{workbook.telemetry.counters.fail > 100}}\"`";
            let start = Span {
                end_line: node.span.line,
                end_col: node.span.col + 1,
                ..node.span
            };
            self.missing(start, "when", &path, example);
        }
        let name = fields
            .get("name")
            .and_then(|n| self.name(n, &fields.path_of("name")));
        if let Some(name) = &name
            && let Some(first) = seen.insert(name.value.clone(), name.span)
        {
            self.same_name("alert", name, first);
        }
        let to = match fields.get("to") {
            Some(node) => self.outlets(node, &fields.path_of("to")),
            None => vec![Outlet::Log],
        };
        let notify = fields
            .get("notify")
            .and_then(|n| self.name(n, &fields.path_of("notify")));
        Some(AlertDecl {
            name: name.map_or_else(|| format!("alerts[{nth}]"), |name| name.value),
            when: fields.get("when")?,
            to,
            notify: notify.map(|n| n.value),
            message: fields.get("message").filter(|n| !n.is_null()),
            path,
        })
    }

    fn outlets(&mut self, node: &Node, path: &str) -> Vec<Outlet> {
        let one = node.text().map(|_| std::slice::from_ref(node));
        let Some(items) = one.or_else(|| node.list()).filter(|all| !all.is_empty()) else {
            self.wrong_type(node, "a list of outlets", path, Some("to: [log, file]"));
            return Vec::new();
        };
        let mut all = Vec::with_capacity(items.len());
        for item in items {
            let outlet = match self.word(item, &["log", "file", "notebook"], 409, path) {
                Some("log") => Outlet::Log,
                Some("file") => Outlet::File,
                Some(_) => Outlet::Notebook,
                None => continue,
            };
            if !all.contains(&outlet) {
                all.push(outlet);
            }
        }
        all
    }

    /// A map of flags to steps, or a list of `{flag, steps}`.
    fn responses<'n>(&mut self, node: &'n Node) -> Vec<ResponseDecl<'n>> {
        let path = "monitoring.responses";
        let mut all: Vec<ResponseDecl<'n>> = Vec::new();
        if let Some(entries) = node.map() {
            for entry in entries.iter().filter(|e| !e.key.starts_with("x-")) {
                let flag = Spanned::new(entry.key.clone(), entry.key_span);
                let place = format!("{path}.{}", entry.key);
                self.response(&flag, &entry.value, &place, &mut all);
            }
        } else if let Some(items) = node.list() {
            for (i, item) in items.iter().enumerate() {
                let place = format!("{path}[{i}]");
                let Some(fields) = self.fields(item, &RESPONSE, &place) else {
                    continue;
                };
                for (key, example) in [
                    ("flag", "add `flag: true`, or its name"),
                    ("steps", "add `steps: [{action: log.warn}]`"),
                ] {
                    if fields.lacks(key) {
                        self.missing(item.span, key, &place, example);
                    }
                }
                let flag = fields
                    .get("flag")
                    .and_then(|n| self.name(n, &fields.path_of("flag")));
                if let (Some(flag), Some(steps)) = (flag, fields.get("steps")) {
                    self.response(&flag, steps, &fields.path_of("steps"), &mut all);
                }
            }
        } else {
            let example = "responses: {true: [{action: log.warn}]}";
            self.wrong_type(node, "a map of flags to steps", path, Some(example));
        }
        all
    }

    fn response<'n>(
        &mut self,
        flag: &Name,
        steps: &'n Node,
        path: &str,
        all: &mut Vec<ResponseDecl<'n>>,
    ) {
        let value = match plain(&flag.value) {
            Plain::Boolean(true) => Value::Boolean(true),
            Plain::Boolean(false) | Plain::Null => {
                let message = format!(
                    "`{}` is no flag: it is what a task has without one",
                    flag.value
                );
                let found = Diagnostic::error(409, flag.span, message).label("no flag");
                self.report(
                    found
                        .at(path)
                        .help("answer to `true`, or to the name of a flag"),
                );
                return;
            }
            _ => Value::Text(flag.value.clone()),
        };
        if let Some(first) = all.iter().find(|r| r.flag == value) {
            let first = first.span;
            self.same_name("response", flag, first);
            return;
        }
        all.push(ResponseDecl {
            flag: value,
            span: flag.span,
            steps: self.handler(steps, path, false),
        });
    }
}
