//! `load`: profiles, scenarios, exits.

use super::super::{CASE, Case, Described, Is, Kind, PLAIN, Ref, key};
use super::kinds;
use crate::read::places;

/// Where a task can leave.
const EXIT: Kind = Kind::Word(&[
    "timeout_out",
    "error_out",
    "closing",
    "closing.done",
    "closing.timeout",
    "closing.error",
    "closing.rollback",
    "timeout",
    "error",
    "timeout-out",
    "error-out",
]);

pub const LOAD: Described = Described {
    id: "LOAD",
    place: Some(&places::LOAD),
    doc: "How many users come, when, and for how long.",
    keys: &[
        key(
            "profiles",
            Kind::Named(&Kind::Place("PROFILE")),
            "Shapes of load that scenarios can share, by name.",
            "{ramp: {start-users: 0, end-users: 1000, duration: 60s}}",
        ),
        key(
            "scenarios",
            Kind::Filled(&Kind::List(&Kind::Place("SCENARIO"))),
            "What runs, side by side or one after the other.",
            "[{name: browse, workflow: browse, user-count: 10}]",
        )
        .required(),
        key(
            "tick",
            Kind::Duration,
            "Period of the control clock (spawn, stop, deadlines, lease renewal), from 1ms to 1s.",
            "20ms",
        ),
    ],
    cases: &[Case {
        key: "profiles",
        is: Is::Absent,
        kinds: &[("scenarios", Kind::List(&Kind::Place("SHAPED_SCENARIO")))],
        ..CASE
    }],
    ..PLAIN
};

pub const PROFILE: Described = Described {
    id: "PROFILE",
    place: Some(&places::PROFILE),
    doc: "A linear change of the number of users.",
    keys: &[
        key(
            "start-users",
            Kind::Whole(0),
            "Users at the beginning.",
            "0",
        ),
        key("end-users", Kind::Whole(0), "Users at the end.", "1000"),
        key(
            "duration",
            Kind::Duration,
            "Time from the one to the other.",
            "60s",
        ),
        key(
            "shape",
            Kind::Word(&["ramp", "stairs", "stages"]),
            "Linear, in equal steps, or as a timetable has it.",
            "ramp",
        ),
        key("steps", Kind::Whole(1), "How many steps stairs have.", "5"),
        key(
            "stages",
            Kind::Filled(&Kind::List(&Kind::Place("STAGE"))),
            "A timetable in place of one change: each stage leads linearly to its number of users.",
            "[{users: 100, duration: 30s}, {users: 0, duration: 10s}]",
        ),
        key(
            "max-duration",
            Kind::Duration,
            "After this all users of the scenario end in `closing.timeout`.",
            "10m",
        ),
    ],
    any_of: &[&["stages"], &["end-users", "duration"]],
    cases: &[
        Case {
            key: "shape",
            is: Is::Word(&["ramp"]),
            needs: &["end-users", "duration"],
            bars: &["steps", "stages"],
            ..CASE
        },
        Case {
            key: "shape",
            is: Is::Word(&["stairs"]),
            needs: &["end-users", "duration", "steps"],
            bars: &["stages"],
            ..CASE
        },
        Case {
            key: "shape",
            is: Is::Word(&["stages"]),
            needs: &["stages"],
            ..CASE
        },
        Case {
            key: "shape",
            is: Is::Absent,
            bars: &["steps"],
            ..CASE
        },
        Case {
            key: "stages",
            is: Is::There,
            bars: &["end-users", "duration", "steps"],
            ..CASE
        },
    ],
    ..PLAIN
};

pub const STAGE: Described = Described {
    id: "STAGE",
    place: Some(&places::STAGE),
    doc: "One stage of a timetable.",
    keys: &[
        key("users", Kind::Whole(0), "Users at its end.", "100").required(),
        key(
            "duration",
            Kind::DurationOrZero,
            "How long it takes.",
            "30s",
        )
        .required(),
    ],
    ..PLAIN
};

