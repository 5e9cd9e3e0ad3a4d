//! From a request to a run that is ready for its first step.

use pmplab_dsl::plan::{Component, Plan, Role};
use pmplab_dsl::random::Rng;
use pmplab_dsl::{
    Checked, Files, Mode, Problem, Providers, Request, ResourceSpec, ResourceTable, answer,
};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use std::fmt::Write;

use super::Run;
use super::bundle::Bundle;
use super::folder::{RunFolder, RunLedger};
use super::protocols::{self, ProtocolSlot};
use super::providers::{self, ProviderSlot};
use crate::engine::{Engine, Terms};
use crate::portion::Portion;
use crate::ports::{Capabilities, Protocol, Provider, Refusal};
use crate::program::Program;
use crate::scope::Blob;
use crate::simulated::modelled;

/// What `start` takes beside the request of a check.
#[derive(Debug, Deserialize)]
#[serde(default)]
struct Begin {
    /// Of all that is random.
    seed: u64,
    shard: u64,
    of: u64,
    /// Nanoseconds that what is in flight may go on after a stop.
    #[serde(alias = "grace_ns")]
    grace: u64,
    records: Records,
}

/// How much of a run is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Records {
    #[default]
    Full,
    Windows,
}

impl Default for Begin {
    fn default() -> Self {
        Self {
            seed: 0,
            shard: 0,
            of: 1,
            grace: 30_000_000_000,
            records: Records::Full,
        }
    }
}

/// The providers that are composed in, initialised when the first resource is opened.
struct Composed {
    /// Slots that may read the bundle.
    files: Vec<bool>,
    /// What each of them said it is, once it was asked.
    found: Vec<Option<Capabilities>>,
    /// None in a check, which leases nothing.
    portion: Option<Portion>,
}

impl Composed {
    fn new(request: &Request, portion: Option<Portion>) -> Self {
        let files = |entry: &String| match request.vendored.get(entry) {
            Some(vendored) => vendored.grants.iter().any(|grant| grant == "files"),
            // A provider of the user's own reads the bundle if the user lets any component do so.
            None => request
                .allow
                .values()
                .chain(request.allow_sha.values())
                .flatten()
                .any(|grant| grant == "files"),
        };
        Self {
            files: request.providers.iter().map(files).collect(),
            found: vec![None; providers::SLOTS],
            portion,
        }
    }

    fn init(&mut self, slot: usize) -> Result<Capabilities, String> {
        if let Some(found) = &self.found[slot] {
            return Ok(found.clone());
        }
        let found = ProviderSlot(slot).init(self.files.get(slot).copied().unwrap_or_default())?;
        self.found[slot] = Some(found.clone());
        Ok(found)
    }
}

impl Providers for Composed {
    fn open(&mut self, slot: u32, spec: &ResourceSpec) -> Result<ResourceTable, Vec<Problem>> {
        let slot = slot as usize;
        let broken = |message: String| {
            vec![Problem {
                code: "E0501".into(),
                message,
                ..Problem::default()
            }]
        };
        if slot >= providers::SLOTS {
            return Err(broken(format!(
                "a run takes at most {} resource components",
                providers::SLOTS
            )));
        }
        self.init(slot).map_err(broken)?;
        match self.portion {
            Some(portion) => ProviderSlot(slot).open(&portion.told(spec)),
            None => ProviderSlot(slot).open(spec),
        }
    }
}

/// JSON text.
fn refuse(code: &str, message: impl Into<String>) -> String {
    json!({"code": code, "message": message.into()}).to_string()
}

fn parse(text: &str) -> Result<Request, String> {
    serde_json::from_str(text)
        .map_err(|error| refuse("request", format!("the request cannot be read: {error}")))
}

/// The answer of `parse2wbs`.
pub fn check(text: &str) -> String {
    let request = match parse(text) {
        Ok(request) => request,
        Err(refusal) => return refusal,
    };
    let Some(bundle) = Bundle::open() else {
        return refuse("bundle", "the host opened no /bundle");
    };
    let checked = pmplab_dsl::check(&request, &bundle, &mut Composed::new(&request, None));
    let answer = answer(&checked);
    // The host drops this instance after a check, at once; taking a long plan apart would take longer than writing it.
    std::mem::forget(checked);
    answer
}

