//! Finds the declared components, checks what they are, and gives them their slots.

use super::section::Section;
use crate::api::{ComponentFile, Compose, FileError, Part};
use crate::diag::{Diagnostic, Severity, nearest};
use crate::plan::{Component, EntrySource, Role};
use crate::read::components::ComponentDecl;
use crate::read::{Ctx, Name};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use std::collections::{BTreeSet, HashSet};
use std::fmt::Write;

/// The declared components with what is known of them.
pub struct Components<'n> {
    pub decls: Vec<ComponentDecl<'n>>,
    pub sections: Vec<Section>,
    pub plan: Vec<Component>,
}

/// What the calls of all components may bring and take, for where any of them may have led; none: not known.
#[derive(Debug, Default)]
pub struct Answers {
    pub outputs: Option<BTreeSet<String>>,
    pub params: Option<BTreeSet<String>>,
}

impl Components<'_> {
    pub fn answers(&self) -> Answers {
        let used = || {
            let all = self.plan.iter().zip(&self.sections);
            all.filter(|(component, _)| component.used)
                .map(|(_, section)| section)
        };
        let all = |what| {
            used().try_fold(BTreeSet::new(), |mut all, section| {
                all.extend(section.all_of(what)?);
                Some(all)
            })
        };
        Answers {
            outputs: all("outputs"),
            params: all("params"),
        }
    }

    pub fn index(&self, name: &str) -> Option<usize> {
        self.decls.iter().position(|d| d.name.value == name)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.decls.iter().map(|d| d.name.value.as_str())
    }

    /// What the component may be asked for: the declared list, else what its section says.
    pub fn capabilities(&self, index: usize) -> Vec<&str> {
        match &self.decls[index].capabilities {
            Some(list) => list.iter().map(|n| n.value.as_str()).collect(),
            None => self.sections[index].capabilities(),
        }
    }

    pub fn compose(&self) -> Compose {
        let part = |c: &Component| Part {
            component: c.name.clone(),
            entry: clean(&c.entry),
            source: if c.source == EntrySource::Bundle {
                "bundle"
            } else {
                "vendored"
            },
            grants: c.grants.clone(),
        };
        let of = |role| {
            self.plan
                .iter()
                .filter(|c| c.slot.is_some() && c.role == role)
                .map(part)
                .collect()
        };
        Compose {
            slots: of(Role::Protocol),
            providers: of(Role::Resource),
        }
    }
}

/// Without `./` in front.
pub fn clean(path: &str) -> String {
    path.split('/')
        .filter(|p| !p.is_empty() && *p != ".")
        .collect::<Vec<_>>()
        .join("/")
}

