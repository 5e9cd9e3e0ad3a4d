//! The keys of one map: canonical names, unknown ones reported with what was meant.

use super::Ctx;
use super::places::Place;
use crate::diag::{Diagnostic, Span, nearest};
use crate::yaml::{Entry, Node};
use std::borrow::Cow;

/// A map whose keys were checked against a place.
pub struct Fields<'n> {
    entries: Vec<(&'static str, &'n Entry)>,
    /// Keys that were meant by misspelt ones, and keys whose use was reported: never missed.
    meant: Vec<&'static str>,
    /// What was meant by misspelt keys: read on as if they were right, so that their values are checked too.
    misspelt: Vec<(&'static str, &'n Entry)>,
    pub span: Span,
    pub path: String,
}

impl<'n> Fields<'n> {
    pub fn entry(&self, key: &str) -> Option<&'n Entry> {
        self.entries
            .iter()
            .find(|(name, _)| *name == key)
            .map(|(_, entry)| *entry)
    }

    /// All known keys, by their canonical names.
    pub fn entries(&self) -> impl Iterator<Item = (&'static str, &'n Entry)> {
        self.entries.iter().copied()
    }

    pub fn get(&self, key: &str) -> Option<&'n Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The key is not there and was not misspelt either.
    pub fn lacks(&self, key: &str) -> bool {
        self.entry(key).is_none() && !self.meant.contains(&key)
    }

    pub fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }
}

/// Sections that hold what others name.
pub const SECTIONS: [&str; 5] = [
    "components",
    "resources",
    "workflows",
    "actions",
    "load.profiles",
];

/// Where a message says a key stands.
pub fn inside(path: &str) -> String {
    if path.is_empty() {
        "at the top level".into()
    } else {
        format!("in `{path}`")
    }
}

/// The same name with `-` for `_`.
pub fn kebab(key: &str) -> Cow<'_, str> {
    if key.contains('_') {
        key.replace('_', "-").into()
    } else {
        key.into()
    }
}

