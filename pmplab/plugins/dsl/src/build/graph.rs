//! A workflow of nodes.

use super::flow::{At, Open, Seat, Why};
use super::steps::{Job, Seated};
use crate::diag::{Diagnostic, nearest};
use crate::plan::{Arrow, Event, Graph, GraphNode, Target, Transition, Wait};
use crate::read::Ctx;
use crate::read::exits::{Builtin, builtin};
use crate::read::graph::{GraphDecl, NodeDecl, TransitionDecl};
use crate::read::steps::{StepDecl, StepHead};
use crate::read::workflows::WorkflowDecl;

/// What a node's step came to, and the ways that it comes by.
type Events = [(Event, Vec<Open>); 3];

impl<'n> Ctx<'_> {
    pub fn compile_graph(
        &mut self,
        workflow: &WorkflowDecl<'n>,
        graph: &GraphDecl<'n>,
        begin: Open,
        job: &mut Job<'_, '_, '_, 'n>,
    ) -> Option<Graph> {
        for (i, node) in graph.nodes.iter().enumerate() {
            if !matches!(builtin(&node.name.value), Builtin::None) {
                self.reserved("a node", &node.name, &node.path);
            }
            // Its owner comes with its step.
            let entry = job.scope.flow.point(0);
            job.targets
                .insert(node.name.value.clone(), (Target::Node(i), entry));
        }
        let entry = self.entry(graph, job)?;
        let first = job.targets[&graph.nodes[entry].name.value].1;
        job.scope.flow.connect(&[begin], first);
        let mut incoming = vec![0; graph.nodes.len()];
        let mut nodes = Vec::with_capacity(graph.nodes.len());
        for node in &graph.nodes {
            nodes.extend(self.graph_node(node, &mut incoming, job));
        }
        let handlers = [&workflow.on_error, &workflow.on_timeout];
        let mut handled = handlers.into_iter().flatten().flat_map(|h| &h.steps);
        // What a handler of the workflow leads to can come from anywhere.
        let settled = handled.all(|step| gotos(step, graph).is_empty());
        self.joins(graph, settled.then_some(entry), &incoming);
        (nodes.len() == graph.nodes.len()).then_some(Graph { nodes, entry })
    }

    fn entry(&mut self, graph: &GraphDecl<'n>, job: &mut Job<'_, '_, '_, 'n>) -> Option<usize> {
        let Some(name) = &graph.entry else {
            return (!graph.nodes.is_empty()).then_some(0);
        };
        let names = || graph.nodes.iter().map(|n| n.name.value.as_str());
        let index = names().position(|n| n == name.value);
        if index.is_none() {
            let message = format!("there is no node `{}`", name.value);
            let found = Diagnostic::error(211, name.span, message).label("unknown node");
            let found = found
                .at(format!("{}.entry", job.workflow.path))
                .suggest(nearest(&name.value, names()));
            let list: Vec<&str> = names().take(40).collect();
            self.report(found.note(format!("nodes: {}", list.join(", "))));
            job.scope.flow.broken = true;
            return Some(0);
        }
        index
    }

    fn graph_node(
        &mut self,
        decl: &NodeDecl<'n>,
        incoming: &mut [u32],
        job: &mut Job<'_, '_, '_, 'n>,
    ) -> Option<GraphNode> {
        let name = &decl.name.value;
        let entry = job.targets[name].1;
        if decl.join.as_ref().is_some_and(|j| j.value == Wait::All) {
            job.scope.flow.joins.push(entry);
        }
        let Some(step) = &decl.step else {
            job.scope.flow.broken = true;
            return None;
        };
        let node = format!("{}/{name}", job.base);
        let seated = Seated {
            node: node.clone(),
            name: name.clone(),
            inside: node,
            seat: Seat::Node,
            entry: Some(entry),
            span: Some(decl.name.span),
        };
        let (fails, lates) = (
            std::mem::take(&mut job.fails),
            std::mem::take(&mut job.lates),
        );
        let (step, success) = self.compile_step(step, seated, None, &[], job);
        let owner = job.scope.flow.points[entry].owner;
        let fail = std::mem::replace(&mut job.fails, fails);
        let late = std::mem::replace(&mut job.lates, lates);
        let mut events: Events = [
            (Event::Success, success),
            (Event::Fail, fail),
            (Event::Timeout, late),
        ];
        self.order(&decl.transitions);
        let mut transitions = Vec::with_capacity(decl.transitions.len());
        for transition in &decl.transitions {
            transitions.extend(self.transition_of(transition, owner, &mut events, incoming, job));
        }
        let [(_, success), (_, fail), (_, late)] = events;
        if !success.is_empty() {
            self.no_way_on(decl);
            job.scope.flow.leave(&success);
        }
        job.fails.extend(fail);
        job.lates.extend(late);
        (transitions.len() == decl.transitions.len()).then_some(GraphNode {
            step: step?,
            transitions,
            join: decl.join.as_ref().map(|j| j.value),
        })
    }

