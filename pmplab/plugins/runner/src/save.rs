//! Writes to variables: what calls save, what steps set, what is merged, recorded and kept in files.

use pmplab_dsl::plan::{Event, Merge, Origin, Persist, Template, Value, Variable};
use pmplab_dsl::template::render_text;
use pmplab_records::rows::ChangeRow;
use serde_json::{Map, Value as Json, json};

use crate::answer::extract;
use crate::clock::signed;
use crate::engine::Engine;
use crate::flow::cause_of;
use crate::names::COMMUNICATIONS;
use crate::ops::{CallOp, SaveOp};
use crate::ports::{Ledger, Protocol, Provider};
use crate::program::Scene;
use crate::slab::Key;
use crate::strand::Frame;
use crate::user::{Ending, Kept};

/// A file's name is at most this long, with its folders.
const LONGEST_NAME: usize = 200;
/// A message quotes so much of a value.
const LONGEST_QUOTE: usize = 80;

impl<P: Protocol, R: Provider, L: Ledger> Engine<P, R, L> {
    /// Saves what a call brought, on a fail too. What cannot be written is an issue of the task, not of the call.
    #[allow(clippy::too_many_arguments, reason = "all of it is known apart")]
    pub(crate) fn save(
        &mut self,
        key: Key,
        at: u32,
        call: &CallOp,
        save: &SaveOp,
        outputs: Vec<Value>,
        event: Event,
        node: u32,
    ) {
        let values = if save.whole {
            outputs
        } else {
            let field = |origin: &Origin| match *origin {
                Origin::Output(output) => outputs.get(output).cloned().unwrap_or(Value::None),
                Origin::Extract(place) => call
                    .extract
                    .get(place)
                    .map_or(Value::None, |op| extract(op, &outputs)),
                Origin::Nowhere => Value::None,
            };
            save.fields.iter().map(field).collect()
        };
        let cause = match event {
            Event::Success => "action.success",
            Event::Fail => "action.fail",
            Event::Timeout => "action.timeout",
        };
        if let Err(message) = self.write(key, save.var, values, cause, Some(node)) {
            self.issue(
                key,
                at,
                cause,
                &json!({"error_type": "config.merge", "message": message}),
            );
        }
        if let Some(persist) = &save.persist {
            self.persist(key, at, save.var, persist, cause, node);
        }
    }

    /// `update-workbook`: all values are read before one is written, and none is when one is not what its field holds.
    pub(crate) fn update(
        &mut self,
        key: Key,
        at: u32,
        writes: &[(usize, Template)],
        node: u32,
    ) -> Option<Ending> {
        let mut values = Vec::with_capacity(writes.len());
        for (var, template) in writes {
            let value = match self.evaluate(key, at, template) {
                Ok(value) => value,
                Err(undefined) => return self.fail_undefined(key, at, &undefined),
            };
            let variable = &self.program.scenes[self.users.get(key)?.scene].vars[*var];
            if let Some(message) = misfit(variable, &value) {
                return self.fail_step(key, at, "expression.bad-value", message);
            }
            values.push(value);
        }
        for ((var, _), value) in writes.iter().zip(values) {
            if let Err(message) = self.assign(key, at, *var, value, node) {
                return self.fail_step(key, at, "config.merge", message);
            }
        }
        self.step_on(key, at);
        None
    }

    /// Sets a variable to one value: a plain one, or a map of its fields.
    ///
    /// # Errors
    /// When it may be written once only, and was.
    pub(crate) fn assign(
        &mut self,
        key: Key,
        at: u32,
        var: usize,
        value: Value,
        node: u32,
    ) -> Result<(), String> {
        let cause = self.users.get(key).map_or("", |user| cause_of(user, at));
        self.set(key, var, value, cause, Some(node))
    }

    /// The same, on account of `cause`.
    ///
    /// # Errors
    /// When it may be written once only, and was.
    pub(crate) fn set(
        &mut self,
        key: Key,
        var: usize,
        value: Value,
        cause: &str,
        node: Option<u32>,
    ) -> Result<(), String> {
        let Some(user) = self.users.get(key) else {
            return Ok(());
        };
        let scene = &self.program.scenes[user.scene];
        let values = if scene.keeps[var].plain {
            vec![value]
        } else {
            let map = value.to_json();
            scene.vars[var]
                .fields
                .iter()
                .map(|field| map.get(field).map_or(Value::None, Value::from_json))
                .collect()
        };
        self.write(key, var, values, cause, node)
    }

