//! From declarations to the plan: references, templates, resources and limits.

mod actions;
mod answer;
mod calls;
mod components;
mod context;
mod domains;
mod event;
mod expr;
mod flow;
mod grammar;
mod graph;
pub mod json;
mod known;
mod limits;
mod monitoring;
mod outputs;
mod resources;
mod scenarios;
mod scope;
mod section;
mod shared;
mod sim;
mod starts;
mod steps;
mod targets;
mod terms;
mod totals;
mod types;
mod vars;
mod wbs;
mod with;
mod workbook;

pub use answer::answer;

use crate::api::{Checked, Compose, Files, Providers, Request};
use crate::diag::{self, Diagnostic, Sources};
use crate::plan::Plan;
use crate::read::Ctx;
use crate::read::bundle::{CONFIG_FILE, Script};
use crate::read::steps::StepDecl;
use crate::yaml::Node;
use components::Components;
use serde_json::{Map, Value as Json, json};
use std::collections::HashSet;
use steps::Shop;

/// 20 ms.
const TICK: u64 = 20_000_000;

/// Reads and checks a bundle. Never panics, whatever the script says.
pub fn check(req: &Request, files: &dyn Files, providers: &mut dyn Providers) -> Checked {
    let mut ctx = Ctx {
        req,
        files,
        sources: Sources::default(),
        found: Vec::new(),
        dangling: false,
        damaged: HashSet::new(),
    };
    let root = ctx.script_tree();
    let config = ctx.config_tree();
    let model = ctx.sim_tree();
    let mut trees = Trees {
        root,
        config,
        model,
    };
    let made = ctx.plan(&mut trees, providers);
    let (plan, compose, need) = made.unwrap_or_default();
    let mut diagnostics = ctx.found;
    // What is not used is worth a word only when nothing is wrong: else it is mostly a consequence.
    if diagnostics.iter().any(Diagnostic::is_error) {
        diagnostics.retain(|d| d.number != 901 || d.is_error());
    }
    let over = diag::settle(&mut diagnostics);
    let rendered = diag::render_all(&diagnostics, over, &ctx.sources);
    let failed = ctx.dangling || !need.is_empty() || diagnostics.iter().any(Diagnostic::is_error);
    let json = diagnostics
        .iter()
        .map(|d| diag::to_json(d, &ctx.sources))
        .collect();
    Checked {
        plan: plan.filter(|_| !failed),
        diagnostics,
        json,
        need_providers: need,
        rendered,
        compose,
        read: [trees.root, trees.config, trees.model]
            .into_iter()
            .flatten()
            .collect(),
    }
}

/// The files of a bundle, where there are any.
struct Trees {
    root: Option<Node>,
    config: Option<Node>,
    model: Option<Node>,
}

