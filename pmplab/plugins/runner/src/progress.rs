//! A snapshot for the progress line.

use pmplab_dsl::plan::Ns;
use serde_json::{Value as Json, json};

use crate::engine::{Engine, Phase};
use crate::ports::{Ledger, Protocol, Provider};
use crate::program::Scene;
use crate::tally::Tally;

impl<P: Protocol, R: Provider, L: Ledger> Engine<P, R, L> {
    #[must_use]
    pub fn progress(&self) -> Json {
        let now = self.clock.now();
        let scenarios: Vec<Json> = self
            .program
            .scenes
            .iter()
            .zip(&self.tallies)
            .enumerate()
            .map(|(at, (scene, tally))| self.scenario(at, scene, tally))
            .collect();
        json!({
            "t": now,
            "phase": match self.phase {
                Phase::Running => "running",
                Phase::Draining => "draining",
                Phase::Finished => "finished",
            },
            "scenarios": scenarios,
            "leases": {
                "acquired": self.leases.acquired,
                "released": self.leases.released,
                "expired": self.leases.expired,
                "live": self.leases.live(),
            },
            "alerts": self.shown,
            "stop_reason": self.stop_reason,
            "message": self.message,
        })
    }

    fn scenario(&self, at: usize, scene: &Scene, tally: &Tally) -> Json {
        let begin = tally.begin.unwrap_or_default();
        json!({
            "name": scene.name,
            "planned": self.planned(at),
            "online": tally.online,
            "stop": tally.stop,
            "offline": tally.offline,
            "users": Tally::share(scene, &self.terms, scene.users),
            "tasks_started": tally.tasks_started,
            "tasks_done": tally.tasks_done,
            "started": tally.started,
            "finished": tally.finished,
            "in_flight": tally.started - tally.finished,
            "success": tally.success,
            "fail": tally.fail,
            "timeout": tally.timeout,
            "cancelled": tally.cancelled,
            "waiting_resource": tally.waiting,
            "throttled": tally.throttled,
            "retries": tally.retries,
            "dropped": tally.dropped,
            "planned_last_spawn_ns": Tally::planned_last(scene, &self.terms)
                .map(|last| last.saturating_add(begin)),
            "actual_last_spawn_ns": tally.last_spawn,
            "duration_ns": self.planned_duration(scene),
        })
    }

    /// When the plan has the scenario end, where it says so.
    fn planned_duration(&self, scene: &Scene) -> Option<Ns> {
        let last = Tally::planned_last(scene, &self.terms)
            .zip(scene.task_duration)
            .map(|(last, duration)| last.saturating_add(duration));
        match (last, scene.max_duration) {
            (Some(last), Some(limit)) => Some(last.min(limit)),
            (last, limit) => last.or(limit),
        }
    }
}
