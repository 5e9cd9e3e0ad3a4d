//! Text with `{{ }}` taken apart: paths, literals and `| default(x)`, each with its place.

use crate::diag::{Diagnostic, Span};
use crate::plan::Value;
use crate::read::Ctx;
use crate::yaml::{Node, Plain, plain};

/// A part of a scalar.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    Text(String),
    Path(Path),
    Literal(Value),
}

/// `root.a["b"][0] | default(x)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    pub root: String,
    pub root_span: Span,
    pub rest: Vec<Step>,
    pub default: Option<Value>,
    pub span: Span,
    pub written: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub name: String,
    /// Written as `[0]` or `.0`.
    pub index: Option<usize>,
    pub span: Span,
}

/// Whether a scalar needs rendering at all.
pub fn has_template(text: &str) -> bool {
    text.contains("{{")
}

/// Why an expression cannot be read: number, message, characters from its start, width, help.
struct Defect(u16, String, usize, usize, String);

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
                Ok(piece) => pieces.push(piece),
                Err(Defect(number, message, at, width, help)) => {
                    let found = Diagnostic::error(number, place(at + 2, width), message)
                        .label("here")
                        .at(path);
                    self.report(found.help(help));
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
        let (line, col) = if inner == text && span.line == span.end_line {
            (span.line, span.col + (quote + offset) as u32)
        } else {
            let at = raw.match_indices("{{").nth(nth).map_or(0, |(at, _)| at);
            let before = &raw[..at];
            let line = before.matches('\n').count() as u32;
            let last = before.rsplit('\n').next().unwrap_or("").chars().count() as u32;
            (
                span.line + line,
                if line == 0 { span.col + last } else { last + 1 },
            )
        };
        move |at, width| Span::on_line(span.file, line, col + at as u32, width.max(1) as u32)
    }
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

fn parse(inner: &str, place: &dyn Fn(usize, usize) -> Span) -> Result<Piece, Defect> {
    let chars: Vec<char> = inner.chars().collect();
    let mut p = Parser {
        chars: &chars,
        at: 0,
    };
    p.blanks();
    let start = p.at;
    if p.end() {
        return Err(Defect(
            305,
            "an empty `{{ }}` says nothing".into(),
            0,
            chars.len(),
            "write `{{name.field}}`".into(),
        ));
    }
    if let Some(value) = p.literal()? {
        p.finish()?;
        return Ok(Piece::Literal(value));
    }
    let root = p.word();
    if root.is_empty() {
        return Err(p.operator().unwrap_or_else(|| p.unexpected("a name")));
    }
    let root_span = place(start + 2, root.chars().count());
    let mut rest = Vec::new();
    loop {
        let at = p.at;
        match p.peek() {
            Some('.') => {
                p.at += 1;
                let name = p.segment();
                if name.is_empty() {
                    return Err(p.unexpected("a name after the `.`"));
                }
                let index = name.parse().ok();
                rest.push(Step {
                    span: place(at + 3, name.chars().count()),
                    name,
                    index,
                });
            }
            Some('[') => {
                p.at += 1;
                let (name, index) = p.bracket()?;
                rest.push(Step {
                    span: place(at + 3, p.at.saturating_sub(at + 2)),
                    name,
                    index,
                });
            }
            _ => break,
        }
    }
    let end = p.at;
    let default = p.default()?;
    p.finish()?;
    let written: String = chars[start..]
        .iter()
        .collect::<String>()
        .trim_end()
        .to_owned();
    Ok(Piece::Path(Path {
        root,
        root_span,
        rest,
        default,
        span: place(start + 2, end - start),
        written,
    }))
}