pub const SCENARIO: Described = Described {
    id: "SCENARIO",
    place: Some(&places::SCENARIO),
    doc: "Users who run a workflow: a closed model by `user-count`, or an open one by `arrival`.",
    keys: &[
        key(
            "name",
            Kind::Name,
            "Name of the scenario in the WBS and in all results.",
            "http-bulk",
        )
        .required(),
        key(
            "workflow",
            Kind::Refer(Ref::Workflow),
            "What its users do.",
            "http_tri_phase",
        )
        .required(),
        key(
            "profile",
            Kind::Refer(Ref::Profile),
            "Shape of the load; `user-count` is then the cap.",
            "ramp",
        ),
        key(
            "user-count",
            Kind::Whole(1),
            "So many users are ever created.",
            "1000",
        ),
        key(
            "spawn-rate",
            Kind::Rate,
            "How fast they come; all at once without it.",
            "200/s",
        ),
        key(
            "arrival",
            Kind::Place("ARRIVAL"),
            "Open load: tasks arrive on a schedule, whatever the target does.",
            "{shape: constant, rate: 200/s, duration: 60s, max-users: 1000}",
        ),
        key(
            "task-duration",
            Kind::Duration,
            "A user begins no new task after this; one task without it.",
            "120s",
        ),
        key(
            "iterations",
            Kind::Whole(1),
            "At most so many tasks of each user.",
            "10",
        ),
        key(
            "max-duration",
            Kind::Duration,
            "After this all users of the scenario end in `closing.timeout`.",
            "10m",
        ),
        key(
            "pacing",
            kinds::DISTRIBUTION,
            "A user's tasks start this far apart.",
            "5s",
        ),
        key(
            "start-after",
            Kind::Either(&[Kind::Duration, Kind::Refer(Ref::Scenario)]),
            "Begins after another scenario has ended, or after a time.",
            "warm-up",
        ),
        key(
            "rate-limit",
            kinds::RATE_LIMIT,
            "Bounds all calls of the scenario.",
            "{per-scenario: 500/s}",
        ),
        key(
            "exits",
            kinds::EXITS,
            "Where tasks leave on a timeout and on an error, and how serious that is.",
            "{timeout: 150s, error: fatal}",
        ),
        key(
            "exit",
            kinds::EXITS,
            "Another spelling of `exits`.",
            "{timeout: 150s, error-out: fatal}",
        ),
        key(
            "user",
            Kind::Place("USER"),
            "What each user brings along.",
            "{inherit: [ip-port-pool]}",
        ),
    ],
    exclusive: &[("exit", "exits"), ("arrival", "spawn-rate")],
    cases: &[Case {
        key: "spawn-rate",
        is: Is::There,
        any: &["user-count", "profile"],
        ..CASE
    }],
    ..PLAIN
};

/// Where there is no profile that it could take.
pub const SHAPED_SCENARIO: Described = Described {
    id: "SHAPED_SCENARIO",
    doc: "A scenario that says itself how many users come, or when.",
    keys: &[
        key(
            "user-count",
            Kind::Any,
            "So many users are ever created.",
            "1000",
        ),
        key("arrival", Kind::Any, "Open load.", "{rate: 200/s}"),
        key("profile", Kind::Any, "Shape of the load.", "ramp"),
    ],
    any_of: &[&["user-count"], &["arrival"], &["profile"]],
    open: true,
    ..PLAIN
};

const POSITIVE: (&str, Kind) = ("rate", Kind::Rate);

