//! A workflow compiled for one scenario.

use super::actions::{Actions, Calling, Doing};
use super::components::Components;
use super::scope::{At, Scope, Var, Writer};
use super::with::Callee;
use crate::diag::{Diagnostic, Span, nearest};
use crate::plan::{Call, Head, Ns, Origin, Part, Save, Step, Target, Template};
use crate::read::Ctx;
use crate::read::Name;
use crate::read::exits::{Builtin, TARGETS, builtin};
use crate::read::fields::inside;
use crate::read::workflows::{Handler, StepDecl, WorkflowDecl};
use crate::yaml::Node;
use std::collections::{HashMap, HashSet};

/// How much of a body is kept unless the script says otherwise.
const MAX_BODY: u64 = 1 << 20;

/// What stays the same over all scenarios.
pub struct Shop<'a, 'n> {
    pub actions: &'a Actions<'a, 'n>,
    pub components: &'a Components<'n>,
    /// Next `Call::action`.
    pub next: u32,
    /// Where variables are saved, and whether anything reads them.
    pub saved: HashMap<Span, (String, bool)>,
}

/// A workflow of which a scenario's plan is made.
pub struct Compiled {
    pub steps: Vec<Step>,
    pub on_error: Vec<Step>,
    pub on_timeout: Vec<Step>,
    /// Component of the first call.
    pub first: Option<usize>,
}

/// What compiling a step needs to know of its workflow.
struct Frame<'w, 'n> {
    workflow: &'w WorkflowDecl<'n>,
    /// Node ids begin with it: `scenario/workflow`.
    base: String,
    /// Names of the steps, for `goto`.
    names: Vec<String>,
    timeout: Option<(Ns, Span)>,
}

