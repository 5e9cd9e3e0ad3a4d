//! A workflow compiled for one scenario: its steps, and beside them the flow of control through them.

use super::actions::{Actions, Doing};
use super::components::{Answers, Components};
use super::flow::{At, Edge, Open, Owner, Seat, Why};
use super::scope::Scope;
use super::shared::Shared;
use crate::diag::{Diagnostic, Span};
use crate::plan::{
    Branch, Graph, Head, Limit, Loop, Ns, Over, Parallel, Retry, Source, Step, Target, Template,
    Term, Value, Wait,
};
use crate::read::Ctx;
use crate::read::exits::{Builtin, TARGETS, builtin};
use crate::read::monitoring::ResponseDecl;
use crate::read::steps::{IfDecl, LoopDecl, OverDecl, ParallelDecl, StepDecl, StepHead};
use crate::read::workflows::{Handler, WorkflowDecl};
use std::collections::HashMap;
use std::rc::Rc;

/// What stays the same over all scenarios.
pub struct Shop<'a, 'n> {
    pub actions: &'a Actions<'a, 'n>,
    pub components: &'a Components<'n>,
    pub answers: Rc<Answers>,
    /// Variables of all users.
    pub shared: Rc<Shared>,
    /// Next `Call::action`.
    pub next: u32,
    /// Where variables are saved, and whether anything reads them.
    pub saved: HashMap<Span, (String, bool)>,
    pub limits: Vec<Limit>,
    /// How often a call is tried again when nothing nearer says so: `monitoring.retry`.
    pub retry: Option<Retry>,
    /// `monitoring.responses`: each is compiled into every scenario.
    pub responses: &'a [ResponseDecl<'n>],
    /// The same for the calls of a component, once it was looked up.
    pub retries: HashMap<usize, Option<Retry>>,
}

impl Shop<'_, '_> {
    /// Indexes of the limits; each declaration is one, however many steps it governs.
    pub fn limit(&mut self, declared: &[Limit]) -> Vec<usize> {
        let index = |limit: &Limit| {
            let same = |l: &Limit| l.name == limit.name && l.per == limit.per;
            self.limits.iter().position(same).unwrap_or_else(|| {
                self.limits.push(limit.clone());
                self.limits.len() - 1
            })
        };
        declared.iter().map(index).collect()
    }
}

/// A workflow of which a scenario's plan is made.
#[derive(Default)]
pub struct Compiled {
    pub steps: Vec<Step>,
    pub graph: Option<Graph>,
    pub on_error: Vec<Step>,
    pub on_timeout: Vec<Step>,
    /// `monitoring.responses`, in their order.
    pub answers: Vec<Vec<Step>>,
    /// Component of the first call.
    pub first: Option<usize>,
}

/// Where a failure goes that no handler of the call takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Catch {
    /// To the workflow's handler for it.
    Task,
    /// A handler of a call gives way to the workflow's handler for what it handles.
    Fails,
    Lates,
    /// In the workflow's own handlers: out of the task.
    Leave,
}

/// The compilation of one workflow for one scenario.
pub struct Job<'j, 'a, 's, 'n> {
    pub workflow: &'j WorkflowDecl<'n>,
    /// Node ids begin with it: `scenario/workflow`.
    pub base: String,
    pub scope: &'j mut Scope<'a, 'n>,
    pub shop: &'j mut Shop<'s, 'n>,
    /// What a `goto` can name, and its first point.
    pub targets: HashMap<String, (Target, usize)>,
    /// Names that are taken: how often, and where first.
    names: HashMap<String, (usize, Span)>,
    pub timeout: Option<(Ns, Span)>,
    pub fails: Vec<Open>,
    pub lates: Vec<Open>,
    pub catch: Catch,
    pub first: Option<usize>,
    /// `parallel` steps so far.
    branches: usize,
}

/// What a step is called, and where it stands.
pub struct Seated {
    pub node: String,
    pub name: String,
    /// Node ids inside of it begin with this.
    pub inside: String,
    pub seat: Seat,
    pub entry: Option<usize>,
    /// The name of a node.
    pub span: Option<Span>,
}

