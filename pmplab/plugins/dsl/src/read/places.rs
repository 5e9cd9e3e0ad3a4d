//! Which keys are allowed where.

use pmplab_records::dictionaries::SECTIONS;

/// A kind of map in the script.
pub struct Place {
    /// As a caret says it: "not a ... key".
    pub what: &'static str,
    pub keys: &'static [&'static str],
    /// Other spellings: `(alias, key)`.
    pub aliases: &'static [(&'static str, &'static str)],
    /// Keys that belong elsewhere: `(key, where)`.
    pub moved: &'static [(&'static str, &'static str)],
    /// What other tools call it: `(their word, ours)`.
    pub synonyms: &'static [(&'static str, &'static str)],
    /// Any other key is free.
    pub open: bool,
}

const PLAIN: Place = Place {
    what: "",
    keys: &[],
    aliases: &[],
    moved: &[],
    synonyms: &[],
    open: false,
};

pub const SCRIPT: Place = Place {
    what: "top-level",
    keys: &[
        "version",
        "components",
        "resources",
        "workflows",
        "actions",
        "load",
        "workbook",
        "monitoring",
    ],
    moved: &[
        ("scenarios", "`load`"),
        ("profiles", "`load`"),
        ("steps", "`workflows.NAME`"),
        ("tick", "`load`, or config.yaml"),
        ("program", "config.yaml"),
        ("globals", "`x-globals`"),
        ("global", "`x-globals`, or config.yaml"),
    ],
    ..PLAIN
};

pub const CONFIG: Place = Place {
    what: "config",
    keys: &["actions", "tick", "program", "global"],
    moved: &[
        ("load", "script.yaml"),
        ("workflows", "script.yaml"),
        ("components", "script.yaml"),
        ("resources", "script.yaml"),
    ],
    synonyms: &[("globals", "global"), ("name", "program")],
    ..PLAIN
};

pub const COMPONENT: Place = Place {
    what: "component",
    keys: &["name", "version", "kind", "entry", "metadata"],
    moved: &[
        ("capabilities", "`metadata`"),
        ("owner", "`metadata`"),
        ("wit", "`metadata`"),
        ("grants", "`metadata`"),
        ("transport", "`metadata`"),
        ("provides", "`metadata.resources`"),
    ],
    synonyms: &[
        ("type", "kind"),
        ("path", "entry"),
        ("file", "entry"),
        ("id", "name"),
    ],
    ..PLAIN
};

pub const COMPONENT_METADATA: Place = Place {
    what: "metadata",
    keys: &[
        "owner",
        "wit",
        "capabilities",
        "transport",
        "resources",
        "outputs",
        "tags",
        "grants",
        "retry",
        "guard",
    ],
    open: true,
    ..PLAIN
};

pub const RESOURCE: Place = Place {
    what: "resource",
    keys: &["type", "provider", "config", "capacity", "metadata"],
    moved: &[
        ("leasing", "`provider`"),
        ("calls", "`provider`"),
        ("component", "`provider`"),
        ("manifest", "`config`"),
        ("file", "`config`"),
        ("checksum", "`config`"),
        ("parser", "`config`"),
        ("ttl", "`provider.leasing`"),
        ("strategy", "`provider.leasing`"),
        ("size", "`capacity`"),
        ("guard", "`capacity` or `metadata`"),
    ],
    synonyms: &[("kind", "type")],
    ..PLAIN
};

pub const PROVIDER: Place = Place {
    what: "provider",
    keys: &["component", "calls", "leasing"],
    moved: &[
        ("ttl", "`leasing`"),
        ("strategy", "`leasing`"),
        ("acquire", "`calls`"),
        ("release", "`calls`"),
    ],
    ..PLAIN
};

pub const CALLS: Place = Place {
    what: "role",
    keys: &["acquire", "release", "mount", "unmount"],
    open: true,
    ..PLAIN
};

