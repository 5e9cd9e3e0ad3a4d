//! Guard Domains: which components may touch which resources.

use super::components::Components;
use super::resources::Resources;
use crate::diag::Diagnostic;
use crate::plan::{Call, Expr, Head, Part, Scenario, Source, Step, Template};
use crate::read::Ctx;
use std::collections::BTreeSet;

impl Ctx<'_> {
    /// A component that names its domains neither provides resources of others nor reads their leases.
    pub fn domains(
        &mut self,
        plan: &[Scenario],
        components: &Components<'_>,
        resources: &Resources<'_>,
    ) {
        let mut touched: BTreeSet<(usize, usize)> = BTreeSet::new();
        let binds = |r: &crate::read::resources::ResourceDecl<'_>| {
            r.component
                .as_ref()
                .and_then(|c| components.index(&c.value))
        };
        touched.extend(
            resources
                .decls
                .iter()
                .enumerate()
                .filter_map(|(index, decl)| Some((binds(decl)?, index))),
        );
        let provided = touched.clone();
        for scenario in plan {
            each_call(scenario, &mut |call| {
                each_source(call, &mut |source| {
                    let resource = match source {
                        Source::Lease { inherit, .. } => scenario.inherit.get(*inherit).copied(),
                        Source::Blob { resource, .. } | Source::Kv { resource, .. } => {
                            Some(*resource)
                        }
                        _ => None,
                    };
                    touched.extend(resource.map(|resource| (call.component, resource)));
                });
            });
        }
        for (component, index) in touched {
            let (decl, resource) = (&components.decls[component], &resources.plan[index]);
            let Some(guard) = &decl.guard else { continue };
            if guard.value.contains(&resource.domain) {
                continue;
            }
            let verb = if provided.contains(&(component, index)) {
                "provides"
            } else {
                "reads"
            };
            let message = format!(
                "component `{}` {verb} `{}`, a resource of domain `{}`",
                decl.name.value, resource.name, resource.domain
            );
            let found = Diagnostic::error(509, guard.span, message)
                .label(format!("may touch only: {}", guard.value.join(", ")))
                .also(
                    resources.decls[index].name.span,
                    format!("domain `{}`", resource.domain),
                );
            self.report(
                found
                    .at(format!("{}.metadata.guard", decl.path))
                    .help(format!(
                        "add `{}` to the component's `guard`, or change the resource's `metadata.guard`",
                        resource.domain
                    )),
            );
        }
    }
}

/// Shows every call of a scenario, those of handlers and compensations too.
fn each_call<'p>(scenario: &'p Scenario, see: &mut dyn FnMut(&'p Call)) {
    for steps in [&scenario.steps, &scenario.on_error, &scenario.on_timeout] {
        steps.iter().for_each(|step| calls(step, see));
    }
    let nodes = scenario.graph.iter().flat_map(|graph| &graph.nodes);
    nodes.for_each(|node| calls(&node.step, see));
}

fn calls<'p>(step: &'p Step, see: &mut dyn FnMut(&'p Call)) {
    match &step.head {
        Head::Call(call) => {
            see(call);
            let handlers = [&call.on_error, &call.on_timeout].into_iter().flatten();
            handlers.flatten().for_each(|step| calls(step, see));
            if let Some(step) = &call.compensate {
                calls(step, see);
            }
        }
        Head::If {
            then, otherwise, ..
        } => then
            .iter()
            .chain(otherwise)
            .for_each(|step| calls(step, see)),
        Head::Loop(over) => over.steps.iter().for_each(|step| calls(step, see)),
        Head::Parallel(parallel) => {
            let steps = parallel.branches.iter().flat_map(|branch| &branch.steps);
            steps.for_each(|step| calls(step, see));
        }
        _ => {}
    }
}

/// Shows every source that the parameters of a call read.
fn each_source(call: &Call, see: &mut dyn FnMut(&Source)) {
    let mut expr = |expr: &Expr| expr.term.each_source(see);
    for hole in &call.holes {
        match &hole.template {
            Template::Whole(whole) => expr(whole),
            Template::Mixed(parts) => parts.iter().for_each(|part| {
                if let Part::Expr(inner) = part {
                    expr(inner);
                }
            }),
        }
    }
}
