//! `workflows`: steps, graphs, and what stands in them.

use super::super::{CASE, Case, Described, Is, Kind, PLAIN, Ref, key};
use super::{call, kinds};
use crate::read::places;

/// `all`, `any`, or a number.
const WAIT: Kind = Kind::Either(&[Kind::Word(&["all", "any"]), Kind::Whole(1)]);
const TARGETS: Kind = Kind::Either(&[
    Kind::Refer(Ref::Node),
    Kind::Filled(&Kind::List(&Kind::Refer(Ref::Node))),
]);

pub const WORKFLOW: Described = Described {
    id: "WORKFLOW",
    place: Some(&places::WORKFLOW),
    doc: "What one task does: a list of steps, or a graph of nodes.",
    keys: &[
        key(
            "wbs-level",
            Kind::Word(&["L0", "L1", "L2", "L3", "L4", "L5"]),
            "Level in the WBS; a workflow stands on L3.",
            "L3",
        ),
        key(
            "steps",
            kinds::STEPS,
            "What is done, in this order.",
            "[{ref: probe-get}, {ref: push-post}]",
        ),
        key(
            "nodes",
            Kind::Filled(&Kind::Named(&Kind::Place("NODE"))),
            "A graph: nodes by name, which `controls.flow.transitions` connect.",
            "{probe: {ref: probe-get, controls: {flow: {transitions: [{to: closing}]}}}}",
        ),
        key(
            "entry",
            Kind::Refer(Ref::Node),
            "The node at which a task begins; the first one unless said otherwise.",
            "probe",
        ),
        key(
            "timeout",
            Kind::Duration,
            "A task that takes longer ends in `timeout_out`.",
            "5s",
        ),
        key(
            "on-error",
            kinds::HANDLER,
            "What is done when a step failed and did not handle it itself.",
            "[{action: log.error}, {goto: error_out}]",
        ),
        key(
            "on-timeout",
            kinds::HANDLER,
            "What is done when a step timed out and did not handle it itself.",
            "[{goto: timeout_out}]",
        ),
        key(
            "rate-limit",
            kinds::RATE_LIMIT,
            "Bounds the calls of all its steps.",
            "{per-user: 50 req/s}",
        ),
        key(
            "retry",
            kinds::RETRY,
            "Retries of its calls that say nothing else.",
            "{limit: 2, delay: 100ms}",
        ),
        key(
            "controls",
            Kind::Place("CONTROLS"),
            "Limits, retries and handlers in their long form.",
            "{exec: {retry: {limit: 2}}}",
        ),
        key(
            "exits",
            kinds::EXITS,
            "Where tasks leave on a timeout and on an error.",
            "{timeout: timeout_out, error: error_out}",
        ),
        call::METADATA,
    ],
    one_of: &["steps", "nodes"],
    needs: &[("entry", "nodes")],
    ..PLAIN
};

/// Only what goes to the log is text.
const CALLS: Case = Case {
    key: "action",
    is: Is::Form(r"^\s*(?!log\.)\S"),
    kinds: &[("with", kinds::WITH)],
    ..CASE
};

