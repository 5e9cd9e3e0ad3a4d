//! The files of a bundle, and the top level of the script.

use super::actions::ActionDecl;
use super::components::ComponentDecl;
use super::load::LoadDecl;
use super::monitoring::MonitoringDecl;
use super::places::{CONFIG, SCRIPT};
use super::resources::ResourceDecl;
use super::workbook::WorkbookDecl;
use super::workflows::WorkflowDecl;
use super::{Ctx, fields::Fields};
use crate::api::FileError;
use crate::diag::{Diagnostic, Severity, Span, nearest};
use crate::plan::Ns;
use crate::yaml::{self, Node};

pub const SCRIPT_FILE: &str = "script.yaml";
pub const CONFIG_FILE: &str = "config.yaml";

/// Everything that the script and config.yaml declare.
pub struct Script<'n> {
    pub version: String,
    pub components: Vec<ComponentDecl<'n>>,
    pub resources: Vec<ResourceDecl<'n>>,
    pub workflows: Vec<WorkflowDecl<'n>>,
    /// The script's before the library's.
    pub actions: Vec<ActionDecl<'n>>,
    pub load: LoadDecl<'n>,
    pub watching: MonitoringDecl<'n>,
    pub program: Option<String>,
    pub tick: Option<Ns>,
    pub globals: Vec<&'n Node>,
    /// `monitoring` as it is written, for `global.monitoring`.
    pub monitoring: Option<&'n Node>,
    pub workbook: WorkbookDecl<'n>,
}

