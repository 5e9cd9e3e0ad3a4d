//! The parameters of a call: checked against what the call takes, templates cut out as holes.

use super::expr::{Piece, has_template};
use super::flow::At;
use super::json::scalar;
use super::scope::Scope;
use super::section::{Param, Section};
use super::types::Type;
use crate::diag::{Diagnostic, Span, nearest};
use crate::plan::{Expr, Hole, Part, Template, Term};
use crate::read::Ctx;
use crate::yaml::{Kind, Node, Plain, Scalar, plain};
use pmplab_url::Url;
use serde_json::{Map, Value as Json};

/// A call of a component, and where the script names it.
pub struct Callee<'s> {
    pub component: &'s str,
    pub call: &'s str,
    pub section: &'s Section,
    /// The action's name or head, when a parameter is missing.
    pub span: Span,
}

/// How scalars inside a parameter are typed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Typing {
    /// By the core schema.
    Core,
    /// They stay text, whatever they look like; null stays null.
    Text,
}

impl Typing {
    /// A scalar without templates.
    fn json(self, s: &Scalar) -> Json {
        match self {
            Self::Core => scalar(s),
            Self::Text if s.plain && plain(&s.text) == Plain::Null => Json::Null,
            Self::Text => s.text.clone().into(),
        }
    }
}

