//! The contract `pmplab:protocol`, over the world.
#![allow(unsafe_code, reason = "the bindings that wit-bindgen makes")]

use std::cell::RefCell;
use std::sync::Once;

use pmplab_dsl::plan;

use crate::SECTION;
use crate::model::Model;
use crate::world::{Done, Ending, World};

wit_bindgen::generate!({
    path: ["../../wit/deps/wasi-io.wit", "../../wit/deps/wasi-filesystem.wit", "../../wit/protocol"],
    world: "pmplab:protocol/protocol-component",
    with: {
        "wasi:io/poll@0.2.0": wasip2::io::poll,
        "wasi:filesystem/types@0.2.0": wasip2::filesystem::types,
    },
});
use exports::pmplab::protocol::plugin::{
    Action, Advanced, Capabilities, Descriptor, Error, Event, Guest, Lease, Outcome, Pollable,
    Value,
};

thread_local! {
    static WORLD: RefCell<World> = RefCell::new(World::new());
    static DONE: RefCell<Vec<Done>> = const { RefCell::new(Vec::new()) };
}

struct Sim;
export!(Sim);

impl Guest for Sim {
    fn init_protocol(_: String, _: Option<Descriptor>) -> Result<Capabilities, Error> {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| std::panic::set_hook(Box::new(|info| report(&info.to_string()))));
        WORLD.with_borrow_mut(World::clear);
        capabilities()
            .ok_or_else(|| Error::Other("the component's own section is broken".to_owned()))
    }

    fn prepare(id: u32, action: Action) -> Result<(), Error> {
        let model = Model::of(&action.params).map_err(Error::InvalidParameter)?;
        WORLD.with_borrow_mut(|world| world.prepare(id, model, action.timeout));
        Ok(())
    }

    fn run_action(_: u64, _: u64, action: u32, _: Vec<Value>, _: Vec<Lease>) -> u64 {
        WORLD.with_borrow_mut(|world| world.submit(action))
    }

    fn cancel(token: u64) {
        WORLD.with_borrow_mut(|world| world.cancel(token));
    }

    fn advance(until: u64, _: Vec<Pollable>) -> Advanced {
        WORLD.with_borrow_mut(|world| {
            DONE.with_borrow_mut(|done| {
                let now = world.advance(until, done);
                let outcomes = done.drain(..).map(|done| outcome(world, &done)).collect();
                Advanced { now, outcomes }
            })
        })
    }

    fn pollables() -> Vec<Pollable> {
        Vec::new()
    }

    fn end_user(_: u64) {}

    fn release_protocol() {
        WORLD.with_borrow_mut(World::clear);
    }
}

fn outcome(world: &World, done: &Done) -> Outcome {
    let model = world.model(done.action);
    let failure = |kind: &str, message: &str| (Some(kind.to_owned()), Some(message.to_owned()));
    let (error_type, message) = match done.ending {
        Ending::Success => (None, None),
        Ending::Failed => failure(
            model.map_or("other", |model| &model.error),
            "the model lets a share of these calls fail",
        ),
        Ending::TimedOut => failure("timeout.action", "no answer came within the timeout"),
        Ending::Outage(index) => {
            let outage = model.and_then(|model| model.outages.get(index as usize));
            failure(
                outage.map_or("other", |outage| &outage.2),
                "the target is down at this time of the model",
            )
        }
        Ending::Full => failure(
            "transport.connect-refused",
            "the queue of the model's server is full",
        ),
        Ending::Cancelled => failure("cancelled.core", "the action was cancelled"),
    };
    let answered = done.ending == Ending::Success;
    let status = match &error_type {
        None => model.and_then(|model| model.status),
        Some(error) => Model::status_of(error),
    };
    let outputs = match model {
        Some(model) if answered => model.outputs.iter().map(given).collect(),
        _ => Vec::new(),
    };
    Outcome {
        token: done.token,
        event: match done.ending {
            Ending::Success => Event::Success,
            Ending::TimedOut => Event::Timeout,
            _ => Event::Fail,
        },
        error_type,
        message,
        status,
        t_connect: None,
        t_start: Some(done.t_start),
        t_first_byte: answered.then_some(done.t_end),
        t_end: done.t_end,
        bytes_sent: 0,
        bytes_received: model.filter(|_| answered).map_or(0, |model| model.received),
        outputs,
        measures: model
            .filter(|_| answered)
            .map_or_else(Vec::new, |model| model.measures.clone()),
    }
}

fn given(value: &plan::Value) -> Value {
    match value {
        plan::Value::None => Value::None,
        plan::Value::Boolean(flag) => Value::Boolean(*flag),
        plan::Value::Integer(number) => Value::Integer(*number),
        plan::Value::Number(number) => Value::Number(*number),
        plan::Value::Text(text) => Value::Text(text.clone()),
        plan::Value::Bytes(bytes) => Value::Bytes(bytes.clone()),
        plan::Value::Json(json) => Value::Json(json.clone()),
    }
}

fn capabilities() -> Option<Capabilities> {
    let section: serde_json::Value = serde_json::from_str(SECTION).ok()?;
    let text = |key: &str| section.get(key)?.as_str().map(str::to_owned);
    let calls = section.get("capabilities")?.as_array()?;
    Some(Capabilities {
        name: text("name")?,
        version: text("version")?,
        calls: calls
            .iter()
            .filter_map(|call| call.as_str().map(str::to_owned))
            .collect(),
    })
}

/// Without this the text of a panic would be lost: there is no standard error of the language on this target.
fn report(text: &str) {
    let stderr = wasip2::cli::stderr::get_stderr();
    // Best effort: there is nowhere else to complain.
    let _ = stderr.blocking_write_and_flush(format!("sim: {text}\n").as_bytes());
}