    /// A node whose step succeeds must lead somewhere, whatever its conditions say.
    fn no_way_on(&mut self, decl: &NodeDecl<'n>) {
        let name = &decl.name.value;
        let matching = |t: &&TransitionDecl<'_>| t.event.is_none_or(|e| e == Event::Success);
        let message = if decl.transitions.iter().any(|t| matching(&t)) {
            format!("nothing leads on from `{name}` when none of its conditions holds")
        } else {
            format!("no path leads from `{name}` to an exit")
        };
        let found = Diagnostic::error(215, decl.name.span, message)
            .label("a dead end")
            .at(&decl.path);
        self.report(found.help("add a default transition, the last: `- {to: closing}`"));
    }

    /// The first transition that matches is taken: what stands after one that always matches never is.
    fn order(&mut self, transitions: &[TransitionDecl<'n>]) {
        for (i, transition) in transitions.iter().enumerate() {
            let covers = |before: &&TransitionDecl<'_>| {
                before.when.is_none()
                    && (before.event.is_none() || before.event == transition.event)
            };
            let Some(before) = transitions[..i].iter().find(covers) else {
                continue;
            };
            let default = before.event.is_none();
            let message = match (
                default,
                transition.when.is_none() && transition.event.is_none(),
            ) {
                (true, true) => "two transitions without a condition: the second is never taken",
                (true, false) => "a default transition must be the last: this one is never taken",
                (false, _) => "an earlier transition takes every such event: this one never is",
            };
            let found = Diagnostic::error(217, transition.span, message)
                .label("never taken")
                .also(before.span, "always taken")
                .at(&transition.path);
            self.report(found.help("the first match wins: put the default last"));
        }
    }

    fn transition_of(
        &mut self,
        decl: &TransitionDecl<'n>,
        owner: usize,
        events: &mut Events,
        incoming: &mut [u32],
        job: &mut Job<'_, '_, '_, 'n>,
    ) -> Option<Transition> {
        let mut ways = Vec::new();
        let mut when = None;
        let mut looked = false;
        let mut reads = (job.scope.flow.reads.len(), 0);
        for (event, open) in events.iter_mut() {
            if decl.event.is_some_and(|e| e != *event) || open.is_empty() {
                continue;
            }
            let why = match (decl.event, &event) {
                (Some(_), Event::Fail | Event::Timeout) => Why::FailArrow,
                _ => Why::Arrow,
            };
            let point = job.scope.flow.point(owner);
            let way = |why| Open {
                from: point,
                why,
                span: decl.span,
            };
            job.scope.flow.connect(open, point);
            open.clear();
            ways.push(way(why));
            let Some(cond) = decl.when else { continue };
            if looked {
                job.scope.flow.read_again(reads.0, reads.1, point);
            } else {
                when = self.condition(cond, &format!("{}.when", decl.path), job.scope, At(point));
                looked = true;
                reads.1 = job.scope.flow.reads.len();
            }
            open.push(way(Why::Next));
        }
        if let (Some(cond), false) = (decl.when, looked) {
            // Nothing can come here, but the condition must be right all the same.
            let point = job.scope.flow.point(owner);
            when = self.condition(cond, &format!("{}.when", decl.path), job.scope, At(point));
        }
        let good = decl.when.is_none() || when.is_some();
        let to = self.arrows(decl, owner, &ways, incoming, job)?;
        good.then_some(Transition {
            event: decl.event,
            when,
            to,
        })
    }

