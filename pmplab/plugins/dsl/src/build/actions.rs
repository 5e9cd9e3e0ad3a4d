//! Steps and actions bound to the components that they call.

use super::components::Components;
use super::with::Callee;
use crate::diag::{Diagnostic, Span, nearest};
use crate::plan::{Ns, Retry, Role};
use crate::read::actions::ActionDecl;
use crate::read::save_as::Save;
use crate::read::settings::{ExtractDecl, LimitDecl, Settings};
use crate::read::steps::{StepDecl, StepHead};
use crate::read::workflows::Handler;
use crate::read::{Ctx, Name, Spanned};
use crate::yaml::Node;
use std::collections::{HashMap, HashSet};

const LEVELS: [&str; 4] = ["error", "warn", "info", "debug"];

/// The actions of script and library by name; what a script defines hides the library's.
pub struct Actions<'a, 'n> {
    pub decls: &'a [ActionDecl<'n>],
    by_name: HashMap<&'a str, usize>,
    /// Component of each action, where it is known.
    bound: Vec<Option<usize>>,
}

/// What a step does, its own settings over those of its action.
pub enum Doing<'a, 'n> {
    Call(Box<Calling<'a, 'n>>),
    Log {
        level: String,
        with: Option<&'n Node>,
        path: String,
    },
    /// `action: workbook.update`: paths and values.
    Update(Vec<(Name, &'n Node)>),
}

/// A call with its settings: those of the step over those of its action.
pub struct Calling<'a, 'n> {
    /// Name of the action, or `component.call`.
    pub name: String,
    pub component: usize,
    pub call: String,
    pub with: Option<&'n Node>,
    pub with_path: String,
    pub save: Option<&'a Save<'n>>,
    pub timeout: Option<Spanned<Ns>>,
    pub retry: Option<&'a Retry>,
    pub rate_limit: Option<&'a LimitDecl>,
    /// The condition, and its path.
    pub expect: Option<(&'n Node, &'a str)>,
    pub extract: Option<&'a [ExtractDecl]>,
    pub compensate: Option<&'a Name>,
    pub record_inputs: bool,
    pub max_body: Option<u64>,
    pub on_error: Option<&'a Handler<'n>>,
    pub on_timeout: Option<&'a Handler<'n>>,
    pub span: Span,
}

impl<'a, 'n> Calling<'a, 'n> {
    /// `settings`: the step's own before those of its action.
    fn of(
        name: &Name,
        shown: &str,
        component: usize,
        call: &str,
        with_path: String,
        settings: [&'a Settings<'n>; 2],
    ) -> Self {
        let [own, base] = settings;
        let expect = own.expect.as_ref().or(base.expect.as_ref());
        Self {
            name: shown.to_owned(),
            component,
            call: call.to_owned(),
            with: own.with.or(base.with),
            with_path,
            save: own.save.as_deref().or(base.save.as_deref()),
            timeout: own.timeout.clone().or_else(|| base.timeout.clone()),
            retry: own.retry.as_deref().or(base.retry.as_deref()),
            rate_limit: own.rate_limit.as_deref().or(base.rate_limit.as_deref()),
            expect: expect.map(|(node, path)| (*node, path.as_str())),
            extract: own.extract.as_deref().or(base.extract.as_deref()),
            compensate: own.compensate.as_ref().or(base.compensate.as_ref()),
            record_inputs: own.record_inputs.or(base.record_inputs).unwrap_or(false),
            max_body: own.max_body.or(base.max_body),
            on_error: own.on_error.as_ref().or(base.on_error.as_ref()),
            on_timeout: own.on_timeout.as_ref().or(base.on_timeout.as_ref()),
            span: name.span,
        }
    }
}

impl<'a> Actions<'a, '_> {
    /// The name of an action that is there, or of the one that is meant.
    pub fn name_of(&self, name: &str) -> Option<&'a str> {
        let exact = self.by_name.get_key_value(name).map(|(name, _)| *name);
        exact.or_else(|| nearest(name, self.decls.iter().map(|a| a.name.value.as_str())))
    }
}

