//! The plan, compiled for running: indexes instead of names, one flat list of items per list of steps.

use pmplab_dsl::plan::{
    Call, Exit, Head, Ns, Part, Plan, Role, Severity, Spawn, Step, Target, Template, Term, Value,
    Variable,
};
use pmplab_records::Dictionaries;
use serde_json::Value as Json;

use crate::ports::ActionSpec;

/// Everything that does not change while the run goes on.
#[derive(Debug)]
pub struct Program {
    pub name: String,
    pub tick: Ns,
    pub scenes: Vec<Scene>,
    pub resources: Vec<Pool>,
    pub dictionaries: Dictionaries,
    /// What each protocol slot must `prepare`: slot, action id, action.
    pub actions: Vec<(usize, u32, ActionSpec)>,
}

/// A resource of the plan.
#[derive(Debug)]
pub struct Pool {
    pub name: String,
    pub kind: String,
    /// Slot of its provider.
    pub slot: usize,
    /// What the provider calls it.
    pub id: u32,
    pub ttl: Option<Ns>,
    pub auto_renew: bool,
    /// Users lease its entries.
    pub leased: bool,
    /// Index of its first key in the dictionary of resources, and how many there are.
    pub base: u32,
    pub keys: u32,
}

/// A scenario.
#[derive(Debug)]
pub struct Scene {
    pub name: String,
    pub workflow: String,
    pub portfolio: String,
    pub spawn: Spawn,
    pub users: u64,
    /// Number of its first user over the whole run.
    pub first_user: u64,
    pub task_duration: Option<Ns>,
    pub iterations: Option<u64>,
    pub max_duration: Option<Ns>,
    pub user_deadline: Option<Ns>,
    pub task_timeout: Option<Ns>,
    pub severity: Severity,
    pub inherit: Vec<usize>,
    pub vars: Vec<Variable>,
    pub error_exit: Exit,
    pub timeout_exit: Exit,
    /// List 0 is the workflow itself.
    pub lists: Vec<Vec<Item>>,
    pub on_error: Option<usize>,
    pub on_timeout: Option<usize>,
    /// How many calls its lists hold: `CallOp::site` is dense below it.
    pub sites: usize,
    /// Protocol slots that it calls.
    pub slots: Vec<usize>,
}

/// A step.
#[derive(Debug)]
pub struct Item {
    /// Index into the dictionary of nodes.
    pub node: u32,
    pub op: Op,
}

#[derive(Debug)]
pub enum Op {
    Call(Box<CallOp>),
    Log { level: String, message: Template },
    Goto(Target),
}

/// A call of a protocol component, or of a store.
#[derive(Debug)]
pub struct CallOp {
    pub action: u32,
    pub to: Callee,
    /// Indexes into the dictionaries.
    pub component: u32,
    pub call: u32,
    /// `http.get`, and who answers for it.
    pub name: String,
    pub owner: String,
    pub site: usize,
    pub holes: Vec<Template>,
    pub save: Option<usize>,
    pub on_error: Option<usize>,
    pub on_timeout: Option<usize>,
    pub proceed: bool,
}

#[derive(Debug)]
pub enum Callee {
    Protocol { slot: usize },
    Store(StoreCall),
}

/// A call of a `kv_store`, which the core makes itself.
#[derive(Debug)]
pub struct StoreCall {
    pub verb: Verb,
    /// Index into `Program::resources`.
    pub resource: usize,
    /// The `with`, and where its holes are.
    pub with: Json,
    pub pointers: Vec<String>,
    pub outputs: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Get,
    Put,
    Delete,
}

/// Index of a name in a growing list.
fn index_of(names: &mut Vec<String>, name: &str) -> u32 {
    let found = names
        .iter()
        .position(|known| known == name)
        .unwrap_or_else(|| {
            names.push(name.to_owned());
            names.len() - 1
        });
    small(found)
}

