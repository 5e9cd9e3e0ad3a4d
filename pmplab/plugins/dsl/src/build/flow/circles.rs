//! Circles in the control flow. A `loop` is bounded by what it is; any other circle is made of `goto` and transitions. It is
//! bounded when its workflow has a `timeout`, something in it takes time, and it can be left; one that failures drive never is:
//! a target that is down would be hammered for as long as the task may live. A `retry` is the bounded form of that.

use super::tree::Tree;
use super::{Edge, Flow, Seat, Why};
use crate::diag::Diagnostic;
use crate::read::Ctx;
use std::collections::{HashMap, VecDeque};

/// So many steps of a circle are named.
const NAMED: usize = 12;

impl Ctx<'_> {
    /// `timed`: the workflow has a `timeout`. True when there is an unbounded circle.
    pub(super) fn circles(&mut self, flow: &Flow, tree: &Tree, timed: bool) -> bool {
        let leaving = flow.leaving(tree);
        let mut any = false;
        for circle in components(flow, tree, &|_| true) {
            let within = Within::of(&circle);
            let edges = || {
                circle.iter().flat_map(|p| {
                    let inside = flow.points[*p].next.iter().filter(|e| within.has(e.to));
                    inside
                        .map(|e| (*p, *e))
                        .filter(|(_, e)| e.why != Why::Round)
                })
            };
            let failing = edges().find(|(p, e)| {
                let handler = flow.owner_of(*p).seat == Seat::Handler && e.why == Why::Goto;
                handler || e.why == Why::FailArrow
            });
            if let Some((from, edge)) = failing {
                self.storm(flow, &within, from, edge);
                any = true;
                continue;
            }
            let back = edges()
                .find(|(p, e)| matches!(e.why, Why::Goto | Why::Arrow) && tree.back(*p, e.to));
            let Some((from, edge)) = back.or_else(|| edges().next()) else {
                continue;
            };
            if timed
                && circle
                    .iter()
                    .all(|p| leaving[*p] || flow.owner_of(*p).seat == Seat::Handler)
            {
                continue;
            }
            self.circle(flow, &within, from, edge, timed);
            any = true;
        }
        if timed && !any {
            for circle in components(flow, tree, &|p| !flow.points[p].slow) {
                let within = Within::of(&circle);
                let mut edges = circle
                    .iter()
                    .flat_map(|p| flow.points[*p].next.iter().map(|e| (*p, *e)));
                if let Some((from, edge)) =
                    edges.find(|(p, e)| within.has(e.to) && tree.back(*p, e.to))
                {
                    let path = flow.round(&within, from, edge);
                    let message = format!("this circle takes no time: {path}");
                    let found = Diagnostic::error(216, edge.span, message).label("leads back");
                    let found = found.at(&flow.owner_of(from).path);
                    self.report(found.help("put a `wait` or a call into it"));
                    any = true;
                }
            }
        }
        any
    }

    fn circle(&mut self, flow: &Flow, within: &Within, from: usize, edge: Edge, timed: bool) {
        let to = flow.owner_of(edge.to);
        let path = flow.round(within, from, edge);
        let message = if edge.why == Why::Goto {
            format!("`goto: {}` would run in a circle: {path}", to.name)
        } else {
            format!("the nodes run in a circle: {path}")
        };
        let found = Diagnostic::error(216, edge.span, message)
            .label("leads back")
            .also(to.mark, "to here")
            .at(&flow.owner_of(from).path);
        let help = if timed {
            "lead out of it by an `if` or a transition with `when`"
        } else {
            "repeat with a `loop` (`count`, or `while` with `max`), or give the workflow a `timeout` and the circle a way out"
        };
        self.report(found.help(help));
    }

    fn storm(&mut self, flow: &Flow, within: &Within, from: usize, edge: Edge) {
        let to = flow.owner_of(edge.to);
        let path = flow.round(within, from, edge);
        let message = format!("a failure leads back without a limit: {path}");
        let found = Diagnostic::error(604, edge.span, message)
            .label("tried again for ever")
            .also(to.mark, "from here")
            .at(&flow.owner_of(from).path);
        self.report(found.help(
            "say `retry: {limit: 2}` at the action, which counts, and leave here: `goto: error_out`, or `goto: monitoring.retry`",
        ));
    }
}

