//! The variable graph: whether a variable is saved on every path, on some or on none of those that lead to where it is read.

use super::tree::Tree;
use super::{Edge, Flow, Read, Seat, Why, Write};
use crate::build::scope::Var;
use crate::diag::{Diagnostic, Span};
use crate::plan::{Merge, VarScope};
use crate::read::Ctx;
use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt::Write as _;

/// Reads that are worth a closer look in one workflow: more would not be shown anyway.
const CLOSER: usize = 60;

struct Data<'f> {
    flow: &'f Flow,
    tree: &'f Tree,
    /// Writes by variable, those that are reached.
    writes: Vec<Vec<&'f Write>>,
    /// How a joining point comes to be: groups of branches, of which all must have come.
    joins: HashMap<usize, Vec<(usize, usize, usize)>>,
    /// When the walk through the tree comes to the writes, in order; by variable.
    times: Vec<Vec<u32>>,
    /// Points at which the variable was found to be saved, though by no single writer; by variable.
    sure: Vec<Vec<usize>>,
}

impl Ctx<'_> {
    pub(super) fn data(&mut self, flow: &Flow, tree: &Tree, vars: &[Var]) {
        let mut data = Data::of(flow, tree, vars.len());
        // One place of the script may stand at several points: a condition that more than one event comes to.
        let mut places: HashMap<(usize, usize, Span), Vec<&Read>> = HashMap::new();
        let mut order = Vec::new();
        for read in &flow.reads {
            let known = read.optional || vars[read.var].has_default || !tree.reached(read.point);
            if known || data.dominated(read) && !flow.again.contains(&read.span) {
                continue;
            }
            let key = (flow.points[read.point].owner, read.var, read.span);
            let place = places.entry(key).or_default();
            if place.is_empty() {
                order.push(key);
            }
            place.push(read);
        }
        let mut left = CLOSER;
        let mut circles = HashSet::new();
        for key in order {
            let reads = &places[&key];
            let bad = |read: &&&Read| !data.dominated(read) && !data.saved_at(read.var, read.point);
            let Some(read) = reads.iter().find(bad) else {
                continue;
            };
            left -= 1;
            if left == 0 {
                break;
            }
            let elsewhere = reads.iter().any(|r| data.dominated(r));
            let Some(found) = data.judge(read, vars, elsewhere, &mut circles) else {
                continue;
            };
            let help = format!("give a default: `{{{{{} | default(\"\")}}}}`", read.written);
            let found = found.at(&read.place);
            self.report(match vars[read.var].scope {
                VarScope::UserLocal | VarScope::Global => found.help(help),
                _ => found.help(format!("save it in an earlier step, or {help}")),
            });
        }
        self.races(flow, tree, vars);
    }

    /// Branches side by side that save the same variable.
    fn races(&mut self, flow: &Flow, tree: &Tree, vars: &[Var]) {
        let mut first: HashMap<(usize, usize), (usize, &Write)> = HashMap::new();
        let mut said = HashSet::new();
        let mut clash = |ctx: &mut Self, a: &Write, b: &Write| {
            let var = &vars[a.var];
            if var.merge != Merge::Last || var.merge_said || !said.insert((a.span, b.span)) {
                return;
            }
            let message = format!(
                "`{}` and `{}` save `{}` in branches side by side",
                a.by, b.by, var.name
            );
            let found = Diagnostic::warning(310, b.span, message)
                .label("the last one wins")
                .also(a.span, "saved here too");
            let help = format!(
                "give each a name of its own, or say `merge`: `save-as: {{var: {}, merge: append}}`",
                var.name
            );
            ctx.report(found.at(&flow.owner_of(b.point).path).help(help));
        };
        for write in &flow.writes {
            for (parallel, branch) in &write.branch {
                match first.get(&(*parallel, write.var)) {
                    Some((other, one)) if other != branch => clash(self, one, write),
                    Some(_) => {}
                    None => {
                        first.insert((*parallel, write.var), (*branch, write));
                    }
                }
            }
        }
        let mut counts = vec![0; vars.len()];
        flow.writes.iter().for_each(|w| counts[w.var] += 1);
        let mut first: HashMap<(usize, usize), (usize, &Write)> = HashMap::new();
        for write in flow.writes.iter().filter(|w| counts[w.var] > 1) {
            for (point, fork, arrow) in &flow.forks {
                if !tree.dominates(*point, write.point) {
                    continue;
                }
                match first.get(&(*fork, write.var)) {
                    Some((other, one)) if other != arrow => clash(self, one, write),
                    Some(_) => {}
                    None => {
                        first.insert((*fork, write.var), (*arrow, write));
                    }
                }
            }
        }
    }
}