impl<'n> Ctx<'_> {
    pub fn compile_workflow(
        &mut self,
        workflow: &WorkflowDecl<'n>,
        base: String,
        scope: &mut Scope<'_, 'n>,
        shop: &mut Shop<'_, 'n>,
    ) -> Compiled {
        let doing: Vec<Option<Doing<'_, 'n>>> = workflow
            .steps
            .iter()
            .map(|step| self.doing(step, shop.actions, shop.components))
            .collect();
        scope.incomplete |= doing.iter().any(Option::is_none);
        let names = self.step_names(workflow, &doing);
        self.declare_vars(workflow, &doing, scope, shop);
        let timeout = workflow.timeout.as_ref().map(|t| (t.value, t.span));
        let frame = Frame {
            workflow,
            base,
            names,
            timeout,
        };
        self.unreachable(&frame, &doing);
        let mut compiled = Compiled {
            steps: Vec::new(),
            on_error: Vec::new(),
            on_timeout: Vec::new(),
            first: None,
        };
        for (i, doing) in doing.into_iter().enumerate() {
            let Some(doing) = doing else { continue };
            if let (None, Doing::Call(calling)) = (compiled.first, &doing) {
                compiled.first = Some(calling.component);
            }
            let node = format!("{}/{}", frame.base, frame.names[i]);
            let name = frame.names[i].clone();
            let step = &workflow.steps[i];
            compiled.steps.extend(self.compile_step(
                step,
                doing,
                node,
                name,
                At::Step(i),
                &frame,
                scope,
                shop,
            ));
        }
        let base = frame.base.clone();
        let mut handler = |ctx: &mut Self, handler: &Option<Handler<'n>>, key: &str| match handler {
            Some(handler) => ctx.compile_handler(
                handler,
                &format!("{base}/{key}"),
                At::Handler,
                &frame,
                scope,
                shop,
            ),
            None => Vec::new(),
        };
        compiled.on_error = handler(self, &workflow.on_error, "on-error");
        compiled.on_timeout = handler(self, &workflow.on_timeout, "on-timeout");
        fill_outputs(&mut compiled, scope);
        for var in &scope.vars {
            for writer in &var.writers {
                let entry = shop
                    .saved
                    .entry(writer.span)
                    .or_insert_with(|| (var.name.clone(), false));
                entry.1 |= var.whole || !var.fields.is_empty();
            }
        }
        compiled
    }

    /// Steps are named by `name`, else by their action; the second of a name gets `~2`, an inline one `steps[i]`.
    fn step_names(
        &mut self,
        workflow: &WorkflowDecl<'n>,
        doing: &[Option<Doing<'_, 'n>>],
    ) -> Vec<String> {
        let mut seen: HashMap<String, (usize, Span)> = HashMap::new();
        let mut names = Vec::with_capacity(doing.len());
        for (i, (step, doing)) in workflow.steps.iter().zip(doing).enumerate() {
            let base = match (&step.name, doing) {
                (Some(name), _) => {
                    if !matches!(builtin(&name.value), Builtin::None) {
                        let found = Diagnostic::error(
                            218,
                            name.span,
                            format!("a step cannot be named `{}`", name.value),
                        )
                        .label("reserved");
                        self.report(
                            found
                                .at(&step.path)
                                .note(format!("reserved: {}", TARGETS.join(", "))),
                        );
                    }
                    name.value.clone()
                }
                (None, Some(Doing::Call(calling))) if !calling.inline => calling.name.clone(),
                _ => format!("steps[{i}]"),
            };
            let count = seen.entry(base.clone()).or_insert((0, step.span));
            count.0 += 1;
            if count.0 > 1
                && let Some(name) = &step.name
            {
                let first = count.1;
                self.same_name("step", name, first);
            }
            names.push(if count.0 > 1 {
                format!("{base}~{}", count.0)
            } else {
                base
            });
        }
        names
    }

    fn declare_vars(
        &mut self,
        workflow: &WorkflowDecl<'n>,
        doing: &[Option<Doing<'_, 'n>>],
        scope: &mut Scope<'_, 'n>,
        shop: &Shop<'_, 'n>,
    ) {
        let mut handlers: Vec<&Handler<'n>> = [&workflow.on_error, &workflow.on_timeout]
            .into_iter()
            .flatten()
            .collect();
        for (i, doing) in doing.iter().enumerate() {
            if let Some(Doing::Call(calling)) = doing {
                declare(calling, Some(i), scope, shop);
                handlers.extend([calling.on_error, calling.on_timeout].into_iter().flatten());
            }
        }
        for step in handlers.into_iter().flat_map(|h| &h.steps) {
            let said = self.found.len();
            let doing = self.doing(step, shop.actions, shop.components);
            self.found.truncate(said);
            match doing {
                Some(Doing::Call(calling)) => declare(&calling, None, scope, shop),
                None => scope.incomplete = true,
                _ => {}
            }
        }
    }

    fn unreachable(&mut self, frame: &Frame<'_, 'n>, doing: &[Option<Doing<'_, 'n>>]) {
        let steps = &frame.workflow.steps;
        let mut reached: HashSet<String> = HashSet::new();
        let mut blocked: Option<Span> = None;
        for (i, doing) in doing.iter().enumerate() {
            if reached.contains(&frame.names[i]) {
                blocked = None;
            }
            if let Some(by) = blocked {
                let found = Diagnostic::error(
                    214,
                    steps[i].span,
                    format!("no way leads to step `{}`", frame.names[i]),
                );
                let found = found
                    .label("never reached")
                    .also(by, "always leaves here")
                    .at(&steps[i].path);
                self.report(found.help("remove the step, or the `goto` above it"));
                return;
            }
            match doing {
                Some(Doing::Goto(target)) => {
                    reached.insert(target.value.clone());
                    blocked = Some(target.span);
                }
                Some(Doing::Call(calling)) => {
                    for step in [calling.on_error, calling.on_timeout]
                        .into_iter()
                        .flatten()
                        .flat_map(|h| &h.steps)
                    {
                        if let crate::read::workflows::StepHead::Goto(target) = &step.head {
                            reached.insert(target.value.clone());
                        }
                    }
                }
                None => return,
                Some(Doing::Log { .. }) => {}
            }
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one step in its place, and what the whole compilation shares"
    )]
    fn compile_step(
        &mut self,
        step: &StepDecl<'n>,
        doing: Doing<'_, 'n>,
        node: String,
        name: String,
        at: At,
        frame: &Frame<'_, 'n>,
        scope: &mut Scope<'_, 'n>,
        shop: &mut Shop<'_, 'n>,
    ) -> Option<Step> {
        let head = match doing {
            Doing::Goto(target) => Head::Goto(self.target(&target, at, frame, &step.path)?),
            Doing::Log { level, with, path } => Head::Log {
                message: self.log_message(with, &path, &level, at, frame, scope)?,
                level,
            },
            Doing::Call(calling) => {
                Head::Call(Box::new(self.call(*calling, &node, at, frame, scope, shop)))
            }
        };
        Some(Step { node, name, head })
    }

    fn call(
        &mut self,
        calling: Calling<'_, 'n>,
        node: &str,
        at: At,
        frame: &Frame<'_, 'n>,
        scope: &mut Scope<'_, 'n>,
        shop: &mut Shop<'_, 'n>,
    ) -> Call {
        let component = calling.component;
        let name = &shop.components.decls[component].name.value;
        let callee = Callee {
            component: name,
            call: &calling.call,
            section: &shop.components.sections[component],
            span: calling.span,
        };
        let (with, holes) = self.compile_with(calling.with, &callee, scope, at, &calling.with_path);
        if let (Some(inner), Some((outer, span))) = (&calling.timeout, frame.timeout)
            && inner.value >= outer
        {
            let found = Diagnostic::warning(
                601,
                inner.span,
                format!("this timeout of `{}` never fires", calling.name),
            );
            let found = found
                .label("not shorter")
                .also(span, "the whole workflow ends here")
                .at(&frame.workflow.path);
            self.report(found.help("make the inner timeout the shorter one"));
        }
        let action = shop.next;
        shop.next += 1;
        let save = calling.save.as_ref().and_then(|s| scope.var(&s.var.value));
        let after = if let At::Step(i) = at {
            At::After(i)
        } else {
            at
        };
        let proceed = calling.on_error.is_some_and(|h| h.proceed);
        let mut handler = |ctx: &mut Self, handler: Option<&Handler<'n>>, key: &str| {
            let steps = handler.filter(|h| !h.proceed)?;
            Some(ctx.compile_handler(steps, &format!("{node}/{key}"), after, frame, scope, shop))
        };
        let on_error = handler(self, calling.on_error, "on-error");
        let on_timeout = handler(self, calling.on_timeout, "on-timeout");
        Call {
            action,
            component,
            call: calling.call,
            with,
            holes,
            outputs: Vec::new(),
            save: save.map(|var| Save {
                var,
                fields: Vec::new(),
                persist: None,
            }),
            extract: Vec::new(),
            expect: None,
            retry: None,
            limits: Vec::new(),
            compensate: None,
            record_inputs: false,
            timeout: calling.timeout.map(|t| t.value),
            max_body: calling.max_body.unwrap_or(MAX_BODY),
            on_error,
            on_timeout,
            proceed,
        }
    }

    fn compile_handler(
        &mut self,
        handler: &Handler<'n>,
        node: &str,
        at: At,
        frame: &Frame<'_, 'n>,
        scope: &mut Scope<'_, 'n>,
        shop: &mut Shop<'_, 'n>,
    ) -> Vec<Step> {
        let mut steps = Vec::new();
        for (i, step) in handler.steps.iter().enumerate() {
            let Some(doing) = self.doing(step, shop.actions, shop.components) else {
                continue;
            };
            let node = format!("{node}[{i}]");
            let name = step.name.as_ref().map_or_else(
                || node.rsplit('/').next().unwrap_or_default().to_owned(),
                |n| n.value.clone(),
            );
            steps.extend(self.compile_step(step, doing, node, name, at, frame, scope, shop));
        }
        steps
    }

    fn log_message(
        &mut self,
        with: Option<&Node>,
        path: &str,
        level: &str,
        at: At,
        frame: &Frame<'_, 'n>,
        scope: &mut Scope<'_, 'n>,
    ) -> Option<Template> {
        let message = match with {
            Some(node) if node.scalar().is_some() => Some((node, path.to_owned())),
            Some(node) => {
                for entry in node
                    .map()
                    .unwrap_or_default()
                    .iter()
                    .filter(|e| e.key != "message")
                {
                    let found = Diagnostic::error(
                        705,
                        entry.key_span,
                        format!("`log.{level}` has no parameter `{}`", entry.key),
                    );
                    let found = found
                        .label("unknown parameter")
                        .at(path)
                        .suggest(nearest(&entry.key, ["message"]));
                    self.report(found.note("parameters: message"));
                }
                node.get("message").map(|n| (n, format!("{path}.message")))
            }
            None => None,
        };
        match message {
            Some((node, path)) if node.scalar().is_some() => self.template(node, &path, scope, at),
            Some((node, path)) => {
                self.wrong_type(node, "text", &path, None);
                None
            }
            None => Some(Template::Mixed(vec![Part::Text(format!(
                "{level} in {}",
                frame.base
            ))])),
        }
    }

    /// Steps of the workflow come before exits, exits before the phases of the process groups.
    fn target(
        &mut self,
        target: &Name,
        at: At,
        frame: &Frame<'_, 'n>,
        path: &str,
    ) -> Option<Target> {
        let from = match at {
            At::Step(i) | At::After(i) => Some(i),
            At::Handler => None,
        };
        let name = &target.value;
        let path = format!("{path}.goto");
        if let Some(step) = frame.names.iter().position(|n| n == name) {
            if from.is_some_and(|i| step > i) {
                return Some(Target::Step(step));
            }
            let message = match from {
                Some(i) => format!(
                    "`goto: {name}` would run in a circle: {name} -> {} -> {name}",
                    frame.names[i]
                ),
                None => format!("`goto: {name}` leads from the workflow's handler back into it"),
            };
            let found = Diagnostic::error(216, target.span, message)
                .label("an earlier step")
                .at(&path);
            self.report(found.also(frame.workflow.steps[step].span, "the target").help("go forward only; repeat with `iterations` or `task-duration` of the scenario"));
            return None;
        }
        match builtin(name) {
            Builtin::Exit(exit) => return Some(Target::Exit(exit)),
            Builtin::Later => {
                self.later_target(name, target.span, &path);
                return None;
            }
            Builtin::Over => {
                let found = Diagnostic::error(
                    212,
                    target.span,
                    format!("`{name}` is not a target: it is over when users run"),
                );
                self.report(
                    found
                        .label("cannot go back")
                        .at(&path)
                        .note(format!("reachable from here: {}", TARGETS.join(", "))),
                );
                return None;
            }
            Builtin::None => {}
        }
        let ahead = frame
            .names
            .iter()
            .skip(from.map_or(frame.names.len(), |i| i + 1))
            .map(String::as_str);
        let reachable: Vec<&str> = ahead.chain(TARGETS).collect();
        let found = Diagnostic::error(
            211,
            target.span,
            format!(
                "`goto` target `{name}` does not exist {}",
                inside(&frame.workflow.name.value).replace("in `", "in workflow `")
            ),
        );
        let found = found
            .label("unknown target")
            .at(&path)
            .suggest(nearest(name, reachable.iter().copied()));
        self.report(found.note(format!("reachable from here: {}", reachable.join(", "))));
        None
    }
}

