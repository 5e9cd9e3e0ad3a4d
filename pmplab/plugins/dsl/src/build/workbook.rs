//! The Workbook of a script: its own fields, its aliases, and what a path in it means.

use super::flow::At;
use super::grammar::{Path, Step};
use super::scope::{Kept, Scope, Var};
use super::types::Type;
use crate::diag::{Diagnostic, Span, nearest};
use crate::plan::{self, Source, Term, Value, ValueKind};
use crate::read::Ctx;
use crate::read::workbook::{FieldDecl, WorkbookDecl};
use crate::workbook::{FLAG, FLAT, Grain, KEPT, REGISTERS, kept, section};
use pmplab_records::dictionaries::SECTIONS;
use serde_json::{Map, Value as Json};

/// What all scenarios have in common of it.
#[derive(Debug, Default)]
pub struct Book<'n> {
    pub fields: Vec<FieldDecl<'n>>,
    /// Names and the full paths that they stand for, the script's own before the flat ones.
    aliases: Vec<(String, String)>,
    silent: Vec<usize>,
    /// An alias or field was wrong: an unknown name may be its fault.
    damaged: bool,
}

/// What the beginning of a path names, and how many of its steps that takes.
enum Meaning {
    /// Index into `Book::fields`.
    Field(usize, usize),
    Kept(&'static str, usize),
    Flag(usize),
    Nothing,
}

impl Book<'_> {
    pub fn plan(&self) -> plan::Workbook {
        plan::Workbook {
            silent: self.silent.clone(),
            expose: self.aliases.clone(),
        }
    }

    /// The full path that an alias stands for.
    fn alias(&self, name: &str) -> Option<&str> {
        let found = self.aliases.iter().find(|(alias, _)| alias == name);
        found.map(|(_, path)| path.as_str())
    }

    /// The script gave this name, which names a field without its section.
    pub fn names(&self, name: &str) -> bool {
        self.alias(name).is_some() && !FLAT.iter().any(|(flat, _)| *flat == name)
    }

    fn meaning(&self, steps: &[&str]) -> Meaning {
        let Some((first, rest)) = steps.split_first() else {
            return Meaning::Nothing;
        };
        let mut path = self.alias(first).unwrap_or(first).to_owned();
        let mut found = Meaning::Nothing;
        for taken in 0..=rest.len() {
            if taken > 0 {
                path = format!("{path}.{}", rest[taken - 1]);
            }
            if path == FLAG {
                return Meaning::Flag(taken + 1);
            }
            if let Some(field) = self.fields.iter().position(|f| f.full() == path) {
                return Meaning::Field(field, taken + 1);
            }
            if let Some(kept) = kept(&path) {
                found = Meaning::Kept(kept.path, taken + 1);
            }
        }
        found
    }

    /// Names that may come after these steps; of none, all that may begin a path.
    fn inside(&self, steps: &[&str]) -> Vec<String> {
        let Some((first, rest)) = steps.split_first() else {
            let flat = self.aliases.iter().map(|(name, _)| name.clone());
            let bare = KEPT.iter().filter(|k| !k.path.contains('.'));
            return flat
                .chain(bare.map(|k| k.path.to_owned()))
                .chain(SECTIONS.iter().map(|s| (*s).to_owned()))
                .collect();
        };
        let mut prefix = self.alias(first).unwrap_or(first).to_owned();
        for step in rest {
            prefix = format!("{prefix}.{step}");
        }
        prefix.push('.');
        let kept = KEPT.iter().map(|k| k.path.to_owned());
        let mut names: Vec<String> = Vec::new();
        for path in kept.chain(self.fields.iter().map(FieldDecl::full)) {
            let Some(rest) = path.strip_prefix(&prefix) else {
                continue;
            };
            let name = rest.split('.').next().unwrap_or(rest);
            if !names.iter().any(|n| n == name) {
                names.push(name.to_owned());
            }
        }
        names
    }
}

