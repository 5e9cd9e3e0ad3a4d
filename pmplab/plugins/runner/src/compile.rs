//! From the plan to the program.

use pmplab_dsl::plan::{
    Arrow, Branch, Call, Component, Expr, Graph, Head, Limit, LimitPer, Loop, Origin, Over,
    Parallel, Part, Plan, Role, Scenario, Source, Step, Target, Template, Term, Value, VarScope,
    Variable, Wait,
};
use pmplab_dsl::workbook::FLAG;
use pmplab_records::Dictionaries;
use serde_json::Value as Json;

use crate::ops::{
    Arm, By, CallOp, Callee, Code, End, ExtractOp, ForkOp, LimitRef, LoopOp, NodeOp, Op, Pc,
    Rounds, RouteOp, SaveOp, StoreCall, VarOp, Verb,
};
use crate::ports::ActionSpec;
use crate::program::{Pool, Program, Reads, Scene, Shared};

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
        let mut shared = Vec::new();
        let mut scenes = Vec::with_capacity(plan.scenarios.len());
        let mut alerts = Reads::default();
        for alert in &plan.monitoring.alerts {
            alert
                .when
                .term
                .each_source(&mut |source| alerts.see(source));
            for part in parts(&alert.message) {
                part.term.each_source(&mut |source| alerts.see(source));
            }
        }
        let mut first_user = 0_u64;
        for (at, scenario) in plan.scenarios.iter().enumerate() {
            dictionaries.scenarios.push(scenario.name.clone());
            let keeps = scenario
                .vars
                .iter()
                .map(|variable| keep(variable, &mut shared))
                .collect();
            let build = Build {
                plan,
                scenario,
                dictionaries: &mut dictionaries,
                actions: &mut actions,
                ops: vec![],
                later: vec![],
                sites: 0,
                slots: vec![],
                user_limits: vec![],
                scene_limits: vec![],
                reads: Reads {
                    latency: alerts.latency,
                    ..Reads::default()
                },
            };
            scenes.push(build.scene(at, first_user, keeps)?);
            first_user = first_user.saturating_add(scenario.users);
        }
        let watched = plan.monitoring.vars.iter();
        let watched = watched
            .map(|variable| keep(variable, &mut shared))
            .collect();
        let mut silent = [false; 6];
        for &section in &plan.workbook.silent {
            if let Some(silent) = silent.get_mut(section) {
                *silent = true;
            }
        }
        Ok(Self {
            name: plan.program.clone(),
            tick: plan.tick.max(1_000_000),
            scenes,
            resources,
            dictionaries,
            actions,
            limits: plan.limits.clone(),
            shared,
            alerts: plan.monitoring.alerts.clone(),
            watched,
            aliases: plan.workbook.expose.clone(),
            silent,
        })
    }
}

impl Reads {
    fn see(&mut self, source: &Source) {
        match source {
            Source::Event(_) => self.event = true,
            Source::Input(_) => self.inputs = true,
            Source::Workbook(path) | Source::Item { of: path, .. } => {
                self.trace |= path == "timeline.transition_trace";
                self.log |= path == "execution.action_log";
                self.latency |= path.starts_with("telemetry.latency_ms");
            }
            _ => {}
        }
    }
}

/// What a component may measure of a call, as its section declares it.
fn measures<'c>(component: &'c Component, call: &str) -> impl Iterator<Item = &'c str> {
    let calls = component.section.get("calls");
    let declared = calls.and_then(|calls| calls.get(call)?.get("measures")?.as_array());
    declared
        .into_iter()
        .flatten()
        .filter_map(|measure| measure.get("name")?.as_str())
}

