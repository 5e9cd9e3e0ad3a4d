//! Steps and actions bound to the components that they call.

use super::components::Components;
use super::with::Callee;
use crate::diag::{Diagnostic, Span, nearest};
use crate::plan::{Ns, Role};
use crate::read::actions::{ActionDecl, Save};
use crate::read::workflows::{Handler, StepDecl, StepHead};
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
    Goto(Name),
}

pub struct Calling<'a, 'n> {
    /// Name of the action, or `component.call`.
    pub name: String,
    pub inline: bool,
    pub component: usize,
    pub call: String,
    pub with: Option<&'n Node>,
    pub with_path: String,
    pub save: Option<Save>,
    pub timeout: Option<Spanned<Ns>>,
    pub max_body: Option<u64>,
    pub on_error: Option<&'a Handler<'n>>,
    pub on_timeout: Option<&'a Handler<'n>>,
    pub span: Span,
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
    let mut open: Vec<&StepDecl<'_>> = steps.collect();
    while let Some(step) = open.pop() {
        let mut settings = vec![&step.settings];
        let component = match &step.head {
            StepHead::Ref(name) => {
                let names = by_name.keys().copied();
                let exact = by_name.get(name.value.as_str());
                let action = exact
                    .or_else(|| by_name.get(nearest(&name.value, names)?))
                    .copied();
                let Some(action) = action else { continue };
                if !used.insert(action.name.value.clone()) {
                    continue;
                }
                settings.push(&action.settings);
                action.component.as_ref().map(|c| c.value.as_str())
            }
            StepHead::Inline(name) => name.value.split_once('.').map(|(component, _)| component),
            StepHead::Goto(_) => None,
        };
        if let Some(name) = component {
            let known = if declared.contains(&name) {
                Some(name)
            } else {
                nearest(name, declared.iter().copied())
            };
            components.extend(known.map(str::to_owned));
        }
        for settings in settings {
            for handler in [&settings.on_error, &settings.on_timeout]
                .into_iter()
                .flatten()
            {
                open.extend(&handler.steps);
            }
        }
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
        let own = &step.settings;
        match &step.head {
            StepHead::Goto(target) => Some(Doing::Goto(target.clone())),
            StepHead::Ref(name) => {
                let index = self.action_named(name, actions, &step.path)?;
                let decl = &actions.decls[index];
                let component = actions.bound[index]?;
                Some(Doing::Call(Box::new(Calling {
                    name: decl.name.value.clone(),
                    inline: false,
                    component,
                    call: decl.call.as_ref()?.value.clone(),
                    with: decl.settings.with,
                    with_path: format!("{}.with", decl.path),
                    save: own.save.clone().or_else(|| decl.settings.save.clone()),
                    timeout: own
                        .timeout
                        .clone()
                        .or_else(|| decl.settings.timeout.clone()),
                    max_body: own.max_body.or(decl.settings.max_body),
                    on_error: own.on_error.as_ref().or(decl.settings.on_error.as_ref()),
                    on_timeout: own
                        .on_timeout
                        .as_ref()
                        .or(decl.settings.on_timeout.as_ref()),
                    span: name.span,
                })))
            }
            StepHead::Inline(head) => self.inline(head, step, actions, components),
        }
    }

    fn inline<'a, 'n>(
        &mut self,
        head: &Name,
        step: &'a StepDecl<'n>,
        actions: &Actions<'a, 'n>,
        components: &Components<'_>,
    ) -> Option<Doing<'a, 'n>> {
        let own = &step.settings;
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
                with: own.with,
                path: format!("{path}.with"),
            });
        }
        if declared.is_none() && component == "workbook" {
            self.later(&head.value, head.span, path);
            return None;
        }
        let name = Spanned::new(component.to_owned(), head.span);
        let index = self.component_named(&name, components, path)?;
        self.check_call(
            index,
            &Spanned::new(call.to_owned(), head.span),
            components,
            own.with,
            path,
        );
        Some(Doing::Call(Box::new(Calling {
            name: head.value.clone(),
            inline: true,
            component: index,
            call: call.to_owned(),
            with: own.with,
            with_path: format!("{path}.with"),
            save: own.save.clone(),
            timeout: own.timeout.clone(),
            max_body: own.max_body,
            on_error: own.on_error.as_ref(),
            on_timeout: own.on_timeout.as_ref(),
            span: head.span,
        })))
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
        let found = found.at(format!("{path}.ref")).suggest(near);
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
