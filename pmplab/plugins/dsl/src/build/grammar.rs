//! The grammar of what stands between `{{` and `}}`.
//!
//! ```text
//! or         = and { ("||" | "or") and }
//! and        = not { ("&&" | "and") not }
//! not        = "not" not | comparison
//! comparison = sum [ ("==" | "!=" | "<" | "<=" | ">" | ">=" | "in" | "not in") sum ]
//! sum        = product { ("+" | " - ") product }
//! product    = unary { ("*" | "/" | "%") unary }
//! unary      = ("!" | "-") unary | filtered
//! filtered   = primary { "|" filter }
//! primary    = "(" or ")" | literal | path | "[" [ literal { "," literal } ] "]"
//! path       = name { "." name | "[" number "]" | "[" quoted "]" }
//! ```
//! A filter binds tighter than any operator, and a `-` inside a name is part of it.

use crate::diag::{Span, nearest};
use crate::plan::{Filter, Operator, Value};
use crate::yaml::{Plain, plain};

/// So many operators, filters and operands in one expression: what a person can still read.
const MOST: usize = 128;
/// So many parentheses, defaults and signs inside each other.
const DEEPEST: usize = 32;

/// An expression as written.
#[derive(Debug, Clone, PartialEq)]
pub struct Tree {
    pub kind: Kind,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    Literal(Value),
    Path(Path),
    Not(Box<Tree>),
    Negate(Box<Tree>),
    Binary(Operator, Box<Tree>, Box<Tree>),
    Default(Box<Tree>, Box<Tree>),
    Filter(Filter, Box<Tree>),
}

/// `root.a["b"][0]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    pub root: String,
    pub root_span: Span,
    pub rest: Vec<Step>,
    /// It may lead nowhere: a default stands behind it, or it is compared with null.
    pub optional: bool,
    pub written: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub name: String,
    /// Written as `[0]` or `.0`.
    pub index: Option<usize>,
    pub span: Span,
}

/// Why an expression cannot be read; `at` is in characters from the start of its inside.
#[derive(Debug)]
pub struct Defect {
    pub number: u16,
    pub message: String,
    pub at: usize,
    pub width: usize,
    pub help: String,
    /// What could stand there instead.
    pub instead: Option<&'static str>,
}

type Read<T> = Result<T, Defect>;

const FILTERS: [(&str, Filter); 8] = [
    ("length", Filter::Length),
    ("lower", Filter::Lower),
    ("upper", Filter::Upper),
    ("trim", Filter::Trim),
    ("int", Filter::Int),
    ("number", Filter::Number),
    ("text", Filter::Text),
    ("json", Filter::Json),
];

/// Reads the inside of a `{{ }}`. `place` maps characters from the `{{` and a width to a place in the file.
///
/// # Errors
/// At the first character that cannot be part of an expression.
pub fn parse(inner: &str, place: &dyn Fn(usize, usize) -> Span) -> Read<Tree> {
    let chars: Vec<char> = inner.chars().collect();
    let mut parser = Parser {
        chars: &chars,
        at: 0,
        nodes: 0,
        depth: 0,
        place,
    };
    parser.blanks();
    if parser.end() {
        let help = "write `{{name.field}}`".to_owned();
        let message = "an empty `{{ }}` says nothing".to_owned();
        return Err(defect(305, message, 0, chars.len(), help));
    }
    let tree = parser.or()?;
    parser.blanks();
    if parser.end() {
        Ok(tree)
    } else {
        Err(parser.surprise("`}}`"))
    }
}

fn defect(number: u16, message: String, at: usize, width: usize, help: String) -> Defect {
    Defect {
        number,
        message,
        at,
        width,
        help,
        instead: None,
    }
}

/// What is compared with null may have no value.
fn may_be_null(one: &mut Tree, other: &Tree) {
    if let (Kind::Path(path), Kind::Literal(Value::None)) = (&mut one.kind, &other.kind) {
        path.optional = true;
    }
}

fn in_name(c: char) -> bool {
    matches!(c, '_' | '-') || c.is_alphanumeric()
}

struct Parser<'c> {
    chars: &'c [char],
    at: usize,
    nodes: usize,
    depth: usize,
    place: &'c dyn Fn(usize, usize) -> Span,
}

