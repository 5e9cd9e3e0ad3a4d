//! What a component says of itself (`pmplab:component`).

use super::types::Type;
use crate::plan::Role;
use serde_json::{Value as Json, json};
use std::collections::{BTreeSet, HashMap};

/// How a measure is summed up; where it is not said, its unit decides.
const KINDS: [&str; 4] = ["duration", "count", "rate", "value"];

/// The section, read leniently: what is not there is empty.
#[derive(Debug, Clone, Default)]
pub struct Section {
    pub said: Json,
    /// By call: every step asks for them.
    params: HashMap<String, Vec<Param>>,
}

/// A parameter of a call.
#[derive(Debug, Clone)]
pub struct Param {
    pub name: String,
    /// text, integer, number, boolean, map, list, any.
    pub kind: String,
    /// What a text must be: `http-url`, or anything.
    pub format: Option<String>,
    pub required: bool,
    pub description: String,
}

impl Param {
    fn of(name: &str, about: &Json) -> Self {
        let text = |key: &str| about.get(key).and_then(Json::as_str);
        Self {
            name: name.to_owned(),
            kind: text("type").unwrap_or("any").to_owned(),
            format: text("format").map(str::to_owned),
            required: about.get("required").and_then(Json::as_bool) == Some(true),
            description: text("description").unwrap_or_default().to_owned(),
        }
    }
}

impl Section {
    /// Reads what a component says.
    pub fn of(said: Json) -> Self {
        let mut section = Self {
            said,
            params: HashMap::new(),
        };
        section.add_store_calls();
        let calls = section.said.get("calls").and_then(Json::as_object);
        let params = calls.into_iter().flatten().filter_map(|(call, about)| {
            let all = about.get("params")?.as_object()?;
            let params = all.iter().map(|(name, about)| Param::of(name, about));
            Some((call.clone(), params.collect()))
        });
        section.params = params.collect();
        section
    }

    /// The calls of a `kv_store`, which the contract of resource components fixes.
    fn add_store_calls(&mut self) {
        let stores = self.role() == Some(Role::Resource) && self.provides().contains(&"kv_store");
        if let (true, Some(map)) = (stores, self.said.as_object_mut()) {
            map.entry("calls").or_insert_with(|| {
                let text = |what| json!({"type": "text", "required": true, "description": what});
                let store = text("Name of the `kv_store` under `resources`");
                let key = text("Key in the store");
                json!({
                    "get": {"params": {"store": store, "key": key}, "outputs": {"value": "json", "found": "boolean"}},
                    "put": {
                        "params": {"store": store, "key": key, "value": {"type": "any", "required": true, "description": "What to keep"}},
                        "outputs": {"found": "boolean"},
                    },
                    "delete": {"params": {"store": store, "key": key}, "outputs": {"found": "boolean"}},
                })
            });
        }
    }

    /// With the outputs that the script declares, for the calls of which the component itself says nothing.
    pub fn with_outputs(mut self, declared: &[(String, &str)]) -> Self {
        let calls: Vec<String> = self.capabilities().into_iter().map(str::to_owned).collect();
        if let (false, Some(map)) = (declared.is_empty(), self.said.as_object_mut()) {
            let known = map.entry("calls").or_insert_with(|| json!({}));
            for call in calls {
                if known[&call].get("outputs").is_none() {
                    known[&call]["outputs"] = declared.iter().cloned().collect();
                }
            }
        }
        self
    }

    /// Nothing is known of the component.
    pub fn is_unknown(&self) -> bool {
        !self.said.is_object()
    }

    pub fn version(&self) -> Option<&str> {
        self.said.get("version")?.as_str()
    }

    pub fn role(&self) -> Option<Role> {
        match self.said.get("role")?.as_str()? {
            "resource" => Some(Role::Resource),
            _ => Some(Role::Protocol),
        }
    }

    pub fn capabilities(&self) -> Vec<&str> {
        texts(self.said.get("capabilities"))
    }

    pub fn provides(&self) -> Vec<&str> {
        texts(self.said.get("provides"))
    }

    /// Roles that a resource of this type needs in `provider.calls`.
    pub fn roles(&self, kind: &str) -> Option<Vec<&str>> {
        self.said
            .get("roles")?
            .get(kind)
            .map(|roles| texts(Some(roles)))
    }

