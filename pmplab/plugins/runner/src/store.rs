//! `get`, `put` and `delete` of a `kv_store`: done at once, through the provider.

use pmplab_dsl::plan::Value;
use serde_json::Value as Json;

use crate::action::Local;
use crate::engine::Engine;
use crate::ports::{Event, Ledger, Protocol, Provider, Refusal};
use crate::program::{StoreCall, Verb};
use crate::scope::{from_json_text, to_json};

impl<P: Protocol, R: Provider, L: Ledger> Engine<P, R, L> {
    pub(crate) fn call_store(&mut self, call: &StoreCall, params: Vec<Value>) -> Local {
        let with = fill(call, &params);
        let key = match with.get("key") {
            None | Some(Json::Null) => {
                return failed(
                    "config.bad-value",
                    format!(
                        "`key` is missing for the store `{}`",
                        self.program.resources[call.resource].name
                    ),
                );
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
            Ok((found, value)) => Local {
                event: Event::Success,
                error: None,
                outputs: outputs(&call.outputs, found, &value),
            },
            Err(Refusal::Other(text)) => failed("config.bad-value", text),
            Err(Refusal::Exhausted) => failed("resource.exhausted", "the store is full".to_owned()),
            Err(Refusal::Expired) => {
                failed("resource.lease-expired", "the store is closed".to_owned())
            }
        }
    }
}

fn failed(kind: &'static str, message: String) -> Local {
    Local {
        event: Event::Fail,
        error: Some((kind, message)),
        outputs: vec![],
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
fn fill(call: &StoreCall, params: &[Value]) -> Json {
    let mut with = call.with.clone();
    for (pointer, value) in call.pointers.iter().zip(params) {
        if let Some(hole) = with.pointer_mut(pointer) {
            *hole = to_json(value);
        }
    }
    with
}