/// What a step and a node have in common, and one key more.
macro_rules! step_keys {
    ($own:expr) => {
        &[
            key(
                "ref",
                Kind::Refer(Ref::Action),
                "Runs an action of the script or of config.yaml.",
                "probe-get",
            ),
            key(
                "action",
                Kind::Refer(Ref::Call),
                "Calls a component at once, or writes a line into the log.",
                "http.get",
            ),
            key(
                "if",
                Kind::Condition,
                "Goes on with `then` when the condition holds, else with `else`.",
                "\"{{meta.status == 200}}\"",
            ),
            key(
                "then",
                kinds::STEPS,
                "Steps for when the condition of `if` holds.",
                "[{ref: push-post}]",
            ),
            key(
                "else",
                kinds::STEPS,
                "Steps for when the condition of `if` does not hold.",
                "[{goto: monitoring.retry}]",
            ),
            key(
                "loop",
                Kind::Place("LOOP"),
                "Repeats steps: so many times, while a condition holds, or over a list.",
                "{count: 3, as: i, steps: [{ref: probe-get}]}",
            ),
            key(
                "parallel",
                Kind::Place("PARALLEL"),
                "Runs branches side by side.",
                "{wait: all, branches: {a: [{ref: probe-get}], b: [{ref: purge-delete}]}}",
            ),
            key(
                "goto",
                Kind::Refer(Ref::Target),
                "Goes on at a step, a node or an exit.",
                "error_out",
            ),
            key(
                "update-workbook",
                Kind::Filled(&Kind::Named(&Kind::Any)),
                "Writes fields of the Workbook, by path or alias.",
                "{registers.flag: true}",
            ),
            key(
                "wait",
                kinds::DISTRIBUTION,
                "Does nothing for a time.",
                "500ms",
            ),
            key(
                "hold",
                kinds::DISTRIBUTION,
                "Does nothing for a time that belongs to the protocol, such as a call that is up.",
                "30s",
            ),
            key(
                "think",
                kinds::DISTRIBUTION,
                "Does nothing for a time that stands for the user's thinking.",
                "{uniform: [1s, 3s]}",
            ),
            key(
                "monitor",
                Kind::Condition,
                "A gate: `success` when the condition holds, else `fail`; with a `timeout` it waits that long for it.",
                "\"{{workbook.telemetry.counters.fail < 10}}\"",
            ),
            key(
                "with",
                Kind::Either(&[kinds::WITH, Kind::Text]),
                "Parameters of an inline call, or what `log` says; templates are filled in for each task.",
                "{url: \"{{resource.ip}}:{{resource.port}}/meta\"}",
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
                "What is done when this step failed; `continue` goes on.",
                "continue",
            ),
            key(
                "on-timeout",
                kinds::HANDLER,
                "What is done when this step timed out.",
                "[{goto: timeout_out}]",
            ),
            call::MAX_BODY,
            call::COMPENSATE,
            call::RECORD_INPUTS,
            key(
                "controls",
                Kind::Place("CONTROLS"),
                "Of a node: limits, retries and handlers (`exec`), and where it leads (`flow`).",
                "{exec: {timeout: 500ms}, flow: {transitions: [{to: closing}]}}",
            ),
            $own,
        ]
    };
}

pub const STEP: Described = Described {
    id: "STEP",
    place: Some(&places::STEP),
    doc: "One step: it does exactly one thing, which its first key names.",
    keys: step_keys!(key(
        "name",
        Kind::Name,
        "Name of the step in the WBS, in the records and for `goto`.",
        "first-probe",
    )),
    one_of: &[
        "ref",
        "action",
        "if",
        "loop",
        "parallel",
        "goto",
        "update-workbook",
        "wait",
        "hold",
        "think",
        "monitor",
    ],
    needs: &[("if", "then"), ("then", "if"), ("else", "if")],
    cases: &[CALLS],
    ..PLAIN
};

pub const NODE: Described = Described {
    id: "NODE",
    place: Some(&places::NODE),
    doc: "One node of a graph: it does exactly one thing, and its transitions say what comes next.",
    keys: step_keys!(key(
        "join",
        Kind::Either(&[Kind::Word(&["all", "any"]), Kind::Whole(1)]),
        "How many of the branches that lead here must arrive before it runs once: of all that were begun.",
        "all",
    )),
    one_of: &[
        "ref",
        "action",
        "if",
        "loop",
        "parallel",
        "goto",
        "update-workbook",
        "wait",
        "hold",
        "think",
        "monitor",
    ],
    needs: &[("if", "then"), ("then", "if"), ("else", "if")],
    cases: &[CALLS],
    ..PLAIN
};

pub const LOOP: Described = Described {
    id: "LOOP",
    place: Some(&places::LOOP),
    doc: "Steps that are repeated.",
    keys: &[
        key(
            "count",
            Kind::Either(&[Kind::Whole(1), Kind::Template]),
            "So many rounds: a number or a template.",
            "3",
        ),
        key(
            "while",
            Kind::Condition,
            "Rounds as long as this holds; needs `max`.",
            "\"{{page.json.next}}\"",
        ),
        key(
            "max",
            Kind::Whole(1),
            "At most so many rounds of `while`.",
            "10",
        ),
        key(
            "over",
            Kind::Any,
            "One round for each item of a list or entry of a map.",
            "\"{{listing.json.items}}\"",
        ),
        key(
            "as",
            Kind::Name,
            "Variable that holds the item, or the number of the round from 0.",
            "item",
        ),
        key(
            "steps",
            kinds::STEPS,
            "What each round does.",
            "[{ref: probe-get}]",
        )
        .required(),
    ],
    one_of: &["count", "while", "over"],
    needs: &[("while", "max"), ("max", "while")],
    ..PLAIN
};

