//! `load`: profiles and scenarios.

use super::arrival::ArrivalDecl;
use super::exits::Exits;
use super::fields::Fields;
use super::places::{LOAD, SCENARIO, USER};
use super::profiles::ProfileDecl;
use super::{Ctx, Name, Spanned};
use crate::diag::{Diagnostic, Span};
use crate::plan::{Limit, Ns, Rate};
use crate::units;
use crate::yaml::Node;
use std::collections::HashMap;

#[derive(Debug, Clone, Default)]
pub struct LoadDecl<'n> {
    pub profiles: Vec<ProfileDecl>,
    pub scenarios: Vec<ScenarioDecl<'n>>,
    pub tick: Option<Ns>,
}

/// `start-after`.
#[derive(Debug, Clone)]
pub enum StartDecl {
    At(Ns),
    Scenario(Name),
}

#[derive(Debug, Clone)]
pub struct ScenarioDecl<'n> {
    pub name: Name,
    pub workflow: Option<Name>,
    pub profile: Option<Name>,
    pub user_count: Option<Spanned<u64>>,
    pub spawn_rate: Option<Spanned<Rate>>,
    pub arrival: Option<ArrivalDecl>,
    pub task_duration: Option<Spanned<Ns>>,
    pub max_duration: Option<Spanned<Ns>>,
    pub iterations: Option<u64>,
    pub pacing: Option<Spanned<Ns>>,
    pub start: Option<StartDecl>,
    /// As its own `rate-limit` says.
    pub limits: Vec<Limit>,
    pub exits: Exits,
    /// None: no key names a resource.
    pub inherit: Option<Vec<Name>>,
    pub context: Option<&'n Node>,
    /// A key of the load was given, if only a wrong one.
    pub shaped: bool,
    pub path: String,
}

