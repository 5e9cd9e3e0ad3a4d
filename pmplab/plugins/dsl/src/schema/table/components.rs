//! `components`.

use super::super::{Described, Kind, PLAIN, key};
use super::kinds;
use crate::read::{components, places};

pub const COMPONENT: Described = Described {
    id: "COMPONENT",
    place: Some(&places::COMPONENT),
    doc: "A component: a protocol, or a provider of resources.",
    keys: &[
        key(
            "name",
            Kind::Name,
            "What actions and resources call it.",
            "http",
        )
        .required(),
        key(
            "version",
            Kind::Form(r"^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$"),
            "Semantic version, equal to the one that the component has inside.",
            "\"0.2.1\"",
        )
        .required(),
        key(
            "kind",
            Kind::Word(&["wasi-component", "service-adapter", "native"]),
            "How it runs; the last two only where the host allows them.",
            "wasi-component",
        ),
        key(
            "entry",
            Kind::Name,
            "Its file: in the bundle, else among the components that come with pmplab.",
            "plugins/http/send.wasm",
        )
        .required(),
        key(
            "metadata",
            Kind::Place("COMPONENT_METADATA"),
            "What is known of it, for checks and audit; other keys are free.",
            "{owner: integration, capabilities: [get, post]}",
        ),
    ],
    ..PLAIN
};

pub const COMPONENT_METADATA: Described = Described {
    id: "COMPONENT_METADATA",
    place: Some(&places::COMPONENT_METADATA),
    doc: "What is known of a component; keys that are not listed are kept as they are.",
    keys: &[
        key(
            "owner",
            Kind::Text,
            "Who answers for it: the accountable owner in RACI and in the WBS.",
            "integration",
        ),
        key(
            "wit",
            Kind::Text,
            "Path of its WIT world in the bundle.",
            "wit/http/world.wit",
        ),
        key(
            "capabilities",
            Kind::List(&Kind::Name),
            "The calls that the script may use of it.",
            "[get, post, delete]",
        ),
        key(
            "transport",
            Kind::Text,
            "The transport it speaks over, for the record.",
            "tcp",
        ),
        key(
            "resources",
            Kind::Place("PROVIDES"),
            "What a resource component provides.",
            "{provides: [pair_pool, file_blob]}",
        ),
        key(
            "outputs",
            Kind::Any,
            "Types of what its calls return, where the component does not say so itself.",
            "{status: integer, body: any}",
        ),
        key(
            "tags",
            Kind::List(&Kind::Text),
            "Words by which reports can be filtered.",
            "[edge, v2]",
        ),
        key(
            "grants",
            Kind::List(&Kind::Word(&["net", "files"])),
            "What it asks of the user: nothing is granted without `--allow`.",
            "[net]",
        ),
        key(
            "retry",
            kinds::RETRY,
            "Retries of its actions that say nothing else.",
            "{limit: 2, delay: 100ms}",
        ),
        key(
            "guard",
            Kind::Either(&[Kind::Name, Kind::List(&Kind::Name)]),
            "Guard Domain it belongs to: leases of other domains are refused to it.",
            "network",
        ),
    ],
    open: true,
    ..PLAIN
};

pub const PROVIDES: Described = Described {
    id: "PROVIDES",
    place: Some(&components::PROVIDES),
    doc: "What a resource component provides.",
    keys: &[key(
        "provides",
        Kind::List(&Kind::Name),
        "The types of resources it can open.",
        "[pair_pool, file_blob, kv_store]",
    )],
    open: true,
    ..PLAIN
};
