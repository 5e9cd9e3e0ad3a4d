//! What the engine keeps in the Workbook, by the paths of `pmplab_dsl::workbook::KEPT`.

use pmplab_dsl::plan::{Exit, Ns, Value};
use serde_json::{Value as Json, json};

use crate::ops::CallOp;
use crate::ports::Provider;
use crate::retry::left;
use crate::scope::{TaskScope, event_name, integer, task_name, user_name};
use crate::state::{Doing, State};

/// Longest snapshot of a call that did not succeed, in bytes.
const SNAPSHOT: usize = 2048;

impl<R: Provider> TaskScope<'_, R> {
    pub(crate) fn workbook(&self, path: &str) -> Option<Value> {
        let task = &self.user.task;
        let text = |text: &str| Value::Text(text.to_owned());
        Some(match path {
            "user_id" => Value::Text(user_name(self.user.number)),
            "task_id" => Value::Text(task_name(self.scene, task.number)),
            "timeline.phase" => text(self.state()),
            "timeline.status" => text(status(task.life.state)),
            "timeline.planned_at" => integer(task.planned),
            "timeline.start_at" => integer(task.start),
            "timeline.timeout_at" => integer(task.deadline?),
            "timeline.transition_trace" => {
                let trace: Vec<&str> = task.trace.iter().map(|state| state.name()).collect();
                list(Json::from(trace))
            }
            "execution.owner" => Value::Text(self.owner()),
            "execution.current_action" => text(&self.call?.name),
            "execution.last_action" => text(&self.last_call()?.name),
            "execution.retry_left" => integer(u64::from(left(self.user, self.strand, self.scene))),
            "execution.action_log" => {
                let entry = |&(pc, event): &(u32, _)| {
                    Some(format!("{} {}", self.call_at(pc)?.name, event_name(event)))
                };
                list(Json::from(
                    task.log.iter().filter_map(entry).collect::<Vec<_>>(),
                ))
            }
            "execution.evidence" => {
                let snapshot = self.snapshot();
                let mut map = json!({
                    "last_event": event_name(task.evidence.event?),
                    "response_ms": millis(task.evidence.response),
                });
                if let (Some(map), Some(snapshot)) = (map.as_object_mut(), snapshot) {
                    map.insert("snapshot".to_owned(), Json::from(snapshot));
                }
                list(map)
            }
            "execution.evidence.last_event" => text(event_name(task.evidence.event?)),
            "execution.evidence.response_ms" => {
                task.evidence.event?;
                Value::Number(millis(task.evidence.response))
            }
            "execution.evidence.snapshot" => text(self.snapshot()?),
            "governance.scope_trace" => list(self.scope_trace()),
            "governance.scope_resources" => list(Json::from(self.leases().collect::<Vec<_>>())),
            "governance.raci" => list(json!({
                "responsible": self.owner(),
                "accountable": self.call.or_else(|| self.last_call())
                    .and_then(|call| call.accountable.as_deref()),
            })),
            other => return self.tally.workbook(other),
        })
    }

    fn last_call(&self) -> Option<&CallOp> {
        self.call_at(self.user.task.evidence.pc?)
    }

    fn owner(&self) -> String {
        self.call
            .map_or_else(|| "scheduler".to_owned(), |call| call.owner.clone())
    }

    /// What was said of the last call of this strand, when it did not succeed.
    fn snapshot(&self) -> Option<&str> {
        let seen = self.user.task.strand(self.strand)?.seen.as_ref()?;
        let message = seen.message.as_deref().filter(|_| seen.kind.is_some())?;
        let end = message.floor_char_boundary(SNAPSHOT);
        Some(&message[..end])
    }

    fn leases(&self) -> impl Iterator<Item = String> {
        self.user.leases.iter().flatten().filter_map(|lease| {
            self.program
                .dictionaries
                .resources
                .get(lease.key as usize)
                .cloned()
        })
    }

    /// Names of L0 to L4, then the keys of the leases.
    fn scope_trace(&self) -> Json {
        let levels = [
            self.program.name.clone(),
            self.scene.portfolio.clone(),
            self.scene.name.clone(),
            self.scene.workflow.clone(),
            task_name(self.scene, self.user.task.number),
        ];
        Json::from(levels.into_iter().chain(self.leases()).collect::<Vec<_>>())
    }
}

#[allow(clippy::needless_pass_by_value, reason = "made where it is passed")]
fn list(json: Json) -> Value {
    Value::Json(json.to_string())
}

/// A time in milliseconds.
#[must_use]
pub const fn millis(time: Ns) -> f64 {
    time as f64 / 1e6
}

/// A state in one word.
const fn status(state: State) -> &'static str {
    match state {
        State::Initiating | State::Planning | State::Closing(Exit::Closing) => "idle",
        State::Executing(Doing::RunningAction) => "running",
        State::Executing(_) => "wait",
        State::Monitoring => "event",
        State::Closing(_) => "error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_of_a_state_is_one_of_five_words() {
        for (state, word) in [
            (State::Initiating, "idle"),
            (State::Planning, "idle"),
            (State::Executing(Doing::RunningAction), "running"),
            (State::Executing(Doing::WaitingResource), "wait"),
            (State::Executing(Doing::Throttled), "wait"),
            (State::Executing(Doing::Blocked), "wait"),
            (State::Monitoring, "event"),
            (State::Closing(Exit::Closing), "idle"),
            (State::Closing(Exit::TimeoutOut), "error"),
            (State::Closing(Exit::ErrorOut), "error"),
            (State::Closing(Exit::Rollback), "error"),
        ] {
            assert_eq!(status(state), word, "{state:?}");
        }
    }
}