pub const PARALLEL: Described = Described {
    id: "PARALLEL",
    place: Some(&places::PARALLEL),
    doc: "Branches side by side.",
    keys: &[
        key(
            "wait",
            WAIT,
            "How many branches must be done: `all`, `any` (the first) or a number; the others are cancelled then.",
            "all",
        ),
        key(
            "branches",
            Kind::Filled(&Kind::Named(&kinds::STEPS)),
            "Steps by name of their branch.",
            "{a: [{ref: probe-get}], b: [{ref: purge-delete}]}",
        )
        .required(),
    ],
    ..PLAIN
};

pub const CONTROLS: Described = Described {
    id: "CONTROLS",
    place: Some(&places::CONTROLS),
    doc: "How a node runs, and where it leads.",
    keys: &[
        key(
            "exec",
            Kind::Place("EXEC"),
            "Timeout, rate limit, retries and handlers of the node.",
            "{timeout: 500ms, retry: {limit: 2}}",
        ),
        key(
            "flow",
            Kind::Place("FLOW"),
            "Where the node leads.",
            "{transitions: [{to: closing}]}",
        ),
    ],
    ..PLAIN
};

pub const EXEC: Described = Described {
    id: "EXEC",
    place: Some(&places::EXEC),
    doc: "How a node runs.",
    keys: &[
        call::TIMEOUT,
        call::RATE_LIMIT,
        call::RETRY,
        key(
            "on-error",
            kinds::HANDLER,
            "What is done when the node failed.",
            "[{goto: monitoring.retry}]",
        ),
        key(
            "on-timeout",
            kinds::HANDLER,
            "What is done when the node timed out.",
            "[{goto: timeout_out}]",
        ),
    ],
    ..PLAIN
};

pub const FLOW: Described = Described {
    id: "FLOW",
    place: Some(&places::FLOW),
    doc: "Where a node leads.",
    keys: &[key(
        "transitions",
        Kind::List(&Kind::Place("TRANSITION")),
        "Looked at in this order: the first that matches is taken, and one without `event` and `when` is the default.",
        "[{event: fail, to: cleanup}, {to: closing}]",
    )],
    ..PLAIN
};

pub const TRANSITION: Described = Described {
    id: "TRANSITION",
    place: Some(&places::TRANSITION),
    doc: "A way from one node to the next.",
    keys: &[
        key(
            "event",
            Kind::Word(&["success", "fail", "timeout"]),
            "Only after this event of the node; any without it.",
            "success",
        ),
        key(
            "when",
            Kind::Condition,
            "Only when this holds; `event.payload` is what the call returned.",
            "\"{{event.payload.status == 404}}\"",
        ),
        key(
            "to",
            TARGETS,
            "The node or exit it leads to; a list is a fan-out.",
            "[post_push, watch]",
        )
        .required(),
    ],
    ..PLAIN
};

pub const DISTRIBUTION: Described = Described {
    id: "DISTRIBUTION",
    doc: "A time that is drawn anew at each use.",
    keys: &[
        key("constant", Kind::Duration, "Always the same.", "1s"),
        key(
            "uniform",
            Kind::Pair(&Kind::DurationOrZero),
            "Any time between two, all alike.",
            "[1s, 3s]",
        ),
        key(
            "exponential",
            Kind::Duration,
            "Short times often, long ones rarely: the mean.",
            "2s",
        ),
        key(
            "normal",
            Kind::Place("NORMAL"),
            "Around a mean, never below zero.",
            "{mean: 2s, sd: 500ms}",
        ),
        key(
            "lognormal",
            Kind::Place("LOGNORMAL"),
            "Skewed, as answers of servers are: given by its median and its 99th percentile.",
            "{p50: 20ms, p99: 90ms}",
        ),
    ],
    one_of: &["constant", "uniform", "exponential", "normal", "lognormal"],
    ..PLAIN
};

pub const NORMAL: Described = Described {
    id: "NORMAL",
    doc: "A normal distribution, cut off at zero.",
    keys: &[
        key("mean", Kind::Duration, "The mean time.", "2s").required(),
        key("sd", Kind::Duration, "The standard deviation.", "500ms").required(),
    ],
    ..PLAIN
};

pub const LOGNORMAL: Described = Described {
    id: "LOGNORMAL",
    doc: "A lognormal distribution.",
    keys: &[
        key("p50", Kind::Duration, "The median.", "20ms").required(),
        key("p99", Kind::Duration, "The 99th percentile.", "90ms").required(),
    ],
    ..PLAIN
};
