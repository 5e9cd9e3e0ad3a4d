//! Indexes into the closed dictionaries of the records, as constants. A test compares them.

pub const RUNNING_ACTION: u32 = 2;
pub const MONITORING: u32 = 6;
pub const DONE: u32 = 7;
pub const TIMEOUT: u32 = 8;
pub const ERROR: u32 = 9;
pub const ROLLBACK: u32 = 10;

pub const EXIT_DONE: u32 = 0;
pub const EXIT_TIMEOUT: u32 = 1;
pub const EXIT_ERROR: u32 = 2;
pub const EXIT_STOPPED: u32 = 3;
pub const EXIT_ROLLBACK: u32 = 4;

pub const ACQUIRE: u32 = 0;
pub const RENEW: u32 = 1;
pub const RELEASE: u32 = 2;
pub const EXPIRE: u32 = 3;

pub const TIMELINE: u32 = 0;
pub const EXECUTION: u32 = 1;
pub const REGISTERS: u32 = 4;
pub const COMMUNICATIONS: u32 = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use pmplab_records::{EXITS, LEASE_EVENTS, PHASES, SECTIONS};

    #[test]
    fn the_constants_are_where_the_dictionaries_have_them() {
        let phases = [RUNNING_ACTION, MONITORING, DONE, TIMEOUT, ERROR, ROLLBACK]
            .map(|i| PHASES[i as usize]);
        assert_eq!(
            phases,
            [
                "executing.running_action",
                "monitoring",
                "closing.done",
                "closing.timeout",
                "closing.error",
                "closing.rollback"
            ]
        );
        let exits = [
            EXIT_DONE,
            EXIT_TIMEOUT,
            EXIT_ERROR,
            EXIT_STOPPED,
            EXIT_ROLLBACK,
        ]
        .map(|i| EXITS[i as usize]);
        assert_eq!(
            exits,
            ["done", "timeout_out", "error_out", "stopped", "rollback"]
        );
        let leases = [ACQUIRE, RENEW, RELEASE, EXPIRE].map(|i| LEASE_EVENTS[i as usize]);
        assert_eq!(leases, ["acquire", "renew", "release", "expire"]);
        let sections =
            [TIMELINE, EXECUTION, REGISTERS, COMMUNICATIONS].map(|i| SECTIONS[i as usize]);
        assert_eq!(
            sections,
            ["timeline", "execution", "registers", "communications"]
        );
    }
}