pub const LEASING: Place = Place {
    what: "leasing",
    keys: &["ttl", "strategy", "auto-renew"],
    synonyms: &[("renew", "auto-renew")],
    ..PLAIN
};

pub const RESOURCE_CONFIG: Place = Place {
    what: "config",
    keys: &["manifest", "parser", "file", "checksum"],
    open: true,
    ..PLAIN
};

pub const PARSER: Place = Place {
    what: "parser",
    keys: &["format", "fields"],
    open: true,
    ..PLAIN
};

pub const CAPACITY: Place = Place {
    what: "capacity",
    keys: &["size", "guard"],
    ..PLAIN
};

pub const WORKFLOW: Place = Place {
    what: "workflow",
    keys: &[
        "wbs-level",
        "steps",
        "nodes",
        "entry",
        "timeout",
        "rate-limit",
        "retry",
        "on-error",
        "on-timeout",
        "controls",
        "exits",
        "metadata",
    ],
    aliases: &[("exit", "exits")],
    moved: &[
        ("user-count", "`load.scenarios[]`"),
        ("spawn-rate", "`load.scenarios[]`"),
        ("url", "`actions.NAME.with`"),
        ("transitions", "`nodes.NAME.controls.flow`"),
    ],
    synonyms: &[
        ("actions", "steps"),
        ("tasks", "steps"),
        ("flow", "steps"),
        ("graph", "nodes"),
        ("start", "entry"),
        ("begin", "entry"),
    ],
    ..PLAIN
};

/// What a step can do: it has exactly one of these keys.
pub const HEADS: [&str; 11] = [
    "ref",
    "action",
    "goto",
    "if",
    "loop",
    "parallel",
    "update-workbook",
    "wait",
    "hold",
    "think",
    "monitor",
];

/// A step; which keys are allowed depends on its head.
pub const STEP: Place = Place {
    what: "step",
    keys: &[
        "ref",
        "action",
        "goto",
        "if",
        "then",
        "else",
        "loop",
        "parallel",
        "update-workbook",
        "wait",
        "hold",
        "think",
        "monitor",
        "name",
        "with",
        "save-as",
        "timeout",
        "retry",
        "rate-limit",
        "expect",
        "extract",
        "compensate",
        "record-inputs",
        "on-error",
        "on-timeout",
        "max-body",
        "controls",
    ],
    moved: &[
        (
            "component",
            "`actions.NAME`; inline it is `action: COMPONENT.CALL`",
        ),
        (
            "call",
            "`actions.NAME`; inline it is `action: COMPONENT.CALL`",
        ),
        ("persist", "`save-as`"),
        ("join", "`nodes.NAME`"),
        ("transitions", "`nodes.NAME.controls.flow`"),
        ("branches", "`parallel`"),
        ("while", "`loop`"),
        ("count", "`loop`"),
        ("over", "`loop`"),
    ],
    synonyms: &[
        ("call", "action"),
        ("use", "ref"),
        ("run", "ref"),
        ("depends-on", "ref"),
        ("sleep", "wait"),
        ("pause", "wait"),
        ("for", "loop"),
        ("when", "if"),
        ("assert", "expect"),
        ("check", "expect"),
        ("otherwise", "else"),
        ("catch", "on-error"),
    ],
    ..PLAIN
};

/// A node of a graph: a step, and what comes after it.
pub const NODE: Place = Place {
    what: "node",
    keys: &[
        "ref",
        "action",
        "goto",
        "if",
        "then",
        "else",
        "loop",
        "parallel",
        "update-workbook",
        "wait",
        "hold",
        "think",
        "monitor",
        "with",
        "save-as",
        "timeout",
        "retry",
        "rate-limit",
        "expect",
        "extract",
        "compensate",
        "record-inputs",
        "on-error",
        "on-timeout",
        "max-body",
        "controls",
        "join",
    ],
    moved: &[
        ("transitions", "`controls.flow`"),
        ("exec", "`controls`"),
        ("flow", "`controls`"),
        ("name", "the key of the node"),
    ],
    synonyms: &[
        ("next", "controls"),
        ("depends-on", "controls"),
        ("edges", "controls"),
        ("call", "action"),
        ("run", "ref"),
    ],
    ..PLAIN
};

