//! The contract `pmplab:protocol`, over the reactor.
#![allow(unsafe_code, reason = "the bindings that wit-bindgen makes")]

use crate::SECTION;
use crate::action::{Compiled, Refusal};
use crate::net::Watch;
use crate::reactor::Reactor;
use crate::value;
use crate::wasi::{Wasi, subscribe};
use std::cell::RefCell;
use std::sync::Once;
use wasip2::clocks::monotonic_clock;

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
    static REACTOR: RefCell<Reactor<Wasi>> = RefCell::new(Reactor::new(Wasi::default()));
}

struct Http;
export!(Http);

impl Guest for Http {
    fn init_protocol(_: String, _: Option<Descriptor>) -> Result<Capabilities, Error> {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| std::panic::set_hook(Box::new(|info| report(&info.to_string()))));
        reset();
        capabilities()
            .ok_or_else(|| Error::Other("the component's own section is broken".to_owned()))
    }

    fn prepare(id: u32, action: Action) -> Result<(), Error> {
        let mut compiled =
            Compiled::new(&action.call, &action.params, &action.holes, &action.outputs).map_err(
                |refusal| match refusal {
                    Refusal::UnknownCall(call) => Error::UnknownCall(call),
                    Refusal::InvalidParameter(why) => Error::InvalidParameter(why),
                },
            )?;
        compiled.timeout = action.timeout;
        compiled.max_body = action.max_body;
        REACTOR.with_borrow_mut(|reactor| reactor.prepare(id, compiled));
        Ok(())
    }

    fn run_action(_: u64, user: u64, action: u32, params: Vec<Value>, _: Vec<Lease>) -> u64 {
        let params: Vec<value::Value> = params.into_iter().map(taken).collect();
        REACTOR.with_borrow_mut(|reactor| reactor.submit(user, action, &params))
    }

    fn cancel(token: u64) {
        REACTOR.with_borrow_mut(|reactor| reactor.cancel(token));
    }

    fn advance(until: u64, wake: Vec<Pollable>) -> Advanced {
        let mut done = Vec::new();
        let now = REACTOR.with_borrow_mut(|reactor| reactor.advance(until, &wake, &mut done));
        Advanced {
            now,
            outcomes: done.into_iter().map(outcome).collect(),
        }
    }

    fn pollables() -> Vec<Pollable> {
        let mut list = Vec::new();
        REACTOR.with_borrow(|reactor| {
            if reactor.watch(|watch: Watch<'_, Wasi>| list.extend(subscribe(&watch))) {
                list.push(monotonic_clock::subscribe_duration(0));
            }
        });
        list
    }

    fn end_user(user: u64) {
        REACTOR.with_borrow_mut(|reactor| reactor.end_user(user));
    }

    fn release_protocol() {
        reset();
    }
}

fn reset() {
    REACTOR.with_borrow_mut(|reactor| *reactor = Reactor::new(Wasi::default()));
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

fn taken(value: Value) -> value::Value {
    match value {
        Value::None => value::Value::None,
        Value::Boolean(flag) => value::Value::Boolean(flag),
        Value::Integer(number) => value::Value::Integer(number),
        Value::Number(number) => value::Value::Number(number),
        Value::Text(text) => value::Value::Text(text),
        Value::Bytes(bytes) => value::Value::Bytes(bytes),
        Value::Json(json) => value::Value::Json(json),
    }
}

fn given(value: value::Value) -> Value {
    match value {
        value::Value::None => Value::None,
        value::Value::Boolean(flag) => Value::Boolean(flag),
        value::Value::Integer(number) => Value::Integer(number),
        value::Value::Number(number) => Value::Number(number),
        value::Value::Text(text) => Value::Text(text),
        value::Value::Bytes(bytes) => Value::Bytes(bytes),
        value::Value::Json(json) => Value::Json(json),
    }
}

fn outcome(done: value::Outcome) -> Outcome {
    let (error_type, message) = done
        .failure
        .map(|failure| (failure.kind.to_owned(), failure.message))
        .unzip();
    Outcome {
        token: done.token,
        event: match done.event {
            value::Event::Success => Event::Success,
            value::Event::Fail => Event::Fail,
            value::Event::Timeout => Event::Timeout,
        },
        error_type,
        message,
        status: done.status.map(i32::from),
        t_connect: done.t_connect,
        t_start: done.t_start,
        t_first_byte: done.t_first_byte,
        t_end: done.t_end,
        bytes_sent: done.bytes_sent,
        bytes_received: done.bytes_received,
        outputs: done.outputs.into_iter().map(given).collect(),
    }
}

/// Without this the text of a panic would be lost: there is no standard error of the language on this target.
fn report(text: &str) {
    let stderr = wasip2::cli::stderr::get_stderr();
    // Best effort: there is nowhere else to complain.
    let _ = stderr.blocking_write_and_flush(format!("http: {text}\n").as_bytes());
}
