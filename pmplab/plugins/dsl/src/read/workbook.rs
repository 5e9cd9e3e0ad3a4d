//! `workbook`: fields of the script's own in the six sections, and names that stand for paths.

use super::places::{WORKBOOK, WORKBOOK_SECTION, WORKBOOK_SECTIONS};
use super::{Ctx, Name, Spanned};
use crate::diag::{Diagnostic, Span};
use crate::workbook::{EXECUTION, FLAT, kept, section};
use crate::yaml::{Kind, Node, Plain, plain};
use pmplab_records::dictionaries::SECTIONS;

/// Types that a field can have.
pub const TYPES: [&str; 11] = [
    "text", "string", "integer", "int", "number", "float", "boolean", "bool", "list", "map", ANY,
];
const ANY: &str = "any";

#[derive(Debug, Clone, Default)]
pub struct WorkbookDecl<'n> {
    pub fields: Vec<FieldDecl<'n>>,
    /// `expose`: names and what they stand for.
    pub aliases: Vec<(Name, Name)>,
    /// Sections that are not persisted.
    pub silent: Vec<usize>,
    /// Fields of the top level: names that need no section.
    pub flat: Vec<(String, String)>,
}

/// A field of the Workbook that the script declares.
#[derive(Debug, Clone)]
pub struct FieldDecl<'n> {
    pub section: usize,
    /// Inside the section.
    pub path: String,
    pub kind: &'static str,
    /// With its place in the script.
    pub default: Option<(&'n Node, String)>,
    pub span: Span,
}

impl FieldDecl<'_> {
    /// With its section.
    pub fn full(&self) -> String {
        format!("{}.{}", SECTIONS[self.section], self.path)
    }
}

/// Where the fields of a map go.
struct Into<'p> {
    /// None: the top level, where `expose` decides.
    section: Option<usize>,
    /// Place of the map in the script.
    place: &'p str,
}

