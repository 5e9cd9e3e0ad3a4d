//! Values that are known before the run: contexts, and defaults of the Workbook's fields.

use super::expr::has_template;
use super::flow::OUTSIDE;
use super::json;
use super::scope::Scope;
use crate::diag::{Diagnostic, Span};
use crate::plan::{Part, Template, Term, Value};
use crate::read::Ctx;
use crate::yaml::{Kind, Node};
use serde_json::{Map, Value as Json};

impl Ctx<'_> {
    /// The value of a node whose templates read only what is known.
    pub fn known(&mut self, node: &Node, place: &str, scope: &mut Scope<'_, '_>) -> Option<Value> {
        self.known_json(node, place, scope)
            .map(|json| Value::from_json(&json))
    }

    pub fn known_json(
        &mut self,
        node: &Node,
        place: &str,
        scope: &mut Scope<'_, '_>,
    ) -> Option<Json> {
        match &node.kind {
            Kind::List(items) => {
                let mut all = Vec::with_capacity(items.len());
                for (i, item) in items.iter().enumerate() {
                    all.push(self.known_json(item, &format!("{place}[{i}]"), scope)?);
                }
                Some(Json::Array(all))
            }
            Kind::Map(entries) => {
                let mut all = Map::new();
                for entry in entries {
                    let inside = format!("{place}.{}", entry.key);
                    all.insert(
                        entry.key.clone(),
                        self.known_json(&entry.value, &inside, scope)?,
                    );
                }
                Some(Json::Object(all))
            }
            Kind::Scalar(s) if has_template(&s.text) => {
                let template = self.template(node, place, scope, OUTSIDE)?;
                self.known_now(template, node.span, place)
            }
            Kind::Scalar(s) => Some(json::scalar(s)),
        }
    }

    /// The value of a template that reads only what is known.
    pub fn known_now(&mut self, template: Template, span: Span, place: &str) -> Option<Json> {
        match template {
            Template::Whole(expr) => match expr.term {
                Term::Const(value) => Some(value.to_json()),
                _ => self.not_yet(span, &expr.written, place),
            },
            Template::Mixed(parts) => match &parts[..] {
                [Part::Text(text)] => Some(text.as_str().into()),
                parts => {
                    let first = parts.iter().find_map(|part| match part {
                        Part::Expr(expr) => Some(expr.written.clone()),
                        Part::Text(_) => None,
                    });
                    self.not_yet(span, &first.unwrap_or_default(), place)
                }
            },
        }
    }

    fn not_yet(&mut self, span: Span, written: &str, place: &str) -> Option<Json> {
        let message = format!("`{written}` is known only while a task runs, and `{place}` before");
        let found = Diagnostic::error(317, span, message).label("not known yet");
        self.report(
            found
                .at(place)
                .help("read `global.*` here, or `env.*` that is given with `--env`"),
        );
        None
    }
}
