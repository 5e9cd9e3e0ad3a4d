//! The tables as data: what each column is called, holds and means. It goes into every file that is written.

use crate::dictionaries::{CLASSES, ERROR_TYPES, EVENTS, EXITS, LEASE_EVENTS, PHASES, SECTIONS};

/// Version of the schema. It changes when a column goes, or changes its meaning; a new column leaves it as it is.
pub const VERSION: &str = "1";

/// How long a window is.
pub const WINDOW_NS: i64 = 1_000_000_000;

/// What a column holds. Counts are signed: readers subtract them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Int32,
    Int64,
    Float64,
    Text,
    Bytes,
    /// Index of 8 bits into one of the closed dictionaries.
    Closed(&'static [&'static str]),
    /// Index of 32 bits into a dictionary that is fixed when the plan is made.
    Planned(Planned),
}

/// The dictionaries that are fixed when the plan is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Planned {
    Scenarios,
    Nodes,
    Components,
    Calls,
    Resources,
    Measures,
}

/// A column.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    pub name: &'static str,
    pub kind: Kind,
    pub nullable: bool,
    /// `ns`, `bytes`, `1` for counts and numbers, or empty.
    pub unit: &'static str,
    pub doc: &'static str,
}

/// A table.
#[derive(Debug, Clone, Copy)]
pub struct Table<const N: usize> {
    pub name: &'static str,
    pub doc: &'static str,
    pub columns: [Column; N],
}

const fn column(name: &'static str, kind: Kind, unit: &'static str, doc: &'static str) -> Column {
    Column {
        name,
        kind,
        nullable: false,
        unit,
        doc,
    }
}

const fn optional(name: &'static str, kind: Kind, unit: &'static str, doc: &'static str) -> Column {
    Column {
        name,
        kind,
        nullable: true,
        unit,
        doc,
    }
}

use Kind::{Bytes, Closed, Float64, Int32, Int64, Planned as By, Text};

const SEQ: Column = column(
    "seq",
    Int64,
    "1",
    "Place of the row in the change stream of its shard: from 0, without gaps over all tables of the core.",
);

#[rustfmt::skip]
pub const ACTIONS: Table<25> = Table {
    name: "actions",
    doc: "One row per attempt of an action, written when its terminal event comes. Unique by task, node, visit, attempt.",
    columns: [
        SEQ,
        column("scenario", By(Planned::Scenarios), "", "Scenario of the user."),
        column("node", By(Planned::Nodes), "", "WBS node: scenario/workflow/step."),
        column("component", By(Planned::Components), "", "Component that was called."),
        column("call", By(Planned::Calls), "", "Capability that was called."),
        column("user", Int64, "1", "Number of the virtual user, over all shards."),
        column("task", Int64, "1", "Number of the task, over all shards."),
        column("visit", Int32, "1", "How many times the task had entered this node, from 1."),
        column("attempt", Int32, "1", "Attempt within the visit, from 1."),
        column("t_intended", Int64, "ns", "The action became due: scheduled arrival, pacing slot, or end of its predecessor. Since the start of the run."),
        optional("t_connect", Int64, "ns", "Connecting began. Null when a connection was reused."),
        optional("t_start", Int64, "ns", "The first byte of the request went to the socket. Null when none did."),
        optional("t_first_byte", Int64, "ns", "The first byte of the answer came. Null when none did."),
        column("t_end", Int64, "ns", "The action was complete. Response time is t_end - t_intended, service time t_end - t_start."),
        column("lease_wait", Int64, "ns", "Waiting for leases; part of the response time."),
        column("throttle_wait", Int64, "ns", "Waiting for the script's own rate limits; never part of the response time."),
        column("event", Closed(EVENTS), "", "How the attempt ended."),
        optional("class", Closed(CLASSES), "", "Whom it speaks of: the target or the harness. Null when the attempt was cancelled."),
        optional("error_type", Closed(ERROR_TYPES), "", "What went wrong. Null on success."),
        optional("status", Int32, "1", "Status code of the protocol, where it has one."),
        column("bytes_sent", Int64, "bytes", "Written to the socket."),
        column("bytes_received", Int64, "bytes", "Read from the socket."),
        optional("resource", By(Planned::Resources), "", "Key of the resource that was leased."),
        column("phase", Closed(PHASES), "", "State of the task when the row was written."),
        optional("message", Text, "", "One sentence of evidence on anything but success, at most 200 characters."),
    ],
};