impl Ctx<'_> {
    /// Names and types of the parameters.
    pub fn check_with(&mut self, with: Option<&Node>, callee: &Callee<'_>, path: &str) {
        let entries = match with.map(|w| (w, w.map())) {
            Some((node, None)) => return self.wrong_type(node, "a map of parameters", path, None),
            Some((_, Some(entries))) => entries,
            None => &[],
        };
        let what = || format!("{}.{}", callee.component, callee.call);
        for entry in entries.iter().filter(|e| e.key.contains("{{")) {
            let found =
                Diagnostic::error(305, entry.key_span, "a key cannot be a template").label("a key");
            self.report(found.at(path).help("put the template into the value"));
        }
        let Some(params) = callee.section.params(callee.call) else {
            return;
        };
        for entry in entries {
            let Some(param) = params.iter().find(|p| p.name == entry.key) else {
                let names: Vec<&str> = params.iter().map(|p| p.name.as_str()).collect();
                let settings = ["save-as", "timeout", "on-error", "on-timeout", "max-body"];
                let moved = settings.contains(&entry.key.replace('_', "-").as_str());
                let found = Diagnostic::error(
                    if moved { 107 } else { 705 },
                    entry.key_span,
                    format!("`{}` has no parameter `{}`", what(), entry.key),
                );
                let found = found.label("unknown parameter").at(path);
                let found = if moved {
                    found.help(format!("`{}` belongs beside `with`, not in it", entry.key))
                } else {
                    found.suggest(nearest(&entry.key, names.iter().copied()))
                };
                self.report(found.note(format!("parameters: {}", names.join(", "))));
                continue;
            };
            self.check_param(param, &entry.value, &what, path);
        }
        let given = |p: &&Param| {
            entries
                .iter()
                .any(|e| e.key == p.name || nearest(&e.key, [p.name.as_str()]).is_some())
        };
        for param in params.iter().filter(|p| p.required && !given(p)) {
            let found = Diagnostic::error(
                705,
                callee.span,
                format!("`{}` needs the parameter `{}`", what(), param.name),
            );
            self.report(
                found
                    .label(format!("no `{}` in its `with`", param.name))
                    .at(path)
                    .help(param.description.clone()),
            );
        }
    }

    fn check_param(&mut self, param: &Param, node: &Node, what: &dyn Fn() -> String, path: &str) {
        if node.text().is_some_and(has_template) || param.kind == "any" || node.is_null() {
            return;
        }
        let typed = node.scalar().map(|s| (s.plain, plain(&s.text)));
        let good = match param.kind.as_str() {
            "text" => typed.is_some(),
            "integer" => matches!(typed, Some((true, Plain::Integer(_)))),
            "number" => matches!(typed, Some((true, Plain::Integer(_) | Plain::Number(_)))),
            "boolean" => matches!(typed, Some((true, Plain::Boolean(_)))),
            "map" => node.map().is_some(),
            "list" => node.list().is_some(),
            _ => true,
        };
        if let (true, Some("http-url"), Some(text)) = (good, param.format.as_deref(), node.text())
            && let Err(why) = Url::parse(text)
        {
            let message = format!("no request of `{}` can go to this `{}`", what(), param.name);
            let found = Diagnostic::error(415, node.span, message).label(why.to_string());
            let found = found.at(format!("{path}.{}", param.name));
            self.report(found.help(param.description.to_owned()));
        }
        if !good {
            let article = if param.kind == "integer" { "an" } else { "a" };
            let message = format!(
                "parameter `{}` of `{}` must be {article} {}, not {}",
                param.name,
                what(),
                param.kind,
                node.what()
            );
            let found = Diagnostic::error(705, node.span, message)
                .label(format!("expected {article} {}", param.kind));
            let found = found.at(format!("{path}.{}", param.name));
            self.report(if param.description.is_empty() {
                found
            } else {
                found.help(param.description.clone())
            });
        }
    }

    /// The parameters as JSON with null for each hole, and the holes.
    pub fn compile_with(
        &mut self,
        with: Option<&Node>,
        callee: &Callee<'_>,
        scope: &mut Scope<'_, '_>,
        at: At,
        path: &str,
    ) -> (Json, Vec<Hole>) {
        let mut holes = Vec::new();
        let mut json = Map::new();
        let params = callee.section.params(callee.call).unwrap_or_default();
        for entry in with.and_then(Node::map).unwrap_or_default() {
            let kind = params
                .iter()
                .find(|p| p.name == entry.key)
                .map_or("any", |p| p.kind.as_str());
            let typing = if matches!(kind, "text" | "map") {
                Typing::Text
            } else {
                Typing::Core
            };
            if let Kind::Scalar(s) = &entry.value.kind
                && !has_template(&s.text)
            {
                json.insert(entry.key.clone(), typing.json(s));
                continue;
            }
            let mut walk = Walk {
                scope: &mut *scope,
                at,
                holes: &mut holes,
            };
            let pointer = format!("/{}", escape(&entry.key));
            let value = self.compile(
                &entry.value,
                typing,
                pointer,
                &format!("{path}.{}", entry.key),
                &mut walk,
            );
            json.insert(entry.key.clone(), value);
        }
        (Json::Object(json), holes)
    }

    fn compile(
        &mut self,
        node: &Node,
        typing: Typing,
        pointer: String,
        path: &str,
        walk: &mut Walk<'_, '_, '_>,
    ) -> Json {
        match &node.kind {
            Kind::List(items) => {
                let each = |(i, n): (usize, &Node)| {
                    self.compile(
                        n,
                        typing,
                        format!("{pointer}/{i}"),
                        &format!("{path}[{i}]"),
                        walk,
                    )
                };
                Json::Array(items.iter().enumerate().map(each).collect())
            }
            Kind::Map(entries) => {
                let mut map = Map::new();
                for e in entries {
                    let pointer = format!("{pointer}/{}", escape(&e.key));
                    map.insert(
                        e.key.clone(),
                        self.compile(
                            &e.value,
                            typing,
                            pointer,
                            &format!("{path}.{}", e.key),
                            walk,
                        ),
                    );
                }
                Json::Object(map)
            }
            Kind::Scalar(s) if has_template(&s.text) => {
                match self.template(node, path, walk.scope, walk.at) {
                    Some(Template::Mixed(parts))
                        if parts.iter().all(|p| matches!(p, Part::Text(_))) =>
                    {
                        parts
                            .into_iter()
                            .map(|p| {
                                if let Part::Text(t) = p {
                                    t
                                } else {
                                    String::new()
                                }
                            })
                            .collect::<String>()
                            .into()
                    }
                    template => {
                        walk.holes
                            .extend(template.map(|template| Hole { pointer, template }));
                        Json::Null
                    }
                }
            }
            Kind::Scalar(s) => typing.json(s),
        }
    }

    /// A scalar with its names resolved; constants are folded in.
    pub fn template(
        &mut self,
        node: &Node,
        path: &str,
        scope: &mut Scope<'_, '_>,
        at: At,
    ) -> Option<Template> {
        self.typed_template(node, path, scope, at)
            .map(|(template, _)| template)
    }

    /// The same, and the type of its value.
    pub fn typed_template(
        &mut self,
        node: &Node,
        path: &str,
        scope: &mut Scope<'_, '_>,
        at: At,
    ) -> Option<(Template, Type)> {
        let pieces = self.pieces(node, path)?;
        let mut parts = Vec::with_capacity(pieces.len());
        let mut good = true;
        let mut last = Type::Text;
        for piece in pieces {
            match piece {
                Piece::Text(text) => parts.push(Part::Text(text)),
                Piece::Expr { tree, written } => {
                    match self.expression(&tree, written, scope, at, path) {
                        Some((expr, kind)) => {
                            last = kind;
                            parts.push(Part::Expr(expr));
                        }
                        None => good = false,
                    }
                }
            }
        }
        if !good {
            return None;
        }
        if let [Part::Expr(_)] = parts[..]
            && let Some(Part::Expr(expr)) = parts.pop()
        {
            return Some((Template::Whole(expr), last));
        }
        Some((Template::Mixed(fold(parts)), Type::Text))
    }

    /// Templates of an action that no workflow uses: only their form is checked.
    pub fn form_of(&mut self, node: &Node, path: &str) {
        match &node.kind {
            Kind::List(items) => items
                .iter()
                .enumerate()
                .for_each(|(i, n)| self.form_of(n, &format!("{path}[{i}]"))),
            Kind::Map(entries) => entries
                .iter()
                .for_each(|e| self.form_of(&e.value, &format!("{path}.{}", e.key))),
            Kind::Scalar(Scalar { text, .. }) => {
                if has_template(text) {
                    self.pieces(node, path);
                }
            }
        }
    }
}

struct Walk<'w, 'a, 'n> {
    scope: &'w mut Scope<'a, 'n>,
    at: At,
    holes: &'w mut Vec<Hole>,
}

/// Constants become text, and neighbouring texts one.
fn fold(parts: Vec<Part>) -> Vec<Part> {
    let mut out: Vec<Part> = Vec::with_capacity(parts.len());
    for part in parts {
        let text = match part {
            Part::Text(text) => text,
            Part::Expr(Expr {
                term: Term::Const(value),
                ..
            }) => {
                let mut text = String::new();
                value.write_text(&mut text);
                text
            }
            expr => {
                out.push(expr);
                continue;
            }
        };
        match out.last_mut() {
            Some(Part::Text(before)) => before.push_str(&text),
            _ => out.push(Part::Text(text)),
        }
    }
    out
}

/// A key inside a JSON pointer (RFC 6901).
fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}