struct Parser<'c> {
    chars: &'c [char],
    at: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn end(&self) -> bool {
        self.at >= self.chars.len()
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    fn take(&mut self, good: impl Fn(char) -> bool) -> String {
        let start = self.at;
        while self.peek().is_some_and(&good) {
            self.at += 1;
        }
        self.chars[start..self.at].iter().collect()
    }

    /// A name begins with a letter; `-` is part of it.
    fn word(&mut self) -> String {
        if self.peek().is_some_and(|c| c.is_alphabetic() || c == '_') {
            self.segment()
        } else {
            String::new()
        }
    }

    fn segment(&mut self) -> String {
        self.take(|c| c.is_alphanumeric() || c == '_' || c == '-')
    }

    fn bracket(&mut self) -> Result<(String, Option<usize>), Defect> {
        let (name, index) = match self.peek() {
            Some('"' | '\'') => (self.quoted()?, None),
            _ => {
                let digits = self.take(|c| c.is_ascii_digit());
                let Ok(index) = digits.parse() else {
                    return Err(self.unexpected("a number or a quoted name"));
                };
                (digits, Some(index))
            }
        };
        if self.peek() != Some(']') {
            return Err(self.unexpected("`]`"));
        }
        self.at += 1;
        Ok((name, index))
    }

    fn quoted(&mut self) -> Result<String, Defect> {
        let start = self.at;
        let quote = self.peek();
        self.at += 1;
        let text = self.take(|c| Some(c) != quote);
        if self.end() {
            self.at = start;
            return Err(Defect(
                305,
                "this quote is never closed".into(),
                start,
                1,
                "close it before the `}}`".into(),
            ));
        }
        self.at += 1;
        Ok(text)
    }

    /// A quoted text, a number, true, false or null.
    fn literal(&mut self) -> Result<Option<Value>, Defect> {
        let start = self.at;
        match self.peek() {
            Some('"' | '\'') => return self.quoted().map(|text| Some(Value::Text(text))),
            Some(c) if c.is_ascii_digit() || c == '-' => {
                let text = self.take(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+'));
                match plain(&text) {
                    Plain::Integer(i) => return Ok(Some(Value::Integer(i))),
                    Plain::Number(n) => return Ok(Some(Value::Number(n))),
                    _ => self.at = start,
                }
            }
            _ => {
                let word = self.word();
                let after = self.peek();
                let value = match word.as_str() {
                    "true" => Some(Value::Boolean(true)),
                    "false" => Some(Value::Boolean(false)),
                    "null" => Some(Value::None),
                    _ => None,
                };
                if value.is_some() && !matches!(after, Some('.' | '[')) {
                    return Ok(value);
                }
                self.at = start;
            }
        }
        Ok(None)
    }

    fn default(&mut self) -> Result<Option<Value>, Defect> {
        self.blanks();
        if self.peek() != Some('|') || self.chars.get(self.at + 1) == Some(&'|') {
            return Ok(None);
        }
        self.at += 1;
        self.blanks();
        let start = self.at;
        let filter = self.word();
        if filter != "default" {
            let width = filter.chars().count();
            return Err(Defect(
                305,
                format!("there is no filter `{filter}`"),
                start,
                width,
                "the one filter is `default(x)`".into(),
            ));
        }
        self.blanks();
        if self.peek() != Some('(') {
            return Err(self.unexpected("`(`"));
        }
        self.at += 1;
        self.blanks();
        let Some(value) = self.literal()? else {
            return Err(self.unexpected("a quoted text, a number, true, false or null"));
        };
        self.blanks();
        if self.peek() != Some(')') {
            return Err(self.unexpected("`)`"));
        }
        self.at += 1;
        Ok(Some(value))
    }

    fn finish(&mut self) -> Result<(), Defect> {
        self.blanks();
        if self.end() {
            return Ok(());
        }
        Err(self.operator().unwrap_or_else(|| self.unexpected("`}}`")))
    }

    /// Operators are of the language, but not of this version; a single `=` never is.
    fn operator(&mut self) -> Option<Defect> {
        let two: String = self.chars[self.at..].iter().take(2).collect();
        let start = self.at;
        if two.starts_with('=') && two != "==" {
            return Some(Defect(
                306,
                "`=` does not compare".into(),
                start,
                1,
                "did you mean `==`?".into(),
            ));
        }
        let word = self.word();
        self.at = start;
        let width = match (two.as_str(), word.as_str()) {
            ("==" | "!=" | "<=" | ">=" | "&&" | "||", _) => 2,
            (_, "and" | "or" | "not") => word.len(),
            (two, _) if two.starts_with(['<', '>', '!', '(', '+', '*', '/', '%']) => 1,
            _ => return None,
        };
        let message = "operators in templates are not supported by this version yet".into();
        Some(Defect(
            110,
            message,
            start,
            width,
            "use a path, with `| default(x)` if it may be missing".into(),
        ))
    }

    fn unexpected(&self, wanted: &str) -> Defect {
        let message = match self.peek() {
            Some(c) => format!("`{}` stands where {wanted} should be", c.escape_debug()),
            None => format!("the expression ends where {wanted} should be"),
        };
        let help = "write `{{name.field}}` or `{{name.field | default(0)}}`".into();
        Defect(
            305,
            message,
            self.at.min(self.chars.len().saturating_sub(1)),
            1,
            help,
        )
    }
}
