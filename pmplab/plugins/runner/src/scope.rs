//! What the templates of a task see.

use std::cell::RefCell;
use std::fmt::Write;

use pmplab_dsl::plan::{Event, Merge, Ns, Segment, Source, Value};
use pmplab_dsl::template::Scope;
use serde_json::{Map, Value as Json};

use crate::engine::Engine;
use crate::ops::{CallOp, Code, Pc, VarOp};
use crate::ports::{Ledger, Mounted, Protocol, Provider};
use crate::program::{Program, Scene};
use crate::save::together;
use crate::store::fill;
use crate::tally::Tally;
use crate::user::{Held, Kept, User};

/// A file of the bundle, as templates read it.
#[derive(Debug)]
pub struct Blob {
    content: Value,
    path: String,
    size: i64,
    sha256: String,
}

impl From<Mounted> for Blob {
    fn from(file: Mounted) -> Self {
        let content = String::from_utf8(file.content)
            .map_or_else(|error| Value::Bytes(error.into_bytes()), Value::Text);
        Self {
            content,
            path: file.path,
            size: i64::try_from(file.size).unwrap_or(i64::MAX),
            sha256: file.sha256,
        }
    }
}

/// A task at the moment when an action or a message is rendered.
pub struct TaskScope<'t, R> {
    pub program: &'t Program,
    pub scene: &'t Scene,
    pub tally: &'t Tally,
    pub user: &'t User,
    pub strand: u32,
    /// The call that is rendered or judged.
    pub call: Option<&'t CallOp>,
    /// What came of it, and what it was given.
    pub outputs: &'t [Value],
    pub inputs: Option<&'t [Value]>,
    pub blobs: &'t [Option<Blob>],
    /// Variables that all users share.
    pub globals: &'t [Kept],
    /// Reading a store needs its provider for a moment.
    pub providers: &'t RefCell<Vec<R>>,
    pub tick: u64,
}

impl<P: Protocol, R: Provider, L: Ledger> Engine<P, R, L> {
    /// What the templates of a strand see.
    pub(crate) fn scope<'s>(
        &'s self,
        user: &'s User,
        strand: u32,
        call: Option<&'s CallOp>,
    ) -> TaskScope<'s, R> {
        TaskScope {
            program: &self.program,
            scene: &self.program.scenes[user.scene],
            tally: &self.tallies[user.scene],
            user,
            strand,
            call,
            outputs: &[],
            inputs: None,
            blobs: &self.blobs,
            globals: &self.globals,
            providers: &self.providers,
            tick: self.tick,
        }
    }
}

impl<R: Provider> TaskScope<'_, R> {
    fn held(&self, inherit: usize, field: usize) -> Option<&str> {
        let lease: &Held = self.user.leases.get(inherit)?.as_ref()?;
        lease.fields.get(field).map(String::as_str)
    }

    fn store(&self, resource: usize, key: &str) -> Option<Value> {
        let pool = self.program.resources.get(resource)?;
        let text = self
            .providers
            .borrow_mut()
            .get_mut(pool.slot)?
            .get(pool.id, key)
            .ok()??;
        Some(from_json_text(text))
    }

    /// The value of a field that was saved.
    fn saved(&self, var: usize, field: usize) -> Option<&Value> {
        let keep = self.scene.keeps.get(var)?;
        match keep.shared {
            Some(_) => shared(keep, self.globals, field),
            None => there(self.user.task.vars.get(var)?.values.get(field)),
        }
    }

    pub(crate) fn variable(
        &self,
        var: usize,
        field: Option<usize>,
        path: &[Segment],
    ) -> Option<Value> {
        let saved = |field| self.saved(var, field);
        if let Some(field) = field {
            return inside(saved(field)?, path);
        }
        let fields = &self.scene.vars.get(var)?.fields;
        let whole = whole(fields, self.scene.keeps.get(var)?.merge, saved)?;
        dig(&whole, path).map(Value::from_json)
    }

    fn env(&self, name: &str) -> Option<Value> {
        Some(match name {
            "tick" => integer(self.tick),
            "user_id" => integer(self.user.number),
            "task_id" => integer(self.user.task.number),
            "phase" => Value::Text(
                self.state()
                    .split('.')
                    .next()
                    .unwrap_or_default()
                    .to_owned(),
            ),
            "scenario" => Value::Text(self.scene.name.clone()),
            "iteration" => integer(u64::from(self.user.iteration)),
            _ => return None,
        })
    }

    pub(crate) fn state(&self) -> &'static str {
        self.user.task.life.state.name()
    }

    /// The call of an operation.
    pub(crate) fn call_at(&self, pc: Pc) -> Option<&CallOp> {
        match &self.scene.ops.get(pc as usize)?.code {
            Code::Call(call) => Some(call),
            _ => None,
        }
    }

    /// `event.*` of the step that led here.
    fn event(&self, path: &[Segment]) -> Option<Value> {
        let seen = self.user.task.strand(self.strand)?.seen.as_ref()?;
        let (first, rest) = path.split_first()?;
        let Segment::Key(first) = first else {
            return None;
        };
        let text = |text: &str| Value::Text(text.to_owned());
        match first.as_str() {
            "type" => Some(text(event_name(seen.event?))),
            "status" => seen.status.map(|status| Value::Integer(status.into())),
            "error_type" => seen.kind.map(text),
            "message" => seen.message.as_deref().map(text),
            "source" => Some(text(seen.source)),
            "payload" => {
                let call = self.call_at(seen.pc)?;
                let Some((Segment::Key(name), rest)) = rest.split_first() else {
                    return None;
                };
                let output = call.outputs.iter().position(|output| output == name)?;
                inside(seen.outputs.get(output)?, rest)
            }
            _ => None,
        }
    }

    /// `inputs.*` of the call that is judged, or that led here.
    fn input(&self, path: &[Segment]) -> Option<Value> {
        let (call, inputs) = match self.inputs {
            Some(inputs) => (self.call?, inputs),
            None => {
                let seen = self.user.task.strand(self.strand)?.seen.as_ref()?;
                (self.call_at(seen.pc)?, seen.inputs.as_deref()?)
            }
        };
        dig(&fill(call, inputs), path).map(Value::from_json)
    }
}

