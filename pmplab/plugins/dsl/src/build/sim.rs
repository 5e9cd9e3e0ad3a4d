//! A simulated run: one component answers for all targets, as `sim.yaml` says.

use super::components::Components;
use super::json::json as to_json;
use super::section::{Section, measured};
use crate::api::{Compose, Part};
use crate::diag::{Diagnostic, nearest};
use crate::plan::{Call, Component, Dist, Head, Plan, Role, Sim, Step, Value};
use crate::read::Ctx;
use crate::read::actions::ActionDecl;
use crate::read::sim::{ModelDecl, ServerDecl, ServerUse, SimDecl};
use crate::yaml::Node;
use serde_json::{Value as Json, json};

/// The component that simulates, and what its section calls it.
const ENTRY: &str = "plugins/sim/model.wasm";
const NAME: &str = "sim";
/// What a call takes of which nothing is said: 10 ms.
const LATENCY: Dist = Dist::Constant(10_000_000);
const ERROR: &str = "transport.reset";
const REFUSED: &str = "transport.connect-refused";

impl Ctx<'_> {
    /// Whether the run is simulated: it was asked for, or the script itself declares the simulator.
    pub fn is_simulated(&mut self, components: &Components<'_>) -> bool {
        let used = |role: Role| {
            let all = components.plan.iter().enumerate();
            all.filter(move |(_, c)| c.slot.is_some() && c.role == role)
        };
        let (own, real): (Vec<_>, Vec<_>) =
            used(Role::Protocol).partition(|(_, component)| is_sim(component));
        if self.req.simulate || own.is_empty() {
            return self.req.simulate;
        }
        if let Some((index, component)) = real.first() {
            let decl = &components.decls[*index];
            let message = format!(
                "component `{}` speaks to its target in real time, beside a simulated one",
                component.name
            );
            let mut found = Diagnostic::error(711, decl.name.span, message)
                .label("real")
                .at(&decl.path);
            if let Some((index, _)) = own.first() {
                found = found.also(components.decls[*index].name.span, "simulated");
            }
            self.report(found.help("run with `--simulate`: then `sim` answers for all of them"));
        }
        true
    }

    /// Gives every call of the plan its model.
    pub fn simulate(
        &mut self,
        decl: Option<&SimDecl<'_>>,
        plan: &mut Plan,
        simulated: bool,
        components: &Components<'_>,
        actions: &[ActionDecl<'_>],
    ) {
        if decl.is_none() && !simulated {
            return;
        }
        let none = SimDecl::default();
        let given = decl.unwrap_or(&none);
        let mut models: Vec<Json> = Vec::new();
        let mut steps: Vec<String> = Vec::new();
        each_call(plan, &mut |step, call| {
            let action = call.action as usize;
            let component = &components.plan[call.component];
            let name = step.name.split('~').next().unwrap_or_default();
            steps.push(name.to_owned());
            if component.role != Role::Protocol {
                return;
            }
            let full = format!("{}.{}", component.name, call.call);
            let chosen = chosen(given, call, component, name, &full);
            if models.len() <= action {
                models.resize(action + 1, Json::Null);
            }
            models[action] = model(given, chosen, call, component, &full);
        });
        if let Some(decl) = decl {
            self.calls_known(decl, components, actions, &steps);
        }
        plan.sim = simulated.then_some(Sim { models });
    }

    /// Every name under `calls` means something, and so do its outputs.
    fn calls_known(
        &mut self,
        decl: &SimDecl<'_>,
        components: &Components<'_>,
        actions: &[ActionDecl<'_>],
        steps: &[String],
    ) {
        let full: Vec<String> = (0..components.decls.len())
            .flat_map(|i| {
                let name = &components.decls[i].name.value;
                let calls = components.capabilities(i);
                calls.into_iter().map(move |call| format!("{name}.{call}"))
            })
            .collect();
        let names = || actions.iter().map(|a| a.name.value.as_str());
        // What a simulator declared by the script answers for is named by the script alone.
        let free = components.plan.iter().any(is_sim);
        for (name, model) in &decl.calls {
            let known = full.iter().map(String::as_str);
            let known = known.chain(names()).chain(steps.iter().map(String::as_str));
            if !free && known.clone().all(|known| known != name.value) {
                self.unknown_call(&name.value, name.span, known);
                continue;
            }
            let of_action = actions.iter().find(|a| a.name.value == name.value);
            let called = match of_action {
                Some(action) => action
                    .component
                    .as_ref()
                    .zip(action.call.as_ref())
                    .map(|(component, call)| (component.value.as_str(), call.value.as_str())),
                None => name.value.split_once('.'),
            };
            let section = called
                .and_then(|(component, call)| Some((components.index(component)?, call)))
                .map(|(index, call)| (&components.sections[index], call));
            if let Some((section, call)) = section {
                self.outputs_known(&name.value, model, section, call);
                self.measures_known(&name.value, model, section, call);
            }
        }
    }

    fn measures_known(&mut self, name: &str, model: &ModelDecl<'_>, section: &Section, call: &str) {
        if section.is_unknown() {
            return;
        }
        let known = section.measures(call);
        for (measure, _) in &model.measures {
            if !known.contains(&measure.value.as_str()) {
                let message = format!("`{name}` has no measure `{}`", measure.value);
                let found = Diagnostic::error(102, measure.span, message)
                    .label("not a measure")
                    .at(format!("calls.{name}.measures"))
                    .suggest(nearest(&measure.value, known.iter().copied()));
                self.report(match known.is_empty() {
                    true => found.help("this call measures nothing: leave `measures` out"),
                    false => found.note(format!("measures: {}", known.join(", "))),
                });
            }
        }
    }

    fn outputs_known(&mut self, name: &str, model: &ModelDecl<'_>, section: &Section, call: &str) {
        let Some(known) = section.outputs(call) else {
            return;
        };
        let path = format!("calls.{name}.outputs");
        for (output, node) in &model.outputs {
            if !known.contains(&output.value.as_str()) {
                let message = format!("`{name}` has no output `{}`", output.value);
                let found = Diagnostic::error(102, output.span, message)
                    .label("not an output")
                    .at(&path)
                    .suggest(nearest(&output.value, known.iter().copied()));
                self.report(found.note(format!("outputs: {}", known.join(", "))));
                continue;
            }
            let expected = match (kind(&section.said, call, &output.value), to_json(node)) {
                ("integer", value) if !value.is_i64() && !value.is_u64() => "a whole number",
                ("number", value) if !value.is_number() => "a number",
                ("boolean", value) if !value.is_boolean() => "true or false",
                ("text", Json::Array(_) | Json::Object(_) | Json::Null) => "text",
                _ => continue,
            };
            self.wrong_type(node, expected, &format!("{path}.{}", output.value), None);
        }
    }
}

fn is_sim(component: &Component) -> bool {
    component.section.get("name").and_then(Json::as_str) == Some(NAME)
}

/// One instance of the simulator answers for all protocol components, so that they share its servers and its clock.
pub fn stand_in(components: &mut Components<'_>) {
    for component in &mut components.plan {
        if component.role == Role::Protocol && component.slot.is_some() {
            component.slot = Some(0);
            component.grants.clear();
        }
    }
}

/// What the host composes then.
pub fn composed(compose: &mut Compose) {
    if !compose.slots.is_empty() {
        compose.slots = vec![Part {
            component: NAME.to_owned(),
            entry: ENTRY.to_owned(),
            source: "vendored",
            grants: Vec::new(),
        }];
    }
}

/// The model of a call: by the name of its step or action, by what it says itself, by what it calls, else the default.
fn chosen<'d, 'n>(
    decl: &'d SimDecl<'n>,
    call: &Call,
    component: &Component,
    name: &str,
    full: &str,
) -> Option<&'d (crate::read::Name, ModelDecl<'n>)> {
    let said = call.with.get("model").and_then(Json::as_str);
    let said = said.filter(|_| is_sim(component));
    [Some(name), Some(&*call.name), said, Some(full)]
        .into_iter()
        .flatten()
        .find_map(|wanted| decl.calls.iter().find(|(name, _)| name.value == wanted))
}

