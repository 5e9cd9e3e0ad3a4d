//! `workflows`: steps in a row, and what comes after an error or a timeout.

use super::actions::Settings;
use super::exits::Exits;
use super::places::{STEP, WORKFLOW};
use super::{Ctx, Name, Spanned};
use crate::diag::{Diagnostic, Span};
use crate::plan::Ns;
use crate::yaml::Node;

#[derive(Debug, Clone)]
pub struct WorkflowDecl<'n> {
    pub name: Name,
    pub steps: Vec<StepDecl<'n>>,
    pub timeout: Option<Spanned<Ns>>,
    pub on_error: Option<Handler<'n>>,
    pub on_timeout: Option<Handler<'n>>,
    pub exits: Exits,
    pub path: String,
}

/// A step, or one action of a handler.
#[derive(Debug, Clone)]
pub struct StepDecl<'n> {
    pub span: Span,
    pub name: Option<Name>,
    pub head: StepHead,
    pub settings: Settings<'n>,
    pub path: String,
}

#[derive(Debug, Clone)]
pub enum StepHead {
    Ref(Name),
    /// `COMPONENT.CALL` or `log.LEVEL`.
    Inline(Name),
    Goto(Name),
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
        let graph = node
            .map()
            .unwrap_or_default()
            .iter()
            .any(|e| e.key == "nodes");
        if let (Some(entry), Some(steps)) = (
            node.map()
                .unwrap_or_default()
                .iter()
                .find(|e| e.key == "nodes"),
            fields.entry("steps"),
        ) {
            let found = Diagnostic::error(
                109,
                entry.key_span,
                format!("`steps` and `nodes` exclude each other in `{path}`"),
            );
            self.report(
                found
                    .label("a graph")
                    .also(steps.key_span, "a list of steps")
                    .at(&path)
                    .help("keep one of the two"),
            );
        } else if fields.lacks("steps") && !graph {
            self.missing(name.span, "steps", &path, "add `steps: [{ref: ACTION}]`");
        }
        if let Some(level) = fields.get("wbs-level") {
            self.wbs_level(level, &fields.path_of("wbs-level"));
        }
        let steps_path = fields.path_of("steps");
        let steps = match fields.entry("steps").map(|e| (&e.value, e.value.list())) {
            Some((node, Some([]))) => {
                self.wrong_type(
                    node,
                    "a list of at least one step",
                    &steps_path,
                    Some("steps: [{ref: ACTION}]"),
                );
                Vec::new()
            }
            Some((_, Some(items))) => items
                .iter()
                .enumerate()
                .filter_map(|(i, item)| self.step(item, format!("{steps_path}[{i}]"), false))
                .collect(),
            Some((node, None)) => {
                let example = node.text().map_or("steps: [{ref: ACTION}]".into(), |name| {
                    format!("steps: [{{ref: {name}}}]")
                });
                self.wrong_type(node, "a list", &steps_path, Some(&example));
                Vec::new()
            }
            None => Vec::new(),
        };
        Some(WorkflowDecl {
            steps,
            timeout: fields
                .get("timeout")
                .and_then(|n| self.duration(n, &fields.path_of("timeout"))),
            on_error: fields
                .get("on-error")
                .map(|n| self.handler(n, &fields.path_of("on-error"), false)),
            on_timeout: fields
                .get("on-timeout")
                .map(|n| self.handler(n, &fields.path_of("on-timeout"), false)),
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
            name: None,
            head,
            settings: Settings::default(),
            path: path.to_owned(),
        })
    }

    fn step<'n>(&mut self, node: &'n Node, path: String, in_handler: bool) -> Option<StepDecl<'n>> {
        if let Some(text) = node.text() {
            let message = format!("`{path}` must be a map, not text");
            let found = Diagnostic::error(104, node.span, message)
                .label("expected a step")
                .at(&path);
            self.report(found.help(format!("write it as `ref: {text}`")));
            return None;
        }
        if node.map().is_some_and(<[_]>::is_empty) || node.is_null() {
            self.wrong_type(node, "a step", &path, Some("ref: ACTION"));
            return None;
        }
        let fields = self.fields(node, &STEP, &path)?;
        let heads: Vec<_> = ["ref", "action", "goto"]
            .into_iter()
            .filter_map(|key| fields.entry(key))
            .collect();
        let mut heads = heads;
        heads.sort_by_key(|e| (e.key_span.line, e.key_span.col));
        if let [first, second, ..] = heads[..] {
            let found = Diagnostic::error(
                108,
                second.key_span,
                format!(
                    "`{}` and `{}` in one step {}",
                    first.key,
                    second.key,
                    super::fields::inside(&path)
                ),
            );
            self.report(
                found
                    .label("a second head")
                    .also(first.key_span, "the first")
                    .at(&path)
                    .help("a step does one thing: make two steps of it"),
            );
        }
        let Some(head) = heads.first() else {
            if ["ref", "action", "goto"]
                .iter()
                .all(|key| fields.lacks(key))
                && fields.later_free(node)
            {
                let found = Diagnostic::error(
                    103,
                    node.map()?.first()?.key_span,
                    format!("the step `{path}` says not what to do"),
                );
                self.report(
                    found
                        .label("needs `ref`, `action` or `goto`")
                        .at(&path)
                        .help("add `ref: ACTION`"),
                );
            }
            return None;
        };
        let name = self.name(&head.value, &fields.path_of(&head.key))?;
        let head = match head.key.as_str() {
            "ref" => StepHead::Ref(name),
            "action" => StepHead::Inline(name),
            _ => StepHead::Goto(name),
        };
        let mut settings = Settings {
            with: fields.get("with").filter(|n| !n.is_null()),
            save: fields
                .get("save-as")
                .and_then(|n| self.save_as(n, &fields.path_of("save-as"))),
            timeout: fields
                .get("timeout")
                .and_then(|n| self.duration(n, &fields.path_of("timeout"))),
            max_body: fields
                .get("max-body")
                .and_then(|n| self.size(n, &fields.path_of("max-body"))),
            ..Settings::default()
        };
        for key in ["on-error", "on-timeout"] {
            let Some(entry) = fields.entry(key) else {
                continue;
            };
            if in_handler {
                let found = Diagnostic::error(
                    102,
                    entry.key_span,
                    format!("`{key}` cannot stand inside a handler"),
                );
                self.report(
                    found
                        .label("a handler has no handlers")
                        .at(&path)
                        .help("what fails in a handler leaves by `error_out`"),
                );
                continue;
            }
            let handler = Some(self.handler(&entry.value, &fields.path_of(key), key == "on-error"));
            if key == "on-error" {
                settings.on_error = handler
            } else {
                settings.on_timeout = handler
            }
        }
        self.misplaced(&fields, &head);
        let name = fields
            .get("name")
            .and_then(|n| self.name(n, &fields.path_of("name")));
        Some(StepDecl {
            span: node.span,
            name,
            head,
            settings,
            path,
        })
    }

    /// Keys that this head cannot have.
    fn misplaced(&mut self, fields: &super::fields::Fields<'_>, head: &StepHead) {
        let (what, keys, help): (_, &[&str], _) = match head {
            StepHead::Inline(_) => return,
            StepHead::Ref(name) => (
                "ref",
                &["with", "max-body"],
                format!("`with` belongs under `actions.{}`", name.value),
            ),
            StepHead::Goto(_) => (
                "goto",
                &[
                    "with",
                    "save-as",
                    "timeout",
                    "on-error",
                    "on-timeout",
                    "max-body",
                ],
                "a `goto` only leads elsewhere".to_owned(),
            ),
        };
        for entry in keys.iter().filter_map(|key| fields.entry(key)) {
            let found = Diagnostic::error(
                107,
                entry.key_span,
                format!(
                    "`{}` cannot stand beside `{what}` in `{}`",
                    entry.key, fields.path
                ),
            );
            self.report(
                found
                    .label(format!("not a key of a `{what}` step"))
                    .at(&fields.path)
                    .help(help.clone()),
            );
        }
    }
}

impl super::fields::Fields<'_> {
    /// No keyword of the later language was seen: those were reported already.
    fn later_free(&self, node: &Node) -> bool {
        let later =
            |key: &str| super::places::LATER_HEADS.contains(&super::fields::kebab(key).as_str());
        !node.map().unwrap_or_default().iter().any(|e| later(&e.key))
    }
}
