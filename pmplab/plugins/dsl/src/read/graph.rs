//! `nodes`: a workflow as a graph.

use super::places::{FLOW, NODE, TRANSITION};
use super::steps::StepDecl;
use super::{Ctx, Name, Spanned};
use crate::diag::Span;
use crate::plan::{Event, Wait};
use crate::yaml::{Entry, Node};

#[derive(Debug, Clone)]
pub struct GraphDecl<'n> {
    pub nodes: Vec<NodeDecl<'n>>,
    pub entry: Option<Name>,
}

#[derive(Debug, Clone)]
pub struct NodeDecl<'n> {
    pub name: Name,
    /// None: what it does could not be read, which was reported.
    pub step: Option<StepDecl<'n>>,
    pub transitions: Vec<TransitionDecl<'n>>,
    pub join: Option<Spanned<Wait>>,
    pub path: String,
}

#[derive(Debug, Clone)]
pub struct TransitionDecl<'n> {
    pub event: Option<Event>,
    pub when: Option<&'n Node>,
    pub to: Vec<Name>,
    pub span: Span,
    pub path: String,
}

impl Ctx<'_> {
    pub fn graph<'n>(
        &mut self,
        entry: &'n Entry,
        first: Option<&Node>,
        path: &str,
    ) -> Option<GraphDecl<'n>> {
        let node = &entry.value;
        let nodes_path = format!("{path}.nodes");
        let Some(entries) = node.map().filter(|all| !all.is_empty()) else {
            let example =
                "nodes: {a: {ref: ACTION, controls: {flow: {transitions: [{to: closing}]}}}}";
            self.wrong_type(node, "a map of nodes by name", &nodes_path, Some(example));
            return None;
        };
        let nodes: Vec<NodeDecl<'n>> = entries
            .iter()
            .filter(|e| !e.key.starts_with("x-"))
            .map(|e| self.node(e, format!("{nodes_path}.{}", e.key), entries.len()))
            .collect();
        let entry_name = first.and_then(|n| self.name(n, &format!("{path}.entry")));
        Some(GraphDecl {
            nodes,
            entry: entry_name,
        })
    }

    fn node<'n>(&mut self, entry: &'n Entry, path: String, most: usize) -> NodeDecl<'n> {
        let name = Spanned::new(entry.key.clone(), entry.key_span);
        let mut decl = NodeDecl {
            name,
            step: None,
            transitions: Vec::new(),
            join: None,
            path: path.clone(),
        };
        let node = &entry.value;
        if node.map().is_none_or(<[_]>::is_empty) {
            self.wrong_type(node, "a node", &path, Some("ref: ACTION"));
            return decl;
        }
        let Some(fields) = self.fields(node, &NODE, &path) else {
            return decl;
        };
        decl.step = self.step_of(node, &fields, path, false, &NODE);
        decl.join = fields.get("join").and_then(|n| {
            let wait = self.how_many(
                n,
                most.saturating_sub(1),
                "other nodes",
                &fields.path_of("join"),
            )?;
            Some(Spanned::new(wait, n.span))
        });
        if let Some(controls) = fields.get("controls")
            && let Some(flow) = controls.get("flow")
        {
            decl.transitions = self.flow(flow, &fields.path_of("controls.flow"));
        }
        decl
    }

    fn flow<'n>(&mut self, node: &'n Node, path: &str) -> Vec<TransitionDecl<'n>> {
        let Some(fields) = self.fields(node, &FLOW, path) else {
            return Vec::new();
        };
        let Some(list) = fields.get("transitions") else {
            return Vec::new();
        };
        let path = fields.path_of("transitions");
        let Some(items) = list.list() else {
            self.wrong_type(
                list,
                "a list of transitions",
                &path,
                Some("transitions: [{to: closing}]"),
            );
            return Vec::new();
        };
        let each = |(i, n): (usize, &'n Node)| self.transition(n, format!("{path}[{i}]"));
        items.iter().enumerate().filter_map(each).collect()
    }

    fn transition<'n>(&mut self, node: &'n Node, path: String) -> Option<TransitionDecl<'n>> {
        if node.text().is_some() {
            self.wrong_type(node, "a transition", &path, Some("{to: TARGET}"));
            return None;
        }
        let fields = self.fields(node, &TRANSITION, &path)?;
        let event = match fields.get("event") {
            None => None,
            Some(n) => Some(
                match self.word(
                    n,
                    &["success", "fail", "timeout"],
                    409,
                    &fields.path_of("event"),
                )? {
                    "success" => Event::Success,
                    "fail" => Event::Fail,
                    _ => Event::Timeout,
                },
            ),
        };
        if fields.lacks("to") {
            self.missing(
                node.span,
                "to",
                &path,
                "add `to: NODE`, an exit, or `closing`",
            );
        }
        let to = fields.get("to")?;
        let to_path = fields.path_of("to");
        let to = match to.list() {
            Some([]) => {
                self.wrong_type(to, "a target", &to_path, Some("to: closing"));
                Vec::new()
            }
            Some(_) => self.names(to, &to_path, "to: [a, b]"),
            None => self.name(to, &to_path).into_iter().collect(),
        };
        Some(TransitionDecl {
            event,
            when: fields.get("when"),
            to,
            span: node.span,
            path,
        })
    }
}
