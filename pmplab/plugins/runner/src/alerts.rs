//! Alerts: conditions over a scenario's counts, looked at every tick. One fires when it becomes true.

use pmplab_dsl::plan::{Outlet, Segment, Source, Value};
use pmplab_dsl::template::{Scope, holds, render_text};
use pmplab_records::rows::ChangeRow;
use serde_json::json;

use crate::clock::signed;
use crate::engine::Engine;
use crate::names::COMMUNICATIONS;
use crate::ports::{Ledger, Protocol, Provider};
use crate::program::Program;
use crate::scope::{dig, inside, shared, whole};
use crate::tally::Tally;
use crate::user::Kept;

/// What an alert sees: no task, only its scenario and what all users share.
struct SceneScope<'s> {
    program: &'s Program,
    name: &'s str,
    tally: &'s Tally,
    globals: &'s [Kept],
    tick: u64,
}

impl SceneScope<'_> {
    fn variable(&self, var: usize, field: Option<usize>, path: &[Segment]) -> Option<Value> {
        let keep = self.program.watched.get(var)?;
        let saved = |field| shared(keep, self.globals, field);
        if let Some(field) = field {
            return inside(saved(field)?, path);
        }
        let names = &self.program.shared.get(keep.shared?)?.fields;
        let fields: Vec<String> = keep.fields.iter().map(|at| names[*at].clone()).collect();
        dig(&whole(&fields, keep.merge, saved)?, path).map(Value::from_json)
    }
}

impl Scope for SceneScope<'_> {
    fn text(&self, source: &Source, out: &mut String) -> bool {
        self.value(source)
            .map(|value| value.write_text(out))
            .is_some()
    }

    fn value(&self, source: &Source) -> Option<Value> {
        match source {
            Source::Env(name) if name == "scenario" => Some(Value::Text(self.name.to_owned())),
            Source::Env(name) if name == "tick" => {
                i64::try_from(self.tick).ok().map(Value::Integer)
            }
            Source::Workbook(path) => self.tally.workbook(path),
            Source::Var { var, field, path } => self.variable(*var, *field, path),
            _ => None,
        }
    }
}

impl<P: Protocol, R: Provider, L: Ledger> Engine<P, R, L> {
    /// Looks at every alert for every scenario. What cannot be told does not alert.
    pub(crate) fn look_at_alerts(&mut self) {
        let program = std::rc::Rc::clone(&self.program);
        for (place, alert) in program.alerts.iter().enumerate() {
            for (at, scene) in program.scenes.iter().enumerate() {
                let scope = SceneScope {
                    program: &program,
                    name: &scene.name,
                    tally: &self.tallies[at],
                    globals: &self.globals,
                    tick: self.tick,
                };
                let on = holds(&alert.when, &scope) == Ok(true);
                let was = std::mem::replace(&mut self.alerting[place][at], on);
                if !on || was {
                    continue;
                }
                let mut message = String::new();
                if let Err(undefined) = render_text(&alert.message, &scope, &mut message) {
                    message = format!("{message}({undefined})");
                }
                self.alert(place, at, &message);
            }
        }
    }

    fn alert(&mut self, place: usize, at: usize, message: &str) {
        let program = std::rc::Rc::clone(&self.program);
        let (alert, scene) = (&program.alerts[place], &program.scenes[at]);
        let t = signed(self.clock.now());
        let what = json!({
            "t": t,
            "alert": alert.name,
            "scenario": scene.name,
            "message": message,
            "notify": alert.notify,
        });
        let mut row = ChangeRow {
            t,
            section: COMMUNICATIONS,
            user: None,
            task: None,
            path: format!("alerts.{}", alert.name),
            value: what.to_string(),
            cause: "system.tick".to_owned(),
            node: None,
        };
        self.tell(at, &row);
        for outlet in &alert.to {
            match outlet {
                Outlet::Log => {
                    row.path = "log.warn".to_owned();
                    row.value = serde_json::Value::from(message).to_string();
                    self.note(&row);
                }
                Outlet::File => self.ledger.alert(&what.to_string()),
                Outlet::Notebook => self.shown.push(what.clone()),
            }
        }
    }
}
