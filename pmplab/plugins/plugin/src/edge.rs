//! The bindings of `pmplab:protocol`, and any [`Plugin`] behind them.
#![allow(unsafe_code, reason = "the bindings that wit-bindgen makes")]

use crate::{ActionSpec, Event, Folder, Lease, Outcome, Plugin, Refusal, Shape, Submission, Value};
use std::marker::PhantomData;
use std::sync::Once;

wit_bindgen::generate!({
    path: ["../../wit/deps/wasi-io.wit", "../../wit/deps/wasi-filesystem.wit", "../../wit/protocol"],
    world: "pmplab:protocol/protocol-component",
    with: {
        "wasi:io/poll@0.2.0": wasip2::io::poll,
        "wasi:filesystem/types@0.2.0": wasip2::filesystem::types,
    },
    pub_export_macro: true,
    export_macro_name: "export_component",
    default_bindings_module: "pmplab_plugin::edge",
});
use exports::pmplab::protocol::plugin as wit;

/// The one instance of a plugin that a component has.
pub trait Single: Plugin {
    fn with<R>(work: impl FnOnce(&mut Self) -> R) -> R;
}

/// A plugin as the contract sees it.
pub struct Component<P>(PhantomData<P>);

impl<P: Single> wit::Guest for Component<P> {
    fn init_protocol(
        resource: String,
        folder: Option<wit::Descriptor>,
    ) -> Result<wit::Capabilities, wit::Error> {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| std::panic::set_hook(Box::new(|info| report::<P>(&info.to_string()))));
        P::with(|plugin| {
            *plugin = P::new();
            plugin.init(&resource, folder.map(Folder::new))
        })
        .map_err(refused)?;
        capabilities::<P>()
            .ok_or_else(|| wit::Error::Other("the component's own section is broken".to_owned()))
    }

    fn prepare(id: u32, action: wit::Action) -> Result<(), wit::Error> {
        let resources = action.resources.into_iter().map(|shape| Shape {
            name: shape.name,
            fields: shape.fields,
        });
        let spec = ActionSpec {
            call: action.call,
            params: action.params,
            holes: action.holes,
            outputs: action.outputs,
            measures: action.measures,
            resources: resources.collect(),
            timeout: action.timeout,
            max_body: action.max_body,
        };
        P::with(|plugin| plugin.prepare(id, spec)).map_err(refused)
    }

    fn run_action(
        task: u64,
        user: u64,
        action: u32,
        params: Vec<wit::Value>,
        leases: Vec<wit::Lease>,
    ) -> u64 {
        let leases = leases.into_iter().map(|lease| Lease {
            id: lease.id,
            shape: lease.shape,
            fields: lease.fields,
        });
        let submission = Submission {
            task,
            user,
            action,
            params: params.into_iter().map(taken).collect(),
            leases: leases.collect(),
        };
        P::with(|plugin| plugin.submit(submission))
    }

    fn cancel(token: u64) {
        P::with(|plugin| plugin.cancel(token));
    }

    fn advance(until: u64, wake: Vec<wit::Pollable>) -> wit::Advanced {
        let mut done = Vec::new();
        let now = P::with(|plugin| plugin.advance(until, &wake, &mut done));
        wit::Advanced {
            now,
            outcomes: done.into_iter().map(outcome).collect(),
        }
    }

    fn pollables() -> Vec<wit::Pollable> {
        P::with(|plugin| plugin.pollables())
    }

    fn end_user(user: u64) {
        P::with(|plugin| plugin.end_user(user));
    }

    fn release_protocol() {
        P::with(|plugin| *plugin = P::new());
    }
}

fn refused(refusal: Refusal) -> wit::Error {
    match refusal {
        Refusal::InvalidParameter(why) => wit::Error::InvalidParameter(why),
        Refusal::UnknownCall(call) => wit::Error::UnknownCall(call),
        Refusal::Denied(why) => wit::Error::Denied(why),
        Refusal::Other(why) => wit::Error::Other(why),
    }
}

fn capabilities<P: Plugin>() -> Option<wit::Capabilities> {
    let section: serde_json::Value = serde_json::from_str(P::SECTION).ok()?;
    let text = |key: &str| section.get(key)?.as_str().map(str::to_owned);
    let calls = section.get("capabilities")?.as_array()?;
    Some(wit::Capabilities {
        name: text("name")?,
        version: text("version")?,
        calls: calls
            .iter()
            .filter_map(|call| call.as_str().map(str::to_owned))
            .collect(),
    })
}

fn taken(value: wit::Value) -> Value {
    match value {
        wit::Value::None => Value::None,
        wit::Value::Boolean(flag) => Value::Boolean(flag),
        wit::Value::Integer(number) => Value::Integer(number),
        wit::Value::Number(number) => Value::Number(number),
        wit::Value::Text(text) => Value::Text(text),
        wit::Value::Bytes(bytes) => Value::Bytes(bytes),
        wit::Value::Json(json) => Value::Json(json),
    }
}

fn given(value: Value) -> wit::Value {
    match value {
        Value::None => wit::Value::None,
        Value::Boolean(flag) => wit::Value::Boolean(flag),
        Value::Integer(number) => wit::Value::Integer(number),
        Value::Number(number) => wit::Value::Number(number),
        Value::Text(text) => wit::Value::Text(text),
        Value::Bytes(bytes) => wit::Value::Bytes(bytes),
        Value::Json(json) => wit::Value::Json(json),
    }
}

fn outcome(done: Outcome) -> wit::Outcome {
    let (error_type, message) = done
        .failure
        .map(|failure| (failure.kind.to_owned(), failure.message))
        .unzip();
    wit::Outcome {
        token: done.token,
        event: match done.event {
            Event::Success => wit::Event::Success,
            Event::Fail => wit::Event::Fail,
            Event::Timeout => wit::Event::Timeout,
        },
        error_type,
        message,
        status: done.status,
        t_connect: done.t_connect,
        t_start: done.t_start,
        t_first_byte: done.t_first_byte,
        t_end: done.t_end,
        bytes_sent: done.bytes_sent,
        bytes_received: done.bytes_received,
        outputs: done.outputs.into_iter().map(given).collect(),
        measures: done.measures,
    }
}

/// Without this the text of a panic would be lost: there is no standard error of the language on this target.
fn report<P: Plugin>(text: &str) {
    let name = capabilities::<P>().map_or_else(|| "a component".to_owned(), |found| found.name);
    let stderr = wasip2::cli::stderr::get_stderr();
    // Best effort: there is nowhere else to complain.
    let _ = stderr.blocking_write_and_flush(format!("{name}: {text}\n").as_bytes());
}

/// Makes a type that implements [`Plugin`](crate::Plugin) the export of the component.
#[macro_export]
macro_rules! export_plugin {
    ($plugin:ty) => {
        #[allow(unsafe_code, reason = "the bindings that wit-bindgen makes")]
        mod exported {
            use super::*;

            std::thread_local! {
                static PLUGIN: std::cell::RefCell<$plugin> =
                    std::cell::RefCell::new(<$plugin as $crate::Plugin>::new());
            }

            impl $crate::edge::Single for $plugin {
                fn with<R>(work: impl FnOnce(&mut Self) -> R) -> R {
                    PLUGIN.with_borrow_mut(work)
                }
            }

            type Exported = $crate::edge::Component<$plugin>;
            $crate::edge::export_component!(Exported with_types_in $crate::edge);
        }
    };
}