/// What the component is told.
fn model(
    decl: &SimDecl<'_>,
    chosen: Option<&(crate::read::Name, ModelDecl<'_>)>,
    call: &Call,
    component: &Component,
    full: &str,
) -> Json {
    let own = chosen.map(|(_, model)| model);
    let default = &decl.default;
    fn pick<'m, 'n, T>(
        own: Option<&'m ModelDecl<'n>>,
        default: &'m ModelDecl<'n>,
        of: impl Fn(&'m ModelDecl<'n>) -> Option<T>,
    ) -> Option<T> {
        own.and_then(&of).or_else(|| of(default))
    }
    let key = chosen.map_or(full, |(name, _)| name.value.as_str());
    let server = match pick(own, default, |m| m.server.as_ref()) {
        Some(ServerUse::Named(name)) => decl
            .servers
            .iter()
            .find(|(known, _)| known.value == name.value)
            .map(|(name, server)| told(&name.value, *server)),
        Some(ServerUse::Own(server)) => Some(told(&format!("calls.{key}"), *server)),
        None => None,
    };
    let error = pick(own, default, |m| m.error.as_deref()).unwrap_or(ERROR);
    let outages: Vec<Json> = pick(own, default, |m| m.outages.as_ref())
        .into_iter()
        .flatten()
        .map(|o| json!([o.at, o.until, o.error.as_deref().unwrap_or(REFUSED)]))
        .collect();
    let outputs = Outputs {
        section: &component.section,
        call,
        given: [own.map(|m| &m.outputs), Some(&default.outputs)],
    };
    let measures: Vec<(usize, f64)> = measured(&component.section, &call.call)
        .enumerate()
        .filter_map(|(place, name)| {
            let given = own.into_iter().chain([default]).flat_map(|m| &m.measures);
            let mut given = given.filter(|(known, _)| known.value == name);
            given.next().map(|(_, value)| (place, *value))
        })
        .collect();
    json!({
        "latency": pick(own, default, |m| m.latency).unwrap_or(LATENCY),
        "fail": pick(own, default, |m| m.fail).unwrap_or(0.0),
        "timeout": pick(own, default, |m| m.timeout).unwrap_or(0.0),
        "error": error,
        "server": server,
        "outages": outages,
        "status": outputs.status(),
        "received": outputs.body().map_or(0, |body| body.len()),
        "outputs": outputs.values(),
        "measures": measures,
    })
}

fn told(name: &str, server: ServerDecl) -> Json {
    json!({"name": name, "workers": server.workers, "queue": server.queue})
}

/// The declared type of an output.
fn kind<'s>(section: &'s Json, call: &str, output: &str) -> &'s str {
    let found = section.get("calls").and_then(|c| c.get(call));
    let found = found.and_then(|c| c.get("outputs")?.get(output)?.as_str());
    found.unwrap_or("any")
}

