//! Points that nothing leads to, and points that lead nowhere.

use super::tree::Tree;
use super::{Flow, Owner, Seat};
use crate::diag::Diagnostic;
use crate::read::Ctx;

impl Ctx<'_> {
    /// Steps and nodes that never run. Of several in a row the first is named: it is the cause of the others.
    pub(super) fn unreachable(&mut self, flow: &Flow, tree: &Tree) {
        for owner in flow.owners.iter().filter(|o| !tree.reached(o.entry)) {
            let found = match (owner.blocked, owner.seat) {
                (Some(by), _) => Diagnostic::error(
                    214,
                    owner.span,
                    format!("no way leads to step `{}`", owner.name),
                )
                .label("never reached")
                .also(by, "always leaves here")
                .help("remove the step, or the `goto` above it"),
                (None, Seat::Node) => lonely(owner, flow, tree),
                _ => continue,
            };
            self.report(found.at(&owner.path));
        }
    }

    /// Points from which the task can never leave but by a failure or its time.
    pub(super) fn endless(&mut self, flow: &Flow, tree: &Tree) {
        let leaving = flow.leaving(tree);
        let stuck = |o: &&Owner| {
            matches!(o.seat, Seat::Step(_) | Seat::Node)
                && tree.reached(o.entry)
                && !leaving[o.entry]
        };
        let dead = |o: &&Owner| {
            let ends = |p: &usize| {
                flow.points[*p]
                    .next
                    .iter()
                    .all(|e| flow.owner_of(e.to).seat == Seat::Handler)
            };
            flow.own_points(o.entry).iter().any(ends)
        };
        for owner in flow.owners.iter().filter(stuck).filter(dead) {
            let found = Diagnostic::error(
                215,
                owner.mark,
                format!("no path leads from `{}` to an exit", owner.name),
            );
            self.report(
                found
                    .label("a dead end")
                    .at(&owner.path)
                    .help("add a default transition: `- {to: closing}`"),
            );
        }
    }
}

fn lonely(owner: &Owner, flow: &Flow, tree: &Tree) -> Diagnostic {
    let others = flow
        .owners
        .iter()
        .filter(|o| o.seat == Seat::Node && o.name != owner.name && tree.reached(o.entry));
    let names: Vec<String> = others.take(8).map(|o| format!("`{}`", o.name)).collect();
    let found = Diagnostic::error(
        214,
        owner.span,
        format!("no way leads to node `{}`", owner.name),
    )
    .label("never reached");
    if names.is_empty() {
        found.help("make it the `entry`")
    } else {
        found.help(format!(
            "name it in a transition of {}, or remove it",
            names.join(", ")
        ))
    }
}

impl Flow {
    /// From which points the task can leave without failing or running out of time.
    pub(super) fn leaving(&self, tree: &Tree) -> Vec<bool> {
        let mut good = vec![false; self.points.len()];
        let usual = |p: &usize| self.owner_of(*p).seat != Seat::Handler;
        let mut open: Vec<usize> = tree
            .order
            .iter()
            .copied()
            .filter(|p| self.points[*p].leaves && usual(p))
            .collect();
        while let Some(point) = open.pop() {
            if !std::mem::replace(&mut good[point], true) {
                open.extend(tree.before[point].iter().copied().filter(usual));
            }
        }
        good
    }

    /// The points of the owner whose first is `entry`; they were made one after the other, but for those of what is inside.
    fn own_points(&self, entry: usize) -> Vec<usize> {
        let owner = self.points[entry].owner;
        let mut all = vec![entry];
        let mut at = 0;
        while let Some(&point) = all.get(at) {
            for edge in &self.points[point].next {
                if self.points[edge.to].owner == owner && !all.contains(&edge.to) {
                    all.push(edge.to);
                }
            }
            at += 1;
        }
        all
    }
}
