//! Scalars by their type: names, durations, rates, counts, words.

use super::{Ctx, Name, Spanned};
use crate::diag::{Diagnostic, nearest};
use crate::plan::{Ns, Rate};
use crate::units::{self, Defect};
use crate::yaml::{Node, Plain, plain};

impl Ctx<'_> {
    /// Any scalar that is not null, as text.
    pub fn text(&mut self, node: &Node, path: &str) -> Option<Name> {
        match node.text() {
            Some(text) => Some(Spanned::new(text.to_owned(), node.span)),
            None => {
                self.wrong_type(node, "text", path, None);
                None
            }
        }
    }

    /// A name: text that is not empty.
    pub fn name(&mut self, node: &Node, path: &str) -> Option<Name> {
        let name = self.text(node, path)?;
        if name.value.trim().is_empty() {
            self.wrong_type(node, "a name", path, None);
            return None;
        }
        Some(name)
    }

    pub fn names(&mut self, node: &Node, path: &str, example: &str) -> Vec<Name> {
        let Some(items) = node.list() else {
            self.wrong_type(node, "a list", path, Some(example));
            return Vec::new();
        };
        items
            .iter()
            .enumerate()
            .filter_map(|(i, item)| self.name(item, &format!("{path}[{i}]")))
            .collect()
    }

    pub fn boolean(&mut self, node: &Node, path: &str) -> Option<bool> {
        match node.scalar().filter(|s| s.plain).map(|s| plain(&s.text)) {
            Some(Plain::Boolean(value)) => Some(value),
            _ => {
                self.wrong_type(node, "true or false", path, None);
                None
            }
        }
    }

    /// A duration above zero.
    pub fn duration(&mut self, node: &Node, path: &str) -> Option<Spanned<Ns>> {
        let text = self.text(node, path)?;
        let shown = &text.value;
        let found = match units::duration(shown) {
            Ok(ns) => return Some(Spanned::new(ns, node.span)),
            Err(Defect::Bare) if !shown.trim_start().starts_with('-') => {
                let unit = if shown.trim().parse::<f64>().is_ok_and(|n| n >= 500.0) {
                    "ms"
                } else {
                    "s"
                };
                let fixed = format!("{}{unit}", shown.trim());
                Diagnostic::error(401, node.span, format!("`{path}` needs a unit"))
                    .label("a number without a unit")
                    .help(format!("write `{fixed}`; units are ms, s, m, h"))
                    .fix(format!("write `{fixed}`"), false, fixed)
            }
            Err(Defect::Bare | Defect::NotPositive) => {
                Diagnostic::error(402, node.span, format!("`{path}` must be longer than zero"))
                    .label("not above zero")
                    .help("write a time such as `500ms` or `5s`, or leave the key out")
            }
            Err(Defect::TooLarge) => {
                Diagnostic::error(401, node.span, format!("`{path}` is too long"))
                    .label("centuries")
            }
            Err(Defect::Malformed) => {
                Diagnostic::error(401, node.span, format!("`{shown}` is not a duration"))
                    .label("expected a number and a unit")
                    .help("write durations as `500ms`, `5s`, `1m30s` or `2h`")
            }
        };
        self.report(found.at(path));
        None
    }

    /// A duration, or none at all: `0s`.
    pub fn duration_or_zero(&mut self, node: &Node, path: &str) -> Option<Spanned<Ns>> {
        if node.text().map(units::duration_or_zero) == Some(Ok(0)) {
            return Some(Spanned::new(0, node.span));
        }
        self.duration(node, path)
    }

    pub fn rate(&mut self, node: &Node, path: &str) -> Option<Spanned<Rate>> {
        self.rate_as(node, 403, path)
    }

    /// The same with the code of its place.
    pub fn rate_as(&mut self, node: &Node, number: u16, path: &str) -> Option<Spanned<Rate>> {
        let text = self.text(node, path)?;
        let shown = text.value.trim();
        let found = match units::rate(shown) {
            Ok((count, per)) => return Some(Spanned::new(Rate { count, per }, node.span)),
            Err(Defect::Bare) => {
                Diagnostic::error(number, node.span, format!("`{path}` needs a unit of time"))
                    .label("a number without a unit")
                    .help(format!("write `{shown}/s`; units are /ms, /s, /m, /h"))
                    .fix(format!("write `{shown}/s`"), false, format!("{shown}/s"))
            }
            Err(Defect::NotPositive) => {
                Diagnostic::error(number, node.span, format!("`{path}` must be above zero"))
                    .label("nothing would ever happen")
            }
            Err(_) => Diagnostic::error(number, node.span, format!("`{shown}` is not a rate"))
                .label("expected a number per unit of time")
                .help("write rates as `100/s`, `50 req/s` or `0.5/m`"),
        };
        self.report(found.at(path));
        None
    }

    pub fn size(&mut self, node: &Node, path: &str) -> Option<u64> {
        let text = self.text(node, path)?;
        match units::size(&text.value) {
            Ok(bytes) => Some(bytes),
            Err(defect) => {
                let message = match defect {
                    Defect::Bare => format!("`{path}` needs a unit"),
                    _ => format!("`{}` is not a size", text.value),
                };
                let found = Diagnostic::error(413, node.span, message)
                    .label("expected a number and a unit")
                    .at(path);
                self.report(found.help("write sizes as `512KiB`, `1MiB` or `64B`"));
                None
            }
        }
    }

    /// A whole number of at least `least`.
    pub fn count(&mut self, node: &Node, least: u64, path: &str) -> Option<Spanned<u64>> {
        const MOST: i64 = 1_000_000_000;
        let scalar = node.scalar();
        if let Some(Plain::Integer(n)) = scalar.filter(|s| s.plain).map(|s| plain(&s.text))
            && (i64::try_from(least).unwrap_or(0)..=MOST).contains(&n)
        {
            return Some(Spanned::new(n.unsigned_abs(), node.span));
        }
        let mut found = Diagnostic::error(
            405,
            node.span,
            match scalar.map(|s| plain(&s.text)) {
                Some(Plain::Integer(n)) if n > MOST => {
                    format!("`{path}` must be at most {MOST}")
                }
                _ => format!("`{path}` must be a whole number of at least {least}"),
            },
        );
        found = found.at(path).label(match scalar {
            Some(s) if !s.plain => "quoted, so it is text",
            Some(s) if matches!(plain(&s.text), Plain::Integer(n) if n > MOST) => {
                "more than a thousand million"
            }
            Some(s) if matches!(plain(&s.text), Plain::Integer(_)) => "too small",
            Some(s) if matches!(plain(&s.text), Plain::Number(_)) => {
                "not whole, or not written out"
            }
            _ => "not a whole number",
        });
        if let Some(Plain::Number(n)) = scalar.map(|s| plain(&s.text))
            && n.fract() == 0.0
            && (1.0..1e9).contains(&n)
        {
            found = found.help(format!("write `{n}`"));
        } else if let Some(s) = scalar.filter(|s| {
            !s.plain && s.text.bytes().all(|b| b.is_ascii_digit()) && !s.text.is_empty()
        }) {
            found = found
                .help(format!("write `{}` without quotes", s.text))
                .fix("remove the quotes", true, s.text.clone());
        }
        self.report(found);
        None
    }

    /// One of a few words.
    pub fn word(
        &mut self,
        node: &Node,
        words: &[&'static str],
        number: u16,
        path: &str,
    ) -> Option<&'static str> {
        let text = self.text(node, path)?;
        let found = words.iter().copied().find(|word| *word == text.value);
        if found.is_none() {
            let near = nearest(&text.value, words.iter().copied());
            let message = format!("`{}` is not a value of `{path}`", text.value);
            let found = Diagnostic::error(number, node.span, message)
                .label("unknown word")
                .at(path)
                .suggest(near);
            self.report(found.note(format!("allowed here: {}", words.join(", "))));
            return None;
        }
        found
    }
}
