//! The closed dictionaries: every value that a closed column can take, in the order of its index on disk.
//!
//! New values are appended, never inserted: a reader of an old run takes the values from the file, not from here.

/// How an attempt of an action ended.
pub const EVENTS: &[&str] = &["success", "fail", "timeout"];

/// Who an unsuccessful attempt speaks of. What was cancelled speaks of neither.
pub const CLASSES: &[&str] = &["target", "harness"];

/// State of a user's task: a process group, and a state within it.
pub const PHASES: &[&str] = &[
    "initiating",
    "planning",
    "executing.running_action",
    "executing.waiting_resource",
    "executing.throttled",
    "executing.blocked",
    "monitoring",
    "closing.done",
    "closing.timeout",
    "closing.error",
    "closing.rollback",
];

/// The exit through which a task left its workflow.
pub const EXITS: &[&str] = &["done", "timeout_out", "error_out", "stopped", "rollback"];

/// An event in the life of a lease.
pub const LEASE_EVENTS: &[&str] = &["acquire", "renew", "release", "expire"];

/// Sections of the Workbook, as the language names them.
pub const SECTIONS: &[&str] = &[
    "timeline",
    "execution",
    "governance",
    "telemetry",
    "registers",
    "communications",
];

/// Everything that can go wrong with an action. `other` stands for what a component says and this table lacks.
pub const ERROR_TYPES: &[&str] = &[
    "config.missing-url",
    "config.bad-value",
    "validation.expect",
    "validation.schema",
    "expression.undefined",
    "expression.bad-value",
    "resource.exhausted",
    "resource.lease-expired",
    "resource.guard-denied",
    "resource.parse",
    "capability.not-declared",
    "capability.not-exported",
    "capability.version",
    "timeout.queue",
    "timeout.action",
    "timeout.idle",
    "timeout.task",
    "timeout.scenario",
    "timeout.user",
    "transport.dns",
    "transport.connect-refused",
    "transport.connect-timeout",
    "transport.unreachable",
    "transport.tls",
    "transport.reset",
    "transport.eof",
    "transport.other",
    "protocol.http.4xx",
    "protocol.http.5xx",
    "protocol.http.malformed",
    "protocol.ftp.4xx",
    "protocol.ftp.5xx",
    "protocol.ftp.malformed",
    "protocol.sip.4xx",
    "protocol.sip.5xx",
    "protocol.sip.6xx",
    "protocol.sip.malformed",
    "protocol.sip.unexpected",
    "throttled.user",
    "throttled.scenario",
    "throttled.global",
    "cancelled.user-stop",
    "cancelled.ramp-down",
    "cancelled.interrupt",
    "cancelled.core",
    "runtime.trap",
    "runtime.oom",
    "runtime.fuel",
    "runtime.host",
    "runtime.sockets",
    "other",
    "cancelled.branch",
    "config.merge",
    "protocol.ftp.data",
    "protocol.ftp.short",
    "protocol.ftp.checksum",
    "protocol.sip.3xx",
];

/// Index of `other` in [`ERROR_TYPES`].
pub const OTHER: u32 = 50;

/// Index of an error type in [`ERROR_TYPES`]; that of `other` when the table lacks it.
#[must_use]
pub fn error_type(name: &str) -> u32 {
    ERROR_TYPES
        .iter()
        .position(|known| *known == name)
        .and_then(|index| u32::try_from(index).ok())
        .unwrap_or(OTHER)
}

/// The class of what was cancelled.
pub const NEITHER: u8 = 2;

/// Class of an error type: 0 target, 1 harness, or `NEITHER`. That is what `ActionRow::class` takes.
#[must_use]
pub fn class_of(error_type: u32) -> u8 {
    let name = ERROR_TYPES
        .get(error_type as usize)
        .copied()
        .unwrap_or("other");
    match name.split('.').next().unwrap_or_default() {
        "config" | "expression" | "capability" | "runtime" => 1,
        "resource" if name == "resource.parse" => 1,
        "cancelled" => NEITHER,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_closed_dictionary_fits_an_index_of_eight_bits() {
        for values in [
            EVENTS,
            CLASSES,
            PHASES,
            EXITS,
            LEASE_EVENTS,
            SECTIONS,
            ERROR_TYPES,
        ] {
            assert!(values.len() < 128);
        }
    }

    #[test]
    fn every_phase_begins_with_a_process_group() {
        const GROUPS: [&str; 5] = [
            "initiating",
            "planning",
            "executing",
            "monitoring",
            "closing",
        ];
        let first = |phase: &&str| phase.split('.').next().unwrap_or_default().to_owned();
        let mut found: Vec<String> = PHASES.iter().map(first).collect();
        found.dedup();
        assert_eq!(found, GROUPS, "each of them, in their order, and no other");
    }

    #[test]
    fn no_error_type_stands_twice() {
        let mut names = ERROR_TYPES.to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ERROR_TYPES.len());
    }

    #[test]
    fn an_unknown_error_type_is_other() {
        assert_eq!(ERROR_TYPES[error_type("martian") as usize], "other");
        assert_eq!(error_type("other"), OTHER);
        assert_eq!(
            ERROR_TYPES[error_type("transport.reset") as usize],
            "transport.reset"
        );
    }

    #[test]
    fn what_was_cancelled_is_neither_the_targets_fault_nor_the_harnesss() {
        assert_eq!(class_of(error_type("cancelled.interrupt")), 2);
        assert_eq!(class_of(error_type("resource.exhausted")), 0);
        assert_eq!(class_of(error_type("resource.parse")), 1);
        assert_eq!(class_of(error_type("runtime.trap")), 1);
        assert_eq!(class_of(error_type("timeout.action")), 0);
    }
}