impl Parser<'_> {
    fn or(&mut self) -> Read<Tree> {
        self.deeper()?;
        let mut left = self.and()?;
        while self.sign("||") || self.keyword("or") {
            let right = self.and()?;
            left = self.binary(Operator::Or, left, right)?;
        }
        self.depth -= 1;
        Ok(left)
    }

    fn and(&mut self) -> Read<Tree> {
        let mut left = self.not()?;
        while self.sign("&&") || self.keyword("and") {
            let right = self.not()?;
            left = self.binary(Operator::And, left, right)?;
        }
        Ok(left)
    }

    fn not(&mut self) -> Read<Tree> {
        self.blanks();
        let start = self.at;
        if !self.keyword("not") {
            return self.comparison();
        }
        self.deeper()?;
        let inner = self.not()?;
        self.depth -= 1;
        self.node(start, Kind::Not(Box::new(inner)))
    }

    fn comparison(&mut self) -> Read<Tree> {
        self.blanks();
        let start = self.at;
        let mut left = self.sum()?;
        let Some((operator, negated)) = self.compares()? else {
            return Ok(left);
        };
        let mut right = self.sum()?;
        may_be_null(&mut left, &right);
        may_be_null(&mut right, &left);
        let mut tree = self.binary(operator, left, right)?;
        if negated {
            tree = self.node(start, Kind::Not(Box::new(tree)))?;
        }
        self.blanks();
        let again = self.at;
        if self.compares()?.is_some() {
            let width = self.at - again;
            let help = "write `a < b and b < c`".to_owned();
            return Err(defect(
                305,
                "comparisons do not chain".into(),
                again,
                width,
                help,
            ));
        }
        Ok(tree)
    }

    /// The operator of a comparison, and whether its result is turned round.
    fn compares(&mut self) -> Read<Option<(Operator, bool)>> {
        self.blanks();
        let start = self.at;
        let text: String = self.chars[start..].iter().take(3).collect();
        for (wrong, right) in [
            ("===", "=="),
            ("!==", "!="),
            ("=>", ">="),
            ("=<", "<="),
            ("<>", "!="),
        ] {
            if text.starts_with(wrong) {
                return Err(Defect {
                    instead: Some(right),
                    ..defect(
                        306,
                        format!("there is no operator `{wrong}`"),
                        start,
                        wrong.len(),
                        format!("did you mean `{right}`?"),
                    )
                });
            }
        }
        for (sign, operator) in [
            ("==", Operator::Equal),
            ("!=", Operator::NotEqual),
            ("<=", Operator::LessOrEqual),
            (">=", Operator::GreaterOrEqual),
            ("<", Operator::Less),
            (">", Operator::Greater),
        ] {
            if self.sign(sign) {
                return Ok(Some((operator, false)));
            }
        }
        if text.starts_with('=') {
            return Err(Defect {
                instead: Some("=="),
                ..defect(
                    306,
                    "`=` does not compare".into(),
                    start,
                    1,
                    "did you mean `==`?".into(),
                )
            });
        }
        if self.keyword("in") {
            return Ok(Some((Operator::In, false)));
        }
        if self.keyword("not") {
            if self.keyword("in") {
                return Ok(Some((Operator::In, true)));
            }
            self.at = start;
        }
        Ok(None)
    }

    fn sum(&mut self) -> Read<Tree> {
        let mut left = self.product()?;
        loop {
            self.blanks();
            let operator = match self.peek() {
                Some('+') => Operator::Add,
                Some('-') => {
                    let blank = |at: Option<usize>| {
                        at.and_then(|at| self.chars.get(at))
                            .is_some_and(|c| c.is_whitespace())
                    };
                    if !blank(self.at.checked_sub(1)) || !blank(Some(self.at + 1)) {
                        let message = "a `-` that subtracts needs blanks around it".to_owned();
                        let help = "write `a - b`; `a-b` is one name".to_owned();
                        return Err(defect(305, message, self.at, 1, help));
                    }
                    Operator::Subtract
                }
                _ => return Ok(left),
            };
            self.at += 1;
            let right = self.product()?;
            left = self.binary(operator, left, right)?;
        }
    }

    fn product(&mut self) -> Read<Tree> {
        let mut left = self.unary()?;
        loop {
            self.blanks();
            let operator = match self.peek() {
                Some('*') => Operator::Multiply,
                Some('/') => Operator::Divide,
                Some('%') => Operator::Remainder,
                _ => return Ok(left),
            };
            self.at += 1;
            let right = self.unary()?;
            left = self.binary(operator, left, right)?;
        }
    }

    fn unary(&mut self) -> Read<Tree> {
        self.blanks();
        let start = self.at;
        let digit = self
            .chars
            .get(start + 1)
            .is_some_and(|c| c.is_ascii_digit() || *c == '.');
        let kind: fn(Box<Tree>) -> Kind = match self.peek() {
            Some('!') => Kind::Not,
            Some('-') if !digit => Kind::Negate,
            _ => return self.filtered(),
        };
        self.at += 1;
        self.deeper()?;
        let inner = self.unary()?;
        self.depth -= 1;
        self.node(start, kind(Box::new(inner)))
    }

    fn filtered(&mut self) -> Read<Tree> {
        self.blanks();
        let start = self.at;
        let mut tree = self.primary()?;
        loop {
            self.blanks();
            if self.peek() != Some('|') || self.chars.get(self.at + 1) == Some(&'|') {
                return Ok(tree);
            }
            self.at += 1;
            self.blanks();
            let at = self.at;
            let word = self.word();
            let kind = if word == "default" {
                if let Kind::Path(path) = &mut tree.kind {
                    path.optional = true;
                }
                self.expect('(', "`(`")?;
                let other = self.or()?;
                self.expect(')', "`)`")?;
                Kind::Default(Box::new(tree), Box::new(other))
            } else if let Some((_, filter)) = FILTERS.iter().find(|(name, _)| *name == word) {
                Kind::Filter(*filter, Box::new(tree))
            } else {
                return Err(no_filter(&word, at));
            };
            tree = self.node(start, kind)?;
        }
    }

    fn primary(&mut self) -> Read<Tree> {
        let start = self.at;
        match self.peek() {
            Some('(') => {
                self.at += 1;
                let inner = self.or()?;
                self.expect(')', "`)`")?;
                Ok(inner)
            }
            Some('[') => self.list(),
            _ => match self.literal()? {
                Some(value) => self.node(start, Kind::Literal(value)),
                None => self.path(),
            },
        }
    }

    /// A list of literals is a constant.
    fn list(&mut self) -> Read<Tree> {
        let start = self.at;
        self.at += 1;
        let mut items = Vec::new();
        loop {
            self.blanks();
            if items.is_empty() && self.peek() == Some(']') {
                break;
            }
            self.count()?;
            let Some(item) = self.literal()? else {
                return Err(self.surprise("a quoted text, a number, true, false or null"));
            };
            items.push(item.to_json());
            self.blanks();
            match self.peek() {
                Some(',') => self.at += 1,
                Some(']') => break,
                _ => return Err(self.surprise("`,` or `]`")),
            }
        }
        self.at += 1;
        let text = serde_json::Value::Array(items).to_string();
        self.node(start, Kind::Literal(Value::Json(text)))
    }

    fn path(&mut self) -> Read<Tree> {
        let start = self.at;
        let root = self.word();
        if root.is_empty() {
            return Err(self.surprise("a name"));
        }
        let root_span = self.span(start, self.at);
        let mut rest = Vec::new();
        loop {
            match self.peek() {
                Some('.') => {
                    self.at += 1;
                    let at = self.at;
                    let name = self.take(in_name);
                    if name.is_empty() {
                        return Err(self.surprise("a name after the `.`"));
                    }
                    rest.push(Step {
                        index: name.parse().ok(),
                        name,
                        span: self.span(at, self.at),
                    });
                }
                Some('[') => {
                    self.at += 1;
                    let at = self.at;
                    let (name, index) = self.bracket()?;
                    rest.push(Step {
                        name,
                        index,
                        span: self.span(at, self.at - 1),
                    });
                }
                _ => break,
            }
        }
        let path = Path {
            root,
            root_span,
            rest,
            optional: false,
            written: self.chars[start..self.at].iter().collect(),
        };
        self.node(start, Kind::Path(path))
    }

    fn bracket(&mut self) -> Read<(String, Option<usize>)> {
        let (name, index) = match self.peek() {
            Some('"' | '\'') => (self.quoted()?, None),
            _ => {
                let digits = self.take(|c| c.is_ascii_digit());
                let Ok(index) = digits.parse() else {
                    return Err(self.surprise("a number or a quoted name"));
                };
                (digits, Some(index))
            }
        };
        if self.peek() != Some(']') {
            return Err(self.surprise("`]`"));
        }
        self.at += 1;
        Ok((name, index))
    }

    fn quoted(&mut self) -> Read<String> {
        let start = self.at;
        let quote = self.peek();
        self.at += 1;
        let text = self.take(|c| Some(c) != quote);
        if self.end() {
            let help = "close it before the `}}`".to_owned();
            return Err(defect(
                305,
                "this quote is never closed".into(),
                start,
                1,
                help,
            ));
        }
        self.at += 1;
        Ok(text)
    }

    /// A quoted text, a number, true, false or null.
    fn literal(&mut self) -> Read<Option<Value>> {
        match self.peek() {
            Some('"' | '\'') => self.quoted().map(|text| Some(Value::Text(text))),
            Some(c) if c.is_ascii_digit() || c == '-' => self.number().map(Some),
            _ => {
                let start = self.at;
                let value = match self.word().as_str() {
                    "true" => Value::Boolean(true),
                    "false" => Value::Boolean(false),
                    "null" => Value::None,
                    _ => {
                        self.at = start;
                        return Ok(None);
                    }
                };
                if matches!(self.peek(), Some('.' | '[')) {
                    self.at = start;
                    return Ok(None);
                }
                Ok(Some(value))
            }
        }
    }

    fn number(&mut self) -> Read<Value> {
        let start = self.at;
        if self.peek() == Some('-') {
            self.at += 1;
        }
        let mut before = '0';
        while let Some(c) = self.peek() {
            let exponent = matches!(c, '+' | '-') && matches!(before, 'e' | 'E');
            if !(c.is_alphanumeric() || c == '.' || exponent) {
                break;
            }
            before = c;
            self.at += 1;
        }
        let text: String = self.chars[start..self.at].iter().collect();
        match plain(&text) {
            Plain::Integer(i) => Ok(Value::Integer(i)),
            Plain::Number(n) => Ok(Value::Number(n)),
            _ => {
                let width = self.at - start;
                let help = "a name begins with a letter, and a text stands in quotes".to_owned();
                Err(defect(
                    305,
                    format!("`{text}` is not a number"),
                    start,
                    width,
                    help,
                ))
            }
        }
    }

    fn binary(&mut self, operator: Operator, left: Tree, right: Tree) -> Read<Tree> {
        self.count()?;
        Ok(Tree {
            span: left.span.to(right.span),
            kind: Kind::Binary(operator, Box::new(left), Box::new(right)),
        })
    }

    fn node(&mut self, start: usize, kind: Kind) -> Read<Tree> {
        self.count()?;
        Ok(Tree {
            kind,
            span: self.span(start, self.at),
        })
    }

    fn count(&mut self) -> Read<()> {
        self.nodes += 1;
        if self.nodes > MOST {
            return Err(self.too_large(format!("more than {MOST} operators and operands")));
        }
        Ok(())
    }

    fn deeper(&mut self) -> Read<()> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.too_large(format!("deeper than {DEEPEST} levels")));
        }
        Ok(())
    }

    fn too_large(&self, how: String) -> Defect {
        let help = "save a part of it with `update-workbook`, and go on from there".to_owned();
        let at = self.at.min(self.chars.len().saturating_sub(1));
        defect(316, format!("the expression is {how}"), at, 1, help)
    }

    fn span(&self, from: usize, to: usize) -> Span {
        (self.place)(from + 2, to.saturating_sub(from))
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    const fn end(&self) -> bool {
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

    /// A name begins with a letter.
    fn word(&mut self) -> String {
        if self.peek().is_some_and(|c| c.is_alphabetic() || c == '_') {
            self.take(in_name)
        } else {
            String::new()
        }
    }

    fn keyword(&mut self, word: &str) -> bool {
        self.blanks();
        let start = self.at;
        if self.word() == word {
            return true;
        }
        self.at = start;
        false
    }

    fn sign(&mut self, sign: &str) -> bool {
        self.blanks();
        let found = sign
            .chars()
            .enumerate()
            .all(|(i, c)| self.chars.get(self.at + i) == Some(&c));
        if found {
            self.at += sign.len();
        }
        found
    }

    fn expect(&mut self, c: char, wanted: &str) -> Read<()> {
        self.blanks();
        if self.peek() != Some(c) {
            return Err(self.surprise(wanted));
        }
        self.at += 1;
        Ok(())
    }

    fn surprise(&self, wanted: &str) -> Defect {
        let (message, help) = match self.peek() {
            Some('&') => (
                "there is no operator `&`".to_owned(),
                "did you mean `&&`?".to_owned(),
            ),
            Some('?') => (
                "there is no operator `?`".to_owned(),
                "branch with the step `if`, or write `| default(x)`".to_owned(),
            ),
            Some('(') => (
                "there are no functions here".to_owned(),
                "use a filter, such as `name | length`".to_owned(),
            ),
            Some(c) => (
                format!("`{}` stands where {wanted} should be", c.escape_debug()),
                EXAMPLE.to_owned(),
            ),
            None => (
                format!("the expression ends where {wanted} should be"),
                EXAMPLE.to_owned(),
            ),
        };
        let at = self.at.min(self.chars.len().saturating_sub(1));
        defect(305, message, at, 1, help)
    }
}

const EXAMPLE: &str =
    "write `{{name.field}}`, `{{name.field | default(0)}}` or `{{name.field == 200}}`";

fn no_filter(word: &str, at: usize) -> Defect {
    let names = || FILTERS.iter().map(|(name, _)| *name).chain(["default"]);
    let all = names().collect::<Vec<_>>().join(", ");
    let help = match nearest(word, names()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("filters: {all}"),
    };
    let message = match word {
        "" => "a filter should follow the `|`".to_owned(),
        word => format!("there is no filter `{word}`"),
    };
    defect(305, message, at, word.chars().count().max(1), help)
}