/// Where a variable is kept. One that all users share is kept by its name, with all fields that any scenario reads.
fn keep(variable: &Variable, shared: &mut Vec<Shared>) -> VarOp {
    let mut keep = VarOp {
        merge: variable.merge,
        shared: None,
        fields: vec![],
        user: variable.scope == VarScope::UserLocal,
        record: variable
            .record
            .clone()
            .map(|(section, path)| (small(section), path)),
        plain: matches!(variable.fields.as_slice(), [field] if field == "value"),
    };
    if variable.scope == VarScope::Global {
        let at = shared
            .iter()
            .position(|known| known.name == variable.name)
            .unwrap_or_else(|| {
                shared.push(Shared {
                    name: variable.name.clone(),
                    fields: vec![],
                    merge: variable.merge,
                    default: None,
                });
                shared.len() - 1
            });
        let known = &mut shared[at];
        known.default = known.default.take().or_else(|| variable.default.clone());
        keep.shared = Some(at);
        keep.fields = variable
            .fields
            .iter()
            .map(|field| index_of(&mut known.fields, field) as usize)
            .collect();
    }
    keep
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

/// The expressions of a template.
fn parts(template: &Template) -> Vec<&Expr> {
    match template {
        Template::Whole(expr) => vec![expr],
        Template::Mixed(parts) => parts
            .iter()
            .filter_map(|part| match part {
                Part::Expr(expr) => Some(expr),
                Part::Text(_) => None,
            })
            .collect(),
    }
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

/// Steps that are compiled behind the workflow, and which field of which call leads to them.
struct Later<'p> {
    call: Pc,
    what: Attached,
    steps: &'p [Step],
}

#[derive(Clone, Copy)]
enum Attached {
    OnError,
    OnTimeout,
    Compensate,
}

/// A scenario under compilation.
struct Build<'p, 'd> {
    plan: &'p Plan,
    scenario: &'p Scenario,
    dictionaries: &'d mut Dictionaries,
    actions: &'d mut Vec<(usize, u32, ActionSpec)>,
    ops: Vec<Op>,
    later: Vec<Later<'p>>,
    sites: usize,
    slots: Vec<usize>,
    user_limits: Vec<usize>,
    scene_limits: Vec<usize>,
    reads: Reads,
}

impl<'p> Build<'p, '_> {
    fn scene(mut self, at: usize, first_user: u64, keeps: Vec<VarOp>) -> Result<Scene, String> {
        let scenario = self.scenario;
        let mut starts = Vec::new();
        let mut nodes = Vec::new();
        let mut entry = 0;
        if let Some(graph) = &scenario.graph {
            nodes = self.graph(graph)?;
            entry = nodes
                .get(graph.entry)
                .ok_or_else(|| format!("scenario `{}`: its graph has no entry", scenario.name))?
                .pc;
        } else {
            for step in &scenario.steps {
                starts.push(self.here());
                self.step(step)?;
            }
            self.end(End::Workflow);
        }
        let on_error = self.list(&scenario.on_error, End::Handler)?;
        let on_timeout = self.list(&scenario.on_timeout, End::Handler)?;
        let mut responses = Vec::new();
        for response in &self.plan.monitoring.responses {
            let steps = response.steps.get(at).map_or(&[][..], Vec::as_slice);
            if let Some(pc) = self.list(steps, End::Response)? {
                responses.push((response.flag.clone(), pc));
            }
        }
        while let Some(later) = self.later.pop() {
            self.attach(&later)?;
        }
        Ok(Scene {
            name: scenario.name.clone(),
            workflow: scenario.workflow.clone(),
            portfolio: scenario.portfolio.clone(),
            spawn: scenario.spawn.clone(),
            users: scenario.users,
            arrival: scenario.arrival.clone(),
            pacing: scenario.pacing,
            start: scenario.start,
            first_user,
            task_duration: scenario.task_duration,
            iterations: scenario.iterations,
            max_duration: scenario.max_duration,
            user_deadline: scenario.user_deadline,
            task_timeout: scenario.task_timeout,
            severity: scenario.severity,
            inherit: scenario.inherit.clone(),
            flag: scenario.vars.iter().position(|var| var.name == FLAG),
            begins: (0..scenario.vars.len())
                .filter(|var| scenario.vars[*var].begin.is_some())
                .collect(),
            vars: scenario.vars.clone(),
            keeps,
            error_exit: scenario.error_exit,
            timeout_exit: scenario.timeout_exit,
            ops: self.ops,
            entry,
            steps: starts,
            first_node: scenario.graph.as_ref().map(|graph| graph.entry),
            nodes,
            on_error,
            on_timeout,
            responses,
            sites: self.sites,
            slots: self.slots,
            user_limits: self.user_limits,
            scene_limits: self.scene_limits,
            reads: self.reads,
        })
    }

    fn here(&self) -> Pc {
        small(self.ops.len())
    }

    fn push(&mut self, node: u32, code: Code) -> Pc {
        let at = self.here();
        self.ops.push(Op { node, code });
        at
    }

    /// An end belongs to the step before it.
    fn end(&mut self, end: End) -> Pc {
        let node = self.ops.last().map_or(0, |op| op.node);
        self.push(node, Code::End(end))
    }

    fn template(&mut self, template: &Template) -> Template {
        for expr in parts(template) {
            self.reads(expr);
        }
        template.clone()
    }

    fn condition(&mut self, expr: &Expr) -> Expr {
        self.reads(expr);
        expr.clone()
    }

    /// Notes what must be kept because something reads it.
    fn reads(&mut self, expr: &Expr) {
        let reads = &mut self.reads;
        expr.term.each_source(&mut |source| reads.see(source));
    }

    fn steps(&mut self, steps: &'p [Step]) -> Result<(), String> {
        steps.iter().try_for_each(|step| self.step(step))
    }

    /// A list of its own; none when it is empty.
    fn list(&mut self, steps: &'p [Step], end: End) -> Result<Option<Pc>, String> {
        if steps.is_empty() {
            return Ok(None);
        }
        let at = self.here();
        self.steps(steps)?;
        self.end(end);
        Ok(Some(at))
    }

    fn attach(&mut self, later: &Later<'p>) -> Result<(), String> {
        let end = match later.what {
            Attached::Compensate => End::Compensation,
            Attached::OnError | Attached::OnTimeout => End::Handler,
        };
        let pc = self.list(later.steps, end)?;
        if let Code::Call(call) = &mut self.ops[later.call as usize].code {
            match later.what {
                Attached::OnError => call.on_error = pc,
                Attached::OnTimeout => call.on_timeout = pc,
                Attached::Compensate => call.compensate = pc,
            }
        }
        Ok(())
    }

    fn step(&mut self, step: &'p Step) -> Result<(), String> {
        let node = index_of(&mut self.dictionaries.nodes, &step.node);
        match &step.head {
            Head::Goto(target) => {
                self.push(node, Code::Goto(target.clone()));
            }
            Head::Log { level, message } => {
                let message = self.template(message);
                let level = level.clone();
                self.push(node, Code::Log { level, message });
            }
            Head::Call(call) => self.call_step(node, step, call)?,
            Head::If {
                cond,
                then,
                otherwise,
            } => self.branch(node, cond, then, otherwise)?,
            Head::Loop(rounds) => self.rounds(node, rounds)?,
            Head::Parallel(parallel) => self.parallel(node, parallel)?,
            Head::Wait { time, .. } => {
                self.push(node, Code::Wait(*time));
            }
            Head::Update(writes) => {
                let writes = writes
                    .iter()
                    .map(|(var, value)| (*var, self.template(value)))
                    .collect();
                self.push(node, Code::Update(writes));
            }
            Head::Monitor { cond, timeout } => {
                let cond = self.condition(cond);
                let timeout = *timeout;
                self.push(node, Code::Monitor { cond, timeout });
            }
        }
        Ok(())
    }

    fn call_step(&mut self, node: u32, step: &Step, call: &'p Call) -> Result<(), String> {
        let op = self.call(step, call)?;
        let at = self.push(node, Code::Call(Box::new(op)));
        let mut later = |what, steps| {
            self.later.push(Later {
                call: at,
                what,
                steps,
            });
        };
        if let Some(steps) = &call.on_error {
            later(Attached::OnError, steps.as_slice());
        }
        if let Some(steps) = &call.on_timeout {
            later(Attached::OnTimeout, steps.as_slice());
        }
        if let Some(step) = &call.compensate {
            later(Attached::Compensate, std::slice::from_ref(&**step));
        }
        Ok(())
    }

    fn branch(
        &mut self,
        node: u32,
        cond: &Expr,
        then: &'p [Step],
        otherwise: &'p [Step],
    ) -> Result<(), String> {
        let cond = self.condition(cond);
        let unless = self.push(node, Code::Unless { cond, to: 0 });
        self.steps(then)?;
        let jump = (!otherwise.is_empty()).then(|| self.push(node, Code::Jump(0)));
        let here = self.here();
        if let Code::Unless { to, .. } = &mut self.ops[unless as usize].code {
            *to = here;
        }
        if let Some(jump) = jump {
            self.steps(otherwise)?;
            let here = self.here();
            self.ops[jump as usize].code = Code::Jump(here);
        }
        Ok(())
    }

    fn rounds(&mut self, node: u32, rounds: &'p Loop) -> Result<(), String> {
        let over = match &rounds.over {
            Over::Count(count) => Rounds::Count(self.template(count)),
            Over::While { cond, max } => Rounds::While {
                cond: self.condition(cond),
                max: *max,
            },
            Over::Items(items) => Rounds::Items(self.template(items)),
        };
        let op = LoopOp {
            over,
            bind: rounds.bind,
            after: 0,
        };
        let at = self.push(node, Code::Loop(Box::new(op)));
        self.steps(&rounds.steps)?;
        self.push(node, Code::Again(at));
        let here = self.here();
        if let Code::Loop(op) = &mut self.ops[at as usize].code {
            op.after = here;
        }
        Ok(())
    }

    fn parallel(&mut self, node: u32, parallel: &'p Parallel) -> Result<(), String> {
        let count = parallel.branches.len();
        let op = ForkOp {
            branches: vec![],
            need: match parallel.wait {
                Wait::All => count,
                Wait::Any => count.min(1),
                Wait::Count(n) => count.min(n as usize),
            },
            after: 0,
        };
        let at = self.push(node, Code::Fork(Box::new(op)));
        let mut starts = Vec::with_capacity(count);
        for Branch { steps, .. } in &parallel.branches {
            starts.push(self.here());
            self.steps(steps)?;
            self.end(End::Branch);
        }
        let here = self.here();
        if let Code::Fork(op) = &mut self.ops[at as usize].code {
            op.branches = starts;
            op.after = here;
        }
        Ok(())
    }

    fn graph(&mut self, graph: &'p Graph) -> Result<Vec<NodeOp>, String> {
        let mut nodes = Vec::with_capacity(graph.nodes.len());
        let reaches = reach(graph, self.scenario);
        for (node, reaches) in graph.nodes.iter().zip(reaches) {
            let pc = self.here();
            self.step(&node.step)?;
            let arms = node
                .transitions
                .iter()
                .map(|transition| Arm {
                    event: transition.event,
                    when: transition.when.as_ref().map(|when| self.condition(when)),
                    to: transition.to.clone(),
                })
                .collect();
            let at = index_of(&mut self.dictionaries.nodes, &node.step.node);
            let route = self.push(at, Code::Route(Box::new(RouteOp { arms })));
            nodes.push(NodeOp {
                pc,
                route,
                join: node.join,
                reaches,
            });
        }
        Ok(nodes)
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
        let extract = call
            .extract
            .iter()
            .map(|extract| {
                let by = By::new(&extract.by)
                    .map_err(|error| format!("{}: `{}`: {error}", step.node, extract.name))?;
                let output = extract.output;
                Ok(ExtractOp { output, by })
            })
            .collect::<Result<_, String>>()?;
        Ok(CallOp {
            action: call.action,
            to,
            component: small(call.component),
            call: index_of(&mut self.dictionaries.calls, &call.call),
            name: format!("{}.{}", component.name, call.call),
            owner: format!("scheduler/{}-adapter", component.name),
            accountable: component
                .metadata
                .get("owner")
                .and_then(Json::as_str)
                .map(str::to_owned),
            barred: self.barred(component),
            site,
            holes: call
                .holes
                .iter()
                .map(|hole| self.template(&hole.template))
                .collect(),
            with: call.with.clone(),
            pointers: call.holes.iter().map(|hole| hole.pointer.clone()).collect(),
            outputs: call.outputs.clone(),
            measures: measures(component, &call.call)
                .map(|name| index_of(&mut self.dictionaries.measures, name))
                .collect(),
            save: call.save.as_ref().map(|save| SaveOp {
                var: save.var,
                whole: save.fields.len() == call.outputs.len()
                    && (0..)
                        .zip(&save.fields)
                        .all(|(i, from)| *from == Origin::Output(i)),
                fields: save.fields.clone(),
                persist: save.persist.clone(),
            }),
            extract,
            expect: call.expect.as_ref().map(|expect| self.condition(expect)),
            retry: call.retry.clone(),
            limits: self.limits(call),
            compensate: None,
            record_inputs: call.record_inputs,
            on_error: None,
            on_timeout: None,
            proceed: call.proceed,
        })
    }

    /// The limits of a call, the narrowest first: who waits for his own takes nothing of what is shared.
    fn limits(&mut self, call: &Call) -> Vec<LimitRef> {
        let mut found: Vec<LimitRef> = Vec::new();
        for &limit in call.limits.iter().chain(&self.scenario.limits) {
            let Some(&Limit { per, .. }) = self.plan.limits.get(limit) else {
                continue;
            };
            if found.iter().any(|known| known.limit == limit) {
                continue;
            }
            let bucket = match per {
                LimitPer::User => place(&mut self.user_limits, limit),
                LimitPer::Scenario => place(&mut self.scene_limits, limit),
                LimitPer::Global => limit,
            };
            found.push(LimitRef { limit, per, bucket });
        }
        found.sort_by_key(|limit| match limit.per {
            LimitPer::User => 0,
            LimitPer::Scenario => 1,
            LimitPer::Global => 2,
        });
        found
    }

    /// Leases that a component with Guard Domains is not handed.
    fn barred(&self, component: &Component) -> Vec<usize> {
        let Some(domains) = &component.domains else {
            return vec![];
        };
        let foreign = |index: &usize| {
            let resource = self.plan.resources.get(*index);
            resource.is_some_and(|resource| !domains.contains(&resource.domain))
        };
        let inherit = self.scenario.inherit.iter().enumerate();
        inherit
            .filter(|(_, index)| foreign(index))
            .map(|(position, _)| position)
            .collect()
    }

    fn spec(&self, call: &Call) -> ActionSpec {
        ActionSpec {
            call: call.call.clone(),
            params: call.with.to_string(),
            holes: call.holes.iter().map(|hole| hole.pointer.clone()).collect(),
            outputs: call.outputs.clone(),
            measures: self
                .plan
                .components
                .get(call.component)
                .into_iter()
                .flat_map(|component| measures(component, &call.call))
                .map(str::to_owned)
                .collect(),
            resources: self
                .scenario
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
        Ok(StoreCall { verb, resource })
    }
}

fn place(known: &mut Vec<usize>, limit: usize) -> usize {
    known.iter().position(|at| *at == limit).unwrap_or_else(|| {
        known.push(limit);
        known.len() - 1
    })
}

/// Which nodes each node can lead to, over any number of steps.
fn reach(graph: &Graph, scenario: &Scenario) -> Vec<Vec<bool>> {
    let count = graph.nodes.len();
    let mut handlers = Vec::new();
    for steps in [&scenario.on_error, &scenario.on_timeout] {
        gotos(steps, &mut handlers);
    }
    let direct: Vec<Vec<usize>> = graph
        .nodes
        .iter()
        .map(|node| {
            let mut to = handlers.clone();
            gotos(std::slice::from_ref(&node.step), &mut to);
            for arrow in node
                .transitions
                .iter()
                .flat_map(|transition| &transition.to)
            {
                if let Arrow::Node(at) | Arrow::Leave(Target::Node(at)) = arrow {
                    to.push(*at);
                }
            }
            to
        })
        .collect();
    (0..count)
        .map(|from| {
            let mut reached = vec![false; count];
            let mut open = direct[from].clone();
            while let Some(at) = open.pop() {
                if at < count && !std::mem::replace(&mut reached[at], true) {
                    open.extend(&direct[at]);
                }
            }
            reached
        })
        .collect()
}

/// Nodes that the steps go to by themselves.
fn gotos(steps: &[Step], found: &mut Vec<usize>) {
    for step in steps {
        match &step.head {
            Head::Goto(Target::Node(at)) => found.push(*at),
            Head::Call(call) => {
                for steps in [&call.on_error, &call.on_timeout].into_iter().flatten() {
                    gotos(steps, found);
                }
            }
            Head::If {
                then, otherwise, ..
            } => {
                gotos(then, found);
                gotos(otherwise, found);
            }
            Head::Loop(rounds) => gotos(&rounds.steps, found),
            Head::Parallel(parallel) => {
                for branch in &parallel.branches {
                    gotos(&branch.steps, found);
                }
            }
            Head::Goto(_)
            | Head::Log { .. }
            | Head::Wait { .. }
            | Head::Update(_)
            | Head::Monitor { .. } => {}
        }
    }
}