/// The value of a field of a variable that all users share.
pub fn shared<'g>(keep: &VarOp, globals: &'g [Kept], field: usize) -> Option<&'g Value> {
    there(
        globals
            .get(keep.shared?)?
            .values
            .get(*keep.fields.get(field)?),
    )
}

fn there(value: Option<&Value>) -> Option<&Value> {
    value.filter(|value| **value != Value::None)
}

/// All fields of a variable, unless none was saved.
pub fn whole<'v>(
    fields: &[String],
    how: Merge,
    saved: impl Fn(usize) -> Option<&'v Value>,
) -> Option<Json> {
    let one = |(field, name): (usize, &String)| {
        let value = saved(field).map_or(Json::Null, Value::to_json);
        (name.clone(), value)
    };
    let map: Map<String, Json> = (0..).zip(fields).map(one).collect();
    let any = map.values().any(|value| !value.is_null());
    any.then(|| together(how, map))
}

/// What stands inside a value.
pub fn inside(value: &Value, path: &[Segment]) -> Option<Value> {
    if path.is_empty() {
        return Some(value.clone()).filter(|value| *value != Value::None);
    }
    let (Value::Json(text) | Value::Text(text)) = value else {
        return None;
    };
    dig(&serde_json::from_str(text).ok()?, path).map(Value::from_json)
}

/// As the script names it.
pub const fn event_name(event: Event) -> &'static str {
    match event {
        Event::Success => "success",
        Event::Fail => "fail",
        Event::Timeout => "timeout",
    }
}

impl<R: Provider> Scope for TaskScope<'_, R> {
    fn text(&self, source: &Source, out: &mut String) -> bool {
        match source {
            Source::Lease { inherit, field } => self
                .held(*inherit, *field)
                .map(|text| out.push_str(text))
                .is_some(),
            Source::Var {
                var,
                field: Some(field),
                path,
            } if path.is_empty() => self
                .saved(*var, *field)
                .map(|value| value.write_text(out))
                .is_some(),
            Source::Env(name) if name == "user_id" => write!(out, "{}", self.user.number).is_ok(),
            Source::Env(name) if name == "task_id" => {
                write!(out, "{}", self.user.task.number).is_ok()
            }
            other => self
                .value(other)
                .map(|value| value.write_text(out))
                .is_some(),
        }
    }

    fn value(&self, source: &Source) -> Option<Value> {
        match source {
            Source::Var { var, field, path } => self.variable(*var, *field, path),
            Source::Lease { inherit, field } => self
                .held(*inherit, *field)
                .map(|text| Value::Text(text.to_owned())),
            Source::Blob { resource, field } => {
                let blob = self.blobs.get(*resource)?.as_ref()?;
                Some(match field.as_str() {
                    "content" => blob.content.clone(),
                    "path" => Value::Text(blob.path.clone()),
                    "size" => Value::Integer(blob.size),
                    "sha256" => Value::Text(blob.sha256.clone()),
                    _ => return None,
                })
            }
            Source::Kv { resource, key } => self.store(*resource, key),
            Source::Env(name) => self.env(name),
            Source::Workbook(name) => self.workbook(name),
            Source::Item { of, index } => inside(&self.workbook(of)?, &[Segment::Index(*index)]),
            Source::Event(path) => self.event(path),
            Source::Output { output, path } => inside(self.outputs.get(*output)?, path),
            Source::Input(path) => self.input(path),
        }
    }
}

/// As the records' views name a user.
#[must_use]
pub fn user_name(number: u64) -> String {
    format!("U-{number:05}")
}

/// As the records' views name a task.
#[must_use]
pub fn task_name(scene: &Scene, number: u64) -> String {
    format!("T-{}-{number}", scene.workflow.replace('_', "-"))
}

/// A count or a time as a value.
pub fn integer(n: Ns) -> Value {
    Value::Integer(i64::try_from(n).unwrap_or(i64::MAX))
}

/// What stands at a path; null is nothing.
pub fn dig<'j>(json: &'j Json, path: &[Segment]) -> Option<&'j Json> {
    path.iter()
        .try_fold(json, |json, segment| match segment {
            Segment::Key(key) => json.get(key),
            Segment::Index(index) => json.get(index),
        })
        .filter(|json| !json.is_null())
}

/// JSON text as a typed value; what is no JSON stays text.
#[must_use]
pub fn from_json_text(text: String) -> Value {
    match serde_json::from_str::<Json>(&text) {
        Ok(json) => Value::from_json(&json),
        Err(_) => Value::Text(text),
    }
}
