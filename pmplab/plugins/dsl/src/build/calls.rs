//! Calls of components, and the built-in heads `log` and `update-workbook`.

use super::actions::Calling;
use super::event::Judged;
use super::expr::has_template;
use super::flow::{At, Open, Owner, Seat, Why};
use super::scope::Scope;
use super::section::Section;
use super::steps::{Catch, Job};
use super::types::Type;
use super::with::Callee;
use crate::diag::{Diagnostic, Span, nearest};
use crate::plan::{
    Call, Expr, Extract, Extractor, Head, Part, Persist, Retry, Save, Step, Template, Term,
    ValueKind,
};
use crate::read::settings::ExtractDecl;
use crate::read::steps::StepDecl;
use crate::read::workflows::Handler;
use crate::read::{Ctx, Name};
use crate::yaml::Node;

/// How much of a body is kept unless the script says otherwise.
const MAX_BODY: u64 = 1 << 20;

impl<'n> Ctx<'_> {
    pub fn call(
        &mut self,
        calling: Calling<'_, 'n>,
        node: &str,
        entry: usize,
        job: &mut Job<'_, '_, '_, 'n>,
    ) -> (Call, Vec<Open>) {
        let at = At(entry);
        let component = calling.component;
        let section = &job.shop.components.sections[component];
        let callee = Callee {
            component: &job.shop.components.decls[component].name.value,
            call: &calling.call,
            section,
            span: calling.span,
        };
        let (with, holes) =
            self.compile_with(calling.with, &callee, job.scope, at, &calling.with_path);
        self.inner_timeout(&calling, job);
        let action = job.shop.next;
        job.shop.next += 1;
        let expect = calling.expect.and_then(|(node, path)| {
            job.scope.judged = Some(Judged {
                known: section.typed_outputs(&calling.call),
                read: Vec::new(),
            });
            self.condition(node, path, job.scope, at)
        });
        let judged = job.scope.judged.take();
        let mut outputs = judged.map(|j| j.read).unwrap_or_default();
        let extract = self.extracts(&calling, section, &mut outputs);
        let flow = &mut job.scope.flow;
        let owner = flow.points[entry].owner;
        flow.points[entry].slow = true;
        let wrote = flow.point(owner);
        let open = |from, why| Open {
            from,
            why,
            span: calling.span,
        };
        flow.connect(&[open(entry, Why::Next)], wrote);
        let save = calling.save.as_ref().and_then(|save| {
            let var = job.scope.var(&save.var.value)?;
            job.scope
                .flow
                .write(wrote, var, save.var.span, &calling.name);
            let persist = save.persist.as_ref().and_then(|p| {
                let filename = self.template(p.filename, &p.path, job.scope, At(wrote))?;
                // The file is a reader too, of all that there is.
                job.scope.vars[var].whole = true;
                Some(Persist {
                    dir: p.dir.clone(),
                    filename,
                })
            });
            Some(Save {
                var,
                fields: Vec::new(),
                persist,
            })
        });
        let limits = [
            calling.rate_limit,
            job.workflow.defaults.rate_limit.as_deref(),
        ];
        let limits = limits
            .into_iter()
            .flatten()
            .flat_map(|l| job.shop.limit(l))
            .collect();
        let retry = match calling.retry.or(job.workflow.defaults.retry.as_ref()) {
            Some(retry) => Some(retry.clone()),
            None => self.usual_retry(component, job),
        };
        let compensate = calling
            .compensate
            .and_then(|name| self.compensation(name, &calling.with_path, node, wrote, job))
            .map(Box::new);
        let proceed = calling.on_error.is_some_and(|h| h.proceed);
        let fail = open(wrote, Why::Fail);
        let on_error = match calling.on_error {
            Some(_) if proceed => None,
            Some(handler) => Some(self.call_handler(handler, node, fail, job)),
            None => {
                job.fail(fail);
                None
            }
        };
        let late = open(entry, Why::Late);
        let on_timeout = match calling.on_timeout {
            Some(handler) => Some(self.call_handler(handler, node, late, job)),
            None => {
                job.late(late);
                None
            }
        };
        let call = Call {
            action,
            component,
            call: calling.call,
            name: calling.name,
            with,
            holes,
            outputs,
            save,
            extract,
            expect,
            retry,
            limits,
            compensate,
            record_inputs: calling.record_inputs,
            timeout: calling.timeout.map(|t| t.value),
            max_body: calling.max_body.unwrap_or(MAX_BODY),
            on_error,
            on_timeout,
            proceed,
        };
        (call, vec![open(wrote, Why::Next)])
    }