impl<'f> Data<'f> {
    fn of(flow: &'f Flow, tree: &'f Tree, vars: usize) -> Self {
        let mut writes = vec![Vec::new(); vars];
        for write in flow.writes.iter().filter(|w| tree.reached(w.point)) {
            writes[write.var].push(write);
        }
        let mut joins = HashMap::new();
        for (at, point) in flow.points.iter().enumerate() {
            if let Some(branches) = &point.join {
                let each = branches
                    .iter()
                    .map(|(branch, before)| (0, *branch, *before));
                joins.insert(at, each.collect());
            }
        }
        let mut forks = vec![None; flow.points.len()];
        for (point, fork, arrow) in &flow.forks {
            forks[*point] = Some((*fork, *arrow));
        }
        for join in flow.joins.iter().filter(|j| tree.reached(**j)) {
            // What comes by no fork comes alone.
            let lone = flow.points.len();
            let each = tree.before[*join]
                .iter()
                .filter(|p| tree.reached(**p))
                .map(|before| {
                    let fork = tree.above(*before).find_map(|p| forks[p]);
                    let (group, branch) = fork.unwrap_or((lone + before, 0));
                    (group, branch, *before)
                });
            joins.insert(*join, each.collect());
        }
        let entered = |w: &&Write| tree.span(w.point).0;
        let mut times: Vec<Vec<u32>> = writes
            .iter()
            .map(|all: &Vec<&Write>| all.iter().map(entered).collect())
            .collect();
        times.iter_mut().for_each(|all| all.sort_unstable());
        Self {
            flow,
            tree,
            writes,
            joins,
            times,
            sure: vec![Vec::new(); vars],
        }
    }

    /// One writer stands on every path: the usual case, and the quick answer.
    fn dominated(&self, read: &Read) -> bool {
        let mut writes = self.writes[read.var].iter();
        writes.any(|w| self.tree.dominates(w.point, read.point))
    }

    /// Whether all paths save the variable, some of them here and some there. Only the part of the flow is walked in which they
    /// differ: up to the nearest point that is before all that is written or behind something that is.
    fn saved_at(&mut self, var: usize, point: usize) -> bool {
        if self.sure[var]
            .iter()
            .any(|p| self.tree.dominates(*p, point))
        {
            return true;
        }
        let top = self.climb(var, point);
        let saved = top != 0 && !self.unsaved_near(var, top);
        if saved {
            self.sure[var].push(top);
        }
        saved
    }

    /// The first point above from which nothing is written on the way down to this one.
    fn climb(&self, var: usize, mut point: usize) -> usize {
        let times = &self.times[var];
        let holds = |p: usize| {
            let (from, to) = self.tree.span(p);
            times[times.partition_point(|t| *t < from)..]
                .first()
                .is_some_and(|t| *t < to)
        };
        for above in self.tree.above(point).skip(1) {
            if holds(above) {
                break;
            }
            point = above;
        }
        point
    }

    fn unsaved_near(&self, var: usize, end: usize) -> bool {
        let writes = &self.writes[var];
        let before_all = |p| writes.iter().all(|w| self.tree.dominates(p, w.point));
        let behind = |p| writes.iter().any(|w| self.tree.dominates(w.point, p));
        let (mut near, mut begins) = (HashSet::from([end]), Vec::new());
        let mut open = vec![end];
        while let Some(point) = open.pop() {
            if point == 0 || before_all(point) {
                begins.push(point);
                continue;
            }
            let before = self.tree.before[point].iter().copied();
            open.extend(before.filter(|p| self.tree.reached(*p) && !behind(*p) && near.insert(*p)));
        }
        let mut seen: HashSet<usize> = begins.iter().copied().collect();
        while let Some(point) = begins.pop() {
            for edge in &self.flow.points[point].next {
                let to = edge.to;
                if near.contains(&to)
                    && !seen.contains(&to)
                    && self.comes(to, point, &|p| seen.contains(&p))
                {
                    seen.insert(to);
                    begins.push(to);
                }
            }
        }
        seen.contains(&end)
    }

    /// A point is come to from another one: a joining one only when the other branches have come too.
    fn comes(&self, to: usize, from: usize, came: &dyn Fn(usize) -> bool) -> bool {
        let branches = self.joins.get(&to);
        branches.is_none_or(|branches| complete(branches, from, came))
    }

    /// From where each point is reached while the variable is not saved.
    fn walk(&self, var: usize) -> Vec<Option<usize>> {
        let saved: HashSet<usize> = self.writes[var].iter().map(|w| w.point).collect();
        let mut from: Vec<Option<usize>> = vec![None; self.flow.points.len()];
        let mut open = VecDeque::from([0]);
        while let Some(point) = open.pop_front() {
            for edge in &self.flow.points[point].next {
                let to = edge.to;
                if from[to].is_some() || to == 0 || saved.contains(&to) {
                    continue;
                }
                let came = |p: usize| p == 0 || from[p].is_some();
                if !self.comes(to, point, &came) {
                    continue;
                }
                from[to] = Some(point);
                open.push_back(to);
            }
        }
        from
    }