impl Ctx<'_> {
    /// The tree of the script; none when there is nothing to go on with.
    pub fn script_tree(&mut self) -> Option<Node> {
        let text = match self.files.read(SCRIPT_FILE) {
            Ok(bytes) => self.utf8(SCRIPT_FILE, bytes)?,
            Err(error) => {
                self.no_script(&error);
                return None;
            }
        };
        let file = self.sources.add(SCRIPT_FILE, text.clone());
        let loaded = yaml::load(&text, file);
        let clean = loaded.diagnostics.is_empty();
        if loaded
            .diagnostics
            .iter()
            .any(|d| matches!(d.number, 3 | 104))
        {
            self.damaged.extend(super::fields::SECTIONS);
        }
        self.found.extend(loaded.diagnostics);
        match loaded.root {
            Some(root) if !root.is_null() => Some(root),
            _ if clean => {
                let found = Diagnostic::error(7, Span::on_line(file, 1, 1, 1), "nothing to run")
                    .label("the script is empty");
                self.report(found.help(MINIMAL));
                None
            }
            _ => None,
        }
    }

    /// The tree of config.yaml, if there is one.
    pub fn config_tree(&mut self) -> Option<Node> {
        let bytes = self.files.read(CONFIG_FILE).ok()?;
        let text = self.utf8(CONFIG_FILE, bytes)?;
        let file = self.sources.add(CONFIG_FILE, text.clone());
        let loaded = yaml::load(&text, file);
        self.found.extend(loaded.diagnostics);
        loaded.root.filter(|root| !root.is_null())
    }

    pub(super) fn utf8(&mut self, name: &str, bytes: Vec<u8>) -> Option<String> {
        match String::from_utf8(bytes) {
            // A byte order mark is no part of the text.
            Ok(text) => Some(
                text.strip_prefix('\u{feff}')
                    .map(str::to_owned)
                    .unwrap_or(text),
            ),
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                let good = String::from_utf8_lossy(error.as_bytes()).into_owned();
                let file = self.sources.add(name, good);
                let (line, col) = self.sources.get(file).map_or((1, 1), |s| s.place(at));
                let found = Diagnostic::error(
                    8,
                    Span::on_line(file, line, col, 1),
                    format!("{name} is not UTF-8 text"),
                );
                self.report(
                    found
                        .label("this byte belongs to no character")
                        .help("save the file as UTF-8"),
                );
                None
            }
        }
    }

    fn no_script(&mut self, error: &FileError) {
        let names = self.files.list();
        let other = names
            .iter()
            .find(|n| n.eq_ignore_ascii_case(SCRIPT_FILE))
            .map(String::as_str);
        let near = other.or_else(|| nearest(SCRIPT_FILE, names.iter().map(String::as_str)));
        let message = match error {
            FileError::Other(why) => format!("{SCRIPT_FILE} cannot be read: {why}"),
            _ => format!("the bundle has no {SCRIPT_FILE}"),
        };
        let mut found = Diagnostic::fileless(Severity::Error, 801, message);
        found.file = Some(SCRIPT_FILE.into());
        found = match near {
            Some(name) => found.help(format!("rename `{name}` to `{SCRIPT_FILE}`")),
            None => found.help(format!("put a {SCRIPT_FILE} at the top of the bundle")),
        };
        if !names.is_empty() {
            let shown: Vec<&str> = names.iter().take(12).map(String::as_str).collect();
            found = found.note(format!(
                "files there: {}{}",
                shown.join(", "),
                if names.len() > 12 { ", ..." } else { "" }
            ));
        }
        self.report(found);
    }

    /// Reads all declarations.
    pub fn script<'n>(&mut self, root: &'n Node, config: Option<&'n Node>) -> Option<Script<'n>> {
        let fields = self.fields(root, &SCRIPT, "")?;
        let version = self.version(&fields);
        let mut script = Script {
            version,
            components: fields
                .get("components")
                .map(|n| self.components(n))
                .unwrap_or_default(),
            resources: fields
                .get("resources")
                .map(|n| self.resources(n))
                .unwrap_or_default(),
            workflows: fields
                .get("workflows")
                .map(|n| self.workflows(n))
                .unwrap_or_default(),
            actions: fields
                .get("actions")
                .map(|n| self.actions(n, false))
                .unwrap_or_default(),
            load: fields.get("load").map(|n| self.load(n)).unwrap_or_default(),
            watching: fields
                .get("monitoring")
                .map(|n| self.monitoring(n))
                .unwrap_or_default(),
            program: None,
            tick: None,
            globals: Vec::new(),
            monitoring: fields.get("monitoring"),
            workbook: fields
                .get("workbook")
                .map(|n| self.workbook(n))
                .unwrap_or_default(),
        };
        let start = Span::on_line(root.span.file, 1, 1, 1);
        for (key, example) in [
            ("workflows", "workflows: {NAME: {steps: [{ref: ACTION}]}}"),
            (
                "load",
                "load: {scenarios: [{name: NAME, workflow: WORKFLOW, user-count: 1}]}",
            ),
        ] {
            if fields.lacks(key) {
                self.missing(start, key, "", format!("add `{example}`"));
            }
        }
        self.globals(root.get("x-globals"), "x-globals", &mut script);
        if let Some(config) = config {
            self.config_file(config, &mut script);
        }
        Some(script)
    }

    fn config_file<'n>(&mut self, node: &'n Node, script: &mut Script<'n>) {
        let Some(fields) = self.fields(node, &CONFIG, "") else {
            return;
        };
        script.program = fields
            .get("program")
            .and_then(|n| self.name(n, "program"))
            .map(|n| n.value);
        script.tick = fields.get("tick").and_then(|n| self.tick(n, "tick"));
        self.globals(fields.get("global"), "global", script);
        if let Some(node) = fields.get("actions") {
            let library = self.actions(node, true);
            script.actions.extend(library);
        }
    }

    fn globals<'n>(&mut self, node: Option<&'n Node>, path: &str, script: &mut Script<'n>) {
        match node {
            Some(node) if node.map().is_some() => script.globals.push(node),
            Some(node) if !node.is_null() => self.wrong_type(node, "a map", path, None),
            _ => {}
        }
    }

    fn version(&mut self, fields: &Fields<'_>) -> String {
        let assumed = "1.0".to_owned();
        let Some(node) = fields.get("version") else {
            if fields.lacks("version") {
                let span = Span::on_line(fields.span.file, 1, 1, 1);
                let found = Diagnostic::warning(105, span, "`version` is missing: assumed \"1.0\"");
                self.report(
                    found
                        .label("no `version`")
                        .help("begin the script with `version: \"1.0\"`"),
                );
            }
            return assumed;
        };
        let Some(version) = self.text(node, "version") else {
            return assumed;
        };
        let numbers: Vec<&str> = version.value.split('.').collect();
        let number = |n: &&str| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit());
        if numbers.first() != Some(&"1") || numbers.len() > 3 || !numbers.iter().all(number) {
            let found = Diagnostic::error(
                106,
                node.span,
                format!("version `{}` of the language is unknown", version.value),
            );
            self.report(
                found
                    .label("this engine reads 1.x")
                    .at("version")
                    .help("write `version: \"1.0\"`"),
            );
        } else if node.scalar().is_some_and(|s| s.plain) {
            let quoted = format!("\"{}\"", version.value);
            let found =
                Diagnostic::warning(105, node.span, "`version` is a number: it must be text")
                    .label("not quoted");
            self.report(
                found
                    .at("version")
                    .help(format!("write `version: {quoted}`"))
                    .fix("quote it", true, quoted),
            );
        }
        version.value
    }
}

const MINIMAL: &str = "the least that runs:
components:
  - {name: http, version: \"0.2.1\", entry: plugins/http/send.wasm}
actions:
  probe: {component: http, call: get, with: {url: \"http://127.0.0.1:8080/\"}}
workflows:
  main: {steps: [{ref: probe}]}
load:
  scenarios: [{name: first, workflow: main, user-count: 1}]";