impl Ctx<'_> {
    /// Checks the keys of `node`, which must be a map. Null counts as an empty one.
    pub fn fields<'n>(&mut self, node: &'n Node, place: &Place, path: &str) -> Option<Fields<'n>> {
        let mut fields = Fields {
            entries: Vec::new(),
            meant: Vec::new(),
            misspelt: Vec::new(),
            span: node.span,
            path: path.to_owned(),
        };
        if node.is_null() {
            return Some(fields);
        }
        let Some(entries) = node.map() else {
            self.wrong_type(node, "a map", path, None);
            return None;
        };
        for entry in entries {
            let name = kebab(&entry.key);
            let alias = place
                .aliases
                .iter()
                .find(|(alias, _)| *alias == name)
                .map(|(_, key)| *key);
            let known = alias.or_else(|| place.keys.iter().copied().find(|key| **key == name));
            match known {
                Some(key) => match fields.entry(key) {
                    Some(first) => self.twice(entry, first, key, path),
                    None => fields.entries.push((key, entry)),
                },
                None if name.starts_with("x-") => {}
                None => self.unknown(entry, &name, place, &mut fields),
            }
        }
        for (key, entry) in std::mem::take(&mut fields.misspelt) {
            if fields.entry(key).is_none() {
                fields.entries.push((key, entry));
            }
        }
        Some(fields)
    }

    fn twice(&mut self, entry: &Entry, first: &Entry, key: &str, path: &str) {
        let message = format!(
            "`{}` and `{}` are the same key {}",
            first.key,
            entry.key,
            inside(path)
        );
        let found = Diagnostic::error(116, entry.key_span, message)
            .label("the same key again")
            .at(path);
        self.report(
            found
                .also(first.key_span, "first given here")
                .help(format!("merge the two into one `{key}`")),
        );
    }

    fn unknown<'n>(
        &mut self,
        entry: &'n Entry,
        name: &str,
        place: &Place,
        fields: &mut Fields<'n>,
    ) {
        let path = fields.path.clone();
        let close = nearest(
            name,
            place
                .keys
                .iter()
                .copied()
                .chain(place.aliases.iter().map(|(alias, _)| *alias)),
        );
        if place.open {
            if let Some(close) = close.filter(|_| name.len() > 3) {
                let found = Diagnostic::info(
                    102,
                    entry.key_span,
                    format!("`{}` is close to the known key `{close}`", entry.key),
                );
                self.report(
                    found
                        .label("kept as it is")
                        .at(&path)
                        .help(format!("did you mean `{close}`?")),
                );
            }
            return;
        }
        let moved = place
            .moved
            .iter()
            .find(|(key, _)| *key == name)
            .map(|(_, to)| *to);
        let synonym = place
            .synonyms
            .iter()
            .find(|(word, _)| *word == name)
            .map(|(_, key)| *key);
        let number = match (path.is_empty(), moved) {
            (_, Some(_)) => 107,
            (true, None) => 101,
            (false, None) => 102,
        };
        let label = if path.is_empty() {
            "not a top-level key".into()
        } else {
            format!("not a {} key", place.what)
        };
        let mut found = Diagnostic::error(
            number,
            entry.key_span,
            format!("unknown key `{}` {}", entry.key, inside(&path)),
        );
        found = found
            .label(
                label
                    .replace("a action", "an action")
                    .replace("a exit", "an exit"),
            )
            .at(&path);
        if let Some(to) = moved {
            found = found.help(format!("`{}` belongs under {to}", entry.key));
        } else if let Some(meant) = synonym.or(close) {
            found = found.help(format!("did you mean `{meant}`?"));
            if close.is_some() {
                found = found.fix(format!("rename to `{meant}`"), false, meant);
            }
        }
        if let Some(meant) = synonym.or(close) {
            let key = place
                .aliases
                .iter()
                .find(|(alias, _)| *alias == meant)
                .map_or(meant, |(_, key)| *key);
            if let Some(key) = place.keys.iter().copied().find(|k| *k == key) {
                fields.meant.push(key);
                if close.is_some() && synonym.is_none() && moved.is_none() {
                    fields.misspelt.push((key, entry));
                }
            }
        }
        self.report(found.note(format!("allowed here: {}", place.keys.join(", "))));
    }

    pub fn missing(&mut self, span: Span, key: &str, path: &str, help: impl Into<String>) {
        let found = Diagnostic::error(103, span, format!("missing `{key}` {}", inside(path)));
        self.report(found.label(format!("needs `{key}`")).at(path).help(help));
    }

    /// The items of a list, or a lone text as its only item.
    pub fn items_of<'n>(
        &mut self,
        node: &'n Node,
        path: &str,
        expected: &str,
        example: &str,
    ) -> &'n [Node] {
        if node.text().is_some() {
            return std::slice::from_ref(node);
        }
        node.list().unwrap_or_else(|| {
            self.wrong_type(node, expected, path, Some(example));
            &[]
        })
    }

    pub fn wrong_type(&mut self, node: &Node, expected: &str, path: &str, example: Option<&str>) {
        let name = if path.is_empty() {
            let file = self.sources.get(node.span.file);
            file.map_or("the script", |f| match f.name.as_str() {
                super::bundle::SCRIPT_FILE => "the script",
                other => other,
            })
            .to_owned()
        } else {
            format!("`{path}`")
        };
        if let Some(section) = SECTIONS.into_iter().find(|s| *s == path) {
            self.damaged.insert(section);
        }
        let mut found = Diagnostic::error(
            104,
            node.span,
            format!("{name} must be {expected}, not {}", node.what()),
        );
        found = found.label(format!("expected {expected}")).at(path);
        self.report(match example {
            Some(example) => found.help(format!("write it as `{example}`")),
            None => found,
        });
    }
}
