//! A key-value store: JSON text under names.

use crate::model::{Manifest, Problem, Refusal, shown};
use crate::yaml::{self, Kind};
use serde_json::Value;
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub struct Store(BTreeMap<String, String>);

impl Store {
    /// Begins with the manifest (a YAML or JSON mapping, or one under the store's name), then `config.data`.
    pub fn new(
        name: &str,
        manifest: Option<&Manifest>,
        config: &Value,
    ) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut store = Self::default();
        if let Some(manifest) = manifest {
            match from_manifest(&manifest.text, name) {
                Ok(values) => store.0.extend(values),
                Err(problem) => problems.push(problem.in_file(&manifest.path)),
            }
        }
        match config.get("data") {
            None | Some(Value::Null) => {}
            Some(Value::Object(data)) => store.0.extend(
                data.iter()
                    .map(|(key, value)| (key.clone(), value.to_string())),
            ),
            Some(_) => {
                problems.push(Problem::at_key(
                    "E0104",
                    "config.data",
                    "`data` must be a mapping of keys to values".into(),
                ));
            }
        }
        if problems.is_empty() {
            Ok(store)
        } else {
            Err(problems)
        }
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn get(&self, key: &str) -> Option<String> {
        self.0.get(key).cloned()
    }

    pub fn put(&mut self, key: String, value: String) -> Result<(), Refusal> {
        match serde_json::from_str::<serde::de::IgnoredAny>(&value) {
            Ok(_) => {
                self.0.insert(key, value);
                Ok(())
            }
            Err(e) => Err(Refusal::Invalid(format!(
                "the value for {} is no JSON: {e}",
                shown(&key)
            ))),
        }
    }

    pub fn delete(&mut self, key: &str) -> bool {
        self.0.remove(key).is_some()
    }
}

fn from_manifest(text: &str, name: &str) -> Result<Vec<(String, String)>, Problem> {
    let told = |fault: yaml::Fault| {
        Problem::at_row(fault.place, format!("cannot be read: {}", fault.message))
    };
    let Some(root) = yaml::document(text).map_err(told)? else {
        return Ok(Vec::new());
    };
    let map = root.get(name).unwrap_or(&root);
    match (&map.kind, map.json().map_err(told)?) {
        (_, Value::Object(values)) => Ok(values
            .into_iter()
            .map(|(key, value)| (key, value.to_string()))
            .collect()),
        (Kind::Scalar { .. }, Value::Null) => Ok(Vec::new()),
        _ => Err(Problem::at_row(
            map.place,
            format!("expected a mapping of keys to values, not {}", map.noun()),
        )),
    }
}
