//! Binds resources to their providers, opens them, and turns what the providers find into diagnostics.

use super::components::{Components, clean};
use super::json;
use crate::api::{FileError, Problem, Providers, ResourceSpec, ResourceTable};
use crate::diag::{Diagnostic, Severity, Span, nearest};
use crate::plan::{self, Role};
use crate::read::resources::ResourceDecl;
use crate::read::{Ctx, Name};
use serde_json::Value as Json;

/// The declared resources; `plan[i]` belongs to `decls[i]`.
pub struct Resources<'n> {
    pub decls: Vec<ResourceDecl<'n>>,
    pub plan: Vec<plan::Resource>,
    /// Was opened, or is known well enough to check templates.
    pub known: Vec<bool>,
    /// Leases can be taken of it.
    pub leased: Vec<bool>,
    /// Entries of providers to compose, in the order of their slots; differs from the request's when not composed yet.
    pub need: Vec<String>,
}

impl Resources<'_> {
    pub fn index(&self, name: &str) -> Option<usize> {
        self.decls.iter().position(|d| d.name.value == name)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.decls.iter().map(|d| d.name.value.as_str())
    }
}

impl Ctx<'_> {
    pub fn open_resources<'n>(
        &mut self,
        decls: Vec<ResourceDecl<'n>>,
        components: &Components<'_>,
        providers: &mut dyn Providers,
    ) -> Resources<'n> {
        let used = components
            .plan
            .iter()
            .filter(|c| c.role == Role::Resource && c.slot.is_some());
        let need: Vec<String> = used.map(|c| clean(&c.entry)).collect();
        let composed: Vec<String> = self.req.providers.iter().map(|p| clean(p)).collect();
        let mut all = Resources {
            plan: Vec::new(),
            known: Vec::new(),
            leased: Vec::new(),
            need,
            decls: Vec::new(),
        };
        let ready = all.need == composed;
        for decl in decls {
            let errors = self.found.len();
            let provider = self.bind(&decl, components);
            let spec = self
                .spec(&decl)
                .filter(|_| self.found[errors..].iter().all(|d| d.number != 508));
            let slot = provider.and_then(|p| components.plan[p].slot);
            let mut broken = self.found[errors..].iter().any(Diagnostic::is_error);
            let table = match (&spec, slot) {
                (Some(spec), Some(slot)) if ready => match providers.open(slot, spec) {
                    Ok(table) => Some(table),
                    Err(problems) => {
                        let parser = |p: &Problem| p.key.as_deref() == Some("config.parser.fields");
                        broken |= problems.iter().any(parser);
                        self.problems(&decl, &problems, spec.manifest.as_ref(), errors);
                        None
                    }
                },
                _ => None,
            };
            let section = provider.map(|p| &components.sections[p]);
            let kind = decl
                .kind
                .as_ref()
                .map(|k| k.value.clone())
                .unwrap_or_default();
            let roles = section.and_then(|s| s.roles(&kind));
            all.leased
                .push(roles.map_or(kind == "pair_pool", |r| r.contains(&"acquire")));
            let declared: Vec<String> = match decl.fields.is_empty() {
                false => decl.fields.iter().map(|f| f.value.clone()).collect(),
                true => section
                    .map(|s| s.fields(&kind))
                    .unwrap_or_default()
                    .into_iter()
                    .map(str::to_owned)
                    .collect(),
            };
            all.known
                .push(table.is_some() || (!declared.is_empty() && !broken) || kind == "kv_store");
            let table = table.unwrap_or_else(|| ResourceTable {
                fields: declared,
                ..ResourceTable::default()
            });
            all.plan
                .push(plan_of(&decl, kind, provider.unwrap_or(0), table));
            all.decls.push(decl);
        }
        all
    }

    /// The index of the provider's component.
    fn bind(&mut self, decl: &ResourceDecl<'_>, components: &Components<'_>) -> Option<usize> {
        let name = decl.component.as_ref()?;
        let path = format!("{}.provider.component", decl.path);
        let index = self.component_named(name, components, &path)?;
        let component = &components.plan[index];
        if component.role != Role::Resource {
            let message = format!("component `{}` provides no resources", component.name);
            let found = Diagnostic::error(205, name.span, message)
                .label("a protocol component")
                .at(&path);
            let others = components
                .plan
                .iter()
                .filter(|c| c.role == Role::Resource)
                .map(|c| c.name.as_str());
            let others: Vec<&str> = others.collect();
            self.report(if others.is_empty() {
                found.help("declare one: `{name: resource-manager, version: \"0.4.0\", entry: plugins/resource/manager.wasm}`")
            } else {
                found.help(format!("use `{}`", others.join("` or `")))
            });
            return None;
        }
        let section = &components.sections[index];
        let kind = decl.kind.as_ref()?;
        let declared = components.decls[index]
            .provides
            .as_ref()
            .map(|p| p.iter().map(|n| n.value.as_str()).collect::<Vec<_>>());
        let provides = declared.unwrap_or_else(|| section.provides());
        if !provides.is_empty() && !provides.contains(&kind.value.as_str()) {
            let message = format!(
                "component `{}` provides no resources of type `{}`",
                name.value, kind.value
            );
            let found = Diagnostic::error(508, kind.span, message)
                .label("not provided")
                .at(format!("{}.type", decl.path));
            let found = found.suggest(nearest(&kind.value, provides.iter().copied()));
            self.report(found.note(format!("provided: {}", provides.join(", "))));
            return Some(index);
        }
        for role in section.roles(&kind.value).unwrap_or_default() {
            if !decl.calls.iter().any(|(r, _)| r == role) {
                let message = format!("`{}` needs a `{role}` call", decl.path);
                let found = Diagnostic::error(505, decl.calls_span, message)
                    .label(format!("no `{role}` here"))
                    .at(format!("{}.provider.calls", decl.path));
                self.report(found.help(format!("bind it: `{role}: {}`", default_call(role))));
            }
        }
        let known = components.capabilities(index);
        for (role, call) in &decl.calls {
            if !section.is_unknown() && !known.contains(&call.value.as_str()) {
                let message = format!(
                    "component `{}` has no capability `{}`",
                    name.value, call.value
                );
                let found = Diagnostic::error(701, call.span, message)
                    .label("not a capability")
                    .at(format!("{}.provider.calls.{role}", decl.path));
                let found = found.suggest(nearest(&call.value, known.iter().copied()));
                self.report(found.note(format!("capabilities: {}", known.join(", "))));
            }
        }
        Some(index)
    }

    fn spec(&mut self, decl: &ResourceDecl<'_>) -> Option<ResourceSpec> {
        let mut good = true;
        let mut manifest = None;
        if let Some(name) = &decl.manifest {
            let path = self.inside(name, decl, "manifest");
            match path.map(|path| (self.files.read(&path), path)) {
                Some((Ok(bytes), path)) => match String::from_utf8(bytes) {
                    Ok(text) => manifest = Some((text, path)),
                    Err(_) => {
                        let found = Diagnostic::error(
                            502,
                            name.span,
                            format!("the manifest `{path}` is not UTF-8 text"),
                        );
                        self.report(
                            found
                                .label("not text")
                                .at(format!("{}.config.manifest", decl.path)),
                        );
                        good = false;
                    }
                },
                Some((Err(error), path)) => {
                    self.no_file(name, decl, "manifest", &path, &error);
                    good = false;
                }
                None => good = false,
            }
        }
        if let Some(name) = &decl.file {
            match self.inside(name, decl, "file") {
                Some(path) if !self.files.list().contains(&path) => {
                    self.no_file(name, decl, "file", &path, &FileError::NotFound);
                    good = false;
                }
                Some(_) => {}
                None => good = false,
            }
        }
        good.then(|| ResourceSpec {
            name: decl.name.value.clone(),
            kind: decl
                .kind
                .as_ref()
                .map(|k| k.value.clone())
                .unwrap_or_default(),
            config: decl
                .config
                .map_or_else(|| "{}".to_owned(), |c| json::json(c).to_string()),
            manifest,
            strategy: decl.strategy.clone(),
            ttl: decl.ttl.as_ref().map(|t| t.value),
            size: decl.size.as_ref().map(|s| s.value),
            holders: decl.holders,
            calls: decl
                .calls
                .iter()
                .map(|(role, call)| (role.clone(), call.value.clone()))
                .collect(),
        })
    }

    /// The path without `.` parts; an escape from the bundle is reported.
    fn inside(&mut self, name: &Name, decl: &ResourceDecl<'_>, key: &str) -> Option<String> {
        let path = &name.value;
        if path.starts_with('/')
            || path.contains('\\')
            || path.split('/').any(|part| part == "..")
            || path.contains(':')
        {
            let found = Diagnostic::error(501, name.span, format!("`{path}` leaves the bundle"))
                .label("outside of the bundle");
            let found = found.at(format!("{}.config.{key}", decl.path));
            self.report(found.help("copy the file into the bundle and name it by a path below it, such as `./resource.yaml`"));
            return None;
        }
        Some(clean(path))
    }

    fn no_file(
        &mut self,
        name: &Name,
        decl: &ResourceDecl<'_>,
        key: &str,
        path: &str,
        error: &FileError,
    ) {
        let files = self.files.list();
        let message = match error {
            FileError::Outside => format!("`{path}` leaves the bundle"),
            FileError::Other(why) => format!("`{path}` cannot be read: {why}"),
            _ => format!("the bundle has no file `{path}`"),
        };
        let found = Diagnostic::error(501, name.span, message)
            .label("not found")
            .at(format!("{}.config.{key}", decl.path));
        let found = found.suggest(nearest(path, files.iter().map(String::as_str)));
        let shown: Vec<&str> = files.iter().take(12).map(String::as_str).collect();
        let more = if files.len() > 12 { ", ..." } else { "" };
        let found = found.note(format!("files there: {}{more}", shown.join(", ")));
        // A script that is written by itself has no files yet.
        if matches!(error, FileError::NotFound) {
            self.dangle("resources", Some(""), found);
        } else {
            self.report(found);
        }
    }

    /// What the provider found; what was reported already is not said again.
    fn problems(
        &mut self,
        decl: &ResourceDecl<'_>,
        problems: &[Problem],
        manifest: Option<&(String, String)>,
        since: usize,
    ) {
        let said: Vec<u16> = self.found[since..].iter().map(|d| d.number).collect();
        for problem in problems {
            let number = problem
                .code
                .trim_start_matches(|c: char| !c.is_ascii_digit())
                .parse()
                .unwrap_or(501);
            if problem.file.is_none() && said.contains(&number) {
                continue;
            }
            let placed = problem
                .file
                .as_deref()
                .zip(manifest)
                .filter(|(file, (_, path))| clean(file) == *path && problem.line > 0);
            let mut found = match (placed, &problem.file) {
                (Some((_, (text, path))), _) => {
                    let file = self
                        .sources
                        .named(path)
                        .unwrap_or_else(|| self.sources.add(path.clone(), text.clone()));
                    let span = Span::on_line(
                        file,
                        problem.line,
                        problem.column.max(1),
                        problem.width.max(1),
                    );
                    Diagnostic::error(number, span, problem.message.clone()).label("here")
                }
                (None, Some(path)) => {
                    let mut d =
                        Diagnostic::fileless(Severity::Error, number, problem.message.clone());
                    d.file = Some(if problem.line > 0 {
                        format!("{path}:{}:{}", problem.line, problem.column.max(1))
                    } else {
                        path.clone()
                    });
                    d
                }
                (None, None) => {
                    let (span, path) = self.key_span(decl, problem.key.as_deref());
                    let item = format!("{path}[");
                    let there =
                        |d: &Diagnostic| d.labels.iter().any(|l| l.primary && l.span == span);
                    let said = |d: &Diagnostic| there(d) || d.path.starts_with(&item);
                    // A capability that the component has not cannot do what the resource needs of it.
                    let same =
                        |d: &Diagnostic| d.number == number || (number, d.number) == (505, 701);
                    if self.found.iter().any(|d| same(d) && said(d)) {
                        continue;
                    }
                    let found = Diagnostic::error(number, span, problem.message.clone()).at(path);
                    match &decl.manifest {
                        Some(name) if number == 504 => found
                            .label("more than there are")
                            .also(name.span, "the rows are in this file"),
                        _ => found.label("here"),
                    }
                }
            };
            if found.path.is_empty() {
                found.path.clone_from(&decl.path);
            }
            self.report(match &problem.help {
                Some(help) => found.help(help.clone()),
                None => found,
            });
        }
    }

    /// The value of the deepest part of `key` that is there, else the resource's name.
    fn key_span(&self, decl: &ResourceDecl<'_>, key: Option<&str>) -> (Span, String) {
        let (mut span, mut path, mut node) = (decl.name.span, decl.path.clone(), decl.node);
        for part in key.unwrap_or_default().split('.').filter(|p| !p.is_empty()) {
            let entries = node.map().unwrap_or_default();
            let Some(entry) = entries
                .iter()
                .find(|e| e.key.replace('_', "-") == part.replace('_', "-"))
            else {
                break;
            };
            span = if entry.value.scalar().is_some() {
                entry.value.span
            } else {
                entry.key_span
            };
            path = format!("{path}.{}", entry.key);
            node = &entry.value;
        }
        (span, path)
    }
}

fn default_call(role: &str) -> &str {
    match role {
        "acquire" => "allocate_pair",
        "release" => "release_pair",
        "mount" => "mount_file",
        other => other,
    }
}

fn plan_of(
    decl: &ResourceDecl<'_>,
    kind: String,
    provider: usize,
    table: ResourceTable,
) -> plan::Resource {
    let domain = if kind == "pair_pool" {
        "network"
    } else {
        "data"
    };
    plan::Resource {
        name: decl.name.value.clone(),
        provider,
        id: table.id,
        entries: table.keys.len(),
        fields: table.fields,
        keys: table.keys,
        ttl: decl.ttl.as_ref().map(|t| t.value),
        auto_renew: decl.auto_renew.unwrap_or(true),
        strategy: decl.strategy.clone(),
        guard: decl.guard.clone(),
        domain: decl.domain.clone().unwrap_or_else(|| domain.to_owned()),
        calls: decl
            .calls
            .iter()
            .map(|(role, call)| (role.clone(), call.value.clone()))
            .collect(),
        facts: serde_json::from_str(&table.facts).unwrap_or(Json::Null),
        kind,
    }
}
