//! `workflows`: steps in a row, and what comes after an error or a timeout.

use super::exits::Exits;
use super::graph::GraphDecl;
use super::places::WORKFLOW;
use super::settings::Settings;
use super::steps::{StepDecl, StepHead};
use super::{Ctx, Name, Spanned};
use crate::diag::Diagnostic;
use crate::plan::Ns;
use crate::yaml::Node;

#[derive(Debug, Clone)]
pub struct WorkflowDecl<'n> {
    pub name: Name,
    pub steps: Vec<StepDecl<'n>>,
    pub graph: Option<GraphDecl<'n>>,
    pub timeout: Option<Spanned<Ns>>,
    pub on_error: Option<Handler<'n>>,
    pub on_timeout: Option<Handler<'n>>,
    /// What its calls take that say nothing of their own: `retry`, `rate-limit`.
    pub defaults: Settings<'n>,
    pub exits: Exits,
    pub path: String,
}

impl<'n> WorkflowDecl<'n> {
    /// Its steps or nodes, and the steps of its handlers; not what is inside of them.
    pub fn outer(&self) -> impl Iterator<Item = &StepDecl<'n>> {
        let nodes = self.graph.iter().flat_map(|g| &g.nodes);
        let handlers = [&self.on_error, &self.on_timeout].into_iter().flatten();
        self.steps
            .iter()
            .chain(nodes.filter_map(|n| n.step.as_ref()))
            .chain(handlers.flat_map(|h| &h.steps))
    }
}

/// What `on-error` or `on-timeout` says.
#[derive(Debug, Clone, Default)]
pub struct Handler<'n> {
    pub steps: Vec<StepDecl<'n>>,
    /// `continue`.
    pub proceed: bool,
}