    /// The handler of a call for failures or timeouts; where it says nothing else, it gives way to the workflow's.
    fn call_handler(
        &mut self,
        handler: &Handler<'n>,
        node: &str,
        begin: Open,
        job: &mut Job<'_, '_, '_, 'n>,
    ) -> Vec<Step> {
        let (key, catch) = match begin.why {
            Why::Fail => ("on-error", Catch::Fails),
            _ => ("on-timeout", Catch::Lates),
        };
        let around = job.catch;
        job.catch = if around == Catch::Task { catch } else { around };
        let (steps, ends) =
            self.compile_handler(handler, &format!("{node}/{key}"), vec![begin], job);
        for end in ends {
            job.fail(end);
        }
        job.catch = around;
        steps
    }

    fn inner_timeout(&mut self, calling: &Calling<'_, 'n>, job: &Job<'_, '_, '_, 'n>) {
        if let (Some(inner), Some((outer, span))) = (&calling.timeout, job.timeout)
            && inner.value >= outer
        {
            let message = format!("this timeout of `{}` never fires", calling.name);
            let found = Diagnostic::warning(601, inner.span, message)
                .label("not shorter")
                .also(span, "the whole workflow ends here")
                .at(&job.workflow.path);
            self.report(found.help("make the inner timeout the shorter one"));
        }
    }

    /// What the component's metadata says, else `monitoring.retry`.
    fn usual_retry(&mut self, component: usize, job: &mut Job<'_, '_, '_, 'n>) -> Option<Retry> {
        if !job.shop.retries.contains_key(&component) {
            let decl = &job.shop.components.decls[component];
            let node = decl.metadata.and_then(|m| m.get("retry"));
            let retry = node.and_then(|n| self.retry(n, &format!("{}.metadata.retry", decl.path)));
            job.shop.retries.insert(component, retry);
        }
        let own = job.shop.retries[&component].clone();
        own.or_else(|| job.shop.retry.clone())
    }

    /// The step that undoes a call. It saves nothing, and nothing undoes it.
    fn compensation(
        &mut self,
        name: &Name,
        path: &str,
        node: &str,
        wrote: usize,
        job: &mut Job<'_, '_, '_, 'n>,
    ) -> Option<Step> {
        let path = format!("{}.compensate", path.trim_end_matches(".with"));
        let calling = self.undoing(name, job.shop.actions, &path)?;
        let node = format!("{node}/compensate");
        let flow = &mut job.scope.flow;
        let owner = flow.owner(Owner {
            name: name.value.clone(),
            node: node.clone(),
            path: calling.with_path.clone(),
            span: name.span,
            mark: name.span,
            seat: Seat::Handler,
            blocked: None,
            entry: 0,
        });
        let entry = flow.point(owner);
        flow.owners[owner].entry = entry;
        let begin = Open {
            from: wrote,
            why: Why::Next,
            span: name.span,
        };
        flow.connect(&[begin], entry);
        let around = std::mem::replace(&mut job.catch, Catch::Leave);
        let (call, ends) = self.call(calling, &node, entry, job);
        job.catch = around;
        job.scope.flow.leave(&ends);
        Some(Step {
            node,
            name: name.value.clone(),
            head: Head::Call(Box::new(call)),
        })
    }

    fn extracts(
        &mut self,
        calling: &Calling<'_, 'n>,
        section: &Section,
        outputs: &mut Vec<String>,
    ) -> Vec<Extract> {
        let Some(decls) = calling.extract else {
            return Vec::new();
        };
        let path = &calling.with_path;
        let known = section.outputs(&calling.call);
        let known = known.as_deref();
        let mut all = Vec::new();
        for decl in decls {
            let from = source_of(decl, known);
            if let Some(known) = known.filter(|known| !known.contains(&from.as_str())) {
                let span = decl.from.as_ref().map_or(decl.span, |from| from.span);
                let message = format!("`{}` has no output `{from}`", calling.name);
                let found = Diagnostic::error(705, span, message)
                    .label("nothing to extract from")
                    .at(path)
                    .suggest(nearest(&from, known.iter().copied()));
                self.report(found.note(format!("outputs: {}", known.join(", "))));
                continue;
            }
            if known.is_some_and(|known| known.contains(&decl.name.value.as_str())) {
                let message = format!("`{}` is an output already", decl.name.value);
                let found = Diagnostic::error(219, decl.name.span, message)
                    .label("the same name")
                    .at(path);
                self.report(found.help("give what is extracted another name"));
            }
            let output = index_of(outputs, &from);
            all.push(Extract {
                name: decl.name.value.clone(),
                output,
                by: decl.by.clone(),
            });
        }
        all
    }

