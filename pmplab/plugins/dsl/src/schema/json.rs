//! JSON Schema, draft 7: what the YAML language server reads best.

use super::{Case, Described, Is, Key, Kind, Ref, find};
use crate::read::exits::TARGETS;
use crate::read::workbook::TYPES;
use crate::yaml;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeSet;

/// Of `script.yaml`.
#[must_use]
pub fn script() -> Json {
    schema("SCRIPT", "A pmplab script")
}

/// Of `config.yaml`.
#[must_use]
pub fn config() -> Json {
    schema("CONFIG", "The config.yaml of a pmplab bundle")
}

/// Of `sim.yaml`.
#[must_use]
pub fn sim() -> Json {
    schema("SIM", "The sim.yaml of a pmplab bundle")
}

fn schema(root: &str, title: &str) -> Json {
    let mut needed = BTreeSet::new();
    collect(root, &mut needed);
    let mut definitions: Map<String, Json> = needed
        .iter()
        .filter_map(|id| find(id))
        .map(|place| (name_of(place.id), map(place)))
        .collect();
    if needed.contains("WORKBOOK") {
        definitions.insert(name_of(FIELD), field());
    }
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": title,
        "allOf": [{"$ref": pointer(root)}],
        "definitions": definitions,
    })
}

/// The maps that can be reached from one.
fn collect(id: &str, needed: &mut BTreeSet<String>) {
    let Some(place) = find(id) else {
        return;
    };
    if needed.insert(id.to_owned()) {
        let own = place.keys.iter().map(|key| &key.kind);
        let then = place.cases.iter().flat_map(|case| case.kinds);
        for kind in own.chain(then.map(|(_, kind)| kind)) {
            within(kind, needed);
        }
    }
}

fn within(kind: &Kind, needed: &mut BTreeSet<String>) {
    match kind {
        Kind::Place(id) => collect(id, needed),
        Kind::Named(inner)
        | Kind::List(inner)
        | Kind::Filled(inner)
        | Kind::Pair(inner)
        | Kind::There(inner)
        | Kind::ListOrNothing(inner) => within(inner, needed),
        Kind::Either(kinds) => kinds.iter().for_each(|kind| within(kind, needed)),
        _ => {}
    }
}

fn name_of(id: &str) -> String {
    id.to_lowercase().replace('_', "-")
}

fn pointer(id: &str) -> String {
    format!("#/definitions/{}", name_of(id))
}

/// A map: its keys, their other spellings, and `x-` keys, which are free.
fn map(place: &Described) -> Json {
    let mut properties = Map::new();
    let mut patterns = Map::new();
    for key in place.keys {
        let value = property(key);
        let spellings = spellings(place, key.name);
        if let Some(pattern) = &spellings {
            patterns.insert(pattern.clone(), value.clone());
        }
        properties.insert(key.name.to_owned(), value);
    }
    patterns.insert("^x-".into(), json!(true));
    let mut out = json!({
        "type": ["object", "null"],
        "description": place.doc,
        "properties": properties,
        "patternProperties": patterns,
        "additionalProperties": place.open,
    });
    let rules = rules(place);
    if !rules.is_empty() {
        out["allOf"] = Json::Array(rules);
    }
    out
}

/// What must be there, and what must not be there together. A null stands for an empty map and lacks everything.
fn rules(place: &Described) -> Vec<Json> {
    let has = |key: &str| {
        let names: Vec<String> = all_names(place, key);
        match &names[..] {
            [name] => json!({"required": [name]}),
            names => {
                json!({"anyOf": names.iter().map(|n| json!({"required": [n]})).collect::<Vec<_>>()})
            }
        }
    };
    let mut rules: Vec<Json> = Vec::new();
    let plain: Vec<&str> = place
        .keys
        .iter()
        .filter(|k| k.required && all_names(place, k.name).len() == 1)
        .map(|k| k.name)
        .collect();
    if !plain.is_empty() {
        rules.push(json!({"type": "object", "required": plain}));
    }
    rules.extend(
        place
            .keys
            .iter()
            .filter(|k| k.required && all_names(place, k.name).len() > 1)
            .map(|k| has(k.name)),
    );
    if !place.one_of.is_empty() {
        rules.push(
            json!({"type": "object", "oneOf": place.one_of.iter().map(|k| has(k)).collect::<Vec<_>>()}),
        );
    }
    if !place.any_of.is_empty() {
        let sets = place
            .any_of
            .iter()
            .map(|set| json!({"allOf": set.iter().map(|k| has(k)).collect::<Vec<_>>()}));
        rules.push(json!({"type": "object", "anyOf": sets.collect::<Vec<_>>()}));
    }
    rules.extend(
        place
            .needs
            .iter()
            .map(|(a, b)| json!({"anyOf": [{"not": has(a)}, has(b)]})),
    );
    rules.extend(
        place
            .exclusive
            .iter()
            .map(|(a, b)| json!({"not": {"allOf": [has(a), has(b)]}})),
    );
    rules.extend(place.cases.iter().map(|case| rule(case, &has)));
    rules
}