impl<'n> Ctx<'_> {
    /// Follows the aliases. Wrong ones are reported and left out.
    pub fn book(&mut self, decl: WorkbookDecl<'n>) -> Book<'n> {
        let mut book = Book {
            fields: decl.fields,
            aliases: Vec::new(),
            silent: decl.silent,
            damaged: false,
        };
        let flat = FLAT
            .iter()
            .map(|(name, path)| ((*name).to_owned(), (*path).to_owned()));
        let own = |name: &str| decl.aliases.iter().any(|(alias, _)| alias.value == name);
        let rest: Vec<(String, String)> = decl
            .flat
            .into_iter()
            .chain(flat)
            .filter(|(name, _)| !own(name))
            .collect();
        let all: Vec<(&str, &str)> = decl
            .aliases
            .iter()
            .map(|(name, to)| (name.value.as_str(), to.value.as_str()))
            .filter(|(name, _)| section(name).is_none())
            .chain(rest.iter().map(|(name, to)| (name.as_str(), to.as_str())))
            .collect();
        // One word for each circle.
        let mut circles: Vec<String> = Vec::new();
        for (name, to) in &decl.aliases {
            let path = format!("workbook.expose.{}", name.value);
            if section(&name.value).is_some() {
                let message = format!("the alias `{}` hides the section of that name", name.value);
                let found = Diagnostic::error(314, name.span, message).label("a section");
                self.report(found.at(&path).help("choose another name"));
                book.damaged = true;
                continue;
            }
            match followed(&name.value, &all) {
                Ok(full) => {
                    let steps: Vec<&str> = full.split('.').collect();
                    if matches!(book.meaning(&steps), Meaning::Nothing)
                        && book.inside(&steps).is_empty()
                    {
                        self.no_exposed(&book, &steps, to.span, &path);
                        book.damaged = true;
                    } else {
                        book.aliases.push((name.value.clone(), full));
                    }
                }
                Err(circle) if circles.iter().any(|name| circle.contains(name)) => {}
                Err(circle) => {
                    let message = format!("aliases run in a circle: {}", circle.join(" -> "));
                    let found = Diagnostic::error(314, to.span, message).label("leads back");
                    let help = "let one of them name a field, such as `timeline.phase`";
                    self.report(found.at(&path).help(help));
                    book.damaged = true;
                    circles.extend(circle);
                }
            }
        }
        book.aliases.extend(rest);
        book
    }

    fn no_exposed(&mut self, book: &Book<'_>, steps: &[&str], span: Span, place: &str) {
        let full = steps.join(".");
        // The step that leads nowhere is the first with nothing behind it.
        let known = (1..steps.len())
            .take_while(|n| !book.inside(&steps[..*n]).is_empty())
            .last()
            .unwrap_or(0);
        let names = book.inside(&steps[..known]);
        let wrong = steps.get(known).copied().unwrap_or_default();
        let near = nearest(wrong, names.iter().map(String::as_str));
        let meant = near.map(|near| {
            let mut meant = steps[..known].to_vec();
            meant.push(near);
            meant.extend(steps.iter().skip(known + 1));
            meant.join(".")
        });
        let found = Diagnostic::error(314, span, format!("the Workbook has no field `{full}`"))
            .label("no such field")
            .at(place)
            .suggest(meant.as_deref());
        let within = steps[..known].join(".");
        self.report(match within.as_str() {
            "" => found.note(format!("sections: {}", SECTIONS.join(", "))),
            within => found.note(format!("fields of `{within}`: {}", names.join(", "))),
        });
    }

    /// The script's fields become variables of the scenario.
    pub fn declare_fields(&mut self, scope: &mut Scope<'_, 'n>) {
        let book = scope.book;
        for field in &book.fields {
            let default = field.default.as_ref().and_then(|(node, place)| {
                let value = self.known(node, place, scope)?;
                Some((value, node.span, place))
            });
            let kind = ValueKind::named(field.kind).map(|kind| (kind, field.span));
            if let (Some(kind), Some((value, span, place))) = (kind, &default)
                && !kind.0.accepts(value)
            {
                self.misfit(kind, Type::named_of(value), *span, place);
            }
            let name = field.full();
            if let Some(kind) = Type::named(field.kind) {
                scope.types.learn(&name, VALUE, kind);
            }
            let kept = Kept {
                section: field.section,
                path: field.path.clone(),
                kind,
                default: default.map(|(value, ..)| value),
            };
            scope.keep(name, kept);
        }
    }

    /// A value that a field of the Workbook cannot hold.
    pub fn misfit(&mut self, kind: (ValueKind, Span), found: &str, span: Span, place: &str) {
        let (kind, declared) = kind;
        let message = format!("`{place}` must be {}, not {found}", kind.name());
        let found = Diagnostic::error(104, span, message)
            .label(format!("expected {}", kind.name()))
            .also(declared, "its type is declared here");
        self.report(found.at(place));
    }

    /// What `workbook.*` means; `rest` are the steps behind `workbook`.
    pub fn workbook_source(
        &mut self,
        scope: &mut Scope<'_, '_>,
        path: &Path,
        rest: &[Step],
        at: At,
        place: &str,
    ) -> Option<Term> {
        let book = scope.book;
        let steps: Vec<&str> = rest.iter().map(|s| s.name.as_str()).collect();
        let Some(first) = rest.first() else {
            let message = format!("`workbook` needs a field in `{place}`");
            let found = Diagnostic::error(301, path.root_span, message).label("of which field?");
            let names = book.inside(&[]);
            self.report(
                found
                    .at(place)
                    .note(format!("fields: {}", names.join(", "))),
            );
            return None;
        };
        match book.meaning(&steps) {
            Meaning::Flag(taken) if scope.watch => {
                self.whole(FLAG, rest.get(taken), place)?;
                Some(Term::Get(Source::Workbook(FLAG.to_owned())))
            }
            Meaning::Flag(taken) => {
                let var = scope.flag();
                self.var_source(scope, var, path, &rest[taken..], at, place)
            }
            Meaning::Field(field, _) if scope.watch => {
                self.no_task(&book.fields[field].full(), first.span, place);
                None
            }
            Meaning::Field(field, taken) => {
                let var = scope.var(&book.fields[field].full())?;
                self.var_source(scope, var, path, &rest[taken..], at, place)
            }
            Meaning::Kept(name, taken) => {
                let item = rest.get(taken).and_then(|step| step.index);
                let item = item.filter(|_| kept(name).is_some_and(|k| k.kind == "list"));
                self.whole(name, rest.get(taken + usize::from(item.is_some())), place)?;
                if scope.watch && kept(name).is_some_and(|k| k.grain == Grain::Task) {
                    self.no_task(name, first.span, place);
                    return None;
                }
                let of = name.to_owned();
                Some(Term::Get(match item {
                    Some(index) => Source::Item { of, index },
                    None => Source::Workbook(of),
                }))
            }
            Meaning::Nothing => {
                if let Some(var) = scope
                    .var(first.name.as_str())
                    .filter(|v| scope.vars[*v].in_workbook())
                {
                    return self.var_source(scope, var, path, &rest[1..], at, place);
                }
                self.no_workbook_field(scope, rest, place);
                None
            }
        }
    }

    fn whole(&mut self, name: &str, beyond: Option<&Step>, place: &str) -> Option<()> {
        let Some(beyond) = beyond else {
            return Some(());
        };
        let message = format!("`workbook.{name}` is read as a whole");
        let found = Diagnostic::error(301, beyond.span, message).label("nothing inside");
        self.report(
            found
                .at(place)
                .help(format!("write `{{{{workbook.{name}}}}}`")),
        );
        None
    }

    fn no_task(&mut self, name: &str, span: Span, place: &str) {
        let message =
            format!("`workbook.{name}` belongs to a task, and there is none in `{place}`");
        let found = Diagnostic::error(301, span, message)
            .label("of which task?")
            .help("read what the run counts");
        let names: Vec<&str> = KEPT
            .iter()
            .filter(|k| k.grain == Grain::Scenario)
            .map(|k| k.path)
            .collect();
        self.report(found.at(place).note(format!("there: {}", names.join(", "))));
    }

    fn no_workbook_field(&mut self, scope: &Scope<'_, '_>, rest: &[Step], place: &str) {
        let book = scope.book;
        if scope.incomplete || book.damaged {
            return;
        }
        let steps: Vec<&str> = rest.iter().map(|s| s.name.as_str()).collect();
        let known = (1..=steps.len())
            .take_while(|n| !book.inside(&steps[..*n]).is_empty())
            .last()
            .unwrap_or(0);
        let mut names = book.inside(&steps[..known]);
        if known == 0 {
            let saved = scope.vars.iter().filter(|v| v.in_workbook());
            names.extend(saved.map(|v| v.name.clone()).filter(|n| !n.contains('.')));
        }
        if known == 0 && self.damaged.contains("save-as") {
            return;
        }
        let Some(wrong) = rest.get(known) else {
            let last = &rest[rest.len() - 1];
            let message = format!("`workbook.{}` needs a field in `{place}`", steps.join("."));
            let found = Diagnostic::error(301, last.span, message).label("of which field?");
            self.report(
                found
                    .at(place)
                    .note(format!("fields: {}", names.join(", "))),
            );
            return;
        };
        let message = format!(
            "undefined variable `workbook.{}` in `{place}`",
            steps.join(".")
        );
        let found = Diagnostic::error(301, wrong.span, message)
            .label("no such field")
            .at(place)
            .suggest(nearest(&wrong.name, names.iter().map(String::as_str)));
        self.report(found.note(format!("fields: {}", names.join(", "))));
    }

    /// The variable that `update-workbook` writes under this key.
    pub fn workbook_target(
        &mut self,
        key: &str,
        span: Span,
        scope: &mut Scope<'_, '_>,
        place: &str,
    ) -> Option<usize> {
        let book = scope.book;
        let steps: Vec<&str> = key
            .strip_prefix("workbook.")
            .unwrap_or(key)
            .split('.')
            .collect();
        let refuse = |message: String, label: &str, help: String| {
            let found = Diagnostic::error(314, span, message);
            found.label(label).at(place).help(help)
        };
        match book.meaning(&steps) {
            Meaning::Flag(taken) if taken == steps.len() => return Some(scope.flag()),
            Meaning::Field(field, taken) if taken == steps.len() => {
                return scope.var(&book.fields[field].full());
            }
            Meaning::Field(field, _) => {
                let full = book.fields[field].full();
                let message = format!("only all of `{full}` can be written");
                self.report(refuse(
                    message,
                    "inside of a field",
                    format!("write `{full}: ...`"),
                ));
                return None;
            }
            Meaning::Flag(_) => {
                let message = format!("`{FLAG}` has nothing inside");
                self.report(refuse(
                    message,
                    "a plain value",
                    format!("write `{FLAG}: true`"),
                ));
                return None;
            }
            Meaning::Kept(name, _) => {
                let message = format!("`{name}` is kept by the engine and cannot be written");
                let help = "declare a field of your own: `workbook: {fields: {NAME: text}}`";
                self.report(refuse(message, "read only", help.to_owned()));
                return None;
            }
            Meaning::Nothing => {}
        }
        if let [name] = steps[..]
            && let Some(var) = scope.var(name).filter(|v| scope.vars[*v].in_workbook())
        {
            return Some(var);
        }
        if scope.incomplete || book.damaged {
            return None;
        }
        if steps.len() > 1 {
            self.no_exposed(book, &steps, span, place);
            return None;
        }
        let own = book.fields.iter().map(FieldDecl::full);
        let saved = scope
            .vars
            .iter()
            .filter(|v| v.in_workbook())
            .map(|v| v.name.clone());
        let mut names: Vec<String> = own.chain(saved).chain([FLAG.to_owned()]).collect();
        let given = book.aliases.iter().map(|(name, _)| name.as_str());
        names.extend(given.filter(|n| book.names(n)).map(str::to_owned));
        names.sort_unstable();
        names.dedup();
        let near = nearest(key, names.iter().map(String::as_str));
        let found = Diagnostic::error(314, span, format!("the Workbook has no field `{key}`"))
            .label("no such field")
            .at(place);
        self.report(
            match near {
                Some(near) => found.suggest(Some(near)),
                None => found.help(format!(
                    "declare it: `workbook: {{fields: {{{key}: any}}}}`"
                )),
            }
            .note(format!("can be written: {}", names.join(", "))),
        );
        None
    }
}

/// The one field of a variable that is a plain value.
pub const VALUE: &str = "value";

impl Scope<'_, '_> {
    /// Adds a variable that is a field of the Workbook.
    pub fn keep(&mut self, name: String, kept: Kept) -> usize {
        let var = self.vars.len();
        self.declare(Var {
            fields: vec![VALUE.to_owned()],
            plain: true,
            has_default: true,
            ..Var::named(&name)
        });
        self.kept.insert(var, kept);
        var
    }