pub const CONTROLS: Place = Place {
    what: "controls",
    keys: &["exec", "flow"],
    moved: &[
        ("timeout", "`exec`"),
        ("retry", "`exec`"),
        ("rate-limit", "`exec`"),
        ("on-error", "`exec`"),
        ("on-timeout", "`exec`"),
        ("transitions", "`flow`"),
    ],
    ..PLAIN
};

pub const EXEC: Place = Place {
    what: "exec",
    keys: &["timeout", "rate-limit", "retry", "on-error", "on-timeout"],
    synonyms: &[
        ("rps", "rate-limit"),
        ("limit", "rate-limit"),
        ("retries", "retry"),
    ],
    ..PLAIN
};

pub const FLOW: Place = Place {
    what: "flow",
    keys: &["transitions"],
    synonyms: &[
        ("next", "transitions"),
        ("edges", "transitions"),
        ("depends-on", "transitions"),
    ],
    ..PLAIN
};

pub const TRANSITION: Place = Place {
    what: "transition",
    keys: &["event", "when", "to"],
    synonyms: &[
        ("on", "event"),
        ("type", "event"),
        ("if", "when"),
        ("condition", "when"),
        ("goto", "to"),
        ("target", "to"),
    ],
    ..PLAIN
};

pub const LOOP: Place = Place {
    what: "loop",
    keys: &["count", "while", "over", "max", "as", "steps"],
    synonyms: &[
        ("times", "count"),
        ("in", "over"),
        ("items", "over"),
        ("do", "steps"),
        ("until", "while"),
        ("limit", "max"),
    ],
    ..PLAIN
};

pub const PARALLEL: Place = Place {
    what: "parallel",
    keys: &["wait", "branches"],
    synonyms: &[("join", "wait"), ("steps", "branches")],
    ..PLAIN
};

pub const EXTRACTOR: Place = Place {
    what: "extractor",
    keys: &["json", "header", "regex", "from"],
    synonyms: &[
        ("path", "json"),
        ("jsonpath", "json"),
        ("regexp", "regex"),
        ("output", "from"),
    ],
    ..PLAIN
};

pub const PERSIST: Place = Place {
    what: "persist",
    keys: &["type", "dir", "filename"],
    synonyms: &[
        ("kind", "type"),
        ("file", "filename"),
        ("name", "filename"),
        ("path", "dir"),
    ],
    ..PLAIN
};

pub const ACTION: Place = Place {
    what: "action",
    keys: &[
        "component",
        "call",
        "with",
        "save-as",
        "timeout",
        "retry",
        "rate-limit",
        "expect",
        "extract",
        "compensate",
        "record-inputs",
        "on-error",
        "on-timeout",
        "max-body",
        "controls",
        "metadata",
    ],
    moved: &[
        ("url", "`with`"),
        ("body", "`with`"),
        ("headers", "`with`"),
        ("method", "`call`"),
        ("resource", "`user.inherit` of the scenario"),
        ("persist", "`save-as`"),
    ],
    synonyms: &[
        ("params", "with"),
        ("args", "with"),
        ("save", "save-as"),
        ("plugin", "component"),
        ("rps", "rate-limit"),
        ("assert", "expect"),
        ("check", "expect"),
        ("retries", "retry"),
    ],
    ..PLAIN
};