fn small(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// The text of a template that holds no expression but constants.
fn constant(template: &Template) -> Option<String> {
    match template {
        Template::Whole(expr) => match &expr.term {
            Term::Const(Value::Text(text)) => Some(text.clone()),
            _ => None,
        },
        Template::Mixed(parts) => match parts.as_slice() {
            [] => Some(String::new()),
            [Part::Text(text)] => Some(text.clone()),
            _ => None,
        },
    }
}

impl Program {
    /// Compiles a plan.
    ///
    /// # Errors
    /// When the plan refers to what it lacks: a sentence that says what.
    pub fn compile(plan: &Plan) -> Result<Self, String> {
        let mut dictionaries = Dictionaries {
            components: plan
                .components
                .iter()
                .map(|component| component.name.clone())
                .collect(),
            ..Dictionaries::default()
        };
        let resources = pools(plan, &mut dictionaries)?;
        let mut actions = Vec::new();
        let mut scenes = Vec::with_capacity(plan.scenarios.len());
        let mut first_user = 0_u64;
        for scenario in &plan.scenarios {
            dictionaries.scenarios.push(scenario.name.clone());
            let mut build = Build {
                plan,
                inherit: &scenario.inherit,
                dictionaries: &mut dictionaries,
                actions: &mut actions,
                lists: vec![vec![]],
                sites: 0,
                slots: vec![],
            };
            build.lists[0] = build.items(&scenario.steps)?;
            let on_error = build.handler(Some(&scenario.on_error))?;
            let on_timeout = build.handler(Some(&scenario.on_timeout))?;
            let Build {
                lists,
                sites,
                slots,
                ..
            } = build;
            scenes.push(Scene {
                name: scenario.name.clone(),
                workflow: scenario.workflow.clone(),
                portfolio: scenario.portfolio.clone(),
                spawn: scenario.spawn.clone(),
                users: scenario.users,
                first_user,
                task_duration: scenario.task_duration,
                iterations: scenario.iterations,
                max_duration: scenario.max_duration,
                user_deadline: scenario.user_deadline,
                task_timeout: scenario.task_timeout,
                severity: scenario.severity,
                inherit: scenario.inherit.clone(),
                vars: scenario.vars.clone(),
                error_exit: scenario.error_exit,
                timeout_exit: scenario.timeout_exit,
                lists,
                on_error,
                on_timeout,
                sites,
                slots,
            });
            first_user = first_user.saturating_add(scenario.users);
        }
        Ok(Self {
            name: plan.program.clone(),
            tick: plan.tick.max(1_000_000),
            scenes,
            resources,
            dictionaries,
            actions,
        })
    }
}

fn pools(plan: &Plan, dictionaries: &mut Dictionaries) -> Result<Vec<Pool>, String> {
    let mut pools = Vec::with_capacity(plan.resources.len());
    for resource in &plan.resources {
        let provider = plan
            .components
            .get(resource.provider)
            .ok_or_else(|| format!("resource `{}` has no provider", resource.name))?;
        let base = small(dictionaries.resources.len());
        dictionaries.resources.extend(
            resource
                .keys
                .iter()
                .map(|key| format!("{}/{key}", resource.name)),
        );
        pools.push(Pool {
            name: resource.name.clone(),
            kind: resource.kind.clone(),
            slot: provider.slot.unwrap_or(u32::MAX) as usize,
            id: resource.id,
            ttl: resource.ttl,
            auto_renew: resource.auto_renew,
            leased: resource.kind == "pair_pool"
                || resource.calls.iter().any(|(role, _)| role == "acquire"),
            base,
            keys: small(resource.keys.len()),
        });
    }
    Ok(pools)
}

/// A scenario under compilation.
struct Build<'p> {
    plan: &'p Plan,
    inherit: &'p [usize],
    dictionaries: &'p mut Dictionaries,
    actions: &'p mut Vec<(usize, u32, ActionSpec)>,
    lists: Vec<Vec<Item>>,
    sites: usize,
    slots: Vec<usize>,
}