#[rustfmt::skip]
pub const MEASURES: Table<9> = Table {
    name: "measures",
    doc: "What components measured beside the columns of actions: one row per attempt and measure, after the attempt's own row.",
    columns: [
        SEQ,
        column("t", Int64, "ns", "The attempt was complete: its t_end. Since the start of the run."),
        column("node", By(Planned::Nodes), "", "WBS node: scenario/workflow/step."),
        column("user", Int64, "1", "Number of the virtual user, over all shards."),
        column("task", Int64, "1", "Number of the task, over all shards."),
        column("visit", Int32, "1", "How many times the task had entered this node, from 1."),
        column("attempt", Int32, "1", "Attempt within the visit, from 1."),
        column("measure", By(Planned::Measures), "", "Name of the measure, as the component's section declares it under the call."),
        column("value", Float64, "", "What was measured, in the unit that the section declares."),
    ],
};

#[rustfmt::skip]
pub const TASKS: Table<15> = Table {
    name: "tasks",
    doc: "One row per task: a user's pass through its workflow, written when it ends.",
    columns: [
        SEQ,
        column("scenario", By(Planned::Scenarios), "", "Scenario of the user."),
        column("user", Int64, "1", "Number of the virtual user, over all shards."),
        column("task", Int64, "1", "Number of the task, over all shards."),
        column("iteration", Int32, "1", "The user's n-th task, from 1."),
        column("t_planned", Int64, "ns", "When the plan wanted it to begin. Since the start of the run."),
        column("t_start", Int64, "ns", "When it began."),
        column("t_end", Int64, "ns", "When it ended."),
        column("exit", Closed(EXITS), "", "The exit through which it left."),
        column("state", Closed(PHASES), "", "Its last state."),
        column("attempts", Int32, "1", "Attempts of actions in it."),
        column("waiting_resource", Int64, "ns", "Time in which it waited for a lease. This and the next three make t_end - t_start."),
        column("running_action", Int64, "ns", "Time in which an action of it was due or in flight."),
        column("throttled", Int64, "ns", "Time in which the script's own rate limits held it back, and nothing else of it ran."),
        column("blocked", Int64, "ns", "Time in which it waited for anything else: a wait of the script's own, the delay of a retry, a gate."),
    ],
};

#[rustfmt::skip]
pub const LOAD: Table<17> = Table {
    name: "load",
    doc: "One row per tick and scenario: the load as planned and as it is.",
    columns: [
        SEQ,
        column("scenario", By(Planned::Scenarios), "", "Scenario."),
        column("t", Int64, "ns", "The tick. Since the start of the run."),
        column("planned", Int64, "1", "Users that the plan wants by now."),
        column("online", Int64, "1", "Users that are running tasks."),
        column("stop", Int64, "1", "Users that finish their last action and begin nothing new."),
        column("offline", Int64, "1", "Users that are gone."),
        column("started", Int64, "1", "Actions started, cumulative."),
        column("finished", Int64, "1", "Actions finished, cumulative."),
        column("in_flight", Int64, "1", "Actions in flight: started - finished."),
        column("oldest_in_flight", Int64, "ns", "Age of the oldest action in flight, 0 without one."),
        column("waiting_resource", Int64, "1", "Users that wait for a lease."),
        column("running_action", Int64, "1", "Users with an action in flight."),
        column("throttled", Int64, "1", "Users held back by the script's own rate limits."),
        column("blocked", Int64, "1", "Users that wait for anything else."),
        column("dropped", Int64, "1", "Scheduled arrivals that found no user to carry them, cumulative."),
        column("tick_lag", Int64, "ns", "How late the tick was."),
    ],
};

#[rustfmt::skip]
pub const LEASES: Table<9> = Table {
    name: "leases",
    doc: "One row per event in the life of a lease.",
    columns: [
        SEQ,
        column("t", Int64, "ns", "When it happened. Since the start of the run."),
        column("event", Closed(LEASE_EVENTS), "", "What happened."),
        column("lease", Int64, "1", "Number of the lease."),
        column("resource", By(Planned::Resources), "", "Key of the resource."),
        column("user", Int64, "1", "Number of the user that holds it."),
        optional("task", Int64, "1", "Number of the user's task in which it happened, or after which."),
        column("wait", Int64, "ns", "How long the user waited for it, on acquire; else 0."),
        optional("expires", Int64, "ns", "When it expires unless renewed. Null without a time to live."),
    ],
};

#[rustfmt::skip]
pub const CHANGES: Table<9> = Table {
    name: "changes",
    doc: "Changes of the Workbook that no other table implies.",
    columns: [
        SEQ,
        column("t", Int64, "ns", "When it happened. Since the start of the run."),
        column("section", Closed(SECTIONS), "", "Section of the Workbook."),
        optional("user", Int64, "1", "Number of the user, where it concerns one."),
        optional("task", Int64, "1", "Number of the task, where it concerns one."),
        column("path", Text, "", "Dotted path inside the section."),
        column("value", Text, "", "The new value as JSON text."),
        column("cause", Text, "", "Event that caused it, such as action.fail."),
        optional("node", By(Planned::Nodes), "", "WBS node, where it concerns one."),
    ],
};

