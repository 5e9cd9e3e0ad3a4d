//! The work breakdown structure of a plan: six levels, from the program to its calls.

use crate::plan::{Component, Head, Resource, Scenario, Source, Step, Template, WbsNode};
use std::collections::BTreeSet;

/// `planned`: calls on L0 to L3 and L5, tasks on L4; a parent's is the sum of its children's, L4 apart.
pub fn wbs(
    program: &str,
    scenarios: &[Scenario],
    components: &[Component],
    resources: &[Resource],
) -> WbsNode {
    let mut portfolios: Vec<String> = Vec::new();
    for scenario in scenarios {
        for name in protocols(scenario, components) {
            if !portfolios.contains(&name) {
                portfolios.push(name);
            }
        }
    }
    let maker = Maker {
        components,
        resources,
    };
    let children = portfolios.iter().map(|name| {
        let under = scenarios
            .iter()
            .filter(|s| s.portfolio == *name)
            .map(|s| maker.scenario(s))
            .collect();
        parent("L1", name, format!("{program}/{name}"), "planning", under)
    });
    parent(
        "L0",
        program,
        program.to_owned(),
        "initiating",
        children.collect(),
    )
}

/// Upper-case names of the components that a scenario calls, its own portfolio first.
fn protocols(scenario: &Scenario, components: &[Component]) -> Vec<String> {
    let mut names = vec![scenario.portfolio.clone()];
    for step in &scenario.steps {
        if let Head::Call(call) = &step.head {
            names.push(components[call.component].name.to_uppercase());
        }
    }
    names
}

fn parent(
    level: &str,
    name: &str,
    node: String,
    process_group: &str,
    children: Vec<WbsNode>,
) -> WbsNode {
    let resources: BTreeSet<&String> = children.iter().flat_map(|c| &c.resources).collect();
    let planned = children
        .iter()
        .map(|c| c.planned)
        .try_fold(0u64, |sum, p| sum.checked_add(p?));
    WbsNode {
        level: level.into(),
        name: name.into(),
        node,
        process_group: process_group.into(),
        call: None,
        resources: resources.into_iter().cloned().collect(),
        planned,
        owner: children.iter().find_map(|c| c.owner.clone()),
        children,
    }
}

struct Maker<'p> {
    components: &'p [Component],
    resources: &'p [Resource],
}

impl Maker<'_> {
    fn scenario(&self, s: &Scenario) -> WbsNode {
        let tasks = tasks(s);
        let base = format!("{}/{}", s.name, s.workflow);
        let mut actions: Vec<WbsNode> = s
            .steps
            .iter()
            .filter_map(|step| self.action(step, s, "executing", tasks))
            .collect();
        let handlers = s.on_error.iter().chain(&s.on_timeout);
        // Handlers are no planned work: they hold none of the 100 %.
        actions.extend(handlers.filter_map(|step| self.action(step, s, "monitoring", Some(0))));
        let calls = actions
            .iter()
            .map(|a| a.planned)
            .try_fold(0u64, |sum, p| sum.checked_add(p?));
        let mut task = parent("L4", "task", format!("{base}#task"), "executing", actions);
        let inherited = s.inherit.iter().map(|i| self.resources[*i].name.clone());
        task.resources = inherited
            .chain(task.resources)
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        task.planned = tasks;
        let mut workflow = parent("L3", &s.workflow, base, "executing", vec![task]);
        workflow.planned = calls;
        parent("L2", &s.name, s.name.clone(), "planning", vec![workflow])
    }

    fn action(
        &self,
        step: &Step,
        s: &Scenario,
        group: &str,
        planned: Option<u64>,
    ) -> Option<WbsNode> {
        let Head::Call(call) = &step.head else {
            return None;
        };
        let component = &self.components[call.component];
        let mut resources = BTreeSet::new();
        for hole in &call.holes {
            self.named(&hole.template, s, &mut resources);
        }
        Some(WbsNode {
            level: "L5".into(),
            name: step.name.clone(),
            node: step.node.clone(),
            process_group: group.into(),
            call: Some(format!("{}.{}", component.name, call.call)),
            resources: resources.into_iter().collect(),
            planned,
            owner: component
                .metadata
                .get("owner")
                .and_then(|o| o.as_str())
                .map(str::to_owned),
            children: Vec::new(),
        })
    }

    fn named(&self, template: &Template, s: &Scenario, out: &mut BTreeSet<String>) {
        let exprs: Vec<&crate::plan::Expr> = match template {
            Template::Whole(expr) => vec![expr],
            Template::Mixed(parts) => parts
                .iter()
                .filter_map(|p| {
                    if let crate::plan::Part::Expr(e) = p {
                        Some(e)
                    } else {
                        None
                    }
                })
                .collect(),
        };
        for expr in exprs {
            expr.term.each_source(&mut |source| {
                let index = match source {
                    Source::Lease { inherit, .. } => s.inherit.get(*inherit).copied(),
                    Source::Blob { resource, .. } | Source::Kv { resource, .. } => Some(*resource),
                    _ => None,
                };
                out.extend(index.map(|i| self.resources[i].name.clone()));
            });
        }
    }
}

/// Tasks that are planned, where the script bounds them by number; of random arrivals, those to be expected.
pub fn tasks(s: &Scenario) -> Option<u64> {
    if let Some(arrival) = &s.arrival {
        return arrival.total(s.max_duration);
    }
    match (s.iterations, s.task_duration) {
        (Some(n), None) => s.users.checked_mul(n),
        (None, None) => Some(s.users),
        _ => None,
    }
}
