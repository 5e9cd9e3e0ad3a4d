//! `actions`, and what they share with inline steps.

use super::super::{CASE, Case, Described, Is, Kind, PLAIN, Ref, key};
use super::{call, kinds};
use crate::read::places;
use pmplab_records::dictionaries::ERROR_TYPES;

pub const ACTION: Described = Described {
    id: "ACTION",
    place: Some(&places::ACTION),
    doc: "A call of a component, with its parameters.",
    keys: &[
        key(
            "component",
            Kind::Refer(Ref::Component),
            "The component that is called.",
            "http",
        )
        .required(),
        key("call", Kind::Name, "Which of its capabilities.", "get").required(),
        key(
            "with",
            kinds::WITH,
            "Parameters of the call; templates are filled in for each task.",
            "{url: \"http://{{resource.ip}}:{{resource.port}}/asset\"}",
        ),
        call::SAVE_AS,
        call::EXTRACT,
        call::EXPECT,
        call::TIMEOUT,
        call::RATE_LIMIT,
        call::RETRY,
        key(
            "on-error",
            kinds::HANDLER,
            "What is done when the call failed; `continue` goes on.",
            "continue",
        ),
        key(
            "on-timeout",
            kinds::HANDLER,
            "What is done when the call timed out.",
            "[{goto: timeout_out}]",
        ),
        call::MAX_BODY,
        call::RECORD_INPUTS,
        call::COMPENSATE,
        key(
            "controls",
            Kind::Place("CONTROLS"),
            "Limits, retries and handlers in their long form.",
            "{exec: {timeout: 500ms}}",
        ),
        call::METADATA,
    ],
    ..PLAIN
};

pub const SAVE_AS: Described = Described {
    id: "SAVE_AS",
    place: Some(&places::SAVE_AS),
    doc: "Where the answer of a call is kept.",
    keys: &[
        key("var", Kind::Name, "Name of the variable.", "asset").required(),
        key(
            "scope",
            Kind::Form(r"^(workbook|user[-_]local|task[-_]local|global)$"),
            "Who sees it: `workbook` (this task, and the records), `task-local`, `user-local` or `global` (all users; of a run in shards, those of its shard).",
            "workbook",
        ),
        key(
            "persist",
            Kind::Place("PERSIST"),
            "Writes the value into a file of the run folder too.",
            "{type: file, dir: ./runtime/artifacts, filename: \"{{workbook.user_id}}.json\"}",
        ),
        key(
            "merge",
            Kind::Word(&["last", "first", "append", "sum", "min", "max", "error"]),
            "What becomes of several writes, as parallel branches make them.",
            "append",
        ),
    ],
    ..PLAIN
};

pub const PERSIST: Described = Described {
    id: "PERSIST",
    place: Some(&places::PERSIST),
    doc: "A file that keeps a saved value.",
    keys: &[
        key(
            "type",
            Kind::Word(&["file"]),
            "Where it is kept: in a file.",
            "file",
        ),
        key(
            "dir",
            Kind::Text,
            "Folder below that of the run.",
            "./runtime/artifacts/assets",
        ),
        key(
            "filename",
            Kind::Text,
            "Name of the file; a template makes one for each user.",
            "\"{{workbook.user_id}}-asset.json\"",
        )
        .required(),
    ],
    ..PLAIN
};

pub const EXTRACTOR: Described = Described {
    id: "EXTRACTOR",
    place: Some(&places::EXTRACTOR),
    doc: "How a value is found in an answer.",
    keys: &[
        key(
            "json",
            Kind::Name,
            "Path in the answer's JSON.",
            "\"$.items[0].id\"",
        ),
        key("header", Kind::Name, "Name of a header.", "x-build"),
        key(
            "regex",
            Kind::Name,
            "Regular expression over the body; its first group, or all of the match.",
            "'name=\"csrf\" value=\"([^\"]+)\"'",
        ),
        key(
            "from",
            Kind::Name,
            "Output to take it from, where it is not the usual one.",
            "body",
        ),
    ],
    one_of: &["json", "header", "regex"],
    ..PLAIN
};

/// An event or error type, or the start of some.
const WORTH: Kind = Kind::Either(&[
    Kind::Word(&["fail", "timeout"]),
    Kind::Word(ERROR_TYPES),
    Kind::Form(r"^[^*]*\*$"),
]);

pub const RETRY: Described = Described {
    id: "RETRY",
    place: Some(&places::RETRY),
    doc: "When and how a call that did not succeed is tried again.",
    keys: &[
        key("limit", Kind::Whole(0), "Attempts after the first.", "2"),
        key(
            "delay",
            Kind::DurationOrZero,
            "Time before the first retry.",
            "100ms",
        ),
        key(
            "backoff",
            Kind::Word(&["constant", "linear", "exponential"]),
            "How the delay grows from one retry to the next.",
            "exponential",
        ),
        key(
            "factor",
            Kind::Between(1, 100),
            "Factor of an exponential backoff.",
            "2",
        ),
        key(
            "max-delay",
            Kind::Duration,
            "No delay is longer than this.",
            "2s",
        ),
        key(
            "jitter",
            Kind::Word(&["none", "full", "equal"]),
            "Chance in the delay, so that not all retry at once.",
            "full",
        ),
        key(
            "retry-on",
            Kind::Either(&[Kind::List(&WORTH), WORTH]),
            "Events and error types that are worth it; `*` stands for any rest.",
            "[timeout, transport.*]",
        ),
        key(
            "budget",
            Kind::Share,
            "Retries may be at most this share of the first attempts; ten more are always granted, so that a young run may retry too.",
            "10%",
        ),
    ],
    cases: &[Case {
        key: "backoff",
        is: Is::Word(&["linear", "exponential"]),
        needs: &["delay"],
        ..CASE
    }],
    ..PLAIN
};

pub const RATE_LIMIT: Described = Described {
    id: "RATE_LIMIT",
    place: Some(&places::RATE_LIMIT),
    doc: "How often calls may be made; a bare rate is `per-user`.",
    keys: &[
        key("per-user", Kind::Rate, "By each user.", "50 req/s"),
        key(
            "per-scenario",
            Kind::Rate,
            "By all users of a scenario together.",
            "500/s",
        ),
        key("global", Kind::Rate, "By the whole run.", "2000/s"),
        key(
            "burst",
            Kind::Whole(1),
            "So many calls may come at once after a pause.",
            "5",
        ),
    ],
    any_of: &[&["per-user"], &["per-scenario"], &["global"]],
    ..PLAIN
};