/// Checks again, then initialises the components, providers first, and prepares every action. The answer is that of the check,
/// with `initialised`: the components in the order in which they came up, and what they said they are.
pub fn start(text: &str) -> Result<(Run, String), String> {
    let request = Request {
        mode: Mode::Deploy,
        ..parse(text)?
    };
    let begin: Begin = serde_json::from_str(text)
        .map_err(|error| refuse("request", format!("the request cannot be read: {error}")))?;
    let of = begin.of.max(1);
    if begin.shard >= of {
        return Err(refuse(
            "request",
            format!("there is no shard {} of {of}", begin.shard),
        ));
    }
    let bundle = Bundle::open().ok_or_else(|| refuse("bundle", "the host opened no /bundle"))?;
    let folder = RunFolder::open().ok_or_else(|| refuse("run", "the host opened no /run"))?;
    let portion = Portion {
        seed: begin.seed,
        shard: begin.shard,
        of,
    };
    let mut composed = Composed::new(&request, Some(portion));
    let checked: Checked = pmplab_dsl::check(&request, &bundle, &mut composed);
    let answer = answer(&checked);
    if !checked.ok() {
        return Err(answer);
    }
    let Some(plan) = checked.plan else {
        return Err(answer);
    };
    let program = Program::compile(&plan).map_err(|text| refuse("plan", text))?;

    let mut log = Vec::new();
    for component in used(&plan, Role::Resource, providers::SLOTS)? {
        let slot = component.slot.unwrap_or_default() as usize;
        let found = composed
            .init(slot)
            .map_err(|text| refuse("init", format!("component `{}`: {text}", component.name)))?;
        agree(component, &found)?;
        log.push(came_up(component, &found));
    }
    let blobs = mount(&plan)?;
    let manifest = bundle
        .read("resource.yaml")
        .ok()
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default();
    let mut initialised = [false; protocols::SLOTS];
    for component in used(&plan, Role::Protocol, protocols::SLOTS)? {
        let at = component.slot.unwrap_or_default() as usize;
        // A simulator stands for several, and need not be any of them.
        if std::mem::replace(&mut initialised[at], true) {
            continue;
        }
        let mut slot = ProtocolSlot(at);
        let files = component.grants.iter().any(|grant| grant == "files");
        let found = slot
            .init(&manifest, files)
            .map_err(|text| refuse("init", format!("component `{}`: {text}", component.name)))?;
        if plan.sim.is_none() {
            agree(component, &found)?;
        }
        log.push(came_up(component, &found));
    }
    let answer = with(answer, "initialised", &Json::Array(log));
    // Shards of one run must not draw alike.
    let seed = Rng::stream(begin.seed, begin.shard).bits();
    for (slot, action, spec) in &program.actions {
        let told = plan
            .sim
            .as_ref()
            .map(|sim| modelled(spec, sim, *action, seed));
        ProtocolSlot(*slot)
            .prepare(*action, told.as_ref().unwrap_or(spec))
            .map_err(|text| refuse("prepare", format!("call `{}`: {text}", spec.call)))?;
    }

    let terms = Terms {
        shard: begin.shard,
        of,
        seed: begin.seed,
        grace: begin.grace,
    };
    let ledger = RunLedger::new(
        folder,
        &program.dictionaries,
        u32::try_from(begin.shard).unwrap_or(u32::MAX),
        plan.sim.is_some(),
        begin.records == Records::Windows,
    );
    let slots = (0..protocols::SLOTS).map(ProtocolSlot).collect();
    let pools = (0..providers::SLOTS).map(ProviderSlot).collect();
    let simulated = plan.sim.is_some();
    let run = Engine::new(program, terms, slots, pools, ledger, blobs);
    let run = if simulated { run.simulated() } else { run };
    Ok((run, answer))
}

/// The components of a role that the plan calls, in the order of the script.
fn used(plan: &Plan, role: Role, slots: usize) -> Result<Vec<&Component>, String> {
    let used: Vec<_> = plan
        .components
        .iter()
        .filter(|component| component.role == role && component.used && component.slot.is_some())
        .collect();
    if used
        .iter()
        .any(|component| component.slot.is_some_and(|slot| slot as usize >= slots))
    {
        return Err(refuse(
            "slots",
            format!("a run takes at most {slots} components of this kind"),
        ));
    }
    Ok(used)
}

/// A JSON object, as text, with one more entry.
fn with(mut object: String, key: &str, value: &Json) -> String {
    object.truncate(object.trim_end().len() - 1);
    let _ = write!(object, ",\"{key}\":{value}}}");
    object
}

/// What the log says of a component that was initialised.
fn came_up(component: &Component, found: &Capabilities) -> Json {
    json!({
        "component": component.name,
        "name": found.name,
        "version": found.version,
        "capabilities": found.calls,
        "provides": found.provides,
    })
}

/// A component must be what its section said when the plan was checked.
fn agree(component: &Component, found: &Capabilities) -> Result<(), String> {
    let said = |key: &str| {
        component
            .section
            .get(key)
            .and_then(Json::as_str)
            .unwrap_or_default()
    };
    let mut calls: Vec<&str> = component
        .section
        .get("capabilities")
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
        .filter_map(Json::as_str)
        .collect();
    let mut have: Vec<&str> = found.calls.iter().map(String::as_str).collect();
    calls.sort_unstable();
    have.sort_unstable();
    let differs = |what: &str, said: &str, found: &str| {
        Err(refuse(
            "capability",
            format!(
                "component `{}`: its section says {what} {said}, but it came up as {found}",
                component.name
            ),
        ))
    };
    if said("name") != found.name {
        return differs("name", said("name"), &found.name);
    }
    if said("version") != found.version {
        return differs("version", said("version"), &found.version);
    }
    if calls != have {
        return differs("capabilities", &calls.join(", "), &have.join(", "));
    }
    Ok(())
}

/// Opens the file resources, which checks their sums again.
fn mount(plan: &Plan) -> Result<Vec<Option<Blob>>, String> {
    let one = |resource: &pmplab_dsl::plan::Resource| {
        let mounts =
            resource.kind == "file_blob" || resource.calls.iter().any(|(role, _)| role == "mount");
        let slot = plan
            .components
            .get(resource.provider)
            .and_then(|component| component.slot)
            .filter(|_| mounts);
        let Some(slot) = slot else { return Ok(None) };
        match ProviderSlot(slot as usize).mount(resource.id) {
            Ok(file) => Ok(Some(Blob::from(file))),
            Err(Refusal::Other(text)) => Err(refuse(
                "mount",
                format!("resource `{}`: {text}", resource.name),
            )),
            Err(Refusal::Exhausted | Refusal::Expired) => Err(refuse(
                "mount",
                format!("resource `{}` cannot be mounted", resource.name),
            )),
        }
    };
    plan.resources.iter().map(one).collect()
}