pub const RETRY: Place = Place {
    what: "retry",
    keys: &[
        "limit",
        "delay",
        "backoff",
        "factor",
        "max-delay",
        "jitter",
        "retry-on",
        "budget",
    ],
    synonyms: &[
        ("max", "limit"),
        ("attempts", "limit"),
        ("times", "limit"),
        ("wait", "delay"),
        ("multiplier", "factor"),
        ("when", "retry-on"),
    ],
    ..PLAIN
};

pub const SAVE_AS: Place = Place {
    what: "save-as",
    keys: &["var", "scope", "persist", "merge"],
    synonyms: &[("name", "var")],
    ..PLAIN
};

pub const LOAD: Place = Place {
    what: "load",
    keys: &["profiles", "scenarios", "tick"],
    moved: &[
        ("user-count", "`load.scenarios[]`"),
        ("spawn-rate", "`load.scenarios[]`"),
        ("workflow", "`load.scenarios[]`"),
    ],
    ..PLAIN
};

pub const PROFILE: Place = Place {
    what: "profile",
    keys: &[
        "shape",
        "start-users",
        "end-users",
        "duration",
        "steps",
        "stages",
        "max-duration",
    ],
    moved: &[
        ("user-count", "`load.scenarios[]`"),
        ("spawn-rate", "`load.scenarios[]`"),
        ("rate", "`load.scenarios[].arrival`"),
    ],
    synonyms: &[
        ("type", "shape"),
        ("from", "start-users"),
        ("to", "end-users"),
        ("target", "end-users"),
        ("users", "end-users"),
    ],
    ..PLAIN
};

/// One piece of a profile's timetable.
pub const STAGE: Place = Place {
    what: "stage",
    keys: &["users", "duration"],
    aliases: &[("to", "users")],
    synonyms: &[
        ("target", "users"),
        ("end-users", "users"),
        ("for", "duration"),
        ("over", "duration"),
    ],
    ..PLAIN
};

pub const ARRIVAL: Place = Place {
    what: "arrival",
    keys: &[
        "shape",
        "rate",
        "to",
        "steps",
        "size",
        "every",
        "duration",
        "max-users",
        "when-full",
    ],
    moved: &[
        ("pacing", "`load.scenarios[]`, without `arrival`"),
        ("max-duration", "`load.scenarios[]`"),
        ("start-after", "`load.scenarios[]`"),
    ],
    synonyms: &[
        ("type", "shape"),
        ("from", "rate"),
        ("start-rate", "rate"),
        ("target", "to"),
        ("end-rate", "to"),
        ("users", "max-users"),
        ("user-count", "max-users"),
        ("max-vus", "max-users"),
        ("overflow", "when-full"),
        ("for", "duration"),
    ],
    ..PLAIN
};

pub const RATE_LIMIT: Place = Place {
    what: "rate-limit",
    keys: &["per-user", "per-scenario", "global", "burst"],
    synonyms: &[
        ("user", "per-user"),
        ("scenario", "per-scenario"),
        ("total", "global"),
        ("rate", "per-user"),
    ],
    ..PLAIN
};

pub const SCENARIO: Place = Place {
    what: "scenario",
    keys: &[
        "name",
        "workflow",
        "profile",
        "user-count",
        "spawn-rate",
        "arrival",
        "task-duration",
        "iterations",
        "pacing",
        "rate-limit",
        "start-after",
        "max-duration",
        "exit",
        "exits",
        "user",
    ],
    moved: &[
        (
            "timeout",
            "`workflows.NAME.timeout`, or `exits.timeout` for the whole user",
        ),
        ("inherit", "`user`"),
        ("context", "`user`"),
        ("severity", "`exits.error`"),
        ("on-error", "`workflows.NAME`"),
        ("tick", "`load`"),
        ("think", "a step of the workflow"),
        ("retry", "`actions.NAME`, or `monitoring`"),
        ("rate", "`arrival`"),
        ("max-users", "`arrival`"),
        ("when-full", "`arrival`"),
        ("stages", "`load.profiles.NAME`"),
    ],
    synonyms: &[
        ("users", "user-count"),
        ("vus", "user-count"),
        ("rps", "rate-limit"),
        ("ramp-up", "spawn-rate"),
        ("duration", "task-duration"),
        ("depends-on", "start-after"),
        ("after", "start-after"),
        ("start-time", "start-after"),
        ("arrivals", "arrival"),
    ],
    ..PLAIN
};

