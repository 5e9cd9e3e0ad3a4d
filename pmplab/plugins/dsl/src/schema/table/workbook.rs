//! `workbook` and `monitoring`.

use super::super::{Described, Kind, PLAIN, key};
use super::kinds;
use crate::read::places;

const FIELDS: Kind = Kind::Either(&[Kind::Named(&Kind::Field), Kind::List(&Kind::Name)]);

pub const WORKBOOK: Described = Described {
    id: "WORKBOOK",
    place: Some(&places::WORKBOOK),
    doc: "The ledger of every user and task: what the script adds to its six sections.",
    keys: &[
        key(
            "sections",
            Kind::Place("WORKBOOK_SECTIONS"),
            "By section: timeline, execution, governance, telemetry, registers, communications.",
            "{telemetry: {defaults: {counters: {success: 0}}, fields: {last_http_status: int}}}",
        ),
        key(
            "defaults",
            Kind::Named(&Kind::Any),
            "Values that each task begins with; placed in `execution` unless `expose` says otherwise.",
            "{last_http_status: 0}",
        ),
        key(
            "fields",
            FIELDS,
            "Fields of the script's own and their types; placed in `execution` unless `expose` says otherwise.",
            "{last_http_status: int}",
        ),
        key(
            "expose",
            Kind::Named(&Kind::Name),
            "Short names for paths in the sections.",
            "{state: timeline.phase, scope_trace: governance.scope_trace}",
        ),
    ],
    ..PLAIN
};

pub const WORKBOOK_SECTION: Described = Described {
    id: "WORKBOOK_SECTION",
    place: Some(&places::WORKBOOK_SECTION),
    doc: "One section of the Workbook.",
    keys: &[
        key(
            "defaults",
            Kind::Named(&Kind::Any),
            "Values that each task begins with.",
            "{counters: {success: 0}}",
        ),
        key(
            "fields",
            FIELDS,
            "Fields of the script's own and their types.",
            "{last_http_status: int}",
        ),
        key(
            "persist",
            Kind::Boolean,
            "false: its changes are not written to the run folder.",
            "false",
        ),
    ],
    ..PLAIN
};

pub const MONITORING: Described = Described {
    id: "MONITORING",
    place: Some(&places::MONITORING),
    doc: "What the run watches by itself.",
    keys: &[
        key(
            "exits",
            kinds::EXITS,
            "The exits of workflows and scenarios that declare none.",
            "{timeout_out: {state: closing.timeout}, error_out: {state: closing.error}}",
        ),
        key(
            "retry",
            kinds::RETRY,
            "Retries of calls that say nothing else.",
            "{limit: 2, delay: 200ms}",
        ),
        key(
            "thresholds",
            Kind::Either(&[Kind::List(&Kind::Text), Kind::Text, Kind::Nothing]),
            "What must hold of the results, else the exit status is 99; `for 10s` makes it hold in every stretch, `abort` ends the run.",
            "[\"p95(http.get) < 300ms\", \"fail_rate < 1%\"]",
        ),
        key(
            "alerts",
            Kind::ListOrNothing(&Kind::Place("ALERT")),
            "Conditions that are told about when they come true.",
            "[{when: \"{{workbook.telemetry.counters.fail > 100}}\", to: log, notify: owner}]",
        ),
        key(
            "responses",
            Kind::Either(&[
                Kind::Named(&kinds::HANDLER),
                Kind::List(&Kind::Place("RESPONSE")),
            ]),
            "What a task does when its `registers.flag` takes a value.",
            "{overload: [{goto: closing.rollback}]}",
        ),
    ],
    ..PLAIN
};

pub const ALERT: Described = Described {
    id: "ALERT",
    place: Some(&places::ALERT),
    doc: "A condition that is told about when it comes true.",
    keys: &[
        key(
            "name",
            Kind::Name,
            "What it is called in the log and in the records.",
            "many-failures",
        ),
        key(
            "when",
            Kind::Condition,
            "Looked at every tick, for each scenario.",
            "\"{{workbook.telemetry.counters.fail > 100}}\"",
        )
        .required(),
        key(
            "to",
            Kind::Either(&[
                Kind::Word(&["log", "file", "notebook"]),
                Kind::Filled(&Kind::List(&Kind::Word(&["log", "file", "notebook"]))),
            ]),
            "Where it is told: `log`, `file`, `notebook`; always in the communications too.",
            "[log, file]",
        ),
        key("notify", Kind::Name, "Whom it concerns.", "owner"),
        key(
            "message",
            Kind::Text,
            "What is said; a template may name the figures.",
            "\"{{workbook.telemetry.counters.fail}} failures\"",
        ),
    ],
    ..PLAIN
};

const SECTION: Kind = Kind::Place("WORKBOOK_SECTION");

pub const WORKBOOK_SECTIONS: Described = Described {
    id: "WORKBOOK_SECTIONS",
    place: Some(&places::WORKBOOK_SECTIONS),
    doc: "The six sections.",
    keys: &[
        key(
            "timeline",
            SECTION,
            "Phases and times of each task.",
            "{fields: {note: text}}",
        ),
        key(
            "execution",
            SECTION,
            "Who works on what, retries, evidence.",
            "{fields: {note: text}}",
        ),
        key(
            "governance",
            SECTION,
            "Scope and responsibility.",
            "{fields: {note: text}}",
        ),
        key(
            "telemetry",
            SECTION,
            "Counts and latencies by scenario.",
            "{fields: {note: text}}",
        ),
        key(
            "registers",
            SECTION,
            "Risks and issues.",
            "{fields: {note: text}}",
        ),
        key(
            "communications",
            SECTION,
            "What was told to whom.",
            "{fields: {note: text}}",
        ),
    ],
    ..PLAIN
};

pub const RESPONSE: Described = Described {
    id: "RESPONSE",
    place: Some(&places::RESPONSE),
    doc: "What a task does when its flag takes a value.",
    keys: &[
        key(
            "flag",
            Kind::Text,
            "The value of `registers.flag`.",
            "overload",
        )
        .required(),
        key(
            "steps",
            kinds::HANDLER,
            "What is done.",
            "[{goto: closing.rollback}]",
        )
        .required(),
    ],
    ..PLAIN
};
