//! Fills templates while a plan runs.

use crate::plan::{Expr, Part, Source, Template, Term, Value};
use std::fmt::{self, Write};

/// Where the values of a running task come from.
pub trait Scope {
    /// Writes the value as text; false when there is none.
    fn text(&self, source: &Source, out: &mut String) -> bool;

    fn value(&self, source: &Source) -> Option<Value>;
}

/// A template names something that has no value now, and gives no default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undefined {
    /// The expression as the script has it.
    pub expression: String,
}

impl fmt::Display for Undefined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` has no value here", self.expression)
    }
}

impl std::error::Error for Undefined {}

/// Appends the template's text to `out`, which on an error holds what came before it.
///
/// # Errors
/// When an expression without a default has no value.
pub fn render_text(
    template: &Template,
    scope: &dyn Scope,
    out: &mut String,
) -> Result<(), Undefined> {
    match template {
        Template::Whole(expr) => expr_text(expr, scope, out),
        Template::Mixed(parts) => parts.iter().try_for_each(|part| match part {
            Part::Text(text) => {
                out.push_str(text);
                Ok(())
            }
            Part::Expr(expr) => expr_text(expr, scope, out),
        }),
    }
}

/// The template's value: a lone expression keeps its type, anything else is text.
///
/// # Errors
/// When an expression without a default has no value.
pub fn render(template: &Template, scope: &dyn Scope) -> Result<Value, Undefined> {
    let Template::Whole(expr) = template else {
        let mut text = String::new();
        render_text(template, scope, &mut text)?;
        return Ok(Value::Text(text));
    };
    value(&expr.term, scope).ok_or_else(|| undefined(expr))
}

/// The value of a term; none: it has none now.
fn value(term: &Term, scope: &dyn Scope) -> Option<Value> {
    match term {
        Term::Const(value) => Some(value.clone()),
        Term::Get(source) => scope.value(source),
        Term::Default(term, default) => value(term, scope).or_else(|| value(default, scope)),
        Term::Not(_) | Term::Negate(_) | Term::Binary(..) | Term::Filter(..) => None,
    }
}

fn expr_text(expr: &Expr, scope: &dyn Scope, out: &mut String) -> Result<(), Undefined> {
    let done = match &expr.term {
        Term::Get(source) => scope.text(source, out),
        term => value(term, scope)
            .map(|value| value.write_text(out))
            .is_some(),
    };
    done.then_some(()).ok_or_else(|| undefined(expr))
}

fn undefined(expr: &Expr) -> Undefined {
    Undefined {
        expression: expr.written.clone(),
    }
}

impl Value {
    /// Appends the value as it reads inside a text. Bytes that are no UTF-8 are replaced.
    pub fn write_text(&self, out: &mut String) {
        match self {
            Self::None => {}
            Self::Boolean(b) => out.push_str(if *b { "true" } else { "false" }),
            Self::Integer(i) => {
                let _ = write!(out, "{i}");
            }
            Self::Number(n) => {
                let _ = write!(out, "{n}");
            }
            Self::Text(text) | Self::Json(text) => out.push_str(text),
            Self::Bytes(bytes) => out.push_str(&String::from_utf8_lossy(bytes)),
        }
    }
}
