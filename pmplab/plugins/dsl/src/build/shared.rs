//! What all users share: a variable that any scenario saves with the scope `global` is read in every scenario.

use super::calls::index_of;
use super::components::Components;
use super::outputs;
use super::resources::Resources;
use super::scenarios::Scenarios;
use super::scope::{Scope, Var};
use super::steps::Shop;
use super::types::Types;
use super::workbook::Book;
use crate::diag::Diagnostic;
use crate::plan::VarScope;
use crate::read::Ctx;
use crate::read::workflows::WorkflowDecl;
use serde_json::Value as Json;
use std::collections::{BTreeMap, HashMap};

/// Variables of all users, by name, as all workflows that run save them.
#[derive(Debug, Default)]
pub struct Shared {
    vars: BTreeMap<String, Var>,
    types: Types,
}

impl Shared {
    pub fn get(&self, name: &str) -> Option<&Var> {
        self.vars.get(name)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.vars.keys().map(String::as_str)
    }

    fn add(&mut self, scope: Scope<'_, '_>) {
        let global = |var: &Var| var.scope == VarScope::Global;
        for var in scope.vars.into_iter().filter(global) {
            self.types.adopt(&var.name, &scope.types);
            match self.vars.get_mut(&var.name) {
                Some(known) => known.join(&var),
                None => {
                    self.vars.insert(var.name.clone(), var);
                }
            }
        }
    }
}

impl Var {
    /// Others write it too.
    fn join(&mut self, other: &Self) {
        for writer in &other.writers {
            if !self.writers.iter().any(|known| known.span == writer.span) {
                self.writers.push(writer.clone());
            }
        }
        self.brings(other.outputs.as_deref());
    }
}

impl Scope<'_, '_> {
    /// What this workflow saves for all is saved by the others too.
    pub fn share(&mut self, shop: &Shop<'_, '_>) {
        self.shared = shop.shared.clone();
        for var in &mut self.vars {
            if let Some(other) = self.shared.get(&var.name)
                && var.scope == VarScope::Global
            {
                var.join(other);
                self.types.adopt(&var.name, &self.shared.types);
            }
        }
    }

    /// Where a variable of all users stands. One that only others save gets its place here when it is first read.
    pub fn global(&mut self, name: &str) -> Option<usize> {
        let own = self.var(name);
        if let Some(var) = own.filter(|var| self.vars[*var].scope == VarScope::Global) {
            return Some(var);
        }
        if let Some(var) = self.borrowed.get(name) {
            return Some(*var);
        }
        let var = self.shared.get(name)?.clone();
        self.types.adopt(name, &self.shared.types);
        self.borrowed.insert(name.to_owned(), self.vars.len());
        self.vars.push(var);
        self.borrowed.get(name).copied()
    }
}

impl<'n> Ctx<'_> {
    /// What the workflows save for all. Nothing is said of them: that is done when they are compiled.
    pub fn shared(
        &mut self,
        workflows: &[&WorkflowDecl<'n>],
        resources: &Resources<'n>,
        book: &Book<'n>,
        shop: &Shop<'_, 'n>,
    ) -> Shared {
        let mut shared = Shared::default();
        let said = self.found.len();
        for workflow in workflows {
            let mut scope = Scope::new(resources, book, &Json::Null, workflow.name.span);
            self.declare_vars(workflow, &mut scope, shop);
            shared.add(scope);
        }
        self.found.truncate(said);
        self.split(&shared);
        shared
    }

    /// Shards are processes that do not talk: each has the variables of its own users.
    fn split(&mut self, shared: &Shared) {
        let shards = self.req.shards;
        if shards < 2 {
            return;
        }
        for var in shared.vars.values() {
            let Some(writer) = var.writers.first() else {
                continue;
            };
            let message = format!(
                "`{}` is shared only by the users of one shard, and the run has {shards}",
                var.name
            );
            let found = Diagnostic::warning(303, writer.span, message)
                .label("each shard keeps its own")
                .help("run it without `--shards`, or let each user save what it needs");
            self.report(found);
        }
    }
}

/// Whoever saves a variable of all users keeps what any scenario reads of it. Then it is known what each call must bring.
pub fn agree(all: &mut Scenarios, components: &Components<'_>) {
    let mut read: HashMap<String, Vec<String>> = HashMap::new();
    let global = |scope| scope == VarScope::Global;
    let vars = all.plan.iter().flat_map(|scenario| &scenario.vars);
    let vars = vars.chain(&all.alerts.vars);
    for var in vars.filter(|var| global(var.scope)) {
        let fields = read.entry(var.name.clone()).or_default();
        for field in &var.fields {
            index_of(fields, field);
        }
    }
    for (scenario, answers) in all.plan.iter_mut().zip(&mut all.answers) {
        let writes = scenario.vars.iter_mut().filter(|v| !v.writers.is_empty());
        for var in writes.filter(|var| global(var.scope)) {
            for field in &read[&var.name] {
                index_of(&mut var.fields, field);
            }
        }
        outputs::fill(scenario, answers, components);
    }
}
