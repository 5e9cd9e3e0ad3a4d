//! The protocol slots: six imported interfaces with the same items, each with types of its own.

use pmplab_dsl::plan::{Ns, Value};
use wasip2::io::poll::Pollable;

use crate::ports::{ActionLease, ActionSpec, Capabilities, Event, Outcome, Protocol};

/// How many slots the core's world has.
pub const SLOTS: usize = 6;

/// One of them.
pub struct ProtocolSlot(pub usize);

macro_rules! slot {
    ($name:ident, $wit:ident) => {
        mod $name {
            use super::{
                ActionLease, ActionSpec, Capabilities, Event, Ns, Outcome, Pollable, Value,
            };
            use crate::edge::$wit as wit;

            fn error(error: wit::Error) -> String {
                match error {
                    wit::Error::InvalidParameter(text) | wit::Error::Other(text) => text,
                    wit::Error::UnknownCall(call) => format!("it has no call `{call}`"),
                    wit::Error::Denied(text) => format!("a grant is missing: {text}"),
                }
            }

            fn value(value: Value) -> wit::Value {
                match value {
                    Value::None => wit::Value::None,
                    Value::Boolean(b) => wit::Value::Boolean(b),
                    Value::Integer(i) => wit::Value::Integer(i),
                    Value::Number(n) => wit::Value::Number(n),
                    Value::Text(text) => wit::Value::Text(text),
                    Value::Bytes(bytes) => wit::Value::Bytes(bytes),
                    Value::Json(text) => wit::Value::Json(text),
                }
            }

            fn output(value: wit::Value) -> Value {
                match value {
                    wit::Value::None => Value::None,
                    wit::Value::Boolean(b) => Value::Boolean(b),
                    wit::Value::Integer(i) => Value::Integer(i),
                    wit::Value::Number(n) => Value::Number(n),
                    wit::Value::Text(text) => Value::Text(text),
                    wit::Value::Bytes(bytes) => Value::Bytes(bytes),
                    wit::Value::Json(text) => Value::Json(text),
                }
            }

            fn outcome(outcome: wit::Outcome) -> Outcome {
                Outcome {
                    token: outcome.token,
                    event: match outcome.event {
                        wit::Event::Success => Event::Success,
                        wit::Event::Fail => Event::Fail,
                        wit::Event::Timeout => Event::Timeout,
                    },
                    error_type: outcome.error_type,
                    message: outcome.message,
                    status: outcome.status,
                    t_connect: outcome.t_connect,
                    t_start: outcome.t_start,
                    t_first_byte: outcome.t_first_byte,
                    t_end: outcome.t_end,
                    bytes_sent: outcome.bytes_sent,
                    bytes_received: outcome.bytes_received,
                    outputs: outcome.outputs.into_iter().map(output).collect(),
                    measures: outcome.measures,
                }
            }

            pub fn init(resource: &str, files: bool) -> Result<Capabilities, String> {
                let folder = files.then(|| crate::edge::directory("/bundle")).flatten();
                let found = wit::init_protocol(resource, folder).map_err(error)?;
                Ok(Capabilities {
                    name: found.name,
                    version: found.version,
                    calls: found.calls,
                    provides: vec![],
                })
            }

            pub fn prepare(action: u32, spec: &ActionSpec) -> Result<(), String> {
                let resources = spec
                    .resources
                    .iter()
                    .map(|(name, fields)| wit::ResourceShape {
                        name: name.clone(),
                        fields: fields.clone(),
                    });
                let action_spec = wit::Action {
                    call: spec.call.clone(),
                    params: spec.params.clone(),
                    holes: spec.holes.clone(),
                    outputs: spec.outputs.clone(),
                    measures: spec.measures.clone(),
                    resources: resources.collect(),
                    timeout: spec.timeout,
                    max_body: spec.max_body,
                };
                wit::prepare(action, &action_spec).map_err(error)
            }

            pub fn run_action(
                task: u64,
                user: u64,
                action: u32,
                params: Vec<Value>,
                leases: Vec<ActionLease>,
            ) -> u64 {
                let params: Vec<_> = params.into_iter().map(value).collect();
                let leases: Vec<_> = leases
                    .into_iter()
                    .map(|lease| wit::Lease {
                        id: lease.id,
                        shape: lease.shape,
                        fields: lease.fields,
                    })
                    .collect();
                wit::run_action(task, user, action, &params, &leases)
            }

            pub fn advance(until: Ns, wake: Vec<Pollable>, outcomes: &mut Vec<Outcome>) -> Ns {
                let advanced = wit::advance(until, wake);
                outcomes.extend(advanced.outcomes.into_iter().map(outcome));
                advanced.now
            }

            pub use wit::{cancel, end_user, pollables, release_protocol as release};
        }
    };
}

slot!(s0, slot0);
slot!(s1, slot1);
slot!(s2, slot2);
slot!(s3, slot3);
slot!(s4, slot4);
slot!(s5, slot5);

macro_rules! dispatch {
    ($slot:expr, $function:ident ( $($argument:expr),* )) => {
        match $slot {
            0 => s0::$function($($argument),*),
            1 => s1::$function($($argument),*),
            2 => s2::$function($($argument),*),
            3 => s3::$function($($argument),*),
            4 => s4::$function($($argument),*),
            _ => s5::$function($($argument),*),
        }
    };
}

impl Protocol for ProtocolSlot {
    type Wake = Pollable;

    fn init(&mut self, resource: &str, files: bool) -> Result<Capabilities, String> {
        dispatch!(self.0, init(resource, files))
    }
    fn prepare(&mut self, action: u32, spec: &ActionSpec) -> Result<(), String> {
        dispatch!(self.0, prepare(action, spec))
    }
    fn run_action(
        &mut self,
        task: u64,
        user: u64,
        action: u32,
        params: Vec<Value>,
        leases: Vec<ActionLease>,
    ) -> u64 {
        dispatch!(self.0, run_action(task, user, action, params, leases))
    }
    fn cancel(&mut self, token: u64) {
        dispatch!(self.0, cancel(token));
    }
    fn advance(&mut self, until: Ns, wake: Vec<Pollable>, outcomes: &mut Vec<Outcome>) -> Ns {
        dispatch!(self.0, advance(until, wake, outcomes))
    }
    fn pollables(&mut self) -> Vec<Pollable> {
        dispatch!(self.0, pollables())
    }
    fn end_user(&mut self, user: u64) {
        dispatch!(self.0, end_user(user));
    }
    fn release(&mut self) {
        dispatch!(self.0, release());
    }
}
