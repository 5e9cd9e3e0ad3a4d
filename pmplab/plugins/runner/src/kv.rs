//! The Workbook as a store of values by path, for the host: the same values that `update-workbook` writes and expressions read.

use std::collections::BTreeMap;

use pmplab_dsl::plan::Value;
use pmplab_dsl::workbook::{Grain, KEPT, section};
use pmplab_records::SECTIONS;
use pmplab_records::rows::ChangeRow;
use serde_json::Value as Json;

use crate::clock::signed;
use crate::engine::{Engine, Phase};
use crate::names::COMMUNICATIONS;
use crate::ports::{Ledger, Protocol, Provider};
use crate::program::Scene;
use crate::save::misfit;
use crate::scope::{TaskScope, whole};
use crate::slab::Key;

/// Why a value that was put changed.
const CAUSE: &str = "host.put";
/// The run as a whole keeps so many values, of so many bytes each.
const MOST_VALUES: usize = 10_000;
const LARGEST: usize = 1 << 16;
const LONGEST_PATH: usize = 200;
/// What the engine writes of the run as a whole.
const ITS_OWN: [&str; 3] = ["timeline.scenarios", "registers.risks", "registers.issues"];

/// Of whom a value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    Run,
    Scenario(String),
    /// The task that the user of this number has now.
    User(u64),
}

/// Why the Workbook did not do as it was asked, in a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    UnknownPath(String),
    UnknownHolder(String),
    ReadOnly(String),
    BadValue(String),
    Full(String),
}

/// What a path of a task leads to.
enum Place {
    Kept(&'static str),
    Var(usize),
}

impl<P: Protocol, R: Provider, L: Ledger> Engine<P, R, L> {
    /// The value at a path; none: it has none now.
    ///
    /// # Errors
    /// `UnknownPath`, `UnknownHolder`.
    pub fn get(&self, of: &Holder, path: &str) -> Result<Option<Json>, Fault> {
        let path = &self.resolved(path);
        match of {
            Holder::Run => match path.strip_prefix("global.") {
                Some(name) => self.global(name, path),
                None => in_section(path).map(|_| self.book.get(path).cloned()),
            },
            Holder::Scenario(name) => {
                let kept = KEPT.iter().find(|kept| kept.path == path);
                let kept = kept.filter(|kept| kept.grain == Grain::Scenario);
                let kept = kept.ok_or_else(|| unknown(path))?;
                let tally = &self.tallies[self.scene_named(name)?];
                Ok(tally.workbook(kept.path).map(|value| value.to_json()))
            }
            Holder::User(number) => {
                let (key, scene) = self.task_of(*number)?;
                let place = place(scene, path).ok_or_else(|| unknown(path))?;
                Ok(self.of_task(key, &place))
            }
        }
    }

    /// Every value at and below a path.
    ///
    /// # Errors
    /// `UnknownPath`, `UnknownHolder`.
    pub fn scan(&self, of: &Holder, prefix: &str) -> Result<BTreeMap<String, Json>, Fault> {
        let prefix = &self.resolved(prefix);
        let first = prefix.split('.').next().unwrap_or_default();
        let mut known = prefix.is_empty() || section(first).is_some();
        let mut found = BTreeMap::new();
        let mut take = |path: &str, value: Option<Json>| {
            if !below(path, prefix) {
                return;
            }
            known = true;
            match value {
                Some(value) => found.insert(path.to_owned(), value),
                None => found.remove(path),
            };
        };
        match of {
            Holder::Run => {
                for global in &self.program.shared {
                    let path = format!("global.{}", global.name);
                    take(&path, self.global(&global.name, &path)?);
                }
                for (path, value) in &self.book {
                    take(path, Some(value.clone()));
                }
            }
            Holder::Scenario(name) => {
                let tally = &self.tallies[self.scene_named(name)?];
                for kept in KEPT.iter().filter(|kept| kept.grain == Grain::Scenario) {
                    let value = tally.workbook(kept.path);
                    take(kept.path, value.map(|value| value.to_json()));
                }
            }
            Holder::User(number) => {
                let (key, scene) = self.task_of(*number)?;
                for kept in KEPT {
                    take(kept.path, self.of_task(key, &Place::Kept(kept.path)));
                }
                for var in 0..scene.vars.len() {
                    if let Some(path) = path_of(scene, var) {
                        take(&path, self.of_task(key, &Place::Var(var)));
                    }
                }
            }
        }
        if known {
            Ok(found)
        } else {
            Err(unknown(prefix))
        }
    }

