//! Fills templates and judges conditions while a plan runs.

use crate::compute;
use crate::plan::{Expr, Operator, Part, Source, Template, Term, Value};
use std::fmt::{self, Write};

/// Where the values of a running task come from.
pub trait Scope {
    /// Writes the value as text; false when there is none.
    fn text(&self, source: &Source, out: &mut String) -> bool;

    fn value(&self, source: &Source) -> Option<Value>;
}

/// An expression that cannot be evaluated now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undefined {
    /// The expression as the script has it.
    pub expression: String,
    /// What its values do not allow; none: it names something that has no value, and gives no default.
    pub why: Option<String>,
}

impl Undefined {
    /// Its entry in the closed table of error types.
    #[must_use]
    pub const fn error_type(&self) -> &'static str {
        match self.why {
            None => "expression.undefined",
            Some(_) => "expression.bad-value",
        }
    }
}

impl fmt::Display for Undefined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.why {
            None => write!(f, "`{}` has no value here", self.expression),
            Some(why) => write!(f, "`{}` cannot be computed: {why}", self.expression),
        }
    }
}

impl std::error::Error for Undefined {}

/// Appends the template's text to `out`, which on an error holds what came before it.
///
/// # Errors
/// When an expression cannot be evaluated.
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
/// When an expression cannot be evaluated.
pub fn render(template: &Template, scope: &dyn Scope) -> Result<Value, Undefined> {
    let Template::Whole(expr) = template else {
        let mut text = String::new();
        render_text(template, scope, &mut text)?;
        return Ok(Value::Text(text));
    };
    value(&expr.term, scope).map_err(|fault| undefined(expr, fault))
}

/// Whether a condition holds.
///
/// # Errors
/// When it cannot be evaluated, or is neither true nor false.
pub fn holds(expr: &Expr, scope: &dyn Scope) -> Result<bool, Undefined> {
    truth(&expr.term, scope).map_err(|fault| undefined(expr, fault))
}

/// Why a term has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// What it reads has none.
    Nothing,
    Bad(String),
}

/// The value of a term.
pub(crate) fn value(term: &Term, scope: &dyn Scope) -> Result<Value, Fault> {
    match term {
        Term::Const(value) => Ok(value.clone()),
        Term::Get(source) => scope.value(source).ok_or(Fault::Nothing),
        Term::Default(term, default) => match value(term, scope) {
            Ok(Value::None) | Err(Fault::Nothing) => value(default, scope),
            other => other,
        },
        Term::Not(term) => Ok(Value::Boolean(!truth(term, scope)?)),
        Term::Negate(term) => compute::negate(&value(term, scope)?).map_err(Fault::Bad),
        Term::Filter(filter, term) => {
            compute::filter(*filter, &value(term, scope)?).map_err(Fault::Bad)
        }
        Term::Binary(Operator::And, a, b) => {
            Ok(Value::Boolean(truth(a, scope)? && truth(b, scope)?))
        }
        Term::Binary(Operator::Or, a, b) => {
            Ok(Value::Boolean(truth(a, scope)? || truth(b, scope)?))
        }
        Term::Binary(operator, a, b) => {
            let (a, b) = if asks_for_null(*operator, a, b) {
                (or_null(a, scope)?, or_null(b, scope)?)
            } else {
                (value(a, scope)?, value(b, scope)?)
            };
            compute::binary(*operator, &a, &b).map_err(Fault::Bad)
        }
    }
}

fn truth(term: &Term, scope: &dyn Scope) -> Result<bool, Fault> {
    compute::truth(&value(term, scope)?).map_err(Fault::Bad)
}

/// `x == null` asks whether there is a value, so that there may be none.
fn asks_for_null(operator: Operator, a: &Term, b: &Term) -> bool {
    let null = |term: &Term| matches!(term, Term::Const(Value::None));
    matches!(operator, Operator::Equal | Operator::NotEqual) && (null(a) || null(b))
}

fn or_null(term: &Term, scope: &dyn Scope) -> Result<Value, Fault> {
    match value(term, scope) {
        Err(Fault::Nothing) => Ok(Value::None),
        other => other,
    }
}

fn expr_text(expr: &Expr, scope: &dyn Scope, out: &mut String) -> Result<(), Undefined> {
    let done = match &expr.term {
        Term::Get(source) => scope.text(source, out).then_some(()).ok_or(Fault::Nothing),
        term => value(term, scope).map(|value| value.write_text(out)),
    };
    done.map_err(|fault| undefined(expr, fault))
}

fn undefined(expr: &Expr, fault: Fault) -> Undefined {
    Undefined {
        expression: expr.written.clone(),
        why: match fault {
            Fault::Nothing => None,
            Fault::Bad(why) => Some(why),
        },
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
