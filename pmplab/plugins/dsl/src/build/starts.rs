//! Which scenario begins when: side by side, at a time, or after another.

use crate::diag::{Diagnostic, Span, nearest};
use crate::plan::{Scenario, Start};
use crate::read::load::{ScenarioDecl, StartDecl};
use crate::read::{Ctx, Name};

impl Ctx<'_> {
    /// Fills in `Scenario::start`.
    pub fn starts(&mut self, decls: &[ScenarioDecl<'_>], plan: &mut [Scenario]) {
        let known = |name: &str| decls.iter().position(|d| d.name.value == name);
        let mut after: Vec<Option<(usize, Span)>> = vec![None; decls.len()];
        for (at, decl) in decls.iter().enumerate() {
            let begin = match &decl.start {
                None => continue,
                Some(StartDecl::At(ns)) => Start::At(*ns),
                Some(StartDecl::Scenario(name)) => {
                    let Some(other) =
                        known(&name.value).or_else(|| self.no_scenario(name, decl, decls))
                    else {
                        continue;
                    };
                    after[at] = Some((other, name.span));
                    let other = &decls[other].name.value;
                    let Some(index) = plan.iter().position(|s| s.name == *other) else {
                        continue;
                    };
                    Start::After(index)
                }
            };
            if let Some(scenario) = plan.iter_mut().find(|s| s.name == decl.name.value) {
                scenario.start = begin;
            }
        }
        self.circles(decls, &after);
    }

    fn no_scenario(
        &mut self,
        name: &Name,
        decl: &ScenarioDecl<'_>,
        decls: &[ScenarioDecl<'_>],
    ) -> Option<usize> {
        let others = || {
            let names = decls.iter().map(|d| d.name.value.as_str());
            names.filter(|n| *n != decl.name.value)
        };
        let near = nearest(&name.value, others());
        let found = Diagnostic::error(
            202,
            name.span,
            format!("there is no scenario `{}`", name.value),
        );
        let found = found
            .label("unknown scenario")
            .at(format!("{}.start-after", decl.path))
            .suggest(near);
        let names: Vec<&str> = others().collect();
        self.dangle(
            "load.scenarios",
            near,
            if names.is_empty() {
                found.help("name another scenario, or a time such as `30s`")
            } else {
                found.note(format!("scenarios: {}", names.join(", ")))
            },
        );
        decls
            .iter()
            .position(|d| Some(d.name.value.as_str()) == near)
    }

    /// Scenarios that wait for each other never start. Each waits for one at most, so a walk finds every circle.
    fn circles(&mut self, decls: &[ScenarioDecl<'_>], after: &[Option<(usize, Span)>]) {
        // Not seen yet, or in the walk that began at this scenario.
        let mut walk: Vec<Option<usize>> = vec![None; decls.len()];
        for first in 0..decls.len() {
            let mut at = first;
            while walk[at].is_none() {
                walk[at] = Some(first);
                let Some((next, _)) = after[at] else { break };
                at = next;
            }
            // A walk that ends where it has been has gone round; one that ends in an earlier walk has not.
            if walk[at] == Some(first) && after[at].is_some() {
                self.circle(at, decls, after);
            }
        }
    }

    fn circle(
        &mut self,
        start: usize,
        decls: &[ScenarioDecl<'_>],
        after: &[Option<(usize, Span)>],
    ) {
        let mut names = vec![format!("`{}`", decls[start].name.value)];
        let mut spans = Vec::new();
        let mut at = start;
        while let Some((next, span)) = after[at] {
            names.push(format!("`{}`", decls[next].name.value));
            spans.push(span);
            at = next;
            if at == start {
                break;
            }
        }
        let decl = &decls[start];
        let message = if spans.len() == 1 {
            format!("scenario {} waits for itself", names[0])
        } else {
            format!("scenarios wait for each other: {}", names.join(" -> "))
        };
        let mut found = Diagnostic::error(607, spans[0], message).label("never starts");
        for (name, span) in names[1..].iter().zip(&spans[1..]) {
            found = found.also(*span, format!("{name} waits here"));
        }
        self.report(
            found
                .at(format!("{}.start-after", decl.path))
                .help("let one of them start by itself"),
        );
    }
}
