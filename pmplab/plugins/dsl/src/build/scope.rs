//! What the names in templates mean in one scenario.

use super::components::Answers;
use super::event::Judged;
use super::flow::{At, Flow};
use super::grammar::{Path, Step};
use super::resources::Resources;
use super::shared::Shared;
use super::types::{Type, Types};
use super::workbook::Book;
use crate::diag::{Diagnostic, Span, nearest};
use crate::plan::{Merge, Segment, Source, Template, Term, Value, ValueKind, VarScope, Variable};
use crate::read::Ctx;
use crate::read::save_as::RESERVED;
use serde_json::{Map, Value as Json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

/// What the scheduler knows of the running task.
const ENV: [&str; 6] = [
    "tick",
    "user_id",
    "task_id",
    "phase",
    "scenario",
    "iteration",
];
/// What of it is known without a task.
const WATCH: [&str; 2] = ["tick", "scenario"];

/// What a path that leads nowhere means where that is allowed.
const NOTHING: Term = Term::Const(Value::None);

/// A variable and who writes it.
#[derive(Debug, Clone)]
pub struct Var {
    pub name: String,
    pub writers: Vec<Writer>,
    /// Outputs that every writer brings; none: unknown.
    pub outputs: Option<Vec<String>>,
    /// Outputs that are read.
    pub fields: Vec<String>,
    /// Read as a whole.
    pub whole: bool,
    /// One value, which has no fields of its own: that of a loop.
    pub plain: bool,
    /// It has a value before anything is saved.
    pub has_default: bool,
    pub scope: VarScope,
    pub merge: Merge,
    /// `merge` is there, whatever it says.
    pub merge_said: bool,
}

impl Var {
    /// Those that are read, and all that there are where it is read as a whole.
    fn all_fields(&self) -> Vec<String> {
        let outputs = self.outputs.iter().flatten();
        let rest = outputs.filter(|o| self.whole && !self.fields.contains(o));
        self.fields.iter().chain(rest).cloned().collect()
    }
}

/// Where the script names a variable to save it.
#[derive(Debug, Clone)]
pub struct Writer {
    pub action: String,
    pub span: Span,
}

/// A variable that is a field of the Workbook.
#[derive(Debug)]
pub struct Kept {
    pub section: usize,
    /// Inside the section.
    pub path: String,
    /// Its type, and where that is declared.
    pub kind: Option<(ValueKind, Span)>,
    pub default: Option<Value>,
}

/// The names of one scenario.
pub struct Scope<'a, 'n> {
    pub resources: &'a Resources<'n>,
    /// Pools that its users lease; grows when a pool is inherited implicitly.
    pub inherit: Vec<usize>,
    /// `user.inherit` is there, so nothing is inherited implicitly.
    pub explicit: bool,
    pub vars: Vec<Var>,
    /// Where a variable stands in `vars`.
    pub index: HashMap<String, usize>,
    /// Variables of all users that this workflow, or any other, saves.
    pub shared: Rc<Shared>,
    /// Where those stand in `vars` that only other workflows save.
    pub borrowed: HashMap<String, usize>,
    /// Of the variables' fields.
    pub types: Types,
    /// `global.*`.
    pub globals: Json,
    /// What `user.context` says, with its templates filled.
    pub context: Json,
    /// What it says that is known only when a task begins, by variable.
    pub begins: BTreeMap<usize, Template>,
    pub book: &'a Book<'n>,
    /// Variables that are fields of the Workbook.
    pub kept: BTreeMap<usize, Kept>,
    /// What calls bring and take.
    pub answers: Rc<Answers>,
    /// The call that an `expect` judges.
    pub judged: Option<Judged>,
    /// A message is written: it may name the call before it.
    pub message: bool,
    /// The run watches itself: there is no task.
    pub watch: bool,
    /// A step or resource is missing: an unknown name may be its fault.
    pub incomplete: bool,
    /// Resources that templates name.
    pub used: BTreeSet<usize>,
    /// Where the scenario is named, for remarks about it.
    pub span: Span,
    /// The flow of control, made while the workflow is compiled.
    pub flow: Flow,
}

impl<'a, 'n> Scope<'a, 'n> {
    /// `span` is where it is named, for remarks about it.
    pub fn new(
        resources: &'a Resources<'n>,
        book: &'a Book<'n>,
        globals: &Json,
        span: Span,
    ) -> Self {
        Self {
            resources,
            inherit: Vec::new(),
            explicit: false,
            vars: Vec::new(),
            index: HashMap::new(),
            shared: Rc::default(),
            borrowed: HashMap::new(),
            types: Types::default(),
            globals: globals.clone(),
            context: Json::Object(Map::new()),
            begins: BTreeMap::new(),
            book,
            kept: BTreeMap::new(),
            answers: Rc::default(),
            judged: None,
            message: false,
            watch: false,
            incomplete: false,
            used: BTreeSet::new(),
            span,
            flow: Flow::default(),
        }
    }
}

impl Scope<'_, '_> {
    pub fn variables(&self) -> Vec<Variable> {
        let all = |(i, v): (usize, &Var)| Variable {
            name: v.name.clone(),
            fields: v.all_fields(),
            scope: v.scope,
            merge: v.merge,
            kind: self.kept.get(&i).and_then(|k| k.kind).map(|(kind, _)| kind),
            default: self.kept.get(&i).and_then(|k| k.default.clone()),
            begin: self.begins.get(&i).cloned(),
            record: self.kept.get(&i).map(|k| (k.section, k.path.clone())),
            ..Variable::default()
        };
        let mut vars: Vec<Variable> = self.vars.iter().enumerate().map(all).collect();
        self.flow.lineage(&mut vars);
        vars
    }

    pub fn declare(&mut self, var: Var) {
        self.index.insert(var.name.clone(), self.vars.len());
        self.vars.push(var);
    }

    /// What is known of a term's value; of an operator's or a filter's, nothing.
    pub fn type_of(&self, term: &Term) -> Type {
        match term {
            Term::Const(value) => Type::of(value),
            Term::Get(source) => self.type_of_source(source),
            _ => Type::Any,
        }
    }

    fn type_of_source(&self, source: &Source) -> Type {
        match source {
            Source::Var {
                var,
                field: Some(field),
                path,
            } if path.is_empty() => {
                let var = &self.vars[*var];
                if var.is_list() {
                    return Type::Json;
                }
                self.types.of(&var.name, &var.fields[*field])
            }
            Source::Var { field: None, .. } => Type::Json,
            Source::Lease { .. } => Type::Text,
            Source::Blob { field, .. } => match field.as_str() {
                "size" => Type::Integer,
                "path" | "sha256" => Type::Text,
                _ => Type::Any,
            },
            Source::Env(name) => match name.as_str() {
                "phase" | "scenario" => Type::Text,
                _ => Type::Integer,
            },
            Source::Event(path) => Self::type_of_event(path),
            Source::Output { output, path } if path.is_empty() => self.type_of_output(*output),
            Source::Workbook(path) => crate::workbook::kept(path)
                .and_then(|kept| Type::named(kept.kind))
                .unwrap_or(Type::Any),
            _ => Type::Any,
        }
    }

    pub fn var(&self, name: &str) -> Option<usize> {
        self.index.get(name).copied()
    }

    /// The variables of the workflow itself.
    fn own(&self) -> impl Iterator<Item = &Var> {
        let own = |(i, var): &(usize, &Var)| self.index.get(&var.name) == Some(i);
        self.vars.iter().enumerate().filter(own).map(|(_, var)| var)
    }
}

impl Ctx<'_> {
    /// What `path` means at `at`; what is wrong is reported for the value at `place` of the script.
    pub fn source(
        &mut self,
        scope: &mut Scope<'_, '_>,
        path: &Path,
        at: At,
        place: &str,
    ) -> Option<Term> {
        if let Some(term) = scope.output(path) {
            return Some(term);
        }
        if scope.watch && !matches!(path.root.as_str(), "env" | "workbook" | "global") {
            return self.bare(scope, path, at, place);
        }
        match path.root.as_str() {
            "resource" => self.resource_source(scope, path, place),
            "env" => self.env_source(path, scope.watch, place),
            "workbook" => self.workbook_source(scope, path, &path.rest, at, place),
            "global" => self.global_source(scope, path, &path.rest, at, place),
            "locals" => {
                let found = Diagnostic::error(
                    307,
                    path.root_span,
                    format!("`locals` cannot be read in `{place}`"),
                );
                self.report(
                    found
                        .label("visible only inside the component")
                        .at(place)
                        .help("save an output of the action with `save-as`"),
                );
                None
            }
            "inputs" => self.input_source(scope, path, at, place),
            "event" | "error" => self.event_source(scope, path, at, place),
            "user" | "scenario" | "tick" => {
                let instead = if path.root == "user" {
                    "user_id"
                } else {
                    &path.root
                };
                let found = Diagnostic::error(
                    301,
                    path.root_span,
                    format!("undefined variable `{}` in `{place}`", path.root),
                );
                self.report(
                    found
                        .label("a reserved name")
                        .at(place)
                        .help(format!("did you mean `env.{instead}`?")),
                );
                None
            }
            name if scope.book.names(name) => {
                let (root, mut rest) = (path.root.clone(), path.rest.clone());
                let span = path.root_span;
                rest.insert(
                    0,
                    Step {
                        name: root,
                        index: None,
                        span,
                    },
                );
                self.workbook_source(scope, path, &rest, at, place)
            }
            name => match scope.var(name) {
                Some(var) => self.var_source(scope, var, path, &path.rest, at, place),
                None => self.bare(scope, path, at, place),
            },
        }
    }

    /// A name that no step of the workflow saves: a global, or nothing.
    fn bare(
        &mut self,
        scope: &mut Scope<'_, '_>,
        path: &Path,
        at: At,
        place: &str,
    ) -> Option<Term> {
        if let Some((var, taken)) = scope.begun(Some(&path.root), &path.rest) {
            return self.var_source(scope, var, path, &path.rest[taken - 1..], at, place);
        }
        if let Some(value) = scope.globals.get(&path.root) {
            return self.inside_global(value, path, &path.rest, &[], place);
        }
        if let Some(var) = scope.global(&path.root) {
            return self.var_source(scope, var, path, &path.rest, at, place);
        }
        let name = &path.root;
        let globals = scope
            .globals
            .as_object()
            .into_iter()
            .flatten()
            .map(|(k, _)| k.as_str());
        let names = scope.own().map(|v| v.name.as_str()).chain(globals);
        let names = names.chain(scope.shared.names());
        let near = nearest(name, names.chain(RESERVED.iter().copied().take(4)));
        let incomplete = scope.incomplete || self.damaged.contains("save-as");
        if near.is_none() && (incomplete || path.optional) {
            return (!incomplete).then_some(NOTHING);
        }
        let found = Diagnostic::error(
            301,
            path.root_span,
            format!("undefined variable `{name}` in `{place}`"),
        )
        .at(place);
        let mut found = found.label(format!("nothing on any path to this node saves `{name}`"));
        let named = |near: &str| {
            let own = scope.var(near).map(|var| &scope.vars[var]);
            own.or_else(|| scope.shared.get(near))
        };
        let var = near.and_then(named);
        if let Some((var, writer)) = var.and_then(|v| v.writers.first().map(|w| (v, w))) {
            let kind = match var.scope {
                VarScope::Workbook => "workbook",
                VarScope::TaskLocal => "task-local",
                VarScope::UserLocal => "user-local",
                VarScope::Global => "global",
            };
            found = found.also(writer.span, "a similar name is saved here");
            found = found.help(format!(
                "did you mean `{}`? (written by `{}`, scope `{kind}`)",
                var.name, writer.action
            ));
        } else if near.is_some() {
            found = found.suggest(near);
        } else if scope.index.is_empty() {
            found = found.help(format!("save it in an earlier action: `save-as: {name}`"));
        } else {
            let known: Vec<&str> = scope.own().map(|v| v.name.as_str()).collect();
            found = found.note(format!("saved in this workflow: {}", known.join(", ")));
        }
        self.report(found);
        None
    }

    pub fn var_source(
        &mut self,
        scope: &mut Scope<'_, '_>,
        var: usize,
        path: &Path,
        rest: &[Step],
        at: At,
        place: &str,
    ) -> Option<Term> {
        let name = scope.vars[var].name.clone();
        let optional = path.optional;
        scope
            .flow
            .read(at, var, path.root_span, place, &path.written, optional);
        if scope.vars[var].plain {
            scope.vars[var].whole = true;
            return Some(Term::Get(Source::Var {
                var,
                field: Some(0),
                path: rest.iter().map(segment).collect(),
            }));
        }
        let (nth, rest) = match rest.split_first() {
            Some((first, fields)) if first.index.is_some() && scope.vars[var].is_list() => {
                (Some(segment(first)), fields)
            }
            _ => (None, rest),
        };
        let Some((first, inner)) = rest.split_first() else {
            scope.vars[var].whole = true;
            return Some(Term::Get(Source::Var {
                var,
                field: None,
                path: nth.into_iter().collect(),
            }));
        };
        let known = scope.vars[var].outputs.as_ref();
        if let Some(outputs) = known.filter(|o| !o.contains(&first.name)) {
            let writer = scope.vars[var].writers.first()?;
            let message = format!("`{name}` has no field `{}`", first.name);
            let found = Diagnostic::error(301, first.span, message)
                .label("not an output")
                .also(writer.span, format!("saved by `{}`", writer.action));
            let found = found
                .at(place)
                .suggest(nearest(&first.name, outputs.iter().map(String::as_str)));
            self.report(found.note(format!("fields: {}", outputs.join(", "))));
            scope.vars[var].whole = true;
            return None;
        }
        let fields = &mut scope.vars[var].fields;
        let field = fields
            .iter()
            .position(|f| *f == first.name)
            .unwrap_or_else(|| {
                fields.push(first.name.clone());
                fields.len() - 1
            });
        Some(Term::Get(Source::Var {
            var,
            field: Some(field),
            path: nth.into_iter().chain(inner.iter().map(segment)).collect(),
        }))
    }

    fn resource_source(
        &mut self,
        scope: &mut Scope<'_, '_>,
        path: &Path,
        place: &str,
    ) -> Option<Term> {
        let Some(first) = path.rest.first() else {
            let found = Diagnostic::error(
                312,
                path.root_span,
                format!("`resource` needs a field in `{place}`"),
            )
            .label("of which field?");
            self.report(found.at(place).help("write `{{resource.ip}}`"));
            return None;
        };
        if path.rest.len() > 1 {
            let field = &path.rest[1];
            let Some(index) = scope.resources.index(&first.name) else {
                let near = nearest(&first.name, scope.resources.names());
                let found = Diagnostic::error(
                    204,
                    first.span,
                    format!("there is no resource `{}`", first.name),
                )
                .label("unknown resource");
                let names: Vec<&str> = scope.resources.names().collect();
                self.report(
                    found
                        .at(place)
                        .suggest(near)
                        .note(format!("declared: {}", names.join(", "))),
                );
                return None;
            };
            if let Some(beyond) = path.rest.get(2) {
                let found = Diagnostic::error(
                    312,
                    beyond.span,
                    format!("`{}` has nothing inside", field.name),
                )
                .label("a plain value");
                self.report(found.at(place));
                return None;
            }
            return self.field_of(scope, index, &field.name, field.span, place);
        }
        let field = &first.name;
        let offers = |i: &usize| scope.resources.plan[*i].fields.contains(field);
        let inherited: Vec<usize> = scope.inherit.iter().copied().filter(offers).collect();
        let others = (0..scope.resources.plan.len())
            .filter(|i| !(scope.explicit && scope.resources.leased[*i]))
            .filter(offers);
        let candidates: Vec<usize> = if inherited.is_empty() {
            others.collect()
        } else {
            inherited
        };
        match candidates[..] {
            [one] => self.field_of(scope, one, field, first.span, place),
            [] => {
                self.no_field(scope, field, first.span, place);
                None
            }
            _ => {
                let spelt: Vec<String> = candidates
                    .iter()
                    .map(|i| format!("{{{{resource.{}.{field}}}}}", scope.resources.plan[*i].name))
                    .collect();
                let found = Diagnostic::error(
                    311,
                    first.span,
                    format!("several resources offer `{field}`"),
                )
                .label("which one?");
                self.report(
                    found
                        .at(place)
                        .help(format!("write `{}`", spelt.join("` or `"))),
                );
                None
            }
        }
    }

    fn field_of(
        &mut self,
        scope: &mut Scope<'_, '_>,
        index: usize,
        field: &str,
        span: Span,
        place: &str,
    ) -> Option<Term> {
        let resources = scope.resources;
        let resource = &resources.plan[index];
        scope.used.insert(index);
        if resource.kind == "kv_store" {
            return Some(Term::Get(Source::Kv {
                resource: index,
                key: field.to_owned(),
            }));
        }
        let Some(at) = resource.fields.iter().position(|f| f == field) else {
            if resources.known[index] {
                let near = nearest(field, resource.fields.iter().map(String::as_str));
                let found = Diagnostic::error(
                    312,
                    span,
                    format!("resource `{}` has no field `{field}`", resource.name),
                );
                let found = found.label("unknown field").at(place).suggest(near);
                self.report(found.note(format!("fields: {}", resource.fields.join(", "))));
            }
            return None;
        };
        if !resources.leased[index] {
            return Some(Term::Get(Source::Blob {
                resource: index,
                field: field.to_owned(),
            }));
        }
        let inherit = match scope.inherit.iter().position(|i| *i == index) {
            Some(inherit) => inherit,
            None if scope.explicit => {
                let found = Diagnostic::error(
                    312,
                    span,
                    format!(
                        "the users of this scenario lease nothing of `{}`",
                        resource.name
                    ),
                );
                self.report(
                    found
                        .label("not inherited")
                        .also(scope.span, "by this scenario")
                        .at(place)
                        .help(format!("add `{}` to its `user.inherit`", resource.name)),
                );
                return None;
            }
            None => {
                let found = Diagnostic::info(
                    311,
                    scope.span,
                    format!("each user leases one entry of `{}`", resource.name),
                );
                self.report(
                    found
                        .label("inherited because its templates read it")
                        .help(format!("say so: `user: {{inherit: [{}]}}`", resource.name)),
                );
                scope.inherit.push(index);
                scope.inherit.len() - 1
            }
        };
        Some(Term::Get(Source::Lease { inherit, field: at }))
    }

    fn no_field(&mut self, scope: &Scope<'_, '_>, field: &str, span: Span, place: &str) {
        if scope.resources.known.contains(&false) || scope.incomplete {
            return;
        }
        let all: Vec<&str> = scope
            .resources
            .plan
            .iter()
            .flat_map(|r| r.fields.iter().map(String::as_str))
            .collect();
        let found = Diagnostic::error(312, span, format!("no resource has a field `{field}`"))
            .label("unknown field")
            .at(place);
        let elsewhere = scope
            .resources
            .plan
            .iter()
            .find(|r| r.fields.iter().any(|f| f == field));
        let found = match elsewhere {
            Some(resource) => found.help(format!(
                "`{}` has one: add it to `user.inherit`",
                resource.name
            )),
            None if all.is_empty() => found.help("declare a resource under `resources`"),
            None => found
                .suggest(nearest(field, all.iter().copied()))
                .note(format!("fields: {}", all.join(", "))),
        };
        self.report(found);
    }

    fn env_source(&mut self, path: &Path, watch: bool, place: &str) -> Option<Term> {
        let name = path
            .rest
            .first()
            .map(|s| s.name.as_str())
            .unwrap_or_default();
        let folded = name.replace('-', "_");
        if path.rest.len() == 1 {
            if ENV.contains(&folded.as_str()) && (!watch || WATCH.contains(&folded.as_str())) {
                return Some(Term::Get(Source::Env(folded)));
            }
            if let Some((_, value)) = self.req.env.iter().rev().find(|(key, _)| key == name) {
                return Some(Term::Const(Value::Text(value.clone())));
            }
            if path.optional {
                return Some(NOTHING);
            }
        }
        let span = path.rest.first().map_or(path.root_span, |s| s.span);
        let given: Vec<&str> = self.req.env.iter().map(|(k, _)| k.as_str()).collect();
        let near = nearest(name, ENV.into_iter().chain(given.iter().copied()));
        let found = Diagnostic::error(301, span, format!("`env` has no `{name}` in `{place}`"))
            .label("not set")
            .at(place);
        let found = match near {
            Some(near) => found.help(format!("did you mean `env.{near}`?")),
            None => found.help(format!(
                "give it with `--env {}=VALUE`, or write `| default(\"\")`",
                if name.is_empty() { "NAME" } else { name }
            )),
        };
        let set: &[&str] = if watch { &WATCH } else { &ENV };
        let note = format!("set by the scheduler: {}", set.join(", "));
        self.report(found.note(note));
        None
    }

    fn global_source(
        &mut self,
        scope: &mut Scope<'_, '_>,
        path: &Path,
        rest: &[Step],
        at: At,
        place: &str,
    ) -> Option<Term> {
        if let Some((var, taken)) = scope.begun(None, rest) {
            return self.var_source(scope, var, path, &rest[taken..], at, place);
        }
        let unknown = |first: &&Step| scope.globals.get(&first.name).is_none();
        let Some(first) = rest.first().filter(unknown) else {
            return self.inside_global(&scope.globals, path, rest, &[], place);
        };
        if let Some(var) = scope.global(&first.name) {
            return self.var_source(scope, var, path, &rest[1..], at, place);
        }
        let own = scope.own().filter(|v| v.scope == VarScope::Global);
        let saved: BTreeSet<&str> = own
            .map(|v| v.name.as_str())
            .chain(scope.shared.names())
            .collect();
        let saved: Vec<&str> = saved.into_iter().collect();
        self.inside_global(&scope.globals, path, rest, &saved, place)
    }

    /// `saved`: what could have been meant beside what `value` holds.
    fn inside_global(
        &mut self,
        value: &Json,
        path: &Path,
        rest: &[Step],
        saved: &[&str],
        place: &str,
    ) -> Option<Term> {
        let mut here = value;
        for step in rest {
            let next = match (here, step.index) {
                (Json::Array(items), Some(i)) => items.get(i),
                (Json::Object(map), _) => map.get(&step.name),
                _ => None,
            };
            let Some(next) = next else {
                if path.optional {
                    return Some(NOTHING);
                }
                let names: Vec<&str> = here
                    .as_object()
                    .into_iter()
                    .flatten()
                    .map(|(k, _)| k.as_str())
                    .chain(saved.iter().copied())
                    .collect();
                let found = Diagnostic::error(
                    301,
                    step.span,
                    format!("undefined variable `{}` in `{place}`", path.written),
                );
                let found = found
                    .label("not there")
                    .at(place)
                    .suggest(nearest(&step.name, names.iter().copied()));
                self.report(if names.is_empty() {
                    found
                } else {
                    found.note(format!("there: {}", names.join(", ")))
                });
                return None;
            };
            here = next;
        }
        Some(Term::Const(Value::from_json(here)))
    }
}

pub fn segment(step: &Step) -> Segment {
    step.index
        .map_or_else(|| Segment::Key(step.name.clone()), Segment::Index)
}

impl Var {
    /// What was saved is a list of answers, and so is each field of it.
    pub fn is_list(&self) -> bool {
        self.merge == Merge::Append && !self.plain
    }

    /// Readable as `workbook.NAME` too.
    pub fn in_workbook(&self) -> bool {
        self.scope == VarScope::Workbook
    }
}