/// Names of all components that the workflows call.
pub fn called<'a>(
    steps: &mut dyn Iterator<Item = &'a StepDecl<'a>>,
    actions: &'a [ActionDecl<'a>],
    declared: &[&str],
) -> (HashSet<String>, HashSet<String>) {
    let by_name: HashMap<&str, &ActionDecl<'_>> = actions
        .iter()
        .rev()
        .map(|a| (a.name.value.as_str(), a))
        .collect();
    let (mut components, mut used) = (HashSet::new(), HashSet::new());
    let known = |name: &str| {
        let exact = declared.contains(&name).then_some(name);
        exact
            .or_else(|| nearest(name, declared.iter().copied()))
            .map(str::to_owned)
    };
    let mut open: Vec<&StepDecl<'_>> = steps.collect();
    let mut undoing: Vec<&Name> = Vec::new();
    loop {
        let (settings, action) = match (open.pop(), undoing.pop()) {
            (Some(step), name) => {
                undoing.extend(name);
                open.extend(step.inner());
                match &step.head {
                    StepHead::Ref(name) => (Some(&step.settings), Some(name)),
                    StepHead::Inline(name) => {
                        if let Some((component, _)) = name.value.split_once('.') {
                            components.extend(known(component));
                        }
                        (Some(&step.settings), None)
                    }
                    _ => continue,
                }
            }
            (None, Some(name)) => (None, Some(name)),
            (None, None) => break,
        };
        undoing.extend(settings.and_then(|s| s.compensate.as_ref()));
        let Some(name) = action else { continue };
        let exact = by_name.get(name.value.as_str());
        let near = || by_name.get(nearest(&name.value, by_name.keys().copied())?);
        let Some(action) = exact.or_else(near).copied() else {
            continue;
        };
        if !used.insert(action.name.value.clone()) {
            continue;
        }
        components.extend(action.component.as_ref().and_then(|c| known(&c.value)));
        undoing.extend(&action.settings.compensate);
        let handlers = [&action.settings.on_error, &action.settings.on_timeout];
        open.extend(handlers.into_iter().flatten().flat_map(|h| &h.steps));
    }
    (components, used)
}