impl Job<'_, '_, '_, '_> {
    pub fn fail(&mut self, open: Open) {
        match self.catch {
            Catch::Task | Catch::Fails => self.fails.push(open),
            Catch::Lates => self.lates.push(open),
            Catch::Leave => self.scope.flow.leave(&[open]),
        }
    }

    pub fn late(&mut self, open: Open) {
        match self.catch {
            Catch::Task | Catch::Lates => self.lates.push(open),
            Catch::Fails => self.fails.push(open),
            Catch::Leave => self.scope.flow.leave(&[open]),
        }
    }

    pub fn seat(&self, usual: Seat) -> Seat {
        if self.catch == Catch::Task {
            usual
        } else {
            Seat::Handler
        }
    }
}

impl<'n> Ctx<'_> {
    pub fn compile_workflow(
        &mut self,
        workflow: &WorkflowDecl<'n>,
        base: String,
        scope: &mut Scope<'_, 'n>,
        shop: &mut Shop<'_, 'n>,
    ) -> Compiled {
        scope.answers = shop.answers.clone();
        self.declare_vars(workflow, scope, shop);
        scope.share(shop);
        let timeout = workflow.timeout.as_ref().or(workflow.exits.after.as_ref());
        let span = workflow.name.span;
        let mut job = Job {
            workflow,
            base,
            scope,
            shop,
            targets: HashMap::new(),
            names: HashMap::new(),
            timeout: workflow.timeout.as_ref().map(|t| (t.value, t.span)),
            fails: Vec::new(),
            lates: Vec::new(),
            catch: Catch::Task,
            first: None,
            branches: 0,
        };
        let start = Owner {
            name: workflow.name.value.clone(),
            node: job.base.clone(),
            path: workflow.path.clone(),
            span,
            mark: span,
            seat: Seat::Start,
            blocked: None,
            entry: 0,
        };
        let owner = job.scope.flow.owner(start);
        let begin = job.scope.flow.point(owner);
        let open = |why| Open {
            from: begin,
            why,
            span,
        };
        let mut compiled = Compiled::default();
        if let Some(graph) = &workflow.graph {
            compiled.graph = self.compile_graph(workflow, graph, open(Why::Next), &mut job);
        } else {
            let seats = self.seats(workflow, owner, &mut job);
            let (steps, ends) =
                self.compile_seated(&workflow.steps, seats, vec![open(Why::Next)], &mut job);
            job.scope.flow.leave(&ends);
            compiled.steps = steps;
        }
        job.catch = Catch::Leave;
        let fails = std::mem::take(&mut job.fails);
        compiled.on_error = self.workflow_handler(&workflow.on_error, "on-error", fails, &mut job);
        let mut lates = std::mem::take(&mut job.lates);
        lates.push(open(Why::AnyTime));
        compiled.on_timeout =
            self.workflow_handler(&workflow.on_timeout, "on-timeout", lates, &mut job);
        compiled.answers = self.answers(open(Why::AnyTime), &mut job);
        compiled.first = job.first;
        for var in &scope.vars {
            for writer in &var.writers {
                let entry = shop
                    .saved
                    .entry(writer.span)
                    .or_insert_with(|| (var.name.clone(), false));
                entry.1 |= var.whole || !var.fields.is_empty();
            }
        }
        let flow = std::mem::take(&mut scope.flow);
        self.check_flow(&flow, &scope.vars, timeout.is_some());
        scope.flow = flow;
        compiled
    }

    fn workflow_handler(
        &mut self,
        handler: &Option<Handler<'n>>,
        key: &str,
        ins: Vec<Open>,
        job: &mut Job<'_, '_, '_, 'n>,
    ) -> Vec<Step> {
        let Some(handler) = handler else {
            return Vec::new();
        };
        let node = format!("{}/{key}", job.base);
        let (steps, ends) = self.compile_handler(handler, &node, ins, job);
        job.scope.flow.leave(&ends);
        steps
    }