impl Ctx<'_> {
    fn plan(
        &mut self,
        trees: &mut Trees,
        providers: &mut dyn Providers,
    ) -> Option<(Option<Plan>, Compose, Vec<String>)> {
        let root = trees.root.as_mut()?;
        let key = crate::key::key(root, trees.config.as_ref());
        self.overrides(root);
        let mut script = self.script(root, trees.config.as_ref())?;
        let (mut used, actions_used) = used(&script);
        let bound: HashSet<String> = {
            let names: Vec<&str> = script
                .components
                .iter()
                .map(|c| c.name.value.as_str())
                .collect();
            let exact = |name: &str| names.contains(&name).then(|| name.to_owned());
            let near = |name: &str| diag::nearest(name, names.iter().copied()).map(str::to_owned);
            let all = script.resources.iter().filter_map(|r| r.component.as_ref());
            all.filter_map(|c| exact(&c.value).or_else(|| near(&c.value)))
                .collect()
        };
        used.extend(bound.iter().cloned());
        let mut components =
            self.find_components(std::mem::take(&mut script.components), &used, &bound);
        let simulated = self.is_simulated(&components);
        if simulated {
            sim::stand_in(&mut components);
            // What simulates needs no grant of what it stands for.
            self.found.retain(|d| d.number != 707);
        }
        let resources = self.open_resources(
            std::mem::take(&mut script.resources),
            &components,
            providers,
        );
        let need = if resources.need
            == self
                .req
                .providers
                .iter()
                .map(|p| components::clean(p))
                .collect::<Vec<_>>()
        {
            Vec::new()
        } else {
            resources.need.clone()
        };
        let actions = self.bind_actions(&script.actions, &actions_used, &components);
        let program = script
            .program
            .clone()
            .or_else(|| self.req.bundle_name.clone())
            .unwrap_or_else(|| "bundle".to_owned());
        let globals = globals(&script, &components, &resources, &program);
        let mut shop = Shop {
            actions: &actions,
            components: &components,
            answers: components.answers().into(),
            shared: std::rc::Rc::default(),
            next: 0,
            saved: std::collections::HashMap::new(),
            limits: Vec::new(),
            retry: script.watching.retry.clone(),
            responses: &script.watching.responses,
            retries: std::collections::HashMap::new(),
        };
        let book = self.book(std::mem::take(&mut script.workbook));
        let mut scenarios = self.scenarios(&script, &resources, &book, &mut shop, &globals);
        self.starts(&script.load.scenarios, &mut scenarios.plan);
        scenarios::limit(
            &script.load.scenarios,
            &mut scenarios.plan,
            &mut shop.limits,
        );
        let answers = std::mem::take(&mut scenarios.answers);
        let alerts = std::mem::take(&mut scenarios.alerts);
        let monitoring = self.watching(&script, &components, answers, alerts);
        self.never_used(&shop, &resources, &scenarios.used);
        self.domains(&scenarios.plan, &components, &resources);
        self.limits(&scenarios.plan, &script, &resources);
        let mut plan = Plan {
            wbs: wbs::wbs(&program, &scenarios.plan, &components.plan, &resources.plan),
            program,
            key,
            version: script.version,
            tick: script.load.tick.or(script.tick).unwrap_or(TICK),
            components: components.plan.clone(),
            resources: resources.plan,
            scenarios: scenarios.plan,
            limits: shop.limits,
            workbook: book.plan(),
            monitoring,
            globals,
            sim: None,
        };
        let model = trees.model.as_ref().map(|node| self.sim(node));
        self.simulate(
            model.as_ref(),
            &mut plan,
            simulated,
            &components,
            &script.actions,
        );
        let mut compose = components.compose();
        if simulated {
            sim::composed(&mut compose);
        }
        Some((Some(plan), compose, need))
    }

    fn never_used(
        &mut self,
        shop: &Shop<'_, '_>,
        resources: &resources::Resources<'_>,
        used: &std::collections::BTreeSet<usize>,
    ) {
        for (span, (name, read)) in &shop.saved {
            // A library's action saves for whoever uses it.
            if !read && self.sources.name(span.file) != CONFIG_FILE {
                let found =
                    Diagnostic::warning(901, *span, format!("variable `{name}` is never used"));
                self.report(
                    found
                        .label("saved, but not read")
                        .help("read it in a template, or remove the `save-as`"),
                );
            }
        }
        for (index, decl) in resources
            .decls
            .iter()
            .enumerate()
            .filter(|(i, _)| !used.contains(i))
        {
            let name = &decl.name.value;
            let found = Diagnostic::warning(
                901,
                decl.name.span,
                format!("resource `{name}` is never used"),
            )
            .label("nobody reads it");
            let help = if resources.leased[index] {
                format!("add it to a scenario: `user: {{inherit: [{name}]}}`")
            } else {
                format!("read it as `{{{{resource.{name}.FIELD}}}}`")
            };
            self.report(found.at(&decl.path).help(help));
        }
    }
}

/// Components and actions that the workflows use.
fn used(script: &Script<'_>) -> (HashSet<String>, HashSet<String>) {
    let declared: Vec<&str> = script
        .components
        .iter()
        .map(|c| c.name.value.as_str())
        .collect();
    let responses = script.watching.responses.iter();
    let mut steps = script
        .workflows
        .iter()
        .flat_map(|w| w.outer())
        .chain(responses.flat_map(|r| &r.steps.steps));
    let steps: &mut dyn Iterator<Item = &StepDecl<'_>> = &mut steps;
    actions::called(steps, &script.actions, &declared)
}

/// What `global.*` reads: names given by the author over facts of the declarations.
fn globals(
    script: &Script<'_>,
    components: &Components<'_>,
    resources: &resources::Resources<'_>,
    program: &str,
) -> Json {
    let of_component = |c: &crate::plan::Component| {
        (
            c.name.clone(),
            json!({"version": c.version, "kind": c.kind, "entry": c.entry, "metadata": c.metadata}),
        )
    };
    let of_resource = |(d, r): (
        &crate::read::resources::ResourceDecl<'_>,
        &crate::plan::Resource,
    )| {
        let metadata = d.metadata.map_or(Json::Null, json::json);
        (
            r.name.clone(),
            json!({"type": r.kind, "strategy": r.strategy, "guard": r.guard, "entries": r.entries, "metadata": metadata}),
        )
    };
    let mut all = Map::new();
    all.insert("program".into(), program.into());
    all.insert("version".into(), script.version.clone().into());
    all.insert(
        "components".into(),
        Json::Object(components.plan.iter().map(of_component).collect()),
    );
    all.insert(
        "resources".into(),
        Json::Object(
            resources
                .decls
                .iter()
                .zip(&resources.plan)
                .map(of_resource)
                .collect(),
        ),
    );
    if let Some(monitoring) = script.monitoring {
        all.insert("monitoring".into(), json::json(monitoring));
    }
    for node in script.globals.iter().rev() {
        if let Json::Object(own) = json::json(node) {
            all.extend(own);
        }
    }
    Json::Object(all)
}