    /// Fields of the Workbook that a context names begin with its values. Their paths in the context, and variables.
    pub fn begin_with(&mut self, context: &Map<String, Json>) -> Vec<(String, usize)> {
        let mut named = Vec::new();
        for (key, value) in context {
            let inner = match value {
                Json::Object(map) if section(key).is_some() => Some(map),
                _ => None,
            };
            let inside = inner.into_iter().flatten();
            let inside = inside.map(|(name, value)| (format!("{key}.{name}"), value));
            for (path, value) in [(key.clone(), value)].into_iter().chain(inside) {
                if let Some(var) = self.field_named(&path)
                    && let Some(kept) = self.kept.get_mut(&var)
                {
                    kept.default = Some(Value::from_json(value));
                    named.push((path, var));
                }
            }
        }
        named
    }

    /// The variable that is the field at a path.
    pub fn field_named(&mut self, path: &str) -> Option<usize> {
        let steps: Vec<&str> = path.split('.').collect();
        let book = self.book;
        match book.meaning(&steps) {
            Meaning::Field(field, taken) if taken == steps.len() => {
                self.var(&book.fields[field].full())
            }
            Meaning::Flag(taken) if taken == steps.len() => Some(self.flag()),
            _ => None,
        }
    }

    /// The variable of `registers.flag`, which is there once something names it.
    pub fn flag(&mut self) -> usize {
        if let Some(var) = self.var(FLAG) {
            return var;
        }
        let kept = Kept {
            section: REGISTERS,
            path: "flag".to_owned(),
            kind: None,
            default: Some(Value::Boolean(false)),
        };
        self.keep(FLAG.to_owned(), kept)
    }
}

/// The path that an alias leads to over others, or the circle in which it runs.
fn followed(name: &str, all: &[(&str, &str)]) -> Result<String, Vec<String>> {
    let mut seen = vec![name.to_owned()];
    let mut path = name.to_owned();
    loop {
        let (first, rest) = path
            .split_once('.')
            .map_or((path.as_str(), ""), |(a, b)| (a, b));
        let Some((_, to)) = all.iter().find(|(alias, _)| *alias == first) else {
            return Ok(path);
        };
        let next = if rest.is_empty() {
            (*to).to_owned()
        } else {
            format!("{to}.{rest}")
        };
        let head = next.split('.').next().unwrap_or_default().to_owned();
        let circle = seen.contains(&head);
        seen.push(head);
        if circle {
            return Err(seen);
        }
        path = next;
    }
}
