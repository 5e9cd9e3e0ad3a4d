//! The Workbook as the engine has it at the end, beside the records: who replays those can compare.

use pmplab_records::PHASES;
use serde_json::{Map, Value as Json, json};

use crate::engine::Engine;
use crate::ops::Code;
use crate::ports::{Ledger, Protocol, Provider};
use crate::scope::event_name;
use crate::user::User;

/// So many tasks are kept, the first that end: the snapshot must not grow with the run.
const MOST: usize = 1000;

impl<P: Protocol, R: Provider, L: Ledger> Engine<P, R, L> {
    /// A task ends in a state: what is known of it then.
    pub(crate) fn entry(&self, user: &User, state: u32) -> Option<Json> {
        if self.entries.len() >= MOST {
            return None;
        }
        let scene = &self.program.scenes[user.scene];
        let seen = &user.task.evidence;
        let call = seen.pc.and_then(|pc| match &scene.ops[pc as usize].code {
            Code::Call(call) => Some(call),
            _ => None,
        });
        let limit = call
            .and_then(|call| call.retry.as_ref())
            .map_or(0, |retry| retry.limit);
        Some(json!({
            "scenario": scene.name,
            "user": user.number,
            "task": user.task.number,
            "iteration": user.iteration,
            "attempts": user.task.attempts,
            "state": PHASES[state as usize],
            "last_action": call.map(|call| call.name.as_str()),
            "last_event": seen.event.map(event_name),
            "response_ns": seen.event.map(|_| seen.response),
            "scope_resources": user
                .leases
                .iter()
                .flatten()
                .filter_map(|held| self.program.dictionaries.resources.get(held.key as usize))
                .collect::<Vec<_>>(),
            "timeout_at": user.task.deadline,
            "retry_left": call.map(|_| (limit + 1).saturating_sub(seen.attempt)),
        }))
    }

    /// What is left when nothing lives any more.
    pub(crate) fn snapshot(&self) -> Json {
        let scenes: Map<String, Json> = self
            .program
            .scenes
            .iter()
            .zip(&self.tallies)
            .map(|(scene, tally)| {
                let counts = json!({
                    "started": tally.started,
                    "finished": tally.finished,
                    "success": tally.success,
                    "fail": tally.fail,
                    "timeout": tally.timeout,
                    "cancelled": tally.cancelled,
                    "first_attempts": tally.first_attempts,
                    "tasks": tally.tasks_done,
                    "dropped": tally.dropped,
                    "online": tally.online,
                    "stop": tally.stop,
                    "offline": tally.offline,
                    "issues": tally.issues,
                    "risks": tally.risks,
                });
                (scene.name.clone(), counts)
            })
            .collect();
        json!({
            "scenarios": scenes,
            "leases": {
                "acquired": self.leases.acquired,
                "released": self.leases.released,
                "expired": self.leases.expired,
            },
            "entries": self.entries,
            "kept": self.book,
        })
    }
}
