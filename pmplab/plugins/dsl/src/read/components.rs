//! `components`: what the script declares.

use super::places::{COMPONENT, COMPONENT_METADATA, Place};
use super::{Ctx, Name, Spanned};
use crate::diag::{Diagnostic, Span};
use crate::units;
use crate::yaml::Node;
use std::collections::HashMap;

#[derive(Debug, Clone)]
pub struct ComponentDecl<'n> {
    pub name: Name,
    pub version: Option<Name>,
    pub kind: Spanned<&'static str>,
    pub entry: Option<Name>,
    pub owner: Option<String>,
    pub capabilities: Option<Vec<Name>>,
    pub provides: Option<Vec<Name>>,
    pub grants: Vec<Name>,
    /// Types of what its calls return, by name, where the component does not say so itself.
    pub outputs: Vec<(String, &'static str)>,
    /// Guard Domains that it may touch; none: all.
    pub guard: Option<Spanned<Vec<String>>>,
    pub metadata: Option<&'n Node>,
    pub path: String,
}

pub const PROVIDES: Place = Place {
    what: "resources",
    keys: &["provides"],
    open: true,
    ..COMPONENT_METADATA
};

/// What `metadata.outputs` may say of an output.
const OUTPUT_TYPES: [&str; 8] = [
    "any", "boolean", "integer", "number", "text", "bytes", "list", "map",
];

