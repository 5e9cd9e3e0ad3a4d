//! `event.*`, `error.*` and `inputs.*`: the call that led here; and in an `expect`, the answer that is judged.

use super::calls::index_of;
use super::flow::{At, Seat};
use super::grammar::{Path, Step};
use super::scope::{Scope, segment};
use super::types::Type;
use crate::diag::{Diagnostic, nearest};
use crate::plan::{Segment, Source, Term};
use crate::read::Ctx;
use crate::read::save_as::RESERVED;
use std::collections::BTreeSet;

/// What is known of the step that led here, beside `payload`.
const EVENT: [(&str, Type); 5] = [
    ("type", Type::Text),
    ("status", Type::Integer),
    ("error_type", Type::Text),
    ("message", Type::Text),
    ("source", Type::Text),
];

/// The call whose answer an `expect` judges: its outputs are read by their bare names.
#[derive(Debug, Default)]
pub struct Judged {
    /// None: unknown, so that any name may be one.
    pub known: Option<Vec<(String, Type)>>,
    /// Those that are read: `Source::Output` is an index into them.
    pub read: Vec<String>,
}

impl Scope<'_, '_> {
    /// A call has led to where a template stands: it is in a handler, behind the call of its own step, or a message.
    fn led_here(&self, at: At) -> bool {
        let Some(point) = self.flow.points.get(at.0) else {
            return false;
        };
        let owner = &self.flow.owners[point.owner];
        match owner.seat {
            Seat::Handler => true,
            Seat::Start => false,
            Seat::Step(0) => at.0 != owner.entry,
            Seat::Step(_) | Seat::Node | Seat::Inner => self.message || at.0 != owner.entry,
        }
    }

    pub fn type_of_event(path: &[Segment]) -> Type {
        match path {
            [Segment::Key(name)] => EVENT
                .iter()
                .find(|(field, _)| field == name)
                .map_or(Type::Any, |(_, kind)| *kind),
            _ => Type::Any,
        }
    }

    pub fn type_of_output(&self, output: usize) -> Type {
        let judged = self.judged.as_ref();
        let name = judged.and_then(|j| j.read.get(output));
        let known = judged.and_then(|j| j.known.as_ref());
        let found = known.and_then(|all| all.iter().find(|(n, _)| Some(n) == name));
        found.map_or(Type::Any, |(_, kind)| *kind)
    }

    /// The output of the judged call that a bare name means.
    pub fn output(&mut self, path: &Path) -> Option<Term> {
        let named = self.var(&path.root).is_some()
            || self.globals.get(&path.root).is_some()
            || self.shared.get(&path.root).is_some();
        let judged = self.judged.as_mut()?;
        let is_output = match &judged.known {
            Some(all) => all.iter().any(|(name, _)| *name == path.root),
            None => !named && !RESERVED.contains(&path.root.as_str()),
        };
        if !is_output {
            return None;
        }
        Some(Term::Get(Source::Output {
            output: index_of(&mut judged.read, &path.root),
            path: path.rest.iter().map(segment).collect(),
        }))
    }
}

impl Ctx<'_> {
    pub fn event_source(
        &mut self,
        scope: &mut Scope<'_, '_>,
        path: &Path,
        at: At,
        place: &str,
    ) -> Option<Term> {
        let root = &path.root;
        if !scope.led_here(at) {
            self.nothing_led_here(
                path,
                place,
                "`on-error`, `on-timeout` and transitions have one",
            );
            return None;
        }
        let names = || EVENT.iter().map(|(name, _)| *name).chain(["payload"]);
        let list = names().collect::<Vec<_>>().join(", ");
        let Some(first) = path.rest.first() else {
            let message = format!("`{root}` needs a field in `{place}`");
            let found = Diagnostic::error(301, path.root_span, message).label("of which field?");
            self.report(found.at(place).note(format!("fields: {list}")));
            return None;
        };
        let name = match (root.as_str(), first.name.replace('-', "_").as_str()) {
            // An error's type is what went wrong; that it did is known.
            ("error", "type") => "error_type".to_owned(),
            (_, name) => name.to_owned(),
        };
        if name == "payload" {
            if path.rest.len() < 2 {
                let message = format!("`{root}.payload` needs an output in `{place}`");
                let found = Diagnostic::error(301, first.span, message).label("which output?");
                self.report(
                    found
                        .at(place)
                        .help(format!("write `{{{{{root}.payload.status}}}}`")),
                );
                return None;
            };
            let answers = scope.answers.clone();
            self.of_some_call(&path.rest[1], answers.outputs.as_ref(), "output", place)?;
            let mut all = vec![Segment::Key(name)];
            all.extend(path.rest[1..].iter().map(segment));
            return Some(Term::Get(Source::Event(all)));
        }
        if !EVENT.iter().any(|(field, _)| *field == name) {
            let message = format!("undefined variable `{}` in `{place}`", path.written);
            let found = Diagnostic::error(301, first.span, message)
                .label("no such field")
                .at(place)
                .suggest(nearest(&first.name, names()));
            self.report(found.note(format!("fields: {list}")));
            return None;
        }
        self.plain(path.rest.get(1), &first.name, place)?;
        Some(Term::Get(Source::Event(vec![Segment::Key(name)])))
    }

    /// Any call may have led here, but one of them must have it.
    fn of_some_call(
        &mut self,
        step: &Step,
        names: Option<&BTreeSet<String>>,
        what: &str,
        place: &str,
    ) -> Option<()> {
        let Some(names) = names.filter(|names| !names.contains(&step.name)) else {
            return Some(());
        };
        let message = format!("no call of this script has the {what} `{}`", step.name);
        let list = names.iter().cloned().collect::<Vec<_>>().join(", ");
        let found = Diagnostic::error(301, step.span, message)
            .label(format!("no such {what}"))
            .at(place)
            .suggest(nearest(&step.name, names.iter().map(String::as_str)));
        self.report(found.note(format!("{what}s: {list}")));
        None
    }

    fn plain(&mut self, beyond: Option<&Step>, name: &str, place: &str) -> Option<()> {
        let Some(beyond) = beyond else {
            return Some(());
        };
        let message = format!("`{name}` has nothing inside");
        let found = Diagnostic::error(301, beyond.span, message).label("a plain value");
        self.report(found.at(place));
        None
    }

    pub fn input_source(
        &mut self,
        scope: &Scope<'_, '_>,
        path: &Path,
        at: At,
        place: &str,
    ) -> Option<Term> {
        if scope.judged.is_none() && !scope.led_here(at) {
            self.nothing_led_here(
                path,
                place,
                "an `expect` and the handlers of a call have one",
            );
            return None;
        }
        if path.rest.is_empty() {
            let message = format!("`inputs` needs a parameter in `{place}`");
            let found = Diagnostic::error(301, path.root_span, message).label("which parameter?");
            self.report(found.at(place).help("write `{{inputs.url}}`"));
            return None;
        }
        let params = scope.answers.params.as_ref();
        self.of_some_call(&path.rest[0], params, "parameter", place)?;
        Some(Term::Get(Source::Input(
            path.rest.iter().map(segment).collect(),
        )))
    }

    fn nothing_led_here(&mut self, path: &Path, place: &str, help: &str) {
        let message = format!("`{}` cannot be read in `{place}`", path.root);
        let found = Diagnostic::error(301, path.root_span, message);
        self.report(
            found
                .label("there is no call that led here")
                .at(place)
                .help(help),
        );
    }
}
