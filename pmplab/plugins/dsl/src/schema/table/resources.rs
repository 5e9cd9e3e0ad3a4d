//! `resources`.

use super::super::{CASE, Case, Described, Is, Kind, PLAIN, Ref, key};
use crate::read::places;

pub const RESOURCE: Described = Described {
    id: "RESOURCE",
    place: Some(&places::RESOURCE),
    doc: "A pool of which users lease entries, a file, or a key-value store.",
    keys: &[
        key(
            "type",
            Kind::Name,
            "`pair_pool`, `file_blob`, `kv_store`, or a type of the provider's own.",
            "pair_pool",
        )
        .required(),
        key(
            "provider",
            Kind::Place("PROVIDER"),
            "Who opens it, by which calls, and how its leases live.",
            "{component: resource-manager, calls: {acquire: allocate_pair, release: release_pair}}",
        )
        .required(),
        key(
            "config",
            Kind::Place("RESOURCE_CONFIG"),
            "What the provider opens: a manifest of rows, or a file.",
            "{manifest: ./resource.yaml, parser: {format: csv, fields: [ip, port]}}",
        ),
        key(
            "capacity",
            Kind::Place("CAPACITY"),
            "How many entries there are, and how many may hold one at a time.",
            "{size: 1000, guard: exclusive}",
        ),
        key(
            "metadata",
            Kind::Place("RESOURCE_METADATA"),
            "Its Guard Domain; other keys are free.",
            "{guard: network}",
        ),
    ],
    cases: &[
        Case {
            key: "type",
            is: Is::Word(&["pair_pool"]),
            needs: &["config"],
            kinds: &[("config", Kind::Holding(&["manifest"]))],
            ..CASE
        },
        Case {
            key: "type",
            is: Is::Word(&["file_blob"]),
            needs: &["config"],
            kinds: &[("config", Kind::Holding(&["file"]))],
            ..CASE
        },
    ],
    ..PLAIN
};

pub const RESOURCE_METADATA: Described = Described {
    id: "RESOURCE_METADATA",
    doc: "What is known of a resource; keys that are not listed are kept as they are.",
    keys: &[key(
        "guard",
        Kind::Text,
        "Guard Domain: who may lease it; by default `network` for pairs, else `data`.",
        "network",
    )],
    open: true,
    ..PLAIN
};

pub const PROVIDER: Described = Described {
    id: "PROVIDER",
    place: Some(&places::PROVIDER),
    doc: "Who opens a resource.",
    keys: &[
        key(
            "component",
            Kind::Refer(Ref::Component),
            "The resource component that provides it.",
            "resource-manager",
        )
        .required(),
        key(
            "calls",
            Kind::Place("CALLS"),
            "Which of its capabilities plays which role.",
            "{acquire: allocate_pair, release: release_pair}",
        ),
        key(
            "leasing",
            Kind::Place("LEASING"),
            "How long a lease lives, and which entry comes next.",
            "{ttl: 120s, strategy: round-robin}",
        ),
    ],
    ..PLAIN
};

pub const CALLS: Described = Described {
    id: "CALLS",
    place: Some(&places::CALLS),
    doc: "Capabilities of the provider by their role.",
    keys: &[
        key(
            "acquire",
            Kind::Name,
            "Hands out a lease; a `pair_pool` needs it.",
            "allocate_pair",
        ),
        key(
            "release",
            Kind::Name,
            "Takes a lease back; a `pair_pool` needs it.",
            "release_pair",
        ),
        key(
            "mount",
            Kind::Name,
            "Opens a file; a `file_blob` needs it.",
            "mount_file",
        ),
        key("unmount", Kind::Name, "Closes a file.", "unmount_file"),
    ],
    open: true,
    ..PLAIN
};

pub const LEASING: Described = Described {
    id: "LEASING",
    place: Some(&places::LEASING),
    doc: "How leases live.",
    keys: &[
        key(
            "ttl",
            Kind::Duration,
            "A lease that is not renewed ends after this.",
            "120s",
        ),
        key(
            "strategy",
            Kind::Word(&["round-robin", "least-used", "random", "sticky"]),
            "Which free entry is handed out next.",
            "round-robin",
        ),
        key(
            "auto-renew",
            Kind::Boolean,
            "Renew while a live task holds it; true unless said otherwise.",
            "true",
        ),
    ],
    ..PLAIN
};

pub const RESOURCE_CONFIG: Described = Described {
    id: "RESOURCE_CONFIG",
    place: Some(&places::RESOURCE_CONFIG),
    doc: "What the provider opens; other keys go to it as they are.",
    keys: &[
        key(
            "manifest",
            Kind::Name,
            "File of the bundle with the entries.",
            "./resource.yaml",
        ),
        key(
            "parser",
            Kind::Place("PARSER"),
            "How the manifest is read.",
            "{format: csv, fields: [ip, port]}",
        ),
        key(
            "file",
            Kind::Name,
            "File of the bundle that is mounted.",
            "./payloads/asset.json",
        ),
        key(
            "checksum",
            Kind::Form(r"^(auto|none|sha256:[0-9a-fA-F]{64})$"),
            "`auto` records the file's sha256, `sha256:HEX` demands it, `none` does neither.",
            "auto",
        ),
    ],
    open: true,
    ..PLAIN
};

pub const PARSER: Described = Described {
    id: "PARSER",
    place: Some(&places::PARSER),
    doc: "How a manifest is read; other keys go to the provider as they are.",
    keys: &[
        key(
            "format",
            Kind::Text,
            "`csv`, `json` or `yaml`, whatever the file is called.",
            "csv",
        ),
        key(
            "fields",
            Kind::List(&Kind::Name),
            "Names of the columns, read as `{{resource.FIELD}}`.",
            "[ip, port]",
        ),
    ],
    open: true,
    ..PLAIN
};

pub const CAPACITY: Described = Described {
    id: "CAPACITY",
    place: Some(&places::CAPACITY),
    doc: "How many leases there may be at a time.",
    keys: &[
        key(
            "size",
            Kind::Whole(1),
            "So many entries of the manifest are used; it must have that many.",
            "1000",
        ),
        key(
            "guard",
            Kind::Form(r"^(exclusive|shared(:[1-9][0-9]*)?)$"),
            "Holders of one entry: `exclusive` (one), `shared` (any number) or `shared:N`.",
            "exclusive",
        ),
    ],
    ..PLAIN
};