impl Build<'_> {
    fn handler(&mut self, steps: Option<&Vec<Step>>) -> Result<Option<usize>, String> {
        let Some(steps) = steps.filter(|steps| !steps.is_empty()) else {
            return Ok(None);
        };
        let items = self.items(steps)?;
        self.lists.push(items);
        Ok(Some(self.lists.len() - 1))
    }

    fn items(&mut self, steps: &[Step]) -> Result<Vec<Item>, String> {
        steps.iter().map(|step| self.item(step)).collect()
    }

    fn item(&mut self, step: &Step) -> Result<Item, String> {
        let node = index_of(&mut self.dictionaries.nodes, &step.node);
        let op = match &step.head {
            Head::Goto(target) => Op::Goto(target.clone()),
            Head::Log { level, message } => Op::Log {
                level: level.clone(),
                message: message.clone(),
            },
            Head::Call(call) => Op::Call(Box::new(self.call(step, call)?)),
            _ => return Err(format!("{}: this engine cannot run such a step", step.node)),
        };
        Ok(Item { node, op })
    }

    fn call(&mut self, step: &Step, call: &Call) -> Result<CallOp, String> {
        let component = self
            .plan
            .components
            .get(call.component)
            .ok_or_else(|| format!("{}: no such component", step.node))?;
        let slot = component
            .slot
            .ok_or_else(|| format!("{}: component `{}` has no slot", step.node, component.name))?
            as usize;
        let to = match component.role {
            Role::Resource => Callee::Store(self.store_call(step, call)?),
            Role::Protocol => {
                if !self.slots.contains(&slot) {
                    self.slots.push(slot);
                }
                self.actions.push((slot, call.action, self.spec(call)));
                Callee::Protocol { slot }
            }
        };
        let site = self.sites;
        self.sites += 1;
        Ok(CallOp {
            action: call.action,
            to,
            component: small(call.component),
            call: index_of(&mut self.dictionaries.calls, &call.call),
            name: format!("{}.{}", component.name, call.call),
            owner: format!("scheduler/{}-adapter", component.name),
            site,
            holes: call
                .holes
                .iter()
                .map(|hole| hole.template.clone())
                .collect(),
            save: call.save.as_ref().map(|save| save.var),
            on_error: self.handler(call.on_error.as_ref())?,
            on_timeout: self.handler(call.on_timeout.as_ref())?,
            proceed: call.proceed,
        })
    }

    fn spec(&self, call: &Call) -> ActionSpec {
        ActionSpec {
            call: call.call.clone(),
            params: call.with.to_string(),
            holes: call.holes.iter().map(|hole| hole.pointer.clone()).collect(),
            outputs: call.outputs.clone(),
            resources: self
                .inherit
                .iter()
                .filter_map(|&index| self.plan.resources.get(index))
                .map(|resource| (resource.name.clone(), resource.fields.clone()))
                .collect(),
            timeout: call.timeout,
            max_body: call.max_body,
        }
    }

    fn store_call(&self, step: &Step, call: &Call) -> Result<StoreCall, String> {
        let verb = match call.call.as_str() {
            "get" => Verb::Get,
            "put" => Verb::Put,
            "delete" => Verb::Delete,
            other => {
                return Err(format!(
                    "{}: a script cannot call `{other}` of a resource component",
                    step.node
                ));
            }
        };
        let named = match call.holes.iter().find(|hole| hole.pointer == "/store") {
            Some(hole) => constant(&hole.template),
            None => call
                .with
                .get("store")
                .and_then(Json::as_str)
                .map(str::to_owned),
        };
        let mut stores = self
            .plan
            .resources
            .iter()
            .enumerate()
            .filter(|(_, resource)| {
                resource.provider == call.component
                    && named
                        .as_ref()
                        .map_or(resource.kind == "kv_store", |name| *name == resource.name)
            });
        let Some((resource, _)) = stores.next() else {
            return Err(format!(
                "{}: `store` names no kv_store of the script",
                step.node
            ));
        };
        if stores.next().is_some() {
            return Err(format!(
                "{}: `store` must say which kv_store is meant",
                step.node
            ));
        }
        Ok(StoreCall {
            verb,
            resource,
            with: call.with.clone(),
            pointers: call.holes.iter().map(|hole| hole.pointer.clone()).collect(),
            outputs: call.outputs.clone(),
        })
    }
}
