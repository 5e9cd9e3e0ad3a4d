//! `--set PATH=VALUE`: replaces or adds one value of the script before it is checked.

use super::Ctx;
use super::fields::kebab;
use crate::diag::{Diagnostic, Span, nearest};
use crate::yaml::{self, Entry, Kind, Node, Scalar};

/// A part of a path, and where it stands in the argument (columns from 1).
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Key(String),
    Index(usize),
    /// `[name=x]`.
    Where(String, String),
}

impl Ctx<'_> {
    /// Applies all overrides in their order.
    pub fn overrides(&mut self, root: &mut Node) {
        for (path, value) in self.req.overrides.clone() {
            self.set(root, &path, &value);
        }
        for text in &self.req.thresholds {
            self.demand(root, text);
        }
    }

    /// Adds a threshold to those of the script.
    fn demand(&mut self, root: &mut Node, text: &str) {
        let file = self.sources.add("<--threshold>", text.to_owned());
        let span = Span::on_line(file, 1, 1, text.chars().count().max(1) as u32);
        let node = |kind| Node { span, kind };
        let demand = node(Kind::Scalar(Scalar {
            text: text.to_owned(),
            plain: false,
        }));
        let Some(monitoring) = entry(root, "monitoring", node(Kind::Map(Vec::new()))) else {
            return;
        };
        let Some(all) = entry(monitoring, "thresholds", node(Kind::List(Vec::new()))) else {
            return;
        };
        if let Kind::List(items) = &mut all.kind {
            items.push(demand);
        } else {
            let first = std::mem::replace(all, node(Kind::List(Vec::new())));
            all.kind = Kind::List(vec![first, demand]);
        }
    }

    fn set(&mut self, root: &mut Node, path: &str, value: &str) {
        let file = self
            .sources
            .add(format!("<--set {path}>"), format!("{path}={value}"));
        let parts = match parse(path) {
            Ok(parts) => parts,
            Err(at) => {
                let found = Diagnostic::error(
                    803,
                    Span::on_line(file, 1, at as u32 + 1, 1),
                    format!("`{path}` is not a path"),
                );
                self.report(
                    found
                        .label("not understood from here")
                        .help("write paths as `load.scenarios[0].user-count`"),
                );
                return;
            }
        };
        let shift = path.chars().count() as u32 + 1;
        let loaded = yaml::load_value(value, file, shift);
        let clean = loaded.diagnostics.is_empty();
        self.found.extend(loaded.diagnostics);
        let empty = || Node {
            span: Span::on_line(file, 1, shift + 1, 1),
            kind: Kind::Scalar(Scalar {
                text: String::new(),
                plain: true,
            }),
        };
        let Some(mut node) = loaded.root.or_else(|| clean.then(empty)) else {
            return;
        };
        let mut here = root;
        let (last, parents) = match parts.split_last() {
            Some(split) => split,
            None => return,
        };
        for (part, span) in parents {
            let span = Span { file, ..*span };
            match self.child(here, part, span, path, true) {
                Some(child) => here = child,
                None => return,
            }
        }
        let span = Span { file, ..last.1 };
        if let (Part::Index(i), Kind::List(items)) = (&last.0, &mut here.kind)
            && *i == items.len()
        {
            items.push(node);
            return;
        }
        if let Some(target) = self.child(here, &last.0, span, path, true) {
            std::mem::swap(target, &mut node);
        }
    }

    /// The child that `part` names; a missing key is added.
    fn child<'n>(
        &mut self,
        node: &'n mut Node,
        part: &Part,
        span: Span,
        path: &str,
        add: bool,
    ) -> Option<&'n mut Node> {
        if add && node.is_null() && matches!(part, Part::Key(_)) {
            node.kind = Kind::Map(Vec::new());
            node.span = span;
        }
        let what = node.what();
        let shown = self.sources.slice(span).to_owned();
        let fail = |help: Option<String>| {
            let found = Diagnostic::error(803, span, format!("`--set {path}` leads nowhere"))
                .label(format!("`{shown}` is not there"));
            match help {
                Some(help) => found.help(help),
                None => found.note(format!("at this place stands {what}")),
            }
        };
        match (part, &mut node.kind) {
            (Part::Key(key), Kind::Map(entries)) => {
                let exact = entries.iter().position(|e| e.key == *key);
                let at = exact.or_else(|| entries.iter().position(|e| kebab(&e.key) == kebab(key)));
                let at = at.unwrap_or_else(|| {
                    let value = Node {
                        span,
                        kind: Kind::Scalar(Scalar {
                            text: String::new(),
                            plain: true,
                        }),
                    };
                    entries.push(Entry {
                        key: key.clone(),
                        key_span: span,
                        value,
                    });
                    entries.len() - 1
                });
                Some(&mut entries[at].value)
            }
            (Part::Index(i), Kind::List(items)) => {
                let count = items.len();
                if *i >= count {
                    self.report(fail(Some(format!(
                        "the list has {count} items, numbered from 0"
                    ))));
                    return None;
                }
                items.get_mut(*i)
            }
            (Part::Where(key, wanted), Kind::List(items)) => {
                let names: Vec<String> = items
                    .iter()
                    .filter_map(|n| n.get(key)?.text().map(str::to_owned))
                    .collect();
                let at = items
                    .iter()
                    .position(|n| n.get(key).and_then(Node::text) == Some(wanted));
                if at.is_none() {
                    let near = nearest(wanted, names.iter().map(String::as_str))
                        .map(|n| format!("did you mean `[{key}={n}]`?"));
                    self.report(fail(
                        near.or_else(|| Some(format!("there: {}", names.join(", ")))),
                    ));
                }
                items.get_mut(at?)
            }
            _ => {
                self.report(fail(None));
                None
            }
        }
    }
}