    fn write(
        &mut self,
        key: Key,
        var: usize,
        values: Vec<Value>,
        cause: &str,
        node: Option<u32>,
    ) -> Result<(), String> {
        let now = self.clock.now();
        let Some(user) = self.users.get_mut(key) else {
            return Ok(());
        };
        let scene = &self.program.scenes[user.scene];
        let keep = &scene.keeps[var];
        let shared;
        let kept = match keep.shared {
            Some(at) => {
                let kept = &mut self.globals[at];
                shared = spread(&values, &keep.fields, kept);
                merge(keep.merge, kept, shared)
            }
            None => merge(keep.merge, &mut user.task.vars[var], values),
        };
        if !kept {
            return Err(format!(
                "`{}` was written before, and may be written once",
                scene.vars[var].name
            ));
        }
        user.task.raised |= scene.flag == Some(var);
        if let Some((section, path)) = &keep.record {
            let row = ChangeRow {
                t: signed(now),
                section: *section,
                user: Some(user.number),
                task: Some(user.task.number),
                path: path.clone(),
                value: whole(scene, var, self.kept(key, var)).to_string(),
                cause: cause.to_owned(),
                node,
            };
            self.note(&row);
        }
        Ok(())
    }

    /// What a variable holds, in the order of its fields.
    fn kept(&self, key: Key, var: usize) -> Vec<Value> {
        let Some(user) = self.users.get(key) else {
            return vec![];
        };
        let keep = &self.program.scenes[user.scene].keeps[var];
        match keep.shared {
            Some(at) => keep
                .fields
                .iter()
                .map(|field| {
                    self.globals[at]
                        .values
                        .get(*field)
                        .cloned()
                        .unwrap_or(Value::None)
                })
                .collect(),
            None => user.task.vars[var].values.clone(),
        }
    }

    /// The risk flag was written: its response runs once for the task, before it goes on.
    pub(crate) fn respond(&mut self, key: Key, at: u32, scene: &Scene) {
        let Some(flag) = scene
            .flag
            .and_then(|var| self.kept(key, var).into_iter().next())
        else {
            return;
        };
        self.risk(key, at, &json!({"kind": "flag", "flag": flag.to_json()}));
        let Some(user) = self.users.get_mut(key) else {
            return;
        };
        self.tallies[user.scene].flag = Some(flag.clone());
        let answer = scene
            .responses
            .iter()
            .position(|(value, _)| *value == flag)
            .filter(|place| !user.task.responded.contains(place));
        if let Some(place) = answer {
            user.task.responded.push(place);
            if let Some(strand) = user.task.strand_mut(at) {
                strand.frames.push(Frame::Return(strand.pc));
                strand.pc = scene.responses[place].1;
            }
        }
    }

    /// Keeps a variable in a file of the run folder.
    fn persist(
        &mut self,
        key: Key,
        at: u32,
        var: usize,
        persist: &Persist,
        cause: &'static str,
        node: u32,
    ) {
        let Some(user) = self.users.get(key) else {
            return;
        };
        let scene = &self.program.scenes[user.scene];
        let (number, task, scene_at) = (user.number, user.task.number, user.scene);
        let mut name = String::new();
        let rendered = render_text(&persist.filename, &self.scope(user, at, None), &mut name);
        let path = match rendered {
            Ok(()) => inside(&persist.dir, &name),
            Err(undefined) => Err(undefined.to_string()),
        };
        let path = match path {
            Ok(path) => path,
            Err(message) => {
                let what = json!({"error_type": "config.bad-value", "message": message});
                self.issue(key, at, cause, &what);
                return;
            }
        };
        let bytes = content(scene, var, self.kept(key, var));
        let row = ChangeRow {
            t: signed(self.clock.now()),
            section: COMMUNICATIONS,
            user: Some(number),
            task: Some(task),
            path: "artifacts".to_owned(),
            value: json!({
                "path": format!("artifacts/{path}"),
                "variable": scene.vars[var].name,
                "bytes": bytes.len(),
            })
            .to_string(),
            cause: cause.to_owned(),
            node: Some(node),
        };
        self.ledger.artifact(&path, bytes);
        self.tell(scene_at, &row);
    }
}

/// What is wrong with a value that a variable is to hold.
pub fn misfit(variable: &Variable, value: &Value) -> Option<String> {
    let kind = variable.kind.filter(|kind| !kind.accepts(value))?;
    let mut given = value.to_json().to_string();
    given.truncate(given.floor_char_boundary(LONGEST_QUOTE));
    Some(format!(
        "`{}` holds {}, not {given}",
        variable.name,
        kind.name()
    ))
}

/// What is kept of a shared variable, with the fields that this scenario writes.
fn spread(values: &[Value], fields: &[usize], kept: &Kept) -> Vec<Value> {
    let count = fields.iter().max().map_or(0, |most| most + 1);
    let mut all = kept.values.clone();
    all.resize(count.max(all.len()), Value::None);
    for (field, value) in fields.iter().zip(values) {
        all[*field] = value.clone();
    }
    all
}

/// Puts values to those that are there. False: that is not allowed.
fn merge(how: Merge, kept: &mut Kept, values: Vec<Value>) -> bool {
    let before = std::mem::replace(&mut kept.written, true);
    match how {
        Merge::Last => kept.values = values,
        Merge::First if before => {}
        Merge::Error if before => return false,
        Merge::First | Merge::Error => kept.values = values,
        Merge::Append | Merge::Sum | Merge::Min | Merge::Max => {
            kept.values
                .resize(values.len().max(kept.values.len()), Value::None);
            for (old, new) in kept.values.iter_mut().zip(values) {
                *old = joined(how, std::mem::replace(old, Value::None), new);
            }
        }
    }
    true
}