impl Ctx<'_> {
    /// `used` and `providers` hold names: of all components that something uses, and of those that resources bind.
    pub fn find_components<'n>(
        &mut self,
        decls: Vec<ComponentDecl<'n>>,
        used: &HashSet<String>,
        providers: &HashSet<String>,
    ) -> Components<'n> {
        let (mut sections, mut plan) = (Vec::new(), Vec::new());
        let mut slots = [0u32; 2];
        for decl in &decls {
            let name = &decl.name.value;
            let is_used = used.contains(name);
            let mut section = Section::default();
            let mut source = EntrySource::Missing;
            let mut grants = Vec::new();
            let provides = decl.provides.as_ref().is_some_and(|p| !p.is_empty());
            let guess = if provides || providers.contains(name) {
                Role::Resource
            } else {
                Role::Protocol
            };
            if is_used {
                (section, source, grants) = self.find(decl, guess);
                section = section.with_outputs(&decl.outputs);
            } else {
                let found = Diagnostic::warning(
                    901,
                    decl.name.span,
                    format!("component `{name}` is never used"),
                );
                self.report(
                    found
                        .label("not loaded")
                        .at(&decl.path)
                        .help("use it in an action or resource, or remove it"),
                );
            }
            if matches!(name.as_str(), "log" | "workbook") {
                let found = Diagnostic::warning(
                    218,
                    decl.name.span,
                    format!("the component `{name}` hides the built-in `{name}`"),
                );
                self.report(
                    found
                        .label("a built-in name")
                        .at(&decl.path)
                        .help("choose another name"),
                );
            }
            let role = section.role().unwrap_or(guess);
            let slot = (source != EntrySource::Missing).then(|| {
                let next = &mut slots[usize::from(role == Role::Resource)];
                *next += 1;
                *next - 1
            });
            plan.push(Component {
                name: name.clone(),
                version: decl
                    .version
                    .as_ref()
                    .map(|v| v.value.clone())
                    .unwrap_or_default(),
                kind: decl.kind.value.to_owned(),
                entry: decl
                    .entry
                    .as_ref()
                    .map(|e| e.value.clone())
                    .unwrap_or_default(),
                role,
                source,
                used: is_used,
                slot,
                grants,
                capabilities: match &decl.capabilities {
                    Some(list) => list.iter().map(|n| n.value.clone()).collect(),
                    None => section
                        .capabilities()
                        .into_iter()
                        .map(str::to_owned)
                        .collect(),
                },
                domains: decl.guard.as_ref().map(|g| g.value.clone()),
                metadata: decl.metadata.map_or(Json::Null, super::json::json),
                section: section.said.clone(),
            });
            sections.push(section);
        }
        let all = Components {
            decls,
            sections,
            plan,
        };
        self.unknown_grants(&all);
        all
    }

    /// `guess` is the role of a component that does not say it.
    fn find(
        &mut self,
        decl: &ComponentDecl<'_>,
        guess: Role,
    ) -> (Section, EntrySource, Vec<String>) {
        let nothing = (Section::default(), EntrySource::Missing, Vec::new());
        if decl.kind.value != "wasi-component" {
            let found = Diagnostic::error(
                706,
                decl.kind.span,
                format!(
                    "this host allows no components of kind `{}`",
                    decl.kind.value
                ),
            );
            self.report(
                found
                    .label("not allowed")
                    .at(&decl.path)
                    .help("use `kind: wasi-component` with a wasm file as its `entry`"),
            );
            return nothing;
        }
        let Some(entry) = &decl.entry else {
            return nothing;
        };
        let path = clean(&entry.value);
        let file = if entry.value.starts_with('/') {
            Err(FileError::Outside)
        } else {
            self.files.component(&path)
        };
        let (json, source, mut grants) = match file {
            Ok(file) => match self.said(&file, entry, decl, guess) {
                Some(json) => (json, EntrySource::Bundle, Vec::new()),
                None => return nothing,
            },
            Err(FileError::NotFound) => match self.req.vendored.get(&path) {
                Some(vendored) => (
                    vendored.section.clone(),
                    EntrySource::Vendored,
                    vendored.grants.clone(),
                ),
                None => {
                    self.no_entry(entry, decl, &path);
                    return nothing;
                }
            },
            Err(FileError::NotAComponent { found }) => {
                self.no_component(entry, decl, &format!("is {found}"));
                return nothing;
            }
            Err(FileError::Outside) => {
                let found = Diagnostic::error(
                    702,
                    entry.span,
                    format!("`{}` leaves the bundle", entry.value),
                )
                .label("outside");
                self.report(
                    found
                        .at(&decl.path)
                        .help("put the component into the bundle"),
                );
                return nothing;
            }
            Err(FileError::Other(why)) => {
                self.no_component(entry, decl, &format!("cannot be read: {why}"));
                return nothing;
            }
        };
        let section = Section::of(json);
        self.versions(decl, &section);
        grants.extend(self.allowed(decl, source, &path));
        grants.sort();
        grants.dedup();
        self.requested(decl, &grants);
        (section, source, grants)
    }

    /// What a component of the bundle says of itself, if it fits the slot that it is for.
    fn said(
        &mut self,
        file: &ComponentFile,
        entry: &Name,
        decl: &ComponentDecl<'_>,
        guess: Role,
    ) -> Option<Json> {
        let Ok(json) = serde_json::from_str(file.section.as_deref().unwrap_or("null")) else {
            self.no_component(
                entry,
                decl,
                "has a `pmplab:component` section that is no JSON",
            );
            return None;
        };
        let section = Section::of(json);
        let role = section.role().unwrap_or(guess);
        if !file.exports.iter().any(|name| name == role.contract()) {
            self.no_contract(entry, decl, role, &file.exports);
            return None;
        }
        if file.section.is_none() {
            self.no_component(entry, decl, "has no section `pmplab:component`");
            return None;
        }
        if let Some(why) = section.broken_measures() {
            self.no_component(entry, decl, &why);
            return None;
        }
        Some(section.said)
    }

    fn no_contract(
        &mut self,
        entry: &Name,
        decl: &ComponentDecl<'_>,
        role: Role,
        exports: &[String],
    ) {
        const MOST: usize = 12;
        let wanted = role.contract();
        let (noun, other) = match role {
            Role::Protocol => ("protocol", Role::Resource),
            Role::Resource => ("resource", Role::Protocol),
        };
        let interface = |name: &str| name.split('@').next().unwrap_or_default().to_owned();
        let old = exports
            .iter()
            .find(|name| interface(name) == interface(wanted));
        let (label, help) = if let Some(old) = old {
            (
                format!("has `{old}`"),
                "it was built for another version of the contract: build it anew with `pmp plugin build`".to_owned(),
            )
        } else if exports.iter().any(|name| name == other.contract()) {
            (
                format!("has `{}`", other.contract()),
                format!("it is not the {noun} component that it is used as"),
            )
        } else {
            (
                format!("no {noun} component"),
                format!("build it with `pmp plugin build`: a {noun} component exports `{wanted}`"),
            )
        };
        let message = format!("component `{}` does not export `{wanted}`", decl.name.value);
        let shown: Vec<&str> = exports.iter().take(MOST).map(String::as_str).collect();
        let note = match exports.len() {
            0 => "it exports nothing".to_owned(),
            n if n > MOST => format!("it exports: {}, ...", shown.join(", ")),
            _ => format!("it exports: {}", shown.join(", ")),
        };
        let found = Diagnostic::error(703, entry.span, message).label(label);
        self.report(
            found
                .at(format!("{}.entry", decl.path))
                .help(help)
                .note(note),
        );
    }

    fn no_entry(&mut self, entry: &Name, decl: &ComponentDecl<'_>, path: &str) {
        let files: Vec<String> = self
            .files
            .list()
            .into_iter()
            .filter(|f| f.ends_with(".wasm"))
            .collect();
        let there: Vec<&str> = files
            .iter()
            .chain(self.req.vendored.keys())
            .map(String::as_str)
            .collect();
        let near = nearest(path, there.iter().copied());
        let found = Diagnostic::error(
            702,
            entry.span,
            format!("the component file `{path}` is missing"),
        )
        .label("not found");
        let found = found.at(format!("{}.entry", decl.path)).suggest(near);
        let there = if there.is_empty() {
            "no components there".to_owned()
        } else {
            format!("there: {}", there.join(", "))
        };
        let found = found
            .note("looked for it in the bundle and among the components that come with pmplab");
        self.report(found.note(there));
    }

    fn no_component(&mut self, entry: &Name, decl: &ComponentDecl<'_>, what: &str) {
        let found = Diagnostic::error(702, entry.span, format!("`{}` {what}", entry.value))
            .label("not a component of pmplab");
        let help = "build it with `pmp plugin build`; `wasm-tools component new` turns a core module into a component";
        self.report(found.at(format!("{}.entry", decl.path)).help(help));
    }

    fn versions(&mut self, decl: &ComponentDecl<'_>, section: &Section) {
        if let (Some(declared), Some(found)) = (&decl.version, section.version())
            && declared.value != found
        {
            let name = &decl.name.value;
            let message = format!(
                "component `{name}` is version {found}, not {}",
                declared.value
            );
            let d = Diagnostic::error(704, declared.span, message)
                .label(format!("the file says {found}"));
            let fix = format!("\"{found}\"");
            self.report(
                d.at(&decl.path)
                    .help(format!(
                        "declare `version: {fix}`, or provide version {}",
                        declared.value
                    ))
                    .fix("declare what is there", false, fix),
            );
        }
        let known = section.capabilities();
        for capability in decl.capabilities.iter().flatten() {
            if !known.contains(&capability.value.as_str()) {
                let message = format!(
                    "component `{}` has no capability `{}`",
                    decl.name.value, capability.value
                );
                let d = Diagnostic::error(701, capability.span, message)
                    .label("declared, but not there")
                    .at(format!("{}.metadata.capabilities", decl.path));
                self.report(
                    d.suggest(nearest(&capability.value, known.iter().copied()))
                        .note(format!("capabilities: {}", known.join(", "))),
                );
            }
        }
    }

    /// What the user allows: by name, or by the digest of the file.
    fn allowed(&self, decl: &ComponentDecl<'_>, source: EntrySource, path: &str) -> Vec<String> {
        let mut allowed = self
            .req
            .allow
            .get(&decl.name.value)
            .cloned()
            .unwrap_or_default();
        if self.req.allow_sha.is_empty() {
            return allowed;
        }
        let sha = match source {
            EntrySource::Vendored => self.req.vendored.get(path).map(|v| v.sha256.clone()),
            _ => self.files.read(path).ok().map(|bytes| {
                Sha256::digest(bytes)
                    .iter()
                    .fold(String::new(), |mut hex, b| {
                        let _ = write!(hex, "{b:02x}");
                        hex
                    })
            }),
        };
        allowed.extend(
            sha.and_then(|sha| self.req.allow_sha.get(&sha))
                .into_iter()
                .flatten()
                .cloned(),
        );
        allowed
    }

    fn requested(&mut self, decl: &ComponentDecl<'_>, granted: &[String]) {
        let missing: Vec<&Name> = decl
            .grants
            .iter()
            .filter(|g| !granted.contains(&g.value))
            .collect();
        let Some(first) = missing.first() else { return };
        let list = missing
            .iter()
            .map(|g| g.value.as_str())
            .collect::<Vec<_>>()
            .join(",");
        let name = &decl.name.value;
        let found = Diagnostic::error(
            707,
            first.span,
            format!("component `{name}` asks for `{list}`, which nobody granted"),
        );
        self.report(
            found
                .label("not granted")
                .at(format!("{}.metadata.grants", decl.path))
                .help(format!("if you trust it, run with `--allow {name}={list}`")),
        );
    }

    fn unknown_grants(&mut self, all: &Components<'_>) {
        for (name, grants) in self.req.allow.clone() {
            let argument = format!("<--allow {name}>");
            let mut found = None;
            if all.index(&name).is_none() {
                let d = Diagnostic::fileless(
                    Severity::Error,
                    203,
                    format!("`--allow` names no component of the script: `{name}`"),
                );
                found = Some(d.suggest(nearest(&name, all.names())).note(format!(
                    "declared: {}",
                    all.names().collect::<Vec<_>>().join(", ")
                )));
            } else if let Some(grant) = grants
                .iter()
                .find(|g| !matches!(g.as_str(), "net" | "files"))
            {
                let d = Diagnostic::fileless(
                    Severity::Error,
                    409,
                    format!("there is no grant `{grant}`"),
                );
                found = Some(
                    d.suggest(nearest(grant, ["net", "files"]))
                        .note("grants: net, files"),
                );
            }
            if let Some(mut d) = found {
                d.file = Some(argument);
                self.report(d);
            }
        }
    }
}