    /// Fields that a resource of this type always has.
    pub fn fields(&self, kind: &str) -> Vec<&str> {
        texts(self.said.get("fields").and_then(|f| f.get(kind)))
    }

    /// None: the section says nothing of the call.
    pub fn params(&self, call: &str) -> Option<&[Param]> {
        self.params.get(call).map(Vec::as_slice)
    }

    /// What is wrong with the measures that the calls declare, in the words that follow the name of the file.
    pub fn broken_measures(&self) -> Option<String> {
        let calls = self.said.get("calls").and_then(Json::as_object);
        calls.into_iter().flatten().find_map(|(call, about)| {
            let why = broken(about.get("measures")?)?;
            Some(format!("declares measures of `{call}` that {why}"))
        })
    }

    /// Names of what a call measures, in the order in which the component declares them.
    pub fn measures(&self, call: &str) -> Vec<&str> {
        measured(&self.said, call).collect()
    }

    /// Names of the outputs of a call; none: unknown.
    pub fn outputs(&self, call: &str) -> Option<Vec<&str>> {
        Some(
            self.said
                .get("calls")?
                .get(call)?
                .get("outputs")?
                .as_object()?
                .keys()
                .map(String::as_str)
                .collect(),
        )
    }

    /// Names of the `outputs` or `params` of all calls; none: of one they are not known.
    pub fn all_of(&self, what: &str) -> Option<BTreeSet<String>> {
        let calls = self.said.get("calls").and_then(Json::as_object);
        let said = |call: &str| calls?.get(call)?.get(what)?.as_object();
        let mut all = BTreeSet::new();
        for call in self.capabilities() {
            match said(call) {
                Some(names) => all.extend(names.keys().cloned()),
                // What resources bind are no calls of actions.
                None if self.role() == Some(Role::Resource) => {}
                None => return None,
            }
        }
        Some(all)
    }

    /// Outputs of a call with their types; none: unknown.
    pub fn typed_outputs(&self, call: &str) -> Option<Vec<(String, Type)>> {
        let typed = |name: &str| {
            let kind = self.output_type(call, name).and_then(Type::named);
            (name.to_owned(), kind.unwrap_or(Type::Any))
        };
        Some(self.outputs(call)?.into_iter().map(typed).collect())
    }

    /// Declared type of an output of a call.
    pub fn output_type(&self, call: &str, output: &str) -> Option<&str> {
        self.said
            .get("calls")?
            .get(call)?
            .get("outputs")?
            .get(output)?
            .as_str()
    }
}

/// Names of what a call measures, in the order in which the section declares them.
pub fn measured<'s>(section: &'s Json, call: &str) -> impl Iterator<Item = &'s str> {
    let calls = section.get("calls");
    let declared = calls.and_then(|calls| calls.get(call)?.get("measures")?.as_array());
    let all = declared.into_iter().flatten();
    all.filter_map(|one| one.get("name")?.as_str())
}

/// Why it is no list of measures.
fn broken(measures: &Json) -> Option<String> {
    let Some(all) = measures.as_array() else {
        return Some("are no list of {name, unit, description, kind}".to_owned());
    };
    let mut names = BTreeSet::new();
    for (place, one) in all.iter().enumerate() {
        let text = |key: &str| one.get(key).and_then(Json::as_str);
        let Some(name) = text("name").filter(|name| is_name(name)) else {
            return Some(format!(
                "have no name at {place}: small letters, digits and _"
            ));
        };
        if !names.insert(name) {
            return Some(format!("name `{name}` twice"));
        }
        if text("unit").is_none_or(str::is_empty) {
            return Some(format!("give `{name}` no unit: 1 is that of a count"));
        }
        if let Some(kind) = one.get("kind")
            && !kind.as_str().is_some_and(|kind| KINDS.contains(&kind))
        {
            return Some(format!(
                "make `{name}` a {kind}: it is one of {}",
                KINDS.join(", ")
            ));
        }
    }
    None
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

fn texts(json: Option<&Json>) -> Vec<&str> {
    json.and_then(Json::as_array)
        .map(|all| all.iter().filter_map(Json::as_str).collect())
        .unwrap_or_default()
}