impl Ctx<'_> {
    pub fn load<'n>(&mut self, node: &'n Node) -> LoadDecl<'n> {
        let mut load = LoadDecl::default();
        let Some(fields) = self.fields(node, &LOAD, "load") else {
            return load;
        };
        load.tick = fields.get("tick").and_then(|n| self.tick(n, "load.tick"));
        match fields.get("profiles").map(|n| (n, n.map())) {
            Some((_, Some(entries))) => {
                for entry in entries.iter().filter(|e| !e.key.starts_with("x-")) {
                    match self.profile(
                        Spanned::new(entry.key.clone(), entry.key_span),
                        &entry.value,
                    ) {
                        Some(profile) => load.profiles.push(profile),
                        None => {
                            self.damaged.insert("load.profiles");
                        }
                    }
                }
            }
            Some((node, None)) if !node.is_null() => {
                self.wrong_type(node, "a map of profiles by name", "load.profiles", None)
            }
            _ => {}
        }
        let example = "scenarios: [{name: NAME, workflow: WORKFLOW, user-count: 1}]";
        match fields.get("scenarios").map(|n| (n, n.list())) {
            Some((_, Some(items))) if !items.is_empty() => {
                let mut seen: HashMap<String, Span> = HashMap::new();
                for (i, item) in items.iter().enumerate() {
                    let Some(scenario) = self.scenario(item, format!("load.scenarios[{i}]")) else {
                        self.damaged.insert("load.scenarios");
                        continue;
                    };
                    if let Some(first) =
                        seen.insert(scenario.name.value.clone(), scenario.name.span)
                    {
                        self.same_name("scenario", &scenario.name, first);
                    }
                    load.scenarios.push(scenario);
                }
            }
            Some((node, _)) => self.wrong_type(
                node,
                "a list of at least one scenario",
                "load.scenarios",
                Some(example),
            ),
            None if fields.lacks("scenarios") => {
                let start = Span {
                    end_line: node.span.line,
                    end_col: node.span.col + 1,
                    ..node.span
                };
                self.missing(start, "scenarios", "load", format!("add `{example}`"));
            }
            None => {}
        }
        load
    }

    pub fn tick(&mut self, node: &Node, path: &str) -> Option<Ns> {
        let tick = self.duration(node, path)?;
        if !(1_000_000..=1_000_000_000).contains(&tick.value) {
            let found =
                Diagnostic::error(402, node.span, format!("`{path}` must be from 1ms to 1s"))
                    .label("out of range");
            self.report(found.at(path).help("20ms is the default"));
            return None;
        }
        Some(tick.value)
    }

    fn scenario<'n>(&mut self, node: &'n Node, path: String) -> Option<ScenarioDecl<'n>> {
        let fields = self.fields(node, &SCENARIO, &path)?;
        let name = fields
            .get("name")
            .and_then(|n| self.name(n, &fields.path_of("name")));
        let span = name.as_ref().map_or(
            Span {
                end_line: node.span.line,
                end_col: node.span.col + 1,
                ..node.span
            },
            |n| n.span,
        );
        for (key, example) in [("name", "name: NAME"), ("workflow", "workflow: NAME")] {
            if fields.lacks(key) {
                self.missing(span, key, &path, format!("add `{example}`"));
            }
        }
        let mut scenario = ScenarioDecl {
            name: name.unwrap_or_else(|| Spanned::new(path.clone(), span)),
            workflow: fields
                .get("workflow")
                .and_then(|n| self.name(n, &fields.path_of("workflow"))),
            profile: fields
                .get("profile")
                .and_then(|n| self.name(n, &fields.path_of("profile"))),
            user_count: fields
                .get("user-count")
                .and_then(|n| self.count(n, 1, &fields.path_of("user-count"))),
            spawn_rate: fields
                .get("spawn-rate")
                .and_then(|n| self.rate(n, &fields.path_of("spawn-rate"))),
            task_duration: fields
                .get("task-duration")
                .and_then(|n| self.duration(n, &fields.path_of("task-duration"))),
            max_duration: fields
                .get("max-duration")
                .and_then(|n| self.duration(n, &fields.path_of("max-duration"))),
            iterations: fields
                .get("iterations")
                .and_then(|n| self.count(n, 1, &fields.path_of("iterations")))
                .map(|n| n.value),
            pacing: fields
                .get("pacing")
                .and_then(|n| self.duration(n, &fields.path_of("pacing"))),
            arrival: fields.entry("arrival").and_then(|entry| {
                let path = fields.path_of("arrival");
                self.arrival(&entry.value, entry.key_span, &path)
            }),
            start: fields
                .get("start-after")
                .and_then(|n| self.start(n, &fields.path_of("start-after"))),
            limits: Vec::new(),
            exits: Exits::default(),
            inherit: None,
            context: None,
            shaped: ["profile", "user-count", "arrival"]
                .iter()
                .any(|key| !fields.lacks(key)),
            path: path.clone(),
        };
        if let Some(node) = fields.get("rate-limit") {
            scenario.limits =
                self.rate_limit(node, &scenario.name.value, &fields.path_of("rate-limit"));
        }
        self.one_model(&fields, &scenario);
        let exits = [fields.entry("exit"), fields.entry("exits")];
        if let [Some(a), Some(b)] = exits {
            let (first, second) =
                if (a.key_span.line, a.key_span.col) < (b.key_span.line, b.key_span.col) {
                    (a, b)
                } else {
                    (b, a)
                };
            let found = Diagnostic::error(
                116,
                second.key_span,
                format!("`exit` and `exits` are the same key in `{path}`"),
            );
            self.report(
                found
                    .label("the same key again")
                    .also(first.key_span, "first given here")
                    .at(&path)
                    .help("merge the two into one `exits`"),
            );
        }
        if let Some(entry) = exits.into_iter().flatten().next() {
            scenario.exits = self.exits(&entry.value, &format!("{path}.{}", entry.key));
        }
        if let Some(node) = fields.get("user")
            && let Some(user) = self.fields(node, &USER, &fields.path_of("user"))
        {
            let inherit = user
                .get("inherit")
                .map(|n| self.names(n, &user.path_of("inherit"), "inherit: [POOL]"));
            scenario.inherit = inherit.or_else(|| (!user.lacks("inherit")).then(Vec::new));
            scenario.context = user.get("context").filter(|n| !n.is_null());
            if let Some(node) = scenario.context.filter(|n| n.map().is_none()) {
                self.wrong_type(node, "a map", &user.path_of("context"), None);
                scenario.context = None;
            }
        }
        Some(scenario)
    }

    /// Open load has no users of its own: what shapes them contradicts it.
    fn one_model(&mut self, fields: &Fields<'_>, scenario: &ScenarioDecl<'_>) {
        const CLOSED: [(&str, &str); 6] = [
            (
                "user-count",
                "the most users at a time is `arrival.max-users`",
            ),
            ("spawn-rate", "how fast tasks arrive is `arrival.rate`"),
            (
                "profile",
                "a rate that rises is `arrival: {shape: ramp, ...}`",
            ),
            (
                "task-duration",
                "how long tasks arrive is `arrival.duration`",
            ),
            ("iterations", "how long tasks arrive is `arrival.duration`"),
            ("pacing", "how fast tasks arrive is `arrival.rate`"),
        ];
        let Some(arrival) = fields.entry("arrival") else {
            return;
        };
        for (key, instead) in CLOSED {
            let Some(entry) = fields.entry(key) else {
                continue;
            };
            let message = format!(
                "`{key}` belongs to a closed load, but `arrival` makes scenario `{}` an open one",
                scenario.name.value
            );
            let found = Diagnostic::error(606, entry.key_span, message)
                .label("closed: each user begins its next task when it is done with the last")
                .also(
                    arrival.key_span,
                    "open: tasks arrive whatever the target does",
                );
            self.report(
                found
                    .at(&fields.path)
                    .help(format!("remove `{key}`: {instead}"))
                    .help("or remove `arrival`"),
            );
        }
        if let Some(decl) = &scenario.arrival
            && !decl.ends
            && fields.lacks("max-duration")
        {
            let message = format!("scenario `{}` has no end", scenario.name.value);
            let found = Diagnostic::error(605, scenario.name.span, message)
                .label("tasks arrive for ever")
                .also(decl.key, "no `duration` here");
            self.report(
                found.at(&fields.path).help(
                    "add `duration: 60s` to `arrival`, or `max-duration: 60s` to the scenario",
                ),
            );
        }
    }

    /// Another scenario's name, or a duration.
    fn start(&mut self, node: &Node, path: &str) -> Option<StartDecl> {
        let text = self.name(node, path)?;
        let timed = text.value.trim_start();
        match units::duration(timed) {
            Ok(ns) => Some(StartDecl::At(ns)),
            Err(_) if timed.starts_with(|c: char| c.is_ascii_digit() || c == '-') => self
                .duration(node, path)
                .map(|time| StartDecl::At(time.value)),
            Err(_) => Some(StartDecl::Scenario(text)),
        }
    }
}
