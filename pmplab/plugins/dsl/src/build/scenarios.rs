//! Scenarios: who comes when, for how long, and what becomes of failures.

use super::monitoring::Alerts;
use super::resources::Resources;
use super::scope::Scope;
use super::steps::Shop;
use super::workbook::Book;
use crate::diag::{Diagnostic, Span, nearest};
use crate::plan::{Exit, Limit, Ns, Rate, Scenario, Severity, Spawn, Start, Step};
use crate::read::bundle::Script;
use crate::read::exits::Exits;
use crate::read::load::ScenarioDecl;
use crate::read::profiles::ProfileDecl;
use crate::read::workflows::WorkflowDecl;
use crate::read::{Ctx, Spanned};
use crate::units::show;
use serde_json::Value as Json;
use std::collections::{BTreeSet, HashMap, HashSet};

/// The scenarios, and which resources they use.
pub struct Scenarios {
    pub plan: Vec<Scenario>,
    /// What each does when a flag is raised, by response.
    pub answers: Vec<Vec<Vec<Step>>>,
    pub alerts: Alerts,
    pub used: BTreeSet<usize>,
}

impl<'n> Ctx<'_> {
    pub fn scenarios(
        &mut self,
        script: &Script<'n>,
        resources: &Resources<'n>,
        book: &Book<'n>,
        shop: &mut Shop<'_, 'n>,
        globals: &Json,
    ) -> Scenarios {
        let mut all = Scenarios {
            plan: Vec::new(),
            answers: Vec::new(),
            alerts: Alerts::default(),
            used: BTreeSet::new(),
        };
        let mut run: HashSet<&str> = HashSet::new();
        let by_name: HashMap<&str, &WorkflowDecl<'n>> = script
            .workflows
            .iter()
            .map(|w| (w.name.value.as_str(), w))
            .collect();
        let named: HashSet<&str> = script
            .load
            .scenarios
            .iter()
            .filter_map(|s| Some(s.profile.as_ref()?.value.as_str()))
            .collect();
        let mut profiles_used: HashSet<String> = HashSet::new();
        let workflows: Vec<Option<&WorkflowDecl<'n>>> = script
            .load
            .scenarios
            .iter()
            .map(|decl| {
                let name = decl.workflow.as_ref()?;
                let exact = by_name.get(name.value.as_str()).copied();
                exact.or_else(|| self.no_workflow(name, &script.workflows, &decl.path))
            })
            .collect();
        run.extend(workflows.iter().flatten().map(|w| w.name.value.as_str()));
        // A single workflow shares with nobody but the alerts, and with what users begin with.
        let context = script.load.scenarios.iter().any(|s| s.context.is_some());
        if script.workflows.len() > 1 || context || !script.watching.alerts.is_empty() {
            let runs = |w: &&WorkflowDecl<'n>| run.contains(w.name.value.as_str());
            let runs: Vec<&WorkflowDecl<'n>> = script.workflows.iter().filter(runs).collect();
            shop.shared = self.shared(&runs, resources, book, shop).into();
        }
        for (decl, workflow) in script.load.scenarios.iter().zip(workflows) {
            let profile = self.profile_of(decl, &script.load.profiles, &named);
            profiles_used.extend(profile.map(|p| p.name.value.clone()));
            let Some(workflow) = workflow else { continue };
            let mut scope = Scope::new(resources, book, globals, decl.name.span);
            scope.shared = shop.shared.clone();
            let scope = self.scope(decl, scope);
            let scenario =
                self.plan_scenario(decl, workflow, profile, scope, script, shop, &mut all);
            all.plan.push(scenario);
        }
        for profile in script
            .load
            .profiles
            .iter()
            .filter(|p| !profiles_used.contains(&p.name.value))
        {
            let found = Diagnostic::warning(
                901,
                profile.name.span,
                format!("profile `{}` is never used", profile.name.value),
            );
            self.report(
                found
                    .label("shapes no scenario")
                    .at("load.profiles")
                    .help(format!(
                        "name it in a scenario: `profile: {}`",
                        profile.name.value
                    )),
            );
        }
        for workflow in script
            .workflows
            .iter()
            .filter(|w| !run.contains(w.name.value.as_str()))
        {
            let found = Diagnostic::warning(
                901,
                workflow.name.span,
                format!("workflow `{}` is never used", workflow.name.value),
            );
            self.report(
                found
                    .label("in no scenario")
                    .at(&workflow.path)
                    .help("name it in a scenario, or remove it"),
            );
            let mut scope = Scope::new(resources, book, globals, workflow.name.span);
            self.declare_fields(&mut scope);
            // Checked like any other; what it would inherit is nobody's concern.
            self.compile_workflow(workflow, workflow.name.value.clone(), &mut scope, shop);
            self.found
                .retain(|d| d.number != 311 || d.span() != Some(workflow.name.span));
            all.used.extend(scope.used);
        }
        all.alerts = self.watched(script, resources, book, globals, shop);
        super::shared::agree(&mut all, shop.components);
        all
    }