    /// The responses to a flag, which a task can raise at any time.
    fn answers(&mut self, begin: Open, job: &mut Job<'_, '_, '_, 'n>) -> Vec<Vec<Step>> {
        let responses = job.shop.responses;
        if !responses.is_empty() {
            job.scope.flag();
        }
        let mut all = Vec::with_capacity(responses.len());
        for (i, response) in responses.iter().enumerate() {
            let node = format!("{}/responses[{i}]", job.base);
            let (steps, ends) = self.compile_handler(&response.steps, &node, vec![begin], job);
            job.scope.flow.leave(&ends);
            all.push(steps);
        }
        all
    }

    /// The steps of the workflow with their names, known before any is compiled: a `goto` may lead ahead.
    fn seats(
        &mut self,
        workflow: &WorkflowDecl<'n>,
        owner: usize,
        job: &mut Job<'_, '_, '_, 'n>,
    ) -> Vec<Seated> {
        let mut seats = Vec::with_capacity(workflow.steps.len());
        for (i, step) in workflow.steps.iter().enumerate() {
            let inside = format!("{}/steps[{i}]", job.base);
            let mut seated = self.named(step, inside, Seat::Step(i), job);
            let entry = job.scope.flow.point(owner);
            seated.entry = Some(entry);
            job.targets
                .entry(seated.name.clone())
                .or_insert((Target::Step(i), entry));
            seats.push(seated);
        }
        seats
    }

    /// Steps are named by `name`, else by their action; the second of a name gets `~2`, any other by where it stands.
    fn named(
        &mut self,
        step: &StepDecl<'n>,
        inside: String,
        seat: Seat,
        job: &mut Job<'_, '_, '_, 'n>,
    ) -> Seated {
        let place = inside.strip_prefix(&job.base).unwrap_or(&inside);
        let place = place.trim_start_matches('/').to_owned();
        let base = match (&step.name, &step.head) {
            (Some(name), _) => {
                if !matches!(builtin(&name.value), Builtin::None) {
                    self.reserved("a step", name, &step.path);
                }
                name.value.clone()
            }
            (None, StepHead::Ref(action)) => {
                let known = job.shop.actions.name_of(&action.value);
                known.map_or_else(|| place.clone(), str::to_owned)
            }
            _ => place,
        };
        let (count, first) = *job
            .names
            .entry(base.clone())
            .and_modify(|taken| taken.0 += 1)
            .or_insert((1, step.span));
        let name = if count > 1 {
            if let Some(name) = &step.name {
                self.same_name("step", name, first);
            }
            format!("{base}~{count}")
        } else {
            base
        };
        Seated {
            node: format!("{}/{name}", job.base),
            name,
            inside,
            seat,
            entry: None,
            span: None,
        }
    }

    pub fn reserved(&mut self, what: &str, name: &crate::read::Name, path: &str) {
        let message = format!("{what} cannot be named `{}`", name.value);
        let found = Diagnostic::error(218, name.span, message).label("reserved");
        let note = format!("reserved: {}", TARGETS.join(", "));
        self.report(found.at(path).note(note));
    }