pub const ARRIVAL: Described = Described {
    id: "ARRIVAL",
    place: Some(&places::ARRIVAL),
    doc: "A schedule on which tasks arrive.",
    keys: &[
        key(
            "shape",
            Kind::Word(&["constant", "ramp", "poisson", "uniform", "burst", "stairs"]),
            "How the arrivals are spread over time.",
            "stairs",
        ),
        key(
            "rate",
            Kind::RateOrZero,
            "Arrivals per time, at the beginning where the rate changes.",
            "200/s",
        ),
        key(
            "to",
            Kind::RateOrZero,
            "Rate at the end of a ramp or of stairs.",
            "800/s",
        ),
        key("steps", Kind::Whole(1), "Number of stairs.", "6"),
        key("size", Kind::Whole(1), "Arrivals of one burst.", "50"),
        key(
            "every",
            Kind::Duration,
            "Time from one burst to the next.",
            "10s",
        ),
        key(
            "duration",
            Kind::Duration,
            "No task arrives after this.",
            "60s",
        ),
        key(
            "max-users",
            Kind::Whole(1),
            "At most so many tasks at a time.",
            "1000",
        ),
        key(
            "when-full",
            Kind::Word(&["queue", "drop"]),
            "What becomes of an arrival that finds all users busy: it waits, and the wait counts, or it is dropped and counted.",
            "queue",
        ),
    ],
    cases: &[
        Case {
            key: "shape",
            is: Is::WordOrNothing(&["constant", "poisson", "uniform"]),
            needs: &["rate"],
            bars: &["to", "steps", "size", "every"],
            kinds: &[POSITIVE],
            ..CASE
        },
        Case {
            key: "shape",
            is: Is::Word(&["ramp"]),
            needs: &["rate", "to", "duration"],
            bars: &["steps", "size", "every"],
            ..CASE
        },
        Case {
            key: "shape",
            is: Is::Word(&["burst"]),
            needs: &["size", "every"],
            bars: &["rate", "to", "steps"],
            ..CASE
        },
        Case {
            key: "shape",
            is: Is::Word(&["stairs"]),
            needs: &["rate", "to", "steps", "duration"],
            bars: &["size", "every"],
            ..CASE
        },
    ],
    ..PLAIN
};

pub const USER: Described = Described {
    id: "USER",
    place: Some(&places::USER),
    doc: "What each user of a scenario brings along.",
    keys: &[
        key(
            "inherit",
            Kind::List(&Kind::Refer(Ref::Resource)),
            "Resources of which each user holds one lease while it lives.",
            "[ip-port-pool]",
        ),
        key(
            "context",
            Kind::Named(&Kind::Any),
            "Values that its tasks begin with; templates may read what is known before the run, and what was saved for all by then.",
            "{tenant: blue}",
        ),
    ],
    ..PLAIN
};

pub const EXITS: Described = Described {
    id: "EXITS",
    place: Some(&places::EXITS),
    doc: "Where a task leaves.",
    keys: &[
        key(
            "timeout",
            Kind::Either(&[
                EXIT,
                Kind::Duration,
                Kind::There(&Kind::Place("TIMEOUT_EXIT")),
            ]),
            "A deadline for the whole user (`150s`), or the exit of tasks that time out.",
            "timeout_out",
        ),
        key(
            "error",
            Kind::Either(&[
                Kind::Word(&["fatal", "error", "warn"]),
                EXIT,
                Kind::There(&Kind::Place("ERROR_EXIT")),
            ]),
            "The exit of tasks that fail, or how serious that is: `fatal`, `error`, `warn`.",
            "error_out",
        ),
    ],
    ..PLAIN
};

pub const TIMEOUT_EXIT: Described = Described {
    id: "TIMEOUT_EXIT",
    place: Some(&places::TIMEOUT_EXIT),
    doc: "A deadline and where it leads.",
    keys: &[
        key(
            "after",
            Kind::Duration,
            "The user's deadline, from its spawn.",
            "150s",
        ),
        key("to", EXIT, "The exit.", "timeout_out"),
        key(
            "state",
            EXIT,
            "The exit, by the state in which the task ends.",
            "closing.timeout",
        ),
    ],
    ..PLAIN
};

pub const ERROR_EXIT: Described = Described {
    id: "ERROR_EXIT",
    place: Some(&places::ERROR_EXIT),
    doc: "Where an error leads, and what it does to the scenario.",
    keys: &[
        key("to", EXIT, "The exit.", "error_out"),
        key(
            "severity",
            Kind::Word(&["fatal", "error", "warn"]),
            "`fatal` stops the scenario, `error` ends the task, `warn` goes on with the next step.",
            "error",
        ),
        key(
            "state",
            EXIT,
            "The exit, by the state in which the task ends.",
            "closing.error",
        ),
    ],
    ..PLAIN
};