fn declare<'n>(
    calling: &Calling<'_, 'n>,
    step: Option<usize>,
    scope: &mut Scope<'_, 'n>,
    shop: &Shop<'_, 'n>,
) {
    let Some(save) = &calling.save else { return };
    let section = &shop.components.sections[calling.component];
    scope.types.saved(&save.var.value, section, &calling.call);
    let outputs = section.outputs(&calling.call);
    let outputs: Option<Vec<String>> = outputs.map(|o| o.into_iter().map(str::to_owned).collect());
    let writer = Writer {
        step,
        action: calling.name.clone(),
        span: save.var.span,
    };
    match scope.var(&save.var.value).map(|i| &mut scope.vars[i]) {
        Some(var) => {
            var.writers.push(writer);
            var.workbook |= save.workbook;
            if let (Some(all), Some(these)) = (&mut var.outputs, outputs) {
                all.retain(|o| these.contains(o));
            }
        }
        None => {
            scope.index.insert(save.var.value.clone(), scope.vars.len());
            scope.vars.push(Var {
                name: save.var.value.clone(),
                writers: vec![writer],
                outputs,
                fields: Vec::new(),
                whole: false,
                workbook: save.workbook,
            });
        }
    }
}

/// Calls bring what is read of the variable that they save.
fn fill_outputs(compiled: &mut Compiled, scope: &Scope<'_, '_>) {
    fn fill(steps: &mut [Step], fields: &[Vec<String>]) {
        for step in steps {
            let Head::Call(call) = &mut step.head else {
                continue;
            };
            if let Some(save) = &mut call.save {
                call.outputs.clone_from(&fields[save.var]);
                save.fields = (0..call.outputs.len()).map(Origin::Output).collect();
            }
            for handler in [&mut call.on_error, &mut call.on_timeout]
                .into_iter()
                .flatten()
            {
                fill(handler, fields);
            }
        }
    }
    let fields: Vec<Vec<String>> = scope.variables().into_iter().map(|v| v.fields).collect();
    for steps in [
        &mut compiled.steps,
        &mut compiled.on_error,
        &mut compiled.on_timeout,
    ] {
        fill(steps, &fields);
    }
}
