//! `resources`: what the script declares of pools, files and stores.

use super::places::{CALLS, CAPACITY, LEASING, PARSER, PROVIDER, RESOURCE, RESOURCE_CONFIG};
use super::{Ctx, Name, Spanned};
use crate::diag::{Diagnostic, Span};
use crate::plan::Ns;
use crate::yaml::Node;

#[derive(Debug, Clone)]
pub struct ResourceDecl<'n> {
    pub name: Name,
    pub node: &'n Node,
    pub kind: Option<Name>,
    pub component: Option<Name>,
    pub calls: Vec<(String, Name)>,
    /// The key `calls`, else `provider`.
    pub calls_span: Span,
    pub ttl: Option<Spanned<Ns>>,
    pub strategy: String,
    pub auto_renew: Option<bool>,
    pub config: Option<&'n Node>,
    pub manifest: Option<Name>,
    pub file: Option<Name>,
    /// `config.parser.fields`.
    pub fields: Vec<Name>,
    pub size: Option<Spanned<u64>>,
    pub guard: String,
    /// Holders that one entry may have; none: any number.
    pub holders: Option<u32>,
    pub domain: Option<String>,
    pub metadata: Option<&'n Node>,
    pub path: String,
}

impl Ctx<'_> {
    pub fn resources<'n>(&mut self, node: &'n Node) -> Vec<ResourceDecl<'n>> {
        if node.is_null() {
            return Vec::new();
        }
        let Some(entries) = node.map() else {
            self.wrong_type(node, "a map of resources by name", "resources", None);
            return Vec::new();
        };
        let mut all = Vec::with_capacity(entries.len());
        for entry in entries.iter().filter(|e| !e.key.starts_with("x-")) {
            match self.resource(
                Spanned::new(entry.key.clone(), entry.key_span),
                &entry.value,
            ) {
                Some(resource) => all.push(resource),
                None => {
                    self.damaged.insert("resources");
                }
            }
        }
        all
    }

    fn resource<'n>(&mut self, name: Name, node: &'n Node) -> Option<ResourceDecl<'n>> {
        let path = format!("resources.{}", name.value);
        let fields = self.fields(node, &RESOURCE, &path)?;
        let mut decl = ResourceDecl {
            calls_span: name.span,
            node,
            kind: None,
            component: None,
            calls: Vec::new(),
            ttl: None,
            strategy: "round-robin".into(),
            auto_renew: None,
            config: fields.get("config"),
            manifest: None,
            file: None,
            fields: Vec::new(),
            size: None,
            guard: "exclusive".into(),
            holders: Some(1),
            domain: None,
            metadata: fields.get("metadata").filter(|n| !n.is_null()),
            path: path.clone(),
            name,
        };
        for (key, example) in [
            ("type", "type: pair_pool"),
            ("provider", "provider: {component: resource-manager}"),
        ] {
            if fields.lacks(key) {
                self.missing(decl.name.span, key, &path, format!("add `{example}`"));
            }
        }
        decl.kind = fields
            .get("type")
            .and_then(|n| self.name(n, &fields.path_of("type")));
        if let Some(provider) = fields.entry("provider") {
            decl.calls_span = provider.key_span;
            self.provider(&provider.value, &mut decl);
        }
        if let Some(config) = decl.config {
            self.config(config, &mut decl);
        }
        if let Some(capacity) = fields.get("capacity") {
            self.capacity(capacity, &mut decl);
        }
        if let Some(metadata) = decl.metadata {
            match metadata.map() {
                Some(_) => {
                    let guard = metadata.get("guard");
                    decl.domain = guard
                        .and_then(|n| self.text(n, &format!("{path}.metadata.guard")))
                        .map(|n| n.value);
                }
                None => self.wrong_type(metadata, "a map", &format!("{path}.metadata"), None),
            }
        }
        Some(decl)
    }

    fn provider(&mut self, node: &Node, decl: &mut ResourceDecl<'_>) {
        let path = format!("{}.provider", decl.path);
        let Some(fields) = self.fields(node, &PROVIDER, &path) else {
            return;
        };
        decl.component = fields
            .get("component")
            .and_then(|n| self.name(n, &fields.path_of("component")));
        if fields.lacks("component") {
            self.missing(
                decl.calls_span,
                "component",
                &path,
                "name a component that provides resources",
            );
        }
        if let Some(calls) = fields.entry("calls") {
            decl.calls_span = calls.key_span;
            let path = fields.path_of("calls");
            if self.fields(&calls.value, &CALLS, &path).is_some() {
                for entry in calls.value.map().unwrap_or_default() {
                    if let Some(call) = self.name(&entry.value, &format!("{path}.{}", entry.key)) {
                        decl.calls.push((entry.key.clone(), call));
                    }
                }
            }
        }
        let Some(leasing) = fields.get("leasing") else {
            return;
        };
        let Some(fields) = self.fields(leasing, &LEASING, &fields.path_of("leasing")) else {
            return;
        };
        decl.ttl = fields
            .get("ttl")
            .and_then(|n| self.duration(n, &fields.path_of("ttl")));
        decl.auto_renew = fields
            .get("auto-renew")
            .and_then(|n| self.boolean(n, &fields.path_of("auto-renew")));
        if let Some(node) = fields.get("strategy") {
            let words = ["round-robin", "least-used", "random", "sticky"];
            if let Some(word) = self.word(node, &words, 503, &fields.path_of("strategy")) {
                decl.strategy = word.into();
            }
        }
    }

    fn config<'n>(&mut self, node: &'n Node, decl: &mut ResourceDecl<'n>) {
        let path = format!("{}.config", decl.path);
        let Some(fields) = self.fields(node, &RESOURCE_CONFIG, &path) else {
            return;
        };
        decl.manifest = fields
            .get("manifest")
            .and_then(|n| self.name(n, &fields.path_of("manifest")));
        decl.file = fields
            .get("file")
            .and_then(|n| self.name(n, &fields.path_of("file")));
        if let Some(checksum) = fields.get("checksum") {
            self.text(checksum, &fields.path_of("checksum"));
        }
        if let Some(parser) = fields.get("parser") {
            let path = fields.path_of("parser");
            let Some(parser) = self.fields(parser, &PARSER, &path) else {
                return;
            };
            if let Some(format) = parser.get("format") {
                self.text(format, &parser.path_of("format"));
            }
            if let Some(names) = parser.get("fields") {
                decl.fields = self.names(names, &parser.path_of("fields"), "fields: [ip, port]");
            }
        }
    }

    fn capacity(&mut self, node: &Node, decl: &mut ResourceDecl<'_>) {
        let Some(fields) = self.fields(node, &CAPACITY, &format!("{}.capacity", decl.path)) else {
            return;
        };
        decl.size = fields
            .get("size")
            .and_then(|n| self.count(n, 1, &fields.path_of("size")));
        let Some(node) = fields.get("guard") else {
            return;
        };
        let path = fields.path_of("guard");
        let Some(guard) = self.text(node, &path) else {
            return;
        };
        let shared = guard.value.strip_prefix("shared:").map(str::parse::<u32>);
        decl.holders = match (guard.value.as_str(), shared) {
            ("exclusive", _) => Some(1),
            ("shared", _) => None,
            (_, Some(Ok(n))) if n > 0 => Some(n),
            _ => {
                let near = crate::diag::nearest(&guard.value, ["exclusive", "shared"]);
                let found = Diagnostic::error(
                    409,
                    node.span,
                    format!("`{}` is not a value of `{path}`", guard.value),
                );
                self.report(
                    found
                        .label("unknown word")
                        .at(&path)
                        .suggest(near)
                        .note("allowed here: exclusive, shared, shared:N"),
                );
                return;
            }
        };
        decl.guard = guard.value;
    }
}