impl Ctx<'_> {
    pub fn workbook<'n>(&mut self, node: &'n Node) -> WorkbookDecl<'n> {
        let mut decl = WorkbookDecl::default();
        let Some(fields) = self.fields(node, &WORKBOOK, "workbook") else {
            return decl;
        };
        if let Some(node) = fields.get("expose") {
            self.expose(node, &mut decl);
        }
        if let Some(node) = fields.get("sections")
            && let Some(sections) = self.fields(node, &WORKBOOK_SECTIONS, "workbook.sections")
        {
            for (index, name) in SECTIONS.iter().enumerate() {
                if let Some(node) = sections.get(name) {
                    self.section(index, node, &mut decl);
                }
            }
        }
        for key in ["fields", "defaults"] {
            let Some(node) = fields.get(key) else {
                continue;
            };
            let place = fields.path_of(key);
            let into = Into {
                section: None,
                place: &place,
            };
            if key == "fields" {
                self.declared(node, &into, &mut decl);
            } else {
                self.defaults(node, &into, "", &mut decl);
            }
        }
        decl
    }

    fn section<'n>(&mut self, index: usize, node: &'n Node, decl: &mut WorkbookDecl<'n>) {
        let path = format!("workbook.sections.{}", SECTIONS[index]);
        let Some(fields) = self.fields(node, &WORKBOOK_SECTION, &path) else {
            return;
        };
        if let Some(node) = fields.get("fields") {
            let place = fields.path_of("fields");
            let into = Into {
                section: Some(index),
                place: &place,
            };
            self.declared(node, &into, decl);
        }
        if let Some(node) = fields.get("defaults") {
            let place = fields.path_of("defaults");
            let into = Into {
                section: Some(index),
                place: &place,
            };
            self.defaults(node, &into, "", decl);
        }
        let persist = fields.get("persist");
        if persist.and_then(|n| self.boolean(n, &fields.path_of("persist"))) == Some(false) {
            decl.silent.push(index);
        }
    }

    fn expose(&mut self, node: &Node, decl: &mut WorkbookDecl<'_>) {
        let Some(entries) = node.map() else {
            if !node.is_null() {
                let example = "expose: {state: timeline.phase}";
                self.wrong_type(
                    node,
                    "a map of names to paths",
                    "workbook.expose",
                    Some(example),
                );
            }
            return;
        };
        for entry in entries.iter().filter(|e| !e.key.starts_with("x-")) {
            let path = format!("workbook.expose.{}", entry.key);
            let Some(to) = self.name(&entry.value, &path) else {
                continue;
            };
            decl.aliases
                .push((Spanned::new(entry.key.clone(), entry.key_span), to));
        }
    }

    /// `fields`: names with their types, or a list of names.
    fn declared<'n>(&mut self, node: &'n Node, into: &Into<'_>, decl: &mut WorkbookDecl<'n>) {
        match &node.kind {
            Kind::Map(_) => self.declared_in(node, into, "", decl),
            Kind::List(items) => {
                for item in items {
                    if let Some(name) = self.name(item, into.place) {
                        self.declare_field(&name.value, name.span, ANY, into, decl);
                    }
                }
            }
            Kind::Scalar(_) if node.is_null() => {}
            Kind::Scalar(_) => {
                let example = "fields: {last_http_status: int}";
                self.wrong_type(node, "a map of names to types", into.place, Some(example));
            }
        }
    }

    fn declared_in<'n>(
        &mut self,
        node: &'n Node,
        into: &Into<'_>,
        before: &str,
        decl: &mut WorkbookDecl<'n>,
    ) {
        for entry in node.map().unwrap_or_default() {
            let path = join(before, &entry.key);
            if entry.value.map().is_some() {
                self.declared_in(&entry.value, into, &path, decl);
                continue;
            }
            let kind = match entry.value.text() {
                None if entry.value.is_null() => Some(ANY),
                None => {
                    let place = format!("{}.{path}", into.place);
                    self.wrong_type(&entry.value, "a type", &place, Some("list"));
                    None
                }
                Some(_) => self.word(&entry.value, &TYPES, 409, &format!("{}.{path}", into.place)),
            };
            self.declare_field(&path, entry.key_span, kind.unwrap_or(ANY), into, decl);
        }
    }

    /// Adds a field, unless the engine keeps that path anyway. Its index.
    fn declare_field(
        &mut self,
        path: &str,
        span: Span,
        kind: &'static str,
        into: &Into<'_>,
        decl: &mut WorkbookDecl<'_>,
    ) -> Option<usize> {
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
        if !path
            .split('.')
            .all(|part| !part.is_empty() && part.chars().all(plain))
        {
            let message = format!("`{path}` cannot be the name of a field");
            let found = Diagnostic::error(314, span, message)
                .label("letters, digits, `_` and `-` only")
                .at(into.place);
            self.report(found);
            return None;
        }
        let (section, inside) = self.goes_to(path, span, into, decl)?;
        let full = format!("{}.{inside}", SECTIONS[section]);
        if kept(&full).is_some() {
            return None;
        }
        if let Some(known) = decl.fields.iter().find(|f| f.full() == full) {
            let message = format!("the field `{full}` is declared twice");
            let found = Diagnostic::error(314, span, message)
                .label("again")
                .also(known.span, "the first time")
                .at(into.place);
            self.report(found.help("declare it in one place"));
            return None;
        }
        let overlaps = |f: &&FieldDecl<'_>| {
            let other = f.full();
            inside_of(&other, &full) || inside_of(&full, &other)
        };
        if let Some(other) = decl.fields.iter().find(overlaps) {
            let message = format!("the field `{full}` overlaps `{}`", other.full());
            let found = Diagnostic::error(314, span, message)
                .label("one inside of the other")
                .also(other.span, "declared here")
                .at(into.place);
            self.report(found.help("declare the one as a `map`, or only what is inside of it"));
            return None;
        }
        decl.fields.push(FieldDecl {
            section,
            path: inside,
            kind,
            default: None,
            span,
        });
        Some(decl.fields.len() - 1)
    }

    /// Section and path inside: of the top level, `execution` unless the name is exposed elsewhere.
    fn goes_to(
        &mut self,
        path: &str,
        span: Span,
        into: &Into<'_>,
        decl: &mut WorkbookDecl<'_>,
    ) -> Option<(usize, String)> {
        if let Some(section) = into.section {
            return Some((section, path.to_owned()));
        }
        let (first, rest) = path.split_once('.').map_or((path, ""), |(a, b)| (a, b));
        if section(first).is_some() {
            let found = Diagnostic::error(
                314,
                span,
                format!("the field `{first}` has the name of a section"),
            );
            let help = format!("declare it under `workbook.sections.{first}`");
            self.report(found.label("a section").at(into.place).help(help));
            return None;
        }
        let exposed = decl.aliases.iter().find(|(name, _)| name.value == first);
        let flat = FLAT.iter().find(|(name, _)| *name == first);
        let target = match (exposed, flat) {
            (Some((_, to)), _) => join(&to.value, rest),
            (None, Some((_, to))) => join(to, rest),
            (None, None) => join(&join(SECTIONS[EXECUTION], first), rest),
        };
        if exposed.is_none() && flat.is_none() {
            let whole = join(SECTIONS[EXECUTION], first);
            if !decl.flat.iter().any(|(name, _)| name == first) {
                decl.flat.push((first.to_owned(), whole));
            }
        }
        // A wrong section is the alias's own defect.
        let (name, inside) = target.split_once('.')?;
        Some((section(name)?, inside.to_owned()))
    }

    /// `defaults`: values by name. A map goes on inside unless a field of that name is declared.
    fn defaults<'n>(
        &mut self,
        node: &'n Node,
        into: &Into<'_>,
        before: &str,
        decl: &mut WorkbookDecl<'n>,
    ) {
        let Some(entries) = node.map() else {
            if !node.is_null() {
                self.wrong_type(node, "a map", into.place, None);
            }
            return;
        };
        for entry in entries {
            let path = join(before, &entry.key);
            let place = format!("{}.{path}", into.place);
            let before = decl.flat.len();
            let Some((section, inside)) = self.goes_to(&path, entry.key_span, into, decl) else {
                continue;
            };
            let full = format!("{}.{inside}", SECTIONS[section]);
            if let Some(field) = decl.fields.iter_mut().find(|f| f.full() == full) {
                field.default = Some((&entry.value, place));
            } else if kept(&full).is_some_and(|kept| kept.kind != "map") {
                self.no_default(&entry.value, &full, &place);
            } else if entry.value.map().is_some_and(|m| !m.is_empty()) {
                decl.flat.truncate(before);
                self.defaults(&entry.value, into, &path, decl);
            } else if let Some(index) = self.declare_field(&path, entry.key_span, ANY, into, decl) {
                decl.fields[index].default = Some((&entry.value, place));
            }
        }
    }

    /// What the engine keeps begins as it must; only saying so again is fine.
    fn no_default(&mut self, node: &Node, full: &str, place: &str) {
        let zero = node
            .scalar()
            .is_some_and(|s| matches!(plain(&s.text), Plain::Integer(0) | Plain::Null));
        if zero {
            return;
        }
        let message = format!("`{full}` is kept by the engine: its default has no effect");
        let found = Diagnostic::warning(314, node.span, message).label("no effect");
        self.report(found.at(place).help("remove it"));
    }
}

fn join(before: &str, key: &str) -> String {
    match (before, key) {
        ("", key) => key.to_owned(),
        (before, "") => before.to_owned(),
        (before, key) => format!("{before}.{key}"),
    }
}

/// `a.b.c` is inside of `a.b`.
fn inside_of(path: &str, other: &str) -> bool {
    path.strip_prefix(other)
        .is_some_and(|rest| rest.starts_with('.'))
}
