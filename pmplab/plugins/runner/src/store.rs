//! `get`, `put` and `delete` of a `kv_store`: done at once, through the provider.

use pmplab_dsl::plan::Value;
use serde_json::Value as Json;

use crate::action::Ended;
use crate::engine::Engine;
use crate::ops::{CallOp, StoreCall, Verb};
use crate::ports::{Event, Ledger, Protocol, Provider, Refusal};
use crate::scope::from_json_text;

impl<P: Protocol, R: Provider, L: Ledger> Engine<P, R, L> {
    pub(crate) fn call_store(&mut self, op: &CallOp, call: &StoreCall, params: &[Value]) -> Ended {
        let now = self.clock.now();
        let with = fill(op, params);
        let key = match with.get("key") {
            None | Some(Json::Null) => {
                let store = &self.program.resources[call.resource].name;
                let message = format!("`key` is missing for the store `{store}`");
                return Ended::failed("config.bad-value", message, now);
            }
            Some(Json::String(key)) => key.clone(),
            Some(other) => other.to_string(),
        };
        let pool = &self.program.resources[call.resource];
        let provider = &mut self.providers.get_mut()[pool.slot];
        let done = match call.verb {
            Verb::Get => provider
                .get(pool.id, &key)
                .map(|value| (value.is_some(), value.map_or(Value::None, from_json_text))),
            Verb::Put => {
                let value = with.get("value").unwrap_or(&Json::Null).to_string();
                provider
                    .put(pool.id, &key, &value)
                    .map(|()| (true, Value::None))
            }
            Verb::Delete => provider.delete(pool.id, &key).map(|was| (was, Value::None)),
        };
        match done {
            Ok((found, value)) => {
                Ended::local(Event::Success, now, outputs(&op.outputs, found, &value))
            }
            Err(refusal) => {
                let (error, message) = refused(refusal);
                Ended::failed(error, message, now)
            }
        }
    }
}

/// The type of error and the message of what a store refused.
pub fn refused(refusal: Refusal) -> (&'static str, String) {
    match refusal {
        Refusal::Other(text) => ("config.bad-value", text),
        Refusal::Exhausted => ("resource.exhausted", "the store is full".to_owned()),
        Refusal::Expired => ("resource.lease-expired", "the store is closed".to_owned()),
    }
}

fn outputs(names: &[String], found: bool, value: &Value) -> Vec<Value> {
    let one = |name: &String| match name.as_str() {
        "value" => value.clone(),
        "found" | "deleted" => Value::Boolean(found),
        _ => Value::None,
    };
    names.iter().map(one).collect()
}

/// The `with` with its holes filled.
pub fn fill(call: &CallOp, params: &[Value]) -> Json {
    let mut with = call.with.clone();
    for (pointer, value) in call.pointers.iter().zip(params) {
        if let Some(hole) = with.pointer_mut(pointer) {
            *hole = value.to_json();
        }
    }
    with
}