    /// Keeps a value, given as JSON text, and writes it into the change stream.
    ///
    /// # Errors
    /// Any `Fault`.
    pub fn put(&mut self, of: &Holder, path: &str, value: &str) -> Result<(), Fault> {
        let path = &self.resolved(path);
        if self.phase == Phase::Finished {
            return Err(Fault::ReadOnly("the run is over".to_owned()));
        }
        if value.len() > LARGEST {
            let message = format!("a value has at most {LARGEST} bytes");
            return Err(Fault::BadValue(message));
        }
        let value: Json = serde_json::from_str(value)
            .map_err(|error| Fault::BadValue(format!("`{path}`: this is no JSON: {error}")))?;
        match of {
            Holder::Run => self.put_of_run(path, value),
            Holder::Scenario(name) => {
                self.scene_named(name)?;
                Err(by_engine(path))
            }
            Holder::User(number) => self.put_of_task(*number, path, &value),
        }
    }

    fn put_of_run(&mut self, path: &str, value: Json) -> Result<(), Fault> {
        if path.starts_with("global.") {
            let message = format!("`{path}` is written by the steps that save it");
            return Err(Fault::ReadOnly(message));
        }
        let (section, inside) = in_section(path)?;
        let kept = KEPT.iter().map(|kept| kept.path).chain(ITS_OWN);
        let mut taken = kept.filter(|own| below(path, own) || below(own, path));
        if section == COMMUNICATIONS || taken.next().is_some() {
            return Err(by_engine(path));
        }
        if self.book.len() >= MOST_VALUES && !self.book.contains_key(path) {
            let message = format!("the run keeps {MOST_VALUES} values, and no more");
            return Err(Fault::Full(message));
        }
        self.note(&ChangeRow {
            t: signed(self.clock.now()),
            section,
            user: None,
            task: None,
            path: inside.to_owned(),
            value: value.to_string(),
            cause: CAUSE.to_owned(),
            node: None,
        });
        self.book.insert(path.to_owned(), value);
        Ok(())
    }

    fn put_of_task(&mut self, number: u64, path: &str, value: &Json) -> Result<(), Fault> {
        let (key, scene) = self.task_of(number)?;
        let var = match place(scene, path).ok_or_else(|| unknown(path))? {
            Place::Var(var) if scene.keeps[var].record.is_some() => var,
            Place::Var(_) => {
                let message = format!("`{path}` is written by the calls that save it");
                return Err(Fault::ReadOnly(message));
            }
            Place::Kept(_) => return Err(by_engine(path)),
        };
        let value = Value::from_json(value);
        if let Some(message) = misfit(&scene.vars[var], &value) {
            return Err(Fault::BadValue(message));
        }
        self.set(key, var, value, CAUSE, None)
            .map_err(Fault::ReadOnly)
    }

    /// A path without names that stand for others.
    fn resolved(&self, path: &str) -> String {
        let (first, rest) = path.split_once('.').unwrap_or((path, ""));
        let mut aliases = self.program.aliases.iter();
        match aliases.find(|(alias, _)| alias == first) {
            Some((_, to)) if rest.is_empty() => to.clone(),
            Some((_, to)) => format!("{to}.{rest}"),
            None => path.to_owned(),
        }
    }

    fn scene_named(&self, name: &str) -> Result<usize, Fault> {
        let found = self
            .program
            .scenes
            .iter()
            .position(|scene| scene.name == name);
        found.ok_or_else(|| Fault::UnknownHolder(format!("there is no scenario `{name}`")))
    }

