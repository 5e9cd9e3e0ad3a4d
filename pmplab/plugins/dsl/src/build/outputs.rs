//! Calls bring what is read of them, and no more: an output that nobody reads is one that a component need not keep.

use super::calls::index_of;
use super::components::Components;
use super::scope::{Scope, Var};
use super::steps::Compiled;
use crate::plan::{Call, Expr, Head, Origin, Over, Part, Segment, Source, Step, Template};

/// What is read of an event's payload.
#[derive(Default, Clone)]
struct Payload {
    all: bool,
    names: Vec<String>,
}

impl Payload {
    fn see(&mut self, source: &Source) {
        let Source::Event(path) = source else { return };
        match &path[..] {
            [Segment::Key(root), Segment::Key(name), ..] if root == "payload" => {
                index_of(&mut self.names, name);
            }
            [Segment::Key(root)] if root == "payload" => self.all = true,
            _ => {}
        }
    }

    fn and(&self, other: &Self) -> Self {
        let mut both = self.clone();
        both.all |= other.all;
        for name in &other.names {
            index_of(&mut both.names, name);
        }
        both
    }

    /// What the steps read, those inside of them too; not what the handlers of calls do, who read the event of their own call.
    fn look(&mut self, steps: &[Step]) {
        for step in steps {
            match &step.head {
                Head::Call(call) => call.holes.iter().for_each(|h| self.template(&h.template)),
                Head::Log { message, .. } => self.template(message),
                Head::If {
                    cond,
                    then,
                    otherwise,
                } => {
                    self.expr(cond);
                    self.look(then);
                    self.look(otherwise);
                }
                Head::Loop(inner) => {
                    match &inner.over {
                        Over::Count(t) | Over::Items(t) => self.template(t),
                        Over::While { cond, .. } => self.expr(cond),
                    }
                    self.look(&inner.steps);
                }
                Head::Parallel(inner) => inner.branches.iter().for_each(|b| self.look(&b.steps)),
                Head::Update(all) => all.iter().for_each(|(_, t)| self.template(t)),
                Head::Monitor { cond, .. } => self.expr(cond),
                Head::Goto(_) | Head::Wait { .. } => {}
            }
        }
    }

    fn template(&mut self, template: &Template) {
        match template {
            Template::Whole(expr) => self.expr(expr),
            Template::Mixed(parts) => {
                for part in parts {
                    if let Part::Expr(expr) = part {
                        self.expr(expr);
                    }
                }
            }
        }
    }

    fn expr(&mut self, expr: &Expr) {
        expr.term.each_source(&mut |source| self.see(source));
    }
}

/// Gives every call its outputs, and every save the origin of its fields.
pub fn fill(compiled: &mut Compiled, scope: &Scope<'_, '_>, components: &Components<'_>) {
    let filler = Filler {
        fields: &scope.vars.iter().map(Var::all_fields).collect::<Vec<_>>(),
        components,
    };
    let mut payload = Payload::default();
    for steps in [&compiled.steps, &compiled.on_error, &compiled.on_timeout] {
        payload.look(steps);
    }
    for steps in &compiled.answers {
        payload.look(steps);
    }
    for node in compiled.graph.iter().flat_map(|g| &g.nodes) {
        payload.look(std::slice::from_ref(&node.step));
    }
    let lists = [
        &mut compiled.steps,
        &mut compiled.on_error,
        &mut compiled.on_timeout,
    ];
    for steps in lists.into_iter().chain(&mut compiled.answers) {
        filler.steps(steps, &payload);
    }
    for node in compiled.graph.iter_mut().flat_map(|g| &mut g.nodes) {
        let mut own = Payload::default();
        for when in node.transitions.iter().filter_map(|t| t.when.as_ref()) {
            own.expr(when);
        }
        filler.steps(std::slice::from_mut(&mut node.step), &payload.and(&own));
    }
}

struct Filler<'f, 'n> {
    /// Of each variable.
    fields: &'f [Vec<String>],
    components: &'f Components<'n>,
}

impl Filler<'_, '_> {
    fn steps(&self, steps: &mut [Step], payload: &Payload) {
        for step in steps {
            match &mut step.head {
                Head::Call(call) => self.call(call, payload),
                Head::If {
                    then, otherwise, ..
                } => {
                    self.steps(then, payload);
                    self.steps(otherwise, payload);
                }
                Head::Loop(inner) => self.steps(&mut inner.steps, payload),
                Head::Parallel(inner) => {
                    for branch in &mut inner.branches {
                        self.steps(&mut branch.steps, payload);
                    }
                }
                _ => {}
            }
        }
    }

    fn call(&self, call: &mut Call, payload: &Payload) {
        let known = self.components.sections[call.component].outputs(&call.call);
        let brings = |name: &String| known.as_ref().is_none_or(|k| k.contains(&name.as_str()));
        if let Some(save) = &mut call.save {
            let fields = &self.fields[save.var];
            save.fields = fields
                .iter()
                .map(|field| {
                    let extracted = call.extract.iter().position(|e| e.name == *field);
                    match extracted {
                        Some(i) => Origin::Extract(i),
                        None if brings(field) => Origin::Output(index_of(&mut call.outputs, field)),
                        None => Origin::Nowhere,
                    }
                })
                .collect();
        }
        let mut own = Payload::default();
        for handler in [&call.on_error, &call.on_timeout].into_iter().flatten() {
            own.look(handler);
        }
        let read = payload.and(&own);
        for name in read.names.iter().filter(|n| brings(n)) {
            index_of(&mut call.outputs, name);
        }
        if read.all {
            for name in known.iter().flatten() {
                index_of(&mut call.outputs, name);
            }
        }
        for handler in [&mut call.on_error, &mut call.on_timeout]
            .into_iter()
            .flatten()
        {
            self.steps(handler, payload);
        }
    }
}