pub const USER: Place = Place {
    what: "user",
    keys: &["inherit", "context"],
    synonyms: &[("resources", "inherit"), ("variables", "context")],
    ..PLAIN
};

pub const EXITS: Place = Place {
    what: "exit",
    keys: &["timeout", "error"],
    aliases: &[("timeout-out", "timeout"), ("error-out", "error")],
    ..PLAIN
};

pub const TIMEOUT_EXIT: Place = Place {
    what: "exit",
    keys: &["after", "to", "state"],
    ..PLAIN
};

pub const ERROR_EXIT: Place = Place {
    what: "exit",
    keys: &["to", "severity", "state"],
    ..PLAIN
};

pub const WORKBOOK: Place = Place {
    what: "workbook",
    keys: &["sections", "defaults", "fields", "expose"],
    moved: &[
        ("timeline", "`sections`"),
        ("execution", "`sections`"),
        ("governance", "`sections`"),
        ("telemetry", "`sections`"),
        ("registers", "`sections`"),
        ("communications", "`sections`"),
        ("persist", "`sections.NAME`"),
    ],
    synonyms: &[("aliases", "expose"), ("columns", "fields")],
    ..PLAIN
};

pub const WORKBOOK_SECTIONS: Place = Place {
    what: "section",
    keys: SECTIONS,
    ..PLAIN
};

pub const WORKBOOK_SECTION: Place = Place {
    what: "section",
    keys: &["defaults", "fields", "persist"],
    moved: &[("expose", "`workbook`")],
    ..PLAIN
};

pub const MONITORING: Place = Place {
    what: "monitoring",
    keys: &["exits", "retry", "thresholds", "alerts", "responses"],
    synonyms: &[
        ("slo", "thresholds"),
        ("checks", "thresholds"),
        ("alarms", "alerts"),
    ],
    ..PLAIN
};

pub const ALERT: Place = Place {
    what: "alert",
    keys: &["name", "when", "to", "notify", "message"],
    synonyms: &[("if", "when"), ("condition", "when"), ("channel", "to")],
    ..PLAIN
};

pub const RESPONSE: Place = Place {
    what: "response",
    keys: &["flag", "steps"],
    synonyms: &[("when", "flag"), ("then", "steps"), ("do", "steps")],
    ..PLAIN
};

/// `sim.yaml`.
pub const SIM: Place = Place {
    what: "sim.yaml",
    keys: &["calls", "default", "servers"],
    moved: &[("latency", "`calls.NAME` or `default`")],
    synonyms: &[("actions", "calls"), ("defaults", "default")],
    ..PLAIN
};

/// How a call of `sim.yaml` answers.
pub const SIM_CALL: Place = Place {
    what: "model",
    keys: &[
        "latency", "fail", "timeout", "error", "outputs", "measures", "server", "outages",
    ],
    moved: &[("workers", "`server`"), ("queue", "`server`")],
    synonyms: &[
        ("delay", "latency"),
        ("duration", "latency"),
        ("errors", "fail"),
        ("error-rate", "fail"),
        ("outage", "outages"),
    ],
    ..PLAIN
};

pub const SIM_SERVER: Place = Place {
    what: "server",
    keys: &["workers", "queue"],
    synonyms: &[("threads", "workers"), ("backlog", "queue")],
    ..PLAIN
};

pub const SIM_OUTAGE: Place = Place {
    what: "outage",
    keys: &["at", "for", "error"],
    synonyms: &[("start", "at"), ("from", "at"), ("duration", "for")],
    ..PLAIN
};
