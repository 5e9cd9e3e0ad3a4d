//! Keys of a call that mean the same wherever a call is written: in an action, in a step or node, in its controls.

use super::super::{Key, Kind, key};
use super::kinds;

pub const SAVE_AS: Key = key(
    "save-as",
    kinds::SAVE_AS,
    "Variable that keeps what the call returned.",
    "asset",
);

pub const EXTRACT: Key = key(
    "extract",
    kinds::EXTRACT,
    "Values taken out of the answer, as fields of the saved variable.",
    "{token: {json: \"$.token\"}, build: {header: x-build}}",
);

pub const METADATA: Key = key(
    "metadata",
    Kind::Named(&Kind::Any),
    "Free notes, kept with the plan.",
    "{owner: checkout-team}",
);

pub const EXPECT: Key = key(
    "expect",
    Kind::Condition,
    "Must hold for the call to be a success, whatever the component says.",
    "\"{{status < 500}}\"",
);

pub const TIMEOUT: Key = key(
    "timeout",
    Kind::Duration,
    "The call is given up after this.",
    "500ms",
);

pub const RATE_LIMIT: Key = key(
    "rate-limit",
    kinds::RATE_LIMIT,
    "Bounds how often the call is made.",
    "{per-user: 50 req/s}",
);

pub const RETRY: Key = key(
    "retry",
    kinds::RETRY,
    "When and how a call that did not succeed is tried again.",
    "{limit: 2, delay: 100ms, backoff: exponential}",
);

pub const MAX_BODY: Key = key(
    "max-body",
    Kind::Size,
    "At most so much of a body is kept; the rest is counted.",
    "1MiB",
);

pub const COMPENSATE: Key = key(
    "compensate",
    kinds::COMPENSATE,
    "Action that undoes this one; `closing.rollback` runs it.",
    "purge-delete",
);

pub const RECORD_INPUTS: Key = key(
    "record-inputs",
    Kind::Boolean,
    "Keeps the rendered parameters of the call in the records.",
    "true",
);