    fn no_workflow<'w>(
        &mut self,
        name: &Spanned<String>,
        workflows: &'w [WorkflowDecl<'n>],
        path: &str,
    ) -> Option<&'w WorkflowDecl<'n>> {
        let near = nearest(&name.value, workflows.iter().map(|w| w.name.value.as_str()));
        let found = Diagnostic::error(
            202,
            name.span,
            format!("there is no workflow `{}`", name.value),
        )
        .label("unknown workflow");
        let names: Vec<&str> = workflows.iter().map(|w| w.name.value.as_str()).collect();
        let found = found.at(format!("{path}.workflow")).suggest(near);
        self.dangle(
            "workflows",
            near,
            if names.is_empty() {
                found.help("define it under `workflows`")
            } else {
                found.note(format!("defined: {}", names.join(", ")))
            },
        );
        workflows
            .iter()
            .find(|w| Some(w.name.value.as_str()) == near)
    }

    /// The profile that shapes a scenario: the one it names, else, when it says nothing of its load, the one that nobody names.
    fn profile_of<'p>(
        &mut self,
        decl: &ScenarioDecl<'n>,
        profiles: &'p [ProfileDecl],
        named: &HashSet<&str>,
    ) -> Option<&'p ProfileDecl> {
        if let Some(name) = &decl.profile {
            let exact = profiles.iter().find(|p| p.name.value == name.value);
            if exact.is_none() {
                let near = nearest(&name.value, profiles.iter().map(|p| p.name.value.as_str()));
                let found = Diagnostic::error(
                    202,
                    name.span,
                    format!("there is no profile `{}`", name.value),
                )
                .label("unknown profile");
                let names: Vec<&str> = profiles.iter().map(|p| p.name.value.as_str()).collect();
                let found = found.at(format!("{}.profile", decl.path)).suggest(near);
                self.dangle(
                    "load.profiles",
                    near,
                    if names.is_empty() {
                        found.help("define it under `load.profiles`")
                    } else {
                        found.note(format!("defined: {}", names.join(", ")))
                    },
                );
                return profiles
                    .iter()
                    .find(|p| Some(p.name.value.as_str()) == near);
            }
            return exact;
        }
        if decl.shaped || decl.spawn_rate.is_some() {
            if !decl.shaped {
                self.missing(
                    decl.name.span,
                    "user-count",
                    &decl.path,
                    "add `user-count: 100`: how many users ever come",
                );
            }
            return None;
        }
        let free: Vec<&ProfileDecl> = profiles
            .iter()
            .filter(|p| !named.contains(p.name.value.as_str()))
            .collect();
        match free[..] {
            [one] => Some(one),
            [] => {
                self.missing(
                    decl.name.span,
                    "user-count",
                    &decl.path,
                    "add `user-count: 100`, or `profile: NAME`",
                );
                None
            }
            _ => {
                let names: Vec<&str> = free.iter().map(|p| p.name.value.as_str()).collect();
                self.missing(
                    decl.name.span,
                    "profile",
                    &decl.path,
                    format!("add `profile: {}`", names.join("` or `profile: ")),
                );
                None
            }
        }
    }

    fn scope<'a>(&mut self, decl: &ScenarioDecl<'n>, scope: Scope<'a, 'n>) -> Scope<'a, 'n> {
        let resources = scope.resources;
        let mut inherit = Vec::new();
        let mut used = BTreeSet::new();
        let mut incomplete = false;
        for (i, name) in decl.inherit.iter().flatten().enumerate() {
            let mut index = resources.index(&name.value);
            if index.is_none() {
                let near = nearest(&name.value, resources.names());
                let names: Vec<&str> = resources.names().collect();
                let found = Diagnostic::error(
                    204,
                    name.span,
                    format!("there is no resource `{}`", name.value),
                )
                .label("unknown resource");
                let found = found
                    .at(format!("{}.user.inherit[{i}]", decl.path))
                    .suggest(near);
                self.dangle(
                    "resources",
                    near,
                    if names.is_empty() {
                        found.help("declare it under `resources`")
                    } else {
                        found.note(format!("declared: {}", names.join(", ")))
                    },
                );
                index = near.and_then(|near| resources.index(near));
                incomplete |= index.is_none();
            }
            let Some(index) = index else { continue };
            used.insert(index);
            if resources.leased[index] && !inherit.contains(&index) {
                inherit.push(index);
            }
        }
        let mut scope = Scope {
            inherit,
            explicit: decl.inherit.is_some(),
            incomplete,
            used,
            ..scope
        };
        self.declare_fields(&mut scope);
        self.context(decl, &mut scope);
        scope
    }

    /// Only one task: nothing to keep apart.
    fn paces_nothing(&mut self, decl: &ScenarioDecl<'n>) {
        let Some(pacing) = &decl.pacing else { return };
        let several = decl.iterations.is_none_or(|n| n > 1);
        if several && (decl.iterations.is_some() || decl.task_duration.is_some()) {
            return;
        }
        let found = Diagnostic::warning(
            901,
            pacing.span,
            "`pacing` is never used: each user has one task",
        );
        self.report(
            found
                .label("no effect")
                .at(&decl.path)
                .help("add `task-duration: 60s` or `iterations: 10`, or remove it"),
        );
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "a scenario joins everything that was declared"
    )]
    fn plan_scenario(
        &mut self,
        decl: &ScenarioDecl<'n>,
        workflow: &WorkflowDecl<'n>,
        profile: Option<&ProfileDecl>,
        mut scope: Scope<'_, 'n>,
        script: &Script<'n>,
        shop: &mut Shop<'_, 'n>,
        all: &mut Scenarios,
    ) -> Scenario {
        let base = format!("{}/{}", decl.name.value, workflow.name.value);
        let compiled = self.compile_workflow(workflow, base, &mut scope, shop);
        all.used.extend(scope.used.iter().copied());
        all.answers.push(compiled.answers);
        let (spawn, users) = self.spawn(decl, profile);
        if decl.arrival.is_none() {
            self.paces_nothing(decl);
        }
        let own_max = decl.max_duration.as_ref().map(|d| d.value);
        let max = profile
            .and_then(|p| p.max_duration.as_ref())
            .map(|d| d.value);
        // Innermost first: the workflow's exits, then the scenario's, then everybody's.
        let exits: [&Exits; 3] = [&workflow.exits, &decl.exits, &script.watching.exits];
        self.synthesised(workflow, exits);
        let exit = |get: &dyn Fn(&Exits) -> Option<Exit>, or: Exit| {
            exits.iter().find_map(|e| get(e)).unwrap_or(or)
        };
        let after = |e: &Exits| e.after.as_ref().map(|a| a.value);
        let portfolio = compiled.first.map_or_else(
            || "NONE".to_owned(),
            |c| shop.components.plan[c].name.to_uppercase(),
        );
        Scenario {
            name: decl.name.value.clone(),
            workflow: workflow.name.value.clone(),
            spawn,
            users,
            arrival: decl.arrival.as_ref().map(|a| a.plan.clone()),
            pacing: decl.pacing.as_ref().map(|d| d.value),
            start: Start::AtOnce,
            limits: Vec::new(),
            task_duration: decl.task_duration.as_ref().map(|d| d.value),
            iterations: decl.iterations,
            max_duration: own_max.into_iter().chain(max).min(),
            user_deadline: after(&decl.exits).or_else(|| after(&script.watching.exits)),
            task_timeout: workflow
                .timeout
                .as_ref()
                .map(|t| t.value)
                .into_iter()
                .chain(after(&workflow.exits))
                .min(),
            severity: exits
                .iter()
                .find_map(|e| e.severity)
                .unwrap_or(Severity::Error),
            inherit: scope.inherit.clone(),
            context: scope.context.clone(),
            portfolio,
            vars: scope.variables(),
            steps: compiled.steps,
            graph: compiled.graph,
            on_error: compiled.on_error,
            on_timeout: compiled.on_timeout,
            error_exit: exit(&|e| e.error_to, Exit::ErrorOut),
            timeout_exit: exit(&|e| e.timeout_to, Exit::TimeoutOut),
        }
    }

    fn spawn(&mut self, decl: &ScenarioDecl<'n>, profile: Option<&ProfileDecl>) -> (Spawn, u64) {
        let cap = decl.user_count.as_ref().map(|n| n.value);
        if let Some(arrival) = &decl.arrival {
            return (Spawn::AtOnce, arrival.max_users.value);
        }
        if let Some((profile, spawn)) = profile.and_then(|p| Some((p, p.spawn.as_ref()?))) {
            if let Some(rate) = &decl.spawn_rate {
                let found = Diagnostic::warning(
                    901,
                    rate.span,
                    "`spawn-rate` is never used: the profile gives the shape",
                );
                self.report(
                    found
                        .label("no effect")
                        .at(&decl.path)
                        .help("remove it, or the `profile`"),
                );
            }
            if let Some((users, at)) = spawn.peak() {
                self.cut_short(decl, Some(profile), spawn, users, at, profile.peak);
            }
            let all = spawn.comers().unwrap_or(u64::MAX);
            return (spawn.clone(), cap.map_or(all, |cap| cap.min(all)));
        }
        let users = cap.unwrap_or(1);
        let Some(rate) = &decl.spawn_rate else {
            return (Spawn::AtOnce, users);
        };
        let Rate { count, per } = rate.value;
        let spawn = Spawn::Rate { count, per };
        if let (Some(span), Some(at)) = (&decl.user_count, spawn.at(users - 1)) {
            self.cut_short(decl, None, &spawn, users, at, span.span);
        }
        (spawn, users)
    }

    /// `users` stand at `span` and are all there at `at`, unless everything ends before.
    fn cut_short(
        &mut self,
        decl: &ScenarioDecl<'n>,
        profile: Option<&ProfileDecl>,
        spawn: &Spawn,
        users: u64,
        at: Ns,
        span: Span,
    ) {
        let limits = [
            profile.and_then(|p| p.max_duration.as_ref()),
            decl.max_duration.as_ref(),
        ];
        let Some(limit) = limits
            .into_iter()
            .flatten()
            .min_by_key(|d| d.value)
            .filter(|d| d.value < at)
        else {
            return;
        };
        let message = format!(
            "{users} users are never reached: after {} there are {}",
            show(limit.value),
            spawn.planned(limit.value)
        );
        let found = Diagnostic::warning(602, span, message)
            .label(format!("reached after {}", show(at)))
            .also(limit.span, "everything ends here");
        self.report(found.at(&decl.path).help(if profile.is_some() {
            "raise `max-duration`, or shorten the profile"
        } else {
            "raise `max-duration`, or the `spawn-rate`"
        }));
    }

    /// Exits that nobody declared are made up; strictly, that is an error.
    fn synthesised(&mut self, workflow: &WorkflowDecl<'n>, exits: [&Exits; 3]) {
        let missing: Vec<&str> = [
            ("timeout_out", exits.iter().any(|e| e.timeout)),
            ("error_out", exits.iter().any(|e| e.error)),
        ]
        .into_iter()
        .filter(|(_, there)| !there)
        .map(|(name, _)| name)
        .collect();
        if missing.is_empty() {
            return;
        }
        let span: Span = workflow.name.span;
        let message = format!(
            "workflow `{}` declares no `{}`: the built-in exit is used",
            workflow.name.value,
            missing.join("` and no `")
        );
        let mut found = if self.req.strict {
            Diagnostic::error(901, span, message)
        } else {
            Diagnostic::info(901, span, message)
        };
        found = found.label("built-in exits").at(&workflow.path);
        self.report(found.help("declare them: `exits: {timeout: timeout_out, error: error_out}`"));
    }
}

/// The scenarios' own rate limits join the list of all.
pub fn limit(decls: &[ScenarioDecl<'_>], plan: &mut [Scenario], limits: &mut Vec<Limit>) {
    let planned = super::starts::by_name(plan);
    for decl in decls {
        let Some(index) = planned.get(&decl.name.value) else {
            continue;
        };
        let scenario = &mut plan[*index];
        let first = limits.len();
        limits.extend(decl.limits.iter().cloned());
        scenario.limits.extend(first..limits.len());
    }
}