/// What holds in a case. What is no map is none of the cases of a key that must be there.
fn rule(case: &Case, has: &dyn Fn(&str) -> Json) -> Json {
    let is = |value: Json| json!({"properties": {case.key: value}});
    let there = |value: Json| json!({"type": "object", "required": [case.key], "properties": {case.key: value}});
    let on = match &case.is {
        Is::Word(words) => there(json!({"enum": words})),
        Is::WordOrNothing(words) => is(json!({"enum": words})),
        Is::Form(pattern) => there(json!({"pattern": pattern})),
        Is::There => json!({"allOf": [{"type": "object"}, has(case.key)]}),
        Is::Absent => json!({"not": {"allOf": [{"type": "object"}, has(case.key)]}}),
    };
    let mut then: Vec<Json> = case.needs.iter().map(|key| has(key)).collect();
    if !case.any.is_empty() {
        then.push(json!({"anyOf": case.any.iter().map(|key| has(key)).collect::<Vec<_>>()}));
    }
    if !then.is_empty() {
        then.push(json!({"type": "object"}));
    }
    then.extend(case.bars.iter().map(|key| json!({"not": has(key)})));
    let kinds = case.kinds.iter();
    then.extend(kinds.map(|(key, kind)| json!({"properties": {*key: value(kind)}})));
    json!({"if": on, "then": {"allOf": then}})
}

const FIELD: &str = "WORKBOOK_FIELD";

/// A type's name, or fields inside.
fn field() -> Json {
    json!({
        "description": "The type of a field, or fields inside of it.",
        "anyOf": [
            {"enum": TYPES},
            {"type": "null"},
            {"type": "object", "additionalProperties": {"$ref": pointer(FIELD)}},
        ],
    })
}

/// All spellings of a key that the parser takes: its aliases, and each with `_` for `-`.
fn all_names(place: &Described, key: &str) -> Vec<String> {
    let mut names = vec![key.to_owned()];
    let aliases = place.place.map_or(&[][..], |p| p.aliases);
    names.extend(
        aliases
            .iter()
            .filter(|(_, k)| *k == key)
            .map(|(alias, _)| (*alias).to_owned()),
    );
    for name in names.clone() {
        if name.contains('-') && !name.starts_with("x-") {
            names.push(name.replace('-', "_"));
        }
    }
    names
}

/// A pattern for the spellings beside the canonical one, which alone is offered by completion.
fn spellings(place: &Described, key: &str) -> Option<String> {
    let mut forms: Vec<String> = all_names(place, key)
        .iter()
        .filter(|name| !name.contains('_') && !name.starts_with("x-"))
        .map(|name| name.replace('-', "[-_]"))
        .collect();
    if all_names(place, key).len() == 1 {
        return None;
    }
    forms.sort();
    Some(format!("^({})$", forms.join("|")))
}

fn property(key: &Key) -> Json {
    let mut out = value(&key.kind);
    out["description"] = key.doc.into();
    let example = yaml::load(key.example, 0).root;
    if let Some(example) = example {
        out["examples"] = json!([crate::build::json::json(&example)]);
    }
    out
}

