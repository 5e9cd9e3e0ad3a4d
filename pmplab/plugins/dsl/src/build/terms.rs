//! Expressions resolved, typed and folded: what the plan holds of them.

use super::expr::{Piece, has_template};
use super::grammar::{Kind, Tree};
use super::scope::{At, Scope};
use super::types::Type;
use crate::compute;
use crate::diag::{Diagnostic, Span};
use crate::plan::{Expr, Filter, Operator, Source, Term, Value};
use crate::read::Ctx;
use crate::template::{self, Fault};
use crate::yaml::{Node, Plain, plain};

/// A term and what is known of its value.
#[derive(Debug)]
struct Typed {
    term: Term,
    kind: Type,
    span: Span,
}

/// Where a tree stands.
struct Place<'p> {
    at: At,
    path: &'p str,
}

/// Nothing is known yet: what can be computed all the same is a constant.
struct Nothing;

impl template::Scope for Nothing {
    fn text(&self, _: &Source, _: &mut String) -> bool {
        false
    }

    fn value(&self, _: &Source) -> Option<Value> {
        None
    }
}

impl Ctx<'_> {
    /// A condition: `"{{ expression }}"`, or true or false itself.
    pub fn condition(
        &mut self,
        node: &Node,
        path: &str,
        scope: &mut Scope<'_, '_>,
        at: At,
    ) -> Option<Expr> {
        if let Some(scalar) = node.scalar().filter(|s| s.plain)
            && let Plain::Boolean(b) = plain(&scalar.text)
        {
            return Some(Expr {
                term: Term::Const(Value::Boolean(b)),
                written: scalar.text.clone(),
            });
        }
        let Some(text) = node.text().filter(|text| has_template(text)) else {
            self.no_condition(node, path);
            return None;
        };
        let text = text.trim().to_owned();
        let pieces = self.pieces(node, path)?;
        let blank = |piece: &Piece| matches!(piece, Piece::Text(text) if text.trim().is_empty());
        let mut all = pieces.into_iter().filter(|piece| !blank(piece));
        let (Some(Piece::Expr { tree, written }), None) = (all.next(), all.next()) else {
            let message = format!("`{path}` is text around an expression, which is no condition");
            let found = Diagnostic::error(313, node.span, message)
                .label("text")
                .at(path);
            self.report(found.help(format!(
                "put all of it into one pair of braces, not `{text}`"
            )));
            return None;
        };
        let place = Place { at, path };
        let found = self.typed(&tree, scope, &place)?;
        self.must_be_condition(&found, &written, &place)?;
        if let Term::Const(Value::Boolean(value)) = &found.term {
            let message = format!("`{written}` is always {value}");
            let found = Diagnostic::warning(313, tree.span, message)
                .label("constant")
                .at(path);
            self.report(found.help("compare something that changes, or write the value itself"));
        }
        Some(Expr {
            term: found.term,
            written,
        })
    }

    fn no_condition(&mut self, node: &Node, path: &str) {
        let Some(text) = node.text() else {
            self.wrong_type(
                node,
                "a condition",
                path,
                Some("\"{{meta.status == 200}}\""),
            );
            return;
        };
        let message = format!("`{path}` is {}, which is no condition", node.what());
        let found = Diagnostic::error(313, node.span, message)
            .label("expected an expression")
            .at(path);
        self.report(found.help(format!("write it in braces: `\"{{{{{text}}}}}\"`")));
    }

    /// An expression, and the type of its value.
    pub fn expression(
        &mut self,
        tree: &Tree,
        written: String,
        scope: &mut Scope<'_, '_>,
        at: At,
        path: &str,
    ) -> Option<(Expr, Type)> {
        let found = self.typed(tree, scope, &Place { at, path })?;
        let term = found.term;
        Some((Expr { term, written }, found.kind))
    }

    fn typed(
        &mut self,
        tree: &Tree,
        scope: &mut Scope<'_, '_>,
        place: &Place<'_>,
    ) -> Option<Typed> {
        let (term, kind) = match &tree.kind {
            Kind::Literal(value) => (Term::Const(value.clone()), Type::of(value)),
            Kind::Path(path) => {
                let term = self.source(scope, path, place.at, place.path)?;
                let kind = scope.type_of(&term);
                (term, kind)
            }
            Kind::Not(inner) => {
                let inner = self.typed(inner, scope, place)?;
                self.must_be_boolean(&inner, place)?;
                (Term::Not(Box::new(inner.term)), Type::Boolean)
            }
            Kind::Negate(inner) => {
                let inner = self.typed(inner, scope, place)?;
                self.must_be_number(&inner, place)?;
                let kind = if inner.kind.is_number() {
                    inner.kind
                } else {
                    Type::Number
                };
                (Term::Negate(Box::new(inner.term)), kind)
            }
            Kind::Default(inner, default) => {
                let inner = self.typed(inner, scope, place);
                let default = self.typed(default, scope, place);
                let (inner, default) = (inner?, default?);
                let kind = match &inner.term {
                    Term::Const(Value::None) => default.kind,
                    Term::Const(_) => inner.kind,
                    _ => inner.kind.or(default.kind),
                };
                let (a, b) = (Box::new(inner.term), Box::new(default.term));
                (Term::Default(a, b), kind)
            }
            Kind::Filter(filter, inner) => {
                let inner = self.typed(inner, scope, place)?;
                let kind = self.filtered(*filter, &inner, place)?;
                (Term::Filter(*filter, Box::new(inner.term)), kind)
            }
            Kind::Binary(operator, a, b) => {
                let a = self.typed(a, scope, place);
                let b = self.typed(b, scope, place);
                let (a, b) = (a?, b?);
                let kind = self.combined(*operator, &a, &b, tree.span, place)?;
                (
                    Term::Binary(*operator, Box::new(a.term), Box::new(b.term)),
                    kind,
                )
            }
        };
        let span = tree.span;
        let term = self.folded(term, span, place)?;
        let kind = match &term {
            Term::Const(value) => Type::of(value),
            _ => kind,
        };
        Some(Typed { term, kind, span })
    }

    /// What is known now is computed now. The operands of `term` are folded already.
    fn folded(&mut self, term: Term, span: Span, place: &Place<'_>) -> Option<Term> {
        let known = |term: &Term| matches!(term, Term::Const(_));
        let whole = match &term {
            Term::Const(_) | Term::Get(_) => return Some(term),
            Term::Not(a) | Term::Negate(a) | Term::Filter(_, a) => known(a),
            Term::Default(a, b) | Term::Binary(_, a, b) => known(a) && known(b),
        };
        match term {
            Term::Default(a, b) => Some(match *a {
                Term::Const(Value::None) => *b,
                Term::Const(value) => Term::Const(value),
                a => Term::Default(Box::new(a), b),
            }),
            // The right side is not looked at.
            Term::Binary(operator @ (Operator::And | Operator::Or), a, b) if !whole => {
                Some(match *a {
                    Term::Const(Value::Boolean(left)) if left == (operator == Operator::Or) => {
                        Term::Const(Value::Boolean(left))
                    }
                    a => Term::Binary(operator, Box::new(a), b),
                })
            }
            term if !whole => Some(term),
            term => match template::value(&term, &Nothing) {
                Ok(value) => Some(Term::Const(value)),
                Err(fault) => {
                    let why = match fault {
                        Fault::Bad(why) => why,
                        Fault::Nothing => "it has no value".to_owned(),
                    };
                    let message = format!("this cannot be computed: {why}");
                    let found = Diagnostic::error(315, span, message).label("never works");
                    self.report(found.at(place.path).help("correct the values"));
                    None
                }
            },
        }
    }

    fn must_be_condition(&mut self, found: &Typed, written: &str, place: &Place<'_>) -> Option<()> {
        if may_be_boolean(found) {
            return Some(());
        }
        let example = match found.kind {
            Type::Integer | Type::Number => format!("{written} == 200"),
            Type::Null => "meta.status == 200".to_owned(),
            Type::Json => format!("{written} | length > 0"),
            _ => format!("{written} == \"...\""),
        };
        let message = format!("`{written}` is {}, not true or false", found.kind.name());
        let found = Diagnostic::error(313, found.span, message)
            .label("not a condition")
            .at(place.path);
        self.report(found.help(format!("compare it with something: `{{{{{example}}}}}`")));
        None
    }

    fn must_be_boolean(&mut self, found: &Typed, place: &Place<'_>) -> Option<()> {
        if may_be_boolean(found) {
            return Some(());
        }
        let message = format!("{} is not true or false", found.kind.name());
        let found = Diagnostic::error(313, found.span, message).label("not a condition");
        self.report(
            found
                .at(place.path)
                .help("compare it with something: `meta.status == 200`"),
        );
        None
    }

    fn must_be_number(&mut self, found: &Typed, place: &Place<'_>) -> Option<()> {
        if may_be_number(found) {
            return Some(());
        }
        let message = format!("{} cannot be calculated with", found.kind.name());
        let found = Diagnostic::error(315, found.span, message)
            .label("not a number")
            .at(place.path);
        self.report(found.help("texts stand beside each other without an operator: `{{a}}{{b}}`"));
        None
    }

    fn filtered(&mut self, filter: Filter, inner: &Typed, place: &Place<'_>) -> Option<Type> {
        let (fits, kind, needs) = match filter {
            Filter::Length => (
                matches!(inner.kind, Type::Any | Type::Text | Type::Json),
                Type::Integer,
                "a text, list or map has a length",
            ),
            Filter::Lower | Filter::Upper | Filter::Trim => {
                (inner.kind != Type::Json, Type::Text, "it changes text")
            }
            Filter::Int => (may_be_number(inner), Type::Integer, "it reads numbers"),
            Filter::Number => (may_be_number(inner), Type::Number, "it reads numbers"),
            Filter::Text | Filter::Json => (true, Type::Text, ""),
        };
        if fits {
            return Some(kind);
        }
        let message = format!("this filter does nothing to {}", inner.kind.name());
        let found = Diagnostic::error(315, inner.span, message)
            .label("the wrong type")
            .at(place.path);
        self.report(found.help(needs));
        None
    }

    /// The type of the result; none when the two never go together.
    fn combined(
        &mut self,
        operator: Operator,
        a: &Typed,
        b: &Typed,
        span: Span,
        place: &Place<'_>,
    ) -> Option<Type> {
        match operator {
            Operator::And | Operator::Or => {
                let (a, b) = (
                    self.must_be_boolean(a, place),
                    self.must_be_boolean(b, place),
                );
                a.and(b).map(|()| Type::Boolean)
            }
            Operator::Equal | Operator::NotEqual => {
                if may_be_equal(a, b) {
                    return Some(Type::Boolean);
                }
                let message = format!("{} never equals {}", described(a), described(b));
                let found = Diagnostic::error(315, span, message).label("the same every time");
                self.report(found.at(place.path).help("compare values of one type"));
                None
            }
            Operator::Less
            | Operator::LessOrEqual
            | Operator::Greater
            | Operator::GreaterOrEqual => {
                let ordered =
                    |t: &Typed| !matches!(t.kind, Type::Boolean | Type::Null | Type::Json);
                if ordered(a) && ordered(b) && may_be_equal(a, b) {
                    return Some(Type::Boolean);
                }
                let message = format!(
                    "{} is neither more nor less than {}",
                    described(a),
                    described(b)
                );
                let found = Diagnostic::error(315, span, message).label("no order");
                self.report(
                    found
                        .at(place.path)
                        .help("numbers have an order, and texts have one"),
                );
                None
            }
            Operator::In => {
                if matches!(b.kind, Type::Any | Type::Text | Type::Json) {
                    return Some(Type::Boolean);
                }
                let message = format!("nothing can be in {}", described(b));
                let found = Diagnostic::error(315, b.span, message).label("nothing is inside");
                self.report(
                    found
                        .at(place.path)
                        .help("look in a list, a map or a text: `meta.status in [200, 201]`"),
                );
                None
            }
            _ => {
                let (first, second) =
                    (self.must_be_number(a, place), self.must_be_number(b, place));
                first.and(second)?;
                let whole = operator != Operator::Divide
                    && a.kind == Type::Integer
                    && b.kind == Type::Integer;
                Some(if whole { Type::Integer } else { Type::Number })
            }
        }
    }
}