    /// A list of steps inside of another one, its node ids beginning with `inside`.
    fn compile_list(
        &mut self,
        steps: &[StepDecl<'n>],
        inside: &str,
        ins: Vec<Open>,
        job: &mut Job<'_, '_, '_, 'n>,
    ) -> (Vec<Step>, Vec<Open>) {
        let mut seats = Vec::with_capacity(steps.len());
        for (i, step) in steps.iter().enumerate() {
            let node = format!("{inside}[{i}]");
            seats.push(if job.catch == Catch::Task {
                self.named(step, node, Seat::Inner, job)
            } else {
                in_handler(step, node)
            });
        }
        self.compile_seated(steps, seats, ins, job)
    }

    pub fn compile_handler(
        &mut self,
        handler: &Handler<'n>,
        node: &str,
        ins: Vec<Open>,
        job: &mut Job<'_, '_, '_, 'n>,
    ) -> (Vec<Step>, Vec<Open>) {
        self.compile_list(&handler.steps, node, ins, job)
    }

    fn compile_seated(
        &mut self,
        steps: &[StepDecl<'n>],
        seats: Vec<Seated>,
        ins: Vec<Open>,
        job: &mut Job<'_, '_, '_, 'n>,
    ) -> (Vec<Step>, Vec<Open>) {
        let mut ends = ins;
        let mut compiled = Vec::with_capacity(steps.len());
        let mut left = None;
        for (i, (step, seated)) in steps.iter().zip(seats).enumerate() {
            let blocked = left.filter(|_| ends.is_empty());
            let (made, after) = self.compile_step(step, seated, blocked, &ends, job);
            ends = after;
            left = Some(step.mark);
            let Some(made) = made else { continue };
            if let Some(before) = i.checked_sub(1).map(|i| &steps[i])
                && let Some(last) = compiled.last_mut()
            {
                self.handled_next(before, last, step, &made, job);
            }
            compiled.push(made);
        }
        (compiled, ends)
    }

    /// The very next step is an `if` that reads what this call saves: the author handles the outcome.
    fn handled_next(
        &mut self,
        step: &StepDecl<'n>,
        made: &mut Step,
        next: &StepDecl<'n>,
        branch: &Step,
        job: &mut Job<'_, '_, '_, 'n>,
    ) {
        let (Head::Call(call), Head::If { cond, .. }) = (&mut made.head, &branch.head) else {
            return;
        };
        let quiet = call.on_error.is_none() && !call.proceed;
        let Some(save) = call.save.as_ref().filter(|_| quiet) else {
            return;
        };
        let mut reads = false;
        cond.term.each_source(&mut |source| {
            reads |= matches!(source, Source::Var { var, .. } if *var == save.var);
        });
        if !reads {
            return;
        }
        call.proceed = true;
        let flow = &job.scope.flow;
        let own = |open: &Open| {
            open.why == Why::Fail && flow.owners[flow.points[open.from].owner].node == made.node
        };
        job.fails.retain(|open| !own(open));
        let message = format!("a failure of `{}` goes on to the next step", made.name);
        let var = &job.scope.vars[save.var].name;
        let found = Diagnostic::info(902, step.mark, message)
            .label("its outcome is handled there")
            .also(next.mark, format!("reads `{var}`"))
            .at(&step.path);
        self.report(
            found.help("say so with `on-error: continue`, or give it an `on-error` of its own"),
        );
    }

    /// One step, and the ways that lead on from it.
    pub fn compile_step(
        &mut self,
        step: &StepDecl<'n>,
        seated: Seated,
        blocked: Option<Span>,
        ins: &[Open],
        job: &mut Job<'_, '_, '_, 'n>,
    ) -> (Option<Step>, Vec<Open>) {
        let flow = &mut job.scope.flow;
        let owner = flow.owner(Owner {
            name: seated.name.clone(),
            node: seated.node.clone(),
            path: step.path.clone(),
            span: seated.span.unwrap_or(step.span),
            mark: step.mark,
            seat: Seat::Start,
            blocked,
            entry: 0,
        });
        let entry = match seated.entry {
            Some(entry) => {
                flow.points[entry].owner = owner;
                entry
            }
            None => flow.point(owner),
        };
        flow.owners[owner].entry = entry;
        flow.connect(ins, entry);
        let seat = job.seat(seated.seat);
        job.scope.flow.owners[owner].seat = seat;
        let open = |why| Open {
            from: entry,
            why,
            span: step.mark,
        };
        let at = At(entry);
        let on = vec![open(Why::Next)];
        let (head, ends) = match &step.head {
            StepHead::Goto(target) => {
                let target = self.target(target, entry, &format!("{}.goto", step.path), job);
                (target.map(Head::Goto), Vec::new())
            }
            StepHead::Ref(_) | StepHead::Inline(_) => {
                match self.doing(step, job.shop.actions, job.shop.components) {
                    Some(Doing::Call(calling)) => {
                        job.first.get_or_insert(calling.component);
                        let (call, ends) = self.call(*calling, &seated.node, entry, job);
                        (Some(Head::Call(Box::new(call))), ends)
                    }
                    Some(Doing::Log { level, with, path }) => {
                        let message = self.log_message(with, &path, &level, at, job);
                        (message.map(|message| Head::Log { level, message }), on)
                    }
                    Some(Doing::Update(with)) => self.update(&with, entry, step, job),
                    None => {
                        job.scope.incomplete = true;
                        (None, on)
                    }
                }
            }
            StepHead::If(decl) => self.branch(decl, &seated, entry, step, job),
            StepHead::Loop(decl) => self.round(decl, &seated, entry, step, job),
            StepHead::Parallel(decl) => self.parallel_of(decl, &seated, entry, step, job),
            StepHead::Wait { time, think } => {
                job.scope.flow.points[entry].slow = true;
                let head = time.map(|time| Head::Wait {
                    time,
                    think: *think,
                });
                (head, on)
            }
            StepHead::Update(all) => {
                let all: Vec<_> = all
                    .iter()
                    .map(|(path, value)| (path.clone(), *value))
                    .collect();
                self.update(&all, entry, step, job)
            }
            StepHead::Monitor { cond, timeout } => {
                let path = format!("{}.monitor", step.path);
                let cond = self.condition(cond, &path, job.scope, at);
                job.scope.flow.points[entry].slow = timeout.is_some();
                job.fail(open(Why::Fail));
                let timeout = *timeout;
                (cond.map(|cond| Head::Monitor { cond, timeout }), on)
            }
        };
        let made = head.map(|head| Step {
            node: seated.node,
            name: seated.name,
            head,
        });
        (made, ends)
    }

    fn branch(
        &mut self,
        decl: &IfDecl<'n>,
        seated: &Seated,
        entry: usize,
        step: &StepDecl<'n>,
        job: &mut Job<'_, '_, '_, 'n>,
    ) -> (Option<Head>, Vec<Open>) {
        let path = format!("{}.if", step.path);
        let cond = self.condition(decl.cond, &path, job.scope, At(entry));
        let open = |why| Open {
            from: entry,
            why,
            span: step.mark,
        };
        let inside = |key: &str| format!("{}.{key}", seated.inside);
        let (then, mut ends) =
            self.compile_list(&decl.then, &inside("then"), vec![open(Why::Then)], job);
        let (otherwise, more) =
            self.compile_list(&decl.otherwise, &inside("else"), vec![open(Why::Else)], job);
        ends.extend(more);
        let head = cond.map(|cond| Head::If {
            cond,
            then,
            otherwise,
        });
        (head, ends)
    }

    fn round(
        &mut self,
        decl: &LoopDecl<'n>,
        seated: &Seated,
        entry: usize,
        step: &StepDecl<'n>,
        job: &mut Job<'_, '_, '_, 'n>,
    ) -> (Option<Head>, Vec<Open>) {
        let path = |key: &str| format!("{}.loop.{key}", step.path);
        let owner = job.scope.flow.points[entry].owner;
        let begin = job.scope.flow.point(owner);
        let open = |from, why| Open {
            from,
            why,
            span: step.mark,
        };
        job.scope.flow.connect(&[open(entry, Why::Next)], begin);
        let (over, sure) = match &decl.over {
            OverDecl::Count(node) => {
                let count = self.template(node, &path("count"), job.scope, At(entry));
                let sure = !node.text().is_some_and(|t| t.contains("{{"));
                (count.map(Over::Count), sure)
            }
            OverDecl::Items(node) => {
                let items = self.items(node, &path("over"), job.scope, At(entry));
                (items.map(Over::Items), false)
            }
            OverDecl::While { cond, max } => {
                let cond = self.condition(cond, &path("while"), job.scope, At(begin));
                (cond.map(|cond| Over::While { cond, max: *max }), false)
            }
        };
        let body = job.scope.flow.point(owner);
        job.scope.flow.connect(&[open(begin, Why::Next)], body);
        let bind = decl.bind.as_ref().and_then(|name| {
            let var = job.scope.var(&name.value)?;
            job.scope.flow.write(body, var, name.span, &seated.name);
            Some(var)
        });
        let inside = format!("{}.steps", seated.inside);
        let (steps, ends) =
            self.compile_list(&decl.steps, &inside, vec![open(body, Why::Next)], job);
        let back = ends.iter().map(|end| Open {
            why: Why::Round,
            ..*end
        });
        let after = if sure {
            let last = job.scope.flow.point(owner);
            job.scope.flow.connect(&ends, last);
            job.scope.flow.points[last].next.push(Edge {
                to: begin,
                why: Why::Round,
                span: step.mark,
            });
            vec![open(last, Why::Next)]
        } else {
            job.scope.flow.connect(&back.collect::<Vec<_>>(), begin);
            vec![open(begin, Why::NoRound)]
        };
        let after = if sure && ends.is_empty() {
            Vec::new()
        } else {
            after
        };
        let head = over.map(|over| Head::Loop(Box::new(Loop { over, bind, steps })));
        (head, after)
    }

    /// The list or map of a loop: a template, or the value itself.
    fn items(
        &mut self,
        node: &crate::yaml::Node,
        path: &str,
        scope: &mut Scope<'_, '_>,
        at: At,
    ) -> Option<Template> {
        if node.scalar().is_some() {
            return self.template(node, path, scope, at);
        }
        self.form_of(node, path);
        let value = Value::Json(super::json::json(node).to_string());
        Some(Template::Whole(crate::plan::Expr {
            term: Term::Const(value),
            written: String::new(),
        }))
    }

    fn parallel_of(
        &mut self,
        decl: &ParallelDecl<'n>,
        seated: &Seated,
        entry: usize,
        step: &StepDecl<'n>,
        job: &mut Job<'_, '_, '_, 'n>,
    ) -> (Option<Head>, Vec<Open>) {
        let id = job.branches;
        job.branches += 1;
        let mut branches = Vec::with_capacity(decl.branches.len());
        let mut ends: Vec<(usize, Open)> = Vec::new();
        for (i, (name, steps)) in decl.branches.iter().enumerate() {
            job.scope.flow.branch.push((id, i));
            let begin = Open {
                from: entry,
                why: Why::Branch,
                span: name.span,
            };
            let inside = format!("{}.{}", seated.inside, name.value);
            let (steps, open) = self.compile_list(steps, &inside, vec![begin], job);
            job.scope.flow.branch.pop();
            ends.extend(open.into_iter().map(|open| (i, open)));
            branches.push(Branch {
                name: name.value.clone(),
                steps,
            });
        }
        let flow = &mut job.scope.flow;
        let owner = flow.points[entry].owner;
        let join = flow.point(owner);
        let opens: Vec<Open> = ends.iter().map(|(_, open)| *open).collect();
        flow.connect(&opens, join);
        let all = match decl.wait {
            Wait::All => true,
            Wait::Any => false,
            Wait::Count(n) => n as usize == decl.branches.len(),
        };
        flow.points[join].join =
            all.then(|| ends.iter().map(|(i, open)| (*i, open.from)).collect());
        let after = Open {
            from: join,
            why: Why::Next,
            span: step.mark,
        };
        let head = Head::Parallel(Box::new(Parallel {
            wait: decl.wait,
            branches,
        }));
        let leads = !ends.is_empty();
        (Some(head), leads.then_some(after).into_iter().collect())
    }
}

/// Steps of handlers are named by where they stand.
fn in_handler(step: &StepDecl<'_>, node: String) -> Seated {
    let last = || node.rsplit('/').next().unwrap_or_default().to_owned();
    Seated {
        name: step.name.as_ref().map_or_else(last, |n| n.value.clone()),
        inside: node.clone(),
        node,
        seat: Seat::Handler,
        entry: None,
        span: None,
    }
}