/// The schema of a value.
fn value(kind: &Kind) -> Json {
    let form = |pattern: &str| json!({"type": "string", "pattern": pattern});
    match kind {
        Kind::Any => json!({}),
        Kind::Text => json!({"type": ["string", "number", "boolean"]}),
        Kind::Name => json!({"type": ["string", "number", "boolean"], "pattern": r"\S"}),
        Kind::Refer(what) => refer(*what),
        Kind::Duration => form(DURATION),
        Kind::DurationOrZero => {
            json!({"anyOf": [form(DURATION), form(r"^\s*0+(\.0+)?(ms|s|m|h)\s*$")]})
        }
        Kind::Rate => form(RATE),
        Kind::RateOrZero => form(&RATE.replace("(?=.*[1-9])", "")),
        Kind::Size => form(r"^\s*[0-9]+(\.[0-9]+)?\s*(B|KB|MB|GB|KiB|MiB|GiB)\s*$"),
        Kind::Share => json!({"anyOf": [
            form(r"^\s*[0-9]+(\.[0-9]+)?\s*%\s*$"), {"type": "number", "minimum": 0, "maximum": 1},
        ]}),
        Kind::Whole(least) => {
            json!({"type": "integer", "minimum": least, "maximum": 1_000_000_000})
        }
        Kind::Number => json!({"type": "number"}),
        Kind::Between(least, most) => {
            json!({"type": "number", "minimum": least, "maximum": most})
        }
        Kind::Boolean => json!({"type": "boolean"}),
        Kind::Word(words) => json!({"enum": words}),
        Kind::Form(pattern) => form(pattern),
        Kind::Template => form(TEMPLATE),
        Kind::Condition => json!({"anyOf": [form(TEMPLATE), {"type": "boolean"}]}),
        Kind::Place(id) => json!({"$ref": pointer(id)}),
        Kind::Holding(keys) => json!({"type": "object", "required": keys}),
        Kind::Field => json!({"$ref": pointer(FIELD)}),
        Kind::There(inner) => json!({"allOf": [value(inner), {"not": {"type": "null"}}]}),
        Kind::Named(inner) => json!({
            "type": ["object", "null"], "additionalProperties": value(inner), "patternProperties": {"^x-": true},
        }),
        Kind::List(inner) => json!({"type": "array", "items": value(inner)}),
        Kind::Filled(inner) => {
            let mut out = value(inner);
            let (kind, least) = match inner {
                Kind::List(_) => ("array", "minItems"),
                _ => ("object", "minProperties"),
            };
            out["type"] = kind.into();
            out[least] = 1.into();
            out
        }
        Kind::Pair(inner) => {
            json!({"type": "array", "items": value(inner), "minItems": 2, "maxItems": 2})
        }
        Kind::ListOrNothing(inner) => json!({"type": ["array", "null"], "items": value(inner)}),
        Kind::Nothing => json!({"type": "null"}),
        Kind::Either(kinds) => {
            json!({"anyOf": kinds.iter().map(value).collect::<Vec<_>>()})
        }
    }
}

const TEMPLATE: &str = r"\{\{[\s\S]*\}\}";
const DURATION: &str = r"^(?=.*[1-9])\s*([0-9]+(\.[0-9]+)?h)?([0-9]+(\.[0-9]+)?m)?([0-9]+(\.[0-9]+)?s)?([0-9]+(\.[0-9]+)?ms)?\s*$";
const RATE: &str =
    r"^(?=.*[1-9])\s*[0-9]+(\.[0-9]+)?\s*(req|users?|calls?|cps|ops?)?\s*/\s*(ms|s|m|h)\s*$";

/// A name: editors offer the built-in ones, the rest is looked up in the script.
fn refer(what: Ref) -> Json {
    let builtin: &[&str] = match what {
        Ref::Target | Ref::Node => &TARGETS,
        Ref::Call => &["log.error", "log.warn", "log.info", "log.debug"],
        _ => &[],
    };
    // A scenario's name stands where a time may stand too, and does not look like one.
    let pattern = match what {
        Ref::Scenario => r"^\s*[^\s0-9-]",
        _ => r"\S",
    };
    let name = json!({"type": ["string", "number", "boolean"], "pattern": pattern});
    let mut out = if builtin.is_empty() {
        name
    } else {
        json!({"anyOf": [{"enum": builtin}, name]})
    };
    out["x-pmplab-ref"] = what.name().into();
    out
}