fn described(found: &Typed) -> String {
    match &found.term {
        Term::Const(Value::Text(text)) if text.chars().count() <= 40 => {
            format!("the text `{text}`")
        }
        _ => found.kind.name().to_owned(),
    }
}

/// A constant text is what it reads as; of any other it is not known.
fn reads_as(found: &Typed, fits: impl Fn(&Value) -> bool) -> bool {
    match &found.term {
        Term::Const(value) => fits(value),
        _ => true,
    }
}

fn may_be_boolean(found: &Typed) -> bool {
    matches!(found.kind, Type::Any | Type::Boolean)
}

fn may_be_number(found: &Typed) -> bool {
    match found.kind {
        Type::Any | Type::Integer | Type::Number => true,
        Type::Text => reads_as(found, |value| compute::negate(value).is_ok()),
        _ => false,
    }
}

fn may_be_equal(a: &Typed, b: &Typed) -> bool {
    match (a.kind, b.kind) {
        (Type::Any | Type::Null, _) | (_, Type::Any | Type::Null) => true,
        (Type::Text, kind) | (kind, Type::Text) if kind.is_number() => {
            may_be_number(a) && may_be_number(b)
        }
        (Type::Text, Type::Boolean) => reads_as(a, |value| compute::truth(value).is_ok()),
        (Type::Boolean, Type::Text) => reads_as(b, |value| compute::truth(value).is_ok()),
        (a, b) => a == b || (a.is_number() && b.is_number()),
    }
}