impl Ctx<'_> {
    pub fn components<'n>(&mut self, node: &'n Node) -> Vec<ComponentDecl<'n>> {
        if node.is_null() {
            return Vec::new();
        }
        let Some(items) = node.list() else {
            let example =
                "components: [{name: http, version: \"0.2.1\", entry: plugins/http/send.wasm}]";
            self.wrong_type(node, "a list", "components", Some(example));
            return Vec::new();
        };
        let mut all: Vec<ComponentDecl<'n>> = Vec::new();
        let mut seen: HashMap<String, Span> = HashMap::new();
        for (i, item) in items.iter().enumerate() {
            let Some(decl) = self.component(item, format!("components[{i}]")) else {
                self.damaged.insert("components");
                continue;
            };
            if let Some(first) = seen.insert(decl.name.value.clone(), decl.name.span) {
                self.same_name("component", &decl.name, first);
                self.damaged.insert("components");
                continue;
            }
            all.push(decl);
        }
        all
    }

    /// Two things of one kind with one name.
    pub fn same_name(&mut self, kind: &str, second: &Name, first: Span) {
        let found = Diagnostic::error(
            219,
            second.span,
            format!("two {kind}s are named `{}`", second.value),
        );
        self.report(
            found
                .label("named again")
                .also(first, "first named here")
                .help("give each its own name"),
        );
    }

    fn component<'n>(&mut self, node: &'n Node, path: String) -> Option<ComponentDecl<'n>> {
        let fields = self.fields(node, &COMPONENT, &path)?;
        let name = fields
            .get("name")
            .and_then(|n| self.name(n, &fields.path_of("name")));
        let version = fields
            .get("version")
            .and_then(|n| self.semver(n, &fields.path_of("version")));
        let kind = match fields.get("kind") {
            Some(n) => {
                let words = ["wasi-component", "service-adapter", "native"];
                let word = self.word(n, &words, 409, &fields.path_of("kind"));
                Spanned::new(word.unwrap_or("wasi-component"), n.span)
            }
            None => Spanned::new("wasi-component", node.span),
        };
        let entry = fields
            .get("entry")
            .and_then(|n| self.name(n, &fields.path_of("entry")));
        let span = name.as_ref().map_or(
            Span {
                end_line: node.span.line,
                end_col: node.span.col + 1,
                ..node.span
            },
            |n| n.span,
        );
        for (key, example) in [
            ("name", "name: http"),
            ("version", "version: \"0.2.1\""),
            ("entry", "entry: plugins/http/send.wasm"),
        ] {
            if fields.lacks(key) {
                self.missing(span, key, &path, format!("add `{example}`"));
            }
        }
        let mut decl = ComponentDecl {
            name: name?,
            version,
            kind,
            entry,
            owner: None,
            capabilities: None,
            provides: None,
            grants: Vec::new(),
            outputs: Vec::new(),
            guard: None,
            metadata: fields.get("metadata"),
            path,
        };
        if let Some(metadata) = decl.metadata {
            self.metadata(metadata, &mut decl);
        }
        Some(decl)
    }

    fn semver(&mut self, node: &Node, path: &str) -> Option<Name> {
        let version = self.text(node, path)?;
        if units::is_semver(&version.value) {
            return Some(version);
        }
        let mut found = Diagnostic::error(
            407,
            node.span,
            format!("`{}` is not a semantic version", version.value),
        );
        found = found.label("expected three numbers").at(path);
        let padded = format!(
            "{}{}",
            version.value,
            if version.value.contains('.') {
                ".0"
            } else {
                ".0.0"
            }
        );
        self.report(if units::is_semver(&padded) {
            found.help(format!("write `{padded}`")).fix(
                format!("write `{padded}`"),
                false,
                format!("\"{padded}\""),
            )
        } else {
            found.help("write it as `1.2.3`")
        });
        None
    }

    fn metadata<'n>(&mut self, node: &'n Node, decl: &mut ComponentDecl<'n>) {
        let path = format!("{}.metadata", decl.path);
        let Some(fields) = self.fields(node, &COMPONENT_METADATA, &path) else {
            return;
        };
        decl.owner = fields
            .get("owner")
            .and_then(|n| self.text(n, &fields.path_of("owner")))
            .map(|n| n.value);
        decl.capabilities = fields.get("capabilities").map(|n| {
            self.names(
                n,
                &fields.path_of("capabilities"),
                "capabilities: [get, post]",
            )
        });
        if let Some(resources) = fields.get("resources")
            && let Some(inner) = self.fields(resources, &PROVIDES, &fields.path_of("resources"))
        {
            decl.provides = inner
                .get("provides")
                .map(|n| self.names(n, &inner.path_of("provides"), "provides: [pair_pool]"));
        }
        if let Some(node) = fields.get("outputs") {
            decl.outputs = self.output_types(node, &fields.path_of("outputs"));
        }
        if let Some(node) = fields.get("guard") {
            let path = fields.path_of("guard");
            let names = match node.list() {
                Some(_) => self.names(node, &path, "guard: [network]"),
                None => self.name(node, &path).into_iter().collect(),
            };
            let names = names.into_iter().map(|n| n.value).collect();
            decl.guard = Some(Spanned::new(names, node.span));
        }
        if let Some(grants) = fields.get("grants") {
            let path = fields.path_of("grants");
            for grant in self.names(grants, &path, "grants: [net]") {
                if matches!(grant.value.as_str(), "net" | "files") {
                    decl.grants.push(grant);
                } else {
                    let near = crate::diag::nearest(&grant.value, ["net", "files"]);
                    let found = Diagnostic::error(
                        409,
                        grant.span,
                        format!("there is no grant `{}`", grant.value),
                    );
                    self.report(
                        found
                            .label("unknown grant")
                            .at(&path)
                            .suggest(near)
                            .note("allowed here: net, files"),
                    );
                }
            }
        }
    }

    fn output_types(&mut self, node: &Node, path: &str) -> Vec<(String, &'static str)> {
        let Some(entries) = node.map() else {
            self.wrong_type(
                node,
                "a map of types",
                path,
                Some("outputs: {status: integer}"),
            );
            return Vec::new();
        };
        let mut types = Vec::new();
        for entry in entries {
            let path = format!("{path}.{}", entry.key);
            let word = self.word(&entry.value, &OUTPUT_TYPES, 409, &path);
            types.extend(word.map(|word| (entry.key.clone(), word)));
        }
        types
    }
}