    fn arrows(
        &mut self,
        decl: &TransitionDecl<'n>,
        owner: usize,
        ways: &[Open],
        incoming: &mut [u32],
        job: &mut Job<'_, '_, '_, 'n>,
    ) -> Option<Vec<Arrow>> {
        let mut to = Vec::with_capacity(decl.to.len());
        let fork = job.scope.flow.forks.len();
        for (i, name) in decl.to.iter().enumerate() {
            let mut ways: Vec<Open> = ways
                .iter()
                .map(|w| Open {
                    span: name.span,
                    ..*w
                })
                .collect();
            if decl.to.len() > 1 {
                let begin = job.scope.flow.point(owner);
                job.scope.flow.connect(&ways, begin);
                job.scope.flow.forks.push((begin, fork, i));
                ways = vec![Open {
                    from: begin,
                    why: ways.first().map_or(Why::Arrow, |w| w.why),
                    span: name.span,
                }];
            }
            let path = format!("{}.to", decl.path);
            to.extend(
                self.lead(name, &ways, &path, job)
                    .map(|target| match target {
                        Target::Node(node) => {
                            incoming[node] += 1;
                            Arrow::Node(node)
                        }
                        other => Arrow::Leave(other),
                    }),
            );
        }
        (to.len() == decl.to.len() && !to.is_empty()).then_some(to)
    }

    /// A node cannot wait for more than there are arrows to it, nor for more than can come in one task.
    fn joins(&mut self, graph: &GraphDecl<'n>, entry: Option<usize>, incoming: &[u32]) {
        for (i, (node, arrows)) in graph.nodes.iter().zip(incoming).enumerate() {
            let Some(join) = &node.join else { continue };
            if let Wait::Count(n) = join.value
                && n > *arrows
                && *arrows > 0
            {
                let message = format!(
                    "`{}` waits for {n}, and {arrows} lead to it",
                    node.name.value
                );
                let found = Diagnostic::error(220, join.span, message)
                    .label("can never be")
                    .at(format!("{}.join", node.path));
                self.report(found.help(format!("write `all`, or a number up to {arrows}")));
            } else if let Wait::Count(n) = join.value
                && *arrows > 0
                && let Some(most) = entry.and_then(|entry| arrivals(graph, entry, i))
                && most < n
            {
                let message = format!(
                    "`{}` waits for {n}, and never more than {most} come: the ways to it exclude each other",
                    node.name.value
                );
                let found = Diagnostic::error(220, join.span, message)
                    .label("can never be")
                    .at(format!("{}.join", node.path));
                self.report(found.help("write `all`: it waits for those that were begun"));
            }
        }
    }
}

/// In larger graphs it is not counted what can come to a join.
const MOST: usize = 500;

/// How many branches of one task can come to a node at most: of the transitions of a node, one is taken. None: in a circle,
/// where any number can.
fn arrivals(graph: &GraphDecl<'_>, entry: usize, join: usize) -> Option<u32> {
    if graph.nodes.len() > MOST {
        return None;
    }
    let mut known = vec![None; graph.nodes.len()];
    coming(graph, entry, join, &mut known, &mut Vec::new())
}

fn coming(
    graph: &GraphDecl<'_>,
    node: usize,
    join: usize,
    known: &mut Vec<Option<u32>>,
    on_the_way: &mut Vec<usize>,
) -> Option<u32> {
    if node == join {
        return Some(1);
    }
    if known[node].is_some() {
        return known[node];
    }
    if on_the_way.contains(&node) {
        return None;
    }
    on_the_way.push(node);
    let decl = &graph.nodes[node];
    let mut ways: Vec<Vec<&str>> = decl
        .transitions
        .iter()
        .map(|t| t.to.iter().map(|name| name.value.as_str()).collect())
        .collect();
    // What jumps away takes no transition.
    let jumps = decl.step.iter().flat_map(|step| gotos(step, graph));
    ways.extend(jumps.map(|name| vec![name]));
    let mut most = 0;
    for way in ways {
        let mut sum = 0_u32;
        for name in way {
            if let Some(next) = graph.nodes.iter().position(|n| n.name.value == name) {
                sum = sum.saturating_add(coming(graph, next, join, known, on_the_way)?);
            }
        }
        most = most.max(sum);
    }
    on_the_way.pop();
    known[node] = Some(most);
    Some(most)
}

/// Nodes to which a step or one inside of it jumps.
fn gotos<'d>(step: &'d StepDecl<'_>, graph: &GraphDecl<'_>) -> Vec<&'d str> {
    let mut found = Vec::new();
    let mut steps = vec![step];
    while let Some(step) = steps.pop() {
        if let StepHead::Goto(name) = &step.head
            && graph.nodes.iter().any(|n| n.name.value == name.value)
        {
            found.push(name.value.as_str());
        }
        steps.extend(step.inner());
    }
    found
}