    pub fn log_message(
        &mut self,
        with: Option<&Node>,
        path: &str,
        level: &str,
        at: At,
        job: &mut Job<'_, '_, '_, 'n>,
    ) -> Option<Template> {
        let message = match with {
            Some(node) if node.scalar().is_some() => Some((node, path.to_owned())),
            Some(node) if node.list().is_some() => {
                self.wrong_type(node, "text", path, Some("with: {message: hello}"));
                return None;
            }
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
            Some((node, path)) if node.scalar().is_some() => {
                job.scope.message = true;
                let message = self.template(node, &path, job.scope, at);
                job.scope.message = false;
                message
            }
            Some((node, path)) => {
                self.wrong_type(node, "text", &path, None);
                None
            }
            None => Some(Template::Mixed(vec![Part::Text(format!(
                "{level} in {}",
                job.base
            ))])),
        }
    }

    /// `update-workbook`: new values of variables, read before any of them is written.
    pub fn update(
        &mut self,
        all: &[(Name, &'n Node)],
        entry: usize,
        step: &StepDecl<'n>,
        job: &mut Job<'_, '_, '_, 'n>,
    ) -> (Option<Head>, Vec<Open>) {
        let mut pairs = Vec::with_capacity(all.len());
        let mut good = true;
        for (path, value) in all {
            let place = format!("{}.update-workbook.{}", step.path, path.value);
            let var = self.workbook_target(&path.value, path.span, job.scope, &place);
            let kind = var
                .and_then(|var| job.scope.kept.get(&var))
                .and_then(|k| k.kind);
            let template = self.new_value(value, kind, &place, job.scope, At(entry));
            match (var, template) {
                (Some(var), Some(template)) => pairs.push((var, template, path.span)),
                _ => good = false,
            }
        }
        let flow = &mut job.scope.flow;
        let owner = flow.points[entry].owner;
        let wrote = flow.point(owner);
        let open = |from| Open {
            from,
            why: Why::Next,
            span: step.mark,
        };
        flow.connect(&[open(entry)], wrote);
        let by = flow.owners[owner].name.clone();
        for (var, _, span) in &pairs {
            flow.write(wrote, *var, *span, &by);
        }
        let pairs = pairs.into_iter().map(|(var, template, _)| (var, template));
        let head = good.then(|| Head::Update(pairs.collect()));
        (head, vec![open(wrote)])
    }
}

impl<'n> Ctx<'_> {
    /// What a variable becomes: a template, or what stands there by its own type, which must be the field's.
    fn new_value(
        &mut self,
        node: &'n Node,
        kind: Option<(ValueKind, Span)>,
        place: &str,
        scope: &mut Scope<'_, 'n>,
        at: At,
    ) -> Option<Template> {
        let (template, found) = match node.scalar() {
            Some(scalar) if has_template(&scalar.text) => {
                self.typed_template(node, place, scope, at)?
            }
            Some(scalar)
                if !node.is_null() && kind.is_some_and(|(kind, _)| kind == ValueKind::Text) =>
            {
                let text = Part::Text(scalar.text.clone());
                (Template::Mixed(vec![text]), Type::Text)
            }
            _ => {
                let value = self.known(node, place, scope)?;
                let found = Type::of(&value);
                let term = Term::Const(value);
                let written = String::new();
                (Template::Whole(Expr { term, written }), found)
            }
        };
        let Some(kind) = kind else {
            return Some(template);
        };
        let (fits, found) = match &template {
            Template::Whole(Expr {
                term: Term::Const(value),
                ..
            }) => (kind.0.accepts(value), Type::named_of(value)),
            _ => (found.may_be(kind.0), found.name()),
        };
        if !fits {
            self.misfit(kind, found, node.span, place);
            return None;
        }
        Some(template)
    }
}

/// The output that a value is taken from: the one named, else the usual one of its kind.
fn source_of(decl: &ExtractDecl, known: Option<&[&str]>) -> String {
    if let Some(from) = &decl.from {
        return from.value.clone();
    }
    let has = |name: &str| known.is_none_or(|known| known.contains(&name));
    match decl.by {
        Extractor::Json(_) if has("json") => "json",
        Extractor::Key(_) => "headers",
        Extractor::Json(_) | Extractor::Regex(_) => "body",
    }
    .to_owned()
}

/// Index of a name in a growing list.
pub fn index_of(names: &mut Vec<String>, name: &str) -> usize {
    names.iter().position(|n| n == name).unwrap_or_else(|| {
        names.push(name.to_owned());
        names.len() - 1
    })
}
