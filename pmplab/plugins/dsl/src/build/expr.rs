//! Text with `{{ }}` taken apart: each expression with its place.

use super::grammar::{Defect, Tree, parse};
use crate::diag::{Diagnostic, Span};
use crate::read::Ctx;
use crate::yaml::Node;

/// A part of a scalar.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    Text(String),
    Expr {
        tree: Tree,
        /// As the script has it, for messages.
        written: String,
    },
}

/// Whether a scalar needs rendering at all.
pub fn has_template(text: &str) -> bool {
    text.contains("{{")
}

impl Ctx<'_> {
    /// None when an expression is malformed; all malformed ones are reported.
    pub fn pieces(&mut self, node: &Node, path: &str) -> Option<Vec<Piece>> {
        let text = &node.scalar()?.text;
        let mut pieces = Vec::new();
        let mut rest = text.as_str();
        let mut good = true;
        let mut nth = 0;
        while let Some(open) = rest.find("{{") {
            if open > 0 {
                pieces.push(Piece::Text(rest[..open].to_owned()));
            }
            let offset = text[..text.len() - rest.len() + open].chars().count();
            let place = self.place(node, text, offset, nth);
            nth += 1;
            let inner = &rest[open + 2..];
            let Some(close) = closing(inner) else {
                let found = Diagnostic::error(
                    305,
                    place(0, 2),
                    format!("this `{{{{` is never closed in `{path}`"),
                )
                .label("opened here");
                self.report(found.at(path).help("write `{{name.field}}`"));
                return None;
            };
            match parse(&inner[..close], &place) {
                Ok(tree) => pieces.push(Piece::Expr {
                    tree,
                    written: inner[..close].trim().to_owned(),
                }),
                Err(defect) => {
                    self.malformed(&defect, &place, path);
                    good = false;
                }
            }
            rest = &inner[close + 2..];
        }
        if !rest.is_empty() || pieces.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        good.then_some(pieces)
    }

    fn malformed(&mut self, defect: &Defect, place: &dyn Fn(usize, usize) -> Span, path: &str) {
        let span = place(defect.at + 2, defect.width);
        let mut found = Diagnostic::error(defect.number, span, defect.message.clone())
            .label("here")
            .at(path)
            .help(defect.help.clone());
        if let Some(instead) = defect.instead {
            found = found.fix(format!("write `{instead}`"), false, instead);
        }
        self.report(found);
    }

    /// Maps characters from the `{{` at `offset` of the scalar's text to places in its file.
    fn place(
        &self,
        node: &Node,
        text: &str,
        offset: usize,
        nth: usize,
    ) -> impl Fn(usize, usize) -> Span + use<> {
        let span = node.span;
        let raw = self.sources.slice(span);
        let quote = usize::from(raw.starts_with(['"', '\'']));
        let inner = raw
            .get(quote..raw.len().saturating_sub(quote))
            .unwrap_or("");
        let exact = inner == text && span.line == span.end_line;
        let (line, col, columns) = if exact {
            (span.line, span.col + (quote + offset) as u32, Vec::new())
        } else {
            let at = raw.match_indices("{{").nth(nth).map_or(0, |(at, _)| at);
            let before = &raw[..at];
            let line = before.matches('\n').count() as u32;
            let last = before.rsplit('\n').next().unwrap_or("").chars().count() as u32;
            let col = if line == 0 { span.col + last } else { last + 1 };
            (
                span.line + line,
                col,
                columns(&raw[at..], raw.chars().next()),
            )
        };
        move |at, width| {
            let column = |at: usize| columns.get(at).copied().unwrap_or(at as u32);
            let (from, to) = (column(at), column(at + width.max(1)));
            Span::on_line(span.file, line, col + from, to - from)
        }
    }
}

/// Where each character of the text begins in `raw`, which writes quotes and the like with a second character.
fn columns(raw: &str, quote: Option<char>) -> Vec<u32> {
    let escape = match quote {
        Some('"') => '\\',
        Some('\'') => '\'',
        _ => return Vec::new(),
    };
    let line = raw.lines().next().unwrap_or_default();
    let mut columns = Vec::new();
    let mut at = 0;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        columns.push(at);
        at += 1;
        if c == escape && chars.next().is_some() {
            at += 1;
        }
    }
    columns.push(at);
    columns
}

/// Where `}}` stands, outside of quotes if they are closed.
fn closing(inner: &str) -> Option<usize> {
    let mut quote = None;
    for (at, c) in inner.char_indices() {
        match (quote, c) {
            (None, '"' | '\'') => quote = Some(c),
            (Some(q), _) if q == c => quote = None,
            (None, '}') if inner[at..].starts_with("}}") => return Some(at),
            _ => {}
        }
    }
    inner.find("}}")
}
