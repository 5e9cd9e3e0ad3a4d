//! `script.yaml` and `config.yaml` themselves.

use super::super::{Described, Kind, PLAIN, key};
use crate::read::places;

pub const SCRIPT: Described = Described {
    id: "SCRIPT",
    place: Some(&places::SCRIPT),
    doc: "A script: what to call (components, actions), in which order (workflows), with what (resources), and how much of it (load).",
    keys: &[
        key(
            "version",
            Kind::Either(&[
                Kind::Form(r"^1(\.[0-9]+){0,2}$"),
                Kind::Word(&["1"]),
                Kind::Number,
            ]),
            "Version of the language; quoted, because 1.10 would be the number 1.1.",
            "\"1.0\"",
        ),
        key(
            "components",
            Kind::ListOrNothing(&Kind::Place("COMPONENT")),
            "The WebAssembly components that run actions or provide resources.",
            "[{name: http, version: \"0.2.1\", entry: plugins/http/send.wasm}]",
        ),
        key(
            "resources",
            Kind::Named(&Kind::Place("RESOURCE")),
            "Pools, files and stores that the script uses, by name.",
            "{ip-port-pool: {type: pair_pool, provider: {component: resource-manager}, config: {manifest: ./resource.yaml}}}",
        ),
        key(
            "workflows",
            Kind::Named(&Kind::Place("WORKFLOW")),
            "What one task does, step by step or as a graph, by name.",
            "{browse: {steps: [{ref: probe-get}]}}",
        )
        .required(),
        key(
            "actions",
            Kind::Named(&Kind::Place("ACTION")),
            "Calls of components that steps refer to, by name.",
            "{probe-get: {component: http, call: get, with: {url: \"http://127.0.0.1/\"}}}",
        ),
        key(
            "load",
            Kind::Place("LOAD"),
            "How many users come, when, and for how long.",
            "{scenarios: [{name: browse, workflow: browse, user-count: 10}]}",
        )
        .required(),
        key(
            "workbook",
            Kind::Place("WORKBOOK"),
            "Fields, defaults and aliases of the Workbook, the ledger of every user and task.",
            "{sections: {telemetry: {fields: {last_http_status: int}}}}",
        ),
        key(
            "monitoring",
            Kind::Place("MONITORING"),
            "What the run watches by itself: exits, retries, thresholds, alerts, responses to risks.",
            "{thresholds: [\"p95(http.get) < 300ms\"]}",
        ),
        key(
            "x-globals",
            Kind::Named(&Kind::Any),
            "Constants that templates read as `{{global.NAME}}`.",
            "{tenant: blue}",
        ),
    ],
    ..PLAIN
};

pub const CONFIG: Described = Described {
    id: "CONFIG",
    place: Some(&places::CONFIG),
    doc: "Settings that several scripts of a bundle share.",
    keys: &[
        key(
            "actions",
            Kind::Named(&Kind::Place("ACTION")),
            "A library of actions: looked up after those of the script, and not all must be used.",
            "{cleanup: {component: http, call: delete}}",
        ),
        key(
            "tick",
            Kind::Duration,
            "Period of the control clock (spawn, stop, deadlines, lease renewal), from 1ms to 1s; `load.tick` of the script wins.",
            "20ms",
        ),
        key(
            "program",
            Kind::Name,
            "Name of the whole project, level L0 of the WBS; without it the bundle's.",
            "asset-library",
        ),
        key(
            "global",
            Kind::Named(&Kind::Any),
            "Constants that templates read as `{{global.NAME}}`.",
            "{tenant: blue}",
        ),
    ],
    ..PLAIN
};
