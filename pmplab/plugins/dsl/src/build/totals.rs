//! What a plan adds up to, as far as the script bounds it.

use super::wbs;
use crate::plan::{EntrySource, Ns, Plan, Scenario, Start};
use serde_json::{Value as Json, json};

/// Sums over all scenarios; null where one of them is not bounded.
pub fn totals(plan: &Plan) -> Json {
    let sum = |of: &dyn Fn(&Scenario) -> Option<u64>| {
        plan.scenarios
            .iter()
            .try_fold(0u64, |sum, s| sum.checked_add(of(s)?))
    };
    let times = times(&plan.scenarios);
    let arrived = plan
        .scenarios
        .iter()
        .zip(&times)
        .map(|(s, time)| Some(time.start?.saturating_add(last(s)?)));
    let spawn = arrived.flatten().max();
    let duration = times
        .iter()
        .try_fold(0, |most: Ns, time| Some(most.max(time.end?)));
    json!({
        "scenarios": plan.scenarios.len(),
        "users": plan.scenarios.iter().map(|s| s.users).sum::<u64>(),
        "tasks": sum(&wbs::tasks),
        "calls": plan.wbs.planned,
        "spawn_ns": spawn,
        "duration_ns": duration.filter(|d| *d > 0),
        "components": plan.components.iter().filter(|c| c.used && c.source != EntrySource::Missing).count(),
        "resources": plan.resources.len(),
        "entries": plan.resources.iter().map(|r| r.entries).sum::<usize>(),
    })
}

/// When a scenario begins and ends by plan, from the start of the run; none: not known.
#[derive(Clone, Copy)]
struct Time {
    start: Option<Ns>,
    end: Option<Ns>,
}

/// In the order of their starts: a scenario that waits for another comes after it.
fn times(scenarios: &[Scenario]) -> Vec<Time> {
    let mut times: Vec<Option<Time>> = vec![None; scenarios.len()];
    for first in 0..scenarios.len() {
        let mut chain = Vec::new();
        let mut at = first;
        while times[at].is_none() {
            chain.push(at);
            match scenarios[at].start {
                // Circles are refused, so a chain is no longer than the list.
                Start::After(other) if chain.len() <= scenarios.len() => at = other,
                _ => break,
            }
        }
        for at in chain.into_iter().rev() {
            let start = match scenarios[at].start {
                Start::AtOnce => Some(0),
                Start::At(ns) => Some(ns),
                Start::After(other) => times[other].and_then(|time| time.end),
            };
            let end = start
                .zip(length(&scenarios[at]))
                .map(|(start, length)| start.saturating_add(length));
            times[at] = Some(Time { start, end });
        }
    }
    times.into_iter().flatten().collect()
}

/// How long no user or task is planned to begin after the scenario's start any more.
fn length(s: &Scenario) -> Option<Ns> {
    let free = match &s.arrival {
        Some(arrival) => arrival.duration,
        None => s
            .task_duration
            .map(|d| last(s).unwrap_or(0).saturating_add(d)),
    };
    free.into_iter().chain(s.max_duration).min()
}

/// When the last user is planned to come, or the last task to arrive.
fn last(s: &Scenario) -> Option<Ns> {
    match &s.arrival {
        Some(arrival) => arrival.duration.into_iter().chain(s.max_duration).min(),
        None => s.users.checked_sub(1).and_then(|i| s.spawn.at(i)),
    }
}
