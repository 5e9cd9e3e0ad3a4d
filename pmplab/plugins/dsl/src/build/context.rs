//! `user.context`: readable as `global.*`, and where it names fields of the Workbook, what they begin with.

use super::expr::has_template;
use super::flow::OUTSIDE;
use super::grammar::Step;
use super::scope::{Scope, Var};
use super::types::Type;
use super::workbook::VALUE;
use crate::plan::{Expr, Part, Source, Template, VarScope};
use crate::read::Ctx;
use crate::read::load::ScenarioDecl;
use crate::yaml::{Kind, Node};
use serde_json::{Map, Value as Json};

/// Values by their paths that are known only when a task begins.
type Later = Vec<(String, Template)>;

impl<'n> Ctx<'_> {
    pub fn context(&mut self, decl: &ScenarioDecl<'n>, scope: &mut Scope<'_, 'n>) {
        let Some(node) = decl.context else { return };
        let path = format!("{}.user.context", decl.path);
        let mut later = Later::new();
        let Some(Json::Object(own)) = self.context_of(node, &path, "", scope, &mut later) else {
            scope.incomplete = true;
            return;
        };
        for (name, var) in scope.begin_with(&own) {
            let kept = scope.kept.get(&var);
            if let Some((Some(kind), Some(value))) = kept.map(|k| (k.kind, k.default.as_ref()))
                && !kind.0.accepts(value)
            {
                let span = inside(node, &name).span;
                self.misfit(kind, Type::named_of(value), span, &format!("{path}.{name}"));
            }
        }
        for (name, template) in later {
            let var = scope.field_named(&name).unwrap_or_else(|| {
                scope.declare(Var {
                    fields: vec![VALUE.to_owned()],
                    plain: true,
                    has_default: true,
                    scope: VarScope::TaskLocal,
                    ..Var::named(&format!("global.{name}"))
                });
                scope.vars.len() - 1
            });
            scope.begins.insert(var, template);
        }
        if let Json::Object(globals) = &mut scope.globals {
            globals.extend(own.clone());
        }
        scope.context = Json::Object(own);
    }

    /// What is known of a context now; the rest goes into `later`.
    fn context_of(
        &mut self,
        node: &Node,
        place: &str,
        before: &str,
        scope: &mut Scope<'_, '_>,
        later: &mut Later,
    ) -> Option<Json> {
        match &node.kind {
            Kind::Map(entries) => {
                let mut all = Map::new();
                for entry in entries {
                    let inside = format!("{place}.{}", entry.key);
                    let path = match before {
                        "" => entry.key.clone(),
                        before => format!("{before}.{}", entry.key),
                    };
                    let known = later.len();
                    let value = self.context_of(&entry.value, &inside, &path, scope, later)?;
                    if later.len() == known || !value.is_null() {
                        all.insert(entry.key.clone(), value);
                    }
                }
                Some(Json::Object(all))
            }
            Kind::Scalar(s) if has_template(&s.text) => {
                let template = self.template(node, place, scope, OUTSIDE)?;
                if is_saved(&template, scope) {
                    later.push((before.to_owned(), template));
                    return Some(Json::Null);
                }
                self.known_now(template, node.span, place)
            }
            _ => self.known_json(node, place, scope),
        }
    }
}

impl Scope<'_, '_> {
    /// The value of the context that the steps of a path lead to, with how many of them lead there.
    pub fn begun(&self, root: Option<&str>, rest: &[Step]) -> Option<(usize, usize)> {
        if self.begins.is_empty() {
            return None;
        }
        let steps = root
            .into_iter()
            .chain(rest.iter().map(|step| step.name.as_str()));
        let mut name = "global".to_owned();
        steps.enumerate().find_map(|(at, step)| {
            name = format!("{name}.{step}");
            Some((self.var(&name)?, at + 1))
        })
    }
}

/// It reads something that was saved for all, and nothing else that is not known yet.
fn is_saved(template: &Template, scope: &Scope<'_, '_>) -> bool {
    let (mut any, mut all) = (false, true);
    let mut see = |expr: &Expr| {
        expr.term.each_source(&mut |source| {
            any = true;
            let saved = |var: usize| scope.vars[var].scope == VarScope::Global;
            all &= matches!(source, Source::Var { var, .. } if saved(*var));
        });
    };
    match template {
        Template::Whole(expr) => see(expr),
        Template::Mixed(parts) => {
            for part in parts {
                if let Part::Expr(expr) = part {
                    see(expr);
                }
            }
        }
    }
    any && all
}

/// What stands at a path of a map; the map itself where nothing does.
fn inside<'n>(node: &'n Node, path: &str) -> &'n Node {
    let entries = node.map().unwrap_or_default();
    let whole = entries.iter().find(|e| e.key == path);
    if let Some(entry) = whole {
        return &entry.value;
    }
    let Some((first, rest)) = path.split_once('.') else {
        return node;
    };
    entries
        .iter()
        .find(|e| e.key == first)
        .map_or(node, |e| inside(&e.value, rest))
}
