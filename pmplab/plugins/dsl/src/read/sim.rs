//! `sim.yaml`: how the targets of a simulated run answer.

use super::places::{SIM, SIM_CALL, SIM_OUTAGE, SIM_SERVER};
use super::{Ctx, Name, Spanned};
use crate::api::FileError;
use crate::diag::{Diagnostic, Severity, Span, nearest};
use crate::plan::{Dist, Ns};
use crate::yaml::{self, Entry, Kind, Node};
use pmplab_records::dictionaries::{ERROR_TYPES, class_of, error_type};

pub const SIM_FILE: &str = "sim.yaml";
/// An outage's `error` that stands for no answer at all.
pub const SILENCE: &str = "timeout";

/// All that the file says.
#[derive(Debug, Default)]
pub struct SimDecl<'n> {
    pub servers: Vec<(Name, ServerDecl)>,
    /// By `COMPONENT.CALL`, or by the name of an action or step.
    pub calls: Vec<(Name, ModelDecl<'n>)>,
    pub default: ModelDecl<'n>,
}

/// So many work at a time; so many more may wait for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerDecl {
    pub workers: u64,
    pub queue: Option<u64>,
}

/// What is not said here is what `default` says.
#[derive(Debug, Default)]
pub struct ModelDecl<'n> {
    pub latency: Option<Dist>,
    /// Shares of 1.
    pub fail: Option<f64>,
    pub timeout: Option<f64>,
    pub error: Option<String>,
    pub outputs: Vec<(Name, &'n Node)>,
    /// What an answer measures, each time the same.
    pub measures: Vec<(Name, f64)>,
    pub server: Option<ServerUse>,
    pub outages: Option<Vec<Outage>>,
}

#[derive(Debug)]
pub enum ServerUse {
    /// One of `servers`.
    Named(Name),
    /// For this call alone.
    Own(ServerDecl),
}

/// What arrives in this time is not served.
#[derive(Debug, Clone)]
pub struct Outage {
    pub at: Ns,
    pub until: Ns,
    pub error: Option<String>,
}

