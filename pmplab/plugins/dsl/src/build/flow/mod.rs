//! The control flow of a workflow as a graph of points, made while its steps are compiled: what can run after what, what reads
//! and what writes which variable where. The checks of the graph and of its data read nothing else.

mod circles;
mod data;
mod lineage;
mod reach;
mod tree;

use crate::diag::Span;
use std::collections::HashSet;

/// Where a template stands: index of a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At(pub usize);

/// A template that is no part of a workflow stands at no point.
pub const OUTSIDE: At = At(usize::MAX);

/// Why one point follows another; what is said of a path that takes this way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    Next,
    Then,
    Else,
    NoRound,
    Round,
    Fail,
    Late,
    Goto,
    Arrow,
    /// A transition for failures or timeouts.
    FailArrow,
    Branch,
    /// A handler that can begin at any time.
    AnyTime,
}

#[derive(Debug, Clone, Copy)]
pub struct Edge {
    pub to: usize,
    pub why: Why,
    /// Where the script says so.
    pub span: Span,
}

/// A way out of a point that leads nowhere yet.
#[derive(Debug, Clone, Copy)]
pub struct Open {
    pub from: usize,
    pub why: Why,
    pub span: Span,
}

#[derive(Debug)]
pub struct Point {
    /// Index into `Flow::owners`.
    pub owner: usize,
    pub next: Vec<Edge>,
    /// Passing it takes time, or may.
    pub slow: bool,
    /// The task may leave from here.
    pub leaves: bool,
    /// Branches that must all have come: which branch each point before it ends.
    pub join: Option<Vec<(usize, usize)>>,
}

/// What kind of place a step has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seat {
    Start,
    /// Of the workflow, by its index.
    Step(usize),
    Node,
    /// Inside of another step.
    Inner,
    /// Of a handler, or in a step of one.
    Handler,
}

/// A step, as the checks speak of it.
#[derive(Debug, Clone)]
pub struct Owner {
    pub name: String,
    pub node: String,
    pub path: String,
    pub span: Span,
    pub mark: Span,
    pub seat: Seat,
    /// What stands before it and never goes on.
    pub blocked: Option<Span>,
    pub entry: usize,
}

/// A variable is saved.
#[derive(Debug, Clone)]
pub struct Write {
    pub point: usize,
    pub var: usize,
    pub span: Span,
    /// Who saves it, as messages name it.
    pub by: String,
    /// Branches that it stands in: which `parallel`, which of its branches.
    pub branch: Vec<(usize, usize)>,
}

/// A variable is read.
#[derive(Debug, Clone)]
pub struct Read {
    pub point: usize,
    pub var: usize,
    pub span: Span,
    /// The value of the script that reads it.
    pub place: String,
    pub written: String,
    /// It has a default.
    pub optional: bool,
}

#[derive(Debug, Default)]
pub struct Flow {
    pub points: Vec<Point>,
    pub owners: Vec<Owner>,
    pub writes: Vec<Write>,
    pub reads: Vec<Read>,
    /// Places of the script whose reads stand at several points.
    pub again: HashSet<Span>,
    /// A target is unknown: ways are missing.
    pub broken: bool,
    /// The branches around what is being compiled.
    pub branch: Vec<(usize, usize)>,
    /// Points where several arrows of one transition begin: the transition and which arrow, by point.
    pub forks: Vec<(usize, usize, usize)>,
    /// Entry points of nodes that wait for all that comes to them.
    pub joins: Vec<usize>,
}

impl Flow {
    pub fn owner(&mut self, owner: Owner) -> usize {
        self.owners.push(owner);
        self.owners.len() - 1
    }

    pub fn point(&mut self, owner: usize) -> usize {
        self.points.push(Point {
            owner,
            next: Vec::new(),
            slow: false,
            leaves: false,
            join: None,
        });
        self.points.len() - 1
    }

    pub fn connect(&mut self, ends: &[Open], to: usize) {
        for end in ends {
            self.points[end.from].next.push(Edge {
                to,
                why: end.why,
                span: end.span,
            });
        }
    }

    pub fn leave(&mut self, ends: &[Open]) {
        for end in ends {
            self.points[end.from].leaves = true;
        }
    }

    pub fn write(&mut self, point: usize, var: usize, span: Span, by: &str) {
        let branch = self.branch.clone();
        self.writes.push(Write {
            point,
            var,
            span,
            by: by.to_owned(),
            branch,
        });
    }

    pub fn read(
        &mut self,
        at: At,
        var: usize,
        span: Span,
        place: &str,
        written: &str,
        optional: bool,
    ) {
        if at == OUTSIDE {
            return;
        }
        self.reads.push(Read {
            point: at.0,
            var,
            span,
            place: place.to_owned(),
            written: written.to_owned(),
            optional,
        });
    }

    /// The reads from one index to another are done at `point` too.
    pub fn read_again(&mut self, from: usize, to: usize, point: usize) {
        for i in from..to {
            let read = Read {
                point,
                ..self.reads[i].clone()
            };
            self.again.insert(read.span);
            self.reads.push(read);
        }
    }

    fn owner_of(&self, point: usize) -> &Owner {
        &self.owners[self.points[point].owner]
    }
}

impl crate::read::Ctx<'_> {
    /// All checks of the flow: what is reached, what comes round, what is saved where it is read.
    pub fn check_flow(&mut self, flow: &Flow, vars: &[super::scope::Var], timed: bool) {
        if flow.broken {
            return;
        }
        let tree = tree::Tree::of(flow);
        self.unreachable(flow, &tree);
        if !self.circles(flow, &tree, timed) {
            self.endless(flow, &tree);
        }
        self.data(flow, &tree, vars);
    }
}
