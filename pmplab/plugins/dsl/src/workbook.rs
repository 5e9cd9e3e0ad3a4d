//! What the engine keeps in the Workbook, by its path: the one table that the parser, the runner and the docs read.

use pmplab_records::dictionaries::SECTIONS;

/// Index of `execution` among the six sections: where a field goes that names none.
pub const EXECUTION: usize = 1;
/// Index of `registers`.
pub const REGISTERS: usize = 4;

/// Path of the flag that `monitoring.responses` answers to. It is kept like a field of the script: a variable of each task.
pub const FLAG: &str = "registers.flag";

/// Of whom a path speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grain {
    /// One task of one user.
    Task,
    /// All tasks of the scenario, on this shard.
    Scenario,
}

/// A value that the engine keeps, as `Source::Workbook` names it.
#[derive(Debug, Clone, Copy)]
pub struct Kept {
    pub path: &'static str,
    /// text, integer, number, list, map, any.
    pub kind: &'static str,
    pub grain: Grain,
    pub about: &'static str,
}

const fn task(path: &'static str, kind: &'static str, about: &'static str) -> Kept {
    Kept {
        path,
        kind,
        grain: Grain::Task,
        about,
    }
}

const fn scenario(path: &'static str, kind: &'static str, about: &'static str) -> Kept {
    Kept {
        path,
        kind,
        grain: Grain::Scenario,
        about,
    }
}

/// Everything that the engine keeps. Times are nanoseconds since the start of the run, latencies milliseconds of response time.
/// What costs more than a counter need be kept only when the plan reads it.
pub const KEPT: &[Kept] = &[
    task("user_id", "text", "The user, such as `U-00042`"),
    task(
        "task_id",
        "text",
        "The task, such as `T-http-asset-refresh-7`",
    ),
    task(
        "timeline.phase",
        "text",
        "Process group and state, such as `executing.running_action`",
    ),
    task(
        "timeline.status",
        "text",
        "idle, running, wait, event or error: the phase in one word",
    ),
    task("timeline.planned_at", "integer", "When the task was due"),
    task("timeline.start_at", "integer", "When the task began"),
    task(
        "timeline.timeout_at",
        "integer",
        "When the task ends at the latest; none without a deadline",
    ),
    task(
        "timeline.transition_trace",
        "list",
        "Phases of the task so far, the last sixteen of them",
    ),
    task(
        "execution.owner",
        "text",
        "Who has the task in hand, such as `scheduler/http-adapter`",
    ),
    task(
        "execution.current_action",
        "text",
        "The call that runs, such as `http.get`; none between calls",
    ),
    task("execution.last_action", "text", "The call that ended last"),
    task(
        "execution.retry_left",
        "integer",
        "Attempts that the current call has left",
    ),
    task(
        "execution.action_log",
        "list",
        "`call event` of each call of the task so far, the last sixteen of them",
    ),
    task(
        "execution.evidence",
        "map",
        "What is known of the last call: `last_event`, `response_ms` and, unless it succeeded, `snapshot`",
    ),
    task(
        "execution.evidence.last_event",
        "text",
        "success, fail or timeout; none before the first call has ended",
    ),
    task(
        "execution.evidence.response_ms",
        "number",
        "Response time of the last call",
    ),
    task(
        "execution.evidence.snapshot",
        "text",
        "What the component said of the last call when it did not succeed, cut at 2 KiB",
    ),
    task(
        "governance.scope_trace",
        "list",
        "Names of L0 to L4, then the keys of the leases",
    ),
    task("governance.scope_resources", "list", "Keys of the leases"),
    task(
        "governance.raci",
        "map",
        "`responsible`: the owner of the execution; `accountable`: the owner of the component",
    ),
    scenario(
        "telemetry.counters.success",
        "integer",
        "Calls that ended well",
    ),
    scenario("telemetry.counters.fail", "integer", "Calls that failed"),
    scenario(
        "telemetry.counters.timeout",
        "integer",
        "Calls that came too late",
    ),
    scenario(
        "telemetry.counters.cancelled",
        "integer",
        "Calls that the run gave up itself: at a stop, or as branches beside them had decided the step",
    ),
    scenario(
        "telemetry.latency_ms.mean",
        "number",
        "Mean response time of the calls that ended",
    ),
    scenario(
        "telemetry.latency_ms.max",
        "number",
        "Longest response time",
    ),
    scenario(
        "telemetry.latency_ms.p50",
        "number",
        "Median response time, to within 1 %",
    ),
    scenario(
        "telemetry.latency_ms.p95",
        "number",
        "Response time that 95 % stay below, to within 1 %",
    ),
    scenario(
        "telemetry.latency_ms.p99",
        "number",
        "Response time that 99 % stay below, to within 1 %",
    ),
    scenario(
        FLAG,
        "any",
        "The flag that a task raised last; false when none did",
    ),
    scenario(
        "registers.entries",
        "integer",
        "Risks and issues in the register",
    ),
    scenario(
        "communications.last_synced_at",
        "integer",
        "When a message went out last; none before the first",
    ),
    scenario("communications.entries", "integer", "Messages so far"),
];

/// Flat names that stand for paths, unless `workbook.expose` says otherwise.
pub const FLAT: [(&str, &str); 8] = [
    ("state", "timeline.phase"),
    ("timeout_at", "timeline.timeout_at"),
    ("owner", "execution.owner"),
    ("current_action", "execution.current_action"),
    ("retry_left", "execution.retry_left"),
    ("evidence", "execution.evidence"),
    ("scope_trace", "governance.scope_trace"),
    ("risk_flag", FLAG),
];

/// The entry of a path.
#[must_use]
pub fn kept(path: &str) -> Option<&'static Kept> {
    KEPT.iter().find(|kept| kept.path == path)
}

/// Index of a section by its name.
#[must_use]
pub fn section(name: &str) -> Option<usize> {
    SECTIONS.iter().position(|section| *section == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_stands_once_and_in_a_section() {
        for (i, one) in KEPT.iter().enumerate() {
            assert!(
                !KEPT[..i].iter().any(|other| other.path == one.path),
                "{}",
                one.path
            );
            let first = one.path.split('.').next().unwrap();
            assert!(section(first).is_some() || ["user_id", "task_id"].contains(&first));
        }
        assert_eq!(
            (SECTIONS[EXECUTION], SECTIONS[REGISTERS]),
            ("execution", "registers")
        );
    }

    #[test]
    fn flat_names_lead_to_kept_paths() {
        assert!(FLAT.iter().all(|(_, path)| kept(path).is_some()));
    }
}
