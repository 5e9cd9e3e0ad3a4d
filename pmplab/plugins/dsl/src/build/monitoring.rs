//! What the run watches by itself: alerts, thresholds, and the answers to a task's flag.

use super::components::Components;
use super::flow::OUTSIDE;
use super::resources::Resources;
use super::scope::Scope;
use super::steps::Shop;
use super::workbook::Book;
use crate::diag::{Diagnostic, nearest};
use crate::plan::{Alert, Monitoring, Part, Response, Step, Template, Threshold, Variable};
use crate::read::Ctx;
use crate::read::bundle::Script;
use crate::read::monitoring::{AlertDecl, ResponseDecl};
use crate::read::thresholds::ThresholdDecl;
use serde_json::Value as Json;

/// The alerts, and the variables of all users that they read.
#[derive(Default)]
pub struct Alerts {
    pub all: Vec<Alert>,
    pub vars: Vec<Variable>,
}

impl<'n> Ctx<'_> {
    /// `answers` are the steps of the responses, by scenario.
    pub fn watching(
        &mut self,
        script: &Script<'n>,
        components: &Components<'_>,
        answers: Vec<Vec<Vec<Step>>>,
        alerts: Alerts,
    ) -> Monitoring {
        let decl = &script.watching;
        Monitoring {
            alerts: alerts.all,
            vars: alerts.vars,
            responses: responses(&decl.responses, answers),
            thresholds: self.selected(&decl.thresholds, script, components),
        }
    }

    pub fn watched(
        &mut self,
        script: &Script<'n>,
        resources: &Resources<'n>,
        book: &Book<'n>,
        globals: &Json,
        shop: &mut Shop<'_, 'n>,
    ) -> Alerts {
        let decls = &script.watching.alerts;
        let Some(first) = decls.first() else {
            return Alerts::default();
        };
        let mut scope = Scope::new(resources, book, globals, first.when.span);
        (scope.watch, scope.shared) = (true, shop.shared.clone());
        let all = decls
            .iter()
            .filter_map(|alert| self.alert_of(alert, &mut scope))
            .collect();
        for writer in scope.vars.iter().flat_map(|var| &var.writers) {
            if let Some((_, read)) = shop.saved.get_mut(&writer.span) {
                *read = true;
            }
        }
        Alerts {
            all,
            vars: scope.variables(),
        }
    }

    fn alert_of(&mut self, alert: &AlertDecl<'n>, scope: &mut Scope<'_, 'n>) -> Option<Alert> {
        let place = |key: &str| format!("{}.{key}", alert.path);
        let when = self.condition(alert.when, &place("when"), scope, OUTSIDE);
        let message = match alert.message {
            Some(node) if node.scalar().is_some() => {
                self.template(node, &place("message"), scope, OUTSIDE)
            }
            Some(node) => {
                self.wrong_type(node, "text", &place("message"), None);
                None
            }
            None => {
                let written = when.as_ref().map_or("", |when| when.written.as_str());
                let text = format!("{}: {written}", alert.name);
                Some(Template::Mixed(vec![Part::Text(text)]))
            }
        };
        Some(Alert {
            name: alert.name.clone(),
            when: when?,
            to: alert.to.clone(),
            notify: alert.notify.clone(),
            message: message?,
        })
    }

    /// The thresholds whose selectors name something: an action, a call, or a scenario.
    fn selected(
        &mut self,
        decls: &[ThresholdDecl],
        script: &Script<'n>,
        components: &Components<'_>,
    ) -> Vec<Threshold> {
        let mut names: Vec<String> = Vec::new();
        if decls.iter().any(|d| d.plan.of.is_some()) {
            names.extend(script.actions.iter().map(|a| a.name.value.clone()));
            names.extend(script.load.scenarios.iter().map(|s| s.name.value.clone()));
            for (i, component) in components.names().enumerate() {
                let calls = components.capabilities(i);
                names.extend(calls.iter().map(|call| format!("{component}.{call}")));
            }
        }
        let mut all = Vec::with_capacity(decls.len());
        for decl in decls {
            let Some(of) = decl.plan.of.as_ref().filter(|of| !names.contains(of)) else {
                all.push(decl.plan.clone());
                continue;
            };
            let near = nearest(of, names.iter().map(String::as_str));
            let damaged = ["actions", "components", "load.scenarios"];
            if near.is_none() && damaged.iter().any(|s| self.damaged.contains(s)) {
                continue;
            }
            let message = format!("`{of}` is no action, call or scenario");
            let found = Diagnostic::error(414, decl.of, message)
                .label("nothing is measured of it")
                .at(&decl.path)
                .suggest(near);
            self.report(found.note(format!("measured: {}", names.join(", "))));
        }
        all
    }
}

/// The answers turned round: by response first, then by scenario.
fn responses(decls: &[ResponseDecl<'_>], answers: Vec<Vec<Vec<Step>>>) -> Vec<Response> {
    let mut all: Vec<Response> = decls
        .iter()
        .map(|decl| Response {
            flag: decl.flag.clone(),
            steps: Vec::with_capacity(answers.len()),
        })
        .collect();
    for scenario in answers {
        for (response, steps) in all.iter_mut().zip(scenario) {
            response.steps.push(steps);
        }
    }
    all
}