/// The value of a key, which is added when it is not there or null; none where no key can be.
fn entry<'n>(node: &'n mut Node, key: &str, empty: Node) -> Option<&'n mut Node> {
    let Kind::Map(entries) = &mut node.kind else {
        return None;
    };
    let at = entries
        .iter()
        .position(|e| kebab(&e.key) == key)
        .unwrap_or_else(|| {
            entries.push(Entry {
                key: key.to_owned(),
                key_span: empty.span,
                value: empty.clone(),
            });
            entries.len() - 1
        });
    let value = &mut entries[at].value;
    if value.is_null() {
        *value = empty;
    }
    Some(value)
}

/// Splits `a.b[0][name=x]["c.d"]`; the error is the character at fault.
fn parse(path: &str) -> Result<Vec<(Part, Span)>, usize> {
    let chars: Vec<char> = path.chars().collect();
    let mut parts = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let start = at;
        let part = if chars[at] == '[' {
            let end = chars[at..].iter().position(|c| *c == ']').ok_or(at)? + at;
            let inside: String = chars[at + 1..end].iter().collect();
            at = end + 1;
            bracket(&inside).ok_or(start + 1)?
        } else {
            at += chars[at..]
                .iter()
                .position(|c| matches!(c, '.' | '['))
                .unwrap_or(chars.len() - at);
            if at == start {
                return Err(at);
            }
            Part::Key(chars[start..at].iter().collect())
        };
        parts.push((
            part,
            Span::on_line(0, 1, start as u32 + 1, (at - start) as u32),
        ));
        if chars.get(at) == Some(&'.') {
            at += 1;
            if at == chars.len() {
                return Err(at - 1);
            }
        }
    }
    if parts.is_empty() { Err(0) } else { Ok(parts) }
}

fn bracket(inside: &str) -> Option<Part> {
    let quoted = |q: char| {
        inside
            .strip_prefix(q)
            .and_then(|t| t.strip_suffix(q))
            .filter(|_| inside.len() > 1)
    };
    if let Some(key) = quoted('"').or_else(|| quoted('\'')) {
        return Some(Part::Key(key.to_owned()));
    }
    if let Some((key, value)) = inside.split_once('=') {
        return Some(Part::Where(key.trim().to_owned(), value.trim().to_owned()));
    }
    inside.trim().parse().ok().map(Part::Index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_keys_indexes_and_names() {
        let parts: Vec<Part> = parse("load.scenarios[name=a][0][\"x.y\"].k")
            .unwrap()
            .into_iter()
            .map(|(p, _)| p)
            .collect();
        let key = |k: &str| Part::Key(k.into());
        let all = [
            key("load"),
            key("scenarios"),
            Part::Where("name".into(), "a".into()),
            Part::Index(0),
            key("x.y"),
            key("k"),
        ];
        assert_eq!(parts, all);
    }

    #[test]
    fn a_path_that_ends_early_is_none() {
        for path in ["", "a.", ".a", "a..b", "a[", "a[x]"] {
            assert!(parse(path).is_err(), "{path}");
        }
    }
}