/// Membership of points in one circle.
struct Within(std::collections::HashSet<usize>);

impl Within {
    fn of(points: &[usize]) -> Self {
        Self(points.iter().copied().collect())
    }

    fn has(&self, point: usize) -> bool {
        self.0.contains(&point)
    }
}

impl Flow {
    /// The names on the shortest round that goes by this edge: `a -> b -> a`.
    fn round(&self, within: &Within, from: usize, edge: Edge) -> String {
        let mut before: HashMap<usize, usize> = HashMap::new();
        let mut open = VecDeque::from([edge.to]);
        while let Some(point) = open.pop_front() {
            if point == from {
                break;
            }
            for next in &self.points[point].next {
                if within.has(next.to) && next.to != edge.to && !before.contains_key(&next.to) {
                    before.insert(next.to, point);
                    open.push_back(next.to);
                }
            }
        }
        let mut path = vec![from];
        while let Some(point) = before.get(path.last().unwrap_or(&from)) {
            path.push(*point);
        }
        path.reverse();
        let mut names: Vec<&str> = Vec::new();
        for name in path.iter().map(|p| self.owner_of(*p).name.as_str()) {
            if names.last() != Some(&name) {
                names.push(name);
            }
        }
        if names.len() > NAMED {
            names.splice(NAMED / 2..names.len() - NAMED / 2, ["..."]);
        }
        let first = self.owner_of(edge.to).name.as_str();
        if names.first() == Some(&first) || names.is_empty() {
            names.push(first);
        }
        names.join(" -> ")
    }
}

/// The strongly connected parts with a circle in them, over the points that are `there` (Tarjan, 1972). The way back of a `loop`
/// is left out: that circle is bounded.
fn components(flow: &Flow, tree: &Tree, there: &dyn Fn(usize) -> bool) -> Vec<Vec<usize>> {
    const UNSEEN: usize = usize::MAX;
    let n = flow.points.len();
    let (mut index, mut low, mut on) = (vec![UNSEEN; n], vec![0; n], vec![false; n]);
    let (mut stack, mut all, mut count) = (Vec::new(), Vec::new(), 0);
    for &root in tree.order.iter().filter(|p| there(**p)) {
        if index[root] != UNSEEN {
            continue;
        }
        let mut open = vec![(root, 0)];
        while let Some((point, at)) = open.pop() {
            if at == 0 {
                index[point] = count;
                low[point] = count;
                count += 1;
                stack.push(point);
                on[point] = true;
            }
            match flow.points[point].next.get(at) {
                Some(edge) => {
                    open.push((point, at + 1));
                    if edge.why == Why::Round || !there(edge.to) {
                    } else if index[edge.to] == UNSEEN {
                        open.push((edge.to, 0));
                    } else if on[edge.to] {
                        low[point] = low[point].min(index[edge.to]);
                    }
                }
                None => {
                    if let Some((parent, _)) = open.last() {
                        low[*parent] = low[*parent].min(low[point]);
                    }
                    if low[point] == index[point] {
                        let from = stack.iter().rposition(|p| *p == point).unwrap_or(0);
                        let part = stack.split_off(from);
                        part.iter().for_each(|p| on[*p] = false);
                        let own = |p: usize| {
                            flow.points[p]
                                .next
                                .iter()
                                .any(|e| e.to == p && e.why != Why::Round)
                        };
                        if part.len() > 1 || own(part[0]) {
                            all.push(part);
                        }
                    }
                }
            }
        }
    }
    all
}