    /// What to say of a read that is not always preceded by a writer. `elsewhere`: the same place is reached with the variable
    /// saved. `circles` holds the steps of circles that were shown: one is shown once.
    fn judge(
        &self,
        read: &Read,
        vars: &[Var],
        elsewhere: bool,
        circles: &mut HashSet<usize>,
    ) -> Option<Diagnostic> {
        let var = &vars[read.var];
        let name = &var.name;
        let lasting = matches!(var.scope, VarScope::UserLocal | VarScope::Global);
        let ahead = self.ahead(read.point);
        let writes = &self.writes[read.var];
        let earlier: Vec<&&Write> = writes.iter().filter(|w| ahead.contains(&w.point)).collect();
        let some = elsewhere
            || earlier
                .iter()
                .any(|w| self.flow.from(w.point).contains(&read.point));
        if some || lasting {
            let message = format!("variable `{name}` may not be saved yet in `{}`", read.place);
            let mut found = Diagnostic::warning(303, read.span, message).label("not always there");
            let here = earlier.first().copied().or(writes.first());
            // What only other scenarios save is not in this flow.
            let elsewhere = var.writers.first();
            if let Some(span) = here.map(|w| w.span).or(elsewhere.map(|w| w.span)) {
                found = found.also(span, "saved here");
            }
            if lasting && !self.flow.writes.iter().any(|w| w.var == read.var) {
                return Some(found.note("another scenario saves it, which may be later than this"));
            }
            if lasting && !some {
                return Some(found.note("the first task comes before anything is saved"));
            }
            return Some(match self.without(read) {
                Some((edge, text)) => found.also(edge.span, text),
                None => found,
            });
        }
        let owner = self.flow.points[read.point].owner;
        let own = writes
            .iter()
            .find(|w| self.flow.points[w.point].owner == owner);
        if let Some(write) = own {
            let message = format!("`{}` reads `{name}` before it saves it", write.by);
            let found = Diagnostic::error(304, read.span, message).label("not there yet");
            return Some(found.also(write.span, "saved by the same action"));
        }
        if let Some(circle) = self.circle(read) {
            let shown = circle.iter().any(|(_, owner)| circles.contains(owner));
            circles.extend(circle.iter().map(|(_, owner)| *owner));
            return (!shown).then(|| self.data_cycle(read, vars, &circle));
        }
        let message = format!(
            "variable `{name}` is used in `{}` before it is saved",
            read.place
        );
        let found = Diagnostic::error(302, read.span, message).label("not there yet");
        let nowhere = || self.flow.writes.iter().find(|w| w.var == read.var);
        Some(match (writes.first(), nowhere()) {
            (Some(write), _) => found.also(write.span, self.when(write)),
            (None, Some(write)) => found.also(write.span, "saved only where no way leads"),
            (None, None) => found,
        })
    }

    fn when(&self, write: &Write) -> String {
        let owner = self.flow.owner_of(write.point);
        match owner.seat {
            Seat::Step(i) => format!("written later, by step {}", i + 1),
            Seat::Handler => "written only in a handler".into(),
            _ if !write.branch.is_empty() => {
                format!("written in a branch beside it, by `{}`", write.by)
            }
            _ => format!("written later, by `{}`", owner.name),
        }
    }

    /// Points that are reached without passing `point`.
    fn ahead(&self, point: usize) -> HashSet<usize> {
        let mut seen = HashSet::from([0]);
        let mut open = vec![0];
        while let Some(p) = open.pop() {
            if p == point {
                continue;
            }
            let next = self.flow.points[p].next.iter().map(|e| e.to);
            open.extend(next.filter(|to| seen.insert(*to)));
        }
        seen
    }

    /// Where the path that saves nothing parts from those that save the variable.
    fn without(&self, read: &Read) -> Option<(Edge, &'static str)> {
        let from = self.walk(read.var);
        let mut path = vec![read.point];
        while let Some(before) = from[*path.last()?] {
            path.push(before);
        }
        path.reverse();
        let saving = self.saving(read);
        let edges = path.windows(2).filter_map(|pair| {
            let edge = self.flow.points[pair[0]]
                .next
                .iter()
                .find(|e| e.to == pair[1]);
            edge.map(|e| (pair[0], *e))
        });
        let mut parting = edges.filter(|(at, e)| {
            saving.contains(at) && !(saving.contains(&e.to) && e.to != read.point)
        });
        let (_, edge) = parting.next()?;
        let text = match edge.why {
            Why::Then => "not when this holds",
            Why::Else => "not when this does not hold",
            Why::NoRound | Why::Round => "not when there is no round of this",
            Why::Fail => "not when this fails",
            Why::Late => "not when this times out",
            Why::Goto => "not on the way from here",
            Why::Arrow | Why::FailArrow => "not by this transition",
            Why::AnyTime => "this can begin at any time",
            Why::Next | Why::Branch => return None,
        };
        Some((edge, text))
    }