/// What a histogram holds.
const HISTOGRAM: &str = "Pairs of a bucket and its count, 32 bits each, least byte first. Below 128 ns each ns has its bucket; above, each power of two has 128, so that the middle of a bucket is within 0.4 % of all that is in it.";

#[rustfmt::skip]
pub const WINDOWS: Table<23> = Table {
    name: "windows",
    doc: "With --records windows, in place of actions: one row per second, node and error type. Rows of one key add up; a late one may come twice.",
    columns: [
        SEQ,
        column("t", Int64, "ns", "Begin of the second in which the attempts ended. Since the start of the run."),
        column("scenario", By(Planned::Scenarios), "", "Scenario of the users."),
        column("node", By(Planned::Nodes), "", "WBS node: scenario/workflow/step."),
        column("component", By(Planned::Components), "", "Component that was called."),
        column("call", By(Planned::Calls), "", "Capability that was called."),
        optional("error_type", Closed(ERROR_TYPES), "", "What went wrong with these attempts. Null for those that succeeded."),
        optional("class", Closed(CLASSES), "", "Whom they speak of: the target or the harness. Null for successes and for what was cancelled."),
        column("count", Int64, "1", "Attempts."),
        column("success", Int64, "1", "Attempts that succeeded."),
        column("fail", Int64, "1", "Attempts that failed."),
        column("timeout", Int64, "1", "Attempts that timed out."),
        column("bytes_sent", Int64, "bytes", "Written to sockets."),
        column("bytes_received", Int64, "bytes", "Read from sockets."),
        column("response_sum", Int64, "ns", "Sum of the response times, t_end - t_intended of actions."),
        column("response_min", Int64, "ns", "Shortest response time."),
        column("response_max", Int64, "ns", "Longest response time."),
        column("response_histogram", Bytes, "", HISTOGRAM),
        column("service_sum", Int64, "ns", "Sum of the service times, t_end - t_start of actions."),
        column("service_min", Int64, "ns", "Shortest service time."),
        column("service_max", Int64, "ns", "Longest service time."),
        column("service_histogram", Bytes, "", HISTOGRAM),
        optional("message", Text, "", "The first that was said of them, at most 200 characters."),
    ],
};

#[rustfmt::skip]
pub const ENDS: Table<9> = Table {
    name: "ends",
    doc: "With --records windows, in place of tasks: one row per second, scenario and exit. Rows of one key add up.",
    columns: [
        SEQ,
        column("t", Int64, "ns", "Begin of the second in which the tasks ended. Since the start of the run."),
        column("scenario", By(Planned::Scenarios), "", "Scenario of the users."),
        column("exit", Closed(EXITS), "", "The exit through which they left."),
        column("state", Closed(PHASES), "", "Their last state."),
        column("count", Int64, "1", "Tasks."),
        column("duration_sum", Int64, "ns", "Sum of what they took, t_end - t_start of tasks."),
        column("duration_min", Int64, "ns", "What the shortest took."),
        column("duration_max", Int64, "ns", "What the longest took."),
    ],
};

#[rustfmt::skip]
pub const MEASURED: Table<8> = Table {
    name: "measured",
    doc: "With --records windows, in place of measures: one row per second, node and measure. Rows of one key add up.",
    columns: [
        SEQ,
        column("t", Int64, "ns", "Begin of the second in which the attempts ended. Since the start of the run."),
        column("node", By(Planned::Nodes), "", "WBS node: scenario/workflow/step."),
        column("measure", By(Planned::Measures), "", "Name of the measure, as the component's section declares it under the call."),
        column("count", Int64, "1", "How often it was measured."),
        column("sum", Float64, "", "Sum of what was measured, in the unit that the section declares."),
        column("min", Float64, "", "The least of it."),
        column("max", Float64, "", "The most of it."),
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_is_documented_and_times_carry_their_unit() {
        let all = [
            &ACTIONS.columns[..],
            &MEASURES.columns,
            &TASKS.columns,
            &LOAD.columns,
            &LEASES.columns,
            &CHANGES.columns,
            &WINDOWS.columns,
            &ENDS.columns,
            &MEASURED.columns,
        ];
        for column in all.into_iter().flatten() {
            assert!(column.doc.ends_with('.'), "{}", column.name);
            assert!(
                !column.name.starts_with("t_") || column.unit == "ns",
                "{}",
                column.name
            );
        }
    }
}
