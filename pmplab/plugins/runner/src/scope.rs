//! What the templates of a task see.

use std::cell::RefCell;
use std::fmt::Write;

use pmplab_dsl::plan::{Ns, Segment, Source, Value};
use pmplab_dsl::template::Scope;
use serde_json::Value as Json;

use crate::ports::{Mounted, Provider};
use crate::program::{CallOp, Program, Scene};
use crate::user::{Held, User};

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
    pub user: &'t User,
    pub call: Option<&'t CallOp>,
    pub blobs: &'t [Option<Blob>],
    /// Reading a store needs its provider for a moment.
    pub providers: &'t RefCell<Vec<R>>,
    pub state: &'static str,
    pub tick: u64,
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

    /// The value of an output that was saved.
    fn saved(&self, var: usize, field: usize) -> Option<&Value> {
        self.user
            .task
            .vars
            .get(var)?
            .get(field)
            .filter(|value| **value != Value::None)
    }

    fn variable(&self, var: usize, field: Option<usize>, path: &[Segment]) -> Option<Value> {
        let Some(field) = field else {
            return dig(&self.whole(var)?, path).map(from_json);
        };
        let value = self.saved(var, field)?;
        if path.is_empty() {
            return Some(value.clone());
        }
        let (Value::Json(text) | Value::Text(text)) = value else {
            return None;
        };
        dig(&serde_json::from_str(text).ok()?, path).map(from_json)
    }

    fn whole(&self, var: usize) -> Option<Json> {
        let values = self
            .user
            .task
            .vars
            .get(var)
            .filter(|values| !values.is_empty())?;
        let fields = &self.scene.vars.get(var)?.fields;
        Some(Json::Object(
            fields
                .iter()
                .zip(values)
                .map(|(name, value)| (name.clone(), to_json(value)))
                .collect(),
        ))
    }

    fn env(&self, name: &str) -> Option<Value> {
        Some(match name {
            "tick" => integer(self.tick),
            "user_id" => integer(self.user.number),
            "task_id" => integer(self.user.task.number),
            "phase" => Value::Text(self.state.split('.').next().unwrap_or_default().to_owned()),
            "scenario" => Value::Text(self.scene.name.clone()),
            "iteration" => integer(u64::from(self.user.iteration)),
            _ => return None,
        })
    }

    fn workbook(&self, name: &str) -> Option<Value> {
        Some(match name {
            "state" => Value::Text(self.state.to_owned()),
            "user_id" => Value::Text(user_name(self.user.number)),
            "task_id" => Value::Text(task_name(self.scene, self.user.task.number)),
            "owner" => Value::Text(
                self.call
                    .map_or_else(|| "scheduler".to_owned(), |call| call.owner.clone()),
            ),
            "current_action" => Value::Text(self.call?.name.clone()),
            "retry_left" => Value::Integer(0),
            "timeout_at" => integer(self.user.task.deadline?),
            "scope_trace" => Value::Json(self.scope_trace().to_string()),
            _ => return None,
        })
    }

    /// Names of L0 to L4, then the keys of the leases.
    fn scope_trace(&self) -> Json {
        let levels = [
            self.program.name.clone(),
            self.scene.portfolio.clone(),
            self.scene.name.clone(),
            self.scene.workflow.clone(),
            task_name(self.scene, self.user.task.number),
        ];
        let leases = self.user.leases.iter().flatten().filter_map(|lease| {
            self.program
                .dictionaries
                .resources
                .get(lease.key as usize)
                .cloned()
        });
        Json::from(levels.into_iter().chain(leases).collect::<Vec<_>>())
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
            Source::Event(_) | Source::Output { .. } | Source::Input(_) => None,
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

fn integer(n: Ns) -> Value {
    Value::Integer(i64::try_from(n).unwrap_or(i64::MAX))
}

fn dig<'j>(json: &'j Json, path: &[Segment]) -> Option<&'j Json> {
    path.iter()
        .try_fold(json, |json, segment| match segment {
            Segment::Key(key) => json.get(key),
            Segment::Index(index) => json.get(index),
        })
        .filter(|json| !json.is_null())
}

/// A JSON value as a typed one; null has no value.
#[must_use]
pub fn from_json(json: &Json) -> Value {
    match json {
        Json::Null => Value::None,
        Json::Bool(b) => Value::Boolean(*b),
        Json::Number(n) => n.as_i64().map_or_else(
            || Value::Number(n.as_f64().unwrap_or(f64::NAN)),
            Value::Integer,
        ),
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(_) | Json::Object(_) => Value::Json(json.to_string()),
    }
}

/// JSON text as a typed value; what is no JSON stays text.
#[must_use]
pub fn from_json_text(text: String) -> Value {
    match serde_json::from_str::<Json>(&text) {
        Ok(json) => from_json(&json),
        Err(_) => Value::Text(text),
    }
}

/// A typed value as JSON. Bytes that are no UTF-8 are replaced.
#[must_use]
pub fn to_json(value: &Value) -> Json {
    match value {
        Value::None => Json::Null,
        Value::Boolean(b) => Json::Bool(*b),
        Value::Integer(i) => Json::from(*i),
        Value::Number(n) => Json::from(*n),
        Value::Text(text) => Json::from(text.as_str()),
        Value::Bytes(bytes) => Json::from(String::from_utf8_lossy(bytes)),
        Value::Json(text) => {
            serde_json::from_str(text).unwrap_or_else(|_| Json::from(text.as_str()))
        }
    }
}