    /// Points from which a writer can come before the read.
    fn saving(&self, read: &Read) -> HashSet<usize> {
        let mut seen: HashSet<usize> = self.writes[read.var].iter().map(|w| w.point).collect();
        let mut open: Vec<usize> = seen.iter().copied().collect();
        while let Some(point) = open.pop() {
            let before = self.tree.before[point].iter().copied();
            open.extend(before.filter(|p| *p != read.point && seen.insert(*p)));
        }
        seen
    }

    /// The steps from the reader back to itself, each needing what the next one saves: variable and owner.
    fn circle(&self, read: &Read) -> Option<Vec<(usize, usize)>> {
        let start = self.flow.points[read.point].owner;
        let mut by_owner: HashMap<usize, Vec<&Read>> = HashMap::new();
        for r in self.flow.reads.iter().filter(|r| !r.optional) {
            by_owner
                .entry(self.flow.points[r.point].owner)
                .or_default()
                .push(r);
        }
        let mut from: HashMap<usize, (usize, usize)> = HashMap::new();
        let mut open = VecDeque::new();
        let step = |owner: usize,
                    r: &Read,
                    from: &mut HashMap<usize, (usize, usize)>,
                    open: &mut VecDeque<usize>| {
            let all = &self.writes[r.var];
            let sure = |w: &&&Write| self.tree.dominates(w.point, r.point);
            let some = all.iter().any(|w| sure(&w));
            for write in all.iter().filter(|w| !some || sure(w)) {
                let to = self.flow.points[write.point].owner;
                if let std::collections::hash_map::Entry::Vacant(slot) = from.entry(to) {
                    slot.insert((owner, r.var));
                    open.push_back(to);
                }
            }
        };
        step(start, read, &mut from, &mut open);
        while let Some(owner) = open.pop_front() {
            if owner == start {
                let mut circle = Vec::new();
                let mut at = start;
                loop {
                    let (before, var) = from[&at];
                    circle.push((var, at));
                    at = before;
                    if at == start {
                        break;
                    }
                }
                circle.reverse();
                return Some(circle);
            }
            for r in by_owner.get(&owner).into_iter().flatten() {
                step(owner, r, &mut from, &mut open);
            }
        }
        None
    }

    fn data_cycle(&self, read: &Read, vars: &[Var], circle: &[(usize, usize)]) -> Diagnostic {
        let owner = |i: usize| &self.flow.owners[i].name;
        let name = &vars[read.var].name;
        let start = self.flow.points[read.point].owner;
        let mut text = format!("`{}`", owner(start));
        for (var, by) in circle {
            let _ = write!(text, " needs `{}` of `{}`", vars[*var].name, owner(*by));
            text.push_str(if *by == start { "" } else { ", which" });
        }
        let message = format!("`{name}` is needed to make itself: {text}");
        let mut found = Diagnostic::error(304, read.span, message).label("not there yet");
        for (var, by) in circle {
            let write = self.writes[*var]
                .iter()
                .find(|w| self.flow.points[w.point].owner == *by);
            if let Some(write) = write {
                found = found.also(write.span, format!("saved by `{}`", owner(*by)));
            }
        }
        found
    }
}

/// All branches of a group have come, the last one by `point`.
fn complete(
    branches: &[(usize, usize, usize)],
    point: usize,
    came: &dyn Fn(usize) -> bool,
) -> bool {
    let groups: HashSet<usize> = branches
        .iter()
        .filter(|b| b.2 == point)
        .map(|b| b.0)
        .collect();
    groups.iter().any(|group| {
        let mine = || branches.iter().filter(|b| b.0 == *group);
        mine().all(|(_, branch, _)| mine().any(|b| b.1 == *branch && (b.2 == point || came(b.2))))
    })
}

impl Flow {
    /// Points that follow a point, itself too when a circle leads back.
    pub(super) fn from(&self, point: usize) -> HashSet<usize> {
        let mut seen = HashSet::new();
        let mut open = vec![point];
        while let Some(p) = open.pop() {
            let next = self.points[p].next.iter().map(|e| e.to);
            open.extend(next.filter(|to| seen.insert(*to)));
        }
        seen
    }
}
