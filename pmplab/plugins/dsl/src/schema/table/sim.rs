//! `sim.yaml`: how the targets behave in a simulation.

use super::super::{Described, Kind, PLAIN, key};
use super::kinds;
use crate::read::places;

pub const SIM: Described = Described {
    id: "SIM",
    place: Some(&places::SIM),
    doc: "How the targets behave in a simulation.",
    keys: &[
        key(
            "calls",
            Kind::Named(&Kind::Place("SIM_CALL")),
            "By `COMPONENT.CALL` or by action.",
            "{http.get: {latency: {lognormal: {p50: 20ms, p99: 90ms}}, fail: 1%}}",
        ),
        key(
            "default",
            Kind::Place("SIM_CALL"),
            "How calls are answered that are not named.",
            "{latency: 10ms}",
        ),
        key(
            "servers",
            Kind::Named(&Kind::Place("SIM_SERVER")),
            "Servers that several calls share, by name.",
            "{shop: {workers: 8}}",
        ),
    ],
    ..PLAIN
};

pub const SIM_CALL: Described = Described {
    id: "SIM_CALL",
    place: Some(&places::SIM_CALL),
    doc: "How one call is answered.",
    keys: &[
        key(
            "latency",
            kinds::DISTRIBUTION,
            "Time that an answer takes.",
            "{lognormal: {p50: 20ms, p99: 90ms}}",
        ),
        key(
            "fail",
            Kind::Share,
            "Share of the answers that are failures.",
            "1%",
        ),
        key(
            "timeout",
            Kind::Share,
            "Share of the calls that are never answered.",
            "0.1%",
        ),
        key(
            "error",
            Kind::Text,
            "Error type of what fails.",
            "transport.reset",
        ),
        key(
            "outputs",
            Kind::Named(&Kind::Any),
            "What the call returns.",
            "{status: 200, body: \"...\"}",
        ),
        key(
            "measures",
            Kind::Named(&Kind::Number),
            "What an answer measures, in the unit of the component.",
            "{setup_ms: 45}",
        ),
        key(
            "server",
            Kind::Either(&[Kind::Name, Kind::Place("SIM_SERVER")]),
            "A server, by name or here, that takes only so many calls at a time; the others queue.",
            "{workers: 8}",
        ),
        key(
            "outages",
            Kind::List(&Kind::Place("SIM_OUTAGE")),
            "When nothing is answered.",
            "[{at: 60s, for: 5s}]",
        ),
    ],
    ..PLAIN
};

pub const SIM_SERVER: Described = Described {
    id: "SIM_SERVER",
    place: Some(&places::SIM_SERVER),
    doc: "A server with a queue.",
    keys: &[
        key(
            "workers",
            Kind::Whole(1),
            "Calls that are worked on at a time.",
            "8",
        )
        .required(),
        key(
            "queue",
            Kind::Whole(0),
            "Calls that may wait; more are refused. Any number without it.",
            "1000",
        ),
    ],
    ..PLAIN
};

pub const SIM_OUTAGE: Described = Described {
    id: "SIM_OUTAGE",
    place: Some(&places::SIM_OUTAGE),
    doc: "A time in which nothing is answered.",
    keys: &[
        key(
            "at",
            Kind::Text,
            "When it begins, from the start of the run.",
            "60s",
        )
        .required(),
        key("for", Kind::Duration, "How long it lasts.", "5s").required(),
        key(
            "error",
            Kind::Text,
            "Error type of what is asked meanwhile.",
            "transport.connect-refused",
        ),
    ],
    ..PLAIN
};