fn joined(how: Merge, old: Value, new: Value) -> Value {
    if how == Merge::Append {
        let mut list = match old.to_json() {
            Json::Array(list) => list,
            Json::Null => vec![],
            one => vec![one],
        };
        list.push(new.to_json());
        return Value::from_json(&Json::Array(list));
    }
    if let (Value::Integer(a), Value::Integer(b)) = (&old, &new) {
        return Value::Integer(match how {
            Merge::Sum => a.saturating_add(*b),
            Merge::Min => *a.min(b),
            _ => *a.max(b),
        });
    }
    let number = |value: &Value| value.to_json().as_f64();
    match (number(&old), number(&new)) {
        (Some(a), Some(b)) => Value::Number(match how {
            Merge::Sum => a + b,
            Merge::Min => a.min(b),
            _ => a.max(b),
        }),
        (_, Some(_)) => new,
        _ => old,
    }
}

/// A variable as one JSON value.
fn whole(scene: &Scene, var: usize, values: Vec<Value>) -> Json {
    if scene.keeps[var].plain {
        return values.first().map_or(Json::Null, Value::to_json);
    }
    let fields = scene.vars[var].fields.iter().cloned();
    let map = fields.zip(values.iter().map(Value::to_json)).collect();
    together(scene.keeps[var].merge, map)
}

/// The fields of a variable as one value: a map, or a list of one map for each answer that was appended.
pub fn together(how: Merge, fields: Map<String, Json>) -> Json {
    if how != Merge::Append {
        return Json::Object(fields);
    }
    let lists = fields.values().filter_map(Json::as_array);
    let count = lists.map(Vec::len).max().unwrap_or_default();
    let answer = |at: usize| {
        let one = |(name, list): (&String, &Json)| {
            let value = list.get(at).cloned().unwrap_or(Json::Null);
            (name.clone(), value)
        };
        Json::Object(fields.iter().map(one).collect())
    };
    (0..count).map(answer).collect()
}

/// A variable as a file: what is one text or piece of data is kept as it is.
fn content(scene: &Scene, var: usize, mut values: Vec<Value>) -> Vec<u8> {
    if let [Value::Text(text) | Value::Json(text)] = values.as_mut_slice() {
        return std::mem::take(text).into_bytes();
    }
    if let [Value::Bytes(bytes)] = values.as_mut_slice() {
        return std::mem::take(bytes);
    }
    whole(scene, var, values).to_string().into_bytes()
}

/// The path of a file below the folder of artifacts.
fn inside(dir: &str, name: &str) -> Result<String, String> {
    let path = match dir.trim_start_matches("./").trim_matches('/') {
        "" | "." => name.to_owned(),
        dir => format!("{dir}/{name}"),
    };
    let bad = path.len() > LONGEST_NAME
        || path.split('/').any(|part| matches!(part, "" | "." | ".."))
        || path
            .chars()
            .any(|c| c.is_control() || matches!(c, '\\' | ':'));
    if bad {
        return Err(format!("`{name}` is no name of a file in `{dir}`"));
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(how: Merge, writes: &[Value]) -> (Value, Vec<bool>) {
        let mut kept = Kept::default();
        let allowed = writes
            .iter()
            .map(|value| merge(how, &mut kept, vec![value.clone()]))
            .collect();
        (kept.values[0].clone(), allowed)
    }

    #[test]
    fn several_writes_become_what_the_variable_says() {
        let writes = [3, 1, 2].map(Value::Integer);
        for (how, wanted) in [
            (Merge::Last, Value::Integer(2)),
            (Merge::First, Value::Integer(3)),
            (Merge::Append, Value::Json("[3,1,2]".into())),
            (Merge::Sum, Value::Integer(6)),
            (Merge::Min, Value::Integer(1)),
            (Merge::Max, Value::Integer(3)),
        ] {
            assert_eq!(kept(how, &writes).0, wanted, "{how:?}");
        }
        assert_eq!(
            kept(Merge::Sum, &[Value::Integer(1), Value::Number(0.5)]).0,
            Value::Number(1.5)
        );
        assert_eq!(
            kept(Merge::Error, &writes),
            (Value::Integer(3), vec![true, false, false])
        );
    }

    #[test]
    fn a_file_stays_in_its_folder() {
        assert_eq!(inside("out", "U-00001.json"), Ok("out/U-00001.json".into()));
        assert_eq!(inside("./out/", "a"), Ok("out/a".into()));
        assert_eq!(inside(".", "a/b"), Ok("a/b".into()));
        for name in [
            "../x",
            "/etc/passwd",
            "a/../b",
            "",
            "a//b",
            "a\\b",
            "a\0",
            "c:x",
        ] {
            assert!(inside("out", name).is_err(), "{name}");
        }
        assert!(inside("out", &"x".repeat(300)).is_err());
    }
}
