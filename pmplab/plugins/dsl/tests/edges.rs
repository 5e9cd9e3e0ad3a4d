//! Forms at the edge of what a key takes, as a table that the tests of the JSON Schema read too: parser and schema agree.

mod common;

use common::Bundle;
use serde_json::Value;

const EDGES: &str = include_str!("../../../../tests/dsl/edges.json");

/// Each part of a script under that name, completed, with what the parser says of it.
fn checked(name: &str) -> Vec<(String, pmplab_dsl::Checked)> {
    let table: Value = serde_json::from_str(EDGES).unwrap();
    let base = table["base"].as_object().unwrap();
    let complete = |part: &str| {
        let mut script = format!("{part}\n");
        for (section, text) in base {
            let begun = |line: &str| line.starts_with(&format!("{section}:"));
            if !part.lines().any(begun) {
                script += text.as_str().unwrap();
            }
        }
        script
    };
    let parts = table[name].as_array().unwrap();
    let one = |part: &Value| {
        let part = part.as_str().unwrap();
        (part.to_owned(), Bundle::of(&complete(part)).check())
    };
    parts.iter().map(one).collect()
}

#[test]
fn what_the_schema_takes_at_the_edges_the_parser_takes() {
    for (part, checked) in checked("right") {
        assert!(checked.ok(), "{part}\n{}", checked.rendered);
    }
}

#[test]
fn what_the_schema_refuses_at_the_edges_the_parser_refuses() {
    for (part, checked) in checked("wrong") {
        assert!(!checked.ok(), "{part}\n{}", checked.rendered);
    }
}