impl Ctx<'_> {
    /// The tree of `sim.yaml`, or of the file that stands in for it; none when there is none.
    pub fn sim_tree(&mut self) -> Option<Node> {
        let (name, text) = match &self.req.sim {
            Some((name, text)) => (name.clone(), text.clone()),
            None => match self.files.read(SIM_FILE) {
                Ok(bytes) => (SIM_FILE.to_owned(), self.utf8(SIM_FILE, bytes)?),
                Err(FileError::NotFound) => return None,
                Err(error) => {
                    let why = match error {
                        FileError::Other(why) => why,
                        _ => "it leaves the bundle".to_owned(),
                    };
                    let message = format!("{SIM_FILE} cannot be read: {why}");
                    let mut found = Diagnostic::fileless(Severity::Error, 801, message);
                    found.file = Some(SIM_FILE.into());
                    self.report(found);
                    return None;
                }
            },
        };
        let file = self.sources.add(&name, text.clone());
        let loaded = yaml::load(&text, file);
        self.found.extend(loaded.diagnostics);
        loaded.root.filter(|root| !root.is_null())
    }

    pub fn sim<'n>(&mut self, root: &'n Node) -> SimDecl<'n> {
        let mut decl = SimDecl::default();
        let Some(fields) = self.fields(root, &SIM, "") else {
            return decl;
        };
        for entry in self.entries_of(fields.get("servers"), "servers") {
            let path = format!("servers.{}", entry.key);
            if let Some(server) = self.sim_server(&entry.value, &path) {
                let name = Spanned::new(entry.key.clone(), entry.key_span);
                decl.servers.push((name, server));
            }
        }
        if let Some(node) = fields.get("default") {
            decl.default = self.model(node, "default");
        }
        for entry in self.entries_of(fields.get("calls"), "calls") {
            let name = Spanned::new(entry.key.clone(), entry.key_span);
            let model = self.model(&entry.value, &format!("calls.{}", entry.key));
            decl.calls.push((name, model));
        }
        let all = decl.calls.iter().map(|(name, model)| (Some(name), model));
        for (call, model) in all.chain([(None, &decl.default)]) {
            let Some(ServerUse::Named(name)) = &model.server else {
                continue;
            };
            let names = || decl.servers.iter().map(|(name, _)| name.value.as_str());
            if names().all(|known| known != name.value) {
                let path =
                    call.map_or("default".to_owned(), |call| format!("calls.{}", call.value));
                let found = Diagnostic::error(
                    206,
                    name.span,
                    format!("there is no server `{}`", name.value),
                );
                let near = nearest(&name.value, names());
                self.report(
                    found
                        .label("not under `servers`")
                        .at(format!("{path}.server"))
                        .suggest(near)
                        .help("write `servers: {NAME: {workers: 8}}`, or `server: {workers: 8}`"),
                );
            }
        }
        decl
    }

    /// The entries of a map of things by name.
    fn entries_of<'n>(&mut self, node: Option<&'n Node>, path: &str) -> Vec<&'n Entry> {
        match node {
            None => Vec::new(),
            Some(node) if node.is_null() => Vec::new(),
            Some(node) => match node.map() {
                Some(entries) => entries
                    .iter()
                    .filter(|e| !e.key.starts_with("x-"))
                    .collect(),
                None => {
                    self.wrong_type(node, "a map by name", path, None);
                    Vec::new()
                }
            },
        }
    }

    fn model<'n>(&mut self, node: &'n Node, path: &str) -> ModelDecl<'n> {
        let mut model = ModelDecl::default();
        let Some(fields) = self.fields(node, &SIM_CALL, path) else {
            return model;
        };
        let at = |key: &str| format!("{path}.{key}");
        if let Some(node) = fields.get("latency") {
            model.latency = self.dist(node, &at("latency"));
        }
        model.fail = fields.get("fail").and_then(|n| self.share(n, &at("fail")));
        model.timeout = fields
            .get("timeout")
            .and_then(|n| self.share(n, &at("timeout")));
        if let (Some(fail), Some(timeout)) = (model.fail, model.timeout)
            && fail + timeout > 1.0
            && let Some(entry) = fields.entry("timeout")
        {
            let found = Diagnostic::error(
                404,
                entry.value.span,
                format!("`fail` and `timeout` of `{path}` are more than 100 % together"),
            );
            self.report(
                found
                    .label("too much")
                    .at(at("timeout"))
                    .help("what times out does not fail: let the two add up to 100 % at most"),
            );
        }
        model.error = fields
            .get("error")
            .and_then(|n| self.target_error(n, &at("error"), false));
        for entry in self.entries_of(fields.get("outputs"), &at("outputs")) {
            let name = Spanned::new(entry.key.clone(), entry.key_span);
            model.outputs.push((name, &entry.value));
        }
        for entry in self.entries_of(fields.get("measures"), &at("measures")) {
            let number = entry.value.text().and_then(|text| text.parse::<f64>().ok());
            match number.filter(|number| number.is_finite()) {
                Some(number) => {
                    let name = Spanned::new(entry.key.clone(), entry.key_span);
                    model.measures.push((name, number));
                }
                None => {
                    let path = at(&format!("measures.{}", entry.key));
                    self.wrong_type(&entry.value, "a number", &path, Some("12.5"));
                }
            }
        }
        if let Some(node) = fields.get("server") {
            model.server = match &node.kind {
                Kind::Scalar(_) => self.name(node, &at("server")).map(ServerUse::Named),
                _ => self.sim_server(node, &at("server")).map(ServerUse::Own),
            };
        }
        model.outages = fields
            .get("outages")
            .map(|node| self.outages(node, &at("outages")));
        model
    }

    fn sim_server(&mut self, node: &Node, path: &str) -> Option<ServerDecl> {
        let fields = self.fields(node, &SIM_SERVER, path)?;
        if fields.lacks("workers") {
            self.missing(node.span, "workers", path, "write `workers: 8`");
        }
        let workers = fields
            .get("workers")
            .and_then(|n| self.count(n, 1, &format!("{path}.workers")))?;
        let queue = match fields.get("queue") {
            Some(node) => Some(self.count(node, 0, &format!("{path}.queue"))?.value),
            None => None,
        };
        Some(ServerDecl {
            workers: workers.value,
            queue,
        })
    }

    fn outages(&mut self, node: &Node, path: &str) -> Vec<Outage> {
        let Some(items) = node.list() else {
            self.wrong_type(
                node,
                "a list of outages",
                path,
                Some("[{at: 60s, for: 5s}]"),
            );
            return Vec::new();
        };
        let mut all = Vec::with_capacity(items.len());
        for (i, item) in items.iter().enumerate() {
            let path = format!("{path}[{i}]");
            let Some(fields) = self.fields(item, &SIM_OUTAGE, &path) else {
                continue;
            };
            for (key, example) in [("at", "at: 60s"), ("for", "for: 5s")] {
                if fields.lacks(key) {
                    self.missing(item.span, key, &path, format!("add `{example}`"));
                }
            }
            let mut time = |key: &str| {
                let node = fields.get(key)?;
                // From the start on is the one instant that is not above zero.
                if key == "at" && node.text() == Some("0s") {
                    return Some(0);
                }
                Some(self.duration(node, &format!("{path}.{key}"))?.value)
            };
            let (at, length) = (time("at"), time("for"));
            let error = fields
                .get("error")
                .and_then(|n| self.target_error(n, &format!("{path}.error"), true));
            if let (Some(at), Some(length)) = (at, length) {
                all.push(Outage {
                    at,
                    until: at.saturating_add(length),
                    error,
                });
            }
        }
        all.sort_by_key(|outage| outage.at);
        all
    }

    /// An error type that speaks of the target.
    fn target_error(&mut self, node: &Node, path: &str, silence: bool) -> Option<String> {
        let name = self.name(node, path)?;
        if silence && name.value == SILENCE {
            return Some(name.value);
        }
        let of_target = |name: &&str| class_of(error_type(name)) == 0 && *name != "other";
        let known = || ERROR_TYPES.iter().copied().filter(of_target);
        if known().any(|known| known == name.value) {
            return Some(name.value);
        }
        self.unknown_error(&name, path, known());
        None
    }

    fn unknown_error<'k>(
        &mut self,
        name: &Name,
        path: &str,
        known: impl Iterator<Item = &'k str> + Clone,
    ) {
        let message = format!("`{}` is no error of a target", name.value);
        let found = Diagnostic::error(409, name.span, message)
            .label("unknown word")
            .at(path)
            .suggest(nearest(&name.value, known.clone()));
        let listed: Vec<&str> = known
            .filter(|k| k.starts_with("transport.") || k.starts_with("protocol.http."))
            .collect();
        self.report(found.note(format!("among others: {}", listed.join(", "))));
    }

    /// A name that `calls` gives and the script does not know.
    pub fn unknown_call<'k>(
        &mut self,
        name: &str,
        span: Span,
        known: impl Iterator<Item = &'k str> + Clone,
    ) {
        let near = nearest(name, known.clone());
        let found = Diagnostic::error(
            206,
            span,
            format!("`calls.{name}` models no call of the script"),
        )
        .label("neither COMPONENT.CALL nor an action")
        .at(format!("calls.{name}"))
        .suggest(near);
        let mut listed: Vec<&str> = Vec::new();
        for name in known {
            if !listed.contains(&name) && listed.len() < 12 {
                listed.push(name);
            }
        }
        self.report(match listed.is_empty() {
            true => found,
            false => found.note(format!("there are {}", listed.join(", "))),
        });
    }
}