impl Ctx<'_> {
    pub fn workflows<'n>(&mut self, node: &'n Node) -> Vec<WorkflowDecl<'n>> {
        if node.is_null() {
            return Vec::new();
        }
        let Some(entries) = node.map() else {
            self.wrong_type(
                node,
                "a map of workflows by name",
                "workflows",
                Some("workflows: {NAME: {steps: [{ref: ACTION}]}}"),
            );
            return Vec::new();
        };
        let mut all = Vec::with_capacity(entries.len());
        for entry in entries.iter().filter(|e| !e.key.starts_with("x-")) {
            match self.workflow(
                Spanned::new(entry.key.clone(), entry.key_span),
                &entry.value,
            ) {
                Some(workflow) => all.push(workflow),
                None => {
                    self.damaged.insert("workflows");
                }
            }
        }
        all
    }

    fn workflow<'n>(&mut self, name: Name, node: &'n Node) -> Option<WorkflowDecl<'n>> {
        let path = format!("workflows.{}", name.value);
        let fields = self.fields(node, &WORKFLOW, &path)?;
        if let (Some(nodes), Some(steps)) = (fields.entry("nodes"), fields.entry("steps")) {
            let found = Diagnostic::error(
                109,
                nodes.key_span,
                format!("`steps` and `nodes` exclude each other in `{path}`"),
            );
            self.report(
                found
                    .label("a graph")
                    .also(steps.key_span, "a list of steps")
                    .at(&path)
                    .help("keep one of the two"),
            );
        } else if fields.lacks("steps") && fields.lacks("nodes") {
            self.missing(name.span, "steps", &path, "add `steps: [{ref: ACTION}]`");
        }
        if let (Some(entry), None) = (fields.entry("entry"), fields.entry("nodes")) {
            let found = Diagnostic::error(
                107,
                entry.key_span,
                format!("`entry` cannot stand in `{path}`"),
            );
            self.report(
                found
                    .label("steps begin with the first")
                    .at(&path)
                    .help("`entry` names one of `nodes`"),
            );
        }
        if let Some(level) = fields.get("wbs-level") {
            self.wbs_level(level, &fields.path_of("wbs-level"));
        }
        let steps = fields
            .get("steps")
            .map(|n| self.steps(n, &fields.path_of("steps"), "steps", false))
            .unwrap_or_default();
        let graph = fields
            .entry("nodes")
            .filter(|_| fields.entry("steps").is_none())
            .and_then(|e| self.graph(e, fields.get("entry"), &path));
        let mut defaults = Settings::default();
        self.workflow_settings(&fields, &mut defaults);
        Some(WorkflowDecl {
            steps,
            graph,
            timeout: defaults.timeout.take(),
            on_error: defaults.on_error.take(),
            on_timeout: defaults.on_timeout.take(),
            defaults,
            exits: fields
                .entry("exits")
                .map(|e| self.exits(&e.value, &format!("{path}.{}", e.key)))
                .unwrap_or_default(),
            name,
            path,
        })
    }

    fn wbs_level(&mut self, node: &Node, path: &str) {
        let Some(level) = self.text(node, path) else {
            return;
        };
        match level.value.as_str() {
            "L3" => {}
            "L0" | "L1" | "L2" | "L4" | "L5" => {
                let found = Diagnostic::warning(
                    406,
                    node.span,
                    format!("a workflow stands on level L3, not {}", level.value),
                );
                self.report(
                    found
                        .label("kept on L3")
                        .at(path)
                        .help("write `wbs-level: L3`"),
                );
            }
            other => {
                let found =
                    Diagnostic::error(406, node.span, format!("there is no WBS level `{other}`"))
                        .label("unknown level");
                let levels =
                    "L0 Program, L1 Portfolio, L2 Scenario, L3 Workflow, L4 Task, L5 Action";
                self.report(found.at(path).note(format!("levels: {levels}")));
            }
        }
    }

    /// A list of one-key maps, a single one, or the text `goto X`, `action name`, `continue` (where `proceed` allows it).
    pub fn handler<'n>(&mut self, node: &'n Node, path: &str, proceed: bool) -> Handler<'n> {
        let mut handler = Handler::default();
        if let Some(text) = node.text().map(str::trim) {
            if text == "continue" && proceed {
                handler.proceed = true;
            } else if text == "continue" {
                let found = Diagnostic::error(
                    409,
                    node.span,
                    format!("`continue` has no meaning in `{path}`"),
                );
                self.report(
                    found
                        .label("nothing to continue with")
                        .at(path)
                        .help("`continue` belongs to the `on-error` of an action or step"),
                );
            } else {
                handler.steps.extend(self.handler_text(node, text, path));
            }
        } else if let Some(items) = node.list() {
            for (i, item) in items.iter().enumerate() {
                let path = format!("{path}[{i}]");
                match item.text() {
                    Some(text) => handler
                        .steps
                        .extend(self.handler_text(item, text.trim(), &path)),
                    None => handler.steps.extend(self.step(item, path, true)),
                }
            }
        } else if node.map().is_some() {
            handler.steps.extend(self.step(node, path.to_owned(), true));
        } else {
            self.wrong_type(node, "a list of steps", path, Some("[{goto: error_out}]"));
        }
        handler
    }

    fn handler_text<'n>(&mut self, node: &'n Node, text: &str, path: &str) -> Option<StepDecl<'n>> {
        let head = match text.split_once(char::is_whitespace) {
            Some(("goto", target)) => {
                StepHead::Goto(Spanned::new(target.trim().to_owned(), node.span))
            }
            Some(("action", action)) => {
                StepHead::Inline(Spanned::new(action.trim().to_owned(), node.span))
            }
            Some(("ref", action)) => {
                StepHead::Ref(Spanned::new(action.trim().to_owned(), node.span))
            }
            _ => {
                let found = Diagnostic::error(
                    104,
                    node.span,
                    format!("`{text}` says neither where to go nor what to do"),
                );
                self.report(
                    found
                        .label("expected a handler")
                        .at(path)
                        .help("write `goto TARGET` or `action NAME`"),
                );
                return None;
            }
        };
        Some(StepDecl {
            span: node.span,
            mark: node.span,
            name: None,
            head,
            settings: Settings::default(),
            path: path.to_owned(),
        })
    }
}