impl Ctx<'_> {
    /// The component of that name; a near one stands in for a misspelt name, so that the check can go on.
    pub fn component_named(
        &mut self,
        name: &Name,
        components: &Components<'_>,
        path: &str,
    ) -> Option<usize> {
        if let Some(index) = components.index(&name.value) {
            return Some(index);
        }
        let near = nearest(&name.value, components.names()).map(str::to_owned);
        let names: Vec<&str> = components.names().collect();
        let found = Diagnostic::error(
            203,
            name.span,
            format!("there is no component `{}`", name.value),
        )
        .label("unknown component");
        let found = found.at(path).suggest(near.as_deref());
        self.dangle(
            "components",
            near.as_deref(),
            match names.is_empty() {
                true => found.help("declare it under `components`"),
                false => found.note(format!("declared: {}", names.join(", "))),
            },
        );
        components.index(&near?)
    }

    pub fn bind_actions<'a, 'n>(
        &mut self,
        decls: &'a [ActionDecl<'n>],
        used: &HashSet<String>,
        components: &Components<'_>,
    ) -> Actions<'a, 'n> {
        let mut all = Actions {
            decls,
            by_name: HashMap::new(),
            bound: Vec::with_capacity(decls.len()),
        };
        for (i, decl) in decls.iter().enumerate() {
            let hidden = all.by_name.contains_key(decl.name.value.as_str());
            let is_used = used.contains(&decl.name.value) && !hidden;
            if !hidden {
                all.by_name.insert(&decl.name.value, i);
            }
            if !is_used && decl.library {
                all.bound.push(None);
                continue;
            }
            if !is_used {
                let found = Diagnostic::warning(
                    901,
                    decl.name.span,
                    format!("action `{}` is never used", decl.name.value),
                );
                self.report(
                    found
                        .label("in no workflow")
                        .at(&decl.path)
                        .help("use it in a step (`ref`), or remove it"),
                );
                if let Some(with) = decl.settings.with {
                    self.form_of(with, &format!("{}.with", decl.path));
                }
            }
            let bound = decl.component.as_ref().and_then(|name| {
                let path = format!("{}.component", decl.path);
                self.component_named(name, components, &path)
            });
            if let (Some(component), Some(call)) = (bound, &decl.call) {
                self.check_call(component, call, components, decl.settings.with, &decl.path);
            }
            all.bound.push(bound);
        }
        self.undone_in_circles(&all, used);
        all
    }

    /// The call is one of the component's, and its parameters fit.
    fn check_call(
        &mut self,
        component: usize,
        call: &Name,
        components: &Components<'_>,
        with: Option<&Node>,
        path: &str,
    ) {
        let name = &components.decls[component].name.value;
        let known = components.capabilities(component);
        if call.value.is_empty() {
            let found = Diagnostic::error(103, call.span, format!("missing `call` in `{path}`"))
                .label("needs `call`")
                .at(path);
            let first = known.first().map_or("get", |c| c);
            let found = found.help(format!("add `call: {first}`"));
            self.report(if known.is_empty() {
                found
            } else {
                found.note(format!("capabilities of `{name}`: {}", known.join(", ")))
            });
            return;
        }
        let store_call = components.sections[component].params(&call.value).is_some();
        if components.plan[component].role == Role::Resource && !store_call {
            let found = Diagnostic::error(
                205,
                call.span,
                format!("component `{name}` provides resources: it runs no actions"),
            );
            self.report(
                found
                    .label("not a protocol call")
                    .at(path)
                    .help("actions call protocol components, such as `http`"),
            );
            return;
        }
        let section = &components.sections[component];
        if !known.contains(&call.value.as_str()) && !known.is_empty() {
            let found = Diagnostic::error(
                701,
                call.span,
                format!("component `{name}` has no capability `{}`", call.value),
            );
            let mut found = found
                .label("not a capability")
                .at(format!("{path}.call"))
                .suggest(nearest(&call.value, known.iter().copied()));
            if section.capabilities().contains(&call.value.as_str()) {
                found = found.help(format!(
                    "the component could: add `{}` to its `metadata.capabilities`",
                    call.value
                ));
            }
            self.report(found.note(format!("capabilities: {}", known.join(", "))));
            return;
        }
        let callee = Callee {
            component: name,
            call: &call.value,
            section,
            span: call.span,
        };
        self.check_with(with, &callee, &format!("{path}.with"));
    }

    /// What a step does; none when that is unknown, which is reported.
    pub fn doing<'a, 'n>(
        &mut self,
        step: &'a StepDecl<'n>,
        actions: &Actions<'a, 'n>,
        components: &Components<'_>,
    ) -> Option<Doing<'a, 'n>> {
        match &step.head {
            StepHead::Ref(name) => {
                let index = self.action_named(name, actions, &format!("{}.ref", step.path))?;
                named(name, index, &step.settings, actions).map(|c| Doing::Call(Box::new(c)))
            }
            StepHead::Inline(head) => self.inline(head, step, actions, components),
            _ => None,
        }
    }

    /// The call that undoes another: an action by its name. It saves nothing and has no handlers.
    pub fn undoing<'a, 'n>(
        &mut self,
        name: &Name,
        actions: &Actions<'a, 'n>,
        path: &str,
    ) -> Option<Calling<'a, 'n>> {
        let index = self.action_named(name, actions, path)?;
        let decl = &actions.decls[index];
        let calling = named(name, index, &decl.settings, actions)?;
        Some(Calling {
            save: None,
            extract: None,
            compensate: None,
            on_error: None,
            on_timeout: None,
            ..calling
        })
    }

    /// Actions that undo each other, directly or by way of others.
    fn undone_in_circles(&mut self, actions: &Actions<'_, '_>, used: &HashSet<String>) {
        let next = |index: usize| {
            let name = actions.decls[index].settings.compensate.as_ref()?;
            actions
                .by_name
                .get(name.value.as_str())
                .map(|to| (name, *to))
        };
        let mut done = HashSet::new();
        for start in 0..actions.decls.len() {
            if !used.contains(&actions.decls[start].name.value) {
                continue;
            }
            let mut path = vec![start];
            while let Some((name, to)) = path.last().and_then(|last| next(*last)) {
                if let Some(from) = path.iter().position(|p| *p == to) {
                    let circle = &path[from..];
                    if circle.iter().all(|p| done.insert(*p)) {
                        let each = circle.iter().chain(circle.first());
                        let names: Vec<&str> = each
                            .map(|p| actions.decls[*p].name.value.as_str())
                            .collect();
                        let message =
                            format!("these actions undo each other: {}", names.join(" -> "));
                        let found = Diagnostic::error(221, name.span, message).label("leads back");
                        let found = found.at(format!(
                            "{}.compensate",
                            actions.decls[path[path.len() - 1]].path
                        ));
                        self.report(found.help(
                            "what undoes an action needs no undoing: remove its `compensate`",
                        ));
                    }
                    break;
                }
                path.push(to);
            }
        }
    }

    fn inline<'a, 'n>(
        &mut self,
        head: &Name,
        step: &'a StepDecl<'n>,
        actions: &Actions<'a, 'n>,
        components: &Components<'_>,
    ) -> Option<Doing<'a, 'n>> {
        let path = &step.path;
        let Some((component, call)) = head.value.split_once('.') else {
            let found = Diagnostic::error(
                201,
                head.span,
                format!("`{}` is no `COMPONENT.CALL`", head.value),
            )
            .label("expected a call")
            .at(path);
            let named = actions.by_name.contains_key(head.value.as_str());
            self.dangle(
                "actions",
                Some(""),
                if named {
                    found.help(format!("write `ref: {}` for a named action", head.value))
                } else {
                    found.help("write `action: http.get`, or `ref: NAME` for a named action")
                },
            );
            return None;
        };
        let declared = components.index(component);
        if declared.is_none() && component == "log" {
            if !LEVELS.contains(&call) {
                let found = Diagnostic::error(701, head.span, format!("there is no `log.{call}`"))
                    .label("unknown level")
                    .at(path);
                self.report(
                    found
                        .suggest(nearest(call, LEVELS))
                        .note(format!("levels: {}", LEVELS.join(", "))),
                );
                return None;
            }
            return Some(Doing::Log {
                level: call.to_owned(),
                with: step.settings.with,
                path: format!("{path}.with"),
            });
        }
        if declared.is_none() && component == "workbook" {
            return self.workbook_call(head, call, step);
        }
        let name = Spanned::new(component.to_owned(), head.span);
        let index = self.component_named(&name, components, path)?;
        self.check_call(
            index,
            &Spanned::new(call.to_owned(), head.span),
            components,
            step.settings.with,
            path,
        );
        let with_path = format!("{path}.with");
        let settings = [&step.settings; 2];
        let calling = Calling::of(head, &head.value, index, call, with_path, settings);
        Some(Doing::Call(Box::new(calling)))
    }

    /// `workbook.update`, which is `update-workbook` as an action.
    fn workbook_call<'a, 'n>(
        &mut self,
        head: &Name,
        call: &str,
        step: &'a StepDecl<'n>,
    ) -> Option<Doing<'a, 'n>> {
        if call != "update" {
            let message = format!("there is no `workbook.{call}`");
            let found = Diagnostic::error(701, head.span, message).label("unknown call");
            self.report(
                found
                    .at(&step.path)
                    .suggest(nearest(call, ["update"]))
                    .note("calls: update"),
            );
            return None;
        }
        let entries = step.settings.with.and_then(Node::map).unwrap_or_default();
        if entries.is_empty() {
            let help = "add `with: {registers.flag: true}`";
            self.missing(head.span, "with", &step.path, help);
            return None;
        }
        let one = |e: &'n crate::yaml::Entry| (Spanned::new(e.key.clone(), e.key_span), &e.value);
        Some(Doing::Update(entries.iter().map(one).collect()))
    }

    fn action_named(
        &mut self,
        name: &Name,
        actions: &Actions<'_, '_>,
        path: &str,
    ) -> Option<usize> {
        if let Some(index) = actions.by_name.get(name.value.as_str()) {
            return Some(*index);
        }
        let near = nearest(
            &name.value,
            actions.decls.iter().map(|a| a.name.value.as_str()),
        );
        let found = Diagnostic::error(
            201,
            name.span,
            format!("there is no action `{}`", name.value),
        )
        .label("unknown action");
        let found = found.at(path).suggest(near);
        let names: Vec<&str> = actions
            .decls
            .iter()
            .take(20)
            .map(|a| a.name.value.as_str())
            .collect();
        self.dangle(
            "actions",
            near,
            match names.is_empty() {
                true => found.help("define it under `actions`"),
                false => found.note(format!(
                    "defined in the script and config.yaml: {}",
                    names.join(", ")
                )),
            },
        );
        actions.by_name.get(near?).copied()
    }
}

/// The call of a named action; none when its component or call is unknown.
fn named<'a, 'n>(
    name: &Name,
    index: usize,
    own: &'a Settings<'n>,
    actions: &Actions<'a, 'n>,
) -> Option<Calling<'a, 'n>> {
    let decl: &'a ActionDecl<'n> = &actions.decls[index];
    let with_path = format!("{}.with", decl.path);
    let settings = [own, &decl.settings];
    let call = &decl.call.as_ref()?.value;
    Some(Calling {
        with: decl.settings.with,
        ..Calling::of(
            name,
            &decl.name.value,
            actions.bound[index]?,
            call,
            with_path,
            settings,
        )
    })
}