/// Values for the outputs of a call: what the model gives, else what goes with it.
struct Outputs<'m, 'n> {
    section: &'m Json,
    call: &'m Call,
    given: [Option<&'m Vec<(crate::read::Name, &'n Node)>>; 2],
}

impl Outputs<'_, '_> {
    fn given(&self, output: &str) -> Option<Json> {
        let all = self.given.iter().flatten().copied().flatten();
        let mut found = all.filter(|(name, _)| name.value == output);
        found.next().map(|(_, node)| to_json(node))
    }

    fn has(&self, output: &str) -> bool {
        let calls = self
            .section
            .get("calls")
            .and_then(|c| c.get(&self.call.call));
        calls.is_some_and(|c| c.get("outputs").is_some_and(|o| o.get(output).is_some()))
    }

    /// The protocol's status code, where it has one.
    fn status(&self) -> Option<i64> {
        let given = self.given("status").and_then(|v| v.as_i64());
        given.or_else(|| self.has("status").then_some(200))
    }

    /// The body as text.
    fn body(&self) -> Option<String> {
        match self.given("body").or_else(|| self.given("json"))? {
            Json::String(text) => Some(text),
            other => Some(other.to_string()),
        }
    }

    fn values(&self) -> Vec<Value> {
        let one = |output: &String| self.value(output);
        self.call.outputs.iter().map(one).collect()
    }

    fn value(&self, output: &str) -> Value {
        if let Some(given) = self.given(output) {
            return Value::from_json(&given);
        }
        match (output, kind(self.section, &self.call.call, output)) {
            ("status", _) => self.status().map_or(Value::None, Value::Integer),
            ("body", _) => Value::Text(self.body().unwrap_or_default()),
            ("size", _) => {
                let size = self.body().map_or(0, |body| body.len());
                Value::Integer(i64::try_from(size).unwrap_or(i64::MAX))
            }
            ("json", _) => self
                .body()
                .and_then(|body| serde_json::from_str::<Json>(&body).ok())
                .map_or(Value::None, |parsed| Value::from_json(&parsed)),
            ("url", _) => self
                .call
                .with
                .get("url")
                .map_or(Value::Text(String::new()), Value::from_json),
            (_, "integer") => Value::Integer(0),
            (_, "number") => Value::Number(0.0),
            (_, "boolean") => Value::Boolean(true),
            (_, "json" | "map") => Value::Json("{}".to_owned()),
            (_, "list") => Value::Json("[]".to_owned()),
            (_, _) => Value::Text(String::new()),
        }
    }
}

/// Shows every call of a plan, wherever it stands.
fn each_call(plan: &Plan, see: &mut dyn FnMut(&Step, &Call)) {
    for scenario in &plan.scenarios {
        for step in scenario
            .steps
            .iter()
            .chain(
                scenario
                    .graph
                    .iter()
                    .flat_map(|g| g.nodes.iter().map(|n| &n.step)),
            )
            .chain(&scenario.on_error)
            .chain(&scenario.on_timeout)
        {
            in_step(step, see);
        }
    }
    for response in &plan.monitoring.responses {
        response
            .steps
            .iter()
            .flatten()
            .for_each(|step| in_step(step, see));
    }
}

fn in_step(step: &Step, see: &mut dyn FnMut(&Step, &Call)) {
    let mut each = |steps: &[Step]| steps.iter().for_each(|step| in_step(step, see));
    match &step.head {
        Head::Call(call) => {
            see(step, call);
            let handlers = [&call.on_error, &call.on_timeout].into_iter().flatten();
            handlers.flatten().for_each(|step| in_step(step, see));
            if let Some(undo) = &call.compensate {
                in_step(undo, see);
            }
        }
        Head::If {
            then, otherwise, ..
        } => {
            each(then);
            each(otherwise);
        }
        Head::Loop(turn) => each(&turn.steps),
        Head::Parallel(parallel) => parallel.branches.iter().for_each(|b| each(&b.steps)),
        Head::Log { .. }
        | Head::Goto(_)
        | Head::Wait { .. }
        | Head::Update(_)
        | Head::Monitor { .. } => {}
    }
}