    /// A user that has a task.
    fn task_of(&self, number: u64) -> Result<(Key, &Scene), Fault> {
        let mut users = (0..self.users.capacity()).filter_map(|place| self.users.at(place));
        match users.find(|(_, user)| user.number == number) {
            Some((key, user)) if user.rest.is_none() => Ok((key, &self.program.scenes[user.scene])),
            Some(_) => Err(Fault::UnknownHolder(format!(
                "the user {number} is between two tasks"
            ))),
            None => Err(Fault::UnknownHolder(format!(
                "there is no user {number} now"
            ))),
        }
    }

    fn global(&self, name: &str, path: &str) -> Result<Option<Json>, Fault> {
        let mut all = self.program.shared.iter().zip(&self.globals);
        let (known, kept) = all
            .find(|(known, _)| known.name == name)
            .ok_or_else(|| unknown(path))?;
        Ok(whole(&known.fields, known.merge, |field| {
            kept.values.get(field)
        }))
    }

    fn of_task(&self, key: Key, place: &Place) -> Option<Json> {
        let user = self.users.get(key)?;
        let scope: TaskScope<'_, R> = self.scope(user, 0, None);
        let value = match place {
            Place::Kept(path) if !scope.scene.reads.keeps(path) => None,
            Place::Kept(path) => scope.workbook(path),
            Place::Var(var) => {
                let field = scope.scene.keeps[*var].plain.then_some(0);
                scope.variable(*var, field, &[])
            }
        };
        value.map(|value| value.to_json())
    }
}

/// The variable of a task at a path, or what the engine keeps there.
fn place(scene: &Scene, path: &str) -> Option<Place> {
    let var = (0..scene.vars.len()).find(|var| path_of(scene, *var).as_deref() == Some(path));
    let kept = || KEPT.iter().find(|kept| kept.path == path);
    var.map(Place::Var)
        .or_else(|| Some(Place::Kept(kept()?.path)))
}

/// Where a variable of a task stands in the Workbook: a field in its section, what calls save under its name.
fn path_of(scene: &Scene, var: usize) -> Option<String> {
    let keep = &scene.keeps[var];
    match &keep.record {
        Some((section, path)) => Some(format!("{}.{path}", SECTIONS.get(*section as usize)?)),
        None if keep.shared.is_none() => Some(scene.vars[var].name.clone()),
        None => None,
    }
}

/// The section of a path, and what follows.
fn in_section(path: &str) -> Result<(u32, &str), Fault> {
    let plain = |part: &str| {
        let good = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
        !part.is_empty() && part.chars().all(good)
    };
    let (first, inside) = path.split_once('.').ok_or_else(|| unknown(path))?;
    let section = section(first).and_then(|section| u32::try_from(section).ok());
    let good = path.len() <= LONGEST_PATH && inside.split('.').all(plain);
    section
        .filter(|_| good)
        .map(|section| (section, inside))
        .ok_or_else(|| unknown(path))
}

/// Whether a path is `prefix`, or lies below it.
fn below(path: &str, prefix: &str) -> bool {
    let rest = path.strip_prefix(prefix);
    prefix.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn unknown(path: &str) -> Fault {
    let message = format!(
        "the Workbook has no `{path}`; its sections are {}",
        SECTIONS.join(", ")
    );
    Fault::UnknownPath(message)
}

fn by_engine(path: &str) -> Fault {
    Fault::ReadOnly(format!("`{path}` is kept by the engine"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_below_whole_segments_only() {
        assert!(below("telemetry.a.b", "telemetry.a"));
        assert!(below("telemetry.a", "telemetry.a"));
        assert!(below("telemetry.a", ""));
        assert!(!below("telemetry.ab", "telemetry.a"));
        assert!(!below("telemetry", "telemetry.a"));
    }

    #[test]
    fn a_path_has_a_section_and_plain_names() {
        assert_eq!(in_section("timeline.a.b-1"), Ok((0, "a.b-1")));
        for path in [
            "",
            "timeline",
            "timeline.",
            "other.a",
            "execution.a..b",
            "execution.a b",
        ] {
            assert!(in_section(path).is_err(), "{path}");
        }
    }
}
