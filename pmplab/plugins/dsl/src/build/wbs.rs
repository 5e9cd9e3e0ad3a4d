//! The work breakdown structure of a plan: six levels, from the program to its calls.

use crate::plan::{
    Arrow, Branch, Call, Component, Graph, Head, Over, Resource, Risk, Scenario, Source, Step,
    Template, Term, Value, Wait, WbsNode,
};
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
    let mut root = parent(
        "L0",
        program,
        program.to_owned(),
        "initiating",
        children.collect(),
    );
    scoped(&mut root, &[]);
    root
}

/// Says of a node and of what is in it what they are parts of.
fn scoped(node: &mut WbsNode, above: &[String]) {
    node.scope = [above, std::slice::from_ref(&node.name)].concat();
    for child in &mut node.children {
        scoped(child, &node.scope);
    }
}

/// Upper-case names of the components that a scenario calls, its own portfolio first.
fn protocols(scenario: &Scenario, components: &[Component]) -> Vec<String> {
    let mut names = vec![scenario.portfolio.clone()];
    let mut see = |component: usize| names.push(components[component].name.to_uppercase());
    called(&scenario.steps, &mut see);
    for node in scenario.graph.iter().flat_map(|g| &g.nodes) {
        called(std::slice::from_ref(&node.step), &mut see);
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
        scope: Vec::new(),
        risk: Risk::default(),
        call: None,
        action: None,
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
        let mut actions = Vec::new();
        // Where a branch may leave the list, nobody can say how often the others run.
        let each = tasks.filter(|_| !s.steps.iter().any(jumps));
        self.actions(&s.steps, s, "executing", each, &mut actions);
        for (i, node) in s.graph.iter().flat_map(|g| g.nodes.iter().enumerate()) {
            let once = s
                .graph
                .as_ref()
                .is_some_and(|g| g.entry == i && !g.leads_to(i));
            let planned = tasks.filter(|_| once);
            let step = std::slice::from_ref(&node.step);
            self.actions(step, s, "executing", planned, &mut actions);
        }
        // Handlers are no planned work: they hold none of the 100 %.
        for handler in [&s.on_error, &s.on_timeout] {
            self.actions(handler, s, "monitoring", Some(0), &mut actions);
        }
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
        task.risk = Risk {
            timeout: s.task_timeout,
            handled: !s.on_error.is_empty() || !s.on_timeout.is_empty(),
            severity: Some(s.severity),
            ..Risk::default()
        };
        let mut workflow = parent("L3", &s.workflow, base, "executing", vec![task]);
        workflow.planned = calls;
        let mut scenario = parent("L2", &s.name, s.name.clone(), "planning", vec![workflow]);
        scenario.risk = Risk {
            timeout: s.max_duration,
            severity: Some(s.severity),
            ..Risk::default()
        };
        scenario
    }

    /// The calls and monitors of a list of steps, those inside of other steps too. `planned` is how often the list runs.
    fn actions(
        &self,
        steps: &[Step],
        s: &Scenario,
        group: &str,
        planned: Option<u64>,
        out: &mut Vec<WbsNode>,
    ) {
        let unknown = planned.filter(|n| *n == 0);
        for step in steps {
            match &step.head {
                Head::Call(call) => {
                    out.push(self.action(step, call, s, group, planned));
                    for handler in [&call.on_error, &call.on_timeout].into_iter().flatten() {
                        self.actions(handler, s, "monitoring", Some(0), out);
                    }
                    if let Some(undo) = call.compensate.as_deref() {
                        self.actions(std::slice::from_ref(undo), s, "closing", Some(0), out);
                    }
                }
                Head::Monitor { .. } => {
                    let mut node =
                        parent("L5", &step.name, step.node.clone(), "monitoring", vec![]);
                    node.planned = Some(0);
                    out.push(node);
                }
                Head::If {
                    then, otherwise, ..
                } => {
                    self.actions(then, s, group, unknown, out);
                    self.actions(otherwise, s, group, unknown, out);
                }
                Head::Loop(inner) => {
                    let rounds = rounds(&inner.over);
                    let planned = planned.and_then(|n| match (n, rounds) {
                        (0, _) => Some(0),
                        (n, Some(rounds)) => n.checked_mul(rounds),
                        (_, None) => None,
                    });
                    self.actions(&inner.steps, s, group, planned, out);
                }
                Head::Parallel(inner) => {
                    let planned = match inner.wait {
                        Wait::All => planned,
                        Wait::Any | Wait::Count(_) => unknown,
                    };
                    for branch in &inner.branches {
                        self.actions(&branch.steps, s, group, planned, out);
                    }
                }
                Head::Goto(_) | Head::Log { .. } | Head::Wait { .. } | Head::Update(_) => {}
            }
        }
    }

    fn action(
        &self,
        step: &Step,
        call: &Call,
        s: &Scenario,
        group: &str,
        planned: Option<u64>,
    ) -> WbsNode {
        let component = &self.components[call.component];
        let mut resources = BTreeSet::new();
        for hole in &call.holes {
            self.named(&hole.template, s, &mut resources);
        }
        WbsNode {
            level: "L5".into(),
            name: step.name.clone(),
            node: step.node.clone(),
            process_group: group.into(),
            scope: Vec::new(),
            risk: Risk {
                timeout: call.timeout,
                retries: call.retry.as_ref().map_or(0, |retry| retry.limit),
                handled: call.proceed
                    || call.on_error.is_some()
                    || call.on_timeout.is_some()
                    || call.compensate.is_some(),
                severity: Some(s.severity),
            },
            call: Some(format!("{}.{}", component.name, call.call)),
            action: Some(call.name.clone()),
            resources: resources.into_iter().collect(),
            planned,
            owner: component
                .metadata
                .get("owner")
                .and_then(|o| o.as_str())
                .map(str::to_owned),
            children: Vec::new(),
        }
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

/// Shows the components that steps call, those inside of them too; not what only handlers call.
fn called(steps: &[Step], see: &mut dyn FnMut(usize)) {
    for step in steps {
        match &step.head {
            Head::Call(call) => see(call.component),
            other => other.lists().for_each(|list| called(list, see)),
        }
    }
}

/// A step inside of this one leads out of it.
fn jumps(step: &Step) -> bool {
    let leads = |s: &Step| matches!(s.head, Head::Goto(_)) || jumps(s);
    step.head.lists().flatten().any(leads)
}

/// How often a loop runs, where that is written.
fn rounds(over: &Over) -> Option<u64> {
    let text = match over {
        Over::Count(Template::Mixed(parts)) => match &parts[..] {
            [crate::plan::Part::Text(text)] => text.as_str(),
            _ => return None,
        },
        Over::Count(Template::Whole(expr)) => match &expr.term {
            Term::Const(Value::Integer(n)) => return u64::try_from(*n).ok(),
            _ => return None,
        },
        Over::While { .. } | Over::Items(_) => return None,
    };
    text.trim().parse().ok()
}

impl Head {
    /// The lists of steps inside of a step, but for handlers.
    fn lists(&self) -> impl Iterator<Item = &Vec<Step>> {
        let (pair, branches): ([Option<&Vec<Step>>; 2], &[Branch]) = match self {
            Self::If {
                then, otherwise, ..
            } => ([Some(then), Some(otherwise)], &[]),
            Self::Loop(inner) => ([Some(&inner.steps), None], &[]),
            Self::Parallel(inner) => ([None, None], &inner.branches),
            _ => ([None, None], &[]),
        };
        let branches = branches.iter().map(|b| &b.steps);
        pair.into_iter().flatten().chain(branches)
    }
}

impl Graph {
    /// A transition leads to this node.
    fn leads_to(&self, node: usize) -> bool {
        let mut arrows = self.nodes.iter().flat_map(|n| &n.transitions);
        arrows.any(|t| t.to.contains(&Arrow::Node(node)))
    }
}
