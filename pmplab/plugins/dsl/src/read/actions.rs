//! `actions`: calls of components, named or inline.

use super::places::ACTION;
use super::settings::Settings;
use super::{Ctx, Name, Spanned};
use crate::yaml::Node;

#[derive(Debug, Clone)]
pub struct ActionDecl<'n> {
    pub name: Name,
    pub component: Option<Name>,
    pub call: Option<Name>,
    pub settings: Settings<'n>,
    pub path: String,
    /// From config.yaml: a library, of which not all must be used.
    pub library: bool,
}

impl Ctx<'_> {
    pub fn actions<'n>(&mut self, node: &'n Node, library: bool) -> Vec<ActionDecl<'n>> {
        if node.is_null() {
            return Vec::new();
        }
        let Some(entries) = node.map() else {
            self.wrong_type(
                node,
                "a map of actions by name",
                "actions",
                Some("actions: {probe: {component: http, call: get}}"),
            );
            return Vec::new();
        };
        let mut all = Vec::with_capacity(entries.len());
        for entry in entries.iter().filter(|e| !e.key.starts_with("x-")) {
            let name = Spanned::new(entry.key.clone(), entry.key_span);
            match self.action(name, &entry.value, library) {
                Some(action) => all.push(action),
                None => {
                    self.damaged.insert("actions");
                }
            }
        }
        all
    }

    fn action<'n>(&mut self, name: Name, node: &'n Node, library: bool) -> Option<ActionDecl<'n>> {
        let path = format!("actions.{}", name.value);
        let fields = self.fields(node, &ACTION, &path)?;
        let component = fields
            .get("component")
            .and_then(|n| self.name(n, &fields.path_of("component")));
        let call = fields
            .get("call")
            .and_then(|n| self.name(n, &fields.path_of("call")));
        if fields.lacks("component") {
            self.missing(
                name.span,
                "component",
                &path,
                "name one of `components`, such as `component: http`",
            );
        }
        // Which calls there are is known once the component is: see `bind`.
        let lacks_call = fields.lacks("call");
        let settings = self.settings(&fields, false, true);
        let call = call.or_else(|| lacks_call.then(|| Spanned::new(String::new(), name.span)));
        Some(ActionDecl {
            name,
            component,
            call,
            settings,
            path,
            library,
        })
    }
}
